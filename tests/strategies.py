"""What the ops are tried on.

`ARGUMENTS` is a small table: op name -> strategy of (arguments, settings), where an argument is a
shape, to be filled with values of the op's domain, or an array, taken as it is. An op that works
entry by entry needs no line in it: its arity and its domain say all.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from hypothesis import settings as profile
from hypothesis import strategies as st

from tinygrad_softmax.ops.indexing import normalize_index
from tinygrad_softmax.primitive import REGISTRY, Primitive
from tinygrad_softmax.shapes import broadcast, picked

#: The ops of the package, by name; tests elsewhere may declare more.
EVERY_OP = {
    name: op for name, op in REGISTRY.items() if op.forward.__module__.startswith("tinygrad_softmax")
}
DIFFERENTIABLE = {name: op for name, op in EVERY_OP.items() if not op.plain}

#: Ops times properties is a large product, so each cell of it gets a share of the profile.
SHARE = profile(max_examples=max(1, profile().max_examples // 2))

seeds = st.integers(0, 2**32 - 1)
signs = st.sampled_from([0, 1])
now_and_then = st.sampled_from([False] * 7 + [True])


class Sample(NamedTuple):
    """An op with arguments; those at `tracked` are its parameters."""

    op: Primitive
    arrays: tuple[Any, ...]
    settings: dict[str, Any]
    tracked: tuple[int, ...]
    seed: int

    @property
    def parameters(self) -> tuple[Any, ...]:
        return tuple(self.arrays[i] for i in self.tracked)

    def __call__(self, *parameters: Any) -> Any:
        """Run the op with these in place of its parameters."""
        given = dict(zip(self.tracked, parameters, strict=True))
        arrays = [given.get(i, array) for i, array in enumerate(self.arrays)]
        return self.op(*arrays, **self.settings)


@st.composite
def samples(draw, op, dtypes=(np.float64,), all_tracked=False):
    """An op with drawn arguments, some or all of the differentiable ones tracked."""
    arguments, settings = draw(arguments_of(op))
    seed = draw(seeds)
    rng = np.random.default_rng(seed)
    free = tuple(i for i, argument in enumerate(arguments) if isinstance(argument, tuple))
    values = (anything if op.plain else spread)(rng, [arguments[i] for i in free], domains(op, free))
    arrays = list(arguments)
    for i, array in zip(free, values, strict=True):
        arrays[i] = laid_out(array.astype(draw(st.sampled_from(dtypes))), draw(layouts))
    tracked = free
    if not all_tracked and len(free) > 1:
        tracked = tuple(sorted(draw(st.sets(st.sampled_from(free), min_size=1))))
    return Sample(op, tuple(arrays), settings, () if op.plain else tracked, seed)


def arguments_of(op):
    """Return the strategy for an op's arguments and settings."""
    if op.__name__ in ARGUMENTS:
        return ARGUMENTS[op.__name__]
    if op.elementwise and not op.variadic and not op.settings:
        return broadcasting(len(op.argnames)).map(lambda shapes: (shapes, {}))
    raise LookupError(
        f"nothing is known of how to call {op.__name__}: add to ARGUMENTS in tests/strategies.py a "
        "strategy of (arguments, settings), each argument a shape or an array"
    )


# --- values ---------------------------------------------------------------------------------------


def domains(op, positions):
    """Return the range of each of these arguments."""
    domain = op.domain or (-3.0, 3.0)
    return [domain[i] if isinstance(domain[0], tuple) else domain for i in positions]


def spread(rng, shapes, domains):
    """Return arrays no two entries of which are close, nor is one close to 0 if the domain is even.

    So no tie and no kink is near, whatever the op, and all slopes can be measured.
    """
    arrays = [None] * len(shapes)
    for domain in set(domains):
        places = [i for i, other in enumerate(domains) if other == domain]
        sizes = [math.prod(shapes[i]) for i in places]
        cells = sum(sizes) + sum(sizes) % 2  # an even number, so that 0 is on a border
        within = rng.permutation(cells) + rng.uniform(0.25, 0.75, cells)
        values = domain[0] + (domain[1] - domain[0]) * within / max(1, cells)
        for i, part in zip(places, np.split(values[: sum(sizes)], np.cumsum(sizes)[:-1]), strict=True):
            arrays[i] = part.reshape(shapes[i])
    return arrays


def anything(rng, shapes, domains):
    """Return arrays with many ties and some entries that are not finite, for comparisons."""
    pool = [-1.0, 0.0, 0.0, 1.0, 1.0, np.inf, -np.inf, np.nan]
    return [np.asarray(rng.choice(pool, shape)) for shape in shapes]


layouts = st.sampled_from(["rows", "columns", "apart"])


def laid_out(array, layout):
    """Return the same entries elsewhere in memory."""
    if layout == "columns":
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
def stretched(draw, shape, whole=False):
    """A shape that broadcasts to `shape`: fewer axes (unless `whole`), some of size 1."""
    start = 0 if whole else draw(st.integers(0, len(shape)))
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


@st.composite
def reducing(draw, several=True, empty=False, **more):
    """The arguments of a reduction; `empty` if it may go over an axis of no entries."""
    shape = draw(shapes(empty=several))
    axis = draw(axes(tuple(size or empty for size in shape), several))
    chosen = {name: draw(strategy) for name, strategy in more.items()}
    return (shape,), {"axis": axis, "keepdims": draw(st.booleans())} | chosen


@st.composite
def along(draw):
    """One array, and an axis counted from the front."""
    shape = draw(shapes(min_dims=1))
    return (shape,), {"axis": draw(st.integers(0, len(shape) - 1))}


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


# --- the table ------------------------------------------------------------------------------------


@st.composite
def picking(draw):
    shape = draw(shapes())
    return (shape,), {"index": normalize_index(draw(keys(shape)))}


@st.composite
def scattering(draw):
    into = draw(shapes())
    index = normalize_index(draw(keys(into)))
    return (picked(into, index),), {"index": index, "into": into}


@st.composite
def multiplying(draw):
    """Two vectors, a matrix and a vector, two matrices, or stacks that broadcast."""
    stack = draw(shapes(max_dims=2))
    n, k, m = draw(st.permutations([2, 3, 4, 5, 1, 0] if draw(now_and_then) else [2, 3, 4, 5, 1]))[:3]
    x = draw(st.sampled_from([(k,), (n, k), (*draw(stretched(stack)), n, k)]))
    w = draw(st.sampled_from([(k,), (k, m), (*draw(stretched(stack)), k, m)]))
    return (x, w), {}


@st.composite
def contracting(draw):
    """An einsum spelt out: a letter of a term is in the result or in another term."""
    sizes = dict(zip("ijkl", draw(st.permutations([2, 3, 4, 5, 1])), strict=False))
    letters = st.sets(st.sampled_from("ijkl"), max_size=3)
    terms = [draw(letters.flatmap(st.permutations)) for _ in range(draw(st.integers(1, 3)))]
    used = sorted(set().union(*terms))
    result = draw(st.permutations(used))[: draw(st.integers(0, len(used)))]
    for i, term in enumerate(terms):
        elsewhere = set(result).union(*terms[:i], *terms[i + 1 :])
        terms[i] = [letter for letter in term if letter in elsewhere]
    operands = tuple(tuple(1 if draw(now_and_then) else sizes[c] for c in term) for term in terms)
    return operands, {"terms": tuple(map("".join, terms)), "result": "".join(result)}


@st.composite
def reshaping(draw):
    shape = draw(shapes())
    targets = [shape[::-1], (1, *shape), math.prod(shape), [*shape], (*shape[1:], *shape[:1])]
    if 0 not in shape:
        targets += [-1, (-1,), (-1, 1), (*shape[:-1], -1)]
    return (shape,), {"shape": draw(st.sampled_from(targets))}


@st.composite
def transposing(draw):
    shape = draw(shapes())
    order = [i - len(shape) * draw(signs) for i in draw(st.permutations(range(len(shape))))]
    return (shape,), {"axes": draw(st.sampled_from([None, tuple(order)]))}


@st.composite
def repeating(draw):
    shape = draw(shapes())
    return (draw(stretched(shape)),), {"shape": shape}


@st.composite
def joining(draw):
    shape = draw(shapes(min_dims=1))
    axis = draw(st.integers(0, len(shape) - 1))
    sizes = tuple(draw(st.lists(st.integers(0, 3), min_size=1, max_size=3)))
    parts = tuple((*shape[:axis], size, *shape[axis + 1 :]) for size in sizes)
    return parts, {"axis": axis, "sizes": sizes}


@st.composite
def choosing(draw):
    condition, x, y = draw(broadcasting(3))
    rng = np.random.default_rng(draw(seeds))
    return (rng.random(condition) < 0.5, x, y), {}


ARGUMENTS: dict[str, Any] = {
    "sum": reducing(empty=True, dtype=st.sampled_from([None, np.float64])),
    "max": reducing(),
    "min": reducing(),
    "all": reducing(empty=True),
    "any": reducing(empty=True),
    "argmax": reducing(several=False),
    "argmin": reducing(several=False),
    "cumsum": along(),
    "where": choosing(),
    "getitem": picking(),
    "scatter": scattering(),
    "matmul": multiplying(),
    "einsum": contracting(),
    "reshape": reshaping(),
    "transpose": transposing(),
    "broadcast_to": repeating(),
    # float32 would hide the slope; what it does to dtypes is tested with the NumPy functions
    "astype": shapes().map(lambda shape: ((shape,), {"dtype": np.dtype(np.longdouble)})),
    "concatenate": joining(),
}
