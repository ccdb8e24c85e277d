"""Scatters as a person writes them: a copy, and an update in place.

Imports `algebra`. A scatter inside a larger expression has no such spelling; it gets a line of its
own.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from ..ops import indexing
from .algebra import Algebra
from .evaluate import ordered
from .expr import Expr
from .sizes import Counted, Slot
from .terms import Number


class Update(NamedTuple):
    """``(rest + scatters) * outside``: what to start from, what to add where, and a factor."""

    inner: Expr
    rest: Expr
    added: list[tuple[Expr, Expr, Number]]  # scatter, the values that it adds, times a number
    outside: Expr

    @property
    def parts(self) -> list[Expr]:
        """What is written in the statements."""
        extra = [arg for scatter, _, _ in self.added for arg in scatter.args[1:]]
        return [self.rest, *(values for _, values, _ in self.added), self.outside, *extra]


def update_of(algebra: Algebra, e: Expr) -> Update | None:
    """Return `e` as an update in place, if it is one."""
    coef, factors = algebra.factors(e)
    for inner, k in factors.items():
        if k == 1 and tuple(inner.shape) == tuple(e.shape):
            terms = algebra.terms(inner)
            found = {t: s for t in terms if (s := _scatter_of(algebra, t)) is not None
                     and tuple(s.shape) == tuple(e.shape)}  # fmt: skip
            if found:
                rest = algebra.linear({t: c for t, c in terms.items() if t not in found})
                added = [(s, _values(algebra, t, s), terms[t]) for t, s in found.items()]
                outside = {b: j for b, j in factors.items() if b is not inner}
                return Update(inner, rest, added, algebra.product(coef, outside))
    return None


def _scatter_of(algebra: Algebra, term: Expr) -> Expr | None:
    """The scatter in a term that is a scatter times scalars."""
    _, factors = algebra.factors(term)
    found = [b for b, k in factors.items() if b.op is indexing.scatter and k == 1]
    if len(found) == 1 and all(b is found[0] or not b.shape for b in factors):
        return found[0]
    return None


def _values(algebra: Algebra, term: Expr, scatter: Expr) -> Expr:
    _, factors = algebra.factors(term)
    scalars = {b: k for b, k in factors.items() if b is not scatter}
    return algebra.times(scatter.args[0], algebra.product(Fraction(1), scalars))


def inner_scatters(algebra: Algebra, e: Expr) -> list[Expr]:
    """Return the scatters in `e` that no update in place takes care of."""
    update = update_of(algebra, e)
    parts = [e] if update is None else update.parts
    return [part for part in ordered(parts) if part.op is indexing.scatter]


def meets_once(e: Expr) -> bool:
    """Whether a scatter's index surely names no place twice."""
    index = e.setting("index")
    parts = (
        index if isinstance(index, tuple) and not isinstance(index, (Counted, Slot)) else (index,)
    )
    moving = [p for p in parts if isinstance(p, (Counted, Slot)) or hasattr(p, "shape")]
    if not moving:
        return True
    flat = all(not isinstance(p, Slot) or len(e.args[p.operand].shape) <= 1 for p in moving)
    return flat and any(isinstance(p, Counted) for p in moving)
