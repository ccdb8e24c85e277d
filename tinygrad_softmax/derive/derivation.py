"""`derive`: from a loss to its hand-written gradient, step by step and checked.

Imports everything of this folder. The gradient of the trace is taken by the rules that
differentiate arrays, simplified by the laws, written as NumPy, and compared with the automatic
gradients, on the inputs given and on fresh ones of other sizes, before it is returned.
"""

from __future__ import annotations

import ast
import inspect
import linecache
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..backward import gradients
from ..errors import BackwardError
from ..transforms import value_and_grad
from .algebra import Algebra, Law
from .align import expanded
from .expr import Expr, ordered
from .inputs import distributions, fresh
from .laws import LAWS
from .present import Presenter
from .program import Program, written
from .simplify import Simplifier
from .trace import Trace, call, trace


class DerivationError(RuntimeError):
    """A derived function that does not agree with the automatic gradients: never returned."""


class Shown(NamedTuple):
    """One step of a derivation, as text."""

    of: str  # the gradient it belongs to, as in "dscores"
    law: str
    sentence: str
    before: str
    after: str
    difference: float  # the largest numerical difference between before and after


class Derivation:
    """A derived gradient: source, steps, and the function itself.

    Made by `derive`. Called with the inputs of the loss it returns the gradients by name.
    """

    def __init__(self, function: Callable[..., Any], wrt: tuple[str, ...], given: dict[str, Any],
                 traced: Trace) -> None:  # fmt: skip
        self.function = function
        self.wrt = wrt
        self.given = given
        self.trace = traced
        self.algebra = Algebra(traced.world, LAWS)
        self.simplify = Simplifier(self.algebra)
        self.gradients: dict[Expr, Expr] = {}  # traced value -> its canonical gradient
        self.marks: list[tuple[Expr, int]] = []  # where the steps of each gradient begin
        self._differentiate()
        self.presenter = Presenter(traced.world, self.algebra)
        self.program: Program = written(self)
        self.source: str = self.program.source
        self._run = _compiled(self.program, getattr(function, "__name__", "loss"))

    def _differentiate(self) -> None:
        """Take the gradient of the trace and bring it into canonical form."""
        algebra, traced = self.algebra, self.trace
        for name, e in traced.inputs.items():
            for axis in distributions(self.given[name]):
                algebra.distributions.add((e, (axis,)))
        for e in ordered([traced.output, *traced.names.values()]):
            self.simplify(e)
        algebra.steps.clear()  # how the loss itself was read is no part of the derivation
        if not traced.output.tracked:
            raise BackwardError(
                f"{getattr(self.function, '__name__', 'the function')} does not depend on "
                f"{', '.join(self.wrt)}: there is nothing to derive"
            )
        for node, g, _ in gradients(traced.output, traced.world.lift(1.0)):
            self.marks.append((node, len(algebra.steps)))
            self.gradients[node] = canonical = self.simplify(g)
            if node.primitive is not None and canonical.shape:
                algebra.held.add(canonical)

    def target(self, name: str) -> Expr:
        """Return what `name` of `wrt` stands for: an input, or a local variable."""
        return self.trace.inputs[name] if name in self.trace.inputs else self.trace.names[name]

    def gradient(self, name: str) -> Expr:
        """Return the simplified gradient for one of `wrt`, in full shape."""
        target = self.target(name)
        g = self.gradients.get(target, self.algebra.zero)
        return expanded(self.algebra, g, target.shape)

    @property
    def laws(self) -> list[Law]:
        """The laws that were used, in the order of their first use."""
        return list(dict.fromkeys(step.law for step in self.algebra.steps))

    def __call__(self, **inputs: Any) -> dict[str, Any]:
        """Return the gradients by name."""
        return self.value_and_grad(**inputs)[1]

    def value_and_grad(self, **inputs: Any) -> tuple[Any, dict[str, Any]]:
        """Return the loss and the gradients by name."""
        loss, found, _ = self._run(**inputs)
        return loss, found

    def intermediates(self, **inputs: Any) -> dict[str, Any]:
        """Return every named gradient on the way, as ``{"dscores": ...}``."""
        return self._run(**inputs)[2]  # type: ignore[no-any-return]


def _compiled(program: Program, name: str) -> Callable[..., Any]:
    """Run the source, with a third result: the local variables; shown in tracebacks."""
    tree = ast.parse(program.source)
    function = tree.body[-1]
    assert isinstance(function, ast.FunctionDef)
    result = function.body[-1]
    assert isinstance(result, ast.Return) and isinstance(result.value, ast.Tuple)
    result.value.elts.append(ast.parse(
        "{name: value for name, value in locals().items() if name in _shown}", mode="eval").body)
    file = f"<derived from {name} {id(program)}>"
    source = ast.unparse(ast.fix_missing_locations(tree))
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    space: dict[str, Any] = {"np": np, "_shown": frozenset(program.shown), **program.used}
    exec(compile(source, file, "exec"), space)
    made: Callable[..., Any] = space[function.name]
    return made


def derive(function: Callable[..., Any], wrt: str | tuple[str, ...] | None = None, **inputs: Any) -> Derivation:
    """Derive the hand-written gradient of a loss.

    Parameters
    ----------
    function : callable
        Computes a scalar loss with NumPy.
    wrt : str or tuple of str, optional
        By which inputs (or local variables, such as ``"scores"``) to differentiate; the first
        input if not given.
    **inputs
        The function's inputs by name. Their sizes stay names in the result.

    Returns
    -------
    Derivation
        With ``source``, ``steps``, and callable.

    Raises
    ------
    DerivationError
        If the derived function does not agree with the automatic gradients.
    BranchError
        If the function's course depends on values.

    Examples
    --------
    >>> d = derive(lambda w, X, y: np.sum((X @ w - y) ** 2), w=np.ones(2), X=np.eye(2), y=np.ones(2))
    >>> d(w=np.zeros(2), X=np.eye(2), y=np.ones(2))["w"].tolist()
    [-2.0, -2.0]
    """
    names = list(inspect.signature(function).parameters)
    inputs = {n: inputs[n] for n in names if n in inputs} | inputs
    chosen = (names[0],) if wrt is None else (wrt,) if isinstance(wrt, str) else tuple(wrt)
    traced = trace(function, inputs, chosen)
    for name in chosen:
        if name not in traced.inputs and name not in traced.names:
            raise TypeError(
                f"wrt={name!r} is neither an input ({', '.join(inputs)}) nor a local variable "
                f"({', '.join(traced.names)}) of the function"
            )
    derivation = Derivation(function, chosen, inputs, traced)
    _verify(derivation)
    return derivation


def _verify(derivation: Derivation, rounds: int = 3) -> None:
    """Compare with the automatic gradients, here and at fresh inputs of other sizes."""
    function = derivation.function
    outer = tuple(name for name in derivation.wrt if name in derivation.given)
    for i in range(rounds + 1):
        values = derivation.given if i == 0 else fresh(derivation.given, derivation.trace, seed=i)
        loss, found = derivation.value_and_grad(**values)
        if not outer:
            continue
        expected, slopes = value_and_grad(lambda **kw: call(function, kw), wrt=outer)(**values)
        pairs = {"the loss": (loss, expected)}
        pairs |= {f"d{name}": (found[name], g) for name, g in zip(outer, slopes, strict=True)}
        for name, (got, want) in pairs.items():
            got, want = np.asarray(got), np.asarray(want)
            scale = max(1e-300, float(np.max(np.abs(want), initial=0.0)))
            if got.shape != want.shape or not np.allclose(got, want, rtol=1e-6, atol=1e-6 * scale):
                raise DerivationError(
                    f"{name} of the derived function differs from automatic differentiation "
                    f"({'on the inputs given' if i == 0 else 'on fresh inputs of other sizes'}); "
                    f"this is a defect in a law.\n{derivation.source}"
                )
