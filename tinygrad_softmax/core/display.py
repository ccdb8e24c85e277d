"""How a tensor shows itself in a notebook: what it is, its values, and its gradient beside them.

Imports NumPy only. Small arrays are tables; of large ones the range and a corner are shown.
"""

from __future__ import annotations

import html
from typing import Any

import numpy as np

_MOST = 8  # rows and columns of a table


def tensor_html(heading: str, values: Any, gradient: Any) -> str:
    """Return HTML for a tensor."""
    parts = [("values", values)] + ([] if gradient is None else [("gradient", gradient)])
    boxes = "".join(
        f'<div style="display:inline-block;vertical-align:top;margin-right:2em"><i>{name}</i>'
        f"{_table(np.asarray(array))}</div>"
        for name, array in parts
    )
    return f"<div><b>{html.escape(heading)}</b><br>{boxes}</div>"


def _table(array: Any) -> str:
    """Return a table of an array, or of its corner, and what range it has if that is not all."""
    if array.size == 0:
        return "<br>no entries"
    flat = array.reshape(-1, array.shape[-1]) if array.ndim else array.reshape(1, 1)
    rows, columns = flat.shape
    corner = flat[:_MOST, :_MOST]
    body = "".join(
        "<tr>" + "".join(f"<td>{value:.4g}</td>" for value in row)
        + ("<td>…</td>" if columns > _MOST else "") + "</tr>"
        for row in corner
    )  # fmt: skip
    if rows > _MOST:
        body += "<tr><td>…</td></tr>"
    table = f"<table>{body}</table>"
    if corner.size == array.size:
        return table
    return f"{table}from {array.min():.4g} to {array.max():.4g}, mean {array.mean():.4g}"
