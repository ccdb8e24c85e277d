"""Axes in other places: squeezing, adding and turning axes, and picking, on compact values.

Imports `algebra`. A value that is constant along an axis stays compact when axes move, so these go
through sums and products to the parts.
"""

from __future__ import annotations

from typing import Any

from ..core.op import Op
from ..core.shapes import broadcast, picked
from ..ops import indexing, shaping
from .algebra import Algebra
from .expr import Expr
from .index import picked_sizes, standin
from .sizes import Counted, Slot
from .terms import LINEAR, PRODUCT

Pattern = tuple[int | None, ...]


def _realigned(x: Any, pattern: Pattern) -> Any:
    """Return x with its axes in the order of `pattern`, a new axis of size 1 at each None."""
    lead = max((p for p in pattern if p is not None), default=-1) + 1
    ndim = max(x.ndim, lead)
    x = x.reshape((1,) * (ndim - x.ndim) + x.shape)
    used = [p for p in pattern if p is not None]
    gone = tuple(i for i in range(ndim) if i not in used)
    x = x.transpose([*gone, *used]).reshape([x.shape[p] for p in used])
    return x[tuple(None if p is None else slice(None) for p in pattern)]


REALIGN = Op(
    _realigned, shape=lambda x, pattern: tuple(1 if p is None else x[p] for p in pattern),
    moves_entries=True, kind="realign",
)  # fmt: skip
REALIGN.settings = {"pattern": None}
REALIGN.argnames = ("x",)
REALIGN.__name__ = "realign"


def realign(algebra: Algebra, x: Expr, pattern: Pattern, full: tuple[int, ...]) -> Expr:
    """Return the compact form of ``realigned(x)``, for x standing for an array of shape `full`.

    ``pattern[i]`` is the axis of `full` that becomes axis i, None for a new axis of size 1. Axes
    that are left out have size 1, or x is constant along them.
    """
    if x.op is LINEAR:
        return algebra.add(*(algebra.scale(realign(algebra, t, pattern, full), c)
                             for t, c in algebra.terms(x).items()))  # fmt: skip
    if x.op is PRODUCT:
        coef, factors = algebra.factors(x)
        return algebra.scale(algebra.times(*(
            algebra.power(realign(algebra, b, pattern, full), k) for b, k in factors.items()
        )), coef)  # fmt: skip
    lead = len(full) - len(x.shape)
    own = tuple(
        None if p is None or p < lead or x.shape[p - lead] == 1 else p - lead for p in pattern
    )
    while own and own[0] is None:
        own = own[1:]  # a leading axis of size 1 may as well be absent
    if x.op is REALIGN:
        inner = x.setting("pattern")
        own = tuple(None if p is None else inner[p] for p in own)
        x = x.args[0]
    if len(own) == len(x.shape) and all(
        p == i or (p is None and x.shape[i] == 1) for i, p in enumerate(own)
    ):
        return x
    shape = tuple(1 if p is None else x.shape[p] for p in own)
    return algebra.op(REALIGN, (x,), (("pattern", own),), shape)


def turned(algebra: Algebra, x: Expr, pattern: Pattern, shape: tuple[int, ...]) -> Expr:
    """Return ``realigned(x)`` in exactly this shape, two changes of axes made one."""
    if x.op is REALIGN:
        inner = x.setting("pattern")
        pattern = tuple(None if p is None else inner[p] for p in pattern)
        x = x.args[0]
    return algebra.op(REALIGN, (x,), (("pattern", pattern),), shape)


def compact(algebra: Algebra, x: Expr, shape: tuple[int, ...]) -> Expr:
    """Return `x`, which is constant along the axes that `shape` lacks, in that shape."""
    if tuple(x.shape) == tuple(shape):
        return x
    lead = len(x.shape) - len(shape)
    pattern = tuple(None if n == 1 else i + lead for i, n in enumerate(shape))
    return turned(algebra, x, pattern, shape)


def pick(algebra: Algebra, x: Expr, like: Expr) -> Expr:
    """Return the compact ``x[index]`` for the index of a scatter or pick `like`.

    Along axes where x is constant, nothing needs to be picked.
    """
    index = like.setting("index")
    full = like.shape if like.op is indexing.scatter else like.args[0].shape
    simple = [part for part in index if isinstance(part, (Counted, Slot))]
    if len(simple) != len(index) or len(index) != len(full):
        return gathered(algebra, x, like, full)
    if x.op is LINEAR:
        parts = [(pick(algebra, t, like), c) for t, c in algebra.terms(x).items()]
        return algebra.add(*(algebra.scale(p, c) for p, c in parts))
    if x.op is PRODUCT:
        coef, factors = algebra.factors(x)
        picked = {b: pick(algebra, b, like) for b in factors}
        return algebra.scale(algebra.times(*(
            algebra.power(p, factors[b]) for b, p in picked.items()
        )), coef)  # fmt: skip
    lead = len(full) - len(x.shape)
    open_axes = [a for a in range(len(full)) if a >= lead and x.shape[a - lead] != 1]
    if not open_axes:
        return realign(algebra, x, (), full) if x.shape else x
    if len(open_axes) == 1 and isinstance(index[open_axes[0]], Counted):
        return realign(algebra, x, (open_axes[0],), full)
    return gathered(algebra, x, like, full)


def gathered(algebra: Algebra, x: Expr, like: Expr, full: tuple[int, ...]) -> Expr:
    """Return ``x[index]`` as it stands."""
    parts = like.setting("index")
    parts = (
        parts if isinstance(parts, tuple) and not isinstance(parts, (Counted, Slot)) else (parts,)
    )
    lead = len(full) - len(x.shape)
    if len(parts) == len(full) and all(isinstance(p, (Counted, Slot)) for p in parts):
        own: list[Any] = []
        extra: list[Expr] = []
        for axis in range(lead, len(full)):
            part = parts[axis]
            if x.shape[axis - lead] == 1:
                own.append(0)
            elif isinstance(part, Slot):
                extra.append(like.args[part.operand])
                own.append(Slot(len(extra)))
            else:
                own.append(part)
        shape = _gather_shape(own, extra)
        return algebra.op(indexing.getitem, (x, *extra), (("index", tuple(own)),), shape)
    whole = expanded(algebra, x, full)
    index = like.setting("index")
    rest = like.args[1:]
    shape = picked_sizes(whole, index, picked(tuple(full), standin(index, like.args)))
    return algebra.op(indexing.getitem, (whole, *rest), (("index", index),), shape)


def _gather_shape(index: Any, extra: list[Expr]) -> tuple[int, ...]:
    return broadcast(*((part.size,) if isinstance(part, Counted) else extra[part.operand - 1].shape
                       for part in index if isinstance(part, (Counted, Slot))))  # fmt: skip


def expanded(algebra: Algebra, x: Expr, full: tuple[int, ...]) -> Expr:
    """Return `x` in full shape, for ops that need all of it."""
    if tuple(x.shape) == tuple(full):
        return x
    lead = len(full) - len(x.shape)
    if x.op is REALIGN and tuple(x.args[0].shape) == tuple(full) and all(
        p is None or p == i + lead for i, p in enumerate(x.setting("pattern"))
    ):  # fmt: skip
        whole: Expr = x.args[0]  # a sum that kept its axes
        return whole
    if x.shape and tuple(full) == (1,) * lead + tuple(x.shape):
        pattern = (*(None,) * lead, *range(len(x.shape)))
        return algebra.op(REALIGN, (x,), (("pattern", pattern),), full)
    return algebra.op(shaping.broadcast_to, (x,), (("shape", tuple(full)),), full)
