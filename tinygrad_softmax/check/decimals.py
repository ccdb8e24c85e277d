"""Numbers in formulas, as a person would write them.

Imports nothing of the package. Where sizes are fixed, a formula holds ``0.058823529411764705`` and
means ``1 / 17``.
"""

from __future__ import annotations

import re
from fractions import Fraction


def plain_numbers(text: str) -> str:
    """Write long decimals as the fractions that they are.

    Examples
    --------
    >>> plain_numbers("0.058823529411764705 * p"), plain_numbers("0.125 * m")
    ('1 / 17 * p', '0.125 * m')
    """
    return re.sub(r"\d+\.\d{6,}", _as_fraction, text)


def _as_fraction(match: re.Match[str]) -> str:
    value = float(match[0])
    near = Fraction(value).limit_denominator(2000)
    if abs(float(near) - value) > 1e-14 * abs(value):
        return f"{value:.6g}"
    return f"{near.numerator} / {near.denominator}" if near.denominator > 1 else str(near)
