"""Operators, methods and NumPy's protocols: how the user's own lines reach the ops.

Imports the ops and their compositions. What is written here holds for every kind of value;
`Tensor` adds data, ``backward`` and ``grad`` to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .composite import arrangement, reductions
from .dispatch import by_our_names, keywords, no_rule
from .errors import GradientLostError, NoRuleError, variable_name
from .ops import arithmetic, indexing, matrix, reduction, selection, shaping
from .primitive import NUMPY, Primitive
from .rules import Function
from .tape import Value

#: NumPy functions that only look at shape or type, or make a new array from them.
_LOOK = {np.zeros_like, np.ones_like, np.empty_like, np.full_like,
         np.result_type, np.can_cast, np.isscalar, np.iscomplexobj, np.isrealobj,
         np.allclose, np.isclose, np.array_equal, np.array_repr, np.array_str, np.array2string,
         np.may_share_memory, np.shares_memory, np.nonzero, np.count_nonzero}  # fmt: skip
_REDUCE: dict[Any, Function] = {
    np.add: reduction.sum,
    np.maximum: reduction.max,
    np.minimum: reduction.min,
    np.multiply: reductions.prod,
}


class Operators(Value):
    """Python's operators and NumPy's functions, handed to the ops."""

    __slots__ = ()
    __hash__ = object.__hash__  # values are compared entry by entry, so they hash by identity

    def __add__(self, other: Any) -> Any:
        return self.apply(arithmetic.add, (self, other), {})

    def __radd__(self, other: Any) -> Any:
        return self.apply(arithmetic.add, (other, self), {})

    def __sub__(self, other: Any) -> Any:
        return self.apply(arithmetic.subtract, (self, other), {})

    def __rsub__(self, other: Any) -> Any:
        return self.apply(arithmetic.subtract, (other, self), {})

    def __mul__(self, other: Any) -> Any:
        return self.apply(arithmetic.multiply, (self, other), {})

    def __rmul__(self, other: Any) -> Any:
        return self.apply(arithmetic.multiply, (other, self), {})

    def __truediv__(self, other: Any) -> Any:
        return self.apply(arithmetic.divide, (self, other), {})

    def __rtruediv__(self, other: Any) -> Any:
        return self.apply(arithmetic.divide, (other, self), {})

    def __pow__(self, other: Any) -> Any:
        return self.apply(arithmetic.power, (self, other), {})

    def __rpow__(self, other: Any) -> Any:
        return self.apply(arithmetic.power, (other, self), {})

    def __matmul__(self, other: Any) -> Any:
        return self.apply(matrix.matmul, (self, other), {})

    def __rmatmul__(self, other: Any) -> Any:
        return self.apply(matrix.matmul, (other, self), {})

    def copy(self) -> Any:
        """Return the same values, as a value of its own."""
        return self.apply(arithmetic.positive, (self,), {})

    def __neg__(self) -> Any:
        return self.apply(arithmetic.negative, (self,), {})

    def __pos__(self) -> Any:
        return self.apply(arithmetic.positive, (self,), {})

    def __abs__(self) -> Any:
        return self.apply(arithmetic.absolute, (self,), {})

    def __lt__(self, other: Any) -> Any:
        return self.apply(selection.less, (self, other), {})

    def __le__(self, other: Any) -> Any:
        return self.apply(selection.less_equal, (self, other), {})

    def __gt__(self, other: Any) -> Any:
        return self.apply(selection.greater, (self, other), {})

    def __ge__(self, other: Any) -> Any:
        return self.apply(selection.greater_equal, (self, other), {})

    def __eq__(self, other: Any) -> Any:
        return self.apply(selection.equal, (self, other), {})

    def __ne__(self, other: Any) -> Any:
        return self.apply(selection.not_equal, (self, other), {})

    def __getitem__(self, key: Any) -> Any:
        return self.apply(indexing.getitem, (self,), {"index": indexing.normalize_index(key)})

    def __setitem__(self, key: Any, value: Any) -> None:
        name = variable_name(self) or "t"
        raise GradientLostError(
            f"{name}[...] = ... would change a tensor that the tape relies on: build the new value "
            f"instead, with np.where(mask, a, {name}), or copy an array first: {name}.data.copy()"
        )

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Size along each axis."""
        shape: tuple[int, ...] = self.array.shape
        return shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of entries."""
        size: int = self.array.size
        return size

    @property
    def dtype(self) -> Any:
        """Type of the entries."""
        return self.array.dtype

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        """The axes in reverse order."""
        return shaping.transpose(self)

    def reshape(self, *shape: Any) -> Any:
        """Give the entries another shape, as ``reshape(3, 4)`` or ``reshape((3, 4))``."""
        return shaping.reshape(self, shape=shape[0] if len(shape) == 1 else shape)

    def transpose(self, *axes: Any) -> Any:
        """Reorder the axes, as ``transpose(1, 0)`` or ``transpose((1, 0))``; reversed if none."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return shaping.transpose(self, order or None)

    def astype(self, dtype: Any) -> Any:
        """Convert to another floating-point type."""
        return arrangement.cast(self, dtype)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        ours = NUMPY.get(ufunc) if method == "__call__" else None
        if not settings and ours.__class__ is Primitive:
            return self.apply(ours, inputs, {})
        if settings.pop("out", None) is not None:
            raise GradientLostError(
                f"np.{ufunc.__name__} cannot write a tensor into an array (out=, or an in-place "
                f"operator such as +=): write x = x + t instead of x += t"
            )
        if ours is not None:
            return ours(*inputs, **settings)
        if method == "reduce" and ufunc in _REDUCE:
            settings = {k: v for k, v in settings.items() if v is not None or k == "axis"}
            return _REDUCE[ufunc](inputs[0], *inputs[1:] or (settings.pop("axis", 0),), **settings)
        raise NoRuleError(no_rule(ufunc, "" if method == "__call__" else f".{method}"))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        ours = NUMPY.get(function)
        if ours is not None:
            if kwargs and not kwargs.keys() <= keywords(ours):
                args, kwargs = by_our_names(function, ours, args, kwargs)
            return ours(*args, **kwargs)
        if function in _LOOK:
            return function(*(a.array if isinstance(a, Value) else a for a in args), **kwargs)
        raise NoRuleError(no_rule(function))


def _method(function: Any) -> Any:
    def method(self: Any, *args: Any, **settings: Any) -> Any:
        return function(self, *args, **settings)

    method.__name__ = function.__name__.lstrip("_")
    method.__doc__ = f"Same as ``np.{method.__name__}`` of this value."
    return method


for _function in (np.sum, np.max, np.min, np.argmax, np.argmin, np.all, np.any, np.mean, np.var,
                  np.std, np.prod, np.cumsum, np.clip, np.dot, np.trace, np.ravel, np.squeeze,
                  np.swapaxes, np.repeat, np.diagonal, np.take):  # fmt: skip
    setattr(Operators, _function.__name__, _method(NUMPY[_function]))
Operators.flatten = _method(NUMPY[np.ravel])  # type: ignore[attr-defined] # same loop, other name
