"""What a picture has in it: boxes and links, with all that is said of them.

Plain data, whatever it was made from. Boxes stand in the order of the backward pass, the loss
first; what needs no gradient (data, and numbers with a name) comes last.
"""

from __future__ import annotations

from typing import NamedTuple

from .numbers import Summary

#: What a box is: how the legend calls its kind, and what is said of it.
KINDS = {
    "data": ("data", "data: given, and not changed"),
    "parameter": ("parameter", "a parameter: training changes it, by its gradient"),
    "step": ("step", "a step in between, without a name of its own"),
    "named": ("named value", "a value that your code names"),
    "loss": ("loss", "the loss: the one number that should become small"),
}


class Arrival(NamedTuple):
    """What one result passes back to a value."""

    source: int  # the box it comes from
    uses: int
    sentence: str
    formula: str


class Derived(NamedTuple):
    """The derived line of a gradient: its code, what it is the sum of, and why."""

    code: str
    parts: tuple[str, ...]
    sentences: tuple[str, ...]


class Box(NamedTuple):
    """One value: what it is called, how it was made, and what arrives at it."""

    name: str
    kind: str  # of `KINDS`
    op: str  # what made it
    shape: str
    definition: str
    value: Summary | None  # None: the tape has not kept it
    gradient: str = ""  # what the gradient is called; empty if there is none
    slope: Summary | None = None  # the gradient
    lead: str = ""  # what is said first of what has arrived
    arrivals: tuple[Arrival, ...] = ()
    line: Derived | None = None
    places: tuple[int, ...] = ()  # the lines of the code, from 0, that make it, or use an input


class Link(NamedTuple):
    """An arrow from an operand to a result, and back if a gradient is wanted."""

    source: int
    target: int
    uses: int = 1
    shape: str = ""  # that of the gradient; empty if none comes back


class Picture(NamedTuple):
    """Boxes in the order of the backward pass, links between them, and the code they are of."""

    boxes: tuple[Box, ...]
    links: tuple[Link, ...]
    title: str
    notes: tuple[str, ...] = ()
    code: tuple[str, ...] = ()  # the source of the function, line by line

    @property
    def steps(self) -> int:
        """How many boxes a gradient comes to: they are the first ones."""
        return sum(bool(box.gradient) for box in self.boxes)
