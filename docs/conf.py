"""How the manual is built: ``python -m sphinx -W -b html docs docs/_build/html``."""

import os
import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

import tinygrad_softmax

project = "tinygrad_softmax"
author = "tinygrad_softmax developers"
copyright = f"2026, {author}"
version = release = tinygrad_softmax.__version__

sys.path.insert(0, str(Path(__file__).parent))
extensions = [
    "myst_nb",  # Markdown as of myst-parser, and pages that are run: `{code-cell}`
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    # The manual's own.
    "extensions.chinese",
    "extensions.formulas",
    "extensions.notebooks",
]
myst_enable_extensions = ["dollarmath"]
myst_update_mathjax = False
html_math_renderer = "mathml"
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

# What is copied can be run: no prompts, and none of what came out. The text of a terminal has none.
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_copy_empty_lines = False
# Beside a cell of a notebook is what it returned, which nobody types.
copybutton_selector = "div.highlight:not(.cell_output *) pre"

# A quotation mark in a docstring is Python's; dashes are typeset.
smartquotes_action = "D"
napoleon_google_docstring = False
# `W, b : array_like` stays one entry, as it was written.
napoleon_use_param = False
# The reference follows the reading order of the source, not the alphabet.
autodoc_member_order = "bysource"
# NumPy-style sections state the types in words; signatures stay short enough to read.
autodoc_typehints = "none"

html_theme = "furo"
html_title = project
templates_path = ["_templates"]
html_static_path = ["_static"]
html_css_files = ["manual.css"]
# A page of its own: tests/house/test_explore_page.py keeps it fresh.
html_extra_path = ["explore.html"]
# What has been run is left beside the target folder.
exclude_patterns = ["_build", "jupyter_execute"]


def set_first_line_apart(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Keep napoleon from reading what is before a colon in the first line as the type."""
    if what in {"attribute", "data", "property"}:
        lines[:0] = ["..", ""]


def name_classes(
    app: Sphinx,
    what: str,
    name: str,
    obj: object,
    options: object,
    signature: str | None,
    returned: str | None,
) -> tuple[str, str | None] | None:
    """Show a class that is a default by its name, not as it prints itself."""
    if not signature:
        return None
    return re.sub(r"<class '([\w.]+)'>", r"\1", signature), returned


def skip_listed_fields(
    app: Sphinx, what: str, name: str, obj: object, skip: bool, options: object
) -> bool | None:
    """Leave out a field of a named tuple that its class lists under Attributes."""
    owners = [cls for cls in tuple.__subclasses__() if vars(cls).get(name) is obj]
    return True if any("Attributes\n" in (cls.__doc__ or "") for cls in owners) else None


def setup(app: Sphinx) -> None:
    """Hook in what is above."""
    app.connect("autodoc-skip-member", skip_listed_fields)
    app.connect("autodoc-process-signature", name_classes)
    # Before napoleon's own.
    app.connect("autodoc-process-docstring", set_first_line_apart, priority=400)
