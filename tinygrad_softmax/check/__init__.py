"""A hand-written gradient against the automatic one: right, or which mistake.

Imports everything below it. Read `gradients` (what is done), `watching` (how a person's code is
looked at), `formulas` and `edits` (what a mistake is), `examine` and `diagnose` (how it is found),
in that order; `numeric` holds automatic gradients against finite differences, `exercises` makes
wrong gradients on purpose.
"""

from .exercises import SeededMistake, catch_rate, seed_mistakes
from .gradients import check_gradients
from .numeric import GradCheck, GradCheckError, gradcheck
from .report import Finding, GradientMismatchError, Report

__all__ = [
    "Finding",
    "GradCheck",
    "GradCheckError",
    "GradientMismatchError",
    "Report",
    "SeededMistake",
    "catch_rate",
    "check_gradients",
    "gradcheck",
    "seed_mistakes",
]
