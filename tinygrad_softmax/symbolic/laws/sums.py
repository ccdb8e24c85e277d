"""Sums over axes: what can be taken out of them, and what they come to.

Imports `algebra` and `align`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from ...core.shapes import picked
from ...ops import indexing, reductions
from ..algebra import Algebra
from ..align import realign
from ..expr import Expr
from ..index import picked_sizes, standin
from ..sizes import Counted
from ..terms import LINEAR
from .declare import law


def total(algebra: Algebra, x: Expr, axes: tuple[int, ...], full: tuple[int, ...]) -> Expr:
    """Return the sum of `x`, standing for an array of shape `full`, with the axes kept as 1."""
    lead = len(full) - len(x.shape)
    open_axes = tuple(a for a in axes if a >= lead and x.shape[a - lead] != 1)
    repeats = [full[a] for a in axes if a not in open_axes and full[a] != 1]
    if open_axes:
        shape = tuple(1 if a + lead in open_axes else n for a, n in enumerate(x.shape))
        settings = (("axis", tuple(a - len(full) for a in open_axes)), ("dtype", None),
                    ("keepdims", True))  # fmt: skip
        x = algebra.op(reductions.sum, (x,), settings, shape)
        x = realign(algebra, x, tuple(range(len(shape))), tuple(shape))  # no leading 1s
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
    if x.op is not indexing.scatter:
        return None
    index, axes = x.setting("index"), _axes(e)
    full = _index_shape(x, index)
    if len(axes) == len(x.shape):
        summed = total(algebra, x.args[0], tuple(range(len(full))), full)
        return realign(algebra, summed, (None,) * len(x.shape), full)
    rows = [a for a in range(len(x.shape)) if a not in axes]
    one_each = len(index) == len(x.shape) and full == (x.shape[rows[0]],)
    if len(rows) == 1 and one_each and isinstance(index[rows[0]], Counted):
        pattern = tuple(0 if a == rows[0] else None for a in range(len(index)))
        return realign(algebra, x.args[0], pattern, (x.shape[rows[0]],))
    return None


def _index_shape(x: Expr, index: tuple[Any, ...]) -> tuple[int, ...]:
    shape = picked(tuple(x.shape), standin(index, x.args))
    return tuple(map(x.world.named, picked_sizes(x, index, shape)))


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
    if x.op is not LINEAR:
        return None
    axes, full = _axes(e), x.shape

    def build() -> Expr:
        return algebra.add(*(algebra.scale(total(algebra, term, axes, full), c)
                             for term, c in algebra.terms(x).items()))  # fmt: skip

    return algebra.attempt(e, build)
