"""A page in Chinese has the code of the page in English, and what it prints, to the letter.

Comments and strings may be in Chinese. A page that changes in one language fails here until it has
changed in the other.
"""

import ast
import doctest
import re

import pytest

from tests.house.test_docs import DOCS

PAGES = sorted(page.name for page in (DOCS / "zh").glob("*.md"))
FENCED = re.compile(r"^```(\S+)(?: python)?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
TAG = re.compile(r"^:.*\n|^%.*\n", re.MULTILINE)


def words(tree):
    """Return the strings of a tree, in order."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return [node for node in found if isinstance(node.value, str)]


def is_translated(code, english):
    """Whether two pieces of code are the same but for comments, and for strings in Chinese."""
    one, other = (ast.parse(TAG.sub("", text)) for text in (code, english))
    for ours, theirs in zip(words(one), words(other), strict=False):
        if not ours.value.isascii():
            ours.value = theirs.value
    return ast.dump(one) == ast.dump(other)


def pieces(path):
    """Return what a page runs and shows: the kind, the code, and what is printed."""
    found = []
    for kind, code in FENCED.findall(path.read_text("utf-8")):
        if code.startswith(">>>"):
            examples = doctest.DocTestParser().get_examples(code)
            found += [(kind, example.source, example.want) for example in examples]
        elif kind in ("python", "{code-cell}"):
            found.append((kind, code, ""))
        else:
            found.append((kind, "", code))
    return found


@pytest.mark.parametrize("page", PAGES)
def test_the_code_is_that_of_the_page_in_english(page):
    chinese, english = pieces(DOCS / "zh" / page), pieces(DOCS / page)
    assert [kind for kind, *_ in chinese] == [kind for kind, *_ in english]
    for (_, code, printed), (_, original, wanted) in zip(chinese, english, strict=True):
        assert is_translated(code, original), f"{code}\n--- in English:\n{original}"
        assert printed == wanted


@pytest.mark.parametrize("page", PAGES)
def test_the_sections_are_those_of_the_page_in_english(page):
    levels = []
    for path in (DOCS / page, DOCS / "zh" / page):
        prose = FENCED.sub("", path.read_text("utf-8"))
        levels.append([len(marks) for marks in re.findall(r"^(#+) ", prose, re.MULTILINE)])
    assert levels[0] == levels[1]


def test_a_difference_in_code_is_seen_and_one_in_words_is_not():
    assert is_translated("x = 1  # \u4e00\nprint('\u4e00')", "x = 1  # one\nprint('one')")
    assert not is_translated("x = 1", "x = 2")
    assert not is_translated("f(x, axis=0)", "f(x, axis=1)")
    assert not is_translated("p['W1']", "p['W2']")
