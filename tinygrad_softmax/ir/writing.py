"""From index notation back to NumPy: sums over indices as products of matrices and sums over axes.

A product is written by choosing which sum is taken first, so that no array gets larger than it
must (matrix-chain order); a sum by what its terms have in common. What comes out are expressions of
plain ops again, for the printers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from ..core.op import Op
from ..core.shapes import broadcast
from ..core.shapes import picked as picked_shape
from ..ops import choices, elementwise, indexing, linalg, reductions, shaping
from .expr import (
    Counted,
    DerivationError,
    Dim,
    Expr,
    Noted,
    Slot,
    World,
    arange,
    eye,
    picked_sizes,
    standin,
    tri,
)
from .normal_form import (
    ONE,
    UNIT,
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
    mono_key,
)
from .reading import Reading


class Tensor(NamedTuple):
    """An expression, and which index runs along each of its axes (None along one of size 1)."""

    e: Expr
    dims: tuple[Var | None, ...]


class NoWayToWriteError(DerivationError):
    """A form that has no NumPy of its own; another one is chosen."""


class Writer:
    """Writes polynomials as expressions."""

    def __init__(self, algebra: Algebra, reading: Reading, world: World) -> None:
        self.algebra, self.reading, self.world = algebra, reading, world
        self.done: dict[Any, Expr] = {}
        self.conditions = False  # whether a delta may be written as a comparison of places
        self.tensors: dict[Any, Tensor] = {}

    # --- ops ---

    def make(self, op: Op, *args: Expr, **settings: Any) -> Expr:
        """Return an op on operands, shape by its rule."""
        full = op.settings | settings
        shape = op.shape(
            *(a.shape for a in args[: len(args) if op.variadic else len(op.argnames)]),
            **{n: standin(v, args) for n, v in full.items()},
        )
        return self.world.make(op, tuple(args), tuple(full.items()), shape)

    def number(self, value: Any) -> Expr:
        """Return a number, a whole one without a decimal point."""
        if isinstance(value, Fraction):
            if value.denominator != 1:
                top, bottom = self.number(value.numerator), self.number(value.denominator)
                return self.make(elementwise.divide, top, bottom)
            return self.world.lift(int(value))
        return self.world.lift(int(value) if value == int(value) and abs(value) < 1e15 else value)

    # --- entry ---

    def full(self, poly: Poly, shape: tuple[int, ...], factored: bool = True) -> Expr:
        """Return an array of exactly this shape, its entries by the numbered axes."""
        target = tuple(None if n == 1 else Var(a, n) for a, n in enumerate(shape))
        write = self.tensor if factored else self._sum
        found = self.aligned(write(poly, target), target, keep=True)
        if tuple(found.shape) == tuple(shape):
            return found
        if math.prod(found.shape) == math.prod(shape) == 1:
            return self.make(shaping.reshape, found, shape=tuple(shape))
        return self.make(shaping.broadcast_to, found, shape=tuple(shape))

    def compact(self, poly: Poly, target: tuple[Var | None, ...]) -> Expr:
        """Return an array that broadcasts to the target."""
        return self.aligned(self.tensor(poly, target), target)

    def tensor(self, poly: Poly, target: tuple[Var | None, ...]) -> Tensor:
        """Write a polynomial; `target` is the order that its axes should have."""
        key = (poly, target, self.conditions)
        if key not in self.tensors:
            self.tensors[key] = self._tensor(poly, target)
        return self.tensors[key]

    def _tensor(self, poly: Poly, target: tuple[Var | None, ...]) -> Tensor:
        split = self._parts(poly)
        if split is not None:
            return self._merged(poly, target, split)
        factored = self.factored(poly)
        return self._sum(factored, target)

    def _parts(self, poly: Poly) -> Part | None:
        for mono in poly.terms:
            for atom, _ in mono.factors:
                for ix in atom.index:
                    stack = [ix]
                    while stack:
                        one = stack.pop()
                        if isinstance(one, Part) and isinstance(one.index, Var):
                            return one
                        if isinstance(one, (Part, Affine)):
                            stack.append(one.index)
                        elif isinstance(one, Flat):
                            stack += one.parts
        return None

    def _merged(self, poly: Poly, target: Any, part: Part) -> Tensor:
        """Write by the parts of a reshaped axis, and reshape at the end."""
        var, sizes = part.index, part.sizes
        parts = tuple(self.algebra.fresh(n) for n in sizes)
        opened = self.algebra.substitute(poly, {var: Flat(parts, sizes)})
        inner: list[Any] = []
        for v in target:
            inner += parts if v == var else [v]
        e = self.full_by(opened, tuple(inner))
        shape = tuple(1 if v is None else v.size for v in target)
        return Tensor(self.make(shaping.reshape, e, shape=shape), tuple(target))

    def full_by(self, poly: Poly, target: tuple[Any, ...]) -> Expr:
        """Return an array of exactly the target's shape."""
        e = self.aligned(self.tensor(poly, target), target, keep=True)
        shape = tuple(1 if v is None else v.size for v in target)
        return e if tuple(e.shape) == shape else self.make(shaping.broadcast_to, e, shape=shape)

    # --- axes ---

    def aligned(self, t: Tensor, target: tuple[Any, ...], keep: bool = False) -> Expr:
        """Return a tensor with its axes where the target has them; leading ones may be absent."""
        e, dims = t
        wanted = [v for v in target if v is not None and v in dims]
        have = [v for v in dims if v is not None]
        if len(wanted) != len(have):
            raise NoWayToWriteError
        if tuple(dims) == tuple(target) or (
            not keep and tuple(dims) == tuple(target)[len(target) - len(dims) :]
        ):
            return e
        right = tuple(target)[len(target) - len(dims) :]
        if (
            not keep
            and len(dims) <= len(target)
            and all(v is None or v == t for v, t in zip(dims, right, strict=True))
        ):
            return e
        turned = tuple(reversed(dims))
        if (
            not keep
            and len(dims) == 2 == len(right)
            and None in dims
            and all(v is None or v == t for v, t in zip(turned, right, strict=True))
        ):
            return self._turned(e, [1, 0])
        if tuple(turned) == tuple(target) and len(dims) == 2:
            return self._turned(e, [1, 0])
        if not have and (not dims or not keep):
            surplus = len(dims) - len(target)
            return self.make(indexing.getitem, e, index=(0,) * surplus) if surplus > 0 else e
        kept = self._keeping(t, target)
        if kept is not None:
            return kept
        if None in dims:
            e = self._without_ones(e, dims)
        if have != wanted:
            e = self._turned(e, [have.index(v) for v in wanted])
        places = [v if v in wanted else None for v in target]
        if not keep:
            while places and places[0] is None:
                places.pop(0)
        if None in places:
            index = tuple(None if v is None else slice(None) for v in places)
            while index and index[-1] == slice(None):
                index = index[:-1]
            if index:
                e = self.make(indexing.getitem, e, index=index)
        return e

    def _without_ones(self, e: Expr, dims: tuple[Any, ...]) -> Expr:
        """Return an array without its axes of size 1."""
        index = tuple(0 if v is None else slice(None) for v in dims)
        while index and index[-1] == slice(None):
            index = index[:-1]
        return self.make(indexing.getitem, e, index=index) if index else e

    def _turned(self, e: Expr, axes: list[int]) -> Expr:
        if e.op is shaping.transpose and len(axes) == 2:
            (x,) = e.inputs
            return x
        given = None if axes == list(range(len(axes)))[::-1] else tuple(axes)
        return self.make(shaping.transpose, e, axes=given)

    def _keeping(self, t: Tensor, target: tuple[Any, ...]) -> Expr | None:
        """Return a sum or mean with its axes kept, if that puts it in place without an index."""
        e, dims = t
        inner = e.args[0] if e.op is elementwise.divide and e in self.world.calls else e
        if inner.op is not reductions.sum or inner.setting("keepdims"):
            return None
        (x,) = inner.args
        axes = inner.setting("axis")
        axes = (
            tuple(range(len(x.shape)))
            if axes is None
            else (axes if isinstance(axes, tuple) else (axes,))
        )
        axes = tuple(a % len(x.shape) for a in axes)
        if len(x.shape) != len(target):
            return None
        places = iter(dims)
        laid = tuple(None if a in axes else next(places) for a in range(len(x.shape)))
        if laid != tuple(v if v in dims else None for v in target):
            return None
        kept = self.summed(x, axes, keepdims=True)
        return self.averaged(kept, e.args[1]) if inner is not e else kept

    def summed(self, x: Expr, axes: tuple[int, ...], keepdims: bool = False) -> Expr:
        """Return a sum over axes, written with as little as possible."""
        axis: Any = axes[0] if len(axes) == 1 else axes
        if len(axes) == len(x.shape) and not keepdims:
            axis = None
        return self.make(reductions.sum, x, axis=axis, dtype=None, keepdims=keepdims)

    def averaged(self, total: Expr, count: Expr) -> Expr:
        """Return a sum divided by its count, which is written as a mean."""
        made = self.make(elementwise.divide, total, count)
        keywords = {}
        if total.setting("axis") is not None:
            keywords["axis"] = total.setting("axis")
        if total.setting("keepdims"):
            keywords["keepdims"] = True
        self.world.calls.setdefault(made, Noted("np.mean", total.args, keywords))
        return made

    # --- atoms ---

    def atom(self, atom: Atom, order: tuple[Var | None, ...]) -> Tensor:
        """Write an entry of a base, the axes of what is computed here in the given order."""
        base, index = atom.base, atom.index
        if base is self.algebra.delta:
            return self._identity(atom)
        if base.kind == "leaf":
            if isinstance(base.what, Expr):
                return self.picked(base.what, index)
            return Tensor(self.number(base.what[1]), ())
        params = [Var(n, size) for n, size in enumerate(base.sizes)]
        rank = {v: i for i, v in enumerate(order) if v is not None}
        if base.kind == "op":
            return self.picked(self._op(base), index)
        if all(isinstance(ix, Var) for ix in index):
            back = dict(zip(index, params, strict=True))
            places = tuple(back.get(v) for v in order)
            if set(index) <= set(order) and self._has_axes_of_one(base, places):
                e = self.body(base, places)
                own = order[len(order) - len(e.shape) :]
                return Tensor(
                    e, tuple(None if n == 1 else v for n, v in zip(e.shape, own, strict=True))
                )
        laid = sorted(
            params,
            key=lambda p: min((rank.get(v, 99) for v in free_in_index(index[p.n])), default=99),
        )
        return self.picked(self.body(base, tuple(laid)), tuple(index[p.n] for p in laid))

    def _has_axes_of_one(self, base: Base, places: tuple[Any, ...]) -> bool:
        """Whether what a base is made of has axes of size 1 where `places` has others."""
        if base.kind == "sum":
            bodies = (base.what,)
        else:
            bodies = base.what[1][1] if base.what[0] == "mask" else base.what[2]
        return any(
            self._stands_in(a, places) for body in bodies for m in body.terms for a, _ in m.factors
        )

    def _identity(self, atom: Atom) -> Tensor:
        a, b = atom.index
        if isinstance(a, Var) and isinstance(b, Var):
            m = None if int(a.size) == int(b.size) else b.size
            return Tensor(self.make(eye, n=a.size, m=m, k=0, dtype=float), (a, b))
        if not self.conditions:
            raise NoWayToWriteError
        dims = tuple(sorted({*free_in_index(a), *free_in_index(b)}, key=lambda v: v.n))
        made = self.make(choices.equal, self._place(a, dims), self._place(b, dims))
        return Tensor(made, self._dims_of(made, dims))

    def _place(self, ix: Any, dims: tuple[Var, ...]) -> Expr:
        """Write a place along an axis as a number."""
        if isinstance(ix, Const):
            return self.number(ix.value)
        if isinstance(ix, Value):
            return self.compact(ix.poly, dims)
        v = run_of(ix)
        if v is None:
            raise NoWayToWriteError
        return self.aligned(Tensor(self._counted(ix), (v,)), dims)

    def _op(self, base: Base) -> Expr:
        op, settings, bodies, shapes, shape = base.what
        args = tuple(self.full(body, s) for body, s in zip(bodies, shapes, strict=True))
        if op is indexing.scatter and args[0].dtype == np.dtype(bool):  # places that meet add up
            args = (self.make(elementwise.astype, args[0], dtype=np.dtype(float)), *args[1:])
        return self.world.make(op, args, settings, shape)

    def body(self, base: Base, laid: tuple[Var | None, ...]) -> Expr:
        """Write what a function or sum is made of, by its parameters in this order."""
        key = (base, laid, self.conditions)
        if key in self.done:
            return self.done[key]
        if base.kind == "sum":
            made = self.full_by(base.what, laid)
        elif base.what[0] == "mask":
            made = self._mask(base, laid)
        else:
            op, settings, bodies = base.what
            args = tuple(self.compact(body, laid) for body in bodies)
            made = self.world.make(op, args, settings, broadcast(*(a.shape for a in args)))
            if len(made.shape) < len(laid) and None not in laid:
                made = self.make(
                    indexing.getitem, made, index=(None,) * (len(laid) - len(made.shape))
                )
        self.done[key] = made
        return made

    def _mask(self, base: Base, laid: tuple[Var | None, ...]) -> Expr:
        _, (op, bodies), turned, _ = base.what
        args = [self.compact(body, laid) for body in bodies]
        if op == "bool":
            (made,) = args
            if turned and made.op is choices.equal:
                return self.make(choices.not_equal, *made.args)
            return self.make(choices.logical_not, made) if turned else made
        if op is choices.greater:
            x, y = args
            if not turned:  # x > y
                return self._compared(choices.greater, choices.less, x, y)
            return self._compared(choices.less_equal, choices.greater_equal, x, y)
        return self.make(choices.not_equal if turned else op, *args)

    def _compared(self, op: Op, exchanged: Op, x: Expr, y: Expr) -> Expr:
        """Write a comparison with a number on the right."""
        if len(x.shape) < len(y.shape) or (
            x.op is None and x.value is not None and y.value is None
        ):
            return self.make(exchanged, y, x)
        return self.make(op, x, y)

    def picked(self, e: Expr, index: tuple[Any, ...]) -> Tensor:
        """Write an entry of an array: axes as they are, picked, sliced or taken apart."""
        plain = [ix for ix in index if ix is not None]
        if all(isinstance(ix, Var) for ix in plain) and len(set(plain)) == len(plain):
            return Tensor(e, index)
        flats = [(a, ix) for a, ix in enumerate(index) if isinstance(ix, Flat)]
        if flats:
            shape: list[int] = []
            inner: list[Any] = []
            for n, ix in zip(e.shape, index, strict=True):
                if isinstance(ix, Flat):
                    shape += ix.sizes
                    inner += ix.parts
                else:
                    shape.append(n)
                    inner.append(ix)
            return self.picked(self.make(shaping.reshape, e, shape=tuple(shape)), tuple(inner))
        return self._indexed(e, index)

    def _indexed(self, e: Expr, index: tuple[Any, ...]) -> Tensor:
        values = [ix for ix in index if isinstance(ix, Value)]
        seen: set[Var] = set()
        runs = [v for ix in index if (v := run_of(ix)) is not None]
        doubles = {v for v in runs if v in seen or seen.add(v)}  # type: ignore[func-returns-value]
        if not values and not doubles:
            parts: list[Any] = []
            dims: list[Any] = []
            for n, ix in zip(e.shape, index, strict=True):
                if ix is None:
                    parts.append(slice(None))
                    dims.append(None)
                elif isinstance(ix, Var):
                    parts.append(slice(None))
                    dims.append(ix)
                elif isinstance(ix, Const):
                    parts.append(ix.value)
                elif isinstance(ix, Affine) and isinstance(ix.index, Var):
                    parts.append(self.slice_of(ix, n))
                    dims.append(ix.index)
                else:
                    raise NoWayToWriteError
            return Tensor(self.getitem(e, parts, ()), tuple(dims))
        return self._advanced(e, index)

    def slice_of(self, ix: Affine, n: int) -> slice:
        """Return the slice at ``start + step * i``, counted from the end if that is near."""
        size, start, step = ix.index.size, ix.start, ix.step
        if step < 0:
            stop = start + step * size
            return slice(
                None if self._before_end(start, n) == 1 else start,
                None if int(stop) < 0 else stop,
                step,
            )
        stop = start + size if step == 1 else start + step * (size - 1) + 1
        left = self._before_end(stop, n)
        end: Any = stop
        if int(stop) == int(n) or (left is not None and left < step):
            end = None
        elif left is not None and isinstance(n, Dim):
            end = -left
        begin: Any = start if start != 0 else None
        if isinstance(start, Dim) and (near := self._before_end(start, n)) is not None:
            begin = -near
        return slice(begin, end, step if step != 1 else None)

    def _before_end(self, place: int, n: int) -> int | None:
        """Return how far a place is from the end of an axis, if that is the same at all sizes."""
        if not isinstance(n, Dim) and not isinstance(place, Dim):
            return int(n) - int(place)
        opposite = self.algebra.scale(self.algebra.size(place), Fraction(-1))
        number = self.algebra.add(self.algebra.size(n), opposite).number
        return None if number is None else int(number)

    def _advanced(self, e: Expr, index: tuple[Any, ...]) -> Tensor:
        """Write with index arrays: ``probs[range(n), y]``, ``E[words]``."""
        running = list(
            dict.fromkeys(
                v
                for ix in index
                if isinstance(ix, Value)
                for v in sorted(free(ix.poly), key=lambda v: v.n)
            )
        )
        doubled = [v for ix in index if (v := run_of(ix)) is not None]
        running += [v for v in dict.fromkeys(doubled) if doubled.count(v) > 1 and v not in running]
        parts: list[Any] = []
        args: list[Expr] = []
        dims: list[Any] = []
        where: int | None = None
        fancy_places = []
        for place, ix in enumerate(index):
            if isinstance(ix, (Value, Const)) or run_of(ix) in running:
                fancy_places.append(place)
        together = fancy_places == list(range(fancy_places[0], fancy_places[-1] + 1))
        for place, (n, ix) in enumerate(zip(e.shape, index, strict=True)):
            if place in fancy_places:
                if where is None:
                    where = len(dims)
                if isinstance(ix, Const):
                    parts.append(ix.value)
                elif isinstance(ix, Value):
                    parts.append(self._places(ix.poly, running, args))
                else:
                    parts.append(self._run(ix, running, args))
            elif ix is None or isinstance(ix, Var):
                parts.append(slice(None))
                dims.append(ix)
            elif isinstance(ix, Affine) and isinstance(ix.index, Var):
                parts.append(self.slice_of(ix, n))
                dims.append(ix.index)
            else:
                raise NoWayToWriteError
        at = where if together and where is not None else 0
        dims[at:at] = running
        made = self.getitem(e, parts, tuple(args))
        return Tensor(made, tuple(dims))

    def _run(self, ix: Any, running: list[Var], args: list[Expr]) -> Any:
        """Return an index that runs along one of the axes of the picked entries."""
        v = ix.index if isinstance(ix, Affine) else ix
        after = len(running) - 1 - running.index(v)
        if isinstance(ix, Var) and after == 0:
            return Counted(v.size)
        run = self._counted(ix)
        if after:
            run = self.make(indexing.getitem, run, index=(slice(None), *(None,) * after))
        args.append(run)
        return Slot(len(args))

    def _counted(self, ix: Any) -> Expr:
        """Return the places of an index that runs along an axis, or of a slice."""
        v = ix.index if isinstance(ix, Affine) else ix
        run = self.make(arange, n=v.size, dtype=int)
        if isinstance(ix, Affine) and ix.step != 1:
            run = self.make(elementwise.multiply, run, self.number(ix.step))
        if isinstance(ix, Affine) and ix.start != 0:
            run = self.make(elementwise.add, run, self.size(ix.start))
        return run

    def _places(self, poly: Poly, running: list[Var], args: list[Expr]) -> Any:
        e = self.compact(poly, tuple(running))
        if e.op is None and e.value is not None and not e.shape:
            return int(e.value)
        args.append(e)
        return Slot(len(args))

    def getitem(self, e: Expr, parts: list[Any], args: tuple[Expr, ...]) -> Expr:
        """Return ``e[parts]`` with the index arrays that slots stand for."""
        while len(parts) > 1 and parts[-1] == slice(None):
            parts = parts[:-1]
        if parts == [slice(None)] or not parts:
            return e
        operands = (e, *args)
        index = tuple(parts)
        shape = picked_shape(tuple(e.shape), standin(index, operands))
        named = picked_sizes(e, index, shape)
        return self.world.make(indexing.getitem, operands, (("index", index),), named)

    # --- products ---

    def term(self, mono: Mono, c: Number, target: tuple[Any, ...]) -> Tensor:
        """Write a product, summed over its bound indices, times a number."""
        order = tuple(target)
        bound = set(mono.bound)
        scalars = [(a, k) for a, k in mono.factors if not free_of([(a, k)])]
        arrays = [(a, k) for a, k in mono.factors if free_of([(a, k)])]
        if not bound:
            return self._product(scalars + arrays, c, order)
        outside = [(a, k) for a, k in arrays if not (free_of([(a, k)]) & bound)]
        inside = [(a, k) for a, k in arrays if (a, k) not in outside]
        total: Tensor | None = None
        for part in _connected(inside, bound):
            new = self._contracted(part, bound & free_of(part), order)
            new, scalars = self._mean(new, scalars)
            total = new if total is None else self._times(total, new, order)
        return self._product(scalars + outside, c, order, total)

    def _times(self, left: Tensor, right: Tensor, order: tuple[Any, ...]) -> Tensor:
        """Multiply two sums of indices of their own: entry by entry, or as an outer product."""
        used = {*left.dims, *right.dims} - {None}
        dims = tuple(v for v in order if v in used)
        if len(left.dims) == len(right.dims) == 1 and len(dims) == 2:
            return self._outer(*sorted((left, right), key=lambda t: dims.index(t.dims[0])))
        made = self.make(elementwise.multiply, self.aligned(left, dims), self.aligned(right, dims))
        return Tensor(made, self._dims_of(made, dims))

    def _outer(self, rows: Tensor, columns: Tensor) -> Tensor:
        column = self.make(indexing.getitem, rows.e, index=(slice(None), None))
        made = self.make(elementwise.multiply, column, columns.e)
        self.world.calls.setdefault(made, Noted("np.outer", (rows.e, columns.e), {}))
        return Tensor(made, (*rows.dims, *columns.dims))

    def _mean(self, t: Tensor, scalars: list[Any]) -> tuple[Tensor, list[Any]]:
        """Write a sum over an axis divided by its size as a mean."""
        e = t.e
        if e.op is not reductions.sum:
            return t, scalars
        (x,) = e.args
        axes = e.setting("axis")
        axes = range(len(x.shape)) if axes is None else axes if isinstance(axes, tuple) else (axes,)
        wanted: dict[Atom, Exponent] = {}
        number: Number = ONE
        for a in axes:
            size = self.algebra.size(x.shape[a])
            single = size.single
            if single is None:
                return t, scalars
            number = exact(number * single[1])
            for atom, k in single[0].factors:
                wanted[atom] = wanted.get(atom, 0) + k
        left = dict(scalars)
        if number != 1 or not wanted or any(left.get(atom, 0) > -k for atom, k in wanted.items()):
            return t, scalars
        count = None
        for a in axes:
            size_e = self.size(x.shape[a])
            count = size_e if count is None else self.make(elementwise.multiply, count, size_e)
        for atom, k in wanted.items():
            left[atom] += k
        assert count is not None
        return Tensor(self.averaged(e, count), t.dims), [(a, k) for a, k in left.items() if k]

    def size(self, n: int) -> Expr:
        """Return a size as an expression."""
        return n.expr if isinstance(n, Dim) else self.number(int(n))

    def _product(
        self,
        factors: list[tuple[Atom, Exponent]],
        c: Number,
        order: tuple[Any, ...],
        total: Tensor | None = None,
    ) -> Tensor:
        """Multiply entry by entry: numbers first, masks last, one division at the end."""
        guard = [(a, k) for a, k in factors if a.base.guard]
        if guard:
            rest = [(a, k) for a, k in factors if not a.base.guard]
            return self._guarded(guard, rest, c, order, total)
        above = [(a, k) for a, k in factors if k > 0]
        below = [(a, -k) for a, k in factors if k < 0]
        if total is None and not factors and not isinstance(c, Fraction):
            return Tensor(self.number(c), ())
        if total is None and not factors and c.denominator == 1:  # type: ignore[union-attr]
            return Tensor(self.number(c), ())
        if total is None and len(above) == 1 and not below and c == 1 and above[0][1] == 1:
            ((atom, _),) = above
            if atom.base.kind != "sum":
                return self.atom(atom, order)
        used = set(free_of(factors)) | {v for v in (total.dims if total else ()) if v is not None}
        dims = tuple(v for v in order if v in used)
        whole = self._noted_product(factors, dims) if total is None else None
        if whole is not None:
            total, factors = whole
            above = [(a, k) for a, k in factors if k > 0]
            below = [(a, -k) for a, k in factors if k < 0]
        if dims != order and any(self._stands_in(a, order) for a, _ in factors):
            dims = order
        above.sort(key=self._rank)
        below.sort(key=self._rank)
        tops = [self._raised(a, k, dims) for a, k in above]
        if total is not None:
            alone = not any(free_of([f]) for f in factors)
            here = total.e if alone else self.aligned(total, dims)
            scalar_count = sum(1 for a, _ in above if not free_of([(a, ONE)]))
            tops.insert(scalar_count, here)
        bottoms = [self._raised(a, k, dims) for a, k in below]
        top, bottom = (c.numerator, c.denominator) if isinstance(c, Fraction) else (c, 1)
        sign = -1 if top < 0 else 1
        top = abs(top)
        if top != 1 or not tops:
            tops.insert(0, self.number(top))
        if bottom != 1:
            bottoms.insert(0, self.number(bottom))
        result = tops[0]
        for part in tops[1:]:
            result = self.make(elementwise.multiply, result, part)
        if bottoms:
            divisor = bottoms[0]
            for part in bottoms[1:]:
                divisor = self.make(elementwise.multiply, divisor, part)
            result = self.make(elementwise.divide, result, divisor)
        if sign < 0:
            result = self.make(elementwise.negative, result)
        if total is not None and alone:
            return Tensor(result, total.dims)
        return Tensor(result, self._dims_of(result, dims))

    def _noted_product(self, factors: list[tuple[Atom, Exponent]], dims: tuple[Any, ...]) -> Any:
        """Write an outer product or a diagonal matrix as NumPy's call; and return the rest."""
        arrays = [(a, k) for a, k in factors if free_of([(a, k)])]
        scalars = [(a, k) for a, k in factors if not free_of([(a, k)])]
        if len(dims) != 2:
            return None
        deltas = [a for a, _ in arrays if a.base is self.algebra.delta]
        if len(deltas) == 1 and len(arrays) > 1:
            rest = [(a, k) for a, k in arrays if a is not deltas[0]]
            (v, *more) = free_of(rest)
            if more or set(deltas[0].index) != set(dims):
                return None
            vector = self.aligned(self._product(rest, ONE, (v,)), (v,))
            if vector.dtype.kind == "b":
                return None  # np.diag would be of truth values, too
            column = self.make(indexing.getitem, vector, index=(slice(None), None))
            unit = self.make(eye, n=v.size, m=None, k=0, dtype=float)
            made = self.make(elementwise.multiply, unit, column)
            self.world.calls.setdefault(made, Noted("np.diag", (vector,), {}))
            return Tensor(made, dims), scalars
        if len(arrays) != 2 or any(k != 1 or len(free_of([(a, k)])) != 1 for a, k in arrays):
            return None
        tensors = [self.atom(a, dims) for a, _ in arrays]
        if any(
            len(t.dims) != 1 or a.base.boolean for t, (a, _) in zip(tensors, arrays, strict=True)
        ):
            return None
        first, second = sorted(tensors, key=lambda t: dims.index(t.dims[0]))
        if first.dims == second.dims:
            return None
        return self._outer(first, second), scalars

    def _stands_in(self, atom: Atom, order: tuple[Any, ...]) -> bool:
        """Whether an array has been given axes of size 1 where the others of `order` run."""
        base, index = atom.base, atom.index
        if base.kind in ("function", "sum"):
            if not all(isinstance(ix, Var) for ix in index):
                return False
            back = {
                ix: Var(n, size) for n, (ix, size) in enumerate(zip(index, base.sizes, strict=True))
            }
            return self._has_axes_of_one(base, tuple(back.get(v) for v in order))
        if base.kind != "leaf" or not isinstance(base.what, Expr) or not index:
            return False
        return (
            index[-1] is None
            and len(index) <= len(order)
            and any(ix is not None for ix in index)
            and all(
                ix is None or ix == v
                for ix, v in zip(index, order[len(order) - len(index) :], strict=True)
            )
        )

    def _dims_of(self, e: Expr, dims: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the dims of a product aligned to `dims`, of which leading ones may be absent."""
        own = (
            dims[len(dims) - len(e.shape) :]
            if len(e.shape) <= len(dims)
            else ((None,) * (len(e.shape) - len(dims)) + tuple(dims))
        )
        return tuple(None if n == 1 else v for n, v in zip(e.shape, own, strict=True))

    def _guarded(
        self,
        guard: list[Any],
        rest: list[Any],
        c: Number,
        order: tuple[Any, ...],
        total: Tensor | None,
    ) -> Tensor:
        """Write a choice: what is multiplied with the mask may not be finite elsewhere."""
        inner = self._product(rest, c, order, total)
        used = set(free_of(guard)) | {v for v in inner.dims if v is not None}
        dims = tuple(v for v in order if v in used)
        made = self.aligned(inner, dims)
        zero = self.number(0)
        for a, _ in guard:
            negated = a.base.what[2]
            plain = Atom(self.algebra.negations[a.base], a.index) if negated else a
            mask = self.aligned(self.atom(plain, dims), dims)
            args = (mask, zero, made) if negated else (mask, made, zero)
            whole, made = made, self.make(choices.where, *args)
            if mask.op is tri and tuple(whole.shape) == tuple(made.shape):
                k = mask.setting("k") + negated
                name = "np.triu" if negated else "np.tril"
                self.world.calls.setdefault(made, Noted(name, (whole, *(k,) * bool(k)), {}))
        return Tensor(made, self._dims_of(made, dims))

    def _rank(self, item: tuple[Atom, Exponent]) -> Any:
        """What a person writes first: scalars, then what came first, masks at the end."""
        atom, _ = item
        base = atom.base
        if base.kind == "leaf" and isinstance(base.what, Expr):
            serial = base.what.serial
        else:
            serial = 1_000_000 + base.serial
        return (bool(free_of([(atom, ONE)])), base.boolean, base.kind == "sum", serial)

    def _raised(self, atom: Atom, k: Exponent, dims: tuple[Any, ...]) -> Expr:
        """Write a power, aligned to `dims`."""
        if atom.base.kind == "sum":
            opened = self.algebra.opened(atom)
            base = self.aligned(self.tensor(opened, dims), dims)
        else:
            base = self.aligned(self.atom(atom, dims), dims)
        return self.raised(base, k)

    def raised(self, base: Expr, k: Exponent) -> Expr:
        """Return a constant power."""
        if k == 1:
            return base
        if k == Fraction(1, 2):
            return self.make(elementwise.sqrt, base)
        return self.make(
            elementwise.power, base, self.number(k if k.denominator == 1 else float(k))
        )

    # --- sums over indices ---

    def _contracted(
        self, factors: list[tuple[Atom, Exponent]], bound: set[Var], order: tuple[Any, ...]
    ) -> Tensor:
        """Write a product summed over `bound`, in the cheapest order."""
        pieces = [_Piece(frozenset(free_of([f])), (f,), None) for f in factors]
        plan = _plan(pieces, frozenset(bound))
        rank = {v: i for i, v in enumerate(order)}
        return self._carried_out(plan, rank)

    def _carried_out(self, plan: Any, rank: dict[Var, int]) -> Tensor:
        """Write a plan: a sum over some indices of a product of pieces."""
        over, pieces = plan
        return self._sum_over(over, pieces, rank)

    def _order(self, dims: Iterable[Var], rank: dict[Var, int]) -> tuple[Var, ...]:
        return tuple(sorted(dims, key=lambda v: (rank.get(v, 50 + abs(v.n)), v.n)))

    def _piece(self, piece: _Piece, dims: tuple[Var, ...], rank: dict[Var, int]) -> Expr:
        """Write a piece with its axes in this order."""
        if piece.plan is not None:
            done = self._carried_out(piece.plan, rank)
            if not piece.factors:
                return self.aligned(done, dims, keep=True)
            t = self._product(list(piece.factors), ONE, dims, done)
        elif len(piece.factors) == 1 and piece.factors[0][1] == 1:
            atom = piece.factors[0][0]
            if atom.base.kind == "sum":
                t = self.tensor(self.algebra.opened(atom), dims)
            else:
                t = self.atom(atom, dims)
        else:
            t = self._product(list(piece.factors), ONE, dims)
        e = self.aligned(t, dims, keep=True)
        if len(e.shape) < len(dims) or any(
            n == 1 and v.size != 1 for n, v in zip(e.shape, dims, strict=True)
        ):
            e = self.make(shaping.broadcast_to, e, shape=tuple(v.size for v in dims))
        return e

    def _sum_over(self, over: frozenset[Var], pieces: tuple[_Piece, ...], rank: Any) -> Tensor:
        if len(pieces) == 1:
            (piece,) = pieces
            alone = self._alone(piece)
            if alone is not None and None in alone.dims:
                axes = tuple(a for a, v in enumerate(alone.dims) if v in over)
                kept = tuple(v for v in alone.dims if v not in over)
                return Tensor(self.summed(alone.e, axes), kept)
            dims = self._natural(piece, rank)
            e = self._piece(piece, dims, rank)
            axes = tuple(a for a, v in enumerate(dims) if v in over)
            return Tensor(self.summed(e, axes), tuple(v for v in dims if v not in over))
        if len(pieces) > 2:
            return self._einsum(pieces, over, rank)
        left, right = pieces
        shared = (left.dims & right.dims) - over
        rows, columns = left.dims - over - shared, right.dims - over - shared
        if not shared and len(over) == 1:
            return self._matmul(left, right, over, rows, columns, rank)
        return self._stacked(left, right, over, shared, rank)

    def _alone(self, piece: _Piece) -> Tensor | None:
        """Return a piece that is one array as it is."""
        if piece.plan is not None or len(piece.factors) != 1:
            return None
        atom, k = piece.factors[0]
        if k != 1 or atom.base.kind != "leaf":
            return None
        return self.atom(atom, ())

    def _natural(self, piece: _Piece, rank: dict[Var, int]) -> tuple[Var, ...]:
        """Return the order of axes in which a piece is there already, if it has one."""
        for atom, _ in piece.factors:
            dims = self._layout(atom)
            if len(dims) == len(piece.dims) and set(dims) == set(piece.dims):
                return dims
        return self._order(piece.dims, rank)

    def _layout(self, atom: Atom) -> tuple[Var, ...]:
        """Return the variables of an entry in the order of the axes that it is computed with."""
        base = atom.base
        if base.kind not in ("function", "sum"):
            return tuple(ix for ix in atom.index if isinstance(ix, Var))
        bodies = (
            (base.what,)
            if base.kind == "sum"
            else (base.what[1][1] if base.what[0] == "mask" else base.what[2])
        )
        inner = [self._layout(a) for body in bodies for m in body.terms for a, _ in m.factors]
        best = max(inner, key=len, default=())
        found = [atom.index[v.n] for v in best if 0 <= v.n < len(atom.index)]
        return tuple(ix for ix in found if isinstance(ix, Var))

    def _matmul(
        self,
        left: _Piece,
        right: _Piece,
        over: frozenset[Var],
        rows: frozenset[Var],
        columns: frozenset[Var],
        rank: Any,
    ) -> Tensor:
        (k,) = over
        first, second = self._order(rows, rank), self._order(columns, rank)
        if (not first and second) or (
            first and second and rank.get(second[0], 50) < rank.get(first[0], 50)
        ):
            left, right, first, second = right, left, second, first
        if len(second) > 1:
            if len(first) <= 1:
                left, right, first, second = right, left, second, first
            else:
                return self._einsum((left, right), over, rank)
        column = self._column(right, k) if not second and len(first) == 1 else None
        if column is not None:
            x = self._piece(left, (*first, k), rank)
            return Tensor(self.make(linalg.matmul, x, column), (*first, None))
        x = self._piece(left, (*first, k), rank)
        w = self._piece(right, (k, *second), rank)
        return Tensor(self.make(linalg.matmul, x, w), (*first, *second))

    def _column(self, piece: _Piece, k: Var) -> Expr | None:
        """Return a vector that is kept as a column, to stay one."""
        alone = self._alone(piece)
        if alone is None or len(alone.dims) != 2 or None not in alone.dims:
            return None
        return alone.e if alone.dims == (k, None) else self._turned(alone.e, [1, 0])

    def _stacked(
        self, left: _Piece, right: _Piece, over: frozenset[Var], shared: frozenset[Var], rank: Any
    ) -> Tensor:
        """Multiply stacks of matrices, if these are some; else leave it to einsum."""
        rows, columns = left.dims - over - shared, right.dims - over - shared
        if not len(over) == len(rows) == len(columns) == 1 or not shared:
            return self._einsum((left, right), over, rank)
        batch = self._order(shared, rank)
        (k,), (i,), (j,) = over, rows, columns
        if rank.get(j, 50) < rank.get(i, 50):
            left, right, i, j = right, left, j, i
        x = self._piece(left, (*batch, i, k), rank)
        w = self._piece(right, (*batch, k, j), rank)
        return Tensor(self.make(linalg.matmul, x, w), (*batch, i, j))

    def _einsum(self, pieces: Iterable[_Piece], over: frozenset[Var], rank: Any) -> Tensor:
        """Multiply and sum at once, with a letter for each index."""
        pieces = list(pieces)
        extra = frozenset().union(*(p.dims for p in pieces)) - over
        letters: dict[Var, str] = {}
        args, terms = [], []
        for piece in pieces:
            dims = self._natural(piece, rank)
            for v in dims:
                letters.setdefault(v, "ijklmnopqrstuvwxyz"[len(letters)])
            args.append(self._piece(piece, dims, rank))
            terms.append("".join(letters[v] for v in dims))
        result = self._order(extra, rank)
        made = self.make(
            linalg.einsum, *args, terms=tuple(terms), result="".join(letters[v] for v in result)
        )
        return Tensor(made, result)

    # --- sums of terms ---

    def _sum(self, poly: Poly, target: tuple[Any, ...]) -> Tensor:
        """Write a sum: opposite choices as one, positive terms first."""
        if not poly.terms:
            return Tensor(self.number(0), ())
        terms = list(poly.terms.items())
        chosen = self._chosen(poly, target)
        if chosen is not None:
            return chosen
        if len(terms) == 1:
            ((mono, c),) = terms
            return self._turned_sum(mono, c, target) if c < 0 else self.term(mono, c, target)
        used = free(poly)
        dims = tuple(v for v in target if v is not None and v in used)
        if any(self._stands_in(a, target) for m in poly.terms for a, _ in m.factors):
            dims = tuple(target)
        if self._number_first(poly):
            terms.sort(key=lambda item: item[0] != UNIT)
        else:
            terms.sort(key=lambda item: (item[1] < 0, item[0] == UNIT, self._term_rank(item[0])))
        result: Expr | None = None
        for mono, c in terms:
            if result is None:
                result = self.aligned(self.term(mono, c, target), dims)
            elif c < 0:
                part = self.aligned(self.term(mono, -c, target), dims)
                result = self.make(elementwise.subtract, result, part)
            else:
                part = self.aligned(self.term(mono, c, target), dims)
                result = self.make(elementwise.add, result, part)
        assert result is not None
        return Tensor(result, self._dims_of(result, dims))

    def _number_first(self, poly: Poly) -> bool:
        return poly.terms.get(UNIT, 0) > 0 and all(
            c < 0 for m, c in poly.terms.items() if m != UNIT
        )

    def _turned_sum(self, mono: Mono, c: Number, target: tuple[Any, ...]) -> Tensor:
        """Write ``-(a - b) * c`` as ``(b - a) * c``."""
        for atom, k in mono.factors:
            if atom.base.kind == "sum" and k == 1:
                inner = atom.base.what
                if min(inner.terms.values()) < 0:
                    turned = self.algebra.scale(inner, Fraction(-1))
                    base = self.algebra.base("sum", turned, atom.base.sizes)
                    base.boolean = False
                    factors = tuple(
                        (Atom(base, a.index) if a == atom else a, j) for a, j in mono.factors
                    )
                    return self.term(Mono(factors, mono.bound), exact(-c), target)
        return self.term(mono, c, target)

    def _term_rank(self, mono: Mono) -> Any:
        """What a person writes first in a sum: products of matrices, then what came first."""
        serials = [self._rank(f)[-1] for f in mono.factors]
        turned = [tuple(ix.n for ix in a.index if isinstance(ix, Var)) for a, _ in mono.factors]
        return (not mono.bound, min(serials, default=0), turned, mono_key(mono))

    def _chosen(self, poly: Poly, target: tuple[Any, ...]) -> Tensor | None:
        """Write a mask times a sum plus its complement times another as one choice."""
        for mono in poly.terms:
            for atom, k in mono.factors:
                if not atom.base.guard or k != 1 or free_of([(atom, k)]) & set(mono.bound):
                    continue
                twin = Atom(self.algebra.negations[atom.base], atom.index)
                yes, no = self._with(poly, atom), self._with(poly, twin)
                if not yes.terms or not no.terms:
                    continue
                rest = {
                    m: c
                    for m, c in poly.terms.items()
                    if all(a not in (atom, twin) for a, _ in m.factors)
                }
                plain = atom
                if atom.base.what[2]:
                    plain, yes, no = twin, no, yes
                used = free(poly)
                dims = tuple(v for v in target if v is not None and v in used)
                mask = self.aligned(self.atom(plain, dims), dims)
                args = [self.aligned(self.tensor(p, dims), dims) for p in (yes, no)]
                made = self.make(choices.where, mask, *args)
                t = Tensor(made, self._dims_of(made, dims))
                if not rest:
                    return t
                more = self.aligned(self._sum(Poly(rest), target), dims)
                made = self.make(elementwise.add, self.aligned(t, dims), more)
                return Tensor(made, self._dims_of(made, dims))
        return None

    def _with(self, poly: Poly, atom: Atom) -> Poly:
        """Return what a mask is multiplied with."""
        found = {}
        for m, c in poly.terms.items():
            left = dict(m.factors)
            if left.pop(atom, None) == 1 and not m.bound:
                found[Mono(tuple(left.items()), ())] = c
        return Poly(found)

    # --- common factors ---

    def factored(self, poly: Poly) -> Poly:
        """Return a sum with what its terms have in common taken out of them, step by step."""
        if len(poly.terms) < 2:
            return poly
        while True:
            best: tuple[int, Any] | None = None
            for candidate in self._common(poly):
                saved = self._saved(candidate, poly)
                if saved > 0 and (best is None or saved > best[0]):
                    best = (saved, candidate)
            if best is None:
                return poly
            after = self._taken_out(poly, best[1])
            if after == poly:
                return poly
            poly = after
            if len(poly.terms) < 2:
                return poly

    def _common(self, poly: Poly) -> list[Any]:
        """Return factors that several terms share, with the terms."""
        sharing: dict[Any, list[Mono]] = {}
        for mono in poly.terms:
            inside = set(mono.bound)
            for atom, k in mono.factors:
                if free_of([(atom, k)]) & inside or atom.base is self.algebra.delta:
                    continue
                sharing.setdefault((atom, k > 0), []).append(mono)
        found: list[Any] = []
        for (atom, _), monos in sharing.items():
            if len(monos) > 1:
                k = min((dict(m.factors)[atom] for m in monos), key=absolute)
                found.append(("factor", atom, k, tuple(monos)))
        sizes: dict[Number, list[Mono]] = {}
        for mono, c in poly.terms.items():
            if abs(c) != 1:
                sizes.setdefault(absolute(c), []).append(mono)
        for c, monos in sizes.items():
            if len(monos) > 1:
                found.append(("number", c, None, tuple(monos)))
        found += self._products(poly)
        return found

    def _products(self, poly: Poly) -> list[Any]:
        """Return pairs of summed products that share the matrix on one side."""
        found = []
        summed = [m for m in poly.terms if m.bound]
        for one, other in combinations(summed, 2):
            if [v.size for v in one.bound] != [v.size for v in other.bound] or len(one.bound) != 1:
                continue
            mine = {a: k for a, k in one.factors if free_of([(a, k)]) & set(one.bound)}
            yours = {a: k for a, k in other.factors if free_of([(a, k)]) & set(other.bound)}
            shared = {a: k for a, k in mine.items() if yours.get(a) == k}
            left = [
                free_of([f for f in part.items() if f[0] not in shared]) for part in (mine, yours)
            ]
            if left[0] != left[1]:
                continue
            if shared and len(shared) < max(len(mine), len(yours)):
                found.append(("product", tuple(shared.items()), one.bound, (one, other)))
        return found

    def _saved(self, candidate: Any, poly: Poly) -> int:
        """Return how many operations it saves to take something out."""
        kind, what, k, monos = candidate
        times = len(monos) - 1
        if kind == "number":
            return times if len(monos) == len(poly.terms) or what != 1 else 0
        if kind == "product":
            return 2
        if all(a == what or a.base.guard for m in monos for a, _ in m.factors):
            return 0  # a choice is of values, not of 1 or 0
        cost: int = 1 + (abs(k) != 1) + 3 * (what.base.kind in ("function", "op", "sum"))
        bare = sum(1 for m in monos if m.factors == ((what, k),) and abs(poly.terms[m]) == 1)
        return times * cost - bool(bare and k < 0)

    def _taken_out(self, poly: Poly, candidate: Any) -> Poly:
        kind, what, k, monos = candidate
        algebra = self.algebra
        rest = Poly({m: c for m, c in poly.terms.items() if m not in monos})
        inner: dict[Mono, Number] = {}
        if kind == "number":
            for m in monos:
                inner[m] = exact(poly.terms[m] / what)
            outer = Poly({UNIT: what})
        elif kind == "factor":
            for m in monos:
                left = dict(m.factors)
                left[what] -= k
                made = Mono(tuple((a, j) for a, j in left.items() if j), m.bound)
                made = algebra._canonical(dict(made.factors), set(made.bound))
                inner[made] = inner.get(made, Fraction(0)) + poly.terms[m]
            outer = Poly({Mono(((what, k),), ()): ONE})
        else:
            shared = dict(what)
            fresh = tuple(algebra.fresh(v.size) for v in k)
            change = dict(zip(k, fresh, strict=True))
            total = []
            for m in monos:
                own = tuple((a, j) for a, j in m.factors if a not in shared)
                total.append(Poly({Mono(algebra._changed(own, change), ()): poly.terms[m]}))
            whole = self.factored(algebra.add(*total))
            head = algebra._changed(what, change)
            product = algebra.sum(algebra.multiply(Poly({Mono(head, ()): ONE}), whole), fresh)
            return algebra.add(rest, product) if rest.terms else product
        body = self.factored(Poly(inner))
        if all(c < 0 for c in body.terms.values()):
            body, outer = algebra.scale(body, Fraction(-1)), algebra.scale(outer, Fraction(-1))
        product = self._times_whole(outer, body)
        return Poly({**rest.terms, **product.terms}) if rest.terms else product

    def _times_whole(self, outer: Poly, body: Poly) -> Poly:
        """Return a product with a sum that stays whole, a bare number too."""
        algebra = self.algebra
        mono, c = next(iter(outer.terms.items()))
        if len(body.terms) == 1:
            ((inner, d),) = body.terms.items()
            left = dict(mono.factors)
            for a, k in inner.factors:
                left[a] = left.get(a, 0) + k
            return Poly({algebra._canonical(left, set(inner.bound)): exact(c * d)})
        (closed,), places, sizes = algebra.closed((body,))
        atom = Atom(algebra.base("sum", closed, sizes), places)
        left = dict(mono.factors)
        left[atom] = left.get(atom, 0) + 1
        return Poly({Mono(tuple(sorted(left.items(), key=lambda f: f[0].base.serial)), ()): c})


class _Piece(NamedTuple):
    """Factors to be multiplied entry by entry, and perhaps what was summed before."""

    dims: frozenset[Var]
    factors: tuple[tuple[Atom, Exponent], ...]
    plan: Any


def run_of(ix: Any) -> Var | None:
    """Return the index that a place along an axis runs with, whole or as a slice."""
    inner = ix.index if isinstance(ix, Affine) else ix
    return inner if isinstance(inner, Var) else None


def _joined(pieces: Iterable[_Piece]) -> _Piece:
    pieces = list(pieces)
    plans = [p.plan for p in pieces if p.plan is not None]
    if len(plans) > 1:
        raise NoWayToWriteError
    return _Piece(
        frozenset().union(*(p.dims for p in pieces)),
        tuple(f for p in pieces for f in p.factors),
        plans[0] if plans else None,
    )


def _volume(dims: Iterable[Var]) -> float:
    return math.prod(min(int(v.size), 50) if int(v.size) > 2 else int(v.size) for v in dims)


def _plan(pieces: list[_Piece], bound: frozenset[Var]) -> Any:
    """Return the cheapest way to sum a product: (indices, pieces) of the last step."""
    found = _search(tuple(pieces), bound)
    several = len(pieces) > 2 and any(len(p.dims) > 2 for p in pieces)
    if several and (found is None or found[0] > 1.5):
        return bound, tuple(pieces)
    if found is None:
        raise NoWayToWriteError
    return found[1]


def _search(pieces: tuple[_Piece, ...], bound: frozenset[Var]) -> Any:
    best: Any = None
    groups: dict[frozenset[int], set[Var]] = {}
    for v in bound:
        involved = frozenset(i for i, p in enumerate(pieces) if v in p.dims)
        groups.setdefault(involved, set()).add(v)
    options = []
    for involved, variables in groups.items():
        options += [(involved, frozenset(variables))]
        if len(variables) > 1:
            options += [(involved, frozenset([v])) for v in variables]
    if len(bound) > 5:
        options = options[:3]
    for involved, over in options:
        for step, cost in _steps([pieces[i] for i in involved], over):
            dims = frozenset().union(*(pieces[i].dims for i in involved)) - over
            rest = [p for i, p in enumerate(pieces) if i not in involved]
            left = bound - over
            if not left:
                if rest:
                    continue  # factors without a bound index stay outside
                total = (cost, step)
            else:
                later = _search((*rest, _Piece(dims, (), step)), left)
                if later is None:
                    continue
                total = (cost + later[0], later[1])
            if best is None or total[0] < best[0]:
                best = total
    return best


def _steps(pieces: list[_Piece], over: frozenset[Var]) -> Iterable[Any]:
    """Yield ways to sum a product over some indices, with what each costs."""
    whole = frozenset().union(*(p.dims for p in pieces))
    if sum(p.plan is not None for p in pieces) <= 1:
        volume = _volume(whole)
        yield (over, (_joined(pieces),)), 1.0 * len(pieces) + volume * 1e-3 * len(pieces)
    sides = _components(pieces, over)
    if len(sides) == 2 and len(over) == 1:
        try:
            left, right = _joined(sides[0]), _joined(sides[1])
        except NoWayToWriteError:
            return
        extra = sum(len(side) - 1 for side in sides)
        yield (over, (left, right)), 1.0 + extra + _volume(whole) * 2e-4
    elif len(sides) > 2 and len(over) == 1:
        lone = [p for side in sides for p in side if p.dims == over]
        main = [side for side in sides if not all(p.dims == over for p in side)]
        if len(main) == 1:
            yield (
                (over, (_joined(main[0]), _joined(lone))),
                (len(pieces) - 1.0 + _volume(whole) * 2e-4),
            )
        if len(main) == 2:
            for at in (0, 1):
                parts = [list(side) for side in main]
                parts[at] += lone
                yield (
                    (over, tuple(_joined(p) for p in parts)),
                    (
                        1.0
                        + len(pieces)
                        - 2
                        + _volume(whole) * 2e-4
                        + 1e-4 * _volume(_joined(parts[at]).dims)
                        + 1e-3 * _is_bare(main[at])
                    ),
                )
    if len(pieces) == 2 and (len(sides) == 1 or len(over) > 1):
        left, right = pieces
        shared = (left.dims & right.dims) - over
        if left.dims - over - shared and right.dims - over - shared:
            yield (over, (left, right)), 1.5 + _volume(whole) * 2e-4
        elif len(over) > 1 and (left.dims - over or right.dims - over):
            yield (over, (left, right)), 1.9 + _volume(whole) * 2e-4


def _is_bare(side: list[_Piece]) -> bool:
    """Whether a side is an input and nothing else: what it meets is scaled rather than it."""
    return (
        len(side) == 1
        and len(side[0].factors) == 1
        and side[0].plan is None
        and (
            side[0].factors[0][0].base.kind == "leaf" and side[0].factors[0][0].base.what.op is None
        )
    )


def _connected(
    factors: list[tuple[Atom, Exponent]], bound: set[Var]
) -> list[list[tuple[Atom, Exponent]]]:
    """Return the factors in groups that share no index summed over."""
    groups: list[tuple[set[Var], list[Any]]] = []
    for factor in factors:
        over, joined, others = set(free_of([factor])) & bound, [factor], []
        for g in groups:
            if g[0] & over:
                over, joined = over | g[0], [*g[1], *joined]
            else:
                others.append(g)
        groups = [*others, (over, joined)]
    return [g[1] for g in groups]


def _components(pieces: list[_Piece], over: frozenset[Var]) -> list[list[_Piece]]:
    """Return the pieces in groups that share no index but those summed over."""
    groups: list[tuple[set[Var], list[_Piece]]] = []
    for piece in pieces:
        dims = set(piece.dims - over)
        joined = [piece]
        others = []
        for g in groups:
            if g[0] & dims:
                dims |= g[0]
                joined += g[1]
            else:
                others.append(g)
        groups = [*others, (dims, joined)]
    return [g[1] for g in groups]
