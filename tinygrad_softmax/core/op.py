"""What an op is: one plain NumPy function, and one small documented function per argument.

A gradient rule's parameters name what is saved from the forward pass, and its docstring is the
sentence that explains the arrow. Which inputs of an op are tracked is a small number; for each
such number all that the tape and the reverse pass need is worked out once: a `Plan`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

import numpy as np

from . import shapes
from .errors import NoRuleError, ShapeError, describe
from .tape import Value

__all__ = ["NUMPY", "Edge", "Function", "Op", "Plan", "Rule", "implements", "primitive"]

Function = Callable[..., Any]
_AnyFunction = TypeVar("_AnyFunction", bound=Function)

#: NumPy function -> the function of ours that NumPy's dispatch protocols call in its place.
NUMPY: dict[Function, Function] = {}

#: What a rule can read from the backward pass itself, at no cost in memory: the shape of the
#: argument differentiated, and its place among variadic arguments.
CONTEXT = ("shape", "position")


class Rule(NamedTuple):
    """A gradient rule (vjp), what it wants saved, and what it reads from the backward pass."""

    function: Function
    saves: tuple[str, ...]
    context: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The rule's docstring: why this arrow of the backward pass is what it is."""
        return (self.function.__doc__ or "").strip()


class Edge(NamedTuple):
    """One arrow of the backward pass: to which input, by which rule, with which saved values.

    ``pick`` None means all of them.
    """

    position: int
    function: Function
    pick: Function | None
    context: tuple[str, ...]

    def call(self, g: Any, saved: Any, parent: Any) -> Any:
        """Return what the rule makes of the gradient `g`."""
        if self.pick is not None:
            saved = self.pick(saved)
        if not self.context:
            return self.function(g, *saved)
        known = {"shape": parent.shape, "position": self.position}
        return self.function(g, *saved, **{name: known[name] for name in self.context})


class Plan(NamedTuple):
    """What to save and where gradients go, when a certain set of inputs is tracked.

    ``pick`` takes what the rules want out of ``(*inputs, out, *settings)``, in the order of
    ``names``; None if they want nothing. ``guarded`` are the tracked inputs among what is saved.
    """

    pick: Function | None
    names: tuple[str, ...]
    edges: tuple[Edge, ...]
    guarded: tuple[int, ...]

    @classmethod
    def of(cls, op: Op, mask: int, n_inputs: int) -> Plan:
        """Work out the plan for the tracked inputs, the bits of `mask`."""
        arguments = op.arguments(n_inputs)
        tracked: list[tuple[int, Rule]] = []
        # The last operand first: it is often the small one (a divisor, a bias), and its temporaries
        # are gone before the large gradient of the first operand is made.
        for position, name in reversed([*enumerate(arguments)]):
            if mask >> position & 1:
                if name not in op.rules:
                    raise NoRuleError(
                        f"{op.__name__} has no gradient rule for {name}; declare one with "
                        f"@{op.__name__}.grad({name!r}), or pass {name} as a plain array"
                    )
                tracked.append((position, op.rules[name]))
        names = tuple(dict.fromkeys(name for _, rule in tracked for name in rule.saves))
        edges = []
        for position, rule in tracked:
            pick = None if rule.saves == names else _picker([*map(names.index, rule.saves)])
            edges.append(Edge(position, rule.function, pick, rule.context))
        return cls(
            pick=_picker([op.names.index(name) for name in names]) if names else None,
            names=names,
            edges=tuple(edges),
            guarded=tuple(position for position, _ in tracked if arguments[position] in names),
        )


def _picker(places: list[int]) -> Function:
    """Return what picks these items of a tuple, as a tuple (itemgetter unwraps a single one)."""
    if len(places) > 1:
        return itemgetter(*places)
    start = places[0] if places else 0
    return itemgetter(slice(start, start + len(places)))


class Op:
    """A differentiable op: a NumPy function, its gradient rules and its traits.

    Made by the decorator `primitive`, which documents the traits. Called with arrays it computes,
    with Tensors it also records. An op is known by identity, never by its name.
    """

    def __init__(self, forward: Function, *, numpy: Function | None = None,
                 shape: Function | None = None, dtype: Any = None, domain: Any = None,
                 piecewise_constant: bool = False, moves_entries: bool = False, noun: str = "",
                 symbol: str = "", roles: Mapping[str, str] | None = None,
                 remedy: str = "", numpy_text: str | Function = "",
                 latex: str = "") -> None:  # fmt: skip
        self.forward = forward
        #: the same without a detour, where the op is a ufunc and nothing else
        self.run: Function = numpy if isinstance(numpy, np.ufunc) else forward
        self.fresh = self.run is numpy  #: a ufunc never returns an operand as its result
        self.__name__, self.__doc__ = forward.__name__, forward.__doc__
        self.numpy = numpy
        self.elementwise = shape is None
        self.shape: Function = shape or shapes.broadcast
        self.dtype = dtype
        self.domain = domain
        self.piecewise_constant = piecewise_constant
        self.moves_entries = moves_entries
        self.noun = noun or forward.__name__
        self.symbol = symbol
        self.roles = dict(roles or {})
        self.remedy = remedy
        self.numpy_text = numpy_text
        self.latex = latex
        inputs: list[str] = []
        self.settings: dict[str, Any] = {}
        self.variadic = False
        for name, parameter in inspect.signature(forward).parameters.items():
            required = parameter.default is parameter.empty
            self.variadic |= parameter.kind is parameter.VAR_POSITIONAL
            if parameter.kind is parameter.KEYWORD_ONLY or not required:
                self.settings[name] = None if required else parameter.default
            else:
                inputs.append(name)
        self.argnames = tuple(inputs)
        self.names = (*self.argnames, "out", *self.settings)
        self.rules: dict[str, Rule] = {}
        self.plans: dict[int, Plan] = {}

    def __call__(self, *inputs: Any, **settings: Any) -> Any:
        """Compute; the first input that is a `Value`, rather than an array, records."""
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
        given = dict(zip(self.settings, positional, strict=False)) | named if positional else named
        if len(positional) > len(self.settings) or not given.keys() <= self.settings.keys():
            extra = {k: v for k, v in given.items() if k not in self.settings}
            raise NoRuleError(
                f"{self.__name__} of a Tensor does not take "
                f"{', '.join(f'{k}={v!r}' for k, v in extra.items()) or 'so many arguments'}; "
                f"it takes {', '.join((*self.argnames, *self.settings))}"
            )
        return self.settings | given

    def grad(self, *argnames: str) -> Callable[[_AnyFunction], _AnyFunction]:
        """Declare the gradient rule for one or more arguments.

        The rule's first parameter is ``g``, the gradient of the loss with respect to the result.
        The others name what it needs: an argument, a setting, ``out`` (the result), ``shape`` (of
        the argument differentiated) or ``position`` (its place among variadic arguments). It
        returns anything that broadcasts against the argument; summing over broadcast axes and
        casting is the engine's work. Its docstring is the sentence that explains the arrow.

        Parameters
        ----------
        *argnames : str
            The arguments that the rule is for.

        Returns
        -------
        decorator
            Keeps the function as the rule, and returns it.

        Raises
        ------
        TypeError
            If a parameter, or one of `argnames`, names nothing that the op has.

        Examples
        --------
        >>> from tinygrad_softmax.ops.elementwise import exp
        >>> exp.rules["x"].sentence
        'The exponential is its own slope, so `g` is scaled by `out`.'
        >>> exp.grad("z")(lambda g: g)
        Traceback (most recent call last):
            ...
        TypeError: rule for z of exp: it has no such argument; it has x
        """

        def declare(function: _AnyFunction) -> _AnyFunction:
            title = f"rule for {', '.join(argnames)} of {self.__name__}"
            if set(argnames) - {*self.argnames}:
                have = ", ".join(self.argnames)
                raise TypeError(f"{title}: it has no such argument; it has {have}")
            names = [*inspect.signature(function).parameters]
            if names[:1] != ["g"] or {*names[1:]} - {*self.names, *CONTEXT}:
                raise TypeError(
                    f"{title}: the first parameter must be g, the others among "
                    f"{', '.join((*self.names, *CONTEXT))}; got {', '.join(names)}"
                )
            saves = tuple(name for name in names[1:] if name not in CONTEXT)
            context = tuple(name for name in names[1:] if name in CONTEXT)
            self.rules |= dict.fromkeys(argnames, Rule(function, saves, context))
            self.plans.clear()
            return function

        return declare

    def plan(self, mask: int, n_inputs: int) -> Plan:
        """Work out, once for each set of tracked inputs, what is saved and where gradients go."""
        self.plans[mask] = plan = Plan.of(self, mask, n_inputs)
        return plan

    def arguments(self, n_inputs: int) -> list[str]:
        """Return the name of the argument that each input stands for."""
        return [self.argnames[0 if self.variadic else i] for i in range(n_inputs)]

    def explain_failure(self, inputs: Any, arrays: Any, settings: dict[str, Any]) -> None:
        """Say more about an error of the op, if it was the operands' shapes that did not fit."""
        try:
            self.shape(*[np.shape(array) for array in arrays], **settings)
        except ShapeError as error:
            operands = " and ".join(map(describe, inputs, self.arguments(len(inputs))))
            raise ShapeError(f"{self.__name__} got {operands}: {error}", error.sizes) from None
        except Exception:
            return  # the op's own error says more

    def __copy__(self) -> Op:
        return self

    def __deepcopy__(self, memo: Any) -> Op:
        return self  # an op is known by identity: a copied graph refers to the same ops

    def __repr__(self) -> str:
        return f"<op {self.__name__}({', '.join((*self.argnames, *self.settings))})>"


def primitive(
    *,
    numpy: Function | None = None,
    shape: Function | None = None,
    dtype: Any = None,
    domain: Any = None,
    piecewise_constant: bool = False,
    moves_entries: bool = False,
    noun: str = "",
    symbol: str = "",
    roles: Mapping[str, str] | None = None,
    remedy: str = "",
    numpy_text: str | Function = "",
    latex: str = "",
) -> Callable[[Function], Op]:
    r"""Declare an op from a plain NumPy function.

    Parameters
    ----------
    numpy : function, optional
        The NumPy function that this op stands for: called on a Tensor, NumPy hands it over.
    shape : function, optional
        From the inputs' shapes (and the settings) to the result's shape. Without one the op is
        taken to work entry by entry, with broadcasting.
    dtype : dtype, optional
        The result's type, where it does not follow from the operands'.
    domain : tuple of float or tuple of tuple, optional
        Range from which test inputs are drawn, one for all inputs or one for each.
    piecewise_constant : bool
        The result does not move with its inputs (a comparison, an argmax): Tensors go in and a
        plain array comes out, off the tape.
    moves_entries : bool
        The result has the entries of its input, elsewhere or repeated.
    noun : str, optional
        What a result of it is called in a text: "product". The op's name by default.
    symbol : str, optional
        The Python operator that it is written as: ``"+"``.
    roles : mapping, optional
        What operands are called in a text: ``{"y": "denominator"}``.
    remedy : str, optional
        What to do when it makes a NaN or an infinity, for `detect_anomaly`.
    numpy_text : str or function, optional
        How it is written in NumPy, by the names of its inputs and settings, a function if that
        depends on the settings: ``"np.cumsum(x, axis=axis)"``. A keyword at its default is left
        out. Without this it is written as `symbol`, or as a call of `numpy` or of itself.
    latex : str, optional
        How it is typeset, ``#1`` being the first input: ``r"\sqrt{#1}"``. Without a ``#`` it is
        the name of the function: ``r"\exp"``.

    Returns
    -------
    decorator
        Makes an `Op` of a function whose parameters without default are the array inputs
        and whose other parameters (or keyword-only ones) are settings.

    Examples
    --------
    >>> @primitive()
    ... def cube(x):
    ...     return x * x * x
    >>> @cube.grad("x")
    ... def _(g, x):
    ...     "Each of the three factors moves the product."
    ...     return 3 * g * x * x
    >>> cube(2.0)
    8.0
    """

    def declare(forward: Function) -> Op:
        op = Op(
            forward, numpy=numpy, shape=shape, dtype=dtype, domain=domain,
            piecewise_constant=piecewise_constant, moves_entries=moves_entries, noun=noun,
            symbol=symbol, roles=roles, remedy=remedy, numpy_text=numpy_text, latex=latex,
        )  # fmt: skip
        if numpy is not None:
            NUMPY[numpy] = op
        return op

    return declare


def implements(*functions: Function) -> Callable[[_AnyFunction], _AnyFunction]:
    """Let a composed function stand for NumPy `functions` when they are called on a Tensor.

    Parameters
    ----------
    *functions : function
        NumPy functions. The decorated function takes their arguments, by NumPy's names; an
        argument of NumPy's that it leaves out is accepted at its default and refused otherwise.

    Returns
    -------
    decorator
        Registers the function, and returns it.

    Examples
    --------
    >>> from tinygrad_softmax.ops.reductions import mean
    >>> NUMPY[np.mean] is mean
    True
    """

    def declare(function: _AnyFunction) -> _AnyFunction:
        for known in functions:
            NUMPY[known] = function
        return function

    return declare
