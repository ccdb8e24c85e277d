"""Computing expressions from values, and putting them in order: the only traversals."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from .expr import Expr, World
from .sizes import Counted, Dim, Ratio, Slot

#: What Python makes of Python numbers: ``N ** -1`` is no integer.
_PYTHON: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "//": operator.floordiv, "%": operator.mod, "**": operator.pow,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip


def evaluate(
    roots: Iterable[Expr], env: dict[str, Any], known: dict[Expr, Any] | None = None
) -> list[Any]:
    """Compute expressions from the values of the inputs by name.

    Sizes are read off `env` too: a size's label is a key of it. `known` are values found before;
    more are put there.
    """
    known = {} if known is None else known
    roots = list(roots)
    for node in ordered(_with_sizes(roots, known), known):
        if node in known:
            continue
        if node.op is None:
            known[node] = _leaf(node, env)
            continue
        args = [known[arg] for arg in node.args]
        settings = {name: _computed(value, args, known) for name, value in node.settings}
        if node.weak and len(args) == 2:
            known[node] = _PYTHON[node.op.symbol](*args)
        else:
            if not node.op.elementwise:  # a Python number has no shape
                args = [np.asarray(arg) if isinstance(arg, (int, float)) else arg for arg in args]
            found = node.op.forward(*args[: len(node.inputs)], **settings)
            known[node] = found.item() if node.weak and isinstance(found, np.generic) else found
    return [known[root] for root in roots]


def _leaf(node: Expr, env: dict[str, Any]) -> Any:
    """Return the value of a constant, or of an input or a size by its name."""
    if isinstance(node.value, np.ndarray):
        return node.value.item() if node.weak else node.value
    return env[str(node.label)] if node.value is None else env.get(str(node.label), node.value)


def _with_sizes(roots: list[Expr], known: dict[Expr, Any]) -> list[Expr]:
    """Return expressions with those of the sizes in their settings."""
    return [*roots, *dict.fromkeys(
        size for node in ordered(roots, known) for _, value in node.settings
        for size in sizes_in(value)
    )]  # fmt: skip


def sizes_in(value: Any) -> Iterator[Expr]:
    """Yield the expressions of the sizes in a setting."""
    if isinstance(value, (Dim, Ratio)):
        yield value.expr
    elif isinstance(value, slice):
        yield from sizes_in((value.start, value.stop, value.step))
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from sizes_in(part)


def _computed(value: Any, args: list[Any], known: dict[Expr, Any]) -> Any:
    """Return a setting with operands and sizes filled in."""
    if isinstance(value, Slot):
        return args[value.operand]
    if isinstance(value, Counted):
        return np.arange(_computed(value.size, args, known))
    if isinstance(value, Dim):
        return int(known[value.expr])
    if isinstance(value, Ratio):
        return float(known[value.expr])
    if isinstance(value, slice):
        return slice(*(_computed(part, args, known)
                       for part in (value.start, value.stop, value.step)))  # fmt: skip
    if isinstance(value, (tuple, list)):
        return type(value)(_computed(part, args, known) for part in value)
    return value


def ordered(roots: Iterable[Expr], without: Any = ()) -> list[Expr]:
    """Return every expression that `roots` are made of, operands before results.

    What is made of expressions in `without` ends there.
    """
    return _reached(roots, lambda node: () if node in without else node.args)


def written_of(roots: Iterable[Expr]) -> list[Expr]:
    """Return every expression that is written when `roots` are, as the user wrote them."""
    return _reached(roots, mentioned)


def _reached(roots: Iterable[Expr], parts: Callable[[Expr], Iterable[Expr]]) -> list[Expr]:
    seen: set[Expr] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(parts(node))
    return sorted(seen, key=lambda node: node.serial)


def mentioned(e: Expr) -> Iterable[Expr]:
    """Return what is mentioned where an expression is written: operands, or a call's arguments."""
    noted = e.world.calls.get(e)
    return e.args if noted is None else _inside((*noted.args, *noted.keywords.values()))


def _inside(values: Iterable[Any]) -> Iterator[Expr]:
    for value in values:
        if isinstance(value, Expr):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _inside(value)


def substituted(e: Expr, names: dict[Expr, Expr], world: World) -> Expr:
    """Return an expression with others put in place of some of its parts."""
    memo: dict[Expr, Expr] = dict(names)
    for node in ordered([e]):
        if node not in memo:
            args = tuple(memo[arg] for arg in node.args)
            same = all(a is b for a, b in zip(args, node.args, strict=True))
            memo[node] = node if same else world.make(
                node.op, args, node.settings, node.shape)  # fmt: skip
    return memo[e]
