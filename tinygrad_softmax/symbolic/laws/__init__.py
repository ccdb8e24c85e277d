"""What is known about sums, products, picks and scatters: the laws a derivation may use.

Imports `algebra`. A law looks at one op and its operands, never at a whole loss; its docstring is
its sentence in the derivation, and every application is checked in numbers.
"""

from . import products, scatters, sums
from .declare import LAWS, law

__all__ = ["LAWS", "law", "products", "scatters", "sums"]
