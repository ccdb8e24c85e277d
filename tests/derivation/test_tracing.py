"""What a trace keeps of the user's program (sizes, names, course), and what it refuses."""

import cProfile
import re

import numpy as np
import pytest

import tinygrad_softmax as tg
from tests.derivation.programs import PROGRAMS, W, X, b, y
from tinygrad_softmax.ir.expr import BranchError

rng = np.random.default_rng(7)


def check(loss, wrt, **inputs):
    """Derive, compare with automatic gradients once more, and return the derivation."""
    derivation = tg.derive(loss, wrt=wrt, **inputs)
    before = {name: np.copy(value) for name, value in inputs.items()}
    value, found = derivation.value_and_grad(**inputs)
    expected, slope = tg.value_and_grad(loss, wrt=wrt)(**inputs)
    np.testing.assert_allclose(value, expected, rtol=1e-10)
    np.testing.assert_allclose(found[wrt], slope, rtol=1e-9, atol=1e-11)
    for name, array in before.items():
        np.testing.assert_array_equal(inputs[name], array)
    return derivation


def test_sizes_stay_names():
    source = tg.derive(*_question()[:1], **_question()[1]).source
    assert "num_examples = X.shape[0]" in source
    assert "7" not in source


def _question():
    program = PROGRAMS["question"]
    return program.loss, {"wrt": program.wrt, **program.inputs}


def test_an_intermediate_can_be_asked_for():
    loss, options = _question()
    derivation = tg.derive(loss, **options | {"wrt": "scores"})
    inputs = PROGRAMS["question"].inputs
    hand = tg.by_hand.linear(**inputs)
    np.testing.assert_allclose(derivation(**inputs)["scores"], hand.dscores, rtol=1e-12)
    assert derivation.intermediates(**inputs).keys() == {"dscores"}
    full = tg.derive(loss, **options)
    assert full.intermediates(**inputs).keys() == {"dscores", "dW", "db"}


def test_a_notebook_shows_the_derivation_as_markdown():
    loss, options = _question()
    shown = tg.derive(loss, **options)._repr_markdown_()
    assert "The exponential is its own slope, so `dexp_scores` is scaled by `exp_scores`." in shown
    assert "dscores[range(num_examples), y] -= 1" in shown


def test_a_name_bound_anew_gets_a_second_name():
    def loss(s, G):
        s = s - np.max(s, axis=1, keepdims=True)
        s = np.exp(s)
        return np.sum(G * s)

    s, G = rng.standard_normal((2, 5, 3))
    assert "s_" in check(loss, "s", s=s, G=G).source


def test_names_inside_helper_functions_are_known():
    def affine(X, W):
        product = X @ W
        return np.tanh(product)

    def loss(X, W):
        out = affine(X, W)
        return np.sum(out * out)

    source = check(loss, "W", X=X, W=W).source
    assert "product = X @ W" in source
    assert "out = np.tanh(product)" in source


def test_a_loop_over_the_examples_is_unrolled_for_these_sizes():
    def loss(W, X, y):
        total = 0.0
        for i in range(X.shape[0]):
            f = np.dot(X[i], W)
            p = np.exp(f) / np.sum(np.exp(f))
            total = total - np.log(p[y[i]])
        return total

    derivation = check(loss, "W", W=W, X=X[:3], y=y[:3])
    assert not derivation.trace.generic
    assert "X[2]" in derivation.source


def test_an_array_from_outside_is_a_constant():
    weights = rng.uniform(0.5, 2, 4)

    def loss(w, X):
        return np.sum((X @ w) ** 2) + np.sum(weights * w) + np.sum(weights * weights)

    assert "dw = X.T @ dz + weights" in check(loss, "w", w=rng.standard_normal(4), X=X).source


def test_an_array_made_from_a_size_is_written_as_the_call_that_made_it():
    def loss(W, X):
        return np.sum(np.eye(X.shape[1]) * (X.T @ X @ W @ W.T))

    derivation = check(loss, "W", W=W, X=X)
    assert derivation.trace.generic
    assert "np.eye(W.shape[0])" in derivation.source


def test_values_that_need_no_line_get_none():
    def loss(x, G):
        last = x.shape[0] - 1
        same = x + 0
        unused = np.exp(x)
        h = np.sin(same)
        return np.sum(G * h) / last + 0 * unused.shape[1]

    x, G = rng.standard_normal((2, 5, 3))
    source = check(loss, "G", x=x, G=G).source
    assert "unused" not in source
    assert "dG = h / last" in source


def test_a_gradient_that_has_been_computed_already_is_named():
    def loss(x, G):
        h = np.sin(x)
        return np.sum(G * h)

    x, G = rng.standard_normal((2, 5, 3))
    assert "dG = h" in check(loss, "G", x=x, G=G).source


def test_a_local_slice_can_be_differentiated_by():
    def loss(x):
        part = x[1:]
        return np.sum(part**3)

    x = rng.standard_normal((5, 3))
    np.testing.assert_allclose(tg.derive(loss, wrt="part", x=x)(x=x)["part"], 3 * x[1:] ** 2)


def test_a_switch_on_a_number_is_settled_by_its_value():
    def loss(w, reg):
        penalty = reg * np.sum(w * w) if reg else 0.0
        return np.sum(w) + penalty

    assert "reg" in check(loss, "w", w=rng.standard_normal(4), reg=0.5).source


def test_inputs_that_the_formula_was_not_made_for_are_refused():
    def switch(w, reg):
        return np.sum(w) + (reg * np.sum(w * w) if reg else 0.0)

    def loop(W, X):
        return sum(np.sum(X[i] @ W) ** 2 for i in range(X.shape[0]))

    derivation = tg.derive(switch, w=np.ones(3), reg=0.1)
    assert "# holds while reg != 0" in derivation.source
    assert derivation(w=np.ones(3), reg=5.0)["w"].tolist() == [11, 11, 11]
    with pytest.raises(ValueError, match=r"reg != 0: derive again"):
        derivation(w=np.ones(3), reg=0.0)
    derivation = tg.derive(loop, W=W, X=X[:3])
    with pytest.raises(ValueError, match=r"X.shape\[0\] is 7 and must be 3"):
        derivation(W=W, X=X)
    derivation = tg.derive(lambda b, X: np.sum((X + b) ** 2), b=b[:, :1], X=X)
    with pytest.raises(ValueError, match=r"b.shape\[0\] is 7 and must be 1"):
        derivation.intermediates(b=np.ones((7, 1)), X=X)
    program = PROGRAMS["one_hot_labels"]
    derivation = tg.derive(program.loss, wrt=program.wrt, **program.inputs)
    with pytest.raises(ValueError, match="Y summed to 1"):
        derivation(**program.inputs | {"Y": 2 * program.inputs["Y"]})


def test_a_masked_gradient_that_is_used_with_and_without_its_name_is_derived():
    def loss(b):
        v = np.maximum(0, b)
        return np.mean(v**2) + np.mean(v)

    source = check(loss, "b", b=rng.standard_normal((5, 3))).source
    assert "db = (2 * v + (v > 0)) / (b.shape[1] * b.shape[0])" in source


def test_without_wrt_it_is_the_first_input():
    assert tg.derive(lambda w: np.sum(w * w), w=np.ones(3))(w=np.ones(3))["w"].tolist() == [2, 2, 2]


def test_positional_only_and_static_arguments_are_passed_on():
    def loss(w, /, power, flag, mask, labels=None):
        return np.sum(np.where(mask, w, 0) ** power) if flag else np.sum(w)

    w, mask = rng.standard_normal(4), np.array([True, False, True, True])
    derivation = tg.derive(loss, wrt="w", w=w, power=2, flag=True, mask=mask)
    found = derivation(w=w, power=2, flag=True, mask=mask)["w"]
    np.testing.assert_allclose(found, np.where(mask, 2 * w, 0))


def test_a_profiler_is_put_back():
    seen = []
    import sys

    sys.setprofile(lambda *event: seen.append(event))
    try:
        mine = sys.getprofile()
        tg.derive(lambda w: np.sum(w * w), w=np.ones(3))
        assert sys.getprofile() is mine
    finally:
        sys.setprofile(None)
    profile = cProfile.Profile()
    profile.runcall(tg.derive, lambda w: np.sum(w * w), w=np.ones(3))


LABELS = {"W": W, "X": X, "y": y}


@pytest.mark.parametrize(
    ("loss", "inputs", "error", "words"),
    [
        (lambda w: np.sum(w) if np.sum(w) > 0 else -np.sum(w), {"w": b}, BranchError, "np.where"),
        (lambda w: np.sum(w[w > 0]), {"w": b}, tg.NoRuleError, "mask"),
        (lambda w: float(np.sum(w)), {"w": b}, tg.GradientLostError, "float"),
        (lambda w: int(np.sum(w)), {"w": b}, tg.GradientLostError, "int"),
        (lambda w: np.sum(np.array(w)), {"w": b}, tg.GradientLostError, "np.array"),
        (lambda w: w * 2, {"w": b}, tg.BackwardError, r"scalar, but returned shape \(1, 3\)"),
        (lambda w: np.sum(w * 0 + 1) if False else 3.0, {"w": b}, tg.BackwardError, "depend"),
        (lambda w: np.sum(np.spacing(w)), {"w": b}, tg.NoRuleError, "spacing"),
        (lambda W, X: np.sum(W @ X), {"W": np.ones((2, 3)), "X": np.ones((4, 5))},
         ValueError, "mismatch"),
    ],
)  # fmt: skip
def test_what_no_formula_can_say_is_refused(loss, inputs, error, words):
    with pytest.raises(error, match=words):
        tg.derive(loss, **inputs)


def test_an_unknown_name_is_refused():
    with pytest.raises(TypeError, match="neither an input"):
        tg.derive(lambda w: np.sum(w * w), wrt="v", w=np.ones(3))


def test_an_expression_shows_what_it_is():
    shown = []

    def loss(w):
        shown.append(repr(w) + repr(w * w))
        return np.sum(w * w)

    tg.derive(loss, w=np.ones(3))
    assert any("<w " in text and "<multiply " in text for text in shown)


def test_no_name_of_a_library_gets_into_a_formula():
    """Calls that are bound to NumPy's signature run through `inspect`, which has variables too."""

    def loss(W, X):
        return np.sum(np.mean(np.reshape(np.tanh(X @ W), (-1, 2), order="C"), 1, None, None) ** 2)

    inputs = {"W": np.ones((3, 2)), "X": np.arange(12.0).reshape(4, 3)}
    texts = (tg.derive(loss, wrt="W", **inputs).source, str(tg.explain(loss, wrt="W", **inputs)))
    for text in texts:
        assert not re.search(r"\b(arg_val|args|value|kwargs|given|front)\b", text.split("\n\n")[0])
        assert "arg_val" not in text
