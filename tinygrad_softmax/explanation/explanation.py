"""`explain`: the backward pass of a loss in words, the answer first.

A recorded loss is explained from its tape; a function is derived, and its lines come before the way
that leads to them.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.errors import check_names
from ..core.tensor import Tensor
from ..derivation import derive
from ..ir.document import Account
from ..ir.parts import Part, formula, latex, markdown, plain
from ..ir.words import Formula, listed, shape_text
from .answer import Line, hazards, jacobian, together, worked
from .graph import Scope, noted, of_derivation, of_tape, root_of, run
from .walk import Arrow, Station, Walk

#: Of a pass with more gradients than this, so many are told at the beginning and at the end.
MANY = 30
FIRST, LAST = 14, 6
#: So many contributions to one gradient are told.
LISTED = 8


@dataclass(frozen=True, slots=True)
class Explanation:
    """A backward pass in words; it prints itself.

    Made by `explain`.

    Attributes
    ----------
    stations : tuple of Station
        The values from the loss to the leaves, with what arrives at each.
    lines : tuple of Line
        The derived gradients; empty if there are none.
    parts : tuple of Part
        All that is said, piece by piece.
    note : str
        Why there are no derived lines, if there should be.

    Examples
    --------
    >>> import numpy as np
    >>> explanation = explain(lambda x: np.sum(x * x), x=np.ones(3))
    >>> [station.title for station in explanation.stations]
    ['loss', 'x * x', 'x']
    >>> explanation.lines[0].code
    'dx = 2 * x'
    """

    stations: tuple[Station, ...]
    lines: tuple[Line, ...]
    parts: tuple[Part, ...]
    note: str = ""
    derivation: Any = None

    @property
    def arrows(self) -> tuple[Arrow, ...]:
        """Every edge of the pass, in order."""
        return tuple(arrow for station in self.stations for arrow in station.arrows)

    def example(self, example: int = 0) -> str:
        """Return one example in numbers: its label, its scores, and the gradients in its row."""
        return "\n".join(worked(self.derivation, example)) if self.derivation is not None else ""

    @property
    def markdown(self) -> str:
        """The explanation as Markdown."""
        return markdown(self.parts)

    @property
    def latex(self) -> str:
        """The explanation as a LaTeX fragment, for a document with ``amsmath``."""
        return latex(self.parts)

    def _repr_markdown_(self) -> str:
        return self.markdown

    def __str__(self) -> str:
        return plain(self.parts)

    __repr__ = __str__


def explain(
    loss: Tensor | Callable[..., Any], /, wrt: str | tuple[str, ...] | None = None, **inputs: Any
) -> Explanation:
    """Explain the gradient of a loss in words: its lines, and every arrow that leads to them.

    Parameters
    ----------
    loss : Tensor or callable
        A recorded loss, or a function that computes one with NumPy. A loss that backward() has
        used up cannot be explained any more.
    wrt : str or tuple of str, optional
        With respect to which inputs of a function to differentiate (or local variables of it, such
        as ``"scores"``); the first input if not given.
    **inputs
        The function's inputs by name.

    Returns
    -------
    Explanation
        It prints itself; ask it for its ``markdown``, ``latex``, ``arrows`` or ``example(i)``.

    Raises
    ------
    BackwardError
        If the loss has no graph, is no scalar, or its graph has been used up.
    TypeError
        If `loss` is a Tensor and inputs are given, or `wrt` names no input.
    ValueError
        If an input has a name that no Python variable can have.

    Examples
    --------
    >>> import numpy as np
    >>> explanation = explain(lambda w, X: np.sum(X @ w), w=np.ones(2), X=np.ones((3, 2)))
    >>> explanation.lines[0].code
    'dw = np.sum(X, axis=0)'
    >>> print(explanation.arrows[1].sentence.partition(", so ")[0])
    `w[d]` was multiplied by `X[i, d]` for every i
    """
    if isinstance(loss, Tensor):
        if wrt is not None or inputs:
            raise TypeError("explain(loss) of a Tensor takes nothing else: its tape says the rest")
        return _of_tensor(loss, noted(Scope()))
    if not callable(loss):
        raise TypeError(f"explain() takes a Tensor or a function, not {type(loss).__name__}")
    check_names(inputs)
    try:
        derivation = derive(loss, wrt, **inputs)
    except Exception as error:  # whatever is wrong with the function itself comes up again below
        reason = str(error).partition("\n")[0] or type(error).__name__
        scope = Scope()
        return _of_tensor(run(loss, wrt, inputs, scope), scope, (
            "The simplified lines are left out, because the function could not be traced as one "
            f"formula: {reason}"
        ))  # fmt: skip
    account = Account(derivation)
    walk = Walk(of_derivation(account))
    lines = together(account, walk)
    rows = worked(derivation)
    holds = [_code_or_words(fact.text) for fact in derivation.program.assumptions]
    note = [Part("text", f"The lines hold while {listed(holds)}.")] if holds else []
    parts = (_title(walk, derivation.wrt), *_answer(lines, walk), *note, *_example(rows),
             *_told(walk), *_notes(walk))  # fmt: skip
    return Explanation(walk.stations, lines, parts, "", derivation)


def _code_or_words(text: str) -> str:
    """Mark an assumption as code, if it is."""
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return text
    return f"`{text}`"


def _of_tensor(loss: Tensor, scope: Scope, note: str = "") -> Explanation:
    walk = Walk(of_tape(root_of(loss, "explain"), scope))
    leaves = sorted((e for e in walk.order if e.op is None), key=lambda e: e.serial)
    parts = (_title(walk, [walk.title(e) for e in leaves]),
             *([Part("text", note)] if note else ()), *_told(walk), *_notes(walk))  # fmt: skip
    return Explanation(walk.stations, (), parts, note)


# --- what is said, in order ---


def _title(walk: Walk, wrt: Sequence[str]) -> Part:
    shown = listed([f"`{name}`" for name in wrt]) if len(wrt) < 7 else "its parameters"
    return Part("title", f"The gradient of `{walk.stations[0].title}` with respect to {shown}")


def _answer(lines: tuple[Line, ...], walk: Walk) -> Iterator[Part]:
    """Give the answer: the derived lines with their shapes, and where their terms come from."""
    yield Part("heading", "Put together")
    yield formula(Formula(f"{f.text}  # {shape_text(line.shape)}" if i == 0 else f.text, f.latex)
                  for line in lines for i, f in enumerate(line.formulas))  # fmt: skip
    for line in lines:
        if line.contributions:
            yield Part("text", f"`{line.name}` is the sum of {_number(len(line.contributions))} "
                               "contributions:")  # fmt: skip
        yield from (Part("item", text) for text in line.contributions)
        if line.sentences:
            yield Part("text", " ".join(line.sentences))


def _example(rows: tuple[str, ...]) -> Iterator[Part]:
    if rows:
        yield Part("heading", "One example in numbers")
        yield Part("listing", "\n".join(rows))
        yield Part("text", "`example(i)` of this explanation shows any other.")


def _told(walk: Walk) -> Iterator[Part]:
    """Tell the way from the loss: every gradient that has lines, with the arrows to it."""
    root = walk.stations[0]
    yield Part("heading", "Step by step")
    yield Part("text", (
        f"The pass starts with 1 at `{root.title}` and goes back from results to their operands; "
        "each step is the gradient rule of a single op. A gradient says how fast the loss rises "
        "when an entry of its value is raised. If a value is used several times, the contributions "
        "are added up."
    ))  # fmt: skip
    told = list(_stops(walk))
    text = " ".join(part.text for part in (*told, *_notes(walk)))
    names = walk.hand.definitions(text, whole=len(walk.leaves) <= MANY)
    if names:
        yield Part("text", "Names for values that have none in the code:")
        yield formula(names)
    yield from told


def _stops(walk: Walk) -> Iterator[Part]:
    stops = [(e, s) for e, s in zip(walk.incoming, walk.stations, strict=True)
             if walk.stops(e) and e is not walk.graph.root]  # fmt: skip
    heard: set[str] = set()
    for number, (e, station) in enumerate(stops, 1):
        if len(stops) > MANY and FIRST < number <= len(stops) - LAST:
            if number == FIRST + 1:
                yield _left_out([s for _, s in stops[FIRST : len(stops) - LAST]])
            continue
        yield from _stop(walk, number, e, station, heard)


def _stop(walk: Walk, number: int, e: Any, station: Station, heard: set[str]) -> Iterator[Part]:
    """Tell how a gradient with lines of its own comes about."""
    ways = list(walk.ways(e))
    yield Part("heading", f"{number}. `{station.gradient}` {shape_text(station.shape)}")
    if len(ways) == 1 and len(station.lines) == 1 and all(a.passes for a in ways[0][1]):
        yield Part("text", f"From `{walk.title(ways[0][0])}`: {_said(ways[0][1], heard)} "
                           f"So `{station.lines[0].text}`.")  # fmt: skip
        return
    told: set[tuple[str, str]] = set()
    for source, way in ways[:LISTED]:
        made, shown = walk.definition(source), walk.title(source)
        before = (shown, " ".join(a.said for a in way))
        if before in told:
            yield Part("item", f"From `{shown}` once more, for its other use: the same.")
        else:
            equal = "" if made == shown else f" = {made}"
            yield Part("item", f"From `{shown}{equal}`: {_said(way, heard)}")
        told.add(before)
    if len(ways) > LISTED:
        yield Part("item", f"{len(ways) - LISTED} more come in the same way.")
    if station.lines:
        yield formula(station.lines)
    if station.leaf:
        yield Part("text", "The gradient stops here.")


def _said(way: list[Arrow], heard: set[str]) -> str:
    """Return what is to be said of the arrows on a way; what a gate does is said once."""
    said = []
    for arrow in way:
        if arrow.gate and not arrow.passes and arrow.gate not in heard:
            said.append(f"{arrow.gate}.")
            heard.add(arrow.gate)
        said.append(arrow.said)
    return " ".join(dict.fromkeys(said))


def _left_out(stations: list[Station]) -> Part:
    ops = Counter(arrow.op for station in stations for arrow in station.arrows)
    kinds = ", ".join(f"{op} {n} times" if n > 1 else op for op, n in ops.most_common(8))
    return Part("text", f"... {len(stations)} more gradients follow in the same way ({kinds}); "
                        "the arrows of all are in `arrows` of this explanation.")  # fmt: skip


def _notes(walk: Walk) -> Iterator[Part]:
    slopes = [*jacobian(walk)]
    if slopes:
        yield Part("heading", "The slopes of the softmax")
        yield from (Part("text", text) for text in slopes)
    found = [*hazards(walk)]
    if found:
        yield Part("heading", "What can go wrong")
        yield from (Part("item", text) for text in found)
    unnamed = [*walk.unnamed()]
    if unnamed:
        yield Part("text", " ".join(unnamed))


def _number(n: int) -> str:
    return {2: "two", 3: "three", 4: "four", 5: "five"}.get(n, str(n))
