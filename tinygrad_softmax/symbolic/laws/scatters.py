"""Scatters: zeros but for their index, so that most of what meets them is gone.

Imports `algebra` and `align`.
"""

from __future__ import annotations

from fractions import Fraction
from functools import partial

from ...core.shapes import broadcast
from ...ops import indexing
from ..algebra import Algebra
from ..align import pick, realign
from ..expr import Expr
from ..sizes import Counted, Slot
from .declare import law


@law("product")
def product_with_a_scatter(algebra: Algebra, e: Expr) -> Expr | None:
    """A scatter is zero except at its index, so what multiplies it counts only there."""
    _, factors = algebra.factors(e)
    for base, k in factors.items():
        if base.op is indexing.scatter and k == 1:
            rest = {b: j for b, j in factors.items() if b is not base}
            inner = {b: j for b, j in rest.items() if b.shape}
            fits = all(m == n for m, n in zip(
                broadcast(base.shape, *(b.shape for b in inner))[::-1], base.shape[::-1],
                strict=False))  # fmt: skip
            if not inner or not fits:
                continue
            build = partial(_moved_in, algebra, base, inner, rest)
            return build() if _simple(base) else algebra.attempt(e, build)
    return None


def _moved_in(algebra: Algebra, base: Expr, inner: dict[Expr, Fraction],
              rest: dict[Expr, Fraction]) -> Expr:  # fmt: skip
    beside = algebra.product(Fraction(1), inner)
    lead = len(beside.shape) - len(base.shape)
    if lead > 0:  # axes of size 1 in front
        beside = realign(algebra, beside, tuple(range(lead, len(beside.shape))), beside.shape)
    picked = pick(algebra, beside, base)
    moved = scattered(algebra, algebra.times(base.args[0], picked), base)
    outer = (algebra.power(b, j) for b, j in rest.items() if b not in inner)
    return algebra.times(moved, *outer)


def _simple(scatter: Expr) -> bool:
    """Whether every axis is indexed by labels or runs along, as in ``[range(N), y]``."""
    index = scatter.setting("index")
    return len(index) == len(scatter.shape) and all(isinstance(p, (Counted, Slot)) for p in index)


def scattered(algebra: Algebra, values: Expr, like: Expr) -> Expr:
    """Return other values scattered to the same places, numbers and scalars outside."""
    if not _simple(like):
        return algebra.op(indexing.scatter, (values, *like.args[1:]), like.settings, like.shape)
    coef, factors = algebra.factors(values)
    scalars = {b: k for b, k in factors.items() if not b.shape}
    core = algebra.product(Fraction(1), {b: k for b, k in factors.items() if b.shape})
    made = algebra.op(indexing.scatter, (core, *like.args[1:]), like.settings, like.shape)
    return algebra.times(algebra.product(coef, scalars), made)
