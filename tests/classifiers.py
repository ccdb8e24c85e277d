"""Classifiers for hypothesis to draw, with what they are to learn."""

from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

from tinygrad_softmax import SoftmaxClassifier


@st.composite
def problems(draw):
    """Examples of every class, sizes that differ pairwise, and a classifier told where to start."""
    D, H, K = draw(st.permutations(range(2, 7)))[:3]
    N = K + draw(st.integers(0, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = [D, H, K] if draw(st.booleans()) else [D, K]
    init = []
    for n, m in pairwise(sizes):
        init += [rng.standard_normal((n, m)), rng.standard_normal((1, m))]
    classifier = SoftmaxClassifier(
        H if len(sizes) == 3 else None,
        reg=draw(st.sampled_from([0.0, 1e-3, 0.5])),
        max_iter=draw(st.integers(1, 5)),
        init=init,
    )
    X, y = rng.standard_normal((N, D)), rng.permutation(np.arange(N) % K)
    return classifier, X, y
