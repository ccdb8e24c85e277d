"""What explains one wrong stage, as a finding.

Imports `diagnose` and what it looks among: formulas that are right, values that were changed, paths
of the chain rule. A diagnosis that fails is none: then it is said where the difference is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..symbolic.evaluate import ordered
from ..symbolic.exponentials import kind
from ..symbolic.expr import Expr
from . import diagnose
from .causes import Case, Cause, equals, filled
from .changed import forward, overwritten
from .edits import Editor
from .formulas import Formulas
from .paths import paths
from .report import Finding
from .stages import Code, Stage
from .values import Values
from .watching import Run
from .whole import shapes

#: So many other causes are named beside the most usual one.
_MOST_OTHERS = 3
#: What an incoming gradient is, is said if it is not longer.
_SHORT = 60


class Explained(NamedTuple):
    """A finding, whether it is that a value of the loss is wrong, and a constant besides."""

    finding: Finding
    by_forward: bool = False
    factors: tuple[float, ...] = ()


class Explainer:
    """Explains the wrong stages of a hand-written gradient; ``gradients`` are its variables."""

    def __init__(self, formulas: Formulas, runs: Sequence[Run], code: Code,
                 gradients: set[str]) -> None:  # fmt: skip
        self.formulas, self.runs, self.code, self.gradients = formulas, runs, code, gradients
        self.points = formulas.points

    def explained(self, stage: Stage, local: Expr, points: Sequence[Values], truth: Sequence[Any],
                  known: Set[str], spoilt: bool) -> Explained:  # fmt: skip
        """Return the mistake made at a stage.

        ``local`` is the gradient by the chain rule, and ``points`` are what it is made of there;
        ``spoilt`` says that it is made of something wrong.
        """
        want = [filled(v(local), t) for v, t in zip(points, truth, strict=True)]
        numbers, lines = self._scalars(local), self.code.all_of(stage)
        for held in self.code.finished(stage):
            case = Case(held.values, want, points, numbers, self._locals, lines)
            try:
                named, by_forward = self._causes(case, stage.of, local, known, spoilt)
            except Exception:  # the difference is certain, whatever keeps it from being explained
                named, by_forward = [], False
            if named:
                line = self.code.of(stage, held.line)
                return Explained(_found(stage, named, line), by_forward, named[0].factors)
        held = stage.held[-1]
        said = f"unexplained: {diagnose.concentrated(held.values[0], want[0])}"
        line = self.code.of(stage, held.line)
        return Explained(Finding(stage.variable, "unexplained", said, line))

    def _scalars(self, form: Expr) -> list[dict[str, float]]:
        """Return the numbers that a constant may be made of: sizes, inputs, sums in a formula."""
        sums = {self.formulas.text(e): e for e in ordered([form])
                if set(e.shape) <= {1} and kind(e) == "sum"}  # fmt: skip
        found = []
        for point in self.points:
            values = Values(point.numbers)
            more = {text: values(e) for text, e in sums.items()}
            found.append(self.formulas.scalars(point) | {
                text: float(np.ravel(v)[0]) for text, v in more.items() if np.size(v) == 1
            })  # fmt: skip
        return found

    @cached_property
    def _locals(self) -> list[dict[str, Any]]:
        """Return the person's arrays that are no gradients, nor values of the loss."""
        taken = self.points[0].numbers.keys() | self.gradients
        shared = [n for n in self.runs[0].moments if all(n in run.moments for run in self.runs)]
        names = [n for n in shared if n not in taken]
        return [{n: run.moments[n][-1].value for n in names} for run in self.runs]

    def _causes(self, case: Case, name: str, local: Expr, known: Set[str],
                spoilt: bool) -> tuple[list[Cause], bool]:  # fmt: skip
        """Return what explains a wrong array, and whether it is a value of the loss."""
        if found := [*shapes(case)]:
            return found, False
        forms = [*self._forms(case, name, local, known, spoilt)]
        sources = (self.formulas, self.runs, self.code)
        before = [*overwritten(case, forms, *sources)]
        by_forward = [] if before else [*forward(case, forms, *sources, self.editor)]
        found = diagnose.causes(case, forms, self.editor, self.formulas.deeper, bool(
            before or by_forward))  # fmt: skip
        if not (before or by_forward) and all(
            c.kind == "term_missing" or c.rank > 1 for c in found
        ):
            found = _with_paths(found, [*paths(case, name, self.formulas, known)])
        unlikely = bool(by_forward and by_forward[0].rank and found)
        named = [*found, *by_forward] if unlikely else [*before, *by_forward, *found]
        return named, bool(by_forward) and not unlikely

    def _forms(self, case: Case, name: str, local: Expr, known: Set[str],
               spoilt: bool) -> Iterator[Expr]:  # fmt: skip
        """Yield the ways to write the right array: by the chain rule, and in closed form."""
        chained = [local, self.formulas.shortened(local)]
        closed = [] if spoilt else self.formulas.closed(name)
        if not any(mentions(local, f"d{n}") for n in known):
            chained, closed = closed, chained  # the person cannot have applied the chain rule
        seen: set[Expr] = set()
        for form in (*chained, *closed):
            if form not in seen and all(
                equals(v(form), w) for v, w in zip(case.points, case.want, strict=True)
            ):
                seen.add(form)
                yield form

    @cached_property
    def editor(self) -> Editor:
        """Makes the edits, by the names of the loss."""
        spoken = self.formulas.spoken
        values = [leaf for leaf in spoken.leaves.values() if leaf.dtype.kind == "f" and leaf.shape]
        slopes = [spoken.gradient(e) for e in self.formulas.nodes.values()
                  if e in self.formulas.chain.raw and e.shape]  # fmt: skip
        return Editor(self.formulas.trace.world, self.formulas.text, values + slopes,
                      {f"d{n}" for n in self.formulas.nodes}, self._incoming)  # fmt: skip

    def _incoming(self, e: Expr) -> str | None:
        """Say an incoming gradient by its name, and what it is; None if it is none."""
        text, numbers = self.formulas.text(e), self.points[0].numbers
        value = Values(numbers)(e)
        for n in self.formulas.nodes:
            if f"d{n}" in numbers and np.ndim(value) and equals(value, numbers[f"d{n}"]):
                also = self.formulas.text(self.formulas.closed(n)[0]) if text == f"d{n}" else text
                is_short = len(also) < 60 and also != f"d{n}"
                return f"the incoming gradient `d{n}`" + f", which is `{also}`," * is_short
        return f"the incoming gradient `{text}`" if self.editor.carries(e) else None


def mentions(form: Expr, label: str) -> bool:
    """Whether a name is in a formula."""
    return any(e.op is None and e.label == label for e in ordered([form]))


def _found(stage: Stage, named: Sequence[Cause], line: str) -> Finding:
    """Return the most usual cause, with the others of another kind."""
    best = named[0]
    others: dict[str, str] = {}
    for cause in named:
        if cause.kind != best.kind:
            others.setdefault(cause.kind, cause.sentence)
    few = tuple(others.values())[:_MOST_OTHERS]
    return Finding(stage.variable, best.kind, best.sentence, line, few)


def _with_paths(found: list[Cause], through: list[Cause]) -> list[Cause]:
    """Return causes together with paths; a term that is a path is said to be one."""
    if found and through and through[0].kind == found[0].kind:
        path = through[0].sentence.removesuffix(" is missing")
        first = found[0]._replace(sentence=f"{found[0].sentence} ({path})")
        return [first, *found[1:], *through[1:]]
    return [*found, *through]
