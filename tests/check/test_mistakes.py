"""Every mistake of the catalogue is found at its stage, and called what it is."""

import re

import pytest

from tests.check.mistakes import MISTAKES
from tinygrad_softmax.check.gradients import check_gradients

#: What the report of this one says is that a row is left out, not what the row's term is made of.
SAID_OTHERWISE = {"last_violated_example_left_out"}

#: Mistakes that are found, but called "unexplained".
LEFT_OPEN = set()

mistakes = pytest.mark.parametrize("entry", MISTAKES, ids=lambda entry: entry.name)

#: One mistake of each cause is looked for at other inputs than those it was written for.
ANEW = {entry.cause: entry for entry in MISTAKES}.values()


def check(entry):
    inputs = entry.draw(3) if entry in ANEW else entry.inputs
    return check_gradients(entry.loss, entry.gradients, wrt=entry.wrt, **inputs)


def assert_names(report, entry):
    assert not report.ok
    found = report.findings[0]
    named = {"unexplained"} if entry.name in LEFT_OPEN else {entry.cause, *entry.accept}
    assert found.stage == entry.stage, found
    assert found.cause in named, found


@pytest.mark.no_cover
@mistakes
def test_a_mistake_is_found_and_called_what_it_is(entry):
    report = check(entry)
    assert_names(report, entry)
    said = str(report)
    if entry.name not in SAID_OTHERWISE:
        for pattern in entry.mentions:
            assert re.search(pattern, re.sub(r"\s+", " ", said.lower())), said
    assert "\0" not in said
    assert "None" not in said.replace("[:, None", "").replace("None]", "").replace("None, :]", "")
    assert report._repr_html_().startswith("<pre")


def test_nearly_every_cause_is_named():
    assert len(LEFT_OPEN) <= 0.05 * len(MISTAKES)
