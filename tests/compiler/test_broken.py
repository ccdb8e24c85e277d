"""A compiler that is broken on purpose is noticed before anybody is given a wrong gradient."""

import warnings

import numpy as np
import pytest

import tinygrad_softmax as tg
from tests.compiler.test_promises import loss, problem
from tinygrad_softmax.compiler import graph, lowering, rows
from tinygrad_softmax.compiler.source import Source
from tinygrad_softmax.ops import elementwise


def noticed(**sizes):
    """Assert that a step which is made now is refused, and the result right all the same."""
    step, inputs = tg.compile(loss, ("W", "b")), problem(**sizes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value, found = step(**inputs)
    with pytest.raises(RuntimeError, match="has not been compiled"):
        step.source  # noqa: B018 - reading it is the test
    wanted = tg.value_and_grad(loss, wrt=("W", "b"))(**inputs)
    assert value == wanted[0]
    np.testing.assert_array_equal(found["W"], wanted[1][0])


@pytest.mark.parametrize("by", [1.001, -1])
def test_a_rewrite_that_is_off(monkeypatch, by):
    whole = graph.Rewriter.__call__

    def bent(rewrite, root):
        made = whole(rewrite, root)
        return (
            rewrite.apply(elementwise.multiply, made, rewrite.world.lift(by))
            if made.shape
            else made
        )

    monkeypatch.setattr(graph.Rewriter, "__call__", bent)
    noticed()


def test_memory_that_is_shared_too_early(monkeypatch):
    whole = lowering.Lowering._used

    def used(low, e):
        low.left[e] = 1
        whole(low, e)

    monkeypatch.setattr(lowering.Lowering, "_used", used)

    def several(W, X):
        h = X @ W
        return np.sum(np.exp(h) * np.tanh(h) + np.sin(h) * h)

    inputs = {k: v for k, v in problem().items() if k in "WX"}
    with pytest.warns(RuntimeWarning, match="differs from the automatic one"):
        tg.compile(several)(**inputs)


@pytest.mark.parametrize("line", ["blocks.append", "np.add(all_"])
def test_blocks_that_do_not_add_up(monkeypatch, line):
    whole = Source.write

    def without(source):
        return "\n".join(one for one in whole(source).split("\n") if line not in one)

    monkeypatch.setattr(Source, "write", without)
    monkeypatch.setattr(rows, "_CACHE", 1)
    monkeypatch.setattr(rows, "_FEWEST", 40)
    noticed(n=101)


def test_rows_that_depend_on_other_rows(monkeypatch):
    """A mean over the examples that goes back into each of them is no sum of blocks."""
    monkeypatch.setattr(rows, "_CACHE", 1)
    monkeypatch.setattr(rows, "_FEWEST", 4)

    def centred(W, X):
        scores = X @ W
        return np.sum((scores - np.mean(scores, axis=0)) ** 4)

    inputs = {k: v for k, v in problem().items() if k in "WX"}
    step = tg.compile(centred)
    value, found = step(**inputs)
    assert "def block" not in step.source
    wanted = tg.value_and_grad(centred, wrt="W")(**inputs)
    assert value == pytest.approx(wanted[0])
    np.testing.assert_allclose(found["W"], wanted[1])
