"""The demo prints what the page printed, and draws when asked to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FEW = ("--iterations", "20")


def demo(*arguments, program="case_study"):
    """Run the demo as a user does; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", f"demos/{program}.py", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_published_losses_and_accuracy_are_printed():
    linear, network = demo(*FEW).split("\n\n")
    lines = linear.splitlines()
    losses = [line for line in lines if line.startswith("iteration")]
    assert len(losses) == 20
    assert losses[0].startswith("iteration 0: loss 1.096956 ")
    assert losses[-1].startswith("iteration 190: loss 0.786302 ")
    assert lines[-1] == "training accuracy: 0.49"
    assert "iteration 0: loss 1.098744 " in network


def test_automatic_and_hand_written_gradients_agree_to_rounding():
    differences = [line.split()[-1] for line in demo(*FEW).splitlines() if "loss " in line]
    differences = [float(text) for text in differences if text[0].isdigit()]
    assert len(differences) == 21
    assert max(differences) < 1e-14


def test_the_decision_regions_are_drawn(tmp_path):
    pytest.importorskip("matplotlib", reason="drawing needs the extra `demos`")
    picture = tmp_path / "regions.png"
    assert f"decision regions drawn to {picture}" in demo(*FEW, "--plot", str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("options", [(), ("--stable",)])
def test_the_derivation_ends_in_the_five_lines(options):
    printed = demo(*options, program="why_dscores")
    assert "dscores[range(num_examples), y] -= 1" in printed
    assert "dW = X.T @ dscores + reg * W" in printed
    assert float(printed.split()[-1]) < 1e-14


def test_each_slip_is_named():
    printed = demo(program="find_the_mistake")
    for words in (
        "The gradients are right",
        "the term `-1` at `[range(num_examples), y]` is missing",
        "the mask `hidden > 0` is missing",
        "`reg * W2` is twice what it should be",
        "in the shape (6,), not (1, 6)",
        "the division by `num_examples` is missing",
    ):
        assert words in printed
    assert "unexplained" not in printed


def test_a_file_that_cannot_be_loaded_is_trained_on():
    printed = demo("--gigabytes", "0.1", program="out_of_core")
    assert "250000 examples in a file of 100 MB" in printed
    if sys.platform.startswith("linux"):
        assert "to load the file: Unable to allocate 95.4 MiB" in printed
    losses = [float(line.split()[-1]) for line in printed.splitlines() if "loss " in line]
    assert len(losses) == 3
    assert losses == sorted(losses, reverse=True)
    accuracy = float(printed.partition("training accuracy: ")[2].split()[0])
    assert accuracy > 0.85


def test_the_page_of_the_manual_is_what_the_demo_prints():
    page = (ROOT / "docs" / "derivation.md").read_text("utf-8")
    how = "stale: python demos/why_dscores.py --markdown > docs/derivation.md"
    assert demo("--markdown", program="why_dscores") == page, how
