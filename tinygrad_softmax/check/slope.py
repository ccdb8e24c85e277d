"""The incoming gradient times something that is not the slope.

Imports `factors` and `edits`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..symbolic.expr import Expr
from .causes import Case, Cause
from .edits import Editor
from .factors import factor


def another_slope(case: Case, forms: Sequence[Expr], editor: Editor) -> Iterator[Cause]:
    """Find out by dividing what a person multiplied the incoming gradient with."""
    right = editor.said(editor.text(forms[0]))
    numbers = [{**values.numbers, **mine}
               for values, mine in zip(case.points, case.locals, strict=True)]  # fmt: skip
    for label, incoming in editor.incoming(forms[0]):
        values = [point(incoming) for point in case.points]
        known = all(v is not None for v in values)
        found = (
            (factor(case.got, values, numbers) or _another_mask(case, values)) if known else None
        )
        if found is None:
            continue
        text, is_mask = found
        if text == "1":
            said = f"it is `{label}` itself: the step from there to `{right}` is missing"
            yield Cause("local_slope", said)
        else:
            yield Cause("mask" if is_mask else "local_slope",
                        f"it is `{label} * ({text})`, but should be `{right}`")  # fmt: skip
        return
    found = factor(case.got, case.want, numbers)
    gone = found[0].removeprefix("1 / ") if found is not None else ""
    if gone in editor.upstream:
        yield Cause("upstream", f"the incoming gradient `{gone}` is missing")
    elif found is not None and found[0] != "1":
        said = f"it is the right array times `{found[0]}`, which does not belong there"
        yield Cause("mask" if found[1] else "local_slope", said)


def _another_mask(case: Case, incoming: Sequence[Any]) -> tuple[str, bool] | None:
    """Whether the factor is a mask, as it should be, but one that no value tells."""
    wrong = [_is_mask(g, v) for g, v in zip(case.got, incoming, strict=True)]
    right = [_is_mask(w, v) for w, v in zip(case.want, incoming, strict=True)]
    return ("another mask", True) if all(wrong) and all(right) else None


def _is_mask(array: Any, incoming: Any) -> bool:
    """Whether an array is another where that is not set to zero."""
    if np.shape(array) != np.shape(incoming) or not np.any(array):
        return False
    near = np.abs(np.subtract(array, incoming)) <= 1e-9 * np.max(np.abs(incoming))
    return bool(np.all(near | (np.asarray(array) == 0)))
