"""A pytest plugin: a wrong gradient fails a test with its report, not with a wall of arrays.

Imports nothing of the package before a test has failed. Registered under ``pytest11``, so that it
is there wherever the package is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pluggy import Result


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, Result[pytest.TestReport], None]:
    """Put the report of a wrong gradient in place of pytest's own account of the failure."""
    outcome: Any = yield
    report = sys.modules.get("tinygrad_softmax.checker.report")
    raised = call.excinfo
    if report is None or raised is None or call.when != "call":
        return
    if isinstance(raised.value, report.GradientMismatchError):
        outcome.get_result().longrepr = f"{item.nodeid}\n{raised.value}"
