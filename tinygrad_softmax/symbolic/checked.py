"""The derived function against automatic differentiation: here, elsewhere, and at large scores.

Imports the transforms and `inputs`. Nothing is returned to the user that has not passed here.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from ..core.transforms import value_and_grad
from .chain import Chain
from .evaluate import evaluate
from .inputs import fresh
from .trace import Trace, call, constant

_ROUNDS = 3


class Derived(Protocol):
    """What is asked of a derivation."""

    function: Any
    wrt: tuple[str, ...]
    given: dict[str, Any]
    trace: Trace
    chain: Chain
    stable: bool
    checked: str

    def value_and_grad(self, **inputs: Any) -> tuple[Any, dict[str, Any]]:
        """Return the loss and the gradients by name."""
        ...


def checked(derivation: Derived) -> str | None:
    """Return what is wrong with a derived function, None if nothing is; note what was compared."""
    largest = 0.0
    for i in range(_ROUNDS + 1):
        given = derivation.given
        values = given if i == 0 else fresh(given, derivation.trace, seed=i)
        where = "on the inputs given" if i == 0 else "on fresh inputs of other sizes"
        try:
            loss, found = derivation.value_and_grad(**values)
        except (IndexError, NameError, ValueError) as error:
            return f"the derived function fails {where}: {error}"
        for name, (got, want) in _pairs(derivation, values, loss, found).items():
            # what cancels to zero is zero to the rounding of what it was made of
            atol = 1e-6 * np.max(np.abs(want), initial=0.0) + 1e-12 * (1 + abs(loss))
            if np.shape(got) != np.shape(want) or not np.allclose(got, want, rtol=1e-6, atol=atol):
                return (f"{name} differs from automatic differentiation {where}; this is a defect "
                        "in a law")  # fmt: skip
            apart = float(np.max(np.abs(np.subtract(got, want)), initial=0.0))
            largest = max(largest, apart / (float(np.max(np.abs(want), initial=0.0)) or 1.0))
    digits = int(min(10, -np.log10(largest or 1e-16)))
    derivation.checked = (
        f"The function was compared with automatic differentiation, on the inputs given and on "
        f"{_ROUNDS} draws of fresh ones{' of other sizes' if derivation.trace.generic else ''}. "
        f"They agree to {digits}{' or more' if digits == 10 else ''} digits."
    )
    return None


def _pairs(
    derivation: Derived, values: dict[str, Any], loss: Any, found: dict[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """Pair what was derived with what automatic differentiation says."""
    function, chain = derivation.function, derivation.chain
    outer = tuple(name for name in derivation.wrt if name in derivation.given)
    if outer:
        expected, slopes = value_and_grad(_traced(function), wrt=outer)(**values)
    else:
        expected, slopes = call(function, values), ()
    pairs = {"the loss": (loss, expected)}
    pairs |= {f"d{name}": (found[name], g) for name, g in zip(outer, slopes, strict=True)}
    sizes = {s: np.shape(values[n])[axis] for s, (n, axis) in chain.trace.sizes.items()}
    for name in set(derivation.wrt) - set(outer):  # a local variable: by the rules themselves
        target = chain.target(name)
        g, value = evaluate([chain.raw.get(target, chain.algebra.zero), target], values | sizes)
        pairs[f"d{name}"] = (found[name], np.broadcast_to(g, np.shape(value)))
    return pairs


def _traced(function: Any) -> Any:
    """Return the function with data as constant tensors: ``X.dot(W)`` of an array is not ours."""
    return lambda **inputs: call(function, {n: constant(v) for n, v in inputs.items()})
