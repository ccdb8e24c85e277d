"""Meeting named values again: parts of a polynomial that are a value with a name.

A named value is met in any form: transposed, at the labels, summed within a longer product, as a
part of a sum, as its reciprocal. A product is matched factor by factor, a sum term by term.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from ..ops.choices import greater
from .normal_form import (
    ONE,
    Affine,
    Algebra,
    Atom,
    Base,
    Const,
    Exponent,
    Flat,
    Mono,
    Number,
    Part,
    Poly,
    Value,
    Var,
    absolute,
    exact,
    free,
    free_in_index,
    free_of,
    moved,
)

Images = dict[Var, Any]


def match(
    pattern: Mono,
    left: Mapping[Atom, Exponent],
    running: set[Var],
    params: frozenset[Var] = frozenset(),
    times: int = 1,
) -> tuple[Images, dict[Atom, Exponent], set[Var]] | None:
    """Find a product within another: what its variables are, what is left, which sums it takes.

    Bound variables of the pattern must be bound in the target and occur nowhere else there.
    """
    if not pattern.factors:
        return None
    factors = sorted(
        pattern.factors, key=lambda item: sum(1 for a in left if a.base is item[0].base)
    )
    if any(all(a.base is not p.base for a in left) for p, _ in factors):
        return None
    bound = set(pattern.bound)
    for images, rest in _assigned(factors, 0, {}, dict(left), params | bound, times):
        taken = {images.get(v) for v in bound}
        if len(taken) < len(bound) or any(
            not isinstance(v, Var) or v not in running or v in free_of(rest.items()) for v in taken
        ):
            continue
        others = {v for p, ix in images.items() if p not in bound for v in free_in_index(ix)}
        if taken & others:
            continue
        return images, rest, taken  # type: ignore[return-value] # each is a variable by now
    return None


def _assigned(
    factors: list[tuple[Atom, Exponent]],
    i: int,
    images: Images,
    left: dict[Atom, Exponent],
    params: frozenset[Var] | set[Var],
    times: int,
) -> Iterator[tuple[Images, dict[Atom, Exponent]]]:
    if i == len(factors):
        yield images, left
        return
    atom, k = factors[i]
    wanted = k * times
    for other, have in left.items():
        if (
            other.base is not atom.base
            or (have > 0) != (wanted > 0)
            or absolute(have) < absolute(wanted)
        ):
            continue
        if atom.base.boolean and times < 0:
            continue
        found: Images | None = images
        for p, ix in zip(atom.index, other.index, strict=True):
            found = None if found is None else _unified(p, ix, found, params)
        if found is None:
            continue
        rest = dict(left)
        rest[other] = have - wanted
        if not rest[other]:
            del rest[other]
        yield from _assigned(factors, i + 1, found, rest, params, times)


def _unified(p: Any, ix: Any, images: Images, params: Any) -> Images | None:
    """Return the images with which an index of the pattern is one of the target."""
    if isinstance(p, Var) and p in params:
        if isinstance(ix, Var) and ix.size != p.size:
            ix = Affine(ix, 0, 1)  # a shorter slice of it
        known = images.get(p)
        if known is None:
            return {**images, p: ix} if ix is not None else None
        return images if known == ix else None
    if (
        isinstance(p, Affine)
        and isinstance(ix, Affine)
        and (p.start, p.step) == (ix.start, ix.step)
    ):
        return _unified(p.index, ix.index, images, params)
    if isinstance(p, Flat) and isinstance(ix, Flat) and p.sizes == ix.sizes:
        found: Images | None = images
        for one, other in zip(p.parts, ix.parts, strict=True):
            found = None if found is None else _unified(one, other, found, params)
        return found
    if isinstance(p, Part) and isinstance(ix, Part) and (p.sizes, p.which) == (ix.sizes, ix.which):
        return _unified(p.index, ix.index, images, params)
    if isinstance(p, Value) and isinstance(ix, Value):
        one, other = p.poly.atom, ix.poly.atom
        if one is not None and other is not None and one.base is other.base:
            found = images
            for a, b in zip(one.index, other.index, strict=True):
                found = None if found is None else _unified(a, b, found, params)
            return found
    if isinstance(p, (Const, Value)) or p is None or isinstance(p, Var):
        return images if p == ix else None
    return None


class Names:
    """Named values, as what is to be met again.

    `define` gives a name to a polynomial by numbered axes; `fold` puts names in where they fit.
    """

    def __init__(self, algebra: Algebra) -> None:
        self.algebra = algebra
        self.direct: dict[Base, tuple[Atom, tuple[Any, ...]]] = {}
        #: patterns by one of the bases that they need: a rank, the pattern, its name, its axes
        self.products: dict[Base, list[tuple[Any, Mono, Number, Poly, frozenset[Var]]]] = {}
        self.sums: dict[Base, list[tuple[int, Mono, Poly, Poly, frozenset[Var]]]] = {}
        self.count = 0
        self.folded: dict[Base, Any] = {}
        self.done: dict[Poly, Poly] = {}
        self.met: dict[Mono, Poly | None] = {}

    def define(self, poly: Poly, name: Poly, first: bool = True) -> None:
        """Let `name` (a polynomial of named atoms by the same axes) stand for `poly`.

        With `first` it is met sooner than what has been defined before.
        """
        self.done.clear()
        self.folded.clear()
        self.met.clear()
        params = frozenset(free(poly))
        if not params >= frozenset(free(name)):
            return  # an axis along which the value is constant
        self.count += 1
        single = poly.single
        atom = poly.atom
        named = name.atom
        if (
            atom is not None
            and named is not None
            and all(isinstance(ix, Var) for ix in atom.index if ix is not None)
        ):
            if atom.base is named.base:
                return
            if first or atom.base not in self.direct:
                self.direct[atom.base] = (named, atom.index)
            return
        when = -self.count if first else self.count
        if single is not None:
            mono, c = single
            if mono.factors:
                # what is longer, or later, is met sooner than what it is made of
                key = max((a.base for a, _ in mono.factors), key=lambda base: base.serial)
                entry = ((-len(mono.factors), when), mono, c, name, params)
                self.products.setdefault(key, []).append(entry)
        elif len(poly.terms) > 1:
            anchor = max(poly.terms, key=lambda m: (len(m.factors), len(m.bound)))
            if anchor.factors:
                key = max((a.base for a, _ in anchor.factors), key=lambda base: base.serial)
                self.sums.setdefault(key, []).append((when, anchor, poly, name, params))

    def corners(self, ramp: Atom, name: Poly, above: bool) -> None:
        """Let a ramp be above its corner where its argument is: ``hidden > 0`` for ``z > 0``."""
        algebra = self.algebra
        params = {
            Var(n, size): ix
            for n, (size, ix) in enumerate(zip(ramp.base.sizes, ramp.index, strict=True))
        }
        bodies = ramp.base.what[2]
        numbers = [b for b in bodies if not free(b)]
        others = [b for b in bodies if free(b)]
        if len(numbers) != 1 or len(others) != 1:
            return
        corner, inner = numbers[0], self.fold(algebra.substitute(others[0], params))
        pair = (inner, corner) if above else (corner, inner)
        twin = (name, corner) if above else (corner, name)
        for guard in (False, True):
            old, new = (algebra.closed(p) for p in (pair, twin))
            masks = algebra.mask((greater, old[0]), old[2], guard)
            named = algebra.mask((greater, new[0]), new[2], guard)
            for one, other in zip(masks, named, strict=True):
                self.direct[one] = (Atom(other, new[1]), old[1])
            if corner.number == 0 and name.atom is not None:  # max(0, z) is 0 elsewhere anyway
                mask = Atom(named[0], new[1])
                product = algebra.monomial(ONE, ((name.atom, ONE), (mask, ONE)), ())
                self.define(product, name)

    # --- folding ---

    def fold(self, poly: Poly) -> Poly:
        """Return a polynomial by the names, inside its atoms too."""
        found = self.done.get(poly)
        if found is None:
            found = self._inside(poly)
            for _ in range(60):
                after = self._sum(found)
                after = found if after is None else after
                after = self._products(after)
                if after == found:
                    break
                found = after
            self.done[poly] = found
        return found

    def _inside(self, poly: Poly) -> Poly:
        """Fold what the atoms are made of."""
        algebra = self.algebra
        parts = []
        for term, c in poly.terms.items():
            factors: list[tuple[Atom, Exponent]] = []
            sums: list[Poly] = []
            if all(
                self._base(atom.base) is atom.base
                and all(self._index(ix) == ix for ix in atom.index)
                for atom, _ in term.factors
            ):
                parts.append(Poly({term: c}))
                continue
            mono = algebra._apart(term)
            for atom, k in mono.factors:
                index = tuple(self._index(ix) for ix in atom.index)
                folded = self._base(atom.base)
                if isinstance(folded, Base):
                    factors.append((Atom(folded, index), k))
                    continue
                change = {
                    Var(n, size): ix
                    for n, (size, ix) in enumerate(zip(atom.base.sizes, index, strict=True))
                    if ix != Var(n, size)
                }
                if isinstance(folded, Poly):  # a sum that has got another form
                    sums.append(algebra.power(algebra.substitute(folded, change), k, whole=True))
                    continue
                places = (None if ix is None else moved(ix, change, algebra) for ix in folded.index)
                factors.append((Atom(folded.base, tuple(places)), k))
            if not sums:
                parts.append(algebra.monomial(c, factors, mono.bound))
                continue
            whole = algebra.multiply(algebra.monomial(c, factors, ()), *sums)
            parts.append(algebra.sum(whole, mono.bound))
        return algebra.add(*parts)

    def _index(self, ix: Any) -> Any:
        return Value(self.fold(ix.poly)) if isinstance(ix, Value) else ix

    def _base(self, base: Base) -> Any:
        """Return what a base is by the names: itself, an atom by its axes, or a polynomial."""
        if base.kind not in ("function", "op", "sum"):
            return base
        found = self.folded.get(base)
        if found is None:
            self.folded[base] = base  # a value is never made of itself
            found = self.folded[base] = self._refolded(base)
        return found

    def _refolded(self, base: Base) -> Any:
        algebra = self.algebra
        if base.kind == "sum":
            after = self.fold(base.what)
            return base if after == base.what else after
        axes = tuple(Var(n, size) for n, size in enumerate(base.sizes))
        if base.kind == "op":
            if base in self.direct:
                return self._met(base, axes)
            bodies = tuple(map(self.fold, base.what[2]))
            if bodies == base.what[2]:
                return base
            made = algebra.base("op", (*base.what[:2], bodies, *base.what[3:]), base.sizes)
            made.boolean = base.boolean
            return self._met(made, axes)
        mask = base.what[0] == "mask"
        before = base.what[1][1] if mask else base.what[2]
        bodies = tuple(map(self.fold, before))
        if bodies == before:
            return self._met(base, axes) if base in self.direct else base
        closed, places, sizes = algebra.closed(bodies)
        if mask:
            made = algebra.mask((base.what[1][0], closed), sizes, base.what[3])[base.what[2]]
        else:
            made = algebra.base("function", (*base.what[:2], closed), sizes)
            made.boolean, made.positive, made.virtual = base.boolean, base.positive, base.virtual
        return self._met(made, places)

    def _met(self, base: Base, places: tuple[Any, ...]) -> Atom:
        """Return the atom at these places, by its name if it has one."""
        found = self.direct.get(base)
        if found is None:
            return Atom(base, places)
        named, index = found
        change = {v: ix for v, ix in zip(index, places, strict=True) if v is not None and v != ix}
        return Atom(
            named.base,
            tuple(None if ix is None else moved(ix, change, self.algebra) for ix in named.index),
        )

    def _products(self, poly: Poly) -> Poly:
        """Put named products in, within each term."""
        parts, changed = [], False
        for mono, c in poly.terms.items():
            if mono not in self.met:
                self.met[mono] = self._product(mono)
            after = self.met[mono]
            changed |= after is not None
            parts.append(Poly({mono: c}) if after is None else self.algebra.scale(after, c))
        return self.algebra.add(*parts) if changed else poly

    def _product(self, mono: Mono) -> Poly | None:
        algebra = self.algebra
        bases = {a.base for a, _ in mono.factors}
        patterns = sorted(
            (
                entry
                for base in bases
                for entry in self.products.get(base, ())
                if len(entry[1].factors) <= len(mono.factors)
            ),
            key=lambda entry: entry[0],
        )
        if not patterns:
            return None
        mono = algebra._apart(mono)  # its variables are free while its parts are handled
        for whole in (True, False):
            for _, pattern, c, name, params in patterns:
                for times in (1, -1):
                    if times < 0 and (pattern.bound or not _simple_name(name)):
                        continue
                    if len(pattern.factors) == 1 and not pattern.bound and not whole:
                        done = self._root(mono, pattern, c, name, params)
                        if done is not None:
                            return done
                    found = match(pattern, dict(mono.factors), set(mono.bound), params, times)
                    if found is None:
                        continue
                    images, rest, taken = found
                    if whole and any(a in rest and rest[a] != k for a, k in mono.factors):
                        continue
                    bound = [v for v in mono.bound if v not in taken]
                    named = algebra.power(algebra.substitute(name, images), times, whole=True)
                    scale = exact(1 / c) if times == 1 else c
                    one = Mono(tuple(rest.items()), ())
                    product = algebra.multiply(
                        Poly({one: scale}) if rest else Poly({Mono((), ()): scale}), named
                    )
                    return algebra.sum(product, bound) if bound else product
        return None

    def _root(self, mono: Mono, pattern: Mono, c: Number, name: Poly, params: Any) -> Poly | None:
        """Write a power of what a name is a power of: the variance to the -3/2 by the deviation."""
        ((atom, k),) = pattern.factors
        if c != 1:
            return None
        for other, have in mono.factors:
            ratio = Fraction(have) / k
            if other.base is not atom.base or ratio.denominator != 1:
                continue
            images: Images | None = {}
            for p, ix in zip(atom.index, other.index, strict=True):
                images = None if images is None else _unified(p, ix, images, params)
            if images is None:
                continue
            algebra = self.algebra
            named = algebra.power(algebra.substitute(name, images), ratio, whole=True)
            rest = {a: j for a, j in mono.factors if a != other}
            product = algebra.multiply(algebra.monomial(ONE, rest.items(), ()), named)
            return algebra.sum(product, mono.bound) if mono.bound else product
        return None

    def _sum(self, poly: Poly) -> Poly | None:
        """Put a named sum in, times whatever all its terms are multiplied with."""
        algebra = self.algebra
        if len(poly.terms) < 2:
            return None
        bases = {a.base for m in poly.terms for a, _ in m.factors}
        patterns = sorted(
            (
                entry
                for base in bases
                for entry in self.sums.get(base, ())
                if len(entry[2].terms) <= len(poly.terms)
            ),
            key=lambda entry: entry[0],
        )
        for _, anchor, pattern, name, params in patterns:
            d = pattern.terms[anchor]
            first = [*pattern.terms].index(anchor) + 1
            for term, c in poly.terms.items():
                mono = algebra._apart(term)
                found = match(anchor, dict(mono.factors), set(mono.bound), params)
                if found is None:
                    continue
                images, rest, taken = found
                if not params <= images.keys():
                    continue
                bound = {v for v in mono.bound if v not in taken}
                ratio = exact(c / d)
                beside = Poly({Mono(tuple(rest.items()), ()): ratio})
                parts: list[Poly] = []
                there = list(algebra.substitute(pattern, images).terms.items())
                for m, k in there[first:] + there[:first]:  # the anchor, which is there, last
                    part = algebra.sum(algebra.multiply(beside, Poly({m: k}), spread=True), bound)
                    if any(n not in poly.terms for n in part.terms):
                        break
                    parts.append(part)
                else:
                    whole = algebra.add(*parts)
                    if len(whole.terms) == len(pattern.terms) and all(
                        _close(poly.terms.get(m), k) for m, k in whole.terms.items()
                    ):
                        others = Poly({m: k for m, k in poly.terms.items() if m not in whole.terms})
                        named = algebra.multiply(beside, algebra.substitute(name, images))
                        return algebra.add(others, algebra.sum(named, bound))
        return None


def _close(a: Number | None, b: Number) -> bool:
    return a is not None and (a == b or abs(float(a) - float(b)) <= 1e-12 * abs(float(b)))


def _simple_name(name: Poly) -> bool:
    return name.atom is not None
