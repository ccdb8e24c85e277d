"""Computing expressions from values, and putting them in order.

Imports `expr`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from .expr import Expr, World
from .sizes import Counted, Dim, Slot


def evaluate(roots: Iterable[Expr], env: dict[str, Any]) -> list[Any]:
    """Compute expressions from the values of the inputs by name.

    Sizes are read off `env` too: a size's label is a key of it.
    """
    known: dict[Expr, Any] = {}
    roots = list(roots)
    for node in ordered(roots):
        if node.op is None:
            known[node] = env.get(str(node.label), node.value)
            continue
        args = [known[arg] for arg in node.args]
        settings = {name: _computed(value, args, env, node.world) for name, value in node.settings}
        known[node] = node.op.forward(*args[: len(node.inputs)], **settings)
    return [known[root] for root in roots]


def _computed(value: Any, args: list[Any], env: dict[str, Any], world: World) -> Any:
    """Return a setting with operands and sizes filled in."""
    if isinstance(value, Slot):
        return args[value.operand]
    if isinstance(value, Counted):
        return np.arange(_computed(value.size, args, env, world))
    if isinstance(value, Dim):
        return int(evaluate([value.expr], env)[0])
    if isinstance(value, slice):
        return slice(*(_computed(part, args, env, world)
                       for part in (value.start, value.stop, value.step)))  # fmt: skip
    if isinstance(value, tuple):
        return tuple(_computed(part, args, env, world) for part in value)
    return value


def ordered(roots: Iterable[Expr]) -> list[Expr]:
    """Return every expression that `roots` are made of, operands before results."""
    return _reached(roots, lambda node: node.args)


def written_of(roots: Iterable[Expr]) -> list[Expr]:
    """Return every expression that is written when `roots` are, as the user wrote them."""
    return _reached(roots, mentioned)


def _reached(roots: Iterable[Expr], parts: Callable[[Expr], Iterable[Expr]]) -> list[Expr]:
    seen: set[Expr] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(parts(node))
    return sorted(seen, key=lambda node: node.serial)


def mentioned(e: Expr) -> Iterable[Expr]:
    """Return what is mentioned where an expression is written: operands, or a call's arguments."""
    noted = e.world.calls.get(e)
    return e.args if noted is None else _inside((*noted.args, *noted.keywords.values()))


def _inside(values: Iterable[Any]) -> Iterator[Expr]:
    for value in values:
        if isinstance(value, Expr):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _inside(value)


def substituted(e: Expr, names: dict[Expr, Expr], world: World) -> Expr:
    """Return an expression with others put in place of some of its parts."""
    memo: dict[Expr, Expr] = dict(names)
    for node in ordered([e]):
        if node not in memo:
            args = tuple(memo[arg] for arg in node.args)
            same = all(a is b for a, b in zip(args, node.args, strict=True))
            memo[node] = node if same else world.make(
                node.op, args, node.settings, node.shape)  # fmt: skip
    return memo[e]
