"""The gradients of the CS231n case study, written by hand: the answer, as plain NumPy.

These are the case study's own lines, with the reason for each beside it, and two changes:
`probs` is not overwritten by `dscores`, and the softmax does not overflow. Imports NumPy, the label
check and the errors; nothing of the automatic machinery, whose independent oracle this module is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .core.errors import ShapeError
from .core.labels import check_labels

__all__ = ["LinearStep", "TwoLayerStep", "linear", "two_layer"]

Floats = NDArray[np.floating[Any]]
Labels = NDArray[np.integer[Any]]


class LinearStep(NamedTuple):
    """The loss of the linear classifier, its gradients, and the values in between."""

    loss: np.floating[Any]  #: Mean cross-entropy plus the regularisation
    scores: Floats  #: Class scores, shape (N, K)
    probs: Floats  #: Class probabilities, shape (N, K); each row sums to one
    dscores: Floats  #: Gradient with respect to the scores, shape (N, K); each row sums to zero
    dW: Floats  #: Gradient with respect to the weights, shape (D, K)
    db: Floats  #: Gradient with respect to the biases, in the shape of `b`


class TwoLayerStep(NamedTuple):
    """The loss of the two-layer network, its gradients, and the values in between."""

    loss: np.floating[Any]  #: Mean cross-entropy plus the regularisation of both layers
    hidden: Floats  #: Activations of the hidden layer, after the ReLU, shape (N, H)
    scores: Floats  #: Class scores, shape (N, K)
    probs: Floats  #: Class probabilities, shape (N, K); each row sums to one
    dscores: Floats  #: Gradient with respect to the scores, shape (N, K); each row sums to zero
    dW2: Floats  #: Gradient with respect to the weights of the scores, shape (H, K)
    db2: Floats  #: Gradient with respect to the biases of the scores, in the shape of `b2`
    dhidden: Floats  #: Gradient before the ReLU, shape (N, H); zero where a unit was off
    dW: Floats  #: Gradient with respect to the weights of the hidden layer, shape (D, H)
    db: Floats  #: Gradient with respect to the biases of the hidden layer, in the shape of `b`


def linear(
    W: ArrayLike, b: ArrayLike, X: ArrayLike, y: ArrayLike, reg: float = 0.0, *, stable: bool = True
) -> LinearStep:
    r"""Loss and gradients of the linear softmax classifier, by the hand-written formulas.

    Parameters
    ----------
    W, b : array_like, shapes (D, K), and (1, K) or (K,)
        Weights and biases.
    X, y : array_like, shapes (N, D) and (N,)
        One example per row, and the class of each, an integer in ``0 .. K-1``.
    reg : float
        Strength of the regularisation ``0.5 * reg * np.sum(W * W)``.
    stable : bool
        Subtract each row's largest score before exponentiating. False runs the case study's own
        lines, which overflow for scores above about 709 (88 in float32).

    Returns
    -------
    LinearStep
        ``(loss, scores, probs, dscores, dW, db)``, in the precision of the inputs, which are not
        modified; no two of the arrays share memory.

    Raises
    ------
    ShapeError
        If W, b and X do not fit together.
    LabelError
        If `y` is not one valid class per example, or there is no example.

    Notes
    -----
    The indices are i for the example, d for the feature and k for the class; j runs over the
    classes in a sum. The loss is a mean over the examples, plus a penalty:

    .. math::
        L = \frac1N \sum_i -\log p_{i y_i} + \frac{reg}{2} \sum_{dk} W_{dk}^2,
        \qquad p_{ik} = \frac{e^{s_{ik}}}{\sum_j e^{s_{ij}}}, \qquad s = X W + b.

    ``dscores = probs; dscores[range(N), y] -= 1; dscores /= N``
        Written out, the loss of example i is :math:`-s_{i y_i} + \log \sum_j e^{s_{ij}}`. The
        derivative of the logarithm with respect to :math:`s_{ik}` is
        :math:`e^{s_{ik}} / \sum_j e^{s_{ij}} = p_{ik}`, for every class k. The first term adds -1,
        for the label only. So a step against the gradient lowers each wrong score in proportion to
        its probability, raises the score of the label in proportion to one minus its probability,
        and each row sums to zero. The division by N is there because the loss is a mean.

    ``dW = X.T @ dscores``
        :math:`s_{ik} = \sum_d X_{id} W_{dk} + b_k`, so :math:`W_{dk}` is multiplied by
        :math:`X_{id}` in the score k of *every* example i. The gradient is the sum over all of
        them, :math:`\sum_i X_{id}\, dscores_{ik}`, which is entry (d, k) of that product.

    ``db = np.sum(dscores, axis=0)``
        The same with the factor 1: :math:`b_k` is added to the score k of every example, so its
        gradient is :math:`\sum_i dscores_{ik}`.

    ``dW += reg * W``
        W is used a second time, in the penalty, and the gradient of a sum is the sum of the
        gradients. :math:`\frac{reg}{2} W_{dk}^2` has the derivative :math:`reg\, W_{dk}`.

    Subtracting a row's maximum changes nothing but the rounding: it multiplies numerator and
    denominator of every probability in the row by the same number.

    References
    ----------
    CS231n, "Neural Networks Case Study", https://cs231n.github.io/neural-networks-case-study/

    Examples
    --------
    At zero weights every class gets the same probability, and the loss is log K:

    >>> X, y = [[1.0, 2.0], [3.0, 4.0]], [1, 0]
    >>> step = linear(np.zeros((2, 2)), np.zeros(2), X, y)
    >>> round(float(step.loss), 6), step.probs[0]
    (0.693147, array([0.5, 0.5]))
    >>> step.dscores
    array([[ 0.25, -0.25],
           [-0.25,  0.25]])
    """
    W, b, X, reg = np.asarray(W), np.asarray(b), np.asarray(X), float(reg)
    _check_layer("linear", W=W, b=b, X=X)
    y = check_labels(y, n_examples=len(X), n_classes=W.shape[1])

    scores = X @ W + b
    data_loss, probs, dscores = _softmax_loss(scores, y, stable)
    loss = data_loss + 0.5 * reg * np.sum(W * W)
    dW = X.T @ dscores + reg * W
    db = np.sum(dscores, axis=0, keepdims=b.ndim == 2)
    return LinearStep(loss, scores, probs, dscores, dW, db)


def two_layer(
    W: ArrayLike,
    b: ArrayLike,
    W2: ArrayLike,
    b2: ArrayLike,
    X: ArrayLike,
    y: ArrayLike,
    reg: float = 0.0,
    *,
    stable: bool = True,
) -> TwoLayerStep:
    r"""Loss and gradients of the network with one hidden ReLU layer, by hand.

    Parameters
    ----------
    W, W2 : array_like, shapes (D, H) and (H, K)
        Weights of the hidden layer, and of the scores.
    b, b2 : array_like, shapes (1, H) or (H,), and (1, K) or (K,)
        Biases of the hidden layer, and of the scores.
    X, y, reg, stable
        As for :func:`linear`; both layers are regularised.

    Returns
    -------
    TwoLayerStep
        ``(loss, hidden, scores, probs, dscores, dW2, db2, dhidden, dW, db)``, in the precision of
        the inputs, which are not modified; no two of the arrays share memory.

    Raises
    ------
    ShapeError
        If the layers do not fit together.
    LabelError
        If `y` is not one valid class per example, or there is no example.

    Notes
    -----
    The source is https://cs231n.github.io/neural-networks-case-study/#net. The notes of
    :func:`linear` apply to the second layer, with `hidden` for `X`, and to the first, with
    `dhidden` for `dscores`. Two lines are new:

    ``dhidden = dscores @ W2.T``
        The unit h of example i, :math:`hidden_{ih}`, is multiplied by :math:`W2_{hk}` in every
        score k of the example, so its gradient is the sum over the classes,
        :math:`\sum_k dscores_{ik} W2_{hk}`.

    ``dhidden[hidden <= 0] = 0``
        Where ``np.maximum(0, ...)`` is 0, a small change of its argument does not change the loss.
        At exactly 0, where there is no derivative, the case study takes 0 as well.

    Examples
    --------
    The second hidden unit is off, so nothing flows back through it:

    >>> W, W2 = [[1.0, -1.0]], [[1.0, 0.0], [0.0, 1.0]]
    >>> two_layer(W, [0.0, 0.0], W2, [0.0, 0.0], X=[[2.0]], y=[1]).dW.round(4)
    array([[1.7616, 0.    ]])
    """
    W, b, W2, b2 = np.asarray(W), np.asarray(b), np.asarray(W2), np.asarray(b2)
    X, reg = np.asarray(X), float(reg)
    _check_layer("two_layer", W=W, b=b, X=X)
    hidden = np.maximum(0, X @ W + b)
    _check_layer("two_layer", W2=W2, b2=b2, hidden=hidden)
    y = check_labels(y, n_examples=len(X), n_classes=W2.shape[1])

    scores = hidden @ W2 + b2
    data_loss, probs, dscores = _softmax_loss(scores, y, stable)
    loss = data_loss + 0.5 * reg * np.sum(W * W) + 0.5 * reg * np.sum(W2 * W2)

    dW2 = hidden.T @ dscores + reg * W2
    db2 = np.sum(dscores, axis=0, keepdims=b2.ndim == 2)
    dhidden = dscores @ W2.T
    dhidden[hidden <= 0] = 0
    dW = X.T @ dhidden + reg * W
    db = np.sum(dhidden, axis=0, keepdims=b.ndim == 2)
    return TwoLayerStep(loss, hidden, scores, probs, dscores, dW2, db2, dhidden, dW, db)


def _softmax_loss(scores: Floats, y: Labels, stable: bool) -> tuple[Any, Floats, Floats]:
    """Return the mean cross-entropy, the probabilities, and `dscores`."""
    num_examples = len(scores)
    rows = np.arange(num_examples)
    if stable:
        scores = scores - np.max(scores, axis=1, keepdims=True)
    exp_scores = np.exp(scores)
    total = np.sum(exp_scores, axis=1, keepdims=True)
    probs = exp_scores / total
    if stable:
        # Taken apart, because a probability may round to 0 where its logarithm is still finite.
        correct_logprobs = np.log(total[:, 0]) - scores[rows, y]
    else:
        correct_logprobs = -np.log(probs[rows, y])
    data_loss = np.sum(correct_logprobs) / num_examples

    # A copy: in the case study `dscores` and `probs` are two names of one array.
    dscores = probs.copy()
    dscores[rows, y] -= 1
    dscores /= num_examples
    return data_loss, probs, dscores


def _check_layer(function: str, **operands: NDArray[Any]) -> None:
    """Raise unless the weights, biases and inputs, given in this order, fit together."""
    (w, W), (b, bias), (x, X) = operands.items()
    got = f"{function} got " + ", ".join(f"{name} {a.shape}" for name, a in operands.items())
    if W.ndim != 2 or X.ndim != 2:
        raise ShapeError(f"{got}: {w} and {x} must have two axes each")
    if X.shape[1] != W.shape[0]:
        raise ShapeError(f"{got}: columns of {x} and rows of {w} must agree")
    if bias.shape not in {(1, W.shape[1]), (W.shape[1],)}:
        raise ShapeError(f"{got}: {b} must be (1, {W.shape[1]}) or ({W.shape[1]},)")
