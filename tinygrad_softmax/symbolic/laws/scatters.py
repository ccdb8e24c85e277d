"""Scatters: zeros but for their index, so that most of what meets them is gone.

Imports `algebra` and `align`.
"""

from __future__ import annotations

from fractions import Fraction

from ...ops import indexing
from ..algebra import Algebra
from ..align import pick
from ..expr import Expr
from .declare import law


@law("product")
def product_with_a_scatter(algebra: Algebra, e: Expr) -> Expr | None:
    """A scatter is zero except at its index, so what multiplies it counts only there."""
    _, factors = algebra.factors(e)
    for base, k in factors.items():
        if base.primitive is indexing.scatter and k == 1:
            rest = {b: j for b, j in factors.items() if b is not base}
            inner = {b: j for b, j in rest.items() if b.shape}
            if not inner:
                return None
            picked = pick(algebra, algebra.product(Fraction(1), inner), base)
            moved = scattered(algebra, algebra.times(base.args[0], picked), base)
            return algebra.times(moved, *(algebra.power(b, j) for b, j in rest.items()
                                          if b not in inner))  # fmt: skip
    return None


def scattered(algebra: Algebra, values: Expr, like: Expr) -> Expr:
    """Return other values scattered to the same places, numbers and scalars outside."""
    coef, factors = algebra.factors(values)
    scalars = {b: k for b, k in factors.items() if not b.shape}
    core = algebra.product(Fraction(1), {b: k for b, k in factors.items() if b.shape})
    made = algebra.op(indexing.scatter, (core, *like.args[1:]), like.settings, like.shape)
    return algebra.times(algebra.product(coef, scalars), made)
