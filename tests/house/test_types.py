"""A user's program that is strictly typed stays so when it uses this package."""

import ast
import os
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import tinygrad_softmax as tg
from tests.house import typed_program
from tinygrad_softmax.core.op import NUMPY

ROOT = Path(__file__).parents[2]
PROGRAM = Path(typed_program.__file__)
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]
#: What a type checker says changes from release to release: it is asked in these versions only.
PINS = dict(one.split("==") for one in EXTRAS.get("lint", ()) if "==" in one)


def installed(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def test_the_program_runs(capsys, monkeypatch):
    for function, ours in NUMPY.items():  # put back afterwards: the program implements one anew
        monkeypatch.setitem(NUMPY, function, ours)
    typed_program.main()
    assert "scores" in capsys.readouterr().out


def test_the_program_uses_every_public_name():
    tree = ast.parse(PROGRAM.read_text("utf-8"))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "tg"
    }
    used |= {
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "tinygrad_softmax"
        for alias in node.names
    }
    assert {*tg.__all__} <= used


def test_the_program_is_strictly_typed():
    for package in ("mypy", "numpy"):
        if installed(package) != PINS.get(package, "not pinned"):
            pytest.skip(f"{package} is {installed(package)}, and the check is for the extra `lint`")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent",
         str(PROGRAM)],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
