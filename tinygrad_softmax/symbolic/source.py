"""The derived function as Python source: forward lines, gradient lines, return.

Imports `text`. What has a name of the user's, or is used more than once, gets a line; a scatter
becomes a copy and an update in place, as a person would write it.
"""

from __future__ import annotations

import ast
from fractions import Fraction

from ..ops import choices
from ..ops.indexing import getitem
from ..ops.shaping import broadcast_to, reshape, transpose
from .align import REALIGN, expanded
from .expr import Expr
from .kinds import cast, is_real
from .terms import Number, is_number
from .text import Writer
from .updates import Update, meets_once, update_of

#: Ops that only look at their operand another way.
_VIEWS = (REALIGN, broadcast_to, reshape, transpose, getitem)


class Lines:
    """Statements of a function body, in the making."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.body: list[ast.stmt] = []

    def assign(self, name: str, e: Expr) -> None:
        """Write ``name = e``, a value as the user wrote it."""
        self.body.append(_assign(ast.Name(name), self.writer.write(e)))
        self.writer.names.setdefault(e, name)

    def slope(self, name: str, e: Expr) -> None:
        """Write a gradient, in several statements if it is made of a scatter or a mask."""
        if not self._scattered(name, e) and not self._masked(name, e):
            written = self.writer.write(e)
            if is_number(e):
                written = ast.Constant(float(e.value))
            elif not e.shape and not is_real(e):
                written = ast.Call(self.writer.builtin("float", "float64"), [written], [])
            elif not is_real(e):
                written = cast(self.writer, written)
            self.body.append(_assign(ast.Name(name), written))
        self.writer.names.setdefault(e, name)

    def _masked(self, name: str, e: Expr) -> bool:
        """Write ``a * (h > 0)`` as a, and zeros put in where h <= 0, if a is new."""
        algebra, writer = self.writer.algebra, self.writer
        coef, factors = algebra.factors(e)
        masks = [b for b, k in factors.items() if b.op is choices.greater and k == 1]
        if len(masks) != 1 or masks[0].args[0].op is not None or len(factors) < 2:
            return False
        rest = algebra.product(coef, {b: k for b, k in factors.items() if b is not masks[0]})
        whole = tuple(rest.shape) == tuple(masks[0].shape) == tuple(e.shape)
        if not whole or rest.op is None or rest in writer.names or not (e.shape and is_real(rest)):
            return False
        h, bound = masks[0].args
        off = ast.Compare(writer.write(h), [ast.LtE()], [writer.write(bound)])
        self.body.append(_assign(ast.Name(name), _own(rest, writer.write(rest))))
        self.body.append(_assign(ast.Subscript(ast.Name(name), off), ast.Constant(0)))
        return True

    def _scattered(self, name: str, e: Expr) -> bool:
        """Write ``(a + scatter) * c`` as a copy of a, an update in place, and a scaling."""
        update = update_of(self.writer.algebra, e)
        if update is None or update.inner in self.writer.names:
            return False
        target = ast.Name(name)
        self.body.append(_assign(target, self._start(update)))
        for scatter, values, c in update.added:
            self._add(target, scatter, values, c)
        if not (is_number(update.outside) and update.outside.value == 1):
            self._scale(target, update.outside)
        return True

    def _start(self, update: Update) -> ast.expr:
        """What the update is made on: an array of its own, of floating-point numbers."""
        rest, writer = update.rest, self.writer
        whole = expanded(writer.algebra, rest, update.inner.shape)
        written = writer.write(whole)
        if is_number(rest) and not isinstance(written, ast.Name):
            return written
        return _own(whole, written) if is_real(whole) else cast(self.writer, written)

    def _add(self, target: ast.Name, scatter: Expr, values: Expr, c: Number) -> None:
        algebra, writer = self.writer.algebra, self.writer
        values = algebra.scale(values, c)
        c = algebra.factors(values)[0]
        written = writer.write(algebra.scale(values, Fraction(-1)) if c < 0 else values)
        index = scatter.setting("index")
        if meets_once(scatter):
            place = ast.Subscript(target, writer.index(index, scatter))
            op: ast.operator = ast.Sub() if c < 0 else ast.Add()
            self.body.append(ast.AugAssign(place, op, written))
            return
        ufunc = writer.numpy("subtract" if c < 0 else "add")
        arguments = [target, writer.setting(index, scatter), written]
        self.body.append(ast.Expr(ast.Call(ast.Attribute(ufunc, "at"), arguments, [])))

    def _scale(self, target: ast.Name, by: Expr) -> None:
        algebra, writer = self.writer.algebra, self.writer
        coef, factors = algebra.factors(by)
        if coef == 1 and all(k < 0 for k in factors.values()):
            divisor = algebra.power(by, Fraction(-1))
            self.body.append(ast.AugAssign(target, ast.Div(), writer.write(divisor)))
        else:
            self.body.append(ast.AugAssign(target, ast.Mult(), writer.write(by)))


def _own(e: Expr, written: ast.expr) -> ast.expr:
    """Return what is written as an array of its own, for it will be changed in place."""
    shared = isinstance(written, ast.Name) or e.op in _VIEWS
    return ast.Call(ast.Attribute(written, "copy"), [], []) if shared else written


def _assign(target: ast.expr, value: ast.expr) -> ast.stmt:
    return ast.Assign([target], value)
