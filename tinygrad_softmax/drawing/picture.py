"""What a picture has in it: boxes and links, with all that is said of them.

Imports `subject`, `summary` and `prose`. Its one idea: boxes stand in the order of the backward
pass, the loss first; what needs no gradient (data, and numbers with a name) comes last.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..prose.arrows import Arrow, Station
from ..prose.sentences import listed, shape_text
from ..prose.telling import opening
from ..prose.together import Line
from ..symbolic.expr import Expr
from ..symbolic.terms import is_number
from .subject import Subject
from .summary import Summary, summarised

#: What a box is, in words: its kind, and what is said of that kind.
KINDS = {
    "loss": "the loss: the one number that should become small",
    "parameter": "a parameter: training changes it, by its gradient",
    "data": "data: given, and not changed",
    "named": "a value that your code names",
    "step": "a step in between, without a name of its own",
}


class Arrival(NamedTuple):
    """What one result passes back to a value."""

    source: int  # the box it comes from
    uses: int
    sentence: str
    formula: str


@dataclass(frozen=True, slots=True)
class Box:
    """One value: what it is called, how it was made, and what arrives at it.

    Attributes
    ----------
    name, kind, op, shape, definition : str
        Its name, its kind (of `KINDS`), the op that made it, its shape as text, and its code.
    value, slope : Summary or None
        Its value and its gradient as they are shown; None if the tape has not kept the value, or
        nobody wants the gradient.
    gradient : str
        What the gradient is called; empty if there is none.
    lead : str
        What is said first of what has arrived.
    arrivals : tuple of Arrival
        What comes from each result.
    line : Line or None
        The derived line of its gradient, if it has one.
    """

    name: str
    kind: str
    op: str
    shape: str
    definition: str
    value: Summary | None
    gradient: str = ""
    slope: Summary | None = None
    lead: str = ""
    arrivals: tuple[Arrival, ...] = ()
    line: Line | None = None


@dataclass(slots=True)
class Link:
    """An arrow from an operand to a result, and back if a gradient is wanted."""

    source: int
    target: int
    uses: int = 0
    shape: str = ""  # that of the gradient; empty if none comes back


@dataclass(frozen=True, slots=True)
class Picture:
    """Boxes in the order of the backward pass, and links between them."""

    boxes: tuple[Box, ...]
    links: tuple[Link, ...]
    title: str
    notes: tuple[str, ...]

    @property
    def steps(self) -> int:
        """How many boxes a gradient comes to: they are the first ones."""
        return sum(bool(box.gradient) for box in self.boxes)


@dataclass(slots=True)
class _Maker:
    """Makes the boxes and links of one subject."""

    subject: Subject
    index: dict[Expr, int]
    arrows: dict[Expr, list[tuple[int, Arrow]]] = field(default_factory=dict)
    links: dict[tuple[int, int], Link] = field(default_factory=dict)
    aside: list[Expr] = field(default_factory=list)  # what needs no gradient

    def walk(self, e: Expr, station: Station) -> None:
        """Take down the arrows of one stop, and what else went into it."""
        here = self.index[e]
        edges = e.plan.edges if e.op else ()
        for edge, arrow in zip(edges, station.arrows, strict=True):
            operand = e.inputs[edge.position]
            self.arrows.setdefault(operand, []).append((here, arrow))
            link = self.link(self.index[operand], here)
            link.shape = _sizes(arrow.operand_shape)
        self.constants(e, here)

    def link(self, source: int, target: int) -> Link:
        """Return the link between two boxes, used once more."""
        link = self.links.setdefault((source, target), Link(source, target))
        link.uses += 1
        return link

    def constants(self, e: Expr, here: int) -> None:
        """Link what needs no gradient to the box `here`; a formula without a name is part of it."""
        stack = [arg for arg in reversed(e.args) if not arg.tracked]
        while stack:
            arg = stack.pop()
            named = arg.op is None or arg in self.subject.walk.titles.graph.names
            if not named:
                stack.extend(reversed(arg.args))
            elif not is_number(arg):
                known = arg in self.index
                if not known:
                    self.index[arg] = len(self.index)
                    self.aside.append(arg)
                self.link(self.index[arg], here)
                if not known and arg.op is not None:
                    self.constants(arg, self.index[arg])

    def box(self, e: Expr, station: Station) -> Box:
        """Return the box of a stop on the way back."""
        titles = self.subject.walk.titles
        kind = "named" if titles.is_named(e) else "step"
        kind = "parameter" if station.leaf else kind
        kind = "loss" if e is titles.graph.root else kind
        lines = {line.name: line for line in self.subject.lines}
        arrows = self.arrows.get(e, [])
        return Box(
            station.title, kind, "" if station.leaf else e.op.__name__,
            _sizes(station.shape), "" if station.leaf else station.definition,
            self.value(e), station.gradient, summarised(self.subject.gradients[e]),
            " ".join(opening(station, first=kind == "loss")), _arrivals(arrows),
            lines.get(station.gradient),
        )  # fmt: skip

    def value(self, e: Expr) -> Summary | None:
        """Return what is shown of a value, if it is known."""
        found = self.subject.values.get(e)
        return None if found is None else summarised(found)

    def given(self, e: Expr) -> Box:
        """Return the box of what needs no gradient."""
        titles, value = self.subject.walk.titles, self.value(e)
        made = "" if e.op is None else titles.definition[e]
        shape = "not kept" if value is None else _sizes(titles.graph.shapes[e])
        op = "" if e.op is None else e.op.__name__
        return Box(titles.text[e], "data", op, shape, made, value)


def _sizes(shape: tuple[int, ...]) -> str:
    return shape_text(shape) if shape else "number"


def _arrivals(arrows: list[tuple[int, Arrow]]) -> tuple[Arrival, ...]:
    """Return what comes to a value, the same from the same place counted once."""
    told = Counter((here, _said(arrow), arrow.formula) for here, arrow in arrows)
    return tuple(Arrival(here, uses, said, code) for (here, said, code), uses in told.items())


def _said(arrow: Arrow) -> str:
    """Say why an arrow passes back what it does."""
    if arrow.passes and arrow.operand_shape == arrow.result_shape:
        return f"`{arrow.incoming}` passes on unchanged."
    sentence = arrow.sentence or f"By the rule of `{arrow.op}` for `{arrow.argument}`."
    missing = "" if arrow.formula else "This rule cannot be run on symbols, so it has no formula."
    return " ".join(filter(None, (sentence, arrow.collected, missing)))


def pictured(subject: Subject) -> Picture:
    """Return what a picture of a subject has in it."""
    walk = subject.walk
    stops: list[tuple[Expr, Station]] = [*zip(walk.incoming, walk.stations, strict=True)]
    maker = _Maker(subject, {e: i for i, (e, _) in enumerate(stops)})
    for e, station in stops:
        maker.walk(e, station)
    boxes = [maker.box(e, station) for e, station in stops]
    boxes += [maker.given(e) for e in maker.aside]
    leaves = listed([f"`{box.name}`" for box in boxes if box.kind == "parameter"])
    title = f"From {leaves} to `{boxes[0].name}`, and back"
    return Picture(tuple(boxes), tuple(maker.links.values()), title, _notes(subject, boxes))


def _notes(subject: Subject, boxes: list[Box]) -> tuple[str, ...]:
    """Say what the reader should know of the picture as a whole."""
    titles: Any = subject.walk.titles
    made_up = [f"`{box.name}`" for box in boxes if box.name in titles.given]
    notes = [subject.note] if subject.note else []
    if made_up:
        are = "is a name" if len(made_up) == 1 else "are names"
        notes.append(f"{listed(made_up)} {are} made up here, where the code has none.")
    lost = [f"`{box.name}`" for box in boxes if box.value is None]
    if lost:
        notes.append(
            f"The values of {listed(lost)} are not shown: the tape keeps only what the gradients "
            "need. Draw the function with its inputs to see all of them."
        )
    return tuple(notes)
