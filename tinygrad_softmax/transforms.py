"""Functions of functions: gradients, products with Jacobians, Hessians.

Imports `tensor` and `backward`. Parameters may be arrays, or dicts, lists and tuples of arrays, and
transforms nest: inside another one, gradients are themselves recorded.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .backward import gradients, order
from .errors import BackwardError, ShapeError
from .ops.arithmetic import positive
from .primitive import Node, Value
from .tensor import Tensor

__all__ = ["grad", "hessian", "hvp", "jacobian", "value_and_grad", "vjp"]

Wrt = int | str | tuple[int | str, ...]
Function = Callable[..., Any]


# --- trees: dicts, lists and tuples of arrays ---------------------------------------------------


def _map(function: Function, tree: Any) -> Any:
    """Apply `function` to every array of a tree."""
    if isinstance(tree, dict):
        return {key: _map(function, value) for key, value in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(_map(function, value) for value in tree))
    if isinstance(tree, (list, tuple)) and not _is_row(tree):
        return type(tree)(_map(function, value) for value in tree)
    return function(tree)


def _is_row(tree: Any) -> bool:
    """Whether a list holds plain numbers, and so is one array rather than a tree."""
    return len(tree) > 0 and all(isinstance(value, (bool, int, float, complex)) for value in tree)


def _leaves(tree: Any) -> list[Any]:
    found: list[Any] = []
    _map(found.append, tree)
    return found


# --- tracking -----------------------------------------------------------------------------------


def _track(array: Any) -> Any:
    """Make a fresh parameter; a tensor that is tracked already keeps its link to the outer graph."""
    if isinstance(array, Tensor):
        return positive(array) if array.requires_grad else Tensor(array.data, copy=False)
    return Tensor(array, copy=False)


class _Call:
    """One call of a function with the chosen arguments tracked."""

    def __init__(self, function: Function, wrt: Wrt, args: Any, kwargs: Any) -> None:
        chosen = wrt if isinstance(wrt, tuple) else (wrt,)
        places = [_place(function, which, args, kwargs) for which in chosen]
        inputs: dict[int | str, Any] = dict(enumerate(args)) | kwargs
        for place in places:
            inputs[place] = _map(_track, inputs[place])
        trees = tuple(inputs[place] for place in places)
        self.tree = trees if isinstance(wrt, tuple) else trees[0]
        self.parameters = _leaves(self.tree)
        self.value = function(*(inputs[i] for i in range(len(args))), **{k: inputs[k] for k in kwargs})
        self.name = getattr(function, "__name__", "the function")

    def pull(self, seed: Any) -> Any:
        """Return the gradients of ``<seed, value>``, in the shape of the chosen arguments."""
        out = self.value
        root = out.origin if isinstance(out, Tensor) else None
        mine = {tensor.origin for tensor in self.parameters}
        found: dict[Any, Any] = {}
        outer = False
        if root is not None:
            # A leaf that is not ours belongs to an outer transform: then gradients are recorded too.
            outer = any(node.primitive is None and node not in mine for node in order(root))
            outer = outer or isinstance(seed, Value)
            if outer and not isinstance(seed, Value):
                seed = Tensor(seed, requires_grad=False)
            for node, g, _ in gradients(root, seed, wrap=Tensor if outer else None):
                if node in mine:
                    found[node] = g
        return _map(lambda tensor: _finish(found.get(tensor.origin), tensor), self.tree)

    def output(self) -> Any:
        """Return the value: plain, unless it is part of an outer graph."""
        if not isinstance(self.value, Tensor):
            return self.value
        mine = {tensor.origin for tensor in self.parameters}
        root = self.value.origin
        if root is not None and any(n.primitive is None and n not in mine for n in order(root)):
            return self.value
        return self.value.data[()]

    def scalar(self) -> Any:
        """Return the seed of a scalar output."""
        if np.shape(self.value) != ():
            raise BackwardError(
                f"{self.name} must return a scalar, but returned shape {np.shape(self.value)}: "
                "reduce it with np.sum or np.mean, or use jacobian or vjp"
            )
        return np.ones((), getattr(self.value, "dtype", float))


def _finish(g: Any, tensor: Tensor) -> Any:
    """Give a gradient the full shape of its parameter; zeros if the output does not depend on it."""
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


# --- transforms ---------------------------------------------------------------------------------


def value_and_grad(function: Function, wrt: Wrt = 0) -> Function:
    """Return a function that computes a scalar `function` and its gradient.

    Parameters
    ----------
    function : callable
        Returns a scalar.
    wrt : int, str or tuple of them
        Which arguments to differentiate by, by position or name. Each may be an array or a dict,
        list or tuple of arrays.

    Returns
    -------
    callable
        With the arguments of `function`; returns ``(value, gradient)``, the gradient in the shape
        of the argument, a tuple of them if `wrt` is one.

    Raises
    ------
    BackwardError
        When called, if `function` does not return a scalar.
    TypeError
        When called, if `wrt` names an argument that was not given.

    Examples
    --------
    >>> value, (dW, db) = value_and_grad(lambda W, b: np.sum(W * W) + b, wrt=("W", "b"))(
    ...     np.array([1.0, 2.0]), 3.0)
    >>> float(value), dW.tolist(), float(db)
    (8.0, [2.0, 4.0], 1.0)
    """

    def with_gradient(*args: Any, **kwargs: Any) -> Any:
        call = _Call(function, wrt, args, kwargs)
        gradient = call.pull(call.scalar())
        return call.output(), gradient

    return with_gradient


def grad(function: Function, wrt: Wrt = 0) -> Function:
    """Return a function that computes the gradient of a scalar `function`.

    Parameters
    ----------
    function : callable
        Returns a scalar.
    wrt : int, str or tuple of them
        As for `value_and_grad`.

    Returns
    -------
    callable
        Gradients in the shape of the arguments; itself differentiable.

    Examples
    --------
    >>> cube = lambda x: x**3
    >>> float(grad(cube)(2.0)), float(grad(grad(cube))(2.0))
    (12.0, 12.0)
    """

    def gradient(*args: Any, **kwargs: Any) -> Any:
        call = _Call(function, wrt, args, kwargs)
        return call.pull(call.scalar())

    return gradient


def vjp(function: Function, *args: Any) -> tuple[Any, Function]:
    """Compute `function` and return what pulls a gradient back through it.

    Parameters
    ----------
    function : callable
        Returns an array of any shape.
    *args : array or tree of arrays
        Where to evaluate it; gradients are taken with respect to all of them.

    Returns
    -------
    value : array
        The output.
    pull : callable
        From a gradient of the output's shape to a tuple of gradients, one for each argument:
        the product of the vector with the Jacobian.

    Raises
    ------
    ShapeError
        By `pull`, if the gradient has another shape than the output.

    Examples
    --------
    >>> value, pull = vjp(np.square, np.array([1.0, 3.0]))
    >>> pull(np.array([1.0, 10.0]))[0].tolist()
    [2.0, 60.0]
    """
    call = _Call(function, tuple(range(len(args))), args, {})

    def pull(gradient: Any) -> Any:
        if np.shape(gradient) != np.shape(call.value):
            raise ShapeError(
                f"{call.name} returned shape {np.shape(call.value)} but the gradient to pull back "
                f"has shape {np.shape(gradient)}"
            )
        seed = gradient if isinstance(gradient, Value) else np.asarray(gradient, call.value.dtype)
        return call.pull(seed)

    return call.output(), pull


def jacobian(function: Function, wrt: int | str = 0) -> Function:
    """Return a function that computes all derivatives of an array-valued `function`.

    Parameters
    ----------
    function : callable
        Returns an array of any shape S.
    wrt : int or str
        Which argument; an array of shape P (or a tree of them).

    Returns
    -------
    callable
        Returns an array of shape S + P, entry by entry one reverse pass each.

    Examples
    --------
    >>> jacobian(np.square)(np.array([1.0, 3.0])).tolist()
    [[2.0, 0.0], [0.0, 6.0]]
    """

    def all_derivatives(*args: Any, **kwargs: Any) -> Any:
        call = _Call(function, wrt, args, kwargs)
        shape = np.shape(call.value)
        size = int(np.prod(shape))
        dtype = getattr(call.value, "dtype", float)
        rows = [call.pull(row.reshape(shape)) for row in np.eye(size, dtype=dtype)]
        columns = zip(*map(_leaves, rows), strict=True)
        parts = iter([np.stack(column) for column in columns])

        def assemble(tensor: Tensor) -> Any:
            if not size:
                return np.zeros(shape + tensor.shape, dtype)
            return np.reshape(next(parts), shape + tensor.shape)

        return _map(assemble, call.tree)

    return all_derivatives


def hessian(function: Function, wrt: int | str = 0) -> Function:
    """Return a function that computes the second derivatives of a scalar `function`.

    Parameters
    ----------
    function : callable
        Returns a scalar.
    wrt : int or str
        Which argument; an array of shape P.

    Returns
    -------
    callable
        Returns an array of shape P + P, symmetric.

    Examples
    --------
    >>> hessian(lambda x: x[0] * x[1])(np.array([1.0, 3.0])).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    return jacobian(grad(function, wrt), wrt)


def hvp(function: Function, wrt: int | str = 0) -> Function:
    """Return a function that multiplies the Hessian with a vector, without building it.

    Parameters
    ----------
    function : callable
        Returns a scalar.
    wrt : int or str
        Which argument; an array of shape P.

    Returns
    -------
    callable
        Called with the arguments of `function` and ``vector=`` of shape P; returns shape P.

    Examples
    --------
    >>> hvp(lambda x: x[0] * x[1])(np.array([1.0, 3.0]), vector=np.array([1.0, 0.0])).tolist()
    [0.0, 1.0]
    """

    def product(*args: Any, vector: Any, **kwargs: Any) -> Any:
        def along(*inner: Any, **named: Any) -> Any:
            slopes = _leaves(grad(function, wrt)(*inner, **named))
            terms = [np.sum(g * v) for g, v in zip(slopes, _leaves(vector), strict=True)]
            return sum(terms[1:], terms[0])

        along.__signature__ = inspect.signature(function)  # type: ignore[attr-defined] # for wrt by name
        return grad(along, wrt)(*args, **kwargs)

    return product
