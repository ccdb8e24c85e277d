"""Values and statements in the making: names, shapes, views, constants.

Imports `values` and the derivation's expressions. Shapes are numbers here; only the number of rows
of a block stays open, as the variable ``n``.
"""

from __future__ import annotations

from keyword import iskeyword
from typing import Any

import numpy as np

from ..symbolic.evaluate import evaluate
from ..symbolic.expr import Expr
from ..symbolic.sizes import Counted, Dim, Slot
from .formula import Form, Formula
from .rows import axis_of
from .values import Draft, Statement, Value, preferred_order

#: Names that the source gives a meaning of its own.
_RESERVED = (
    "np",
    "math",
    "n",
    "step",
    "workspace",
    "block",
    "blocks",
    "rows",
    "full",
    "part",
    "found",
    "float",
    "slice",
    "range",
    # types stand under NumPy's names for them
    *(np.dtype(code).name for code in "?" + np.typecodes["AllInteger"] + np.typecodes["AllFloat"]),
)


class Builder:
    """Makes values and statements for one form at given sizes.

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

    def __init__(
        self, formula: Formula, form: Form, inputs: dict[str, Any], cut: tuple[int, int] | None
    ) -> None:
        self.form, self.inputs, self.cut = form, inputs, cut
        self.known = {
            label: np.shape(inputs[name])[axis]
            for label, (name, axis) in formula.trace.sizes.items()
        }
        dims = formula.trace.world.dims
        self.sizes = {n: int(evaluate([d.expr], self.known)[0]) for n, d in dims.items()}
        self.kept = [np.shape(inputs[name]) for name in formula.wrt]
        self.section = "after"
        self.taken = {*_RESERVED}
        inputs_called = {name: self.name(name) for name in inputs}
        results_called = {name: self.name(f"d{name}") for name in formula.wrt}
        self.draft = Draft(inputs_called, results_called, self.taken)
        self.straight: set[Value] = set()  # vectors, looked at with further axes of size 1

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
        """Return a name that is not taken; what is no name, as a lambda's, stands for a value."""
        if not wanted.isidentifier() or iskeyword(wanted):
            wanted = "value"
        made, i = wanted, 2
        while made in self.taken:
            made, i = f"{wanted}_{i}", i + 1
        self.taken.add(made)
        return made

    def array(self, e: Expr, dtype: Any, name: str | None = None) -> Value:
        """Return a new array for `e`, under the user's name for it if there is one."""
        label = self.form.names.get(e) or name or e.op.__name__.strip("_")
        return self.like(self.shape(e), dtype, label, self.rows(e))

    def given(self, e: Expr, dtype: Any, name: str) -> Value:
        """Return what a call returns for `e`, as it lies in memory."""
        label = self.name(self.form.names.get(e) or name)
        return Value(
            label, self.shape(e), np.dtype(dtype), "array", rows=self.rows(e), section=self.section
        )

    def like(self, shape: tuple[int, ...], dtype: Any, name: str, rows: int | None) -> Value:
        """Return a new array of a shape; what has one long axis lies in memory as a vector."""
        long = [i for i, n in enumerate(shape) if n != 1 or i == rows]
        if len(shape) > 1 and len(long) <= 1:
            axis = long[0] if long else 0
            whole = self.like(shape[axis : axis + 1], dtype, name, 0 if rows == axis else None)
            access = ", ".join(":" if i == axis else "None" for i in range(len(shape)))
            return self.view(whole, f"{{}}[{access}]", shape, rows, whole=True)
        return Value(
            self.name(name),
            shape,
            np.dtype(dtype),
            "array",
            rows=rows,
            section=self.section,
            order=preferred_order(shape, self.kept),
        )

    def do(
        self, target: Value | None, code: str, *args: Value, kind: str = "out", reuse: bool = True
    ) -> Value | None:
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

    def view(
        self,
        base: Value,
        access: str,
        shape: tuple[int, ...],
        rows: int | None,
        whole: bool = False,
    ) -> Value:
        """Return another way to look at a value; with `whole`, all of it in the same order."""
        root = base.root
        if whole and self.lies_as(base) and shape == root.shape and rows == root.rows:
            return root
        made = Value(
            "", shape, base.dtype, base.kind, base, access, rows=rows, section=base.section
        )
        if whole and self.lies_as(base):
            self.straight.add(made)
        return made

    def lies_as(self, value: Value) -> bool:
        """Whether a value is a vector, or one looked at with further axes of size 1."""
        return value in self.straight or (value.base is None and len(value.shape) == 1)

    def constant(
        self, made: str, shape: tuple[int, ...], dtype: Any, name: str, rows: int | None = None
    ) -> Value:
        """Return an array that is made once, with the workspace."""
        for value in self.draft.constants:
            if value.made == made:
                return value
        section = "rows" if rows is not None else "before"
        value = Value(
            self.name(name),
            shape,
            np.dtype(dtype),
            "constant",
            rows=rows,
            section=section,
            made=made,
        )
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

    def flat(self, value: Value) -> Value:
        """Return a value of one long axis as a vector."""
        rows = None if value.rows is None else 0
        return (
            value
            if len(value.shape) == 1
            else self.view(value, "{}.reshape(-1)", (value.size,), rows, whole=True)
        )
