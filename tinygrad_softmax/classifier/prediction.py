"""What a fitted classifier can be asked.

Imports `conventions` and `training`. Everything follows from two attributes, ``classes_`` and
``parameters_``, by the same `class_scores` that was trained.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..ops.softmax import log_softmax, softmax
from .conventions import BaseEstimator, ClassifierMixin, NotFittedError, check_examples
from .dask_blocks import is_dask, map_rows
from .examples import announce, open_blocks
from .mapped import MappedBlocks, is_mapped
from .targets import (
    check_classes,
    check_sample_weight,
    check_targets,
    check_weights,
    largest_weight,
)
from .training import class_scores

__all__ = ["SoftmaxPredictor"]

Floats = NDArray[Any]


def by_blocks(method: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Let a method answer for Dask arrays, lazily, and for mapped files, both block by block."""

    @wraps(method)
    def answer(self: SoftmaxPredictor, X: Any) -> Any:
        if not (is_dask(X) or is_mapped(X)):
            return method(self, X)
        model = self._alone()
        announce(model, X, reset=False)
        sample = method(model, np.zeros((1, X.shape[1])))
        settings = {"model": model, "name": method.__name__, "sample": sample}
        if is_dask(X):
            return map_rows(_answer, X, sample, settings)
        blocks = MappedBlocks(X, None, None)
        return np.concatenate(list(blocks.gather(_answer_mapped, settings)))

    return answer


def _answer(X: Any, model: Any, name: str, sample: Any, first_row: int) -> Any:
    """Return what the model's method of this name says of a block; `sample` is like it."""
    if not len(X):
        return sample[:0]
    try:
        return getattr(model, name)(np.asarray(X))
    except ValueError as error:
        error.add_note(f"The rows are counted from row {first_row} of X, where a block begins.")
        raise


def _answer_mapped(first_row: int, X: Any, _y: Any, _weights: Any, settings: Any) -> Any:
    return _answer(X, first_row=first_row, **settings)


def _count_hits(first_row: int, X: Any, y: Any, weights: Any, model: Any) -> list[float]:
    """Return the weight of a block's rows that are predicted right, and of all of them."""
    y = np.asarray(y)
    check_classes(y, first_row)
    weights = np.ones(len(y)) if weights is None else np.asarray(weights, np.float64)
    check_weights(weights, first_row)
    right = _answer(X, model, "predict", model.classes_, first_row) == y
    return [float(np.sum(weights[right])), float(np.sum(weights))]


class SoftmaxPredictor(ClassifierMixin, BaseEstimator):
    """Predictions from ``parameters_``; the part of `SoftmaxClassifier` that does not train.

    Its methods take `X` of shape (N, D), as many columns as at ``fit``, and raise NotFittedError
    before that, and ValueError if `X` is not such a matrix or not finite.

    Examples
    --------
    >>> model = SoftmaxPredictor()
    >>> model.classes_, model.n_features_in_ = np.array(["low", "high"]), 1
    >>> model.parameters_ = np.array([[-1.0, 1.0]]), np.array([[6.0, 0.0]])
    >>> model.predict([[2.0], [4.0]]).tolist()
    ['low', 'high']
    >>> model.decision_function([[2.0], [4.0]]).tolist()
    [-2.0, 2.0]
    """

    classes_: NDArray[Any]
    parameters_: tuple[Floats, ...]

    @by_blocks
    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class of each row (of several, the first), shape (N,)."""
        best = self._scores(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    @by_blocks
    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return the probability of each class, shape (N, K), in the order of ``classes_``."""
        return np.asarray(softmax(self._scores(X)))

    @by_blocks
    def predict_log_proba(self, X: ArrayLike) -> Floats:
        """Return the logarithms of `predict_proba`, finite where a probability rounds to 0."""
        return np.asarray(log_softmax(self._scores(X)))

    @by_blocks
    def decision_function(self, X: ArrayLike) -> Floats:
        """Return the class scores, shape (N, K).

        Of two classes, as in scikit-learn, the second's minus the first's, shape (N,): positive
        where the second is predicted.
        """
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy: the (weighted) share of rows whose class in `y` is predicted."""
        if is_dask(X) or is_mapped(X):
            model = self._alone()
            announce(model, X, reset=False)
            blocks, _ = open_blocks(X, y, sample_weight)
            right, total = blocks.add_up(_count_hits, model)
            return float(right / largest_weight(total))
        predicted = self.predict(X)
        y = check_targets(y, len(predicted))
        weights = check_sample_weight(sample_weight, len(predicted))
        return float(np.average(predicted == y, weights=weights))

    @property
    def coef_(self) -> Floats:
        """Weights of the linear classifier, shape (K, D), or (1, D) for two classes."""
        return self._linear(0).T

    @property
    def intercept_(self) -> Floats:
        """Biases of the linear classifier, shape (K,), or (1,) for two classes."""
        return self._linear(1).ravel()

    def _linear(self, which: int) -> Floats:
        """Return W or b, of two classes the difference that `decision_function` is made of."""
        if len(self.parameters_) != 2:
            raise AttributeError("a network has no coef_ and intercept_: see parameters_")
        array = self.parameters_[which]
        return array[:, 1:] - array[:, :1] if len(self.classes_) == 2 else array

    def _alone(self) -> SoftmaxPredictor:
        """Return what predictions need, to send to where a block is."""
        self._check_fitted()
        model = SoftmaxPredictor()
        for name in ("classes_", "parameters_", "n_features_in_"):
            setattr(model, name, getattr(self, name))
        return model

    def _check_fitted(self) -> None:
        if not hasattr(self, "parameters_"):
            raise NotFittedError(
                f"this {type(self).__name__} is not fitted yet: call fit(X, y) first"
            )

    def _scores(self, X: ArrayLike) -> Floats:
        self._check_fitted()
        return np.asarray(class_scores(self.parameters_, check_examples(self, X, reset=False)))
