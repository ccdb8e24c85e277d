"""From a traced loss to a training step that works in place, as NumPy source.

Read `graph` (what is computed), `rows` (what is done a block of rows at a time), `lowering` (by
which NumPy calls, and where in memory), `source`, and `step` (when a step is used), in that order.
"""

from .compiled import Compiled, compile

__all__ = ["Compiled", "compile"]
