"""What came out, for a reader and for a program: tables in plain text or Markdown, and JSON."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.benchmarks import dispatch
from tests.benchmarks.contenders import AS_IT_STANDS, REFERENCE
from tests.benchmarks.measure import Result
from tests.benchmarks.workloads import WORKLOADS, Workload

HEADS = (
    "contender", "ratio", "quartiles", "bar", "to range", "ms", "MB", "ratio", "bar", "seen by",
)  # fmt: skip

#: Below this, in bytes, a process's pages and a library's odds and ends hide what a step needs.
RESIDENT_RESOLUTION = 4e6

#: On a machine left alone three quarters of the times are within a fifth of the least.
DISTURBED = 1.3


def quartiles(values: Any) -> list[float]:
    return np.percentile(values, (25, 50, 75)).tolist()


def record(name: str, results: dict[str, Result]) -> dict[str, Any]:
    """Return everything measured on one workload, as JSON has it."""
    work = WORKLOADS[name]
    contenders = {key: _record(key, result, results, work) for key, result in results.items()}
    return {"sizes": work.sizes, "dtype": work.dtype, "contenders": contenders}


def _record(key: str, result: Result, results: dict[str, Result], work: Workload) -> dict[str, Any]:
    found: dict[str, Any] = {"library": f"{result.contender.library} {result.version}".strip()}
    bars = {
        "eager": {"ratio": work.bars.eager},
        "compiled": {"ratio": work.bars.compiled, "memory": work.bars.compiled_memory},
    }
    if key in bars:
        found["bars"] = bars[key]
    if result.trouble:
        return found | {"wrong" if result.wrong else "not there": result.trouble}
    times, hand = np.array(result.times), results[REFERENCE]
    found |= {
        "ratio": quartiles(times / hand.times),
        "ratio to range": quartiles(times / results[AS_IT_STANDS].times),
        "seconds": quartiles(times),
        "rounds": result.times,
        "memory": result.memory,
        "memory by": "tracemalloc" if result.contender.on_numpy else "resident",
    }
    visible = result.contender.on_numpy or hand.memory >= RESIDENT_RESOLUTION
    if result.memory is not None and visible:
        found["memory ratio"] = result.memory / hand.memory
    return found


def rows(workload: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the lines of a workload's table."""
    return [HEADS, *(_row(key, found) for key, found in workload["contenders"].items())]


def _row(key: str, found: dict[str, Any]) -> tuple[str, ...]:
    bars = found.get("bars", {})
    trouble = found.get("wrong") or found.get("not there")
    if trouble:
        last_line = trouble.splitlines()[-1]  # of a traceback, what was raised
        return (key, "", "", _number(bars.get("ratio")), *("",) * 5, last_line)
    low, middle, high = found["ratio"]
    milliseconds = 1e3 * found["seconds"][1]
    memory = found["memory"]
    return (
        key,
        _number(middle),
        f"{low:.2f} to {high:.2f}",
        _number(bars.get("ratio")),
        _number(found["ratio to range"][1]),
        f"{milliseconds:.3g}" if milliseconds < 100 else f"{milliseconds:.0f}",
        "" if memory is None else f"{memory / 1e6:.3f}" if memory < 1e6 else f"{memory / 1e6:.1f}",
        _number(found.get("memory ratio")),
        _number(bars.get("memory")),
        found["memory by"],
    )


def warning(workload: dict[str, Any]) -> str:
    """Say if others used the machine: then threads wait for a core, and ratios mean nothing."""
    times = 1e3 * np.array(workload["contenders"][REFERENCE]["rounds"])
    least, slow = np.percentile(times, (0, 75))
    if slow <= DISTURBED * least:
        return ""
    return (
        f"\nThe machine was busy: a quarter of the steps by hand took {slow:.3g} ms or more, "
        f"the best {least:.3g}. Do not believe this table.\n"
    )


def dispatch_rows(costs: dict[str, float]) -> list[tuple[str, ...]]:
    return [
        ("op", "empty calls on top of NumPy's own", "bar"),
        *((name, f"{cost:.1f}", f"{dispatch.BAR:.0f}") for name, cost in costs.items()),
    ]


def plain(lines: list[tuple[str, ...]]) -> str:
    """Align the columns: words to the left, and between them numbers to the right."""
    first, *middle, _ = (max(map(len, column)) for column in zip(*lines, strict=True))
    return "\n".join(
        "  ".join(
            (
                line[0].ljust(first),
                *(cell.rjust(width) for cell, width in zip(line[1:-1], middle, strict=True)),
                line[-1],
            )
        )
        for line in lines
    )


def markdown(lines: list[tuple[str, ...]]) -> str:
    head, *body = lines
    ruler = ("---",) + ("--:",) * (len(head) - 1)
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ruler, *body))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
