"""The true gradient at a point: by automatic differentiation, or by difference quotients.

Imports `hand` and `trees`. The plain run decides: a tape that gives another value than the function
on plain arrays, or another slope along a direction, is not accepted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import BackwardError
from ..core.reverse import reverse
from ..core.transforms import value_and_grad
from ..ir.trace import environment, trace
from ..ir.visit import evaluate
from .hand import LARGE, Hand, copied
from .trees import Inputs, double, is_real, leaves, replaced

_EXACT, _SINGLE, _WORST = 1e-6, 2e-3, 2e-2
#: Larger inputs are cut, and so many gradients not taken entry by entry.
_MANY, _ENTRIES = 100_000, 500
#: So many entries a function that goes round in loops is called with.
_SLOW = 2_000


class Truth(NamedTuple):
    """The loss and its gradient by leaf, by differences or not, and how exact they are."""

    value: float
    gradients: dict[str, np.ndarray]
    numerical: bool
    tolerance: float

    @property
    def unused(self) -> tuple[str, ...]:
        """The leaves whose gradient is 0 throughout."""
        return tuple(n for n, g in self.gradients.items() if not np.any(g))


class Given(NamedTuple):
    """What there is to say of the very inputs that were given.

    ``problem`` is a sentence if the loss or its gradient is not finite there; ``wrong`` the leaves
    that differ, with how many entries do; ``notes`` what differs by a convention only,
    and ``kinks`` at which entries of which leaves.
    """

    problem: str
    wrong: dict[str, int]
    notes: tuple[str, ...]
    kinks: Mapping[str, np.ndarray] = MappingProxyType({})


def same(found: Any, true: Any, tolerance: float = _EXACT) -> bool:
    """Whether two arrays have one shape and the same numbers; NaN is never the same.

    Examples
    --------
    >>> same(np.ones((1, 2)), np.ones(2)), same(np.ones(2), np.ones(2) + 1e-9)
    (False, True)
    """
    if np.shape(found) != np.shape(true):
        return False
    return not np.any(_differing(found, true, tolerance))


def _differing(found: Any, true: Any, tolerance: float) -> Any:
    """Return which entries differ by more than a fraction of the largest."""
    found = np.asarray(found)
    if found.dtype.kind not in "fiub":
        return np.ones(found.shape, bool)
    if found.dtype == np.float32:
        tolerance = max(tolerance, _SINGLE)
    scale = float(np.max(np.abs(true), initial=0.0))
    # next to a gradient that is 0, what rounding leaves is 0 as well
    return ~(np.abs(np.subtract(found, true, dtype=float)) <= tolerance * scale + 1e-12)


def truth(hand: Hand, inputs: Inputs, wrt: tuple[str, ...]) -> Truth:
    """Return the loss and its true gradient at a point.

    Parameters
    ----------
    hand : Hand
        The learner's functions.
    inputs : dict
        The point.
    wrt : tuple of str
        The leaves.
    """
    inputs = double(dict(inputs))
    value, exact = _value(hand, inputs)
    judged = _believed(hand, inputs, wrt, value, exact)
    return _completed(hand, inputs, wrt, value, exact, judged)


def _completed(hand: Hand, inputs: Inputs, wrt: tuple[str, ...], value: float, exact: float,
               judged: dict[str, Any]) -> Truth:  # fmt: skip
    """Return the truth of which some gradients are known."""
    rest = [n for n in wrt if n not in judged]
    measured = {n: _by_differences(hand, inputs, n, value, exact) for n in rest}
    judged = judged | {n: g for n, (g, _) in measured.items()}
    errors = [5 * error for _, error in measured.values()]
    tolerance = _EXACT if exact < 1e-10 and not rest else max(1e-5, 20 * exact**0.8)
    tolerance = max([tolerance, *(min(error, _WORST) for error in errors)])
    return Truth(value, {n: judged[n] for n in wrt}, bool(rest), tolerance)


def _value(hand: Hand, inputs: Inputs) -> tuple[float, float]:
    """Return the loss on plain arrays, and the rounding of the type that it is computed in."""
    value, again = (np.asarray(hand.loss(copied(inputs))) for _ in range(2))
    if value != again and np.isfinite([value, again]).all():
        raise BackwardError(
            f"the loss is {float(value):.6g} and then {float(again):.6g} at the same inputs: if it "
            "draws random numbers, pass seed= (it sets NumPy's global generator)"
        )
    eps = float(np.finfo(value.dtype if value.dtype.kind == "f" else float).eps)
    noise = _scatter(hand, inputs) if _size(inputs) <= _MANY else 0.0
    return float(value), max(eps, noise / (1e-3 + abs(float(value))) if noise > 1e-9 else 0.0)


def _scatter(hand: Hand, inputs: Inputs) -> float:
    """Return how values of the loss scatter about a line: single precision may be on the way.

    All parameters move, in proportion to their size.
    """
    rng = np.random.default_rng(2)
    given = dict(leaves(inputs))
    ways = {n: rng.uniform(0.5, 1.5, np.shape(given[n])) * given[n] for n in hand.wrt}

    def at(step: float) -> float:
        moved = {n: given[n] + step * way for n, way in ways.items()}
        return float(np.asarray(hand.loss(replaced(copied(inputs), moved))))

    scatter = np.abs(np.diff([at(1e-6 * k) for k in range(1, 8)], 3))
    return float(np.median(scatter)) if np.isfinite(scatter).all() else 0.0


def _believed(hand: Hand, inputs: Inputs, wrt: tuple[str, ...], value: float,
              exact: float) -> dict[str, Any]:  # fmt: skip
    """Return the gradients of the tape that give the slopes of the plain run."""
    judged: dict[str, Any] = {}
    for way in (_by_tape, _by_hand, _by_trace):
        rest = tuple(n for n in wrt if n not in judged)
        found = way(hand, inputs, rest, value) if rest else {}
        judged |= {n: g for n, g in found.items()
                   if _is_slope(hand, inputs, n, g, value, exact, way is _by_hand)}  # fmt: skip
    return judged


def _by_hand(hand: Hand, inputs: Inputs, wrt: tuple[str, ...], value: float) -> dict[str, Any]:
    """Return the gradients that are checked: if they have the slopes, nothing is left to find."""
    try:
        found = hand.run(inputs).gradients
    except Exception:  # it is told elsewhere
        return {}
    return {n: np.asarray(found[n], float) for n in wrt if found[n].dtype.kind in "fiub"}


def _by_trace(hand: Hand, inputs: Inputs, wrt: tuple[str, ...], value: float) -> dict[str, Any]:
    """Return gradients of a loss that writes into arrays, which expressions can follow."""
    given = {n: v for n, v in leaves(inputs) if is_real(v)}
    names = {n: f"input_{i}" for i, n in enumerate(given)}

    def loss(**values: Any) -> Any:
        return hand.loss(replaced(copied(inputs), {n: values[name] for n, name in names.items()}))

    held = {name: given[n] for n, name in names.items()}
    try:
        traced = trace(loss, held, tuple(names[n] for n in wrt), generic=False)
        seed = traced.world.lift(np.ones((), traced.output.dtype))
        slopes = {node: g for node, g, _ in reverse(traced.output, seed)}
        zero = traced.world.lift(0.0)
        wanted = [slopes.get(traced.inputs[names[n]], zero) for n in wrt]
        found = evaluate(wanted, environment(held))
    except Exception:  # nor can these follow everything
        return {}
    return {n: np.array(np.broadcast_to(g, np.shape(given[n])))
            for n, g in zip(wrt, found, strict=True)}  # fmt: skip


def _by_tape(hand: Hand, inputs: Inputs, wrt: tuple[str, ...], value: float) -> dict[str, Any]:
    """Return gradients by automatic differentiation; none where it cannot be relied on."""
    given = dict(leaves(inputs))

    def loss(*values: Any) -> Any:
        return hand.loss(replaced(copied(inputs), dict(zip(wrt, values, strict=True))))

    try:
        found, slopes = value_and_grad(loss, wrt=tuple(range(len(wrt))))(*(given[n] for n in wrt))
    except Exception:  # what the tape cannot follow is differentiated by differences
        return {}
    if not math.isclose(float(found), value, rel_tol=1e-6, abs_tol=1e-12):
        return {}  # as where an array is written through a second name
    return dict(zip(wrt, slopes, strict=True))


def _along(hand: Hand, inputs: Inputs, name: str, way: Any) -> Callable[[float], float]:
    """Return the loss as a function of a step along a direction."""
    start = dict(leaves(inputs))[name]

    def at(step: float) -> float:
        moved = start + step * way
        return float(np.asarray(hand.loss(replaced(copied(inputs), {name: moved}))))

    return at


def _slope(at: Callable[[float], float], middle: float, exact: float, enough: float,
           largest: float = 0.0) -> tuple[float, float]:  # fmt: skip
    """Return a derivative by differences and its error, by the step that seems most exact.

    A step is exact enough in comparison with the derivative, or with a larger one that is known.
    Near a kink that is a small one; where the loss is computed in single precision, a large one.
    """
    noise = exact * abs(middle)
    first = 0.1 * math.pow(exact, 0.2)
    best = math.nan, math.inf
    for h in (first, 10 * first, first / 10, first / 100):
        near, far = ((at(k * h) - at(-k * h)) / (2 * k * h) for k in (1, 2))
        slope = (4 * near - far) / 3
        error = 1e-2 * abs(slope - near) + noise / h
        if not abs(slope - near) <= 0.02 * abs(near) + 10 * noise / h:
            error = abs(slope - near)  # it bends within the step
        if error < best[1]:
            best = slope, error
        if error <= enough * max(abs(slope), largest):
            break
    return best


def _is_slope(hand: Hand, inputs: Inputs, name: str, gradient: Any, middle: float,
              exact: float, strict: bool = False) -> bool:  # fmt: skip
    """Whether a gradient gives the slopes along directions, by differences.

    A gradient that was written by hand must give two, to eight digits: then it is the gradient.
    """
    gradient = np.asarray(gradient)
    shape, value = np.shape(gradient), np.asarray(dict(leaves(inputs))[name])
    if gradient.dtype.kind not in "fiub" or shape != value.shape:
        return False
    length = math.sqrt(float(np.mean(value**2))) if value.size else 0.0
    length = min(1.0, length or 1.0)  # small parameters are moved by little
    single = exact > 1e-10
    for seed in (0, 1):
        rng = np.random.default_rng(seed)
        way = rng.uniform(0.3, 1.0, shape) * rng.choice([-1.0, 1.0], shape)
        way *= length / math.sqrt(max(1, value.size))
        wanted = float(np.sum(gradient * way))
        scale = max(abs(wanted), length * float(np.max(np.abs(gradient), initial=0.0)))
        enough = 1e-9 if strict else 1e-7
        slope, error = _slope(_along(hand, inputs, name, way), middle, exact, enough)
        if strict:
            if error > (1e-3 if single else 1e-5) * scale + 1e-12:
                return False
            slack = (1e-3 if single else 1e-8) * scale + 5 * error + 1e-12
        else:
            slack = (1e-2 if single else 1e-5) * scale + 1e-9 * (1e-3 + abs(middle))
        agrees = abs(slope - wanted) <= slack
        if agrees != strict:  # one direction refutes what is written by hand, or bears the tape out
            return agrees
    return strict


def _by_differences(hand: Hand, inputs: Inputs, name: str, middle: float,
                    exact: float) -> tuple[np.ndarray, float]:  # fmt: skip
    """Return a gradient entry by entry, and its largest error relative to its largest entry."""
    start = np.asarray(dict(leaves(inputs))[name], float)
    gradient, error, largest = np.zeros_like(start), np.zeros_like(start), 0.0
    for place in np.ndindex(start.shape):
        way = np.zeros_like(start)
        way[place] = 1.0
        at = _along(hand, inputs, name, way)
        # the comparison allows a thousand times as much
        gradient[place], error[place] = _slope(at, middle, exact, 1e-8, largest)
        largest = max(largest, abs(float(gradient[place])))
    return gradient, float(np.max(error, initial=0.0)) / (largest or 1.0)


# --- the inputs given ---


def given_point(hand: Hand, inputs: Inputs, wrt: tuple[str, ...]) -> Given:
    """Look at the inputs given themselves: whether all is finite, and the gradient right.

    The entries that differ only where the loss has a kink follow a convention, if they lie within
    the slopes beside it.
    """
    notes: tuple[str, ...] = ()
    problem = _infinite_data(inputs)
    if not problem and _size(inputs) > (_SLOW if hand.loops else _MANY):
        inputs, note = _fewer(hand, inputs, hand.wrt)
        notes = (note,) if note else ()
    if problem:
        return Given(problem, {}, ())
    if _size(inputs) > 10 * _MANY:
        return _along_one_way(hand, inputs, wrt, notes)
    inputs = double(dict(inputs))
    found = hand.run(inputs).gradients
    value, exact = _value(hand, inputs)
    problem = _not_finite(value, found)
    if problem:
        return Given(problem, {}, ())
    judged = _believed(hand, inputs, wrt, value, exact)
    if sum(np.size(g) for n, g in found.items() if n not in judged) > _ENTRIES:
        return _along_one_way(hand, inputs, wrt, notes)
    true = _completed(hand, inputs, wrt, value, exact, judged)
    wrong = {n: _differing(found[n], true.gradients[n], true.tolerance)
             if np.shape(found[n]) == np.shape(true.gradients[n]) else np.ones(np.shape(found[n]))
             for n in wrt if not same(found[n], true.gradients[n], true.tolerance)}  # fmt: skip
    if not wrong:
        return Given("", {}, notes)
    kinks = dict(_kinks(hand, inputs, tuple(wrong), found))
    notes += tuple(
        f"{int(np.sum(wrong[n]))} of {np.size(wrong[n])} entries of the gradient of {n} differ at "
        "the inputs given, but not next to them: the loss has a kink there, where each library "
        "follows a convention of its own"
        for n in wrong if n in kinks
    )  # fmt: skip
    return Given("", {n: int(np.sum(w)) for n, w in wrong.items() if n not in kinks}, notes, kinks)


def _kinks(hand: Hand, inputs: Inputs, names: tuple[str, ...],
           found: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:  # fmt: skip
    """Yield the leaves that are right beside the inputs, and where the slopes there differ."""
    points = [_beside(inputs, hand.wrt, seed, side) for seed in range(4) for side in (1, -1)]
    truths: list[Truth] = []
    for k, point in enumerate(points):  # a gradient that is wrong is known by the first
        truths.append(truth(hand, point, names))
        run = hand.run(point).gradients if k < 3 else {}
        names = tuple(n for n in names if k > 2
                      or same(run[n], truths[k].gradients[n], truths[k].tolerance))  # fmt: skip
        if not names:
            return
    for name in names:
        slopes = np.array([t.gradients[name] for t in truths])
        low, high = slopes.min(axis=0), slopes.max(axis=0)
        largest = float(np.max(np.abs(slopes), initial=0.0))
        # of many kinks in one sum, all may follow the same convention
        most = math.sqrt(max(n for _, v in leaves(inputs) for n in (1, *np.shape(v))))
        width = most * (high - low) + 0.02 * largest
        if np.all((found[name] >= low - width) & (found[name] <= high + width)):
            yield name, high - low > 0.02 * largest


def _beside(inputs: Inputs, wrt: tuple[str, ...], seed: int, side: int) -> dict[str, Any]:
    """Return inputs whose parameters differ by little: to the one side, or as much to the other."""
    rng = np.random.default_rng(seed)
    moved = {}
    for name, value in leaves(inputs):
        if name in wrt and isinstance(value, np.ndarray) and np.isfinite(value).all():
            scale = side * 3e-3 * (float(np.std(value)) or 1.0)
            moved[name] = value + scale * rng.standard_normal(value.shape)
    made: dict[str, Any] = replaced(dict(inputs), moved)
    return made


def _size(inputs: Inputs) -> int:
    return sum(v.size for _, v in leaves(inputs) if isinstance(v, np.ndarray))


def _fewer(hand: Hand, inputs: Inputs, wrt: tuple[str, ...]) -> tuple[Inputs, str]:
    """Return fewer examples, and a note: an axis is cut that no parameter has."""
    given = dict(leaves(inputs))
    arrays = {n: v for n, v in given.items() if isinstance(v, np.ndarray)}
    kept = {n for name in wrt for n in np.shape(given[name])}
    longest = max((n for v in arrays.values() for n in v.shape if n not in kept), default=0)
    rest = _size(inputs) / max(1, longest)
    count = max(20, int((_SLOW if hand.loops else _MANY) / max(1.0, rest)))
    if count >= longest:
        return inputs, ""
    cut = {n: v[tuple(slice(count if m == longest else None) for m in v.shape)]
           for n, v in arrays.items() if longest in v.shape}  # fmt: skip
    fewer: Inputs = replaced(dict(inputs), cut)
    try:
        hand.run(fewer)
        hand.loss(copied(fewer))
    except Exception:  # a size may be known in another way
        return inputs, ""
    return fewer, f"of the inputs given, the first {count} of {longest} were looked at"


def _infinite_data(inputs: Inputs) -> str:
    """Say where an input is NaN; nothing if none is."""
    for name, array in leaves(inputs):
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
            continue
        if np.isnan(np.sum(array)) and np.isnan(array).any():
            place = tuple(map(int, np.argwhere(np.isnan(array))[0]))
            return (f"{name} contains NaN, first at {place}, where nothing has a gradient: what "
                    "is said was found at other inputs")  # fmt: skip
    return ""


def _not_finite(value: float, found: Mapping[str, Any]) -> str:
    """Say what is not finite at the inputs given; nothing if all is."""
    if not math.isfinite(value):
        return (f"the loss is not finite at the inputs given ({value}), so it has no gradient "
                "there: what is said was found at other points. Compute it in a stable way, or "
                "check at smaller parameters")  # fmt: skip
    for name, gradient in found.items():
        bad = ~np.isfinite(np.asarray(gradient, float))
        if bad.any():
            return (f"{int(bad.sum())} of {bad.size} entries of the gradient of {name} are not "
                    f"finite at the inputs given, though the loss is {value:.6g}")  # fmt: skip
    return ""


def _along_one_way(hand: Hand, inputs: Inputs, wrt: tuple[str, ...],
                   notes: tuple[str, ...]) -> Given:  # fmt: skip
    """Compare slopes along one direction for each leaf: large arrays are not copied."""
    try:
        found, value = hand.run(inputs).gradients, _value(hand, inputs)[0]
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        note = "the inputs given are large and are written to: only small points were looked at"
        return Given("", {}, (*notes, note))
    problem = _not_finite(value, found)
    given, wrong = dict(leaves(inputs)), dict[str, int]()
    for name in () if problem else wrt:
        if np.size(given[name]) > LARGE or np.shape(found[name]) != np.shape(given[name]):
            continue
        single = np.asarray(given[name]).dtype == np.float32
        way = np.sign(found[name]) + 0.1  # where rounding of the loss matters least
        way = way / max(1.0, float(np.sum(np.abs(way))))
        at = _along(hand, inputs, name, way)
        step = (1e-1 if single else 1e-3) * max(1.0, float(np.max(np.abs(given[name]))))
        slope, wanted = (at(step) - at(-step)) / (2 * step), float(np.sum(found[name] * way))
        smaller = (at(step / 10) - at(-step / 10)) / (step / 5)
        settled = abs(slope - smaller) <= 1e-2 * abs(slope)
        if settled and abs(smaller - wanted) > 5e-2 * max(abs(smaller), abs(wanted)):
            wrong[name] = int(np.size(found[name]))
    return Given(problem, wrong, notes)
