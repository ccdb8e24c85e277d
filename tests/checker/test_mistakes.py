"""Mistakes that people make are found, and repaired: with the change, the gradients are right."""

import numpy as np
import pytest

from tests.checker.mistakes import MISTAKES
from tests.checker.subjects import SUBJECTS, changed, equal, function_of, variables
from tinygrad_softmax.checker import check_gradients

#: In seconds, so many that it is never the clock that ends a search.
AMPLE = 100.0

mistakes = pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.title)


def made(mistake):
    """The subject of a mistake, and its gradient with the mistake in it."""
    subject = SUBJECTS[mistake.subject]
    return subject, changed(subject.gradients, mistake.right, mistake.wrong)[0]


def repaired(report, function):
    """The function that the report shows as repaired, made of its text alone."""
    return function_of(report.repaired, function.__globals__)


@pytest.mark.parametrize("name", SUBJECTS)
def test_what_is_right_is_right(name):
    subject = SUBJECTS[name]
    report = check_gradients(subject.loss, subject.gradients, **subject.inputs)
    assert report.ok, str(report)
    assert {f"d{n}" for n in report_names(subject)} <= set(report.right)


def report_names(subject):
    return subject.gradients(**{n: np.copy(v) if isinstance(v, np.ndarray) else v
                                for n, v in subject.inputs.items()})  # fmt: skip


@pytest.mark.no_cover
@mistakes
def test_a_mistake_is_found_and_repaired(mistake):
    subject, wrong = made(mistake)
    report = check_gradients(subject.loss, wrong, budget=AMPLE, **subject.inputs)
    assert not report.ok
    assert all(finding.repaired for finding in report.findings), str(report)
    mended = repaired(report, wrong)
    again = check_gradients(subject.loss, mended, **subject.inputs)
    assert again.ok, f"{report}\n\n{again}"
    if mistake.known:
        (finding,) = report.findings
        mine, right = (variables(f, subject.inputs) for f in (mended, subject.gradients))
        common = {n: mine[n] for n in mine.keys() & right.keys()}
        assert equal(common, {n: right[n] for n in common}), str(finding)


def test_the_table_is_of_mistakes_over_all_subjects():
    assert len({(m.subject, m.right, m.wrong) for m in MISTAKES}) == len(MISTAKES) >= 60
    assert {m.subject for m in MISTAKES} == set(SUBJECTS)


@mistakes
def test_each_is_wrong_by_finite_differences(mistake):
    """Told by no automatic gradient: the loss is measured a little to either side."""
    subject, wrong = made(mistake)
    right, found = (f(**copies(subject.inputs)) for f in (subject.gradients, wrong))
    rng = np.random.default_rng(0)
    differs = False
    for name, gradient in right.items():
        along = rng.standard_normal(np.shape(gradient))
        slope = 0.0
        for sign in (1, -1):
            moved = subject.inputs[name] + sign * 1e-5 * along
            slope += sign * subject.loss(**copies(subject.inputs) | {name: moved}) / 2e-5
        assert slope == pytest.approx(np.sum(gradient * along), rel=1e-5, abs=1e-7)
        differs |= np.shape(found[name]) != np.shape(gradient) or not np.isclose(
            slope, np.sum(found[name] * along), rtol=1e-4, atol=1e-7
        )
    assert differs


def copies(inputs):
    return {n: v.copy() if isinstance(v, np.ndarray) else v for n, v in inputs.items()}


# --- two mistakes at once ---

PAIRS = [
    (("    dscores /= num_examples\n", ""), ("    dW += reg * W\n", "")),
    (("y] -= 1", "y] += 1"), ("axis=0, keepdims=True", "axis=0")),
    (("dW += reg * W", "dW -= reg * W"), ("db = np.sum", "db = np.mean")),
]


@pytest.mark.no_cover
@pytest.mark.parametrize("pair", PAIRS, ids=["division, penalty", "sign, shape", "sign, mean"])
def test_two_mistakes_are_both_repaired(pair):
    subject = SUBJECTS["softmax"]
    wrong = subject.gradients
    for old, new in pair:
        wrong, _ = changed(wrong, old, new)
    report = check_gradients(subject.loss, wrong, budget=AMPLE, **subject.inputs)
    assert len(report.findings) >= 2
    assert all(finding.repaired for finding in report.findings), str(report)
    assert check_gradients(subject.loss, repaired(report, wrong), **subject.inputs).ok
