"""Which factor a person put in place of a slope: found by dividing, entry by entry.

Imports `relations`. Where a stage is the incoming gradient times something, that something is the
person's array over the incoming gradient. It is compared with the usual functions of every value
that has a name, and if it is only ever 0 or 1, with where a value crosses a threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .relations import close

Function = Callable[[Any], Any]


def _sigmoid(v: Any) -> Any:
    return np.exp(-np.logaddexp(0, -v))


#: What slopes are made of, with how it is written for a value `v`.
_FUNCTIONS: dict[str, Function] = {
    "1": np.ones_like,
    "{v}": lambda v: v,
    "-{v}": lambda v: -v,
    "1 - {v}": lambda v: 1 - v,
    "1 + {v}": lambda v: 1 + v,
    "{v} * (1 - {v})": lambda v: v * (1 - v),
    "(1 - {v})**2": lambda v: (1 - v) ** 2,
    "{v}**2": lambda v: v**2,
    "1 - {v}**2": lambda v: 1 - v**2,
    "2 * {v}": lambda v: 2 * v,
    "1 / {v}": lambda v: 1 / v,
    "-1 / {v}": lambda v: -1 / v,
    "1 / {v}**2": lambda v: 1 / v**2,
    "np.exp({v})": np.exp,
    "np.exp(-{v})": lambda v: np.exp(-v),
    "np.log({v})": lambda v: np.log(np.abs(v)),
    "np.tanh({v})": np.tanh,
    "1 - np.tanh({v})**2": lambda v: 1 - np.tanh(v) ** 2,
    "sigmoid({v})": _sigmoid,
    "sigmoid({v}) * (1 - sigmoid({v}))": lambda v: _sigmoid(v) * (1 - _sigmoid(v)),
    "np.sign({v})": np.sign,
    "np.abs({v})": np.abs,
    "np.sqrt({v})": lambda v: np.sqrt(np.abs(v)),
    "1 / (2 * np.sqrt({v}))": lambda v: 1 / (2 * np.sqrt(np.abs(v))),
    "np.maximum(0, {v})": lambda v: np.maximum(0, v),
}


def factor(
    got: Sequence[Any], incoming: Sequence[Any], values: Sequence[Mapping[str, Any]]
) -> tuple[str, bool] | None:
    """Say what a person multiplied the incoming gradient with, and whether it is a mask.

    Parameters
    ----------
    got, incoming : sequence of array
        The person's array and the incoming gradient, at each point.
    values : sequence of mapping
        The values that have a name, at each point.

    Returns
    -------
    (str, bool) or None
        The factor in words of NumPy; None if it is none of the usual ones.

    Examples
    --------
    >>> h = np.array([0.5, -0.2])
    >>> factor([np.array([0.5, 1.2]) * 3], [np.array([3.0, 3.0])], [{"h": h}])
    ('1 - h', False)
    """
    pairs = [*zip(got, incoming, strict=True)]
    if any(np.shape(g) != np.shape(u) or not np.any(u) or np.any(np.asarray(g)[np.asarray(u) == 0])
           for g, u in pairs):  # fmt: skip
        return None
    with np.errstate(all="ignore"):
        wanted = [_rounded(np.divide(g, u)) for g, u in pairs]  # NaN where nothing comes in
    if all(np.isin(w[~np.isnan(w)], (0, 1)).all() for w in wanted) and any(
        (w == 0).any() for w in wanted
    ):
        return _mask(wanted, values)
    with np.errstate(all="ignore"):
        for text, function in _FUNCTIONS.items():
            for name in _shared(values, wanted):
                if all(_is(function(np.asarray(v[name], float)), w)
                       for v, w in zip(values, wanted, strict=True)):  # fmt: skip
                    return text.format(v=name), False
    return None


def _rounded(factors: Any) -> Any:
    """Take what is 0 or 1 up to rounding as that."""
    near = np.round(factors)
    return np.where((np.abs(factors - near) < 1e-9) & (np.abs(near) <= 1), near, factors)


def _is(value: Any, wanted: Any) -> bool:
    """Whether a factor is the one that is wanted, where something comes in."""
    known = ~np.isnan(wanted)
    return close(np.broadcast_to(value, wanted.shape)[known], wanted[known])


def _shared(values: Sequence[Mapping[str, Any]], wanted: Sequence[Any]) -> Iterator[str]:
    """Yield the values that broadcast against the factor at every point, whole ones first."""
    names = [n for n in values[0]
             if all(_fits(v[n], w) for v, w in zip(values, wanted, strict=True))]  # fmt: skip
    yield from sorted(names, key=lambda n: -np.ndim(values[0][n]))


def _fits(value: Any, wanted: Any) -> bool:
    if np.shape(value) == () or np.asarray(value).dtype.kind != "f":
        return False
    try:
        return bool(np.broadcast_shapes(np.shape(value), wanted.shape) == wanted.shape)
    except ValueError:
        return False


def _mask(wanted: Sequence[Any], values: Sequence[Mapping[str, Any]]) -> tuple[str, bool] | None:
    """Find the value that crosses a threshold just where the factor goes from 0 to 1."""
    for name in _shared(values, wanted):
        held = [np.broadcast_to(v[name], w.shape) for v, w in zip(values, wanted, strict=True)]
        for sign, relation in ((1, ">"), (-1, "<")):
            above = np.concatenate([sign * h[w == 1] for h, w in zip(held, wanted, strict=True)])
            below = np.concatenate([sign * h[w == 0] for h, w in zip(held, wanted, strict=True)])
            if above.size and below.size and above.min() > below.max():
                return f"{name} {relation} {_round(sign * below.max(), sign * above.min())}", True
    return None


def _round(low: float, high: float) -> str:
    """Return the simplest number between two."""
    low, high = min(low, high), max(low, high)
    for digits in range(6):
        number = round((low + high) / 2, digits)
        for candidate in (0.0, 1.0, -1.0, number):
            if low <= candidate <= high:
                return f"{candidate:g}"
    return f"{(low + high) / 2:g}"
