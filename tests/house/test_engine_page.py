"""The line references of the page on the engine are true.

``core/tape.py:172`` on the page is followed by the first words of that line. Run with WRITE_GOLDEN=1
in the environment, the test finds the words in the files and rewrites the numbers.
"""

import os
import re

from tests.house.test_docs import DOCS, ROOT

PAGE = DOCS / "engine.md"
REFERENCE = re.compile(r"`((?:core|ops)/\w+\.py):(\d+)`(\s+)`([^`]+)`")


def found(path, words):
    """Return the number of the only line of a file that begins with these words."""
    lines = (ROOT / "tinygrad_softmax" / path).read_text("utf-8").splitlines()
    numbers = [i for i, line in enumerate(lines, 1) if line.strip().startswith(words)]
    assert len(numbers) == 1, f"{path} has {len(numbers)} lines that begin with {words!r}"
    return numbers[0]


def test_the_line_references_are_true():
    text = PAGE.read_text("utf-8")
    true = REFERENCE.sub(
        lambda at: f"`{at[1]}:{found(at[1], at[4])}`{at[3]}`{at[4]}`",
        text,
    )
    if os.environ.get("WRITE_GOLDEN"):
        PAGE.write_text(true, "utf-8")
    else:
        assert text == true, f"lines have moved: WRITE_GOLDEN=1 python -m pytest {__file__}"


def test_every_reference_has_its_words():
    text = PAGE.read_text("utf-8")
    assert len(re.findall(r"\.py:\d+", text)) == len(REFERENCE.findall(text)) > 20


def test_the_page_names_every_file_of_core():
    text = PAGE.read_text("utf-8")
    files = {file.name for file in (ROOT / "tinygrad_softmax" / "core").glob("*.py")}
    assert {name for name in files - {"__init__.py"} if f"| `{name}` |" not in text} == set()
