"""The picture as SVG, HTML and DOT: well-formed, complete, and safe whatever things are called."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

import tinygrad_softmax.drawing as package
from tests.drawing.graphs import GRAPHS, question, toy
from tinygrad_softmax.drawing import Drawing
from tinygrad_softmax.drawing.numbers import Labels, summarised
from tinygrad_softmax.drawing.picture import Arrival, Box, Derived, Link, Picture
from tinygrad_softmax.drawing.svg import BROAD, LINES, columns, written

SVG = "{http://www.w3.org/2000/svg}"
NASTY = "<b>\"&'</script><!-- {{data}}\n\\x\x00"


def nasty():
    """A picture in which everything that could come from the user is awkward."""
    value = summarised(1.0)
    large = summarised(np.eye(70), Labels(NASTY, np.array([NASTY, "b"] * 35)))
    line = Derived(NASTY, (NASTY,), (NASTY,))
    arrival = Arrival(0, 1, NASTY, NASTY)
    boxes = (
        Box(NASTY, "loss", NASTY, NASTY, NASTY, value, NASTY, value, NASTY, places=(0,)),
        Box(NASTY, "parameter", "", "number", "", large, "d", value, "", (arrival,), line),
        Box("", "data", "", "number", "", None),
    )
    links = (Link(1, 0, 1, NASTY), Link(2, 0, 1))
    return Drawing(Picture(boxes, links, NASTY, (NASTY,), (NASTY,)))


@pytest.mark.parametrize("which", [*GRAPHS, "nasty"])
def test_the_svg_is_well_formed_and_has_every_box_and_arrow(which):
    drawing = nasty() if which == "nasty" else GRAPHS[which]()
    picture, root = drawing.picture, ET.fromstring(drawing.svg)
    assert root.tag == f"{SVG}svg"
    assert root[0].tag == f"{SVG}title"
    assert root[1].tag == f"{SVG}desc"
    shown = [g for g in root.iter(f"{SVG}g") if "box" in g.get("class") and g.get("tabindex")]
    assert [int(g.get("data-box")) for g in shown] == [*range(len(picture.boxes))]
    for g, box in zip(shown, picture.boxes, strict=True):
        assert g.get("role") == "img"
        assert g.get("aria-label").startswith(box.name.replace("\x00", "�").replace("\n", " "))
        below = f"{box.op or box.kind} · {box.shape}".replace("\x00", "�")
        if box.kind == "data" and box.shape == "number" and box.value:
            below = box.value.text  # the number itself says more
        assert g.find(f"{SVG}text[@class='below']").text == below
    for link in picture.links:
        path = f".//{SVG}g[@data-from='{link.source}'][@data-to='{link.target}']"
        (g,) = root.findall(path)
        assert len(g.findall(f"{SVG}path[@class='down']")) == 1
        assert len(g.findall(f"{SVG}path[@class='up']")) == bool(link.shape)


def test_kinds_are_told_apart_by_their_outline():
    root = ET.fromstring(question().svg)
    outlines = {}
    for g in root.iter(f"{SVG}g"):
        kind = g.get("class").removeprefix("box ")
        if g.get("tabindex"):
            found = g.findall(f"{SVG}polygon") + g.findall(f"{SVG}rect")
            corners = [len(e.get("points", "").split()) for e in found]
            outlines.setdefault(kind, set()).add((*corners, found[0].get("rx")))
    one_of_each = [next(iter(each)) for each in outlines.values() if len(each) == 1]
    assert len(set(one_of_each)) == len(outlines) == 5


def test_gradient_arrows_carry_the_shape_and_how_often():
    root = ET.fromstring(question().svg)
    shapes = [e.text for e in root.iter(f"{SVG}text") if e.get("class") == "shape"]
    assert "(2, 3) ×2" in shapes
    assert "(300, 3)" in shapes
    assert "number" in shapes


@pytest.mark.parametrize("which", [*GRAPHS, "nasty"])
def test_the_page_stands_by_itself(which):
    drawing = nasty() if which == "nasty" else GRAPHS[which]()
    page = drawing.html
    assert not re.search(r"(?:src|href)=\"(?!data:,|#)", page)
    assert not re.search(r"@import|url\(", page)
    assert page.count("<script") == page.count("</script>") == 2
    assert drawing.svg in page
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    assert [box["name"] for box in data["boxes"]] == [box.name for box in drawing.picture.boxes]
    assert data["steps"] == drawing.picture.steps == len(data["said"]) - 1


def test_the_page_opens_at_the_loss_with_its_code():
    page = question().html
    assert "Step 0 of 16: the loss has been computed." in page
    assert '<code data-line="0">def question(W, b, X, y, reg):\n</code>' in page
    assert "∇</b> gradient has arrived" in page


def test_what_comes_from_the_user_is_text_and_nothing_else():
    drawing = nasty()
    for text in (drawing.svg, drawing.html.replace("<!DOCTYPE", ""), drawing._repr_html_()):
        assert '<b>"&' not in text
        assert "&'</script>" not in text
        assert "<!--" not in text


@pytest.mark.parametrize("which", [*GRAPHS, "nasty"])
def test_the_dot_is_balanced_and_complete(which):
    drawing = nasty() if which == "nasty" else GRAPHS[which]()
    text = drawing.dot
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', text)
    assert '""' in bare
    assert bare.count('"') % 2 == 0
    for left, right in ("{}", "[]"):
        assert bare.count(left) == bare.count(right)
    lines = bare.splitlines()
    assert all(line.endswith((";", "{", "}")) for line in lines)
    assert len([line for line in lines if re.match(r"  n\d+ \[", line)]) == len(
        drawing.picture.boxes
    )
    arrows = sum(1 + bool(link.shape) for link in drawing.picture.links)
    assert sum("->" in line for line in lines) == arrows


@pytest.mark.parametrize("ending", ["svg", "html", "dot", "SVG"])
def test_a_drawing_is_saved_by_its_ending(tmp_path, ending):
    drawing = toy()
    path = tmp_path / f"graph.{ending}"
    drawing.save(path)
    assert path.read_text("utf-8") == getattr(drawing, ending.lower())
    drawing.save(str(path))


@pytest.mark.parametrize("name", ["graph.png", "graph"])
def test_an_unknown_ending_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"is saved as \.svg, \.html or \.dot: choose one"):
        toy().save(tmp_path / name)
    assert not (tmp_path / name).exists()


def test_a_notebook_shows_the_page_in_a_frame():
    drawing = toy()
    assert drawing._repr_svg_() == drawing.svg
    assert drawing._repr_html_().startswith("<iframe ")
    assert repr(drawing) == "<Drawing of loss: 5 boxes, 4 arrows>"


def test_names_are_broken_between_words_and_long_ones_end_in_dots():
    def lines(name):
        return written(Box(name, "step", "add", "(3,)", "", None)).name

    assert lines("scores") == ("scores",)
    assert lines("np.log(probs[range(num_examples), y])") == (
        "np.log(probs[range(",
        "num_examples), y])",
    )
    long = lines("some_value + " * 12)
    assert len(long) == LINES
    assert long[-1].endswith("…")
    assert all(columns(line) <= BROAD + 1 for line in lines("a" * 300))
    assert (
        written(Box("权重", "step", "add", "()", "", None)).size
        == written(Box("wwww", "step", "add", "()", "", None)).size
    )


# --- contrast -------------------------------------------------------------------------------------

#: What is written on what, in the picture and on the page.
TEXT = {
    "picture.css": [
        *[("ink", ground) for ground in ("named", "step", "parameter", "data", "loss", "glow")],
        *[("soft", ground) for ground in ("named", "step", "parameter", "data", "loss", "glow")],
        ("up", "ground"),
    ],
    "page.css": [
        *[(ink, ground) for ink in ("text", "quiet", "accent") for ground in ("page", "panel")],
        ("back", "page"),
        ("text", "lit"),
    ],
}
#: Outlines and lines need less.
LINES_ON = [("down", "ground"), ("up", "ground"), ("edge", "ground"), ("named-edge", "ground"),
            ("parameter-edge", "ground"), ("loss-edge", "ground")]  # fmt: skip


def colours(file, scheme):
    """The variables of a style sheet in one colour scheme."""
    text = (Path(package.__file__).parent / file).read_text("utf-8")
    light, _, dark = text.partition("prefers-color-scheme: dark")
    part = light if scheme == "light" else dark
    return dict(re.findall(r"--([\w-]+): (#\w{6})", part.partition("@media")[0]))


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted([luminance(one), luminance(other)], reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("file", TEXT)
def test_text_stands_out_from_its_ground(file, scheme):
    known = colours(file, scheme)
    for ink, ground in TEXT[file]:
        assert contrast(known[ink], known[ground]) >= 4.5, (ink, ground)
    for line, ground in LINES_ON if file == "picture.css" else ():
        assert contrast(known[line], known[ground]) >= 3, (line, ground)


def test_contrast_is_measured_as_the_guidelines_say():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
