"""What a function reads besides its arguments: found in its code, and compared at every call.

A trace holds the values of variables around the function, and of attributes of objects, as they
were. Found are the values that the function, and the functions that it calls, can reach by the
names in their code. What can be changed in a way that nothing tells is refused.
"""

from __future__ import annotations

import builtins
import dis
import functools
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core.op import Op
from .arguments import NotCompiledError

_PLAIN = (int, float, complex, str, bytes, bool, type(None), type(...), range, slice, np.generic,
          np.dtype)  # fmt: skip
#: What is in these reads nothing that changes; random numbers and the like are noticed otherwise.
_LIBRARIES = {"numpy", "tinygrad_softmax", "math", "cmath", "builtins", "operator", "functools",
              "itertools", "collections", "typing", "types", "abc", "enum", "dataclasses",
              "numbers", "contextlib", "scipy", "__future__"}  # fmt: skip
#: Built-in functions that reach values by names which the code does not show, or the world.
_HIDDEN = {"getattr", "setattr", "delattr", "hasattr", "vars", "globals", "locals", "eval", "exec",
           "open", "input", "__import__", "dir", "id", "next", "memoryview"}  # fmt: skip
_BY_NAME = {"__dict__", "__globals__", "__closure__", "attrgetter", "methodcaller", "load",
            "loadtxt", "genfromtxt", "fromfile", "memmap", "fromregex"}  # fmt: skip
_INTERCEPTS = ("__getattr__", "__getattribute__", "__setattr__")
#: Called by nobody but Python itself, when objects are made or shown.
_LIFE = {"__init__", "__new__", "__repr__", "__str__", "__init_subclass__", "__del__", "__reduce__",
         "__post_init__", "__class_getitem__", "__replace__"}  # fmt: skip
_STORES = ("STORE_GLOBAL", "DELETE_GLOBAL", "STORE_ATTR", "DELETE_ATTR", "STORE_DEREF",
           "DELETE_DEREF")  # fmt: skip
_GONE = object()
#: Arrays up to so many bytes are compared at each call; so many values are watched at most.
_BYTES, _MANY = 1 << 24, 2000


class Surroundings:
    """The values around a function that it may read, as they are now.

    Raises
    ------
    NotCompiledError
        If it may read what cannot be watched.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.read: list[tuple[Any, Any, Any]] = []  # a place, a name or number in it, the value
        self.sizes: list[tuple[Any, int]] = []  # containers, and how many are in them
        self.arrays: list[tuple[Any, Any]] = []
        self._seen: dict[int, Any] = {}
        self._objects: list[Any] = []  # whose attributes are read by the names in the code
        self._attributes: set[str] = set()
        self._looked: set[tuple[int, str]] = set()
        self._visit(function, "the loss")
        self._look_at_attributes()

    def unchanged(self) -> bool:
        """Whether every value is what it was."""
        for place, name, value in self.read:
            now = _look(place, name)
            if now is not value and not _equal(now, value):
                return False
        for container, n in self.sizes:
            if len(container) != n:
                return False
        for array, state in self.arrays:  # noqa: SIM110 - a generator takes longer, at every call
            if _state(array) != state:
                return False
        return True

    # --- finding ---

    def _note(self, place: Any, name: Any, called: str) -> None:
        value = _look(place, name)
        self.read.append((place, name, value))
        if len(self.read) > _MANY:
            raise NotCompiledError(f"it may read more than {_MANY} values around it")
        if value is not _GONE:
            self._visit(value, called)

    def _visit(self, value: Any, called: str) -> None:
        if isinstance(value, _PLAIN) or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, np.ufunc | types.BuiltinFunctionType | types.MethodWrapperType):
            self._check_builtin(value, called)
        elif isinstance(value, types.FunctionType):
            if not _is_library(value):
                self._follow(value)
                self._objects += [value] if vars(value) else []
        elif isinstance(value, types.MethodType):
            self._visit(value.__self__, called)
            self._visit(value.__func__, called)
        elif isinstance(value, functools.partial):
            for part in (value.func, *value.args, *value.keywords.values()):
                self._visit(part, called)
        elif isinstance(value, Op):
            for rule in (value.forward, *(r.function for r in value.rules.values())):
                self._visit(rule, called)
        elif isinstance(value, np.ndarray):
            self._visit_array(value, called)
        elif isinstance(value, tuple | list | dict | set | frozenset):
            self._visit_container(value, called)
        elif isinstance(value, types.ModuleType):
            self._visit_module(value)
        elif isinstance(value, type):
            self._visit_class(value, True)
        elif isinstance(value, property | staticmethod | classmethod | functools.cached_property):
            for part in ("fget", "__func__", "func"):
                self._visit(getattr(value, part, None), called)
        elif isinstance(value, np.random.Generator | np.random.RandomState):
            raise NotCompiledError(f"it draws random numbers, from {called}")
        elif type(value).__name__ == "_ArrayFunctionDispatcher":
            return  # a function of NumPy's
        elif type(value) is types.SimpleNamespace:
            self._objects.append(value)
        elif type(value).__module__.partition(".")[0] in {*_LIBRARIES, *sys.stdlib_module_names}:
            kind = type(value).__name__
            raise NotCompiledError(f"it reads {called}, a {kind}, whose changes cannot be watched")
        else:
            self._visit_class(type(value), False)
            self._objects.append(value)

    def _check_builtin(self, value: Any, called: str) -> None:
        owner = getattr(value, "__self__", None)
        if isinstance(owner, types.ModuleType) or owner is None:
            module = (getattr(value, "__module__", None) or "").partition(".")[0]
            if getattr(value, "__name__", "") in _HIDDEN or module not in {*_LIBRARIES, ""}:
                raise NotCompiledError(f"it calls {called}, whose result cannot be watched")
        else:
            self._visit(owner, called)  # a bound method

    def _visit_array(self, array: Any, called: str) -> None:
        if type(array) not in (np.ndarray, np.memmap):
            raise NotCompiledError(f"it reads {called}, a {type(array).__name__}")
        if array.dtype.hasobject:
            raise NotCompiledError(f"it reads {called}, an array of Python objects")
        if array.flags.writeable and array.nbytes > _BYTES:
            raise NotCompiledError(
                f"it reads {called} {array.shape} from around it, which is too large to be "
                f"compared at each call: pass it as an input, or make it read-only"
            )
        self.arrays.append((array, _state(array)))

    def _visit_container(self, value: Any, called: str) -> None:
        self.sizes.append((value, len(value)))
        if isinstance(value, set | frozenset):
            if not all(isinstance(part, _PLAIN) for part in value):
                raise NotCompiledError(f"it reads {called}, a set, whose changes cannot be watched")
            if isinstance(value, set):
                self.read.append((_Contents(value), "contents", frozenset(value)))
        elif isinstance(value, dict):
            for name in value:
                self._visit(name, called)
                self._note(value, name, f"{called}[{name!r}]")
        elif isinstance(value, list):
            for i in range(len(value)):
                self._note(value, i, f"{called}[{i}]")
        else:
            for i, part in enumerate(value):
                self._visit(part, f"{called}[{i}]")

    def _visit_module(self, module: types.ModuleType) -> None:
        root = module.__name__.partition(".")[0]
        if root in _LIBRARIES:
            return
        if root in sys.stdlib_module_names and root != "__main__":
            raise NotCompiledError(f"it reads {module.__name__}, whose changes cannot be watched")
        self._objects.append(module)

    def _visit_class(self, kind: type, is_called: bool) -> None:
        for base in kind.__mro__:
            if base is object or _is_library(base):
                continue
            space = vars(base)
            if any(name in space for name in _INTERCEPTS):
                raise NotCompiledError(
                    f"it reads attributes of a {kind.__name__}, which makes them when it is asked"
                )
            self._seen[id(base)] = base
            self._objects.append(base)
            for name, part in space.items():
                if name.startswith("__") and isinstance(part, types.FunctionType):
                    if name not in _LIFE:
                        self._note(base, name, f"{kind.__name__}.{name}")
                    elif is_called and name in ("__init__", "__post_init__"):
                        self._follow(part, stores=True)

    def _look_at_attributes(self) -> None:
        """Note the attributes, by all names in the code; there may be more code behind them."""
        done = (-1, -1)
        while done != (len(self._objects), len(self._attributes)):
            done = (len(self._objects), len(self._attributes))
            for value in [*self._objects]:
                for name in sorted(self._attributes):
                    if (id(value), name) not in self._looked:
                        self._looked.add((id(value), name))
                        self._look_at(value, name)

    def _look_at(self, value: Any, name: str) -> None:
        called = f"{getattr(value, '__name__', 'self')}.{name}"
        if isinstance(value, type | types.ModuleType):
            slot = isinstance(vars(value).get(name), types.MemberDescriptorType)
            if name in vars(value) and not slot:
                self._note(value, name, called)
            return
        space = getattr(value, "__dict__", {})
        known = next((vars(k)[name] for k in type(value).__mro__ if name in vars(k)), _GONE)
        if isinstance(known, types.MemberDescriptorType):
            self._note(_Slots(value), name, called)
        elif name in space or known is not _GONE:
            self._note(space, name, called)

    def _follow(self, function: types.FunctionType, stores: bool = False) -> None:
        """Note what a function's code, and code within it, reads: cells, globals, defaults."""
        named = function.__name__
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            self._note(cell, "cell_contents", name)
        for place in (function.__defaults__ or (), function.__kwdefaults__ or {}):
            for part in place.values() if isinstance(place, dict) else place:
                self._visit(part, f"a default of {named}")
        for code in _codes(function.__code__):
            for step in dis.get_instructions(code):
                name = str(step.argval)
                if step.opname in _STORES and not (stores and step.opname == "STORE_ATTR"):
                    if "DEREF" not in step.opname or name in function.__code__.co_freevars:
                        raise NotCompiledError(f"it changes {name}, which is around it")
                elif step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
                    self._global(function, name)
                elif step.opname == "IMPORT_NAME":
                    if name.partition(".")[0] not in _LIBRARIES:
                        raise NotCompiledError(f"it imports {name}, which cannot be watched")
                elif "ATTR" in step.opname or step.opname == "LOAD_METHOD":
                    if name in _BY_NAME:
                        raise NotCompiledError(f"it asks for {name}, which cannot be watched")
                    self._attributes.add(name)

    def _global(self, function: types.FunctionType, name: str) -> None:
        space = function.__globals__
        if name in space:
            if not any(place is space and known == name for place, known, _ in self.read):
                self._note(space, name, name)
        elif hasattr(builtins, name):
            if name in _HIDDEN:
                raise NotCompiledError(f"it calls {name}, whose result cannot be watched")
            self.read.append((space, name, _GONE))


class _Slots:
    """The attributes of an object that has no dictionary of them."""

    def __init__(self, of: Any) -> None:
        self.of = of


class _Contents:
    """The contents of a set."""

    def __init__(self, of: set[Any]) -> None:
        self.of = of

    @property
    def contents(self) -> frozenset[Any]:
        """Return what is in it now."""
        return frozenset(self.of)


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            yield from _codes(part)


def _is_library(value: Any) -> bool:
    module = (getattr(value, "__module__", None) or "").partition(".")[0]
    return module in _LIBRARIES


def _look(place: Any, name: Any) -> Any:
    if isinstance(place, dict):
        return place.get(name, _GONE)
    if isinstance(place, list):
        return place[name] if name < len(place) else _GONE
    if isinstance(place, _Slots):
        return getattr(place.of, name, _GONE)
    if isinstance(place, type):
        return vars(place).get(name, _GONE)
    try:
        return getattr(place, name, _GONE)
    except ValueError:  # an empty cell
        return _GONE


def _equal(now: Any, then: Any) -> bool:
    plain = isinstance(now, (*_PLAIN, frozenset)) and type(now) is type(then)
    return plain and bool(now == then) and repr(now) == repr(then)  # 0.0 == -0.0


def _state(array: Any) -> Any:
    """Return what an array holds, as something to compare; its type alone if it is read-only."""
    flags = array.flags
    held = array.tobytes() if flags.writeable or not flags.owndata else None
    return (array.shape, array.dtype, array.strides, held)
