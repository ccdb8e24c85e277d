"""The Tensor: an array that remembers how it was made.

Python's operators and NumPy's protocols hand the user's own lines to the ops. What would leave the
tape unnoticed raises, and says what to write; the ways out, for those who mean it, are ``t.data``,
``t.item()``, ``t.numpy()`` and ``t.detach()``. After ``loss.backward()`` every tensor that is still
held has its ``grad``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Self, TypeVar

import numpy as np

from .dispatch import call, call_ufunc, no_rule, unwrapped
from .display import tensor_html
from .errors import (
    BackwardError,
    DataError,
    GradientLostError,
    NoRuleError,
    ShapeError,
    variable_name,
)
from .habits import HABITS, Habit
from .op import NUMPY, Op
from .reverse import order, reverse
from .tape import Leaf, Value, check_floating, plain_array

__all__ = ["Tensor"]

#: NumPy functions that only look at values, shapes or types: their results move in jumps, if at
#: all, so no gradient is lost.
_LOOK = {np.zeros_like, np.ones_like, np.empty_like, np.result_type, np.can_cast, np.isscalar,
         np.iscomplexobj, np.isrealobj, np.iscomplex, np.isreal, np.allclose, np.isclose,
         np.array_equal, np.array_equiv, np.array_repr, np.array_str, np.array2string,
         np.may_share_memory, np.shares_memory, np.nonzero, np.flatnonzero, np.argwhere,
         np.count_nonzero, np.argsort, np.argpartition, np.lexsort, np.searchsorted, np.digitize,
         np.isin, np.nanargmax, np.nanargmin}  # fmt: skip


def _method(function: Any) -> Callable[..., Tensor]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return call(function, (self, *args), kwargs)

    method.__name__ = function.__name__
    method.__doc__ = f"Same as ``np.{function.__name__}`` of this value."
    return method


def _plain_method(function: Any) -> Callable[..., Any]:
    """Return a method of which the type checker knows that it returns no Tensor."""
    return _method(function)


_V = TypeVar("_V")


def _unary(ufunc: Any) -> Callable[[_V], _V]:
    def operator(self: Any) -> Any:
        return self.apply(NUMPY[ufunc], (self,), {})

    return operator


def _binary(ufunc: Any) -> Callable[[_V, Any], _V]:
    def operator(self: Any, other: Any) -> Any:
        return self.apply(NUMPY[ufunc], (self, other), {})

    return operator


def _reflected(ufunc: Any) -> Callable[[_V, Any], _V]:
    """Return an operator with the operands the other way round."""

    def operator(self: Any, other: Any) -> Any:
        return self.apply(NUMPY[ufunc], (other, self), {})

    return operator


def _comparison(ufunc: Any) -> Callable[[Any, Any], Any]:
    def operator(self: Any, other: Any) -> Any:
        if other is None or isinstance(other, str):  # Python then compares by identity
            return NotImplemented
        return self.apply(NUMPY[ufunc], (self, other), {})

    return operator


def _in_place(symbol: str, ufunc: Any) -> Callable[[_V, Any], _V]:
    """Refuse to rebind a parameter's name; an op's result is rebound, as Python does."""

    def operator(self: Any, other: Any) -> Any:
        if isinstance(self.node, Leaf):
            name = variable_name(self) or "W"
            raise GradientLostError(
                f"{name} {symbol}= ... would replace the parameter {name} by a new tensor: to "
                f"update it write {name}.data {symbol}= ..., to compute write "
                f"{name}2 = {name} {symbol} ..."
            )
        return self.apply(NUMPY[ufunc], (self, other), {})

    return operator


class Operators(Value):
    """Python's operators and NumPy's functions, handed to the ops; `Indexing` adds the rest."""

    __slots__ = ()
    __hash__ = object.__hash__  # values are compared entry by entry, so they hash by identity

    __add__, __radd__ = _binary(np.add), _reflected(np.add)
    __sub__, __rsub__ = _binary(np.subtract), _reflected(np.subtract)
    __mul__, __rmul__ = _binary(np.multiply), _reflected(np.multiply)
    __truediv__, __rtruediv__ = _binary(np.divide), _reflected(np.divide)
    __pow__, __rpow__ = _binary(np.power), _reflected(np.power)
    __matmul__, __rmatmul__ = _binary(np.matmul), _reflected(np.matmul)
    __floordiv__, __rfloordiv__ = _binary(np.floor_divide), _reflected(np.floor_divide)
    __mod__, __rmod__ = _binary(np.remainder), _reflected(np.remainder)
    __lt__, __gt__ = _comparison(np.less), _comparison(np.greater)
    __le__, __ge__ = _comparison(np.less_equal), _comparison(np.greater_equal)
    __eq__, __ne__ = _comparison(np.equal), _comparison(np.not_equal)
    __neg__, __pos__, __abs__ = map(_unary, (np.negative, np.positive, np.absolute))

    def __divmod__(self, other: Any) -> tuple[Self, Self]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Self, Self]:
        return other // self, other % self

    def __round__(self, ndigits: int = 0) -> Self:
        return call(np.round, (self, ndigits), {})  # type: ignore[no-any-return]

    @property
    def shape(self) -> tuple[int, ...]:
        """Size along each axis."""
        shape: tuple[int, ...] = self.array.shape
        return shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of entries."""
        size: int = self.array.size
        return size

    @property
    def dtype(self) -> Any:
        """Type of the entries."""
        return self.array.dtype

    @property
    def T(self) -> Self:  # noqa: N802 - NumPy's name
        """The axes in reverse order."""
        return NUMPY[np.transpose](self)  # type: ignore[no-any-return]

    @property
    def mT(self) -> Self:  # noqa: N802 - NumPy's name
        """The last two axes exchanged."""
        return call(np.matrix_transpose, (self,), {})  # type: ignore[no-any-return]

    def reshape(self, *shape: Any, order: str = "C", copy: Any = None) -> Self:
        """Give the entries another shape, as ``reshape(3, 4)`` or ``reshape((3, 4))``."""
        sizes = shape[0] if len(shape) == 1 else shape
        return call(np.reshape, (self, sizes), {"order": order})  # type: ignore[no-any-return]

    def transpose(self, *axes: Any) -> Self:
        """Reorder the axes, as ``transpose(1, 0)`` or ``transpose((1, 0))``; reversed if none."""
        wanted = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return call(np.transpose, (self, wanted if axes else None), {})  # type: ignore[no-any-return]

    def flatten(self, order: str = "C") -> Self:
        """Return all entries along one axis."""
        return call(np.ravel, (self, order), {})  # type: ignore[no-any-return]

    def astype(self, dtype: Any, order: str = "K", casting: Any = "unsafe", subok: bool = True,
               copy: bool = True) -> Self:  # fmt: skip
        """Convert to another floating-point type, as far as `casting` allows it."""
        if not np.can_cast(self.dtype, dtype, casting):
            raise TypeError(
                f"Cannot cast from {self.dtype} to {np.dtype(dtype)} by the rule {casting!r}"
            )
        return NUMPY[_astype](self, dtype)  # type: ignore[no-any-return]

    def copy(self, order: str = "C") -> Self:
        """Return the same values, as a value of its own."""
        return +self

    def clip(self, min: Any = None, max: Any = None, out: Any = None, **more: Any) -> Self:  # noqa: A002
        """Limit the entries to [min, max]."""
        return call(np.clip, (self, min, max, out), more)  # type: ignore[no-any-return]

    sum, prod, mean, var, std = map(_method, (np.sum, np.prod, np.mean, np.var, np.std))
    max, min, cumsum, cumprod = map(_method, (np.max, np.min, np.cumsum, np.cumprod))
    dot, trace, diagonal, round = map(_method, (np.dot, np.trace, np.diagonal, np.round))
    ravel, squeeze, swapaxes = map(_method, (np.ravel, np.squeeze, np.swapaxes))
    repeat, take = map(_method, (np.repeat, np.take))
    all, any, argmax, argmin = map(_plain_method, (np.all, np.any, np.argmax, np.argmin))
    argsort, nonzero = map(_plain_method, (np.argsort, np.nonzero))

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        if not settings and method == "__call__":
            ours = NUMPY.get(ufunc)
            if ours.__class__ is Op:
                return self.apply(ours, inputs, {})
        return call_ufunc(ufunc, method, inputs, settings)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in NUMPY:
            return call(function, args, kwargs)
        if function in _LOOK:
            plain = {name: unwrapped(value) for name, value in kwargs.items()}
            return function(*map(unwrapped, args), **plain)
        raise NoRuleError(no_rule(function))


class Indexing(Operators):
    """Square brackets, a length, and entries to iterate over."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Self:
        return NUMPY[_getitem](self, key)  # type: ignore[no-any-return]

    def __setitem__(self, key: Any, value: Any) -> None:
        name = variable_name(self) or "t"
        raise GradientLostError(
            f"{name}[...] = ... would change a tensor that the tape relies on: build the new value "
            f"instead, with np.where(mask, a, {name}), or copy an array first: {name}.data.copy()"
        )

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self) -> Iterator[Self]:
        return (self[i] for i in range(len(self)))


def _getitem(x: Any, key: Any) -> Any:
    """Stand for ``x[key]`` in `NUMPY`, which has no function of that name."""


class Tensor(Indexing):
    """A floating-point array that records what is computed from it, for its gradient.

    Parameters
    ----------
    data : array_like of float
        Any shape. float32 stays float32.
    name : str, optional
        Its name in messages and derivations; by default that of your variable.
    requires_grad : bool
        Whether gradients with respect to it are computed; if not, it is a constant.
    copy : bool
        Whether to copy `data`, so that later changes to it do not affect the tensor.

    Raises
    ------
    DataError
        If `data` is of integer, boolean, complex or object type, or a masked array or matrix.
    GradientLostError
        If a tracked tensor is converted to a number or an array (``float(t)``, ``np.array(t)``,
        ``math.exp(t)``, ``out[i] = t``, SciPy), or a parameter is changed by ``W += ...``.

    Examples
    --------
    >>> W = Tensor([[1.0, -2.0]])
    >>> loss = np.sum(W * W)
    >>> loss.backward()
    >>> W.grad
    array([[ 2., -4.]])
    >>> float(loss)
    Traceback (most recent call last):
        ...
    tinygrad_softmax.core.errors.GradientLostError: float(t), out[i] = t, "%.3f" % t or a math \
function would lose the gradient of loss: use t.item() for the number; np.stack([t, u]) or \
np.where for out[i] = t; np.exp(t) for math.exp(t); or t.data (or t.detach()) if no gradient is \
wanted
    >>> loss.item()
    5.0
    """

    __slots__ = ()
    symbolic = False

    def __init__(self, data: Any, *, name: str | None = None, requires_grad: bool = True,
                 copy: bool = True) -> None:  # fmt: skip
        if isinstance(data, Tensor):
            raise DataError(
                "this is a Tensor already: use it as it is, or t.detach() for a constant"
            )
        array = plain_array(data)
        check_floating(array)
        self.array = np.array(array) if copy else array
        self._name = name
        self.node = Leaf(array.shape, array.dtype, name) if requires_grad else None

    @property
    def name(self) -> str | None:
        """The name given to it, if any."""
        return self._name

    @name.setter
    def name(self, name: str | None) -> None:
        self._name = name
        if isinstance(self.node, Leaf):
            self.node.name = name

    @property
    def data(self) -> Any:
        """The values. Assign to it, or update it in place, to train: ``W.data -= step * W.grad``.

        The result of an op is read-only. The backward pass raises an error if a parameter was
        updated after the forward pass (of large arrays, some 512 entries are compared). Changes
        of plain arrays (data, labels, masks, exponents, indices) are detected only under
        :func:`~tinygrad_softmax.detect_anomaly`.
        """
        return self.array

    @data.setter
    def data(self, data: Any) -> None:
        leaf = self.node
        if leaf is not None and not isinstance(leaf, Leaf):
            raise GradientLostError(
                "this tensor is the result of an op, so its data follow from its operands: "
                "update those, or take t.detach()"
            )
        if data is not self.array:  # which it is after `W.data -= ...`
            array = plain_array(data)
            check_floating(array)
            if array.shape != self.array.shape:
                raise ShapeError(
                    f"{self.name or 'the tensor'} {self.array.shape} cannot take data of shape "
                    f"{array.shape}"
                )
            self.array = array.astype(self.array.dtype, copy=False)
        if leaf is not None:
            leaf.updated = True
            self.node = Leaf(leaf.shape, leaf.dtype, leaf.name or variable_name(self))
            leaf.name = self.node.name
            self.node.grad, self.node.owned = leaf.grad, True

    @property
    def requires_grad(self) -> bool:
        """Whether this tensor is tracked: a parameter, or made from one."""
        return self.node is not None

    @property
    def grad(self) -> Any:
        """Gradient of the loss with respect to this tensor, after ``loss.backward()``; else None.

        It has the tensor's shape and dtype. A parameter's is the caller's own array; that of an
        intermediate result (``scores.grad`` is dscores) is read-only.
        """
        node = self.node
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
        if self.node is None:
            raise BackwardError(
                "a constant tensor has no gradient; make it with requires_grad=True"
            )
        if grad is not None and np.shape(grad) != self.shape:
            raise ShapeError(
                f"a gradient of shape {np.shape(grad)} does not fit a tensor {self.shape}"
            )
        self.node.grad = None if grad is None else np.array(grad, self.dtype)
        self.node.owned = True

    def backward(
        self, gradient: Any = None, *, retain_graph: bool = False, accumulate: bool = False
    ) -> None:
        """Compute the gradient of this tensor with respect to everything it was made from.

        Sets ``grad`` on every tensor of the graph that you still refer to; nothing has to be
        reset between calls. The graph is released on the way, so memory falls during the pass.

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
            If a parameter was changed between the forward and the backward pass. Changes to plain
            arrays (data, labels, masks, exponents, indices) are detected under `detect_anomaly`.

        Examples
        --------
        >>> x = Tensor(3.0)
        >>> (x * x).backward()
        >>> float(x.grad)
        6.0
        """
        root = self.node
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
        if gradient is None:
            seed = _one(self.shape, self.dtype)
        else:
            seed = np.array(gradient, self.dtype)
        for node, g, owned in reverse(root, seed, consume=not retain_graph):
            if node.op is None:
                node.grad, node.owned = _at_rest(node, g, owned, accumulate), True
            else:
                node.grad, node.owned = g, owned

    def detach(self) -> Tensor:
        """Return the same values as a constant, through which no gradient passes.

        Examples
        --------
        >>> x = Tensor(3.0)
        >>> (x * x.detach()).backward()
        >>> float(x.grad)
        3.0
        """
        return Tensor.wrap(self.array, None)

    def item(self, *place: Any) -> float:
        """Return the single value, or the one at a place, as a Python float."""
        value: float = self.array.item(*place)
        return value

    def tolist(self) -> Any:
        """Return the values as (nested lists of) Python floats, off the tape."""
        return self.array.tolist()

    def numpy(self) -> Any:
        """Return the values as a plain array, off the tape; an op's result is read-only."""
        return self.array

    # --- where a value would leave the tape ---

    __iadd__, __isub__ = _in_place("+", np.add), _in_place("-", np.subtract)
    __imul__, __itruediv__ = _in_place("*", np.multiply), _in_place("/", np.divide)
    __ipow__, __imatmul__ = _in_place("**", np.power), _in_place("@", np.matmul)
    __ifloordiv__, __imod__ = _in_place("//", np.floor_divide), _in_place("%", np.remainder)

    def __float__(self) -> float:
        try:
            self._leaving(
                'float(t), out[i] = t, "%.3f" % t or a math function',
                "t.item() for the number; np.stack([t, u]) or np.where for out[i] = t; np.exp(t) "
                "for math.exp(t)",
            )
        except GradientLostError as error:
            if type(self) is Tensor and self.array.ndim == 0:
                self.__class__ = _NoSequence
                error.hold = _Hold(self)  # type: ignore[attr-defined] # as long as the error lives
            raise
        return float(self.array)

    def __int__(self) -> int:
        self._leaving("int(t)", "int(t.item())")
        return int(self.array)

    def __bool__(self) -> bool:
        return bool(self.array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        self._leaving(
            "turning a Tensor into a plain array",
            "X @ W or np.dot(X, W) for X.dot(W); np.stack([t, u]) for np.array([t, u]); np.stack "
            "or np.where for out[i] = t; a NumPy function for a SciPy one",
        )
        return np.array(self.array, dtype=dtype, copy=copy)

    def _leaving(self, what: str, instead: str) -> None:
        """Refuse to turn a tracked value into a plain one."""
        if self.node is not None:
            raise GradientLostError(
                f"{what} would lose the gradient of {variable_name(self) or 'it'}: use {instead}; "
                "or t.data (or t.detach()) if no gradient is wanted"
            )

    def __reduce__(self) -> Any:
        if self.node is not None and not isinstance(self.node, Leaf):
            raise GradientLostError(
                f"a pickle of {variable_name(self) or 'a tensor'}, the result of an op, would lose "
                "how it was made: pickle t.detach(), or the parameters"
            )
        return _restored, (self.array, self._name, self.node is not None)

    def __copy__(self) -> Tensor:
        clone = Tensor.wrap(self.array, self.node)  # of the same graph
        clone._name = self._name
        return clone

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        node = self.node
        if node is None or isinstance(node, Leaf):
            clone = Tensor.wrap(copy.deepcopy(self.array, memo), None)
            if node is not None:
                leaf = memo.setdefault(id(node), Leaf(node.shape, node.dtype, node.name))
                leaf.orphan, leaf.grad, leaf.owned = False, copy.copy(node.grad), True
                clone.node = leaf
        elif not memo:
            raise GradientLostError(
                f"a copy of {variable_name(self) or 'a tensor'}, the result of an op, would be cut "
                "off from the parameters that it was made from: copy t.detach(), or copy t and the "
                "parameters together, in one list or dict"
            )
        else:
            for part in order(node):
                if id(part) not in memo:
                    if isinstance(part, Leaf):
                        memo[id(part)] = Leaf(part.shape, part.dtype, part.name)
                        memo[id(part)].orphan = True
                    else:
                        memo[id(part)] = part.__deepcopy__(memo)
            clone = Tensor.wrap(copy.deepcopy(self.array, memo), memo[id(node)])
            clone.array.flags.writeable = False
        clone._name = self._name
        return clone

    def __dir__(self) -> list[str]:
        return [name for name in object.__dir__(self) if name not in HABITS]

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
        if isinstance(self.node, Leaf):
            return "parameter"
        op = None if self.node is None else self.node.op
        return "" if op is None else f"by {op.__name__}"


def _whole_again(self: Any, name: str) -> Any:
    if name == "__class__":  # asked for by isinstance, which then looks at nothing else
        return Tensor
    object.__setattr__(self, "__class__", Tensor)
    return getattr(self, name)


#: A tensor that has just refused to be a float, until it is next looked at or the error is gone.
#: Where NumPy fails to turn a value into a number, as in ``out[i] = t``, it looks whether the value
#: is a sequence; if so it replaces the error by one of its own, which says nothing of gradients.
#: This twin of Tensor has no square brackets, so the error arrives as it was raised.
_NoSequence: Any = type(
    "Tensor",
    (Operators,),
    {name: held for name, held in vars(Tensor).items() if name != "__doc__"}
    | {"__getattribute__": _whole_again},
)


class _Hold:
    """Makes a tensor whole again when the error that it belongs to is gone."""

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor

    def __del__(self) -> None:
        object.__setattr__(self.tensor, "__class__", Tensor)


def _astype(x: Any, dtype: Any) -> Any:
    """Stand for ``x.astype(dtype)`` in `NUMPY`."""


def _restored(array: Any, name: str | None, requires_grad: bool) -> Tensor:
    return Tensor(array, name=name, requires_grad=requires_grad, copy=False)


@lru_cache(maxsize=16)
def _one(shape: tuple[int, ...], dtype: Any) -> Any:
    one = np.ones(shape, dtype)
    one.flags.writeable = False  # it is shared by every caller
    return one


def _at_rest(leaf: Leaf, g: Any, owned: bool, accumulate: bool) -> Any:
    """Return a parameter's gradient as an array of its own, added to the earlier one if wanted."""
    if accumulate and leaf.grad is not None:
        g, owned = leaf.grad + g, True
    if owned and g.__class__ is np.ndarray:
        return g
    return np.array(np.broadcast_to(g, leaf.shape))


for _name, _advice in HABITS.items():
    setattr(Tensor, _name, Habit(_name, _advice))
