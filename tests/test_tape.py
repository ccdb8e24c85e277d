"""What the engine promises: order, sparing, ``.grad``, and which mistakes a second pass reports."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.problems import seeds
from tinygrad_softmax import BackwardError, ShapeError, Tensor, primitive
from tinygrad_softmax.primitive import REGISTRY


@pytest.fixture
def weigh():
    """An op x * w whose rules note that they were called."""
    calls = []

    @primitive()
    def weigh(x, w):
        return np.multiply(x, w)

    @weigh.grad("x")
    def _(g, w):
        calls.append("x")
        return g * w

    @weigh.grad("w")
    def _(g, x):
        calls.append("w")
        return g * x

    weigh.calls = calls
    yield weigh
    del REGISTRY["weigh"]


# --- order ------------------------------------------------------------------------------------------


def test_a_node_is_visited_once_so_a_diamond_of_sixty_levels_is_instant(weigh):
    x = Tensor(1.0)
    y = x
    for _ in range(60):
        y = weigh(y, 0.5) + weigh(y, 0.5)
    begin = time.perf_counter()
    y.backward()
    assert time.perf_counter() - begin < 0.5
    assert len(weigh.calls) == 120  # by paths instead of nodes it would be 2**60
    assert x.grad == 1


def test_a_chain_of_twenty_thousand_ops_needs_no_recursion_forward_backward_or_freed():
    begin = time.perf_counter()
    x = Tensor(1.0)
    y = x
    for _ in range(20_000):
        y = y + 1e-3
    y.backward()
    assert x.grad == 1
    for _ in range(20_000):
        y = y + 1e-3
    del y  # never differentiated, so nothing was consumed: the tape falls at once
    assert time.perf_counter() - begin < 2


@given(seeds, st.integers(2, 30))
def test_a_node_comes_after_everything_that_used_it_in_any_graph(seed, n):
    # Values are linear in x by construction, so the slope is what the numbers themselves say.
    rng = np.random.default_rng(seed)
    x = Tensor(1.0)
    made = [x]
    for _ in range(n):
        i, j = rng.integers(len(made), size=2)
        made.append(made[i] * 0.5 - made[j] * 0.75)
    loss = made[-1] + made[rng.integers(len(made))]
    loss.backward()
    np.testing.assert_allclose(x.grad, loss.data, rtol=1e-12, atol=1e-15)


# --- sparing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "w", "called"),
    [
        (Tensor(2.0), 3.0, {"x"}),
        (2.0, Tensor(3.0), {"w"}),
        (Tensor(2.0), Tensor(3.0, requires_grad=False), {"x"}),
        (Tensor(2.0), Tensor(3.0), {"x", "w"}),
    ],
    ids=["x", "w", "w constant", "both"],
)
def test_a_rule_is_called_only_for_an_input_that_needs_a_gradient(weigh, x, w, called):
    weigh(x, w).backward()
    assert set(weigh.calls) == called
    assert len(weigh.calls) == len(called)


def test_constants_make_constants_and_leave_no_tape(weigh):
    out = weigh(Tensor(2.0, requires_grad=False), 3.0)
    assert not out.requires_grad
    assert out.grad is None


# --- .grad ------------------------------------------------------------------------------------------


def test_a_second_backward_sets_the_gradient_and_does_not_add():
    W = Tensor([1.0, 2.0])
    for _ in range(3):
        np.sum(W * W).backward()
        np.testing.assert_array_equal(W.grad, [2, 4])


def test_accumulate_adds_to_what_was_there():
    W, b = Tensor([1.0, 2.0]), Tensor(0.0)
    np.sum(W * W).backward(accumulate=True)
    np.sum(3 * W + b).backward(accumulate=True)
    np.testing.assert_array_equal(W.grad, [5, 7])
    assert b.grad == 2


def test_accumulating_leaves_the_array_that_was_handed_out_alone():
    W = Tensor([1.0, 2.0])
    np.sum(W * W).backward()
    first = W.grad
    np.sum(W * W).backward(accumulate=True)
    np.testing.assert_array_equal(first, [2, 4])


def test_within_one_pass_several_uses_add_up():
    W = Tensor([1.0, 2.0])
    np.sum(W * W + W * 3 + W).backward()
    np.testing.assert_array_equal(W.grad, [6, 8])


def test_an_untouched_parameter_keeps_no_gradient():
    W, unused = Tensor([1.0]), Tensor([1.0])
    np.sum(W).backward()
    assert unused.grad is None


def test_gradients_of_parameters_own_their_memory_and_may_be_written():
    W, b, c = Tensor(np.ones((4, 3))), Tensor(np.ones(3)), Tensor(np.ones((4, 3)))
    loss = np.sum((W + b) + c)
    loss.backward()
    grads = [W.grad, b.grad, c.grad]
    for i, g in enumerate(grads):
        assert g.flags.owndata
        assert g.flags.writeable
        assert not any(np.shares_memory(g, other) for other in grads[:i])
        assert W.grad is grads[0]
    W.grad[...] = 7
    np.testing.assert_array_equal(c.grad, 1)


def test_gradients_of_intermediates_have_full_shape_and_are_read_only():
    W = Tensor(np.ones((4, 3)))
    doubled = 2 * W
    rows = np.sum(doubled, axis=1)
    np.sum(rows).backward()
    for value in (doubled, rows):
        assert value.grad.shape == value.shape
        assert value.grad is value.grad
        with pytest.raises(ValueError, match="read-only"):
            value.grad[0] = 1


def test_a_gradient_can_be_set_to_none_or_to_an_array_but_to_no_other_shape():
    W = Tensor([1.0, 2.0])
    np.sum(W).backward()
    W.grad = None
    assert W.grad is None
    W.grad = [3, 4]
    assert W.grad.dtype == W.dtype
    with pytest.raises(ShapeError, match=r"\(3,\) does not fit .*\(2,\)"):
        W.grad = np.ones(3)
    with pytest.raises(BackwardError, match="requires_grad=True"):
        W.detach().grad = np.ones(2)


# --- starting a pass --------------------------------------------------------------------------------


def test_a_second_pass_over_a_consumed_graph_is_refused():
    W = Tensor([1.0, 2.0])
    loss = np.sum(W * W)
    loss.backward()
    with pytest.raises(BackwardError, match=r"consumed .*retain_graph=True"):
        loss.backward()


def test_a_part_consumed_by_another_loss_is_refused_too():
    W = Tensor([1.0, 2.0])
    squares = W * W
    np.sum(squares).backward()
    with pytest.raises(BackwardError, match=r"consumed .*multiply.*retain_graph=True"):
        np.sum(3 * squares).backward()


def test_retain_graph_allows_as_many_passes_as_ask_for_it():
    W = Tensor([1.0, 2.0])
    squares = W * W
    for factor in (1, 3):
        np.sum(factor * squares).backward(retain_graph=True)
        np.testing.assert_array_equal(W.grad, factor * 2 * W.data)
    np.sum(squares).backward()
    np.testing.assert_array_equal(W.grad, 2 * W.data)


def test_a_non_scalar_is_refused_by_name_and_shape():
    scores = Tensor(np.ones((4, 3))) * 2
    with pytest.raises(BackwardError, match=r"scores has shape \(4, 3\).*np\.sum"):
        scores.backward()
    with pytest.raises(BackwardError, match="this tensor has shape"):
        (scores * 2).backward()


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_one_entry_in_any_shape_is_a_scalar(shape):
    x = Tensor(np.full(shape, 3.0))
    (x * x).backward()
    np.testing.assert_array_equal(x.grad, np.full(shape, 6.0))


def test_a_seed_weighs_the_entries_and_is_neither_kept_nor_written():
    W = Tensor(np.ones((2, 3)))
    seed = np.arange(6.0).reshape(2, 3)
    seed.flags.writeable = False
    (W + 0).backward(seed)
    np.testing.assert_array_equal(W.grad, seed)
    assert not np.shares_memory(W.grad, seed)
    with pytest.raises(ShapeError, match=r"\(2, 3\) got a gradient of shape \(3,\)"):
        (W + 0).backward(np.ones(3))


@pytest.mark.parametrize(
    "loss", [Tensor(1.0, requires_grad=False), Tensor(1.0).detach() * 2], ids=["constant", "detach"]
)
def test_a_graph_without_parameters_is_refused(loss):
    with pytest.raises(BackwardError, match="depends on no parameter"):
        loss.backward()


def test_a_parameter_is_its_own_graph():
    x = Tensor(3.0)
    x.backward()
    assert x.grad == 1
