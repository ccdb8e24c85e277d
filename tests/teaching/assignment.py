"""The assignment that the tests of grading share, and ways to solve it, or not to."""

import numpy as np

rng = np.random.default_rng(0)
INPUTS = {
    "W": rng.standard_normal((2, 3)),
    "b": np.zeros((1, 3)),
    "X": rng.standard_normal((20, 2)),
    "y": rng.integers(0, 3, 20),
    "reg": 0.1,
}


def loss(W, b, X, y, reg):
    scores = X @ W + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    return -np.mean(np.log(probs[range(len(X)), y])) + 0.5 * reg * np.sum(W * W)


RIGHT = """\
import numpy as np

def gradients(W, b, X, y, reg):
    probs = np.exp(X @ W + b)
    probs /= probs.sum(axis=1, keepdims=True)
    dscores = probs
    dscores[range(len(X)), y] -= 1
    dscores /= len(X)
    return {"W": X.T @ dscores + reg * W, "b": dscores.sum(axis=0, keepdims=True)}
"""
FIRST, LAST = "    probs = np.exp(X @ W + b)\n", "    return {"


def before(line):
    """The right solution, in which something happens first."""
    return RIGHT.replace(FIRST, f"    {line}\n{FIRST}")


def returning(code):
    """The right solution, which returns something else."""
    return RIGHT.replace(LAST, f"    return {code}\n{LAST}")


#: Right, however they are written.
SOLUTIONS = {
    "as usual": RIGHT,
    "other keys": RIGHT.replace('"W":', '"dW":').replace('"b":', '"db":'),
    "a tuple": RIGHT.replace('{"W": ', "(").replace('"b": ', "").replace("True)}", "True))"),
    "loops": """
import numpy as np

def gradients(W, b, X, y, reg):
    dW, db = np.zeros_like(W), np.zeros_like(b)
    for i in range(len(X)):
        scores = X[i] @ W + b[0]
        probs = np.exp(scores) / np.exp(scores).sum()
        for k in range(W.shape[1]):
            dscore = (probs[k] - (k == y[i])) / len(X)
            db[0, k] += dscore
            for d in range(W.shape[0]):
                dW[d, k] += X[i, d] * dscore
    for d in range(W.shape[0]):
        for k in range(W.shape[1]):
            dW[d, k] += reg * W[d, k]
    return {"W": dW, "b": db}
""",
    "loops, and a small number against division by 0": """
import numpy as np

def gradients(W, b, X, y, reg):
    dW, db = np.zeros_like(W), np.zeros_like(b)
    for i in range(len(X)):
        powers = np.exp(X[i] @ W + b[0])
        for k in range(W.shape[1]):
            dscore = (powers[k] / (powers.sum() + 1e-9) - (k == y[i])) / len(X)
            db[0, k] += dscore
            for d in range(W.shape[0]):
                dW[d, k] += X[i, d] * dscore
    return {"W": dW + reg * W, "b": db}
""",
    "an entry at a time": """
import numpy as np

def share(X, y, probs, d, k):
    return np.mean(X[:, d] * (probs[:, k] - (y == k)))

def gradients(W, b, X, y, reg):
    probs = np.exp(X @ W + b)
    probs /= probs.sum(axis=1, keepdims=True)
    dW, db = reg * W, np.zeros_like(b)
    for d, k in np.ndindex(*W.shape):
        dW[d, k] += share(X, y, probs, d, k)
    for k in range(W.shape[1]):
        db[0, k] = np.mean(probs[:, k] - (y == k))
    return {"W": dW, "b": db}
""",
    "a class": """
import numpy as np

class Model:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def backward(self, X, y, reg):
        probs = np.exp(X @ self.W + self.b)
        probs /= probs.sum(axis=1, keepdims=True)
        targets = np.eye(self.W.shape[1])[y]
        dscores = (probs - targets) / len(X)
        return X.T @ dscores + reg * self.W, dscores.sum(axis=0, keepdims=True)

def gradients(W, b, X, y, reg):
    return Model(W, b).backward(X, y, reg)
""",
    "a small number against division by 0": RIGHT.replace(
        "keepdims=True)\n    dscores =", "keepdims=True) + 1e-9\n    dscores ="
    ),
    "inputs changed": before("W *= 1; b += 1; b -= 1; X[...] = X"),
    "inputs changed afterwards": RIGHT.replace("return", "found =")
    + "    W[...] = 0\n    return found\n",
    "printing": before("print('here')"),
    "much printing": before("print('here' * 10**6)"),
    "a check that is run": RIGHT
    + "from tinygrad_softmax import check_gradients\n"
    "report = check_gradients(gradients, gradients)\nprint(report)\nassert report, report.hint()\n",
    "an import that is not used": "import torch.nn as nn\nfrom jax import *\n"
    "class Net(nn.Module):\n    pass\nnet = Net() if nn.fast else nn.Linear(2, 3) + 1\n" + RIGHT,
    "it exits at the end": RIGHT + "import sys\nsys.exit(0)\n",
    "it fails at the end": RIGHT + "1 / 0\n",
}  # fmt: skip

LOSS = """
import numpy as np

def loss(W, b, X, y, reg):
    scores = X @ W + b
    log_probs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return -np.mean(log_probs[range(len(X)), y]) + 0.5 * reg * np.sum(W * W)
"""


def measured(body):
    """A solution of which `slope` measures the gradient of a function of one array."""
    return f"""{LOSS}
{body}
def gradients(W, b, X, y, reg):
    return {{
        "W": slope(lambda W: loss(W, b, X, y, reg), W),
        "b": slope(lambda b: loss(W, b, X, y, reg), b),
    }}
"""


#: Measured by finite differences, however it is done.
MEASUREMENTS = {
    "in place": measured("""
def slope(f, x, h=1e-5):
    grad = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        old = x[i]
        x[i] = old + h
        above = f(x)
        x[i] = old - h
        below = f(x)
        x[i] = old
        grad[i] = (above - below) / (2 * h)
    return grad
"""),
    "forward": measured("""
def slope(f, x, h=1e-7):
    grad, base = np.zeros_like(x), f(x)
    it = np.nditer(x, flags=["multi_index"])
    while not it.finished:
        nudged = x.copy()
        nudged[it.multi_index] += h
        grad[it.multi_index] = (f(nudged) - base) / h
        it.iternext()
    return grad
"""),
    "one-hot matrices": measured("""
def slope(f, x, h=1e-5):
    return np.array([(f(x + h * e.reshape(x.shape)) - f(x - h * e.reshape(x.shape))) / (2 * h)
                     for e in np.eye(x.size)]).reshape(x.shape)
"""),
    "extrapolated": measured("""
def slope(f, x, h=1e-2):
    grad = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        rows = []
        for n in range(6):
            step = np.zeros_like(x)
            step[i] = h / 2**n
            row = [(f(x + step) - f(x - step)) / (2 * step[i])]
            for m, last in enumerate(rows[-1] if rows else [], 1):
                row.append(row[-1] + (row[-1] - last) / (4**m - 1))
            rows.append(row)
        grad[i] = rows[-1][-1]
    return grad
"""),
    "complex steps": measured("""
def slope(f, x):
    grad = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        nudged = x.astype(complex)
        nudged[i] += 1e-30j
        grad[i] = f(nudged).imag / 1e-30
    return grad
"""),
    "flat": measured("""
def slope(f, x, h=1e-5):
    flat = x.ravel()
    def at(i, t):
        moved = flat.copy()
        moved[i] += t
        return f(moved.reshape(x.shape))
    found = [(at(i, h) - at(i, -h)) / (2 * h) for i in range(x.size)]
    return np.reshape(found, x.shape)
"""),
    "one vector of all parameters": LOSS
    + """
def gradients(W, b, X, y, reg):
    theta = np.concatenate([W.ravel(), b.ravel()])
    def at(theta):
        return loss(theta[: W.size].reshape(W.shape), theta[W.size :].reshape(b.shape), X, y, reg)
    found = np.array([(at(theta + 1e-5 * e) - at(theta - 1e-5 * e)) / 2e-5
                      for e in np.eye(theta.size)])
    return {"W": found[: W.size].reshape(W.shape), "b": found[W.size :].reshape(b.shape)}
""",
    "in an object": LOSS
    + """
class Model:
    def __init__(self, W, b):
        self.params = {"W": W.copy(), "b": b.copy()}

    def loss(self, *data):
        return loss(self.params["W"] + 0, self.params["b"] + 0, *data)

    def slope(self, name, *data):
        param = self.params[name]
        grad = np.zeros_like(param)
        for i in np.ndindex(*param.shape):
            for sign in (1, -1):
                self.params[name][i] += sign * 1e-5
                grad[i] += sign * self.loss(*data) / 2e-5
                self.params[name][i] -= sign * 1e-5
        return grad

def gradients(W, b, X, y, reg):
    model = Model(W, b)
    return {name: model.slope(name, X, y, reg) for name in ("W", "b")}
""",
    "without a function": """
import numpy as np

def gradients(W, b, X, y, reg):
    h, n, dW, db = 1e-5, range(len(X)), [], []
    for E in np.eye(W.size):
        E = E.reshape(W.shape)
        up = np.log(np.exp(X @ (W + h * E) + b).sum(1)) - (X @ (W + h * E) + b)[n, y]
        down = np.log(np.exp(X @ (W - h * E) + b).sum(1)) - (X @ (W - h * E) + b)[n, y]
        dW.append((up.mean() - down.mean()) / (2 * h) + reg * np.sum(W * E))
    for e in np.eye(b.size):
        up = np.log(np.exp(X @ W + b + h * e).sum(1)) - (X @ W + b + h * e)[n, y]
        down = np.log(np.exp(X @ W + b - h * e).sum(1)) - (X @ W + b - h * e)[n, y]
        db.append((up.mean() - down.mean()) / (2 * h))
    return {"W": np.reshape(dW, W.shape), "b": np.reshape(db, b.shape)}
""",
    "without a loss": """
import numpy as np

def gradients(W, b, X, y, reg):
    h, n = 1e-5, range(len(X))
    at = lambda s, w: (np.log(np.exp(s).sum(axis=1)) - s[n, y]).mean() + reg / 2 * (w * w).sum()
    dW = np.array([[(at(X @ (W + h * E) + b, W + h * E) - at(X @ (W - h * E) + b, W - h * E))
                    / (2 * h) for E in row] for row in np.eye(W.size).reshape(*W.shape, *W.shape)])
    db = [(at(X @ W + b + h * e, W) - at(X @ W + b - h * e, W)) / (2 * h) for e in np.eye(b.size)]
    return {"W": dW, "b": np.reshape(db, b.shape)}
""",
}
