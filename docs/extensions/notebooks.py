"""Every page whose code runs can be downloaded as a notebook: the same text, the same code.

A block of Python becomes a cell. A session at the prompt becomes cells without the prompts and
without the output, which running them brings back. Links within the manual become plain text.
"""

import base64
import doctest
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx.application import Sphinx

from .chinese import is_chinese

FRONT_MATTER = re.compile(r"\A---\n.*?^---\n", re.DOTALL | re.MULTILINE)
BLOCK = re.compile(r"^```(?P<kind>.*)\n(?P<content>(?:.*\n)*?)```$", re.MULTILINE)
CELL_TAGS = re.compile(r"\A:tags: \[(.*)\]\n+")
REFERENCE = re.compile(r"\{(?P<role>\w+)\}`(?P<content>[^`]*)`")
INTERNAL_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?!\w+:)[^)]*\)")
PICTURE = re.compile(r"!\[(?P<text>[^\]]*)\]\((?P<file>[^)]+\.svg)\)")
#: The page that a demo prints: its blocks are excerpts.
EXCERPTS = {"derivation"}
LINK = '</h1>\n<p class="notebook"><a download href="{address}">{text}</a></p>'


def has_notebook(pagename: str, text: str) -> bool:
    """Whether a page has code that runs."""
    kinds = {block["kind"] for block in BLOCK.finditer(text)}
    return pagename not in EXCERPTS and not kinds.isdisjoint({"python", "{code-cell} python"})


def notebook(page: Path) -> nbformat.NotebookNode:
    """Make the notebook of a page."""
    text = FRONT_MATTER.sub("", page.read_text("utf-8"))
    cells, prose, end = [], "", 0

    def close() -> None:
        nonlocal prose
        if prose.strip():
            cells.append(_prose_cell(prose.strip(), page.parent))
        prose = ""

    for block in BLOCK.finditer(text):
        prose += text[end : block.start()]
        end = block.end()
        if block["kind"] in {"python", "{code-cell} python"}:
            close()
            cells += _code_cells(block["content"])
        elif not block["kind"].startswith("{"):  # a directive is for the manual
            prose += block[0]
    prose += text[end:]
    close()
    for i, cell in enumerate(cells):
        cell["id"] = f"cell-{i}"  # and not a random one: a build can be repeated
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def _code_cells(code: str) -> Iterator[nbformat.NotebookNode]:
    """Make the cells of a block; where something is shown in between, a cell ends."""
    if not code.startswith(">>>"):
        tags = CELL_TAGS.match(code)
        metadata = {"tags": tags[1].split(", ")} if tags else {}
        yield new_code_cell(code[tags.end() if tags else 0 :].rstrip(), metadata=metadata)
        return
    lines = ""
    for example in doctest.DocTestParser().get_examples(code):
        lines += re.sub(r" *# doctest: .*", "", example.source)
        if example.want:
            metadata = {"tags": ["raises-exception"]} if example.exc_msg else {}
            yield new_code_cell(lines.rstrip(), metadata=metadata)
            lines = ""
    if lines:
        yield new_code_cell(lines.rstrip())


def _prose_cell(text: str, folder: Path) -> nbformat.NotebookNode:
    """Make a cell of text that needs nothing of the manual: a picture is part of it."""
    cell = new_markdown_cell(REFERENCE.sub(_shown, INTERNAL_LINK.sub(r"\g<text>", text)))
    for picture in PICTURE.finditer(text):
        file = folder / picture["file"]
        data = base64.b64encode(file.read_bytes()).decode()
        cell.setdefault("attachments", {})[file.name] = {"image/svg+xml": data}
    cell.source = PICTURE.sub(
        lambda found: f"![{found['text']}](attachment:{Path(found['file']).name})", cell.source
    )
    return cell


def _shown(reference: re.Match[str]) -> str:
    """Write a reference as the text that it shows."""
    shown = re.sub(r"\s*<[^>]*>$", "", reference["content"])
    if shown.startswith("~"):
        shown = shown.rsplit(".", 1)[-1]
    return shown if reference["role"] in {"doc", "ref", "term"} else f"`{shown}`"


def offer(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object
) -> None:
    """Write the notebook of a page beside the built manual, and link to it below the title."""
    page = Path(app.srcdir, f"{pagename}.md")
    if "body" not in context or not page.exists():
        return
    if not has_notebook(pagename, page.read_text("utf-8")):
        return
    file = f"_notebooks/{pagename.replace('/', '-')}.ipynb"
    target = Path(app.outdir, file)
    target.parent.mkdir(exist_ok=True)
    nbformat.write(notebook(page), target)
    text = (
        "下载本页的 Jupyter 笔记本" if is_chinese(pagename) else "Download this page as a notebook"
    )
    link = LINK.format(address=context["pathto"](file, resource=True), text=text)
    context["body"] = context["body"].replace("</h1>", link, 1)


def setup(app: Sphinx) -> dict[str, bool]:
    """Offer a notebook with each page that is written."""
    app.connect("html-page-context", offer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
