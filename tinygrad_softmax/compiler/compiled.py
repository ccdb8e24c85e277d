"""`compile`: a training step as fast as NumPy allows, by the rules of the tape.

A step is made for the sizes, types and static values of its inputs, and looked up by them. What it
rests on besides is asked at each call; what cannot be compiled is differentiated as usual, and that
is said once.
"""

from __future__ import annotations

import inspect
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import check_names
from ..core.transforms import value_and_grad
from .arguments import NotComparedError, NotCompiledError, check_compilable, settled
from .step import Step, made

#: A step is made anew so often for one signature, and for so many values of its static inputs.
_ATTEMPTS = 20
#: How many steps are kept for one signature, which rest on different values.
_VARIANTS = 4


class _Local(threading.local):
    """What each thread has for itself: its steps, by signature; none where the tape does it."""

    def __init__(self) -> None:
        self.entries: dict[Any, tuple[Step, ...]] = {}
        self.attempts: dict[Any, int] = {}  # of the same signatures
        self.values: dict[Any, set[Any]] = {}  # signature without static values -> signatures


class Compiled:
    """A compiled loss: called with its inputs by name, it returns the loss and the gradients.

    Made by `compile`.
    """

    def __init__(self, function: Callable[..., Any], wrt: tuple[str, ...], maxsize: int) -> None:
        self.function, self.wrt, self.maxsize = function, wrt, maxsize
        self.__name__ = getattr(function, "__name__", "the loss")
        self.__doc__ = getattr(function, "__doc__", None)
        self._lock = threading.Lock()
        self._local = _Local()
        self._warned = False
        self._latest: Step | None = None

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
        """Release this thread's steps and their workspaces."""
        self._local.entries.clear()
        self._local.attempts.clear()
        self._local.values.clear()

    def __call__(self, /, **inputs: Any) -> tuple[Any, dict[str, Any]]:
        """Return the loss and the gradients by name, in arrays of the caller's own."""
        key: list[Any] = [*inputs]
        for value in inputs.values():
            if type(value) is np.ndarray:
                key += value.shape
                key.append(value.dtype)
            elif type(value) is float:
                key.append(float)
            else:
                key.append(value.dtype if isinstance(value, np.floating) else (type(value), value))
        signature = tuple(key)
        try:
            steps = self._local.entries.get(signature)
        except TypeError:  # a list or a dict is no key
            steps, signature = None, ()
        if steps is None:
            return self._first(signature, inputs)
        if not steps and signature not in self._local.attempts:
            return self._eager(inputs)
        for step in steps:
            if step.holds(inputs):
                found = step(inputs)
                return self._eager(inputs) if found is None else found
        return self._first(signature, inputs)

    def _eager(self, inputs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        value, found = value_and_grad(self.function, wrt=self.wrt)(**inputs)
        return value, dict(zip(self.wrt, found, strict=True))

    def _first(self, key: Any, inputs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Compile for these inputs, once they are in the form that steps take."""
        check_names(inputs)
        ready = settled(self.function, inputs)
        try:
            check_compilable(ready)
        except NotCompiledError as reason:
            return self._fallen_back(ready, str(reason), key)
        if not key or [*ready] != [*inputs] or any(ready[n] is not inputs[n] for n in ready):
            return self(**ready)
        if any(0 in np.shape(value) for value in inputs.values()):
            return self._eager(inputs)  # sums over nothing
        try:
            self._count(key)
            with self._lock:
                step = made(self.function, self.wrt, inputs)
        except NotComparedError as reason:
            if self._local.attempts[key] == _ATTEMPTS:
                return self._fallen_back(inputs, str(reason), key)
            self._keep(key, (), self._local.attempts[key])
            return self._eager(inputs)
        except NotCompiledError as reason:
            return self._fallen_back(inputs, str(reason), key)
        except Exception as error:
            return self._fallen_back(inputs, f"{type(error).__name__}: {error}", key)
        self._latest = step
        others = self._local.entries.get(key, ())[: _VARIANTS - 1]
        self._keep(key, (step, *others), self._local.attempts[key])
        return step(inputs) or self._eager(inputs)

    def _count(self, key: Any) -> None:
        """Count the steps for inputs of the same kind, and raise when they are too many."""
        attempts, values = self._local.attempts, self._local.values
        attempts[key] = attempts.get(key, 0) + 1
        family = tuple(part[0] if isinstance(part, tuple) else part for part in key)
        seen = values.pop(family, set()) | {key}
        if family != key:
            values[family] = seen
            if len(values) > self.maxsize:
                del values[next(iter(values))]
        if attempts[key] > _ATTEMPTS or len(seen) > _ATTEMPTS:
            raise NotCompiledError(
                "what it depends on besides the sizes and types of its inputs changes from call "
                "to call; pass what changes as an array or a float"
            )

    def _keep(self, key: Any, steps: tuple[Step, ...], attempts: int = 0) -> None:
        entries, counted = self._local.entries, self._local.attempts
        entries.pop(key, None)
        counted.pop(key, None)
        while len(entries) >= self.maxsize:
            oldest = next(iter(entries))
            del entries[oldest]  # with its workspace
            counted.pop(oldest, None)
        entries[key] = steps
        if attempts:
            counted[key] = attempts

    def _fallen_back(
        self, inputs: dict[str, Any], reason: str, key: Any
    ) -> tuple[Any, dict[str, Any]]:
        found = self._eager(inputs)
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"{self.__name__} is not compiled but differentiated step by step, with the same "
                f"result at eager speed: {reason}",
                RuntimeWarning,
                stacklevel=_depth(),
            )
        if key:
            self._keep(key, ())
        return found


def _depth() -> int:
    """Return how many frames above the caller the one is that called this module."""
    frame, depth = sys._getframe(1), 1
    while frame.f_code.co_filename == __file__ and frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    return depth


def compile(  # noqa: A001 - the name that users of torch.compile look for
    function: Callable[..., Any], wrt: str | tuple[str, ...] | None = None, maxsize: int = 8
) -> Compiled:
    """Compile a loss and its gradients to NumPy that works in place.

    For each signature of shapes and types the loss is traced, differentiated by the rules of the
    tape, and written as NumPy source. This reuses its workspace, overwrites values that are not
    needed any more, and works in blocks of rows that stay in the cache. Before its first use a step
    is compared with the tape, at the inputs of the call and at others.

    Parameters
    ----------
    function : callable
        Computes a scalar loss with NumPy.
    wrt : str or tuple of str, optional
        With respect to which inputs to differentiate; the first one if not given.
    maxsize : int
        How many signatures are cached for each thread, each with its workspace. The oldest is
        dropped.

    Returns
    -------
    Compiled
        Called with the inputs by name, it returns the loss and a dict of gradients. No later call
        changes these arrays. Threads may call it at the same time.

    Raises
    ------
    TypeError
        If `wrt` names no parameter of the function, or it has none.
    ValueError
        If `maxsize` is less than 1.

    Warns
    -----
    RuntimeWarning
        Once, if the loss cannot be compiled, for instance because it branches on values: it is
        then differentiated as by `value_and_grad`, with the same result.

    Notes
    -----
    What the loss reads besides its inputs (variables around it, attributes of objects, entries of
    arrays) is compared in every call; if it has changed, the loss is traced again. The same holds
    for an input that is an ``int``, because the loss may branch on it: pass numbers that change
    from step to step as floats. A loss that draws random numbers or has side effects is not
    compiled.

    If a step overflows, divides by 0 or is otherwise invalid, the loss is computed in a form that
    no score can overflow. If that is invalid too, or a label is out of range, the tape is used,
    with NumPy's own warnings. So a result may be finite where the loss as written is not. So may
    a gradient that would be NaN because of 0 times infinity at entries that no label picks, or
    because of a division by an exponential that underflows to 0.

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
