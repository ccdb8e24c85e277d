"""Seeded mistakes: each is wrong, is NumPy, and is found by the package's own check."""

import ast
import gc
import linecache
import traceback

import numpy as np
import pytest

from tests.derivation.programs import PROGRAMS
from tinygrad_softmax import value_and_grad
from tinygrad_softmax.check.edits import Editor
from tinygrad_softmax.check.exercises import catch_rate, seed_mistakes
from tinygrad_softmax.check.formulas import Formulas
from tinygrad_softmax.check.gradients import check_gradients
from tinygrad_softmax.check.report import GradientMismatchError
from tinygrad_softmax.check.rewritten import Rewriter, settled
from tinygrad_softmax.symbolic import derive
from tinygrad_softmax.symbolic.inputs import fresh

INTERNAL = {"scatter", "rolled", "turned", "every_row", "last_wins", "realign"}
every_program = pytest.mark.parametrize("name", PROGRAMS)
seeded: dict[str, list] = {}


def mistakes(name):
    """Every mistake of a program, made once."""
    if name not in seeded:
        program = PROGRAMS[name]
        seeded[name] = list(seed_mistakes(program.loss, program.wrt, **program.inputs))
    return seeded[name]


def lines(name):
    """The lines that the mistakes of a program are made of."""
    return {(m.cause, line.strip()) for m in mistakes(name) for line in m.source.splitlines()}


def equal(a, b):
    return np.shape(a) == np.shape(b) and np.allclose(a, b, 1e-9, 1e-14)


@pytest.mark.no_cover
@every_program
def test_every_mistake_is_wrong_at_other_inputs_than_those_it_was_tried_on(name):
    program, found = PROGRAMS[name], mistakes(name)
    assert found
    traced = derive(program.loss, program.wrt, **program.inputs).trace
    right = value_and_grad(program.loss, wrt=program.wrt)
    inputs = [fresh(program.inputs, traced, seed=seed, largest=9) for seed in (71, 72, 73)]
    truth = [dict(zip(program.wrt, right(**values)[1], strict=True)) for values in inputs]
    for mistake in found:
        results = [mistake.function(**values) for values in inputs]
        assert all(set(result) == set(program.wrt) for result in results)
        same = [all(np.shape(result[n]) == np.shape(g) and np.allclose(result[n], g, 1e-7, 1e-12)
                    for n, g in gradients.items())
                for result, gradients in zip(results, truth, strict=True)]  # fmt: skip
        assert not all(same), mistake.source


@every_program
def test_no_two_give_the_same_numbers(name):
    inputs = PROGRAMS[name].inputs
    results = [m.function(**inputs) for m in mistakes(name)]
    for i, result in enumerate(results):
        for other in results[:i]:
            assert not all(map(equal, result.values(), other.values()))


@every_program
def test_sources_are_plain_numpy_that_changes_no_input(name):
    inputs = PROGRAMS[name].inputs
    for mistake in mistakes(name):
        function = ast.parse(mistake.source).body[0]
        assert function.name == "gradients"
        assert {arg.arg for arg in function.args.args} == set(inputs)
        called = {node.func.id for node in ast.walk(function)
                  if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}  # fmt: skip
        assert called <= {"range", "float", "slice"}, mistake.source
        assert not any(word in mistake.source for word in INTERNAL)
        given = {n: np.array(v) if np.ndim(v) else v for n, v in inputs.items()}
        space = {"np": np}
        exec(mistake.source, space)
        again, once = space["gradients"](**given), mistake.function(**inputs)
        assert all(np.array_equal(again[n], once[n]) for n in once)
        assert all(np.array_equal(given[n], v) for n, v in inputs.items())
        assert mistake.stage in mistake.source
        assert "\0" not in mistake.sentence


@every_program
def test_one_line_is_changed(name):
    program = PROGRAMS[name]
    right = derive(program.loss, program.wrt, **program.inputs).source.splitlines()
    for mistake in mistakes(name):
        *body, returned = mistake.source.splitlines()
        assert returned.strip().startswith("return {")
        new = [line.strip() for line in body if line not in right and ".shape[" not in line[-10:]]
        assert all(line.removeprefix("np.add.at(").startswith(mistake.stage) for line in new)


@pytest.mark.no_cover
@pytest.mark.parametrize("name", ["question", "two_layer", "ridge", "batch_norm"])
def test_our_own_check_flags_them(name):
    program = PROGRAMS[name]
    for mistake in mistakes(name)[:15:5]:
        report = check_gradients(program.loss, mistake.function, **program.inputs)
        assert not report.ok, mistake.source


def test_the_questions_mistakes_are_the_usual_ones():
    assert len(mistakes("question")) >= 20
    assert {m.stage for m in mistakes("question")[:3]} == {"dscores", "dW", "db"}
    assert {
        ("scaled", "dscores[range(num_examples), y] -= 1"),
        ("term_missing", "dscores = probs / num_examples"),
        ("term_sign", "dscores[range(num_examples), y] += 1"),
        ("labels", "dscores[range(num_examples), y - 1] -= 1"),
        ("labels", "dscores[range(num_examples), (y + 1) % W.shape[1]] -= 1"),
        ("labels", "dscores[range(num_examples), np.roll(y, 1)] -= 1"),
        ("labels", "dscores[:, y] -= 1"),
        ("term_missing", "dW = X.T @ dscores"),
        ("term_scaled", "dW = X.T @ dscores + 2 * reg * W"),
        ("term_sign", "dW = X.T @ dscores - reg * W"),
        ("not_summed", "db = dscores"),
        ("mean_for_sum", "db = np.mean(dscores, axis=0, keepdims=True)"),
        ("wrong_axis", "db = np.sum(dscores, axis=1, keepdims=True)"),
        ("reshaped", "db = np.sum(dscores, axis=0)"),
    } <= lines("question")
    undivided = next(m for m in mistakes("question") if m.cause == "scaled")
    assert "dscores /= " not in undivided.source


def test_masks_are_forgotten_and_turned_round():
    masks = {m.sentence: m.source for m in mistakes("two_layer") if m.cause == "mask"}
    assert "] = 0" not in masks["the mask `hidden > 0` is missing"]
    assert "dhidden[hidden >= 0] = 0" in masks["the mask `hidden > 0` is the wrong way round"]


def test_sums_inside_and_sums_that_are_the_gradient():
    assert ("not_summed", "dgamma = G * xc / std") in lines("batch_norm")
    assert ("wrong_axis", "dbeta = np.sum(G, axis=1)") in lines("layer_norm")
    assert ("mean_for_sum", "dbeta = np.mean(G, axis=0)") in lines("layer_norm")
    assert ("labels", "dscores[:, y] -= weights[y]") in lines("class_weights")
    assert any(m.cause == "diagonal" for m in mistakes("layer_norm"))


def test_repeated_indices():
    def embedding(E, i, G):
        return np.sum(E[i] * G)

    rng = np.random.default_rng(0)
    inputs = {"E": rng.random((3, 2)), "i": np.array([0, 1, 1, 2]), "G": rng.random((4, 2))}
    sources = "\n".join(m.source for m in seed_mistakes(embedding, **inputs))
    assert "dE[i] += G" in sources
    assert "dE = G\n" in sources

    def on_both_sides(E, i, G):
        return -np.sum(E[i] * G)

    sources = "\n".join(m.source for m in seed_mistakes(on_both_sides, **inputs))
    assert "dE[i] -= G" in sources


def test_every_row_of_a_transposed_layout():
    rng = np.random.default_rng(0)

    def picked(W, X, y, v):
        scores = W @ X
        return np.sum(scores[y, range(X.shape[1])] * v)

    inputs = {"W": rng.random((3, 2)), "X": rng.random((2, 5)), "y": rng.integers(0, 3, 5),
              "v": rng.random(5)}  # fmt: skip
    sources = "\n".join(m.source for m in seed_mistakes(picked, **inputs))
    assert "dscores[y, :] += v[:, None]" in sources


def test_what_cannot_be_written_is_none():
    program = PROGRAMS["sample_weights"]
    formulas = Formulas(program.loss, program.wrt, program.inputs)
    form, rewriter = formulas.program.forms["dscores"], Rewriter(formulas)
    editor = Editor(formulas.trace.world, formulas.text, [], set())
    edits = {editor.said(edit.sentence): edit for edit in editor.edits(form)}
    as_one = edits["`np.sum(weights)` is taken as 1"]
    assert rewriter.source("dscores", as_one) is None
    assert rewriter.source("dscores", as_one._replace(formula=settled(as_one.formula)))


def test_by_a_local_variable():
    program = PROGRAMS["question"]
    found = list(seed_mistakes(program.loss, "scores", **program.inputs))
    assert found
    assert {m.stage for m in found} == {"dscores"}


def test_order_and_number_are_settled():
    program = PROGRAMS["question"]
    some = list(seed_mistakes(program.loss, program.wrt, most=7, **program.inputs))
    assert [m.source for m in some] == [m.source for m in mistakes("question")[:7]]
    other = list(seed_mistakes(program.loss, program.wrt, seed=5, **program.inputs))
    assert [m.source for m in other] != [m.source for m in mistakes("question")]
    assert {m.stage for m in some[:3]} == {"dscores", "dW", "db"}
    alone = next(seed_mistakes(program.loss, **program.inputs))
    assert list(alone.function(**program.inputs)) == ["W"]
    assert list(next(seed_mistakes(program.loss, "b", **program.inputs)).function(
        **program.inputs)) == ["b"]  # fmt: skip


def test_tracebacks_show_the_code_while_the_function_lives():
    program = PROGRAMS["ridge"]
    mistake = next(seed_mistakes(program.loss, **program.inputs))
    file = mistake.function.__code__.co_filename
    with pytest.raises(ValueError, match="matmul") as caught:
        mistake.function(**{**program.inputs, "w": np.ones(99)})
    assert "residual = X @ w - y" in "".join(traceback.format_exception(caught.value))
    report = check_gradients(program.loss, mistake.function, **program.inputs)
    assert "dresidual = " in report.findings[0].line
    del mistake, caught
    gc.collect()
    assert file not in linecache.cache


def test_the_catch_rate_of_checks():
    program, found = PROGRAMS["question"], mistakes("question")

    def raises(gradients):
        check_gradients(program.loss, gradients, **program.inputs).raise_if_wrong()
        return True

    with pytest.raises(GradientMismatchError):
        raises(found[0].function)
    assert catch_rate(raises, found[:5]) == 1
    assert catch_rate(lambda gradients: True, found) == 0
    shape = program.inputs["b"].shape
    of_the_shape = catch_rate(lambda g: g(**program.inputs)["b"].shape == shape, found)
    assert 0 < of_the_shape < 0.2
    with pytest.raises(ValueError, match="at least one"):
        catch_rate(raises, [])
