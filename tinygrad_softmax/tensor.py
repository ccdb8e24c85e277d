"""The Tensor: an array that remembers how it was made.

Imports `walls` and `backward`. ``loss.backward()`` walks the tape back from the loss; after it,
every tensor that is still held has its ``grad``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .backward import gradients
from .display import tensor_html
from .errors import BackwardError, DataError, GradientLostError, ShapeError, variable_name
from .tape import Leaf, check_floating
from .walls import Walls

__all__ = ["Tensor"]


class Tensor(Walls):
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
            raise DataError(
                "this is a Tensor already: use it as it is, or t.detach() for a constant"
            )
        array = np.array(data) if copy else np.asarray(data)
        check_floating(array)
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
        if data is not self.array:  # which it is after `W.data -= ...`
            array = np.asarray(data)
            check_floating(array)
            if array.shape != self.array.shape:
                raise ShapeError(
                    f"{self.name or 'the tensor'} {self.array.shape} cannot take data of shape "
                    f"{array.shape}"
                )
            self.array = array.astype(self.array.dtype, copy=False)
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
        if not isinstance(node, Leaf):
            g.flags.writeable = False
        return g

    @grad.setter
    def grad(self, grad: Any) -> None:
        if self.origin is None:
            raise BackwardError(
                "a constant tensor has no gradient; make it with requires_grad=True"
            )
        if grad is not None and np.shape(grad) != self.shape:
            raise ShapeError(
                f"a gradient of shape {np.shape(grad)} does not fit a tensor {self.shape}"
            )
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
        seed = (
            np.ones(self.shape, self.dtype) if gradient is None else np.array(gradient, self.dtype)
        )
        for node, g, owned in gradients(root, seed, consume=not retain_graph):
            if isinstance(node, Leaf):
                node.grad, node.owned = _at_rest(node, g, owned, accumulate), True
            else:
                node.grad, node.owned = g, owned

    def detach(self) -> Tensor:
        """Return the same values as a constant: what is made of them passes nothing back.

        Examples
        --------
        >>> x = Tensor(3.0)
        >>> (x * x.detach()).backward()
        >>> float(x.grad)
        3.0
        """
        return Tensor.wrap(self.array, None)

    def item(self) -> float:
        """Return the single value as a Python float."""
        value: float = self.array.item()
        return value

    def numpy(self) -> Any:
        """Return the values as a plain array, off the tape; an op's result is read-only."""
        return self.array

    def __format__(self, spec: str) -> str:
        return format(self.array[()] if self.ndim == 0 else self.array, spec)

    def _repr_html_(self) -> str:
        heading = f"{self.name or 'Tensor'} {self.shape} {self.dtype} {self._made()}"
        return tensor_html(heading.rstrip(), self.array, self.grad)

    def __repr__(self) -> str:
        text = repr(self.array).removeprefix("array(").removesuffix(")")
        text = text.replace("\n      ", "\n       ")  # "Tensor(" is one longer than "array("
        name = f", name={self.name!r}" if self.name else ""
        made = f", {made}" if (made := self._made()) else ""
        return f"Tensor({text}{name}{made})"

    def _made(self) -> str:
        """Say what it is: a parameter, the result of an op, or nothing of the kind."""
        if isinstance(self.origin, Leaf):
            return "parameter"
        op = None if self.origin is None else self.origin.primitive
        return "" if op is None else f"by {op.__name__}"


def _at_rest(leaf: Leaf, g: Any, owned: bool, accumulate: bool) -> Any:
    """Return a parameter's gradient as an array of its own, added to the earlier one if wanted."""
    if accumulate and leaf.grad is not None:
        g, owned = leaf.grad + g, True
    if owned and g.__class__ is np.ndarray:
        return g
    return np.array(np.broadcast_to(g, leaf.shape))
