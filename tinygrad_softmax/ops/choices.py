"""Choosing between values, entry by entry, and the comparisons that choose.

At a tie of two operands the gradient goes to the first, and a constant counts as the first. So
`np.maximum(0, hidden)` passes nothing where `hidden` is exactly 0, as the hand-written
`dhidden[hidden <= 0] = 0` does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import GradientLostError
from ..core.op import Op, implements, primitive
from ..core.tape import Value


@primitive(numpy_text="np.maximum(x, y)", latex=r"\max")
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


@primitive(numpy_text="np.minimum(x, y)", latex=r"\min")
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
    """Whether nothing is differentiated with respect to `x`: a plain array, or one only traced."""
    return not isinstance(x, Value) or not getattr(x, "tracked", True)


@implements(np.maximum)
def larger(x1: Any, x2: Any) -> Any:
    """The larger of two values; at a tie the gradient goes to the first, or to a constant."""
    second = isinstance(x1, Value) and _is_constant(x2) and not _is_constant(x1)
    return maximum(x2, x1) if second else maximum(x1, x2)


@implements(np.minimum)
def smaller(x1: Any, x2: Any) -> Any:
    """The smaller of two values; at a tie the gradient goes to the first, or to a constant."""
    second = isinstance(x1, Value) and _is_constant(x2) and not _is_constant(x1)
    return minimum(x2, x1) if second else minimum(x1, x2)


@implements(np.fmax)
def fmax(x1: Any, x2: Any) -> Any:
    """The larger of two values; of a value and a NaN, the value."""
    return where(np.isnan(x1), x2, where(np.isnan(x2), x1, larger(x1, x2)))


@implements(np.fmin)
def fmin(x1: Any, x2: Any) -> Any:
    """The smaller of two values; of a value and a NaN, the value."""
    return where(np.isnan(x1), x2, where(np.isnan(x2), x1, smaller(x1, x2)))


@implements(np.clip)
def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """`a` limited to [a_min, a_max]; at a bound and beyond, the gradient is 0."""
    if (min is not None or max is not None) and (a_min is not None or a_max is not None):
        raise ValueError("np.clip takes its bounds as a_min and a_max or as min and max, not both")
    a_min, a_max = (min if a_min is None else a_min), (max if a_max is None else a_max)
    a = a if a_min is None else larger(a, a_min)
    return a if a_max is None else smaller(a, a_max)


@primitive(numpy_text="np.where(condition, x, y)")
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


@implements(np.where)
def _where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """`x` where the condition holds, `y` elsewhere; of a condition alone, where it holds."""
    return np.nonzero(condition) if x is None and y is None else where(condition, x, y)


@implements(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """The first of the choices whose condition holds; `default` where none does."""
    if len(condlist) != len(choicelist):
        raise ValueError(f"select got {len(condlist)} conditions and {len(choicelist)} choices")
    if any(np.asarray(condition).dtype != bool for condition in condlist):
        raise TypeError("select needs conditions of bools")
    result = default
    for condition, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        result = where(condition, choice, result)
    return result


@implements(np.copyto)
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> Any:
    """Refuse to write a Tensor into a plain array, as `np.full_like` of one does too."""
    raise GradientLostError(
        "np.copyto (and np.full, np.full_like or np.nan_to_num of a plain array) would write a "
        "tensor into an array: write np.broadcast_to(t, shape), or np.where(np.isnan(x), t, x)"
    )


@implements(np.nan_to_num)
def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None,
               neginf: Any = None) -> Any:  # fmt: skip
    """`x` with NaN and infinities replaced; no gradient passes there."""
    limits = np.finfo(x.dtype)
    x = where(np.isnan(x), nan, x)
    x = where(np.equal(x, np.inf), limits.max if posinf is None else posinf, x)
    return where(np.equal(x, -np.inf), limits.min if neginf is None else neginf, x)


def _predicate(function: Any) -> Op:
    """Declare a function whose result is a plain boolean array."""
    arity = function.nin

    def one(x: Any) -> Any:
        return function(x)

    def two(x: Any, y: Any) -> Any:
        return function(x, y)

    forward = one if arity == 1 else two
    forward.__name__ = function.__name__
    forward.__doc__ = f"``np.{function.__name__}``, entry by entry: a plain boolean array."
    symbols = {np.less: "<", np.less_equal: "<=", np.greater: ">", np.greater_equal: ">=",
               np.equal: "==", np.not_equal: "!="}  # fmt: skip
    return primitive(numpy=function, piecewise_constant=True, dtype=np.dtype(bool),
                     symbol=symbols.get(function, ""))(forward)  # fmt: skip


less, less_equal, greater, greater_equal, equal, not_equal = map(
    _predicate, (np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal)
)
isfinite, isnan, isinf, signbit, logical_not, logical_and, logical_or, logical_xor = map(
    _predicate, (np.isfinite, np.isnan, np.isinf, np.signbit, np.logical_not, np.logical_and,
                 np.logical_or, np.logical_xor)
)  # fmt: skip


@primitive(piecewise_constant=True, moves_entries=True, numpy_text="x", latex="#1")
def stop_gradient(x: Any) -> Any:
    """The values of `x` as a constant: what is made of them passes nothing back."""
    return x
