"""The softmax classifier with scikit-learn's conventions, trained by automatic gradients.

Imports the transforms and losses. Read `estimator` first; `training` holds the loss, `descent` the
steps, `prediction` what a fitted model answers, `conventions` what scikit-learn asks for (with
`standin` in its place where it is not installed).
"""

from .estimator import SoftmaxClassifier

__all__ = ["SoftmaxClassifier"]
