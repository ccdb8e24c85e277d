"""On what was measured: the processor, Python, NumPy and its BLAS."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np


def describe() -> dict[str, Any]:
    """Return what a reader must know to compare numbers; what cannot be found out is left out."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "caches": _caches(),
        "system": platform.platform(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "numpy": np.__version__,
        "load": _load(),
        "blas": blas.get("openblas configuration") or f"{blas.get('name')} {blas.get('version')}",
    }


def summary(machine: dict[str, Any], n_threads: int) -> str:
    """Write it on one line."""
    caches = ", ".join(f"{name} {size}" for name, size in machine["caches"].items())
    threads = f"{n_threads} thread" + "s" * (n_threads > 1)
    load = "" if machine["load"] is None else f"; load before {machine['load']:.1f}"
    return (
        f"{machine['cpu']}, {machine['cores']} cores ({caches or 'caches unknown'}), {threads}; "
        f"{machine['python']}, NumPy {machine['numpy']}, {machine['blas']}{load}"
    )


def _load() -> float | None:
    """Return how many processes ran in the last minute: of others, at the start."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def _cpu() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _caches() -> dict[str, str]:
    """Return the caches of the first core, as Linux tells them."""
    caches = {}
    for cache in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (
            (cache / part).read_text().strip() for part in ("level", "type", "size")
        )
        caches[f"L{level}{kind[0].lower() if kind != 'Unified' else ''}"] = size
    return caches
