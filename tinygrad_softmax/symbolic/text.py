"""The fourth reading of the ops: expressions as the NumPy that a person would write.

Imports `algebra` and `align`. Builds a Python syntax tree, never strings, so precedence is Python's
own business.
"""

from __future__ import annotations

import ast
from fractions import Fraction
from itertools import count
from keyword import iskeyword
from typing import Any

import numpy as np

from ..core.dispatch import full_name
from ..ops import reductions
from .algebra import Algebra
from .arguments import Arguments
from .expr import Expr
from .kinds import cast, leads
from .notation import SPECIAL
from .terms import LINEAR, PRODUCT

_STRETCHING = (LINEAR, PRODUCT)


class Writer(Arguments):
    """Writes expressions, by their names where they have one."""

    def __init__(self, algebra: Algebra) -> None:
        super().__init__(algebra.world.taken)
        self.algebra = algebra
        self.names: dict[Expr, str] = {}
        self.slack = 0  # how many axes what is written may have, the leading ones of size 1

    def write(self, e: Expr) -> ast.expr:
        """Return the syntax tree of an expression."""
        if e in self.names:
            return ast.Name(self.names[e])
        if e.op is None:
            return self._leaf(e)
        slack = self.slack
        if leads(e) and len(e.args[0].shape) <= slack and not self._reduces(e.args[0]):
            return self.write(e.args[0])  # v, not v[0], where it is stretched to that shape anyway
        self.slack = max(slack, len(e.shape)) if e.op in _STRETCHING or (
            e.op.elementwise) else 0  # fmt: skip
        written = self._written(e)
        self.slack = slack
        return written

    def _reduces(self, e: Expr) -> bool:
        """Whether this is a sum that can be written without the axes that it kept."""
        return e.op is reductions.sum and e not in self.names

    def _written(self, e: Expr) -> ast.expr:
        if e in e.world.calls:
            return self._noted(e.world.calls[e])
        if e.op is LINEAR:
            return self._linear(e)
        if e.op is PRODUCT:
            return self._product(e)
        if e.op.symbol:
            tree: Any = ast.parse(f"x {e.op.symbol} y", mode="eval").body
            left, right = map(self.write, e.args)
            if isinstance(tree, ast.BinOp):
                return ast.BinOp(left, tree.op, right)
            return ast.Compare(left, tree.ops, [right])
        special = SPECIAL.get(e.op.kind)
        return special(self, e) if special else self._call(e)

    def _leaf(self, e: Expr) -> ast.expr:
        if e.label is not None:
            return ast.parse(str(e.label), mode="eval").body
        return self._constant(e.value)

    def _call(self, e: Expr) -> ast.expr:
        op = e.op
        keywords = [ast.keyword(name, self.setting(value, e)) for name, value in e.settings
                    if value != op.settings.get(name)]  # fmt: skip
        if op.numpy is not None:
            module, *path = full_name(op.numpy).split(".")
            function = self.numpy(*path) if module == "np" else self._named(op)
        elif op.kind and hasattr(np, op.kind):
            function = self.numpy(op.kind)
        else:
            function = self._named(op)
        return ast.Call(function, [self.write(arg) for arg in e.inputs], keywords)

    def _named(self, op: Any) -> ast.expr:
        """Refer to an op of the user's, of which there may be several with one name."""
        plain = op.__name__.isidentifier() and not iskeyword(op.__name__)  # a lambda's is not
        names = ((op.__name__ if plain else "op") + "_" * i for i in count())
        known = self.algebra.world.functions
        name = next(n for n in names if n not in self.taken and known.get(n, op) is op)
        self.used[name] = known[name] = op
        return ast.Name(name)

    # --- sums ---

    def _linear(self, e: Expr) -> ast.expr:
        terms = self.algebra.terms(e)
        sizes = {abs(c) for c in terms.values()}
        if len(terms) > 1 and len(sizes) == 1 and sizes != {1}:  # 2 * (a - b), not 2 * a - 2 * b
            size = sizes.pop()
            inner = self.algebra.world.make(
                LINEAR, e.args, (("coefs", tuple(c / size for c in e.setting("coefs"))),), e.shape
            )
            return ast.BinOp(_number(size), ast.Mult(), self.write(inner))
        order = sorted(terms, key=lambda t: (terms[t] < 0, t is self.algebra.one, self._rank(t)))
        if terms.get(self.algebra.one, 0) > 0 and all(
            c < 0 for t, c in terms.items() if t is not self.algebra.one
        ):
            order.sort(key=lambda t: t is not self.algebra.one)
        result: ast.expr | None = None
        truths = [t.dtype == np.dtype(bool) and abs(terms[t]) == 1 for t in order[:2]]
        for term in order:
            c = terms[term]
            if result is None and len(order) > 1 and all(truths) and c == 1:
                result = self._real(term)
            elif result is None:
                result = self._scaled(term, c)
            elif c < 0:
                result = ast.BinOp(result, ast.Sub(), self._scaled(term, -c))
            else:
                result = ast.BinOp(result, ast.Add(), self._scaled(term, c))
        assert result is not None
        return result

    def _rank(self, e: Expr) -> tuple[bool, int]:
        """What a person writes first: products of matrices, then what came first."""
        _, factors = self.algebra.factors(e)
        return (not any(b.op is not None and b.op.kind == "matmul"
                        for b in factors), e.serial)  # fmt: skip

    def _scaled(self, term: Expr, c: Any) -> ast.expr:
        if term is self.algebra.one:
            return _number(c)
        if c == 1:
            return self.write(term)
        if c == -1:
            return self._opposite(term) or ast.UnaryOp(ast.USub(), self._real(term))
        return self._product(term, c)

    def _real(self, e: Expr) -> ast.expr:
        """Write a mask as numbers: NumPy has no sum and no opposite of masks."""
        return cast(self, self.write(e)) if e.dtype == np.dtype(bool) else self.write(e)

    def _opposite(self, term: Expr) -> ast.expr | None:
        """Write ``-(a - b) * c`` as ``(b - a) * c``."""
        _, factors = self.algebra.factors(term)
        for base, k in factors.items():
            if k == 1 and base.op is LINEAR and base not in self.names:
                coefs = tuple(-c for c in base.setting("coefs"))
                if max(coefs) > 0:  # else nothing is gained by turning the sum round
                    turned = self.algebra.world.make(
                        LINEAR, base.args, (("coefs", coefs),), base.shape
                    )
                    return self._by_factors(
                        {turned if b is base else b: j for b, j in factors.items()}, Fraction(1)
                    )
        return None

    # --- products ---

    def _product(self, e: Expr, coef: Any = Fraction(1)) -> ast.expr:
        factors = {e: Fraction(1)} if e in self.names else self.algebra.factors(e)[1]
        return self._by_factors(factors, coef)

    def _by_factors(self, factors: dict[Expr, Fraction], coef: Any) -> ast.expr:
        above = [(b, k) for b, k in factors.items() if k > 0]
        below = [(b, -k) for b, k in factors.items() if k < 0]
        above.sort(key=self._factor_rank)
        below.sort(key=self._factor_rank)
        numbers = []
        if isinstance(coef, Fraction):
            top, bottom = coef.numerator, coef.denominator
        else:
            top, bottom = coef, 1
        if top != 1 or not above:
            numbers.append(_number(top))
        result = numbers[0] if numbers else None
        for base, k in above:
            part = self._power(base, k)
            result = part if result is None else ast.BinOp(result, ast.Mult(), part)
        assert result is not None
        divisors = ([_number(bottom)] if bottom != 1 else []) + [
            self._power(b, k) for b, k in below
        ]
        if divisors:
            divisor = divisors[0]
            for part in divisors[1:]:
                divisor = ast.BinOp(divisor, ast.Mult(), part)
            result = ast.BinOp(result, ast.Div(), divisor)
        return result

    def _factor_rank(self, item: tuple[Expr, Fraction]) -> tuple[Any, ...]:
        base, _ = item
        return (len(base.shape) > 0, base.dtype == bool, base.serial)

    def _power(self, base: Expr, k: Fraction) -> ast.expr:
        if k == 1:
            return self.write(base)
        if k == Fraction(1, 2):
            return ast.Call(self.numpy("sqrt"), [self.write(base)], [])
        exponent = _number(k if k.denominator == 1 else float(k))
        return ast.BinOp(self.write(base), ast.Pow(), exponent)


def _number(value: Any) -> ast.expr:
    if isinstance(value, Fraction):
        value = int(value) if value.denominator == 1 else float(value)
    if value < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)
