"""A hypothesis strategy: arrays for a signature whose sizes have names.

Imports `strategies` and the errors. Its one idea: "N D" next to "D K" says which sizes must agree,
so a draw can make them agree, and make all others differ.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import DTypeLike

from ..core.errors import check_names
from .strategies import Array, draw_sizes, mixed, seeds

#: A size by name or number, or a bound for integers.
SIZE = re.compile(r"<?([^\W\d]\w*|\d+)")


@st.composite
def arrays_for(
    draw: st.DrawFn,
    signature: Mapping[str, str] | Callable[..., Any],
    dtype: DTypeLike = np.float64,
    *,
    distinct: bool = True,
    min_size: int = 2,
) -> dict[str, Array]:
    """Draw arrays whose sizes fit together, from a description with named sizes.

    Parameters
    ----------
    signature : mapping of str to str, or function
        From names to shapes: ``"N D"`` is a matrix, ``""`` a scalar, ``"N 3"`` has a fixed size,
        and ``"N <K"`` holds N integers in 0 .. K-1, such as labels, not all the same. A function
        has them as the annotations of its parameters; those without one are left out if they have a
        default.
    dtype : dtype
        Of the arrays that are not labels.
    distinct : bool
        Whether different names stand for different sizes.
    min_size : int
        The smallest size that a name stands for.

    Returns
    -------
    strategy of dict
        Name to array; entries lie between -1 and 1.

    Raises
    ------
    TypeError
        If a parameter of a function has no shape.
    ValueError
        If something is not a shape, or a name is one that no Python variable can have.

    Examples
    --------
    >>> from hypothesis import given
    >>> @given(arrays_for({"X": "N D", "W": "D K", "y": "N <K", "reg": ""}))
    ... def test_sizes(a):
    ...     scores = a["X"] @ a["W"] * a["reg"]
    ...     assert scores[range(len(scores)), a["y"]].shape == a["y"].shape
    >>> test_sizes()
    """
    described = _described(signature) if callable(signature) else signature
    check_names(described)
    for name, text in described.items():
        if not all(SIZE.fullmatch(word) for word in text.split()):
            raise ValueError(f"{name}: {text!r} is no shape such as 'N D', 'N 3', 'N <K' or ''")
    parts = {name: shape.split() for name, shape in described.items()}
    words = dict.fromkeys(word.removeprefix("<") for part in parts.values() for word in part)
    named = [word for word in words if not word.isdigit()]
    fixed = [int(word) for word in words if word.isdigit()]
    free = draw_sizes(draw, len(named), distinct, min_size, fixed)
    sizes = dict(zip(named, free, strict=True))
    rng = np.random.default_rng(draw(seeds))

    def size(word: str) -> int:
        return int(word) if word.isdigit() else sizes[word]

    drawn = {}
    for name, part in parts.items():
        shape = tuple(size(word) for word in part if not word.startswith("<"))
        below = [size(word[1:]) for word in part if word.startswith("<")]
        values = mixed(rng, range(below[0]), shape) if below else rng.uniform(-1, 1, shape)
        drawn[name] = np.asarray(values, np.int64 if below else dtype)
    return drawn


def _described(function: Callable[..., Any]) -> dict[str, str]:
    """Return the shapes that a function has for annotations."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    # Under `from __future__ import annotations`, a string arrives with its quotes, a type without.
    source = code is not None and code.co_flags & annotations.compiler_flag
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        shape = parameter.annotation
        if isinstance(shape, str) and (not source or shape[0] in "'\""):
            found[name] = shape.strip("'\"") if source else shape
        elif parameter.default is parameter.empty:
            raise TypeError(
                f'{name} has no shape: annotate it, as in {name}: "N D", or give arrays_for a '
                "mapping from names to shapes"
            )
    return found
