"""The classifier's settings and their ranges.

Imports nothing of the package. Settings are looked at by ``fit``, not by the constructor, as
scikit-learn wants it: they may be changed in between.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

__all__ = ["check_settings"]


def _number(least: float, below: float = math.inf) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, Real) and least <= float(value) < below


def _count(value: Any, least: int = 1) -> bool:
    return isinstance(value, Integral) and int(value) >= least


_SETTINGS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "hidden": ("None or an integer of at least 1", lambda v: v is None or _count(v)),
    "reg": ("a number of at least 0", _number(0)),
    "step_size": (
        "'auto' or a number above 0",
        lambda v: v == "auto" if isinstance(v, str) else _number(0)(v) and v > 0,
    ),
    "momentum": ("a number of at least 0 and below 1", _number(0, below=1)),
    "max_iter": ("an integer of at least 1", _count),
    "tol": ("None or a number of at least 0", lambda v: v is None or _number(0)(v)),
    "batch_size": ("None or an integer of at least 1", lambda v: v is None or _count(v)),
    "verbose": (
        "'auto', a bool or an integer of at least 0",
        lambda v: v == "auto" if isinstance(v, str) else _count(v, least=0),
    ),
    "engine": ("'compiled' or 'eager'", lambda v: v in ("compiled", "eager")),
    "callback": ("None or a function", lambda v: v is None or callable(v)),
}


def check_settings(estimator: Any) -> None:
    """Raise if a setting is out of its range.

    Parameters
    ----------
    estimator : object
        Has the settings as attributes.

    Raises
    ------
    ValueError
        Names the first such setting, what it must be, and what it is.

    Examples
    --------
    >>> from tinygrad_softmax import SoftmaxClassifier
    >>> check_settings(SoftmaxClassifier(momentum=1))
    Traceback (most recent call last):
        ...
    ValueError: momentum must be a number of at least 0 and below 1, got 1
    """
    for name, (wanted, fits) in _SETTINGS.items():
        value = getattr(estimator, name)
        if not fits(value):
            raise ValueError(f"{name} must be {wanted}, got {value!r}")
