"""A compiler that is broken on purpose is noticed before anybody is given a wrong gradient."""

from fractions import Fraction

import numpy as np
import pytest

import tinygrad_softmax as tg
from tests.compiler.test_promises import loss, problem
from tinygrad_softmax.compiler import formula, memory, reductions, rewriting, rows
from tinygrad_softmax.compiler.formula import Formula
from tinygrad_softmax.compiler.programs import trusted
from tinygrad_softmax.symbolic.algebra import Algebra


def noticed(function=loss, wrt=("W", "b"), **inputs):
    """Whether a formula made now is refused."""
    return not trusted(Formula(function, wrt, inputs or problem(), generic=True))


def test_what_is_whole_is_trusted():
    made = Formula(loss, ("W", "b"), problem(), generic=True)
    assert trusted(made)
    assert made.quick is not None


@pytest.mark.parametrize("by", [1.001, -1])
def test_a_rewrite_that_is_off(monkeypatch, by):
    whole = rewriting._scalars_inside

    def bent(algebra: Algebra, e):
        after = whole(algebra, e)
        return algebra.scale(after, Fraction(by)) if after is not e else e

    monkeypatch.setattr(rewriting, "_scalars_inside", bent)
    assert noticed()


def test_memory_that_is_shared_too_early(monkeypatch):
    monkeypatch.setattr(memory.Plan, "_last_uses", lambda plan: dict.fromkeys(_roots(plan), 0))
    assert noticed()


def _roots(plan):
    return {r for s in plan.statements for r in [*s.reads, *([s.target.root] if s.target else [])]}


def test_rows_that_depend_on_other_rows(monkeypatch):
    """A mean over the examples that goes back into each of them is no sum of blocks."""

    def centred(W, X):
        scores = X @ W
        return np.sum((scores - np.mean(scores, axis=0)) ** 4)

    inputs = {k: v for k, v in problem().items() if k in "WX"}
    made = Formula(centred, ("W",), inputs, generic=True)
    assert trusted(made)  # all rows at once
    size = int(made.trace.inputs["X"].shape[0])
    assert rows.phases(made.safe.roots.values(), size) is None


def test_blocks_that_do_not_add_up(monkeypatch):
    whole = reductions.added

    def last_block_only(low, e, part):
        made = whole(low, e, part)
        for statement in low.draft.statements:
            statement.code = statement.code.replace("np.add({target}, {0}", "np.add({0}, 0")
        return made

    monkeypatch.setattr(reductions, "added", last_block_only)
    assert noticed()


def test_a_shift_that_matters_is_kept(monkeypatch):
    """A largest score that the loss depends on is not taken for one that cancels."""

    def penalised(W, X):
        scores = X @ W
        most = np.max(scores, axis=1, keepdims=True)
        return np.sum(np.log(np.sum(np.exp(scores - most), axis=1)))  # without adding `most` back

    inputs = {k: v for k, v in problem().items() if k in "WX"}
    made = Formula(penalised, ("W",), inputs, generic=True)
    assert made.quick is not None
    assert trusted(made)
    assert made.quick is None


def test_a_formula_that_is_refused_twice_is_left_to_the_tape(monkeypatch):
    monkeypatch.setattr("tinygrad_softmax.compiler.compiled.trusted", lambda formula: False)
    step, inputs = tg.compile(loss, ("W", "b")), problem()
    with pytest.warns(RuntimeWarning, match="differs from the automatic one"):
        value, _ = step(**inputs)
    assert value == tg.value_and_grad(loss, wrt=("W", "b"))(**inputs)[0]


def test_a_loss_that_is_never_finite_is_not_trusted():
    with np.errstate(all="ignore"):
        assert noticed(lambda W: np.sum(np.log(W * 0.0)), ("W",), W=np.ones((2, 2)))


def test_names_of_the_form_survive():
    assert {"exp_scores", "probs"} & set(formula.Formula(
        loss, ("W", "b"), problem(), generic=True).safe.names.values())  # fmt: skip
