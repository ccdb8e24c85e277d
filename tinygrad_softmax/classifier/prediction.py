"""What a fitted classifier can be asked.

Imports `conventions` and `training`. Everything follows from two attributes, ``classes_`` and
``parameters_``, by the same `class_scores` that was trained.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..functional import log_softmax, softmax
from .conventions import (
    BaseEstimator,
    ClassifierMixin,
    NotFittedError,
    check_examples,
    check_sample_weight,
    check_targets,
)
from .training import class_scores

__all__ = ["SoftmaxPredictor"]

Floats = NDArray[Any]


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

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class of each row (of several, the first), shape (N,)."""
        best = self._scores(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return the probability of each class, shape (N, K), in the order of ``classes_``."""
        return np.asarray(softmax(self._scores(X)))

    def predict_log_proba(self, X: ArrayLike) -> Floats:
        """Return the logarithms of `predict_proba`, finite where a probability rounds to 0."""
        return np.asarray(log_softmax(self._scores(X)))

    def decision_function(self, X: ArrayLike) -> Floats:
        """Return the class scores, shape (N, K).

        Of two classes, as in scikit-learn, the second's minus the first's, shape (N,): positive
        where the second is predicted.
        """
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy: the (weighted) share of rows whose class in `y` is predicted."""
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

    def _scores(self, X: ArrayLike) -> Floats:
        if not hasattr(self, "parameters_"):
            raise NotFittedError(
                f"this {type(self).__name__} is not fitted yet: call fit(X, y) first"
            )
        return np.asarray(class_scores(self.parameters_, check_examples(self, X, reset=False)))
