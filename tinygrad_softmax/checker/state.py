"""The objects whose methods are called: parameters are put into them, and all is put back.

Imports `trees` and `results`. What an object holds is copied for each call, so that a cache, a
counter or a velocity never outlives it; an array that is a parameter is exchanged wherever it is.
"""

from __future__ import annotations

import random
import types
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np

from .results import whose
from .trees import Inputs, is_real, leaves

_PLACES = ("grads", "grad", "gradients", "dparams", "gradient", "d")
_PLAIN = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type, np.generic)


class State:
    """Objects, where the parameters are in them, and the generators of random numbers."""

    def __init__(self, functions: tuple[Callable[..., Any], ...],
                 params: MutableMapping[str, Any] | None, seed: int | None,
                 handed: tuple[Any, ...] = ()) -> None:  # fmt: skip
        self.params, self.seed = params, seed
        self.objects = _objects(functions, params is not None, handed)
        self.is_vars = params is not None and any(params is vars(o) for o in self.objects)
        #: while a call runs: the parameters that were put into objects
        self.own: dict[str, Any] = {}

    def holds(self, name: str) -> bool:
        """Whether an input is put into an object, and not passed."""
        return self.params is not None and name in self.params

    @contextmanager
    def at(self, inputs: Inputs) -> Iterator[State]:
        """Put parameters and seed in place for a call, and back afterwards."""
        saved = [(o, dict(vars(o))) for o in self.objects]
        before = dict(self.params) if self.params is not None else {}
        states: Any = None
        if self.seed is not None:
            states = np.random.get_state(), random.getstate()  # noqa: NPY002 - the learner's own
        self.own = {n: inputs[n] for n in before if n in inputs}
        try:
            self._put(before)
            self.reseed()
            yield self
        finally:
            if self.params is not None and not self.is_vars:
                self.params.clear()
                self.params.update(before)
            for o, held in saved:
                vars(o).clear()
                vars(o).update(held)
            if states is not None:
                np.random.set_state(states[0])  # noqa: NPY002 - as above
                random.setstate(states[1])

    def _put(self, before: Mapping[str, Any]) -> None:
        """Exchange the parameters, by identity or by name, in copies of what the objects hold."""
        memo: dict[int, Any] = {}
        for name, new in self.own.items():
            old, put = dict(leaves(before[name], name)), dict(leaves(new, name))
            memo |= {id(v): put[n] for n, v in old.items() if isinstance(v, np.ndarray)}
            memo[id(before[name])] = new
        if self.params is not None and not self.is_vars:
            self.params.update(self.own)
            memo[id(self.params)] = self.params
        memo |= {id(o): o for o in self.objects}
        for o in self.objects:
            held = vars(o)
            fresh = {n: _copied(v, memo) for n, v in held.items()}
            fresh |= {n: v for n, v in self.own.items() if n in held and is_real(held[n])}
            held.update(fresh)

    def reseed(self) -> None:
        """Set the global generators as for the first call."""
        if self.seed is not None:
            np.random.seed(self.seed)  # noqa: NPY002 - the learner's own
            random.seed(self.seed)

    def left_behind(self, names: list[str]) -> dict[str, Any] | None:
        """Return the gradients that a method left in its object: ``self.dW``, ``self.grads``."""
        for o in self.objects:
            for place in _PLACES:
                held = vars(o).get(place)
                if isinstance(held, Mapping) and held:
                    return dict(held)
            found = {}
            for key, value in vars(o).items():
                owner = whose(key, [n for n in names if n != key])
                if owner is not None:
                    found[owner] = value
            if found:
                return found
        return None


def is_shared(loss: Any, gradients: Any) -> bool:
    """Whether two functions have something at hand that a call of the one may change."""
    held = []
    for function in map(_bare, (loss, gradients)):
        code = getattr(function, "__code__", None)
        if code is None:
            return True
        around = [c.cell_contents for c in function.__closure__ or () if _is_full(c)]
        around += [function.__globals__.get(name) for name in code.co_names]
        around += [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
        plain = (*_PLAIN, float, int, str, type(None))
        held.append({id(v) for v in around if not isinstance(v, plain)})
    return bool(held[0] & held[1])


def _copied(value: Any, memo: dict[int, Any]) -> Any:
    """Return a deep copy; what cannot be copied, or is too large to, as it is."""
    if isinstance(value, np.ndarray) and value.size > 1_000_000 and id(value) not in memo:
        return value
    try:
        return deepcopy(value, memo)
    except Exception:  # locks, files, generators
        return value


def _objects(functions: tuple[Callable[..., Any], ...], widely: bool,
             handed: tuple[Any, ...]) -> list[Any]:  # fmt: skip
    """Return the objects that functions are methods of, that they get, or have at hand."""
    found: list[Any] = [o for o in handed if hasattr(o, "__dict__") and not isinstance(o, _PLAIN)
                        and type(o).__module__ != "builtins"]  # fmt: skip
    for function in map(_bare, functions):
        around: list[Any] = [getattr(function, "__self__", None)]
        if not hasattr(function, "__code__") and not hasattr(function, "__self__"):
            around.append(function)  # an object that can be called
        elif widely:
            code = getattr(function, "__code__", None)
            around += [c.cell_contents for c in getattr(function, "__closure__", None) or ()
                       if _is_full(c)]  # fmt: skip
            around += [getattr(function, "__globals__", {}).get(n)
                       for n in (code.co_names if code else ())]  # fmt: skip
        found += [o for o in around if hasattr(o, "__dict__") and not isinstance(o, _PLAIN)
                  and not any(o is other for other in found)]  # fmt: skip
    return found


def _bare(function: Any) -> Any:
    while isinstance(function, partial):
        function = function.func
    return function


def _is_full(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def found_params(loss: Any, gradients: Any, wrt: tuple[str, ...],
                 inputs: Inputs) -> MutableMapping[str, Any] | None:  # fmt: skip
    """Return where the parameters of a method are, if nobody said so: in a dict, or attributes."""
    if wrt and all(n in inputs for n in wrt):
        return None  # they are inputs like any other
    for o in _objects((loss, gradients), False, tuple(inputs.values())):
        held: dict[str, Any] = vars(o)
        for value in held.values():
            if isinstance(value, dict) and wrt and all(n in value or n in inputs for n in wrt) \
                    and any(n in value for n in wrt):  # fmt: skip
                return value
        if wrt and all(n in inputs or n in held for n in wrt) and any(n in held for n in wrt):
            return {n: held[n] for n in wrt if n in held}
        inner = held.get("params")
        if not wrt and isinstance(inner, dict) and any(is_real(v) for _, v in leaves(inner)):
            return inner
        if not wrt and any(is_real(v) for v in held.values()):
            return held
    return None
