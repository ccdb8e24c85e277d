"""The picture as SVG.

Imports `picture` and `routes`. What something is, is told by its outline as well as by its colour;
everything that comes from the user is escaped.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from typing import NamedTuple
from unicodedata import east_asian_width

from .picture import KINDS, Box, Link, Picture
from .ranks import Edge
from .routes import Frame, Layout, Point, Route, laid_out

#: Width of a character, and height of a line, of the name and of the line below it.
NAME, SMALL, NAME_LINE, SMALL_LINE = 7.3, 6.7, 16.0, 15.0
#: A name is broken into lines of so many characters; what is longer ends in dots.
BROAD, LINES = 24, 3
#: Half the distance of the two lines of an arrow, and its head.
ASIDE, HEAD, HALF = 4.0, 8.0, 4.0
#: How far a parameter's sides are drawn out, and a corner of data is cut.
POINT, CORNER = 10.0, 10.0


class Written(NamedTuple):
    """The text of a box, and the room that it takes."""

    name: tuple[str, ...]
    below: str
    width: float
    height: float


def asset(name: str) -> str:
    """Return the text of a file of this folder."""
    return files(__package__).joinpath(name).read_text("utf-8")


def written(box: Box) -> Written:
    """Return a box's text, broken into lines."""
    name = _broken(box.name)
    below = f"{box.op or box.kind} {box.shape}"
    wide = max(*(NAME * _columns(line) for line in name), SMALL * _columns(below))
    height = NAME_LINE * len(name) + SMALL_LINE + 13
    return Written(name, below, round(wide + 30), height)


def _columns(text: str) -> int:
    """Return how many columns a text takes; Chinese characters take two."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def _broken(name: str) -> tuple[str, ...]:
    """Break a name between its parts; a very long one ends in dots."""
    parts = re.findall(r"\S{1,24}\s*", name.translate(_VISIBLE)) or ["?"]
    lines = [""]
    for part in parts:
        if _columns(lines[-1] + part.rstrip()) > BROAD and lines[-1]:
            lines.append("")
        lines[-1] += part
    lines = [textwrap.shorten(line, 10**6) for line in lines]
    return (*lines[: LINES - 1], f"{lines[LINES - 1][: BROAD - 1]}…") if len(lines) > LINES else (
        *lines,
    )


#: XML has no way to write control characters.
_VISIBLE = {code: "�" for code in (*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF)}


def xml(text: str) -> str:
    """Return text that can stand in XML, in an attribute too.

    Examples
    --------
    >>> xml('<b> & "c"')
    '&lt;b&gt; &amp; &quot;c&quot;'
    """
    return escape(text.translate(_VISIBLE))


def arranged(picture: Picture) -> tuple[list[Written], Layout]:
    """Return the text of the boxes, and where all is."""
    texts = [written(box) for box in picture.boxes]
    edges = [Edge(link.source, link.target, SMALL * _columns(_label(link)) + 4 * bool(link.shape))
             for link in picture.links]  # fmt: skip
    return texts, laid_out([(text.width, text.height) for text in texts], edges)


def _label(link: Link) -> str:
    """Return what stands beside an arrow: the shape of the gradient, and how often it comes."""
    return link.shape + (f" ×{link.uses}" if link.shape and link.uses > 1 else "")


def as_svg(picture: Picture, width: str = "") -> str:
    """Return the picture as one SVG element; `width` is put into its tag."""
    texts, layout = arranged(picture)
    style = asset("picture.css")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="tgd" role="group" '
        f'aria-label="{xml(_plain(picture.title))}" {width}'
        f'viewBox="0 0 {layout.width:.0f} {layout.height:.0f}">',
        f"<title>{xml(_plain(picture.title))}</title>",
        f"<desc>{xml(described(picture))}</desc>",
        f"<style>{style}</style>",
        f'<rect class="ground" width="{layout.width:.0f}" height="{layout.height:.0f}"/>',
        '<g class="links" aria-hidden="true">',
        *map(_link, picture.links, layout.routes),
        "</g>",
        *(_box(*one) for one in zip(range(len(texts)), picture.boxes, texts, layout.boxes,
                                    strict=True)),
        "</svg>",
    ]  # fmt: skip
    return "\n".join(parts)


def described(picture: Picture) -> str:
    """Describe the picture to those who do not see it."""
    data = len(picture.boxes) - picture.steps
    return (
        f"A graph of {len(picture.boxes)} boxes and {len(picture.links)} arrows, from top to "
        f"bottom. Solid arrows lead down from what a value is computed from to that value, and end "
        f"at {picture.boxes[0].name}. Dashed arrows lead back up and carry the gradient, whose "
        f"shape stands beside them, to {picture.steps} boxes; {data} need none."
    )


def named(box: Box) -> str:
    """Return a box's name for those who do not see it."""
    op = f", by {box.op}" if box.op else ""
    gradient = f", gradient {box.gradient}" if box.gradient else ", no gradient wanted"
    return f"{box.name}, {KINDS[box.kind].partition(':')[0]}{op}, shape {box.shape}{gradient}"


def _plain(text: str) -> str:
    return text.replace("`", "")


def _box(i: int, box: Box, text: Written, frame: Frame) -> str:
    x, y = frame.x + frame.width / 2, frame.y + 5
    lines = [f'<text class="name" x="{x:.1f}" y="{y + NAME_LINE * (k + 0.75):.1f}">{xml(line)}'
             "</text>" for k, line in enumerate(text.name)]  # fmt: skip
    low = y + NAME_LINE * len(text.name) + SMALL_LINE * 0.75
    made = f" = {box.definition}" if box.definition not in ("", box.name) else ""
    mark = f'<text class="mark" x="{frame.x + frame.width - 9:.1f}" y="{frame.y - 3:.1f}">∇</text>'
    return (
        f'<g class="box {box.kind}" data-box="{i}" tabindex="0" role="img" '
        f'aria-label="{xml(named(box))}"><title>{xml(box.name + made)}</title>'
        f"{outline(box.kind, frame)}{''.join(lines)}"
        f'<text class="below" x="{x:.1f}" y="{low:.1f}">{xml(text.below)}</text>'
        f"{mark if box.gradient else ''}</g>"
    )


def outline(kind: str, frame: Frame) -> str:
    """Return the outline of a kind of box."""
    x, y, width, height = frame
    if kind == "parameter":  # drawn out to points
        at = [(x + POINT, y), (x + width - POINT, y), (x + width, y + height / 2),
              (x + width - POINT, y + height), (x + POINT, y + height), (x, y + height / 2)]  # fmt: skip
        return _polygon(at)
    if kind == "data":  # a sheet with its corner cut
        at = [(x, y), (x + width - CORNER, y), (x + width, y + CORNER), (x + width, y + height),
              (x, y + height)]  # fmt: skip
        return _polygon(at)
    if kind == "loss":  # rounded, with a double line
        return (_rect(frame, height / 2, "outline")
                + _rect(Frame(x + 4, y + 4, width - 8, height - 8), height / 2 - 4, "inner"))  # fmt: skip
    return _rect(frame, 3 if kind == "named" else 12, "outline")


def _polygon(points: Sequence[Point]) -> str:
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
                     f'y="{route.label.y + 13:.1f}">{xml(_label(link))}</text>')  # fmt: skip
    return f'<g class="link" {ends}>{"".join(parts)}</g>'


def _line(kind: str, points: Sequence[Point], aside: float) -> str:
    """Return a line with its head; the last bit of it, which the head covers, is left out."""
    places = [(x + aside, y) for x, y in points]
    x, y = places[-1]
    back, nearest = (HEAD, min) if kind == "down" else (-HEAD, max)
    places[-2:] = [(x, nearest(places[-2][1], y - back)), (x, y - back)]
    way = [f"M{places[0][0]:.1f} {places[0][1]:.1f}"]
    for k, ((x1, y1), (x2, y2)) in enumerate(zip(places, places[1:], strict=False)):
        bend = f"C{x1:.1f} {(y1 + y2) / 2:.1f} {x2:.1f} {(y1 + y2) / 2:.1f} {x2:.1f} {y2:.1f}"
        way.append(bend if k % 2 else f"L{x2:.1f} {y2:.1f}")
    head = (f"M{x - HALF:.1f} {y - back:.1f}L{x + HALF:.1f} {y - back:.1f}"
            f"L{x:.1f} {y:.1f}Z")  # fmt: skip
    return f'<path class="{kind}" d="{"".join(way)}"/><path class="head {kind}" d="{head}"/>'
