"""The tape: nodes that remember an op, and the value that carries one.

A node holds neither its result nor its operands, only what the gradient rules asked for, so
whatever else the forward pass made can be freed at once.
"""

from __future__ import annotations

import copy
import inspect
import itertools
from collections.abc import Callable, Sequence
from contextlib import ContextDecorator
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol, Self, TypeVar

import numpy as np

from .errors import DataError

__all__ = ["Guard", "Leaf", "Mode", "Node", "Value", "check_floating", "no_grad"]


class Watch(Protocol):
    """What is shown every op that is recorded, and every answer of a rule (see `debug`)."""

    def forward(self, node: Node | None, op: Any, inputs: Any, out: Any) -> None:
        """Look at the result of an op."""
        ...

    def backward(self, node: Node, edge: Any, g: Any, saved: Any, d: Any) -> None:
        """Look at what a rule answered."""
        ...


class Mode(NamedTuple):
    """What holds for this thread and async task: who has paused recording, and who watches."""

    pauses: frozenset[object] = frozenset()
    watch: Watch | None = None  # the last of `watches`
    watches: tuple[Any, ...] = ()


MODE: ContextVar[Mode] = ContextVar("tinygrad_softmax_mode", default=Mode())  # noqa: B039 - immutable

_F = TypeVar("_F", bound=Callable[..., Any])
_serial = itertools.count().__next__


class Node:
    """One recorded op, or (with ``op`` None) a leaf; the tape is made of these.

    It holds neither its own result nor its operands, only what the rules asked for in ``saved``.
    ``parents`` are the operands' nodes, None for constants. Every node is younger than its
    parents, so sorting by ``serial`` is a topological order.
    """

    # Defaults on the class instead of slots: most nodes never set these, and many are made.
    guards: tuple[Guard, ...] = ()
    grad: Any = None
    owned = False
    site: Any = None

    def __init__(self, op: Any, parents: Any, plan: Any, saved: Any, shape: Any,
                 dtype: Any) -> None:  # fmt: skip
        self.op = op
        self.parents: Sequence[Node | None] = parents
        self.plan = plan
        self.saved: tuple[Any, ...] | None = saved
        self.shape: tuple[int, ...] = shape
        self.dtype = dtype
        self.serial = _serial()

    def __deepcopy__(self, memo: dict[int, Any]) -> Node:
        """Copy the node on copies of its parents; the op and its plan are shared."""
        clone = copy.copy(self)
        clone.serial = _serial()
        clone.parents = [parent and memo.get(id(parent), parent) for parent in self.parents]
        clone.saved = copy.deepcopy(self.saved, memo)
        clone.guards = tuple(
            guard._replace(array=copy.deepcopy(guard.array, memo)) for guard in self.guards
        )
        return clone


class Leaf(Node):
    """The node of a parameter: where a gradient comes to rest."""

    updated = False
    call: Any = None  # the transform whose argument it is; None for a parameter of the user's
    orphan = False  # copied with a graph, while its own tensor was not

    def __init__(self, shape: Any, dtype: Any, name: str | None) -> None:
        super().__init__(None, (), None, (), shape, dtype)
        self.name = name


class Guard(NamedTuple):
    """A fingerprint of an array that the backward pass will need as it was."""

    array: Any
    mark: int
    exact: bool
    name: str | None

    @classmethod
    def of(cls, array: Any, name: str | None, exact: bool = False) -> Guard:
        """Guard an array as it is now."""
        return cls(array, fingerprint(array, exact), exact, name)

    @property
    def broken(self) -> bool:
        """Whether the array has been changed since (as far as the fingerprint shows)."""
        return fingerprint(self.array, self.exact) != self.mark


def fingerprint(array: Any, exact: bool = False) -> int:
    """Return a hash of the array's bytes; of at most 512 evenly spread entries unless `exact`."""
    if not exact and array.size > 512:
        # a view where one run over memory will do; the iterator `flat` is several times slower
        entries = array.ravel("K") if array.flags.forc else array.flat
        array = entries[:: -(-array.size // 512)]
    return hash(array.tobytes())


def can_change(array: Any) -> bool:
    """Whether someone can still write to this memory: it is a leaf's, or a view of it."""
    if array.flags.writeable:
        return True
    base = array.base
    return base is not None and getattr(getattr(base, "flags", None), "writeable", True)


class Value:
    """An array and where it came from: the bare record that ops work on.

    ``array`` is the ndarray, ``node`` its node (None for a constant). `Tensor` adds the operators;
    a subclass that is not an array overrides `apply` alone.
    """

    __slots__ = ("__weakref__", "_name", "array", "node")
    #: Whether it stands for an expression, and has no values; `Tensor` has some.
    symbolic = True
    array: Any
    node: Node | None
    _name: str | None

    @classmethod
    def wrap(cls, array: Any, node: Node | None) -> Self:
        """Make a value of an array as it is, without copy or check."""
        value: Self = _new(cls)
        value.array = array
        value.node = node
        value._name = None
        return value

    @classmethod
    def apply(cls, op: Any, inputs: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        """Compute the op on the arrays of `inputs`; record it if one of them is tracked."""
        arrays: list[Any] = []
        parents: list[Node | None] = []
        mask, bit = 0, 1  # the inputs that are tracked, as bits
        for value in inputs:
            kind = value.__class__
            if kind in _PLAIN:
                arrays.append(value)
                parents.append(None)
            elif kind is cls or isinstance(value, Value):
                node = value.node
                if node is not None:
                    mask += bit
                arrays.append(value.array)
                parents.append(node)
            else:
                arrays.append(plain_array(value))
                parents.append(None)
            bit += bit
        try:
            out = op.run(*arrays, **settings) if settings else op.run(*arrays)
        except (ValueError, IndexError, TypeError) as error:
            op.explain_failure(inputs, arrays, settings)
            raise error
        if op.piecewise_constant:
            return out
        if out.__class__ is not np.ndarray:
            out = np.asarray(out)
        elif not op.fresh:
            for array in arrays:
                if array is out:
                    out = out.view()  # freezing the result must not freeze an operand
                    break
        out.setflags(False)
        result = _new(cls)  # `wrap` without its call
        result.array = out
        result.node = result._name = None
        pauses, watch, _ = MODE.get()
        if mask and not pauses:
            result.node = _record(op, inputs, arrays, parents, mask, out, settings)
        if watch is not None:
            watch.forward(result.node, op, inputs, out)
        return result


def _record(op: Any, inputs: Any, arrays: Any, parents: Any, mask: int, out: Any,
            settings: dict[str, Any]) -> Node:  # fmt: skip
    """Make the node of an op that has just been computed, with what its rules want of it."""
    plan = op.plans.get(mask) or op.plan(mask, len(inputs))
    pick, _, _, guarded = plan
    if settings and out.dtype.kind != "f":  # np.sum(t, dtype=int)
        check_floating(out)
    if pick is None:
        saved: tuple[Any, ...] = ()
    elif op.variadic:
        saved = pick((tuple(arrays), out, *settings.values()))
    else:
        saved = pick((*arrays, out, *settings.values()))
    node = Node(op, parents, plan, saved, out.shape, out.dtype)
    if guarded:
        guards: tuple[Guard, ...] = ()
        for position in guarded:
            array = arrays[position]
            if can_change(array) and not (guards and guards[-1].array is array):  # W in W * W
                guards += (Guard.of(array, inputs[position]._name),)
        if guards:
            node.guards = guards
    return node


def is_symbolic(value: Any) -> bool:
    """Whether a value stands for an expression, whose numbers nobody knows."""
    return isinstance(value, Value) and value.symbolic


#: `cls.__new__(cls)`, without looking for it each time.
_new: Any = object.__new__
#: What NumPy takes as it is; asked for first, for `isinstance` looks at an array twice.
_PLAIN = frozenset({np.ndarray, float, int, np.float64, np.float32})


def plain_array(value: Any) -> Any:
    """Return data as a plain array, and refuse what would mean something else as one."""
    if isinstance(value, np.ndarray) and not isinstance(value, np.memmap):
        refuse_masked(value)
        if type(value) is not np.ndarray:
            raise DataError(
                f"a {type(value).__name__} {value.shape} has operators of its own, which the "
                "gradient rules do not follow: pass a plain array, np.asarray(m)"
            )
    array = np.asarray(value)
    if array.dtype.kind == "O":
        raise DataError(
            f"an array of Python objects {array.shape} cannot be computed with: a rectangular "
            "array of floats is needed, as by .astype(float), or np.stack for Tensors"
        )
    return array


def refuse_masked(value: Any) -> None:
    """Refuse an array whose mask would be dropped."""
    if isinstance(value, np.ma.MaskedArray):
        raise DataError(
            f"a masked array {value.shape} would lose its mask here: say what stands in the "
            "masked places, as in np.where(np.ma.getmaskarray(m), 0.0, m.data) or m.compressed()"
        )


def check_floating(array: Any) -> None:
    """Refuse data that cannot carry a gradient."""
    kind = array.dtype.kind
    if kind == "f":
        return
    advice = {
        "i": "integers cannot be nudged: convert with .astype(float)",
        "u": "integers cannot be nudged: convert with .astype(float)",
        "b": "booleans cannot be nudged: convert with .astype(float)",
        "c": "take the real and the imaginary part as two real tensors",
    }.get(kind, "a rectangular array of floats is needed")
    raise DataError(
        f"a Tensor holds real floating-point data, not {array.dtype}: {advice}. Labels, indices "
        "and data that need no gradient stay plain arrays"
    )


class no_grad(ContextDecorator):  # noqa: N801 - a verb, like contextlib.suppress
    """Compute without recording, as a context or as a decorator; per thread and async task.

    Raises
    ------
    TypeError
        If it decorates a generator or an async function, which runs after the call has returned.

    Examples
    --------
    >>> from tinygrad_softmax import Tensor
    >>> W = Tensor([1.0])
    >>> with no_grad():
    ...     (2 * W).requires_grad
    False
    """

    def __init__(self) -> None:
        # Each context takes away its own pause and no other, so the contexts of generators that
        # run in turns may end in any order.
        self._pauses: list[object] = []

    def _recreate_cm(self) -> no_grad:
        return no_grad()

    def __enter__(self) -> None:
        self._pauses.append(object())
        mode = MODE.get()
        MODE.set(mode._replace(pauses=mode.pauses | {self._pauses[-1]}))

    def __exit__(self, *exception: object) -> None:
        mode = MODE.get()
        MODE.set(mode._replace(pauses=mode.pauses - {self._pauses.pop()}))

    def __call__(self, function: _F) -> _F:
        """Decorate a function."""
        if (
            inspect.isgeneratorfunction(function)
            or inspect.iscoroutinefunction(function)
            or inspect.isasyncgenfunction(function)
        ):
            raise TypeError(
                f"no_grad() cannot decorate {function.__name__}, whose lines run after the call "
                "has returned: write `with no_grad():` inside it"
            )
        return super().__call__(function)
