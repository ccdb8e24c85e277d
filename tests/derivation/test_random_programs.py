"""Whole random programs: each is derived, and right."""

import ast
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_softmax as tg
from tests.derivation.drawn import Composer


@st.composite
def programs(draw):
    """Programs of up to nine lines on two to five inputs, with up to three terms in the loss."""
    seeds = st.integers(0, 2**63 - 1).map(random.Random)  # widely spread; the other one shrinks
    return Composer(draw(seeds | seeds | st.randoms(use_true_random=False))).program()


@pytest.mark.no_cover
@settings(max_examples=3 * settings().max_examples, suppress_health_check=list(HealthCheck))
@given(programs())
def test_random_programs_are_derived(program):
    derivation = tg.derive(program.loss, wrt=program.wrt, **program.inputs)
    before = {name: np.copy(value) for name, value in program.inputs.items()}
    value, found = derivation.value_and_grad(**program.inputs)
    expected, slopes = tg.value_and_grad(program.loss, wrt=program.wrt)(**program.inputs)
    np.testing.assert_allclose(value, expected, rtol=1e-9)
    for name, slope in zip(program.wrt, slopes, strict=True):
        size = np.max(np.abs(slope), initial=0)
        np.testing.assert_allclose(found[name], slope, rtol=1e-7, atol=1e-7 * size + 1e-11)
        assert np.shape(found[name]) == np.shape(slope)
        assert np.result_type(found[name]).kind == "f"
    for name, array in before.items():
        np.testing.assert_array_equal(program.inputs[name], array)
    _is_plain_numpy(derivation)


def _is_plain_numpy(derivation):
    """Nothing is called but NumPy and methods of its arrays."""
    for node in ast.walk(ast.parse(derivation.source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id in {"range", "slice", "float"}
