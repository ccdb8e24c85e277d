"""What is explained: the values between a loss and its parameters, by the names that they have.

A trace is such a graph already; a tape is turned into one, node by node, with what it has saved. A
value is named after the variable that holds it, in the caller's frame or, while a function runs, in
its own. After this, a recorded loss and a function are explained alike.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from types import FrameType
from typing import Any, NamedTuple, TypeVar
from unicodedata import normalize

import numpy as np

from ..core.errors import BackwardError, is_users, user_frame, variable_name
from ..core.reverse import order
from ..core.tape import Leaf, Node, Value
from ..core.tensor import Tensor
from ..core.transforms import check_scalar_loss
from ..ir.document import Account
from ..ir.expr import Expr, World
from ..ir.names import is_name
from ..ir.sizes import Counted, Dim, Slot, named
from ..ir.trace import call
from ..ir.visit import ordered
from ..ir.words import Hand


class Graph(NamedTuple):
    """A loss with all that it is made of, and who writes it."""

    root: Expr
    names: frozenset[Expr]  # the values that the code has a name for
    hand: Hand
    gradients: dict[Expr, str]  # the names that gradients have already


def of_derivation(account: Account) -> Graph:
    """Return the graph of a derived function, by the names of its program."""
    gradients: dict[Expr, str] = {}
    for cut, title in account.titles.items():
        if title not in gradients.values():  # one that is masked in place has it first
            gradients[cut.e] = title
    hand = account.hand
    hand.names.setdefault(account.trace.output, account.program.loss)
    names = {e for e in hand.names if e not in hand.chosen}
    return Graph(account.trace.output, frozenset(names), hand, gradients)


# --- what variables are called ---


class Scope:
    """The names of values, arrays and numbers; what is noted first keeps its name."""

    def __init__(self) -> None:
        self.nodes: dict[Node, str] = {}
        self.arrays: dict[int, tuple[str, Any]] = {}  # the array is held, so that its id stays its
        self.numbers: dict[float, set[str]] = {}
        self.bound: Counter[str] = Counter()  # how many arrays a variable has held

    def note(self, variables: Mapping[str, Any]) -> None:
        """Take down what variables hold."""
        for name, value in list(variables.items()):
            if name.startswith("_") or not is_name(name):
                continue
            if isinstance(value, Value):
                self._note_array(name, value.array)
                if value.node is not None:
                    self.nodes.setdefault(value.node, name)
            elif isinstance(value, np.ndarray):
                self._note_array(name, value)
            elif isinstance(value, (int, float)) and not isinstance(value, bool):
                self.numbers.setdefault(value, set()).add(name)

    def _note_array(self, name: str, array: Any) -> None:
        """Take down an array; the next one that a variable holds gets a number."""
        if id(array) not in self.arrays:
            self.bound[name] += 1
            label = name if self.bound[name] == 1 else f"{name}_{self.bound[name]}"
            self.arrays[id(array)] = (label, array)

    def name(self, value: Any) -> str | None:
        """Return what a constant is called, if that is certain.

        Examples
        --------
        >>> scope = Scope()
        >>> scope.note({"N": 300, "two": 2})
        >>> scope.name(300), scope.name(2)
        ('N', None)
        """
        if np.ndim(value):
            return self.arrays.get(id(value), (None, None))[0]
        number = np.asarray(value).item()
        found = self.numbers.get(number, set())
        telling = abs(number) > 2 or number not in (-2, -1, -0.5, 0, 0.5, 1, 2)
        return min(found) if len(found) == 1 and telling else None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note the local variables of the user's functions while they run."""
        before: Any = sys.getprofile()
        sys.setprofile(self._event)
        try:
            yield
        finally:
            sys.setprofile(before if callable(before) else None)

    # Coverage's own tracing is off while a profile function runs.
    def _event(self, frame: FrameType, event: str, arg: Any) -> None:  # pragma: no cover
        user: FrameType | None = frame if event != "call" else frame.f_back
        if user is None:
            return
        if is_users(user.f_code.co_filename) and not user.f_code.co_name.startswith("<"):
            self.note(user.f_locals)


_Scope = TypeVar("_Scope", bound=Scope)


def noted(scope: _Scope) -> _Scope:
    """Return the scope, with what the caller's variables are called."""
    frame = user_frame()
    for variables in (frame.f_locals, frame.f_globals) if frame else ():
        scope.note(variables)
    return scope


def run(function: Any, wrt: Any, inputs: dict[str, Any], scope: Scope) -> Tensor:
    """Run a function on Tensors, its variables watched by `scope`; return the loss.

    Raises
    ------
    TypeError
        If `wrt` names no input.
    BackwardError
        If the result depends on none of `wrt`.
    """
    names = list(inspect.signature(function).parameters)
    chosen = (names[0],) if wrt is None else (wrt,) if isinstance(wrt, str) else tuple(wrt)
    if missing := [name for name in chosen if name not in inputs]:
        raise TypeError(
            f"wrt={missing[0]!r} is not among the inputs given ({', '.join(inputs)}), and the "
            "function could not be traced for its local variables"
        )
    values = {
        name: Tensor(value, name=name) if name in chosen else value
        for name, value in inputs.items()
    }
    with scope.watching():
        loss = call(function, values)
    scope.note(values)
    check_scalar_loss(loss, getattr(function, "__name__", "the function"), ", ".join(chosen))
    return loss  # type: ignore[no-any-return]


def root_of(loss: Tensor, verb: str) -> Any:
    """Return the node of a recorded scalar; `verb` says what was to be done with it.

    Raises
    ------
    BackwardError
        If it is the result of no recorded op, or no scalar.
    """
    root, name = loss.node, variable_name(loss) or "this tensor"
    if root is None or isinstance(root, Leaf):
        raise BackwardError(
            f"{verb}() of {name}, which is the result of no recorded op: wrap an input in "
            f"Tensor(...), compute a loss from it outside no_grad(), and {verb} the loss"
        )
    if loss.size != 1:
        raise BackwardError(
            f"{verb}() needs a scalar, but {name} has shape {loss.shape}: reduce it first, with "
            "np.sum or np.mean"
        )
    return root


# --- a tape ---


def of_tape(root: Node, scope: Scope) -> Graph:
    """Return the graph of a recorded loss, by the names in `scope`.

    Raises
    ------
    BackwardError
        If an earlier backward pass has used up part of the tape.
    """
    world, made = World(), dict[Node, Expr]()
    names: dict[Expr, str] = {}
    taken, fresh = {"np"}, count(1)
    for node in order(root):
        name = scope.nodes.get(node)
        if isinstance(node, Leaf):
            label = unused(node.name or name or f"parameter{next(fresh)}", taken)
            made[node] = world.leaf(label, node.shape, node.dtype, tracked=True)
            continue
        made[node] = e = _lifted(node, made, world, scope)
        if name is not None:
            names[e] = unused(name, taken)
    if made[root] not in names:
        calls = (name for name in ("loss", "total_loss", "result") if name not in taken)
        names[made[root]] = unused(next(calls, "loss"), taken)
    labels = {str(e.label) for e in ordered([made[root]]) if e.op is None and e.value is None}
    sizes = {str(e.label): e.value for e in world.table.values() if isinstance(e.value, int)}
    hand = Hand(names, {*taken, *labels} - {"np"}, sizes)
    hand.taken |= {str(e.label) for e in world.table.values() if e.op is None and e.label}
    return Graph(made[root], frozenset(names), hand, {})


def unused(name: str, taken: set[str]) -> str:
    """Return `name` as an identifier that is not taken, and take it.

    Examples
    --------
    >>> unused("layer 1", {"layer_1"})
    'layer_1_2'
    """
    clean = re.sub(r"\W+", "_", normalize("NFKC", name))
    if not is_name(clean):
        clean = f"v_{clean}"
    tries = (clean if i == 1 else f"{clean}_{i}" for i in count(1))
    found = next(label for label in tries if label not in taken)
    taken.add(found)
    return found


def _lifted(node: Node, made: dict[Node, Expr], world: World, scope: Scope) -> Expr:
    """Return the expression of one recorded op; it is not shared, as its node is not."""
    op: Any = node.op
    assert node.plan is not None
    kept: dict[str, Any] = dict(zip(node.plan.names, node.saved or (), strict=True))
    args: list[Expr] = []
    for position, origin in enumerate(node.parents):
        if origin is not None:
            args.append(made[origin])
            continue
        name = op.argnames[0 if op.variadic else position]
        held = kept.get(name, ...)
        value = held[position] if op.variadic and held is not ... else held
        args.append(_constant(value, world, scope))
    settings = tuple((name, _setting(name, kept, node, args, world, scope))
                     for name in op.settings)  # fmt: skip
    return Expr(world, op, tuple(args), settings, node.shape, node.dtype, None, None, True)


def _constant(value: Any, world: World, scope: Scope) -> Expr:
    """Return a constant operand: a number, an array by its name, or one that was not kept."""
    if value is ...:
        unknown = sum(str(key[1]).startswith("not_kept") for key in world.table)
        return world.leaf(f"not_kept{unknown + 1}", (), float)
    array = np.asarray(value)
    name = scope.name(value)
    if array.ndim == 0:
        return world.lift(array) if name is None else world.leaf(name, (), value=array.item())
    return world.constant(("constant", id(value)), name, array)


def _setting(name: str, kept: dict[str, Any], node: Node, args: list[Expr], world: World,
             scope: Scope) -> Any:  # fmt: skip
    """Return a setting: as it was kept, or what the result tells of it, or its default."""
    op: Any = node.op
    if name in kept:
        value = kept[name]
        return value if op.variadic else _held(value, args, world, scope)
    told = {"shape": node.shape, "into": node.shape, "dtype": None}
    return told.get(name, op.settings[name])


def _held(value: Any, args: list[Expr], world: World, scope: Scope) -> Any:
    """Return a setting with its ranges recognised and its arrays among the operands."""
    if isinstance(value, tuple):
        return tuple(_held(part, args, world, scope) for part in value)
    if not isinstance(value, np.ndarray) or not value.ndim:
        return value
    if value.ndim == 1 and len(value) > 1 and np.array_equal(value, np.arange(len(value))):
        return Counted(_size(len(value), world, scope))
    args.append(_constant(value, world, scope))
    return Slot(len(args) - 1)


def _size(n: int, world: World, scope: Scope) -> int:
    """Return a size that is written by its name, if it has one."""
    name = scope.name(n)
    dim: Dim | int = n if name is None else named(n, world.leaf(name, (), int, value=n))
    return dim
