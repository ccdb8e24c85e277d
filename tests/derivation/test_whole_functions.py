"""Functions as people write them: names bound anew, loops, closures, defaults."""

import functools

import numpy as np
import pytest

import tinygrad_softmax as tg
from tests.derivation.test_tracing import check
from tinygrad_softmax.ir.expr import BranchError

rng = np.random.default_rng(11)
x, G = rng.standard_normal((2, 5, 3))
v = rng.standard_normal(3)
W = rng.standard_normal((3, 4))
labels = rng.integers(0, 3, 5)
SCALE = np.arange(1.0, 4.0)


# --- names ---


def test_a_name_bound_anew_is_another_value_to_the_gradients():
    def loss(w, X):
        loss = np.sum((X @ w) ** 2)
        loss = loss * loss
        return loss**2

    source = check(loss, "w", w=v, X=x).source
    assert "loss_2 = loss * loss" in source
    assert "loss2 = loss_2 ** 2" in source


def test_an_input_bound_anew_keeps_every_value():
    def loss(s, G):
        s = s - np.max(s, axis=1, keepdims=True)
        s = np.exp(s)
        s = s / np.sum(s, axis=1, keepdims=True)
        return np.sum(G * s)

    source = check(loss, "s", s=x, G=G).source
    assert "ds = s_4 * (G - np.sum(G * s_4, axis=1, keepdims=True))" in source


def test_results_do_not_take_the_names_of_the_users_values():
    def loss(b, db, X):
        dX = X * b
        return np.sum(np.tanh(dX) * db)

    derivation = tg.derive(loss, wrt=("b", "X"), b=v, db=v + 1, X=x)
    assert "{'b': db2, 'X': dX2}" in derivation.source
    check(loss, "X", b=v, db=v + 1, X=x)


def test_a_name_that_several_things_have_stands_for_one():
    def loss(X):
        n = X.shape[0]
        mean = np.sum(X) / n
        n = X.shape[1]
        squares = np.sum(X**2) / n
        return mean * squares * squares

    def other(X):
        k = X.shape[1]
        mean = np.sum(X) / k
        k = np.sum(X**2)
        return k * mean

    source = check(loss, "X", X=x).source
    assert "n = X.shape[0]" in source
    assert "squares = np.sum(X ** 2) / X.shape[1]" in source
    assert "k = np.sum(X ** 2)" in check(other, "X", X=x).source


# --- loops, closures, defaults ---


def test_layers_in_a_dictionary_and_a_loop_over_them():
    def loss(W1, W2, X):
        params = {"first": W1, "second": W2}

        def forward(hidden):
            for layer in params:
                hidden = np.maximum(0, hidden @ params[layer])
            return hidden

        out = forward(X)
        return np.mean(out**2)

    inputs = {"W1": rng.standard_normal((3, 6)), "W2": rng.standard_normal((6, 2)), "X": x}
    assert "out[out <= 0]" not in check(loss, "W1", **inputs).source
    check(loss, "W2", **inputs)


def test_a_dictionary_as_an_input_cannot_be_differentiated_by():
    params = {"W": W}
    with pytest.raises(TypeError, match=r"params is a dict.*inputs of their own"):
        tg.derive(lambda params, X: np.sum(X @ params["W"]), params=params, X=x)
    check(lambda X, params: np.sum((X @ params["W"]) ** 2), "X", X=x, params=params)


def test_inputs_that_are_not_given_take_their_defaults():
    def loss(w, X, reg=0.1, scale=SCALE, power=2):
        return np.sum((X @ w) ** power) + reg * np.sum(w * w * scale)

    derivation = check(loss, "w", w=v, X=x)
    assert "def gradients(w, X):" in derivation.source
    assert "reg" in check(loss, "w", w=v, X=x, reg=0.5).source


def test_an_unrolled_loop_over_examples_with_a_mask():
    def loss(W, X, y):
        total = 0.0
        for i in range(X.shape[0]):
            scores = X[i] @ W
            margins = np.maximum(0, scores - scores[y[i]] + 1)
            total = total + np.sum(margins)
        return total / X.shape[0]

    check(loss, "W", W=W, X=x[:3], y=labels[:3])


def test_a_course_that_depends_on_values_is_refused():
    def loss(w):
        total = np.sum(w)
        while total > 1:
            total = total / 2
        return total

    with pytest.raises(BranchError, match="branches on a value"):
        tg.derive(loss, w=v)


@pytest.mark.parametrize(
    "function",
    [lambda x: np.sum(np.sort(x)), lambda x: np.sum(x[np.argsort(x[:, 0])]),
     lambda x: np.sum(x) * np.allclose(x, 0)],
)  # fmt: skip
def test_what_goes_by_the_order_of_values_is_refused_with_advice(function):
    with pytest.raises(tg.NoRuleError, match="sort before the call"):
        tg.derive(function, x=x)


def test_programs_of_many_layers_and_many_terms():
    def layers(x, W):
        for _ in range(40):
            x = np.tanh(x @ W)
        return np.sum(x)

    def unnamed(x, part2):
        return np.sum(functools.reduce(lambda h, _: np.sin(h) * part2, range(70), x))

    def terms(x):
        return sum(np.sum(np.sin(i * x)) for i in range(80))

    check(layers, "x", x=x, W=rng.standard_normal((3, 3)) / 2)
    check(unnamed, "x", x=x, part2=1.1 + 0 * x)
    check(terms, "x", x=x)
