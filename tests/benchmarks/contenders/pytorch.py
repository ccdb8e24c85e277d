"""The step by PyTorch: eager with the loss composed, eager with its fused loss, and compiled.

Sizes never change within a training: `dynamic` would compile for any.
"""

from __future__ import annotations

import os
from typing import Any

# Before torch is there: compiling in this process leaves no pool of others behind.
os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"

import torch
from torch.nn.functional import cross_entropy

from tests.benchmarks.contenders import Training
from tests.benchmarks.workloads import REG, STEP_SIZE, Problem


def composed(problem: Problem) -> Training:
    rows = torch.arange(len(problem.X))

    def composed_cross_entropy(scores: Any, y: Any) -> Any:
        return (torch.logsumexp(scores, dim=1) - scores[rows, y]).mean()

    return _train(problem, _loss_by(composed_cross_entropy))


def fused(problem: Problem) -> Training:
    return _train(problem, _loss_by(cross_entropy))


def compiled_loss(problem: Problem) -> Training:
    """Compile the loss, and with it its gradient; the usual way."""
    return _train(problem, torch.compile(_loss_by(cross_entropy), dynamic=False))


def compiled_step(problem: Problem) -> Training:
    """Compile loss, gradient and update into one: fewer calls, which pays where they are short."""
    arrays, X, y = _tensors(problem)
    compute = torch.func.grad_and_value(_loss_by(cross_entropy))

    @torch.compile(dynamic=False)
    def update(p: Any, X: Any, y: Any) -> Any:
        gradients, loss = compute(p, X, y)
        for name, tensor in p.items():
            tensor.add_(gradients[name], alpha=-STEP_SIZE)
        return loss

    return Training(lambda: update(arrays, X, y), lambda: {k: a.numpy() for k, a in arrays.items()})


def _loss_by(softmax_loss: Any) -> Any:
    def compute_loss(p: Any, X: Any, y: Any) -> Any:
        if "W2" in p:
            hidden = torch.relu(torch.addmm(p["b"], X, p["W"]))
            scores = torch.addmm(p["b2"], hidden, p["W2"])
            squares = p["W"].square().sum() + p["W2"].square().sum()
        else:
            scores = torch.addmm(p["b"], X, p["W"])
            squares = p["W"].square().sum()
        return softmax_loss(scores, y) + 0.5 * REG * squares

    return compute_loss


def _tensors(problem: Problem) -> Any:
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    p = {name: torch.from_numpy(array) for name, array in problem.parameters.items()}
    return p, torch.from_numpy(problem.X), torch.from_numpy(problem.y)


def _train(problem: Problem, compute_loss: Any) -> Training:
    p, X, y = _tensors(problem)
    for tensor in p.values():
        tensor.requires_grad_()

    def step() -> Any:
        loss = compute_loss(p, X, y)
        loss.backward()
        with torch.no_grad():
            for tensor in p.values():
                tensor.add_(tensor.grad, alpha=-STEP_SIZE)
                tensor.grad = None
        return loss.detach()

    return Training(step, lambda: {k: tensor.detach().numpy() for k, tensor in p.items()})
