"""The derived function as text: forward lines, gradient lines, return.

Imports `author` and `source`.
"""

from __future__ import annotations

import ast
from typing import Any, NamedTuple

from .author import Author
from .chain import Chain
from .evaluate import ordered
from .present import Presenter
from .source import Lines
from .text import Writer


class Program(NamedTuple):
    """The text of a derived function, and what it refers to."""

    source: str
    gradient: str  # the gradient part alone
    shown: tuple[str, ...]  # the names of its gradients
    used: dict[str, Any]


def written(chain: Chain, presenter: Presenter) -> Program:
    """Write the function."""
    author, traced = Author(chain, presenter), chain.trace
    writer = Writer(presenter.algebra)
    lines = author.lines()
    mentioned = {str(e.label) for _, form in lines for e in ordered([form])}
    needed = set(ordered([traced.output, *(e for n, e in author.values.items() if n in mentioned)]))

    forward = Lines(writer)
    for name, e in author.values.items():
        if e in needed:
            forward.assign(name, e)
    loss = next((n for n, e in traced.names.items() if e is traced.output), "loss")
    forward.assign(loss, traced.output)
    backward = Lines(writer)
    for name, form in lines:
        backward.assign(name, form)
    found = ", ".join(f"{name!r}: d{name}" for name in chain.wrt)
    body = [*forward.body, *backward.body, *ast.parse(f"return {loss}, {{{found}}}").body]

    text = {node.id for stmt in body for node in ast.walk(stmt) if isinstance(node, ast.Name)}
    sizes = [ast.parse(f"{label} = {place[0]}.shape[{place[1]}]").body[0]
             for label, place in traced.sizes.items() if label in text]  # fmt: skip
    function = ast.parse(f"def gradients({', '.join(chain.given)}):\n    pass").body[0]
    assert isinstance(function, ast.FunctionDef)
    function.body = [*sizes, *body]
    return Program(
        ast.unparse(ast.fix_missing_locations(function)),
        "\n".join(ast.unparse(ast.fix_missing_locations(stmt)) for stmt in backward.body),
        tuple(name for name, _ in lines),
        writer.used,
    )
