"""The same entries in another arrangement: reshaping, turning, joining, cutting, padding.

What only moves or copies entries needs no rule: NumPy is given their positions, and wherever it
puts them, the entries are picked from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.dispatch import refuse_tensors
from ..core.errors import DataError, NoRuleError
from ..core.op import NUMPY, Function, implements, primitive
from ..core.shapes import Axis, Shape, broadcast, normalize_axis
from ..core.tape import Value, is_symbolic
from ..core.tensor import _astype
from .choices import where
from .elementwise import astype, positive
from .indexing import getitem, scatter


def reshaped(x: Shape, shape: Any) -> Shape:
    """Return `shape` with its -1, if there is one, worked out from the number of entries."""
    shape = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    known = math.prod(size for size in shape if size != -1)
    return tuple(math.prod(x) // known if size == -1 else size for size in shape)


@primitive(shape=reshaped, moves_entries=True, numpy_text="x.reshape(*shape)")
def reshape(x: Any, *, shape: Any) -> Any:
    """The entries of `x`, in order, in another shape."""
    return np.reshape(x, shape)


@reshape.grad("x")
def _(g: Any, shape: Shape) -> Any:
    """The entries are those of `x`, so `g` is given the shape of `x`."""
    return g.reshape(shape)


def permuted(x: Shape, axes: Any = None) -> Shape:
    """Return the shape with its axes in another order (reversed if None)."""
    return x[::-1] if axes is None else tuple(x[axis] for axis in axes)


def _transpose_text(axes: Any) -> str:
    """Return how a reordering of axes is written: a reversal is ``x.T``."""
    ndim = len(axes or ())
    reverse = axes is None or [axis % ndim for axis in axes] == [*range(ndim)][::-1]
    return "x.T" if reverse else "np.transpose(x, axes)"


@primitive(shape=permuted, moves_entries=True, numpy_text=_transpose_text)
def transpose(x: Any, axes: Any = None) -> Any:
    """The axes of `x` in another order (reversed if `axes` is None)."""
    return np.transpose(x, axes)


@transpose.grad("x")
def _(g: Any, axes: Any) -> Any:
    """The axes of `g` are put back in the order they have in `x`."""
    if axes is None:
        return np.transpose(g)
    ndim = len(axes)
    return np.transpose(g, sorted(range(ndim), key=lambda i: axes[i] % ndim))


@primitive(
    shape=lambda x, shape: broadcast(x, tuple(shape)), moves_entries=True, latex="#1",
    numpy_text="np.broadcast_to(x, shape)",
)  # fmt: skip
def broadcast_to(x: Any, *, shape: Any) -> Any:
    """`x` repeated along the axes where it has size 1, to `shape`."""
    return np.broadcast_to(x, shape)


@broadcast_to.grad("x")
def _(g: Any) -> Any:
    """Every copy of an entry of `x` counts, so `g` is summed over the copies."""
    return g


def _joined_shape(*arrays: Shape, axis: int, sizes: Any) -> Shape:
    return (*arrays[0][:axis], sum(sizes), *arrays[0][axis + 1 :])


@primitive(shape=_joined_shape, numpy_text="np.concatenate(arrays, axis=axis)")
def concatenate(*arrays: Any, axis: int, sizes: tuple[int, ...]) -> Any:
    """The arrays one after the other along `axis`, where they have these `sizes`."""
    return np.concatenate(arrays, axis)


@concatenate.grad("arrays")
def _(g: Any, axis: int, sizes: tuple[int, ...], position: int) -> Any:
    """Each array takes the part of `g` that stands where the array was put."""
    start = sum(sizes[:position])
    return g[(slice(None),) * axis + (slice(start, start + sizes[position]),)]


# --- the axes ---

implements(np.shape)(lambda a: a.shape)
implements(np.ndim)(lambda a: len(a.shape))
implements(np.size)(
    lambda a, axis=None: math.prod(a.shape[i] for i in normalize_axis(axis, len(a.shape)))
)


@implements(np.reshape)
def _reshape(a: Any, shape: Any = None, order: str = "C", *, newshape: Any = None,
             copy: Any = None) -> Any:  # fmt: skip
    sizes = newshape if shape is None else shape
    if order in ("F", "A") and (order == "F" or _is_fortran(a)):
        wanted = reshaped(a.shape, sizes)
        return transpose(reshape(transpose(a), shape=wanted[::-1]))
    if order not in ("C", "A", None):
        raise ValueError(f"order must be one of 'C', 'F' or 'A' (got {order!r})")
    return reshape(a, shape=sizes)


def _is_fortran(x: Any) -> bool:
    return not is_symbolic(x) and bool(x.array.flags.fnc)


@implements(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    """All entries along one axis."""
    if order == "K" and not is_symbolic(a):  # as they lie in memory, but for negative strides
        strides = a.array.strides
        a = transpose(a, tuple(sorted(range(len(strides)), key=lambda i: -abs(strides[i]))))
    return _reshape(a, (-1,), "C" if order == "K" else order)


@implements(np.transpose)
def _transpose(a: Any, axes: Any = None) -> Any:
    return transpose(a, axes if axes is None else normalize_axis(axes, len(a.shape)))


@implements(np.broadcast_to)
def _broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    return broadcast_to(array, shape=shape if np.ndim(shape) else (shape,))


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    """The arrays repeated to the shape that they broadcast to."""
    shape = broadcast(*map(np.shape, args))
    return tuple(broadcast_to(x, shape=shape) for x in args)


@implements(np.squeeze)
def squeeze(a: Any, axis: Axis = None) -> Any:
    """Drop axes of size 1."""
    if axis is None:
        axis = tuple(i for i, size in enumerate(a.shape) if size == 1)
    axes = normalize_axis(axis, len(a.shape))
    if any(a.shape[i] != 1 for i in axes):
        raise ValueError(f"cannot squeeze axis {axis} of shape {a.shape}: its size is not 1")
    return reshape(a, shape=tuple(size for i, size in enumerate(a.shape) if i not in axes))


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    """Put in axes of size 1, at places counted in the result."""
    axes = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    places = normalize_axis(axes, np.ndim(a) + len(axes))
    sizes = iter(np.shape(a))
    ndim = np.ndim(a) + len(axes)
    return reshape(a, shape=tuple(1 if i in places else next(sizes) for i in range(ndim)))


@implements(np.swapaxes)
def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    """Exchange two axes."""
    axes = list(range(len(a.shape)))
    (i,), (j,) = normalize_axis(axis1, len(axes)), normalize_axis(axis2, len(axes))
    axes[i], axes[j] = j, i
    return transpose(a, tuple(axes))


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any) -> Any:
    """The last two axes exchanged."""
    return swapaxes(x, -1, -2)


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """Move axes to other places."""
    origin = normalize_axis(source, len(a.shape))
    target = normalize_axis(destination, len(a.shape))
    if len(origin) != len(target):
        raise ValueError("`source` and `destination` arguments must have the same number of axes")
    axes = [i for i in range(len(a.shape)) if i not in origin]
    for place, axis in sorted(zip(target, origin, strict=True)):
        axes.insert(place, axis)
    return transpose(a, tuple(axes))


@implements(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """Move an axis back until it stands before `start`."""
    (axis,) = normalize_axis(axis, a.ndim)
    start = start + a.ndim if start < 0 else start
    return moveaxis(a, axis, start - (axis < start))


def _at_least(function: Function, ndim: int) -> Function:
    """Make one of NumPy's three: an array in, an array out; several in, a tuple out."""

    @implements(function)
    def stretched(*arys: Any) -> Any:
        found = []
        for x in arys:
            size = len(np.shape(x))
            if ndim == 3 and size in (1, 2):
                shape = (1, *np.shape(x), 1) if size == 1 else (*np.shape(x), 1)
            else:
                shape = (1,) * (ndim - size) + tuple(np.shape(x))
            found.append(x if size >= ndim else reshape(x, shape=shape))
        return found[0] if len(found) == 1 else tuple(found)

    return stretched


atleast_1d, atleast_2d, atleast_3d = map(
    _at_least, (np.atleast_1d, np.atleast_2d, np.atleast_3d), (1, 2, 3)
)


# --- joining ---


@implements(np.concatenate)
def joined(arrays: Sequence[Any], axis: int | None = 0, *, dtype: Any = None) -> Any:
    """The arrays one after the other along `axis`; all entries in a row if None."""
    if dtype is not None:
        arrays = [cast(x, dtype) if isinstance(x, Value) else np.asarray(x, dtype) for x in arrays]
    parts = [np.ravel(x) for x in arrays] if axis is None else list(arrays)
    if not parts or any(not len(np.shape(x)) for x in parts):
        raise ValueError(
            "concatenate needs at least one array, and none that is 0-d: use np.stack for scalars"
        )
    (place,) = normalize_axis(axis or 0, len(np.shape(parts[0])))
    return concatenate(*parts, axis=place, sizes=tuple(np.shape(x)[place] for x in parts))


@implements(np.stack)
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """The arrays side by side along a new axis."""
    arrays = list(arrays)
    if len({np.shape(x) for x in arrays}) > 1:
        raise ValueError(f"stack needs arrays of one shape, got {[np.shape(x) for x in arrays]}")
    return joined([np.expand_dims(x, axis) for x in arrays], axis)


@implements(np.vstack)
def vstack(tup: Sequence[Any]) -> Any:
    """The arrays one below the other; 1-D arrays become rows."""
    return joined([np.atleast_2d(x) for x in tup], 0)


@implements(np.hstack)
def hstack(tup: Sequence[Any]) -> Any:
    """The arrays one beside the other."""
    parts = [np.atleast_1d(x) for x in tup]
    return joined(parts, 0 if len(np.shape(parts[0])) == 1 else 1)


@implements(np.dstack)
def dstack(tup: Sequence[Any]) -> Any:
    """The arrays one behind the other, along the third axis."""
    return joined([np.atleast_3d(x) for x in tup], 2)


@implements(np.column_stack)
def column_stack(tup: Sequence[Any]) -> Any:
    """The arrays one beside the other; 1-D arrays become columns."""
    return joined([np.reshape(x, (-1, 1)) if len(np.shape(x)) < 2 else x for x in tup], 1)


@implements(np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """`arr`, then `values`, along `axis` (all entries in a row if None)."""
    return joined([arr, values], axis)


@implements(np.block)
def block(arrays: Any) -> Any:
    """Put nested lists of blocks together: the innermost along the last axis."""

    def depth(part: Any) -> int:
        if not isinstance(part, list):
            return 0
        inner = {*map(depth, part)}
        if len(inner) != 1:
            raise ValueError(
                "block needs lists that are nested equally deep, and none of them empty"
            )
        return 1 + inner.pop()

    def leaves(part: Any) -> list[Any]:
        return [x for p in part for x in leaves(p)] if isinstance(part, list) else [part]

    levels = depth(arrays)
    ndim = max(levels, *(len(np.shape(x)) for x in leaves(arrays)), 0)

    def put(part: Any, level: int) -> Any:
        if isinstance(part, list):
            return joined([put(p, level + 1) for p in part], ndim - levels + level)
        return np.reshape(part, (1,) * (ndim - len(np.shape(part))) + tuple(np.shape(part)))

    return put(arrays, 0)


# --- cutting ---


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Cut into pieces along `axis`, with NumPy's meaning of the sections."""
    refuse_tensors(np.array_split, indices_or_sections=indices_or_sections)
    (axis,) = normalize_axis(axis, len(ary.shape))
    pieces = np.array_split(np.arange(ary.shape[axis]), indices_or_sections)
    before = (slice(None),) * axis
    starts = [piece[0] if len(piece) else 0 for piece in pieces]
    ends = [start + len(piece) for start, piece in zip(starts, pieces, strict=True)]
    return [ary[(*before, slice(*span))] for span in zip(starts, ends, strict=True)]


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Cut into pieces along `axis`; a number of pieces must divide the size."""
    refuse_tensors(np.split, indices_or_sections=indices_or_sections)
    pieces = array_split(ary, indices_or_sections, axis)
    if np.ndim(indices_or_sections) == 0 and len({piece.shape for piece in pieces}) > 1:
        raise ValueError(
            f"size {ary.shape[axis]} does not split into {indices_or_sections} equal parts"
        )
    return pieces


@implements(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Cut along the second axis, along the first if there is no other."""
    return split(ary, indices_or_sections, 1 if ary.ndim > 1 else 0)


@implements(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Cut along the first axis."""
    return _split_along(ary, indices_or_sections, 0, 2)


@implements(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Cut along the third axis."""
    return _split_along(ary, indices_or_sections, 2, 3)


def _split_along(ary: Any, sections: Any, axis: int, at_least: int) -> list[Any]:
    if ary.ndim < at_least:
        raise ValueError(f"this split needs {at_least} axes or more, got shape {ary.shape}")
    return split(ary, sections, axis)


if hasattr(np, "unstack"):  # NumPy 2.1

    @implements(np.unstack)
    def unstack(x: Any, *, axis: int = 0) -> Any:
        """The slices along `axis`, as a tuple."""
        return tuple(moveaxis(x, axis, 0))


# --- moving entries ---


@implements(np.flip)
def flip(m: Any, axis: Axis = None) -> Any:
    """Back to front along `axis`."""
    axes = normalize_axis(axis, len(m.shape))
    return getitem(
        m, index=tuple(slice(None, None, -1 if i in axes else 1) for i in range(len(m.shape)))
    )


@implements(np.fliplr)
def fliplr(m: Any) -> Any:
    """Back to front along the second axis."""
    return flip(m, 1)


@implements(np.flipud)
def flipud(m: Any) -> Any:
    """Back to front along the first axis."""
    return flip(m, 0)


def _moves(function: Any) -> Function:
    """Make a function that only moves entries differentiable: move their positions, then pick."""

    @implements(function)
    def moved(x: Any, **settings: Any) -> Any:
        refuse_tensors(function, **settings)
        places = np.arange(math.prod(x.shape)).reshape(x.shape)
        index = function(places, **settings)
        if index.size and not places.size:  # np.resize fills up with zeros
            nowhere = (np.empty(0, int),) * index.ndim
            return scatter(ravel(x), index=nowhere, into=index.shape)
        return getitem(ravel(x), index=index)

    moved.__name__ = function.__name__
    moved.__doc__ = f"``np.{function.__name__}``: every entry is moved or copied, none is changed."
    return moved


(roll, repeat, tile, diagonal, take, rot90, resize, delete, _pad_by_copies, _windows) = map(
    _moves, (np.roll, np.repeat, np.tile, np.diagonal, np.take, np.rot90, np.resize, np.delete,
             np.pad, np.lib.stride_tricks.sliding_window_view)
)  # fmt: skip
NUMPY[np.linalg.diagonal] = lambda x, *, offset=0: diagonal(x, offset=offset, axis1=-2, axis2=-1)


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    """The entries at `indices` along `axis`, each in its own row."""
    refuse_tensors(np.take_along_axis, indices=indices)
    places = np.arange(math.prod(arr.shape)).reshape(arr.shape)
    return getitem(ravel(arr), index=np.take_along_axis(places, indices, axis))


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **settings: Any) -> Any:
    """Surround with constants (0 by default), or with copies of entries."""
    if mode in ("edge", "reflect", "symmetric", "wrap") and not settings:
        return _pad_by_copies(array, pad_width=pad_width, mode=mode)
    if mode != "constant":
        raise NoRuleError(
            f"np.pad of a Tensor with mode {mode!r} {settings or ''} has no gradient rule"
        )
    frame = np.pad(np.zeros(array.shape, array.dtype), pad_width, **settings)
    widths = pad_width
    if isinstance(pad_width, dict):  # NumPy 2.2: widths by axis
        rows = {axis % array.ndim: pad_width[axis] for axis in pad_width}
        widths = [np.broadcast_to(rows.get(i, 0), 2) for i in range(array.ndim)]
    before = np.broadcast_to(np.asarray(widths), (len(array.shape), 2))[:, 0].tolist()
    inside = tuple(slice(b, b + n) for b, n in zip(before, array.shape, strict=True))
    return scatter(array, index=inside, into=frame.shape) + frame


# --- diagonals and triangles ---


@implements(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    """The diagonal of a matrix, or the matrix with this diagonal."""
    if v.ndim == 2:
        return diagonal(v, offset=k)
    if v.ndim != 1:
        raise ValueError(f"diag needs 1-D or 2-D input, got shape {v.shape}")
    n = v.shape[0] + abs(k)
    rows = np.arange(v.shape[0]) + max(-k, 0)
    return scatter(v, index=(rows, rows + k), into=(n, n))


@implements(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    """The matrix with all entries of `v` on its diagonal."""
    return diag(ravel(v), k)


def _triangle(x: Any, k: int) -> Any:
    """Return the mask of the lower triangle of the last two axes (of rows, if there is one)."""
    if not x.shape:
        raise TypeError("a triangle needs an array with one axis or more, not a 0-d one")
    size = x.shape[-2:]
    return np.tri(size[0], size[-1], k, bool)


@implements(np.tril)
def tril(m: Any, k: int = 0) -> Any:
    """The lower triangle; zeros above it."""
    return where(_triangle(m, k), m, 0)


@implements(np.triu)
def triu(m: Any, k: int = 0) -> Any:
    """The upper triangle; zeros below it."""
    return where(_triangle(m, k - 1), 0, m)


# --- making ---


@implements(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """The same values, as a tensor of its own."""
    return positive(a)


@implements(np.full_like)
def full_like(a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True,
              shape: Any = None) -> Any:  # fmt: skip
    """An array of the shape and type of `a`, filled with a value that may have a gradient."""
    sizes = np.shape(a) if shape is None else shape
    if not hasattr(fill_value, "apply"):
        like = np.broadcast_to(np.zeros((), a.dtype), np.shape(a))
        return np.full_like(like, fill_value, dtype, "C", subok, sizes)
    kind = np.dtype(getattr(a, "dtype", float) if dtype is None else dtype)
    filled = fill_value if fill_value.dtype == kind else cast(fill_value, kind)
    return broadcast_to(filled, shape=sizes)


@implements(_astype)
def cast(x: Any, dtype: Any) -> Any:
    """`x` in another floating-point type."""
    if np.dtype(dtype).kind != "f":
        raise DataError(f"astype({np.dtype(dtype)}) of a Tensor would lose its gradient: use .data")
    return astype(x, dtype=np.dtype(dtype))


if hasattr(np, "astype"):  # NumPy 2.1
    implements(np.astype)(lambda x, dtype, /, *, copy=True, device=None: cast(x, dtype))
