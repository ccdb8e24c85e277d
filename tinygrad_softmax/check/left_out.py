"""One example left out of a sum: the part of a product or sum that a single row contributes.

Imports `causes` and `edits`. Loops that start late or stop early do this, and loops over some of
the examples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..symbolic.exponentials import kind
from ..symbolic.expr import Expr
from .causes import Case, Cause, filled
from .edits import Editor, is_long
from .edits.parts import axes_of
from .edits.places import INNER, Family, places
from .relations import close

_PART = "one row's part"


def left_out(case: Case, forms: Sequence[Expr], editor: Editor) -> Iterator[Cause]:
    """Yield the sum that one row is missing from, if that explains an array."""
    if not case.same_shape:
        return
    for form in (form for form in forms if not is_long(form)):
        where, family = places(form), Family(form)
        for node in family.nodes:
            if kind(node) not in ("matmul", "sum") or where[node] == INNER:
                continue
            part = node.world.leaf(f"{_PART} {node.serial}", node.shape, node.dtype)
            with_part = family.replaced(node, part)
            rows = [_row(case, i, node, with_part, str(part.label)) for i in range(len(case.got))]
            if all(row is not None for row in rows):
                said = editor.said(editor.text(node))
                yield Cause("term_missing", f"the part of one row is missing in `{said}`: of "
                            f"{_ordinal(case, node, rows)}", 2)  # fmt: skip
                return


def _row(case: Case, i: int, node: Expr, with_part: Expr, label: str) -> int | None:
    """Return the row without which a sum gives the array at a point."""
    values, got, want = case.points[i], case.got[i], case.want[i]
    nothing = values.changed(**{label: np.zeros_like(values(node), float)})(with_part)
    for k, part in enumerate(_parts(node, values)):
        share = values.changed(**{label: part})(with_part)
        computed = nothing is not None and share is not None
        if computed and close(filled(want - (share - nothing), got), got):
            return k
    return None


def _parts(node: Expr, values: Any) -> Iterator[Any]:
    """Yield what each row contributes to a sum."""
    operands = [values(arg) for arg in node.args]
    usable = all(operand is not None for operand in operands)
    if usable and kind(node) == "matmul":
        a, b = operands
        for k in range(np.shape(a)[-1]):
            right = b[k] if np.ndim(b) == 1 else b[..., k, :]
            yield a[..., k] * right if np.ndim(b) == 1 else np.multiply.outer(a[..., k], right)
    elif usable and len(axes_of(node)) == 1:
        axis = axes_of(node)[0] - len(node.args[0].shape)
        for k in range(np.shape(operands[0])[axis]):
            yield np.take(operands[0], [k], axis)


def _ordinal(case: Case, node: Expr, rows: list[int | None]) -> str:
    sizes = [len([*_parts(node, values)]) for values in case.points]
    if all(row == 0 for row in rows):
        return "the first"
    if all(row == size - 1 for row, size in zip(rows, sizes, strict=True)):
        return "the last"
    return f"row {rows[0]} at one point, another at others"
