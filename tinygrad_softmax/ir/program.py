"""A derived function as data: statements over expressions, printed when it is asked for."""

from __future__ import annotations

import ast
import linecache
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Any, Literal, NamedTuple

import numpy as np

from ..ops.indexing import getitem, meets_once, scatter
from ..ops.shaping import broadcast_to
from .expr import Expr, is_number, standin, updated
from .print_numpy import Printer
from .sizes import Counted, Slot

Part = Literal["size", "forward", "gradient"]

_OPERATORS: dict[str, tuple[ast.operator | None, str]] = {
    "=": (None, ""), "+=": (ast.Add(), "add"), "-=": (ast.Sub(), "subtract"),
    "*=": (ast.Mult(), "multiply"), "/=": (ast.Div(), "divide"),
}  # fmt: skip
_NUMBER = count(1)


@dataclass(frozen=True, eq=False)
class Size:
    """``target = of.shape[axis]``: a size that the loss gives a name to."""

    target: str
    of: str
    axis: int
    part: Part = "size"


@dataclass(frozen=True, eq=False)
class Assign:
    """``target = value``."""

    target: str
    value: Expr
    part: Part = "forward"


@dataclass(frozen=True, eq=False)
class InPlace:
    """``target[index] operator value``, or ``np.add.at`` where the index may name a place twice.

    `index` is as in the settings of `getitem`, None for the whole array; its slots are filled with
    `args`. `result` is what the array is afterwards, if later expressions contain that.
    """

    target: str
    index: Any
    operator: str
    value: Expr
    args: tuple[Expr, ...] = ()
    at: bool = False
    part: Part = "gradient"
    result: Expr | None = None

    def __post_init__(self) -> None:
        if self.operator not in _OPERATORS or (self.at and (
            self.operator == "=" or self.index is None
        )):  # fmt: skip
            raise ValueError(
                f"{self.target}: no update with the operator {self.operator!r}, "
                f"at={self.at} and index {self.index!r}"
            )

    @property
    def world(self) -> Any:
        """The world of its expressions."""
        return self.value.world


Statement = Size | Assign | InPlace


def assigned(target: str, value: Expr, part: Part) -> list[Statement]:
    """Return the statements that give `target` a value: what is written to, in place.

    A scatter is zeros that are added to; an array with some entries replaced is a copy first.
    """
    if value in value.world.calls:  # np.diag(v), as the user wrote it
        return [Assign(target, value, part)]
    if value.op is updated:
        x, put = value.inputs
        put_in = InPlace(target, value.setting("index"), "=", put, value.args, False, part, value)
        return [*assigned(target, x, part), put_in]
    if value.op is scatter:
        index, (x,) = value.setting("index"), value.inputs
        zeros = broadcast_to(value.world.lift(0), shape=value.setting("into"))
        x = x.args[0] if x.op is broadcast_to and is_number(x.args[0]) else x
        at = not surely_once(index, value.args)
        add = InPlace(target, index, "+=", x, value.args, at, part, value)
        return [Assign(target, zeros, part), add]
    return [Assign(target, value, part)]


def surely_once(index: Any, args: tuple[Expr, ...]) -> bool:
    """Whether an index surely names no place twice, whatever the labels in it are."""
    parts = index if type(index) is tuple else (index,)
    moving = [part for part in parts if isinstance(part, (Counted, Slot, np.ndarray))]
    if not any(isinstance(part, Slot) for part in moving):
        return meets_once(standin(tuple(parts), args))
    flat = all(len(args[part.operand].shape) <= 1 if isinstance(part, Slot)
               else isinstance(part, Counted) or part.ndim <= 1 for part in moving)  # fmt: skip
    return flat and any(isinstance(part, Counted) for part in moving)


class Line(NamedTuple):
    """A statement as it is printed, with the names that expressions have before it."""

    statement: Statement
    text: str
    names: Mapping[Expr, str]
    reads: frozenset[str]

    @property
    def writes(self) -> str:
        """The variable that is bound or changed."""
        return self.statement.target


@dataclass(frozen=True, eq=False)
class Program:
    """A loss and its gradients: what is computed, in order, and under which assumptions.

    An expression that an earlier statement has assigned is written by that name, until the variable
    is bound anew or changed in place.

    Parameters
    ----------
    inputs : tuple of str
        Names of the arguments, in order.
    statements : tuple of Size, Assign or InPlace
        What is computed.
    loss : str
        The variable that is the loss.
    gradients : dict
        What is differentiated with respect to, and the variable that is its gradient.
    assumptions : tuple
        What the program rests on: objects with a `text`, code that must be true; printed as
        comments.
    given : dict
        What the program refers to besides NumPy and its variables: arrays and functions by name.
    """

    inputs: tuple[str, ...]
    statements: tuple[Statement, ...]
    loss: str
    gradients: dict[str, str]
    assumptions: tuple[Any, ...] = ()
    given: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        bound: set[str] = set()
        for statement in self.statements:
            if isinstance(statement, InPlace) and statement.target not in bound:
                raise ValueError(f"{statement.target} is updated in place before it is assigned")
            bound.add(statement.target)
        missing = {self.loss, *self.gradients.values()} - bound - {*self.inputs}
        if missing:
            raise ValueError(f"{', '.join(sorted(missing))}: returned, but never assigned")

    # --- printing ---

    @cached_property
    def _printed(self) -> tuple[list[Line], dict[str, Any]]:
        variables = {*self.inputs, *(statement.target for statement in self.statements)}
        printer = Printer({}, variables)
        printer.used |= self.given
        lines: list[Line] = []
        for i, statement in enumerate(self.statements):
            names = dict(printer.names)
            tree = ast.fix_missing_locations(self._tree(printer, statement, self._changed(i)))
            found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            if not isinstance(statement, InPlace):
                found = {node.id for node in ast.walk(tree.value) if isinstance(node, ast.Name)}
            lines.append(Line(statement, ast.unparse(tree), names, frozenset(found & variables)))
            _bind(printer.names, statement)
        return lines, printer.used

    def _changed(self, i: int) -> set[str]:
        """Return the variables that are changed in place after statement `i`, as bound then."""
        changed: set[str] = set()
        bound: set[str] = set()
        for statement in self.statements[i + 1 :]:
            if not isinstance(statement, InPlace):
                bound.add(statement.target)
            elif statement.target not in bound:
                changed.add(statement.target)
        return changed

    def _tree(self, printer: Printer, statement: Statement, changed: set[str]) -> Any:
        if isinstance(statement, InPlace):
            return _update(printer, statement)
        if isinstance(statement, Size):
            return ast.parse(f"{statement.target} = {statement.of}.shape[{statement.axis}]").body[0]
        target, value = statement.target, statement.value
        number = statement.part == "gradient" and (
            target in changed or target in self.gradients.values()
        )
        written = printer.real(value) if number else printer.expression(value)
        shared = _shared(printer, value)
        cast = number and printer.kind(value) != "f"
        if shared and {*shared, target} & changed and not cast:
            written = ast.Call(ast.Attribute(written, "copy"), [], [])
        return ast.Assign([ast.Name(target)], written)

    def lines(self) -> list[Line]:
        """Return the statements with their text, one each."""
        return [*self._printed[0]]

    @property
    def used(self) -> dict[str, Any]:
        """What the source refers to besides ``np`` and its own variables, by name."""
        return dict(self._printed[1])

    def source(self, name: str = "gradients") -> str:
        """Return the function as source: assumptions, sizes, loss, gradients, return."""
        found = ", ".join(f"{of!r}: {gradient}" for of, gradient in self.gradients.items())
        body = [f"# holds while {assumption.text}" for assumption in self.assumptions]
        body += [text for line in self.lines() for text in line.text.splitlines()]
        body.append(f"return {self.loss}, {{{found}}}")
        head = f"def {name}({', '.join(self.inputs)}):"
        return "\n".join([head, *(f"    {line}" for line in body)])

    @property
    def forward_source(self) -> str:
        """The lines of the loss."""
        return self._part("forward")

    @property
    def gradient(self) -> str:
        """The lines of the gradients."""
        return self._part("gradient")

    def _part(self, part: Part) -> str:
        return "\n".join(line.text for line in self.lines() if line.statement.part == part)

    # --- running ---

    def compiled(self, name: str = "gradients") -> Callable[..., Any]:
        """Return a function of the inputs, by position or by name.

        It returns the loss, the gradients by name, and all variables by name. No gradient shares
        memory with an input or with another one, and each can be written to.
        """
        source = self.source(name)
        file = f"<derived {name} {next(_NUMBER)}>"
        tree = ast.parse(source)
        function: Any = tree.body[0]
        result = function.body[-1].value
        # no variable can be called so, and the lines stay those of the source
        result.elts.append(ast.Call(ast.Name("locals()", ast.Load()), [], []))
        space = {"np": np, "locals()": locals, **self.used}
        exec(compile(ast.fix_missing_locations(tree), file, "exec"), space)
        run = space[name]

        def call(*args: Any, **inputs: Any) -> tuple[Any, dict[str, Any], dict[str, Any]]:
            loss, found, variables = run(*args, **inputs)
            return loss, _own(found, [variables[name] for name in self.inputs]), variables

        linecache.cache[file] = (len(source), None, source.splitlines(True), file)
        weakref.finalize(call, linecache.cache.pop, file, None)
        return call


def _bind(names: dict[Expr, str], statement: Statement) -> None:
    """Note what a variable holds after a statement, and forget what it held."""
    for e in [e for e, name in names.items() if name == statement.target]:
        del names[e]
    if isinstance(statement, Size):
        return  # its expression is labelled so
    value = statement.value if isinstance(statement, Assign) else statement.result
    if value is None or is_number(value) or (value.op is None and str(value.label).isidentifier()):
        return
    if value.op is broadcast_to and is_number(value.args[0]):
        return  # np.zeros(shape) is written again: cheap, and an array of its own
    names.setdefault(value, statement.target)


def _shared(printer: Printer, e: Expr) -> set[str]:
    """Return the variables whose memory an expression may look at, none if it is a new array."""
    while e not in printer.names and e.op is not None:
        if e in e.world.calls:  # np.squeeze(x) may be a view as well
            tree = printer.expression(e)
            return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        new = e.op is getitem and not _is_basic(e.setting("index"))
        if new or not e.op.moves_entries or (e.op is broadcast_to and is_number(e.args[0])):
            return set()
        e = e.inputs[0]
    return set() if is_number(e) else {printer.names.get(e, str(e.label))}


def _is_basic(index: Any) -> bool:
    parts = index if type(index) is tuple else (index,)
    return all(part is None or part is ... or isinstance(part, (int, slice)) for part in parts)


def _update(printer: Printer, statement: InPlace) -> Any:
    operator, ufunc = _OPERATORS[statement.operator]
    target, value = ast.Name(statement.target), printer.expression(statement.value)
    if statement.at:
        function = printer.numpy(ufunc, "at")
        index = printer.setting(_alone(statement.index), statement)
        if any(isinstance(node, ast.Slice) for node in ast.walk(index)):
            index = ast.Subscript(printer.numpy("s_"), printer.index(statement.index, statement))
        return ast.Expr(ast.Call(function, [target, index, value], []))
    place: Any = target
    if statement.index is not None:
        place = ast.Subscript(target, printer.index(statement.index, statement))
    if operator is None:
        whole = ast.Subscript(target, ast.Constant(...))
        return ast.Assign([whole if statement.index is None else place], value)
    return ast.AugAssign(place, operator, value)


def _alone(index: Any) -> Any:
    return index[0] if type(index) is tuple and len(index) == 1 else index


def _own(found: dict[str, Any], inputs: list[Any]) -> dict[str, Any]:
    """Return gradients that are the caller's own: copies of what is shared or cannot be changed."""
    taken = {id(_root(value)) for value in inputs}
    own: dict[str, Any] = {}
    for name, value in found.items():
        array = isinstance(value, np.ndarray)
        shared = array and (id(_root(value)) in taken or not value.flags.writeable)
        own[name] = value.copy() if shared else value
        taken.add(id(_root(own[name])))
    return own


def _root(value: Any) -> Any:
    """Return the array that holds the memory which `value` looks at."""
    while isinstance(value, np.ndarray) and isinstance(value.base, np.ndarray):
        value = value.base
    return value
