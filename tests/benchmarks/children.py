"""The parent's side of a child process: its environment, and talking to it.

All children have the same number of threads. One that does not have its turn is stopped, since the
idle threads of a pool go on spinning for a while and would take a core from whose turn it is.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from tests.benchmarks.contenders import NotThere
from tests.benchmarks.worker import FAILED, NOT_THERE

ROOT = Path(__file__).parents[2]

#: They choose another BLAS kernel than the machine's own. A user has them not.
MISLEADING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
THREADS = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NPROC",  # XLA's pool; its flag for threads has no effect in JAX 0.10
)


class Failed(Exception):  # noqa: N818 - the contender failed, no error of the benchmark
    """A contender raised, or its process ended."""


def environment(n_threads: int) -> dict[str, str]:
    """Return the environment of a child; that of this process stays as it is."""
    kept = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    return kept | dict.fromkeys(THREADS, str(n_threads))


class Child:
    """A contender in its process."""

    def __init__(self, path: str, workload: str, n_threads: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.worker", path, workload],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=environment(n_threads),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()  # also when it is stopped
        self.process.communicate()

    def send(self, method: str, *arguments: Any) -> None:
        """Ask for something; :meth:`receive` has the answer."""
        pickle.dump((method, *arguments), self.process.stdin)
        self.process.stdin.flush()

    def receive(self) -> Any:
        try:
            kind, content = pickle.load(self.process.stdout)
        except EOFError as error:
            raise Failed(f"its process ended with {self.process.wait()}") from error
        if kind == NOT_THERE:
            raise NotThere(content)
        if kind == FAILED:
            raise Failed(content)
        return content

    def ask(self, method: str, *arguments: Any) -> Any:
        self.send(method, *arguments)
        return self.receive()

    def pause(self) -> None:
        """Stop the process, with all its threads, until its turn."""
        self.process.send_signal(signal.SIGSTOP)

    @contextmanager
    def turn(self) -> Any:
        """Let the process run."""
        self.process.send_signal(signal.SIGCONT)
        yield self
        self.pause()
