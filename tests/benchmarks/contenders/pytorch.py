"""The step by PyTorch: eager with the loss composed, eager with its fused loss, and compiled."""

from __future__ import annotations

import os
from typing import Any

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


def compiled(problem: Problem) -> Training:
    # The sizes never change within a training; `dynamic` would make code for any.
    return _train(problem, torch.compile(_loss_by(cross_entropy), dynamic=False))


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


def _train(problem: Problem, compute_loss: Any) -> Training:
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    arrays, X, y = problem
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    p = {name: torch.from_numpy(array).requires_grad_() for name, array in arrays.items()}

    def step() -> Any:
        loss = compute_loss(p, X, y)
        loss.backward()
        with torch.no_grad():
            for tensor in p.values():
                tensor.add_(tensor.grad, alpha=-STEP_SIZE)
                tensor.grad = None
        return loss.detach()

    return Training(step, lambda: {k: tensor.detach().numpy() for k, tensor in p.items()})
