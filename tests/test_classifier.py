"""The classifier trains as the page does, by gradients that equal the ones written by hand."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.classifiers import problems
from tinygrad_softmax import SoftmaxClassifier, by_hand
from tinygrad_softmax.datasets import case_study, spiral

PUBLISHED = """
1.096956 0.917265 0.851503 0.822336 0.807586 0.799448 0.794681 0.791764 0.789920 0.788726
0.787938 0.787409 0.787049 0.786803 0.786633 0.786514 0.786431 0.786373 0.786331 0.786302
"""
X, y, LINEAR, NETWORK = case_study()
pytestmark = pytest.mark.filterwarnings("ignore:.* did not converge")  # a few steps suffice here


def lines(losses, every):
    return "".join(f"iteration {every * i}: loss {loss}\n" for i, loss in enumerate(losses))


def test_the_published_linear_run_comes_out_line_by_line(capsys):
    classifier = SoftmaxClassifier(step_size=1.0, init=LINEAR, verbose=True).fit(X, y)
    assert capsys.readouterr().out == lines(PUBLISHED.split(), 10)
    assert f"{classifier.score(X, y):.2f}" == "0.49"
    assert classifier.n_iter_ == len(classifier.loss_curve_) == 200
    assert classifier.loss_ == classifier.loss_curve_[-1]


def test_automatic_steps_change_nothing_where_steps_of_one_go_down():
    plain = SoftmaxClassifier(step_size=1.0, init=LINEAR).fit(X, y)
    assert SoftmaxClassifier(solver="sgd", init=LINEAR).fit(X, y).loss_curve_ == plain.loss_curve_


def test_the_published_network_run_begins_as_published(capsys):
    settings = {"hidden": 100, "step_size": 1.0, "max_iter": 1001}
    SoftmaxClassifier(**settings, init=NETWORK, verbose=1000).fit(X, y)
    assert capsys.readouterr().out == lines(["1.098744", "0.294946"], 1000)


@pytest.mark.filterwarnings("ignore:after .* worse than")
@given(problems(), st.sampled_from([0.1, 1.0]), st.sampled_from([0.0, 0.9]))
def test_each_step_is_the_one_by_hand(problem, step_size, momentum):
    classifier, X, y = problem
    classifier.set_params(step_size=step_size, momentum=momentum)
    parameters = classifier.init
    function = by_hand.linear if len(parameters) == 2 else by_hand.two_layer
    velocity = [np.zeros_like(p) for p in parameters]

    def compare(iteration, loss, classifier):
        nonlocal parameters, velocity
        step = function(*parameters, X, y, classifier.reg)
        names = ["dW", "db", "dW2", "db2"][: len(parameters)]
        gradients = [getattr(step, name) for name in names]
        velocity = [momentum * v - step_size * d for v, d in zip(velocity, gradients, strict=True)]
        expected = [p + v for p, v in zip(parameters, velocity, strict=True)]
        np.testing.assert_allclose(loss, step.loss, rtol=1e-12)
        for got, wanted in zip(classifier.parameters_, expected, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-12)
        # On from what it has, so that a rounded kink cannot lead the two apart.
        parameters = classifier.parameters_

    classifier.set_params(callback=compare).fit(X, y)
    assert parameters is classifier.parameters_


@given(problems(), st.data())
def test_a_weight_of_k_is_as_good_as_k_copies(problem, data):
    classifier, X, y = problem
    classifier.set_params(solver="sgd")
    _, first = np.unique(y, return_index=True)
    weights = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(y), max_size=len(y))))
    weights[first] += 1  # some of every class must remain
    weighted = copy.deepcopy(classifier).fit(X, y, weights)
    repeated = classifier.fit(X.repeat(weights, axis=0), y.repeat(weights))
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-7)
    score = repeated.score(X.repeat(weights, axis=0), y.repeat(weights))
    assert weighted.score(X, y, weights) == pytest.approx(score)


@pytest.mark.parametrize("settings", [{"tol": 1e-8}, {"step_size": 0.5, "batch_size": 50}])
@pytest.mark.parametrize("weights", [None, np.linspace(0, 1, len(y))])
def test_class_weights_multiply_those_of_the_examples(settings, weights):
    settings = {"max_iter": 50, "random_state": 0} | settings
    labels = np.array(list("abc"))[np.where(np.arange(len(y)) % 3, y, 0)]
    given = np.ones(len(y)) if weights is None else weights
    counts = {name: given[labels == name].sum() for name in "abc"}
    balanced = {name: given.sum() / (3 * count) for name, count in counts.items()}
    for setting, by_class in [
        ("balanced", balanced),
        ({"a": 3, "c": 0.5}, {"a": 3, "b": 1, "c": 0.5}),
    ]:
        here = SoftmaxClassifier(class_weight=setting, **settings).fit(X, labels, weights)
        product = given * np.array([by_class[name] for name in labels])
        there = SoftmaxClassifier(**settings).fit(X, labels, product)
        np.testing.assert_allclose(here.predict_proba(X), there.predict_proba(X), rtol=1e-6)


@pytest.mark.parametrize("hidden", [None, 5])
@pytest.mark.parametrize("batch_size", [None, 50])
def test_float32_stays_float32(hidden, batch_size):
    classifier = SoftmaxClassifier(
        hidden, reg=np.float64(1e-3), momentum=0.5, batch_size=batch_size, max_iter=3
    )
    small = X.astype(np.float32)
    for weights in (None, np.linspace(0, 1, len(y))):
        classifier.fit(small, y, weights)
        results = *classifier.parameters_, classifier.predict_proba(small)
        assert {array.dtype for array in results} == {np.dtype(np.float32)}


@pytest.mark.parametrize("dtype", [int, np.float16, np.float64, bool])
def test_other_numbers_train_in_float64(dtype):
    classifier = SoftmaxClassifier(max_iter=3).fit((10 * X).astype(dtype), y)
    assert {array.dtype for array in classifier.parameters_} == {np.dtype(np.float64)}


def test_the_same_seed_gives_the_same_weights_and_batches():
    def fit(seed, **settings):
        settings = {"hidden": 4, "max_iter": 3, "batch_size": 70} | settings
        return SoftmaxClassifier(random_state=seed, **settings).fit(X, y).parameters_

    def same(first, second):
        return all(map(np.array_equal, first, second))

    assert same(fit(0), fit(0))
    assert same(fit(np.random.RandomState(0)), fit(0))
    assert same(fit(np.random.default_rng(0)), fit(np.random.default_rng(0)))
    assert not same(fit(0), fit(1))
    assert not same(fit(0, init=NETWORK, hidden=100), fit(1, init=NETWORK, hidden=100))
    assert not same(fit(None), fit(None))


def test_initial_weights_are_small_and_drawn_as_the_page_draws_them():
    drawn = []
    classifier = SoftmaxClassifier(4, step_size=1e-300, max_iter=1, random_state=7)
    drawn = classifier.fit(X, y).parameters_
    generator = np.random.RandomState(7)
    np.testing.assert_array_equal(drawn[0], 0.01 * generator.randn(2, 4))
    np.testing.assert_array_equal(drawn[2], 0.01 * generator.randn(4, 3))
    assert np.abs(drawn[1]).max() < 1e-299


def test_mini_batches_reach_what_full_batches_reach():
    points, arms = spiral(60, random_state=1)
    full = SoftmaxClassifier(momentum=0.9, max_iter=300, reg=0.01, random_state=0)
    batched = copy.deepcopy(full).set_params(batch_size=32, momentum=0.0, max_iter=100)
    assert batched.fit(points, arms).loss_ == pytest.approx(full.fit(points, arms).loss_, abs=0.02)


def test_each_pass_of_mini_batches_sees_every_row_once():
    rows = np.arange(7.0)[:, None]
    classifier = SoftmaxClassifier(step_size=1e-9, batch_size=3, max_iter=1, reg=0.0)
    whole = SoftmaxClassifier(step_size=1e-9, max_iter=1, reg=0.0)
    start = [[[1.0, -1.0]], [[0.0, 0.0]]]
    labels, weights = np.arange(7) % 2, [1, 1, 1, 1, 1, 1, 0]  # six rows count: equal batches
    losses = [
        c.set_params(init=start).fit(rows, labels, weights).loss_ for c in (classifier, whole)
    ]
    assert losses[0] == pytest.approx(losses[1])


def test_momentum_speeds_up_a_slow_descent():
    plain = SoftmaxClassifier(step_size=0.02, max_iter=50, init=LINEAR).fit(X, y)
    heavy = SoftmaxClassifier(step_size=0.02, max_iter=50, init=LINEAR, momentum=0.9).fit(X, y)
    assert heavy.loss_ < plain.loss_ - 0.05


def test_training_stops_when_ten_iterations_improve_by_less_than_tol():
    whole = SoftmaxClassifier(solver="sgd", init=LINEAR).fit(X, y).loss_curve_
    for tol in (1e-2, 1e-3, 1e-4):
        curve = SoftmaxClassifier(solver="sgd", init=LINEAR, tol=tol).fit(X, y).loss_curve_
        assert curve == whole[: len(curve)]
        assert curve[-11] - curve[-1] < tol <= curve[-12] - curve[-2]


def test_the_callback_sees_each_iteration_and_can_stop():
    seen = []

    def stop_at_four(iteration, loss, classifier):
        seen.append((iteration, loss, classifier.n_iter_, classifier.predict(X[:1]).shape))
        return iteration == 4

    classifier = SoftmaxClassifier(callback=stop_at_four).fit(X, y)
    losses = classifier.loss_curve_
    assert seen == [(i, loss, i + 1, (1,)) for i, loss in enumerate(losses)]
    assert classifier.n_iter_ == 5


@pytest.mark.parametrize(("verbose", "printed"), [(False, []), (1, [0, 10]), (4, [0, 4, 8])])
def test_verbose_says_how_often_to_print(verbose, printed, capsys):
    SoftmaxClassifier(solver="sgd", verbose=verbose, max_iter=12).fit(X, y)
    assert [int(line.split()[1][:-1]) for line in capsys.readouterr().out.splitlines()] == printed


@pytest.mark.parametrize("hidden", [None, 8])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3, 1e6, 1e100])
def test_automatic_steps_go_down_at_any_scale(hidden, scale):
    classifier = SoftmaxClassifier(hidden, random_state=0, momentum=0.5)
    curve = np.array(classifier.fit(scale * (X + 0.5), y).loss_curve_)
    assert (np.diff(curve) <= 0).all()
    assert curve[-1] < curve[0]


def test_training_goes_on_from_where_another_ended():
    first = SoftmaxClassifier(solver="sgd", init=LINEAR, max_iter=50).fit(X, y)
    second = SoftmaxClassifier(solver="sgd", init=first.parameters_, max_iter=150).fit(X, y)
    whole = SoftmaxClassifier(solver="sgd", init=LINEAR).fit(X, y)
    assert first.loss_curve_ + second.loss_curve_ == whole.loss_curve_


def test_inputs_are_not_modified():
    arrays = [X.copy(), y.copy(), np.ones(len(y)), *(p.copy() for p in NETWORK)]
    for array in arrays:
        array.flags.writeable = False
    SoftmaxClassifier(100, init=arrays[3:], max_iter=3).fit(*arrays[:3])


@pytest.mark.parametrize("hidden", [None, 7])
@pytest.mark.parametrize("weighed", [False, True])
def test_both_engines_train_alike(hidden, weighed):
    """The compiled formula and the tape agree to rounding, at every step."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 4)), rng.integers(0, 3, 60)
    weights = rng.uniform(0, 2, 60) if weighed else None
    trained = [
        SoftmaxClassifier(hidden, step_size="auto", max_iter=30, batch_size=25, momentum=0.5,
                          random_state=0, engine=engine).fit(X, y, weights)
        for engine in ("compiled", "eager")
    ]  # fmt: skip
    np.testing.assert_allclose(trained[0].loss_curve_, trained[1].loss_curve_, rtol=1e-10)
    for compiled, eager in zip(*(each.parameters_ for each in trained), strict=True):
        np.testing.assert_allclose(compiled, eager, rtol=1e-8, atol=1e-12)
