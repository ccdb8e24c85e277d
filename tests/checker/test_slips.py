"""Slips in closures, layers, loops and lines that make several arrays at once."""

import numpy as np
import pytest

from tests.checker.subjects import function_of
from tinygrad_softmax.checker import check_gradients

RNG = np.random.default_rng(5)
R = RNG.standard_normal
AMPLE = 600.0


def checked(source, names, wrong=("", ""), **given):
    """Check functions of a source, in which one piece is exchanged where it is last."""
    made = wrong[1].join(source.rsplit(wrong[0], 1)) if wrong[0] else source
    functions = [function_of(made, {"np": np, "sig": lambda z: 1 / (1 + np.exp(-z))}, n)
                 for n in names]  # fmt: skip
    return check_gradients(*functions, **given)


# --- closures ---


def made_of(X, t, wrong):
    def loss(w, shift):
        return np.sum((np.tanh(X @ w) + shift - t) ** 2)

    def right(w, shift):
        h = np.tanh(X @ w)
        g = 2 * (h + shift - t)
        return X.T @ (g * (1 - h**2)), g

    def slope(w, shift):
        h = np.tanh(X @ w)
        g = 2 * (h + shift - t)
        return X.T @ (g * (1 - h)), g

    def sign(w, shift):
        h = np.tanh(X @ w)
        g = 2 * (t - h - shift)
        return X.T @ (g * (1 - h**2)), g

    return loss, {"right": right, "slope": slope, "sign": sign}[wrong]


@pytest.mark.no_cover
@pytest.mark.parametrize(("wrong", "after"), [
    ("right", None), ("slope", "(1 - h ** 2)"), ("sign", "h"),
])  # fmt: skip
def test_functions_that_read_variables_around_them_are_repaired(wrong, after):
    loss, gradients = made_of(R((6, 3)), R(6), wrong)
    report = check_gradients(loss, gradients, wrt=("w", "shift"), budget=AMPLE, w=R(3), shift=R(6))
    if after is None:
        assert report.ok, report
    else:
        (finding,) = report.findings
        assert finding.repaired, report
        assert after in finding.after


# --- several arrays in one line ---

TWO = """
def loss(A, B, X, T):
    h = np.tanh(X @ A)
    s = sig(X @ B)
    return np.sum((h * s - T) ** 2)

def gradients(A, B, X, T):
    h, s = np.tanh(X @ A), sig(X @ B)
    d = 2 * (h * s - T)
    dh, ds = d * s, d * h
    da, db = dh * (1 - h ** 2), ds * s * (1 - s)
    return X.T @ da, X.T @ db
"""


@pytest.mark.no_cover
@pytest.mark.parametrize("wrong", [
    ("dh, ds = d * s, d * h", "dh, ds = d * s, d * s"),
    ("ds * s * (1 - s)", "ds * s * (1 - h)"),
    ("dh * (1 - h ** 2), ds", "dh * (1 + h ** 2), ds"),
    ("dh * (1 - h ** 2), ds", "d * (1 - h ** 2), ds"),
    ("return X.T @ da, X.T @ db", "return X.T @ dh, X.T @ db"),
])  # fmt: skip
def test_lines_that_make_several_arrays(wrong):
    given = {"A": R((3, 4)), "B": R((3, 4)), "X": R((6, 3)), "T": R((6, 4))}
    assert checked(TWO, ("loss", "gradients"), wrt=("A", "B"), budget=0, **given)
    report = checked(TWO, ("loss", "gradients"), wrong, wrt=("A", "B"), budget=AMPLE, **given)
    (finding,) = report.findings
    assert wrong[0].replace(" ", "") in finding.after.replace(" ", ""), report


# --- layers ---


@pytest.mark.parametrize("name", ["dnext_h", "dh", "dA", "delta", "grad_next_h", "dnext_h_out"])
def test_what_comes_into_a_layer_has_any_name(name):
    source = f"""
def step(x, W):
    next_h = np.tanh(x @ W)
    return next_h, (x, W, next_h)

def back({name}, cache):
    x, W, next_h = cache
    d = {name} * (1 - next_h ** 2)
    return d @ W.T, x.T @ d
"""
    given = {"wrt": ("x", "W"), "x": R((4, 3)), "W": R((3, 5)), "budget": 0}
    assert checked(source, ("step", "back"), **given)
    assert not checked(source, ("step", "back"), ("x.T @ d", "2 * x.T @ d"), **given)


NORM = """
def forward(x, gamma):
    mu = np.mean(x, axis=0)
    xmu = x - mu
    var = np.mean(xmu ** 2, axis=0)
    std = np.sqrt(var + 1e-5)
    xhat = xmu / std
    return gamma * xhat, (xmu, std, xhat, gamma)

def backward(dout, cache):
    xmu, std, xhat, gamma = cache
    n = len(xmu)
    dxhat = dout * gamma
    dstd = -np.sum(dxhat * xmu, axis=0) / std ** 2
    dvar = 0.5 * dstd / std
    dxmu = dxhat / std + 2 * xmu * dvar / n
    dx = dxmu - np.mean(dxmu, axis=0)
    return dx, np.sum(dout * xhat, axis=0)
"""


@pytest.mark.no_cover
@pytest.mark.parametrize("wrong", [
    ("dstd = -np", "dstd = np"),
    ("dvar = 0.5 * dstd / std", "dvar = 0.5 * dstd / std ** 2"),
    ("2 * xmu * dvar", "2 * std * dvar"),
])  # fmt: skip
def test_the_gradients_on_the_way_through_a_layer_are_known(wrong):
    given = {"wrt": ("x", "gamma"), "x": R((6, 4)), "gamma": R(4)}
    right = checked(NORM, ("forward", "backward"), **given).right
    assert {"dxhat", "dstd", "dvar"} <= {*right}
    report = checked(NORM, ("forward", "backward"), wrong, budget=AMPLE, **given)
    (finding,) = report.findings
    line = next(t.strip() for t in NORM.splitlines() if wrong[0] in t)
    assert finding.stage == line.partition(" =")[0]
    assert finding.after == line


# --- points that show what is wrong ---

POOL = """
def forward(x, size):
    N, H, W = x.shape
    out = np.zeros((N, H // size, W // size))
    for i in range(H // size):
        for j in range(W // size):
            out[:, i, j] = x[:, i*size:(i+1)*size, j*size:(j+1)*size].max(axis=(1, 2))
    return out, (x, size)

def backward(dout, cache):
    x, size = cache
    dx = np.zeros_like(x)
    N, high, wide = dout.shape
    for n in range(N):
        for i in range(high):
            for j in range(wide):
                window = x[n, i*size:(i+1)*size, j*size:(j+1)*size]
                r, s = np.unravel_index(np.argmax(window), window.shape)
                dx[n, i*size + r, j*size + s] += dout[n, i, j]
    return dx
"""


@pytest.mark.parametrize("wrong", [
    ("i*size + r, j", "i + r, j"), ("j*size + s]", "j + s]"), ("i*size + r, j*size + s", "r, s"),
    ("i*size + r, j*size + s", "i*size + s, j*size + r"),
])  # fmt: skip
@pytest.mark.parametrize("shape", [(2, 6, 4), (3, 4, 8), (2, 6, 9)])
@pytest.mark.parametrize("size", [2, 3])
def test_windows_of_several_entries_along_both_axes(wrong, shape, size):
    given = {"wrt": "x", "x": R(shape), "size": size, "budget": 0}
    assert checked(POOL, ("forward", "backward"), **given)
    if min(shape[1:]) >= 2 * size:  # with one window there is nothing to see
        report = checked(POOL, ("forward", "backward"), wrong, **given)
        assert not report.ok
        assert "though the gradient is right at other points" not in str(report)


@pytest.mark.no_cover
def test_what_is_swapped_in_a_line_is_found():
    wrong = ("i*size + r, j*size + s", "i*size + s, j*size + r")
    given = {"wrt": "x", "x": R((2, 6, 4)), "size": 2, "budget": AMPLE}
    (finding,) = checked(POOL, ("forward", "backward"), wrong, **given).findings
    assert finding.repaired


ORDINAL = """
def loss(w, cuts, X, y):
    eta = X @ w
    low = np.concatenate([[-30.0], cuts])[y]
    high = np.concatenate([cuts, [30.0]])[y]
    return -np.sum(np.log(sig(high - eta) - sig(low - eta)))

def gradients(w, cuts, X, y):
    eta = X @ w
    high = sig(np.concatenate([cuts, [30.0]])[y] - eta)
    low = sig(np.concatenate([[-30.0], cuts])[y] - eta)
    p = high - low
    up, down = high * (1 - high) / p, low * (1 - low) / p
    dcuts = np.zeros_like(cuts)
    for k in range(len(cuts)):
        dcuts[k] -= np.sum(up[y == k])
        dcuts[k] += np.sum(down[y == k + 1])
    return X.T @ (up - down), dcuts
"""


@pytest.mark.no_cover
@pytest.mark.parametrize("wrong", [
    ("down[y == k + 1]", "down[y == k]"), ("up[y == k]", "up[y == k + 1]"),
])  # fmt: skip
def test_a_repair_is_right_at_the_inputs_given_too(wrong):
    given = {"w": R(3), "cuts": np.array([-1.0, 0.3, 1.2]), "X": R((9, 3)),
             "y": np.arange(9) % 4, "wrt": ("w", "cuts"), "budget": AMPLE}  # fmt: skip
    report = checked(ORDINAL, ("loss", "gradients"), wrong, **given)
    space = {"np": np, "sig": lambda z: 1 / (1 + np.exp(-z))}
    repaired, right = (function_of(text, space, "gradients") for text in (report.repaired, ORDINAL))
    inputs = [given[n] for n in ("w", "cuts", "X", "y")]
    for one, other in zip(repaired(*inputs), right(*inputs), strict=True):
        assert np.allclose(one, other)


def test_a_seed_that_is_an_argument():
    def loss(W, X, seed):
        return np.sum((X * (np.random.default_rng(seed).random(X.shape) < 0.5)) @ W)

    def gradients(W, X, seed):
        mask = np.random.default_rng(seed).random(X.shape) < 0.5
        return {"W": np.repeat((X * mask).sum(axis=0)[:, None], W.shape[1], axis=1)}

    assert check_gradients(loss, gradients, W=R((3, 2)), X=R((5, 3)), seed=3)


# --- loss and gradient in one function: what only the gradient uses is not the loss's ---

SVM = """
def svm(W, X, y, reg):
    n = len(y)
    s = X @ W
    margins = np.maximum(0, s - s[np.arange(n), y][:, None] + 1)
    margins[np.arange(n), y] = 0
    loss = np.sum(margins) / n + reg * np.sum(W ** 2)
    coeff = np.zeros_like(margins)
    coeff[margins > 0] = 1
    coeff[np.arange(n), y] = -np.sum(coeff, axis=1)
    return loss, X.T @ coeff / n + 2 * reg * W
"""
SVM_GIVEN = {"W": R((4, 3)), "X": R((8, 4)), "y": RNG.integers(0, 3, 8), "reg": 0.1, "wrt": "W"}


@pytest.mark.no_cover
@pytest.mark.parametrize("wrong", [
    ("= -np.sum(coeff, axis=1)", "= -1"), ("= -np.sum(coeff, axis=1)", "= 0"),
    ("margins > 0] = 1", "margins > 0] = margins[margins > 0]"),
    ("coeff[margins > 0] = 1", "coeff[margins > 1] = 1"),
])  # fmt: skip
def test_the_gradient_within_the_loss(wrong):
    (finding,) = checked(SVM, ("svm",), wrong, budget=AMPLE, **SVM_GIVEN).findings
    assert finding.repaired
    assert finding.stage == "coeff"


# --- lines that are missing, or at another place ---

TIME = """
def loss(W, U, X):
    h, c, total, saved = np.ones(W.shape[1]), np.zeros(W.shape[1]), 0.0, []
    for x in X:
        f, g = sig(x @ W), np.tanh(h @ U)
        saved.append((x, h, c, f, g))
        c = f * c + (1 - f) * g
        h = np.tanh(c)
        total = total + np.sum(h ** 2)
    return total, (saved, W, U)

def gradients(cache):
    saved, W, U = cache
    dW, dU = np.zeros_like(W), np.zeros_like(U)
    dh, dc = np.zeros(W.shape[1]), np.zeros(W.shape[1])
    for x, h, c, f, g in reversed(saved):
        new = np.tanh(f * c + (1 - f) * g)
        dh = dh + 2 * new
        dc = dc + dh * (1 - new ** 2)
        df, dg = dc * (c - g) * f * (1 - f), dc * (1 - f) * (1 - g ** 2)
        dW += np.outer(x, df)
        dU += np.outer(h, dg)
        dh = U @ dg
        dc = dc * f
    return dW, dU
"""
TIME_GIVEN = {"W": R((2, 3)), "U": R((3, 3)), "X": R((4, 2)), "wrt": ("W", "U")}


@pytest.mark.no_cover
def test_a_line_at_the_end_of_a_turn_is_missing():
    assert checked(TIME, ("loss", "gradients"), budget=0, **TIME_GIVEN)
    wrong = ("        dc = dc * f\n", "")
    (finding,) = checked(TIME, ("loss", "gradients"), wrong, budget=AMPLE, **TIME_GIVEN).findings
    assert finding.after == "dh = U @ dg\ndc *= f"
    assert finding.stage == "dc"


DEEP = """
def loss(Ws, X):
    out = X
    for k in range(len(Ws)):
        a = out @ Ws[k]
        out = np.maximum(a, 0) if k < len(Ws) - 1 else a
    return np.sum(out ** 2)

def gradients(Ws, X):
    outs, last = [X], len(Ws) - 1
    for k in range(len(Ws)):
        a = outs[-1] @ Ws[k]
        outs.append(np.maximum(a, 0) if k < len(Ws) - 1 else a)
    d, found = 2 * outs[-1], [None] * len(Ws)
    for k in reversed(range(len(Ws))):
        if k < len(Ws) - 1:
            d = d * (outs[k + 1] > 0)
        found[k] = outs[k].T @ d
        d = d @ Ws[k].T
    return found
"""


@pytest.mark.no_cover
def test_a_line_is_meant_in_the_rounds_in_which_the_loss_has_it():
    given = {"Ws": [R((3, 4)), R((4, 5)), R((5, 2))], "X": R((6, 3)), "wrt": "Ws"}
    assert checked(DEEP, ("loss", "gradients"), budget=0, **given)
    wrong = ("        if k < len(Ws) - 1:\n            d = d *", "        d = d *")
    (finding,) = checked(DEEP, ("loss", "gradients"), wrong, budget=AMPLE, **given).findings
    assert finding.after.startswith("if k < len(Ws) - 1:"), finding


SUM = """
def loss(b, X):
    return np.sum(X * b[:, None, None] ** 2)

def gradients(b, X):
    db = np.zeros_like(b)
    for k in range(len(b)):
        for i in range(X.shape[1]):
            for j in range(X.shape[2]):
                g = 2 * X[k, i, j] * b[k]
                db[k] += g
    return {"b": db}
"""


@pytest.mark.no_cover
@pytest.mark.parametrize("indent", [8, 12])
def test_a_line_belongs_into_an_inner_loop(indent):
    wrong = (" " * 16 + "db[k] += g", " " * indent + "db[k] += g")
    given = {"b": R(3), "X": R((3, 2, 4)), "budget": AMPLE}
    (finding,) = checked(SUM, ("loss", "gradients"), wrong, **given).findings
    assert finding.after.splitlines()[-1].strip() == "db[k] += g"


class Linear:
    def __init__(self, *shape):
        self.W = R(shape)

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, grad):
        self.dW = self.x.T @ grad
        return grad @ self.W.T


class Tanh:
    def forward(self, x):
        self.out = np.tanh(x)
        return self.out

    def backward(self, grad):
        return grad * (1 - self.out**2)


class Model:
    def __init__(self):
        self.one, self.bend, self.two = Linear(3, 5), Tanh(), Linear(5, 2)

    def loss(self, X, T):
        self.error = self.two.forward(self.bend.forward(self.one.forward(X))) - T
        return np.sum(self.error**2)

    def backward(self):
        grad = self.two.backward(2 * self.error)
        self.one.backward(grad)
        return {"V": self.one.dW, "W": self.two.dW}


@pytest.mark.no_cover
def test_a_layer_is_left_out_on_the_way_back():
    model = Model()
    params = {"V": model.one.W, "W": model.two.W}
    report = check_gradients(
        model.loss, model.backward, params=params, budget=AMPLE, X=R((6, 3)), T=R((6, 2))
    )
    (finding,) = report.findings
    assert finding.after.splitlines()[-1] == "grad = self.bend.backward(grad)"


SIGMOID = """
def loss(W, X, T):
    p = sig(X @ W)
    return -np.sum(T * np.log(p) + (1 - T) * np.log(1 - p))

def gradients(W, X, T):
    p = sig(X @ W)
    d = p - T
    return X.T @ d
"""


@pytest.mark.no_cover
@pytest.mark.parametrize("more", ["(p - T) * p * (1 - p)", "(p - T) * (p * (1 - p))"])
def test_the_slope_of_the_sigmoid_is_in_the_difference_already(more):
    given = {"W": R((3, 2)), "X": R((6, 3)), "T": RNG.integers(0, 2, (6, 2)), "wrt": "W"}
    wrong = ("d = p - T", f"d = {more}")
    (finding,) = checked(SIGMOID, ("loss", "gradients"), wrong, budget=AMPLE, **given).findings
    assert finding.after == "d = p - T"


# --- where nothing is found, no right line is accused ---

ODD = """
def loss(W, V, X, T):
    h = np.tanh(X @ W)
    out = h @ V
    return np.sum((out - T) ** 2)

def gradients(W, V, X, T):
    h = np.tanh(X @ W)
    out = h @ V
    dout = out - T
    dh = 2 * dout @ V.T
    slope = 1 - h ** 2
    dW = np.zeros_like(W)
    dW += X.T @ (dh * slope)
    dV = 2 * h.T @ dout
    return dW, dV
"""


@pytest.mark.parametrize("wrong", [
    ("slope = 1 - h ** 2", "slope = np.cumsum(np.cos(h) ** 3, axis=0)"),
    ("dh = 2 * dout @ V.T", "dh = np.cumsum(dout ** 3, axis=1) @ V.T"),
    ("dW += X.T @ (dh * slope)", "dW += X.T @ np.cumsum(np.cos(dh * slope), axis=0)"),
])  # fmt: skip
def test_no_right_line_alone_is_accused(wrong):
    given = {"W": R((3, 4)), "V": R((4, 2)), "X": R((6, 3)), "T": R((6, 2)), "wrt": ("W", "V")}
    report = checked(ODD, ("loss", "gradients"), wrong, budget=0, **given)
    shown = [line for f in report.findings for line in f.before.splitlines()]
    assert wrong[1] in shown
    assert not any("zeros" in line or line.startswith("dout") for line in shown)
