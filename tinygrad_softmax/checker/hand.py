"""The learner's functions, and how they are called: functions, methods, layers, caches.

Imports the errors. Whatever the interface, there is a loss of some inputs and there are the arrays
that are its gradients; arrays inside of dicts and lists have names such as ``params['W1']``.
"""

from __future__ import annotations

import inspect
import random
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import BackwardError, DataError
from ..core.tape import Value
from ..core.tensor import Tensor
from ..core.transforms import check_scalar_loss
from .source import has_loops

Inputs = dict[str, Any]
_PATTERNS = (r"d_?(.+)", r"grads?_(.+)", r"(.+)_grads?", r"delta_(.+)", r"g_?(.+)", r"(.+)_bar",
             r"nabla_(.+)", r"(.+)_gradient", r"gradient_(.+)")  # fmt: skip
_UPSTREAM = frozenset(["dout", "grad_out", "grad_output", "dL", "dloss", "upstream", "g", "dy"])


class Leaf(NamedTuple):
    """An array to differentiate with respect to: an input, or one inside of an input."""

    name: str
    root: str
    keys: tuple[Any, ...]

    def of(self, inputs: Mapping[str, Any]) -> Any:
        """Return the array."""
        found = inputs[self.root]
        for key in self.keys:
            found = found[key]
        return found

    def put(self, inputs: Inputs, value: Any) -> Inputs:
        """Return inputs with another array there."""
        made = dict(inputs)
        if not self.keys:
            made[self.root] = value
            return made
        made[self.root] = copied(inputs[self.root])
        held = made[self.root]
        for key in self.keys[:-1]:
            held = held[key]
        held[self.keys[-1]] = value
        return made


class Outcome(NamedTuple):
    """What came of a call: gradients by leaf, the loss if it was returned, what was changed."""

    gradients: dict[str, Any]
    value: Any
    modified: tuple[str, ...]


def copied(value: Any) -> Any:
    """Return arrays, and dicts and lists of them, as copies; anything else as it is."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, dict):
        return {k: copied(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(copied(v) for v in value)
    return value


def stage_of(variable: str, names: Any) -> str | None:
    """Return the value whose gradient a variable is by its name, None if it is none.

    Examples
    --------
    >>> [stage_of(name, {"scores"}) for name in ("dscores", "grad_scores", "scores_grad", "probs")]
    ['scores', 'scores', 'scores', None]
    """
    for pattern in _PATTERNS:
        match = re.fullmatch(pattern, variable)
        if match and match[1] in names:
            return str(match[1])
    return None


class Hand:
    """A loss and its hand-written gradient.

    Parameters
    ----------
    loss : callable
        Returns the loss; with the gradients, or with a cache.
    gradients : callable or None
        Returns the gradients; None if `loss` returns both.
    params : dict or None
        Where methods read their parameters.
    seed : int or None
        Set before every call, in NumPy's and Python's global generators.
    wrt : tuple of str or None
        Which inputs are differentiated.
    inputs : dict
        The inputs given, without the parameters.
    """

    def __init__(self, loss: Any, gradients: Any, params: MutableMapping[str, Any] | None,
                 seed: int | None, wrt: tuple[str, ...] | None, inputs: Inputs) -> None:  # fmt: skip
        self.loss_function, self.gradients = loss, gradients or loss
        self.joint, self.params, self.seed = gradients is None, params, seed
        self.loops = has_loops(loss)
        self.name = getattr(self.gradients, "__name__", type(self.gradients).__name__)
        owners = [getattr(f, "__self__", None) for f in (loss, self.gradients)]
        self.owners = [o for i, o in enumerate(owners)
                       if hasattr(o, "__dict__") and not inspect.ismodule(o) and o not in owners[:i]]  # fmt: skip
        self.with_cache = not self.joint and self._wants_more(inputs)
        self.leaves: tuple[Leaf, ...] = ()
        self.leaves = self._leaves(wrt, inputs)
        self.wrt = tuple(leaf.name for leaf in self.leaves)

    # --- what is differentiated ---

    def _leaves(self, wrt: tuple[str, ...] | None, inputs: Inputs) -> tuple[Leaf, ...]:
        chosen = wrt or (tuple(n for n in self.params if n in inputs) if self.params else None)
        if chosen is None:
            chosen = self._inferred(inputs)
        twice = sorted({n for n in chosen if list(chosen).count(n) > 1})
        if twice:
            raise TypeError(f"wrt names {', '.join(twice)} more than once: name each input once")
        unknown = [n for n in chosen if n not in inputs]
        if unknown:
            raise TypeError(
                f"wrt names {', '.join(unknown)}, but the inputs are {', '.join(inputs)}"
            )
        found = [leaf for name in chosen for leaf in _leaves_of(name, name, (), inputs[name])]
        for leaf in found:
            _check_type(leaf.name, leaf.of(inputs))
        return tuple(found)

    def _inferred(self, inputs: Inputs) -> tuple[str, ...]:
        result, _ = self._call(copied(inputs))
        _, result = _split(result, None)
        if isinstance(result, Mapping):
            names = {str(k): k if k in inputs else stage_of(str(k), inputs) for k in result}
            nested = [n for n, v in inputs.items() if isinstance(v, Mapping)
                      and all(k in v or stage_of(str(k), v) for k in result)]  # fmt: skip
            if None in names.values() and nested:
                return (nested[0],)
            if None in names.values():
                missing = [k for k, n in names.items() if n is None]
                raise TypeError(
                    f"{self.name} returned gradients for {', '.join(map(str, result))}, and the "
                    f"inputs are {', '.join(inputs)}: say which is whose with wrt= and the same "
                    f"names ({', '.join(missing)})"
                )
            return tuple(str(n) for n in names.values())
        nested = [n for n, v in inputs.items() if isinstance(v, (list, dict)) and _arrays_in(v)]
        if nested and isinstance(result, (list, tuple)):
            return (nested[0],)
        values = list(result) if isinstance(result, (tuple, list)) else [result]
        raise TypeError(
            f"{self.name} returned {len(values)} array{'s' * (len(values) != 1)}; say which "
            "gradient is whose: wrt=('W', 'b') in the order in which they are returned, or return "
            "a dict"
        )

    # --- calls ---

    def loss(self, inputs: Inputs) -> Any:
        """Return the loss at some inputs: of numbers, tensors or expressions."""
        with self._prepared(inputs) as taken:
            value = self.loss_function(**taken(self.loss_function))
        if isinstance(value, tuple):
            value, _ = _split(value, None) if self.joint else (value[0], None)
        if isinstance(value, np.ndarray) and value.size == 1:
            value = value.reshape(())[()]
        if isinstance(value, Value) and value.shape and value.size == 1:
            value = value.reshape(())
        if not isinstance(value, (Value, np.ndarray, np.generic, bool, int, float)):
            check_scalar_loss(value, getattr(self.loss_function, "__name__", "the loss"))
        if np.ndim(value):
            raise BackwardError(
                f"the loss has shape {np.shape(value)}, and must be a single number: sum it, or "
                "take its mean"
            )
        return value

    def run(self, inputs: Inputs) -> Outcome:
        """Return what a call of the gradients on copies of the inputs came to."""
        copies = copied(inputs)
        result, before = self._call(copies)
        value, result = _split(result, self.wrt) if self.joint else _split(result, self.wrt)
        changed = tuple(n for n in inputs if not _same(inputs[n], before[n]))
        return Outcome(self._by_leaf(result), value, changed)

    def _call(self, copies: Inputs) -> tuple[Any, Inputs]:
        with self._prepared(copies) as taken:
            cache: Any = None
            if (self.owners and not self.joint) or self.with_cache:
                cache = self.loss_function(**taken(self.loss_function))
                if self.seed is not None:
                    self._seed()
            given = taken(self.gradients)
            if self.with_cache:
                rest = list(cache[1:]) if isinstance(cache, tuple) else []
                for name in self._missing(copies):
                    given[name] = 1.0 if name in _UPSTREAM else rest.pop(0) if rest else None
            result = self.gradients(**given)
            if result is None:
                result = self._from_attributes()
        return result, copies

    def _from_attributes(self) -> Any:
        """Return gradients that a method stores instead of returning them."""
        for owner in self.owners:
            held = vars(owner)
            for name in ("grads", "gradients", "grad"):
                if isinstance(held.get(name), (Mapping, list)):
                    return copied(held[name])
            names = [leaf.name for leaf in self.leaves] or list(self.params or ())
            found = {n: k for k in held for n in names if stage_of(k, {n})}
            if found and len(found) == len(names):
                return {n: copied(held[k]) for n, k in found.items()}
        raise TypeError(f"{self.name} returned None: is `return` missing?")

    def _missing(self, inputs: Inputs) -> list[str]:
        parameters = _parameters(self.gradients)
        return [p.name for p in parameters if p.name not in inputs and p.default is p.empty
                and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]  # fmt: skip

    def _wants_more(self, inputs: Inputs) -> bool:
        return bool(self._missing({**inputs, **(self.params or {})}))

    @contextmanager
    def _prepared(self, inputs: Mapping[str, Any]) -> Iterator[Callable[[Any], Inputs]]:
        """Put parameters and seed in place for a call, and everything back afterwards."""
        held = [_kept(vars(owner)) for owner in self.owners]
        before = dict(self.params) if self.params is not None else {}
        states = None
        try:
            if self.params is not None:
                self.params.update({n: inputs[n] for n in before if n in inputs})
                for owner in self.owners:
                    for n in before:
                        if n in inputs and n in vars(owner):
                            setattr(owner, n, inputs[n])
            if self.seed is not None:
                states = np.random.get_state(), random.getstate()  # noqa: NPY002 - the person's own
                self._seed()
            yield lambda function: self._taken(function, inputs)
        finally:
            for put_back in held:
                put_back()
            if self.params is not None and not any(self.params is vars(o) for o in self.owners):
                self.params.update(before)
            if states is not None:
                np.random.set_state(states[0])  # noqa: NPY002 - as above
                random.setstate(states[1])

    def _seed(self) -> None:
        np.random.seed(self.seed)  # noqa: NPY002 - as above
        random.seed(self.seed)

    def _taken(self, function: Any, inputs: Mapping[str, Any]) -> Inputs:
        """Return the inputs that a function takes."""
        parameters = _parameters(function)
        names = {p.name for p in parameters}
        takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters)
        return {n: v for n, v in inputs.items() if n in names or (
            takes_all and not (self.params is not None and n in self.params))}  # fmt: skip

    # --- what was returned ---

    def _by_leaf(self, result: Any) -> dict[str, Any]:
        roots = list(dict.fromkeys(leaf.root for leaf in self.leaves))
        nested = any(leaf.keys for leaf in self.leaves)
        if isinstance(result, Mapping):
            if nested and len(roots) == 1 and roots[0] not in result:
                result = {roots[0]: result}
            held = {}
            for root in roots:
                key = root if root in result else next(
                    (k for k in result if stage_of(str(k), {root})), None)  # fmt: skip
                if key is None:
                    raise TypeError(f"{self.name} returned gradients for "
                                    f"{', '.join(map(str, result))}, but none for {root}")  # fmt: skip
                held[root] = result[key]
        elif nested and len(roots) == 1:
            held = {roots[0]: result}
        else:
            values = list(result) if isinstance(result, (tuple, list)) else [result]
            if len(values) != len(roots) and len(roots) == 1:
                values = [np.asarray(result)]
            if len(values) != len(roots):
                raise TypeError(
                    f"{self.name} returned {len(values)} array{'s' * (len(values) != 1)} for "
                    f"{len(roots)} parameters ({', '.join(roots)}): return as many, in this order"
                )
            held = dict(zip(roots, values, strict=True))
        return {leaf.name: _array(_inside(held[leaf.root], leaf.keys), leaf.name, self.name)
                for leaf in self.leaves}  # fmt: skip


def _kept(value: Any) -> Callable[[], Any]:
    """Return what gives an array, a dict or a list the contents back that it has now."""
    if isinstance(value, np.ndarray):
        contents = value.copy()

        def put_back() -> Any:
            if value.flags.writeable:
                value[...] = contents
            return value

        return put_back
    if isinstance(value, dict):
        items = {k: _kept(v) for k, v in value.items()}

        def put_back() -> Any:
            kept = {k: back() for k, back in items.items()}
            value.clear()
            value.update(kept)
            return value

        return put_back
    if isinstance(value, list):
        parts = [_kept(v) for v in value]

        def put_back() -> Any:
            value[:] = [back() for back in parts]
            return value

        return put_back
    return lambda: value


def _array(value: Any, name: str, function: str) -> Any:
    if value is None:
        raise TypeError(f"{function} returned None as the gradient of {name}")
    if isinstance(value, Tensor):
        raise TypeError(
            f"{function} returned a Tensor as the gradient of {name}: a hand-written gradient is "
            "made of plain arrays"
        )
    return np.array(value)


def _inside(value: Any, keys: tuple[Any, ...]) -> Any:
    for key in keys:
        if isinstance(value, Mapping) and key not in value:
            key = next((k for k in value if stage_of(str(k), {str(key)})), key)
        value = value[key]
    return value


@lru_cache(64)
def _parameters(function: Any) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


def _leaves_of(name: str, root: str, keys: tuple[Any, ...], value: Any) -> Iterator[Leaf]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves_of(f"{name}[{key!r}]", root, (*keys, key), inner)
    elif (
        isinstance(value, (list, tuple))
        and value
        and not all(isinstance(v, (int, float)) for v in value)
    ):
        for i, inner in enumerate(value):
            yield from _leaves_of(f"{name}[{i}]", root, (*keys, i), inner)
    elif not keys or (
        isinstance(value, (np.ndarray, float)) and np.asarray(value).dtype.kind == "f"
    ):
        yield Leaf(name, root, keys)


def _arrays_in(value: Any) -> bool:
    items = value.values() if isinstance(value, dict) else value
    return any(
        isinstance(v, np.ndarray) or (isinstance(v, (list, dict)) and _arrays_in(v)) for v in items
    )


def _check_type(name: str, value: Any) -> None:
    if isinstance(value, np.ma.MaskedArray):
        raise DataError(f"{name} is a masked array, whose mask no gradient knows of: pass {name}.filled(0) and the mask as an input of its own")  # fmt: skip
    if isinstance(value, (np.random.Generator, np.random.RandomState)):
        raise TypeError(f"{name} is a random generator, which has no gradient: leave it out of wrt")
    array = np.asarray(value)
    if array.dtype.kind in "iub":
        raise DataError(
            f"{name} holds {'whole numbers' if array.dtype.kind != 'b' else 'truth values'} "
            f"({array.dtype}), which cannot be nudged: pass {name}.astype(float)"
            if isinstance(value, np.ndarray) else
            f"{name} is a whole number, which cannot be nudged: pass float({name})"
        )  # fmt: skip
    if array.dtype.kind != "f":
        raise DataError(f"{name} holds {array.dtype}, which cannot be differentiated: pass an array of floating-point numbers")  # fmt: skip
    if array.dtype == np.float16:
        raise DataError(f"{name} is float16, too coarse for a slope: pass {name}.astype(float)")


def check_inputs(inputs: Mapping[str, Any]) -> None:
    """Refuse inputs that no fresh point can be drawn for."""
    for name, value in inputs.items():
        if isinstance(value, (np.random.Generator, np.random.RandomState)):
            raise TypeError(
                f"{name} is a random generator, whose state changes with each call: pass the "
                "numbers that it draws, or draw in the function and pass seed="
            )
        if isinstance(value, np.ma.MaskedArray):
            raise DataError(f"{name} is a masked array: pass {name}.filled(0), and the mask as an input of its own")  # fmt: skip
        if isinstance(value, np.ndarray) and value.dtype == np.float16:
            raise DataError(f"{name} is float16, too coarse for a slope: pass {name}.astype(float)")


def _split(result: Any, wrt: tuple[str, ...] | None) -> tuple[Any, Any]:
    """Return the loss and the gradients of a result that has both, in either order."""
    if isinstance(result, tuple) and len(result) >= 2:
        first, last = result[0], result[-1]
        rest = result[1] if len(result) == 2 else result[1:]
        if _is_number(first) and (
            wrt is None or len(result) != len(wrt) or _holds_arrays(result[1])
        ):
            return first, rest
        rest = result[0] if len(result) == 2 else result[:-1]
        if _is_number(last) and (
            wrt is None or len(result) != len(wrt) or _holds_arrays(result[0])
        ):
            return last, rest
    return None, result


def _is_number(value: Any) -> bool:
    if isinstance(value, (list, tuple, Mapping)) or value is None:
        return False
    return int(np.prod(np.shape(value))) == 1 and np.ndim(value) <= 2


def _holds_arrays(value: Any) -> bool:
    return isinstance(value, (Mapping, list, tuple))


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, Mapping):
        return all(k in b and _same(v, b[k]) for k, v in a.items())
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(_same, a, b))
    return True
