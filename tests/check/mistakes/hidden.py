"""Mistakes in the gradients of networks with hidden layers: ReLU, tanh and sigmoid."""

import numpy as np

from tests.check import draws, losses
from tests.check.catalogue import Mistake, mistakes_into

MISTAKES: list[Mistake] = []
mistake = mistakes_into(MISTAKES)

CASE_STUDY = "W b W2 b2"
MLP = "W1 b1 W2 b2"
MASK = r"mask|relu|maximum|hidden"


def case_study_scores(X, y, W, b, W2, b2):
    """The two-layer network's hidden layer and the gradient of its scores."""
    hidden_layer = np.maximum(0, np.dot(X, W) + b)
    scores = np.dot(hidden_layer, W2) + b2
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    probs[range(len(y)), y] -= 1
    return hidden_layer, probs / len(y)


def softmax_rows(z):
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@mistake(losses.two_layer, draws.two_layer, CASE_STUDY, "dW", "mask", "local_slope", MASK)
def relu_mask_missing(X, y, W, b, W2, b2, reg):
    num_examples = X.shape[0]
    hidden_layer = np.maximum(0, np.dot(X, W) + b)
    scores = np.dot(hidden_layer, W2) + b2
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs
    dscores[range(num_examples), y] -= 1
    dscores /= num_examples
    dW2 = np.dot(hidden_layer.T, dscores)
    db2 = np.sum(dscores, axis=0, keepdims=True)
    dhidden = np.dot(dscores, W2.T)
    dW = np.dot(X.T, dhidden)
    db = np.sum(dhidden, axis=0, keepdims=True)
    dW2 += reg * W2
    dW += reg * W
    return {"W": dW, "b": db, "W2": dW2, "b2": db2}


@mistake(losses.two_layer, draws.two_layer, CASE_STUDY, "dW", "mask", "local_slope", MASK)
def relu_mask_reversed(X, y, W, b, W2, b2, reg):
    num_examples = X.shape[0]
    hidden_layer = np.maximum(0, np.dot(X, W) + b)
    scores = np.dot(hidden_layer, W2) + b2
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    dscores = probs
    dscores[range(num_examples), y] -= 1
    dscores /= num_examples
    dW2 = np.dot(hidden_layer.T, dscores)
    db2 = np.sum(dscores, axis=0, keepdims=True)
    dhidden = np.dot(dscores, W2.T)
    dhidden[hidden_layer > 0] = 0
    dW = np.dot(X.T, dhidden)
    db = np.sum(dhidden, axis=0, keepdims=True)
    dW2 += reg * W2
    dW += reg * W
    return {"W": dW, "b": db, "W2": dW2, "b2": db2}


@mistake(losses.two_layer, draws.two_layer, CASE_STUDY, "dW", "mask", "local_slope", MASK)
def relu_mask_from_the_gradient(X, y, W, b, W2, b2, reg):
    hidden_layer, dscores = case_study_scores(X, y, W, b, W2, b2)
    dhidden = dscores @ W2.T
    dhidden[dhidden <= 0] = 0
    return {
        "W": X.T @ dhidden + reg * W,
        "b": dhidden.sum(axis=0, keepdims=True),
        "W2": hidden_layer.T @ dscores + reg * W2,
        "b2": dscores.sum(axis=0, keepdims=True),
    }


@mistake(losses.mlp_relu, draws.mlp, MLP, "dz1", "mask", "local_slope", r"z1|mask|relu|maximum")
def relu_mask_without_the_bias(X, Y, W1, b1, W2, b2):
    m = X.shape[0]
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    dz2 = (softmax_rows(a1 @ W2 + b2) - Y) / m
    dW2 = a1.T @ dz2
    db2 = dz2.sum(axis=0)
    da1 = dz2 @ W2.T
    dz1 = da1 * (X @ W1 > 0)
    dW1 = X.T @ dz1
    db1 = dz1.sum(axis=0)
    return dW1, db1, dW2, db2


@mistake(losses.mlp_relu, draws.mlp, MLP, "dz1", "mask", "local_slope", r"z1|mask|relu|maximum")
def relu_mask_at_one(X, Y, W1, b1, W2, b2):
    m = X.shape[0]
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    dz2 = (softmax_rows(a1 @ W2 + b2) - Y) / m
    da1 = dz2 @ W2.T
    dz1 = np.where(a1 >= 1, da1, 0)
    return X.T @ dz1, dz1.sum(axis=0), a1.T @ dz2, dz2.sum(axis=0)


@mistake(losses.mlp_relu, draws.mlp, MLP, "dz1", "local_slope", "mask", r"z1|slope|relu|maximum")
def relu_slope_is_its_value(X, Y, W1, b1, W2, b2):
    m = X.shape[0]
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    dz2 = (softmax_rows(a1 @ W2 + b2) - Y) / m
    da1 = dz2 @ W2.T
    dz1 = da1 * a1
    return {"W1": X.T @ dz1, "b1": dz1.sum(0), "W2": a1.T @ dz2, "b2": dz2.sum(0)}


@mistake(losses.mlp_relu, draws.mlp, MLP, "dz1", "upstream", "mask local_slope", r"da1|z1|incoming")
def relu_mask_alone(X, Y, W1, b1, W2, b2):
    m = X.shape[0]
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    dz2 = (softmax_rows(a1 @ W2 + b2) - Y) / m
    dz1 = (z1 > 0).astype(z1.dtype)
    return {"W1": X.T @ dz1, "b1": dz1.sum(0), "W2": a1.T @ dz2, "b2": dz2.sum(0)}


@mistake(losses.mlp_relu, draws.mlp, MLP, "dW2", "local_slope", "mask unexplained", r"a1|z1|w2")
def weights_take_the_values_before_the_relu(X, Y, W1, b1, W2, b2):
    m = X.shape[0]
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    z2 = a1 @ W2 + b2
    a2 = softmax_rows(z2)
    dz2 = (a2 - Y) / m
    dW2 = z1.T @ dz2
    db2 = np.sum(dz2, axis=0)
    dz1 = dz2 @ W2.T * (z1 > 0)
    dW1 = X.T @ dz1
    db1 = np.sum(dz1, axis=0)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


@mistake(losses.mlp_relu, draws.mlp, MLP, "dW2", "scaled", mentions=r"\bm\b|\b15\b")
def divided_between_two_uses(X, Y, W1, b1, W2, b2):
    m = X.shape[0]
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    dz2 = softmax_rows(a1 @ W2 + b2) - Y
    dW2 = a1.T @ dz2
    dz2 /= m
    db2 = dz2.sum(axis=0)
    dz1 = dz2 @ W2.T
    dz1[z1 <= 0] = 0
    dW1 = X.T @ dz1
    db1 = dz1.sum(axis=0)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


@mistake(losses.two_layer, draws.two_layer, CASE_STUDY, "dW", "term_missing", "", r"\breg\b")
def first_weights_not_regularised(X, y, W, b, W2, b2, reg):
    hidden_layer, dscores = case_study_scores(X, y, W, b, W2, b2)
    dW2 = np.dot(hidden_layer.T, dscores)
    db2 = np.sum(dscores, axis=0, keepdims=True)
    dhidden = np.dot(dscores, W2.T)
    dhidden[hidden_layer <= 0] = 0
    dW = np.dot(X.T, dhidden)
    db = np.sum(dhidden, axis=0, keepdims=True)
    dW2 += reg * W2
    return {"W": dW, "b": db, "W2": dW2, "b2": db2}


@mistake(losses.two_layer, draws.two_layer, CASE_STUDY, "db2", "term_extra", "", r"\breg\b|b2")
def second_bias_regularised(X, y, W, b, W2, b2, reg):
    hidden_layer, dscores = case_study_scores(X, y, W, b, W2, b2)
    db2 = np.sum(dscores, axis=0, keepdims=True) + reg * b2
    dW2 = np.dot(hidden_layer.T, dscores) + reg * W2
    dhidden = np.dot(dscores, W2.T) * (hidden_layer > 0)
    dW = np.dot(X.T, dhidden) + reg * W
    db = np.sum(dhidden, axis=0, keepdims=True)
    return dW, db, dW2, db2


@mistake(
    losses.two_layer, draws.two_layer, CASE_STUDY, "dhidden_layer", "overwritten", "scaled", r"w2"
)
def weights_changed_through_an_alias(X, y, W, b, W2, b2, reg):
    hidden_layer, dscores = case_study_scores(X, y, W, b, W2, b2)
    dW2 = W2
    dW2 *= reg
    dW2 += np.dot(hidden_layer.T, dscores)
    db2 = np.sum(dscores, axis=0, keepdims=True)
    dhidden_layer = np.dot(dscores, W2.T)
    dpre = dhidden_layer * (hidden_layer > 0)
    dW = np.dot(X.T, dpre) + reg * W
    db = np.sum(dpre, axis=0, keepdims=True)
    return {"W": dW, "b": db, "W2": dW2, "b2": db2}


@mistake(losses.two_layer, draws.two_layer, CASE_STUDY, "db", "wrong_axis", "not_summed shape")
def bias_summed_over_everything(X, y, W, b, W2, b2, reg):
    hidden_layer, dscores = case_study_scores(X, y, W, b, W2, b2)
    dhidden = np.dot(dscores, W2.T)
    dhidden[hidden_layer <= 0] = 0
    db = np.full(b.shape, np.sum(dhidden))
    dW = np.dot(X.T, dhidden) + reg * W
    dW2 = np.dot(hidden_layer.T, dscores) + reg * W2
    db2 = np.sum(dscores, axis=0, keepdims=True)
    return {"W": dW, "b": db, "W2": dW2, "b2": db2}


@mistake(losses.mlp_tanh, draws.mlp, MLP, "dz", "local_slope", mentions=r"tanh|\bh\b")
def tanh_slope_without_the_square(X, Y, W1, b1, W2, b2):
    N = len(X)
    h = np.tanh(X @ W1 + b1)
    dlogits = (softmax_rows(h @ W2 + b2) - Y) / N
    dh = dlogits @ W2.T
    dz = dh * (1 - h)
    return {"W1": X.T @ dz, "b1": dz.sum(axis=0), "W2": h.T @ dlogits, "b2": dlogits.sum(axis=0)}


@mistake(losses.mlp_tanh, draws.mlp, MLP, "dz", "local_slope", mentions=r"tanh|\bh\b")
def tanh_slope_at_the_output(X, Y, W1, b1, W2, b2):
    def tanh_prime(x):
        return 1 - np.tanh(x) ** 2

    N = len(X)
    z = X @ W1 + b1
    h = np.tanh(z)
    dlogits = (softmax_rows(h @ W2 + b2) - Y) / N
    dh = dlogits @ W2.T
    dz = dh * tanh_prime(h)
    return {"W1": X.T @ dz, "b1": dz.sum(axis=0), "W2": h.T @ dlogits, "b2": dlogits.sum(axis=0)}


@mistake(losses.mlp_tanh, draws.mlp, MLP, "z_grad", "local_slope", mentions=r"tanh|\bh\b")
def tanh_slope_missing(X, Y, W1, b1, W2, b2):
    h = np.tanh(X @ W1 + b1)
    logits_grad = (softmax_rows(h @ W2 + b2) - Y) / len(X)
    h_grad = logits_grad @ W2.T
    z_grad = h_grad
    return X.T @ z_grad, z_grad.sum(axis=0), h.T @ logits_grad, logits_grad.sum(axis=0)


@mistake(losses.mlp_tanh, draws.mlp, MLP, "dW2", "overwritten", "local_slope", r"\bh\b")
def activations_overwritten_by_their_slope(X, Y, W1, b1, W2, b2):
    N = len(X)
    h = np.tanh(X @ W1 + b1)
    dlogits = (softmax_rows(h @ W2 + b2) - Y) / N
    slope = h
    slope *= -h
    slope += 1
    dz = (dlogits @ W2.T) * slope
    dW1 = X.T @ dz
    db1 = dz.sum(axis=0)
    dW2 = h.T @ dlogits
    db2 = dlogits.sum(axis=0)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


@mistake(losses.mlp_tanh, draws.mlp, MLP, "grad_h", "sign", mentions=r"sign|minus|negat")
def sign_lost_on_the_way_down(X, Y, W1, b1, W2, b2):
    N = len(X)
    h = np.tanh(X @ W1 + b1)
    error = (Y - softmax_rows(h @ W2 + b2)) / N
    grad_W2 = -h.T @ error
    grad_b2 = -error.sum(axis=0)
    grad_h = error @ W2.T
    grad_z = grad_h * (1 - h * h)
    grad_W1 = X.T @ grad_z
    grad_b1 = grad_z.sum(axis=0)
    return grad_W1, grad_b1, grad_W2, grad_b2


@mistake(losses.mlp_sigmoid, draws.mlp, MLP, "dnet", "local_slope", mentions=r"hidden|sigmoid|net")
def sigmoid_slope_half_written(X, Y, W1, b1, W2, b2):
    n = X.shape[0]
    hidden = 1 / (1 + np.exp(-(np.dot(X, W1) + b1)))
    dout = (softmax_rows(np.dot(hidden, W2) + b2) - Y) / n
    dhidden = np.dot(dout, W2.T)
    dnet = dhidden * hidden
    grads = {"W2": np.dot(hidden.T, dout), "b2": dout.sum(axis=0)}
    grads.update(W1=np.dot(X.T, dnet), b1=dnet.sum(axis=0))
    return grads


@mistake(losses.mlp_sigmoid, draws.mlp, MLP, "dnet", "local_slope", mentions=r"hidden|sigmoid|net")
def sigmoid_slope_of_the_output(X, Y, W1, b1, W2, b2):
    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    n = X.shape[0]
    hidden = sigmoid(np.dot(X, W1) + b1)
    dout = (softmax_rows(np.dot(hidden, W2) + b2) - Y) / n
    dhidden = np.dot(dout, W2.T)
    dnet = dhidden * sigmoid(hidden) * (1 - sigmoid(hidden))
    return {
        "W1": np.dot(X.T, dnet),
        "b1": dnet.sum(axis=0),
        "W2": np.dot(hidden.T, dout),
        "b2": dout.sum(axis=0),
    }


@mistake(losses.mlp_sigmoid, draws.mlp, MLP, "dnet", "local_slope", mentions=r"hidden|sigmoid|net")
def sigmoid_slope_before_the_sigmoid(X, Y, W1, b1, W2, b2):
    n = X.shape[0]
    net = np.dot(X, W1) + b1
    hidden = 1 / (1 + np.exp(-net))
    dout = (softmax_rows(np.dot(hidden, W2) + b2) - Y) / n
    dnet = np.dot(dout, W2.T) * net * (1 - net)
    return np.dot(X.T, dnet), dnet.sum(axis=0), np.dot(hidden.T, dout), dout.sum(axis=0)


@mistake(losses.mlp_sigmoid, draws.mlp, MLP, "dnet", "upstream", "local_slope", r"hidden|net")
def sigmoid_slope_alone(X, Y, W1, b1, W2, b2):
    n = X.shape[0]
    hidden = 1 / (1 + np.exp(-(np.dot(X, W1) + b1)))
    dout = (softmax_rows(np.dot(hidden, W2) + b2) - Y) / n
    dW2 = np.dot(hidden.T, dout)
    db2 = dout.sum(axis=0)
    dnet = hidden * (1 - hidden)
    dW1 = np.dot(X.T, dnet)
    db1 = dnet.sum(axis=0)
    return dW1, db1, dW2, db2


@mistake(losses.mlp_sigmoid, draws.mlp, MLP, "dW1", "transposed", "shape", r"transpos|\.t\b")
def first_weights_transposed(X, Y, W1, b1, W2, b2):
    n = X.shape[0]
    hidden = 1 / (1 + np.exp(-(np.dot(X, W1) + b1)))
    dout = (softmax_rows(np.dot(hidden, W2) + b2) - Y) / n
    dnet = np.dot(dout, W2.T) * hidden * (1 - hidden)
    dW1 = np.dot(dnet.T, X)
    return dW1, dnet.sum(axis=0), np.dot(hidden.T, dout), dout.sum(axis=0)


@mistake(losses.deep_relu, draws.deep, "W1 b1 W2 b2 W3 b3", "dW1", "mask", "local_slope", MASK)
def first_of_two_masks_missing(X, y, W1, b1, W2, b2, W3, b3):
    N = X.shape[0]
    h1 = np.maximum(0, X @ W1 + b1)
    h2 = np.maximum(0, h1 @ W2 + b2)
    dscores = softmax_rows(h2 @ W3 + b3)
    dscores[np.arange(N), y] -= 1
    dscores /= N
    dW3, db3 = h2.T @ dscores, dscores.sum(axis=0)
    dh2 = dscores @ W3.T
    dh2[h2 <= 0] = 0
    dW2, db2 = h1.T @ dh2, dh2.sum(axis=0)
    dh1 = dh2 @ W2.T
    dW1, db1 = X.T @ dh1, dh1.sum(axis=0)
    return dW1, db1, dW2, db2, dW3, db3


@mistake(losses.deep_relu, draws.deep, "W1 b1 W2 b2 W3 b3", "db3", "mean_for_sum", "scaled", "mean")
def averages_in_the_last_layer(X, y, W1, b1, W2, b2, W3, b3):
    N = X.shape[0]
    activations = [X]
    for W, b in ((W1, b1), (W2, b2)):
        activations.append(np.maximum(0, activations[-1] @ W + b))
    delta = softmax_rows(activations[-1] @ W3 + b3)
    delta[np.arange(N), y] -= 1
    delta /= N
    grads = {"W3": activations[2].T @ delta, "b3": delta.mean(axis=0)}
    for layer, W in ((2, W3), (1, W2)):
        delta = delta @ W.T * (activations[layer] > 0)
        grads[f"W{layer}"] = activations[layer - 1].T @ delta
        grads[f"b{layer}"] = delta.sum(axis=0)
    return grads


@mistake(losses.mlp_relu, draws.mlp, MLP, "dW1", "accumulated", "", r"call|accumul")
def gradients_kept_in_a_default_argument(X, Y, W1, b1, W2, b2, grads={}):  # noqa: B006 - the mistake itself
    m = X.shape[0]
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    dz2 = (softmax_rows(a1 @ W2 + b2) - Y) / m
    dz1 = dz2 @ W2.T * (z1 > 0)
    if "W1" not in grads or grads["W1"].shape != W1.shape:
        grads["W1"] = np.zeros_like(W1)
    grads["W1"] += X.T @ dz1
    grads["b1"] = dz1.sum(axis=0)
    grads["W2"] = a1.T @ dz2
    grads["b2"] = dz2.sum(axis=0)
    return grads
