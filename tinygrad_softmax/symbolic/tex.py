"""NumPy text as LaTeX: the same syntax tree, in a mathematician's hand.

Imports nothing of the package. It reads Python's own syntax tree, so whatever `text` can write can
be typeset; precedence decides where parentheses stand, as it does in Python.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Set

#: How tightly what has been typeset holds together; a looser part in a tighter place is wrapped.
_SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(5)

_COMPARE = {ast.Lt: "<", ast.LtE: r"\le", ast.Gt: ">", ast.GtE: r"\ge", ast.Eq: "=",
            ast.NotEq: r"\ne"}  # fmt: skip
_FUNCTIONS = {name: f"\\{name}" for name in ("exp", "log", "sin", "cos", "tanh", "sinh", "cosh")}
_FUNCTIONS |= {"maximum": r"\max", "minimum": r"\min"}
_BIG = {"sum": r"\sum", "max": r"\max", "min": r"\min", "mean": r"\operatorname{mean}"}

_AT = re.compile(r"(np|numpy_*)\.(add|subtract)\.at")
_COMMA = r",\; "
_GREEK = frozenset(["alpha", "beta", "gamma", "delta", "eta", "theta", "kappa", "lambda", "mu",
                    "nu", "xi", "rho", "sigma", "tau", "phi", "chi", "psi", "omega"])  # fmt: skip

_Typeset = tuple[str, int]


def tex(code: str | ast.AST, scalars: Set[str] = frozenset()) -> str:
    r"""Typeset an expression or a statement of NumPy code.

    Parameters
    ----------
    code : str or AST
        An expression, an assignment or an update in place.
    scalars : set of str
        Names that stand for a single number: they are written beside what they multiply, while
        arrays are multiplied entry by entry with a circled dot.

    Returns
    -------
    str
        LaTeX for math mode; wants ``amsmath``.

    Examples
    --------
    >>> tex("X.T @ dscores + reg * W", {"reg"})
    'X^{\\top} \\, \\mathit{dscores} + \\mathit{reg} \\, W'
    >>> tex("probs[range(N), y] -= 1")
    '\\mathit{probs}_{[1 \\ldots N,\\; y]} \\mathrel{-}= 1'
    """
    node = ast.parse(code).body[0] if isinstance(code, str) else code
    return _Writer(scalars).statement(node)


def name(identifier: str) -> str:
    r"""Typeset a variable: one letter as it is, a trailing number as an index, words upright.

    Examples
    --------
    >>> name("W2"), name("dW"), name("num_examples")
    ('W_{2}', '\\mathrm{d}W', '\\mathit{num\\_examples}')
    """
    if re.fullmatch(rf"d([A-Z]\w*|[a-z]\d*|{'|'.join(_GREEK)})", identifier):
        return rf"\mathrm{{d}}{name(identifier[1:])}"
    letters, digits = re.fullmatch(r"(.*?)(\d*)", identifier).groups()  # type: ignore[union-attr]
    escaped = letters.replace("_", r"\_")
    if letters in _GREEK:
        head = rf"\{letters}"
    else:
        head = escaped if len(letters) == 1 else rf"\mathit{{{escaped}}}"
    return f"{head}_{{{digits}}}" if digits else head


class _Writer:
    """Typesets nodes of a syntax tree."""

    def __init__(self, scalars: Set[str]) -> None:
        self.scalars = scalars

    def statement(self, node: ast.AST) -> str:
        if isinstance(node, ast.Expr):
            return self._scatter(node.value) or self.loose(node.value)
        if isinstance(node, ast.Assign):
            return f"{self.loose(node.targets[0])} = {self.loose(node.value)}"
        if isinstance(node, ast.AugAssign):
            sign = {ast.Add: "+", ast.Sub: "-", ast.Mult: r"\cdot"}.get(type(node.op), "/")
            target, value = self.loose(node.target), self.loose(node.value)
            return rf"{target} \mathrel{{{sign}}}= {value}"
        return self.loose(node)

    def _scatter(self, node: ast.expr) -> str | None:
        """Typeset ``np.add.at(a, index, v)`` as the update in place that it is."""
        what = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if not isinstance(node, ast.Call) or not _AT.fullmatch(what):
            return None
        array, index, value = node.args
        op = ast.Add() if what.endswith("add.at") else ast.Sub()
        return self.statement(ast.AugAssign(ast.Subscript(array, index), op, value))

    def loose(self, node: ast.AST) -> str:
        return self.typeset(node)[0]

    def tight(self, node: ast.AST, at_least: int) -> str:
        text, holds = self.typeset(node)
        return text if holds >= at_least else rf"\left({text}\right)"

    def typeset(self, node: ast.AST) -> _Typeset:
        kinds: dict[type[ast.AST], Callable[..., _Typeset]] = {
            ast.Name: self._name, ast.Constant: self._constant, ast.BinOp: self._binary,
            ast.UnaryOp: self._sign, ast.Compare: self._compare, ast.Call: self._call,
            ast.Subscript: self._subscript, ast.Attribute: self._attribute, ast.Tuple: self._tuple,
            ast.Slice: self._slice, ast.List: self._tuple,
        }  # fmt: skip
        found = kinds.get(type(node))
        if found is None:  # whatever else Python can say stands as code
            return rf"\texttt{{{ast.unparse(node)}}}", _ATOM
        return found(node)

    def _name(self, node: ast.Name) -> _Typeset:
        return name(node.id), _ATOM

    def _constant(self, node: ast.Constant) -> _Typeset:
        if isinstance(node.value, float) and "e" in repr(node.value):
            digits, exponent = repr(node.value).split("e")
            times = "" if digits == "1" else rf"{digits} \cdot "
            return rf"{times}10^{{{int(exponent)}}}", _PRODUCT if times else _POWER
        if isinstance(node.value, str):
            return rf"\texttt{{{node.value}}}", _ATOM
        return str(node.value), _ATOM

    def _binary(self, node: ast.BinOp) -> _Typeset:
        left, right = node.left, node.right
        if isinstance(left, ast.UnaryOp) and isinstance(node.op, ast.Mult | ast.Div | ast.MatMult):
            # -(a b), not (-a) b
            return self._sign(ast.UnaryOp(left.op, ast.BinOp(left.operand, node.op, right)))
        if isinstance(node.op, ast.Add | ast.Sub):
            sign = "+" if isinstance(node.op, ast.Add) else "-"
            after = self.tight(right, _PRODUCT)
            return f"{self.loose(left)} {sign} {after}", _SUM
        if isinstance(node.op, ast.Div):
            return rf"\frac{{{self.loose(left)}}}{{{self.loose(right)}}}", _PRODUCT
        if isinstance(node.op, ast.Pow):
            return f"{self.tight(left, _ATOM)}^{{{self.loose(right)}}}", _POWER
        times = r"\odot"
        if isinstance(node.op, ast.MatMult) or self._is_number(left) or self._is_number(right):
            times = r"\,"
            if isinstance(right, ast.Constant) and not isinstance(node.op, ast.MatMult):
                times = r"\cdot"
        return f"{self.tight(left, _PRODUCT)} {times} {self.tight(right, _SIGN)}", _PRODUCT

    def _is_number(self, node: ast.AST) -> bool:
        """Whether an expression is surely a single number."""
        if isinstance(node, ast.Constant):
            return True
        if isinstance(node, ast.Name):
            return node.id in self.scalars
        if isinstance(node, ast.BinOp):
            return self._is_number(node.left) and self._is_number(node.right)
        if isinstance(node, ast.UnaryOp):
            return self._is_number(node.operand)
        return isinstance(node, ast.Subscript) and _is_size(node)

    def _sign(self, node: ast.UnaryOp) -> _Typeset:
        sign = {ast.USub: "-", ast.Invert: r"\neg "}.get(type(node.op), "+")
        return f"{sign}{self.tight(node.operand, _PRODUCT)}", _SUM

    def _compare(self, node: ast.Compare) -> _Typeset:
        relation = _COMPARE.get(type(node.ops[0]), "?")
        return rf"[{self.loose(node.left)} {relation} {self.loose(node.comparators[0])}]", _ATOM

    def _attribute(self, node: ast.Attribute) -> _Typeset:
        if node.attr == "T":
            return rf"{self.tight(node.value, _ATOM)}^{{\top}}", _POWER
        return rf"{self.tight(node.value, _ATOM)}.\mathrm{{{node.attr}}}", _ATOM

    def _tuple(self, node: ast.Tuple | ast.List) -> _Typeset:
        return rf"\left({self._listed(node.elts)}\right)", _ATOM

    def _listed(self, parts: list[ast.expr]) -> str:
        return _COMMA.join(map(self.loose, parts))

    def _slice(self, node: ast.Slice) -> _Typeset:
        bounds = (self.loose(b) if b is not None else "" for b in (node.lower, node.upper))
        step = f":{self.loose(node.step)}" if node.step is not None else ""
        return rf"{':'.join(bounds)}{step}", _ATOM

    def _subscript(self, node: ast.Subscript) -> _Typeset:
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if _is_size(node):
            value = node.value.value  # type: ignore[attr-defined] # _is_size has looked
            return rf"\left|{self.loose(value)}\right|_{{{self._listed(parts)}}}", _ATOM
        if all(_is_new_axis(part) for part in parts):  # only for broadcasting: the reader sees it
            return self.tight(node.value, _ATOM), _ATOM
        base = self.typeset(node.value)
        text = base[0] if base[1] >= _ATOM and "_{" not in base[0][-12:] else f"({base[0]})"
        return f"{text}_{{[{self._listed(parts)}]}}", _ATOM

    def _call(self, node: ast.Call) -> _Typeset:
        called = node.func
        what = called.attr if isinstance(called, ast.Attribute) else ast.unparse(called)
        options = {k.arg: k.value for k in node.keywords}
        if what == "range" and len(node.args) == 1:
            return rf"1 \ldots {self.loose(node.args[0])}", _SUM
        if what in _BIG:
            return self._big(_BIG[what], node.args[0], options.get("axis"))
        if what == "sqrt":
            return rf"\sqrt{{{self.loose(node.args[0])}}}", _ATOM
        if what == "copy" and isinstance(called, ast.Attribute):
            return self.typeset(called.value)
        if isinstance(called, ast.Subscript) and ast.unparse(called.value) == "at":
            where = self.loose(called)[len(r"\mathit{at}") :]
            return rf"\left({self._listed(node.args)}\right)\big|{where}", _ATOM
        words = rf"\operatorname{{{what.replace('_', chr(92) + '_')}}}"
        if isinstance(called, ast.Attribute) and not re.fullmatch(
            "np|numpy_*", ast.unparse(called.value)
        ):
            words = rf"{self.tight(called.value, _ATOM)}.{words}"
        listed = [*map(self.loose, node.args)]
        listed += [rf"\mathrm{{{key}}}={self.loose(value)}" for key, value in options.items()]
        return rf"{_FUNCTIONS.get(what, words)}\left({_COMMA.join(listed)}\right)", _ATOM

    def _big(self, sign: str, of: ast.expr, axis: ast.expr | None) -> _Typeset:
        """Typeset a reduction: with the axis below the sign, as one writes an index."""
        below = rf"_{{\text{{axis }}{self.loose(axis)}}}" if axis is not None else ""
        return rf"{sign}{below} {self.tight(of, _PRODUCT)}", _PRODUCT


def _is_size(node: ast.Subscript) -> bool:
    """Whether a subscript is a size: ``X.shape[0]``."""
    return isinstance(node.value, ast.Attribute) and node.value.attr == "shape"


def _is_new_axis(part: ast.AST) -> bool:
    return (isinstance(part, ast.Constant) and part.value is None) or (
        isinstance(part, ast.Slice) and part.lower is part.upper is None
    )
