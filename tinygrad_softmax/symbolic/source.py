"""The derived function as Python source: forward lines, gradient lines, return.

Imports `text`. What has a name of the user's, or is used more than once, gets a line; a scatter
becomes a copy and an update in place, as a person would write it.
"""

from __future__ import annotations

import ast
from fractions import Fraction

from ..ops import indexing, selection
from .algebra import Algebra
from .expr import Expr
from .sizes import Counted, Slot
from .terms import LINEAR, is_number
from .text import Writer


class Lines:
    """Statements of a function body, in the making."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.body: list[ast.stmt] = []

    def assign(self, name: str, e: Expr) -> None:
        """Write ``name = e``, in several statements if `e` is made of a scatter."""
        if not self._scattered(name, e) and not self._masked(name, e):
            self.body.append(_assign(ast.Name(name), self.writer.write(e)))
        self.writer.names.setdefault(e, name)

    def _masked(self, name: str, e: Expr) -> bool:
        """Write ``a * (h > 0)`` as a, and zeros put in where h <= 0, if a is new."""
        algebra, writer = self.writer.algebra, self.writer
        coef, factors = algebra.factors(e)
        masks = [b for b, k in factors.items() if b.primitive is selection.greater and k == 1]
        if len(masks) != 1 or masks[0].args[0].primitive is not None or len(factors) < 2:
            return False
        rest = algebra.product(coef, {b: k for b, k in factors.items() if b is not masks[0]})
        whole = tuple(rest.shape) == tuple(masks[0].shape) == tuple(e.shape)
        if not whole or rest.primitive is None or rest in writer.names:
            return False
        h, bound = masks[0].args
        off = ast.Compare(writer.write(h), [ast.LtE()], [writer.write(bound)])
        self.body.append(_assign(ast.Name(name), writer.write(rest)))
        self.body.append(_assign(ast.Subscript(ast.Name(name), off), ast.Constant(0)))
        return True

    def _scattered(self, name: str, e: Expr) -> bool:
        """Write ``(a + scatter) * c`` as a copy of a, an update in place, and a scaling."""
        algebra, writer = self.writer.algebra, self.writer
        coef, factors = algebra.factors(e)
        inner = next((b for b, k in factors.items() if k == 1 and (
            b.primitive is LINEAR or b.primitive is indexing.scatter)), e)  # fmt: skip
        terms = algebra.terms(inner)
        scatters = {t: s for t in terms if (s := _scatter_of(algebra, t)) is not None}
        if len(scatters) != 1 or inner in writer.names:
            return False
        ((term, base),) = scatters.items()
        c = terms[term]
        rest = algebra.linear({t: k for t, k in terms.items() if t is not term})
        target = ast.Name(name)
        if is_number(rest) and rest.value == 0:
            into = writer.setting(base.setting("into"), base)
            start: ast.expr = ast.Call(ast.Attribute(ast.Name("np"), "zeros"), [into], [])
        else:
            written = writer.write(rest)
            whole = tuple(rest.shape) == tuple(base.shape)
            named = isinstance(written, (ast.Name, ast.Subscript, ast.Attribute))
            if not whole:
                shape = writer.setting(tuple(base.shape), base)
                written = ast.Call(
                    ast.Attribute(ast.Name("np"), "broadcast_to"), [written, shape], []
                )
            if rest.dtype == bool:
                start = ast.Call(ast.Attribute(written, "astype"), [ast.Name("float")], [])
            elif named or not whole:
                start = ast.Call(ast.Attribute(written, "copy"), [], [])
            else:
                start = written
        self.body.append(_assign(target, start))
        values = algebra.times(base.args[0], *(
            algebra.power(b, k) for b, k in algebra.factors(term)[1].items() if b is not base
        ))  # fmt: skip
        values = algebra.scale(values, -c if c < 0 else c)
        index = base.setting("index")
        if _meets_once(base):
            place = ast.Subscript(target, writer.index(index, base))
            op: ast.operator = ast.Sub() if c < 0 else ast.Add()
            self.body.append(ast.AugAssign(place, op, writer.write(values)))
        else:
            function = ast.Attribute(
                ast.Attribute(ast.Name("np"), "subtract" if c < 0 else "add"), "at"
            )
            self.body.append(
                ast.Expr(
                    ast.Call(
                        function, [target, writer.setting(index, base), writer.write(values)], []
                    )
                )
            )
        outside = algebra.product(coef, {b: k for b, k in factors.items() if b is not inner})
        if inner is not e and not (is_number(outside) and outside.value == 1):
            self._scale(target, outside)
        return True

    def _scale(self, target: ast.Name, by: Expr) -> None:
        algebra, writer = self.writer.algebra, self.writer
        coef, factors = algebra.factors(by)
        if coef == 1 and all(k < 0 for k in factors.values()):
            divisor = algebra.power(by, Fraction(-1))
            self.body.append(ast.AugAssign(target, ast.Div(), writer.write(divisor)))
        else:
            self.body.append(ast.AugAssign(target, ast.Mult(), writer.write(by)))


def _scatter_of(algebra: Algebra, term: Expr) -> Expr | None:
    """The scatter in a term that is a scatter times scalars."""
    _, factors = algebra.factors(term)
    found = [b for b, k in factors.items() if b.primitive is indexing.scatter and k == 1]
    if len(found) == 1 and all(b is found[0] or not b.shape for b in factors):
        return found[0]
    return None


def _meets_once(e: Expr) -> bool:
    """Whether the scatter's index surely names no place twice."""
    index = e.setting("index")
    parts = (
        index if isinstance(index, tuple) and not isinstance(index, (Counted, Slot)) else (index,)
    )
    moving = [p for p in parts if isinstance(p, (Counted, Slot)) or hasattr(p, "shape")]
    if not moving:
        return True
    flat = all(not isinstance(p, Slot) or len(e.args[p.operand].shape) <= 1 for p in moving)
    return flat and any(isinstance(p, Counted) for p in moving)


def _assign(target: ast.expr, value: ast.expr) -> ast.stmt:
    return ast.Assign([target], value)
