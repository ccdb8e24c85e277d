"""Picking entries, and its mirror image: putting them back.

Everything that NumPy accepts between square brackets works; the gradient of a pick is a scatter,
and the gradient of a scatter is a pick.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.op import implements, primitive
from ..core.shapes import Shape, picked
from ..core.sparse import SparseGradient
from ..core.tape import Value
from ..core.tensor import _getitem


@primitive(shape=picked, moves_entries=True, noun="picked", numpy_text="x[index]")
def getitem(x: Any, *, index: Any) -> Any:
    """The entries of `x` at `index`."""
    return x[index]


@getitem.grad("x")
def _(g: Any, index: Any, shape: Shape) -> Any:
    """Only the picked entries of `x` moved the result: `g` goes back there, 0 elsewhere."""
    few = SparseGradient.of(g, index, shape)
    if few is not None and meets_once(index):
        return few
    if g.__class__ is np.ndarray:
        return scatter.forward(g, index=index, into=shape)
    return scatter(g, index=index, into=shape)


@primitive(shape=lambda x, index, into: into, noun="placed")
def scatter(x: Any, *, index: Any, into: Shape) -> Any:
    """Zeros of shape `into` with `x` at `index`; entries meeting at one place add up."""
    out = np.zeros(into, x.dtype if x.__class__ is np.ndarray else getattr(x, "dtype", float))
    if meets_once(index):
        out[index] = x
    else:
        np.add.at(out, index, x)
    return out


@scatter.grad("x")
def _(g: Any, index: Any) -> Any:
    """Each entry of `x` went to its place at `index`, and takes the gradient from there."""
    return g[index] if len(g.shape) else getitem(g, index=index)


def meets_once(index: Any) -> bool:
    """Whether `index` surely names no place twice, so that assigning is as good as adding.

    Slices, integers and masks never do; integer arrays do not if one of them strictly rises or
    falls without changing sign, as the row numbers in ``probs[range(N), y]``.
    """
    parts = index if isinstance(index, tuple) else (index,)
    if any(id(part) in _RISING for part in parts):
        return all(getattr(part, "ndim", 0) <= 1 for part in parts)
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    if all(array.ndim <= 1 for array in arrays) and any(map(_strictly_monotone, arrays)):
        return True
    if all(array.dtype == bool for array in arrays):
        return len(arrays) <= 1
    return all(array.size <= 1 for array in arrays)


def _strictly_monotone(array: Any) -> bool:
    # an array of one entry says nothing: it is stretched to the length of the others
    if array.size < 2 or array.dtype == bool:
        return False
    first, last = array.item(0), array.item(-1)
    if (first < 0) != (last < 0):
        return False
    step = array[1:] > array[:-1] if last > first else array[1:] < array[:-1]
    return bool(np.count_nonzero(step) == step.size)  # `step.all()` takes twice as long


#: Ranges that have been counted out, by range and by the array's identity.
_COUNTED: dict[range, Any] = {}
_RISING: dict[int, Any] = {}


def _counted(numbers: range) -> Any:
    array = _COUNTED.get(numbers)
    if array is None:
        if len(_COUNTED) == 64:
            _COUNTED.clear()
            _RISING.clear()
        array = _COUNTED[numbers] = np.arange(numbers.start, numbers.stop, numbers.step)
        array.flags.writeable = False  # it is shared by every caller
        if _strictly_monotone(array):
            _RISING[id(array)] = array
    return array


def normalize_index(index: Any) -> Any:
    """Return `index` with lists and ranges as arrays, so that it is read only once.

    NumPy converts ``range(N)`` through N Python integers; ``arange`` avoids them.
    """
    if isinstance(index, tuple):
        return tuple(map(normalize_index, index))
    if isinstance(index, range):
        return _counted(index)
    if isinstance(index, list):
        return np.asarray(index) if index else np.empty(0, int)
    return index


@implements(_getitem)
def index(x: Any, key: Any) -> Any:
    """``x[key]`` with all that NumPy accepts as a key."""
    settings = {"index": normalize_index(key)}
    return x.apply(getitem, (x,), settings) if isinstance(x, Value) else getitem(x, **settings)
