"""Formulas as MathML, which browsers typeset without a script, and the font for it.

The font is STIX Two Math (SIL Open Font License), which comes with ziamath. Of its 1.5 MB the
characters of these blocks are kept.
"""

import re
from importlib.util import find_spec
from logging import getLogger
from pathlib import Path
from typing import Any, NoReturn

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from fontTools import subset
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)
#: Between a function and an argument without parentheses TeX sets a thin space.
APPLIED = re.compile(r"<mo>&ApplyFunction;</mo>(?=\s*<(?!mo\b))")
BLOCKS = {
    "Latin": range(0x0020, 0x0100),
    "Greek": range(0x0391, 0x03F7),
    "punctuation": range(0x2010, 0x2060),
    "letterlike symbols and arrows": range(0x2100, 0x2200),
    "operators": range(0x2200, 0x2300),
    "bold and italic letters": range(0x1D400, 0x1D468),
    "italic Greek letters": range(0x1D6E2, 0x1D71C),
}


def visit_inline(self: Any, node: nodes.math) -> NoReturn:
    """Write a formula within a sentence."""
    self.body.append(mathml(node))
    raise nodes.SkipNode


def visit_block(self: Any, node: nodes.math_block) -> NoReturn:
    """Write a formula that stands by itself; a wide one scrolls in its own box."""
    self.body.append(f'<div class="formula">{mathml(node, as_block=True)}</div>\n')
    raise nodes.SkipNode


def mathml(node: nodes.math | nodes.math_block, as_block: bool = False) -> str:
    """Convert a formula; one that cannot be converted fails the build, with its place."""
    try:
        text = tex2mathml(node.astext(), as_block=as_block)
    except MathError as error:
        logger.warning("the formula %s: %s", node.astext(), error, location=node)
        return ""
    return APPLIED.sub('<mo lspace="0" rspace="0.17em">&ApplyFunction;</mo>', text)


def write_font(app: Sphinx, exception: Exception | None) -> None:
    """Write the part of the font that formulas need beside the style sheet that names it."""
    if exception or app.builder.format != "html":
        return
    getLogger("fontTools").setLevel("WARNING")  # what it prunes is of no interest
    package = Path(find_spec("ziamath").origin).parent
    options = subset.Options(flavor="woff", layout_features=["*"], name_IDs=["*"])
    font = subset.load_font(package / "fonts" / "STIXTwoMath-Regular.ttf", options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[code for block in BLOCKS.values() for code in block])
    subsetter.subset(font)
    subset.save_font(font, Path(app.outdir, "_static", "formulas.woff"), options)


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer the renderer under the name `mathml`."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.connect("build-finished", write_font)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
