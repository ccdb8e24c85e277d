"""The command line says of the user's own functions what the library says of them."""

import json
import os
import subprocess
import sys
import tempfile
import webbrowser
from pathlib import Path

import numpy as np
import pytest

import tinygrad_softmax as tg
from tests.encodings import READABLE, UNREADABLE
from tinygrad_softmax.commands import main

ROOT = Path(__file__).parents[1]
LOSS = """
import numpy as np

def loss(W, b, X, y, reg=0.1):
    scores = X @ W + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    return -np.mean(np.log(probs[range(len(X)), y])) + 0.5 * reg * np.sum(W * W)

def vector(w, x):
    return np.sum(np.exp(w) * x)

def gradients(W, b, X, y, reg=0.1):
    scores = X @ W + b
    exp_scores = np.exp(scores)
    dscores = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores[range(len(X)), y] -= 1
    return {"W": X.T @ dscores / len(X), "b": dscores.sum(axis=0, keepdims=True) / len(X)}

def draw():
    return {"w": np.ones(3), "x": np.arange(3.0)}

given = draw()
a_list = [1]
"""
INPUTS = ("W=2x3", "b=1x3", "X=7x2", "y=7:3", "reg=1e-3")
#: Seconds that no machine needs for a repair.
AMPLE = ("--budget", "600")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(LOSS, "utf-8")
    return path


def run(capsys, *arguments):
    assert main(arguments) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def refused(capsys, *arguments, status=2):
    assert main(arguments) == status
    out, err = capsys.readouterr()
    assert not out
    return err


def test_a_loss_in_a_file_is_derived(file, capsys):
    source = run(capsys, "derive", f"{file}:loss", *INPUTS, "--wrt", "W,b", "--format", "source")
    assert "dW = X.T @ dscores + reg * W" in source
    assert "db = np.sum(dscores, axis=0, keepdims=True)" in source
    compile(source, "derived", "exec")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), "The gradient of loss with respect to W"),
        (("--format", "markdown"), "# The gradient of `loss` with respect to `W`"),
        (("--format", "latex"), r"\section*{The gradient of \texttt{loss} with respect to"),
        (("--stable",), "shifted_scores"),
        (("--seed", "3"), "dscores"),
    ],
)
def test_a_derivation_comes_in_every_form(file, capsys, options, expected):
    assert expected in run(capsys, "derive", f"{file}:loss", *INPUTS, *options)


def test_a_gradient_is_checked(file, capsys):
    call = ("check", f"{file}:loss", f"{file}:gradients", *INPUTS, *AMPLE, "--wrt", "W,b")
    assert main(call) == 1
    assert "the term `reg * W` is missing" in capsys.readouterr().out
    assert "right" in run(capsys, *call[:-1], "b")


@pytest.mark.parametrize("form", ["text", "markdown", "latex"])
def test_a_loss_is_explained(file, capsys, form):
    printed = run(capsys, "explain", f"{file}:loss", *INPUTS, "--wrt", "W,b", "--format", form)
    assert "contributions" in printed


def test_a_default_may_be_left_out_and_a_module_named(tmp_path, file, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    assert "dscores" in run(capsys, "derive", "mine:loss", *INPUTS[:-1])
    monkeypatch.delitem(sys.modules, "mine")


def test_inputs_come_from_python_or_a_file(file, tmp_path, capsys):
    for source in ("draw", "given"):
        printed = run(capsys, "derive", f"{file}:vector", "--inputs", f"{file}:{source}")
        assert "np.exp(w)" in printed
    np.save(tmp_path / "x.npy", np.ones(5))
    assert "dw" in run(capsys, "derive", f"{file}:vector", "w=5x", f"x={tmp_path / 'x.npy'}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("mine", *INPUTS), "names no function: write file.py:function"),
        (("nowhere.py", *INPUTS), "there is no file nowhere.py"),
        (("{file}:loss", "W=2x3"), "b, X, y not given: add b=SHAPE X=SHAPE y=SHAPE"),
        (("{file}:loss", "W"), "'W' is no input: write NAME=300x2"),
        (("{file}:loss", "W=two"), "'two' is neither a shape"),
        (("{file}:loss", *INPUTS, "W=3x3"), "W is given twice, W=2x3 and W=3x3: keep one"),
        (("{file}:loss", "y=10:0"), "labels of no class: write y=10:3"),
        (("{file}:loss", "y=2x5:0"), "labels of no class: write y=2x5:3"),
        (("{file}:missing", *INPUTS), "no `missing`; its functions: loss, vector, gradients, draw"),
        (("nowhere.py:loss", *INPUTS), "nowhere.py"),
        (("no_such_module:loss", *INPUTS), "there is no module 'no_such_module'"),
        (
            ("{file}:loss", *INPUTS, "V=3x2"),
            "'V' is no input of the loss: W, b, X, y, reg",
        ),
        (("{file}:loss", *INPUTS, "lambda=1"), "a keyword of Python"),
        (("{file}:given", *INPUTS), "given is no function, but of type dict"),
        (("{file}:loss", *INPUTS, "--wrt", "V"), "V"),
        (("{file}:loss", *INPUTS, "--inputs", "nowhere.npz"), "nowhere.npz"),
        (("{file}:vector", "--inputs", "{file}:missing"), "no `missing`"),
        (("{file}:vector", "--inputs", "{file}:a_list"), "no dict of inputs, but of type list"),
    ],
)
def test_what_cannot_be_understood_is_said(file, capsys, arguments, words):
    filled = [a.format(file=file) for a in arguments]
    assert words in refused(capsys, "derive", *filled)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("derive",),
        ("draw", "{file}", *INPUTS),
        ("derive", "{file}", *INPUTS, "--nonsense"),
        ("derive", "{file}", *INPUTS, "--seed", "-1"),
        ("derive", "{file}", *INPUTS, "--seed", "1.5"),
        ("check", "{file}", *INPUTS, "--budget", "-1"),
        ("check", "{file}", *INPUTS, "--budget", "nan"),
        ("check", "{file}", *INPUTS, "--budget", "long"),
    ],
)
def test_wrong_arguments_are_refused(file, capsys, arguments):
    with pytest.raises(SystemExit) as left:
        main([a.format(file=file) for a in arguments])
    assert left.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"tinygrad-softmax {tg.__version__}\n"


@pytest.mark.parametrize("command", ["derive", "explain", "check", "draw", "exercise"])
def test_the_exit_status_is_documented(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    out = capsys.readouterr().out
    assert "exit status:" in out
    assert f"tinygrad-softmax {command} " in out


def test_a_file_stands_for_its_loss_and_gradients(file, capsys):
    assert main(["check", str(file), *INPUTS, "--wrt", "W"]) == 1
    assert main(["check", str(file), f"{file}:gradients", *INPUTS, "--wrt", "b"]) == 0
    assert main(["check", str(file), "--wrt", "b", str(file), *INPUTS]) == 0  # any order
    file.write_text(
        "def loss(W, X):\n    return (W * X).sum(), 2 * X\n", "utf-8"
    )  # one function for both
    capsys.readouterr()
    assert main(["check", str(file), "W=2x3", "X=2x3", "--wrt", "W", *AMPLE]) == 1
    assert "`2` does not belong there" in capsys.readouterr().out


def test_arrays_come_from_an_archive(file, tmp_path, capsys):
    archive = tmp_path / "data.npz"
    np.savez(archive, w=np.ones(5), x=np.ones(5), more=np.ones(2))
    call = ("derive", f"{file}:vector")
    assert "dw" in run(capsys, *call, f"w={archive}", f"x={archive}:w")
    assert main([*call, "--inputs", str(archive)]) == 0
    out, err = capsys.readouterr()
    assert "dw" in out
    assert "left out: more" in err
    error = refused(capsys, *call, "w=5x", f"x={archive}:X")
    assert "has no array 'X', but w, x, more" in error


def test_files_without_an_array_of_numbers_are_refused(file, tmp_path, capsys):
    numbers = tmp_path / "numbers.npz"
    np.savez(numbers, w=np.ones(5), x=np.array(["a", "b"]), more=np.array([{}, None]))
    arrays = tmp_path / "objects.npy", tmp_path / "words.npy", tmp_path / "text.npy"
    np.save(arrays[0], np.array([{}, 1.0], object))
    np.save(arrays[1], np.array(["a", "b"]))
    arrays[2].write_text("1 2 3\n")
    (tmp_path / "empty.npy").touch()
    (tmp_path / "broken.npy").write_bytes(arrays[1].read_bytes()[:-4])
    (tmp_path / "broken.npz").write_bytes(numbers.read_bytes()[:99])
    (tmp_path / "one.npz").write_bytes(arrays[1].read_bytes())
    call = ("derive", f"{file}:vector", "w=5x")
    for path in (*arrays, tmp_path / "empty.npy", tmp_path / "broken.npy", f"{numbers}:x"):
        error = refused(capsys, *call, f"x={path}")
        assert f"{path} is not an array of numbers: save one" in error
        assert "pickle" not in error
    for name in ("broken", "one"):
        error = refused(capsys, *call, f"x={tmp_path / name}.npz")
        assert f"{name}.npz is not an archive of arrays" in error
    assert "No such file" in refused(capsys, *call, "x=nowhere.npy")
    error = refused(capsys, *call[:2], "--inputs", str(numbers))
    assert f"{numbers}:x is not an array of numbers" in error
    assert "dw" in run(capsys, *call, f"x={numbers}:w")  # what is not asked for is not read


@pytest.mark.parametrize(("seconds", "is_found"), [("0", False), ("20", True)])
def test_the_time_for_a_repair_is_given(file, capsys, seconds, is_found):
    assert main(["check", str(file), *INPUTS, "--wrt", "W", "--budget", seconds]) == 1
    assert ("the term `reg * W` is missing" in capsys.readouterr().out) is is_found


@pytest.mark.parametrize(
    ("code", "place"),
    [
        ("raise KeyboardInterrupt\n", "mine.py, line 1"),
        ("def loss(W):\n    raise KeyboardInterrupt\n", "mine.py, line 2, in loss"),
        ("def gradients(W):\n    raise KeyboardInterrupt\ndef loss(W):\n    return W.sum()\n",
         "mine.py, line 2, in gradients"),
        ("def inputs():\n    raise KeyboardInterrupt\ndef loss(W):\n    return W.sum()\n",
         "mine.py, line 2, in inputs"),
    ],
)  # fmt: skip
def test_an_interruption_is_one_line(file, capsys, monkeypatch, code, place):
    monkeypatch.chdir(file.parent)
    file.write_text(code, "utf-8")
    more = () if "inputs" in code else ("W=2x3",)
    error = refused(capsys, "check", "mine.py", *more, status=130)
    assert error == f"interrupted in {place}\n"


def test_results_come_as_json(file, capsys):
    call = (str(file), *INPUTS, "--wrt", "W,b", "--json")
    derived = json.loads(run(capsys, "derive", *call))
    assert derived["wrt"] == ["W", "b"]
    assert "def gradients(" in derived["source"]
    explained = json.loads(run(capsys, "explain", *call))
    assert [line["name"] for line in explained["lines"]][-2:] == ["dW", "db"]
    assert {"result", "operand", "sentence"} <= explained["arrows"][0].keys()
    assert main(["check", *call, *AMPLE]) == 1
    report = json.loads(capsys.readouterr().out)
    assert not report["ok"]
    assert report["findings"][0]["cause"] == "term_missing"
    exercises = json.loads(run(capsys, "exercise", *call, "--most", "2"))
    assert [exercise.keys() for exercise in exercises] == [{"source"}] * 2


def test_what_the_code_prints_is_no_part_of_the_result(file, capsys):
    file.write_text(f"print('loaded')\n{LOSS}", "utf-8")
    assert main(["derive", str(file), *INPUTS, "--json"]) == 0
    out, err = capsys.readouterr()
    json.loads(out)
    assert err == "loaded\n"  # once


def test_exercises_are_seeded_and_keep_the_answer(file, capsys):
    call = ("exercise", str(file), *INPUTS, "--most", "3", "--seed")
    printed = run(capsys, *call, "7")
    assert printed.count("def gradients(") == 3
    assert "# Exercise 3" in printed
    assert "Answer" not in printed
    assert printed == run(capsys, *call, "7")
    answered = run(capsys, *call, "7", "--answers")
    assert answered.count("# Answer: ") == 3
    compile(answered, "exercises", "exec")
    assert "--most 0" in refused(capsys, "exercise", str(file), *INPUTS, "--most", "0")


def test_a_gradient_for_one_size_only_is_no_exercise(file, tmp_path, capsys):
    file.write_text("def loss(w, X):\n    return sum((row @ w) ** 2 for row in X)\n", "utf-8")
    for more in ((), ("-o", str(tmp_path / "sheet.ipynb"))):
        error = refused(capsys, "exercise", str(file), "w=3x", "X=12x3", *more)
        assert "can be derived for inputs of these sizes only: " in error
    assert [*tmp_path.glob("*.ipynb")] == []


def test_a_sheet_is_written_with_its_key(file, tmp_path, capsys):
    sheet = tmp_path / "sheet.ipynb"
    call = ("exercise", str(file), *INPUTS, "--wrt", "W,b", "--seed", "7", "-o", str(sheet))
    printed = run(capsys, *call, "--level", "3")
    files = [tmp_path / f"sheet{ending}" for ending in (".ipynb", ".student.ipynb", ".key.json")]
    assert [line.partition(": ")[0] for line in printed.splitlines()] == [*map(str, files)]
    texts = [path.read_text("utf-8") for path in files]
    assert ["HIDDEN" in text for text in texts] == [True, False, False]
    assert json.loads(texts[2])["level"] == 3
    assert f"{files[0]} exists already" in refused(capsys, *call)
    files[0].unlink()
    assert f"{files[1]} exists already" in refused(capsys, *call)
    call += ("--force",)
    run(capsys, *call, "--level", "3")
    assert [path.read_text("utf-8") for path in files] == texts
    run(capsys, *call)
    assert json.loads(files[2].read_text("utf-8"))["level"] == 1
    assert main([*call, "--most", "99"]) == 0
    assert "fewer than asked for" in capsys.readouterr().err
    assert "--answers and --json are for printing" in refused(capsys, *call, "--answers")
    assert "is no notebook: name it sheet.ipynb" in refused(capsys, *call[:-2], "sheet.py")
    assert "--level is for a notebook" in refused(capsys, *call[:-3], "--level", "1")


def test_inputs_in_the_file_of_the_loss_are_used_for_what_is_not_given(file, capsys):
    call = ("derive", f"{file}:vector", "--format", "source")
    for code in (
        "inputs = {'w': np.ones(3), 'x': np.ones(3), 'other': 1}",
        "def inputs():\n    print('made')\n    return {'w': np.ones(3), 'x': np.ones(3)}",
    ):
        file.write_text(f"{LOSS}\n{code}\n", "utf-8")
        assert "dw = x * exp_w" in run(capsys, *call)
        assert "dw = x * exp_w" in run(capsys, *call, "w=5x", "x=5x")
    for code in ("inputs = [1]", "def inputs(n):\n    return {}", "inputs = {'w': np.ones(3)}"):
        file.write_text(f"{LOSS}\n{code}\n", "utf-8")
        assert "x not given" in refused(capsys, *call, "w=3x")


CLASSES = """
import numpy as np

class Model:
    made = 0

    def __init__(self):
        Model.made += 1
        self.W = np.arange(6.0).reshape(2, 3) / 5

    def loss(self, X, y):
        scores = X @ self.W
        self.probs = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        return -np.mean(np.log(self.probs[range(len(X)), y]))

    def gradients(self, X, y):
        assert Model.made == 1
        dscores = self.probs
        dscores[range(len(X)), y] -= 1
        return {"W": X.T @ dscores / len(X)}

    def wrong(self, X, y):
        return {"W": -self.gradients(X, y)["W"]}

    @staticmethod
    def plain(x):
        return np.sum(x**2)

    class Inner:
        def loss(self, x):
            return np.sum(x**3)

class Scaled:
    def __init__(self, scale):
        self.scale = scale

    def loss(self, x):
        return self.scale * np.sum(x**2)

class Fails:
    def __init__(self):
        self.W = undefined

    def loss(self, x):
        return x.sum()

scaled = Scaled(3.0)
"""


def test_a_method_is_named_by_its_class_or_instance(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("models_of_mine.py").write_text(CLASSES, "utf-8")
    for place in ("models_of_mine.py", "models_of_mine"):
        monkeypatch.delitem(sys.modules, "models_of_mine", raising=False)
        loss = f"{place}:Model.loss"
        sizes = ("X=7x2", "y=7:3")
        assert main(["check", loss, f"{place}:Model.gradients", *sizes]) == 0
        monkeypatch.delitem(sys.modules, "models_of_mine", raising=False)
        assert main(["check", loss, f"{place}:Model.wrong", *sizes, "--wrt", "W"]) == 1
        source = ("x=4x", "--format", "source")
        assert "dx = 2 * x" in run(capsys, "derive", f"{place}:Model.plain", *source)
        assert "dx = 3 * x ** 2" in run(capsys, "derive", f"{place}:Model.Inner.loss", *source)
        assert "dx = 6 * x" in run(capsys, "derive", f"{place}:scaled.loss", *source)
        error = refused(capsys, "derive", f"{place}:Scaled.loss", "x=4x")
        assert "Scaled needs arguments. Create an instance in the file, `m = Scaled(...)`" in error
        assert f"`{place}:m.loss`" in error
        error = refused(capsys, "derive", f"{place}:Model.lose", "x=4x")
        assert "`Model` in" in error
        assert "has no `lose`" in error
        error = refused(capsys, "derive", f"{place}:Fails.loss", "x=4x", status=3)
        assert "NameError" in error
    monkeypatch.delitem(sys.modules, "models_of_mine", raising=False)


def test_fewer_exercises_than_asked_for_are_told(file, capsys):
    file.write_text("def loss(x):\n    return x.sum()\n", "utf-8")
    assert main(["exercise", str(file), "x=3x", "--most", "100"]) == 0
    assert "fewer than asked for" in capsys.readouterr().err


@pytest.mark.parametrize(("ending", "begins"), [("svg", "<svg"), ("html", "<!doctype html")])
def test_a_loss_is_drawn(file, tmp_path, capsys, ending, begins):
    picture = tmp_path / f"graph.{ending}"
    assert run(capsys, "draw", str(file), *INPUTS, "-o", str(picture)) == f"{picture}\n"
    assert picture.read_text("utf-8").lower().startswith(begins)


def test_a_picture_of_no_known_kind_is_refused(file, tmp_path, capsys):
    assert ".svg" in refused(capsys, "draw", str(file), *INPUTS, "-o", str(tmp_path / "graph.png"))


# The user's code fails.


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("x = 1\ndef loss(W:\n", "mine.py, line 2: SyntaxError:"),
        ("def loss(W):\nreturn W\n", "mine.py, line 2: IndentationError:"),
        ("x = b'\\xff'.decode()\n", "mine.py, line 1: UnicodeDecodeError:"),
        ("import not_installed_here\n", "mine.py, line 1: ModuleNotFoundError:"),
        ("raise SystemExit('no data')\n", "mine.py, line 1: SystemExit: no data"),
        ("def loss(W):\n    return W.nothing\n", "mine.py, line 2, in loss: AttributeError:"),
        ("def loss(W):\n    assert W.ndim == 1, W.shape\n", "in loss: AssertionError: (2, 3)"),
        ("def loss(W):\n    exit(5)\n", "SystemExit: 5"),
    ],
)
@pytest.mark.parametrize("command", ["derive", "explain", "check"])
def test_code_that_fails_is_told_with_its_line(file, capsys, monkeypatch, command, code, words):
    monkeypatch.chdir(file.parent)
    file.write_text(f"{code}\ndef gradients(W):\n    return W\n", "utf-8")
    err = refused(capsys, command, "mine.py:loss", "W=2x3", status=3)
    assert words in err
    assert "Traceback" not in err
    assert len(err.splitlines()) <= 2


@pytest.mark.parametrize("name", READABLE)
def test_a_file_is_read_in_its_encoding(file, capsys, name):
    file.write_bytes(READABLE[name] + LOSS.encode())
    assert main(["check", str(file), *INPUTS, "--wrt", "W", *AMPLE]) == 1
    assert "the term `reg * W` is missing" in capsys.readouterr().out


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_python_cannot_read_is_told_with_its_line(file, capsys, name):
    begin, words = UNREADABLE[name]
    file.write_bytes(begin + LOSS.encode())
    assert f"mine.py, line {words}" in refused(capsys, "derive", str(file), *INPUTS, status=3)


def test_a_failing_gradient_or_input_is_told(file, capsys):
    failing = "\ndef failing(*args, **inputs):\n    return undefined\n"
    file.write_text(LOSS + failing, "utf-8")
    call = ("check", f"{file}:loss", f"{file}:failing", *INPUTS, "--wrt", "W")
    assert "in failing: NameError" in refused(capsys, *call, status=3)
    call = ("derive", f"{file}:loss", "--inputs", f"{file}:failing")
    assert "in failing: NameError" in refused(capsys, *call, status=3)


def test_a_module_that_fails_on_import_is_told(file, capsys, monkeypatch):
    monkeypatch.chdir(file.parent)
    Path("fails_on_import.py").write_text("import not_installed_here\n", "utf-8")
    err = refused(capsys, "derive", "fails_on_import:loss", "W=2x3", status=3)
    assert "fails_on_import.py, line 1: ModuleNotFoundError" in err


def test_a_module_with_a_null_byte_is_told(file, capsys, monkeypatch):
    monkeypatch.chdir(file.parent)
    Path("has_a_null_byte.py").write_bytes(b"x = 1\0\n")
    err = refused(capsys, "derive", "has_a_null_byte:loss", "W=2x3", status=3)
    assert "has_a_null_byte cannot be imported: source code string cannot contain null" in err
    file.write_text("x = 1\nimport has_a_null_byte\n", "utf-8")
    err = refused(capsys, "derive", "mine.py", "W=2x3", status=3)
    assert "mine.py, line 2: " in err


def test_a_wrong_shape_fails_in_the_line_of_the_loss(file, capsys):
    err = refused(capsys, "derive", f"{file}:loss", "W=2x4", *INPUTS[1:], status=3)
    assert "in loss: ValueError:" in err
    assert "scores = X @ W + b" in err


def test_a_loss_that_runs_but_cannot_be_derived_is_no_failure_of_it(file, capsys):
    file.write_text(
        "def loss(x):\n    if x[0] > 100:\n        return x.sum()\n    return 2 * x.sum()\n",
        "utf-8",
    )
    assert "BranchError" in refused(capsys, "derive", str(file), "x=3x")


def test_a_file_may_import_its_neighbour_and_make_dataclasses(file, capsys):
    file.with_name("neighbour_of_mine.py").write_text("factor = 3.0\n", "utf-8")
    file.write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from neighbour_of_mine import factor\n"
        "@dataclass\nclass Options:\n    power: int = 2\n"
        "def loss(x):\n    return factor * (x * x).sum()\n",
        "utf-8",
    )
    before = [*sys.path]
    assert "dx = 6" in run(capsys, "derive", str(file), "x=3x", "--format", "source")
    assert sys.path == before


# Notebooks.


def notebook(path, *cells):
    """Write a notebook of code cells, with a text between them."""
    text = {"cell_type": "markdown", "metadata": {}, "source": ["# not *Python*"]}
    made = [{"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None,
             "source": cell.splitlines(keepends=True)} for cell in cells]  # fmt: skip
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [text, *made, text]}
    path.write_text(json.dumps(content), "utf-8")
    return str(path)


def test_a_notebook_is_checked(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("MPLBACKEND", raising=False)
    loss, gradients = LOSS.split("def gradients")
    place = notebook(
        tmp_path / "homework.ipynb",
        "%pylab\n!pip install it's\nimport math\nfiles = !ls\nmath.sqrt?\nx = (7\n  % 4)",
        "%%bash\nls | wc",
        "%%time\nif x == 3:\n    %load_ext autoreload\ndisplay(x)",
        loss,
        f"!echo a \\\n    b\ndef gradients{gradients}",
    )
    assert main(["check", place, *INPUTS, "--wrt", "W,b", *AMPLE]) == 1
    out, err = capsys.readouterr()
    assert "the term `reg * W` is missing" in out
    assert "(line 8)" in out
    assert "lines are counted in cell 5 of homework.ipynb" in err
    skipped = "%pylab; !pip install it's; files = !ls; math.sqrt?"
    for line in skipped.split("; "):
        assert line in err.partition("cell 2")[0]
    assert "% 4)" not in err
    assert "cell 2 of homework.ipynb: %%bash; ls | wc" in err
    assert "\n3\n" in err  # displayed
    assert main(["check", f"{place}:loss", f"{place}:gradients", *INPUTS, "--wrt", "b"]) == 0
    assert "MPLBACKEND" not in os.environ


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("x = 1\ny = (", "cell 1 of homework.ipynb, line 2: SyntaxError:"),
        ("x = 'is it?", "cell 1 of homework.ipynb, line 1: SyntaxError:"),
        ("x = 1\n1 / 0", "cell 1 of homework.ipynb, line 2: ZeroDivisionError:"),
    ],
)
def test_a_cell_that_fails_is_told(tmp_path, capsys, cell, words):
    place = notebook(tmp_path / "homework.ipynb", cell)
    assert words in refused(capsys, "derive", place, "W=2x3", status=3)


def test_a_file_that_is_no_notebook_is_refused(tmp_path, capsys):
    path = tmp_path / "homework.ipynb"
    for text in ("{", "[]", '{"worksheets": []}'):
        path.write_text(text, "utf-8")
        assert "no notebook of format 4" in refused(capsys, "derive", str(path), "W=2x3")
    place = notebook(path, "x = '\0'")
    assert "cell 1 of homework.ipynb has a null" in refused(capsys, "derive", place, "W=2x3")


def test_a_notebook_may_begin_with_a_byte_order_mark(tmp_path, capsys):
    path = tmp_path / "homework.ipynb"
    notebook(path, LOSS)
    path.write_text(path.read_text("utf-8"), "utf-8-sig")
    assert main(["check", str(path), *INPUTS, "--wrt", "b"]) == 0


# The explorable page.


def test_the_page_to_explore_is_written(file, tmp_path, capsys):
    path = tmp_path / "page.html"
    printed = run(capsys, "explore", f"{file}:loss", *INPUTS, "-o", str(path))
    assert printed == f"{path}\n"
    own = path.read_text("utf-8")
    assert own.startswith("<!DOCTYPE html>")
    run(capsys, "explore", "-o", str(path))
    assert len(path.read_text("utf-8")) > len(own)  # the 300 examples of the case study


@pytest.mark.parametrize("opens", [True, False])
def test_the_page_to_explore_is_opened_in_the_browser(tmp_path, capsys, monkeypatch, opens):
    addresses = []
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(webbrowser, "open", lambda uri: addresses.append(uri) or opens)
    assert main(["explore"]) == 0
    printed, noted = capsys.readouterr()
    (page,) = tmp_path.glob("explore-*.html")
    assert addresses == [page.as_uri()]
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert printed == f"{page}\n"
    assert ("no browser could be started" in noted) is not opens


def test_a_page_that_cannot_be_made_is_refused(file, tmp_path, capsys):
    error = refused(capsys, "explore", f"{file}:vector", "w=5x", "x=5x")
    assert "the explorable page shows the mean cross-entropy" in error
    assert "save it as .html" in refused(capsys, "explore", "-o", str(tmp_path / "page.svg"))


# The program.


def test_a_reader_that_stops_ends_it_quietly(file):
    command = [sys.executable, "-m", "tinygrad_softmax", "derive", str(file), *INPUTS]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_module_can_be_run(file):
    command = [sys.executable, "-W", "error", "-m", "tinygrad_softmax", "derive", f"{file}:loss"]
    done = subprocess.run(
        [*command, *INPUTS], cwd=ROOT, capture_output=True, encoding="utf-8", check=False,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "dscores[range(X.shape[0]), y] -= 1" in done.stdout


def test_the_exit_status_is_that_of_the_command(file, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["tinygrad_softmax", "derive", f"{file}:loss", *INPUTS])
    program = Path(tg.__file__).with_name("__main__.py")
    with pytest.raises(SystemExit) as left:
        exec(
            compile(program.read_text("utf-8"), str(program), "exec"),
            {"__name__": "__main__", "__package__": "tinygrad_softmax"},
        )
    assert left.value.code == 0
    assert "dscores" in capsys.readouterr().out


def test_the_functions_are_found_in_the_package():
    assert tg.explain.__module__.startswith("tinygrad_softmax.explanation")
    assert tg.Explanation.__name__ == "Explanation"
