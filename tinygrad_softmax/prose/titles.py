"""What every value and gradient is called, and an atom that stands for each.

Imports `graph` and `symbolic`. The user's names come first; a value without one goes by its own
expression while that is short, and by ``t1``, ``t2``, ... after that. Its one idea: rules run on
atoms that are labelled so, and their answers are formulas that read as the user's own lines.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from ..symbolic.algebra import Algebra
from ..symbolic.evaluate import ordered
from ..symbolic.expr import Expr, World
from ..symbolic.laws import LAWS
from ..symbolic.simplify import Simplifier
from ..symbolic.source import Lines
from ..symbolic.terms import is_number
from ..symbolic.text import Writer
from .graph import Graph, unused

#: An unnamed value's expression is its name up to this length.
SHORT = 40


class Titles:
    """The names of one graph's values and gradients."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.world = World()
        self.world.dims = dict(graph.world.dims)
        self.world.taken = graph.world.taken
        self.algebra = Algebra(self.world, LAWS)
        self.simplify = Simplifier(self.algebra)
        self.atoms: dict[Expr, Expr] = {}
        self.text: dict[Expr, str] = {}  # value -> what it is called
        self.definition: dict[Expr, str] = {}  # value -> how it was computed
        self.given: set[str] = set()  # titles made up here
        nodes = ordered([graph.root])
        self.taken = {str(e.label) for e in nodes if e.label} | {*graph.names.values()}
        if graph.root not in graph.names:
            calls = ("loss", "total_loss", "result")
            free = next((name for name in calls if name not in self.taken), "loss")
            graph.names[graph.root] = unused(free, self.taken)
        for e in nodes:
            self._entitle(e)
        self.one = self.world.leaf("1", graph.root.shape)

    def _entitle(self, e: Expr) -> None:
        if e.op is None:
            self.atoms[e] = atom = self._leaf(e)
            self.text[e] = self.definition[e] = self.write(atom)
            return
        args = tuple(self.atoms[arg] for arg in e.args)
        made = Expr(self.world, e.op, args, e.settings, e.shape, e.dtype, None, None, False)
        self.definition[e] = text = self.write(made)
        name = self.graph.names.get(e)
        if name is None and (len(text) > SHORT or (e.tracked and text in self.taken)):
            name = unused(f"{e.op.noun}_{self._near(e)}", self.taken)
            self.given.add(name)
        self.text[e] = name or text
        self.taken.add(self.text[e])
        if name is None and not e.tracked:  # 0.5 * reg is no value of the pass: an open formula
            self.atoms[e] = self.world.make(e.op, args, e.settings, e.shape)
        else:
            self.atoms[e] = self.world.leaf(self.text[e], e.shape, e.dtype)

    def _near(self, e: Expr) -> str:
        """Return the nearest of the user's names among what a value is made of."""
        e = next((arg for arg in e.args if arg.tracked), e.args[0])
        while not self.is_named(e):
            e = next((arg for arg in e.args if arg.tracked), e.args[0])
        return self.text[e] if self.text[e].isidentifier() else "values"

    def _leaf(self, e: Expr) -> Expr:
        if is_number(e):
            return self.world.lift(e.value)
        if e.label is None:
            label = unused("constant0", self.taken)
            return self.world.leaf(label, e.shape, e.dtype, e.value)
        return self.world.leaf(e.label, e.shape, e.dtype, e.value)

    # --- gradients ---

    def gradient(self, e: Expr) -> str:
        """Return what the gradient of a value is called: ``dscores``, ``d(np.sum(W * W))``."""
        text = self.text[e]
        plain = text.isidentifier() and f"d{text}" not in self.taken
        return f"d{text}" if plain else f"d({text})"

    def slope(self, e: Expr) -> Expr:
        """Return the atom that stands for the gradient of a value."""
        return self.world.leaf(self.gradient(e), e.shape, e.dtype)

    def described(self, e: Expr) -> str:
        """Return a value's name with its shape, as in ```b` (1, 3)``."""
        return f"`{self.text[e]}` {shape_text(self.graph.shapes[e])}"

    def is_named(self, e: Expr) -> bool:
        """Whether the name is the user's own."""
        return e.op is None or e in self.graph.names

    def scalars(self) -> frozenset[str]:
        """Return the names of single numbers, and of their gradients."""
        single = [e for e in self.text if not e.shape and self.text[e].isidentifier()]
        return frozenset([*(self.text[e] for e in single), *map(self.gradient, single)])

    # --- writing ---

    def write(self, e: Expr) -> str:
        """Return an expression of atoms as NumPy text."""
        return unparse(Writer(self.algebra).write(e))

    def shortest(self, e: Expr, gain: int = 3) -> str:
        """Return the text of an expression, simplified if that saves `gain` characters."""
        text = self.write(e)
        try:
            simple = self.simplify(e)
        except Exception:  # an op of the user's that the algebra cannot read: as it stands, then
            return text
        shorter = self.write(simple)
        return shorter if len(shorter) + gain <= len(text) and simple.shape == e.shape else text

    def lines(self, target: str, e: Expr, adds: bool, gain: int = 3) -> str:
        """Return ``target = e`` as NumPy lines; with `adds`, as what is added to the target."""
        lines = Lines(Writer(self.algebra))
        lines.slope(target, e)
        body: Sequence[ast.stmt] = lines.body
        if len(body) == 1:
            return f"{target} {'+=' if adds else '='} {self.shortest(e, gain)}"
        return "\n".join(unparse(statement) for statement in body[1 if adds else 0 :])


class _Ones(ast.NodeTransformer):
    """Leaves out factors that are 1."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        left, right = (isinstance(part, ast.Constant) and part.value == 1
                       for part in (node.left, node.right))  # fmt: skip
        if left and isinstance(node.op, ast.Mult):
            return node.right
        if right and isinstance(node.op, (ast.Mult, ast.Div)):
            return node.left
        if isinstance(node.op, ast.Sub):
            try:  # the exponent 2 - 1
                return ast.Constant(ast.literal_eval(node.left) - ast.literal_eval(node.right))
            except ValueError:
                return node
        if right and isinstance(node.op, ast.Pow):
            return node.left
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        inner: Any = node.operand
        product = isinstance(inner, ast.BinOp) and isinstance(inner.op, (ast.Mult, ast.Div))
        if isinstance(node.op, ast.USub) and product:  # -1 / n, not -(1 / n)
            left = self.visit_UnaryOp(ast.UnaryOp(ast.USub(), inner.left))
            return ast.BinOp(left, inner.op, inner.right)
        return node


def unparse(tree: Any) -> str:
    """Return the text of a syntax tree, without factors that are 1.

    Examples
    --------
    >>> unparse(ast.parse("1 * x / 1 + y", mode="eval"))
    'x + y'
    """
    return ast.unparse(ast.fix_missing_locations(_Ones().visit(tree)))


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape as it is printed; that of a single number in words.

    Examples
    --------
    >>> shape_text((300, 3)), shape_text((3,)), shape_text(())
    ('(300, 3)', '(3,)', '(a single number)')
    """
    return str(tuple(map(int, shape))) if shape else "(a single number)"
