"""What a trace makes of a loss: the same value and gradients at all sizes, or why not."""

import functools
import math
import random
import time

import numpy as np
import pytest

import tinygrad_softmax as tg
from tests.derivation.drawn import Composer
from tests.derivation.programs import PROGRAMS
from tinygrad_softmax.core.reverse import reverse
from tinygrad_softmax.ir.expr import BranchError, DerivationError, arange, eye, tri, updated
from tinygrad_softmax.ir.trace import agrees_with_plain_run, environment, plain_run, trace
from tinygrad_softmax.ir.visit import evaluate, ordered

rng = np.random.default_rng(12)
r = rng.standard_normal
N, D, K = 7, 4, 3
X, W, w, t, S, A = r((N, D)), r((D, K)), r(D), r(N), r((N, K)), r((5, 5))
y = rng.integers(0, K, N)
LINEAR = {"W": W, "X": X, "y": y}
CLASS_WEIGHTS = np.array([0.5, 2.0, 3.0])


def slope(function, x):
    """The gradient by central differences."""
    x = np.array(x, float)
    g = np.zeros(x.shape)
    for i in np.ndindex(*x.shape):
        up, down = x.copy(), x.copy()
        up[i] += 1e-6
        down[i] -= 1e-6
        g[i] = (function(up) - function(down)) / 2e-6
    return g


def check(loss, *, wrt=None, generic=True, **inputs):
    """Trace, and compare value and gradients with the plain loss here and at other sizes."""
    wrt = wrt or (next(iter(inputs)),)
    traced = trace(loss, inputs, wrt)
    assert traced.generic is generic, traced.reason
    gradients = {
        node.label: g
        for node, g, _ in reverse(traced.output, traced.world.lift(1.0))
        if node.op is None
    }
    draws = np.random.default_rng(3)
    cases = [inputs]
    if traced.generic and traced.sizes:
        cases += [traced.resampled(inputs, draws, traced.draw_sizes(draws, 8)) for _ in range(2)]
    for case in cases:
        assert traced.misfit(**case) is None
        roots = [traced.output, *(gradients[name] for name in wrt)]
        value, *found = evaluate(roots, environment(case))
        np.testing.assert_allclose(value, plain_run(loss, case), rtol=1e-10, atol=1e-12)
        for name, g in zip(wrt, found, strict=True):
            wanted = slope(
                lambda v, name=name, case=case: plain_run(loss, case | {name: v}), case[name]
            )
            close = 2e-5 * (1 + np.abs(wanted).max())
            np.testing.assert_allclose(np.broadcast_to(g, wanted.shape), wanted, atol=close)
    return traced


def texts(traced):
    return [assumption.text for assumption in traced.assumptions]


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_as_people_write_them(name):
    program = PROGRAMS[name]
    check(program.loss, wrt=program.wrt, **program.inputs)


def test_drawn_programs_hold_for_all_sizes():
    for seed in range(25):
        program = Composer(random.Random(seed)).program()
        traced = trace(program.loss, program.inputs, program.wrt)
        assert traced.generic, program.text
        draws = np.random.default_rng(seed)
        case = traced.resampled(program.inputs, draws, traced.draw_sizes(draws, 9))
        found = evaluate([traced.output], environment(case))[0]
        np.testing.assert_allclose(found, program.loss(**case), rtol=1e-9)


# --- sizes as plain numbers ---


@pytest.mark.parametrize(
    "factor",
    [
        lambda X: 1 / len(X),
        lambda X: 0.5 / len(X) / X.shape[1],
        lambda X: 0.1 / len(X),
        lambda X: 1 / (len(X) - 1),
        lambda X: 1 / (2 * len(X)),
        lambda X: 1 / (len(X) * len(X[0])),
        lambda X: 1 / (len(X) * (len(X) - 1) / 2),
        lambda X: len(X) * (len(X) - 1) // 2,
        lambda X: 1 - 1 / len(X),
        lambda X: 1 / math.sqrt(len(X)),
        lambda X: 1 / np.sqrt(X.shape[1]),
        lambda X: X.shape[1] ** -0.5,
        lambda X: math.sqrt(2 / (len(X) + X.shape[1])),
        lambda X: np.log(X.shape[1]) + math.log(len(X)),
        lambda X: 1 / int(np.prod(X.shape)),
        lambda X: 1 / float(len(X)),
        lambda X: len(X) / X.shape[1],
        lambda X: (len(X) + 1) // 2,
        lambda X: len(X) + X.shape[1] - 2,
        lambda X: 3 * X.size,
    ],
)
def test_numbers_made_of_sizes(factor):
    check(lambda X: np.sum(X**2) * factor(X), X=X)


@pytest.mark.parametrize(
    "part",
    [
        lambda X: X[: len(X) // 2],
        lambda X: X[len(X) // 2 :],
        lambda X: X[range(len(X)), 0],
        lambda X: X[np.arange(len(X)), [0] * len(X)],
        lambda X: X[len(X) - 1],
        lambda X: X[1:] - X[:-1],
        lambda X: X[:, ::-1] * X,
        lambda X: np.roll(X, 1, axis=0) * X,
        lambda X: X + np.tile(X[0], (len(X), 1)),
        lambda X: X * np.repeat(X.mean(1), X.shape[1]).reshape(X.shape),
        lambda X: np.diagonal(X.T @ X),
        lambda X: np.diag(X[0]) @ X.T,
        lambda X: np.pad(X[0], 1) ** 2,
        lambda X: np.convolve(X[:, 0], [1.0, 2.0], "valid"),
    ],
)
def test_indices_made_of_sizes(part):
    check(lambda X: np.sum(part(X) ** 2), X=X)


@pytest.mark.parametrize(
    ("array", "op"),
    [
        (lambda L: np.eye(len(L)), eye),
        (lambda L: 2 * np.eye(len(L)) - 1, eye),
        (lambda L: np.eye(len(L), len(L) + 1, 1)[:, :-1], eye),
        (lambda L: np.tril(np.ones((len(L), len(L)))), tri),
        (lambda L: np.triu(np.full((len(L), len(L)), -1e9), 1), tri),
        (lambda L: (1 - np.tri(len(L))) * -1e9, tri),
        (lambda L: np.tri(len(L), dtype=bool), tri),
        (lambda L: np.arange(len(L)), arange),
        (lambda L: np.arange(len(L))[::-1, None], arange),
        (lambda L: np.linspace(-1, 1, len(L)), arange),
        (lambda L: 0.9 ** np.arange(len(L)), arange),
        (lambda L: np.abs(np.arange(len(L))[:, None] - np.arange(len(L))), arange),
        (lambda L: np.arange(len(L)) < 3, arange),
        (lambda L: np.arange(len(L)) % 2, arange),
        (lambda L: np.arange(len(L) ** 2).reshape(len(L), -1), arange),
        (lambda L: np.zeros((len(L), 1)), None),
        (lambda L: np.full(len(L), 1 / len(L)), None),
    ],
)
def test_arrays_made_of_sizes(array, op):
    traced = check(lambda L: np.sum(array(L) * 1e-3 * L**2), L=A)
    assert op is None or op in {e.op for e in ordered([traced.output])}


def test_what_is_masked_with_infinity_stays_infinity():
    check(lambda L: np.sum(tg.softmax(np.where(np.tri(len(L)) > 0, L, -np.inf)) ** 2), L=A)


def test_an_array_from_outside_keeps_its_name_and_its_size():
    traced = check(lambda s: np.sum(CLASS_WEIGHTS * s**2), s=S)
    assert "CLASS_WEIGHTS" in {e.label for e in ordered([traced.output])}
    assert texts(traced) == ["s.shape[1] == 3"]
    assert "is 4 and must be 3" in traced.misfit(s=np.ones((2, 4)))


@pytest.mark.parametrize(
    "onehot",
    [
        lambda s, y: np.eye(s.shape[1])[y],
        lambda s, y: np.eye(len(s[0]))[:, y].T,
        lambda s, y: 0.9 * np.eye(s.shape[1])[y] + 0.1 / s.shape[1],
        lambda s, y: (y[:, None] == np.arange(s.shape[1])).astype(float),
        lambda s, y: CLASS_WEIGHTS[y][:, None],
        lambda s, y: np.array([1.0, -2.0, 0.5])[y][:, None],
        lambda s, y: np.where(y == 1, 1.0, -1.0)[:, None],
    ],
)
def test_arrays_made_from_labels(onehot):
    check(lambda s, y: np.sum((s - onehot(s, y)) ** 2), s=S, y=y)


def test_a_plain_array_that_is_written_to_at_the_labels():
    def loss(s, y):
        Y = -np.ones(s.shape)
        Y[np.arange(len(y)), y] = 1
        return np.sum((s - Y) ** 3)

    check(loss, s=S, y=y)


@pytest.mark.parametrize(
    ("pick", "labels"),
    [
        (lambda p, y: p[range(len(y)), y - 1], y + 1),
        (lambda p, y: p[np.arange(len(y)), y.reshape(-1)], y[:, None]),
        (lambda p, y: p[np.arange(len(y)), np.where(y >= 0, y, 0)] * (y >= 0), np.where(y, y, -1)),
        (lambda p, y: p[np.arange(len(y)), y.astype(int)], y),
        (lambda p, y: np.take_along_axis(p, y[:, None], axis=1), y),
        (lambda p, y: np.take_along_axis(p, y, 1), rng.integers(0, K, (N, 2))),
        (lambda p, y: tg.cross_entropy(p, y - 1), y + 1),
    ],
)
def test_labels_that_pass_through_an_expression(pick, labels):
    traced = check(lambda s, y: np.sum(pick(tg.log_softmax(s), y)), s=S, y=labels)
    ((_, size),) = traced.indices
    assert int(size) == int(traced.axes["s", 1])


def test_take_along_axis_of_labels_is_an_index():
    def spelt(pick):
        return trace(lambda s, y: np.sum(pick(s, y)), {"s": S, "y": y}, ("s",)).output.args[0]

    one = spelt(lambda s, y: np.take_along_axis(s, y[:, None], axis=1))
    assert one.args[0].settings == spelt(lambda s, y: s[range(len(y)), y]).settings


# --- sizes that settle a course, and sizes that depend on one another ---


@pytest.mark.parametrize(
    ("loss", "assumed"),
    [
        (lambda X: np.sum(X**2) / max(X.shape[0], 100), ["X.shape[0] < 100"]),
        (lambda X: np.sum(X**2) / min(X.shape[0], 5), ["X.shape[0] > 5"]),
        (lambda X: np.sum(X**2) if X.shape[0] > 100 else np.sum(X**3), ["X.shape[0] <= 100"]),
        (lambda X: np.sum(X**2) if X.shape[0] % 7 == 0 else 0, ["X.shape[0] % 7 == 0"]),
        (lambda X: np.sum(X**2) if X.shape[1] == 2 else np.sum(X), ["X.shape[1] != 2"]),
        (lambda X: np.sum(X[:, 1] ** 2) if X.shape[1] == 4 else 0, ["X.shape[1] == 4"]),
        (lambda X: np.mean(X[:50] ** 2), ["X.shape[0] <= 50"]),
        (lambda X: np.sum(X.reshape(X.shape[0], 2, -1).max(1)), ["X.shape[1] % 2 == 0"]),
        (lambda X: np.sum(X[:, : X.shape[1] // 2] * X[:, X.shape[1] // 2 :]),
         ["X.shape[1] % 2 == 0"]),
        (lambda X: np.sum(np.stack(np.split(X, 2, axis=1)).prod(0)), ["X.shape[1] % 2 == 0"]),
    ],
)  # fmt: skip
def test_what_is_assumed_of_sizes(loss, assumed):
    assert texts(check(loss, X=X)) == assumed


def test_an_assumption_is_asked_again():
    traced = trace(lambda X: np.sum(X**2) / max(X.shape[0], 100), {"X": X}, ("X",))
    assert traced.assumptions[0].holds(X=X)
    assert not traced.assumptions[0].holds(X=np.ones((300, 2)))
    assert "X.shape[0] < 100" in traced.misfit(X=np.ones((300, 2)))


@pytest.mark.parametrize(
    "loss",
    [
        lambda X: np.sum(X**2) / max(len(X), 100),
        lambda X: np.sum(X**2) if len(X) > 5 else np.sum(X**3),
        lambda X: np.sum(X**2) if len(X) > 5000 else np.sum(X**3),
        lambda X: np.sum(X**2) if len(X) > 1e3 else np.sum(X**3),
        lambda X: np.sum(X**2) if len(X) % 7 == 0 else np.sum(X**3),
        lambda X: np.sum(X**2) if len(X) % 5 == 0 else np.sum(X**3),
        lambda X: sum(np.sum(row) ** 2 for row in X),
        lambda X: np.sum(np.hanning(len(X)) * X[:, 0] ** 2),
    ],
)
def test_what_holds_for_one_size_says_so(loss):
    traced = check(loss, generic=False, X=X)
    assert traced.reason
    assert "X.shape[0] is 9 and must be 7" in traced.misfit(X=np.ones((9, 4)))


def test_a_loop_over_the_examples_is_traced_at_the_sizes_given():
    def loss(W, X, y):
        total = 0.0
        for i in range(len(y)):
            f = X[i].dot(W)
            total += np.log(np.sum(np.exp(f))) - f[y[i]]
        return total / len(y)

    check(loss, generic=False, **LINEAR)


@pytest.mark.parametrize(
    ("loss", "inputs", "assumed"),
    [
        (lambda H, v: np.sum(H[:, : len(v)] + H[:, len(v) :] * v), {"H": r((7, 6)), "v": r(3)},
         "H.shape[1] == 2 * v.shape[0]"),
        (lambda H, v: np.sum(H.reshape(H.shape[0], 2, v.shape[0]) * v),
         {"H": r((7, 6)), "v": r(3)}, "H.shape[1] == 2 * v.shape[0]"),
        (lambda W, X, Z: np.sum((np.concatenate([X, Z], axis=1) @ W) ** 2),
         {"W": r((7, 2)), "X": r((5, 4)), "Z": r((5, 3))},
         "W.shape[0] == Z.shape[1] + X.shape[1]"),
        (lambda W, X: np.sum((np.hstack([X, np.ones((len(X), 1))]) @ W) ** 2),
         {"W": r((5, 2)), "X": r((6, 4))}, "W.shape[0] == X.shape[1] + 1"),
        (lambda v, M: np.sum(M.reshape(-1) * v), {"v": r(12), "M": r((3, 4))},
         "v.shape[0] == M.shape[0] * M.shape[1]"),
        (lambda x, v: np.sum((x[1:] - x[:-1]) * v), {"x": r(6), "v": r(5)},
         "v.shape[0] == x.shape[0] - 1"),
    ],
)  # fmt: skip
def test_sizes_that_follow_from_others(loss, inputs, assumed):
    assert texts(check(loss, **inputs)) == [assumed]


def test_gates_of_a_recurrent_cell():
    def loss(x, h, Wx, Wh):
        H = h.shape[1]
        a = x @ Wx + h @ Wh
        i, f, o, g = a[:, :H], a[:, H : 2 * H], a[:, 2 * H : 3 * H], a[:, 3 * H :]
        c = 0.5 * tg.sigmoid(f) + tg.sigmoid(i) * np.tanh(g)
        return np.sum(tg.sigmoid(o) * np.tanh(c))

    traced = check(loss, x=r((5, 3)), h=r((5, 4)), Wx=r((3, 16)), Wh=r((4, 16)))
    assert texts(traced) == ["Wx.shape[1] == 4 * h.shape[1]"]
    assert "H" in traced.size_names


def test_parameters_in_one_vector():
    def loss(theta, X, b):
        D, H = X.shape[1], b.shape[0]
        W1, b1 = theta[: D * H].reshape(D, H), theta[D * H : D * H + H]
        return np.sum(np.tanh(X @ W1 + b1 + b) @ theta[D * H + H :])

    check(loss, theta=r(18), X=r((5, 4)), b=r(3))


def test_an_axis_of_size_1_stays_one():
    traced = check(lambda b, X: np.sum((X + b) ** 2), b=r((1, 4)), X=X)
    assert "b.shape[0]" in traced.misfit(b=r((7, 4)), X=X)


def test_large_indices_and_many_axes():
    check(lambda W, X: np.sum(X[:, 20] * W), W=r(6), X=r((6, 64)))
    many = {f"W{i}": r((2 + i % 3, 2 + (i + 1) % 3)) for i in range(90)}
    traced = trace(lambda **p: sum(np.sum(v**2) / len(v) for v in p.values()), many, ("W0",))
    assert traced.generic
    assert len(traced.sizes) == 180


def test_names_of_values_and_sizes():
    def loss(W, X):
        n = len(X)
        half = X.shape[1] // 2
        scores = X[:, :half] @ W[:half]
        return np.sum(scores**2) / n

    traced = check(loss, W=W, X=X)
    assert [*traced.names] == ["scores"]
    assert {*traced.size_names} == {"n", "half"}


# --- writing in place ---


def _alias(h):
    a = h
    a *= 2.0
    return h


def _row(h):
    row = h[0]
    row *= 0.0
    return h


def _helper(h):
    def double(v):
        v *= 2.0

    double(h[1:])
    return h


def _transposed(h):
    v = h.T
    v[0] = 1.0
    return h


def _reshaped(h):
    v = h.reshape(-1)
    v[2:4] *= 3.0
    return h


def _copies(h):
    a, b = h.flatten(), h.copy()
    a *= 3.0
    b += 1
    return h * b


def _overlapping(h):
    h[1:] += h[:-1]
    return h


def _rows(h):
    for row in h[:2]:
        np.subtract(row, row.mean(), out=row)
    return h


def _mask(h):
    h[h < 0] = 0
    return h


def _columns(h):
    h[:, 0] = h[:, 1] ** 2
    h[1:, 2] = 5
    return h


def _like(h):
    out = np.zeros_like(h)
    out[:, 0] = np.exp(h[:, 0])
    out[:, 1:] = h[:, 1:]
    return out


def _out(h):
    np.tanh(h, out=h)
    return h


def _nested(h):
    u = h[1:][:, 0]
    u *= 3
    return h


def _scalar(h):
    total = np.sum(h)
    before = total
    total += 1
    return h * total + before


@pytest.mark.parametrize(
    "write",
    [_alias, _row, _helper, _transposed, _reshaped, _copies, _overlapping, _rows, _mask, _columns,
     _like, _out, _nested, _scalar],
)  # fmt: skip
def test_writing_in_place_is_seen_as_numpy_has_it(write):
    check(lambda W, X: np.sum(write(X @ W) ** 3), W=W, X=X)


def test_writing_at_labels():
    def hinge(W, X, y):
        n, s = X.shape[0], X @ W
        margins = np.maximum(0, s - s[np.arange(n), y][:, None] + 1)
        margins[np.arange(n), y] = 0
        return np.sum(margins) / n

    def minus_one(W, X, y):
        p = tg.softmax(X @ W)
        p[range(len(y)), y] -= 1
        return np.sum(p * p)

    def collected(E, y):
        G = np.zeros_like(E)
        np.add.at(G, y, E[y] ** 2)
        return np.sum(G**2)

    assert updated in {e.op for e in ordered([check(hinge, **LINEAR).output])}
    check(minus_one, **LINEAR)
    check(collected, E=r((5, 3)), y=y)


def test_an_input_that_is_written_to_is_left_alone():
    def loss(X):
        X -= X.mean(axis=0)
        return np.sum(X**3)

    before = X.copy()
    check(loss, X=X)
    np.testing.assert_array_equal(X, before)


def test_what_the_trace_cannot_see_is_noticed():
    class Remembering:
        def __call__(self, w):
            known = isinstance(w, np.ndarray)
            return np.sum(w * w) if known else np.sum(w)

    with pytest.raises(DerivationError, match="on plain arrays"):
        trace(Remembering(), {"w": w}, ("w",))
    traced = trace(lambda w: np.sum(w * 1), {"w": w}, ("w",))
    assert not agrees_with_plain_run(traced, Remembering(), {"w": w})


# --- kinds of functions and inputs ---


class Model:
    scale = np.array([1.0, 2.0, 3.0])

    def __init__(self):
        self.cache = {}

    def loss(self, W, X):
        self.cache["h"] = np.maximum(0, X @ W * self.scale)
        return np.sum(self.cache["h"] ** 2) / len(X)

    __call__ = loss


def test_functions_of_every_kind():
    def loss(W, X, reg, p=2):
        return np.sum((X @ W) ** p) + reg * np.sum(W * W)

    check(functools.partial(loss, reg=0.1), W=W, X=X)
    check(functools.partial(loss, p=3), W=W, X=X, reg=0.3)
    check(Model().loss, W=W, X=X)
    check(Model(), W=W, X=X)
    space = {}
    exec("def f(W, /, X, *, k=2.0):\n    return k * ((X @ W) ** 2).sum() / len(X)", space)
    check(space["f"], W=W, X=X)


def test_checks_of_the_inputs_are_answered_by_those_given_and_asked_again():
    def loss(W, X, y, reg):
        assert X.shape[1] == W.shape[0]
        assert len(X) == len(y)
        assert y.max() < W.shape[1]
        if np.any(np.isnan(X)):
            raise ValueError
        return tg.cross_entropy(X @ W, y) + (reg * np.sum(W * W) if reg > 0 else 0)

    traced = check(loss, **LINEAR, reg=0.1)
    assert "reg > 0" in texts(traced)
    assert "reg > 0" in traced.misfit(**LINEAR, reg=-1.0)


def test_single_precision_stays_single():
    inputs = {"W": W.astype(np.float32), "X": X.astype(np.float32), "reg": 0.1}

    def loss(W, X, reg):
        return np.sum((X @ W) ** 2) / len(X) + 0.5 * reg * np.sum(W * W) / math.sqrt(len(W))

    traced = trace(loss, inputs, ("W",))
    assert evaluate([traced.output], environment(inputs))[0].dtype == np.float32
    assert traced.output.dtype == np.float32


def _square(W, X, y=None):
    return np.sum((X @ W) ** 2)


class Sparse:
    shape, nnz = (7, 4), 3

    def toarray(self):
        return X


@pytest.mark.parametrize(
    ("loss", "change", "wrt", "error", "words"),
    [
        (_square, {"W": W.astype(np.float16)}, ("W",), tg.DataError, "float16"),
        (_square, {"W": tg.Tensor(W)}, ("W",), tg.DataError, r"W\.data"),
        (_square, {"W": W + 0j}, ("W",), tg.DataError, r"W\.real"),
        (_square, {"W": W.astype(object)}, ("W",), tg.DataError, "Python objects"),
        (_square, {"y": np.array(["a", "b"])}, ("W",), tg.DataError, "strings"),
        (_square, {"X": Sparse()}, ("W",), tg.DataError, r"X\.toarray\(\)"),
        (_square, {"W": np.arange(12).reshape(4, 3)}, ("W",), tg.DataError, r"W\.astype\(float\)"),
        (_square, {}, (), TypeError, "wrt="),
        (_square, {}, 0, TypeError, "wrt=0"),
        (_square, {}, ("W", "W"), TypeError, "more than once"),
        (_square, {}, ("V",), TypeError, "neither an input"),
        (lambda W, X: np.sum(W) + np.random.rand(), {}, ("W",), DerivationError, "random numbers"),
        (lambda W, X: np.sum(W) + time.perf_counter(), {}, ("W",), DerivationError, "the time"),
        (lambda W, X: None, {}, ("W",), tg.BackwardError, "return"),
        (lambda W, X: X @ W, {}, ("W",), tg.BackwardError, "scalar"),
        (lambda W, X: np.sum(W) if np.sum(W) > 0 else 1, {}, ("W",), BranchError, "np.where"),
        (lambda W, X: np.sum(W[W > 0]), {}, ("W",), tg.NoRuleError, "mask"),
        (lambda W, X: np.sum(W.tolist()), {}, ("W",), tg.GradientLostError, "plain"),
        (lambda W, X: np.sum(np.array(W)), {}, ("W",), tg.GradientLostError, "np.array"),
        (lambda W, X, y: np.sum(W) * np.bincount(y)[0], {"y": y}, ("W",), tg.NoRuleError,
         "pass it"),
    ],
)  # fmt: skip
def test_what_cannot_be_traced_is_refused_in_a_sentence(loss, change, wrt, error, words):
    with pytest.raises(error, match=words):
        trace(loss, {"W": W, "X": X} | change, wrt)


def test_writing_that_loses_a_gradient_is_refused():
    def plain(W, X):
        out = np.zeros((len(X), 3))
        out[:] = X @ W
        return np.sum(out)

    def twice(W, X):
        G = np.zeros_like(W)
        G[np.array([0, 0, 1])] = W[:3] ** 2
        return np.sum(G)

    with pytest.raises(tg.GradientLostError, match="stack"):
        trace(plain, {"W": W, "X": X}, ("W",))
    with pytest.raises(tg.GradientLostError, match="only the last counts"):
        trace(twice, {"W": W, "X": X}, ("W",))
