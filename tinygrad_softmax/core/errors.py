"""The exceptions, and the words that name a value in them.

A message says what happened, with which shapes or values, and what to do; wherever the user's own
variable names can be found, it uses those.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from keyword import iskeyword
from types import FrameType
from typing import Any
from unicodedata import normalize

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
    """Operands whose shapes do not fit together; ``sizes`` are the two that should have agreed.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_softmax import Tensor
    >>> X, W = np.ones((5, 4)), Tensor(np.ones((3, 2)))
    >>> X @ W
    Traceback (most recent call last):
        ...
    tinygrad_softmax.core.errors.ShapeError: matmul got X (5, 4) and W (3, 2): \
the inner sizes 4 and 3 must agree
    """

    def __init__(self, message: str, sizes: tuple[int, int] | None = None) -> None:
        super().__init__(message)
        self.sizes = sizes


class LabelError(ValueError):
    """Class labels of the wrong type, shape, length or range.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_softmax import cross_entropy
    >>> cross_entropy(np.array([[1.0, 2.0]]), [2])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tinygrad_softmax.core.errors.LabelError: ...
    """


class DataError(TypeError):
    """Data that cannot carry a gradient (integers, booleans, complex numbers, objects).

    Examples
    --------
    >>> from tinygrad_softmax import Tensor
    >>> Tensor([1, 2])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tinygrad_softmax.core.errors.DataError: a Tensor holds real floating-point data, not int64: ...
    """


class GradientLostError(TypeError):
    """An operation that would have left the tape and so lost a gradient.

    Examples
    --------
    >>> from tinygrad_softmax import Tensor
    >>> float(Tensor(1.0))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tinygrad_softmax.core.errors.GradientLostError: float(t), out[i] = t, ...
    """


class NoRuleError(TypeError):
    """A NumPy function, or an argument of one, that no gradient rule covers.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_softmax import Tensor
    >>> np.fft.fft(Tensor([1.5]))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tinygrad_softmax.core.errors.NoRuleError: np.fft.fft has no gradient rule. ...
    """


class BackwardError(RuntimeError):
    """A backward pass that cannot start: no scalar, no parameters, or a consumed graph.

    Examples
    --------
    >>> from tinygrad_softmax import Tensor
    >>> x = Tensor([1.0, 2.0])
    >>> (2 * x).backward()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tinygrad_softmax.core.errors.BackwardError: backward() needs a scalar, ...
    """


class StaleDataError(RuntimeError):
    """A parameter that was changed between the forward and the backward pass.

    Plain arrays (data, labels, masks, exponents, indices) are watched under `detect_anomaly` only.

    Examples
    --------
    >>> from tinygrad_softmax import Tensor
    >>> W = Tensor(3.0)
    >>> loss = W * W
    >>> W.data -= 0.5
    >>> loss.backward()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    tinygrad_softmax.core.errors.StaleDataError: ... was updated between the forward and ...
    """


class AnomalyError(FloatingPointError):
    """A NaN or an infinity, reported where it first appeared.

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_softmax import Tensor, detect_anomaly
    >>> with detect_anomaly():  # doctest: +ELLIPSIS
    ...     np.log(Tensor(0.0))
    Traceback (most recent call last):
        ...
    tinygrad_softmax.core.errors.AnomalyError: log made 1 non-finite value ...
    """


def check_names(names: Iterable[Any]) -> None:
    """Refuse names of inputs that no Python variable can have, for they stand in generated code.

    Raises
    ------
    ValueError
        If one is no identifier as Python reads it, a keyword, or a special name like ``__class__``.

    Examples
    --------
    >>> check_names(["W", "layer1/W"])
    Traceback (most recent call last):
        ...
    ValueError: 'layer1/W' cannot be the name of an input, because it is no Python identifier: \
rename the input, for example to 'layer1_W'
    """
    for name in names:
        if not isinstance(name, str):
            why = f"it is of type {type(name).__name__}"
        elif not str.isidentifier(name):
            why = "it is no Python identifier"
        elif iskeyword(name):
            why = "it is a keyword of Python"
        elif name.startswith("__") and name.endswith("__"):
            why = "Python gives such names a meaning of its own"
        elif normalize("NFKC", name) != name:
            why = f"Python reads it as {normalize('NFKC', name)!r}"
        else:
            continue
        words = "_".join(re.findall(r"[A-Za-z0-9]+", normalize("NFKC", str(name)))[:4])[:40]
        better = words if words.isidentifier() and not iskeyword(words) else f"x_{words}".strip("_")
        raise ValueError(
            f"{name!r} cannot be the name of an input, because {why}: rename the input, for "
            f"example to {better!r}"
        )


_STDLIB = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def is_users(file: str) -> bool:
    """Whether a file is neither of this package nor of NumPy nor of the standard library."""
    library = file.startswith(_STDLIB) and "site-packages" not in file
    return not (library or file.startswith(_PACKAGE) or f"{os.sep}numpy{os.sep}" in file)


def user_frame() -> FrameType | None:
    """Return the line the user wrote: the innermost frame of no library."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if is_users(frame.f_code.co_filename):
            return frame
        frame = frame.f_back
    return None


def variable_name(value: Any, holder: type | None = None) -> str | None:
    """Return the user's name for `value`: its own ``name``, or the variable that holds it.

    With `holder`, a variable of that type counts if `value` is its ``array`` or its ``node``.
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
                found = _carries(held, value)
            else:
                found = held is value
            if found and not name.startswith("_"):
                return name
    return None


def _carries(held: Any, value: Any) -> bool:
    return held.array is value or held.node is value


def describe(value: Any, default: str) -> str:
    """Name a value with its shape, as in ``W (3, 2)``; `default` stands in for a missing name."""
    shape = getattr(value, "shape", None)
    name = variable_name(value) or default
    if shape is None:
        return f"{name} = {value!r}"
    return f"{name} ({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
