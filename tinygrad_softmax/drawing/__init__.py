"""The graph as a picture: `draw`.

Read `subject` (what is drawn, with its values), `picture` (boxes and arrows), `layout` (where they
go), then `svg`, `page` and `dot` (how they are written).
"""

from .drawing import Drawing, draw

__all__ = ["Drawing", "draw"]
