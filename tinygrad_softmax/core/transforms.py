"""Functions of functions: gradients, products with Jacobians, Hessians.

Parameters may be arrays, or trees (dicts, lists, tuples) of arrays. Inside another transform the
gradients are themselves recorded, which is what makes transforms nest.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .errors import BackwardError, GradientLostError, ShapeError
from .op import NUMPY
from .reverse import order, reverse
from .tape import MODE, Leaf, Value
from .tensor import Tensor

__all__ = ["check_scalar_loss", "grad", "hessian", "hvp", "jacobian", "value_and_grad", "vjp"]

Wrt = int | str | tuple[int | str, ...]
Function = Callable[..., Any]


def map_tree(function: Function, tree: Any) -> Any:
    """Apply `function` to every array of a tree."""
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
    """Return the arrays of a tree, in order."""
    found: list[Any] = []
    map_tree(found.append, tree)
    return found


def check_scalar_loss(value: Any, name: str = "the loss", wrt: str = "the parameters") -> None:
    """Raise unless a loss has returned a scalar that can be differentiated.

    Parameters
    ----------
    value : object
        What the loss returned.
    name : str
        What the loss is called.
    wrt : str
        What it is differentiated with respect to.

    Raises
    ------
    BackwardError
        If it is None, a tuple, an array, a constant or something else than a scalar.

    Examples
    --------
    >>> check_scalar_loss(None)
    Traceback (most recent call last):
        ...
    tinygrad_softmax.core.errors.BackwardError: the loss returned None: is `return` missing?
    """
    shape: tuple[int, ...] = getattr(value, "shape", ())
    if isinstance(value, Value) and shape == () and (value.symbolic or value.node is not None):
        return
    if value is None:
        text = "returned None: is `return` missing?"
    elif isinstance(value, tuple) and len(value) == 2 and np.shape(value[0]) == ():
        text = (
            "returned (loss, gradient): return the loss alone, or check the gradient with "
            "check_gradients"
        )
    elif isinstance(value, (Value, np.ndarray)) and shape:
        text = (
            f"must return a scalar, but returned shape {shape}: reduce it with np.sum or "
            "np.mean, or use jacobian or vjp"
        )
    elif isinstance(value, (Value, np.ndarray, np.generic, bool, int, float, complex)):
        value = getattr(value, "array", value)
        text = (
            f"returned the constant {value!s}, which does not depend on {wrt}: compute it from "
            "them, without .data, detach(), no_grad(), float() or comparisons on the way"
        )
    else:
        text = f"returned a {type(value).__name__}: return a scalar, the loss alone"
    raise BackwardError(f"{name} {text}")


def _track(array: Any) -> Any:
    """Make a fresh parameter; a tensor that is tracked keeps its link to the outer graph."""
    if isinstance(array, Tensor):
        return +array if array.requires_grad else Tensor(array.data, copy=False)
    return Tensor(array, copy=False)


class Running:
    """Whether a call is still running: what its leaves know of it, so that they hold no graph."""

    __slots__ = ("running",)

    def __init__(self) -> None:
        self.running = True


class Call:
    """One call of a function with the chosen arguments tracked."""

    def __init__(self, function: Function, wrt: Wrt, args: Any, kwargs: Any) -> None:
        chosen = wrt if isinstance(wrt, tuple) else (wrt,)
        self.name = getattr(function, "__name__", "the function")
        self.wrt = ", ".join(str(w) if isinstance(w, str) else f"argument {w}" for w in chosen)
        places = [_place(function, which, args, kwargs) for which in chosen]
        inputs: dict[int | str, Any] = dict(enumerate(args)) | kwargs
        mode = MODE.get()
        #: whether what comes out may itself be part of an outer graph
        self.nested = not mode.pauses
        run = Running()
        token = MODE.set(mode._replace(pauses=frozenset()))  # a gradient is asked for
        try:
            for place in places:
                inputs[place] = map_tree(_track, inputs[place])
            trees = tuple(inputs[place] for place in places)
            self.tree = trees if isinstance(wrt, tuple) else trees[0]
            self.parameters = leaves(self.tree)
            for tensor in self.parameters:
                if isinstance(tensor.node, Leaf):
                    tensor.node.call = run
            try:
                self.value = self._run(function, inputs)
            except GradientLostError:  # by a method of a plain array, X.dot(W)
                plain = {k: v for k, v in inputs.items() if k not in places and _is_plain(v)}
                if not plain:
                    raise
                data = {k: Tensor(v, requires_grad=False, copy=False) for k, v in plain.items()}
                self.value = self._run(function, inputs | data)
        finally:
            MODE.reset(token)
            run.running = False

    @staticmethod
    def _run(function: Function, inputs: dict[int | str, Any]) -> Any:
        args = [inputs[i] for i in range(len(inputs)) if i in inputs]
        return function(*args, **{k: v for k, v in inputs.items() if isinstance(k, str)})

    def pull(self, seed: Any) -> Any:
        """Return the gradients of ``<seed, value>``, in the shape of the chosen arguments."""
        out = self.value
        root = out.node if isinstance(out, Tensor) else None
        mine = {tensor.node for tensor in self.parameters}
        found: dict[Any, Any] = {}
        outer = False
        if root is not None:
            outer = self._is_inside_another(root) or isinstance(seed, Value)
            if outer and not isinstance(seed, Value):
                seed = Tensor(seed, requires_grad=False)
            passing = reverse(root, seed, wrap=Tensor if outer else None)
            found = {node: g for node, g, _ in passing if node in mine}
        return map_tree(lambda tensor: _finish(found.get(tensor.node), tensor, outer), self.tree)

    def output(self) -> Any:
        """Return the value: plain, unless it is part of an outer graph."""
        if not isinstance(self.value, Tensor):
            return self.value
        root = self.value.node
        if root is not None and self._is_inside_another(root):
            return self.value
        data = self.value.data
        own = data.base is None and not data.flags.writeable  # else the caller's, or a view of it
        return data[()] if own else np.array(data)[()]

    def _is_inside_another(self, root: Any) -> bool:
        """Whether a leaf that is not ours was used: a running transform's, or a model's parameter.

        Then gradients are recorded too, and can be differentiated by it.
        """
        mine = {tensor.node for tensor in self.parameters}
        return self.nested and any(
            node.op is None and node not in mine and (node.call is None or node.call.running)
            for node in order(root)
        )

    def scalar(self) -> Any:
        """Return the seed of a scalar output."""
        value = self.value
        check_scalar_loss(value, self.name, self.wrt)
        used = order(value.node)
        others = all(node.op is not None or node.call is None for node in used)
        if others and not {tensor.node for tensor in self.parameters}.intersection(used):
            check_scalar_loss(value.array, self.name, self.wrt)
        return np.ones((), self.value.dtype)


def _is_plain(value: Any) -> bool:
    return value.__class__ is np.ndarray and value.dtype.kind == "f"


def _finish(g: Any, tensor: Tensor, outer: bool) -> Any:
    """Give a gradient its parameter's full shape; zeros if the output does not depend on it."""
    if g is None:
        g = np.zeros(tensor.shape, tensor.dtype)
    if not outer:
        return np.array(np.broadcast_to(g, tensor.shape))[()]
    if isinstance(g, Tensor) and g.requires_grad:
        return g if g.shape == tensor.shape else NUMPY[np.broadcast_to](g, shape=tensor.shape)
    # A constant, but part of the outer graph all the same: its gradient there is 0.
    return NUMPY[np.where](np.zeros((), bool), tensor, g)


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


def value_and_grad(function: Function, wrt: Wrt = 0) -> Function:
    """Return a function that computes a scalar `function` and its gradient.

    Parameters
    ----------
    function : callable
        Returns a scalar.
    wrt : int, str or tuple of them
        Which arguments to differentiate with respect to, by position or name. Each may be an array
        or a dict, list or tuple of arrays.

    Returns
    -------
    callable
        With the arguments of `function`; returns ``(value, gradient)``, the gradient in the shape
        of the argument, a tuple of them if `wrt` is one. Plain arrays, unless an outer transform
        or a Tensor from outside is part of the graph: then Tensors, to be differentiated again.

    Raises
    ------
    BackwardError
        When called, if `function` returns None, a constant, a tuple or anything but a scalar.
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

    Raises
    ------
    BackwardError, TypeError
        As by `value_and_grad`.

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
        the product of the vector with the Jacobian. Zeros where the output is constant.

    Raises
    ------
    BackwardError
        If `function` returns no array.
    ShapeError
        By `pull`, if the gradient has another shape than the output.

    Examples
    --------
    >>> value, pull = vjp(np.square, np.array([1.0, 3.0]))
    >>> pull(np.array([1.0, 10.0]))[0].tolist()
    [2.0, 60.0]
    """
    call = Call(function, tuple(range(len(args))), args, {})
    _check_array(call)

    def pull(gradient: Any) -> Any:
        if np.shape(gradient) != np.shape(call.value):
            raise ShapeError(
                f"{call.name} returned shape {np.shape(call.value)} but the gradient to pull back "
                f"has shape {np.shape(gradient)}"
            )
        dtype = getattr(call.value, "dtype", float)
        return call.pull(gradient if isinstance(gradient, Value) else np.asarray(gradient, dtype))

    return call.output(), pull


def _check_array(call: Call) -> None:
    """Raise unless a function has returned an array, constant or not."""
    if not isinstance(call.value, (Value, np.ndarray, np.generic, bool, int, float)):
        check_scalar_loss(call.value, call.name, call.wrt)


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

    Raises
    ------
    BackwardError
        When called, if `function` returns no array.

    Examples
    --------
    >>> jacobian(np.square)(np.array([1.0, 3.0])).tolist()
    [[2.0, 0.0], [0.0, 6.0]]
    """

    def all_derivatives(*args: Any, **kwargs: Any) -> Any:
        call = Call(function, wrt, args, kwargs)
        _check_array(call)
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
        Returns an array of shape P + P.

    Raises
    ------
    BackwardError, TypeError
        As by `value_and_grad`.

    Examples
    --------
    >>> hessian(lambda x: x[0] * x[1])(np.array([1.0, 3.0])).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    slopes = grad(function, wrt)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        found = slopes(*args, **kwargs)
        if isinstance(found, (dict, list, tuple)):
            raise TypeError(
                f"hessian of {getattr(function, '__name__', 'the function')} needs an argument "
                f"that is one array, not a {type(found).__name__} of them: use hvp"
            )
        return found

    gradient.__signature__ = inspect.signature(function)  # type: ignore[attr-defined] # for wrt by name
    return jacobian(gradient, wrt)


def hvp(function: Function, wrt: int | str = 0) -> Function:
    """Return a function that multiplies the Hessian with a vector, without building it.

    Parameters
    ----------
    function : callable
        Returns a scalar.
    wrt : int or str
        Which argument; an array of shape P (or a tree of them).

    Returns
    -------
    callable
        Called with the arguments of `function` and ``vector=`` of shape P; returns shape P.

    Raises
    ------
    ShapeError
        When called, if the vector has another shape than the argument.
    BackwardError, TypeError
        As by `value_and_grad`.

    Examples
    --------
    >>> hvp(lambda x: x[0] * x[1])(np.array([1.0, 3.0]), vector=np.array([1.0, 0.0])).tolist()
    [0.0, 1.0]
    """

    def product(*args: Any, vector: Any, **kwargs: Any) -> Any:
        def along(*inner: Any, **named: Any) -> Any:
            slopes = grad(function, wrt)(*inner, **named)
            title = getattr(function, "__name__", "the function")
            return sum(np.sum(g * v) for g, v in _paired(slopes, vector, title))

        along.__signature__ = inspect.signature(function)  # type: ignore[attr-defined] # for wrt by name
        return grad(along, wrt)(*args, **kwargs)

    return product


def _paired(slopes: Any, vector: Any, title: str) -> Iterator[tuple[Any, Any]]:
    """Yield each array of a tree of gradients with the one at its place in the vector."""
    if isinstance(slopes, dict) and isinstance(vector, dict) and slopes.keys() == vector.keys():
        for key, part in slopes.items():
            yield from _paired(part, vector[key], title)
    elif isinstance(slopes, (list, tuple)) and isinstance(vector, (list, tuple)) and (
        len(slopes) == len(vector)
    ):  # fmt: skip
        for part, other in zip(slopes, vector, strict=True):
            yield from _paired(part, other, title)
    elif isinstance(slopes, (dict, list, tuple)) or np.shape(slopes) != np.shape(vector):
        was, wanted = (
            f"shape {np.shape(tree)}" if not isinstance(tree, dict) else f"keys {list(tree)}"
            for tree in (vector, slopes)
        )
        raise ShapeError(
            f"hvp of {title} got a vector of {was}, but the argument has {wanted}: they must agree"
        )
    else:
        yield slopes, vector
