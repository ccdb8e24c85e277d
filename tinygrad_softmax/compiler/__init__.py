"""From the derived formula to a training step that works in place, as NumPy source.

Imports the derivation. Read `formula` (what is compiled), `rewriting` and `schedule` (in which form
and order), `lowering` with `sums`, `reductions` and `picks` (by which NumPy calls), `memory` (where
values lie), `rows` (what is done a block of rows at a time) and `source`, in that order.
"""

from .compiled import Compiled, compile

__all__ = ["Compiled", "compile"]
