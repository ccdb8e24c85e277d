"""The layout: whatever the graph, nothing overlaps and every arrow leads down."""

from graphlib import CycleError
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.drawing.graphs import GRAPHS
from tinygrad_softmax.drawing.layout import Edge, laid_out
from tinygrad_softmax.drawing.svg import arranged


@st.composite
def graphs(draw):
    """Boxes of any size, and arrows that lead to boxes of a lower number."""
    n = draw(st.integers(0, 12))
    sizes = [(draw(st.integers(20, 200)), draw(st.integers(20, 60))) for _ in range(n)]
    pairs = [(i, j) for i in range(n) for j in range(i)]
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=25)) if pairs else []
    return sizes, [Edge(i, j, draw(st.sampled_from([0.0, 30.0, 80.0]))) for i, j in chosen]


def overlap(a, b):
    """Whether two frames have some area in common."""
    return (
        a.x + 1e-6 < b.x + b.width
        and b.x + 1e-6 < a.x + a.width
        and a.y + 1e-6 < b.y + b.height
        and b.y + 1e-6 < a.y + a.height
    )


def along(points):
    """Points of the way of an arrow: its straight parts, and its bends."""
    for k, ((x1, y1), (x2, y2)) in enumerate(pairwise(points)):
        for t in (i / 8 for i in range(9)):
            x, y = (t**2 * (3 - 2 * t), t**3 + 1.5 * t * (1 - t)) if k % 2 else (t, t)
            yield x1 + x * (x2 - x1), y1 + y * (y2 - y1)


@given(graphs())
def test_any_graph_is_laid_out_without_overlap(graph):
    sizes, edges = graph
    layout = laid_out(sizes, edges)
    assert layout == laid_out(sizes, edges)
    assert [(frame.width, frame.height) for frame in layout.boxes] == sizes
    labels = [label for label in layout.labels if label]
    assert [label.width for label in labels] == [edge.label for edge in edges if edge.label]
    for a, b in combinations([*layout.boxes, *labels], 2):
        assert not overlap(a, b), (a, b)
    for frame in (*layout.boxes, *labels):
        assert 0 <= frame.x <= frame.x + frame.width <= layout.width
        assert 0 <= frame.y <= frame.y + frame.height <= layout.height
    for points, edge in zip(layout.routes, edges, strict=True):
        heights = [y for _, y in points]
        assert heights == sorted(heights)
        for frame, (x, y), at in (
            (layout.boxes[edge.source], points[0], 1),
            (layout.boxes[edge.target], points[-1], 0),
        ):
            assert frame.x < x < frame.x + frame.width
            assert y == pytest.approx(frame.y + at * frame.height)
        for x, y in along(points):
            for frame in layout.boxes:
                inside = frame.y < y - 1e-6 and y + 1e-6 < frame.y + frame.height
                assert not (inside and frame.x < x < frame.x + frame.width), (x, y, frame)


@pytest.mark.parametrize("name", GRAPHS)
def test_a_loss_is_laid_out_without_crossings(name):
    layout = arranged(GRAPHS[name]().picture).layout
    for a, b in combinations([*layout.boxes, *filter(None, layout.labels)], 2):
        assert not overlap(a, b)
    assert layout.crossings == 0


def test_crossings_are_counted():
    # Each of three is linked to each of three: in no order do fewer cross.
    layout = laid_out([(9, 9)] * 6, [Edge(i, j) for i in (3, 4, 5) for j in range(3)])
    assert layout.crossings == 9


def test_a_long_arrow_is_straight():
    layout = laid_out([(40, 20)] * 5, [Edge(i + 1, i) for i in range(4)] + [Edge(4, 0)])
    assert len({x for x, _ in layout.routes[-1][2:-2]}) == 1


def test_a_circle_is_no_graph():
    with pytest.raises(CycleError):
        laid_out([(9, 9)] * 2, [Edge(0, 1), Edge(1, 0)])


def test_a_loop_stands_in_line():
    texts, _, layout = arranged(GRAPHS["recurrent"]().picture)
    spine = {frame.x + frame.width / 2 for text, frame in zip(texts, layout.boxes, strict=False)
             if text.name[0].startswith("h_")}  # fmt: skip
    assert max(spine) - min(spine) < 2
    assert layout.width < 900
