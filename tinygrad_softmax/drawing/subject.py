"""What is drawn: the walk that `explain` takes, with the value and the gradient at every stop.

Imports `prose` and `symbolic`. A function's values are computed from its inputs; those of a tape
are what its rules have kept, what variables hold, and what follows from these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..core.reverse import order, reverse
from ..core.tape import Node, Value
from ..core.tensor import Tensor
from ..prose.arrows import Walk
from ..prose.graph import Graph, of_tape, of_trace
from ..prose.running import noted, root_of, run
from ..prose.scope import Scope
from ..prose.titles import Titles
from ..prose.together import Line, together
from ..symbolic.derivation import Derivation, derive
from ..symbolic.evaluate import evaluate, ordered
from ..symbolic.expr import Expr

#: Settings that a result tells of, where no rule has asked for them.
_TOLD = {"dtype", "into", "shape"}


class Subject(NamedTuple):
    """A backward pass with its numbers."""

    walk: Walk
    lines: tuple[Line, ...]  # the derived gradients, if it is a function that has them
    note: str  # why there are none, if there should be
    values: dict[Expr, Any]  # as far as they are known
    gradients: dict[Expr, Any]


class Seen(Scope):
    """The names that variables have, and the results that they hold."""

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[Node, Any] = {}

    def note(self, variables: Mapping[str, Any]) -> None:
        """Take down what variables hold."""
        super().note(variables)
        for value in [*variables.values()]:
            if isinstance(value, Value) and value.node is not None:
                self.held.setdefault(value.node, value.array)


def of_tensor(loss: Tensor) -> Subject:
    """Return the subject of a recorded loss, by the names of the caller's variables."""
    return _of_tape(loss, noted(Seen()))


def of_function(function: Callable[..., Any], wrt: Any, inputs: dict[str, Any]) -> Subject:
    """Return the subject of a function at its inputs: traced, or run where it cannot be."""
    with np.errstate(all="ignore"):  # what overflows is drawn, and seen
        return _of_function(function, wrt, inputs)


def _of_function(function: Callable[..., Any], wrt: Any, inputs: dict[str, Any]) -> Subject:
    try:
        derivation = derive(function, wrt, **inputs)
        walk = Walk(Titles(of_trace(derivation.trace, derivation.given)))
        lines = together(derivation, walk)
    except Exception as error:  # whatever is wrong with the function itself comes up again below
        reason = str(error).partition("\n")[0] or type(error).__name__
        note = (
            "The lines of the derivation are left out, because the function could not be traced as "
            f"one formula: {reason}"
        )
        seen = Seen()
        return _of_tape(run(function, wrt, inputs, seen), seen, note)
    return _of_trace(derivation, walk, lines)


def _of_trace(derivation: Derivation, walk: Walk, lines: tuple[Line, ...]) -> Subject:
    traced, raw = derivation.trace, derivation.chain.raw
    env = dict(derivation.given)
    env |= {label: np.shape(env[name])[axis] for label, (name, axis) in traced.sizes.items()}
    nodes, tracked = ordered([traced.output]), order(traced.output)
    found = evaluate([*nodes, *(raw[e] for e in tracked)], env)
    values = dict(zip(nodes, found, strict=False))
    slopes = zip(tracked, found[len(nodes) :], strict=True)
    return Subject(walk, lines, "", values, {e: _full(g, np.shape(values[e])) for e, g in slopes})


def _full(g: Any, shape: tuple[int, ...]) -> Any:
    """Write a gradient out that has size 1 where it is constant."""
    return np.broadcast_to(g, shape)


def _of_tape(loss: Tensor, seen: Seen, note: str = "") -> Subject:
    root = root_of(loss, "draw")
    seen.held[root] = loss.array
    graph = of_tape(root, seen)
    made = dict(zip(order(root), order(graph.root), strict=True))
    found = reverse(root, np.ones(root.shape, root.dtype))
    slopes = {made[node]: _full(g, node.shape) for node, g, _ in found}
    values = _on_tape(graph, made, seen)
    return Subject(Walk(Titles(graph)), (), note, values, slopes)


def _on_tape(graph: Graph, made: dict[Node, Expr], seen: Seen) -> dict[Expr, Any]:
    """Return the values that are known of a tape, which keeps no more than the rules asked for."""
    lost = {e for key, e in graph.world.table.items() if key[0] == "unknown"}
    known: dict[Expr, Any] = {e: e.value for e in ordered([graph.root])
                              if e.value is not None and e not in lost}  # fmt: skip
    kept = {e: dict(zip(node.plan.names, node.saved or (), strict=True)) if node.plan else {}
            for node, e in made.items()}  # fmt: skip
    for node, e in made.items():
        if node in seen.held:
            known[e] = seen.held[node]
        for operand, value in _operands(e, kept[e]):
            known.setdefault(operand, value)
    for e in made.values():
        certain = e.op is not None and {*e.op.settings} <= kept[e].keys() | _TOLD
        if e not in known and certain and all(arg in known for arg in e.args):
            known[e] = _computed(e, known)
    return known


def _operands(e: Expr, kept: dict[str, Any]) -> list[tuple[Expr, Any]]:
    """Return the values that a node has kept, with what they are values of."""
    found = [(e, kept["out"])] if "out" in kept else []
    for position, operand in enumerate(e.parents):
        name = e.op.argnames[0 if e.op.variadic else position]
        if operand is not None and name in kept:
            found.append((operand, kept[name][position] if e.op.variadic else kept[name]))
    return found


def _computed(e: Expr, known: dict[Expr, Any]) -> Any:
    """Compute one op from the values of its operands."""
    labels = [f"operand{i}" for i in range(len(e.args))]
    atoms = [e.world.leaf(f"{label} of {e.serial}", arg.shape, arg.dtype)
             for label, arg in zip(labels, e.args, strict=True)]  # fmt: skip
    op = Expr(e.world, e.op, tuple(atoms), e.settings, e.shape, e.dtype, None, None, False)
    env = {str(atom.label): known[arg] for atom, arg in zip(atoms, e.args, strict=True)}
    with np.errstate(all="ignore"):
        return evaluate([op], env)[0]
