"""The graph as a picture: `draw`.

Read `subject` (what is drawn, with its values), `picture` (boxes and arrows), `layout` (where they
go), then `svg`, `page` and `dot` (how they are written). `explorable/` is another page, that of a
softmax classifier with numbers to change.
"""

from .drawing import Drawing, draw
from .explorable import Explorable

__all__ = ["Drawing", "Explorable", "draw"]
