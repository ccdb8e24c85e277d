"""No right gradient is called wrong, however it is written, in double and in single precision."""

import pytest

from tests.check.catalogue import single
from tests.check.variants import VARIANTS
from tinygrad_softmax.check.gradients import check_gradients

pytestmark = pytest.mark.no_cover

#: Single precision coarsens every search alike: a third of the variants will do.
CASES = [
    pytest.param(entry, precision, id=f"{entry.name}-{precision}")
    for i, entry in enumerate(VARIANTS)
    for precision in ("double", "single")
    if precision == "double" or i % 3 == 0
]


@pytest.mark.parametrize(("entry", "precision"), CASES)
def test_a_right_gradient_is_right(entry, precision):
    inputs = entry.draw(0) if precision == "double" else single(entry.draw(1))
    report = check_gradients(entry.loss, entry.gradients, wrt=entry.wrt, **inputs)
    assert report.ok, str(report)
    assert set(report.right)
    report.raise_if_wrong()
