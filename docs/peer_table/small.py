"""HIPS autograd, MyGrad and micrograd, as the table has to know them.

Imports `losses`, `libraries` and, when an object is made, the library.
"""

# ruff: noqa: D102 - what a method does is said once, in `Ours`

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from peer_table.libraries import Peer, pulling, said
from peer_table.losses import ROWS, W, X, b, data_loss, undivided_scores


class Autograd(Peer):
    """HIPS autograd. Its stable function wants SciPy."""

    title, package = "HIPS autograd", "autograd"
    stable_name = "`logsumexp`"

    def load(self) -> None:
        self.np = import_module("autograd.numpy")
        self.extend = import_module("autograd.extend")
        self.check = import_module("autograd.test_util").check_grads
        if find_spec("scipy") is None:
            self.stable = None
        self.n_rules = len(import_module("autograd.core").primitive_vjps)

    def record(self, loss: Callable[..., Any], *arrays: Any) -> Any:
        vjp, _ = self.module.make_vjp(lambda params: loss(*params))(arrays)
        return arrays, lambda: vjp(1.0)

    def update(self, parameter: Any) -> None:
        parameter *= 2

    def second(self, f: Callable[[Any], Any], x: Any) -> Any:
        return self.module.hessian(f)(x)

    def complaint(self) -> str:
        by_hand = self.extend.primitive(data_loss)
        self.extend.defvjp(by_hand, lambda out, x: lambda g: g * undivided_scores(x))
        return said(lambda: self.check(by_hand, modes=["rev"], order=1)(X @ W + b))

    def relu(self, x: Any) -> Any:
        return self.np.maximum(0, x)

    def check_relu(self) -> None:
        self.check(self.relu, modes=["rev"], order=1)(np.zeros(1))

    def rules(self) -> int:
        return self.n_rules

    def stable(self, scores: Any, y: Any) -> Any:
        logsumexp = import_module("autograd.scipy.special").logsumexp
        return self.np.mean(logsumexp(scores, axis=1) - scores[ROWS, y])


class MyGrad(Peer):
    """MyGrad, with its guard of memory on, as it comes."""

    title, package = "MyGrad", "mygrad"
    stable_name = "`softmax_crossentropy`"

    def load(self) -> None:
        self.np = self.module
        self.nnet = import_module("mygrad.nnet")

    def record(self, loss: Callable[..., Any], *arrays: Any) -> Any:
        params = [self.module.tensor(array) for array in arrays]
        return params, pulling(loss(*params), params)

    def second(self, f: Callable[[Any], Any], x: Any) -> Any:
        params, pull = self.record(f, x)
        pull()
        params[0].grad.backward()

    def fused(self, scores: Any, y: Any) -> Any:
        return self.nnet.losses.softmax_crossentropy(scores, y)

    def relu(self, x: Any) -> Any:
        return self.nnet.activations.relu(x)

    def rules(self) -> int:
        return len(descendants(import_module("mygrad.operation_base").Operation))


class Micrograd(Peer):
    """Arrays of scalars: NumPy runs products, sums and powers on them entry by entry."""

    title, package = "micrograd", "micrograd"

    def load(self) -> None:
        self.Value = import_module("micrograd.engine").Value

    def record(self, loss: Callable[..., Any], *arrays: Any) -> Any:
        params = [np.vectorize(self.Value, otypes=[object])(array) for array in arrays]
        value = loss(*params)

        def pull() -> list[Any]:
            value.backward()
            return [np.vectorize(lambda v: float(v.grad))(p) for p in params]

        return params, pull

    def second(self, f: Callable[[Any], Any], x: Any) -> Any:
        params, pull = self.record(f, x)
        pull()
        params[0][0].grad.backward()

    def update(self, parameter: Any) -> None:
        for value in parameter.ravel():
            value.data *= 2

    def relu(self, x: Any) -> Any:
        return np.vectorize(lambda v: v.relu(), otypes=[object])(x)

    def rules(self) -> int:
        return inspect.getsource(self.Value).count("def _backward")


def descendants(kind: type) -> set[type]:
    """Return every class that derives from one."""
    return {each for child in kind.__subclasses__() for each in {child, *descendants(child)}}
