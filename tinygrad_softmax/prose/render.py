"""Blocks as plain text, Markdown and LaTeX.

Imports `telling` and `symbolic`'s typesetting. Code stands between backticks in the blocks; each
renderer says what becomes of it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable

from ..symbolic.tex import tex
from .telling import Block

WIDTH = 90
_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
_SPECIAL |= {character: f"\\{character}" for character in "&%$#_{}"}


def as_text(blocks: Iterable[Block]) -> str:
    """Return plain text for a terminal."""
    parts: list[str] = []
    for kind, text in blocks:
        if kind == "title":
            parts += [text, "=" * len(text), ""]
        elif kind == "heading":
            parts += ["", _wrapped(text, "", "    "), ""]
        elif kind == "code":
            parts += ["", textwrap.indent(text, " " * 8), ""]
        else:
            first = "  - " if kind == "item" else "  "
            rest = "    " if kind == "item" else "  "
            parts += ["", _wrapped(text, first, rest), ""]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).strip() + "\n"


def _wrapped(text: str, first: str, rest: str) -> str:
    """Wrap prose, never inside of code or of a shape."""
    held = re.sub(r"`[^`]+`|\(\d[\d, ]*\)", lambda match: match[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(held, WIDTH, initial_indent=first, subsequent_indent=rest,
                          break_long_words=False, break_on_hyphens=False)  # fmt: skip
    return "\n".join(lines).replace("\0", " ")


def as_markdown(blocks: Iterable[Block]) -> str:
    """Return Markdown."""
    parts: list[str] = []
    for kind, text in blocks:
        if kind == "title":
            parts += [f"# {text}", ""]
        elif kind == "heading":
            parts += [f"## {text}", ""]
        elif kind == "code":
            fenced = f"```python\n{text}\n```"
            inside = bool(parts) and parts[-2].startswith("- ")
            parts += [textwrap.indent(fenced, "  ") if inside else fenced, ""]
        else:
            parts += [f"- {text}" if kind == "item" else text, ""]
    return "\n".join(parts)


def as_latex(blocks: Iterable[Block], scalars: frozenset[str] = frozenset()) -> str:
    """Return a fragment for a document with ``amsmath``."""
    parts: list[str] = []
    for kind, text in blocks:
        if kind == "title":
            parts.append(f"\\section*{{{_prose(text, scalars)}}}")
        elif kind == "heading":
            parts.append(f"\\paragraph{{{_prose(text, scalars)}}}\\mbox{{}}\\par\\noindent")
        elif kind == "code":
            parts += [
                f"\\[ {_math(line, scalars) or _typewriter(line)} \\]" for line in text.splitlines()
            ]
        else:
            mark = r"$\to$ " if kind == "item" else ""
            parts.append(f"\\noindent {mark}{_prose(text, scalars)}\\par")
    return "\n".join(parts) + "\n"


def _prose(text: str, scalars: frozenset[str]) -> str:
    """Typeset prose: code as formulas, all else escaped."""
    pieces = re.split(r"`([^`]+)`", text)
    return "".join(
        _code(piece, scalars) if i % 2 else escaped(piece) for i, piece in enumerate(pieces)
    )


def _code(code: str, scalars: frozenset[str]) -> str:
    if code.startswith("["):  # an index by itself
        return _typewriter(code)
    math = _math(code, scalars)
    return f"${math}$" if math is not None else _typewriter(code)


def _typewriter(code: str) -> str:
    return rf"\texttt{{{escaped(code)}}}"


def _math(code: str, scalars: frozenset[str]) -> str | None:
    """Typeset an expression, or both sides of an assignment; None if that is too much to ask."""
    sides = re.split(r" ([-+*/]?=) ", code, maxsplit=1)
    try:
        if len(sides) == 1:
            return tex(code, scalars)
        target, sign, value = sides
        mark = sign if sign == "=" else rf"\mathrel{{{sign[0]}{{=}}}}"
        return f"{tex(target, scalars)} {mark} {tex(value, scalars)}"
    except Exception:
        return None


def escaped(text: str) -> str:
    r"""Return text with LaTeX's special characters escaped.

    Examples
    --------
    >>> print(escaped("num_examples is 100 %"))
    num\_examples is 100 \%
    """
    return "".join(_SPECIAL.get(character, character) for character in text)
