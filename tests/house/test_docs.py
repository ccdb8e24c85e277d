"""Every code block of the README and the manual runs, and the reference leaves nothing out.

The blocks of a page share one namespace, which begins empty: a page imports and makes what it uses,
so that it runs when it is pasted into a new interpreter. The source of a block is known by a name
of its own, as that of a notebook's cell is: lines are counted from its first. The cells of a
notebook are not among them: these are run by the build, which fails if a cell does.
"""

import doctest
import linecache
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_softmax
from tinygrad_softmax import by_hand
from tinygrad_softmax.core.op import NUMPY
from tinygrad_softmax.datasets import case_study

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {
    page.relative_to(DOCS if DOCS in page.parents else ROOT).as_posix(): page
    for page in (ROOT / "README.md", *sorted(DOCS.rglob("*.md")))
    if DOCS / "_build" not in page.parents
}
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def vocabulary():
    """Take away, after the test, what a page has added to the ops."""
    before = [(registry, dict(registry)) for registry in (NUMPY,)]
    yield
    for registry, content in before:
        registry.clear()
        registry.update(content)


def run(page):
    """Run a page's blocks, in order; return the names it leaves behind."""
    names = {}
    text = page.read_text("utf-8")
    for block in BLOCK.finditer(text):
        code, line = block[1], text.count("\n", 0, block.start(1))
        if not code.startswith(">>>"):
            cell = f"{page.name}, the block at line {line}"
            linecache.cache[cell] = (len(code), None, code.splitlines(True), cell)
            exec(compile(code, cell, "exec"), names)
            continue
        test = doctest.DocTestParser().get_doctest(code, names, page.name, str(page), line)
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        report = []
        runner.run(test, out=report.append, clear_globs=False)
        assert not runner.summarize(verbose=False).failed, "".join(report)
        names.update(test.globs)
    return names


# Printed by a demo, in excerpts that are no program (`test_demos` keeps it fresh); and a notebook.
NO_PROGRAM = {"derivation.md", "tutorial.md"}


@pytest.mark.no_cover
@pytest.mark.usefixtures("vocabulary")
@pytest.mark.parametrize("page", sorted(PAGES.keys() - NO_PROGRAM))
def test_the_code_of_a_page_runs(page):
    run(PAGES[page])


def test_the_readmes_gradients_are_those_by_hand():
    names = run(PAGES["README.md"])
    X, y, (W, b), _ = case_study()
    expected = by_hand.linear(W, b, X, y, reg=1e-3)
    for name in ("W", "b", "scores"):
        gradient = getattr(expected, f"d{name}")
        np.testing.assert_allclose(names[name].grad, gradient, rtol=0, atol=1e-15)


def test_the_reference_leaves_no_public_name_out():
    reference = PAGES["reference.md"].read_text("utf-8")
    shown = set(re.findall(r"^\.\. auto\w+:: tinygrad_softmax\.(\w+)$", reference, re.MULTILINE))
    assert set(tinygrad_softmax.__all__) <= shown


def test_the_index_leads_to_every_page():
    index = PAGES["index.md"].read_text("utf-8").split()
    assert {name.removesuffix(".md") for name in PAGES} - {"README", "index"} <= set(index)


def build(source, target):
    """Build a manual as `docs/index.md` says; return the exit status and what was complained of."""
    for module in ("myst_nb", "furo", "matplotlib"):
        pytest.importorskip(module, reason="the manual needs the extra `docs`")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", "-d", f"{target}/trees"]
    done = subprocess.run(
        [*command, source, f"{target}/html"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_the_manual_builds_without_a_warning_and_draws_its_pictures(tmp_path):
    status, complaints = build(DOCS, tmp_path)
    assert status == 0, complaints
    tutorial = (tmp_path / "html" / "tutorial.html").read_text("utf-8")
    assert "training accuracy: 0.49" in tutorial
    assert "training accuracy: 0.98" in tutorial
    pictures = re.findall(r'src="(_images/\w+\.svg)"', tutorial)
    assert len(pictures) == 4
    assert all((tmp_path / "html" / picture).stat().st_size > 5000 for picture in pictures)
    for page in PAGES.keys() - {"README.md"}:  # Sphinx says nothing of names that it does not find
        html = (tmp_path / "html" / page).with_suffix(".html").read_text("utf-8")
        assert not re.findall(r'<code class="xref py(?:(?!</code>).)*</code>(?!</a>)', html), page


@pytest.mark.parametrize(
    ("cell", "complaint"),
    [("2 / 0", "ExecutionError"), ("import warnings; warnings.warn('odd')", "mystnb.stderr")],
)
def test_a_cell_that_goes_wrong_fails_the_build(tmp_path, cell, complaint):
    head = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n# Page\n\n"
    shutil.copy(DOCS / "conf.py", tmp_path)
    (tmp_path / "index.md").write_text(f"{head}```{{code-cell}} python\n{cell}\n```\n", "utf-8")
    status, complaints = build(tmp_path, tmp_path / "built")
    assert status != 0
    assert complaint in complaints
