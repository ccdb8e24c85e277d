"""Canonical expressions of a derivation in the user's hand.

Imports `symbolic`. What a path contributes is simplified by the laws of the derivation and written
by its names, so it reads like the lines it is a part of.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import numpy as np

from ..symbolic.derivation import Derivation
from ..symbolic.evaluate import ordered
from ..symbolic.expr import Expr
from ..symbolic.terms import is_number
from ..symbolic.text import Writer
from .titles import unparse


class Hand:
    """Simplifies and writes expressions of one derivation."""

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation
        self.algebra = derivation.presenter.algebra
        self.writer = Writer(self.algebra)
        #: gradients that the derived lines set to zero in places
        self.masked = frozenset(_masked(derivation.program.gradient))
        self.added: dict[str, str] = {}  # names that the derived lines brought in, and their values
        self._add_names()

    def _add_names(self) -> None:
        """Take over the names that the derivation gave to values without one."""
        traced = self.derivation.trace
        known = {*traced.names, *traced.inputs, *traced.sizes, *self.derivation.program.code}
        writer = Writer(self.algebra)
        writer.names = {e: name for name, e in reversed(traced.names.items())}
        for name, value in _assignments(self.derivation.source):
            for e in ordered([traced.output]) if name not in known else ():
                if e.op is None or e in writer.names or e is traced.output:
                    continue
                if ast.unparse(ast.fix_missing_locations(writer.write(e))) == value:
                    writer.names[e] = name
                    self.added[name] = value
                    self.derivation.presenter.name(name, self.canonical(e))

    def explained(self, code: str) -> list[str]:
        """Say what the names in lines of code mean that are not the user's."""
        used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}
        return [f"Here `{name}` is `{value}`." for name, value in self.added.items()
                if name in used]  # fmt: skip

    def canonical(self, e: Expr) -> Expr:
        """Return the canonical form of a traced expression."""
        return self.derivation.chain.simplify(e)

    def presented(self, canonical: Expr) -> Expr:
        """Return a canonical form by the user's names."""
        return self.derivation.presenter(canonical)

    def text(self, canonical: Expr) -> str:
        """Return the text of a canonical form."""
        return self.write(self.presented(canonical))

    def spelt_out(self, canonical: Expr) -> str:
        """Return the text of a canonical form, by no gradient's name that has no line."""
        presented = self.presented(canonical)
        meant = self.derivation.presenter.definitions.get(presented)
        if meant is not None and presented.label not in self.derivation.program.code:
            return self.write(meant)
        return self.write(presented)

    def write(self, presented: Expr) -> str:
        """Return the text of a presented form."""
        return unparse(_Unmasked(self.masked).visit(self.writer.write(presented)))

    def vanishes(self, e: Expr, axis: int) -> bool:
        """Whether the gradient of a traced value sums to zero along an axis, by the laws."""
        g = np.broadcast_to(self.derivation.chain.raw[e], e.shape)
        return self.is_zero(self.canonical(np.sum(g, axis=axis, keepdims=True)))

    @staticmethod
    def is_zero(canonical: Expr) -> bool:
        """Whether a canonical form is the number 0."""
        return is_number(canonical) and bool(canonical.value == 0)


class _Unmasked(ast.NodeTransformer):
    """Leaves out a mask beside a gradient that the derived lines have masked already."""

    def __init__(self, masked: frozenset[str]) -> None:
        self.masked = masked

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        masks = isinstance(node.op, ast.Mult) and isinstance(node.right, ast.Compare)
        return node.left if masks and ast.unparse(node.left) in self.masked else node


def _assignments(source: str) -> Iterator[tuple[str, str]]:
    """Yield the names that a function assigns to, with what they are."""
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    for statement in function.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            yield statement.targets[0].id, ast.unparse(statement.value)


def _masked(source: str) -> Iterator[str]:
    """Yield the names of which entries are set to zero."""
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Subscript):
            yield ast.unparse(statement.targets[0].value)
