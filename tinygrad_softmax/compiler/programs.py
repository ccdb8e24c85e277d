"""A formula at given sizes, as Python code that can be run; and whether it can be trusted.

Imports the stages of the compiler. Every formula is compared with automatic differentiation before
it is used: at small sizes, all rows at once and in blocks.
"""

from __future__ import annotations

import itertools
import linecache
import math
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.transforms import value_and_grad
from ..symbolic.expr import Expr
from ..symbolic.inputs import fresh
from ..symbolic.terms import DerivationError
from . import picks as picks
from . import reductions as reductions
from . import sums as sums
from . import views as views
from .formula import Form, Formula
from .lowering import Lowering
from .rows import axis_of, block_of, phases
from .scaling import lighter
from .schedule import VIEWS, entries
from .source import Source

Step = Callable[..., Any]
_DRAWS = 2
_NUMBERS = itertools.count(1)


class Program:
    """The source of a step, and what it refers to.

    Attributes
    ----------
    source : str
        Defines ``workspace()``, which returns the step.
    """

    def __init__(
        self, formula: Formula, form: Form, inputs: dict[str, Any], rows: int | None = None
    ) -> None:
        form = _at_sizes(formula, form, inputs)
        size, where = _cut(formula, form)
        if size is not None and rows is None:
            rows = _block(formula, form, inputs, size, where)
        if size is None or rows is None:
            lowering, cut, sliced = Lowering(formula, form, inputs), None, {}
        else:
            lowering = Lowering(formula, form, inputs, where, (size, rows))
            sliced = {
                n: axis
                for n, e in formula.trace.inputs.items()
                if (axis := axis_of(e, size)) is not None
            }
            cut = (rows, lowering.sizes[size])
        written = Source(lowering.finish(), inputs, sliced, cut)
        self.blocks = cut
        self.source = written.write()
        self._called = {n: m for n, m in written.draft.inputs.items() if n != m}
        self._objects = {"np": np, "math": math, **written.objects}
        name = getattr(formula.function, "__name__", "the loss")
        file = f"<compiled from {name} {next(_NUMBERS)}>"
        weakref.finalize(self, linecache.cache.pop, file, None)
        linecache.cache[file] = (len(self.source), None, self.source.splitlines(True), file)
        self._code = compile(self.source, file, "exec")

    def step(self) -> Step:
        """Return a step with a workspace of its own."""
        space = dict(self._objects)
        exec(self._code, space)
        made, called = space["workspace"](), self._called
        if not called:
            return made  # type: ignore[no-any-return]
        return lambda **inputs: made(**{called.get(n, n): value for n, value in inputs.items()})


class Entry:
    """The steps for one signature in one thread: the quick one, and when it is needed the safe one.

    Attributes
    ----------
    first : callable or None
        The step that is tried first; None if this signature is not compiled.
    """

    def __init__(self, formula: Formula | None, inputs: dict[str, Any]) -> None:
        self.formula = formula
        self.first: Step | None = None
        self._safe: Step | None = None
        self.program: Program | None = None
        self.conditional = formula is not None and formula.conditional
        self.around = formula.around if formula is not None and formula.around.read else None
        if formula is not None:
            self.program = Program(formula, formula.quick or formula.safe, inputs)
            self.first = self.program.step()

    def fits(self, inputs: dict[str, Any]) -> bool:
        """Whether what the formula rests on holds of these inputs too."""
        return self.formula is not None and self.formula.fits(inputs)

    def safe(self, inputs: dict[str, Any]) -> Step | None:
        """Return the step that subtracts the largest score, if that is another than the first."""
        if self._safe is None and self.formula is not None and self.formula.quick is not None:
            self._safe = Program(self.formula, self.formula.safe, inputs).step()
        return self._safe


def _at_sizes(formula: Formula, form: Form, inputs: dict[str, Any]) -> Form:
    """Return the form that suits these sizes."""
    sizes = {n: np.shape(inputs[name])[axis] for (name, axis), n in formula.trace.classes.items()}
    sums = {f" {i}": e for i, e in enumerate(form.guards)}
    roots, became = lighter(form.roots | sums, formula.trace.world, sizes)
    guards = [roots.pop(name) for name in sums] if sums else []
    return Form(roots, guards, {became.get(e, e): name for e, name in form.names.items()})


def _cut(formula: Formula, form: Form) -> tuple[int | None, dict[Expr, str]]:
    """Return the size along which rows stand for themselves, the largest if several."""
    trace, roots = formula.trace, [*form.roots.values(), *form.guards]
    candidates = {
        int(e.shape[0])
        for n, e in trace.inputs.items()
        if e.shape and n not in formula.wrt and int(e.shape[0]) in trace.world.dims
    }
    for size in sorted(candidates, key=lambda size: -_actual(formula, size)):
        where = phases(roots, size)
        asked = any(axis_of(e, size) is not None for e in form.roots.values())
        if (
            where is not None
            and not asked
            and any(e.op is not None and place == "rows" for e, place in where.items())
        ):
            return size, where
    return None, {}


def _actual(formula: Formula, size: int) -> int:
    """Return how large a size of the trace is in the inputs it was traced at."""
    found = [
        np.shape(formula.given[name])[axis]
        for (name, axis), n in formula.trace.classes.items()
        if n == size
    ]
    return int(max(found))


def _block(
    formula: Formula, form: Form, inputs: dict[str, Any], size: int, where: dict[Expr, str]
) -> int | None:
    low = {n: np.shape(inputs[name])[axis] for (name, axis), n in formula.trace.classes.items()}
    count = low[size]
    cut = [
        (np.shape(inputs[n]), axis, np.asarray(inputs[n]).itemsize)
        for n, e in formula.trace.inputs.items()
        if (axis := axis_of(e, size)) is not None
    ]
    itemsize = max((np.asarray(inputs[n]).itemsize for n in formula.wrt), default=8)
    widest = max(
        (
            entries(e, low) // max(count, 1) * itemsize
            for e, place in where.items()
            if place == "rows" and e.op is not None and e.op not in VIEWS
        ),
        default=0,
    )
    return block_of(cut, widest, count)


def trusted(formula: Formula) -> bool:
    """Whether a formula agrees with automatic differentiation; a quick form that does not is gone.

    Compared are the loss and every gradient on fresh inputs of small sizes.
    """
    if formula.quick is not None and not _agrees(formula, formula.quick):
        formula.quick = None
    return _agrees(formula, formula.safe)


def _agrees(formula: Formula, form: Form) -> bool:
    compared = 0
    for seed in range(_DRAWS):
        with np.errstate(all="ignore"):
            inputs, wanted = _drawn(formula, seed)
            if not all(np.isfinite(want).all() for want in (wanted[0], *wanted[1])):
                continue  # it says nothing of the formula
            for rows in (None, 2):
                try:
                    found = Program(formula, form, inputs, rows).step()(**inputs)
                except (IndexError, ValueError):
                    return False  # a size that is not what its name says: it fits one size only
                if found is None or not _same(found, wanted, formula.wrt):
                    return False
        compared += 1
    return compared > 0


def _drawn(formula: Formula, seed: int) -> tuple[dict[str, Any], Any]:
    """Return fresh inputs, and what the tape says of them."""
    given = {name: _tame(value) for name, value in formula.given.items()}
    automatic = value_and_grad(formula.function, wrt=formula.wrt)
    for resized in [True, False] if formula.trace.generic else [False]:
        inputs = fresh(given, formula.trace, seed, largest=9, resized=resized)
        formula.only_here = formula.trace.generic and not resized
        for drawn in (_wide(inputs, formula, seed), inputs):
            try:
                return drawn, automatic(**drawn)
            except (IndexError, ValueError):
                continue  # numbers in the inputs belong to their sizes, in a way that nothing tells
    raise DerivationError("it cannot be run at other values than those given")


def _wide(inputs: dict[str, Any], formula: Formula, seed: int) -> dict[str, Any]:
    """Return inputs whose small integers, if they are no indices, take every value they can."""
    rng, found = np.random.default_rng(seed), dict(inputs)
    for name, value in inputs.items():
        small = isinstance(value, np.ndarray) and value.dtype.kind in "iu" and value.itemsize < 4
        if small and name not in formula.trace.world.bounds:
            kind = np.iinfo(value.dtype)
            found[name] = rng.integers(kind.min, kind.max, value.shape, value.dtype, endpoint=True)
    return found


def _tame(value: Any) -> Any:
    """Return numbers not far from 1, so that a loss written without care does not overflow."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or value.size < 2:
        return value
    value = np.nan_to_num(value, posinf=1.0, neginf=-1.0)
    size = float(np.abs(value).max())
    return value * (3 / size) if size > 8 else value


def _same(found: Any, wanted: Any, wrt: tuple[str, ...]) -> bool:
    pairs = [
        (found[0], wanted[0]),
        *((found[1][n], g) for n, g in zip(wrt, wanted[1], strict=True)),
    ]
    for got, want in pairs:
        atol = 1e-8 * np.max(np.abs(want), initial=0.0) + 1e-12 * (1 + abs(float(wanted[0])))
        if np.shape(got) != np.shape(want) or not np.allclose(got, want, rtol=1e-8, atol=atol):
            return False
    return True
