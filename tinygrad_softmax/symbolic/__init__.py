"""From tape to formula: trace a loss, differentiate it by the same rules, simplify, print.

Imports everything below it. Read `trace` (what the user wrote), `algebra` (how expressions are
kept), `laws` (what is known about them) and `source` (how they are written), in that order.
"""

from .derivation import Derivation, derive
from .terms import DerivationError

__all__ = ["Derivation", "DerivationError", "derive"]
