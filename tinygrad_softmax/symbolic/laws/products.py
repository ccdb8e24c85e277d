"""Products of sums, quotients of sums, exponentials of logarithms, matrices times vectors.

Imports `algebra` and `align`.
"""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from typing import Any

from ...ops import elementwise
from ...ops.linalg import matmul
from ..algebra import Algebra
from ..align import expanded, realign
from ..expr import Expr
from ..terms import LINEAR, is_number
from .declare import law


@law("product")
def product_over_a_sum(algebra: Algebra, e: Expr) -> Expr | None:
    """A product with a sum is the sum of the products."""
    _, factors = algebra.factors(e)
    for base, k in factors.items():
        if base.op is LINEAR and k == 1 and len(factors) > 1:
            after = algebra.attempt(e, partial(_multiplied_out, algebra, factors, base))
            if after is not None:
                return after
    return None


def _multiplied_out(algebra: Algebra, factors: dict[Expr, Fraction], base: Expr) -> Expr:
    rest = algebra_product_without(algebra, factors, base)
    return algebra.add(*(algebra.scale(algebra.times(term, rest), c)
                         for term, c in algebra.terms(base).items()))  # fmt: skip


def algebra_product_without(algebra: Algebra, factors: dict[Expr, Fraction], base: Expr) -> Expr:
    """Return the product of all factors but one."""
    return algebra.product(Fraction(1), {b: k for b, k in factors.items() if b is not base})


@law("linear")
def common_factor(algebra: Algebra, e: Expr) -> Expr | None:
    """What every term of a sum is multiplied with can be taken out of the sum."""
    terms = algebra.terms(e)
    parts = [algebra.factors(term)[1] for term in terms]
    common = {b: k for b, k in parts[0].items() if all(_divides(k, p.get(b)) for p in parts)}
    for base in list(common):
        common[base] = min((p[base] for p in parts), key=abs)
    if not common:
        return None

    def build() -> Expr:
        inside = []
        for (_, c), part in zip(terms.items(), parts, strict=True):
            left = {b: k - common.get(b, 0) for b, k in part.items()}
            inside.append(algebra.product(c, left))
        return algebra.times(algebra.add(*inside), algebra.product(Fraction(1), common))

    return algebra.attempt(e, build, ties=True)


def _divides(k: Fraction, whole: Fraction | None) -> bool:
    return whole is not None and (k > 0) == (whole > 0)


@law("linear")
def share_and_its_complement(algebra: Algebra, e: Expr) -> Expr | None:
    """What one share lacks to the whole is the other: ``a / (a + b)`` is ``1 - b / (a + b)``."""
    for term in algebra.terms(e):
        _, factors = algebra.factors(term)
        for whole, k in factors.items():
            if k == -1 and whole.op is LINEAR:
                for part in (part for part in algebra.terms(whole) if part in factors):
                    build = partial(_by_the_other_share, algebra, e, term, whole, part)
                    after = algebra.attempt(e, build) if factors[part] == 1 else None
                    if after is not None:
                        return after
    return None


def _by_the_other_share(algebra: Algebra, e: Expr, term: Expr, whole: Expr, part: Expr) -> Expr:
    terms, parts = algebra.terms(e), algebra.terms(whole)
    factors = algebra.factors(term)[1]
    rest = {b: k for b, k in factors.items() if b is not whole and b is not part}
    beside = algebra.product(terms.pop(term) / parts.pop(part), rest)
    lacking = algebra.times(beside, algebra.linear(parts), algebra.power(whole, Fraction(-1)))
    return algebra.add(beside, algebra.scale(lacking, Fraction(-1)), algebra.linear(terms))


@law("linear")
def common_denominator(algebra: Algebra, e: Expr) -> Expr | None:
    """Over the common denominator the sum is shorter: ``1 - 1 / (1 + e)`` is ``e / (1 + e)``."""
    terms = algebra.terms(e)
    for term in terms:
        for base, k in algebra.factors(term)[1].items():
            if k < 0 and base.op is LINEAR:
                whole = {base: -k}
                after = algebra.attempt(e, lambda whole=whole, base=base, k=k: algebra.times(  # type: ignore[misc]
                    algebra.add(*(algebra.scale(multiplied(algebra, t, whole), c)
                                  for t, c in terms.items())),
                    algebra.power(base, k)))  # fmt: skip
                if after is not None:
                    return after
    return None


@law("product")
def division_by_a_sum(algebra: Algebra, e: Expr) -> Expr | None:
    """Divided by a sum, what is a multiple of the sum loses it: ``(1 - y (1+e)) / (1+e)``."""
    _, factors = algebra.factors(e)
    tops = [b for b, k in factors.items() if b.op is LINEAR and k == 1]
    for bottom, k in factors.items():
        if bottom.op is not LINEAR or k >= 0:
            continue
        for top in tops:
            for part in algebra.terms(bottom):
                if part.op is None and part.value is not None:
                    continue
                after = algebra.attempt(e, partial(_divided, algebra, factors, top, bottom, part))
                if after is not None:
                    return after
    return None


def _divided(
    algebra: Algebra, factors: dict[Expr, Fraction], top: Expr, bottom: Expr, part: Expr
) -> Expr:
    """Write the product with `part` of `top` put as what `bottom` lacks without it."""
    rest, c = algebra_product_without(algebra, factors, top), algebra.terms(bottom)[part]
    others = {t: k for t, k in algebra.terms(bottom).items() if t is not part}
    pieces: list[Expr] = []
    for term, k in algebra.terms(top).items():
        _, found = algebra.factors(term)
        if found.get(part, 0) != 1:
            pieces.append(algebra.scale(term, k))
            continue
        alone = algebra_product_without(algebra, found, part)
        pieces.append(algebra.scale(algebra.times(alone, bottom), k / c))
        pieces += [
            algebra.scale(algebra.times(alone, other), -k * j / c) for other, j in others.items()
        ]
    whole = algebra.add(*pieces)
    return algebra.add(*(algebra.scale(algebra.times(term, rest), k)
                         for term, k in algebra.terms(whole).items()))  # fmt: skip


def multiplied(algebra: Algebra, term: Expr, by: dict[Expr, Fraction]) -> Expr:
    """Return a term times factors, with a whole sum multiplied out."""
    coef, factors = algebra.factors(term)
    for base, k in by.items():
        factors[base] = factors.get(base, Fraction(0)) + k
    sums = [b for b, k in factors.items() if b.op is LINEAR and k == 1]
    if not sums:
        return algebra.product(coef, factors)
    rest = algebra_product_without(algebra, factors, sums[0])
    return algebra.scale(algebra.add(*(
        algebra.scale(algebra.times(t, rest), c) for t, c in algebra.terms(sums[0]).items()
    )), coef)  # fmt: skip


@law("exp")
def exponential_of_a_logarithm(algebra: Algebra, e: Expr) -> Expr | None:
    """The exponential undoes the logarithm: ``exp(a + log(b))`` is ``exp(a) * b``."""
    terms = algebra.terms(e.args[0])
    logs = {t: c for t, c in terms.items() if t.op is elementwise.log and c == Fraction(c)}
    if not logs:
        return None
    rest = algebra.linear({t: c for t, c in terms.items() if t not in logs})
    powers = [algebra.power(t.args[0], Fraction(c)) for t, c in logs.items()]
    if is_number(rest) and rest.value == 0:
        return algebra.times(*powers)
    return algebra.times(algebra.op(e.op, (rest,), (), rest.shape), *powers)


@law("matmul")
def row_times_matrix(algebra: Algebra, e: Expr) -> Expr | None:
    """A row times a matrix is the turned matrix times a column."""
    x, w = e.args
    if len(x.shape) == 1 and len(w.shape) == 2:
        turned = realign(algebra, w, (1, 0), w.shape)
        turned = expanded(algebra, turned, w.shape[::-1])
        return algebra.op(e.op, (turned, x), (), e.shape)
    return None


@law("realign")
def transpose_of_a_product(algebra: Algebra, e: Expr) -> Expr | None:
    """The transpose of a product is the product of the transposes, the other way round."""
    (product,) = e.args
    if product.op is not matmul or e.setting("pattern") != (1, 0):
        return None
    w, x = (
        expanded(algebra, realign(algebra, arg, (1, 0), arg.shape), arg.shape[::-1])
        for arg in product.args[::-1]
    )
    return algebra.op(matmul, (w, x), (), e.shape)


@law("linear")
def common_vector(algebra: Algebra, e: Expr) -> Expr | None:
    """Two matrices times the same column are their sum times it."""
    found: dict[Expr, list[tuple[Expr, Any]]] = {}
    for term, c in algebra.terms(e).items():
        if term.op is matmul:
            found.setdefault(term.args[1], []).append((term, c))
    for column, products in found.items():
        if len(products) > 1 and len(column.shape) == 1:
            matrix = algebra.add(*(algebra.scale(t.args[0], c) for t, c in products))
            matrix = expanded(algebra, matrix, products[0][0].args[0].shape)
            rest = {t: c for t, c in algebra.terms(e).items() if t not in dict(products)}
            first = products[0][0]
            joined = algebra.op(first.op, (matrix, column), (), first.shape)
            return algebra.add(algebra.linear(rest), joined) if rest else joined
    return None
