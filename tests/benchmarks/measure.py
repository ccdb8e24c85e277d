"""One workload: start the contenders, check that they agree, time them in turns, then weigh them.

A ratio is taken to the time by hand of the same round, so that a slow spell of the machine falls on
both. Memory is measured in other processes, not while anything is timed.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import metadata
from importlib.util import find_spec

import numpy as np

from tests.benchmarks.children import Child, Failed
from tests.benchmarks.contenders import CONTENDERS, REFERENCE, Contender, NotThere
from tests.benchmarks.workloads import WORKLOADS, make

CHECKED_STEPS = 3
#: Of the losses, and of how far the parameters went; the smaller their steps the more rounding.
RTOL = {"f8": 1e-8, "f4": 2e-3}


@dataclass
class Result:
    """What came out for one contender."""

    contender: Contender
    trouble: str = ""  #: why it was not measured
    wrong: bool = False  #: it should have been: it raised, or its result differs
    times: list[float] = field(default_factory=list)  #: seconds a step, one for each round
    memory: int | None = None  #: peak above the inputs, in bytes

    @property
    def version(self) -> str:
        try:
            return metadata.version(self.contender.library)
        except metadata.PackageNotFoundError:
            return ""

    def fail(self, error: Exception) -> None:
        self.trouble, self.wrong = str(error).strip(), not isinstance(error, NotThere)


class Wrong(Failed):
    """The contender's result is not that of by hand."""


def measure(name: str, n_threads: int, rounds: int | None, peers: bool) -> dict[str, Result]:
    """Measure every contender on one workload."""
    results = {k: Result(c) for k, c in CONTENDERS.items() if peers or not c.peer}
    for result in results.values():
        library = result.contender.library
        if find_spec(library) is None:
            result.fail(NotThere(f"not installed: {library}"))
    _take_turns(name, results, n_threads, rounds or WORKLOADS[name].rounds)
    _weigh(name, results, n_threads)
    return results


def _start(
    stack: ExitStack, name: str, results: dict[str, Result], n_threads: int
) -> dict[str, Child]:
    """Start a process for each contender of which no trouble is known yet."""
    return {
        key: stack.enter_context(Child(result.contender.path, name, n_threads))
        for key, result in results.items()
        if not result.trouble
    }


def _take_turns(name: str, results: dict[str, Result], n_threads: int, rounds: int) -> None:
    with ExitStack() as stack:
        children = _start(stack, name, results, n_threads)
        for child in children.values():
            child.send("check", CHECKED_STEPS)
        expected = None
        for key, child in list(children.items()):  # by hand is the first
            try:
                answer = child.receive()
                expected = expected or answer
                check(answer, expected, name)
            except (NotThere, Failed) as error:
                if key == REFERENCE:
                    raise
                results[key].fail(error)
                children.pop(key)
            child.pause()
        keys = list(children)
        for r in range(rounds):
            first = r % len(keys)  # so that nobody is always the one after the slowest
            for key in keys[first:] + keys[:first]:
                with children[key].turn() as child:
                    results[key].times.append(child.ask("time", WORKLOADS[name].steps))


def _weigh(name: str, results: dict[str, Result], n_threads: int) -> None:
    with ExitStack() as stack:
        children = _start(stack, name, results, n_threads)
        for key, child in children.items():
            child.send("traced" if results[key].contender.on_numpy else "resident")
        for key, child in children.items():
            results[key].memory = child.receive()


def check(answer: tuple, expected: tuple, name: str) -> None:
    """Raise unless losses and parameters are those expected.

    A step is short, so parameters are nearly right whatever the gradient is. How far they went is
    compared, each to within `RTOL` of the farthest and what rounding does to the parameters.
    """
    work = WORKLOADS[name]
    rtol, eps = RTOL[work.dtype], np.finfo(work.dtype).eps
    (losses, parameters), (expected_losses, expected_parameters) = answer, expected
    if not np.allclose(losses, expected_losses, rtol=rtol, atol=0):
        raise Wrong(f"wrong: the loss is {losses[-1]:.9g}, by hand {expected_losses[-1]:.9g}")
    for key, before in make(work).parameters.items():
        wanted = expected_parameters[key] - before
        got = parameters[key] - before
        if got.dtype != before.dtype:
            raise Wrong(f"wrong: {key} is {got.dtype}, by hand {before.dtype}")
        room = rtol * np.max(np.abs(wanted)) + 2 * CHECKED_STEPS * eps * np.max(np.abs(before))
        off = np.max(np.abs(got - wanted))
        if not off <= room:
            raise Wrong(f"wrong: {key} is off by {off:.3g} after {CHECKED_STEPS} steps")


def measure_dispatch(n_threads: int) -> dict[str, float]:
    """Measure what an op on a tensor costs, in a process of its own."""
    with Child("", next(iter(WORKLOADS)), n_threads) as child:
        return child.ask("dispatch")
