"""Inputs as trees: arrays within dicts, lists and tuples, each with a path to say it by.

Imports nothing of the package. A path is written as Python would: ``params['W1']``, ``layers[0]``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

Inputs: TypeAlias = Mapping[str, Any]


def children(tree: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield path, key and value of what a container holds; nothing for a leaf."""
    if isinstance(tree, Mapping):
        yield from ((f"{path}[{key!r}]" if path else str(key), key, v) for key, v in tree.items())
    elif isinstance(tree, (list, tuple)):
        yield from ((f"{path}[{i}]", i, value) for i, value in enumerate(tree))


def is_tree(value: Any) -> bool:
    """Whether a value holds others."""
    return isinstance(value, (Mapping, list, tuple))


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and value of each leaf.

    Examples
    --------
    >>> [path for path, _ in leaves({"X": 1, "layers": [(2, 3)], "params": {"W": 4}})]
    ['X', 'layers[0][0]', 'layers[0][1]', "params['W']"]
    """
    if not is_tree(tree):
        yield path, tree
    for inner, _, value in children(tree, path):
        yield from leaves(value, inner)


def mapped(function: Callable[[str, Any], Any], tree: Any, path: str = "") -> Any:
    """Return a tree of the same nesting, each leaf by its path and value."""
    if not is_tree(tree):
        return function(path, tree)
    made = {key: mapped(function, value, inner) for inner, key, value in children(tree, path)}
    if isinstance(tree, Mapping):
        return made
    if hasattr(tree, "_fields"):
        return type(tree)(*made.values())
    return type(tree)(made.values())


def replaced(tree: Any, new: Mapping[str, Any]) -> Any:
    """Return a tree with some leaves exchanged; the others are the same objects."""
    return mapped(new.get, tree)


def is_real(value: Any) -> bool:
    """Whether a leaf holds floating-point numbers."""
    return isinstance(value, (float, np.floating)) or (
        isinstance(value, np.ndarray) and value.dtype.kind == "f"
    )


def double(tree: Any) -> Any:
    """Return a tree with its arrays in double precision: rounding is no difference."""
    return mapped(lambda _, v: v.astype(float) if isinstance(v, np.ndarray) and is_real(v) else v,
                  tree)  # fmt: skip


def shown(values: Mapping[str, Any]) -> str:
    """Write names with the shapes of what they hold."""
    return ", ".join(f"{n} {np.shape(v)}" for n, v in values.items())
