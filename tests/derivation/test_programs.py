"""Every program reaches its textbook form, and what is derived is what is differentiated."""

import os
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import tinygrad_softmax as tg
from tests.derivation.programs import PROGRAMS, derived
from tinygrad_softmax.ir.verify import draws

GOLDEN = Path(__file__).parent / "golden"
every_program = pytest.mark.parametrize("name", PROGRAMS)


@every_program
def test_the_gradient_part_is_the_textbook_form(name):
    golden, text = GOLDEN / f"{name}.txt", derived(name).program.gradient + "\n"
    if os.environ.get("WRITE_GOLDEN"):
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


@every_program
def test_it_equals_automatic_gradients_at_drawn_sizes(name):
    derivation, program = derived(name), PROGRAMS[name]
    assert derivation.trace.generic
    for values in islice(draws(program.inputs, derivation.trace, seed=100), 8):
        loss, found = derivation.value_and_grad(**values)
        slopes = tg.value_and_grad(program.loss, wrt=program.wrt)(**values)
        np.testing.assert_allclose(loss, slopes[0], rtol=1e-10)
        for which, slope in zip(program.wrt, slopes[1], strict=True):
            size = np.max(np.abs(slope), initial=0)
            np.testing.assert_allclose(found[which], slope, rtol=1e-10, atol=1e-10 * size + 1e-15)


def test_the_question_is_answered_in_five_lines():
    assert derived("question").program.gradient.splitlines() == [
        "dscores = probs.copy()",
        "dscores[range(num_examples), y] -= 1",
        "dscores /= num_examples",
        "dW = X.T @ dscores + reg * W",
        "db = np.sum(dscores, axis=0, keepdims=True)",
    ]
