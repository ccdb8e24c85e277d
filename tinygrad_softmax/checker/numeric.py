"""`gradcheck`: the automatic gradients of a function of yours, held against measured ones.

Imports `subject`, and `slopes`, `verdicts` and `wording`, whose tools it passes on. Its one idea:
what was not compared is said, and a check that could compare nothing has failed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .slopes import Array, Numerical, numerical_gradient
from .subject import Subject
from .verdicts import Agreement, Directional, agrees, directional
from .wording import say_directions, say_entries

__all__ = [
    "Agreement",
    "Directional",
    "GradCheck",
    "GradCheckError",
    "InputCheck",
    "Numerical",
    "agrees",
    "directional",
    "gradcheck",
    "numerical_gradient",
]

#: Up to so many entries, the slope is measured along each of them.
FEW = 400
#: How far an input is moved, relative to its size, where every entry of it is at a kink.
ASIDE = 0.02


class GradCheckError(AssertionError):
    """A gradient that is wrong, or a function that cannot be checked.

    Examples
    --------
    >>> from tinygrad_softmax import Tensor
    >>> gradcheck(lambda x: x * x.detach() if isinstance(x, Tensor) else x * x, 3.0)
    Traceback (most recent call last):
        ...
    tinygrad_softmax.checker.numeric.GradCheckError: <lambda>: the gradient with respect to x () \
is wrong in 1 of 1 entries
      worst at x = 3: automatic 3, numerical 6 (within 2e-14)
      2.000 times too small everywhere
      x is () float64, the result () float64
    """


class InputCheck(NamedTuple):
    """What was found for one input: how much was compared or left out, and what is wrong."""

    name: str
    order: int
    compared: int
    kinks: int
    problem: str


class GradCheck(NamedTuple):
    """The outcome of `gradcheck`: true if all is right. ``message`` says what is not."""

    inputs: tuple[InputCheck, ...]
    message: str = ""

    @property
    def compared(self) -> int:
        """How many entries, or directions, were compared."""
        return sum(check.compared for check in self.inputs)

    @property
    def kinks(self) -> int:
        """How many were left out because there is no slope."""
        return sum(check.kinks for check in self.inputs)

    def __bool__(self) -> bool:
        return not self.message


def gradcheck(
    function: Callable[..., Any],
    *inputs: Any,
    order: int = 1,
    rtol: float | None = None,
    raise_exception: bool = True,
    seed: int = 0,
) -> GradCheck:
    """Check the automatic gradients of a function, or of a primitive, against numerical ones.

    The result may have any shape: the gradient of its product with random numbers is checked.
    Inputs of up to 400 entries are checked entry by entry, larger ones along random directions.

    Parameters
    ----------
    function : callable
        Written in NumPy; gets the inputs in this order.
    *inputs : array_like
        Floating-point ones are checked, others (labels, for instance) are constants.
    order : {1, 2}
        2 also checks the gradient of the gradient.
    rtol : float, optional
        Allowed relative difference, beyond the error of the measurement. By default 1e-7; for
        float32, 2e-4.
    raise_exception : bool
        Whether to raise if something is wrong; otherwise the answer is false.
    seed : int
        Draws the random numbers.

    Returns
    -------
    GradCheck
        True, with the number of entries that were compared and of those left out at kinks.

    Raises
    ------
    GradCheckError
        If a gradient is wrong, the function changes its inputs or its results, or nothing could be
        compared.
    BackwardError
        If the function returns None or a tuple.
    TypeError
        If no input, or not the result, is of floating-point type, or an input is not an array.

    Examples
    --------
    >>> check = gradcheck(np.maximum, [0.0, 1.0, 2.0], 0)
    >>> bool(check), check.compared, check.kinks
    (True, 2, 1)
    """
    if order not in (1, 2):
        raise ValueError(f"order={order!r} is neither 1 nor 2")
    subject = Subject(function, inputs, np.random.default_rng(seed))
    checks: list[InputCheck] = []
    problem = subject.look()
    if not problem:
        checks = [
            _check(subject, n, k, rtol)
            for n in range(1, order + 1)
            for k in range(len(subject.floats))
        ]
        problem = "\n".join(check.problem for check in checks if check.problem)
    found = GradCheck(tuple(checks), problem)
    if not problem and not found.compared:
        found = found._replace(
            message=f"{subject.title}: nothing was compared, for lack of entries"
        )
    if found.message and raise_exception:
        raise GradCheckError(found.message)
    return found


def _check(subject: Subject, order: int, k: int, rtol: float | None) -> InputCheck:
    """Check the gradient with respect to one input; beside it, if it is at kinks throughout."""
    name, x = subject.names[k], subject.floats[k]
    compared, kinks, text = _compare(subject, order, k, subject.floats, rtol)
    if kinks and not compared:
        aside = ASIDE * np.maximum(np.abs(x), 1) * subject.rng.uniform(-1, 1, x.shape)
        moved = [*subject.floats]
        moved[k] = (x + aside).astype(x.dtype)
        compared, _, text = _compare(subject, order, k, moved, rtol)
        text = text or ("" if compared else "not checked: there is a kink, or no finite value, "
                        "wherever it was measured")  # fmt: skip
    if text:
        what = "gradient" if order == 1 else "second derivative"
        result = subject.result
        text = (
            f"{subject.title}: the {what} with respect to {name} {x.shape} is {text}\n"
            f"  {name} is {x.shape} {x.dtype}, the result {result.shape} {result.dtype}"
            + (", contracted with random numbers" if result.ndim or order == 2 else "")
        )
    return InputCheck(name, order, compared, kinks, text)


def _compare(subject: Subject, order: int, k: int, floats: list[Array],
             rtol: float | None) -> tuple[int, int, str]:  # fmt: skip
    """Return how much was compared and left out, and what is wrong."""
    automatic = subject.automatic(order, floats)[k]
    scalar, x = subject.scalar(order, floats, k)
    if x.size > FEW:
        along = directional(scalar, x, automatic, subject.rng, rtol=rtol)
        n = along.powers.size
        return n, along.kinks, say_directions(along) if n and not along.right else ""
    measured = numerical_gradient(scalar, x)
    verdict = agrees(automatic, measured, rtol=rtol)
    wrong = bool(verdict.wrong.any())
    text = say_entries(subject.names[k], x, automatic, measured, verdict) if wrong else ""
    return verdict.compared, verdict.kinks, text
