"""Sums over axes, largest entries, products of matrices, and what blocks of rows add up to.

Imports `sums` and `totals`. A sum over an axis of an array in C order is a product with ones, which
is several times as fast as NumPy's reduction of short rows.
"""

from __future__ import annotations

import numpy as np

from ..core.shapes import normalize_axis
from ..symbolic.expr import Expr
from .lowering import Lowering, lowers
from .sums import transposed
from .totals import ones, total
from .values import Value


@lowers("sum")
def reduce_sum(low: Lowering, e: Expr) -> Value:
    """Compute a sum over axes, or over every axis."""
    (x,) = e.args
    if all(n == 1 for n in e.shape):
        return added(low, e, total(low, x))
    value = low.lower(x)
    axes = _axes(e)
    own = value.root is value and value.kind == "array" and value.dtype.kind == "f"
    if own and len(value.shape) == 2 and len(axes) == 1 and value.order == "C":
        target = low.array(e, value.dtype, "sums")
        by = ones(low, value, axes[0])
        code = "np.dot({0}, {1})" if axes[0] == 1 else "np.dot({1}, {0})"
        low.do(low.flat(target), code, value, by, reuse=False)
        return added(low, e, target)
    return added(low, e, _reduced(low, e, value, axes, np.add))


@lowers("max", "min")
def reduce_extreme(low: Lowering, e: Expr) -> Value:
    """Compute the largest or smallest entries over axes."""
    ufunc = np.maximum if e.op.kind == "max" else np.minimum
    return _reduced(low, e, low.lower(e.args[0]), _axes(e), ufunc)


_NAMES = {"add": "sums", "maximum": "largest", "minimum": "smallest"}


def _axes(e: Expr) -> tuple[int, ...]:
    axes: tuple[int, ...] = normalize_axis(e.setting("axis"), len(e.args[0].shape))
    return axes


def _reduced(low: Lowering, e: Expr, value: Value, axes: tuple[int, ...], ufunc: np.ufunc) -> Value:
    dtype = value.dtype if ufunc is not np.add or value.dtype.kind == "f" else np.dtype(int)
    call = f"np.{ufunc.__name__}.reduce({{0}}, axis="
    if all(n == 1 for n in e.shape):
        return low.number(call + "None)", value, dtype=dtype, name=_NAMES[ufunc.__name__])
    call += str(axes[0] if len(axes) == 1 else axes)
    target = low.array(e, dtype, _NAMES[ufunc.__name__])
    keep = bool(e.setting("keepdims"))
    if len(target.root.shape) == 1 and len(value.shape) == 2:
        low.do(target.root, call + ")", value, reuse=False)
    else:
        low.do(target, call + f", keepdims={keep})", value, reuse=False)
    return target


@lowers("matmul")
def multiply_matrices(low: Lowering, e: Expr) -> Value:
    """Compute a product of matrices."""
    a, b = (low.whole(arg) for arg in e.args)
    dtype = low.promoted(np.matmul, a, b)
    if not low.shape(e):
        return added(low, e, low.number("{0}.dot({1})", a, b, dtype=dtype))
    target = low.array(e, dtype, "product")
    if target.root is not target or len(a.shape) != 2 or len(b.shape) != 2 or a.dtype != b.dtype:
        low.do(target, "np.matmul({0}, {1})", a, b, reuse=False)
        return added(low, e, target)
    if _sums_long_rows(a, b):
        target.order = "F"
    if target.size * target.dtype.itemsize > _SMALL:
        low.do(target, "np.matmul({0}, {1})", a, b, reuse=False)
    elif target.order == "F":
        sides = (transposed(low, b), transposed(low, a))
        low.do(transposed(low, target), "np.dot({0}, {1})", *sides, reuse=False)
    else:
        low.do(target, "np.dot({0}, {1})", a, b, reuse=False)
    return added(low, e, target)


def _sums_long_rows(a: Value, b: Value) -> bool:
    """Whether ``X.T @ d`` is quicker as ``(d.T @ X).T``.

    It is if d lies that way, or if rows of X are a page of memory each: then by up to 40 %.
    """
    if a.access != "{}.T" or a.base is None or a.base.order != "C":
        return False
    wide = a.shape[0] * a.dtype.itemsize >= _PAGE and 4 * b.shape[1] <= a.shape[0]
    return wide or b.root.order == "F"


_PAGE = 4096
#: `np.dot` is quicker to call by 0.3 us, but takes longer for large results, by a pass over them.
_SMALL = 1 << 16


def added(low: Lowering, e: Expr, part: Value) -> Value:
    """Add up what a block of rows contributes, if rows are cut into blocks."""
    if low.cut is None or low.section != "rows" or low.rows(e) is not None:
        return part
    if part.is_scalar:
        made = Value(low.name("sum_of_" + part.text), (), part.dtype, "scalar", section="after")
    else:
        root = part.root
        whole = Value(
            low.name(f"all_{root.text}"),
            root.shape,
            root.dtype,
            "array",
            section="after",
            order=root.order,
        )
        low.do(whole, "np.add({target}, {0}, out={target})", root, kind="do", reuse=False)
        made = whole if root is part else low.view(whole, part.access, part.shape, None)
    low.draft.totals.append((made.root, part))
    return made
