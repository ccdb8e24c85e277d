"""The tape: nodes that remember an op, and the value that carries one.

Imports `rules`, `seals` and `errors`. Its one idea: a node holds neither its result nor its
operands, only what the gradient rules asked for, so whatever else the forward pass made can be
freed at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from .errors import DataError
from .rules import Function, Plan
from .seals import Seal, can_change


class Op(Protocol):
    """What the tape asks of an op; `primitive.Primitive` is the only one."""

    __name__: str
    argnames: tuple[str, ...]
    run: Function
    fresh: bool
    shape: Function
    elementwise: bool
    plain: bool
    variadic: bool
    plans: dict[int, Plan]

    def plan(self, mask: int, n_inputs: int) -> Plan:
        """Work out what is kept when the inputs in `mask` are tracked."""
        ...

    def explain_failure(self, inputs: Any, arrays: Any, settings: dict[str, Any]) -> None:
        """Raise an error that says more than the op's own, if there is more to say."""
        ...


class Watch(Protocol):
    """What looks on while ops are recorded and differentiated (see `anomaly`)."""

    def forward(self, node: Node | None, primitive: Op, inputs: Any, out: Any) -> None:
        """Look at the result of an op."""
        ...

    def backward(self, node: Node, position: int, g: Any, d: Any) -> None:
        """Look at what a rule answered."""
        ...


class Mode(NamedTuple):
    """Whether ops are recorded, and who watches; one per thread and async task."""

    record: bool = True
    watch: Watch | None = None


RECORDING = Mode()
MODE: ContextVar[Mode] = ContextVar("tinygrad_softmax_mode", default=RECORDING)

_serial = itertools.count().__next__


class Node:
    """One recorded op, or (with ``primitive`` None) a leaf; the tape is made of these.

    It holds neither its own result nor its operands, only what the rules asked for in ``kept``.
    ``origins`` are the operands' nodes, None for constants. Every node is younger than its
    origins, so sorting by ``serial`` is a topological order.
    """

    # Defaults on the class instead of slots: most nodes never set these, and many are made.
    seals: tuple[Seal, ...] = ()
    grad: Any = None
    owned = False
    site: Any = None

    def __init__(self, primitive: Any, origins: Any, plan: Any, kept: Any, shape: Any,
                 dtype: Any) -> None:  # fmt: skip
        self.primitive: Op | None = primitive
        self.origins: Sequence[Node | None] = origins
        self.plan: Plan | None = plan
        self.kept: tuple[Any, ...] | None = kept
        self.shape: tuple[int, ...] = shape
        self.dtype = dtype
        self.serial = _serial()


class Leaf(Node):
    """The node of a parameter: where a gradient comes to rest."""

    updated = False

    def __init__(self, shape: Any, dtype: Any, name: str | None) -> None:
        super().__init__(None, (), None, (), shape, dtype)
        self.name = name


class Value:
    """An array and where it came from: the bare record that ops work on.

    ``array`` is the ndarray, ``origin`` its node (None for a constant). `Tensor` adds the
    operators; a subclass that is not an array overrides `apply` alone.
    """

    __slots__ = ("__weakref__", "_name", "array", "origin")
    array: Any
    origin: Node | None
    _name: str | None

    @classmethod
    def wrap(cls, array: Any, origin: Node | None) -> Self:
        """Make a value of an array as it is, without copy or check."""
        value = cls.__new__(cls)
        value.array = array
        value.origin = origin
        value._name = None
        return value

    @classmethod
    def apply(cls, primitive: Op, inputs: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        """Compute the op on the arrays of `inputs`; record it if one of them is tracked."""
        arrays: list[Any] = []
        origins: list[Node | None] = []
        mask, bit = 0, 1  # the inputs that are tracked, as bits
        for value in inputs:
            origin = None
            if value.__class__ in _PLAIN:
                array = value
            elif isinstance(value, Value):
                array = value.array
                origin = value.origin
                if origin is not None:
                    mask += bit
            else:
                array = np.asarray(value)
            arrays.append(array)
            origins.append(origin)
            bit += bit
        try:
            out = primitive.run(*arrays, **settings) if settings else primitive.run(*arrays)
        except (ValueError, IndexError, TypeError) as error:
            primitive.explain_failure(inputs, arrays, settings)
            raise error
        if primitive.plain:
            return out
        if out.__class__ is not np.ndarray:
            out = np.asarray(out)
        elif not primitive.fresh and any(array is out for array in arrays):
            out = out.view()  # freezing the result must not freeze an operand
        out.setflags(False)
        result = _new(cls)
        result.array = out
        result.origin = result._name = None
        mode = MODE.get()
        if mask and mode.record:
            result.origin = _record(primitive, inputs, arrays, origins, mask, out, settings)
        if mode.watch is not None:
            mode.watch.forward(result.origin, primitive, inputs, out)
        return result


def _record(primitive: Op, inputs: Any, arrays: Any, origins: Any, mask: int, out: Any,
            settings: dict[str, Any]) -> Node:  # fmt: skip
    """Make the node of an op that has just been computed, with what its rules want of it."""
    plan = primitive.plans.get(mask) or primitive.plan(mask, len(inputs))
    if settings and out.dtype.kind != "f":  # np.sum(t, dtype=int)
        check_floating(out)
    if plan.pick is None:
        kept: tuple[Any, ...] = ()
    elif primitive.variadic:
        kept = plan.pick((tuple(arrays), out, *settings.values()))
    else:
        kept = plan.pick((*arrays, out, *settings.values()))
    node = Node(primitive, origins, plan, kept, out.shape, out.dtype)
    if plan.sealed:
        seals: tuple[Seal, ...] = ()
        for position in plan.sealed:
            array = arrays[position]
            if can_change(array) and not (seals and seals[-1].array is array):  # W in W * W
                seals += (Seal.of(array, inputs[position]._name),)
        if seals:
            node.seals = seals
    return node


#: `cls.__new__(cls)`, without looking for it each time.
_new = object.__new__
#: What NumPy takes as it is; asked for first, for `isinstance` looks at an array twice.
_PLAIN = frozenset({np.ndarray, float, int, np.float64, np.float32})


def check_floating(array: Any) -> None:
    """Refuse data that cannot carry a gradient.

    Raises
    ------
    DataError
        If the array is not of a real floating-point type; the message says what to do.

    Examples
    --------
    >>> check_floating(np.float32([1, 2]))
    """
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


@contextmanager
def no_grad() -> Iterator[None]:
    """Compute without recording, as a context or as a decorator; per thread and async task.

    Examples
    --------
    >>> from tinygrad_softmax import Tensor
    >>> W = Tensor([1.0])
    >>> with no_grad():
    ...     (2 * W).requires_grad
    False
    """
    token = MODE.set(MODE.get()._replace(record=False))
    try:
        yield
    finally:
        MODE.reset(token)
