"""The softmax classifier with scikit-learn's conventions, trained by automatic gradients.

Imports the compiler, the transforms and losses. Read `estimator` first; `training` holds the loss,
`engines` its gradients, `descent` the steps, `examples` opens the data and `blockwise` sums over
blocks of it (`mapped` files, `dask_blocks`), `prediction` is what a fitted model answers,
`conventions` what scikit-learn asks for (with `standin` in its place where it is not installed).
"""

from .estimator import SoftmaxClassifier

__all__ = ["SoftmaxClassifier"]
