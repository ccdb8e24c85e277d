"""Print what this package and its peers do with the same lines, as a table in Markdown.

``python docs/peers.py`` runs every claim on every library that is installed; no cell is typed in.
What is missing gets a column that says so. `peers.md` holds the table and says what its rows mean.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

from peer_table.claims import CLAIMS
from peer_table.frameworks import Jax, PyTorch
from peer_table.libraries import Ours
from peer_table.small import Autograd, Micrograd, MyGrad

LIBRARIES = (Ours, Autograd, MyGrad, Micrograd, PyTorch, Jax)
MISSING = "not installed"


def load(library: type[Ours]) -> Ours | None:
    """Import a library; None if it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return library()
        except ModuleNotFoundError as error:
            # Installed, but broken, is another matter.
            if error.name != library.package:
                raise
            return None


def find_out(claim: Callable[[Any], str], lib: Ours | None) -> str:
    """Run a claim on a library; a claim that cannot be run is not a "no"."""
    if lib is None:
        return MISSING
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return claim(lib)
        except Exception as error:
            return f"not found out: {type(error).__name__}"


def table() -> str:
    """Run all claims on all libraries."""
    libs = [(library.title, load(library)) for library in LIBRARIES]
    head = ["", *(f"{title} {lib.version}" if lib else title for title, lib in libs)]
    rows = [[row, *(find_out(claim, lib) for _, lib in libs)] for row, claim in CLAIMS.items()]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines).replace("|  |", "| |", 1)


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
