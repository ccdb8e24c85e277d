"""The spiral of the CS231n case study, learnt by a linear classifier and by a network, in pictures.

You will see how the loss falls, and which class each model gives every point of the plane. The
linear classifier can only cut the plane along straight lines and is right for about half of the
points; the network bends its borders around the arms. Both start where the page starts and take
its steps, so the figures are the published ones; the spikes are steps that were too large. Takes
some five seconds, and needs the extra `demos`.

    python demos/spiral.py [--out FOLDER] [--iterations N]

Writes loss_curves.png and decision_regions.png to the folder, else to the current one. The network
takes N iterations, else 10,000 as on the page.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from tinygrad_softmax import SoftmaxClassifier
from tinygrad_softmax.datasets import CaseStudy, case_study

try:
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure
except ImportError as error:
    raise SystemExit(
        f"{error}: this demo needs the extra `demos`, pip install '.[demos]'"
    ) from None

#: Okabe and Ito's colours, which the colour-blind tell apart too; and a shape for each class.
COLORS = ["#0072B2", "#E69F00", "#CC79A7"]
MARKERS = ["o", "s", "^"]
LINES = ["--", "-"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the pictures")
    parser.add_argument("--iterations", type=int, default=10_000, help="of the network")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    study = case_study()
    linear = SoftmaxClassifier(step_size=1.0, init=study.linear, max_iter=200)
    network = SoftmaxClassifier(
        hidden=100, step_size=1.0, init=study.network, max_iter=options.iterations
    )
    models = {"softmax classifier": linear, "two-layer network": network}
    for name, model in models.items():
        model.fit(study.X, study.y)
        print(f"{name}: in {model.n_iter_} iterations the loss falls from "
              f"{model.loss_curve_[0]:.6f} to {model.loss_:.6f}, "
              f"training accuracy {model.score(study.X, study.y):.2f}")  # fmt: skip
    draw_losses(options.out / "loss_curves.png", models)
    draw_regions(options.out / "decision_regions.png", models, study)


def draw_losses(file: Path, models: dict[str, SoftmaxClassifier]) -> None:
    """Draw the loss of each iteration, the iterations by orders of magnitude."""
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    ax = figure.subplots()
    for (name, model), color, line in zip(models.items(), COLORS, LINES, strict=False):
        ax.plot(np.arange(1, model.n_iter_ + 1), model.loss_curve_, line, color=color,
                linewidth=1.6, label=f"{name}, at last {model.loss_:.2f}")  # fmt: skip
    guessing = np.log(3)
    ax.axhline(guessing, color="grey", linewidth=1, linestyle=":")
    ax.annotate("guessing, log 3", (1, guessing), (0, 4), textcoords="offset points", color="grey")
    ax.set(xscale="log", xlabel="iteration", ylabel="loss", ylim=(0, 1.2))
    ax.set_title("How the loss falls on the spiral")
    ax.legend(loc="lower left", frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=120)
    print(f"loss curves drawn to {file}")


def draw_regions(file: Path, models: dict[str, SoftmaxClassifier], study: CaseStudy) -> None:
    """Draw which class each model gives every point, side by side."""
    along = np.linspace(-1.2, 1.2, 400)
    points = np.stack(np.meshgrid(along, along), axis=-1)
    figure = Figure(figsize=(9.6, 5.9), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for ax, (name, model) in zip(axes, models.items(), strict=True):
        classes = model.predict(points.reshape(-1, 2)).reshape(points.shape[:2])
        ax.pcolormesh(along, along, classes, cmap=ListedColormap(COLORS), alpha=0.3, vmin=0,
                      vmax=2, rasterized=True)  # fmt: skip
        for k, (color, marker) in enumerate(zip(COLORS, MARKERS, strict=True)):
            ax.contour(along, along, classes == k, levels=[0.5], colors="black", linewidths=0.7)
            ax.scatter(*study.X[study.y == k].T, s=26, c=color, marker=marker, label=f"class {k}",
                       edgecolors="black", linewidths=0.5)  # fmt: skip
        accuracy = model.score(study.X, study.y)
        ax.set(title=f"{name}, accuracy {accuracy:.2f}", xlabel="first coordinate", aspect="equal")
    axes[0].set_ylabel("second coordinate")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.suptitle("The regions of the three classes")
    figure.savefig(file, dpi=120)
    print(f"decision regions drawn to {file}")


if __name__ == "__main__":
    main()
