"""Each node is visited once, after everything that used it, and each rule called only if needed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.problems import seeds
from tinygrad_softmax import Tensor, primitive


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
