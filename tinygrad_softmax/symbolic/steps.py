"""The steps of a derivation, as a person can read and a test can check them.

Imports `chain` and `text`. Before and after are written by the user's names, and both are computed
on fresh inputs, so that a law that does not hold cannot hide.
"""

from __future__ import annotations

import ast
from typing import Any, NamedTuple

import numpy as np

from .chain import Chain
from .evaluate import evaluate
from .expr import Expr
from .inputs import fresh
from .present import Presenter
from .text import Writer


class Shown(NamedTuple):
    """One application of a law."""

    law: str
    sentence: str
    before: str
    after: str
    difference: float  #: the largest difference between before and after, in numbers


def shown(chain: Chain, presenter: Presenter) -> list[Shown]:
    """Return every application of a law, once, with the largest numerical difference it made."""
    writer = Writer(chain.algebra)
    writer.names = {form: str(alias.label) for form, alias in presenter.forms.items()}
    env = fresh(chain.given, chain.trace, seed=231)
    env |= {label: np.shape(env[name])[axis] for label, (name, axis) in chain.trace.sizes.items()}

    def text(e: Expr) -> str:
        return ast.unparse(ast.fix_missing_locations(ast.Expression(writer.write(e))))

    result = []
    for step in dict.fromkeys(chain.algebra.steps):
        before, after = evaluate([step.before, step.after], env)
        difference = _largest(np.subtract(before, after))
        result.append(Shown(step.law.name, step.law.sentence, text(step.before),
                            text(step.after), difference))  # fmt: skip
    return result


def _largest(difference: Any) -> float:
    return float(np.max(np.abs(difference), initial=0.0))
