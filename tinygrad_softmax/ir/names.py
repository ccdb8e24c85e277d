"""What the user calls the values of his function, and what its code can see.

Names are the local variables of the user's own functions, looked at while these run.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterator, Set
from functools import cache, partial
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import numpy as np

from ..core.errors import check_names, is_users
from .expr import Expr, Traced
from .sizes import Dim
from .visit import ordered

#: How deep an expression may be before a part of it gets a line of its own.
_DEEPEST = 20
_users = cache(is_users)
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def between(output: Expr, names: dict[str, Expr], taken: set[str]) -> dict[str, Expr]:
    """Return names with some more where a value is made of many that have none."""
    given, made, depths = set(names.values()), dict(names), dict[Expr, int]()
    for node in ordered([output]):
        depth = 0
        if node not in given and node.op is not None:
            depth = 1 + max((depths[arg] for arg in node.args), default=0)
        if depth > _DEEPEST and node is not output:
            depth = 0
            made[numbered("part", {*made, *taken})] = node
        depths[node] = depth
    return dict(sorted(made.items(), key=lambda item: item[1].serial))


def is_name(name: Any) -> bool:
    """Whether a variable can be called so; a module's may have any keys: ``globals()[key] = ...``.

    Examples
    --------
    >>> [is_name(name) for name in ("W", "layer1/W", "lambda")]
    [True, False, False]
    """
    try:
        check_names([name])
    except ValueError:
        return False
    return True


def numbered(name: str, taken: Set[str]) -> str:
    """Return a name that is not taken: ``dW``, else ``dW2``, ``dW3``, ..."""
    while name in taken:
        head = name.rstrip("0123456789")
        name = f"{head}{int(name[len(head) :] or 1) + 1}"
    return name


#: Containers with as many entries are not looked into.
_MANY = 200
_NOT_USERS = {"builtins", "numpy", "tinygrad_softmax", "functools", "inspect"}


class Watching:
    """Looks at the local variables of the user's functions while they run.

    A profile function sees every call that they make, so also a variable that is bound anew later.
    Names of an outer function win over those of the functions it calls.
    """

    def __init__(self, inputs: dict[str, Expr]) -> None:
        self.inputs = inputs
        self.by_value: dict[Expr, tuple[int, str]] = {}
        self.by_size: dict[int, str] = {}
        self.arrays: dict[str, Any] = {}

    def __enter__(self) -> Watching:
        self.before: Any = sys.getprofile()
        sys.setprofile(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self.before if callable(self.before) else None)

    @property
    def values(self) -> dict[str, Expr]:
        """The values by name, in the order of their making; a name bound anew gets a number."""
        found = dict(self.inputs)
        by_depth = self.by_value
        for value in sorted(by_depth, key=lambda value: (by_depth[value][0], value.serial)):
            name = label = self.by_value[value][1]
            again = 1
            while label in found:
                again += 1
                label = f"{name}_{again}"
            found[label] = value
        made = sorted(found.items(), key=lambda item: item[1].serial)
        return {label: value for label, value in made if label not in self.inputs}

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes by the names which nothing else has."""
        taken = {*self.inputs, *self.values, "np", "range", "slice", "float"}
        found: dict[str, int] = {}
        for size, name in self.by_size.items():
            if name not in taken:
                found.setdefault(name, size)
        return found

    # Coverage's own tracing is off while a profile function runs.
    def _event(self, frame: FrameType, event: str, arg: Any) -> None:  # pragma: no cover
        if event == "c_return":
            return  # nothing has been bound since the call
        user: FrameType | None = frame if event != "call" else frame.f_back
        if user is None or user.f_code.co_name.startswith("<"):
            return
        if not _users(user.f_code.co_filename):
            return
        depth, outer = 0, user.f_back
        while outer is not None and not outer.f_code.co_filename.startswith(_OURS):
            depth, outer = depth + 1, outer.f_back
        for name, value in list(user.f_locals.items()):
            if isinstance(value, Traced):
                self._note(name, value, depth)
            elif isinstance(value, dict) or _is_users_own(value):
                inside = value if isinstance(value, dict) else vars(value)
                for key, inner in list(inside.items()) if len(inside) < _MANY else ():
                    if isinstance(inner, Traced) and isinstance(key, str):
                        self._note(key, inner, depth)
            elif isinstance(value, np.ndarray) and value.ndim and is_name(name):
                self.arrays[name] = value
            elif (
                (isinstance(value, Dim) or (isinstance(value, int) and value > 100))
                and not name.startswith("_")
                and is_name(name)
            ):
                self.by_size.setdefault(value, name)

    def _note(self, name: str, value: Traced, depth: int) -> None:
        """Let a value have a name, that of the outermost function."""
        e = value.expr
        known = self.by_value.get(e)
        if e.op is not None and is_name(name) and (known is None or depth < known[0]):
            self.by_value[e] = (depth, name)


def _is_users_own(value: Any) -> bool:
    """Whether this is an instance of a class of the user's, such as a model with a cache."""
    kind = type(value)
    plain = not hasattr(value, "__dict__") or isinstance(value, (type, ModuleType, FunctionType))
    return not plain and kind.__module__.partition(".")[0] not in _NOT_USERS


def arrays_of(function: Any, given: dict[str, Any]) -> dict[int, tuple[str, Any]]:
    """Return the arrays that the user's function can see, with their names, by identity."""
    found: dict[int, tuple[str, Any]] = {}
    for name, value in _namespace(function).items():
        if isinstance(value, np.ndarray) and name not in given and value.ndim and is_name(name):
            found.setdefault(id(value), (name, value))
    return found


def _namespace(function: Any) -> dict[str, Any]:
    """Return what a function's names stand for outside of it, and what its object holds."""
    found: dict[str, Any] = {}
    if isinstance(function, partial):
        return _namespace(function.func)
    owner = getattr(function, "__self__", None if inspect.isfunction(function) else function)
    if owner is not None and not inspect.ismodule(owner):
        found |= getattr(owner, "__dict__", {})
    inner = getattr(function, "__func__", function)
    if not inspect.isfunction(inner):
        inner = vars(type(function)).get("__call__")
    if inspect.isfunction(inner):
        for helper in _helpers(inner):
            names = {n for code in _codes(helper.__code__) for n in code.co_names}
            found |= {n: helper.__globals__[n] for n in names if n in helper.__globals__}
            found |= {
                n: c.cell_contents for n, c in zip(
                    helper.__code__.co_freevars, helper.__closure__ or (), strict=True
                ) if _is_full(c)
            }  # fmt: skip
    return found


def _is_full(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _codes(part)


def _helpers(function: Any) -> list[Any]:
    """Return a function of the user's and those that it calls by name."""
    found = [function]
    for helper in found:
        outside = dict(helper.__globals__)
        cells = zip(helper.__code__.co_freevars, helper.__closure__ or (), strict=True)
        outside |= {n: c.cell_contents for n, c in cells if _is_full(c)}
        for code in _codes(helper.__code__):
            for name in (*code.co_names, *code.co_freevars):
                other = outside.get(name)
                if inspect.isfunction(other) and other not in found and len(found) < 50 and \
                        is_users(other.__code__.co_filename):  # fmt: skip
                    found.append(other)
    return found


def numbers_in(function: Any, given: dict[str, Any], most: int) -> list[int]:
    """Return the whole numbers, from 2 to `most`, that the user's code and settings contain."""
    inner = function
    while isinstance(inner, partial):
        given, inner = given | inner.keywords, inner.func
    inner = getattr(inner, "__func__", inner)
    inner = inner if inspect.isfunction(inner) else vars(type(inner)).get("__call__")
    values: list[Any] = [*given.values(), *_namespace(function).values()]
    if inspect.isfunction(inner):
        for helper in _helpers(inner):
            for code in _codes(helper.__code__):
                for part in code.co_consts:
                    values += part if isinstance(part, tuple) else [part]
    numbers: list[Any] = [v for v in values if isinstance(v, (int, float, np.integer))]
    return sorted({int(abs(v)) for v in numbers if 2 <= abs(v) <= most and v == int(v)})
