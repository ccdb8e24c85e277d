"""Draw the pictures of the page "Why is dscores the probabilities minus one?".

``python docs/pictures.py`` writes them to `docs/pictures`, in English and in Chinese. The numbers
are computed here; a test compares the files with what this script draws.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

FOLDER = Path(__file__).parent / "pictures"
STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1f2328; }
.code { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 13px; }
.small { font-size: 12px; fill: #57606a; }
.ground { fill: #ffffff; } .line { stroke: #8c959f; }
.cell { fill: #eef1f4; } .edge { stroke: #ffffff; }
.blue { fill: #3b82c4; } .orange { fill: #d9730d; } .green { fill: #2f9e63; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e9ec; } .small { fill: #a3abb5; }
  .ground { fill: #15181c; } .line { stroke: #6e7681; }
  .cell { fill: #2a2f36; } .edge { stroke: #15181c; }
}
"""
WORDS = {
    "en": {
        "title": "One example: scores, probabilities and gradient",
        "label": "the label",
        "class": "class",
        "up": "its score rises",
        "down": "its score falls",
        "sum": "sum",
        "pieces": "A weight's gradient is a sum over the examples",
        "examples": "examples i",
        "multiply": "multiply row by row, and add",
    },
    "zh": {
        "title": "一个样本的得分、概率和梯度",
        "label": "正确类别",
        "class": "类别",
        "up": "得分升高",
        "down": "得分降低",
        "sum": "合计",
        "pieces": "一个权重的梯度是对所有样本求和",
        "examples": "样本 i",
        "multiply": "逐行相乘，再相加",
    },
}


def text(x: float, y: float, said: str, kind: str = "", anchor: str = "start") -> str:
    """Write at a place."""
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(said)}</text>'


def box(x: float, y: float, width: float, height: float, kind: str) -> str:
    """Draw a filled rectangle."""
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:g}" width="{width:.1f}" height="{height:g}"/>'


def picture(title: str, width: int, height: int, parts: list[str]) -> str:
    """Put parts on a ground of their own, so that they can be read on a light and a dark page."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"',
            f'  width="{width}" height="{height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="ground" width="{width}" height="{height}" rx="6"/>',
            *parts,
            "</svg>\n",
        ]
    )


def one_example(words: dict[str, str]) -> str:
    """Draw the probabilities of one example, and the gradient of its loss, as bars."""
    scores, label = np.array([1.0, 2.0, 0.5]), 0
    probs = np.exp(scores) / np.sum(np.exp(scores))
    dscores = probs.copy()
    dscores[label] -= 1
    left, middle, size = 150, 370, 75  # where the bars begin, and how long 1 is
    parts = [
        text(left - 12, 28, "scores", "code", "end"),
        text(left, 28, "probs", "code"),
        text(middle, 28, "dscores", "code", "middle"),
    ]
    for k in range(3):
        y = 44 + 44 * k
        name = f"{words['class']} {k}"
        parts += [
            text(16, y + 15, name),
            text(left - 12, y + 15, f"{scores[k]:g}", "code", "end"),
            box(left, y, size * probs[k], 20, "blue"),
            text(left + size * probs[k] + 6, y + 15, f"{probs[k]:.3f}", "code"),
        ]
        if k == label:
            parts.append(text(16, y + 31, words["label"], "small"))
        length = size * abs(dscores[k])
        way = 1 if dscores[k] > 0 else -1
        parts += [
            box(middle - (way < 0) * length, y, length, 20, "orange" if way > 0 else "green"),
            text(middle - way * 6, y + 15, f"{dscores[k]:+.3f}".replace("-", "\u2212"), "code",
                 "end" if way > 0 else "start"),
            text(middle - way * 6, y + 31, words["down" if way > 0 else "up"], "small",
                 "end" if way > 0 else "start"),
        ]  # fmt: skip
    bottom = 44 + 44 * 3
    parts += [
        f'<path class="line" d="M{left} 38V{bottom} M{middle} 38V{bottom}"/>',
        text(16, bottom + 20, words["sum"], "small"),
        text(left, bottom + 20, f"{probs.sum():g}", "code"),
        text(middle, bottom + 20, f"{abs(dscores.sum()):.0f}", "code", "middle"),
    ]
    return picture(words["title"], 470, bottom + 36, parts)


def pieces(words: dict[str, str]) -> str:
    """Draw which entries of X and of dscores make an entry of dW."""
    side, top, d, k = 26, 44, 1, 2
    grids = {"X": (64, 6, 2, d), "dscores": (176, 6, 3, k)}
    parts = []
    for name, (left, rows, columns, chosen) in grids.items():
        parts.append(text(left + columns * side / 2, top - 22, name, "code", "middle"))
        for i in range(rows):
            for column in range(columns):
                kind = "edge blue" if column == chosen else "edge cell"
                parts.append(box(left + side * column, top + side * i, side, side, kind))
        letter = "d" if name == "X" else "k"
        parts.append(text(left + side * (chosen + 0.5), top - 6, letter, "small", "middle"))
    parts.append(
        f'<text class="small" text-anchor="middle" transform="translate(44 {top + 3 * side}) '
        f'rotate(-90)">{escape(words["examples"])}</text>'
    )
    left, high = 350, top + 2 * side
    parts += [
        text(left + 1.5 * side, high - 22, "dW", "code", "middle"),
        text(left + (k + 0.5) * side, high - 6, "k", "small", "middle"),
        text(left - 8, high + (d + 0.5) * side + 4, "d", "small", "end"),
        f'<path class="line" fill="none" d="M266 {high + side}h58m-7 -5l7 5l-7 5"/>',
    ]
    for row in range(2):
        for column in range(3):
            kind = "edge orange" if (row, column) == (d, k) else "edge cell"
            parts.append(box(left + side * column, high + side * row, side, side, kind))
    bottom = top + 6 * side
    parts += [
        text(235, bottom + 24, words["multiply"], "small", "middle"),
        text(235, bottom + 46, "dW[d, k] = Σᵢ X[i, d] · dscores[i, k]", "code", "middle"),
    ]
    return picture(words["pieces"], 470, bottom + 64, parts)


def pictures() -> dict[str, str]:
    """Draw all pictures, by the name of the file."""
    drawn = {"one_example": one_example, "pieces": pieces}
    return {
        f"{name}{'' if language == 'en' else '.' + language}.svg": draw(words)
        for name, draw in drawn.items()
        for language, words in WORDS.items()
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, drawing in pictures().items():
        (FOLDER / file).write_text(drawing, "utf-8")
