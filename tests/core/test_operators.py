"""Python's operators, methods and NumPy's calling conventions all reach the same ops."""

import inspect
import operator
import re

import numpy as np
import pytest
from hypothesis import given

from tests.problems import seeds, sizes
from tinygrad_softmax import DataError, NoRuleError, Tensor
from tinygrad_softmax.core.shapes import fold

BINARY = {
    "+": (operator.add, lambda x, y: (1, 1)),
    "-": (operator.sub, lambda x, y: (1, -1)),
    "*": (operator.mul, lambda x, y: (y, x)),
    "/": (operator.truediv, lambda x, y: (1 / y, -x / y**2)),
    "**": (operator.pow, lambda x, y: (y * x ** (y - 1), x**y * np.log(x))),
}
COMPARISONS = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


@pytest.mark.parametrize(("op", "slopes"), BINARY.values(), ids=BINARY)
@given(shape=sizes(2), seed=seeds)
def test_an_operator_takes_tensors_arrays_and_numbers_on_either_side(op, slopes, shape, seed):
    rng = np.random.default_rng(seed)
    x, y, c = rng.uniform(0.5, 2, shape), rng.uniform(0.5, 2, shape), 1.25
    for left, right in [
        (Tensor(x), Tensor(y)), (Tensor(x), y), (x, Tensor(y)), (Tensor(x), c), (c, Tensor(y)),
    ]:  # fmt: skip
        plain = [v.data if isinstance(v, Tensor) else v for v in (left, right)]
        out = op(left, right)
        np.testing.assert_allclose(out.data, op(*plain), rtol=1e-14)
        np.sum(out).backward()
        for value, slope in zip((left, right), slopes(*plain), strict=True):
            if isinstance(value, Tensor):
                expected = np.broadcast_to(slope, shape)
                np.testing.assert_allclose(value.grad, expected, rtol=1e-13, atol=1e-15)


def test_a_list_is_as_good_as_an_array_on_either_side():
    W = Tensor(np.eye(2))
    np.testing.assert_array_equal(([[1.0, 2.0]] @ W).data, [[1, 2]])
    np.testing.assert_array_equal((W @ [1.0, 2.0]).data, [1, 2])
    np.testing.assert_array_equal(([1.0, 2.0] - W).data, [[0, 2], [1, 1]])


def test_signs_are_operators_as_well():
    x = Tensor([-2.0, 3.0])
    for out, slope in [(-x, [-1, -1]), (+x, [1, 1]), (abs(x), [-1, 1])]:
        np.sum(out).backward()
        np.testing.assert_array_equal(x.grad, slope)
    np.testing.assert_array_equal(abs(x).data, [2, 3])


@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda f: f.__name__)
def test_comparisons_give_plain_arrays(compare):
    x, y = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0])
    for left, right in [(Tensor(x), y), (x, Tensor(y)), (Tensor(x), Tensor(y)), (Tensor(x), 2.0)]:
        found = compare(left, right)
        assert type(found) is np.ndarray
        np.testing.assert_array_equal(found, compare(x, y))


@pytest.mark.parametrize(
    "arranged",
    [
        lambda a: a.T,
        lambda a: a.transpose(),
        lambda a: a.transpose(2, 0, 1),
        lambda a: a.transpose((2, 0, 1)),
        lambda a: a.reshape(4, 6),
        lambda a: a.reshape((4, -1)),
        lambda a: a.reshape(-1),
        lambda a: a.ravel(),
        lambda a: a.flatten(),
        lambda a: a.swapaxes(0, 2),
        lambda a: a[..., 0, :],
        lambda a: a[:, np.newaxis, [0, 0, 2]],
    ],
)
def test_methods_that_arrange_do_what_numpys_do_and_send_each_entry_back(arranged):
    a = np.arange(24.0).reshape(2, 3, 4)
    x = Tensor(a)
    out = arranged(x)
    np.testing.assert_array_equal(out.data, arranged(a), strict=True)
    np.sum(out * out).backward()
    counts = np.bincount(arranged(a).astype(int).ravel(), minlength=24).reshape(a.shape)
    np.testing.assert_array_equal(x.grad, 2 * a * counts)


def test_a_type_can_be_changed_and_its_gradient_changes_back():
    x = Tensor(np.ones(3, np.float32))
    wide = x.astype(np.float64)
    assert wide.dtype == np.float64
    np.sum(wide).backward()
    assert x.grad.dtype == np.float32


def test_numpys_own_names_for_arguments_are_understood():
    x = Tensor(np.arange(6.0).reshape(2, 3))
    a = x.data
    np.testing.assert_array_equal(np.sum(a=x, axis=0).data, a.sum(0))
    np.testing.assert_array_equal(np.max(a=x, axis=1).data, a.max(1))
    np.testing.assert_array_equal(np.dot(a, b=x.T).data, a @ a.T)


def test_reductions_of_ufuncs_are_the_reductions():
    a = np.arange(1.0, 7).reshape(2, 3)
    x = Tensor(a)
    for ufunc in (np.add, np.maximum, np.minimum, np.multiply):
        np.testing.assert_array_equal(ufunc.reduce(x).data, ufunc.reduce(a))
        np.testing.assert_array_equal(ufunc.reduce(x, axis=1).data, ufunc.reduce(a, axis=1))
        np.testing.assert_array_equal(ufunc.reduce(x, axis=None).data, ufunc.reduce(a, axis=None))
        kept = ufunc.reduce(x, axis=1, keepdims=True)
        np.testing.assert_array_equal(kept.data, ufunc.reduce(a, axis=1, keepdims=True))


def test_functions_that_only_look_give_plain_answers():
    x = Tensor(np.ones((2, 3)))
    assert np.shape(x) == (2, 3)
    assert np.size(x) == 6
    assert np.ndim(x) == 2
    assert np.allclose(x, x.data)
    assert type(np.zeros_like(x)) is np.ndarray
    assert np.argmax(x, axis=1).tolist() == x.argmax(axis=1).tolist() == [0, 0]
    assert np.isfinite(x).all()


def test_numpys_way_of_naming_arguments_is_understood():
    x = Tensor([[1.0, 5.0], [4.0, 2.0]])
    np.testing.assert_array_equal(np.sum(a=x, axis=0, out=None).data, [5, 7])
    np.testing.assert_array_equal(np.amax(a=x, axis=1).data, [5, 4])
    np.testing.assert_array_equal(np.column_stack([x[0], x]).data, [[1, 1, 5], [5, 4, 2]])
    np.testing.assert_array_equal(np.append(x, np.ones((2, 1)), axis=1).data[:, 2], 1)


@pytest.mark.skipif(
    "shape" not in inspect.signature(np.reshape).parameters, reason="since NumPy 2.1"
)
def test_numpys_newer_names_for_arguments_are_understood():
    x = Tensor([[1.0, 5.0], [4.0, 2.0]])
    np.testing.assert_array_equal(np.clip(x, min=2, max=4).data, [[2, 4], [4, 2]])
    np.testing.assert_array_equal(np.reshape(x, shape=(4, 1)).data, [[1], [5], [4], [2]])


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda x: np.unwrap(np.cumsum(x), period=1.0), "np.unwrap has no gradient rule"),
        (lambda x: np.cov(x, fweights=[1, 1]), "np.cov of a Tensor does not take fweights=[1, 1]"),
        (lambda x: np.concatenate([x], casting="unsafe"), "does not take casting="),
    ],
)
def test_an_argument_that_no_rule_covers_is_named(call, named):
    with pytest.raises(NoRuleError, match=re.escape(named)):
        call(Tensor([1.0, 2.0]))


def test_a_sum_in_integers_is_refused():
    with pytest.raises(DataError, match="int64"):
        np.sum(Tensor([1.0, 2.0]), dtype=int)


def test_a_number_may_be_reduced_over_its_missing_axis_as_in_numpy():
    x = Tensor(2.0)
    np.sum(x, axis=0).backward()
    assert x.grad == 1


def test_a_gradient_of_fewer_axes_than_its_operand_stays_compact():
    assert fold(np.ones(3), (2, 3)).shape == (3,)
