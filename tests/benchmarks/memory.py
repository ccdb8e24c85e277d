"""How much memory a step takes above its inputs: traced for NumPy, resident for other libraries.

In both, what a contender keeps from step to step counts: the count begins before its first step.
What only that first step needs (compiling) does not: the peak is that of the steps after it.
"""

from __future__ import annotations

import ctypes
import gc
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

N_STEPS = 3


class Traced:
    """Memory that Python and NumPy allocate: exact to the byte, blind to everybody else."""

    def __enter__(self) -> Self:
        gc.collect()
        tracemalloc.start()
        return self

    def __exit__(self, *_: object) -> None:
        tracemalloc.stop()

    def peak(self, step: Callable[[], Any]) -> int:
        step()
        gc.collect()
        tracemalloc.reset_peak()
        for _ in range(N_STEPS):
            step()
        return tracemalloc.get_traced_memory()[1]


def resident_peak(step: Callable[[], Any]) -> int | None:
    """Return by how much the process grows: whoever allocates, in pages; None but on Linux."""
    if not Path("/proc/self/clear_refs").exists():
        return None
    before = _high_water_mark(anew=True)
    step()
    _high_water_mark(anew=True)
    for _ in range(N_STEPS):
        step()
    return _high_water_mark() - before


def _high_water_mark(anew: bool = False) -> int:
    """Return it in bytes; `anew` sets it back, first, to what is in use."""
    if anew:
        gc.collect()
        # What the C library holds in reserve would hide what is taken from it.
        getattr(ctypes.CDLL(None), "malloc_trim", int)(0)
        Path("/proc/self/clear_refs").write_text("5", "utf-8")
    status = Path("/proc/self/status").read_text("utf-8")
    return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])
