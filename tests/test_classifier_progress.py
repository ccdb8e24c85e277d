"""A long training shows a bar to who watches, and to nobody and nothing else."""

import importlib
import io
import multiprocessing
import os
import subprocess
import sys
from contextlib import redirect_stderr
from functools import partial
from itertools import count
from types import SimpleNamespace

import pytest

from tinygrad_softmax import AnomalyError, SoftmaxClassifier
from tinygrad_softmax.classifier import progress
from tinygrad_softmax.datasets import case_study

X, y, LINEAR, _ = case_study()
pytestmark = pytest.mark.filterwarnings("ignore:.* did not converge")  # a few steps suffice here


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A terminal, and a clock by which every iteration takes a second."""
    tqdm = pytest.importorskip("tqdm", reason="the bar needs the extra `progress`")
    monkeypatch.setattr(tqdm.tqdm, "monitor_interval", 0)  # no thread that outlives the test
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=count().__next__))
    return Terminal()


def fit(stderr, **settings):
    """Train with this standard error; pytest puts its own there between fixture and test."""
    settings = {"max_iter": 5, "init": LINEAR, "step_size": 1.0} | settings
    with redirect_stderr(stderr):
        return SoftmaxClassifier(**settings).fit(X, y)


def test_a_bar_shows_the_loss_and_goes_away(terminal, capsys):
    curve = fit(terminal).loss_curve_
    shown = terminal.getvalue().split("\r")
    # Iteration i ends at i + 1 seconds, so the first drawn is that of number 1.
    for i, line in enumerate(shown[1:5], start=1):
        assert line.startswith("training: ")
        assert f" {i + 1}/5 [" in line
        assert f"loss {curve[i]:.6f}]" in line
    assert "[00:02<" in shown[1]
    assert not shown[5].strip(), "the line is wiped"
    assert shown[6:] == [""]
    assert capsys.readouterr().out == ""


def test_the_bar_is_drawn_ten_times_a_second_and_not_more(terminal, monkeypatch):
    ticks = (i / 100 for i in count())
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=ticks.__next__))
    fit(terminal, max_iter=250)
    drawn = terminal.getvalue().count("training:")
    assert 5 <= drawn <= 6, "half a second is left after the delay"


def test_the_callback_is_called_and_can_end_it(terminal):
    seen = []
    classifier = fit(terminal, callback=lambda i, loss, _: seen.append(i) or i == 3)
    assert seen == [0, 1, 2, 3]
    assert classifier.n_iter_ == 4
    assert terminal.getvalue().endswith(" \r")


@pytest.mark.parametrize("error", [AnomalyError, KeyboardInterrupt])
def test_an_error_takes_the_bar_away(terminal, error):
    def fail(iteration, loss, classifier):
        if iteration == 3:
            raise error

    with pytest.raises(error) as caught:
        fit(terminal, callback=fail)
    assert " 4/5 [" in terminal.getvalue()
    assert terminal.getvalue().endswith(" \r")
    assert caught, "which held the frames, so that no garbage collector can have closed the bar"


@pytest.mark.parametrize("verbose", [False, 0, True, 2])
def test_only_auto_draws(terminal, verbose):
    fit(terminal, verbose=verbose)
    assert terminal.getvalue() == ""


def refuse_to_import(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)


def be_a_worker(monkeypatch):
    worker = SimpleNamespace(name="LokyProcess-1")
    monkeypatch.setattr(multiprocessing, "current_process", lambda: worker)


def disable_tqdm(monkeypatch):
    """As TQDM_DISABLE=1 does, which is read when tqdm is imported."""
    auto = importlib.import_module("tqdm.auto")
    monkeypatch.setattr(auto, "tqdm", partial(auto.tqdm, disable=True))


def write_to_a_file(monkeypatch):
    monkeypatch.setattr(Terminal, "isatty", lambda self: False)


def be_quick(monkeypatch):
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: 0.0))


@pytest.mark.parametrize(
    "spoil", [refuse_to_import, be_a_worker, disable_tqdm, write_to_a_file, be_quick]
)
def test_it_is_quiet(terminal, monkeypatch, capsys, spoil):
    spoil(monkeypatch)
    assert fit(terminal).n_iter_ == 5
    assert terminal.getvalue() == ""
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("terminal")
def test_without_a_standard_error_it_is_quiet():
    assert fit(None).n_iter_ == 5  # as under pythonw


def test_it_is_asked_once_whether_somebody_watches(terminal, monkeypatch):
    asked = []
    monkeypatch.setattr(progress, "_is_watched", lambda: asked.append(True))
    fit(terminal, max_iter=20)
    assert asked == [True]


@pytest.mark.parametrize(("config", "shown"), [({"IPKernelApp": {}}, True), ({}, False)])
def test_a_notebook_counts_as_watched(terminal, monkeypatch, config, shown):
    """Its standard error is no terminal; what else IPython runs in, has one or is silent."""
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(config=config))
    monkeypatch.setitem(sys.modules, "IPython", shell)
    monkeypatch.setattr(terminal, "isatty", lambda: False)
    fit(terminal)
    assert ("training:" in terminal.getvalue()) == shown


def test_tqdm_is_not_imported_for_a_quick_training():
    program = """
import sys
from tinygrad_softmax import SoftmaxClassifier, datasets
X, y, *_ = datasets.case_study()
sys.stderr.isatty = lambda: True
SoftmaxClassifier().fit(X, y)
print("tqdm" in sys.modules)
"""
    arguments = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("False\n", "")


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="a real terminal is Unix's")
def test_on_a_real_terminal(tmp_path):
    pytest.importorskip("tqdm", reason="the bar needs the extra `progress`")
    termios = pytest.importorskip("termios")
    program = """
from tinygrad_softmax import SoftmaxClassifier, datasets
from tinygrad_softmax.classifier import progress
progress.DELAY = progress.INTERVAL = 0
X, y, *_ = datasets.case_study()
SoftmaxClassifier(max_iter=3, verbose="auto").fit(X, y)
"""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    arguments = [sys.executable, "-W", "ignore", "-c", program]  # it did not converge
    subprocess.run(arguments, stderr=theirs, check=True)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    os.close(theirs)
    assert "1/3 [" in shown
    assert "3/3 [" in shown
    assert shown.endswith(" \r")
