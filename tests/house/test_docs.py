"""Every code block of the README and the manual runs, and the reference leaves nothing out.

The blocks of a page share one namespace, which begins empty: a page imports and makes what it uses,
so that it runs when it is pasted into a new interpreter. The source of a block is known by a name
of its own, as that of a notebook's cell is: lines are counted from its first. The cells of a
notebook are not among them: these are run by the build, which fails if a cell does.
"""

import doctest
import linecache
import re
from pathlib import Path

import numpy as np
import pytest

import tinygrad_softmax
from tinygrad_softmax import by_hand
from tinygrad_softmax.datasets import case_study

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {
    page.relative_to(DOCS if DOCS in page.parents else ROOT).as_posix(): page
    for page in (ROOT / "README.md", *sorted(DOCS.rglob("*.md")))
    if DOCS / "_build" not in page.parents
}
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def run_code(code, cell, names):
    """Run code as a notebook runs a cell: its source is known by the name of the cell."""
    linecache.cache[cell] = (len(code), None, code.splitlines(True), cell)
    exec(compile(code, cell, "exec"), names)


def run(page):
    """Run a page's blocks, in order; return the names it leaves behind."""
    names = {}
    text = page.read_text("utf-8")
    for block in BLOCK.finditer(text):
        code, line = block[1], text.count("\n", 0, block.start(1))
        if not code.startswith(">>>"):
            run_code(code, f"{page.name}, the block at line {line}", names)
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
@pytest.mark.usefixtures("vocabulary", "idle_machine")
@pytest.mark.parametrize("page", sorted(PAGES.keys() - NO_PROGRAM))
def test_the_code_of_a_page_runs(page):
    run(PAGES[page])


def test_the_readmes_gradients_are_those_by_hand():
    names = run(PAGES["README.md"])
    X, y, (W, b), _ = case_study()
    expected = by_hand.linear(W, b, X, y, reg=1e-3)
    derived = names["derivation"](**names["data"])
    for name in ("W", "b"):
        for gradients in (derived, names["gradients"]):
            gradient = getattr(expected, f"d{name}")
            np.testing.assert_allclose(gradients[name], gradient, rtol=0, atol=1e-15)


def test_the_reference_leaves_no_public_name_out():
    reference = PAGES["reference.md"].read_text("utf-8")
    shown = set(re.findall(r"^\.\. auto\w+:: tinygrad_softmax\.(\w+)$", reference, re.MULTILINE))
    assert set(tinygrad_softmax.__all__) <= shown


def test_the_index_leads_to_every_page():
    index = PAGES["index.md"].read_text("utf-8").split()
    assert {name.removesuffix(".md") for name in PAGES} - {"README", "index"} <= set(index)


def test_the_pictures_are_those_of_their_script(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    import pictures  # of the manual

    drawn = {file.name: file.read_text("utf-8") for file in (DOCS / "pictures").iterdir()}
    assert drawn == pictures.pictures(), "stale: python docs/pictures.py"


def test_a_term_of_the_glossary_has_both_languages_and_a_meaning():
    text = PAGES["glossary.md"].read_text("utf-8")
    (content,) = re.findall(r"^```\{glossary\}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    entries = [entry.splitlines() for entry in content.strip().split("\n\n")]
    assert len(entries) > 30
    for english, chinese, *meaning in entries:
        assert re.fullmatch(r"[a-z][\w -]*", english)
        assert re.search(r"[\u4e00-\u9fff]", chinese)
        assert meaning
        assert all(line.startswith("  ") for line in meaning)
    assert [entry[0].lower() for entry in entries] == sorted(entry[0].lower() for entry in entries)
