"""Naive losses become finite at any score, by laws that are told and tested like all others."""

from functools import cache

import numpy as np
import pytest

import tinygrad_softmax as tg
from tests.symbolic.programs import PROGRAMS, K, N, W, X, w, y
from tinygrad_softmax.ops.elementwise import exp
from tinygrad_softmax.symbolic.algebra import Algebra
from tinygrad_softmax.symbolic.exponentials import can_overflow, is_exponential, is_positive
from tinygrad_softmax.symbolic.stabiliser import STABILITY, Stabiliser
from tinygrad_softmax.symbolic.terms import Law
from tinygrad_softmax.symbolic.trace import trace

rng = np.random.default_rng(11)
s = rng.standard_normal((N, K))
t = np.sign(rng.standard_normal(N))
hit = (t > 0).astype(float)


def softmax(s):
    return np.exp(s) / np.sum(np.exp(s), axis=1, keepdims=True)


def sigmoid(s):
    return 1 / (1 + np.exp(-s))


NAIVE = {
    "logistic loss": (lambda w, X, t: np.mean(np.log(1 + np.exp(-t * (X @ w)))),
                      {"w": w, "X": X, "t": t}),
    "logistic loss by log1p": (lambda w, X, t: np.sum(np.log1p(np.exp(-t * (X @ w)))),
                               {"w": w, "X": X, "t": t}),
    "cross-entropy of a sigmoid": (
        lambda w, X, h: -np.sum(h * np.log(sigmoid(X @ w)) + (1 - h) * np.log(1 - sigmoid(X @ w))),
        {"w": w, "X": X, "h": hit}),
    "cross-entropy of the package's sigmoid": (
        lambda w, X, h: -np.sum((1 - h) * np.log(1 - tg.sigmoid(X @ w))),
        {"w": w, "X": X, "h": hit}),
    "squared error of a sigmoid": (lambda w, X, h: np.sum((sigmoid(X @ w) - h) ** 2),
                                   {"w": w, "X": X, "h": hit}),
    "a sigmoid by exp(s)": (
        lambda w, X, h: np.sum((np.exp(X @ w) / (np.exp(X @ w) + 1) - h) ** 2),
        {"w": w, "X": X, "h": hit}),
    "what a sigmoid lacks": (lambda s: np.sum((1 - np.exp(s) / (1 + np.exp(s))) ** 2), {"s": s}),
    "a negative power": (lambda s: -np.sum(np.log((1 + np.exp(-s)) ** -1) + (2 + np.exp(s)) ** -2),
                         {"s": s}),
    "focal loss": (
        lambda w, X, h: -np.sum(h * (1 - sigmoid(X @ w)) ** 2 * np.log(sigmoid(X @ w))),
        {"w": w, "X": X, "h": hit}),
    "sums without keepdims": (
        lambda W, X, y: -np.sum(np.log(
            (np.exp(X @ W) / np.sum(np.exp(X @ W), axis=1)[:, None])[range(X.shape[0]), y])),
        {"W": W, "X": X, "y": y}),
    "a floor under the probability": (
        lambda W, X, y: -np.mean(np.log(softmax(X @ W)[range(X.shape[0]), y] + 1e-12)),
        {"W": W, "X": X, "y": y}),
    "entropy": (lambda s: np.sum(softmax(s) * np.log(softmax(s))), {"s": s}),
    "log of a sum over everything": (lambda s: np.log(np.sum(np.exp(s))), {"s": s}),
    "log of column sums": (lambda s: np.sum(np.log(np.sum(np.exp(s), axis=0))), {"s": s}),
    "log of scaled exponentials": (
        lambda s: np.sum(np.log(np.sum(2 * np.exp(s) * np.exp(0.5 * s), axis=1))), {"s": s}),
    "log of a root": (lambda s: np.sum(s * np.log(np.sqrt(np.exp(s) ** 3))), {"s": s}),
    "log of more than two": (lambda s: np.sum(np.log(np.exp(s) + np.exp(-s) + 3)), {"s": s}),
    "an upstream inside the quotient": (
        lambda s, G: np.sum(G * np.exp(s) / np.sum(np.exp(s), axis=1, keepdims=True)),
        {"s": s, "G": rng.standard_normal((N, K))}),
    "an upstream outside the quotient": (
        lambda s, G: np.sum(np.exp(s) * G / np.sum(np.exp(s), axis=1, keepdims=True)),
        {"s": s, "G": rng.standard_normal((N, K))}),
    "attention, divided last": (
        lambda s, V: np.sum(((np.exp(s) @ V) / np.sum(np.exp(s), axis=1, keepdims=True)) ** 2),
        {"s": s, "V": rng.standard_normal((K, 5))}),
    "tanh by exponentials": (
        lambda s: np.sum((np.exp(s) - np.exp(-s)) / (np.exp(s) + np.exp(-s))), {"s": s}),
    "a sum over exponentials": (
        lambda s: np.sum((np.exp(2 * s) + np.exp(-s)) / (1 + np.exp(2 * s) + np.exp(-s))),
        {"s": s}),
    "a row maximum without keepdims": (
        lambda s, y: -np.sum(np.log(softmax(s - np.max(s, axis=1)[:, None])[range(s.shape[0]), y])),
        {"s": s, "y": y}),
    "products of exponentials in a sum": (
        lambda s, G: np.sum(1 / (1 + np.exp(s) * np.exp(G))),
        {"s": s, "G": rng.standard_normal((N, K))}),
    "logarithms of other things": (lambda s: np.sum(np.log1p(s**2) * (1 - s / (1 + s**2))),
                                   {"s": s}),
    "a product over exponentials": (lambda s, G: np.sum(s * G / (1 + np.exp(s))),
                                    {"s": s, "G": rng.standard_normal((N, K))}),
    "a share in a denominator": (lambda s: np.sum(1 / (1 + sigmoid(s))), {"s": s}),
    "swish": (lambda s: np.sum(s / (1 + np.exp(-s))), {"s": s}),
    "a sigmoid of two scores": (lambda s: np.sum(1 - np.exp(-np.logaddexp(s, 0))), {"s": s}),
}  # fmt: skip
CASES = NAIVE | {name: (p.loss, {"wrt": p.wrt, **p.inputs}) for name, p in PROGRAMS.items()}


@pytest.mark.no_cover
@pytest.mark.parametrize("name", CASES)
def test_a_stable_form_is_right_here_elsewhere_and_at_large_scores(name):
    loss, inputs = CASES[name]
    derivation = tg.derive(loss, stable=True, **inputs)  # which compares, also at 1e4
    assert all(step.difference < 1e-9 for step in derivation.steps)


@pytest.mark.parametrize("size", [1e4, -1e4])
def test_scores_of_ten_thousand_do_not_hurt_the_naive_question(size):
    program = PROGRAMS["question"]
    wrt = {"wrt": program.wrt}
    big = program.inputs | {"W": size * program.inputs["W"]}
    with np.errstate(all="ignore"):
        assert not np.isfinite(program.loss(**big))
    derivation = tg.derive(program.loss, **wrt, stable=True, **program.inputs)
    value, found = derivation.value_and_grad(**big)  # a warning would be an error
    hand = tg.by_hand.linear(**big)
    np.testing.assert_allclose(value, hand.loss, rtol=1e-12)
    np.testing.assert_allclose(found["W"], hand.dW, rtol=1e-12)
    np.testing.assert_allclose(found["b"], hand.db, rtol=1e-12)


def test_the_textbook_lines_stay():
    program = PROGRAMS["question"]
    stable = tg.derive(program.loss, wrt=program.wrt, stable=True, **program.inputs)
    naive = tg.derive(program.loss, wrt=program.wrt, **program.inputs)
    assert stable.program.gradient == naive.program.gradient
    assert "shifted_scores = scores - np.max(scores, axis=1, keepdims=True)" in stable.source
    assert "no score can overflow" in stable.markdown
    assert [step.law for step in stable.steps if step.law.startswith("shift")] == [
        "shift_invariance"
    ]


def test_what_overflows_by_its_nature_is_left_alone():
    derivation = tg.derive(lambda s: np.sum(np.exp(s) - s), stable=True, s=s)
    assert "exp_s - 1" in derivation.source


def test_a_form_that_no_law_reaches_is_refused():
    def tower(s):
        return np.sum((np.exp(s) ** 2 - np.exp(s)) / (np.exp(s) ** 2 + np.exp(s) * np.sin(s) ** 2))

    with pytest.raises(tg.DerivationError, match="no law reaches a form"):
        tg.derive(tower, stable=True, s=s)


def test_without_wider_numbers_large_scores_are_not_judged(monkeypatch):
    monkeypatch.setattr(np, "longdouble", np.float64)
    tg.derive(NAIVE["swish"][0], stable=True, s=s)


def test_a_name_that_is_taken_is_not_taken_again():
    def loss(s, shifted_s):
        exp_s = np.exp(s)
        return np.sum(shifted_s * exp_s / np.sum(exp_s, axis=1, keepdims=True))

    source = tg.derive(loss, stable=True, s=s, shifted_s=s.copy()).source
    assert "  shifted_s =" not in source


@cache
def users():
    """For each law, of stability or not, the cases that use it."""
    found = {law.name: [] for laws in STABILITY.values() for law in laws}
    for name, (loss, inputs) in CASES.items():
        for law in {step.law for step in tg.derive(loss, stable=True, **inputs).steps}:
            found.setdefault(law, []).append(name)
    return found


def test_every_law_of_stability_is_used():
    assert not [law for law, cases in users().items() if not cases]


@pytest.mark.no_cover
@pytest.mark.parametrize("how", ["too large by 0.1 %", "of the wrong sign"])
@pytest.mark.parametrize("law", sorted({law.name for laws in STABILITY.values() for law in laws}))
def test_a_law_of_stability_that_is_off_never_gets_out(law, how, monkeypatch):
    factor = 1.001 if "large" in how else -1.0

    def bent(entry):
        def apply(stable, e):
            after = entry.apply(stable, e)
            return None if after is None else stable.made(factor * after)

        return Law(entry.name, entry.sentence, apply) if entry.name == law else entry

    programs = [NAIVE[name] for name in users()[law] if name in NAIVE][:3]
    for kind, laws in list(STABILITY.items()):
        monkeypatch.setitem(STABILITY, kind, [bent(entry) for entry in laws])
    caught = 0
    for loss, inputs in programs:
        try:
            steps = tg.derive(loss, stable=True, **inputs).steps
            told = [step.difference for step in steps if step.law == law]
            # bent twice, one within the other, a sign may be right again: but not in every step
            assert not told or max(told) > 1e-6
            caught += bool(told)
        except (tg.DerivationError, FloatingPointError, RuntimeWarning):
            caught += 1
    assert caught


def test_laws_without_end_are_stopped(monkeypatch):
    monkeypatch.setattr("tinygrad_softmax.symbolic.stabiliser._MOST_STEPS", 2)
    with pytest.raises(tg.DerivationError, match="applied without end"):
        tg.derive(*CASES["entropy"][:1], stable=True, **CASES["entropy"][1])


def test_the_logarithm_of_a_product_is_a_sum():
    def loss(s):
        return np.sum(np.exp(s) + np.exp(-np.logaddexp(0, s)))

    traced = trace(loss, {"s": s}, ("s",))
    algebra = Algebra(traced.world, {})
    first, second = (e for e in traced.world.table.values() if e.op is exp)
    logarithm = Stabiliser(traced.world).log(algebra.times(first, second))
    assert {*algebra.terms(logarithm)} == {*first.args, *second.args}


def test_what_is_made_of_exponentials_is_told_by_form():
    seen = []

    def loss(s, a):
        e = np.exp(s)
        seen.extend([e, e + 1, e * 2, np.sum(e, axis=1), e[0], e**-2.0, np.sqrt(e), e / (e + 1)])
        seen.extend([s, a * e, e - 1, e**a, np.logaddexp(s, a), e * -1, np.log(e)])
        return np.sum(e)

    trace(loss, {"s": s, "a": s}, ("s",))
    seen = seen[-15:]  # the sizes were made to agree first
    assert [is_exponential(e) for e in seen] == [True] * 8 + [False] * 7
    assert [can_overflow(e) for e in seen] == [True] * 8 + [False] * 7
    assert not is_positive(seen[8])
