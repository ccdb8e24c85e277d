"""The numbers printed on the page come out of automatic gradients, digit for digit."""

import numpy as np
import pytest

from tinygrad_softmax import Tensor
from tinygrad_softmax.datasets import case_study

LINEAR = [
    "1.096956",
    "0.917265",
    "0.851503",
    "0.822336",
    "0.807586",
    "0.799448",
    "0.794681",
    "0.791764",
    "0.789920",
    "0.788726",
    "0.787938",
    "0.787409",
    "0.787049",
    "0.786803",
    "0.786633",
    "0.786514",
    "0.786431",
    "0.786373",
    "0.786331",
    "0.786302",
]
NETWORK = [
    "1.098744",
    "0.294946",
    "0.259301",
    "0.248310",
    "0.246170",
    "0.245649",
    "0.245491",
    "0.245400",
    "0.245335",
    "0.245292",
]


def train(scores_of, parameters, every, steps):
    """Descend as the page does; return the losses it prints and the accuracy in percent."""
    X, y, *_ = case_study()
    parameters = [Tensor(parameter) for parameter in parameters]
    weights = parameters[::2]
    printed = []
    for i in range(steps):
        exp_scores = np.exp(scores_of(X, *parameters))
        probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
        data_loss = np.sum(-np.log(probs[range(len(X)), y])) / len(X)
        loss = data_loss + sum(0.5 * 1e-3 * np.sum(W * W) for W in weights)
        if i % every == 0:
            printed.append(f"{loss:.6f}")
        loss.backward()
        for parameter in parameters:
            parameter.data += -1e-0 * parameter.grad
    predicted = np.argmax(scores_of(X, *parameters), axis=1)
    return printed, f"{100 * np.mean(predicted == y):.0f}"


def linear(X, W, b):
    return np.dot(X, W) + b


def network(X, W, b, W2, b2):
    return np.dot(np.maximum(0, np.dot(X, W) + b), W2) + b2


def test_the_linear_classifiers_twenty_losses_come_out_to_every_digit():
    printed, accuracy = train(linear, case_study().linear, every=10, steps=200)
    assert printed == LINEAR
    assert accuracy == "49"


@pytest.mark.no_cover
def test_the_networks_ten_losses_come_out_within_five_millionths():
    printed, accuracy = train(network, case_study().network, every=1000, steps=10_000)
    # Ten thousand steps of rounding separate the later ones from the page.
    assert printed[:5] == NETWORK[:5]
    np.testing.assert_allclose([*map(float, printed)], [*map(float, NETWORK)], rtol=0, atol=5e-6)
    assert accuracy == "98"
