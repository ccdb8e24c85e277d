"""What is known about sums, products, picks and scatters: the laws a derivation may use.

Imports `algebra`. A law looks at one op and its operands, never at a whole loss; its docstring is
its sentence in the derivation, and every application is checked in numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from ..ops import indexing, reduction
from ..ops.indexing import meets_once  # noqa: F401 - same notion, for readers of this page
from ..shapes import broadcast
from .algebra import LINEAR, PRODUCT, Algebra, Law, is_number
from .align import pick, realign
from .expr import Counted, Expr

#: Kind of expression -> the laws that may apply to it, in this order.
LAWS: dict[str, list[Law]] = {}
Apply = Callable[[Algebra, Expr], Expr | None]


def law(*kinds: str) -> Callable[[Apply], Apply]:
    """Declare a law for expressions of these kinds."""

    def declare(function: Apply) -> Apply:
        entry = Law(function.__name__, " ".join((function.__doc__ or "").split()), function)
        for kind in kinds:
            LAWS.setdefault(kind, []).append(entry)
        return function

    return declare


# --- sums over axes -------------------------------------------------------------------------------


def total(algebra: Algebra, x: Expr, axes: tuple[int, ...], full: tuple[int, ...]) -> Expr:
    """Return the sum of `x`, standing for an array of shape `full`, with the axes kept as 1."""
    lead = len(full) - len(x.shape)
    open_axes = tuple(a for a in axes if a >= lead and x.shape[a - lead] != 1)
    repeats = [full[a] for a in axes if a not in open_axes and full[a] != 1]
    if open_axes:
        shape = tuple(1 if a + lead in open_axes else n for a, n in enumerate(x.shape))
        settings = (("axis", tuple(a - len(full) for a in open_axes)), ("dtype", None),
                    ("keepdims", True))  # fmt: skip
        x = algebra.op(reduction.sum, (x,), settings, shape)
    for size in repeats:
        x = algebra.times(x, algebra.world.lift(algebra.world.named(size)))
    return x


def _axes(e: Expr) -> tuple[int, ...]:
    """The summed axes, counted from the front of the operand."""
    (x,) = e.args
    return tuple(a + len(x.shape) for a in e.setting("axis"))


@law("sum")
def sum_of_a_distribution(algebra: Algebra, e: Expr) -> Expr | None:
    """These weights were given as a distribution, so they sum to 1."""
    (x,) = e.args
    return algebra.one if (x, _axes(e)) in algebra.distributions else None


@law("sum")
def sum_of_a_scatter(algebra: Algebra, e: Expr) -> Expr | None:
    """Where a scatter puts one value in each row, the sum of a row is that value."""
    (x,) = e.args
    if x.primitive is not indexing.scatter:
        return None
    index, axes = x.setting("index"), _axes(e)
    if not isinstance(index, tuple) or len(index) != len(x.shape):
        return None
    if len(axes) == len(x.shape):
        v = x.args[0]
        full = _index_shape(x, index)
        summed = total(algebra, v, tuple(range(len(full))), full)
        return realign(algebra, summed, (None,) * len(x.shape), full)
    rows = [a for a in range(len(index)) if a not in axes]
    if len(rows) == 1 and isinstance(index[rows[0]], Counted):
        pattern = tuple(0 if a == rows[0] else None for a in range(len(index)))
        return realign(algebra, x.args[0], pattern, (x.shape[rows[0]],))
    return None


def _index_shape(x: Expr, index: tuple[Any, ...]) -> tuple[int, ...]:
    return broadcast(*((i.size,) if isinstance(i, Counted) else x.args[i.operand].shape
                       for i in index if isinstance(i, tuple)))  # fmt: skip


@law("sum")
def constant_out_of_sum(algebra: Algebra, e: Expr) -> Expr | None:
    """A factor that does not change along the axis can be taken out of the sum."""
    (x,) = e.args
    axes = e.setting("axis")
    coef, factors = algebra.factors(x)
    fixed = {b: k for b, k in factors.items() if all(_size(b, a) == 1 for a in axes)}
    if coef == 1 and not fixed:
        return None

    def build() -> Expr:
        inside = algebra.product(Fraction(1), {b: k for b, k in factors.items() if b not in fixed})
        summed = total(algebra, inside, _axes(e), x.shape)
        return algebra.times(algebra.product(coef, fixed), summed)

    # a gradient that is a line of its own stays whole, unless taking it apart makes it shorter
    return algebra.attempt(e, build) if x in algebra.held else build()


def _size(e: Expr, axis: int) -> int:
    """The size along an axis counted from the end; 1 where it has none."""
    return e.shape[axis] if len(e.shape) >= -axis else 1


@law("sum")
def sum_of_sums(algebra: Algebra, e: Expr) -> Expr | None:
    """The sum of a sum is the sum of the sums."""
    (x,) = e.args
    if x.primitive is not LINEAR:
        return None
    axes, full = _axes(e), x.shape

    def build() -> Expr:
        return algebra.add(*(algebra.scale(total(algebra, term, axes, full), c)
                             for term, c in algebra.terms(x).items()))  # fmt: skip

    return algebra.attempt(e, build)


# --- scatters -------------------------------------------------------------------------------------


@law("product")
def product_with_a_scatter(algebra: Algebra, e: Expr) -> Expr | None:
    """A scatter is zero except at its index, so what multiplies it counts only there."""
    _, factors = algebra.factors(e)
    for base, k in factors.items():
        if base.primitive is indexing.scatter and k == 1:
            rest = {b: j for b, j in factors.items() if b is not base}
            inner = {b: j for b, j in rest.items() if b.shape}
            if not inner:
                return None
            picked = pick(algebra, algebra.product(Fraction(1), inner), base)
            if picked is None:
                return None
            moved = scattered(algebra, algebra.times(base.args[0], picked), base)
            return algebra.times(moved, *(algebra.power(b, j) for b, j in rest.items()
                                          if b not in inner))  # fmt: skip
    return None


def scattered(algebra: Algebra, values: Expr, like: Expr) -> Expr:
    """Return other values scattered to the same places, numbers and scalars outside."""
    coef, factors = algebra.factors(values)
    scalars = {b: k for b, k in factors.items() if not b.shape}
    core = algebra.product(Fraction(1), {b: k for b, k in factors.items() if b.shape})
    if is_number(core) and core.value == 0:
        return algebra.zero
    made = algebra.op(indexing.scatter, (core, *like.args[1:]), like.settings, like.shape)
    return algebra.times(algebra.product(coef, scalars), made)


@law("scatter")
def constant_out_of_scatter(algebra: Algebra, e: Expr) -> Expr | None:
    """A number that multiplies everything scattered can multiply the scatter instead."""
    values = e.args[0]
    coef, factors = algebra.factors(values)
    if coef == 1 and all(b.shape for b in factors):
        return None
    if is_number(values) and coef == 1:
        return None
    return scattered(algebra, values, e)


@law("linear")
def scatters_to_the_same_places(algebra: Algebra, e: Expr) -> Expr | None:
    """Two scatters with one index are one scatter of the sum."""
    groups: dict[Any, list[tuple[Expr, Any, dict[Expr, Fraction]]]] = {}
    for term, c in algebra.terms(e).items():
        _, factors = algebra.factors(term)
        for base, k in factors.items():
            if base.primitive is indexing.scatter and k == 1:
                others = {b: j for b, j in factors.items() if b is not base}
                key = (base.args[1:], repr(base.settings))
                groups.setdefault(key, []).append((base, c, others))
    for found in groups.values():
        if len(found) > 1 and all(b.shape == () for _, _, o in found for b in o):
            taken = {algebra.product(Fraction(1), {base: Fraction(1), **o}) for base, _, o in found}
            values = algebra.add(*(
                algebra.times(algebra.product(number, o), base.args[0]) for base, number, o in found
            ))  # fmt: skip
            rest = {t: c for t, c in algebra.terms(e).items() if t not in taken}
            merged = scattered(algebra, values, found[0][0])
            return algebra.attempt(e, lambda rest=rest, merged=merged: algebra.add(
                algebra.linear(rest), merged))  # type: ignore[misc]  # fmt: skip
    return None


# --- sums and products ----------------------------------------------------------------------------


@law("product")
def product_over_a_sum(algebra: Algebra, e: Expr) -> Expr | None:
    """A product with a sum is the sum of the products."""
    _, factors = algebra.factors(e)
    for base, k in factors.items():
        if base.primitive is LINEAR and k == 1 and len(factors) > 1:
            rest = algebra_product_without(algebra, factors, base)
            after = algebra.attempt(e, lambda base=base, rest=rest: algebra.add(*(  # type: ignore[misc]
                algebra.scale(algebra.times(term, rest), c)
                for term, c in algebra.terms(base).items()
            )))  # fmt: skip
            if after is not None:
                return after
    return None


def algebra_product_without(algebra: Algebra, factors: dict[Expr, Fraction], base: Expr) -> Expr:
    """Return the product of all factors but one."""
    return algebra.product(Fraction(1), {b: k for b, k in factors.items() if b is not base})


@law("linear")
def common_denominator(algebra: Algebra, e: Expr) -> Expr | None:
    """Over the common denominator the sum is shorter: ``1 - 1 / (1 + e)`` is ``e / (1 + e)``."""
    terms = algebra.terms(e)
    for term in terms:
        for base, k in algebra.factors(term)[1].items():
            if k < 0 and base.primitive is LINEAR:
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
    tops = [b for b, k in factors.items() if b.primitive is LINEAR and k == 1]
    for bottom, k in factors.items():
        if bottom.primitive is not LINEAR or k >= 0:
            continue
        for top in tops:
            rest = algebra_product_without(algebra, factors, top)
            for part, c in algebra.terms(bottom).items():
                if part.primitive is None and part.value is not None:
                    continue
                after = algebra.attempt(e, lambda top=top, bottom=bottom, part=part, c=c, rest=rest:  # type: ignore[misc]
                                        _divided(algebra, top, bottom, part, c, rest))  # fmt: skip
                if after is not None:
                    return after
    return None


def _divided(algebra: Algebra, top: Expr, bottom: Expr, part: Expr, c: Any, rest: Expr) -> Expr:
    """Write ``top * rest`` with `part` put as what `bottom` lacks without it."""
    others = {t: k for t, k in algebra.terms(bottom).items() if t is not part}
    pieces: list[Expr] = []
    for term, k in algebra.terms(top).items():
        _, found = algebra.factors(term)
        if found.get(part, 0) != 1:
            pieces.append(algebra.scale(term, k))
            continue
        alone = algebra_product_without(algebra, found, part)
        pieces.append(algebra.scale(algebra.times(alone, bottom), k / c))
        pieces += [algebra.scale(algebra.times(alone, other), -k * j / c) for other, j in others.items()]
    whole = algebra.add(*pieces)
    return algebra.add(*(algebra.scale(algebra.times(term, rest), k)
                         for term, k in algebra.terms(whole).items()))  # fmt: skip


def multiplied(algebra: Algebra, term: Expr, by: dict[Expr, Fraction]) -> Expr:
    """Return a term times factors, with a whole sum multiplied out."""
    coef, factors = algebra.factors(term)
    for base, k in by.items():
        factors[base] = factors.get(base, Fraction(0)) + k
    sums = [b for b, k in factors.items() if b.primitive is LINEAR and k == 1]
    if not sums:
        return algebra.product(coef, factors)
    rest = algebra_product_without(algebra, factors, sums[0])
    return algebra.scale(algebra.add(*(
        algebra.scale(algebra.times(t, rest), c) for t, c in algebra.terms(sums[0]).items()
    )), coef)  # fmt: skip


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
        inside = {}
        for (_, c), part in zip(terms.items(), parts, strict=True):
            left = {b: k - common.get(b, 0) for b, k in part.items()}
            inside[algebra.product(Fraction(1), left)] = c
        return algebra.times(algebra.linear(inside), algebra.product(Fraction(1), common))

    return algebra.attempt(e, build, ties=True)


def _divides(k: Fraction, whole: Fraction | None) -> bool:
    return whole is not None and (k > 0) == (whole > 0)


# --- exponentials ---------------------------------------------------------------------------------


@law("exp")
def exponential_of_a_logarithm(algebra: Algebra, e: Expr) -> Expr | None:
    """The exponential undoes the logarithm: ``exp(a + log(b))`` is ``exp(a) * b``."""
    terms = algebra.terms(e.args[0])
    logs = {t: c for t, c in terms.items() if t.primitive is not None and t.primitive.__name__ == "log"
            and isinstance(c, Fraction)}  # fmt: skip
    if not logs:
        return None
    rest = algebra.linear({t: c for t, c in terms.items() if t not in logs})
    powers = [algebra.power(t.args[0], c) for t, c in logs.items() if isinstance(c, Fraction)]
    if is_number(rest) and rest.value == 0:
        return algebra.times(*powers)
    return algebra.times(algebra.op(e.primitive, (rest,), (), rest.shape), *powers)


@law("matmul")
def row_times_matrix(algebra: Algebra, e: Expr) -> Expr | None:
    """A row times a matrix is the turned matrix times a column."""
    x, w = e.args
    if len(x.shape) == 1 and len(w.shape) == 2:
        turned = realign(algebra, w, (1, 0), w.shape)
        return algebra.op(e.primitive, (turned, x), (), e.shape)
    return None


@law("linear")
def common_vector(algebra: Algebra, e: Expr) -> Expr | None:
    """Two matrices times the same column are their sum times it."""
    found: dict[Expr, list[tuple[Expr, Any]]] = {}
    for term, c in algebra.terms(e).items():
        if term.primitive is not None and term.primitive.__name__ == "matmul":
            found.setdefault(term.args[1], []).append((term, c))
    for column, products in found.items():
        if len(products) > 1 and len(column.shape) == 1:
            matrix = algebra.add(*(algebra.scale(t.args[0], c) for t, c in products))
            rest = {t: c for t, c in algebra.terms(e).items() if t not in dict(products)}
            first = products[0][0]
            joined = algebra.op(first.primitive, (matrix, column), (), first.shape)
            return algebra.add(algebra.linear(rest), joined) if rest else joined
    return None


__all__ = ["LAWS", "PRODUCT", "law", "scattered", "total"]
