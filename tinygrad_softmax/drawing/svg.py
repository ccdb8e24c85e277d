"""The picture as SVG.

Imports `picture` and `lettering`. What something is, is told by its outline as well as by its
colour; everything that comes from the user is escaped.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from itertools import pairwise
from math import copysign

from .lettering import NAME_LINE, SMALL_LINE, VISIBLE, Written, arranged, label_of
from .picture import KINDS, Box, Link, Picture
from .routes import Frame, Point, Route

#: Half the distance of the two lines of an arrow, and its head.
ASIDE, HEAD, HALF = 4.0, 8.0, 4.0
#: How far a parameter's sides are drawn out, and a corner of data is cut.
POINT, CORNER = 10.0, 10.0


def asset(name: str) -> str:
    """Return the text of a file of this folder."""
    return files(__package__).joinpath(name).read_text("utf-8")


def xml(text: str) -> str:
    """Return text that can stand in XML, in an attribute too.

    Examples
    --------
    >>> xml('<b> & "c"')
    '&lt;b&gt; &amp; &quot;c&quot;'
    """
    return escape(text.translate(VISIBLE))


def as_svg(picture: Picture) -> str:
    """Return the picture as one SVG element."""
    it, title = arranged(picture), xml(_plain(picture.title))
    size = f"{it.width:.0f}", f"{it.height:.0f}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="tgd" role="group" aria-label="{title}"',
        f'width="{size[0]}" height="{size[1]}" viewBox="0 0 {size[0]} {size[1]}">',
        f"<title>{title}</title>",
        f"<desc>{xml(described(picture, len(it.copies)))}</desc>",
        f"<style>{asset('picture.css')}</style>",
        f'<rect class="ground" width="{size[0]}" height="{size[1]}"/>',
        '<g class="links" aria-hidden="true">',
        *map(_link, picture.links, it.routes),
        *(_copy(i, picture.boxes[i], it.texts[i], frame) for i, frame in it.copies),
        "</g>",
        *map(_box, range(len(it.texts)), picture.boxes, it.texts, it.frames),
        "</svg>",
    ]
    return "\n".join(parts)


def described(picture: Picture, copies: int) -> str:
    """Describe the picture to those who do not see it."""
    data = len(picture.boxes) - picture.steps
    return (
        f"A graph of {len(picture.boxes)} boxes and {len(picture.links)} arrows, from top to "
        f"bottom. Solid arrows lead down from what a value is computed from to that value, and end "
        f"at {picture.boxes[0].name}. Dashed arrows lead back up and carry the gradient, whose "
        f"shape stands beside them, to {picture.steps} boxes; {data} need none."
        + f" What is used often stands beside its uses {copies} times more, in dotted outline."
        * bool(copies)
    )


def named(box: Box) -> str:
    """Return a box's name for those who do not see it."""
    op = f", by {box.op}" if box.op else ""
    gradient = f", gradient {box.gradient}" if box.gradient else ", no gradient wanted"
    return f"{box.name}, {KINDS[box.kind].partition(':')[0]}{op}, shape {box.shape}{gradient}"


def _plain(text: str) -> str:
    return text.replace("`", "")


def _name(text: Written, frame: Frame) -> str:
    x, y = frame.x + frame.width / 2, frame.y + 5
    lines = [f'<text class="name" x="{x:.1f}" y="{y + NAME_LINE * (k + 0.75):.1f}">{xml(line)}'
             "</text>" for k, line in enumerate(text.name)]  # fmt: skip
    return "".join(lines)


def _copy(i: int, box: Box, text: Written, frame: Frame) -> str:
    """Write the copy of a box, which says no more than which box it is."""
    return (f'<g class="box again {box.kind}" data-box="{i}"><title>{xml(box.name)} again</title>'
            f"{outline(box.kind, frame)}{_name(text, frame)}</g>")  # fmt: skip


def _box(i: int, box: Box, text: Written, frame: Frame) -> str:
    x, y = frame.x + frame.width / 2, frame.y + 5
    low = y + NAME_LINE * len(text.name) + SMALL_LINE * 0.75
    made = f" = {box.definition}" if box.definition not in ("", box.name) else ""
    mark = f'<text class="mark" x="{frame.x + frame.width + 8:.1f}" y="{y + 20:.1f}">∇</text>'
    return (
        f'<g class="box {box.kind}" data-box="{i}" tabindex="0" role="img" '
        f'aria-label="{xml(named(box))}"><title>{xml(box.name + made)}</title>'
        f"{outline(box.kind, frame)}{_name(text, frame)}"
        f'<text class="below" x="{x:.1f}" y="{low:.1f}">{xml(text.below)}</text>'
        f"{mark if box.gradient else ''}</g>"
    )


def outline(kind: str, frame: Frame) -> str:
    """Return the outline of a kind of box."""
    x, y, width, height = frame
    if kind == "parameter":  # drawn out to points
        near, far, middle, low = x + POINT, x + width - POINT, y + height / 2, y + height
        return _polygon((near, y), (far, y), (x + width, middle), (far, low), (near, low),
                        (x, middle))  # fmt: skip
    if kind == "data":  # a sheet with its corner cut
        return _polygon((x, y), (x + width - CORNER, y), (x + width, y + CORNER),
                        (x + width, y + height), (x, y + height))  # fmt: skip
    if kind == "loss":  # rounded, with a double line
        inner = Frame(x + 4, y + 4, width - 8, height - 8)
        return _rect(frame, height / 2, "outline") + _rect(inner, height / 2 - 4, "inner")
    return _rect(frame, 3 if kind == "named" else 12, "outline")


def _polygon(*points: Point) -> str:
    return f'<polygon class="outline" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>'


def _rect(frame: Frame, radius: float, kind: str) -> str:
    x, y, width, height = frame
    return (f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}" rx="{radius:.1f}"/>')  # fmt: skip


def _link(link: Link, route: Route) -> str:
    ends = f'data-from="{link.source}" data-to="{link.target}"'
    aside = ASIDE if link.shape else 0.0
    points = route.points
    parts = [_line("down", points, -aside)]
    if link.shape and route.label:
        parts.append(_line("up", points[::-1], aside))
        parts.append(f'<text class="shape" x="{route.label.x + 4:.1f}" '
                     f'y="{route.label.y + 13:.1f}">{xml(label_of(link))}</text>')  # fmt: skip
    return f'<g class="link" {ends}>{"".join(parts)}</g>'


def _line(kind: str, points: Sequence[Point], aside: float) -> str:
    """Return a line with its head; the last bit of it, which the head covers, is left out."""
    places = [(x + aside, y) for x, y in points]
    x, y = places[-1]
    back, nearest = (HEAD, min) if kind == "down" else (-HEAD, max)
    places[-2:] = [(x, nearest(places[-2][1], y - back)), (x, y - back)]
    way = [f"M{places[0][0]:.1f} {places[0][1]:.1f}"]
    for k, ((x1, y1), (x2, y2)) in enumerate(pairwise(places)):
        straight = k % 2 == 0 or abs(x2 - x1) < 0.05
        # Where they run sideways, the two lines of an arrow are one above the other.
        middle = (points[k][1] + points[k + 1][1]) / 2 - 0.8 * aside * copysign(
            1, (x2 - x1) * (y2 - y1)
        )
        if straight and way[-1][0] == "V":
            way.pop()
        way.append(f"V{y2:.1f}" if straight else
                   f"C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}")  # fmt: skip
    head = (f"M{x - HALF:.1f} {y - back:.1f}L{x + HALF:.1f} {y - back:.1f}"
            f"L{x:.1f} {y:.1f}Z")  # fmt: skip
    return f'<path class="{kind}" d="{"".join(way)}"/><path class="head {kind}" d="{head}"/>'
