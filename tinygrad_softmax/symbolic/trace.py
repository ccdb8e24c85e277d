"""Running the user's function on expressions, and finding out what its values are called.

Imports `expr`. Sizes are replaced by distinct primes, so that a size is known by its value wherever
it turns up; two sizes that an op demands to be equal become one. Names are the local variables of
the user's own functions, looked at while these run.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import ShapeError
from ..core.tensor import Tensor
from ..core.transforms import check_scalar_loss
from .evaluate import ordered
from .expr import BranchError, Expr, World
from .names import Watching, between
from .sizes import Dim, SizeDependentError, named
from .terms import is_number

_PRIMES = tuple(n for n in range(11, 1000) if all(n % k for k in range(2, 32) if k < n))


class Trace(NamedTuple):
    """What a function computes, as expressions."""

    world: World
    inputs: dict[str, Expr]
    static: dict[str, Any]
    output: Expr
    names: dict[str, Expr]  # local variables, in the order of their making
    sizes: dict[str, tuple[str, int]]  # size label -> the input and axis it is read off
    classes: dict[tuple[str, int], int]  # (input, axis) -> size in the trace
    tied: dict[int, Dim]  # sizes that follow from others
    generic: bool
    made: frozenset[str] = frozenset()  # names that are not the user's


def trace(
    function: Callable[..., Any], given: dict[str, Any], wrt: tuple[str, ...], generic: bool = True
) -> Trace:
    """Run `function` on expressions shaped like the arrays `given`.

    With `generic` the sizes stay open, else they are those given: a loop over examples is unrolled.

    Raises
    ------
    BranchError
        If its course depends on a value.
    GradientLostError, NoRuleError
        If it leaves what can be traced.
    """
    arrays = {name: value for name, value in given.items() if _is_array(value)}
    static = {name: value for name, value in given.items() if name not in arrays}
    for name in wrt:
        if name in static:
            raise TypeError(
                f"{name} is a {type(static[name]).__name__}, and there is nothing to differentiate "
                "by in it: give the arrays that are in it as inputs of their own"
            )
    places = [(name, axis) for name, array in arrays.items()
              for axis, size in enumerate(np.shape(array)) if size != 1]  # fmt: skip
    group = {place: place for place in places}
    pinned: dict[tuple[str, int], int] = {}  # sizes that must be a number, or a sum of others
    fixed = {place: np.shape(arrays[place[0]])[place[1]] for place in places}
    if not generic:
        pinned |= fixed
    scalars_static = False
    while True:  # every turn joins or pins a size, settles the scalars, or raises
        sizes = _assign(places, group, pinned)
        try:
            return _run(function, given, arrays, static, sizes, wrt, group, pinned)
        except ShapeError as error:
            if error.sizes is None or not _merge(error.sizes, sizes, group, pinned, fixed):
                if pinned == fixed:
                    raise
                pinned |= fixed  # sizes that are products of others: only these can be derived
        except SizeDependentError:
            pinned |= fixed
        except BranchError:
            scalars = {n: v for n, v in arrays.items() if np.shape(v) == () and n not in wrt}
            if scalars_static or not scalars:
                raise
            scalars_static = True  # a switch such as `if reg:` is settled by the value given
            static |= scalars
            arrays = {n: v for n, v in arrays.items() if n not in scalars}


def _is_array(value: Any) -> bool:
    if isinstance(value, (bool, int, str)) or value is None:
        return False
    return not callable(value) and np.asarray(value).dtype.kind in "fiub"


def _root(group: dict[Any, Any], place: Any) -> Any:
    while group[place] != place:
        place = group[place]
    return place


def _assign(places: Any, group: Any, pinned: Any) -> dict[tuple[str, int], int]:
    """Give each group of sizes a prime of its own, or the size that it must have."""
    primes = dict(zip(places, _PRIMES, strict=False))
    return {place: pinned.get(_root(group, place), primes[_root(group, place)]) for place in places}


def _merge(pair: tuple[int, int], sizes: Any, group: Any, pinned: Any, fixed: Any) -> bool:
    """Make two sizes one, or fix a size that must be a certain number; only as the inputs are."""
    found = [next((_root(group, p) for p, n in sizes.items() if n == int(size)
                   and _root(group, p) not in pinned), None) for size in pair]  # fmt: skip
    first, second = found
    if (first is None and second is None) or first == second:
        return False
    if first is None or second is None:
        place, size = (first, pair[1]) if second is None else (second, pair[0])
        if not isinstance(size, Dim) and size != fixed[place]:
            return False
        pinned[place] = size
    elif fixed[first] != fixed[second]:
        return False
    else:
        group[second] = first
    return True


def _run(function: Any, given: Any, arrays: Any, static: Any, sizes: Any, wrt: Any, group: Any,
         pinned: Any) -> Trace:  # fmt: skip
    world = World()
    world.open = not all(place in pinned for place in sizes) or not sizes
    origins: dict[str, Any] = {}
    for (name, axis), size in sizes.items():
        root = _root(group, (name, axis))
        if (root not in pinned or isinstance(size, Dim)) and int(size) not in world.dims:
            label = f"{name}.shape[{axis}]"
            world.size(label, int(size))
            origins[label] = (name, axis)
    inputs: dict[str, Expr] = {}
    floats = [n for n, a in arrays.items() if np.asarray(a).dtype.kind == "f"]
    inner = [name for name in wrt if name not in given]
    for name, array in arrays.items():
        shape = tuple(world.named(int(sizes.get((name, i), 1))) for i in range(np.ndim(array)))
        tracked = name in floats and (name in wrt or bool(inner))
        inputs[name] = world.leaf(name, shape, np.asarray(array).dtype, tracked=tracked)
    calls = {n: inputs[n] if n in inputs else static[n] for n in given}
    with Watching(inputs) as watching:
        output = call(function, calls)
    if isinstance(output, Expr) and output.shape:
        output = np.asarray(call(function, {n: arrays.get(n, static.get(n)) for n in given}))
    check_scalar_loss(output, getattr(function, "__name__", "the function"), ", ".join(wrt))
    for size, name in watching.sizes.items():
        if size in world.dims:
            old = world.dims[size].expr.label
            world.dims[size].expr.label = name
            origins[name] = origins.pop(old)
    output = world.lift(output)
    given_names = {*inputs, *static, *watching.sizes.values()}
    names = between(output, watching.values, given_names)
    world.taken = given_names | names.keys()
    return Trace(world, inputs, static, output, names, origins,
                 {place: int(n) for place, n in sizes.items()},
                 {int(n): _renewed(world, n) for n in pinned.values()
                  if isinstance(n, Dim) and n.expr.op is not None},
                 all(isinstance(n, Dim) for n in pinned.values()))  # fmt: skip


def _renewed(world: World, size: Dim) -> Dim:
    """Return a size that follows from others, by the names that those have in this world."""
    known: dict[Expr, Any] = {}
    for node in ordered([size.expr]):
        if node.op is not None:
            known[node] = node.op(*(known[arg] for arg in node.args))
        else:
            value = node.value.item() if hasattr(node.value, "item") else node.value
            known[node] = world.lift(value if is_number(node) else world.named(value))
    made: Dim = named(int(size), known[size.expr])
    return made


def constant(value: Any) -> Any:
    """Return a plain array of floats as a constant tensor, which knows how ``X.dot(W)`` goes on."""
    is_float = isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim > 0
    return Tensor(value, requires_grad=False, copy=False) if is_float else value


def call(function: Any, values: dict[str, Any]) -> Any:
    """Call a function with its arguments by name, positionally where it wants them so."""
    rest = dict(values)
    parameters = inspect.signature(function).parameters.values()
    first = [rest.pop(p.name) for p in parameters if p.kind is p.POSITIONAL_ONLY]
    return function(*first, **rest)
