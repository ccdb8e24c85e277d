"""From expressions to statements: every op as the NumPy call that does it in place.

Imports `values`, `schedule` and `rows`; how sums, products, reductions and picks are computed stands
in modules of their own, which register here. Shapes are numbers by now; only the number of rows of a
block stays open, as the variable ``n``.
"""

from __future__ import annotations

import keyword
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..symbolic.evaluate import evaluate, ordered
from ..symbolic.expr import Expr
from ..symbolic.sizes import Counted, Dim, Slot
from ..symbolic.terms import is_number
from .formula import Form, Formula
from .rows import axis_of
from .schedule import absorbed, entries, order
from .values import Draft, Statement, Value, literal, preferred_order, scalar

Lower = Callable[["Lowering", Expr], Value]
LOWER: dict[str, Lower] = {}
#: Names that the source gives a meaning of its own.
_RESERVED = ("np", "math", "n", "step", "workspace", "block", "blocks", "rows", "full", "part",
             "found", "float", "slice", "range")  # fmt: skip


def lowers(*names: str) -> Callable[[Lower], Lower]:
    """Declare how ops of these names are computed."""

    def declare(function: Lower) -> Lower:
        for name in names:
            LOWER[name] = function
        return function

    return declare


class Lowering:
    """Makes the statements of one form at given sizes.

    Parameters
    ----------
    formula : Formula
        Where it comes from.
    form : Form
        The loss and gradients to compute.
    inputs : dict of arrays and numbers
        For their shapes and types.
    cut : (size, rows), optional
        The size of the trace that is cut into blocks, and how many rows are in one.
    """

    def __init__(self, formula: Formula, form: Form, inputs: dict[str, Any],
                 where: dict[Expr, str] | None = None,
                 cut: tuple[int, int] | None = None) -> None:  # fmt: skip
        self.form, self.inputs, self.cut = form, inputs, cut
        self.known = {label: np.shape(inputs[name])[axis]
                      for label, (name, axis) in formula.trace.sizes.items()}  # fmt: skip
        dims = formula.trace.world.dims
        self.sizes = {n: int(evaluate([d.expr], self.known)[0]) for n, d in dims.items()}
        self.where = where or {}
        self.draft = Draft()
        self.memo: dict[Expr, Value] = {}
        self.taken = {*inputs, *_RESERVED}
        self.reciprocals: dict[Value, Value] = {}
        self.places: dict[object, Value] = {}
        self.straight: set[Value] = set()  # vectors, looked at with further axes of size 1
        self.section = "after"
        roots = [*form.roots.values(), *form.guards]
        self.absorbed = absorbed(roots)
        self.kept = [np.shape(inputs[name]) for name in formula.wrt]
        scale = {e: entries(e, self.sizes) for e in ordered(roots)}
        self.guards = list(form.guards)
        for e in order(roots, scale):
            adds_up = any(self.rows(arg) is not None for arg in e.args)
            self.section = "rows" if adds_up else self.where.get(e, "after")
            if e not in self.absorbed:
                self.lower(e)
                self._guard(early=True)
        self._guard(early=False)

    # --- shapes ---

    def shape(self, e: Expr) -> tuple[int, ...]:
        """Return the concrete shape; of rows that are cut into blocks, that of one block."""
        return tuple(self.concrete(n) for n in e.shape)

    def concrete(self, value: Any) -> Any:
        """Return a size or setting with numbers in place of open sizes."""
        if isinstance(value, Dim):
            if self.cut is not None and int(value) == self.cut[0]:
                return self.cut[1]
            return self.sizes.get(int(value)) or int(evaluate([value.expr], self.known)[0])
        if isinstance(value, slice):
            return slice(*map(self.concrete, (value.start, value.stop, value.step)))
        if isinstance(value, tuple) and not isinstance(value, (Counted, Slot)):
            return tuple(map(self.concrete, value))
        return value

    def rows(self, e: Expr) -> int | None:
        """Return the axis that is cut into blocks."""
        return None if self.cut is None else axis_of(e, self.cut[0])

    # --- making values and statements ---

    def name(self, wanted: str) -> str:
        """Return a name that is not taken."""
        if not wanted.isidentifier() or keyword.iskeyword(wanted):
            wanted = "value"
        made, i = wanted, 2
        while made in self.taken:
            made, i = f"{wanted}_{i}", i + 1
        self.taken.add(made)
        return made

    def array(self, e: Expr, dtype: Any, name: str | None = None) -> Value:
        """Return a new array for `e`, under the user's name for it if there is one."""
        label = self.form.names.get(e) or name or e.primitive.__name__.strip("_")
        return self.like(self.shape(e), dtype, label, self.rows(e))

    def given(self, e: Expr, dtype: Any, name: str) -> Value:
        """Return what a call returns for `e`, as it lies in memory."""
        label = self.name(self.form.names.get(e) or name)
        return Value(label, self.shape(e), np.dtype(dtype), "array", rows=self.rows(e),
                     section=self.section)  # fmt: skip

    def like(self, shape: tuple[int, ...], dtype: Any, name: str, rows: int | None) -> Value:
        """Return a new array of a shape; what has one long axis lies in memory as a vector."""
        long = [i for i, n in enumerate(shape) if n != 1 or i == rows]
        if len(shape) > 1 and len(long) <= 1:
            axis = long[0] if long else 0
            whole = self.like(shape[axis : axis + 1], dtype, name, 0 if rows == axis else None)
            access = ", ".join(":" if i == axis else "None" for i in range(len(shape)))
            return self.view(whole, f"{{}}[{access}]", shape, rows, whole=True)
        return Value(self.name(name), shape, np.dtype(dtype), "array", rows=rows,
                     section=self.section, order=preferred_order(shape, self.kept))  # fmt: skip

    def do(self, target: Value | None, code: str, *args: Value, kind: str = "out",
           reuse: bool = True) -> Value | None:  # fmt: skip
        """Add a statement."""
        self.draft.statements.append(
            Statement(target, code, args, kind, reuse, section=self.section)
        )
        return target

    def number(self, code: str, *args: Value, dtype: Any = None, name: str = "total") -> Value:
        """Add a statement that computes a scalar."""
        found = [arg.dtype for arg in args if arg.dtype is not None and arg.dtype.kind == "f"]
        if dtype is None and found:
            dtype = np.result_type(*found)
        made = Value(self.name(name), (), dtype, "scalar", section=self.section)
        self.do(made, code, *args, kind="scalar")
        return made

    def view(self, base: Value, access: str, shape: tuple[int, ...], rows: int | None,
             whole: bool = False) -> Value:  # fmt: skip
        """Return another way to look at a value; with `whole`, all of it in the same order."""
        root = base.root
        if whole and self.lies_as(base) and shape == root.shape and rows == root.rows:
            return root
        made = Value("", shape, base.dtype, base.kind, base, access, rows=rows,
                     section=base.section)  # fmt: skip
        if whole and self.lies_as(base):
            self.straight.add(made)
        return made

    def lies_as(self, value: Value) -> bool:
        """Whether a value is a vector, or one looked at with further axes of size 1."""
        return value in self.straight or (value.base is None and len(value.shape) == 1)

    def constant(self, made: str, shape: tuple[int, ...], dtype: Any, name: str,
                 rows: int | None = None) -> Value:  # fmt: skip
        """Return an array that is made once, with the workspace."""
        for value in self.draft.constants:
            if value.made == made:
                return value
        section = "rows" if rows is not None else "before"
        value = Value(self.name(name), shape, np.dtype(dtype), "constant", rows=rows,
                      section=section, made=made)  # fmt: skip
        self.draft.constants.append(value)
        return value

    def object(self, value: Any, name: str) -> str:
        """Return the name under which the source can refer to an object."""
        for known, held in self.draft.objects.items():
            if held is value:
                return known
        label = self.name(name)
        self.draft.objects[label] = value
        return label

    def size_text(self, shape: tuple[int, ...], rows: int | None) -> str:
        """Return a shape as written, the number of rows of a block being ``n``."""
        parts = ["n" if i == rows else str(n) for i, n in enumerate(shape)]
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"

    # --- expressions ---

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
        return self.view(value, f"{{}}[{'None, ' * lead}...]", self.shape(e),
                         None if value.rows is None else value.rows + lead, whole=True)  # fmt: skip

    def _lowered(self, e: Expr) -> Value:
        if e.primitive is None:
            return self._leaf(e)
        name = e.primitive.__name__
        if name in LOWER:
            return LOWER[name](self, e)
        ufunc = getattr(np, name, None)
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
            return Value(label, (), None, "scalar", section="before")
        return Value(label, self.shape(e), np.asarray(given).dtype, "input",
                     rows=self.rows(e), section="before")  # fmt: skip

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
        held = self.object(e.primitive.forward, e.primitive.__name__)
        settings = {name: self.concrete(value) for name, value in e.settings}
        extra = [f"{name}={self._setting(value, e)}" for name, value in settings.items()]
        code = f"{held}({', '.join([f'{{{i}}}' for i in range(len(args))] + extra)})"
        slots = [self.lower(arg) for arg in e.args[len(e.inputs) :]]
        real = any(arg.dtype is None or arg.dtype.kind == "f" for arg in args)
        dtype = self.float_of(args) if real and not e.primitive.plain else e.dtype
        target = self.given(e, dtype, e.primitive.__name__)
        self.do(target, code, *args, *slots, kind="fresh")
        return target

    def _setting(self, value: Any, e: Expr) -> str:
        """Return a setting as written, operands as fields of the template."""
        if isinstance(value, Slot):
            return f"{{{value.operand}}}"
        if isinstance(value, Counted):
            return f"np.arange({self.concrete(value.size)})"
        if isinstance(value, tuple):
            parts = [self._setting(part, e) for part in value]
            return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        if isinstance(value, (np.ndarray, np.dtype, type)):
            return self.object(value, "setting")
        return repr(value)

    def float_of(self, args: list[Value]) -> Any:
        """Return the floating-point type that results from values."""
        found = [arg.dtype for arg in args if arg.dtype is not None]
        kind = np.result_type(*found) if found else np.dtype(float)
        return kind if kind.kind == "f" else np.dtype(float)

    def flat(self, value: Value) -> Value:
        """Return a value of one long axis as a vector."""
        rows = None if value.rows is None else 0
        return value if len(value.shape) == 1 else self.view(
            value, "{}.reshape(-1)", (value.size,), rows, whole=True)  # fmt: skip

    def _guard(self, early: bool) -> None:
        """Leave the step if a sum of exponentials is out of range: 0, infinite, or no number."""
        for e in [e for e in self.guards if e in self.memo]:
            total = self.memo[e]
            inverse = self.reciprocals.get(total.root)
            section, self.section = self.section, total.section
            if total.is_scalar and not early:
                self.do(None, "math.isfinite({0}) and {0} > 0", total, kind="guard")
            elif inverse is not None:  # their product is 1, or NaN or infinite
                args = self.flat(total), self.flat(inverse)
                self.do(None, "math.isfinite({0}.dot({1}))", *args, kind="guard")
            elif not early:
                least = literal(float(np.finfo(total.dtype).tiny))
                self.do(None, f"np.minimum.reduce({{0}}) > {least} and "
                              "math.isfinite(np.maximum.reduce({0}))", self.flat(total),
                        kind="guard")  # fmt: skip
            self.section = section
            if inverse is not None or not early:
                self.guards.remove(e)

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
            if not given.shape:
                self.draft.results[name] = value
            elif whole and value.dtype == given.dtype and not taken:
                self.draft.results[name] = value
            else:
                target = Value(self.name(f"d{name}"), given.shape, given.dtype, section="after")
                self.do(target, "np.copyto({target}, {0})", value, kind="copy", reuse=False)
                self.draft.results[name] = target
        return self.draft


def _call(ufunc: np.ufunc, args: list[Value]) -> str:
    return f"np.{ufunc.__name__}({', '.join(f'{{{i}}}' for i in range(len(args)))})"
