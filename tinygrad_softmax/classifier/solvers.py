"""How the objective is minimised: SciPy's L-BFGS-B, or gradient descent.

Imports `objective` and the errors; SciPy only once it is asked for. Parameters are never changed in
place: each step makes new ones, so those that it came from stay what they were.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import AnomalyError, ShapeError
from ..core.tape import refuse_masked
from .objective import Objective
from .progress import Progress
from .rows import Survey

__all__ = ["Descent", "initial_parameters", "lbfgs", "sgd"]

Arrays = list[NDArray[Any]]

#: The entry of the gradient, for standardised columns, from which on a minimum is called far.
FAR = 1e-2


class Standardised:
    """Parameters in the coordinates in which the columns of X have mean 0 and variance 1.

    With ``W = out @ V`` and ``b = c - mean @ W`` the scores are those of W and b, so this changes
    neither the objective nor its minimum. But in V and c a step is as large in every direction, and
    a gradient is small or large whatever units X is in. With the covariance of all pairs the
    columns are uncorrelated, too.
    """

    def __init__(self, found: Survey, reg: float) -> None:
        covariance, penalty = found.covariance, len(found.classes) * reg
        variance = np.diag(covariance) if covariance.ndim == 2 else covariance
        if not (np.isfinite(variance).all() and np.isfinite(found.mean).all()):
            raise AnomalyError(_overflow())
        # A column that does not vary, but for rounding, has no scale.
        rounding = 100 * np.finfo(found.dtype).eps
        varies = np.sqrt(variance) > rounding * np.abs(found.mean)
        curvature = np.where(varies, variance, 0) + penalty  # times K, about
        # What is neither curved nor penalised stays where it is.
        self.spread = np.sqrt(np.where(curvature > 0, curvature, 1))[:, None]
        self.mean = found.mean[:, None]
        self.into, self.out = self.spread, 1 / self.spread
        if covariance.ndim == 2:
            correlation = np.where(varies & varies[:, None], covariance, 0) + penalty * np.eye(
                len(variance)
            )
            correlation /= self.spread * self.spread.T
            values, Q = np.linalg.eigh(correlation)
            root = np.sqrt(np.where(values > rounding, values, 1))
            self.into, self.out = (Q * root) @ Q.T * self.spread.T, (Q / root) @ Q.T / self.spread

    def enter(self, parameters: Arrays) -> NDArray[np.float64]:
        """Return the parameters in these coordinates, in one vector."""
        W, b, *deeper = parameters
        return _flat([_times(self.into, W), b + self.mean.T @ W, *deeper])

    def leave(self, vector: NDArray[np.float64], like: Arrays) -> Arrays:
        """Return the parameters that a vector stands for, shaped and typed like others."""
        ends = np.cumsum([p.size for p in like])[:-1]
        parts = np.split(vector, ends)
        V, c, *deeper = [part.reshape(p.shape) for part, p in zip(parts, like, strict=True)]
        W = _times(self.out, V)
        found = [W, c - self.mean.T @ W, *deeper]
        return [value.astype(p.dtype) for value, p in zip(found, like, strict=True)]

    def gradient(self, gradients: Arrays) -> NDArray[np.float64]:
        """Return the gradient with respect to the vector."""
        dW, db, *deeper = gradients
        out = self.out.T if self.out.shape[1] > 1 else self.out
        return _flat([_times(out, dW - self.mean * db), db, *deeper])


def _times(matrix: NDArray[Any], array: NDArray[Any]) -> NDArray[Any]:
    """Return the product by a square matrix, or by a diagonal one that is given as a column."""
    return np.asarray(matrix @ array if matrix.shape[1] > 1 else matrix * array)


def _flat(arrays: Arrays) -> NDArray[np.float64]:
    return np.concatenate([np.ravel(array) for array in arrays]).astype(np.float64)


def initial_parameters(
    sizes: Sequence[int], init: Sequence[Any] | None, found: Survey, generator: Any, solver: str
) -> Arrays:
    """Return weights and biases of layers between these sizes: those given, or drawn ones.

    "sgd" starts as the case study does, but where several layers of weights of 0.01 would leave
    nothing of the examples; there, and for "lbfgs", it is as in Glorot and Bengio (2010).
    """
    layers = list(pairwise(sizes))
    shapes = [shape for n, m in layers for shape in ((n, m), (1, m))]
    if init is None:
        glorot = [np.sqrt(2 / (n + m)) if len(layers) > 1 else 0.0 for n, m in layers]
        scales = [0.01] * len(layers) if solver == "sgd" and len(layers) < 3 else glorot
        drawn = [s * generator.standard_normal(n) for s, n in zip(scales, layers, strict=True)]
        return [
            array.astype(found.dtype)
            for W, (_, m) in zip(drawn, layers, strict=True)
            for array in (W, np.zeros((1, m)))
        ]
    for value in init:
        refuse_masked(value)
    parameters = [np.atleast_2d(np.array(value, found.dtype)) for value in init]
    if [value.shape for value in parameters] != shapes:
        raise ShapeError(
            f"init has arrays of shapes {', '.join(str(np.shape(value)) for value in init)}; for "
            f"layers of sizes {', '.join(map(str, sizes))} it needs {', '.join(map(str, shapes))}"
        )
    for i, value in enumerate(parameters):
        if not np.isfinite(value).all():
            place = tuple(np.argwhere(~np.isfinite(value))[0].tolist())
            raise ValueError(f"init[{i}] is {value[place]} at {place}: it must be finite")
    return parameters


def lbfgs(
    settings: Any, objective: Objective, found: Survey, start: Arrays, drawn: bool,
    generator: Any, progress: Progress,
) -> str:  # fmt: skip
    """Minimise by L-BFGS-B; return what to warn of, if anything.

    What was drawn is made smaller for columns that are large. For the sake of L1 each weight is the
    difference of two that are not negative: there it has a slope.
    """
    from scipy.optimize import minimize

    space = Standardised(found, objective.reg)
    if drawn:
        W = (start[0] / np.maximum(space.spread, 1)).astype(found.dtype)
        start = [W, (start[1] - space.mean.T @ W).astype(found.dtype), *start[2:]]
    slopes: list[Any] = [objective.l1 / space.spread, *([0.0, objective.l1] * len(start))]
    l1 = _flat([np.zeros(p.shape) + s for p, s in zip(start, slopes, strict=False)])
    split, n = l1 > 0, len(l1)
    last: list[Any] = []
    origin: list[Any] = []

    def value_and_slope(x: Any) -> tuple[float, Any]:
        vector = x[:n].copy()
        vector[split] -= x[n:]
        parameters = space.leave(vector, start)
        value, gradients = objective.with_gradients(parameters)
        slope = space.gradient(gradients)
        if not (np.isfinite(value) and np.isfinite(slope).all()):
            raise AnomalyError(_overflow())
        value += float(l1 @ x[:n] + l1[split] @ x[n:])
        slope = np.concatenate([slope + l1, (l1 - slope)[split]])
        last[:] = value, parameters
        if origin:  # differences from there are known better than those of rounded losses
            value = float((slope + origin[1]) @ (x - origin[0])) / 2
        return value, slope

    stopped = False

    def callback(_x: Any) -> None:
        nonlocal stopped
        stopped = _after(settings, progress, *last)
        if stopped:
            raise StopIteration

    tol = 1e-4 if settings.tol is None else float(settings.tol)
    x = space.enter(start)
    x = np.concatenate([np.where(split, np.maximum(x, 0), x), np.maximum(-x, 0)[split]])
    least = np.concatenate([np.where(split, 0, -np.inf), np.zeros(split.sum())])
    steepest, left = np.inf, settings.max_iter
    for _ in range(3):
        x = minimize(
            value_and_slope, x, jac=True, method="L-BFGS-B", callback=callback,
            bounds=[(low, None) for low in least] if split.any() else None,
            # Only `tol` and `max_iter` end it, or that no step gets any lower.
            options={"gtol": tol, "ftol": 0, "maxiter": left, "maxfun": np.inf},
        ).x  # fmt: skip
        _, slope = value_and_slope(x)
        steepest = float(np.abs(np.maximum(x - slope, least) - x).max())
        left = settings.max_iter - len(settings.loss_curve_)
        if stopped or steepest <= tol or left <= 0:
            break
        origin[:] = x, slope
    if not settings.loss_curve_:  # there was nothing to do
        stopped = _after(settings, progress, *last)
    if stopped or steepest <= tol:
        return ""
    n_iter = settings.n_iter_
    return (
        f"lbfgs did not converge: after {n_iter} iterations the largest entry of the gradient is "
        f"{steepest:.1e}, and tol is {tol:g}; "
        + (
            f"raise max_iter, which is {settings.max_iter}"
            if n_iter >= settings.max_iter
            else f"no step lowers the loss, {settings.loss_:.6g}, any further in {found.dtype}"
        )
    )


def _after(settings: Any, progress: Progress, loss: float, parameters: Arrays) -> bool:
    """Keep what an iteration found, and tell of it; return whether to stop."""
    stop: bool = settings._keep(loss, parameters)
    progress.tell(settings.n_iter_ - 1, loss)
    callback = settings.callback
    return bool(callback and callback(settings.n_iter_ - 1, loss, settings)) or stop


def sgd(
    settings: Any, objective: Objective, found: Survey, parameters: Arrays, drawn: bool,
    generator: Any, progress: Progress,
) -> str:  # fmt: skip
    """Minimise by gradient descent; return what to warn of, if anything."""
    descent = Descent(settings.step_size, settings.momentum)
    curve, settled = settings.loss_curve_, False
    with np.errstate(over="ignore", invalid="ignore"):  # the descent will see, and raise
        start = objective(parameters)
    for _ in range(settings.max_iter):
        loss, parameters = descent.one_pass(objective, parameters, settings.batch_size, generator)
        if curve and loss > curve[-1]:
            descent.limit /= 2
        if _after(settings, progress, loss, parameters):
            return ""
        past = curve[-1 - settings.n_iter_no_change :]
        if settings.tol is not None and len(past) > settings.n_iter_no_change:
            settled = bool(past[0] - loss < settings.tol)
        if settled:
            break
    ended, worst = f"after {len(curve)} iterations the", max(start, np.log(len(found.classes)))
    if loss > 1.1 * worst:  # a little more may be the noise of batches
        return (
            f"{ended} loss, {loss:.6f}, is worse than it was at the start, or would be by guessing "
            f"({worst:.6f}): scale X, "
            + ("or train longer" if descent.careful else "or set step_size='auto'")
        )
    loss, gradients = objective.with_gradients(parameters)
    if not np.isfinite(loss):
        raise AnomalyError(_overflow(None if descent.careful else descent.step))
    steepest = float(np.abs(Standardised(found, objective.reg).gradient(gradients)).max())
    unmet = settings.tol is not None and not settled
    if steepest <= FAR and not unmet:
        return ""
    return (
        f"sgd did not converge: {ended} largest entry of the gradient is {steepest:.1e} for "
        "standardised columns"
        + (f", and tol={settings.tol:g} is not met" if unmet else "")
        + ": scale X, raise max_iter, or set solver='lbfgs'"
    )


class Descent:
    """Gradient descent with momentum, ``v = momentum * v - step * gradient; parameters += v``.

    With the step size "auto" a step is taken only if it lowers the loss by half of what the
    gradient promises (Armijo's condition); else the velocity is dropped and the step halved until
    it does (Vaswani et al., 2019, https://arxiv.org/abs/1905.09997). Each step first tries twice
    the size of the last, but at most ``limit``, which is 1.
    """

    def __init__(self, step_size: float | str, momentum: float) -> None:
        self.careful = isinstance(step_size, str)
        self.limit = self.step = 1.0 if isinstance(step_size, str) else float(step_size)
        self.momentum = float(momentum)
        self.velocity: Arrays | None = None

    def one_pass(
        self, objective: Objective, parameters: Arrays, batch_size: int | None, generator: Any
    ) -> tuple[float, Arrays]:
        """Return the mean loss of the batches before their steps, and the parameters after them."""
        losses = []
        for batch in objective.batches(batch_size, generator):
            loss, parameters = self.move(batch, parameters)
            losses.append(loss)
        return float(np.mean(losses)), parameters

    def move(self, objective: Any, parameters: Arrays) -> tuple[float, Arrays]:
        """Return the loss at the parameters, and new parameters one step further down."""
        with np.errstate(over="ignore", invalid="ignore"):  # what they warn of is raised below
            loss, gradients = objective.with_gradients(parameters)
            self._expect_finite(loss)
            if self.careful:
                self.step = min(self.limit, 2 * self.step)
            velocity, moved = self._push(parameters, gradients)
            # "not <=" and not ">", so that a NaN counts as a rise.
            while (
                self.careful
                and self.step
                and not objective(moved) <= loss + _promise(gradients, velocity) / 2
            ):
                self.step, self.velocity = self.step / 2, None
                velocity, moved = self._push(parameters, gradients)
            self._expect_finite(*moved)
        self.velocity = velocity
        return float(loss), moved

    def _push(self, parameters: Arrays, gradients: Arrays) -> tuple[Arrays, Arrays]:
        """Return the velocity after this gradient, and where it leads."""
        velocity = [-self.step * g for g in gradients]
        if self.velocity is not None:
            velocity = [
                self.momentum * v + dv for v, dv in zip(self.velocity, velocity, strict=True)
            ]
        return velocity, [p + v for p, v in zip(parameters, velocity, strict=True)]

    def _expect_finite(self, *values: Any) -> None:
        if not (self.step and all(np.isfinite(value).all() for value in values)):
            raise AnomalyError(_overflow(None if self.careful else self.step))


def _promise(gradients: Arrays, velocity: Arrays) -> float:
    """Return how the loss would change if it were a plane; 0 if momentum carries it uphill."""
    change = sum(np.vdot(g, v) for g, v in zip(gradients, velocity, strict=True))
    return min(0.0, float(change))


def _overflow(step: float | None = None) -> str:
    """Return what to say, and to do, when training overflows."""
    return (
        "the loss or the parameters overflowed in training: scale X, for example to "
        "(X - X.mean(axis=0)) / X.std(axis=0)"
        + ("" if step is None else f", or take smaller steps than step_size={step:g}")
    )
