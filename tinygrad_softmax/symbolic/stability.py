"""From the naive spelling of a loss to one that no score can overflow.

Imports `stabiliser`, `trace` and the ops. Exponentials of scores overflow, their logarithms do not:
so a logarithm is taken where the program still says what of, and a quotient of exponentials is
shifted by the largest of them. Each law looks at one op and its operands.
"""

from __future__ import annotations

from fractions import Fraction
from functools import reduce

import numpy as np

from ..ops import choices, elementwise, reductions
from .algebra import Algebra
from .evaluate import ordered
from .exponentials import can_overflow, is_exponential, is_share, kind, moves
from .expr import Expr
from .stabiliser import Stabiliser, stability_law
from .terms import Step, is_number
from .trace import Trace


@stability_law("log")
def logarithm_of_an_exponential(stable: Stabiliser, e: Expr) -> Expr | None:
    """The logarithm undoes the exponential: ``log(exp(s))`` is ``s``, whatever its size."""
    (x,) = e.args
    result: Expr | None = x.args[0] if kind(x) == "exp" else None
    return result


@stability_law("log")
def logarithm_of_a_quotient(stable: Stabiliser, e: Expr) -> Expr | None:
    """The logarithm of a quotient is the difference of the logarithms."""
    (x,) = e.args
    if kind(x) != "divide" or not is_exponential(x):
        return None
    return stable.difference(stable.log(x.args[0]), stable.log(x.args[1]))


@stability_law("log")
def logarithm_of_a_product(stable: Stabiliser, e: Expr) -> Expr | None:
    """The logarithm of a product is the sum of the logarithms; of a power, a multiple."""
    (x,) = e.args
    if not is_exponential(x):
        return None
    if kind(x) == "multiply":
        return stable.made(stable.log(x.args[0]) + stable.log(x.args[1]))
    if kind(x) in ("power", "sqrt"):
        k = x.args[1] if kind(x) == "power" else 0.5
        return stable.made(k * stable.log(x.args[0]))
    if kind(x) == "product":
        return stable.exponent(dict(zip(x.args, x.setting("exps"), strict=True)))
    return None


@stability_law("log")
def logarithm_of_what_is_picked(stable: Stabiliser, e: Expr) -> Expr | None:
    """Picking entries and taking their logarithm can change places."""
    (x,) = e.args
    if x.op is None or not moves(x) or not is_exponential(x):
        return None
    of = stable.log(x.args[0])
    return stable.tidy.world.make(x.op, (of, *x.args[1:]), x.settings, x.shape)


@stability_law("log")
def logarithm_of_a_sum(stable: Stabiliser, e: Expr) -> Expr | None:
    """With the largest score m taken out, ``log(sum(exp(s)))`` is ``m + log(sum(exp(s - m)))``."""
    (x,) = e.args
    if kind(x) != "sum" or not can_overflow(x):
        return None
    scores, axis = stable.log(x.args[0]), x.setting("axis")
    powers = stable.powers(scores, axis)
    summed = reductions.sum(powers, axis, keepdims=x.setting("keepdims"))
    most = np.max(choices.stop_gradient(scores), axis=axis, keepdims=x.setting("keepdims"))
    return stable.made(most + elementwise.log(summed))


@stability_law("log")
def logarithm_of_two_exponentials(stable: Stabiliser, e: Expr) -> Expr | None:
    """``log(exp(a) + exp(b))`` is ``logaddexp(a, b)``, which takes the larger one out."""
    (x,) = e.args
    if kind(x) not in ("add", "linear") or not can_overflow(x):
        return None
    tidy = stable.tidy
    logs = [tidy.add(tidy.world.lift(float(np.log(float(c)))), stable.log(term))
            for term, c in tidy.terms(x).items()] if kind(x) == "linear" else [
                stable.log(arg) for arg in x.args]  # fmt: skip
    return stable.made(reduce(elementwise.logaddexp, logs))


@stability_law("log1p")
def logarithm_of_one_and_an_exponential(stable: Stabiliser, e: Expr) -> Expr | None:
    """``log(1 + exp(s))`` is ``logaddexp(0, s)``."""
    (x,) = e.args
    if not can_overflow(x):
        return None
    return stable.made(elementwise.logaddexp(stable.world.lift(0), stable.log(x)))


@stability_law("subtract")
def complement_of_a_share(stable: Stabiliser, e: Expr) -> Expr | None:
    """What is missing to 1 is the other share: ``1 - a / (a + b)`` is ``b / (a + b)``."""
    one, share = e.args
    if not (is_number(one) and one.value == 1):
        return None
    if kind(share) == "exp" and is_share(share.args[0]) and kind(share.args[0]) == "negative":
        (whole,) = share.args[0].args  # the sigmoid, said by its logarithm
        a, b = whole.args
        other = b if is_number(a) and a.value == 0 else a
        return stable.made(elementwise.exp(other - whole))
    share = stable.was.get(share, share)
    if kind(share) != "divide":
        return None
    top, bottom = share.args
    if kind(bottom) != "add" or not is_exponential(bottom):
        return None
    a, b = bottom.args
    other = b if _same(a, top) else a if _same(b, top) else None
    return None if other is None else stable(elementwise.divide(other, bottom))


def _same(a: Expr, b: Expr) -> bool:
    return a is b or (is_number(a) and is_number(b) and bool(a.value == b.value))


@stability_law("divide")
def factor_beside_a_quotient(stable: Stabiliser, e: Expr) -> Expr | None:
    """A factor can stand beside the quotient: ``(u * a) / b`` is ``u * (a / b)``."""
    top, bottom = e.args
    if kind(top) != "multiply" or not is_exponential(bottom) or is_exponential(top):
        return None
    for a, u in (top.args, top.args[::-1]):
        if is_exponential(a):
            return stable.made(u * stable(a / bottom))
    return None


@stability_law("divide")
def shift_invariance(stable: Stabiliser, e: Expr) -> Expr | None:
    """Dividing each exponential and their sum by the largest one changes no quotient."""
    top, bottom = e.args
    if not can_overflow(top) or kind(bottom) != "sum" or bottom.args[0] is not top:
        return None
    axis = bottom.setting("axis")
    powers = stable.powers(stable.log(top), axis)
    return stable.made(powers / reductions.sum(powers, axis, keepdims=bottom.setting("keepdims")))


@stability_law("divide")
def quotient_of_exponentials(stable: Stabiliser, e: Expr) -> Expr | None:
    """A quotient of exponentials is the exponential of the difference of their logarithms."""
    top, bottom = e.args
    if not can_overflow(e):
        return None
    return stable.made(elementwise.exp(stable.difference(stable.log(top), stable.log(bottom))))


@stability_law("divide")
def quotient_of_a_difference(stable: Stabiliser, e: Expr) -> Expr | None:
    """A difference of exponentials is divided term by term, so that each stays in range."""
    top, bottom = e.args
    if kind(top) not in ("subtract", "add") or not (
        can_overflow(bottom) and any(map(can_overflow, top.args))
    ):
        return None
    a, b = (stable(arg / bottom) for arg in top.args)
    return stable.made(a - b if kind(top) == "subtract" else a + b)


@stability_law("divide")
def division_through_a_product_of_matrices(stable: Stabiliser, e: Expr) -> Expr | None:
    """A divisor of each row can divide the rows before they meet the matrix."""
    top, bottom = e.args
    rows_alone = len(bottom.shape) == len(top.shape) > 1 and bottom.shape[-1] == 1
    if kind(top) != "matmul" or not rows_alone or not can_overflow(bottom):
        return None
    rows, matrix = top.args
    return stable.made(stable(rows / bottom) @ matrix) if is_exponential(rows) else None


@stability_law("divide")
def division_by_exponentials(stable: Stabiliser, e: Expr) -> Expr | None:
    """Dividing by exponentials is multiplying with the exponential of minus their logarithm."""
    top, bottom = e.args
    if not can_overflow(bottom):
        return None
    return stable.made(top * elementwise.exp(-stable.log(bottom)))


@stability_law("product")
def exponentials_of_a_product(stable: Stabiliser, e: Expr) -> Expr | None:
    """Exponentials that multiply and divide one another are one: their exponents are added."""
    tidy = stable.tidy
    factors = tidy.factors(e)[1]
    growing = {b: k for b, k in factors.items() if can_overflow(b)}
    if not growing or [*growing.values()] == [1]:
        return None
    rest = {b: k for b, k in factors.items() if b not in growing}
    for base, k in rest.items():
        if k == 1 and kind(base) == "linear" and any(_grows(tidy, t) for t in tidy.terms(base)):
            beside = tidy.product(Fraction(1), {b: j for b, j in factors.items() if b is not base})
            return stable.made(tidy.add(*(tidy.scale(stable(tidy.times(t, beside)), c)
                                          for t, c in tidy.terms(base).items())))  # fmt: skip
    one = elementwise.exp(stable.exponent(growing))
    return stable.made(tidy.times(tidy.product(Fraction(1), rest), one))


def _grows(tidy: Algebra, term: Expr) -> bool:
    return any(map(can_overflow, tidy.factors(term)[1]))


@stability_law("power")
def power_of_an_exponential(stable: Stabiliser, e: Expr) -> Expr | None:
    """A negative power of exponentials is the exponential of that multiple of the logarithm."""
    base, k = e.args
    if not (is_number(k) and k.value < 0 and can_overflow(base)):
        return None
    return stable.made(elementwise.exp(k * stable.log(base)))


def stabilised(traced: Trace) -> tuple[Trace, list[Step]]:
    """Return a trace of the same loss that is finite at any scores, and how it came about.

    A name whose value overflowed and is not needed any more is gone.
    """
    stable = Stabiliser(traced.world)
    output = stable(traced.output)
    names = {label: stable(e) for label, e in traced.names.items()}
    needed = {*ordered([output])}
    names = {n: e for n, e in names.items() if e in needed or not can_overflow(e)}
    taken = {*traced.inputs, *traced.static, *traced.names}
    labels = {e: n for n, e in {**traced.inputs, **names}.items()}
    used = {*ordered([output, *names.values()])}
    for shift, (scores, powers) in stable.shifts.items():
        shifted = f"shifted_{labels.get(scores, 'scores')}"
        for e, label in ((shift, shifted), (powers, f"exp_{shifted}")):
            if e in used and e not in labels and label not in taken:
                names[label], labels[e] = e, label
    ranked = dict(sorted(names.items(), key=lambda item: item[1].serial))
    made = frozenset(names.keys() - traced.names.keys())
    return traced._replace(output=output, names=ranked, made=made), stable.steps
