"""Values that were not what they should be when a gradient was made of them.

Imports `causes`, `edits` and `formulas`. A formula that is right may have been computed from a
value changed in place through another name, or from a forward value that is not the loss's. Each
use of the value may have come before the change or after it, so every use is decided on its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..symbolic.evaluate import ordered
from ..symbolic.expr import Expr, World
from .causes import Case, Cause, filled
from .diagnose import causes
from .edits import Editor
from .formulas import Formulas
from .naming import stage_of
from .relations import close, ratio
from .stages import Code
from .values import Values
from .watching import Run

#: Where a value is used more often, it is changed everywhere or nowhere.
_MOST_USES = 5


def overwritten(case: Case, forms: Sequence[Expr], formulas: Formulas, runs: Sequence[Run],
                code: Code) -> Iterator[Cause]:  # fmt: skip
    """Yield the value that had been changed through another name, if that explains an array."""
    written = [formulas.unfolded(form) for form in forms]
    for name, line in runs[0].overwritten.items():
        label = name if name in case.points[0] else f"d{stage_of(name, set(formulas.nodes))}"
        if label not in case.points[0]:
            continue
        since = [m.line for m in runs[0].moments[name]].index(line)
        for place in range(since, len(runs[0].moments[name])):
            new = [run.moments[name][place].value for run in runs]
            if _differs(case.points, label, new) and _made_of(case, written, label, new):
                yield Cause("overwritten", f"`{name}` was changed in place, through another name "
                            f"for the same array, by line {line}: `{code(line)}`")  # fmt: skip
                return


def forward(case: Case, forms: Sequence[Expr], formulas: Formulas, runs: Sequence[Run],
            code: Code, editor: Editor) -> Iterator[Cause]:  # fmt: skip
    """Yield the forward value that is not the loss's, if that explains an array."""
    written = [formulas.unfolded(form) for form in forms]
    for name, new in differing(case.points, formulas, runs).items():
        made = _made_of(case, written, name, new)
        if not made and not _carried(case, written, formulas, name, new):
            continue
        line = runs[0].moments[name][-1].line
        said = f"`{name}` is not what it is in the loss, after line {line}: `{code(line)}`"
        right = [values[name] for values in case.points]
        mine = case._replace(got=new, want=right, code=code(line))
        named = causes(mine, [formulas.forward(name)], editor)
        kind = _kind(named, formulas.nodes[name].tracked)
        # A value that is only another multiple may be a convention: then it is named last.
        sizes = [ratio(v, w) for v, w in zip(new, right, strict=True)]
        rank = 0 if None in sizes else 2
        yield Cause(kind, f"{said}; {named[0].sentence}" if named else said, rank)
        return


def differing(points: Sequence[Values], formulas: Formulas,
              runs: Sequence[Run]) -> dict[str, list[Any]]:  # fmt: skip
    """Return the person's values of the loss that are not the loss's, in the order of the loss."""
    found: dict[str, list[Any]] = {}
    for name in sorted(formulas.nodes.keys() & runs[0].moments.keys(),
                       key=lambda name: formulas.nodes[name].serial):  # fmt: skip
        held = [[run.moments[name][k].value for run in runs]
                for k in range(min(len(run.moments.get(name, ())) for run in runs))]  # fmt: skip
        if held and all(_differs(points, name, new) for new in held):
            found[name] = held[-1]
    return found


def _carried(case: Case, forms: Sequence[Expr], formulas: Formulas, name: str,
             new: Sequence[Any]) -> bool:  # fmt: skip
    """Whether a value, with all that is made of it, gives the array."""
    points = [formulas.carried(values, name, v) for values, v in zip(case.points, new, strict=True)]
    return any(all(_gives(form, values, got) for values, got in zip(points, case.got, strict=True))
               for form in forms)  # fmt: skip


def _kind(named: Sequence[Cause], tracked: bool) -> str:
    """Return what a mistake in a forward value is to the gradient.

    What does not depend on a parameter is data, and keeps its kind; anything else is in a slope.
    """
    kind = named[0].kind if named else "local_slope"
    kept = {"wrong_axis", "labels", "transposed", "shape"}
    return kind if kind in kept or not tracked else "local_slope"


def _differs(points: Sequence[Values], label: str, new: Sequence[Any]) -> bool:
    """Whether values have the right shapes, and are others at every point."""
    return all(
        np.shape(v) == np.shape(values[label]) and not close(v, values[label])
        for v, values in zip(new, points, strict=True)
    )


def _made_of(case: Case, forms: Sequence[Expr], label: str, new: Sequence[Any]) -> bool:
    """Whether a formula, with some or all uses of a name made of another value, gives the array."""
    return any(_some_uses(case, form, label, new) for form in forms)


def _some_uses(case: Case, form: Expr, label: str, new: Sequence[Any]) -> bool:
    apart, uses = used_apart(form, label)
    if not uses:
        return False
    choices = itertools.product((True, False), repeat=len(uses))
    for choice in choices:
        if any(choice) and all(
            _gives(apart, values.changed(**{
                use: v if changed else values[label]
                for use, changed in zip(uses, choice, strict=True)}), got)
            for values, v, got in zip(case.points, new, case.got, strict=True)
        ):  # fmt: skip
            return True
    return False


def _gives(form: Expr, values: Values, got: Any) -> bool:
    value = values(form)
    return value is not None and close(filled(value, got), got)


def used_apart(form: Expr, label: str) -> tuple[Expr, list[str]]:
    """Return a formula with a name of its own for each use of a value, and these names.

    Examples
    --------
    >>> a = World().leaf("a", (3,))
    >>> used_apart(a, "a")[1], used_apart(a, "b")[1]
    (['a #0'], [])
    """
    counts: dict[Expr, int] = {}
    for node in ordered([form]):
        mine = node.op is None and node.label == label
        counts[node] = mine or sum(counts[arg] for arg in node.args)
    many = counts[form] > _MOST_USES
    return _rebuilt(form, label, counts, itertools.repeat(0) if many else itertools.count()), [
        f"{label} #{k}" for k in range(min(counts[form], 1) if many else counts[form])
    ]


def _rebuilt(node: Expr, label: str, counts: dict[Expr, int], places: Iterator[int]) -> Expr:
    if not counts[node]:
        return node
    world: World = node.world
    if node.op is None:
        return world.leaf(f"{label} #{next(places)}", node.shape, node.dtype)
    args = tuple(_rebuilt(arg, label, counts, places) for arg in node.args)
    return world.make(node.op, args, node.settings, node.shape)
