"""`derive`: from a loss to its hand-written gradient, checked."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from .core.errors import check_names
from .ir.assembly import Assembly
from .ir.choice import Chooser
from .ir.document import document, document_of_jacobian, steps
from .ir.expr import DerivationError
from .ir.parts import latex, markdown, plain
from .ir.program import Program
from .ir.stable import finish, stabilised
from .ir.trace import Trace, call, checked_inputs, trace
from .ir.verify import check_call, facts, verify
from .ir.visit import ordered

__all__ = ["Derivation", "DerivationError", "derive"]

#: How many entries a Jacobian may have: 80 MB.
_LARGEST_JACOBIAN = 10_000_000


class Fixed(NamedTuple):
    """A size or a value that a program holds for alone, as a text; calls are checked elsewhere."""

    text: str


class Derivation:
    """A derived gradient: source, and the function itself.

    Made by `derive`. Called with the inputs of the loss it returns the gradients by name.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        wrt: tuple[str, ...],
        given: dict[str, Any],
        traced: Trace,
        stable: bool = False,
        upstream: str = "",
        jacobian: bool = False,
    ) -> None:
        self.function, self.wrt, self.given, self.stable = function, wrt, given, stable
        self._upstream, self._jacobian = upstream, jacobian
        #: what it was compared with, and what could not be checked
        self.checked = "Not compared with automatic differentiation yet."
        self.known = list(facts(given, traced))
        self.rests_on: tuple[Any, ...] = ()
        self.trace, self._traced, self._stabilised = traced, traced, None
        if stable:
            self._stabilised = stabilised(traced, self.known)
            self.trace = self._stabilised.trace
        self.value = _multiplied(self.trace, upstream) if upstream else None
        self._called_with = self.trace
        if jacobian:  # which has no upstream gradient
            self._called_with = _without(self.trace, upstream)
        #: how a loss was brought into a form that no score can overflow
        self.rewrites = self._stabilised.steps if self._stabilised else ()
        self.chooser: Chooser
        #: the same as `source`, as statements over expressions
        self.program: Program = self._chosen()
        self._run = self.program.compiled()

    def _chosen(self) -> Program:
        """Choose a program; facts about inputs are assumed only if they make it shorter."""
        known = [f for f in self.known if f.kind == "distribution"]
        program = self._with(known)
        used = [f for f in known if (f.name, f.axis) in self.chooser.algebra.applied]
        best = len(program.gradient)
        for fact in list(used):
            fewer = [f for f in used if f is not fact]
            other = self._with(fewer)
            if len(other.gradient) <= best:
                used, best = fewer, len(other.gradient)
        return self._with(used) if known else program

    def _with(self, known: list[Any]) -> Program:
        rests_on = [*known, *(self._stabilised.rests_on if self._stabilised else ())]
        self.rests_on = tuple(dict.fromkeys(rests_on))
        pairs = [(f.name, f.axis) for f in known]
        self.chooser = Chooser(self.trace, self.wrt, pairs)
        holding = (*self._called_with.assumptions, *self.rests_on)
        texts = {fact.text for fact in holding}
        fixed = [Fixed(text) for text in self._called_with.fixed() if text not in texts]
        assumptions = (*fixed, *holding)
        last = (lambda e: finish(e, self.trace.world)[0]) if self.stable else (lambda e: e)
        absent = self.trace.inputs.keys() - self._called_with.inputs.keys()
        inputs, targets = tuple(n for n in self.given if n not in absent), None
        if self._jacobian:
            called = {name: f"d{self._called()}_d{name}" for name in self.wrt}
            called = {name: self.chooser.unused(made) for name, made in called.items()}
            upstream = self.trace.inputs[self._upstream]
            targets = self.chooser.jacobians(upstream, called)
        made = Assembly(self.chooser, inputs, assumptions, last, self.value, targets)
        return made.program()

    def _called(self) -> str:
        """Return what the derivative of the function's value is called after."""
        for name, e in self.trace.names.items():
            if e is self.value:
                return str(name)
        name = getattr(self.function, "__name__", "")
        return name if name.isidentifier() else "f"

    @cached_property
    def source(self) -> str:
        """The function: the loss by the user's own names, its gradients, and the return."""
        return self.program.source()

    @cached_property
    def _parts(self) -> tuple[Any, ...]:
        if self._jacobian:
            return tuple(document_of_jacobian(self, self._product, self._upstream))
        return tuple(document(self))

    @cached_property
    def _product(self) -> Derivation:
        """The derivation of the product with an upstream gradient, for a Jacobian."""
        if not self._jacobian:
            return self
        return Derivation(
            self.function, self.wrt, self.given, self._traced, self.stable, self._upstream
        )

    @cached_property
    def steps(self) -> list[Any]:
        """Every step: gradient, sentence, before, after, and by how much they differ in numbers."""
        return steps(self._product)

    def __str__(self) -> str:
        return plain(self._parts)

    @property
    def markdown(self) -> str:
        """The derivation as Markdown, a chain of equalities from the chain rule on."""
        return markdown(self._parts)

    @property
    def latex(self) -> str:
        """The derivation as a LaTeX fragment (it needs ``amsmath``)."""
        return latex(self._parts)

    def _repr_markdown_(self) -> str:
        return self.markdown

    def _repr_latex_(self) -> str:
        return self.latex

    def __call__(self, /, **inputs: Any) -> dict[str, Any]:
        """Return the gradients by name."""
        return self.value_and_grad(**inputs)[1]

    def value_and_grad(self, /, **inputs: Any) -> tuple[Any, dict[str, Any]]:
        """Return the loss and the gradients by name."""
        inputs = self._checked(inputs)
        loss, found, _ = self._run(**inputs)
        return loss, found

    def _checked(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Return the inputs of a call, lists as arrays; raise unless they are as derived for."""
        inputs = {n: np.asarray(v) if isinstance(v, list) else v for n, v in inputs.items()}
        check_call(inputs, self.given, self._called_with, self.rests_on)
        return inputs

    def intermediates(self, /, **inputs: Any) -> dict[str, Any]:
        """Return the gradients of all named values, as ``{"dscores": ...}``."""
        inputs = self._checked(inputs)
        gradients = {s.target for s in self.program.statements if s.part == "gradient"}
        return {name: value for name, value in self._run(**inputs)[2].items() if name in gradients}


def derive(
    function: Callable[..., Any],
    /,
    wrt: str | tuple[str, ...] | None = None,
    *,
    stable: bool = False,
    upstream: str | None = None,
    jacobian: bool = False,
    **inputs: Any,
) -> Derivation:
    """Derive the hand-written gradient of a loss.

    Parameters
    ----------
    function : callable
        Computes a scalar loss with NumPy; any array with `upstream`.
    wrt : str or tuple of str, optional
        With respect to which inputs (or local variables, such as ``"scores"``) to differentiate;
        the first input if not given.
    stable : bool
        Bring the loss into a form that no score can overflow before it is differentiated: the
        function is then finite and right at scores of 1e4 even if the loss as written is not.
    upstream : str, optional
        Derive the vector-Jacobian product of a function that returns an array: the name of the
        gradient with respect to what it returns, an input of the derived function.
    jacobian : bool
        Derive the Jacobian of a function that returns an array instead: its shape is that of
        the value followed by that of the input. For a function that works entry by entry, or a
        small one: the array that is made has an entry for each pair.
    **inputs
        The function's inputs by name. Their sizes stay names in the result.

    Returns
    -------
    Derivation
        With ``source``, ``checked``, and callable.

    Raises
    ------
    DerivationError
        If the derived function does not agree with the automatic gradients, if the loss or its
        gradient is not finite at the inputs, or, with `stable`, if no law reaches a form that is
        finite where the loss is.
    DataError, TypeError
        If an input is of a type that cannot be differentiated, or `wrt` names none.
    ValueError
        If an input has a name that no Python variable can have, or if both `upstream` and
        `jacobian` are asked for.
    BranchError
        If the function's course depends on a value that is differentiated.

    Examples
    --------
    >>> d = derive(
    ...     lambda w, X, y: np.sum((X @ w - y) ** 2), w=np.ones(2), X=np.eye(2), y=np.ones(2)
    ... )
    >>> d(w=np.zeros(2), X=np.eye(2), y=np.ones(2))["w"].tolist()
    [-2.0, -2.0]
    >>> def softmax(s):
    ...     e = np.exp(s)
    ...     p = e / np.sum(e)
    ...     return p
    >>> print(derive(softmax, upstream="g", s=np.array([1.0, 2.0])).program.gradient)
    ds = p * (g - g @ p)
    >>> print(derive(softmax, jacobian=True, s=np.array([1.0, 2.0])).program.gradient)
    dp_ds = np.diag(p) - np.outer(p, p)
    """
    names = list(inspect.signature(function).parameters)
    check_names(inputs)
    inputs = {n: inputs[n] for n in names if n in inputs} | inputs
    chosen = (names[0],) if wrt is None else (wrt,) if isinstance(wrt, str) else wrt
    inputs = checked_inputs(inputs, chosen)
    loss = function
    if jacobian:
        if upstream is not None:
            raise ValueError("upstream= and jacobian=True exclude each other: choose one")
        upstream = next(name for name in _letters() if name not in names and name not in inputs)
    if upstream is not None:
        loss, inputs = _paired(function, inputs, chosen, upstream)
        if jacobian:
            _check_size(inputs, chosen, upstream)
    traced = trace(loss, inputs, chosen)
    derivation = Derivation(function, chosen, inputs, traced, stable, upstream or "", jacobian)
    run = derivation._run
    if upstream is not None:
        run = _weighed(run, upstream, jacobian)
    verdict = verify(run, loss, traced, chosen, inputs, stable, derivation.rests_on)
    if verdict.problem is not None:
        told = "" if verdict.kind == "given" else f"\n{derivation.source}"
        raise DerivationError(f"{verdict.problem}.{told}")
    derivation.checked = verdict.checked
    return derivation


def _paired(
    function: Any, inputs: dict[str, Any], wrt: tuple[str, ...], upstream: str
) -> tuple[Any, dict[str, Any]]:
    """Return the loss ``sum(g * f)``, whose gradient is the vjp of f, and inputs with a g drawn."""
    if upstream in inputs:
        raise ValueError(
            f"upstream={upstream!r} is an input of the function already: choose another"
        )
    check_names([upstream])
    plain = checked_inputs(inputs, wrt)
    shape = np.shape(call(function, plain))
    drawn = np.random.default_rng(0).standard_normal(shape)

    def loss(**given: Any) -> Any:
        g = given.pop(upstream)
        return np.sum(g * call(function, given))

    loss.__name__ = getattr(function, "__name__", "the function")
    return loss, inputs | {upstream: drawn if shape else float(drawn)}


def _multiplied(traced: Trace, upstream: str) -> Any:
    """Return what the function returns, from the sum of its products with a gradient."""
    value = next(e for e in traced.output.args[0].args if e is not traced.inputs[upstream])
    if value.op is not None and all(e is not value for e in traced.names.values()):
        name = "value"
        while name in traced.names or name in traced.inputs:
            name += "_"
        traced.names[name] = value
    return value


def _without(traced: Trace, name: str) -> Trace:
    """Return a trace for calls in which an input is not given."""
    own = (name, *(f"{name}.shape[{a}]" for a in range(len(traced.inputs[name].shape))))
    return traced._replace(
        inputs={n: e for n, e in traced.inputs.items() if n != name},
        assumptions=[
            a for a in traced.assumptions if all(e.label not in own for e in ordered([a.fact]))
        ],
    )


def _letters() -> Iterator[str]:
    """Yield names for an upstream gradient that is on the way only."""
    return ("g" + "_" * n for n in count())


def _check_size(inputs: dict[str, Any], wrt: tuple[str, ...], upstream: str) -> None:
    """Refuse a Jacobian that would be larger than it can be of use."""
    shape = np.shape(inputs[upstream])
    for name in wrt:
        whole = (*shape, *np.shape(inputs[name]))
        if math.prod(whole) > _LARGEST_JACOBIAN:
            raise DerivationError(
                f"the Jacobian with respect to {name} would have the shape {whole}, which is "
                f"{math.prod(whole):,} entries: pass smaller inputs, or derive the product with an "
                'upstream gradient, which needs no such array (upstream="g")'
            )


def _weighed(run: Any, upstream: str, jacobian: bool) -> Any:
    """Return a run of the derived function with the scalar that is compared.

    A Jacobian is compared by its product with an upstream gradient that is drawn.
    """

    def weighed(**inputs: Any) -> Any:
        g = inputs[upstream]
        if not jacobian:
            value, *rest = run(**inputs)
            return (np.sum(g * value), *rest)
        value, found, *rest = run(**{n: v for n, v in inputs.items() if n != upstream})
        products = {name: np.tensordot(g, array, np.ndim(g)) for name, array in found.items()}
        return (np.sum(g * value), products, *rest)

    return weighed
