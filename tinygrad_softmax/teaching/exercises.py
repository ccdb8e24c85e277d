"""Exercises of three levels: gradient code with one mistake, or with two.

Imports `derivation` and `checker`. What `seed_mistakes` makes is sorted by what can be measured of
it; two mistakes are two edits of the same right code.
"""

from __future__ import annotations

import difflib
import inspect
import random
from collections.abc import Callable, Iterator
from itertools import chain, combinations, islice, zip_longest
from typing import Any, NamedTuple

import numpy as np

from ..checker.exercises import SeededMistake, gradients_alone, seed_mistakes
from ..derivation import Derivation, derive

#: Kinds of mistake of level 1: a line is missing, or a sign is wrong.
_EASY = frozenset(["line_missing", "sign"])
#: So many mistakes of a kind are made to choose from.
_MANY = 12


class Mistake(NamedTuple):
    """A mistake in the code of an exercise, and how it is repaired.

    Attributes
    ----------
    line : int
        Where it is in the exercise, from 1; the line before, where one is missing.
    stage, cause, sentence : str
        The array that the line makes, the kind of the mistake, and the mistake in words.
    before, after : str
        The code as it is, and as it should be.
    """

    line: int
    stage: str
    cause: str
    sentence: str
    before: str
    after: str


class Exercise(NamedTuple):
    """Gradient code to be repaired.

    Attributes
    ----------
    source : str
        The function, ``gradients(...)``, with its mistakes.
    right : str
        The same function without them.
    mistakes : tuple of Mistake
        One or two.
    """

    source: str
    right: str
    mistakes: tuple[Mistake, ...]


def exercises(
    loss: Callable[..., Any],
    /,
    wrt: str | tuple[str, ...] | None = None,
    *,
    level: int = 1,
    seed: int = 0,
    **inputs: Any,
) -> Iterator[Exercise]:
    """Yield exercises of a level, in an order that the seed settles.

    Parameters
    ----------
    loss : callable
        Computes a scalar loss with NumPy; what `derive` can derive.
    wrt : str or tuple of str, optional
        With respect to which inputs; the first one if not given.
    level : {1, 2, 3}
        1: a line is missing, or a sign is wrong. 2: another mistake in one line, such as an axis, a
        factor or an operand. 3: two mistakes in different lines; or one of which a check of one
        number (the first entry of the first gradient, at the inputs) notices nothing.
    seed : int
        Settles the order.
    **inputs
        The inputs of the loss by name.

    Yields
    ------
    Exercise
        The code, and what is wrong with it.

    Raises
    ------
    TypeError
        If an input of the loss is missing.
    ValueError
        If there is no such level, or the gradient can be derived for these sizes only.

    Examples
    --------
    >>> def loss(w, X, y):
    ...     error = X @ w - y
    ...     return np.sum(error**2)
    >>> inputs = {"w": np.ones(2), "X": np.eye(3, 2), "y": np.zeros(3)}
    >>> exercise = next(exercises(loss, level=2, **inputs))
    >>> exercise.mistakes[0].sentence
    '`+` should be `*`'
    """
    if level not in (1, 2, 3):
        raise ValueError(f"level={level!r} is none of 1, 2, 3")
    check_given(loss, inputs)
    derivation = derive(loss, wrt, **inputs)
    check_sizes(derivation)
    right = gradients_alone(derivation.source).rstrip("\n")
    made = seed_mistakes(loss, wrt, **inputs)
    if level < 3:
        found = islice((m for m in made if (m.cause in _EASY) == (level == 1)), _MANY)
        singles = [_single(right, mistake) for mistake in found]
        random.Random(seed).shuffle(singles)
        return iter(singles)
    return _hard(right, [*islice(made, 3 * _MANY)], derivation, seed)


def check_given(loss: Callable[..., Any], inputs: dict[str, Any]) -> None:
    """Refuse inputs among which one is missing."""
    try:
        parameters = inspect.signature(loss).parameters.values()
    except (TypeError, ValueError):  # written in C
        return
    missing = [p.name for p in parameters if p.default is p.empty and p.name not in inputs
               and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]  # fmt: skip
    if missing:
        name = getattr(loss, "__name__", "the loss")
        given = ", ".join(f"{n}={n}" for n in missing)
        raise TypeError(f"inputs of {name} are missing: {', '.join(missing)}; pass them by name, "
                        f"as {given}")  # fmt: skip


def check_sizes(derivation: Derivation) -> None:
    """Refuse code that is right at one size only: it has a term for each turn of a loop."""
    if not derivation.trace.generic:
        why = derivation.trace.reason or "the loss depends on them"
        raise ValueError(
            "no exercise can be made of this loss, because its gradient can be derived for inputs "
            f"of these sizes only: {why.rstrip('.')}; write the loss for all sizes, with array "
            "operations in place of loops over an axis"
        )


def _hard(
    right: str, found: list[SeededMistake], derivation: Derivation, seed: int
) -> Iterator[Exercise]:
    """Yield by turns pairs, and single mistakes that one number does not show."""
    rng = random.Random(seed)
    hidden = [mistake for mistake in found if _is_hidden(mistake, derivation)]
    pairs = [*combinations(found[:_MANY], 2)]
    rng.shuffle(hidden)
    rng.shuffle(pairs)
    singles = (_single(right, mistake) for mistake in hidden)
    doubles = (pair for pair in (_double(right, *two) for two in pairs) if pair is not None)
    turns = [singles, doubles] if rng.random() < 0.5 else [doubles, singles]
    yield from (one for one in chain.from_iterable(zip_longest(*turns)) if one is not None)


def _is_hidden(mistake: SeededMistake, derivation: Derivation) -> bool:
    """Whether the first number of the first gradient is right all the same."""
    name = derivation.wrt[0]
    space = {"np": np, **derivation.program.used}
    exec(gradients_alone(derivation.source), space)
    gradients: Any = space["gradients"]
    found = [f(**derivation.given)[name] for f in (mistake.function, gradients)]
    if np.shape(found[0]) != np.shape(found[1]):
        return False
    mine, true = (float(np.ravel(one)[0]) for one in found)
    return bool(np.isclose(mine, true, rtol=1e-4, atol=0))


def _single(right: str, mistake: SeededMistake) -> Exercise:
    place = _place(mistake.source, right)
    said = mistake.stage, mistake.cause, mistake.sentence
    return Exercise(mistake.source, right, (Mistake(place[0], *said, *place[1:]),))


def _double(right: str, one: SeededMistake, other: SeededMistake) -> Exercise | None:
    """Return code with two mistakes in different lines; None if they meet."""
    edits = sorted(_edits(right, one.source) + _edits(right, other.source), reverse=True)
    lines = right.split("\n")
    end = len(lines) + 1
    for first, last, new in edits:
        if last >= end or one.stage == other.stage:
            return None
        lines[first:last] = new
        end = first
    source = "\n".join(lines)
    mistakes = []
    for mistake, repaired in ((one, other.source), (other, one.source)):
        line, before, after = _place(source, repaired)
        mistakes.append(
            Mistake(line, mistake.stage, mistake.cause, mistake.sentence, before, after)
        )
    return Exercise(source, right, tuple(sorted(mistakes)))


def _edits(right: str, wrong: str) -> list[tuple[int, int, list[str]]]:
    """Return what is done to the lines of right code: from, to, and the new ones."""
    old, new = right.split("\n"), wrong.split("\n")
    found = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [(i, j, new[k:n]) for tag, i, j, k, n in found if tag != "equal"]


def _place(wrong: str, right: str) -> tuple[int, str, str]:
    """Return the line of a mistake, and the lines before and after its repair."""
    old, new = wrong.split("\n"), right.split("\n")
    edits = [
        edit
        for edit in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        if edit[0] != "equal"
    ]
    first, last, start, end = edits[0][1], edits[-1][2], edits[0][3], edits[-1][4]
    if first == last:  # a line is missing after the one before
        first, start = first - 1, start - 1
    before, after = (
        "\n".join(line.strip() for line in lines) for lines in (old[first:last], new[start:end])
    )
    return first + 1, before, after
