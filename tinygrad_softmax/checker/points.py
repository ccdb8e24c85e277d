"""Small fresh points: other sizes, other numbers, of the kind of those given.

Imports `hand`, `kinds` and `trees`. Which sizes belong together is found by trying: axes of one
length are one size unless the loss runs when some of them differ, and a size may change by itself
or with another one. Nothing needs to be traced, so any function will do.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from itertools import combinations, product
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..core.errors import BackwardError
from .hand import Hand, copied
from .kinds import Labels, Nature, scalar
from .trees import Inputs, is_real, leaves, replaced

#: An axis of an input, or an input that is a size itself (axis -1).
Axis: TypeAlias = tuple[str, int]
Sizes: TypeAlias = tuple[int, ...]  # of each symbol
_SMALL, _LARGEST, _TRIES = (5, 4, 7, 3, 6, 8, 9, 2), 8, 24
#: So many runs are tried to find out how sizes go together, fewer of a slow loss.
_RUNS, _SECONDS = 300, 0.4
#: So many sizes are looked at for one at which the result is wide, more if there is time.
_LOOKED = 6
#: A weight of a term of the loss that is smaller is drawn larger, or no point would show the term.
_WEIGHT = 0.3


class Points(NamedTuple):
    """Inputs to compare at, and what could not be varied in them."""

    points: list[dict[str, Any]]
    notes: tuple[str, ...]
    resized: bool


def points(hand: Hand, inputs: Inputs, wrt: tuple[str, ...], count: int = 3,
           resize: bool = True) -> Points:  # fmt: skip
    """Draw small points at which the loss and its gradient run and are finite.

    Parameters
    ----------
    hand : Hand
        The learner's functions.
    inputs : dict
        The inputs given; none is copied if it is large.
    wrt : tuple of str
        The leaves that are differentiated with respect to.
    count : int
        How many points.
    resize : bool
        Whether sizes change; else only numbers do, unless the sizes given are large.
    """
    with np.errstate(all="ignore"):
        layout = _Layout(hand, inputs, wrt, resize)
        made = list(layout.points(count))
        off = layout.off()
    notes = [layout.note] if layout.note else []
    if off:
        verb, them = ("is", "it") if len(off) == 1 else ("are", "them")
        notes.append(f"{' and '.join(off)} {verb} 0, at the points too: what is multiplied by "
                     f"{them} was not compared")  # fmt: skip
    return Points(made, tuple(notes), layout.resized)


class _Layout:
    """Which axes share a size, and how sizes may change."""

    def __init__(self, hand: Hand, inputs: Inputs, wrt: tuple[str, ...],
                 resize: bool) -> None:  # fmt: skip
        self.hand, self.inputs, self.wrt, self.note = hand, inputs, wrt, ""
        self.wide = hand.out_shape
        self.resized, self.used, self.scale = resize, set[Sizes](), 1.0
        self.idle, self.weights = set[str](), set[str]()
        self.given = dict(leaves(inputs))
        self.arrays = {n: v for n, v in self.given.items()
                       if isinstance(v, np.ndarray) and v.dtype.kind in "fiub"}  # fmt: skip
        self.natures = {n: Nature(v, n in wrt) for n, v in self.arrays.items() if v.size}
        axes = [((n, i), length) for n, v in self.arrays.items() for i, length in enumerate(v.shape)
                if length > 1]  # fmt: skip
        counts = [((n, -1), v) for n, v in self.given.items() if type(v) is int and v > 1
                  and any(v == length for _, length in axes)]  # fmt: skip
        self.labels: dict[str, tuple[int, int]] = {}  # the symbol they pick from, and an offset
        self.until, self.runs = time.perf_counter() + _SECONDS, 0
        self.sizes = self._first(axes, counts)
        self.start = self.groups, self.sizes
        self._find_labels()
        self.moves: list[dict[int, int]] = []
        if resize:
            self._split()
            self._restore_numbers()
            self.moves = [*self._find_moves(), *self._find_more()]
        numbers = {n: v for n, v in self.given.items() if isinstance(v, float) and n not in wrt}
        self.idle = {n for n, v in numbers.items() if self._is_idle(n, v)}
        self.weights = {n for n, v in numbers.items() if n not in self.idle
                        and 0 < abs(v) < _WEIGHT and self._is_weight(n)}  # fmt: skip

    # --- which sizes there are ---

    def _first(self, axes: list[tuple[Axis, int]], counts: list[tuple[Axis, int]]) -> Sizes:
        """Find the first sizes at which the loss runs: small ones if the given ones are not."""
        for some in ([*axes, *counts], axes) if counts else (axes,):
            lengths = [*dict.fromkeys(length for _, length in axes)]
            self.groups = [{axis for axis, n in some if n == length} for length in lengths]
            given = tuple(lengths)
            if given and max(given) <= _LARGEST and len(some) == len(axes) and self._runs(given):
                return given
            for sizes in _shrunk(given):
                if self._runs(sizes):
                    return sizes
        self.groups = [{axis for axis, n in axes if n == length} for length in lengths]
        return self._greedy(given)

    def _greedy(self, given: Sizes) -> Sizes:
        """Shrink what can be shrunk, one size after the other, from those given."""
        sizes = list(given)
        for i, length in sorted(enumerate(given), key=lambda pair: -pair[1]):
            for small in (n for n in _SMALL if n < length and n not in sizes):
                if self._runs((*sizes[:i], small, *sizes[i + 1 :])):
                    sizes[i] = small
                    break
        if max(sizes, default=0) > 12:
            self.note = "not all sizes could be made small"
        return tuple(sizes)

    def _split(self) -> None:
        """Tell sizes apart that are equal by chance: the loss runs if they differ, either way."""
        for with_another in (False, True):
            for index in range(len(self.groups)):
                members = sorted(self.groups[index])
                subsets = [set(c) for k in range(1, len(members)) for c in combinations(members, k)]
                ranked = [(self._parting(some, index), some) for some in subsets[:500]]
                likely = sorted((pair for pair in ranked if pair[0]), key=lambda pair: pair[0])
                pairs = self._tied(index)
                for _, some in likely[:_TRIES]:
                    tied = any(((n, i) in some) != ((n, i + 1) in some) for n, i in pairs)
                    if some < self.groups[index] and not tied and not self._is_late():
                        self._part(some, index, with_another)

    def _part(self, some: set[Axis], index: int, with_another: bool) -> None:
        """Make a size of its own of some axes, if the loss runs; another size may have to move."""
        before, sizes = self.groups, self.sizes
        self.groups = [*before, some]
        self.groups[index] = before[index] - some
        old, others = sizes[index], [i for i in range(len(sizes)) if i != index]
        moves = [{i: k} for i in others for k in (1, -1)] if with_another else [{}]
        for move in moves:
            self.sizes = (*sizes, old)
            if all(
                self._runs(self._moved(move | {len(sizes): 1}, k)) for k in (1, self._back(old))
            ) and self._keeps_shapes(self._moved(move | {len(sizes): 1})):
                self.sizes = self._moved(move | {len(sizes): 1})
                news = (n for n in (*_SMALL, *range(10, 30)) if n not in self.sizes)
                apart = (*sizes, next(news))
                if not with_another and self._runs(apart):
                    self.sizes = apart
                return
        self.groups, self.sizes = before, sizes

    def _tied(self, index: int) -> list[Axis]:
        """Return the last axes but one of kernels, triangles and rotations with a size."""
        group = self.groups[index]
        return [(n, i) for n, i in group if n in self.natures and self.natures[n].tied
                and i == self.arrays[n].ndim - 2 and (n, i + 1) in group]  # fmt: skip

    @staticmethod
    def _back(size: int) -> int:
        """Return how far to go the other way: an axis of one entry fits any other."""
        return -1 if size > 2 else 2

    def _parting(self, some: set[Axis], index: int) -> int:
        """Rate a split: 0 if data that goes together row by row no longer does, 1 if it does.

        Rows are known by their place among the axes: 2 says that only the last ones still agree.
        """
        parts = (some, self.groups[index] - some)
        if any(all(axis < 0 for _, axis in part) for part in parts):
            return 0
        names = [{n for n, _ in part if n not in self.wrt and n in self.arrays} for part in parts]
        groups = (*self.groups[:index], *self.groups[index + 1 :], *parts)
        worst = 1
        for a, b in product(*names):
            if a != b:
                ndim = self.arrays[a].ndim, self.arrays[b].ndim
                shared = [(i, j) for group in groups for n, i in group if n == a
                          for m, j in group if m == b]  # fmt: skip
                if not any(i == j for i, j in shared):
                    worst = 2 if any(i - ndim[0] == j - ndim[1] for i, j in shared) else 0
                    if not worst:
                        return 0
        return worst

    def _is_idle(self, name: str, value: float) -> bool:
        """Whether the loss does not depend on a number: a step, a bound for clipping."""
        point = self._point(self.sizes, np.random.default_rng(1), {}, tried=2)
        try:
            return all(np.array_equal(self.hand.loss(copied(replaced(point, {name: v}))),
                                      self.hand.loss(copied(replaced(point, {name: value}))))
                       for v in (0.8 * value + 0.1, 1.3 * value + 0.2))  # fmt: skip
        except Exception:  # a function may refuse what it likes
            return False

    def _is_weight(self, name: str) -> bool:
        """Whether a number is a weight in the loss, as that of a penalty: the loss is a line in it.

        So any value of it will do. Near a line is not enough: a bound that only cuts a little off
        is no weight.
        """
        point = self._point(self.sizes, np.random.default_rng(1), {}, tried=2)
        try:
            at = [float(self.hand.loss(copied(replaced(point, {name: v}))))
                  for v in (0.1, 0.2, 0.4, 0.8, 1.6)]  # fmt: skip
        except Exception:  # a function may refuse what it likes
            return False
        slopes = np.diff(at) / (0.1, 0.2, 0.4, 0.8)
        size = float(np.max(np.abs(at)))
        return bool(
            abs(slopes[0]) > 1e-9 * size
            and np.all(np.abs(slopes - slopes[-1]) <= 1e-12 * size + 1e-9 * abs(slopes[0]))
        )

    def off(self) -> list[str]:
        """Return the weights of the loss that are 0: a penalty that is switched off."""
        return [n for n, v in self.given.items() if type(v) in (int, float) and v == 0
                and n not in self.wrt and n not in self.labels and self._is_weight(n)]  # fmt: skip

    # --- how they may change ---

    def _numbers(self) -> set[int]:
        """Return the sizes that are no length of an array: a stride, a window."""
        return {i for i, group in enumerate(self.groups) if all(axis < 0 for _, axis in group)}

    def _restore_numbers(self) -> None:
        """Let numbers begin at what was given: a stride that is made large leaves one window."""
        for i in sorted(self._numbers()):
            sizes = (*self.sizes[:i], self._number_of(i), *self.sizes[i + 1 :])
            if self._runs(sizes):
                self.sizes = sizes

    def _find_moves(self) -> Iterator[dict[int, int]]:
        """Yield changes of sizes after which the loss runs: of one, or of two that depend."""
        count = len(self.sizes)
        stuck = []
        for i in range(count):
            if self._may_move({i: 1}):
                yield {i: 1}
            else:
                stuck.append(i)
        for i, j in ((i, j) for i in stuck for j in range(count) if i != j):
            if self._is_late():
                return
            ratio, rest = divmod(self.sizes[j], self.sizes[i])
            steps = [{i: 1, j: ratio}] if ratio > 1 and not rest else []
            for step in (*steps, {i: 1, j: 1}, {i: 1, j: -1}):
                if self._may_move(step):
                    yield step
                    break

    def _find_more(self) -> Iterator[dict[int, int]]:
        """Yield changes of what has no length to be known by: of numbers, of a single example."""
        taken = {axis for group in self.groups for axis in group}
        data = [n for n, v in self.arrays.items() if n not in self.wrt and v.ndim]
        single = {(n, 0) for n in data} if all(len(self.arrays[n]) == 1 for n in data) else set()
        numbers = [({(n, -1)}, v) for n, v in self.given.items()
                   if type(v) is int and v > 0 and (n, -1) not in taken
                   and n not in self.labels]  # fmt: skip
        for group, start in [*([(single, 1)] if single else []), *numbers]:
            before, sizes = self.groups, self.sizes
            self.groups = [*before, group]
            if not self._is_late() and all(
                self._runs((*sizes, start + k)) and self._keeps_shapes((*sizes, start + k))
                for k in (0, 1, 2)
            ):
                self.sizes = (*sizes, start if group is not single else max(start, 2) + 1)
                yield {len(sizes): 1}
            else:
                self.groups = before

    def _keeps_shapes(self, sizes: Sizes) -> bool:
        """Whether gradients have the shapes of their parameters still: what broadcasts may not."""
        point = self._point(sizes, np.random.default_rng(1), {}, tried=2)
        try:
            found = self.hand.run(point).gradients
        except Exception:  # a wrong gradient may not run at all sizes
            return True
        now = dict(leaves(point))
        return all(np.shape(found[n]) == np.shape(now[n]) for n in self.hand.shapes)

    def _may_move(self, move: dict[int, int]) -> bool:
        back = self._back(min(self.sizes[i] for i in move))
        return all(self._runs(self._moved(move, times)) for times in (1, back))

    def _moved(self, move: dict[int, int], times: int = 1) -> Sizes:
        return tuple(n + times * move.get(i, 0) for i, n in enumerate(self.sizes))

    def _is_late(self) -> bool:
        return self.runs > _RUNS or time.perf_counter() > self.until

    # --- labels ---

    def _find_labels(self) -> None:
        """Find out which size whole numbers pick from: beyond it the loss fails."""
        for name in [n for n, v in self.arrays.items() if v.dtype.kind in "iu" and v.size]:
            array = self.arrays[name]
            low, high = int(array.min()), int(array.max())
            known = {len_: i for i, len_ in reversed([*enumerate(self._lengths())])}
            many = high - low > 1 or name in self.labels
            if not self._runs(self.sizes, {name: 40}):
                most = next((m for m in range(max(self.sizes), 0, -1)
                             if self._runs(self.sizes, {name: m})), None)  # fmt: skip
                fit = [(abs(most - n + 1), i) for i, n in enumerate(self.sizes) if most is not None
                       and 0 <= most - n + 1 <= 1 and self._lengths()[i] > high - 1]  # fmt: skip
                if fit:
                    offset, index = min(fit)
                    self.labels[name] = index, offset
            elif many and low >= 0 and high + 1 in known:
                self.labels[name] = known[high + 1], 0  # compared, one by one
        taken = {name for group in self.groups for name, axis in group if axis < 0}
        for name in [n for n, v in self.given.items() if type(v) is int and n not in taken]:
            ran = [m for m in range(max(self.sizes, default=0) + 2)
                   if self._runs(self.sizes, {name: m})]  # fmt: skip
            fit = [(ran[0], i) for i, n in enumerate(self.sizes)
                   if ran and ran[0] < 2 and ran == [*range(ran[0], n + ran[0])]]  # fmt: skip
            if fit:  # an index, or how many are taken: all up to a size will do
                offset, index = min(fit)
                self.labels[name] = index, offset

    def _lengths(self) -> list[int]:
        """Return the lengths given, of each symbol."""
        found = []
        for group in self.groups:
            name, axis = max(group, key=lambda pair: pair[1])
            found.append(int(self.given[name] if axis < 0 else self.arrays[name].shape[axis]))
        return found

    # --- points ---

    def points(self, count: int) -> Iterator[dict[str, Any]]:
        """Yield points at which the loss and the gradients run and are finite."""
        made, failed, split = 0, "", (self.groups, self.sizes)
        for level, (groups, sizes) in enumerate((split, split, self.start)):
            self.groups, self.sizes, raised = groups, sizes, 0
            for tried in range(12):
                rng = np.random.default_rng(1000 * level + tried)
                chosen = self._drawn_sizes(rng) if level == 0 else sizes
                # larger scores at some points: of every kink, both sides
                self.scale = (1.0, 1.8, 1.3)[tried % 3] if tried < count else 1.0
                point = self._point(chosen, rng, tried=max(0, tried - count))
                try:
                    fine = self._is_fine(point)
                except BackwardError:
                    raise
                except Exception as error:  # a function may refuse what it likes
                    fine, failed, raised = False, str(error).partition("\n")[0], raised + 1
                if fine:
                    made += 1
                    yield point
                if made == count or raised > 5:
                    break
            if made == count:
                break
        self.resized = self.resized and level < 2
        if failed and level:
            where = "the inputs" if not made else "sizes that go with those"
            self.note = f"{self.hand.name} runs at {where} given only (at others: {failed})"
        if not made:
            self.resized = False
            yield copied(self.inputs)

    def _is_fine(self, point: dict[str, Any]) -> bool:
        value = np.asarray(self.hand.loss(copied(point)))
        if not np.isfinite(value).all():
            return False
        found, now = self.hand.run(point).gradients, dict(leaves(point))
        for name in self.hand.shapes:
            shape = np.shape(found[name])
            if shape != np.shape(now[name]):  # something was broadcast, or is fixed in the code
                raise ValueError(f"its gradient of {name} has the shape {shape} there")
        return True

    def _drawn_sizes(self, rng: Any) -> Sizes:
        """Draw sizes at which the loss runs: all different, and at least three, if that can be."""
        ranked: list[tuple[float, Sizes]] = []
        numbers = self._numbers()
        # a loss in a loop may have to be differentiated by differences, entry by entry
        draws, many, per = (60, 60, 15) if self.hand.loops else (12, 300, 100)
        for _ in range(draws):
            sizes = self.sizes
            for move in self.moves:
                most = 1 if numbers.issuperset(move) else 3
                times = int(rng.integers(-most, most + 1))
                sizes = tuple(n + times * move.get(i, 0) for i, n in enumerate(sizes))
            if any(n < (1 if i in numbers else 2) for i, n in enumerate(sizes)):
                continue
            twice = len(sizes) - len({*sizes})
            small = sum(n == 2 for n in sizes)
            large = sum(max(0, n - 2 * _LARGEST) for n in sizes)
            bad = 3 * twice + small + large + 2 * (sizes in self.used)
            bad += 5 * self._is_crowded(sizes)
            # a window or a stride of 1 hides what goes wrong with longer ones
            bad += 9 * sum(sizes[i] == 1 < self._number_of(i) for i in numbers)
            ranked.append((bad + max(0, self._entries(sizes) - many) / per, sizes))
        best = self._widest([sizes for _, sizes in sorted(ranked, key=lambda pair: pair[0])])
        self.used.add(best)
        return best

    def _widest(self, drawn: list[Sizes]) -> Sizes:
        """Return the first sizes at which the loss runs, and its result is as wide as was given.

        In a result of a single row or a single window, sums over rows or windows cannot go wrong.
        """
        best, least = self.sizes, math.inf
        for tried, sizes in enumerate(drawn):
            if tried >= _LOOKED and self._is_late():
                break
            if not self._runs(sizes):
                continue
            now = self.hand.out_shape
            narrow = 10 * sum(n == 1 < m for n, m in zip(now, self.wide, strict=False))
            narrow += sum(n == 1 for n in now) if self._numbers() else 0  # of windows, say
            if narrow < least:
                best, least = sizes, narrow
            if not narrow:
                break
        return best

    def _number_of(self, index: int) -> int:
        """Return what was given for a size that is no length of an array."""
        return int(self.given[min(self.groups[index])[0]])

    def _is_crowded(self, sizes: Sizes) -> bool:
        """Whether there are fewer places than indices that are each there once."""
        where = {axis: n for group, n in zip(self.groups, sizes, strict=False) for axis in group}
        once = [n for n in self.labels if n in self.natures and self.natures[n].once]
        return any(where.get((n, 0), 0) > sizes[self.labels[n][0]] for n in once)

    def _entries(self, sizes: Sizes) -> int:
        where = {axis: n for group, n in zip(self.groups, sizes, strict=True) for axis in group}
        return sum(math.prod(where.get((n, i), length) for i, length in enumerate(v.shape))
                   for n, v in self.arrays.items())  # fmt: skip

    def _runs(self, sizes: Sizes, fill: dict[str, int] | None = None) -> bool:
        """Whether the loss runs at some sizes; labels may be filled with one number."""
        if min(sizes, default=1) < 1:
            return False
        self.runs += 1
        point = self._point(sizes, np.random.default_rng(1), fill or {}, tried=2)
        try:
            self.hand.loss(copied(point))
        except Exception:  # a function may refuse what it likes
            return False
        return True

    def _point(self, sizes: Sizes, rng: Any, fill: dict[str, int] | None = None,
               tried: int = 0) -> dict[str, Any]:  # fmt: skip
        """Draw a point of some sizes."""
        new: dict[str, Any] = {}
        where = {axis: n for group, n in zip(self.groups, sizes, strict=False) for axis in group}
        for name, value in self.given.items():
            if name in self.arrays:
                shape = tuple(where.get((name, i), n) for i, n in enumerate(value.shape))
                new[name] = self._array(name, value, shape, sizes, rng, fill, tried)
            elif (name, -1) in where:
                new[name] = where[name, -1]
            elif type(value) is int and (name in (fill or {}) or name in self.labels):
                new[name] = self._picked(name, sizes, rng, fill or {})
            elif is_real(value) and name not in self.idle:
                start = 0.5 if name in self.weights else value
                new[name] = scalar(math.copysign(start, value), name in self.wrt, rng,
                                   _is_near(tried))  # fmt: skip
        made: dict[str, Any] = replaced(dict(self.inputs), new)
        return made

    def _picked(self, name: str, sizes: Sizes, rng: Any, fill: dict[str, int]) -> int:
        """Return a number that picks an entry."""
        if name in fill:
            return fill[name]
        index, offset = self.labels[name]
        return int(rng.integers(offset, sizes[index] + offset))

    def _array(self, name: str, value: Any, shape: Sizes, sizes: Sizes, rng: Any,
               fill: dict[str, int] | None, tried: int) -> Any:  # fmt: skip
        if value.dtype.kind in "iu" and fill is not None and name not in self.labels:
            low = int(value.min()) if value.size else 0
            if name in fill:
                return np.full(shape, fill[name], value.dtype)
            return np.full(shape, max(low, 0) or int(low == 1), value.dtype)
        labels = None
        if name in self.labels:
            index, offset = self.labels[name]
            labels = Labels(offset, sizes[index] - 1 + offset)
            if fill and name in fill:
                return np.full(shape, fill[name], value.dtype)
        if not value.ndim and value.dtype.kind == "f":
            return np.asarray(scalar(float(value), name in self.wrt, rng, _is_near(tried)))
        if name not in self.natures:
            return value
        bound = labels.high + 1 if labels is not None else None
        made = self.natures[name].drawn(shape, bound, rng, _is_near(tried))
        made = made if made.shape == shape else np.resize(made, shape)
        is_free = (
            name in self.wrt and made.dtype.kind == "f" and np.any(made < 0) and np.any(made > 0)
        )
        return made * self.scale if is_free else made


def _is_near(tried: int) -> bool:
    """Whether to draw near to what was given, after draws that failed."""
    return tried > 1 and tried % 2 == 0


def _shrunk(given: Sizes) -> Iterator[Sizes]:
    """Yield small sizes for those given: all different, then such that depend as those given may.

    A size may be a multiple of another, a sum, a product, or what a window leaves.
    """
    small = dict(zip(sorted({*given}, reverse=True), _SMALL, strict=False))
    if len(small) == len({*given}):
        yield tuple(small[n] for n in given)
        order = sorted({*given})  # as large as those given are in comparison
        rising = dict(zip(order, range(3, 3 + len(order)), strict=True))
        yield tuple(rising[n] for n in given)
    order = sorted({*given})
    free = iter((3, 4, 5, 7, 6, 8, 9, 10, 11, 12))
    made: dict[int, int] = {}
    for n in order:
        known = [*made]
        least = next((made[a] * (n // a) for a in reversed(known) if n % a == 0 and n // a < 9), 0)
        least = least or next((made[a] * made[b] for a in known for b in known if a * b == n), 0)
        least = least or next((made[a] + made[b] for a in known for b in known if a + b == n), 0)
        made[n] = least or next(free, n)
    yield tuple(made[n] for n in given)
    yield given if max(given, default=0) <= 40 else tuple(min(n, 40) for n in given)
