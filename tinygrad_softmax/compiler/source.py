"""A plan as Python source: the workspace, what is done to a block of rows, and the step.

Imports `memory`. Everything that can be made once is made with the workspace, views of it included;
a step is then one NumPy call after another.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .memory import Buffer, Plan
from .values import Draft, Statement, Value

_INDENT = "    "


class Source:
    """Writes the source of one plan.

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

    def __init__(self, draft: Draft, inputs: dict[str, Any], rows: dict[str, int],
                 cut: tuple[int, int] | None) -> None:  # fmt: skip
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
                value.root.text = f"d{result}"
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
            kind = {"{}.T": "T", "{}.reshape(-1)": "flat", "{}.T.reshape(-1)": "flat",
                    "{}[:, None]": "column", "{}[None, :]": "row"}.get(value.access, "view")  # fmt: skip
            name, i = f"{base}_{kind}", 2
            while name in self.hoisted.values():
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
            return [f"if not ({s.code.format(*args)}):", f"{_INDENT}return None"]
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
        if s.kind == "fresh":
            return [f"{target}[...] = {code}"] if buffer.kind == "workspace" else [
                f"{target} = {code}"]  # fmt: skip
        return [*before, f"{code[:-1]}, out={target})"]

    # --- the whole ---

    def write(self) -> str:
        """Return the source."""
        names = ", ".join(self.inputs)
        head = self._checks()
        before = self.lines("before")
        self.assigned |= {self.plan.home[w] for w, _ in self.draft.totals if not w.is_scalar}
        rows, after = self.lines("rows"), self.lines("after")
        ending = [self._return()]
        if self.cut is None:
            body = [*head, *before, *rows, *after, *ending]
            made = [*self.made["after"], *self.made["rows"]]
            return _function("workspace()", [*made, *_define(f"step({names})", body),
                                             "return step"])  # fmt: skip
        return self._blocks(names, head, before, rows, after, ending)

    def _blocks(self, names: str, head: list[str], before: list[str], rows: list[str],
                after: list[str], ending: list[str]) -> str:  # fmt: skip
        assert self.cut is not None
        size, count = self.cut
        arrays = {w: p for w, p in self.draft.totals if not w.is_scalar}
        numbers = [(w, p) for w, p in self.draft.totals if w.is_scalar]
        outer = self._outer()
        passed = [*self.inputs, *outer, *(w.text for w in arrays
                                          if self.plan.home[w].kind != "workspace")]  # fmt: skip
        found = f"return ({''.join(p.text + ', ' for _, p in numbers)})"
        inner = [*self.made["rows"], *_define(f"block({', '.join(passed)})", [*rows, found]),
                 "return block"]  # fmt: skip
        parts = [f"{n}[{':, ' * self.rows[n]}part]" if n in self.rows else n for n in passed]
        start = [f"{w.text}.fill(0)" if self.plan.home[w].kind == "workspace" else
                 f"{w.text} = {self.empty(w).replace('np.empty', 'np.zeros')}" for w in arrays]  # fmt: skip
        start += [f"{w.text} = 0.0" for w, _ in numbers]
        loop = ["for block, part in blocks:",
                *_indented([f"found = block({', '.join(parts)})", "if found is None:",
                            f"{_INDENT}return None",
                            *(f"{w.text} += float(found[{i}])" for i, (w, _) in enumerate(numbers))])]  # fmt: skip
        step = [*head, *before, *start, *loop, *after, *ending]
        whole = count - count % size
        blocks = [f"full = rows({size})",
                  f"blocks = [(full, slice(i, i + {size})) for i in range(0, {whole}, {size})]"]  # fmt: skip
        if count % size:
            blocks.append(f"blocks.append((rows({count % size}), slice({whole}, {count})))")
        return _function("workspace()", [*self.made["after"], *_define("rows(n)", inner), *blocks,
                                         *_define(f"step({names})", step), "return step"])  # fmt: skip

    def _outer(self) -> list[str]:
        """Return what blocks use that is computed before them at every call."""
        found: dict[str, None] = {}
        for s in self.plan.sections["rows"]:
            for arg in s.args:
                root = arg.root
                home = self.plan.home.get(root)
                computed = root.section == "before" and root.number is None and (
                    root.is_scalar or (home is not None and home.kind != "workspace")
                )  # fmt: skip
                if computed and root.text not in self.inputs:
                    found[root.text] = None
        return list(found)

    def _checks(self) -> list[str]:
        """Return what is done to the inputs first: scalars made numbers, labels checked."""
        lines = [f"{name} = float({name})" for name, value in self.inputs.items()
                 if np.ndim(value) == 0 and isinstance(value, (float, np.ndarray, np.generic))]  # fmt: skip
        for labels, k in self.draft.labels:
            if labels.kind != "input" or labels.dtype.kind not in "iu":
                continue
            seen = labels.text
            if labels.dtype.kind == "i":  # a negative label is a huge one
                unsigned = np.dtype(f"u{labels.dtype.itemsize}")
                seen += f".view({self.dtype(unsigned)})"
            lines += [f"if np.maximum.reduce({seen}, axis=None) >= {k}:", f"{_INDENT}return None"]
        return lines

    def _return(self) -> str:
        loss = self.draft.loss
        assert loss is not None
        parts = []
        for name, value in self.draft.results.items():
            text = self.text(value)
            if value.is_scalar:
                text = f"np.asarray({text}, {self.dtype(np.asarray(self.inputs[name]).dtype)})"
            parts.append(f"{name!r}: {text}")
        kind = self.dtype(loss.dtype if loss.dtype is not None else np.dtype(float))
        return f"return {kind}.type({self.text(loss)}), {{{', '.join(parts)}}}"


def _indented(lines: list[str]) -> list[str]:
    return [_INDENT + line for line in lines]


def _define(head: str, body: list[str]) -> list[str]:
    return ["", f"def {head}:", *_indented(body), ""]


def _function(head: str, body: list[str]) -> str:
    lines = [f"def {head}:", *_indented(body)]
    return "\n".join(line.rstrip() for line in lines)
