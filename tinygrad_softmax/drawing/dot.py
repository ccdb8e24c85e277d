"""The graph in the language of Graphviz, for those who have it.

Imports `picture`. Outlines tell the kinds apart, as in the picture.
"""

from __future__ import annotations

from collections.abc import Iterator

from .picture import Picture

_OUTLINES = {
    "loss": "ellipse, peripheries=2",
    "parameter": "hexagon",
    "data": "note",
    "named": "box, penwidth=2.5",
    "step": 'box, style="rounded"',
}


def as_dot(picture: Picture) -> str:
    """Return the graph as a DOT digraph."""
    return "\n".join(_lines(picture)) + "\n"


def quoted(*lines: str) -> str:
    r"""Return a string of DOT, with what is special in it escaped.

    Examples
    --------
    >>> print(quoted('a "b"', "c"))
    "a \"b\"\nc"
    """
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped).replace("\n", " ") + '"'


def _lines(picture: Picture) -> Iterator[str]:
    yield "digraph loss {"
    yield '  node [fontname="monospace"];'
    yield '  edge [fontname="monospace"];'
    for i, box in enumerate(picture.boxes):
        text = quoted(box.name, f"{box.op or box.kind}, {box.shape}")
        yield f"  n{i} [label={text}, shape={_OUTLINES[box.kind]}];"
    for link in picture.links:
        yield f"  n{link.source} -> n{link.target};"
        if link.shape:
            times = f" x{link.uses}" if link.uses > 1 else ""
            look = 'constraint=false, style=dashed, color="#a63a00", fontcolor="#a63a00"'
            text = quoted(link.shape + times)
            yield f"  n{link.target} -> n{link.source} [{look}, label={text}];"
    yield "}"
