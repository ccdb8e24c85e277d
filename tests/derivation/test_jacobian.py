"""Jacobians as formulas: derived at one size, compared with differences at others."""

import numpy as np
import pytest

import tinygrad_softmax as tg


def softmax(s):
    e = np.exp(s - np.max(s))
    p = e / np.sum(e)
    return p  # noqa: RET504 the name is in the formula


def softmax_of_rows(s):
    e = np.exp(s)
    return e / np.sum(e, axis=1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.maximum(x, 0)


def linear(W, x, b):
    return W @ x + b


def direction(x):
    return x / np.sqrt(x @ x)


def standardised(x):
    centred = x - np.mean(x)
    return centred / np.sqrt(np.mean(centred**2) + 1e-5)


def log_softmax(s):
    return s - np.log(np.sum(np.exp(s)))


def squared_norm(x):
    return np.sum(x**2)


def neighbours(x):
    return x[1:] * x[:-1]


def attention(q, K):
    e = np.exp(K @ q)
    return e / np.sum(e)


def with_an_input_called_g(g, x):
    return g * np.tanh(x)


CASES = [
    (softmax, {"s": (3,)}, {"s": (5,)}, ("s",)),
    (softmax_of_rows, {"s": (4, 3)}, {"s": (2, 5)}, ("s",)),
    (sigmoid, {"x": (4,)}, {"x": (2,)}, ("x",)),
    (sigmoid, {"x": (4, 3)}, {"x": (2, 6)}, ("x",)),
    (relu, {"x": (4,)}, {"x": (7,)}, ("x",)),
    (relu, {"x": (4, 1)}, {"x": (3, 1)}, ("x",)),
    (linear, {"W": (3, 4), "x": (4,), "b": (3,)}, {"W": (2, 6), "x": (6,), "b": (2,)}, "W x b"),
    (direction, {"x": (4,)}, {"x": (3,)}, ("x",)),
    (standardised, {"x": (5,)}, {"x": (3,)}, ("x",)),
    (log_softmax, {"s": (4,)}, {"s": (6,)}, ("s",)),
    (squared_norm, {"x": (4,)}, {"x": (6,)}, ("x",)),
    (neighbours, {"x": (4,)}, {"x": (7,)}, ("x",)),
    (attention, {"q": (3,), "K": (5, 3)}, {"q": (4,), "K": (2, 4)}, ("q", "K")),
    (with_an_input_called_g, {"g": (3,), "x": (3,)}, {"g": (5,), "x": (5,)}, ("g", "x")),
]


def drawn(shapes, seed):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def by_differences(function, inputs, name):
    base, step = np.asarray(function(**inputs)), 1e-6
    found = np.zeros(base.shape + inputs[name].shape)
    for index in np.ndindex(inputs[name].shape):
        up, down = inputs[name].copy(), inputs[name].copy()
        up[index] += step
        down[index] -= step
        slope = function(**{**inputs, name: up}) - function(**{**inputs, name: down})
        found[(..., *index)] = slope / (2 * step)
    return found


@pytest.mark.parametrize(
    ("function", "given", "other", "wrt"),
    CASES,
    ids=[f"{c[0].__name__}-{i}" for i, c in enumerate(CASES)],
)
def test_it_holds_at_other_sizes_and_is_of_numbers(function, given, other, wrt):
    wrt = tuple(wrt.split()) if isinstance(wrt, str) else wrt
    derived = tg.derive(function, wrt, jacobian=True, **drawn(given, 1))
    for shapes, seed in ((given, 1), (other, 2)):
        inputs = drawn(shapes, seed)
        value, found = derived.value_and_grad(**inputs)
        np.testing.assert_allclose(value, function(**inputs))
        assert list(found) == list(wrt)
        for name in wrt:
            expected = by_differences(function, inputs, name)
            assert found[name].dtype == float
            assert found[name].shape == expected.shape
            np.testing.assert_allclose(found[name], expected, atol=1e-7)
            assert not any(np.shares_memory(found[name], given) for given in inputs.values())


@pytest.mark.parametrize(
    ("function", "given", "text"),
    [
        (softmax, {"s": (3,)}, "dp_ds = np.diag(p) - np.outer(p, p)"),
        (sigmoid, {"x": (3,)}, "dvalue_dx = np.diag(value * (1 - value))"),
        (
            direction,
            {"x": (3,)},
            "dvalue_dx = (np.eye(x.shape[0]) - np.outer(value, value)) / np.sqrt(xx)",
        ),
        (linear, {"W": (3, 4), "x": (4,), "b": (3,)}, "dvalue_dx = W"),
    ],
)
def test_it_is_what_a_textbook_has(function, given, text):
    wrt = "x" if "x" in given else "s"
    derived = tg.derive(function, wrt, jacobian=True, **drawn(given, 1))
    assert derived.program.gradient == text


def test_the_document_goes_from_the_product_to_the_jacobian():
    derived = tg.derive(softmax, jacobian=True, s=np.array([1.0, 2.0, 0.5]))
    text = derived.markdown
    assert text.index("p * (g - g @ p)") < text.index("dp_ds = np.diag(p) - np.outer(p, p)")
    assert r"\operatorname{diag} p - p \, p^{\top}" in derived.latex
    assert all(step.difference < 1e-9 for step in derived.steps)


def test_scores_of_a_thousand_are_no_matter_to_a_stable_one():
    def naive(s):
        e = np.exp(s)
        return e / np.sum(e)

    derived = tg.derive(naive, jacobian=True, stable=True, s=np.array([1.0, 2.0]))
    value, found = derived.value_and_grad(s=np.array([1000.0, 0.0]))
    np.testing.assert_allclose(value, [1, 0])
    np.testing.assert_allclose(found["s"], np.zeros((2, 2)), atol=1e-12)


def test_what_cannot_be_asked_for_says_why():
    s = np.ones(3)
    with pytest.raises(ValueError, match="exclude each other"):
        tg.derive(softmax, jacobian=True, upstream="g", s=s)
    with pytest.raises(tg.DerivationError, match=r"81,000,000 entries.*upstream"):
        tg.derive(softmax_of_rows, jacobian=True, s=np.ones((300, 30)))
    derived = tg.derive(softmax, jacobian=True, s=s)
    with pytest.raises(ValueError, match="s has 2 axes"):
        derived(s=np.ones((2, 2)))
