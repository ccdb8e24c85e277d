"""Functions of functions: gradients, products with Jacobians, Hessians.

Imports `calls`. Parameters may be arrays, or dicts, lists and tuples of arrays, and
transforms nest: inside another one, gradients are themselves recorded.
"""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from .calls import Call, Function, Wrt, leaves, map_tree
from .errors import ShapeError
from .tape import Value
from .tensor import Tensor

__all__ = ["grad", "hessian", "hvp", "jacobian", "value_and_grad", "vjp"]


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
    ...     np.array([1.0, 2.0]), 3.0
    ... )
    >>> float(value), dW.tolist(), float(db)
    (8.0, [2.0, 4.0], 1.0)
    """

    def with_gradient(*args: Any, **kwargs: Any) -> Any:
        call = Call(function, wrt, args, kwargs)
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
        call = Call(function, wrt, args, kwargs)
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
    call = Call(function, tuple(range(len(args))), args, {})

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
        call = Call(function, wrt, args, kwargs)
        shape = np.shape(call.value)
        size = int(np.prod(shape))
        dtype = getattr(call.value, "dtype", float)
        rows = [call.pull(row.reshape(shape)) for row in np.eye(size, dtype=dtype)]
        columns = zip(*map(leaves, rows), strict=True)
        parts = iter([np.stack(column) for column in columns])

        def assemble(tensor: Tensor) -> Any:
            if not size:
                return np.zeros(shape + tensor.shape, dtype)
            return np.reshape(next(parts), shape + tensor.shape)

        return map_tree(assemble, call.tree)

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
            slopes = leaves(grad(function, wrt)(*inner, **named))
            terms = [np.sum(g * v) for g, v in zip(slopes, leaves(vector), strict=True)]
            return sum(terms[1:], terms[0])

        along.__signature__ = inspect.signature(function)  # type: ignore[attr-defined] # for wrt by name
        return grad(along, wrt)(*args, **kwargs)

    return product
