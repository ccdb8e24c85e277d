"""A sheet is a valid notebook that fails as it is, passes once repaired, and keeps its answers."""

import functools
import json
import linecache
from importlib.util import find_spec

import numpy as np
import pytest

from tests.derivation.programs import PROGRAMS
from tests.problems import raises
from tests.teaching.assignment import INPUTS, loss
from tinygrad_softmax import check_gradients
from tinygrad_softmax.teaching import exercises, make_sheet
from tinygrad_softmax.teaching.standalone import StandaloneError

LEVELS = (1, 2, 3)
every_level = pytest.mark.parametrize("level", LEVELS)


@functools.cache
def made(level, seed=7, **options):
    return make_sheet(loss, ("W", "b"), level=level, seed=seed, **options, **INPUTS)


def cells(text):
    return {cell["id"]: "".join(cell["source"]) for cell in json.loads(text)["cells"]}


def run(sources, skip="task"):
    """Run the code cells as a notebook does; return what each that raised said."""
    space, failed = {"__name__": "__main__"}, {}
    for name, text in sources.items():
        if name == skip:
            continue
        file = f"<{name}>"
        linecache.cache[file] = (len(text), None, text.splitlines(True), file)
        try:
            exec(compile(text, file, "exec"), space)
        except AssertionError as error:
            failed[name] = str(error)
    return failed


@every_level
def test_it_is_a_valid_notebook(level):
    nbformat = pytest.importorskip("nbformat")
    sheet = made(level)
    for text in (sheet.notebook, sheet.student):
        notebook = nbformat.reads(text, 4)
        assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
        nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]
    assert len({*ids}) == len(ids)


@every_level
def test_it_fails_as_it_is_and_passes_once_repaired(level):
    sheet = made(level)
    (exercise,) = json.loads(sheet.key)["exercises"]
    student = cells(sheet.student)
    assert exercise["right"] not in sheet.notebook
    failed = run(student)
    assert [*failed] == ["gradients-check"]
    repaired = student | {"gradients": exercise["right"]}
    assert run(repaired) == {}


def test_the_hint_is_no_answer_and_hidden_checks_give_a_point_each():
    sheet = made(1)
    (mistake,) = sheet.exercises[0].mistakes
    full = cells(sheet.notebook)
    failed = run(full)
    assert failed["gradients-check"].startswith("Look at ")
    assert any("-test-" in name for name in failed)
    for said in failed.values():
        assert mistake.sentence not in said
        assert mistake.after.splitlines()[-1] not in said
    assert run(full | {"gradients": sheet.exercises[0].right}) == {}


@every_level
def test_hidden_checks_are_hidden_as_nbgrader_does(level):
    sheet = made(level)
    assert "HIDDEN TESTS" in sheet.notebook
    for word in ("HIDDEN", "grade(", "should be"):
        assert word not in sheet.student
    notebook = json.loads(sheet.notebook)["cells"]
    tests = [c for c in notebook if c["metadata"].get("nbgrader", {}).get("grade")]
    assert [c["metadata"]["nbgrader"]["points"] for c in tests] == [1, 1]
    for cell in notebook:
        held = cell["metadata"].get("nbgrader")
        if held:
            assert held["grade_id"] == cell["id"]
            assert held["locked"]
            assert held["schema_version"] == 3
            assert not held["solution"]
    lines = "".join(tests[0]["source"]).split("\n")
    assert lines[1] == "### BEGIN HIDDEN TESTS"
    assert lines[-1] == "### END HIDDEN TESTS"


@pytest.mark.skipif(find_spec("nbgrader") is None, reason="nbgrader is not installed")
def test_nbgrader_makes_the_same_of_it():
    import nbformat
    from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions

    sheet = made(3)
    notebook = nbformat.reads(sheet.notebook, 4)
    for step in (ClearSolutions(), ClearHiddenTests()):
        notebook, _ = step.preprocess(notebook, {})
    assert {c.id: c.source for c in notebook.cells} == cells(sheet.student)


@every_level
def test_the_key_says_the_line_the_sentence_and_the_right_gradient(level):
    for seed in (7, 1):
        sheet = made(level, seed)
        held = json.loads(sheet.key)
        assert (held["loss"], held["wrt"], held["level"], held["seed"]) == (
            "loss", ["W", "b"], level, seed)  # fmt: skip
        (exercise,) = held["exercises"]
        wrong = cells(sheet.notebook)["gradients"].split("\n")
        right = exercise["right"].split("\n")
        for mistake in exercise["mistakes"]:
            first, *more = mistake["before"].split("\n")
            at = mistake["line"] - 1
            assert [line.strip() for line in wrong[at : at + 1 + len(more)]] == [first, *more]
            assert mistake["sentence"]
            assert {*mistake["after"].split("\n")} <= {line.strip() for line in right}
        space = {"np": np}
        exec(exercise["right"], space)
        assert check_gradients(loss, space["gradients"], wrt=("W", "b"), budget=0, **INPUTS)


@every_level
def test_levels_are_what_they_are_said_to_be(level):
    found = [e for _, e in zip(range(12), exercises(loss, ("W", "b"), level=level, **INPUTS))]  # noqa: B905 - the first ones
    right = found[0].right
    for exercise in found:
        causes = {mistake.cause for mistake in exercise.mistakes}
        assert exercise.right == right
        if level < 3:
            assert len(exercise.mistakes) == 1
            assert (causes <= {"line_missing", "sign"}) == (level == 1)
        elif len(exercise.mistakes) == 1:  # the first entry of dW is right
            space = {"np": np}
            exec(exercise.source, space)
            mine = space["gradients"](**{n: np.copy(v) for n, v in INPUTS.items()})["W"]
            exec(right, space)
            true = space["gradients"](**INPUTS)["W"]
            np.testing.assert_allclose(mine.flat[0], true.flat[0], rtol=1e-4)
        else:
            one, other = exercise.mistakes
            assert one.stage != other.stage
    if level == 3:
        assert {len(exercise.mistakes) for exercise in found} == {1, 2}


def test_the_same_seed_gives_the_same_sheet_and_another_another():
    again = make_sheet(loss, ("W", "b"), level=2, seed=7, **INPUTS)
    assert again == made(2)
    assert len({made(2, seed).exercises for seed in (7, 1, 2)}) > 1


def test_several_gradients_in_one_sheet():
    sheet = made(1, most=2)
    names = ["gradients_1", "gradients_2"]
    key = json.loads(sheet.key)["exercises"]
    assert [exercise["function"] for exercise in key] == names
    student = cells(sheet.student)
    assert [*run(student)] == [f"{name}-check" for name in names]
    assert run(student | {e["function"]: e["right"] for e in key}) == {}


@pytest.mark.parametrize("name", ["two_layer", "ridge"])
def test_other_losses_have_sheets(name):
    program = PROGRAMS[name]
    sheet = make_sheet(program.loss, program.wrt, level=2, **program.inputs)
    (exercise,) = json.loads(sheet.key)["exercises"]
    student = cells(sheet.student)
    assert [*run(student)] == ["gradients-check"]
    assert run(student | {"gradients": exercise["right"]}) == {}


outside = object()


def test_what_fits_in_no_sheet_is_refused():
    def uses(w):
        return np.sum(w**2) + 0 * id(outside)

    with raises(StandaloneError, "`outside`, which is used"):
        make_sheet(uses, w=np.ones(3))
    for make in (make_sheet, exercises):
        with raises(TypeError, "inputs of loss are missing: W, b, X, y, reg; pass them by name"):
            make(loss, level=1)
    with raises(ValueError, "level=4"):
        make_sheet(loss, level=4, **INPUTS)
    with raises(ValueError, "no mistake of this level"):
        make_sheet(lambda x: 3 * np.sum(x), level=3, x=np.ones(3))


@pytest.mark.parametrize(
    "function",
    [
        lambda w, X: sum(np.tanh(X[i] @ w) ** 2 for i in range(len(X))),
        lambda w, X: sum(np.sum(row * w) ** 2 for row in X),
        lambda w, X: np.sum((X @ w) ** 2) if len(X) > 5 else np.sum((X @ w) ** 4),
    ],
    ids=["index", "rows", "condition"],
)
def test_a_gradient_for_one_size_only_is_no_exercise(function):
    inputs = {"w": np.array([0.5, -1.0]), "X": np.linspace(-1, 1, 24).reshape(12, 2)}
    for make in (make_sheet, exercises):
        with raises(ValueError, "for inputs of these sizes only: "):
            make(function, **inputs)
