"""The steps of a derivation, as a person can read and a test can check them.

Imports `chain`, `present` and `text`. Told value by value, from the loss back: what the chain rule
says by the gradients known so far, the laws that shorten it, and the lines it becomes. Before and
after of each step are computed on fresh inputs, so that no law that fails can hide.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from ..core.op import Edge
from ..core.reverse import contribution, order
from .align import expanded
from .chain import Chain
from .evaluate import evaluate, substituted
from .expr import Expr
from .present import Presenter
from .program import Program
from .simplify import Simplifier
from .spoken import Spoken
from .terms import Step


class Shown(NamedTuple):
    """One step: a law (or the chain rule), and what it made of an expression."""

    law: str
    sentence: str
    before: str
    after: str
    difference: float  #: the largest difference between before and after, in numbers


class Stage(NamedTuple):
    """How one gradient comes about.

    ``rules`` are the gradient rules that the chain rule used here, as (op, sentence); ``result``
    is the lines that the gradient becomes; ``note`` says what the function does otherwise, if so.
    """

    gradient: str
    of: str
    shape: str
    rules: tuple[tuple[str, str], ...]
    steps: tuple[Shown, ...]
    result: str
    note: str = ""


_CHAIN_RULE = "The gradient of a value is the sum of what its uses pass back."
_MASKED = (
    "Only what passes the mask is needed from here on, so the function puts the zeros into the "
    "same array."
)


class Teller:
    """Tells a derivation, once it has been written."""

    def __init__(self, chain: Chain, presenter: Presenter, program: Program) -> None:
        self.chain, self.program = chain, program
        #: name -> the laws applied when it was put in the user's words
        self.presented = {str(alias.label): laws for alias, laws in presenter.steps.items()}
        self.spoken = Spoken(chain, presenter)
        self.tidy = self.spoken.tidy
        #: what the lines of the function compute, in their order
        self.lines = dict(self.spoken.env)
        for name, e in program.values.items():
            self.lines.setdefault(name, evaluate([e], self.spoken.env)[0])
        for name, form in program.forms.items():
            self.lines[name] = evaluate([form], self.lines)[0]

    def stages(self) -> list[Stage]:
        """Return how each named gradient comes about, from the loss back."""
        chain, world = self.chain, self.chain.trace.world
        wanted = {chain.target(name) for name in chain.wrt}
        shares: dict[Expr, list[Expr]] = {chain.trace.output: [world.lift(1)]}
        rules: dict[Expr, dict[tuple[str, str], None]] = {chain.trace.output: {}}
        told: list[Stage] = []
        laws: list[Step] = []
        for node in reversed(order(chain.trace.output)):
            g = sum(shares[node][1:], shares[node][0])
            laws += chain.steps[node]
            if node in self.spoken.leaves and (node.op is not None or node in wanted):
                told.append(self._stage(node, g, rules[node], laws))
                g, laws, rules[node] = self.spoken.slope(node), [], {}
            for edge in node.plan.edges if node.op is not None else ():
                origin = node.parents[edge.position]
                shares.setdefault(origin, []).append(contribution(node, edge, g))
                reasons = dict.fromkeys(self._reasons(node, edge))
                rules[origin] = {**rules.get(origin, {}), **rules[node], **reasons}
        return told

    def _reasons(self, node: Expr, edge: Edge) -> Iterator[tuple[str, str]]:
        """Yield why an arrow is what it is, as (op, sentence): its rule, and what was repeated."""
        assert node.op is not None
        yield str(node.op.__name__), " ".join((edge.function.__doc__ or "").split())
        origin = node.parents[edge.position]
        if node.op.elementwise and origin is not None and origin.shape != node.shape:
            was, now = self.spoken.shape(origin), self.spoken.shape(node)
            name = self.spoken.leaves[origin].label if origin in self.spoken.leaves else "A value"
            what = f"`{name}`" if origin in self.spoken.leaves else name
            if origin.shape:
                yield "broadcasting", (f"{what} of shape {was} was repeated to {now}, and collects "
                                       "the gradients of all its copies: their sum.")  # fmt: skip

    def _stage(self, e: Expr, g: Expr, rules: Iterable[tuple[str, str]],
               laws: Iterable[Step]) -> Stage:  # fmt: skip
        """Tell one gradient: `g` is what the chain rule says, by the names known so far."""
        leaf, laws = self.spoken.gradient(e), list(dict.fromkeys(laws))
        name, said = str(leaf.label), self._tidied(g, e)
        steps = [self._shown("chain_rule", _CHAIN_RULE, leaf, said)]
        if laws:
            known = {self.spoken.slope(v): self.chain.gradients[v] for v in self.spoken.leaves
                     if v in self.chain.gradients}  # fmt: skip
            put = self._tidied(substituted(said, known, self.chain.trace.world), e)
            steps.append(self._shown("substitution", "The gradients known so far are put in.",
                                     said, put))  # fmt: skip
            steps += [self._shown(step.law.name, step.law.sentence, step.before, step.after)
                      for step in laws]  # fmt: skip
        steps += [self._shown(step.law.name, step.law.sentence, step.before, step.after)
                  for step in self.presented.get(name, ())]  # fmt: skip
        result, note = self._result(name, e, said, bool(laws))
        return Stage(name, str(self.spoken.leaves[e].label), self.spoken.shape(e),
                     tuple(rules), tuple(s for s in steps if s.before != s.after),
                     result, note)  # fmt: skip

    def _result(self, name: str, e: Expr, said: Expr, shortened: bool) -> tuple[str, str]:
        """Return the lines of a gradient, and what the function makes of them."""
        line = self.program.code.get(name)
        if line is not None and np.allclose(self.lines[name], self.spoken.env[name]):
            return line, ""
        closed = expanded(self.tidy, self.chain.gradients[e], e.shape) if shortened else said
        plain = f"{name} = {self.spoken.text(closed)}"
        if line is None:
            return plain, ""
        return plain, _MASKED

    def _tidied(self, g: Expr, e: Expr) -> Expr:
        """Return a gradient of `e` in full shape, by the names of the forward values."""
        named = substituted(g, self.spoken.leaves, self.chain.trace.world)
        return expanded(self.tidy, Simplifier(self.tidy)(named), e.shape)

    def told(self, steps: Iterable[Step]) -> list[Shown]:
        """Return the steps that keep numbers in range, before or after the differentiation."""
        return [self._shown(step.law.name, step.law.sentence, step.before, step.after)
                for step in dict.fromkeys(steps)]  # fmt: skip

    def _shown(self, law: str, sentence: str, before: Expr, after: Expr) -> Shown:
        one, other = evaluate([before, after], self.spoken.env)
        difference = float(np.max(np.abs(np.subtract(one, other)), initial=0.0))
        return Shown(law, sentence, self.spoken.text(before), self.spoken.text(after), difference)
