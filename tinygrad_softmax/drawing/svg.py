"""The picture as SVG.

Kinds of boxes differ in outline as well as in colour; everything that comes from the
user is escaped. A parameter (or data) that many results use would spin a web of long arrows; from
its second use on, a small copy of it is drawn next to each.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from itertools import pairwise
from math import copysign
from typing import NamedTuple
from unicodedata import east_asian_width

from .layout import Edge, Frame, Layout, Point, laid_out
from .picture import KINDS, Box, Link, Picture

#: Width of a character, and height of a line, of the name and of the line below it.
NAME, SMALL, NAME_LINE, SMALL_LINE = 7.3, 6.7, 16.0, 15.0
#: A name is broken into lines of so many characters; what is longer ends in dots.
BROAD, LINES = 20, 3
#: What is used more often than this is copied.
FEW = 2
#: Half the distance of the two lines of an arrow, and its head.
ASIDE, HEAD, HALF = 4.0, 8.0, 4.0
#: How far a parameter's sides are drawn out, and a corner of data is cut.
CORNER = 10.0
#: XML has no way to write control characters.
_VISIBLE = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF), "�")


class Written(NamedTuple):
    """The text of a box: its name in lines, and what stands below it."""

    name: tuple[str, ...]
    below: str

    @property
    def size(self) -> tuple[float, float]:
        """The room that it takes."""
        wide = max(*(NAME * columns(line) for line in self.name), SMALL * columns(self.below))
        return round(wide + 26), NAME_LINE * len(self.name) + SMALL_LINE * bool(self.below) + 13


class Arranged(NamedTuple):
    """A picture's boxes and arrows in their places; after the boxes come the copies."""

    texts: tuple[Written, ...]
    copied: tuple[int, ...]  # of which box each copy is one
    layout: Layout


def arranged(picture: Picture) -> Arranged:
    """Return where all is."""
    texts = tuple(map(written, picture.boxes))
    sizes = [text.size for text in texts]
    uses = Counter(link.source for link in picture.links)
    made = {link.target for link in picture.links}
    copied: list[int] = []
    seen: set[int] = set()
    edges: dict[Link, Edge] = {}
    for link in sorted(picture.links, key=lambda link: -link.target):  # the first use comes first
        source = link.source
        if source in seen and uses[source] > FEW and source not in made:
            source = len(sizes)
            copied.append(link.source)
            sizes.append(texts[link.source]._replace(below="").size)
        seen.add(link.source)
        room = SMALL * columns(_label(link)) + 4 if link.shape else 0.0
        edges[link] = Edge(source, link.target, room)
    return Arranged(texts, tuple(copied), laid_out(sizes, [edges[link] for link in picture.links]))


def written(box: Box) -> Written:
    """Return a box's text: its name in lines; what made it, and its shape (or number, if given)."""
    lines = [""]
    for word in re.findall(r"\w{1,20}\W{0,4}|\W{1,4}", box.name.translate(_VISIBLE)) or ["?"]:
        if lines[-1] and columns(lines[-1] + word.rstrip()) > BROAD:
            lines.append("")
        lines[-1] += word
    lines = [line.strip() or " " for line in lines]
    if len(lines) > LINES:
        lines[LINES - 1 :] = [lines[LINES - 1] + "…"]
    if box.kind == "data" and box.shape == "number" and box.value:
        return Written(tuple(lines), box.value.text)
    return Written(tuple(lines), f"{box.op or box.kind} · {box.shape}")


def columns(text: str) -> int:
    """Return how many columns a text takes; Chinese characters take two."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def _label(link: Link) -> str:
    """Return the label of an arrow: the shape of the gradient, and how often it comes."""
    return link.shape + f" ×{link.uses}" * (link.uses > 1)


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
    return escape(text.translate(_VISIBLE))


def as_svg(picture: Picture) -> str:
    """Return the picture as one SVG element."""
    texts, copied, layout = arranged(picture)
    number, title = len(texts), xml(picture.title.replace("`", ""))
    size = f'width="{layout.width:.0f}" height="{layout.height:.0f}"'
    copies = [f'<g class="box again {picture.boxes[i].kind}" data-box="{i}"><title>'
              f"{xml(picture.boxes[i].name)} again</title>"
              f"{outline(picture.boxes[i].kind, frame)}{_name(texts[i], frame)}</g>"
              for i, frame in zip(copied, layout.boxes[number:], strict=True)]  # fmt: skip
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="tgd" role="group" aria-label="{title}"',
        f'{size} viewBox="0 0 {layout.width:.0f} {layout.height:.0f}">',
        f"<title>{title}</title>",
        f"<desc>{xml(_described(picture, len(copies)))}</desc>",
        f"<style>{asset('picture.css')}</style>",
        f'<rect class="ground" {size}/>',
        '<g class="links" aria-hidden="true">',
        *map(_link, picture.links, layout.routes),
        *copies,
        "</g>",
        *map(_box, range(number), picture.boxes, texts, layout.boxes),
        "</svg>",
    ]
    return "\n".join(parts)


def _described(picture: Picture, copies: int) -> str:
    """Describe the picture to those who do not see it."""
    data = len(picture.boxes) - picture.steps
    return (
        f"A graph of {len(picture.boxes)} boxes and {len(picture.links)} arrows, from top to "
        "bottom. Solid arrows lead down from what a value is computed from to that value, and end "
        f"at {picture.boxes[0].name}. Dashed arrows lead back up and carry the gradient, whose "
        f"shape is written next to them, to {picture.steps} boxes; {data} need none."
        + f" What is used often is drawn again next to its uses, {copies} times, in dotted outline."
        * bool(copies)
    )


def _box(i: int, box: Box, text: Written, frame: Frame) -> str:
    x, low = frame.x + frame.width / 2, frame.y + 5 + NAME_LINE * len(text.name) + SMALL_LINE * 0.75
    gradient = f", gradient {box.gradient}" if box.gradient else ", no gradient wanted"
    # Begins with what is written in the box, so that a user of speech input can say it.
    said = f"{box.name}, {text.below}, {KINDS[box.kind][0]}{gradient}"
    made = f" = {box.definition}" if box.definition not in ("", box.name) else ""
    mark = f'<text class="mark" x="{frame.x + frame.width + 8:.1f}" y="{frame.y + 25:.1f}">∇</text>'
    return (
        f'<g class="box {box.kind}" data-box="{i}" tabindex="0" role="img" '
        f'aria-label="{xml(said)}"><title>{xml(box.name + made)}</title>'
        f"{outline(box.kind, frame)}{_name(text, frame)} "
        f'<text class="below" x="{x:.1f}" y="{low:.1f}">{xml(text.below)}</text>'
        f"{mark * bool(box.gradient)}</g>"
    )


def _name(text: Written, frame: Frame) -> str:
    x, y = frame.x + frame.width / 2, frame.y + 5
    return "".join(f'<text class="name" x="{x:.1f}" y="{y + NAME_LINE * (k + 0.75):.1f}">'
                   f"{xml(line)}</text>" for k, line in enumerate(text.name))  # fmt: skip


def outline(kind: str, frame: Frame) -> str:
    """Return the outline of a kind of box."""
    x, y, width, height = frame
    left, right, cut = x + CORNER, x + width, x + width - CORNER
    middle, low = y + height / 2, y + height
    if kind == "parameter":  # drawn out to points
        way = f"{left},{y} {cut},{y} {right},{middle} {cut},{low} {left},{low} {x},{middle}"
    elif kind == "data":  # a sheet with its corner cut
        way = f"{x},{y} {cut},{y} {right},{y + CORNER} {right},{low} {x},{low}"
    elif kind == "loss":  # rounded, with a double line
        inner = Frame(x + 4, y + 4, width - 8, height - 8)
        return _rect("outline", frame, height / 2) + _rect("inner", inner, height / 2 - 4)
    else:
        return _rect("outline", frame, 3 if kind == "named" else 12)
    return f'<polygon class="outline" points="{way}"/>'


def _rect(name: str, frame: Frame, radius: float) -> str:
    x, y, width, height = frame
    size = f'x="{x}" y="{y}" width="{width}" height="{height}"'
    return f'<rect class="{name}" {size} rx="{radius}"/>'


def _link(link: Link, points: Sequence[Point]) -> str:
    parts = [_line("down", points, -ASIDE * bool(link.shape))]
    if link.shape:
        x, y = points[2]
        parts.append(_line("up", points[::-1], ASIDE))
        parts.append(f'<text class="shape" x="{x + 13:.1f}" y="{y + 13:.1f}">'
                     f"{xml(_label(link))}</text>")  # fmt: skip
    ends = f'data-from="{link.source}" data-to="{link.target}"'
    return f'<g class="link" {ends}>{"".join(parts)}</g>'


def _line(kind: str, points: Sequence[Point], aside: float) -> str:
    """Return a line with its head; the last bit of it, which the head covers, is left out."""
    places = [(x + aside, y) for x, y in points]
    x, y = places[-1]
    back, nearest = (HEAD, min) if kind == "down" else (-HEAD, max)
    places[-2:] = [(x, nearest(places[-2][1], y - back)), (x, y - back)]
    way = [f"M{places[0][0]:.1f} {places[0][1]:.1f}"]
    for k, ((x1, y1), (x2, y2)) in enumerate(pairwise(places)):
        # Where they run sideways, the two lines of an arrow are one above the other.
        shift = 0.8 * aside * copysign(1, (x2 - x1) * (y2 - y1))
        middle = (points[k][1] + points[k + 1][1]) / 2 - shift
        straight = k % 2 == 0 or abs(x2 - x1) < 0.05
        if straight and way[-1][0] == "V":
            way.pop()
        way.append(f"V{y2:.1f}" if straight else
                   f"C{x1:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}")  # fmt: skip
    head = f"M{x - HALF:.1f} {y - back:.1f}L{x + HALF:.1f} {y - back:.1f}L{x:.1f} {y:.1f}Z"
    return f'<path class="{kind}" d="{"".join(way)}"/><path class="head {kind}" d="{head}"/>'
