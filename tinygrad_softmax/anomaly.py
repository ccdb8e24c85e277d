"""Finding where a NaN was born, and what was changed behind the tape's back.

Imports `tape`, `seals` and `errors`. Costs a look at every value, so it is a context to debug in.
"""

from __future__ import annotations

import linecache
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from .errors import AnomalyError, describe, user_frame, variable_name
from .seals import Seal
from .tape import MODE, Node, Op, Value

__all__ = ["detect_anomaly"]

_REMEDIES = {
    "exp": "subtract the row maximum first, which changes no probability: "
    "np.exp(s - np.max(s, axis=1, keepdims=True)), or use softmax or cross_entropy",
    "log": "its argument has reached 0 (or below), often by underflow: use log_softmax or "
    "cross_entropy on the scores instead of the logarithm of probabilities",
    "divide": "the divisor has a zero (or 0/0, inf/inf): keep it away from 0",
    "sqrt": "its argument has reached 0, where the slope is infinite, or below: add a small "
    "constant inside the root",
    "power": "a zero base with a negative exponent, or a negative base with a fractional one",
}
_REMEDIES |= {"log2": _REMEDIES["log"], "log10": _REMEDIES["log"], "log1p": _REMEDIES["log"]}


class Site(NamedTuple):
    """Where an op was called, and what its operands were called there."""

    where: str
    line: str
    operands: tuple[str, ...]

    @classmethod
    def here(cls, primitive: Op, inputs: Any) -> Site:
        """Record the user's line that is running now."""
        frame = user_frame()
        names = primitive.argnames * len(inputs) if primitive.variadic else primitive.argnames
        operands = tuple(map(describe, inputs, names))
        if frame is None:
            return cls("an unknown place", "", operands)
        file = frame.f_code.co_filename
        line = linecache.getline(file, frame.f_lineno).strip()
        return cls(f"{file}, line {frame.f_lineno}", line, operands)

    def __str__(self) -> str:
        return f"{self.where}" + (f": {self.line}" if self.line else "")


class _Detective:
    """Looks at every value as it appears, and seals what the backward pass will rely on."""

    def forward(self, node: Node | None, primitive: Op, inputs: Any, out: Any) -> None:
        """Raise at the first result that is not finite."""
        site = Site.here(primitive, inputs)
        if node is not None:
            node.site = site
            node.seals = tuple(
                Seal.of(array, variable_name(array) or _name_of(array, inputs), exact=True)
                for array in _arrays(node.kept)
            )
        if np.isfinite(out).all():
            return
        for value, operand in zip(inputs, site.operands, strict=True):
            array = value.array if isinstance(value, Value) else value
            if not np.isfinite(array).all():
                raise AnomalyError(
                    f"{operand} brings {_what(array)} into {primitive.__name__} at {site}: "
                    "it was there before the graph began"
                )
        raise AnomalyError(
            f"{primitive.__name__} made {_what(out)} of {' and '.join(site.operands)}"
            f"{_ranges(inputs)} at {site}. {_remedy(primitive)}"
        )

    def backward(self, node: Node, position: int, g: Any, d: Any) -> None:
        """Raise at the first gradient that is not finite."""
        d = d.array if isinstance(d, Value) else d
        if np.isfinite(d).all():
            return
        assert node.primitive is not None
        site = node.site
        place = f"{site.operands[position]} at {site}" if site else f"operand {position}"
        raise AnomalyError(
            f"the backward pass of {node.primitive.__name__} made {_what(d)} in the gradient of "
            f"{place}. {_remedy(node.primitive)}"
        )


def _arrays(kept: Any) -> Iterator[Any]:
    """Yield every array in (nested tuples of) what was kept, indices included."""
    if isinstance(kept, np.ndarray):
        yield kept
    elif isinstance(kept, tuple):
        for part in kept:
            yield from _arrays(part)


def _name_of(array: Any, inputs: Any) -> str | None:
    for value in inputs:
        if isinstance(value, Value) and value.array is array:
            return variable_name(value)
    return None


def _what(array: Any) -> str:
    """Say what is not finite, and where it stands first."""
    bad = ~np.isfinite(array)
    first = tuple(int(i) for i in np.argwhere(bad)[0])
    kind = "NaN" if np.isnan(np.asarray(array)[first]) else "infinity"
    count = int(np.count_nonzero(bad))
    return f"{count} non-finite value{'s' * (count > 1)} ({kind} first, at {list(first)})"


def _ranges(inputs: Any) -> str:
    arrays = [value.array if isinstance(value, Value) else value for value in inputs]
    spans = [f"{np.min(array):.3g} to {np.max(array):.3g}" for array in arrays if np.size(array)]
    return f" (values {', '.join(spans)})"


def _remedy(primitive: Op) -> str:
    remedy = _REMEDIES.get(primitive.__name__)
    return f"Remedy: {remedy}" if remedy else "Look at the operands: what range are they in?"


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Report the first NaN or infinity, and any array changed between forward and backward.

    Inside the context every value is looked at as it appears, forward and backward, and every
    array that the backward pass will need is sealed by a checksum, data and labels included.

    Raises
    ------
    AnomalyError
        At the first non-finite value, naming the op, your file and line, the operands and, where
        one is known, the remedy.
    StaleDataError
        By ``backward()``, if an array that it needs is no longer what it was.

    Examples
    --------
    >>> import tinygrad_softmax as tg
    >>> scores = tg.Tensor([[1000.0, 0.0]])
    >>> with tg.detect_anomaly():  # doctest: +IGNORE_EXCEPTION_DETAIL
    ...     np.exp(scores)
    Traceback (most recent call last):
    tinygrad_softmax.errors.AnomalyError: exp made 1 non-finite value (infinity first, at [0, 0])
    """
    token = MODE.set(MODE.get()._replace(watch=_Detective()))
    try:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            yield
    finally:
        MODE.reset(token)
