"""Copies and pickles: of parameters and constants, of graphs with their parameters, or refused."""

import copy
import pickle

import numpy as np
import pytest

from tinygrad_softmax import GradientLostError, Tensor


@pytest.fixture
def w():
    return Tensor([1.0, 2.0], name="w")


def test_a_parameter_is_copied_as_one_of_its_own(w):
    np.sum(w * w).backward()
    for clone in (copy.deepcopy(w), pickle.loads(pickle.dumps(w))):
        np.sum(clone * 3.0).backward()
        assert clone.grad.tolist() == [3, 3]
        assert w.grad.tolist() == [2, 4]
        assert (clone.name, clone.requires_grad) == ("w", True)
        clone.data[0] = 7
        assert w.data[0] == 1


def test_a_constant_stays_one(w):
    constant = (w * w).detach()
    for clone in (copy.deepcopy(constant), pickle.loads(pickle.dumps(constant))):
        assert not clone.requires_grad
        assert clone.data.tolist() == [1, 4]


@pytest.mark.parametrize("leave", [copy.deepcopy, pickle.dumps], ids=["copy", "pickle"])
def test_the_result_of_an_op_is_not_cut_off(w, leave):
    square = w * w
    with pytest.raises(GradientLostError, match=r"of square, .*detach\(\)"):
        leave(square)
    leave(square.detach())


@pytest.mark.parametrize("pack", [
    lambda w, h: {"w": w, "h": h}, lambda w, h: {"h": h, "w": w}, lambda w, h: [[h], w],
])  # fmt: skip
def test_a_graph_is_copied_with_its_parameters_in_any_order(w, pack):
    both = copy.deepcopy(pack(w, np.exp(w) * w))
    values = both.values() if isinstance(both, dict) else [both[0][0], both[1]]
    weight, h = sorted(values, key=lambda t: t.name is None)
    np.sum(h).backward()
    np.testing.assert_allclose(weight.grad, np.exp([1.0, 2.0]) * [2.0, 3.0])
    assert w.grad is None
    np.sum(h.detach() * w).backward()  # the original is as it was
    np.testing.assert_allclose(w.grad, h.data)


def test_a_graph_that_was_copied_without_its_parameter_says_so(w):
    (h,) = copy.deepcopy([w * w])
    with pytest.raises(GradientLostError, match=r"depends on w \(2,\), whose tensor was not"):
        np.sum(h).backward()


def test_a_long_graph_is_copied_without_recursion(w):
    h = w
    for _ in range(3000):
        h = h + 0.0
    weight, copied = copy.deepcopy([w, h])
    np.sum(copied).backward()
    assert weight.grad.tolist() == [1, 1]


def test_an_update_after_the_copy_is_still_noticed(w):
    weight, square = copy.deepcopy([w, w * w])
    weight.data[0] = 5.0
    with pytest.raises(RuntimeError, match="changed in place"):
        np.sum(square).backward()
