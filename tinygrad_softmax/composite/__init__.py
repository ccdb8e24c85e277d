"""NumPy's functions that need no rule of their own: each is written from the primitives.

Imports the ops. Nothing here is differentiated by hand: the gradient through any of these is the
gradient through its parts. Each is registered under the NumPy function that it stands for.
"""

from . import arrangement, products, reductions

__all__ = ["arrangement", "products", "reductions"]
