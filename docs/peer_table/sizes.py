"""How much disk a library takes, with what it requires, NumPy aside.

Files that Python made of others do not count. Imports nothing of the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any


def megabytes(lib: Any) -> str:
    """Measure the folder of the package and what it requires, NumPy aside."""
    size = sum(folders(lib)) / 1e6
    return f"{size:.1g} MB" if size < 1 else f"{size:.0f} MB"


def folders(lib: Any) -> Iterator[int]:
    """Return the size of every file that is not a cache."""
    own = Path(lib.module.__file__).parent
    yield from (path.stat().st_size for path in own.rglob("*") if counts(path))
    for name in required(lib.package) - {lib.package, "numpy"}:
        paths = [Path(str(file.locate())) for file in metadata.files(name) or ()]
        yield from (path.stat().st_size for path in paths if counts(path))


def counts(path: Path) -> bool:
    """Say whether this was installed, not made since."""
    return path.is_file() and path.suffix != ".pyc"


def required(package: str) -> set[str]:
    """Return the names of a package and all that it requires without extras."""
    found, todo = set(), [package]
    while todo:
        name = todo.pop().lower()
        if name in found:
            continue
        try:
            lines = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # run from a checkout, or not wanted on this platform
        found.add(name)
        # An extra, or a platform, follows a semicolon.
        todo += [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in lines if ";" not in line]
    return found
