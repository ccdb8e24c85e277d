"""The source of a function, and which of its lines was running when a value was made.

Values have a serial number that only grows, so it is enough to note, at every line that begins, the
number that has been reached.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import Any

from ..core.tape import Leaf


class Source:
    """The source of a function; `traced` is the type of the values that it is traced with.

    ``code`` are its lines: none if it is not available (typed in, made by ``exec``), or a lambda's.
    ``returned`` is the expression that it returned when it was traced last.
    """

    def __init__(self, function: Any, traced: type[Any]) -> None:
        while isinstance(function, partial):
            function = function.func
        function = inspect.unwrap(function)
        self._code = getattr(function, "__code__", None) or getattr(
            function.__call__, "__code__", None
        )
        self._traced = traced
        self._marks: dict[Any, list[tuple[int, int]]] = defaultdict(list)  # for each world
        self.code: tuple[str, ...] = ()
        self.returned: Any = None
        with suppress(OSError, TypeError, StopIteration):
            lines, first = inspect.getsourcelines(self._code)  # type: ignore[arg-type]
            skipped = next(k for k, line in enumerate(lines) if "def " in line)  # its decorators
            self._first = first + skipped
            self.code = tuple(textwrap.dedent("".join(lines[skipped:])).rstrip().splitlines())

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Note the lines of the function while it runs."""
        before = sys.gettrace()
        sys.settrace(self._called if self.code else before)
        try:
            yield
        finally:
            sys.settrace(before)

    # Coverage's own tracing is off while another trace function runs.
    def _called(self, frame: FrameType, event: str, arg: Any) -> Any:  # pragma: no cover
        return self._line if frame.f_code is self._code else None

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:  # pragma: no cover
        if event == "line":
            found = (v.world for v in frame.f_locals.values() if isinstance(v, self._traced))
            world = next(found, None)
            reached = world.count if world else Leaf((), None, None).serial
            self._marks[world].append((reached, frame.f_lineno))
        elif event == "return" and isinstance(arg, self._traced):
            self.returned = arg.expr
        return self._line

    def line(self, value: Any) -> tuple[int, ...]:
        """Return the line, counted from 0, that made an expression or a node; none if unknown."""
        marks = self._marks[getattr(value, "world", None)]
        k = bisect_left(marks, (value.serial, 0))
        return (marks[k - 1][1] - self._first,) if k else ()
