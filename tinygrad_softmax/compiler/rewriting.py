"""Forms that are short to write are not always fast to compute: what is rewritten before compiling.

Imports the algebra, without its laws. Each rewrite is exact in real arithmetic and local: masks are
read off the ramp that they belong to, scalars go to the smallest operand, picks are put back
together, and the largest score need not be subtracted where nothing overflows.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from ..ops import choices, elementwise, indexing, reductions
from ..symbolic.algebra import Algebra
from ..symbolic.align import REALIGN, expanded, pick
from ..symbolic.evaluate import ordered
from ..symbolic.expr import Expr, World
from ..symbolic.sizes import Counted, Slot
from ..symbolic.terms import LINEAR, PRODUCT, is_number

Roots = dict[str, Expr]


def rebuilt(
    roots: Roots,
    algebra: Algebra,
    known: dict[Expr, Expr],
    finish: Callable[[Expr], Expr] = lambda e: e,
) -> Roots:
    """Return the roots made anew of parts that `known` replaces; it holds all others afterwards."""
    for node in ordered(roots.values()):
        if node not in known:
            args = tuple(known[arg] for arg in node.args)
            known[node] = finish(_made(algebra, node, args))
    return {name: known[root] for name, root in roots.items()}


def _made(algebra: Algebra, node: Expr, args: tuple[Expr, ...]) -> Expr:
    if all(a is b for a, b in zip(args, node.args, strict=True)):
        return node
    if node.op is LINEAR:
        coefs = node.setting("coefs")
        return algebra.add(*(algebra.scale(t, c) for t, c in zip(args, coefs, strict=True)))
    if node.op is PRODUCT:
        exps = node.setting("exps")
        powers = (algebra.power(b, k) for b, k in zip(args, exps, strict=True))
        return algebra.times(*powers)
    if node.op is REALIGN and is_number(args[0]):
        return args[0]
    if not node.op.elementwise:  # it may count the axes of its operands
        args = tuple(
            expanded(algebra, a, b.shape) if len(a.shape) != len(b.shape) else a
            for a, b in zip(args, node.args, strict=True)
        )
    return algebra.world.make(node.op, args, node.settings, node.shape)


def faster(roots: Roots, world: World) -> tuple[Roots, dict[Expr, Expr]]:
    """Return the roots in the form that is compiled, and what became of each part."""
    algebra = Algebra(world, {})
    whole: dict[Expr, Expr] = {}
    ramps = {
        arg: e
        for e in ordered(roots.values())
        if e.op is choices.maximum
        for arg in e.args
        if any(is_number(a) and a.value == 0 for a in e.args)
    }

    def finish(e: Expr) -> Expr:
        if (
            e.op is choices.greater
            and e.args[0] in ramps
            and (is_number(e.args[1]) and e.args[1].value == 0)
        ):
            ramp = whole.get(ramps[e.args[0]], ramps[e.args[0]])
            return world.make(e.op, (ramp, e.args[1]), e.settings, e.shape)
        return _scalars_inside(algebra, e)

    made = rebuilt(roots, algebra, whole, finish)
    picked: dict[Expr, Expr] = {}
    made = rebuilt(made, algebra, picked, _together(algebra, made))
    return made, {before: picked[after] for before, after in whole.items() if after in picked}


def _scalars_inside(algebra: Algebra, e: Expr) -> Expr:
    """Return ``(a b - c) / N`` as ``a (b / N) - c / N``: the scalar meets something small."""
    coef, factors = algebra.factors(e)
    sums = [b for b, k in factors.items() if k == 1 and b.op is LINEAR and b.shape]
    if len(sums) != 1 or len(factors) < 2 or any(b.shape for b in factors if b is not sums[0]):
        return e
    by = algebra.product(coef, {b: k for b, k in factors.items() if b is not sums[0]})
    terms = algebra.terms(sums[0])
    if not all(_absorbs(algebra, t) for t in terms):
        return e
    return algebra.add(*(algebra.scale(algebra.times(t, by), c) for t, c in terms.items()))


def _absorbs(algebra: Algebra, term: Expr) -> bool:
    """Whether a scalar can be multiplied into a term without touching every entry of it."""
    _, factors = algebra.factors(term)
    size = max(len(b.shape) - sum(n == 1 for n in b.shape) for b in (term, *factors))
    return any(
        b.op is indexing.scatter or (b.shape and len(b.shape) - sum(n == 1 for n in b.shape) < size)
        for b in factors
    )


def _together(algebra: Algebra, roots: Roots) -> Callable[[Expr], Expr]:
    """Return what puts ``b[y] + (X @ W)[i, y]`` back together where ``b + X @ W`` is computed."""
    sums = [e for e in ordered(roots.values()) if e.op is LINEAR and len(e.shape) > 1]

    def finish(e: Expr) -> Expr:
        if e.op is not LINEAR or not sums:
            return e
        terms = algebra.terms(e)
        likes = [t for t in terms if t.op is indexing.getitem and _is_pick(t)]
        best, most = e, 1
        for like in likes:
            for whole in sums:
                if tuple(whole.shape) != tuple(like.args[0].shape):
                    continue
                parts = algebra.terms(pick(algebra, whole, like))
                ratios = {terms[t] / c for t, c in parts.items() if t in terms}
                if len(parts) > most and all(t in terms for t in parts) and len(ratios) == 1:
                    again = algebra.world.make(
                        indexing.getitem, (whole, *like.args[1:]), like.settings, like.shape
                    )
                    rest = {t: c for t, c in terms.items() if t not in parts}
                    best, most = algebra.linear({**rest, again: ratios.pop()}), len(parts)
        return best

    return finish


def _is_pick(e: Expr) -> bool:
    index = e.setting("index")
    return (
        isinstance(index, tuple)
        and len(index) == len(e.args[0].shape)
        and all(isinstance(part, (Counted, Slot)) for part in index)
    )


def unshifted(roots: Roots, world: World) -> tuple[Roots, list[Expr], dict[Expr, Expr]]:
    """Return the roots with no largest score subtracted, sums that must be in range, what became.

    ``exp(s - m) / sum(exp(s - m))`` is the same whatever m is; if the sums of ``exp(s)`` neither
    overflow nor vanish, no m is needed. Whether m is such a shift is found out by comparing
    gradients, not here.
    """
    nodes = ordered(roots.values())
    shifts: dict[Expr, list[Expr]] = {}
    for e in nodes:
        if e.op is reductions.sum and e.args[0].op is elementwise.exp:
            (scores,) = e.args[0].args
            terms = (
                dict(zip(scores.args, scores.setting("coefs"), strict=True))
                if (scores.op is LINEAR)
                else {}
            )
            for t, c in terms.items():
                if t.op is reductions.max and c == Fraction(-1) and _same_axis(t, e):
                    shifts.setdefault(t, []).append(e)
    if not shifts:
        return roots, [], {}
    algebra = Algebra(world, {})
    known: dict[Expr, Expr] = dict.fromkeys(shifts, algebra.zero)
    made = rebuilt(roots, algebra, known)
    return made, [known[e] for sums in shifts.values() for e in sums], known


def _same_axis(most: Expr, total: Expr) -> bool:
    ndim = len(total.args[0].shape)
    axes = [most.setting("axis"), total.setting("axis")]
    first, second = ((a,) if isinstance(a, int) else a for a in axes)
    return (
        first is not None
        and second is not None
        and {a % ndim for a in first} == {a % ndim for a in second}
    )
