"""A step for inputs of certain sizes and types: what it rests on, and whether it is right.

Before its first use a step is compared with the tape at the inputs of the call, and at others of
the same sizes. Where floating-point arithmetic leaves its range, the loss in its stable form does
it; where that does so, too, the tape, whose warnings are then the user's.
"""

from __future__ import annotations

import itertools
import linecache
import math
import random
import re
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from ..core.transforms import value_and_grad
from ..ir.trace import Trace, trace, trace_as_given
from ..ir.visit import ordered
from .arguments import NotComparedError, NotCompiledError
from .graph import Graph, graph_of, stable_graph_of
from .lowering import Lowering
from .rows import cut_of
from .source import Source
from .surroundings import Surroundings

#: A loop over examples makes more operations than this, and slow code.
_MOST = 3000
#: Arrays of fewer bytes are looked at after a comparison: they must not be written to. Inputs of
#: more in all are large: they are compared once, or at fewer rows.
_SMALL = 1 << 22
_NUMBER = re.compile(r"\b\d+(\.\d+)?(e[-+]?\d+)?\b")
_NUMBERS = itertools.count(1)
Results = tuple[Any, dict[str, Any]]


class Code:
    """The source of one graph, compiled; the workspace is made when it is first run."""

    def __init__(
        self, name: str, graph: Graph, inputs: dict[str, Any], wrt: tuple[str, ...]
    ) -> None:
        cut = cut_of(graph, wrt)
        lowering = Lowering(graph, inputs, cut)
        self.cut = None if cut is None else (cut.size, cut.block, {*lowering.draft.sliced})
        self.source = Source(lowering).write()
        file = f"<compiled from {name} {next(_NUMBERS)}>"
        weakref.finalize(self, linecache.cache.pop, file, None)
        linecache.cache[file] = (len(self.source), None, self.source.splitlines(True), file)
        space = {"np": np, **lowering.draft.objects}
        exec(compile(self.source, file, "exec"), space)
        self._workspace: Callable[[], Callable[..., Results | None]] = space["workspace"]
        self.called = lowering.draft.inputs
        self._renamed = any(n != m for n, m in self.called.items())
        self._run: Callable[..., Results | None] | None = None

    def run(self, inputs: dict[str, Any]) -> Results | None:
        """Return the loss and the gradients, or None where labels are out of range."""
        run = self._run
        if run is None:
            run = self._run = self._workspace()
        if self._renamed:
            return run(**{self.called[n]: value for n, value in inputs.items()})
        return run(**inputs)

    def release(self) -> None:
        """Release the workspace."""
        self._run = None


class Step:
    """The loss and its gradients at inputs of certain sizes and types."""

    def __init__(
        self,
        function: Callable[..., Any],
        wrt: tuple[str, ...],
        inputs: dict[str, Any],
        traced: Trace,
        around: Surroundings,
    ) -> None:
        self.wrt, self.around = wrt, around
        self.name = getattr(function, "__name__", "the loss")
        self.assumptions = traced.assumptions
        self.single = any(e.dtype == np.float32 for e in ordered([traced.output]))
        self.plain = Code(self.name, graph_of(traced, wrt), inputs, wrt)
        self.stable: Code | None = None
        with suppress(Exception):  # it is no fault of the loss if it has no stable form
            graph = stable_graph_of(traced, wrt)
            self.stable = None if graph is None else Code(self.name, graph, inputs, wrt)

    @property
    def source(self) -> str:
        """The source of the step."""
        return self.plain.source

    @property
    def skeleton(self) -> list[str]:
        """The source without the numbers in it, and without the list of the blocks."""
        sources = [code.source for code in (self.plain, self.stable) if code is not None]
        lines = [line for source in sources for line in source.split("\n")]
        return [_NUMBER.sub("0", line) for line in lines if not line.strip().startswith("blocks")]

    def fewer_rows(self, inputs: dict[str, Any]) -> dict[str, Any] | None:
        """Return inputs of a few blocks of rows, if the step works in more of them."""
        if self.plain.cut is None:
            return None
        size, block, sliced = self.plain.cut
        if size <= 4 * block:
            return None
        called = self.plain.called
        return {n: v[: 3 * block + 1] if called[n] in sliced else v for n, v in inputs.items()}

    def holds(self, inputs: dict[str, Any]) -> bool:
        """Whether what the step rests on is still so."""
        if not self.around.unchanged():
            return False
        return not self.assumptions or all(fact.holds(**inputs) for fact in self.assumptions)

    def __call__(self, inputs: dict[str, Any]) -> Results | None:
        """Return the loss and the gradients; None where the tape has to do it."""
        found = self.tried(self.plain, inputs)
        if found is None and self.stable is not None:
            found = self.tried(self.stable, inputs)
        return found

    def tried(self, code: Code, inputs: dict[str, Any]) -> Results | None:
        """Return what code gives, if all of it stays in range."""
        try:
            with np.errstate(over="raise", divide="raise", invalid="raise", under="ignore"):
                found = code.run(inputs)
        except (ArithmeticError, IndexError, ValueError):
            return None
        return found if found is not None and math.isfinite(found[0]) else None


def made(function: Callable[..., Any], wrt: tuple[str, ...], inputs: dict[str, Any]) -> Step:
    """Return a step that has been compared with the tape.

    Where the inputs are large, so would be the tape's memory: then the same code is compared at
    fewer rows.

    Raises
    ------
    NotCompiledError
        If it draws random numbers, changes what is around it, or differs from the tape.
    """
    if _is_large(inputs):
        given = {**inputs, **_as_arrays(inputs, wrt)}
        around = Surroundings(function)
        step = Step(function, wrt, inputs, trace_as_given(function, given, wrt), around)
        few = step.fewer_rows(inputs)
        if few is not None:
            small = _compared(function, wrt, few)
            if small.skeleton == step.skeleton and around.unchanged():
                return step
    return _compared(function, wrt, inputs)


def _compared(function: Callable[..., Any], wrt: tuple[str, ...], inputs: dict[str, Any]) -> Step:
    automatic = value_and_grad(function, wrt=wrt)

    def run(given: dict[str, Any]) -> Results:
        with np.errstate(all="ignore"):
            value, gradients = automatic(**given)
        return value, dict(zip(wrt, gradients, strict=True))

    found = run(inputs)
    for _ in range(4):  # other threads may draw meanwhile
        around, before = Surroundings(function), draws()
        traced = trace(function, {**inputs, **_as_arrays(inputs, wrt)}, wrt, generic=False)
        drawn, changed = draws() != before, not around.unchanged()
        if not drawn and not changed:
            break
    else:
        raise NotCompiledError(
            "it draws random numbers, other ones in each step"
            if drawn
            else "it changes what is around it"
        )
    if len(ordered([traced.output])) > _MOST:
        raise NotCompiledError(
            f"it is made of more than {_MOST} operations, as by a loop over the examples: "
            "write them as operations on whole arrays"
        )
    step = Step(function, wrt, inputs, traced, around)
    given, others = _verdicts(step, inputs, found), []
    for other in _drawn(inputs):
        if not all(fact.holds(**other) for fact in traced.assumptions):
            continue
        try:
            wanted = run(other)
        except Exception:
            continue  # numbers in the inputs belong to their sizes, in a way that nothing tells
        others.append(_verdicts(step, other, wanted))
    plain, stable = ({first, *rest} for first, *rest in zip(given, *others, strict=True))
    if False in plain:
        raise NotCompiledError("its compiled gradient differs from the automatic one")
    if False in stable or True not in stable:
        step.stable = None
    elif step.stable is not None:
        step.stable.release()  # it may never be needed
    if True not in {verdict for verdict, _ in others}:
        raise NotComparedError(
            "it is not finite or cannot be run at other values than those given, so that nothing "
            "can be compared"
        )
    return step


def draws() -> Any:
    """Return the state of the generators of random numbers that all share."""
    state: Any = np.random.get_state(legacy=False)  # noqa: NPY002 - it is asked
    return random.getstate(), state["state"]["pos"], state["state"]["key"].tobytes()


def _as_arrays(inputs: dict[str, Any], wrt: tuple[str, ...]) -> dict[str, Any]:
    """Return the parameters that are Python numbers as the tape takes them."""
    return {n: np.asarray(inputs[n]) for n in wrt if type(inputs[n]) is float}


def _verdicts(
    step: Step, inputs: dict[str, Any], wanted: Results
) -> tuple[bool | None, bool | None]:
    """Whether the plain and the stable form agree with the tape; None if nothing can be said."""
    if not all(np.isfinite(part).all() for part in (wanted[0], *wanted[1].values())):
        return None, None
    return _verdict(step, step.plain, inputs, wanted), _verdict(step, step.stable, inputs, wanted)


def _verdict(step: Step, code: Code | None, inputs: dict[str, Any], wanted: Results) -> bool | None:
    small = [v for v in inputs.values() if isinstance(v, np.ndarray) and v.nbytes < _SMALL]
    kept = [v.copy() for v in small]
    verdict: bool | None = None
    for _ in range(1 if _is_large(inputs) else 2):  # again, in a workspace that has been used
        found = None if code is None else step.tried(code, inputs)
        if found is not None:
            verdict = verdict is not False and _same(found, wanted, step.single)
    if any(v.tobytes() != old.tobytes() for v, old in zip(small, kept, strict=True)):
        return False
    return verdict


def _is_large(inputs: dict[str, Any]) -> bool:
    return sum(v.nbytes for v in inputs.values() if isinstance(v, np.ndarray)) > _SMALL


def _same(found: Results, wanted: Results, single: bool) -> bool:
    size = abs(float(wanted[0]))
    pairs = [(found[0], wanted[0]), *((found[1][n], g) for n, g in wanted[1].items())]
    for got, want in ((np.asarray(a), np.asarray(b)) for a, b in pairs):
        if got.shape != want.shape or got.dtype != want.dtype:
            return False
        rtol = 2e-3 if single else 1e-8
        atol = rtol * float(np.max(np.abs(want), initial=0)) + 1e-4 * rtol * size
        if not np.allclose(got, want, rtol=rtol, atol=atol):
            return False
    return True


def _drawn(inputs: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield other inputs of the same sizes: tame ones, of other signs and in another order.

    Whole numbers and masks are once in another order, once all the least, and once all the largest:
    so a number that a loss has made of them in a trace is noticed.
    """
    ways: list[Callable[[Any, Any], Any]] = [
        lambda value, rng: value * rng.choice([-1.0, 1.0], value.shape),
        lambda value, rng: value,
        lambda value, rng: np.abs(value) + 0.1,
    ]
    for seed, way in enumerate(ways):
        rng = np.random.default_rng(seed)
        drawn = dict(inputs)
        for name, value in inputs.items():
            if isinstance(value, np.ndarray) and value.shape:
                made = value[rng.permutation(len(value))]
                if value.dtype.kind == "f":
                    made = np.nan_to_num(made, posinf=1.0, neginf=-1.0)
                    made = way(made * min(1.0, 3 / (np.abs(made).max() + 1e-9)), rng)
                elif seed:
                    made = np.full_like(made, made.min() if seed == 1 else made.max())
                drawn[name] = made.astype(value.dtype, copy=False)
        yield drawn
