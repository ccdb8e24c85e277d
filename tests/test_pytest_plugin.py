"""A wrong gradient fails a test with its report, in other people's suites."""

from importlib import metadata

import pytest

from tinygrad_softmax import pytest_plugin

pytest_plugins = ["pytester"]

SUITE = """
    import numpy as np
    from tinygrad_softmax.testing import assert_gradients_match

    def loss(w, x):
        return np.sum((w * x) ** 2)

    def test_right():
        gradient = lambda w, x: 2 * w * x**2
        assert_gradients_match(loss, gradient, wrt="w", w=np.ones(3), x=np.arange(1.0, 4))

    def test_wrong():
        gradient = lambda w, x: w * x**2
        assert_gradients_match(loss, gradient, wrt="w", w=np.ones(3), x=np.arange(1.0, 4))

    def test_other():
        assert 1 == 2
"""


def test_the_failure_is_the_report(pytester):
    pytester.makepyfile(SUITE)
    result = pytester.inline_run("-p", "no:cacheprovider")
    passed, _, failed = result.listoutcomes()
    assert [len(passed), len(failed)] == [1, 2]
    wrong, other = (report.longreprtext for report in failed)
    assert "The gradients are wrong" in wrong
    assert "the factor `2` is missing" in wrong
    assert "check_gradients(" not in wrong
    assert "assert 1 == 2" in other


def test_before_anything_was_checked_the_plugin_does_nothing(pytester, monkeypatch):
    monkeypatch.delitem(pytest_plugin.sys.modules, "tinygrad_softmax.checker.report", raising=False)
    pytester.makepyfile("def test_other():\n    assert 1 == 2")
    result = pytester.inline_run("-p", "no:cacheprovider")
    _, _, (failed,) = result.listoutcomes()
    assert "assert 1 == 2" in failed.longreprtext


def test_the_plugin_is_there_where_the_package_is_installed():
    (entry,) = (e for e in metadata.entry_points(group="pytest11") if e.name == "tinygrad_softmax")
    assert entry.value == "tinygrad_softmax.pytest_plugin"
    assert pytest.__name__ == "pytest"
