"""`assert_gradients_match`: one line in a test suite, whose failure is the diagnosis.

Imports `checker`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from ..checker import check_gradients


def assert_gradients_match(
    loss: Callable[..., Any],
    gradients: Callable[..., Any] | None = None,
    /,
    *,
    wrt: str | tuple[str, ...] | None = None,
    params: MutableMapping[str, Any] | None = None,
    stages: Mapping[str, str] | None = None,
    seed: int | None = None,
    **inputs: Any,
) -> None:
    """Fail with the report of `check_gradients` unless a hand-written gradient is right.

    Parameters
    ----------
    loss, gradients, wrt, params, stages, seed, **inputs
        As for `tinygrad_softmax.check_gradients`.

    Raises
    ------
    GradientMismatchError
        An AssertionError whose message is the report: the first wrong array, the line that made it,
        and the mistake.

    Examples
    --------
    >>> import numpy as np
    >>> def loss(w):
    ...     return np.sum(w**2)
    >>> assert_gradients_match(loss, lambda w: 2 * w, wrt="w", w=np.ones(3))
    >>> assert_gradients_match(
    ...     loss, lambda w: w, wrt="w", w=np.ones(3)
    ... )  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
        ...
    tinygrad_softmax.checker.report.GradientMismatchError: The gradients are wrong. ...
    """
    __tracebackhide__ = True  # pytest points at the line of the test
    check_gradients(
        loss, gradients, wrt=wrt, params=params, stages=stages, seed=seed, **inputs
    ).raise_if_wrong()
