"""What is summed at the end of a formula, summed over other axes or not at all.

Imports `causes` and the expressions of `symbolic`. Axes are compared by numbers, so that a sum
over everything that is then repeated, or one row in place of the sum, is seen for what it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..symbolic.exponentials import kind
from ..symbolic.expr import Expr
from .causes import Case, Cause
from .edits.parts import axes_of
from .edits.places import MOVES
from .values import Values


def summed_elsewhere(case: Case, forms: Sequence[Expr]) -> Iterator[Cause]:
    """Yield how the last sum of the first form that has one was taken, if not as it should."""
    for form in forms:
        e = last_sum(form)
        values = [] if e is None else [_summands(form, e, point) for point in case.points]
        if e is None or any(v is None for v in values):
            continue
        found = _over(case, values, {*axes_of(e)}) or _one_row(case, values, axes_of(e))
        if found is not None:
            yield found
            return


def last_sum(form: Expr) -> Expr | None:
    """Return the sum that a formula is, but for its place and for factors."""
    while kind(form) in MOVES or (kind(form) == "linear" and len(form.args) == 1):
        form = form.args[0]
    if kind(form) == "sum":
        return form
    if kind(form) == "product":
        sums = [e for e, k in zip(form.args, form.setting("exps"), strict=True)
                if k == 1 and (kind(e) == "sum" or kind(e) in MOVES)]  # fmt: skip
        inner = [last_sum(e) for e in sums]
        found = [e for e in inner if e is not None]
        return found[0] if len(found) == 1 else None
    return None


def _summands(form: Expr, e: Expr, point: Values) -> Any:
    """Return what is summed, with the factors that stand outside the sum."""
    inside, total, whole = (point(x) for x in (e.args[0], e, form))
    if inside is None or whole is None or np.size(whole) != np.size(total):
        return None
    inside = np.broadcast_to(inside, np.broadcast_shapes(np.shape(inside), _full(e, point)))
    with np.errstate(all="ignore"):
        factors = np.divide(np.reshape(whole, np.shape(total)), total)
    usual = np.median(factors[np.isfinite(factors)]) if np.isfinite(factors).any() else 1.0
    return inside * np.where(np.isfinite(factors), factors, usual)  # a sum that comes to nothing


def _full(e: Expr, point: Values) -> tuple[int, ...]:
    """Return the shape of what is summed, in numbers."""
    world = e.world
    return tuple(int(point(world.lift(n))) for n in e.args[0].shape)


def _over(case: Case, values: list[Any], right: set[int]) -> Cause | None:
    ndim = np.ndim(values[0])
    for n in range(ndim + 1):
        for axes in itertools.combinations(range(ndim), n):
            if set(axes) != right and all(
                _is(g, np.sum(v, axis=axes), v) for g, v in zip(case.got, values, strict=True)
            ):
                return _said({*axes}, right, case)
    return None


def _one_row(case: Case, values: list[Any], axes: tuple[int, ...]) -> Cause | None:
    if len(axes) != 1:
        return None
    for place, word in ((0, "first"), (-1, "last")):
        if all(_is(g, np.take(v, place, axes[0]), v)
               for g, v in zip(case.got, values, strict=True)):  # fmt: skip
            line = f"the {word} {'row' if axes[0] == 0 else 'column'}"
            said = f"it is {line} of what should be summed over axis {axes[0]}, not the sum"
            return Cause("not_summed", said)
    return None


def _is(got: Any, total: Any, parts: Any) -> bool:
    """Whether an array is a sum of the parts, or that sum repeated."""
    got, total = np.asarray(got, float), np.asarray(total)
    if total.size not in (1, got.size):
        return False
    apart = got.ravel() - total.ravel()  # which may cancel to rounding: judged by the summands
    return bool(np.max(np.abs(apart), initial=0.0) <= 1e-9 * np.max(np.abs(parts), initial=0.0))


def _said(axes: set[int], right: set[int], case: Case) -> Cause:
    shape, due = np.shape(case.got[0]), np.shape(case.want[0])
    along = ", ".join(map(str, sorted(right)))
    other = f": its shape is {shape}, not {due}" if shape != due else ""
    if axes < right:
        return Cause("not_summed", f"it is not summed over axis {along}{other}")
    if axes > right:
        said = f"it is summed over every axis, not over axis {along} alone{other}"
        return Cause("wrong_axis", said)
    over = ", ".join(map(str, sorted(axes)))
    return Cause("wrong_axis", f"it is summed over axis {over}, not over axis {along}{other}")
