"""Picking entries and putting them back, by places in memory.

Imports `lowering`. The place of ``scores[i, y[i]]`` in memory is one number for each row, worked
out once for a pick and the update that mirrors it; no range is indexed with.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import indexing
from ..symbolic.expr import Expr
from ..symbolic.sizes import Counted, Slot
from ..symbolic.updates import meets_once
from .lowering import Lowering, lowers
from .values import Value, scalar


def _index(e: Expr) -> tuple[Any, ...]:
    index = e.setting("index")
    whole = isinstance(index, tuple) and not isinstance(index, (Counted, Slot))
    return index if whole else (index,)


@lowers("getitem")
def pick(low: Lowering, e: Expr) -> Value:
    """Compute ``x[index]``: a view, a pick by places, or NumPy's own indexing."""
    x, index = e.args[0], _index(e)
    value = low.whole(x)
    if not any(isinstance(p, (Counted, Slot, np.ndarray)) for p in index):
        text = _text(low, e, value)
        if not e.shape:
            return low.number(text.replace("{}", "{0}"), value, dtype=value.dtype, name="entry")
        return low.view(value, text, low.shape(e), low.rows(e))
    if _one_per_row(low, e) and value.root is value and value.kind == "array":
        target = low.array(e, value.dtype, "picked")
        places = places_of(low, e, value)
        flat = low.view(value, _FLAT[value.order], (value.size,), None)
        low.do(target, "{0}.take({1}, mode='clip')", flat, places, reuse=False)
        return target
    target = low.given(e, value.dtype, "picked")
    slots = [low.lower(arg) for arg in e.args[1:]]
    code = _text(low, e, value).replace("{}", "{0}")
    low.do(target, code, value, *slots, kind="fresh")
    return target


#: A matrix as it lies in memory.
_FLAT = {"C": "{}.reshape(-1)", "F": "{}.T.reshape(-1)"}


def _one_per_row(low: Lowering, e: Expr) -> bool:
    """Whether an index picks one entry of each row, by labels that are looked at in every call."""
    index = _index(e)
    if len(index) != 2 or not (isinstance(index[0], Counted) and isinstance(index[1], Slot)):
        return False
    labels = low.lower(e.args[index[1].operand])
    if labels.kind != "input" or labels.dtype.kind not in "iu":
        return False  # NumPy looks at them, where they are used
    size = low.concrete((e.shape if e.op is indexing.scatter else e.args[0].shape)[1])
    if (labels, size) not in low.draft.labels:
        low.draft.labels.append((labels, size))
    return True


def places_of(low: Lowering, e: Expr, value: Value) -> Value:
    """Return where in memory the entries ``value[i, labels[i]]`` lie."""
    labels = low.lower(e.args[_index(e)[1].operand])
    key = (labels, value.shape, value.order)
    if key in low.places:
        return low.places[key]
    n, k = value.shape
    rows = value.rows
    text = "n" if rows is not None else str(n)
    # small integers would overflow, and of unsigned 64-bit ones NumPy would make real numbers
    mixed = ", dtype=np.intp, casting='unsafe'" if labels.dtype != np.intp else ""
    target = low.like((n,), np.intp, "places", 0 if rows is not None else None)
    if value.order == "C":
        starts = low.constant(f"np.arange({text}) * {k}", (n,), np.intp, "starts", rows)
        low.do(target, f"np.add({{0}}, {{1}}{mixed})", labels, starts)
    else:
        counts = low.constant(f"np.arange({text})", (n,), np.intp, "row_numbers", rows)
        first = low.like((n,), np.intp, "places", 0 if rows is not None else None)
        low.do(first, f"np.multiply({{0}}, {text}{mixed})", labels)
        low.do(target, "np.add({0}, {1})", first, counts)
    low.places[key] = target
    return target


def put(low: Lowering, target: Value, scatter: Expr, scale: Value) -> None:
    """Write ``target[index] += scale * values`` for a scatter of values."""
    values = low.lower(scatter.args[0])
    sign = "-" if scale.number is not None and scale.number < 0 else "+"
    amount = _scaled(low, values, scalar(abs(scale.number)) if scale.number is not None else scale)
    if _one_per_row(low, scatter) and target.root is target:
        places = places_of(low, scatter, target)
        flat = low.view(target, _FLAT[target.order], (target.size,), None)
        low.do(target, f"{{0}}[{{1}}] {sign}= {{2}}", flat, places, amount, kind="do")
        return
    slots = [low.lower(arg) for arg in scatter.args[1:]]
    spelled = _spelled(low, scatter)
    if meets_once(scatter):
        code = f"{{target}}[{spelled}] {sign}= {{0}}"
    else:
        call = "add" if sign == "+" else "subtract"
        code = f"np.{call}.at({{target}}, ({spelled},), {{0}})"
    low.do(target, code, amount, *slots, kind="do")


def _scaled(low: Lowering, values: Value, by: Value) -> Value:
    if by.number == 1:
        return values
    if values.is_scalar:
        if values.number is not None and by.number is not None:
            return scalar(values.number * by.number)
        return by if values.number == 1 else low.number("{0} * {1}", values, by)
    target = low.like(values.shape, low.promoted(np.multiply, values, by), "scaled", values.rows)
    low.do(target, "np.multiply({0}, {1})", values, by)
    return target


@lowers("scatter")
def scatter_alone(low: Lowering, e: Expr) -> Value:
    """Compute zeros with values put in."""
    value = low.lower(e.args[0])
    target = low.array(e, low.float_of([value]), "scattered")
    low.do(target, "np.copyto({target}, {0})", scalar(0), kind="copy")
    put(low, target, e, scalar(1))
    return target


def _spelled(low: Lowering, e: Expr) -> str:
    """Return an index as written, operands as fields of a template."""
    parts = []
    for part in _index(e):
        if isinstance(part, Slot):
            parts.append(f"{{{part.operand}}}")
        elif isinstance(part, Counted):
            n = low.concrete(part.size)
            cut = low.cut is not None and int(part.size) == low.cut[0]
            text = "n" if cut else str(n)
            made = low.constant(
                f"np.arange({text})", (n,), np.intp, "row_numbers", 0 if cut else None
            )
            parts.append(made.text)
        elif isinstance(part, slice):
            parts.append(_slice_text(low.concrete(part)))
        elif isinstance(part, np.ndarray):
            parts.append(low.object(part, "index"))
        elif part is Ellipsis:
            parts.append("...")
        else:
            parts.append(repr(low.concrete(part)))
    return ", ".join(parts)


def _slice_text(part: slice) -> str:
    bounds = [part.start, part.stop, *([] if part.step is None else [part.step])]
    return ":".join("" if bound is None else str(bound) for bound in bounds)


def _text(low: Lowering, e: Expr, value: Value) -> str:
    return f"{{}}[{_spelled(low, e)}]"
