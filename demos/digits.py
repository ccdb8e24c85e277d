"""Handwritten digits, learnt beside scikit-learn's LogisticRegression: the answers must agree.

You will see two columns of figures, ours and scikit-learn's: the same accuracy, and coefficients
that agree to far more than four decimals. And a picture, digits.png, with the mean picture of each
digit above the weights that were learnt for it: ink on a blue pixel speaks for the digit, on a red
one against. Takes some three seconds, and needs the extra `demos`.

    python demos/digits.py [--out FOLDER]      # where the picture goes; else to the current folder

Both minimise the same objective. scikit-learn writes it C * sum(loss_i) + 0.5 * ||W||^2, and we
mean(loss_i) + 0.5 * reg * ||W||^2; divided by C * N the first is the second, with C = 1/(reg * N).
Neither regularises the biases. The weights of the minimum are unique; a number added to all biases
changes no probability, so the biases are compared after subtracting their mean.

The settings: pixels divided by 16, to lie between 0 and 1; reg = 0.01; both minimise by L-BFGS
until the gradient is below 1e-8, ours in coordinates in which the pixels are uncorrelated. Both
train on one thread, and the quickest of three times is shown.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_softmax import SoftmaxClassifier, by_hand

try:
    from matplotlib.figure import Figure
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from threadpoolctl import threadpool_limits
except ImportError as error:
    raise SystemExit(
        f"{error}: this demo needs the extra `demos`, pip install '.[demos]'"
    ) from None

REG = 1e-2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the picture")
    options = parser.parse_args()
    pixels, digits = load_digits(return_X_y=True)
    X, X_kept, y, y_kept = train_test_split(pixels / 16, digits, stratify=digits, random_state=0)
    print(f"{len(X)} pictures of 8 x 8 pixels to learn from, {len(X_kept)} kept back for asking")

    with threadpool_limits(1):
        settings = {"tol": 1e-8, "max_iter": 10_000}
        ours, our_time = timed(SoftmaxClassifier(reg=REG, **settings), X, y)
        theirs, their_time = timed(LogisticRegression(C=1 / (REG * len(X)), **settings), X, y)

    print("\n                             SoftmaxClassifier   LogisticRegression")
    row("accuracy, learnt from", "{:.4f}", ours.score(X, y), theirs.score(X, y))
    row("accuracy, kept back", "{:.4f}", ours.score(X_kept, y_kept), theirs.score(X_kept, y_kept))
    row("largest gradient at the end", "{:.0e}", *(steepness(m, X, y) for m in (ours, theirs)))
    row("steps", "{}", ours.n_iter_, theirs.n_iter_[0])
    row("training time, seconds", "{:.3f}", our_time, their_time)

    print(f"\ncoefficients, the largest being {np.abs(theirs.coef_).max():.2f}, differ by at most "
          f"{farthest(ours.coef_, theirs.coef_):.0e}")  # fmt: skip
    biases = [model.intercept_ - model.intercept_.mean() for model in (ours, theirs)]
    print(f"biases, their mean subtracted, differ by at most {farthest(*biases):.0e}")
    answers = [model.predict_proba(X_kept) for model in (ours, theirs)]
    print(f"probabilities of the pictures kept back differ by at most {farthest(*answers):.0e}")
    draw(options.out / "digits.png", X, y, ours)


def timed(model: Any, X: np.ndarray, y: np.ndarray) -> tuple[Any, float]:
    """Train the model, three times anew; return it, and the quickest time in seconds."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        model.fit(X, y)
        times.append(time.perf_counter() - start)
    return model, min(times)


def row(name: str, form: str, *values: float) -> None:
    print(f"{name:<28}" + "".join(f"{form.format(value):>18}" for value in values))


def steepness(model: Any, X: np.ndarray, y: np.ndarray) -> float:
    """Return the largest entry of the gradient, by hand, where training has ended."""
    gradients = by_hand.linear(model.coef_.T, model.intercept_[None, :], X, y, REG)
    return max(np.abs(gradients.dW).max(), np.abs(gradients.db).max())


def farthest(a: np.ndarray, b: np.ndarray) -> float:
    return np.abs(a - b).max()


def draw(file: Path, X: np.ndarray, y: np.ndarray, model: SoftmaxClassifier) -> None:
    """Draw, for each digit, its mean picture and below it its weights."""
    figure = Figure(figsize=(11, 2.9), layout="constrained")
    axes = figure.subplots(2, 10)
    largest = np.abs(model.coef_).max()
    for digit, (mean, weights) in enumerate(axes.T):
        ink = mean.imshow(X[y == digit].mean(axis=0).reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        push = weights.imshow(
            model.coef_[digit].reshape(8, 8), cmap="RdBu", vmin=-largest, vmax=largest
        )
        mean.set_title(digit)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    axes[0, 0].set_ylabel("mean picture")
    axes[1, 0].set_ylabel("weights")
    figure.colorbar(ink, ax=axes[0], label="ink", pad=0.01, shrink=0.85)
    figure.colorbar(push, ax=axes[1], label="against    for", pad=0.01, shrink=0.85)
    figure.suptitle("What speaks for a digit, and what against it")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=120)
    print(f"\nmean pictures and weights of the ten digits drawn to {file}")


if __name__ == "__main__":
    main()
