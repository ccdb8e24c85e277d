"""Computing expressions from values, and putting them in order.

Imports `expr`.
"""

from __future__ import annotations

from collections.abc import Iterable
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
        if node.primitive is None:
            known[node] = env.get(str(node.label), node.value)
            continue
        args = [known[arg] for arg in node.args]
        settings = {name: _computed(value, args, env, node.world) for name, value in node.settings}
        known[node] = node.primitive.forward(*args[: len(node.inputs)], **settings)
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
    seen: set[Expr] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(node.args)
    return sorted(seen, key=lambda node: node.serial)
