"""Checking gradients: a hand-written one is repaired, an automatic one is measured.

Read `gradients` (what is done), `hand` (how a person's code is called), `points` and `truth` (what
is compared), `edits` (what a mistake is) and `search` (how the repair is found), in that order.
`numeric` holds automatic gradients against finite differences; `exercises` makes wrong gradients on
purpose, by the same edits; `summary` puts many reports into one.
"""

from .exercises import SeededMistake, catch_rate, seed_mistakes
from .gradients import check_gradients
from .numeric import GradCheck, GradCheckError, gradcheck
from .report import Finding, GradientMismatchError, Report
from .summary import Misconception, Summary, summarise

__all__ = [
    "Finding",
    "GradCheck",
    "GradCheckError",
    "GradientMismatchError",
    "Misconception",
    "Report",
    "SeededMistake",
    "Summary",
    "catch_rate",
    "check_gradients",
    "gradcheck",
    "seed_mistakes",
    "summarise",
]
