"""Fitting calls of NumPy's functions to ours: taken as NumPy takes them, or refused by name.

A call is bound to NumPy's own signature, positions included; what is at its default is dropped,
the rest is handed to our function by name. Calls that fit as they stand skip this.
"""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

import numpy as np

from .errors import GradientLostError, NoRuleError
from .op import NUMPY, Function, Op
from .tape import Value

__all__ = ["call", "call_ufunc", "full_name", "no_rule", "unwrapped"]

#: What NumPy passes where a reduction's argument was not given.
_NOT_GIVEN = inspect.signature(np.sum).parameters["initial"].default

#: Functions written in C, which only newer versions of NumPy give a signature.
_SIGNATURES = {
    "concatenate": "(arrays, /, axis=0, out=None, *, dtype=None, casting='same_kind')",
    "dot": "(a, b, out=None)",
    "where": "(condition, x=None, y=None, /)",
    "inner": "(a, b, /)",
    "vdot": "(a, b, /)",
    "empty_like": "(prototype, /, dtype=None, order='K', subok=True, shape=None, *, device=None)",
}


class Fit(NamedTuple):
    """How calls of a NumPy function go to a function of ours."""

    target: Any
    leading: int  # so many positional arguments mean the same in both
    shared: frozenset[str]  # so do these names
    theirs: inspect.Signature | None
    ours: dict[str, str]  # NumPy's name -> our name
    takes: tuple[str, ...]
    passes_on: bool  # whether other arguments are handed on to NumPy, by name


_FITS: dict[Any, Fit] = {}


def _fit(function: Any, ours: Any) -> Fit:
    parameters = inspect.signature(ours.forward if isinstance(ours, Op) else ours).parameters
    kinds = {p.kind for p in parameters.values()}
    mine = [n for n, p in parameters.items() if p.kind is not p.VAR_KEYWORD]
    theirs = _signature(function)
    names = mine if theirs is None else list(theirs.parameters)
    required = sum(p.default is p.empty for p in parameters.values())
    found = {name: name for name in names if name in mine}
    found |= {
        name: mine[i]
        for i, name in enumerate(names[: min(required, len(mine))])
        if name not in mine and mine[i] not in names
    }
    leading = 0
    while leading < min(len(names), len(mine)) and found.get(names[leading]) == mine[leading]:
        leading += 1
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        leading = 2**31
    inputs = ours.argnames if isinstance(ours, Op) else ()  # an op tells them by their places
    shared = frozenset(n for n, own in found.items() if n == own and n not in inputs)
    passes_on = inspect.Parameter.VAR_KEYWORD in kinds
    return Fit(ours, leading, shared, theirs, found, tuple(mine), passes_on)


def _signature(function: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except ValueError:
        text = _SIGNATURES.get(function.__name__)
        if text is None:
            return None
        scope: dict[str, Any] = {}
        exec(f"def f{text}: pass", scope)  # a literal from the table above
        return inspect.signature(scope["f"])


def call(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call what stands for a NumPy function, with NumPy's arguments."""
    ours = NUMPY.get(function)
    if ours is None:
        return function(*args, **kwargs)  # through NumPy's protocol
    fit = _FITS.get(function)
    if fit is None or fit.target is not ours:
        fit = _FITS[function] = _fit(function, ours)
    if len(args) <= fit.leading and (len(args) < 3 or _NOT_GIVEN not in map(_as_is, args)):
        if not kwargs:
            return ours(*args)
        for name, value in kwargs.items():
            if name not in fit.shared or value is _NOT_GIVEN:
                break
        else:
            return ours(*args, **kwargs)
    title = full_name(function)
    front: list[Any] = []
    given: dict[str, Any] = {}
    try:
        bound = (fit.theirs or inspect.signature(ours)).bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{title}: {error}") from None
    for name, value in bound.arguments.items():
        parameter = bound.signature.parameters[name]
        if parameter.kind is parameter.VAR_POSITIONAL:
            front += value
        elif parameter.kind is parameter.VAR_KEYWORD:
            given |= value
        elif not _is_default(value, parameter.default):
            given[name] = value
    if given.pop("out", None) is not None:
        raise GradientLostError(
            f"{title} cannot write a tensor into an array (out=): write x = {title}(...)"
        )
    unknown = [f"{n}={v!r}" for n, v in given.items() if n not in fit.ours and not fit.passes_on]
    if unknown:
        raise NoRuleError(
            f"{title} of a Tensor does not take {', '.join(unknown)}; it takes "
            f"{', '.join(fit.takes)}"
        )
    given = {fit.ours.get(name, name): value for name, value in given.items()}
    if not front:  # an op tells its inputs from its settings by their places
        inputs = ours.argnames if isinstance(ours, Op) else fit.takes[:1]
        front = [given.pop(name) for name in inputs if name in given]
    return ours(*front, **given)


def _as_is(value: Any) -> Any:
    """Return a value to be compared by identity: arrays compare entry by entry."""
    return value if value is _NOT_GIVEN else None


def refuse_tensors(function: Any, **values: Any) -> None:
    """Refuse a Tensor where sizes or positions are meant: NumPy would hand the call back to us.

    Raises
    ------
    NoRuleError
        If one of the values is, or holds, a Tensor.
    """
    for name, value in values.items():
        if any(
            isinstance(part, Value)
            for part in (value if isinstance(value, (list, tuple)) else [value])
        ):
            raise NoRuleError(
                f"{full_name(function)} does not take a Tensor as {name}, which has no gradient: "
                f"pass plain numbers, {name}.data"
            )


def _is_default(value: Any, default: Any) -> bool:
    if value is default or value is _NOT_GIVEN:
        return True
    plain = isinstance(value, (bool, int, float, str)) and isinstance(default, (bool, int, str))
    return plain and type(value) is type(default) and bool(value == default)


#: What `ufunc.reduce` and `ufunc.accumulate` are called as functions.
_REDUCE: dict[Any, Function] = {
    np.add: np.sum, np.maximum: np.max, np.minimum: np.min, np.multiply: np.prod,
    np.logical_and: np.all, np.logical_or: np.any,
}  # fmt: skip
_ACCUMULATE: dict[Any, Function] = {np.add: np.cumsum, np.multiply: np.cumprod}
#: Arguments of every ufunc, where they say nothing.
_IDLE = {"where": True, "dtype": None, "casting": "same_kind", "order": "K", "subok": True,
         "signature": None, "sig": None}  # fmt: skip


def call_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], settings: dict[str, Any]) -> Any:
    """Call what stands for a NumPy ufunc, or for one of its methods."""
    title = f"np.{ufunc.__name__}{'' if method == '__call__' else '.' + method}"
    if any(out is not None for out in settings.pop("out", None) or ()):
        raise GradientLostError(
            f"{title} cannot write a tensor into an array (out=, or an in-place operator such as "
            "+=): write x = x + t instead of x += t"
        )
    function = {"reduce": _REDUCE, "accumulate": _ACCUMULATE}.get(method, {}).get(ufunc)
    if function is not None:
        settings.setdefault("axis", 0)
        if settings.get("dtype") is None:
            settings.pop("dtype", None)
        elif function in (np.max, np.min, np.all, np.any):
            raise NoRuleError(f"{title} of a Tensor does not take dtype={settings['dtype']!r}")
        return call(function, inputs, settings)
    ours = NUMPY.get(ufunc)
    if ours is None or method not in ("__call__", "outer"):
        raise NoRuleError(no_rule(ufunc, "" if method == "__call__" else f".{method}"))
    unknown = [
        f"{name}={value!r}" for name, value in settings.items()
        if not (name in _IDLE and _is_default(value, _IDLE[name]))
    ]  # fmt: skip
    if unknown:
        raise NoRuleError(f"{title} of a Tensor does not take {', '.join(unknown)}")
    if method == "outer":
        x, y = inputs
        return ours(np.reshape(x, (*np.shape(x), *(1,) * np.ndim(y))), y)
    return ours(*inputs)


def unwrapped(value: Any) -> Any:
    """Return arguments with plain arrays in place of Tensors, in lists and tuples too."""
    if isinstance(value, Value):
        return value.array
    if isinstance(value, (list, tuple)):
        return type(value)(map(unwrapped, value))
    return value


def full_name(function: Any, method: str = "") -> str:
    """Return what a NumPy function is called in a program: ``np.linalg.norm``."""
    name = function.__name__ + method
    module = getattr(function, "__module__", None) or (
        "numpy" if hasattr(np, function.__name__) else ""
    )
    return f"{module}.{name}".replace("numpy.", "np.", 1).lstrip(".")


def no_rule(function: Any, method: str = "") -> str:
    """Say that a function has no rule, and show the two decorators that would give it one."""
    full = full_name(function, method)
    short = full.rpartition("np.")[2].replace(".", "_")
    x = ", ".join("xyz"[: getattr(function, "nin", 1)])
    return (
        f"{full} has no gradient rule. If it needs none, call it on t.data. To give it one:\n\n"
        f"    @tinygrad_softmax.primitive(numpy={full})\n"
        f"    def {short}({x}):\n"
        f"        return {full}({x})\n\n"
        f"    @{short}.grad('x')\n"
        f"    def _(g, {x}):\n"
        f"        return g * ...  # the slope of {short} in x"
    )
