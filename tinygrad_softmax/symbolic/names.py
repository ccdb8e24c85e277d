"""What the user calls the values of his function: its local variables, looked at while it runs.

Imports `expr` and the errors.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Set
from types import FrameType
from typing import Any

from ..core.errors import check_names, is_users
from .evaluate import ordered
from .expr import Expr
from .sizes import Dim

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


#: How deep an expression may be before a part of it gets a line of its own.
_DEEPEST = 20


def between(output: Expr, names: dict[str, Expr], taken: set[str]) -> dict[str, Expr]:
    """Return names with some more where a value is made of many that have none."""
    named, made, depths = set(names.values()), dict(names), dict[Expr, int]()
    for node in ordered([output]):
        named_or_given = node in named or node.op is None
        depth = 0 if named_or_given else 1 + max((depths[arg] for arg in node.args), default=0)
        if depth > _DEEPEST and node is not output:
            depth = 0
            label = f"part{len(made) - len(names) + 1}"
            while label in made or label in taken:
                label += "_"
            made[label] = node
        depths[node] = depth
    return dict(sorted(made.items(), key=lambda item: item[1].serial))


def is_name(name: Any) -> bool:
    """Whether a variable can be called so; a module's may have any keys: ``globals()[key] = ...``.

    Examples
    --------
    >>> [is_name(name) for name in ("W", "layer1/W", "lambda")]
    [True, False, False]
    """
    try:
        check_names([name])
    except ValueError:
        return False
    return True


def numbered(name: str, taken: Set[str]) -> str:
    """Return a name that is not taken: ``dW``, else ``dW2``, ``dW3``, ..."""
    while name in taken:
        head = name.rstrip("0123456789")
        name = f"{head}{int(name[len(head) :] or 1) + 1}"
    return name


class Watching:
    """Looks at the local variables of the user's functions while they run.

    A profile function sees every call that they make, so also a variable that is bound anew later.
    Names of an outer function win over those of the functions it calls.
    """

    def __init__(self, inputs: dict[str, Expr]) -> None:
        self.inputs = inputs
        self.by_value: dict[Expr, tuple[int, str]] = {}
        self.by_size: dict[int, str] = {}

    def __enter__(self) -> Watching:
        self.before: Any = sys.getprofile()
        sys.setprofile(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self.before if callable(self.before) else None)

    @property
    def values(self) -> dict[str, Expr]:
        """The values by name, in the order of their making; a name bound anew gets a number."""
        found = dict(self.inputs)
        for value in sorted(self.by_value, key=lambda value: value.serial):
            name = label = self.by_value[value][1]
            again = 1
            while label in found:
                again += 1
                label = f"{name}_{again}"
            found[label] = value
        return {label: value for label, value in found.items() if label not in self.inputs}

    @property
    def sizes(self) -> dict[int, str]:
        """The sizes that have a name which nothing else has."""
        taken = {*self.inputs, *self.values, "np", "range", "slice", "float"}
        found: dict[str, int] = {}
        for size, name in self.by_size.items():
            if name not in taken:
                found.setdefault(name, size)
        return {size: name for name, size in found.items()}

    # Coverage's own tracing is off while a profile function runs.
    def _event(self, frame: FrameType, event: str, arg: Any) -> None:  # pragma: no cover
        user: FrameType | None = frame if event != "call" else frame.f_back
        if user is None or user.f_code.co_name.startswith("<"):
            return
        if not is_users(user.f_code.co_filename):
            return
        depth, outer = 0, user.f_back
        while outer is not None and not outer.f_code.co_filename.startswith(_OURS):
            depth, outer = depth + 1, outer.f_back
        for name, value in list(user.f_locals.items()):
            if isinstance(value, Expr) and value.op is not None:
                known = self.by_value.get(value)
                if is_name(name) and (known is None or depth < known[0]):
                    self.by_value[value] = (depth, name)
            elif isinstance(value, Dim) and not name.startswith("_") and is_name(name):
                self.by_size.setdefault(int(value), name)
