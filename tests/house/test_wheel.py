"""What is built is what is needed: the wheel works in an environment that has nothing else."""

import os
import subprocess
import sys
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

TWO_LINE_GRADIENT = """
import numpy as np, tinygrad_softmax as ts
W = ts.Tensor(np.array([1.0, 2.0]))
np.sum(W * W).backward()
assert W.grad.tolist() == [2.0, 4.0], W.grad
print(ts.__file__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from the checkout."""
    if find_spec("build") is None:
        pytest.skip("build is not installed: pip install -e '.[dev]'")
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "build", "--wheel", "-o", folder, ROOT], check=True)
    (built,) = folder.glob("*.whl")
    return built


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


def test_the_wheel_works_in_an_empty_environment(wheel, tmp_path):
    venv.create(tmp_path / "venv")  # without pip: ours installs into it
    python = tmp_path / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COV_"))}

    def call(*command):
        return subprocess.run(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    call(*pip, "install", "--quiet", wheel)
    where = call(python, "-W", "error", "-c", TWO_LINE_GRADIENT)
    assert Path(where.strip()).is_relative_to(tmp_path)
    assert call(python.with_name("tinygrad-softmax"), "--version").startswith("tinygrad-softmax ")
