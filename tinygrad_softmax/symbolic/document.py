r"""A derivation as a document that can be handed in: plain text, Markdown, or LaTeX.

Imports `steps` and `tex`. The text is made once, as a list of parts; the writers differ in how they
set a heading, a formula, a sentence and a piece of code.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Set
from typing import NamedTuple

from .program import Program
from .steps import Shown, Stage
from .tex import tex

_INTRODUCTION = (
    "Now from the loss back. The gradient of a value is called `d` and its name. By the chain rule "
    "it is the sum of what the uses of the value pass back. In the rules `g` is what has arrived "
    "at the result `out` of an op, and `x`, `y`, `w` are its operands. `at[i](v)` stands for zeros "
    "with `v` at the places `[i]`."
)


class Part(NamedTuple):
    """A piece of a document: its kind, its text, and for an equation the other side."""

    kind: str  # "title", "heading", "text", "item", "formula", "code" or "listing"
    text: str
    other: str = ""


def parts(title: str, program: Program, reformed: list[Shown], stages: list[Stage],
          finished: list[Shown], checked: str) -> Iterator[Part]:  # fmt: skip
    """Yield the document, from the loss to the closed form."""
    yield Part("title", title)
    if reformed:
        yield Part("heading", "The loss in a form that no score can overflow")
        yield from _steps(reformed)
    yield Part("text", "The loss, value by value:")
    yield Part("code", program.forward)
    yield Part("text", _INTRODUCTION)
    for stage in stages:
        yield Part("heading", f"`{stage.gradient}`, of the shape {stage.shape} of `{stage.of}`"
                   if stage.shape != "()" else f"`{stage.gradient}`, a number")  # fmt: skip
        yield from _stage(stage)
    if finished:
        yield Part("heading", "The gradient in a form that no score can overflow")
        yield from _steps(finished)
    yield Part("heading", "The function")
    yield Part("listing", program.source)
    yield Part("text", checked)


def _stage(stage: Stage) -> Iterator[Part]:
    chain_rule, *laws = stage.steps
    if stage.rules:
        yield Part("text", "The chain rule:")
        yield from (Part("item", f"{op}: {why}") for op, why in stage.rules)
    yield Part("formula", chain_rule.before, chain_rule.after)
    yield from _steps(laws)
    if laws:
        yield Part("text", "So:")
        yield Part("code", stage.result)
    yield Part("text", closing(stage))
    if stage.note:
        yield Part("text", stage.note)


def closing(stage: Stage) -> str:
    """Say that the laws have been used up."""
    if len(stage.steps) > 1:
        return "No law shortens it further."
    return "No law shortens what the chain rule says."


def _steps(steps: list[Shown]) -> Iterator[Part]:
    for step in steps:
        yield Part("item", f"{step.law.replace('_', ' ')}: {step.sentence}")
        yield Part("formula", step.before, step.after)


def plain(document: Iterator[Part], width: int = 90) -> str:
    """Set a document for a terminal."""
    lines: list[str] = []
    for part in document:
        text = part.text.replace("``", "").replace("`", "")
        if part.kind in ("title", "heading"):
            lines += [text, ("=" if part.kind == "title" else "-") * min(len(text), width)]
        elif part.kind == "formula":
            lines += textwrap.wrap(part.text, width, initial_indent="      ",
                                   subsequent_indent="          ")  # fmt: skip
            lines += textwrap.wrap(part.other, width, initial_indent="    = ",
                                   subsequent_indent="          ")  # fmt: skip
        elif part.kind in ("code", "listing"):
            lines += textwrap.indent(part.text, "      ").splitlines()
        else:
            lines += textwrap.wrap(text, width, subsequent_indent="  " * (part.kind == "item"))
        if part.kind != "item":
            lines.append("")
    return "\n".join(lines)


def markdown(document: Iterator[Part]) -> str:
    """Set a document in Markdown."""
    lines: list[str] = []
    for part in document:
        if part.kind == "title":
            lines += [f"# {part.text}", ""]
        elif part.kind == "heading":
            lines += [f"## {part.text}", ""]
        elif part.kind == "item":
            head, _, rest = part.text.partition(": ")
            lines += [f"**{head}.** {rest}", ""]
        elif part.kind == "formula":
            lines += ["```text", part.text, f"= {part.other}", "```", ""]
        elif part.kind in ("code", "listing"):
            lines += ["```python", part.text, "```", ""]
        else:
            lines += [part.text, ""]
    return "\n".join(lines)


def latex(document: Iterator[Part], scalars: Set[str]) -> str:
    """Set a document in LaTeX, as a fragment that wants ``amsmath``."""
    lines: list[str] = []
    for part in document:
        if part.kind in ("title", "heading"):
            section = "section" if part.kind == "title" else "subsection"
            lines += [rf"\{section}*{{{prose(part.text)}}}"]
        elif part.kind == "item":
            head, _, rest = part.text.partition(": ")
            lines += [rf"\paragraph{{{prose(head)}.}} {prose(rest)}"]
        elif part.kind == "formula":
            one, other = tex(part.text, scalars), tex(part.other, scalars)
            lines += [r"\begin{align*}", rf"  & {one} \\", f"  ={{}}& {other}", r"\end{align*}"]
        elif part.kind == "listing":
            lines += [r"\begin{verbatim}", part.text, r"\end{verbatim}"]
        elif part.kind == "code":
            rows = [tex(row, scalars) for row in part.text.splitlines()]
            lines += [r"\begin{gather*}", " \\\\\n".join(f"  {row}" for row in rows),
                      r"\end{gather*}"]  # fmt: skip
        else:
            lines += [prose(part.text)]
        lines.append("")
    return "\n".join(lines)


_SPECIAL = {"_": r"\_", "&": r"\&", "%": r"\%", "#": r"\#", "{": r"\{", "}": r"\}", "^": r"\^{}",
            "~": r"\~{}", "\\": r"\textbackslash{}", "$": r"\$"}  # fmt: skip


def prose(text: str) -> str:
    r"""Set a sentence in LaTeX, what stands between backticks as code.

    Examples
    --------
    >>> prose("Scaled by `exp_x`.")
    'Scaled by \\texttt{exp\\_x}.'
    """
    escaped = "".join(_SPECIAL.get(letter, letter) for letter in text)
    return re.sub(r"``(.*?)``|`(.*?)`", lambda m: rf"\texttt{{{m[1] or m[2]}}}", escaped)
