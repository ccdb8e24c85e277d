"""From expressions to statements: every op as the NumPy call that does it in place.

Imports `builder` and `schedule`; how sums, products, reductions and picks are computed stands in
modules of their own, which register here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops import indexing
from ..symbolic.evaluate import ordered
from ..symbolic.expr import Expr
from ..symbolic.terms import is_number
from .builder import Builder
from .formula import Form, Formula
from .schedule import absorbed, entries, order
from .values import Draft, Value, scalar

Lower = Callable[["Lowering", Expr], Value]
LOWER: dict[str, Lower] = {}
#: Settings that the source can write down: anything else goes by a name.
_PLAIN = (bool, int, str, type(None), type(...))


def lowers(*names: str) -> Callable[[Lower], Lower]:
    """Declare how ops of these names are computed."""

    def declare(function: Lower) -> Lower:
        for name in names:
            LOWER[name] = function
        return function

    return declare


class Lowering(Builder):
    """Makes the statements of one form; the parameters are those of `Builder`.

    Parameters
    ----------
    where : dict, optional
        What is computed before, in and after the blocks of rows.
    """

    def __init__(
        self,
        formula: Formula,
        form: Form,
        inputs: dict[str, Any],
        where: dict[Expr, str] | None = None,
        cut: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(formula, form, inputs, cut)
        self.where = where or {}
        self.memo: dict[Expr, Value] = {}
        self.places: dict[object, Value] = {}  # where in memory picked entries lie
        roots = [*form.roots.values(), *form.guards]
        self.absorbed = absorbed(roots)
        picks = [e for e in ordered(roots) if e.op in (indexing.getitem, indexing.scatter)]
        self.indices = set(ordered(arg for e in picks for arg in e.args[1:]))
        self.guards = list(form.guards)
        scale = {e: entries(e, self.sizes) for e in ordered(roots)}
        for e in order(roots, scale):
            adds_up = any(self.rows(arg) is not None for arg in e.args)
            self.section = "rows" if adds_up else self.where.get(e, "after")
            if e not in self.absorbed:
                self.lower(e)
                self._guard()

    def lower(self, e: Expr) -> Value:
        """Return the value of an expression, computed now if it has not been."""
        if e not in self.memo:
            self.memo[e] = self.ranked(e, self._lowered(e))
        return self.memo[e]

    def ranked(self, e: Expr, value: Value) -> Value:
        """Return a value with all its axes: factors that are numbers here may have had some."""
        lead = len(e.shape) - len(value.shape)
        if value.is_scalar or lead <= 0 or math.prod(self.shape(e)) != value.size:
            return value
        return self.view(
            value,
            f"{{}}[{'None, ' * lead}...]",
            self.shape(e),
            None if value.rows is None else value.rows + lead,
            whole=True,
        )

    def _lowered(self, e: Expr) -> Value:
        if e.op is None:
            return self._leaf(e)
        if e.op.kind in LOWER:
            return LOWER[e.op.kind](self, e)
        ufunc = getattr(np, e.op.kind or "_", None) if e.op.numpy is None else e.op.numpy
        if isinstance(ufunc, np.ufunc) and not e.settings and ufunc.nin == len(e.args):
            return self.elementwise(e, ufunc)
        return self.call(e)

    def _leaf(self, e: Expr) -> Value:
        label = str(e.label)
        if is_number(e):
            return scalar(e.value.item())
        if label in self.known:
            return scalar(self.known[label])
        if e.value is not None:
            value = np.asarray(e.value)
            held = self.object(value, "constant")
            return Value(held, value.shape, value.dtype, "input", section="before")
        given = self.inputs[label]
        if np.ndim(given) == 0:
            return Value(self.draft.inputs[label], (), None, "scalar", section="before")
        return Value(
            self.draft.inputs[label],
            self.shape(e),
            np.asarray(given).dtype,
            "input",
            rows=self.rows(e),
            section="before",
        )

    def elementwise(self, e: Expr, ufunc: np.ufunc) -> Value:
        """Compute a ufunc of operands, in place of one that is needed no more."""
        args = [self.lower(arg) for arg in e.args]
        if all(arg.number is not None for arg in args):
            return scalar(ufunc(*(arg.number for arg in args)))
        if all(arg.is_scalar for arg in args):
            return self.number(_call(ufunc, args), *args, name=ufunc.__name__)
        target = self.array(e, self.promoted(ufunc, *args))
        self.do(target, _call(ufunc, args), *args)
        return target

    def promoted(self, ufunc: np.ufunc, *args: Value) -> Any:
        """Return the type of a ufunc's result."""
        return ufunc.resolve_dtypes((*(arg.weak for arg in args), None))[-1]

    def call(self, e: Expr) -> Value:
        """Compute an op that has no form of its own here, by its own function."""
        args = [self.whole(arg) for arg in e.inputs]
        held = self.object(e.op.forward, e.op.__name__)
        settings = {name: self.concrete(value) for name, value in e.settings}
        extra = [f"{name}={self._setting(value)}" for name, value in settings.items()]
        # a copy, for what an op returns may be a view of what it was given
        code = f"np.array({held}({', '.join([f'{{{i}}}' for i in range(len(args))] + extra)}))"
        real = any(arg.dtype is None or arg.dtype.kind == "f" for arg in args)
        dtype = self.float_of(args) if real and not e.op.piecewise_constant else e.dtype
        target = self.given(e, dtype, e.op.__name__)
        self.do(target, code, *args, kind="fresh")
        return target

    def _setting(self, value: Any) -> str:
        """Return a setting as written."""
        if isinstance(value, tuple):
            parts = [self._setting(part) for part in value]
            return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        if type(value) in _PLAIN or (type(value) is float and math.isfinite(value)):
            return repr(value)
        return self.object(value, "setting")

    def float_of(self, args: list[Value]) -> Any:
        """Return the floating-point type that results from values."""
        found = [arg.dtype for arg in args if arg.dtype is not None]
        kind = np.result_type(*found) if found else np.dtype(float)
        return kind if kind.kind == "f" else np.dtype(float)

    def _guard(self) -> None:
        """Leave the step if a sum of exponentials is so far from 1 that a division by it suffers.

        Half of the exponents' range is allowed, since it meets data and counts as well. A sum that
        is no number is out of every range.
        """
        for e in [e for e in self.guards if e in self.memo]:
            total = self.memo[e]
            kind = np.finfo(total.dtype if total.dtype is not None else float)
            low, high = (repr(float(bound) ** 0.5) for bound in (kind.tiny, kind.max))
            section, self.section = self.section, total.section
            if total.is_scalar:
                self.do(None, f"{low} < {{0}} < {high}", total, kind="guard")
            else:
                code = f"np.minimum.reduce({{0}}) > {low} and np.maximum.reduce({{0}}) < {high}"
                self.do(None, code, self.flat(total), kind="guard")
            self.section = section
            self.guards = [other for other in self.guards if other is not e]

    def whole(self, e: Expr) -> Value:
        """Return a value as an array, even if it is one number."""
        value = self.lower(e)
        if not value.is_scalar or not e.shape:
            return value
        target = self.array(e, value.dtype or float, "filled")
        self.do(target, "np.copyto({target}, {0})", value, kind="copy")
        return target

    def finish(self) -> Draft:
        """Return the draft, its results in arrays of their own, in the parameters' types."""
        self.section = "after"
        for name, e in self.form.roots.items():
            value = self.lower(e)
            if not name:
                self.draft.loss = value
                continue
            given = np.asarray(self.inputs[name])
            own = not value.is_scalar and value.root.kind == "array"
            taken = any(value.root is known.root for known in self.draft.results.values())
            whole = own and value.shape == given.shape and value.size == value.root.size
            if not given.shape or (whole and value.dtype == given.dtype and not taken):
                self.draft.results[name] = value
            else:
                called = self.draft.gradients[name]
                target = Value(called, given.shape, given.dtype, section="after")
                self.do(target, "np.copyto({target}, {0})", value, kind="copy", reuse=False)
                self.draft.results[name] = target
        return self.draft


def _call(ufunc: np.ufunc, args: list[Value]) -> str:
    return f"np.{ufunc.__name__}({', '.join(f'{{{i}}}' for i in range(len(args)))})"
