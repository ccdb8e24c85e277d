"""Expressions: the third kind of value that the ops run on.

An expression is an op and its operands, immutable and shared:
the same op on the same operands is the same object. It has the fields of a tape's node, so the
reverse pass differentiates it by the very rules that differentiate arrays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Set
from typing import Any

import numpy as np

from ..core.errors import GradientLostError, ShapeError
from ..core.op import Op
from .calls import BranchError as BranchError
from .calls import Called, Noted
from .index import filled, frozen, picked_sizes, standin, symbolic_index
from .sizes import Counted, Dim, Ratio, SizeDependentError, Slot, named


class World:
    """What the expressions of one derivation share: the table of them, the sizes, the constants."""

    def __init__(self) -> None:
        self.table: dict[Any, Expr] = {}
        self.dims: dict[int, Dim] = {}
        self.bounds: dict[str, int] = {}  # integer inputs used as indices, and into how many
        self.calls: dict[Expr, Noted] = {}  # what the user called to get a value
        self.cuts: list[Dim] = []  # sizes that must be 1 at least, of slices and beside an index
        self.open = True  # whether sizes are open: else two of them need not be made one
        self.count = 0
        self.taken: Set[str] = frozenset()  # names of the user's inputs and variables
        self.functions: dict[str, Any] = {}  # what the user's ops are called, the same everywhere

    def leaf(self, label: str, shape: Any, dtype: Any = float, value: Any = None,
             tracked: bool = False) -> Expr:  # fmt: skip
        """Make an input (`value` None), or a named constant."""
        key = ("leaf", label)
        if key not in self.table:
            dtype = np.dtype(dtype)
            self.table[key] = Expr(self, None, (), (), shape, dtype, label, value, tracked)
        return self.table[key]

    def size(self, label: str, size: int) -> Dim:
        """Make a named size."""
        dim: Dim = named(size, self.leaf(label, (), int, value=size))
        self.dims[size] = dim
        return dim

    def named(self, size: int) -> int:
        """Return the size with its name, if it has one."""
        return size if isinstance(size, Dim) else self.dims.get(size, size)

    def lift(self, value: Any) -> Expr:
        """Return `value` as an expression."""
        if isinstance(value, Expr):
            return value
        if isinstance(value, (Dim, Ratio)):
            expr: Expr = value.expr
            return expr
        array = np.asarray(value)
        if array.dtype == object:
            raise GradientLostError(
                "a plain array was filled with traced values: use np.stack or np.concatenate"
            )
        if array.ndim == 0:
            number = array.item()
            return self.constant(("number", type(number), number), repr(number), array)
        if self.dims.keys() & set(array.shape):
            first = array.flat[0]
            if (array == first).all():  # np.ones((num_examples, 1)) and its like
                one = self.lift(first.item())
                shape = tuple(map(self.named, array.shape))
                from ..ops.shaping import broadcast_to

                return broadcast_to(one, shape=shape)  # type: ignore[no-any-return]
            raise SizeDependentError
        return self.constant(("array", id(array)), None, array)

    def constant(self, key: Any, label: str | None, array: Any) -> Expr:
        """Make a constant, once."""
        if key not in self.table:
            self.table[key] = Expr(
                self, None, (), (), array.shape, array.dtype, label, array, False
            )
        return self.table[key]

    def find(self, op: Op, args: tuple[Expr, ...]) -> Expr | None:
        """Return the expression of an op without settings, if it has been made."""
        return self.table.get((op, args, ()))

    def make(self, op: Op, args: tuple[Expr, ...], settings: Any, shape: Any) -> Expr:
        """Return the expression of an op on operands, once; settings as pairs, with Slots."""
        key = (op, args, frozen(settings))
        if key not in self.table:
            self.table[key] = Expr(
                self, op, args, settings, tuple(map(self.named, shape)),
                _dtype(op, args, settings), None, None,
                not op.piecewise_constant and any(arg.tracked for arg in args),
            )  # fmt: skip
        return self.table[key]


def _dtype(op: Op, args: Iterable[Expr], settings: Any) -> Any:
    if op.dtype is not None:
        return op.dtype
    name = op.kind
    if name == "astype":
        return np.dtype(dict(settings)["dtype"])
    found = np.result_type(*(arg.dtype for arg in args), np.dtype(bool))
    if name == "sum" and found.kind == "b":
        return np.dtype(int)
    halves = name in ("_linear", "scatter") or min(dict(settings).get("exps", ()), default=1) < 0
    return np.result_type(found, float) if halves else found


class Expr(Called):
    """An op and its operands, not yet computed.

    Parameters
    ----------
    world : World
        What it shares with its fellows.
    op : Op or None
        The op; None for an input or a constant.
    args : tuple of Expr
        Operands, those that stand in the settings last.
    settings : tuple of pairs
        The op's settings by name.
    shape : tuple of int
        Sizes, named where they come from an input.
    dtype : dtype
        Floating-point, integer or boolean.
    label : str or None
        How an input or a number is written.
    value : array or None
        A constant's value.
    tracked : bool
        Whether it depends on something to differentiate by.
    """

    __slots__ = ("args", "dtype", "label", "op", "serial", "settings", "shape", "tracked",
                 "value", "world")  # fmt: skip

    guards = ()

    def __init__(self, world: World, op: Any, args: Any, settings: Any, shape: Any,
                 dtype: Any, label: Any, value: Any, tracked: bool) -> None:  # fmt: skip
        self.world, self.op, self.args, self.settings = world, op, args, settings
        self.shape, self.dtype = shape, dtype  # type: ignore[misc] # slots here, not properties
        self.label, self.value = label, value
        self.tracked = tracked
        self._name = None
        world.count += 1
        self.serial = world.count

    @classmethod
    def apply(cls, op: Any, inputs: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        """Make the expression of an op; the shape rule says what comes out."""
        world = next(value.world for value in inputs if isinstance(value, Expr))
        if op.kind == "getitem":
            settings = {"index": symbolic_index(inputs[0], settings["index"])}
        operands = [world.lift(value) for value in inputs]

        def hold(value: Any) -> Any:
            if isinstance(value, tuple) and not isinstance(value, (Counted, Slot)):
                return tuple(map(hold, value))
            if isinstance(value, Expr):
                operands.append(value)
                return Slot(len(operands) - 1)
            return value

        held = tuple((name, hold(value)) for name, value in settings.items())
        shown = {name: standin(value, operands) for name, value in held}
        try:
            shape = op.shape(*(arg.shape for arg in operands[: len(inputs)]), **shown)
        except ShapeError as error:
            error.args = (f"{op.__name__}: {error.args[0]}",)
            raise
        if op.kind == "getitem":
            shape = picked_sizes(operands[0], settings["index"], shape)
        return world.make(op, tuple(operands), held, shape)

    @property
    def inputs(self) -> tuple[Expr, ...]:
        """The operands proper, without those that stand in the settings."""
        n = len(self.args) if self.op.variadic else len(self.op.argnames)
        args: tuple[Expr, ...] = self.args[:n]
        return args

    def setting(self, name: str) -> Any:
        """Return one of the op's settings."""
        return dict(self.settings)[name]

    # --- the fields of a tape's node, so that `gradients` can walk expressions ---

    @property
    def parents(self) -> tuple[Expr | None, ...]:
        """The operands that depend on something to differentiate by."""
        if self.op is None:
            return ()
        return tuple(arg if arg.tracked else None for arg in self.inputs)

    @property
    def plan(self) -> Any:
        """Where gradients go from here."""
        mask = sum(1 << i for i, arg in enumerate(self.inputs) if arg.tracked)
        return self.op.plans.get(mask) or self.op.plan(mask, len(self.inputs))

    @property
    def saved(self) -> Any:
        """What the rules want of the forward pass: expressions."""
        if self.op is None or self.plan.pick is None:
            return ()
        settings = [filled(value, self.args) for _, value in self.settings]
        if self.op.variadic:
            return self.plan.pick((self.inputs, self, *settings))
        return self.plan.pick((*self.inputs, self, *settings))

    @property
    def size(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)

    def __repr__(self) -> str:
        return f"<{self.label or (self.op and self.op.__name__)} {self.shape}>"
