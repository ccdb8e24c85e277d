"""Python files and Jupyter notebooks as text: both are read, and a notebook is written.

Imports nothing of the package, and no notebook library: the format 4.5 is JSON.
"""

from __future__ import annotations

import io
import json
import re
import tokenize
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


def read_python(path: Path) -> str:
    """Return the text of a Python file, in the encoding that Python reads it in.

    Raises
    ------
    SyntaxError
        If Python cannot read it, with the file and the line.
    """
    data, encoding = path.read_bytes(), "utf-8"

    def refused(said: str, start: int) -> SyntaxError:
        line = data.count(b"\n", 0, start) + 1
        return SyntaxError(said, (str(path), line, None, None))

    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        if re.match("unknown encoding|encoding problem", str(error)):
            raise refused(f"{error.msg.partition(' for ')[0]}", 0) from None
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        said = f"the byte 0x{error.object[error.start]:02x} is not {name}"
        raise refused(f"{said}: save the file as UTF-8, or declare its encoding in the first line, "
                      "as by `# -*- coding: latin-1 -*-`", error.start) from None  # fmt: skip
    except (LookupError, UnicodeError) as error:  # rot13, which is for no text
        raise refused(f"encoding problem: {error}", 0) from None
    if "\0" in text:
        raise refused("there is a null byte: save the file as UTF-8 text", data.find(b"\0"))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_cells(path: Path) -> list[Cell]:
    """Return the code cells of a notebook.

    Raises
    ------
    ValueError
        If it is no notebook, or a cell of it is no text.
    """
    try:
        cells = json.loads(path.read_text("utf-8-sig"))["cells"]
        texts = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(f"{path.name} is no notebook of format 4") from error
    for number, text in enumerate(texts, 1):
        if "\0" in text:
            raise ValueError(f"cell {number} of {path.name} has a null character: delete it")
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
