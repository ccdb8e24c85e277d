"""Settings that hold traced values, and indices above all: ranges recognised, arrays checked.

Imports `sizes` and the shape rules.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import NoRuleError, ShapeError
from ..operators import Operators
from ..shapes import broadcast
from .sizes import Counted, Dim, Slot


def symbolic_index(x: Any, key: Any) -> Any:
    """Return an index with its ranges recognised and its arrays checked against one another.

    ``range(N)`` and ``np.arange(N)`` along an axis of size N run through it, whatever N is.
    """
    parts = key if isinstance(key, tuple) else (key,)
    after = sum(1 for part in parts[_ellipsis(parts) + 1 :] if part is not None)
    axis = 0
    result: list[Any] = []
    for part in parts:
        if part is Ellipsis:
            axis = len(x.shape) - after
            result.append(part)
        elif part is None:
            result.append(None)
        else:
            result.append(_symbolic_part(x, axis, part))
            axis += 1
    if len(result) > 1 and result[-1] is Ellipsis:
        result.pop()
    arrays = [(p.size,) if isinstance(p, Counted) else p.shape
              for p in result if isinstance(p, (Counted, Operators, np.ndarray))]  # fmt: skip
    broadcast(*arrays)
    return tuple(result)


def _ellipsis(parts: tuple[Any, ...]) -> int:
    return next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))


def _symbolic_part(x: Any, axis: int, part: Any) -> Any:
    size = x.shape[axis] if axis < len(x.shape) else 0
    if isinstance(part, Dim):
        return int(part)
    if isinstance(part, Operators):
        return _traced_part(x, size, part)
    runs = isinstance(part, np.ndarray) and part.ndim == 1 and len(part) == size
    if runs and np.array_equal(part, np.arange(size)):
        return Counted(x.world.named(size))
    return part


def _traced_part(x: Any, size: int, part: Any) -> Any:
    """Return a traced index, a mask refused, labels noted with the number of their classes."""
    if part.dtype == bool:
        raise NoRuleError(
            "picking by a mask gives a size that depends on the values, which no formula for "
            "all sizes can name: multiply by the mask, or use np.where"
        )
    if part.label is not None and part.value is None:
        known = x.world.bounds.setdefault(part.label, size)
        if known != size:  # labels of one kind count the same classes everywhere
            raise ShapeError(f"{part.label} picks among {known} and {size}", (known, size))
    return part


def frozen(value: Any) -> Any:
    """Return settings in a form that can be a key of a table."""
    if isinstance(value, slice):
        return ("slice", value.start, value.stop, value.step)
    if isinstance(value, (Counted, Slot)):
        return (type(value).__name__, *map(int, value))
    if isinstance(value, (tuple, list)):
        return tuple(map(frozen, value))
    if isinstance(value, np.ndarray):
        return ("array", value.shape, value.tobytes())
    return value


def filled(value: Any, args: Any) -> Any:
    """Put operands back into settings."""
    if isinstance(value, Slot):
        return args[value.operand]
    if isinstance(value, tuple) and not isinstance(value, Counted):
        return tuple(filled(part, args) for part in value)
    return value


def standin(value: Any, operands: Any) -> Any:
    """Return settings with arrays in place of traced indices, for the shape rule to look at."""
    if isinstance(value, Slot):
        return np.zeros(operands[value.operand].shape, int)
    if isinstance(value, Counted):
        return np.arange(value.size)
    if isinstance(value, tuple):
        return tuple(standin(part, operands) for part in value)
    return value
