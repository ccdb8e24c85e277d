"""A submission in a process of its own: started, asked with a deadline, and killed when it is late.

Imports `child`, which is the program of that process.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import child

#: So much of what a submission prints is kept.
_PRINTED = 4000
#: So long an answer may be, in characters.
_LONGEST = 200_000_000
#: So long a process may take to start, in seconds; a busy machine is no fault of the submission.
_START = 60.0
_BROKEN = "the process of the submission gave an answer that cannot be read"


class SubmissionError(Exception):
    """The submission raised; the message says where."""


class EndedError(BaseException):
    """The submission ran too long, ended its process, or was refused: it is not called again.

    No Exception, so that a check that tries a point after the other does not go on.
    """

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


class Process:
    """The process of a submission.

    Parameters
    ----------
    job : dict
        What `child.main` is to do.
    timeout : float
        How many seconds it may run, all calls together.
    """

    def __init__(self, job: dict[str, Any], timeout: float) -> None:
        self.timeout = self.left = timeout
        self.printed, self._is_closed = "", False
        self._answers: queue.Queue[str] = queue.Queue()
        self._folder = tempfile.TemporaryDirectory(prefix="submission-", ignore_cleanup_errors=True)
        one = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
        folder = self._folder.name
        self._process = subprocess.Popen(
            [sys.executable, "-P", child.__file__], cwd=folder, text=True, encoding="utf-8",
            errors="replace", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
            env=os.environ | one | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8",
                                    "MPLBACKEND": "Agg", "MPLCONFIGDIR": folder},
        )  # fmt: skip
        self._readers = [threading.Thread(target=task, daemon=True)
                         for task in (self._read_answers, self._read_printed)]  # fmt: skip
        for thread in self._readers:
            thread.start()
        self._send(job)
        self.answer(_START)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def finish(self) -> str:
        """End the process; return what it has printed."""
        self.close()
        return self.printed.strip()

    def close(self) -> None:
        """End the process and all that it has started."""
        if self._is_closed:
            return
        self._is_closed = True
        with contextlib.suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        self._process.wait()
        for thread in self._readers:
            thread.join(5)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr] # all three are pipes
        self._folder.cleanup()

    def answer(self, timeout: float | None = None) -> dict[str, Any]:
        """Return the next answer; what it takes is taken from the time that is left, if not given.

        Raises
        ------
        EndedError
            If there is none: it took too long, or the process has ended.
        """
        begun = time.perf_counter()
        try:
            text = self._answers.get(timeout=max(self.left, 0.0) if timeout is None else timeout)
        except queue.Empty:
            raise EndedError(
                "timeout", f"the submission did not end within {self.timeout:g} s"
            ) from None
        self.left -= time.perf_counter() - begun if timeout is None else 0.0
        if not text:
            status = self._process.wait()
            how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
            raise EndedError(
                "failed", f"the process of the submission ended ({how}) before it returned a result"
            )
        try:
            found = json.loads(text)
            if not isinstance(found, dict):
                raise TypeError
        except (ValueError, TypeError):
            raise EndedError("failed", _BROKEN) from None
        return found

    def loaded(self) -> inspect.Signature | None:
        """Wait until the submission is loaded; return the signature of its function.

        Raises
        ------
        EndedError
            If it cannot be loaded.
        """
        found = self.answer()
        if "error" in found:
            raise EndedError("failed", str(found["error"]))
        try:
            return inspect.Signature([
                inspect.Parameter(name, getattr(inspect.Parameter, kind),
                                  default=None if has_default else inspect.Parameter.empty)
                for name, kind, has_default in found["parameters"]
            ])  # fmt: skip
        except (TypeError, ValueError, LookupError, AttributeError):  # unknown, or no signature
            return None

    def call(self, values: Sequence[Any], inputs: dict[str, Any],
             watch: bool = False) -> tuple[Any, dict[str, Any]]:  # fmt: skip
        """Return what the submission returns for some arguments, and what was seen of the call.

        Arrays are changed where the submission has changed its own copies.

        Raises
        ------
        SubmissionError
            If it raised.
        EndedError
            If there is no answer, or it did what is refused.
        """
        self._send({"values": child.encode([*values]), "inputs": child.encode(inputs),
                    "watch": watch})  # fmt: skip
        found = self.answer()
        if found.get("refused"):
            raise EndedError("refused", str(found["refused"]))
        if "error" in found:
            raise SubmissionError(found["error"])
        try:
            result = child.decode(found["result"])
            _write_back([*values], child.decode(found["values"]))
            _write_back(inputs, child.decode(found["inputs"]))
        except (ValueError, TypeError, LookupError):
            raise EndedError("failed", _BROKEN) from None
        return result, found

    def _send(self, message: Any) -> None:
        with contextlib.suppress(OSError):  # a process that has ended is noticed by its answer
            print(json.dumps(message), file=self._process.stdin, flush=True)

    def _read_answers(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while text := stream.readline(_LONGEST):
            self._answers.put(text)
        self._answers.put("")

    def _read_printed(self) -> None:
        stream = self._process.stderr
        assert stream is not None
        while text := stream.read(1000) if len(self.printed) < _PRINTED else stream.read(100_000):
            self.printed = (self.printed + text)[:_PRINTED]


def explained(job: dict[str, Any], timeout: float) -> str:
    """Return the report of a search for the repair, as JSON; empty if it came to none."""
    try:
        with Process(job | {"task": "explain"}, timeout) as process:
            return str(process.answer().get("report", ""))
    except EndedError:
        return ""


def _write_back(value: Any, now: Any) -> None:
    """Change an input as the submission has changed its own copy."""
    if isinstance(value, np.ndarray) and isinstance(now, np.ndarray) and value.shape == now.shape:
        if value.flags.writeable and not np.array_equal(
            value, now, equal_nan=value.dtype.kind == "f"
        ):
            value[...] = now
    elif isinstance(value, dict) and isinstance(now, dict):
        for key in value.keys() & now.keys():
            _write_back(value[key], now[key])
    elif isinstance(value, list) and isinstance(now, list):
        for one, other in zip(value, now, strict=False):
            _write_back(one, other)
