"""Products in place: scalars folded into the smallest operand, divisions by the smallest.

Imports `lowering`. Scalars are written as Python expressions; what is known is a number already.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ..core.shapes import broadcast
from ..symbolic.expr import Expr
from ..symbolic.terms import PRODUCT
from .lowering import Lowering, lowers
from .values import Value, literal, real, scalar


def terms_of(e: Expr) -> dict[Expr, Any]:
    """Return a sum as term -> coefficient."""
    return dict(zip(e.args, e.setting("coefs"), strict=True))


def factors_of(e: Expr) -> dict[Expr, Fraction]:
    """Return a product as base -> exponent."""
    if e.op is PRODUCT:
        return dict(zip(e.args, e.setting("exps"), strict=True))
    return {e: Fraction(1)}


def scalar_text(low: Lowering, factors: dict[Expr, Fraction], coef: Any) -> Value:
    """Return a product of scalars: a number if all are known, else an expression."""
    known, code = float(coef), ""
    args: list[Value] = []
    for base, k in factors.items():
        value = low.lower(base)
        if value.number is not None and (k > 0 or value.number != 0):
            known *= value.number ** float(k)
        else:
            power = "" if abs(k) == 1 else f" ** {literal(abs(k))}"
            code += f" {'*' if k > 0 else '/'} {{{len(args)}}}{power}"
            args.append(value)
    if not args:
        return scalar(known)
    if known == 1 and code.startswith(" * "):
        code = code[3:]
    else:
        code = literal(known) + code
    if code == "{0}":
        return args[0]
    return low.number(code, *args, name="factor")


@lowers("_power_product")
def lower_product(low: Lowering, e: Expr) -> Value:
    """Compute a product."""
    return product(low, e)


def product(low: Lowering, e: Expr, coef: Any = Fraction(1)) -> Value:
    """Compute ``coef * product``, from the smallest operand to the largest."""
    factors = factors_of(e)
    scalars = {b: k for b, k in factors.items() if low.lower(b).is_scalar}
    arrays = [b for b in factors if b not in scalars]
    number = scalar_text(low, scalars, coef)
    if not arrays:
        return number
    # a mask comes last: NumPy multiplies by it, and has no product of two masks as numbers
    arrays.sort(key=lambda b: (low.lower(b).size, low.lower(b).dtype.kind == "b"))
    current = number
    for base in arrays:
        current = _times(low, e, current, low.lower(base), factors[base], base is arrays[-1])
    return current


def _times(low: Lowering, e: Expr, left: Value, base: Value, k: Fraction, last: bool) -> Value:
    """Return ``left * base**k``."""
    if abs(k) not in (1, 2):
        name, power = ("sqrt", "") if abs(k) == Fraction(1, 2) else ("power", literal(abs(k)))
        code = f"np.{name}({{0}}{', ' + power if power else ''})"
        base = computed(low, e, code, getattr(np, name), base, *([scalar(abs(k))] if power else []))
    if k == 2 and left.number == 1:
        return computed(low, e, "np.multiply({0}, {0})", np.multiply, base, last=last)
    for _ in range(2 if abs(k) == 2 else 1):
        if k < 0:
            made = computed(low, e, "np.divide({0}, {1})", np.divide, left, base, last=last)
            left = made
        elif left.number == 1 and (base.dtype.kind == "f" or not last):
            left = base
        else:
            left = computed(low, e, "np.multiply({0}, {1})", np.multiply, base, left, last=last)
    return left


def computed(
    low: Lowering, e: Expr, code: str, ufunc: np.ufunc, *args: Value, last: bool = False
) -> Value:
    """Compute one ufunc on the way to `e`; the last step has the name of `e`."""
    if e not in low.indices:  # where integers stay integers
        args = tuple(map(real, args)) if any(_is_whole(arg) for arg in args) else args
    operands = args if len(args) == ufunc.nin else args * ufunc.nin
    dtype = low.promoted(ufunc, *operands[: ufunc.nin])
    if all(arg.is_scalar for arg in args):
        return low.number(code, *args)
    shape = broadcast(*(arg.shape for arg in args))
    rows = next((len(shape) - (len(a.shape) - a.rows) for a in args if a.rows is not None), None)
    label = low.form.names.get(e) if last else None
    target = low.like(shape, dtype, label or ufunc.__name__, rows)
    low.do(target, code, *args)
    return target


def _is_whole(value: Value) -> bool:
    """Whether a value is an array of integers or truth values."""
    return value.dtype is not None and value.dtype.kind in "iub" and not value.is_scalar
