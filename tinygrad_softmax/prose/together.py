"""Where the terms of a derived gradient come from: one sentence or two for each of its lines.

Imports `arrows` and `symbolic`. Its one idea: the gradient of a value is the sum of what arrives
along each path; each path's part is pushed through the rules on its own, and simplified by the same
laws as the whole.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..core.shapes import fold
from ..symbolic.derivation import Derivation
from ..symbolic.expr import Expr
from .arrows import Station, Walk, may_stay_compact
from .labels import at_the_place, placed
from .written import Hand

#: A contribution that takes more room than this is only mentioned.
LONGEST = 120


@dataclass(frozen=True, slots=True)
class Line:
    """A derived gradient: its code, and where its terms come from."""

    name: str
    code: str
    contributions: tuple[str, ...]  # what arrives by which way, if there are several
    sentences: tuple[str, ...]


class Branch(NamedTuple):
    """One way by which a gradient arrives: the value it comes from, and what comes."""

    result: Expr
    operand: Expr  # the operand of that result that the way goes on with
    answer: Expr


def together(derivation: Derivation, walk: Walk) -> tuple[Line, ...]:
    """Return the derived lines, each with its sentences."""
    chain, code = derivation.chain, _by_target(derivation.program.gradient)
    targets = {f"d{name}": e for name, e in derivation.trace.names.items()}
    targets |= {f"d{name}": e for name, e in derivation.trace.inputs.items()}
    shown = {targets[name] for name in code if name in targets}
    hand = Hand(derivation)
    stations = {station.title: station for station in walk.stations}
    lines = []
    for name, text in code.items():
        e = targets.get(name)
        parts: list[str] = []
        sentences: list[str] = []
        if e is not None and e in chain.raw and e is not derivation.trace.output:
            branches = list(_branches(walk, hand, shown, e))
            parts = _parts(walk, hand, name, branches)
            sentences += _arrival(walk, hand, name, branches)
            sentences += _reasons(walk, hand, name, stations[walk.titles.text[e]])
            sentences += _balances(hand, name, e)
        sentences += hand.explained(text)
        lines.append(Line(name, text, tuple(parts), tuple(dict.fromkeys(sentences))))
    return tuple(lines)


def _by_target(source: str) -> dict[str, str]:
    """Gather the statements that make each gradient."""
    code: dict[str, str] = {}
    for statement in ast.parse(source).body:
        target = _target(statement)
        code[target] = "\n".join(filter(None, (code.get(target), ast.unparse(statement))))
    return code


def _target(statement: Any) -> str:
    """Return the name that a statement assigns to, or changes in place."""
    node: Any
    if isinstance(statement, ast.Assign):
        node = statement.targets[0]
    elif isinstance(statement, ast.AugAssign):
        node = statement.target
    else:  # np.add.at(dx, ...)
        node = statement.value.args[0]
    while isinstance(node, ast.Subscript):
        node = node.value
    return str(node.id)


def _branches(walk: Walk, hand: Hand, shown: set[Expr], e: Expr) -> Iterator[Branch]:
    """Yield the ways by which the gradient of `e` arrives, from where they part or have a line.

    A way on which nothing comes is no parting: the other one is followed further.
    """
    users = sorted(walk.parts.users[e], key=lambda user: user.serial)
    raw = hand.derivation.chain.raw
    answers = {user: through(user, e, raw[user]) for user in users}
    live = [user for user in users if not hand.is_zero(hand.canonical(answers[user]))]
    for user in users:
        follow = len(live) < 2 and user in set(live) and user not in shown
        if not follow or not walk.parts.users[user]:
            yield Branch(user, e, answers[user])
            continue
        for branch in _branches(walk, hand, shown, user):
            yield branch._replace(answer=through(user, e, branch.answer))


def through(result: Expr, operand: Expr, g: Expr) -> Expr:
    """Return what `operand` receives from `result` if that has the gradient `g`."""
    if g.shape != result.shape and not may_stay_compact(result):
        whole: Any = np.broadcast_to(g, result.shape)  # an expression again
        g = whole
    total: Expr | None = None
    for edge in result.plan.edges:
        if result.parents[edge.position] is operand:
            d = fold(edge.call(g, result.saved, operand), operand.shape)
            total = d if total is None else total + d
    assert total is not None
    return total


def _parts(walk: Walk, hand: Hand, name: str, branches: list[Branch]) -> list[str]:
    """Say what comes by which way, if there are several."""
    if len(branches) == 1:
        return []
    amounts = [_amount(hand, name, hand.canonical(branch.answer)) for branch in branches]
    ways = _ways(walk, branches)
    return [f"{a}, by way of {way}." for a, way in zip(amounts, ways, strict=True)]


def _arrival(walk: Walk, hand: Hand, name: str, branches: list[Branch]) -> Iterator[str]:
    if len(branches) == 1:
        yield f"`{name}` comes by way of {_ways(walk, branches)[0]}."
    else:
        yield from at_the_place(hand, [hand.canonical(branch.answer) for branch in branches])


def _reasons(walk: Walk, hand: Hand, name: str, station: Station) -> Iterator[str]:
    """Give the reasons that the arrows to a value have: its products, sums and repeated uses."""
    arrows = [arrow for other in walk.stations for arrow in other.arrows]
    for arrow in (a for a in arrows if a.operand == station.title):
        if station.leaf and not arrow.elementwise:
            yield arrow.sentence
        if arrow.collected:
            yield arrow.collected
    for c in station.contributions:
        if c.uses > 1:
            times = "twice" if c.uses == 2 else f"{c.uses} times"
            yield f"`{c.source}` uses `{station.title}` {times}, and every use counts."
    if name in hand.masked:
        for arrow in (a for a in arrows if a.result == station.title):
            yield f"The entries set to zero belong to the next arrow back: {arrow.sentence}"


def _amount(hand: Hand, name: str, answer: Expr) -> str:
    if hand.is_zero(answer):
        return "nothing, since it cancels out"
    place = placed(hand, answer)
    if place is not None:
        return place.told(hand.text(place.value))
    text = hand.spelt_out(answer)
    if text == name:
        return "all of it"
    return f"`{text}`" if len(text) <= LONGEST else "the rest"


def _ways(walk: Walk, branches: list[Branch]) -> list[str]:
    """Say of each way what tells it from the others: the named value it goes through."""
    titles, parts = walk.titles, walk.parts
    nearest = [parts.nearest(titles, branch.result) for branch in branches]
    often = Counter(nearest)
    return [
        _way(walk, branch, end, often[end] > 1)
        for branch, end in zip(branches, nearest, strict=True)
    ]


def _way(walk: Walk, branch: Branch, end: Expr, ambiguous: bool) -> str:
    titles, parts = walk.titles, walk.parts
    if branch.result is end:
        role = _role(end, branch.operand)
        return f"the {role} of `{titles.text[end]}`" if role else f"`{titles.text[end]}`"
    if not ambiguous:
        return f"`{titles.text[end]}`"
    (user,) = parts.users[branch.result]
    role = _role(user, branch.result)
    way = f"`{titles.definition[branch.result]}`"
    return f"the {role} of `{titles.text[user]}`, {way}" if role else way


def _role(result: Expr, operand: Expr) -> str:
    found = [result.op.roles.get(name, "")
             for name, arg in zip(result.op.argnames, result.inputs, strict=False)
             if arg is operand]  # fmt: skip
    return found[0] if len(found) == 1 else ""


def _balances(hand: Hand, name: str, e: Expr) -> Iterator[str]:
    """Say along which axis a gradient sums to zero, where the laws can see it."""
    for axis in range(len(e.shape)):
        if e.shape[axis] == 1:
            continue
        if hand.vanishes(e, axis):
            each = ("row", "column")[1 - axis] if len(e.shape) == 2 else f"sum along axis {axis}"
            one = f"Each {each} of `{name}` sums" if len(e.shape) == 2 else f"`{name}` sums"
            yield f"{one} to zero: what one entry gains, the others lose."
