"""The reverse pass: one loop for every kind of value.

Imports `nodes`, `scattered`, `rules`, `shapes` and `errors`. Its one idea: a node is visited once,
after everything that used it; there each rule is called with the gradient and what it kept, and its
answer is folded to the operand's shape and added to what has arrived there before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .errors import BackwardError
from .nodes import check_unchanged, survey
from .nodes import order as order  # those who look at the graph ask here for both
from .rules import Edge
from .scattered import Scattered
from .shapes import fold
from .tape import MODE, Value


def gradients(
    root: Any, seed: Any, *, wrap: type[Value] | None = None, consume: bool = False
) -> Iterator[tuple[Any, Any, bool]]:
    """Yield ``(node, gradient, owned)`` for every node that `root` depends on, `root` first.

    Parameters
    ----------
    root : Node
        Where the pass starts; any graph of nodes with ``origins, primitive, kept, shape, dtype``.
    seed : array
        Gradient of the loss with respect to `root`, of its shape.
    wrap : type, optional
        Hand the rules values of this type instead of arrays, so that they are recorded in turn
        and the gradients can be differentiated again.
    consume : bool
        Let go of what the tape kept as soon as it has been used, so that memory falls.

    Raises
    ------
    BackwardError
        If part of the graph has been consumed by an earlier backward pass, or a rule answers with
        complex numbers.
    StaleDataError
        If an array that a rule relies on was changed since the forward pass.

    Notes
    -----
    A gradient may be compact: of size 1 along axes where it is constant; or `Scattered`, unless it
    is a leaf's. ``owned`` says that nothing else refers to its memory.

    Examples
    --------
    >>> from tinygrad_softmax import Tensor
    >>> x = Tensor(3.0)
    >>> [float(g) for _, g, _ in gradients((x * x).origin, np.ones(()))]
    [1.0, 6.0]
    """
    nodes, shared = survey(root)
    watch = MODE.get().watch
    pending: dict[Any, Any] = {root: seed}
    owned: set[Any] = set()  # of leaves and of what is shared: nobody asks it of the others
    for node in nodes:
        if node.seals or node.primitive is None:
            check_unchanged(node)
    while nodes:
        node = nodes.pop()
        g = pending.pop(node)
        primitive = node.primitive
        few = (
            g.__class__ is Scattered
        )  # goes on so by ops that work entry by entry, whole by others
        if few and (primitive is None or not g.passes(node)):
            g, few = g.whole(), False
            owned.add(node)
        if primitive is None:
            yield node, g, node in owned
            continue
        if g.shape != node.shape and not _may_stay_compact(node):
            g = np.broadcast_to(g, node.shape)
        yield node, g, node in owned
        held = node.kept if wrap is None else _rewrap(wrap, node)
        for position, function, pick, told in node.plan.edges:
            origin = node.origins[position]
            kept = held if pick is None else pick(held)
            shape = origin.shape
            if few:
                d = g.through(function, kept, shape)
            elif told is None:
                d = function(g, *kept)
            else:
                d = function(g, *kept, **told(origin, position))
            if d.shape != shape:
                d = fold(d, shape)
            if d.dtype is not origin.dtype and d.dtype != origin.dtype:
                d = _cast(d, node, origin)
            if watch is not None:
                watch.backward(node, position, g, d)
            earlier = pending.get(origin)
            if earlier is not None:
                d = _add(earlier, d, origin in owned)
                if d.__class__ is np.ndarray:
                    owned.add(origin)
            elif (origin.primitive is None or origin in shared) and _is_fresh(d, g, kept):
                owned.add(origin)
            pending[origin] = d
        if consume:
            node.kept, node.origins = None, ()


def contribution(node: Any, edge: Edge, g: Any) -> Any:
    """Return what one arrow of the backward pass adds to the gradient of its operand.

    For those who look at arrows one by one; `gradients` has the same inline, because a call would
    cost as much as a small rule.

    Parameters
    ----------
    node : Node
        The op's node.
    edge : Edge
        One of ``node.plan.edges``.
    g : array
        The gradient of the loss with respect to the op's result.

    Returns
    -------
    array
        Folded to the operand's shape; compact where it is constant.

    Examples
    --------
    >>> from tinygrad_softmax import Tensor
    >>> node = (Tensor([1.0, 2.0]) * Tensor(3.0)).origin
    >>> [contribution(node, edge, np.ones(2)).tolist() for edge in node.plan.edges]
    [3.0, [3.0, 3.0]]
    """
    if g.shape != node.shape and not _may_stay_compact(node):
        g = np.broadcast_to(g, node.shape)
    origin = node.origins[edge.position]
    kept = node.kept if edge.pick is None else edge.pick(node.kept)
    told = edge.told(origin, edge.position) if edge.told is not None else {}
    d = edge.function(g, *kept, **told)
    if d.__class__ is Scattered:
        d = d.whole()
    return fold(d, origin.shape) if d.shape != origin.shape else d


def _is_fresh(d: Any, g: Any, kept: tuple[Any, ...]) -> bool:
    """Whether a rule's answer is an array of its own: no view, and nothing that it was handed."""
    if d is g or d.__class__ is not np.ndarray or d.base is not None or not d.flags.writeable:
        return False
    for array in kept:  # noqa: SIM110 - by identity, and a generator would cost as much as the rule
        if array is d:
            return False
    return True


def _may_stay_compact(node: Any) -> bool:
    """Whether the rules can do with a gradient of size 1 along the axes where it is constant.

    Not where the op itself repeated an operand: there the copies have to be counted.
    """
    if not node.primitive.elementwise:
        return False
    for origin in node.origins:  # noqa: SIM110 - a generator would take 0.5 us more
        if origin is not None and origin.shape != node.shape:
            return False
    return True


def _add(earlier: Any, d: Any, owned: bool) -> Any:
    """Add a contribution, in the memory of the earlier ones if nothing else refers to it."""
    if d.__class__ is Scattered:
        if owned and earlier.shape == d.shape and d.rest is None:
            earlier[d.index] += d.values
            return earlier
        return d + earlier
    if owned and earlier.ndim >= d.ndim:
        try:
            return np.add(earlier, d, out=earlier)
        except ValueError:  # the sum is larger than the earlier one, which was compact
            pass
    return earlier + d


def _cast(d: Any, node: Any, origin: Any) -> Any:
    """Give a gradient the type of what it belongs to: float32 stays float32."""
    if d.dtype.kind == "c":
        raise BackwardError(
            f"the gradient of {node.primitive.__name__} is complex but the operand is "
            f"{origin.dtype}: take the real part of the complex operand first"
        )
    if d.__class__ is Scattered:
        d = d.whole()
    return d.astype(origin.dtype)


def _rewrap(wrap: type[Value], node: Any) -> tuple[Any, ...]:
    """Turn what a node kept back into values of the graph that they came from."""
    argnames = node.primitive.argnames

    def value(name: str, held: Any) -> Any:
        if name == "out":
            return wrap.wrap(held, node)
        if name not in argnames:
            return held
        if node.primitive.variadic:
            return tuple(wrap.wrap(*pair) for pair in zip(held, node.origins, strict=True))
        origin = node.origins[argnames.index(name)]
        return held if origin is None else wrap.wrap(held, origin)

    return tuple(map(value, node.plan.names, node.kept))
