"""The nets under the checker: each is tried by breaking what it should catch."""

import numpy as np
import pytest

from tests.checker.subjects import SUBJECTS, changed
from tinygrad_softmax.checker import check_gradients, search, truth

loss, right, inputs = SUBJECTS["ridge"]
wrong, _ = changed(right, "2 * alpha * w", "alpha * w")


def test_an_automatic_gradient_that_is_wrong_is_not_believed(monkeypatch):
    true = truth._by_tape

    def doubled(*args):
        return {n: 2 * g for n, g in true(*args).items()}

    monkeypatch.setattr(truth, "_by_tape", doubled)
    monkeypatch.setattr(truth, "_by_trace", lambda *_: {})
    assert check_gradients(loss, right, **inputs).ok
    monkeypatch.setattr(truth, "_is_slope", lambda *_: True)  # the net is gone
    assert not check_gradients(loss, right, budget=0.1, **inputs).ok


def test_an_automatic_loss_that_is_another_is_not_believed():
    def by_type(w, X):
        """Takes another turn for arrays than for tensors."""
        z = X @ w
        return np.sum(z**2) if isinstance(z, np.ndarray) else np.sum(z**3)

    def gradients(w, X):
        return {"w": 2 * X.T @ (X @ w)}

    given = {"w": inputs["w"], "X": inputs["X"]}
    assert check_gradients(by_type, gradients, **given).ok


def test_no_change_is_shown_that_was_not_run_at_all_points(monkeypatch):
    assert check_gradients(loss, wrong, budget=60.0, **inputs).findings[0].repaired
    ran = []

    def refuse(self, source, tree, *_, **options):
        ran.append(tree)

    monkeypatch.setattr(search.Search, "verified", refuse)
    report = check_gradients(loss, wrong, budget=60.0, **inputs)
    assert ran
    assert not any(finding.repaired for finding in report.findings)
    assert report.repaired == ""


def test_a_defect_in_the_search_of_one_place_is_no_verdict(monkeypatch):
    """What is right is right, and what is wrong is wrong, whatever becomes of the search."""
    monkeypatch.setattr(search.Search, "repairs", lambda self, most=3: [])
    assert check_gradients(loss, right, **inputs).ok
    report = check_gradients(loss, wrong, **inputs)
    assert [f.stage for f in report.findings] == ["dw"]


def test_candidates_may_not_change_the_loss_of_a_function_that_returns_both():
    def both(w):
        value = np.sum(w * w)
        dw = value * 0 + w
        return value, {"w": dw}

    report = check_gradients(both, budget=20.0, w=np.array([0.5, -1.0, 2.0]))
    (finding,) = report.findings
    assert finding.repaired
    assert "value = " not in finding.before


def test_candidates_may_not_change_the_inputs():
    def careful(w, X):
        z = X.copy()
        z *= w
        return {"w": np.sum(z * X, axis=0)}

    given = {"w": inputs["w"], "X": inputs["X"]}
    before = given["X"].copy()
    report = check_gradients(lambda w, X: np.sum((w * X) ** 2), careful, budget=20.0, **given)
    (finding,) = report.findings
    assert finding.repaired
    assert ".copy()" in report.repaired
    assert np.array_equal(given["X"], before)


@pytest.mark.parametrize("turns", [3])
def test_a_candidate_that_loops_too_long_is_left(monkeypatch, turns):
    def slow(w, x):
        k, total = 0, np.zeros_like(w)
        while k < 2:
            total = total + w * x**2 / 2
            k += 1
        return {"w": total}

    class Stopped(BaseException):
        count = 0

        def __init__(self):
            Stopped.count += 1

    monkeypatch.setattr(search, "_TURNS", turns)
    monkeypatch.setattr(search, "StopError", Stopped)
    given = {"w": np.array([0.5, -1.0, 2.0]), "x": np.arange(1.0, 4)}
    report = check_gradients(lambda w, x: np.sum((w * x) ** 2), slow, budget=20.0, **given)
    assert not report.ok
    assert Stopped.count
