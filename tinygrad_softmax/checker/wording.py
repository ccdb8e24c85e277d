"""What is said of a wrong gradient: where it is worst, and what kind of mistake it looks like.

Imports `slopes` and `verdicts`. Its one idea: a factor, a sign or a transposition can be read off
the numbers, and whoever wrote the rule wants to hear of that first.
"""

from __future__ import annotations

import numpy as np

from .slopes import Array, Numerical
from .verdicts import Agreement, Directional, agrees


def say_entries(place: str, x: Array, automatic: Array, measured: Numerical,
                verdict: Agreement) -> str:  # fmt: skip
    """Describe a gradient that is wrong in some entries.

    Examples
    --------
    >>> x, g = np.array([1.0, 2.0]), np.array([4.0, 8.0])
    >>> measured = Numerical(np.array([2.0, 4.0]), np.full(2, 1e-9), np.zeros(2, bool))
    >>> print(say_entries("x", x, g, measured, agrees(g, measured)))
    wrong in 2 of 2 entries
      worst at x[1] = 2: automatic 8, numerical 4 (within 1e-09)
      2.000 times too large everywhere
    """
    # NaN is infinitely wrong.
    excess = np.where(verdict.wrong, np.nan_to_num(verdict.excess, nan=np.inf), -1)
    i = np.unravel_index(int(np.argmax(excess)), x.shape)
    at = f"{place}[{', '.join(map(str, i))}]" if i else place
    pair = f"automatic {automatic[i]:.10g}, numerical {measured.value[i]:.10g}"
    lines = [
        f"wrong in {int(verdict.wrong.sum())} of {verdict.compared} entries",
        f"worst at {at} = {x[i]:.6g}: {pair} (within {measured.error[i]:.1g})",
    ]
    smooth = ~measured.kinks
    lines += likeness(automatic[smooth], measured.value[smooth])
    if x.ndim == 2 and x.shape[0] == x.shape[1] and agrees(automatic.T, measured):
        lines.append("it is the transpose of the right one")
    return "\n  ".join(lines)


def say_directions(verdict: Directional) -> str:
    """Describe a gradient that is wrong along random directions.

    Examples
    --------
    >>> one = np.ones(1)
    >>> print(say_directions(Directional(False, one, -3 * one, 3 * one, 1.0, 0)))
    wrong along random directions: automatic -3, numerical 3
      what the automatic slope leaves of the function falls like h**1.0 (h**2 if it were right)
      of the wrong sign everywhere
    """
    worst = int(np.argmax(np.abs(verdict.claimed - verdict.measured)))
    claimed, measured, power = (
        v[worst] for v in (verdict.claimed, verdict.measured, verdict.powers)
    )
    lines = [f"wrong along random directions: automatic {claimed:.10g}, numerical {measured:.10g}"]
    if np.isfinite(power):
        fall = f"falls like h**{power:.1f} (h**2 if it were right)"
        lines.append(f"what the automatic slope leaves of the function {fall}")
    lines += likeness(verdict.claimed, verdict.measured)
    return "\n  ".join(lines)


def likeness(automatic: Array, measured: Array) -> list[str]:
    """Say by what factor all entries are off, if it is the same one.

    Examples
    --------
    >>> likeness(np.array([1.0, 2.0]), np.array([4.0, 8.0]))
    ['4.000 times too small everywhere']
    """
    sizes = np.abs(measured)
    tell = sizes > 1e-3 * np.max(sizes, initial=0)
    ratios = automatic[tell] / measured[tell]
    if not ratios.size or not np.isfinite(ratios).all():
        return []
    ratio = float(np.median(ratios))
    if not np.ptp(ratios) <= 0.05 * min(abs(ratio), abs(ratio - 1)):
        return []
    if ratio == 0:
        return ["zero everywhere"]
    size = max(abs(ratio), 1 / abs(ratio))
    factor = (
        f"{size:.{3 if size > 1.0009 else 9}f} times too {'large' if abs(ratio) > 1 else 'small'}"
    )
    if ratio > 0:
        return [f"{factor} everywhere"]
    return ["of the wrong sign" + (f", and {factor}," if size > 1.0009 else "") + " everywhere"]
