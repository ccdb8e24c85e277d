"""Contributions at picked places, such as the label of each example.

Imports `written` and `symbolic`. Where one contribution stands at an index only, what all of them
come to there is worth saying: at the label, the probability minus one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from ..ops import indexing
from ..symbolic.align import pick
from ..symbolic.expr import Expr
from ..symbolic.sizes import Counted, Slot
from ..symbolic.terms import LINEAR, is_number
from .titles import unparse
from .written import Hand


class Placed(NamedTuple):
    """A contribution that stands at an index only."""

    value: Expr
    place: str
    scatter: Expr
    once: bool  # whether no entry is picked twice

    def told(self, value: str) -> str:
        """Say what stands where."""
        meeting = "" if self.once else ", added up where an entry is picked more than once,"
        return f"`{value}` at `{self.place}`{meeting} and 0 elsewhere"


def placed(hand: Hand, canonical: Expr) -> Placed | None:
    """Take a contribution apart into a value and its index, if it is such a one."""
    algebra = hand.derivation.algebra
    coef, factors = algebra.factors(canonical)
    scatters = [base for base in factors if base.op is indexing.scatter]
    rest = {base: k for base, k in factors.items() if base not in set(scatters)}
    if len(scatters) != 1 or any(base.shape for base in rest):
        return None
    (scatter,) = scatters
    value = algebra.times(scatter.args[0], algebra.product(coef, rest))
    shown = hand.presented(scatter)
    if shown.op is not indexing.scatter:
        return None
    index = ast.Subscript(ast.Name("_"), hand.writer.index(shown.setting("index"), shown))
    return Placed(value, unparse(index).removeprefix("_"), shown, _once(shown))


def _once(scatter: Expr) -> bool:
    """Whether the index surely names no place twice."""
    parts = scatter.setting("index")
    labels = [scatter.args[part.operand] for part in parts if isinstance(part, Slot)]
    runs = any(isinstance(part, Counted) for part in parts)
    return not labels or (runs and all(len(label.shape) < 2 for label in labels))


def at_the_place(hand: Hand, answers: list[Expr]) -> Iterator[str]:
    """Say what contributions come to where one of them, and only one, is placed."""
    found = [place for place in (placed(hand, a) for a in answers) if place is not None]
    if len(found) != 1 or not found[0].once:
        return
    (place,) = found
    algebra = hand.derivation.algebra
    rest = algebra.add(*(a for a in answers if placed(hand, a) is None))
    if hand.is_zero(rest):
        return
    picked = pick(hand.algebra, hand.presented(rest), place.scatter)
    shown = hand.algebra.add(picked, hand.presented(place.value))
    yield f"At `{place.place}` they come to `{hand.write(shown)}`" + _ends(hand, shown) + "."
    yield f"Everywhere else only `{hand.text(rest)}` is left."


def _ends(hand: Hand, shown: Expr) -> str:
    """Say where ``c * (p - a)`` vanishes, and what it is where p is 0."""
    algebra = hand.algebra
    coef, factors = algebra.factors(shown)
    sums = [base for base, k in factors.items() if base.op is LINEAR and k == 1]
    outside = {base: k for base, k in factors.items() if base not in set(sums)}
    if len(sums) != 1 or any(base.shape for base in outside):
        return ""
    terms = algebra.terms(sums[0])
    varying = [term for term in terms if term is not algebra.one]
    if len(terms) != 2 or len(varying) != 1:
        return ""
    (p,) = varying
    zero = algebra.linear({algebra.one: -terms[algebra.one] / terms[p]})
    start = algebra.scale(algebra.product(coef, outside), Fraction(1) * terms[algebra.one])
    assert is_number(zero)
    return (
        f": nothing where `{hand.write(p)}` is {zero.value.item():g}, `{hand.write(start)}` where "
        "it is 0"
    )
