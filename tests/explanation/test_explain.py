"""`explain`: the answer first, in the learner's names, and every formula in it is true."""

import os
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import tinygrad_softmax as tg
from tests.derivation.programs import PROGRAMS
from tests.explanation.losses import EVERY
from tests.explanation.reading import Reader
from tinygrad_softmax.core.op import primitive
from tinygrad_softmax.datasets import case_study
from tinygrad_softmax.explanation import explain
from tinygrad_softmax.explanation.graph import Scope

GOLDEN = Path(__file__).parent / "golden"


@cache
def explained(name):
    program = EVERY[name]
    return explain(program.loss, program.wrt, **program.inputs)


@cache
def the_question():
    X, y, (W, b), _ = case_study()
    return explain(PROGRAMS["question"].loss, ("W", "b"), W=W, b=b, X=X, y=y, reg=1e-3)


@cache
def on_tape():
    X, y, (W, b), _ = case_study()
    W, b = tg.Tensor(W), tg.Tensor(b)
    num_examples, reg = X.shape[0], 1e-3
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    corect_logprobs = -np.log(probs[range(num_examples), y])
    data_loss = np.sum(corect_logprobs) / num_examples
    reg_loss = 0.5 * reg * np.sum(W * W)
    loss = data_loss + reg_loss
    explanation = explain(loss)
    values = {n: v.data if isinstance(v, tg.Tensor) else v for n, v in locals().items()}
    return explanation, values


TOLD = {
    "question": the_question,
    "question_on_tape": lambda: on_tape()[0],
    **{name: lambda name=name: explained(name)
       for name in ("two_layer", "row_maximum_subtracted", "svm_written_to", "quadratic_form")},
}  # fmt: skip


@pytest.mark.parametrize("which", TOLD)
def test_the_wording_is_as_agreed(which):
    text, golden = str(TOLD[which]()), GOLDEN / f"{which}.txt"
    if os.environ.get("WRITE_GOLDEN"):
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


# --- every text is read back ---


@pytest.mark.no_cover
@pytest.mark.parametrize("name", EVERY)
def test_every_name_means_something_and_every_formula_is_true(name):
    program, explanation = EVERY[name], explained(name)
    assert explanation.note == ""
    forward = explanation.derivation.program.compiled()(**program.inputs)[2]
    reader = Reader({**explanation.derivation.program.used, **forward})
    reader.parts(explanation.parts)
    assert reader.read > 5
    # the lines of the way, run one after the other, are the gradient
    titles = {s.title: s.gradient for s in explanation.stations if s.leaf}
    for which, slope in explanation.derivation(**program.inputs).items():
        found = np.broadcast_to(reader.space[titles[which]], np.shape(slope))
        np.testing.assert_allclose(found, slope, rtol=1e-7, atol=1e-10)


def gradients(program):
    slopes = tg.value_and_grad(program.loss, wrt=program.wrt)(**program.inputs)[1]
    return dict(zip(program.wrt, slopes, strict=True))


def test_what_is_said_of_a_tape_is_true_as_well():
    explanation, values = on_tape()
    reader = Reader({name: value for name, value in values.items() if name != "explanation"})
    reader.parts(explanation.parts)
    derivation = the_question().derivation
    np.testing.assert_allclose(reader.space["dW"], derivation(**derivation.given)["W"])


@pytest.mark.no_cover
@pytest.mark.parametrize("name", EVERY)
def test_no_letter_of_a_rule_is_left_in_a_sentence(name):
    """A rule speaks of g, out, x, y, w and p: none of these is left beside the user's names."""
    program, explanation = EVERY[name], explained(name)
    known = {*explanation.derivation.program.inputs, *explanation.derivation.trace.names}
    for arrow in explanation.arrows:
        for code in re.findall(r"`([^`]+)`", arrow.sentence):
            words = {*re.findall(r"(?<![\w.])[a-z]\w*", code)} - known
            assert not words & {"g", "out", "x", "y", "w", "p"}, (program, arrow.sentence)


@pytest.mark.parametrize("name", EVERY)
def test_text_is_narrow_and_markdown_and_latex_are_whole(name):
    explanation = explained(name)
    for line in str(explanation).splitlines():
        assert len(line) <= 90 or "`" in line or line.startswith("      "), line
    assert explanation._repr_markdown_() == explanation.markdown
    assert explanation.markdown.count("```") % 2 == 0
    verbatim = re.compile(r"\\begin\{verbatim\}.*?\\end\{verbatim\}", re.DOTALL)
    bare = verbatim.sub("", explanation.latex)
    assert bare.count(r"\begin") == bare.count(r"\end")
    bare = re.sub(r"\\[\\{}_&%$#^]", "", bare)
    assert bare.count("{") == bare.count("}")
    assert "`" not in bare


def test_it_prints_itself():
    explanation = explained("ridge")
    assert repr(explanation) == str(explanation)
    assert str(explanation).startswith("The gradient of loss with respect to w\n")


# --- what is said, and in which order ---


def test_the_answer_comes_first_and_the_regulariser_last():
    text = str(the_question())
    order = ["Put together", "dscores = probs.copy()  # (300, 3)", "One example in numbers",
             "Step by step", "dcorrect_logprobs = 1 /", "dprobs = ", "dexp_scores = ", "db = ",
             "dreg_loss = 1", "The slopes of the softmax", "What can go wrong"]  # fmt: skip
    places = [text.rindex(piece) if piece == "db = " else text.index(piece) for piece in order]
    assert places == sorted(places)


def test_why_dscores_is_the_probabilities_minus_one_at_the_label():
    line = the_question().lines[0]
    assert line.code.splitlines()[1] == "dscores[range(num_examples), y] -= 1"
    by_numerator, by_denominator = line.contributions
    assert by_numerator == (
        "`-1 / num_examples` at `[range(num_examples), y]` and 0 elsewhere, through the numerator "
        "of `probs`."
    )
    assert by_denominator.startswith("`probs / num_examples`, through the denominator of `probs`")
    words = " ".join(line.sentences)
    assert "come to `(probs[range(num_examples), y] - 1) / num_examples`" in words
    assert "Each row of `dscores` sums to zero" in words


def test_why_the_weights_get_a_product_and_the_regularization():
    line = the_question().lines[1]
    assert (line.code, line.shape) == ("dW = X.T @ dscores + reg * W", (2, 3))
    assert line.contributions == (
        "`X.T @ dscores`, through `scores`.",
        "`reg * W`, through `reg_loss`.",
    )
    product, uses = line.sentences
    assert product == (
        "`W[d, k]` was multiplied by `X[i, d]` for every i, so its gradient is the sum over i of "
        "`X[i, d] * dscores[i, k]`. That is entry [d, k] of `X.T @ dscores`: "
        "(2, 300) @ (300, 3) = (2, 3)."
    )
    assert uses == "`W * W` uses `W` twice, and every use counts."


def test_why_the_bias_gets_a_sum():
    for explanation in (the_question(), on_tape()[0]):
        (arrow,) = [arrow for arrow in explanation.arrows if arrow.operand == "b"]
        assert arrow.formula == "db = np.sum(dscores, axis=0, keepdims=True)"
        assert arrow.collected == (
            "`b` (1, 3) was repeated for every row of `scores` (300, 3), so its gradient is "
            "summed over axis 0."
        )


def test_a_sum_along_an_axis_hands_each_row_its_own():
    text = " ".join(str(the_question()).split())
    assert "receives the same" not in text
    assert (
        "Every entry of `exp_scores` (300, 3) went into the sum of its row, so it receives the "
        "entry of `dsum_exp_scores` for its row."
    ) in text


def test_gates_are_called_by_their_names_once():
    text = str(explained("two_layer"))
    for gate in ("Multiplication swaps", "The maximum routes"):
        assert text.count(gate) == 1
    assert "Addition distributes the gradient: `dscores` passes on unchanged." in " ".join(
        text.split()
    )


def test_softmax_has_its_slopes():
    for name, slope in {
        "question": "`probs[i, k] * (delta_kj - probs[i, j])`",
        "transposed_layout": "`probs[k, i] * (delta_kj - probs[j, i])`",
        "attention": "`A[i, k] * (delta_kj - A[i, j])`",
    }.items():
        text = " ".join(str(explained(name)).split())
        assert slope in text
        assert "p_k (delta_kj - p_j)" in text
    assert "softmax" not in str(explained("ridge"))


def test_the_gradient_of_a_softmax_is_as_it_is_said():
    program = PROGRAMS["softmax_upstream"]
    (line,) = re.findall(
        r"passes back to `scores` is `(.*?)`", " ".join(str(explained("softmax_upstream")).split())
    )
    e = np.exp(program.inputs["scores"])
    found = eval(line, {"np": np, "p": e / e.sum(1, keepdims=True), "dp": program.inputs["G"]})
    np.testing.assert_allclose(found, gradients(program)["scores"])


def test_what_can_go_wrong_is_said():
    said = {name: " ".join(str(explained(name)).split()) for name in
            ("two_layer", "tanh_by_output", "sigmoid_by_output", "question", "ridge")}  # fmt: skip
    assert "Dead units: where `z` is below 0" in said["two_layer"]
    assert "Saturation: where `h` is close" in said["tanh_by_output"]
    assert "Saturation: where `p` is close" in said["sigmoid_by_output"]
    assert "subtract the row maximum first" in said["question"]
    assert "go wrong" not in said["ridge"]


def test_one_example_in_numbers():
    X, y, *_ = case_study()
    rows = dict(re.split(r"\s+= ", row) for row in the_question().example(7).splitlines())
    assert [*rows][:3] == ["y[7]", "X[7]", "scores[7]"]
    values = the_question().derivation.intermediates(**the_question().derivation.given)
    np.testing.assert_allclose(eval(rows["dscores[7]"]), values["dscores"][7], rtol=1e-3)
    np.testing.assert_allclose(eval(rows["X[7]"]), X[7], rtol=1e-3)
    assert rows["y[7]"] == str(y[7])
    assert "scores[:, 0]" in str(explained("transposed_layout"))
    assert "One example" not in str(explained("quadratic_form"))


def test_a_mask_in_place_does_not_make_one_name_of_two():
    (line,) = [line for line in explained("two_layer").lines if line.name == "dhidden"]
    (mask,) = [sentence for sentence in line.sentences if "last line" in sentence]
    assert mask.startswith(
        "The last line turns it, in the same array, into `dz`, the gradient of `z = X @ W + b`:"
    )


# --- tapes, and whatever else there is ---


def names_of(explanation):
    return [station.title for station in explanation.stations]


def test_a_loss_without_any_names():
    explanation = explain(lambda w, X, y: np.sum((X @ w - y) ** 2),
                          w=np.ones(2), X=np.eye(2), y=np.ones(2))  # fmt: skip
    assert names_of(explanation)[0] == "loss"
    assert names_of(explanation)[-1] == "w"


def test_an_op_of_the_user_s_with_rules_that_cannot_run_on_symbols():
    @primitive()
    def odd(x, *, k=2):
        return x * k

    @odd.grad("x")
    def _(g, k):
        return np.array([float(v) * k for v in g])

    x, unkept = tg.Tensor(np.ones(3), name="lambda"), np.ones(3)
    explanation = explain(np.sum(odd(x) + unkept))
    by_function = explain(lambda v: np.sum(odd(v)), v=np.ones(2))
    arrow = explanation.arrows[-1]
    assert (arrow.operand, arrow.formula, arrow.sentence) == ("v_lambda", "", "")
    text = " ".join(str(explanation).split())
    assert "By the rule of `odd` for `x`." in text
    assert "no formula" in text
    assert "odd(v_lambda) + not_kept1" in explanation.stations[0].definition
    assert "`not_kept1` is a constant that the tape has not kept." in text
    assert by_function.note.startswith("The simplified lines are left out")


def test_two_constants_without_a_name_have_two():
    x = tg.Tensor(np.ones((20, 3)))
    first, second = [np.full((20, 3), 2.0)], [np.full((20, 3), 3.0)]
    told = explain(np.sum(x * first[0]) + np.sum(np.exp(x * second[0])))
    text = " ".join(str(told).split())
    assert "`constant` is an array of shape (20, 3)" in text
    assert "`constant_` is an array of shape (20, 3)" in text


def test_constants_masks_and_labels_on_a_tape():
    x = tg.Tensor(np.arange(6.0).reshape(2, 3))
    mask, fixed = x.data > 2, tg.Tensor(np.ones((2, 3)), requires_grad=False)
    unnamed = [np.array([1, 0])]
    picked = x[mask]
    loss = np.sum(picked * 3) + np.sum(fixed * x) + np.sum(x[:, unnamed[0]] * np.array([2.0, 5.0]))
    explanation = explain(loss)
    assert any("x[mask]" in station.definition for station in explanation.stations)
    assert any("np.array([2.0, 5.0])" in arrow.formula for arrow in explanation.arrows)
    assert any(arrow.formula == "dx = fixed" for arrow in explanation.arrows)


def test_joined_and_summed_products_on_a_tape():
    a, b = tg.Tensor(np.ones((2, 3))), tg.Tensor(np.ones((3, 4)))
    joined = np.concatenate([np.einsum("ij,jk->ik", a, b), np.zeros((1, 4))])
    formulas = [arrow.formula for arrow in explain(np.sum(joined)).arrows]
    assert any("np.einsum('ik,jk->ij'" in formula for formula in formulas)
    assert any("[0:2]" in formula for formula in formulas)


def test_small_things():
    s = tg.Tensor(2.0)
    assert [a.formula for a in explain(s * s).arrows] == ["ds = s", "ds = s"]
    stack = tg.Tensor(np.ones((4, 2, 3)))
    w, bias = tg.Tensor(np.ones((3, 2))), tg.Tensor(np.ones((1, 2, 1)))
    product = stack @ w
    told = explain(np.sum(product * bias))
    assert any("axes 0 and 2" in arrow.collected for arrow in told.arrows)
    assert any("summed over the stack" in arrow.sentence for arrow in told.arrows)
    scale = tg.Tensor(np.ones(()))
    (arrow,) = [a for a in explain(np.sum(stack * scale)).arrows if a.operand == "scale"]
    assert "for every entry" in arrow.collected


def test_names_that_would_clash():
    def function(x, dx):
        loss = x * dx
        return loss.sum()

    explanation = explain(function, x=np.ones(3), dx=np.ones(3))
    assert explanation.arrows[-1].outgoing == "dx2"


def test_a_long_pass_stays_readable():
    h = tg.Tensor(np.eye(4))
    v = h
    for i in range(70):
        v = np.tanh(v @ h + i)
    explanation = explain(np.sum(v))
    text = str(explanation)
    assert len(explanation.arrows) == 281
    assert len(text.splitlines()) < 400
    assert "more gradients follow in the same way" in text


def test_many_leaves_are_not_all_in_the_title():
    leaves = [tg.Tensor(np.ones(2), name=f"p{i}") for i in range(8)]
    title = str(explain(np.sum(sum(leaves[1:], start=leaves[0])))).splitlines()[0]
    assert title.endswith("with respect to its parameters")


def test_a_function_that_branches_is_run():
    def branching(x, y):
        h = x * 2
        if h.sum() > 0:
            h = np.tanh(h)
        return np.sum(np.concatenate([h, y[:2]]) ** 2)

    explanation = explain(branching, x=np.arange(3.0), y=np.ones(4))
    assert "branches on a value" in explanation.note
    assert explanation.note in " ".join(str(explanation).split())
    assert names_of(explanation)[-1] == "x"
    with pytest.raises(TypeError, match="wrt='z' is not among the inputs given"):
        explain(branching, "z", x=np.ones(3), y=np.ones(4))


def test_a_function_that_returns_its_own_tensor_is_run():
    def function(x):
        if float(np.sum(getattr(x, "data", x))) > 0:
            return np.sum(x * x)
        return 0.0

    assert explain(function, x=np.ones(2)).arrows[-1].operand == "x"
    with pytest.raises(tg.BackwardError, match="does not depend on x"):
        explain(function, x=-np.ones(2))


# --- what is put together ---


def lines_of(function, wrt, **inputs):
    explanation = explain(function, wrt, **inputs)
    assert explanation.note == ""
    return {line.name: line for line in explanation.lines}


def test_entries_picked_more_than_once_add_up():
    def function(E, i):
        return np.sum(E[i] ** 2) + np.sum(E * E)

    (line,) = lines_of(function, "E", E=np.ones((4, 3)), i=np.array([1, 1, 2])).values()
    assert "np.add.at(dE, i," in line.code
    assert any("added up where an entry is picked more than once" in c for c in line.contributions)
    assert not any("come to" in sentence for sentence in line.sentences)


def test_a_way_on_which_nothing_comes():
    (line,) = [line for line in explained("row_maximum_subtracted").lines if line.name == "dscores"]
    assert "nothing, since it cancels out, through `shifted`." in line.contributions


def test_lines_for_values_without_a_name():
    def function(W, b, X):
        return np.sum(np.tanh(X @ W + b) @ np.array([[1.0, 2.0], [3.0, 5.0], [7.0, 11.0]]))

    lines = lines_of(function, ("W", "b"), W=np.ones((4, 3)), b=np.ones(3), X=np.ones((5, 4)))
    assert {"dW", "db"} < lines.keys()


def test_names_go_by_a_variable_only_if_that_is_certain():
    scope = Scope()
    scope.note({"a": 5, "b": 5, "c": 7, "text": "7", "_d": 9})
    assert (scope.name(5), scope.name(7), scope.name(9)) == (None, "c", None)
    for row in np.ones((2, 3)):
        scope.note({"row": row})
    assert [name for name, _ in scope.arrays.values()] == ["row", "row_2"]


# --- errors ---


def test_errors_say_what_to_do():
    x = tg.Tensor(np.ones(3))
    with pytest.raises(tg.BackwardError, match="x, which is the result of no recorded op"):
        explain(x)
    with pytest.raises(tg.BackwardError, match="result of no recorded op"):
        explain(x.detach())
    doubled = 2 * x
    with pytest.raises(tg.BackwardError, match=r"needs a scalar, but doubled has shape \(3,\)"):
        explain(doubled)
    loss = np.sum(x)
    loss.backward()
    with pytest.raises(tg.BackwardError, match="consumed this graph"):
        explain(loss)
    with pytest.raises(TypeError, match="takes nothing else"):
        explain(np.sum(x), "x")
    with pytest.raises(TypeError, match="a Tensor or a function, not float"):
        explain(3.0)


def test_an_input_that_the_loss_does_not_depend_on_is_said_to_be_none_of_it():
    told = tg.explain(lambda w, b: np.sum(w**2), wrt=("w", "b"), w=np.ones(3), b=np.ones(2))
    assert "The loss does not depend on `b`." in str(told)
