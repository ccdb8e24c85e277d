"""Which values share memory: in place where an operand is needed no more, else what is free.

Imports `values`. What is returned lies in memory of its own, made at every call; all else lies in
the workspace.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .values import Draft, Statement, Value

SECTIONS = ("before", "rows", "after")


@dataclass(eq=False)
class Buffer:
    """A piece of memory, and the values that lie in it one after the other.

    Attributes
    ----------
    kind : str
        "workspace", "returned", or "fresh" if a call makes it each time.
    """

    values: list[Value] = field(default_factory=list)
    kind: str = "workspace"
    first: int = 0
    last: int = 0

    @property
    def key(self) -> object:
        """What must agree for other values to lie here too."""
        v = self.values[0]
        return (v.shape, v.dtype, v.order, v.rows, v.section)


class Plan:
    """Where every value lies."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.sections = {
            name: [s for s in draft.statements if s.section == name] for name in SECTIONS
        }
        self.statements = [s for name in SECTIONS for s in self.sections[name]]
        self.last = self._last_uses()
        self.home: dict[Value, Buffer] = {}
        self.buffers: list[Buffer] = []
        self._chain()
        self._share()

    def _last_uses(self) -> dict[Value, int]:
        last: dict[Value, int] = {}
        end = len(self.sections["before"]) + len(self.sections["rows"]) - 1
        for place, s in enumerate(self.statements):
            touched = [*s.reads, *([s.target.root] if s.target is not None else [])]
            for root in touched:
                # what comes from outside the blocks is read again by the next block
                outside = s.section == "rows" and root.section != "rows"
                last[root] = max(last.get(root, 0), end if outside else place)
        ends = [*self.draft.results.values(), *(whole for whole, _ in self.draft.totals)]
        for value in [*ends, *([self.draft.loss] if self.draft.loss else [])]:
            last[value.root] = max(last.get(value.root, 0), len(self.statements))
        for whole, _ in self.draft.totals:
            uses = [i for i, s in enumerate(self.statements) if whole in s.reads]
            last[whole] = max(uses, default=len(self.statements))
        for value in self.draft.results.values():
            last[value.root] = len(self.statements)
        return last

    def _chain(self) -> None:
        """Put each value where one of its operands lay, or in memory of its own."""
        for place, s in enumerate(self.statements):
            if s.target is None or s.kind == "scalar" or s.target.is_scalar:
                continue
            root = s.target.root
            if root in self.home:
                continue
            buffer = self._taken_over(s, place)
            if buffer is None:
                buffer = Buffer(kind="fresh" if s.kind == "fresh" else "workspace", first=place)
                self.buffers.append(buffer)
            buffer.values.append(root)
            buffer.last = self.last[root]
            self.home[root] = buffer
        for value in self.draft.results.values():
            if not value.is_scalar:
                self.home[value.root].kind = "returned"

    def _taken_over(self, s: Statement, place: int) -> Buffer | None:
        assert s.target is not None
        root = s.target.root
        if not s.reuse or s.kind not in ("out", "copy"):
            return None
        for arg in s.args:
            old = arg.root
            if (
                old in self.home
                and self.last[old] == place
                and self.home[old].values[-1] is old
                and arg.shape == s.target.shape
                and arg.size == old.size
                and _alike(old, root)
                and (arg is old) == (s.target is root)
            ):
                return self.home[old]
        return None

    def _share(self) -> None:
        """Let buffers that are never needed at the same time be one."""
        kept: list[Buffer] = []
        for buffer in self.buffers:
            match = None
            if buffer.kind == "workspace":
                match = next(
                    (
                        k
                        for k in kept
                        if k.kind == "workspace" and k.key == buffer.key and k.last < buffer.first
                    ),
                    None,
                )
            if match is None:
                kept.append(buffer)
                continue
            match.values += buffer.values
            match.last = buffer.last
            self.home |= dict.fromkeys(buffer.values, match)
        self.buffers = kept

    def in_place(self, s: Statement) -> bool:
        """Whether a copy is none: its target lies where its operand does."""
        assert s.target is not None
        home = self.home.get(s.target.root)
        return home is not None and any(self.home.get(arg.root) is home for arg in s.args)


def _alike(a: Value, b: Value) -> bool:
    return (a.shape, a.dtype, a.order, a.rows, a.section) == (
        b.shape,
        b.dtype,
        b.order,
        b.rows,
        b.section,
    )
