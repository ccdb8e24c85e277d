"""The classifier's settings and their ranges.

Imports nothing of the package. ``fit`` looks at settings, not the constructor, as scikit-learn
wants it: they may be changed in between.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from numbers import Integral, Real
from typing import Any

__all__ = ["check_settings", "chosen_solver", "hidden_sizes"]


def _number(least: float, below: float = math.inf, above: float = -math.inf) -> Any:
    return lambda value: (
        isinstance(value, Real)
        and not _is_bool(value)
        and least <= float(value) < below
        and float(value) > above
    )


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or type(value).__name__ == "bool"  # NumPy's


def _count(value: Any, least: int = 1) -> bool:
    return isinstance(value, Integral) and not _is_bool(value) and int(value) >= least


def _optional(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


def _one_of(*names: str) -> tuple[str, Callable[[Any], bool]]:
    listed = ", ".join(map(repr, names[:-1])) + f" or {names[-1]!r}"
    return listed, lambda value: isinstance(value, str) and value in names


_FLAG = "True or False", _is_bool
_SETTINGS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "hidden": (
        "None, an integer of at least 1, or a sequence of them",
        lambda v: v is None or _count(v) or (isinstance(v, list | tuple) and all(map(_count, v))),
    ),
    "reg": ("a number of at least 0", _number(0)),
    "penalty": _one_of("l2", "l1", "elasticnet"),
    "l1_ratio": ("a number from 0 to 1", _number(0, below=math.nextafter(1, 2))),
    "solver": _one_of("auto", "lbfgs", "sgd"),
    "step_size": (
        "'auto' or a number above 0",
        lambda v: v == "auto" if isinstance(v, str) else _number(0, above=0)(v),
    ),
    "momentum": ("a number of at least 0 and below 1", _number(0, below=1)),
    "max_iter": ("an integer of at least 1", _count),
    "tol": ("None or a number of at least 0", _optional(_number(0))),
    "batch_size": ("None or an integer of at least 1", _optional(_count)),
    "class_weight": (
        "None, 'balanced' or a dict from classes to weights",
        lambda v: v == "balanced" if isinstance(v, str) else v is None or isinstance(v, Mapping),
    ),
    "warm_start": _FLAG,
    "early_stopping": _FLAG,
    "validation_fraction": ("a number above 0 and below 1", _number(0, below=1, above=0)),
    "n_iter_no_change": ("an integer of at least 1", _count),
    "verbose": (
        "'auto', a bool or an integer of at least 0",
        lambda v: v == "auto" if isinstance(v, str) else _is_bool(v) or _count(v, least=0),
    ),
    "callback": ("None or a function", _optional(callable)),
    "engine": _one_of("compiled", "eager"),
}


def check_settings(estimator: Any) -> None:
    """Raise ValueError if a setting of the estimator is out of its range.

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


def chosen_solver(estimator: Any) -> str:
    """Return "lbfgs" or "sgd"; raise if the settings do not go with it, or SciPy is missing."""
    given = {
        name: getattr(estimator, name)
        for name, default in [("step_size", "auto"), ("momentum", 0), ("batch_size", None)]
        if getattr(estimator, name) != default
    }
    named = ", ".join(f"{name}={value!r}" for name, value in given.items())
    solver: str = estimator.solver
    if solver == "auto":
        solver = "sgd" if given or find_spec("scipy") is None else "lbfgs"
    elif solver == "lbfgs" and given:
        raise ValueError(f"{named} is for solver='sgd': 'lbfgs' chooses its own steps, of all rows")
    if solver == "lbfgs" and find_spec("scipy") is None:
        raise ImportError(
            "solver='lbfgs' needs SciPy: pip install 'tinygrad-softmax[fast]', or solver='sgd'"
        )
    if solver == "sgd" and estimator.penalty != "l2":
        why = f"{named} asks for gradient descent" if given else "SciPy, which has it, is missing"
        why = "solver='sgd'" if estimator.solver == "sgd" else why
        raise ValueError(f"penalty={estimator.penalty!r} needs solver='lbfgs', but {why}")
    return solver


def hidden_sizes(hidden: Any) -> list[int]:
    """Return the sizes of the hidden layers."""
    if hidden is None:
        return []
    return [int(hidden)] if isinstance(hidden, Integral) else [int(size) for size in hidden]
