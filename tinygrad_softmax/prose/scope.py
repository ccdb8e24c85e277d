"""What the user's variables are called: looked up in a frame, or watched while a function runs.

Imports `tape`, and `symbolic`'s names and sizes. A value goes by the variable that holds it; a
number such as 300 goes by a variable if exactly one has that value.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np

from ..core.errors import is_users
from ..core.tape import Node, Value
from ..symbolic.expr import World
from ..symbolic.names import is_name
from ..symbolic.sizes import Dim, named


class Scope:
    """The names of values, arrays and numbers; what is noted first keeps its name."""

    def __init__(self) -> None:
        self.nodes: dict[Node, str] = {}
        self.arrays: dict[int, tuple[str, Any]] = {}  # the array is held, so that its id stays its
        self.numbers: dict[float, set[str]] = {}
        self.bound: Counter[str] = Counter()  # how many arrays a variable has held

    def note(self, variables: Mapping[str, Any]) -> None:
        """Take down what variables hold."""
        for name, value in list(variables.items()):
            if name.startswith("_") or not is_name(name):
                continue
            if isinstance(value, Value):
                self._note_array(name, value.array)
                if value.node is not None:
                    self.nodes.setdefault(value.node, name)
            elif isinstance(value, np.ndarray):
                self._note_array(name, value)
            elif isinstance(value, (int, float)) and not isinstance(value, bool):
                self.numbers.setdefault(value, set()).add(name)

    def _note_array(self, name: str, array: Any) -> None:
        """Take down an array; the next one that a variable holds gets a number."""
        if id(array) not in self.arrays:
            self.bound[name] += 1
            label = name if self.bound[name] == 1 else f"{name}_{self.bound[name]}"
            self.arrays[id(array)] = (label, array)

    def name(self, value: Any) -> str | None:
        """Return what a constant is called, if that is certain.

        Examples
        --------
        >>> scope = Scope()
        >>> scope.note({"N": 300, "two": 2})
        >>> scope.name(300), scope.name(2)
        ('N', None)
        """
        if np.ndim(value):
            return self.arrays.get(id(value), (None, None))[0]
        number = np.asarray(value).item()
        found = self.numbers.get(number, set())
        telling = abs(number) > 2 or number not in (-2, -1, -0.5, 0, 0.5, 1, 2)
        return min(found) if len(found) == 1 and telling else None

    def size(self, n: int, world: World) -> int:
        """Return a size that is written by its name, if it has one."""
        name = self.name(n)
        if name is None:
            return n
        dim: Dim = named(n, world.leaf(name, (), int, value=n))
        return dim

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note the local variables of the user's functions while they run."""
        before: Any = sys.getprofile()
        sys.setprofile(self._event)
        try:
            yield
        finally:
            sys.setprofile(before if callable(before) else None)

    # Coverage's own tracing is off while a profile function runs.
    def _event(self, frame: FrameType, event: str, arg: Any) -> None:  # pragma: no cover
        user: FrameType | None = frame if event != "call" else frame.f_back
        if user is None:
            return
        if is_users(user.f_code.co_filename) and not user.f_code.co_name.startswith("<"):
            self.note(user.f_locals)
