"""What tests draw: values, shapes, axes and indices, as awkward as NumPy allows.

Sizes are pairwise distinct, so that a transposition shows, and bulk values come from a drawn seed.
"""

from __future__ import annotations

import math

import numpy as np
from hypothesis import settings as profile
from hypothesis import strategies as st

#: Ops times properties is a large product, so each cell of it gets a share of the profile.
SHARE = profile(max_examples=max(1, profile().max_examples // 4))

seeds = st.integers(0, 2**32 - 1)
signs = st.sampled_from([0, 1])
now_and_then = st.sampled_from([False] * 7 + [True])


# --- values ---------------------------------------------------------------------------------------


def spread(rng, shapes, domains):
    """Return arrays no two entries of which are close, nor is one close to 0 if the domain is even.

    So no tie and no kink is near, whatever the op, and all slopes can be measured.
    """
    arrays = [None] * len(shapes)
    for domain in dict.fromkeys(domains):
        places = [i for i, other in enumerate(domains) if other == domain]
        sizes = [math.prod(shapes[i]) for i in places]
        cells = sum(sizes) + sum(sizes) % 2  # an even number, so that 0 is on a border
        within = rng.permutation(cells) + rng.uniform(0.25, 0.75, cells)
        values = domain[0] + (domain[1] - domain[0]) * within / max(1, cells)
        for i, part in zip(
            places, np.split(values[: sum(sizes)], np.cumsum(sizes)[:-1]), strict=True
        ):
            arrays[i] = part.reshape(shapes[i])
    return arrays


def anything(rng, shapes, domains):
    """Return arrays with many ties and some entries that are not finite, for comparisons."""
    pool = [-1.0, 0.0, 0.0, 1.0, 1.0, np.inf, -np.inf, np.nan]
    return [np.asarray(rng.choice(pool, shape)) for shape in shapes]


layouts = st.sampled_from(["rows", "columns", "apart"])


def laid_out(array, layout):
    """Return the same entries elsewhere in memory."""
    if layout == "columns" and array.ndim:  # NumPy makes a 0-d array 1-d here
        return np.asfortranarray(array)
    if layout == "apart" and array.ndim:
        return np.repeat(array, 2, axis=-1)[..., ::2]
    return array


# --- shapes and axes ------------------------------------------------------------------------------


@st.composite
def shapes(draw, min_dims=0, max_dims=3, empty=True):
    """Pairwise distinct sizes, so that a transposition shows; 1 among them and, rarely, 0."""
    sizes = [2, 3, 4, 5, 1] + [0] * (empty and draw(now_and_then))
    return tuple(draw(st.permutations(sizes))[: draw(st.integers(min_dims, max_dims))])


@st.composite
def stretched(draw, shape):
    """A shape that broadcasts to `shape`: of fewer axes, some of size 1."""
    start = draw(st.integers(0, len(shape)))
    return tuple(1 if draw(now_and_then) else size for size in shape[start:])


@st.composite
def broadcasting(draw, n, **kwargs):
    """Shapes that broadcast together."""
    shape = draw(shapes(**kwargs))
    return tuple(draw(st.just(shape) | stretched(shape)) for _ in range(n))


@st.composite
def axes(draw, shape, several=True):
    """An axis, counted from either end, several or None; never one of no entries."""
    ndim = len(shape)
    places = [i for i in range(ndim) if shape[i]]
    if not places or (len(places) == ndim and draw(now_and_then)):
        return None if len(places) == ndim else ()
    if several and draw(st.booleans()):
        chosen = draw(st.lists(st.sampled_from(places), unique=True))
        return tuple(i - ndim * draw(signs) for i in chosen)
    return draw(st.sampled_from(places)) - ndim * draw(signs)


# --- indices --------------------------------------------------------------------------------------


@st.composite
def keys(draw, shape):
    """What may stand between the square brackets of an array of this shape."""
    length = draw(st.integers(0, 4))  # of all the arrays in the key: they are read side by side
    end = draw(st.integers(0, len(shape)))
    start = draw(st.integers(end, len(shape)))
    key = draw(_parts(shape[:end], length))
    if start < len(shape) or draw(now_and_then):
        key += [..., *draw(_parts(shape[start:], length))]
    return key[0] if len(key) == 1 and draw(st.booleans()) else tuple(key)


@st.composite
def _parts(draw, sizes, length):
    """Parts of a key for successive axes of these sizes."""
    parts, rest = [], list(sizes)
    while rest:
        if draw(now_and_then):
            parts.append(None)
        if math.prod(rest[:2]) >= length and draw(now_and_then):
            parts.append(draw(_mask(rest[:2], length)))
            rest = rest[2:]
        else:
            parts.append(draw(_part(rest.pop(0), length)))
    return parts


@st.composite
def _part(draw, size, length):
    """A part of a key, for one axis."""
    fits = ["mask", "range"] * (length <= size)
    kind = draw(st.sampled_from(["slice", *["int", "list", "array", "array"] * (size > 0), *fits]))
    if kind == "slice":
        return draw(st.slices(size))
    if kind == "int":
        return draw(st.integers(-size, size - 1))
    if kind == "mask":
        return draw(_mask([size], length))
    if kind == "range":
        start = draw(st.integers(0, size - length))
        return range(start, start + length)
    length = 1 if draw(now_and_then) else length  # one entry is stretched
    entries = draw(st.lists(st.integers(-size, size - 1), min_size=length, max_size=length))
    if kind == "list":
        return entries
    array = np.array(entries, draw(st.sampled_from([np.int64, np.int32])))
    return array[None] if draw(now_and_then) else array


@st.composite
def _mask(draw, shape, length):
    """A boolean array with `length` true entries."""
    mask = np.zeros(math.prod(shape), bool)
    mask[draw(st.permutations(range(mask.size)))[:length]] = True
    return mask.reshape(shape)
