"""Mistakes of an array as a whole: its shape, its size, its sign, or a term too many.

Imports `causes` and `relations`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .causes import Case, Cause
from .relations import close, name_constant, ratio, same_numbers_elsewhere


def shapes(case: Case) -> Iterator[Cause]:
    """Right numbers in another arrangement."""
    got, want = np.shape(case.got[0]), np.shape(case.want[0])
    kinds = {same_numbers_elsewhere(g, w) for g, w in zip(case.got, case.want, strict=True)}
    how = kinds.pop() if len(kinds) == 1 else None
    if how == "transposed":
        yield Cause(how, f"it is the transpose of the right array: {got}, not {want}")
    elif how is not None:
        keep = len(got) < len(want) and "sum" in case.code
        hint = " (keepdims=True keeps an axis that is summed over)" if keep else ""
        yield Cause(how, f"it has the right numbers in the shape {got}, not {want}{hint}")


def scaled(case: Case) -> Iterator[Cause]:
    """A constant times the right array, in the right shape."""
    values = [ratio(g, w) for g, w in zip(case.got, case.want, strict=True)]
    constants = [float(v) for v in values if v is not None]
    if len(constants) < len(values):
        return
    if all(abs(c + 1) < 1e-6 for c in constants):
        yield Cause("sign", "it has the wrong sign")
        return
    name = name_constant(constants, case.scalars)
    if name is None or name == "1":
        return
    value = "" if _is_plain(name) else f" ({constants[0]:.4g} at one point)"
    said = f"it is {times(name)} what it should be{value}"
    if name.startswith("1 / ") or (name.startswith("1/") and _is_plain(name)):
        below = name.partition("/")[2].strip()
        yield Cause("scaled", f"{said}: divided by `{below}` once too often", 1)
    else:
        missing = f"a division by `{name}` is missing, or a factor is too much"
        yield Cause("scaled", f"{said}: {missing}", 1)


def times(name: str) -> str:
    """Say how many times.

    Examples
    --------
    >>> times("2"), times("1/2"), times("num_examples")
    ('twice', 'half', '`num_examples` times')
    """
    plain = {"2": "twice", "1/2": "half", "-1": "minus once"}
    return plain.get(name) or (f"{name} times" if _is_plain(name) else f"`{name}` times")


def _is_plain(name: str) -> bool:
    return name.replace("/", "").replace("-", "").replace(".", "").isdigit()


def extra(case: Case, upstream: set[str]) -> Iterator[Cause]:
    """A term too many: a named value, times a known constant."""
    if not case.same_shape:
        return
    more = [np.subtract(g, w) for g, w in zip(case.got, case.want, strict=True)]
    for name in case.points[0]:
        held = [values[name] for values in case.points]
        if name in upstream and all(map(close, held, case.want)):
            continue  # the array itself
        factors = [ratio(m, h) for m, h in zip(more, held, strict=True)]
        known = [float(f) for f in factors if f is not None]
        constant = name_constant(known, case.scalars) if len(known) == len(more) else None
        if constant is not None:
            text = {"1": name, "-1": f"-{name}"}.get(constant, f"{constant} * {name}")
            yield Cause("term_extra", f"it has a term too many: `{text}`")
            return
