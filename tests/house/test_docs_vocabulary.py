"""The page of the vocabulary is what the code says.

WRITE_GOLDEN=1 in the environment rewrites it.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.house.test_docs import DOCS, ROOT

PAGE = DOCS / "vocabulary.md"


def test_the_page_is_made_from_the_code():
    """In a process of its own, for other tests declare ops."""
    made = subprocess.run(
        [sys.executable, "docs/vocabulary.py"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    ).stdout
    if os.environ.get("WRITE_GOLDEN"):
        PAGE.write_text(made, "utf-8")
    stated = PAGE.read_text("utf-8").partition("with NumPy ")[2].partition(". ")[0]
    installed = ".".join(np.__version__.split(".")[:2])
    if installed != stated:  # newer versions have more functions, and more names for them
        pytest.skip(f"the page is for NumPy {stated}, installed is {installed}")
    assert PAGE.read_text("utf-8") == made
