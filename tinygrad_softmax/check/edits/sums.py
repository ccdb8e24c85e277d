"""Sums that are forgotten, taken along another axis, or made means.

Imports `parts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from ...symbolic.evaluate import ordered, substituted
from ...symbolic.exponentials import kind
from ...symbolic.expr import Expr
from .parts import Change, Shop, axes_of
from .places import is_last


def changes(shop: Shop, node: Expr, formula: Expr) -> Iterator[Change]:
    """Yield what a person may have made of a sum."""
    (x,) = node.args
    axes, text = axes_of(node), shop.text(x)
    along = f"axis {axes[0]}" if len(axes) == 1 else f"axes {axes}"
    if is_last(node, formula):
        yield Change("not_summed", f"`{text}` is not summed over {along}", x)
    else:
        yield Change("diagonal", f"`{text}` is not summed over {along}: only the diagonal of "
                     "the Jacobian is left", x)  # fmt: skip
        yield Change(shop.by_place(node)[1], f"`{shop.text(node)}` is taken as 1",
                     shop.world.lift(1), 3)  # fmt: skip
    count = [shop.world.lift(x.shape[a]) for a in axes if x.shape[a] != 1]
    mean = {node: Fraction(1)} | dict.fromkeys(count, Fraction(-1))
    yield Change("mean_for_sum", f"the mean of `{text}` is taken over {along}, not the sum",
                 shop.product(mean, node))  # fmt: skip
    yield from other_axes(shop, node)


def other_axes(shop: Shop, node: Expr) -> Iterator[Change]:
    """Yield the sum along every other axis."""
    (x,) = node.args
    axes = {*axes_of(node)}
    along = ", ".join(map(str, sorted(axes)))
    for other in range(len(x.shape)):
        if {other} != axes and x.shape[other] != 1:
            yield Change("wrong_axis", f"`{shop.text(x)}` is summed over axis {other}, not over "
                         f"axis {along}", shop.sum(x, other))  # fmt: skip


def every_axis(shop: Shop, formula: Expr) -> Iterator[tuple[str, Expr]]:
    """Yield the formula with every sum along the other axis; means divide by its size too."""
    sums = [e for e in ordered([formula]) if kind(e) == "sum" and len(e.args[0].shape) == 2]
    along = {axes_of(e) for e in sums}
    if not sums or len(along) != 1 or len(next(iter(along))) != 1:
        return
    (axis,) = next(iter(along))
    made = formula
    size = shop.world.lift(sums[-1].args[0].shape[axis])
    instead = shop.world.lift(sums[-1].args[0].shape[1 - axis])
    # the inner ones first, each as the others have left it
    while stale := [e for e in ordered([made]) if kind(e) == "sum" and len(e.args[0].shape) == 2
                    and axes_of(e) == (axis,)]:  # fmt: skip
        made = substituted(made, {stale[0]: shop.sum(stale[0].args[0], 1 - axis)}, shop.world)
    said = f"the sums are over axis {1 - axis}, not over axis {axis}"
    yield said, made
    yield said.replace("sums", "means"), substituted(made, {size: instead}, shop.world)
