"""`docs/explore.html` is the page that the package makes.

WRITE_GOLDEN=1 in the environment rewrites it; `python docs/explore_picture.py` then takes the
picture in the README again. The last digits of its numbers depend on the machine.
"""

import json
import os
import re

import numpy as np

from tests.house.test_docs import DOCS
from tinygrad_softmax.drawing.explorable import case_study_page

PAGE = DOCS / "explore.html"


def parts(html):
    """The page without its data, and the data's numbers and words."""
    before, data, after = re.split(r'(?<=id="data">)(.*?)(?=</script>)', html, maxsplit=1)
    numbers, words = [], []

    def walk(tree):
        if isinstance(tree, dict):
            words.extend(tree)
        for one in tree.values() if isinstance(tree, dict) else tree:
            if isinstance(one, (dict, list)):
                walk(one)
            else:
                (words if isinstance(one, str) else numbers).append(one)

    walk(json.loads(data))
    return before + after, numbers, words


def test_the_page_is_that_of_the_package():
    page = case_study_page()
    if os.environ.get("WRITE_GOLDEN"):
        page.save(PAGE)
    rest, numbers, words = parts(PAGE.read_text("utf-8"))
    true_rest, true_numbers, true_words = parts(page.html)
    assert rest == true_rest, "the page has changed: run this test with WRITE_GOLDEN=1"
    assert words == true_words
    np.testing.assert_allclose(numbers, true_numbers, rtol=1e-9, atol=1e-12)
