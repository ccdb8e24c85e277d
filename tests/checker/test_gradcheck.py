"""`gradcheck` passes what is right, and notices and describes what is broken."""

import numpy as np
import pytest

from tests.problems import raises
from tinygrad_softmax import Tensor, cross_entropy, relu
from tinygrad_softmax.checker import numeric
from tinygrad_softmax.checker.numeric import GradCheckError, Numerical, gradcheck
from tinygrad_softmax.core.op import Op

# --- right and wrong rules ------------------------------------------------------------------------


def cube_with(rule):
    """A cube with this rule, known to nobody else."""

    def cube(x):
        return x * x * x

    op = Op(cube)
    op.grad("x")(rule)
    return op


RULES = {
    "0.1 %": (lambda g, x: 3.003 * g * x * x, "1.001 times too large everywhere"),
    "sign": (lambda g, x: -3 * g * x * x, "of the wrong sign everywhere"),
    "sign and size": (lambda g, x: -6 * g * x * x,
                      "of the wrong sign, and 2.000 times too large, everywhere"),
    "half": (lambda g, x: 1.5 * g * x * x, "2.000 times too small everywhere"),
    "0.01 %": (lambda g, x: 3.0003 * g * x * x, "1.000100000 times too large everywhere"),
    "zero": (lambda g, x: 0 * g * x, "zero everywhere"),
    "constant": (lambda g, x: 0 * g * x + 1, "automatic"),
    "shifted": (lambda g, x: 3 * g * x * x + 1e-4, "wrong"),
    "transposed": (lambda g, x: (3 * g * x * x).T, "wrong"),
    "not a number": (lambda g, x: np.nan * g * x, "automatic nan"),
}  # fmt: skip
#: 1e-4 of the size is within what single precision allows itself
SINGLE = RULES.keys() - {"0.01 %", "shifted"}


def matrix(n, dtype=np.float64):
    return np.random.default_rng(n).normal(size=(n, n)).astype(dtype)


@pytest.mark.parametrize("n", [3, 30], ids=["entries", "directions"])
@pytest.mark.parametrize("name", RULES)
def test_a_wrong_rule_is_noticed_and_described(name, n):
    rule, words = RULES[name]
    with raises(GradCheckError, "cube: the gradient with respect to x", "wrong", "is (", "float64"):
        gradcheck(cube_with(rule), matrix(n))
    answer = gradcheck(cube_with(rule), matrix(n), raise_exception=False)
    assert not answer
    assert words in answer.message
    if name in SINGLE:
        assert not gradcheck(cube_with(rule), matrix(n, np.float32), raise_exception=False)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [3, 30], ids=["entries", "directions"])
def test_the_right_rule_passes_at_both_orders(n, dtype):
    found = gradcheck(cube_with(lambda g, x: 3 * g * x * x), matrix(n, dtype), order=2)
    assert found
    assert found.message == ""
    assert [check.order for check in found.inputs] == [1, 2]
    assert (found.compared, found.kinks) == ((18, 0) if n == 3 else (6, 0))


def test_the_message_names_input_entry_values_and_shapes():
    with raises(
        GradCheckError,
        "cube: the gradient with respect to x (3,) is wrong in 3 of 3 entries",
        "worst at x[2] = 3: automatic 54, numerical 27 (within",
        "2.000 times too large everywhere",
        "x is (3,) float64, the result () float64",
    ):
        gradcheck(total(cube_with(lambda g, x: 6 * g * x * x)), np.array([1.0, 2.0, 3.0]))


def total(op):
    def cube(x):
        return np.sum(op(x))

    return cube


def test_a_transposed_gradient_is_recognized():
    op = cube_with(RULES["transposed"][0])
    assert "it is the transpose" in gradcheck(op, matrix(3), raise_exception=False).message


def test_a_rule_that_is_only_right_once_is_noticed_at_the_second_order():
    class Frozen:
        def __call__(self, x):
            # its slope is right, but does not know that it depends on x
            return x * stop(x) if isinstance(x, Tensor) else x * x / 2

    def stop(x):
        return x.detach()

    x = np.array([1.0, 2.0])
    assert gradcheck(Frozen(), x)
    with raises(GradCheckError, "the function: the second derivative with respect to x (2,)",
                "zero everywhere", "contracted"):  # fmt: skip
        gradcheck(Frozen(), x, order=2)


def net(W, b, W2, b2, X, y, *more):
    return cross_entropy(np.maximum(0, X @ W + b) @ W2 + b2, y) + sum(np.sum(m * m) for m in more)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_all_floating_inputs_are_checked_and_the_others_are_constants(dtype):
    rng = np.random.default_rng(1)
    shapes = [(4, 6), (6,), (6, 3), (3,), (5, 4)]
    arrays = [rng.normal(size=shape).astype(dtype) for shape in shapes]
    found = gradcheck(net, *arrays, [0, 2, 1, 1, 0], 0.5, 2.5, order=2)
    names = ["W", "b", "W2", "b2", "X", "more[0]", "more[1]"]
    assert [check.name for check in found.inputs] == 2 * names
    assert found.compared == 2 * (24 + 6 + 18 + 3 + 20 + 2)


def test_inputs_without_a_name_have_a_number():
    found = gradcheck(Unsigned(), 1.0, Tensor(2.0))
    assert [check.name for check in found.inputs] == ["input 0", "input 1"]


class Unsigned:
    """A callable that does not tell its signature."""

    __signature__ = "none"

    def __call__(self, x, y):
        return x * y


@pytest.mark.parametrize("size", [3, 900])
@pytest.mark.parametrize("order", [1, 2])
def test_the_right_relu_at_exactly_zero_passes_and_reports_the_kinks(size, order):
    x = np.zeros(size)
    found = gradcheck(relu, x, order=order)
    assert found
    # beside the kinks there was something to compare
    assert found.compared == (3 * order)
    assert found.kinks == 3 * order
    x[:2] = 1.0, -1.0
    found = gradcheck(relu, x[:3], order=order)
    assert (found.compared, found.kinks) == (2 * order, order)


def test_a_wrong_relu_does_not_hide_behind_its_kink():
    def relu(x):
        return np.maximum(x, 0)

    op = Op(relu)
    op.grad("x")(lambda g, x: 2 * g * (x > 0))
    with raises(GradCheckError, "2.000 times too large"):
        gradcheck(op, np.zeros(9))


def test_ties_of_the_largest_pass():
    found = gradcheck(np.max, np.array([2.0, 2.0, 1.0]))
    assert (found.compared, found.kinks) == (1, 2)


def test_a_kink_everywhere_is_not_a_pass():
    with raises(GradCheckError, "with respect to x (1,)", "not checked", "kink"):
        gradcheck(lambda x: x * np.nan, np.ones(1))


def test_a_check_that_compares_nothing_is_not_a_pass(monkeypatch):
    def blind(function, x):
        return Numerical(np.zeros(x.shape), np.zeros(x.shape), np.ones(x.shape, bool))

    assert gradcheck(np.exp, np.ones(2))
    monkeypatch.setattr(numeric, "numerical_gradient", blind)
    with raises(GradCheckError, "exp", "not checked"):
        gradcheck(np.exp, np.ones(2))


def test_no_entries_are_not_a_pass():
    with raises(GradCheckError, "nothing was compared", "entries"):
        gradcheck(np.sum, np.ones((0, 2)))
    with raises(GradCheckError, "nothing was compared", "(0, 2) is empty"):
        gradcheck(np.exp, np.ones((0, 2)))
    found = gradcheck(lambda x, y: np.sum(x) + y, np.ones((0, 2)), 2.0)
    assert found.compared == 1


# --- functions that cannot be checked -------------------------------------------------------------


def test_a_function_that_draws_is_noticed():
    rng = np.random.default_rng(0)

    def dropout(x):
        return x * (rng.random(x.shape) < 0.5)

    with raises(GradCheckError, "dropout returned different results", "seed"):
        gradcheck(dropout, np.ones(50))


@pytest.mark.parametrize("which", ["x", "y"])
def test_a_function_that_changes_an_input_is_noticed(which):
    def shift(x, y):
        if which == "x":
            x += 1
        else:
            y[0] = 1
        return x * y[0]

    x, y = np.ones(3), np.array([2, 3])
    with raises(GradCheckError, f"shift changed its input {which}", "in place"):
        gradcheck(shift, x, y)
    assert x.tolist() == [1, 1, 1]
    assert y.tolist() == [2, 3]


def test_a_function_that_changes_a_constant_on_the_tape_only_is_noticed():
    def sly(x, y):
        if isinstance(x, Tensor):
            y[0] = 1
        return x * 2

    with raises(GradCheckError, "sly changed its input y"):
        gradcheck(sly, np.ones(3), np.array([2, 3]))


def test_what_is_not_an_array_is_refused():
    with raises(TypeError, "dict"):
        gradcheck(lambda p: p["W"], {"W": np.ones(2)})
    with raises(TypeError, "floating-point", "1.0"):
        gradcheck(np.exp, 1)
    with raises(TypeError, "argmax returned int64"):
        gradcheck(np.argmax, np.ones(3))
    with raises(ValueError, "order=3"):
        gradcheck(np.exp, 1.0, order=3)


def test_a_function_may_use_tensors_of_its_own():
    W = Tensor(np.array([1.0, 2.0]))
    assert gradcheck(lambda x: np.sum(W * x * x), np.array([3.0, 4.0]), order=2)
    assert gradcheck(lambda x: 2.0, 1.0)


def test_the_tolerance_is_yours():
    op = cube_with(RULES["0.1 %"][0])
    assert gradcheck(op, matrix(3), rtol=1e-2)
    assert gradcheck(op, matrix(30), rtol=1e-2)
