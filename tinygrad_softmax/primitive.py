"""What an op is: one plain NumPy function plus one small documented function per argument.

Imports `tape`, `rules`, `shapes` and `errors`. Its one idea: a gradient rule's parameters name
what is kept from the forward pass, and its docstring is the sentence that explains the arrow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from . import shapes
from .errors import NoRuleError, ShapeError, describe
from .rules import Function, Plan, Rule
from .tape import Value

_AnyFunction = TypeVar("_AnyFunction", bound=Function)

#: NumPy function -> the function of ours that NumPy's dispatch protocols call in its place.
NUMPY: dict[Function, Function] = {}
#: Name -> primitive, in the order of declaration.
REGISTRY: dict[str, Primitive] = {}


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
        self.fresh = self.run is numpy  #: a ufunc never hands back an operand as its result
        self.__name__, self.__doc__ = forward.__name__, forward.__doc__
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
        """Compute; the first input that is a value, rather than an array, says how."""
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

    def grad(self, *argnames: str) -> Callable[[Function], Function]:
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
        >>> from tinygrad_softmax.ops.exponential import exp
        >>> exp.rules["x"].sentence
        'The exponential is its own slope, so `g` is scaled by `out`.'
        >>> exp.grad("z")(lambda g: g)
        Traceback (most recent call last):
            ...
        TypeError: rule for z of exp: it has no such argument; it has x
        """

        def declare(function: Function) -> Function:
            if unknown := set(argnames) - {*self.argnames}:
                raise TypeError(
                    f"rule for {', '.join(sorted(unknown))} of {self.__name__}: it has no such "
                    f"argument; it has {', '.join(self.argnames)}"
                )
            rule = Rule.of(function, self.__name__, argnames, self.names)
            self.rules |= dict.fromkeys(argnames, rule)
            self.plans.clear()
            return function

        return declare

    def plan(self, mask: int, n_inputs: int) -> Plan:
        """Work out, once for each set of tracked inputs, what is kept and where gradients go.

        Raises
        ------
        NoRuleError
            If a tracked argument has no rule.
        """
        arguments = self._arguments(n_inputs)
        self.plans[mask] = plan = Plan.of(self.__name__, arguments, mask, self.rules, self.names)
        return plan

    def _arguments(self, n_inputs: int) -> list[str]:
        """Return the name of the argument that each input stands for."""
        return [self.argnames[0 if self.variadic else i] for i in range(n_inputs)]

    def explain_failure(self, inputs: Any, arrays: Any, settings: dict[str, Any]) -> None:
        """Say more about an error of the op, if it was the operands' shapes that did not fit.

        Raises
        ------
        ShapeError
            With the operands' names and shapes, if the shape rule refuses these shapes.
        """
        try:
            self.shape(*[np.shape(array) for array in arrays], **settings)
        except ShapeError as error:
            names = self._arguments(len(inputs))
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


def implements(*functions: Function) -> Callable[[_AnyFunction], _AnyFunction]:
    """Let a composed function stand for NumPy `functions` when they are called on a Tensor.

    Parameters
    ----------
    *functions : function
        NumPy functions; the decorated function takes their arguments.

    Returns
    -------
    decorator
        Registers the function, and returns it.

    Examples
    --------
    >>> from tinygrad_softmax.composite.reductions import mean
    >>> NUMPY[np.mean] is mean
    True
    """

    def declare(function: _AnyFunction) -> _AnyFunction:
        for known in functions:
            NUMPY[known] = function
        return function

    return declare
