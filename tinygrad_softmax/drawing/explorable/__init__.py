"""The page that lets a reader explore the softmax gradient: `draw(..., explore=True)`.

Read `classifier` (whether a loss is one that the page can show), then `page` (how it is written).
The page itself is beside them: `arithmetic.js` computes, `elements.js` has what the sections are
made of, `main.js` puts them together, and `strings.json` has all words, in English and Chinese.
"""

from .page import Explorable, case_study_page, explore

__all__ = ["Explorable", "case_study_page", "explore"]
