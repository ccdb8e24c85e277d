"""The files that the manual's page for teachers gives for Gradescope do what it says."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.teaching.assignment import RIGHT

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "teach.md").read_text("utf-8")
FILES = dict(re.findall(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
LOSS = re.search(r"in a file `loss.py`:\n\n```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")


@pytest.fixture
def autograder(tmp_path):
    """The folders of Gradescope, with the files of the recipe."""
    root = tmp_path / "autograder"
    for name in ("source", "submission", "results", "venv/bin"):
        (root / name).mkdir(parents=True)
    for name, text in FILES.items():
        (root / "source" / name).write_text(text.replace("/autograder", str(root)), "utf-8")
    (root / "source" / "loss.py").write_text(LOSS[1], "utf-8")
    python = root / "venv" / "bin" / "python"  # in place of what setup.sh makes
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n', "utf-8")
    python.chmod(0o755)
    return root


def graded(root, code, attempts=1):
    if code is not None:
        (root / "submission" / "gradients.py").write_text(code, "utf-8")
    metadata = {"previous_submissions": [{}] * (attempts - 1)}
    (root / "submission_metadata.json").write_text(json.dumps(metadata), "utf-8")
    subprocess.run(
        ["bash", root / "source" / "run_autograder"], check=True, timeout=600,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return json.loads((root / "results" / "results.json").read_text("utf-8"))


def test_the_page_has_the_files():
    assert [*FILES] == ["setup.sh", "run_autograder", "autograde.py"]
    for name in ("setup.sh", "run_autograder"):
        assert FILES[name].startswith("#!/usr/bin/env bash\n")
        subprocess.run(["bash", "-n"], input=FILES[name], text=True, check=True)


def test_a_submission_is_graded(autograder):
    results = graded(autograder, RIGHT)
    assert [(t["score"], t["max_score"]) for t in results["tests"]] == [(2, 2), (1, 1)]
    results = graded(autograder, RIGHT.replace(" + reg * W", ""), attempts=5)
    assert [(t["score"], t["max_score"]) for t in results["tests"]] == [(0, 2), (1, 1)]
    assert "The term `reg * W` is missing." in results["output"]


def test_a_submission_that_fails_or_is_missing_has_results(autograder):
    results = graded(autograder, None)
    assert results["tests"][0]["output"] == "There is no file gradients.py."
    results = graded(autograder, "import sys\nsys.exit(1)\n")
    assert [t["score"] for t in results["tests"]] == [0, 0]
