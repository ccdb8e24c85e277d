"""Statements as lines of Python: what memory is called, what is made once, what at every call.

Imports `memory`. Everything that can be made once is made with the workspace, views of it included.
"""

from __future__ import annotations

from typing import Any

from .memory import Buffer, Plan
from .values import Draft, Statement, Value

INDENT = "    "


class Lines:
    """Writes the statements of one plan.

    Parameters
    ----------
    draft : Draft
        The statements.
    names : list of str
        The inputs, in the order of the loss's parameters.
    inputs : dict of Value-like shapes
        Inputs whose rows are cut, and along which axis.
    cut : (rows in a block, rows in all), optional
        How rows are cut into blocks.
    """

    def __init__(
        self,
        draft: Draft,
        inputs: dict[str, Any],
        rows: dict[str, int],
        cut: tuple[int, int] | None,
    ) -> None:
        self.draft, self.plan = draft, Plan(draft)
        self.inputs, self.rows, self.cut = inputs, rows, cut
        self.objects = dict(draft.objects)
        self.hoisted: dict[tuple[str, str], str] = {}
        self.made: dict[str, list[str]] = {"rows": [], "after": []}
        self.assigned: set[Buffer] = set()
        self._name_buffers()

    # --- names ---

    def _name_buffers(self) -> None:
        for result, value in self.draft.results.items():
            if not value.is_scalar:
                value.root.text = self.draft.gradients[result]
        for constant in self.draft.constants:
            place = "rows" if constant.section == "rows" else "after"
            self.made[place].append(f"{constant.text} = {constant.made}")
        for buffer in self.plan.buffers:
            if buffer.kind != "workspace":
                for held in buffer.values:
                    held.text = buffer.values[-1].text
                continue
            first = buffer.values[0]
            names = list(dict.fromkeys(v.text for v in buffer.values))
            place = "rows" if first.section == "rows" else "after"
            self.made[place].append(f"{' = '.join(names)} = {self.empty(first)}")

    def empty(self, value: Value) -> str:
        """Return what makes memory for a value."""
        shape = value.shape[::-1] if value.order == "F" else value.shape
        rows = value.rows
        if rows is not None and value.order == "F":
            rows = len(shape) - 1 - rows
        parts = ["n" if i == rows else str(n) for i, n in enumerate(shape)]
        text = parts[0] if len(parts) == 1 else f"({', '.join(parts)})"
        made = f"np.empty({text}, {self.dtype(value.dtype)})"
        return made + (".T" if value.order == "F" else "")

    def dtype(self, dtype: Any) -> str:
        """Return the name of a type."""
        self.objects[dtype.name] = dtype
        return str(dtype.name)

    def text(self, value: Value) -> str:
        """Return how a value is written; views of the workspace have names."""
        if value.base is None:
            return value.text
        base = self.text(value.base)
        home = self.plan.home.get(value.root)
        fixed = value.root.kind == "constant" or (home is not None and home.kind == "workspace")
        if not fixed:
            return value.access.format(base)
        key = (base, value.access)
        if key not in self.hoisted:
            kind = {
                "{}.T": "T",
                "{}.reshape(-1)": "flat",
                "{}.T.reshape(-1)": "flat",
                "{}[:, None]": "column",
                "{}[None, :]": "row",
            }.get(value.access, "view")
            name, i = f"{base}_{kind}", 2
            while name in self.hoisted.values() or name in self.draft.taken:
                name, i = f"{base}_{kind}{i}", i + 1
            self.hoisted[key] = name
            place = "rows" if value.root.section == "rows" else "after"
            self.made[place].append(f"{name} = {value.access.format(base)}")
        return self.hoisted[key]

    # --- statements ---

    def lines(self, section: str) -> list[str]:
        """Return the lines of a section."""
        return [line for s in self.plan.sections[section] for line in self.line(s)]

    def line(self, s: Statement) -> list[str]:
        """Return the lines of a statement."""
        args = [self.text(arg) for arg in s.args]
        if s.kind == "guard":
            return [f"if not ({s.code.format(*args)}):", f"{INDENT}return None"]
        assert s.target is not None
        if s.kind == "scalar":
            return [f"{s.target.text} = {s.code.format(*args)}"]
        target = self.text(s.target)
        code = s.code.format(*args, target=target)
        buffer = self.plan.home[s.target.root]
        before: list[str] = []
        new = buffer not in self.assigned and buffer.kind != "workspace"
        if new and s.kind != "do":
            self.assigned.add(buffer)
            natural = s.target.root is s.target and (s.target.order == "C")
            if s.kind == "fresh" or (s.kind == "out" and natural):
                return [f"{s.target.text} = {code}"]
            before = [f"{s.target.root.text} = {self.empty(s.target.root)}"]
            target = self.text(s.target)
            code = s.code.format(*args, target=target)
        if s.kind == "do":
            return [code]
        if s.kind == "copy":
            return before if self.plan.in_place(s) else [*before, code]
        return [*before, f"{code[:-1]}, out={target})"]
