"""What inputs are made ready for the fresh points: double precision, parameters of a fair size.

Imports nothing of the package.
"""

from __future__ import annotations

from typing import Any

import numpy as np

#: Weights of a smaller spread are drawn larger.
_LIVELY = 0.3


def double(value: Any) -> Any:
    """Return an array in double precision: rounding is no difference."""
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype.kind == "f" and array.ndim else value


def lively(value: Any) -> Any:
    """Return a parameter large enough to tell mistakes apart: tiny weights make them drown."""
    array = double(value)
    spread = float(np.std(array)) if np.size(array) > 1 else 1.0
    if not 0 < spread < _LIVELY or np.min(array) >= 0 or np.max(array) <= 0:
        return array
    return array / spread


def of_kind(value: Any, given: Any) -> Any:
    """Return a fresh number as what was given: a plain number, or an array without axes."""
    if np.ndim(value) or isinstance(value, (int, str, bool)) or value is None:
        return value
    return np.asarray(value) if isinstance(given, np.ndarray) else value * 1.0
