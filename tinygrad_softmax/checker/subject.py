"""The function that is checked, with its inputs: what is called, and how it is called.

Imports the transforms. Its one idea: whatever order is checked, there is a function of the
floating-point inputs, its automatic gradient, and the scalar function that is measured instead; in
float64, also where the inputs are float32.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

from ..core.op import Op
from ..core.tape import Value
from ..core.transforms import check_scalar_loss, vjp
from .slopes import Array


class Subject:
    """A function with its inputs, those of floating-point type (``floats``) apart.

    Examples
    --------
    >>> subject = Subject(lambda x, n: x**n, (np.array([1.0, 2.0]), 3), np.random.default_rng(0))
    >>> subject.names, subject.look()
    (['x'], '')
    >>> (subject.automatic(1, subject.floats)[0] / subject.cotangent).round(9).tolist()
    [3.0, 12.0]
    """

    def __init__(
        self, function: Callable[..., Any], inputs: tuple[Any, ...], rng: np.random.Generator
    ) -> None:
        self.function, self.rng = function, rng
        self.title = getattr(function, "__name__", "the function")
        self.inputs = [_as_input(value) for value in inputs]
        self.places = [i for i, value in enumerate(self.inputs) if _is_float(value)]
        if not self.places:
            raise TypeError("gradcheck needs an input of floating-point type: 1.0 instead of 1")
        self.floats: list[Array] = [self.inputs[i] for i in self.places]
        self.weights = [self._of_both_signs(x.shape) for x in self.floats]
        self.all_names = _names(function, len(inputs))
        self.names = [self.all_names[i] for i in self.places]
        self.given = self.inputs

    def _of_both_signs(self, shape: tuple[int, ...]) -> Any:
        """Draw numbers of both signs, none of them close to 0."""
        return self.rng.choice([-1.0, 1.0], shape) * self.rng.uniform(0.5, 1.5, shape)

    def __call__(self, *floats: Any) -> Any:
        """Call the function, with the other inputs as they were given."""
        arguments = list(self.given)
        for i, x in zip(self.places, floats, strict=True):
            arguments[i] = x
        result = self.function(*arguments)
        if result is None or isinstance(result, tuple):
            check_scalar_loss(result, self.title)
        return _as_array(result)

    def look(self) -> str:
        """Call it twice, and say what makes it impossible to check."""
        results = []
        for _ in range(2):
            result, changed = self.untouched(self, self.floats)
            if changed:
                return changed
            results.append(np.asarray(result.array if isinstance(result, Value) else result))
        self.result = result = results[0]
        if result.dtype.kind != "f":
            raise TypeError(f"{self.title} returned {result.dtype}, which has no gradient")
        if not np.array_equal(result, results[1], equal_nan=True):
            return (
                f"{self.title} returned different results for the same inputs, so no gradient of "
                "it can be measured: draw random numbers outside, or from a fresh seed at each call"
            )
        if not result.size:
            return f"{self.title}: nothing was compared, for its result {result.shape} is empty"
        # A scalar is taken as it is, so that the messages speak of its own gradient.
        self.cotangent: Any = self._of_both_signs(result.shape) if result.ndim else 1.0
        # The automatic way may take other turns than the plain one.
        return self.untouched(lambda *xs: vjp(self, *xs), self.floats)[1]

    def untouched(self, run: Callable[..., Any], floats: list[Array]) -> tuple[Any, str]:
        """Call with copies of all inputs; return the answer, and what was changed in place."""
        self.given = before = deepcopy(self.inputs)
        for i, x in zip(self.places, floats, strict=True):
            before[i] = x.copy()
        after, now = deepcopy(before), before
        answer = run(*(now[i] for i in self.places))
        for name, value, old in zip(self.all_names, now, after, strict=True):
            if not np.array_equal(value, old, equal_nan=True):
                return answer, (
                    f"{self.title} changed its input {name} {np.shape(old)} in place, so it "
                    f"cannot be checked: write {name} = {name} + ... instead of {name} += ..."
                )
        return answer, ""

    def claim(self, order: int) -> tuple[Callable[..., Any], Any]:
        """Return the function whose gradient is claimed, and the weights of its results."""
        return (self, self.cotangent) if order == 1 else (self._projected, 1.0)

    def _projected(self, *floats: Any) -> Any:
        """How fast the weighted result moves when the inputs move along random weights."""
        value, pull = vjp(self, *floats)
        slopes = pull(np.asarray(self.cotangent, value.dtype))
        return _as_array(sum(np.sum(d * w.astype(d.dtype)) for d, w in zip(
            slopes, self.weights, strict=True)))  # fmt: skip

    def automatic(self, order: int, floats: list[Array]) -> tuple[Array, ...]:
        """Return the automatic gradients with respect to all floating-point inputs."""
        function, weights = self.claim(order)
        _, pull = vjp(function, *(x.copy() for x in floats))
        # They are tensors themselves if the function uses parameters of its own.
        gradients = pull(np.asarray(weights))
        return tuple(np.asarray(g.array if isinstance(g, Value) else g) for g in gradients)

    def scalar(
        self, order: int, floats: list[Array], k: int
    ) -> tuple[Callable[[Array], Any], Array]:
        """Return what is measured: a scalar function of one input in float64, and the input."""
        function, weights = self.claim(order)
        wide = [x.astype(np.float64) for x in floats]

        def weighted(x: Array) -> Any:
            return np.sum(function(*wide[:k], x, *wide[k + 1 :]) * weights)

        return weighted, wide[k]


def _as_input(value: Any) -> Any:
    """Return a floating-point input as an array, a constant as it is."""
    array = np.asarray(value.array if isinstance(value, Value) else value)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"gradcheck takes arrays of real numbers, and {type(value).__name__} is none: "
            "wrap the function in one of arrays only"
        )
    return array if array.dtype.kind == "f" else value


def _is_float(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _as_array(result: Any) -> Any:
    return result if isinstance(result, Value) else np.asarray(result)


def _names(function: Callable[..., Any], n: int) -> list[str]:
    """Return what the function calls its inputs."""
    if isinstance(function, Op):
        function = function.forward
    names: list[str] = []
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            names += [f"{parameter.name}[{i}]" for i in range(n - len(names))]
        else:
            names.append(parameter.name)
    return [*names[:n], *(f"input {i}" for i in range(len(names), n))]
