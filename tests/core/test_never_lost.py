"""No gradient is lost silently: what would leave the tape raises and says what to do."""

import math

import numpy as np
import pytest

from tests.problems import raises
from tinygrad_softmax import GradientLostError, NoRuleError, Tensor


@pytest.fixture(name="X")
def inputs():
    return np.ones((5, 3))


@pytest.fixture(name="W")
def weights():
    return Tensor(np.ones((3, 2)))


@pytest.fixture
def t():
    return Tensor(0.5)


# --- leaving the tape -----------------------------------------------------------------------------


def test_ndarray_dot_cannot_reach_the_tape_and_names_what_can(X, W):
    with raises(GradientLostError, "lose the gradient of W", "X @ W or np.dot(X, W) for X.dot(W)"):
        X.dot(W)


@pytest.mark.parametrize(
    ("leave", "instead"),
    [
        (float, "t.item()"),
        (int, "int(t.item())"),
        (math.exp, "np.exp(t) for math.exp(t)"),
        (math.sqrt, "np.exp(t) for math.exp(t)"),
        ("loss %f".__mod__, "t.item()"),
        (np.array, "t.data (or t.detach()) if no gradient is wanted"),
        (np.asarray, "t.data (or t.detach())"),
        (lambda t: np.array([t, t]), "np.stack([t, u]) for np.array([t, u])"),
        (lambda t: np.asarray([t, 1.0]), "np.stack([t, u])"),
        (lambda t: np.sum([t, t]), "np.stack([t, u])"),
        (lambda t: np.full(3, t), "t.data"),
        (lambda t: np.random.default_rng(0).normal(t), "t.data"),
        (lambda t: np.testing.assert_allclose(t, 0.5), "t.data"),
    ],
    ids=["float", "int", "math.exp", "math.sqrt", "%f", "array", "asarray", "array of two",
         "asarray of mixed", "sum of a list", "full", "random", "assert_allclose"],
)  # fmt: skip
def test_turning_a_tensor_into_plain_numbers_is_refused_with_advice(leave, instead, t):
    with raises(GradientLostError, "lose the gradient of", instead):
        leave(t)


def test_the_message_names_the_users_variable():
    margin = Tensor(1.0)
    with raises(GradientLostError, "the gradient of margin"):
        float(margin)
    with raises(GradientLostError, "the gradient of hinge"):
        float(Tensor(1.0, name="hinge"))


def test_writing_a_tensor_into_an_array_is_refused(W, t):
    out = np.zeros((3, 2))
    with raises(GradientLostError, "np.stack or np.where for out[i] = t"):
        out[0] = W[0]
    with raises(GradientLostError, "np.stack or np.where for out[i] = t"):
        out[:] = W
    np.testing.assert_array_equal(out, 0)
    with raises(GradientLostError, "lose the gradient of t", "np.stack([t, u]) or np.where"):
        out[0, 0] = t
    assert isinstance(t, Tensor)  # also while an error is held, as by an interpreter


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_a_tensor_that_refused_to_be_a_number_is_what_it_was(shape):
    t = Tensor(np.full(shape, 3.0))
    with raises(GradientLostError, "t.item()") as held:
        float(t)
    assert isinstance(t, Tensor)
    assert t.reshape(-1)[0].item() == 3
    assert str(held.value)


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_in_place_arithmetic_on_an_array_is_refused(X, W, scale):
    scores = np.zeros((5, 2))
    with raises(GradientLostError, "np.add cannot write a tensor into an array", "x = x + t"):
        scores += X @ W * scale
    with raises(GradientLostError, "np.exp cannot write", "out="):
        np.exp(W, out=np.zeros((3, 2)))


def test_writing_into_a_tensor_is_refused(W):
    with raises(GradientLostError, "W[...] = ...", "np.where(mask, a, W)", "W.data.copy()"):
        W[0] = 1.0
    with raises(GradientLostError, "scores[...] = ..."):
        scores = W * 2
        scores[0, 0] += 1.0


@pytest.mark.parametrize("symbol", ["+", "-", "*", "/", "**", "@"])
def test_updating_a_parameter_in_place_is_refused(symbol):
    scope = {"W": Tensor(np.eye(2)), "step": np.eye(2)}
    with raises(GradientLostError, f"W {symbol}= ...", f"W.data {symbol}= ..."):
        exec(f"W {symbol}= step", scope)


@pytest.mark.parametrize("symbol", ["+", "-", "*", "/", "**", "@"])
def test_an_intermediate_result_is_rebound_instead(symbol):
    W = Tensor(np.eye(2))
    scope = {"f": W * 2, "step": np.full((2, 2), 2.0)}
    exec(f"f {symbol}= step", scope)
    assert scope["f"].requires_grad
    assert scope["f"].data.shape == (2, 2)


@pytest.mark.parametrize("name", ["expit", "logit", "softmax", "logsumexp", "xlogy"])
def test_scipy_functions_are_refused(name, W):
    special = pytest.importorskip("scipy.special")
    arguments = (W, W) if name == "xlogy" else (W,)
    with pytest.raises((GradientLostError, NoRuleError), match=r"\.data") as caught:
        getattr(special, name)(*arguments)
    if isinstance(caught.value, NoRuleError):
        assert name in str(caught.value)
    else:
        assert "a NumPy function for a SciPy one" in str(caught.value)


# --- functions without a rule ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (np.spacing, "np.spacing"),
        (np.frexp, "np.frexp"),
        (np.linalg.svd, "np.linalg.svd"),
        (np.maximum.accumulate, "np.maximum.accumulate"),
        (lambda t: np.correlate(t[0], t[1]), "np.correlate"),
        (lambda t: np.nextafter(t, 1.0), "np.nextafter"),
        (lambda t: np.add.at(np.zeros((2, 2)), [0], t), "np.add.at"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_numpy_function_without_a_rule_shows_the_two_decorators_that_add_one(function, name):
    with raises(NoRuleError, f"{name} has no gradient rule", "t.data",
                f"@tinygrad_softmax.primitive(numpy={name})", ".grad('x')"):  # fmt: skip
        function(Tensor(np.eye(2)))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t: np.exp(t, where=[True, False]), ("np.exp", "does not take where=[True")),
        (lambda t: np.exp(t, dtype=np.float32), ("np.exp", "does not take dtype=")),
        (lambda t: np.pad(t, 1, mode="mean"), ("np.pad", "'mean'")),
        (lambda t: np.interp(0.5, [0.0, 1.0], t[0], period=2), ("np.interp", "period=2", "x, xp")),
        (lambda t: np.matmul(t, t, axes=[]), ("matmul", "axes=[]")),
    ],
)
def test_an_argument_without_a_rule_is_named_beside_those_that_have_one(call, words):
    with raises(NoRuleError, *words):
        call(Tensor(np.eye(2)))
