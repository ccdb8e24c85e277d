"""A Dask array is trained on as if it were in memory, in whatever chunks it comes."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.classifiers import problems
from tinygrad_softmax import SoftmaxClassifier
from tinygrad_softmax.core.errors import LabelError, ShapeError

dask = pytest.importorskip("dask", reason="needs the extra `dask`")
da = pytest.importorskip("dask.array", reason="needs the extra `dask`")

rng = np.random.default_rng(0)
N, D = 230, 4
X = rng.standard_normal((N, D))
Y = np.array(["ant", "bee", "cat"])[(X @ rng.standard_normal((D, 3))).argmax(axis=1)]
WEIGHTS = rng.integers(0, 3, N)
ROWS = da.from_array(X, chunks=(60, -1))
pytestmark = pytest.mark.filterwarnings("ignore:.* did not converge")  # a few steps suffice here


@st.composite
def chunks(draw, total):
    """A drawn way to cut an axis; pieces may be empty."""
    ends = draw(st.lists(st.integers(0, total), max_size=4).map(sorted))
    return tuple(np.diff([0, *ends, total]).tolist())


def assert_same(here, there, atol=1e-10):
    np.testing.assert_array_equal(here.classes_, there.classes_)
    np.testing.assert_allclose(here.loss_curve_, there.loss_curve_, rtol=0, atol=atol)
    for p, q in zip(here.parameters_, there.parameters_, strict=True):
        assert p.dtype == q.dtype
        np.testing.assert_allclose(p, q, rtol=0, atol=atol)


@pytest.mark.no_cover
@given(problem=problems(), data=st.data())
def test_any_chunks_teach_the_same(problem, data):
    classifier, examples, y = problem
    weights = None
    if data.draw(st.booleans()):
        weights = data.draw(st.lists(st.integers(0, 3), min_size=len(y), max_size=len(y)))
        weights = np.array(weights) + (np.arange(len(y)) < 2) * (y[0] != y[1])
        if len(np.unique(y[weights > 0])) < len(np.unique(y)):
            weights += 1
    rows = da.from_array(examples, chunks=(data.draw(chunks(len(examples))), (examples.shape[1],)))
    outside = [
        da.from_array(a, chunks=(data.draw(chunks(len(y))),))
        if a is not None and data.draw(st.booleans())
        else a
        for a in (y, weights)
    ]
    here = classifier.fit(examples, y, weights)
    expected, accuracy = here.parameters_, here.score(examples, y, weights)
    with dask.config.set(scheduler="synchronous"):
        there = classifier.fit(rows, *outside)
        assert there.score(rows, *outside) == pytest.approx(accuracy, abs=1e-12)
        for p, q in zip(expected, there.parameters_, strict=True):
            np.testing.assert_allclose(p, q, rtol=0, atol=1e-10)
        np.testing.assert_allclose(
            there.predict_proba(rows), there.predict_proba(examples), rtol=0, atol=1e-12
        )


@pytest.mark.parametrize("engine", ["compiled", "eager"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_threads_teach_the_same(engine, dtype):
    array = np.abs(4 * X).astype(dtype)
    settings = {"max_iter": 20, "random_state": 0, "engine": engine, "step_size": 0.1}
    here = SoftmaxClassifier(**settings).fit(array, Y)
    there = SoftmaxClassifier(**settings).fit(da.from_array(array, chunks=(20, 4)), Y)
    assert_same(here, there, 1e-5 if dtype == "float32" else 1e-10)


def test_a_batch_of_everything_is_no_batch():
    settings = {"max_iter": 5, "random_state": 0, "batch_size": N}
    assert_same(*(SoftmaxClassifier(**settings).fit(rows, Y) for rows in (X, ROWS)))


def test_what_a_mask_leaves_can_be_predicted_without_being_counted():
    model = SoftmaxClassifier(max_iter=3).fit(X, Y)
    kept = ROWS[ROWS[:, 0] > 0]
    assert np.isnan(kept.shape[0])
    np.testing.assert_array_equal(model.predict(kept).compute(), model.predict(X[X[:, 0] > 0]))


def test_what_examples_and_labels_are_made_from_is_made_once():
    made = []

    def make(block_id):
        made.append(block_id)
        part = slice(50 * block_id[0], 50 * block_id[0] + 50)
        return np.column_stack([X[part], np.arange(50) % 3])

    both = da.map_blocks(make, chunks=((50,) * 4, (D + 1,)), dtype=float, meta=np.empty((0, 0)))
    classifier = SoftmaxClassifier(step_size=0.1, max_iter=3).fit(both[:, :D], both[:, D])
    # A first look, the loss at the start with its gradient, and one pass after each step.
    assert len(made) == 4 * (2 + classifier.n_iter_)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba",
                                    "decision_function"])  # fmt: skip
def test_answers_are_lazy(method, n_classes):
    labels = np.where(Y == "cat", "ant", Y) if n_classes == 2 else Y
    model = SoftmaxClassifier(max_iter=3).fit(X, labels)
    lazy = getattr(model, method)(da.from_array(X, chunks=((100, 0, 130), 4)))
    here = getattr(model, method)(X)
    assert isinstance(lazy, da.Array)
    assert (lazy.shape, lazy.dtype) == (here.shape, here.dtype)
    if method == "predict":
        np.testing.assert_array_equal(lazy.compute(), here)
    else:
        np.testing.assert_allclose(lazy.compute(), here, rtol=0, atol=1e-14)


def test_a_block_that_is_not_finite_is_told_when_it_is_computed():
    model = SoftmaxClassifier(max_iter=3).fit(X, Y)
    lazy = model.predict(da.where(np.arange(N)[:, None] == 125, np.nan, ROWS))
    with pytest.raises(ValueError, match="NaN, first in row 125, column 0"):
        lazy.compute()


def unknown_columns():
    return ROWS.T[da.from_array(np.arange(D) < 2, chunks=D)].T


@pytest.mark.parametrize(
    ("examples", "labels", "weights", "kind", "message"),
    [
        (da.where(np.arange(N)[:, None] > 200, np.inf, ROWS), Y, None, ValueError,
         r"infinity \(inf\), first in row 201, column 0"),
        (ROWS[:, 0], Y, None, ValueError, "Expected 2D array, got 1D array"),
        (ROWS * 1j, Y, None, (ValueError, TypeError), "Complex data not supported"),
        (ROWS[:0], Y[:0], None, ShapeError, r"0 sample\(s\) \(shape=\(0, 4\)\)"),
        (ROWS[:, :0], Y, None, ShapeError, r"0 feature\(s\)"),
        (unknown_columns(), Y, None, ShapeError, "chunks of columns.*X.compute_chunk_sizes"),
        (ROWS.rechunk({1: 3}), Y, None, ShapeError, r"columns, \(3, 1\).*X.rechunk\(\{1: -1\}\)"),
        (ROWS[ROWS[:, 0] > 0], Y, None, ShapeError, "X is .* unknown size.*X.compute_chunk_sizes"),
        (ROWS, Y, da.ones(N, chunks=9)[da.ones(N, chunks=9) > 0], ShapeError,
         "sample_weight is .*sample_weight.compute_chunk_sizes"),
        (ROWS, Y[1:], None, LabelError, "229 labels for 230 examples: row 229 has no label"),
        (ROWS, da.from_array(Y, chunks=50)[da.from_array(Y, chunks=50) != "ant"], None,
         LabelError, "y is .* unknown size.*y.compute_chunk_sizes"),
        (ROWS, np.where(np.arange(N) == 99, 0.5, 1), None, LabelError, r"y is 0\.5 in row 99"),
        (ROWS, np.eye(N, 3), None, LabelError, "argmax"),
        (ROWS, Y == "none", None, LabelError, "all of one class"),
        (ROWS, Y, WEIGHTS[1:], ValueError, r"\(229,\) where \(230,\)"),
        (ROWS, Y, 0.0 * WEIGHTS, ValueError, "every sample_weight is zero"),
        (ROWS, Y, da.where(np.arange(N) == 150, -1, 1), ValueError, r"-1\.0 in row 150"),
        (dask.delayed(X), Y, None, TypeError, "not a Dask array: pass X.to_dask_array"),
    ],
)  # fmt: skip
def test_what_cannot_be_learned_from(examples, labels, weights, kind, message):
    with pytest.raises(kind, match=message):
        SoftmaxClassifier().fit(examples, labels, weights)


def test_a_column_of_labels_is_taken_with_a_warning():
    column = da.from_array(Y[:, None], chunks=(50, 1))
    with pytest.warns(UserWarning, match="column-vector"):
        there = SoftmaxClassifier(max_iter=3, random_state=0).fit(ROWS, column)
    assert_same(SoftmaxClassifier(max_iter=3, random_state=0).fit(X, Y), there)


def test_batches_are_refused_with_advice():
    with pytest.raises(ValueError, match=r"batch_size=32 draws.*leave batch_size=None"):
        SoftmaxClassifier(batch_size=32).fit(ROWS, Y)


def test_questions_are_checked_when_they_are_asked():
    with pytest.raises(ValueError, match="not fitted yet"):
        SoftmaxClassifier().predict(ROWS)
    model = SoftmaxClassifier(max_iter=1).fit(X, Y)
    for ask in (model.predict, lambda rows: model.score(rows, Y)):
        with pytest.raises(ValueError, match=r"X has 3 features.*expecting 4"):
            ask(ROWS[:, :3])
    with pytest.raises(LabelError, match="229 labels"):
        model.score(ROWS, Y[1:])
    with pytest.raises(ValueError, match="every sample_weight is zero"):
        model.score(ROWS, Y, np.zeros(N))


def test_who_does_not_use_dask_does_not_import_it():
    program = (
        "import sys, numpy as np; from tinygrad_softmax import SoftmaxClassifier as C; "
        "C(max_iter=1).fit(np.eye(2), [0, 1]).predict(np.eye(2)); "
        "sys.exit(any(name.split('.')[0] in ('dask', 'distributed') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_block_is_made_and_asked_in_one_task():
    """What makes a block is no task whose result waits, and takes memory, until it is asked."""
    from tinygrad_softmax.classifier.dask_rows import DaskRows

    def make(block_id):
        return np.ones((50, D)[: len(block_id)])

    settings = {"dtype": float, "name": "make-rows"}
    rows = da.map_blocks(make, chunks=((50,) * 4, (D,)), meta=np.empty((0, 0)), **settings)
    labels = da.map_blocks(make, chunks=((50,) * 4,), meta=np.empty(0), dtype=float, name="make-y")
    (task, *_) = DaskRows(rows, labels, None).tasks(lambda *block: [len(block[1])])
    assert task.compute() == [50]
    assert not [key for key in task.dask if "make" in str(key)[:8]]
