"""From a loss to a picture: the walk that `explain` takes, with the numbers at every stop.

The one module of this folder that asks other tools. A function's values are computed from its
inputs; those of a tape are what its rules have kept, what variables hold, and what follows from
these.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from ..core.reverse import order, reverse
from ..core.tape import Node, Value
from ..core.tensor import Tensor
from ..derivation import Derivation, derive
from ..explanation.answer import Line, together
from ..explanation.graph import Graph, Scope, noted, of_derivation, of_tape, root_of, run
from ..explanation.walk import Walk
from ..ir.document import Account
from ..ir.expr import Expr, Traced, is_number
from ..ir.trace import environment
from ..ir.visit import evaluate, ordered
from ..ir.words import listed, shape_text
from .numbers import Labels, Summary, summarised
from .picture import Arrival, Box, Derived, Link, Picture
from .source import Source

#: Settings that a result tells of, where no rule has asked for them.
_TOLD = {"dtype", "into", "shape"}


class Subject(NamedTuple):
    """A backward pass with its numbers."""

    walk: Walk
    values: dict[Expr, Any]  # as far as they are known
    slopes: dict[Expr, Any]
    made: Mapping[Expr, Any]  # what was made as the function ran: expressions, or nodes for them
    lines: tuple[Line, ...] = ()  # the derived gradients, if it is a function that has them
    note: str = ""  # why there are none, if there should be


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


def of_tensor(loss: Tensor) -> Picture:
    """Return the picture of a recorded loss, by the names of the caller's variables."""
    return _pictured(_of_tape(loss, noted(Seen())))


def of_function(function: Callable[..., Any], wrt: Any, inputs: dict[str, Any]) -> Picture:
    """Return the picture of a function at its inputs: derived, or run where it cannot be."""
    source, seen = Source(function, Traced), Seen()
    with np.errstate(all="ignore"):  # what overflows is drawn, and seen
        try:
            with source.watched():
                derivation = derive(function, wrt, **inputs)
            subject = _of_derivation(derivation, source)
        except Exception as error:  # whatever is wrong with the function comes up again below
            reason = str(error).partition("\n")[0] or type(error).__name__
            note = ("The lines of the derivation are left out, because the function could not be "
                    f"traced as one formula: {reason}")  # fmt: skip
            with source.watched():
                loss = run(function, wrt, inputs, seen)
            subject = _of_tape(loss, seen)._replace(note=note)
    return _pictured(subject, source)


def _of_derivation(derivation: Derivation, source: Source) -> Subject:
    account = Account(derivation)
    walk = Walk(of_derivation(account))
    nodes = ordered([walk.graph.root])
    values = dict(zip(nodes, evaluate(nodes, environment(derivation.given)), strict=True))
    made = _as_returned(nodes, source.returned)
    return Subject(walk, values, account.slopes(derivation.given), made, together(account, walk))


def _as_returned(nodes: list[Expr], returned: Any) -> dict[Expr, Expr]:
    """Return what each expression of a program was when the function was run.

    The program is made from several runs, and may say more than a run: a constant of one may be
    made of sizes. The function is a part of it if a decorator has computed more.
    """
    for e in reversed(nodes) if returned is not None else ():
        found, pairs = dict[Expr, Expr](), [(e, returned)]
        while pairs:
            mine, other = pairs.pop()
            if mine in found or other.value is not None:
                continue
            if mine.op is not other.op or mine.label != other.label:
                break
            found[mine] = other
            pairs += zip(mine.args, other.args, strict=False)
        else:
            return found
    return {}


def _of_tape(loss: Tensor, seen: Seen) -> Subject:
    root = root_of(loss, "draw")
    seen.held[root] = loss.array
    graph = of_tape(root, seen)
    nodes = dict(zip(order(graph.root), order(root), strict=True))
    made = {node: e for e, node in nodes.items()}
    slopes = {made[node]: g for node, g, _ in reverse(root, np.ones(root.shape, root.dtype))}
    return Subject(Walk(graph), _on_tape(graph, made, seen), slopes, nodes)


def _on_tape(graph: Graph, made: dict[Node, Expr], seen: Seen) -> dict[Expr, Any]:
    """Return the values that are known of a tape, which keeps no more than the rules asked for."""
    known: dict[Expr, Any] = {e: e.value for e in ordered([graph.root]) if e.value is not None}
    kept = {e: dict(zip(node.plan.names, node.saved or (), strict=True)) if node.plan else {}
            for node, e in made.items()}  # fmt: skip
    for node, e in made.items():
        if node in seen.held:
            known[e] = seen.held[node]
        if "out" in kept[e]:
            known.setdefault(e, kept[e]["out"])
        for position, operand in enumerate(e.parents):
            name = e.op.argnames[0 if e.op.variadic else position]
            if operand is not None and name in kept[e]:
                value = kept[e][name]
                known.setdefault(operand, value[position] if e.op.variadic else value)
    for e in made.values():
        certain = e.op is not None and {*e.op.settings} <= kept[e].keys() | _TOLD
        if e not in known and certain and all(arg in known for arg in e.args):
            with np.errstate(all="ignore"):
                evaluate([e], {}, known)
    return known


class _Links:
    """The boxes of a walk in order, the links between them, and what is said of each arrow."""

    def __init__(self, walk: Walk) -> None:
        self.named = walk.graph.names
        self.index = {e: i for i, e in enumerate(walk.incoming)}  # what is given is added to these
        self.found: dict[tuple[int, int], Link] = {}
        self.arrivals: dict[Expr, Counter[tuple[int, str, str]]] = defaultdict(Counter)
        for e, station in zip(walk.incoming, walk.stations, strict=True):
            edges = e.plan.edges if e.op else ()
            for edge, arrow in zip(edges, station.arrows, strict=True):
                operand = e.inputs[edge.position]
                self.arrivals[operand][self.index[e], arrow.said, arrow.formula] += 1
                self._add(operand, e, _sizes(arrow.operand_shape))
            self._add_given(e)

    def _add(self, source: Expr, target: Expr, shape: str = "") -> None:
        """Link two boxes, or say that they are linked once more."""
        ends = self.index.setdefault(source, len(self.index)), self.index[target]
        uses = self.found[ends].uses + 1 if ends in self.found else 1
        self.found[ends] = Link(*ends, uses, shape)

    def _add_given(self, e: Expr) -> None:
        """Link what needs no gradient to `e`; a formula without a name is part of it."""
        stack = [arg for arg in reversed(e.args) if not arg.tracked]
        while stack:
            arg = stack.pop()
            if arg.op is not None and arg not in self.named:
                stack.extend(reversed(arg.args))
            elif not is_number(arg):
                known = arg in self.index
                self._add(arg, e)
                if not known:
                    self._add_given(arg)


def _pictured(subject: Subject, source: Source | None = None) -> Picture:
    """Return what a picture of a subject has in it."""
    walk, links = subject.walk, _Links(subject.walk)
    stations = dict(zip(walk.incoming, walk.stations, strict=True))
    labels = _labels(subject, [e for e in links.index if e not in stations])
    lines = {line.name: Derived(line.code, line.contributions, line.sentences)
             for line in subject.lines}  # fmt: skip
    places = [source.line(subject.made[e]) if source and e.op and e in subject.made else ()
              for e in links.index]  # fmt: skip

    def numbers(found: dict[Expr, Any], e: Expr, leaf: bool = False) -> Summary | None:
        if e not in found:
            return None
        whole = np.broadcast_to(found[e], walk.hand.shape(e))  # gradients may be compact
        return summarised(whole, None if leaf else labels)

    boxes = []
    for e, i in links.index.items():
        op, code = (e.op.__name__, walk.definition(e)) if e.op else ("", "")
        users = [places[target] for of, target in links.found if of == i]
        where = places[i] or tuple(sorted({*chain(*users)}))
        if e not in stations:
            known = numbers(subject.values, e)
            shape = _sizes(walk.hand.shape(e)) if known else "not kept"
            boxes.append(Box(walk.title(e), "data", op, shape, code, known, places=where))
            continue
        station, kind = stations[e], "named" if walk.is_named(e) else "step"
        kind = "loss" if e is walk.graph.root else "parameter" if station.leaf else kind
        arrivals = tuple(Arrival(here, uses, said, formula)
                         for (here, said, formula), uses in links.arrivals[e].items())  # fmt: skip
        boxes.append(Box(
            station.title, kind, op, _sizes(station.shape), code,
            numbers(subject.values, e, station.leaf), station.gradient,
            numbers(subject.slopes, e, station.leaf),
            station.opening, arrivals,
            lines.get(station.gradient), where,
        ))  # fmt: skip
    leaves = sorted((e for e in stations if stations[e].leaf), key=lambda e: e.serial)
    ends = listed([f"`{stations[e].title}`" for e in leaves])
    notes = [subject.note] * bool(subject.note) + _notes(walk, boxes)
    return Picture(tuple(boxes), tuple(links.found.values()),
                   f"From {ends} to `{boxes[0].name}`, and back", tuple(notes),
                   source.code if source else ())  # fmt: skip


def _labels(subject: Subject, given: list[Expr]) -> Labels | None:
    """Return the integer labels among what is given, by which examples can be sorted."""
    for e in given:
        found = np.asarray(subject.values.get(e))
        if found.dtype.kind in "iu" and found.ndim == 1 and 1 < len(np.unique(found)) < len(found):
            return Labels(subject.walk.title(e), found)
    return None


def _sizes(shape: tuple[int, ...]) -> str:
    return shape_text(shape) if shape else "number"


def _notes(walk: Walk, boxes: list[Box]) -> list[str]:
    """Say what the reader should know of the picture as a whole."""
    notes, names = [], {*walk.hand.chosen.values()}
    if chosen := [f"`{box.name}`" for box in boxes if box.name in names]:
        are = "is a name" if len(chosen) == 1 else "are names"
        notes.append(f"{listed(chosen)} {are} chosen here: the code has none for this.")
    if lost := [f"`{box.name}`" for box in boxes if box.value is None]:
        notes.append(
            f"The values of {listed(lost)} are not shown: the tape keeps only what the gradients "
            "need. Draw the function with its inputs to see all of them."
        )
    return notes
