"""Every mistake of the catalogue is found at its stage, and called what it is."""

import re
from functools import cache

import pytest

from tests.check.mistakes import MISTAKES
from tinygrad_softmax.check.gradients import check_gradients

#: What the report of this one says is that a row is left out, not what the row's term is made of.
SAID_OTHERWISE = {"last_violated_example_left_out"}

mistakes = pytest.mark.parametrize("entry", MISTAKES, ids=lambda entry: entry.name)
BY_NAME = {entry.name: entry for entry in MISTAKES}


@cache
def report(name):
    entry = BY_NAME[name]
    return check_gradients(entry.loss, entry.gradients, wrt=entry.wrt, **entry.inputs)


def is_named(entry):
    return report(entry.name).findings[0].cause in {entry.cause, *entry.accept}


@mistakes
def test_the_first_wrong_stage_is_found(entry):
    assert not report(entry.name).ok
    assert report(entry.name).findings[0].stage == entry.stage


@mistakes
def test_the_cause_is_named_or_left_open(entry):
    found = report(entry.name).findings[0]
    assert is_named(entry) or found.cause == "unexplained", found


def test_nearly_every_cause_is_named():
    assert sum(map(is_named, MISTAKES)) >= 0.95 * len(MISTAKES)


@mistakes
def test_the_words_are_in_the_report(entry):
    said = re.sub(r"\s+", " ", str(report(entry.name)).lower())
    if entry.name not in SAID_OTHERWISE:
        for pattern in entry.mentions:
            assert re.search(pattern, said), said


@mistakes
def test_a_report_has_no_loose_ends(entry):
    said = str(report(entry.name))
    assert "\0" not in said
    assert "None" not in said.replace("[:, None", "").replace("None]", "").replace("None, :]", "")
    assert report(entry.name)._repr_html_().startswith("<pre")


@mistakes
def test_drawn_anew_the_mistake_is_still_there(entry):
    found = check_gradients(entry.loss, entry.gradients, wrt=entry.wrt, **entry.draw(3)).findings
    assert found[0].stage == entry.stage
    assert found[0].cause in {entry.cause, *entry.accept, "unexplained"}
