"""`draw`: what is in a picture, that it is right, and what is said where nothing can be drawn."""

import re
import sys
from functools import partial, wraps

import numpy as np
import pytest

import tinygrad_softmax as tg
from tests.drawing.graphs import GRAPHS, question, recurrent, toy
from tinygrad_softmax import by_hand
from tinygrad_softmax.core.op import primitive
from tinygrad_softmax.datasets import case_study
from tinygrad_softmax.drawing.numbers import Labels, summarised


def boxes(drawing):
    return {box.name: box for box in drawing.picture.boxes}


def on_tape():
    """The question's loss on a tape, its intermediates held by variables or not."""
    X, y, (W, b), _ = case_study()
    W, b = tg.Tensor(W), tg.Tensor(b)
    num_examples = X.shape[0]
    exp_scores = np.exp(np.dot(X, W) + b)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    loss = np.sum(-np.log(probs[range(num_examples), y])) / num_examples
    return loss, W, tg.draw(loss)


def test_the_question_has_all_its_names_and_numbers():
    X, y, (W, b), _ = case_study()
    found = boxes(question())
    by_kind = {kind: {name for name, box in found.items() if box.kind == kind}
               for kind in ("loss", "parameter", "data", "named")}  # fmt: skip
    assert by_kind == {
        "loss": {"loss"},
        "parameter": {"W", "b"},
        "data": {"X", "y", "reg", "num_examples"},
        "named": {"scores", "exp_scores", "probs", "correct_logprobs", "data_loss", "reg_loss"},
    }
    right = by_hand.linear(W, b, X, y, reg=1e-3)
    assert found["probs"].value == summarised(right.probs, Labels("y", y))
    assert found["W"].slope == summarised(right.dW)
    assert found["b"].slope == summarised(right.db)
    assert found["num_examples"].value.text == "300"
    assert found["X"].slope is None
    assert found["scores"].line.code.startswith("dscores = probs.copy()")
    assert found["W"].line.code == "dW = X.T @ dscores + reg * W"
    assert [a.uses for a in found["W"].arrivals] == [1, 2]
    assert found["W * W"].shape == "(2, 3)"
    assert found["loss"].op == "add"


def test_every_value_has_the_line_that_makes_it():
    picture = question().picture
    found = {box.name: [picture.code[k].strip() for k in box.places] for box in picture.boxes}
    scores, reg_loss = "scores = np.dot(X, W) + b", "reg_loss = 0.5 * reg * np.sum(W * W)"
    assert picture.code[0] == "def question(W, b, X, y, reg):"
    assert found["loss"] == ["return data_loss + reg_loss"]
    assert found["X @ W"] == found["scores"] == found["b"] == found["X"] == [scores]
    assert found["W"] == [scores, reg_loss]  # where an input is used
    assert found["np.sum(W * W)"] == found["reg"] == [reg_loss]
    assert found["probs"] == found["sum_exp_scores"]
    assert all(found.values())


def helper(x):
    return np.tanh(x) * 2


def looped(x, times):
    h = x
    for _ in range(times):
        h = (
            helper(h)
            + x
        )  # fmt: skip
    if h.sum() < 100:  # which no formula has
        h = h * 3
    return np.sum(h)


@pytest.mark.parametrize("function", [looped, partial(looped, times=2)])
def test_the_lines_of_a_function_that_is_run(function):
    inputs = {} if isinstance(function, partial) else {"times": 2}
    picture = tg.draw(function, "x", x=np.ones(3), **inputs).picture
    assert picture.notes[0].startswith("The lines of the derivation are left out")
    lines = {(box.op, picture.code[k].strip()) for box in picture.boxes for k in box.places}
    assert {("tanh", "helper(h)"), ("multiply", "helper(h)"), ("multiply", "h = h * 3"),
            ("sum", "return np.sum(h)")} <= lines  # fmt: skip


def doubled(function):
    @wraps(function)
    def both(*args, **keywords):
        return 2 * function(*args, **keywords)

    return both


@doubled
def decorated(x):
    k = x.shape[1]
    C = np.eye(k)
    x = x @ C
    x[0] = 0
    return np.sum(x * x)


def test_the_lines_of_a_decorated_function_that_writes_into_an_array():
    picture = tg.draw(decorated, x=np.ones((3, 2))).picture
    found = {box.op or box.name: [picture.code[k].strip() for k in box.places]
             for box in picture.boxes}  # fmt: skip
    assert found["sum"] == ["return np.sum(x * x)"]
    assert picture.boxes[0].places == ()  # which the decorator makes
    assert found["updated"] == ["x[0] = 0"]
    assert found["matmul"] == found["eye"] == ["x = x @ C"]  # where a constant is used


def test_where_there_is_no_source_there_is_no_code():
    space = {"np": np}
    exec("def typed_in(x):\n    return np.sum(x * x)", space)
    for function in (space["typed_in"], lambda x: np.sum(x * x)):
        drawing = tg.draw(function, x=np.ones(3))
        assert drawing.picture.code == ()
        assert not any(box.places for box in drawing.picture.boxes)
        assert 'id="source"' not in drawing.html


def test_what_traces_python_goes_on_to():
    seen = []
    before = sys.gettrace()
    sys.settrace(tracer := lambda *event: seen.append(event))
    try:
        question()
        assert sys.gettrace() is tracer
    finally:
        sys.settrace(before)


def test_large_arrays_are_sorted_by_the_labels():
    found = boxes(question())
    for name in ("scores", "X"):
        assert found[name].value.groups == (("0", 13), ("1", 14), ("2", 13))
    assert found["scores"].slope.note == (
        "40 of the 300 rows are shown. The rows are sorted by `y`."
    )
    order = np.random.default_rng(0).permutation(70)  # integers, but no labels
    drawing = tg.draw(lambda w, X, order: np.sum((X @ w)[order] ** 2), w=np.ones(2),
                      X=np.random.default_rng(0).normal(size=(70, 2)), order=order)  # fmt: skip
    assert not any(box.value.groups for box in drawing.picture.boxes)


def test_boxes_stand_in_the_order_of_the_backward_pass():
    picture = question().picture
    for link in picture.links:
        if link.shape:
            assert link.target < link.source < picture.steps
        else:
            assert link.source >= picture.steps
    assert picture.boxes[0].kind == "loss"


def test_a_tape_is_drawn_with_what_is_known_and_not_used_up():
    loss, W, drawing = on_tape()
    found = boxes(drawing)
    assert W.grad is None
    loss.backward()
    assert found["W"].slope == summarised(W.grad)
    assert found["W"].value == summarised(W.data)
    assert all(box.value is not None for box in drawing.picture.boxes)
    assert found["y"].kind == "data"
    assert found["num_examples"].value.text == "300"
    assert "W" in drawing.picture.title


def test_a_tapes_values_are_right_even_where_it_has_kept_none():
    x = tg.Tensor([0.5, 1.5, 2.5], name="x")
    loss = np.sum(np.sqrt(np.concatenate([np.exp(x), x * 2])[1:5]).reshape(2, 2), axis=0)[1] * 3.0
    shown = [box.value for box in tg.draw(loss).picture.boxes]
    e = np.array([0.5, 1.5, 2.5])
    joined = np.concatenate([np.exp(e), e * 2])
    roots = np.sqrt(joined[1:5])
    for right in (e, np.exp(e), e * 2, joined, joined[1:5], roots, roots.reshape(2, 2),
                  roots.reshape(2, 2).sum(axis=0), loss.data):  # fmt: skip
        assert summarised(right) in shown


def test_a_value_that_was_not_kept_is_said_to_be_missing():
    x = tg.Tensor([0.5, 1.5], name="x")
    drawing = tg.draw(np.sum((np.tanh(x) + np.arange(2.0)) + np.ones(2)))
    missing = [box.name for box in drawing.picture.boxes if box.value is None]
    assert missing
    (note,) = [note for note in drawing.picture.notes if note.startswith("The values of")]
    assert all(f"`{name}`" in note for name in missing)
    assert '"value":null' in drawing.html


def test_a_function_that_cannot_be_traced_is_run():
    def branching(x, y):
        h = x * 2
        if h.sum() > 0:
            h = np.tanh(h)
        return np.sum(np.concatenate([h, y[:2]]) ** 2)

    for wrt in (None, "x", ("x",)):
        drawing = tg.draw(branching, wrt, x=np.arange(3.0), y=np.ones(4))
        found = boxes(drawing)
        assert found["x"].slope == summarised(tg.grad(branching)(np.arange(3.0), np.ones(4)))
        assert found["h"].kind == "named"
        assert drawing.picture.notes[0].startswith("The lines of the derivation are left out")
    with pytest.raises(TypeError, match="wrt='h' is not among the inputs given"):
        tg.draw(branching, "h", x=np.arange(3.0), y=np.ones(4))


def test_a_rule_without_a_formula_or_a_sentence_is_said_to_be_one():
    @primitive()
    def doubled(x):
        return 2 * x

    @doubled.grad("x")
    def _(g):
        return np.asarray(np.array(g, float).tolist()) * 2.0

    x = tg.Tensor([1.0, 2.0], name="x")
    arrival = boxes(tg.draw(np.sum(doubled(x) * 3.0)))["x"].arrivals[0]
    assert arrival.sentence == (
        "By the rule of `doubled` for `x`. This rule cannot be run on expressions: no formula."
    )
    assert arrival.formula == ""


def test_a_named_value_that_needs_no_gradient_has_a_box_with_its_inputs():
    def loss(w, X):
        centred = X - np.mean(X, axis=0)
        return np.sum((centred @ w) ** 2) + np.sum(centred * w[0])

    X = np.arange(6.0).reshape(3, 2)
    drawing = tg.draw(loss, w=np.ones(2), X=X)
    box = boxes(drawing)["centred"]
    assert (box.kind, box.op, box.gradient) == ("data", "subtract", "")
    assert box.value == summarised(X - X.mean(axis=0))
    names = [one.name for one in drawing.picture.boxes]
    links = [(names[link.source], names[link.target]) for link in drawing.picture.links]
    assert ("X", "centred") in links
    assert names.count("centred") == names.count("X") == 1


def test_overflow_is_drawn_and_not_warned_of():
    drawing = tg.draw(lambda x: np.sum(np.exp(x)), x=np.array([1.0, 1000.0]))
    assert boxes(drawing)["np.exp(x)"].value.table == (("2.718", "inf"),)


@pytest.mark.no_cover
@pytest.mark.parametrize("name", GRAPHS)
def test_every_program_is_drawn_the_same_twice(name):
    first, second = GRAPHS[name](), GRAPHS[name]()
    assert first.html == second.html
    assert first.dot == second.dot


def test_what_is_no_loss_is_refused_with_advice():
    x = tg.Tensor([1.0, 2.0])
    doubled = 2 * x
    with pytest.raises(tg.BackwardError, match=r"draw\(\) needs a scalar, but doubled has shape"):
        tg.draw(doubled)
    with pytest.raises(tg.BackwardError, match=r"draw\(\) of x, .* compute a loss from it"):
        tg.draw(x)
    with pytest.raises(tg.BackwardError, match="wrap an input in"):
        tg.draw(tg.Tensor(1.0, requires_grad=False))
    with pytest.raises(TypeError, match=r"draw\(\) takes a loss: a Tensor, or a function .* float"):
        tg.draw(1.0)
    with pytest.raises(TypeError, match="takes no inputs"):
        tg.draw(np.sum(x), x=1.0)
    with pytest.raises(TypeError, match="takes no inputs"):
        tg.draw(np.sum(x), "x")
    used_up = np.sum(x * x)
    used_up.backward()
    with pytest.raises(tg.BackwardError, match="already consumed"):
        tg.draw(used_up)
    with pytest.raises(tg.BackwardError, match=r"the constant 1\.0, which does not depend on x"):
        tg.draw(lambda x: 1.0, x=np.ones(2))
    stale = np.sum(x * x)
    x.data -= 0.5
    with pytest.raises(tg.StaleDataError, match="updated between"):
        tg.draw(stale)


def test_a_graph_that_is_too_large_is_refused_unless_asked_for():
    number = len(toy().picture.boxes)
    loss, inputs = lambda x, a: np.sum(a * x**2), {"x": np.ones(3), "a": 2.0}
    with pytest.raises(
        ValueError, match=f"the graph has {number} boxes, more than the 3 .* limit={number}"
    ):
        tg.draw(loss, **inputs, limit=3)
    assert len(tg.draw(loss, **inputs, limit=number).picture.boxes) == number


def test_what_is_used_often_is_copied_beside_its_uses():
    svg = recurrent().svg
    assert len(re.findall(r'class="box again parameter" data-box="\d+"', svg)) == 10
    assert "drawn again next to its uses, 15 times" in svg
    assert "again" not in question().svg.partition("</style>")[2]
