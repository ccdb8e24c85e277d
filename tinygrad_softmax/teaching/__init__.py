"""Assignments: sheets with a mistake to repair, and the grading of what comes back.

Read `exercises` (what is asked), `sheets` (how it is handed out), `grading` (what it is worth),
then `process` and `child` (where a submission runs) and `standalone` (code with all that it uses).
"""

from .exercises import Exercise, Mistake, exercises
from .grading import Grade, GradientScore, grade
from .sheets import Sheet, make_sheet

__all__ = [
    "Exercise",
    "Grade",
    "GradientScore",
    "Mistake",
    "Sheet",
    "exercises",
    "grade",
    "make_sheet",
]
