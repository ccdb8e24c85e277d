"""The nodes that a pass visits: in which order, and whether they are still what they were.

Imports `tape` and `errors`. Its one idea: every node is younger than its operands, so the order of
making, backwards, is an order of visiting.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from .errors import BackwardError, StaleDataError, variable_name
from .tape import Leaf, Value

_by_serial = attrgetter("serial")


def order(root: Any) -> list[Any]:
    """Return every node that `root` depends on, itself included, operands before results.

    Raises
    ------
    BackwardError
        If part of the graph has been consumed by an earlier backward pass.

    Examples
    --------
    >>> from tinygrad_softmax import Tensor
    >>> import numpy as np
    >>> loss = np.exp(Tensor(0.0)) * 2
    >>> [node.primitive.__name__ if node.primitive else "leaf" for node in order(loss.origin)]
    ['leaf', 'exp', 'multiply']
    """
    return survey(root)[0]


def survey(root: Any) -> tuple[list[Any], set[Any]]:
    """Return the nodes in order, and those where several contributions will meet."""
    seen = {root}
    shared: set[Any] = set()
    found = [root]
    for node in found:  # it grows on the way
        if node.kept is None:
            raise BackwardError(
                f"backward() has already consumed this graph (at {node.primitive.__name__}): "
                "say retain_graph=True the first time, or compute the loss again"
            )
        for origin in node.origins:
            if origin in seen:
                shared.add(origin)
            elif origin is not None:
                seen.add(origin)
                found.append(origin)
    found.sort(key=_by_serial)
    return found, shared


def check_unchanged(node: Any) -> None:
    """Raise if an array that this node relies on is not what it was in the forward pass."""
    if isinstance(node, Leaf) and node.updated:
        raise StaleDataError(
            f"{node.name or 'a leaf tensor'} {node.shape} was updated between the forward and the "
            "backward pass: call backward() first, update afterwards"
        )
    for seal in node.seals:
        if seal.broken:
            name = seal.name or variable_name(seal.array, Value) or "an operand"
            raise StaleDataError(
                f"{name} {seal.array.shape} of {node.primitive.__name__} was "
                "changed in place between the forward and the backward pass: update it after "
                "backward(), or hand the op a copy"
            )
