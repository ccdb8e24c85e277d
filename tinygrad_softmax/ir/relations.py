"""Which sizes of the inputs are one, and which follow from others.

In a trace every open size is a number of its own. Where an op demands that two agree that are equal
as the inputs are given, they become one; or one follows from the other (``2 * k``, ``n + k``), or
is even; or, where nothing else does it, it is the number that it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import numpy as np

from .expr import Expr, World
from .fit import divisors
from .sizes import Dim, named, real_of
from .visit import evaluate, ordered

Place = tuple[str, int]
#: Sizes start above this, and above the whole numbers in the user's code.
SMALLEST = 100


class AgainError(Exception):
    """A relation between sizes was found: the function is traced again with it."""


class Sizes:
    """The axes of the inputs: which have one size, and which follow from others."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.real: dict[Place, int] = {
            (name, axis): n for name, value in given.items() if isinstance(value, np.ndarray)
            for axis, n in enumerate(value.shape) if n != 1
        }  # fmt: skip
        self.places = [*self.real]
        self.parent = {place: place for place in self.places}
        #: sizes that are a number, follow from others, or are a multiple of a number
        self.pinned: dict[Place, int] = {}
        self.tied: dict[Place, Dim] = {}
        self.multiple: dict[Place, int] = {}
        self.start, self.scaled = SMALLEST, False
        self.least: dict[Place, int] = {}
        self.fixed = False
        self.labels = {f"{name}.shape[{axis}]": (name, axis) for name, axis in self.places}

    def fix(self) -> None:
        """Make all sizes those given."""
        self.pinned, self.fixed = dict(self.real), True

    def root(self, place: Place) -> Place:
        """Return the first of the axes that have one size."""
        while self.parent[place] != place:
            place = self.parent[place]
        return place

    @property
    def free(self) -> list[Place]:
        """The sizes that are open, from the smallest."""
        known = {**self.pinned, **self.tied}
        roots = [p for p in self.places if self.parent[p] == p and p not in known]
        return sorted(roots, key=lambda place: self.real[place])

    def chosen(self, which: int) -> dict[Place, int]:
        """Return sizes for one of three traces, of which none is another by accident."""
        found = self._chosen(which, self.start)
        for further in range(1, 20):
            if not self._coincide(found):
                break
            found = self._chosen(which, self.start + 40 * further)
        return found

    def _coincide(self, found: dict[Place, int]) -> bool:
        """Whether a size that follows from others is as large as one that is its own."""
        env: dict[Any, int] = {label_of(place): n for place, n in found.items()}
        env |= {label_of(place): n for place, n in self.pinned.items()}
        env |= {label: env[own] for label, place in self.labels.items()
                if (own := label_of(self.root(place))) in env}  # fmt: skip
        for dim in self.tied.values():
            leaves = [str(e.label) for e in ordered([dim.expr]) if e.op is None]
            known = dim.expr.op is not None and all(n in env for n in leaves if n in self.labels)
            if known and int(evaluate([dim.expr], env)[0]) in found.values():
                return True
        return False

    def _chosen(self, which: int, start: int) -> dict[Place, int]:
        """Return sizes above a number, in the order that the real ones have."""
        free = self.free
        if which == 1:  # sizes that are equal by accident the other way round
            free.sort(key=lambda place: (self.real[place], -self.places.index(place)))
        found: dict[Place, int] = {}
        n, gap = start, max(4, 400 // (len(free) + 1))
        rng = np.random.default_rng(which)  # so that no size follows from another by accident
        least = min((self.real[place] for place in free), default=1)
        for place in free:
            m = self.multiple.get(place, 1)
            if self.scaled:  # as large beside one another as they really are
                n = max(n, int(min(self.real[place] / least, 20) * start))
            n = max(n + int(rng.integers(0, gap)) if which else n, self.least.get(place, 0))
            if which == 2:
                step = int(np.lcm(m, 12))
                n = (n // step + 1) * step
            else:
                n = next(k for k in count(n + 1) if k % m == 0 and _is_prime(k // m))
            found[place] = n
        return found

    def settle(self, world: World, which: int) -> dict[Place, int]:
        """Return the size of every axis in a trace, with names."""
        known: dict[Place, int] = dict(self.pinned)
        for place, n in self.chosen(which).items():
            known[place] = size = world.size(label_of(place), n, self.real[place])
            for part in divisors(self.multiple.get(place, 1)):
                if self.multiple[place] % part == 0:  # half of it, known by its value
                    half: Any = size // part
                    world.dims.setdefault(n // part, half)
        waiting = dict(self.tied)
        while waiting:
            before = len(waiting)
            for place, dim in list(waiting.items()):
                leaves = [self.labels[str(e.label)] for e in ordered([dim.expr])
                          if e.op is None and str(e.label) in self.labels]  # fmt: skip
                if all(self.root(leaf) in known for leaf in leaves):
                    known[place] = self._renewed(world, dim, known)
                    made: Any = known[place]
                    world.dims.setdefault(int(made), made)
                    del waiting[place]
            if len(waiting) == before:
                raise RecursionError("sizes that follow from one another")
        return {place: known[self.root(place)] for place in self.places}

    def _renewed(self, world: World, dim: Dim, known: dict[Place, int]) -> Any:
        """Return a size that follows from others, by the names that those have in this world."""
        values: dict[Expr, Any] = {}
        for node in ordered([dim.expr]):
            if node.op is not None:
                values[node] = _ARITHMETIC[node.op.symbol](*(values[arg] for arg in node.args))
            elif str(node.label) in self.labels:
                values[node] = known[self.root(self.labels[str(node.label)])]
            else:
                values[node] = node.value.item()
        return values[dim.expr]

    def relate(self, world: World, first: int, second: int) -> bool:
        """Make two sizes equal that the real ones are; False if nothing does it.

        True means that they are one from now on; other relations begin the trace anew.

        Raises
        ------
        AgainError
            If a size follows from others now.
        """
        pair = [world.named(world.same.get(int(n), n)) for n in (first, second)]
        if real_of(pair[0], world) != real_of(pair[1], world) or pair[0] is pair[1]:
            return False
        places = [place for n in pair if (place := self.place(n)) is not None]
        if len(places) == 2:
            keep, drop = sorted(places, key=self.places.index)
            self.parent[drop] = keep
            self.multiple[keep] = int(
                np.lcm(self.multiple.get(keep, 1), self.multiple.get(drop, 1))
            )
            kept, dropped = pair if places[0] == keep else pair[::-1]
            for size, other in [*world.same.items()]:
                if other == int(dropped):
                    world.same[size] = kept
            world.same[int(dropped)] = kept
            return True
        if world.same or self._tie(world, pair):
            raise AgainError
        return False

    def place(self, size: int) -> Place | None:
        """Return the axis that an open size is that of."""
        if isinstance(size, Dim) and size.expr.op is None:
            place = self.labels.get(str(size.expr.label))
            return place and self.root(place)
        return None

    def _tie(self, world: World, pair: list[int]) -> bool:
        """Let one size follow from others, or be a multiple, so that two sizes agree."""
        exprs = [n.expr if isinstance(n, Dim) else world.lift(int(n)) for n in pair]
        labels = [dict.fromkeys(str(e.label) for e in ordered([x]) if str(e.label) in self.labels)
                  for x in exprs]  # fmt: skip
        both = [*dict.fromkeys([*labels[1], *labels[0]])]
        leaves = {n: d for d in world.dims.values() if (n := str(d.expr.label)) in self.labels}
        if not all(label in leaves for label in both):
            return False
        for mine, other, size in ((0, 1, pair[1]), (1, 0, pair[0])):
            place = self.place(pair[mine])
            label = label_of(place) if place else ""
            if place and label not in labels[other]:
                if isinstance(size, Dim):
                    self.tied[place] = size
                else:
                    self.pinned[place] = int(size)
                return True
        for label in both:
            for kind, wish in self._wishes(label, leaves, both):
                if self._agree(exprs, both, label, wish, leaves):
                    into: Any = self.tied if kind == "tied" else self.multiple
                    into[self.labels[label]] = wish
                    return True
        for label in both:
            found = self._solved(world, exprs, label, both)
            if found is not None:
                where: Any = self.tied if isinstance(found, Dim) else self.pinned
                where[self.labels[label]] = found
                return True
        if self._paired(exprs):
            return True
        for label in both:  # a number, where nothing else does it
            self.pinned[self.labels[label]] = self.real[self.labels[label]]
        return bool(both)

    def _wishes(self, label: str, leaves: Any, both: list[str]) -> Iterator[tuple[str, Any]]:
        """Yield what a size could be, as it really is: ``2 * k``, ``n * k``, ``n + k``, even."""
        real = leaves[label].given
        others = [leaves[name] for name in both if name != label]
        for b in others:
            if b.given and real % b.given == 0 and real > b.given:
                yield "tied", real // b.given * b
        for i, b in enumerate(others):
            for c in others[i:]:
                if real == b.given * c.given:
                    yield "tied", b * c
                if real == b.given + c.given:
                    yield "tied", b + c
        for m in divisors(real):
            yield "multiple", m * self.multiple.get(self.labels[label], 1)
        for b in others:
            if abs(real - b.given) <= 3:
                yield "tied", b + (real - b.given)

    def _solved(self, world: World, exprs: Any, label: str, both: list[str]) -> Any:
        """Return what a size must be if it is a summand of one side: ``H`` in ``H - k == k``."""
        for this, other in (exprs, exprs[::-1]):
            values = []
            for trial in (0, 1, 5):
                env = {name: 7 + 6 * i for i, name in enumerate(both)} | {label: trial}
                values.append((evaluate([this], env)[0], evaluate([other], env)[0]))
            rises = values[1][0] - values[0][0] == 1 and values[2][0] - values[0][0] == 5
            if rises and len({b for _, b in values}) == 1:
                known = {self.labels[name]: d for name in both
                         for d in world.dims.values() if d.expr.label == name}  # fmt: skip
                zero = known | {self.labels[label]: 0}
                sides = [self._renewed(world, named(0, e), zero) for e in (other, this)]
                return sides[0] - sides[1]
        return None

    def _paired(self, exprs: list[Expr]) -> bool:
        """Let the factors of two products of sizes be one another's: ``z0 * z1 == t0 * t1``."""
        sides = [[*self._factors(e)] for e in exprs]
        if None in sides[0] or None in sides[1]:
            return False
        pairs = []
        for place in sides[0]:
            twin = next((p for p in sides[1] if self.real[p] == self.real[place]), None)
            if twin is None:
                return False
            sides[1].remove(twin)
            pairs.append(sorted((place, twin), key=self.places.index))
        if sides[1] or any(self.multiple.get(place, 1) != 1 for pair in pairs for place in pair):
            return False
        for keep, drop in pairs:
            self.parent[self.root(drop)] = self.root(keep)
        return True

    def _factors(self, e: Expr) -> Iterator[Any]:
        if e.op is None:
            place = self.labels.get(str(e.label))
            yield place and self.root(place)
        elif e.op.symbol == "*":
            for arg in e.args:
                yield from self._factors(arg)
        else:
            yield None

    def _agree(self, exprs: Any, both: Any, label: str, wish: Any, leaves: Any) -> bool:
        """Whether two sizes agree if one of those that they are made of is as wished."""
        for trial in (7, 11):
            env = {name: (trial + 6 * i) * self.multiple.get(self.labels[name], 1)
                   for i, name in enumerate(both)}  # fmt: skip
            if isinstance(wish, Dim):
                env[label] = int(evaluate([wish.expr], env)[0])
            else:
                env[label] *= wish
            found = [evaluate([e], env)[0] for e in exprs]
            if found[0] != found[1]:
                return False
        return True


def label_of(place: Place) -> str:
    """Return how the size of an axis is written."""
    return f"{place[0]}.shape[{place[1]}]"


def _is_prime(n: int) -> bool:
    return n > 1 and all(n % k for k in range(2, int(n**0.5) + 1))


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
    "//": lambda a, b: a // b, "/": lambda a, b: a / b, "%": lambda a, b: a % b,
    "**": lambda a, b: a**b,
}  # fmt: skip
