"""Products of every kind, and linear algebra.

`matmul`, `einsum` and four factorisations have rules; everything else is written from them.
"""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from functools import lru_cache
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from ..core.dispatch import refuse_tensors
from ..core.errors import NoRuleError, ShapeError
from ..core.op import implements, primitive
from ..core.shapes import Axis, Shape, broadcast, normalize_axis, product
from ..core.tape import Value, is_symbolic
from .choices import where
from .elementwise import absolute, multiply, sqrt
from .reductions import max as max_
from .reductions import min as min_
from .reductions import sum as sum_
from .shaping import diagonal, moveaxis, reshape, transpose


def _turned(x: Any) -> Any:
    """Exchange the last two axes."""
    return x.T if len(x.shape) == 2 else np.swapaxes(x, -1, -2)


@primitive(numpy=np.matmul, shape=product, symbol="@", noun="product")
def matmul(x: Any, w: Any) -> Any:
    """Entry (i, k) is row i of `x` times column k of `w`, summed."""
    return np.matmul(x, w)


@matmul.grad("x")
def _(g: Any, w: Any, shape: Shape) -> Any:
    """`x[i, d]` is multiplied by `w[d, k]` for every k: the sum over k of `g[i, k] * w[d, k]`."""
    if len(w.shape) == 1:
        return np.expand_dims(g, -1) * w
    if len(shape) == 1:
        return w @ g if len(w.shape) == 2 else (w @ g[..., None])[..., 0]
    return g @ _turned(w)


@matmul.grad("w")
def _(g: Any, x: Any, shape: Shape) -> Any:
    """`w[d, k]` is multiplied by `x[i, d]` for every i: the sum over i of `x[i, d] * g[i, k]`."""
    if len(x.shape) == 1:
        return x * g if len(shape) == 1 else x[:, None] * g[..., None, :]
    if len(shape) == 1:
        return x.T @ g if len(x.shape) == 2 else (_turned(x) @ g[..., None])[..., 0]
    if len(x.shape) > 2 and len(shape) == 2 and 0 not in shape:  # one product, not a stack's sum
        return x.reshape((-1, x.shape[-1])).T @ g.reshape((-1, g.shape[-1]))
    if g.__class__ is np.ndarray and len(x.shape) == 2 == len(shape) and 16 * shape[1] <= shape[0]:
        # The same from the other side, for OpenBLAS is slow if `g` has few columns: 0.60 ms instead
        # of 0.99 at 500x3073x10, and 14.6 instead of 18.2 at 60000x784x10.
        return np.ascontiguousarray((g.T @ x).T)
    return _turned(x) @ g


def _summed_shape(*operands: Shape, terms: tuple[str, ...], result: str) -> Shape:
    """Return the shape of an einsum whose subscripts are spelt out."""
    sizes: dict[str, Shape] = {}
    for term, shape in zip(terms, operands, strict=True):
        for letter, size in zip(term, shape, strict=True):
            sizes[letter] = broadcast(sizes.get(letter, ()), (size,))
    return tuple(sizes[letter][0] for letter in result)


@primitive(
    shape=_summed_shape,
    numpy_text=lambda terms, result: f"np.einsum('{','.join(terms)}->{result}', *operands)",
)
def einsum(*operands: Any, terms: tuple[str, ...], result: str) -> Any:
    """Multiply the operands along shared letters and sum over those that `result` lacks."""
    return np.einsum(f"{','.join(terms)}->{result}", *operands)


@einsum.grad("operands")
def _(g: Any, operands: Any, terms: tuple[str, ...], result: str, position: int) -> Any:
    """The sum of `g` times the other operands' entries, over all products that have the entry."""
    others = [i for i in range(len(terms)) if i != position]
    spec = ",".join([result, *(terms[i] for i in others)])
    return np.einsum(f"{spec}->{terms[position]}", g, *(operands[i] for i in others))


# --- products ---


@implements(np.dot)
def dot(a: Any, b: Any) -> Any:
    """NumPy's dot: the matrix product, a scaling if one side is 0-d."""
    a_ndim, b_ndim = _ndim(a), _ndim(b)
    if not a_ndim or not b_ndim:
        return multiply(_as_0d(a), _as_0d(b))
    if b_ndim > 2:
        return tensordot(a, b, (-1, -2))
    value = b if isinstance(b, Value) else a
    return value.apply(matmul, (a, b), {}) if isinstance(value, Value) else matmul(a, b)


def _as_0d(x: Any) -> Any:
    """Return a Python number as an array: `np.dot` takes its type into account."""
    return np.asarray(x) if isinstance(x, (bool, int, float)) else x


def _ndim(x: Any) -> int:
    """Return the number of axes; `np.ndim` of a Tensor takes 1.5 us in dispatch."""
    if x.__class__ is np.ndarray:
        return x.ndim
    shape = getattr(x, "shape", None)
    return np.ndim(x) if shape is None else len(shape)


@implements(np.inner)
def inner(a: Any, b: Any) -> Any:
    """Sum of products over the last axis of both."""
    return tensordot(a, b, (-1, -1)) if np.ndim(a) and np.ndim(b) else dot(a, b)


@implements(np.vdot)
def vdot(a: Any, b: Any) -> Any:
    """Sum of products over all entries."""
    return matmul(np.ravel(a), np.ravel(b))


@implements(np.linalg.outer)
def _outer(x1: Any, x2: Any, /) -> Any:
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ValueError(
            f"Input arrays must be one-dimensional, but they are x1.ndim={np.ndim(x1)} and "
            f"x2.ndim={np.ndim(x2)}."
        )
    return outer(x1, x2)


@implements(np.outer)
def outer(a: Any, b: Any) -> Any:
    """Every entry of `a` times every entry of `b`."""
    return multiply(reshape(a, shape=(-1, 1)), reshape(b, shape=(1, -1)))


@implements(np.vecdot)
def vecdot(x1: Any, x2: Any) -> Any:
    """Sum of products over the last axis, with broadcasting of the others."""
    _need_equal("vecdot", np.shape(x1)[-1:], np.shape(x2)[-1:])
    return sum_(multiply(x1, x2), -1)


@implements(np.linalg.vecdot)
def _vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return vecdot(np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1))


def _need_equal(name: str, one: Shape, other: Shape) -> None:
    """Refuse products over axes of different sizes, 1 included."""
    if one != other:
        raise ShapeError(f"{name}: the sizes {one} and {other} that are summed over must agree")


@implements(np.linalg.matmul)
def _matmul(x1: Any, x2: Any, /) -> Any:
    return matmul(x1, x2)


if hasattr(np, "matvec"):  # NumPy 2.2
    implements(np.matvec)(lambda x, v: matmul(x, np.expand_dims(v, -1))[..., 0])
    implements(np.vecmat)(lambda v, x: matmul(np.expand_dims(v, -2), x)[..., 0, :])


@implements(np.tensordot, np.linalg.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Sum of products over `axes` of both, by one matrix product."""
    if not np.iterable(axes):
        axes = (tuple(range(-int(axes), 0)), tuple(range(int(axes))))
    a_axes = normalize_axis(axes[0], len(np.shape(a)))
    b_axes = normalize_axis(axes[1], len(np.shape(b)))
    _need_equal("tensordot", _sizes(a, a_axes), _sizes(b, b_axes))
    a_rest = tuple(i for i in range(np.ndim(a)) if i not in a_axes)
    b_rest = tuple(i for i in range(np.ndim(b)) if i not in b_axes)
    rows = _as_matrix(a, a_rest, a_axes)
    columns = _as_matrix(b, b_axes, b_rest)
    return reshape(matmul(rows, columns), shape=_sizes(a, a_rest) + _sizes(b, b_rest))


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
    """Return the letters of each operand and of the result, none implied."""
    spec = subscripts.replace(" ", "")
    inputs, arrow, result = spec.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"einsum {subscripts!r} names {len(terms)} operands but got {len(ndims)}")
    extra = [n - len(term.replace("...", "")) for term, n in zip(terms, ndims, strict=True)]
    widest = "".join(c for c in string.ascii_uppercase + string.ascii_lowercase if c not in spec)
    widest = widest[: max(extra)]
    terms = [t.replace("...", widest[len(widest) - n :]) for t, n in zip(terms, extra, strict=True)]
    if widest and arrow and "..." not in result:
        raise ValueError(f"einsum {subscripts!r}: the result lacks the operands' ellipsis")
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
            j = term.index(letter, i + 1)
            _need_equal(
                f"einsum, {letter!r} twice in one operand", x.shape[i : i + 1], x.shape[j : j + 1]
            )
            x = diagonal(x, axis1=i, axis2=j)
            term = term.replace(letter, "", 2) + letter
    alone = tuple(i for i, letter in enumerate(term) if letter not in needed)
    return (sum_(x, alone), "".join(c for c in term if c in needed)) if alone else (x, term)


@implements(np.trace)
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Any:
    """Sum over the diagonal."""
    return sum_(diagonal(a, offset=offset, axis1=axis1, axis2=axis2), -1, dtype)


@implements(np.linalg.trace)
def _trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    return trace(x, offset, -2, -1, dtype)


@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    """Every entry of `a` replaced by `b` scaled with it."""
    ndim = max(np.ndim(a), np.ndim(b))
    a_shape = (1,) * (ndim - np.ndim(a)) + tuple(np.shape(a))
    b_shape = (1,) * (ndim - np.ndim(b)) + tuple(np.shape(b))
    apart = multiply(
        np.reshape(a, tuple(n for size in a_shape for n in (size, 1))),
        np.reshape(b, tuple(n for size in b_shape for n in (1, size))),
    )
    return np.reshape(apart, tuple(p * q for p, q in zip(a_shape, b_shape, strict=True)))


@implements(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1,
          axis: int | None = None) -> Any:  # fmt: skip
    """The vector at right angles to both, in three dimensions."""
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis,) * 3
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    for vectors in (a, b):
        _need_equal("np.cross takes vectors of 3", vectors.shape[-1:], (3,))
    ahead, behind = [1, 2, 0], [2, 0, 1]
    found = a[..., ahead] * b[..., behind] - a[..., behind] * b[..., ahead]
    return moveaxis(found, -1, axisc)


@implements(np.linalg.cross)
def _cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return cross(x1, x2, axis=axis)


def _halved(x: Any) -> Any:
    """Return the lower triangle, its diagonal halved."""
    return (np.tril(x) + np.tril(x, -1)) / 2


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """Sums of products as one 1-D array passes the other, turned round."""
    a, v = np.atleast_1d(a), np.atleast_1d(v)
    if a.ndim != 1 or v.ndim != 1 or not a.shape[0] or not v.shape[0]:
        raise ValueError(f"convolve needs two 1-D arrays with entries, got {a.shape}, {v.shape}")
    a, v = (v, a) if v.shape[0] > a.shape[0] else (a, v)
    n, m = a.shape[0], v.shape[0]
    full = np.lib.stride_tricks.sliding_window_view(np.pad(a, m - 1), m) @ np.flip(v)
    if mode == "full":
        return full
    if mode not in ("same", "valid"):
        raise ValueError(f"mode must be one of 'valid', 'same', or 'full' (got {mode!r})")
    start, size = ((m - 1) // 2, n) if mode == "same" else (m - 1, n - m + 1)
    return full[start : start + size]


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Sequence[Any]) -> Any:
    """The product of several matrices, in the order that takes least work."""
    parts = list(arrays)
    if len(parts) < 2:
        raise ValueError("Expecting at least two arrays.")
    if len(parts) == 2:
        return np.dot(*parts)
    if any(np.ndim(part) != 2 for part in parts[1:-1]) or not {
        np.ndim(parts[0]),
        np.ndim(parts[-1]),
    } <= {1, 2}:
        raise ValueError(
            f"multi_dot takes matrices, and vectors at the ends: got {[np.shape(p) for p in parts]}"
        )
    row, column = np.ndim(parts[0]) == 1, np.ndim(parts[-1]) == 1
    parts[0] = np.reshape(parts[0], (1, -1)) if row else parts[0]
    parts[-1] = np.reshape(parts[-1], (-1, 1)) if column else parts[-1]
    sizes = [np.shape(part)[0] for part in parts] + [np.shape(parts[-1])[1]]

    @lru_cache(None)
    def best(i: int, j: int) -> tuple[int, int]:
        """Return the work of the product of parts i to j, and after which part to cut it."""
        if i == j:
            return 0, i
        return min(
            (best(i, k)[0] + best(k + 1, j)[0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
            for k in range(i, j)
        )

    def multiplied(i: int, j: int) -> Any:
        k = best(i, j)[1]
        return parts[i] if i == j else matmul(multiplied(i, k), multiplied(k + 1, j))

    found = multiplied(0, len(parts) - 1)
    shape = (() if row else found.shape[:1]) + (() if column else found.shape[1:])
    return reshape(found, shape=shape) if row or column else found


# --- equations, determinants, factors ---


@primitive(numpy=np.linalg.inv, shape=lambda x: x, latex="#1^{-1}")
def inv(x: Any) -> Any:
    """The inverse of each square matrix."""
    return np.linalg.inv(x)


@inv.grad("x")
def _(g: Any, out: Any) -> Any:
    """The inverse falls as `x` rises, so `g` goes back by both sides and changes its sign."""
    return -(_turned(out) @ g @ _turned(out))


@primitive(
    shape=lambda x, b: (*broadcast(x[:-2], b[:-2]), *b[-2:]), latex=r"#1^{-1} \, \left(#2\right)",
    numpy_text="np.linalg.solve(x, b)",
)  # fmt: skip
def solve(x: Any, b: Any) -> Any:
    """The matrix with ``x @ out = b``."""
    return np.linalg.solve(x, b)


@solve.grad("x")
def _(g: Any, out: Any, x: Any) -> Any:
    """The solution falls as `x` rises: minus the gradient of `b`, times the solution."""
    return -(solve(_turned(x), g) @ _turned(out))


@solve.grad("b")
def _(g: Any, x: Any) -> Any:
    """The solution is linear in `b`, so `g` is solved for with the transposed matrix."""
    return solve(_turned(x), g)


@implements(np.linalg.solve)
def _solve(a: Any, b: Any) -> Any:
    if len(np.shape(b)) == 1:
        return solve(a, np.reshape(b, (-1, 1)))[..., 0]
    return solve(a, b)


def _cofactors(x: Any) -> Any:
    """Return the slopes of the determinant, for singular matrices too."""
    u, s, vh = np.linalg.svd(x)
    n = s.shape[-1]
    others = np.where(np.eye(n, dtype=bool), 1, s[..., None, :]).prod(-1)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return sign[..., None, None] * (u * others[..., None, :]) @ vh


@primitive(numpy=np.linalg.det, shape=lambda x: x[:-2], latex=r"\det")
def det(x: Any) -> Any:
    """The determinant of each square matrix."""
    return np.linalg.det(x)


@det.grad("x")
def _(g: Any, out: Any, x: Any) -> Any:
    """Each entry moves the determinant by its cofactor, `out * inv(x).T` where that exists."""
    g = np.expand_dims(g, (-1, -2))
    if x.__class__ is np.ndarray:
        return g * _cofactors(x)
    return g * np.expand_dims(out, (-1, -2)) * _turned(np.linalg.inv(x))


@primitive(
    shape=lambda x: x[:-2], numpy_text="np.linalg.slogdet(x)[1]",
    latex=r"\log\left|\det\left(#1\right)\right|",
)  # fmt: skip
def logabsdet(x: Any) -> Any:
    """The logarithm of the size of each determinant, without overflow."""
    return np.linalg.slogdet(x)[1]


@logabsdet.grad("x")
def _(g: Any, x: Any) -> Any:
    """The slope of log det is the transposed inverse."""
    return np.expand_dims(g, (-1, -2)) * _turned(np.linalg.inv(x))


class SlogdetResult(NamedTuple):
    """Sign of a determinant (piecewise constant) and the logarithm of its size."""

    sign: Any
    logabsdet: Any


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> SlogdetResult:
    """Sign and logarithm of the size of each determinant."""
    return SlogdetResult(np.linalg.slogdet(a.array).sign, logabsdet(a))


@primitive(shape=lambda x: x, numpy_text="np.linalg.cholesky(x)")
def cholesky(x: Any) -> Any:
    """The lower triangle with ``out @ out.T = x``, of each symmetric positive definite matrix."""
    return np.linalg.cholesky(x)


@cholesky.grad("x")
def _(g: Any, out: Any) -> Any:
    """`g` is brought to the basis of `out`, halved on the diagonal there, and brought back.

    NumPy reads the lower triangle only, so each entry of it also stands for its mirror image.
    """
    back = _turned(np.linalg.inv(out))
    whole = back @ _halved(_turned(out) @ g) @ _turned(back)
    return _halved(whole + _turned(whole))


@implements(np.linalg.cholesky)
def _cholesky(a: Any, /, *, upper: bool = False) -> Any:
    return _turned(cholesky(_turned(a))) if upper else cholesky(a)


@primitive(
    shape=lambda x: x[:-2], numpy_text="np.linalg.norm(x, 2, axis=(-2, -1))",
    latex=r"\left\|#1\right\|_{2}",
)  # fmt: skip
def largest_singular_value(x: Any) -> Any:
    """The largest factor by which each matrix stretches a vector."""
    return np.linalg.norm(x, 2, axis=(-2, -1))


@largest_singular_value.grad("x")
def _(g: Any, x: Any) -> Any:
    """Only the two directions that are stretched most move it: their outer product."""
    u, s, vh = np.linalg.svd(x, full_matrices=False)
    if 0 in s.shape:
        return 0 * x
    moves = s[..., :1, None] > 0  # at 0 the slope is taken as 0
    return np.expand_dims(g, (-1, -2)) * (moves * u[..., :, :1] * vh[..., :1, :])


# --- norms ---


@primitive(domain=(0.1, 4), numpy_text="np.sqrt(x)", latex=r"\sqrt{#1}")
def length(x: Any) -> Any:
    """The square root of a sum of squares."""
    return np.sqrt(x)


@length.grad("x")
def _(g: Any, out: Any) -> Any:
    """The root's slope is `1 / (2 * out)`; at 0, the length of nothing, it is taken as 0."""
    return np.where(np.equal(out, 0), 0, g / np.where(np.equal(out, 0), 1, 2 * out))


def _root(x: Any) -> Any:
    """Return the root of a sum of squares; a formula that is traced has no case for 0."""
    return sqrt(x) if is_symbolic(x) else length(x)


def _power_norm(x: Any, ord: float, axis: Axis, keepdims: bool) -> Any:
    """Return the root of a sum of powers, with slope 0 where an entry, or the whole, is 0."""
    size = absolute(x)
    if is_symbolic(size) or ord <= 0:
        return sum_(size**ord, axis, keepdims=keepdims) ** (1.0 / ord)
    none = np.equal(size, 0)
    powers = where(none, 0, where(none, 1, size) ** ord) if ord < 1 else size**ord
    total = sum_(powers, axis, keepdims=keepdims)
    none = np.equal(total, 0)
    return where(none, 0, where(none, 1, total) ** (1.0 / ord))


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Axis = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """Length of the vectors along `axis`: root of the sum of squares, or another `ord`."""
    refuse_tensors(np.linalg.vector_norm, ord=ord)
    if ord in (None, 2):
        return _root(sum_(multiply(x, x), axis, keepdims=keepdims))
    if ord == 1:
        return sum_(absolute(x), axis, keepdims=keepdims)
    if ord in (np.inf, -np.inf):
        return (max_ if ord > 0 else min_)(absolute(x), axis, keepdims=keepdims)
    if ord == 0:
        return sum_(0 * x + np.not_equal(x, 0), axis, keepdims=keepdims)
    if not isinstance(ord, Real):
        raise ValueError(f"Invalid norm order {ord!r} for vectors")
    return _power_norm(x, float(ord), axis, keepdims)


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """Norm of the matrices in the last two axes."""
    return norm(x, ord, (-2, -1), keepdims)


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Any:
    """Length of a vector, or a norm of a matrix; at 0, where there is no slope, it is taken as 0.

    `ord` is 1, 2, inf, -inf or another number for vectors; "fro", 1, 2, inf or -inf for matrices.
    """
    refuse_tensors(np.linalg.norm, ord=ord)
    ndim = len(np.shape(x))
    if axis is None and (ord is None or (ord == 2 and ndim == 1)):
        return vector_norm(x, keepdims=keepdims)
    axes = normalize_axis(axis, ndim)
    if len(axes) == 1:
        return vector_norm(x, axis=axes[0], keepdims=keepdims, ord=2 if ord is None else ord)
    if len(axes) != 2:
        raise ValueError(f"Improper number of dimensions to norm: axis {axis}, shape {x.shape}")
    if ord in (None, "fro"):
        return vector_norm(x, axis=axes, keepdims=keepdims)
    if ord in (1, -1, np.inf, -np.inf):
        along, over = axes if abs(ord) == 1 else axes[::-1]
        totals = sum_(absolute(x), along, keepdims=True)
        found = (max_ if ord > 0 else min_)(totals, over, keepdims=True)
    elif ord == 2:
        found = np.expand_dims(largest_singular_value(moveaxis(x, axes, (-2, -1))), axes)
    else:
        raise NoRuleError(f"np.linalg.norm of a Tensor takes no ord={ord!r} for matrices")
    return found if keepdims else np.squeeze(found, axes)
