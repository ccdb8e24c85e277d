"""The walk from a loss to its parameters: every arrow, with its sentence and its formula.

An op's own rule is run on expressions, so a formula is what the rule does and is written nowhere
else. Values that have a name, or are used more than once, get a line for their gradient; what lies
between them is written where it is needed. The longest way back is taken first: the data loss comes
before the regulariser.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..core.op import Edge
from ..core.reverse import contribution, order
from ..core.shapes import fold
from ..ir.expr import Expr, is_number
from ..ir.visit import ordered
from ..ir.words import GATES, Formula, listed, repeated, sentence
from ..ops import linalg
from .graph import Graph

#: An unnamed value's expression is its name up to this length.
SHORT = 40
#: A gradient up to this length is written where it is needed, if its value has no name.
INLINE = 60


@dataclass(frozen=True, slots=True)
class Arrow:
    """One edge of the backward pass, from a result to an operand.

    Attributes
    ----------
    result, operand : str
        What the two values are called.
    result_shape, operand_shape : tuple of int
        Their shapes.
    op, argument : str
        The op, and the argument of it that the operand is.
    incoming, outgoing : str
        What the gradients of the result and of the operand are written as.
    sentence : str
        What the rule does, in the names of the operands; empty if the rule does not say.
    formula : str
        What the operand receives, as NumPy; empty if the rule cannot run on expressions.
    collected : str
        Why it is summed over an axis; empty if it is not.
    passes : bool
        Whether the gradient passes on unchanged.
    gate : str
        What the op does to a gradient in the words of CS231n, if it is one of its gates.
    """

    result: str
    operand: str
    result_shape: tuple[int, ...]
    operand_shape: tuple[int, ...]
    op: str
    argument: str
    incoming: str
    outgoing: str
    sentence: str
    formula: str
    collected: str
    passes: bool
    gate: str = ""

    @property
    def said(self) -> str:
        """All that is to be said of it."""
        if self.passes and self.result_shape == self.operand_shape:
            return self.sentence
        rule = self.sentence or f"By the rule of `{self.op}` for `{self.argument}`."
        missing = "" if self.formula else "This rule cannot be run on expressions: no formula."
        return " ".join(filter(None, (rule, self.collected, missing)))


@dataclass(frozen=True, slots=True)
class Station:
    """One value on the way back, with what arrives at it and the arrows that leave it.

    Attributes
    ----------
    title, definition : str
        What it is called, and how it is computed.
    shape : tuple of int
        Its shape.
    gradient : str
        What its gradient is called.
    opening : str
        What has arrived at it, in a sentence or two.
    lines : tuple of Formula
        The lines that compute its gradient; none where it is written in place.
    arrows : tuple of Arrow
        The arrows to its operands.
    leaf : bool
        Whether the gradient stops here.
    """

    title: str
    definition: str
    shape: tuple[int, ...]
    gradient: str
    opening: str
    lines: tuple[Formula, ...]
    arrows: tuple[Arrow, ...]
    leaf: bool


class Received(NamedTuple):
    """An answer of a rule on the way: from where, and as an expression (None: it cannot run)."""

    result: Expr
    edge: Edge
    answer: Expr | None


class Walk:
    """The backward pass of one graph, in order.

    Attributes
    ----------
    incoming : dict
        Every value, in the order of the walk, and what its gradient is written as.
    stations : tuple of Station
        The same in words.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph, self.hand = graph, graph.hand
        self.gradients = dict(graph.gradients)
        self.order = _order(graph.root)
        self.uses = _uses(self.order)
        for e in ordered([graph.root]):
            self.hand.choose_names([e], SHORT)
            if self.uses.get(e, 0) > 1 and not self.is_named(e) and e not in self.hand.chosen:
                self.hand.choose_name(e)
        self.leaves: dict[Expr, Expr] = {}  # value -> what stands for its gradient
        self.received: dict[Expr, list[Received]] = {graph.root: []}
        self.incoming: dict[Expr, Expr] = {}
        for e in self.order:
            self.incoming[e] = self._total(e)
            for edge in e.plan.edges if e.op is not None else ():
                found = answer(e, edge, self.incoming[e])
                self.received.setdefault(e.inputs[edge.position], []).append(
                    Received(e, edge, found))  # fmt: skip
        self.stations = tuple(map(self._station, self.order))

    # --- names ---

    def is_named(self, e: Expr) -> bool:
        """Whether the code has a name for a value."""
        return e.op is None or e in self.graph.names

    def stops(self, e: Expr) -> bool:
        """Whether the gradient of a value has lines of its own."""
        return e in self.leaves or self.is_named(e)

    def title(self, e: Expr) -> str:
        """Return what a value is called: its name, or its expression while that is short."""
        return self.hand.names.get(e) or self.hand.text(e)

    def definition(self, e: Expr) -> str:
        """Return how a value is computed."""
        return self.hand.defined(e)

    def gradient(self, e: Expr) -> str:
        """Return what the gradient of a value is called: ``dscores``, ``d(np.sum(W * W))``."""
        if e not in self.gradients:
            title = self.title(e)
            plain = title.isidentifier()
            self.gradients[e] = self.hand.unused(f"d{title}") if plain else f"d({title})"
        return self.gradients[e]

    def leaf(self, e: Expr) -> Expr:
        """Return what stands for the gradient of a value."""
        if e not in self.leaves:
            if not self.title(e).isidentifier():
                self.hand.choose_name(e)
            self.leaves[e] = Expr(e.world, None, (), (), e.shape, e.dtype, self.gradient(e), None,
                                  False)  # fmt: skip
        return self.leaves[e]

    # --- the pass ---

    def _total(self, e: Expr) -> Expr:
        """Return how the gradient of a value is written: by a name, or as something short."""
        received = self.received[e]
        if e is self.graph.root:
            one: Expr = e.world.lift(1)
            return one
        only = received[0].answer if len(received) == 1 else None
        if only is None or e.op is None:
            return self.leaf(e)
        only = self.hand.tidied(only)
        if is_number(only):
            return only
        several = len({p for p in e.parents if p is not None}) > 1 and only.op is not None
        if self.is_named(e) or e in self.hand.chosen or several or self._has_no_spelling(only):
            return self.leaf(e)
        if only.op is None or (e.op is not linalg.matmul and len(self.hand.text(only)) <= INLINE):
            return only
        return self.leaf(e)

    def _has_no_spelling(self, e: Expr) -> bool:
        try:
            self.hand.text(e)
        except ValueError:
            return True
        return False

    # --- in words ---

    def _station(self, e: Expr) -> Station:
        arrows = tuple(self.arrow(e, edge) for edge in e.plan.edges) if e.op is not None else ()
        return Station(self.title(e), self.definition(e), self.hand.shape(e), self.gradient(e),
                       self._opening(e), self._lines(e), arrows, e.op is None)  # fmt: skip

    def _lines(self, e: Expr) -> tuple[Formula, ...]:
        parts = [r.answer for r in self.received[e] if r.answer is not None]
        if not self.stops(e) or not parts or len(parts) < len(self.received[e]):
            return ()
        alike = e.op is None or (e.op.elementwise and all(
            p is None or p.shape == e.shape for p in e.parents))  # fmt: skip
        if not alike:  # its rules need it whole
            whole: list[Any] = [part if part.shape == e.shape else np.broadcast_to(part, e.shape)
                                for part in parts]  # fmt: skip
            parts = list(map(e.world.lift, whole))
        return tuple(self.hand.lines(self.gradient(e), parts, e))

    def _opening(self, e: Expr) -> str:
        sources = list(dict.fromkeys(self.nearest(r.result) for r in self.received[e]))
        name = self.gradient(e)
        if e is self.graph.root:
            said = "It moves one for one with itself, so the gradient to begin with is 1."
        elif not self.stops(e):
            said = f"Its gradient is `{self.hand.text(self.incoming[e])}`."
        elif len(self.received[e]) > 1:
            found = listed([f"`{self.title(source)}`" for source in sources])
            said = f"`{name}` adds up what comes from {found}."
        else:
            said = f"`{name}` is what comes from `{self.title(sources[0])}`."
        return f"{said} The gradient stops here." if e.op is None else said

    def nearest(self, e: Expr) -> Expr:
        """Return the nearest value with lines of its own that a value goes into, or itself."""
        while not self.stops(e) and len(self.received[e]) == 1 and e is not self.graph.root:
            e = self.received[e][0].result
        return e

    def ways(self, e: Expr) -> Iterator[tuple[Expr, list[Arrow]]]:
        """Yield the ways to a value from those with lines of their own: where from, and arrows."""
        for source, edge, _ in self.received[e]:
            end, way = source, [self.arrow(source, edge)]
            while not self.stops(end) and end is not self.graph.root:
                (earlier, *_) = self.received[end]
                way.insert(0, self.arrow(earlier.result, earlier.edge))
                end = earlier.result
            yield end, way

    def unnamed(self) -> Iterator[str]:
        """Say what the constants are that the code has no name for."""
        for name, value in self.hand.printer.used.items():
            if name.startswith("constant"):
                yield f"`{name}` is an array of shape {np.shape(value)} without a name."
        lost = [str(e.label) for e in ordered([self.graph.root])
                if str(e.label).startswith("not_kept")]  # fmt: skip
        if len(lost) > 1:
            yield f"`{lost[0]}` to `{lost[-1]}` are constants that the tape has not kept."
        elif lost:
            yield f"`{lost[0]}` is a constant that the tape has not kept."

    def arrow(self, e: Expr, edge: Edge) -> Arrow:
        """Return one arrow of the pass, in words."""
        operand, op, g = e.inputs[edge.position], e.op, self.incoming[e]
        argument = op.argnames[0 if op.variadic else edge.position]
        found = next(r.answer for r in self.received[operand] if r.result is e and r.edge is edge)
        passes = found is g and operand.shape == e.shape
        lines = () if found is None else self.hand.lines(self.gradient(operand), [found], operand)
        formula = "\n".join(line.text for line in lines)
        incoming = self.hand.text(g)
        gate = GATES.get(op, "")
        said = f"`{incoming}` passes on unchanged."
        said = f"{gate}: {said}" if gate and passes else said
        if not passes:
            said = sentence(e, edge, g, self.hand)
        return Arrow(
            self.title(e), self.title(operand), self.hand.shape(e), self.hand.shape(operand),
            op.__name__, argument, incoming, self.gradient(operand), said, formula,
            repeated(operand, e, self.hand), passes, gate,
        )  # fmt: skip


def answer(e: Expr, edge: Edge, g: Expr) -> Expr | None:
    """Return what a rule answers to `g`, folded to the operand's shape; None if it cannot run."""
    try:
        found: Expr = e.world.lift(contribution(e, edge, g))
        shape: Any = e.inputs[edge.position].shape
        folded: Expr = found if tuple(found.shape) == tuple(shape) else fold(found, shape)
        return folded
    except Exception:  # a rule of the user's may do what cannot be done with expressions
        return None


def _order(root: Expr) -> list[Expr]:
    """Return every value that is passed on the way back, the longest way first."""
    depth: dict[Expr, int] = {}
    waiting: dict[Expr, int] = {}
    for e in order(root):
        parents = {p for p in e.parents if p is not None}
        depth[e] = 1 + max((depth[p] for p in parents), default=0)
        for p in parents:
            waiting[p] = waiting.get(p, 0) + 1
    found, ready = [], [root]
    while ready:
        e = ready.pop()
        found.append(e)
        free = []
        for p in {p for p in e.parents if p is not None}:
            waiting[p] -= 1
            if not waiting[p]:
                free.append(p)
        ready += sorted(free, key=lambda p: (depth[p], p.serial))
    return found


def _uses(nodes: list[Expr]) -> dict[Expr, int]:
    """Return how often each value is used."""
    uses = dict.fromkeys(nodes, 0)
    for e in nodes:
        for p in e.parents:
            if p is not None:
                uses[p] += 1
    return uses
