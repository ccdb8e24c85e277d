"""``backward()`` and the ``.grad`` that it leaves: what is set, what is added, what is refused."""

import numpy as np
import pytest

from tinygrad_softmax import BackwardError, ShapeError, Tensor

# --- .grad ----------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("op", "slope"),
    [
        (np.add, 1),
        (np.subtract, -1),
        (np.multiply, 1),
        (np.maximum, 1),
        (lambda a, x: np.where(np.ones((4, 1), bool), x, a), 1),
    ],
    ids=["add", "subtract", "multiply", "maximum", "where"],
)
@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 3), (4, 1), (4, 3)])
@pytest.mark.parametrize(
    "reduce",
    [np.sum, lambda z: np.sum(np.sum(z, axis=1)), np.mean],
    ids=["sum", "sum of sums", "mean"],
)
def test_what_was_broadcast_collects_from_every_copy_also_a_constant_gradient(
    op, slope, shape, reduce
):
    x = Tensor(np.full(shape, 2.0))
    reduce(op(np.ones((4, 3)), x)).backward()
    copies = 12 / x.size / (12 if reduce is np.mean else 1)
    np.testing.assert_allclose(x.grad, np.full(shape, slope * copies), rtol=1e-15)


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


# --- starting a pass ------------------------------------------------------------------------------


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
