"""The walk from the loss to the leaves: every arrow, with its sentence and its formula.

Imports `titles`, the reverse pass and `shapes`. Its one idea: the op's own gradient rule is run on
atoms labelled with the user's names, so the formula is what the rule does and is written nowhere
else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ..core.op import Edge
from ..core.reverse import order
from ..core.shapes import fold
from ..symbolic.expr import Expr
from ..symbolic.index import filled
from ..symbolic.terms import is_number
from .sentences import axes_text, collected, filled_in, repeated
from .titles import Titles

#: A gradient up to this length is written out where it is needed, if its value has no name.
INLINE = 24


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
        What the gradients of the result and of the operand are called.
    sentence : str
        The rule's docstring, the operands filled in; empty if the rule has none.
    formula : str
        What the operand receives, as NumPy; empty if the rule cannot run on symbols.
    collected : str
        Why an axis is summed; empty if none is.
    passes : bool
        Whether the gradient passes on unchanged.
    elementwise : bool
        Whether the op works entry by entry, so that the formula says it all.
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
    elementwise: bool


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one result adds to the gradient of a value: the formula, and by way of what it comes."""

    formula: str
    source: str
    part: str  # the named part of the loss that it belongs to, where that is another one
    uses: int  # how often the result uses the value


@dataclass(frozen=True, slots=True)
class Station:
    """One value on the way back, with what arrives at it and the arrows that leave it."""

    title: str
    shape: tuple[int, ...]
    definition: str
    gradient: str
    known_as: str  # what the gradient is written as; `gradient` unless it is something short
    same: str  # where its entries are all equal: ``the same for every entry``, or nothing
    contributions: tuple[Contribution, ...]
    arrows: tuple[Arrow, ...]
    leaf: bool


class Received(NamedTuple):
    """An answer of a rule on the way: from where, and as an expression (None: it cannot run)."""

    result: Expr
    answer: Expr | None


class Walk:
    """The backward pass of one graph, in order."""

    def __init__(self, titles: Titles) -> None:
        self.titles = titles
        self.received: dict[Expr, list[Received]] = {titles.graph.root: []}
        self.incoming: dict[Expr, Expr] = {}
        self.parts = _parts(titles)
        self.stations = tuple(map(self._station, reversed(order(titles.graph.root))))

    def _station(self, e: Expr) -> Station:
        titles = self.titles
        received = self.received[e]
        self.incoming[e] = g = self._total(e)
        arrows = tuple(self._arrow(e, g, edge) for edge in e.plan.edges) if e.op else ()
        only = received[0].answer if len(received) == 1 else None
        return Station(
            titles.text[e], titles.graph.shapes[e], titles.definition[e], titles.gradient(e),
            titles.write(g), "" if only is None else _sameness(only.shape, e.shape),
            self._contributions(e), arrows, e.op is None,
        )  # fmt: skip

    def _total(self, e: Expr) -> Expr:
        """Return how the gradient of a value is written: by a name, or as something short."""
        titles, received = self.titles, self.received[e]
        if e is titles.graph.root:
            return titles.one
        only = received[0].answer if len(received) == 1 else None
        if only is None or e.op is None:
            return titles.slope(e)
        if only.shape != e.shape and not may_stay_compact(e):
            return titles.slope(e)
        if only is titles.one or is_number(only):
            return only
        if titles.is_named(e) or (_subscripts(e) and only.op is not None):
            return titles.slope(e)
        return only if len(titles.write(only)) <= INLINE else titles.slope(e)

    def _arrow(self, e: Expr, g: Expr, edge: Edge) -> Arrow:
        titles = self.titles
        operand, primitive = e.inputs[edge.position], e.op
        argument = primitive.argnames[0 if primitive.variadic else edge.position]
        before, after = answer(titles, e, edge, g)
        self.received.setdefault(operand, []).append(Received(e, after))
        outgoing = titles.gradient(operand)
        adds = self.parts.uses[operand] > 1
        return Arrow(
            titles.text[e], titles.text[operand], titles.graph.shapes[e],
            titles.graph.shapes[operand], primitive.__name__, argument, titles.write(g), outgoing,
            filled_in(titles, e, primitive.rules[argument].sentence, g),
            "" if after is None else titles.lines(outgoing, after, adds),
            collected(titles, e, operand, before, after), after is g, primitive.elementwise,
        )  # fmt: skip

    def _contributions(self, e: Expr) -> tuple[Contribution, ...]:
        by_result: dict[Expr, list[Expr | None]] = {}
        for result, found in reversed(self.received[e]):  # what was computed first comes first
            by_result.setdefault(result, []).append(found)
        sources = [self.parts.nearest(self.titles, result) for result in by_result]
        if len(set(sources)) < len(sources):
            sources = [*by_result]
        pairs = zip(sources, by_result.values(), strict=True)
        return tuple(self._contribution(e, source, found) for source, found in pairs)

    def _contribution(self, e: Expr, source: Expr, found: list[Expr | None]) -> Contribution:
        titles = self.titles
        known = [d for d in found if d is not None]
        text = ""
        if len(known) == len(found):
            target = titles.gradient(e)
            whole = sum(known[1:], start=known[0])
            text = titles.lines(target, whole, adds=True, gain=3 if len(known) == 1 else 0)
            text = text.removeprefix(f"{target} += ")
        leads = self.parts.leads[source] - {titles.graph.root, source}
        part = titles.text[next(iter(leads))] if len(leads) == 1 else ""
        return Contribution("" if "\n" in text else text, titles.text[source], part, len(found))


class _Parts(NamedTuple):
    """How values are used: by what, how often, and in which named part of the loss."""

    users: dict[Expr, list[Expr]]
    uses: dict[Expr, int]
    leads: dict[Expr, frozenset[Expr]]

    def nearest(self, titles: Titles, e: Expr) -> Expr:
        """Return the nearest named value that a value goes into, itself included."""
        while not titles.is_named(e) and len(self.users[e]) == 1:
            (e,) = self.users[e]
        return e


def _parts(titles: Titles) -> _Parts:
    root = titles.graph.root
    users: dict[Expr, list[Expr]] = {root: []}
    uses = {root: 0}
    leads = {root: frozenset({root})}
    for e in reversed(order(root)):
        for origin in e.parents:
            if origin is not None:
                mine = users.setdefault(origin, [])
                if not any(e is user for user in mine):
                    mine.append(e)
                uses[origin] = uses.get(origin, 0) + 1
                ends = leads[e]
                if ends == {root} and titles.is_named(origin):
                    ends = frozenset({origin})
                leads[origin] = leads.get(origin, frozenset()) | ends
    return _Parts(users, uses, leads)


def answer(titles: Titles, e: Expr, edge: Edge, g: Expr) -> tuple[Expr | None, Expr | None]:
    """Return what a rule answers to `g`, before and after it is folded to the operand's shape."""
    inputs = tuple(titles.atoms[arg] for arg in e.inputs)
    args = tuple(titles.atoms[arg] for arg in e.args)
    settings = [filled(value, args) for _, value in e.settings]
    front = (inputs,) if e.op.variadic else inputs
    held = e.plan.pick((*front, titles.atoms[e], *settings)) if e.plan.pick else ()
    origin: Any = e.parents[edge.position]
    try:
        raw = titles.world.lift(edge.call(g, held, origin))
        return raw, raw if raw.shape == origin.shape else fold(raw, origin.shape)
    except Exception:  # a rule of the user's may do what cannot be done with symbols
        return None, None


def _sameness(compact: tuple[int, ...], full: tuple[int, ...]) -> str:
    """Say along which axes a gradient repeats itself."""
    axes = repeated(compact, full)
    if not axes:
        return ""
    return f"the same {'for every entry' if len(axes) == len(full) else f'along {axes_text(axes)}'}"


def may_stay_compact(e: Expr) -> bool:
    """Whether rules accept a gradient of size 1 along axes where it is constant."""
    elementwise: bool = e.op.elementwise
    return elementwise and all(o is None or o.shape == e.shape for o in e.parents)


def _subscripts(e: Expr) -> bool:
    """Whether a sentence speaks of single entries of the gradient, which then needs a name."""
    return any("g[" in rule.sentence for rule in e.op.rules.values())
