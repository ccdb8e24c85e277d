"""Each node is visited once, after everything that used it, and each rule called only if needed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.problems import seeds
from tinygrad_softmax import BackwardError, Tensor, detect_anomaly, no_grad, primitive


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
    return weigh


# --- order ----------------------------------------------------------------------------------------


def test_a_node_is_visited_once_however_many_ways_lead_to_it(weigh):
    x = Tensor(1.0)
    y = x
    for _ in range(60):
        y = weigh(y, 0.5) + weigh(y, 0.5)
    y.backward()
    assert len(weigh.calls) == 120  # by paths instead of nodes it would be 2**60
    assert x.grad == 1


def test_a_chain_of_twenty_thousand_ops_needs_no_recursion_forward_backward_or_freed():
    x = Tensor(1.0)
    y = x
    for _ in range(20_000):
        y = y + 1e-3
    y.backward()
    assert x.grad == 1
    for _ in range(20_000):
        y = y + 1e-3
    del y  # never differentiated, so nothing was consumed: the tape falls at once


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


# --- sparing --------------------------------------------------------------------------------------


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


# --- contexts of generators -----------------------------------------------------------------------


def paused():
    with no_grad():
        yield


def watched():
    with detect_anomaly():
        yield


@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize("context", [paused, watched])
def test_generators_that_hold_a_context_may_end_in_any_order(context, order):
    both = {"a": context(), "b": context()}
    for generator in both.values():
        next(generator)
    assert (Tensor(1.0) * 2).requires_grad == (context is watched)
    for name in order:
        assert list(both[name]) == []
    assert (Tensor(1.0) * 2).requires_grad
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        np.log(Tensor(0.0))  # nobody watches, and NumPy warns as before


# --- a parameter that is none any more ------------------------------------------------------------


@pytest.mark.parametrize(
    "update",
    [lambda w: w - 0.1 * w.grad, lambda w: w + -0.1 * w.grad, lambda w: np.subtract(w, w.grad),
     lambda w: -0.1 * w.grad + w, lambda w: 0.9 * w - 0.1 * w.grad,
     lambda w: w - 0.1 * (w.grad + 0.01 * w), lambda w: np.clip(w - 0.1 * w.grad, -1, 1),
     lambda w: np.where(True, w - 0.1 * w.grad, w)],
)  # fmt: skip
def test_a_parameter_that_was_rebound_is_told_how_to_write_its_update(update):
    def training(theta, total):
        for _ in range(4):
            loss = total(theta * theta)
            loss.backward()
            theta = update(theta)

    with pytest.raises(BackwardError, match=r"theta is not a parameter any more"):
        training(Tensor(1.0), lambda loss: loss)
    with pytest.raises(BackwardError, match=r"theta is not a parameter any more") as caught:
        training(Tensor(np.ones(2)), np.sum)
    assert "theta.data -= step * theta.grad" in str(caught.value)
    assert "retain_graph" not in str(caught.value)


@pytest.mark.parametrize("holder", [dict, lambda: [None]])
def test_so_is_one_that_a_list_or_a_dict_holds(holder):
    held = holder()
    held[0] = Tensor(np.ones(2))

    def training():
        for _ in range(4):
            np.sum(held[0] * held[0]).backward()
            held[0] = held[0] - 0.1 * held[0].grad

    with pytest.raises(BackwardError, match=r"has replaced a parameter, write w\.data -= step"):
        training()


def test_a_loss_that_is_differentiated_twice_is_told_to_retain_the_graph():
    w = Tensor(np.ones(2))
    hidden, moved = np.tanh(w), w + 1
    np.sum(hidden).backward()
    np.sum(moved).backward()
    total = 0.0 + np.sum(np.tanh(w))  # the losses of some batches, added up
    total.backward()
    total = total + np.sum(np.tanh(w))
    with pytest.raises(BackwardError, match="retain_graph=True the first time"):
        total.backward()
    for again in (np.sum(hidden), np.sum(hidden * 2), np.sum(moved * moved)):
        with pytest.raises(BackwardError, match="retain_graph=True the first time"):
            again.backward()
