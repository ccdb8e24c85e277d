"""Format, lint and types are as clean as the rest of the suite is green."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(module, *arguments):
    """Run a tool of the `dev` extra over the checkout; what it complains of is the failure."""
    if find_spec(module) is None:
        pytest.skip(f"{module} is not installed: pip install -e '.[dev]'")
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_code_is_formatted():
    run("ruff", "format", "--check", ".")


def test_the_code_has_no_lint():
    run("ruff", "check", ".")


def test_the_package_is_strictly_typed():
    run("mypy")
