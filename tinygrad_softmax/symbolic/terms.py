"""What sums and products are made of: the two flat ops, numbers kept exact, laws and steps.

Imports `expr`.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ..core.op import Op
from ..ir.expr import DerivationError as DerivationError
from .expr import Expr

Number = Fraction | float


def _linear(*terms: Any, coefs: tuple[Number, ...]) -> Any:
    return sum(float(c) * t for c, t in zip(coefs, terms, strict=True))


def _power_product(*factors: Any, exps: tuple[Fraction, ...]) -> Any:
    result: Any = 1.0
    for factor, e in zip(factors, exps, strict=True):
        result = result * np.power(np.asarray(factor, float), float(e))
    return result


#: A sum of terms with coefficients; a product of factors with exponents.
LINEAR = Op(_linear, kind="_linear")
PRODUCT = Op(_power_product, kind="_power_product")


class Step(NamedTuple):
    """One application of a law."""

    law: Law
    before: Expr
    after: Expr


class Law(NamedTuple):
    """A rewrite: what it is called, why it holds, and how it is applied at an expression."""

    name: str
    sentence: str
    apply: Callable[[Any, Expr], Expr | None]


def number(value: Any) -> Number:
    """Return a number as a fraction if it is a simple one, so that halves and thirds stay exact."""
    exact = Fraction(value) if np.isfinite(value) else None
    if exact is not None and exact == exact.limit_denominator(1024):
        return exact
    return float(value)


def is_number(e: Expr) -> bool:
    """Whether an expression is a plain number."""
    return (
        e.op is None
        and e.value is not None
        and e.label is not None
        and (
            e.shape == () and e.label == repr(e.value.item()) if hasattr(e.value, "item") else False
        )
    )
