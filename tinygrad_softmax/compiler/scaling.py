"""Rows scaled where they are short: ``X.T @ (e / s)`` as ``(X / s).T @ e`` if X is the smaller.

Imports `rewriting`. Which operand is smaller is known once the sizes are, so this is done for each
signature.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from ..ops import indexing, reductions
from ..ops.linalg import matmul
from ..symbolic.algebra import Algebra
from ..symbolic.align import REALIGN, realign
from ..symbolic.evaluate import ordered
from ..symbolic.expr import Expr, World
from ..symbolic.sizes import Counted, Slot
from ..symbolic.terms import LINEAR, PRODUCT
from .rewriting import Roots, rebuilt
from .schedule import consumers


class _Scaled(NamedTuple):
    """``by * rest``, with one number for each row."""

    by: Expr
    rest: Expr


def lighter(roots: Roots, world: World, sizes: dict[int, int]) -> tuple[Roots, dict[Expr, Expr]]:
    """Return the roots with scalings of rows moved to smaller operands, and what became of each."""
    algebra = Algebra(world, {})
    known: dict[Expr, Expr] = {}
    for e, users in consumers(roots.values()).items():
        if len(e.shape) != 2 or e in set(roots.values()) or e.op not in (LINEAR, PRODUCT):
            continue
        if not all(_sums_rows(user, e) and _is_narrower(user, e, sizes) for user in users):
            continue
        found = _split(algebra, e)
        if found is not None:
            for user in users:
                known[user] = _moved(algebra, user, found)
    if not known:
        return roots, {}
    below = {e: e for new in known.values() for e in ordered([new])}
    known = {**below, **known}
    return rebuilt(roots, algebra, known), known


def _sums_rows(user: Expr, e: Expr) -> bool:
    """Whether `user` is ``X.T @ e`` or the sum of the rows of `e`."""
    if user.op is matmul:
        turned = user.args[0]
        return user.args[1] is e and turned.op is REALIGN and (
            tuple(turned.setting("pattern")) == (1, 0) and turned.args[0] is not e
        )  # fmt: skip
    axis = user.setting("axis") if user.op is reductions.sum else None
    return axis in ((-2,), (0,), 0) and bool(user.setting("keepdims"))


def _is_narrower(user: Expr, e: Expr, sizes: dict[int, int]) -> bool:
    if user.op is not matmul:
        return True
    width, other = (sizes.get(int(n), int(n)) for n in (user.shape[0], e.shape[1]))
    return 2 * width <= other


def _split(algebra: Algebra, e: Expr) -> _Scaled | None:
    """Return `e` as one number for each row times the rest, if all its terms can be."""
    terms = algebra.terms(e)
    main = [t for t in terms if t.op is PRODUCT and _columns(algebra, t)]
    if len(main) != 1:
        return None
    _, factors = algebra.factors(main[0])
    columns = {b: k for b, k in factors.items() if _is_column(b) or not b.shape}
    by = algebra.product(Fraction(1), columns)
    rest = {b: k for b, k in factors.items() if b not in columns}
    parts = [algebra.scale(algebra.product(Fraction(1), rest), terms[main[0]])]
    for term, c in terms.items():
        if term is main[0]:
            continue
        made = _unscaled(algebra, term, by, tuple(e.shape))
        if made is None:
            return None
        parts.append(algebra.scale(made, c))
    return _Scaled(by, algebra.add(*parts))


def _unscaled(algebra: Algebra, term: Expr, by: Expr, full: tuple[int, ...]) -> Expr | None:
    """Return a scatter of one value in each row, the values divided by the row's number."""
    _, factors = algebra.factors(term)
    scatters = [b for b, k in factors.items() if b.op is indexing.scatter and k == 1]
    if len(scatters) != 1 or any(b.shape for b in factors if b is not scatters[0]):
        return None
    scatter = scatters[0]
    index = scatter.setting("index")
    if not (len(index) == 2 and isinstance(index[0], Counted) and isinstance(index[1], Slot)):
        return None
    scalars = {b: k for b, k in factors.items() if b is not scatter}
    inverse = realign(algebra, algebra.power(by, Fraction(-1)), (0,), full)
    values = algebra.times(scatter.args[0], algebra.product(Fraction(1), scalars), inverse)
    return algebra.world.make(
        indexing.scatter, (values, *scatter.args[1:]), scatter.settings, scatter.shape
    )


def _columns(algebra: Algebra, term: Expr) -> bool:
    _, factors = algebra.factors(term)
    return any(map(_is_column, factors)) and any(
        len(b.shape) == 2 and b.shape[1] != 1 for b in factors
    )


def _is_column(e: Expr) -> bool:
    return len(e.shape) == 2 and e.shape[1] == 1 and e.shape[0] != 1


def _moved(algebra: Algebra, user: Expr, scaled: _Scaled) -> Expr:
    """Return a sum over rows with the rows scaled in its other operand."""
    world = algebra.world
    if user.op is matmul:
        x = algebra.times(user.args[0].args[0], scaled.by)
    else:
        x = scaled.by
    turned = world.make(REALIGN, (x,), (("pattern", (1, 0)),), x.shape[::-1])
    return world.make(matmul, (turned, scaled.rest), (), user.shape)
