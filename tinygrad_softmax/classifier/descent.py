"""Gradient descent, by gradients that are found automatically.

Imports the errors. Parameters are never changed in place: each step makes new
ones, so those it came from stay what they were.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.errors import AnomalyError

__all__ = ["Descent", "Objective"]

Arrays = list[NDArray[Any]]


def _promise(gradients: Arrays, velocity: Arrays) -> float:
    """Return how the loss would change if it were a plane; 0 if momentum carries it uphill."""
    change = sum(np.vdot(g, v) for g, v in zip(gradients, velocity, strict=True))
    return min(0.0, float(change))


class Objective(Protocol):
    """A loss that also knows its gradients."""

    def __call__(self, parameters: Arrays, *data: Any) -> Any:
        """Return the loss."""

    def with_gradients(self, parameters: Arrays, *data: Any) -> tuple[Any, Arrays]:
        """Return the loss and its gradients by the parameters."""


class Descent:
    """Gradient descent with momentum, ``v = momentum * v - step * gradient; parameters += v``.

    Parameters
    ----------
    step_size : float or "auto"
        A number is used as it is. With "auto" a step is taken only if it lowers the loss it was
        computed from by half of what the gradient promises (Armijo's condition); else the velocity
        is dropped and the step halved until it does [1]_. Each step first tries twice the size of
        the last, but at most ``limit``, which is 1.
    momentum : float
        The part of the velocity that is kept, from 0 to below 1.

    References
    ----------
    .. [1] Vaswani et al., "Painless Stochastic Gradient", 2019, https://arxiv.org/abs/1905.09997

    Examples
    --------
    The minimum of a parabola so steep that a step of size 1 would jump over it and away:

    >>> class Parabola:
    ...     def __call__(self, x):
    ...         return np.sum(100 * x[0] ** 2)
    ...
    ...     def with_gradients(self, x):
    ...         return self(x), [200 * x[0]]
    >>> descent, x = Descent("auto", momentum=0.0), [np.array([1.0])]
    >>> for _ in range(50):
    ...     loss, x = descent.move(Parabola(), x)
    >>> bool(loss < 1e-12)
    True
    """

    def __init__(self, step_size: float | str, momentum: float) -> None:
        self.careful = isinstance(step_size, str)
        self.limit = 1.0 if isinstance(step_size, str) else float(step_size)
        self.step = self.limit
        self.momentum = float(momentum)
        self.velocity: Arrays | None = None

    def move(self, objective: Objective, parameters: Arrays, *data: Any) -> tuple[float, Arrays]:
        """Return the loss at `parameters`, and the parameters one step further down.

        Parameters
        ----------
        objective : Objective
            From the list of parameters, and the data, to a scalar loss, and to its gradients.
        parameters : list of arrays
            Where to start; not modified.
        *data
            Further arguments of `objective`.

        Returns
        -------
        loss : float
            Before the step.
        parameters : list of arrays
            After the step; new ones, in the precision of the old ones.

        Raises
        ------
        AnomalyError
            If the loss or the new parameters are not finite.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # what they warn of is raised below
            loss, gradients = objective.with_gradients(parameters, *data)
            self._expect_finite(loss)
            if self.careful:
                self.step = min(self.limit, 2 * self.step)
            velocity, moved = self._push(parameters, gradients)
            # "not <=" and not ">", so that a NaN counts as a rise.
            while (
                self.careful
                and self.step
                and not objective(moved, *data) <= loss + _promise(gradients, velocity) / 2
            ):
                self.step, self.velocity = self.step / 2, None
                velocity, moved = self._push(parameters, gradients)
            self._expect_finite(*moved)
        self.velocity = velocity
        return float(loss), moved

    def _push(self, parameters: Arrays, gradients: Arrays) -> tuple[Arrays, Arrays]:
        """Return the velocity after this gradient, and where it leads."""
        velocity = [-self.step * g for g in gradients]
        if self.velocity is not None:
            velocity = [
                self.momentum * v + dv for v, dv in zip(self.velocity, velocity, strict=True)
            ]
        return velocity, [p + v for p, v in zip(parameters, velocity, strict=True)]

    def _expect_finite(self, *values: Any) -> None:
        if self.step and all(np.isfinite(value).all() for value in values):
            return
        raise AnomalyError(
            "the loss or the parameters overflowed in training: scale X, for example to "
            "(X - X.mean(axis=0)) / X.std(axis=0)"
            + ("" if self.careful else f", or take smaller steps than step_size={self.step:g}")
        )
