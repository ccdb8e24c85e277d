"""Inputs at realistic, pairwise different sizes: those written here for seed 0, else drawn."""

import numpy as np


def sizes(seed, **at):
    """A generator and the sizes, the number of examples first."""
    rng = np.random.default_rng(231 + seed)
    if not seed:
        return rng, *at.values()
    first = int(rng.integers(14, 31))
    others = rng.choice(np.arange(3, 13), len(at) - 1, replace=False)
    return rng, first, *(int(size) for size in others)


def labels(rng, n, k):
    """Labels with every class in them, not all on the last one."""
    y = rng.integers(0, k, n)
    y[:k] = np.arange(k)
    return rng.permutation(y)


def linear(seed):
    rng, N, D, K = sizes(seed, N=23, D=5, K=3)
    X, W, b = rng.standard_normal((N, D)), rng.standard_normal((D, K)), rng.standard_normal((1, K))
    return {"X": X, "y": labels(rng, N, K), "W": 0.7 * W, "b": b, "reg": 0.1}


def linear_flat(seed):
    rng, N, D, K = sizes(seed, N=17, D=6, K=4)
    X, W, b = rng.standard_normal((N, D)), rng.standard_normal((D, K)), rng.standard_normal(K)
    return {"X": X, "y": labels(rng, N, K), "W": 0.5 * W, "b": b, "reg": 0.03}


def few_rows(seed):
    """For losses that record a graph for each row."""
    flat = linear_flat(seed)
    return flat | {"X": flat["X"][:7], "y": flat["y"][:7]}


def onehot(seed):
    rng, N, D, K = sizes(seed, N=19, D=7, K=4)
    X, W, b = rng.standard_normal((N, D)), rng.standard_normal((D, K)), rng.standard_normal(K)
    return {"X": X, "Y": np.eye(K)[labels(rng, N, K)], "W": 0.5 * W, "b": b}


def transposed(seed):
    rng, N, D, K = sizes(seed, N=21, D=6, K=5)
    X, W, b = rng.standard_normal((D, N)), rng.standard_normal((K, D)), rng.standard_normal((K, 1))
    return {"X": X, "y": labels(rng, N, K), "W": 0.6 * W, "b": b}


def tempered(seed):
    rng, N, D, K = sizes(seed, N=16, D=5, K=3)
    X, W = rng.standard_normal((N, D)), rng.standard_normal((D, K))
    return {"X": X, "y": labels(rng, N, K), "W": W, "T": 2.5}


def smoothed(seed):
    rng, N, D, K = sizes(seed, N=18, D=4, K=6)
    X, W = rng.standard_normal((N, D)), rng.standard_normal((D, K))
    return {"X": X, "Y": np.eye(K)[labels(rng, N, K)], "W": 0.5 * W, "eps": 0.15}


def weighted(seed):
    rng, N, D, K = sizes(seed, N=14, D=5, K=4)
    X, W = rng.standard_normal((N, D)), rng.standard_normal((D, K))
    return {"X": X, "y": labels(rng, N, K), "W": 0.5 * W, "weights": rng.uniform(0.4, 2.2, N)}


def confident(seed):
    rng, N, D, K = sizes(seed, N=13, D=6, K=3)
    X, W = rng.standard_normal((N, D)), rng.standard_normal((D, K))
    return {"X": X, "y": labels(rng, N, K), "W": 0.5 * W, "lam": 0.4}


def two_layer(seed):
    rng, N, D, H, K = sizes(seed, N=24, D=4, H=9, K=3)
    return {
        "X": rng.standard_normal((N, D)),
        "y": labels(rng, N, K),
        "W": 0.6 * rng.standard_normal((D, H)),
        "b": 0.3 * rng.standard_normal((1, H)),
        "W2": 0.6 * rng.standard_normal((H, K)),
        "b2": 0.3 * rng.standard_normal((1, K)),
        "reg": 0.05,
    }


def mlp(seed):
    rng, N, D, H, K = sizes(seed, N=15, D=5, H=8, K=4)
    return {
        "X": rng.standard_normal((N, D)),
        "Y": np.eye(K)[labels(rng, N, K)],
        "W1": 0.6 * rng.standard_normal((D, H)),
        "b1": 0.4 * rng.standard_normal(H),
        "W2": 0.6 * rng.standard_normal((H, K)),
        "b2": 0.4 * rng.standard_normal(K),
    }


def deep(seed):
    rng, N, D, H, G, K = sizes(seed, N=22, D=5, H=7, G=6, K=3)
    return {
        "X": rng.standard_normal((N, D)),
        "y": labels(rng, N, K),
        "W1": 0.5 * rng.standard_normal((D, H)),
        "b1": 0.3 * rng.standard_normal(H),
        "W2": 0.5 * rng.standard_normal((H, G)),
        "b2": 0.3 * rng.standard_normal(G),
        "W3": 0.5 * rng.standard_normal((G, K)),
        "b3": 0.3 * rng.standard_normal(K),
    }


def binary(seed):
    rng, N, D = sizes(seed, N=20, D=6)
    X, w = rng.standard_normal((N, D)), 0.6 * rng.standard_normal(D)
    return {"X": X, "y": np.resize([0.0, 1.0, 1.0, 0.0, 1.0], N), "w": w, "b": np.array(0.37)}


def binary_column(seed):
    rng, N, D = sizes(seed, N=18, D=5)
    X, W = rng.standard_normal((N, D)), 0.6 * rng.standard_normal((D, 1))
    y = np.resize([0.0, 1.0, 1.0, 0.0, 1.0], N)
    return {"X": X, "y": y[:, None], "W": W, "b": np.array([[-0.21]])}


def signed(seed):
    rng, N, D = sizes(seed, N=22, D=7)
    X, w = rng.standard_normal((N, D)), 1.5 * rng.standard_normal(D)
    return {"X": X, "y": np.resize([-1.0, 1.0, 1.0, -1.0, 1.0], N), "w": w, "C": 0.2}


def svm(seed):
    rng, N, D, K = sizes(seed, N=16, D=7, K=5)
    X, W = rng.standard_normal((N, D)), 0.5 * rng.standard_normal((D, K))
    return {"X": X, "y": labels(rng, N, K), "W": W, "reg": 0.02}


def svm_bias(seed):
    return svm(seed) | {"b": np.random.default_rng(seed).standard_normal(svm(seed)["W"].shape[1])}


def regression(seed):
    rng, N, D = sizes(seed, N=25, D=4)
    X, w = rng.standard_normal((N, D)), rng.standard_normal(D)
    return {"X": X, "y": rng.standard_normal(N), "w": w, "b": np.array(0.8)}


def ridge(seed):
    return regression(seed) | {"alpha": 0.3}


def outputs(seed):
    rng, N, D, K = sizes(seed, N=12, D=5, K=3)
    X, W, b = rng.standard_normal((N, D)), rng.standard_normal((D, K)), rng.standard_normal((1, K))
    return {"X": X, "Y": rng.standard_normal((N, K)), "W": W, "b": b}


def norm(seed):
    rng, N, D = sizes(seed, N=11, D=6)
    return {
        "x": 1.5 * rng.standard_normal((N, D)) + 0.5,
        "gamma": rng.uniform(0.5, 2.0, D),
        "beta": rng.standard_normal(D),
        "target": rng.standard_normal((N, D)),
        "eps": 1e-3,
    }


def counts(seed):
    rng, N, D = sizes(seed, N=26, D=5)
    X, w = 0.6 * rng.standard_normal((N, D)), 0.6 * rng.standard_normal(D)
    return {"X": X, "y": rng.poisson(2.0, N).astype(float), "w": w, "b": np.array(0.45)}


def words(seed):
    rng, N, V, D, K = sizes(seed, N=20, V=7, D=5, K=3)
    E, W = rng.standard_normal((V, D)), rng.standard_normal((D, K))
    return {"words": rng.integers(0, V, N), "y": labels(rng, N, K), "E": E, "W": W}


def tied(seed):
    rng, N, D, H = sizes(seed, N=14, D=6, H=4)
    return {"X": rng.standard_normal((N, D)), "W": 0.5 * rng.standard_normal((D, H))}


def series(seed):
    rng, T, N, D, H = sizes(seed, T=9, N=6, D=4, H=5)
    return {
        "x": rng.standard_normal((T, N, D)),
        "target": rng.standard_normal((N, H)),
        "Wx": 0.5 * rng.standard_normal((D, H)),
        "Wh": 0.5 * rng.standard_normal((H, H)),
        "b": 0.3 * rng.standard_normal(H),
    }
