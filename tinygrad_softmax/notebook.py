"""Jupyter notebooks as text: the code cells of one are read, and one is written.

Imports nothing of the package, and no notebook library: the format 4.5 is JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

#: Magics whose cell is Python all the same; of the others the whole cell is left out.
_AROUND_PYTHON = ("%%time", "%%timeit", "%%capture", "%%prun")
_MAGIC = re.compile(r"\s*[%!?]|\s*[\w., ]+=\s*[%!]|\s*[\w.]+\?\??\s*$")


class Cell(NamedTuple):
    """A code cell: a name for its place, its Python, and the lines that only IPython reads.

    Left-out lines are replaced, so that the others keep their numbers.
    """

    name: str
    text: str
    skipped: tuple[str, ...]


def read_cells(path: Path) -> list[Cell]:
    """Return the code cells of a notebook.

    Raises
    ------
    ValueError
        If it is no notebook.
    """
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        texts = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(f"{path.name} is no notebook of format 4") from error
    return [_cell(f"<cell {number} of {path.name}>", text) for number, text in enumerate(texts, 1)]


def _cell(name: str, text: str) -> Cell:
    lines, skipped = text.split("\n"), list[str]()
    first = text.split(maxsplit=1)[:1]
    if first and first[0].startswith("%%") and first[0] not in _AROUND_PYTHON:
        skipped, lines = lines, []
    while True:
        try:
            compile("\n".join(lines), name, "exec", dont_inherit=True)
            break
        except SyntaxError as error:  # only a line that is no Python can be a magic
            at = (error.lineno or 0) - 1
            if not (0 <= at < len(lines) and _MAGIC.match(lines[at])):
                break  # whoever compiles it is told
            end = at + 1
            while lines[end - 1].endswith("\\") and end < len(lines):
                end += 1
            skipped += lines[at:end]
            indent = lines[at][: -len(lines[at].lstrip())]
            lines[at:end] = [f"{indent}pass", *[""] * (end - at - 1)]
    return Cell(name, "\n".join(lines), tuple(skipped))


def written(cells: Sequence[tuple[str, str, str, dict[str, Any]]], metadata: dict[str, Any]) -> str:
    """Return a notebook as text.

    Parameters
    ----------
    cells : sequence of (str, str, str, dict)
        For each cell its id, ``"code"`` or ``"markdown"``, its text, and its metadata.
    metadata : dict
        Of the notebook, besides its language.
    """
    made: list[dict[str, Any]] = []
    for name, kind, text, held in cells:
        cell = {"cell_type": kind, "id": name, "metadata": held,
                "source": text.splitlines(keepends=True)}  # fmt: skip
        made.append(cell | ({"execution_count": None, "outputs": []} if kind == "code" else {}))
    language = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    content = {"cells": made, "metadata": language | metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
