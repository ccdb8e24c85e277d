"""Products of every kind, by way of the matrix product and einsum.

Imports the ops and `arrangement`.
"""

from __future__ import annotations

import math
import string
from typing import Any

import numpy as np

from ..errors import NoRuleError
from ..ops.arithmetic import multiply
from ..ops.matrix import einsum, matmul
from ..ops.reduction import sum
from ..ops.shaping import reshape, transpose
from ..primitive import implements
from ..shapes import normalize_axis
from .arrangement import diagonal


@implements(np.dot)
def dot(x: Any, w: Any) -> Any:
    """NumPy's dot: the matrix product, a scaling if one side is 0-d."""
    x_ndim, w_ndim = _ndim(x), _ndim(w)
    if not x_ndim or not w_ndim:
        return multiply(x, w)
    return matmul(x, w) if w_ndim <= 2 else tensordot(x, w, (-1, -2))


def _ndim(x: Any) -> int:
    """Return the number of axes; `np.ndim` of a Tensor takes 1.5 us, by way of the protocol."""
    shape = getattr(x, "shape", None)
    return np.ndim(x) if shape is None else len(shape)


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
    rows = _as_matrix(x, x_rest, x_axes)
    columns = _as_matrix(y, y_axes, y_rest)
    return reshape(matmul(rows, columns), shape=_sizes(x, x_rest) + _sizes(y, y_rest))


def _sizes(x: Any, axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(np.shape(x)[i] for i in axes)


def _as_matrix(x: Any, row_axes: tuple[int, ...], column_axes: tuple[int, ...]) -> Any:
    """Run the rows of a matrix over some axes of `x`, its columns over the others."""
    shape = math.prod(_sizes(x, row_axes)), math.prod(_sizes(x, column_axes))
    return reshape(transpose(x, row_axes + column_axes), shape=shape)


@implements(np.einsum)
def _einsum(subscripts: str, *operands: Any, optimize: Any = False) -> Any:
    """Sum of products along named axes, with each operand's letters made plain and distinct."""
    if not isinstance(subscripts, str):
        raise NoRuleError(
            "np.einsum on a Tensor takes its subscripts as a string, as in 'ij,jk->ik'"
        )
    arrays = [x if hasattr(x, "shape") else np.asarray(x) for x in operands]
    terms, result = _spelt_out(subscripts, [np.ndim(x) for x in arrays])
    for i, x in enumerate(arrays):
        needed = set(result).union(*terms[:i], *terms[i + 1 :])
        arrays[i], terms[i] = _distinct(x, terms[i], needed)
    return einsum(*arrays, terms=tuple(terms), result=result)


def _spelt_out(subscripts: str, ndims: list[int]) -> tuple[list[str], str]:
    """Return the letters of each operand and of the result, with no ellipsis and nothing implied.

    Examples
    --------
    >>> _spelt_out("...i,i", [2, 1])
    (['Ai', 'i'], 'A')
    """
    spec = subscripts.replace(" ", "")
    inputs, arrow, result = spec.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"einsum {subscripts!r} names {len(terms)} operands but got {len(ndims)}")
    extra = [n - len(term.replace("...", "")) for term, n in zip(terms, ndims, strict=True)]
    widest = "".join(c for c in string.ascii_uppercase + string.ascii_lowercase if c not in spec)
    widest = widest[: max(extra)]
    terms = [t.replace("...", widest[len(widest) - n :]) for t, n in zip(terms, extra, strict=True)]
    if arrow:
        return terms, result.replace("...", widest)
    letters = "".join(terms)
    once = sorted(c for c in set(letters) - set(widest) if letters.count(c) == 1)
    return terms, widest + "".join(once)


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
