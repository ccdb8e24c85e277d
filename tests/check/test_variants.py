"""No right gradient is called wrong, however it is written, in double and in single precision."""

import pytest

from tests.check.catalogue import single
from tests.check.variants import VARIANTS
from tinygrad_softmax.check.gradients import check_gradients

variants = pytest.mark.parametrize("entry", VARIANTS, ids=lambda entry: entry.name)
SEEDS = range(2)


@variants
@pytest.mark.parametrize("precision", [lambda inputs: inputs, single], ids=["double", "single"])
def test_a_right_gradient_is_right(entry, precision):
    for seed in SEEDS:
        inputs = precision(entry.draw(seed))
        report = check_gradients(entry.loss, entry.gradients, wrt=entry.wrt, **inputs)
        assert report.ok, f"seed {seed}: {report}"
        assert set(report.right)
        report.raise_if_wrong()
