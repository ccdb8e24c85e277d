"""Small fresh points at which functions are compared: other sizes, other numbers, nothing tied.

Imports `hand`, and the draws of `ir`. Where the loss can be traced, it says which axes belong
together and what labels may be; else equal lengths are taken to belong together.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import count, islice
from typing import Any, NamedTuple

import numpy as np

from ..ir.trace import checked_inputs, trace
from ..ir.verify import draws
from .hand import Hand, Inputs, copied

#: Weights of a smaller spread are drawn larger: tiny ones make mistakes drown.
_LIVELY = 0.3
#: Numbers of a larger spread are drawn smaller, so that nothing overflows.
_TAME = 2.5
_SMALL, _MOST = 8, 600


class Points(NamedTuple):
    """Inputs to compare at, and what about them is to be said."""

    points: list[Inputs]
    note: str


def points(hand: Hand, inputs: Inputs, most: int) -> Points:
    """Return inputs of the nature of those given, at which both functions run.

    Raises
    ------
    Exception
        What the functions raise, if they run at no point at all.
    """
    problem: Exception | None = None
    for how, drawn, finite in (
        ("", _traced(hand, inputs), True),
        ("", _resized(inputs), True),
        ("the functions run at the sizes given only", _same_sizes(inputs), True),
        ("", _resized(inputs), False),  # where nothing else is to be had
    ):
        found: list[Inputs] = []
        try:
            for candidate in islice(drawn, 4 * most + 4):
                problem = _runs(hand, candidate) or problem
                if _usable(hand, candidate, finite):
                    found.append(candidate)
                if len(found) == most:
                    return Points(sorted(found, key=_equal_entries), how)
        except Exception as error:  # it cannot be traced, or drawn like this
            problem = problem or error
    raise problem or ValueError("no point was found at which the functions run")


def _equal_entries(point: Inputs) -> int:
    """Return how many arrays have equal entries only: labels of one class hide mistakes."""
    return sum(v.size > 1 and len(np.unique(v)) == 1 for v in _arrays(point))


def _runs(hand: Hand, point: Inputs) -> Exception | None:
    try:
        _quiet(hand.loss, copied(point))
        _quiet(hand.run, point)
    except Exception as error:  # the person's own, at our sizes
        return error
    return None


def _usable(hand: Hand, point: Inputs, finite: bool) -> bool:
    try:
        value = _quiet(hand.loss, copied(point))
        if not np.isfinite(value):
            return False
        found = _quiet(hand.run, point).gradients
    except Exception:  # they do not run at these sizes
        return False
    return not finite or all(np.all(np.isfinite(np.asarray(g, float))) for g in found.values()
               if np.asarray(g).dtype.kind in "fiub")  # fmt: skip


def _quiet(function: Any, *args: Any) -> Any:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args)


# --- draws ---


def _traced(hand: Hand, inputs: Inputs) -> Iterator[Inputs]:
    """Yield the draws of a loss that is known as a formula."""
    if any(leaf.keys for leaf in hand.leaves) or hand.joint or hand.owners or hand.loops:
        return  # which would be traced for one size only, and slowly
    wide = {n: _double(v) for n, v in inputs.items()}
    few = {n: v[tuple(slice(40) for _ in v.shape)] if isinstance(v, np.ndarray) and v.size > 100_000
           else v for n, v in wide.items()}  # fmt: skip
    if any(few[n] is not wide[n] for n in few):
        few = next(_resized(inputs, 12))
    given = checked_inputs(few, hand.wrt)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = trace(_named(hand), given, hand.wrt)
        rng = np.random.default_rng(7)
        if not traced.generic and sum(np.size(v) for v in given.values()) > _MOST:
            return
        for k, values in enumerate(draws(given, traced, 7)):
            if k % 2:  # new numbers, not the given rows again
                yield _tamed(hand, values, rng)


def _resized(inputs: Inputs, largest: int = _SMALL) -> Iterator[Inputs]:
    """Yield inputs of other sizes: what is equally long stays so."""
    lengths = sorted({n for v in _arrays(inputs) for n in v.shape if n > 1})
    bound = {n: n for n in lengths}
    for turn in count():
        rng = np.random.default_rng(turn)
        sizes = dict(
            zip(
                lengths,
                rng.permutation(np.arange(3, 3 + max(largest - 2, len(lengths))))[: len(lengths)],
                strict=True,
            )
        )
        sizes = {n: int(s) if n > 2 else 2 for n, s in sizes.items()} if turn % 2 else {
            n: min(int(s), n) if n > 2 else 2 for n, s in sizes.items()}  # fmt: skip
        del bound
        bound = {}
        made = {}
        for name, value in inputs.items():
            if type(value) is int and value in sizes and value > 2:
                made[name] = sizes[value]  # a size that is passed as a number
            else:
                made[name] = _fresh(value, sizes, rng, lengths)
        yield made


def _same_sizes(inputs: Inputs) -> Iterator[Inputs]:
    for turn in count(100):
        rng = np.random.default_rng(turn)
        yield {n: _fresh(v, None, rng, []) for n, v in inputs.items()}


def _arrays(value: Any) -> Iterator[Any]:
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _arrays(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _arrays(inner)


def _fresh(value: Any, sizes: dict[int, int] | None, rng: Any, lengths: list[int]) -> Any:
    """Return something new of the same nature."""
    if isinstance(value, dict):
        return {k: _fresh(v, sizes, rng, lengths) for k, v in value.items()}
    if isinstance(value, (list, tuple)) and any(
        isinstance(v, (np.ndarray, list, dict)) for v in value
    ):
        return type(value)(_fresh(v, sizes, rng, lengths) for v in value)
    if isinstance(value, list) and value and all(type(v) is int for v in value):
        return _fresh(np.array(value), sizes, rng, lengths).tolist()
    if type(value) is float:
        return float(value * rng.uniform(0.6, 1.6)) if value else 0.0
    if not isinstance(value, np.ndarray):
        return value
    shape = value.shape if sizes is None else tuple(sizes.get(n, n) for n in value.shape)
    kind = value.dtype.kind
    sample = (
        value.ravel()[:4000]
        if value.flags.c_contiguous
        else value[tuple(slice(40) for _ in value.shape)].ravel()
    )
    if kind in "iu":
        return _labels(value, sample, shape, sizes, rng, lengths)
    if kind == "b":
        return _mixed(rng, shape)
    if kind != "f" or not sample.size:
        return value
    return _numbers(value, sample, shape, rng)


def _labels(value: Any, sample: Any, shape: Any, sizes: Any, rng: Any, lengths: list[int]) -> Any:
    low, high = (
        int(sample.min()),
        int(value.max()) + 1 if value.size < 1e6 else int(sample.max()) + 1,
    )
    if set(np.unique(sample)) <= {-1, 1}:
        return np.where(_mixed(rng, shape), 1, -1).astype(value.dtype)
    if sizes is not None:
        axis = next((n for n in lengths if n >= high), None)
        if axis is not None:
            high = sizes[axis] if axis < 4 * high else min(high, sizes[axis])
    high = max(high, low + 1)
    drawn = rng.integers(low, high, shape)
    if drawn.ndim == 1 and drawn.size and len(np.unique(sample)) == sample.size > 1:
        drawn = rng.permutation(max(high, drawn.size))[: drawn.size]  # each one once
        drawn = drawn if drawn.max() < high else rng.integers(low, high, shape)
    if drawn.ndim == 1 and drawn.size > 1 and high - low > 1:
        drawn[:2] = (low, high - 1)  # at least two classes
    return drawn.astype(value.dtype)


def _mixed(rng: Any, shape: Any) -> Any:
    drawn = rng.random(shape) < 0.6
    if drawn.size > 1:
        drawn.flat[0], drawn.flat[-1] = True, False
    return drawn


def _numbers(value: Any, sample: Any, shape: Any, rng: Any) -> Any:
    few = np.unique(sample)
    if sample.size > 3 and len(few) == 2 and value.ndim and set(few) <= {0.0, 1.0} | set(few):
        if value.ndim == 2 and np.allclose(value[:40].sum(axis=1), 1) and set(few) == {0.0, 1.0}:
            return np.eye(shape[1])[rng.integers(0, shape[1], shape[0])].astype(value.dtype)
        if value.ndim == 2 and np.allclose(value[:, :40].sum(axis=0), 1) and set(few) == {0.0, 1.0}:
            return np.eye(shape[0])[rng.integers(0, shape[0], shape[1])].T.astype(value.dtype)
        return np.where(_mixed(rng, shape), few[1], few[0]).astype(value.dtype)
    positive = sample.min() >= 0 and sample.max() > 0
    if positive and value.ndim and np.allclose(value[:40].sum(axis=-1), 1):
        drawn = rng.uniform(0.2, 1.0, shape)
        return (drawn / drawn.sum(axis=-1, keepdims=True)).astype(value.dtype)
    if (
        value.ndim == 2
        and value.shape[0] == value.shape[1]
        and np.array_equal(value, value.T)
        and sample.any()
    ):
        drawn = rng.standard_normal(shape)
        return (
            (drawn @ drawn.T) / shape[0] + np.eye(shape[0])
            if _definite(value)
            else (drawn + drawn.T) / 2
        ).astype(value.dtype)
    if positive:
        drawn = (
            rng.uniform(0.15, 0.85, shape) if sample.max() <= 1 else rng.uniform(0.4, 2.0, shape)
        )
        if np.all(sample == np.rint(sample)):
            drawn = rng.integers(0, 5, shape)
    else:
        drawn = rng.standard_normal(shape) * 0.8
        drawn += 0.1 * np.sign(drawn)
    return np.asarray(drawn, value.dtype if value.dtype != np.float32 else np.float64)


def _definite(value: Any) -> bool:
    return value.shape[0] <= 200 and bool(np.all(np.linalg.eigvalsh(value) > -1e-12))


def _double(value: Any) -> Any:
    if (
        isinstance(value, np.ndarray)
        and value.dtype.kind == "f"
        and value.dtype != np.float64
        and value.size < 1e6
    ):
        return value.astype(np.float64)
    return value


def _tamed(hand: Hand, values: Inputs, rng: Any) -> Inputs:
    """Return numbers of a fair size, parameters away from zero."""
    made = {}
    for name, value in values.items():
        made[name] = value
        array = np.asarray(value)
        if array.dtype.kind != "f" or array.size < 2 or not np.all(np.isfinite(array)):
            continue
        if not array.any() and name in hand.wrt:
            made[name] = rng.standard_normal(array.shape) * 0.5
            continue
        spread = float(np.std(array))
        signed = array.min() < 0 < array.max()
        if signed and spread > _TAME:
            made[name] = array / spread
        elif signed and 0 < spread < _LIVELY and name in hand.wrt:
            made[name] = array * (0.7 / spread)
    return made


def _named(hand: Hand) -> Any:
    """Return the loss as a function of the inputs by name, for the tracer."""
    return hand.loss_function if hand.seed is None else lambda **given: hand.loss(given)
