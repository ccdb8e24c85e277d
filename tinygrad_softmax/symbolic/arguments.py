"""Arguments, settings and indices, as they are written.

Imports `expr`; `text` goes on from here.
"""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Set
from typing import Any

import numpy as np

from .calls import Noted
from .expr import Expr
from .sizes import Counted, Dim, Ratio, Slot

#: What Python can write down: anything else goes by a name.
_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...), np.generic)


class Arguments(ABC):
    """Writes what stands between brackets."""

    def __init__(self, taken: Set[str]) -> None:
        self.taken = taken  # names of the user's, by which nothing else can be called
        self.used: dict[str, Any] = {}  # objects that the written code refers to

    def numpy(self, *path: str) -> ast.expr:
        """Return ``np.path``, by another name of NumPy where the user has a variable ``np``."""
        name = "np"
        while name in self.taken:
            name = "numpy" if name == "np" else f"{name}_"
        if name != "np":
            self.used[name] = np
        tree: ast.expr = ast.Name(name)
        for part in path:
            tree = ast.Attribute(tree, part)
        return tree

    def builtin(self, name: str, *instead: str) -> ast.expr:
        """Return a builtin, or NumPy's ``instead`` where the user has a variable of that name."""
        return self.numpy(*instead) if name in self.taken else ast.Name(name)

    @abstractmethod
    def write(self, e: Expr) -> ast.expr:
        """Return the syntax tree of an expression."""

    def _noted(self, noted: Noted) -> ast.expr:
        """Write a call as the user wrote it."""
        function = self.numpy(*noted.function.split(".")[1:])
        keywords = [ast.keyword(name, self._argument(v)) for name, v in noted.keywords.items()]
        return ast.Call(function, [self._argument(v) for v in noted.args], keywords)

    def _argument(self, value: Any) -> ast.expr:
        if isinstance(value, Expr):
            return self.write(value)
        if isinstance(value, list):
            return ast.List([self._argument(part) for part in value])
        if isinstance(value, tuple):
            return ast.Tuple([self._argument(part) for part in value])
        return self.setting(value, None)

    def _constant(self, value: Any) -> ast.expr:
        known = [name for name, held in self.used.items() if held is value]
        name = known[0] if known else f"constant{len(self.used)}"
        while not known and name in self.taken:
            name += "_"
        self.used[name] = value
        return ast.Name(name)

    def setting(self, value: Any, e: Any) -> ast.expr:
        """Return the syntax tree of a setting."""
        if isinstance(value, Slot):
            return self.write(e.args[value.operand])
        if isinstance(value, Counted):
            return ast.Call(self.builtin("range", "arange"), [self.setting(value.size, e)], [])
        if isinstance(value, (Dim, Ratio)):
            return self.write(value.expr)
        if isinstance(value, (tuple, list)):
            return ast.Tuple([self.setting(part, e) for part in value])
        if isinstance(value, slice):
            if "slice" in self.taken:
                return ast.Subscript(self.numpy("s_"), self.index(value, e))
            bounds = (value.start, value.stop, value.step)
            return ast.Call(ast.Name("slice"), [self.setting(part, e) for part in bounds], [])
        if isinstance(value, np.ndarray):
            return ast.Call(self.numpy("array"), [_literal(value.tolist())], [])
        if isinstance(value, np.integer):
            return ast.Constant(int(value))
        if isinstance(value, (type, np.dtype)):
            return self.numpy(np.dtype(value).name)
        if isinstance(value, _PLAIN):
            return ast.Constant(value)  # type: ignore[arg-type] # NumPy's numbers show as calls
        return self._constant(value)

    def index(self, value: Any, e: Expr) -> ast.expr:
        """Return the syntax tree of what stands between square brackets."""
        if isinstance(value, slice):
            bounds = (value.start, value.stop, value.step)
            parts = [None if part is None else self.setting(part, e) for part in bounds]
            return ast.Slice(*parts)
        if isinstance(value, tuple) and not isinstance(value, (Counted, Slot)):
            if len(value) == 1:
                return self.index(value[0], e)
            return ast.Tuple([self.index(part, e) for part in value])
        return self.setting(value, e)


def _literal(value: Any) -> ast.expr:
    """Return nested lists of numbers as they are written."""
    return ast.List([*map(_literal, value)]) if isinstance(value, list) else ast.Constant(value)
