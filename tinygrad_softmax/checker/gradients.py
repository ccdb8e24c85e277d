"""`check_gradients`: a hand-written gradient against the true one, repaired where it is wrong.

Imports the rest of this folder. The verdict is found at fresh points whose sizes all differ; then
the very inputs given are looked at; then the smallest change of the source is searched for that
makes the gradients right.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
import textwrap
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from ..core.errors import check_names
from ..derivation import derive
from ..ir.document import Account
from .edits import function_name, root_of, target_of
from .hand import Hand, copied
from .operands import Parts
from .points import points as drawn_points
from .report import Finding, Report
from .results import whose
from .search import Judge, LossChangedError, Repair, Search
from .source import (
    NoSourceError,
    Source,
    helpers,
    leading_to_loss,
    names_in,
    plain_function,
    statements,
    text_of,
)
from .trees import Inputs, leaves, replaced
from .truth import Truth, given_point, same, truth
from .values import Values, key_of, recorded, recorded_code

#: At so many points gradients are compared.
_POINTS = 5
#: Inputs with more entries than this are not run as they are.
_LARGE = 1_000_000
#: A repair is tried at the inputs given, too, if they have no more entries than this.
_SMALL = 400
#: So many lines of a derived formula are shown beside a line that nothing small repairs.
_LINES = 5
#: Names whose call is no business of a search.
_OUTSIDE = frozenset(["open", "input", "exec", "eval", "compile", "__import__", "exit", "quit"])


def check_gradients(
    loss: Callable[..., Any],
    gradients: Callable[..., Any] | None = None,
    /,
    *,
    wrt: str | tuple[str, ...] | None = None,
    params: MutableMapping[str, Any] | None = None,
    stages: Mapping[str, str] | None = None,
    seed: int | None = None,
    budget: float = 2.0,
    **inputs: Any,
) -> Report:
    """Compare a hand-written gradient with the true one, and show the line to change.

    Parameters
    ----------
    loss : callable
        Returns the scalar loss, in plain NumPy. Without `gradients` it returns the loss and its
        gradients, ``(loss, dW)`` or ``(loss, {"W": dW, "b": db})``.
    gradients : callable, optional
        The hand-written gradient, in plain NumPy: returns a dict by parameter, a tuple in the order
        of `wrt`, or a single array.
    wrt : str or tuple of str, optional
        With respect to which inputs; not needed if a dict is returned or `params` is given. An
        input that is a dict or a list of arrays stands for all of them.
    params : dict, optional
        Where the methods of a class read their parameters: ``params=model.params``, or
        ``params={"W": model.W}`` for attributes.
    stages : dict, optional
        Variables whose name does not say whose gradient they are: ``{"delta2": "scores"}``.
    seed : int, optional
        Set before each call, for functions that draw random numbers.
    budget : float
        The largest number of seconds that the search for a repair takes.
    **inputs
        The inputs of both functions by name. They are never changed.

    Returns
    -------
    Report
        True if the gradients are right; with ``findings``, ``diff``, ``hint()`` and
        ``raise_if_wrong()``; ``print`` it.

    Raises
    ------
    TypeError
        If it is not clear which array is whose gradient, or None was returned.
    DataError
        If a parameter holds integers, or anything else that has no slope.
    ValueError
        If `stages` names no variable or value of the functions, or if an input or parameter has a
        name that no Python variable can have.

    Notes
    -----
    A repair is shown only after it was run: with it, all gradients are right at five points of
    different sizes. The source is not changed.

    Examples
    --------
    >>> def loss(w, X, y):
    ...     residual = X @ w - y
    ...     return np.sum(residual**2) / len(y)
    >>> def gradients(w, X, y):
    ...     dresidual = 2 * (X @ w - y)
    ...     return {"w": X.T @ dresidual}
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.standard_normal((5, 3)), rng.standard_normal(5)
    >>> report = check_gradients(loss, gradients, w=np.ones(3), X=X, y=y)
    >>> bool(report), report.findings[0].after
    (False, 'dresidual = 2 * (X @ w - y) / len(y)')
    """
    check_names([*inputs, *(params if isinstance(params, Mapping) else ())])
    with np.errstate(all="ignore"), warnings.catch_warnings(), _silently():
        warnings.simplefilter("ignore")  # of the person's code at our points
        hand = Hand(loss, gradients, params, seed, wrt, inputs)
        return Check(hand, dict(stages or {}), budget).report()


@contextlib.contextmanager
def _silently() -> Iterator[None]:
    """Keep what the functions print to themselves: they run many times."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


class Check:
    """One check: the points, the truth at them, and what is wrong."""

    def __init__(self, hand: Hand, stages: dict[str, str], budget: float) -> None:
        self.hand, self.stages, self.inputs, self.budget = hand, stages, hand.given, budget
        self.end = time.perf_counter() + budget
        self.slopes: list[dict[Any, Any]] = []
        self.ended = False
        self.notes: list[str] = []
        self.given: tuple[Values, ...] = ()

    def report(self) -> Report:
        """Compare, and repair."""
        hand = self.hand
        drawn = drawn_points(hand, self.inputs, hand.wrt, _POINTS)
        self.notes += drawn.notes
        if not drawn.points:
            raise ValueError(
                f"{hand.name} or the loss runs at no small fresh inputs, with finite results: call "
                "both at the inputs given and look at what they return"
            )
        self.points = _most_different_first(drawn.points * (1 + (len(drawn.points) == 1)))
        finding = self._repeated()
        if finding is not None:
            return Report((finding,), (), tuple(self.notes))
        self.truth: list[Truth] = [truth(hand, point, hand.wrt) for point in self.points]
        outcomes = [hand.run(point) for point in self.points]
        changed = outcomes[0].modified
        if changed:
            self.notes.append(f"{hand.name} changes {', '.join(changed)} in place: the check went "
                              "on with copies")  # fmt: skip
        self.changed = set(changed)
        found = [o.gradients for o in outcomes]
        wrong = [n for n in hand.wrt if not self._is_right(n, found)]
        self._source()
        findings = [f for n in wrong if (f := self._plainly(n, found)) is not None]
        told = {f.stage for f in findings}
        self.open = [n for n in wrong if f"d{n}" not in told]
        findings += self._at_given(wrong)
        self._check_stages()
        loss_findings: list[Finding] = []
        repaired = ""
        if self.open:
            more, repaired = self._repaired(found)
            findings = [*more, *findings]
            loss_findings = self._loss_repaired(found, more)
        bad = {*wrong, *(f.stage.removeprefix("d") for f in findings)}
        right = [n for n in hand.wrt if n not in bad]
        named = [*self._right_stages(), *(f"d{n}" for n in right)]
        return Report(
            tuple(findings), tuple(dict.fromkeys(named)), tuple(dict.fromkeys(self.notes)),
            tuple(loss_findings), self._said_points(), self.original, repaired,
        )  # fmt: skip

    # --- before any search ---

    def _at_given(self, wrong: list[str]) -> list[Finding]:
        """Return what is wrong at the inputs given only; note what else is to be said of them."""
        at = given_point(self.hand, self.inputs, tuple(n for n in self.hand.wrt if n not in wrong))
        self.notes += at.notes
        if at.problem:
            self.notes.append(at.problem)
        found = self._nan_at_given() if at.problem else {}
        found |= {n: f"{count} of {np.size(self._leaf(self.inputs, n))} entries differ at the "
                  "inputs given, though the gradient is right at other points"
                  for n, count in at.wrong.items()}  # fmt: skip
        return [Finding(f"d{n}", "nan" if "NaN" in said else "unexplained", said)
                for n, said in found.items() if n not in wrong]  # fmt: skip

    def _nan_at_given(self) -> dict[str, str]:
        """Return the gradients that are not finite at the inputs given, where the loss is."""
        if not np.isfinite(float(self.hand.loss(copied(self.inputs)))):
            return {}
        found = self.hand.run(self.inputs).gradients
        return {n: f"{int(np.sum(~np.isfinite(g)))} of {np.size(g)} entries are NaN or infinite at "
                "the inputs given, where the loss is finite"
                for n, g in found.items() if not np.all(np.isfinite(g))}  # fmt: skip

    @staticmethod
    def _leaf(inputs: dict[str, Any], name: str) -> Any:
        return dict(leaves(inputs))[name]

    def _is_right(self, name: str, found: list[dict[str, Any]]) -> bool:
        return all(same(g[name], t.gradients[name], t.tolerance)
                   for g, t in zip(found, self.truth, strict=True))  # fmt: skip

    def _repeated(self) -> Finding | None:
        """Say what is wrong if a second call gives something else."""
        once, again = (self.hand.run(self.points[0]).gradients for _ in range(2))
        for name, value in once.items():
            if np.array_equal(again[name], value, equal_nan=value.dtype.kind == "f"):
                continue
            if np.shape(again[name]) == np.shape(value):
                third = self.hand.run(self.points[0]).gradients[name]
                if same(third - again[name], again[name] - value, 1e-6):
                    said = "each call with the same inputs adds to what was there before"
                    return Finding(f"d{name}", "accumulated", said)
            said = ("two calls with the same inputs differ: if it draws random numbers, pass seed= "
                    "(it sets NumPy's global generator)")  # fmt: skip
            return Finding(f"d{name}", "random", said)
        return None

    def _plainly(self, name: str, found: list[dict[str, Any]]) -> Finding | None:
        """Say what needs no search: nothing is written yet, or the loss does not use it."""
        true = [t.gradients[name] for t in self.truth]
        mine = [g[name] for g in found]
        if all(not np.any(t) for t in true):
            return Finding(f"d{name}", "unused", f"the loss does not depend on {name}, so that its "
                           "gradient is 0 everywhere")  # fmt: skip
        if all(m.size and not np.any(m) for m in mine) and not self._is_written(name):
            return Finding(f"d{name}", "not_written", "it is zero everywhere: it is not "
                           "written yet, or never assigned to")  # fmt: skip
        return None

    def _is_written(self, name: str) -> bool:
        """Whether more than zeros is ever assigned to an array by its name."""
        for _, node in (s for source in self.sources for s in statements(source.tree)):
            root, value = root_of(target_of(node)), getattr(node, "value", None)
            if root is None or value is None or not whose(root, [name]):
                continue
            if not _is_empty(value):
                return True
        return False

    # --- sources ---

    def _source(self) -> None:
        self.sources: list[Source] = []
        self.original = ""
        hand = self.hand
        try:
            functions = helpers(hand.gradients, lambda: hand.run(self.points[0]))
            mine = plain_function(hand.loss_function)
            if not hand.joint:
                functions = [f for f in functions if f is not mine]
            self.sources = [s for f in functions if (s := _source_of(f)) is not None]
            if not self.sources or self.sources[0].function is not functions[0]:
                raise NoSourceError(f"the source of {hand.name} is not available")
        except NoSourceError as error:
            self.sources = []
            self.notes.append(f"{error}, so that no line can be shown: define it in a file or a "
                              "notebook")  # fmt: skip
            return
        self.original = _joined(s.text() for s in self.sources)

    def _parts(self) -> list[Parts]:
        """Return what operands are taken from: the loss, and its derived gradient."""
        if not hasattr(self, "_found_parts"):
            self._found_parts = [*self._parts_of_loss(), *self._parts_of_derivation()]
        return self._found_parts

    def _parts_of_loss(self) -> list[Parts]:
        hand, made = self.hand, list[Parts]()
        try:
            functions = helpers(hand.loss_function, lambda: hand.loss(copied(self.points[0])))
        except NoSourceError:
            return []
        for function in functions:
            source = _source_of(function)
            if source is None:
                continue
            try:
                values = tuple(recorded(source, partial(hand.loss, copied(self.points[k])))
                               for k in range(2))  # fmt: skip
            except Exception:  # a learner's function, which may raise anything: no operands of it
                continue
            whole = not hand.joint or isinstance(source.tree, ast.Lambda) or bool(made)
            tree = source.tree if whole else leading_to_loss(source.tree)
            made.append(Parts(tree, values, "loss", source.lines))
        return made

    def _parts_of_derivation(self) -> list[Parts]:
        derivation = self._derivation()
        if derivation is None:
            return []
        source = derivation.source
        tree: Any = ast.parse(source).body[0]
        space = {"np": np, **derivation.program.given}
        try:
            given = [self.hand.with_incoming(self.points[k]) for k in range(2)]
            values = tuple(recorded_code(tree, space, inputs) for inputs in given)
        except Exception:  # derived for one size, it may fail in any way at another
            return []
        return [Parts(tree, values, "derived", source.splitlines())]

    def _derivation(self) -> Any:
        if not hasattr(self, "_derived"):
            self._derived = None
            hand = self.hand
            ways = [hand.loss_function] if hand.is_plain and not hand.joint else []
            # What else a function returns, and where it keeps its parameters, is left to the hand.
            for loss in (*ways, _only_loss(hand)) if not hand.loops else ():
                with contextlib.suppress(Exception):  # then there is no formula to look at
                    given = hand.with_incoming(self.points[0])
                    self._derived = derive(loss, hand.wrt, **given)
                    break
        return self._derived

    def _known(self) -> dict[Any, float]:
        """Return the keys of values that are right, and how unlikely an edit of theirs is.

        What the loss has, too, is hardly wrong; what is the gradient of one of its values may have
        to be that of another one, as before a mask.
        """
        if not hasattr(self, "_right_keys"):
            loss = (parts for parts in self._parts() if parts.origin == "loss")
            keys = {part.key: 0.6 for parts in loss for part in parts}
            with contextlib.suppress(Exception):  # a formula for one size only
                account = Account(self._derivation())
                given = [self.hand.with_incoming(self.points[k]) for k in range(2)]
                self.slopes = [account.slopes(inputs) for inputs in given]
                both = self.slopes[0].keys() & self.slopes[1].keys()
                keys |= {key_of(tuple(s[e] for s in self.slopes)): 0.25 for e in both}
            for leaf in self.hand.wrt:
                keys[key_of(tuple(t.gradients[leaf] for t in self.truth[:2]))] = 0.6
            self._right_keys = keys
        return self._right_keys

    # --- stages ---

    def _is_stage(self, variable: str | None, key: Any) -> bool | None:
        """Whether a value is the gradient that a name says; None if the name says nothing."""
        if not hasattr(self, "_stage_keys"):
            leaves = {
                n: key_of(tuple(t.gradients[n] for t in self.truth[:2])) for n in self.hand.wrt
            }
            names, slopes = self._values_of_loss(), self.slopes
            self._stage_keys: dict[str, Any] = {
                n: key_of(tuple(s[e] for s in slopes)) for n, e in names.items()
                if slopes and all(e in s for s in slopes)
            } | leaves  # fmt: skip
        name = self.stages.get(variable or "") or whose(variable or "", [*self._stage_keys])
        if name == variable:  # the value, not its gradient
            return None
        return None if name is None else bool(self._stage_keys[name] == key)

    def _recorded(self) -> tuple[Values, ...]:
        if not self.given and self.sources:
            with contextlib.suppress(Exception):  # it cannot run with notes taken
                self.given = tuple(
                    recorded(self.sources[0], partial(self.hand.run, self.points[k]))
                    for k in range(2)
                )
        return self.given

    def _held(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return the values that each variable of the gradient function held, in order."""
        found: dict[str, list[tuple[Any, ...]]] = {}
        values = self._recorded()
        if not values:
            return found
        for _, node in statements(self.sources[0].tree):
            scopes = [s for v in values if (s := v.scopes.get(id(node))) is not None]
            if len(scopes) < len(values):
                continue
            for name, value in scopes[0].items():
                both = tuple(s.get(name) for s in scopes)
                if (
                    isinstance(value, np.ndarray)
                    and value.dtype.kind == "f"
                    and both[1] is not None
                ):
                    found.setdefault(name, []).append(both)
        return found

    def _values_of_loss(self) -> dict[str, Any]:
        derivation = self._derivation()
        return dict(derivation.trace.names) if derivation is not None else {}

    def _check_stages(self) -> None:
        if not self.stages:
            return
        own = self.sources[0].code.co_varnames if self.sources else ()
        code = getattr(self.hand.loss_function, "__code__", None)
        values = {*self.inputs, *self._values_of_loss(), *(code.co_varnames if code else ())}
        for variable, value in self.stages.items():
            if (own and variable not in own) or value not in values:
                raise ValueError(
                    f"stages={{{variable!r}: {value!r}}}: {self.hand.name} has the variables "
                    f"{', '.join(own)}, and the loss the values {', '.join(sorted(values))}"
                )

    def _right_stages(self) -> list[str]:
        """Return the variables that hold the gradient of a value of the loss at some time."""
        if not self.sources or self._derivation() is None:
            return []
        self._known()
        names, slopes = self._values_of_loss(), self.slopes
        found = []
        for variable, held in self._held().items():
            if variable == self.hand.coming:  # it was handed over
                continue
            value = self.stages.get(variable) or whose(variable, [*names])
            e = names.get(value) if value else None
            if e is None or not slopes or any(e not in s for s in slopes):
                continue
            key = key_of(tuple(s[e] for s in slopes))
            if any(key_of(both) == key for both in held):
                found.append(variable)
        return found

    # --- repairs ---

    def _judge(self) -> Judge:
        hand = self.hand

        def run(k: int) -> dict[str, Any]:
            outcome = hand.run(self.points[k])
            if not set(outcome.modified) <= self.changed:
                raise ValueError("inputs are changed")
            if outcome.value is not None and not np.isclose(
                float(np.reshape(outcome.value, ())), self.truth[k].value, rtol=1e-9
            ):
                raise LossChangedError("the loss is changed")
            return outcome.gradients

        def right(k: int, name: str, array: Any) -> bool:
            return same(array, self.truth[k].gradients[name], self.truth[k].tolerance)

        def holds(names: tuple[str, ...]) -> bool:
            most = _SMALL // 2 if hand.loops else _SMALL
            if sum(np.size(v) for _, v in leaves(self.inputs)) > most:
                return True
            return not given_point(hand, self.inputs, names).wrong

        return Judge(run, right, self.hand.wrt, len(self.points), holds)

    def _repaired(self, found: list[dict[str, Any]]) -> tuple[list[Finding], str]:
        """Return findings for what is wrong, with repairs as far as there are some."""
        repairs: list[Repair] = []
        trees = [s.tree for s in self.sources]
        if self.sources:
            self._known()
            left_over = max(0.3 * self.budget, 0.85 * (self.end - time.perf_counter()))
            search = Search(
                self._judge(), self.sources, self._parts, left_over, self._known, self._is_stage
            )
            repairs = search.repairs()
            self.ended = search.is_late()
        findings = [self._finding(r, before) for r, before in zip(
            repairs, [self.open, *(list(r.left) for r in repairs)], strict=False)]  # fmt: skip
        left = [n for n in (repairs[-1].left if repairs else self.open) if n in self.open]
        first = self._wrong_stage() if self.sources and not repairs else []
        is_known = bool(findings or first)
        findings += [*first, *(self._unexplained(n, found, is_known, bool(first)) for n in left)]
        texts = {id(s): s.text() for s in self.sources}
        for repair in repairs:
            key, first = id(repair.source), repair.source.original.lineno
            made = _with_lines(texts[key], repair.before, repair.after, repair.line - first)
            texts[key] = made if made != texts[key] else text_of(repair.tree)
        repaired = _joined(texts.values()) if repairs else ""
        for source, tree in zip(self.sources, trees, strict=True):
            source.tree = tree
        return findings, repaired

    def _finding(self, repair: Repair, wrong: list[str]) -> Finding:
        edit = repair.edit
        stage = repair.stage or f"d{repair.fixed[0]}"
        spoils = tuple(f"d{n}" for n in repair.fixed if f"d{n}" != stage)
        why = ""
        if edit.operand is not None and edit.operand.origin == "loss" and edit.operand.line:
            why = f"The loss has it: `{edit.operand.line}`."
        return Finding(
            stage, edit.kind, edit.said, repair.line, repair.before, repair.after, why, spoils
        )

    def _wrong_stage(self) -> list[Finding]:
        """Return the first line that makes the gradient of a value of the loss wrong, if one does.

        A gradient that is right but for a number may be multiplied by it later.
        """
        self._known()
        names, slopes = self._values_of_loss(), self.slopes
        held = self._held()
        for _, node in statements(self.sources[0].tree):
            variable = root_of(target_of(node)) if target_of(node) is not None else None
            value = self.stages.get(variable or "") or whose(variable or "", [*names])
            e = names.get(value) if value and value != variable else None
            if e is None or not slopes or any(e not in s for s in slopes) or value in self.hand.wrt:
                continue
            right = tuple(np.asarray(s[e]) for s in slopes)
            last = held.get(variable or "", [])
            if not last or any(_alike(both, right) for both in last):
                continue
            line, before, after = self._made(variable, value)
            one = "one of these lines is wrong; " if "\n" in before else ""
            said = f"{one}no small change was found that makes it right{self._late()}"
            return [Finding(str(variable), "unexplained", said, line, before, after)]
        return []

    def _made(self, variable: str | None, value: str | None) -> tuple[int, str, str]:
        """Return the lines that make a variable, and those that a derivation makes it by.

        With them the lines that make what goes into them, unless it is known to be right. There
        are no lines if these are many: then none is to be accused.
        """
        found = self._behind(str(variable))
        lines = sorted({n.lineno: n for n in found}.values(), key=lambda n: int(n.lineno))
        if not lines or len(lines) > _LINES:
            return 0, "", ""
        texts, last = list[str](), lines[0].lineno - 1
        for n in lines:
            texts += ["..."] if n.lineno > last + 1 else []
            whole = "".join(self.sources[0].lines[n.lineno - 1 : n.end_lineno])
            texts.append(textwrap.dedent(whole).rstrip())
            last = n.end_lineno or n.lineno
        text = "\n".join(texts)
        return lines[0].lineno, text, "\n".join(self._formula(f"d{value}"))

    def _behind(self, variable: str) -> list[Any]:
        """Return the statements that make a variable out of what is known to be right."""
        made: dict[str, list[Any]] = {}
        for _, node in statements(self.sources[0].tree):
            if isinstance(node, (ast.Assign, ast.AugAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in (t for whole in targets for t in getattr(whole, "elts", [whole])):
                    made.setdefault(root_of(target) or "", []).append(node)
        for name, nodes in made.items():
            begun = [n for n in nodes if not _is_empty(n.value)]
            made[name] = begun or nodes
        found, wanted, seen = list[Any](), [variable], set[str]()
        while wanted and len(found) <= _LINES:
            name = wanted.pop()
            seen.add(name)
            for node in made.get(name, ()):
                found.append(node)
                wanted += [n for n in names_in(node.value) & made.keys() - seen - {*wanted}
                           if not self._is_known(n, node)]  # fmt: skip
        return found

    def _is_known(self, name: str, node: Any) -> bool:
        """Whether what a variable holds before a statement is no gradient, or is right."""
        held = tuple(v.scopes.get(id(node), {}).get(name) for v in self._recorded())
        if not held or not isinstance(held[0], (np.ndarray, float, np.floating)) or (
            np.asarray(held[0]).dtype.kind != "f"
        ):  # fmt: skip
            return True
        if key_of(held) in self._known():
            return True
        names = self._values_of_loss()
        e = names.get(self.stages.get(name) or whose(name, [*names]))
        slopes = [s.get(e) for s in self.slopes]  # but for a number, by which it is divided later
        return e is not None and all(s is not None for s in slopes) and bool(slopes) and _alike(
            held, tuple(map(np.asarray, slopes)))  # fmt: skip

    def _formula(self, name: str) -> list[str]:
        """Return the derived lines that make an array of those that the learner's code has."""
        derivation = self._derivation()
        if derivation is None or not self.slopes:  # or for one size only
            return []
        code = getattr(self.hand.loss_function, "__code__", None)
        known = {*self.sources[0].code.co_varnames, *(code.co_varnames if code else ())}
        needed, found = {name}, list[str]()
        for line in reversed(derivation.program.source().splitlines()):
            made = re.match(r"\s+(?:np\.\w+\.at\()?(\w+)", line)
            if made and made[1] in needed:
                found.insert(0, line.strip())
                needed |= {*re.findall(r"\b[a-zA-Z_]\w*", line)} - known
        return found if len(found) <= _LINES else []

    def _late(self) -> str:
        """Say that the search ended before it was through, if it did."""
        if not self.ended:
            return ""
        return f"; the search ended after its {self.budget:g} s, and a larger budget= may find one"

    def _unexplained(self, name: str, found: list[dict[str, Any]], is_known: bool,
                     is_stage: bool) -> Finding:  # fmt: skip
        """Return what can be said without a repair; with the line, unless one is known before."""
        mine = [g[name] for g in found]
        true = [t.gradients[name] for t in self.truth]
        cause, said = related(mine, true, [_scalars(p) for p in self.points],
                              self.hand.both_shapes.get(name, ((), ())))  # fmt: skip
        if cause == "unexplained":
            said = "it is wrong, too" if is_stage else said + self._late()
        shown = self.sources and not is_known
        made = (target_of(n) for _, n in statements(self.sources[0].tree)) if shown else ()
        for variable in (root_of(target) for target in made if target is not None):
            if cause == "unexplained" and whose(variable or "", [name]) and variable != name:
                line, before, after = self._made(variable, name)
                said = f"one of these lines is wrong; {said}" if "\n" in before else said
                return Finding(f"d{name}", cause, said, line, before, after)
        return Finding(f"d{name}", cause, said)

    # --- the loss ---

    def _loss_repaired(self, found: list[dict[str, Any]], repairs: list[Finding]) -> list[Finding]:
        """Return a change of the loss with which the gradients would be right as they are."""
        hand = self.hand
        if hand.joint or not hand.is_plain:
            return []
        if (
            repairs
            and all(f.repaired for f in repairs)
            and not {f.cause for f in repairs} <= _EITHER
        ):
            return []
        if any(not np.any(g[n]) for g in found for n in hand.wrt):
            return []
        try:
            functions = helpers(hand.loss_function, partial(hand.loss, copied(self.points[0])))
            sources = [s for f in functions if (s := _source_of(f)) is not None][:1]
        except NoSourceError:
            return []
        if not sources:
            return []
        judge = self._judge_of_loss(found)
        trees = [s.tree for s in sources]
        left_over = max(0.1 * self.budget, self.end - time.perf_counter())
        repairs_of_loss = Search(judge, sources, list, left_over).repairs(1)
        for source, tree in zip(sources, trees, strict=True):
            source.tree = tree
        near = [r for r in repairs_of_loss if not r.left
                and r.edit.cost < (1.3 if r.edit.kind == "function" else 1.65)]  # fmt: skip
        return [
            Finding("the loss", r.edit.kind, r.edit.said, r.line, r.before, r.after) for r in near
        ]

    def _judge_of_loss(self, found: list[dict[str, Any]]) -> Judge:
        hand, rng = self.hand, np.random.default_rng(3)
        along = [{n: rng.standard_normal(np.shape(v)) for n, v in leaves(p) if n in hand.wrt}
                 for p in self.points]  # fmt: skip

        def run(k: int) -> dict[str, Any]:
            point, step, slopes = self.points[k], 1e-4, {}
            for name, base in [(n, v) for n, v in leaves(point) if n in hand.wrt]:
                moved = ({name: base + t * along[k][name]} for t in (step, -step))
                values = [float(hand.loss(copied(replaced(point, new)))) for new in moved]
                slopes[name] = (values[0] - values[1]) / (2 * step)
            return slopes

        def right(k: int, name: str, slope: Any) -> bool:
            g = found[k][name]
            if np.shape(g) != np.shape(along[k][name]):
                return False
            wanted = float(np.sum(g * along[k][name]))
            scale = float(np.sum(np.abs(g * along[k][name])))
            return bool(abs(slope - wanted) <= 1e-5 * scale)

        return Judge(run, right, hand.wrt, len(self.points))

    def _said_points(self) -> str:
        sizes = ["x".join(map(str, np.shape(v))) for p in self.points
                 for v in list(p.values())[:1] if isinstance(v, np.ndarray)]  # fmt: skip
        first = next(iter(self.points[0]), "")
        shown = f", {first} of {', '.join(list(dict.fromkeys(sizes))[:3])}" if sizes else ""
        return f"run at {len(self.points)} points{shown}"


#: Mistakes that may as well be the loss's.
_EITHER = frozenset(["divisor_missing", "divisor_extra", "factor_missing", "factor_extra",
                     "constant", "term_missing", "term_extra", "reduction", "function",
                     "mask_missing", "replaced", "name"])  # fmt: skip


def _most_different_first(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return points so that the sizes of the first two differ as much as may be."""

    def sizes(point: Inputs) -> list[int]:
        return [
            n for v in point.values() for n in (np.shape(v) if isinstance(v, np.ndarray) else ())
        ]

    def differing(pair: tuple[int, int]) -> int:
        one, other = (sizes(points[k]) for k in pair)
        return sum(a != b for a, b in zip(one, other, strict=False))

    first = max(combinations(range(len(points)), 2), key=differing)
    return [points[k] for k in first] + [p for k, p in enumerate(points) if k not in first]


def _is_empty(node: ast.AST) -> bool:
    """Whether an expression is an array that is yet to be filled, or a number to begin with."""
    empty = function_name(node).startswith(("zeros", "empty"))
    return empty or isinstance(node, (ast.Constant, ast.List, ast.Dict))


def _alike(held: tuple[Any, ...], right: tuple[Any, ...]) -> bool:
    """Whether arrays are right but for a number at each point."""
    for one, other in zip(held, right, strict=True):
        if np.size(one) != np.size(other):
            return False
        a, b = np.ravel(one), np.ravel(other)
        number = float(a @ b) / (float(b @ b) or 1.0)
        if not np.allclose(a, number * b, rtol=1e-6, atol=1e-9 * float(np.max(np.abs(a)))):
            return False
    return True


def _only_loss(hand: Hand) -> Any:
    def loss(**inputs: Any) -> Any:
        return hand.loss(inputs)

    return loss


def _source_of(function: Any) -> Source | None:
    """Return the source of a function that may be changed and run many times."""
    try:
        source = Source(function)
    except NoSourceError:
        return None
    space = source.function.__globals__
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            root = node.func
            while isinstance(root, ast.Attribute):
                root = root.value
            if not isinstance(root, ast.Name):
                continue
            held = space.get(root.id)
            module = (
                getattr(held, "__name__", "").split(".")[0]
                if type(held).__name__ == "module"
                else ""
            )
            if root.id in _OUTSIDE or (
                module and module not in ("numpy", "math", "scipy", "tinygrad_softmax")
            ):
                return None
    return source


def _joined(texts: Iterable[str]) -> str:
    return "\n\n".join(text.rstrip("\n") + "\n" for text in texts)


def _with_lines(text: str, before: str, after: str, near: int) -> str:
    """Return code with some lines exchanged, in their indentation: those next to a place."""
    lines, old = text.split("\n"), [line.strip() for line in before.split("\n")]
    found = [i for i in range(len(lines))
             if [line.strip() for line in lines[i : i + len(old)]] == old]  # fmt: skip
    if not found:  # a part of a line, as of a lambda
        return text.replace(before, after) if text.count(before) == 1 else text
    i = min(found, key=lambda i: abs(i - near))
    indent = lines[i][: len(lines[i]) - len(lines[i].lstrip())]
    new = [indent + line for line in after.split("\n") if line.strip()]
    return "\n".join([*lines[:i], *new, *lines[i + len(old) :]])


def related(got: list[Any], want: list[Any], scalars: list[dict[str, float]],
            given: tuple[Any, Any] = ((), ())) -> tuple[str, str]:  # fmt: skip
    """Say how wrong arrays are related to the right ones, as (cause, sentence): a symptom.

    Their shapes at the inputs `given` are those that the learner knows.
    """
    shapes = [(np.shape(g), np.shape(w)) for g, w in zip(got, want, strict=True)]
    if any(g != w for g, w in shapes):
        mine, true = next((g, w) for g, w in shapes if g != w)
        turned = mine[::-1] == true and len(true) == 2 and all(
            same(g.T, w, 1e-6) for g, w in zip(got, want, strict=True))  # fmt: skip
        what = (
            "the transpose of the right array" if turned else "of another shape than its parameter"
        )
        mine, true = given if given[0] != given[1] else (mine, true)
        return ("transposed" if turned else "shape"), f"it is {what}: {mine}, not {true}"
    if any(np.iscomplexobj(g) for g in got):
        return "complex", "it is complex, where the parameter is real"
    if any(np.isnan(g).any() for g in got):
        return "nan", "it has entries that are NaN, where the loss is finite"
    factors = []
    for g, w in zip(got, want, strict=True):
        scale = float(np.sum(w * w)) or 1.0
        factor = float(np.sum(g * w)) / scale
        factors.append(factor if same(g, factor * w, 1e-6) else None)
    if all(f is not None for f in factors):
        values = [float(f) for f in factors if f is not None]
        if all(abs(v + 1) < 1e-6 for v in values):
            return "sign", "it has the wrong sign"
        for name in scalars[0]:
            held = [s.get(name, np.nan) for s in scalars]
            for power, word in ((1, f"{name} times too large"), (-1, f"{name} times too small")):
                if np.allclose(values, np.power(held, float(power)), rtol=1e-6):
                    return "scaled", f"it is {word} at every point"
        if np.allclose(values, values[0], rtol=1e-6):
            return "scaled", f"it is {values[0]:.4g} times what it should be"
    offs = [np.abs(g - w) > 1e-6 * np.max(np.abs(w), initial=0.0)
            for g, w in zip(got, want, strict=True)]  # fmt: skip
    off = next((o for o in offs if o.any()), offs[0])
    return "unexplained", (f"no small change was found that makes it right; {int(off.sum())} of "
                           f"{off.size} entries differ at one of the points")  # fmt: skip


def _scalars(point: Mapping[str, Any]) -> dict[str, float]:
    """Return the sizes and single numbers of the inputs."""
    found: dict[str, float] = {}
    for name, value in point.items():
        if isinstance(value, (dict, list, tuple, str)) or value is None:
            continue
        array = np.asarray(value)
        if array.dtype.kind in "fiu" and array.ndim == 0:
            found[name] = float(array)
        found |= {f"{name}.shape[{i}]": float(n) for i, n in enumerate(array.shape) if n > 1}
    return found
