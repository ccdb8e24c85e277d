"""Three traces made one program: what a function computes, whatever the sizes.

What is the same in all three holds for all sizes; what differs is fitted as an expression of the
sizes, or the program is for the sizes given alone.
"""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import GradientLostError
from ..ops.choices import equal
from ..ops.elementwise import remainder
from ..ops.indexing import getitem, scatter
from .expr import Counted, Expr, Noted, Slot, World, frozen, updated
from .fit import Fit
from .names import between
from .relations import Place, Sizes, label_of
from .sizes import Dim, Ratio, named
from .visit import evaluate, ordered

#: So many sizes are drawn that all differ.
_MANY = 12


class OneSizeError(Exception):
    """Why a program cannot be for all sizes."""


class Assumption(NamedTuple):
    """What a program rests on besides the shapes: ``text`` is NumPy code that must be true."""

    text: str
    fact: Expr

    def holds(self, /, **inputs: Any) -> bool:
        """Whether it is true of some inputs."""
        return bool(evaluate([self.fact], environment(inputs))[0])


class Trace(NamedTuple):
    """What a function computes, as expressions.

    ``sizes`` says of every size that is open from which input and axis it is read; ``axes`` of
    every axis what its size is, a number or an expression; ``indices`` are the integer values that
    are used as indices, and the sizes of the axes that they pick from. If `generic` is false the
    program holds for the sizes given alone, and `reason` says why.
    """

    world: World
    inputs: dict[str, Expr]
    static: dict[str, Any]
    output: Expr
    names: dict[str, Expr]  # local variables, in the order of their making
    sizes: dict[str, Place]
    size_names: dict[str, Expr]  # local variables that are sizes, or made of sizes
    axes: dict[Place, int]
    assumptions: list[Assumption]
    indices: list[tuple[Expr, int]]
    cuts: list[Dim]  # sizes that must be 1 at least
    generic: bool
    reason: str
    value: Any  # of the loss, run on plain arrays
    made: frozenset[str] = frozenset()  # names that are not the user's

    def misfit(self, /, **inputs: Any) -> str | None:
        """Say what about inputs does not fit the program; None if all does."""
        for name, e in self.inputs.items():
            if name not in inputs:
                return f"{name} is missing"
            shape = np.shape(inputs[name])
            if len(shape) != len(e.shape):
                return f"{name} has {len(shape)} axes, and had {len(e.shape)} when it was derived"
        known = environment(inputs)
        every = [(n, i, size) for n, e in self.inputs.items() for i, size in enumerate(e.shape)]
        for name, axis, size in every:
            wanted = _computed(size, known)
            if np.shape(inputs[name])[axis] != wanted:
                label = f"{name}.shape[{axis}]"
                why = f", as {written(size.expr)}" if isinstance(size, Dim) else ""
                return f"{label} is {np.shape(inputs[name])[axis]} and must be {wanted}{why}"
        for name, value in self.static.items():
            if name in inputs and not _same(value, inputs[name]):
                return f"{name} was {value!r} when it was derived: derive again for other values"
        for cut in self.cuts:
            if (short := 1 - _computed(cut, known)) > 0:
                return f"{written(cut.expr)} is {1 - short}, and must be 1 at least"
        for assumption in self.assumptions:
            if not assumption.holds(**inputs):
                how = "for sizes at which" if ".shape[" in assumption.text else "assuming that"
                return f"it was derived {how} {assumption.text}"
        return None

    def fixed(self) -> list[str]:
        """Return the sizes and values that the program holds for alone, as code that is true."""
        found = list[str]()
        for name, e in self.inputs.items():
            numbers = [size for size in e.shape if not isinstance(size, Dim)]
            if e.shape and len(numbers) == len(e.shape) and not self.generic:
                found.append(f"{name}.shape == {tuple(map(int, numbers))}")
                continue
            found += [f"{name}.shape[{axis}] == {size}" for axis, size in enumerate(e.shape)
                      if not isinstance(size, Dim) and size != 1]  # fmt: skip
        for name, value in self.static.items():
            short = isinstance(value, (bool, int, float, str, type(None))) and len(repr(value)) < 50
            found.append(f"{name} == {value!r}" if short else f"{name} is what was given")
        return found

    def resampled(self, given: dict[str, Any], rng: Any, sizes: dict[str, int]) -> dict[str, Any]:
        """Return inputs of other sizes, of entries that are taken from those given.

        The same rows are taken of all inputs that share an axis, so pairs stay pairs; labels that
        would point outside are drawn again.
        """
        known = dict(sizes)
        chosen: dict[int, Any] = {}
        result = dict(given)
        for name in self.inputs:
            array = np.asarray(given[name])
            for axis, old in enumerate(array.shape):
                size = self.axes.get((name, axis), old)
                new = _computed(size, known)
                if isinstance(size, Dim) or new != old:
                    if int(size) not in chosen:
                        few = rng.permutation(old)[:new]
                        more = rng.integers(0, old, max(new - old, 0)) if old else few
                        chosen[int(size)] = np.concatenate([few, more])
                    at = chosen[int(size)]
                    array = np.take(array, at[at < array.shape[axis]] if old else at, axis)
            result[name] = array if isinstance(given[name], np.ndarray) else given[name]
        env = environment(result)
        for e, size in self.indices:
            leaves = [p for p in ordered([e]) if p.op is None and p.label in self.inputs]
            values, bound = np.asarray(evaluate([e], env)[0]), _computed(size, env)
            if (
                len(leaves) == 1
                and values.size
                and (values.max() >= bound or values.min() < -bound)
            ):
                label = str(leaves[0].label)
                off = int(np.asarray(env[label]).flat[0]) - int(values.flat[0])
                kind = np.asarray(result[label])
                drawn = rng.integers(0, bound, kind.shape) + (off if e is not leaves[0] else 0)
                result[label] = env[label] = drawn.astype(kind.dtype)
        return result

    def draw_sizes(self, rng: Any, largest: int = 6) -> dict[str, int]:
        """Draw the open sizes, so that everything has an entry, different from one another.

        Of many only those that stand near one another are different, or arrays would be large.
        What is assumed of sizes alone holds; None are open if the program is for one size only.
        """
        alone = [a.fact for a in self.assumptions
                 if not any(part.label in self.inputs for part in ordered([a.fact]))]  # fmt: skip
        labels = [*self.sizes]
        for trial in range(400):
            top = largest + trial * (1 + trial // 20)
            some = np.arange(2, max(top, min(len(labels), _MANY) + 2) + 1)
            rounds = range(-(-len(labels) // len(some)) or 1)
            drawn = np.concatenate([rng.permutation(some) for _ in rounds])[: len(labels)]
            sizes = {label: int(n) for label, n in zip(labels, drawn, strict=True)}
            env = self._with_axes(sizes)
            if all(_computed(n, env) >= 1 for n in (*self.axes.values(), *self.cuts)) and all(
                bool(evaluate([fact], env)[0]) for fact in alone
            ):
                return sizes
        return {}

    def _with_axes(self, sizes: dict[str, int]) -> dict[str, Any]:
        return dict(sizes) | {
            f"{name}.shape[{axis}]": _computed(n, dict(sizes))
            for (name, axis), n in self.axes.items()
        }


def environment(inputs: dict[str, Any]) -> dict[str, Any]:
    """Return inputs by name, and the sizes of all their axes by theirs: what `evaluate` needs."""
    env = dict(inputs)
    for name, value in inputs.items():
        if isinstance(value, (np.ndarray, list)):
            for axis, size in enumerate(np.shape(value)):
                env[f"{name}.shape[{axis}]"] = size
    return env


def _computed(size: int, env: dict[str, Any]) -> int:
    return int(evaluate([size.expr], env)[0]) if isinstance(size, Dim) else int(size)


def _same(a: Any, b: Any) -> bool:
    try:
        return bool(a is b or a == b)
    except (TypeError, ValueError):  # of containers of arrays
        return False


class Merge:
    """Makes one program of three traces."""

    def __init__(self, runs: list[Any], sizes: Sizes, wrt: tuple[str, ...]) -> None:
        self.runs, self.sizes, self.wrt = runs, sizes, wrt
        self.world = world = World()
        world.arrays = runs[0].world.arrays
        self.memo: dict[tuple[Expr, ...], Expr] = {}
        self.first: dict[Expr, Expr] = {}
        self.cuts: list[Any] = []
        points = [{label_of(p): int(n) for p, n in sizes.chosen(i).items()} for i in range(3)]
        for label, n in points[0].items():
            world.size(label, n, sizes.real[sizes.labels[label]])
        self.fit = Fit(world, points, [*points[0]])
        handed = [*runs[0].handed]
        if len({len(run.handed) for run in runs}) > 1:
            raise OneSizeError("the loss turns other labels into plain arrays at other sizes")
        self.labels = [
            (
                partial(self.first.get, e),
                tuple(run.handed[x] for run, x in zip(runs, es, strict=True)),
            )
            for e, es in zip(handed, zip(*(run.handed for run in runs), strict=True), strict=True)
        ]

    def trace(self, value: Any) -> Trace:
        """Return the program."""
        runs, first = self.runs, self.runs[0]
        if len({len(run.facts) for run in runs}) > 1:
            raise self._other_course()
        handed = [*zip(*(run.handed for run in runs), strict=True)]
        facts = [*zip(*((fact for _, fact in run.facts) for run in runs), strict=True)]
        for triple in handed:
            self.build(triple)
        output = self.build(tuple(run.output for run in runs))
        for triple in facts:
            self.build(triple)
        inputs = {
            name: self.build(tuple(run.inputs[name] for run in runs)) for name in first.inputs
        }
        axes = {place: self._size(tuple(run.axes[place] for run in runs)) for place in first.axes}
        indices = [*self.fit.hot]
        for e, ns in first.world.indexed.items():
            if e in self.first:
                with_names = [first.world.named(n) for n in ns]
                indices += [(self.first[e], n) for n in map(self._known, with_names) if n]
        names, size_names = self._names(output)
        assumptions = [Assumption(written(f), f) for f in map(self.first.get, (t[0] for t in facts))
                       if f is not None]  # fmt: skip
        assumptions = [*{a.text: a for a in (*self._ties(axes), *assumptions)}.values()]
        self.world.taken = {*inputs, *first.static, *names, *size_names}
        origins = {label: self.sizes.labels[label] for label in self.fit.labels}
        unknown = [name for name in self.wrt if name not in inputs and name not in names]
        if unknown:
            raise TypeError(
                f"wrt={unknown[0]!r} is neither an input ({', '.join(first.given)}) nor a local "
                f"variable ({', '.join(names)}) of the function that the result depends on"
            )
        cuts = [*{n.expr: n for n in self.cuts}.values()]
        return Trace(self.world, inputs, first.static, output, names, origins, size_names, axes,
                     assumptions, indices, cuts, True, "", value)  # fmt: skip

    def _known(self, size: int) -> int | None:
        """Return a size of the first trace in the world of the program."""
        if not isinstance(size, Dim):
            return int(size)
        values = []
        for run in self.runs:
            env = {label_of(place): int(n) for place, n in run.axes.items()}
            values.append(int(evaluate([size.expr], env)[0]))
        return self.fit.size(tuple(values))

    def _ties(self, axes: dict[Place, int]) -> Iterator[Assumption]:
        """Yield what must be true of the sizes, beyond that some are equal."""
        world = self.world
        for place, size in axes.items():
            leaf = world.leaf(label_of(place), (), int, value=int(size), weak=True)
            if place in self.sizes.pinned and not self.sizes.fixed:
                fact = equal(leaf, int(size))
                yield Assumption(written(fact), fact)
            elif place in self.sizes.tied and isinstance(size, Dim):
                fact = equal(leaf, size.expr)
                yield Assumption(written(fact), fact)
        for place, m in self.sizes.multiple.items():
            if m > 1 and label_of(place) in self.fit.leaves:
                fact = equal(remainder(world.leaf(label_of(place), ()), m), 0)
                yield Assumption(written(fact), fact)

    def _names(self, output: Expr) -> tuple[dict[str, Expr], dict[str, Expr]]:
        """Return the user's names for values, and for sizes."""
        first = self.runs[0]
        used = {*ordered([output])}
        values = {label: self.first[e] for label, e in first.watching.values.items()
                  if e in self.first}  # fmt: skip
        for label, array in first.watching.arrays.items():
            e = first.world.table.get(("array", array.shape, array.dtype, array.tobytes()))
            made = None if e is None else self.first.get(e)
            if made is not None and label not in values and made not in {*values.values()}:
                values[label] = made
        values = {label: e for label, e in values.items()
                  if e in used and (e.op is not None or e.value is None)}  # fmt: skip
        kept = {*first.inputs, *first.static}
        sizes: dict[str, Expr] = {}
        for label, size in first.watching.sizes.items():
            known = self._known(first.world.named(size))
            if not isinstance(known, Dim) or label in values or label in kept:
                continue
            if known.expr not in {*sizes.values()}:
                sizes[label] = known.expr
        return between(output, values, {*kept, *sizes}), sizes

    def _other_course(self, *_: Any) -> OneSizeError:
        """Say that the loss does something else at other sizes, and from which line on."""
        if not self.sizes.free:
            return OneSizeError("the loss does something else with other labels")
        return OneSizeError("the loss takes another course at other sizes" + parting(self.runs))

    def build(self, roots: tuple[Expr, ...]) -> Expr:
        """Return the expression that is `roots` at the three sets of sizes."""
        found: dict[tuple[Expr, ...], None] = {}
        stack = [roots]
        while stack:
            triple = stack.pop()
            if triple in found or triple in self.memo:
                continue
            found[triple] = None
            a = triple[0]
            if any(e.op is not a.op or len(e.args) != len(a.args) for e in triple[1:]):
                raise self._other_course()
            stack.extend(zip(*(e.args for e in triple), strict=True))
            for _, noted in self._notes(triple):
                stack.extend(noted)
        for triple in sorted(found, key=lambda t: t[0].serial):
            made = self._leaf(triple) if triple[0].op is None else self._node(triple)
            self.memo[triple] = made
            self.first.setdefault(triple[0], made)
        for triple in found:  # what a call mentions may be younger than what it made
            for names, _ in self._notes(triple):
                self.world.calls.setdefault(self.memo[triple], names)
        return self.memo[roots]

    def _notes(self, triple: tuple[Expr, ...]) -> Iterator[tuple[Any, list[Any]]]:
        """Yield the call that made a value, in the program's world, and what it mentions."""
        calls = [run.world.calls.get(e) for run, e in zip(self.runs, triple, strict=True)]
        if None in calls:
            return
        mentioned: list[tuple[Expr, ...]] = []

        def merged(values: tuple[Any, ...]) -> Any:
            if all(isinstance(v, Expr) for v in values):
                mentioned.append(values)
                return self.memo.get(values)
            if all(isinstance(v, (tuple, list)) for v in values):
                if len({len(v) for v in values}) > 1:
                    raise _NoNoteError
                return type(values[0])(map(merged, zip(*values, strict=True)))
            if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
                return self._setting(values, [])
            if len({*map(repr, values)}) > 1:
                raise _NoNoteError
            return values[0]

        try:
            notes: list[Any] = [*zip(*(c.args for c in calls), strict=True)]
            words = {n: merged(tuple(c.keywords[n] for c in calls)) for n in calls[0].keywords}
            args = tuple(map(merged, notes))
        except (_NoNoteError, OneSizeError, ValueError, KeyError):
            return
        if all(values[0].op is e.op for values in mentioned for e in values):
            yield Noted(calls[0].function, args, words), mentioned

    def _leaf(self, triple: tuple[Expr, ...]) -> Any:
        a = triple[0]
        if a.value is None:
            if len({e.label for e in triple}) > 1:
                raise self._other_course()
            shape = tuple(map(self._size, zip(*(e.shape for e in triple), strict=True)))
            return self.world.leaf(str(a.label), shape, a.dtype, None, a.tracked, a.weak)
        if not isinstance(a.value, np.ndarray):  # a size
            return self._named(tuple(e.value for e in triple), a)
        if any(not isinstance(e.value, np.ndarray) for e in triple):
            return self._named(tuple(int(e.value) for e in triple), a)
        if not a.shape and all(not e.shape for e in triple):
            values = tuple(e.value.item() if e.weak else e.value[()] for e in triple)
            made = self.fit.number(values, a.weak)
        elif a.label is not None:
            made = self.world.lift(a.value)
        else:
            made = self.fit.array(tuple(e.value for e in triple), self.labels)
        if made is None:
            raise self._unfitted(triple)
        return made

    def _named(self, values: tuple[int, ...], a: Expr) -> Expr:
        size = self.fit.size(values)
        if size is None:
            raise self._other_course()
        return size.expr if isinstance(size, Dim) else self.world.lift(size)

    def _unfitted(self, triple: tuple[Expr, ...]) -> Exception:
        """Say that an array or number is made in a way that follows neither sizes nor labels."""
        a = triple[0]
        what = f"an array {a.shape}" if a.shape else f"a number ({a.value})"
        if self.labels:
            names = sorted({str(e.label) for x in self.runs[0].handed for e in ordered([x])
                            if e.op is None and e.value is None})  # fmt: skip
            if not self.sizes.free:
                return GradientLostError(
                    f"the loss makes {what} from the values of {', '.join(names)} in a way that no "
                    "formula can say (np.bincount, np.unique and their like): compute it before "
                    "the call and pass it as an input"
                )
        return OneSizeError(f"the loss makes {what} that follows its sizes in no simple way")

    def _size(self, values: tuple[Any, ...]) -> int:
        """Return a size, with its name."""
        wish = None
        if values[0] != values[1] and all(isinstance(v, Dim) for v in values):
            triple = tuple(v.expr for v in values)
            if triple[0].op is None or all(t in self.memo for t in [triple]):
                wish = self.memo.get(triple)
            elif self.fit.size(values) is None:
                wish = self.build(triple)
        found = self.fit.size(values, wish)
        if found is None:
            raise OneSizeError(f"a size ({int(values[0])}) follows the others in no simple way")
        return found

    def _node(self, triple: tuple[Expr, ...]) -> Expr:
        a = triple[0]
        args = [self.memo[arg] for arg in zip(*(e.args for e in triple), strict=True)]
        settings = tuple(
            (name, self._setting(tuple(e.setting(name) for e in triple), args))
            for name, _ in a.settings
        )
        if len({len(e.shape) for e in triple}) > 1:
            raise self._other_course()
        shape = tuple(map(self._size, zip(*(e.shape for e in triple), strict=True)))
        made = self.world.make(a.op, tuple(args), settings, shape)
        if a.op in (getitem, scatter, updated):
            self._note_cuts(made)
        return made

    def _note_cuts(self, e: Expr) -> None:
        """Note how large the axes must be in which a place is picked by a number."""
        shape = e.setting("into") if e.op is scatter else e.args[0].shape
        if e.op is getitem:
            made = (n for n in e.shape if isinstance(n, Dim) and n not in e.args[0].shape)
            self.cuts += [n for n in made if n.expr.op is not None]
        axis = 0
        index = e.setting("index")
        for part in index if type(index) is tuple else (index,):
            if part is Ellipsis:
                return
            if part is None:
                continue
            if isinstance(part, (int, np.ndarray)) and not isinstance(part, Dim) and np.size(part):
                far = max(int(np.max(part)), -int(np.min(part)) - 1)
                if isinstance(shape[axis], Dim) and np.asarray(part).dtype != bool:
                    self.cuts.append(shape[axis] - far)
            if isinstance(part, slice) and isinstance(shape[axis], Dim):  # the first 5 are 5
                for bound in (part.start, part.stop):
                    if isinstance(bound, int) and not isinstance(bound, Dim):
                        many = abs(bound)
                        if many and shape[axis].given >= many:
                            self.cuts.append(shape[axis] - many + 1)
            axis += 1

    def _setting(self, values: tuple[Any, ...], args: list[Expr]) -> Any:
        """Return a setting; arrays in an index become operands."""
        a = values[0]
        if isinstance(a, bool) or not isinstance(
            a, (int, np.integer, slice, tuple, list, np.ndarray, Ratio, float)
        ):
            if any(frozen(v) != frozen(a) for v in values):
                raise self._other_course()
            return a
        if isinstance(a, Slot):
            if any(v != a for v in values):
                raise self._other_course()
            return a
        if isinstance(a, Counted):
            if not all(isinstance(v, Counted) for v in values):
                raise self._other_course()
            return Counted(self._size(tuple(v.size for v in values)))
        if any(type(v) is not type(a) and not isinstance(v, int) for v in values):
            raise self._other_course()
        if isinstance(a, slice):
            return slice(*(
                self._setting(tuple(getattr(v, part) for v in values), args)
                for part in ("start", "stop", "step")
            ))  # fmt: skip
        if isinstance(a, (tuple, list)):
            if len({len(v) for v in values}) > 1:
                raise self._other_course()
            return type(a)(self._setting(part, args) for part in zip(*values, strict=True))
        if isinstance(a, np.ndarray):
            if all(np.array_equal(v, a) for v in values) and a.size < 100:
                return a
            found = self.fit.array(values, self.labels)
            if found is None:
                raise self._unfitted(tuple(self.world.lift(v) for v in values))
            if found.op is None:
                return found.value
            args.append(found)
            return Slot(len(args) - 1)
        if isinstance(a, float):
            number = self.fit.number(tuple(map(float, values)))
            if number is None:
                raise self._other_course()
            return float(a) if number.op is None else named(float(a), number)
        return self._size(values)


class _NoNoteError(Exception):
    """A call that was not the same in all traces."""


def parting(runs: list[Any]) -> str:
    """Say at which line two runs part, if that can be determined."""
    courses = []
    for run in runs[:2]:
        again = type(run)(run.function, run.given, run.wrt, run.sizes, run.which, run.scalar)
        again.course = []
        try:
            again.run()
        except Exception:  # the loss need not run at all drawn inputs
            continue
        courses.append(again.course)
    if len(courses) == 2:
        for a, b in zip(*courses, strict=False):
            if a != b and (a[1] or b[1]):
                file, line = a[1] or b[1]
                text = linecache.getline(file, line).strip()
                return f" (line {line}: `{text}`)" if text else f" (line {line})"
    return ""


# --- how a fact is written ---


def written(e: Expr) -> str:
    """Return a small expression as NumPy code."""
    return _text(e)[0]


_BINDS = {"**": 5, "*": 4, "/": 4, "//": 4, "%": 4, "@": 4, "+": 3, "-": 3, "<": 1, "<=": 1, ">": 1,
          ">=": 1, "==": 1, "!=": 1}  # fmt: skip


def _text(e: Expr) -> tuple[str, int]:
    """Return code, and how strongly it binds."""
    if e.op is None:
        return (str(e.label) if e.label is not None else f"np.array({e.value.tolist()})"), 9
    parts = [_text(arg) for arg in e.inputs]
    strength = _BINDS.get(e.op.symbol, 9)
    if e.op.symbol and len(parts) == 2:
        left, right = (
            text if binds > strength - (side == 0) else f"({text})"
            for side, (text, binds) in enumerate(parts)
        )
        return f"{left} {e.op.symbol} {right}", strength
    settings = [f"{n}={v!r}" for n, v in e.settings if v != e.op.settings.get(n)]
    name = getattr(e.op.numpy, "__name__", e.op.__name__)
    return f"np.{name}({', '.join([text for text, _ in parts] + settings)})", 9
