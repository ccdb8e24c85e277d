"""A submission gets the score that it has earned, whatever it does."""

import json
import os
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from tests.encodings import READABLE, UNREADABLE
from tests.problems import raises
from tests.teaching.assignment import (
    INPUTS,
    LOSS,
    MEASUREMENTS,
    RIGHT,
    SOLUTIONS,
    before,
    loss,
    returning,
)
from tinygrad_softmax import summarise
from tinygrad_softmax.teaching import grade

WRONG = RIGHT.replace("    dscores /= len(X)\n", "")


@pytest.fixture
def graded(tmp_path):
    """Grade code as the file of a student."""

    def graded(code, wrt=("W", "b"), name="ada.py", function="", budget=0, **options):
        path = tmp_path / name
        path.write_text(code, "utf-8")
        return grade(loss, f"{path}{function}", wrt, budget=budget, **options, **INPUTS)

    return graded


def statuses(grade):
    return [one.status for one in grade.gradients]


# --- right and wrong ---


@pytest.mark.parametrize("name", SOLUTIONS)
def test_a_right_gradient_has_all_points_however_it_is_written(graded, name):
    found = graded(SOLUTIONS[name])
    assert statuses(found) == ["right", "right"], found.message
    assert found.ok
    assert found.score == found.max_score == 2


def test_each_gradient_has_a_score_and_points(graded):
    found = graded(RIGHT.replace(" + reg * W", ""), points={"W": 3, "b": 1.5})
    assert statuses(found) == ["wrong", "right"]
    assert (found.score, found.max_score) == (1.5, 4.5)
    held = json.loads(found.json())
    assert held["gradients"][1] == {
        "name": "b", "score": 1.5, "max_score": 1.5, "status": "right",
        "message": "The gradient with respect to b is right.",
    }  # fmt: skip
    assert held["score"] == 1.5
    assert not held["ok"]
    assert held["report"]["findings"][0]["stage"] == "dW"


@pytest.mark.parametrize(
    ("level", "contained", "kept_back"),
    [
        ("where", "Look at dscores (line 7): `dscores[range(len(X)), y] -= 1`.", "division"),
        ("what", "The division by `len(X)` is missing.", "should be"),
        ("fix", "dscores /= len(X)", "nothing"),
    ],
)
def test_a_hint_says_as_much_as_is_asked_for(graded, level, contained, kept_back):
    found = graded(WRONG, hint=level, budget=10)
    assert contained in found.hint
    assert contained in found.message
    assert kept_back not in found.hint
    assert found.report.findings[0].cause == "divisor_missing"
    assert graded(RIGHT, hint=level).hint == ""


def test_without_a_hint_nothing_is_said_of_the_mistake(graded):
    found = graded(WRONG, hint=None)
    assert found.hint == ""
    assert found.message.split("\n") == [
        f"The gradient with respect to {name} is wrong." for name in "Wb"
    ]


def test_a_missing_or_odd_gradient_takes_nothing_from_the_others(graded):
    for code, words in [
        (RIGHT.replace(', "b": dscores.sum(axis=0, keepdims=True)', ""), "none for b"),
        (RIGHT.replace("dscores.sum(axis=0, keepdims=True)", "None"), "None as the gradient of b"),
        (RIGHT.replace("dscores.sum(axis=0, keepdims=True)", "'db'"), "str as the gradient of b"),
        (RIGHT.replace("dscores.sum(axis=0, keepdims=True)", "[[], [1]]"), "b"),
        (RIGHT.replace("dscores.sum(axis=0, keepdims=True)", "b * np.nan"), "NaN"),
        (RIGHT.replace(", keepdims=True)}", ")}"), "shape"),
        (
            RIGHT.replace("True)}", "True).astype(object)}"),
            "object as the gradient of b: convert it to an array of numbers by .astype(float).",
        ),
    ]:
        found = graded(code)
        assert found.gradients[0].status == "right", found.message
        assert found.gradients[1].status in ("failed", "wrong")
        assert words in found.gradients[1].message
        assert found.score == 1


def test_an_odd_gradient_hides_no_mistake_of_the_others(graded):
    code = WRONG.replace("dscores.sum(axis=0, keepdims=True)", "'db'")
    found = graded(code, ("W", "b"), budget=10)
    assert statuses(found) == ["wrong", "failed"]
    assert found.report.findings[0].cause == "divisor_missing"
    assert "Look at dscores" in found.hint


@pytest.mark.parametrize("one", ["5.0", "dW", "b", "[dW]"])
def test_one_array_for_several_gradients_is_graded(graded, one):
    code = RIGHT.replace('return {"W": ', "dW = ").replace(
        ', "b": dscores.sum(axis=0, keepdims=True)}', f"\n    return {one}"
    )
    found = graded(code)
    assert not found.ok
    assert found.gradients[1].status in ("wrong", "failed")


def test_a_submission_that_is_partly_right_is_told_apart(graded):
    odd = RIGHT.replace("dscores.sum(axis=0, keepdims=True)", "None")
    points = {"W": 3, "b": 1}
    summary = summarise({
        "ada": graded(odd, points=points),
        "ben": graded("", points=points),
        "cid": graded(RIGHT, points=points),
    })  # fmt: skip
    assert summary.count == 3
    assert [name for name, _ in summary.partial] == ["ada"]
    assert [name for name, _ in summary.failed] == ["ben"]
    assert "3 submissions: 1 right, 1 partly right, 1 without" in str(summary)
    assert "1 x partly right\n\nada: gradients returned None as the gradient of b." in str(summary)
    assert json.loads(summary.json())["partial"][0]["submission"] == "ada"


def test_a_grade_is_printed_in_a_few_lines(graded):
    assert str(graded(WRONG, points={"W": 3, "b": 1})).split("\n")[:2] == [
        "0 of 4 points", "The gradient with respect to W is wrong."]  # fmt: skip
    assert str(graded("")) == (
        "0 of 2 points\nThere is no function `gradients` in the submission.")  # fmt: skip


def test_other_names_and_notebooks_are_graded(graded):
    cells = ["%matplotlib inline\nimport numpy as np", "1 / 0", RIGHT, "assert False", "x = ("]
    notebook = {"cells": [{"cell_type": "code", "source": cell} for cell in cells]}
    assert graded(json.dumps(notebook), name="ada.ipynb").ok
    renamed = RIGHT.replace("def gradients", "def my_gradients")
    assert graded(renamed, function=":my_gradients").ok
    wrong = [cells[0], "1 / 0", WRONG]
    notebook = {"cells": [{"cell_type": "code", "source": cell} for cell in wrong]}
    found = graded(json.dumps(notebook), name="ada.ipynb", budget=10)
    assert "(line 7)" in found.hint
    assert "cannot be read" in graded("{", name="ada.ipynb").message


@pytest.mark.parametrize("name", READABLE)
def test_what_python_reads_is_graded(tmp_path, name):
    path = tmp_path / "ada.py"
    path.write_bytes(READABLE[name] + RIGHT.encode())
    assert grade(loss, path, ("W", "b"), budget=0, **INPUTS).ok
    notebook = {"cells": [{"cell_type": "code", "source": RIGHT}]}
    path = tmp_path / "ada.ipynb"
    path.write_text(json.dumps(notebook), "utf-8-sig")
    assert grade(loss, path, ("W", "b"), budget=0, **INPUTS).ok


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_python_cannot_read_is_told_with_its_line(tmp_path, name):
    begin, words = UNREADABLE[name]
    path = tmp_path / "ada.py"
    path.write_bytes(begin + RIGHT.encode())
    found = grade(loss, path, ("W", "b"), **INPUTS)
    assert statuses(found) == ["failed", "failed"]
    assert f"ada.py, line {words}" in found.message


def test_a_function_is_graded_by_its_source():
    def helper(array):
        return array.sum(axis=1, keepdims=True)

    def gradients(W, b, X, y, reg):
        probs = np.exp(X @ W + b)
        probs /= helper(probs)
        probs[range(len(X)), y] -= 1
        return {"W": X.T @ probs / len(X) + reg * W, "b": probs.mean(axis=0, keepdims=True)}

    assert grade(loss, gradients, ("W", "b"), **INPUTS).ok
    found = grade(loss, lambda W: sys.modules[W], "W", budget=0, **INPUTS)
    assert statuses(found) == ["failed"]
    uses = object()
    found = grade(loss, lambda W: uses, "W", budget=0, **INPUTS)
    assert "`uses`, which is used, cannot be written down" in found.message


# --- what goes wrong ---


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("", "There is no function `gradients` in the submission."),
        ("def gradients(:\n", "ada.py, line 1: SyntaxError:"),
        ("import sys\nsys.exit(3)\n", "ada.py, line 2: SystemExit: 3."),
        (before("undefined"), "ada.py, line 4, in gradients: NameError: name 'undefined'"),
        (before("import sys; sys.exit()"), "ada.py, line 4, in gradients: SystemExit."),
        (before("import os; os._exit(0)"), "process of the submission ended (exit status 0)"),
        (before("input()"), "in gradients: EOFError"),
        (before("gradients(W, b, X, y, reg)"), "RecursionError"),
        (returning("None"), "`gradients` returned None: is `return` missing?"),
        (returning("'dW'"), "`gradients` returned a str: return the gradients as arrays"),
        (returning("object()"), "`gradients` returned an object: return the gradients"),
        (returning("{1.5}"), "`gradients` returned a set: return the gradients"),
        (returning("np.array([W, b], object)"), "array of dtype=object: convert it"),
        (RIGHT.replace("def ", "async def "), "returned a coroutine: write `def` instead of"),
        (before("yield"), "returned a generator: write `return` instead of `yield`"),
        (
            before("yield").replace("def ", "async def ").replace("return", "yield"),
            "returned an async_generator: write `def`",
        ),
        (
            RIGHT.replace("def gradients", "def grad"),
            "no function `gradients` in the submission, only `grad`.",
        ),
        (
            "gradients = 3\ndef help(): 0\n" + RIGHT.replace("def gradients", "def grad"),
            "only `help`, `grad`.",
        ),
        (RIGHT.replace("(W, b, X, y, reg)", "(W, b, X, y, reg, cache)"), "cache"),
        (before("open('/etc/hostname')"), "PermissionError: a submission may not open"),
        (before("import subprocess; subprocess.run(['ls'])"), "may not call subprocess.Popen"),
        (before("import os; os.kill(os.getppid(), 9)"), "may not call os.kill"),
    ],
)
def test_what_fails_has_a_message_and_no_points(graded, code, words):
    found = graded(code)
    assert statuses(found) == ["failed", "failed"]
    assert (found.score, found.max_score) == (0, 2)
    assert words in found.message
    assert len(found.message.splitlines()) == 1
    assert json.loads(found.json())["report"] is None
    assert found.gradescope()["tests"][0]["score"] == 0


@pytest.mark.skipif(os.name == "nt", reason="a process that is killed has no signal there")
def test_a_crash_is_told(graded):
    found = graded(before("import os, signal; os.abort()"))
    assert "process of the submission ended (SIGABRT)" in found.message


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit the memory")
def test_memory_is_limited(graded):
    found = graded(before("np.ones(10**10)"), memory=1000)
    assert "MemoryError" in found.message


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass\n",
        before("while True: pass"),
        before("import itertools; sum(itertools.repeat(0))"),  # a loop in C
        before("while True: print('more')"),
        before("import threading, time; threading.Thread(target=time.sleep, args=[99]).start(); "
               "time.sleep(99)"),
    ],
    ids=["loading", "Python", "C", "printing", "threads"],
)  # fmt: skip
def test_what_never_ends_is_ended(graded, code):
    found = graded(code, timeout=0.4)
    assert statuses(found) == ["timeout", "timeout"]
    assert found.message == "The submission did not end within 0.4 s."


def test_what_is_printed_is_kept_and_cut(graded):
    assert graded(before("print('héllo')")).output.startswith("héllo\nhéllo")
    long = graded(before("print('x' * 10**5)")).output
    assert len(long) < 10**4


@pytest.mark.skipif(os.name == "nt", reason="the pipe has another number there")
def test_an_answer_that_is_forged_is_no_result(graded):
    """A submission may find the pipe by which it answers; only arrays come through."""
    for answer in ("{", "[]", '{"result": {"array": ["O", [1], ""]}}'):
        found = graded(before(f"import os; os.write(4, b'{answer}\\n')"))
        assert statuses(found) == ["failed", "failed"]
        assert "an answer that cannot be read" in found.message


# --- the guard ---


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_finite_differences_score_nothing(graded, name):
    found = graded(MEASUREMENTS[name])
    assert statuses(found) == ["refused", "refused"]
    assert found.score == 0
    assert "finite differences" in found.message


def test_only_the_gradient_that_is_measured_is_refused(graded):
    code = MEASUREMENTS["in place"] + RIGHT.replace("def gradients", "def exact")
    code += """
measure = gradients
def gradients(W, b, X, y, reg):
    return {"W": measure(W, b, X, y, reg)["W"], "b": exact(W, b, X, y, reg)["b"]}
"""
    code = code.replace('        "b": slope(lambda b: loss(W, b, X, y, reg), b),\n', "")
    assert statuses(graded(code)) == ["refused", "right"]


@pytest.mark.parametrize(
    "code",
    [
        "from tinygrad_softmax import value_and_grad\n" + LOSS
        + "def gradients(**inputs):\n"
          "    return value_and_grad(loss, wrt=('W', 'b'))(**inputs)[1]\n",
        "import tinygrad_softmax as tg\n" + LOSS
        + "derived = tg.derive(loss, ('W', 'b'))\n"
          "def gradients(**inputs):\n    return derived(**inputs)\n",
        "import torch\n" + before("W = torch.tensor(W)"),
        "import jax.numpy as jnp\n" + RIGHT.replace("np.exp", "jnp.exp"),
        "import jax\n" + RIGHT.replace("def ", "@jax.jit\ndef "),
        before("from autograd import grad; grad(W)"),
        "from autograd import grad\n" + before("try: grad(W)\n    except Exception: pass"),
        "import importlib\n" + before("importlib.import_module('torch').tensor(W)"),
    ],
    ids=["own", "derived", "torch", "jax.numpy", "decorator", "inside", "caught", "importlib"],
)  # fmt: skip
def test_automatic_differentiation_scores_nothing(graded, code):
    found = graded(code)
    assert statuses(found) == ["refused", "refused"], found.message
    assert "differentiates by itself" in found.message


def test_patching_numpy_or_the_package_changes_nothing_here(graded):
    patched = WRONG + (
        "np.allclose = np.array_equal = lambda *a, **k: True\n"
        "np.abs = np.max = np.any = lambda *a, **k: 0.0\n"
        "import sys\nsys.modules['tinygrad_softmax.checker.truth'] = None\n"
    )
    assert statuses(graded(patched)) == ["wrong", "wrong"]
    assert np.allclose(1, 2) is False


# --- the assignment's own faults are no student's ---


def test_a_wrong_assignment_is_an_error(tmp_path):
    path = tmp_path / "ada.py"
    path.write_text(RIGHT, "utf-8")
    with raises(TypeError, "which gradients are asked for"):
        grade(loss, path, **INPUTS)
    with raises(TypeError, "V"):
        grade(loss, path, "V", **INPUTS)
    with raises(ValueError, "points is for W, and wrt for W, b"):
        grade(loss, path, ("W", "b"), points={"W": 1}, **INPUTS)
    for score in (-1, np.nan, np.inf, "2", None):
        with raises(ValueError, f"points['W'] is {score!r}: give a number that is 0 or larger"):
            grade(loss, path, points={"W": score}, **INPUTS)
    for option in ("timeout", "memory"):
        for number in (0, -1):
            with raises(ValueError, f"{option} is {number}: give a number that is larger than 0"):
                grade(loss, path, "W", **{option: number}, **INPUTS)
    with raises(ValueError, "budget is -1"):
        grade(loss, path, "W", budget=-1, **INPUTS)
    with raises(ValueError, "hint='all'"):
        grade(loss, path, "W", hint="all", **INPUTS)
    with raises(TypeError, "inputs of loss are missing: reg; pass them by name, as reg=reg"):
        grade(loss, path, "W", **{n: v for n, v in INPUTS.items() if n != "reg"})
    missing = grade(loss, tmp_path / "nobody.py", "W", **INPUTS)
    assert missing.message == "There is no file nobody.py."
    assert (missing.score, missing.max_score) == (0, 1)
    with raises(ValueError, "is no submission"):
        grade(loss, tmp_path / "ada.txt", "W", **INPUTS)
    before_ = {n: np.copy(v) for n, v in INPUTS.items()}
    grade(loss, path, "W", **INPUTS)
    assert all(np.array_equal(INPUTS[n], v) for n, v in before_.items())


def test_a_loss_of_methods_or_dicts_is_graded(tmp_path):
    def nested(params, x):
        return np.sum(params["w"] ** 2 * x) + np.sum(params["v"])

    code = """
import numpy as np
def gradients(params, x):
    return {"w": 2 * params["w"] * x, "v": %s}
"""
    path = tmp_path / "ada.py"
    inputs = {"params": {"w": np.ones(3), "v": np.ones(2)}, "x": np.arange(3.0)}
    for v, status in (("np.ones(2)", "right"), ("np.zeros(2)", "wrong")):
        path.write_text(code % v, "utf-8")
        found = grade(nested, path, "params", budget=0, **inputs)
        assert statuses(found) == [status]


# --- what Gradescope reads ---


def test_the_results_are_those_of_gradescope(graded):
    found = graded(RIGHT.replace(" + reg * W", ""), points={"W": 3, "b": 1})
    results = found.gradescope()
    assert json.loads(json.dumps(results)) == results
    assert {"tests", "output", "visibility", "stdout_visibility"} == results.keys()
    assert [(t["score"], t["max_score"], t["status"]) for t in results["tests"]] == [
        (0, 3, "failed"), (1, 1, "passed")]  # fmt: skip
    allowed = {"score", "max_score", "status", "name", "output", "visibility"}
    for test in results["tests"]:
        assert test.keys() <= allowed
        assert test["visibility"] in ("hidden", "after_due_date", "after_published", "visible")


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib is not installed")
def test_a_library_that_only_draws_may_be_imported(graded):
    assert graded("import matplotlib.pyplot as plt\nplt.plot([1])\nplt.show()\n" + RIGHT).ok
