"""The graphs that the drawing tests draw."""

import numpy as np

import tinygrad_softmax as tg
from tests.derivation.programs import PROGRAMS
from tinygrad_softmax.datasets import case_study


def question():
    """The question's loss, with the case study's data."""
    X, y, (W, b), _ = case_study()
    return tg.draw(PROGRAMS["question"].loss, ("W", "b"), W=W, b=b, X=X, y=y, reg=1e-3)


def program(name):
    """One of the programs that `derive` is tested with."""
    which = PROGRAMS[name]
    return tg.draw(which.loss, which.wrt, **which.inputs)


def toy():
    """Three ops."""
    return tg.draw(lambda x, a: np.sum(a * x**2), x=np.array([1.0, 2.0, 3.0]), a=2.0)


def recurrent(turns=6):
    """A loop that uses its parameters again and again."""

    def loss(W, U, x, h):
        for t in range(turns):
            h = np.tanh(h @ W + x[t] @ U)
        return np.sum(h * h)

    rng = np.random.default_rng(0)
    return tg.draw(loss, ("W", "U"), W=rng.normal(size=(4, 4)), U=rng.normal(size=(3, 4)),
                   x=rng.normal(size=(turns, 3)), h=np.zeros(4))  # fmt: skip


GRAPHS = {
    "question": question,
    "two_layer": lambda: program("two_layer"),
    "batch_norm": lambda: program("batch_norm"),
    "attention": lambda: program("attention"),
    "toy": toy,
    "recurrent": recurrent,
}
