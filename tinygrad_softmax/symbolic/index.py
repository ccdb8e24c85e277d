"""Settings that hold traced values, and indices above all: ranges recognised, arrays checked.

Imports `sizes` and the shape rules.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import NoRuleError, ShapeError
from ..core.shapes import broadcast
from ..core.tensor import Operators
from .sizes import Counted, Dim, SizeDependentError, Slot


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
    if isinstance(part, Operators):
        return _traced_part(x, size, part)
    if isinstance(part, np.ndarray) and part.ndim == 1 and part.dtype.kind == "i":
        n = len(part)
        counts = n > 1 and np.array_equal(part, np.arange(n))  # one index is stretched to others
        if counts and n == size:
            return Counted(x.world.named(size))
        if counts and n in x.world.dims and x.world.open:  # rows of X counted by the length of y
            raise ShapeError(f"{n} entries of {size}", (x.world.named(n), size))
    fixed = isinstance(part, (int, np.ndarray)) and not isinstance(part, Dim)
    if isinstance(size, Dim) and fixed and np.size(part):
        first, last = np.min(part), np.max(part)
        x.world.cuts.append(size - max(int(last), int(-first) - 1, 0))
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
        if known != size and x.world.open:  # labels count the same classes everywhere
            raise ShapeError(f"{part.label} picks among {known} and {size}", (known, size))
        x.world.bounds[part.label] = min(known, size)
    return part


def picked_sizes(x: Any, index: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of ``x[index]`` with names: the size of ``x[1:]`` is ``x.shape[0] - 1``."""
    if not all(part is None or isinstance(part, (int, slice)) or part is Ellipsis
               for part in index):  # fmt: skip
        return shape
    place, rest = _ellipsis(index), len(x.shape) - sum(p is not None for p in index)
    if place < len(index):
        index = (*index[:place], *[slice(None)] * (rest + 1), *index[place + 1 :])
    else:
        index = (*index, *[slice(None)] * rest)
    sizes: list[int] = []
    axis = 0
    for part in index:
        if part is None:
            sizes.append(1)
        else:
            if isinstance(part, slice):
                sizes.append(_cut(x.shape[axis], part, shape[len(sizes)]))
                x.world.cuts += [size for size in sizes[-1:] if isinstance(size, Dim)]
            axis += 1
    return tuple(sizes)


def _cut(size: int, part: slice, cut: int) -> int:
    """Return the size of a slice of an axis, by name if the axis has one."""
    start, stop, step = part.start or 0, part.stop, 1 if part.step is None else part.step
    if part == slice(None, None, -1):
        return size
    if not isinstance(size, Dim) or step < 1:
        return cut
    if cut == 0:
        raise SizeDependentError
    whole = stop is None
    first, last = start < 0, whole or stop < 0  # counted from the end
    if first and last:
        made = (0 if whole else stop) - start
    elif first:
        made = stop - (size + start)
    elif last:
        made = size - (start if whole else start - stop)
    else:
        made = stop - start
    made = (made + (step - 1)) // step
    return made if made == cut else cut


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
