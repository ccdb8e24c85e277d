"""Sums in place: in the memory of the first large term, scatters as updates.

Imports `products` and `picks`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..ops import indexing
from ..symbolic.expr import Expr
from ..symbolic.terms import PRODUCT, is_number
from .lowering import Lowering, lowers
from .picks import put
from .products import computed, factors_of, product, scalar_text, terms_of
from .runtime import LARGE, PIECE, add_scaled
from .values import Value, literal, real, scalar


class Part(NamedTuple):
    """A value times a number."""

    value: Value
    times: float


def _scalar_sum(low: Lowering, e: Expr) -> Value:
    known, code = 0.0, ""
    args: list[Value] = []
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


@lowers("_linear")
def total_of_terms(low: Lowering, e: Expr) -> Value:
    """Compute a sum in the memory of its first large term."""
    terms = terms_of(e)
    factors = [b for t in terms for b in factors_of(t)]
    if all(n == 1 for b in factors for n in b.shape) and all(
        low.lower(b).is_scalar for b in factors
    ):
        return _scalar_sum(low, e)
    puts = {t: c for t, c in terms.items() if scatter_of(t) in low.absorbed}
    shape = low.shape(e)
    pieces = _pieces(low, e, [t for t in terms if t not in puts])
    parts = [_part(low, t, c) for t, c in terms.items() if t not in puts and t not in pieces]
    parts.sort(key=lambda p: (-p.value.size, p.times < 0, p.value.is_scalar))
    current = parts[0] if parts else Part(scalar(0), 1.0)
    for part in parts[1:]:
        current = _plus(low, e, current, part, last=part is parts[-1])
    value = _finished(low, e, current, shape, bool(puts or pieces))
    for term, base in pieces.items():
        scalars = {b: k for b, k in factors_of(term).items() if b is not base}
        _add_scaled(low, value, low.lower(base), scalar_text(low, scalars, terms[term]))
    for term, c in puts.items():
        scatter = scatter_of(term)
        scalars = {b: k for b, k in factors_of(term).items() if b is not scatter}
        put(low, value, scatter, scalar_text(low, scalars, c))
    return value


def _pieces(low: Lowering, e: Expr, terms: list[Expr]) -> dict[Expr, Expr]:
    """Return the terms that are a scalar times a large array, to be added a piece at a time."""
    shape = low.shape(e)
    found: dict[Expr, Expr] = {}
    for term in terms:
        arrays = [b for b in factors_of(term) if not low.lower(b).is_scalar]
        scaled = term in low.absorbed and len(arrays) == 1 and factors_of(term)[arrays[0]] == 1
        if scaled and low.shape(arrays[0]) == shape and low.lower(arrays[0]).size >= LARGE:
            found[term] = arrays[0]
    whole = [t for t in terms if t not in found and low.shape(t) == shape]
    return found if whole and low.rows(e) is None else {}


def _add_scaled(low: Lowering, target: Value, base: Value, by: Value) -> None:
    call = low.object(add_scaled, "add_scaled")
    held = low.object(target.dtype, target.dtype.name)
    size = min(max(target.size // 16, 1024), PIECE)
    scratch = low.constant(f"np.empty({size}, {held})", (size,), target.dtype, "scratch")
    out = target
    if target.order == "F":
        out, base = transposed(low, target), transposed(low, base)
    low.do(target, f"{call}({{0}}, {{1}}, {{2}}, {{3}})", out, base, by, scratch, kind="do")


def transposed(low: Lowering, value: Value) -> Value:
    """Return a matrix with its axes the other way round."""
    if value.access == "{}.T" and value.base is not None:
        return value.base
    rows = None if value.rows is None else 1 - value.rows
    return low.view(value, "{}.T", value.shape[::-1], rows)


def scatter_of(term: Expr) -> Any:
    """Return the scatter that a term consists of, times scalars."""
    found = [b for b in factors_of(term) if b.op is indexing.scatter]
    return found[0] if found else None


def _part(low: Lowering, term: Expr, c: Any) -> Part:
    if term in low.absorbed and term.op is PRODUCT:
        if abs(c) == 1:
            return Part(product(low, term), float(c))
        return Part(product(low, term, abs(c)), -1.0 if c < 0 else 1.0)
    if is_number(term):
        return Part(scalar(float(c) * float(term.value)), 1.0)
    value = low.lower(term)
    if value.dtype is not None and value.dtype.kind == "b":  # NumPy has no difference of masks
        one = real(scalar(1))
        return Part(computed(low, term, "np.multiply({0}, 1.0)", np.multiply, value, one), float(c))
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
    return Part(
        computed(low, e, code, ufunc, *args, last=last),
        min(a.times, b.times) if a.times == b.times else 1.0,
    )


def _unit(low: Lowering, e: Expr, part: Part) -> Part:
    """Return a part with a factor of 1 or -1."""
    if abs(part.times) == 1:
        return part
    by = scalar(abs(part.times))
    made = computed(low, e, "np.multiply({0}, {1})", np.multiply, part.value, by)
    return Part(made, 1.0 if part.times > 0 else -1.0)


def _finished(low: Lowering, e: Expr, part: Part, shape: tuple[int, ...], own: bool) -> Value:
    """Return a part as a value of full shape, in memory of its own if it will be changed."""
    value = part.value
    if part.times == -1:
        value = computed(low, e, "np.negative({0})", np.negative, value, last=True)
    elif part.times != 1:
        value = computed(
            low, e, "np.multiply({0}, {1})", np.multiply, value, scalar(part.times), last=True
        )
    value = low.ranked(e, value)
    if value.shape != shape or value.is_scalar or own:
        floats = value.dtype is not None and value.dtype.kind == "f"
        target = low.array(e, value.dtype if floats else low.float_of([value]))
        if value.base is None and not value.is_scalar and target.base is None:
            target.order = value.order
        low.do(target, "np.copyto({target}, {0})", value, kind="copy")
        return target
    return value
