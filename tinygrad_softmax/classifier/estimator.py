"""The softmax classifier, as a scikit-learn estimator that needs no scikit-learn.

Imports `conventions` (and with it scikit-learn, where installed: a second, so the package loads
this module on first use), `rows`, `objective` and `solvers`. It holds the settings and what
training has found, and predicts.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core.tape import refuse_masked
from ..datasets import random_generator
from ..ops.softmax import log_softmax, softmax
from .checks import (
    as_labels,
    as_weights,
    check_examples,
    check_finite,
    check_labels,
    check_weights,
    is_sparse,
    sorted_classes,
)
from .conventions import BaseEstimator, ClassifierMixin, ConvergenceWarning, NotFittedError
from .dask_rows import DaskRows, announce, is_dask, map_rows
from .objective import Objective, class_scores
from .progress import Progress
from .rows import Survey, blocks_of, look, prepare, survey, training_dtype
from .settings import check_settings, chosen_solver, hidden_sizes
from .solvers import Descent, initial_parameters, lbfgs, sgd

__all__ = ["SoftmaxClassifier"]

Floats = NDArray[np.floating[Any]]

#: Up to how many columns the covariance of all pairs pays, which "lbfgs" takes for a linear
#: classifier: it costs as much as some steps, and saves more. In chunks, each result travels.
PAIRS_IN_MEMORY, PAIRS_IN_CHUNKS = 1000, 100


class SoftmaxClassifier(ClassifierMixin, BaseEstimator):
    r"""Softmax classifier, linear or with hidden ReLU layers, by automatic gradients.

    Minimises :math:`-\sum_i w_i \log p_{i y_i} / \sum_i w_i + \frac{reg}{2} \sum W^2`.

    Parameters
    ----------
    hidden : int or sequence of int, optional
        Number of units in the hidden layer, or in each hidden layer. None is a linear classifier.
    reg : float
        Strength of the regularisation of the weights (not of the biases).
    penalty : "l2", "l1" or "elasticnet"
        What `reg` multiplies: half the sum of squares, the sum of absolute values, or a mixture of
        both with the share `l1_ratio` of the latter. "l1" and "elasticnet" need "lbfgs".
    l1_ratio : float
        For "elasticnet": the share of the sum of absolute values, from 0 to 1.
    solver : "auto", "lbfgs" or "sgd"
        "lbfgs" is SciPy's L-BFGS-B. It works with standardised columns (for a linear classifier
        with few columns also uncorrelated ones), so columns need no scaling; the objective is still
        the one above. "sgd" is gradient descent, on all rows or in batches. "auto" is "lbfgs",
        unless `step_size`, `momentum` or `batch_size` is given or SciPy is not installed.
    step_size : float or "auto"
        For "sgd". A number is plain gradient descent, without a check of the loss. "auto" takes
        steps of size 1, but halves a step that lowers the loss of its batch by less than expected,
        and halves all later steps after a pass that raised the mean loss.
    momentum : float
        For "sgd": the part of each step that is repeated in the next, at least 0 and less than 1.
    max_iter : int
        The largest number of iterations of "lbfgs", or of passes of "sgd" over the data.
    tol : float, optional
        "lbfgs" stops when no entry of the gradient with respect to the weights of the standardised
        columns exceeds it; None: 1e-4. "sgd" stops when `n_iter_no_change` iterations together
        improved the loss by less; None: never.
    batch_size : int, optional
        For "sgd": the number of rows in a batch. Batches are drawn again for each pass. None: all
        rows.
    class_weight : dict or "balanced", optional
        Factors of the weights of the examples, by class (1 for a class that is not in the dict).
        "balanced": all classes get the same total weight.
    warm_start : bool
        Whether ``fit`` starts from the parameters of the previous fit, if there was one.
    early_stopping : bool
        Whether to hold out `validation_fraction` of each class, to stop when the loss on it has
        not improved for `n_iter_no_change` iterations, and to return to its minimum.
    validation_fraction : float
        Between 0 and 1.
    n_iter_no_change : int
        The number of iterations for `tol` of "sgd" and for `early_stopping`.
    init : sequence of arrays, optional
        Initial parameters, ``(W, b)`` or ``(W, b, W2, b2, ...)``. None: biases are zero and weights
        are drawn from a normal distribution with standard deviation 0.01 (for several hidden
        layers, and for "lbfgs", ``sqrt(2 / (n + m))`` for n inputs and m outputs; a linear
        classifier starts at zero there).
    random_state : int, RandomState, Generator or None
        Seed or generator for the initial weights, the batches and what is held out. None: a random
        seed.
    verbose : bool, int or "auto"
        False: nothing; True or 1 prints every 10th iteration, as the case study; k above 1 every
        k-th. "auto": a bar (tqdm, if installed) in a terminal or notebook, after two seconds.
    callback : callable, optional
        Called after each iteration as ``callback(iteration, loss, classifier)``, with its entry of
        `loss_curve_` and the classifier after it. Training ends if it returns something true.
    engine : "compiled" or "eager"
        How gradients are computed: by the compiled loss (`tinygrad_softmax.compile`), or by the
        tape. The results agree up to rounding.

    Attributes
    ----------
    classes_ : ndarray, shape (K,)
        The labels in ``fit``, sorted.
    parameters_ : tuple of arrays
        W (D, K) and b (1, K); or W (D, H), b, W2 (H, K) and b2, as `by_hand` takes them; and so on.
    coef_, intercept_ : ndarray, shapes (K, D) and (K,)
        The parameters of a linear classifier as scikit-learn has them, transposed; for two classes
        only the difference, (1, D) and (1,).
    loss_curve_ : list of float
        The objective of each iteration: after it for "lbfgs", before the step for "sgd" (the mean
        of the batches).
    loss_ : float
        The last entry of `loss_curve_`.
    n_iter_ : int
        The number of iterations.
    validation_curve_ : list of float
        The loss of each iteration on what was held out, with `early_stopping`.
    n_features_in_ : int
        The number of columns, D.
    feature_names_in_ : ndarray, shape (D,)
        The names of the columns, with scikit-learn and if `X` had some.

    Notes
    -----
    float32 examples are trained in float32, everything else in float64. Rows of weight 0 count as
    absent. An estimator of scikit-learn 1.6 or later where that is installed.

    ``LogisticRegression(C=1 / (reg * N))`` has the same minimum (N: the sum of the weights). Of two
    classes it penalises the difference of their weights: there ``C=2 / (reg * N)``.

    References
    ----------
    CS231n, "Neural Networks Case Study", https://cs231n.github.io/neural-networks-case-study/

    Examples
    --------
    The published run:

    >>> from tinygrad_softmax.datasets import case_study
    >>> X, y, linear, network = case_study()
    >>> classifier = SoftmaxClassifier(step_size=1.0, init=linear, verbose=100)
    >>> print(f"accuracy {classifier.fit(X, y).score(X, y):.2f}")
    iteration 0: loss 1.096956
    iteration 100: loss 0.787938
    accuracy 0.49
    """

    classes_: NDArray[Any]
    parameters_: tuple[Floats, ...]
    loss_curve_: list[float]
    _descent: Descent | None
    _kept: Objective | None
    _best: tuple[Floats, ...]

    def __init__(
        self,
        hidden: int | Sequence[int] | None = None,
        *,
        reg: float = 1e-3,
        penalty: str = "l2",
        l1_ratio: float = 0.5,
        solver: str = "auto",
        step_size: float | str = "auto",
        momentum: float = 0.0,
        max_iter: int = 200,
        tol: float | None = None,
        batch_size: int | None = None,
        class_weight: Mapping[Any, float] | str | None = None,
        warm_start: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        init: Sequence[ArrayLike] | None = None,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
        verbose: bool | int | str = "auto",
        callback: Callable[[int, float, Any], Any] | None = None,
        engine: str = "compiled",
    ) -> None:
        self.hidden = hidden
        self.reg = reg
        self.penalty = penalty
        self.l1_ratio = l1_ratio
        self.solver = solver
        self.step_size = step_size
        self.momentum = momentum
        self.max_iter = max_iter
        self.tol = tol
        self.batch_size = batch_size
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.init = init
        self.random_state = random_state
        self.verbose = verbose
        self.callback = callback
        self.engine = engine

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on examples and their labels, from the start.

        Parameters
        ----------
        X : array_like, shape (N, D)
            One example per row; finite. A sparse matrix stays sparse (CSR), a Dask array or a
            memory-mapped one stays where it is.
        y : array_like, shape (N,)
            The class of each: numbers, strings, anything that sorts; at least two classes.
        sample_weight : array_like, shape (N,), optional
            How often each example counts.

        Returns
        -------
        SoftmaxClassifier
            The classifier itself.

        Raises
        ------
        ValueError
            If a setting is out of its range, or `X`, `y` or `sample_weight` are not as described
            (labels: `LabelError`, shapes of `init`: `ShapeError`).
        AnomalyError
            If the loss or the parameters overflow.

        Warns
        -----
        ConvergenceWarning
            If `tol` is not met, if the gradient is far from zero at the end, or if the loss ends
            above what it was at the start and what it would be by guessing. Not if `callback` or
            `early_stopping` ended it.
        """
        check_settings(self)
        solver = chosen_solver(self)
        rows, found = self._open(X, y, sample_weight, solver=solver)
        init = self.init
        if self.warm_start and hasattr(self, "parameters_"):
            init = self.parameters_
            if not np.array_equal(self.classes_, found.classes):
                raise ValueError(
                    f"warm_start goes on with the classes of the last fit, "
                    f"{self.classes_.tolist()}, and now they are {found.classes.tolist()}; pass "
                    "warm_start=False to start anew"
                )
        generator = random_generator(self.random_state)
        sizes = [len(found.mean), *hidden_sizes(self.hidden), len(found.classes)]
        start = initial_parameters(sizes, init, found, generator, solver)
        total, self._kept = found.total, None
        if self.early_stopping:
            if is_dask(X):
                raise ValueError(
                    "early_stopping draws rows from everywhere, and X is a Dask array: pass "
                    "early_stopping=False, or train on a part that fits in memory, X[:n].compute()"
                )
            rows, kept = rows.split(self.validation_fraction, generator)
            total, self._kept = rows.total, Objective(kept, kept.total, 0, self.engine)
            self.validation_curve_: list[float] = []
        self.classes_, self.loss_curve_ = found.classes, []
        self._descent = None
        progress, objective = Progress(self.verbose, self.max_iter), self._objective(rows, total)
        minimise = lbfgs if solver == "lbfgs" else sgd
        with closing(progress), closing(objective):
            complaint = minimise(self, objective, found, start, init is None, generator, progress)
        if self._kept is not None:
            self.parameters_, self._kept, self._best = self._best, None, ()
        if complaint:
            warnings.warn(complaint, ConvergenceWarning, stacklevel=2)
        return self

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Go on training by one pass of "sgd" over these examples.

        Parameters
        ----------
        X, y, sample_weight
            As for `fit`.
        classes : array_like, shape (K,), optional
            All classes that will ever occur; needed at the first call.

        Returns
        -------
        SoftmaxClassifier
            The classifier itself.

        Raises
        ------
        ValueError
            As `fit` does; if the classes are missing at the first call, or others later; or if the
            settings need "lbfgs", all examples at once, or the whole of the data.
        AnomalyError
            If the loss or the parameters overflow.

        Examples
        --------
        >>> X, y = np.array([[-1.0], [1.0], [-2.0], [2.0]]), np.array(["a", "b", "a", "b"])
        >>> classifier = SoftmaxClassifier(random_state=0)
        >>> for half in (slice(0, 2), slice(2, 4)):
        ...     classifier = classifier.partial_fit(X[half], y[half], classes=["a", "b"])
        >>> classifier.predict([[-3.0], [3.0]]).tolist()
        ['a', 'b']
        """
        check_settings(self)
        first = not hasattr(self, "parameters_")
        if self.solver == "lbfgs" or self.penalty != "l2" or self.early_stopping or is_dask(X):
            raise ValueError(
                "partial_fit takes steps of solver='sgd' on examples in memory, with penalty='l2' "
                "and without early_stopping; what goes on after the last fit in any other way is "
                "fit with warm_start=True"
            )
        if isinstance(self.class_weight, str):
            raise ValueError(
                "class_weight='balanced' needs all examples at once: for partial_fit pass a dict"
            )
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit")
        given = self.classes_ if classes is None else sorted_classes(np.asarray(classes))
        if not first and not np.array_equal(given, self.classes_):
            raise ValueError(
                f"classes={given.tolist()} is not the same as on the last call to fit or "
                f"partial_fit, {self.classes_.tolist()}"
            )
        rows, found = self._open(X, y, sample_weight, given, reset=first, solver="sgd")
        descent = None if first else self._descent
        if descent is None:
            self._generator = random_generator(self.random_state)
            descent = self._descent = Descent(self.step_size, self.momentum)
        sizes = [len(found.mean), *hidden_sizes(self.hidden), len(given)]
        init = self.init if first else self.parameters_
        parameters = initial_parameters(sizes, init, found, self._generator, "sgd")
        if first:
            self.classes_, self.loss_curve_ = given, []
        self._kept = None  # of a fit that was interrupted
        objective = self._objective(rows, found.total)
        loss, parameters = descent.one_pass(objective, parameters, self.batch_size, self._generator)
        self._keep(loss, parameters)
        return self

    def _open(
        self, X: Any, y: Any, weights: Any, classes: Any = None, *, reset: bool = True, solver: str
    ) -> tuple[Any, Survey]:
        """Return the examples as training takes them, and what is known of all of them."""
        refuse_masked(y)
        refuse_masked(weights)
        settings = self.class_weight, weights is not None, classes
        if is_dask(X):
            announce(self, X, reset=reset)
            pairs = self._whitens(solver, *X.shape) and X.shape[1] <= PAIRS_IN_CHUNKS
            chunks = DaskRows(X, y, weights)
            if self.batch_size is not None and self.batch_size < X.shape[0]:
                raise ValueError(
                    f"batch_size={self.batch_size} draws rows from everywhere, and each step "
                    "would have to make every chunk of the Dask array for them: leave "
                    "batch_size=None, so that a step uses all rows, or train on a part that fits "
                    "in memory, X[:n].compute()"
                )
            dtype = training_dtype(X)
            looks = chunks.look(dtype, pairs)
            chunks.survey = survey(looks, dtype, *settings)
            return chunks, chunks.survey
        X = check_examples(self, X, reset=reset)
        y = as_labels(np.asarray(y), X.shape[0])
        if weights is not None:
            weights = as_weights(np.asarray(weights, np.float64), X.shape[0])
        pairs = self._whitens(solver, *X.shape) and not is_sparse(X)
        found = survey(
            [look(X, y, weights, training_dtype(X), pairs)], training_dtype(X), *settings
        )
        return prepare(X, y, weights, found), found

    def _whitens(self, solver: str, n_examples: int, n_features: int) -> bool:
        """Whether "lbfgs" takes the covariance of all pairs: few rows say little of it."""
        suits = solver == "lbfgs" and self.penalty == "l2" and not hidden_sizes(self.hidden)
        return suits and n_features <= min(PAIRS_IN_MEMORY, n_examples / 5, 6 * n_examples**0.5)

    def _objective(self, rows: Any, total: float) -> Objective:
        share = {"l2": 1.0, "l1": 0.0, "elasticnet": 1 - float(self.l1_ratio)}[self.penalty]
        reg = float(self.reg)
        return Objective(rows, total, reg * share, self.engine, l1=reg * (1 - share))

    def _keep(self, loss: float, parameters: list[Floats]) -> bool:
        """Keep what an iteration found; return whether to stop."""
        self.loss_curve_.append(loss)
        self.parameters_ = tuple(parameters)
        self.loss_, self.n_iter_ = loss, len(self.loss_curve_)
        if self._kept is None:
            return False
        curve = self.validation_curve_
        curve.append(self._kept(parameters))
        if curve[-1] <= min(curve):
            self._best = self.parameters_
        return len(curve) - 1 - int(np.argmin(curve)) >= self.n_iter_no_change

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the most probable class of each row (of several, the first), shape (N,)."""
        return self._answer("predict", X)

    def predict_proba(self, X: ArrayLike) -> Floats:
        """Return the probability of each class, shape (N, K), in the order of ``classes_``."""
        return self._answer("predict_proba", X)

    def predict_log_proba(self, X: ArrayLike) -> Floats:
        """Return the logarithms of `predict_proba`, finite where a probability rounds to 0."""
        return self._answer("predict_log_proba", X)

    def decision_function(self, X: ArrayLike) -> Floats:
        """Return the class scores, shape (N, K).

        Of two classes, as in scikit-learn, the second's minus the first's, shape (N,): positive
        where the second is predicted.
        """
        return self._answer("decision_function", X)

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy: the (weighted) share of rows whose class in `y` is predicted."""
        refuse_masked(y)
        refuse_masked(sample_weight)
        if is_dask(X):
            settings = self._settings("predict")
            announce(self, X, reset=False)
            parts = DaskRows(X, y, sample_weight).gather(_count_hits, settings)
            right, total = np.sum(parts, axis=0)
        else:
            predicted = self.predict(X)
            labels = as_labels(np.asarray(y), len(predicted))
            weights: Any = np.ones(len(labels)) if sample_weight is None else sample_weight
            weights = as_weights(np.asarray(weights, np.float64), len(labels))
            right, total = _hits(predicted, labels, weights)
        if not total:
            raise ValueError("every sample_weight is zero: at least one must be positive")
        return float(right / total)

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

    def _settings(self, name: str) -> tuple[Any, ...]:
        """Return what predictions need, to send to where the rows are."""
        if not hasattr(self, "parameters_"):
            raise NotFittedError(
                f"this {type(self).__name__} is not fitted yet: call fit(X, y) first"
            )
        return name, self.classes_, self.parameters_

    def _answer(self, name: str, X: Any) -> NDArray[Any]:
        """Return what the method of this name does, block by block; lazily for a Dask array."""
        settings = self._settings(name)
        if is_dask(X):
            announce(self, X, reset=False)
            like = _answer_block(np.zeros((1, X.shape[1]), training_dtype(X)), settings)
            lazy: NDArray[Any] = map_rows(_answer_block, X, like, settings)
            return lazy
        X = check_examples(self, X, reset=False)
        return np.concatenate(
            [
                _answer_block(block, settings, rows.start)
                for rows, block in blocks_of(X, training_dtype(X))
            ]
        )


def _answer_block(X: Any, settings: Any, first_row: int = 0) -> NDArray[Any]:
    """Return what a method of the classifier says of some rows."""
    name, classes, parameters = settings
    check_finite(X, first_row)
    scores = np.asarray(class_scores(parameters, X))
    if name == "predict":
        return np.asarray(classes[scores.argmax(axis=1)])
    if name == "decision_function":
        return scores[:, 1] - scores[:, 0] if len(classes) == 2 else scores
    return np.asarray(softmax(scores) if name == "predict_proba" else log_softmax(scores))


def _hits(predicted: Any, y: Any, weights: Any, first_row: int = 0) -> tuple[float, float]:
    """Return the weight of the rows that are predicted right, and of all."""
    check_labels(y, first_row)
    check_weights(weights, first_row)
    return float(np.sum(weights[predicted == y])), float(np.sum(weights))


def _count_hits(first_row: int, X: Any, y: Any, weights: Any, settings: Any) -> Any:
    X = np.asarray(X, training_dtype(X))
    weights = np.ones(len(y)) if weights is None else weights
    return _hits(_answer_block(X, settings, first_row), y, weights, first_row)
