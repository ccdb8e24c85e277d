"""What a check found, to read, to raise and to show in a notebook.

Imports nothing of the package.
"""

from __future__ import annotations

import html
import textwrap
from dataclasses import dataclass, field, replace

_WIDTH = 88


class GradientMismatchError(AssertionError):
    """A hand-written gradient that is wrong; the message is the report.

    Examples
    --------
    >>> raise GradientMismatchError("dW is wrong")
    Traceback (most recent call last):
        ...
    tinygrad_softmax.check.report.GradientMismatchError: dW is wrong
    """


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake: where it is, what it is, and what it spoils.

    Attributes
    ----------
    stage : str
        The first wrong array in backward order, as the hand-written code calls it.
    cause : str
        Kind of the mistake: ``"scaled"``, ``"sign"``, ``"term_missing"``, ..., ``"unexplained"``.
    sentence : str
        The mistake in words.
    line : str
        The line of code that made the array, with its number; empty if no local held it.
    others : tuple of str
        Other mistakes that would give the same numbers ("consistent with").
    spoils : tuple of str
        Arrays that are wrong only because of this one.
    """

    stage: str
    cause: str
    sentence: str
    line: str = ""
    others: tuple[str, ...] = ()
    spoils: tuple[str, ...] = ()

    def spoiling(self, arrays: tuple[str, ...]) -> Finding:
        """Return the same mistake with the arrays that it spoils."""
        return replace(self, spoils=arrays)

    def __str__(self) -> str:
        text = [f"{self.stage}: {self.sentence}."]
        if self.line:
            text.append(f"  at {self.line}")
        text += [f"  also consistent with: {other}." for other in self.others]
        if self.spoils:
            text.append(f"  wrong only because of it: {', '.join(self.spoils)}.")
        return "\n".join(text)


@dataclass(frozen=True, slots=True)
class Report:
    """The result of `check_gradients`.

    Attributes
    ----------
    findings : tuple of Finding
        The mistakes, in backward order; empty if the gradients are right.
    right : tuple of str
        The arrays that were compared and are right, in backward order.
    notes : tuple of str
        What else was noticed: kinks, inputs that were changed, how the comparison was made.
    """

    findings: tuple[Finding, ...]
    right: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether the gradients are right."""
        return not self.findings

    def raise_if_wrong(self) -> None:
        """Raise the report if there is a finding.

        Raises
        ------
        GradientMismatchError
            If a gradient is wrong.
        """
        if not self.ok:
            raise GradientMismatchError(f"\n{self}")

    def __str__(self) -> str:
        if self.ok:
            blocks = [f"The gradients are right: {', '.join(self.right)}."]
        else:
            first = f"The first wrong array in backward order is {self.findings[0].stage}."
            blocks = [f"The gradients are wrong. {first}", *map(str, self.findings)]
            if self.right:
                blocks.append(f"Right: {', '.join(self.right)}.")
        blocks += [f"Note: {note}" for note in self.notes]
        wrapped = ["\n".join(textwrap.fill(line, _WIDTH, subsequent_indent="    ")
                             for line in block.splitlines()) for block in blocks]  # fmt: skip
        return "\n\n".join(wrapped)

    def _repr_html_(self) -> str:
        color = "#1a7f37" if self.ok else "#cf222e"
        style = f"border-left: 4px solid {color}; padding-left: 1em"
        return f'<pre style="{style}">{html.escape(str(self))}</pre>'
