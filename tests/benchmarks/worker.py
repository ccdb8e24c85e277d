"""The child process: it takes the steps of one contender, as the parent asks.

    python -m tests.benchmarks.worker PATH WORKLOAD

Requests come as pickles on the standard input, (method of Worker, arguments); answers go to what
was the standard output, (kind, content). What a library prints goes to the standard error.
"""

from __future__ import annotations

import os
import pickle
import sys
import time
import traceback
from importlib import import_module
from typing import Any

from tests.benchmarks import memory
from tests.benchmarks.contenders import NotThere, Training
from tests.benchmarks.workloads import WORKLOADS, Problem, Workload, make

DONE, NOT_THERE, FAILED = "done", "not there", "failed"


class Worker:
    """One contender on one workload."""

    def __init__(self, path: str, workload: str) -> None:
        self.path = path
        self.work: Workload = WORKLOADS[workload]
        self.training: Training | None = None

    def start(self, problem: Problem) -> Training:
        """Import the contender and hand it its inputs."""
        module, _, function = self.path.partition(":")
        return getattr(import_module(module), function)(problem)

    def check(self, n_steps: int) -> Any:
        """Take the first steps; return their losses, and the parameters after the last."""
        self.training = self.start(make(self.work))
        losses = [float(self.training.step()) for _ in range(n_steps)]
        return losses, self.training.parameters()

    def time(self, n_steps: int) -> float:
        """Return the seconds that a step takes, in the mean of some in a row."""
        step = self.training.step
        # Others ran since the last turn. A step in cold caches, or one for which the system must
        # first find memory, is not what is asked.
        step()
        start = time.perf_counter()
        for _ in range(n_steps):
            step()
        return (time.perf_counter() - start) / n_steps

    def traced(self) -> int:
        """Return the peak of what Python and NumPy allocate, in bytes."""
        self._warm_up()
        problem = make(self.work)
        with memory.Traced() as meter:
            return meter.peak(self.start(problem).step)

    def resident(self) -> int | None:
        """Return the peak of the process's memory above that with its inputs, in bytes."""
        self._warm_up()
        # The inputs are there in the library's own form; its copy of them is not its workspace.
        training = self.start(make(self.work))
        return memory.resident_peak(training.step)

    def dispatch(self) -> dict[str, float]:
        """Return what an op on a tensor costs on top of NumPy's own call."""
        from tests.benchmarks.dispatch import measure

        return measure()

    def _warm_up(self) -> None:
        """Load all that the library loads lazily, so that it is not taken for its workspace."""
        training = self.start(make(self.work.tiny()))
        for _ in range(3):
            training.step()


def main() -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    worker = Worker(*sys.argv[1:])
    while True:
        try:
            method, *arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer = DONE, getattr(worker, method)(*arguments)
        except NotThere as absence:
            answer = NOT_THERE, str(absence)
        except Exception:
            answer = FAILED, traceback.format_exc()
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    main()
