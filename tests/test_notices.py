"""Every safety net is tested by breaking what it should catch.

The checks of `tests.ops.checks` are called on ops that have been broken on purpose; what they do
not notice, they would not notice in the package either.
"""

from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import Phase, given, settings

from tests.ops import checks
from tests.ops.samples import DIFFERENTIABLE, EVERY_OP, ONCE, arguments_of, samples
from tinygrad_softmax import Tensor
from tinygrad_softmax.core.errors import BackwardError
from tinygrad_softmax.core.op import primitive
from tinygrad_softmax.core.tape import Value

pytestmark = pytest.mark.no_cover

RULES = [(name, argument) for name, op in DIFFERENTIABLE.items() for argument in op.rules]

WRONG = {
    "too large by 0.1 %": lambda d: 1.001 * d,
    "of the wrong sign": lambda d: -d,
    "shifted": lambda d: d + 1e-3,
}
#: Ops whose gradient is zero everywhere: scaled, it stays right, so it is shifted instead.
FLAT = {(name, "x") for name in ("sign", "floor", "ceil", "trunc", "rint", "heaviside")}
FLAT |= {("floor_divide", "x"), ("floor_divide", "y")}
BREAKAGES = [
    pytest.param(name, argument, how, id=f"{name}-{argument}-{how}")
    for name, argument in RULES
    for how in WRONG
    if ((name, argument) in FLAT) == (how == "shifted")
]


@contextmanager
def broken(op, argument, how):
    """The op, with ``how(answer)`` for the answer of the rule of an argument."""
    rule = op.rules[argument]
    with rewritten(op, argument, lambda *args, **told: how(rule.function(*args, **told))):
        yield


@contextmanager
def rewritten(op, argument, function):
    """The op, with another function for the rule of an argument."""
    rule = op.rules[argument]
    op.rules[argument] = rule._replace(function=function)
    op.plans.clear()
    try:
        yield
    finally:
        op.rules[argument] = rule
        op.plans.clear()


def assert_notices(check, op, dtypes=(np.float64,), by=AssertionError, match=None):
    """Run a check as its test does, always on the same samples, and expect it to raise."""

    @settings(max_examples=20, derandomize=True, database=None, phases=[Phase.generate])
    @given(samples(op, dtypes, all_tracked=True))
    def run(sample):
        check(sample)

    with pytest.raises(by, match=match):
        run()


@pytest.mark.parametrize(("name", "argument", "how"), BREAKAGES)
def test_a_wrong_rule_is_noticed(name, argument, how):
    with broken(EVERY_OP[name], argument, WRONG[how]):
        assert_notices(checks.check_gradient, EVERY_OP[name])


@pytest.mark.parametrize(("name", "argument"), RULES)
def test_a_rule_that_is_not_linear_is_noticed(name, argument):
    with broken(EVERY_OP[name], argument, lambda d: d + 1):
        assert_notices(checks.check_linear, EVERY_OP[name])


@pytest.mark.parametrize(
    ("name", "argument"), [pair for pair in RULES if pair not in FLAT and pair[0] not in ONCE]
)
def test_a_rule_that_leaves_the_tape_is_noticed_at_the_second_order(name, argument):
    def off_the_tape(d):
        return type(d).wrap(d.array, None) if isinstance(d, Value) else d

    with broken(EVERY_OP[name], argument, off_the_tape):
        assert_notices(checks.check_second_order, EVERY_OP[name])


@pytest.mark.parametrize(("name", "argument"), RULES)
def test_a_rule_that_writes_into_what_it_is_handed_is_noticed(name, argument):
    op = EVERY_OP[name]
    rule = op.rules[argument]

    def scaling_in_place(g, *kept, **told):
        g *= 2
        return rule.function(g, *kept, **told)

    with rewritten(op, argument, scaling_in_place):
        assert_notices(checks.check_untouched, op, by=ValueError, match="read-only")


@pytest.mark.parametrize("name", EVERY_OP)
def test_an_op_that_writes_into_its_input_is_noticed(name, monkeypatch):
    op = EVERY_OP[name]
    forward = op.forward

    def writing(*arrays, **settings):
        arrays[-1][...] = 0
        return forward(*arrays, **settings)

    monkeypatch.setattr(op, "forward", writing)
    monkeypatch.setattr(op, "run", writing)
    assert_notices(checks.check_untouched, op, by=ValueError, match="read-only")


@pytest.mark.parametrize("name", EVERY_OP)
@pytest.mark.parametrize("way", ["forward", "run"])  # on arrays, on Tensors
def test_an_op_that_computes_something_else_is_noticed(name, way, monkeypatch):
    op = EVERY_OP[name]
    function = getattr(op, way)

    def slightly_off(*arrays, **settings):
        out = np.asarray(function(*arrays, **settings))
        if out.dtype == bool:
            return ~out
        return (np.nan_to_num(out, posinf=0, neginf=0) * 1.001 + 1).astype(out.dtype)

    monkeypatch.setattr(op, way, slightly_off)
    check = checks.check_plain if op.piecewise_constant and way == "run" else checks.check_forward
    assert_notices(check, op)


@pytest.mark.parametrize("name", EVERY_OP)
@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda shape: shape[::-1], id="backwards"),
        pytest.param(lambda shape: (*shape, 1), id="longer"),
        pytest.param(lambda shape: shape[1:], id="shorter"),
    ],
)
def test_a_wrong_shape_rule_is_noticed(name, wrong, monkeypatch):
    op = EVERY_OP[name]
    rule = op.shape
    monkeypatch.setattr(op, "shape", lambda *shapes, **settings: wrong(rule(*shapes, **settings)))
    assert_notices(checks.check_shape_rule, op)


def test_a_rule_that_answers_in_memory_used_elsewhere_is_noticed():
    op = EVERY_OP["multiply"]
    answers = {}

    def same_array(d):
        answer = answers.setdefault(d.shape, np.array(d))
        answer[...] = d
        return answer

    with broken(op, "x", same_array), broken(op, "y", same_array):
        assert_notices(checks.check_unshared, op)


def test_a_rule_that_answers_in_another_precision_is_put_right():
    op = EVERY_OP["tanh"]
    with broken(op, "x", lambda d: d.astype(np.float64)):
        x = Tensor(np.array([0.5, 1], np.float32))
        np.tanh(x).backward(np.ones(2))
    assert x.grad.dtype == np.float32


@pytest.mark.parametrize(
    ("how", "error"),
    [
        pytest.param(lambda d: d + 0j, BackwardError, id="complex"),
        pytest.param(lambda d: np.stack([d, d], -1), (AssertionError, ValueError), id="longer"),
        pytest.param(lambda d: d[..., :-1], (AssertionError, ValueError, IndexError), id="shorter"),
    ],
)
def test_a_rule_that_answers_in_another_form_is_noticed(how, error):
    with broken(EVERY_OP["tanh"], "x", how):
        assert_notices(checks.check_gradient, EVERY_OP["tanh"], by=error)


# --- ops that nobody has thought of yet -----------------------------------------------------------


@pytest.fixture
def halves():
    """An op newly declared, with a shape rule and without NumPy's name."""

    @primitive(shape=lambda x: x)
    def halves(x):
        return x / 2

    return halves


def test_an_op_without_arguments_to_call_it_with_is_noticed(halves):
    with pytest.raises(LookupError, match=r"halves called\? Add to ARGUMENTS in tests"):
        arguments_of(halves)


def test_an_op_without_anything_to_compare_it_with_is_noticed(halves):
    with pytest.raises(AssertionError, match=r"halves with: declare .* REFERENCES"):
        checks.reference(halves)
