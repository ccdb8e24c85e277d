"""`explain`: the backward pass of a loss, told in words.

Imports everything of this folder. A recorded loss is told from its tape; a function is traced,
told, and summed up by the lines that `derive` arrives at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..core.errors import check_names
from ..core.tensor import Tensor
from ..symbolic.derivation import derive
from .arrows import Arrow, Station, Walk
from .graph import of_tape, of_trace
from .render import as_latex, as_markdown, as_text
from .running import noted, root_of, run
from .scope import Scope
from .telling import Block, put_together, told
from .titles import Titles
from .together import Line, together


@dataclass(frozen=True, slots=True)
class Explanation:
    """A backward pass in words; ``str()`` is for a terminal.

    Made by `explain`.

    Attributes
    ----------
    stations : tuple of Station
        The values from the loss to the leaves, with what arrives at each.
    lines : tuple of Line
        The derived gradient, line by line; empty if there is none.
    made_up : tuple of str
        The names that were made up for values without one.
    note : str
        Why there are no derived lines, if there should be.
    scalars : frozenset of str
        The names of single numbers, which are typeset without a sign of multiplication.

    Examples
    --------
    >>> import numpy as np
    >>> explanation = explain(lambda x: np.sum(x * x), x=np.ones(3))
    >>> [station.title for station in explanation.stations]
    ['loss', 'x * x', 'x']
    >>> explanation.stations[-1].contributions
    (Contribution(formula='2 * x', source='loss', part='', uses=2),)
    >>> explanation.lines[0].code
    'dx = 2 * x'
    """

    stations: tuple[Station, ...]
    lines: tuple[Line, ...]
    made_up: tuple[str, ...]
    note: str
    scalars: frozenset[str]

    @property
    def arrows(self) -> tuple[Arrow, ...]:
        """Every edge of the pass, in order."""
        return tuple(arrow for station in self.stations for arrow in station.arrows)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """What is said, piece by piece."""
        return (*told(self.stations, self.made_up), *put_together(self.lines, self.note))

    @property
    def markdown(self) -> str:
        """The explanation as Markdown."""
        return as_markdown(self.blocks)

    @property
    def latex(self) -> str:
        """The explanation as a LaTeX fragment, for a document with ``amsmath``."""
        return as_latex(self.blocks, self.scalars)

    def _repr_markdown_(self) -> str:
        return self.markdown

    def __str__(self) -> str:
        return as_text(self.blocks)


def explain(
    loss: Tensor | Callable[..., Any], /, wrt: str | tuple[str, ...] | None = None, **inputs: Any
) -> Explanation:
    """Tell the backward pass of a loss in words: every arrow, its formula, and why it is so.

    Parameters
    ----------
    loss : Tensor or callable
        A recorded loss, or a function that computes one with NumPy. A loss that backward() has
        used up cannot be explained any more.
    wrt : str or tuple of str, optional
        By which inputs of a function to differentiate (or local variables of it, such as
        ``"scores"``); the first input if not given.
    **inputs
        The function's inputs by name.

    Returns
    -------
    Explanation
        Print it, or ask for its ``markdown``, ``latex`` or ``arrows``.

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
    >>> explanation = explain(lambda w, X: np.sum(X @ w), w=np.ones(2), X=np.eye(2))
    >>> [arrow.formula for arrow in explanation.arrows]
    ['d(X @ w) = 1', 'dw = X.T @ d(X @ w)']
    >>> explanation.arrows[1].sentence
    '`w[k]` met `X[i, k]` in every row i, so it collects `X[i, k] * d(X @ w)[i]` over rows i. \
There is only one j here.'
    """
    if isinstance(loss, Tensor):
        if wrt is not None or inputs:
            raise TypeError("explain(loss) of a Tensor takes nothing else: its tape says the rest")
        return _of_tensor(loss, noted(Scope()))
    if not callable(loss):
        raise TypeError(f"explain() takes a Tensor or a function, not {type(loss).__name__}")
    check_names(inputs)
    return _of_function(loss, wrt, inputs)


def _of_function(function: Callable[..., Any], wrt: Any, inputs: dict[str, Any]) -> Explanation:
    try:
        derivation = derive(function, wrt, **inputs)
        titles = Titles(of_trace(derivation.trace, derivation.given))
        walk = Walk(titles)
    except Exception as error:  # whatever is wrong with the function itself comes up again below
        reason = str(error).partition("\n")[0] or type(error).__name__
        note = (
            "The simplified lines are left out, because the function could not be traced as one "
            f"formula: {reason}"
        )
        scope = Scope()
        return _of_tensor(run(function, wrt, inputs, scope), scope, note)
    return _told(walk, together(derivation, walk), "")


def _of_tensor(loss: Tensor, scope: Scope, note: str = "") -> Explanation:
    return _told(Walk(Titles(of_tape(root_of(loss, "explain"), scope))), (), note)


def _told(walk: Walk, lines: tuple[Line, ...], note: str) -> Explanation:
    used = {station.title for station in walk.stations}
    made_up = [name for name in walk.titles.text.values() if name in walk.titles.given & used]
    return Explanation(walk.stations, lines, tuple(made_up), note, walk.titles.scalars())
