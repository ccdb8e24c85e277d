"""A derivation as a document: chains of equalities, from the chain rule to the lines.

Each member of a chain comes with its reason, and can be run: how far two members differ in numbers
is measured. A gradient that has no line of its own is put in where it is used.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice, takewhile
from typing import Any, NamedTuple

import numpy as np

from ..core.reverse import contribution, order
from ..ops import elementwise
from .expr import Expr
from .normal_form import Poly
from .parts import Part, formula
from .print_latex import latex_statement
from .program import InPlace
from .trace import environment
from .verify import draws
from .visit import evaluate, ordered, substituted
from .words import Formula, Hand, listed, names_of, repeated, sentence

#: A member of a chain with a longer line is left out, unless it is the last one.
_LONG = 100
#: A value without a name is written by its expression up to this length.
_SHORT = 40
_STABLE = "Like terms are combined, in a form that no score can overflow."
_INTRODUCTION = (
    "The gradient of a value is called `d` and its name, and has its shape. By the chain rule it "
    "is the sum of what the uses of the value pass back. A gradient without a line in the function "
    "is put in where it is used, and terms that cancel are dropped."
)


class Step(NamedTuple):
    """One equality of a chain: why it holds, its two sides, and how far they differ in numbers."""

    gradient: str
    sentence: str
    before: str
    after: str
    difference: float


class Member(NamedTuple):
    """One member of a chain: the lines that compute a gradient, and why they do."""

    lines: tuple[Formula, ...]
    reasons: tuple[str, ...]

    @property
    def text(self) -> str:
        """The lines as code."""
        return "\n".join(line.text for line in self.lines)


class Chain(NamedTuple):
    """How a gradient comes about."""

    gradient: str
    of: str
    shape: tuple[int, ...]
    members: tuple[Member, ...]


class Group(NamedTuple):
    """A gradient that has lines: of what, and what it is turned into in place by a mask, if so."""

    gradient: str
    cut: Any
    mask: Any
    same: list[Any]  # values that have the same gradient
    lines: list[Formula]


def document(derivation: Any) -> Iterator[Part]:
    """Yield the document of a derivation, from the loss to the function."""
    account = Account(derivation)
    program = derivation.program
    yield Part("title", f"The gradient of `{program.loss}` with respect to "
                        f"{listed([f'`{name}`' for name in derivation.wrt])}")  # fmt: skip
    rewrites = getattr(derivation, "rewrites", ())  # of the loss, if it was made stable
    if rewrites:
        yield Part("heading", "The loss in a form that no score can overflow")
    for step in rewrites:
        before, after = (next(account.hand.lines("v", [e], e)) for e in (step.before, step.after))
        yield Part("item", f"{step.sentence}")
        yield Part("formula", before.text[4:], (Formula("", before.latex[4:]),))
        yield formula([Formula(after.text[4:], after.latex)], "equal")
    what = "loss" if derivation.value is None else "function"
    yield Part("text", f"The {what}, value by value:")
    yield formula(account.forward())
    told = list(_told(account))
    names = account.hand.definitions(" ".join(part.text for part in told))
    if names:
        yield Part("text", "Names for values that have none in the code:")
        yield formula(names)
    yield Part("text", _INTRODUCTION)
    yield from told
    yield from _function(derivation)


def document_of_jacobian(derivation: Any, product: Any, upstream: str) -> Iterator[Part]:
    """Yield the document of a Jacobian: that of its product with a gradient, and its entries."""
    end = next(_function(derivation))
    yield from takewhile(lambda part: part != end, document(product))
    yield Part("heading", f"From the product with `{upstream}` to the Jacobian")
    for name, jacobian in derivation.program.gradients.items():
        gradient = product.program.gradients[name]
        yield Part(
            "text",
            f"`{gradient}` is a sum of products with the entries of `{upstream}`. What one of "
            f"these is multiplied with in an entry of `{gradient}` is an entry of `{jacobian}`: "
            f"the derivative of an entry of `{derivation.program.loss}` with respect to one of "
            f"`{name}`.",
        )
    yield formula(_written(derivation, Account(product).hand))
    yield from _function(derivation)


def _written(derivation: Any, hand: Hand) -> Iterator[Formula]:
    """Yield the lines of a program's gradients."""
    lines = [s for s in derivation.program.statements if s.part == "gradient"]
    placed = {s.target for s in lines if isinstance(s, InPlace)}
    for statement in lines:
        yield from hand.written([statement], statement.target in placed)
        if not isinstance(statement, InPlace):
            hand.names[statement.value] = statement.target


def _function(derivation: Any) -> Iterator[Part]:
    yield Part("heading", "The function")
    yield Part("listing", derivation.source)
    yield Part("text", derivation.checked)


def _told(account: Account) -> Iterator[Part]:
    for chain in account.chains():
        shape = f" {chain.shape}" * bool(chain.shape)
        yield Part("heading", f"`{chain.gradient}`, the gradient of `{chain.of}`{shape}")
        for i, member in enumerate(chain.members):
            yield from (Part("item" if i else "text", reason) for reason in member.reasons)
            yield _set(member, chain.gradient, first=i == 0)


def _set(member: Member, target: str, first: bool) -> Part:
    """Set a member of a chain: the whole lines, or what stands after the sign."""
    if first or len(member.lines) > 1 or not member.text.startswith(f"{target} = "):
        return formula(member.lines)
    (line,) = member.lines
    return formula([Formula(line.text.removeprefix(f"{target} = "), line.latex)], "equal")


def steps(derivation: Any) -> list[Step]:
    """Return every equality of the document, measured on fresh inputs."""
    account = Account(derivation)
    found = []
    for chain in account.chains():
        several = chain.members if len(chain.members) > 1 else ()
        values = [account.run(member.text, chain.gradient) for member in several]
        for i, member in enumerate(chain.members[1:], 1):
            difference = np.max(np.abs(np.subtract(values[i], values[i - 1])), initial=0.0)
            found.append(Step(chain.gradient, " ".join(member.reasons), chain.members[i - 1].text,
                              member.text, float(difference)))  # fmt: skip
    return found


class Account:
    """What is told of a derivation."""

    def __init__(self, derivation: Any) -> None:
        self.derivation, self.program = derivation, derivation.program
        self.trace, self.chooser = derivation.trace, derivation.chooser
        variables = {*self.program.inputs, *self.trace.names}
        variables |= {s.target for s in self.program.statements}
        self.hand = Hand(names_of(self.program), variables, environment(derivation.given))
        self.final = self._final_lines()
        self.printed = [cut for cut in self.chooser.cuts.values()
                        if str(cut.leaf.label) in self.final]  # fmt: skip
        labels = Counter(str(cut.leaf.label) for cut in self.printed)
        for cut in self.printed:  # what has the gradient dz is called z
            label = str(cut.leaf.label)
            if cut.e not in self.hand.names and cut.e.op is not None and labels[label] == 1:
                self.hand.choose_name(cut.e, label[1:])
        self.hand.choose_names(self.chooser.forward, _SHORT)
        self.forward_names = dict(self.hand.names)
        self.by_leaf = {cut.leaf: cut for cut in self.chooser.cuts.values()}
        self.parts = {s.target: self.hand.tidied(s.value) for s in self.program.statements
                      if s.part == "gradient" and s.target not in labels}  # fmt: skip
        self.titles: dict[Any, str] = {}  # what the gradient of a cut is called
        for cut in self.chooser.cuts.values():
            shown, raw = str(cut.leaf.label), self.inlined(cut.raw)
            if cut not in self.printed:
                if not cut.label or raw in self.by_leaf:  # another one as it is
                    continue
                shown = f"d{cut.label}"
                if self.parts.get(shown) is not raw:  # else it is a part that has a line
                    shown = self.hand.unused(shown)
            self.titles[cut] = self.hand.names[cut.leaf] = shown
        self.users: dict[Expr, list[Any]] = {}
        for node in reversed(order(self.trace.output)):
            for edge in node.plan.edges if node.op is not None else ():
                self.users.setdefault(node.inputs[edge.position], []).append((node, edge))

    def forward(self) -> Iterator[Formula]:
        """Yield the lines of the loss."""
        for line in self.program.lines():
            if line.statement.part != "gradient":
                yield Formula(line.text, latex_statement(line.statement, line.names))

    def _final_lines(self) -> dict[str, list[Formula]]:
        """Return the lines of each gradient; those of what several share come before its own."""
        found: dict[str, list[Formula]] = {}
        labels = {str(cut.leaf.label) for cut in self.chooser.cuts.values()}
        shared: list[Formula] = []
        for line in self.program.lines():
            if line.statement.part != "gradient":
                continue
            made = Formula(line.text, latex_statement(line.statement, line.names))
            if line.statement.target not in labels:
                shared.append(made)
                continue
            mine = found.setdefault(line.statement.target, [])
            mine += [*shared, made]
            shared = []
        return found

    # --- chains ---

    def groups(self) -> Iterator[Group]:
        """Yield the gradients that have lines, in the order of the function."""
        for label, lines in self.final.items():
            cuts = [cut for cut in self.printed if cut.leaf.label == label]
            made = [cut for cut in cuts if not self._is_other(cut)] or cuts
            masked = len(made) > 1 and re.fullmatch(r"\w+\[.*\] = 0", lines[-1].text)
            same = [cut for cut in cuts if cut not in made]
            yield Group(label, made[0], made[1] if masked else None, same, lines)

    def _is_other(self, cut: Any) -> bool:
        """Whether a gradient is another one as it is, so that it has the same name."""
        (first, *rest) = cut.form.statements
        return not rest and first.value in self.by_leaf and first.value is not cut.leaf

    def chains(self) -> Iterator[Chain]:
        """Yield a chain for every gradient that has lines, in the order of the function."""
        for label, cut, mask, same, lines in self.groups():
            mine = lines[:-1] if mask is not None else lines
            named = (cut, *same, *([mask] if mask is not None else []))
            of = [self.hand.text(one.e) if one.e.op is None or one.label
                  else self.hand.defined(one.e) for one in named]  # fmt: skip
            members = tuple(self._members(cut, label, mine))
            first = of[: len(of) - (mask is not None)]
            yield Chain(label, "` and `".join(first), self.hand.shape(cut.e), members)
            if mask is not None:
                members = tuple(self._masked(mask, cut, lines[-1:]))
                yield Chain(label, of[-1], self.hand.shape(mask.e), members)

    def _masked(self, cut: Any, before: Any, lines: list[Formula]) -> Iterator[Member]:
        reasons = self._reasons(cut.e)
        title = self.titles[before]
        put = (
            f"Without the mask it is not needed again: the zeros are put into the array `{title}`."
        )
        yield Member(tuple(lines), (*reasons, put))

    def _members(self, cut: Any, target: str, lines: list[Formula]) -> Iterator[Member]:
        """Yield the members of a chain: the chain rule, what is put in, the lines."""
        kept = {e for s in cut.form.statements
                for e in ordered([s.value, *getattr(s, "args", ())], self.hand.names)}  # fmt: skip
        e = self.inlined(cut.raw)
        member = Member(self._raw(target, e, cut.e), self._reasons(cut.e))
        yield member
        pending: list[str] = []
        while left := self._left(e, kept):
            todo = [max(left, key=lambda one: one.serial)]
            while todo:
                other = todo.pop()
                raw = self.inlined(other.raw)
                e = substituted(e, {other.leaf: self._full(raw, other.leaf)}, self.trace.world)
                pending.append(self._put(other, raw))
                todo = [one for one in self._left(e, kept) if self._is_constant(one)]
            allowed = {one.leaf for one in self._left(e, set())} | kept
            found = self.shortest(e, target, cut, allowed)
            short = found is not None and all(len(line.text) <= _LONG for line in found)
            if found is not None and (short or not self._left(e, kept)):
                member = Member(found, (*pending, *self._known(found, member)))
                pending = []
                yield member
        if member.text != "\n".join(line.text for line in lines):
            stable = getattr(self.derivation, "stable", False)
            why = _STABLE if stable else "Like terms are combined."
            yield Member(tuple(lines), (*pending, why, *self._known(lines, member)))

    def _raw(self, target: str, e: Expr, like: Expr) -> tuple[Formula, ...]:
        """Return the lines of a gradient as the rules give it, what comes from the data first."""
        terms = sorted(_terms(e), key=lambda term: not self._left(term, set()))
        return tuple(self.hand.lines(target, terms, like))

    def _left(self, e: Expr, kept: set[Expr]) -> list[Any]:
        """Return the gradients in an expression that the final lines do not name."""
        return [self.by_leaf[leaf] for leaf in ordered([e], self.hand.names)
                if leaf in self.by_leaf and leaf not in kept]  # fmt: skip

    def _is_constant(self, cut: Any) -> bool:
        """Whether a gradient is one number for all entries, made of no other gradient."""
        raw = self.inlined(cut.raw)
        return all(n == 1 for n in raw.shape) and not self._left(raw, set())

    def _full(self, raw: Expr, leaf: Expr) -> Expr:
        if tuple(raw.shape) == tuple(leaf.shape):
            return raw
        full: Any = np.broadcast_to(raw, leaf.shape)
        made: Expr = self.trace.world.lift(full)
        return made

    def inlined(self, e: Expr, printed: bool = False) -> Expr:
        """Return a gradient by those alone that have a name, or (`printed`) that have a line."""
        named = self.printed if printed else self.titles
        while True:
            bare = {leaf: self.by_leaf[leaf].raw for leaf in ordered([e], self.forward_names)
                    if leaf in self.by_leaf and self.by_leaf[leaf] not in named}  # fmt: skip
            if not bare:
                return self.hand.tidied(e)
            full = {leaf: self._full(raw, leaf) for leaf, raw in bare.items()}
            e = substituted(e, full, self.trace.world)

    def shortest(self, e: Expr, target: str, cut: Any,
                 allowed: set[Expr]) -> tuple[Formula, ...] | None:  # fmt: skip
        """Return the shortest lines that compute a gradient; none that does not in numbers."""
        for statements in self.ways(e, target, cut.e, allowed):
            lines = tuple(self.hand.written(statements))
            if self._holds(lines, target, cut):
                return lines
        return None

    def ways(self, e: Expr, target: str, like: Expr, allowed: set[Expr]) -> list[Any]:
        """Return the statements that compute an expression, the shortest ones first."""
        found = []
        for form in self.forms(e):
            try:
                statements = tuple(self.chooser.statements(target, form, like, ""))
                length = sum(len(line.text) for line in self.hand.written(statements))
            except Exception:  # a form that cannot be written is no way
                continue
            parts = (part for s in statements for part in (s.value, *getattr(s, "args", ())))
            named = ordered(parts, self.hand.names)
            if all(part in allowed for part in named if part in self.by_leaf):  # not dx = dx
                found.append((self.chooser.cost(statements), length, statements))
        return [statements for *_, statements in sorted(found, key=lambda way: way[:2])]

    def forms(self, e: Expr) -> list[Poly]:
        """Return the ways to simplify a gradient."""
        spread, forms = self.chooser.algebra.spread, []
        for reading in (self.chooser.named, self.chooser.plain):
            poly = reading.template(e)
            for names in self.chooser.names:
                some = [names.fold(poly), names.fold(spread(poly))]
                forms += [*some, *(names.fold(spread(form)) for form in some)]
        return [*dict.fromkeys(forms)]

    # --- reasons ---

    def _reasons(self, e: Expr) -> tuple[str, ...]:
        """Say why a gradient is what the chain rule says: the rules on the way to it."""
        first: list[str] = []
        last: list[str] = []
        for node, edge in self.users.get(e, ()):
            g = self.slope(node)
            found = first if self._left(g, set()) else last
            if self.chooser.cuts.get(node) not in self.titles and node is not self.trace.output:
                found += self._reasons(node)
            operand = node.inputs[edge.position]
            if contribution(node, edge, g) is not g or operand.shape != node.shape:
                self.hand.name_placed(g)
                found.append(sentence(node, edge, g, self.hand))
            found.append(repeated(operand, node, self.hand))
        return tuple(dict.fromkeys(filter(None, (*first, *last))))

    def slope(self, node: Expr, printed: bool = False) -> Expr:
        """Return how the gradient of a value is written: by its name, if it has one (or a line)."""
        cut, named = self.chooser.cuts.get(node), self.printed if printed else self.titles
        return cut.leaf if cut in named else self.inlined(self.chooser.raw[node], printed)

    def _put(self, cut: Any, raw: Expr) -> str:
        """Say what is put in for a gradient, and why it is that."""
        lines = [f"`{line.text}`" for line in self._raw(self.titles[cut], raw, cut.e)]
        return " ".join([f"Put in {listed(lines)}.", *self._reasons(cut.e)])

    def _known(self, lines: Iterable[Formula], last: Member) -> list[str]:
        """Say which named values are met again."""
        before, used = ({*re.findall(r"[A-Za-z_]\w*", text)} for text in
                        (last.text, " ".join(line.text for line in lines)))  # fmt: skip
        return [f"`{self.hand.defined(e)}` is `{name}`." for e, name in self.hand.names.items()
                if name in used - before and e.op is not None]  # fmt: skip

    # --- numbers ---

    @cached_property
    def numbers(self) -> tuple[dict[str, Any], dict[Any, Any]]:
        """Values for every name in the document, at fresh inputs, and for every gradient."""
        tried = [*islice(draws(self.derivation.given, self.trace, 231), 8), self.derivation.given]
        for values in tried:
            try:
                space, slopes = self._numbers(values)
            except IndexError:  # labels that are drawn for one use, and do not fit another
                continue
            if all(np.isfinite(slopes[cut]).all() for cut in self.titles):
                break
        return space, slopes

    def slopes(self, values: dict[str, Any]) -> dict[Expr, Any]:
        """Return the gradient of every value that is passed on the way back, at some inputs."""
        env, known, found = environment(values), dict[Expr, Any](), dict[Expr, Any]()
        with np.errstate(all="ignore"):
            for e, raw in self.chooser.raw.items():
                (slope,) = evaluate([raw], env, known)
                sizes = evaluate([self.trace.world.lift(n) for n in e.shape], env)
                found[e] = np.broadcast_to(slope, [*map(int, sizes)])
                if e in self.chooser.cuts:
                    known[self.chooser.cuts[e].leaf] = found[e]
        self.known = env, known
        return found

    def _numbers(self, values: dict[str, Any]) -> tuple[dict[str, Any], dict[Any, Any]]:
        found = self.slopes(values)
        slopes = {cut: found[e] for e, cut in self.chooser.cuts.items()}
        with np.errstate(all="ignore"):
            space = dict(self.program.compiled()(**values)[2])
        space |= {self.titles[cut]: slopes[cut] for cut in reversed(self.titles)}
        return {"np": np, **self.program.used, **space}, slopes

    def run(self, code: str, target: str) -> Any:
        """Return what lines compute, an array."""
        space = {**self.hand.printer.used, **self.numbers[0]}
        with np.errstate(all="ignore"):
            names = {e: n for e, n in self.hand.names.items() if e not in self.by_leaf}
            space |= zip(names.values(), evaluate(names, *self.known), strict=True)
            space |= {n: v.copy() for n, v in space.items() if isinstance(v, np.ndarray)}
            exec(code, space)
        return np.asarray(space[target], float)

    def _holds(self, lines: Iterable[Formula], target: str, cut: Any) -> bool:
        wanted = self.numbers[1][cut]
        found = self.run("\n".join(line.text for line in lines), target)
        scale = np.max(np.abs(wanted), initial=1e-300)
        with np.errstate(all="ignore"):
            return bool(np.all(np.abs(found - wanted) <= 1e-6 * scale) or not np.isfinite(scale))


def _terms(e: Expr) -> Iterator[Expr]:
    """Yield the terms of a sum."""
    if e.op is elementwise.add and all(tuple(arg.shape) == tuple(e.shape) for arg in e.args):
        for arg in e.args:
            yield from _terms(arg)
    else:
        yield e
