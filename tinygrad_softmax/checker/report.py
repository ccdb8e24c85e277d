"""What a check found, to read, to raise, to show in a notebook, and to hand on as JSON.

Imports nothing of the package.
"""

from __future__ import annotations

import difflib
import html
import json
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields

_WIDTH = 88


class GradientMismatchError(AssertionError):
    """A hand-written gradient that is wrong; the message is the report.

    Examples
    --------
    >>> raise GradientMismatchError("dW is wrong")
    Traceback (most recent call last):
        ...
    tinygrad_softmax.checker.report.GradientMismatchError: dW is wrong
    """


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake: where it is, what it is, the line as it should be, and what it spoils.

    Attributes
    ----------
    stage : str
        The first wrong array in backward order, as the hand-written code calls it.
    cause : str
        Kind of the edit that repairs it (``"divisor_missing"``, ``"sign"``, ``"axis"``, ...), or
        ``"unexplained"``, ``"not_written"``, ``"unused"``, ``"nan"``, ``"random"``,
        ``"accumulated"``.
    sentence : str
        The mistake in words.
    line : int
        The number of the line in its file; 0 if it is not known.
    before, after : str
        The code as it is, and as it should be. Of an ``"unexplained"`` one, the lines that make the
        array, and those by which it is derived, or nothing.
    why : str
        Where the loss says so; empty if there is nothing to point at.
    spoils : tuple of str
        Gradients that are wrong because of it, and right with the change.
    """

    stage: str
    cause: str
    sentence: str
    line: int = 0
    before: str = ""
    after: str = ""
    why: str = ""
    spoils: tuple[str, ...] = ()

    @property
    def repaired(self) -> bool:
        """Whether a change was found, and run, that makes it right."""
        return bool(self.before) and self.cause not in ("unexplained", "nan")

    def shown(self) -> str:
        """Return the lines before and after."""
        if not self.before:
            return ""
        number = str(self.line)
        rows = [f"{number if i == 0 else '':>5} |  {text}"
                for i, text in enumerate(self.before.splitlines())]  # fmt: skip
        if self.repaired or self.after:
            after = self.after.splitlines()
            word = "should be" if after else "should not be there"
            word = word if self.repaired else "it is derived as"
            rows += [f"{'':>5} |  {text}" for text in (word, *after)]
        return "\n".join(rows)


@dataclass(frozen=True, slots=True)
class Report:
    """The result of `check_gradients`; true if the gradients are right.

    Attributes
    ----------
    findings : tuple of Finding
        The mistakes, in backward order; empty if the gradients are right.
    right : tuple of str
        The arrays that were compared and are right, in backward order.
    notes : tuple of str
        What else was noticed: kinks, inputs that were changed, how the comparison was made.
    loss_findings : tuple of Finding
        Changes of the loss with which the gradients, as they are, would be right.
    points : str
        At which sizes the gradients were compared.
    source, repaired : str
        The hand-written functions as they are, and with every change made.
    """

    findings: tuple[Finding, ...]
    right: tuple[str, ...]
    notes: tuple[str, ...] = ()
    loss_findings: tuple[Finding, ...] = ()
    points: str = ""
    source: str = ""
    repaired: str = ""

    @property
    def ok(self) -> bool:
        """Whether the gradients are right."""
        return not self.findings

    def __bool__(self) -> bool:
        return self.ok

    @property
    def diff(self) -> str:
        """The changes as a unified diff; empty if there are none."""
        texts = (f"{text}\n" if text else "" for text in (self.source, self.repaired))
        old, new = (text.splitlines(keepends=True) for text in texts)
        return "".join(difflib.unified_diff(old, new, "yours", "repaired")) if new else ""

    def raise_if_wrong(self) -> None:
        """Raise the report if there is a finding.

        Raises
        ------
        GradientMismatchError
            If a gradient is wrong.
        """
        if not self.ok:
            raise GradientMismatchError(f"\n{self}")

    def hint(self, level: str = "where") -> str:
        """Return as much of the report as a teacher wants to give away.

        Parameters
        ----------
        level : {"where", "what", "fix"}
            The first wrong line; what is wrong with it, too; or the whole report.

        Raises
        ------
        ValueError
            If `level` is none of these.

        Examples
        --------
        >>> Report((), ("dW",)).hint()
        'The gradients are right: dW.'
        """
        if level not in ("where", "what", "fix"):
            raise ValueError(f"level={level!r} is none of 'where', 'what', 'fix'")
        if level == "fix" or self.ok:
            return str(self)
        first = self.findings[0]
        place = f" (line {first.line})" if first.line else ""
        text = f"Look at {first.stage}{place}: `{first.before.splitlines()[0]}`." if first.before \
            else f"Look at {first.stage}."  # fmt: skip
        return f"{text} {_capital(first.sentence)}." if level == "what" else text

    def json(self) -> str:
        """Return the report as JSON, which `from_json` reads."""
        return json.dumps({"ok": self.ok, **asdict(self), "diff": self.diff})

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Return the report that `json` has written.

        Raises
        ------
        ValueError
            If the text is no such report.

        Examples
        --------
        >>> report = Report((), ("dW",))
        >>> Report.from_json(report.json()) == report
        True
        """
        try:
            held = json.loads(text)
            given = {field.name: held[field.name] for field in fields(cls)}
            for name in ("findings", "loss_findings"):
                given[name] = tuple(Finding(**one | {"spoils": tuple(one["spoils"])})
                                    for one in given[name])  # fmt: skip
            return cls(**given | {name: tuple(given[name]) for name in ("right", "notes")})
        except (ValueError, LookupError, TypeError) as error:
            raise ValueError("the text is no report as Report.json() writes it") from error

    # --- as text ---

    def _blocks(self) -> Iterator[tuple[str, str]]:
        if self.ok:
            what = f": {', '.join(self.right)}" if self.right else ""
            yield "text", f"The gradients are right{what}."
        else:
            first = self.findings[0]
            place = f" (line {first.line})" if first.line else ""
            yield "text", ("The gradients are wrong. Going back from the loss, the first wrong "
                           f"array is {first.stage}{place}.")  # fmt: skip
        for finding in self.findings:
            if finding.before:
                yield "code", finding.shown()
            said = [f"{finding.stage}: {finding.sentence}."]
            said += [finding.why] if finding.why else []
            yield "text", " ".join(said)
            if finding.spoils:
                yield "text", f"Wrong because of it: {', '.join(finding.spoils)}."
        if self.findings and all(f.repaired for f in self.findings):
            change = "this change" if len(self.findings) == 1 else "these changes"
            yield "text", f"With {change} all gradients are right ({self.points})."
        if self.findings and self.right:
            yield "text", f"Right: {', '.join(self.right)}."
        for finding in self.loss_findings:
            yield "text", ("Or the loss is what is wrong: the gradients, as they are, are those of "
                           "a loss with this change.")  # fmt: skip
            yield "code", finding.shown()
        for note in self.notes:
            yield "text", f"Note: {note}."

    def __str__(self) -> str:
        return as_text(self._blocks())

    @property
    def markdown(self) -> str:
        """The report as Markdown."""
        return as_markdown(self._blocks())

    def _repr_html_(self) -> str:
        color = "#1a7f37" if self.ok else "#cf222e"
        style = f"border-left: 4px solid {color}; padding-left: 1em"
        return f'<pre style="{style}">{html.escape(str(self))}</pre>'

    def _repr_markdown_(self) -> str:
        return self.markdown


def as_text(blocks: Iterable[tuple[str, str]]) -> str:
    """Return text and code, one below the other; only text is filled to the width of a line."""
    return "\n\n".join(
        text if kind == "code" else textwrap.fill(
            text, _WIDTH, break_long_words=False, break_on_hyphens=False)
        for kind, text in blocks
    )  # fmt: skip


def as_markdown(blocks: Iterable[tuple[str, str]]) -> str:
    """Return titles, text and code as Markdown."""
    forms = {"title": "**{}**", "text": "{}", "code": "```\n{}\n```"}
    return "\n\n".join(forms[kind].format(text) for kind, text in blocks)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
