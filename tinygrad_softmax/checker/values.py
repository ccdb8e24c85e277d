"""What every expression of a function came to, and what its variables held, during a call.

Imports `source`. A copy of the function runs that notes the value of each of its expressions.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from types import FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from .source import Source, placed

NUMBERS = (np.ndarray, np.generic, bool, int, float, list, tuple)


class Values(NamedTuple):
    """Values by the identity of the nodes of a tree.

    ``of`` has the last value of an expression, ``scopes`` the variables before a statement,
    ``counts`` how often a statement ran.
    """

    of: dict[int, Any]
    scopes: dict[int, dict[str, Any]]
    counts: dict[int, int]

    def once(self, statement: ast.AST) -> bool:
        """Whether a statement ran exactly once."""
        return self.counts.get(id(statement)) == 1


def kept(value: Any, other: Any = None) -> Any:
    """Return a value that later statements cannot change; `other` if it is not of numbers."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {key: kept(v, v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return copy.copy(value)
    return value if isinstance(value, NUMBERS) else other


def _as_it_is(value: Any) -> Any:
    """Return the attributes of an object of the learner's as they are now, or the value itself."""
    module = type(value).__module__.partition(".")[0]
    if not hasattr(value, "__dict__") or module in ("builtins", "numpy") or isinstance(
        value, (type, FunctionType, MethodType, ModuleType)
    ):  # fmt: skip
        return value
    return SimpleNamespace(**{str(name): kept(v, v) for name, v in vars(value).items()})


def recorded(source: Source, call: Callable[[], Any]) -> Values:
    """Make a call, and return what was computed on the way."""
    nodes: list[Any] = []
    code = source.compiled(ast.fix_missing_locations(_noting(source.tree, nodes)))

    def run(given: dict[str, Any]) -> None:
        with source.running(code, **given):
            call()

    return _noted(nodes, run)


def recorded_code(tree: Any, space: dict[str, Any], inputs: dict[str, Any]) -> Values:
    """Run a function that is given as a tree alone, and return what was computed on the way."""
    nodes: list[Any] = []
    made = ast.Module([_noting(tree, nodes)], [])
    code = compile(ast.fix_missing_locations(made), "<derived>", "exec")

    def run(given: dict[str, Any]) -> None:
        scope = {**space, **given}
        exec(code, scope)
        scope[tree.name](**inputs)

    return _noted(nodes, run)


def _noted(nodes: list[Any], run: Callable[[dict[str, Any]], None]) -> Values:
    """Run twice: to count, and to keep of each node what it comes to the last time alone."""
    found = Values({}, {}, {})
    times: dict[int, int] = {}

    def count(k: int, value: Any) -> Any:
        times[k] = times.get(k, 0) + 1
        return value

    def note(k: int, value: Any) -> Any:
        times[k] -= 1
        if times[k] <= 0 and isinstance(value, NUMBERS):
            found.of[id(nodes[k])] = kept(value)
        return value

    def before(k: int, variables: dict[str, Any]) -> None:
        times[k] -= 1
        if times[k] <= 0:
            found.scopes[id(nodes[k])] = {name: kept(value, _as_it_is(value))
                                          for name, value in variables.items()}  # fmt: skip

    run({"__note__": count, "__before__": count})
    found.counts.update({id(nodes[k]): n for k, n in times.items()})
    run({"__note__": note, "__before__": before})
    return found


def _noting(tree: Any, nodes: list[Any]) -> Any:
    def numbered(node: Any) -> ast.Constant:
        nodes.append(node)
        return ast.Constant(len(nodes) - 1)

    def noted(node: Any, plain: bool = False) -> Any:
        if isinstance(node, (ast.JoinedStr, ast.Lambda, ast.GeneratorExp, ast.ListComp,
                             ast.SetComp, ast.DictComp, ast.arguments, ast.FunctionDef,
                             ast.ClassDef)):  # fmt: skip
            return node
        made = copy.copy(node)
        for field, value in ast.iter_fields(node):
            bare = field == "func" or isinstance(value, (ast.Slice, ast.Starred))
            if isinstance(value, list):
                setattr(made, field, block(value) if _is_block(value) else
                        [noted(v) if isinstance(v, ast.AST) else v for v in value])  # fmt: skip
            elif isinstance(value, ast.AST):
                setattr(made, field, noted(value, bare))
        if plain or not isinstance(node, ast.expr) or not _is_read(node):
            return made
        call = ast.Call(ast.Name("__note__", ast.Load()), [numbered(node), made], [])
        return ast.copy_location(call, node)

    def block(body: list[Any]) -> list[Any]:
        found = []
        for statement in body:
            held = ast.Call(ast.Name("locals", ast.Load()), [], [])
            call = ast.Call(ast.Name("__before__", ast.Load()), [numbered(statement), held], [])
            found += [placed(ast.Expr(call), statement), noted(statement)]
        return found

    made = copy.copy(tree)
    if isinstance(tree, ast.Lambda):
        held = ast.Call(ast.Name("locals", ast.Load()), [], [])
        call = ast.Call(ast.Name("__before__", ast.Load()), [numbered(tree.body), held], [])
        both = ast.Tuple([call, noted(tree.body)], ast.Load())
        made.body = placed(ast.Subscript(both, ast.Constant(1), ast.Load()), tree.body)
    else:
        made.body = block(tree.body)
    return made


def _is_block(value: list[Any]) -> bool:
    return bool(value) and isinstance(value[0], ast.stmt)


def _is_read(node: ast.expr) -> bool:
    if isinstance(node, (ast.Slice, ast.Starred)):
        return False
    if isinstance(node, ast.Tuple) and any(
        isinstance(e, (ast.Slice, ast.Starred)) for e in node.elts
    ):
        return False
    return isinstance(getattr(node, "ctx", ast.Load()), ast.Load)


def key_of(values: tuple[Any, ...]) -> Any:
    """Return what is equal for equal values: to nine digits, whatever their type."""
    found: list[Any] = []
    for value in values:
        try:
            array = np.asarray(value)
        except ValueError:  # a list of arrays
            return id(values)
        if array.dtype.kind == "b":
            found.append(("b", array.shape, array.tobytes()))
            continue
        if array.dtype.kind not in "iuf":
            return id(values)
        array = array.astype(float)
        scale = float(np.max(np.abs(array), initial=0.0))
        if not np.isfinite(scale):
            found.append((array.shape, array.tobytes()))
            continue
        digits = np.rint(array / (scale or 1) * 1e9).astype(np.int64)
        found.append((array.shape, f"{scale:.8e}", digits.tobytes()))
    return tuple(found)
