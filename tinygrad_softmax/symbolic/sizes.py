"""Sizes that remember where they came from, so that ``X.shape[0]`` stays a name.

Imports nothing of the package. A size is an ordinary integer with an expression beside it; the same
arithmetic is done on both.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Counted(NamedTuple):
    """An index that runs through an axis: ``range(size)``."""

    size: int


class Slot(NamedTuple):
    """The place in an op's settings where one of its operands stands (labels in an index)."""

    operand: int


class SizeDependentError(Exception):
    """An array whose entries depend on the sizes of the inputs: only these sizes can be derived."""


class Dim(int):
    """A size that remembers where it came from, so that ``X.shape[0]`` stays a name."""

    expr: Any

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        return _spoken(ufunc, method, inputs, settings)


class Ratio(float):
    """A number made of sizes, such as ``1 / N``, that remembers how."""

    expr: Any

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        return _spoken(ufunc, method, inputs, settings)


def _spoken(ufunc: Any, method: str, inputs: tuple[Any, ...], settings: dict[str, Any]) -> Any:
    """Compute ``np.sqrt(D)`` both as a number and as what it is called, where one size is all."""
    plain = [_plain(value) for value in inputs]
    value = getattr(ufunc, method)(*plain, **settings)
    if method == "__call__" and len(inputs) == 1 and isinstance(value, float):
        return named(float(value), ufunc(inputs[0].expr))
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, (Dim, Ratio)):
        return int(value) if isinstance(value, int) else float(value)
    return value


def named(value: float, expr: Any) -> Any:
    """Return a size or ratio that is written as `expr`."""
    made: Any = Dim(value) if isinstance(value, int) else Ratio(value)
    made.expr = expr
    return made


#: Arithmetic that changes nothing: ``1 * N`` is written ``N``.
_NOTHING = {
    ("__mul__", 1),
    ("__rmul__", 1),
    ("__floordiv__", 1),
    ("__add__", 0),
    ("__radd__", 0),
    ("__sub__", 0),
}


def _arithmetic(name: str) -> Any:
    """Make an arithmetic method that computes with numbers and with what they are called."""

    def method(self: Any, other: Any) -> Any:
        if not isinstance(other, (int, float)):
            return NotImplemented  # an expression or an array knows how to go on
        if not isinstance(other, (Dim, Ratio)) and (name, other) in _NOTHING:
            return self
        base = int if isinstance(self, int) else float
        value = getattr(base(self), name)(int(other) if isinstance(other, int) else float(other))
        if value is NotImplemented:
            value = getattr(float(self), name)(float(other))
        term = other.expr if isinstance(other, (Dim, Ratio)) else other
        return named(value, getattr(self.expr, name)(term))

    return method


for _name in ("add", "sub", "mul", "truediv"):
    for _side in (f"__{_name}__", f"__r{_name}__"):
        setattr(Dim, _side, _arithmetic(_side))
        setattr(Ratio, _side, _arithmetic(_side))
Dim.__floordiv__ = _arithmetic("__floordiv__")  # type: ignore[method-assign] # as the others
