"""How fast is one training step, as a ratio to the question's own by-hand NumPy?

    python -m tests.benchmarks [--rounds N] [WORKLOAD ...]

A step is loss, gradients and update. By-hand and automatic steps take turns, so that whatever else
the machine does falls on both; the table shows the median of the ratios with their quartiles, and
the peak of memory above the inputs. Results are first checked to be equal.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinygrad_softmax import Tensor

REG, STEP_SIZE = 1e-3, 1e-3


class Workload(NamedTuple):
    """The size of a problem, and the bars it is held to (ratios to by hand)."""

    N: int
    D: int
    K: int
    dtype: str
    rounds: int
    bar: float


WORKLOADS = {
    "case study": Workload(300, 2, 3, "f8", 1000, 2.5),
    "digits": Workload(1797, 64, 10, "f8", 300, 1.25),
    "mnist": Workload(60000, 784, 10, "f4", 12, 1.05),
}


def by_hand(W: Any, b: Any, X: Any, y: Any) -> Any:
    """Take one step by the question's own lines."""
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    corect_logprobs = -np.log(probs[range(num_examples), y])
    data_loss = np.sum(corect_logprobs) / num_examples
    reg_loss = 0.5 * REG * np.sum(W * W)
    loss = data_loss + reg_loss
    dscores = probs
    dscores[range(num_examples), y] -= 1
    dscores /= num_examples
    dW = np.dot(X.T, dscores)
    db = np.sum(dscores, axis=0, keepdims=True)
    dW += REG * W
    W += -STEP_SIZE * dW
    b += -STEP_SIZE * db
    return loss


def loss_of(W: Any, b: Any, X: Any, y: Any) -> Any:
    """Compute the loss by the question's own forward lines."""
    num_examples = X.shape[0]
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    corect_logprobs = -np.log(probs[range(num_examples), y])
    data_loss = np.sum(corect_logprobs) / num_examples
    reg_loss = 0.5 * REG * np.sum(W * W)
    return data_loss + reg_loss


def eager(W: Tensor, b: Tensor, X: Any, y: Any) -> Any:
    """Take one step by automatic gradients."""
    loss = loss_of(W, b, X, y)
    loss.backward()
    W.data += -STEP_SIZE * W.grad
    b.data += -STEP_SIZE * b.grad
    return loss.data


def seconds(step: Callable[[], Any]) -> float:
    """Time one step."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def peak(step: Callable[[], Any]) -> int:
    """Return the peak of the memory that one step allocates, in bytes."""
    tracemalloc.start()
    step()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def run(name: str, rounds: int | None) -> None:
    """Measure one workload and print its line."""
    work = WORKLOADS[name]
    rng = np.random.default_rng(0)
    X = rng.standard_normal((work.N, work.D), dtype=work.dtype)
    y = rng.integers(0, work.K, work.N)
    W = (0.01 * rng.standard_normal((work.D, work.K))).astype(work.dtype)
    b = np.zeros((1, work.K), work.dtype)
    tensors = Tensor(W), Tensor(b)

    def hand() -> Any:
        return by_hand(W, b, X, y)

    def automatic() -> Any:
        return eager(*tensors, X, y)

    rtol = 1e-12 if work.dtype == "f8" else 1e-4
    for _ in range(3):  # also warms up
        np.testing.assert_allclose(automatic(), hand(), rtol=rtol)
    np.testing.assert_allclose(tensors[0].data, W, rtol=rtol, atol=rtol * 1e-2)
    pairs = [(seconds(hand), seconds(automatic)) for _ in range(rounds or work.rounds)]
    times = np.array(pairs)
    low, middle, high = np.percentile(times[:, 1] / times[:, 0], (25, 50, 75))
    memory = peak(automatic) / peak(hand)
    size = f"{work.N}x{work.D}x{work.K} {work.dtype}"
    print(
        f"{name:12s} {size:18s} {np.median(times[:, 0]) * 1e3:10.3f} ms"
        f" {middle:8.2f} ({low:.2f} to {high:.2f}) {work.bar:8.2f} {memory:8.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("workload", nargs="*", help=", ".join(WORKLOADS))
    parser.add_argument("--rounds", type=int)
    options = parser.parse_args()
    heads = f"{'workload':12s} {'size':18s} {'by hand':>13s} {'eager / by hand':>23s}"
    print(f"{heads} {'bar':>8s} {'memory':>8s}")
    for name in options.workload or WORKLOADS:
        run(name, options.rounds)


if __name__ == "__main__":
    main()
