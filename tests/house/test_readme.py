"""What the README shows is what comes out: its blocks run, and its picture is that of its loss."""

import os

from tests.house.test_docs import ROOT, run


def test_the_picture_is_that_of_the_loss():
    names = run(ROOT / "README.md")
    file = ROOT / "docs" / "graph.svg"
    if os.environ.get("WRITE_GOLDEN"):
        names["picture"].save(file)
    assert file.read_text("utf-8") == names["picture"].svg
    assert set(names["gradients"]) == {"W", "b"}


def test_the_table_beside_other_libraries_is_that_of_the_manual():
    """Rows are left out there, cells are not changed."""
    pages = [(ROOT / name).read_text("utf-8") for name in ("README.md", "docs/peers.md")]
    shown, known = ([line for line in text.splitlines() if line.startswith("| ")][2:]
                    for text in pages)  # fmt: skip
    assert len(shown) >= 8
    assert set(shown) <= set(known)
