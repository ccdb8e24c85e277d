"""`explain`: every program is told, the formulas hold in numbers, and the wording is pinned."""

import ast
import os
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import tinygrad_softmax as tg
from tests.symbolic.programs import PROGRAMS
from tinygrad_softmax.core.op import primitive
from tinygrad_softmax.datasets import case_study
from tinygrad_softmax.prose import explain
from tinygrad_softmax.prose.arrows import Walk
from tinygrad_softmax.prose.graph import of_trace
from tinygrad_softmax.prose.render import as_latex
from tinygrad_softmax.prose.scope import Scope
from tinygrad_softmax.prose.sentences import fill
from tinygrad_softmax.prose.telling import Block
from tinygrad_softmax.prose.titles import Titles
from tinygrad_softmax.prose.together import _branches
from tinygrad_softmax.prose.written import Hand
from tinygrad_softmax.symbolic.evaluate import evaluate
from tinygrad_softmax.symbolic.expr import World
from tinygrad_softmax.symbolic.inputs import fresh
from tinygrad_softmax.symbolic.simplify import Simplifier

GOLDEN = Path(__file__).parent / "golden"
every_program = pytest.mark.parametrize("name", PROGRAMS)


@cache
def explained(name):
    program = PROGRAMS[name]
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
    return explain(loss)


def branching(x, y):
    h = x * 2
    if h.sum() > 0:
        h = np.tanh(h)
    return np.sum(np.concatenate([h, y[:2]]) ** 2)


TOLD = {
    "question": the_question,
    "question_on_tape": on_tape,
    "branching": lambda: explain(branching, x=np.arange(3.0), y=np.ones(4)),
    **{name: lambda name=name: explained(name)
       for name in ("two_layer", "row_maximum_subtracted", "multiclass_hinge", "quadratic_form",
                    "ridge")},
}  # fmt: skip


@pytest.mark.parametrize("which", TOLD)
def test_the_wording_is_as_agreed(which):
    text, golden = str(TOLD[which]()), GOLDEN / f"{which}.txt"
    if os.environ.get("WRITE_GOLDEN"):
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


# --- the question, answered ---


def test_why_dscores_is_the_probabilities_minus_one_at_the_label():
    line = the_question().lines[0]
    assert line.code.splitlines()[1] == "dscores[range(num_examples), y] -= 1"
    by_denominator, by_numerator = line.contributions
    assert by_denominator.startswith("`probs / num_examples`, by way of the denominator of `probs`")
    assert by_numerator.startswith("`-1 / num_examples` at `[range(num_examples), y]`")
    assert by_numerator.endswith("by way of the numerator of `probs`.")
    words = " ".join(line.sentences)
    assert "come to `(probs[range(num_examples), y] - 1) / num_examples`" in words
    assert "nothing where `probs[range(num_examples), y]` is 1" in words
    assert "`-1 / num_examples` where it is 0" in words
    assert "Each row of `dscores` sums to zero" in words


def test_why_the_weights_get_a_product_and_the_regularization():
    line = the_question().lines[1]
    assert line.contributions == (
        "`X.T @ dscores`, by way of `scores`.",
        "`reg * W`, by way of `reg_loss`.",
    )
    product, uses = line.sentences
    assert product.startswith("`W[k, j]` met `X[i, k]` in every row i, so it collects `X[i, k] *")
    assert uses == "`reg_loss` uses `W` twice, and every use counts."


def test_why_the_bias_gets_a_sum():
    for explanation in (the_question(), on_tape()):
        (arrow,) = [arrow for arrow in explanation.arrows if arrow.operand == "b"]
        assert arrow.formula == "db = np.sum(dscores, axis=0, keepdims=True)"
        assert arrow.collected == (
            "`b` (1, 3) was repeated for each of the 300 rows of `scores` (300, 3), so its "
            "gradient collects over axis 0."
        )


def test_contributions_are_told_with_where_they_come_from():
    last = on_tape().stations[-1]
    assert [(c.formula, c.source, c.part, c.uses) for c in last.contributions] == [
        ("X.T @ dscores", "scores", "data_loss", 1),
        ("0.001 * W", "reg_loss", "", 2),
    ]


# --- every program ---


@pytest.mark.no_cover
@every_program
def test_every_program_is_told_in_full(name):
    explanation = explained(name)
    assert explanation.note == ""
    assert explanation.arrows
    assert all(arrow.formula for arrow in explanation.arrows)
    assert all(arrow.sentence.endswith(".") for arrow in explanation.arrows)
    derived = tg.derive(PROGRAMS[name].loss, PROGRAMS[name].wrt, **PROGRAMS[name].inputs)
    assert "\n".join(line.code for line in explanation.lines) == derived.program.gradient
    assert all(line.sentences or line.contributions for line in explanation.lines)


@every_program
def test_the_walk_is_in_the_order_of_the_pass(name):
    explanation = explained(name)
    seen = set()
    for station in explanation.stations:
        seen.add(station.title)
        assert not {arrow.operand for arrow in station.arrows} & seen


@pytest.mark.no_cover
@every_program
def test_formulas_of_arrows_hold_in_numbers(name):
    """The lines of the walk, run as NumPy one after the other, give the automatic gradient."""
    program, explanation = PROGRAMS[name], explained(name)
    slopes = tg.value_and_grad(program.loss, wrt=program.wrt)(**program.inputs)[1]
    derivation = tg.derive(program.loss, program.wrt, **program.inputs)
    space = {"np": np, **program.inputs}
    space |= {label: np.shape(program.inputs[where])[axis]
              for label, (where, axis) in derivation.trace.sizes.items()}  # fmt: skip
    values = evaluate(derivation.trace.names.values(), space)
    space |= dict(zip(derivation.trace.names, values, strict=True))
    gradients = {}
    for station in reversed(explanation.stations):
        if not station.leaf and station.title.isidentifier():
            space[station.title] = eval(named(station.definition, {}), space)
    for arrow in explanation.arrows:
        gradients.setdefault(arrow.outgoing, np.zeros(arrow.operand_shape))
        gradients[arrow.outgoing] += contributed(arrow, space, gradients)
    for which, slope in zip(program.wrt, slopes, strict=True):
        got = gradients[f"d{which}"]
        np.testing.assert_allclose(got, slope, rtol=1e-8, atol=1e-12)


def named(code, gradients):
    """Put stand-ins in the place of ``d(...)``, so that a formula can be run."""

    class Calls(ast.NodeTransformer):
        def visit_Call(self, node):
            text = ast.unparse(node)
            return ast.Name(names[text]) if text in names else self.generic_visit(node)

    names = {text: f"g{i}" for i, text in enumerate(gradients)}
    return ast.unparse(Calls().visit(ast.parse(code, mode="eval")))


def contributed(arrow, space, gradients):
    values = {f"g{i}": value for i, value in enumerate(gradients.values())}
    values |= {text: value for text, value in gradients.items() if text.isidentifier()}
    values.pop(arrow.outgoing, None)
    made = None
    for line in arrow.formula.splitlines():
        target, sign, code = re.match(r"(.*?) (\+=|=|-=) (.*)", line).groups()
        value = eval(named(code, gradients), {**space, **values})
        index = target.removeprefix(arrow.outgoing)
        if index:
            made = np.zeros(arrow.operand_shape) if made is None else made
            exec(f"made{index} {sign} value", {**space, "made": made, "value": value})
        else:
            made = value
    return np.broadcast_to(made, arrow.operand_shape).copy()


@pytest.mark.no_cover
@pytest.mark.parametrize("seed", range(2))
@every_program
def test_what_arrives_by_each_way_adds_up_to_the_gradient(name, seed):
    program = PROGRAMS[name]
    d = tg.derive(program.loss, program.wrt, **program.inputs)
    walk, hand = Walk(Titles(of_trace(d.trace, d.given))), Hand(d)
    values = fresh(program.inputs, d.trace, seed=seed)
    env = values | {s: np.shape(values[n])[axis] for s, (n, axis) in d.trace.sizes.items()}
    for which in program.wrt:
        branches = list(_branches(walk, hand, set(), d.chain.target(which)))
        simple = [hand.canonical(branch.answer) for branch in branches]
        want = tg.value_and_grad(program.loss, wrt=which)(**values)[1]
        got = sum(np.broadcast_to(part, np.shape(want)) for part in evaluate(simple, env))
        np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-10)


@every_program
def test_text_is_narrow_and_markdown_and_latex_are_whole(name):
    explanation = explained(name)
    for line in str(explanation).splitlines():
        assert len(line) <= 90 or "`" in line or line.startswith(" " * 8), line
    assert explanation._repr_markdown_() == explanation.markdown
    assert explanation.markdown.count("```") % 2 == 0
    bare = re.sub(r"\\[\\{}_&%$#^]", "", explanation.latex)
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    outside = re.sub(r"\\\[.*?\\\]|\$.*?\$", "", bare.replace("\n", " "))
    assert not set(outside) & set("_^&#%`")


# --- tapes, and whatever else there is ---


def names_of(explanation):
    return [station.title for station in explanation.stations]


def test_a_loss_without_any_names():
    explanation = explain(lambda w, X, y: np.sum((X @ w - y) ** 2),
                          w=np.ones(2), X=np.eye(2), y=np.ones(2))  # fmt: skip
    assert names_of(explanation) == ["loss", "(X @ w - y) ** 2", "X @ w - y", "X @ w", "w"]
    assert explanation.arrows[1].formula == "d(X @ w - y) = 2 * (X @ w - y)"


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
    assert "there is no formula" in text
    assert "odd(v_lambda) + constant" in explanation.stations[0].definition
    assert by_function.note.startswith("The simplified lines are left out")
    assert "Put together" in str(by_function)


def test_constants_masks_and_labels_on_a_tape():
    x = tg.Tensor(np.arange(6.0).reshape(2, 3))
    mask, unnamed, fixed = (
        x.data > 2,
        [np.array([1, 0])],
        tg.Tensor(np.ones((2, 3)), requires_grad=False),
    )
    picked = x[mask]
    loss = np.sum(picked * 3) + np.sum(fixed * x) + np.sum(x[:, unnamed[0]] * np.array([2.0, 5.0]))
    explanation = explain(loss)
    assert any("x[mask]" in station.definition for station in explanation.stations)
    assert any("constant" in arrow.formula for arrow in explanation.arrows)
    assert any(arrow.formula == "dx += fixed" for arrow in explanation.arrows)
    assert np.isfinite(float(loss.data))


def test_joined_and_summed_products_on_a_tape():
    a, b = tg.Tensor(np.ones((2, 3))), tg.Tensor(np.ones((3, 4)))
    joined = np.concatenate([np.einsum("ij,jk->ik", a, b), np.zeros((1, 4))])
    loss = np.sum(joined)
    formulas = [arrow.formula for arrow in explain(loss).arrows]
    assert any("np.einsum('ik,jk->ij'" in formula for formula in formulas)
    assert any("[0:2]" in formula for formula in formulas)


def test_small_things():
    s = tg.Tensor(2.0)
    assert [a.formula for a in explain(s * s).arrows] == ["ds += s", "ds += s"]
    stack = tg.Tensor(np.ones((4, 2, 3)))
    w, bias = tg.Tensor(np.ones((3, 2))), tg.Tensor(np.ones((1, 2, 1)))
    product = stack @ w
    told = explain(np.sum(product * bias))
    assert any("along axes 0 and 2" in arrow.collected for arrow in told.arrows)
    scale = tg.Tensor(np.ones(()))
    (arrow,) = [a for a in explain(np.sum(stack * scale)).arrows if a.operand == "scale"]
    assert "for each of the 24 entries" in arrow.collected


def test_names_that_would_clash():
    def function(x, dx):
        loss = x * dx
        return loss.sum()

    explanation = explain(function, x=np.ones(3), dx=np.ones(3))
    assert explanation.arrows[-1].outgoing == "d(x)"
    assert explanation.stations[0].title == "total_loss"


def test_a_long_pass_stays_readable():
    h = tg.Tensor(np.eye(4))
    v = h
    for i in range(70):
        v = np.tanh(v @ h + i)
    explanation = explain(np.sum(v))
    text = str(explanation)
    assert len(explanation.arrows) == 281
    assert len(text.splitlines()) < 300
    assert "more values follow in the same way" in text
    assert "more, which" not in text
    assert "more." in text


def test_a_long_pass_with_few_values_leaves_nothing_out():
    x = tg.Tensor(np.ones(2))
    parts = [x * x for _ in range(31)]
    text = str(explain(np.sum(np.concatenate(parts))))
    assert "more values follow" not in text or text.count("more values follow") == 1


def test_many_leaves_are_not_all_in_the_title():
    leaves = [tg.Tensor(np.ones(2), name=f"p{i}") for i in range(8)]
    title = str(explain(np.sum(sum(leaves[1:], start=leaves[0])))).splitlines()[0]
    assert title.endswith("back to the leaves")


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
    assert "np.add.at(dE, i," in line.code.replace("(i,)", "i")
    assert any("added up where an entry is picked more than once" in c for c in line.contributions)
    assert not any("come to" in sentence for sentence in line.sentences)


def test_a_way_on_which_nothing_comes():
    def picking(x, y):
        return 3 * np.sum(x[range(len(x)), y]) + np.sum(np.sign(x))

    x, y = np.full((4, 3), 0.5), np.array([0, 1, 2, 0])
    line = lines_of(picking, "x", x=x, y=y)["dx"]
    assert any(c.startswith("nothing, since it cancels out") for c in line.contributions)
    assert not any("come to" in sentence for sentence in line.sentences)

    line = lines_of(lambda x: np.sum(np.exp(x)) + np.sum(np.sign(x)), "x", x=x)["dx"]
    assert any(c.startswith("all of it, by way of") for c in line.contributions)


def test_a_contribution_by_the_name_of_another_gradient():
    def function(x, y):
        twice = 2 * x
        return np.sum(twice[range(len(x)), y]) + np.sum(x * x)

    line = lines_of(function, "x", x=np.ones((4, 3)), y=np.array([0, 1, 2, 0]))["dx"]
    assert any(c.startswith("`2 * dtwice`") for c in line.contributions)


def test_lines_for_values_without_a_name():
    def function(W, b, X):
        return np.sum(np.tanh(X @ W + b) @ np.array([[1.0, 2.0], [3.0, 5.0], [7.0, 11.0]]))

    lines = lines_of(function, ("W", "b"), W=np.ones((4, 3)), b=np.ones(3), X=np.ones((5, 4)))
    assert {"dW", "db"} < lines.keys()


# --- the parts by themselves ---


def test_code_that_is_none_is_left_as_it_is():
    assert fill("an `x (` and `g`", {"x": "X", "g": "dy"}) == "an `x (` and `dy`"
    assert fill("`y` was scaled by `x`", {"x": "a", "y": "x"}) == "`x` was scaled by `a`"
    assert r"\texttt{x (}" in as_latex([Block("para", "an `x (`")])


def test_sizes_and_numbers_go_by_a_name_only_if_that_is_certain():
    scope = Scope()
    scope.note({"a": 5, "b": 5, "c": 7, "text": "7", "_d": 9})
    assert (scope.name(5), scope.name(7), scope.name(9)) == (None, "c", None)
    for row in np.ones((2, 3)):
        scope.note({"row": row})
    assert [name for name, _ in scope.arrays.values()] == ["row", "row_2"]
    world = World()
    assert scope.size(9, world) == 9
    assert scope.size(7, world).expr.label == "c"


def test_an_expression_that_cannot_be_simplified_is_written_as_it_stands(monkeypatch):
    def fails(self, e):
        raise NotImplementedError

    monkeypatch.setattr(Simplifier, "__call__", fails)
    x = tg.Tensor(np.ones(3))
    assert [a.formula for a in explain(np.sum(x * x)).arrows] == [
        "d(x * x) = 1",
        "dx += x",
        "dx += x",
    ]


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
    with pytest.raises(TypeError, match="wrt='z' is not among the inputs given"):
        explain(branching, "z", x=np.ones(3), y=np.ones(4))
