"""From expressions to index notation: an entry of every op by the entries of its operands.

``entry(e, index)`` is the polynomial of ``e[index]``. Each op is read where its entries come from;
an op that has no reading is an atom of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from ..core.op import Op
from ..core.shapes import normalize_axis
from ..core.shapes import picked as picked_shape
from ..ops import choices, elementwise, indexing, linalg, reductions, shaping
from .expr import Counted, Dim, Expr, Slot, arange, eye, frozen, is_number, standin, updated
from .normal_form import (
    ONE,
    ZERO,
    Algebra,
    Atom,
    Base,
    Const,
    Part,
    Poly,
    Value,
    Var,
    affine,
    constant,
    exact,
    flat,
    free,
    part_of,
    value_index,
)
from .program import surely_once

Reader = Callable[..., Poly]
READERS: dict[Op, Reader] = {}


def reads(*ops: Op) -> Callable[[Reader], Reader]:
    """Declare how an entry of these ops is read."""

    def declare(function: Reader) -> Reader:
        for op in ops:
            READERS[op] = function
        return function

    return declare


class Reading:
    """Reads expressions; those in `names` are atoms, whatever they are made of.

    With `opened`, ``logaddexp(a, b)`` is read as the logarithm of a sum of exponentials, so that
    what cancels does. Such exponentials are virtual: a form that still has one is not written.
    With `shut`, values put at places are looked into no further than to their operands.
    """

    def __init__(
        self, algebra: Algebra, names: dict[Expr, str], opened: bool = False, shut: bool = False
    ) -> None:
        self.algebra = algebra
        self.names, self.opened, self.shut = names, opened, shut
        self.known: dict[Expr, Poly] = {}

    def template(self, e: Expr) -> Poly:
        """Return the entry of `e` at variables numbered by its axes."""
        found = self.known.get(e)
        if found is None:
            stack = [e]
            while stack:  # operands first, without recursion
                node = stack[-1]
                missing = (
                    []
                    if self._is_leaf(node)
                    else [arg for arg in node.args if arg not in self.known]
                )
                if missing:
                    stack += missing
                    continue
                stack.pop()
                if node not in self.known:
                    self.known[node] = self._read(node)
            found = self.known[e]
        return found

    def entry(self, e: Expr, index: tuple[Any, ...]) -> Poly:
        """Return the entry of `e` at an index; what is said for axes of size 1 is ignored."""
        change = {
            Var(a, n): ix
            for a, (n, ix) in enumerate(zip(e.shape, index, strict=True))
            if n != 1 and ix != Var(a, n)
        }
        return self.algebra.substitute(self.template(e), change)

    def leaf(self, e: Expr) -> Base:
        """Return the base of an expression that is not looked into."""
        base = self.algebra.base("leaf", e, tuple(e.shape))
        base.boolean = e.dtype == np.dtype(bool)
        return base

    def _is_leaf(self, e: Expr) -> bool:
        return e.op is None or e in self.names

    def axes(self, e: Expr) -> tuple[Any, ...]:
        """Return the variables numbered by the axes of `e`, None for an axis of size 1."""
        return tuple(None if n == 1 else Var(a, n) for a, n in enumerate(e.shape))

    def _read(self, e: Expr) -> Poly:
        index = self.axes(e)
        if self._is_leaf(e):
            if is_number(e):
                value = np.asarray(e.value).item()
                if np.isfinite(value):
                    return constant(value)
            return self.algebra.entry(Atom(self.leaf(e), index))
        reader = READERS.get(e.op)
        if reader is not None and not (self.shut and e.op in (indexing.scatter, updated)):
            found: Poly | None = reader(self, e, index)
            if found is not None:
                return found
        if e.op.elementwise and e.args and len(e.inputs) == len(e.args):
            return self.function(e, tuple(self.operand(e, a, index) for a in e.inputs))
        return self.opaque(e, index)

    def operand(self, e: Expr, arg: Expr, index: tuple[Any, ...]) -> Poly:
        """Return the entry of an operand that is broadcast to `e`."""
        return self.entry(arg, index[len(index) - len(arg.shape) :])

    def function(self, e: Expr, parts: tuple[Poly, ...]) -> Poly:
        """Return the entry of an elementwise op, laws of single functions applied."""
        algebra = self.algebra
        numbers = [part.number for part in parts]
        if all(n is not None for n in numbers) and not e.op.piecewise_constant:
            with np.errstate(all="ignore"):
                value = np.asarray(e.op.forward(*map(float, numbers), **dict(e.settings))).item()  # type: ignore[arg-type]
            if np.isfinite(value):
                return constant(value)
        if e.op is elementwise.exp:
            return self.exponential(parts[0], e)
        if e.op is elementwise.logaddexp and self.opened:
            powers = algebra.add(*(self.exponential(part) for part in parts))
            return self._function(elementwise.log, (), (powers,))
        if e.op is elementwise.log:
            atom = parts[0].atom
            if atom is not None and self._is(atom, elementwise.exp):
                return algebra.substitute(
                    atom.base.what[2][0], dict(zip(_params(atom.base), atom.index, strict=True))
                )
        return self._function(e.op, e.settings, parts, e)

    def _is(self, atom: Atom, op: Op) -> bool:
        return atom.base.kind == "function" and atom.base.what[0] is op

    def _function(
        self, op: Op, settings: Any, parts: tuple[Poly, ...], e: Expr | None = None
    ) -> Poly:
        """Return an atom; it is virtual unless some expression is that."""
        algebra = self.algebra
        bodies, places, sizes = algebra.closed(parts)
        what = (op, settings, bodies)
        new = ("function", what) not in algebra.bases
        base = algebra.base("function", what, sizes)
        base.virtual = e is None and (new or base.virtual)
        base.boolean = e is not None and e.dtype == np.dtype(bool)
        base.positive = op is elementwise.exp
        if new and len(sizes) == 2 and int(sizes[0]) == int(sizes[1]):
            first, second = _params(base)
            if all(
                algebra.substitute(body, {first: second, second: first}) == body for body in bodies
            ):
                algebra.is_symmetric(base)
        return algebra.entry(Atom(base, places))

    def exponential(self, x: Poly, e: Expr | None = None) -> Poly:
        """Return an exponential: of a logarithm its power, of a known one's opposite 1 / it."""
        algebra = self.algebra
        if x.number == 0:
            return constant(1)
        rest, powers = dict(x.terms), []
        for mono, c in x.terms.items():
            if mono.bound or len(mono.factors) != 1 or mono.factors[0][1] != 1:
                continue
            atom = mono.factors[0][0]
            if self._is(atom, elementwise.log) and isinstance(c, Fraction):
                inside = algebra.substitute(
                    atom.base.what[2][0], dict(zip(_params(atom.base), atom.index, strict=True))
                )
                powers.append(algebra.power(inside, c))
                del rest[mono]
        if powers:
            first = self.exponential(Poly(rest)) if rest else constant(1)
            return algebra.multiply(first, *powers)
        opposite = algebra.scale(x, Fraction(-1))
        bodies, places, _ = algebra.closed((opposite,))
        known = algebra.bases.get(("function", (elementwise.exp, (), bodies)))
        if known is not None:
            return algebra.monomial(ONE, ((Atom(known, places), Fraction(-1)),), ())
        return self._function(elementwise.exp, (), (x,), e)

    def opaque(self, e: Expr, index: tuple[Any, ...]) -> Poly:
        """Return an entry of an op that is not looked into."""
        algebra = self.algebra
        bodies = tuple(self.template(arg) for arg in e.args)
        shapes = tuple(tuple(arg.shape) for arg in e.args)
        base = algebra.base(
            "op", (e.op, _Settings(e.settings), bodies, shapes, tuple(e.shape)), tuple(e.shape)
        )
        base.boolean = e.dtype == np.dtype(bool)
        return algebra.entry(Atom(base, index))


class _Settings(tuple[Any, ...]):
    """The settings of an op, which may hold slices and arrays, as part of a key."""

    __slots__ = ()

    def __hash__(self) -> int:
        return hash(frozen(tuple(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, tuple) and frozen(tuple(self)) == frozen(tuple(other))


def _params(base: Base) -> tuple[Var, ...]:
    return tuple(Var(n, size) for n, size in enumerate(base.sizes))


# --- arithmetic ---


@reads(elementwise.add)
def _(r: Reading, e: Expr, index: Any) -> Any:
    if e.dtype == np.dtype(bool):
        return None
    return r.algebra.add(*(r.operand(e, arg, index) for arg in e.args))


@reads(elementwise.subtract)
def _(r: Reading, e: Expr, index: Any) -> Any:
    x, y = (r.operand(e, arg, index) for arg in e.args)
    return r.algebra.add(x, r.algebra.scale(y, Fraction(-1)))


@reads(elementwise.negative)
def _(r: Reading, e: Expr, index: Any) -> Any:
    return r.algebra.scale(r.operand(e, e.args[0], index), Fraction(-1))


@reads(elementwise.positive, choices.stop_gradient, shaping.broadcast_to)
def _(r: Reading, e: Expr, index: Any) -> Any:
    return r.operand(e, e.args[0], index)


@reads(elementwise.astype)
def _(r: Reading, e: Expr, index: Any) -> Any:
    return r.operand(e, e.args[0], index) if e.dtype.kind == "f" else None


@reads(elementwise.multiply)
def _(r: Reading, e: Expr, index: Any) -> Any:
    return r.algebra.multiply(*(r.operand(e, arg, index) for arg in e.args))


@reads(elementwise.divide)
def _(r: Reading, e: Expr, index: Any) -> Any:
    x, y = (r.operand(e, arg, index) for arg in e.args)
    return None if not y.terms else r.algebra.multiply(x, r.algebra.power(y, Fraction(-1)))


@reads(elementwise.square)
def _(r: Reading, e: Expr, index: Any) -> Any:
    return r.algebra.power(r.operand(e, e.args[0], index), Fraction(2))


@reads(elementwise.sqrt)
def _(r: Reading, e: Expr, index: Any) -> Any:
    return r.algebra.power(r.operand(e, e.args[0], index), Fraction(1, 2))


@reads(elementwise.power)
def _(r: Reading, e: Expr, index: Any) -> Any:
    x, p = (r.operand(e, arg, index) for arg in e.args)
    k = p.number
    if isinstance(k, Fraction) and (x.terms or k > 0):
        return r.algebra.power(x, k)
    return None


# --- masks ---

#: Comparisons as "a > b", "a >= b" and "a == b", the operands exchanged or the answer turned round.
_COMPARISONS = {
    choices.greater: (choices.greater, False, False),
    choices.less: (choices.greater, True, False),
    choices.less_equal: (choices.greater, False, True),
    choices.greater_equal: (choices.greater, True, True),
    choices.equal: (choices.equal, False, False),
    choices.not_equal: (choices.equal, False, True),
}


@reads(*_COMPARISONS)
def _(r: Reading, e: Expr, index: Any) -> Any:
    op, exchanged, turned = _COMPARISONS[e.op]
    x, y = (r.operand(e, arg, index) for arg in e.args)
    x, y = (y, x) if exchanged else (x, y)
    if x.number is not None and y.number is not None:
        same = x.number > y.number if op is choices.greater else x.number == y.number
        return constant(int(same != turned))
    if op is choices.equal and e.args[0].dtype.kind == "f":
        # said as the loss says it: another way to compute the same may round, and miss a tie
        same = e.world.make(choices.equal, e.args, (), e.shape)
        bodies, places, sizes = r.algebra.closed((r.algebra.entry(Atom(r.leaf(same), index)),))
        return _mask(r, ("bool", bodies), places, sizes, turned)
    if op is choices.greater:
        x, y = _compared(r, x, y)
    bodies, places, sizes = r.algebra.closed((x, y))
    return _mask(r, (op, bodies), places, sizes, turned)


def _compared(r: Reading, x: Poly, y: Poly) -> tuple[Poly, Poly]:
    """Compare with 0 where the difference is a multiple of one value: ``(t - 1) * u > t * u``."""
    if x.number is not None or y.number is not None:
        return x, y
    opposite = r.algebra.scale(y, Fraction(-1))
    single = r.algebra.spread(r.algebra.add(x, opposite)).single
    if single is None or len(single[0].factors) != 1 or single[0].bound:
        return x, y
    whole = Poly({single[0]: ONE})
    return (whole, ZERO) if single[1] > 0 else (ZERO, whole)


def _mask(
    r: Reading, what: Any, places: Any, sizes: Any, turned: bool, guard: bool = False
) -> Poly:
    """Return a mask or its complement."""
    pair = r.algebra.mask(what, sizes, guard)
    return r.algebra.entry(Atom(pair[turned], places))


@reads(choices.logical_not)
def _(r: Reading, e: Expr, index: Any) -> Any:
    atom = r.operand(e, e.args[0], index).atom
    if atom is None or atom.base not in r.algebra.negations:
        return None
    return r.algebra.entry(Atom(r.algebra.negations[atom.base], atom.index))


@reads(choices.where)
def _(r: Reading, e: Expr, index: Any) -> Any:
    condition, x, y = (r.operand(e, arg, index) for arg in e.args)
    if condition.number is not None:
        return x if condition.number else y
    if any(n is not None and not np.isfinite(float(n)) for n in (x.number, y.number)):
        return None
    if any(is_number(arg) and not np.isfinite(arg.value) for arg in e.args[1:]):
        return None
    atom = condition.atom
    if e.args[0].dtype != np.dtype(bool):
        return None
    if atom is not None and atom.base in r.algebra.negations:
        _, what, turned, _ = atom.base.what
        chosen = [
            _mask(r, what, atom.index, atom.base.sizes, side, guard=True)
            for side in (turned, not turned)
        ]
    else:
        bodies, places, sizes = r.algebra.closed((condition,))
        chosen = [
            _mask(r, ("bool", bodies), places, sizes, side, guard=True) for side in (False, True)
        ]
    parts = [r.algebra.multiply(c, part) for c, part in zip(chosen, (x, y), strict=True)]
    return r.algebra.add(*parts)


# --- sums and products of matrices ---


@reads(reductions.sum)
def _(r: Reading, e: Expr, index: Any) -> Any:
    (x,) = e.inputs
    axes = normalize_axis(e.setting("axis"), len(x.shape))
    kept = e.setting("keepdims")
    place = iter(index)
    inner: list[Any] = []
    over: list[Var] = []
    for axis, n in enumerate(x.shape):
        if axis in axes:
            if kept:
                next(place)
            inner.append(r.algebra.fresh(n) if n != 1 else None)
            if n != 1:
                over.append(inner[-1])
        else:
            inner.append(next(place))
    return r.algebra.sum(r.entry(x, tuple(inner)), over)


@reads(linalg.matmul)
def _(r: Reading, e: Expr, index: Any) -> Any:
    x, w = e.args
    n = x.shape[-1]
    over = r.algebra.fresh(n) if n != 1 else None
    rows = len(x.shape) > 1
    columns = len(w.shape) > 1
    batch = index[: len(index) - rows - columns]
    left = batch[len(batch) - max(len(x.shape) - 2, 0) :] if len(x.shape) > 2 else ()
    right = batch[len(batch) - max(len(w.shape) - 2, 0) :] if len(w.shape) > 2 else ()
    one = r.entry(x, (*left, index[len(batch)], over) if rows else (over,))
    other = r.entry(w, (*right, over, index[-1]) if columns else (over,))
    return r.algebra.sum(r.algebra.multiply(one, other), () if over is None else (over,))


@reads(linalg.einsum)
def _(r: Reading, e: Expr, index: Any) -> Any:
    terms, result = e.setting("terms"), e.setting("result")
    letters: dict[str, Any] = dict(zip(result, index, strict=True))
    over = []
    for term, arg in zip(terms, e.inputs, strict=True):
        for letter, n in zip(term, arg.shape, strict=True):
            if letters.get(letter) is None and n != 1:
                letters[letter] = r.algebra.fresh(n)
                over.append(letters[letter])
    parts = [
        r.entry(arg, tuple(letters.get(letter) for letter in term))
        for term, arg in zip(terms, e.inputs, strict=True)
    ]
    return r.algebra.sum(r.algebra.multiply(*parts), over)


# --- places ---


@reads(shaping.transpose)
def _(r: Reading, e: Expr, index: Any) -> Any:
    (x,) = e.inputs
    axes = e.setting("axes")
    axes = tuple(range(len(x.shape)))[::-1] if axes is None else normalize_axis(axes, len(x.shape))
    inner: list[Any] = [None] * len(x.shape)
    for place, axis in enumerate(axes):
        inner[axis] = index[place]
    return r.entry(x, tuple(inner))


@reads(shaping.reshape)
def _(r: Reading, e: Expr, index: Any) -> Any:
    (x,) = e.inputs
    inner = reshaped(tuple(x.shape), tuple(e.shape), index)
    return None if inner is None else r.entry(x, inner)


def reshaped(old: tuple[int, ...], new: tuple[int, ...], index: Any) -> Any:
    """Return the index into the array of shape `old` for an index of shape `new`; None if unclear.

    Groups of axes with the same number of entries correspond to one another.
    """
    inner: list[Any] = [None] * len(old)
    i = j = 0
    while i < len(old) or j < len(new):
        if i < len(old) and old[i] == 1:
            i += 1
            continue
        if j < len(new) and new[j] == 1:
            j += 1
            continue
        if i == len(old) or j == len(new):
            return None
        olds, news = [i], [j]
        a, b = int(old[i]), int(new[j])
        i, j = i + 1, j + 1
        while a != b:
            if a < b and i < len(old):
                olds.append(i)
                a *= int(old[i])
                i += 1
            elif b < a and j < len(new):
                news.append(j)
                b *= int(new[j])
                j += 1
            else:
                return None
        olds = [k for k in olds if old[k] != 1]
        news = [k for k in news if new[k] != 1]
        sizes = tuple(new[k] for k in news)
        whole = flat(tuple(index[k] for k in news), sizes)
        if len(olds) == 1:
            inner[olds[0]] = whole
        elif len(news) > 1 and len(olds) > 1:
            return None
        else:
            parts = tuple(old[k] for k in olds)
            for which, k in enumerate(olds):
                inner[k] = part_of(whole, parts, which)
    return tuple(inner)


@reads(shaping.concatenate)
def _(r: Reading, e: Expr, index: Any) -> Any:
    return r.entry(e.args[0], tuple(index)) if len(e.args) == 1 else None


@reads(indexing.getitem)
def _(r: Reading, e: Expr, index: Any) -> Any:
    (x,) = e.inputs
    inner = _picked(r, e, tuple(x.shape), index)
    return None if inner is None else r.entry(x, inner)


@reads(indexing.scatter)
def _(r: Reading, e: Expr, index: Any) -> Any:
    (x,) = e.inputs
    run = tuple(None if n == 1 else r.algebra.fresh(n) for n in x.shape)
    picked = tuple(e.setting("into"))
    shape = tuple(map(e.world.named, picked_shape(picked, standin(e.setting("index"), e.args))))
    # `x` may be more compact than what was picked: there it is repeated
    lead = len(shape) - len(run)
    full = tuple(
        run[a - lead]
        if a >= lead and run[a - lead] is not None
        else (None if n == 1 else r.algebra.fresh(n))
        for a, n in enumerate(shape)
    )
    inner = _picked(r, e, picked, full)
    if inner is None:
        return None
    deltas = []
    for place, ix in zip(index, inner, strict=True):
        if place is None or ix is None:
            continue
        deltas.append((Atom(r.algebra.delta, (place, ix)), ONE))
    value = r.entry(x, full[lead:])
    over = tuple(v for v in full if isinstance(v, Var))
    there = r.algebra.monomial(ONE, deltas, ())
    return r.algebra.sum(r.algebra.multiply(value, there), over)


@reads(updated)
def _(r: Reading, e: Expr, index: Any) -> Any:
    """What was there, less what was there at the index, plus what was put there."""
    x, value = e.inputs
    if not surely_once(e.setting("index"), e.args):
        return None  # a place that comes twice is put in once
    shape = tuple(x.shape)
    picked = tuple(map(e.world.named, picked_shape(shape, standin(e.setting("index"), e.args))))
    run = tuple(None if n == 1 else r.algebra.fresh(n) for n in picked)
    inner = _picked(r, e, shape, run)
    if inner is None:
        return None
    there = r.algebra.monomial(
        ONE,
        [
            (Atom(r.algebra.delta, (place, ix)), ONE)
            for place, ix in zip(index, inner, strict=True)
            if place is not None and ix is not None
        ],
        (),
    )
    over = tuple(v for v in run if v is not None)
    old = r.operand(e, x, index)
    gone = r.algebra.sum(r.algebra.multiply(there, r.entry(x, inner)), over)
    new = r.entry(value, run[len(run) - len(value.shape) :])
    put = r.algebra.sum(r.algebra.multiply(there, new), over)
    return r.algebra.add(old, r.algebra.scale(gone, Fraction(-1)), put)


@reads(eye)
def _(r: Reading, e: Expr, index: Any) -> Any:
    if e.setting("k") != 0 or e.setting("m") not in (None, e.setting("n")) or None in index:
        return None
    return r.algebra.entry(Atom(r.algebra.delta, tuple(index)))


def _parts(index: Any) -> tuple[Any, ...]:
    return (
        index if isinstance(index, tuple) and not isinstance(index, (Counted, Slot)) else (index,)
    )


def _is_array(part: Any) -> bool:
    return isinstance(part, (Counted, Slot, np.ndarray))


def _laid_out(e: Expr, shape: tuple[int, ...]) -> list[Any] | None:
    """Return the parts of an index, one for each axis of `shape` or new axis."""
    parts = list(_parts(e.setting("index")))
    if any(isinstance(p, np.ndarray) and p.dtype == bool for p in parts) or any(
        isinstance(p, Slot) and e.args[p.operand].dtype == np.dtype(bool) for p in parts
    ):
        return None
    used = sum(1 for p in parts if p is not None and p is not Ellipsis)
    missing = [slice(None)] * (len(shape) - used)
    if any(p is Ellipsis for p in parts):
        at = next(i for i, p in enumerate(parts) if p is Ellipsis)
        return [*parts[:at], *missing, *parts[at + 1 :]]
    return [*parts, *missing]


def _advanced(e: Expr, parts: list[Any]) -> tuple[tuple[int, ...], int | None]:
    """Return the common shape of index arrays, and before which result axis it stands."""
    shapes = []
    for p in parts:
        if isinstance(p, Counted):
            shapes.append((p.size,))
        elif isinstance(p, Slot):
            shapes.append(tuple(e.args[p.operand].shape))
        elif isinstance(p, np.ndarray):
            shapes.append(tuple(p.shape))
    if not shapes:
        return (), None
    ndim = max(map(len, shapes))
    full = []
    for axis in range(-ndim, 0):
        sizes = [s[axis] for s in shapes if len(s) >= -axis]
        full.append(next((n for n in sizes if n != 1), sizes[0]))
    fancy = [i for i, p in enumerate(parts) if _is_array(p) or _is_int(p)]
    together = fancy == list(range(fancy[0], fancy[-1] + 1))
    if not together:
        return tuple(full), 0
    return tuple(full), sum(1 for p in parts[: fancy[0]] if not _is_int(p))


def _is_int(p: Any) -> bool:
    return isinstance(p, (int, np.integer)) and not isinstance(p, bool)


def _picked(r: Reading, e: Expr, shape: tuple[int, ...], index: Any) -> Any:
    """Return the index into an array of `shape` for an index into what was picked of it."""
    parts = _laid_out(e, shape)
    if parts is None:
        return None
    common, at = _advanced(e, parts)
    index = list(index)
    fancy: list[Any] = []
    if at is not None:
        fancy = index[at : at + len(common)]
        del index[at : at + len(common)]
    place = iter(index)
    inner: list[Any] = []
    axis = 0
    for p in parts:
        if p is None:
            next(place)
            continue
        n = shape[axis]
        axis += 1
        if _is_int(p):
            inner.append(None if n == 1 else Const(p if isinstance(p, Dim) else int(p)))
        elif isinstance(p, slice):
            ix = next(place)
            if ix is None:
                ix = Const(0)
            start, stop, step = p.indices(int(n))
            if n == 1:
                inner.append(None)
            elif p == slice(None) or (start == 0 and step == 1 and int(stop) == int(n)):
                inner.append(ix)
            else:
                inner.append(affine(ix, _start(p, n, start), step, r.algebra))
        elif isinstance(p, Counted):
            ix = fancy[-1] if fancy else None
            whole = ix is None or p.size == n
            inner.append(ix if whole else affine(ix, 0, 1, r.algebra))
        else:
            arg = e.args[p.operand] if isinstance(p, Slot) else e.world.lift(p)
            own = fancy[len(fancy) - len(arg.shape) :] if arg.shape else []
            ix = None if n == 1 else _valued(r, arg, tuple(own))
            if isinstance(ix, Var) and ix.size != n:
                ix = affine(ix, 0, 1, r.algebra)  # the first of them
            inner.append(ix)
    return tuple(inner)


def _start(p: slice, n: int, start: int) -> int:
    """Return where a slice starts, by name if it was given by one."""
    given = p.start
    if isinstance(given, Dim) and int(given) == start:
        return given
    if isinstance(n, Dim) and given is None and p.step is not None and p.step < 0:
        return n - 1
    if isinstance(given, int) and given < 0:
        return n + given
    return start


def _valued(r: Reading, arg: Expr, own: tuple[Any, ...]) -> Any:
    """Return the index that an index array holds at a place."""
    poly = r.entry(arg, own)
    atom = poly.atom
    if atom is not None and atom.base.kind == "op" and atom.base.what[0] is arange:
        return atom.index[0]
    if atom is not None and atom.base.kind == "leaf" and isinstance(atom.base.what, Expr):
        value = atom.base.what.value
        ix = next((i for i in atom.index if i is not None), None)
        if value is not None and np.ndim(value) >= 1 and ix is not None:
            flat_value = np.ravel(value)
            if np.array_equal(flat_value, np.arange(len(flat_value))):
                return ix
    return value_index(poly)


__all__ = ["READERS", "ZERO", "Part", "Reading", "Value", "exact", "free", "is_number", "reads"]
