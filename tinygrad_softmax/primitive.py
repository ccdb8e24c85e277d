"""What an op is, and how one is recorded.

An op is one plain NumPy function plus one small documented function per argument: its gradient
rule. Imports only `errors` and `shapes`. Its one idea: a rule's parameters name what is kept from
the forward pass, so the tape holds those arrays and nothing else.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from operator import itemgetter
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from . import shapes
from .errors import NoRuleError, ShapeError, describe

Function = Callable[..., Any]

#: NumPy function -> the function of ours that NumPy's dispatch protocols call in its place.
NUMPY: dict[Function, Function] = {}
#: Name -> primitive, in the order of declaration.
REGISTRY: dict[str, Primitive] = {}


class Watch(Protocol):
    """What looks on while ops are recorded and differentiated (see `anomaly`)."""

    def forward(self, node: Node | None, primitive: Primitive, inputs: Any, out: Any) -> None: ...

    def backward(self, node: Node, position: int, g: Any, d: Any) -> None: ...


class Mode(NamedTuple):
    """Whether ops are recorded, and who watches; one per thread and async task."""

    record: bool = True
    watch: Watch | None = None


#: What a rule can ask of the pass itself: the shape of the argument differentiated, and its place.
TOLD = ("shape", "position")
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
        self.primitive: Primitive | None = primitive
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


class Seal(NamedTuple):
    """A fingerprint of an array that the backward pass will need as it was."""

    array: Any
    mark: int
    exact: bool
    name: str | None

    @classmethod
    def of(cls, array: Any, name: str | None, exact: bool = False) -> Seal:
        """Seal an array as it is now."""
        return cls(array, fingerprint(array, exact), exact, name)


def fingerprint(array: Any, exact: bool = False) -> int:
    """Return a hash of the array's bytes; of at most 512 evenly spread entries unless `exact`."""
    if not exact and array.size > 512:
        array = array.reshape(-1)[:: array.size // 512] if array.flags.c_contiguous else (
            array[tuple(slice(None, None, max(1, size // 22)) for size in array.shape)])  # fmt: skip
    return hash(array.tobytes())


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
    def apply(cls, primitive: Primitive, inputs: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        """Compute the op on the arrays of `inputs`; record it if one of them is tracked."""
        arrays: list[Any] = []
        origins: list[Node | None] = []
        mask, bit = 0, 1  # the inputs that are tracked, as bits
        for value in inputs:
            if isinstance(value, Value):
                arrays.append(value.array)
                origin = value.origin
                origins.append(origin)
                if origin is not None:
                    mask += bit
            else:
                arrays.append(value if value.__class__ in _PLAIN else np.asarray(value))
                origins.append(None)
            bit += bit
        try:
            out = primitive.run(*arrays, **settings)
        except (ValueError, IndexError, TypeError) as error:
            primitive.explain_failure(inputs, arrays, settings)
            raise error
        if primitive.plain:
            return out
        if out.__class__ is not np.ndarray:
            out = np.asarray(out)
        for array in arrays:
            if array is out:  # freezing the result must not freeze an operand
                out = out.view()
        out.setflags(False)
        mode = MODE.get()
        result = cls.__new__(cls)
        result.array = out
        result._name = None
        if mask and mode.record:
            plan = primitive.plans.get(mask) or primitive.plan(mask, len(inputs))
            if plan.pick is None:
                kept: tuple[Any, ...] = ()
            elif primitive.variadic:
                kept = plan.pick((tuple(arrays), out, *settings.values()))
            else:
                kept = plan.pick((*arrays, out, *settings.values()))
            result.origin = node = Node(primitive, origins, plan, kept, out.shape, out.dtype)
            for position in plan.sealed:
                if can_change(arrays[position]):
                    node.seals += (Seal.of(arrays[position], inputs[position]._name),)
        else:
            result.origin = None
        if mode.watch is not None:
            mode.watch.forward(result.origin, primitive, inputs, out)
        return result


_PLAIN = frozenset({np.ndarray, float, int, np.float64, np.float32})


def can_change(array: Any) -> bool:
    """Whether someone can still write to this memory: it is a leaf's, or a view of it."""
    if array.flags.writeable:
        return True
    base = array.base
    return base is not None and getattr(getattr(base, "flags", None), "writeable", True)


class Rule(NamedTuple):
    """A gradient rule, what it wants kept, and what it wants told at the time of the pass."""

    function: Function
    wants: tuple[str, ...]
    told: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The rule's docstring: why this arrow of the backward pass is what it is."""
        return (self.function.__doc__ or "").strip()


class Edge(NamedTuple):
    """One arrow of the backward pass: to which input, by which rule, with which of what is kept.

    ``pick`` None means all of it; ``told`` None means nothing.
    """

    position: int
    function: Function
    pick: Function | None
    told: Function | None


def _teller(names: tuple[str, ...]) -> Function | None:
    """Return what tells a rule what it asks of the pass: a function of the origin and position."""
    if names == ("shape",):
        return lambda origin, position: {"shape": origin.shape}
    if not names:
        return None
    return lambda origin, position: {
        name: {"shape": origin.shape, "position": position}[name] for name in names
    }


class Plan(NamedTuple):
    """What to keep and where gradients go, when a certain set of inputs is tracked."""

    pick: Function | None
    names: tuple[str, ...]
    edges: tuple[Edge, ...]
    sealed: tuple[int, ...]


def _picker(codes: list[int]) -> Function:
    """Return what picks these items of a tuple, as a tuple (itemgetter unwraps a single one)."""
    if len(codes) > 1:
        return itemgetter(*codes)
    start = codes[0] if codes else 0
    return itemgetter(slice(start, start + len(codes)))


class Primitive:
    """A differentiable op: a NumPy function, its gradient rules and its shape rule.

    Made by the decorator `primitive`. Called with arrays it computes, with Tensors it also records.
    """

    def __init__(self, forward: Function, numpy: Function | None, shape: Function | None,
                 domain: Any, tex: str | None, plain: bool) -> None:  # fmt: skip
        code = forward.__code__
        self.forward = forward
        #: the same without a detour, where the op is a ufunc and nothing else
        self.run = numpy if isinstance(numpy, np.ufunc) else forward
        self.__name__ = forward.__name__
        self.__doc__ = forward.__doc__
        self.numpy = numpy
        self.elementwise = shape is None
        self.shape: Function = shape or shapes.broadcast
        self.domain = domain
        self.tex = tex
        self.plain = plain
        defaults = forward.__defaults__ or ()
        positional = code.co_varnames[: code.co_argcount]
        self.variadic = bool(code.co_flags & 0x04)
        n_inputs = code.co_argcount - len(defaults)
        end = code.co_argcount + code.co_kwonlyargcount
        keyword_only = code.co_varnames[code.co_argcount : end]
        self.argnames = (code.co_varnames[end],) if self.variadic else positional[:n_inputs]
        self.settings: dict[str, Any] = dict(zip(positional[n_inputs:], defaults, strict=True))
        self.settings |= {name: (forward.__kwdefaults__ or {}).get(name) for name in keyword_only}
        self.names = (*self.argnames, "out", *self.settings)
        self.rules: dict[str, Rule] = {}
        self.plans: dict[int, Plan] = {}

    def __call__(self, *inputs: Any, **settings: Any) -> Any:
        if self.settings:
            n = len(inputs) if self.variadic else len(self.argnames)
            settings = self._settle(inputs[n:], settings)
            inputs = inputs[:n]
        elif settings:
            settings = self._settle((), settings)
        for value in inputs:
            if isinstance(value, Value):
                return value.apply(self, inputs, settings)
        return self.forward(*inputs, **settings)

    def _settle(self, positional: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
        """Return all settings in declared order, defaults filled in."""
        given = dict(zip(self.settings, positional, strict=False)) | named
        extra = {k: v for k, v in given.items() if k not in self.settings}
        if extra or len(positional) > len(self.settings):
            raise NoRuleError(
                f"{self.__name__} of a Tensor does not take "
                f"{', '.join(f'{k}={v!r}' for k, v in extra.items()) or 'so many arguments'}; "
                f"it takes {', '.join((*self.argnames, *self.settings))}"
            )
        return self.settings | given

    def grad(self, *argnames: str) -> Callable[[Function], Function]:
        """Declare the gradient rule for one or more arguments.

        The rule's first parameter is ``g``, the gradient of the loss with respect to the result.
        The others name what it needs: an argument, a setting, ``out`` (the result), ``shape`` (of
        the argument differentiated) or ``position`` (its place among variadic arguments). It
        returns anything that broadcasts against the argument; summing over broadcast axes and
        casting is the engine's work. Its docstring is the sentence that explains the arrow.

        Raises
        ------
        TypeError
            If a parameter names nothing that the op has.
        """

        def declare(function: Function) -> Function:
            code = function.__code__
            first, *rest = code.co_varnames[: code.co_argcount]
            unknown = set(rest) - {*self.names, *TOLD} | set(argnames) - {*self.argnames}
            if first != "g" or unknown:
                raise TypeError(
                    f"rule for {', '.join(argnames)} of {self.__name__}: the first parameter must "
                    f"be g, the others among {', '.join((*self.names, *TOLD))}; "
                    f"got {', '.join((first, *rest))}"
                )
            wants = tuple(name for name in rest if name not in TOLD)
            told = tuple(name for name in rest if name in TOLD)
            for name in argnames:
                self.rules[name] = Rule(function, wants, told)
            self.plans.clear()
            return function

        return declare

    def plan(self, mask: int, n_inputs: int) -> Plan:
        """Work out, once for each set of tracked inputs, what is kept and where gradients go."""
        edges: list[tuple[int, Rule]] = []
        # the last operand first: it is often the small one (a divisor, a bias), and its temporaries
        # are gone before the large gradient of the first operand is made
        for position in reversed(range(n_inputs)):
            if mask >> position & 1:
                name = self.argnames[0 if self.variadic else position]
                if name not in self.rules:
                    raise NoRuleError(
                        f"{self.__name__} has no gradient rule for {name}; declare one with "
                        f"@{self.__name__}.grad({name!r}), or pass {name} as a plain array"
                    )
                edges.append((position, self.rules[name]))
        names = tuple(dict.fromkeys(name for _, rule in edges for name in rule.wants))
        self.plans[mask] = plan = Plan(
            _picker([self.names.index(name) for name in names]) if names else None,
            names,
            tuple(
                Edge(
                    position,
                    rule.function,
                    None if rule.wants == names else _picker([*map(names.index, rule.wants)]),
                    _teller(rule.told),
                )
                for position, rule in edges
            ),
            tuple(
                position
                for position, _ in edges
                if self.argnames[0 if self.variadic else position] in names
            ),
        )
        return plan

    def explain_failure(self, inputs: Any, arrays: Any, settings: dict[str, Any]) -> None:
        """Raise a ShapeError that names the operands, if it was their shapes that did not fit."""
        try:
            self.shape(*[np.shape(array) for array in arrays], **settings)
        except ShapeError as error:
            names = self.argnames * len(inputs) if self.variadic else self.argnames
            operands = " and ".join(map(describe, inputs, names))
            raise ShapeError(f"{self.__name__} got {operands}: {error}") from None
        except Exception:
            return  # the op's own error says more

    def __repr__(self) -> str:
        return f"<primitive {self.__name__}({', '.join((*self.argnames, *self.settings))})>"


def primitive(
    *,
    numpy: Function | None = None,
    shape: Function | None = None,
    domain: Any = None,
    tex: str | None = None,
    plain: bool = False,
) -> Callable[[Function], Primitive]:
    """Declare an op from a plain NumPy function.

    Parameters
    ----------
    numpy : function, optional
        The NumPy function that this op stands for: called on a Tensor, NumPy hands it over.
    shape : function, optional
        From the inputs' shapes (and the settings) to the result's shape. Without one the op is
        taken to work entry by entry, with broadcasting.
    domain : tuple of float or tuple of tuple, optional
        Range from which test inputs are drawn, one for all inputs or one for each.
    tex : str, optional
        Notation, with the inputs in braces.
    plain : bool
        The result is piecewise constant in every input (a comparison, an argmax): Tensors go in
        and a plain array comes out, off the tape.

    Returns
    -------
    decorator
        Makes a `Primitive` of a function whose parameters without default are the array inputs
        and whose other parameters (or keyword-only ones) are settings.

    Examples
    --------
    >>> @primitive()
    ... def cube(x):
    ...     return x * x * x
    >>> @cube.grad("x")
    ... def _(g, x):
    ...     "Each `x` counts three times."
    ...     return 3 * g * x * x
    >>> cube(2.0)
    8.0
    >>> del REGISTRY["cube"]
    """

    def declare(forward: Function) -> Primitive:
        op = Primitive(forward, numpy, shape, domain, tex, plain)
        REGISTRY[op.__name__] = op
        if numpy is not None:
            NUMPY[numpy] = op
        return op

    return declare


def implements(*functions: Function) -> Callable[[Function], Function]:
    """Let a composed function stand for NumPy `functions` when they are called on a Tensor.

    Examples
    --------
    >>> from tinygrad_softmax.composite import mean
    >>> NUMPY[np.mean] is mean
    True
    """

    def declare(function: Function) -> Function:
        for known in functions:
            NUMPY[known] = function
        return function

    return declare


def is_tracked(value: Any) -> bool:
    """Whether `value` is (part of) a recorded graph, so that a gradient could be asked of it."""
    return isinstance(value, Value) and value.origin is not None
