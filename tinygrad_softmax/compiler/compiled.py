"""`compile`: a training step as fast as NumPy allows, by the derived gradient.

Imports `programs`. A step is looked up by the shapes and types of its inputs; what cannot be
compiled is differentiated as ever, and that is said once.
"""

from __future__ import annotations

import inspect
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import check_names
from ..core.transforms import value_and_grad
from ..symbolic.terms import DerivationError
from .arguments import NotCompiledError, check_compilable, settled
from .formula import Formula
from .programs import Entry, Program, trusted

#: How many formulas are kept: one does for all sizes, unless these settle its course.
_FORMULAS = 8


class _Local(threading.local):
    """What each thread has for itself: its steps, by signature."""

    def __init__(self) -> None:
        self.entries: dict[Any, Entry] = {}


class Compiled:
    """A compiled loss: called with its inputs by name, it returns the loss and the gradients.

    Made by `compile`.
    """

    def __init__(self, function: Callable[..., Any], wrt: tuple[str, ...], maxsize: int) -> None:
        self.function, self.wrt, self.maxsize = function, wrt, maxsize
        self.__name__ = getattr(function, "__name__", "the loss")
        self.__doc__ = getattr(function, "__doc__", None)
        self._formulas: list[Formula] = []
        self._lock = threading.Lock()
        self._local = _Local()
        self._warned = False
        self._latest: Program | None = None

    def __reduce__(self) -> Any:
        return compile, (self.function, self.wrt, self.maxsize)

    def __repr__(self) -> str:
        return f"<compiled {self.__name__} by {', '.join(self.wrt)}>"

    @property
    def source(self) -> str:
        """The source of the step compiled last.

        Raises
        ------
        RuntimeError
            If nothing has been compiled yet: that happens at the first call, for its shapes.
        """
        if self._latest is None:
            raise RuntimeError(
                f"{self.__name__} has not been compiled yet: call it once, with inputs of the "
                "shapes that you want to see the source for"
            )
        return self._latest.source

    def clear(self) -> None:
        """Let go of this thread's workspaces; what was traced is kept."""
        self._local.entries.clear()

    def __call__(self, /, **inputs: Any) -> tuple[Any, dict[str, Any]]:
        """Return the loss and the gradients by name, in arrays of the caller's own."""
        key: list[Any] = [*inputs]
        for value in inputs.values():
            if type(value) is np.ndarray:
                key += value.shape
                key.append(value.dtype)
            elif isinstance(value, float | np.floating):
                key.append(float)
            else:
                key.append((type(value), value))
        signature = tuple(key)
        try:
            entry = self._local.entries.get(signature)
        except TypeError:  # a list or a dict is no key
            return self._first(None, inputs)
        if (
            entry is None
            or (entry.around is not None and not entry.around.unchanged())
            or (entry.conditional and not entry.fits(inputs))
        ):
            return self._first(signature, inputs)
        return self._run(entry, inputs, signature)

    def _run(
        self, entry: Entry, inputs: dict[str, Any], key: Any = None
    ) -> tuple[Any, dict[str, Any]]:
        if entry.first is not None:
            try:
                with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
                    found = entry.first(**inputs)
                    if found is None and (safe := entry.safe(inputs)) is not None:
                        found = safe(**inputs)
            except (IndexError, ValueError) as error:  # sizes that do not fit, here or in the loss
                return self._fallen_back(inputs, f"{type(error).__name__}: {error}", key)
            if found is not None:
                value, gradients = found
                if value == value:  # masked scores (-inf) make a NaN of a formula for finite ones
                    return value, gradients
        return self._eager(inputs)

    def _eager(self, inputs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        value, found = value_and_grad(self.function, wrt=self.wrt)(**inputs)
        return value, dict(zip(self.wrt, found, strict=True))

    def _first(self, key: Any, inputs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Compile for these inputs, once they are in the form that steps take."""
        check_names(inputs)
        ready = settled(self.function, inputs)
        try:
            check_compilable(ready)
            same = [*ready] == [*inputs] and all(ready[n] is inputs[n] for n in ready)
            if key is None or not same:
                return self(**ready)
            entry = Entry(self._formula(inputs), inputs)
        except NotCompiledError as reason:
            return self._fallen_back(ready, str(reason), key)
        except Exception as error:
            return self._fallen_back(inputs, f"{type(error).__name__}: {error}", key)
        self._latest = entry.program or self._latest
        self._keep(key, entry)
        return self._run(entry, inputs, key)

    def _keep(self, key: Any, entry: Entry) -> None:
        entries = self._local.entries
        entries.pop(key, None)
        while len(entries) >= self.maxsize:
            del entries[next(iter(entries))]  # the oldest, with its workspace
        entries[key] = entry

    def _formula(self, inputs: dict[str, Any]) -> Formula | None:
        """Return a formula that fits the inputs, traced now if there is none."""
        if any(0 in np.shape(value) for value in inputs.values()):
            return None  # sums over nothing: eager says what they are
        with self._lock:
            for formula in self._formulas:
                if formula.fits(inputs):
                    return formula
            formula = Formula(self.function, self.wrt, inputs, generic=True)
            if not trusted(formula):
                formula = Formula(self.function, self.wrt, inputs, generic=False)
                if not trusted(formula):
                    raise DerivationError("its derived gradient differs from the automatic one")
            formula.settle()
            self._formulas = [formula, *self._formulas[: _FORMULAS - 1]]
            return formula

    def _fallen_back(
        self, inputs: dict[str, Any], reason: str, key: Any = None
    ) -> tuple[Any, dict[str, Any]]:
        found = self._eager(inputs)  # what the user did wrong is said here
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"{self.__name__} is not compiled but differentiated step by step, with the same "
                f"result at eager speed: {reason}",
                RuntimeWarning,
                stacklevel=4,
            )
        if key is not None:
            self._keep(key, Entry(None, inputs))
        return found


def compile(  # noqa: A001 - the name that users of torch.compile look for
    function: Callable[..., Any], wrt: str | tuple[str, ...] | None = None, maxsize: int = 8
) -> Compiled:
    """Compile a loss and its gradients to NumPy that works in place.

    The loss is traced and differentiated once, brought into a form that no score can overflow, and
    for each signature of shapes and types written as NumPy source: with a workspace that is reused,
    in place where a value is needed no more, in blocks of rows that stay in the cache.

    Parameters
    ----------
    function : callable
        Computes a scalar loss with NumPy.
    wrt : str or tuple of str, optional
        By which inputs to differentiate; the first if not given.
    maxsize : int
        How many signatures are kept for each thread, each with its workspace; the oldest goes.

    Returns
    -------
    Compiled
        Called with the inputs by name, returns the loss and a dict of gradients, which are the
        caller's own: no later call changes them. Threads may call it at the same time.

    Raises
    ------
    TypeError
        If `wrt` names no parameter of the function, or it has none.
    ValueError
        If `maxsize` is less than 1.

    Warns
    -----
    RuntimeWarning
        Once, if the loss cannot be compiled (its course depends on values, say): it is then
        differentiated as by `value_and_grad`, with the same result.

    Notes
    -----
    What the loss reads besides its inputs (variables around it, attributes of objects) is looked at
    in every call; when it has changed, the loss is traced anew. So it is for an input that is an
    ``int``, which may settle the formula: pass numbers that change from step to step as floats. A
    loss that draws random numbers is not compiled.

    Examples
    --------
    >>> step = compile(lambda w, X, y: np.sum((X @ w - y) ** 2))
    >>> value, grads = step(w=np.zeros(2), X=np.eye(2), y=np.ones(2))
    >>> float(value), grads["w"].tolist()
    (2.0, [-2.0, -2.0])
    """
    if maxsize < 1:
        raise ValueError(f"maxsize is how many signatures are kept, at least 1, got {maxsize}")
    names = list(inspect.signature(function).parameters)
    if not names:
        raise TypeError("the function has no parameters, so there is nothing to differentiate by")
    chosen = (names[0],) if wrt is None else (wrt,) if isinstance(wrt, str) else tuple(wrt)
    for name in chosen:
        if name not in names:
            raise TypeError(
                f"wrt={name!r} is no parameter of the function, which has {', '.join(names)}"
            )
    return Compiled(function, chosen, maxsize)
