"""What is compiled is what is differentiated: textbook and random losses, blocks, float32."""

import random
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinygrad_softmax as tg
from tests.compiler.drawn import Drawn
from tests.derivation.drawn import Composer
from tests.derivation.programs import PROGRAMS
from tinygrad_softmax.compiler import rows

every_program = pytest.mark.parametrize("name", PROGRAMS)


def agree(found, wanted, wrt, rtol=1e-9):
    np.testing.assert_allclose(found[0], wanted[0], rtol=rtol)
    assert found[0].dtype == wanted[0].dtype
    for name, want in zip(wrt, wanted[1], strict=True):
        got = found[1][name]
        assert got.dtype == np.asarray(want).dtype
        assert got.flags.writeable
        size = np.max(np.abs(want), initial=0)
        np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol * size + 1e-14)


@pytest.mark.no_cover
@every_program
def test_compiled_losses_equal_automatic_gradients(name):
    program = PROGRAMS[name]
    step = tg.compile(program.loss, program.wrt)
    automatic = tg.value_and_grad(program.loss, wrt=program.wrt)
    inputs = program.inputs
    for _ in range(2):  # in memory that has been used
        agree(step(**inputs), automatic(**inputs), program.wrt)
    other = {n: v * 0.7 if n in program.wrt else v for n, v in inputs.items()}
    agree(step(**other), automatic(**other), program.wrt)


@pytest.mark.no_cover
@every_program
def test_in_single_precision(name):
    program = PROGRAMS[name]
    inputs = {n: np.float32(v) if np.asarray(v).dtype.kind == "f" and np.ndim(v) else v
              for n, v in program.inputs.items()}  # fmt: skip
    step = tg.compile(program.loss, program.wrt)
    wanted = tg.value_and_grad(program.loss, wrt=program.wrt)(**inputs)
    value, found = step(**inputs)
    np.testing.assert_allclose(value, wanted[0], rtol=1e-4)
    for which, want in zip(program.wrt, wanted[1], strict=True):
        assert found[which].dtype == np.float32
        np.testing.assert_allclose(found[which], want, rtol=1e-3, atol=1e-4 * np.abs(want).max())


@every_program
def test_in_blocks_of_rows(name, monkeypatch):
    """However the rows are cut, the blocks add up to the whole."""
    program = PROGRAMS[name]
    wanted = tg.value_and_grad(program.loss, wrt=program.wrt)(**program.inputs)
    monkeypatch.setattr(rows, "_FEWEST", 2)
    monkeypatch.setattr(rows, "_CACHE", 1)
    agree(tg.compile(program.loss, program.wrt)(**program.inputs), wrt=program.wrt, wanted=wanted)


@st.composite
def programs(draw):
    seeds = st.integers(0, 2**63 - 1).map(random.Random)
    return Composer(draw(seeds | seeds | st.randoms(use_true_random=False))).program()


@pytest.mark.no_cover
@settings(max_examples=3 * settings().max_examples, suppress_health_check=list(HealthCheck))
@given(programs())
def test_random_programs(program):
    before = {name: np.copy(value) for name, value in program.inputs.items()}
    step = tg.compile(program.loss, program.wrt)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # none of them is left to the tape
        found = step(**program.inputs)
    agree(found, tg.value_and_grad(program.loss, wrt=program.wrt)(**program.inputs),
          program.wrt, rtol=1e-7)  # fmt: skip
    for name, array in before.items():
        np.testing.assert_array_equal(program.inputs[name], array)


@pytest.mark.no_cover
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", range(0, 400, 10))
def test_drawn_losses_at_inputs_of_every_kind(seed):
    """Ten losses each, of sizes, types, layouts and signs that change from call to call."""
    for one in range(seed, seed + 10):
        drawn = Drawn(one)
        step, automatic = (
            tg.compile(drawn.loss, drawn.wrt),
            tg.value_and_grad(drawn.loss, drawn.wrt),
        )
        for _ in range(3):
            inputs = drawn.inputs()
            for one_of_two in (inputs, drawn.reordered(inputs)):
                problem = drawn.difference(step, automatic, one_of_two)
                assert problem is None, f"{problem} at {drawn.source}"
