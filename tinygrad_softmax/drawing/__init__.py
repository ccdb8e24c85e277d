"""The graph as a picture: `draw`.

Imports `prose`, `symbolic` and the tape. Read `subject` (what is drawn, with its values), `picture`
(boxes and arrows), `ranks`, `places` and `routes` (where they go), then `svg`, `page` and `dot`
(how they are written).
"""

from .drawing import Drawing, draw

__all__ = ["Drawing", "draw"]
