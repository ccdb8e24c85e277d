"""How the manual is built: ``python -m sphinx -W -b html docs docs/_build/html``."""

import os

from sphinx.application import Sphinx

import tinygrad_softmax

project = "tinygrad_softmax"
author = "tinygrad_softmax developers"
copyright = f"2026, {author}"
version = release = tinygrad_softmax.__version__

extensions = [
    "myst_nb",  # Markdown as of myst-parser, and pages that are run: `{code-cell}`
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
]
myst_enable_extensions = ["dollarmath"]
# A page with cells is run at every build, from the start; an exception or a warning in it fails it.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
os.environ["TQDM_DISABLE"] = "1"  # a page shows what came out, not how long it took
nb_output_stderr = "remove-warn"
# What is printed line by line is shown in one piece.
nb_merge_streams = True
# A heading can be linked to by its text, as on any Markdown host.
myst_heading_anchors = 3

napoleon_google_docstring = False
# The reference follows the reading order of the source, not the alphabet.
autodoc_member_order = "bysource"
# NumPy-style sections state the types in words; signatures stay short enough to read.
autodoc_typehints = "none"

html_theme = "furo"
html_title = project
# What has been run is left beside the target folder.
exclude_patterns = ["_build", "jupyter_execute"]


def say_language(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, object], doctree: object
) -> None:
    """Tell browsers which pages are in Chinese: they choose fonts and line breaks by it."""
    if pagename.startswith("zh/"):
        context["language"] = "zh-CN"


def begin_with_blank(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Keep napoleon from reading a property's first line, where it has a colon, as its type."""
    if what == "property":
        lines.insert(0, "")


def setup(app: Sphinx) -> None:
    """Hook in what is above."""
    app.connect("html-page-context", say_language)
    app.connect("autodoc-process-docstring", begin_with_blank, priority=400)  # before napoleon's
