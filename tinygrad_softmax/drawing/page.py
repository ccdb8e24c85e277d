"""The picture as a page: one file that walks through the backward pass.

The page's frame, style and script are files beside this one; what the script tells is put into the
page as data, so nothing of the user's is ever read as code.
"""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any

from .layout import Frame
from .picture import KINDS, Picture
from .svg import asset, outline


def as_page(picture: Picture, svg: str) -> str:
    """Return the page around the picture; it needs nothing from the network."""
    name, start = picture.boxes[0].name, said(picture, 0)
    source = "".join(f'<code data-line="{i}">{escape(line)}\n</code>'
                     for i, line in enumerate(picture.code))  # fmt: skip
    parts = {
        "title": escape(f"The loss {name}, there and back"),
        "loss": escape(name),
        "style": asset("page.css"),
        "legend": "\n".join(_sample(kind, text) for kind, (text, _) in KINDS.items()),
        "svg": svg,
        "said": _marked(start),
        "source": f'<pre id="source" tabindex="0" aria-label="The code">{source}</pre>'
        if source
        else "",
        "notes": "\n".join(f"<p>{_marked(note)}</p>" for note in picture.notes),
        "data": embedded(as_data(picture)),
        "script": asset("page.js"),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], asset("page.html"))


def framed(title: str, page: str) -> str:
    """Return a page in a frame, for a notebook: its style and script stay in there."""
    return (f'<iframe title="{escape(title)}" srcdoc="{escape(page)}" '
            'style="width: 100%; height: 46rem; border: 1px solid #8884"></iframe>')  # fmt: skip


def as_data(picture: Picture) -> dict[str, Any]:
    """Return what the script tells of each step and box."""
    boxes = [
        {key: value._asdict() if hasattr(value, "_asdict") else value
         for key, value in box._asdict().items()}
        | {"kind": KINDS[box.kind][1],
           "arrivals": [{**arrival._asdict(), "name": picture.boxes[arrival.source].name}
                        for arrival in box.arrivals]}
        for box in picture.boxes
    ]  # fmt: skip
    steps = [said(picture, k) for k in range(picture.steps + 1)]
    return {"steps": picture.steps, "said": steps, "boxes": boxes}


def said(picture: Picture, step: int) -> str:
    """Return the sentence that goes with a step of the backward pass.

    It is read out by a screen reader, so it stands by itself.
    """
    head = f"Step {step} of {picture.steps}:"
    if not step:
        return (f"{head} the loss has been computed. Press Next, or the right arrow key, and its "
                "gradient comes back.")  # fmt: skip
    box = picture.boxes[step - 1]
    if not box.arrivals:
        return f"{head} the gradient starts at `{box.name}`. {box.lead}"
    *rest, last = (f"`{picture.boxes[arrival.source].name}`" for arrival in box.arrivals)
    sources = f"{', '.join(rest)} and {last}" if rest else last
    why = box.lead if rest else box.arrivals[0].sentence
    return f"{head} from {sources} back to `{box.name}`. {why}"


def _marked(text: str) -> str:
    """Return text as HTML, with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def embedded(data: Any) -> str:
    """Return data as JSON that can stand in a script element, whatever is in it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _sample(kind: str, text: str) -> str:
    shape = outline(kind, Frame(2, 2, 40, 18))
    return (f'<li><svg class="tgd" width="44" height="22" aria-hidden="true">'
            f'<g class="box {kind}">{shape}</g></svg> {text}</li>')  # fmt: skip
