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
from typing import Any

import numpy as np

from ..transforms import value_and_grad
from .algebra import Algebra
from .chain import Chain, check_fits
from .evaluate import evaluate
from .inputs import fresh
from .present import Presenter
from .program import Program, written
from .steps import Shown, shown
from .terms import DerivationError
from .trace import Trace, call, trace


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
        name = getattr(function, "__name__", "the function")
        self.chain = Chain(traced, wrt, given, name)
        self.presenter = Presenter(traced.world, self.chain.algebra)
        self.program: Program = written(self.chain, self.presenter)
        self.source: str = self.program.source
        self._run = _compiled(self.program, name)

    @property
    def algebra(self) -> Algebra:
        """Where the laws were applied; ``algebra.steps`` are the applications."""
        return self.chain.algebra

    @property
    def steps(self) -> list[Shown]:
        """Every application of a law: its sentence, before, after, and their difference."""
        return shown(self.chain, self.presenter)

    @property
    def markdown(self) -> str:
        """The derivation as Markdown: the laws used, in words and formulas, and the result."""
        parts = ["## The gradient, step by step", ""]
        for step in self.steps:
            parts += [f"**{step.law.replace('_', ' ')}.** {step.sentence}", "",
                      f"- from `{step.before}`", f"- to `{step.after}`", ""]  # fmt: skip
        return "\n".join([*parts, "## The result", "", "```python", self.source, "```", ""])

    def _repr_markdown_(self) -> str:
        return self.markdown

    def __call__(self, **inputs: Any) -> dict[str, Any]:
        """Return the gradients by name."""
        return self.value_and_grad(**inputs)[1]

    def value_and_grad(self, **inputs: Any) -> tuple[Any, dict[str, Any]]:
        """Return the loss and the gradients by name."""
        check_fits(inputs, self.given, self.chain)
        loss, found, _ = self._run(**inputs)
        return loss, found

    def intermediates(self, **inputs: Any) -> dict[str, Any]:
        """Return every named gradient on the way, as ``{"dscores": ...}``."""
        check_fits(inputs, self.given, self.chain)
        found: dict[str, Any] = self._run(**inputs)[2]
        return found


def _compiled(program: Program, name: str) -> Callable[..., Any]:
    """Run the source, with a third result: the local variables; shown in tracebacks."""
    tree = ast.parse(program.source)
    function = tree.body[-1]
    assert isinstance(function, ast.FunctionDef)
    result = function.body[-1]
    assert isinstance(result, ast.Return)
    assert isinstance(result.value, ast.Tuple)
    result.value.elts.append(
        ast.parse(
            "{name: value for name, value in locals().items() if name in _shown}", mode="eval"
        ).body
    )
    file = f"<derived from {name} {id(program)}>"
    source = ast.unparse(ast.fix_missing_locations(tree))
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    space: dict[str, Any] = {"np": np, "_shown": frozenset(program.shown), **program.used}
    exec(compile(source, file, "exec"), space)
    made: Callable[..., Any] = space[function.name]
    return made


def derive(
    function: Callable[..., Any], wrt: str | tuple[str, ...] | None = None, **inputs: Any
) -> Derivation:
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
    >>> d = derive(
    ...     lambda w, X, y: np.sum((X @ w - y) ** 2), w=np.ones(2), X=np.eye(2), y=np.ones(2)
    ... )
    >>> d(w=np.zeros(2), X=np.eye(2), y=np.ones(2))["w"].tolist()
    [-2.0, -2.0]
    """
    names = list(inspect.signature(function).parameters)
    inputs = {n: inputs[n] for n in names if n in inputs} | inputs
    chosen = (names[0],) if wrt is None else (wrt,) if isinstance(wrt, str) else tuple(wrt)
    derivation = _traced(function, inputs, chosen, generic=True)
    problem = _problem(derivation)
    if problem is not None and derivation.trace.generic:
        # a loop over the examples fits one size only, and is traced again for that
        derivation = _traced(function, inputs, chosen, generic=False)
        problem = _problem(derivation)
    if problem is not None:
        raise DerivationError(f"{problem}; this is a defect in a law.\n{derivation.source}")
    return derivation


def _traced(function: Any, inputs: Any, wrt: tuple[str, ...], generic: bool) -> Derivation:
    traced = trace(function, inputs, wrt, generic)
    for name in wrt:
        if name not in traced.inputs and name not in traced.names:
            raise TypeError(
                f"wrt={name!r} is neither an input ({', '.join(inputs)}) nor a local variable "
                f"({', '.join(traced.names)}) of the function"
            )
    return Derivation(function, wrt, inputs, traced)


def _problem(derivation: Derivation, rounds: int = 3) -> str | None:
    """Compare with the automatic gradients, here and at fresh inputs of other sizes."""
    given, traced = derivation.given, derivation.trace
    for i in range(rounds + 1):
        values = given if i == 0 else fresh(given, traced, seed=i)
        try:
            loss, found = derivation.value_and_grad(**values)
        except (IndexError, NameError, ValueError) as error:
            return f"the derived function fails: {error}"
        for name, (got, want) in _expected(derivation, values, loss, found).items():
            # what cancels to zero is zero to the rounding of what it was made of
            atol = 1e-6 * np.max(np.abs(want), initial=0.0) + 1e-12 * (1 + abs(loss))
            if np.shape(got) != np.shape(want) or not np.allclose(got, want, rtol=1e-6, atol=atol):
                where = "on the inputs given" if i == 0 else "on fresh inputs of other sizes"
                return f"{name} differs from automatic differentiation {where}"
    return None


def _expected(
    derivation: Derivation, values: dict[str, Any], loss: Any, found: dict[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """Pair what was derived with what automatic differentiation says."""
    function, chain = derivation.function, derivation.chain
    outer = tuple(name for name in derivation.wrt if name in derivation.given)
    if outer:
        expected, slopes = value_and_grad(lambda **kw: call(function, kw), wrt=outer)(**values)
    else:
        expected, slopes = call(function, values), ()
    pairs = {"the loss": (loss, expected)}
    pairs |= {f"d{name}": (found[name], g) for name, g in zip(outer, slopes, strict=True)}
    sizes = {s: np.shape(values[n])[axis] for s, (n, axis) in chain.trace.sizes.items()}
    for name in set(derivation.wrt) - set(outer):  # a local variable: by the rules themselves
        target = chain.target(name)
        g, value = evaluate([chain.raw.get(target, chain.algebra.zero), target], values | sizes)
        pairs[f"d{name}"] = (found[name], np.broadcast_to(g, np.shape(value)))
    return pairs
