"""How training tells of its progress: by a bar if it takes long and somebody watches, or in lines.

Imports nothing of the package, and tqdm, which is optional, only when there is a bar to draw. What
nobody asked for never ends up in a file, and a quick training says nothing.
"""

from __future__ import annotations

import sys
import time
import warnings
from typing import Any

__all__ = ["Progress"]

#: Seconds of training before a bar appears, and between two looks of it.
DELAY = 2.0
INTERVAL = 0.1


class Progress:
    """Tells of each iteration what the setting `verbose` asks for.

    False or 0 tells nothing; True or 1 prints every 10th iteration, k above 1 every k-th. With
    "auto" a bar appears on the standard error after two seconds, if that is a terminal (or a
    notebook), tqdm is installed, and this is no worker process, whose bar would be one of many.
    TQDM_DISABLE=1 in the environment, as for all of tqdm, means no.
    """

    def __init__(self, verbose: bool | int | str, total: int) -> None:
        self.every = 0 if isinstance(verbose, str) else 10 if verbose == 1 else int(verbose)
        self.total = total
        self.start = time.monotonic()
        #: When to look at the bar again: at first after the delay, without "auto" never.
        self.due = self.start + DELAY if isinstance(verbose, str) else float("inf")
        self.bar: Any = None

    def tell(self, iteration: int, loss: float) -> None:
        """Tell that an iteration, counted from 0, has found this loss."""
        if self.every and iteration % self.every == 0:
            print(f"iteration {iteration}: loss {loss:.6f}")  # noqa: T201 - was asked for
        if (now := time.monotonic()) < self.due:
            return
        if self.bar is None:
            self.bar = _open_bar(self.total, now - self.start)
        if self.bar is None:
            self.due = float("inf")
            return
        self.bar.set_postfix_str(f"loss {loss:.6f}", refresh=False)
        self.bar.update(iteration + 1 - self.bar.n)
        self.due = now + INTERVAL

    def close(self) -> None:
        """Take the bar away, if there is one, so that the terminal is left as it was."""
        if self.bar is not None:
            self.bar.close()


def _open_bar(total: int, elapsed: float) -> Any:
    """Return a bar that has been running for so many seconds; None where it would be no use."""
    import multiprocessing

    if multiprocessing.current_process().name != "MainProcess" or not _is_watched():
        return None
    try:
        with warnings.catch_warnings():
            # In a notebook without ipywidgets it is a bar of text, of which tqdm warns.
            warnings.simplefilter("ignore")
            from tqdm.auto import tqdm  # chooses between terminal and notebook
    except ImportError:
        return None
    # `delay` keeps the constructor from drawing an empty bar; every update is worth drawing.
    bar = tqdm(total=total, desc="training", leave=False, dynamic_ncols=True,
               delay=1e-9, mininterval=0, miniters=0)  # fmt: skip
    if bar.disable:  # by tqdm's own variable, TQDM_DISABLE
        return None
    bar.start_t -= elapsed
    bar.last_print_t = bar.start_t
    return bar


def _is_watched() -> bool:
    """Whether the standard error is a terminal, or this is a notebook, by tqdm's own criterion."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if "IPKernelApp" in getattr(shell, "config", ()):
        return True
    return sys.stderr is not None and sys.stderr.isatty()
