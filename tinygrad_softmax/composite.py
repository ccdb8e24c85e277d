"""NumPy's functions that need no rule of their own: each is written from the primitives.

Imports the ops. A gradient through any of these is the gradient through its parts, so nothing here
is differentiated by hand. Registered under the NumPy functions they stand for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import DataError, NoRuleError
from .ops.arithmetic import multiply, sqrt
from .ops.indexing import getitem, normalize_index, scatter
from .ops.matrix import einsum, matmul
from .ops.reduction import cumsum, sum
from .ops.selection import larger, smaller, where
from .ops.shaping import astype, concatenate, reshape, transpose
from .primitive import Function, implements
from .shapes import Axis, normalize_axis

# --- reductions -----------------------------------------------------------------------------------


def _count(x: Any, axis: Axis) -> Any:
    return math.prod(x.shape[i] for i in normalize_axis(axis, len(x.shape)))


@implements(np.mean)
def mean(x: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """Sum over `axis`, divided by how many entries that were.

    Examples
    --------
    >>> float(mean(np.array([1.0, 2.0, 6.0])))
    3.0
    """
    return sum(x, axis, dtype, keepdims) / _count(x, axis)


@implements(np.var)
def var(x: Any, axis: Axis = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    """Mean squared distance from the mean; divides by ``count - ddof``."""
    off = x - mean(x, axis, dtype, keepdims=True)
    return sum(off * off, axis, dtype, keepdims) / (_count(x, axis) - ddof)


@implements(np.std)
def std(x: Any, axis: Axis = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    """Square root of the variance."""
    return sqrt(var(x, axis, dtype, ddof, keepdims))


@implements(np.prod)
def prod(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Product over `axis`, multiplied up in halves: right at zeros too, where division is not."""
    axes = normalize_axis(axis, len(x.shape))
    for i in axes:
        before = (slice(None),) * i
        while (n := x.shape[i]) > 1:
            left, right = x[(*before, slice(0, n // 2))], x[(*before, slice(n // 2, n - n % 2))]
            x = left * right if n % 2 == 0 else _concatenate([left * right, x[(*before, slice(n - 1, n))]], i)
    shape = tuple(1 if i in axes else size for i, size in enumerate(x.shape))
    x = x if x.shape == shape else x + np.ones(shape, x.dtype)  # nothing to multiply: the empty product
    return x if keepdims else reshape(x, shape=tuple(s for i, s in enumerate(shape) if i not in axes))


@implements(np.cumsum)
def _cumsum(x: Any, axis: int | None = None) -> Any:
    return cumsum(ravel(x), axis=0) if axis is None else cumsum(x, axis=axis)


@implements(np.clip)
def clip(x: Any, a_min: Any = None, a_max: Any = None) -> Any:
    """`x` limited to [a_min, a_max]; at a bound and beyond, the gradient is 0."""
    x = x if a_min is None else larger(x, a_min)
    return x if a_max is None else smaller(x, a_max)


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Any:
    """Root of the sum of squares: the length of a vector, the Frobenius norm of a matrix."""
    if ord is not None:
        raise NoRuleError(f"np.linalg.norm of a Tensor takes ord=None only, not {ord!r}")
    return sqrt(sum(x * x, axis, keepdims=keepdims))


# --- products -------------------------------------------------------------------------------------


@implements(np.dot)
def dot(x: Any, w: Any) -> Any:
    """NumPy's dot: the matrix product, a scaling if one side is 0-d."""
    if not np.ndim(x) or not np.ndim(w):
        return multiply(x, w)
    return matmul(x, w) if np.ndim(w) <= 2 else tensordot(x, w, (-1, -2))


@implements(np.inner)
def inner(x: Any, y: Any) -> Any:
    """Sum of products over the last axis of both."""
    return tensordot(x, y, (-1, -1)) if np.ndim(x) and np.ndim(y) else multiply(x, y)


@implements(np.outer)
def outer(x: Any, y: Any) -> Any:
    """Every entry of `x` times every entry of `y`."""
    return multiply(reshape(x, shape=(-1, 1)), reshape(y, shape=(1, -1)))


@implements(np.tensordot)
def tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    """Sum of products over `axes` of both, by one matrix product."""
    if isinstance(axes, int):
        axes = (tuple(range(-axes, 0)), tuple(range(axes)))
    x_axes = normalize_axis(axes[0], len(np.shape(x)))
    y_axes = normalize_axis(axes[1], len(np.shape(y)))
    x_rest = tuple(i for i in range(np.ndim(x)) if i not in x_axes)
    y_rest = tuple(i for i in range(np.ndim(y)) if i not in y_axes)
    inner_size = math.prod(np.shape(x)[i] for i in x_axes)
    rows = reshape(transpose(x, x_rest + x_axes), shape=(math.prod(np.shape(x)[i] for i in x_rest), inner_size))
    shape = tuple(np.shape(x)[i] for i in x_rest) + tuple(np.shape(y)[i] for i in y_rest)
    columns = reshape(transpose(y, y_axes + y_rest), shape=(math.prod(np.shape(y)[i] for i in y_axes),
                                                             math.prod(np.shape(y)[i] for i in y_rest)))  # fmt: skip
    return reshape(matmul(rows, columns), shape=shape)


@implements(np.einsum)
def _einsum(subscripts: str, *operands: Any, optimize: Any = False) -> Any:
    """Spell the subscripts out, so that each operand has plain, distinct letters."""
    if not isinstance(subscripts, str):
        raise NoRuleError("np.einsum on a Tensor takes its subscripts as a string, as in 'ij,jk->ik'")
    operands = tuple(x if hasattr(x, "shape") else np.asarray(x) for x in operands)
    spec = subscripts.replace(" ", "")
    inputs, arrow, result = spec.partition("->")
    terms = inputs.split(",")
    letters = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if c not in spec]
    if len(terms) != len(operands):
        raise ValueError(f"einsum {subscripts!r} names {len(terms)} operands but got {len(operands)}")
    extra = [np.ndim(x) - len(term.replace("...", "")) for term, x in zip(terms, operands, strict=True)]
    widest = "".join(letters[: max(extra)])
    terms = [t.replace("...", widest[len(widest) - n :]) for t, n in zip(terms, extra, strict=True)]
    if arrow:
        result = result.replace("...", widest)
    else:
        once = sorted(c for c in set("".join(terms)) - set(widest) if "".join(terms).count(c) == 1)
        result = widest + "".join(once)
    clean = [_distinct(x, term, set(result).union(*terms[:i], *terms[i + 1 :]))
             for i, (x, term) in enumerate(zip(operands, terms, strict=True))]  # fmt: skip
    return einsum(*(x for x, _ in clean), terms=tuple(term for _, term in clean), result=result)


def _distinct(x: Any, term: str, needed: set[str]) -> tuple[Any, str]:
    """Take diagonals of letters that repeat in `term` and sum out those that nobody else names."""
    for letter in dict.fromkeys(term):
        while term.count(letter) > 1:
            i = term.index(letter)
            x = diagonal(x, 0, i, term.index(letter, i + 1))
            term = term.replace(letter, "", 2) + letter
    alone = tuple(i for i, letter in enumerate(term) if letter not in needed)
    return (sum(x, alone), "".join(c for c in term if c in needed)) if alone else (x, term)


@implements(np.trace)
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Sum over the diagonal."""
    return sum(diagonal(x, offset, axis1, axis2), -1)


# --- arrangement ----------------------------------------------------------------------------------


@implements(np.ravel)
def ravel(x: Any) -> Any:
    """All entries along one axis."""
    return reshape(x, shape=(-1,))


@implements(np.squeeze)
def squeeze(x: Any, axis: Axis = None) -> Any:
    """Drop axes of size 1."""
    if axis is None:
        axis = tuple(i for i, size in enumerate(x.shape) if size == 1)
    axes = normalize_axis(axis, len(x.shape))
    if any(x.shape[i] != 1 for i in axes):
        raise ValueError(f"cannot squeeze axis {axis} of shape {x.shape}: its size is not 1")
    return reshape(x, shape=tuple(size for i, size in enumerate(x.shape) if i not in axes))


@implements(np.expand_dims)
def expand_dims(x: Any, axis: Any) -> Any:
    """Put in axes of size 1, at places counted in the result."""
    axes = axis if isinstance(axis, tuple) else (axis,)
    places = normalize_axis(axes, len(x.shape) + len(axes))
    sizes = iter(x.shape)
    return reshape(x, shape=tuple(
        1 if i in places else next(sizes) for i in range(len(x.shape) + len(axes))
    ))  # fmt: skip


@implements(np.swapaxes)
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Exchange two axes."""
    axes = list(range(len(x.shape)))
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return transpose(x, tuple(axes))


@implements(np.moveaxis)
def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Move axes to other places."""
    origin = normalize_axis(source, len(x.shape))
    target = normalize_axis(destination, len(x.shape))
    axes = [i for i in range(len(x.shape)) if i not in origin]
    for place, axis in sorted(zip(target, origin, strict=True)):
        axes.insert(place, axis)
    return transpose(x, tuple(axes))


@implements(np.concatenate)
def _concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    parts = [ravel(x) for x in arrays] if axis is None else list(arrays)
    (place,) = normalize_axis(axis or 0, np.ndim(parts[0]))
    return concatenate(*parts, axis=place, sizes=tuple(np.shape(x)[place] for x in parts))


@implements(np.stack)
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """The arrays side by side along a new axis."""
    arrays = list(arrays)
    if len({np.shape(x) for x in arrays}) > 1:
        raise ValueError(f"stack needs arrays of one shape, got {[np.shape(x) for x in arrays]}")
    return _concatenate([np.expand_dims(x, axis) for x in arrays], axis)


@implements(np.vstack)
def vstack(arrays: Sequence[Any]) -> Any:
    """The arrays one below the other; 1-D arrays become rows."""
    return _concatenate([np.reshape(x, (1, -1)) if np.ndim(x) < 2 else x for x in arrays], 0)


@implements(np.hstack)
def hstack(arrays: Sequence[Any]) -> Any:
    """The arrays one beside the other."""
    parts = [np.reshape(x, (1,)) if not np.ndim(x) else x for x in arrays]
    return _concatenate(parts, 0 if np.ndim(parts[0]) == 1 else 1)


@implements(np.array_split)
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Cut into pieces along `axis`, with NumPy's meaning of the sections."""
    (axis,) = normalize_axis(axis, len(x.shape))
    pieces = np.array_split(np.arange(x.shape[axis]), indices_or_sections)
    starts = [piece[0] if len(piece) else 0 for piece in pieces]
    return [x[(slice(None),) * axis + (slice(start, start + len(piece)),)]
            for start, piece in zip(starts, pieces, strict=True)]  # fmt: skip


@implements(np.split)
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Cut into pieces along `axis`; a number of pieces must divide the size."""
    pieces = array_split(x, indices_or_sections, axis)
    if isinstance(indices_or_sections, int) and len({piece.shape for piece in pieces}) > 1:
        raise ValueError(f"size {x.shape[axis]} does not split into {indices_or_sections} equal parts")
    return pieces


@implements(np.flip)
def flip(x: Any, axis: Axis = None) -> Any:
    """Back to front along `axis`."""
    axes = normalize_axis(axis, len(x.shape))
    return x[tuple(slice(None, None, -1 if i in axes else 1) for i in range(len(x.shape)))]


def _moves(function: Function) -> Function:
    """Make a function that only moves entries differentiable: move their positions, then pick."""

    @implements(function)
    def moved(x: Any, *args: Any, **settings: Any) -> Any:
        places = np.arange(math.prod(x.shape)).reshape(x.shape)
        return getitem(ravel(x), index=function(places, *args, **settings))

    moved.__name__ = function.__name__
    moved.__doc__ = f"``np.{function.__name__}``: every entry is moved or copied, none is changed."
    return moved


roll, repeat, tile, diagonal, take = map(_moves, (np.roll, np.repeat, np.tile, np.diagonal, np.take))
take_along_axis, rot90, _pad_by_copies = map(_moves, (np.take_along_axis, np.rot90, np.pad))


@implements(np.pad)
def pad(x: Any, pad_width: Any, mode: Any = "constant", **settings: Any) -> Any:
    """Surround with constants (0 by default), or with copies of entries."""
    if mode in ("edge", "reflect", "symmetric", "wrap") and not settings:
        return _pad_by_copies(x, pad_width, mode)
    if mode != "constant":
        raise NoRuleError(f"np.pad of a Tensor with mode {mode!r} {settings or ''} has no gradient rule")
    frame = np.pad(np.zeros(x.shape, x.dtype), pad_width, **settings)
    widths = np.broadcast_to(np.asarray(pad_width), (len(x.shape), 2))
    inside = tuple(slice(b, b + n) for (b, _), n in zip(widths.tolist(), x.shape, strict=True))
    return scatter(x, index=inside, into=frame.shape) + frame


@implements(np.sort)
def sort(x: Any, axis: int | None = -1) -> Any:
    """Entries in rising order; equal entries keep their order."""
    if axis is None:
        x, axis = ravel(x), 0
    return take_along_axis(x, np.argsort(x, axis, kind="stable"), axis)


@implements(np.argsort)
def argsort(x: Any, axis: int | None = -1, kind: Any = None) -> Any:
    """The positions that would sort: a plain integer array."""
    return np.argsort(x.array, axis, kind)


@implements(np.tril)
def tril(x: Any, k: int = 0) -> Any:
    """The lower triangle; zeros above it."""
    return where(np.tri(*x.shape[-2:], k=k, dtype=bool), x, 0)


@implements(np.triu)
def triu(x: Any, k: int = 0) -> Any:
    """The upper triangle; zeros below it."""
    return where(np.tri(*x.shape[-2:], k=k - 1, dtype=bool), 0, x)


def index(x: Any, key: Any) -> Any:
    """``x[key]`` with all that NumPy accepts as a key."""
    return getitem(x, index=normalize_index(key))


def cast(x: Any, dtype: Any) -> Any:
    """`x` in another floating-point type.

    Raises
    ------
    DataError
        If the type is not a real floating-point one: a gradient would be lost.
    """
    if np.dtype(dtype).kind != "f":
        raise DataError(f"astype({np.dtype(dtype)}) of a Tensor would lose its gradient: use .data")
    return astype(x, dtype=np.dtype(dtype))
