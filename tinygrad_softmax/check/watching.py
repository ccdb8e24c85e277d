"""Running a hand-written function, and keeping what its variables held after each line.

Imports nothing of the package. A trace function looks at the user's frames while they run, so
nothing has to be annotated; inputs are handed over as copies, and what becomes of them is noted.
"""

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
from collections.abc import Callable, Mapping
from copy import deepcopy
from types import FrameType
from typing import Any, NamedTuple

import numpy as np

_NOT_THE_USERS = tuple(
    os.path.realpath(path) + os.sep
    for path in {
        os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
        *(sysconfig.get_paths()[kind] for kind in ("stdlib", "purelib", "platlib")),
    }
)
#: So many lines are looked at; a longer loop only has its last values kept.
_MOST_EVENTS = 20_000


class Moment(NamedTuple):
    """What a variable held after a line had run."""

    line: int
    value: Any


class Run(NamedTuple):
    """What came of a call.

    ``moments`` has, for each local variable, the values it held, in order; ``overwritten`` the
    variables that were changed through another name, and by which line; ``modified`` the inputs
    that are not what they were.
    """

    result: Any
    moments: dict[str, list[Moment]]
    overwritten: dict[str, int]
    modified: tuple[str, ...]


def watched(function: Callable[..., Any], inputs: Mapping[str, Any]) -> Run:
    """Call a function on copies of its inputs and watch its variables.

    Examples
    --------
    >>> run = watched(lambda x: x + 1, {"x": np.ones(2)})
    >>> run.result.tolist(), run.modified
    ([2.0, 2.0], ())
    """
    given = {name: deepcopy(value) for name, value in inputs.items()}
    watcher = _Watcher()
    before = sys.gettrace()
    sys.settrace(watcher.enter)
    try:
        result = function(**given)
    finally:
        sys.settrace(before)
    modified = tuple(name for name, value in inputs.items() if not _same(value, given[name]))
    return Run(result, watcher.moments(), watcher.overwritten, modified)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return bool(np.array_equal(a, b, equal_nan=np.asarray(a).dtype.kind in "fc"))
    return True  # numbers and strings cannot be changed in place


class _Watcher:
    """Looks at the local variables of the user's frames, after every line."""

    def __init__(self) -> None:
        #: (variable, line) -> its place in the order of events, and what it held
        self.seen: dict[tuple[str, int], tuple[int, Any]] = {}
        self.overwritten: dict[str, int] = {}
        self.last: dict[FrameType, dict[str, tuple[int, Any]]] = {}
        self.lines: dict[FrameType, int] = {}
        self.events = 0

    def moments(self) -> dict[str, list[Moment]]:
        """Return what each variable held, in order."""
        result: dict[str, list[Moment]] = {}
        for (name, line), (_, value) in sorted(self.seen.items(), key=lambda item: item[1][0]):
            result.setdefault(name, []).append(Moment(line, value))
        return result

    # A tracer's own lines are not traced, so no coverage tool can see these two methods.
    def enter(self, frame: FrameType, event: str, arg: Any) -> Any:  # pragma: no cover
        """Watch the frames that are the user's."""
        file = frame.f_code.co_filename
        made_up = file.startswith("<") and not linecache.getline(file, frame.f_lineno)
        if made_up or os.path.realpath(file).startswith(_NOT_THE_USERS):
            return None
        self.lines[frame] = frame.f_lineno
        self._look(frame)
        return self.step

    def step(self, frame: FrameType, event: str, arg: Any) -> Any:  # pragma: no cover
        """Look at what the line that has just run changed."""
        self.events += 1
        if event == "return" or self.events < _MOST_EVENTS:
            self._look(frame)
        self.lines[frame] = frame.f_lineno
        if event == "return":
            self.last.pop(frame, None)
            self.lines.pop(frame, None)
        return self.step

    def _look(self, frame: FrameType) -> None:  # pragma: no cover - called by the two above
        last, line = self.last.setdefault(frame, {}), self.lines[frame]
        kinds = (np.ndarray, float, np.floating)
        held = {n: v for n, v in frame.f_locals.items()
                if isinstance(v, kinds) and not n.startswith("_")}  # fmt: skip
        for name, value in held.items():
            identity, before = last.get(name, (0, None))
            same_object = identity == id(value)
            if same_object and (not isinstance(value, np.ndarray) or _same(value, before)):
                continue
            copy = np.array(value)
            last[name] = (id(value), copy)
            if np.asarray(value).dtype.kind == "f":
                self.seen[name, line] = (self.events, copy)
            if same_object and any(v is value for n, v in held.items() if n != name):
                self.overwritten.setdefault(name, line)
