"""A formula that rests on a fact about its inputs says so when the fact no longer holds."""

import numpy as np
import pytest

import tinygrad_softmax as tg


def weighted(x, w):
    return np.sum(w * x**2) / np.sum(w)


def test_weights_that_sum_to_one_in_the_loss_itself():
    x, w = np.arange(4.0), np.full(4, 0.25)
    d = tg.derive(weighted, "x", x=x, w=w)
    np.testing.assert_allclose(d(x=x, w=w)["x"], tg.grad(weighted)(x, w))
    with pytest.raises(ValueError, match="w summed to 1"):
        d(x=x, w=3 * w)


def test_weights_that_nearly_sum_to_one_do_not():
    x, w = np.arange(4.0), np.full(4, 0.25) * (1 + 5e-6)
    d = tg.derive(weighted, "x", x=x, w=w)
    np.testing.assert_allclose(d(x=x, w=3 * w)["x"], tg.grad(weighted)(x, 3 * w))
