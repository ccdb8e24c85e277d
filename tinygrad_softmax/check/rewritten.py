"""The derived gradient code with one line of it changed, as a person could have written it.

Imports `formulas` and the writer of `symbolic`. The other lines stay as they were derived, so that
those further on are computed from the wrong one; what the gradients do not need is left out.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core.errors import ShapeError
from ..core.shapes import broadcast
from ..symbolic.algebra import Algebra
from ..symbolic.align import REALIGN
from ..symbolic.evaluate import ordered, substituted
from ..symbolic.exponentials import kind
from ..symbolic.expr import Expr
from ..symbolic.sizes import Counted
from ..symbolic.source import Lines
from ..symbolic.terms import LINEAR, PRODUCT, Number
from ..symbolic.text import Writer
from .edits import Edit, Editor
from .formulas import Formulas

#: Scatters that are made the wrong way: a mistake of the statement, not of what is computed.
_SLIPS = frozenset(["every_row", "last_wins"])


class Rewriter:
    """Writes the gradient function of a loss with a mistake in one line."""

    def __init__(self, formulas: Formulas) -> None:
        self.program, self.trace = formulas.program, formulas.trace
        (function,) = ast.parse(self.program.source).body
        assert isinstance(function, ast.FunctionDef)
        self.wrt = formulas.chain.wrt
        *self.body, returned = function.body
        assert isinstance(returned, ast.Return)
        assert isinstance(returned.value, ast.Tuple)
        self.arguments, self.returned = function.args, returned.value.elts[1]
        self.lines = list(self.program.forms)
        self.blocks: dict[str, list[ast.stmt]] = {}
        for name in reversed(self.lines):
            n = len(ast.parse(self.program.code[name]).body)
            self.body, self.blocks[name] = self.body[:-n], self.body[-n:]

    def forward(self) -> list[str]:
        """Return the names of the values that the function computes before the gradients."""
        made = {target.id for stmt in self.body if isinstance(stmt, ast.Assign)
                for target in stmt.targets if isinstance(target, ast.Name)}  # fmt: skip
        return [name for name in self.program.values if name in made]

    def function(self, source: str, file: str) -> Callable[..., Any]:
        """Return the function of a source, as from a file of this name."""
        space: dict[str, Any] = {"np": np, **self.program.used}
        exec(compile(source, file, "exec"), space)
        made: Callable[..., Any] = space["gradients"]
        return made

    def source(self, name: str, edit: Edit) -> str | None:
        """Return the function with an edit in the line `name`; None if no person could write it."""
        writer = _Hand(Algebra(self.trace.world, {}))
        writer.used = dict(self.program.used)
        for value in self.forward():
            writer.names.setdefault(self.program.values[value], value)
        earlier = self.lines[: self.lines.index(name)]
        for line in earlier:
            writer.names.setdefault(self.program.forms[line], line)
        lines = _Slipping(writer)
        try:
            lines.slope(name, self._without_slips(name, edit.formula, lines))
        except (IndexError, ShapeError, StopIteration):  # a part has another shape than it had
            return None
        if writer.used.keys() != self.program.used.keys():
            return None  # there is no NumPy for a part of it
        changed = [_Tidy(edit.cause == "mean_for_sum", {*self.trace.sizes}).visit(stmt)
                   for stmt in lines.body]  # fmt: skip
        if len(changed) == len(self.blocks[name]) == 1:
            _without_axes(changed[0], self.blocks[name][0])
        return self._function({**self.blocks, name: changed})

    def _without_slips(self, name: str, formula: Expr, lines: _Slipping) -> Expr:
        """Return a formula with the right scatters, and note those that are written wrongly."""
        scatters = [e for e in ordered([self.program.forms[name]]) if kind(e) == "scatter"]
        for node in ordered([formula]):
            if kind(node) in _SLIPS:
                right = next(e for e in scatters if {*node.args} <= {*e.args})
                lines.slips[right] = node
                formula = substituted(formula, {node: right}, self.trace.world)
        return formula

    def _function(self, blocks: dict[str, list[ast.stmt]]) -> str:
        body = [*self.body, *(stmt for name in self.lines for stmt in blocks[name])]
        needed, kept = _names(self.returned), list[ast.stmt]()
        for stmt in reversed(body):
            if _changed(stmt) in needed:
                needed |= _names(stmt)
                kept.insert(0, stmt)
        made = {*map(_changed, kept)}
        sizes = [ast.parse(f"{label} = {place[0]}.shape[{place[1]}]").body[0]
                 for label, place in self.trace.sizes.items()
                 if label in needed - made]  # fmt: skip
        (function,) = ast.parse("def gradients():\n    pass").body
        assert isinstance(function, ast.FunctionDef)
        function.args = self.arguments
        function.body = [*sizes, *kept, ast.Return(self.returned)]
        return ast.unparse(ast.fix_missing_locations(function))


def edits_of(editor: Editor, form: Expr) -> Iterator[Edit]:
    """Yield the edits of a line, and one that only the way it is written has: an axis is lost."""
    yield from editor.edits(form)
    if kind(form) == "sum" and form.setting("keepdims"):
        settings = tuple((n, False if n == "keepdims" else v) for n, v in form.settings)
        made = form.world.make(form.op, form.args, settings, form.shape)
        said = f"`keepdims=True` is missing in `{editor.text(form)}`"
        yield Edit("reshaped", said, made, 2)


def settled(formula: Expr) -> Expr:
    """Return a formula without changes of axes that no longer fit, after a sum is gone from it.

    A factor without axes stands outside of a change of axes.
    """
    world, shapes = formula.world, dict[Expr, tuple[int, ...]]()
    for node in ordered([formula]):
        shapes[node] = tuple(node.shape)
        if node.op in (LINEAR, PRODUCT):
            try:  # what is inside may have another shape by now
                shapes[node] = broadcast(*(shapes[arg] for arg in node.args))
            except ShapeError:
                return formula
        if node.op is not REALIGN:
            continue
        (x,) = node.args
        if x.op is PRODUCT and len(arrays := [b for b in x.args if b.shape]) == 1:
            turned = world.make(REALIGN, (arrays[0],), node.settings, node.shape)
            args = tuple(turned if b is arrays[0] else b for b in x.args)
            made = world.make(PRODUCT, args, x.settings, node.shape)
            return settled(substituted(formula, {node: made}, world))
        used = {p for p in node.setting("pattern") if p is not None}
        lead = max(max([*used, -1]) + 1 - len(shapes[x]), 0)
        lost = [n for axis, n in enumerate(shapes[x]) if axis + lead not in used]
        if not shapes[x] or any(n != 1 for n in lost):
            return settled(substituted(formula, {node: x}, world))
    return formula


class _Hand(Writer):
    """Writes the ops of mistakes, too."""

    def _call(self, e: Expr) -> ast.expr:
        if kind(e) == "turned":
            roll = self.numpy("roll")
            return ast.Call(roll, [self.write(e.args[0]), ast.Constant(e.setting("shift"))], [])
        if kind(e) == "rolled":
            labels, classes = map(self.write, e.args)
            if e.setting("shift") < 0:  # -1 is the last class already
                return ast.BinOp(labels, ast.Sub(), ast.Constant(1))
            return ast.BinOp(ast.BinOp(labels, ast.Add(), ast.Constant(1)), ast.Mod(), classes)
        return super()._call(e)


class _Slipping(Lines):
    """Statements, with the scatters in ``slips`` written the wrong way."""

    def __init__(self, writer: Writer) -> None:
        super().__init__(writer)
        self.slips: dict[Expr, Expr] = {}

    def _add(self, target: ast.Name, scatter: Expr, values: Expr, c: Number) -> None:
        super()._add(target, scatter, values, c)
        if scatter not in self.slips:
            return
        index, stmt = scatter.setting("index"), self.body.pop()
        if isinstance(stmt, ast.Expr):  # np.add.at(a, y, v)
            assert isinstance(stmt.value, ast.Call)
            place, written = self.writer.index(index, scatter), stmt.value.args[2]
            op: ast.operator = ast.Sub() if "subtract" in ast.unparse(stmt) else ast.Add()
        else:
            assert isinstance(stmt, ast.AugAssign)
            op, written = stmt.op, stmt.value
            parts = [ast.Slice() if isinstance(part, Counted) else self.writer.index(part, scatter)
                     for part in index]  # fmt: skip
            place = ast.Tuple(parts)
            if values.shape and isinstance(index[-1], Counted):  # a column, for all columns
                written = ast.Subscript(written, ast.Tuple([ast.Slice(), ast.Constant(None)]))
        self.body.append(ast.AugAssign(ast.Subscript(target, place), op, written))


_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE,
}  # fmt: skip


class _Tidy(ast.NodeTransformer):
    """Writes ``h >= 0`` for ``0 <= h``, and a sum over its size as a mean where that is meant."""

    def __init__(self, means: bool, sizes: set[str]) -> None:
        self.means, self.sizes = means, sizes

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.left, ast.Constant):
            op = _TURNED[type(node.ops[0])]()
            return ast.Compare(node.comparators[0], [op], [node.left])
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        over_size = isinstance(node.op, ast.Div) and ast.unparse(node.right) in self.sizes
        if self.means and over_size and _is_sum(node.left):
            assert isinstance(node.left, ast.Call)
            return ast.Call(ast.Attribute(ast.Name("np"), "mean"),
                            node.left.args, node.left.keywords)  # fmt: skip
        return node


def _without_axes(changed: ast.stmt, before: ast.stmt) -> None:
    """Drop the axis of a sum that is all of a line, if the right sum dropped it."""
    wrong, right = (getattr(stmt, "value", stmt) for stmt in (changed, before))
    if _is_sum(wrong) and _is_sum(right) and "keepdims" not in ast.unparse(before):
        assert isinstance(wrong, ast.Call)
        wrong.keywords = [k for k in wrong.keywords if k.arg != "keepdims"]


def _is_sum(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "np.sum"


def _changed(stmt: ast.stmt) -> str:
    """Return the variable that a statement makes or changes: the first name in it."""
    node: ast.AST = stmt
    if isinstance(stmt, ast.Expr) and isinstance(stmt.value, ast.Call):
        node = stmt.value.args[0]  # np.add.at(a, ...)
    elif isinstance(stmt, ast.Assign):
        node = stmt.targets[0]
    else:
        assert isinstance(stmt, ast.AugAssign)
        node = stmt.target
    return next(part.id for part in ast.walk(node) if isinstance(part, ast.Name))


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
