r"""Expressions and statements as LaTeX, for math mode; wants ``amsmath``.

Shapes are known, so scalars stand beside what they scale while arrays meet in a circled dot. How an
op is typeset, its declaration says (`latex`); precedence decides where parentheses stand.
"""

from __future__ import annotations

import inspect
import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..core.shapes import reduced
from ..ops.choices import equal, greater, greater_equal, less, less_equal, not_equal
from ..ops.elementwise import add, divide, multiply, negative, power, subtract
from ..ops.indexing import getitem, scatter
from ..ops.linalg import matmul
from ..ops.shaping import broadcast_to, reshape, transpose
from .expr import Expr, is_number, updated
from .print_numpy import _tidy_axis
from .program import Assign, Size, Statement
from .sizes import Counted, Dim, Ratio, Slot

#: How tightly what has been typeset holds together; a looser part in a tighter place is wrapped.
_SUM, _BIG, _PRODUCT, _CHAIN, _FRACTION, _POWER, _INDEXED, _ATOM = range(8)

_RELATIONS = {less: "<", less_equal: r"\le", greater: ">", greater_equal: r"\ge", equal: "=",
              not_equal: r"\ne"}  # fmt: skip
_COMMA = r",\; "
_SIZE = re.compile(r"(\w+)\.shape\[(\d+)\]")
_GREEK = frozenset(["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota",
                    "kappa", "lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon",
                    "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi",
                    "Sigma", "Phi", "Psi", "Omega"])  # fmt: skip
_SPECIAL = {"_": r"\_", "&": r"\&", "%": r"\%", "#": r"\#", "{": r"\{", "}": r"\}", "^": r"\^{}",
            "~": r"\~{}", "\\": r"\textbackslash{}", "$": r"\$", "<": r"\textless{}",
            ">": r"\textgreater{}", "|": r"\textbar{}"}  # fmt: skip

_Typeset = tuple[str, int]


def latex(e: Expr, names: Mapping[Expr, str] | None = None) -> str:
    """Typeset an expression, by names where its parts have them."""
    return _Typesetter(names or {}).loose(e)


def latex_statement(statement: Statement, names: Mapping[Expr, str] | None = None) -> str:
    """Typeset a statement, by the names that expressions have before it."""
    typesetter = _Typesetter(names or {})
    target = name_latex(statement.target)
    if isinstance(statement, Size):
        return f"{target} = {_size(statement.of, statement.axis, 2)}"
    value = typesetter.loose(statement.value)
    if isinstance(statement, Assign):
        return f"{target} = {value}"
    if statement.index is not None:
        target = typesetter.indexed(_named(statement.target), statement.index, statement)[0]
    if statement.operator == "=":
        return f"{target} = {value}"
    sign = statement.operator[0].replace("*", r"\cdot")
    return rf"{target} \mathrel{{{sign}}}= {value}"


def prose_latex(text: str) -> str:
    r"""Set a sentence in LaTeX, what stands between backticks as code.

    Examples
    --------
    >>> prose_latex("Scaled by `exp_x`.")
    'Scaled by \\texttt{exp\\_x}.'
    """
    escaped = "".join(_SPECIAL.get(letter, letter) for letter in text)
    return re.sub(r"``(.*?)``|`(.*?)`", lambda m: rf"\texttt{{{m[1] or m[2]}}}", escaped)


def name_latex(identifier: str) -> str:
    r"""Typeset a variable: one letter as it is, a trailing number as an index, words upright.

    Examples
    --------
    >>> name_latex("W2"), name_latex("dW"), name_latex("num_examples")
    ('W_{2}', '\\mathrm{d}W', '\\mathit{num\\_examples}')
    """
    if re.fullmatch(rf"d([A-Z]\w*|[a-z]\d*|({'|'.join(_GREEK)})\d*)", identifier):
        return rf"\mathrm{{d}}{name_latex(identifier[1:])}"
    numbered = re.fullmatch(r"(.*[^\d_])(\d+)", identifier)
    letters, digits = numbered.groups() if numbered else (identifier, "")
    greek = unicodedata.name(letters, "").split() if len(letters) == 1 else []
    if greek[:1] == ["GREEK"] and greek[-1].lower() in _GREEK:
        letters = greek[-1].lower() if greek[1] == "SMALL" else greek[-1].capitalize()
    escaped = letters.replace("_", r"\_")
    if letters in _GREEK:
        head = rf"\{letters}"
    else:
        head = escaped if len(letters) == 1 else rf"\mathit{{{escaped}}}"
    return f"{head}_{{{digits}}}" if digits else head


def _named(identifier: str) -> _Typeset:
    text = name_latex(identifier)
    return text, _INDEXED if "_{" in text else _ATOM


def _bracketed(typeset: _Typeset, at_least: int) -> str:
    text, holds = typeset
    return text if holds >= at_least else rf"\left({text}\right)"


class _Typesetter:
    """Typesets expressions, by their names where they have one."""

    def __init__(self, names: Mapping[Expr, str]) -> None:
        self.names = names

    def loose(self, e: Expr) -> str:
        return self.typeset(e)[0]

    def tight(self, e: Expr, at_least: int) -> str:
        return _bracketed(self.typeset(e), at_least)

    def typeset(self, e: Expr) -> _Typeset:
        if e in self.names:
            return _named(self.names[e])
        if e.op is None:
            return self._leaf(e)
        noted = self._noted(e)
        if noted is not None:
            return noted
        if e.op in _RELATIONS:
            left, right = map(self.loose, e.inputs)
            return f"[{left} {_RELATIONS[e.op]} {right}]", _ATOM
        if e.op.shape is reduced and "axis" in e.op.settings:
            return self._big(_head(e.op), e.inputs[0], _tidy_axis(e))
        special = _SPECIAL_OPS.get(e.op)
        return special(self, e) if special is not None else self._function(e)

    def _leaf(self, e: Expr) -> _Typeset:
        if is_number(e):
            return _number(e.value.item())
        size = _SIZE.fullmatch(str(e.label))
        if size:
            array = e.world.table.get(("leaf", size[1]))
            return _size(size[1], int(size[2]), 0 if array is None else len(array.shape)), _ATOM
        if e.label is not None:
            return _named(str(e.label))
        return (
            self._array(e.value.tolist()) if e.value.size <= 12 else r"\mathit{constant}"
        ), _ATOM

    def _array(self, value: Any) -> str:
        if isinstance(value, list):
            return rf"\left({_COMMA.join(map(self._array, value))}\right)"
        return _number(value)[0]

    # --- arithmetic ---

    def _sum(self, e: Expr) -> _Typeset:
        left, right = e.inputs
        sign = "+" if e.op is add else "-"
        return f"{self.loose(left)} {sign} {self.tight(right, _BIG)}", _SUM

    def _negative(self, e: Expr) -> _Typeset:
        return f"-{self.tight(e.inputs[0], _BIG)}", _SUM

    def _times(self, e: Expr) -> _Typeset:
        left, right = e.inputs
        if left.op is negative and left not in self.names:  # -(a b), not (-a) b
            (inner,) = left.inputs
            return f"-{self._multiplied(inner, right)}", _SUM
        return self._multiplied(left, right), _PRODUCT

    def _multiplied(self, left: Expr, right: Expr) -> str:
        times = r"\odot" if left.shape and right.shape else r"\,"
        times = r"\cdot" if is_number(right) else times
        return f"{self.tight(left, _PRODUCT)} {times} {self.tight(right, _CHAIN)}"

    def _fraction(self, e: Expr) -> _Typeset:
        above, below = map(self.loose, e.inputs)
        return rf"\frac{{{above}}}{{{below}}}", _FRACTION

    def _power(self, e: Expr) -> _Typeset:
        base, exponent = e.inputs
        return f"{self.tight(base, _INDEXED)}^{{{self.loose(exponent)}}}", _POWER

    def _matmul(self, e: Expr) -> _Typeset:
        left, right = e.inputs
        return rf"{self.tight(left, _CHAIN)} \, {self.tight(right, _FRACTION)}", _CHAIN

    # --- arrays ---

    def _transpose(self, e: Expr) -> _Typeset:
        (x,) = e.inputs
        if not _reverses(e):
            axes = _COMMA.join(str(axis) for axis in e.setting("axes"))
            return rf"\operatorname{{transpose}}_{{{axes}}}\left({self.loose(x)}\right)", _ATOM
        if len(x.shape) < 2:
            return self.typeset(x)
        if x.op is transpose and x not in self.names and _reverses(x):
            return self.typeset(x.inputs[0])
        return rf"{self.tight(x, _INDEXED)}^{{\top}}", _POWER

    def _broadcast(self, e: Expr) -> _Typeset:
        (x,) = e.inputs
        if not is_number(x) or not e.shape:
            return self.typeset(x)
        value = x.value.item()
        ones = rf"\mathbf{{{int(value != 0)}}}_{{{self._shape(e)}}}"
        if value in (0, 1):
            return ones, _INDEXED
        return rf"{_bracketed(_number(value), _PRODUCT)} \, {ones}", _PRODUCT

    def _reshape(self, e: Expr) -> _Typeset:
        (x,) = e.inputs
        if [n for n in x.shape if n != 1] == [n for n in e.shape if n != 1]:
            return self.typeset(x)  # axes of size 1 are there for broadcasting: the reader sees it
        return rf"\operatorname{{reshape}}_{{{self._shape(e)}}}\left({self.loose(x)}\right)", _ATOM

    def _shape(self, e: Expr) -> str:
        return r" \times ".join(self.setting(size, e) for size in e.shape)

    def _getitem(self, e: Expr) -> _Typeset:
        return self.indexed(self.typeset(e.inputs[0]), e.setting("index"), e)

    def _scatter(self, e: Expr) -> _Typeset:
        """Typeset zeros with values put in: the values, and a bar with their places."""
        where = self.indexed(("", _ATOM), e.setting("index"), e)[0]
        return rf"\left({self.loose(e.inputs[0])}\right)\big|{where}", _INDEXED

    def _updated(self, e: Expr) -> _Typeset:
        """Typeset an array with some entries replaced: the array, and a bar with the change."""
        x, value = e.inputs
        where = self.indexed(("", _ATOM), e.setting("index"), e)[0][2:-1]
        change = rf"{where} \leftarrow {self.loose(value)}"
        return rf"{self.tight(x, _ATOM)}\big|_{{{change}}}", _INDEXED

    def indexed(self, base: _Typeset, index: Any, e: Any) -> _Typeset:
        """Typeset an array with an index; `e` has the args for the index's slots."""
        parts = index if type(index) is tuple else (index,)
        whole = slice(None)
        if all(part is None or part is ... or (isinstance(part, slice) and part == whole)
               for part in parts):  # fmt: skip
            return base  # for broadcasting only: the reader sees it
        shown = _COMMA.join(self.setting(part, e) for part in parts)
        return f"{_bracketed(base, _ATOM)}_{{[{shown}]}}", _INDEXED

    def setting(self, value: Any, e: Any) -> str:
        """Typeset a setting, or a part of an index."""
        if isinstance(value, Expr):
            return self.loose(value)
        if isinstance(value, Slot):
            return self.loose(e.args[value.operand])
        if isinstance(value, Counted):
            last = f"{self.setting(value.size, e)}-1" if isinstance(value.size, Dim) else (
                value.size - 1)  # fmt: skip
            return rf"0 \ldots {last}"
        if isinstance(value, (Dim, Ratio)):
            return self.loose(value.expr)
        if isinstance(value, slice):
            start, stop = (
                "" if b is None else self.setting(b, e) for b in (value.start, value.stop)
            )
            return f"{start}:{stop}" + (f":{value.step}" if value.step is not None else "")
        if isinstance(value, np.ndarray):
            return self._array(value.tolist())
        if isinstance(value, (tuple, list)):
            return rf"\left({_COMMA.join(self.setting(part, e) for part in value)}\right)"
        if isinstance(value, (int, float, np.number)):
            return _number(value)[0]
        if value is None or value is ...:
            return r"\cdot" if value is None else r"\ldots"
        return rf"\texttt{{{prose_latex(str(value))}}}"

    # --- functions ---

    def _big(self, sign: str, of: Expr, axis: Any) -> _Typeset:
        """Typeset a reduction: with the axis below the sign, as one writes an index."""
        axes = axis if isinstance(axis, tuple) else (axis,)
        what = "axis" if len(axes) == 1 else "axes"
        below = rf"_{{\text{{{what} }}{', '.join(map(str, axes))}}}" if axis is not None else ""
        return rf"{sign}{below} {self.tight(of, _BIG)}", _BIG

    def _noted(self, e: Expr) -> _Typeset | None:
        """Typeset a call as the user wrote it, if there was one."""
        noted = e.world.calls.get(e)
        if noted is None:
            return None
        function: Any = np
        for part in noted.function.split(".")[1:]:
            function = getattr(function, part)
        given = inspect.signature(function).bind(*noted.args, **noted.keywords).arguments
        (_, first), *rest = given.items()
        if function is np.outer:
            columns, rows = map(self.tight, noted.args, (_PRODUCT, _INDEXED))
            return rf"{columns} \, {rows}^{{\top}}", _PRODUCT
        head = _operator(function.__name__)
        if isinstance(first, Expr) and {name for name, _ in rest} <= {"axis", "keepdims"}:
            return self._big(head, first, given.get("axis"))
        return self._call(head, [first], rest, e)

    def _function(self, e: Expr) -> _Typeset:
        op, template = e.op, e.op.latex
        if "#" not in template:
            settings = [(n, v) for n, v in e.settings if v is not op.settings[n]]
            return self._call(_head(op), [*e.inputs], settings, e)
        shown = {str(i): self.loose(x) for i, x in enumerate(e.inputs, 1)}
        if template.startswith("#1") and template != "#1":
            shown["1"] = self.tight(e.inputs[0], _INDEXED)
        text = re.sub(r"#(\d)", lambda m: shown[m[1]], template)
        if template == "#1":
            return self.typeset(e.inputs[0])
        levels = ((r"\,", _CHAIN), ("^", _POWER), ("_", _INDEXED))
        return text, next((level for mark, level in levels if mark in template), _ATOM)

    def _call(self, head: str, inputs: list[Any], settings: list[Any], e: Expr) -> _Typeset:
        listed = [self.setting(value, e) for value in inputs]
        listed += [rf"\mathrm{{{prose_latex(n)}}}={self.setting(v, e)}" for n, v in settings]
        return rf"{head}\left({_COMMA.join(listed)}\right)", _ATOM


#: Ops that are typeset by their structure.
_SPECIAL_OPS: dict[Any, Callable[[_Typesetter, Expr], _Typeset]] = {
    add: _Typesetter._sum, subtract: _Typesetter._sum, negative: _Typesetter._negative,
    multiply: _Typesetter._times, divide: _Typesetter._fraction, power: _Typesetter._power,
    matmul: _Typesetter._matmul, transpose: _Typesetter._transpose,
    getitem: _Typesetter._getitem, scatter: _Typesetter._scatter, updated: _Typesetter._updated,
    reshape: _Typesetter._reshape,
    broadcast_to: _Typesetter._broadcast,
}  # fmt: skip


def _head(op: Any) -> str:
    return op.latex or _operator(op.numpy.__name__ if op.numpy is not None else op.__name__)


def _operator(name: str) -> str:
    return rf"\operatorname{{{prose_latex(name)}}}"


def _reverses(e: Expr) -> bool:
    """Whether a transpose reverses the order of the axes."""
    axes, ndim = e.setting("axes"), len(e.shape)
    return axes is None or [axis % ndim for axis in axes] == [*range(ndim)][::-1]


def _size(array: str, axis: int, ndim: int) -> str:
    """Typeset a size that has no name of the user's."""
    name = name_latex(array)
    if ndim == 2:
        return rf"\mathrm{{{('rows', 'columns')[axis]}}}\left({name}\right)"
    return rf"\mathrm{{size}}_{{{axis}}}\left({name}\right)"


def _number(value: Any) -> _Typeset:
    if isinstance(value, (bool, np.integer)):
        value = int(value)
    if value != value or value in (np.inf, -np.inf):
        text = r"\mathrm{nan}" if value != value else r"\infty"
    elif isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        text = str(abs(int(value)))
    else:
        digits, _, exponent = repr(abs(value)).partition("e")
        text = digits
        if exponent:
            text = ("" if digits == "1" else rf"{digits} \cdot ") + f"10^{{{int(exponent)}}}"
    if value < 0:
        return f"-{text}", _SUM
    return text, _PRODUCT if r"\cdot" in text else _POWER if "^" in text else _ATOM
