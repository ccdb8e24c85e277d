"""Where a value would leave the tape unnoticed: each way out is walled up, and says what to write.

Imports `operators`, `tape` and `errors`. The doors, for those who mean it, are ``t.data``,
``t.item()``, ``t.numpy()`` and ``t.detach()``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .errors import GradientLostError, variable_name
from .operators import Operators
from .tape import Leaf


class Walls(Operators):
    """A value whose conversions and in-place updates raise if they would lose a gradient.

    Raises
    ------
    GradientLostError
        By ``float(t)``, ``int(t)``, ``np.array(t)`` and whatever converts so (``math.exp``,
        ``out[i] = t``, SciPy) if `t` is tracked; by ``W += ...`` if W is a parameter.

    Examples
    --------
    >>> from tinygrad_softmax import Tensor
    >>> loss = Tensor(2.0)
    >>> float(loss)
    Traceback (most recent call last):
        ...
    tinygrad_softmax.errors.GradientLostError: float(t) or a math function would lose the gradient \
of loss: use t.item() for the number, np.exp(t) for math.exp(t); or t.data (or t.detach()) if no \
gradient is wanted
    >>> loss.item()
    2.0
    """

    __slots__ = ()

    def _in_place(self, symbol: str) -> None:
        """Refuse to rebind a parameter's name; an op's result is rebound, as Python does."""
        if isinstance(self.origin, Leaf):
            name = variable_name(self) or "W"
            raise GradientLostError(
                f"{name} {symbol}= ... would replace the parameter {name} by a new tensor: to "
                f"update it write {name}.data {symbol}= ..., to compute write "
                f"{name}2 = {name} {symbol} ..."
            )

    def __iadd__(self, other: Any) -> Any:
        self._in_place("+")
        return self + other

    def __isub__(self, other: Any) -> Any:
        self._in_place("-")
        return self - other

    def __imul__(self, other: Any) -> Any:
        self._in_place("*")
        return self * other

    def __itruediv__(self, other: Any) -> Any:
        self._in_place("/")
        return self / other

    def __ipow__(self, other: Any) -> Any:
        self._in_place("**")
        return self**other

    def __imatmul__(self, other: Any) -> Any:
        self._in_place("@")
        return self @ other

    def __float__(self) -> float:
        self._leaving(
            "float(t) or a math function", "t.item() for the number, np.exp(t) for math.exp(t)"
        )
        return float(self.array)

    def __int__(self) -> int:
        self._leaving("int(t)", "int(t.item())")
        return int(self.array)

    def __bool__(self) -> bool:
        return bool(self.array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        self._leaving(
            "turning a Tensor into a plain array",
            "X @ W or np.dot(X, W) for X.dot(W); np.stack([t, u]) for np.array([t, u]); np.stack "
            "or np.where for out[i] = t; a NumPy function for a SciPy one",
        )
        return np.array(self.array, dtype=dtype, copy=copy)

    def _leaving(self, what: str, instead: str) -> None:
        """Refuse to turn a tracked value into a plain one."""
        if self.origin is not None:
            raise GradientLostError(
                f"{what} would lose the gradient of {variable_name(self) or 'it'}: use {instead}; "
                "or t.data (or t.detach()) if no gradient is wanted"
            )
