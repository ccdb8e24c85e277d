"""Fitting calls of NumPy's functions to ours, and saying what to do where there is none.

Imports `primitive`. `operators` asks here when NumPy hands a call over.
"""

from __future__ import annotations

import inspect
from collections.abc import Set
from functools import lru_cache
from itertools import takewhile
from typing import Any

import numpy as np

from .errors import NoRuleError
from .primitive import Primitive, implements
from .tape import Value

#: What NumPy passes where a reduction's argument was not given.
_NOT_GIVEN = inspect.signature(np.sum).parameters["initial"].default


@implements(np.shape)
def _shape(x: Any) -> Any:
    return x.shape


@implements(np.ndim)
def _ndim(x: Any) -> Any:
    return len(x.shape)


@implements(np.size)
def _size(x: Any) -> Any:
    return x.size


def by_our_names(function: Any, ours: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Fit a call to our function: arrays given by name go by position, defaults spelt out go.

    Raises
    ------
    NoRuleError
        If what is left names an argument that our function does not take.
    """
    if any(isinstance(value, Value) for value in kwargs.values()):
        names = list(inspect.signature(function).parameters)[len(args) :]
        given = takewhile(lambda name: isinstance(kwargs.get(name), (Value, np.ndarray)), names)
        args = [*args, *(kwargs.pop(name) for name in list(given))]
    takes = keywords(ours)
    if "settings" in takes:  # ours hands its settings on to NumPy's own function, which checks them
        return args, kwargs
    kwargs = {k: v for k, v in kwargs.items() if k in takes or not (v is None or v is _NOT_GIVEN)}
    unknown = [f"{name}={value!r}" for name, value in kwargs.items() if name not in takes]
    if unknown:
        raise NoRuleError(
            f"np.{function.__name__} of a Tensor does not take {', '.join(unknown)}; it takes "
            f"{', '.join(takes)}"
        )
    return args, kwargs


@lru_cache(maxsize=256)
def keywords(function: Any) -> Set[str]:
    """Return the names of the arguments that a function of ours takes, in order."""
    if isinstance(function, Primitive):
        return dict.fromkeys([*function.argnames, *function.settings]).keys()
    return dict.fromkeys(inspect.signature(function).parameters).keys()


def no_rule(function: Any, method: str = "") -> str:
    """Say that a function has no rule, and show the two decorators that would give it one."""
    name = function.__name__ + method
    module = getattr(function, "__module__", None) or ("numpy" if hasattr(np, name) else "")
    full = f"{module}.{name}".replace("numpy.", "np.", 1).lstrip(".")
    short = name.replace(".", "_")
    x = ", ".join("xyz"[: getattr(function, "nin", 1)])
    return (
        f"{full} has no gradient rule. If it needs none, call it on t.data. To give it one:\n\n"
        f"    @tinygrad_softmax.primitive(numpy={full})\n"
        f"    def {short}({x}):\n"
        f"        return {full}({x})\n\n"
        f"    @{short}.grad('x')\n"
        f"    def _(g, {x}):\n"
        f"        return g * ...  # the slope of {name} in x"
    )
