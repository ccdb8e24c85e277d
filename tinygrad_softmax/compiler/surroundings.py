"""What a loss reads besides its inputs: variables around it, which may change after it was traced.

Imports nothing of the package. A trace holds what these were; so they are looked at in every call.
"""

from __future__ import annotations

import random
import types
from collections.abc import Iterator
from typing import Any

import numpy as np

_PLAIN = (int, float, complex, bool, str, bytes, type(None), np.generic)
_GONE = object()


class Surroundings:
    """The variables that a function and the functions it calls read from outside.

    Examples
    --------
    >>> reg = 0.5
    >>> around = Surroundings(lambda w: reg * w)
    >>> around.unchanged()
    True
    >>> reg = 0.1
    >>> around.unchanged()
    False
    """

    def __init__(self, function: Any) -> None:
        #: where to look, under which name, and what was there
        self.read: list[tuple[Any, Any, Any]] = []
        self.generators: list[Any] = []
        self._seen: set[int] = set()
        self._follow(function)

    def unchanged(self) -> bool:
        """Whether every variable is what it was; of arrays, whether it is the same one."""
        return all(_same(_look(place, name), value) for place, name, value in self.read)

    def _follow(self, function: Any) -> None:
        if isinstance(function, types.MethodType):
            self._note_attributes(function.__self__)
            function = function.__func__
        if not isinstance(function, types.FunctionType) or id(function) in self._seen:
            return
        self._seen.add(id(function))
        for place, name in _reads(function):
            value = _look(place, name)
            if isinstance(value, types.ModuleType | type) or _is_library(value):
                continue
            if isinstance(value, types.FunctionType | types.MethodType):
                self._follow(value)
            elif value is not _GONE:
                self.read.append((place, name, value))
                self._note_attributes(value)

    def _note_attributes(self, value: Any) -> None:
        """Note the attributes of an object that holds settings."""
        if isinstance(value, np.random.Generator | np.random.RandomState):
            self.generators.append(value)
        elif isinstance(value, list | dict):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            self.read += [(value, name, held) for name, held in items]
        attributes = getattr(value, "__dict__", None)
        if type(attributes) is dict and not isinstance(value, np.ndarray):
            self.read += [(attributes, name, held) for name, held in attributes.items()]

    def draws(self) -> str:
        """Return the state of every source of random numbers that is known."""
        states = [random.getstate(), np.random.get_state(legacy=False)]  # noqa: NPY002 - it is asked
        for source in self.generators:
            own = isinstance(source, np.random.Generator)
            states.append(source.bit_generator.state if own else source.get_state(legacy=False))
        with np.printoptions(threshold=10_000):
            return repr(states)


def _reads(function: types.FunctionType) -> Iterator[tuple[Any, str]]:
    """Yield what a function's code, and code within it, reads: cells and global variables."""
    for cell in function.__closure__ or ():
        yield cell, "cell_contents"
    codes = [function.__code__]
    for code in codes:
        codes += [held for held in code.co_consts if isinstance(held, types.CodeType)]
        for name in code.co_names:
            if name in function.__globals__:
                yield function.__globals__, name


def _is_library(value: Any) -> bool:
    """Whether a value is a function of a library, taken to read nothing that changes."""
    module = (getattr(value, "__module__", None) or "").partition(".")[0]
    return callable(value) and module in ("numpy", "tinygrad_softmax")


def _look(place: Any, name: Any) -> Any:
    if isinstance(place, list):
        return place[name] if name < len(place) else _GONE
    if isinstance(place, dict):
        return place.get(name, _GONE)
    try:
        return getattr(place, name)
    except ValueError:  # an empty cell
        return _GONE


def _same(now: Any, then: Any) -> bool:
    if now is then:
        return True
    return isinstance(now, _PLAIN) and type(now) is type(then) and bool(now == then)
