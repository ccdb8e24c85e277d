"""Declaring an op: what its rules may ask for and answer, and which mistakes are named."""

import numpy as np
import pytest

from tinygrad_softmax import (
    AnomalyError,
    BackwardError,
    NoRuleError,
    StaleDataError,
    Tensor,
    detect_anomaly,
    grad,
    primitive,
)
from tinygrad_softmax.core import errors


def scale(**options):
    """An op of one input and one setting, without a rule yet."""

    @primitive(**options)
    def scale(x, by=2.0):
        """Multiply by a number."""
        return x * by

    return scale


def test_an_op_computes_on_arrays_and_records_on_tensors():
    op = scale()

    @op.grad("x")
    def _(g, by):
        """`x` was scaled."""
        return g * by

    assert op(3.0) == 6
    x = Tensor(3.0)
    for y, factor in [(op(x), 2), (op(x, 4.0), 4), (op(x, by=5.0), 5)]:
        y.backward()
        assert x.grad == factor
    assert op.rules["x"].sentence == "`x` was scaled."
    assert repr(op) == "<op scale(x, by)>"


def test_an_argument_without_a_rule_is_refused_when_it_needs_one():
    op = scale()
    with pytest.raises(NoRuleError, match=r"no gradient rule for x; declare .*@scale\.grad\('x'\)"):
        op(Tensor(1.0))
    with pytest.raises(NoRuleError, match=r"scale of a Tensor does not take factor=3"):
        op(Tensor(1.0), factor=3)
    with pytest.raises(NoRuleError, match="so many arguments"):
        op(Tensor(1.0), 2.0, 3.0)
    assert not op(Tensor(1.0, requires_grad=False)).requires_grad


@pytest.mark.parametrize(
    ("argument", "rule", "message"),
    [
        ("x", lambda x: x, "first parameter must be g"),
        ("x", lambda g, z: g, "others among x, out, by, shape, position; got g, z"),
        ("w", lambda g: g, "rule for w of scale"),
    ],
)
def test_a_rule_that_asks_for_what_there_is_not_is_refused_at_once(argument, rule, message):
    with pytest.raises(TypeError, match=message):
        scale().grad(argument)(rule)


def test_a_rule_may_answer_with_its_g_or_with_what_it_kept_and_nothing_is_overwritten():
    op = scale()
    op.grad("x")(lambda g, x: x)
    x = Tensor([1.0, 2.0])
    np.sum(op(x) + op(x)).backward()  # two contributions: adding in place would write into x
    np.testing.assert_array_equal(x.data, [1, 2])
    np.testing.assert_array_equal(x.grad, [2, 4])


def test_a_rule_may_answer_with_anything_that_broadcasts_and_in_any_precision():
    op = scale()
    op.grad("x")(lambda g: np.float64(3))
    x = Tensor(np.ones((4, 3), np.float32))
    np.sum(op(x)).backward()
    np.testing.assert_array_equal(x.grad, np.full((4, 3), 3, np.float32), strict=True)


def test_a_compact_contribution_and_a_full_one_add_up():
    x = Tensor(np.ones((4, 3)))
    weights = np.arange(12.0).reshape(4, 3)
    for loss in (np.sum(2 * x) + np.sum(x * weights), np.sum(x * weights) + np.sum(2 * x)):
        loss.backward()
        np.testing.assert_array_equal(x.grad, 2 + weights)
    rows = np.arange(4.0)
    (np.sum(x * weights) + np.sum(np.sum(2 * x, axis=1) * rows)).backward()
    np.testing.assert_array_equal(x.grad, 2 * rows[:, np.newaxis] + weights)
    (np.sum(2 * x) + np.sum(3 * x)).backward()
    np.testing.assert_array_equal(x.grad, np.full((4, 3), 5))


def test_a_complex_gradient_of_a_real_operand_is_refused():
    op = scale()
    op.grad("x")(lambda g: g * 1j)
    with pytest.raises(BackwardError, match=r"gradient of scale is complex .* float64"):
        op(Tensor(1.0)).backward()


def test_an_op_that_returns_its_operand_does_not_freeze_it():
    @primitive()
    def same(x):
        return x

    same.grad("x")(lambda g: g)
    x = Tensor([1.0])
    y = same(x)
    assert not y.data.flags.writeable
    x.data -= 1
    np.testing.assert_array_equal(x.data, [0])


def test_an_error_inside_an_op_that_is_not_about_shapes_is_passed_on():
    @primitive()
    def broken(x):
        raise ValueError("the op's own words")

    with pytest.raises(ValueError, match="the op's own words"):
        broken(Tensor(1.0))

    def unhelpful(*shapes):
        raise RuntimeError

    broken.shape = unhelpful
    with pytest.raises(ValueError, match="the op's own words"):
        broken(Tensor(1.0))


def test_variadic_ops_can_be_differentiated_twice():
    def f(x):
        return np.sum(np.einsum("i,i,i->i", x, x, x))

    np.testing.assert_allclose(grad(lambda x: np.sum(grad(f)(x)))(np.array([1.0, 2.0])), [6, 12])


def test_large_data_in_any_order_of_memory_is_sampled_for_changes():
    for order in ("C", "F"):
        W = Tensor(np.asarray(np.ones((60, 40)), order=order), copy=False)
        loss = np.sum(W * W)
        W.data[...] += 1
        with pytest.raises(StaleDataError, match="changed in place"):
            loss.backward()


def test_a_value_is_described_also_where_no_line_of_the_user_is_running(monkeypatch):
    monkeypatch.setattr(errors, "_PACKAGE", "")  # every file counts as the package's own
    hot = Tensor([1e4])
    assert errors.user_frame() is None
    assert errors.variable_name(hot) is None
    with pytest.raises(AnomalyError, match=r"of x \(1,\).*at an unknown place"), detect_anomaly():
        np.exp(hot)
