"""A classifier as an explorable page: one file with the data, the script and the words in it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from html import escape
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ...core.transforms import value_and_grad
from ...datasets import case_study
from ...ops.softmax import cross_entropy, relu
from ..page import embedded, framed
from .classifier import Classifier, Layer, recognised

#: In the order in which they are run: libraries, arithmetic, parts, sections, the page.
SCRIPTS = ("vendor/preact.js", "vendor/hooks.js", "vendor/htm.js", "arithmetic.js", "elements.js",
           "scatter.js", "one_example.js", "nudge.js", "all_examples.js", "steps.js",
           "main.js")  # fmt: skip
#: The variables of the page's own lines.
OWN = frozenset(("np", "range", "num_examples", "step_size", "reg", "scores", "exp_scores", "probs",
                 "loss", "hidden", "dscores", "dhidden", "i", "d", "j", "k", "h"))  # fmt: skip
#: The libraries, their versions and their licences.
LIBRARIES = (("preact", "10.29.8", "MIT"), ("htm", "3.1.1", "Apache-2.0"))


class Explorable:
    """A page on which the gradient of a softmax classifier can be explored.

    Made by ``draw(..., explore=True)``; a notebook shows it by itself. The page is one file and
    needs no network. It is in English and Chinese: ``page.html#lang=zh`` is the address of the
    page in Chinese, and ``#at=steps`` that of a section (``one``, ``nudge``, ``all`` or ``steps``)
    or of a question (``product``, ``sum`` or ``reg``).

    Examples
    --------
    >>> import numpy as np
    >>> from tinygrad_softmax import cross_entropy, draw
    >>> X, y = np.array([[1.0, 2.0], [2.0, 0.5], [0.0, 1.0]]), np.array([0, 1, 0])
    >>> W, b = np.ones((2, 2)), np.zeros(2)
    >>> draw(lambda W, b, X, y: cross_entropy(X @ W + b, y), explore=True, W=W, b=b, X=X, y=y)
    <Explorable: 3 examples, 2 features, 2 classes>
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data

    @cached_property
    def html(self) -> str:
        """The page."""
        strings = json.loads(_asset("strings.json"))
        scripts = "\n".join(f"<script>\n{_without_map(_asset(name))}</script>" for name in SCRIPTS)
        parts = {
            "title": escape(strings["en"]["title"]),
            "style": _asset("explorable.css"),
            "data": embedded(self._data),
            "strings": embedded(strings),
            "licences": escape(
                "\n\n".join(
                    f"{name} {version} ({licence})\n\n{_asset(f'vendor/{name}.LICENSE')}"
                    for name, version, licence in LIBRARIES
                ),
                quote=False,
            ),
            "scripts": scripts,
        }
        return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _asset("explorable.html"))

    def save(self, path: str | PathLike[str]) -> None:
        """Write the page to a file, whose name ends in ``.html``.

        Raises
        ------
        ValueError
            If the name of the file ends in anything else.
        """
        if Path(path).suffix.lower() != ".html":
            raise ValueError(f"{str(path)!r} does not end in .html, and what can be explored is a "
                             "page: save it as .html")  # fmt: skip
        Path(path).write_text(self.html, "utf-8")

    def _repr_html_(self) -> str:
        return framed("The gradient of a softmax classifier, to explore", self.html)

    def __repr__(self) -> str:
        X, model = self._data["X"], self._data["models"][0]
        classes = len(model["layers"][-1]["W"][0])
        counted = [f"{size} {what}{'s' * (size != 1)}"
                   for size, what in ((len(X), "example"), (len(X[0]), "feature"))]  # fmt: skip
        return f"<Explorable: {', '.join(counted)}, {classes} classes>"


def explore(loss: Callable[..., Any], wrt: Any, inputs: dict[str, Any]) -> Explorable:
    """Return the page of a loss at its inputs.

    Raises
    ------
    ValueError
        If the loss is none that the page can show.
    """
    classifier = recognised(loss, wrt, inputs)
    return Explorable(_data([classifier], starts=[0], source="source.own"))


def case_study_page() -> Explorable:
    """Return the page of the CS231n case study.

    Its first sections show the linear classifier after ten steps, since at the start all classes
    are about as probable; the last one starts where the case study does.

    Examples
    --------
    >>> case_study_page()
    <Explorable: 300 examples, 2 features, 3 classes>
    """
    X, y, linear, network = case_study()
    step, reg = value_and_grad(_loss, "layers"), 1e-3

    def classifier(layers: list[tuple[Any, Any]]) -> Classifier:
        gradients = step(X=X, y=y, layers=layers, reg=reg)[1]
        rows = zip((("W", "b"), ("W2", "b2")), layers, gradients, strict=False)
        return Classifier("X", "y", X, y, tuple(Layer(*a, *b, *c) for a, b, c in rows), reg)

    start = classifier([(linear.W, linear.b)])
    W, b = linear.W, linear.b
    for _ in range(10):
        ((dW, db),) = step(X=X, y=y, layers=[(W, b)], reg=reg)[1]
        W, b = W - dW, b - db
    after = classifier([(W, b)])
    hidden = classifier([(network.W, network.b), (network.W2, network.b2)])
    return Explorable(_data([after, start, hidden], starts=[1, 2], source="source.case"))


def _loss(X: Any, y: Any, layers: Any, reg: float) -> Any:
    """Return the loss of a classifier with any number of layers, composed from ops."""
    *hidden, (W, b) = layers
    for V, c in hidden:
        X = relu(np.dot(X, V) + c)
    return cross_entropy(np.dot(X, W) + b, y) + 0.5 * reg * sum(np.sum(V * V) for V, _ in layers)


def _data(models: Sequence[Classifier], starts: list[int], source: str) -> dict[str, Any]:
    """Return what the script reads; the first model is that of the sections on single numbers."""
    first = models[0]
    labels = np.arange(len(first.y)), first.y
    losses = np.log(np.sum(np.exp(first.scores), axis=1)) - first.scores[labels]
    names = _names(first)
    X, labels_name = names[first.X_name], names[first.y_name]
    y = "y" if first.one_hot else labels_name
    return {
        "source": source,
        "names": {"X": X, "y": y},
        "renamed": [[new, old] for old, new in names.items() if new != old],
        "oneHot": labels_name if first.one_hot else "",
        "prepare": [line.format(X=X, y=y, labels=labels_name) for line in first.prepare],
        "X": first.X.tolist(),
        "y": first.y.tolist(),
        # Not the largest loss, but one that leaves something to learn.
        "example": int(np.argsort(-losses, kind="stable")[len(losses) // 4]),
        "shown": 0,
        "starts": starts,
        "models": [_model(one, _names(one)) for one in models],
    }


def _names(classifier: Classifier) -> dict[str, str]:
    """Return what the inputs are called on the page; others if its own lines use a name of them."""
    pairs = {classifier.X_name: "X", classifier.y_name: "Y" if classifier.one_hot else "y"}
    used = [f"d{one.W_name}" for one in classifier.layers]
    for one, after in zip(classifier.layers, ("", "2"), strict=False):
        pairs[one.W_name] = f"W{after}"
        if one.b_name is not None:
            pairs[one.b_name] = f"b{after}"
            used.append(f"d{one.b_name}")
    if classifier.one_hot and classifier.y_name != "y":
        used.append("y")
    if OWN.isdisjoint([*pairs, *used]) and {*pairs}.isdisjoint(used):
        return {name: name for name in pairs}
    return pairs


def _model(classifier: Classifier, names: dict[str, str]) -> dict[str, Any]:
    layers = classifier.layers
    return {
        "names": [
            {"W": names[one.W_name], "b": names[one.b_name] if one.b_name else None}
            for one in layers
        ],
        "rows": [one.b is not None and one.b.ndim == 2 for one in layers],  # b of the shape (1, K)
        "layers": [{"W": one.W.tolist(), "b": _flat(one.b)} for one in layers],
        "reg": classifier.reg,
        "gradients": [{"W": one.dW.tolist(), "b": _flat(one.db)} for one in layers],
    }


def _flat(bias: Any) -> Any:
    return None if bias is None else np.ravel(bias).tolist()


def _asset(name: str) -> str:
    """Return the text of a file of this folder."""
    return files(__package__).joinpath(name).read_text("utf-8")


def _without_map(script: str) -> str:
    """Return a script without the address of its source map, which the page does not have."""
    return re.sub(r"\n//# sourceMappingURL=\S+\s*$", "\n", script)
