"""The one that rewrites a loss by the laws of stability, and what these may ask of it.

Imports `exponentials` and `algebra`. Each value is rewritten once, after those it is made of; the
laws stand in `stability`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ..ops import choices, elementwise
from .algebra import Algebra
from .evaluate import ordered
from .exponentials import kind
from .expr import Expr, World
from .laws.declare import laws_into
from .terms import DerivationError, Law, Step, is_number

#: Kind of op -> the laws that may apply to it, in this order.
STABILITY: dict[str, list[Law]] = {}
stability_law = laws_into(STABILITY)
_MOST_STEPS = 10_000


class Stabiliser:
    """Rewrites traced expressions, each once, and remembers the steps."""

    def __init__(self, world: World) -> None:
        self.world: World = world
        self.tidy = Algebra(world, {})
        self.known: dict[Expr, Expr] = {}
        self.was: dict[Expr, Expr] = {}  # what came of a value -> the value, its parts rewritten
        self.shifts: dict[Expr, tuple[Expr, Expr]] = {}  # scores - m -> scores, exp(scores - m)
        self.steps: list[Step] = []

    def __call__(self, e: Expr) -> Expr:
        """Return the stable form of `e`."""
        for node in ordered([e]):
            if node not in self.known:
                args = tuple(self.known[arg] for arg in node.args)
                same = all(a is b for a, b in zip(args, node.args, strict=True))
                made = node if same else self.world.make(
                    node.op, args, node.settings, node.shape)  # fmt: skip
                self.known[node] = self._rewritten(made)
        return self.known[e]

    def _rewritten(self, e: Expr) -> Expr:
        for law in STABILITY.get(kind(e), ()):
            after = law.apply(self, e)
            if after is not None:
                self.steps.append(Step(law, e, after))
                if len(self.steps) > _MOST_STEPS:
                    raise DerivationError(f"{law.name} was applied without end: {len(self.steps)}")
                self.was.setdefault(after, e)
                return after
        return e

    def made(self, e: Expr) -> Expr:
        """Keep what a law has made as it is: its parts are stable already."""
        for node in ordered([e]):
            self.known.setdefault(node, node)
        return e

    def log(self, e: Expr) -> Expr:
        """Return the stable logarithm of a positive expression."""
        if is_number(e):
            value = float(np.log(e.value))
            return self.world.lift(int(value) if value == int(value) else value)
        logarithm: Expr = elementwise.log(e)
        return self(logarithm)

    def exponent(self, factors: dict[Expr, Fraction]) -> Expr:
        """Return the logarithm of a product of positive factors."""
        return self.made(self.tidy.add(*(self.tidy.scale(self.log(b), k)
                                         for b, k in factors.items())))  # fmt: skip

    def difference(self, a: Expr, b: Expr) -> Expr:
        """Return ``a - b``, a zero not written."""
        return self.made(-b if is_number(a) and a.value == 0 else a - b)

    def powers(self, scores: Expr, axis: Any) -> Expr:
        """Return ``exp(scores - m)`` for the largest m, which is a constant for the gradient."""
        most = np.max(choices.stop_gradient(scores), axis=axis, keepdims=True)
        shift = scores - most
        powers = self.made(elementwise.exp(shift))
        self.shifts[shift] = (scores, powers)
        return powers
