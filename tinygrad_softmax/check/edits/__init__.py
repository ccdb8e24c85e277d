"""The small edits of a formula that a person makes by mistake.

Imports the expressions of `symbolic`. A mistake is looked for as one edit of the right formula at
one op: a term or a factor dropped or turned round, a sum forgotten or taken along another axis, a
value put in place of another. Nothing here knows a loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ...core.errors import ShapeError
from ...symbolic.evaluate import ordered, substituted
from ...symbolic.exponentials import kind
from ...symbolic.expr import Expr
from ...symbolic.terms import is_number
from . import factors, masks, picks, sums, terms
from .parts import Change, Shop
from .places import OUTER, Family, places

#: In a longer formula (a loop written out) only the terms are edited.
_LONGEST = 120


def is_long(formula: Expr) -> bool:
    """Whether a formula is too long to look at all of its ops."""
    return len(ordered([formula])) > _LONGEST


class Edit(NamedTuple):
    """A formula with one mistake in it: the mistake's kind, what it is in words, and the result.

    ``rank`` orders edits that come to the same numbers: the smaller is the more usual.
    """

    cause: str
    sentence: str
    formula: Expr
    rank: int


class Editor(Shop):
    """Makes the edits of formulas."""

    def edits(self, formula: Expr) -> Iterator[Edit]:
        """Yield every edit of `formula`."""
        self.places = places(formula)
        family = Family(formula)
        nodes = family.nodes
        if is_long(formula):
            nodes = [node for node in nodes if self.places[node] == OUTER and node.args]
        shared = self._shared(nodes)
        for node in reversed(nodes):  # what is wrong further out is the simpler mistake
            for change in self._changes(node, formula):
                made = family.replaced(node, change.replacement)
                yield Edit(change.cause, change.sentence, made, change.rank)
                for whole, term in shared.get(node, ()):
                    yield self._in_one_term(family, whole, term, node, change)
        if is_long(formula):
            return
        try:
            for said, made in sums.every_axis(self, formula):
                yield Edit("wrong_axis", said, made, 2)
        except (ShapeError, ValueError):
            pass  # the axes have sizes that do not fit

    def _shared(self, nodes: list[Expr]) -> dict[Expr, list[tuple[Expr, Expr]]]:
        """Return the ops that several terms of one sum have in common, with sums and terms."""
        found: dict[Expr, list[tuple[Expr, Expr]]] = {}
        for whole in nodes:
            if kind(whole) == "linear" and 2 <= len(whole.args) <= 4:
                inside = {term: set(ordered([term])) for term in whole.args}
                for node in nodes:
                    within = [term for term, parts in inside.items() if node in parts]
                    if len(within) > 1 and node.op is not None:
                        found.setdefault(node, []).extend((whole, term) for term in within)
        return found

    def _in_one_term(self, family: Family, whole: Expr, term: Expr, node: Expr,
                     change: Change) -> Edit:  # fmt: skip
        """Return the formula with a change that is made in one term of a sum only."""
        c = dict(zip(whole.args, whole.setting("coefs"), strict=True))
        new = substituted(term, {node: change.replacement}, self.world)
        made = self.linear({(new if t is term else t): k for t, k in c.items()}, whole)
        said = f"{change.sentence}, in the term {self.term(term, c[term])} alone"
        cause = "term_scaled" if change.cause == "scaled" else change.cause
        return Edit("term_sign" if cause == "sign" else cause, said,
                    family.replaced(whole, made), change.rank + 1)  # fmt: skip

    def incoming(self, formula: Expr) -> Iterator[tuple[str, Expr]]:
        """Yield what a formula gets from further on: its gradients, and products made of them."""
        if kind(formula) == "product":
            parts = dict(zip(formula.args, formula.setting("exps"), strict=True))
            carrying = {b: k for b, k in parts.items() if self.carries(b)}
            if carrying and len(carrying) < len(parts):
                whole = self.product(carrying, formula)
                yield self.said(self.text(whole)), whole
        for e in ordered([formula]):
            if e.op is None and e.label in self.upstream:
                yield str(e.label), e

    def terms(self, formula: Expr) -> Iterator[dict[str, Expr]]:
        """Yield the sums that a formula is proportional to, taken apart.

        Each as the formula would be with one of its terms alone, by the token of the term.
        """
        where, family = places(formula), Family(formula)
        for node in family.nodes:
            if kind(node) == "linear" and len(node.args) > 1 and where[node] == OUTER:
                found = dict(zip(node.args, node.setting("coefs"), strict=True))
                yield {self.term(t, c): family.replaced(node, self.linear({t: c}, node))
                       for t, c in found.items()}  # fmt: skip

    def _changes(self, node: Expr, formula: Expr) -> Iterator[Change]:
        name = kind(node)
        if node.op is None:
            yield from self._mixed_up(node)
        elif name == "linear":
            yield from terms.changes(self, node, formula)
        elif name == "product":
            yield from factors.changes(self, node)
        elif name == "sum":
            yield from sums.changes(self, node, formula)
        elif name in masks.CONDITIONS:
            yield from masks.changes(self, node)
        elif name in ("getitem", "scatter"):
            yield from picks.changes(self, node)
        elif name in masks.FUNCTIONS:
            yield from masks.functions(self, node)
        elif name == "matmul" and not is_long(formula):
            yield from self._other_operands(node)
        elif name == "realign" and kind(node.args[0]) == "sum":
            yield from sums.other_axes(self, node.args[0])

    def _other_operands(self, node: Expr) -> Iterator[Change]:
        for place, operand in enumerate(node.args):
            cause = "upstream" if self.carries(operand) else "local_slope"
            for value in self.values:
                if value.label != operand.label and value.shape == operand.shape:
                    made = self.like(node, tuple(value if i == place else a
                                                 for i, a in enumerate(node.args)))  # fmt: skip
                    yield Change(cause, f"`{self.text(value)}` stands where `{self.text(operand)}` "
                                 "should", made, 2)  # fmt: skip

    def _mixed_up(self, node: Expr) -> Iterator[Change]:
        if node.value is not None or not node.shape or node.dtype.kind != "f" or is_number(node):
            return
        cause = "upstream" if node.label in self.upstream else "local_slope"
        for value in self.values:
            if value.label != node.label and value.shape == node.shape:
                yield Change(cause, f"`{self.text(value)}` stands where `{self.text(node)}` should",
                             value, 3)  # fmt: skip
