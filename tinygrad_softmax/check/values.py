"""Computing formulas at one point, each part of them once.

Imports `symbolic`. Formulas that differ in one op share all the others, so that what was computed
for one is kept for the next; a formula whose shapes do not fit comes to None.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.errors import ShapeError
from ..symbolic.evaluate import _computed, ordered
from ..symbolic.expr import Expr

_MISFITS = (ValueError, IndexError, TypeError, ZeroDivisionError, AttributeError, ShapeError)


class Values:
    """The values of formulas where the names in them have certain values.

    Examples
    --------
    >>> from ..symbolic.expr import World
    >>> Values({"a": np.arange(3.0)})(World().leaf("a", (3,)))
    array([0., 1., 2.])
    """

    def __init__(self, numbers: Mapping[str, Any]) -> None:
        self.numbers = dict(numbers)
        self.known: dict[Expr, Any] = {}

    def __getitem__(self, name: str) -> Any:
        return self.numbers[name]

    def __contains__(self, name: str) -> bool:
        return name in self.numbers

    def __iter__(self) -> Any:
        return iter(self.numbers)

    def changed(self, **numbers: Any) -> Values:
        """Return the same point with other values for some names."""
        return Values({**self.numbers, **numbers})

    def __call__(self, e: Expr) -> Any:
        """Compute a formula; None where its shapes do not fit."""
        if e not in self.known:
            try:
                with np.errstate(all="ignore"):
                    self._compute(e)
            except _MISFITS:
                self.known[e] = None
        return self.known[e]

    def _compute(self, e: Expr) -> None:
        for node in self._missing(e):
            if node.op is None:
                self.known[node] = self.numbers.get(str(node.label), node.value)
                continue
            args = [self.known[arg] for arg in node.args]
            settings = {name: _computed(value, args, self.numbers, node.world)
                        for name, value in node.settings}  # fmt: skip
            self.known[node] = node.op.forward(*args[: len(node.inputs)], **settings)

    def _missing(self, e: Expr) -> list[Expr]:
        """Return what is not known of a formula, operands before results."""
        seen: set[Expr] = set()
        stack = [e]
        while stack:
            node = stack.pop()
            if node not in seen and node not in self.known:
                seen.add(node)
                stack.extend(node.args)
        return sorted(seen, key=lambda node: node.serial) if seen else ordered([e])
