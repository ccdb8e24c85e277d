"""Sums and products as they are thought of: flat, unordered, with coefficients and exponents.

Imports `expr`. ``a - b`` is a sum with a coefficient -1, ``a / b`` a product with an exponent -1,
so that like terms meet and ``x / x`` is gone, whatever order they were written in. Values are kept
compact: a gradient that is constant along an axis has size 1 there, or no such axis at all.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from ..core.op import Op
from ..core.shapes import broadcast
from .cost import cost
from .expr import Expr, World
from .terms import LINEAR, PRODUCT, DerivationError, Law, Number, Step, is_number, number

#: How many attempts may be made within one, and for one derivation: a textbook form takes some 200.
_TRIES, _TOTAL = 100, 1500
#: Laws that are applied within one another: a canonical form needs a few.
_NESTED = 80


class Algebra:
    """Builds canonical expressions, applying the laws as they are built."""

    def __init__(self, world: World, laws: dict[str, list[Law]]) -> None:
        self.world = world
        self.laws = laws
        self.steps: list[Step] = []
        self.forward: dict[Expr, Expr] = {}  # canonical form of a forward value -> that value
        self.aliases: dict[Expr, Expr] = {}  # form -> the name that stands for it
        self.reciprocals: dict[Expr, Expr] = {}  # name -> the sum that it is 1 over
        self.held: set[Expr] = set()  # gradients of intermediate values: lines of their own
        self.distributions: set[tuple[Expr, tuple[int, ...]]] = set()  # inputs that sum to 1
        self.one = world.lift(1)
        self.zero = world.lift(0)
        self.costs: dict[Expr, int] = {}
        self.depth = 0
        self.nested = 0
        self.tries = 0  # attempts within the one under way: they branch, so they are counted
        self.total = 0  # attempts at all
        #: what came of an expression, and how deep in attempts that was found out
        self.settled: dict[Expr, tuple[int, Step | None]] = {}

    def settle(self) -> None:
        """Let go of every attempt; which laws were applied is kept."""
        self.forward.clear()
        self.held.clear()
        self.costs.clear()
        self.settled.clear()

    # --- taking apart ---

    def terms(self, e: Expr) -> dict[Expr, Number]:
        """Return a sum as term -> coefficient."""
        if e.op is LINEAR:
            return dict(zip(e.args, e.setting("coefs"), strict=True))
        if is_number(e):
            return {self.one: number(e.value.item())}
        return {e: Fraction(1)}

    def factors(self, e: Expr) -> tuple[Number, dict[Expr, Fraction]]:
        """Return a product as its coefficient and base -> exponent."""
        terms = self.terms(e)
        if len(terms) > 1:
            return Fraction(1), {e: Fraction(1)}
        ((term, coef),) = terms.items()
        if term is self.one:
            return coef, {}
        if term.op is PRODUCT:
            return coef, dict(zip(term.args, term.setting("exps"), strict=True))
        return coef, {term: Fraction(1)}

    # --- putting together ---

    def linear(self, terms: dict[Expr, Number]) -> Expr:
        """Return the sum of terms with these coefficients."""
        terms = {term: c for term, c in terms.items() if c != 0}
        if not terms:
            return self.zero
        if len(terms) == 1:
            ((term, c),) = terms.items()
            if c == 1:
                return term
            if term is self.one:
                return self.world.lift(float(c) if c != int(c) else int(c))
        order = sorted(terms, key=lambda term: term.serial)
        coefs = tuple(terms[term] for term in order)
        shape = broadcast(*(term.shape for term in order))
        made = self.world.make(LINEAR, tuple(order), (("coefs", coefs),), shape)
        return self.rewritten("linear", made) if len(terms) > 1 else made

    def product(self, coef: Number, factors: dict[Expr, Fraction]) -> Expr:
        """Return the product of bases with these exponents, times a number."""
        factors = {base: _truth_power(base, e) for base, e in factors.items() if e != 0}
        if coef == 0:
            return self.zero
        factors = self._renamed(factors)
        if not factors:
            return self.linear({self.one: coef})
        if len(factors) == 1:
            ((base, e),) = factors.items()
            if e == 1:
                return self.scale(base, coef)
        order = sorted(factors, key=lambda base: base.serial)
        exps = tuple(factors[base] for base in order)
        shape = broadcast(*(base.shape for base in order))
        made = self.world.make(PRODUCT, tuple(order), (("exps", exps),), shape)
        return self.scale(self.rewritten("product", made), coef)

    def _renamed(self, factors: dict[Expr, Fraction]) -> dict[Expr, Fraction]:
        """Put a product that has a name back together."""
        for form, alias in self.aliases.items():
            if form.op is PRODUCT:
                parts = dict(zip(form.args, form.setting("exps"), strict=True))
                if all(_within(k, factors.get(base)) for base, k in parts.items()):
                    left = {b: k - parts.get(b, 0) for b, k in factors.items()}
                    left[alias] = left.get(alias, Fraction(0)) + 1
                    return self._renamed({b: k for b, k in left.items() if k})
        return factors

    def scale(self, e: Expr, coef: Number) -> Expr:
        """Return a number times an expression, the number taken into a sum."""
        return e if coef == 1 else self.linear({t: c * coef for t, c in self.terms(e).items()})

    def add(self, *parts: Expr) -> Expr:
        """Return a sum."""
        terms: dict[Expr, Number] = {}
        for part in parts:
            for term, c in self.terms(part).items():
                terms[term] = terms.get(term, Fraction(0)) + c
        return self.linear(terms)

    def times(self, *parts: Expr) -> Expr:
        """Return a product."""
        coef: Number = Fraction(1)
        factors: dict[Expr, Fraction] = {}
        for part in parts:
            c, found = self.factors(part)
            coef = coef * c
            for base, e in found.items():
                factors[base] = factors.get(base, Fraction(0)) + e
        return self.product(coef, factors)

    def power(self, e: Expr, exponent: Fraction) -> Expr:
        """Return an expression to a constant power."""
        coef, factors = self.factors(e)
        if len(factors) == 1 and next(iter(factors)).op is LINEAR:
            # (2 b - 2 a)**-1 is -1/2 (a - b)**-1: the first term's sign and size go outside
            ((base, k),) = factors.items()
            lead = next(iter(self.terms(base).values()))
            if (
                k == 1
                and lead != 1
                and isinstance(lead, Fraction)
                and (exponent.denominator == 1 and coef == 1)
            ):
                return self.scale(
                    self.power(self.scale(base, 1 / lead), exponent), lead ** int(exponent)
                )
        if exponent.denominator != 1 and (
            coef != 1 or any(k.denominator != 1 or k % 2 == 0 for k in factors.values())
        ):
            if coef > 0 and coef != 1:
                return self.times(self.world.lift(float(coef) ** float(exponent)),
                                  self.power(self.scale(e, 1 / coef), exponent))  # fmt: skip
            if coef != 1 or any(k % 2 == 0 for k in factors.values()):
                return self.product(Fraction(1), {e: exponent})  # (x**2)**0.5 is |x|, not x
        raised: Number = coef ** int(exponent) if exponent.denominator == 1 else Fraction(1)
        return self.product(raised, {base: k * exponent for base, k in factors.items()})

    def op(self, op: Op, args: tuple[Expr, ...], settings: Any, shape: Any) -> Expr:
        """Return any other op on canonical operands."""
        made = self.world.make(op, args, settings, shape)
        return self.rewritten(op.kind, made)

    # --- the laws ---

    def rewritten(self, kind: str, e: Expr) -> Expr:
        """Apply the first law that holds at `e`, and so on from there."""
        found = self.settled.get(e)
        if found is not None and (found[1] is not None or found[0] <= self.depth):
            if found[1] is None:
                return e
            self.steps.append(found[1])
            return found[1].after
        for law in self.laws.get(kind, ()):
            after = self._applied(law, e)
            if after is not None and after is not e:
                step = Step(law, e, after)
                self.steps.append(step)
                self.settled[e] = (self.depth, step)
                return after
        self.settled[e] = (self.depth, None)
        return e

    def _applied(self, law: Law, e: Expr) -> Expr | None:
        """Apply a law; what it builds is rewritten in turn, and that has to come to an end."""
        self.nested += 1
        if self.nested > _NESTED:
            raise DerivationError(
                f"more than {_NESTED} laws were applied within one another, {law.name} last: they "
                "do not come to rest"
            )
        try:
            return law.apply(self, e)
        finally:
            self.nested -= 1

    def attempt(self, e: Expr, build: Callable[[], Expr], ties: bool = False) -> Expr | None:
        """Return what `build` makes if it costs less than `e`, None (and no steps) otherwise.

        With `ties`, as much is good enough; only one direction of a law may ask for that.
        """
        self.tries = self.tries + 1 if self.depth else 0
        if self.depth > 4 or self.tries > _TRIES or self.total > _TOTAL:
            return None
        self.total += 1
        mark = len(self.steps)
        self.depth += 1
        try:
            after = build()
        finally:
            self.depth -= 1
        if self.cost(after) < self.cost(e) + ties:
            return after
        del self.steps[mark:]
        return None

    def cost(self, e: Expr) -> int:
        """Count the operations of an expression, each once; a name costs nothing."""
        if e not in self.costs:
            self.costs[e] = cost(e)
        return self.costs[e]


def _within(k: Fraction, whole: Fraction | None) -> bool:
    return whole is not None and (0 < k <= whole or whole <= k < 0)


def _truth_power(base: Expr, e: Fraction) -> Fraction:
    """A mask times itself is the mask."""
    return Fraction(1) if base.dtype == bool and e > 0 else e
