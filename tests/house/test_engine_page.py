"""The line references and the excerpts of the page on the engine are true.

``core/tape.py:172`` on the page is followed by the first words of that line. With WRITE_GOLDEN=1 in
the environment, the test finds the words in the files and rewrites the numbers. An excerpt is lines
of a file as they follow one another, a line of three dots standing for what is left out.
"""

import os
import re

import numpy as np
import pytest

from tests.house.test_docs import DOCS, ROOT, run

PAGE = DOCS / "engine.md"
REFERENCE = re.compile(r"`((?:core|ops)/\w+\.py):(\d+)`(\s+)`([^`]+)`")
EXCERPT = re.compile(
    r"^```{code-block} python\n:caption: (\S+)\n\n(.*?)^```$", re.DOTALL | re.MULTILINE
)


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
        assert text == true, "lines have moved: run this test with WRITE_GOLDEN=1"


def test_every_reference_has_its_words():
    text = PAGE.read_text("utf-8")
    assert len(re.findall(r"\.py:\d+", text)) == len(REFERENCE.findall(text)) > 20


def test_the_page_names_every_file_of_core():
    text = PAGE.read_text("utf-8")
    files = {file.name for file in (ROOT / "tinygrad_softmax" / "core").glob("*.py")}
    assert {name for name in files - {"__init__.py"} if f"| `{name}` |" not in text} == set()


def shown(path, excerpt):
    """Return an excerpt as its file has it: where a piece begins is found, the rest is read again.

    A method is shown without the indentation of its class.
    """
    source = (ROOT / "tinygrad_softmax" / path).read_text("utf-8").splitlines(keepends=True)
    pieces = [piece.splitlines(keepends=True) for piece in excerpt.split("...\n")]
    for indent in ("", " " * 4, " " * 8):
        at, made = 0, []
        for first, *more in pieces:
            if indent + first not in source[at:]:
                break
            at = source.index(indent + first, at)
            made.append([line.removeprefix(indent) for line in source[at : at + len(more) + 1]])
            at += len(more) + 1
        else:
            return "...\n".join("".join(lines) for lines in made)
    raise AssertionError(f"{path} has no lines that begin as these do, in this order:\n{excerpt}")


def test_the_excerpts_are_lines_of_their_files():
    text = PAGE.read_text("utf-8")
    assert {path for path, _ in EXCERPT.findall(text)} == {
        "core/tensor.py", "ops/linalg.py", "core/tape.py", "core/reverse.py", "core/shapes.py"
    }  # fmt: skip
    true = EXCERPT.sub(lambda at: at[0].replace(at[2], shown(at[1], at[2])), text)
    if os.environ.get("WRITE_GOLDEN"):
        PAGE.write_text(true, "utf-8")
    else:
        assert text == true, "lines have changed: run this test with WRITE_GOLDEN=1"


def test_an_excerpt_that_is_no_longer_true_is_noticed():
    path, excerpt = EXCERPT.findall(PAGE.read_text("utf-8"))[-1]
    assert shown(path, excerpt) == excerpt
    assert shown(path, excerpt.replace("axes:\n", "axis:\n")) == excerpt
    with pytest.raises(AssertionError, match=path):
        shown(path, excerpt.replace("def fold", "def folded"))


def test_the_readers_reverse_pass_is_short_of_nothing():
    """What the page ends with is the reverse pass, so it must do for any loss."""
    names = run(PAGE)
    x = names["Tensor"](np.linspace(0.5, 2, 6).reshape(2, 3))
    loss = np.sum(np.tanh(x) * x / np.sum(x, axis=0)) + np.max(x @ x.T)
    mine = names["my_backward"](loss)
    loss.backward()
    np.testing.assert_allclose(mine[x.node], x.grad)
