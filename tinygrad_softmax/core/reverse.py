"""The reverse pass: one loop for every kind of value.

A node is visited once, after everything that used it; there each rule is called with the gradient
and what its op saved, and its answer is folded to the operand's shape and added to what has arrived
there before.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import suppress
from functools import cache
from operator import attrgetter
from typing import Any

import numpy as np

from .errors import BackwardError, GradientLostError, StaleDataError, variable_name
from .shapes import fold
from .sparse import SparseGradient
from .tape import MODE, Leaf, Value

__all__ = ["contribution", "order", "reverse"]

_by_serial = attrgetter("serial")


def reverse(
    root: Any, seed: Any, *, wrap: type[Value] | None = None, consume: bool = False
) -> Generator[tuple[Any, Any, bool], Any, None]:
    """Yield ``(node, gradient, owned)`` for every node that `root` depends on, `root` first.

    What is sent in answer to an op takes the place of its gradient from there on: a derivation
    sends a name for it.
    """
    keep_freed_memory()
    nodes, shared = _survey(root)
    watch = MODE.get().watch
    pending: dict[Any, Any] = {root: seed}
    owned: set[Any] = set()  # of leaves and of what is shared: nobody asks it of the others
    for node in nodes:
        if node.guards or node.op is None:
            _check_unchanged(node)
    while nodes:
        node = nodes.pop()
        g = pending.pop(node)
        # Sparse through ops that work entry by entry, written out for others.
        sparse = g.__class__ is SparseGradient
        if sparse and (node.op is None or not g.passes(node)):
            g, sparse = g.dense(), False
            owned.add(node)
        if node.op is None:
            yield node, g, node in owned
            continue
        if g.shape != node.shape and not _may_stay_compact(node):
            g = np.broadcast_to(g, node.shape)
        sent = yield node, g, node in owned
        if sent is not None:
            g = sent
        parents, held = node.parents, node.saved if wrap is None else _rewrap(wrap, node)
        for edge in node.plan.edges:
            position, function, pick, context = edge
            parent = parents[position]
            saved = held if pick is None else pick(held)
            if sparse:
                d = g.through(function, saved, parent.shape)
            elif context:
                d = edge.call(g, held, parent)
            else:
                d = function(g, *saved)
            if d.shape != parent.shape:
                d = fold(d, parent.shape)
            if d.dtype is not parent.dtype and d.dtype != parent.dtype:
                d = _cast(d, node, parent)
            if watch is not None:
                watch.backward(node, edge, g, saved, d)
            if parent in pending:
                pending[parent] = d = _add(pending[parent], d, parent in owned)
                if d.__class__ is np.ndarray:
                    owned.add(parent)
                else:  # a sparse sum refers to what was dense before
                    owned.discard(parent)
                continue
            pending[parent] = d
            if (parent.op is None or parent in shared) and _is_fresh(d, g, saved):
                owned.add(parent)
        if consume:
            node.saved, node.parents = None, ()


@cache
def keep_freed_memory() -> None:
    """Let the process keep up to 64 MB that a pass has freed, where glibc allocates.

    The arrays of a step die together, and at the middle sizes glibc then gives the top of its heap
    back to the system, so that the next step pays page faults for it: of 0.57 ms at 1797x64x10,
    0.23. Freeing one block of 32 MB, which is never touched, raises the limit to twice its size.
    Setting MALLOC_TRIM_THRESHOLD_ switches that mechanism off, and what was set stays.
    """
    if sys.platform == "linux":
        with suppress(MemoryError):  # where so much cannot be had, less cannot be kept
            np.empty(4_000_000)


def contribution(node: Any, edge: Any, g: Any) -> Any:
    """Return what one arrow of the backward pass adds to the gradient of its operand.

    For those who look at arrows one by one; `reverse` has the same inline, because a call would
    cost as much as a small rule. Folded to the operand's shape, and compact where it is constant.
    """
    if g.shape != node.shape and not _may_stay_compact(node):
        g = np.broadcast_to(g, node.shape)
    parent = node.parents[edge.position]
    d = edge.call(g, node.saved, parent)
    if d.__class__ is SparseGradient:
        d = d.dense()
    return fold(d, parent.shape) if d.shape != parent.shape else d


def order(root: Any) -> list[Any]:
    """Return every node that `root` depends on, itself included, operands before results."""
    return _survey(root)[0]


def _survey(root: Any) -> tuple[list[Any], set[Any]]:
    """Return the nodes in order, and those where several contributions will meet."""
    seen = {root}
    shared: set[Any] = set()
    found = [root]
    for node in found:  # it grows on the way
        if node.saved is None:
            raise BackwardError(_consumed(node, found))
        for parent in node.parents:
            if parent in seen:
                shared.add(parent)
            elif parent is not None:
                seen.add(parent)
                found.append(parent)
    found.sort(key=_by_serial)
    return found, shared


def _rebound(node: Any, found: list[Any]) -> str | None:
    """Return the variable that has gone on from a node as in ``w = w - step * w.grad``.

    None if nothing has; an empty name if no variable holds it, but a list, a dict or an attribute.
    """
    seen, chain = {*found}, {node: node.op}
    for later in found:  # the survey has stopped half-way
        found += {p for p in later.parents if p is not None and p not in seen}
        seen.update(later.parents)
    for later in sorted(found, key=_by_serial):
        tracked = {parent for parent in later.parents if parent is not None}
        if later.op is not None and later.op.elementwise and tracked and tracked <= chain.keys():
            chain[later] = later.op
    if not any(op.numpy in (np.add, np.subtract) for op in [*chain.values()][1:]):
        return None
    return next((name for later in chain if (name := variable_name(later, Value))), "")


def _consumed(node: Any, found: list[Any]) -> str:
    """Say what to do about a graph that an earlier backward pass has consumed."""
    name = None if variable_name(node, Value) else _rebound(node, found)
    if name:
        return (
            f"{name} is not a parameter any more but the result of {node.op.__name__}, made by a "
            f"line such as {name} = {name} - step * {name}.grad, and an earlier backward() has "
            f"consumed what it was made from. Update the parameter in place, {name}.data -= step * "
            f"{name}.grad, and it stays one"
        )
    instead = "say retain_graph=True the first time, or compute the loss again"
    if name is not None:
        instead = (
            "if a line such as w = w - step * w.grad has replaced a parameter, write w.data -= "
            f"step * w.grad, which keeps it one; otherwise {instead}"
        )
    return f"backward() has already consumed this graph (at {node.op.__name__}): {instead}"


def _check_unchanged(node: Any) -> None:
    """Raise if an array that this node relies on is not what it was in the forward pass."""
    if isinstance(node, Leaf):
        if node.updated:
            raise StaleDataError(
                f"{node.name or 'a leaf tensor'} {node.shape} was updated between the forward and "
                "the backward pass: call backward() first, update afterwards"
            )
        if node.orphan:
            raise GradientLostError(
                f"a copy of a graph depends on {node.name or 'a parameter'} {node.shape}, whose "
                "tensor was not copied with it, so nothing would receive the gradient: copy both "
                "in one call of copy.deepcopy, or copy t.detach()"
            )
    for guard in node.guards:
        if guard.broken:
            name = guard.name or variable_name(guard.array, Value) or "an operand"
            raise StaleDataError(
                f"{name} {guard.array.shape} of {node.op.__name__} was changed in place between "
                "the forward and the backward pass: update it after backward(), or hand the op a "
                "copy"
            )


def _is_fresh(d: Any, g: Any, saved: tuple[Any, ...]) -> bool:
    """Whether a rule's answer is an array of its own: no view, and nothing that it was handed."""
    if d is g or d.__class__ is not np.ndarray or d.base is not None or not d.flags.writeable:
        return False
    for array in saved:  # noqa: SIM110 - by identity, and a generator would cost as much as the rule
        if array is d:
            return False
    return True


def _may_stay_compact(node: Any) -> bool:
    """Whether the rules can do with a gradient of size 1 along the axes where it is constant.

    Not where the op itself repeated an operand: there the copies have to be counted.
    """
    if not node.op.elementwise:
        return False
    for parent in node.parents:  # noqa: SIM110 - a generator would take 0.5 us more
        if parent is not None and parent.shape != node.shape:
            return False
    return True


def _add(earlier: Any, d: Any, owned: bool) -> Any:
    """Add a contribution, in the memory of the earlier ones if nothing else refers to it."""
    if earlier.__class__ is SparseGradient:
        return earlier.plus(d)
    if d.__class__ is SparseGradient:
        if owned and earlier.shape == d.shape and d.rest is None:
            earlier[d.index] += d.values
            return earlier
        return d.plus(earlier)
    if owned and earlier.ndim >= d.ndim:
        try:
            return np.add(earlier, d, out=earlier)
        except ValueError:  # the sum is larger than the earlier one, which was compact
            pass
    return earlier + d


def _cast(d: Any, node: Any, parent: Any) -> Any:
    """Give a gradient the type of what it belongs to: float32 stays float32."""
    if d.dtype.kind == "c":
        raise BackwardError(
            f"the gradient of {node.op.__name__} is complex but the operand is "
            f"{parent.dtype}: take the real part of the complex operand first"
        )
    if d.__class__ is SparseGradient:
        d = d.dense()
    return d.astype(parent.dtype)


def _rewrap(wrap: type[Value], node: Any) -> tuple[Any, ...]:
    """Turn what a node saved back into values of the graph that they came from."""
    argnames = node.op.argnames

    def value(name: str, held: Any) -> Any:
        if name == "out":
            return wrap.wrap(held, node)
        if name not in argnames:
            return held
        if node.op.variadic:
            return tuple(
                held_ if parent is None else wrap.wrap(held_, parent)
                for held_, parent in zip(held, node.parents, strict=True)
            )
        parent = node.parents[argnames.index(name)]
        return held if parent is None else wrap.wrap(held, parent)

    return tuple(map(value, node.plan.names, node.saved))
