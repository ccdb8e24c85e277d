"""Conditions turned round, missing or about another value; functions that are missing.

Imports `parts`.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...ops.choices import greater
from ...symbolic.exponentials import kind
from ...symbolic.expr import Expr
from .parts import Change, Shop

CONDITIONS = frozenset(["greater", "greater_equal", "less", "less_equal"])
FUNCTIONS = frozenset(["exp", "log", "tanh", "sqrt", "absolute", "sign"])


def changes(shop: Shop, node: Expr) -> Iterator[Change]:
    """Yield what a person may have made of a condition."""
    text = shop.text(node)
    left, right = node.args
    turned = shop.like(node, (right, left))
    yield Change("mask", f"the mask `{text}` is the wrong way round", turned)
    yield Change("mask", f"the mask `{text}` is missing", shop.world.lift(1))
    for value in shop.values:
        for place, operand in enumerate(node.args):
            if value.label != operand.label and operand.shape == value.shape != ():
                made = shop.like(node, (value, right) if place == 0 else (left, value))
                yield Change("mask", f"the mask is `{shop.text(made)}`, not `{text}`", made)


def functions(shop: Shop, node: Expr) -> Iterator[Change]:
    """Yield what a person may have made of a function of one value."""
    (x,) = node.args
    yield Change("local_slope", f"`{kind(node)}` is missing around `{shop.text(x)}`", x, 3)
    if kind(node) == "sign":
        zero = shop.world.lift(0)
        for pair, word in (((x, zero), "positive"), ((zero, x), "negative")):
            made = shop.world.make(greater, pair, (), node.shape)
            yield Change("local_slope", f"`{shop.text(x)}` counts only where it is {word}", made)
