"""The spiral of the CS231n case study, and the page's own random draws.

The published losses come from one particular sequence of random numbers. It is replayed
here from a local generator, so asking for it never disturbs (or depends on) NumPy's global
one. Imports NumPy only.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["CaseStudy", "LinearStart", "TwoLayerStart", "case_study", "spiral"]

Floats = NDArray[np.float64]
Labels = NDArray[np.uint8]

UNRECORDED_DRAWS = 18
"""Normal draws between the spiral and the published W: the page's author had run the cell
``W = 0.01 * np.random.randn(2, 3)`` three times before the run that was printed."""

N_HIDDEN = 100


class _Normal(Protocol):
    """What the spiral needs of a generator; both of NumPy's kinds have it."""

    def standard_normal(self, size: int, /) -> Any: ...


class LinearStart(NamedTuple):
    """Initial parameters of the softmax classifier."""

    W: Floats
    """Weights, shape (2, 3)."""
    b: Floats
    """Biases, shape (1, 3), zero."""


class TwoLayerStart(NamedTuple):
    """Initial parameters of the two-layer network with 100 hidden units."""

    W: Floats
    """Weights of the hidden layer, shape (2, 100)."""
    b: Floats
    """Biases of the hidden layer, shape (1, 100), zero."""
    W2: Floats
    """Weights of the scores, shape (100, 3)."""
    b2: Floats
    """Biases of the scores, shape (1, 3), zero."""


class CaseStudy(NamedTuple):
    """The data and the two starting points of the published case study."""

    X: Floats
    """300 points in the plane, shape (300, 2)."""
    y: Labels
    """The arm that each point lies on, shape (300,)."""
    linear: LinearStart
    """Where the softmax classifier starts."""
    network: TwoLayerStart
    """Where the two-layer network starts."""


def spiral(
    n_per_class: int = 100,
    n_classes: int = 3,
    *,
    noise: float = 0.2,
    random_state: int | np.random.RandomState | np.random.Generator | None = None,
) -> tuple[Floats, Labels]:
    """Points on the interleaved arms of a spiral, which no linear classifier can separate.

    Each arm runs from the origin to radius 1 while its angle grows by 4 radians, to which
    normal noise is added.

    Parameters
    ----------
    n_per_class : int
        Points on each arm, at least 1.
    n_classes : int
        K, the number of arms, from 1 to 256 (the labels are ``uint8``, as on the page).
    noise : float
        Standard deviation of the angle, in radians.
    random_state : int, RandomState, Generator or None
        A seed (for ``np.random.RandomState``, the generator of the page), or a generator to
        draw from. None draws afresh. NumPy's global generator is never used.

    Returns
    -------
    X : ndarray of float64, shape (n_per_class * K, 2)
        The points, arm after arm.
    y : ndarray of uint8, shape (n_per_class * K,)
        The arm of each point.

    Raises
    ------
    ValueError
        If `n_per_class` or `n_classes` is out of range, or `noise` is negative.

    References
    ----------
    CS231n, "Minimal Neural Network Case Study",
    https://cs231n.github.io/neural-networks-case-study/#data

    Examples
    --------
    >>> X, y = spiral(n_per_class=4, random_state=0)
    >>> X.shape, y
    ((12, 2), array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2], dtype=uint8))
    """
    if n_per_class < 1:
        raise ValueError(f"n_per_class is {n_per_class}: each arm needs at least one point")
    if not 1 <= n_classes <= 256:
        raise ValueError(f"n_classes is {n_classes}: uint8 labels can tell 1 to 256 arms apart")
    if not noise >= 0:
        raise ValueError(f"noise is {noise}: a standard deviation is not negative")
    generator = random_generator(random_state)
    radius = np.linspace(0.0, 1.0, n_per_class)
    arms = []
    for arm in range(n_classes):
        # (arm + 1) * 4 rather than arm * 4 + 4: the page's expression, and its rounding.
        angle = np.linspace(arm * 4, (arm + 1) * 4, n_per_class)
        angle += generator.standard_normal(n_per_class) * noise
        arms.append(np.c_[radius * np.sin(angle), radius * np.cos(angle)])
    return np.concatenate(arms), np.repeat(np.arange(n_classes, dtype=np.uint8), n_per_class)


def case_study() -> CaseStudy:
    """Return the published case study: its points, and the parameters training starts from.

    Returns
    -------
    CaseStudy
        Freshly made arrays, the same at every call. With 200 steps of size 1 and
        ``reg=1e-3`` the linear start gives the loss column printed on the page, digit for
        digit.

    References
    ----------
    CS231n, "Minimal Neural Network Case Study",
    https://cs231n.github.io/neural-networks-case-study/

    Examples
    --------
    >>> X, y, linear, network = case_study()
    >>> X.shape, linear.W.shape, network.W2.shape
    ((300, 2), (2, 3), (100, 3))
    """
    generator = np.random.RandomState(0)
    X, y = spiral(random_state=generator)
    (_, n_features), n_classes = X.shape, 3
    generator.randn(UNRECORDED_DRAWS)
    linear = LinearStart(
        W=0.01 * generator.randn(n_features, n_classes),
        b=np.zeros((1, n_classes)),
    )
    network = TwoLayerStart(
        W=0.01 * generator.randn(n_features, N_HIDDEN),
        b=np.zeros((1, N_HIDDEN)),
        W2=0.01 * generator.randn(N_HIDDEN, n_classes),
        b2=np.zeros((1, n_classes)),
    )
    return CaseStudy(X, y, linear, network)


def random_generator(
    random_state: int | np.random.RandomState | np.random.Generator | None,
) -> _Normal:
    """Return what to draw from: the generator given, or a new one from a seed."""
    if isinstance(random_state, np.random.RandomState | np.random.Generator):
        return random_state
    return np.random.RandomState(random_state)
