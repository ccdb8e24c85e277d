"""The command line says of the user's own functions what the library says of them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_softmax as tg
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
"""
INPUTS = ("W=2x3", "b=1x3", "X=7x2", "y=7:3", "reg=1e-3")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(LOSS, "utf-8")
    return path


def run(capsys, *arguments):
    assert main(arguments) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def refused(capsys, *arguments):
    assert main(arguments) == 2
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
    call = ("check", f"{file}:loss", f"{file}:gradients", *INPUTS, "--wrt", "W,b")
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
        (("mine.py", *INPUTS), "names no function: write module:function"),
        (("{file}:loss", "W=2x3"), "b, X, y not given: add b=SHAPE X=SHAPE y=SHAPE"),
        (("{file}:loss", "W"), "'W' is no input: write NAME=300x2"),
        (("{file}:loss", "W=two"), "'two' is neither a shape"),
        (("{file}:missing", *INPUTS), "missing"),
        (("nowhere.py:loss", *INPUTS), "nowhere.py"),
        (("no_such_module:loss", *INPUTS), "no_such_module"),
        (("{file}:loss", "W=2x4", *INPUTS[1:]), "broadcast"),
    ],
)
def test_what_cannot_be_understood_is_said(file, capsys, arguments, words):
    filled = [a.format(file=file) for a in arguments]
    assert words in refused(capsys, "derive", *filled)


def test_the_module_can_be_run(file):
    command = [sys.executable, "-W", "error", "-m", "tinygrad_softmax", "derive", f"{file}:loss"]
    done = subprocess.run(
        [*command, *INPUTS], cwd=ROOT, capture_output=True, text=True, check=False
    )
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
