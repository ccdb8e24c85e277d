"""Every program reaches its textbook form, and what is derived is what is differentiated."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import tinygrad_softmax as tg
from tests.symbolic.programs import PROGRAMS, derive, derived
from tinygrad_softmax.symbolic.inputs import fresh
from tinygrad_softmax.symbolic.laws import LAWS
from tinygrad_softmax.symbolic.present import PRESENT
from tinygrad_softmax.symbolic.terms import Law

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
    for seed in range(10):
        values = fresh(program.inputs, derivation.trace, seed=100 + seed)
        loss, found = derivation.value_and_grad(**values)
        slopes = tg.value_and_grad(program.loss, wrt=program.wrt)(**values)
        np.testing.assert_allclose(loss, slopes[0], rtol=1e-10)
        for which, slope in zip(program.wrt, slopes[1], strict=True):
            size = np.max(np.abs(slope), initial=0)
            np.testing.assert_allclose(found[which], slope, rtol=1e-10, atol=1e-10 * size + 1e-15)


@every_program
def test_no_step_changes_a_number_and_every_step_has_its_sentence(name):
    for step in derived(name).steps:
        assert step.difference < 1e-9, step
        assert step.sentence.endswith((".", "``."))
        assert step.before != "" != step.after


def test_the_question_is_answered_in_five_lines():
    assert derived("question").program.gradient.splitlines() == [
        "dscores = probs.copy()",
        "dscores[range(num_examples), y] -= 1",
        "dscores /= num_examples",
        "dW = X.T @ dscores + reg * W",
        "db = np.sum(dscores, axis=0, keepdims=True)",
    ]


@cache
def users():
    """For each law of the two tables, the programs that use it."""
    found = {law.name: [] for table in (LAWS, PRESENT) for laws in table.values() for law in laws}

    def noted(entry, used):
        def apply(algebra, e):
            after = entry.apply(algebra, e)
            used.update([entry.name] if after is not None else [])
            return after

        return Law(entry.name, entry.sentence, apply)

    for name in PROGRAMS:
        used = set()
        with pytest.MonkeyPatch.context() as patch:
            for table in (LAWS, PRESENT):
                for kind, laws in list(table.items()):
                    patch.setitem(table, kind, [noted(entry, used) for entry in laws])
            derive(name)
        for law in used:
            found[law].append(name)
    return found


def test_every_law_is_used_by_some_program():
    assert not [law for law, programs in users().items() if not programs]


@pytest.mark.no_cover
@pytest.mark.parametrize("factor", [1.001, -1.0])
@pytest.mark.parametrize("law", sorted({law.name for laws in LAWS.values() for law in laws}))
def test_a_law_that_is_off_by_a_factor_never_gets_out(law, factor, monkeypatch):
    """`derive` refuses to return a wrong result, or the step itself shows a difference."""

    def bent(entry):
        def apply(algebra, e):
            after = entry.apply(algebra, e)
            return None if after is None else algebra.scale(after, factor)

        return Law(entry.name, entry.sentence, apply) if entry.name == law else entry

    def is_noticed(name):
        try:
            told = [step.difference for step in derive(name).steps if step.law == law]
        except (tg.DerivationError, RecursionError):
            return True
        return max(told, default=0) > 1e-6

    programs = users()[law]
    for kind, laws in list(LAWS.items()):
        monkeypatch.setitem(LAWS, kind, [bent(entry) for entry in laws])
    assert any(is_noticed(name) for name in programs)


def test_laws_that_do_not_come_to_rest_are_stopped(monkeypatch):
    again = Law("again", "Once more.", lambda algebra, e: algebra.add(e, algebra.times(e, e)))
    monkeypatch.setitem(LAWS, "linear", [again])
    with pytest.raises(tg.DerivationError, match="they do not come to rest"):
        derive("question")
