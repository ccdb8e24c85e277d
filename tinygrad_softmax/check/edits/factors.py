"""Factors of a product that are dropped, put upside down, or taken once too often.

Imports `parts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from ...symbolic.expr import Expr
from .parts import Change, Shop
from .places import TERM


def changes(shop: Shop, node: Expr) -> Iterator[Change]:
    """Yield what a person may have made of a product."""
    factors = dict(zip(node.args, node.setting("exps"), strict=True))
    for base, k in factors.items():
        others = {b: j for b, j in factors.items() if b is not base}
        yield from _dropped(shop, node, base, k, others)
        if base.dtype != bool:
            yield from _wrong_power(shop, node, base, k, others)
    yield from _no_slope(shop, node, factors)


def _dropped(shop: Shop, node: Expr, base: Expr, k: Fraction,
             others: dict[Expr, Fraction]) -> Iterator[Change]:  # fmt: skip
    text, without = shop.text(base), shop.product(others, node)
    if base.dtype == bool:
        yield Change("mask", f"the mask `{text}` is missing", without)
    elif not base.shape:
        verb = "multiplication with" if k > 0 else "division by"
        yield Change(shop.by_place(node)[0], f"the {verb} `{text}` is missing", without)
    elif shop.carries(base):
        yield Change("upstream", f"{shop.factor(base)} is missing", without, 2)
    else:
        what = shop.factor(base) if k > 0 else f"the division by `{text}`"
        beside = "term_scaled" if shop.places.get(node) == TERM else "local_slope"
        yield Change(beside, f"{what} is missing", without, 2)


def _wrong_power(shop: Shop, node: Expr, base: Expr, k: Fraction,
                 others: dict[Expr, Fraction]) -> Iterator[Change]:  # fmt: skip
    text = shop.text(base)
    cause = "local_slope" if base.shape else shop.by_place(node)[0]

    def powered(power: Fraction) -> Expr:
        return shop.product({**others, base: power}, node)

    wrong, right = ("divided by", "multiplied with")[:: 1 if k > 0 else -1]
    yield Change(cause, f"it is {wrong} `{text}` instead of {right} it", powered(-k), 2)
    yield Change(cause, f"it is {right} `{text}` once too often",
                 powered(k + 1 if k > 0 else k - 1), 2)  # fmt: skip
    yield Change(cause, f"`{text}` is squared once too often", powered(2 * k), 2)
    if abs(k) == 2:
        yield Change(cause, f"`{text}` is not squared", powered(k / 2))
    if abs(k) == Fraction(1, 2):
        yield Change(cause, f"the root of `{text}` is not taken", powered(2 * k))
    if k not in (1, -1):
        yield Change(cause, f"`{text}` is taken without its power", powered(Fraction(1)), 2)
    if abs(k) == 3:
        yield Change(cause, f"`{text}` is not taken to the power of 3", powered(k / 3), 2)
    if abs(k) == Fraction(3, 2):
        yield Change(cause, f"the root of `{text}` is taken, without its third power",
                     powered(k / 3), 2)  # fmt: skip


def _no_slope(shop: Shop, node: Expr, factors: dict[Expr, Fraction]) -> Iterator[Change]:
    """Yield the incoming gradient alone, where the slope is a product itself."""
    carrying = {b: k for b, k in factors.items() if shop.carries(b)}
    slopes = {b: k for b, k in factors.items() if b.shape and b not in carrying}
    if carrying and len(slopes) > 1:
        numbers = {b: k for b, k in factors.items() if not b.shape and b not in carrying}
        said = f"the slope `{shop.text(shop.product(slopes, node))}` is missing"
        yield Change("local_slope", said, shop.product(carrying | numbers, node), 2)
