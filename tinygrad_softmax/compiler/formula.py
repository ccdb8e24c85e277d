"""The loss and its gradients as expressions, ready to be compiled at any sizes.

Imports the derivation's parts. A formula is traced once; what it rests on (axes of size 1, values
that settled a branch) is asked of every new signature.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..symbolic.chain import Chain, check_fits
from ..symbolic.expr import Expr
from ..symbolic.stability import stabilised
from ..symbolic.terms import DerivationError
from ..symbolic.trace import trace
from .rewriting import Roots, faster, unshifted
from .surroundings import Surroundings

_ATTEMPTS = 4


class Form:
    """Expressions to compile: the loss, the gradients, and the sums that must be in range."""

    def __init__(self, roots: Roots, guards: list[Expr], names: dict[Expr, str]) -> None:
        self.roots, self.guards, self.names = roots, guards, names


class Formula:
    """A loss with its gradients, in the stable form and, where that is the same, a quicker one.

    Parameters
    ----------
    function : callable
        The loss.
    wrt : tuple of str
        Inputs to differentiate by.
    given : dict
        Inputs to trace it at.
    generic : bool
        Whether the sizes stay open.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        wrt: tuple[str, ...],
        given: dict[str, Any],
        generic: bool,
    ) -> None:
        self.function, self.wrt, self.given = function, wrt, given
        self.around = Surroundings(function)
        self.only_here = False  # whether it could be compared at these sizes only
        for _ in range(_ATTEMPTS):  # other threads may draw meanwhile
            before = self.around.draws()
            traced = trace(function, given, wrt, generic)
            if self.around.draws() == before:
                break
        else:
            raise DerivationError("it draws random numbers, other ones in each step")
        self.trace, _ = stabilised(traced)
        self.chain = Chain(self.trace, wrt, given, getattr(function, "__name__", "the function"))
        simplify = self.chain.simplify
        roots = {"": simplify(self.trace.output)} | {n: self.chain.gradient(n) for n in wrt}
        names: dict[Expr, str] = {}
        names_of_values = {e: name for name, e in self.trace.names.items()}
        for name, e in self.trace.names.items():
            names.setdefault(simplify(e), name)
        for e, g in self.chain.gradients.items():
            if e in names_of_values and g.shape:
                names.setdefault(g, f"d{names_of_values[e]}")
        self.safe = self._form(roots, [], names)
        quick, guards, became = unshifted(roots, self.trace.world)
        names = {became.get(e, e): name for e, name in names.items()}
        self.quick = self._form(quick, guards, names) if guards else None

    def settle(self) -> None:
        """Let go of what was needed to find the formula: the inputs' values, and every attempt."""
        self.given = {
            name: np.broadcast_to(value.dtype.type(0), value.shape)
            if isinstance(value, np.ndarray)
            else value
            for name, value in self.given.items()
        }
        self.chain.settle()
        self.trace.world.table.clear()

    @property
    def conditional(self) -> bool:
        """Whether it rests on values, which have to be looked at in every call."""
        floats = any(
            isinstance(v, float | np.floating | np.ndarray) for v in self.trace.static.values()
        )
        return floats or self.chain.rests_on_distribution

    def fits(self, inputs: dict[str, Any]) -> bool:
        """Whether the formula holds of these inputs."""
        given = self.given
        if (
            not self.around.unchanged()
            or inputs.keys() != given.keys()
            or any(_kind(inputs[n]) != _kind(given[n]) for n in given)
        ):
            return False
        if self.only_here and any(np.shape(inputs[n]) != np.shape(given[n]) for n in given):
            return False
        try:
            check_fits(inputs, given, self.chain)
        except ValueError:
            return False
        return True

    def _form(self, roots: Roots, guards: list[Expr], names: dict[Expr, str]) -> Form:
        sums = {f" {i}": e for i, e in enumerate(guards)}
        made, became = faster(roots | sums, self.trace.world)
        guards = [made.pop(name) for name in sums]
        known = {became.get(e, e): name for e, name in names.items()}
        return Form(made, guards, known)


def _kind(value: Any) -> Any:
    """What must be the same for a formula to hold: the type of numbers, and where sizes are 1."""
    if isinstance(value, np.ndarray | float | np.floating):
        return np.asarray(value).dtype, tuple(n == 1 for n in np.shape(value))
    return type(value)
