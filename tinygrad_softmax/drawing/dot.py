"""The graph in the language of Graphviz; outlines tell the kinds apart, as in the picture."""

from __future__ import annotations

from .picture import Picture

_OUTLINES = {"loss": "ellipse, peripheries=2", "parameter": "hexagon", "data": "note",
             "named": "box, penwidth=2.5", "step": 'box, style="rounded"'}  # fmt: skip
_BACK = 'constraint=false, style=dashed, color="#a63a00", fontcolor="#a63a00"'


def as_dot(picture: Picture) -> str:
    """Return the graph as a DOT digraph."""
    lines = ["digraph loss {", '  node [fontname="monospace"];', '  edge [fontname="monospace"];']
    for i, box in enumerate(picture.boxes):
        text = quoted(box.name, f"{box.op or box.kind}, {box.shape}")
        lines.append(f"  n{i} [label={text}, shape={_OUTLINES[box.kind]}];")
    for link in picture.links:
        lines.append(f"  n{link.source} -> n{link.target};")
        if link.shape:
            text = quoted(link.shape + f" x{link.uses}" * (link.uses > 1))
            lines.append(f"  n{link.target} -> n{link.source} [{_BACK}, label={text}];")
    return "\n".join(lines) + "\n}\n"


def quoted(*lines: str) -> str:
    r"""Return a string of DOT, with what is special in it escaped.

    Examples
    --------
    >>> print(quoted('a "b"', "c"))
    "a \"b\"\nc"
    """
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped).replace("\n", " ") + '"'
