"""What the tests of the project as a whole share."""

import time
from types import SimpleNamespace

import pytest

from tinygrad_softmax.checker import gradients, points, search
from tinygrad_softmax.core.op import NUMPY


@pytest.fixture
def vocabulary():
    """Take away, after the test, what a page has added to the ops."""
    before = dict(NUMPY)
    yield
    NUMPY.clear()
    NUMPY.update(before)


@pytest.fixture
def idle_machine(monkeypatch):
    """Count the time of this thread alone: a page shows what is found where nothing else runs."""
    clock = SimpleNamespace(perf_counter=time.thread_time)
    for module in (gradients, points, search):
        monkeypatch.setattr(module, "time", clock)
