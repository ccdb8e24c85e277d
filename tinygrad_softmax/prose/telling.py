"""The order and the wording of an explanation, as blocks of prose and code.

Imports `arrows`, `sentences` and `together`. What passes on unchanged is told in a line; a long
pass tells each rule's sentence once, and the middle of a very long one is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .arrows import Arrow, Contribution, Station
from .sentences import listed, shape_text
from .together import Line

#: With more arrows than this, a rule's sentence is told once.
MANY = 60
#: Of a long pass, so many values are told at the beginning and at the end.
FIRST, LAST = 24, 12
#: So many contributions to one value are listed.
LISTED = 5


class Block(NamedTuple):
    """A piece of an explanation: ``title``, ``heading``, ``para``, ``item`` or ``code``."""

    kind: str
    text: str


def told(stations: Sequence[Station], made_up: Sequence[str]) -> Iterator[Block]:
    """Tell the walk from the loss to the leaves."""
    loss, leaves = stations[0], [s.title for s in stations if s.leaf]
    shown = listed([f"`{name}`" for name in leaves[::-1][:6]]) if len(leaves) < 7 else "the leaves"
    yield Block("title", f"From `{loss.title}` back to {shown}")
    named = [s for s in stations if s.title.isidentifier() and s.shape]
    example = next((s for s in reversed(named) if not s.leaf), (named or [loss])[-1])
    yield Block("para", (
        f"`{example.gradient}` is the gradient for `{example.title}`: for each entry of "
        f"`{example.title}`, how fast `{loss.title}` rises when that entry is nudged upwards. "
        "Where it is negative, the loss falls. The pass starts with 1 at the loss and goes from "
        "every result back to what it was made of; each step is the rule of a single op. What "
        "arrives at a value from several sides is added up."
    ))  # fmt: skip
    if made_up:
        names = [f"`{name}`" for name in made_up[:6]] + ["others"] * (len(made_up) > 6)
        told_so = "is a name" if len(made_up) == 1 else "are names"
        yield Block("para", f"{listed(names)} {told_so} made up here, where the code has none.")
    yield from _walked(stations)


def _walked(stations: Sequence[Station]) -> Iterator[Block]:
    many = sum(len(station.arrows) for station in stations) > MANY
    heard: set[tuple[str, str]] = set()
    end = max(FIRST, len(stations) - LAST) if many else len(stations)
    for number, station in enumerate(stations):
        if many and FIRST <= number < end:
            if number == FIRST:
                yield _left_out(stations[FIRST:end])
            continue
        shape = shape_text(station.shape)
        made = f" = `{station.definition}`" if station.definition != station.title else ""
        yield Block("heading", f"{number + 1}. `{station.title}` {shape}{made}")
        lead = [*opening(station, first=number == 0)]
        if lead:
            yield Block("para", " ".join(lead))
        yield from _arrows(station, heard if many else set())


def _left_out(stations: Sequence[Station]) -> Block:
    ops = Counter(arrow.op for station in stations for arrow in station.arrows)
    kinds = ", ".join(f"{op} {n} times" if n > 1 else op for op, n in ops.most_common(8))
    return Block("para", f"... {len(stations)} more values follow in the same way ({kinds}); "
                         "the arrows of all are in `arrows` of this explanation.")  # fmt: skip


def opening(station: Station, first: bool) -> Iterator[str]:
    """Say what has arrived at a value."""
    name, found = station.gradient, station.contributions
    if first:
        yield "It moves one for one with itself, so the gradient to begin with is 1."
    elif len(found) > 1:
        yield f"`{name}` has {_number(len(found))} contributions, which add up: {_from(found)}."
    elif station.leaf:
        yield f"`{name}` is what came from `{found[0].source}`."
    elif station.known_as != name:
        yield f"Its gradient is `{station.known_as}`{', ' * bool(station.same)}{station.same}."
    elif station.same:
        yield f"`{name}` is `{found[0].formula}`, {station.same}."
    if station.leaf:
        yield "Here the way ends."


def _from(contributions: Sequence[Contribution]) -> str:
    parts = []
    tell_part = len({c.part for c in contributions}) > 1
    for c in contributions[:LISTED]:
        uses = f", which uses it {'twice' if c.uses == 2 else f'{c.uses} times'}" * (c.uses > 1)
        formula = f"`{c.formula}`" if c.formula else "what comes"
        parts.append(f"{formula} from `{c.source}`{_part(c) * tell_part}{uses}")
    more = len(contributions) - len(parts)
    return listed([*parts, f"{more} more"] if more else parts)


def _part(contribution: Contribution) -> str:
    return f" (on the way to `{contribution.part}`)" if contribution.part else ""


def _arrows(station: Station, heard: set[tuple[str, str]]) -> Iterator[Block]:
    """Tell the arrows that leave a value, the trivial ones in one line."""
    plain = [a for a in station.arrows if a.passes and a.operand_shape == a.result_shape]
    if plain:
        names = listed([f"`{arrow.operand}`" for arrow in reversed(plain)])
        yield Block("item", f"To {names}: `{plain[0].incoming}` passes on unchanged.")
    before: list[Arrow] = []
    for arrow in station.arrows:
        if arrow in plain:
            continue
        if any(arrow.formula == earlier.formula != "" for earlier in before):
            yield Block("item", f"To `{arrow.operand}` once more, for its second use: the same.")
            continue
        before.append(arrow)
        yield from _arrow(arrow, (arrow.op, arrow.argument) in heard)
        heard.add((arrow.op, arrow.argument))


def _arrow(arrow: Arrow, briefly: bool) -> Iterator[Block]:
    sentence = arrow.sentence or f"By the rule of `{arrow.op}` for `{arrow.argument}`."
    text = " ".join(filter(None, ("" if briefly else sentence, arrow.collected)))
    if not arrow.formula:
        text = f"{text or sentence} (This rule cannot be run on symbols, so there is no formula.)"
    to = f"To `{arrow.operand}` {shape_text(arrow.operand_shape)}"
    yield Block("item", f"{to}: {text}" if text else f"{to}:")
    if arrow.formula:
        yield Block("code", arrow.formula)


def put_together(lines: Sequence[Line], note: str) -> Iterator[Block]:
    """Tell where the terms of the derived lines come from."""
    if not lines:
        if note:
            yield Block("heading", "Put together")
            yield Block("para", note)
        return
    yield Block("heading", "Put together")
    yield Block("para", "Simplified step by step, the whole pass comes to these lines.")
    for line in lines:
        yield Block("code", line.code)
        if line.contributions:
            number = _number(len(line.contributions))
            yield Block("para", f"`{line.name}` is the sum of {number} contributions:")
        yield from (Block("item", text) for text in line.contributions)
        if line.sentences:
            yield Block("para", " ".join(line.sentences))


def _number(n: int) -> str:
    return {2: "two", 3: "three", 4: "four", 5: "five"}.get(n, str(n))
