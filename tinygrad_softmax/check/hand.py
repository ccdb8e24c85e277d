"""A person's functions, called by the names of their inputs: functions, methods, both in one.

Imports `naming` and `watching`. Methods that read their parameters from a dict find the values of
the moment there while they run; with a seed, every call sees the same random numbers.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from copy import deepcopy
from types import TracebackType
from typing import Any

import numpy as np

from ..core.errors import GradientLostError
from ..core.tape import Value
from ..core.tensor import Tensor
from ..core.transforms import check_scalar_loss
from ..symbolic.expr import Expr
from ..symbolic.trace import constant
from .naming import by_name
from .relations import close
from .watching import Run, watched

Function = Callable[..., Any]


class Hand:
    """A loss and its hand-written gradient.

    Parameters
    ----------
    loss : callable
        Returns the loss, or the loss and its gradients.
    gradients : callable or None
        Returns the gradients; None if `loss` returns both.
    params : dict or None
        Where methods read their parameters.
    seed : int or None
        Set before every call, in NumPy's and Python's global generators.
    """

    def __init__(self, loss: Function, gradients: Function | None,
                 params: MutableMapping[str, Any] | None, seed: int | None) -> None:  # fmt: skip
        self._loss, self.gradients = loss, gradients or loss
        self.joint = gradients is None
        self.params, self.seed = params, seed
        self.name = getattr(self.gradients, "__name__", "the gradient function")

    def loss(self, /, **inputs: Any) -> Any:
        """Return the loss at some inputs: numbers, tensors or expressions."""
        if any(isinstance(value, Tensor) for value in inputs.values()):
            inputs = {n: constant(v) for n, v in inputs.items()}
        try:
            with self._prepared(inputs) as taken:
                value = self._loss(**taken(self._loss))
        except (GradientLostError, TypeError, ValueError) as error:
            value = _before_the_gradient(error) if self.joint else None
            if value is None:
                raise
        value = value[0] if isinstance(value, tuple) and value else value
        if not isinstance(value, (Value, np.ndarray, np.generic, bool, int, float)):
            check_scalar_loss(value, getattr(self._loss, "__name__", "the loss"))
        return value

    def run(self, inputs: Mapping[str, Any]) -> Run:
        """Return what a call of the gradients on copies of the inputs came to."""
        copies = {n: deepcopy(v) for n, v in inputs.items()}
        with self._prepared(copies) as taken:
            run = watched(self.gradients, taken(self.gradients))
            changed = tuple(
                n for n in self.params or () if not np.array_equal(copies[n], inputs[n])
            )
        return run._replace(modified=(*run.modified, *changed))

    def confirm(self, traced: Any, run: Run) -> None:
        """Make sure that what was traced is what is computed, where one function returns both.

        Raises
        ------
        ValueError
            If it is not: the hand-written part begins before the loss is complete.
        """
        if self.joint and not close(np.asarray(run.result[0], float), np.asarray(traced, float)):
            raise ValueError("the loss goes on after its hand-written gradient has begun")

    def by_name(self, run: Run, wrt: tuple[str, ...] | None) -> dict[str, Any]:
        """Return the gradients of a run by parameter."""
        found = by_name(run.result, wrt, self.name)
        return {n: np.array(v) for n, v in found.items()}

    @contextmanager
    def _prepared(self, inputs: Mapping[str, Any]) -> Iterator[Callable[[Function], Any]]:
        """Put parameters and seed in place for a call, and back afterwards."""
        before = dict(self.params) if self.params is not None else {}
        states = None
        try:
            if self.params is not None:
                self.params.update({n: inputs[n] for n in before if n in inputs})
            if self.seed is not None:
                states = np.random.get_state(), random.getstate()  # noqa: NPY002 - the person's own
                np.random.seed(self.seed)  # noqa: NPY002 - as above
                random.seed(self.seed)
            yield lambda function: self._taken(function, inputs)
        finally:
            if self.params is not None:
                self.params.update(before)
            if states is not None:
                np.random.set_state(states[0])  # noqa: NPY002 - as above
                random.setstate(states[1])

    def _taken(self, function: Function, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the inputs that a function takes."""
        parameters = inspect.signature(function).parameters
        takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        mine = inputs if self.params is None else {
            n: v for n, v in inputs.items() if n not in self.params or n in parameters}  # fmt: skip
        return {n: v for n, v in mine.items() if takes_all or n in parameters}


def _before_the_gradient(error: BaseException) -> Any:
    """Return the loss of a function that computes it, and then its gradient by hand.

    The hand-written part writes into arrays, which no traced value allows; by then the loss is the
    local variable that the function will return first.
    """
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        held = trace.tb_frame.f_locals
        for name in ("loss", "cost", "data_loss", "L", "J", "total_loss"):
            if name in held and isinstance(held[name], (Expr, Tensor)) and held[name].shape == ():
                return held[name]
        trace = trace.tb_next
    return None
