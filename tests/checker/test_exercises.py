"""Seeded mistakes: each is wrong, is plain NumPy in one changed line, and no two are the same."""

import ast
import gc
import linecache
import traceback

import numpy as np
import pytest

from tests.checker.subjects import equal
from tests.derivation.programs import PROGRAMS
from tinygrad_softmax import derive, value_and_grad
from tinygrad_softmax.checker import (
    GradientMismatchError,
    catch_rate,
    check_gradients,
    seed_mistakes,
)

MOST = 15
SOME = ["question", "two_layer", "ridge", "batch_norm", "layer_norm", "class_weights"]
every_program = pytest.mark.parametrize("name", SOME)
seeded: dict[str, list] = {}


def mistakes(name):
    """The first mistakes of a program, made once."""
    if name not in seeded:
        program = PROGRAMS[name]
        seeded[name] = list(seed_mistakes(program.loss, program.wrt, most=MOST, **program.inputs))
    return seeded[name]


@pytest.mark.no_cover
@every_program
def test_every_mistake_is_one_and_they_are_distinct(name):
    program, found = PROGRAMS[name], mistakes(name)
    assert len(found) == MOST
    _, right = value_and_grad(program.loss, wrt=program.wrt)(**program.inputs)
    right = dict(zip(program.wrt, right, strict=True))
    results = [mistake.function(**program.inputs) for mistake in found]
    for i, result in enumerate(results):
        assert set(result) == set(program.wrt)
        assert not equal(result, right), found[i].source
        assert not any(equal(result, other) for other in results[:i])


@pytest.mark.no_cover
@every_program
def test_sources_are_plain_numpy_and_change_no_input(name):
    program = PROGRAMS[name]
    right = derive(program.loss, program.wrt, **program.inputs).source.splitlines()
    for mistake in mistakes(name):
        function = ast.parse(mistake.source).body[0]
        assert function.name == "gradients"
        assert {arg.arg for arg in function.args.args} == set(program.inputs)
        called = {node.func.id for node in ast.walk(function)
                  if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}  # fmt: skip
        assert called <= {"range", "float", "slice", "len"}, mistake.source
        given = {n: np.array(v) if np.ndim(v) else v for n, v in program.inputs.items()}
        space = {"np": np}
        exec(mistake.source, space)
        assert equal(space["gradients"](**given), mistake.function(**program.inputs))
        assert all(np.array_equal(given[n], v) for n, v in program.inputs.items())
        new = [line for line in mistake.source.splitlines()[1:-1] if line not in right]
        assert len(new) <= 1, mistake.source
        assert mistake.stage in mistake.source
        assert mistake.cause
        assert mistake.sentence


def test_the_usual_ones_come_first():
    sources = "\n".join(m.source for m in mistakes("question"))
    assert {m.stage for m in mistakes("question")[:6]} == {"dscores", "dW", "db"}
    for line in ("dW = X.T @ dscores\n", "db = dscores\n"):
        assert line in sources
    assert any("dscores /= num_examples" not in m.source for m in mistakes("question"))


def test_order_and_number_are_settled():
    program = PROGRAMS["question"]
    some = list(seed_mistakes(program.loss, program.wrt, most=7, **program.inputs))
    assert [m.source for m in some] == [m.source for m in mistakes("question")[:7]]
    others = [list(seed_mistakes(program.loss, program.wrt, most=7, seed=s, **program.inputs))
              for s in range(4)]  # fmt: skip
    assert len({tuple(m.source for m in other) for other in others}) > 1
    assert list(next(seed_mistakes(program.loss, "b", **program.inputs)).function(
        **program.inputs)) == ["b"]  # fmt: skip


def test_tracebacks_show_the_code_while_the_function_lives():
    program = PROGRAMS["ridge"]
    mistake = next(seed_mistakes(program.loss, **program.inputs))
    file = mistake.function.__code__.co_filename
    with pytest.raises(ValueError, match="matmul") as caught:
        mistake.function(**{**program.inputs, "w": np.ones(99)})
    assert " @ w" in "".join(traceback.format_exception(caught.value))
    del mistake, caught
    gc.collect()
    assert file not in linecache.cache


def test_the_catch_rate_of_checks():
    program, found = PROGRAMS["question"], mistakes("question")

    def raises(gradients):
        check_gradients(program.loss, gradients, budget=0.05, **program.inputs).raise_if_wrong()
        return True

    with pytest.raises(GradientMismatchError):
        raises(found[0].function)
    assert catch_rate(raises, found[:5]) == 1
    assert catch_rate(lambda gradients: True, found) == 0
    shape = program.inputs["b"].shape
    assert 0 < catch_rate(lambda g: g(**program.inputs)["b"].shape == shape, found) < 0.5
    with pytest.raises(ValueError, match="at least one"):
        catch_rate(raises, [])


# --- nets that must catch something, broken ---


def test_the_tests_of_seeded_mistakes_notice_right_ones(monkeypatch):
    """If the seeder lost its own test, right code would be handed out as an exercise."""
    monkeypatch.setattr("tinygrad_softmax.checker.exercises.same", lambda *_: False)
    program = PROGRAMS["ridge"]
    _, right = value_and_grad(program.loss, wrt=program.wrt)(**program.inputs)
    right = dict(zip(program.wrt, right, strict=True))
    found = seed_mistakes(program.loss, program.wrt, **program.inputs)
    assert any(equal(mistake.function(**program.inputs), right) for mistake in found)


def test_an_edit_that_leaves_no_numbers_is_no_exercise():
    """As that of einsum's product, one of whose factors is a string."""
    inputs = {"w": np.array([1.0, 2.0]), "X": np.arange(24.0).reshape(3, 8)}
    loss = lambda w, X: np.sum((X.reshape(3, 4, 2) @ w) ** 2)  # noqa: E731 - its source is not read
    found = list(seed_mistakes(loss, wrt="w", **inputs))
    assert found
    assert all(np.asarray(m.function(**inputs)["w"]).dtype.kind == "f" for m in found)
