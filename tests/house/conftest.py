"""What the tests of the project as a whole share."""

import pytest

from tinygrad_softmax.core.op import NUMPY


@pytest.fixture
def vocabulary():
    """Take away, after the test, what a page has added to the ops."""
    before = dict(NUMPY)
    yield
    NUMPY.clear()
    NUMPY.update(before)
