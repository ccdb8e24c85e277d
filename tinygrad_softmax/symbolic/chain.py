"""The chain rule on a trace: every gradient, brought into canonical form.

Imports the reverse pass, `simplify` and `laws`. The rules that differentiate arrays are run on
expressions here; nothing is differentiated a second way.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import BackwardError
from ..core.reverse import reverse
from .algebra import Algebra
from .align import expanded
from .evaluate import ordered
from .expr import Expr
from .inputs import distributions
from .laws import LAWS
from .simplify import Simplifier
from .terms import Step
from .trace import Trace


class Chain:
    """The canonical gradients of a traced loss.

    Parameters
    ----------
    traced : Trace
        The loss.
    wrt : tuple of str
        Inputs or local variables to differentiate by.
    given : dict
        The inputs that it was traced at, for facts about them.
    name : str
        What messages call the function.

    Raises
    ------
    BackwardError
        If the loss does not depend on any of `wrt`.
    """

    def __init__(
        self, traced: Trace, wrt: tuple[str, ...], given: dict[str, Any], name: str
    ) -> None:
        self.trace, self.wrt, self.given = traced, wrt, given
        self.algebra = algebra = Algebra(traced.world, LAWS)
        self.simplify = Simplifier(algebra)
        self.raw: dict[Expr, Expr] = {}  # traced value -> its gradient as the rules give it
        self.gradients: dict[Expr, Expr] = {}  # traced value -> its canonical gradient
        self.steps: dict[Expr, list[Step]] = {}  # traced value -> the laws applied at its gradient
        for label, e in traced.inputs.items():
            for axis in distributions(given[label]):
                algebra.distributions.add((e, (axis,)))
        for e in ordered([traced.output, *traced.names.values()]):
            self.simplify(e)
        read = [*algebra.steps]
        algebra.steps.clear()  # how the loss itself was read is no part of the derivation
        if not traced.output.tracked:
            raise BackwardError(
                f"{name} does not depend on {', '.join(wrt)}: there is nothing to derive"
            )
        for node, g, _ in reverse(traced.output, traced.world.lift(1.0)):
            self.raw[node] = g
            mark = len(algebra.steps)
            self.gradients[node] = canonical = self.simplify(g)
            if node.op is not None and canonical.shape:
                algebra.held.add(canonical)
            self.steps[node] = algebra.steps[mark:]

        self.rests_on_distribution = any(
            step.law.name == "sum_of_a_distribution" for step in (*read, *algebra.steps)
        )

    def settle(self) -> None:
        """Let go of all but what `check_fits` asks: nothing is derived from here on."""
        self.raw.clear()
        self.gradients.clear()
        self.steps.clear()
        self.simplify.known.clear()
        self.trace.names.clear()
        self.algebra.settle()

    def target(self, name: str) -> Expr:
        """Return what `name` of `wrt` stands for: an input, or a local variable."""
        return self.trace.inputs[name] if name in self.trace.inputs else self.trace.names[name]

    def gradient(self, name: str) -> Expr:
        """Return the simplified gradient for one of `wrt`, in full shape."""
        target = self.target(name)
        g = self.gradients.get(target, self.algebra.zero)
        return expanded(self.algebra, g, target.shape)


def check_fits(inputs: dict[str, Any], given: dict[str, Any], chain: Chain) -> None:
    """Refuse inputs for which the derived function was not made, instead of a wrong answer.

    Raises
    ------
    ValueError
        If a value that settled the course of the program differs, a size that was fixed or an axis
        of size 1 differs, or weights that were given as a distribution no longer sum to 1.
    """
    traced = chain.trace
    for name, value in traced.static.items():
        if name in inputs and not np.array_equal(inputs[name], value):
            raise ValueError(
                f"{name} was {value!r} when this was derived, and settled which formula holds: "
                f"derive again for {name}={inputs[name]!r}"
            )
    for name in traced.inputs.keys() & inputs.keys():
        was, now = np.shape(given[name]), np.shape(inputs[name])
        fixed = [traced.classes.get((name, axis), 1) not in traced.world.dims
                 for axis in range(len(was))]  # fmt: skip
        if len(was) != len(now) or any(
            f and m != n for f, m, n in zip(fixed, was, now, strict=True)
        ):
            raise ValueError(f"{name} had shape {was} when this was derived, and that is in the "
                             f"formula: derive again for shape {now}")  # fmt: skip
    if chain.rests_on_distribution:
        for e, (axis,) in chain.algebra.distributions:
            name = str(e.label)
            if name in inputs and axis not in distributions(inputs[name]):
                raise ValueError(f"{name} summed to 1 along axis {axis} when this was derived, and "
                                 "the formula rests on that: derive again")  # fmt: skip
