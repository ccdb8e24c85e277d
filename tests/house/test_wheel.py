"""What is built is what is needed: the wheel works in an environment that has nothing else."""

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

import tinygrad_softmax

ROOT = Path(__file__).parents[2]

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
#: The versions of Python that are promised, by their second number.
MINORS = [int(one.rpartition(".")[2]) for one in PROJECT["classifiers"]
          if one.startswith("Programming Language :: Python :: 3.")]  # fmt: skip
TWO_LINE_GRADIENT = """
import numpy as np, tinygrad_softmax as ts
W = ts.Tensor(np.array([1.0, 2.0]))
np.sum(W * W).backward()
assert W.grad.tolist() == [2.0, 4.0], W.grad
print(ts.__file__)
"""


ASSIGNMENT = """
import numpy as np

inputs = {"w": np.ones(2), "X": np.eye(3, 2), "y": np.zeros(3)}

def loss(w, X, y):
    error = X @ w - y
    return np.sum(error**2)
"""
RUN_SHEET = """
import json, linecache
from pathlib import Path

def check(right=None):
    names = {}
    for cell in json.loads(Path("sheet.student.ipynb").read_text())["cells"]:
        text = "".join(cell["source"])
        if cell["id"] == "gradients" and right:
            text = right
        if cell["cell_type"] == "code":
            linecache.cache[cell["id"]] = (len(text), None, text.splitlines(True), cell["id"])
            try:
                exec(compile(text, cell["id"], "exec"), names)
            except AssertionError:
                return "fails"
    return "passes"

right = json.loads(Path("sheet.key.json").read_text())["exercises"][0]["right"]
Path("ada.py").write_text("import numpy as np\\n" + right)
print(check())
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()):
    passes = check(right)
print(passes)
from loss import inputs, loss
from tinygrad_softmax.teaching import grade
print(grade(loss, "ada.py", "w", **inputs).score)
"""
TYPED_PROGRAM = """
from typing import assert_type

import tinygrad_softmax as tg
from tinygrad_softmax.checker import Report
from tinygrad_softmax.teaching import Grade, grade

def loss(w: float) -> float:
    return w * w

def gradient(w: float) -> float:
    return 2 * w

assert_type(tg.check_gradients(loss, gradient, wrt="w", w=1.0), Report)
assert_type(grade(loss, gradient, "w", w=1.0), Grade)
wrong: int = tg.Report.from_json("{}").ok.nothing
"""
#: The package's own types are asked for; NumPy's would take long to read.
MYPY = """
[mypy]
strict = True
[mypy-numpy.*]
follow_imports = skip
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The source distribution, and the wheel that is built from it."""
    if find_spec("build") is None:
        pytest.skip("build is not installed: pip install -e '.[dev]'")
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "-o", folder, ROOT], check=True)
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    (wheel,) = built.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The Python of an environment with the wheel and nothing else."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder)  # without pip: ours installs into it
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    run(folder, *pip, "install", "--quiet", wheel)
    return python


def other_python(minor):
    """The interpreter of another version, if this machine has one."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [shutil.which(f"python3.{minor}"), *sorted(pyenv.glob(f"3.{minor}.*/bin/python"))]
    for python in filter(None, found):  # a name on the path may be no more than a name
        said = run(".", python, "-c", "import sys; print(sys.version_info[1])", check=False)
        if said.strip() == str(minor):
            return python
    return None


def run(folder, *command, check=True):
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COV_"))}
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=check
    )
    return done.stdout


def test_what_is_published_is_accepted_by_the_index(built):
    """As `twine upload` checks it, the page that is made of the README among it."""
    if find_spec("twine") is None:
        pytest.skip("twine is not installed: pip install -e '.[dev]'")
    files = sorted(built.iterdir())
    assert [file.name.partition("-")[2] for file in files] == [
        f"{tinygrad_softmax.__version__}-py3-none-any.whl", f"{tinygrad_softmax.__version__}.tar.gz"
    ]  # fmt: skip
    subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *files], check=True)


def test_the_source_distribution_has_the_tests_and_the_manual(built):
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff",
                 "docs/teach.md", "tests/house/test_wheel.py"):  # fmt: skip
        assert name in names


def test_the_wheel_is_small(wheel):
    assert wheel.stat().st_size < 1_000_000


def test_a_type_checker_reads_the_types_of_the_installed_package(installed, tmp_path):
    if find_spec("mypy") is None:
        pytest.skip("mypy is not installed: pip install -e '.[dev]'")
    (tmp_path / "program.py").write_text(TYPED_PROGRAM, "utf-8")
    (tmp_path / "mypy.ini").write_text(MYPY, "utf-8")
    command = [sys.executable, "-m", "mypy", "--python-executable", installed]
    said = run(tmp_path, *command, "program.py", check=False).splitlines()
    assert said == [
        'program.py:16: error: "bool" has no attribute "nothing"  [attr-defined]',
        "Found 1 error in 1 file (checked 1 source file)",
    ]


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "tinygrad_softmax/py.typed" in names
    for asset in ("page.html", "page.css", "page.js", "picture.css"):
        assert f"tinygrad_softmax/drawing/{asset}" in names
    explorable = ROOT / "tinygrad_softmax" / "drawing" / "explorable"
    assets = [file for file in explorable.rglob("*") if file.suffix in (".js", ".json", ".LICENSE")]
    assert {file.relative_to(ROOT).as_posix() for file in assets} <= {*names}
    folders = {name.split("/")[0] for name in names}
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == {
        "tinygrad_softmax"
    }


def test_the_wheel_requires_numpy_alone(wheel):
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
    lines = archive.read(metadata).decode().splitlines()
    required = [line for line in lines if line.startswith("Requires-Dist") and "extra" not in line]
    assert required == ["Requires-Dist: numpy>=2.0"]


def test_the_wheel_works_in_an_empty_environment(installed, tmp_path):
    where = run(tmp_path, installed, "-W", "error", "-c", TWO_LINE_GRADIENT)
    assert Path(where.strip()).is_relative_to(installed.parents[1])
    command = installed.with_name("tinygrad-softmax")
    assert run(tmp_path, command, "--version").startswith("tinygrad-softmax ")


@pytest.mark.parametrize("minor", [m for m in MINORS if m != sys.version_info[1]])
def test_the_wheel_works_with_the_other_versions_that_are_here(wheel, tmp_path, minor):
    found = other_python(minor)
    if found is None:
        pytest.skip(f"Python 3.{minor} is not installed")
    run(tmp_path, found, "-m", "venv", "--without-pip", "venv")
    python = tmp_path / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    run(tmp_path, *pip, "install", "--quiet", wheel)
    run(tmp_path, python, "-W", "error", "-c", TWO_LINE_GRADIENT)
    (tmp_path / "loss.py").write_text(ASSIGNMENT, "utf-8")
    command = python.with_name("tinygrad-softmax")
    assert "dw = X.T @ derror" in run(tmp_path, command, "derive", "loss.py", "--format", "source")
    run(tmp_path, command, "exercise", "loss.py", "--seed", "7", "-o", "sheet.ipynb")
    assert run(tmp_path, python, "-c", RUN_SHEET).split() == ["fails", "passes", "1.0"]


def test_a_sheet_needs_nothing_but_the_wheel(installed, tmp_path):
    """It is written and run, and a submission graded, where there is no notebook library."""
    (tmp_path / "loss.py").write_text(ASSIGNMENT, "utf-8")
    command = installed.with_name("tinygrad-softmax")
    run(tmp_path, command, "exercise", "loss.py", "--seed", "7", "-o", "sheet.ipynb")
    assert run(tmp_path, installed, "-c", RUN_SHEET).split() == ["fails", "passes", "1.0"]
