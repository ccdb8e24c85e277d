"""Several terms wrong at once, a mistake and a constant besides, entries in other places.

Imports `causes` and `edits`. These are looked for only where one mistake does not explain an array.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..symbolic.expr import Expr
from .causes import Case, Cause
from .edits import Editor, is_long
from .relations import close, name_constant
from .whole import times

#: Sums of more terms are not solved for each coefficient.
_MOST_TERMS = 6
#: What comes before a constant that an array is multiplied with besides.
BESIDES = "; and it is "


def combined(case: Case, forms: Sequence[Expr], editor: Editor) -> Iterator[Cause]:
    """Terms with wrong coefficients, found as the combination of terms that the array is."""
    for form in forms:
        for parts in editor.terms(form):
            if len(parts) <= _MOST_TERMS:
                found = _each_term(case, parts)
            else:
                found = _all_but_one(case, parts)
            if found is not None:
                yield found._replace(sentence=editor.said(found.sentence))
                return


def _each_term(case: Case, parts: Mapping[str, Expr]) -> Cause | None:
    rows = [[values(term) for term in parts.values()] for values in case.points]
    solved = _coefficients(case, rows)
    if solved is None:
        return None
    said = [_coefficient(f"the term {text}", solved[:, j], case) for j, text in enumerate(parts)]
    wrong = [cause for cause in said if cause is None or cause.kind]
    causes = [cause for cause in wrong if cause is not None]
    if not wrong or len(causes) < len(wrong) or len(wrong) == len(parts):
        return None  # where every term would be wrong, the array is something else
    return Cause(causes[0].kind, "; and ".join(cause.sentence for cause in causes), 2)


def _all_but_one(case: Case, parts: Mapping[str, Expr]) -> Cause | None:
    rows = [[values(term) for term in parts.values()] for values in case.points]
    if any(v is None for row in rows for v in row):
        return None
    totals = [sum(row) for row in rows]
    for j, text in enumerate(parts):
        pairs = [[row[j], total - row[j]] for row, total in zip(rows, totals, strict=True)]
        solved = _coefficients(case, pairs)
        if solved is None:
            continue
        mine = _coefficient(f"the term {text}", solved[:, 0], case)
        rest = _coefficient(f"the sum of all terms but {text}", solved[:, 1], case)
        wrong = [cause for cause in (mine, rest) if cause is not None and cause.kind]
        if mine is not None and rest is not None and len(wrong) == 1:
            return wrong[0]._replace(rank=2)
    return None


def _coefficients(case: Case, rows: list[list[Any]]) -> Any:
    """Return how often each term is there, at each point; None if they do not make the array."""
    found = [_solved(got, want, row)
             for got, want, row in zip(case.got, case.want, rows, strict=True)]  # fmt: skip
    return None if any(f is None for f in found) else np.array(found)


def _solved(got: Any, want: Any, terms: list[Any]) -> Any:
    got = np.asarray(got, float)
    if got.shape != np.shape(want) or got.size <= len(terms) or any(t is None for t in terms):
        return None
    scale = np.max(np.abs(got), initial=0.0)
    there = [k for k, v in enumerate(terms) if np.max(np.abs(v), initial=0.0) > 1e-9 * scale]
    try:
        columns = [np.broadcast_to(terms[k], got.shape).ravel() for k in there]
    except ValueError:
        return None
    matrix = np.stack(columns, axis=1) if columns else np.zeros((got.size, 0))
    if not np.isfinite(matrix).all():
        return None
    found, _, rank, _ = np.linalg.lstsq(matrix, got.ravel(), rcond=None)
    if rank < len(there) or not close(matrix @ found, got.ravel()):
        return None
    coefficients = np.ones(len(terms))  # a term that comes to nothing is as it should be
    coefficients[there] = found
    return coefficients


def _coefficient(what: str, factors: Any, case: Case) -> Cause | None:
    """Say what is wrong with a term that is there so often; no kind if nothing, None if odd."""
    if np.all(np.abs(factors - 1) < 1e-6):
        return Cause("", "")
    if np.all(np.abs(factors) < 1e-6):
        return Cause("term_missing", f"{what} is missing")
    name = name_constant([*map(float, factors)], case.scalars)
    if name is None:
        return None
    if name == "-1":
        return Cause("term_sign", f"{what} has the wrong sign")
    return Cause("term_scaled", f"{what} is {times(name)} what it should be")


def edited_and_scaled(case: Case, forms: Sequence[Expr], editor: Editor) -> Iterator[Cause]:
    """One edit, and a constant factor besides."""
    if not case.same_shape:
        return
    for form in (form for form in forms if not is_long(form)):
        for edit in editor.edits(form):
            found = case.times(edit.formula)
            if found is not None:
                name, factors = found
                first = editor.said(edit.sentence)
                said = f"{first}{BESIDES}{times(name)} what it should then be"
                yield Cause(edit.cause, said, 3 + edit.rank, factors)
                return


def moved(case: Case, forms: Sequence[Expr], editor: Editor) -> Iterator[Cause]:
    """A term that belongs to an index, at other entries than those of the index."""
    if not case.same_shape:
        return
    for form in forms:
        for parts in editor.terms(form):
            for text, term in parts.items():
                said = editor.said(text)
                if "` at `" in said and _elsewhere(case, form, term):
                    yield Cause("labels", f"the term {said} stands at other entries: not each row "
                                "at its own label", 3)  # fmt: skip
                    return


def _elsewhere(case: Case, form: Expr, term: Expr) -> bool:
    """Whether the array has the entries of a term, in other places."""
    for got, values in zip(case.got, case.points, strict=True):
        right, whole = values(term), values(form)
        if right is None or whole is None or np.shape(right) != np.shape(got):
            return False
        there = got - (whole - right)
        if close(there, right) or not close(np.sort(there, axis=None), np.sort(right, axis=None)):
            return False
    return True
