"""`seed_mistakes`: plausible wrong versions of a loss's gradient code, each with its diagnosis.

Imports `search`, whose edits are used the other way round. They are exercises for students, and a
measure of a check: how many of them does it catch?
"""

from __future__ import annotations

import ast
import itertools
import linecache
import random
import warnings
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from ..derivation import Derivation, derive
from ..ir.verify import draws
from .edits import INVERSE, Edit, inverse_said, root_of, target_of
from .hand import copied
from .search import Judge, Search
from .source import Source, at, names_in
from .truth import same

_count = itertools.count(1)
#: The kinds of edit that make a plausible mistake, the most usual first.
_USUAL = (
    "line_extra", "term_extra", "factor_extra", "divisor_extra", "sign", "reduction", "call_extra",
    "axis", "transposed", "constant", "overwritten", "operator", "condition", "name", "index",
    "brackets", "swapped", "shape", "order", "copy", "accumulated", "function", "divisor_missing",
)  # fmt: skip
#: With these a gradient may have another shape than its parameter.
_SHAPE_MISTAKES = frozenset(["call_extra", "axis", "shape", "transposed", "reduction"])


@dataclass(frozen=True, slots=True, weakref_slot=True)
class SeededMistake:
    """A gradient function with one mistake in it.

    Attributes
    ----------
    source : str
        The function, ``gradients(...)``; it returns the gradients by parameter.
    cause, sentence : str
        Kind of the mistake, as a `Finding` has it, and the mistake in words.
    stage : str
        The array that the wrong line makes: ``"dscores"``.
    function : callable
        Runs the source: ``function(**inputs)`` is ``{"W": ..., "b": ...}``.

    Examples
    --------
    >>> mistake = next(seed_mistakes(lambda x: np.sum(x**3), x=np.ones(2)))
    >>> print(mistake.source)
    def gradients(x):
        dx = x ** 2
        return {'x': dx}
    """

    source: str
    cause: str
    sentence: str
    stage: str
    function: Callable[..., dict[str, Any]]


def seed_mistakes(
    loss: Callable[..., Any],
    /,
    wrt: str | tuple[str, ...] | None = None,
    *,
    most: int | None = None,
    seed: int = 0,
    **inputs: Any,
) -> Iterator[SeededMistake]:
    """Yield wrong versions of the gradient code that `derive` writes, the most usual first.

    Each has one mistake in one line; the lines after it are computed from the wrong one. At the
    inputs, and at fresh ones of three other sizes, each runs, a gradient is wrong (or has a wrong
    shape, where a sum is wrong), and the gradients are not those of any yielded before.

    Parameters
    ----------
    loss : callable
        Computes a scalar loss with NumPy; what `derive` can derive.
    wrt : str or tuple of str, optional
        With respect to which inputs; the first one if not given.
    most : int, optional
        The largest number to yield.
    seed : int
        Settles the order of those that are equally common.
    **inputs
        The inputs of the loss by name.

    Yields
    ------
    SeededMistake
        The code with its diagnosis.

    Examples
    --------
    >>> def loss(w, X, y):
    ...     error = X @ w - y
    ...     return np.sum(error**2)
    >>> inputs = {"w": np.ones(2), "X": np.eye(3, 2), "y": np.zeros(3)}
    >>> for mistake in seed_mistakes(loss, most=2, **inputs):
    ...     print(f"{mistake.stage}: {mistake.sentence}")
    derror: the factor `2` is missing
    dw: the sign of `X.T @ derror` is wrong
    """
    derivation = derive(loss, wrt, **inputs)
    return itertools.islice(
        _Seeder(derivation, getattr(loss, "__name__", "the loss")).mistakes(seed), most
    )


def catch_rate(check: Callable[..., Any], mistakes: Iterable[SeededMistake]) -> float:
    """Return the fraction of seeded mistakes that a check catches.

    Parameters
    ----------
    check : callable
        Given a gradient function, says whether it is right; or raises an AssertionError.
    mistakes : iterable of SeededMistake
        What it is tried on; none at all is an error.

    Returns
    -------
    float
        From 0 to 1.

    Examples
    --------
    Comparing only at zero biases, as they are when training starts, misses what is wrong with them:

    >>> def loss(b, scores, reg):
    ...     return np.sum(np.exp(scores + b)) + 0.5 * reg * np.sum(b * b)
    >>> def right(b, scores, reg):
    ...     return np.sum(np.exp(scores + b), axis=0) + reg * b
    >>> inputs = {"scores": np.eye(3, 2), "reg": 0.1}
    >>> mistakes = list(seed_mistakes(loss, b=np.ones(2), **inputs))
    >>> for b in (np.zeros(2), np.array([0.5, 2])):
    ...     same = lambda f: np.array_equal(f(b=b, **inputs)["b"], right(b, **inputs))
    ...     print(catch_rate(same, mistakes) == 1)
    False
    True
    """
    caught = []
    for mistake in mistakes:
        try:
            caught.append(not check(mistake.function))
        except AssertionError:
            caught.append(True)
    return fmean(caught)


class _Seeder:
    """Makes the mistakes of one loss."""

    def __init__(self, derivation: Derivation, name: str) -> None:
        self.name, self.wrt, self.program = name, derivation.wrt, derivation.program
        fresh = draws(derivation.given, derivation.trace, 5)
        self.points = [derivation.given, *itertools.islice(fresh, 3)]
        self.space = {"np": np, **derivation.program.used}
        function = self._function(gradients_alone(derivation.source))
        self.source = Source(function)
        with np.errstate(all="ignore"):
            self.truth = [function(**copied(p)) for p in self.points]
        judge = Judge(
            lambda k: function(**copied(self.points[k])), lambda k, n, a: False, self.wrt, 4
        )
        self.search = Search(judge, [self.source], list, 60.0)
        self.results: list[list[dict[str, Any]]] = []  # of the mistakes so far

    def _function(self, source: str) -> Any:
        """Return the function of a source, whose lines a debugger can show."""
        file = f"<gradients {next(_count)} of {self.name}>"
        linecache.cache[file] = (len(source), None, source.splitlines(True), file)
        space = {**self.space, "__name__": "exercise"}
        exec(compile(source, file, "exec"), space)
        function: Any = space["gradients"]
        weakref.finalize(function, linecache.cache.pop, file, None)
        return function

    def mistakes(self, seed: int) -> Iterator[SeededMistake]:
        """Yield the mistakes, the most usual first, by turns in each line and of each kind."""
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = self._edits()
        random.Random(seed).shuffle(found)
        found.sort(key=lambda item: (_is_rare(item[1]), len(item[1].path)))
        found.sort(key=lambda item: _USUAL.index(item[1].kind))
        found.sort(key=_turn(lambda place, edit: (place.node.lineno, edit.kind)))
        found.sort(key=_turn(lambda place, edit: place.node.lineno))
        for place, edit in found:
            if mistake := self._made(place, edit):
                yield mistake

    def _edits(self) -> list[tuple[Any, Edit]]:
        """Return the edits that a person could have made, with their places."""
        search, source = self.search, self.source
        values = search.recorded(source)
        assert values is not None
        found: list[tuple[Any, Edit]] = []
        gradients = {s.target for s in self.program.statements if s.part == "gradient"}
        for place in search.places(source, values, frozenset()):
            if target_of(place.node) is None:
                continue
            found += [
                (place, e) for e in search.edits_of(place, []) if _is_plausible(e, gradients, place)
            ]
        return found

    def _made(self, place: Any, edit: Edit) -> SeededMistake | None:
        """Return an edit as a mistake that runs, is one, and is new; else None."""
        tree = self.search.tree_of(self.source, place, edit)
        try:
            text = ast.unparse(ast.fix_missing_locations(tree)).replace("\n    pass\n", "\n")
            text = gradients_alone(text)
            function = self._function(text)
            results = self._results(function)
        except Exception:  # an edit may make code raise anything: that is no exercise
            return None
        if all(
            all(same(r[n], t[n], 1e-9) for n in self.wrt)
            for r, t in zip(results, self.truth, strict=True)
        ):
            return None
        if any(all(map(self._equal, results, other)) for other in self.results):
            return None
        shapes = [
            [np.shape(v[n]) for n in self.wrt for v in found] for found in (results, self.truth)
        ]
        if shapes[0] != shapes[1] and edit.kind not in _SHAPE_MISTAKES:
            return None
        if not all(np.isfinite(v).all() for r in results for v in r.values()):
            return None
        wrong = [not all(same(r[n], t[n], 1e-6) for n in self.wrt)
                 for r, t in zip(results, self.truth, strict=True)]  # fmt: skip
        if not any(wrong[:1]) or sum(wrong) < 3:
            return None
        self.results.append(results)
        stage = root_of(target_of(place.node)) or ""
        old = at(self.source.tree, edit.path) if edit.kind != "order" else None
        return SeededMistake(
            text.rstrip("\n"),
            INVERSE.get(edit.kind, edit.kind),
            inverse_said(edit, old),
            stage,
            function,
        )

    def _results(self, function: Any) -> list[dict[str, Any]]:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [
                {n: np.array(v, dtype=float) for n, v in function(**copied(p)).items()}
                for p in self.points
            ]

    def _equal(self, one: dict[str, Any], other: dict[str, Any]) -> bool:
        return all(same(one[n], other[n], 1e-9) for n in self.wrt)


def _is_plausible(edit: Edit, gradients: set[str], place: Any) -> bool:
    """Whether a person could have written it: what only a search tries is left out."""
    if (
        root_of(target_of(place.node)) not in gradients
        or edit.kind not in _USUAL
        or edit.cost > 1.6
    ):
        return False
    if edit.operand is not None:
        sizes = edit.kind == "divisor_missing" and edit.operand.origin == "size"
        return sizes or edit.kind == "name"
    if edit.kind in ("factor_extra", "term_extra"):  # the rest is as large as before
        of = place.values[0].of
        old, new = (of.get(id(node)) for node in (at(place.source.tree, edit.path), edit.new))
        return new is None or np.shape(old) == np.shape(new)
    if edit.kind in ("reduction", "shape"):  # sum for mean, keepdims; not a sum around anything
        return "` should be `" in edit.said or edit.said.startswith("`keepdims")
    if edit.kind in ("sign", "name") and not isinstance(edit.new, (ast.BinOp, ast.Name)):
        return _is_of_floats(place, edit)
    if edit.kind == "constant":
        return edit.cost < 1.05
    if edit.kind == "index" and edit.cost >= 1.3:  # turned round
        return False
    return edit.kind != "function"


def _is_rare(edit: Edit) -> bool:
    """Whether an edit is less usual than another of its kind, as `max` for `sum` than `mean`."""
    return edit.kind in ("reduction", "term_extra") and edit.cost > 1.05


def _is_of_floats(place: Any, edit: Edit) -> bool:
    values = place.values[0].of
    node = at(place.source.tree, edit.path)
    return np.asarray(values.get(id(node), 0)).dtype.kind == "f"


def gradients_alone(source: str) -> str:
    """Return derived code without the loss, and without what only the loss needs."""
    module = ast.parse(source)
    function: Any = module.body[0]
    returned = function.body[-1]
    if isinstance(returned.value, ast.Tuple):
        returned.value = returned.value.elts[1]
    needed = names_in(returned.value)
    kept = [returned]
    for statement in reversed(function.body[:-1]):
        target = target_of(statement)
        root = root_of(target) if target is not None else None
        if root is None or root in needed:
            needed |= names_in(statement)
            kept.insert(0, statement)
    function.body = kept
    return ast.unparse(module) + "\n"


def _turn(group: Callable[..., Any]) -> Callable[[tuple[Any, Edit]], int]:
    """Return a key that sorts the first of each group before the second, and so on."""
    seen: defaultdict[Any, Iterator[int]] = defaultdict(itertools.count)
    return lambda found: next(seen[group(*found)])
