"""The exceptions, and the words that name a value in them.

Imports nothing of the package. A message says what happened, with which shapes or values, and
what to do; wherever the user's own variable names can be found, it speaks of those.
"""

from __future__ import annotations

import os
import sys
from types import FrameType
from typing import Any

__all__ = [
    "AnomalyError",
    "BackwardError",
    "DataError",
    "GradientLostError",
    "LabelError",
    "NoRuleError",
    "ShapeError",
    "StaleDataError",
]


class ShapeError(ValueError):
    """Operands whose shapes do not fit together."""


class LabelError(ValueError):
    """Class labels of the wrong type, shape, length or range."""


class DataError(TypeError):
    """Data that cannot carry a gradient (integers, booleans, complex numbers, objects)."""


class GradientLostError(TypeError):
    """An operation that would have left the tape and so lost a gradient."""


class NoRuleError(TypeError):
    """A NumPy function, or an argument of one, that no gradient rule covers."""


class BackwardError(RuntimeError):
    """A backward pass that cannot start: no scalar, no parameters, or a consumed graph."""


class StaleDataError(RuntimeError):
    """An array that was changed between the forward and the backward pass."""


class AnomalyError(FloatingPointError):
    """A NaN or an infinity, reported where it first appeared."""


_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def user_frame() -> FrameType | None:
    """Return the innermost frame outside this package and NumPy: the line the user wrote.

    Examples
    --------
    >>> user_frame() is not None
    True
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(_PACKAGE) and f"{os.sep}numpy{os.sep}" not in file:
            return frame
        frame = frame.f_back
    return None


def variable_name(value: Any, holder: type | None = None) -> str | None:
    """Return the user's name for `value`: its own ``name``, or the variable that holds it.

    With `holder`, a variable also counts if it is of that type and `value` is its ``array``.
    """
    own = getattr(value, "name", None)
    if isinstance(own, str):
        return own
    frame = user_frame()
    if frame is None or isinstance(value, (bool, int, float)):
        return None
    for scope in (frame.f_locals, frame.f_globals):
        for name, held in scope.items():
            if holder is not None and isinstance(held, holder):
                held = held.array  # type: ignore[attr-defined] # every holder has one
            if held is value and not name.startswith("_"):
                return name
    return None


def describe(value: Any, default: str) -> str:
    """Name a value with its shape, as in ``W (3, 2)``; `default` stands in for a missing name."""
    shape = getattr(value, "shape", None)
    name = variable_name(value) or default
    if shape is None:
        return f"{name} = {value!r}"
    return f"{name} ({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
