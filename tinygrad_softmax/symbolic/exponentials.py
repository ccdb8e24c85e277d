"""What is made of exponentials, what of it can overflow: told by form, without any value.

Imports `terms`. `stability` asks here before it rewrites anything.
"""

from __future__ import annotations

from .expr import Expr
from .terms import LINEAR, PRODUCT, is_number

_JOINS = frozenset({"add", "multiply", "divide"})


def moves(e: Expr) -> bool:
    """Whether an op only moves entries: a function of each entry can go before or after it."""
    return e.op is not None and e.op.moves_entries


def kind(e: Expr) -> str:
    """Return the name of an expression's op, "" for an input or a constant."""
    if e.op is LINEAR or e.op is PRODUCT:
        return "linear" if e.op is LINEAR else "product"
    return e.op.kind if e.op is not None else ""


def is_positive(e: Expr) -> bool:
    """Whether an expression is positive by its form alone."""
    if is_number(e):
        return bool(e.value > 0)
    if kind(e) in _JOINS or kind(e) == "product":
        return all(map(is_positive, e.args))
    return is_exponential(e)


def is_exponential(e: Expr) -> bool:
    """Whether an expression is made of exponentials, so that its logarithm is the smaller thing."""
    name = kind(e)
    if name == "linear" and min(e.setting("coefs")) <= 0:
        return False
    if name in _JOINS or name in ("linear", "product"):
        return all(map(is_positive, e.args)) and any(map(is_exponential, e.args))
    if name == "power":
        return is_exponential(e.args[0]) and is_number(e.args[1])
    if name in ("sum", "sqrt") or moves(e):
        return is_exponential(e.args[0])
    return name == "exp"


def can_overflow(e: Expr) -> bool:
    """Whether an expression made of exponentials grows without bound with the scores."""
    if kind(e) == "exp":
        return not is_share(e.args[0])
    return is_exponential(e) and any(can_overflow(arg) for arg in e.args if is_exponential(arg))


def is_share(x: Expr) -> bool:
    """Whether ``x`` is a score less the largest or less the logarithm of the sum: never above 0."""
    if kind(x) == "negative":
        return kind(x.args[0]) == "logaddexp" and any(
            is_number(arg) and arg.value == 0 for arg in x.args[0].args
        )
    if kind(x) != "subtract":
        return False
    score, most = x.args
    while moves(most):
        most = most.args[0]
    if kind(most) == "logaddexp":
        return any(score is arg for arg in most.args)
    if kind(most) == "max":
        (of,) = most.args
        return (of.args[0] if kind(of) == "stop_gradient" else of) is score
    return False
