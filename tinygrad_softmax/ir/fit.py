"""Numbers and arrays that depend on sizes, as expressions of them.

A function is traced at three sets of sizes. What differs between the traces is a number such as
``1 / N`` or an array such as ``np.eye(K)``: here it is determined which, from the three values, and
what is found is computed again at all three before it is accepted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from ..ops.choices import equal, less, where
from ..ops.elementwise import absolute, add, astype, multiply, power, remainder
from ..ops.indexing import getitem
from ..ops.shaping import broadcast_to, expand_dims, reshape
from .expr import Expr, World, arange, eye, tri
from .sizes import Dim, named
from .visit import evaluate

#: From so many sizes on only products and sums of two neighbours are looked at.
_MANY = 12
#: Up to so many entries, an array that never changes is written out.
_SMALL = 3


class Fit:
    """Finds expressions in `world` for values at several `points`, the sizes by label."""

    def __init__(self, world: World, points: list[dict[str, int]], labels: list[str]) -> None:
        self.world, self.points, self.labels = world, points, labels
        self.known: dict[Any, Any] = {}
        self.hot: list[tuple[Expr, int]] = []  # labels made one-hot, and the number of classes
        self.leaves: dict[str, Any] = {label: world.dims[points[0][label]] for label in labels}

    # --- numbers ---

    def size(self, values: tuple[int, ...], wish: Expr | None = None) -> int | None:
        """Return a size, as a number or with its name; None if it follows from no others.

        `wish` is how the user came by it, which is taken if there is no simpler way.
        """
        values = tuple(map(int, values))
        if len({*values}) == 1:
            return values[0]
        if values not in self.known:
            found = self._whole(values)
            found = wish if found is None else found
            self.known[values] = None if found is None else named(values[0], found)
        made: int | None = self.known[values]
        return made

    def number(self, values: tuple[Any, ...], weak: bool = True) -> Any:
        """Return a number as an expression of sizes."""
        if len({*map(repr, values)}) == 1:
            return self.world.lift(values[0])
        key = (values, weak)
        if key not in self.known:
            whole = all(isinstance(v, (int, np.integer)) for v in values)
            self.known[key] = self._whole(tuple(map(int, values))) if whole else \
                self._real(tuple(map(float, values)))  # fmt: skip
        found: Any = self.known[key]
        if found is None or weak or whole_type(values) == found.dtype:
            return found
        return astype(found, dtype=whole_type(values))

    def _whole(self, v: tuple[int, ...]) -> Any:
        """Return an integer: ``c * s + o``, ``(s + o) // b``, of sizes and products of two."""
        for label in self.labels:
            if tuple(point[label] for point in self.points) == v:
                leaf: Expr = self.leaves[label].expr
                return leaf
        singles = [(self._column(label), self.leaves[label]) for label in self.labels]
        pairs = [(tuple(a * b for a, b in zip(m, n, strict=True)), (p, q))
                 for i, (m, p) in enumerate(singles) for n, q in singles[i:]
                 if len(singles) <= _MANY or max(m) * min(n) <= 4 * max(v)]  # fmt: skip
        for m, size in singles:
            if (made := _linear(v, m)) is not None or (made := _floored(v, m)) is not None:
                return made(size)
        for m, (p, q) in pairs:
            if (made := _linear(v, m)) is not None or (made := _floored(v, m)) is not None:
                return made(p * q)
        few = singles if len(singles) <= _MANY else []
        for (m, p), (n, q), o in product(few, few, (-1, 1)):  # N * (N - 1) / 2
            both = tuple(a * (b + o) for a, b in zip(m, n, strict=True))
            for b in (1, 2):
                if tuple(b * a for a in v) == both:
                    other = q.expr - 1 if o < 0 else q.expr + 1
                    made = p.expr * other
                    return made if b == 1 else made // 2
        wide = [(m, p) for m, p in few] + ([(m, p * q) for m, (p, q) in pairs] if few else [])
        for (m, p), c in product(wide, (1, -1, 2)):
            rest = tuple(a - c * b for a, b in zip(v, m, strict=True))
            for n, q in few:
                if (made := _linear(rest, n)) is not None:
                    other = made(q)
                    first = self.world.lift(p if abs(c) == 1 else c * p)
                    return other - first if c < 0 else first + other
        for (m, (p, q)), (n, r) in product(pairs if few else [], few):
            cube = tuple(a * b for a, b in zip(m, n, strict=True))
            if (made := _linear(v, cube)) is not None:
                return made(p * q * r)
        return None

    def _column(self, label: str) -> Any:
        return tuple(point[label] for point in self.points)

    def _real(self, v: tuple[float, ...]) -> Any:
        """Return a number: ``c * m + o``, m being a product of powers of sizes, or a logarithm."""
        if not all(map(math.isfinite, v)):
            return None
        bases = [(np.array(self._column(label), float) + o, self.leaves[label] + o)
                 for label in self.labels for o in (0, -1, 1)]  # fmt: skip
        if len(self.labels) <= 4:  # 2 / (n + m)
            bases += [(m + n, p + q) for i, (m, p) in enumerate(bases[::3])
                      for n, q in bases[3 * i + 3 :: 3]]  # fmt: skip
        monomials = [(m**e, [(size, e)]) for m, size in bases for e in (1, -1, 0.5, -0.5, 2, -2)]
        found = self._scaled(v, monomials)
        if found is None and len(self.labels) <= _MANY:
            some = bases if len(self.labels) <= 4 else bases[::3]
            plain = [(m**e, [(size, e)]) for m, size in some for e in (1, -1, 0.5, -0.5)]
            found = self._scaled(v, [(m * n, p + q) for i, (m, p) in enumerate(plain)
                                     for n, q in plain[i:] if p[0][0] is not q[0][0]])  # fmt: skip
        if found is None:
            found = self._shifted(v, monomials)
        if found is None:
            logs = [(np.log(m), size) for m, size in bases]
            for m, size in logs:
                if (c := _factor(v, m)) is not None:
                    one = np.log(size).expr
                    found = one if c == 1 else self.world.lift(_tidied(c)) * one
                    break
        return found

    def _scaled(self, v: Any, monomials: list[Any]) -> Any:
        for m, factors in monomials:
            if (c := _factor(v, m)) is not None:
                return self._product(c, factors)
        return None

    def _shifted(self, v: Any, monomials: list[Any]) -> Any:
        for m, factors in monomials:
            c = (v[1] - v[0]) / (m[1] - m[0])
            c, o = _short(c), _short(v[0] - c * m[0])
            if c and np.allclose(c * m + o, v, rtol=1e-14, atol=0):
                return self.world.lift(_tidied(o)) + self._product(c, factors)
        return None

    def _product(self, c: float, factors: list[tuple[Any, float]]) -> Any:
        """Write ``c * N / (K * sqrt(D))``."""
        over, under = [
            [_powered(self.world.lift(size), abs(e)) for size, e in factors if e * side > 0]
            for side in (1, -1)
        ]
        top = None
        for factor in over:
            top = factor if top is None else top * factor
        if top is None or c != 1:
            number = self.world.lift(_tidied(c))
            top = number if top is None else number * top
        if under:
            top = top / (under[0] if len(under) == 1 else under[0] * under[1])
        return top

    # --- arrays ---

    def array(
        self,
        arrays: tuple[Any, ...],
        labels: list[Any],
    ) -> Expr | None:
        """Return an array as an expression of sizes, or of labels that it was made from.

        `labels` are values of integer expressions that NumPy was handed, and how to get these.
        """
        first = arrays[0]
        if any(a.dtype != first.dtype or a.ndim != first.ndim for a in arrays):
            return None
        same = all(np.array_equal(a, first) or _equal(a, first) for a in arrays)
        if same and 0 in first.shape:
            return self.world.lift(first)
        ways: tuple[Callable[[], Expr | None], ...] = (
            lambda: self._general(arrays, same),
            lambda: self._by_labels(arrays, labels),
        )
        for way in ways:
            with suppress(_NothingError):
                found = way()
                if found is not None and all(
                    np.asarray(value).dtype == a.dtype and _equal(value, a)
                    for value, a in zip(self.at_labels(found, labels), arrays, strict=True)
                ):
                    return found
        return self.world.lift(first) if same else None

    def at_labels(self, e: Expr, labels: Any) -> list[Any]:
        """Return the values at all points, those of the labels being what they were there."""
        result = []
        for i, point in enumerate(self.points):
            known = {made: values[i] for get, values in labels if (made := get()) is not None}
            result.append(evaluate([e], dict(point), known)[0])
        return result

    def _general(self, arrays: tuple[Any, ...], same: bool) -> Any:
        """Return an array: constant, along an axis or as a whole, a triangle, or numbers counted.

        Raises
        ------
        _NothingError
            If it is nothing of the kind.
        """
        first = arrays[0]
        if not all(a.size for a in arrays):
            raise _NothingError
        if all(_equal(a, np.broadcast_to(a.flat[0], a.shape)) for a in arrays):
            filling = self._entry(tuple(a.flat[0] for a in arrays))
            return broadcast_to(filling, shape=self._shape(arrays)) if first.ndim else filling
        for axis in range(first.ndim):
            if all(_equal(a, np.broadcast_to(a.take([0], axis), a.shape)) for a in arrays):
                inner = self._general(tuple(a.take(0, axis) for a in arrays), same)
                lone = all(a.shape[axis] == 1 for a in arrays)
                shape = self._shape(arrays)
                kept = reshape(inner, shape=(*shape[:axis], 1, *shape[axis + 1 :]))
                return kept if lone else broadcast_to(kept, shape=shape)
        if first.ndim == 1:
            return self._line(arrays, same)
        if first.ndim == 2:
            return self._table(arrays, same)
        raise _NothingError

    def _shape(self, arrays: tuple[Any, ...]) -> Any:
        sizes = [self.size(values) for values in zip(*(a.shape for a in arrays), strict=True)]
        if None in sizes:
            raise _NothingError
        return tuple(sizes)

    def _entry(self, values: tuple[Any, ...]) -> Any:
        """Return an entry of an array, of its type."""
        found = self.number(values, weak=False)
        if found is None:
            raise _NothingError
        return found

    def _counted(self, n: int, start: Expr, step: Expr, dtype: Any) -> Any:
        made = self.world.create(arange, n=n, dtype=_builtin(dtype))
        if not _is(step, 1):
            made = multiply(made, step)
        return made if _is(start, 0) else add(made, start)

    def _line(self, arrays: tuple[Any, ...], same: bool) -> Any:
        """Return numbers that rise evenly, or repeat, or are different only up to a place."""
        if same and len(arrays[0]) <= _SMALL:
            raise _NothingError
        (n,), dtype = self._shape(arrays), arrays[0].dtype
        if dtype.kind in "iuf" and all(_even(a) for a in arrays):
            whole = dtype.kind != "f"
            starts = tuple(a[0] for a in arrays)
            steps = tuple(a[1] - a[0] for a in arrays) if whole else \
                tuple((a[-1] - a[0]) / (len(a) - 1) for a in arrays)  # fmt: skip
            start, step = self._entry(starts), self._entry(steps)
            return self._counted(n, start, step, dtype)
        if all(len(np.unique(a)) == 2 for a in arrays):  # np.arange(N) < 100
            turns = [np.flatnonzero(a != a[0]) for a in arrays]
            if all(len(t) == len(a) - t[0] for t, a in zip(turns, arrays, strict=True)):
                until = self._entry(tuple(int(t[0]) for t in turns))
                chosen = less(self.world.create(arange, n=n), until)
                return self._either(chosen, arrays, 0, -1)
        if dtype.kind in "iu" and all(
            np.array_equal(a, (np.arange(len(a)) + a[0]) % len(a)) for a in arrays
        ):
            start = self._entry(tuple(a[0] for a in arrays))
            return remainder(add(self.world.create(arange, n=n), start), n)
        for period in range(2, 9):
            first = arrays[0][:period]
            if all(_equal(a, first[np.arange(len(a)) % period]) for a in arrays):
                turn = remainder(self.world.create(arange, n=n), period)
                counts = np.array_equal(first, np.arange(period)) and dtype.kind == "i"
                return turn if counts else getitem(self.world.lift(first), index=(turn,))
        if dtype.kind == "f" and all(a[0] and len(a) > 2 for a in arrays):
            ratios = {_short(float(a[1] / a[0])) for a in arrays}
            (ratio,) = ratios if len(ratios) == 1 else (None,)
            if (
                ratio
                and ratio > 0
                and all(np.array_equal(a, a[0] * ratio ** np.arange(len(a))) for a in arrays)
            ):
                powers = power(ratio, self.world.create(arange, n=n))
                start = self._entry(tuple(a[0] for a in arrays))
                return powers if _is(start, 1) else start * powers
        raise _NothingError

    def _either(self, chosen: Expr, arrays: tuple[Any, ...], first: Any, last: Any) -> Any:
        """Return one of two values, by whether an entry is chosen; a plain mask as it is."""
        taken, left = (tuple(a[place] for a in arrays) for place in (first, last))
        if arrays[0].dtype == bool and all(taken):
            return chosen
        return where(chosen, self._entry(taken), self._entry(left))

    def _table(self, arrays: tuple[Any, ...], same: bool) -> Any:
        """Return a diagonal, a triangle, or numbers that rise evenly both ways."""
        n, m = self._shape(arrays)
        dtype = arrays[0].dtype
        if all(len(np.unique(a)) == 2 for a in arrays):
            for op, made in ((eye, np.eye), (tri, np.tri)):
                for turned in (False, True):
                    places = [_corner(a, made, turned) for a in arrays]
                    if None in places:
                        continue
                    k = self.size(tuple(p[0] for p in places))
                    if k is None:
                        continue
                    return self._masked(op, (n, m, k), arrays, places, dtype)
            raise _NothingError
        if dtype.kind in "iuf" and all(_even(a.T[0]) and _even(a[0]) for a in arrays):
            if all(np.array_equal(a, np.arange(a.size).reshape(a.shape)) for a in arrays):
                return reshape(self.world.create(arange, n=n * m, dtype=_builtin(dtype)),
                               shape=(n, m))  # fmt: skip
            zero = self.world.lift(dtype.type(0))
            start = self._entry(tuple(a[0, 0] for a in arrays))
            rows = self._counted(
                n, start, self._entry(tuple(a[1, 0] - a[0, 0] for a in arrays)), dtype
            )
            flat = all(_equal(a, a[:, :1] + a[:1] - a[0, 0]) for a in arrays)
            side = 1 if flat else -1  # abs(i - j): a distance
            columns = self._counted(
                m, zero, self._entry(tuple(side * (a[0, 1] - a[0, 0]) for a in arrays)), dtype
            )
            made = add(expand_dims(rows, 1), columns)
            return made if flat else absolute(made)
        raise _NothingError

    def _masked(self, op: Any, sizes: Any, arrays: Any, places: Any, dtype: Any) -> Any:
        n, m, k = sizes
        other = None if n == m else m
        on, off = (tuple(p[i] for p in places) for i in (1, 2))
        if all(v == 1 for v in on) and not any(off):
            return self.world.create(op, n=n, m=other, k=k, dtype=_builtin(dtype))
        mask = self.world.create(op, n=n, m=other, k=k, dtype=bool)
        return where(mask, self._entry(on), self._entry(off))

    def _by_labels(self, arrays: tuple[Any, ...], labels: Any) -> Any:
        """Return ``np.eye(K)[y]``, ``weights[y]``: what was made from values of labels."""
        for get, values in labels:
            ndim = values[0].ndim
            if any(v.shape == a.shape[: v.ndim] for v, a in zip(values, arrays, strict=True)):
                for _, table in self.world.arrays.values():
                    pairs = zip(values, arrays, strict=True)
                    if table.ndim and all(_equal(_rows(table, v), a) for v, a in pairs):
                        return getitem(self.world.lift(table), index=(get(),))
            if arrays[0].ndim == ndim + 1:
                for axis in range(ndim, -1, -1):
                    found = self._hot(arrays, values, axis, get)
                    if found is not None:
                        return found
            found = self._rows(arrays, values, get)
            if found is not None:
                return found
        return None

    def _hot(self, arrays: Any, values: Any, axis: int, get: Any) -> Any:
        masks = []
        for a, v in zip(arrays, values, strict=True):
            if a.shape[:axis] + a.shape[axis + 1 :] != v.shape or not a.size:
                return None
            places = np.expand_dims(
                np.arange(a.shape[axis]), [i for i in range(a.ndim) if i != axis]
            )
            masks.append(np.expand_dims(v, axis) == places)
        pairs = [[np.unique(a[side]) for side in (mask, ~mask)]
                 for a, mask in zip(arrays, masks, strict=True)]  # fmt: skip
        if any(len(part) != 1 for pair in pairs for part in pair):
            return None
        on, off = (tuple(pair[i][0] for pair in pairs) for i in (0, 1))
        k, label = self._shape(arrays)[axis], get()
        if label is None:
            return None
        self.hot.append((label, k))
        dtype = arrays[0].dtype
        if all(v == 1 for v in on) and not any(off) and axis in (0, arrays[0].ndim - 1):
            table = self.world.create(eye, n=k, dtype=_builtin(dtype))
            before = (slice(None),) if axis == 0 and arrays[0].ndim > 1 else ()
            return getitem(table, index=(*before, label))
        shape = tuple(k if i == axis else 1 for i in range(arrays[0].ndim))
        columns = reshape(self.world.create(arange, n=k), shape=shape)
        mask = equal(expand_dims(label, axis), columns)
        return where(mask, self._entry(on), self._entry(off))

    def _rows(self, arrays: Any, values: Any, get: Any) -> Any:
        """Return rows of a table that was the same in every trace: ``np.array([1., 2.])[y]``."""
        if any(v.shape != a.shape[: v.ndim] or (v < 0).any()
               for v, a in zip(values, arrays, strict=True)):  # fmt: skip
            return None
        if len({a.shape[v.ndim :] for v, a in zip(values, arrays, strict=True)}) > 1:
            return None
        chosen, rows = (np.concatenate(parts) for parts in (
            [v.ravel() for v in values],
            [a.reshape(v.size, *a.shape[v.ndim :]) for v, a in zip(values, arrays, strict=True)],
        ))  # fmt: skip
        seen, at = np.unique(chosen, return_index=True)
        if not np.array_equal(seen, np.arange(len(seen))) or not _equal(rows[at][chosen], rows):
            return None
        label = get()
        return None if label is None else getitem(self.world.lift(rows[at]), index=(label,))


class _NothingError(Exception):
    """An array that is nothing of the kind."""


def _linear(v: tuple[int, ...], m: tuple[int, ...]) -> Callable[[Any], Any] | None:
    """Return how ``v = c * m + o`` is made of m: with small whole numbers, or halves of them."""
    if m[0] == m[1] or len({*m}) < 2:
        return None
    c = Fraction(v[1] - v[0], m[1] - m[0])
    o = v[0] - c * m[0]
    simple = c and c.denominator == 1 and abs(c) <= 64 and abs(o) <= 1000
    if not simple or any(c * a + o != b for a, b in zip(m, v, strict=True)):
        return None
    scale, offset = int(c), int(o)

    def made(size: Any) -> Any:
        e = size.expr if isinstance(size, Dim) else size
        if scale < 0:
            return offset - (e if scale == -1 else -scale * e)
        e = e if scale == 1 else scale * e
        return e - -offset if offset < 0 else e + offset if offset else e

    return made


def _floored(v: tuple[int, ...], m: tuple[int, ...]) -> Callable[[Any], Any] | None:
    """Return how ``v = (c * m + o) // b`` is made of m."""
    for b, c in product(range(2, 17), (1, 2, 3)):
        if math.gcd(b, c) > 1:
            continue
        for o in (0, b - 1, -1, 1):
            if all((c * a + o) // b == n for a, n in zip(m, v, strict=True)):

                def made(size: Any, b: int = b, c: int = c, o: int = o) -> Any:
                    e = size.expr if isinstance(size, Dim) else size
                    e = e if c == 1 else c * e
                    return (e - -o if o < 0 else e + o if o else e) // b

                return made
    return None


def _factor(v: Any, m: Any) -> float | None:
    """Return c where ``v = c * m`` but for rounding."""
    c = np.asarray(v) / m
    if not c[0] or np.max(np.abs(c - c[0])) > 2e-15 * abs(c[0]):
        return None
    short = _short(float(c[0]))
    return short if np.allclose(short * m, v, rtol=2e-15, atol=0) else float(c[0])


def _short(c: float) -> float:
    return float(f"{c:.12g}")


def _tidied(c: float) -> float:
    """Return a number as it is written: a whole one without a point."""
    return int(c) if float(c).is_integer() and abs(c) < 1e15 else c


def _powered(size: Expr, e: float) -> Any:
    return size if e == 1 else size**e if e != 2 else size**2


def whole_type(values: tuple[Any, ...]) -> Any:
    """Return the type that NumPy's numbers have."""
    return np.result_type(*map(np.asarray, values))


def _is(e: Expr, number: float) -> bool:
    return isinstance(e.value, np.ndarray) and not e.shape and e.value == number


def _even(a: Any) -> bool:
    """Whether numbers rise evenly."""
    if len(a) < 2 or not np.isfinite(a).all():
        return False
    steps = np.diff(a.astype(float))
    return bool(steps[0] and np.allclose(steps, steps[0], rtol=1e-9, atol=0))


def _equal(a: Any, b: Any) -> bool:
    """Whether arrays are the same but for the rounding of numbers counted in another way."""
    if np.shape(a) != np.shape(b):
        return False
    if np.asarray(b).dtype.kind != "f":
        return bool(np.array_equal(a, b))
    return bool(np.allclose(a, b, rtol=1e-13, atol=1e-13 * _largest(b), equal_nan=True))


def _largest(b: Any) -> float:
    finite = np.abs(b)[np.isfinite(b)]
    return float(finite.max()) if finite.size else 0.0


def _rows(table: Any, chosen: Any) -> Any:
    fits = chosen.size and -len(table) <= chosen.min() and chosen.max() < len(table)
    return table[chosen] if fits else None


def _corner(a: Any, made: Any, turned: bool) -> Any:
    """Return the diagonal, and the two values, of what is ``made(n, m, k)`` but for these."""
    low, high = np.unique(a)
    on, off = (low, high) if turned else (high, low)
    mask = a == on
    if made is np.tri:
        places = [r for r, count in enumerate(mask.sum(1)) if 0 < count < a.shape[1]]
        if not places:
            return None
        k = int(mask[places[0]].sum()) - 1 - places[0]
    else:
        k = int(mask[0].argmax()) if mask[0].any() else -int(mask[:, 0].argmax())
    return (k, on, off) if np.array_equal(mask, made(*a.shape, k, bool)) else None


def _builtin(dtype: Any) -> Any:
    """Return a type as one writes it."""
    return next((kind for kind in (float, int, bool) if np.dtype(kind) == dtype), dtype)


def divisors(n: int) -> Iterator[int]:
    """Yield the small divisors of a number, without 1."""
    return (m for m in range(2, min(n, 64) + 1) if n % m == 0)
