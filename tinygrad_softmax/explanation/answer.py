"""The answer: the derived lines, what their terms are, one example in numbers, what can go wrong.

The gradient of a value is the sum of what arrives along each way; what arrives along one way is
pushed through the rules on its own, and simplified by the same laws as the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ..ir.document import Account
from ..ir.expr import Expr, is_number
from ..ir.normal_form import Var
from ..ir.program import Assign, InPlace
from ..ir.sizes import Dim, Slot
from ..ir.trace import environment
from ..ir.visit import evaluate, ordered
from ..ir.words import Formula, listed
from ..ir.writing import NoWayToWriteError
from ..ops import choices, elementwise, indexing, reductions, shaping
from .walk import Walk, answer

#: A contribution that takes more room than this is only mentioned.
LONGEST = 120
_REST = "the rest"
#: A row of the worked example has at most so many numbers.
WIDEST = 10


@dataclass(frozen=True, slots=True)
class Line:
    """A derived gradient: its code, its shape, and where its terms come from."""

    name: str
    code: str
    shape: tuple[int, ...]
    contributions: tuple[str, ...]  # what arrives by which way, if there are several
    sentences: tuple[str, ...]
    formulas: tuple[Formula, ...]


class Branch(NamedTuple):
    """One way by which a gradient arrives: the value it comes from, and what comes."""

    result: Expr
    operand: Expr  # the operand of that result that the way goes on with
    answer: Expr


def together(account: Account, walk: Walk) -> tuple[Line, ...]:
    """Return the derived lines, each with where it comes from."""
    return tuple(_Answer(account, walk).lines())


class _Answer:
    """Takes derived gradients apart by the ways on which they arrive."""

    def __init__(self, account: Account, walk: Walk) -> None:
        self.account, self.walk, self.hand = account, walk, account.hand
        self.shown = {cut.e for cut in account.printed}
        self.users: dict[Expr, list[Expr]] = {}
        for e in walk.order:
            for parent in dict.fromkeys(p for p in e.parents if p is not None):
                self.users.setdefault(parent, []).append(e)

    def lines(self) -> Iterator[Line]:
        """Yield the lines of every derived gradient."""
        account = self.account
        for name, first, mask, same, formulas in account.groups():
            if first.e not in self.users:
                text, shape = "\n".join(f.text for f in formulas), self.hand.shape(first.e)
                said = f"The loss does not depend on `{first.label}`."
                yield Line(name, text, shape, (), (said,), tuple(formulas))
                continue
            branches = list(self._branches(first.e))
            parts = [self._amount(name, first, branch) for branch in branches]
            ways = [self._way(branch, branches) for branch in branches]
            if len(branches) == 1:
                ways = [f"`{self.walk.title(self._nearest(self.users[first.e][0]))}`"]
            each = [f"{part}, through {way}." for part, way in zip(parts, ways, strict=True)]
            if set(parts) == {_REST}:
                each = []
            sentences = [*self._placed(first, branches), *self._reasons(first, *same),
                         *self._balances(name, first), *self._mask(mask)]  # fmt: skip
            if first.e in self.hand.chosen:
                made = f"`{self.hand.text(first.e)} = {self.hand.defined(first.e)}`"
                sentences.insert(0, f"Here {made}, which the code does not name.")
            if len(each) < 2:
                sentences.insert(0, f"`{name}` comes through {listed(list(dict.fromkeys(ways)))}.")
            yield Line(name, "\n".join(f.text for f in formulas), self.hand.shape(first.e),
                       tuple(each) if len(each) > 1 else (),
                       tuple(dict.fromkeys(sentences)), tuple(formulas))  # fmt: skip

    def _branches(self, e: Expr) -> Iterator[Branch]:
        """Yield the ways by which a gradient arrives, from where they part or have a line.

        A way on which nothing comes is no parting: the other one is followed further.
        """
        answers = {user: self._through(user, e) for user in self.users.get(e, ())}
        live = [user for user in answers if not self._is_zero(answers[user])]
        for user, found in answers.items():
            follow = len(live) < 2 and any(user is one for one in live) and user not in self.shown
            if not follow or user not in self.users:
                yield Branch(user, e, found)
                continue
            for branch in self._branches(user):
                whole = self._pushed(user, e, branch.answer)
                yield branch._replace(answer=whole)

    def _through(self, result: Expr, operand: Expr) -> Expr:
        return self._pushed(result, operand, self.account.slope(result, printed=True))

    def _pushed(self, result: Expr, operand: Expr, g: Expr) -> Expr:
        """Return what an operand receives from a result that has the gradient `g`."""
        found = [answer(result, edge, g) for edge in result.plan.edges
                 if result.parents[edge.position] is operand]  # fmt: skip
        parts = [part for part in found if part is not None]
        return sum(parts[1:], start=parts[0])

    def _is_zero(self, e: Expr) -> bool:
        chooser = self.account.chooser
        return any(chooser.algebra.spread(reading.template(e)).number == 0
                   for reading in (chooser.named, chooser.plain))  # fmt: skip

    # --- what arrives ---

    def _statements(self, target: str, e: Expr, like: Expr) -> Any:
        """Return the shortest statements for what arrives, by the gradients that have lines."""
        allowed = {cut.leaf for cut in self.account.printed if cut.e is not like}
        for found in self.account.ways(e, target, like, allowed):
            return found
        return ()

    def _amount(self, name: str, cut: Any, branch: Branch) -> str:
        if self._is_zero(branch.answer):
            return "nothing, since it cancels out"
        statements = self._statements(name, branch.answer, cut.e)
        place = self._place(statements)
        if place is not None:
            meeting = ", added up where an entry is picked more than once," * place.at
            index = self.hand.index(place)
            return f"`{self.hand.text(place.value)}` at `{index}`{meeting} and 0 elsewhere"
        if len(statements) == 1 and isinstance(statements[0], Assign):
            text = self.hand.text(_compact(statements[0].value))
            return f"`{text}`" if len(text) <= LONGEST else _REST
        return _REST

    def _placed(self, cut: Any, branches: list[Branch]) -> Iterator[str]:
        """Say what contributions come to where one of them, and only one, is placed."""
        live = [b.answer for b in branches if not self._is_zero(b.answer)]
        places = [self._place(self._statements("it", found, cut.e)) for found in live]
        found = [place for place in places if place is not None and not place.at]
        if len(found) != 1 or len(live) < 2:
            return
        (place,) = found
        index = tuple(Slot(p.operand + 1) if isinstance(p, Slot) else p for p in (
            place.index if type(place.index) is tuple else (place.index,)))  # fmt: skip
        writer = self.account.chooser.writer
        whole = writer.make(shaping.broadcast_to, sum(live[1:], start=live[0]),
                            shape=tuple(cut.e.shape))  # fmt: skip
        picked = writer.make(indexing.getitem, whole, *place.args, index=index)
        text = self._factored(picked)
        if text:
            yield f"At `{self.hand.index(place)}` they come to `{text}`."

    def _factored(self, e: Expr) -> str:
        """Return the text of an expression, what all its terms have in common outside."""
        algebra, writer = self.account.chooser.algebra, self.account.chooser.writer
        order = tuple(Var(a, n) for a, n in enumerate(e.shape))
        found = []
        for form in self.account.forms(e):
            coef, content, rest = algebra.content(form)
            if coef < 0:
                coef, rest = -coef, algebra.scale(rest, Fraction(-1))
            below = algebra.monomial(1, tuple((a, -k) for a, k in content if k < 0), ())
            above = algebra.monomial(coef, tuple((a, k) for a, k in content if k > 0), ())
            try:
                made = writer.compact(rest, order)
                made = made if above.number == 1 else writer.compact(above, order) * made
                made = made if below.number == 1 else made / writer.compact(below, order)
                found.append(self.hand.text(made))
            except (NoWayToWriteError, ValueError):
                continue
        return min(found, key=len, default="")

    def _place(self, statements: Any) -> InPlace | None:
        """Return the update that puts values at an index of zeros, if that is all."""
        match statements:
            case (Assign(value=first), InPlace(operator="=" | "+=") as put):
                zeros = self.hand.text(first).startswith("np.zeros")
                return put if zeros and put.index is not None else None
            case (Assign(value=first), InPlace(operator="-=", index=index) as put):
                if index is not None and self.hand.text(first).startswith("np.zeros"):
                    value: Any = -put.value
                    return replace(put, operator="+=", value=value)
        return None

    def _balances(self, name: str, cut: Any) -> Iterator[str]:
        """Say along which axis a gradient sums to zero, where the laws can see it."""
        if len(cut.e.shape) != 2:
            return
        whole: Any = np.broadcast_to(self.account.inlined(cut.raw, printed=True), cut.e.shape)
        for axis in (0, 1):
            if cut.e.shape[axis] != 1 and self._is_zero(np.sum(whole, axis=axis)):
                each = ("column", "row")[axis]
                yield f"Each {each} of `{name}` sums to zero: what one entry gains, others lose."

    def _reasons(self, *cuts: Any) -> Iterator[str]:
        """Give the reasons for the products and sums of a parameter's gradient."""
        for e in (cut.e for cut in cuts if cut.e.op is None):
            yield from self._reason(e)

    def _reason(self, e: Expr) -> Iterator[str]:
        for received in self.walk.received.get(e, ()):
            arrow = self.walk.arrow(received.result, received.edge)
            if not received.result.op.elementwise:
                yield arrow.sentence
            if arrow.collected:
                yield arrow.collected
        uses = Counter(id(r.result) for r in self.walk.received.get(e, ()))
        for received in self.walk.received.get(e, ()):
            if uses[id(received.result)] > 1:
                uses_it = self.walk.definition(received.result)
                yield f"`{uses_it}` uses `{self.hand.text(e)}` twice, and every use counts."

    def _mask(self, mask: Any) -> Iterator[str]:
        for cut in (mask,) if mask is not None else ():
            (received, *_) = self.walk.received[cut.e]
            arrow = self.walk.arrow(received.result, received.edge)
            of = f"the gradient of `{self.hand.defined(cut.e)}`"
            if self.walk.stops(cut.e):
                title, made = self.walk.title(cut.e), self.hand.defined(cut.e)
                of = f"`{self.walk.gradient(cut.e)}`, the gradient of `{title} = {made}`"
            yield f"The last line turns it, in the same array, into {of}: {arrow.sentence}"

    # --- by which way ---

    def _way(self, branch: Branch, branches: list[Branch]) -> str:
        """Say of a way what tells it from the others: the named value it goes through."""
        hand, end = self.hand, self._nearest(branch.result)
        title = f"`{self.walk.title(end)}`"
        if branch.result is end:
            role = _role(end, branch.operand)
            return f"the {role} of {title}" if role else title
        if sum(self._nearest(other.result) is end for other in branches) == 1:
            return title
        (user, *_) = self.users.get(branch.result, [end])
        role, own = _role(user, branch.result), f"`{hand.defined(branch.result)}`"
        return f"the {role} of `{self.walk.title(user)}`, {own}" if role else own

    def _nearest(self, e: Expr) -> Expr:
        while not self.walk.is_named(e) and len(self.users.get(e, ())) == 1:
            (e,) = self.users[e]
        return e


def _role(result: Expr, operand: Expr) -> str:
    found = [result.op.roles.get(name, "")
             for name, arg in zip(result.op.argnames, result.inputs, strict=False)
             if arg is operand]  # fmt: skip
    return found[0] if len(found) == 1 else ""


def _compact(e: Expr) -> Expr:
    """Return what is repeated to a shape."""
    return e.args[0] if e.op is shaping.broadcast_to else e


# --- one example in numbers ---


def worked(derivation: Any, example: int = 0) -> tuple[str, ...]:
    """Return the rows of one example: its label, its scores and all else, and their gradients."""
    env = environment(derivation.given)
    rows = _examples(derivation)
    if rows is None:
        return ()
    size, label = rows
    trace, found = derivation.trace, []
    values: dict[str, tuple[Expr, Any]] = {label: (trace.inputs[label], derivation.given[label])}
    values |= {n: (e, derivation.given[n]) for n, e in trace.inputs.items()}
    names = {name: e for name, e in trace.names.items() if e.dtype.kind in "fib"}
    computed = evaluate(names.values(), env)
    values |= {n: (e, v) for (n, e), v in zip(names.items(), computed, strict=True)}
    slopes = derivation.intermediates(**derivation.given)
    for cut in derivation.chooser.cuts.values():
        name = str(cut.leaf.label)
        if name in slopes:
            values[name] = cut.e, slopes[name]
    for name, (e, value) in values.items():
        axes = [a for a, n in enumerate(e.shape) if isinstance(n, Dim) and int(n) == size]
        if len(axes) != 1 or np.ndim(value) != len(e.shape) or np.ndim(value) > 2:
            continue
        row = np.take(value, example, axes[0])
        if np.size(row) <= WIDEST:
            index = f"{example}" if axes[0] == 0 else f":, {example}"
            numbers = [format(n, ".4g") for n in np.ravel(row).tolist()]
            found.append((f"{name}[{index}]", numbers))
    width = max((len(name) for name, _ in found), default=0)
    return tuple(f"{name:{width}} = {_listed(numbers)}" for name, numbers in found)


def _listed(numbers: list[str]) -> str:
    return numbers[0] if len(numbers) == 1 else f"[{', '.join(numbers)}]"


def _examples(derivation: Any) -> tuple[int, str] | None:
    """Return the size that counts the examples, and the input that holds their labels."""
    trace, given = derivation.trace, derivation.given
    for name, e in trace.inputs.items():
        value = np.asarray(given.get(name))
        if name in derivation.wrt or not e.shape or not value.size:
            continue
        hot = value.ndim == 2 and bool(np.all((value == 0) | (value == 1))) and bool(
            np.all(value.sum(axis=1) == 1))  # fmt: skip
        labels = value.ndim == 1 and (value.dtype.kind in "iu" or set(value.tolist()) <= {0, 1})
        others = [o for n, o in trace.inputs.items() if n != name and e.shape[0] in o.shape]
        if (hot or labels) and others and isinstance(e.shape[0], Dim):
            return int(e.shape[0]), name
    return None


# --- softmax, and what can go wrong ---


def jacobian(walk: Walk) -> Iterator[str]:
    """Say what the slopes of a softmax are, where the way back goes through one."""
    hand = walk.hand
    for p in walk.order:
        scores, axis = _softmax(p)
        title = walk.title(p)
        if scores is None or not title.isidentifier() or len(p.shape) not in (1, 2):
            continue
        of, dp, ds = walk.title(scores), walk.gradient(p), walk.gradient(scores)
        of = of if of.isidentifier() else f"({of})"
        i, k, j = (hand.letters[letter] for letter in "ikj")
        one, other = (f"{i}, {k}", f"{i}, {j}") if axis else (f"{k}, {i}", f"{j}, {i}")
        if len(p.shape) == 1:
            one, other = k, j
        delta = f"delta_{k}{j}"
        keep = f", axis={axis}, keepdims=True" * (len(p.shape) == 2)
        yield (
            f"`{title}` is a softmax: raising one score raises the probability of its class, and "
            f"lowers the others by as much. The slope of `{title}[{one}]` with respect to "
            f"`{of}[{other}]` is `{title}[{one}] * ({delta} - {title}[{other}])`, where {delta} "
            f"is 1 if {k} is {j} and 0 if not; in textbooks, p_{k} ({delta} - p_{j})."
        )
        if dp.isidentifier() and ds.isidentifier() and len(walk.received[scores]) == 1 and (
            p in walk.leaves):  # fmt: skip
            back = f"{title} * ({dp} - np.sum({dp} * {title}{keep}))"
            yield f"So what `{dp}` passes back to `{walk.title(scores)}` is `{back}`."


def _softmax(p: Expr) -> tuple[Expr | None, int]:
    """Return the scores of a softmax, and its axis."""
    if p.op is not elementwise.divide:
        return None, 0
    powers, total = p.inputs
    while total.op in (shaping.reshape, shaping.broadcast_to):
        total = total.args[0]
    if powers.op is not elementwise.exp or total.op is not reductions.sum or (
        total.inputs[0] is not powers):  # fmt: skip
        return None, 0
    axis = total.setting("axis")
    axis = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
    if not isinstance(axis, int) and len(p.shape) != 1:
        return None, 0
    axis = 0 if axis is None else axis % len(p.shape)
    (scores,) = powers.inputs
    if scores.op is elementwise.subtract and scores.inputs[1].shape[axis : axis + 1] in ((1,), ()):
        scores = scores.inputs[0]
    return scores, axis


def hazards(walk: Walk) -> Iterator[str]:
    """Say what can go wrong on the way: where a rule divides by what may be 0, or is flat."""
    seen = set()
    for e in walk.order:
        said = _hazard(e, walk)
        if said and e.op not in seen:
            seen.add(e.op)
            yield said


def _hazard(e: Expr, walk: Walk) -> str:
    if e.op is None:
        return ""
    text, last = walk.hand.text, e.inputs[-1]
    if e.op in (choices.maximum, choices.minimum) and any(map(is_number, e.inputs)):
        inside = next((arg for arg in e.inputs if not is_number(arg)), last)
        side = "below" if e.op is choices.maximum else "above"
        limit = text(next(arg for arg in e.inputs if is_number(arg)))
        return (f"Dead units: where `{text(inside)}` is {side} {limit}, no gradient passes; a unit "
                "for which that holds at every example does not learn any more.")  # fmt: skip
    if e.op is elementwise.tanh or _is_sigmoid(e):
        return (f"Saturation: where `{walk.title(e)}` is close to its limits its slope is close to "
                "0, and what is below learns slowly.")  # fmt: skip
    if e.op is elementwise.log and last.tracked:
        return (f"The slope of `{walk.title(e)}` is one over its argument, which grows without "
                "bound as that goes to 0.")  # fmt: skip
    risky = e.op is not elementwise.power or (is_number(last) and float(last.value) < 1)
    if e.op.remedy and last.tracked and risky:
        why = str(e.op.remedy).partition(":")[0].partition(". If")[0]
        return f"If there is a NaN or an infinity in `{walk.title(e)}`: {why}."
    return ""


def _is_sigmoid(e: Expr) -> bool:
    if e.op is not elementwise.divide or not is_number(e.inputs[0]):
        return False
    below = ordered([e.inputs[1]])
    return e.inputs[1].op is elementwise.add and any(part.op is elementwise.exp for part in below)
