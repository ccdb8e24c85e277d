"""A memory-mapped file is trained on as if it were in memory, without being there."""

import mmap
import subprocess
import sys

import numpy as np
import pytest

from tinygrad_softmax import SoftmaxClassifier
from tinygrad_softmax.classifier import checks, rows
from tinygrad_softmax.core.errors import LabelError

rng = np.random.default_rng(0)
N, D = 230, 4
X = rng.standard_normal((N, D))
NAMES = np.array(["ant", "bee", "cat"])
Y = NAMES[(X @ rng.standard_normal((D, 3))).argmax(axis=1)]
WEIGHTS = rng.integers(0, 3, N)
pytestmark = pytest.mark.filterwarnings("ignore:.* did not converge")  # a few steps suffice here


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    """Blocks of 16 rows, or 32 in single precision."""
    monkeypatch.setattr(rows, "BLOCK_BYTES", 16 * D * 8)


@pytest.fixture
def saved(tmp_path):
    """Save an array; return it mapped into memory."""

    def save(array, mode="r"):
        np.save(tmp_path / "rows.npy", array)
        return np.load(tmp_path / "rows.npy", mmap_mode=mode)

    return save


def both(inside, outside, y=Y, weights=None, **settings):
    """The classifier trained in memory, and on the file."""
    settings = {"max_iter": 20, "random_state": 0} | settings
    return [SoftmaxClassifier(**settings).fit(rows, y, weights) for rows in (inside, outside)]


def assert_same(here, there, atol=1e-10):
    assert here.n_iter_ == there.n_iter_
    np.testing.assert_array_equal(here.classes_, there.classes_)
    np.testing.assert_allclose(here.loss_curve_, there.loss_curve_, rtol=0, atol=atol)
    for p, q in zip(here.parameters_, there.parameters_, strict=True):
        assert p.dtype == q.dtype
        np.testing.assert_allclose(p, q, rtol=0, atol=atol)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("hidden", [None, 5])
@pytest.mark.parametrize("engine", ["compiled", "eager"])
@pytest.mark.parametrize("batch_size", [None, N, 50])
def test_it_learns_the_same(saved, weights, hidden, engine, batch_size):
    settings = {"hidden": hidden, "engine": engine, "batch_size": batch_size}
    assert_same(*both(X, saved(X), weights=weights, **settings))


@pytest.mark.parametrize("dtype", ["float32", ">f8", "float16", "uint8", "int64"])
def test_it_is_converted_block_by_block(saved, dtype):
    array = np.abs(X * 3).astype(dtype)
    here, there = both(array, saved(array), step_size=0.1)
    assert_same(here, there, 1e-5 if dtype == "float32" else 1e-10)
    np.testing.assert_allclose(here.predict_proba(array), there.predict_proba(saved(array)), 1e-4)


@pytest.mark.parametrize("labels", [np.arange(N) % 3, (np.arange(N) % 3).astype("uint8"),
                                    np.arange(N) % 3 - 1.0, np.arange(N) % 2 == 0])  # fmt: skip
def test_classes_are_of_any_kind(saved, labels):
    assert_same(*both(X, saved(X), labels))


@pytest.mark.parametrize("part", [slice(10, 200), slice(None, None, 2), slice(None, None, -1)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_part_of_a_file_is_a_mapped_file_too(saved, part, order):
    part_of_file = saved(np.asarray(X, order=order))[part]
    assert checks.is_mapped(part_of_file)
    assert_same(*both(X[part], part_of_file, Y[part]))


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba",
                                    "decision_function"])  # fmt: skip
@pytest.mark.parametrize("n_classes", [2, 3])
def test_it_is_asked_block_by_block(saved, method, n_classes):
    labels = np.where(Y == "cat", "ant", Y) if n_classes == 2 else Y
    model = SoftmaxClassifier(max_iter=3).fit(X, labels)
    here, there = (getattr(model, method)(rows) for rows in (X, saved(X)))
    assert type(there) is np.ndarray
    assert here.dtype == there.dtype
    if method == "predict":
        np.testing.assert_array_equal(here, there)
    else:
        np.testing.assert_allclose(here, there, rtol=0, atol=1e-14)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_the_score_is_the_same(saved, weights):
    model = SoftmaxClassifier(max_iter=3).fit(X, Y)
    assert model.score(saved(X), Y, weights) == pytest.approx(model.score(X, Y, weights), abs=1e-15)


def test_what_is_wrong_is_said_with_its_row_in_the_file(saved):
    spoiled = X.copy()
    spoiled[[100, 200], 2] = np.nan
    with pytest.raises(ValueError, match="NaN, first in row 100, column 2"):
        SoftmaxClassifier().fit(saved(spoiled), Y)
    with pytest.raises(ValueError, match="NaN, first in row 100, column 2"):
        SoftmaxClassifier(max_iter=1).fit(X, Y).predict(saved(spoiled))
    with pytest.raises(LabelError, match=r"y is 0\.5 in row 77"):
        SoftmaxClassifier().fit(saved(X), np.where(np.arange(N) == 77, 0.5, 1.0))
    with pytest.raises(ValueError, match=r"-1\.0 in row 42"):
        SoftmaxClassifier().fit(saved(X), Y, np.where(np.arange(N) == 42, -1, 1))
    with pytest.raises(LabelError, match="all of one class"):
        SoftmaxClassifier().fit(saved(X), Y, Y == "ant")
    with pytest.raises(LabelError, match="cannot be sorted"):
        SoftmaxClassifier().fit(saved(X), np.where(Y == "ant", 1, Y.astype(object)))


def test_a_changed_page_is_not_lost(saved):
    """Mode "c" keeps changes in memory alone: giving its pages back would undo them."""
    copy = saved(X, "c")
    copy[:] *= 2
    assert_same(*both(2 * X, copy))
    np.testing.assert_array_equal(copy, 2 * X)


def test_a_system_that_takes_no_advice_is_left_alone(saved):
    class Silent(np.ndarray):
        mode = "r"

    rows._release(X.view(Silent))  # what holds it is no file


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="the system takes no such advice")
def test_pages_are_given_back(tmp_path):
    """In a process of its own: 64 MB are read, of which a block at a time is resident."""
    statm = pytest.importorskip("resource", reason="needs a Unix") and "/proc/self/statm"
    program = f"""
import numpy as np
from tinygrad_softmax.classifier import rows as module
module.BLOCK_BYTES = 2**22
rows = np.lib.format.open_memmap({str(tmp_path / "rows.npy")!r}, "w+", np.float32, (2**20, 16))
rows[:] = 1
module._release(rows)
blocks = module.Rows(rows, np.zeros(2**20, np.uint8), None, np.dtype(np.float32)).blocks()
resident = lambda: int(open({statm!r}).read().split()[1]) * mapped_page
from mmap import PAGESIZE as mapped_page
before, most, total = resident(), 0, 0.0
for X, _, _ in blocks:
    total, most = total + float(X.sum()), max(most, resident())
assert total == 2**24
print((most - before) / 2**20)
"""
    if not sys.platform.startswith("linux"):
        pytest.skip("/proc says what is resident")
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 16
