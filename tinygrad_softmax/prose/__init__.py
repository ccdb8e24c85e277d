"""The backward pass in words: `explain`.

Imports `symbolic` and the tape. Read `graph` (what is explained), `titles` (what it is called),
`arrows` (what each rule does), `together` (where the terms come from) and `telling` (how it is
said), in that order.
"""

from .explanation import Explanation, explain

__all__ = ["Explanation", "explain"]
