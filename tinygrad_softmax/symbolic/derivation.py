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

from ..core.errors import check_names
from .algebra import Algebra
from .chain import Chain, check_fits
from .checked import checked
from .present import Presenter
from .program import Program, written
from .stabiliser import Stabiliser
from .stability import stabilised
from .terms import DerivationError
from .trace import Trace, trace


class Derivation:
    """A derived gradient: source, steps, and the function itself.

    Made by `derive`. Called with the inputs of the loss it returns the gradients by name.

    Attributes
    ----------
    source : str
        The function: the loss by the user's own names, its gradients, and the return.
    """

    def __init__(self, function: Callable[..., Any], wrt: tuple[str, ...], given: dict[str, Any],
                 traced: Trace, stable: bool = False) -> None:  # fmt: skip
        self.function = function
        self.wrt = wrt
        self.given = given
        self.stable = stable
        self.checked = "Not compared with automatic differentiation yet."
        self.trace, self._reformed = stabilised(traced) if stable else (traced, [])
        traced = self.trace
        name = getattr(function, "__name__", "the function")
        self.chain = Chain(traced, wrt, given, name)
        self.presenter = Presenter(traced.world, self.chain.algebra)
        finish = [Stabiliser(traced.world)] if stable else []
        self.program: Program = written(self.chain, self.presenter, *finish)
        self._finished = [step for stabiliser in finish for step in stabiliser.steps]
        self.source: str = self.program.source
        self._run = _compiled(self.program, name)

    @property
    def algebra(self) -> Algebra:
        """Where the laws were applied; ``algebra.steps`` are the applications."""
        return self.chain.algebra

    def __call__(self, /, **inputs: Any) -> dict[str, Any]:
        """Return the gradients by name."""
        return self.value_and_grad(**inputs)[1]

    def value_and_grad(self, /, **inputs: Any) -> tuple[Any, dict[str, Any]]:
        """Return the loss and the gradients by name."""
        check_fits(inputs, self.given, self.chain)
        loss, found, _ = self._run(**inputs)
        return loss, found

    def intermediates(self, /, **inputs: Any) -> dict[str, Any]:
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
    shown = [*program.code]
    result.value.elts.append(ast.Dict([*map(ast.Constant, shown)], [*map(ast.Name, shown)]))
    file = f"<derived from {name} {id(program)}>"
    source = ast.unparse(ast.fix_missing_locations(tree))
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    space: dict[str, Any] = {"np": np, **program.used}
    exec(compile(source, file, "exec"), space)
    made: Callable[..., Any] = space[function.name]
    return made


def derive(
    function: Callable[..., Any],
    /,
    wrt: str | tuple[str, ...] | None = None,
    *,
    stable: bool = False,
    **inputs: Any,
) -> Derivation:
    """Derive the hand-written gradient of a loss.

    Parameters
    ----------
    function : callable
        Computes a scalar loss with NumPy.
    wrt : str or tuple of str, optional
        By which inputs (or local variables, such as ``"scores"``) to differentiate; the first
        input if not given.
    stable : bool
        Bring the loss into a form that no score can overflow before it is differentiated: the
        function is then finite and right at scores of 1e4 even if the loss as written is not.
    **inputs
        The function's inputs by name. Their sizes stay names in the result.

    Returns
    -------
    Derivation
        With ``source``, ``steps``, and callable.

    Raises
    ------
    DerivationError
        If the derived function does not agree with the automatic gradients; with `stable`, also
        if no law reaches a form that is finite where the loss is.
    ValueError
        If an input has a name that no Python variable can have.
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
    check_names(inputs)
    inputs = {n: inputs[n] for n in names if n in inputs} | inputs
    chosen = (names[0],) if wrt is None else (wrt,) if isinstance(wrt, str) else tuple(wrt)
    derivation = _traced(function, inputs, chosen, stable, generic=True)
    problem = checked(derivation)
    if problem is not None and derivation.trace.generic:
        # a loop over the examples fits one size only, and is traced again for that
        derivation = _traced(function, inputs, chosen, stable, generic=False)
        problem = checked(derivation)
    if problem is not None:
        raise DerivationError(f"{problem}.\n{derivation.source}")
    return derivation


def _traced(
    function: Any, inputs: Any, wrt: tuple[str, ...], stable: bool, generic: bool
) -> Derivation:
    traced = trace(function, inputs, wrt, generic)
    for name in wrt:
        if name not in traced.inputs and name not in traced.names:
            raise TypeError(
                f"wrt={name!r} is neither an input ({', '.join(inputs)}) nor a local variable "
                f"({', '.join(traced.names)}) of the function"
            )
    return Derivation(function, wrt, inputs, traced, stable)
