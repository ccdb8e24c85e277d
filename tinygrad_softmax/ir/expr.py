"""Expressions: the third kind of value that the ops run on.

An expression is an op and its operands, immutable and shared:
the same op on the same operands is the same object. It has the fields of a tape's node, so the
reverse pass differentiates it by the very rules that differentiate arrays. The user's function is
run on `Traced` values: arrays that can be written to, each holding the expression it is just now.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Set
from contextlib import suppress
from typing import Any, NamedTuple
from warnings import catch_warnings, simplefilter

import numpy as np

from ..core.dispatch import full_name
from ..core.errors import DataError, GradientLostError, NoRuleError, ShapeError
from ..core.op import NUMPY, Op
from ..core.shapes import broadcast, kept_dims, normalize_axis, picked, reduced
from ..core.tensor import Indexing
from ..ops.choices import where
from ..ops.elementwise import astype, negative, positive, sign
from ..ops.indexing import getitem, meets_once, normalize_index, scatter
from ..ops.linalg import SlogdetResult, cholesky, det, inv, logabsdet, solve
from ..ops.shaping import broadcast_to, concatenate, reshape, transpose
from .sizes import Counted, Dim, Named, Ratio, Slot, named

__all__ = [
    "BranchError",
    "Counted",
    "DerivationError",
    "Dim",
    "Expr",
    "Noted",
    "Ratio",
    "Slot",
    "Traced",
    "World",
    "arange",
    "bare",
    "eye",
    "filled",
    "frozen",
    "is_number",
    "picked_sizes",
    "standin",
    "tri",
    "updated",
]


#: Arrays of more entries, as of ``np.eye(n * k)`` at large sizes, are not compared with others.
_LARGEST = 50_000_000


class DerivationError(RuntimeError):
    """A derived function that does not agree with the automatic gradients: never returned."""


class BranchError(TypeError):
    """A program whose course depends on a value."""


class Noted(NamedTuple):
    """A call of a NumPy function."""

    function: str
    args: tuple[Any, ...]
    keywords: dict[str, Any]


class World:
    """What the expressions of one trace share: the table of them, the sizes, the constants."""

    def __init__(self, tracer: Any = None) -> None:
        self.tracer = tracer  # who is asked where sizes disagree, and where values are asked for
        self.table: dict[Any, Expr] = {}
        self.dims: dict[int, Dim] = {}
        self.same: dict[int, int] = {}  # sizes that have turned out to be one
        self.indexed: dict[Expr, list[int]] = {}  # integer values used as indices, into how many
        self.calls: dict[Expr, Noted] = {}  # what the user called to get a value
        self.arrays: dict[int, tuple[str, Any]] = {}  # the user's own arrays, by identity
        self.count = 0
        self.taken: Set[str] = frozenset()  # names of the user's inputs and variables
        self.functions: dict[str, Any] = {}  # what the user's ops are called, the same everywhere

    def leaf(self, label: str, shape: Any, dtype: Any = float, value: Any = None,
             tracked: bool = False, weak: bool = False) -> Expr:  # fmt: skip
        """Make an input (`value` None), or a named constant."""
        key = ("leaf", label)
        if key not in self.table:
            dtype = np.dtype(dtype)
            self.table[key] = Expr(
                self, None, (), (), tuple(shape), dtype, label, value, tracked, weak
            )
        return self.table[key]

    def size(self, label: str, size: int, real: int | None = None) -> Dim:
        """Make a named size."""
        dim: Dim = named(size, self.leaf(label, (), int, value=size, weak=True), real)
        self.dims[size] = dim
        return dim

    def named(self, size: int) -> int:
        """Return the size with its name, if it has one."""
        return size if isinstance(size, Dim) else self.dims.get(size, size)

    def lift(self, value: Any) -> Expr:
        """Return `value` as an expression."""
        if isinstance(value, Expr):
            return value
        if isinstance(value, (Traced, Named)):
            expr: Expr = value.expr
            return expr
        array = np.asarray(value)
        if array.dtype == object:
            raise GradientLostError(
                "a plain array was filled with traced values: use np.stack or np.concatenate"
            )
        if array.ndim == 0:
            number, weak = array.item(), type(value) in (bool, int, float)
            return self.constant(
                ("number", array.dtype, repr(number), weak), repr(number), array, weak
            )
        if id(array) in self.arrays:
            label, _ = self.arrays[id(array)]
            return self.constant(("array", label), label, array)
        if array.size > _LARGEST and self.tracer is not None:
            self.tracer.too_large(array.shape)
        key = ("array", array.shape, array.dtype, array.tobytes())
        return self.constant(key, None, array if key in self.table else array.copy())

    def constant(self, key: Any, label: str | None, array: Any, weak: bool = False) -> Expr:
        """Make a constant, once."""
        if key not in self.table:
            self.table[key] = Expr(
                self, None, (), (), array.shape, array.dtype, label, array, False, weak
            )
        return self.table[key]

    def create(self, op: Op, **settings: Any) -> Expr:
        """Return an array that is made of nothing but sizes: ``np.eye(K)``."""
        known = op.settings | settings
        return self.make(op, (), tuple(known.items()), op.shape(**known))

    def make(self, op: Op, args: tuple[Expr, ...], settings: Any, shape: Any) -> Expr:
        """Return the expression of an op on operands, once; settings as pairs, with Slots."""
        key = (op, args, frozen(settings))
        if key not in self.table:
            weak = not shape and bool(op.symbol or op is negative) and all(a.weak for a in args)
            self.table[key] = Expr(
                self, op, args, settings, tuple(map(self.named, shape)),
                _dtype(op, args, settings), None, None,
                not op.piecewise_constant and any(arg.tracked for arg in args), weak,
            )  # fmt: skip
        return self.table[key]


#: Types of results, by op, types of the operands and settings.
_TYPES: dict[Any, Any] = {}


def _dtype(op: Op, args: tuple[Expr, ...], settings: Any) -> Any:
    """Return the type of a result: as declared, or as the op itself answers for a few ones."""
    if op.dtype is not None:
        return op.dtype
    inputs = args if op.variadic else args[: len(op.argnames)]
    if not inputs or op is astype:
        return np.dtype(dict(settings)["dtype"])
    if op.moves_entries or op in (scatter, updated):
        return inputs[0].dtype
    key = (op, tuple((arg.dtype, len(arg.shape), arg.weak) for arg in inputs), frozen(settings))
    if key not in _TYPES:
        found = np.result_type(
            *([arg.dtype for arg in inputs if not arg.weak] or [arg.dtype for arg in inputs])
        )
        ones = [np.ones((1,) * len(arg.shape), arg.dtype) for arg in inputs]
        few = [one.item() if a.weak else one for a, one in zip(inputs, ones, strict=True)]
        with suppress(Exception), np.errstate(all="ignore"), catch_warnings():
            simplefilter("ignore")
            found = np.asarray(op.forward(*few, **dict(settings))).dtype
        _TYPES[key] = found
    return _TYPES[key]


# --- what a function makes of sizes alone, and arrays that were written to ---


def _created(op: Callable[..., Any], text: str, shape: Callable[..., Any]) -> Op:
    return Op(op, shape=shape, numpy_text=text, piecewise_constant=True)


def _eye(*, n: Any, m: Any = None, k: Any = 0, dtype: Any = float) -> Any:
    """Ones on a diagonal."""
    return np.eye(n, m, k, dtype)


def _tri(*, n: Any, m: Any = None, k: Any = 0, dtype: Any = float) -> Any:
    """Ones on and below a diagonal."""
    return np.tri(n, m, k, dtype)


def _arange(*, n: Any, dtype: Any = int) -> Any:
    """The numbers from 0 on."""
    return np.arange(n, dtype=dtype)


def _square(n: Any, m: Any, **_: Any) -> Any:
    return (n, n if m is None else m)


eye = _created(_eye, "np.eye(n, M=m, k=k, dtype=dtype)", _square)
tri = _created(_tri, "np.tri(n, M=m, k=k, dtype=dtype)", _square)
arange = _created(_arange, "np.arange(n, dtype=dtype)", lambda n, **_: (n,))
for _op, _name in ((eye, "eye"), (tri, "tri"), (arange, "arange")):
    _op.__name__ = _op.noun = _name


def _updated(x: Any, value: Any, *, index: Any) -> Any:
    """`x` with `value` in place of its entries at `index`."""
    made = np.array(x)
    made[index] = value
    return made


updated = Op(_updated, shape=lambda x, value, index: x, noun="updated")
updated.__name__ = "updated"


@updated.grad("x")
def _(g: Any, index: Any) -> Any:
    """The entries at `index` were replaced, so they pass nothing back; the others pass `g`."""
    return updated(g, 0, index=index)


@updated.grad("value")
def _(g: Any, index: Any) -> Any:
    """`value` stands at `index` in the result, and takes the gradient from there."""
    return getitem(g, index=index)


def _product(x: Any, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Product over `axis`."""
    return np.prod(x, axis=axis, keepdims=keepdims)


product = Op(_product, shape=reduced, numpy=np.prod, noun="product")
product.__name__ = "prod"


@product.grad("x")
def _(g: Any, x: Any, axis: Any, shape: Any) -> Any:
    """Each entry is multiplied with the others: their product is its slope, 0 if one of them is."""
    zero = np.equal(x, 0)
    rest = np.where(zero, 1, x)
    alone = np.sum(zero, axis=axis, keepdims=True) == zero
    g = reshape(g, shape=kept_dims(shape, axis))
    return g * np.where(alone, product(rest, axis=axis, keepdims=True) / rest, 0)


# --- Python's operators and NumPy's functions ---


class Called(Indexing):
    """Python's operators and NumPy's functions, with a note of the calls."""

    __slots__ = ()
    world: Any
    tracked: bool

    def __invert__(self) -> Any:
        return np.logical_not(self)

    @classmethod
    def apply(cls, op: Any, inputs: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        """Make the expression of an op; the shape rule says what comes out."""
        made = _applied(op, tuple(map(bare, inputs)), bare(settings))
        return Traced.of(made, op, inputs, settings) if cls is Traced else made

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        own = _OWN.get(function)
        if own is not None and isinstance(args[0] if args else None, Called):
            return own(*args, **kwargs)
        if function not in NUMPY and not self.tracked and self.dtype.kind in "iub":
            raise NoRuleError(
                f"{full_name(function)} of labels or other whole numbers ({self.shape}) is nothing "
                "that a formula for all of them can name: compute it before the call and pass it"
            )
        made = super().__array_function__(function, types, args, kwargs)
        name = function.__name__
        place = next((f"{n}.{name}" for n, m in _PLACES if getattr(m, name, None) is function), "")
        composed = not isinstance(NUMPY.get(function), Op) and isinstance(made, Called)
        unchanged = any(bare(made) is bare(value) for value in args)  # np.clip(x, None, None)
        if composed and place and function not in _OWN_WAY and not unchanged:
            lifted = {name: _lifted(self.world, value) for name, value in kwargs.items()}
            noted = Noted(place, _lifted(self.world, args), lifted)
            self.world.calls.setdefault(bare(made), noted)
        return made

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        outs: Any = settings.get("out") or ()
        first: Any = inputs[0]
        rest: Any = inputs[1:]
        if method == "at" and ufunc in (np.add, np.subtract) and isinstance(first, Traced):
            return first.add_at(rest[0], rest[1], ufunc)
        if method == "at":
            name = f"np.{ufunc.__name__}.at"
            raise GradientLostError(
                f"{name} writes traced values to a plain array, which cannot hold them: begin with "
                "np.zeros_like of a traced array, or write np.eye(K)[y].T @ values"
                if isinstance(first, np.ndarray)
                else f"{name} has no formula: use np.add.at, or np.where"
            )
        if method == "__call__" and len(outs) == 1 and isinstance(outs[0], Traced):
            del settings["out"]
            return outs[0].become(getattr(ufunc, method)(*inputs, **settings), ufunc.__name__)
        return super().__array_ufunc__(ufunc, method, *inputs, **settings)

    def astype(self, dtype: Any, order: str = "K", casting: Any = "unsafe", subok: bool = True,
               copy: bool = True) -> Any:  # fmt: skip
        """Convert to another type; to integers only what carries no gradient."""
        kind = np.dtype(dtype)
        if kind == self.dtype:
            return self.copy()
        if kind.kind != "f" and self.tracked:
            raise DataError(
                f"astype({kind}) of a traced value would lose its gradient: round after the loss, "
                "or make the integers before the call and pass them"
            )
        if kind.kind == "f":
            return super().astype(dtype, order, casting, subok, copy)
        return self.apply(astype, (self,), {"dtype": kind})

    @property
    def array(self) -> Any:
        """What only a value has.

        Raises
        ------
        NoRuleError
            Always.
        """
        raise NoRuleError(
            "the function asks for the order or the values of a traced array (np.sort, "
            "np.argsort, np.allclose, np.nonzero and their like), which no formula can name: sort "
            "before the call and pass the result, or pass the positions as an integer input"
        )

    def __bool__(self) -> bool:
        e = bare(self)
        if e.world.tracer is not None and not e.shape and not e.tracked:
            return bool(e.world.tracer.settled(e))
        raise BranchError(
            "the function branches on a value (if, while, and, or, assert), so one formula cannot "
            "describe it: use np.where, np.maximum, or derive the branches one by one"
        )

    def _no_number(self) -> Any:
        raise GradientLostError(
            "the function turns a traced value into a plain number or array (float, int, math, "
            "np.array, np.full, np.c_, X.dot(t) of a plain X, out[i] = t of a plain out): use the "
            "NumPy function on it, np.dot(X, t), np.broadcast_to(t, shape), or np.stack"
        )

    def tolist(self) -> Any:
        """Refuse to give values away."""
        return self._no_number()

    item = tolist

    def __float__(self) -> float:
        return self._no_number()  # type: ignore[no-any-return]

    def __int__(self) -> int:
        return self._no_number()  # type: ignore[no-any-return]

    def __index__(self) -> int:
        return self._no_number()  # type: ignore[no-any-return]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        e = bare(self)
        if e.world.tracer is None or e.dtype.kind not in "iub" or not e.shape:
            return self._no_number()
        return np.array(e.world.tracer.values(e), dtype)

    def __getitem__(self, key: Any) -> Any:
        return self.apply(getitem, (self,), {"index": _normalized(key)})

    def copy(self, order: str = "C") -> Any:
        """Return the same values, as an array of its own."""
        return Traced(self.expr) if isinstance(self, Traced) else self


def bare(value: Any) -> Any:
    """Return a value, or what a container holds, with expressions in place of traced arrays."""
    if isinstance(value, Traced):
        return value.expr
    if isinstance(value, (tuple, list)) and not isinstance(value, (Counted, Slot)):
        return type(value)(map(bare, value))
    if isinstance(value, dict):
        return {name: bare(part) for name, part in value.items()}
    return value


def _lifted(world: Any, value: Any) -> Any:
    """Return arguments with expressions in place of arrays: ``np.ones((N, 1))`` is one."""
    if isinstance(value, (tuple, list)):
        return type(value)(_lifted(world, part) for part in value)
    return world.lift(value) if isinstance(value, np.ndarray) else bare(value)


#: Where NumPy keeps what is called by its last name only.
_PLACES = (("np", np), ("np.linalg", np.linalg))
#: Composed functions that `print_numpy` writes in a way of its own, from the ops.
_OWN_WAY = {
    np.sum,
    np.max,
    np.min,
    np.amax,
    np.amin,
    np.where,
    np.reshape,
    np.transpose,
    np.broadcast_to,
    np.dot,
    np.concatenate,
    np.einsum,
    np.inner,
    np.shape,
    np.size,
    np.ndim,
}


def _noting(name: str) -> Any:
    """Let a method be noted as the function of that name."""

    def method(self: Any, *args: Any, **settings: Any) -> Any:
        return getattr(np, name)(self, *args, **settings)

    method.__name__ = name
    method.__doc__ = f"Same as ``np.{name}`` of this value."
    return method


for _name in ("mean", "var", "std", "prod", "clip", "squeeze", "swapaxes"):
    setattr(Called, _name, _noting(_name))


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
    weak : bool
        Whether it is a Python number, which takes the type of the array it meets.
    """

    __slots__ = ("args", "dtype", "label", "op", "serial", "settings", "shape", "tracked",
                 "value", "weak", "world")  # fmt: skip

    guards = ()

    def __init__(self, world: World, op: Any, args: Any, settings: Any, shape: Any,
                 dtype: Any, label: Any, value: Any, tracked: bool,
                 weak: bool = False) -> None:  # fmt: skip
        self.world, self.op, self.args, self.settings = world, op, args, settings
        self.shape, self.dtype = shape, dtype  # type: ignore[misc] # slots here, not properties
        self.label, self.value = label, value
        self.tracked, self.weak = tracked, weak
        self._name = None
        world.count += 1
        self.serial = world.count

    @property
    def inputs(self) -> tuple[Expr, ...]:
        """The operands proper, without those that stand in the settings."""
        n = len(self.args) if self.op.variadic else len(self.op.argnames)
        args: tuple[Expr, ...] = self.args[:n]
        return args

    def setting(self, name: str) -> Any:
        """Return one of the op's settings."""
        return dict(self.settings)[name]

    # --- the fields of a tape's node, so that `reverse` can walk expressions ---

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


def is_number(e: Expr) -> bool:
    """Whether an expression is a plain number."""
    return e.op is None and isinstance(e.value, np.ndarray) and e.shape == ()


def _applied(op: Op, inputs: tuple[Any, ...], settings: dict[str, Any]) -> Any:
    """Return the expression of an op; sizes that do not fit may turn out to be one."""
    world: World = next(e.world for e in _exprs((*inputs, *settings.values())))
    if world.tracer is not None:
        world.tracer.step(op)
    operands = [world.lift(value) for value in inputs]
    if op is positive:
        return operands[0]
    if op is getitem:
        operands, settings = _in_place(operands, settings)
    while True:
        shapes = [tuple(world.same.get(n, n) for n in arg.shape) for arg in operands]
        try:
            known = dict(settings)
            if op in (getitem, scatter, updated):
                over = shapes[0] if op is not scatter else tuple(settings["into"])
                known["index"] = symbolic_index(world, over, settings["index"])
            _check_shapes(op, shapes, settings)
            slots = list(operands)
            held = tuple((name, _held(value, slots)) for name, value in known.items())
            shown = {name: standin(value, slots) for name, value in held}
            shape = op.shape(*shapes, **shown)
            if op is updated:
                chosen = picked_sizes(operands[0], known["index"], picked(shape, shown["index"]))
                broadcast(chosen, shapes[1])
            break
        except ShapeError as error:
            if world.tracer is None or error.sizes is None or not world.tracer.related(error.sizes):
                error.args = (f"{op.__name__}: {error.args[0]}",)
                raise
    if op is getitem:
        shape = picked_sizes(operands[0], known["index"], shape)
    return world.make(op, tuple(slots), held, shape)


def _exprs(values: Iterable[Any]) -> Iterable[Expr]:
    for value in values:
        if isinstance(value, Expr):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _exprs(value)
        elif isinstance(value, Named):
            yield value.expr


def _held(value: Any, slots: list[Expr]) -> Any:
    """Return a setting with Slots for the expressions in it, which become operands."""
    if isinstance(value, tuple) and not isinstance(value, (Counted, Slot)):
        return tuple(_held(part, slots) for part in value)
    if isinstance(value, Expr):
        slots.append(value)
        return Slot(len(slots) - 1)
    return value


def _check_shapes(op: Op, shapes: list[Any], settings: dict[str, Any]) -> None:
    """Raise if shapes do not fit that the op's rule says nothing of: it works on arrays that do."""
    if op is reshape:
        _check_entries(shapes[0], settings["shape"])
    elif op is concatenate:
        axis = settings["axis"]
        broadcast(*((*shape[:axis], *shape[axis + 1 :]) for shape in shapes))
    elif op in (inv, det, logabsdet, cholesky, solve):
        broadcast(shapes[0][-1:], shapes[0][-2:-1])
        if op is solve:
            broadcast(shapes[0][-1:], shapes[1][-2:-1])


def _check_entries(shape: Any, wanted: Any) -> None:
    """Raise unless a shape has as many entries as another, in which a size may be left open."""
    sizes = wanted if isinstance(wanted, (tuple, list)) else (wanted,)
    total, known = math.prod(shape), math.prod(n for n in sizes if n != -1)
    made = known * (total // known if known else 0) if -1 in sizes else known
    if made != total:
        raise ShapeError(f"{total} entries do not fit the shape {tuple(sizes)}", (made, total))


# --- the arrays that the user's function works on ---


class Traced(Called):
    """An array of the user's function: what it holds just now, and of what it is a view.

    Writing to it is seen through every name, and through the array that it is a view of, as NumPy
    has it.
    """

    __slots__ = ("base", "held", "how")

    def __init__(self, held: Expr, base: Traced | None = None, how: Any = None) -> None:
        self.held, self.base, self.how = held, base, how
        self._name = None

    def __repr__(self) -> str:
        return repr(self.expr)

    @classmethod
    def of(cls, made: Expr, op: Op, inputs: tuple[Any, ...], settings: dict[str, Any]) -> Traced:
        """Return what an op has made, as a view where NumPy makes one."""
        first = inputs[0] if inputs else None
        if isinstance(first, Traced) and made.shape:
            how = (op, bare(settings))
            if op in (transpose, broadcast_to) or (op is reshape and first.contiguous):
                return cls(made, first, how)
            if op is getitem and not any(map(_is_picked, _parts(settings["index"]))):
                return cls(made, first, how)
        return cls(made)

    @property
    def expr(self) -> Expr:
        """What it holds now."""
        if self.base is None:
            return self.held
        op, settings = self.how
        if op is broadcast_to or self.base.expr is not (self.held.args or (None,))[0]:
            self.held = _applied(op, (self.base.expr,), settings)
        return self.held

    @property
    def contiguous(self) -> bool:
        """Whether the entries surely lie in memory in their order."""
        if self.base is None:
            return True
        op, settings = self.how
        if op is getitem:
            parts = _parts(settings["index"])
            return self.base.contiguous and all(
                part is None or (isinstance(part, int) and i < 1) for i, part in enumerate(parts)
            )
        return op is reshape

    @property
    def shape(self) -> tuple[int, ...]:
        """Size along each axis."""
        shape: tuple[int, ...] = self.expr.shape
        return shape

    @property
    def size(self) -> int:
        """Number of entries."""
        return self.expr.size

    @property
    def dtype(self) -> Any:
        """Type of the entries."""
        return self.expr.dtype

    @property
    def world(self) -> World:
        """What its expressions share."""
        world: World = self.held.world
        return world

    @property
    def tracked(self) -> bool:  # type: ignore[override] # there it is a slot
        """Whether it depends on something to differentiate by."""
        return self.expr.tracked

    def flatten(self, order: str = "C") -> Any:
        """Return all entries along one axis, as an array of its own."""
        return self.ravel(order).copy()

    def write(self, new: Expr) -> None:
        """Hold something else from now on."""
        if self.base is None:
            self.held = new
            return
        op, settings = self.how
        base = self.base.expr
        if op is getitem:
            self.base.write(updated(base, new, index=settings["index"]))
        elif op is reshape:
            self.base.write(reshape(new, shape=base.shape))
        elif op is transpose:
            axes = settings["axes"]
            ndim = len(base.shape)
            back = axes and tuple(sorted(range(ndim), key=lambda i: axes[i] % ndim))
            self.base.write(transpose(new, back))
        else:
            raise ValueError("assignment destination is read-only: it is made by np.broadcast_to")

    def become(self, new: Any, what: str) -> Traced:
        """Take the values of `new` in place: of its shape and type, as NumPy demands."""
        world = self.world
        new = world.lift(new)
        if tuple(new.shape) != tuple(self.shape):
            if broadcast(new.shape, self.shape) != tuple(self.shape):
                raise ValueError(
                    f"non-broadcastable output operand with shape {self.shape} doesn't match the "
                    f"broadcast shape {new.shape}"
                )
            new = broadcast_to(new, shape=self.shape)
        if new.dtype != self.dtype:
            if not np.can_cast(new.dtype, self.dtype, "same_kind"):
                raise TypeError(
                    f"Cannot cast ufunc '{what}' output from {new.dtype} to {self.dtype} with "
                    "casting rule 'same_kind'"
                )
            new = astype(new, dtype=self.dtype)
        self.write(new)
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        x, index = self.expr, _normalized(bare(key))
        world, parts = x.world, _parts(index)
        if isinstance(value, Traced) and value.base is self:
            op, settings = value.how
            if op is getitem and frozen(settings["index"]) == frozen(index):
                return  # h[i] += v has written to the view h[i] already
        value = world.lift(value)
        if value.tracked and x.dtype.kind != "f":
            raise GradientLostError(
                f"an array of {x.dtype} is filled with traced values, which would lose their "
                "gradient: make it of floats"
            )
        masks = [
            part
            for part in parts
            if isinstance(part, (np.ndarray, Expr)) and part.dtype.kind == "b"
        ]
        if value.dtype != x.dtype and not value.weak:
            value = astype(value, dtype=x.dtype)
        if masks and len(parts) == 1:
            if value.shape and value.size != 1:
                raise NoRuleError(
                    "x[mask] = values puts each value where the mask says, which no formula for "
                    "all sizes can name: use np.where(mask, values, x) with values of x's shape"
                )
            mask = world.lift(masks[0])
            wide = (*mask.shape, *(1,) * (len(x.shape) - len(mask.shape)))
            mask = mask if wide == tuple(mask.shape) else reshape(mask, shape=wide)
            new = where(mask, value if not value.shape else reshape(value, shape=()), x)
        elif all(part is Ellipsis or _is_whole(part) for part in parts):
            new = broadcast_to(value, shape=x.shape)
        else:
            if value.tracked and not _once(index):
                raise GradientLostError(
                    "x[index] = t with traced values writes to places that may come twice, where "
                    "only the last counts: use np.add.at, or an index that names each row once"
                )
            new = updated(x, value, index=index)
        self.write(astype(new, dtype=x.dtype) if new.dtype != x.dtype else new)

    def add_at(self, key: Any, value: Any, ufunc: Any) -> None:
        """Add (or subtract) at places that may come more than once: ``np.add.at``."""
        index, x = _normalized(bare(key)), self.expr
        value = x.world.lift(value)
        places = getitem(x, index=index).shape
        if tuple(value.shape) != tuple(places):
            value = broadcast_to(value, shape=places)
        self.become(ufunc(x, scatter(value, index=index, into=x.shape)), ufunc.__name__)


def _changing(ufunc: Any) -> Any:
    """Return an in-place operator; NumPy's scalars are not written to, but replaced."""

    def operator(self: Any, other: Any) -> Any:
        if not self.shape:
            return NotImplemented
        return self.become(ufunc(self.expr, bare(other)), ufunc.__name__)

    return operator


for _name, _ufunc in {
    "iadd": np.add, "isub": np.subtract, "imul": np.multiply, "itruediv": np.divide,
    "ipow": np.power, "ifloordiv": np.floor_divide, "imod": np.remainder,
}.items():  # fmt: skip
    setattr(Traced, f"__{_name}__", _changing(_ufunc))


def _parts(index: Any) -> tuple[Any, ...]:
    plain = isinstance(index, tuple) and not isinstance(index, (Counted, Slot))
    return index if plain else (index,)


def _normalized(index: Any) -> Any:
    """Return an index with lists and ranges as arrays."""
    if isinstance(index, (Counted, Slot)):
        return index
    return tuple(map(_normalized, index)) if isinstance(index, tuple) else normalize_index(index)


def _is_picked(part: Any) -> bool:
    """Whether an index picks entries one by one, so that NumPy copies them."""
    return not (part is None or part is Ellipsis or isinstance(part, (slice, int, np.integer)))


def _is_whole(part: Any) -> bool:
    return isinstance(part, slice) and part == slice(None)


def _once(index: Any) -> bool:
    """Whether an index surely names no place twice."""
    moving = [p for p in _parts(index) if _is_picked(p)]
    plain = [p for p in moving if isinstance(p, np.ndarray)]
    if any(meets_once((p,)) for p in plain if p.ndim == 1 and p.size > 1):
        return all(len(p.shape) <= 1 for p in moving)
    return not moving or (len(plain) == len(moving) and meets_once(tuple(plain)))


# --- NumPy's functions that need a way of their own ---


def _like(value: float | None) -> Callable[..., Any]:
    """Make a function that makes an array of the shape of another, filled with a number."""

    def function(a: Any, *args: Any, dtype: Any = None, shape: Any = None, **_: Any) -> Any:
        rest = list(args)
        number = value if value is not None else rest.pop(0)
        kind = np.dtype(rest[0] if rest else dtype or a.dtype)
        number = bare(number) if isinstance(number, Called) else np.asarray(number, kind)[()]
        made = broadcast_to(a.world.lift(number), shape=a.shape if shape is None else shape)
        return Traced(made) if isinstance(a, Traced) else made

    return function


def _roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """The entries moved on along an axis, the last ones coming first."""
    if axis is None:
        return np.reshape(_roll(np.ravel(a), shift, 0), a.shape)
    shifts = np.broadcast_to(shift, np.shape(axis))
    for step, i in zip(shifts.ravel().tolist(), normalize_axis(axis, len(a.shape)), strict=True):
        if step:
            before = (slice(None),) * i
            ends = (a[(*before, slice(-step, None))], a[(*before, slice(None, -step))])
            a = np.concatenate(ends, axis=i)
    return a


def _repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    """Every entry so many times, one after the other."""
    if not isinstance(repeats, (int, np.integer)):
        return NUMPY[np.repeat](a, repeats=repeats, axis=axis)
    if axis is None:
        a, axis = np.ravel(a), 0
    (i,) = normalize_axis(axis, len(a.shape))
    apart = np.expand_dims(a, i + 1)
    wide: Any = (*a.shape[: i + 1], repeats, *a.shape[i + 1 :])
    copies = np.broadcast_to(apart, wide)
    return np.reshape(copies, (*a.shape[:i], a.shape[i] * repeats, *a.shape[i + 1 :])).copy()


def _tile(A: Any, reps: Any) -> Any:
    """The array side by side, so many times along each axis."""
    counts = tuple(reps) if isinstance(reps, (tuple, list)) else (reps,)
    ndim = max(len(counts), len(A.shape))
    counts = (1,) * (ndim - len(counts)) + counts
    sizes = (1,) * (ndim - len(A.shape)) + tuple(A.shape)
    apart = np.reshape(A, tuple(n for size in sizes for n in (1, size)))
    wide = tuple(n for pair in zip(counts, sizes, strict=True) for n in pair)
    whole = tuple(c if n == 1 else n if c == 1 else c * n
                  for c, n in zip(counts, sizes, strict=True))  # fmt: skip
    return np.reshape(np.broadcast_to(apart, wide), whole).copy()


def _take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    """The entries at `indices` along `axis`, each in its own row."""
    if axis is None:
        return np.ravel(arr)[indices]
    (i,) = normalize_axis(axis, len(arr.shape))
    places = bare(indices)
    if places.shape[i] == 1:  # one in each row: the same as arr[range(n), y][:, None]
        flat = places.shape[:i] + places.shape[i + 1 :]
        labels = places.args[0] if isinstance(places, Expr) and places.args else None
        if labels is None or tuple(labels.shape) != tuple(flat):
            labels = np.reshape(indices, flat)
        rows: list[Any] = [range(n) for n in flat]
        if len(rows) > 1:
            rows = list(np.ogrid[tuple(slice(n) for n in flat)])
        return np.expand_dims(arr[(*rows[:i], labels, *rows[i:])], i)
    rows = list(np.ogrid[tuple(slice(n) for n in arr.shape)])
    return arr[(*rows[:i], indices, *rows[i + 1 :])]


def _prod(a: Any, axis: Any = None, dtype: Any = None, keepdims: bool = False,
          initial: Any = None, where: Any = None) -> Any:  # fmt: skip
    """Product over `axis`, of any number of entries."""
    a = a if dtype is None else a.astype(dtype)
    a = a if where is None else np.where(where, a, 1)
    made = a.apply(product, (a,), {"axis": axis, "keepdims": keepdims})
    return made if initial is None else made * initial


def _rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    """A table turned by so many right angles."""
    first, second = normalize_axis(axes, len(m.shape))
    if k % 4 == 0:
        return m.copy()
    turned = np.swapaxes(m, first, second) if k % 2 else m
    made = np.flip(turned, (first, second) if k % 4 == 2 else first if k % 4 == 1 else second)
    named = {} if (first, second) == (0, 1) else {"axes": axes}
    m.world.calls[bare(made)] = Noted("np.rot90", (bare(m), *(k,) * (k != 1)), named)
    return made


def _slogdet(a: Any) -> Any:
    """Sign and logarithm of the size of each determinant."""
    return SlogdetResult(sign(det(a)), logabsdet(a))


def _fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """Write to the diagonal of a matrix."""
    rows = np.arange(min(a.shape))
    a[rows, rows] = val


def _triangle(name: str, above: bool) -> Callable[..., Any]:
    """Make a function that keeps one triangle of a matrix, of whatever size that is."""

    def function(m: Any, k: int = 0) -> Any:
        rows, columns = m.shape[-2:] if len(m.shape) > 1 else 2 * tuple(m.shape)
        square = int(rows) == int(columns)
        mask = m.world.create(tri, n=rows, m=None if square else columns, k=k - above, dtype=bool)
        made = m.apply(where, (mask, 0, m) if above else (mask, m, 0), {})
        m.world.calls.setdefault(bare(made), Noted(name, (bare(m), *(k,) * bool(k)), {}))
        return made

    return function


#: Functions that NumPy's own way would lead to values which a traced array does not have.
_OWN: dict[Any, Callable[..., Any]] = {
    np.zeros_like: _like(0),
    np.empty_like: _like(0),
    np.ones_like: _like(1),
    np.full_like: _like(None),
    np.copy: lambda a, *_, **__: a.copy(),
    np.prod: _prod,
    np.roll: _roll,
    np.rot90: _rot90,
    np.repeat: _repeat,
    np.tile: _tile,
    np.take_along_axis: _take_along_axis,
    np.linalg.slogdet: _slogdet,
    np.fill_diagonal: _fill_diagonal,
    np.tril: _triangle("np.tril", False),
    np.triu: _triangle("np.triu", True),
}
if hasattr(np, "astype"):  # NumPy 2.1
    _OWN[np.astype] = lambda x, dtype, /, **_: x.astype(dtype)


# --- indices ---


def symbolic_index(world: World, shape: tuple[int, ...], key: Any) -> Any:
    """Return an index with its ranges recognised and its arrays checked against one another.

    ``range(N)`` and ``np.arange(N)`` along an axis of size N run through it, whatever N is.
    """
    parts = _parts(key)
    after = sum(1 for part in parts[_ellipsis(parts) + 1 :] if part is not None)
    axis = 0
    result: list[Any] = []
    for part in parts:
        if part is Ellipsis:
            axis = len(shape) - after
            result.append(part)
        elif part is None:
            result.append(None)
        else:
            size = shape[axis] if axis < len(shape) else 0
            result.append(_symbolic_part(world, size, part))
            axis += 1
    if len(result) > 1 and result[-1] is Ellipsis:
        result.pop()
    arrays = [(p.size,) if isinstance(p, Counted) else p.shape
              for p in result if isinstance(p, (Counted, Called, np.ndarray))]  # fmt: skip
    broadcast(*(tuple(world.same.get(n, n) for n in one) for one in arrays))
    return tuple(result)


def _ellipsis(parts: tuple[Any, ...]) -> int:
    return next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))


def _symbolic_part(world: World, size: int, part: Any) -> Any:
    if isinstance(part, np.ndarray) and part.dtype == bool and part.ndim == 1 and len(part) != size:
        raise ShapeError(f"a mask of {len(part)} picks from {size} entries", (len(part), size))
    if isinstance(part, Called):
        return _traced_part(world, size, bare(part))
    if isinstance(part, slice) and isinstance(size, Dim) and world.tracer is not None:
        return _whole_slice(world, size, part)
    if (
        isinstance(part, np.ndarray)
        and part.dtype.kind == "i"
        and part.size == max(part.shape, default=0)
    ):
        n = world.same.get(part.size, part.size)
        if n > 1 and np.array_equal(part.ravel(), np.arange(part.size)):  # one index is stretched
            open_ = n != size and n in world.dims and world.tracer is not None
            if open_ and world.tracer.related((world.named(n), size), ask=True):  # rows by labels
                n = size = world.same.get(size, size)
            if n == size and part.ndim == 1:
                return Counted(world.named(size))
    return part


def _whole_slice(world: World, size: Dim, part: slice) -> slice:
    """Return a slice; the first 50 of fewer are written as all, which is noted of the size."""
    ends: list[Any] = [part.start, part.stop]
    for i, bound in enumerate(ends):
        if bound is None or isinstance(bound, Dim) or part.step not in (None, 1):
            continue
        many = abs(int(bound))
        if size.given < many and many in world.tracer.numbers and (bound > 0) == (i == 1):
            world.tracer.compared(operator.le, size, many)
            ends[i] = None
    return slice(ends[0], ends[1], part.step)


def _traced_part(world: World, size: int, part: Expr) -> Any:
    """Return a traced index, a mask refused, labels noted with the number of their classes."""
    if part.dtype == bool:
        raise NoRuleError(
            "picking by a mask gives a size that depends on the values, which no formula for "
            "all sizes can name: multiply by the mask, or use np.where"
        )
    if part.dtype.kind == "f":
        raise IndexError(
            f"arrays used as indices must be of integers, not {part.dtype}: pass the labels as an "
            "integer array, y.astype(int)"
        )
    known = world.indexed.setdefault(part, [])
    if known and int(known[0]) != int(size) and world.tracer is not None:
        world.tracer.related((known[0], size), ask=True)  # the same classes everywhere
    if size not in known:
        known.append(size)
    return part


def _in_place(operands: list[Expr], settings: dict[str, Any]) -> Any:
    """Return an index into the entries in a row as one into the axes: a diagonal, say."""
    (flat, *_), index = operands, settings["index"]
    parts = _parts(index)
    one = parts[0] if len(parts) == 1 else None
    if flat.op is not reshape or len(flat.shape) != 1 or len(flat.args[0].shape) < 2:
        return operands, settings
    if not isinstance(one, np.ndarray) or one.dtype.kind != "i" or not one.size:
        return operands, settings
    base = flat.args[0]
    found = unravelled(tuple(map(int, base.shape)), one)
    return ([base], {"index": found}) if found is not None else (operands, settings)


def unravelled(shape: tuple[int, ...], places: Any) -> tuple[Any, ...] | None:
    """Return the index with ``x[index] == x.ravel()[places]``, if a simple one does it."""
    coordinates = np.unravel_index(places, shape)
    varies = [
        {j for j, n in enumerate(c.shape) if n > 1 and (c != c.take([0], j)).any()}
        for c in coordinates
    ]
    whole: list[Any] = []
    for size, c, along in zip(shape, coordinates, varies, strict=True):
        alone = len(along) == 1 and sum(along <= other for other in varies) == 1
        line = np.moveaxis(c, min(along), 0).reshape(len(c) and c.shape[min(along)], -1)[:, 0] \
            if alone else None  # fmt: skip
        full = line is not None and np.array_equal(line, np.arange(size))
        whole.append(slice(None) if full else None)
    axes = sorted({j for s, along in zip(whole, varies, strict=True) if s is None for j in along})
    parts: list[Any] = []
    for s, c in zip(whole, coordinates, strict=True):
        keep = tuple(slice(None) if j in axes else 0 for j in range(c.ndim))
        small = c[keep]
        parts.append(s if s is not None else small if small.ndim else int(small))
    known = np.arange(math.prod(shape)).reshape(shape)
    with suppress(IndexError):
        if np.array_equal(known[tuple(parts)], places):
            return tuple(parts)
    return None


def picked_sizes(x: Any, index: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of ``x[index]`` with names: the size of ``x[1:]`` is ``x.shape[0] - 1``."""
    if not all(part is None or isinstance(part, (int, slice)) or part is Ellipsis
               for part in index):  # fmt: skip
        return _picked_by_arrays(x, index, shape)
    place, rest = _ellipsis(index), len(x.shape) - sum(p is not None for p in index)
    if place < len(index):
        index = (*index[:place], *[slice(None)] * (rest + 1), *index[place + 1 :])
    else:
        index = (*index, *[slice(None)] * rest)
    sizes: list[int] = []
    axis = 0
    for part in index:
        if part is None:
            sizes.append(1)
        else:
            if isinstance(part, slice):
                _check_cut(x.world, x.shape[axis], part)
                sizes.append(_cut(x.shape[axis], part, shape[len(sizes)]))
            axis += 1
    return tuple(sizes)


def _check_cut(world: World, size: int, part: slice) -> None:
    """Notice a slice that ends beyond its axis at the sizes of the trace alone."""
    for bound in (part.start, part.stop):
        known = bound is not None and isinstance(size, Dim) and world.tracer is not None
        if known and abs(int(bound)) > int(size):
            world.tracer.too_short(-bound if bound < 0 else bound, size)


def _picked_by_arrays(x: Any, index: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape with the names that its sizes have in `x` or in the index."""
    known = {int(n): n for part in index for n in _sizes_of(part) if isinstance(n, Dim)}
    known |= {int(n): n for n in x.shape if isinstance(n, Dim)}
    return tuple(known.get(n, n) for n in shape)


def _sizes_of(part: Any) -> tuple[Any, ...]:
    return (part.size,) if isinstance(part, Counted) else getattr(part, "shape", ())


def _cut(size: int, part: slice, cut: int) -> int:
    """Return the size of a slice of an axis, by name if the axis has one."""
    start, stop, step = part.start or 0, part.stop, 1 if part.step is None else part.step
    if part == slice(None, None, -1) or part == slice(None):
        return size
    if not any(isinstance(n, Dim) for n in (size, start, stop, step)) or step < 1:
        return cut
    whole = stop is None
    first, last = start < 0, whole or stop < 0  # counted from the end
    if first and last:
        made = (0 if whole else stop) - start
    elif first:
        made = stop - (size + start)
    elif last:
        made = size - (start if whole else start - stop)
    else:
        made = stop - start
    made = (made + (step - 1)) // step
    return made if made == cut else cut


def frozen(value: Any) -> Any:
    """Return settings in a form that can be a key of a table."""
    if isinstance(value, slice):
        return ("slice", *map(frozen, (value.start, value.stop, value.step)))
    if isinstance(value, (Counted, Slot)):
        return (type(value).__name__, *map(int, value))
    if isinstance(value, (tuple, list)):
        return tuple(map(frozen, value))
    if isinstance(value, np.ndarray):
        return ("array", value.shape, value.tobytes())
    return int(value) if isinstance(value, Dim) else value


def filled(value: Any, args: Any) -> Any:
    """Put operands back into settings."""
    if isinstance(value, Slot):
        return args[value.operand]
    if isinstance(value, tuple) and not isinstance(value, Counted):
        return tuple(filled(part, args) for part in value)
    return value


def standin(value: Any, operands: Any) -> Any:
    """Return settings with arrays in place of traced indices, for the shape rule to look at."""
    if isinstance(value, Slot):
        return np.zeros(operands[value.operand].shape, int)
    if isinstance(value, Counted):
        return np.arange(value.size)
    if isinstance(value, tuple):
        return tuple(standin(part, operands) for part in value)
    return value
