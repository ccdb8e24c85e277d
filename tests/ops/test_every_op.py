"""Every op keeps every promise: one short property each, on drawn arguments and settings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ops import checks
from tests.ops.samples import ARGUMENTS, DIFFERENTIABLE, EVERY_OP, ONCE, arguments_of, samples
from tests.strategies import SHARE
from tinygrad_softmax import NoRuleError

pytestmark = pytest.mark.no_cover

BOTH = (np.float64, np.float32)
every_op = pytest.mark.parametrize("name", EVERY_OP)
every_differentiable_op = pytest.mark.parametrize("name", DIFFERENTIABLE)


@every_op
def test_there_is_something_to_call_the_op_with_and_to_compare_it_with(name):
    arguments_of(EVERY_OP[name])
    checks.reference(EVERY_OP[name])


def test_no_arguments_are_kept_for_an_op_that_is_gone():
    assert set(ARGUMENTS) <= set(EVERY_OP)


@every_differentiable_op
def test_every_differentiable_argument_has_a_rule_that_says_why(name):
    op = EVERY_OP[name]
    assert set(op.rules) == set(op.argnames) - {"condition"}
    assert all(rule.sentence.endswith(".") for rule in op.rules.values())


@every_op
@SHARE
@given(data=st.data())
def test_the_result_equals_numpys(name, data):
    checks.check_forward(data.draw(samples(EVERY_OP[name], BOTH)))


@every_op
@SHARE
@given(data=st.data())
def test_the_shape_rule_tells_the_truth(name, data):
    checks.check_shape_rule(data.draw(samples(EVERY_OP[name])))


@pytest.mark.parametrize("name", sorted(EVERY_OP.keys() - DIFFERENTIABLE))
@SHARE
@given(data=st.data())
def test_a_piecewise_constant_op_gives_a_plain_array(name, data):
    checks.check_plain(data.draw(samples(EVERY_OP[name])))


@every_differentiable_op
@SHARE
@given(data=st.data())
def test_the_gradient_is_the_slope(name, data):
    checks.check_gradient(data.draw(samples(EVERY_OP[name])))


@every_differentiable_op
@SHARE
@given(data=st.data())
def test_a_gradient_has_the_shape_and_the_type_of_its_parameter(name, data):
    checks.check_gradient_form(data.draw(samples(EVERY_OP[name], BOTH)))


@every_op
@SHARE
@given(data=st.data())
def test_what_is_handed_in_stays_untouched(name, data):
    checks.check_untouched(data.draw(samples(EVERY_OP[name])))


@every_differentiable_op
@SHARE
@given(data=st.data())
def test_no_two_gradients_share_memory(name, data):
    checks.check_unshared(data.draw(samples(EVERY_OP[name])))


@every_differentiable_op
@SHARE
@given(data=st.data())
def test_the_gradient_is_linear_in_what_comes_in(name, data):
    checks.check_linear(data.draw(samples(EVERY_OP[name])))


@pytest.mark.parametrize("name", [name for name in DIFFERENTIABLE if name not in ONCE])
@SHARE
@given(data=st.data())
def test_the_gradient_can_be_differentiated_again(name, data):
    checks.check_second_order(data.draw(samples(EVERY_OP[name])))


@pytest.mark.parametrize("name", ONCE)
@given(data=st.data())
def test_or_that_is_refused(name, data):
    with pytest.raises(NoRuleError, match="has no gradient rule"):
        checks.check_second_order(data.draw(samples(EVERY_OP[name], all_tracked=True)))
