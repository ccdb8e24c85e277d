"""In which order expressions are computed, and which are computed as part of others.

Imports the derivation's expressions. Of what can be computed next, that which needs least new
memory goes first: picks before the exponential that takes the place of what they are picked from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..ops import indexing, reductions, shaping
from ..symbolic.align import REALIGN
from ..symbolic.evaluate import ordered
from ..symbolic.expr import Expr
from ..symbolic.terms import LINEAR, PRODUCT

#: Ops that look at their operand another way.
VIEWS = (REALIGN, shaping.transpose, shaping.reshape)
#: Beyond so many expressions (a long loop, unrolled) they are computed in the order written.
_MANY = 400


def consumers(roots: Iterable[Expr]) -> dict[Expr, set[Expr]]:
    """Return who uses what."""
    found: dict[Expr, set[Expr]] = {}
    for e in ordered(roots):
        for arg in e.args:
            found.setdefault(arg, set()).add(e)
    return found


def is_total(e: Expr) -> bool:
    """Whether an expression is a sum over every axis."""
    return e.op is reductions.sum and all(n == 1 for n in e.shape)


def absorbed(roots: Iterable[Expr]) -> set[Expr]:
    """Return what is computed as part of its one consumer: terms, scatters, what is summed up."""
    kept = set(roots)
    users = consumers(kept)
    result: set[Expr] = set()
    for e, by in users.items():
        if e in kept or e.op is None:
            continue
        only = next(iter(by)) if len(by) == 1 else None
        if e.op is indexing.scatter:
            if all(_is_put(e, user, users) for user in by):
                result.add(e)
        elif only is not None and e.op in (LINEAR, PRODUCT):
            term = only.op is LINEAR and e.op is PRODUCT
            if term or (is_total(only) and e.shape):
                result.add(e)
    return result


def _is_put(scatter: Expr, user: Expr, users: dict[Expr, set[Expr]]) -> bool:
    """Whether a scatter becomes an update in place of the sum that it is a term of."""
    if user.op is PRODUCT and all(b is scatter or not b.shape for b in user.args):
        return (
            all(
                _is_put(scatter, u, {}) and tuple(u.shape) == tuple(scatter.shape)
                for u in users.get(user, ())
            )
            and len(users.get(user, ())) == 1
        )
    return user.op is LINEAR and tuple(user.shape) == tuple(scatter.shape)


def order(roots: Iterable[Expr], sizes: dict[Expr, int]) -> list[Expr]:
    """Return every expression after its operands, those that need least memory first."""
    roots = list(roots)
    nodes = ordered(roots)
    if len(nodes) > _MANY:
        return nodes
    home: dict[Expr, Expr] = {}
    for e in nodes:
        home[e] = home[e.args[0]] if e.op in VIEWS else e
    inside = absorbed(roots)
    pending: dict[Expr, set[Expr]] = {}
    for e in nodes:
        for arg in _operands(e, inside):
            if e not in inside:
                pending.setdefault(home[arg], set()).add(e)
    kept = {home[root] for root in roots}
    done: list[Expr] = []
    placed: set[Expr] = set()
    left = dict.fromkeys(nodes)

    def need(e: Expr) -> tuple[int, int]:
        if e in inside or e.op in VIEWS or e.op is None:
            return (-1, e.serial)
        parts = {home[arg] for arg in _operands(e, inside)}
        freed = sum(
            sizes[p] for p in parts if p.op is not None and p not in kept and pending.get(p) == {e}
        )
        return (sizes[e] - freed, e.serial)

    while left:
        ready = [e for e in left if all(arg in placed for arg in e.args)]
        best = min(ready, key=need)
        del left[best]
        placed.add(best)
        done.append(best)
        for arg in _operands(best, inside):
            pending.get(home[arg], set()).discard(best)
    return done


def _operands(e: Expr, inside: set[Expr]) -> set[Expr]:
    """Return the operands of an expression and of what is computed as part of it."""
    found: set[Expr] = set()
    stack = list(e.args)
    while stack:
        arg = stack.pop()
        if arg in inside:
            stack.extend(arg.args)
        else:
            found.add(arg)
    return found


def entries(e: Expr, concrete: dict[int, int]) -> int:
    """Return the number of entries at the sizes compiled for."""
    return math.prod(concrete.get(int(n), int(n)) for n in e.shape)
