"""Arguments, settings and indices, as they are written.

Imports `expr`; `text` goes on from here.
"""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from .calls import Noted
from .expr import Expr
from .sizes import Counted, Dim, Ratio, Slot


class Arguments(ABC):
    """Writes what stands between brackets."""

    def __init__(self) -> None:
        self.used: dict[str, Any] = {}  # objects that the written code refers to

    @abstractmethod
    def write(self, e: Expr) -> ast.expr:
        """Return the syntax tree of an expression."""

    def _noted(self, noted: Noted) -> ast.expr:
        """Write a call as the user wrote it."""
        function = ast.parse(noted.function, mode="eval").body
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
        self.used[name] = value
        return ast.Name(name)

    def setting(self, value: Any, e: Any) -> ast.expr:
        """Return the syntax tree of a setting."""
        if isinstance(value, Slot):
            return self.write(e.args[value.operand])
        if isinstance(value, Counted):
            return ast.Call(ast.Name("range"), [self.setting(value.size, e)], [])
        if isinstance(value, (Dim, Ratio)):
            return self.write(value.expr)
        if isinstance(value, (tuple, list)):
            return ast.Tuple([self.setting(part, e) for part in value])
        if isinstance(value, slice):
            bounds = (value.start, value.stop, value.step)
            return ast.Call(ast.Name("slice"), [self.setting(part, e) for part in bounds], [])
        if isinstance(value, np.ndarray):
            return ast.parse(f"np.array({value.tolist()!r})", mode="eval").body
        if isinstance(value, np.integer):
            return ast.Constant(int(value))
        if isinstance(value, (type, np.dtype)):
            return ast.parse(f"np.{np.dtype(value)}", mode="eval").body
        return ast.Constant(value)

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
