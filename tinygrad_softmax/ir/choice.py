"""Which program: what gets a line, in which form, by which names.

Every value with a name (and every value whose gradient goes several ways) may get a line for its
gradient. A gradient is either said by the gradients of the values that were made of it, as the
chain rule has it, or these are put in place and what cancels is gone. The shorter program is
chosen: softmax and cross-entropy become one line, a layer that several parameters share stays one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import BackwardError
from ..core.op import Op
from ..core.reverse import reverse
from ..ops import choices, elementwise, indexing, linalg, shaping
from .expr import Dim, Expr, Slot, World, is_number
from .matching import Names, match
from .normal_form import (
    ONE,
    ZERO,
    Affine,
    Algebra,
    Atom,
    Base,
    Const,
    Exponent,
    Mono,
    Poly,
    Value,
    Var,
    constant,
    free,
    free_in_index,
    free_of,
    moved,
)
from .program import Assign, InPlace, assigned
from .reading import Reading
from .visit import ordered
from .writing import NoWayToWriteError, Writer, run_of

Statement = Assign | InPlace

#: What a line costs beside its operations.
_LINE = 0.3
#: What a form must save to be preferred to the one by the gradients above it.
_PREFERENCE = 0.5
#: What it costs to give a name to a value that the loss computes anyway.
_MET = 0.9
#: After how many gradients put in place the forms on the way are tried, too.
_STEPS = 6
#: How many gradients are put in place at most, and how long a form may get that saves nothing.
_MOST, _LENGTH = 30, 60
#: From which number on axes are apart from those of any array.
_APART = 1000
#: From which cost on a gradient is said by others that are returned, if that is shorter.
_LONG = 4

#: Functions whose quotients have a name.
QUOTIENTS = {
    elementwise.sinh: (elementwise.cosh, elementwise.tanh),
    elementwise.sin: (elementwise.cos, elementwise.tan),
}
#: Zeros of the shape of an array, to be filled.
ZEROS = Op(np.zeros_like, numpy=np.zeros_like)
ZEROS.__name__ = "zeros_like"


class Form(NamedTuple):
    """One way to say a gradient."""

    poly: Poly
    statements: tuple[Statement, ...]
    cost: float


class Cut:
    """A value whose gradient may get a line."""

    def __init__(self, e: Expr, label: str, leaf: Expr, raw: Expr, serial: int) -> None:
        self.e, self.label, self.leaf, self.raw, self.serial = e, label, leaf, raw, serial
        self.above: list[Cut] = []  # the values by whose gradients this one is said
        self.anchored = False  # whether it is said by its name from here on
        self.forms: dict[str, Poly] = {}  # reading -> everything inner put in place
        self.kept: dict[str, Poly] = {}  # reading -> the kind of form that was chosen
        self.form: Form | None = None
        self.found: list[tuple[Form, float, float]] = []
        self.written: dict[Any, Form | None] = {}  # None if there is no way to write it
        self.total = 0.0


class Chooser:
    """Chooses the program of a traced loss.

    Parameters
    ----------
    trace : Trace
        The loss.
    wrt : tuple of str
        Inputs or local variables to differentiate with respect to.
    distributions : iterable of (str, int)
        Inputs that sum to 1 along an axis: a fact that a form may rest on.
    seed : Expr, optional
        The upstream gradient; 1 for a scalar loss.
    """

    def __init__(
        self,
        trace: Any,
        wrt: tuple[str, ...],
        distributions: Iterable[tuple[str, int]] = (),
        seed: Expr | None = None,
    ) -> None:
        self.trace, self.wrt = trace, wrt
        self.world: World = trace.world
        self.forward = ordered([trace.output])
        self.algebra = Algebra(self._size)
        self.algebra.match = match
        self.labels: dict[Expr, str] = {
            e: name for name, e in trace.names.items() if e is not trace.output
        }
        self.algebra.quotients |= QUOTIENTS
        self.plain = Reading(self.algebra, {}, opened=True)
        self.named = Reading(
            self.algebra, {e: n for e, n in self.labels.items() if e.op is not None}
        )
        self.shut = Reading(self.algebra, self.named.names, shut=True)
        for name, axis in distributions:
            self.algebra.distributions[self.plain.leaf(trace.inputs[name]), axis] = (name, axis)
        for e in self.forward:
            if e.op is not None and self._is_symmetric(self.plain.template(e), e):
                self.algebra.is_symmetric(self.plain.leaf(e))
        self.totals: dict[tuple[Base, int], Any] = {}
        self.algebra.total_of = self._total
        self.algebra.found.clear()  # found without these facts
        self.writer = Writer(self.algebra, self.plain, self.world)
        self.taken = {*trace.inputs, *trace.names, *trace.static, *trace.sizes}
        self.finals = {name: self.unused(f"d{name}") for name in wrt}
        #: values without a name that the loss computes, and that are worth one
        self.met = {e for e in self.forward if e not in self.labels and self._is_worth_meeting(e)}
        self.names = (self._known_values(True), self._known_values(False))
        self.targets = {self.target(name): name for name in wrt}
        self.cuts: dict[Expr, Cut] = {}
        self.raw: dict[Expr, Expr] = {}
        self._reverse(seed if seed is not None else self.world.lift(1.0))

    def _size(self, n: int) -> Poly:
        return self.plain.template(n.expr) if isinstance(n, Dim) else constant(int(n))

    def _is_symmetric(self, poly: Poly, e: Expr) -> bool:
        """Whether a matrix equals its transpose, whatever the inputs are."""
        if len(e.shape) != 2 or e.shape[0] != e.shape[1] or e.shape[0] == 1:
            return False
        first, second = Var(0, e.shape[0]), Var(1, e.shape[1])
        return poly == self.algebra.substitute(poly, {first: second, second: first})

    def _total(self, base: Base, axis: int) -> Any:
        """Return what a named value sums to along an axis, if that is a number at all sizes."""
        e = base.what
        if not isinstance(e, Expr) or e not in self.labels or e.op is None:
            return None
        key = (base, axis)
        if key not in self.totals:
            self.totals[key] = None  # it is asked for on the way, too
            summed = self.algebra.sum(self.plain.template(e), (Var(axis, e.shape[axis]),))
            self.totals[key] = self.algebra.spread(summed).number
            self.algebra.found.clear()  # what was found on the way, without it
        return self.totals[key]

    def unused(self, name: str) -> str:
        """Return a name that nothing else has, and take it."""
        while name in self.taken:
            head = name.rstrip("0123456789")
            name = f"{head}{int(name[len(head) :] or 1) + 1}"
        self.taken.add(name)
        return name

    def target(self, name: str) -> Expr:
        """Return what `name` of `wrt` stands for."""
        found: Expr = (
            self.trace.inputs[name] if name in self.trace.inputs else self.trace.names[name]
        )
        return found

    # --- the values that a gradient may be said by ---

    def _known_values(self, unnamed: bool) -> Names:
        """Let every value of the forward pass be met again, each by those it is made of."""
        names, algebra = Names(self.algebra), self.algebra
        known = [e for e in self.forward if e in self.labels or (unnamed and e in self.met)]
        known = [e for e in known if e.op is not None and e.dtype.kind == "f"]
        stops = dict.fromkeys(known, "")
        reading = Reading(algebra, stops)
        bodies: dict[Expr, Poly] = {}
        for e in known:
            del stops[e]  # it is read by those it is made of
            bodies[e] = body = reading.template(e)
            del reading.known[e]
            stops[e] = ""
            name = self._by_name(e)
            if body == name or body.number is not None:
                continue
            for form in dict.fromkeys((algebra.spread(body), body)):
                names.define(form, name, first=e in self.labels)
        more: list[tuple[Poly, Poly]] = []
        for e in known:
            whole, name = self.plain.template(e), self._by_name(e)
            if e.op is elementwise.logaddexp:
                more += [(names.fold(share), by) for share, by in self._shares(e, reading)]
            if e in self.labels and self._is_virtual(whole):
                more.append((names.fold(whole), name))
            if e.op in (choices.maximum, choices.minimum):
                for atom in (whole.atom, bodies[e].atom):
                    if atom is not None:
                        names.corners(atom, name, e.op is choices.maximum)
            if e in self.labels:
                more += [(names.fold(share), left) for share, left in self._relatives(whole, name)]
        for form, name in more:
            if form != name:
                names.define(form, name)
        return names

    def _shares(self, e: Expr, reading: Reading) -> Iterator[tuple[Poly, Poly]]:
        """Yield ``exp(a) / (exp(a) + exp(b))`` and its name, ``exp(a - logaddexp(a, b))``."""
        algebra = self.algebra
        whole = self.plain.exponential(self.plain.template(e))
        for arg in e.args:
            index = self.plain.axes(e)
            part = self.plain.exponential(self.plain.operand(e, arg, index))
            share = algebra.multiply(part, algebra.power(whole, Fraction(-1)))
            below = algebra.scale(self._by_name(e), Fraction(-1))
            name = reading.exponential(algebra.add(reading.operand(e, arg, index), below))
            if share.single is not None and name.atom is not None:
                name.atom.base.virtual = False
                yield share, name

    def _by_name(self, e: Expr) -> Poly:
        atom = Atom(self.plain.leaf(e), self.plain.axes(e))
        return self.algebra.entry(atom)

    def _is_worth_meeting(self, e: Expr) -> bool:
        """Whether a value without a name is more than a line of arithmetic."""
        if e.op is None or e is self.trace.output or e.op.moves_entries:
            return False
        if not e.shape and not any(arg.shape for arg in e.args):
            return False  # arithmetic of sizes and settings
        return (not e.op.symbol or e.op is linalg.matmul) and e.op not in (
            elementwise.negative,
            elementwise.square,
        )

    def _relatives(self, body: Poly, name: Poly) -> Iterator[tuple[Poly, Poly]]:
        """Yield what is short by a name: 1 less a share, 1 less its square."""
        algebra = self.algebra
        single = body.single
        if single is None or single[0].bound:
            return
        mono, _c = single
        for atom, k in mono.factors:
            if atom.base.kind != "sum" or k.denominator != 1 or not -2 <= k <= -1:
                continue
            for power in (1, 2):
                whole = algebra.power(body, Fraction(power))
                below = algebra.spread(algebra.power(algebra.opened(atom), -k * power, whole=True))
                rest = algebra.multiply(whole, algebra.monomial(ONE, ((atom, -k * power),), ()))
                left = algebra.add(
                    algebra.spread(below), algebra.scale(algebra.spread(rest), Fraction(-1))
                )
                if left.single is None:
                    continue
                share = algebra.multiply(left, algebra.monomial(ONE, ((atom, k * power),), ()))
                if share.single is not None:
                    powered = algebra.power(name, Fraction(power))
                    yield share, algebra.add(constant(1), algebra.scale(powered, Fraction(-1)))

    # --- the reverse pass ---

    def _reverse(self, seed: Expr) -> None:
        """Run the vjp rules, the gradient of each cut a name for what is made of it."""
        trace = self.trace
        if not trace.output.tracked:
            raise BackwardError(
                f"the loss does not depend on {', '.join(self.wrt)}: there is nothing to derive"
            )
        steps = reverse(trace.output, seed)
        node, g, _ = next(steps)
        try:
            while True:
                self.raw[node] = g
                send = None
                if node in self.targets or (self._may_get_a_line(node) and not is_number(g)):
                    label = self._label(node)
                    leaf = self.world.leaf(f"d {label} {node.serial}", node.shape, g.dtype)
                    self.cuts[node] = Cut(node, label, leaf, g, len(self.cuts))
                    if node.op is not None:
                        send = leaf
                node, g, _ = steps.send(send)
        except StopIteration:
            pass
        by_leaf = {cut.leaf: cut for cut in self.cuts.values()}
        for cut in self.cuts.values():
            cut.above = [by_leaf[e] for e in ordered([cut.raw]) if e in by_leaf]
        self.by_base = {self.plain.leaf(cut.leaf): cut for cut in self.cuts.values()}
        self._dominated()

    def _may_get_a_line(self, node: Expr) -> bool:
        if node in self.targets or node in self.labels:
            return True
        if node.op is None or node is self.trace.output:
            return False
        tracked = {p for p in node.parents if p is not None}
        product = node.op in (linalg.matmul, linalg.einsum)
        return (len(tracked) > 1 or product) and bool(node.shape)

    def _label(self, node: Expr) -> str:
        return self.targets.get(node, self.labels.get(node, ""))

    def _dominated(self) -> None:
        """Find, for each cut, the others whose gradients are needed for its own alone."""
        parents: dict[Cut, set[Cut | None]] = {cut: set() for cut in self.cuts.values()}
        for cut in self.cuts.values():
            for other in cut.above:
                parents[other].add(cut)
        for e, cut in self.cuts.items():
            if e in self.targets:
                parents[cut].add(None)
        above: dict[Cut, Cut | None] = {}
        depth: dict[Cut | None, int] = {None: 0}
        for cut in reversed(self.cuts.values()):  # what is needed for the targets, them first
            users = [p for p in parents[cut] if p is None or p in depth]
            if not users:
                continue  # no target needs it
            common = users[0]
            for user in users[1:]:
                walk = user
                while common is not walk:
                    if depth[common] >= depth[walk]:
                        common = above[common] if common is not None else None
                    else:
                        walk = above[walk] if walk is not None else None
            above[cut] = common
            depth[cut] = depth[common] + 1
        self.dominator = above
        self.needed = set(depth)

    # --- forms ---

    def choose(self) -> dict[str, Cut]:
        """Choose a form for every cut, from the loss back."""
        chosen = [cut for cut in self.cuts.values() if cut in self.needed]
        for cut in chosen:
            if cut.e.op is not None:
                self._choose(cut)
        ends = [cut for cut in chosen if cut.e.op is None]
        for cut in ends:
            self._choose(cut)
        # what is short comes first, and longer ones may be said by it
        for cut in sorted(ends, key=lambda cut: cut.total):
            if cut.total >= _LONG and len(ends) > 1:
                self._say_again(cut)
            assert cut.form is not None
            if cut.form.cost >= 1 and cut.e.shape:
                said = self.algebra.entry(Atom(self.plain.leaf(cut.leaf), self.plain.axes(cut.e)))
                for names in self.names:
                    names.define(cut.form.poly, said)
        for e, name in self.targets.items():
            if e not in self.cuts:  # the loss does not depend on it
                leaf = self.world.leaf(f"d {name} none", e.shape, e.dtype)
                self.raw[e] = zeros = self._zeros(e) if e.shape else self.world.lift(0.0)
                cut = self.cuts[e] = Cut(e, name, leaf, zeros, len(self.cuts))
                cut.form = Form(ZERO, (Assign(f"d{name}", zeros, "gradient"),), 1.0)
        return {name: self.cuts[e] for e, name in self.targets.items()}

    def jacobians(self, upstream: Expr, called: dict[str, str]) -> dict[str, Cut]:
        """Choose a form for every Jacobian, from the products with an upstream gradient.

        These are linear in its entries, and an entry of a Jacobian is what one of them is
        multiplied with: a delta takes its place.
        """
        algebra, shape = self.algebra, tuple(upstream.shape)
        outer = len(shape)
        marks = [None if n == 1 else Var(_APART + a, n) for a, n in enumerate(shape)]
        picked = [(Var(a, m.size), m) for a, m in enumerate(marks) if m is not None]
        one = algebra.monomial(ONE, [(Atom(algebra.delta, pair), ONE) for pair in picked], ())
        chosen = self.choose()
        self.finals, self.cuts, self.targets = dict(called), {}, {}
        for name, cut in chosen.items():
            assert cut.form is not None
            poly = cut.form.poly
            while used := self._mentioned(poly):
                latest = max(used, key=lambda u: u.serial)
                assert latest.form is not None
                poly = self._put(poly, {latest: latest.form.poly})
            inner = [(Var(a, n), Var(outer + a, n)) for a, n in enumerate(cut.e.shape) if n != 1]
            poly = algebra.substitute(poly, dict(inner))
            poly = self._replaced(poly, {self.plain.leaf(upstream): one})
            poly = algebra.substitute(
                poly, {m: Var(a, m.size) for a, m in enumerate(marks) if m is not None}
            )
            whole = (*shape, *cut.e.shape)
            like = self.writer.make(shaping.broadcast_to, self.world.lift(0), shape=whole)
            leaf = self.world.leaf(called[name], whole, cut.e.dtype)
            made = self.cuts[leaf] = Cut(like, name, leaf, leaf, len(self.cuts))
            found = [*self._by_terms(poly, made), *self._ways(poly, made)]
            if not found:
                raise NoWayToWriteError(
                    f"no way was found to write the Jacobian with respect to {name} as NumPy code "
                    "that holds for all sizes; derive the product with an upstream gradient "
                    '(upstream="g") instead'
                )
            made.form = min(found, key=lambda form: form.cost)
            self.targets[leaf] = name
        return {name: self.cuts[leaf] for leaf, name in self.targets.items()}

    def _by_terms(self, poly: Poly, cut: Cut) -> Iterator[Form]:
        """Yield a Jacobian as a sum of matrices, such as a diagonal one and an outer product."""
        for names in self.names:
            whole = self.algebra.spread(names.fold(self.algebra.spread(poly)))
            for factored in (False, True):
                try:
                    e = self.writer.full(whole, tuple(cut.e.shape), factored)
                except NoWayToWriteError:
                    continue
                if e.dtype != np.dtype(bool):
                    lines = (Assign(f"d{cut.label}", e, "gradient"),)
                    yield Form(whole, lines, self.cost(lines))

    def _is_inner(self, other: Cut, cut: Cut) -> bool:
        """Whether the gradient of `other` is needed for that of `cut` alone."""
        walk: Cut | None = other
        while walk is not None:
            walk = self.dominator.get(walk)
            if walk is cut:
                return True
        return False

    def _choose(self, cut: Cut) -> None:
        """Choose between the gradients that this one is made of, by name, and what they are."""
        inner = {u for u in cut.above if self._is_inner(u, cut)}
        trivial = [u for u in cut.above if u.form is not None and self._is_trivial(u)]
        beside = sum(u.total for u in inner.difference(trivial))
        found: list[tuple[Form, float, float]] = []
        lengths = []
        for key, reading in (("named", self.named), ("plain", self.plain)):
            whole = reading.axes(cut.e)[len(cut.e.shape) - len(cut.raw.shape) :]
            local = self._put(reading.entry(cut.raw, whole), {u: u.kept[key] for u in trivial})
            cut.kept[key] = local
            found += [(form, beside, 0.0) for form in self._ways(local, cut)]
            closed = local
            for step in range(_MOST):
                used = {u for u in self._mentioned(closed) if self._is_inner(u, cut)}
                used = {u for u in used if not u.anchored}
                if not used:
                    break
                latest = max(used, key=lambda u: u.serial)
                closed = self._settled(self._put(closed, {latest: latest.forms[key]}))
                plain = {
                    u: u.kept[key]
                    for u in self._mentioned(closed)
                    if u.form is not None and self._is_trivial(u)
                }
                closed = self._put(closed, plain)
                left = [u for u in self._mentioned(closed) if self._is_inner(u, cut)]
                if step < _STEPS or all(u.anchored for u in left):
                    total = sum(u.total for u in left)
                    found += [
                        (form, total, _PREFERENCE + 0.1 * step) for form in self._ways(closed, cut)
                    ]
            cut.forms[key] = closed
            lengths.append(_length(closed))
        if not found:  # a logarithm that nothing took back: its exponential is written after all
            found += [(form, beside, 0.0) for form in self._ways(cut.kept["named"], cut, True)]
        if not found:  # an update in place, within an expression: it gets statements of its own
            whole = self.shut.axes(cut.e)[len(cut.e.shape) - len(cut.raw.shape) :]
            local = self._put(
                self.shut.entry(cut.raw, whole), {u: u.kept["named"] for u in trivial}
            )
            self.writer.conditions = True
            found += [(form, beside, 0.0) for form in self._ways(local, cut)]
            self.writer.conditions = False
        found = found or [(self._by_the_rules(cut), beside, 0.0)]
        # by the names of values, unless an operation is saved
        cut.found = found
        cut.form, rest, put = min(found, key=lambda item: item[0].cost + item[1] + item[2])
        cut.total = cut.form.cost + rest + (0.0 if cut.label else _LINE)
        if put:
            cut.kept = dict(cut.forms)
        elif inner and min(lengths) > _LENGTH:
            # what cancels has cancelled: from here on this gradient is said by its name
            cut.forms, cut.anchored = dict(cut.kept), True
        if self._is_symmetric(cut.form.poly, cut.e):
            self.algebra.is_symmetric(self.plain.leaf(cut.leaf))

    def _by_the_rules(self, cut: Cut) -> Form:
        """Write a gradient as the rules of the ops give it, for want of a better form.

        Values put at places within it get statements of their own (`Assembly`).
        """
        e, shape = cut.raw, tuple(cut.e.shape)
        if tuple(e.shape) != shape:
            e = self.writer.make(shaping.broadcast_to, e, shape=shape)
        statements: Any = tuple(assigned(f"d{cut.label}", e, "gradient"))
        poly = self.algebra.entry(Atom(self.plain.leaf(e), self.plain.axes(e)))
        return Form(poly, statements, self.cost(statements))

    def _say_again(self, cut: Cut) -> None:
        """Say what has been found by the gradients that are known by now, if that is shorter."""
        assert cut.form is not None
        best = cut.form.cost + cut.total
        again = [
            (form, left, put)
            for before, left, put in cut.found
            if before.cost + left <= best + _LONG
            for form in self._ways(before.poly, cut)
        ]
        cut.form, rest, _ = min((*cut.found, *again), key=lambda i: i[0].cost + i[1] + i[2])
        cut.total = cut.form.cost + rest

    def _mentioned(self, poly: Poly) -> set[Cut]:
        """Return the cuts whose gradients are named in a polynomial."""
        found: set[Cut] = set()
        stack, seen = [poly], {poly}
        while stack:
            for mono in stack.pop().terms:
                for atom, _ in mono.factors:
                    base = atom.base
                    cut = self.by_base.get(base)
                    if cut is not None:
                        found.add(cut)
                    sums = (base.what,) if base.kind == "sum" else ()
                    for body in base.what[2] if base.kind == "op" else sums:
                        if body not in seen:
                            seen.add(body)
                            stack.append(body)
        return found

    def _is_trivial(self, cut: Cut) -> bool:
        """Whether a gradient is not worth a line: a number, another one, a constant times it."""
        assert cut.form is not None
        if cut.e in self.targets or len(cut.form.statements) > 1:
            return False
        constant_along = set(free(cut.form.poly)) < {
            v for v in self.plain.axes(cut.e) if v is not None
        }
        return cut.form.cost <= 0 or constant_along

    def _put(self, poly: Poly, forms: dict[Cut, Poly]) -> Poly:
        """Return a polynomial with forms of gradients in place of their names."""
        if not forms:
            return poly
        bases = {self.plain.leaf(cut.leaf): form for cut, form in forms.items()}
        return self._replaced(poly, bases)

    def _replaced(self, poly: Poly, bases: dict[Base, Poly]) -> Poly:
        algebra = self.algebra
        parts = []
        for mono, c in poly.terms.items():
            if not any(self._holds(a, bases) for a, _ in mono.factors):
                parts.append(Poly({mono: c}))
                continue
            one = algebra._apart(mono)
            kept: list[tuple[Atom, Exponent]] = []
            new: list[Poly] = []
            for atom, k in one.factors:
                if atom.base in bases:
                    change = {
                        Var(a, n): ix
                        for a, (n, ix) in enumerate(zip(atom.base.sizes, atom.index, strict=True))
                        if n != 1
                    }
                    new.append(
                        algebra.power(algebra.substitute(bases[atom.base], change), k, whole=True)
                    )
                elif atom.base.kind == "sum" and self._holds(atom, bases):
                    opened = self._replaced(algebra.opened(atom), bases)
                    new.append(algebra.power(opened, k, whole=True))
                elif self._holds(atom, bases):
                    new.append(algebra.power(self._rebuilt(atom, bases), k, whole=True))
                else:
                    kept.append((atom, k))
            product = algebra.multiply(algebra.monomial(c, kept, ()), *new)
            parts.append(algebra.sum(product, one.bound))
        return algebra.add(*parts)

    def _rebuilt(self, atom: Atom, bases: dict[Base, Poly]) -> Poly:
        """Return an entry of an op whose operands are made of gradients."""
        what = atom.base.what
        bodies = tuple(self._replaced(body, bases) for body in what[2])
        made = self.algebra.base("op", (*what[:2], bodies, *what[3:]), atom.base.sizes)
        return self.algebra.entry(Atom(made, atom.index))

    def _holds(self, atom: Atom, bases: dict[Base, Poly]) -> bool:
        base = atom.base
        if base in bases:
            return True
        if base.kind == "sum":
            return any(self._holds(a, bases) for m in base.what.terms for a, _ in m.factors)
        if base.kind == "op":
            return any(
                self._holds(a, bases) for p in base.what[2] for m in p.terms for a, _ in m.factors
            )
        return False

    def _settled(self, poly: Poly) -> Poly:
        """Return the shorter of a form as it stands and multiplied out."""
        spread = self.algebra.spread(poly)
        return spread if _length(spread) <= _length(poly) else poly

    def _ways(self, poly: Poly, cut: Cut, virtual: bool = False) -> Iterator[Form]:
        """Yield ways to say a gradient, as far as they can be written."""
        spread = self.algebra.spread
        forms: dict[Poly, None] = {}
        for names in self.names:
            some = dict.fromkeys(names.fold(form) for form in dict.fromkeys((poly, spread(poly))))
            forms |= some
            forms |= dict.fromkeys(names.fold(spread(form)) for form in some)
        for folded in forms:
            key = (folded, virtual, self.writer.conditions)
            if key not in cut.written:
                cut.written[key] = self._written(folded, cut, virtual)
            form = cut.written[key]
            if form is not None:
                yield form

    def _written(self, poly: Poly, cut: Cut, virtual: bool) -> Form | None:
        if not virtual and self._is_virtual(poly):
            return None
        try:
            statements = tuple(self.statements(f"d{cut.label}", poly, cut.e, cut.label))
        except NoWayToWriteError:
            return None
        return Form(poly, statements, self.cost(statements))

    def _is_virtual(self, poly: Poly) -> bool:
        """Whether a form still has what was only put in to cancel."""
        stack, seen = [poly], {poly}
        while stack:
            for mono in stack.pop().terms:
                for atom, _ in mono.factors:
                    base = atom.base
                    if base.virtual:
                        return True
                    bodies: Any = ()
                    if base.kind == "sum":
                        bodies = (base.what,)
                    elif base.kind in ("function", "op"):
                        bodies = base.what[1][1] if base.what[0] == "mask" else base.what[2]
                    stack += [body for body in bodies if body not in seen]
                    seen.update(bodies)
        return False

    # --- lines ---

    def statements(self, target: str, poly: Poly, like: Expr, label: str) -> Iterator[Statement]:
        """Yield the statements that compute a gradient."""
        writer, shape = self.writer, tuple(like.shape)
        single = poly.single
        placed = [a for m in poly.terms for a, _ in m.factors if a.base is self.algebra.delta]
        identity = single is not None and all(isinstance(ix, Var) for a in placed for ix in a.index)
        if placed and not (identity and not single[0].bound and len(placed) == 1):  # type: ignore[index]
            try:
                yield from tuple(self._scattered(target, poly, like))
                return
            except NoWayToWriteError:
                if not writer.conditions:
                    raise
        if single is not None and single[0].bound and shape:
            mono, c = single
            masks = [
                (a, k)
                for a, k in mono.factors
                if a.base.boolean and not a.base.guard and not free_of([(a, k)]) & set(mono.bound)
            ]
            if len(masks) == 1 and len(set(free_of(masks))) == sum(n != 1 for n in shape):
                (mask,) = masks
                rest = Mono(tuple(f for f in mono.factors if f != mask), mono.bound)
                twin = Atom(self.algebra.negations[mask[0].base], mask[0].index)
                off = writer.full(self.algebra.entry(twin), shape)
                before = writer.full(Poly({rest: c}), shape)
                if before.op in (linalg.matmul, linalg.einsum):  # else it is one product more
                    yield Assign(target, before, "gradient")
                    yield InPlace(target, Slot(0), "=", writer.number(0), (off,))
                    return
        e = writer.full(poly, shape)
        if e.dtype == np.dtype(bool):  # of truth values NumPy makes no sums of products
            e = writer.make(elementwise.astype, e, dtype=np.dtype(float))
        yield from assigned(target, e, "gradient")  # type: ignore[misc]

    def _scattered(self, target: str, poly: Poly, like: Expr) -> Iterator[Statement]:
        """Yield an array and what is added at places given by labels, slices or numbers."""
        algebra, writer, shape = self.algebra, self.writer, tuple(like.shape)
        coef, content, rest = self._outside(poly)
        dense, placed = {}, []
        for mono, c in rest.terms.items():
            if any(a.base is algebra.delta for a, _ in mono.factors):
                placed.append((mono, c))
            else:
                dense[mono] = c
        axes = {Var(a, n) for a, n in enumerate(shape) if n != 1}
        groups: dict[Any, list[Any]] = {}
        for mono, c in placed:
            fixed = sorted(self._places(mono, axes).items(), key=lambda i: i[0].n)
            groups.setdefault(tuple(fixed), []).append((mono, c))
        updates = []
        for held, terms in groups.items():
            run = {v: algebra.fresh(v.size) for _, ix in held for v in free_in_index(ix) if v.n < 0}
            places = tuple((a, moved(ix, run, algebra)) for a, ix in held)
            placed = [
                (Mono(algebra._changed(m.factors, run), tuple(run.get(v, v) for v in m.bound)), c)
                for m, c in terms
            ]
            first_one = not dense and len(groups) == 1
            updates.append(self._update(target, dict(places), placed, shape, first_one))
        first = writer.full(Poly(dense), shape) if dense else self._zeros(like)
        if first.dtype == np.dtype(bool):
            first = writer.make(elementwise.astype, first, dtype=np.dtype(float))
        whole = first
        while whole.op in (shaping.reshape, shaping.transpose, indexing.getitem):
            whole = whole.args[0]
        if whole.op is shaping.broadcast_to and dense:  # which cannot be written to
            yield Assign(target, self._zeros(like), "gradient")
            yield InPlace(target, None, "+=", first.args[0] if whole is first else first)
        else:
            yield Assign(target, first, "gradient")
        yield from updates
        above = algebra.scale(algebra.monomial(ONE, content, ()), coef)
        if above.number == 1:
            return
        below = algebra.power(above, Fraction(-1))
        order = tuple(None if n == 1 else Var(a, n) for a, n in enumerate(shape))
        if (
            all(k < 0 for _, k in content)
            and coef > 0
            and (not isinstance(coef, Fraction) or coef.numerator == 1)
        ):
            yield InPlace(target, None, "/=", writer.compact(below, order))
        else:
            yield InPlace(target, None, "*=", writer.compact(above, order))

    def _outside(self, poly: Poly) -> Any:
        """Return what all terms are multiplied with; a lone scatter keeps its own value."""
        if len(poly.terms) == 1:
            return ONE, (), poly
        coef, content, rest = self.algebra.content(poly)
        return (
            (coef, content, rest)
            if coef > 0
            else (-coef, content, self.algebra.scale(rest, Fraction(-1)))
        )

    def _zeros(self, like: Expr) -> Expr:
        if like.op is None or like in self.labels:
            return self.world.make(ZEROS, (like,), (), like.shape)
        return self.writer.make(shaping.broadcast_to, self.world.lift(0), shape=tuple(like.shape))

    def _places(self, mono: Mono, axes: set[Var]) -> dict[Var, Any]:
        """Return which index each axis has where a term is not 0."""
        places: dict[Var, Any] = {}
        for atom, _ in mono.factors:
            if atom.base is not self.algebra.delta:
                continue
            a, b = atom.index
            if not (isinstance(a, Var) and a in axes) or (
                isinstance(b, Var) and b in axes and b.n > a.n  # what is said by the other
            ):
                a, b = b, a
            if not (isinstance(a, Var) and a in axes) or a in places or a in free_in_index(b):
                raise NoWayToWriteError  # two places along one axis: a condition on them
            places[a] = b
        return places

    def _update(
        self, target: str, places: dict[Var, Any], terms: Any, shape: tuple[int, ...], alone: bool
    ) -> InPlace:
        """Return the statement that adds values at places."""
        algebra, writer = self.algebra, self.writer
        values = [ix for ix in places.values() if isinstance(ix, Value)]
        running = list(
            dict.fromkeys(v for ix in values for v in sorted(free(ix.poly), key=lambda v: -v.n))
        )
        runs = [v for ix in places.values() if (v := run_of(ix)) is not None]
        runs += [Var(a, n) for a, n in enumerate(shape) if Var(a, n) not in places]
        for ix in places.values():
            v = run_of(ix)
            if v is not None and v not in running:
                running += [v] if isinstance(ix, Var) or runs.count(v) > 1 else []
        parts: list[Any] = []
        args: list[Expr] = []
        dims: list[Any] = []
        fancy: list[int] = []
        for a, n in enumerate(shape):
            var = Var(a, n)
            ix = places.get(var)
            if isinstance(ix, (Value, Const)) or (var if ix is None else run_of(ix)) in running:
                fancy.append(a)
        where: int | None = None
        for a, n in enumerate(shape):
            var = Var(a, n)
            ix = places.get(var)
            if a in fancy:
                if where is None:
                    where = len(dims)
                if isinstance(ix, Const):
                    parts.append(ix.value)
                elif isinstance(ix, Value):
                    parts.append(writer._places(ix.poly, running, args))
                else:
                    parts.append(writer._run(ix or var, running, args))
            elif ix is None:
                parts.append(slice(None))
                dims.append(None if n == 1 else var)
            elif isinstance(ix, Affine) and isinstance(ix.index, Var):
                parts.append(writer.slice_of(ix, n))
                dims.append(ix.index)
            else:
                raise NoWayToWriteError
        together = not fancy or fancy == list(range(fancy[0], fancy[-1] + 1))
        at = where if together and where is not None else 0
        dims[at:at] = running
        bound = {v for ix in places.values() for v in free_in_index(ix)} - {
            Var(a, n) for a, n in enumerate(shape)
        }
        meets = any(v in bound for v in running)
        total: list[Poly] = []
        for mono, c in terms:
            left = tuple((a, k) for a, k in mono.factors if a.base is not algebra.delta)
            inner = tuple(v for v in mono.bound if v not in bound)
            total.append(algebra.monomial(c, left, inner))
        value = algebra.add(*total)
        negative = bool(value.terms) and all(c < 0 for c in value.terms.values())
        negative = negative and (meets or not alone)
        if negative:
            value = algebra.scale(value, Fraction(-1))
        e = writer.compact(value, tuple(dims))
        while parts and parts[-1] == slice(None):
            parts.pop()
        index: Any = tuple(Slot(p.operand - 1) if isinstance(p, Slot) else p for p in parts)
        operator = "-=" if negative else "+="
        if alone and not meets:
            operator = "="
        return InPlace(target, index or None, operator, e, tuple(args), at=meets)

    # --- what it costs ---

    def cost(self, statements: Iterable[Statement]) -> float:
        """Count the operations that are written, each once; a name costs nothing.

        What the loss computes anyway gets a name there.
        """
        total = 0.0
        seen: set[Expr] = set()
        for statement in statements:
            if isinstance(statement, InPlace):
                total += 3 if statement.at else 1
            stack = [statement.value, *getattr(statement, "args", ())]
            while stack:
                e = stack.pop()
                if e in seen or e.op is None or e in self.labels:
                    continue
                seen.add(e)
                if e in self.met:
                    total += _MET
                    continue
                noted = self.world.calls.get(e)
                if noted is not None:
                    total += 1
                    stack += [a for a in noted.args if isinstance(a, Expr)]
                    continue
                total += _weight(e)
                stack += e.args
        return total


def _weight(e: Expr) -> float:
    """Return what an op counts: looking at an array another way counts little."""
    op = e.op
    if op in (shaping.transpose, shaping.reshape):
        return 0.05
    if op is indexing.getitem:
        return 0.05 if len(e.args) == 1 else 1.0
    if op is shaping.broadcast_to or op is ZEROS:
        return 1.0
    if op is elementwise.divide and all(map(is_number, e.args)):
        return 0.0
    if op is linalg.einsum:
        return 1.3
    return 1.0


def _length(poly: Poly) -> int:
    return sum(
        1
        + len(m.factors)
        + 2 * len(m.bound)
        + sum(_length(a.base.what) for a, _ in m.factors if a.base.kind == "sum")
        for m in poly.terms
    )
