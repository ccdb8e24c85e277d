"""Texts avoid the phrases that `docs/style.md` lists."""

import ast
import functools
import itertools
import re
from bisect import bisect

from tests.house.test_docs import PAGES, ROOT

ROW = re.compile(r"^\| `([^`]+)` \| (.+) \|$", re.MULTILINE)
PHRASES = dict(ROW.findall(PAGES["style.md"].read_text("utf-8")))


@functools.cache
def prose(file):
    """The lines of a file that are written to be read, with their numbers."""
    text = file.read_text("utf-8")
    if file.suffix == ".md":
        # Code is not prose, and stays in place as empty lines.
        code = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
        text = code.sub(lambda block: "\n" * block[0].count("\n"), text)
        return [*enumerate(text.splitlines(), 1)]
    return [
        numbered
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for numbered in enumerate(node.value.splitlines(), node.lineno)
    ]


def found(phrases, file):
    """The phrases in a file and their lines; a phrase may be broken between two lines."""
    lines = prose(file)
    starts = [0, *itertools.accumulate(len(line) + 1 for _, line in lines)]
    either = "|".join(r"\s+".join(map(re.escape, phrase.split())) for phrase in phrases)
    text = "\n".join(line for _, line in lines)
    for match in re.finditer(rf"(?<![\w-])(?:{either})(?![\w-])", text, re.IGNORECASE):
        yield " ".join(match[0].lower().split()), lines[bisect(starts, match.start()) - 1][0]


FILES = sorted({*PAGES.values(), *(ROOT / "tinygrad_softmax").rglob("*.py")} - {PAGES["style.md"]})


def test_no_phrase_of_the_list_is_used():
    assert len(PHRASES) > 30
    used = [
        f"{file.relative_to(ROOT)}:{line}: {phrase} (write: {PHRASES[phrase]})"
        for file in FILES
        for phrase, line in found(PHRASES, file)
    ]
    assert not used, "\n".join(used)


def test_a_phrase_is_found_where_it_is(tmp_path):
    page, module = tmp_path / "page.md", tmp_path / "module.py"
    page.write_text("One\n\n```python\nlet go of\n```\n\nthis is to be\nhad, upon\n", "utf-8")
    assert [*found(PHRASES, page)] == [("to be had", 7), ("upon", 8)]
    module.write_text('def f():\n    """Sum.\n\n    Let go of it.\n    """\n', "utf-8")
    assert [*found(PHRASES, module)] == [("let go of", 4)]


def test_indices_are_the_letters_of_their_axes():
    """i counts examples, d features, k classes, wherever `W`, `X` or `dscores` are indexed."""
    letters = {"W": "dk", "X": "id", "dscores": "ik", "scores": "ik", "probs": "ik", "dW": "dk"}
    wrong = []
    for file in FILES:
        for number, line in prose(file):
            for name, first, second in re.findall(r"\b(\w+)\[([a-z]), ([a-z])\]", line):
                expected = letters.get(name)
                # j is another class, beside k.
                if expected and f"{first}{second}".replace("j", "k") != expected:
                    wrong.append(f"{file.relative_to(ROOT)}:{number}: {name}[{first}, {second}]")
    assert not wrong
