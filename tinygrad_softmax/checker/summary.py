"""`summarise`: many reports in one, by what was misunderstood.

Imports `report` and `results`. Two findings are one misconception if they are of one kind and say
the same once the writers' own names and spellings are taken out of the code they quote.
"""

from __future__ import annotations

import ast
import copy
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from .report import Finding, Report, as_markdown, as_text
from .results import whose

_CODE = re.compile(r"`([^`]*)`")
#: Names that mean the same whoever writes them.
_COMMON = frozenset(["np", "numpy", "math", "range", "len", "sum", "max", "min", "abs", "float"])
#: Functions of NumPy that arrays have as methods.
_METHODS = frozenset(["all", "any", "argmax", "argmin", "clip", "copy", "cumsum", "dot", "max",
                      "mean", "min", "prod", "ravel", "reshape", "std", "sum", "transpose",
                      "var"])  # fmt: skip


class _Graded(Protocol):
    """A submission that was graded: whether all counts, its report, and what is said of it."""

    @property
    def ok(self) -> bool: ...
    @property
    def report(self) -> Report | None: ...
    @property
    def message(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Misconception:
    """What several submissions get wrong in the same way.

    Attributes
    ----------
    sentence : str
        The mistake in words, as it is said of the first of them.
    cause : str
        Its kind, as a `Finding` has it.
    submissions : tuple of str
        Who makes it, in alphabetical order.
    example : Finding
        That of the first of them.
    """

    sentence: str
    cause: str
    submissions: tuple[str, ...]
    example: Finding

    @property
    def count(self) -> int:
        """How many submissions make it."""
        return len(self.submissions)


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of many submissions.

    Attributes
    ----------
    right : tuple of str
        Names of the submissions whose gradients are all right.
    misconceptions : tuple of Misconception
        Mistakes for which a repair was found, the most frequent first. A submission with two
        mistakes is in two of them.
    unexplained : tuple of Misconception
        Wrong gradients without a repair, by how they are wrong.
    failed : tuple of (str, str)
        Submissions that could not be compared, or that do not count for being measured or computed
        by a package, each with the reason.
    partial : tuple of (str, str)
        Those of which this is true for some of the gradients only, and the others are right.
    """

    right: tuple[str, ...]
    misconceptions: tuple[Misconception, ...]
    unexplained: tuple[Misconception, ...]
    failed: tuple[tuple[str, str], ...]
    partial: tuple[tuple[str, str], ...] = ()

    @property
    def count(self) -> int:
        """How many submissions there are."""
        wrong = {n for one in (*self.misconceptions, *self.unexplained) for n in one.submissions}
        return len(self.right) + len(self.partial) + len(self.failed) + len(wrong)

    def json(self) -> str:
        """Return the summary as JSON."""
        return json.dumps({
            "count": self.count, "right": self.right,
            **{name: [{**asdict(one), "count": one.count} for one in getattr(self, name)]
               for name in ("misconceptions", "unexplained")},
            **{name: [{"submission": who, "reason": reason} for who, reason in getattr(self, name)]
               for name in ("partial", "failed")},
        })  # fmt: skip

    # --- as text ---

    def _blocks(self) -> Iterator[tuple[str, str]]:
        wrong = self.count - len(self.right) - len(self.partial) - len(self.failed)
        counts = [(len(self.right), "right"), (len(self.partial), "partly right"), (wrong, "wrong"),
                  (len(self.failed), "without a result that counts")]  # fmt: skip
        parts = [f"{count} {word}" for count, word in counts if count]
        submissions = f"{self.count} submission{'s' * (self.count != 1)}"
        yield "title", f"{': '.join([submissions, *([', '.join(parts)] if parts else [])])}."
        if self.right:
            yield "text", f"Right: {', '.join(self.right)}."
        for title, some in (("", self.misconceptions), ("No repair found: ", self.unexplained)):
            for one in some:
                yield "title", f"{one.count} x {title}{one.sentence}"
                yield "text", f"{', '.join(one.submissions)}."
                if one.example.before:
                    yield "code", one.example.shown()
        for title, told in (("partly right", self.partial), ("no result that counts", self.failed)):
            if told:
                yield "title", f"{len(told)} x {title}"
                for name, reason in told:
                    yield "text", f"{name}: {reason}"

    def __str__(self) -> str:
        return as_text(self._blocks())

    @property
    def markdown(self) -> str:
        """The summary as Markdown."""
        return as_markdown(self._blocks())

    def _repr_markdown_(self) -> str:
        return self.markdown


def summarise(
    reports: Mapping[str, Report | _Graded | Exception] | Iterable[Report | _Graded | Exception],
) -> Summary:
    """Group the reports on many submissions by misconception.

    Parameters
    ----------
    reports : dict or iterable
        By the name of the submission, or in order: what `check_gradients` returns for it, or
        `tinygrad_softmax.teaching.grade`, or the exception that was raised.

    Returns
    -------
    Summary
        To print; also as ``markdown`` and ``json()``. It does not depend on the order of the
        reports.

    Raises
    ------
    TypeError
        If something else is among the reports.

    Examples
    --------
    >>> def finding(code):
    ...     return Finding("dW", "sign", f"the sign of `{code}` is wrong", 1, f"dW = {code}", "...")
    >>> reports = {
    ...     "ada": Report((finding("X.T @ delta"),), ()),
    ...     "ben": Report((finding("np.dot(X.T, g)"),), ()),
    ...     "cid": Report((), ("dW",)),
    ... }
    >>> summary = summarise(reports)
    >>> [(one.sentence, one.submissions) for one in summary.misconceptions]
    [('dW: the sign of `X.T @ delta` is wrong', ('ada', 'ben'))]
    """
    if not isinstance(reports, Mapping):
        reports = {f"submission {n}": report for n, report in enumerate(reports, 1)}
    right: list[str] = []
    failed: list[tuple[str, str]] = []
    partial: list[tuple[str, str]] = []
    groups: dict[Any, dict[str, Finding]] = {}
    for name in sorted(reports):
        report = reports[name]
        if isinstance(report, Exception):
            failed.append((name, f"{type(report).__name__}: {report}".partition("\n")[0]))
            continue
        found = report if isinstance(report, Report) else getattr(report, "report", report)
        if found is not None and not isinstance(found, Report):
            raise TypeError(
                f"the report of {name} is a {type(report).__name__}: pass what check_gradients or "
                "grade returns, or the exception that was raised"
            )
        if found is None or (found.ok and not report.ok):
            one_of = partial if getattr(report, "score", 0) > 0 else failed
            one_of.append((name, str(getattr(report, "message", "")).partition("\n")[0]))
        elif found.ok:
            right.append(name)
        else:
            names = _Names(found.source)
            for finding in found.findings:
                key = (finding.repaired, *_misconception(finding, names))
                groups.setdefault(key, {}).setdefault(name, finding)
    made: dict[bool, list[Misconception]] = {True: [], False: []}
    for key, members in groups.items():
        first = next(iter(members.values()))
        sentence = f"{first.stage}: {first.sentence}"
        made[key[0]].append(Misconception(sentence, first.cause, tuple(members), first))
    for some in made.values():
        some.sort(key=lambda one: (-one.count, one.submissions, one.sentence))
    return Summary(tuple(right), tuple(made[True]), tuple(made[False]), tuple(failed),
                   tuple(partial))  # fmt: skip


class _Names:
    """The names in the functions that were checked: the inputs, and variables that hold a size."""

    def __init__(self, source: str) -> None:
        try:
            tree = ast.parse(source)
        except SyntaxError:
            tree = ast.Module([], [])
        functions = (n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.Lambda)))
        main = next(functions, None)  # what helpers call their arguments is the writer's own
        arguments = ast.walk(main.args) if main is not None else ()
        self.parameters = {node.arg for node in arguments if isinstance(node, ast.arg)}
        bound: dict[str, list[ast.expr]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    for name, value in _assigned(target, node.value):
                        bound.setdefault(name, []).append(value)
            elif isinstance(node, (ast.AugAssign, ast.For)) and isinstance(node.target, ast.Name):
                bound.setdefault(node.target.id, []).append(node.target)
        #: variables that hold a size, and nothing else
        self.sizes = {name: value for name, (value, *more) in bound.items()
                      if not more and name not in self.parameters and _is_size(value)}  # fmt: skip

    def stage(self, name: str) -> str:
        """Return the input whose gradient a stage is; of all other stages the same word."""
        owner = whose(name, [*self.parameters])
        return "a stage" if owner is None else f"d{owner}"


def _assigned(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that an assignment binds, with what is bound to them."""
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, (ast.Tuple, ast.List)):
        for i, part in enumerate(target.elts):
            yield from _assigned(part, ast.Subscript(value, ast.Constant(i)))


def _is_size(node: ast.expr) -> bool:
    """Whether code is the length of an axis, or the size, of something that has a name."""
    match node:
        case ast.Subscript(ast.Attribute(ast.Name(), "shape"), ast.Constant()):
            return True
        case ast.Attribute(ast.Name(), "size") | ast.Call(ast.Name("len"), [ast.Name()]):
            return True
    return False


def _misconception(finding: Finding, names: _Names) -> tuple[str, ...]:
    """Return what two findings have in common if they are the same mistake."""
    if not finding.repaired:  # how many entries differ is chance
        return finding.cause, finding.stage
    # What is missing has the right value: a size that is missing is the same by any expression.
    spelling = _Spelling(names, any_size=finding.cause.endswith("_missing"))
    said = _CODE.sub(lambda code: f"`{spelling.of(code[1])}`", finding.sentence)
    return finding.cause, names.stage(finding.stage), said


class _Spelling(ast.NodeTransformer):
    """Writes names, products, methods, transposes and sizes in one way."""

    def __init__(self, names: _Names, any_size: bool) -> None:
        self.names, self.any_size = names, any_size
        self.own: dict[str, str] = {}

    def of(self, code: str) -> str:
        """Return code in that spelling; as it is, if it is none."""
        try:
            tree = ast.parse(code)
        except SyntaxError:
            return code
        return ast.unparse(ast.fix_missing_locations(self.visit(tree)))

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.Name) and node.id in self.names.sizes:
            node = copy.deepcopy(self.names.sizes[node.id])
        if isinstance(node, ast.expr) and _is_size(node) and self.any_size:
            return ast.Name("a_size")
        return super().visit(node)

    def visit_Name(self, node: ast.Name) -> Any:
        """Number the writer's own names in the order in which they are met."""
        if node.id not in self.names.parameters | _COMMON:
            return ast.Name(self.own.setdefault(node.id, f"name{len(self.own) + 1}"))
        return node

    def visit_Call(self, node: ast.Call) -> Any:
        """Write a method as a function, a product as ``@``, a length as an entry of the shape."""
        self.generic_visit(node)
        function, arguments = node.func, node.args
        if isinstance(function, ast.Attribute) and function.attr in _METHODS and not (
            isinstance(function.value, ast.Name) and function.value.id in _COMMON
        ):  # fmt: skip
            arguments = node.args = [function.value, *arguments]
            function = node.func = ast.Attribute(ast.Name("np"), function.attr)
        name = getattr(function, "attr", getattr(function, "id", ""))
        if name in ("dot", "matmul") and len(arguments) == 2:
            return ast.BinOp(arguments[0], ast.MatMult(), arguments[1])
        if name == "transpose" and len(arguments) == 1:
            return ast.Attribute(arguments[0], "T")
        if name == "len" and len(arguments) == 1:
            return ast.Subscript(ast.Attribute(arguments[0], "shape"), ast.Constant(0))
        return node
