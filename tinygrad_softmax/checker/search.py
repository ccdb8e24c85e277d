"""The search: the smallest edit of the learner's source with which the gradients are right.

Imports `edits`, `operands`, `source` and `values`. Candidates are tried by their cost, those first
that concern what is wrong and nothing that is right; what passes at one point is compiled and run
at all of them before it is accepted.
"""

from __future__ import annotations

import ast
import copy
import math
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

if sys.platform != "win32":
    import resource

from . import edits
from .edits import Edit
from .operands import Parts, Pool, Scope, integer_names, named
from .source import (
    NoSourceError,
    Path,
    Source,
    at,
    changed,
    expressions,
    given_by,
    names_in,
    placed,
    statements,
    text_of,
)
from .values import Values, kept, key_of, recorded

#: From which penalty on nothing is looked for that may be missing in a line.
_UNLIKELY = 1.4
#: Below which cost an edit is tried before anything is looked for that may be missing.
_CHEAP = 1.35
#: Bounds of the costs of what may be missing: no more is made than is tried.
_TIERS = (0.0, 1.55, 1.8, 2.2, 9.0)
_BLOCKS = ("body", "orelse", "finalbody")
#: So often may a loop of a candidate go round, and so many bytes may it add.
_TURNS, _MEMORY = 20_000, 300_000_000


class StopError(BaseException):
    """A candidate that runs too long. Not an Exception: code that is checked cannot swallow it."""


class LossChangedError(ValueError):
    """A change of a function that computes the loss, too, after which the loss is another."""


class Judge(NamedTuple):
    """What is compared: a call at each point, and what it should give.

    ``run(k)`` returns arrays by name at point k, ``right(k, name, array)`` says whether one is;
    ``holds(names)`` whether those that are right at all points are so at the inputs given.
    """

    run: Callable[[int], dict[str, Any]]
    right: Callable[[int, str, Any], bool]
    names: tuple[str, ...]
    points: int
    holds: Callable[[tuple[str, ...]], bool] = lambda names: True


class Repair(NamedTuple):
    """An edit that was run, and what it makes right."""

    edit: Edit
    source: Source
    tree: Any  # after it
    before: str  # the lines as they are
    after: str
    line: int
    fixed: tuple[str, ...]
    left: tuple[str, ...]  # still wrong
    stage: str = ""  # the array that the line makes


class _Place(NamedTuple):
    """A statement that may be changed."""

    source: Source
    path: Path
    node: Any
    scope: Scope | None
    values: tuple[Values, ...]
    once: bool
    penalty: float
    is_stage: bool  # whether what it makes is the gradient that its name says
    reaches: bool  # whether all that is wrong depends on it, as far as is known


class Search:
    """Looks for edits of some functions with which what they return is right.

    Parameters
    ----------
    judge : Judge
        Says what is right.
    sources : list of Source
        The functions that may be changed, the one asked about first.
    parts : callable
        Returns the expressions that operands are taken from.
    seconds : float
        How long to look.
    """

    def __init__(self, judge: Judge, sources: list[Source],
                 parts: Callable[[], list[Parts]], seconds: float,
                 known: Callable[[], dict[Any, float]] = dict,
                 is_stage: Callable[[str | None, Any], bool | None] | None = None
                 ) -> None:  # fmt: skip
        self.known, self.is_stage = known, is_stage
        self.helpers: tuple[str, ...] = ()
        self._made: tuple[Any, dict[Any, list[Edit]]] = (None, {})
        self._pools: tuple[int, Pool | None] = (0, None)
        self.judge, self.sources, self.parts = judge, sources, parts
        self.end = time.perf_counter() + seconds
        self.trees: dict[int, Any] = {id(s): s.tree for s in sources}
        self.tried = 0
        self.changes_loss = False  # whether the last call that failed did so by another loss

    # --- running ---

    def outcome(self, k: int, source: Source | None = None, tree: Any = None,
                code: Any = None, **given: Any) -> dict[str, Any] | None:  # fmt: skip
        """Return what a version gives at a point; None if it fails."""
        self.tried += 1
        try:
            if source is None:
                return self.judge.run(k)
            code = code or source.compiled(_ticking(tree))
            with source.running(code, __tick__=_counter(), **given):
                return self.judge.run(k)
        except StopError:
            return None
        except LossChangedError:
            self.changes_loss = True
            return None
        except Exception:  # whatever it is, it is no repair
            return None

    def wrong(self, found: dict[str, Any] | None, k: int) -> frozenset[str] | None:
        """Return which arrays are wrong at a point."""
        if found is None:
            return None
        return frozenset(n for n in self.judge.names
                         if n not in found or not self.judge.right(k, n, found[n]))  # fmt: skip

    def verified(self, source: Source, tree: Any, allowed: frozenset[str],
                 strictly: bool = True) -> frozenset[str] | None:  # fmt: skip
        """Return what is wrong at any point; None if it fails, or spoils what was right."""
        wrong: frozenset[str] = frozenset()
        try:
            code = source.compiled(_ticking(tree))
        except (SyntaxError, ValueError, TypeError, RecursionError):
            return None
        for k in range(self.judge.points):
            more = self.wrong(self.outcome(k, source, code=code), k)
            if more is None:
                return None
            wrong |= more
            if not (wrong < allowed or (wrong == allowed and not strictly)):
                return None
        return wrong if wrong == allowed or self._holds(source, code, allowed - wrong) else None

    def _holds(self, source: Source, code: Any, names: frozenset[str]) -> bool:
        """Whether a version that is right at the points is right at the inputs given."""
        try:
            with source.running(code, __tick__=_counter()):
                return self.judge.holds(tuple(n for n in self.judge.names if n in names))
        except (Exception, StopError):  # whatever it is, it is no repair
            return False

    def is_late(self) -> bool:
        """Whether the time is over: more may be found with more of it."""
        return time.perf_counter() >= self.end

    # --- the search ---

    def repairs(self, most: int = 3) -> list[Repair]:
        """Return the edits that make the gradients right, one after the other."""
        found: list[Repair] = []
        before: list[Any] = []
        self.helpers = _helpers_of(self.sources, self.parts())
        wrong = self._wrong_now()
        while wrong and len(found) < most and time.perf_counter() < self.end:
            repair = self.stage_step(wrong)
            # one change that makes all right is better, and so is a smaller one
            if repair is None or repair.left or repair.edit.cost > _CHEAP - 0.1:
                below = math.inf if repair is None or repair.left else min(
                    repair.edit.cost, _CHEAP)  # fmt: skip
                whole = self.step(wrong, only_whole=repair is not None, most=below)
                if whole is not None and (repair is None or not whole.left):
                    repair = whole
            if repair is None:
                break
            found.append(repair)
            before.append(repair.source.tree)
            repair.source.tree = repair.tree
            wrong = frozenset(repair.left)
        while found and not found[-1].fixed:  # a step that made nothing right was no step
            found[-1].source.tree = before.pop()
            found.pop()
        return found

    def _wrong_now(self) -> frozenset[str]:
        wrong: frozenset[str] = frozenset()
        for k in range(self.judge.points):
            more = self.wrong(self.outcome(k), k)
            if more is None:
                return frozenset(self.judge.names)
            wrong |= more
        return wrong

    def stage_step(self, wrong: frozenset[str]) -> Repair | None:
        """Return the cheapest edit with which a line computes a gradient that is right.

        The line is one that computes a wrong value from right ones: so several mistakes behind one
        gradient are found one after the other. No call is made before a line is right.
        """
        end = time.perf_counter() + 0.4 * (self.end - time.perf_counter())
        source = self.sources[0]
        values = self.recorded(source) if self.is_stage is not None else None
        if values is None:
            return None
        parts = [Parts(source.tree, values, "own", source.lines), *self.parts()]
        groups: dict[tuple[Path, str], list[_Place]] = {}
        for place in self.places(source, values, wrong):
            name = edits.root_of(edits.target_of(place.node))
            last = self._last(place, name) if name is not None and place.once else None
            if last is not None and name is not None:
                groups.setdefault((last, name), []).append(place)
        for (last, name), places in groups.items():
            made = _held_after(at(source.tree, last), last, values, source.tree)
            if made is None or not _is_telling(made[0]):
                continue
            is_right = self.is_stage(name, key_of(made))  # type: ignore[misc] # as values says
            if is_right or (is_right is None and key_of(made) in self.known()):
                continue
            for place, edit in self._edits_of_stage(places, parts, end):
                if time.perf_counter() > end:
                    return None
                made = self._line_made(place, edit, name, last)
                if made is None or not self.is_stage(name, key_of(made)):  # type: ignore[misc]
                    continue
                tree = self.tree_of(source, place, edit)
                left = self.verified(source, tree, wrong, strictly=False)
                if left is not None:
                    return self._repair(place, edit, tree, wrong, left)
        return None

    def _edits_of_stage(self, places: list[_Place], parts: list[Parts],
                        end: float) -> Iterator[tuple[_Place, Edit]]:  # fmt: skip
        """Yield the edits of some lines by their costs."""
        left = [(e.cost, n, place, e) for n, place in enumerate(places)
                for e in self.plain_edits(place, parts) if e.kind != "order"]  # fmt: skip
        for tier in range(3):
            for n, place in enumerate(places):
                if time.perf_counter() < end and place.penalty <= _UNLIKELY:
                    left += [(e.cost, n, place, e) for e in self.missing(place, parts, tier)]
            left.sort(key=lambda item: item[:2])
            now = [item for item in left if item[0] < _TIERS[tier + 1]]
            left = left[len(now) :]
            yield from ((place, edit) for _, _, place, edit in now)

    def _last(self, place: _Place, name: str) -> Path | None:
        """Return the last line that changes a variable before it is made anew."""
        block, i = self._block(place)
        last = i
        for j in range(i + 1, len(block)):
            target = edits.target_of(block[j])
            if edits.root_of(target) == name:
                if isinstance(block[j], ast.Assign) and isinstance(target, ast.Name):
                    break
                last = j
        return (*place.path[:-1], (place.path[-1][0], last)) if last + 1 < len(block) else None

    def _line_made(self, place: _Place, edit: Edit, name: str, last: Path) -> Any:
        """Return what a variable is after the lines that make it, one of them changed."""
        assert place.scope is not None
        block, i = self._block(place)
        until: Any = last[-1][1]
        new = edit.new if isinstance(edit.new, list) else [
            changed(place.node, edit.path[len(place.path) :], edit.new)]  # fmt: skip
        lines = [*new, *block[i + 1 : until + 1]]
        if not all(map(place.scope.is_pure, lines)):
            return None
        found = []
        try:
            module = _ticking(ast.Module([placed(n, place.node) for n in lines], []))
            code = compile(ast.fix_missing_locations(module), "<line>", "exec")
            for variables in place.scope.variables:
                space = {**place.scope.space, **variables, "__tick__": _counter()}
                space |= {n: kept(space[n], space[n]) for n in code.co_names if n in space}
                exec(code, space)
                found.append(space[name])
        except (Exception, StopError):  # a candidate that does not run, or does not end
            return None
        return tuple(found) if all(isinstance(v, np.ndarray) for v in found) else None

    def step(self, wrong: frozenset[str], only_whole: bool = False,
             most: float = math.inf) -> Repair | None:  # fmt: skip
        """Return the cheapest edit that makes more right than is, everything if possible."""
        share = 0.5 if only_whole else 1.0
        end = time.perf_counter() + share * (self.end - time.perf_counter())
        partial: tuple[float, Repair] | None = None
        seen: set[Any] = set()
        for cost, place, edit in self._candidates(wrong, only_whole):
            late = time.perf_counter() > end or cost >= most
            if late or (partial is not None and cost > partial[0] + 1.0):
                break
            repair = self._tried(place, edit, wrong, seen)
            if repair is None:
                continue
            if not repair.left:
                return repair
            if place.reaches and edit.cost > _CHEAP - 0.1:
                continue  # all that is wrong goes through the line, and most of it stays wrong
            if partial is None or len(repair.fixed) > len(partial[1].fixed):
                partial = (cost, repair)
        return partial[1] if partial is not None else None

    def _candidates(self, wrong: frozenset[str],
                    only_whole: bool) -> Iterator[tuple[float, _Place, Edit]]:  # fmt: skip
        """Yield what to try: first what is cheap and at hand, then all, the cheapest first."""
        places: list[tuple[_Place, list[Parts]]] = []
        for source in self.sources:
            values = self.recorded(source)
            if values is not None:
                parts = [Parts(source.tree, values, "own", source.lines), *self.parts()]
                places += [(place, parts) for place in self.places(source, values, wrong)
                           if place.reaches or not only_whole]  # fmt: skip
        found = [(_cost(place, e), n, place, e) for n, (place, parts) in enumerate(places)
                 for e in self.plain_edits(place, parts)]  # fmt: skip
        found.sort(key=lambda item: item[:2])
        for tier, below in enumerate((_CHEAP, *_TIERS[1:])):
            if tier:  # what may be missing, the likelier first
                for n, (place, parts) in enumerate(places):
                    if time.perf_counter() < self.end and place.penalty <= _UNLIKELY:
                        found += [(_cost(place, e), n, place, e)
                                  for e in self.missing(place, parts, tier - 1)]  # fmt: skip
                found.sort(key=lambda item: item[:2])
            now = [item for item in found if item[0] < below]
            found = found[len(now) :]
            yield from ((cost, place, edit) for cost, _, place, edit in now)

    def recorded(self, source: Source) -> tuple[Values, ...] | None:
        """Return what a function computes at two points; None if it fails."""
        try:
            return tuple(_noted(source, self.judge.run, k) for k in range(2))
        except Exception:  # it fails as it is: only edits of statements make sense
            return None

    def places(self, source: Source, values: tuple[Values, ...],
                wrong: frozenset[str]) -> Iterator[_Place]:  # fmt: skip
        """Yield the statements with their scopes, and how likely each is to be wrong."""
        space = given_by(source.function, {})
        tree = source.tree
        base = self.outcome(0)
        right = self.known()
        places = list(statements(tree)) or [((("body", None),), tree.body)]
        for path, node in places:
            variables = [v.scopes.get(id(node)) for v in values]
            if any(v is None for v in variables):
                continue
            scope = Scope(tuple(variables), space)  # type: ignore[arg-type]
            once = all(v.once(node) for v in values)
            touched = self._touched(source, path, node, base)
            is_right = self._is_right_stage(source, path, node, values)
            standing = _standing(node, path, values, tree, right, is_right) if right else 0.0
            penalty = 0.0
            penalty += 0.2 if source is not self.sources[0] else 0.0
            if isinstance(node, ast.Return) or isinstance(tree, ast.Lambda):
                penalty += 0.3
            elif right:
                penalty += standing
            if touched is not None:
                if not touched & wrong:
                    penalty += 1.5
                elif touched - wrong:
                    penalty += 0.6
                elif not touched >= wrong:
                    penalty += 0.25
            yield _Place(source, path, node, scope, values, once, penalty,
                         bool(is_right),
                         touched is None or touched >= wrong)  # fmt: skip

    def _is_right_stage(self, source: Source, path: Path, node: Any,
                        values: tuple[Values, ...]) -> bool | None:  # fmt: skip
        """Whether a line makes the gradient that its name says; None if the name says nothing."""
        name = edits.root_of(edits.target_of(node))
        if self.is_stage is None or source is not self.sources[0] or name is None:
            return None
        made = _held_after(node, path, values, source.tree)
        if made is None or not _is_telling(made[0]):
            return None
        return self.is_stage(name, key_of(made))

    def _touched(self, source: Source, path: Path, node: Any, base: Any) -> frozenset[str] | None:
        """Return which results change if what a statement computes is changed."""
        value = getattr(node, "value", None)
        if base is None or not isinstance(node, (ast.Assign, ast.AugAssign)) or value is None:
            return None
        tree = changed(source.tree, (*path, ("value", None)), _hole(value))

        was_shaken = False

        def shaken(v: Any) -> Any:
            nonlocal was_shaken
            if type(v) in (tuple, list):  # of several results
                return type(v)(map(shaken, v))
            if isinstance(v, (np.ndarray, float, np.floating)) and np.asarray(v).dtype.kind == "f":
                was_shaken = True
                array = np.asarray(v)
                made = array * 1.17 + 0.013 * (1 + np.arange(array.size).reshape(array.shape))
                return made if isinstance(v, np.ndarray) else type(v)(made)
            if isinstance(v, np.ndarray) and v.dtype.kind == "b":
                was_shaken = True
                return ~v
            if isinstance(v, (int, np.integer)):
                was_shaken = True
                return v + 0.17
            return v

        self.changes_loss = False
        found = self.outcome(0, source, tree, __hole__=shaken)
        if found is None and self.changes_loss:  # a line of the loss itself can hardly be changed
            return frozenset()
        if found is None or not was_shaken:
            return None
        return frozenset(
            n for n in self.judge.names
            if n not in found or key_of((found[n],)) != key_of((base.get(n),))
        )  # fmt: skip

    def edits_of(self, place: _Place, sources: list[Parts]) -> Iterator[Edit]:
        """Yield the edits of a statement."""
        yield from self.plain_edits(place, sources)
        for tier in range(len(_TIERS) - 1 if place.penalty <= _UNLIKELY else 0):
            yield from self.missing(place, sources, tier)

    def plain_edits(self, place: _Place, sources: list[Parts]) -> Iterator[Edit]:
        """Yield the edits that need nothing but the statement."""
        assert place.scope is not None
        indices = self._indices(place.scope, sources)
        conditions = self._conditions(place, indices)
        for path, e, values in self._parts_of(place):
            yield from edits.simple(path, e, values[0], self.helpers, tuple(indices))
            yield from edits.indicators(path, e, values[0], conditions)
            yield from edits.reshaped(path, e, values, place.scope)
            yield from edits.lists(path, e, values[0], place.scope.variables[0])
        if isinstance(place.node, ast.stmt):
            block, i = self._block(place)
            twice = any(s is not place.node and text_of(s) == text_of(place.node) for s in block)
            yield from edits.of_statement(place.path, place.node, indices, twice)
            yield from edits.orders(place.path, block, i)
            yield from edits.moved(place.path, block, i)
            yield from edits.elsewhere(place.path, place.node, indices)
            yield from edits.everywhere(place.path, place.node, indices)
            yield from edits.indexed(place.path, place.node, indices, place.scope)
            yield from edits.exchanged(place.path, place.node, place.scope)
            yield from edits.layers(place.path, place.node, place.scope, place.source.tree)
            yield from edits.alternatives(place.path, place.node)
            follows = i + 1 < len(block) and isinstance(
                at(place.source.tree, place.path[:-1]), ast.For)  # fmt: skip
            in_loop = any(isinstance(n, ast.For) for n in _owners(place.source.tree, place.path))
            tests = self._tests(place.scope, sources) if in_loop else []
            yield from edits.conditional(place.path, place.node, conditions, tests, follows)

    def missing(self, place: _Place, sources: list[Parts], tier: int) -> list[Edit]:
        """Return the edits that put something more into a statement, or after it."""
        if self._made[0] is not place.source.tree:
            self._made = place.source.tree, {}
        made = self._made[1]
        if (place.path, tier) not in made:
            made[place.path, tier] = list(self._missing(place, sources, _TIERS[tier : tier + 2]))
        return made[place.path, tier]

    def _missing(self, place: _Place, sources: list[Parts],
                 costs: tuple[float, ...]) -> Iterator[Edit]:  # fmt: skip
        least, most = costs
        path, node, scope = place.path, place.node, place.scope
        assert scope is not None
        choices = self._pool(place, sources).at(scope, place.once)
        whole = getattr(node, "value", None)
        for inner, e, values in self._parts_of(place):
            if not any(v is None for v in values):
                yield from edits.with_operands(
                    inner, e, values, choices, e is whole, (least, most))  # fmt: skip
        after = self._after(place) if isinstance(node, ast.stmt) else None
        if after is not None:
            found = self._indices(after, sources)
            labels: list[ast.expr] = [x for x in found if isinstance(x, ast.Tuple)]
            ends = _carried(self._block(place)[0]) if after is scope else ()
            for name in (*edits.roots_of(node), *ends):
                lines = edits.insertions(path, node, name, after, choices, labels[:3])
                yield from (e for e in lines if least <= e.cost < most)
            lines = edits.mirrored(path, node, set(after.names))
            yield from (e for e in lines if least <= e.cost < most)

    def _parts_of(self, place: _Place) -> Iterator[tuple[Path, ast.expr, tuple[Any, ...]]]:
        """Yield the expressions of a statement that may be wrong, with their values."""
        whole = [((), place.node)] if isinstance(place.node, ast.expr) else []
        for inner, e in (*whole, *expressions(place.node)):
            if not inner or not _is_spared(place.node, inner, e):
                yield (*place.path, *inner), e, tuple(v.of.get(id(e)) for v in place.values)

    def _pool(self, place: _Place, sources: list[Parts]) -> Pool:
        """Return what may be missing in the function of a place, computed once."""
        key = id(place.source.tree)
        pool = self._pools[1]
        if pool is None or self._pools[0] != key:
            ends = tuple(list(v.scopes.values())[-1] for v in place.values)
            pool = Pool(Scope(ends, place.scope.space), sources, self.helpers)  # type: ignore[union-attr]
            self._pools = key, pool
        return pool

    def _block(self, place: _Place) -> tuple[list[Any], int]:
        field, i = place.path[-1]
        assert i is not None
        return getattr(at(place.source.tree, place.path[:-1]), field), i

    def _after(self, place: _Place) -> Scope | None:
        """Return the scope after a statement: that before the next one, or the end of a turn."""
        block, i = self._block(place)
        if i + 1 >= len(block):
            owner = at(place.source.tree, place.path[:-1])
            return place.scope if isinstance(owner, ast.For) and len(block) > 1 else None
        variables = [v.scopes.get(id(block[i + 1])) for v in place.values]
        if any(v is None for v in variables):
            return None
        return Scope(tuple(variables), place.scope.space)  # type: ignore[arg-type, union-attr]

    def _indices(self, scope: Scope, sources: list[Parts]) -> list[ast.expr]:
        """Return the indices that the loss and the function use, and the variables that are one."""
        found: dict[str, ast.expr] = {}
        for parts in sources:
            if parts.origin == "derived":
                continue
            for node in ast.walk(parts.tree):
                if not isinstance(node, ast.Subscript) or isinstance(node.slice, ast.Constant):
                    continue
                made = _index_said(node.slice, scope, parts)
                if made is not None:
                    found.setdefault(text_of(made), made)
        for name in integer_names(scope):
            found.setdefault(name, named(name))
        return list(found.values())[:12]

    def _conditions(self, place: _Place, indices: list[ast.expr]) -> list[ast.expr]:
        """Return in which rounds of the loops around it a line may be meant: ``k == y[i]``."""
        assert place.scope is not None
        found, loops = dict[frozenset[str], ast.expr](), list[str]()
        for node in _owners(place.source.tree, place.path):
            if isinstance(node, ast.For):
                loops += [n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)]
        numbers = [n for n in loops if n in integer_names(place.scope)]
        # The class is the innermost, as a rule; and it is compared with a label.
        for index in sorted(indices, key=lambda index: isinstance(index, ast.Name)):
            for name in reversed(numbers):
                value = (place.scope.evaluated(index) or (None,))[0]
                if not isinstance(value, (int, np.integer)) or name in names_in(index):
                    continue
                if isinstance(index, ast.Name) and index.id not in numbers:
                    continue
                found.setdefault(frozenset((name, text_of(index))), placed(
                    ast.Compare(named(name), [ast.Eq()], [index]), place.node))  # fmt: skip
        return list(found.values())[:6]

    def _tests(self, scope: Scope, sources: list[Parts]) -> list[ast.expr]:
        """Return what the loss asks with `if`, in the variables here."""
        found: dict[str, ast.expr] = {}
        for parts in sources:
            for node in ast.walk(parts.tree):
                if isinstance(node, (ast.If, ast.IfExp)) and isinstance(node.test, ast.Compare):
                    part = parts.by_node.get(id(node.test))
                    said = scope.said(part, parts) if part is not None else None
                    here = scope.variables[0].keys() | {"len"}
                    if said is None and names_in(node.test) <= here:
                        said = node.test  # of a loop, whose variables have other values here
                    if said is not None:
                        found.setdefault(text_of(said), said)
        return list(found.values())[:4]

    # --- one candidate ---

    def _tried(
        self, place: _Place, edit: Edit, wrong: frozenset[str], seen: set[Any]
    ) -> Repair | None:
        source = place.source
        if self._recurses(source, edit):
            return None
        expression = isinstance(edit.new, ast.expr) and edit.path
        if expression and place.once and place.scope is not None and place.scope.is_pure(edit.new):
            values = self._new_values(place, edit)
            if values is None:
                return None
            key = (edit.path, key_of(values))
            if key in seen:
                return None
            seen.add(key)
            found = self._through_hole(place, edit, values)
        else:
            found = self.outcome(0, source, self.tree_of(source, place, edit))
        now = self.wrong(found, 0)
        if now is None or not now < wrong:
            return None
        tree = self.tree_of(source, place, edit)
        if _is_idle(at(tree, place.path) if edit.kind != "order" else None):
            return None
        left = self.verified(source, tree, wrong)
        if left is None:
            return None
        return self._repair(place, edit, tree, wrong, left)

    @staticmethod
    def _recurses(source: Source, edit: Edit) -> bool:
        """Whether a function would call itself, which need not end."""
        name = getattr(source.tree, "name", None)
        if edit.kind == "order" or name is None:
            return False
        new = edit.new if isinstance(edit.new, list) else [edit.new]
        return any(name in names_in(node) for node in new) and name not in names_in(source.tree)

    def _repair(self, place: _Place, edit: Edit, tree: Any, wrong: frozenset[str],
                left: frozenset[str]) -> Repair:  # fmt: skip
        before, after, line = shown(place.source, edit, tree)
        target = edits.target_of(place.node)
        if isinstance(edit.new, list) and edit.new[0] is place.node and len(edit.new) > 1:
            target = edits.target_of(edit.new[1]) or target  # a line more
        if isinstance(target, ast.Tuple):  # one of several, if they are computed one by one
            apart = [i for field, i in edit.path[len(place.path) :][1:2] if field == "elts"]
            target = target.elts[apart[0] or 0] if apart else None
        stage = (edits.root_of(target) or text_of(target)) if target is not None else ""
        return Repair(edit, place.source, tree, before, after, line, tuple(sorted(wrong - left)),
                      tuple(sorted(left)), stage)  # fmt: skip

    def tree_of(self, source: Source, place: _Place, edit: Edit) -> Any:
        """Return the tree with an edit made."""
        new = edit.new
        for node in new if isinstance(new, list) else [new]:
            if node is not place.node:
                placed(node, place.node)
        if edit.kind == "order":
            owner = at(source.tree, edit.path[:-1])
            made = _with_block(owner, edit.path[-1][0], new)
            return changed(source.tree, edit.path[:-1], made)
        return changed(source.tree, edit.path, new)

    def _new_values(self, place: _Place, edit: Edit) -> tuple[Any, ...] | None:
        if edit.value is not None:
            old = at(place.source.tree, edit.path)
            try:
                with np.errstate(all="ignore"):
                    return tuple(edit.value(v.of[id(old)], k) for k, v in enumerate(place.values))
            except Exception:  # it does not fit
                return None
        assert place.scope is not None
        return place.scope.evaluated(edit.new)

    def _through_hole(self, place: _Place, edit: Edit, values: tuple[Any, ...]) -> Any:
        """Run with a value in the place of an expression: no candidate is compiled for it."""
        source = place.source
        codes = self.__dict__.setdefault("_codes", {})
        key = (id(source.tree), edit.path)
        if key not in codes:
            codes.clear() if len(codes) > 4000 else None
            try:
                codes[key] = source.compiled(
                    _ticking(changed(source.tree, edit.path, _hole(at(source.tree, edit.path))))
                )
            except (SyntaxError, ValueError, TypeError):
                codes[key] = None
        if codes[key] is None:
            return None
        value = values[0]
        return self.outcome(
            0,
            source,
            code=codes[key],
            __hole__=lambda _: value.copy() if isinstance(value, np.ndarray) else value,
        )


def _owners(tree: Any, path: Path) -> Iterator[Any]:
    """Yield what a place is in: the function, loops, branches."""
    for length in range(len(path)):
        yield at(tree, path[:length])


def _carried(block: list[Any]) -> list[str]:
    """Return the variables that a turn of a loop makes anew from those of the turn before."""
    found, assigned = dict[str, None](), set[str]()
    read: set[str] = set()
    for statement in block:
        read |= {n.id for n in ast.walk(statement) if isinstance(n, ast.Name)
                 and isinstance(n.ctx, ast.Load) and n.id not in assigned}  # fmt: skip
        target = edits.target_of(statement)
        if isinstance(statement, ast.Assign) and isinstance(target, ast.Name):
            assigned.add(target.id)
            if target.id in read:
                found.setdefault(target.id)
    return list(found)


def _cost(place: _Place, edit: Edit) -> float:
    """Return what an edit costs at a place: a line that is right is hardly to be changed."""
    adds = isinstance(edit.new, list) and place.node in edit.new
    return edit.cost + place.penalty + (0.2 if adds else 0.5) * place.is_stage


def _is_idle(node: Any) -> bool:
    """Whether a line assigns a variable to itself: then it is left out instead."""
    target = edits.target_of(node)
    return isinstance(node, ast.Assign) and text_of(node.value) == text_of(target)


def _index_said(node: ast.expr, scope: Scope, parts: Parts) -> Any:
    if isinstance(node, ast.Tuple):
        items = [_index_said(e, scope, parts) for e in node.elts]
        return ast.Tuple(items, ast.Load()) if all(i is not None for i in items) else None
    if isinstance(node, (ast.Slice, ast.Constant)):
        bounds = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
        return node if all(n.id in scope.names or n.id in scope.space for n in bounds) else None
    return scope._part(node, parts, 0)


def _helpers_of(sources: Iterable[Source], parts: Iterable[Parts]) -> tuple[str, ...]:
    """Return the learner's functions of one array that the code or the loss calls by name."""
    trees = [*(s.tree for s in sources), *(p.tree for p in parts)]
    found: dict[str, None] = {}
    for node in (n for tree in trees for n in ast.walk(tree)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
            for source in sources:
                held = source.function.__globals__.get(node.func.id)
                own = getattr(held, "__module__", None) == source.function.__module__
                if own and hasattr(held, "__code__") and held is not source.function:
                    found.setdefault(node.func.id)
    return tuple(found)[:4]


def _standing(
    node: Any,
    path: Path,
    values: tuple[Values, ...],
    tree: Any,
    right: dict[Any, float],
    is_right: bool | None,
) -> float:
    """Return the penalty of a line: more if what it computes is right, less if it is at fault.

    The first wrong line computes a wrong value from right ones.
    """
    if not isinstance(node, (ast.Assign, ast.AugAssign)):
        return 0.0
    alias = isinstance(node.value, ast.Name) or edits.function_name(node.value) == "copy"
    made = _held_after(node, path, values, tree)
    if made is not None and _is_telling(made[0]):
        if key_of(made) in right and is_right is not False:
            # what an alias is for is what comes after it
            return 0.0 if alias else right[key_of(made)]
        used = [n for n in ast.walk(node.value) if isinstance(n, ast.Name)]
        held = [tuple(v.of.get(id(n)) for v in values) for n in used]
        arrays = [h for h in held if h[0] is not None and _is_telling(h[0])]
        if arrays:
            return -0.12 if all(key_of(h) in right for h in arrays) else 0.08
    return 0.0


def _held_after(node: Any, path: Path, values: tuple[Values, ...], tree: Any) -> Any:
    name = edits.root_of(edits.target_of(node)) if edits.target_of(node) is not None else None
    owner = at(tree, path[:-1])
    block = getattr(owner, path[-1][0])
    after: Any = (path[-1][1] or 0) + 1
    if name is None or after >= len(block):
        return None
    scopes = [v.scopes.get(id(block[after])) for v in values]
    if any(s is None or s.get(name) is None for s in scopes):
        return None
    return tuple(s[name] for s in scopes)  # type: ignore[index]


def _is_telling(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.size > 1 and value.dtype.kind == "f"


def _noted(source: Source, run: Callable[[int], Any], k: int) -> Values:
    return recorded(source, lambda: run(k))


def _with_block(owner: Any, field: str, block: list[Any]) -> Any:
    made = copy.copy(owner)
    setattr(made, field, block)
    return made


def _hole(node: ast.expr) -> Any:
    """Return a call that is given what an expression comes to, and says what to take instead."""
    return placed(ast.Call(ast.Name("__hole__", ast.Load()), [node], []), node)


def _counter() -> Callable[[], None]:
    """Return a function that raises when it is called too often, or when memory runs out."""
    turns, start = 0, _memory()

    def tick() -> None:
        nonlocal turns
        turns += 1
        if turns > _TURNS or _memory() - start > _MEMORY:
            raise StopError

    return tick


def _memory() -> int:
    """Return the most bytes that were in use; 0 where the system does not say."""
    if sys.platform == "win32":
        return 0
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _ticking(tree: Any) -> Any:
    """Return a tree whose loops count their turns; only what holds a loop is copied."""
    loops = (ast.For, ast.While)
    inner = [tree, *(s for _, s in statements(tree))]
    if isinstance(tree, ast.Lambda) or not any(isinstance(s, loops) for s in inner):
        return tree
    made = copy.copy(tree)
    for field in _BLOCKS:
        if isinstance(getattr(tree, field, None), list):
            setattr(made, field, [_ticking(s) for s in getattr(tree, field)])
    if isinstance(made, loops):
        call = ast.Expr(ast.Call(ast.Name("__tick__", ast.Load()), [], []))
        made.body = [placed(call, tree), *made.body]
    return made


def _is_spared(statement: Any, path: Path, node: ast.expr) -> bool:
    """Whether an expression is no place for a slip: a function's name, an assigned variable."""
    if isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del)):
        return True
    fields = [field for field, _ in path]
    if fields[-1] == "func" or (len(fields) > 1 and "func" in fields and isinstance(node, ast.Name)
                                and node.id in ("np", "numpy", "math")):  # fmt: skip
        return True
    if isinstance(node, ast.Name) and node.id in ("np", "numpy", "math", "range", "len"):
        return True
    if isinstance(node, (ast.Slice, ast.JoinedStr)):
        return True
    if "step" in fields:
        return True
    if fields[-1] == "slice":  # an index: its own edits are those of the subscript
        return isinstance(node, (ast.Tuple, ast.Slice))
    if fields[0] == "annotation":
        return True
    return isinstance(node, ast.Constant) and type(node.value) not in (int, float, bool)


# --- how it is shown ---


def shown(source: Source, edit: Edit, tree: Any) -> tuple[str, str, int]:
    """Return the lines before and after an edit, and the number of the first."""
    root = source.tree
    if edit.kind == "order":
        owner, field = at(root, edit.path[:-1]), edit.path[-1][0]
        old = getattr(owner, field)
        new = edit.new
        first = next(i for i, s in enumerate(new) if i >= len(old) or s is not old[i])
        last = next(i for i in range(1, len(old)) if new[-i] is not old[-i])
        before, after = (
            "\n".join(_text(source, s) for s in block[first : len(block) - last + 1])
            for block in (old, new)
        )
        return before, after, old[first].lineno
    blocks = [i for i, (field, _) in enumerate(edit.path) if field in _BLOCKS]
    depth = max(blocks) if isinstance(root, ast.FunctionDef) else 0
    statement = at(root, edit.path[: depth + 1])
    before = _text(source, statement)
    if not isinstance(edit.new, list) and isinstance(statement, (ast.For, ast.While, ast.If)):
        whole = at(tree, edit.path[: depth + 1])
        return _header(statement), _header(whole), statement.lineno
    if isinstance(statement, (ast.For, ast.While, ast.If)) and isinstance(edit.new, list):
        field, i = edit.path[depth]
        following = getattr(at(root, edit.path[:depth]), field)[(i or 0) + 1 :]
        if edit.new[0] is statement and following:  # a line after a loop: before the next line
            before = _text(source, following[0])
            after = "\n".join([*map(text_of, edit.new[1:]), before])
            return before, after, following[0].lineno
    if isinstance(edit.new, list):
        parts = [_text(source, s) if s is statement else text_of(s) for s in edit.new]
        after = "\n".join(p for p in parts if p != "pass")
    else:
        after = _spliced(source, statement, edit, at(tree, edit.path[: depth + 1]))
    return before, after, statement.lineno


def _header(node: Any) -> str:
    made = copy.copy(node)
    made.body, made.orelse = [ast.Pass()], []
    return text_of(made).partition("\n")[0]


def _text(source: Source, node: Any) -> str:
    """Return a statement as it is written, without indentation."""
    found = ast.get_source_segment("".join(source.lines), node)
    if found is None or not hasattr(node, "end_lineno"):
        return text_of(node)
    try:
        same = ast.dump(ast.parse(found)) == ast.dump(ast.parse(text_of(node)))
    except SyntaxError:
        same = False
    if not same:
        return text_of(node)
    indent = " " * node.col_offset
    return "\n".join(line.removeprefix(indent) for line in found.split("\n"))


def _spliced(source: Source, statement: Any, edit: Edit, new: Any) -> str:
    """Return a changed statement in its own style: only what is changed is written anew."""
    wanted = text_of(new)
    text = "".join(source.lines)
    old = at(source.tree, edit.path)
    whole, inner = _text(source, statement), ast.get_source_segment(text, old)
    if inner is None or whole == text_of(statement) or whole.count(inner) == 0:
        return wanted
    starts = [m.start() for m in re.finditer(re.escape(inner), whole)]
    for written in _written(edit.new, text):
        for start in starts:
            for made in (written, f"({written})"):
                line = whole[:start] + made + whole[start + len(inner) :]
                if _same(line, wanted):
                    return line
    return wanted


def _written(new: ast.expr, text: str) -> Iterator[str]:
    """Yield an expression with its old parts as they were written."""
    kept: list[str] = []

    class Keep(ast.NodeTransformer):
        def visit(self, node: Any) -> Any:
            segment = (
                ast.get_source_segment(text, node)
                if isinstance(node, ast.expr) and hasattr(node, "end_lineno")
                else None
            )
            if segment and _same(segment, text_of(node)):
                kept.append(segment)
                return ast.Name(f"__part{len(kept) - 1}__", ast.Load())
            return self.generic_visit(node)

    frame = text_of(Keep().visit(copy.deepcopy(new)))
    for form in ("{}", "({})"):
        parts = [text if text.isidentifier() or _is_atom(text) else form.format(text)
                 for text in kept]  # fmt: skip
        yield re.sub(r"__part(\d+)__", lambda m, parts=parts: parts[int(m[1])], frame)  # type: ignore[misc] # mypy: a lambda's default
    yield text_of(new)


def _is_atom(text: str) -> bool:
    """Whether an expression needs no brackets wherever it is put."""
    kinds = (ast.Name, ast.Call, ast.Attribute, ast.Subscript, ast.Constant)
    return isinstance(ast.parse(text, mode="eval").body, kinds)


def _same(one: str, other: str) -> bool:
    try:
        return ast.dump(ast.parse(one)) == ast.dump(ast.parse(other))
    except SyntaxError:
        return False


__all__ = ["Judge", "NoSourceError", "Repair", "Search"]
