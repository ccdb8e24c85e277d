"""How much room text takes, and where everything goes.

Imports `picture` and `routes`. A parameter (or data) that many results use would spin a web of long
arrows; from its second use on, a small copy of it stands beside each.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple
from unicodedata import east_asian_width

from .picture import Box, Link, Picture
from .ranks import Edge
from .routes import Frame, Route, laid_out

#: Width of a character, and height of a line, of the name and of the line below it.
NAME, SMALL, NAME_LINE, SMALL_LINE = 7.3, 6.7, 16.0, 15.0
#: A name is broken into lines of so many characters; what is longer ends in dots.
BROAD, LINES = 24, 3
#: What is used more often than this is copied.
FEW = 3


class Written(NamedTuple):
    """The text of a box, and the room that it takes."""

    name: tuple[str, ...]
    below: str
    width: float
    height: float


def written(box: Box) -> Written:
    """Return a box's text, broken into lines."""
    name = _broken(box.name)
    below = below_of(box)
    wide = max(*(NAME * columns(line) for line in name), SMALL * columns(below))
    height = NAME_LINE * len(name) + SMALL_LINE + 13
    return Written(name, below, round(wide + 30), height)


def below_of(box: Box) -> str:
    """Return what stands below a name: what made it, and its shape."""
    return f"{box.op or box.kind} · {box.shape}"


def columns(text: str) -> int:
    """Return how many columns a text takes; Chinese characters take two."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def _broken(name: str) -> tuple[str, ...]:
    """Break a name between its parts; a very long one ends in dots."""
    words = re.findall(r"\w{1,20}\W{0,4}|\W{1,4}", name.translate(VISIBLE)) or ["?"]
    lines = [""]
    for word in words:
        if lines[-1] and columns(lines[-1] + word.rstrip()) > BROAD:
            lines.append("")
        lines[-1] += word
    lines = [line.strip() or " " for line in lines]
    if len(lines) > LINES:
        lines[LINES - 1 :] = [lines[LINES - 1] + "…"]
    return tuple(lines)


#: XML has no way to write control characters.
VISIBLE = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF), "�")


class Arranged(NamedTuple):
    """A picture's boxes, copies and arrows in their places."""

    texts: tuple[Written, ...]
    frames: tuple[Frame, ...]
    copies: tuple[tuple[int, Frame], ...]  # the box that it is a copy of, and where it stands
    routes: tuple[Route, ...]
    width: float
    height: float


def arranged(picture: Picture) -> Arranged:
    """Return where all is."""
    texts = tuple(written(box) for box in picture.boxes)
    sizes = [(text.width, text.height) for text in texts]
    uses = Counter(link.source for link in picture.links)
    made = {link.target for link in picture.links}
    copied: list[int] = []
    seen: set[int] = set()
    edges = []
    for link in sorted(picture.links, key=lambda link: -link.target):  # the first use comes first
        source = link.source
        if source in seen and uses[source] > FEW and source not in made:
            source = len(sizes)
            copied.append(link.source)
            sizes.append((texts[link.source].width, texts[link.source].height - SMALL_LINE))
        seen.add(link.source)
        room = SMALL * columns(label_of(link)) + 4 if link.shape else 0.0
        edges.append((link, Edge(source, link.target, room)))
    edges.sort(key=lambda pair: picture.links.index(pair[0]))
    layout = laid_out(sizes, [edge for _, edge in edges])
    n = len(texts)
    copies = tuple(zip(copied, layout.boxes[n:], strict=True))
    return Arranged(texts, layout.boxes[:n], copies, layout.routes, layout.width, layout.height)


def label_of(link: Link) -> str:
    """Return what stands beside an arrow: the shape of the gradient, and how often it comes."""
    return link.shape + (f" ×{link.uses}" if link.shape and link.uses > 1 else "")
