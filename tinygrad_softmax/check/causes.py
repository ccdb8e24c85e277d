"""What a mistake is to a diagnosis: its kind, its sentence, and the arrays it has to explain.

Imports `relations` and `values`. A cause counts only if it gives the person's numbers at every
point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..symbolic.expr import Expr
from .relations import close, name_constant, ratio
from .values import Values


class Cause(NamedTuple):
    """A mistake that explains the numbers; the smaller the rank, the more usual.

    ``factors`` are the constant, at each point, that the array is multiplied with besides.
    """

    kind: str
    sentence: str
    rank: int = 0
    factors: tuple[float, ...] = ()


class Case(NamedTuple):
    """A wrong array at several points.

    ``got`` and ``want`` are the person's and the right values, ``points`` what has a name there
    (gradients as the person has them), ``scalars`` the numbers that a constant may be made of,
    ``locals`` what else the person computed, ``code`` the lines that made the array.
    """

    got: Sequence[Any]
    want: Sequence[Any]
    points: Sequence[Values]
    scalars: Sequence[dict[str, float]]
    locals: Sequence[Mapping[str, Any]]
    code: str = ""

    @property
    def same_shape(self) -> bool:
        """Whether the person's array has the right shape at every point."""
        return all(np.shape(g) == np.shape(w) for g, w in zip(self.got, self.want, strict=True))

    def given_by(self, formula: Expr) -> bool:
        """Whether a formula gives the person's array, up to axes of size 1 and repeating."""
        for got, want, values in zip(self.got, self.want, self.points, strict=True):
            value = values(formula)
            if value is None or not alike(value, got, want):
                return False
        return True

    def times(self, formula: Expr) -> tuple[str, tuple[float, ...]] | None:
        """Return by which known constant the person's array is a multiple of a formula."""
        factors = []
        for got, values in zip(self.got, self.points, strict=True):
            value = values(formula)
            c = None if value is None else ratio(got, filled(value, got))
            if c is None:
                return None
            factors.append(c)
        name = name_constant(factors, self.scalars)
        return None if name is None else (name, tuple(factors))


def alike(value: Any, got: Any, want: Any) -> bool:
    """Whether a value is what the person has, up to axes of size 1 and repeating."""
    got = np.asarray(got)
    if close(value, got, floor=1e-13 * float(np.max(np.abs(want), initial=0.0))):
        return True
    if np.size(value) == got.size and np.shape(value) != got.shape:
        return close(np.reshape(value, got.shape), got) and got.shape != np.shape(want)
    return np.size(value) < got.size and close(filled(value, got), got)


def filled(value: Any, like: Any) -> Any:
    """Return a value repeated into the shape of another, itself if that cannot be."""
    try:
        return np.broadcast_to(value, np.shape(like))
    except ValueError:
        return value


def equals(value: Any, like: Any) -> bool:
    """Whether a value, repeated where it is compact, is another."""
    return value is not None and close(filled(value, like), like)
