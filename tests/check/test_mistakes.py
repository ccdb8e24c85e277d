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


def different(losses):
    """Mistakes of each cause, in up to so many losses."""
    found = {}
    for entry in MISTAKES:
        of_cause = found.setdefault(entry.cause, {})
        if len(of_cause) < losses:
            of_cause.setdefault(entry.loss, entry)
    return [entry for of_cause in found.values() for entry in of_cause.values()]


def check(entry, inputs):
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
    report = check(entry, entry.inputs)
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


@pytest.mark.no_cover
@pytest.mark.parametrize("entry", different(losses=1), ids=lambda entry: entry.name)
def test_drawn_anew_the_mistake_is_still_there(entry):
    assert_names(check(entry, entry.draw(3)), entry)
