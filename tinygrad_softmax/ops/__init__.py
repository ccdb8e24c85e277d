"""The vocabulary: every op and its gradient rules, and which of NumPy's functions it stands for.

Read `elementwise` first; an op is a NumPy function, its rules below it, and each rule's docstring
says in a sentence why the arrow is what it is. What needs no rule of its own is composed.
"""

from ..core.op import Op
from . import choices, elementwise, indexing, linalg, reductions, shaping, softmax

__all__ = [
    "VOCABULARY",
    "choices",
    "elementwise",
    "indexing",
    "linalg",
    "reductions",
    "shaping",
    "softmax",
]

#: Every op of the package, in the order of the source.
VOCABULARY: tuple[Op, ...] = tuple(
    dict.fromkeys(
        value
        for module in (elementwise, choices, indexing, reductions, shaping, linalg)
        for value in vars(module).values()
        if isinstance(value, Op)
    )
)
