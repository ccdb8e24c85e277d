"""Sparse examples teach what dense ones do, and are never made dense."""

import numpy as np
import pytest

from tinygrad_softmax import SoftmaxClassifier
from tinygrad_softmax.classifier import rows

sparse = pytest.importorskip("scipy.sparse", reason="needs the extra `fast`")
pytestmark = pytest.mark.filterwarnings("ignore:.* did not converge")  # a few steps suffice here

rng = np.random.default_rng(0)
N, D = 230, 9
DENSE = np.where(rng.uniform(size=(N, D)) < 0.2, rng.standard_normal((N, D)), 0)
Y = np.array(list("abc"))[(DENSE @ rng.standard_normal((D, 3))).argmax(axis=1)]
WEIGHTS = rng.integers(0, 3, N)


@pytest.mark.parametrize(
    "settings",
    [{"max_iter": 300, "tol": 1e-9}, {"hidden": 5}, {"hidden": (5, 4)}, {"solver": "sgd"},
     {"penalty": "l1", "reg": 0.01}, {"batch_size": 50}, {"hidden": 3, "engine": "eager"},
     {"hidden": 3, "early_stopping": True}],
)  # fmt: skip
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("block", [300, rows.BLOCK_BYTES])
def test_it_learns_the_same(monkeypatch, settings, weights, block):
    monkeypatch.setattr(rows, "BLOCK_BYTES", block)
    settings = {"max_iter": 12, "random_state": 0} | settings
    here, there = (
        SoftmaxClassifier(**settings).fit(examples, Y, weights)
        for examples in (DENSE, sparse.csr_array(DENSE))
    )
    assert there.loss_ == pytest.approx(here.loss_, rel=1e-7)
    for p, q in zip(here.parameters_, there.parameters_, strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_array", "coo_array", "lil_matrix"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, int, bool])
def test_any_format_and_type(kind, dtype):
    dense = (10 * DENSE).astype(dtype)
    examples = getattr(sparse, kind)(dense)
    model = SoftmaxClassifier(max_iter=5).fit(examples, Y)
    assert model.parameters_[0].dtype == (np.float32 if dtype is np.float32 else np.float64)
    assert model.score(examples, Y, WEIGHTS) == model.score(dense, Y, WEIGHTS)
    for name in ("predict_proba", "predict_log_proba", "decision_function"):
        answers = [getattr(model, name)(each) for each in (examples, dense)]
        assert type(answers[0]) is np.ndarray
        np.testing.assert_allclose(*answers, rtol=1e-4, atol=1e-6)


def test_it_goes_on_in_parts():
    model = SoftmaxClassifier(random_state=0)
    for part in (slice(0, 99), slice(99, N)):
        model.partial_fit(sparse.csr_array(DENSE[part]), Y[part], classes=["a", "b", "c"])
    assert model.n_iter_ == 2


def test_it_is_never_made_dense(monkeypatch):
    """A matrix that would not fit: a million columns of a hundred thousand rows."""
    n = 2000
    places = np.arange(n), rng.integers(0, 10**6, n)
    wide = sparse.csr_array((np.ones(n), places), shape=(n, 10**6))
    model = SoftmaxClassifier(max_iter=2).fit(wide, np.arange(n) % 2)
    assert model.predict(wide).shape == (n,)


def test_what_is_not_finite_is_said_with_its_place():
    spoiled = DENSE.copy()
    spoiled[100, 2] = np.nan
    for examples in (sparse.csr_array(spoiled), sparse.csc_matrix(spoiled)):
        with pytest.raises(ValueError, match="NaN, first in row 100, column 2"):
            SoftmaxClassifier().fit(examples, Y)
    model = SoftmaxClassifier().fit(DENSE, Y)
    with pytest.raises(ValueError, match=r"infinity \(inf\), first in row 3, column 1"):
        model.predict(sparse.csr_array(np.where(np.arange(36).reshape(4, 9) == 28, np.inf, 0)))
    with pytest.raises(ValueError, match="X has 3 features"):
        model.predict(sparse.csr_array(DENSE[:, :3]))
