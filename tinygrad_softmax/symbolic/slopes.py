"""The gradient lines in the making: what each is, what is shared, and in which order they stand.

Imports `algebra` and `updates`.
"""

from __future__ import annotations

from collections import Counter

from .algebra import Algebra
from .evaluate import ordered, substituted
from .expr import Expr, World
from .updates import inner_scatters


class Slopes:
    """Gradients with names: how they are made of one another."""

    def __init__(self, world: World) -> None:
        self.plain = Algebra(world, {})  # an algebra that knows no names meets none again
        self.made: dict[Expr, Expr] = {}  # name of a gradient -> what it is
        self.results: dict[str, Expr] = {}  # by what -> its gradient

    def counted(self) -> Counter[Expr]:
        """Count how often each expression is written."""
        counts: Counter[Expr] = Counter()
        stack = list(self.results.values())
        seen: set[Expr] = set()
        while stack:
            e = stack.pop()
            counts[e] += 1
            if e in seen:
                continue
            seen.add(e)
            stack.extend([self.made[e]] if e in self.made else e.args)
        return counts

    def substitute(self, e: Expr, alias: Expr) -> None:
        """Put a name in place of an expression everywhere."""
        names, world = {e: alias}, self.plain.world
        self.made = {name: substituted(form, names, world) for name, form in self.made.items()}
        self.results = {n: substituted(form, names, world) for n, form in self.results.items()}

    def name(self, e: Expr, label: str) -> None:
        """Give an expression a line of its own."""
        alias = self.plain.world.leaf(label, e.shape, e.dtype)
        self.substitute(e, alias)
        self.made[alias] = e

    def scatter(self) -> Expr | None:
        """Return a scatter that no update in place takes care of, the innermost first."""
        counts = self.counted()
        forms = [form for alias, form in self.made.items() if alias in counts]
        for form in (*forms, *self.results.values()):
            inner = inner_scatters(self.plain, form)
            if inner:
                return inner[0]
        return None

    def merge_masks(self) -> None:
        """Call a masked gradient by the name it had before the mask, if that is used only there.

        As a person does: ``dhidden = dscores @ W2.T`` and then ``dhidden[hidden <= 0] = 0``.
        """
        for alias in list(self.made):
            counts, form = self.counted(), self.made.get(alias, alias)
            coef, factors = self.plain.factors(form)
            inner = [b for b in factors if b in self.made and counts[b] == 1]
            masks = [b for b in factors if b.dtype == bool and b not in self.made]
            if (
                alias in counts
                and coef == 1
                and [*factors.values()] == [1, 1]
                and len(inner) == len(masks) == 1
            ):
                (before,), (mask,) = inner, masks
                if tuple(before.shape) == tuple(form.shape):
                    whole = self.made.pop(before)
                    del self.made[alias]
                    self.substitute(alias, before)
                    self.made[before] = self.plain.times(whole, mask)

    def lines(self, finals: dict[str, str]) -> list[tuple[str, Expr]]:
        """Order the lines: a parameter's as soon as it can be written.

        `finals` are the names for the results.
        """
        counts = self.counted()
        final = {self.plain.world.leaf(label, ()): name for name, label in finals.items()}
        left = {a: f for a, f in self.made.items() if a in counts}
        left |= {a: self.results[name] for a, name in final.items() if a not in left}
        done: list[tuple[str, Expr]] = []
        while left:
            ready = [a for a, form in left.items() if not set(ordered([form])) & left.keys() - {a}]
            ends = sorted(
                (a for a in ready if a in final),
                key=lambda a: int(list(self.results).index(final[a])),
            )
            done += [(str(alias.label), left.pop(alias)) for alias in ends or [ready[0]]]
        return done
