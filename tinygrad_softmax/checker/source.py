"""The source of a function as a syntax tree: found, changed, and run in the function's place.

Imports nothing of the package. A changed version is run by giving the function object another code
object for the time of a call, so that methods, closures and helpers need nobody's cooperation.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import functools
import gc
import linecache
import os
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import CodeType, FunctionType
from typing import Any

#: A place in a tree: the fields to follow from the root, each with a place in its list or None.
Path = tuple[tuple[str, int | None], ...]
_FUNCTIONS = (ast.FunctionDef, ast.Lambda)


class NoSourceError(Exception):
    """A function whose source is not available."""


def plain_function(function: Any) -> FunctionType:
    """Return what a method, a partial or an object that can be called runs in the end."""
    while not isinstance(function, FunctionType):
        if isinstance(function, functools.partial):
            function = function.func
        elif hasattr(function, "__func__"):
            function = function.__func__
        elif isinstance(call := getattr(type(function), "__call__", None), FunctionType):  # noqa: B004 its code is asked for
            function = call
        else:
            raise NoSourceError(f"{getattr(function, '__name__', function)!s} is no Python code")
    return function


class Source:
    """The source of a function.

    Attributes
    ----------
    tree : ast.FunctionDef or ast.Lambda
        With the line numbers of the file.
    lines : list of str
        The file.
    """

    def __init__(self, function: Any) -> None:
        self.function = plain_function(function)
        self.code = code = self.function.__code__
        self.file, self.name = code.co_filename, code.co_name
        linecache.checkcache(self.file)
        self.lines = linecache.getlines(self.file, self.function.__globals__)
        if not self.lines:
            raise NoSourceError(f"the source of {self.name} is not available")
        self.tree = self.original = _found(code, "".join(self.lines))

    def text(self) -> str:
        """Return the function as it is written."""
        found = ast.get_source_segment("".join(self.lines), self.original, padded=True)
        return textwrap.dedent(found or ast.unparse(self.original))

    def compiled(self, tree: ast.AST, **more: Any) -> CodeType:
        """Return the code of a changed tree; raise if it cannot take the function's place.

        The names of `more` are free in it; they are looked up where `running` puts them.
        """
        names = self.code.co_freevars
        if isinstance(tree, ast.Lambda):
            value = tree.body
            if names:  # a free variable that is not used any more has its place still
                kept = ast.Tuple([ast.Name(n, ast.Load()) for n in names], ast.Load())
                value = ast.IfExp(ast.Constant(1), tree.body, kept)
            inner: Any = ast.Expr(ast.Lambda(_bare(tree.args), value))
        else:
            inner = _shallow(tree)
            inner.decorator_list, inner.returns, inner.args = [], None, _bare(inner.args)
            if names:
                used = [ast.Expr(ast.Name(n, ast.Load())) for n in names]
                inner.body = [ast.If(ast.Constant(0), [*used], []), *inner.body]
        body = [inner]
        if names:
            free = [ast.Assign([ast.Name(n, ast.Store())], ast.Constant(None)) for n in names]
            outer: Any = ast.parse("def __outer__(): pass").body[0]
            outer.body = [*free, inner]
            body = [outer]
        _located(inner, self.tree)
        module = ast.Module([_located(node, self.tree) for node in body], [])
        made = compile(module, self.file, "exec", dont_inherit=True, flags=_flags(self.code))
        name = "<lambda>" if isinstance(tree, ast.Lambda) else tree.name  # type: ignore[attr-defined]
        code = _inside(made, name)
        if code.co_freevars != self.code.co_freevars:
            raise SyntaxError("other variables of the surrounding function are used")
        lost = {*self.code.co_varnames} - {*code.co_varnames, *code.co_cellvars}
        if lost & {*code.co_names}:
            raise SyntaxError("a variable is not assigned any more: a global one would be changed")
        return code

    @contextmanager
    def running(self, code: CodeType, **given: Any) -> Iterator[None]:
        """Let the function run other code, in which some names are given."""
        space = self.function.__globals__
        before = {name: space[name] for name in given if name in space}
        old, self.function.__code__ = self.function.__code__, code
        space.update(given)
        try:
            yield
        finally:
            self.function.__code__ = old
            for name in given:
                del space[name]
            space.update(before)


def helpers(function: Any, call: Callable[[], Any]) -> list[FunctionType]:
    """Return the functions of the user that a call runs, the one asked about first."""
    main = plain_function(function)
    codes: dict[CodeType, None] = {}

    def seen(frame: Any, event: str, arg: Any) -> None:
        if event == "call" and frame.f_globals.get("__name__") not in _LIBRARIES:
            codes.setdefault(frame.f_code)

    before: Any = sys.getprofile()
    if before is not None and not callable(before):
        return [main]  # cProfile runs, which cannot be put back once it is taken off
    sys.setprofile(seen)
    try:
        call()
    finally:
        sys.setprofile(before)
    found = [main]
    for code in codes:
        if not _is_library(code) and code.co_name not in ("<genexpr>", "<listcomp>", "<dictcomp>"):
            owners = [f for f in gc.get_referrers(code) if isinstance(f, FunctionType)]
            found += [f for f in owners[:1] if f is not main]
    return found


_NOT_THE_USERS = tuple(
    os.path.realpath(path) + os.sep
    for path in {
        os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
        *(sysconfig.get_paths()[kind] for kind in ("stdlib", "purelib", "platlib")),
    }
)


def has_loops(function: Any) -> bool:
    """Whether a function, or one that it calls by name, goes round in loops."""
    try:
        sources = [Source(function)]
    except NoSourceError:
        return False
    seen = {sources[0].function}
    while sources:
        source = sources.pop()
        around = {**source.function.__globals__, **_closure(source.function)}
        for node in ast.walk(source.tree):
            if isinstance(node, (ast.For, ast.While, ast.ListComp, ast.GeneratorExp)):
                return True
            called = around.get(node.id) if isinstance(node, ast.Name) else None
            if (
                isinstance(called, FunctionType)
                and called not in seen
                and not _is_library(called.__code__)
            ):
                seen.add(called)
                with contextlib.suppress(NoSourceError):
                    sources.append(Source(called))
    return False


def _closure(function: FunctionType) -> dict[str, Any]:
    """Return the variables of enclosing functions that a function reads, by name."""
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # not assigned to yet
            found[name] = cell.cell_contents
    return found


_LIBRARIES = frozenset(["numpy", "functools", "copy"])


def _is_library(code: CodeType) -> bool:
    file = code.co_filename
    if file.startswith("<") and not linecache.getline(file, code.co_firstlineno):
        return True
    return os.path.realpath(file).startswith(_NOT_THE_USERS)


def _flags(code: CodeType) -> int:
    return code.co_flags & 0x1000000  # annotations of the future, as they were


def _bare(arguments: ast.arguments) -> Any:
    """Return the arguments with defaults that cost nothing: the function object keeps its own."""
    made = _shallow(arguments)
    made.defaults = [ast.Constant(None) for _ in arguments.defaults]
    made.kw_defaults = [d and ast.Constant(None) for d in arguments.kw_defaults]
    for field in ("posonlyargs", "args", "kwonlyargs"):
        setattr(made, field, [ast.arg(a.arg) for a in getattr(arguments, field)])
    for field in ("vararg", "kwarg"):
        one = getattr(arguments, field)
        setattr(made, field, one and ast.arg(one.arg))
    return made


def _inside(code: CodeType, name: str) -> CodeType:
    for const in code.co_consts:
        if isinstance(const, CodeType):
            if const.co_name == "__outer__":
                return _inside(const, name)
            if const.co_name == name:
                return const
    raise SyntaxError(f"no {name} in it")


@functools.lru_cache(maxsize=32)
def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError as error:
        raise NoSourceError("the source on file is not the one that runs") from error


def _found(code: CodeType, text: str) -> Any:
    """Return the function of a file that a code object was made of."""
    spots = {(line, column) for line, _, column, _ in code.co_positions()}
    for node in ast.walk(_parsed(text)):
        if not isinstance(node, _FUNCTIONS):
            continue
        if isinstance(node, ast.Lambda):
            if code.co_name == "<lambda>" and (node.body.lineno, node.body.col_offset) in spots:
                inner = [n for n in ast.walk(node.body) if isinstance(n, ast.Lambda)]
                if not any((n.body.lineno, n.body.col_offset) in spots for n in inner):
                    return node
        elif node.name == code.co_name:
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            if first == code.co_firstlineno:
                return node
    raise NoSourceError(f"the source of {code.co_name} is not available")


# --- trees ---


def _shallow(node: Any) -> Any:
    made = copy.copy(node)
    for field, value in ast.iter_fields(node):
        if isinstance(value, list):
            setattr(made, field, list(value))
    return made


def at(tree: Any, path: Path) -> Any:
    """Return the node at a place."""
    for field, index in path:
        tree = getattr(tree, field)
        if index is not None:
            tree = tree[index]
    return tree


def changed(tree: Any, path: Path, new: Any) -> Any:
    """Return a tree with another node at a place; a list of statements takes one's place."""
    if not path:
        return new
    (field, index), *rest = path
    made = copy.copy(tree)
    old = getattr(tree, field)
    if index is None:
        setattr(made, field, changed(old, tuple(rest), new))
        return made
    items = list(old)
    if not rest and isinstance(new, list):
        items[index : index + 1] = new
    else:
        items[index] = changed(old[index], tuple(rest), new)
    setattr(made, field, items)
    return made


def placed(node: ast.AST, like: ast.AST) -> Any:
    """Return a new node with the position of an old one, where it has none of its own."""
    for part in ast.walk(node):
        if "lineno" in part._attributes and not hasattr(part, "lineno"):
            ast.copy_location(part, like)
    return node


def _located(node: Any, like: Any) -> Any:
    """Give a position to new nodes; what has one is looked into no further."""
    if "lineno" in node._attributes and not hasattr(node, "lineno"):
        ast.copy_location(node, like)
    elif node is not like and isinstance(node, ast.expr):
        return node
    for _, value in ast.iter_fields(node):
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, (ast.expr, ast.stmt, ast.arguments, ast.arg)) and (
                not hasattr(item, "lineno")
            ):
                _located(item, like)
    return node


def statements(tree: Any, path: Path = ()) -> Iterator[tuple[Path, ast.stmt]]:
    """Yield the statements of a function with their places, those of loops and branches too."""
    if isinstance(tree, ast.Lambda):
        return
    for field in ("body", "orelse", "finalbody"):
        for i, statement in enumerate(getattr(tree, field, None) or ()):
            if isinstance(statement, ast.stmt):
                here = (*path, (field, i))
                yield here, statement
                if not isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
                    yield from statements(statement, here)


def expressions(node: Any, path: Path = ()) -> Iterator[tuple[Path, ast.expr]]:
    """Yield the expressions below a node with their places, without those of inner statements."""
    for field, value in ast.iter_fields(node):
        items = enumerate(value) if isinstance(value, list) else [(None, value)]
        for i, item in items:
            if isinstance(item, ast.stmt) or not isinstance(item, ast.AST):
                continue
            here = (*path, (field, i))
            if isinstance(item, ast.expr):
                yield here, item
            yield from expressions(item, here)


def leading_to_loss(tree: Any) -> Any:
    """Return what of a function computes the loss that it returns first, before its gradients."""
    ends = [n.value for _, n in statements(tree) if isinstance(n, ast.Return)]
    loss = ends[-1].elts[0] if ends and isinstance(ends[-1], ast.Tuple) else None
    made = copy.copy(tree)
    made.body = _leading_to(tree.body, names_in(loss) if loss is not None else set())
    return made


def _leading_to(block: list[Any], needed: set[str]) -> list[Any]:
    """Return the statements that assign what is needed, and add to it what they need."""
    found: list[Any] = []
    for statement in reversed(block):
        stored = [n for n in ast.walk(statement) if isinstance(getattr(n, "ctx", None), ast.Store)]
        inner = {n.id for n in stored if isinstance(n, ast.Name)}
        inner |= {
            name for n in stored if isinstance(n, ast.Subscript) for name in names_in(n.value)
        }
        if not inner & needed:
            continue
        made = statement
        if isinstance(statement, (ast.For, ast.While, ast.If)):
            made = copy.copy(statement)
            for _ in range(2):  # what a turn of a loop needs, the one before it makes
                made.body = _leading_to(statement.body, needed)
                made.orelse = _leading_to(statement.orelse, needed)
            tests = [n for f in ("iter", "test") if (n := getattr(statement, f, None))]
            needed |= {name for n in tests for name in names_in(n)}
        else:
            needed |= names_in(statement)
        found.insert(0, made)
    return found


def names_in(node: ast.AST) -> set[str]:
    """Return the names that a node mentions."""
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def text_of(node: ast.AST) -> str:
    """Return code as one line or more."""
    return ast.unparse(node)


def given_by(function: FunctionType, bound: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a function sees besides its variables: closure, globals."""
    closure = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    found = {}
    for name, cell in closure:
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not bound yet
            continue
    return {**function.__globals__, **found, **bound}
