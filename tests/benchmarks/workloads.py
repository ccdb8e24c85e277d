"""What is trained: six sizes of one problem, and the bars that the project holds itself to.

Imports NumPy only. Inputs are drawn from a fixed seed, so that every contender, in its own process,
makes the same ones.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

REG, STEP_SIZE = 1e-3, 1e-3


class Bars(NamedTuple):
    """The most that a step may take, as ratios to by hand."""

    eager: float
    compiled: float
    compiled_memory: float | None = None


class Workload(NamedTuple):
    """A problem's size, and how long it is measured."""

    sizes: tuple[int, ...]  #: examples, inputs, hidden units if there is such a layer, classes
    dtype: str
    bars: Bars
    rounds: int  #: turns that each contender gets
    steps: int  #: steps timed together in one turn: many where a step is short

    @property
    def title(self) -> str:
        kind = {"f4": "float32", "f8": "float64"}[self.dtype]
        return f"{'x'.join(map(str, self.sizes))} {kind}"

    def tiny(self) -> Workload:
        """The same kind of problem at a size that costs nothing: it warms a library up."""
        return self._replace(sizes=(8, *(5, 4, 3)[-len(self.sizes) + 1 :]))


class Problem(NamedTuple):
    """The inputs of a step. A contender may change the parameters in place."""

    parameters: dict[str, np.ndarray]  #: W and b, and with a hidden layer W2 and b2
    X: np.ndarray
    y: np.ndarray


WORKLOADS = {
    "case study": Workload((300, 2, 3), "f8", Bars(2.0, 0.50), 200, 20),
    "two-layer case study": Workload((300, 2, 100, 3), "f8", Bars(1.3, 0.60), 100, 5),
    "digits": Workload((1797, 64, 10), "f8", Bars(1.15, 0.65, 0.5), 80, 5),
    "CIFAR batch": Workload((500, 3073, 10), "f8", Bars(1.0, 0.85, 0.5), 40, 3),
    "MNIST": Workload((60000, 784, 10), "f4", Bars(1.0, 0.70, 0.25), 9, 1),
    "vocabulary": Workload((512, 256, 32000), "f4", Bars(1.0, 0.40, 0.5), 7, 1),
}


def make(work: Workload) -> Problem:
    """Draw the inputs: normal examples, any labels, small weights."""
    rng = np.random.default_rng(0)
    n_examples, *widths = work.sizes
    X = rng.standard_normal((n_examples, widths[0]), dtype=work.dtype)
    y = rng.integers(0, widths[-1], n_examples)
    parameters = {}
    for layer, (rows, columns) in enumerate(pairwise(widths), start=1):
        number = "" if layer == 1 else str(layer)
        W = rng.standard_normal((rows, columns), dtype=work.dtype)
        W *= 0.01
        parameters |= {f"W{number}": W, f"b{number}": np.zeros((1, columns), work.dtype)}
    return Problem(parameters, X, y)
