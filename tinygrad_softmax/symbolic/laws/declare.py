"""How a law is declared: by the kinds of expression that it may apply to.

Imports `algebra`.
"""

from __future__ import annotations

from collections.abc import Callable

from ..algebra import Algebra
from ..expr import Expr
from ..terms import Law

#: Kind of expression -> the laws that may apply to it, in this order.
LAWS: dict[str, list[Law]] = {}
Apply = Callable[[Algebra, Expr], Expr | None]


def law(*kinds: str) -> Callable[[Apply], Apply]:
    """Declare a law for expressions of these kinds."""

    def declare(function: Apply) -> Apply:
        entry = Law(function.__name__, " ".join((function.__doc__ or "").split()), function)
        for kind in kinds:
            LAWS.setdefault(kind, []).append(entry)
        return function

    return declare
