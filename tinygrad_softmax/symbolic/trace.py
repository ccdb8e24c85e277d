"""Running the user's function on expressions, and finding out what its values are called.

Imports `expr`. Sizes are replaced by distinct primes, so that a size is known by its value wherever
it turns up; two sizes that an op demands to be equal become one. Names are the local variables of
the user's own functions, looked at while these run.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

from ..errors import ShapeError
from .expr import BranchError, Expr, SizeDependentError, World
from .sizes import Dim

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_PRIMES = (11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97)


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
            if error.sizes is None or not _merge(error.sizes, sizes, group, pinned):
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
    return {
        place: pinned.get(_root(group, place), primes.get(_root(group, place), 101))
        for place in places
    }


def _merge(pair: tuple[int, int], sizes: Any, group: Any, pinned: Any) -> bool:
    """Make two sizes one, or fix a size that must be a certain number."""
    found = [next((_root(group, p) for p, n in sizes.items() if n == int(size)
                   and _root(group, p) not in pinned), None) for size in pair]  # fmt: skip
    first, second = found
    if (first is None and second is None) or first == second:
        return False
    if first is None:
        pinned[second] = pair[0]
    elif second is None:
        pinned[first] = pair[1]
    else:
        group[second] = first
    return True


def _run(function: Any, given: Any, arrays: Any, static: Any, sizes: Any, wrt: Any, group: Any,
         pinned: Any) -> Trace:  # fmt: skip
    world = World()
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
        shape = tuple(world.named(sizes.get((name, i), 1)) for i in range(np.ndim(array)))
        tracked = name in floats and (name in wrt or bool(inner))
        inputs[name] = world.leaf(name, shape, np.asarray(array).dtype, tracked=tracked)
    calls = {n: inputs[n] if n in inputs else static[n] for n in given}
    names: dict[str, tuple[int, Expr]] = {}
    dims: dict[int, str] = {}
    with _Watching(names, dims):
        output = call(function, calls)
    if not isinstance(output, (Expr, float, int)) or np.shape(output) != ():
        raise ShapeError(
            f"{getattr(function, '__name__', 'the function')} must return a scalar loss, but "
            f"returned {type(output).__name__} of shape {np.shape(output)}"
        )
    for size, name in dims.items():
        if size in world.dims:
            old = world.dims[size].expr.label
            world.dims[size].expr.label = name
            origins[name] = origins.pop(old)
    ordered = sorted(names.items(), key=lambda item: item[1][1].serial)
    return Trace(world, inputs, static, world.lift(output),
                 {n: e for n, (_, e) in ordered if n not in inputs}, origins,
                 {place: int(n) for place, n in sizes.items()},
                 {int(n): n for n in pinned.values() if isinstance(n, Dim)},
                 all(isinstance(n, Dim) for n in pinned.values()))  # fmt: skip


def call(function: Any, values: dict[str, Any]) -> Any:
    """Call a function with its arguments by name, positionally where it wants them so."""
    rest = dict(values)
    parameters = inspect.signature(function).parameters.values()
    first = [rest.pop(p.name) for p in parameters if p.kind is p.POSITIONAL_ONLY]
    return function(*first, **rest)


class _Watching:
    """Looks at the local variables of the user's functions while they run.

    A profile function sees every call that they make, so also a variable that is bound anew later.
    Names of an outer function win over those of the functions it calls.
    """

    def __init__(self, names: dict[str, tuple[int, Expr]], dims: dict[int, str]) -> None:
        self.names, self.dims = names, dims
        self.by_value: dict[Expr, tuple[int, str]] = {}

    def __enter__(self) -> None:
        self.before: Any = sys.getprofile()
        sys.setprofile(self._event)

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self.before if callable(self.before) else None)
        for value, (depth, name) in self.by_value.items():
            label = name
            while label in self.names and self.names[label][1] is not value:
                label += "_"  # the name was bound to another value before
            self.names[label] = (depth, value)

    # Coverage's own tracing is off while a profile function runs.
    def _event(self, frame: FrameType, event: str, arg: Any) -> None:  # pragma: no cover
        user: FrameType | None = frame if event != "call" else frame.f_back
        if (
            user is None
            or user.f_code.co_filename.startswith(_OURS)
            or (
                f"{os.sep}numpy{os.sep}" in user.f_code.co_filename
                or user.f_code.co_name.startswith("<")
            )
        ):
            return
        depth, outer = 0, user.f_back
        while outer is not None and not outer.f_code.co_filename.startswith(_OURS):
            depth, outer = depth + 1, outer.f_back
        for name, value in list(user.f_locals.items()):
            if isinstance(value, Expr) and value.primitive is not None:
                known = self.by_value.get(value)
                if known is None or depth < known[0]:
                    self.by_value[value] = (depth, name)
            elif isinstance(value, Dim) and not name.startswith("_"):
                self.dims.setdefault(int(value), name)
