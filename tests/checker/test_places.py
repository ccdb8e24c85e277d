"""Where learners keep things: in objects, dicts, lists and lambdas; mistakes there are repaired."""

import numpy as np
import pytest

from tinygrad_softmax.checker import check_gradients

rng = np.random.default_rng(0)
R = rng.standard_normal
AMPLE = 600.0


class Net:
    def __init__(self):
        self.params = {"W1": R((4, 5)), "W2": R((5, 3))}
        self.reg = 0.1

    def loss(self, X, T):
        self.X, self.h = X, np.tanh(X @ self.params["W1"])
        self.out = self.h @ self.params["W2"]
        self.T = T
        penalty = 0.5 * self.reg * sum(np.sum(W**2) for W in self.params.values())
        return 0.5 * np.sum((self.out - T) ** 2) + penalty

    def right(self):
        p = self.params
        dout = self.out - self.T
        dW2 = self.h.T @ dout + self.reg * p["W2"]
        dh = dout @ p["W2"].T
        dW1 = self.X.T @ (dh * (1 - self.h**2)) + self.reg * p["W1"]
        return {"W1": dW1, "W2": dW2}

    def slope(self):
        p = self.params
        dout = self.out - self.T
        dW2 = self.h.T @ dout + self.reg * p["W2"]
        dh = dout @ p["W2"].T
        dW1 = self.X.T @ (dh * (1 - self.h)) + self.reg * p["W1"]
        return {"W1": dW1, "W2": dW2}

    def term(self):
        p = self.params
        dout = self.out - self.T
        dW2 = self.h.T @ dout + self.reg * p["W2"]
        dh = dout @ p["W2"].T
        dW1 = self.X.T @ (dh * (1 - self.h**2))
        return {"W1": dW1, "W2": dW2}


INPUTS = {"X": R((5, 4)), "T": R((5, 3))}


def test_a_right_method_is_right():
    net = Net()
    assert check_gradients(net.loss, net.right, params=net.params, **INPUTS)


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("method", "after"),
    [
        ("slope", "dW1 = self.X.T @ (dh * (1 - self.h ** 2)) + self.reg * p[\"W1\"]"),
        ("term", "dW1 = self.X.T @ (dh * (1 - self.h**2)) + self.reg * p['W1']"),
    ],
)  # fmt: skip
def test_mistakes_in_methods_are_repaired(method, after):
    net = Net()
    inputs = {"params": net.params, "budget": AMPLE, **INPUTS}
    (finding,) = check_gradients(net.loss, getattr(net, method), **inputs).findings
    assert finding.after == after


@pytest.mark.no_cover
def test_an_index_that_is_a_number_is_drawn_anew():
    def loss(V, U, c, o):
        scores = U @ V[c]
        return -scores[o] + np.log(np.sum(np.exp(scores)))

    def gradients(V, U, c, o):
        scores = U @ V[c]
        delta = np.exp(scores) / np.sum(np.exp(scores))
        delta[o] -= 1
        dV = np.zeros(V.shape)
        dV[o] = U.T @ delta
        return dV, np.outer(delta, V[c])

    report = check_gradients(
        loss, gradients, wrt=("V", "U"), budget=AMPLE, V=R((4, 3)), U=R((5, 3)), c=1, o=2
    )
    assert report.findings[0].after == "dV[c] = U.T @ delta"


@pytest.mark.no_cover
def test_a_lambda_is_repaired_too():
    report = check_gradients(lambda w, x: np.sum((x * w) ** 2), lambda w, x: 2 * x * w * x * x,
                             wrt="w", budget=AMPLE, w=R(3), x=R(3))  # fmt: skip
    assert report.findings[0].repaired
    assert report.diff
    assert report.repaired.startswith("lambda w, x:")


@pytest.mark.no_cover
def test_a_gradient_that_comes_to_zero_is_searched_like_any_other():
    def gradients(w, X):
        m = len(X)
        dw = 2 // m * X.T @ (X @ w)
        return {"w": dw}

    report = check_gradients(
        lambda w, X: np.mean((X @ w) ** 2), gradients, budget=AMPLE, w=R(3), X=R((5, 3))
    )
    assert report.findings[0].after == "dw = 2 / m * X.T @ (X @ w)"


def test_no_candidate_calls_itself():
    def turned(a):
        return np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])

    def gradients(s, X, a):
        return {"s": 2 * np.sum(s * X @ turned(a).T * X)}

    report = check_gradients(lambda s, X, a: np.sum((s * X @ turned(a).T) ** 2), gradients,
                             budget=3.0, s=0.7, X=R((4, 2)), a=0.4)  # fmt: skip
    assert not report.ok


def test_what_ended_a_search_is_said():
    def gradients(w):
        return {"w": np.cumsum(w) ** 3 / np.arange(1, len(w) + 1)}

    report = check_gradients(lambda w: np.sum(w**2), gradients, budget=0.0, w=R(4))
    assert "larger budget=" in str(report)


@pytest.mark.no_cover
def test_in_a_loop_variables_differ_that_end_equal():
    def loss(W, h0, X):
        h = h0
        for x in X:
            h = np.tanh(x + h @ W)
        return np.sum(h**2)

    def gradients(W, h0, X):
        h, kept = h0, []
        for x in X:
            before, h = h, np.tanh(x + h @ W)
            kept.append((before, h))
        dW, dh = np.zeros_like(W), 2 * h
        for before, h in reversed(kept):  # noqa: B007 - the mistake
            da = dh * (1 - h**2)
            dW += h.T @ da
            dh = da @ W.T
        return dW

    inputs = {"W": 0.5 * R((3, 3)), "h0": R((2, 3)), "X": R((4, 2, 3))}
    report = check_gradients(loss, gradients, wrt="W", budget=AMPLE, **inputs)
    assert report.findings[0].after == "dW += before.T @ da"


# --- more mistakes of style ---


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("dw = dw + reg * w", "dw[1:] = dw[1:] + reg * w[1:]"),
        ("dw[0] += reg * w[0]", "dw[1:] += reg * w[1:]"),
        ("dw[1:] += reg * w[:-1]", "dw[1:] += reg * w[1:]"),
    ],
)
def test_a_penalty_that_leaves_out_the_first(wrong, right, tmp_path):
    def loss(w, X, y, reg):
        return 0.5 * np.sum((X @ w - y) ** 2) + 0.5 * reg * np.sum(w[1:] ** 2)

    gradients = written(wrong, tmp_path)
    inputs = {"w": R(4), "X": R((6, 4)), "y": R(6), "reg": 0.3}
    (finding,) = check_gradients(loss, gradients, budget=AMPLE, **inputs).findings
    assert finding.after == right


def written(line, folder):
    """Return a gradient function with a line in it, from a file."""
    source = f"def gradients(w, X, y, reg):\n    dw = X.T @ (X @ w - y)\n    {line}\n"
    file = folder / "hand.py"
    file.write_text(source + "    return {'w': dw}\n")
    space = {}
    exec(compile(file.read_text(), str(file), "exec"), space)
    return space["gradients"]


def forward(W, b, X, T):
    h = np.tanh(X @ W + b)
    out = h - np.mean(h, axis=0)
    return np.sum((out - T) ** 2), (X, h, out, T)


def backward(cache):
    X, h, out, T = cache
    dout = 2 * (out - T)
    dh = np.cumsum(dout, axis=0) ** 3 + out
    dpre = (1 - h**2) * dh
    return {"W": X.T @ dpre, "b": np.sum(dpre, axis=0)}


@pytest.mark.no_cover
def test_where_nothing_small_repairs_it_the_line_and_the_formula_are_shown():
    """Also for a pair that hands over a cache; what is multiplied by a number later is no fault."""
    report = check_gradients(forward, backward, budget=1.0, W=R((4, 3)), b=R(3), X=R((5, 4)),
                             T=R((5, 3)))  # fmt: skip
    first = report.findings[0]
    assert (first.stage, first.cause) == ("dh", "unexplained")
    assert first.before == "dh = np.cumsum(dout, axis=0) ** 3 + out"
    assert first.after == "dh = dout - np.mean(dout, axis=0)"
    assert "it is derived as" in str(report)
    assert "dout" in report.right
    assert not any(f.repaired for f in report.findings)


def affine(x, w, b):
    return x.reshape(len(x), -1) @ w + b, (x, w)


def affine_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.reshape(len(x), -1).T @ dout, dout.sum(axis=0)


def test_an_array_in_another_shape_is_reshaped():
    inputs = {"x": R((10, 2, 3)), "w": R((6, 5)), "b": R(5)}
    report = check_gradients(affine, affine_backward, wrt=("x", "w", "b"), budget=AMPLE, **inputs)
    assert [f.after.split("),")[0] for f in report.findings] == [
        "return (dout @ w.T).reshape(x.shape"
    ]
