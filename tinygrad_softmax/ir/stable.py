"""From the naive spelling of a loss to one that no score can overflow.

A number made of exponentials is held as ``num / den * exp(e)``, its size in the exponent: there
products, quotients, sums, matrix products and choices are worked out, a sum by taking the largest
exponent out. A logarithm, a quotient or a product that could come to inf / inf or inf * 0 is then
written from that form; everything else stays as the user wrote it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from ..core.shapes import normalize_axis
from ..ops import choices, elementwise, linalg, reductions, shaping
from .expr import DerivationError, Expr, World, is_number, tri
from .trace import Trace
from .visit import ordered, substituted

__all__ = ["LAWS", "Law", "Stabiliser", "Stable", "Step", "finish", "stabilised"]

#: Coefficients by expression; a plain number stands under None.
Exponent = dict[Expr | None, float]


class Scaled(NamedTuple):
    """``num / den * exp(exponent)``; a `num` or `den` of None is 1."""

    num: Expr | None
    den: Expr | None
    exponent: Exponent


class Law(NamedTuple):
    """Why a rewrite holds, and how the scaled form of an op comes from those of its operands."""

    name: str
    sentence: str
    apply: Callable[[Any, Expr, bool], Scaled | None]


class Step(NamedTuple):
    """One rewrite of a value: by which law, why it holds, before and after."""

    law: str
    sentence: str
    before: Expr
    after: Expr


class Stable(NamedTuple):
    """A trace of the same loss, the rewrites, and the facts about inputs that they rest on."""

    trace: Trace
    steps: list[Step]
    rests_on: list[Any]


#: Op -> the law that scales its result.
LAWS: dict[Any, Law] = {}
_LOGARITHMS = {elementwise.log: 1.0, elementwise.log1p: 1.0,
               elementwise.log2: math.log(2), elementwise.log10: math.log(10)}  # fmt: skip
_ORDER = (choices.greater, choices.greater_equal, choices.less, choices.less_equal)
_BOUNDED = (elementwise.tanh, elementwise.sin, elementwise.cos, elementwise.sign)
_GROWING = (elementwise.exp, elementwise.exp2, elementwise.expm1, elementwise.sinh,
            elementwise.cosh)  # fmt: skip
_TOO_MANY = 100_000
#: Where exp(-x) is nothing beside 1.
_NEGLIGIBLE = 37


_Apply = Callable[[Any, Expr, bool], Scaled | None]


def _law(*ops: Any) -> Callable[[_Apply], _Apply]:
    def declare(apply: _Apply) -> _Apply:
        sentence = " ".join((apply.__doc__ or "").split())
        LAWS.update(dict.fromkeys(ops, Law(apply.__name__.strip("_"), sentence, apply)))
        return apply

    return declare


# --- signs and bounds, told by form ---


def _where(condition: Expr, x: Any, y: Any) -> Expr:
    made: Expr = choices.where(condition, x, y)
    return made


def _full(e: Expr, shape: Any) -> Expr:
    """Return an expression repeated to a shape, if it has not that shape."""
    shape = tuple(shape)
    return e if tuple(e.shape) == shape else shaping.broadcast_to(e, shape=shape)


def _value(e: Expr | None) -> float | None:
    """Return a plain number's value."""
    if e is None:
        return 1.0
    return float(e.value) if is_number(e) else None


def _peeled(e: Expr) -> Expr:
    """Return what an expression's entries come from, where an op only moves or repeats them."""
    while e.op is not None and e.op.moves_entries:
        e = e.args[0]
    return e


def _squared(e: Expr) -> bool:
    k = _value(e.args[1]) if e.op is elementwise.power else None
    twice = e.op is elementwise.multiply and e.args[0] is e.args[1]
    return twice or e.op in (elementwise.square, elementwise.absolute) or (
        k is not None and k > 0 and k % 2 == 0)  # fmt: skip


def _parsed(e: Expr) -> Exponent:
    """Return an exponent with signs and plain numbers taken out of it."""
    scale, rest = 1.0, 0.0
    while True:
        if is_number(e):
            rest += scale * float(e.value)
            return {None: rest} if rest else {}
        a, b = (e.args[0], e.args[-1]) if e.op is not None and e.args else (e, e)
        if e.op is elementwise.negative:
            scale, e = -scale, a
        elif e.op is elementwise.multiply and is_number(a):
            scale, e = scale * float(a.value), b
        elif e.op is elementwise.multiply and is_number(b):
            scale, e = scale * float(b.value), a
        elif e.op is elementwise.divide and is_number(b) and b.value:
            scale, e = scale / float(b.value), a
        elif e.op in (elementwise.add, elementwise.subtract) and is_number(b):
            sign = 1 if e.op is elementwise.add else -1
            rest, e = rest + sign * scale * float(b.value), a
        elif e.op is elementwise.add and is_number(a):
            rest, e = rest + scale * float(a.value), b
        else:
            found: Exponent = {e: scale} if scale else {}
            return found | ({None: rest} if rest else {})


def _plus(one: Exponent, other: Exponent, times: float = 1.0) -> Exponent:
    """Return ``one + times * other``, without what cancels."""
    total = dict(one)
    for key, c in other.items():
        total[key] = total.get(key, 0) + times * c
    return {key: c for key, c in total.items() if c}


def _parts(e: Expr) -> list[Expr]:
    """Return the exponents that a (nested) logaddexp adds up."""
    return [p for arg in e.args for p in _parts(arg)] if e.op is elementwise.logaddexp else [e]


def _covered(e: Expr) -> list[Expr]:
    """Return what an expression is never less than."""
    e = _peeled(e)
    if e.op is elementwise.logaddexp:
        return [*_parts(e), *e.args]
    if e.op in (choices.maximum, reductions.max):
        found = [arg for part in e.inputs for arg in (part, _peeled(part))]
        return found + [x for arg in found if arg.op is choices.maximum for x in _covered(arg)]
    return []


def _is_bounded(exponent: Exponent, depth: int = 8) -> bool:
    """Whether an exponent is never large, so that its exponential cannot overflow."""
    left = dict(exponent)
    for key, c in exponent.items():
        if key is not None and c < 0:
            for part in _covered(key):
                for term, q in _parsed(part).items():
                    share = left.get(term, 0) / q
                    if term is not None and share > 0 and len(_parsed(part)) == 1:
                        taken = min(share, -left[key])
                        left[term] -= taken * q
                        left[key] += taken
    return all(key is None or not c or _is_below(key, c > 0, depth) for key, c in left.items())


def _is_below(e: Expr, above: bool = True, depth: int = 8) -> bool:
    """Whether an expression is bounded above (or below, if not `above`) by its form."""

    def inside(arg: Expr, side: bool = above) -> bool:
        return _is_below(arg, side, depth - 1)

    if is_number(e) or e.op in _BOUNDED or e.dtype.kind == "b":
        return True
    if e.op is None or not depth:
        return False
    if _squared(e):
        return not above
    if e.op is elementwise.negative:
        return inside(e.args[0], not above)
    if e.op is elementwise.subtract:
        sign = 1.0 if above else -1.0
        parts = [_parsed(arg) for arg in e.args]
        return _is_bounded(_plus(_plus({}, parts[0], sign), parts[1], -sign), depth - 1)
    if e.op in (elementwise.add, choices.where, shaping.concatenate):
        return all(inside(arg) for arg in e.inputs if arg.dtype.kind != "b")
    if e.op in (choices.minimum, choices.maximum):
        return (any if (e.op is choices.minimum) == above else all)(map(inside, e.inputs))
    if e.op is elementwise.logaddexp:
        return (all if above else any)(map(inside, _parts(e)))
    if e.op in (elementwise.multiply, elementwise.divide):
        terms = [*_parsed(e).items()]
        if len(terms) == 1 and terms[0][0] is not None and terms[0][0] is not e:
            return inside(terms[0][0], above == (terms[0][1] > 0))
        return all(map(_is_not_negative, _stripped(e))) and above == _is_minus(e)
    return (e.op is reductions.sum or e.op.moves_entries) and inside(e.args[0])


def _is_minus(e: Expr) -> bool:
    """Whether a product or quotient has an odd number of minus signs."""
    minus = False
    for arg in e.args:
        if arg.op is elementwise.negative:
            minus = not minus
        elif is_number(arg):
            minus ^= bool(arg.value < 0)
        elif arg.op in (elementwise.multiply, elementwise.divide):
            minus ^= _is_minus(arg)
    return minus


def _stripped(e: Expr) -> list[Expr]:
    """Return the factors and divisors of a product, without signs and numbers."""
    if e.op in (elementwise.multiply, elementwise.divide) and not _squared(e):
        return [x for arg in e.args for x in _stripped(arg)]
    if e.op is elementwise.negative:
        return _stripped(e.args[0])
    return [] if is_number(e) else [e]


def _is_not_negative(e: Expr, depth: int = 8) -> bool:
    """Whether an expression is 0 or more by its form."""
    if not depth:
        return False
    if is_number(e):
        return bool(e.value >= 0)
    if e.op is None:
        return e.value is not None and e.shape == ()  # a size
    if e.op in (elementwise.multiply, elementwise.divide, elementwise.add) and not _squared(e):
        return all(_is_not_negative(arg, depth - 1) for arg in e.args)
    if e.op is reductions.sum or e.op.moves_entries or e.op is elementwise.sqrt:
        return e.op is elementwise.sqrt or _is_not_negative(e.args[0], depth - 1)
    if e.op is choices.maximum:
        return any(_is_not_negative(arg, depth - 1) for arg in e.args)
    return _squared(e) or e.op in (elementwise.exp, elementwise.cosh)


# --- the scaled forms, op by op ---


class Stabiliser:
    """Rewrites expressions, each once, and remembers the steps.

    `facts` are those of the inputs that a law may rest on: each with a ``name``, a ``kind`` of
    which "positive" is used here; those used are collected in ``rests_on``.
    """

    def __init__(self, world: World, facts: Iterable[Any] = ()) -> None:
        self.world = world
        self.known: dict[Expr, Expr] = {}
        self.forms: dict[tuple[Expr, bool], Scaled | None] = {}
        self.spelt: dict[Any, Expr] = {}  # exponent -> how the user wrote it
        self.shifts: dict[Expr, tuple[Expr, Expr]] = {}  # s - m -> s, exp(s - m)
        self.steps: list[Step] = []
        self.facts = {fact.name: fact for fact in facts if fact.kind == "positive"}
        self.rests_on: list[Any] = []
        self._growing: dict[Expr, bool] = {}
        self._signs: dict[Expr, tuple[bool, list[Any]]] = {}
        self._loose: dict[Expr, frozenset[Expr]] = {}

    def __call__(self, *roots: Expr) -> Expr:
        """Return the stable form of the first expression; the others are known then as well."""
        nodes = [node for node in ordered(roots) if node not in self.known]
        for node in nodes:
            self._growing[node] = node.op in _GROWING or node.op is elementwise.logaddexp or (
                node.op is elementwise.power or node.op is elementwise.tanh) or any(
                self._growing.get(arg, False) for arg in node.args)  # fmt: skip
        wanted = self._wanted(nodes)
        for node in nodes:
            args = tuple(self.known[arg] for arg in node.args)
            same = all(a is b for a, b in zip(args, node.args, strict=True))
            made = node if same else self.world.make(node.op, args, node.settings, node.shape)
            self.known[node] = made
            for logs in wanted.get(node, ()):
                law = _law_of(node)
                self.forms[node, logs] = law.apply(self, node, logs) if law else None
            after = _CONSUMERS[node.op](self, node, made) if node.op in _CONSUMERS else None
            if after is not None and after[1] is not made:
                law, self.known[node] = after[0], _full(after[1], node.shape)
                if law is _GUARD and not self.loose(self.known[node]):
                    self.forms[node, False] = None  # it is an ordinary value now
                for part in ordered([self.known[node]], self.known):
                    self.known.setdefault(part, part)
                if len(self.known) > _TOO_MANY:
                    raise DerivationError(
                        f"the loss is too deep for stable=True: {law.name} made it too long"
                    )
                self.steps.append(Step(law.name, law.sentence, made, self.known[node]))
        return self.known[roots[0]]

    def _wanted(self, nodes: list[Expr]) -> dict[Expr, set[bool]]:
        """Return of which values the scaled form is asked, and whether for its logarithm."""
        wanted: dict[Expr, set[bool]] = {}
        for node in reversed(nodes):
            asked = set(wanted.get(node, ())) if _law_of(node) else set()
            if node.op in _LOGARITHMS:
                asked.add(True)
            elif node.op in _CONSUMERS:
                asked.add(False)
            for arg in node.args if asked else ():
                if self._growing.get(arg, False):
                    wanted.setdefault(arg, set()).update(asked)
        return wanted

    def form(self, e: Expr, logs: bool) -> Scaled | None:
        """Return the scaled form of an operand, if it is made of exponentials."""
        return self.forms.get((e, logs))

    def loose(self, e: Expr) -> frozenset[Expr]:
        """Return the exponentials without bound that are in each entry of an expression."""
        for node in ordered([e], self._loose):
            if node.op in _GROWING and not _is_bounded(_parsed(node.args[0])):
                self._loose[node] = frozenset([node])
            elif node not in self._loose:
                args = node.args if node.op is not None and node.op.elementwise else ()
                self._loose[node] = frozenset().union(*(self._loose[arg] for arg in args))
        return self._loose[e]

    def either(self, e: Expr, logs: bool) -> Scaled:
        """Return the scaled form of any operand; of an ordinary one it is itself."""
        found = self.form(e, logs)
        plain = self.known.get(e, e)
        return found if found is not None else Scaled(
            None if _value(plain) == 1 else plain, None, {})  # fmt: skip

    # --- writing ---

    def number(self, value: float) -> Expr:
        """Return a plain number, whole if it is."""
        whole = math.isfinite(value) and value == int(value)
        return self.world.lift(int(value) if whole else value)

    def written(self, exponent: Exponent) -> Expr:
        """Return an exponent as one expression."""
        key = frozenset(exponent.items())
        if key in self.spelt:
            return self.spelt[key]
        total: Any = None
        for e, c in sorted(exponent.items(), key=lambda item: (item[0] is None, item[1] < 0)):
            size = self.number(abs(c)) if e is None else e if abs(c) == 1 else abs(c) * e
            if total is None:
                total = -size if c < 0 and e is not None else self.number(c) if e is None else size
            else:
                total = total - size if c < 0 else total + size
        made = total if total is not None else self.number(0)
        self.spelt[key] = made
        return made

    def power(self, exponent: Exponent) -> Expr:
        """Return the exponential of an exponent."""
        made: Expr = elementwise.exp(self.written(exponent))
        return made

    def scale(self, form: Scaled, exponent: Exponent) -> Expr:
        """Return ``num / den`` of a form, times the exponential of another exponent."""
        made: Any = self.power(exponent) if exponent else None
        if form.den is not None:
            made = (1 if made is None else made) / form.den
        if form.num is not None:
            made = form.num if made is None else form.num * made
        return self.world.lift(1.0) if made is None else made

    def logarithm(self, form: Scaled) -> Exponent:
        """Return the logarithm of a form as an exponent."""
        num, den = form.num, form.den
        total = self.tidied(form.exponent)
        if den is not None and num is not None and not (self.positive(num) or self.positive(den)):
            return _plus(total, {elementwise.log(num / den): 1.0})
        for part, sign in ((num, 1.0), (den, -1.0)):
            value = _value(part)
            if part is not None:
                log = {None: math.log(value)} if value and value > 0 else {
                    elementwise.log(part): 1.0}  # fmt: skip
                total = _plus(total, {key: c for key, c in log.items() if c}, sign)
        return total

    def tidied(self, exponent: Exponent) -> Exponent:
        """Return ``x - logaddexp(0, x)`` as ``-logaddexp(0, -x)``, which loses no digits."""
        for key, c in [*exponent.items()]:
            if key is None or key.op is not elementwise.logaddexp or c >= 0:
                continue
            a, b = key.args
            x = a if _value(b) == 0 else b if _value(a) == 0 else None
            terms = _parsed(x) if x is not None else {}
            if len(terms) == 1 and x is not None:
                ((term, q),) = terms.items()
                if exponent.get(term) == -c * q:
                    other = elementwise.logaddexp(self.number(0), self.written({term: -q}))
                    rest = {k: v for k, v in exponent.items() if k is not key and k is not term}
                    return self.tidied(_plus(rest, {other: c}))
        return exponent

    def positive(self, e: Expr | None) -> bool:
        """Whether an expression is positive: by its form, or by a fact, which is noted then."""
        used: list[Any] = []
        found = e is None or self._positive(e, used)
        if found:
            self.rests_on += [fact for fact in used if fact not in self.rests_on]
        return found

    def _positive(self, e: Expr, used: list[Any]) -> bool:
        if e not in self._signs:
            facts: list[Any] = []
            self._signs[e] = (self._is_positive(e, facts), facts)
        found, facts = self._signs[e]
        used += facts
        return found

    def _is_positive(self, e: Expr, used: list[Any]) -> bool:
        def inside(arg: Expr) -> bool:
            return self._positive(arg, used)

        if e.op is None:
            if e.value is not None:
                return e.shape == () and bool(e.value > 0)
            fact = None if e.tracked else self.facts.get(str(e.label))
            used += [fact] if fact is not None else []
            return fact is not None
        if e.op is elementwise.add:
            return any(map(inside, e.args)) and all(
                inside(arg) or _is_not_negative(arg) for arg in e.args)  # fmt: skip
        if e.op in (elementwise.multiply, elementwise.divide, choices.minimum):
            return all(map(inside, e.args))
        if e.op is choices.maximum:
            return any(map(inside, e.args))
        if e.op is choices.where:
            return all(map(inside, e.args[1:]))
        if e.op in (reductions.sum, reductions.max, reductions.min, elementwise.power,
                    elementwise.sqrt, elementwise.square) or e.op.moves_entries:  # fmt: skip
            return inside(e.args[0])
        return e.op in (elementwise.exp, elementwise.exp2, elementwise.cosh)

    def most(self, scores: Expr, axis: Any, keepdims: bool) -> Expr:
        """Return the largest of some scores, which is a constant for the gradient."""
        made: Expr = reductions.max(choices.stop_gradient(scores), axis, keepdims)
        return made

    def shown(self, form: Scaled, logs: bool) -> Exponent:
        """Return a form's exponent, -inf where a weight that may be 0 is 0.

        Of the exponents of the others the largest is taken out, for a logarithm to find one there.
        """
        num = form.num
        if not logs or num is None or num.tracked or _value(num) or self.positive(num):
            return form.exponent
        return {_where(num == 0, -np.inf, self.written(form.exponent)): 1.0}

    def taken_out(self, form: Scaled, axis: Any, shape: Any, logs: bool) -> tuple[Expr, Expr]:
        """Return what is left of the entries when the largest over an axis is taken out; scores."""
        exponent = self.shown(form, logs)
        scores = _full(self.written(exponent), shape)
        if scores is not self.written(exponent):
            exponent = {scores: 1.0}
        shift = _plus(exponent, {self.most(scores, axis, True): -1.0})
        left = self.scale(form, shift)
        self.shifts[self.written(shift)] = (scores, self.power(shift))
        return left, scores

    def folded(self, total: Expr, most: Expr, logs: bool) -> Scaled:
        """Return the form of ``total * exp(most)``, the total in the exponent for a logarithm."""
        if logs and self._positive(total, []):
            return Scaled(None, None, {most: 1.0, elementwise.log(total): 1.0})
        return Scaled(total, None, {most: 1.0})

    def is_tame(self, exponent: Exponent, axis: Any, ndim: int) -> bool:
        """Whether scores have lost their largest over just these axes already."""
        (e, c), *more = exponent.items() or [(None, 0.0)]
        terms = [*exponent.items()]
        if not more and e is not None and c == 1 and e.op is elementwise.subtract:
            terms = [(e.args[0], 1.0), (e.args[1], -1.0)]
        if len(terms) != 2 or {terms[0][1], terms[1][1]} != {1.0, -1.0}:
            return False
        score, most = (term for term, _ in sorted(terms, key=lambda term: -term[1]))
        most = _peeled(most) if most is not None else most
        if most is None or score is None or most.op is not reductions.max:
            return False
        of = most.args[0]
        of = of.args[0] if of.op is choices.stop_gradient else of
        same = normalize_axis(most.setting("axis"), ndim) == normalize_axis(axis, ndim)
        return of is score and same


@_law(elementwise.exp, elementwise.exp2)
def _exponential(stable: Stabiliser, e: Expr, logs: bool) -> Scaled | None:
    """The logarithm undoes the exponential: ``log(exp(s))`` is ``s``, whatever its size."""
    x = stable.known[e.args[0]]
    exponent = _parsed(x)
    stable.spelt.setdefault(frozenset(exponent.items()), x)
    return Scaled(None, None, _plus({}, exponent, math.log(2) if e.op is elementwise.exp2 else 1.0))


@_law(elementwise.multiply)
def _product(stable: Stabiliser, e: Expr, logs: bool) -> Scaled | None:
    """The logarithm of a product is the sum of the logarithms."""
    one, other = (stable.form(arg, logs) for arg in e.args)
    if one is None and other is None:
        return None
    one, other = (stable.either(arg, logs) for arg in e.args)
    return Scaled(_times(one.num, other.num), _times(one.den, other.den),
                  _plus(one.exponent, other.exponent))  # fmt: skip


def _times(a: Expr | None, b: Expr | None) -> Expr | None:
    return b if a is None else a if b is None else a * b


@_law(elementwise.divide)
def _quotient(stable: Stabiliser, e: Expr, logs: bool) -> Scaled | None:
    """The logarithm of a quotient is the difference of the logarithms."""
    if all(stable.form(arg, logs) is None for arg in e.args):
        return None
    return _divided(*(stable.either(arg, logs) for arg in e.args))


def _divided(one: Scaled, other: Scaled) -> Scaled:
    return Scaled(_times(one.num, other.den), _times(one.den, other.num),
                  _plus(one.exponent, other.exponent, -1.0))  # fmt: skip


@_law(elementwise.negative)
def _opposite(stable: Stabiliser, e: Expr, logs: bool) -> Scaled | None:
    """The sign goes to the factor beside the exponential."""
    of = stable.form(e.args[0], logs)
    return of and of._replace(num=stable.number(-1) if of.num is None else -of.num)


@_law(elementwise.power, elementwise.sqrt, elementwise.square)
def _powered(stable: Stabiliser, e: Expr, logs: bool) -> Scaled | None:
    """The logarithm of a power is that multiple of the logarithm."""
    base, of = stable.known[e.args[0]], stable.form(e.args[0], logs)
    k = 0.5 if e.op is elementwise.sqrt else 2.0 if e.op is elementwise.square else None
    p = stable.known[e.args[1]] if k is None else None
    k = _value(p) if p is not None else k
    if of is None:
        value = _value(base)
        if p is None or k is not None or value is None or value <= 0:
            return None
        return Scaled(None, None, {p: math.log(value)})
    if k is None:
        if of.num is not None or of.den is not None:
            return None
        return Scaled(None, None, {p * stable.written(of.exponent): 1.0})
    num, den = (part if part is None else part**k for part in of[:2])
    return Scaled(num, den, _plus({}, of.exponent, k))


@_law(elementwise.add, elementwise.subtract)
def _sum_of_two(stable: Stabiliser, e: Expr, logs: bool) -> Scaled | None:
    """``log(exp(a) + exp(b))`` is ``logaddexp(a, b)``, which takes the larger one out."""
    a, b = e.args
    less = e.op is elementwise.subtract
    if less and _value(stable.known[a]) == 1:
        found = _complement(stable, b, logs)
        if found is not None:
            return found
    for one, other in ((a, b), (b, a)) if not less else ():
        if _value(stable.known[one]) == 1:
            minus = stable.known[other].op is elementwise.negative
            found = _complement(stable, other.args[0], logs) if minus else _one_more(stable, other)
            if found is not None:
                return found
    return _added(stable, stable.form(a, logs), stable.form(b, logs),
                  (stable.known[a], stable.known[b]), less, logs)  # fmt: skip


def _added(stable: Stabiliser, one: Scaled | None, other: Scaled | None, plain: tuple[Expr, Expr],
           less: bool, logs: bool) -> Scaled | None:  # fmt: skip
    """Return the sum or difference of two forms, of which one may be an ordinary value."""
    forms = [form for form in (one, other) if form is not None]
    grow = any(not _is_bounded(form.exponent) for form in forms)
    if not forms or (len(forms) == 1 and not grow):
        return None  # beside an ordinary value nothing is lost when a small one vanishes
    one, other = (
        form if form is not None else Scaled(None if _value(e) == 1 else e, None, {})
        for form, e in zip((one, other), plain, strict=True)
    )
    if not less and all(stable.positive(part) for form in (one, other) for part in form[:2]):
        logarithms = [stable.written(stable.logarithm(form)) for form in (one, other)]
        return Scaled(None, None, {elementwise.logaddexp(*logarithms): 1.0})
    if less and logs:
        x, y = (_sigmoid_of(form) for form in (one, other))
        if x is not None and y is not None:  # s(x) - s(y) = s(x) s(-y) (1 - exp(y - x))
            gap = -elementwise.expm1(stable.written(_plus(_parsed(y), _parsed(x), -1.0)))
            return Scaled(gap, None, _plus(one.exponent, {_softplus(stable, y, 1): -1.0}))
    shown = [stable.shown(form, logs) for form in (one, other)]
    most = choices.maximum(*(choices.stop_gradient(stable.written(x)) for x in shown))
    left = [stable.scale(form, _plus(x, {most: -1.0}))
            for form, x in zip((one, other), shown, strict=True)]  # fmt: skip
    return Scaled(left[0] - left[1] if less else left[0] + left[1], None, {most: 1.0})


def _complement(stable: Stabiliser, e: Expr, logs: bool) -> Scaled | None:
    """Return the form of ``1 - e``, where `e` is one of shares that sum to 1."""
    form = stable.form(e, logs)
    e = stable.known[e]
    if e.op is elementwise.subtract and _value(e.args[0]) == 1:
        return stable.form(e.args[1], logs)
    if e.op is elementwise.tanh:
        return Scaled(None, None, {None: math.log(2), _softplus(stable, e.args[0], 2): -1.0})
    if _squared(e) and e.args[0].op is elementwise.tanh:
        (z,) = e.args[0].args
        if e.op is not elementwise.power or _value(e.args[1]) == 2:
            return Scaled(None, None, {None: math.log(4), _softplus(stable, z, 2): -1.0,
                                       _softplus(stable, z, -2): -1.0})  # fmt: skip
    if form is None or form.num is not None or form.den is not None:
        return None
    for key, c in form.exponent.items():
        if key is not None and key.op is elementwise.exp and form.exponent == {key: -1.0}:
            (z,) = key.args  # 1 - exp(-exp(z)) is exp(z) when that is small
            held = np.clip(z, -_NEGLIGIBLE, _NEGLIGIBLE)
            log = elementwise.log(-elementwise.expm1(-elementwise.exp(held)))
            return Scaled(None, None, {_where(z < -_NEGLIGIBLE, z, log): 1.0})
        if key is not None and key.op is elementwise.logaddexp and c == -1:
            rest = _plus(form.exponent, {key: 1.0})
            parts = _parts(key)
            for i, part in enumerate(parts):
                if _parsed(part) == rest:
                    others = reduce(elementwise.logaddexp, parts[:i] + parts[i + 1 :])
                    return Scaled(None, None, stable.tidied(_plus(_parsed(others), {key: -1.0})))
    return None


def _one_more(stable: Stabiliser, e: Expr) -> Scaled | None:
    """Return the form of ``1 + tanh(z)``."""
    e = stable.known[e]
    if e.op is not elementwise.tanh:
        return None
    return Scaled(None, None, {None: math.log(2), _softplus(stable, e.args[0], -2): -1.0})


def _sigmoid_of(form: Scaled) -> Expr | None:
    """Return z where a form is ``exp(-logaddexp(0, -z))``, the sigmoid of z."""
    if form.num is not None or form.den is not None or len(form.exponent) != 1:
        return None
    ((e, c),) = form.exponent.items()
    if e is None or e.op is not elementwise.logaddexp or c != -1 or _value(e.args[0]) != 0:
        return None
    made: Expr = -e.args[1]
    return made


def _softplus(stable: Stabiliser, z: Expr, times: float) -> Expr:
    made: Expr = elementwise.logaddexp(
        stable.number(0), stable.written(_plus({}, _parsed(z), times))
    )
    return made


@_law(elementwise.expm1)
def _less_one(stable: Stabiliser, e: Expr, logs: bool) -> Scaled | None:
    """``expm1(s)`` is ``exp(s) - 1``, and its larger part is taken out."""
    one, x = stable.number(1), stable.known[e.args[0]]
    return _added(stable, Scaled(None, None, _parsed(x)), None, (x, one), True, logs)


@_law(elementwise.cosh, elementwise.sinh)
def _hyperbolic(stable: Stabiliser, e: Expr, logs: bool) -> Scaled | None:
    """``cosh(s)`` is half of ``exp(s) + exp(-s)``, and its larger part is taken out."""
    x = _parsed(stable.known[e.args[0]])
    one, other = Scaled(None, None, x), Scaled(None, None, _plus({}, x, -1.0))
    form = _added(stable, one, other, e.args * 2, e.op is elementwise.sinh, logs)
    return form and form._replace(exponent=_plus(form.exponent, {None: -math.log(2)}))


@_law(reductions.sum)
def _sum(stable: Stabiliser, e: Expr, logs: bool) -> Scaled | None:
    """With the largest score m taken out, ``log(sum(exp(s)))`` is ``m + log(sum(exp(s - m)))``."""
    of, axis, keepdims = stable.form(e.args[0], logs), e.setting("axis"), e.setting("keepdims")
    if of is None:
        return None
    shape = e.args[0].shape
    if not of.exponent or (of.num is None and of.den is None
                           and stable.is_tame(of.exponent, axis, len(shape))):  # fmt: skip
        return Scaled(stable.known[e], None, {})
    left, scores = stable.taken_out(of, axis, shape, logs)
    total = reductions.sum(left, axis, keepdims=keepdims)
    return stable.folded(total, stable.most(scores, axis, keepdims), logs)


@_law(reductions.cumsum)
def _running_sum(stable: Stabiliser, e: Expr, logs: bool) -> Scaled | None:
    """A running sum is a sum with the later terms left out, and its largest term is taken out."""
    of, axis = stable.form(e.args[0], logs), e.setting("axis") % len(e.shape)
    if of is None:
        return None
    if not logs:
        left, scores = stable.taken_out(of, axis, e.shape, logs)
        return Scaled(reductions.cumsum(left, axis=axis), None,
                      {stable.most(scores, axis, True): 1.0})  # fmt: skip
    ndim, n = len(e.shape), e.shape[axis]
    early = stable.world.create(tri, n=n) > 0  # [i, j]: j comes no later than i
    early = early.reshape((n, n) + (1,) * (ndim - axis - 1))
    spread = (slice(None),) * axis + (None,)
    spread_scores = _full(stable.written(stable.shown(of, logs)), e.shape)[spread]
    scores = _where(early, spread_scores, stable.number(-np.inf))
    num, den = (part if part is None else _full(part, e.shape)[spread] for part in of[:2])
    form = Scaled(num, den, {scores: 1.0})
    left, scores = stable.taken_out(form, axis + 1, scores.shape, False)
    return stable.folded(reductions.sum(left, axis + 1), stable.most(scores, axis + 1, False), logs)


@_law(linalg.matmul)
def _matrix_product(stable: Stabiliser, e: Expr, logs: bool) -> Scaled | None:
    """A matrix product is a sum of products, and the largest of each comes out of it."""
    one, other = forms = [stable.form(arg, logs) for arg in e.args]
    if one is None and other is None:
        return None
    wide = all(len(arg.shape) > 1 for arg in e.args)
    plain = [stable.known[arg] for arg in e.args]
    for i, form in enumerate(forms):
        rest = plain[1 - i]
        weights = logs and not rest.tracked and not stable.positive(rest)
        if form is not None and forms[1 - i] is None and not weights:
            ndim = len(e.args[i].shape)
            axis = ndim - 1 if i == 0 or ndim == 1 else ndim - 2
            plain[i], scores = stable.taken_out(form, axis, e.args[i].shape, logs)
            return stable.folded(plain[0] @ plain[1], stable.most(scores, axis, wide), logs)
    one, other = (stable.either(arg, logs) for arg in e.args)  # each product has its own size
    left, right = (tuple(arg.shape) for arg in e.args)
    if len(right) > 1:
        one = _spread(one, left, (..., None))
        if len(left) > 1:
            other = _spread(other, right, (..., None, slice(None), slice(None)))
    form = Scaled(_times(one.num, other.num), _times(one.den, other.den),
                  _plus(one.exponent, other.exponent))  # fmt: skip
    shape = (*e.shape[:-1], left[-1], e.shape[-1]) if len(right) > 1 else left
    axis = len(shape) - (2 if len(right) > 1 else 1)
    part, scores = stable.taken_out(form, axis, shape, logs)
    return stable.folded(reductions.sum(part, axis), stable.most(scores, axis, False), logs)


def _spread(form: Scaled, shape: tuple[int, ...], index: Any) -> Scaled:
    """Return a form with further axes of size 1."""

    def spread(part: Expr) -> Expr:
        made: Expr = _full(part, shape)[index]
        return made

    num, den = (part if part is None else spread(part) for part in form[:2])
    return Scaled(num, den, {key if key is None else spread(key): c
                             for key, c in form.exponent.items()})  # fmt: skip


@_law(choices.where)
def _choice(stable: Stabiliser, e: Expr, logs: bool) -> Scaled | None:
    """The logarithm of a choice is the choice of the logarithms."""
    condition, *branches = e.args
    condition = stable.known[condition]
    if all(stable.form(arg, logs) is None for arg in branches):
        return None
    forms = [stable.either(arg, logs) for arg in branches]
    if all(stable.positive(part) for form in forms for part in form[:2]):
        logarithms = [stable.written(stable.logarithm(form)) for form in forms]
        return Scaled(None, None, {_where(condition, *logarithms): 1.0})
    num, den = (
        None if all(part is None for part in parts)
        else _where(condition, *(1 if part is None else part for part in parts))
        for parts in zip(*(form[:2] for form in forms), strict=True)
    )  # fmt: skip
    return Scaled(num, den, {_where(condition, *(stable.written(form.exponent)
                                                   for form in forms)): 1.0})  # fmt: skip


@_law(choices.maximum, choices.minimum, reductions.max, reductions.min)
def _extreme(stable: Stabiliser, e: Expr, logs: bool) -> Scaled | None:
    """The logarithm rises: the largest number has the largest logarithm."""
    found = [stable.form(arg, logs) for arg in e.inputs]
    grow = any(form is not None and not _is_bounded(form.exponent) for form in found)
    if all(form is None for form in found) or (any(form is None for form in found) and not grow):
        return None
    forms = [stable.either(arg, logs) for arg in e.inputs]
    num, den, exponent = forms[0]
    if logs and e.op is reductions.max and num is not None and not num.tracked and (
            stable.positive(den) and not stable.positive(num)):  # fmt: skip
        # the largest of a choice: log(max(Y * p))
        held = _where(num > 0, num, 1)
        log = stable.written(stable.logarithm(Scaled(None, den, exponent)))
        chosen = _where(num > 0, log + elementwise.log(held), -np.inf)
        return Scaled(None, None, {e.op(_full(chosen, e.args[0].shape), **dict(e.settings)): 1.0})
    if not all(stable.positive(part) for form in forms for part in form[:2]):
        return None
    parts = [stable.written(stable.logarithm(form)) for form in forms]
    if len(parts) == 1:
        part = _full(parts[0], e.args[0].shape)
        return Scaled(None, None, {e.op(part, **dict(e.settings)): 1.0})
    return Scaled(None, None, {e.op(*parts): 1.0})


@_law(shaping.concatenate)
def _joined(stable: Stabiliser, e: Expr, logs: bool) -> Scaled | None:
    """Arrays can be joined after their logarithms are taken."""
    if all(stable.form(arg, logs) is None for arg in e.args):
        return None
    forms = [stable.either(arg, logs) for arg in e.args]

    def joined(parts: Iterable[Expr | None]) -> Expr | None:
        parts = [*parts]
        if all(part is None for part in parts):
            return None
        full = [_full(stable.number(1) if part is None else part, arg.shape)
                for part, arg in zip(parts, e.args, strict=True)]  # fmt: skip
        made: Expr = e.op(*full, **dict(e.settings))
        return made

    exponent = joined(stable.written(form.exponent) for form in forms)
    assert exponent is not None
    return Scaled(joined(f.num for f in forms), joined(f.den for f in forms), {exponent: 1.0})


def _moved(stable: Stabiliser, e: Expr, logs: bool) -> Scaled | None:
    """Picking or moving entries and taking their logarithm can change places."""
    of, shape = stable.form(e.args[0], logs), tuple(e.args[0].shape)
    if of is None:
        return None

    def moved(part: Expr) -> Expr:
        rest = tuple(stable.known[arg] for arg in e.args[1:])
        return stable.world.make(e.op, (_full(part, shape), *rest), e.settings, e.shape)

    if logs and stable.positive(of.num) and stable.positive(of.den):
        return Scaled(None, None, {moved(stable.written(stable.logarithm(of))): 1.0})
    num, den = (part if part is None else moved(part) for part in of[:2])
    if len(of.exponent) == 1:
        ((key, c),) = of.exponent.items()
        return Scaled(num, den, {key if key is None else moved(key): c})
    whole: Exponent = {moved(stable.written(of.exponent)): 1.0} if of.exponent else {}
    return Scaled(num, den, whole)


_MOVED = Law("moved", " ".join((_moved.__doc__ or "").split()), _moved)


def _law_of(e: Expr) -> Law | None:
    return LAWS.get(e.op, _MOVED if e.op is not None and e.op.moves_entries else None)


# --- where the scaled form is written ---

_SHIFT = Law("shift_invariance", "Dividing each exponential and their sum by the largest one "
             "changes no quotient.", _quotient)  # fmt: skip
_QUOTIENT = Law("quotient_of_exponentials", "A quotient of exponentials is the exponential of the "
                "difference of their logarithms.", _quotient)  # fmt: skip
_POWER = Law("power_of_exponentials", "A power of exponentials is the exponential of that multiple "
             "of their logarithm.", _powered)  # fmt: skip
_MULTIPLIED = Law("product_of_exponentials", "Exponentials that multiply and divide one another "
                  "are one: their exponents are added.", _product)  # fmt: skip
_GUARD = Law("branch_not_taken", "Where a branch is not taken its exponential may be of anything, "
             "so it is of 0, which does not overflow.", _choice)  # fmt: skip

_CAPPED = Law("side_not_taken", "Where the other number is the smaller (or larger) one, the "
              "exponential may be of anything, so it is kept in range.", _extreme)  # fmt: skip
#: An exponent whose exponential is beyond all numbers up to `_MODERATE`, and in float32's range.
_CAP, _MODERATE = 80, 1e20


def _grows(form: Scaled | None) -> bool:
    return form is not None and not _is_bounded(form.exponent)


def _log(stable: Stabiliser, e: Expr, made: Expr) -> Any:
    """Take the logarithm of a scaled form."""
    (x,), law = e.args, _law_of(e.args[0])
    form = stable.form(x, True)
    if e.op is elementwise.log1p:
        law, minus = LAWS[elementwise.add], stable.known[x].op is elementwise.negative
        plain = (stable.number(1), stable.known[x])
        form = (_complement(stable, x.args[0], True) if minus else None) or (
            _added(stable, None, form, plain, False, True))  # fmt: skip
    if form is None:
        return None
    after = stable.written(stable.logarithm(form))
    return law, after if _LOGARITHMS[e.op] == 1 else after / _LOGARITHMS[e.op]


def _divide(stable: Stabiliser, e: Expr, made: Expr) -> Any:
    """Write a quotient whose divisor is made of exponentials as it cannot overflow."""
    top, bottom = (stable.form(arg, False) for arg in e.args)
    if bottom is None or not bottom.exponent or not (_grows(bottom) or top is not None):
        return None
    form = _divided(*(stable.either(arg, False) for arg in e.args))
    after = stable.scale(form, stable.tidied(form.exponent))
    return (_SHIFT if form.den is not None else _QUOTIENT), after


def _multiply(stable: Stabiliser, e: Expr, made: Expr) -> Any:
    """Write a product of exponentials as one, if one of them could overflow by itself."""
    forms = [stable.form(arg, False) for arg in e.args]
    if not all(form is not None and form.exponent for form in forms) or not any(map(_grows, forms)):
        return None
    form = _product(stable, e, False)
    return form and (_MULTIPLIED, stable.scale(form, stable.tidied(form.exponent)))


def _raise(stable: Stabiliser, e: Expr, made: Expr) -> Any:
    """Write a negative power, or a root of what may vanish, as an exponential."""
    k = 0.5 if e.op is elementwise.sqrt else _value(made.args[1])
    form, base = _powered(stable, e, False), stable.form(e.args[0], False)
    if k is None or k >= 1 or form is None or base is None or not base.exponent:
        return None
    if k < 0 and not _grows(base):
        return None  # it grows by its nature
    return _POWER, stable.scale(form, stable.tidied(form.exponent))


def _guarded(stable: Stabiliser, e: Expr, made: Expr) -> Any:
    """Keep the exponential of a branch from overflowing where the branch is not taken."""
    condition, *branches = made.args
    for i, branch in enumerate(branches):
        inside = {node: node.op(_safe(stable, condition, node.args[0], i))
                  for node in stable.loose(branch)}  # fmt: skip
        if inside:
            branches[i] = substituted(branch, inside, stable.world)
    return _GUARD, _where(condition, *branches)


def _capped(stable: Stabiliser, e: Expr, made: Expr) -> Any:
    """Keep an exponential from overflowing on the side that an extreme with a number leaves."""
    parts, least = [*made.args], made.op is choices.minimum
    for i, part in enumerate(parts):
        other = _value(parts[1 - i])
        if other is None or abs(other) > _MODERATE:
            continue
        inside = {node: node.op(choices.minimum(node.args[0], stable.number(_CAP)))
                  for node in ordered([part])
                  if node.op in _GROWING[:3] and not _is_bounded(_parsed(node.args[0]))
                  and _rise(stable, part, node) == (1 if least else -1)}  # fmt: skip
        if inside:
            parts[i] = substituted(part, inside, stable.world)
    return _CAPPED, made.op(*parts)


def _rise(stable: Stabiliser, e: Expr, of: Expr) -> int | None:
    """Return whether `e` rises (1) or falls (-1) with a part of it, 0 if not at all."""
    known: dict[Expr, int | None] = {}
    for node in ordered([e]):
        signs = [known[arg] for arg in node.args]
        found = {sign for sign in signs if sign != 0}
        if node is of:
            known[node] = 1
        elif not found:
            known[node] = 0
        elif node.op is elementwise.negative or (node.op is elementwise.subtract and not signs[0]):
            known[node] = -signs[-1] if signs[-1] is not None and len(found) == 1 else None
        elif node.op is elementwise.subtract:
            known[node] = signs[0] if signs[1] == 0 or signs[1] == -(signs[0] or 0) else None
        elif node.op is elementwise.add:
            known[node] = found.pop() if len(found) == 1 else None
        elif node.op is elementwise.multiply or (node.op is elementwise.divide and signs[1] == 0):
            beside, sign = node.args[0 if signs[1] else 1], found.pop()
            value = _value(beside)
            minus = value is not None and value < 0
            both = all(signs) or sign is None or not (minus or stable.positive(beside))
            known[node] = None if both else -(sign or 0) if minus else sign
        else:
            known[node] = None
    return known[e]


def _safe(stable: Stabiliser, condition: Expr, x: Expr, branch: int) -> Expr:
    """Return an argument that is harmless where the branch (0 or 1) is not taken."""
    if condition.op in _ORDER and any(_value(arg) == 0 for arg in condition.args):
        a, b = condition.args
        rising = condition.op in _ORDER[:2]  # holds where a is large
        u, large = (a, rising) if _value(b) == 0 else (b, not rising)
        if _parsed(x) == _plus({}, _parsed(u), 1.0 if large == (branch == 1) else -1.0):
            made: Expr = choices.minimum(x, stable.number(0))
            return made
    zero = stable.number(0)
    return _where(condition, *((x, zero) if branch == 0 else (zero, x)))


_CONSUMERS: dict[Any, Callable[[Stabiliser, Expr, Expr], Any]] = {
    **dict.fromkeys(_LOGARITHMS, _log), elementwise.divide: _divide,
    elementwise.multiply: _multiply, elementwise.power: _raise,
    elementwise.sqrt: _raise, choices.where: _guarded,
    choices.minimum: _capped, choices.maximum: _capped,
}  # fmt: skip


def finish(e: Expr, world: World) -> tuple[Expr, list[Step]]:
    """Return an expression for a gradient in a form that no score can overflow, and the steps."""
    stable = Stabiliser(world)
    return stable(e), stable.steps


def stabilised(traced: Trace, facts: Iterable[Any] = ()) -> Stable:
    """Return a trace of the same loss that is finite at any scores, and how it came about.

    A name whose value overflowed and is not needed any more is gone.
    """
    stable = Stabiliser(traced.world, facts)
    output = stable(traced.output, *traced.names.values())
    names = {label: stable.known[e] for label, e in traced.names.items()}
    needed = {*ordered([output])}
    names = {n: e for n, e in names.items() if e in needed or not _overflows(e)}
    taken = {*traced.inputs, *traced.static, *traced.names}
    labels = {e: n for n, e in {**traced.inputs, **names}.items()}
    for shift, (scores, powers) in stable.shifts.items():
        shifted = f"shifted_{labels.get(scores, 'scores')}"
        for e, label in ((shift, shifted), (powers, f"exp_{shifted}")):
            if e in needed and e not in labels and label not in taken:
                names[label], labels[e] = e, label
    for label, e in traced.names.items():  # of what overflows, the logarithm has a name
        form = stable.forms.get((e, True))
        log = stable.written(stable.logarithm(form)) if label not in names and form else None
        if log in needed and log not in labels and f"log_{label}" not in taken:
            names[f"log_{label}"], labels[log] = log, f"log_{label}"
    ranked = dict(sorted(names.items(), key=lambda item: item[1].serial))
    made = frozenset(names.keys() - traced.names.keys())
    return Stable(traced._replace(output=output, names=ranked, made=made), stable.steps,
                  stable.rests_on)  # fmt: skip


def _overflows(e: Expr) -> bool:
    """Whether a value contains an exponential without bound."""
    return any(node.op in _GROWING and not _is_bounded(_parsed(node.args[0]))
               for node in ordered([e]))  # fmt: skip
