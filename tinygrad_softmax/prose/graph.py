"""What is explained: the values between the loss and the leaves, as expressions with names.

Imports `symbolic`, the tape and the reverse pass. A trace is such a graph already; a tape is
turned into one, node by node, with what it has kept. Its one idea: after this, a recorded loss and
a traced function are told by the same words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import count
from typing import Any, NamedTuple
from unicodedata import normalize

import numpy as np

from ..core.reverse import order
from ..core.tape import Leaf, Node
from ..symbolic.evaluate import evaluate, ordered
from ..symbolic.expr import Expr, World
from ..symbolic.names import is_name
from ..symbolic.sizes import Counted, Slot
from ..symbolic.trace import Trace
from .scope import Scope


class Graph(NamedTuple):
    """A loss with all that it is made of."""

    root: Expr
    names: dict[Expr, str]  # what the user calls a value
    shapes: dict[Expr, tuple[int, ...]]  # shapes in the numbers given
    world: World


def of_trace(traced: Trace, given: dict[str, Any]) -> Graph:
    """Return the graph of a traced function, with the shapes that it has for the inputs given."""
    env = {**given}
    env |= {label: np.shape(given[name])[axis] for label, (name, axis) in traced.sizes.items()}
    nodes = ordered([traced.output])
    shapes = dict(zip(nodes, map(np.shape, evaluate(nodes, env)), strict=True))
    names = {e: name for name, e in reversed(traced.names.items())}
    return Graph(traced.output, names, shapes, traced.world)


def of_tape(root: Node, scope: Scope) -> Graph:
    """Return the graph of a recorded loss, by the names in `scope`.

    Raises
    ------
    BackwardError
        If an earlier backward pass has used up part of the tape.
    """
    world, made = World(), dict[Node, Expr]()
    names: dict[Expr, str] = {}
    taken, fresh = set[str](), count(1)
    for node in order(root):
        name = scope.nodes.get(node)
        if isinstance(node, Leaf):
            label = unused(node.name or name or f"parameter{next(fresh)}", taken)
            made[node] = world.leaf(label, node.shape, node.dtype, tracked=True)
            continue
        made[node] = e = _lifted(node, made, world, scope)
        if name is not None:
            names[e] = unused(name, taken)
    shapes = {e: tuple(map(int, e.shape)) for e in ordered([made[root]])}
    return Graph(made[root], names, shapes, world)


def unused(name: str, taken: set[str]) -> str:
    """Return `name` as an identifier that is not taken, and take it.

    Examples
    --------
    >>> unused("layer 1", {"layer_1"})
    'layer_1_2'
    """
    clean = re.sub(r"\W+", "_", normalize("NFKC", name))
    if not is_name(clean):
        clean = f"v_{clean}"
    tries: Iterable[str] = (clean if i == 1 else f"{clean}_{i}" for i in count(1))
    found = next(label for label in tries if label not in taken)
    taken.add(found)
    return found


def _lifted(node: Node, made: dict[Node, Expr], world: World, scope: Scope) -> Expr:
    """Return the expression of one recorded op; it is not shared, as its node is not."""
    primitive: Any = node.op
    assert node.plan is not None
    kept: dict[str, Any] = dict(zip(node.plan.names, node.saved or (), strict=True))
    args: list[Expr] = []
    for position, origin in enumerate(node.parents):
        if origin is not None:
            args.append(made[origin])
            continue
        name = primitive.argnames[0 if primitive.variadic else position]
        held = kept.get(name, ...)
        value = held[position] if primitive.variadic and held is not ... else held
        args.append(_constant(value, world, scope))
    settings = tuple((name, _setting(name, kept, node, args, world, scope))
                     for name in primitive.settings)  # fmt: skip
    return Expr(world, primitive, tuple(args), settings, node.shape, node.dtype, None, None, True)


def _constant(value: Any, world: World, scope: Scope) -> Expr:
    """Return a constant operand: a number, an array by its name, or one that was not kept."""
    if value is ...:
        return world.constant(("unknown", world.count), "constant", np.zeros(()))
    array = np.asarray(value)
    name = scope.name(value)
    if name is None and array.ndim == 0:
        return world.lift(array)
    label = name or f"constant{1 + sum(key[0] == 'constant' for key in world.table)}"
    return world.constant(("constant", id(value)), label, array)


def _setting(name: str, kept: dict[str, Any], node: Node, args: list[Expr], world: World,
             scope: Scope) -> Any:  # fmt: skip
    """Return a setting: as it was kept, or what the result tells of it, or its default."""
    primitive: Any = node.op
    if name in kept:
        value = kept[name]
        return value if primitive.variadic else _held(value, args, world, scope)
    told = {"shape": node.shape, "into": node.shape, "dtype": None}
    return told.get(name, primitive.settings[name])


def _held(value: Any, args: list[Expr], world: World, scope: Scope) -> Any:
    """Return a setting with its ranges recognised and its arrays among the operands."""
    if isinstance(value, tuple):
        return tuple(_held(part, args, world, scope) for part in value)
    if not isinstance(value, np.ndarray) or not value.ndim:
        return value
    if value.ndim == 1 and len(value) > 1 and np.array_equal(value, np.arange(len(value))):
        return Counted(scope.size(len(value), world))
    args.append(_constant(value, world, scope))
    return Slot(len(args) - 1)
