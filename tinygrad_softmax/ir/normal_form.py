"""Index notation: an entry of an array as a sum of products of entries, in normal form.

``(X @ W)[i, k]`` is the sum over d of ``X[i, d] * W[d, k]``, and so is ``np.dot(X, W)``, an einsum
or a sum of a broadcast product: transposes, kept axes, broadcasting and reshaping are places of
indices and nothing else, so that the spelling of a program does not matter here. Like terms meet,
equal factors merge, a sum over an index is taken at once where it can be (`Algebra.monomial`).

An `Atom` is an entry of something that the algebra does not look into: an input, ``exp`` of a
polynomial, a polynomial to a power, an op of its own. What it is an entry of, its `Base`, is
closed: it knows its axes by number, so that the same array at other indices has the same base.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, wraps
from itertools import permutations
from typing import Any, TypeVar

import numpy as np

Number = Fraction | float
#: Of an atom in a product: an int if it is whole, for these are many and fractions are slow.
Exponent = Fraction | int
Method = TypeVar("Method", bound=Callable[..., Any])
ONE = Fraction(1)


class Var(tuple[int, int]):
    """An index that runs through an axis; negative numbers are bound by a sum.

    It is compared as a tuple, for that is fast, and by the plain number of its size, for a
    comparison of sizes themselves would be noted.
    """

    n: int
    size: int

    def __new__(cls, n: int, size: int) -> Var:
        """Make an index of a number and a size."""
        var = super().__new__(cls, (n, int(size)))
        var.n, var.size = n, size
        return var


@dataclass(frozen=True, slots=True)
class Const:
    """A fixed place along an axis."""

    value: int


@dataclass(frozen=True, slots=True)
class Affine:
    """The place ``start + step * index`` that a slice looks at."""

    index: Any
    start: int
    step: int


@dataclass(frozen=True, slots=True)
class Flat:
    """The place of several indices along an axis that they were reshaped into."""

    parts: tuple[Any, ...]
    sizes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One of the indices that an index along a reshaped axis stands for."""

    index: Any
    sizes: tuple[int, ...]
    which: int


@dataclass(frozen=True, slots=True)
class Value:
    """A place given by a value, such as the label of an example."""

    poly: Poly


class Base:
    """What an atom is an entry of.

    ``kind`` is "leaf" (an input, a named value, a constant), "function" (an elementwise op of
    closed polynomials), "op" (any other op, of closed polynomials for whole arrays), "sum" (a
    closed polynomial that is raised to a power) or "delta" (1 where two indices are equal).
    """

    __slots__ = (
        "boolean",
        "guard",
        "key",
        "kind",
        "positive",
        "serial",
        "sizes",
        "virtual",
        "what",
    )

    def __init__(self, kind: str, what: Any, sizes: tuple[int, ...], serial: int) -> None:
        self.kind, self.what, self.sizes, self.serial = kind, what, sizes, serial
        self.key: Any = None
        self.boolean = self.positive = self.guard = False
        self.virtual = False  # never written: only a form on the way


class Atom:
    """An entry of a base; ``free`` are the variables of its index."""

    __slots__ = ("_hash", "base", "free", "index", "rank")

    def __init__(self, base: Base, index: tuple[Any, ...]) -> None:
        self.base, self.index = base, index
        self.rank: Any = None  # what it is ordered by, once that was asked
        free: list[Var] = []
        for ix in index:
            if ix.__class__ is Var:
                free.append(ix)
            elif ix is not None:
                free += free_in_index(ix)
        self.free = frozenset(free)
        self._hash = hash((base.serial, index))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Atom)
            and self._hash == other._hash
            and self.base is other.base
            and self.index == other.index
        )


Factors = tuple[tuple[Atom, Exponent], ...]


class Mono:
    """A product of atoms with exponents, summed over its bound indices."""

    __slots__ = ("_hash", "bound", "factors")

    def __init__(self, factors: Factors, bound: tuple[Var, ...]) -> None:
        self.factors, self.bound = factors, bound
        self._hash = hash((*[(a._hash, k.numerator) for a, k in factors], bound))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Mono)
            and self._hash == other._hash
            and self.factors == other.factors
            and self.bound == other.bound
        )


UNIT = Mono((), ())


class Poly:
    """A sum of monomials with coefficients."""

    __slots__ = ("_hash", "terms")

    def __init__(self, terms: dict[Mono, Number]) -> None:
        self.terms = terms
        self._hash = hash(frozenset(terms))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Poly) and self._hash == other._hash and self.terms == other.terms
        )

    @property
    def single(self) -> tuple[Mono, Number] | None:
        """The one term, if there is one."""
        return next(iter(self.terms.items())) if len(self.terms) == 1 else None

    @property
    def number(self) -> Number | None:
        """The value, if it is a number."""
        if not self.terms:
            return Fraction(0)
        if len(self.terms) == 1 and UNIT in self.terms:
            return self.terms[UNIT]
        return None

    @property
    def atom(self) -> Atom | None:
        """The atom, if it is nothing but one."""
        single = self.single
        if single is None or single[1] != 1 or single[0].bound or len(single[0].factors) != 1:
            return None
        atom, k = single[0].factors[0]
        return atom if k == 1 else None


ZERO = Poly({})


def exact(value: Any) -> Number:
    """Return a number as a fraction if it is a simple one, so that halves and thirds stay exact.

    A number with all its digits that is a simple fraction but for rounding, is that fraction:
    0.11111111111111109, which is 1 / 3 by its root, and by that again.
    """
    if isinstance(value, Fraction):
        return ONE if value == 1 else value
    return _exact(value)


@lru_cache(1000)
def _exact(value: Any) -> Number:
    if not np.isfinite(value):
        return float(value)
    whole = Fraction(value)
    simple = whole.limit_denominator(1024)
    if simple == whole:
        return simple
    near = abs(whole - simple) <= 4 * Fraction(math.ulp(value))
    return simple if near and len(repr(float(value))) > 16 else float(value)


def times(c: Number, d: Number) -> Number:
    """Return a product of numbers, exact where they are."""
    return d if c is ONE else c if d is ONE else exact(c * d)


def absolute(c: Number) -> Number:
    """Return a number without its sign."""
    return -c if c < 0 else c


def constant(value: Any) -> Poly:
    """Return a number as a polynomial."""
    value = exact(value)
    return Poly({UNIT: value}) if value != 0 else ZERO


def free_in_index(ix: Any) -> Iterable[Var]:
    """Yield the variables of an index."""
    if isinstance(ix, Var):
        yield ix
    elif isinstance(ix, (Affine, Part)):
        yield from free_in_index(ix.index)
    elif isinstance(ix, Flat):
        for part in ix.parts:
            yield from free_in_index(part)
    elif isinstance(ix, Value):
        yield from free(ix.poly)


def free_of(factors: Iterable[tuple[Atom, Exponent]]) -> set[Var]:
    """Return the variables of some factors."""
    return set().union(*[atom.free for atom, _ in factors])


def free(poly: Poly) -> set[Var]:
    """Return the free variables of a polynomial."""
    found: set[Var] = set()
    for mono in poly.terms:
        found |= free_of(mono.factors).difference(mono.bound)
    return found


def moved(ix: Any, change: Mapping[Var, Any], algebra: Algebra) -> Any:
    """Return an index with other indices in place of variables."""
    if isinstance(ix, Var):
        return change.get(ix, ix)
    if isinstance(ix, Affine):
        inner = moved(ix.index, change, algebra)
        return ix if inner is ix.index else affine(inner, ix.start, ix.step, algebra)
    if isinstance(ix, Flat):
        return flat(tuple(moved(part, change, algebra) for part in ix.parts), ix.sizes)
    if isinstance(ix, Part):
        return part_of(moved(ix.index, change, algebra), ix.sizes, ix.which)
    if isinstance(ix, Value):
        return value_index(algebra.substitute(ix.poly, change))
    return ix


def affine(ix: Any, start: int, step: int, algebra: Algebra) -> Any:
    """Return the index ``start + step * ix``."""
    if isinstance(ix, Const):
        return Const(start + step * ix.value)
    if isinstance(ix, Affine):
        return Affine(ix.index, start + step * ix.start, step * ix.step)
    if isinstance(ix, Value):
        scaled = algebra.scale(ix.poly, Fraction(step))
        return value_index(algebra.add(algebra.size(start), scaled))
    return Affine(ix, start, step)


def flat(parts: tuple[Any, ...], sizes: tuple[int, ...]) -> Any:
    """Return the index along an axis that several were reshaped into."""
    first = parts[0]
    if (
        isinstance(first, Part)
        and first.sizes == sizes
        and all(p == Part(first.index, sizes, i) for i, p in enumerate(parts))
    ):
        return first.index
    return Flat(parts, sizes) if len(parts) > 1 else first


def part_of(ix: Any, sizes: tuple[int, ...], which: int) -> Any:
    """Return one of the indices that one along a reshaped axis stands for."""
    if isinstance(ix, Flat) and ix.sizes == sizes:
        return ix.parts[which]
    if isinstance(ix, Const) and all(type(size) is int for size in sizes):
        return Const(int(np.unravel_index(ix.value, sizes)[which]))
    return Part(ix, sizes, which)


def value_index(poly: Poly) -> Any:
    """Return an index given by a value."""
    number = poly.number
    return Const(int(number)) if number is not None and number == int(number) else Value(poly)


def _bare(ix: Any) -> Any:
    """Return a key of an index that does not depend on what variables are called."""
    if isinstance(ix, Var):
        return (0, int(ix.size))
    if isinstance(ix, Const):
        return (1, int(ix.value))
    if isinstance(ix, Affine):
        return (2, _bare(ix.index), int(ix.start), int(ix.step))
    if isinstance(ix, Flat):
        return (3, *map(_bare, ix.parts))
    if isinstance(ix, Part):
        return (4, _bare(ix.index), ix.which, *map(int, ix.sizes))
    if isinstance(ix, Value):
        return (5, *sorted(_bare_mono(m) for m in ix.poly.terms))
    return (6,)


def _bare_mono(mono: Mono) -> Any:
    return (
        len(mono.bound),
        *sorted((a.base.serial, k, tuple(map(_bare, a.index))) for a, k in mono.factors),
    )


def _full(ix: Any) -> Any:
    """Return a key of an index by the numbers of its variables."""
    if isinstance(ix, Var):
        return (0, ix.n)
    if isinstance(ix, Affine):
        return (2, _full(ix.index), int(ix.start), int(ix.step))
    if isinstance(ix, Flat):
        return (3, *map(_full, ix.parts))
    if isinstance(ix, Part):
        return (4, _full(ix.index), ix.which)
    if isinstance(ix, Value):
        return (5, *sorted(mono_key(m) for m in ix.poly.terms))
    return _bare(ix)


def mono_key(mono: Mono) -> Any:
    """Return what monomials are ordered by."""
    return (
        len(mono.bound),
        tuple((a.base.serial, k, tuple(map(_full, a.index))) for a, k in mono.factors),
    )


def kept(method: Method) -> Method:
    """Let the algebra keep what a method returns: the same normal form is asked for many times.

    It is kept until something new is known of a base, which may change normal forms.
    """
    name = method.__name__

    @wraps(method)
    def asked(self: Algebra, *args: Any) -> Any:
        key = (name, args)
        found = self.found.get(key)
        if found is None:
            found = method(self, *args)
            self.found[key] = found
        return found

    return asked  # type: ignore[return-value]


class Algebra:
    """Builds polynomials in normal form.

    Parameters
    ----------
    size : callable
        From a size of an axis to its polynomial.
    """

    def __init__(self, size: Callable[[int], Poly]) -> None:
        self.size = size
        self.bases: dict[Any, Base] = {}
        self.count = 0
        self.fresh_count = 1_000
        self.delta = self.base("delta", None, ())
        #: inputs that sum to 1 along an axis, and which of these facts have been used
        self.distributions: dict[tuple[Base, int], Any] = {}
        self.applied: set[Any] = set()
        #: finds a product within another; what reads expressions knows how
        self.match: Callable[..., Any] = lambda *_: None
        #: what a named value is known to sum to along an axis: probabilities to 1
        self.total_of: Callable[[Base, int], Number | None] = lambda base, axis: None
        #: op -> what it may be divided by, and the op that the quotient is: sinh / cosh = tanh
        self.quotients: dict[Any, tuple[Any, Any]] = {}
        self.negations: dict[Base, Base] = {}
        self.symmetric: set[Base] = {self.delta}  #: matrices that equal their transpose
        self.spread_out: dict[Poly, Poly] = {}
        self.found: dict[Any, Any] = {}  #: what `kept` methods have returned

    # --- bases and variables ---

    def base(self, kind: str, what: Any, sizes: tuple[int, ...]) -> Base:
        """Return the base of this kind and content, made once."""
        key = (kind, what)
        found = self.bases.get(key)
        if found is None:
            self.count += 1
            found = self.bases[key] = Base(kind, what, sizes, self.count)
            found.key = key
        return found

    def mask(self, what: Any, sizes: tuple[int, ...], guard: bool) -> tuple[Base, Base]:
        """Return the bases of a mask and of its complement, which know of each other.

        A `guard` comes from np.where: what it is multiplied with may not be finite elsewhere.
        """
        pair = []
        for side in (False, True):
            base = self.base("function", ("mask", what, side, guard), sizes)
            base.boolean, base.guard = True, guard
            pair.append(base)
        if pair[0] not in self.negations:
            self.negations[pair[0]], self.negations[pair[1]] = pair[1], pair[0]
            self.found.clear()
        return pair[0], pair[1]

    def is_symmetric(self, base: Base) -> None:
        """Note that a matrix equals its transpose."""
        if base not in self.symmetric:
            self.symmetric.add(base)
            self.found.clear()

    def fresh(self, size: int) -> Var:
        """Return a variable that nothing else has."""
        self.fresh_count += 1
        return Var(self.fresh_count, size)

    @kept
    def closed(self, polys: tuple[Poly, ...]) -> tuple[tuple[Poly, ...], tuple[Any, ...], Any]:
        """Return polynomials by numbered axes, and the indices that they are at.

        Every variable becomes an axis, and so does a label, slice or place if it is the only one:
        a function of picked entries is a picked entry of the function.
        """
        outside = {v for poly in polys for v in free(poly) if v.n < 0}
        if outside:  # bound further out: not to be mixed up with what is bound here
            change = {v: self.fresh(v.size) for v in outside}
            back = {new: old for old, new in change.items()}
            made, places, known = self.closed(tuple(self.substitute(p, change) for p in polys))
            return made, tuple(moved(ix, back, self) for ix in places), known
        order: dict[Any, int] = {}
        ties = False
        whole = self._lone_places(polys)
        for poly in polys:
            keys = sorted(
                (
                    (_bare_mono(m), c if isinstance(c, Fraction) else float(c), m)
                    for m, c in poly.terms.items()
                ),
                key=lambda item: (item[0], item[1]),
            )
            for i, (bare, c, mono) in enumerate(keys):
                ties |= i > 0 and keys[i - 1][:2] == (bare, c)
                factors = sorted(
                    mono.factors,
                    key=lambda item: (
                        item[0].base.serial,
                        item[1],
                        tuple(map(_bare, item[0].index)),
                    ),
                )
                bases = [a.base for a, _ in factors]
                ties |= len(set(bases)) < len(bases)
                for atom, _ in factors:
                    for axis, ix in enumerate(atom.index):
                        slot = _slot(atom, axis)
                        if ix is None or slot in order:
                            continue
                        own = isinstance(slot, Var) or slot in whole
                        if not own or any(v.n < 0 for v in free_in_index(ix)):
                            for v in free_in_index(ix):
                                if v.n >= 0 and v not in order:
                                    order[v] = len(order)
                            continue
                        order[slot] = len(order)
        # what the axes are: a size each
        sizes = self._axis_sizes(polys, order)
        places = tuple(order)
        best = self._renumbered(polys, places, sizes)
        if ties and 1 < len(places) <= 4:
            for permuted in permutations(places):
                other = self._renumbered(polys, permuted, sizes)
                if other[2] < best[2]:
                    best = other
        places = tuple(slot if isinstance(slot, Var) else slot[0] for slot in best[1])
        return best[0], places, tuple(sizes[slot] for slot in best[1])

    def _lone_places(self, polys: tuple[Poly, ...]) -> set[Any]:
        """Return the index that is no variable, if it is the only one along its axis and at all.

        Its own variables are elsewhere only beside an axis of that array, as i in s[i, y[i]].
        """
        along: dict[Any, set[Any]] = {}
        inside: dict[Any, set[Var]] = {}
        outside: set[Var] = set()
        for poly in polys:
            for mono in poly.terms:
                for atom, _ in mono.factors:
                    own = {ix for ix in atom.index if isinstance(ix, Var)}
                    outside |= own
                    for axis, ix in enumerate(atom.index):
                        if ix is not None:
                            slot = _slot(atom, axis)
                            along.setdefault((atom.base, axis), set()).add(slot)
                            inside.setdefault(slot, set(own)).intersection_update(own)
        found = {slot for slots in along.values() for slot in slots if not isinstance(slot, Var)}
        if len(found) != 1:
            return set()
        (slot,) = found
        if set(free_in_index(slot[0])) & outside - inside[slot]:
            return set()
        alone = all(len(slots) == 1 for slots in along.values() if slot in slots)
        return found if alone and all(v.n >= 0 for v in free_in_index(slot[0])) else set()

    def _axis_sizes(self, polys: tuple[Poly, ...], order: dict[Any, int]) -> dict[Any, int]:
        sizes: dict[Any, int] = {ix: ix.size for ix in order if isinstance(ix, Var)}
        for poly in polys:
            for mono in poly.terms:
                for atom, _ in mono.factors:
                    known = atom.base.sizes
                    for axis, ix in enumerate(atom.index):
                        slot = _slot(atom, axis)
                        if slot in order and slot not in sizes:
                            sizes[slot] = known[axis] if known else getattr(ix, "size", -1)
        return sizes

    def _renumbered(self, polys: Any, places: tuple[Any, ...], sizes: Any) -> Any:
        change = {slot: Var(n, sizes[slot]) for n, slot in enumerate(places)}
        made = tuple(self._reindexed(poly, change) for poly in polys)
        key = tuple(
            tuple(sorted((mono_key(m), float(c)) for m, c in p.terms.items())) for p in made
        )
        return made, places, key

    def _reindexed(self, poly: Poly, change: Mapping[Any, Any]) -> Poly:
        """Put axes in place of whole indices; nothing else changes."""
        simple = {slot: v for slot, v in change.items() if isinstance(slot, Var)}

        def renamed(atom: Atom, axis: int, ix: Any) -> Any:
            slot = _slot(atom, axis)
            if slot in change:
                return change[slot]
            return ix if ix is None else moved(ix, simple, self)

        terms: dict[Mono, Number] = {}
        for mono, c in poly.terms.items():
            factors = [
                (Atom(a.base, tuple(renamed(a, axis, ix) for axis, ix in enumerate(a.index))), k)
                for a, k in mono.factors
            ]
            made = self._canonical(dict(factors), set(mono.bound))
            terms[made] = terms.get(made, Fraction(0)) + c
        return Poly(terms)

    # --- sums ---

    def add(self, *parts: Poly) -> Poly:
        """Return a sum, like terms together."""
        terms: dict[Mono, Number] = {}
        for part in parts:
            for mono, c in part.terms.items():
                if mono not in terms:
                    terms[mono] = c
                    continue
                total = terms[mono] + c
                if total == 0 or (isinstance(total, float) and abs(total) < 1e-14 * abs(float(c))):
                    terms.pop(mono, None)
                else:
                    terms[mono] = exact(total) if isinstance(total, float) else total
        return self._tidied(Poly(terms)) if len(terms) > 1 else Poly(terms)

    def scale(self, poly: Poly, c: Number) -> Poly:
        """Return a number times a polynomial."""
        if c == 1:
            return poly
        if c == 0:
            return ZERO
        return Poly({mono: times(k, c) for mono, k in poly.terms.items()})

    @kept
    def _tidied(self, poly: Poly) -> Poly:
        """Put terms together that make one: all parts of a divisor, a mask and its complement."""
        shared: dict[Any, int] = {}
        for mono in poly.terms:
            for item in mono.factors:
                if item[1] < 0 and item[0].base.kind == "sum":
                    shared[item] = shared.get(item, 0) + 1
        for mono, c in poly.terms.items():
            for atom, k in mono.factors:
                if k < 0 and atom.base.kind == "sum":
                    parts = len(atom.base.what.terms)
                    after: Poly | None = None
                    if 2 <= parts <= shared[atom, k]:
                        after = self._whole_divisor(poly, mono, c, atom)
                    if after is None and parts == 2:
                        after = self._complement(poly, mono, c, atom)
                    if after is not None:
                        return after
                elif atom.base in self.negations and k == 1:
                    other = Atom(self.negations[atom.base], atom.index)
                    rest = tuple((a, j) for a, j in mono.factors if a != atom)
                    twin = self._canonical({**dict(rest), other: 1}, set(mono.bound))
                    if poly.terms.get(twin) == c:
                        left = {m: k for m, k in poly.terms.items() if m not in (mono, twin)}
                        return self.add(Poly(left), self.monomial(c, rest, mono.bound))
        return poly

    def _whole_divisor(self, poly: Poly, mono: Mono, c: Number, atom: Atom) -> Poly | None:
        """Write ``(m * a + m * b) / (a + b)`` as m, if `mono` is the first of these terms."""
        parts = self.opened(atom)
        if len(parts.terms) < 2 or len(parts.terms) > len(poly.terms):
            return None
        rest = dict(mono.factors)
        for part, d in parts.terms.items():
            if part.bound:
                continue
            left = dict(rest)
            for a, j in part.factors:
                left[a] = left.get(a, 0) - j
            if any(j < 0 and a not in rest for a, j in left.items()):
                continue
            if part.factors and not any(a in rest for a, _ in part.factors):
                continue
            ratio = exact(c / d)
            factors = tuple((a, j) for a, j in left.items() if j)
            expected: dict[Mono, Number] = {}
            for p, e in parts.terms.items():
                if p.bound:
                    return None
                single = self.monomial(exact(ratio * e), (*factors, *p.factors), mono.bound).single
                if single is not None:
                    expected[single[0]] = single[1]
            if len(expected) == len(parts.terms) and all(
                poly.terms.get(m) == j for m, j in expected.items()
            ):
                others = {m: j for m, j in poly.terms.items() if m not in expected}
                merged = {**dict(factors), atom: dict(factors)[atom] + 1}
                whole = self.monomial(ratio, tuple(merged.items()), mono.bound)
                return self.add(Poly(others), whole)
        return None

    def _complement(self, poly: Poly, mono: Mono, c: Number, atom: Atom) -> Poly | None:
        """Write ``m - m * a / (a + b)`` as ``m * b / (a + b)``."""
        parts = self.opened(atom).terms
        if len(parts) != 2 or any(part.bound for part in parts):
            return None
        for (part, d), (other, e) in permutations(parts.items()):
            left = dict(mono.factors)
            left[atom] += 1
            for a, j in part.factors:
                left[a] = left.get(a, 0) - j
            if any(a not in dict(mono.factors) for a, _ in part.factors):
                continue
            lone = self.monomial(exact(-c / d), left.items(), mono.bound).single
            if lone is None or poly.terms.get(lone[0]) != lone[1]:
                continue
            rest = Poly({m: j for m, j in poly.terms.items() if m not in (mono, lone[0])})
            share = (*lone[0].factors, *other.factors, (atom, -1))
            return self.add(rest, self.monomial(exact(lone[1] * e), share, lone[0].bound))
        return None

    # --- products ---

    def multiply(self, *parts: Poly, spread: bool = False) -> Poly:
        """Return a product; with `spread` sums are multiplied out, else they stay factors."""
        result = parts[0] if parts else constant(1)
        for part in parts[1:]:
            result = self._multiplied(result, part, spread)
        return result

    def _multiplied(self, x: Poly, y: Poly, spread: bool) -> Poly:
        if not x.terms or not y.terms:
            return ZERO
        if y.number is not None:
            return self.scale(x, y.number)
        if x.number is not None:
            return self.scale(y, x.number)
        if not spread and len(x.terms) > 1:
            x = self.power(x, 1, whole=True)
        if not spread and len(y.terms) > 1:
            y = self.power(y, 1, whole=True)
        found: list[Poly] = []
        for m, c in x.terms.items():
            for n, d in y.terms.items():
                one, other = self._apart(m), self._apart(n)
                found.append(
                    self.monomial(times(c, d), one.factors + other.factors, one.bound + other.bound)
                )
        return self.add(*found)

    def _apart(self, mono: Mono) -> Mono:
        """Return a monomial with fresh bound variables."""
        if not mono.bound:
            return mono
        change = {v: self.fresh(v.size) for v in mono.bound}
        return Mono(self._changed(mono.factors, change), tuple(change.values()))

    def _changed(self, factors: Factors, change: Mapping[Var, Any]) -> Factors:
        return tuple(
            [
                (a if a.free.isdisjoint(change) else Atom(a.base, self._places(a, change)), k)
                for a, k in factors
            ]
        )

    def _places(self, atom: Atom, change: Mapping[Var, Any]) -> tuple[Any, ...]:
        """Return an atom's indices with others in place of variables; a slice of all is none."""
        made = []
        for axis, ix in enumerate(atom.index):
            if ix.__class__ is Var:
                place = change.get(ix, ix)
            else:
                place = ix if ix is None else moved(ix, change, self)
            if (
                isinstance(place, Affine)
                and place.start == 0
                and place.step == 1
                and isinstance(place.index, Var)
                and atom.base.sizes
                and atom.base.sizes[axis] == place.index.size
            ):
                place = place.index
            made.append(place)
        return tuple(made)

    def substitute(self, poly: Poly, change: Mapping[Var, Any]) -> Poly:
        """Return a polynomial with other indices in place of its free variables."""
        return self._substituted(poly, tuple(change.items())) if change else poly

    @kept
    def _substituted(self, poly: Poly, change: tuple[tuple[Var, Any], ...]) -> Poly:
        found = []
        for mono, c in poly.terms.items():
            one = self._apart(mono)
            found.append(self.monomial(c, self._changed(one.factors, dict(change)), one.bound))
        return self.add(*found)

    def sum(self, poly: Poly, over: Iterable[Var]) -> Poly:
        """Return the sum over variables."""
        over = tuple(over)
        if not over:
            return poly
        if len(poly.terms) > 1:
            # a sum as a whole, for it may have a name; `spread` takes it apart
            poly = self.power(poly, 1, whole=True)
        found = []
        for mono, c in poly.terms.items():
            one = self._apart(mono)
            found.append(self.monomial(c, one.factors, one.bound + over))
        return self.add(*found)

    def power(self, poly: Poly, k: Exponent, whole: bool = False) -> Poly:
        """Return a power; `whole` keeps a sum to the power 1 as one factor."""
        return poly if k == 1 and not whole else self._power(poly, k, whole)

    @kept
    def _power(self, poly: Poly, k: Exponent, whole: bool) -> Poly:
        if k == 0:
            return constant(1)
        if not poly.terms:
            return ZERO if k > 0 else Poly({UNIT: float("inf")})
        single = poly.single
        if k == 1 and (single is not None or not whole):
            return poly
        if single is not None:
            mono, c = single
            if not mono.factors:
                return constant(_number_power(c, k))
            if not mono.bound and (
                k.denominator == 1 or (c > 0 and all(a.base.positive for a, _ in mono.factors))
            ):
                factors = tuple((a, j * k) for a, j in mono.factors)
                return self.monomial(_number_power(c, k), factors, ())
            if c != 1 and (c > 0 or k.denominator == 1):
                rest = self.power(Poly({mono: ONE}), k)
                return self.scale(rest, exact(_number_power(c, k)))
            outside = tuple(
                (a, j * k)
                for a, j in mono.factors
                if a.base.positive and not (free_of([(a, j)]) & set(mono.bound))
            )
            if outside and len(outside) < len(mono.factors):
                kept = tuple((a, j) for a, j in mono.factors if (a, j * k) not in outside)
                inner = self._power_of(self.monomial(c, kept, mono.bound), k)
                return self.multiply(self.monomial(ONE, outside, ()), inner)
            return self._power_of(poly, k)
        coef, content, rest = self.content(poly, integer=k.denominator == 1)
        made = self._power_of(rest, k)
        if coef == 1 and not content:
            return made
        outside = tuple((a, j * k) for a, j in content)
        return self.multiply(self.monomial(exact(_number_power(coef, k)), outside, ()), made)

    def _power_of(self, poly: Poly, k: Exponent) -> Poly:
        """Return a power of a polynomial that is a base as it stands."""
        if poly.single is not None and k == 1:
            return poly
        (body,), places, sizes = self.closed((poly,))
        base = self.base("sum", body, sizes)
        base.positive = all(
            c > 0 and all(a.base.positive or k % 2 == 0 for a, k in m.factors)
            for m, c in body.terms.items()
        )
        return Poly({self._canonical({Atom(base, places): k}, set()): ONE})

    def content(self, poly: Poly, integer: bool = True) -> tuple[Number, Factors, Poly]:
        """Return what all terms have in common: a number, factors, and the sum of what is left.

        The first term is positive then, and numbers have no common divisor.
        """
        monos = sorted(poly.terms, key=_bare_mono)
        common: dict[Atom, Exponent] | None = None
        varied = {a for mono in monos for a, _ in mono.factors if a.index}
        one = len(varied) == 1 and not any(mono.bound for mono in monos)
        for mono in monos:
            mine = {a: k for a, k in mono.factors if not (free_of([(a, k)]) & set(mono.bound))}
            if common is None:
                common = mine
            else:
                common = {
                    a: k
                    for a, k in (
                        (a, _lesser(common.get(a), mine.get(a), one and _is_exponential(a)))
                        for a in {**common, **mine}
                    )
                    if k
                }
        common = {
            a: k
            for a, k in (common or {}).items()
            if a.base is not self.delta and (integer or a.base.positive)
        }
        coefs = [poly.terms[mono] for mono in monos]
        coef: Number = ONE
        fractions = [c for c in coefs if isinstance(c, Fraction)]
        if len(fractions) == len(coefs):
            coef = Fraction(
                int(np.gcd.reduce([c.numerator for c in fractions])),
                int(np.lcm.reduce([c.denominator for c in fractions])),
            )
        elif len({absolute(c) for c in coefs}) == 1:
            coef = absolute(coefs[0])
        if integer and self._is_turned(poly, monos):
            coef = -coef
        if coef == 1 and not common:
            return ONE, (), poly
        terms: dict[Mono, Number] = {}
        for mono, c in poly.terms.items():
            left = dict(mono.factors)
            for a, k in common.items():
                left[a] = left.get(a, 0) - k
                if not left[a]:
                    del left[a]
            terms[self._canonical(left, set(mono.bound))] = exact(c / coef)
        return coef, tuple(common.items()), Poly(terms)

    def _is_turned(self, poly: Poly, monos: list[Mono]) -> bool:
        """Whether a sum is the opposite of how it is kept: ``1 - p``, but ``n - 1``."""
        others = [mono for mono in monos if mono.factors]
        lead = poly.terms[others[0]] if others else poly.terms[monos[0]]
        unit = poly.terms.get(UNIT)
        if (
            unit is not None
            and free(poly)
            and all((poly.terms[m] > 0) != (unit > 0) for m in others)
        ):
            return unit < 0
        return lead < 0

    @kept
    def opened(self, atom: Atom) -> Poly:
        """Return the polynomial that a sum stands for, at the atom's indices."""
        body = atom.base.what
        return self.substitute(
            body,
            {
                Var(n, size): ix
                for n, (size, ix) in enumerate(zip(atom.base.sizes, atom.index, strict=True))
                if ix != Var(n, size)
            },
        )

    def spread(self, poly: Poly, most: int = 20) -> Poly:
        """Multiply out every sum that is a factor, as long as there are not too many terms."""
        known = self.spread_out.get(poly)
        if known is None:
            known = self.spread_out[poly] = self._spread(poly, most)
        return known

    def _spread(self, poly: Poly, most: int) -> Poly:
        found: list[Poly] = []
        for mono, c in poly.terms.items():
            sums = [
                (a, k)
                for a, k in mono.factors
                if a.base.kind == "sum" and k > 0 and k.denominator == 1 and k <= 3
            ]
            if not sums:
                found.append(Poly({mono: c}))
                continue
            one = self._apart(mono)
            sums = [
                (a, k)
                for a, k in one.factors
                if a.base.kind == "sum" and k > 0 and k.denominator == 1 and k <= 3
            ]
            result = Poly({Mono(tuple(f for f in one.factors if f not in sums), ()): c})
            for atom, k in sums:
                inner = self.spread(self.opened(atom), most)
                for _ in range(int(k)):
                    if len(result.terms) * len(inner.terms) > most:
                        return poly
                    result = self._multiplied(result, inner, True)
            terms = [
                self.monomial(d, m.factors, m.bound + one.bound)
                for m, d in ((self._apart(m), d) for m, d in result.terms.items())
            ]
            found += [
                self.spread(self.add(*terms), most) if poly not in found else self.add(*terms)
            ]
        return self.add(*found)

    def entry(self, atom: Atom) -> Poly:
        """Return an entry as a polynomial."""
        if atom.base.kind == "leaf" and atom.base not in self.symmetric:
            return Poly({Mono(((atom, 1),), ()): ONE})
        return self.monomial(ONE, ((atom, 1),), ())

    def monomial(
        self, coef: Number, factors: Iterable[tuple[Atom, Exponent]], bound: Iterable[Var]
    ) -> Poly:
        """Return a product summed over `bound`, in normal form.

        What is done at once: equal factors merge; an index that a delta fixes is put in its place;
        a sum over an index that nothing depends on is a size; a mask times itself is the mask; a
        divisor meets the sum that it is.
        """
        left: dict[Atom, Exponent] = {}
        for atom, k in factors:
            one = _sorted(atom) if atom.base in self.symmetric else atom
            left[one] = left[one] + k if one in left else k
        running = set(bound)
        sizes: list[int] = []
        changed = True
        while changed:
            changed = False
            left = {a: k for a, k in left.items() if k}
            for atom, k in left.items():
                if atom.base is self.delta:
                    after = self._delta(atom, left, running)
                    if after is None:
                        continue
                    if after is False:
                        return ZERO
                    left, changed = after, True
                    break
                if atom.base.boolean and k != 1 and k > 0:
                    left[atom], changed = 1, True
                    break
                if k > 0 and atom.base.kind == "function" and atom.base.what[0] in self.quotients:
                    divisor, result = self.quotients[atom.base.what[0]]
                    what = atom.base.what[1:]
                    below = self.bases.get(("function", (divisor, *what)))
                    other = Atom(below, atom.index) if below is not None else None
                    if other is not None and left.get(other, 1) < 0:
                        shared = min(k, -left[other])
                        made = self.base("function", (result, *what), atom.base.sizes)
                        one = Atom(made, atom.index)
                        left[atom] -= shared
                        left[other] += shared
                        left[one] = left.get(one, 0) + shared
                        changed = True
                        break
                if atom.base.kind == "sum" and k == 1 and len(atom.base.what.terms) == 1:
                    opened = self._apart(self.opened(atom).single[0])  # type: ignore[index]
                    coef = exact(coef * self.opened(atom).single[1])  # type: ignore[index]
                    del left[atom]
                    for a, j in opened.factors:
                        left[a] = left.get(a, 0) + j
                    running |= set(opened.bound)
                    changed = True
                    break
            else:
                changed = self._split(left, running) or self._met_divisor(left, running)
        if self.negations:
            for atom in left:
                twin = self.negations.get(atom.base)
                if twin is not None and Atom(twin, atom.index) in left:
                    return ZERO
        used = free_of(left.items())
        sizes = [v.size for v in running if v not in used]
        running &= used
        if coef == 0:
            return ZERO
        if running:
            left, total = self._distributions(left, running)
            running &= free_of(left.items())
            coef = times(coef, total)
            if coef == 0:
                return ZERO
        if len(left) == 1 and not running:
            ((atom, k),) = left.items()
            if atom.base.kind == "sum" and k == 1:
                scaled = self.scale(self.opened(atom), coef)
                return self.multiply(scaled, *map(self.size, sizes)) if sizes else scaled
        product = Poly({self._canonical(left, running): coef})
        return self.multiply(product, *map(self.size, sizes)) if sizes else product

    def _delta(self, atom: Atom, left: dict[Atom, Exponent], running: set[Var]) -> Any:
        """Return the factors with what a delta says put in; None if nothing, False if it is 0."""
        a, b = atom.index
        rest = {x: k for x, k in left.items() if x != atom}
        if a == b:
            return rest
        if isinstance(a, Const) and isinstance(b, Const) and (a.value < 0) == (b.value < 0):
            return False
        if isinstance(a, Flat) and isinstance(b, Flat) and a.sizes == b.sizes:
            pairs = zip(a.parts, b.parts, strict=True)
            return {**rest, **{Atom(self.delta, pair): 1 for pair in pairs}}
        if (
            isinstance(a, Affine)
            and isinstance(b, Affine)
            and (a.start, a.step) == (b.start, b.step)
        ):
            return {**rest, Atom(self.delta, (a.index, b.index)): 1}
        for var, ix in ((a, b), (b, a)):
            if isinstance(var, Var) and var in running and var not in set(free_in_index(ix)):
                running.discard(var)
                return self._merged(rest, {var: ix})
        for var, ix in ((a, b), (b, a)):  # turned round, each place is met once
            if (
                isinstance(var, Var)
                and isinstance(ix, Affine)
                and ix.index in running
                and (ix.step == -1 and ix.start == var.size - 1 and ix.index.size == var.size)
            ):
                running.discard(ix.index)
                return self._merged(rest, {ix.index: Affine(var, ix.start, -1)})
        for var, ix in ((a, b), (b, a)):
            if (
                isinstance(var, Var)
                and var not in set(free_in_index(ix))
                and (not isinstance(ix, Var) or var.n > ix.n)
                and any(var in set(free_of([item])) for item in rest.items())
            ):
                return {**self._merged(rest, {var: ix}), atom: 1}
        return None

    def _merged(self, factors: dict[Atom, Exponent], change: Mapping[Var, Any]) -> Any:
        made: dict[Atom, Exponent] = {}
        for a, k in self._changed(tuple(factors.items()), change):
            made[a] = made.get(a, 0) + k
        return {a: k for a, k in made.items() if k}

    def _split(self, left: dict[Atom, Exponent], running: set[Var]) -> bool:
        """Sum over the parts of an index instead of the index along the reshaped axis."""
        for atom in left:
            for ix in atom.index:
                if isinstance(ix, Part) and ix.index in running:
                    var = ix.index
                    parts = tuple(self.fresh(size) for size in ix.sizes)
                    made = self._merged(left, {var: Flat(parts, ix.sizes)})
                    left.clear()
                    left.update(made)
                    running.discard(var)
                    running.update(parts)
                    return True
        return False

    def _met_divisor(self, left: dict[Atom, Exponent], running: set[Var]) -> bool:
        """Take out a sum that the product is divided by, where it stands as factors."""
        if not running:
            return False
        for atom, k in left.items():
            body = atom.base.what if atom.base.kind == "sum" else None
            if body is None or k == 1 or body.single is None:
                continue
            pattern, c = self.opened(atom).single  # type: ignore[misc]
            found = self.match(pattern, left, running)
            if found is None:
                continue
            rest, bound = found[1], found[2]
            rest[atom] = rest.get(atom, 0) + 1
            left.clear()
            left.update({a: j for a, j in rest.items() if j})
            running.difference_update(bound)
            if c != 1:
                one = self.base("leaf", ("number", c), ())
                left[Atom(one, ())] = left.get(Atom(one, ()), 0) - 1
            return True
        return False

    def _distributions(self, left: dict[Atom, Exponent], running: set[Var]) -> Any:
        """Take a sum that is known as a number; None if the product is 0 therefore.

        Weights that were given as a distribution sum to 1, and so do probabilities.
        """
        for atom, k in left.items():
            if atom.base.kind != "leaf" or k != 1:
                continue
            for axis, ix in enumerate(atom.index):
                if (
                    ix not in running
                    or any(ix in other.free for other in left if other is not atom)
                    or any(
                        ix in set(free_in_index(other))
                        for place, other in enumerate(atom.index)
                        if place != axis
                    )
                ):
                    continue
                rest = {a: j for a, j in left.items() if a != atom}
                if (free_of([(atom, k)]) & running) - {ix} - free_of(rest.items()):
                    continue
                fact = self.distributions.get((atom.base, axis))
                total = ONE if fact is not None else self.total_of(atom.base, axis)
                if total is None:
                    continue
                if fact is not None:
                    self.applied.add(fact)
                running.discard(ix)
                return rest, total
        return left, ONE

    def _canonical(self, factors: dict[Atom, Exponent], bound: set[Var]) -> Mono:
        """Return a monomial with its factors in order and its bound variables numbered."""
        factors = {a: k.numerator if k.denominator == 1 else k for a, k in factors.items() if k}
        if not bound:
            return Mono(tuple(sorted(factors.items(), key=_order)), ())
        colour: dict[Var, Any] = {v: (int(v.size),) for v in bound}
        for _ in range(2 if len(bound) > 1 else 1):
            colour = (
                {
                    v: (
                        int(v.size),
                        tuple(
                            sorted(
                                (
                                    a.base.serial,
                                    k,
                                    0 if a.base in self.symmetric else axis,
                                    tuple(_coloured(ix, colour) for ix in a.index),
                                )
                                for a, k in factors.items()
                                if v in a.free
                                for axis, ix in enumerate(a.index)
                                if ix is not None and (ix == v or v in set(free_in_index(ix)))
                            )
                        ),
                    )
                    for v in bound
                }
                if len(bound) > 1
                else colour
            )
        order = sorted(bound, key=lambda v: (repr(colour[v]), v.n))
        # below those that are bound further out
        outer = min((v.n for a in factors for v in a.free if v not in bound), default=0)
        first = min(outer, 0) - 1
        change = {v: Var(first - i, v.size) for i, v in enumerate(order)}
        made = self._changed(tuple(factors.items()), change)
        if self.symmetric:
            made = tuple((_sorted(a) if a.base in self.symmetric else a, k) for a, k in made)
        return Mono(tuple(sorted(made, key=_order)), tuple(change[v] for v in order))


def _slot(atom: Atom, axis: int) -> Any:
    """Return what stands for an index when axes are numbered: it, and the size of its axis."""
    ix = atom.index[axis]
    if ix is None or isinstance(ix, Var):
        return ix
    return ix, int(atom.base.sizes[axis]) if atom.base.sizes else -1


def _sorted(atom: Atom) -> Atom:
    """Return an entry of a symmetric matrix with its indices in one order."""
    if len(atom.index) == 2 and _full(atom.index[1]) < _full(atom.index[0]):
        return Atom(atom.base, atom.index[::-1])
    return atom


def _coloured(ix: Any, colour: Mapping[Var, Any]) -> Any:
    if ix is None:
        return ""
    return repr([colour.get(v, v.n) for v in free_in_index(ix)])


def _order(item: tuple[Atom, Exponent]) -> Any:
    atom, k = item
    if atom.rank is None:
        places = tuple((-1,) if ix is None else _full(ix) for ix in atom.index)
        atom.rank = (atom.base.serial, places)
    return (atom.rank, k)


def _is_exponential(atom: Atom) -> bool:
    return atom.base.kind == "function" and atom.base.positive


def _lesser(j: Exponent | None, k: Exponent | None, below: bool) -> Exponent:
    """Return the exponent that two terms have in common.

    With `below`, ``1 + 1 / e`` is ``(e + 1) / e``, so that it is met in either spelling.
    """
    if j and k and (j > 0) == (k > 0):
        return min(j, k, key=absolute)
    lower = min(j or 0, k or 0)
    return lower if below and lower < 0 else 0


def _number_power(c: Number, k: Exponent) -> Number:
    if k.denominator == 1 and isinstance(c, Fraction) and (c != 0 or k > 0):
        return c ** int(k)
    powered: float = float(c) ** float(k)
    return powered
