"""The vocabulary: every op and its gradient rules, a page per kind.

Imports `primitive` and `shapes`. Read `arithmetic` first; an op is a NumPy function, its rules
below it, and each rule's docstring says in a sentence why the arrow is what it is.
"""

from . import arithmetic, exponential, indexing, matrix, reduction, selection, shaping

__all__ = ["arithmetic", "exponential", "indexing", "matrix", "reduction", "selection", "shaping"]
