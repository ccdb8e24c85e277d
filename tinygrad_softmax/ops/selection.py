"""Choosing between values: the larger, the smaller, one by a condition; and comparisons.

Imports `primitive`. Convention at a tie: the gradient goes to the first operand, and a constant
counts as the first. So `np.maximum(0, hidden)` passes nothing where `hidden` is exactly 0, as the
hand-written `dhidden[hidden <= 0] = 0` does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import Primitive, implements, primitive
from ..rules import Function
from ..tape import Value


@primitive()
def maximum(x: Any, y: Any) -> Any:
    """The larger of two values, entry by entry."""
    return np.maximum(x, y)


@maximum.grad("x")
def _(g: Any, x: Any, y: Any) -> Any:
    """`x` moves the result only where it is the larger one (or ties); elsewhere nothing passes."""
    return g * np.greater_equal(x, y)


@maximum.grad("y")
def _(g: Any, x: Any, y: Any) -> Any:
    """`y` moves the result only where it is the larger one; elsewhere nothing passes."""
    return g * np.greater(y, x)


@primitive()
def minimum(x: Any, y: Any) -> Any:
    """The smaller of two values, entry by entry."""
    return np.minimum(x, y)


@minimum.grad("x")
def _(g: Any, x: Any, y: Any) -> Any:
    """`x` moves the result only where it is the smaller one (or ties); elsewhere nothing passes."""
    return g * np.less_equal(x, y)


@minimum.grad("y")
def _(g: Any, x: Any, y: Any) -> Any:
    """`y` moves the result only where it is the smaller one; elsewhere nothing passes."""
    return g * np.less(y, x)


def _is_constant(x: Any) -> bool:
    """Whether nothing is differentiated by `x`: a plain array, or one that is only traced."""
    return not isinstance(x, Value) or not getattr(x, "tracked", True)


def _constant_first(op: Primitive, function: Function) -> Function:
    @implements(function)
    def ordered(x: Any, y: Any) -> Any:
        constant_second = isinstance(x, Value) and _is_constant(y) and not _is_constant(x)
        return op(y, x) if constant_second else op(x, y)

    return ordered


larger = _constant_first(maximum, np.maximum)
smaller = _constant_first(minimum, np.minimum)


@primitive(numpy=np.where)
def where(condition: Any, x: Any, y: Any) -> Any:
    """`x` where the condition holds, `y` elsewhere."""
    return np.where(condition, x, y)


@where.grad("x")
def _(g: Any, condition: Any) -> Any:
    """`x` is the result where the condition holds, so `g` passes there and nowhere else."""
    return np.where(condition, g, 0)


@where.grad("y")
def _(g: Any, condition: Any) -> Any:
    """`y` is the result where the condition fails, so `g` passes there and nowhere else."""
    return np.where(condition, 0, g)


def _plain(function: Function, arity: int) -> Primitive:
    def one(x: Any) -> Any:
        return function(x)

    def two(x: Any, y: Any) -> Any:
        return function(x, y)

    forward = one if arity == 1 else two
    forward.__name__ = function.__name__
    forward.__doc__ = f"``np.{function.__name__}``, entry by entry: a plain boolean array."
    return primitive(numpy=function, plain=True)(forward)


less, less_equal, greater, greater_equal, equal, not_equal = (
    _plain(function, 2)
    for function in (np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal)
)
isfinite, isnan, isinf, logical_not = (
    _plain(function, 1) for function in (np.isfinite, np.isnan, np.isinf, np.logical_not)
)
logical_and, logical_or = (_plain(function, 2) for function in (np.logical_and, np.logical_or))


@primitive(plain=True)
def stop_gradient(x: Any) -> Any:
    """The values of `x` as a constant: what is made of them passes nothing back."""
    return x
