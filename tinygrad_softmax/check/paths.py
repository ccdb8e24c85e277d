"""Paths of the chain rule that a person left out, or took with a wrong factor.

Imports `causes` and `formulas`. A gradient written in one go skips values that have a name in the
loss; what came through one of them is what changes when the gradient there is set to zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

import numpy as np

from .causes import Case, Cause, filled
from .formulas import Formulas
from .relations import close, name_constant, ratio
from .values import Values
from .whole import times


def paths(case: Case, name: str, formulas: Formulas, known: Set[str]) -> Iterator[Cause]:
    """Yield the value whose path to the gradient of `name` is missing, or of a wrong size."""
    order = formulas.backward_order()
    if formulas.is_loop:
        return
    for through in order[: order.index(name)]:
        if through in known or f"d{through}" not in case.points[0]:
            continue
        factors = [_share(case, i, name, through, formulas, known) for i in range(len(case.got))]
        present = [f for f in factors if f is not None]
        if len(present) == len(factors):
            yield from filter(None, [_said(through, present, case)])


def _share(case: Case, i: int, name: str, through: str, formulas: Formulas,
           known: Set[str]) -> float | None:  # fmt: skip
    """Return how often the part that comes through a value is in the person's array."""
    got, want = case.got[i], case.want[i]
    without = _without(case.points[i], name, through, formulas, known)
    if without is None or np.shape(got) != np.shape(want):
        return None
    without = filled(without, want)
    if np.shape(without) != np.shape(want) or close(without, want):
        return None
    return 0.0 if close(got, without) else ratio(got - without, want - without)


def _without(values: Values, name: str, through: str, formulas: Formulas,
             known: Set[str]) -> np.ndarray | None:  # fmt: skip
    """Return a gradient without what comes through a value."""
    forms, order = formulas.stepwise, formulas.backward_order()
    changed = values
    for n in order[order.index(through) : order.index(name)]:
        if n in known:
            continue
        value = np.zeros(()) if n == through else changed(forms[n])
        if value is None:  # pragma: no cover - a gradient of the person's that fits nothing
            return None
        changed = changed.changed(**{f"d{n}": filled(value, values.numbers.get(f"d{n}", value))})
    found = changed(forms[name])
    return None if found is None else np.asarray(found)


def _said(through: str, factors: list[float], case: Case) -> Cause | None:
    if all(abs(f) < 1e-6 for f in factors):
        return Cause("term_missing", f"the path through `{through}` is missing", 2)
    constant = name_constant(factors, case.scalars)
    if constant in (None, "1"):
        return None
    if constant == "-1":
        return Cause("term_sign", f"what comes through `{through}` has the wrong sign", 2)
    return Cause("term_scaled", f"what comes through `{through}` is {times(str(constant))} what it "
                 "should be", 2)  # fmt: skip
