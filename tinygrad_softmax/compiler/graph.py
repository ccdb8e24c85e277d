"""The loss and its gradients as one graph of expressions, by the rules of the tape.

The graph is what the tape would compute, operation by operation. It is then made shorter by
rewrites that hold entry by entry: zeros with a few picked entries stay those entries, as on the
tape, and numbers are multiplied with one another rather than with arrays. Nothing is expanded or
collected, so that the result is as accurate as the tape's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..core.reverse import reverse
from ..core.shapes import broadcast, normalize_axis
from ..ir.expr import Counted, Expr, Slot, World, is_number
from ..ir.stable import stabilised
from ..ir.trace import Trace
from ..ir.visit import ordered
from ..ops import choices, elementwise, reductions, shaping
from ..ops.indexing import getitem, scatter


class Graph(NamedTuple):
    """What a step computes: the loss, the gradients by name, and the user's names of values."""

    loss: Expr
    gradients: dict[str, Expr | None]  # None where the loss does not depend on the input
    names: dict[Expr, str]

    @property
    def roots(self) -> list[Expr]:
        """Return the results."""
        return [self.loss, *(g for g in self.gradients.values() if g is not None)]


def graph_of(trace: Trace, wrt: tuple[str, ...]) -> Graph:
    """Return the graph of a traced loss and its gradients."""
    world = trace.world
    found: dict[str, Expr] = {}
    if trace.output.tracked:
        seed = world.lift(np.ones((), trace.output.dtype))
        for node, g, _ in reverse(trace.output, seed):
            if node.op is None:
                found[str(node.label)] = _full(g, node.shape)
    rewrite = Rewriter(world)
    gradients = {name: rewrite(found[name]) if name in found else None for name in wrt}
    names = {rewrite(e): name for name, e in reversed(trace.names.items())}
    return Graph(rewrite(trace.output), gradients, names)


def stable_graph_of(trace: Trace, wrt: tuple[str, ...]) -> Graph | None:
    """Return the graph of the loss in a form that no score can overflow, if it is another one."""
    stable = stabilised(trace)
    return graph_of(stable.trace, wrt) if stable.steps else None


def _full(e: Any, shape: Any) -> Expr:
    made: Expr = e if tuple(e.shape) == tuple(shape) else shaping.broadcast_to(e, shape=shape)
    return made


# --- rewrites ---

_Rule = Callable[["Rewriter", Expr], Any]  # another expression, or None
#: Op -> rewrites, the first that applies is taken.
_RULES: dict[Any, list[_Rule]] = {}
#: Numbers that may be multiplied with one another first: no product of theirs leaves the range.
_TAME = 1e6


def _rewrites(*ops: Any) -> Callable[[_Rule], _Rule]:
    def declare(rule: _Rule) -> _Rule:
        for op in ops:
            _RULES.setdefault(op, []).append(rule)
        return rule

    return declare


class Rewriter:
    """Rewrites expressions from their operands on, each once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.known: dict[Expr, Expr] = {}

    def __call__(self, root: Expr) -> Expr:
        """Return an expression in its shorter form, of the same shape and type."""
        for node in ordered([root], self.known):
            if node not in self.known:
                args = tuple(self.known[arg] for arg in node.args)
                same = all(a is b for a, b in zip(args, node.args, strict=True))
                made = node if same else self.world.make(node.op, args, node.settings, node.shape)
                self.known[node] = self.made(made)
        return self.known[root]

    def made(self, e: Expr) -> Expr:
        """Return an expression in its shorter form; its operands have theirs."""
        if e.op is None:
            return e
        if e in self.known:
            return self.known[e]
        made = self._folded(e)
        if made is not None:
            return made
        for rule in _RULES.get(e.op, ()):
            after: Expr | None = rule(self, e)
            if after is not None and after.shape == e.shape and after.dtype == e.dtype \
                    and after.weak == e.weak:  # fmt: skip
                return after
        if e.op.elementwise:
            return self._compact(e)
        return e

    def apply(self, op: Any, *args: Expr, **settings: Any) -> Expr:
        """Return the short form of an op on expressions."""
        if op.elementwise:
            shape = broadcast(*(arg.shape for arg in args))
            return self.made(self.world.make(op, args, tuple(settings.items()), shape))
        found: Expr = op(*args, **settings)
        return self.made(found)

    def _folded(self, e: Expr) -> Expr | None:
        """Return the number that an op makes of numbers."""
        numbers = [arg for arg in e.args if is_number(arg)]
        if e.shape or not e.args or len(numbers) != len(e.args) or not e.op.elementwise:
            return None
        values = [arg.value.item() if arg.weak else arg.value[()] for arg in numbers]
        try:
            with np.errstate(all="raise"):
                found = e.op.forward(*values, **dict(e.settings))
        except (ArithmeticError, ValueError, TypeError):
            return None
        if e.weak:
            found = found.item() if isinstance(found, np.generic) else found
            ok = type(found) in (int, float, bool)
        else:
            ok = np.asarray(found).dtype == e.dtype
        return self.world.lift(found if e.weak else np.asarray(found)) if ok else None

    def _compact(self, e: Expr) -> Expr:
        """Leave out that operands are repeated where the others have the whole shape anyway."""
        args = list(e.args)
        alone = [arg.args[0] if arg.op is shaping.broadcast_to else arg for arg in args]
        if e.shape and args and not any(arg.shape for arg in alone):  # one number, repeated
            number = self.apply(e.op, *alone, **dict(e.settings))
            return _full(number, e.shape) if number.dtype == e.dtype else e
        for i, arg in enumerate(args):
            if arg.op is shaping.broadcast_to:
                others = [a.shape for j, a in enumerate(args) if j != i]
                small = arg.args[0]
                kind = small.weak == arg.weak and small.dtype == arg.dtype
                if kind and broadcast(small.shape, *others) == e.shape:
                    args[i] = small
        if all(a is b for a, b in zip(args, e.args, strict=True)):
            return e
        return self.made(self.world.make(e.op, tuple(args), e.settings, e.shape))


@_rewrites(choices.stop_gradient)
def _stopped(rewrite: Rewriter, e: Expr) -> Any:
    return e.args[0]


@_rewrites(elementwise.multiply)
def _times_one(rewrite: Rewriter, e: Expr) -> Any:
    for one, other in (e.args, e.args[::-1]):
        if is_number(one) and one.value == 1:
            return other
    return None


@_rewrites(elementwise.divide)
def _by_one(rewrite: Rewriter, e: Expr) -> Any:
    return e.args[0] if is_number(e.args[1]) and e.args[1].value == 1 else None


@_rewrites(elementwise.negative)
def _minus_minus(rewrite: Rewriter, e: Expr) -> Any:
    return e.args[0].args[0] if e.args[0].op is elementwise.negative else None


@_rewrites(elementwise.add)
def _twice(rewrite: Rewriter, e: Expr) -> Any:
    """The two contributions of ``W * W`` are one, doubled."""
    a, b = e.args
    if a is not b or a.dtype.kind != "f":
        return None
    return rewrite.apply(elementwise.multiply, rewrite.world.lift(2), a)


@_rewrites(elementwise.multiply)
def _numbers_first(rewrite: Rewriter, e: Expr) -> Any:
    """A plain number is multiplied with the other scalar of a product, not with an array."""
    for c, product in (e.args, e.args[::-1]):
        if not is_number(c) or not 1 / _TAME <= abs(float(c.value)) <= _TAME:
            continue
        if product.op is elementwise.multiply and product.shape:
            for scalar, array in (product.args, product.args[::-1]):
                if not scalar.shape and array.shape:
                    factor = rewrite.apply(elementwise.multiply, c, scalar)
                    return rewrite.apply(elementwise.multiply, factor, array)
    return None


# --- quotients of positive numbers, as the gradient of a softmax is full of ---


def _is_positive(e: Expr) -> bool:
    """Whether an expression is positive by its form, unless it leaves the range of its type.

    It is noticed then: exponentials that overflow, and logarithms of and divisions by 0.
    """
    while e.op in (getitem, shaping.reshape, shaping.broadcast_to, reductions.sum):
        e = e.args[0]
    if e.op in (elementwise.divide, elementwise.multiply):
        return all(map(_is_positive, e.args))
    return e.op is elementwise.exp


@_rewrites(elementwise.multiply)
def _times_divisor(rewrite: Rewriter, e: Expr) -> Any:
    """``(a / b) * b`` is a."""
    for quotient, b in (e.args, e.args[::-1]):
        if quotient.op is elementwise.divide and quotient.args[1] is b and _is_positive(b):
            return _full(quotient.args[0], e.shape)
    return None


@_rewrites(elementwise.divide)
def _divided_again(rewrite: Rewriter, e: Expr) -> Any:
    """``(c / (a / b)) / b`` is ``c / a``, and ``c / -b`` is ``-c / b`` for a number c."""
    x, b = e.args
    if x.op is elementwise.divide and x.args[1].op is elementwise.divide:
        (c, (a, same)) = x.args[0], x.args[1].args
        if same is b and _is_positive(a) and _is_positive(b):
            return rewrite.apply(elementwise.divide, c, a)
    number = x.args[0] if x.op is shaping.broadcast_to else x
    if is_number(number) and b.op is elementwise.negative:
        return rewrite.apply(elementwise.divide, rewrite.apply(elementwise.negative, number),
                             b.args[0])  # fmt: skip
    return None


@_rewrites(reductions.sum)
def _sum_of_minus(rewrite: Rewriter, e: Expr) -> Any:
    x = e.args[0]
    if x.op is not elementwise.negative:
        return None
    total = rewrite.apply(reductions.sum, x.args[0], **dict(e.settings))
    return rewrite.apply(elementwise.negative, total)


# --- zeros with a few picked entries ---


class Places(NamedTuple):
    """One entry of each row of a matrix, by labels: ``[range(n), labels]``."""

    labels: Expr
    shape: tuple[int, int]

    @classmethod
    def of(cls, e: Expr) -> Places | None:
        """Return what a pick takes, or where a scatter puts it, if it is one entry of each row."""
        if e.op not in (getitem, scatter):
            return None
        index = e.setting("index")
        whole = e.setting("into") if e.op is scatter else e.args[0].shape
        if len(whole) != 2 or type(index) is not tuple or len(index) != 2:
            return None
        rows, part = index
        if not isinstance(rows, Counted) or not isinstance(part, Slot) or rows.size != whole[0]:
            return None
        labels = e.args[part.operand]
        return cls(labels, tuple(whole)) if labels.shape == whole[:1] else None


def _put_at(e: Expr) -> Places | None:
    """Return where an expression puts one entry of each row, if it is such a scatter."""
    return Places.of(e) if e.op is scatter else None


def _picked(rewrite: Rewriter, x: Expr, at: Places) -> Expr:
    """Return the entries of `x`, broadcast to the shape of the matrix."""
    n = at.shape[0]
    if not x.shape:
        return x
    if x.shape == at.shape:
        index = (("index", (Counted(n), Slot(1))),)
        return rewrite.made(rewrite.world.make(getitem, (x, at.labels), index, (n,)))
    if x.shape == (n, 1):
        return rewrite.apply(shaping.reshape, x, shape=(n,))
    return _picked(rewrite, rewrite.apply(shaping.broadcast_to, x, shape=at.shape), at)


def _placed(rewrite: Rewriter, values: Expr, at: Places) -> Expr:
    """Return zeros with some values at the places."""
    settings = (("index", (Counted(at.shape[0]), Slot(1))), ("into", at.shape))
    return rewrite.made(rewrite.world.make(scatter, (values, at.labels), settings, at.shape))


@_rewrites(elementwise.negative, elementwise.multiply, elementwise.divide)
def _through_picked(rewrite: Rewriter, e: Expr) -> Any:
    """An op that keeps zeros is done to the picked entries alone."""
    for x in e.args[:1] if e.op is elementwise.divide else e.args:
        at = _put_at(x)
        if at is not None and x.shape == e.shape and not (x is e.args[0] is e.args[-1]):
            args = [x.args[0] if arg is x else _picked(rewrite, arg, at) for arg in e.args]
            values = rewrite.apply(e.op, *args)
            return _placed(rewrite, values, at) if values.dtype == e.dtype else None
    return None


@_rewrites(elementwise.multiply, elementwise.divide)
def _sum_with_picked(rewrite: Rewriter, e: Expr) -> Any:
    """``(picked + c) * e`` is ``picked * e + c * e``, of which the first is a few entries."""
    for total in e.args if e.op is elementwise.multiply else e.args[:1]:
        if (
            total is e.args[0] is e.args[1]
            or total.op is not elementwise.add
            or total.shape != e.shape
        ):
            continue
        for place, rest in (total.args, total.args[::-1]):
            if _put_at(place) is not None and place.shape == e.shape:
                parts = [
                    rewrite.apply(e.op, *(x if arg is total else arg for arg in e.args))
                    for x in (rest, place)
                ]
                return rewrite.apply(elementwise.add, *parts)
    return None


@_rewrites(elementwise.add)
def _sums_of_picked(rewrite: Rewriter, e: Expr) -> Any:
    """Entries at the same places are added up before they are put there."""
    a, b = e.args
    at, other = _put_at(a), _put_at(b)
    if at is None or other is None or at.labels is not other.labels or at.shape != other.shape:
        return None
    return _placed(rewrite, rewrite.apply(elementwise.add, a.args[0], b.args[0]), at)


@_rewrites(reductions.sum)
def _sum_of_picked(rewrite: Rewriter, e: Expr) -> Any:
    """The sum of each row that has one picked entry is that entry."""
    (x,) = e.inputs
    axes = normalize_axis(e.setting("axis"), len(x.shape))
    if e.setting("dtype") is not None or _put_at(x) is None:
        return None
    values, (n, _) = _full(x.args[0], x.shape[:1]), x.shape
    if axes == (1,):
        keep = e.setting("keepdims")
        return rewrite.apply(shaping.reshape, values, shape=(n, 1)) if keep else values
    if axes == (0, 1) and not e.setting("keepdims"):
        return rewrite.apply(reductions.sum, values, axis=None, dtype=None, keepdims=False)
    return None


@_rewrites(scatter)
def _scatter_of_one(rewrite: Rewriter, e: Expr) -> Any:
    """The same number for every place need not be repeated."""
    x = e.args[0]
    if x.op is not shaping.broadcast_to or x.args[0].shape or Places.of(e) is None:
        return None
    return rewrite.world.make(scatter, (x.args[0], *e.args[1:]), e.settings, e.shape)


@_rewrites(getitem)
def _pick_early(rewrite: Rewriter, e: Expr) -> Any:
    """A pick from what works entry by entry picks from the operands, which are computed anyway."""
    x = e.args[0]
    ok = (elementwise.divide, elementwise.log, elementwise.negative, elementwise.subtract)
    at = Places.of(e)
    if at is None or x.op not in ok or x.settings:
        return None
    return rewrite.apply(x.op, *(_picked(rewrite, arg, at) for arg in x.args))


@_rewrites(getitem, scatter)
def _axes_alone(rewrite: Rewriter, e: Expr) -> Any:
    """An index that only puts in axes changes the shape alone, as does its scatter."""
    whole = (None, ..., slice(None))
    if any(isinstance(part, (Expr, np.ndarray, Slot, Counted)) or part not in whole
           for part in parts_of(e.setting("index"))):  # fmt: skip
        return None
    return rewrite.apply(shaping.reshape, e.args[0], shape=tuple(e.shape))


@_rewrites(shaping.reshape, shaping.broadcast_to)
def _same_shape(rewrite: Rewriter, e: Expr) -> Any:
    x = e.args[0]
    if x.shape == e.shape:
        return x
    if x.op is shaping.broadcast_to and not x.args[0].shape:
        return rewrite.apply(shaping.broadcast_to, x.args[0], shape=tuple(e.shape))
    if e.op is shaping.reshape and x.op is shaping.reshape:
        return rewrite.apply(shaping.reshape, x.args[0], shape=tuple(e.shape))
    return None


@_rewrites(shaping.transpose)
def _turned_back(rewrite: Rewriter, e: Expr) -> Any:
    x = e.args[0]
    axes = e.setting("axes")
    plain = axes is None or (len(axes) == 2 and tuple(a % 2 for a in axes) == (1, 0))
    if x.op is shaping.transpose and plain and x.setting("axes") is None:
        return x.args[0]
    return x if len(e.shape) < 2 else None


def bytes_of(e: Expr) -> int:
    """Return how many bytes a value takes."""
    return math.prod(map(int, e.shape)) * int(e.dtype.itemsize)


def parts_of(index: Any) -> tuple[Any, ...]:
    """Return the parts of an index, one for each axis that it names."""
    return index if type(index) is tuple else (index,)
