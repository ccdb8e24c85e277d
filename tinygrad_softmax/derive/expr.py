"""Expressions: the third kind of value that the ops run on.

Imports `operators` and `primitive`. An expression is an op and its operands, immutable and shared:
the same op on the same operands is the same object. It has the fields of a tape's node, so the
reverse pass differentiates it by the very rules that differentiate arrays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ..errors import GradientLostError, NoRuleError, ShapeError
from ..operators import Operators
from ..primitive import Primitive
from ..shapes import broadcast


class Counted(NamedTuple):
    """An index that runs through an axis: ``range(size)``."""

    size: int


class Slot(NamedTuple):
    """The place in an op's settings where one of its operands stands (labels in an index)."""

    operand: int


class Dim(int):
    """A size that remembers where it came from, so that ``X.shape[0]`` stays a name."""

    expr: Expr


class Ratio(float):
    """A number made of sizes, such as ``1 / N``, that remembers how."""

    expr: Expr


def _named(value: float, expr: Expr) -> Any:
    made: Any = Dim(value) if isinstance(value, int) else Ratio(value)
    made.expr = expr
    return made


def _arithmetic(name: str) -> Any:
    """Make an arithmetic method that computes with numbers and with what they are called."""

    def method(self: Any, other: Any) -> Any:
        if isinstance(other, Expr) or not isinstance(other, (int, float)):
            return NotImplemented
        base = int if isinstance(self, int) else float
        value = getattr(base(self), name)(int(other) if isinstance(other, int) else float(other))
        if value is NotImplemented:
            value = getattr(float(self), name)(float(other))
        term = other.expr if isinstance(other, (Dim, Ratio)) else other
        return _named(value, getattr(self.expr, name.replace("floor", "true"))(term))

    return method


for _name in ("add", "sub", "mul", "truediv"):
    for _side in (f"__{_name}__", f"__r{_name}__"):
        setattr(Dim, _side, _arithmetic(_side))
        setattr(Ratio, _side, _arithmetic(_side))
Dim.__floordiv__ = _arithmetic("__floordiv__")  # type: ignore[method-assign] # as the others


class World:
    """What the expressions of one derivation share: the table of them, the sizes, the constants."""

    def __init__(self) -> None:
        self.table: dict[Any, Expr] = {}
        self.dims: dict[int, Dim] = {}
        self.bounds: dict[str, int] = {}  # integer inputs used as indices, and into how many
        self.count = 0

    def leaf(self, label: str, shape: Any, dtype: Any = np.dtype(float), value: Any = None,
             tracked: bool = False) -> Expr:  # fmt: skip
        """Make an input (`value` None), or a named constant."""
        key = ("leaf", label)
        if key not in self.table:
            self.table[key] = Expr(self, None, (), (), shape, dtype, label, value, tracked)
        return self.table[key]

    def size(self, label: str, size: int) -> Dim:
        """Make a named size."""
        self.dims[size] = dim = _named(size, self.leaf(label, (), np.dtype(int), value=size))
        return dim

    def named(self, size: int) -> int:
        """Return the size with its name, if it has one."""
        return size if isinstance(size, Dim) else self.dims.get(size, size)

    def lift(self, value: Any) -> Expr:
        """Return `value` as an expression."""
        if isinstance(value, Expr):
            return value
        if isinstance(value, (Dim, Ratio)):
            return value.expr
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
            raise SizeDependentError(array.shape)
        return self.constant(("array", id(array)), None, array)

    def constant(self, key: Any, label: str | None, array: Any) -> Expr:
        """Make a constant, once."""
        if key not in self.table:
            self.table[key] = Expr(self, None, (), (), array.shape, array.dtype, label, array, False)
        return self.table[key]

    def find(self, primitive: Primitive, args: tuple[Expr, ...]) -> Expr | None:
        """Return the expression of an op without settings, if it has been made."""
        return self.table.get((primitive.__name__, args, ()))

    def make(self, primitive: Primitive, args: tuple[Expr, ...], settings: Any, shape: Any) -> Expr:
        """Return the expression of an op on operands, once; settings as pairs, with Slots."""
        key = (primitive.__name__, args, _frozen(settings))
        if key not in self.table:
            self.table[key] = Expr(
                self, primitive, args, settings, tuple(map(self.named, shape)),
                _dtype(primitive, args), None, None,
                not primitive.plain and any(arg.tracked for arg in args),
            )  # fmt: skip
        return self.table[key]


class SizeDependentError(Exception):
    """An array whose entries depend on the sizes of the inputs: only these sizes can be derived."""


def _dtype(primitive: Primitive, args: Iterable[Expr]) -> Any:
    if primitive.__name__ in ("argmax", "argmin"):
        return np.dtype(int)
    if primitive.plain and primitive.__name__ != "stop_gradient":
        return np.dtype(bool)
    return np.result_type(*(arg.dtype for arg in args), np.dtype(bool))


def _frozen(value: Any) -> Any:
    """Return settings in a form that can be a key of a table."""
    if isinstance(value, slice):
        return ("slice", value.start, value.stop, value.step)
    if isinstance(value, (Counted, Slot)):
        return (type(value).__name__, *map(int, value))
    if isinstance(value, (tuple, list)):
        return tuple(map(_frozen, value))
    if isinstance(value, np.ndarray):
        return ("array", value.shape, value.tobytes())
    return value


class Expr(Operators):
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
    site = None

    def __init__(self, world: World, primitive: Any, args: Any, settings: Any, shape: Any,
                 dtype: Any, label: Any, value: Any, tracked: bool) -> None:  # fmt: skip
        self.world, self.primitive, self.args, self.settings = world, primitive, args, settings
        self.shape, self.dtype, self.label, self.value = shape, dtype, label, value
        self.tracked = tracked
        self._name = None
        world.count += 1
        self.serial = world.count

    @classmethod
    def apply(cls, primitive: Primitive, inputs: tuple[Any, ...], settings: dict[str, Any]) -> Any:
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
        standin = {name: _standin(value, operands) for name, value in held}
        try:
            shape = primitive.shape(*(arg.shape for arg in operands[: len(inputs)]), **standin)
        except ShapeError as error:
            error.args = (f"{primitive.__name__}: {error.args[0]}",)
            raise
        return world.make(primitive, tuple(operands), held, shape)

    @property
    def inputs(self) -> tuple[Expr, ...]:
        """The operands proper, without those that stand in the settings."""
        n = len(self.args) if self.primitive.variadic else len(self.primitive.argnames)
        return self.args[:n]

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
        settings = [_filled(value, self.args) for _, value in self.settings]
        if self.primitive.variadic:
            return self.plan.pick((self.inputs, self, *settings))
        return self.plan.pick((*self.inputs, self, *settings))

    @property
    def size(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)

    # --- what would need a value ---

    def __bool__(self) -> bool:
        raise BranchError(
            "the function branches on a value (if, while, and, or, assert), so one formula cannot "
            "describe it: use np.where, np.maximum, or derive the branches one by one"
        )

    def _no_number(self) -> Any:
        raise GradientLostError(
            "the function turns a traced value into a plain number or array (float, int, math, "
            "np.array, out[i] = t): use the NumPy function on it, or np.stack"
        )

    def __float__(self) -> float:
        return self._no_number()  # type: ignore[no-any-return]

    def __int__(self) -> int:
        return self._no_number()  # type: ignore[no-any-return]

    def __index__(self) -> int:
        return self._no_number()  # type: ignore[no-any-return]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self._no_number()

    def __repr__(self) -> str:
        return f"<{self.label or (self.primitive and self.primitive.__name__)} {self.shape}>"


class BranchError(TypeError):
    """A program whose course depends on a value."""


def _filled(value: Any, args: tuple[Expr, ...]) -> Any:
    """Put operands back into settings."""
    if isinstance(value, Slot):
        return args[value.operand]
    if isinstance(value, tuple) and not isinstance(value, Counted):
        return tuple(_filled(part, args) for part in value)
    return value


def _standin(value: Any, operands: list[Expr]) -> Any:
    """Return settings with arrays in place of traced indices, for the shape rule to look at."""
    if isinstance(value, Slot):
        return np.zeros(operands[value.operand].shape, int)
    if isinstance(value, Counted):
        return np.arange(value.size)
    if isinstance(value, tuple):
        return tuple(_standin(part, operands) for part in value)
    return value


def symbolic_index(x: Expr, key: Any) -> Any:
    """Return an index with its ranges recognised and its arrays checked against one another.

    ``range(N)`` and ``np.arange(N)`` along an axis of size N run through it, whatever N is.
    """
    parts = key if isinstance(key, tuple) else (key,)
    after = sum(1 for part in parts[_ellipsis(parts) + 1 :] if part is not None)
    axis, result = 0, []
    for place, part in enumerate(parts):
        if part is Ellipsis:
            axis = len(x.shape) - after
        elif part is None:
            result.append(None)
            continue
        else:
            part = _symbolic_part(x, axis, part)
            axis += 1
        if part is Ellipsis and place == len(parts) - 1:
            continue
        result.append(part)
    arrays = [np.shape(_standin(p, [])) if not isinstance(p, Expr) else p.shape
              for p in result if isinstance(p, (Counted, Expr, np.ndarray))]  # fmt: skip
    broadcast(*arrays)
    return tuple(result)


def _ellipsis(parts: tuple[Any, ...]) -> int:
    return next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))


def _symbolic_part(x: Expr, axis: int, part: Any) -> Any:
    size = x.shape[axis] if axis < len(x.shape) else 0
    if isinstance(part, Dim):
        return int(part)
    if isinstance(part, Expr):
        if part.dtype == bool:
            raise NoRuleError(
                "picking by a mask gives a size that depends on the values, which no formula for "
                "all sizes can name: multiply by the mask, or use np.where"
            )
        if part.label is not None and part.value is None:
            known = x.world.bounds.setdefault(part.label, size)
            if known != size:  # labels of one kind count the same classes everywhere
                raise ShapeError(f"{part.label} picks among {known} and {size}", (known, size))
        return part
    if isinstance(part, (range, list)):
        part = np.asarray(part, int) if len(part) else np.empty(0, int)
    if isinstance(part, np.ndarray) and part.ndim == 1 and len(part) == size and (
        np.array_equal(part, np.arange(size))
    ):
        return Counted(x.world.named(size))
    return part


def evaluate(roots: Iterable[Expr], env: dict[str, Any]) -> list[Any]:
    """Compute expressions from the values of the inputs by name.

    Sizes are read off `env` too: a size's label is a key of it.
    """
    known: dict[Expr, Any] = {}
    roots = list(roots)
    for node in ordered(roots):
        if node.primitive is None:
            known[node] = env[node.label] if node.label in env else node.value
            continue
        args = [known[arg] for arg in node.args]
        settings = {name: _computed(value, args, env, node.world) for name, value in node.settings}
        known[node] = node.primitive.forward(*args[: len(node.inputs)], **settings)
    return [known[root] for root in roots]


def _computed(value: Any, args: list[Any], env: dict[str, Any], world: World) -> Any:
    """Return a setting with operands and sizes filled in."""
    if isinstance(value, Slot):
        return args[value.operand]
    if isinstance(value, Counted):
        return np.arange(_computed(value.size, args, env, world))
    if isinstance(value, Dim):
        return int(evaluate([value.expr], env)[0])
    if isinstance(value, slice):
        return slice(*(_computed(part, args, env, world)
                       for part in (value.start, value.stop, value.step)))  # fmt: skip
    if isinstance(value, tuple):
        return tuple(_computed(part, args, env, world) for part in value)
    return value


def ordered(roots: Iterable[Expr]) -> list[Expr]:
    """Return every expression that `roots` are made of, operands before results."""
    seen: set[Expr] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(node.args)
    return sorted(seen, key=lambda node: node.serial)
