"""Which mistake turns the right array into the one that a person computed.

Imports the searches. A cause counts only if it gives the person's numbers at every point; where
several do, all are named, and where none does, none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..symbolic.expr import Expr
from .causes import Case, Cause
from .edits import Editor, is_long
from .left_out import left_out
from .several import combined, edited_and_scaled, moved
from .slope import another_slope
from .summed import summed_elsewhere
from .whole import extra, scaled, shapes

Deeper = Callable[[Expr], Iterator[Expr]]
Search = Callable[[Case, Sequence[Expr], Editor], Iterator[Cause]]
#: Where two mistakes give the same numbers, one of the array as a whole is the simpler.
_WHOLE = frozenset(["scaled", "sign"])
#: A sentence that is longer gives way to a shorter one of the same kind.
_LONG = 140
#: One gradient in place of another.
_MIXED_UP = re.compile(r"`(d\w+)` stands where `(d\w+)` should")


def causes(case: Case, forms: Sequence[Expr], editor: Editor,
           deeper: Deeper | None = None, first: bool = False) -> list[Cause]:  # fmt: skip
    """Return every mistake that explains a wrong array, the most usual first; none if none does.

    The first of `forms` is the one by the chain rule from the gradients that the person has.
    ``deeper(form)`` yields it with values written out, for mistakes that are made inside one. With
    ``first`` only the usual ones are returned: something else explains the array already.
    """
    found = [*shapes(case), *summed_elsewhere(case, forms), *_edits(case, forms, editor)]
    if all(cause.kind in ("scaled", "sign", "mean_for_sum") for cause in found):
        found += scaled(case)
    if first:
        return ordered([cause for cause in found if cause.rank <= 1], case.code)
    inside = _deeper(deeper)
    for search in (another_slope, _extra, combined, inside, moved, left_out, edited_and_scaled):
        if not found:
            found = [*search(case, forms, editor)]
    return ordered(found, case.code)


def ordered(found: Sequence[Cause], code: str) -> list[Cause]:
    """Return different causes, the most usual first; of one kind, the one that is said shortest."""
    words = set(re.findall(r"\w+", " ".join(line.partition("=")[2] for line in code.splitlines())))

    def place(cause: Cause) -> tuple[int, bool]:
        if cause.kind == "mean_for_sum":  # a division all the same, unless the code says mean
            return cause.rank - 1 if "mean" in code else cause.rank + 4, True
        mixed = _MIXED_UP.match(cause.sentence)
        if mixed and mixed[1] in words and mixed[2] not in words:
            return 0, True  # the code has the one, and not the other
        return cause.rank, cause.kind not in _WHOLE

    unique: dict[tuple[str, str], Cause] = {}
    for cause in sorted(found, key=place):
        unique.setdefault((cause.kind, cause.sentence), cause)
    best = [*unique.values()]
    same = [c for c in best if c.kind == best[0].kind and c.rank == best[0].rank]
    if same and len(best[0].sentence) > _LONG:
        first = min(same, key=lambda cause: len(cause.sentence))
        best.remove(first)
        best.insert(0, first)
    return best


def _edits(case: Case, forms: Sequence[Expr], editor: Editor) -> Iterator[Cause]:
    """One edit of one of the forms."""
    for form in forms:
        for edit in editor.edits(form):
            if case.given_by(edit.formula):
                yield Cause(edit.cause, editor.said(edit.sentence), edit.rank)


def _deeper(deeper: Deeper | None) -> Search:
    def search(case: Case, forms: Sequence[Expr], editor: Editor) -> Iterator[Cause]:
        for form in forms:
            written = [] if deeper is None or is_long(form) else [*deeper(form)]
            yield from _edits(case, [e for e in written if not is_long(e)], editor)

    return search


def _extra(case: Case, forms: Sequence[Expr], editor: Editor) -> Iterator[Cause]:
    return extra(case, editor.upstream)


def concentrated(got: Any, want: Any) -> str:
    """Say where a difference is that nothing explains."""
    got, want = np.asarray(got, float), np.asarray(want, float)
    if got.shape != want.shape:
        return f"its shape is {got.shape}, not {want.shape}"
    if not np.isfinite(got).all():
        return f"{int((~np.isfinite(got)).sum())} of {got.size} entries are not finite"
    apart = ~(np.abs(got - want) <= 1e-7 * np.max(np.abs(want), initial=1e-300))
    if apart.all():
        return "every entry differs"
    for axis, word in ((0, "row"), (1, "column")):
        if apart.ndim == 2:
            lines = apart.any(axis=1 - axis)
            if lines.sum() <= max(1, len(lines) // 4):
                few = ", ".join(map(str, np.flatnonzero(lines)[:4]))
                return f"only {word} {few} differs"
    worst = np.unravel_index(np.argmax(np.abs(got - want)), got.shape)
    place = ", ".join(map(str, worst))
    count = f"{int(apart.sum())} of {apart.size} entries differ"
    return f"{count}, most at [{place}]: {got[worst]:.6g} instead of {want[worst]:.6g}"
