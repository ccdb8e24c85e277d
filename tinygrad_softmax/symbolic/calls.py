"""What the user called, as he wrote it: ``np.mean(x)`` stays that in the forward lines.

Imports `operators`. A function that is composed of ops is traced through; here its call is noted
beside what came of it. What wants values rather than a formula is refused.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.errors import GradientLostError, NoRuleError
from ..core.op import NUMPY, Op
from ..core.tensor import Indexing

#: NumPy functions that make an array of the shape of another.
_LIKE = {np.zeros_like, np.ones_like, np.full_like, np.empty_like}
#: Where NumPy keeps what is called by its last name only.
_PLACES = (("np", np), ("np.linalg", np.linalg))


def floor_divide(x: Any, y: Any) -> Any:
    """Whole quotient: of sizes only, which are divided so."""
    return x // y


FLOOR = Op(floor_divide, piecewise_constant=True, symbol="//")


class BranchError(TypeError):
    """A program whose course depends on a value."""


class Noted(NamedTuple):
    """A call of a NumPy function."""

    function: str
    args: tuple[Any, ...]
    keywords: dict[str, Any]


class Called(Indexing):
    """Python's operators and NumPy's functions, with a note of the calls."""

    __slots__ = ()
    world: Any

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in _LIKE and args and args[0] is self:
            like = np.broadcast_to(np.zeros((), self.dtype), self.shape)
            return function(like, *args[1:], **kwargs)
        made = super().__array_function__(function, types, args, kwargs)
        name = function.__name__
        place = next((f"{n}.{name}" for n, m in _PLACES if getattr(m, name, None) is function), "")
        composed = not isinstance(NUMPY.get(function), Op) and isinstance(made, Called)
        unchanged = any(made is value for value in args)  # np.clip(x, None, None)
        if composed and place and function not in _OWN_WAY and not unchanged:
            lifted = {name: _lifted(self.world, value) for name, value in kwargs.items()}
            self.world.calls.setdefault(made, Noted(place, _lifted(self.world, args), lifted))
        return made

    def __floordiv__(self, other: Any) -> Any:
        return FLOOR(self, other)

    @property
    def array(self) -> Any:
        """What only a value has.

        Raises
        ------
        NoRuleError
            Always.
        """
        raise NoRuleError(
            "the function asks for the order or the values of a traced array (np.sort, "
            "np.argsort, np.allclose, np.nonzero and their like), which no formula can name: sort "
            "before the call and pass the result, or pass the positions as an integer input"
        )

    def __bool__(self) -> bool:
        raise BranchError(
            "the function branches on a value (if, while, and, or, assert), so one formula cannot "
            "describe it: use np.where, np.maximum, or derive the branches one by one"
        )

    def _no_number(self) -> Any:
        raise GradientLostError(
            "the function turns a traced value into a plain number or array (float, int, math, "
            "np.array, out[i] = t): use the NumPy function on it, or np.stack"
        )

    def __float__(self) -> float:
        return self._no_number()  # type: ignore[no-any-return]

    def __int__(self) -> int:
        return self._no_number()  # type: ignore[no-any-return]

    def __index__(self) -> int:
        return self._no_number()  # type: ignore[no-any-return]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self._no_number()


def _lifted(world: Any, value: Any) -> Any:
    """Return arguments with expressions in place of arrays: ``np.ones((N, 1))`` is one."""
    if isinstance(value, (tuple, list)):
        return type(value)(_lifted(world, part) for part in value)
    return world.lift(value) if isinstance(value, np.ndarray) else value


#: Composed functions that `text` writes in a way of its own, from the ops.
_OWN_WAY = {
    np.sum,
    np.max,
    np.min,
    np.amax,
    np.amin,
    np.where,
    np.reshape,
    np.transpose,
    np.broadcast_to,
    np.dot,
    np.concatenate,
    np.einsum,
    np.inner,
    np.shape,
    np.size,
    np.ndim,
}


def _noting(name: str) -> Any:
    """Let a method be noted as the function of that name."""

    def method(self: Any, *args: Any, **settings: Any) -> Any:
        return getattr(np, name)(self, *args, **settings)

    method.__name__ = name
    method.__doc__ = f"Same as ``np.{name}`` of this value."
    return method


for _name in ("mean", "var", "std", "prod", "clip", "squeeze", "swapaxes"):
    setattr(Called, _name, _noting(_name))
