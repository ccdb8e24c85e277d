"""Expressions as the NumPy that a person would write.

Builds a Python syntax tree, never strings, so precedence is Python's own business. How an op is
written, its declaration says (`numpy_text`, `symbol`, `numpy`); here is what holds for all.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Mapping
from functools import cache
from itertools import count
from keyword import iskeyword
from typing import Any

import numpy as np

from ..core.dispatch import full_name
from ..core.shapes import normalize_axis, reduced
from ..ops.elementwise import add, divide, multiply, negative, power, subtract
from ..ops.indexing import scatter
from ..ops.linalg import einsum, matmul
from ..ops.shaping import broadcast_to
from .expr import Expr, Noted, is_number, updated
from .sizes import Counted, Dim, Ratio, Slot
from .visit import ordered

#: What the printed code calls besides NumPy, and what stands for it where the user has such a name.
_BUILTINS = {"range": "arange", "float": "float64", "int": "int64", "bool": "bool"}
#: Of truth values alone, NumPy takes these for logic or refuses them; a formula means numbers.
_COUNTING = (add, subtract, negative, matmul, einsum)
#: Where an integral number is written without its decimal point, beside floating-point numbers.
_ARITHMETIC = (add, subtract, multiply, divide, power)
#: Arrays of up to so many entries are written out.
_SMALL = 12
#: Numbers of more characters are written as what they are, if that is something simple.
_LONG = 10


@cache
def _constants() -> dict[float, str]:
    """Return how numbers without a short decimal are written: ``1 / 3``, ``np.sqrt(2 / np.pi)``."""
    texts = [f"{p} / {q}" for q in range(3, 61) for p in range(1, q)]
    for k in range(1, 33):
        texts += [f"np.sqrt({k})", f"1 / np.sqrt({k})", f"np.log({k})", f"{k} * np.pi"]
        texts += [f"np.pi / {k}", f"np.sqrt({k} * np.pi)", f"1 / np.sqrt({k} * np.pi)"]
        texts += [f"np.sqrt({k} / np.pi)", f"{k} / np.sqrt(np.pi)", f"{k} / np.pi"]
    found: dict[float, str] = {}
    for text in sorted(texts, key=len):
        found.setdefault(float(eval(text, {"np": np})), text.replace("1 * ", ""))
    return found


class _Spelled(ast.NodeTransformer):
    """Puts the user's name of NumPy into a constant."""

    def __init__(self, printer: Printer) -> None:
        self.printer = printer

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """Return ``np.sqrt`` by the name that NumPy goes by."""
        return self.printer.numpy(node.attr)


class Printer:
    """Writes expressions as NumPy, by their names where they have one.

    Parameters
    ----------
    names : dict
        Expressions that have a name, and what it is. May be changed between two calls.
    taken : set of str
        Names that the code has for other things: nothing else is called so.

    Attributes
    ----------
    used : dict
        What the written code refers to besides ``np`` and its variables, by name.
    """

    def __init__(self, names: dict[Expr, str], taken: set[str]) -> None:
        self.names, self.taken = names, taken
        self.used: dict[str, Any] = {}
        self._kinds: dict[Expr, str] = {}

    def text(self, e: Expr) -> str:
        """Return the source of an expression."""
        return ast.unparse(ast.fix_missing_locations(self.expression(e)))

    def expression(self, e: Expr) -> ast.expr:
        """Return the syntax tree of an expression."""
        if e in self.names:
            return ast.Name(self.names[e])
        if e.op is None:
            return self._leaf(e)
        if e in e.world.calls:
            return self._noted(e, e.world.calls[e])
        return self.defined(e)

    def defined(self, e: Expr) -> ast.expr:
        """Return the syntax tree of an op on its operands, whatever the whole is called."""
        op = e.op
        if op in (scatter, updated):
            raise ValueError(
                f"an update in place ({op.__name__}, of shape {e.shape}) has no spelling inside an "
                "expression: give it a statement of its own"
            )
        if op is broadcast_to and is_number(e.args[0]):
            return self._filling(e)
        settings = dict(e.settings)
        if op.shape is reduced and "axis" in settings:
            settings["axis"] = _tidy_axis(e)
        operands = self._operands(e)
        template = op.numpy_text(**settings) if callable(op.numpy_text) else op.numpy_text
        if template:
            return self._filled(template, e, operands, settings)
        if op.symbol and len(operands) == 2:
            tree: Any = _parsed(f"x {op.symbol} y")
            if isinstance(tree, ast.BinOp):
                return ast.BinOp(operands[0], tree.op, operands[1])
            return ast.Compare(operands[0], tree.ops, [operands[1]])
        given = [(n, v) for n, v in settings.items() if not _is_default(v, op.settings[n])]
        if not operands:  # np.full(shape, value): the settings are the arguments
            positional = {n for (n, _), known in zip(given, settings, strict=False) if n == known}
            operands = [self.setting(v, e) for n, v in given if n in positional]
            given = [(n, v) for n, v in given if n not in positional]
        keywords = [ast.keyword(name, self.setting(value, e)) for name, value in given]
        return ast.Call(self._function(e), operands, keywords)

    def _function(self, e: Expr) -> ast.expr:
        """Refer to NumPy's function, or to an op that is not NumPy's."""
        op = e.op
        module, *path = full_name(op.numpy).split(".") if op.numpy is not None else ("",)
        if module == "np":
            return self.numpy(*path)
        return self._object(op, op.__name__, "op", e.world)

    # --- names ---

    def numpy(self, *path: str) -> ast.expr:
        """Return ``np.path``, by another name of NumPy where the user has a variable ``np``."""
        name = "np"
        while name in self.taken or self.used.get(name, np) is not np:
            name = "numpy" if name == "np" else f"{name}_"
        if name != "np":
            self.used[name] = np
        tree: ast.expr = ast.Name(name)
        for part in path:
            tree = ast.Attribute(tree, part)
        return tree

    def builtin(self, name: str) -> ast.expr:
        """Return a builtin, or what NumPy has for it where the user has a variable of that name."""
        hidden = name in self.taken or name in self.used
        return self.numpy(_BUILTINS[name]) if hidden else ast.Name(name)

    def _object(self, value: Any, wish: str, otherwise: str, world: Any) -> ast.expr:
        """Refer to an op or array by a name that is its own, the same throughout a derivation."""
        if not wish.isidentifier() or iskeyword(wish):  # a lambda's name is not
            wish = otherwise
        for name in (wish + "_" * i for i in count()):
            others = {"np", *_BUILTINS, *self.taken}
            known = self.used.get(name, world.functions.get(name, value))
            if name not in others and known is value:
                self.used[name] = world.functions[name] = value
                return ast.Name(name)
        raise AssertionError  # `count` has no end

    # --- numbers and arrays ---

    def _leaf(self, e: Expr) -> ast.expr:
        if is_number(e):
            return self._number(e.value.item())
        if isinstance(e.value, np.ndarray):
            if e.label is not None:
                name = str(e.label).rpartition(".")[2]  # self.W is W here
                return self._object(e.value, name, "constant", e.world)
            return self._array(e.value, e.world)
        return ast.parse(str(e.label), mode="eval").body

    def _number(self, value: Any) -> ast.expr:
        """Write a number: what is below zero is an operation, for precedence."""
        if isinstance(value, float) and not math.isfinite(value):
            written = self.numpy("nan" if math.isnan(value) else "inf")
            return ast.UnaryOp(ast.USub(), written) if value < 0 else written
        if isinstance(value, (int, float)) and math.copysign(1, value) < 0:
            return ast.UnaryOp(ast.USub(), self._number(-value))
        if isinstance(value, float) and len(repr(value)) > _LONG and value in _constants():
            tree = ast.parse(_constants()[value], mode="eval")
            spelled: ast.Expression = _Spelled(self).visit(tree)
            return spelled.body
        return ast.Constant(value)

    def _array(self, value: Any, world: Any) -> ast.expr:
        """Write a small array out; a larger one is given a name."""
        if not 0 < value.size <= _SMALL or value.dtype.kind not in "fiub":
            return self._object(value, "constant", "constant", world)
        usual = value.dtype in (np.dtype(float), np.dtype(int), np.dtype(bool))
        keywords = [] if usual else [ast.keyword("dtype", self._type(value.dtype))]
        return ast.Call(self.numpy("array"), [self._nested(value.tolist())], keywords)

    def _nested(self, value: Any) -> ast.expr:
        if isinstance(value, list):
            return ast.List([self._nested(part) for part in value])
        return self._number(value)

    def _type(self, dtype: Any) -> ast.expr:
        dtype = np.dtype(dtype)
        for builtin in (float, int, bool):
            if dtype == np.dtype(builtin):
                return self.builtin(builtin.__name__)
        return self.numpy(dtype.name)

    def _filling(self, e: Expr) -> ast.expr:
        """Write an array of one number over and over."""
        value = e.args[0].value.item()
        value = value if isinstance(value, bool) else float(value)
        plain = not isinstance(value, bool) and math.copysign(1, value) > 0
        name = {0.0: "zeros", 1.0: "ones"}.get(value, "full") if plain else "full"
        filling = [self._number(value)] if name == "full" else []
        return ast.Call(self.numpy(name), [self.setting(e.setting("shape"), e), *filling], [])

    # --- what NumPy makes of truth values and whole numbers ---

    def kind(self, e: Expr) -> str:
        """Return b, i, u or f: the type of what NumPy makes of what is written for `e`."""
        kind: str = e.dtype.kind
        if kind == "b" and e.op is broadcast_to:
            return self.kind(e.args[0])
        if kind not in "biu" or e.op is scatter or (e.op is broadcast_to and is_number(e.args[0])):
            return "f"
        if e.op is None or e.op.dtype is not None or dict(e.settings).get("dtype") is not None:
            return kind
        if e not in self._kinds:
            kinds = [*map(self.kind, e.inputs[:1] if e.op is updated else e.inputs)]
            counted = e.op in _COUNTING and {*kinds} == {"b"} and e not in e.world.calls
            self._kinds[e] = "f" if counted or "f" in kinds else kind
        return self._kinds[e]

    def real(self, e: Expr) -> ast.expr:
        """Write an expression so that floating-point numbers come out."""
        if is_number(e):
            return self._number(float(e.value))
        written = self.expression(e)
        return written if self.kind(e) == "f" else self._cast(written, e)

    def _cast(self, written: ast.expr, e: Expr) -> ast.expr:
        if not e.shape:
            return ast.Call(self.builtin("float"), [written], [])
        return ast.Call(ast.Attribute(written, "astype"), [self.builtin("float")], [])

    def _operands(self, e: Expr) -> list[ast.expr]:
        written = [self.expression(arg) for arg in e.inputs]
        if e.op in _COUNTING and all(self.kind(arg) == "b" for arg in e.inputs):
            written[0] = self._cast(written[0], e.inputs[0])
        elif e.op in _ARITHMETIC:
            for i, arg in enumerate(e.inputs):
                other = e.inputs[1 - i]
                if is_number(arg) and not is_number(other) and self.kind(other) == "f":
                    written[i] = self._number(_whole(arg.value.item()))
        match written:  # x ** -1, not x ** (-1)
            case [base, ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as exponent))] if (
                e.op is power
            ):
                return [base, ast.Constant(-exponent)]
        return written

    # --- settings ---

    def setting(self, value: Any, e: Any) -> ast.expr:
        """Return the syntax tree of a setting; its slots are filled with the args of `e`."""
        if isinstance(value, Expr):
            return self.expression(value)
        if isinstance(value, Slot):
            return self.expression(e.args[value.operand])
        if isinstance(value, Counted):
            return ast.Call(self.builtin("range"), [self.setting(value.size, e)], [])
        if isinstance(value, (Dim, Ratio)):
            return self.expression(value.expr)
        if isinstance(value, (tuple, list)):
            made = ast.List if isinstance(value, list) else ast.Tuple
            return made([self.setting(part, e) for part in value])
        if isinstance(value, slice):
            return ast.Subscript(self.numpy("s_"), self.index(value, e))
        if isinstance(value, np.ndarray):
            return self._array(value, e.world)
        if isinstance(value, (type, np.dtype)):
            return self._type(value)
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, (int, float)):
            return self._number(value)
        if isinstance(value, (str, bytes, complex, type(None), type(...))):
            return ast.Constant(value)
        return self._object(value, "constant", "constant", e.world)

    def index(self, value: Any, e: Any) -> ast.expr:
        """Return the syntax tree of what stands between square brackets."""
        if isinstance(value, slice):
            bounds = (value.start, value.stop, value.step)
            return ast.Slice(*(None if part is None else self.setting(part, e) for part in bounds))
        if isinstance(value, tuple) and not isinstance(value, (Counted, Slot)):
            if len(value) == 1:
                return self.index(value[0], e)
            return ast.Tuple([self.index(part, e) for part in value])
        if isinstance(value, Slot) and self.kind(arg := e.args[value.operand]) != arg.dtype.kind:
            written = self.expression(arg)  # np.zeros(n) for whole numbers
            return ast.Call(ast.Attribute(written, "astype"), [self._type(arg.dtype)], [])
        written = self.setting(value, e)
        if isinstance(written, ast.Call) and isinstance(value, np.ndarray):
            return written.args[0]  # x[[0, 2]], not x[np.array([0, 2])]
        return written

    # --- calls and templates ---

    def _noted(self, e: Expr, noted: Noted) -> ast.expr:
        """Write a call as the user wrote it."""
        function = self.numpy(*noted.function.split(".")[1:])
        keywords = [ast.keyword(name, self.setting(v, e)) for name, v in noted.keywords.items()]
        return ast.Call(function, [self.setting(v, e) for v in noted.args], keywords)

    def _filled(
        self, template: str, e: Expr, operands: list[ast.expr], settings: Mapping[str, Any]
    ) -> ast.expr:
        """Return a template with operands and settings in place of their names."""
        op = e.op

        def several(name: str) -> list[ast.expr]:
            if name not in settings:
                return operands
            value = settings[name]
            parts = value if isinstance(value, (tuple, list)) else (value,)
            return [self.setting(part, e) for part in parts] or [ast.Tuple([])]

        def fill(node: Any) -> Any:
            if isinstance(node, list):
                return [filled for part in node for filled in spread(part)]
            if isinstance(node, ast.Name):
                return named(node.id)
            if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name):
                return ast.Subscript(fill_base(node.value), self.index(settings[node.slice.id], e))
            if isinstance(node, (ast.Attribute, ast.Subscript)):
                return type(node)(fill_base(node.value), fill(node.attr if isinstance(
                    node, ast.Attribute) else node.slice))  # fmt: skip
            if not isinstance(node, ast.AST):
                return node
            return type(node)(**{name: fill(value) for name, value in ast.iter_fields(node)})

        def spread(part: Any) -> list[Any]:
            if isinstance(part, ast.Starred) and isinstance(part.value, ast.Name):
                return several(part.value.id)
            if isinstance(part, ast.keyword) and isinstance(part.value, ast.Name):
                name = part.value.id
                if name in settings and _is_default(settings[name], op.settings[name]):
                    return []
            return [fill(part)]

        def named(name: str) -> ast.expr:
            if name in settings:
                return self.setting(settings[name], e)
            if name not in op.argnames:
                return self.numpy() if name == "np" else self.builtin(name)
            return ast.Tuple(operands) if op.variadic else operands[op.argnames.index(name)]

        def fill_base(node: Any) -> Any:
            """Fill what has a method or an index: a Python number has none."""
            whole = isinstance(node, ast.Name) and node.id in op.argnames and not op.variadic
            if whole and _is_plain(e.inputs[op.argnames.index(node.id)]):
                return ast.Call(self.numpy("asarray"), [fill(node)], [])
            return fill(node)

        made: ast.expr = fill(_parsed(template))
        return made


@cache
def _parsed(template: str) -> ast.expr:
    return ast.parse(template, mode="eval").body


def _is_default(value: Any, default: Any) -> bool:
    if default is inspect.Parameter.empty:
        return False
    return value is default or (type(value) is type(default) is not np.ndarray and value == default)


def _is_plain(e: Expr) -> bool:
    """Whether an expression may be a Python number: made of numbers alone."""
    return not e.shape and all(not part.shape for part in ordered([e]))


def _whole(value: Any) -> Any:
    """Return a number without its decimal point, if it is a whole one and no negative zero."""
    small = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    return int(value) if small and (value or math.copysign(1, value) > 0) else value


def _tidy_axis(e: Expr) -> Any:
    """Return the axes of a reduction as one writes them: every axis needs no mention."""
    axis, ndim = e.setting("axis"), len(e.inputs[0].shape)
    if axis is None or not ndim:
        return None
    if not isinstance(axis, (tuple, list)):
        return normalize_axis(axis, ndim)[0]
    axes = normalize_axis(axis, ndim)
    if len(axes) == ndim and (ndim > 1 or not e.setting("keepdims")):
        return None
    return axes[0] if len(axes) == 1 else axes
