"""Expressions by the user's names, as text and as numbers.

Imports `chain` and `text`. What the steps of a derivation say is written here: every value by its
name where it has one, zeros with something at an index as ``at[index](values)``.
"""

from __future__ import annotations

import ast

import numpy as np

from ..ops import indexing
from .algebra import Algebra
from .chain import Chain
from .evaluate import evaluate, ordered
from .expr import Expr
from .inputs import fresh
from .names import numbered
from .present import Presenter
from .terms import is_number
from .text import Writer


class Spoken:
    """Says expressions by name, and computes them at one set of fresh inputs."""

    def __init__(self, chain: Chain, presenter: Presenter) -> None:
        self.chain, world = chain, chain.trace.world
        self.world = world
        values = {e: n for n, e in {**chain.trace.names, **chain.trace.inputs}.items()}
        #: value -> the leaf that stands for its name
        self.leaves = {e: world.leaf(n, e.shape, e.dtype) for e, n in values.items()}
        self.slopes: dict[Expr, Expr] = {}  # value -> the leaf that stands for its gradient
        self.presenter = Presenter(world, chain.algebra)
        #: sums and products are tidied by this, but no law is applied
        self.tidy = self.presenter.algebra = Algebra(world, {})
        self.env = fresh(chain.given, chain.trace, seed=231)
        self.env |= {label: np.shape(self.env[name])[axis]
                     for label, (name, axis) in chain.trace.sizes.items()}  # fmt: skip
        self._name_values()
        for e in self.leaves.keys() & chain.raw.keys():
            self._number({chain.raw[e]: self.gradient(e)})
        for alias, form in presenter.definitions.items():
            self._number({form: alias})

    def _name_values(self) -> None:
        """Take the user's names for the values, and for what is picked from them by index."""
        self._number(self.leaves)
        for e, leaf in self.leaves.items():
            self._name(e, str(leaf.label))
        writer = Writer(self.presenter.algebra)
        writer.names = {e: str(leaf.label) for e, leaf in self.leaves.items()}
        for e in ordered([self.chain.trace.output]):
            if e.op is indexing.getitem and e not in self.leaves and e.args[0] in self.leaves:
                label = _unparsed(writer.write(e))
                self._number({e: self.world.leaf(label, e.shape, e.dtype)})
                self._name(e, label)

    def _name(self, e: Expr, label: str) -> None:
        canonical = self.chain.simplify(e)
        if canonical.op is not None and canonical not in self.presenter.forms:
            self.presenter.name(label, canonical)

    def _number(self, leaves: dict[Expr, Expr]) -> None:
        """Compute what leaves stand for."""
        new = {e: leaf for e, leaf in leaves.items() if str(leaf.label) not in self.env}
        for leaf, value in zip(new.values(), evaluate(new, self.env), strict=True):
            self.env[str(leaf.label)] = np.broadcast_to(value, self._size(leaf))

    def _size(self, e: Expr) -> tuple[int, ...]:
        """Return the shape of an expression in numbers."""
        return tuple(int(evaluate([self.world.lift(n)], self.env)[0]) for n in e.shape)

    def gradient(self, e: Expr) -> Expr:
        """Return the leaf that stands for the gradient of a named value."""
        if e not in self.slopes:
            label = numbered(f"d{self.leaves[e].label}", self.world.taken)
            self.slopes[e] = Expr(self.world, None, (), (), e.shape, e.dtype, label, None, False)
        return self.slopes[e]

    def slope(self, e: Expr) -> Expr:
        """Return what the gradient of a named value is called further on: itself, if a number."""
        g = self.chain.gradients[e]
        return g if is_number(g) else self.gradient(e)

    def text(self, e: Expr) -> str:
        """Write an expression by name."""
        return _unparsed(_At().visit(Writer(self.presenter.algebra).write(self.presenter(e))))

    def shape(self, e: Expr) -> str:
        """Write the shape of an expression by the names of its sizes."""
        return _unparsed(Writer(self.presenter.algebra).setting(tuple(e.shape), e))


class _At(ast.NodeTransformer):
    """Writes ``scatter(v, index=i, into=shape)`` as ``at[i](v)``, and leaves repeating unsaid."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "broadcast_to":
            return node.args[0]
        if not (isinstance(node.func, ast.Name) and node.func.id == "scatter"):
            return node
        index = next(k.value for k in node.keywords if k.arg == "index")
        return ast.Call(ast.Subscript(ast.Name("at"), index), node.args, [])


def _unparsed(node: ast.AST) -> str:
    return ast.unparse(ast.fix_missing_locations(ast.Expression(node)))  # type: ignore[arg-type]
