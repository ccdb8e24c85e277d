"""From the ops of a trace to canonical expressions.

Imports `algebra`, `laws` and `align`. Each op is read as what it is in the algebra: a subtraction
as a sum, a quotient as a product, a mean as a sum and a count; the laws do the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import numpy as np

from ..core.shapes import normalize_axis
from ..ops import elementwise, indexing, shaping
from .algebra import Algebra
from .align import expanded, pick, realign
from .evaluate import ordered
from .expr import Expr
from .laws.scatters import scattered
from .laws.sums import total
from .terms import is_number, number

Reading = Callable[[Algebra, Expr, list[Expr]], Expr]
READINGS: dict[str, Reading] = {}


def reading(*names: str) -> Callable[[Reading], Reading]:
    """Declare how ops of these names are read."""

    def declare(function: Reading) -> Reading:
        for name in names:
            READINGS[name] = function
        return function

    return declare


class Simplifier:
    """Turns traced expressions into canonical ones, each once."""

    def __init__(self, algebra: Algebra) -> None:
        self.algebra = algebra
        self.known: dict[Expr, Expr] = {}

    def __call__(self, e: Expr) -> Expr:
        """Return the canonical form of `e`, compact."""
        for node in ordered([e]):
            if node not in self.known:
                self.known[node] = self._read(node)
        return self.known[e]

    def _read(self, node: Expr) -> Expr:
        if node.op is None:
            return node
        args = [self.known[arg] for arg in node.args]
        name = node.op.kind
        if args and all(map(is_number, args)) and node.op.elementwise:
            value = node.op.forward(*(arg.value.item() for arg in args))
            return self.algebra.world.lift(np.asarray(value).item())
        if name in READINGS:
            return READINGS[name](self.algebra, node, args)
        if node.op.elementwise:
            shape = node.op.shape(*(arg.shape for arg in args))
            return self.algebra.op(node.op, tuple(args), node.settings, shape)
        n = len(node.inputs)
        whole = [expanded(self.algebra, arg, raw.shape) if i < n else arg
                 for i, (arg, raw) in enumerate(zip(args, node.args, strict=True))]  # fmt: skip
        if name in ("matmul", "einsum") and _lost(whole) and not _lost(node.inputs):
            whole[0] = self.algebra.op(  # of masks NumPy makes no sums of products
                elementwise.astype, (whole[0],), (("dtype", float),), whole[0].shape
            )
        return self.algebra.op(node.op, tuple(whole), node.settings, node.shape)


def _lost(operands: Iterable[Expr]) -> bool:
    """Whether nothing but masks is multiplied."""
    return all(e.dtype == np.dtype(bool) for e in operands)


@reading("add")
def _(algebra: Algebra, node: Expr, args: list[Expr]) -> Expr:
    return algebra.add(*args)


@reading("subtract")
def _(algebra: Algebra, node: Expr, args: list[Expr]) -> Expr:
    return algebra.add(args[0], algebra.scale(args[1], Fraction(-1)))


@reading("negative")
def _(algebra: Algebra, node: Expr, args: list[Expr]) -> Expr:
    return algebra.scale(args[0], Fraction(-1))


@reading("positive", "stop_gradient", "broadcast_to", "astype")
def _(algebra: Algebra, node: Expr, args: list[Expr]) -> Expr:
    return args[0]


@reading("multiply")
def _(algebra: Algebra, node: Expr, args: list[Expr]) -> Expr:
    return algebra.times(*args)


@reading("divide")
def _(algebra: Algebra, node: Expr, args: list[Expr]) -> Expr:
    return algebra.times(args[0], algebra.power(args[1], Fraction(-1)))


@reading("square")
def _(algebra: Algebra, node: Expr, args: list[Expr]) -> Expr:
    return algebra.power(args[0], Fraction(2))


@reading("sqrt")
def _(algebra: Algebra, node: Expr, args: list[Expr]) -> Expr:
    return algebra.power(args[0], Fraction(1, 2))


@reading("power")
def _(algebra: Algebra, node: Expr, args: list[Expr]) -> Expr:
    base, exponent = args
    if is_number(exponent):
        k = number(exponent.value.item())
        if isinstance(k, Fraction):
            return algebra.power(base, k)
    shape = node.op.shape(base.shape, exponent.shape)
    return algebra.op(node.op, (base, exponent), (), shape)


@reading("sum")
def _(algebra: Algebra, node: Expr, args: list[Expr]) -> Expr:
    full = node.args[0].shape
    axes = normalize_axis(node.setting("axis"), len(full))
    summed = total(algebra, args[0], axes, full)
    if node.setting("keepdims"):
        return summed
    kept = tuple(i for i in range(len(full)) if i not in axes)
    return realign(algebra, summed, kept, full)


@reading("reshape")
def _(algebra: Algebra, node: Expr, args: list[Expr]) -> Expr:
    """Read a reshape that only adds or drops axes of size 1 as that."""
    before, after = node.args[0].shape, node.shape
    if [n for n in before if n != 1] == [n for n in after if n != 1]:
        real = iter(i for i, n in enumerate(before) if n != 1)
        return realign(
            algebra, args[0], tuple(None if n == 1 else next(real) for n in after), before
        )
    whole = expanded(algebra, args[0], before)
    return algebra.op(shaping.reshape, (whole,), (("shape", tuple(after)),), after)


@reading("transpose")
def _(algebra: Algebra, node: Expr, args: list[Expr]) -> Expr:
    full, axes = node.args[0].shape, node.setting("axes")
    order = tuple(range(len(full)))[::-1] if axes is None else normalize_axis(axes, len(full))
    return realign(algebra, args[0], order, full)


@reading("getitem")
def _(algebra: Algebra, node: Expr, args: list[Expr]) -> Expr:
    full, index = node.args[0].shape, node.setting("index")
    pattern = _only_axes(index, full)
    if pattern is not None:
        return realign(algebra, args[0], pattern, full)
    like = algebra.world.make(
        indexing.getitem, (node.args[0], *args[1:]), node.settings, node.shape
    )
    return pick(algebra, args[0], like)


def _only_axes(index: Any, full: tuple[int, ...]) -> tuple[int | None, ...] | None:
    """Return an index of full slices and newaxes as a pattern of axes, None for any other."""
    parts = index if isinstance(index, tuple) else (index,)
    if Ellipsis in [p for p in parts if p is Ellipsis]:
        place = next(i for i, p in enumerate(parts) if p is Ellipsis)
        n = len(full) - sum(p is not None for p in parts) + 1
        parts = (*parts[:place], *[slice(None)] * n, *parts[place + 1 :])
    parts = (*parts, *[slice(None)] * (len(full) - sum(p is not None for p in parts)))
    pattern: list[int | None] = []
    axis = 0
    for part in parts:
        if part is None:
            pattern.append(None)
            continue
        if isinstance(part, slice) and part == slice(None):
            pattern.append(axis)
        else:
            return None
        axis += 1
    return tuple(pattern)


@reading("scatter")
def _(algebra: Algebra, node: Expr, args: list[Expr]) -> Expr:
    pattern = _only_axes(node.setting("index"), node.shape)
    if pattern is not None:  # the mirror image of moving axes
        back = tuple(pattern.index(i) if i in pattern else None for i in range(len(node.shape)))
        return realign(algebra, args[0], back, node.args[0].shape)
    like = algebra.world.make(
        indexing.scatter, (node.args[0], *args[1:]), node.settings, node.shape
    )
    return scattered(algebra, args[0], like)


@reading("logaddexp")
def _(algebra: Algebra, node: Expr, args: list[Expr]) -> Expr:
    """Read log(exp(x) + exp(y)) as what it says."""
    from ..ops.elementwise import exp, log

    powers = [algebra.op(exp, (x,), (), x.shape) if not is_zero(x) else algebra.one for x in args]
    inside = algebra.add(*powers)
    return algebra.op(log, (inside,), (), inside.shape)


def is_zero(e: Expr) -> bool:
    """Whether an expression is the number 0."""
    return is_number(e) and e.value == 0
