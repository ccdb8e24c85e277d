"""The layout: whatever the graph, nothing overlaps and every arrow leads down."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.drawing.graphs import GRAPHS
from tinygrad_softmax.drawing.lettering import arranged
from tinygrad_softmax.drawing.places import settled
from tinygrad_softmax.drawing.ranks import Edge, crossings, gridded
from tinygrad_softmax.drawing.routes import laid_out


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


def assert_sound(frames, labels, routes, ends):
    """Nothing overlaps, nothing sticks out, and every arrow runs down between the boxes."""
    for a, b in combinations([*frames, *labels], 2):
        assert not overlap(a, b), (a, b)
    for route, (source, target) in zip(routes, ends, strict=True):
        heights = [y for _, y in route.points]
        assert heights == sorted(heights)
        start, end = frames[source], frames[target]
        assert start.y + start.height < end.y
        assert start.x < route.points[0][0] < start.x + start.width
        assert end.x < route.points[-1][0] < end.x + end.width
        for x, y in along(route.points):
            for frame in frames:
                inside = frame.y < y - 1e-6 and y + 1e-6 < frame.y + frame.height
                assert not (inside and frame.x < x < frame.x + frame.width), (x, y, frame)


@given(graphs())
def test_any_graph_is_laid_out_without_overlap(graph):
    sizes, edges = graph
    layout = laid_out(sizes, edges)
    assert [(frame.width, frame.height) for frame in layout.boxes] == sizes
    labels = [route.label for route in layout.routes if route.label]
    assert len(labels) == sum(edge.label > 0 for edge in edges)
    assert_sound(layout.boxes, labels, layout.routes, [edge[:2] for edge in edges])
    for frame in (*layout.boxes, *labels):
        assert frame.x >= 0
        assert frame.y >= 0
        assert frame.x + frame.width <= layout.width
        assert frame.y + frame.height <= layout.height


@given(graphs())
def test_the_layout_is_the_same_every_time(graph):
    assert laid_out(*graph) == laid_out(*graph)


@pytest.mark.parametrize("name", GRAPHS)
def test_a_loss_is_laid_out_without_crossings(name):
    picture = GRAPHS[name]().picture
    it = arranged(picture)
    frames = [*it.frames, *(frame for _, frame in it.copies)]
    labels = [route.label for route in it.routes if route.label]
    for a, b in combinations([*frames, *labels], 2):
        assert not overlap(a, b)
    sizes = [(text.width, text.height) for text in it.texts]
    grid = gridded(sizes, [Edge(link.source, link.target, 40) for link in picture.links])
    assert crossings(grid.cells, grid.rows) == 0 or it.copies


def test_crossings_are_counted():
    grid = gridded([(9, 9)] * 4, [Edge(2, 0), Edge(3, 1)])
    rows = [row[::-1] if i == 1 else row for i, row in enumerate(grid.rows)]
    assert crossings(grid.cells, grid.rows) == 0
    assert crossings(grid.cells, rows) == 2


def test_a_circle_is_no_graph():
    with pytest.raises(AssertionError, match="circle"):
        laid_out([(9, 9)] * 2, [Edge(0, 1), Edge(1, 0)])


@given(st.lists(st.tuples(st.floats(-99, 99), st.floats(0.1, 9), st.floats(0, 9)), min_size=1))
def test_a_row_settles_as_near_to_its_wishes_as_it_can(row):
    wishes, weights, gaps = map(list, zip(*row, strict=True))
    found = settled(wishes, weights, gaps[1:])
    apart = zip(pairwise(found), gaps[1:], strict=True)
    assert all(b - a >= gap - 1e-9 for (a, b), gap in apart)

    def cost(places):
        return sum(w * (p - q) ** 2 for w, p, q in zip(weights, places, wishes, strict=True))

    for shift in (-0.01, 0.01):  # no tail of the row can be moved for the better
        for i in range(len(row)):
            moved = found[:i] + [place + shift for place in found[i:]]
            if i == 0 or shift > 0 or moved[i] - moved[i - 1] >= gaps[i]:
                assert cost(moved) >= cost(found) - 1e-6


def test_a_loop_stands_in_line():
    it = arranged(GRAPHS["recurrent"]().picture)
    names = [text.name for text in it.texts]
    spine = [frame for name, frame in zip(names, it.frames, strict=True) if name[0][:2] == "h_"]
    middles = [frame.x + frame.width / 2 for frame in spine if frame.width]
    assert max(middles) - min(middles) < 260
    assert it.width < 1200
