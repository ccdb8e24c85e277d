"""Terms of a sum that are dropped, turned round, doubled or halved.

Imports `parts`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from ...symbolic.evaluate import ordered
from ...symbolic.exponentials import kind
from ...symbolic.expr import Expr
from ...symbolic.terms import PRODUCT, is_number
from .parts import Change, Shop
from .places import INNER, TERM


def changes(shop: Shop, node: Expr, formula: Expr) -> Iterator[Change]:
    """Yield what a person may have made of a sum of terms."""
    terms = dict(zip(node.args, node.setting("coefs"), strict=True))
    slope = not shop.carries(node) and node is not formula and _is_slope(shop, node, formula)
    for term, c in terms.items():
        others = {t: k for t, k in terms.items() if t is not term}
        yield from _dropped(shop, node, formula, term, c, others, slope)
        yield from _resized(shop, node, term, c, others, slope)
        if shop.carries(term) and term.op is None:
            alone = shop.linear({**others, shop.world.lift(1): c}, node)
            yield Change("upstream", f"{shop.factor(term)} is missing", alone, 2)
        if _is_factor(shop, term):
            beside = "local_slope" if shop.places.get(node) != TERM else "term_scaled"
            alone = shop.linear({**others, shop.world.lift(1): c}, node)
            yield Change(beside, f"the factor `{shop.text(term)}` is missing", alone, 2)
    yield from _every_slope(shop, node, terms)


def _names(shop: Shop, node: Expr, many: bool) -> tuple[str, str, str]:
    """Return the kinds of mistake at this sum: missing, of a wrong size, of a wrong sign."""
    if not many or not node.shape or shop.places.get(node) == INNER:
        return shop.by_place(node)
    return "term_missing", "term_scaled", "term_sign"


def _what(shop: Shop, node: Expr, term: Expr, c: Any, many: bool) -> str:
    return f"the term {shop.term(term, c)}" if many or shop.places.get(node) else "it"


def _inner(shop: Shop, node: Expr) -> int:
    return 2 * (shop.places.get(node) == INNER)


def _dropped(shop: Shop, node: Expr, formula: Expr, term: Expr, c: Any, others: dict[Expr, Any],
             slope: bool) -> Iterator[Change]:  # fmt: skip
    rest = shop.linear(others, node)
    if slope:
        right, wrong = shop.text(node), shop.text(rest)
        yield Change("local_slope", f"the slope is taken as `{wrong}`, not `{right}`", rest)
    elif others:
        missing = _names(shop, node, True)[0]
        inside = shop.places.get(node) and node is not formula
        where = f" in `{shop.text(node)}`" if inside else ""
        yield Change(missing, f"{_what(shop, node, term, c, True)} is missing{where}", rest,
                     1 + _inner(shop, node))  # fmt: skip


def _resized(shop: Shop, node: Expr, term: Expr, c: Any, others: dict[Expr, Any],
             slope: bool) -> Iterator[Change]:  # fmt: skip
    _, scaled, sign = _names(shop, node, bool(others))
    what = _what(shop, node, term, c, bool(others))
    yield Change(sign, f"{what} has the wrong sign", shop.linear({**others, term: -c}, node),
                 1 + _inner(shop, node) + slope)  # fmt: skip
    for factor, word in ((Fraction(2), "twice"), (Fraction(1, 2), "half")):
        yield Change(scaled, f"{what} is {word} what it should be",
                     shop.linear({**others, term: c * factor}, node), 2)  # fmt: skip


def _is_factor(shop: Shop, term: Expr) -> bool:
    """Whether a term is a value by itself, beside a number: ``2 * m``."""
    return term.op is None and not is_number(term) and bool(term.shape) and not (
        shop.carries(term)
    )  # fmt: skip


def _is_slope(shop: Shop, node: Expr, formula: Expr) -> bool:
    """Whether a sum is a factor beside something that carries the gradient."""
    return any(
        parent.op is PRODUCT and node in set(parent.args)
        and any(shop.carries(arg) for arg in parent.args if arg is not node)
        for parent in ordered([formula])
    )  # fmt: skip


def _every_slope(shop: Shop, node: Expr, terms: dict[Expr, Any]) -> Iterator[Change]:
    """Yield the sum with one factor dropped in each of its terms at once."""
    if not node.shape or not 2 <= len(terms) <= 4:
        return
    choices = [[*_without_one(shop, term)] for term in terms]
    if not all(choices) or sum(map(len, choices)) > 12:
        return
    for chosen in itertools.product(*choices):
        made: dict[Expr, Any] = {}
        for (_, left), c in zip(chosen, terms.values(), strict=True):
            made[left] = made.get(left, 0) + c
        texts = [*dict.fromkeys(f"`{text}`" for text, _ in chosen)]
        said = f"the factor {texts[0]} is missing"
        if len(texts) > 1:
            said = f"the factors {' and '.join(texts)} are missing, one in each term"
        yield Change("local_slope", said, shop.linear(made, node), 3)


def _without_one(shop: Shop, term: Expr) -> Iterator[tuple[str, Expr]]:
    """Yield each array that a term is multiplied with or divided by, and the term without."""
    if kind(term) == "product":
        factors = dict(zip(term.args, term.setting("exps"), strict=True))
        for base, k in factors.items():
            if base.shape and not shop.carries(base):
                others = {b: j for b, j in factors.items() if b is not base}
                yield shop.text(shop.product({base: k}, base)), shop.product(others, term)
    elif term.op is None and term.shape and not shop.carries(term):
        yield shop.text(term), shop.world.lift(1)
