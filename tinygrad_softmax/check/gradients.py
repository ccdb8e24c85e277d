"""`check_gradients`: a hand-written gradient against the automatic one, with the mistake named.

Imports the rest of this folder. The verdict is found at fresh points whose sizes all differ, with
biases away from zero, so that nothing coincides; then the very inputs given are looked at.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, MutableMapping
from copy import deepcopy
from typing import Any

import numpy as np

from ..core.errors import BackwardError, check_names
from ..symbolic.trace import trace
from . import here, plain
from .examine import Examination
from .formulas import Formulas
from .hand import Hand
from .relations import close
from .report import Finding, Report
from .watching import Run

#: Mistakes that may as well be the loss's.
_EITHER = frozenset(["scaled", "term_scaled", "term_missing", "term_extra"])
_ONE_OF_THE_TWO = (
    "the gradient would be right for a loss in which this term or factor is as the gradient has "
    "it: if that is what was meant, the mistake is in the loss"
)


def check_gradients(
    loss: Callable[..., Any],
    gradients: Callable[..., Any] | None = None,
    /,
    *,
    wrt: str | tuple[str, ...] | None = None,
    params: MutableMapping[str, Any] | None = None,
    stages: Mapping[str, str] | None = None,
    seed: int | None = None,
    **inputs: Any,
) -> Report:
    """Compare a hand-written gradient with the automatic one, stage by stage; name the mistake.

    Parameters
    ----------
    loss : callable
        Returns the scalar loss, in plain NumPy. Without `gradients` it returns the loss and its
        gradients, ``(loss, dW)`` or ``(loss, {"W": dW, "b": db})``.
    gradients : callable, optional
        The hand-written gradient, in plain NumPy: returns a dict by parameter, a tuple in the order
        of `wrt`, or a single array. Its local variables called ``dscores`` (or ``grad_scores``,
        ``scores_grad``) are compared with the gradient of the loss's local ``scores``.
    wrt : str or tuple of str, optional
        By which inputs; not needed if a dict is returned or `params` given.
    params : dict, optional
        Where the methods of a class read their parameters: ``params=model.params``.
    stages : dict, optional
        Variables whose name does not say it: ``{"delta2": "scores"}``.
    seed : int, optional
        Set before each call, for functions that draw random numbers.
    **inputs
        The inputs of both functions by name. They are never changed.

    Returns
    -------
    Report
        With ``ok``, ``findings`` and ``raise_if_wrong()``; ``print`` it.

    Raises
    ------
    TypeError
        If it is not clear which array is whose gradient.
    ValueError
        If `stages` names no variable or value of the functions, or if an input or parameter has a
        name that no Python variable can have.

    Notes
    -----
    A cause is named only if it gives the numbers of the hand-written code at three fresh points
    whose sizes all differ; if several do, all are named.

    Examples
    --------
    >>> def loss(w, X, y):
    ...     residual = X @ w - y
    ...     return np.sum(residual**2) / len(y)
    >>> def gradients(w, X, y):
    ...     dresidual = 2 * (X @ w - y)
    ...     return {"w": X.T @ dresidual}
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.standard_normal((5, 3)), rng.standard_normal(5)
    >>> report = check_gradients(loss, gradients, w=np.ones(3), X=X, y=y)
    >>> report.ok, report.findings[0].stage, report.findings[0].cause
    (False, 'dresidual', 'scaled')
    """
    check_names([*inputs, *(params or ())])
    hand = Hand(loss, gradients, params, seed)
    inputs |= {n: v for n, v in (params or {}).items() if n not in inputs}
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of the person's code at our points
        return _checked(hand, (wrt,) if isinstance(wrt, str) else wrt, stages or {}, inputs)


def _look_at(hand: Hand, inputs: dict[str, Any]) -> None:
    """Raise if the loss returns no number at all, before anything is said of gradients."""
    try:
        hand.loss(**deepcopy(inputs))
    except BackwardError:
        raise
    except Exception:  # it needs the sizes or types of the search: its own errors are met there
        return


def _checked(hand: Hand, wrt: tuple[str, ...] | None, stages: Mapping[str, str],
             inputs: dict[str, Any]) -> Report:  # fmt: skip
    notes: list[str] = []
    chosen = wrt or (tuple(hand.params) if hand.params else None)
    small = inputs
    if here.size(inputs) > here.LARGE:
        small, notes = _sampled(hand, chosen, inputs)
    _look_at(hand, small)
    first = hand.run(small)
    chosen = chosen or tuple(hand.by_name(first, None))
    unknown = [n for n in chosen if n not in inputs]
    if unknown:
        raise TypeError(f"wrt names {', '.join(unknown)}, but the inputs are {', '.join(inputs)}")
    if first.modified:
        changed = ", ".join(first.modified)
        notes.append(f"{hand.name} changes {changed} in place: the check went on with copies")
    if (finding := _repeated(hand, chosen, small)) is not None:
        return Report((finding,), (), tuple(notes))
    try:
        formulas = Formulas(hand.loss, chosen, small)
        try:
            runs = [hand.run(point.inputs) for point in formulas.points]
        except Exception as error:
            notes.append(f"{hand.name} runs at the sizes given only (at others: {error})")
            formulas = Formulas(hand.loss, chosen, small, resized=False)
            runs = [hand.run(point.inputs) for point in formulas.points]
        for point, run in zip(formulas.points, runs, strict=True):
            hand.confirm(formulas.loss(point), run)
    except BackwardError:
        raise  # the loss does not depend on a parameter: the person's to know
    except Exception as error:
        found = plain.compared(hand, chosen, small)
        notes += [*found.notes, f"the reason: {type(error).__name__}: {str(error).splitlines()[0]}"]
        return Report(tuple(found.findings), tuple(found.right), tuple(notes))
    return _staged(hand, formulas, runs, chosen, stages, small, notes)


def _staged(hand: Hand, formulas: Formulas, runs: list[Run], wrt: tuple[str, ...],
            stages: Mapping[str, str], inputs: Mapping[str, Any],
            notes: list[str]) -> Report:  # fmt: skip
    """Compare stage by stage at the points of the formulas, and what was returned at the inputs."""
    for variable, value in stages.items():
        if variable not in runs[0].moments or value not in formulas.nodes:
            raise ValueError(
                f"stages={{{variable!r}: {value!r}}}: {hand.name} has the variables "
                f"{', '.join(runs[0].moments)}, and the loss the values {', '.join(formulas.nodes)}"
            )
    results = [hand.by_name(run, wrt) for run in runs]
    examination = Examination(formulas, runs, results, stages, hand.gradients)
    found, right = examination.findings()
    if not found:
        found, more = here.compared(hand, wrt, inputs)
        notes = [*notes, *examination.left_scaled(), *more]
    elif all(finding.cause in _EITHER for finding in found):
        notes = [*notes, _ONE_OF_THE_TWO]
    return Report(tuple(found), tuple(right), tuple(notes))


def _sampled(hand: Hand, wrt: tuple[str, ...] | None,
             inputs: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:  # fmt: skip
    """Return a few entries of large inputs, where the loss says which sizes belong together."""
    by = wrt or tuple(n for n, v in inputs.items() if np.asarray(v).dtype.kind == "f")
    try:
        small = here.sampled(inputs, trace(hand.loss, inputs, by))
    except Exception:
        return inputs, []  # a loss that cannot be traced is run as it is
    return small, ["the inputs are large: compared at the first entries of each axis, and at draws"]


def _repeated(hand: Hand, wrt: tuple[str, ...], inputs: Mapping[str, Any]) -> Finding | None:
    """Say what is wrong if a second call gives something else."""
    once, again = (hand.by_name(hand.run(inputs), wrt) for _ in range(2))
    for name, value in once.items():
        if close(again[name], value) or np.array_equal(again[name], value, equal_nan=True):
            continue
        if np.shape(again[name]) == np.shape(value):
            third = hand.by_name(hand.run(inputs), wrt)[name]
            if close(third - again[name], again[name] - value):
                said = "accumulated: each call with the same inputs adds to what was there before"
                return Finding(f"d{name}", "accumulated", said)
        return Finding(f"d{name}", "random", "two calls with the same inputs differ: if it draws "
                       "random numbers, pass seed= (it sets NumPy's global generator)")  # fmt: skip
    return None
