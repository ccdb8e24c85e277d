"""Which of a person's variables is the gradient of what, and what their function returned.

Imports the errors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.errors import check_names

_PATTERNS = (r"d_?(.+)", r"grads?_(.+)", r"(.+)_grads?", r"delta_(.+)", r"g_(.+)", r"(.+)_bar")


def stage_of(variable: str, names: Mapping[str, Any] | set[str]) -> str | None:
    """Return the value whose gradient a variable is by its name, None if it is none.

    Examples
    --------
    >>> [stage_of(name, {"scores"}) for name in ("dscores", "grad_scores", "scores_grad", "probs")]
    ['scores', 'scores', 'scores', None]
    """
    for pattern in _PATTERNS:
        match = re.fullmatch(pattern, variable)
        if match and match[1] in names:
            return str(match[1])
    return None


def by_name(result: Any, wrt: Sequence[str] | None, name: str) -> dict[str, Any]:
    """Return the gradients that a function returned, by parameter.

    Raises
    ------
    TypeError
        If it is not clear which array is whose gradient.

    Examples
    --------
    >>> by_name((0.5, {"dW": 1.0}), ("W",), "grads")
    {'W': 1.0}
    """
    if _is_pair(result, wrt):
        result = result[1]
    if isinstance(result, Mapping):
        if wrt is None:
            check_names(result)
            return dict(result)
        found = {}
        for key, value in result.items():
            exact = key if key in wrt else None
            parameter = exact or next((n for n in wrt if stage_of(str(key), {n})), None)
            if parameter is not None and (exact or parameter not in result):
                found[parameter] = value
        missing = [n for n in wrt if n not in found]
        if missing:
            raise TypeError(
                f"{name} returned gradients for {', '.join(map(str, result))}, but none for "
                f"{', '.join(missing)}"
            )
        return found
    values = list(result) if isinstance(result, (tuple, list)) else [result]
    if wrt is None or len(wrt) != len(values):
        raise TypeError(
            f"{name} returned {len(values)} arrays; say which gradient is whose: "
            "wrt=('W', 'b') in the order in which they are returned, or return a dict"
        )
    return dict(zip(wrt, values, strict=True))


def _is_pair(result: Any, wrt: Sequence[str] | None) -> bool:
    """Whether a result is ``(loss, gradients)``."""
    if not isinstance(result, tuple) or len(result) != 2 or np.ndim(_plain(result[0])) != 0:
        return False
    first_is_number = not isinstance(result[0], Mapping)
    return first_is_number and (
        isinstance(result[1], (Mapping, tuple, list)) or wrt is None or len(wrt) == 1
    )


def _plain(value: Any) -> Any:
    return np.zeros(np.shape(value)) if hasattr(value, "shape") else value
