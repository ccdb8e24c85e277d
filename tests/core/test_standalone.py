"""The engine and the vocabulary, copied out of the package, train the case study alone."""

import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "tinygrad_softmax"

TRAINING = """
import numpy as np
from lifted import by_hand, datasets, ops
from lifted.core.tensor import Tensor

X, y, (W, b), _ = datasets.case_study()
W, b, n, reg = Tensor(W), Tensor(b), len(X), 1e-3
for step in range(200):
    scores = np.dot(X, W) + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    loss = np.sum(-np.log(probs[range(n), y])) / n + 0.5 * reg * np.sum(W * W)
    if step % 50 == 0 or step == 190:
        print(f"{loss:f}")
    loss.backward()
    hand = by_hand.linear(W.data, b.data, X, y, reg)
    assert np.allclose(hand.dW, W.grad, rtol=0, atol=1e-15)
    for parameter in (W, b):
        parameter.data -= parameter.grad
"""


def test_core_and_ops_train_the_case_study_without_the_rest_of_the_package(tmp_path):
    package = tmp_path / "lifted"
    package.mkdir()
    for part in ("core", "ops"):
        shutil.copytree(PACKAGE / part, package / part, ignore=shutil.ignore_patterns("*.pyc"))
    for file in ("by_hand.py", "datasets.py"):
        shutil.copy(PACKAGE / file, package)
    (package / "__init__.py").touch()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", TRAINING],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1.096956", "0.799448", "0.787938", "0.786514", "0.786302"]
