"""Other ways to look at an array, and choices by a mask.

Imports `lowering`. Nothing is copied: axes are turned, added and dropped by NumPy's views.
"""

from __future__ import annotations

import math

from ..symbolic.expr import Expr
from .lowering import Lowering, lowers
from .values import Value


@lowers("realign")
def realign(low: Lowering, e: Expr) -> Value:
    """Axes in other places."""
    value = low.lower(e.args[0])
    if value.is_scalar:
        return value
    pattern = e.setting("pattern")
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


@lowers("where")
def where(low: Lowering, e: Expr) -> Value:
    """One of two values by a mask."""
    mask, *branches = (low.lower(arg) for arg in e.args)
    target = low.given(e, low.float_of(branches), "where")
    parts = [f"float({{{i}}})" if v.is_scalar else f"{{{i}}}" for i, v in enumerate(branches, 1)]
    low.do(target, f"np.where({{0}}, {', '.join(parts)})", mask, *branches, kind="fresh")
    return target
