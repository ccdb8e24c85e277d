"""Sums and products in place, and totals over every entry.

Imports `lowering`. Scalars are folded into the smallest operand, divisions are by the smallest, and
a scatter in a sum is an update in place.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ..ops import indexing
from ..shapes import broadcast
from ..symbolic.expr import Expr
from ..symbolic.terms import LINEAR, PRODUCT, is_number
from .lowering import Lowering, lowers
from .picks import put
from .values import Value, literal, scalar


class Part(NamedTuple):
    """A value times a number."""

    value: Value
    times: float


def terms_of(e: Expr) -> dict[Expr, Any]:
    """Return a sum as term -> coefficient."""
    if e.primitive is LINEAR:
        return dict(zip(e.args, e.setting("coefs"), strict=True))
    return {e: Fraction(1)}


def factors_of(e: Expr) -> dict[Expr, Fraction]:
    """Return a product as base -> exponent."""
    if e.primitive is PRODUCT:
        return dict(zip(e.args, e.setting("exps"), strict=True))
    return {e: Fraction(1)}


# --- scalars, as text ---


def scalar_text(low: Lowering, factors: dict[Expr, Fraction], coef: Any) -> Value:
    """Return a product of scalars: a number if all are known, else an expression."""
    known, args, code = float(coef), [], ""
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


def _scalar_sum(low: Lowering, e: Expr) -> Value:
    known, code, args = 0.0, "", []
    for term, c in terms_of(e).items():
        if is_number(term):
            known += float(c) * float(term.value)
            continue
        value = scalar_text(low, factors_of(term), abs(c))
        if value.number is not None:
            known += np.sign(float(c)) * value.number
            continue
        code += f" {'-' if c < 0 else '+'} {{{len(args)}}}"
        args.append(value)
    if known:
        code += f" {'-' if known < 0 else '+'} {literal(abs(known))}"
    if not args:
        return scalar(known)
    code = code[3:] if code.startswith(" + ") else code[1:]
    return low.number(code, *args, name=low.form.names.get(e, "total"))


# --- products ---


@lowers("_power_product")
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
        base = _step(low, e, code, getattr(np, name), base, *([scalar(abs(k))] if power else []))
    if k == 2 and left.number == 1:
        return _step(low, e, "np.multiply({0}, {0})", np.multiply, base, last=last)
    for _ in range(2 if abs(k) == 2 else 1):
        if k < 0:
            made = _step(low, e, "np.divide({0}, {1})", np.divide, left, base, last=last)
            if left.is_scalar:
                low.reciprocals[base.root] = made
            left = made
        elif left.number == 1 and (base.dtype.kind == "f" or not last):
            left = base
        else:
            left = _step(low, e, "np.multiply({0}, {1})", np.multiply, base, left, last=last)
    return left


def _step(low: Lowering, e: Expr, code: str, ufunc: np.ufunc, *args: Value,
          last: bool = False) -> Value:  # fmt: skip
    """Compute one ufunc on the way to `e`; the last step has the name of `e`."""
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


# --- sums ---


@lowers("_linear")
def total_of_terms(low: Lowering, e: Expr) -> Value:
    """Compute a sum in the memory of its first large term."""
    terms = terms_of(e)
    factors = [b for t in terms for b in factors_of(t)]
    if all(n == 1 for b in factors for n in b.shape) and all(low.lower(b).is_scalar for b in factors):
        return _scalar_sum(low, e)
    puts = {t: c for t, c in terms.items() if scatter_of(t) in low.absorbed}
    parts = [_part(low, t, c) for t, c in terms.items() if t not in puts]
    shape = low.shape(e)
    parts.sort(key=lambda p: (-p.value.size, p.times < 0, p.value.is_scalar))
    current = parts[0] if parts else Part(scalar(0), 1.0)
    for part in parts[1:]:
        current = _plus(low, e, current, part, last=part is parts[-1])
    value = _finished(low, e, current, shape, bool(puts))
    for term, c in puts.items():
        scatter = scatter_of(term)
        scalars = {b: k for b, k in factors_of(term).items() if b is not scatter}
        put(low, value, scatter, scalar_text(low, scalars, c))
    return value


def scatter_of(term: Expr) -> Any:
    """Return the scatter that a term consists of, times scalars."""
    found = [b for b in factors_of(term) if b.primitive is indexing.scatter]
    return found[0] if found else None


def _part(low: Lowering, term: Expr, c: Any) -> Part:
    if term in low.absorbed and term.primitive is PRODUCT:
        if abs(c) == 1:
            return Part(product(low, term), float(c))
        return Part(product(low, term, abs(c)), -1.0 if c < 0 else 1.0)
    if is_number(term):
        return Part(scalar(float(c) * float(term.value)), 1.0)
    value = low.lower(term)
    if value.dtype is not None and value.dtype.kind == "b":  # NumPy has no difference of masks
        one = scalar(1)
        return Part(_step(low, term, "np.multiply({0}, 1.0)", np.multiply, value, one), float(c))
    return Part(value, float(c))


def _plus(low: Lowering, e: Expr, a: Part, b: Part, last: bool) -> Part:
    if b.value.is_scalar and b.times < 0 and b.value.number is not None:
        b = Part(scalar(b.times * b.value.number), 1.0)
    a, b = (_unit(low, e, part) for part in (a, b))
    if a.times == b.times:
        code, args = "np.add({0}, {1})", (a.value, b.value)
    elif a.times > 0:
        code, args = "np.subtract({0}, {1})", (a.value, b.value)
    else:
        code, args = "np.subtract({0}, {1})", (b.value, a.value)
    ufunc = np.add if a.times == b.times else np.subtract
    return Part(_step(low, e, code, ufunc, *args, last=last), min(a.times, b.times)
                if a.times == b.times else 1.0)  # fmt: skip


def _unit(low: Lowering, e: Expr, part: Part) -> Part:
    """Return a part with a factor of 1 or -1."""
    if abs(part.times) == 1:
        return part
    by = scalar(abs(part.times))
    made = _step(low, e, "np.multiply({0}, {1})", np.multiply, part.value, by)
    return Part(made, 1.0 if part.times > 0 else -1.0)


def _finished(low: Lowering, e: Expr, part: Part, shape: tuple[int, ...], own: bool) -> Value:
    """Return a part as a value of full shape, in memory of its own if it will be changed."""
    value = part.value
    if part.times == -1:
        value = _step(low, e, "np.negative({0})", np.negative, value, last=True)
    elif part.times != 1:
        value = _step(low, e, "np.multiply({0}, {1})", np.multiply, value, scalar(part.times),
                      last=True)  # fmt: skip
    value = low.ranked(e, value)
    if value.shape != shape or value.is_scalar or own:
        real = value.dtype is not None and value.dtype.kind == "f"
        target = low.array(e, value.dtype if real else low.float_of([value]))
        low.do(target, "np.copyto({target}, {0})", value, kind="copy")
        return target
    return value


# --- totals ---


def total(low: Lowering, x: Expr, coef: Any = 1) -> Value:
    """Return the sum over every entry of `x`, as a scalar."""
    if x not in low.memo and x.primitive is LINEAR:
        sums, args = "", []
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
    factors = factors_of(term) if value is None and term.primitive is PRODUCT else {}
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


def _scaled(low: Lowering, found: Value, outside: Value, shape: tuple[int, ...], size: int,
            rows: int | None, whole: Expr) -> Value:  # fmt: skip
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
