r"""The pieces of a text, and how they are set: for a terminal, in Markdown, in LaTeX.

Code stands between backticks in sentences; formulas come with their LaTeX.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from typing import NamedTuple

from .print_latex import prose_latex
from .words import Formula

WIDTH = 90


class Part(NamedTuple):
    """A piece of a text.

    ``kind`` is "title", "heading", "text", "item", "formula" (lines with their LaTeX), "equal" (the
    next member of a chain of equalities), or "listing" (code as it stands).
    """

    kind: str
    text: str
    lines: tuple[Formula, ...] = ()


def formula(lines: Iterable[Formula], kind: str = "formula") -> Part:
    """Return a part of lines."""
    lines = tuple(lines)
    return Part(kind, "\n".join(line.text for line in lines), lines)


def plain(parts: Iterable[Part]) -> str:
    """Set a text for a terminal."""
    made: list[str] = []
    for kind, text, _ in parts:
        if kind == "title":
            made += [text.replace("`", ""), "=" * len(text.replace("`", ""))]
        elif kind == "heading":
            made += ["", _wrapped(text, "", "    ")]
        elif kind in ("formula", "listing"):
            made += [textwrap.indent(text, " " * 6)]
        elif kind == "equal":
            made += [textwrap.indent(f"= {text}" if "\n" not in text else text, " " * 4)]
        else:
            item = kind == "item"
            made += [_wrapped(text, "  - " if item else "  ", "    " if item else "  ")]
        made.append("")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(made)).strip() + "\n"


def _wrapped(text: str, first: str, rest: str) -> str:
    """Wrap a sentence, never inside of code or of a shape."""
    shape = r"\(\d[\d, ]*\)"
    whole = rf"`[^`]+`|{shape}( @ {shape} = {shape})?"
    held = re.sub(whole, lambda match: match[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(held, WIDTH, initial_indent=first, subsequent_indent=rest,
                          break_long_words=False, break_on_hyphens=False)  # fmt: skip
    return "\n".join(lines).replace("\0", " ")


def markdown(parts: Iterable[Part]) -> str:
    """Set a text in Markdown."""
    made: list[str] = []
    for kind, text, _ in parts:
        if kind in ("title", "heading"):
            made.append(f"{'#' if kind == 'title' else '##'} {text}")
        elif kind in ("formula", "listing"):
            made.append(f"```python\n{text}\n```")
        elif kind == "equal":
            made.append(f"```python\n{'= ' if chr(10) not in text else ''}{text}\n```")
        else:
            made.append(f"- {text}" if kind == "item" else text)
        made.append("")
    return "\n".join(made)


def latex(parts: Iterable[Part]) -> str:
    """Set a text in LaTeX, as a fragment for a document with ``amsmath``."""
    made: list[str] = []
    for kind, text, lines in parts:
        if kind in ("title", "heading"):
            section = "section" if kind == "title" else "subsection"
            made.append(rf"\{section}*{{{prose_latex(text)}}}")
        elif kind == "formula" or (kind == "equal" and len(lines) > 1):
            rows = " \\\\\n".join(f"  {line.latex}" for line in lines)
            made += [r"\begin{gather*}", rows, r"\end{gather*}"]
        elif kind == "equal":
            made.append(rf"\[ = {lines[0].latex.partition(' = ')[2]} \]")
        elif kind == "listing":
            made += [r"\begin{verbatim}", text, r"\end{verbatim}"]
        else:
            mark = r"$\to$ " if kind == "item" else ""
            made.append(rf"\noindent {mark}{prose_latex(text)}\par")
        made.append("")
    return "\n".join(made)
