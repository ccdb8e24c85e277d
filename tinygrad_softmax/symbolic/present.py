"""From the canonical form to the one a person would write: by the names that there are.

Imports `algebra` and `laws`. The canonical form takes everything apart, so that like meets like;
here named values are met again (``e / s`` is ``probs``), factors go back where they make one, and
slopes are said by outputs (``p * (1 - p)``). Every step shortens the text.
"""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from typing import Any

from ..ops import reductions
from ..ops.choices import maximum
from ..ops.shaping import broadcast_to
from .algebra import Algebra
from .align import REALIGN, compact, expanded, realign, turned
from .expr import Expr, World
from .laws import LAWS
from .laws.products import common_factor
from .terms import LINEAR, PRODUCT, Law, Step

PRESENT: dict[str, list[Law]] = {}


def _named(function: object) -> Law:
    return next(law for laws in LAWS.values() for law in laws if law.apply is function)


def constant_into_sum(algebra: Algebra, e: Expr) -> Expr | None:
    """A factor that does not change along the axis can be taken into the sum."""
    _, factors = algebra.factors(e)
    sums = [b for b, k in factors.items() if k == 1 and b.op is reductions.sum]
    for base in sums:
        axes = base.setting("axis")
        for other, j in factors.items():
            if (
                other is base
                or not other.shape
                or any(len(other.shape) >= -a and other.shape[a] != 1 for a in axes)
            ):
                continue
            for part in {j, Fraction(1 if j > 0 else -1)}:
                after = algebra.attempt(e, partial(_into_sum, algebra, factors, base, other, part))
                if after is not None:
                    return after
    return None


def _into_sum(
    algebra: Algebra, factors: dict[Expr, Fraction], base: Expr, other: Expr, part: Fraction
) -> Expr:
    inside = algebra.times(base.args[0], algebra.power(other, part))
    made = algebra.op(reductions.sum, (inside,), base.settings, base.shape)
    rest = {b: k for b, k in factors.items() if b is not base} | {other: factors[other] - part}
    return algebra.times(algebra.product(Fraction(1), rest), made)


def complement(algebra: Algebra, e: Expr) -> Expr | None:
    """With p = 1 / (a + b), the other share b * p is 1 - a * p."""
    _, factors = algebra.factors(e)
    tried = (
        algebra.attempt(e, partial(_complement, algebra, factors, alias, definition, term))
        for alias, definition in algebra.reciprocals.items()
        for term in algebra.terms(definition)
        if factors.get(alias, 0) >= 1 and factors.get(term, 0) >= 1
    )
    return next((after for after in tried if after is not None), None)


def _complement(
    algebra: Algebra, factors: dict[Expr, Fraction], alias: Expr, definition: Expr, term: Expr
) -> Expr:
    terms = algebra.terms(definition)
    others = algebra.linear({t: k for t, k in terms.items() if t is not term})
    share = algebra.add(algebra.one, algebra.scale(algebra.times(alias, others), Fraction(-1)))
    rest = factors | {alias: factors[alias] - 1, term: factors[term] - 1}
    whole = algebra.times(algebra.product(Fraction(1), rest), share)
    return algebra.scale(whole, 1 / terms[term])


for _law in (constant_into_sum, complement):
    _entry = Law(_law.__name__, " ".join((_law.__doc__ or "").split()), _law)
    PRESENT.setdefault("product", []).append(_entry)
PRESENT["linear"] = [_named(common_factor)]


class Presenter:
    """Rewrites canonical expressions by names; a new name can be added at any time."""

    def __init__(self, world: World, canonical: Algebra) -> None:
        self.canonical = canonical
        self.algebra = Algebra(world, PRESENT)
        self.algebra.distributions = canonical.distributions
        self.forms: dict[Expr, Expr] = {}  # canonical form -> the name for it
        self.definitions: dict[Expr, Expr] = {}  # name -> its presented form
        self.known: dict[Expr, Expr] = {}
        self.steps: dict[Expr, list[Step]] = {}  # name -> the laws applied at its presented form

    def name(self, label: str, canonical: Expr, whole: Any = None) -> Expr:
        """Give a canonical form a name, and return the leaf that stands for it.

        `whole` is the shape of a forward value: its canonical form may be more compact.
        """
        mark = len(self.algebra.steps)
        presented = self(canonical)
        leaf = self.algebra.world.leaf(
            label, canonical.shape if whole is None else whole, canonical.dtype
        )
        self.steps[leaf] = self.algebra.steps[mark:]
        self.definitions[leaf] = presented
        alias = compact(self.algebra, leaf, canonical.shape)
        full = canonical
        if whole is None:
            self.forms[canonical] = alias
        else:  # a value is sooner recognised than a gradient, a later one than those it is made of
            full = expanded(self.canonical, canonical, whole)
            self.forms = {canonical: alias, full: leaf, **self.forms}
        is_matrix = len(full.shape) == 2 and 1 not in full.shape
        if is_matrix and full.op in (LINEAR, PRODUCT):  # it is met turned, too
            over = realign(self.canonical, full, (1, 0), full.shape)
            turned_leaf = realign(self.algebra, leaf, (1, 0), full.shape)
            self.algebra.aliases.setdefault(self(over), turned_leaf)
            self.forms.setdefault(over, turned_leaf)
        self.algebra.aliases[presented] = alias
        _, factors = self.algebra.factors(presented)
        if len(factors) == 1:
            ((base, k),) = factors.items()
            if k == -1 and base.op is LINEAR:
                self.algebra.reciprocals[alias] = base
        self.known.clear()
        return leaf

    def __call__(self, e: Expr) -> Expr:
        """Return the presented form."""
        if e not in self.known:
            self.known[e] = self._present(e)
        return self.known[e]

    def _present(self, e: Expr) -> Expr:
        if e in self.forms:
            return self.forms[e]
        if e.op is None:
            return e
        canonical, algebra = self.canonical, self.algebra
        if e.op is PRODUCT:
            coef, factors = canonical.factors(e)
            whole = self._fold_product(factors)
            return algebra.product(coef, whole)
        if e.op is LINEAR:
            return self._fold_sum(e)
        if e.op.kind in ("greater", "less_equal"):
            z, bound = e.args
            for pair in ((bound, z), (z, bound)):
                ramp = canonical.world.find(maximum, pair)
                if ramp is not None and ramp in self.forms:  # z > 0 just where maximum(0, z) is
                    return algebra.op(e.op, (self.forms[ramp], self(bound)), e.settings, e.shape)
        args = tuple(map(self, e.args))
        if e.op is broadcast_to:
            return expanded(algebra, args[0], e.shape)
        if e.op is REALIGN:
            return turned(algebra, args[0], e.setting("pattern"), e.shape)
        return algebra.op(e.op, args, e.settings, e.shape)

    def _fold_product(self, factors: dict[Expr, Fraction]) -> dict[Expr, Fraction]:
        """Put products that have a name back together, then present what is left."""
        left = dict(factors)
        whole: dict[Expr, Fraction] = {}
        for form, alias in self.forms.items():
            if form.op is not PRODUCT:
                continue
            _, parts = self.canonical.factors(form)
            m = _times_in(parts, left)
            if m:
                for base, k in parts.items():
                    left[base] -= m * k
                left = {b: k for b, k in left.items() if k}
                whole[alias] = whole.get(alias, Fraction(0)) + m
        for base, k in left.items():
            coef, found = self.algebra.factors(self(base))
            if coef != 1:
                found = {self(base): Fraction(1)}
            for b, j in found.items():
                whole[b] = whole.get(b, Fraction(0)) + j * k
        return whole

    def _fold_sum(self, e: Expr) -> Expr:
        """Put sums that have a name back together, then present what is left."""
        left = dict(self.canonical.terms(e))
        parts: list[Expr] = []
        for form, alias in self.forms.items():
            if form.op is not LINEAR or len(form.args) < 2:
                continue
            terms = self.canonical.terms(form)
            if not all(t in left for t in terms):
                continue
            ratios = {left[t] / c for t, c in terms.items()}
            if len(ratios) == 1:
                left = {t: c for t, c in left.items() if t not in terms}
                parts.append(self.algebra.scale(alias, ratios.pop()))
        parts += [self.algebra.scale(self(t), c) for t, c in left.items()]
        return self.algebra.add(*parts)


def _times_in(parts: dict[Expr, Fraction], whole: dict[Expr, Fraction]) -> int:
    """How many times a product goes into another: 2 for a b in (a b)**2, -1 for its inverse."""
    most: int | None = None
    for base, k in parts.items():
        if base not in whole:
            return 0
        m = int(whole[base] / k)  # rounds towards 0
        if m == 0 or (most is not None and (m > 0) != (most > 0)):
            return 0
        most = m if most is None or abs(m) < abs(most) else most
    return most or 0
