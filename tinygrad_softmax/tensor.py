"""The Tensor: an array that remembers how it was made.

Imports `operators` and `backward`. ``loss.backward()`` walks the tape back from the loss; after it,
every tensor that is still held has its ``grad``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .backward import gradients
from .errors import BackwardError, DataError, GradientLostError, ShapeError, variable_name
from .operators import Operators
from .primitive import MODE, Leaf

__all__ = ["Tensor", "no_grad"]


class Tensor(Operators):
    """A floating-point array whose gradient can be asked for.

    Parameters
    ----------
    data : array_like of float
        Any shape. float32 stays float32.
    name : str, optional
        What messages and derivations call it; otherwise the name of your variable is used.
    requires_grad : bool
        Whether gradients with respect to it are wanted; if not it is a constant.
    copy : bool
        Whether to copy `data`, so that later changes to it are not seen here.

    Raises
    ------
    DataError
        If `data` is of integer, boolean, complex or object type.

    Examples
    --------
    >>> W = Tensor([[1.0, -2.0]])
    >>> loss = np.sum(W * W)
    >>> loss.backward()
    >>> W.grad
    array([[ 2., -4.]])
    """

    __slots__ = ()

    def __init__(self, data: Any, *, name: str | None = None, requires_grad: bool = True,
                 copy: bool = True) -> None:  # fmt: skip
        if isinstance(data, Tensor):
            raise DataError("this is a Tensor already: use it as it is, or t.detach() for a constant")
        array = np.array(data) if copy else np.asarray(data)
        _check_floating(array)
        self.array = array
        self._name = name
        self.origin = Leaf(array.shape, array.dtype, name) if requires_grad else None

    @property
    def name(self) -> str | None:
        """The name given to it, if any."""
        return self._name

    @name.setter
    def name(self, name: str | None) -> None:
        self._name = name
        if isinstance(self.origin, Leaf):
            self.origin.name = name

    @property
    def data(self) -> Any:
        """The values. Assign to it, or update it in place, to train: ``W.data -= step * W.grad``.

        The result of an op is read-only. An update between the forward and the backward pass is
        noticed by the backward pass, which then raises.
        """
        return self.array

    @data.setter
    def data(self, data: Any) -> None:
        leaf = self.origin
        if leaf is not None and not isinstance(leaf, Leaf):
            raise GradientLostError(
                "this tensor is the result of an op, so its data follow from its operands: "
                "update those, or take t.detach()"
            )
        array = np.asarray(data)
        _check_floating(array)
        if array.shape != self.array.shape:
            raise ShapeError(
                f"{self.name or 'the tensor'} {self.array.shape} cannot take data of shape {array.shape}"
            )
        self.array = array if array.dtype == self.array.dtype else array.astype(self.array.dtype)
        if leaf is not None:
            leaf.updated = True
            self.origin = Leaf(leaf.shape, leaf.dtype, leaf.name or variable_name(self))
            leaf.name = self.origin.name
            self.origin.grad, self.origin.owned = leaf.grad, True

    @property
    def requires_grad(self) -> bool:
        """Whether this tensor is tracked: a parameter, or made from one."""
        return self.origin is not None

    @property
    def grad(self) -> Any:
        """Gradient of the loss with respect to this tensor, after ``loss.backward()``; else None.

        It has the tensor's shape and dtype. A parameter's is the caller's own array; that of an
        intermediate result (``scores.grad`` is dscores) is read-only.
        """
        node = self.origin
        if node is None or node.grad is None:
            return None
        g = node.grad
        if g.__class__ is not np.ndarray or not node.owned or g.shape != node.shape:
            node.grad = g = np.array(np.broadcast_to(g, node.shape))
            node.owned = True
        g.flags.writeable = isinstance(node, Leaf)
        return g

    @grad.setter
    def grad(self, grad: Any) -> None:
        if self.origin is None:
            raise BackwardError("a constant tensor has no gradient; make it with requires_grad=True")
        if grad is not None and np.shape(grad) != self.shape:
            raise ShapeError(f"a gradient of shape {np.shape(grad)} does not fit a tensor {self.shape}")
        self.origin.grad = None if grad is None else np.array(grad, self.dtype)
        self.origin.owned = True

    def backward(
        self, gradient: Any = None, *, retain_graph: bool = False, accumulate: bool = False
    ) -> None:
        """Compute the gradient of this tensor with respect to everything it was made from.

        Sets ``grad`` on every tensor of the graph that is still held: there is nothing to zero
        between calls. The graph is used up on the way, so memory falls during the pass.

        Parameters
        ----------
        gradient : array_like, optional
            Gradient of some loss with respect to this tensor, of its shape; 1 for a scalar.
        retain_graph : bool
            Keep the graph, so that backward can be called on it again.
        accumulate : bool
            Add to the parameters' gradients of earlier calls instead of replacing them.

        Raises
        ------
        BackwardError
            If this is not a scalar and no `gradient` is given, if nothing in it needs a gradient,
            or if the graph has been used up.
        StaleDataError
            If an array was changed between the forward and the backward pass.

        Examples
        --------
        >>> x = Tensor(3.0)
        >>> (x * x).backward()
        >>> float(x.grad)
        6.0
        """
        root = self.origin
        if root is None:
            raise BackwardError(
                "backward() on a tensor that depends on no parameter: wrap at least one input in "
                "Tensor(...), and compute the loss outside no_grad() and without detach() or .data"
            )
        if gradient is None and self.size != 1:
            raise BackwardError(
                f"backward() needs a scalar, but {variable_name(self) or 'this tensor'} has shape "
                f"{self.shape}: reduce it first, with np.sum or np.mean, or give its gradient: "
                "backward(np.ones(...))"
            )
        if gradient is not None and np.shape(gradient) != self.shape:
            raise ShapeError(
                f"backward() of a tensor of shape {self.shape} got a gradient of shape "
                f"{np.shape(gradient)}: they must agree"
            )
        seed = np.ones(self.shape, self.dtype) if gradient is None else np.array(gradient, self.dtype)
        for node, g, owned in gradients(root, seed, consume=not retain_graph):
            if isinstance(node, Leaf):
                if accumulate and node.grad is not None:
                    g, owned = node.grad + g, True
                if not owned or g.__class__ is not np.ndarray:
                    g, owned = np.array(np.broadcast_to(g, node.shape)), True
            node.grad, node.owned = g, owned

    def detach(self) -> Tensor:
        """Return the same values as a constant: what is made of them passes nothing back."""
        return Tensor.wrap(self.array, None)

    def item(self) -> float:
        """Return the single value as a Python float."""
        value: float = self.array.item()
        return value

    def numpy(self) -> Any:
        """Return the values as a plain array, off the tape (read-only if this is an op's result)."""
        return self.array

    def _in_place(self, symbol: str) -> None:
        if isinstance(self.origin, Leaf):
            name = variable_name(self) or "W"
            raise GradientLostError(
                f"{name} {symbol}= ... would replace the parameter {name} by a new tensor: to update "
                f"it write {name}.data {symbol}= ..., to compute write {name}2 = {name} {symbol} ..."
            )

    def __iadd__(self, other: Any) -> Any:
        self._in_place("+")
        return self + other

    def __isub__(self, other: Any) -> Any:
        self._in_place("-")
        return self - other

    def __imul__(self, other: Any) -> Any:
        self._in_place("*")
        return self * other

    def __itruediv__(self, other: Any) -> Any:
        self._in_place("/")
        return self / other

    def __float__(self) -> float:
        self._leaving("float(t) or a math function", "t.item() for the number, np.exp(t) for math.exp(t)")
        return float(self.array)

    def __int__(self) -> int:
        self._leaving("int(t)", "int(t.item())")
        return int(self.array)

    def __bool__(self) -> bool:
        return bool(self.array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        self._leaving(
            "turning a Tensor into a plain array",
            "X @ W or np.dot(X, W) for X.dot(W); np.stack([t, u]) for np.array([t, u]); np.stack or "
            "np.where for out[i] = t; a NumPy function for a SciPy one",
        )
        return np.array(self.array, dtype=dtype, copy=copy)

    def _leaving(self, what: str, instead: str) -> None:
        if self.origin is not None:
            raise GradientLostError(
                f"{what} would lose the gradient of {variable_name(self) or 'it'}: use {instead}; "
                "or t.data (or t.detach()) if no gradient is wanted"
            )

    def __format__(self, spec: str) -> str:
        return format(self.array[()] if self.ndim == 0 else self.array, spec)

    def __repr__(self) -> str:
        text = repr(self.array).removeprefix("array(").removesuffix(")").replace("\n      ", "\n       ")
        name = f", name={self.name!r}" if self.name else ""
        origin = self.origin
        made = "" if origin is None else ", parameter" if isinstance(origin, Leaf) else (
            f", by {origin.primitive.__name__}" if origin.primitive else "")  # fmt: skip
        return f"Tensor({text}{name}{made})"


def _check_floating(array: Any) -> None:
    kind = array.dtype.kind
    if kind == "f":
        return
    advice = {
        "i": "integers cannot be nudged: convert with .astype(float)",
        "u": "integers cannot be nudged: convert with .astype(float)",
        "b": "booleans cannot be nudged: convert with .astype(float)",
        "c": "take the real and the imaginary part as two real tensors",
    }.get(kind, "a rectangular array of floats is needed")
    raise DataError(
        f"a Tensor holds real floating-point data, not {array.dtype}: {advice}. Labels, indices and "
        "data that need no gradient stay plain arrays"
    )


@contextmanager
def no_grad() -> Iterator[None]:
    """Compute without recording, as a context or as a decorator; per thread and async task.

    Examples
    --------
    >>> W = Tensor([1.0])
    >>> with no_grad():
    ...     (2 * W).requires_grad
    False
    """
    token = MODE.set(MODE.get()._replace(record=False))
    try:
        yield
    finally:
        MODE.reset(token)
