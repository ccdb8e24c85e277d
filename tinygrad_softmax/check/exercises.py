"""`seed_mistakes`: plausible wrong versions of a loss's gradient code, each with its diagnosis.

Imports `formulas`, `edits` and `rewritten`. They are exercises for students, and a measure of a
check: how many of them does it catch? Each has one small mistake in one line of the derived code;
it runs, and its gradients are wrong.
"""

from __future__ import annotations

import inspect
import itertools
import linecache
import random
import warnings
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from .causes import alike
from .edits import Edit, Editor
from .formulas import Formulas
from .relations import close
from .rewritten import Rewriter, edits_of, settled
from .values import Values

#: With these a gradient may have another shape than its parameter.
_SHAPE_MISTAKES = frozenset(["not_summed", "wrong_axis", "reshaped"])
_count = itertools.count(1)


@dataclass(frozen=True, slots=True, weakref_slot=True)
class SeededMistake:
    """A gradient function with one mistake in it.

    Attributes
    ----------
    source : str
        The function, ``gradients(...)``; it returns the gradients by parameter.
    cause, sentence : str
        Kind of the mistake (``"scaled"``, ``"labels"``, ``"not_summed"``, ...), and it in words.
    stage : str
        The array that the wrong line makes: ``"dscores"``.
    function : callable
        Runs the source: ``function(**inputs)`` is ``{"W": ..., "b": ...}``.

    Examples
    --------
    >>> mistake = next(seed_mistakes(lambda x: np.sum(x**3), x=np.ones(2)))
    >>> print(mistake.source)
    def gradients(x):
        dx = -3 * x ** 2
        return {'x': dx}
    """

    source: str
    cause: str
    sentence: str
    stage: str
    function: Callable[..., dict[str, Any]]


def seed_mistakes(loss: Callable[..., Any], /, wrt: str | tuple[str, ...] | None = None, *,
                  most: int | None = None, seed: int = 0,
                  **inputs: Any) -> Iterator[SeededMistake]:  # fmt: skip
    """Yield wrong versions of the gradient code that `derive` writes, the most usual first.

    Each has one mistake in one line; the lines after it are computed from the wrong one. At the
    inputs, and at fresh ones of three other sizes, each runs, a gradient is wrong (or has a wrong
    shape, where a sum is wrong), and the gradients are not those of any yielded before.

    Parameters
    ----------
    loss : callable
        Computes a scalar loss with NumPy; what `derive` can derive.
    wrt : str or tuple of str, optional
        By which inputs; the first one if not given.
    most, seed : int
        How many to yield at most, and what settles the order of those that are equally usual.
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
    derror: it has the wrong sign
    derror: it is twice what it should be
    """
    names = list(inspect.signature(loss).parameters)
    chosen = (names[0],) if wrt is None else (wrt,) if isinstance(wrt, str) else tuple(wrt)
    return itertools.islice(_Seeder(loss, chosen, inputs).mistakes(seed), most)


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
    ...     print(f"{catch_rate(same, mistakes):.0%} of {len(mistakes)}")
    56% of 16
    100% of 16
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

    def __init__(self, loss: Callable[..., Any], wrt: tuple[str, ...],
                 inputs: Mapping[str, Any]) -> None:  # fmt: skip
        self.name, self.wrt = getattr(loss, "__name__", "the loss"), wrt
        self.formulas = Formulas(loss, wrt, inputs)
        self.rewriter, self.given = Rewriter(self.formulas), dict(inputs)
        self.points = [self._values(point.numbers) for point in self.formulas.points]
        self.truth = [{n: point.numbers[f"d{n}"] for n in wrt} for point in self.formulas.points]
        self.results: list[list[dict[str, Any]]] = []  # of the mistakes so far

    def _values(self, numbers: Mapping[str, Any]) -> Values:
        """Return what has a name in the derived code at a point, by what it is called there."""
        known = dict(numbers)  # `dhidden` is what is left by the mask, if that is in its line
        for name, form in self.formulas.program.forms.items():
            known[name] = Values(known)(form)
        return Values(known)

    def mistakes(self, seed: int) -> Iterator[SeededMistake]:
        """Yield the mistakes, the most usual first, by turns in each line and of each kind."""
        lines, forms = self.rewriter.lines, self.formulas.program.forms
        editors = {name: self._editor(name) for name in lines}
        edits = [(n, edit) for n in lines for edit in edits_of(editors[n], forms[n])]
        random.Random(seed).shuffle(edits)
        edits.sort(key=_turn(lambda n, edit: (n, edit.rank, edit.cause)))
        edits.sort(key=lambda found: lines.index(found[0]))
        edits.sort(key=_turn(lambda n, edit: (n, edit.rank)))
        for name, edit in sorted(edits, key=lambda found: found[1].rank):
            if mistake := self._made(name, editors[name], edit):
                yield mistake

    def _editor(self, name: str) -> Editor:
        """Return the editor of a line, who knows what has been computed before it."""
        formulas, rewriter = self.formulas, self.rewriter
        world = formulas.trace.world
        earlier = rewriter.lines[: rewriter.lines.index(name)]
        known = {*rewriter.forward(), *formulas.trace.inputs}
        leaves = [leaf for leaf in formulas.spoken.leaves.values() if str(leaf.label) in known]
        leaves += [world.leaf(n, form.shape, form.dtype)
                   for n, form in formulas.program.forms.items() if n in earlier]  # fmt: skip
        values = [leaf for leaf in leaves if leaf.dtype.kind == "f" and leaf.shape]
        return Editor(world, formulas.text, values, {*earlier}, lambda e: (
            f"the incoming gradient `{e.label}`" if e.label in earlier else None))  # fmt: skip

    def _made(self, name: str, editor: Editor, edit: Edit) -> SeededMistake | None:
        """Return an edit as a mistake that runs, is one, and is new; else None."""
        edit = edit._replace(formula=settled(edit.formula))
        source = self.rewriter.source(name, edit)
        if source is None:
            return None
        results = self._results(source, name, edit)
        if results is None or any(map(_same, results, self.truth)) or any(
            all(map(_same, results, others)) for others in self.results
        ):  # fmt: skip
            return None
        shapes = [[np.shape(v[n]) for n in self.wrt for v in found]
                  for found in (results, self.truth)]  # fmt: skip
        if shapes[0] != shapes[1]:
            if edit.cause == "diagonal":  # said of a sum inside, but it is the gradient's own
                said = edit.sentence.partition(": only")[0]
                edit = edit._replace(cause="not_summed", sentence=said)
            if edit.cause not in _SHAPE_MISTAKES:
                return None
        self.results.append(results)
        file = f"<mistake {next(_count)} in {self.name}>"
        function = self.rewriter.function(source, file)
        linecache.cache[file] = (len(source), None, source.splitlines(True), file)
        weakref.finalize(function, linecache.cache.pop, file, None)
        return SeededMistake(source, edit.cause, editor.said(edit.sentence), name, function)

    def _results(self, source: str, name: str, edit: Edit) -> list[dict[str, Any]] | None:
        """Return the gradients at each point; None if it fails, or is not what the edit says."""
        body, _, returned = source.rpartition("return ")
        run = self.rewriter.function(f"{body}return ({returned}, {name})", "<seeded>")
        found = []
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                run(**self.given)
                for point, values in zip(self.formulas.points, self.points, strict=True):
                    result, line = run(**point.inputs)
                    said = values(edit.formula)
                    if said is None or not alike(said, line, values[name]):
                        return None
                    found.append({n: np.array(value) for n, value in result.items()})
            except Exception:  # whatever it is, a student would not hand it in
                return None
        finite = all(np.isfinite(value).all() for result in found for value in result.values())
        return found if finite else None


def _turn(group: Callable[[str, Edit], Any]) -> Callable[[tuple[str, Edit]], int]:
    """Return a key that sorts the first of each group before the second, and so on."""
    seen: defaultdict[Any, Iterator[int]] = defaultdict(itertools.count)
    return lambda found: next(seen[group(*found)])


def _same(result: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether all gradients are the same, to rounding where they cancel to nothing."""
    floor = 1e-13 * max(np.max(np.abs(value), initial=0.0) for value in other.values())
    return all(close(result[n], other[n], floor=floor) for n in other)
