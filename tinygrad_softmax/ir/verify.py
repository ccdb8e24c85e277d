"""A derived function against the truth: at the inputs given, on draws like them, at large scores.

The truth is the function's own value and its gradients by the tape; where the tape cannot go, the
trace differentiated as it is; and, at the inputs given, a difference quotient. Facts about the
inputs that a formula may rest on are found here, and asked again at each call.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Iterable, Iterator
from itertools import count, islice
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..core.op import Op
from ..core.reverse import reverse
from ..core.tape import Value
from ..core.tensor import Tensor
from ..core.transforms import value_and_grad
from ..ops import choices, elementwise, linalg, reductions
from .expr import Expr
from .sizes import Dim
from .trace import Trace, call, environment
from .visit import evaluate, ordered, substituted

__all__ = ["Fact", "Verdict", "check_call", "draws", "facts", "verify"]

Values: TypeAlias = dict[str, Any]
_RESAMPLED, _DRAWN, _TRIES = 2, 3, 8
#: What parameters are scaled by: to scores beyond exp's range in double precision (about 700), for
#: some of these not beyond that in extended precision (about 11,000).
_FACTORS = (1e4, -1e4, 3e3, 1e3, 300.0)
_DIGITS, _LARGEST = 900, 900.0
#: So many numbers are computed with hundreds of digits in a moment.
_FEW = 300
_SOLVED = (linalg.inv, linalg.solve, linalg.det, linalg.logabsdet)


# --- facts ---


class Fact(NamedTuple):
    """Something about an input that a law may rest on.

    Parameters
    ----------
    kind : {"positive", "negative", "distribution"}
        What holds for every entry, or for the sums along an axis.
    name : str
        The input.
    axis : int, optional
        Along which the entries sum to 1.
    """

    kind: str
    name: str
    axis: int | None = None

    @property
    def text(self) -> str:
        """The fact as a comment says it."""
        sign = {"positive": ">", "negative": "<"}.get(self.kind)
        return f"{self.name} {sign} 0" if sign else f"{self.name} sums to 1 along axis {self.axis}"

    @property
    def past(self) -> str:
        """The fact as a message says it when it no longer holds."""
        if self.kind == "distribution":
            return f"{self.name} summed to 1 along axis {self.axis}"
        return f"every entry of {self.name} was {self.kind}"

    def holds(self, /, **inputs: Any) -> bool:
        """Whether the fact is true of these inputs."""
        array = np.asarray(inputs[self.name])
        if self.kind == "distribution":
            return self.axis in [*_distributions(array)]
        return bool((array > 0 if self.kind == "positive" else array < 0).all())


def _distributions(array: Any) -> Iterator[int]:
    """Yield the axes along which a non-negative array sums to 1 everywhere."""
    array = np.asarray(array)
    if array.dtype.kind == "f" and array.ndim and array.size and (array >= 0).all():
        for axis in range(array.ndim):
            slack = 4 * array.shape[axis] * float(np.finfo(array.dtype).eps)
            if array.shape[axis] > 1 and np.allclose(array.sum(axis), 1, rtol=0, atol=slack):
                yield axis


def facts(given: Values, traced: Trace) -> list[Fact]:
    """Return the facts about the inputs that are true of those given.

    Parameters
    ----------
    given : dict
        The inputs by name.
    traced : Trace
        The function; its inputs are asked about.

    Returns
    -------
    list of Fact
        Each is to be asserted at a call only if a law has used it.
    """
    found = []
    for name in traced.inputs:
        array = np.asarray(given[name])
        found += [Fact("distribution", name, axis) for axis in _distributions(array)]
        if array.size and array.dtype.kind in "fiu":
            found += [Fact("positive", name)] if (array > 0).all() else []
            found += [Fact("negative", name)] if (array < 0).all() else []
    return found


def check_call(
    inputs: Values, given: Values, traced: Trace, assumptions: Iterable[Any] = ()
) -> None:
    """Refuse inputs for which a derived function was not made, instead of a wrong answer.

    Parameters
    ----------
    inputs : dict
        What the derived function is called with.
    given : dict
        What it was derived at.
    traced : Trace
        The function, with what it assumes itself.
    assumptions : iterable
        Facts that the formula rests on besides.

    Raises
    ------
    ValueError
        If a value that settled the course of the program differs, or a shape, a type or a size
        that is in the formula, or an assumption does not hold.
    """
    for name in traced.inputs.keys() & inputs.keys():
        value, was = inputs[name], np.asarray(given[name]).dtype
        if isinstance(value, Value):
            raise ValueError(f"{name} is a {type(value).__name__}: pass a plain array, {name}.data")
        kinds, now = {"f": "fiub", "b": "b"}.get(was.kind, "iu"), np.asarray(value).dtype
        if now.kind not in kinds:
            raise ValueError(f"{name} had dtype {was} when this was derived and has dtype {now} "
                             "now: convert it, or derive again")  # fmt: skip
    misfit = traced.misfit(**inputs)
    if misfit is not None:
        again = "" if "derive again" in misfit else ": derive again for these inputs"
        raise ValueError(misfit + again)
    for fact in assumptions:
        if not fact.holds(**inputs):
            raise ValueError(f"{getattr(fact, 'past', fact.text)} when this was derived, and the "
                             "formula rests on that, which does not hold for these inputs: derive "
                             "again")  # fmt: skip


# --- draws ---


class _Drawn(NamedTuple):
    values: Values
    kind: str  # "resampled" or "drawn"
    resized: bool


def draws(given: Values, traced: Trace, seed: int) -> Iterator[Values]:
    """Yield inputs like those given, without end: resampled rows and new numbers by turns.

    Parameters
    ----------
    given : dict
        The inputs by name.
    traced : Trace
        Which axes share a size, what labels pick from, and what is assumed of sizes.
    seed : int
        The draws are the same for the same seed.

    Yields
    ------
    dict
        Inputs of the nature of those given: masks, triangles, probabilities, signs, labels. Of
        other sizes where the trace is for all sizes.
    """
    for drawn in _draws(given, traced, seed):
        yield drawn.values


def _draws(given: Values, traced: Trace, seed: int, largest: int = 6) -> Iterator[_Drawn]:
    rng = np.random.default_rng(seed)
    sampler = _Sampler(given, traced)
    for turn in count():
        sizes = sampler.sizes(rng, largest) if turn % 7 < 6 else sampler.now
        values = sampler.resampled(rng, sizes)
        if turn % 2:
            values |= {name: sampler.fresh(name, values[name], rng, sizes, turn)
                       for name in traced.inputs}  # fmt: skip
        values |= {name: type(given[name])(values[name]) for name in traced.inputs
                   if isinstance(given[name], (bool, int, float))}  # fmt: skip
        if traced.misfit(**values) is not None:
            values = given
        resized = any(np.shape(values[n]) != np.shape(given[n]) for n in traced.inputs)
        yield _Drawn(values, "drawn" if turn % 2 else "resampled", resized)


def _value(size: Any, known: dict[str, int]) -> int:
    return int(evaluate([size.expr], known)[0]) if isinstance(size, Dim) else int(size)


class _Sampler:
    """Draws inputs of the nature of those given."""

    def __init__(self, given: Values, traced: Trace) -> None:
        self.given, self.traced = given, traced
        self.arrays = {name: np.asarray(given[name]) for name in traced.inputs}
        #: what the size of an axis is in the trace, if it is open, and what it is now
        self.open: dict[tuple[str, int], Any] = {
            (name, axis): traced.axes[name, axis]
                     for name, array in self.arrays.items() for axis in range(array.ndim)
                     if isinstance(traced.axes.get((name, axis)), Dim)}  # fmt: skip
        self.now = {int(size): self.arrays[name].shape[axis]
                    for (name, axis), size in self.open.items()}  # fmt: skip
        self.opaque: set[str] = set()  # inputs whose numbers may be no others than those given
        self.bounds: dict[str, int] = {}  # labels, and how many classes they count
        self.kept: set[str] = set()  # sizes that labels count in a way that is not told: y - 1
        for index, size in traced.indices:
            e = index
            while e.op is not None and e.op.moves_entries:
                e = e.args[0]
            if e.op is None:
                self.bounds[str(e.label)] = min(self.bounds.get(str(e.label), size), size)
                continue
            self.opaque |= {str(leaf.label) for leaf in ordered([e]) if leaf.op is None}
            if isinstance(size, Dim):
                self.kept |= {str(leaf.label) for leaf in ordered([size.expr])}
        #: sizes of square arrays that can be cut but not enlarged
        self.square = {n for name, array in self.arrays.items() if _triangles(array) is None
                       for n in self._own(name) if self._own(name).count(n) > 1}  # fmt: skip

    def _own(self, name: str) -> list[int]:
        return [int(self.open[name, axis]) for axis in range(self.arrays[name].ndim)
                if (name, axis) in self.open]  # fmt: skip

    def sizes(self, rng: Any, largest: int) -> dict[int, int]:
        """Draw sizes, by what they are in the trace: enough for every slice and index."""
        traced, now = self.traced, environment(self.given)
        drawn = traced.draw_sizes(rng, largest)
        for size in self.open.values():
            label = str(size.expr.label)
            if label in drawn and label in self.kept:
                drawn[label] = now[label]
            elif label in drawn and int(size) in self.square:
                drawn[label] = min(drawn[label], now[label])
        sizes = {int(size): _value(size, drawn) for size in self.open.values()} if drawn else {}
        least = min([*sizes.values(), *(_value(cut, drawn) for cut in traced.cuts if drawn)],
                    default=0)  # fmt: skip
        return sizes if least >= 1 else self.now

    def bound(self, name: str, sizes: dict[int, int]) -> int | None:
        """Return how many classes labels count, if the trace says so."""
        size = self.bounds.get(name)
        if size is None or name in self.opaque:
            return None
        return sizes.get(int(size), self.now.get(int(size))) if isinstance(size, Dim) else size

    def resampled(self, rng: Any, sizes: dict[int, int]) -> Values:
        """Draw rows of those given, in their order: the same of all that share an axis."""
        places = {
            n: np.sort(rng.choice(old, sizes[n], replace=sizes[n] >= old))
            for n, old in sorted(self.now.items())
            if old and (sizes[n] != old or n not in self.square)
        }  # fmt: skip
        values = dict(self.given)
        for name, array in self.arrays.items():
            made = array.copy()
            for axis in range(array.ndim):
                if (name, axis) in self.open and int(self.open[name, axis]) in places:
                    made = np.take(made, places[int(self.open[name, axis])], axis)
            values[name] = self.like(name, array, made, self.bound(name, sizes))
        return values

    def like(self, name: str, array: Any, made: Any, bound: int | None) -> Any:
        """Give an array that was cut or enlarged the nature of the whole one back."""
        if array.dtype.kind in "iu" and bound is not None:
            return np.where(made >= 0, made % bound, -(-made % bound)).astype(array.dtype)
        if np.array_equal(made, array):
            return array.copy()
        triangles = _triangles(array)
        if triangles is not None and made.shape[0] == made.shape[1]:
            below, on, above = triangles
            order = np.subtract.outer(*[np.arange(len(made))] * 2)
            return np.where(order > 0, below, np.where(order < 0, above, on)).astype(array.dtype)
        for axis in [*_distributions(array)][-1:]:  # of an identity, the rows
            if np.isin(array, (0, 1)).all():
                hot = np.argmax(array, axis)
                hot = np.resize(hot, np.delete(made.shape, axis)) % made.shape[axis]
                return _one_hot(hot, made.shape, axis).astype(array.dtype)
            total = made.sum(axis, keepdims=True)
            uniform = 1 / made.shape[axis]
            return np.where(total > 0, made / np.where(total > 0, total, 1), uniform)
        if array.dtype.kind == "f" and array.ndim > 1:
            for axis in range(array.ndim):  # directions stay of length 1
                if np.allclose((array**2).sum(axis), 1, rtol=0, atol=1e-9):
                    length = np.sqrt((made**2).sum(axis, keepdims=True))
                    return made / np.where(length > 0, length, 1)
        return made

    def fresh(self, name: str, made: Any, rng: Any, sizes: dict[int, int], turn: int) -> Any:
        """Draw an array anew, where its nature allows it."""
        array, shape = self.arrays[name], np.shape(made)
        kind, size, own = array.dtype.kind, array.size, self._own(name)
        if not size or name in self.opaque or not np.isfinite(array).all():
            return made
        if len({*own}) < len(own) and not _is_general(array):
            return made
        values = np.unique(array)
        if kind in "iu":
            bound = self.bound(name, sizes)
            if bound is not None and values[0] >= 0:
                return rng.integers(0, bound, shape).astype(array.dtype)
            return rng.choice(array.ravel(), shape)
        if kind == "b":
            return rng.random(shape) < 0.5 if len(values) == 2 else made
        for axis in [*_distributions(array)][-1:]:  # of an identity, the rows
            if len(values) == 2 and np.isin(values, (0, 1)).all():
                hot = rng.integers(0, shape[axis], shape[:axis] + shape[axis + 1 :])
                return _one_hot(hot, shape, axis).astype(array.dtype)
            weights = rng.uniform(0.1, 1, shape)
            return (weights / weights.sum(axis, keepdims=True)).astype(array.dtype)
        if array.ndim and size > 1 and (len(values) <= 2 or len(values) < size // 4):
            return rng.choice(array.ravel(), shape)  # labels of -1 and 1, masks, counts
        if np.abs(values).max() > 1e6:
            return made
        return self._numbers(array, shape, rng, turn).astype(array.dtype)

    def _numbers(self, array: Any, shape: Any, rng: Any, turn: int) -> Any:
        low, high = float(array.min()), float(array.max())
        if low > 0:
            return rng.uniform(low, max(high, low * 1.5), shape)
        if high < 0:
            return rng.uniform(min(low, high * 1.5), high, shape)
        if low >= 0 and high > 0 and array.ndim:
            return rng.uniform(0, high, shape)
        if (low >= -1 and high <= 1) or (turn % 4 == 3 and high > low):  # of a domain, perhaps
            return rng.uniform(low, high, shape) if high > low else np.full(shape, low)
        scale = float(np.std(array)) if array.size > 1 else abs(high)
        return rng.standard_normal(shape) * (scale or 1.0)


def _triangles(array: Any) -> tuple[Any, Any, Any] | None:
    """Return what stands below, on and above the diagonal, if that is one number each."""
    if array.ndim != 2 or array.shape[0] != array.shape[1] or len(array) < 2:
        return None
    n = len(array)
    parts = (array[np.tril_indices(n, -1)], np.diag(array), array[np.triu_indices(n, 1)])
    if all((part == part[0]).all() for part in parts):
        return (parts[0][0], parts[1][0], parts[2][0])
    return None


def _is_general(array: Any) -> bool:
    """Whether a square array has no structure that new numbers would lose."""
    if array.ndim != 2 or array.dtype.kind != "f":
        return False
    n = len(array)
    lower, upper = array[np.tril_indices(n, -1)], array[np.triu_indices(n, 1)]
    constant = any(part.size and (part == part[0]).all() for part in (lower, upper))
    return not constant and not np.allclose(array, array.T)


def _one_hot(hot: Any, shape: tuple[int, ...], axis: int) -> Any:
    others = tuple(i for i in range(len(shape)) if i != axis)
    return np.expand_dims(np.arange(shape[axis]), others) == np.expand_dims(hot, axis)


# --- the truth ---


class Verdict(NamedTuple):
    """What came of the comparison.

    Parameters
    ----------
    problem : str or None
        One plain sentence; None if nothing is wrong.
    kind : str
        Where: "" (nothing), "given" (the inputs or the loss are not finite, or the loss is not
        what was traced), "here" (the formula is wrong at the inputs given), "elsewhere" (only on
        draws like them), "large" (only at large scores).
    checked : str
        What was compared with what, and what could not be.
    """

    problem: str | None
    kind: str
    checked: str


class _Truth:
    """The loss and its gradients, by other ways than the derived function."""

    def __init__(self, function: Callable[..., Any], traced: Trace, wrt: tuple[str, ...]) -> None:
        self.function, self.traced, self.wrt = function, traced, wrt
        self.outer = tuple(name for name in wrt if name in traced.inputs)
        self.tape = bool(self.outer)
        self._raw: dict[Expr, Expr] | None = None
        self._last: tuple[Values, tuple[Any, Values]] | None = None

    @property
    def raw(self) -> dict[Expr, Expr]:
        """The gradient of every traced value as the rules give it."""
        if self._raw is None:
            traced = self.traced
            seed = traced.world.lift(np.ones((), traced.output.dtype))
            passing = reverse(traced.output, seed)
            self._raw = {node: g for node, g, _ in passing}
        return self._raw

    def loss(self, values: Values) -> Any:
        """Run the function as it is, on arrays of its own."""
        own = {n: np.array(v) if isinstance(v, np.ndarray) else v for n, v in values.items()}
        return call(self.function, own)

    def __call__(self, values: Values) -> tuple[Any, Values]:
        """Return the loss and the gradients by name."""
        if self._last is not None and self._last[0] is values:
            return self._last[1]
        loss, found = self.loss(values), dict[str, Any]()
        if self.tape:
            try:
                held = {n: np.array(v) if isinstance(v, np.ndarray) else v
                        for n, v in values.items()}  # fmt: skip
                value, slopes = value_and_grad(_traced(self.function), wrt=self.outer)(**held)
                found = dict(zip(self.outer, slopes, strict=True))
                if not np.allclose(value, loss, rtol=1e-4, atol=1e-12, equal_nan=True):
                    self.tape, found = False, {}  # it writes to an array through a second name
            except Exception:  # what the tape cannot follow, the trace could
                self.tape = False
        rest = tuple(name for name in self.wrt if name not in found)
        found |= dict(zip(rest, self.by_rules(values, rest), strict=True))
        self._last = (values, (loss, found))
        return loss, found

    def target(self, name: str) -> Expr:
        """Return what a name of `wrt` stands for: an input, or a local variable."""
        return self.traced.inputs[name] if name in self.traced.inputs else self.traced.names[name]

    def by_rules(self, values: Values, names: Iterable[str]) -> list[Any]:
        """Return gradients by the rules alone, for inputs and local variables."""
        targets = [self.target(name) for name in names]
        if not targets:
            return []
        zero = self.traced.world.lift(0.0)
        roots = [e for target in targets for e in (self.raw.get(target, zero), target)]
        found = evaluate(roots, environment(values))
        return [np.broadcast_to(g, np.shape(v)) for g, v in zip(found[::2], found[1::2],
                                                                strict=True)]  # fmt: skip

    def exact(self, values: Values) -> tuple[Any, Values] | None:
        """Return loss and gradients computed with hundreds of digits; None if an op cannot be."""
        if sum(np.size(values[name]) for name in self.traced.inputs) > _FEW:
            return None
        world, plain = self.traced.world, dict[Expr, Expr]()
        roots = [self.traced.output, *(self.raw.get(self.target(n), world.lift(0.0))
                                       for n in self.outer)]  # fmt: skip
        for node in ordered(roots):
            if node.op is elementwise.logaddexp:
                a, b = (substituted(arg, plain, world) for arg in node.args)
                plain[node] = elementwise.log(elementwise.exp(a) + elementwise.exp(b))
        roots = [substituted(root, plain, world) for root in roots]
        held = {n: _exactly(v) if np.asarray(v).dtype.kind == "f" else v
                for n, v in values.items()}  # fmt: skip
        digits = min(_DIGITS, 60 + int(_largest_score(self, values)))
        try:
            with decimal.localcontext(decimal.Context(prec=digits, Emax=decimal.MAX_EMAX,
                                                      Emin=decimal.MIN_EMIN)):  # fmt: skip
                found = evaluate(roots, environment(held))
                loss, *slopes = [np.asarray(value).astype(float) for value in found]
        except (TypeError, ValueError, ArithmeticError, AttributeError):
            return None
        return loss, {n: np.broadcast_to(g, np.shape(values[n]))
                      for n, g in zip(self.outer, slopes, strict=True)}  # fmt: skip


def _traced(function: Any) -> Any:
    """Return the function with data as constant tensors: ``X.dot(W)`` of an array is not ours."""

    def constant(value: Any) -> Any:
        is_float = isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim > 0
        return Tensor(value, requires_grad=False, copy=False) if is_float else value

    return lambda **inputs: call(function, {n: constant(v) for n, v in inputs.items()})


class _Exact:
    """A number of hundreds of digits, for NumPy's functions of objects."""

    def __init__(self, value: Any) -> None:
        self.value = value if isinstance(value, decimal.Decimal) else decimal.Decimal(float(value))

    def __float__(self) -> float:
        return float(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __neg__(self) -> _Exact:
        return _Exact(-self.value)

    def __abs__(self) -> _Exact:
        return _Exact(abs(self.value))

    def exp2(self) -> _Exact:
        return _Exact((self.value * decimal.Decimal(2).ln()).exp())

    def log2(self) -> _Exact:
        return _Exact(self.value.ln() / decimal.Decimal(2).ln())

    def log1p(self) -> _Exact:
        return _Exact((1 + self.value).ln())

    def expm1(self) -> _Exact:
        return _Exact(self.value.exp() - 1)

    def cosh(self) -> _Exact:
        return _Exact((self.value.exp() + (-self.value).exp()) / 2)

    def sinh(self) -> _Exact:
        return _Exact((self.value.exp() - (-self.value).exp()) / 2)

    def tanh(self) -> _Exact:
        return _Exact(self.sinh().value / self.cosh().value)


def _function(name: str) -> Any:
    return lambda self: _Exact(getattr(self.value, name)())


for _name in ("exp", "sqrt", "log10"):
    setattr(_Exact, _name, _function(_name))
_Exact.log = _function("ln")  # type: ignore[attr-defined]


def _operation(name: str) -> Any:
    def method(self: _Exact, other: Any) -> Any:
        other = other if isinstance(other, _Exact) else _Exact(other)
        made = getattr(self.value, name)(other.value)
        return _Exact(made) if isinstance(made, decimal.Decimal) else made

    return method


for _name in ("add", "sub", "mul", "truediv", "pow", "radd", "rsub", "rmul", "rtruediv", "rpow",
              "lt", "le", "gt", "ge", "eq", "ne"):  # fmt: skip
    setattr(_Exact, f"__{_name}__", _operation(f"__{_name}__"))


def _exactly(array: Any) -> Any:
    return np.vectorize(_Exact, otypes=[object])(np.asarray(array, float))[()]


# --- the comparison ---


def verify(run: Callable[..., Any], function: Callable[..., Any], traced: Trace,
           wrt: tuple[str, ...], given: Values, stable: bool = False,
           rests_on: tuple[Fact, ...] = ()) -> Verdict:  # fmt: skip
    """Compare a derived function with the truth.

    Parameters
    ----------
    run : callable
        The derived function: of the inputs by name, to the loss, the gradients by name, and more.
    function : callable
        The loss as the user wrote it.
    traced : Trace
        Its trace, as it was before any rewriting.
    wrt : tuple of str
        Inputs or local variables that it is differentiated with respect to.
    given : dict
        The inputs that it was derived at.
    stable : bool
        Whether large scores must do no harm: then these are tried as well.
    rests_on : tuple of Fact
        What the derived function takes for granted of its inputs, and so do the draws.

    Returns
    -------
    Verdict
        What is wrong, if anything, and what was compared.
    """
    truth = _Truth(function, traced, wrt)
    base: Values | None = given
    scaled = ""
    with np.errstate(all="ignore"):
        problem = _not_finite(truth, given, stable)
        if problem is not None and stable and not any(map(_has_nan, given.values())):
            base = _scaled_down(truth, given)
            if base is not None:
                scaled = ", scaled down to where the function itself is finite"
                problem = None
        if problem is not None or base is None:
            return Verdict(problem, "given", "Nothing was compared.")
        here = f"at the inputs given{scaled}"
        worst, differs = _differs(run, truth, base, here, here)
        if differs is None and scaled and not _is_finite(_run(run, given)):
            differs = "no law reaches a form that is finite at the inputs given"
        if differs is None and not scaled:
            differs = _other_slope(truth, base)
        if differs is not None:
            return Verdict(differs, "given" if differs.startswith("the function") else "here", "")
        counts = {"resampled": 0, "drawn": 0}
        resized = False
        for drawn in _finite_draws(truth, base, traced, counts, rests_on):
            where = {"resampled": "on rows resampled from the inputs given",
                     "drawn": "on inputs drawn anew"}[drawn.kind]  # fmt: skip
            where += ", of other sizes" if drawn.resized else ""
            more, differs = _differs(run, truth, drawn.values, where)
            worst, resized = max(worst, more), resized or drawn.resized
            if differs is not None:
                return Verdict(differs, "elsewhere", "")
        if stable:
            differs = _at_large_scores(run, truth, base, traced)
            if differs is not None:
                return Verdict(differs, "large", "")
    return Verdict(None, "", _said(truth, counts, resized, worst, scaled, traced))


def _said(truth: _Truth, counts: dict[str, int], resized: bool, worst: float, scaled: str,
          traced: Trace) -> str:  # fmt: skip
    """Say what was compared, and what could not be."""
    parts = [f"at the inputs given{scaled}"]
    if counts["resampled"]:
        parts.append(f"on {counts['resampled']} draws of rows resampled from them")
    if counts["drawn"]:
        parts.append(f"on {counts['drawn']} draws of new numbers")
    where = ", ".join(parts[:-1]) + " and " + parts[-1] if len(parts) > 1 else parts[0]
    digits = int(min(10, -np.log10(worst or 1e-16)))
    how = "automatic differentiation" if truth.tape or not truth.outer else (
        "the gradient rules applied to the traced function")  # fmt: skip
    text = f"The function was compared with {how}, {where}{', of other sizes' if resized else ''}. "
    text += f"They agree to {digits}{' or more' if digits == 10 else ''} digits."
    if len(parts) == 1:
        text += (" It was compared only there, because on inputs drawn like them the function is "
                 "not finite.")  # fmt: skip
    if not traced.generic:
        text += (
            f" It holds for inputs of these sizes{': ' + traced.reason if traced.reason else '.'}"
        )
    return text


def _finite_draws(truth: _Truth, base: Values, traced: Trace, counts: dict[str, int],
                  rests_on: tuple[Fact, ...]) -> Any:  # fmt: skip
    """Yield draws at which the truth is finite; the others say nothing and are drawn again."""
    wanted = {"resampled": _RESAMPLED, "drawn": _DRAWN}
    for tries, drawn in enumerate(_draws(base, traced, seed=1)):
        if counts == wanted or tries == _TRIES * sum(wanted.values()):
            return
        full = counts[drawn.kind] == wanted[drawn.kind]
        told = all(np.array_equal(drawn.values[n], base[n]) for n in traced.inputs)
        if full or told or not all(fact.holds(**drawn.values) for fact in rests_on):
            continue
        if not _is_finite(_safely(truth, drawn.values)):
            continue
        counts[drawn.kind] += 1
        yield drawn


def _safely(truth: _Truth, values: Values) -> Any:
    """Return the truth, None if the function refuses these values."""
    try:
        return truth(values)
    except Exception:  # a function may check its inputs in any way
        return None


def _run(run: Any, values: Values) -> Any:
    own = {n: np.array(v) if isinstance(v, np.ndarray) else v for n, v in values.items()}
    loss, found, *_ = run(**own)
    return loss, found


def _is_finite(found: Any) -> bool:
    if found is None:
        return False
    loss, slopes = found
    return all(np.isfinite(np.asarray(value, float)).all() for value in (loss, *slopes.values()))


def _has_nan(value: Any) -> bool:
    array = np.asarray(value)
    return array.dtype.kind == "f" and bool(np.isnan(array).any())


def _differs(
    run: Any, truth: _Truth, values: Values, where: str, here: str = ""
) -> tuple[float, str | None]:
    """Return how far the derived function is from the truth, and what is wrong with it."""
    found = _compared(run, truth, values, where)
    if found[1] is not None and (
        _is_right_after_all(run, truth, values) or (where != here and _is_singular(truth, values))
    ):
        return 0.0, None
    floats = [np.asarray(values[n]).dtype for n in truth.traced.inputs]
    if found[1] is None and any(d.kind == "f" and d.itemsize < 8 for d in floats):
        wide = _widened(values)
        if _is_finite(_safely(truth, wide)):
            return _compared(run, truth, wide, where)  # rounding hides nothing in double precision
    return found


def _is_singular(truth: _Truth, values: Values) -> bool:
    """Whether a matrix that was drawn is so near a singular one that no digits hold."""
    if not any(e.op in _SOLVED for e in ordered([truth.traced.output])):
        return False
    rng = np.random.default_rng(0)
    nudged = {n: v * (1 + 1e-13 * rng.standard_normal(np.shape(v)))
              if np.asarray(v).dtype.kind == "f" else v for n, v in values.items()}  # fmt: skip
    try:
        (loss, slopes), (other, others) = truth(values), truth(nudged)
    except np.linalg.LinAlgError:
        return True
    pairs = [(loss, other), *((slopes[n], others[n]) for n in slopes)]
    return not all(np.allclose(a, b, rtol=1e-8, atol=1e-8 * np.max(np.abs(a), initial=0.0))
                   for a, b in pairs)  # fmt: skip


def _is_right_after_all(run: Any, truth: _Truth, values: Values) -> bool:
    """Whether it is the truth that lost digits or overflowed on its way, and not the formula."""
    if truth.outer != truth.wrt:
        return False  # of a local variable there is no other judge
    exact = truth.exact(values) if _is_of(truth, values) else None
    return exact is not None and _wrong_at(run, truth, values, exact) is None


def _is_of(truth: _Truth, values: Values) -> bool:
    """Whether the trace is of the function: that it computes the same, but for rounding."""
    (raw,) = evaluate([truth.traced.output], environment(values))
    return np.allclose(raw, truth.loss(values), rtol=1e-4, equal_nan=True)


def _widened(values: Values, dtype: Any = float) -> Values:
    """Return inputs in another precision."""
    wide = {n: v.astype(dtype) for n, v in values.items()
            if isinstance(v, (np.ndarray, np.generic)) and v.dtype.kind == "f"
            and v.dtype != dtype}  # fmt: skip
    return values | wide if wide else values


def _compared(run: Any, truth: _Truth, values: Values, where: str) -> tuple[float, str | None]:
    expected, slopes = truth(values)
    try:
        loss, found = _run(run, values)
    except Exception as error:  # generated code can fail in any way
        return 0.0, f"the derived function fails {where}: {type(error).__name__}: {error}"
    eps = max(float(np.finfo(np.asarray(v).dtype).eps) if np.asarray(v).dtype.kind == "f" else 0.0
              for v in (loss, expected, *slopes.values()))  # fmt: skip
    rtol, worst = max(1e-6, 2e4 * eps), 0.0
    if np.isfinite(loss) and not np.allclose(loss, expected, rtol=rtol, atol=rtol * 1e-6):
        return 0.0, (
            f"the function gives {float(expected):.6g} on plain arrays but {float(loss):.6g} as it "
            f"was traced, {where}: it may write to an array through a second name (write "
            "x = x * 2 instead of x *= 2), or to something outside"
        )
    for name, got, want in (("the loss", loss, expected),
                            *((f"d{n}", found[n], g) for n, g in slopes.items())):  # fmt: skip
        size = float(np.max(np.abs(want), initial=0.0))
        # what cancels to zero is zero to the rounding of what it was made of
        atol = rtol * size + rtol * 1e-6 * (1 + abs(float(expected)))
        if np.shape(got) != np.shape(want):
            return 0.0, f"{name} has shape {np.shape(got)}, not {np.shape(want)}, {where}"
        if not np.isfinite(np.asarray(got, float)).all():
            return 0.0, (f"{name} is not finite {where}, though automatic differentiation is: the "
                         "formula divides by 0 there, or overflows")  # fmt: skip
        if not np.allclose(got, want, rtol=rtol, atol=atol):
            return 0.0, (f"{name} differs from automatic differentiation {where}; this is a defect "
                         "in a law")  # fmt: skip
        apart = float(np.max(np.abs(np.subtract(got, want, dtype=float)), initial=0.0))
        worst = max(worst, apart / (size or 1.0))
    return worst, None


# --- the inputs given ---


def _not_finite(truth: _Truth, given: Values, stable: bool) -> str | None:
    """Say in one sentence what is not finite at the inputs given: an input, the loss, its slope."""
    loss, slopes = truth(given)
    if _is_finite((loss, slopes)):
        return None
    for name in truth.traced.inputs:
        array = np.asarray(given[name])
        if _has_nan(array):
            return f"{name} contains NaN{_where(np.isnan(array))}: there is nothing to derive from"
    infinite = next((n for n in truth.traced.inputs if np.asarray(given[n]).dtype.kind == "f"
                     and np.isinf(given[n]).any()), None)  # fmt: skip
    beside = "" if infinite is None else (
        f"; {infinite} is infinite{_where(np.isinf(given[infinite]))}")  # fmt: skip
    used = {node.op for node in ordered([truth.traced.output])}
    exponential = used & {elementwise.exp, elementwise.exp2, elementwise.cosh, elementwise.sinh}
    if not np.isfinite(loss):
        advice = "derive at inputs at which it is finite"
        if exponential and not stable:
            advice = "pass stable=True, or smaller scores"
        return f"the loss is {float(loss)} at the inputs given{beside}: {advice}"
    name = next(n for n, g in slopes.items() if not np.isfinite(g).all())
    rooted = used & {elementwise.sqrt, elementwise.power, linalg.length}
    why = " (a root, a norm or a power has no slope at 0)" if rooted else ""
    advice = "derive at inputs at which it is finite"
    if (made := _made_not_finite(truth, given)) is not None:
        op, bad = made
        why = f": {op.__name__} makes {int(bad.sum())} of {bad.size} values that are not finite"
        advice = op.remedy or advice
    if exponential and not stable:
        advice += ", or pass stable=True"
    return (f"the gradient with respect to {name} is not finite at the inputs given, though the "
            f"loss is {float(loss):.6g}{why}{beside}: {advice}")  # fmt: skip


def _made_not_finite(truth: _Truth, given: Values) -> tuple[Op, Any] | None:
    """Find the first op whose result is not finite though its operands are."""
    known: dict[Expr, Any] = {}
    evaluate([truth.traced.output], environment(given), known)
    for node in ordered([truth.traced.output]):
        bad = ~np.asarray(np.isfinite(known[node]))
        if node.op is not None and bad.any() and all(
            np.isfinite(known[arg]).all() for arg in node.args
        ):  # fmt: skip
            return node.op, bad
    return None


def _where(mask: Any) -> str:
    place = tuple(map(int, np.argwhere(np.asarray(mask))[0])) if np.ndim(mask) else ()
    if not place:
        return ""
    return f" at row {place[0]}" + "".join(f", column {i}" for i in place[1:2])


def _scaled_down(truth: _Truth, given: Values) -> Values | None:
    """Return the inputs given with smaller parameters, where the truth is finite."""
    for k in range(1, 40):
        values = {n: np.asarray(v) * 0.5**k if n in truth.outer else v for n, v in given.items()}
        if _is_finite(_safely(truth, values)):
            return values
    return None


def _other_slope(truth: _Truth, given: Values) -> str | None:
    """Compare with difference quotients along a random direction, of two steps that agree."""
    names = [n for n in truth.outer if np.asarray(given[n]).dtype.kind == "f"]
    if not names or _is_stopped(truth.traced):
        return None
    wide, rng = _widened(given), np.random.default_rng(0)
    way = {n: rng.standard_normal(np.shape(wide[n])) for n in names}
    size = max(1e-3, *(float(np.max(np.abs(wide[n]), initial=0.0)) for n in names))

    def at(step: float) -> float:
        return float(truth.loss(wide | {n: wide[n] + step * way[n] for n in names}))

    try:
        loss, slopes = truth(wide)
        slope = sum(float(np.sum(slopes[n] * way[n])) for n in names)
        middle, quotients = float(loss), []
        for step in (1e-4 * size, 1e-5 * size):
            sides = [(at(step) - middle) / step, (middle - at(-step)) / step]
            quotients.append(sum(sides) / 2)
    except Exception:  # a step may leave the domain that a function insists on
        return None
    scale = max(abs(quotients[1]), abs(slope))
    noise = 1e-4 * (1 + abs(middle)) / size
    apart = max(abs(quotients[0] - quotients[1]), abs(sides[0] - sides[1]))  # as at a kink
    if apart <= 1e-3 * scale + noise and abs(quotients[1] - slope) > 1e-2 * scale + 10 * noise:
        ends = [truth.exact(wide | {n: wide[n] + x * way[n] for n in names}) for x in (-step, step)]
        if _is_of(truth, wide) and ends[0] is not None and ends[1] is not None:
            exact = (float(ends[1][0]) - float(ends[0][0])) / (2 * step)
            if abs(exact - slope) <= 1e-2 * scale + 10 * noise:
                return None  # the function loses its digits on the way
        return (f"the function has the slope {quotients[1]:.6g} along a direction by difference "
                f"quotients at the inputs given, but {slope:.6g} by its gradient: it reads values "
                "that do not follow its inputs, or writes through a second name")  # fmt: skip
    return None


def _is_stopped(traced: Trace) -> bool:
    """Whether a gradient is stopped on purpose, other than at a largest score."""
    nodes = ordered([traced.output])
    shifts = {arg for node in nodes if node.op is reductions.max for arg in node.args}
    return any(node.op is choices.stop_gradient and node not in shifts for node in nodes)


# --- large scores ---


def _at_large_scores(run: Any, truth: _Truth, base: Values, traced: Trace) -> str | None:
    """Return what is not right at scores that overflow a naive exponential, None if all is."""
    drawn = islice(_draws(base, traced, seed=100, largest=4), 10 * len(_FACTORS))
    small = (draw.values for draw in drawn if _is_finite(_safely(truth, draw.values)))
    last = base
    for factor, last in zip(_FACTORS, small, strict=False):
        large = _scaled(last, truth, factor)
        differs = _wrong_at(run, truth, large, _wide_truth(truth, large))
        if differs is not None:  # unless it is the truth that has vanished on its way
            differs = _wrong_at(run, truth, large, _wide_truth(truth, large, "raise"))
        if differs is not None:
            return differs
    for values in (last, *islice(small, 1)):
        large = _scaled(values, truth, _LARGEST / _largest_score(truth, values))
        known = _wide_truth(truth, large, "raise")  # if that range suffices
        differs = _wrong_at(run, truth, large, truth.exact(large) if known is None else known)
        if differs is not None:
            return differs
    return None


def _scaled(values: Values, truth: _Truth, factor: float) -> Values:
    return {n: factor * np.asarray(v) if n in truth.outer else v for n, v in values.items()}


def _wrong_at(run: Any, truth: _Truth, values: Values, known: Any) -> str | None:
    """Compare at large scores; where the truth is not known, no slope of a finite loss may be."""
    try:
        loss, found = _run(run, values)
    except Exception as error:  # generated code can fail in any way
        return f"the derived function fails at large scores ({error})"
    if known is None:
        lost = [n for n, g in found.items() if not np.isfinite(g).all()]
        if lost and np.isfinite(loss):
            return f"no law reaches a form of d{lost[0]} that is finite at large scores"
        return None
    expected, slopes = known
    scores = max(float(np.max(np.abs(values[n]), initial=0.0)) for n in truth.outer)
    pairs = {"the loss": (loss, expected)} | {f"d{n}": (found[n], g) for n, g in slopes.items()}
    for name, (got, want) in pairs.items():
        size = float(np.max(np.abs(want), initial=0.0))
        if not size <= np.finfo(np.result_type(got, np.float32)).max:
            return None  # it overflows by its nature
        # what cancels to nearly zero is right to the rounding of what it was made of
        atol = 1e-6 * size + 1e-10 * (1 + abs(float(expected))) + 1e-12 * scores
        if not np.allclose(got, want, rtol=1e-6, atol=atol):
            return f"no law reaches a form of {name} that is right at large scores"
    return None


def _wide_truth(truth: _Truth, values: Values, under: Any = "ignore") -> Any:
    """Return the truth in extended precision; None where that is not finite or loses digits."""
    if np.finfo(np.longdouble).maxexp <= np.finfo(float).maxexp:
        return None  # this machine has no wider floating-point numbers
    found = []
    for nudge in (0, 2.0**-61, -(2.0**-60)):
        wide = {n: v * (1 + np.longdouble(nudge)) if n in truth.outer else v
                for n, v in _widened(values, np.longdouble).items()}  # fmt: skip
        try:
            with np.errstate(over="raise", divide="raise", invalid="raise", under=under):
                (loss,) = evaluate([truth.traced.output], environment(wide))
                slopes = truth.by_rules(wide, truth.outer)
        except Exception:  # not every function has an extended precision, and it may not suffice
            return None
        found.append((loss, *slopes))
    for first, *others in zip(*found, strict=True):
        if not np.isfinite(first).all():
            return None
        size = np.max(np.abs(first), initial=np.longdouble(0))
        lost = max(np.max(np.abs(first - other), initial=np.longdouble(0)) for other in others)
        if lost > 1e-9 * size + 1e-12 * (1 + abs(found[0][0])):
            return None
    return found[0][0], dict(zip(truth.outer, found[0][1:], strict=True))


def _largest_score(truth: _Truth, values: Values) -> float:
    """Return the largest argument of an exponential, 1 if there is none."""
    scores = [node.args[0] for node in ordered([truth.traced.output])
              if node.op in (elementwise.exp, elementwise.logaddexp, elementwise.cosh)]  # fmt: skip
    found = evaluate(scores, environment(values))
    sizes = [np.max(np.abs(np.asarray(s, float)[np.isfinite(s)]), initial=0.0) for s in found]
    return float(max(sizes, default=1.0)) or 1.0
