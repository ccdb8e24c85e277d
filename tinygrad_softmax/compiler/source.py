"""A lowered graph as Python source: the workspace, a block of rows, and the step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .lowering import Lowering
from .values import Buffer, Statement, Value

_INDENT = "    "


class Source:
    """Writes the source of one draft, which defines ``workspace()``; that returns the step."""

    def __init__(self, lowering: Lowering) -> None:
        self.lowering, self.draft, self.cut = lowering, lowering.draft, lowering.cut
        self.made: set[Buffer] = set()
        self.views: dict[tuple[Buffer, str], str] = {}

    def write(self) -> str:
        """Return the source."""
        draft = self.draft
        totals = [whole.buffer for whole, _ in draft.totals if whole.buffer is not None]
        self.made |= {*totals}
        before, rows, after = (self._lines(s) for s in ("before", "rows", "after"))
        ending = [*after, self._return()]
        head = [*self._constants(False), *self._buffers("before"), *self._buffers("after")]
        head += [f"{b.name} = {self._empty(b)}" for b in totals if not b.returned]
        names = ", ".join(draft.inputs.values())
        if self.cut is None:
            head += self._views("before", "after")
            return _function("workspace()", [*head, *_function(f"step({names})", [*before, *ending])
                                             .split("\n"), "return step"])  # fmt: skip
        head += self._views("before", "after")
        inner = [*self._constants(True), *self._buffers("rows"), *self._views("rows")]
        return self._blocks(names, head, inner, before, rows, ending)

    def _blocks(self, names: str, head: list[str], inner: list[str], before: list[str],
                rows: list[str], ending: list[str]) -> str:  # fmt: skip
        draft, cut = self.draft, self.cut
        assert cut is not None
        arrays = [(w, p) for w, p in draft.totals if w.buffer is not None]
        numbers = [(w, p) for w, p in draft.totals if w.buffer is None]
        used = {v.base for s in draft.statements if s.section == "rows" for v in s.args}
        passed = [*draft.inputs.values()]
        passed += [n for n in draft.sliced if n not in passed]
        passed += [n for n, section in draft.variables.items() if section == "before" and n in used]
        accumulated = [w.buffer for w, _ in arrays if w.buffer is not None]
        passed += [b.name for b in accumulated if b.returned]
        rows = [*rows]
        for whole, part in arrays:
            name = whole.buffer.name  # type: ignore[union-attr] # those without one are numbers
            rows.append(f"np.add({name}, {self.text(replace(part, text='{}'))}, out={name})")
        rows.append(f"return ({''.join(p.text + ', ' for _, p in numbers)})")
        block = _function(f"block({', '.join(passed)})", rows)
        made = _function("rows(n)", [*inner, *block.split("\n"), "return block"])
        size, count = cut.block, cut.size
        whole_rows = count - count % size
        blocks = [
            f"full = rows({size})",
            f"blocks = [(full, slice(i, i + {size})) for i in range(0, {whole_rows}, {size})]",
        ]
        if count % size:
            blocks.append(f"blocks.append((rows({count % size}), slice({whole_rows}, {count})))")
        start = [f"{b.name} = {self._empty(b).replace('np.empty', 'np.zeros')}" if b.returned
                 else f"{b.name}.fill(0)" for b in accumulated]  # fmt: skip
        start += [f"{w.text} = 0.0" for w, _ in numbers]
        given = [f"{n}[{':, ' * draft.sliced[n]}part]" if n in draft.sliced else n for n in passed]
        loop = [f"found = block({', '.join(given)})", "if found is None:", f"{_INDENT}return None"]
        loop += [f"{w.text} += float(found[{i}])" for i, (w, _) in enumerate(numbers)]
        after = [f"{w.text} = {self.dtype(w.dtype)}.type({w.text})" for w, _ in numbers]
        step = [*before, *start, "for block, part in blocks:", *(_INDENT + line for line in loop),
                *after, *ending]  # fmt: skip
        return _function("workspace()", [*head, *made.split("\n"), *blocks,
                                         *_function(f"step({names})", step).split("\n"),
                                         "return step"])  # fmt: skip

    # --- parts ---

    def dtype(self, dtype: Any) -> str:
        """Return the name under which the source knows a type."""
        return self.lowering.object(dtype, dtype.name)

    def _lines(self, section: str) -> list[str]:
        found: list[str] = []
        for s in self.draft.statements:
            if s.section == section:
                found += self._line(s)
        return found

    def _line(self, s: Statement) -> list[str]:
        lines = []
        buffer = s.out.buffer if s.out is not None else None
        if buffer is not None and buffer not in self.made:
            self.made.add(buffer)
            if buffer.returned:
                lines.append(f"{buffer.name} = {self._empty(buffer)}")
        out = self.text(s.out) if s.out is not None else ""
        return [*lines, *s.code.format(*map(self.text, s.args), out=out).split("\n")]

    def text(self, value: Value) -> str:
        """Return a value as written; a view of the workspace is made once, with it."""
        buffer = value.buffer
        if buffer is None:
            return value.text
        if value.text == "{}":
            return buffer.name
        if buffer.returned:
            return value.text.replace("{}", buffer.name)
        key = (buffer, value.text)
        if key not in self.views:
            words = {".T": "_T", ".reshape(-1)": "_flat", ".T.reshape(-1)": "_flat",
                     "[:, None]": "_column", "[None, :]": "_row"}  # fmt: skip
            self.views[key] = self.lowering.name(buffer.name + words.get(value.text[2:], "_view"))
        return self.views[key]

    def _views(self, *sections: str) -> list[str]:
        return [
            f"{name} = {text.replace('{}', buffer.name)}"
            for (buffer, text), name in self.views.items()
            if buffer.section in sections
        ]

    def _constants(self, per_block: bool) -> list[str]:
        return [f"{name} = {code}" for name, (code, per) in self.draft.constants.items()
                if per == per_block]  # fmt: skip

    def _buffers(self, section: str) -> list[str]:
        return [f"{b.name} = {self._empty(b)}" for b in self.draft.buffers
                if b.section == section and not b.returned]  # fmt: skip

    def _empty(self, b: Buffer) -> str:
        sizes = ["n" if i == b.rows else str(n) for i, n in enumerate(b.shape)]
        flip = b.order == "F"
        shown = sizes[::-1] if flip else sizes
        return f"np.empty(({', '.join(shown)},), {self.dtype(b.dtype)}){'.T' if flip else ''}"

    def _return(self) -> str:
        draft = self.draft
        assert draft.loss is not None
        parts = [f"{name!r}: {self.text(value)}" for name, value in draft.results.items()]
        return (f"return {self.dtype(draft.loss.dtype)}.type({self.text(draft.loss)}), "
                f"{{{', '.join(parts)}}}")  # fmt: skip


def _function(head: str, body: list[str]) -> str:
    lines = [f"def {head}:"]
    lines += [(_INDENT + line).rstrip() if line else "" for line in body]
    return "\n".join(lines)
