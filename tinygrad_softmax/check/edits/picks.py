"""Entries picked or changed at an index: the labels that are meant, and the rows they belong to.

Imports `parts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...ops import indexing
from ...symbolic.expr import Expr
from ...symbolic.sizes import Counted, Slot
from .parts import Change, Shop, made_op


def changes(shop: Shop, node: Expr) -> Iterator[Change]:
    """Yield what a person may have made of an index."""
    index = node.setting("index")
    parts = index if isinstance(index, tuple) else (index,)
    slots = [part for part in parts if isinstance(part, Slot)]
    for part in slots:
        yield from _other_labels(shop, node, part)
    if node.op is indexing.scatter and slots:
        yield from _not_added(shop, node, slots, any(isinstance(p, Counted) for p in parts))


def _other_labels(shop: Shop, node: Expr, part: Slot) -> Iterator[Change]:
    """Yield the labels plus or minus one, and those of the neighbouring row."""
    labels = node.args[part.operand]
    text = shop.text(labels)
    for shift, word in ((1, "plus"), (-1, "minus")):
        moved = shop.op(_ROLLED, (labels, _classes(shop, node, part)), (("shift", shift),))
        yield Change("labels", f"`{text} {word} 1` is used in place of the labels `{text}`",
                     _at(shop, node, part, moved))  # fmt: skip
    for shift, word in ((1, "before"), (-1, "after")):
        turned = shop.op(_TURNED, (labels,), (("shift", shift),))
        said = f"each row has the label of the row {word} it, not its own of `{text}`"
        yield Change("labels", said, _at(shop, node, part, turned))
    whole = node.shape if node.op is indexing.scatter else node.args[0].shape
    axis = node.setting("index").index(part) if isinstance(node.setting("index"), tuple) else 0
    for value in shop.values:
        if value.shape == whole and value.label not in shop.upstream:
            largest = shop.world.make(_LARGEST, (value,), (("axis", axis),), labels.shape)
            said = f"the place of the largest entry of `{shop.text(value)}` is used, not `{text}`"
            yield Change("labels", said, _at(shop, node, part, largest), 0)


def _classes(shop: Shop, node: Expr, part: Slot) -> Expr:
    size = node.shape if node.op is indexing.scatter else node.args[0].shape
    index = node.setting("index")
    return shop.world.lift(size[index.index(part) if isinstance(index, tuple) else 0])


def _at(shop: Shop, node: Expr, part: Slot, labels: Expr) -> Expr:
    args = tuple(labels if i == part.operand else arg for i, arg in enumerate(node.args))
    return shop.like(node, args)


def _not_added(shop: Shop, node: Expr, slots: list[Slot], rows: bool) -> Iterator[Change]:
    """Yield what becomes of additions at an index that are made the wrong way."""
    labels = node.args[slots[0].operand]
    text = shop.text(labels)
    if rows:
        axis = node.setting("index").index(slots[0])
        settings = (("axis", axis), ("into", node.setting("into")))
        made = shop.world.make(_EVERY_ROW, (node.args[0], labels), settings, node.shape)
        yield Change("labels", f"every row is changed at all the labels `{text}`, not each row at "
                     "its own (`:` for `range`)", made)  # fmt: skip
        return
    yield Change("not_summed", f"there is a row for each of `{text}`: those of the same index are "
                 "not summed", node.args[0])  # fmt: skip
    only = (("into", node.setting("into")),)
    made = shop.world.make(_LAST_WINS, (node.args[0], labels), only, node.shape)
    said = (f"where an index is repeated in `{text}`, only the last addition counts: "
            f"`a[{text}] += v` adds once, `np.add.at(a, {text}, v)` every time")  # fmt: skip
    yield Change("term_missing", said, made)


def _rolled(labels: Any, classes: Any, *, shift: int) -> Any:
    return (np.asarray(labels, np.int64) + shift) % int(classes)  # labels may be unsigned


def _turned(labels: Any, *, shift: int) -> Any:
    return np.roll(labels, shift, axis=0)


def _largest(values: Any, *, axis: int) -> Any:
    return np.argmax(values, axis=axis)


def _every_row(values: Any, labels: Any, *, axis: int, into: Any) -> Any:
    out = np.zeros(into)
    where: list[Any] = [slice(None)] * len(into)
    where[axis] = labels
    out[tuple(where)] = values if np.ndim(values) == 0 else np.expand_dims(values, 1 - axis)
    return out


def _last_wins(values: Any, labels: Any, *, into: Any) -> Any:
    out = np.zeros(into)
    out[labels] = values
    return out


_ROLLED = made_op(_rolled, "rolled")
_TURNED = made_op(_turned, "turned")
_LARGEST = made_op(_largest, "largest")
#: A scatter as ``a[:, y] -= v`` makes it: every row is changed at all the labels.
_EVERY_ROW = made_op(_every_row, "every_row")
#: A scatter as ``a[y] += v`` makes it.
_LAST_WINS = made_op(_last_wins, "last_wins")
