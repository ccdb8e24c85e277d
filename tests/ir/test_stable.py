"""Naive losses become finite and right at any score, however they are spelt."""

import warnings
from functools import cache

import numpy as np
import pytest

import tinygrad_softmax as tg
from tinygrad_softmax.core.reverse import reverse
from tinygrad_softmax.ir import stable as stability
from tinygrad_softmax.ir.stable import LAWS, finish, stabilised
from tinygrad_softmax.ir.trace import environment, trace
from tinygrad_softmax.ir.verify import facts, verify
from tinygrad_softmax.ir.visit import evaluate, ordered

rng = np.random.default_rng(5)
N, D, K = 6, 4, 3
s, z = rng.normal(size=(N, K)), rng.normal(size=N)
X, W, w = rng.normal(size=(N, D)), rng.normal(size=(D, K)), rng.normal(size=D)
y = rng.integers(0, K, N)
Y, h = np.eye(K)[y], (rng.random(N) > 0.5).astype(float)
counts = rng.integers(0, 5, N).astype(float)
G, T = rng.normal(size=(N, K)), rng.dirichlet(np.ones(K), N)
causal = np.tril(np.ones((N, N), bool))


def sig(z):
    return 1 / (1 + np.exp(-z))


def soft(s, axis=1):
    return np.exp(s) / np.sum(np.exp(s), axis=axis, keepdims=True)


def two_names(w, X, h):
    tmp = 1 + np.exp(-(X @ w))
    p = 1 / tmp
    q = 1 - p
    return -np.sum(np.log(p) * h + np.log(q) * (1 - h))


def reference_class(s, Y):
    e = np.exp(s)
    d = 1 + np.sum(e, axis=1, keepdims=True)
    return -np.sum(Y * np.log(e / d)) - np.sum((1 - np.sum(Y, axis=1)) * np.log(1 / d[:, 0]))


def reference_column(s, Y4):
    e = np.concatenate([np.exp(s), np.ones((s.shape[0], 1))], axis=1)
    return -np.sum(Y4 * np.log(e / np.sum(e, axis=1, keepdims=True)))


def focal(s, y):
    p = soft(s)[range(s.shape[0]), y]
    return -np.mean((1 - p) ** 2 * np.log(p))


def focal_of_two(z, h):
    p = sig(z)
    pt = np.where(h == 1, p, 1 - p)
    return -np.mean((1 - pt) ** 2 * np.log(pt))


def mixture(mu, log_scale, logits, x):
    weights, scale = np.exp(logits) / np.sum(np.exp(logits)), np.exp(log_scale)
    density = np.exp(-0.5 * ((x[:, None] - mu) / scale) ** 2) / (scale * np.sqrt(2 * np.pi))
    return -np.sum(np.log(np.sum(weights * density, axis=1)))


def weighted(mu, x, pi):
    return -np.sum(np.log(np.sum(pi * np.exp(-0.5 * (x[:, None] - mu) ** 2), axis=1)))


def forward_of_logs(T, s):
    a = s[0]
    for i in range(1, 6):
        a = np.log(np.sum(np.exp(a[:, None] + T), axis=0)) + s[i]
    return np.log(np.sum(np.exp(a)))


def forward_of_products(T, s):
    a = np.exp(s[0])
    for i in range(1, 6):
        a = (a @ np.exp(T)) * np.exp(s[i])
    return np.log(np.sum(a))


def hidden_markov(A, B, o):
    A, B = soft(A), soft(B)
    a = B[:, o[0]]
    for i in range(1, 6):
        a = (a @ A) * B[:, o[i]]
    return -np.log(np.sum(a))


def attention(Q, V, M):
    a = np.where(M, Q @ Q.T, -np.inf)
    return np.sum(((np.exp(a) @ V) / np.sum(np.exp(a), axis=1, keepdims=True)) ** 2)


def added_mask(Q, V, M):
    return np.sum((soft(Q @ Q.T / 2 + M, -1) @ V) ** 2)


def cox(b, X, at_risk):
    return -np.sum(X @ b - np.log(at_risk @ np.exp(X @ b)))


CASES = {
    "softplus": (lambda z: np.sum(np.log(1 + np.exp(z))), {"z": z}),
    "softplus by log1p": (lambda z: np.sum(np.log1p(np.exp(z))), {"z": z}),
    "log of a sigmoid": (lambda z: -np.sum(np.log(1 / (1 + np.exp(z)))), {"z": z}),
    "another": (lambda z: -np.sum(np.log(np.exp(-z) / (1 + np.exp(-z)))), {"z": z}),
    "what a sigmoid lacks": (
        lambda z, h: -np.mean(h * np.log(sig(z)) + (1 - h) * np.log(1 - sig(z))), {"z": z, "h": h}),
    "line by line": (two_names, {"w": w, "X": X, "h": h}),
    "by log1p of minus": (lambda z: -np.sum(np.log1p(-sig(z))), {"z": z}),
    "a choice": (lambda z, h: -np.mean(np.log(np.where(h == 1, sig(z), 1 - sig(z)))),
                 {"z": z, "h": h}),
    "a sum that chooses": (lambda z, h: -np.mean(np.log(h * sig(z) + (1 - h) * (1 - sig(z)))),
                           {"z": z, "h": h}),
    "powers that choose": (lambda z, h: -np.mean(np.log(sig(z) ** h * (1 - sig(z)) ** (1 - h))),
                           {"z": z, "h": h}),
    "a negative power": (
        lambda z: -np.sum(np.log((1 + np.exp(-z)) ** -1) + (2 + np.exp(z)) ** -2), {"z": z}),
    "sigmoid of tanh": (lambda z: -np.sum(np.log(0.5 * (1 + np.tanh(z / 2)))), {"z": z}),
    "slope of tanh": (lambda z: np.sum(np.log(1 - np.tanh(z) ** 2)), {"z": z}),
    "log cosh": (lambda z: np.sum(np.log(np.cosh(z))), {"z": z}),
    "tanh by exponentials": (
        lambda z: np.sum((np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z))), {"z": z}),
    "tanh by sinh": (lambda z: np.sum(np.sinh(z) / np.cosh(z) * z), {"z": z}),
    "tanh by expm1": (lambda z: np.sum(np.expm1(2 * z) / (np.exp(2 * z) + 1)), {"z": z}),
    "a root of shares": (lambda s: np.sum(np.log(1 + np.sqrt(soft(s)))), {"s": s}),
    "powers of two": (lambda s: np.sum(np.log2(np.sum(2.0**s + np.exp2(-s), axis=1))), {"s": s}),
    "log10": (lambda z: np.sum(np.log10(1 + np.exp(z))), {"z": z}),
    "negative binomial": (
        lambda eta, y, r: np.sum((y + r) * np.log(r + np.exp(eta)) - y * eta),
        {"eta": z, "y": counts, "r": np.full(N, 2.5)}),
    "negative binomial of one r": (
        lambda eta, y, r: np.sum((y + r) * np.log(r + np.exp(eta)) - y * eta),
        {"eta": z, "y": counts, "r": 2.5}),
    "odds": (lambda z: np.sum(np.log(sig(z) / (1 - sig(z))) ** 2), {"z": z}),
    "proportional odds": (lambda z, b: -np.sum(np.log(sig(b[1] - z) - sig(b[0] - z))),
                          {"z": z, "b": np.array([-0.5, 1.0])}),
    "complementary log-log": (
        lambda e, h: -np.sum(h * np.log(1 - np.exp(-np.exp(e))) - (1 - h) * np.exp(e)),
        {"e": z, "h": np.ones(N)}),
    "elu": (lambda z: np.sum(np.where(z > 0, z, 0.7 * (np.exp(z) - 1)) ** 2), {"z": z}),
    "elu by expm1": (lambda z: np.sum(np.where(z <= 0, np.expm1(z), z) ** 2), {"z": z}),
    "elu by minimum": (
        lambda z: np.sum(np.where(z > 0, z, np.exp(np.minimum(z, 0)) - 1) ** 2), {"z": z}),
    "selu": (
        lambda z: np.sum(np.maximum(0, z) + np.minimum(0, 1.67 * (np.exp(z) - 1))), {"z": z}),
    "a sigmoid in two branches": (
        lambda z, h: np.sum(
            (np.where(z >= 0, 1 / (1 + np.exp(-z)), np.exp(z) / (1 + np.exp(z))) - h) ** 2),
        {"z": z, "h": h}),
    "swish": (lambda z: np.sum(z / (1 + np.exp(-z))), {"z": z}),
    "mish": (lambda z: np.sum(z * np.tanh(np.log(1 + np.exp(z)))), {"z": z}),
    "cross-entropy": (lambda s, y: -np.mean(np.log(soft(s)[range(s.shape[0]), y])),
                      {"s": s, "y": y}),
    "over axis 0": (lambda s, T: -np.sum(T * np.log(soft(s, 0))), {"s": s, "T": T}),
    "over everything": (lambda s, G: np.sum(G * np.exp(s) / np.sum(np.exp(s))), {"s": s, "G": G}),
    "transposed": (
        lambda s, y: -np.mean(np.log((np.exp(s).T / np.exp(s).sum(1)).T[range(s.shape[0]), y])),
        {"s": s, "y": y}),
    "shifted by the user": (lambda s, G: np.sum(G * soft(s - np.max(s, axis=1, keepdims=True))),
                            {"s": s, "G": G}),
    "shifted by too much": (lambda s, G: np.sum(G * soft(s - np.max(s))), {"s": s, "G": G}),
    "one-hot within": (lambda s, Y: -np.mean(np.log(np.sum(Y * soft(s), axis=1))),
                       {"s": s, "Y": Y}),
    "one-hot maximum": (lambda s, Y: -np.mean(np.log(np.max(Y * soft(s), axis=1))),
                        {"s": s, "Y": Y}),
    "reference class": (
        lambda s, y: np.mean(np.log(1 + np.sum(np.exp(s), axis=1)) - s[range(s.shape[0]), y]),
        {"s": s, "y": y}),
    "reference class of shares": (reference_class, {"s": s, "Y": Y}),
    "reference column": (reference_column, {"s": s, "Y4": np.eye(4)[rng.integers(0, 4, N)]}),
    "focal loss": (focal, {"s": s, "y": y}),
    "focal loss of two classes": (focal_of_two, {"z": z, "h": h}),
    "divergence": (lambda s, G: np.sum(soft(s) * np.log(soft(s) / soft(G))), {"s": s, "G": G}),
    "mixture": (mixture, {"mu": w, "log_scale": 0.1 * w, "logits": w, "x": z}),
    "mixture with an empty part": (
        weighted, {"mu": w[:3], "x": z, "pi": np.array([0.5, 0.0, 0.5])}),
    "forward recursion of logs": (forward_of_logs, {"T": rng.normal(size=(K, K)), "s": s}),
    "forward recursion of products": (forward_of_products, {"T": rng.normal(size=(K, K)), "s": s}),
    "hidden Markov model": (hidden_markov, {"A": rng.normal(size=(K, K)),
                                            "B": rng.normal(size=(K, 4)),
                                            "o": np.array([0, 1, 2, 3, 1, 0])}),
    "attention with a mask of -inf": (
        attention, {"Q": X, "V": rng.normal(size=(N, 2)), "M": causal}),
    "attention with a mask added": (
        added_mask, {"Q": X, "V": rng.normal(size=(N, 2)), "M": np.where(causal, 0.0, -np.inf)}),
    "attention with a large mask": (
        added_mask, {"Q": X, "V": rng.normal(size=(N, 2)), "M": np.where(causal, 0.0, -1e9)}),
    "survival": (lambda b, X: -np.sum(X @ b - np.log(np.cumsum(np.exp(X @ b)))), {"b": w, "X": X}),
    "rankings": (lambda s: -np.sum(s - np.log(np.cumsum(np.exp(s)[:, ::-1], axis=1)[:, ::-1])),
                 {"s": s}),
    "survival by a mask": (cox, {"b": w, "X": X, "at_risk": np.triu(np.ones((N, N)))}),
    "maxout": (lambda a: np.sum(a.reshape(a.shape[0], -1, 2).max(2) ** 2),
               {"a": rng.normal(size=(N, 4))}),
    "maxout, then softmax": (
        lambda a, y: -np.mean(np.log(soft(a.reshape(a.shape[0], -1, 2).max(2))[:, 0])),
        {"a": rng.normal(size=(N, 4)), "y": y}),
    "contrast": (lambda A, B: -np.mean(np.log(np.diag(np.exp(A @ B.T)) / np.exp(A @ B.T).sum(1))),
                 {"A": X, "B": rng.normal(size=(N, D))}),
    "word vectors": (lambda u, V: -np.log(sig(V[0] @ u)) - np.sum(np.log(sig(-V[1:] @ u))),
                     {"u": w, "V": X}),
    "paired comparison": (
        lambda th, i, j: -np.sum(np.log(np.exp(th[i]) / (np.exp(th[i]) + np.exp(th[j])))),
        {"th": w, "i": np.array([0, 1, 2]), "j": np.array([1, 2, 3])}),
    "a floor": (lambda s, y: -np.mean(np.log(soft(s)[range(s.shape[0]), y] + 1e-12)),
                {"s": s, "y": y}),
    "squares": (lambda z: np.sum(np.log(np.square(1 + np.exp(z)))), {"z": z}),
    "the larger one": (lambda z: np.sum(np.log(np.maximum(np.exp(z), np.exp(-z)))), {"z": z}),
    "the smaller one": (lambda z: np.sum(np.log(np.minimum(np.exp(z), np.exp(-z)))), {"z": z}),
    "the least": (lambda s: np.sum(np.log(np.min(np.exp(s), axis=1))), {"s": s}),
    "joined": (
        lambda s: np.sum(np.log(np.sum(np.concatenate([np.exp(s), np.exp(-s)], axis=1), axis=1))),
        {"s": s}),
    "products of a sum": (
        lambda s, G: np.sum(G * np.exp(s) @ G.T / np.sum(np.exp(s), axis=1)[:, None]),
        {"s": s, "G": G}),
}  # fmt: skip


def derived(loss, inputs, wrt=None, bent=None):
    """Return a loss's trace, and its stable form with gradients as a function."""
    wrt = wrt or next(iter(inputs))
    traced = trace(loss, inputs, (wrt,))
    made = stabilised(traced, facts(inputs, traced))
    seed = traced.world.lift(np.ones((), made.trace.output.dtype))
    slopes = [g for e, g, _ in reverse(made.trace.output, seed) if e is traced.inputs[wrt]]
    slope = finish(slopes[0], traced.world)[0]

    def run(**values):
        value, g = evaluate([made.trace.output, slope], environment(values))
        return value, {wrt: np.array(np.broadcast_to(g, np.shape(values[wrt])))}, {}

    return traced, made, run


@pytest.mark.parametrize("name", CASES)
def test_a_stable_form_is_right_here_elsewhere_and_at_large_scores(name):
    loss, inputs = CASES[name]
    traced, _, run = derived(loss, inputs)
    verdict = verify(run, loss, traced, (next(iter(inputs)),), inputs, stable=True)
    assert verdict.problem is None


# By their nature these grow as the exponential of a score, or have no finite value far out.
NATURAL = {"complementary log-log"}


@pytest.mark.parametrize("size", [700.0, 1e4, -1e4])
@pytest.mark.parametrize("name", [name for name in CASES if name not in NATURAL])
def test_nothing_overflows_on_the_way(name, size):
    loss, inputs = CASES[name]
    _, _, run = derived(loss, inputs)
    first = next(iter(inputs))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value, slopes, _ = run(**inputs | {first: size * inputs[first]})
    assert np.isfinite(value)
    assert np.isfinite(slopes[first]).all()


def test_what_is_stable_already_stays_as_it_is():
    for loss in (lambda s, y: 2.0 * tg.cross_entropy(s, y), lambda s, y: np.sum(tg.softmax(s) ** 2),
                 lambda s, y: np.sum(tg.sigmoid(s)), lambda s, y: np.sum(np.log1p(s**2)),
                 lambda s, y: np.sum(np.exp(s) - s)):  # fmt: skip
        traced = trace(loss, {"s": s, "y": y}, ("s",))
        made = stabilised(traced)
        assert made.trace.output is traced.output
        assert not made.steps


def test_steps_say_which_law_and_why():
    def loss(s, y):
        p = np.exp(s) / np.sum(np.exp(s), axis=1, keepdims=True)
        return -np.mean(np.log(p[range(s.shape[0]), y]))

    made = stabilised(trace(loss, {"s": s, "y": y}, ("s",)))
    assert [step.law for step in made.steps] == ["shift_invariance", "moved"]
    assert all(step.sentence.endswith(".") for step in made.steps)
    assert [*made.trace.names] == ["shifted_s", "exp_shifted_s", "p"]
    assert made.trace.made == {"shifted_s", "exp_shifted_s"}


def test_a_fact_is_relied_on_only_where_a_law_needs_it():
    def loss(eta, y, r):
        return np.sum((y + r) * np.log(r + np.exp(eta)) - y * eta)

    inputs = {"eta": z, "y": counts + 1, "r": np.full(N, 2.5)}
    traced = trace(loss, inputs, ("eta",))
    assert [f.text for f in stabilised(traced, facts(inputs, traced)).rests_on] == ["r > 0"]
    assert not stabilised(traced).rests_on


def test_weights_of_any_sign_need_no_fact():
    loss, inputs = CASES["mixture with an empty part"]
    _, made, run = derived(loss, inputs)
    assert not made.rests_on
    far = inputs | {"mu": np.array([3000.0, 0.0, -3000.0])}  # the empty part is the nearest one
    value, slopes, _ = run(**far)
    d = -0.5 * (z[:, None] - far["mu"][[0, 2]]) ** 2
    want = -np.sum(np.logaddexp(d[:, 0], d[:, 1]) + np.log(0.5))
    np.testing.assert_allclose(value, want)
    assert slopes["mu"][1] == 0


def test_the_logarithm_of_what_overflowed_has_a_name():
    loss, inputs = CASES["forward recursion of products"]
    _, made, _ = derived(loss, inputs)
    assert "log_a" in made.trace.names
    assert "a" not in made.trace.names


def test_deep_programs_are_rewritten_in_time_that_grows_with_their_length():
    def loss(x):
        for _ in range(60):
            x = x + x / (1 + np.exp(-x)) * np.where(x > 0, x, np.exp(x) - 1)
            x = x / np.sqrt(1 + np.sum(x * x))
        return np.sum(x)

    made = stabilised(trace(loss, {"x": z}, ("x",)))
    assert len(ordered([made.trace.output])) < 2400


# --- drawn programs ---

SCORES = ["s", "t", "-s", "s - t", "2 * s", "0.5 * t", "s * c", "s + col",
          "t - np.max(t, axis=1, keepdims=True)"]  # fmt: skip


def positive(draw, depth):
    """Draw a positive expression that is made of exponentials."""

    def part():
        return positive(draw, depth - 1)

    x = draw.choice(SCORES)
    kind = draw.integers(12 if depth else 3)
    c = draw.choice(["1", "2.5", "r"])
    return [
        f"np.exp({x})", f"share({x})", f"(1 / (1 + np.exp({x})))",
        *([] if not depth else [
            f"({part()} + {part()})", f"({part()} * {part()})", f"({part()} / {part()})",
            f"np.sum({part()}, axis=1, keepdims=True)", f"({c} + {part()})",
            f"({part()} ** {draw.choice(['2', '-1', '0.5', '-2'])})",
            f"np.where(m, {part()}, {part()})", f"({c} * {part()})", f"np.sqrt({part()})",
        ]),
    ][kind]  # fmt: skip


def drawn_loss(draw):
    a, b = positive(draw, 2), positive(draw, 2)
    return draw.choice([
        f"np.mean(np.log({a}) + s * t)", f"np.sum(g * np.log({a}) * t + s)",
        f"np.sum(g * ({a} / ({a} + {b})) + s * t)", f"np.sum(np.log(1 + {a}) * g + s * t)",
        f"np.sum(g * ({a} / np.sum({a}, axis=1, keepdims=True)) + s)",
        f"np.sum(g * (1 - {a} / ({a} + {b})) * np.log({b}) + s)",
    ])  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_drawn_programs_are_right_at_large_scores(seed):
    draw = np.random.default_rng(seed)
    inputs = {
        "s": draw.normal(size=(4, 3)), "t": draw.normal(size=(4, 3)),
        "c": draw.normal(size=(1, 3)), "col": draw.normal(size=(4, 1)),
        "g": draw.normal(size=(4, 3)), "r": draw.uniform(0.5, 2, (4, 3)),
        "m": draw.random((4, 3)) > 0.5,
    }  # fmt: skip
    text = drawn_loss(draw)
    loss = eval(f"lambda s, t, c, col, g, r, m: {text}", {"np": np, "share": soft})
    traced, _, run = derived(loss, inputs, "s")
    verdict = verify(run, loss, traced, ("s",), inputs, stable=True)
    assert verdict.problem is None, text


# --- bent laws ---


@cache
def users():
    """For each op, the cases in which its law makes a form."""
    found = {op: [] for op in LAWS}
    with pytest.MonkeyPatch.context() as patch:
        seen = set()
        for op, law in [*LAWS.items()]:

            def noting(stable, e, logs, op=op, law=law):
                form = law.apply(stable, e, logs)
                if form is not None and (form.exponent or form.num is not None):
                    seen.add(op)
                return form

            patch.setitem(stability.LAWS, op, law._replace(apply=noting))
        for name, (loss, inputs) in CASES.items():
            seen.clear()
            made = derived(loss, inputs)[1]
            for op in seen if made.steps else ():
                found[op].append(name)
    return found


@pytest.mark.parametrize("factor", [1.001, -1.0])
@pytest.mark.parametrize("op", LAWS, ids=lambda op: op.__name__)
def test_a_law_that_is_off_never_gets_out(op, factor, monkeypatch):
    names, law = users()[op], LAWS[op]

    def bent(stable, e, logs):
        form = law.apply(stable, e, logs)
        if form is None or (not form.exponent and form.num is None):
            return form
        number = stable.number(factor)
        return form._replace(num=number if form.num is None else number * form.num)

    monkeypatch.setitem(stability.LAWS, op, law._replace(apply=bent))
    # a factor may cancel in a quotient, but not in all cases
    for name in names:
        loss, inputs = CASES[name]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            traced, _, run = derived(loss, inputs)
            verdict = verify(run, loss, traced, (next(iter(inputs)),), inputs)
        if verdict.problem is not None:
            return
    pytest.fail(f"not noticed in {names}")
