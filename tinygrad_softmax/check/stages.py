"""The stages of a hand-written gradient: which array, what it held after each line, which line.

Imports `naming` and `watching`. What a variable held before it was used for something else, or
changed through another name, is a value of its own; what it held while it was built up is not.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from linecache import getline
from typing import Any, NamedTuple

import numpy as np

from .naming import stage_of
from .watching import Run


class Held(NamedTuple):
    """What a stage held at each point after a line (None: what was returned)."""

    line: int | None
    values: list[Any]


class Stage(NamedTuple):
    """An array of the hand-written code: its name there, whose gradient it is, what it held."""

    variable: str
    of: str
    held: tuple[Held, ...]


class Code:
    """The lines of the hand-written function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.file = getattr(getattr(function, "__code__", None), "co_filename", "")

    def __call__(self, line: int) -> str:
        """Return a line of it."""
        return getline(self.file, line).strip()

    def of(self, stage: Stage, line: int | None) -> str:
        """Return a line with its number; where a value was returned, the last that made it."""
        if line is None:
            lines = [held.line for held in stage.held if held.line is not None]
            if not lines:
                return ""
            line = lines[-1]
        return f"line {line}: {self(line)}"

    def all_of(self, stage: Stage) -> str:
        """Return every line that made a stage."""
        return "\n".join(self(held.line) for held in stage.held if held.line is not None)

    def finished(self, stage: Stage) -> Iterator[Held]:
        """Yield what a stage held when it was done, the last first.

        That is its last value, and those before a line that makes something new of the variable, or
        changes it through another name.
        """
        held = stage.held
        for n in reversed(range(len(held))):
            after = [h.line for h in held[n + 1 :] if h.line is not None][:1]
            if n == len(held) - 1 or (after and starts_afresh(stage.variable, self(after[0]))):
                yield held[n]


def starts_afresh(variable: str, code: str) -> bool:
    """Whether a line that changed a variable did not build it up from what it was.

    Examples
    --------
    >>> [starts_afresh("dx", code) for code in ("dx = 2 * y", "dx /= n", "dx = dx * 2", "y -= 1")]
    [True, False, False, True]
    """
    try:
        (statement,) = ast.parse(code.rstrip(":") if code.endswith(":") else code).body
    except (SyntaxError, ValueError):
        return False
    if isinstance(statement, ast.Assign):
        targets, mentioned = statement.targets, _names(statement.value)
        plain = any(isinstance(t, ast.Name) and t.id == variable for t in targets)
        return variable not in mentioned if plain else variable not in _names(*targets)
    if isinstance(statement, ast.AugAssign):
        return variable not in _names(statement.target)
    return variable not in _names(statement)


def _names(*nodes: ast.AST) -> set[str]:
    return {part.id for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name)}


def collected(order: Sequence[str], runs: Sequence[Run], results: Sequence[Mapping[str, Any]],
              named: Mapping[str, str]) -> dict[str, Stage]:  # fmt: skip
    """Return the stages by whose gradient they are, in backward order."""
    found: dict[str, Stage] = {}
    for variable in runs[0].moments:
        of = named.get(variable) or stage_of(variable, set(order))
        if of is not None:
            stage = Stage(variable, of, tuple(_held(variable, runs)))
            given = variable in named or found.get(of, stage).variable not in named
            if (
                stage.held
                and given
                and (of not in found or variable in named or len(stage.held) > len(found[of].held))
            ):
                found[of] = stage
    for name in results[0]:
        returned = Held(None, [np.asarray(result[name]) for result in results])
        stage = found.get(name, Stage(f"d{name}", name, ()))
        found[name] = stage._replace(held=(*stage.held, returned))
    return {n: found[n] for n in order if n in found}


def _held(variable: str, runs: Sequence[Run]) -> Iterator[Held]:
    for moment in runs[0].moments[variable]:
        values = [next((m.value for m in run.moments.get(variable, ())
                        if m.line == moment.line), None) for run in runs]  # fmt: skip
        if all(v is not None for v in values):
            yield Held(moment.line, values)
