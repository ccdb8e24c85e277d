"""Comparing stage by stage, from the loss back, and telling mistakes from what they spoil.

Imports `explain`, `formulas` and `stages`. A stage is right if any value it held is the true one. A
wrong stage is compared with what the chain rule makes of the person's own later stages: if it is
that, the mistake lies further on; if not, it is here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from ..symbolic.evaluate import evaluate
from ..symbolic.expr import Expr
from .causes import equals, filled
from .changed import differing
from .explain import Explainer, mentions
from .formulas import Formulas
from .relations import close, name_constant, ratio
from .report import Finding
from .several import BESIDES
from .stages import Code, Stage, collected
from .values import Values
from .watching import Run


class Examination:
    """The runs of a hand-written gradient at the points of the formulas."""

    def __init__(self, formulas: Formulas, runs: Sequence[Run],
                 results: Sequence[Mapping[str, Any]], named: Mapping[str, str],
                 function: Callable[..., Any]) -> None:  # fmt: skip
        self.formulas, self.runs, self.results = formulas, runs, results
        self.code = Code(function)
        self.points = formulas.points
        self.stages = collected(formulas.backward_order(), runs, results, named)
        self.truth = {n: [p.numbers[f"d{n}"] for p in self.points] for n in self.stages}
        self._settle_loops()
        #: how far apart equal arrays may be where sums cancel, at each point
        self.floors = [1e-13 * max(np.max(np.abs(t[i]), initial=0.0) for t in self.truth.values())
                       for i in range(len(self.points))]  # fmt: skip
        self._begin()
        self.explainer = Explainer(formulas, runs, self.code,
                                   {stage.variable for stage in self.stages.values()})  # fmt: skip

    def _begin(self) -> None:
        self.known: dict[str, list[Any]] = {}  # the gradients so far, as the person has them
        self.source: dict[str, int] = {}  # wrong stage -> the finding that it is wrong by
        self.found: list[Finding] = []
        self.factors: list[list[float]] = []  # by which stages are too large on purpose
        self.forward: int | None = None  # the finding that a forward value is wrong

    def _settle_loops(self) -> None:
        """Forget the stages of loops: of which turn (``f``, ``f_2``, ...) they are is not known."""
        for name in [*self.stages]:
            if self.formulas.in_a_loop(name) and name not in self.results[0]:
                del self.stages[name]

    def findings(self) -> tuple[list[Finding], list[str]]:
        """Return the mistakes in backward order, and the stages that are right."""
        right = {n for n, stage in self.stages.items() if self._is_right(stage)}
        said = [self.stages[n].variable for n in self.stages if n in right]
        if set(self.results[0]) <= right:
            return [], said
        found = self._gone_through(right, {})
        scaled = {n: f for n in self.stages if n not in right and (f := self._scale(n)) is not None}
        if scaled and any(finding.cause == "unexplained" for finding in found):
            # what is scaled may be put right where there is a mistake besides
            found = min(found, self._gone_through(right, scaled), key=_unexplained)
        return found, said

    def left_scaled(self) -> list[str]:
        """Say which stages are a constant too large and put right later, if all is right."""
        scalars = [self.formulas.scalars(point) for point in self.points]
        scales = {
            n: self._scale(n) for n, stage in self.stages.items() if not self._is_right(stage)
        }
        return [f"{self.stages[n].variable} is {constant} times the gradient of {n}, which is put "
                "right later" for n, factors in scales.items()
                if factors and (constant := name_constant(factors, scalars))]  # fmt: skip

    def _gone_through(self, right: set[str], scaled: Mapping[str, list[float]]) -> list[Finding]:
        """Return the mistakes, if the stages of `scaled` are a constant too large on purpose."""
        self._begin()
        for name, stage in self.stages.items():
            if name in right:
                self.known[name] = self.truth[name]
            elif name in scaled:
                self.factors.append(scaled[name])
            elif not self._on_purpose(name, right):
                self._examine(stage)
                self.known[name] = stage.held[-1].values
        return [f.spoiling(self._spoilt_by(i)) for i, f in enumerate(self.found)]

    def _scale(self, name: str) -> list[float] | None:
        """Return by which constants a stage is too large; None if by none, or if it is returned."""
        held = self.stages[name].held[-1]
        factors = [ratio(v, w) for v, w in zip(held.values, self.truth[name], strict=True)]
        known = [f for f in factors if f is not None]
        return known if held.line is not None and len(known) == len(factors) else None

    def _spoilt_by(self, index: int) -> tuple[str, ...]:
        """Return the arrays that are wrong only because of a mistake further on."""
        return tuple(self.stages[n].variable for n, i in self.source.items()
                     if i == index and self.stages[n].variable != self.found[i].stage)  # fmt: skip

    def _is_right(self, stage: Stage) -> bool:
        held = [h for h in stage.held if h.line is None] or stage.held
        meant = [self.truth[stage.of]]
        if stage.held[-1].line is not None:
            meant += self._meant(stage.of)
        return any(self._same(h.values, truth) for h in held for truth in meant)

    def _same(self, values: Sequence[Any], others: Sequence[Any]) -> bool:
        return all(close(v, w, floor=floor)
                   for v, w, floor in zip(values, others, self.floors, strict=True))  # fmt: skip

    def _meant(self, name: str) -> list[list[Any]]:
        """Return what else the gradient of a value may mean: of what it is a function of.

        ``hidden = np.maximum(0, X @ W)`` has one name for what comes before the function and after.
        """
        found = [[np.broadcast_to(evaluate([e], p.numbers)[0], np.shape(p.numbers[name]))
                  for p in self.points] for e in self.formulas.before(name)]  # fmt: skip
        return [v for v in found if ratio(v[0], self.truth[name][0]) is None]  # not a size only

    def _on_purpose(self, name: str, right: set[str]) -> bool:
        """Whether a stage is a constant times what it should be, and that is put right later.

        Then something right is made of it that would be wrong by the chain rule; or something
        wrong is by that constant smaller than the chain rule makes it.
        """
        stage = self.stages[name]
        if stage.held[-1].line is None:
            return False
        for held in stage.held:
            for truth in (self.truth[name], *self._meant(name)):
                found = [ratio(v, w) for v, w in zip(held.values, truth, strict=True)]
                factors = [f for f in found if f is not None]
                if len(factors) == len(found) and (
                    self._put_right(name, held.values, right) or self._taken_back(name, factors)
                ):
                    self.factors.append(factors)
                    return True
        return False

    def _put_right(self, name: str, scaled: Sequence[Any], right: set[str]) -> bool:
        """Whether something right is made of a value that is not."""
        forms = self.formulas.local({name})
        values = [Values({**p.numbers, f"d{name}": v})
                  for p, v in zip(self.points, scaled, strict=True)]  # fmt: skip
        return any(
            not all(equals(v(forms[n]), w) for v, w in zip(values, self.truth[n], strict=True))
            for n in self.stages if n in right and mentions(forms[n], f"d{name}")
        )  # fmt: skip

    def _taken_back(self, name: str, factors: list[float]) -> bool:
        """Whether something later is the chain rule's array over the factor."""
        if all(abs(f - 1) < 1e-6 for f in factors):  # pragma: no cover - then it is right as it is
            return False
        order = [*self.stages]
        values = self._points({n: stage.held[-1].values for n, stage in self.stages.items()})
        forms = self.formulas.local(set(self.stages))
        for n in order[order.index(name) + 1 :]:
            want = [v(forms[n]) for v in values]
            if any(mentions(forms[n], f"d{m}") for m in self.stages) and all(
                w is not None and equals(np.divide(w, f), v)
                for w, f, v in zip(want, factors, self.stages[n].held[-1].values, strict=True)
            ):  # fmt: skip
                return True
        return False

    # --- one wrong stage ---

    def _examine(self, stage: Stage) -> None:
        """Say what is wrong at a stage, or by which finding further on it is wrong."""
        local = self.formulas.local(set(self.known))[stage.of]
        upstream = [n for n in self.source if mentions(local, f"d{n}")]
        if upstream and self._follows(stage, local, upstream, {}):
            self.source[stage.of] = self.source[upstream[-1]]
            return
        if self.forward is not None and self._follows(stage, local, upstream, self._altered):
            self.source[stage.of] = self.forward
            return
        self.source[stage.of] = len(self.found)
        where = (self._points({}), self.truth[stage.of], self.known.keys(), bool(upstream))
        result = self.explainer.explained(stage, local, *where)
        for factors in self.factors if stage.held[-1].line is not None else ():
            held = stage.held[-1]
            other = stage._replace(held=(held._replace(values=_without(held.values, factors)),))
            instead = self.explainer.explained(other, local, *where)
            if instead.finding.cause != "unexplained":
                result = instead
        if result.by_forward and self.forward is None:
            self.forward = len(self.found)
        finding = result.finding
        if result.factors and self._taken_back(stage.of, [*result.factors]):
            self.factors.append([*result.factors])
            finding = replace(finding, sentence=finding.sentence.partition(BESIDES)[0])
        self.found.append(finding)

    @cached_property
    def _altered(self) -> dict[str, list[Any]]:
        """The person's forward values that are not the loss's."""
        return differing(self._points({}), self.formulas, self.runs)

    def _follows(self, stage: Stage, local: Expr, upstream: list[str],
                 altered: Mapping[str, list[Any]]) -> bool:  # fmt: skip
        """Whether the chain rule gives this from what the person has, or cannot be applied."""
        for choice in itertools.product(*(self._held(self.stages[n]) for n in upstream)):
            values = self._points(dict(zip(upstream, choice, strict=True)))
            values = [v.changed(**{n: new[i] for n, new in altered.items()})
                      for i, v in enumerate(values)]  # fmt: skip
            want = [v(local) for v in values]
            fits = [w is not None and np.shape(filled(w, t)) == np.shape(t)
                    for w, t in zip(want, self.truth[stage.of], strict=True)]  # fmt: skip
            if not all(fits):
                return True
            if any(all(map(equals, want, h.values)) for h in stage.held):
                return True
        return False

    def _held(self, stage: Stage) -> list[list[Any]]:
        """Return what a stage held when it was done, also without factors that are on purpose."""
        held = [h.values for h in self.code.finished(stage)]
        return held + [_without(held[0], factors) for factors in self.factors]

    def _points(self, known: Mapping[str, list[Any]]) -> list[Values]:
        """Return what has a name at each point, gradients as the person has them."""
        held = {**self.known, **known}
        return [Values({**point.numbers, **{f"d{n}": values[i] for n, values in held.items()}})
                for i, point in enumerate(self.points)]  # fmt: skip


def _without(values: Sequence[Any], factors: Sequence[float]) -> list[Any]:
    """Return values at each point over a factor there."""
    return [np.divide(v, f) for v, f in zip(values, factors, strict=True)]


def _unexplained(found: Sequence[Finding]) -> tuple[int, int]:
    """Say how little was explained: what is explained by less is the likelier story."""
    return sum(finding.cause == "unexplained" for finding in found), len(found)
