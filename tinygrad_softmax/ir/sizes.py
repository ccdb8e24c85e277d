"""Sizes that remember where they came from, so that ``X.shape[0]`` stays a name.

Imports nothing of `ir`. While a function is traced, a size is a large prime, so that it is known by
its value wherever it turns up. Beside it are an expression, on which the same arithmetic is done,
and what it really is at the inputs given, by which the user's own comparisons are answered.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import is_users


class Counted(NamedTuple):
    """An index that runs through an axis: ``range(size)``."""

    size: int


class Slot(NamedTuple):
    """The place in an op's settings where one of its operands stands (labels in an index)."""

    operand: int


class Named:
    """What a size and a number made of sizes share: ``expr``, and what it is as given."""

    expr: Any
    given: Any

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        """Compute ``np.sqrt(D)`` both as a number and as what it is called."""
        if any(hasattr(value, "apply") for value in inputs):
            return NotImplemented  # an expression knows how to go on
        value = getattr(ufunc, method)(*map(plain, inputs), **settings)
        if method != "__call__" or settings or np.ndim(value):
            return value
        if isinstance(value, np.bool_):
            ask = _COMPARISONS.get(ufunc.__name__)
            tracer = self.expr.world.tracer
            return tracer.compared(ask, *inputs) if ask and tracer is not None else value
        if isinstance(value, (np.floating, np.integer)):
            terms = [value.expr if isinstance(value, Named) else value for value in inputs]
            real = ufunc(*(real_of(value, self.expr.world) for value in inputs))
            return named(value.item(), ufunc(*terms), real.item())
        return value


class Dim(Named, int):
    """A size that remembers where it came from, so that ``X.shape[0]`` stays a name."""


class Ratio(Named, float):
    """A number made of sizes, such as ``1 / N``, that remembers how."""


def plain(value: Any) -> Any:
    """Return a size as an ordinary number."""
    if isinstance(value, Named):
        return int(value) if isinstance(value, int) else float(value)  # type: ignore[arg-type]
    return value


def real_of(value: Any, world: Any) -> Any:
    """Return what a size, or a number known to be one by its value, is at the inputs given."""
    if isinstance(value, Named):
        return value.given
    known = world.dims.get(value) if isinstance(value, (int, np.integer)) else None
    return value if known is None else known.given


def named(value: float, expr: Any, real: Any = None) -> Any:
    """Return a size or ratio that is written as `expr`."""
    made: Any = Dim(value) if isinstance(value, int) else Ratio(value)
    made.expr, made.given = expr, value if real is None else real
    return made


#: Arithmetic that changes nothing: ``1 * N`` is written ``N``.
_NOTHING = {
    ("__mul__", 1),
    ("__rmul__", 1),
    ("__floordiv__", 1),
    ("__truediv__", 1.0),
    ("__pow__", 1),
    ("__add__", 0),
    ("__radd__", 0),
    ("__sub__", 0),
}
_NUMBERS = (int, float, np.integer, np.floating)


def _without(whole: Any, part: Any) -> Any:
    """Return a product of sizes without one of its factors; None if it is not one of them."""
    if getattr(whole.op, "__name__", "") != "multiply":
        return None
    left, right = whole.args
    if left is part or right is part:
        return right if left is part else left
    for one, other in ((left, right), (right, left)):
        rest = _without(one, part)
        if rest is not None:
            return rest * other if one is left else other * rest
    return None


def _arithmetic(symbol: Callable[[Any, Any], Any], name: str, turned: bool) -> Any:
    """Make an arithmetic method that computes with numbers and with what they are called."""

    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, _NUMBERS):
            return NotImplemented  # an expression or an array knows how to go on
        world = self.expr.world
        if not isinstance(other, Named):
            if (name, other) in _NOTHING and type(other) is int:
                return self
            other = (
                world.named(int(other)) if isinstance(other, (int, np.integer)) else float(other)
            )
        pairs = [
            (plain(self), plain(other)),
            (self.expr, other.expr if isinstance(other, Named) else other),
            (self.given, real_of(other, world)),
        ]
        value, term, real = (symbol(b, a) if turned else symbol(a, b) for a, b in pairs)
        if symbol is operator.floordiv and not turned and isinstance(other, Named):
            rest = _without(self.expr, other.expr)
            term = term if rest is None else rest
        return named(value, term, real)

    return method


for _name, _symbol in {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "truediv": operator.truediv,
    "floordiv": operator.floordiv, "mod": operator.mod, "pow": operator.pow,
}.items():  # fmt: skip
    for _side in (f"__{_name}__", f"__r{_name}__"):
        _method = _arithmetic(_symbol, _side, _side.startswith("__r"))
        setattr(Dim, _side, _method)
        setattr(Ratio, _side, _method)


def _negated(self: Any) -> Any:
    return named(-plain(self), -self.expr, -self.given)


def _divmod(self: Any, other: Any) -> Any:
    return self // other, self % other


_users = cache(is_users)
_COMPARISONS = {
    "less": operator.lt, "less_equal": operator.le, "greater": operator.gt,
    "greater_equal": operator.ge, "equal": operator.eq, "not_equal": operator.ne,
}  # fmt: skip


def _comparison(ask: Callable[[Any, Any], Any]) -> Any:
    """Make a comparison: the user's by the real sizes, and noted; ours by the primes."""

    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, _NUMBERS):
            return NotImplemented
        tracer = self.expr.world.tracer
        if tracer is not None:
            between = isinstance(other, Named) and ask not in (operator.eq, operator.ne)
            if between or _users(sys._getframe(1).f_code.co_filename):
                return tracer.compared(ask, self, other)
        return ask(plain(self), plain(other))

    return method


for _kind in (Dim, Ratio):
    for _name, _ask in zip(
        ("lt", "le", "gt", "ge", "eq", "ne"), _COMPARISONS.values(), strict=True
    ):
        setattr(_kind, f"__{_name}__", _comparison(_ask))
    _kind.__hash__ = int.__hash__ if _kind is Dim else float.__hash__  # type: ignore[method-assign]
    _kind.__neg__ = _negated  # type: ignore[method-assign]
    _kind.__divmod__ = _divmod  # type: ignore[method-assign]
