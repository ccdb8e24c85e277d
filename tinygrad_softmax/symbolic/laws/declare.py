"""How a law is declared: by the kinds of expression that it may apply to.

Imports `terms`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..expr import Expr
from ..terms import Law

_Apply = TypeVar("_Apply", bound=Callable[[Any, Expr], Expr | None])


def laws_into(table: dict[str, list[Law]]) -> Callable[..., Callable[[_Apply], _Apply]]:
    """Return a decorator that declares laws, for expressions of the kinds it is given."""

    def law(*kinds: str) -> Callable[[_Apply], _Apply]:
        def declare(function: _Apply) -> _Apply:
            entry = Law(function.__name__, " ".join((function.__doc__ or "").split()), function)
            for kind in kinds:
                table.setdefault(kind, []).append(entry)
            return function

        return declare

    return law


#: Kind of expression -> the laws that may apply to it, in this order.
LAWS: dict[str, list[Law]] = {}
law = laws_into(LAWS)
