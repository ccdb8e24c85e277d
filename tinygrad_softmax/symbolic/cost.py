"""How long an expression is: what simplification must never increase.

Imports `terms`.
"""

from __future__ import annotations

from .expr import Expr
from .terms import LINEAR, PRODUCT


def cost(e: Expr) -> int:
    """Count the operations of an expression, each once; a name costs nothing."""
    total, stack, seen = 0, [e], set()
    while stack:
        node = stack.pop()
        if node in seen or node.op is None:
            continue
        seen.add(node)
        if node.op is PRODUCT:
            total += len(node.args) - 1 + sum(k != 1 for k in node.setting("exps"))
        elif node.op is LINEAR:
            total += len(node.args) - 1 + sum(abs(c) != 1 for c in node.setting("coefs"))
        elif node.op.kind == "realign":
            total += not _only_leads(node)  # the same entries, looked at another way
        else:
            total += 3
        stack.extend(node.args)
    return total


def _only_leads(e: Expr) -> bool:
    """Whether `e` only drops axes of size 1 in front: nothing is written for that."""
    (x,), pattern = e.args, e.setting("pattern")
    lead = len(x.shape) - len(pattern)
    return all(n == 1 for n in x.shape[:lead]) and all(p == i + lead for i, p in enumerate(pattern))
