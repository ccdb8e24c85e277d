"""detect_anomaly reports the first NaN or infinity where it was born, and arrays changed unseen."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest

from tinygrad_softmax import (
    AnomalyError,
    StaleDataError,
    Tensor,
    cross_entropy,
    detect_anomaly,
    logsumexp,
    no_grad,
    primitive,
    softmax,
)

HERE = Path(__file__).name


class reports:  # noqa: N801 - a verb, like pytest.raises
    """Expect an AnomalyError with these words, on the line of this file marked ``# <-``."""

    def __init__(self, *words):
        self.words = words

    def __enter__(self):
        code = inspect.currentframe().f_back.f_code
        lines, first = inspect.getsourcelines(code)
        marked = [first + i for i, line in enumerate(lines) if line.endswith("# <-\n")]
        assert len(marked) == 1
        words = [*self.words[:-1], f"{HERE}, line {marked[0]}", self.words[-1]]
        self.context = pytest.raises(AnomalyError, match="(?s)" + ".*".join(map(re.escape, words)))
        return self.context.__enter__()

    def __exit__(self, *exception):
        return self.context.__exit__(*exception)


# --- forward --------------------------------------------------------------------------------------


def test_overflow_in_exp_advises_to_subtract_the_row_maximum():
    scores = Tensor([[1000.0, 0.0], [0.0, 0.0]])
    words = "exp made 1 non-finite value (infinity first, at [0, 0]) of scores (2, 2)", "0 to 1e+03"
    with reports(*words, "subtract the row maximum"), detect_anomaly():
        np.exp(scores)  # <-


def test_the_logarithm_of_zero_advises_log_softmax():
    probs = Tensor([0.5, 0.0, 0.0])
    words = "log made 2 non-finite values (infinity first, at [1]) of probs (3,)"
    with reports(words, "use log_softmax or cross_entropy"), detect_anomaly():
        np.log(probs)  # <-


def test_zero_by_zero_is_a_nan_of_divide():
    top, bottom = Tensor([0.0]), Tensor([0.0])
    words = "divide made 1 non-finite value (NaN first, at [0]) of top (1,) and bottom (1,)"
    with reports(words, "the divisor has a zero"), detect_anomaly():
        top / bottom  # <-


def test_a_name_given_to_a_tensor_is_the_one_reported():
    with reports("exp made", "hot (1,)", "subtract"), detect_anomaly():
        np.exp(Tensor([1e4], name="hot"))  # <-


def test_the_users_line_is_quoted_also_when_a_composite_fails_inside():
    x = Tensor([1e200])
    with reports("multiply made", "np.var(x)"), detect_anomaly():
        np.var(x * np.ones(2) * np.array([1.0, -1.0]) + 0 * np.var(x))  # <-


def test_what_was_in_the_data_already_is_blamed_on_the_data():
    X, W = np.ones((4, 3)), Tensor(np.ones((3, 2)))
    X[2, 1] = np.nan
    words = "X (4, 3) brings 1 non-finite value", "at [2, 1]) into matmul"
    with reports(*words, "before the graph began"), detect_anomaly():
        X @ W  # <-


def test_a_nan_in_the_weights_is_blamed_on_the_weights():
    X, W = np.ones((4, 3)), Tensor(np.full((3, 2), np.nan))
    with reports("W (3, 2) brings 6 non-finite values (NaN", "before"), detect_anomaly():
        X @ W  # <-


def test_an_op_without_a_known_remedy_says_where_to_look():
    with reports("sinh made", "Look at the operands"), detect_anomaly():
        np.sinh(Tensor(1000.0))  # <-


def test_values_of_variadic_ops_are_looked_at_as_well():
    W = Tensor([1.0])
    with reports("arrays (1,) brings", "into concatenate", "before"), detect_anomaly():
        np.concatenate([W * 1, np.array([np.nan])])  # <-


# --- backward -------------------------------------------------------------------------------------


def test_the_infinite_slope_of_a_root_at_zero_is_reported_at_its_forward_line():
    distances = Tensor([4.0, 0.0])
    words = "backward pass of sqrt made 1 non-finite value (infinity first, at [1])"
    with reports(words, "distances (2,)", "add a small constant inside the root"), detect_anomaly():
        loss = np.sum(np.sqrt(distances))  # <-
        assert loss.data == 2
        loss.backward()


def test_an_anomaly_of_a_graph_recorded_outside_the_context_is_still_found():
    loss = np.sum(np.sqrt(Tensor([0.0])))
    with pytest.raises(AnomalyError, match=r"sqrt made .* gradient of operand 0"), detect_anomaly():
        loss.backward()


def test_a_rule_that_returns_nan_is_found():
    @primitive()
    def flawed(x):
        return x + 0

    @flawed.grad("x")
    def _(g):
        return g * np.nan

    with reports("backward pass of flawed made", "NaN", "flawed(weight)"), detect_anomaly():
        weight = Tensor(1.0)
        flawed(weight).backward()  # <-


def test_a_sound_pass_is_left_alone():
    W, X, y = Tensor(np.ones((3, 2))), np.ones((4, 3)), np.array([0, 1, 0, 1])
    with detect_anomaly():
        cross_entropy(X @ W * 1e4, y).backward()
    assert np.isfinite(W.grad).all()


# --- arrays changed behind the tape's back --------------------------------------------------------


def step(X, W, y):
    scores = X @ W
    probs = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    return np.sum(-np.log(probs[range(len(y)), y]))


@pytest.mark.parametrize("which", ["X", "y"])
def test_data_and_labels_changed_before_backward_are_caught(which):
    arrays = {"X": np.ones((4, 3)), "y": np.array([0, 1, 0, 1])}
    with detect_anomaly():
        loss = step(arrays["X"], Tensor(np.ones((3, 2))), arrays["y"])
        arrays[which][-1] = 0
        with pytest.raises(StaleDataError, match=r"changed in place between the forward and the"):
            loss.backward()


def test_the_changed_array_is_named():
    X, W = np.ones((4, 3)), Tensor(np.ones((3, 2)))
    with detect_anomaly():
        loss = np.sum(X @ W)
        X[0, 0] = 7
        with pytest.raises(StaleDataError, match=r"X \(4, 3\) of matmul was changed in place"):
            loss.backward()


def test_one_entry_changed_in_a_big_array_is_caught():
    X, W = np.ones((1000, 30)), Tensor(np.ones((30, 2)))
    with detect_anomaly():
        loss = np.sum(X @ W)
        X[777, 7] += 1e-9
        with pytest.raises(StaleDataError, match=r"X \(1000, 30\)"):
            loss.backward()


def test_memory_of_an_intermediate_forced_open_is_caught():
    W = Tensor(np.ones((3, 2)))
    with detect_anomaly():
        e = np.exp(W)
        loss = np.sum(e * e)
        e.data.flags.writeable = True
        e.data[0] = 0
        with pytest.raises(StaleDataError, match=r"e \(3, 2\) of (exp|multiply)"):
            loss.backward()


def test_an_array_that_is_not_needed_may_change():
    X, W, b = np.ones((4, 3)), Tensor(np.ones((3, 2))), np.zeros(2)
    with detect_anomaly():
        loss = np.sum(X @ W + b)
        b[...] = 5
        loss.backward()
    np.testing.assert_array_equal(W.grad, 4)


# --- the context ----------------------------------------------------------------------------------


def test_outside_the_context_nothing_is_watched_also_after_an_error():
    x = Tensor([1000.0])
    with pytest.raises(AnomalyError), detect_anomaly():
        np.exp(x)
    with np.errstate(over="ignore"):
        assert np.isinf(np.exp(x).data)
    with pytest.warns(RuntimeWarning, match="overflow"):
        np.exp(x)


def test_it_nests_with_no_grad_either_way():
    x = Tensor([1000.0])
    with detect_anomaly(), no_grad():
        with pytest.raises(AnomalyError, match="exp made"):
            np.exp(x)
        assert not (x + 1).requires_grad
    with no_grad(), detect_anomaly():
        with pytest.raises(AnomalyError, match="exp made"):
            np.exp(x)
        assert not (x + 1).requires_grad
    assert (x + 1).requires_grad


def test_it_nests_with_itself():
    x = Tensor([1000.0])
    with detect_anomaly():
        with detect_anomaly():
            pass
        with pytest.raises(AnomalyError):
            np.exp(x)


# --- what is not finite on purpose ----------------------------------------------------------------

SCORES = np.array([[0.5, -1.0, 2.0], [1.5, 0.0, -0.5], [0.1, 0.2, 0.3]])
CAUSAL = np.tri(3, dtype=bool)
ADDED = np.where(CAUSAL, 0.0, -np.inf)
ON_PURPOSE = {
    "softmax of a mask": lambda s: np.sum(softmax(np.where(CAUSAL, s, -np.inf), axis=1) ** 2),
    "an added mask": lambda s: np.sum(softmax(s + ADDED, axis=1) ** 2),
    "written out": lambda s: np.sum(written_out(np.where(CAUSAL, s, -np.inf))[:, 0] ** 2),
    "logsumexp": lambda s: np.sum(logsumexp(np.where(CAUSAL, s, -np.inf), axis=1)),
    "cross-entropy": lambda s: cross_entropy(np.where(CAUSAL, s, -np.inf), np.array([0, 1, 2])),
    "one-hot": lambda s: cross_entropy(np.where(CAUSAL, s, -np.inf), np.eye(3)),
    "largest": lambda s: np.sum(np.max(np.where(CAUSAL, s, -np.inf), axis=0)),
    "initial": lambda s: np.max(s, initial=-np.inf),
    "nanmax": lambda s: np.sum(np.nanmax(np.where(CAUSAL, s, np.nan), axis=0)),
    "nansum": lambda s: np.sum(np.nansum(np.where(CAUSAL, s, np.nan), axis=0) ** 2),
    "bounds": lambda s: np.sum(np.clip(s, -np.inf, 1.0)),
    "stacked": lambda s: np.sum(np.exp(np.concatenate([s, np.full((1, 3), -np.inf)]))),
    "maximum of nothing yet": lambda s: np.sum(np.maximum(s, -np.inf)),
}


def written_out(s):
    e = np.exp(s - np.max(s, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


@pytest.mark.parametrize("loss", ON_PURPOSE.values(), ids=ON_PURPOSE)
def test_a_deliberate_infinity_or_nan_is_no_anomaly(loss):
    s = Tensor(SCORES)
    with detect_anomaly():
        loss(s).backward()
    assert np.isfinite(s.grad).all()


def test_a_row_that_is_masked_whole_is_named():
    s, mask = Tensor(SCORES), CAUSAL.copy()
    mask[1] = False
    with (
        reports("divide made 3 non-finite values (NaN first, at [1, 0])", "masked whole"),
        detect_anomaly(),
    ):
        softmax(np.where(mask, s, -np.inf), axis=1)  # <-


def test_infinities_that_meet_are_named():
    s = Tensor(SCORES)
    with (
        reports("subtract made 3 non-finite values (NaN first, at [0, 1])", "Look"),
        detect_anomaly(),
    ):
        (s + ADDED) - np.where(CAUSAL, 0.0, -np.inf)  # <-


@pytest.mark.parametrize(
    ("branch", "words"),
    [
        (lambda x: np.sqrt(-x), "np.sqrt(np.where(ok, x, 1))"),
        (lambda x: np.log(-x), "np.log(np.where(ok, x, 1))"),
        (lambda x: np.arcsin(2 + x), "np.arcsin(np.where(ok, x, 1))"),
        (lambda x: 1 / (x - 4.0), "x / np.where(ok, y, 1)"),
        (lambda x: (-x) ** 0.5, "np.power(np.where(ok, x, 1))"),
    ],
)
def test_the_branch_that_np_where_does_not_take_is_named(branch, words):
    def loss():
        x = Tensor([4.0, -1.0])
        return np.sum(np.where(x.data >= 0, x, branch(x)))

    with pytest.raises(AnomalyError, match=re.escape(words)) as caught, detect_anomaly():
        loss().backward()
    assert "np.where does not take these entries" in str(caught.value)


def test_an_infinity_among_masked_entries_is_still_found():
    s = Tensor([[1000.0, 1.0, 2.0]])
    with (
        reports("exp made 1 non-finite value (infinity first, at [0, 0])", "Remedy"),
        detect_anomaly(),
    ):
        np.exp(np.where([True, True, False], s, -np.inf))  # <-
