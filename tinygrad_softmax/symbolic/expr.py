"""Expressions: the third kind of value that the ops run on.

Imports `operators` and `primitive`. An expression is an op and its operands, immutable and shared:
the same op on the same operands is the same object. It has the fields of a tape's node, so the
reverse pass differentiates it by the very rules that differentiate arrays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..errors import GradientLostError, ShapeError
from ..primitive import Primitive
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

    def find(self, primitive: Primitive, args: tuple[Expr, ...]) -> Expr | None:
        """Return the expression of an op without settings, if it has been made."""
        return self.table.get((primitive.__name__, args, ()))

    def make(self, primitive: Primitive, args: tuple[Expr, ...], settings: Any, shape: Any) -> Expr:
        """Return the expression of an op on operands, once; settings as pairs, with Slots."""
        key = (primitive.__name__, args, frozen(settings))
        if key not in self.table:
            self.table[key] = Expr(
                self, primitive, args, settings, tuple(map(self.named, shape)),
                _dtype(primitive, args, settings), None, None,
                not primitive.plain and any(arg.tracked for arg in args),
            )  # fmt: skip
        return self.table[key]


def _dtype(primitive: Primitive, args: Iterable[Expr], settings: Any) -> Any:
    name = primitive.__name__
    if name == "astype":
        return np.dtype(dict(settings)["dtype"])
    if name in ("argmax", "argmin"):
        return np.dtype(int)
    if primitive.plain and name not in ("stop_gradient", "floor_divide"):
        return np.dtype(bool)
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
    primitive : Primitive or None
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

    __slots__ = ("args", "dtype", "label", "primitive", "serial", "settings", "shape", "tracked",
                 "value", "world")  # fmt: skip

    seals = ()

    def __init__(self, world: World, primitive: Any, args: Any, settings: Any, shape: Any,
                 dtype: Any, label: Any, value: Any, tracked: bool) -> None:  # fmt: skip
        self.world, self.primitive, self.args, self.settings = world, primitive, args, settings
        self.shape, self.dtype = shape, dtype  # type: ignore[misc] # slots here, not properties
        self.label, self.value = label, value
        self.tracked = tracked
        self._name = None
        world.count += 1
        self.serial = world.count

    @classmethod
    def apply(cls, primitive: Any, inputs: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        """Make the expression of an op; the shape rule says what comes out."""
        world = next(value.world for value in inputs if isinstance(value, Expr))
        if primitive.__name__ == "getitem":
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
            shape = primitive.shape(*(arg.shape for arg in operands[: len(inputs)]), **shown)
        except ShapeError as error:
            error.args = (f"{primitive.__name__}: {error.args[0]}",)
            raise
        if primitive.__name__ == "getitem":
            shape = picked_sizes(operands[0], settings["index"], shape)
        return world.make(primitive, tuple(operands), held, shape)

    @property
    def inputs(self) -> tuple[Expr, ...]:
        """The operands proper, without those that stand in the settings."""
        n = len(self.args) if self.primitive.variadic else len(self.primitive.argnames)
        args: tuple[Expr, ...] = self.args[:n]
        return args

    def setting(self, name: str) -> Any:
        """Return one of the op's settings."""
        return dict(self.settings)[name]

    # --- the fields of a tape's node, so that `gradients` can walk expressions ---

    @property
    def origins(self) -> tuple[Expr | None, ...]:
        """The operands that depend on something to differentiate by."""
        if self.primitive is None:
            return ()
        return tuple(arg if arg.tracked else None for arg in self.inputs)

    @property
    def plan(self) -> Any:
        """Where gradients go from here."""
        mask = sum(1 << i for i, arg in enumerate(self.inputs) if arg.tracked)
        return self.primitive.plans.get(mask) or self.primitive.plan(mask, len(self.inputs))

    @property
    def kept(self) -> Any:
        """What the rules want of the forward pass: expressions."""
        if self.primitive is None or self.plan.pick is None:
            return ()
        settings = [filled(value, self.args) for _, value in self.settings]
        if self.primitive.variadic:
            return self.plan.pick((self.inputs, self, *settings))
        return self.plan.pick((*self.inputs, self, *settings))

    @property
    def size(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)

    def __repr__(self) -> str:
        return f"<{self.label or (self.primitive and self.primitive.__name__)} {self.shape}>"
