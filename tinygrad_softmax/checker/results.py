"""Whose gradient each of the returned arrays is.

Imports `trees`. A result is a dict by parameter, a tuple in the order of the parameters, a single
array, or nested as the parameters are; the loss may come before or after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from ..core.errors import check_names
from .trees import Inputs, is_real, is_tree, leaves

#: How the gradient of ``W`` is called.
_PATTERNS = (r"(.+)", r"d_?(.+)", r"grads?_?(.+)", r"(.+?)_?grads?", r"delta_(.+)", r"g_?(.+)",
             r"(.+)_bar", r"nabla_?(.+)")  # fmt: skip


def whose(key: Any, names: Sequence[Any]) -> Any:
    """Return the parameter whose gradient is called so, None if there is none.

    Examples
    --------
    >>> [whose(key, ("W", "b")) for key in ("W", "dW", "W_grad", "gb", "scores")]
    ['W', 'W', 'W', 'b', None]
    """
    if key in names:
        return key
    for alike in (str, str.lower):
        by_text = {alike(str(n)): n for n in names}
        for pattern in _PATTERNS:
            match = re.fullmatch(pattern, alike(str(key)))
            if match and match[1] in by_text:
                return by_text[match[1]]
    return None


def _is_number(value: Any) -> bool:
    return not is_tree(value) and value is not None and np.shape(value) in ((), (1,), (1, 1))


def told_apart(result: Any, joint: bool) -> tuple[Any, ...]:
    """Return the loss, and what came with it: the gradients if `joint`, else a cache or more."""
    if not isinstance(result, (tuple, list)) or len(result) < 2:
        return (result, None) if joint else (result,)
    first, *rest = result
    if not _is_number(first) and _is_number(result[-1]):
        *rest, first = result
    if not joint:
        return (first, *rest)
    whole = next((part for part in rest if isinstance(part, Mapping)), None)
    if whole is not None:  # what else is returned is of no interest
        return first, whole
    return first, rest[0] if len(rest) == 1 else tuple(rest)


def as_returned(result: Any, count: int | None, value: Any) -> Any:
    """Return the gradients of a function that may have returned the loss beside them."""
    if not isinstance(result, tuple) or len(result) < 2:
        return result
    pair = len(result) == 2 and any(is_tree(part) for part in result)
    if not pair and (count is None or len(result) != count + 1):
        return result
    for place in (0, -1):
        if _is_number(result[place]) and np.allclose(np.ravel(result[place]), np.ravel(value)):
            return told_apart(result if place == 0 else result[::-1], True)[1] if pair else \
                _single(result[1:] if place == 0 else result[:-1])  # fmt: skip
    return result


def _single(parts: tuple[Any, ...]) -> Any:
    return parts[0] if len(parts) == 1 else parts


def chosen(result: Any, wrt: Sequence[str] | None, inputs: Inputs, name: str) -> tuple[str, ...]:
    """Return the inputs whose gradients were returned.

    Raises
    ------
    TypeError
        If that is not clear, or if `wrt` names something else.
    """
    known = {*inputs, *(path for path, _ in leaves(inputs))}
    unknown = [n for n in wrt or () if n not in known]
    if unknown:
        raise TypeError(f"wrt names {', '.join(unknown)}, but the inputs are {', '.join(inputs)}")
    twice = sorted({n for n in wrt or () if list(wrt or ()).count(n) > 1})
    if twice:
        raise TypeError(f"wrt names {', '.join(twice)} more than once: name each input once")
    if wrt is not None:
        return tuple(wrt)
    if isinstance(result, Mapping):
        check_names([key for key in result if isinstance(key, str)])
        found = {whose(key, [*inputs]): None for key in result}
        found.pop(None, None)
        if found:
            return tuple(n for n in inputs if n in found)
    trees = [n for n, v in inputs.items() if is_tree(v)
             and any(is_real(leaf) for _, leaf in leaves(v))]  # fmt: skip
    if len(trees) == 1 and is_tree(result):
        return (trees[0],)
    if isinstance(result, Mapping):  # of whole numbers, which is told later
        inner = [n for n, v in inputs.items() if isinstance(v, Mapping)
                 and all(whose(key, [*v]) is not None for key in result)]  # fmt: skip
        if len(inner) == 1:
            return (inner[0],)
    if isinstance(result, Mapping):
        raise TypeError(f"{name} returned gradients for {', '.join(map(str, result))}, but the "
                        f"inputs are {', '.join(inputs)}")  # fmt: skip
    values = list(result) if isinstance(result, (tuple, list)) else [result]
    shapes = [np.shape(v) for v in values]
    real = [n for n, v in inputs.items() if is_real(v)]
    whole = [n for n, v in inputs.items() if n in real or isinstance(v, (int, np.integer))
             or (isinstance(v, np.ndarray) and v.dtype.kind in "iu")]  # fmt: skip
    for names in (real, whole):  # that a parameter holds integers is told later
        fitting = [some for some in combinations(names, len(values))
                   if [np.shape(inputs[n]) for n in some] == shapes]  # fmt: skip
        if len(fitting) == 1:
            return fitting[0]
        if len(names) == len(values) == 1:
            return tuple(names)
    some = [repr(n) for n in (real or whole)[: len(values)]]
    order = f"({', '.join(some)}) in the order in which they are returned"
    raise TypeError(
        f"{name} returned {len(values)} array{'s' * (len(values) != 1)}; say which gradient is "
        f"whose: wrt={order if len(values) > 1 else some[0]}, or return a dict"
    )


def by_leaf(result: Any, wrt: Sequence[str], inputs: Inputs, name: str,
            partly: bool = False) -> dict[str, Any]:  # fmt: skip
    """Return the gradients by leaf.

    Raises
    ------
    TypeError
        If there are more or fewer than parameters.

    Examples
    --------
    >>> by_leaf({"dW": 1.0}, ("W",), {"W": 2.0}, "gradients")
    {'W': 1.0}
    """
    known = dict(inputs) | dict(leaves(inputs))
    targets = {n: known[n] for n in wrt}
    if len(wrt) == 1 and is_tree(targets[wrt[0]]):
        (root,) = wrt
        inside = not isinstance(result, Mapping) or whose(root, [*result]) is None
        if isinstance(result, (list, tuple)) and len(result) == 1 and is_tree(result[0]) and (
            isinstance(result[0], Mapping) == isinstance(targets[root], Mapping)
            and len(targets[root]) != 1
        ):  # fmt: skip
            result = result[0]
        if inside:
            return dict(_paired(result, targets[root], root, name, partly))
    if len(wrt) == 1 and not is_tree(result):
        return {wrt[0]: result}
    if len(wrt) == 1 and isinstance(result, list) and _is_rows(result) and (
        np.shape(result) == np.shape(targets[wrt[0]])
    ):  # fmt: skip
        return {wrt[0]: np.asarray(result)}
    return dict(_paired(result, targets, "", name, partly, [*inputs]))


def _paired(result: Any, tree: Any, path: str, name: str, partly: bool,
            inputs: Sequence[str] = ()) -> Iterator[tuple[str, Any]]:  # fmt: skip
    """Yield each leaf that has a gradient with it.

    What is called after another one of `inputs`, ``W`` beside ``w``, is the gradient of that one.
    """
    if not is_tree(tree):
        if is_tree(result) and not _is_rows(result):
            raise TypeError(f"{name} returned a {type(result).__name__} for {path}, which is an "
                            f"array {np.shape(tree)}: return an array")  # fmt: skip
        yield path, result
        return
    keys = list(tree) if isinstance(tree, Mapping) else list(range(len(tree)))
    real = [k for k in keys if any(is_real(leaf) for _, leaf in leaves(tree[k]))] or keys
    pairs: dict[Any, Any] = {}
    if isinstance(result, Mapping):
        for key, value in result.items():
            owner = whose(key, [*keys, *inputs])
            if owner in keys and (key == owner or owner not in result):
                pairs[owner] = value
    elif isinstance(result, (list, tuple)):
        some = keys if len(result) == len(keys) else real
        if len(result) != len(some):
            said = ", ".join(f"{path}[{k!r}]" if path else str(k) for k in some)
            raise TypeError(f"{name} returned {len(result)} arrays for {said}: return one for "
                            "each, in this order, or a dict")  # fmt: skip
        pairs = dict(zip(some, result, strict=True))
    else:
        raise TypeError(f"{name} returned one array {np.shape(result)} for {len(real)} parameters: "
                        "return a dict by parameter, or a tuple in their order")  # fmt: skip
    missing = [] if partly else [k for k in real if k not in pairs and not (
        path and isinstance(tree[k], float))]  # fmt: skip
    if missing:
        raise TypeError(f"{name} returned gradients for {', '.join(map(str, result))}, but none "
                        f"for {', '.join(map(str, missing))}")  # fmt: skip
    empty = [] if partly else [k for k in real if k in pairs and pairs[k] is None]
    if empty:
        raise TypeError(f"{name} returned None as the gradient of {', '.join(map(str, empty))}")
    for key in (k for k in keys if k in pairs and pairs[k] is not None):
        if path and not any(is_real(leaf) for _, leaf in leaves(tree[key])):
            continue
        inner = f"{path}[{key!r}]" if path else str(key)
        yield from _paired(pairs[key], tree[key], inner, name, partly)


def _is_rows(result: Any) -> bool:
    """Whether a list is an array of numbers."""
    try:
        return np.asarray(result).dtype.kind in "fiub"
    except ValueError:
        return False
