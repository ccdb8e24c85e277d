"""`draw`: the graph of a loss as a picture.

A recorded loss is drawn from its tape; a function is traced, or run where it cannot be, and drawn
with the values that it has at its inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any, Literal, overload

from ..core.errors import check_names
from ..core.tensor import Tensor
from .dot import as_dot
from .explorable import Explorable
from .explorable import explore as explored
from .page import as_page, framed
from .picture import Picture
from .subject import of_function, of_tensor
from .svg import as_svg

#: A picture with more boxes than this is no longer one that a person can read.
LIMIT = 400


class Drawing:
    """The graph of a loss as a picture; a notebook shows it by itself.

    Made by `draw`. The numbers in it are those of the moment when it was drawn.

    Attributes
    ----------
    picture : Picture
        What is in it: ``picture.boxes`` and ``picture.links``.

    Examples
    --------
    >>> import numpy as np
    >>> drawing = draw(lambda x: np.sum(x * x), x=np.ones(3))
    >>> [box.name for box in drawing.picture.boxes]
    ['loss', 'x * x', 'x']
    >>> drawing.dot.splitlines()[0]
    'digraph loss {'
    """

    def __init__(self, picture: Picture) -> None:
        self.picture = picture

    @cached_property
    def svg(self) -> str:
        """The picture as SVG."""
        return as_svg(self.picture)

    @cached_property
    def html(self) -> str:
        """The picture as a page of its own, which walks through the backward pass.

        It is one file and needs no network. ``graph.html#step=5`` is the address of a step.
        """
        return as_page(self.picture, self.svg)

    @cached_property
    def dot(self) -> str:
        """The graph in the language of Graphviz."""
        return as_dot(self.picture)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the picture to a file: ``.svg``, ``.html`` or ``.dot``.

        Raises
        ------
        ValueError
            If the name of the file ends in anything else.
        """
        ending = Path(path).suffix.lower()
        if ending not in (".svg", ".html", ".dot"):
            raise ValueError(
                f"{str(path)!r} ends in {ending!r}, and a picture is saved as .svg, .html or .dot: "
                "choose one of these (a browser or Inkscape turns an .svg into other formats)"
            )
        Path(path).write_text(getattr(self, ending[1:]), "utf-8")

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        return framed(self.picture.title, self.html)

    def __repr__(self) -> str:
        boxes, links = len(self.picture.boxes), len(self.picture.links)
        return f"<Drawing of {self.picture.boxes[0].name}: {boxes} boxes, {links} arrows>"


@overload
def draw(loss: Tensor | Callable[..., Any], /, wrt: str | tuple[str, ...] | None = None, *,
         limit: int = LIMIT, explore: Literal[False] = False,
         **inputs: Any) -> Drawing: ...  # fmt: skip
@overload
def draw(loss: Callable[..., Any], /, wrt: str | tuple[str, ...] | None = None, *,
         explore: Literal[True], **inputs: Any) -> Explorable: ...  # fmt: skip
def draw(loss: Tensor | Callable[..., Any], /, wrt: str | tuple[str, ...] | None = None, *,
         limit: int = LIMIT, explore: bool = False,
         **inputs: Any) -> Drawing | Explorable:  # fmt: skip
    """Draw the graph of a loss: what is computed from what, and how the gradient comes back.

    Parameters
    ----------
    loss : Tensor or callable
        A recorded loss, or a function that computes one with NumPy. The tape of a loss is walked
        and kept: ``loss.backward()`` works afterwards, and no ``.grad`` is set. One that
        backward() has used up cannot be drawn any more.
    wrt : str or tuple of str, optional
        The inputs of a function with respect to which to differentiate (or local variables of it,
        such as ``"scores"``); the first input if not given.
    limit : int
        The largest number of boxes to draw.
    explore : bool
        Make a page to explore the gradient of a softmax classifier, instead of the graph: drag the
        scores of an example, nudge any number, see the pieces that add up to a gradient, and take
        steps. The loss must be the mean cross-entropy of a linear classifier, or of one with a
        hidden ReLU layer, with or without ``0.5 * reg`` times the sum of the squared weights; data
        and labels must be among the inputs. The loss is recognised by its numbers, so it may be
        written in any way. Leave out `wrt`: the page shows the gradients of all parameters.
    **inputs
        The function's inputs by name.

    Returns
    -------
    Drawing or Explorable
        Save it, or let a notebook show it; a drawing also has its ``svg``, and both their ``html``.

    Raises
    ------
    BackwardError
        If the loss has no graph, is no scalar, or its graph has been used up.
    StaleDataError
        If a parameter was changed after the loss was computed.
    TypeError
        If `loss` is neither a Tensor nor a function, is a Tensor and inputs are given, or `wrt`
        names no input; with `explore`, if the inputs are not those that the loss takes.
    ValueError
        If there are more boxes than `limit`, or an input has a name that no Python variable can
        have; with `explore`, if the loss is another one than the page can show, an input has not
        the form of data, labels or weights, or there are more than 10 classes, 1000 examples or
        1000 weights in a layer.

    Notes
    -----
    A function shows the most: every value, the line of its source that makes it (if the source is
    available), and the derived line of every gradient that has one. A tape holds only what the
    gradient rules asked for; a value is shown if it is among these, if a variable holds it, or if
    it follows from others. The page says which ones are not. Of a large array a heat map shows
    some of the rows, sorted by the integer labels among the inputs if there are any.

    Examples
    --------
    >>> import numpy as np
    >>> drawing = draw(lambda w, X: np.sum(X @ w), w=np.ones(2), X=np.eye(2))
    >>> drawing
    <Drawing of loss: 4 boxes, 3 arrows>
    >>> drawing.save("graph.html")  # doctest: +SKIP

    A page to explore; the loss is that of a linear classifier:

    >>> from tinygrad_softmax.datasets import spiral
    >>> def loss(W, b, X, y):
    ...     exp_scores = np.exp(X @ W + b)
    ...     probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    ...     return -np.mean(np.log(probs[range(len(X)), y]))
    >>> X, y = spiral(n_per_class=10, random_state=0)
    >>> draw(loss, explore=True, W=np.ones((2, 3)), b=np.zeros(3), X=X, y=y)
    <Explorable: 30 examples, 2 features, 3 classes>
    """
    if explore:
        if isinstance(loss, Tensor) or not callable(loss):
            raise TypeError(
                "draw(..., explore=True) takes a function with its inputs, because it compares the "
                f"loss at other numbers, not a {type(loss).__name__}"
            )
        check_names(inputs)
        return explored(loss, wrt, inputs)
    if isinstance(loss, Tensor):
        if wrt is not None or inputs:
            raise TypeError("draw(loss) of a Tensor takes no inputs: its tape says the rest")
        picture = of_tensor(loss)
    elif callable(loss):
        check_names(inputs)
        picture = of_function(loss, wrt, inputs)
    else:
        raise TypeError("draw() takes a loss: a Tensor, or a function with its inputs, not "
                        f"{type(loss).__name__}")  # fmt: skip
    if len(picture.boxes) > limit:
        raise ValueError(
            f"the graph has {len(picture.boxes)} boxes, more than the {limit} that a picture is "
            "readable with: draw the loss of fewer examples, or of fewer turns of its loop, or "
            f"say limit={len(picture.boxes)} to draw it all the same"
        )
    return Drawing(picture)
