"""`grade`: a score for each gradient of a submission, found without trusting the submission.

Imports `checker`, `exercises`, `process` and `standalone`. The submission runs in a process of its
own, which returns arrays; they are compared here, where it cannot reach. The repair of a wrong one
is looked for in a second process, and decides nothing.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..checker.gradients import Check
from ..checker.hand import Hand
from ..checker.report import Finding, Report
from ..checker.trees import Inputs, leaves, mapped
from ..notebook import read_cells, read_python
from .child import Other, encode
from .exercises import check_given
from .process import EndedError, Process, SubmissionError, explained
from .standalone import StandaloneError, standalone

#: By so much finite differences change when the inputs change by their last digit; a formula, less.
_ROUNDING = 1e-13
_HINTS = (None, "where", "what", "fix")
_OBJECTS = "array of dtype=object"
#: What is returned by mistake, and what to do about it.
_INSTEAD = {
    _OBJECTS: "convert it to an array of numbers by .astype(float)",
    "coroutine": "write `def` instead of `async def`",
    "generator": "write `return` instead of `yield`",
    "async_generator": "write `def` instead of `async def`, and `return` instead of `yield`",
}


class GradientScore(NamedTuple):
    """The score of one gradient.

    Attributes
    ----------
    name : str
        The input of the loss that it belongs to.
    score, max_score : float
        All points if it is right, else none.
    status : str
        ``"right"``, ``"wrong"``, ``"failed"``, ``"timeout"`` or ``"refused"``.
    message : str
        One sentence.
    """

    name: str
    score: float
    max_score: float
    status: str
    message: str


@dataclass(frozen=True, slots=True)
class Grade:
    """What a submission is worth, and why.

    Attributes
    ----------
    gradients : tuple of GradientScore
        One for each gradient that was asked for.
    hint : str
        What the student may know of the mistake: as much of the report as was asked for.
    output : str
        What the submission has printed, cut.
    report : Report or None
        The report of the check, for the teacher; None if nothing could be compared.
    """

    gradients: tuple[GradientScore, ...]
    hint: str = ""
    output: str = ""
    report: Report | None = None

    @property
    def score(self) -> float:
        """The sum of the scores."""
        return sum(one.score for one in self.gradients)

    @property
    def max_score(self) -> float:
        """The most that could be had."""
        return sum(one.max_score for one in self.gradients)

    @property
    def ok(self) -> bool:
        """Whether all gradients are right."""
        return all(one.status == "right" for one in self.gradients)

    @property
    def message(self) -> str:
        """What is said of each gradient, the right ones last, and the hint."""
        ordered = sorted(self.gradients, key=lambda one: one.status == "right")
        said = dict.fromkeys(one.message for one in ordered)
        return "\n".join([*said, *([self.hint] if self.hint else [])])

    def __str__(self) -> str:
        return f"{self.score:g} of {self.max_score:g} points\n{self.message}"

    def json(self) -> str:
        """Return all of it as JSON, the report among it."""
        report = None if self.report is None else json.loads(self.report.json())
        return json.dumps({
            "score": self.score, "max_score": self.max_score, "ok": self.ok,
            "gradients": [one._asdict() for one in self.gradients],
            "hint": self.hint, "output": self.output, "report": report,
        })  # fmt: skip

    def gradescope(self) -> dict[str, Any]:
        """Return what Gradescope reads from ``results.json``, one test for each gradient."""
        tests = [{
            "name": f"gradient with respect to {one.name}",
            "score": one.score,
            "max_score": one.max_score,
            "status": "passed" if one.status == "right" else "failed",
            "output": one.message,
            "visibility": "visible",
        } for one in self.gradients]  # fmt: skip
        return {"tests": tests, "output": self.hint, "visibility": "visible",
                "stdout_visibility": "hidden"}  # fmt: skip


def grade(
    loss: Callable[..., Any],
    submission: str | os.PathLike[str] | Callable[..., Any],
    /,
    wrt: str | tuple[str, ...] | None = None,
    *,
    points: Mapping[str, float] | None = None,
    hint: str | None = "where",
    timeout: float = 10.0,
    memory: int | None = 2048,
    budget: float = 2.0,
    **inputs: Any,
) -> Grade:
    """Score the gradients of a submission, which runs in a process of its own.

    Parameters
    ----------
    loss : callable
        The loss of the assignment, as for `check_gradients`.
    submission : str, path or callable
        A file ``ada.py`` or ``ada.ipynb``, whose function `gradients` is graded, or another one:
        ``"ada.py:my_gradients"``. Or a function, of which the source is taken.
    wrt : str or tuple of str, optional
        Which gradients are asked for; those in `points` if not given.
    points : dict, optional
        What each is worth; 1 if not given.
    hint : {"where", "what", "fix", None}
        How much of the report the student is told, as `Report.hint` has it.
    timeout : float
        For how many seconds the submission may run, all calls together.
    memory : int, optional
        How many MB it may use, on systems that have such a limit.
    budget : float
        For how many seconds a repair is looked for, which hints and `summarise` need.
    **inputs
        The inputs of the loss by name.

    Returns
    -------
    Grade
        Its ``json()`` has a score for each gradient. A submission that is missing, raises, ends
        its process, runs too long or does what is not allowed has a score, too, and a message.

    Raises
    ------
    TypeError
        If `wrt` and `points` are missing, or the loss does not take the inputs.
    ValueError
        If `points` and `wrt` do not go together, points or a time are negative, `hint` is none of
        those above, or `submission` is the name of no Python file or notebook.

    Notes
    -----
    A gradient scores nothing if it is computed by a package that differentiates, or measured by
    finite differences. The process is no sandbox: see the manual's page for teachers.

    Examples
    --------
    >>> def loss(w, x):
    ...     return np.sum(w**2) + np.sum(w * x)
    >>> def gradients(w, x):
    ...     return {"w": 2 * w + x}
    >>> inputs = {"w": np.ones(3), "x": np.arange(3.0)}
    >>> grade(loss, gradients, "w", **inputs).score
    1.0
    """
    names = _names(wrt, points)
    if hint not in _HINTS:
        raise ValueError(f"hint={hint!r} is none of 'where', 'what', 'fix', None")
    most = {name: (points or {}).get(name, 1.0) for name in names}
    for what, number in [(f"points[{name!r}]", most[name]) for name in names] + [
        ("timeout", timeout), ("budget", budget), ("memory", 1 if memory is None else memory),
    ]:  # fmt: skip
        _check_number(what, number, above_zero=what in ("timeout", "memory"))
    most = {name: float(number) for name, number in most.items()}
    check_given(loss, inputs)
    _check_assignment(loss, names, inputs)
    printed = ""
    try:
        pieces, function = _read(submission)
        job = {"pieces": pieces, "function": function, "memory": memory and memory * 2**20}
        with Process(job | {"task": "serve"}, timeout) as process:
            try:
                found, report = _Grading(process, function, loss, names, inputs).results()
            finally:
                printed = process.finish()
    except EndedError as error:
        status, said = error.status, f"{_capital(str(error))}."
        failed = (GradientScore(n, 0.0, most[n], status, said) for n in names)
        return Grade(tuple(failed), output=printed)
    scores = [GradientScore(n, most[n] if status == "right" else 0.0, most[n],
                            status, said)
              for n, (status, said) in found.items()]  # fmt: skip
    if report is None or report.ok:
        return Grade(tuple(scores), "", printed, report)
    compared = [name for name in names if found[name][0] != "failed"]
    repaired = _explained(loss, job, compared, inputs, timeout, budget) if budget > 0 else None
    report = report if repaired is None else repaired
    return Grade(tuple(scores), "" if hint is None else report.hint(hint), printed, report)


def _names(wrt: str | tuple[str, ...] | None, points: Mapping[str, float] | None) -> list[str]:
    asked = [wrt] if isinstance(wrt, str) else [*(wrt or points or ())]
    if not asked:
        raise TypeError("say which gradients are asked for: wrt=('W', 'b'), or points={'W': 2}")
    if points is not None and {*points} != {*asked}:
        raise ValueError(f"points is for {', '.join(points)}, and wrt for {', '.join(asked)}: "
                         "name the same inputs")  # fmt: skip
    return asked


def _check_number(what: str, number: Any, above_zero: bool) -> None:
    """Refuse what is no score or no time."""
    is_number = isinstance(number, (int, float, np.number)) and math.isfinite(number)
    if not is_number or number < 0 or (above_zero and number == 0):
        least = "larger than 0" if above_zero else "0 or larger"
        raise ValueError(f"{what} is {number!r}: give a number that is {least}")


def _check_assignment(loss: Any, names: list[str], inputs: Inputs) -> None:
    """Let the check say what is wrong with the loss or the inputs, which is no student's fault."""

    def zeros(**_: Any) -> Any:
        return {n: mapped(lambda _, v: np.zeros_like(v), inputs[n]) for n in names if n in inputs}

    with _quietly():
        Hand(loss, zeros, None, None, tuple(names), inputs)


@contextlib.contextmanager
def _quietly() -> Any:
    with np.errstate(all="ignore"), warnings.catch_warnings(), \
            contextlib.redirect_stdout(io.StringIO()):  # fmt: skip
        warnings.simplefilter("ignore")
        yield


def _read(submission: Any) -> tuple[list[tuple[str, str]], str]:
    """Return the code of a submission in pieces, and the name of its function."""
    if callable(submission):
        try:
            code = standalone(submission, "gradients")
        except StandaloneError as error:
            raise EndedError("failed", f"{error}") from None
        return code.numbered, code.name
    place = os.fspath(submission)
    file, function = place, "gradients"
    if not place.endswith((".py", ".ipynb")):
        file, _, function = place.rpartition(":")
    path = Path(file)
    if not file.endswith((".py", ".ipynb")):
        raise ValueError(
            f"{place!r} is no submission: pass a file.py, a file.ipynb, or file.py:NAME"
        )
    if not path.is_file():
        raise EndedError("failed", f"there is no file {path.name}")
    try:
        if file.endswith(".py"):
            return [(path.name, read_python(path))], function
        return [(cell.name, cell.text) for cell in read_cells(path)], function
    except SyntaxError as error:
        said = f"{path.name}, line {error.lineno}: SyntaxError: {error.msg}"
        raise EndedError("failed", said) from None
    except (ValueError, OSError) as error:
        raise EndedError("failed", f"{path.name} cannot be read: {error}") from None


class _Verdict(Check):
    """A check that compares, and repairs nothing: there is no source on this side."""

    def _source(self) -> None:
        self.sources, self.original = [], ""

    def _loss_repaired(self, found: Any, repairs: Any) -> list[Finding]:
        return []


class _Grading:
    """The comparison of what a process returns with the true gradients."""

    def __init__(self, process: Process, name: str, loss: Any, names: list[str],
                 inputs: Inputs) -> None:  # fmt: skip
        self.process, self.loss, self.names, self.inputs = process, loss, names, inputs
        self.is_watched, self.seen = False, dict[str, Any]()

        def gradients(*values: Any, **inputs: Any) -> Any:
            result, self.seen = process.call(values, inputs, self.is_watched)
            if isinstance(result, (Other, str)):
                kind = type(result).__name__
                instead = _INSTEAD.get(kind, "return the gradients as arrays, in a dict by name")
                article = "an" if kind[0] in "aeiou" else "a"
                raise SubmissionError(f"`{name}` returned {article} {kind}: {instead}")
            return result

        gradients.__name__ = name

        signature = process.loaded()
        if signature is not None:
            gradients.__signature__ = signature  # type: ignore[attr-defined] # as `inspect` has it
        self.gradients = gradients

    def results(self) -> tuple[dict[str, tuple[str, str]], Report | None]:
        """Return status and sentence for each gradient, and the report of those compared."""
        try:
            return self._compared(self.names)
        except Exception as error:  # of the check, which says what it cannot compare
            failed = "failed", _said(error)
            if len(self.names) == 1:
                return {self.names[0]: failed}, None
        found: dict[str, tuple[str, str]] = {}
        for name in self.names:  # one that is missing or odd takes nothing from the others
            try:
                found |= self._compared([name])[0]
            except Exception as error:  # whatever the gradient is, the others count
                found[name] = "failed", _said(error)
        compared = [name for name, (status, _) in found.items() if status != "failed"]
        if not compared:
            return dict.fromkeys(self.names, failed), None
        try:
            return found, self._compared(compared)[1]
        except Exception:  # one array for several, which fits each of them alone
            return found, None

    def _compared(self, names: list[str]) -> tuple[dict[str, tuple[str, str]], Report]:
        with _quietly():
            hand = Hand(self.loss, self.gradients, None, None, tuple(names), self.inputs)
            check = _Verdict(hand, {}, 0.0)
            report = check.report()
            right = [n for n in hand.wrt if f"d{n}" in report.right]
            measured = self._measured(check, right) if report.ok or right else {}
        found = {}
        for name in names:
            inner = [n for n in hand.wrt if n == name or n.startswith(f"{name}[")]
            refused = [measured[n] for n in inner if n in measured]
            wrong = [f"d{n}" for n in inner if n not in right]
            if wrong:
                said = (f"{f.stage}: {f.sentence}." for f in report.findings if f.stage in wrong)
                found[name] = "wrong", f"The gradient with respect to {name} is wrong."
                if any(f.cause in ("nan", "not_written", "shape", "accumulated", "random")
                       for f in report.findings if f.stage in wrong):  # fmt: skip
                    found[name] = "wrong", f"{found[name][1]} {' '.join(said)}"
            elif refused:
                found[name] = "refused", refused[0]
            else:
                found[name] = "right", f"The gradient with respect to {name} is right."
        return found, report

    def _measured(self, check: Check, right: list[str]) -> dict[str, str]:
        """Return those right gradients that are measured by finite differences.

        These are known by an input of which each entry is changed by itself; or, where that cannot
        be seen, by many steps that have another result when the inputs change by their last digit:
        the rounding of the loss, divided by a small step.
        """
        nudged, noisy = (defaultdict[str, list[bool]](list) for _ in range(2))
        for point, true in zip(check.points, check.truth, strict=True):
            self.is_watched = True
            found = check.hand.run(point).gradients
            self.is_watched = False
            seen = self.seen
            again = check.hand.run(mapped(_last_digit, point)).gradients
            given = dict(leaves(point))
            for n in right:
                size = np.size(given[n])
                nudged[n].append(seen.get("nudged", {}).get(n, 0) >= max(size - 1, 2))
                change = np.max(np.abs(found[n] - again[n])) / np.max(np.abs(true.gradients[n]))
                is_double = found[n].dtype == np.float64 and not true.numerical
                noisy[n].append(
                    bool(is_double and change > _ROUNDING and seen.get("lines", 0) >= size)
                )
        return {n: f"The gradient with respect to {n} is measured by finite differences: write the "
                "formula." for n in right
                if all(nudged[n]) or 2 * sum(noisy[n]) > len(noisy[n])}  # fmt: skip


def _last_digit(path: str, value: Any) -> Any:
    """Return an input changed by as little as can be."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return np.nextafter(value, np.inf)
    return value


def _said(error: Exception) -> str:
    """Return what a check says of a submission that cannot be compared, in one sentence."""
    said = str(error).partition("\n")[0]
    if not isinstance(error, (SubmissionError, TypeError, ValueError)):
        said = f"{type(error).__name__}: {said}"
    if f" {_OBJECTS} as the gradient" in said:
        said = f"{said.partition(':')[0]}: {_INSTEAD[_OBJECTS]}"
    return _capital(said) if said.endswith(("?", ".")) else f"{_capital(said)}."


def _capital(text: str) -> str:
    """Begin with a capital, unless with a name."""
    return text[:1].upper() + text[1:] if text.startswith("the") else text


def _explained(loss: Any, job: dict[str, Any], names: list[str], inputs: Inputs, timeout: float,
               budget: float) -> Report | None:  # fmt: skip
    """Return the report with the repair, from a process in which the package is."""
    try:
        code = standalone(loss)
    except StandaloneError:
        return None
    more = {"loss": code.numbered, "name": code.name, "wrt": names, "budget": budget,
            "inputs": encode(inputs), "path": [str(Path(__file__).parents[2])]}  # fmt: skip
    text = explained(job | more, timeout + 5 * budget + 30)
    try:
        report = Report.from_json(text)
    except ValueError:
        return None
    return None if report.ok else report
