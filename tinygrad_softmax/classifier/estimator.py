"""The softmax classifier of the case study, as a scikit-learn estimator that needs no scikit-learn.

Imports `prediction` (and with it scikit-learn, where installed: a second, so the package loads this
module on first use), `examples`, `training` and `descent`. It holds the settings, and what training
has found.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..datasets import random_generator
from .conventions import ConvergenceWarning
from .descent import Descent
from .examples import Examples, open_examples
from .prediction import SoftmaxPredictor
from .progress import Progress
from .settings import check_settings
from .training import initial_parameters

__all__ = ["SoftmaxClassifier"]

Floats = NDArray[np.floating[Any]]

#: `tol` looks at the improvement over this many iterations, so that one lucky pass decides nothing.
PATIENCE = 10


class SoftmaxClassifier(SoftmaxPredictor):
    r"""Linear softmax classifier, or with `hidden` a two-layer ReLU network, by gradient descent.

    Minimises :math:`-\sum_i w_i \log p_{i y_i} / \sum_i w_i + \frac{reg}{2} \sum W^2`, the
    gradients found by automatic differentiation.

    Parameters
    ----------
    hidden : int, optional
        Units in the hidden layer; None: none, a linear classifier.
    reg : float
        Strength of the regularisation of the weights (not of the biases).
    step_size : float or "auto"
        A number makes it plain gradient descent, whatever happens. "auto" takes steps of size 1
        too, but halves those that lower the loss of their batch by less than they should, and
        halves all later steps after a pass that raised the mean loss of the batches.
    momentum : float
        The part of each step that is repeated in the next, from 0 to below 1.
    max_iter : int
        Passes over the data; with full batches, steps.
    tol : float, optional
        Stop when ten iterations together improved the loss by less than this; None: never.
    batch_size : int, optional
        Rows in a step's batch, drawn anew for each pass; None: all rows.
    init : sequence of arrays, optional
        Where to start, ``(W, b)`` or ``(W, b, W2, b2)``; None: biases zero, weights drawn from a
        normal distribution with standard deviation 0.01.
    random_state : int, RandomState, Generator or None
        Seed or generator of the initial weights and the batches; None draws afresh.
    verbose : bool, int or "auto"
        False: nothing; True or 1 prints every 10th iteration, as the page does; k above 1 every
        k-th. "auto": a bar (tqdm, if installed) in a terminal or notebook, after two seconds.
    callback : callable, optional
        Called after each iteration as ``callback(iteration, loss, classifier)``, with the loss
        before the iteration's step and the classifier after it. Training ends if it returns
        something true.
    engine : "compiled" or "eager"
        Where the gradients come from: the derived formula, compiled (`tinygrad_softmax.compile`),
        or the tape. The results agree to rounding.

    Attributes
    ----------
    classes_ : ndarray, shape (K,)
        The labels met in ``fit``, sorted.
    parameters_ : tuple of arrays
        W (D, K) and b (1, K); or W (D, hidden), b, W2 (hidden, K) and b2, as `by_hand` takes them.
    coef_, intercept_ : ndarray, shapes (K, D) and (K,)
        The same of a linear classifier the other way round; of two classes only the difference,
        (1, D) and (1,).
    loss_curve_ : list of float
        Each iteration's loss before its step; with batches their mean.
    loss_ : float
        The last of them.
    n_iter_ : int
        How many there are.
    n_features_in_ : int
        D.
    feature_names_in_ : ndarray, shape (D,)
        With scikit-learn, if `X` had column names.

    Notes
    -----
    float32 examples are trained in float32, everything else in float64. Rows of weight 0 count as
    absent. An estimator of scikit-learn 1.6 or later where that is installed.

    References
    ----------
    CS231n, "Neural Networks Case Study", https://cs231n.github.io/neural-networks-case-study/

    Examples
    --------
    The published run:

    >>> from tinygrad_softmax.datasets import case_study
    >>> X, y, linear, network = case_study()
    >>> classifier = SoftmaxClassifier(step_size=1.0, max_iter=20, init=linear, verbose=True)
    >>> print(f"accuracy {classifier.fit(X, y).score(X, y):.2f}")
    iteration 0: loss 1.096956
    iteration 10: loss 0.917265
    accuracy 0.49
    """

    def __init__(
        self,
        hidden: int | None = None,
        *,
        reg: float = 1e-3,
        step_size: float | str = "auto",
        momentum: float = 0.0,
        max_iter: int = 200,
        tol: float | None = None,
        batch_size: int | None = None,
        init: Sequence[ArrayLike] | None = None,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
        verbose: bool | int | str = "auto",
        callback: Callable[[int, float, Any], Any] | None = None,
        engine: str = "compiled",
    ) -> None:
        self.hidden = hidden
        self.reg = reg
        self.step_size = step_size
        self.momentum = momentum
        self.max_iter = max_iter
        self.tol = tol
        self.batch_size = batch_size
        self.init = init
        self.random_state = random_state
        self.verbose = verbose
        self.callback = callback
        self.engine = engine

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train on examples and their labels, from the start.

        Parameters
        ----------
        X : array_like, shape (N, D)
            One example per row; finite. A Dask array or a memory-mapped one stays where it is.
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
            If the loss ends more than a tenth above what it was at the start, and what it would
            be by guessing.
        """
        check_settings(self)
        examples = open_examples(self, X, y, sample_weight)
        self.classes_ = examples.classes
        generator = random_generator(self.random_state)
        sizes = [examples.n_features, *([self.hidden] if self.hidden else []), len(self.classes_)]
        parameters = initial_parameters(sizes, self.init, examples.dtype, generator)
        start = self._descend(parameters, examples, generator)
        worst = max(start, float(np.log(len(self.classes_))))
        if self.loss_ > 1.1 * worst:  # a little more may be the noise of batches
            warnings.warn(
                f"after {self.n_iter_} iterations the loss, {self.loss_:.6f}, is worse than it was "
                f"at the start, or would be by guessing ({worst:.6f}): scale X, "
                + ("or train longer" if self.step_size == "auto" else "or set step_size='auto'"),
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _descend(self, parameters: list[Floats], examples: Examples, generator: Any) -> float:
        """Train until something says stop, and keep what came out; return the loss at the start."""
        descent, reg = Descent(self.step_size, self.momentum), float(self.reg)
        self.loss_curve_: list[float] = []
        progress = Progress(self.verbose, self.max_iter)
        with closing(progress), closing(examples.objective(self.engine)) as objective:
            with np.errstate(over="ignore", invalid="ignore"):  # the descent will see, and raise
                start = float(examples.loss(objective, parameters, reg))
            for _ in range(self.max_iter):
                losses = []
                for batch in examples.batches(generator):
                    loss, parameters = descent.move(objective, parameters, *batch, reg)
                    losses.append(loss)
                self.loss_curve_.append(float(np.mean(losses)))
                if self.loss_curve_[-1] > self.loss_curve_[-2:][0]:
                    descent.limit /= 2
                self.parameters_ = tuple(parameters)
                if self._report(progress) or self._has_settled():
                    break
        return start

    def _report(self, progress: Progress) -> Any:
        """Tell of the last iteration; return something true if the callback wants no more."""
        self.loss_, self.n_iter_ = self.loss_curve_[-1], len(self.loss_curve_)
        progress.tell(self.n_iter_ - 1, self.loss_)
        return self.callback is not None and self.callback(self.n_iter_ - 1, self.loss_, self)

    def _has_settled(self) -> bool:
        if self.tol is None or self.n_iter_ <= PATIENCE:
            return False
        return self.loss_curve_[-1 - PATIENCE] - self.loss_ < self.tol
