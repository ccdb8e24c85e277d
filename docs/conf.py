"""How the manual is built: ``python -m sphinx -W -b html docs docs/_build``."""

import tinygrad_softmax

project = "tinygrad_softmax"
author = "tinygrad_softmax developers"
copyright = f"2026, {author}"
version = release = tinygrad_softmax.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
]
myst_enable_extensions = ["dollarmath"]
# A heading can be linked to by its text, as on any Markdown host.
myst_heading_anchors = 3

napoleon_google_docstring = False
# The reference follows the reading order of the source, not the alphabet.
autodoc_member_order = "bysource"
# NumPy-style sections state the types in words; signatures stay short enough to read.
autodoc_typehints = "none"

html_theme = "furo"
html_title = project
exclude_patterns = ["_build"]
