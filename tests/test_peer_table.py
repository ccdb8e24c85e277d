"""The table beside other libraries is true: our column always, a peer's where it is installed."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]

#: What is claimed of this package.
OURS = {
    "the case study's own lines run with `import numpy as np`": "yes",
    "a loop over the examples, changed in place": "right",
    "a loop with `X[i].dot(W)`": "error",
    "label -1": "silently wrong; `cross_entropy`: error",
    "label K": "error",
    "labels of shape (N, 1)": "silently wrong; `cross_entropy`: error",
    "X overwritten before backward": "silently wrong; `detect_anomaly`: noticed",
    "a parameter overwritten before backward": "noticed",
    "the naive lines at scores of 1e4": "NaN, with a warning; `cross_entropy`: right; "
    "`derive(stable=True)`: right; `compile`: right",
    "gives the formula `probs - 1` as code": "yes",
    "its gradient check names a forgotten division": "yes",
    "relu's gradient at 0; its own gradient check": "0; passes",
    "`scores.grad` is there without asking": "yes",
    "second-order gradients": "yes",
    "GPU": "no",
}
NUMBERS = {"ops with a gradient (roughly)", "installed size, NumPy aside"}
PEERS = ["HIPS autograd", "MyGrad", "micrograd", "PyTorch", "JAX"]


@pytest.fixture(scope="module", autouse=True)
def docs():
    """`docs` on the path, as for a script that lies there."""
    sys.path.insert(0, str(ROOT / "docs"))
    yield
    sys.path.remove(str(ROOT / "docs"))


@pytest.fixture(scope="module")
def peers():
    return importlib.import_module("peers")


@pytest.fixture(scope="module")
def judging():
    return importlib.import_module("peer_table.judging")


def read(text):
    """The cells of a table by the library's title and the row, and the versions."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    titles = [re.match(r"(.*?)(?: ([\d.]\S*))?$", title).groups() for title in head[1:]]
    cells = {
        title: {row[0]: row[place] for row in rows} for place, (title, _) in enumerate(titles, 1)
    }
    return cells, dict(titles)


@pytest.fixture(scope="module")
def page():
    return read((ROOT / "docs" / "peers.md").read_text("utf-8"))


def find_out(peers, title):
    """Every cell of a library's column; its version."""
    (library,) = (library for library in peers.LIBRARIES if library.title == title)
    lib = peers.load(library)
    if lib is None:
        pytest.skip(f"{title} is not installed: python -m pip install {library.package}")
    if title == "HIPS autograd":
        pytest.importorskip("scipy", reason="its logsumexp is SciPy's")
    return {row: peers.find_out(claim, lib) for row, claim in peers.CLAIMS.items()}, lib.version


def alike(here, there, factor=1.5):
    """Say whether two measured numbers are of the same size."""
    a, b = (float(cell.split()[0]) for cell in (here, there))
    return a / factor <= b <= a * factor


@pytest.fixture(scope="module")
def ours(peers):
    return find_out(peers, "tinygrad_softmax")[0]


@pytest.mark.parametrize("row", OURS)
def test_our_column_is_true(ours, page, row):
    assert ours[row] == OURS[row]
    assert page[0]["tinygrad_softmax"][row] == OURS[row]


@pytest.mark.parametrize("row", sorted(NUMBERS))
def test_our_numbers_are_of_the_size_claimed(ours, page, row):
    assert alike(ours[row], page[0]["tinygrad_softmax"][row])


def test_the_page_has_a_row_for_each_claim_and_a_column_for_each_library(peers, page):
    cells, versions = page
    assert list(cells) == ["tinygrad_softmax", *PEERS] == [lib.title for lib in peers.LIBRARIES]
    assert all(versions.values())
    for column in cells.values():
        assert list(column) == list(peers.CLAIMS) == [*OURS, *peers_numbers(peers)]


def peers_numbers(peers):
    return [row for row in peers.CLAIMS if row in NUMBERS]


def test_no_cell_of_the_page_was_left_open(page):
    for column in page[0].values():
        for cell in column.values():
            assert cell
            assert "not found out" not in cell
            assert "not installed" not in cell


@pytest.mark.parametrize("title", PEERS)
def test_a_peers_column_is_what_the_script_finds(peers, page, title):
    found, version = find_out(peers, title)
    claimed, versions = page[0][title], page[1]
    if version != versions[title]:  # how much there is of something changes with every version
        found, claimed = (behaviour(column) for column in (found, claimed))
    for row, cell in found.items():
        if row in NUMBERS:
            assert alike(cell, claimed[row]), row
        else:
            assert cell == claimed[row], row


def behaviour(column):
    """A column without what is counted."""
    return {
        row: re.sub(r"\d+ (calls|equations)", r"\1", cell)
        for row, cell in column.items()
        if row not in NUMBERS
    }


# --- what the script would notice -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ([1.0, 2.0], "right"),
        ([1.0, 2.0 + 1e-6], "silently wrong"),
        ([[1.0, 2.0]], "silently wrong"),
        ([1.0, np.nan], "NaN, silent"),
        (np.array([None, "x"]), "error"),
    ],
    ids=str,
)
def test_an_answer_is_called_what_it_is(judging, answer, verdict):
    assert judging.judge(lambda: [answer], [np.array([1.0, 2.0])]) == verdict


def test_a_warning_is_heard(judging):
    with np.errstate(all="warn"):
        told = judging.judge(lambda: [np.zeros(2) / np.zeros(2)], [np.zeros(2)])
    assert told == "NaN, with a warning"


def test_no_finite_answer_is_right_where_none_is_expected(judging):
    assert judging.judge(lambda: [np.ones(2)], None) == "silently wrong"


def test_a_library_that_has_something_is_not_said_to_lack_it(peers, judging):
    lib = peers.load(peers.Ours)
    assert judging.absent(lib, "seed_?mis", "no") == "not found out: what is `seed_mistakes`?"
    assert judging.absent(lib, "no_such_name", "no") == "no"


def test_a_claim_that_cannot_be_run_is_not_a_no(peers):
    assert peers.find_out(lambda lib: lib.missing, peers.Ours()) == "not found out: AttributeError"


def test_a_library_that_is_broken_is_not_said_to_be_missing(peers):
    class Broken(peers.Ours):
        def load(self):
            importlib.import_module("no_such_module")

    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        peers.load(Broken)


WITHOUT_PEERS = """
import runpy, sys
sys.path.insert(0, "docs")
sys.modules.update(dict.fromkeys(["autograd", "mygrad", "micrograd", "torch", "jax", "scipy"]))
runpy.run_path("docs/peers.py", run_name="__main__")
"""


def test_the_script_runs_where_no_peer_is_installed():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_PEERS],
        cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8", check=True,
    )  # fmt: skip
    cells, versions = read(done.stdout)
    assert [title for title, version in versions.items() if version is None] == PEERS
    for title in PEERS:
        assert set(cells[title].values()) == {"not installed"}
    assert cells["tinygrad_softmax"].items() >= OURS.items()
