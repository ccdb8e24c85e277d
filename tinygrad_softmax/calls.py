"""One call of a function with some arguments tracked: what the transforms are made of.

Imports `tensor` and `backward`. Arguments may be trees (dicts, lists, tuples) of arrays. Inside
another transform the gradients are themselves recorded, which is what makes transforms nest.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .backward import gradients
from .errors import BackwardError
from .nodes import order
from .ops.arithmetic import positive
from .tape import MODE, Value
from .tensor import Tensor

Wrt = int | str | tuple[int | str, ...]
Function = Callable[..., Any]


def map_tree(function: Function, tree: Any) -> Any:
    """Apply `function` to every array of a tree.

    Examples
    --------
    >>> map_tree(np.shape, {"W": np.ones((2, 3)), "b": 0.0})
    {'W': (2, 3), 'b': ()}
    """
    if isinstance(tree, dict):
        return {key: map_tree(function, value) for key, value in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(map_tree(function, value) for value in tree))
    if isinstance(tree, (list, tuple)) and not _is_row(tree):
        return type(tree)(map_tree(function, value) for value in tree)
    return function(tree)


def _is_row(tree: Any) -> bool:
    """Whether a list holds plain numbers, and so is one array rather than a tree."""
    return len(tree) > 0 and all(isinstance(value, (bool, int, float, complex)) for value in tree)


def leaves(tree: Any) -> list[Any]:
    """Return the arrays of a tree, in order.

    Examples
    --------
    >>> leaves({"W": 1.0, "layers": (2.0, [3.0, 4.0])})
    [1.0, 2.0, [3.0, 4.0]]
    """
    found: list[Any] = []
    map_tree(found.append, tree)
    return found


def _track(array: Any) -> Any:
    """Make a fresh parameter; a tensor that is tracked keeps its link to the outer graph."""
    if isinstance(array, Tensor):
        return positive(array) if array.requires_grad else Tensor(array.data, copy=False)
    return Tensor(array, copy=False)


class Call:
    """One call of a function with the chosen arguments tracked."""

    def __init__(self, function: Function, wrt: Wrt, args: Any, kwargs: Any) -> None:
        chosen = wrt if isinstance(wrt, tuple) else (wrt,)
        places = [_place(function, which, args, kwargs) for which in chosen]
        inputs: dict[int | str, Any] = dict(enumerate(args)) | kwargs
        mode = MODE.get()
        #: whether what comes out may itself be part of an outer graph
        self.nested = mode.record
        token = MODE.set(mode._replace(record=True))  # a gradient is asked for, even in no_grad
        try:
            for place in places:
                inputs[place] = map_tree(_track, inputs[place])
            trees = tuple(inputs[place] for place in places)
            self.tree = trees if isinstance(wrt, tuple) else trees[0]
            self.parameters = leaves(self.tree)
            self.value = function(
                *(inputs[i] for i in range(len(args))), **{k: inputs[k] for k in kwargs}
            )
        finally:
            MODE.reset(token)
        self.name = getattr(function, "__name__", "the function")

    def pull(self, seed: Any) -> Any:
        """Return the gradients of ``<seed, value>``, in the shape of the chosen arguments."""
        out = self.value
        root = out.origin if isinstance(out, Tensor) else None
        mine = {tensor.origin for tensor in self.parameters}
        found: dict[Any, Any] = {}
        outer = False
        if root is not None:
            outer = self._is_inside_another(root, mine) or isinstance(seed, Value)
            if outer and not isinstance(seed, Value):
                seed = Tensor(seed, requires_grad=False)
            passing = gradients(root, seed, wrap=Tensor if outer else None)
            found = {node: g for node, g, _ in passing if node in mine}
        return map_tree(lambda tensor: _finish(found.get(tensor.origin), tensor), self.tree)

    def output(self) -> Any:
        """Return the value: plain, unless it is part of an outer graph."""
        if not isinstance(self.value, Tensor):
            return self.value
        mine = {tensor.origin for tensor in self.parameters}
        root = self.value.origin
        if root is not None and self._is_inside_another(root, mine):
            return self.value
        return self.value.data[()]

    def _is_inside_another(self, root: Any, mine: set[Any]) -> bool:
        """Whether a leaf that is not ours was used: an outer transform's, or a model's parameter.

        Then gradients are recorded too, and can be differentiated by it.
        """
        return self.nested and any(n.primitive is None and n not in mine for n in order(root))

    def scalar(self) -> Any:
        """Return the seed of a scalar output."""
        if np.shape(self.value) != ():
            raise BackwardError(
                f"{self.name} must return a scalar, but returned shape {np.shape(self.value)}: "
                "reduce it with np.sum or np.mean, or use jacobian or vjp"
            )
        return np.ones((), getattr(self.value, "dtype", float))


def _finish(g: Any, tensor: Tensor) -> Any:
    """Give a gradient its parameter's full shape; zeros if the output does not depend on it."""
    if g is None:
        return np.zeros(tensor.shape, tensor.dtype)
    if isinstance(g, Tensor):
        return g if g.shape == tensor.shape else np.broadcast_to(g, tensor.shape)
    return np.array(np.broadcast_to(g, tensor.shape))[()]


def _place(function: Function, which: int | str, args: Any, kwargs: Any) -> int | str:
    """Return where the chosen argument was passed: a position or a keyword."""
    if isinstance(which, int):
        if not -len(args) <= which < len(args):
            raise TypeError(f"wrt={which} but only {len(args)} positional arguments were given")
        return which % len(args)
    if which in kwargs:
        return which
    names = list(inspect.signature(function).parameters)
    if which in names and names.index(which) < len(args):
        return names.index(which)
    raise TypeError(f"wrt={which!r} names no argument that was given; the arguments are {names}")
