"""The derived function as text: forward lines, gradient lines, return.

Imports `author` and `source`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, NamedTuple

from .algebra import Algebra
from .author import Author
from .chain import Chain
from .evaluate import ordered, written_of
from .expr import Expr
from .present import Presenter
from .source import Lines
from .text import Writer


class Program(NamedTuple):
    """The text of a derived function, and what it refers to."""

    source: str
    gradient: str  # the gradient part alone
    forward: str  # the loss, by the user's names
    code: dict[str, str]  # the name of each gradient -> its lines
    forms: dict[str, Expr]  # the same, as expressions
    values: dict[str, Expr]  # the names of the loss's lines -> what was traced
    used: dict[str, Any]


def written(
    chain: Chain, presenter: Presenter, finish: Callable[[Expr], Expr] = lambda e: e
) -> Program:
    """Write the function; `finish` has the last word on each gradient line."""
    author, traced = Author(chain, presenter, finish), chain.trace
    writer = Writer(Algebra(traced.world, {}))  # it knows no names: it writes what it is given
    lines = author.slopes.lines(author.finals)
    mentioned = {str(e.label) for _, form in lines for e in ordered([form])}
    kept = (e for name, e in author.values.items() if name in mentioned)
    needed = set(written_of([traced.output, *kept]))

    forward = Lines(writer)
    for name, e in author.values.items():
        if e in needed:
            forward.assign(name, e)
    loss = author.loss
    forward.assign(loss, traced.output)
    backward = Lines(writer)
    code: dict[str, str] = {}
    for name, form in lines:
        mark = len(backward.body)
        backward.slope(name, form)
        code[name] = _text(backward.body[mark:])
    found = ", ".join(f"{name!r}: {author.finals[name]}" for name in chain.wrt)
    body = [*forward.body, *backward.body, *ast.parse(f"return {loss}, {{{found}}}").body]

    text = {node.id for stmt in body for node in ast.walk(stmt) if isinstance(node, ast.Name)}
    sizes = [ast.parse(f"{label} = {place[0]}.shape[{place[1]}]").body[0]
             for label, place in traced.sizes.items() if label in text]  # fmt: skip
    function = ast.parse(f"def gradients({', '.join(chain.given)}):\n    pass").body[0]
    assert isinstance(function, ast.FunctionDef)
    function.body = [*sizes, *body]
    return Program(
        ast.unparse(ast.fix_missing_locations(function)),
        _text(backward.body),
        _text(forward.body),
        code,
        dict(lines),
        author.values,
        writer.used,
    )


def _text(body: list[ast.stmt]) -> str:
    return "\n".join(ast.unparse(ast.fix_missing_locations(stmt)) for stmt in body)
