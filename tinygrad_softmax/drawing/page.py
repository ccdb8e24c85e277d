"""The picture as a page: one file that walks through the backward pass.

Imports `picture` and `svg`. The page's frame, style and script are files beside this one; what the
script tells is put into the page as data, so nothing of the user's is ever read as code.
"""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any

from ..prose.sentences import listed
from .picture import KINDS, Arrival, Box, Picture
from .routes import Frame
from .summary import Summary
from .svg import asset, outline

#: What each kind is called in the legend.
_LEGEND = {"data": "data", "parameter": "parameter", "step": "step in between",
           "named": "value with a name", "loss": "loss"}  # fmt: skip


def as_page(picture: Picture, svg: str) -> str:
    """Return the page around the picture; it needs nothing from the network."""
    parts = {
        "title": escape(f"The loss {picture.boxes[0].name}, there and back"),
        "loss": escape(picture.boxes[0].name),
        "style": asset("page.css"),
        "legend": "\n".join(_sample(kind, text) for kind, text in _LEGEND.items()),
        "svg": svg,
        "notes": "\n".join(f"<p>{_marked(note)}</p>" for note in picture.notes),
        "data": _script(as_data(picture)),
        "script": asset("page.js"),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], asset("page.html"))


def as_frame(picture: Picture, page: str) -> str:
    """Return the page in a frame, for a notebook: its style and script stay in there."""
    return (f'<iframe title="{escape(picture.title)}" srcdoc="{escape(page)}" '
            'style="width: 100%; height: 46rem; border: 1px solid #8884"></iframe>')  # fmt: skip


def _marked(text: str) -> str:
    """Return text as HTML, with what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _script(data: Any) -> str:
    """Return data as JSON that can stand in a script element, whatever is in it."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _sample(kind: str, text: str) -> str:
    shape = outline(kind, Frame(2, 2, 40, 18))
    return (f'<li><svg class="tgd" width="44" height="22" aria-hidden="true">'
            f'<g class="box {kind}">{shape}</g></svg> {text}</li>')  # fmt: skip


def as_data(picture: Picture) -> dict[str, Any]:
    """Return what the script tells of each box."""
    boxes = [_told(picture, i, box) for i, box in enumerate(picture.boxes)]
    return {"steps": picture.steps, "boxes": boxes}


def _told(picture: Picture, i: int, box: Box) -> dict[str, Any]:
    line = box.line
    return {
        "name": box.name,
        "kind": KINDS[box.kind],
        "op": box.op,
        "shape": box.shape,
        "definition": box.definition,
        "value": _shown(box.value),
        "gradient": box.gradient,
        "slope": _shown(box.slope),
        "said": said(picture, i) if box.gradient else "",
        "lead": box.lead,
        "arrivals": [_arrival(picture, arrival) for arrival in box.arrivals],
        "line": None if line is None else {
            "code": line.code,
            "parts": [text[0].upper() + text[1:] for text in line.contributions],
            "sentences": line.sentences,
        },
    }  # fmt: skip


def _shown(summary: Summary | None) -> dict[str, Any] | None:
    return None if summary is None else summary._asdict()


def _arrival(picture: Picture, arrival: Arrival) -> dict[str, Any]:
    return {**arrival._asdict(), "name": picture.boxes[arrival.source].name}


def said(picture: Picture, i: int) -> str:
    """Return the sentence that goes with one step of the backward pass.

    It is read out by a screen reader, so it stands by itself.
    """
    box = picture.boxes[i]
    step = f"Step {i + 1} of {picture.steps}."
    if not box.arrivals:
        return f"{step} Start at `{box.name}`. {box.lead}"
    sources = listed([f"`{picture.boxes[arrival.source].name}`" for arrival in box.arrivals])
    text = f"{step} From {sources} back to `{box.name}`."
    if len(box.arrivals) == 1:
        return f"{text} {box.arrivals[0].sentence}"
    return f"{text} {box.lead}"
