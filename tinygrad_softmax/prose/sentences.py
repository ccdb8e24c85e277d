"""Sentences with the user's names in them.

Imports `titles`. A rule's docstring speaks of ``g``, ``out`` and the op's arguments between
backticks; here these are replaced, as names of a syntax tree, by what they stand for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Set

from ..symbolic.expr import Expr
from .titles import Titles, shape_text, unparse


class _Fill(ast.NodeTransformer):
    """Puts expressions in the place of names; leaves out indices of axes that are not there."""

    def __init__(self, meaning: dict[str, str], absent: Set[str] = frozenset()) -> None:
        self.meaning, self.absent = meaning, absent

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self.meaning:
            return node
        return ast.parse(self.meaning[node.id], mode="eval").body

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        letters: list[ast.expr] = [
            ast.Name(letter) for letter in _letters(node) if letter not in self.absent
        ]
        if not letters:
            bare: ast.expr = self.visit(node.value)
            return bare
        index = letters[0] if len(letters) == 1 else ast.Tuple(letters)
        return ast.Subscript(self.visit(node.value), index)


def _letters(node: ast.Subscript) -> list[str]:
    """Return the indices of a subscript such as ``w[k, j]``."""
    return [part.id for part in ast.walk(node.slice) if isinstance(part, ast.Name)]


def _absent(tree: ast.AST, ndims: dict[str, int]) -> set[str]:
    """Return the free indices of operands that have one axis only."""
    marked = {node.value.id: _letters(node) for node in ast.walk(tree)
              if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name)}  # fmt: skip
    free = marked.pop("g", [])
    return {letter for name, letters in marked.items() if ndims.get(name, 2) < len(letters)
            for letter in letters if letter in free}  # fmt: skip


def fill(sentence: str, meaning: dict[str, str], ndims: dict[str, int] | None = None) -> str:
    """Replace names between backticks by what they mean.

    With `ndims`, the numbers of axes of operands, ``w[k, j]`` of a one-dimensional w is ``w[k]``.

    Examples
    --------
    >>> fill("so `g` is scaled by `-out / y`, `n", {"g": "dp", "out": "p", "y": "a + b"})
    'so `dp` is scaled by `-p / (a + b)`, `n'
    """
    sentence = " ".join(sentence.split())
    trees = {code: tree for code in re.findall(r"`([^`]+)`", sentence)
             if (tree := _parsed(code)) is not None}  # fmt: skip
    whole = ast.parse("[" + ", ".join(trees) + "]", mode="eval")
    absent = _absent(whole, ndims or {})
    filled = {code: unparse(_Fill(meaning, absent).visit(tree)) for code, tree in trees.items()}
    sentence = re.sub(r"`([^`]+)`", lambda match: f"`{filled.get(match[1], match[1])}`", sentence)
    only = "".join(f" There is only one {letter} here." for letter in sorted(absent))
    return sentence + only


def _parsed(code: str) -> ast.Expression | None:
    try:
        return ast.parse(code, mode="eval")
    except SyntaxError:
        return None


def filled_in(titles: Titles, e: Expr, sentence: str, g: Expr) -> str:
    """Return a rule's sentence about the op `e`, with operands and gradient by their names."""
    meaning = {"g": titles.write(g), "out": titles.text[e]}
    ndims: dict[str, int] = {}
    if not e.op.variadic:
        texts = [titles.text[arg] for arg in e.inputs]
        meaning |= dict(zip(e.op.argnames, texts, strict=True))
        ndims = {name: len(arg.shape)
                 for name, arg in zip(e.op.argnames, e.inputs, strict=True)}  # fmt: skip
    return fill(sentence, meaning, ndims)


def collected(titles: Titles, e: Expr, operand: Expr, before: Expr | None,
              after: Expr | None) -> str:  # fmt: skip
    """Say why the gradient of an operand is a sum: it was repeated to fit the result."""
    small, large = titles.graph.shapes[operand], titles.graph.shapes[e]
    axes = repeated(small, large)
    if not axes or not (e.op.elementwise or after is not before):
        return ""
    return (
        f"{titles.described(operand)} was repeated {_along(axes, large)} of "
        f"{titles.described(e)}, so its gradient collects over {axes_text(axes)}."
    )


def repeated(small: tuple[int, ...], large: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes of `large` along which an operand of shape `small` was repeated.

    Examples
    --------
    >>> repeated((1, 3), (300, 3)), repeated((), (3,))
    ((0,), (0,))
    """
    lead = len(large) - len(small)
    return tuple(i for i, n in enumerate(large)
                 if i < lead or (small[i - lead] == 1 and n != 1))  # fmt: skip


def _along(axes: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """Say for how many of what something was repeated."""
    if len(axes) == len(shape):
        number = 1
        for size in shape:
            number *= size
        return f"for each of the {number} entries"
    if len(shape) == 2:
        return f"for each of the {shape[axes[0]]} {('rows', 'columns')[axes[0]]}"
    return f"along {axes_text(axes)}"


def axes_text(axes: tuple[int, ...]) -> str:
    """Name axes, as in ``axes 0 and 2``."""
    return ("axis " if len(axes) == 1 else "axes ") + " and ".join(map(str, axes))


def listed(parts: list[str]) -> str:
    """Join parts as a sentence does.

    Examples
    --------
    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return ", ".join(parts[:-1]) + f" and {parts[-1]}" if len(parts) > 1 else "".join(parts)


__all__ = ["collected", "fill", "filled_in", "listed", "repeated", "shape_text"]
