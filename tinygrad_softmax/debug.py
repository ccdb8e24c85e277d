"""Finding where a NaN was born, and what was changed behind the tape's back.

Costs a look at every value, so it is a context to debug in. An infinity that was put in on purpose
(a mask of -inf) is not reported; the first value made from finite ones is, and so are data with a
NaN.
"""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from .core.errors import AnomalyError, describe, user_frame, variable_name
from .core.op import Edge, Op
from .core.tape import MODE, Guard, Node, Value

__all__ = ["detect_anomaly"]


class Site(NamedTuple):
    """Where an op was called, and what its operands were called there."""

    where: str
    line: str
    operands: tuple[str, ...]

    @classmethod
    def here(cls, op: Op, inputs: Any) -> Site:
        """Record the user's line that is running now."""
        frame = user_frame()
        names = op.argnames * len(inputs) if op.variadic else op.argnames
        operands = tuple(map(describe, inputs, names))
        if frame is None:
            return cls("an unknown place", "", operands)
        file = frame.f_code.co_filename
        line = linecache.getline(file, frame.f_lineno).strip()
        return cls(f"{file}, line {frame.f_lineno}", line, operands)

    def __str__(self) -> str:
        return f"{self.where}" + (f": {self.line}" if self.line else "")


class _Detective:
    """Looks at every value as it appears, and guards what the backward pass will rely on."""

    def __init__(self, warned: Any) -> None:
        self.warned = warned  # what NumPy was to do about floating-point errors before

    def forward(self, node: Node | None, op: Op, inputs: Any, out: Any) -> None:
        """Raise at the first result that is not finite though its operands are."""
        site = Site.here(op, inputs)
        if node is not None:
            node.site = site
            node.guards = tuple(
                Guard.of(array, variable_name(array) or _name_of(array, inputs), exact=True)
                for array in _arrays(node.saved)
            )
        if np.isfinite(out).all():
            return
        arrays = [np.asarray(v.array if isinstance(v, Value) else v) for v in inputs]
        for value, array, operand in zip(inputs, arrays, site.operands, strict=True):
            made = isinstance(value, Value) and value.node is not None and value.node.op is not None
            if not made and array.ndim and np.isnan(array).any() and np.isnan(out).any():
                raise AnomalyError(
                    f"{operand} brings {_what(np.isnan(array), array)} into {op.__name__} at "
                    f"{site}: it was there before the graph began"
                )
        born = _born(out, arrays, op.elementwise)
        if born.any():
            raise AnomalyError(
                f"{op.__name__} made {_what(born, out)} of {' and '.join(site.operands)}"
                f"{_ranges(arrays)} at {site}. {_remedy(op)}"
            )

    def backward(self, node: Node, edge: Edge, g: Any, saved: Any, d: Any) -> None:
        """Raise at the first gradient that is not finite though what it was made of is."""
        d = np.asarray(d.array if isinstance(d, Value) else d)
        if np.isfinite(d).all():
            return
        arrays = [np.asarray(v.array if isinstance(v, Value) else v) for v in (g, *_arrays(saved))]
        born = _born(d, arrays, elementwise=False)
        if not born.any():
            return
        site = node.site
        place = f"{site.operands[edge.position]} at {site}" if site else f"operand {edge.position}"
        raise AnomalyError(
            f"the backward pass of {node.op.__name__} made {_what(born, d)} in the gradient of "
            f"{place}. {_remedy(node.op)}"
        )


def _born(out: Any, arrays: list[Any], elementwise: bool) -> Any:
    """Return where `out` has a NaN made of no NaN, or an infinity made of finite numbers.

    Entry by entry where the op works so; otherwise by whether an operand has any.
    """
    out = np.asarray(out)

    def among(test: Any) -> Any:
        found: Any = np.zeros(out.shape, bool)
        for array in arrays:
            if array.dtype.kind == "f":
                found = found | (test(array) if elementwise else test(array).any())
        return found

    return (np.isnan(out) & ~among(np.isnan)) | (
        np.isinf(out) & ~among(lambda array: ~np.isfinite(array))
    )


def _arrays(saved: Any) -> Iterator[Any]:
    """Yield every array in (nested tuples of) what was saved, indices included."""
    if isinstance(saved, np.ndarray):
        yield saved
    elif isinstance(saved, Value):
        yield saved.array
    elif isinstance(saved, (float, np.floating)):
        yield np.asarray(saved)
    elif isinstance(saved, tuple):
        for part in saved:
            yield from _arrays(part)


def _name_of(array: Any, inputs: Any) -> str | None:
    for value in inputs:
        if isinstance(value, Value) and value.array is array:
            return variable_name(value)
    return None


def _what(bad: Any, array: Any) -> str:
    """Say what is not finite, and where it stands first."""
    first = tuple(int(i) for i in np.argwhere(bad)[0])
    kind = "NaN" if np.isnan(np.asarray(array)[first]) else "infinity"
    count = int(np.count_nonzero(bad))
    return f"{count} non-finite value{'s' * (count > 1)} ({kind} first, at {list(first)})"


def _ranges(arrays: list[Any]) -> str:
    spans = [f"{np.min(array):.3g} to {np.max(array):.3g}" for array in arrays if array.size]
    return f" (values {', '.join(spans)})"


def _remedy(op: Op) -> str:
    if op.remedy:
        return f"Remedy: {op.remedy}"
    return "Look at the operands: what range are they in?"


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Report where the first NaN or infinity is made, and any array changed before backward.

    Inside the context every value is checked when it is computed, forward and backward, and a
    checksum is taken of every array that the backward pass will need, data and labels included.
    Infinities in the inputs (a mask of -inf), and those that follow from them, are no anomaly; a
    NaN made from them is.

    Raises
    ------
    AnomalyError
        At the first value that is not finite though it was made from finite (or masked) ones,
        naming the op, your file and line, the operands and, where one is known, the remedy. Also
        where data with a NaN enter the graph.
    StaleDataError
        By ``backward()``, if an array that it needs has changed.

    Examples
    --------
    >>> import tinygrad_softmax as tg
    >>> scores = tg.Tensor([[1000.0, 0.0]])
    >>> with tg.detect_anomaly():  # doctest: +IGNORE_EXCEPTION_DETAIL
    ...     np.exp(scores)
    Traceback (most recent call last):
    tinygrad_softmax.core.errors.AnomalyError: exp made 1 non-finite value (infinity first, ...)
    """
    # What NumPy warns of is looked for here. It is set back when the last of the contexts ends, for
    # contexts of generators may end in any order.
    watches = MODE.get().watches
    detective = _Detective(watches[0].warned if watches else np.geterr())
    np.seterr(over="ignore", invalid="ignore", divide="ignore")
    _watch(*watches, detective)
    try:
        yield
    finally:
        left = [watch for watch in MODE.get().watches if watch is not detective]
        _watch(*left)
        if not left:
            np.seterr(**detective.warned)


def _watch(*watches: Any) -> None:
    MODE.set(MODE.get()._replace(watches=watches, watch=watches[-1] if watches else None))
