"""Every demo runs, and shows what it says it will."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEMOS = sorted(file.stem for file in (ROOT / "demos").glob("*.py"))
DRAWING = {"digits": ["matplotlib", "sklearn"], "spiral": ["matplotlib"]}


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


@pytest.fixture(scope="module")
def case_study():
    """What the demo of the case study prints, of a few iterations."""
    return demo("--iterations", "20")


def test_the_published_losses_and_accuracy_are_printed(case_study):
    linear, network = case_study.split("\n\n")
    lines = linear.splitlines()
    losses = [line for line in lines if line.startswith("iteration")]
    assert len(losses) == 20
    assert losses[0].startswith("iteration 0: loss 1.096956 ")
    assert losses[-1].startswith("iteration 190: loss 0.786302 ")
    assert lines[-1] == "training accuracy: 0.49"
    assert "iteration 0: loss 1.098744 " in network


def test_automatic_and_hand_written_gradients_agree_to_rounding(case_study):
    differences = [line.split()[-1] for line in case_study.splitlines() if "loss " in line]
    differences = [float(text) for text in differences if text[0].isdigit()]
    assert len(differences) == 21
    assert max(differences) < 1e-14


@pytest.mark.parametrize("program", DEMOS)
def test_a_demo_says_what_you_will_see(program):
    text = (ROOT / "demos" / f"{program}.py").read_text("utf-8")
    words = ast.get_docstring(ast.parse(text))
    assert "You will see" in words
    assert f"    python demos/{program}.py" in words
    for module in DRAWING.get(program, []):
        pytest.importorskip(module, reason="drawing needs the extra `demos`")
    assert " ".join(words.partition("\n")[0].split()) in " ".join(
        demo("--help", program=program).split()
    )


def drawn(printed, folder):
    """The pictures that a demo says it has drawn there: name, and pixels by rows and columns."""
    image = pytest.importorskip("matplotlib.image", reason="drawing needs the extra `demos`")
    files = [Path(file) for file in re.findall(r"drawn to (.*)$", printed, re.MULTILINE)]
    assert set(files) == set(folder.iterdir())
    for file in files:
        assert file.read_bytes().startswith(b"\x89PNG\r\n")
    return {file.name: image.imread(file) for file in files}


def test_the_spiral_is_drawn(tmp_path):
    pytest.importorskip("matplotlib", reason="drawing needs the extra `demos`")
    folder = tmp_path / "made" / "by the demo"
    printed = demo("--iterations", "2000", "--out", str(folder), program="spiral")
    linear, network = printed.splitlines()[:2]
    assert "from 1.096956 to 0.786283, training accuracy 0.49" in linear
    assert "in 2000 iterations the loss falls from 1.098744 to 0.2" in network
    pictures = drawn(printed, folder)
    assert pictures.keys() == {"loss_curves.png", "decision_regions.png"}
    for picture in pictures.values():
        assert 500 < min(picture.shape[:2]) < max(picture.shape[:2]) < 1500
    # Each region has its tint, blue, yellow or pink, and no small part of the picture.
    regions = pictures["decision_regions.png"][..., :3].reshape(-1, 3)
    for tint in [(0.70, 0.83, 0.91), (0.97, 0.89, 0.70), (0.94, 0.84, 0.90)]:
        assert (abs(regions - tint).max(axis=1) < 0.02).mean() > 0.1


def test_the_digits_are_learnt_as_scikit_learn_learns_them(tmp_path):
    for module in DRAWING["digits"]:
        pytest.importorskip(module, reason="it is compared with scikit-learn, and drawn")
    printed = demo("--out", str(tmp_path), program="digits")
    for name in ("learnt from", "kept back"):
        ours, theirs = re.search(
            rf"accuracy, {name} +(\S+) +(\S+)$", printed, re.MULTILINE
        ).groups()
        assert float(ours) == float(theirs) > 0.9
    differences = [float(d) for d in re.findall(r"differ by at most (\S+)$", printed, re.MULTILINE)]
    assert len(differences) == 3, "coefficients, biases and probabilities"
    assert 0 < max(differences) < 1e-4
    assert re.search(r"training time, seconds +[\d.]+ +[\d.]+$", printed, re.MULTILINE)
    (picture,) = drawn(printed, tmp_path).values()
    assert picture.shape[0] > 250
    assert picture.shape[1] > 1000
    red, blue = picture[..., 0], picture[..., 2]
    assert ((red - blue) > 0.3).mean() > 0.01, "some weights speak against"
    assert ((blue - red) > 0.3).mean() > 0.01, "and some for"


@pytest.mark.parametrize("program", DRAWING)
def test_a_missing_extra_is_named(program):
    text = (
        "import runpy, sys; sys.modules['matplotlib'] = None; "
        f"runpy.run_path('demos/{program}.py', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "pip install '.[demos]'" in done.stderr
    assert "Traceback" not in done.stderr


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
        "1 is not subtracted at `dscores[range(num_examples), y]`",
        "dhidden: the factor `hidden > 0` is missing",
        "dW2: the factor `2` does not belong there",
        "`keepdims=True` is missing",
        "the division by `num_examples` is missing",
    ):
        assert words in printed
    assert "no small change" not in printed


def test_a_file_that_cannot_be_loaded_is_trained_on():
    printed = demo("--gigabytes", "0.1", program="out_of_core")
    assert "250000 examples in a file of 100 MB" in printed
    if sys.platform.startswith("linux"):
        assert "to load the file: Unable to allocate 95.4 MiB" in printed
    losses = [float(line.split()[-1]) for line in printed.splitlines() if "loss " in line]
    assert len(losses) >= 3
    assert losses == sorted(losses, reverse=True)
    accuracy = float(printed.partition("training accuracy: ")[2].split()[0])
    assert accuracy > 0.85


def test_the_page_of_the_manual_is_what_the_demo_prints():
    page = (ROOT / "docs" / "derivation.md").read_text("utf-8")
    how = "stale: python demos/why_dscores.py --markdown > docs/derivation.md"
    assert demo("--markdown", program="why_dscores") == page, how
