"""A plan as Python source: the workspace, what is done to a block of rows, and the step.

Imports `statements`. A step is one NumPy call after another.
"""

from __future__ import annotations

import numpy as np

from .statements import INDENT, Lines


class Source(Lines):
    """Writes the source of one plan; the parameters are those of `Lines`."""

    def write(self) -> str:
        """Return the source."""
        names = ", ".join(self.draft.inputs.values())
        head = self._checks()
        before = self.lines("before")
        self.assigned |= {self.plan.home[w] for w, _ in self.draft.totals if not w.is_scalar}
        rows, after = self.lines("rows"), self.lines("after")
        ending = [self._return()]
        if self.cut is None:
            body = [*head, *before, *rows, *after, *ending]
            made = [*self.made["after"], *self.made["rows"]]
            return _function(
                "workspace()", [*made, *_define(f"step({names})", body), "return step"]
            )
        return self._blocks(names, head, before, rows, after, ending)

    def _blocks(
        self,
        names: str,
        head: list[str],
        before: list[str],
        rows: list[str],
        after: list[str],
        ending: list[str],
    ) -> str:
        assert self.cut is not None
        size, count = self.cut
        arrays = {w: p for w, p in self.draft.totals if not w.is_scalar}
        numbers = [(w, p) for w, p in self.draft.totals if w.is_scalar]
        outer = self._outer()
        passed = [
            *self.draft.inputs.values(),
            *outer,
            *(w.text for w in arrays if self.plan.home[w].kind != "workspace"),
        ]
        found = f"return ({''.join(p.text + ', ' for _, p in numbers)})"
        inner = [
            *self.made["rows"],
            *_define(f"block({', '.join(passed)})", [*rows, found]),
            "return block",
        ]
        rows_of = {self.draft.inputs[name]: axis for name, axis in self.rows.items()}
        parts = [f"{n}[{':, ' * rows_of[n]}part]" if n in rows_of else n for n in passed]
        start = [
            f"{w.text}.fill(0)"
            if self.plan.home[w].kind == "workspace"
            else f"{w.text} = {self.empty(w).replace('np.empty', 'np.zeros')}"
            for w in arrays
        ]
        start += [f"{w.text} = 0.0" for w, _ in numbers]
        loop = [
            "for block, part in blocks:",
            *_indented(
                [
                    f"found = block({', '.join(parts)})",
                    "if found is None:",
                    f"{INDENT}return None",
                    *(f"{w.text} += float(found[{i}])" for i, (w, _) in enumerate(numbers)),
                ]
            ),
        ]
        step = [*head, *before, *start, *loop, *after, *ending]
        whole = count - count % size
        blocks = [
            f"full = rows({size})",
            f"blocks = [(full, slice(i, i + {size})) for i in range(0, {whole}, {size})]",
        ]
        if count % size:
            blocks.append(f"blocks.append((rows({count % size}), slice({whole}, {count})))")
        return _function(
            "workspace()",
            [
                *self.made["after"],
                *_define("rows(n)", inner),
                *blocks,
                *_define(f"step({names})", step),
                "return step",
            ],
        )

    def _outer(self) -> list[str]:
        """Return what blocks use that is computed before them at every call."""
        found: dict[str, None] = {}
        inputs = {*self.draft.inputs.values()}
        for s in self.plan.sections["rows"]:
            for arg in s.args:
                root = arg.root
                home = self.plan.home.get(root)
                computed = (
                    root.section == "before"
                    and root.number is None
                    and (root.is_scalar or (home is not None and home.kind != "workspace"))
                )
                if computed and root.text not in inputs:
                    found[root.text] = None
        return list(found)

    def _checks(self) -> list[str]:
        """Return what is done to the inputs first: scalars made numbers, labels checked."""
        lines = [
            f"{self.draft.inputs[name]} = float({self.draft.inputs[name]})"
            for name, value in self.inputs.items()
            if np.ndim(value) == 0 and isinstance(value, (float, np.ndarray, np.generic))
        ]
        for labels, k in self.draft.labels:
            seen = labels.text
            if labels.dtype.kind == "i":  # a negative label is a huge one
                unsigned = np.dtype(f"u{labels.dtype.itemsize}")
                seen += f".view({self.dtype(unsigned)})"
            axis = ", axis=None" if len(labels.shape) > 1 else ""
            lines += [f"if np.maximum.reduce({seen}{axis}) >= {k}:", f"{INDENT}return None"]
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
    return [INDENT + line for line in lines]


def _define(head: str, body: list[str]) -> list[str]:
    return ["", f"def {head}:", *_indented(body), ""]


def _function(head: str, body: list[str]) -> str:
    lines = [f"def {head}:", *_indented(body)]
    return "\n".join(line.rstrip() for line in lines)
