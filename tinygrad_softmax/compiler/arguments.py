"""The inputs of a step in the form that steps take: arrays, numbers, and what settles the formula.

Imports the tensor. What is none of these is left to the tape.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import GradientLostError
from ..core.tape import plain_array
from ..core.tensor import Tensor

_SETTLING = (bool, int, str, bytes, type(None), np.integer, np.bool_)


class NotCompiledError(Exception):
    """Why these inputs are left to the tape."""


class NotComparedError(NotCompiledError):
    """Why nothing can be said of a step at these inputs; at others it may be another matter."""


def settled(function: Callable[..., Any], inputs: dict[str, Any]) -> dict[str, Any]:
    """Return the inputs with defaults, in the function's order, lists and Tensors as arrays.

    Raises
    ------
    TypeError
        If one is missing, or is none of the function's.
    GradientLostError
        If one is a Tensor that wants a gradient: the step would not tell it.
    DataError
        If one is a matrix or another array with operators of its own.
    """
    signature = inspect.signature(function)
    bound = signature.bind(**inputs)
    bound.apply_defaults()
    found = dict(bound.arguments)
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            found |= found.pop(name)
        elif parameter.kind is parameter.VAR_POSITIONAL:
            del found[name]
    return {name: _settled(name, value) for name, value in found.items()}


def _settled(name: str, value: Any) -> Any:
    if isinstance(value, Tensor):
        if value.requires_grad:
            raise GradientLostError(
                f"a compiled step got {name} as a Tensor that requires a gradient, which it would "
                f"lose: pass {name}.data, and take the gradient that the step returns"
            )
        return value.data
    if isinstance(value, list) and np.asarray(value).dtype.kind in "fiub":
        return np.asarray(value)
    plain = isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray)
    return plain_array(value) if plain else value


def check_compilable(inputs: dict[str, Any]) -> None:
    """Raise if inputs are of a kind that compiled code has no place for.

    Raises
    ------
    NotCompiledError
        Says which.
    """
    for name, value in inputs.items():
        number = isinstance(value, (float, np.floating, *_SETTLING))
        if not number and (type(value) is not np.ndarray or value.dtype.kind not in "fiub"):
            raise NotCompiledError(f"{name} is a {type(value).__name__}, no array or number")
