"""What an entry of the two catalogues is, and how its gradients are told right from wrong.

An entry has a loss, a gradient written by hand for it, and inputs. `draw(seed)` draws the same kind
of inputs at other sizes; `inputs` is `draw(0)`.
"""

from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np

import tinygrad_softmax as tg

SLUGS = frozenset(
    [
        "scaled", "sign", "term_missing", "term_scaled", "term_sign", "term_extra", "not_summed",
        "mean_for_sum", "wrong_axis", "transposed", "shape", "labels", "diagonal", "local_slope",
        "upstream", "mask", "overwritten", "accumulated", "unexplained",
    ]
)  # fmt: skip


class Mistake(NamedTuple):
    """A gradient with exactly one mistake.

    `stage` is the first wrong array in backward order, as the hand-written code spells it
    (``dscores``, ``grad_scores``), or ``d`` and the parameter's name where no local holds it.
    `accept` has the slugs that are honest names too, without `cause` itself.
    """

    name: str
    loss: Any
    gradients: Any
    wrt: tuple[str, ...]
    inputs: dict[str, Any]
    stage: str
    cause: str
    accept: frozenset[str]
    mentions: tuple[str, ...]
    draw: Any


class Variant(NamedTuple):
    """A right gradient, written in an unusual way."""

    name: str
    loss: Any
    gradients: Any
    wrt: tuple[str, ...]
    inputs: dict[str, Any]
    draw: Any


def mistakes_into(entries):
    """A decorator that adds its function to `entries` as a mistake."""

    def mistake(loss, draw, wrt, stage, cause, accept="", mentions=()):
        def declare(gradients):
            mentioned = (mentions,) if isinstance(mentions, str) else tuple(mentions)
            what = (stage, cause, frozenset(accept.split()), mentioned)
            entry = (gradients.__name__, loss, gradients, tuple(wrt.split()), draw(0))
            entries.append(Mistake(*entry, *what, draw))
            return gradients

        return declare

    return mistake


def variants_into(entries):
    """A decorator that adds its function to `entries` as right."""

    def variant(loss, draw, wrt, name=None):
        def declare(gradients):
            entry = (name or gradients.__name__, loss, gradients, tuple(wrt.split()), draw(0))
            entries.append(Variant(*entry, draw))
            return gradients

        return declare

    return variant


def by_hand(entry, inputs):
    """The hand-written gradients by parameter, whatever form they come in; inputs stay as given."""
    result = entry.gradients(**deepcopy(inputs))
    pair = isinstance(result, tuple) and len(result) == 2
    if pair and (len(entry.wrt) == 1 or isinstance(result[1], dict)):
        _, result = result  # The loss, and its gradients.
    if isinstance(result, dict):
        return {name: result[name] for name in entry.wrt}
    if not isinstance(result, tuple | list):
        result = (result,)
    return dict(zip(entry.wrt, result, strict=True))


def automatic(entry, inputs):
    """The automatic gradients by parameter."""
    _, gradients = tg.value_and_grad(entry.loss, wrt=entry.wrt)(**deepcopy(inputs))
    return dict(zip(entry.wrt, gradients, strict=True))


def same(by_hand, automatic, tolerance=1e-9):
    """Whether an array has the right shape and, relative to its largest entry, the right values."""
    by_hand, automatic = np.asarray(by_hand), np.asarray(automatic)
    if by_hand.shape != automatic.shape:
        return False
    size = max(np.max(np.abs(automatic)), 1e-300)
    return bool(np.max(np.abs(by_hand - automatic)) <= tolerance * size)


def single(inputs):
    """The inputs with float32 arrays for float64."""
    return {
        name: value.astype(np.float32)
        if isinstance(value, np.ndarray) and value.dtype == np.float64
        else value
        for name, value in inputs.items()
    }
