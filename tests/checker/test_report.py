"""What a report says: as text, as hints, as a diff that applies, as JSON, in a notebook."""

import json
import subprocess

import numpy as np
import pytest

from tests.checker.subjects import SUBJECTS, changed, function_of
from tinygrad_softmax.checker import Finding, GradientMismatchError, Report, check_gradients

loss, right, inputs = SUBJECTS["softmax"]
WRONG = ("dW += reg * W", "dW += 2 * reg * W")


@pytest.fixture(scope="module")
def report():
    return check_gradients(loss, changed(right, *WRONG)[0], budget=60.0, **inputs)


@pytest.fixture(scope="module")
def source():
    return changed(right, *WRONG)[1]


def test_its_truth_is_the_verdict(report):
    assert not report
    assert report.ok is False
    with pytest.raises(GradientMismatchError, match="The gradients are wrong"):
        report.raise_if_wrong()
    good = check_gradients(loss, right, **inputs)
    assert good
    assert good.ok is True
    good.raise_if_wrong()
    assert str(good).startswith("The gradients are right")
    assert (good.diff, good.repaired, good.findings) == ("", "", ())


def test_a_finding_has_the_line_and_what_it_should_be(report, source):
    (finding,) = report.findings
    assert finding.repaired
    assert source.splitlines()[finding.line - 1].strip() == finding.before == WRONG[1]
    assert finding.after == WRONG[0]
    assert finding.stage == "dW"
    for part in (finding.before, finding.after, str(finding.line), finding.sentence):
        assert part in str(report)
    assert "run at 5 points" in str(report)
    assert {"dscores", "db"} <= set(report.right)
    assert "dW" not in report.right


def test_hints_give_away_as_much_as_wanted(report):
    (finding,) = report.findings
    where, what, fix = (report.hint(level) for level in ("where", "what", "fix"))
    assert report.hint() == where
    assert finding.before in where
    assert finding.sentence not in where
    assert what.startswith(where)
    assert finding.sentence[1:] in what
    for text in (where, what):
        assert f"`{finding.after}`" not in text
        assert "should be\n" not in text
    assert fix == str(report)
    with pytest.raises(ValueError, match="'all' is none of 'where', 'what', 'fix'"):
        report.hint("all")
    assert Report((Finding("dW", "nan", "it is NaN"),), ()).hint("what") == "Look at dW. It is NaN."


def test_the_diff_applies_to_the_source(report, source, tmp_path):
    assert report.source.strip() == source.strip()
    file = tmp_path / "mine.py"
    file.write_text(report.source + "\n")
    (tmp_path / "diff").write_text(
        report.diff if report.diff.endswith("\n") else report.diff + "\n"
    )
    subprocess.run(["patch", file, tmp_path / "diff"], check=True, capture_output=True)
    mended = function_of(file.read_text(), {"np": np})
    assert check_gradients(loss, mended, **inputs).ok
    lines = [line for line in report.diff.splitlines() if line[:1] in "+-"][2:]
    assert len(lines) == 2, report.diff  # and nothing else is written anew


def test_it_is_json(report):
    told = json.loads(report.json())
    assert told["ok"] is False
    assert told["findings"][0]["before"] == WRONG[1]
    assert told["diff"] == report.diff
    assert told["right"] == list(report.right)


def test_html_is_escaped_and_markdown_has_code(report):
    finding = Finding("dW", "name", "`<b>` & more", 3, "dW = a < b", "dW = a > b")
    made = Report((finding,), ())
    html = made._repr_html_()
    assert html.startswith("<pre")
    assert html.endswith("</pre>")
    assert "<b>" not in html
    assert "dW = a &lt; b" in html
    assert "&amp; more" in html
    assert made.markdown == made._repr_markdown_()
    assert f"```\n{finding.shown()}\n```" in made.markdown
    assert made.markdown.count("```") % 2 == 0
    assert "#cf222e" in html
    assert "#1a7f37" in Report((), ("dW",))._repr_html_()


def test_what_should_not_be_there_is_said_so():
    finding = Finding("db", "line_extra", "the line does not belong there", 7, "db += reg * b", "")
    assert "should not be there" in finding.shown()
    assert Finding("dW", "unexplained", "no change was found").shown() == ""
