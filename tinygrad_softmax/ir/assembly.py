"""From the chosen forms to a program: names, what is shared, the order of the lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np

from ..ops import choices, elementwise, indexing, linalg, reductions, shaping
from .choice import ZEROS, Chooser, Cut, Statement
from .expr import Dim, Expr, Slot, arange, is_number, updated
from .program import Assign, InPlace, Part, Program, Size, assigned
from .visit import mentioned, ordered, written_of


class Assembly:
    """Puts a program together.

    Parameters
    ----------
    chooser : Chooser
        With a form for every gradient.
    inputs : tuple of str
        The arguments of the function, in order.
    assumptions : tuple
        What the program rests on.
    finish : callable
        Has the last word on each expression for a gradient.
    value : Expr, optional
        What the program returns with the gradients; the loss if not given.
    targets : dict of str to Cut, optional
        What it returns, by input; the gradients if not given.
    """

    def __init__(
        self,
        chooser: Chooser,
        inputs: tuple[str, ...],
        assumptions: tuple[Any, ...],
        finish: Callable[[Expr], Expr] = lambda e: e,
        value: Expr | None = None,
        targets: dict[str, Cut] | None = None,
    ) -> None:
        self.chooser, self.trace, self.world = chooser, chooser.trace, chooser.world
        self.inputs, self.assumptions, self.finish = inputs, assumptions, finish
        self.value = self.trace.output if value is None else value
        self.targets = chooser.choose() if targets is None else targets
        self.leaves = {cut.leaf: cut for cut in chooser.cuts.values()}
        self.used: dict[Cut, list[Cut]] = {}
        self.order = self._needed()
        self.lines: dict[Cut, list[Statement]] = {}
        self.called: dict[Cut, str] = {}
        self._name_cuts()
        self.extra: dict[Expr, str] = {}  # forward values that get a name
        self.shared: dict[Expr, str] = {}  # parts of gradients that get one

    # --- gradients ---

    def _uses(self, cut: Cut) -> list[Cut]:
        """Return the cuts by whose gradients this one is said, in their order."""
        if cut not in self.used:
            assert cut.form is not None
            found = ordered(v for s in cut.form.statements for v in _values(s))
            cuts = {self.leaves[e] for e in found if e in self.leaves}
            self.used[cut] = sorted(cuts, key=lambda other: other.serial)
        return self.used[cut]

    def _needed(self) -> list[Cut]:
        """Return the cuts that get a line, what is used before what uses it."""
        needed: set[Cut] = set()
        stack = list(self.targets.values())
        while stack:
            cut = stack.pop()
            if cut not in needed:
                needed.add(cut)
                stack += self._uses(cut)
        rank = {cut: (0, i) for i, cut in enumerate(self.targets.values())}
        rank = {cut: rank.get(cut, (1, cut.serial)) for cut in needed}
        users: dict[Cut, list[Cut]] = {cut: [] for cut in needed}
        missing = dict.fromkeys(needed, 0)
        for cut in needed:
            for other in self._uses(cut):
                if other is not cut:
                    users[other].append(cut)
                    missing[cut] += 1
        ready = [(rank[cut], cut) for cut in needed if not missing[cut]]
        heapify(ready)
        done: list[Cut] = []
        while ready:
            batch = [heappop(ready)]
            while not batch[0][0][0] and ready and not ready[0][0][0]:
                batch.append(heappop(ready))  # the results that can come now, together
            for _, cut in batch:
                done.append(cut)
                for user in users[cut]:
                    missing[user] -= 1
                    if not missing[user]:
                        heappush(ready, (rank[user], user))
        return done

    def _name_cuts(self) -> None:
        """Give every gradient its name: dW for a parameter, dscores for a value."""
        chooser = self.chooser
        ends = {cut: name for name, cut in self.targets.items()}
        counts = Counter(u for cut in self.order for u in self._uses(cut))
        for cut in self.order:
            assert cut.form is not None
            statements = list(cut.form.statements)
            before = self._before_mask(cut, counts)
            if cut in ends:
                name = chooser.finals[ends[cut]]
            elif before is not None:
                name = self.called[before]
                mask = self._mask_of(cut)
                statements = [InPlace(name, Slot(0), "=", self.world.lift(0), (mask,))]
            else:
                label = self._label(cut)
                name = chooser.finals.get(label or "") or chooser.unused(
                    f"d{label or self._invented(cut.e)}"
                )
            self.called[cut] = name
            cut.leaf.label = name
            self.lines[cut] = [
                replace(s, target=name, part="gradient", value=self.finish(s.value))
                for s in statements
            ]

    def _label(self, cut: Cut) -> str | None:
        """Return what a gradient is called after: the value, or one with the same gradient."""
        if cut.label and cut.label not in self.trace.made:
            return cut.label
        for other in self.chooser.cuts.values():
            if other.form is not None and other.label and other.label not in self.trace.made:
                value = other.form.statements[0].value
                if value is cut.leaf and len(other.form.statements) == 1:
                    return other.label
        return cut.label or None

    def _before_mask(self, cut: Cut, counts: Counter[Cut]) -> Cut | None:
        """Return the gradient that this one is but for a mask, if it is used nowhere else.

        As a person does: ``dhidden = dscores @ W2.T`` and then ``dhidden[hidden <= 0] = 0``.
        """
        assert cut.form is not None
        if len(cut.form.statements) != 1 or cut.label or not cut.e.shape:
            return None
        (statement,) = cut.form.statements
        e = statement.value
        if not isinstance(statement, Assign) or e.op is not elementwise.multiply:
            return None
        g, mask = e.args
        uses = self._uses(cut)
        if (
            len(uses) != 1
            or uses[0].leaf is not g
            or counts[uses[0]] != 1
            or uses[0] not in self.called
        ):
            return None
        if mask.dtype != np.dtype(bool) or tuple(mask.shape) != tuple(g.shape):
            return None
        return uses[0] if mask.op in _OPPOSITE else None

    def _mask_of(self, cut: Cut) -> Expr:
        assert cut.form is not None
        mask = cut.form.statements[0].value.args[1]
        opposite: Expr = self.chooser.writer.make(_OPPOSITE[mask.op], *mask.args)
        return opposite

    def _invented(self, e: Expr) -> str:
        """Return what a person calls a value without a name: the layer before an activation z."""
        labels = self.chooser.labels
        near, suffix = [e], ""
        for user in self.chooser.forward:
            if any(arg is one for arg in user.args for one in near):
                if user in labels:
                    suffix = labels[user][len(labels[user].rstrip("0123456789")) :]
                    break
                if len(near) < 4:
                    near.append(user)
        grows = any(u.op is elementwise.exp or u.op is reductions.max for u in near)
        name = (
            "scores" if grows and len(e.shape) == 2 and "scores" not in self.chooser.taken else "z"
        )
        return f"{name}{suffix}"

    # --- what is shared ---

    def _name_shared(self) -> None:
        """Name what is written more than once, and what the loss has computed already."""
        chooser = self.chooser
        forward = {*chooser.forward}
        while True:
            counts: Counter[Expr] = Counter()
            stack = [v for cut in self.order for s in self.lines[cut] for v in _values(s)]
            stack += [*self.shared]
            named = {**chooser.labels, **self.extra, **self.shared}
            top = set(self.shared)
            seen: set[Expr] = set()
            while stack:
                e = stack.pop()
                if e.op is None or (e in named and e not in top):
                    continue
                if e in top:
                    top.discard(e)
                else:
                    counts[e] += 1
                if e in seen:
                    continue
                seen.add(e)
                noted = self.world.calls.get(e)
                stack += e.args if noted is None else [a for a in noted.args if isinstance(a, Expr)]
            found = [e for e in counts if e in chooser.met and e in forward]
            if found:
                best = max(found, key=lambda e: e.serial)
                self.extra[best] = chooser.unused(self._described(best))
                continue
            again = [e for e, n in counts.items() if n > 1 and self._is_worth_a_line(e)]
            if not again:
                return
            best = max(again, key=lambda e: (chooser.cost([Assign("", e)]), e.serial))
            self.shared[best] = chooser.unused(self._described(best))

    def _name_placed(self) -> None:
        """Name what is values put at places, where it is part of an expression.

        It is written as statements, which stand before the one that needs it.
        """
        forward = {*self.chooser.forward}
        named = {**self.chooser.labels, **self.extra, **self.shared}
        roots = [
            (v, self.called[cut]) for cut in self.order for s in self.lines[cut] for v in _values(s)
        ]
        roots += [(self.value, "")]
        for root, target in roots:
            for user in written_of([root]):
                for place, e in enumerate(mentioned(user)):
                    if e.op not in (indexing.scatter, updated) or e in named:
                        continue
                    if user.op is updated and place == 0:
                        continue  # the statements go on
                    kept = self.extra if e in forward else self.shared
                    wish = self._described(e) if e in forward else f"{target}_part"
                    named[e] = kept[e] = self.chooser.unused(wish)

    def _is_worth_a_line(self, e: Expr) -> bool:
        if not e.shape or e.dtype == np.dtype(bool) or e.op in (ZEROS, arange):
            return False
        cost = self.chooser.cost([Assign("", e)])
        costly = e.op in (linalg.matmul, linalg.einsum, reductions.sum) or not e.op.symbol
        return cost >= 2 or (costly and cost >= 1)

    def _described(self, e: Expr) -> str:
        """Return a name for a value by what it is: exp_scores, dA, XW."""
        for cut in self.chooser.cuts.values():
            if (
                cut.form is not None
                and cut.label
                and cut not in self.order
                and (cut.form.statements[0].value is e)
            ):
                return f"d{cut.label}"
        labels = [self._nearest(a) for a in e.args]
        if e.op is linalg.matmul and all(label and len(label) <= 2 for label in labels):
            return "".join(map(str, labels))
        if e.op is indexing.getitem and len(labels) == 2 and all(labels):
            return "_".join(map(str, labels))
        if all(one.op is arange for one in ordered([e]) if not one.args and one.shape):
            return self._counting(e)
        label = next((label for label in labels if label), None)
        head = _HEADS.get(e.op, e.op.__name__)
        return f"{head}_{label}" if label and e.op not in _BARE else head

    def _counting(self, e: Expr) -> str:
        """Return a name for numbers that count along an axis: rows if it is the first of tables."""
        counted = {int(one.shape[0]) for one in ordered([e]) if one.op is arange}
        axes = {
            axis
            for table in self.trace.inputs.values()
            for axis, n in enumerate(table.shape)
            if len(table.shape) > 1 and int(n) in counted
        }
        if len(counted) > 1 or not axes or (0 in axes and len(axes) > 1):
            return "places"
        return "columns" if min(axes) else "rows"

    def _nearest(self, e: Expr) -> str | None:
        """Return the name of the value that one without a name is made of."""
        named = {**self.chooser.labels, **self.extra}
        while e not in named and e.op is not None:
            e = next((a for a in e.args if not is_number(a)), self.world.lift(0))
        label = str(named.get(e, e.label))
        return label if label.isidentifier() else None

    # --- the program ---

    def program(self) -> Program:
        """Return the program."""
        self._name_shared()
        self._name_placed()
        statements: list[Any] = [*self._forward(), *self._backward()]
        used = {e for s in statements for e in _all(_values(s))}
        sizes = self._sizes(used)
        return Program(
            self.inputs, (*sizes, *statements), self.loss, self._results(), self.assumptions
        )

    @property
    def loss(self) -> str:
        """The name of the loss."""
        if not hasattr(self, "_loss"):
            named = [n for n, e in self.trace.names.items() if e is self.value]
            fresh = "loss" if self.value is self.trace.output else "value"
            self._loss = named[-1] if named else self.chooser.unused(fresh)
        return self._loss

    def _forward(self) -> list[Size | Statement]:
        mentioned = {e for cut in self.order for s in self.lines[cut] for e in _all(_values(s))}
        values = dict(self.chooser.labels.items()) | self.extra
        kept = [e for e in values if e in mentioned]
        needed = {*written_of([self.value, *kept, *self.extra])}
        found: list[Size | Statement] = []
        for e in sorted(values, key=lambda e: e.serial):
            if e in needed and e.op is not None and e is not self.value:
                found += _filled(values[e], e, "forward")
        return [*found, *assigned(self.loss, self.value, "forward")]

    def _backward(self) -> list[Statement]:
        found: list[Statement] = []
        done: set[Expr] = set()
        for cut in self.order:
            if cut in self.renamed:
                continue
            for statement in self.lines[cut]:
                for e in self._before(_values(statement), done):
                    found += _filled(self.shared[e], e, "gradient")
                found.append(statement)
        return found

    def _before(self, values: Iterable[Expr], done: set[Expr]) -> list[Expr]:
        """Return the shared parts that a statement needs and that have no line yet."""
        found = [e for e in ordered(values) if e in self.shared and e not in done]
        done.update(found)
        return found

    @property
    def renamed(self) -> dict[Cut, str]:
        """Results that are another gradient as it is: they need no line."""
        if not hasattr(self, "_renamed"):
            leaves = {cut.leaf: cut for cut in self.order}
            self._renamed: dict[Cut, str] = {}
            for cut in self.targets.values():
                (first, *rest) = self.lines[cut]
                other = leaves.get(first.value)
                if (
                    not rest
                    and isinstance(first, Assign)
                    and other is not None
                    and (tuple(other.e.shape) == tuple(cut.e.shape))
                ):
                    self._renamed[cut] = self.called[other]
        return self._renamed

    def _results(self) -> dict[str, str]:
        return {name: self.renamed.get(cut, self.called[cut]) for name, cut in self.targets.items()}

    def _sizes(self, used: set[Expr]) -> list[Assign]:
        """Return the lines of the sizes that the loss gives a name to."""
        return [Assign(name, e, "size") for name, e in self.trace.size_names.items() if e in used]


#: What values are called by their op, where its name is no name for them.
_HEADS = {
    linalg.matmul: "product",
    elementwise.multiply: "product",
    elementwise.divide: "quotient",
    elementwise.subtract: "difference",
    elementwise.add: "total",
    elementwise.power: "power",
    linalg.einsum: "product",
    reductions.sum: "sum",
    choices.where: "chosen",
    indexing.scatter: "placed",
    shaping.concatenate: "joined",
    elementwise.negative: "minus",
}
_BARE = {
    linalg.matmul,
    elementwise.multiply,
    elementwise.divide,
    elementwise.subtract,
    elementwise.add,
    linalg.einsum,
    choices.where,
}
_OPPOSITE = {
    choices.greater: choices.less_equal,
    choices.less_equal: choices.greater,
    choices.less: choices.greater_equal,
    choices.greater_equal: choices.less,
    choices.equal: choices.not_equal,
    choices.not_equal: choices.equal,
}


def _filled(target: str, e: Expr, part: Part) -> list[Any]:
    """Return the statements that give a variable its value: zeros are filled, not added to."""
    return [
        replace(s, operator="=") if isinstance(s, InPlace) and not s.at else s
        for s in assigned(target, e, part)
    ]


def _values(statement: Statement) -> list[Expr]:
    return [statement.value, *getattr(statement, "args", ())]


def _all(values: Iterable[Expr]) -> set[Expr]:
    """Return everything that is written, sizes in shapes and indices too."""
    found: set[Expr] = set()
    stack = list(values)
    while stack:
        e = stack.pop()
        if e in found:
            continue
        found.add(e)
        stack += e.args
        noted = e.world.calls.get(e)
        settings: list[Any] = [v for _, v in e.settings] if e.op is not None else []
        if noted is not None:
            settings += [*noted.args, *noted.keywords.values()]
        while settings:
            v = settings.pop()
            if isinstance(v, Expr):
                stack.append(v)
            elif isinstance(v, Dim):
                stack.append(v.expr)
            elif isinstance(v, (tuple, list)):
                settings += v
            elif isinstance(v, slice):
                settings += [v.start, v.stop, v.step]
    return found
