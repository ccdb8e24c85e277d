"""The two catalogues are what they say: each mistake really is one, each variant really is right.

No checker takes part: the hand-written gradients are held against the automatic ones.
"""

import ast
import inspect
import re
import sys
import textwrap
from collections import Counter
from copy import deepcopy

import numpy as np
import pytest

from tests.check.catalogue import SLUGS, automatic, by_hand, same, single
from tests.check.mistakes import MISTAKES
from tests.check.variants import VARIANTS
from tinygrad_softmax import Tensor

# Right at the first call, wrong at the second.
LATER = {"accumulated"}
# A local that holds the gradient times a constant on purpose: the stage named is the first one
# where that constant should have gone and did not.
ON_PURPOSE = {"division_at_the_end_only_for_weights": {"scores"}}

pytestmark = pytest.mark.no_cover

mistakes = pytest.mark.parametrize("entry", MISTAKES, ids=lambda entry: entry.name)
variants = pytest.mark.parametrize("entry", VARIANTS, ids=lambda entry: entry.name)


def wrong(entry, inputs):
    """The parameters whose hand-written gradient is not the automatic one."""
    written, right = by_hand(entry, inputs), automatic(entry, inputs)
    return {name for name in entry.wrt if not same(written[name], right[name])}


def every_value(function, inputs):
    """All values that the locals of `function` take, in order, arrays copied; and its result."""
    seen, last = [], {}

    def line(frame, event, arg):
        for name, value in frame.f_locals.items():
            if isinstance(value, np.ndarray | np.floating):
                old = last.get(name)
                if old is None or old.shape != value.shape or not np.array_equal(old, value):
                    last[name] = np.copy(value)
                    seen.append((name, last[name]))
            elif isinstance(value, Tensor) and last.get(name) is not value:
                last[name] = value
                seen.append((name, value))
        return line

    def call(frame, event, arg):
        return line if frame.f_code is function.__code__ else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        result = function(**inputs)
    finally:
        sys.settrace(before)
    return seen, result


def of(name):
    """The forward name that a backward local's name refers to."""
    match = re.fullmatch(r"d(\w+)|grad_(\w+)|(\w+)_grad", name)
    return match and next(filter(None, match.groups()))


def forward_gradients(entry, inputs):
    """The automatic gradients of the parameters and of the loss's locals, a list by name."""
    inputs = deepcopy(inputs)
    for name in entry.wrt:
        inputs[name] = Tensor(inputs[name])
    seen, loss = every_value(entry.loss, inputs)
    loss.backward()
    gradients = {}
    for name, value in seen:
        if isinstance(value, Tensor) and value.grad is not None:
            gradients.setdefault(name, []).append(np.asarray(value.grad))
    return gradients


@mistakes
def test_a_mistake_is_wrong(entry):
    for seed in range(4):
        inputs = entry.inputs if seed == 0 else entry.draw(seed)
        if entry.cause in LATER:
            wrong(entry, entry.draw(seed + 10))  # Another shape: whatever it kept is dropped.
            assert not wrong(entry, inputs), "right at the first call"
        assert wrong(entry, inputs), f"seed {seed}"


def stages(entry, inputs):
    """What the hand-written stages held, by the name they have there, and what they should."""
    right = forward_gradients(entry, inputs)
    if entry.cause in LATER:
        by_hand(entry, entry.draw(10))
        by_hand(entry, inputs)
    seen, _ = every_value(entry.gradients, deepcopy(inputs))
    written = by_hand(entry, inputs)
    values = {}
    for name, value in seen:
        if of(name) in right:
            values.setdefault(name, []).append(value)
    for name in entry.wrt:  # What it returns is what counts.
        spelt = next((v for v in values if of(v) == name), f"d{name}")
        values[spelt] = [np.asarray(written[name])]
    return values, right


@mistakes
def test_a_mistakes_stage_is_the_first_wrong_one(entry):
    values, right = stages(entry, entry.inputs)
    on_purpose = ON_PURPOSE.get(entry.name, set())

    def fits(name, candidates):
        return any(same(a, b) for a in candidates for b in right[of(name)])

    assert entry.stage in values, f"no such stage: {sorted(values)}"
    wrong_stages = [name for name, vs in values.items() if not fits(name, vs)]
    wrong_stages = [name for name in wrong_stages if of(name) not in on_purpose]
    assert wrong_stages[0] == entry.stage, f"wrong stages in order: {wrong_stages}"


@mistakes
def test_a_mistakes_cause_is_in_the_numbers(entry):
    values, right = stages(entry, entry.inputs)
    value, expected = values[entry.stage][-1], right[of(entry.stage)][-1]
    factor = None
    if value.shape == expected.shape:
        factor = np.sum(value * expected) / np.sum(expected * expected)
        if not same(value, factor * expected):
            factor = None
    if entry.cause in {"scaled", "mean_for_sum"}:
        assert factor is not None
        assert factor > 0
    elif entry.cause == "sign":
        assert factor == pytest.approx(-1)
    elif entry.cause == "transposed":
        assert same(value.T, expected)
    elif entry.cause == "shape":
        assert same(value.reshape(expected.shape), expected)
    elif entry.cause == "not_summed":
        assert value.shape == expected.shape or value.sum() == pytest.approx(expected.sum())
    elif entry.cause not in LATER and expected.size > 1:
        assert factor is None, f"{entry.cause} is only the factor {factor}"


@mistakes
def test_a_mistakes_inputs_have_different_sizes(entry):
    for seed in range(3):
        sizes = {n for a in entry.draw(seed).values() for n in np.shape(a) if n > 1}
        first = next(a for a in entry.draw(seed).values() if np.ndim(a) > 1)
        assert len(set(first.shape)) == first.ndim
        assert max(sizes) <= 30


@mistakes
def test_a_mistakes_words(entry):
    assert entry.cause in SLUGS
    assert entry.accept <= SLUGS - {entry.cause}
    assert set(entry.wrt) <= set(entry.inputs)
    for pattern in entry.mentions:
        re.compile(pattern)
        assert re.sub(r"\\.", "", pattern) == re.sub(r"\\.", "", pattern).lower()


@mistakes
def test_what_is_not_in_the_gradient_is_as_in_the_loss(entry):
    loss, gradients = inspect.signature(entry.loss), inspect.signature(entry.gradients)
    assert [p for p in gradients.parameters if p in loss.parameters] == list(loss.parameters)


@variants
def test_a_variant_is_right(entry):
    for seed in range(5):
        inputs = entry.inputs if seed == 0 else entry.draw(seed)
        written, right = by_hand(entry, inputs), automatic(entry, inputs)
        for name in entry.wrt:
            assert same(written[name], right[name]), f"{name}, seed {seed}"


@variants
def test_a_variant_is_right_in_single_precision(entry):
    for seed in range(5):
        inputs = single(entry.draw(seed))
        written, right = by_hand(entry, inputs), automatic(entry, inputs)
        for name in entry.wrt:
            assert same(written[name], right[name], 1e-3), f"{name}, seed {seed}"


@variants
def test_a_variant_is_right_at_the_second_call(entry):
    by_hand(entry, entry.inputs)
    assert not wrong(entry, entry.inputs)


@variants
def test_a_variant_leaves_its_inputs_alone(entry):
    inputs = deepcopy(entry.inputs)
    entry.gradients(**inputs)
    for name, value in entry.inputs.items():
        assert np.array_equal(inputs[name], value), name


def test_names_are_unique_and_entries_enough():
    names = Counter(entry.name for entry in [*MISTAKES, *VARIANTS])
    assert max(names.values()) == 1, names.most_common(3)
    assert len(MISTAKES) >= 75
    assert len(VARIANTS) >= 70


def test_every_slug_is_used_and_few_are_unexplained():
    causes = Counter(entry.cause for entry in MISTAKES)
    assert set(causes) == SLUGS
    assert causes["unexplained"] <= 4


def test_no_two_entries_are_the_same_code():
    def body(entry):
        source = textwrap.dedent(inspect.getsource(entry.gradients))
        return entry.loss.__name__, ast.dump(ast.Module(ast.parse(source).body[0].body, []))

    bodies = Counter(body(e) for e in [*MISTAKES, *VARIANTS] if inspect.isfunction(e.gradients))
    assert max(bodies.values()) == 1
