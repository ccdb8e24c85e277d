"""The backward pass in words: `explain`.

Read `graph` (what is explained), `walk` (what each rule does), `answer` (where the terms of the
derived lines come from) and `explanation` (the order in which it is said).
"""

from .explanation import Explanation, explain

__all__ = ["Explanation", "explain"]
