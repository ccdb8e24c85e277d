"""Format, lint and types are as clean as the rest of the suite is green.

What a linter says of the same code changes from release to release, so a check runs only where the
versions are those of the extra `lint`; `.ci/run` makes an environment that has them.
"""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]


def pins(requirements):
    """The exact versions among some requirements, by package."""
    return dict(one.split("==") for one in requirements if "==" in one)


LINT = pins(EXTRAS["lint"])


def run(tool, *arguments, reads=()):
    """Run a tool over the checkout; what it complains of is the failure.

    It is skipped unless the tool, and the packages of which it ``reads`` the types, are installed
    in the versions of the extra `lint`.
    """
    for package in (tool, *reads):
        try:
            installed = version(package)
        except PackageNotFoundError:
            installed = "missing"
        if installed != LINT[package]:
            pytest.skip(
                f"{package} is {installed}, and the check is for {LINT[package]}: in a separate "
                f"environment, python -m pip install -e '.[lint]' && {' '.join((tool, *arguments))}"
            )
    done = subprocess.run(
        [sys.executable, "-m", tool, *arguments],
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
    run("mypy", reads=LINT.keys() - {"ruff", "mypy"})


def test_every_place_names_the_same_versions():
    assert len(LINT) == len(EXTRAS["lint"]), "a version of the extra `lint` is not exact"
    assert pins(EXTRAS["dev"]) == {tool: LINT[tool] for tool in ("ruff", "mypy")}
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    assert set(re.findall(r"([\w-]+)==([\w.]+)", hooks)) == set(LINT.items())
