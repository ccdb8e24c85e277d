"""What every op is tried on.

`ARGUMENTS` is a small table: op name -> strategy of (arguments, settings), where an argument is a
shape, to be filled with values of the op's domain, or an array, taken as it is. An op that works
entry by entry needs no line in it: its arity and its domain say all.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from tests.strategies import (
    anything,
    axes,
    broadcasting,
    keys,
    laid_out,
    layouts,
    now_and_then,
    seeds,
    shapes,
    signs,
    spread,
    stretched,
)
from tinygrad_softmax.core.op import Op
from tinygrad_softmax.core.shapes import picked
from tinygrad_softmax.ops import VOCABULARY
from tinygrad_softmax.ops.indexing import normalize_index

#: The ops of the package, by name; tests elsewhere may declare more.
EVERY_OP = {
    name: op
    for name, op in ((op.__name__, op) for op in VOCABULARY)
    if op.forward.__module__.startswith("tinygrad_softmax")
}
DIFFERENTIABLE = {name: op for name, op in EVERY_OP.items() if not op.piecewise_constant}
#: Ops whose gradient cannot be differentiated again: that is refused.
ONCE = {"largest_singular_value"}


class Drawn(NamedTuple):
    """A differentiable argument whose values matter, and so are drawn with its shape."""

    array: np.ndarray


class Sample(NamedTuple):
    """An op with arguments; those at `tracked` are its parameters."""

    op: Op
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
    shaped = [i for i in free if not isinstance(arguments[i], Drawn)]
    values = (anything if op.piecewise_constant else spread)(
        rng, [arguments[i] for i in shaped], domains(op, shaped)
    )
    filled = {i: arguments[i].array for i in free if isinstance(arguments[i], Drawn)}
    filled |= dict(zip(shaped, values, strict=True))
    arrays = list(arguments)
    for i, array in filled.items():
        arrays[i] = laid_out(array.astype(draw(st.sampled_from(dtypes))), draw(layouts))
    tracked = free
    if not all_tracked and len(free) > 1:
        tracked = tuple(sorted(draw(st.sets(st.sampled_from(free), min_size=1))))
    return Sample(op, tuple(arrays), settings, () if op.piecewise_constant else tracked, seed)


def arguments_of(op):
    """Return the strategy for an op's arguments and settings."""
    if op.__name__ in ARGUMENTS:
        return ARGUMENTS[op.__name__]
    if op.elementwise and not op.variadic and not op.settings:
        return broadcasting(len(op.argnames)).map(lambda shapes: (shapes, {}))
    raise LookupError(
        f"how is {op.__name__} called? Add to ARGUMENTS in tests/ops/samples.py a "
        "strategy of (arguments, settings), each argument a shape or an array"
    )


def domains(op, positions):
    """Return the range of each of these arguments."""
    domain = op.domain or (-3.0, 3.0)
    return [domain[i] if isinstance(domain[0], tuple) else domain for i in positions]


# --- arguments and settings -----------------------------------------------------------------------


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
    n, k, m = draw(st.permutations([2, 3, 4, 5, 1, 0] if draw(now_and_then) else [2, 3, 4, 5, 1]))[
        :3
    ]
    x = draw(st.sampled_from([(k,), (n, k), (*draw(stretched(stack)), n, k)]))
    w = draw(st.sampled_from([(k,), (k, m), (*draw(stretched(stack)), k, m)]))
    return (x, w), {}


@st.composite
def contracting(draw):
    """An einsum spelt out: a letter of a term is in the result or in another term."""
    sizes = dict(zip("ijkl", draw(st.permutations([2, 3, 4, 5, 1])), strict=False))
    letters = st.lists(st.sampled_from("ijkl"), unique=True, max_size=3)
    terms = draw(st.lists(letters, min_size=1, max_size=3))
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


@st.composite
def matrices(draw, kind="any"):
    """A stack of matrices that are square and well conditioned, or of any shape."""
    stack, n = draw(shapes(max_dims=2)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(seeds))
    x = rng.uniform(-1, 1, (*stack, n, n)) + 2 * n * np.eye(n) * rng.choice([-1, 1])
    return (Drawn(x @ np.swapaxes(x, -1, -2) if kind == "positive" else x),), {}


@st.composite
def solving(draw):
    ((x,), _), columns = draw(matrices()), draw(st.integers(1, 3))
    return (x, (*x.array.shape[:-1], columns)), {}


@st.composite
def stretching(draw):
    """Matrices of which no two singular values are close."""
    stack, n, m = draw(shapes(max_dims=2)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(seeds))
    u = np.linalg.qr(rng.standard_normal((*stack, n, n)))[0]
    v = np.linalg.qr(rng.standard_normal((*stack, m, m)))[0]
    return (Drawn(u * (3.0 ** -np.arange(n)) @ np.eye(n, m) @ v),), {}


@st.composite
def stepping(draw):
    """Places beside the step, or some of them at it, where the second argument counts."""
    x, y = draw(broadcasting(2))
    rng = np.random.default_rng(draw(seeds))
    return (rng.integers(-1, 2, x).astype(float) if draw(st.booleans()) else x, y), {}


ARGUMENTS: dict[str, Any] = {
    "heaviside": stepping(),
    "rounded": broadcasting(1).flatmap(
        lambda shapes: st.integers(-1, 2).map(lambda n: (shapes, {"decimals": n}))
    ),
    "sinc": broadcasting(1).flatmap(
        lambda shapes: st.integers(0, 3).map(lambda order: (shapes, {"order": order}))
    ),
    "inv": matrices(),
    "det": matrices(),
    "logabsdet": matrices(),
    "cholesky": matrices("positive"),
    "solve": solving(),
    "largest_singular_value": stretching(),
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
