"""What NumPy makes of what is written: truth values, counts or numbers, and with how many axes.

Imports `terms` and `align`.
"""

from __future__ import annotations

import ast
from typing import Any

from .align import REALIGN
from .expr import Expr
from .terms import LINEAR, PRODUCT, is_number

#: Ops whose result has the type of their operands.
_MIXED = frozenset(["_linear", "_power_product", "where", "maximum", "minimum", "multiply", "add",
                    "subtract", "negative", "absolute", "sign", "square"])  # fmt: skip


def is_real(e: Expr) -> bool:
    """Whether what is written for `e` surely gives floating-point numbers."""
    if e.op is None:
        return bool(e.dtype.kind == "f")
    name = e.op.kind
    if name == "astype" or (name == "broadcast_to" and is_number(e.args[0])):
        return True
    if e.dtype.kind in "bi":
        return False
    if e.op is LINEAR and any(c != int(c) for c in e.setting("coefs")):
        return True
    if e.op is PRODUCT and any(k < 0 or k.denominator > 1 for k in e.setting("exps")):
        return True
    if e.op.elementwise and name not in _MIXED:
        return True
    return any(map(is_real, e.inputs))


def cast(writer: Any, written: ast.expr) -> ast.expr:
    """Return truth values or counts as floating-point numbers."""
    return ast.Call(ast.Attribute(written, "astype"), [writer.builtin("float", "float64")], [])


def leads(e: Expr) -> bool:
    """Whether `e` only drops leading axes of size 1."""
    if e.op is not REALIGN:
        return False
    (x,), pattern = e.args, e.setting("pattern")
    lead = len(x.shape) - len(pattern)
    return lead > 0 and tuple(x.shape[:lead]) == (1,) * lead and all(
        p == i + lead or (p is None and x.shape[i + lead] == 1) for i, p in enumerate(pattern)
    )  # fmt: skip
