"""Right gradients of networks with hidden layers."""

import numpy as np

from tests.check import draws, losses
from tests.check.catalogue import Variant, variants_into

VARIANTS: list[Variant] = []
variant = variants_into(VARIANTS)

CASE_STUDY = "W b W2 b2"
MLP = "W1 b1 W2 b2"


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def affine_backward(dout, X, W):
    return dout @ W.T, X.T @ dout, dout.sum(axis=0)


@variant(losses.two_layer, draws.two_layer, CASE_STUDY)
def case_study_as_written(X, y, W, b, W2, b2, reg):
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
    dhidden[hidden_layer <= 0] = 0
    dW = np.dot(X.T, dhidden)
    db = np.sum(dhidden, axis=0, keepdims=True)
    dW2 += reg * W2
    dW += reg * W
    return {"W": dW, "b": db, "W2": dW2, "b2": db2}


@variant(losses.two_layer, draws.two_layer, CASE_STUDY)
def same_name_before_and_after_the_mask(X, y, W, b, W2, b2, reg):
    hidden_layer = np.maximum(0, np.dot(X, W) + b)
    dscores = softmax(np.dot(hidden_layer, W2) + b2)
    dscores[range(len(y)), y] -= 1
    dscores /= len(y)
    dhidden_layer = np.dot(dscores, W2.T)
    dhidden_layer[hidden_layer <= 0] = 0
    return (
        np.dot(X.T, dhidden_layer) + reg * W,
        np.sum(dhidden_layer, axis=0, keepdims=True),
        np.dot(hidden_layer.T, dscores) + reg * W2,
        np.sum(dscores, axis=0, keepdims=True),
    )


@variant(losses.two_layer, draws.two_layer, CASE_STUDY)
def divided_after_both_layers(X, y, W, b, W2, b2, reg):
    N = X.shape[0]
    hidden_layer = np.maximum(0, X @ W + b)
    dscores = softmax(hidden_layer @ W2 + b2)
    dscores[np.arange(N), y] -= 1
    dhidden_layer = dscores @ W2.T * (hidden_layer > 0)
    grads = {"W": X.T @ dhidden_layer, "b": dhidden_layer.sum(axis=0, keepdims=True)}
    grads |= {"W2": hidden_layer.T @ dscores, "b2": dscores.sum(axis=0, keepdims=True)}
    for name, weights in (("W", W), ("b", None), ("W2", W2), ("b2", None)):
        grads[name] /= N
        if weights is not None:
            grads[name] += reg * weights
    return grads


@variant(losses.two_layer, draws.two_layer, CASE_STUDY)
def hidden_layer_masked_in_place(X, y, W, b, W2, b2, reg):
    hidden = np.dot(X, W) + b
    hidden[hidden < 0] = 0
    scores = np.dot(hidden, W2) + b2
    dscores = softmax(scores)
    dscores[range(len(y)), y] -= 1
    dscores /= len(y)
    dW2 = hidden.T @ dscores
    dW2 += reg * W2
    active = hidden
    active[active > 0] = 1  # The hidden layer is no longer needed.
    dpre = (dscores @ W2.T) * active
    dW = X.T @ dpre
    dW += reg * W
    return dW, dpre.sum(axis=0, keepdims=True), dW2, dscores.sum(axis=0, keepdims=True)


@variant(losses.two_layer, draws.two_layer, CASE_STUDY)
def regulariser_first(X, y, W, b, W2, b2, reg):
    dW, dW2 = reg * W, reg * W2
    db, db2 = np.zeros_like(b), np.zeros_like(b2)
    for x, label in zip(X, y, strict=True):
        pre = x[None] @ W + b
        h = np.maximum(0, pre)
        d = softmax(h @ W2 + b2)
        d[0, label] -= 1
        d /= len(X)
        dW2 += h.T @ d
        db2 += d
        dh = d @ W2.T
        dh[pre <= 0] = 0
        dW += np.outer(x, dh)
        db += dh
    return {"W": dW, "b": db, "W2": dW2, "b2": db2}


@variant(losses.mlp_relu, draws.mlp, MLP)
def mask_from_the_input(X, Y, W1, b1, W2, b2):
    m = X.shape[0]
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    a2 = softmax(a1 @ W2 + b2)
    dz2 = (a2 - Y) / m
    dW2 = a1.T @ dz2
    db2 = dz2.sum(axis=0)
    da1 = dz2 @ W2.T
    dz1 = np.where(z1 > 0, da1, 0)
    dW1 = X.T @ dz1
    db1 = dz1.sum(axis=0)
    return dW1, db1, dW2, db2


@variant(losses.mlp_relu, draws.mlp, MLP)
def mask_from_the_output(X, Y, W1, b1, W2, b2):
    a1 = np.maximum(X @ W1 + b1, 0)
    dz2 = (softmax(a1 @ W2 + b2) - Y) / len(X)
    dz1 = np.array(dz2 @ W2.T, copy=True)
    dz1[a1 == 0] = 0
    return {"W2": a1.T @ dz2, "b2": dz2.sum(0), "W1": X.T @ dz1, "b1": dz1.sum(0)}


@variant(losses.mlp_relu, draws.mlp, MLP)
def mask_by_sign_and_heaviside(X, Y, W1, b1, W2, b2):
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    dz2 = (softmax(a1 @ W2 + b2) - Y) / len(X)
    dz1 = np.heaviside(z1, 0) * np.einsum("nk,hk->nh", dz2, W2)
    return (
        np.einsum("nd,nh->dh", X, dz1),
        dz1.sum(axis=0),
        np.einsum("nh,nk->hk", np.sign(a1) * a1, dz2),
        dz2.sum(axis=0),
    )


@variant(losses.mlp_relu, draws.mlp, MLP)
def mask_applied_twice(X, Y, W1, b1, W2, b2):
    mask = X @ W1 + b1 > 0
    a1 = mask * (X @ W1 + b1)
    dz2 = (softmax(a1 @ W2 + b2) - Y) / len(X)
    da1 = dz2 @ W2.T
    da1 = da1 * mask
    dz1 = da1 * mask
    return X.T @ dz1, dz1.sum(axis=0), a1.T @ dz2, dz2.sum(axis=0)


@variant(losses.mlp_relu, draws.mlp, MLP)
def slope_as_a_quotient(X, Y, W1, b1, W2, b2):
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    dz2 = (softmax(a1 @ W2 + b2) - Y) / len(X)
    dz1 = dz2 @ W2.T * (a1 / z1)
    return X.T @ dz1, dz1.sum(axis=0), a1.T @ dz2, dz2.sum(axis=0)


@variant(losses.mlp_relu, draws.mlp, MLP)
def deltas_in_a_list(X, Y, W1, b1, W2, b2):
    weights, biases = [W1, W2], [b1, b2]
    activations = [X]
    for W, b in zip(weights, biases, strict=True):
        z = activations[-1] @ W + b
        activations.append(softmax(z) if W is W2 else np.maximum(z, 0))
    deltas = [(activations[-1] - Y) / len(X)]
    deltas.insert(0, deltas[0] @ W2.T * (activations[1] > 0))
    grads = {}
    for i in (1, 2):
        grads[f"W{i}"] = activations[i - 1].T @ deltas[i - 1]
        grads[f"b{i}"] = deltas[i - 1].sum(axis=0)
    return grads


@variant(losses.mlp_tanh, draws.mlp, MLP)
def tanh_slope_from_the_activation(X, Y, W1, b1, W2, b2):
    N = len(X)
    h = np.tanh(X @ W1 + b1)
    dlogits = (softmax(h @ W2 + b2) - Y) / N
    dh, dW2, db2 = affine_backward(dlogits, h, W2)
    dz = dh * (1 - h**2)
    _, dW1, db1 = affine_backward(dz, X, W1)
    return dW1, db1, dW2, db2


@variant(losses.mlp_tanh, draws.mlp, MLP)
def tanh_slope_from_the_hyperbolic_cosine(X, Y, W1, b1, W2, b2):
    z = X @ W1 + b1
    h = np.tanh(z)
    dlogits = (softmax(h @ W2 + b2) - Y) / len(X)
    dz = (dlogits @ W2.T) / np.cosh(z) ** 2
    return {"W1": X.T @ dz, "b1": dz.sum(0), "W2": h.T @ dlogits, "b2": dlogits.sum(0)}


@variant(losses.mlp_tanh, draws.mlp, MLP)
def tanh_slope_in_two_factors(X, Y, W1, b1, W2, b2):
    h = np.tanh(X @ W1 + b1)
    dlogits = softmax(h @ W2 + b2) - Y
    dlogits *= 1 / len(X)
    dW2, db2 = h.T @ dlogits, dlogits.sum(axis=0)
    dh = dlogits @ W2.T
    dh *= 1 + h
    dh *= 1 - h
    return X.T @ dh, dh.sum(axis=0), dW2, db2


@variant(losses.mlp_tanh, draws.mlp, MLP)
def activation_overwritten_after_its_last_use(X, Y, W1, b1, W2, b2):
    h = np.tanh(X @ W1 + b1)
    dlogits = (softmax(h @ W2 + b2) - Y) / len(X)
    grads = {"W2": h.T @ dlogits, "b2": dlogits.sum(axis=0)}
    slope = h
    slope *= -slope
    slope += 1
    dz = dlogits @ W2.T
    dz *= slope
    grads["W1"], grads["b1"] = X.T @ dz, dz.sum(axis=0)
    return grads


@variant(losses.mlp_sigmoid, draws.mlp, MLP)
def sigmoid_slope_from_the_activation(X, Y, W1, b1, W2, b2):
    n = X.shape[0]
    net = np.dot(X, W1) + b1
    hidden = 1 / (1 + np.exp(-net))
    dout = (softmax(np.dot(hidden, W2) + b2) - Y) / n
    dhidden = np.dot(dout, W2.T)
    dnet = dhidden * hidden * (1 - hidden)
    return np.dot(X.T, dnet), dnet.sum(axis=0), np.dot(hidden.T, dout), dout.sum(axis=0)


@variant(losses.mlp_sigmoid, draws.mlp, MLP)
def sigmoid_slope_from_exponentials(X, Y, W1, b1, W2, b2):
    n = X.shape[0]
    e = np.exp(-(np.dot(X, W1) + b1))
    hidden = 1 / (1 + e)
    dout = (softmax(np.dot(hidden, W2) + b2) - Y) / n
    dhidden = dout.dot(W2.T)
    dnet = dhidden * e / (1 + e) ** 2
    return np.dot(X.T, dnet), dnet.sum(axis=0), np.dot(hidden.T, dout), dout.sum(axis=0)


@variant(losses.mlp_sigmoid, draws.mlp, MLP)
def sigmoid_by_tanh(X, Y, W1, b1, W2, b2):
    t = np.tanh((X @ W1 + b1) / 2)
    hidden = (1 + t) / 2
    dout = (softmax(hidden @ W2 + b2) - Y) / len(X)
    dt = dout @ W2.T / 2
    dnet = dt * (1 - t * t) / 2
    return X.T @ dnet, dnet.sum(axis=0), hidden.T @ dout, dout.sum(axis=0)


@variant(losses.deep_relu, draws.deep, "W1 b1 W2 b2 W3 b3")
def three_layers_in_a_loop(X, y, W1, b1, W2, b2, W3, b3):
    layers = [(W1, b1), (W2, b2), (W3, b3)]
    inputs, x = [], X
    for W, b in layers:
        inputs.append(x)
        x = np.maximum(0, x @ W + b) if W is not W3 else x @ W + b
    dx = softmax(x)
    dx[np.arange(len(y)), y] -= 1
    dx /= len(y)
    found = []
    for (W, _), x in zip(reversed(layers), reversed(inputs), strict=True):
        dW, db = x.T @ dx, dx.sum(axis=0)
        found = [dW, db, *found]
        dx = dx @ W.T
        dx[x <= 0] = 0
    return found


@variant(losses.deep_relu, draws.deep, "W1 b1 W2 b2 W3 b3")
def three_layers_with_products_associated_from_the_left(X, y, W1, b1, W2, b2, W3, b3):
    h1 = np.maximum(0, X @ W1 + b1)
    h2 = np.maximum(0, h1 @ W2 + b2)
    dscores = softmax(h2 @ W3 + b3)
    dscores[np.arange(len(y)), y] -= 1
    dscores /= len(y)
    # Each example's slope of the scores along the first layer, then the incoming gradient.
    to_scores = np.einsum("ng,gk->ngk", h2 > 0, W3)
    through = np.einsum("hg,ngk->nhk", W2, to_scores) * (h1 > 0)[:, :, None]
    dh2 = np.einsum("ngk,nk->ng", to_scores, dscores)
    dh1 = np.einsum("nhk,nk->nh", through, dscores)
    return (
        X.T @ dh1,
        dh1.sum(axis=0),
        h1.T @ dh2,
        dh2.sum(axis=0),
        h2.T @ dscores,
        dscores.sum(axis=0),
    )
