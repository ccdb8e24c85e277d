"""The command: `python -m tests.benchmarks`."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Any

from tests import benchmarks
from tests.benchmarks import machine, table
from tests.benchmarks.measure import measure, measure_dispatch
from tests.benchmarks.workloads import WORKLOADS


def options_of(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=benchmarks.__doc__.partition("\n")[0]
    )
    parser.add_argument(
        "workload", nargs="*", help=f"all by default: {', '.join(map(repr, WORKLOADS))}"
    )
    parser.add_argument("--peers", action="store_true", help="also other libraries")
    parser.add_argument("--rounds", type=int, metavar="N", help="turns that each contender gets")
    parser.add_argument("--threads", type=int, metavar="N", default=2, help="for each (2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    options = parser.parse_args(arguments)
    for name in options.workload:
        if name not in WORKLOADS:
            parser.error(f"there is no workload {name!r}, but {', '.join(map(repr, WORKLOADS))}")
    for name in ("rounds", "threads"):
        number = getattr(options, name)
        if number is not None and number < 1:
            parser.error(f"--{name} must be at least 1")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; return 1 if a contender failed or its result was wrong."""
    options = options_of(arguments)
    write = table.markdown if options.markdown else table.plain
    heading = "### " if options.markdown else ""
    report: dict[str, Any] = {
        "machine": machine.describe(),
        "threads": options.threads,
        "workloads": {},
    }
    print(machine.summary(report["machine"], options.threads))
    for name in options.workload or WORKLOADS:
        found = table.record(name, measure(name, options.threads, options.rounds, options.peers))
        report["workloads"][name] = found
        print(f"\n{heading}{name}, {WORKLOADS[name].title}\n\n{write(table.rows(found))}")
        print(table.warning(found), end="", flush=True)
    report["dispatch"] = measure_dispatch(options.threads)
    print(f"\n{heading}dispatch\n\n{write(table.dispatch_rows(report['dispatch']))}")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    return int(_wrong(report))


def _wrong(report: dict[str, Any]) -> bool:
    """Tell on the standard error what is wrong with whom."""
    wrong = False
    for name, found in report["workloads"].items():
        for key, contender in found["contenders"].items():
            if "wrong" in contender:
                wrong = True
                print(f"{name}, {key}: {contender['wrong']}", file=sys.stderr)
    return wrong


if __name__ == "__main__":
    # Ended by a signal, too, it takes its stopped children with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
