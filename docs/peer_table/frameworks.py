"""PyTorch and JAX, as the table has to know them.

Both run in float64 here. Imports `losses`, `libraries` and, when an object is made, the framework.
"""

# ruff: noqa: D102 - what a method does is said once, in `Ours`

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from peer_table.libraries import Peer, pulling, said
from peer_table.losses import ROWS, W, X, b, composed, data_loss, undivided_scores, y


class PyTorch(Peer):
    """PyTorch, eager."""

    title, package = "PyTorch", "torch"
    stable_name = "`cross_entropy`"

    def load(self) -> None:
        self.np = self.module

    def data(self, array: Any) -> Any:
        return self.module.tensor(array)

    def shared(self, array: Any) -> Any:
        return self.module.from_numpy(array)

    def record(self, loss: Callable[..., Any], *arrays: Any) -> Any:
        params = [self.module.tensor(array, requires_grad=True) for array in arrays]
        return params, pulling(loss(*params), params)

    def fused(self, scores: Any, y: Any) -> Any:
        return self.module.nn.functional.cross_entropy(scores, y)

    def update(self, parameter: Any) -> None:
        with self.module.no_grad():
            parameter *= 2

    def second(self, f: Callable[[Any], Any], x: Any) -> Any:
        found = self.module.autograd.functional.hessian(f, self.module.tensor(x))
        return found.numpy()

    def formula(self) -> str:
        make_fx = import_module("torch.fx.experimental.proxy_tensor").make_fx
        X_, y_ = self.data(X), self.data(y)
        gradient = self.module.func.grad(lambda W, b: composed(self.np, W, b, X_, y_), (0, 1))
        nodes = make_fx(gradient)(self.data(W), self.data(b)).graph.nodes
        return f"no: {sum(node.op == 'call_function' for node in nodes)} calls"

    def complaint(self) -> str:
        torch = self.module

        class ByHand(torch.autograd.Function):  # type: ignore[name-defined, misc]
            @staticmethod
            def forward(ctx: Any, scores: Any) -> Any:
                ctx.save_for_backward(scores)
                return torch.tensor(data_loss(scores.detach().numpy()))

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return g * torch.from_numpy(undivided_scores(ctx.saved_tensors[0].numpy()))

        scores = torch.tensor(X @ W + b, requires_grad=True)
        return said(lambda: torch.autograd.gradcheck(ByHand.apply, scores))

    def relu(self, x: Any) -> Any:
        return self.module.relu(x)

    def check_relu(self) -> None:
        at = self.module.zeros(1, dtype=self.module.float64, requires_grad=True)
        self.module.autograd.gradcheck(self.relu, at)

    def rules(self) -> int:
        # Names without the variants that work in place; roughly, since some only forbid.
        listed = self.module._C._dispatch_get_registrations_for_dispatch_key("Autograd")
        names = {name.split(".")[0] for name in listed if name.startswith("aten::")}
        return sum(not name.endswith(("_", "_backward", "_out")) for name in names)


class Jax(Peer):
    """JAX, not jitted."""

    title, package = "JAX", "jax"
    stable_name = "`log_softmax`"

    def load(self) -> None:
        self.module.config.update("jax_enable_x64", True)
        self.np = import_module("jax.numpy")
        self.check = import_module("jax.test_util").check_grads

    def data(self, array: Any) -> Any:
        return self.np.array(array)

    def stable(self, scores: Any, y: Any) -> Any:
        return -self.np.mean(self.module.nn.log_softmax(scores)[ROWS, y])

    def record(self, loss: Callable[..., Any], *arrays: Any) -> Any:
        params = [self.data(array) for array in arrays]
        _, vjp = self.module.vjp(loss, *params)
        return params, lambda: vjp(1.0)

    def update(self, parameter: Any) -> None:
        parameter[...] = 0

    def second(self, f: Callable[[Any], Any], x: Any) -> Any:
        return self.module.hessian(f)(x)

    def formula(self) -> str:
        X_, y_ = self.data(X), self.data(y)
        gradient = self.module.grad(lambda W, b: composed(self.np, W, b, X_, y_), (0, 1))
        return f"no: {len(self.module.make_jaxpr(gradient)(W, b).eqns)} equations"

    def complaint(self) -> str:
        def value(scores: Any) -> Any:
            return self.stable(scores, y)

        by_hand = self.module.custom_vjp(value)
        by_hand.defvjp(
            lambda scores: (value(scores), scores),
            lambda scores, g: (g * undivided_scores(np.array(scores)),),
        )
        return said(lambda: self.check(by_hand, (X @ W + b,), order=1, modes=["rev"]))

    def relu(self, x: Any) -> Any:
        return self.module.nn.relu(x)

    def check_relu(self) -> None:
        self.check(self.relu, (np.zeros(1),), order=1, modes=["rev"])

    def rules(self) -> int:
        return len(import_module("jax.interpreters.ad").primitive_jvps)
