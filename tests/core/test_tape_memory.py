"""What is kept, what is freed and when, and who may write where."""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest

from tinygrad_softmax import StaleDataError, Tensor


@pytest.fixture
def no_collector():
    """The garbage collector off: only reference counts free anything."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def loss_of(W, X):
    scores = X @ W
    e = np.exp(scores)
    return np.sum(-np.log(e / np.sum(e, axis=1, keepdims=True)))


# --- freeing --------------------------------------------------------------------------------------


def test_dropping_the_loss_frees_the_graph_without_the_collector(no_collector):
    W = Tensor(np.ones((3, 2)))
    loss = loss_of(W, np.ones((4, 3)))
    tape = weakref.ref(loss.node)
    del loss
    assert tape() is None


def test_discarded_graphs_leave_memory_flat(no_collector):
    W, X = Tensor(np.ones((3, 2))), np.ones((4, 3))

    def use(n):
        for i in range(n):
            loss = np.sum(np.exp(X @ W))
            if i % 2:
                loss.backward()

    tracemalloc.start()
    try:
        use(500)
        before, _ = tracemalloc.get_traced_memory()
        use(4000)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # One leaked float for each graph would show as 128,000 bytes.
    assert after - before < 20_000


def test_errors_leave_no_graph_behind(no_collector):
    W = Tensor(np.ones((3, 2)))
    loss = loss_of(W, np.ones((4, 3)))
    tape = weakref.ref(loss.node)
    with pytest.raises(ValueError, match="matmul got"):
        loss_of(W, np.ones((4, 5)))
    del loss
    assert tape() is None


def test_only_what_a_rule_asks_for_is_kept():
    x = Tensor(np.zeros(5))
    shifted = x + 1
    powers = np.exp(shifted)
    freed, kept = weakref.ref(shifted.array), weakref.ref(powers.array)
    loss = np.sum(powers)
    del shifted, powers
    assert freed() is None  # exp asks for its result alone, and + for nothing
    assert kept() is not None
    del loss
    assert kept() is None


def test_memory_falls_during_the_pass():
    x = Tensor(np.zeros(5))
    first = np.exp(x)
    second = np.exp(first)
    loss = np.sum(second)
    arrays = [weakref.ref(first.array), weakref.ref(second.array)]
    del first, second
    assert all(ref() is not None for ref in arrays)
    loss.backward()
    assert all(ref() is None for ref in arrays)  # although the loss is still here
    assert loss.grad == 1


def test_the_peak_of_a_long_pass_is_far_below_one_gradient_for_each_step():
    x = Tensor(np.zeros(10_000))
    y = x
    for _ in range(200):
        y = y + 1.0
    loss = np.sum(y * y)
    del y
    tracemalloc.start()
    try:
        loss.backward()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10 * x.data.nbytes


# --- who may write --------------------------------------------------------------------------------


def test_results_are_read_only():
    W = Tensor(np.ones((3, 2)))
    for result in (np.exp(W), W + 1, np.sum(W), W.T, W[0], W.reshape(6), Tensor(1.0) * 2):
        with pytest.raises(ValueError, match="read-only"):
            result.data[...] = 0
    assert W.data.flags.writeable


def test_results_are_read_only_when_nothing_is_recorded_as_well():
    probs = np.exp(Tensor([1.0], requires_grad=False))
    with pytest.raises(ValueError, match="read-only"):
        probs.data -= 1


def test_arrays_handed_in_stay_writable_and_untouched():
    X = np.ones((4, 3))
    loss_of(Tensor(np.ones((3, 2))), X).backward()
    assert X.flags.writeable
    np.testing.assert_array_equal(X, 1)


def test_a_tensor_copies_its_data_unless_told_not_to():
    data = np.ones(3)
    copied, shared = Tensor(data), Tensor(data, copy=False)
    data[0] = 7
    assert copied.data[0] == 1
    assert shared.data is data


def update(W):
    W.data -= 0.5


def overwrite(W):
    W.data[...] = 0


def overwrite_one_entry(W):
    W.data[0, 0] = 5


def replace(W):
    W.data = np.zeros(W.shape)


@pytest.mark.parametrize(
    "change", [update, overwrite, overwrite_one_entry, replace], ids=lambda f: f.__name__
)
def test_a_parameter_updated_before_backward_is_noticed_and_named(change):
    W = Tensor(np.ones((3, 2)), name="W")
    loss = np.sum(W * W)
    change(W)
    with pytest.raises(StaleDataError, match=r"W \(3, 2\).*between the forward and the backward"):
        loss.backward()


def test_an_update_by_assignment_is_noticed_even_where_no_rule_reads_the_values():
    weights = Tensor(np.ones((3, 2)))
    loss = np.sum(weights)
    weights.data -= 0.5
    with pytest.raises(StaleDataError, match=r"weights \(3, 2\).*updated.*update afterwards"):
        loss.backward()


def test_an_update_through_the_array_behind_a_transpose_is_noticed():
    W = Tensor(np.ones((3, 2)))
    loss = np.sum(W.T * W.T)  # what is kept is a read-only view of what is written here
    W.data[...] = 5
    with pytest.raises(StaleDataError, match=r"\(2, 3\) of multiply was changed in place"):
        loss.backward()


def test_an_update_through_a_view_held_from_before_is_noticed():
    W = Tensor(np.ones((3, 2)))
    view = W.data.T
    loss = np.sum(W * W)
    view[0, 0] = 5
    with pytest.raises(StaleDataError, match="changed in place"):
        loss.backward()


def test_an_update_after_backward_is_how_one_trains():
    W = Tensor(np.ones((3, 2)))
    for expected in (1.0, 0.5, 0.25):
        np.testing.assert_array_equal(W.data, expected)
        np.sum(W * W).backward()
        W.data -= 0.25 * W.grad
        np.testing.assert_array_equal(W.grad, 2 * expected)  # it survives the update


def test_a_retained_graph_is_stale_after_the_update():
    W = Tensor(np.ones((3, 2)), name="W")
    loss = np.sum(W * W)
    loss.backward(retain_graph=True)
    W.data -= 0.25 * W.grad
    with pytest.raises(StaleDataError, match="W"):
        loss.backward()
