"""The softmax classifier with scikit-learn's conventions, trained by automatic gradients.

Imports the compiler, the transforms and losses. Read `estimator` first; `objective` holds the loss
and its gradients, `solvers` how it is minimised, `rows` the examples, in memory or in a file, and
`dask_rows` those of Dask; `checks`, `settings` and `conventions` are what scikit-learn asks for.
"""

from .estimator import SoftmaxClassifier

__all__ = ["SoftmaxClassifier"]
