"""Sums over every entry, as numbers: products with ones, term by term.

Imports `products`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..symbolic.expr import Expr
from ..symbolic.terms import LINEAR, PRODUCT
from .lowering import Lowering
from .products import factors_of, scalar_text, terms_of
from .values import Value, literal, scalar


def total(low: Lowering, x: Expr, coef: Any = 1) -> Value:
    """Return the sum over every entry of `x`, as a scalar."""
    if x not in low.memo and x.op is LINEAR:
        sums = ""
        args: list[Value] = []
        for term, c in terms_of(x).items():
            sums += f" {'-' if c < 0 else '+'} {{{len(args)}}}"
            args.append(_times_number(low, _sum_of(low, term, x), abs(c)))
        return low.number(sums[3:] if sums.startswith(" + ") else sums[1:], *args)
    return _sum_of(low, x, x)


def _times_number(low: Lowering, value: Value, c: Any) -> Value:
    if c == 1:
        return value
    if value.number is not None:
        return scalar(value.number * float(c))
    return low.number(f"{literal(c)} * {{0}}", value)


def _sum_of(low: Lowering, term: Expr, whole: Expr) -> Value:
    """Return the sum of a term over the shape of the whole, which it may be constant along."""
    value = low.memo.get(term)
    factors = factors_of(term) if value is None and term.op is PRODUCT else {}
    scalars = {b: k for b, k in factors.items() if low.lower(b).is_scalar}
    arrays = [(low.lower(b), k) for b, k in factors.items() if b not in scalars]
    shape = low.shape(whole)
    outside = scalar_text(low, scalars, 1) if scalars else scalar(1)
    if [k for _, k in arrays] == [2] or (
        [k for _, k in arrays] == [1, 1] and arrays[0][0].shape == arrays[1][0].shape
    ):
        a, b = arrays[0][0], arrays[-1][0]
        if a.dtype == b.dtype and a.dtype.kind == "f":
            code = "{0}.dot({1})" if len(a.shape) == 1 else "np.vdot({0}, {1})"
            found, size = low.number(code, a, b, dtype=a.dtype), a.size
            return _scaled(low, found, outside, shape, size, a.rows, whole)
    if value is None and scalars and arrays:
        inner = {b: k for b, k in factors.items() if b not in scalars}
        order = tuple(inner)
        term = term.world.make(PRODUCT, order, (("exps", tuple(inner.values())),), term.shape)
    else:
        outside = scalar(1)
    value = low.lower(term)
    if value.is_scalar:
        return _scaled(low, value, outside, shape, 1, None, whole)
    if len(value.shape) == 1 and value.dtype.kind == "f" and value.root.kind == "array":
        found = low.number("{0}.dot({1})", value, ones(low, value, 0), dtype=value.dtype)
    else:
        found = low.number("np.add.reduce({0}, axis=None)", value, dtype=value.dtype)
    return _scaled(low, found, outside, shape, value.size, value.rows, whole)


def _scaled(
    low: Lowering,
    found: Value,
    outside: Value,
    shape: tuple[int, ...],
    size: int,
    rows: int | None,
    whole: Expr,
) -> Value:
    """Return a sum times a scalar, and times how often what was summed stands in the whole."""
    times = int(np.prod(shape, dtype=int)) // max(size, 1)
    if low.rows(whole) is not None and rows is None:
        assert low.cut is not None
        found = low.number(f"n * {times // low.cut[1]} * {{0}}", found)
    elif times != 1:
        found = _times_number(low, found, times)
    if outside.number == 1:
        return found
    return low.number("{0} * {1}", found, outside)


def ones(low: Lowering, value: Value, axis: int) -> Value:
    """Return ones along an axis of a value: a product with them is a sum."""
    n, rows = value.shape[axis], 0 if value.rows == axis else None
    text = "n" if rows is not None else str(n)
    held = low.object(value.dtype, value.dtype.name)
    return low.constant(f"np.ones({text}, {held})", (n,), value.dtype, "ones", rows)
