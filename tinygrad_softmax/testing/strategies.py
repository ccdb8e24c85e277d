"""Hypothesis strategies: shapes, labels and scores, as awkward as they come.

Imports NumPy and hypothesis, nothing of the package. Its one idea: sizes are drawn pairwise
distinct and at least 2, so that neither a transposition nor a missing sum can hide, not even in
what a failure shrinks to. Bulk values come from a drawn seed, so that drawing is quick, and what
hypothesis shrinks are the sizes and the kind of values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
Strategy = st.SearchStrategy[Any]

#: The largest size that is drawn, unless more distinct ones are needed.
LARGEST = 8
#: Seeds for the bulk of the values.
seeds = st.integers(0, 2**32 - 1)


@st.composite
def shapes(
    draw: st.DrawFn,
    min_dims: int = 0,
    max_dims: int = 3,
    *,
    distinct: bool = True,
    empty: bool = False,
    min_size: int = 2,
) -> tuple[int, ...]:
    """Draw the shape of an array.

    Parameters
    ----------
    min_dims, max_dims : int
        The smallest and the largest number of axes.
    distinct : bool
        Whether the sizes differ pairwise, so that a transposition shows.
    empty : bool
        Whether one of the sizes may be 0.
    min_size : int
        The smallest size otherwise. With 1, much is invisible: a sum over the axis, a mean.

    Returns
    -------
    strategy of tuple of int

    Examples
    --------
    >>> from hypothesis import given
    >>> @given(shapes(2, 2))
    ... def test_transposition_shows(shape):
    ...     assert shape != shape[::-1]
    >>> test_transposition_shows()
    """
    n = draw(st.integers(min_dims, max_dims))
    sizes = draw_sizes(draw, n, distinct, min_size)
    if empty and n and draw(st.integers(0, 7)) == 7:
        sizes[draw(st.integers(0, n - 1))] = 0
    return tuple(sizes)


@st.composite
def labels(draw: st.DrawFn, n: int, k: int, *, types: Sequence[Any] = (np.int64, np.uint8)) -> Any:
    """Draw class labels: mixed, of the first and the last class only, or all the same.

    They shrink to mixed ones, of two classes or more where there are as many.

    Parameters
    ----------
    n : int
        How many.
    k : int
        Of how many classes, 0 to k - 1.
    types : sequence
        Integer dtypes, or `list` for a list of int.

    Returns
    -------
    strategy of ndarray, shape (n,), or list

    Examples
    --------
    >>> from hypothesis import given
    >>> @given(labels(5, 3))
    ... def test_range(y):
    ...     assert y.shape == (5,) and 0 <= y.min() and y.max() < 3
    >>> test_range()
    """
    rng = np.random.default_rng(draw(seeds))
    kind = draw(st.sampled_from(["mixed", "ends", "same"]))
    if kind == "same":
        y = np.full(n, draw(st.integers(0, k - 1)))
    else:
        y = mixed(rng, [*range(k)] if kind == "mixed" else [0, k - 1], n)
    chosen = draw(st.sampled_from(list(types)))
    return y.tolist() if chosen is list else y.astype(chosen)


@st.composite
def scores(
    draw: st.DrawFn,
    shape: tuple[int, ...] | Strategy,
    dtype: DTypeLike = np.float64,
    *,
    extreme: bool = True,
) -> Array:
    """Draw scores, one row per example.

    Parameters
    ----------
    shape : tuple of int, or strategy of them
        Of the array.
    dtype : dtype
        Of the array.
    extreme : bool
        Whether, besides gentle ones a few units apart, to draw scores of up to 10000 of either
        sign, many ties, rows of equal scores, and one score far above the rest.

    Returns
    -------
    strategy of ndarray

    Examples
    --------
    >>> from hypothesis import given
    >>> from tinygrad_softmax import softmax
    >>> @given(scores(shapes(2, 2)))
    ... def test_rows_add_up(s):
    ...     assert np.allclose(softmax(s, axis=1).sum(axis=1), 1)
    >>> test_rows_add_up()
    """
    sizes: tuple[int, ...] = shape if isinstance(shape, tuple) else draw(shape)
    rng = np.random.default_rng(draw(seeds))
    kinds = ["gentle"] + ["huge", "ties", "constant rows", "one above"] * extreme
    kind = draw(st.sampled_from(kinds))
    array = np.asarray(rng.uniform(-3, 3, sizes))
    if kind == "huge":
        array = array / 3 * 1e4
    elif kind == "ties":
        array = np.round(array / 2)
    elif kind == "constant rows" and array.size and sizes:
        array = np.broadcast_to(array[..., :1], sizes)
    elif kind == "one above" and array.size:
        array.flat[rng.integers(array.size)] = 1e4
    return np.array(array, dtype)


def mixed(rng: np.random.Generator, values: Sequence[int], shape: int | tuple[int, ...]) -> Array:
    """Draw from values, at least two different ones if there are as many.

    Examples
    --------
    >>> np.sort(mixed(np.random.default_rng(0), [0, 5], 2))
    array([0, 5])
    """
    drawn = rng.choice(values, shape)
    if drawn.size > 1 and np.all(drawn == drawn.flat[0]):
        drawn.flat[0] = next((v for v in values if v != drawn.flat[0]), drawn.flat[0])
    return drawn


def draw_sizes(
    draw: st.DrawFn, n: int, distinct: bool, min_size: int = 2, besides: Sequence[int] = ()
) -> list[int]:
    """Draw sizes; distinct ones differ from those that are given, too.

    Examples
    --------
    >>> from hypothesis import given
    >>> @given(st.data())
    ... def test_distinct(data):
    ...     assert len({3, *draw_sizes(data.draw, 2, True, besides=[3])}) == 3
    >>> test_distinct()
    """
    if min_size < 1:
        raise ValueError(f"min_size={min_size} is too small: a size is 1 or more")
    if not distinct:
        return draw(st.lists(st.integers(min_size, LARGEST), min_size=n, max_size=n))
    most = max(LARGEST, min_size + n + len(besides) - 1)
    pool = [size for size in range(min_size, most + 1) if size not in besides]
    return draw(st.permutations(pool))[:n]
