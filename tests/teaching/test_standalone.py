"""The code of a function brings along what the function uses, and runs in an empty namespace."""

import functools
import math
from functools import partial

import numpy as np
import numpy.linalg
import pytest
from numpy import exp as e

import tests.problems
from tests.problems import raises
from tinygrad_softmax.teaching.standalone import StandaloneError, literal, standalone

SCALE = {"a": np.array([1.0, np.inf]), "b": (2, None), "c": [np.float32(3), True, "text"]}
scale = 5
registry = []


def softmax(scores):
    return e(scores) / e(scores).sum(axis=1, keepdims=True)


class Settings:
    power = math.pi

    def of(self, x):
        return softmax(x) ** scale


shorter = softmax


def closed():
    inner = np.arange(3.0)

    def loss(x):
        return np.sum(inner * x)

    return loss


def registered(function):
    registry.append(function)
    return function


def doubled(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return 2 * function(*args, **kwargs)

    return wrapper


@registered
@doubled
@registered
def with_decorator(x, p=SCALE["b"][0]):
    def helper(scale):  # a name of its own
        return scale * x

    return helper(2.0).sum() + p


def even(x, n=4):
    return x.sum() if n == 0 else odd(x, n - 1)


def odd(x, n):
    return even(x, n - 1)


LOSSES = {
    "helpers, classes, constants": lambda x: np.sum(Settings().of(x)) + SCALE["a"][0] * scale,
    "another name": lambda x: shorter(x).sum(),
    "a module in a module": lambda x: 2 * numpy.linalg.norm(x),
    "a closure": closed(),
    "decorated": with_decorator,
    "calling each other": even,
}


@pytest.mark.parametrize("name", LOSSES)
def test_it_runs_in_an_empty_namespace(name):
    function = LOSSES[name]
    code = standalone(function, "cost")
    space = {}
    exec(code.text, space)
    x = np.linspace(0.1, 1, 3) if name == "a closure" else np.linspace(0.1, 1, 6).reshape(2, 3)
    assert space[code.name](x) == function(x)
    again = {}
    for _, text in code.numbered:
        exec(text, again)
    assert again[code.name](x) == function(x)


def test_lines_keep_their_numbers():
    (file, text), *_ = [(f, t) for f, t in standalone(even).numbered if "def even" in t]
    assert file == __file__
    assert text.count("\n", 0, text.index("def even")) + 1 == even.__code__.co_firstlineno


thing = object()
large = np.zeros(10_000)


class Model:
    def loss(self, x):
        return x.sum()


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: thing, "`thing`, which is used, cannot be written down: a object"),
        (lambda x: large @ x, "an array of 10000 numbers is too large"),
        (lambda x: tests.problems, "import what it uses by name, so that it is copied"),
        (
            lambda x: pytest.approx,
            "not installed with this package: use NumPy",
        ),
        (Model().loss, "is a method: write it as a function"),
        (partial(even, n=2), "is a partial: write it as a function"),
        (eval("lambda x: x"), "is not available: define it in a file or a notebook"),
    ],
)
def test_what_cannot_be_written_down_is_refused(function, words):
    with raises(StandaloneError, words):
        standalone(function)


@pytest.mark.parametrize(
    "value",
    [
        1, 2.5, float("nan"), -float("inf"), "a'b", None, True, (1,), (), [1, [2.0]], {3}, set(),
        {"a": np.eye(2)}, np.float32(0.1), np.int64(3), np.bool_(True), slice(1, None), range(3),
        np.arange(3, dtype=np.uint8), np.zeros((0, 3)), np.zeros((2, 0), np.float32),
        np.array(1.5), np.array([True]), np.array([np.nan, np.inf]), np.array([0.1], np.float32),
    ],
)  # fmt: skip
def test_a_literal_is_the_value(value):
    made = eval(literal(value), {"np": np})
    assert type(made) is type(value)
    if isinstance(value, np.ndarray):
        assert (made.dtype, made.shape) == (value.dtype, value.shape)
    np.testing.assert_equal(made, value)
