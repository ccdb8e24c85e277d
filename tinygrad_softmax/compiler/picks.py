"""Picking entries and putting them back, by places in memory; and other ways to look at an array.

Imports `lowering`. The place of ``scores[i, y[i]]`` in memory is one number for each row, worked out
once for a pick and the update that mirrors it; no range is indexed with.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

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
    _note_labels(low, e, value.shape)
    if _one_per_row(index) and value.root is value and value.kind == "array":
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


def _one_per_row(index: tuple[Any, ...]) -> bool:
    return len(index) == 2 and isinstance(index[0], Counted) and isinstance(index[1], Slot)


def _note_labels(low: Lowering, e: Expr, shape: tuple[int, ...]) -> None:
    """Remember which arrays are indices, and into how many: they are checked at each call."""
    at = 0
    for part in _index(e):
        if isinstance(part, Slot):
            arg = low.lower(e.args[part.operand])
            if (arg, shape[at]) not in low.draft.labels:
                low.draft.labels.append((arg, shape[at]))
        at += part is not None


def places_of(low: Lowering, e: Expr, value: Value) -> Value:
    """Return where in memory the entries ``value[i, labels[i]]`` lie."""
    labels = low.lower(e.args[_index(e)[1].operand])
    key = (labels, value.shape, value.order)
    if key in low.places:
        return low.places[key]
    n, k = value.shape
    rows = value.rows
    text = "n" if rows is not None else str(n)
    target = low.like((n,), np.intp, "places", 0 if rows is not None else None)
    if value.order == "C":
        starts = low.constant(f"np.arange({text}) * {k}", (n,), np.intp, "starts", rows)
        low.do(target, "np.add({0}, {1})", labels, starts)
    else:
        counts = low.constant(f"np.arange({text})", (n,), np.intp, "row_numbers", rows)
        first = low.like((n,), np.intp, "places", 0 if rows is not None else None)
        low.do(first, f"np.multiply({{0}}, {text})", labels)
        low.do(target, "np.add({0}, {1})", first, counts)
    low.places[key] = target
    return target


def put(low: Lowering, target: Value, scatter: Expr, scale: Value) -> None:
    """Write ``target[index] += scale * values`` for a scatter of values."""
    values, index = low.lower(scatter.args[0]), _index(scatter)
    sign = "-" if scale.number is not None and scale.number < 0 else "+"
    amount = _scaled(low, values, scalar(abs(scale.number)) if scale.number is not None else scale)
    _note_labels(low, scatter, target.shape)
    if _one_per_row(index) and target.root is target:
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
            made = low.constant(f"np.arange({text})", (n,), np.intp, "row_numbers",
                                0 if cut else None)  # fmt: skip
            parts.append(made.text)
        elif isinstance(part, slice):
            part = low.concrete(part)
            parts.append(":".join("" if s is None else str(s)
                                  for s in (part.start, part.stop, part.step)[: 2 + (part.step is not None)]))  # fmt: skip
        elif isinstance(part, np.ndarray):
            parts.append(low.object(part, "index"))
        elif part is Ellipsis:
            parts.append("...")
        else:
            parts.append(repr(low.concrete(part)))
    return ", ".join(parts)


def _text(low: Lowering, e: Expr, value: Value) -> str:
    return f"{{}}[{_spelled(low, e)}]"


# --- other ways to look at an array ---


@lowers("realign")
def realign(low: Lowering, e: Expr) -> Value:
    """Axes in other places."""
    value = low.lower(e.args[0])
    if value.is_scalar:
        return value
    pattern = e.setting("pattern")
    lead = max(max((p for p in pattern if p is not None), default=-1) + 1 - len(value.shape), 0)
    if lead:
        value = low.view(value, f"{{}}[{'None, ' * lead}...]", (1,) * lead + value.shape,
                         None if value.rows is None else value.rows + lead, whole=True)  # fmt: skip
    used = [p for p in pattern if p is not None]
    shape, rows = low.shape(e), low.rows(e)
    if pattern == tuple(range(len(value.shape)))[::-1] and len(pattern) == 2:
        return low.view(value, "{}.T", shape, rows)
    access = "{}"
    if used != sorted(used):
        gone = [i for i in range(len(value.shape)) if i not in used]
        access += f".transpose({', '.join(map(str, [*gone, *used]))})[{'0, ' * len(gone)}...]"
        kept = list(used)
    else:
        kept = [i for i in range(len(value.shape)) if i in used]
        if len(kept) < len(value.shape):
            parts = [":" if i in used else "0" for i in range(len(value.shape))]
            access += f"[{', '.join(parts)}]"
    if None in pattern:
        access += f"[{', '.join('None' if p is None else ':' for p in pattern)}]"
    if not shape:
        return low.number(access.replace("{}", "{0}"), value, dtype=value.dtype, name="entry")
    whole = used == sorted(used) and value.size == math.prod(shape)
    return low.view(value, access, shape, rows, whole) if access != "{}" else value


@lowers("transpose")
def transpose(low: Lowering, e: Expr) -> Value:
    """Axes in another order."""
    value, axes = low.whole(e.args[0]), e.setting("axes")
    access = "{}.T" if axes is None else f"{{}}.transpose({', '.join(map(str, axes))})"
    return low.view(value, access, low.shape(e), low.rows(e))


@lowers("reshape")
def reshape(low: Lowering, e: Expr) -> Value:
    """The same entries in another shape."""
    shape = low.shape(e)
    return low.view(low.whole(e.args[0]), f"{{}}.reshape({shape})", shape, low.rows(e))


@lowers("broadcast_to")
def broadcast_to(low: Lowering, e: Expr) -> Value:
    """The same entries again and again: written out only if they are one number."""
    value, shape, rows = low.lower(e.args[0]), low.shape(e), low.rows(e)
    size = low.size_text(shape, rows)
    if value.number is not None:
        return low.constant(f"np.full({size}, {value.text}, float)", shape, float, "full", rows)
    if value.is_scalar:
        target = low.array(e, value.dtype or float, "full")
        low.do(target, "np.copyto({target}, {0})", value, kind="copy")
        return target
    return low.view(value, f"np.broadcast_to({{}}, {size})", shape, rows)


@lowers("stop_gradient", "positive")
def same(low: Lowering, e: Expr) -> Value:
    """The same value."""
    return low.lower(e.args[0])


@lowers("where")
def where(low: Lowering, e: Expr) -> Value:
    """One of two values by a mask."""
    mask, *branches = (low.lower(arg) for arg in e.args)
    target = low.given(e, low.float_of(branches), "where")
    parts = [f"float({{{i}}})" if v.is_scalar else f"{{{i}}}" for i, v in enumerate(branches, 1)]
    low.do(target, f"np.where({{0}}, {', '.join(parts)})", mask, *branches, kind="fresh")
    return target
