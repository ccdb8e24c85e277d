"""Losses of many kinds: each is derived at one size, and right at another."""

import numpy as np
import pytest

import tinygrad_softmax as tg


class Draw:
    """Inputs for sizes n, d and k, drawn one after another."""

    def __init__(self, n, d, k, seed):
        self.n, self.d, self.k, self.rng = n, d, k, np.random.default_rng(seed)

    def __call__(self, *shape):
        return self.rng.standard_normal(shape)

    def positive(self, *shape):
        return self.rng.uniform(0.5, 2.0, shape)

    def labels(self, *shape):
        return self.rng.integers(0, self.k, shape)

    def square(self, n):
        a = self(n, n)
        return a @ a.T + n * np.eye(n)


KINDS = {}


def kind(wrt, inputs):
    """Note a loss, what it is differentiated with respect to, and how its inputs are drawn."""

    def keep(loss):
        KINDS[loss.__name__] = (loss, tuple(wrt.split()), inputs)
        return loss

    return keep


# --- classifiers, in several spellings ---


@kind("W b", lambda r: {"W": r(r.d, r.k), "b": r(r.k), "X": r(r.n, r.d), "y": r.labels(r.n)})
def labels_by_len(W, b, X, y):
    n = len(X)
    z = np.dot(X, W) + b
    z = z - z.max(axis=1)[:, None]
    return -np.mean((z - np.log(np.exp(z).sum(axis=1))[:, None])[np.arange(n), y])


@kind("W", lambda r: {"W": r(r.d, r.k), "X": r(r.n, r.d), "y": r.labels(r.n)})
def labels_as_identity_rows(W, X, y):
    Y = np.eye(W.shape[1])[y]
    p = tg.softmax(X @ W, axis=1)
    return -np.sum(Y * np.log(p)) / len(y)


@kind("z", lambda r: {"z": r(r.n, r.k), "y": r.labels(r.n)})
def labels_along_an_axis(z, y):
    return -np.mean(np.take_along_axis(tg.log_softmax(z, axis=1), y[:, None], axis=1))


@kind("z", lambda r: {"z": r(r.n, r.d, r.k), "t": r.labels(r.n, r.d)})
def labels_of_a_sequence(z, t):
    return tg.cross_entropy(z.reshape(-1, z.shape[-1]), t.reshape(-1))


@kind("z", lambda r: {"z": r(r.n, r.k), "y": np.arange(r.n) % (r.k + 1) - 1})
def labels_that_are_left_out(z, y):
    seen = y >= 0
    chosen = tg.log_softmax(z, axis=1)[np.arange(len(y)), np.where(seen, y, 0)]
    return -np.sum(chosen * seen) / np.sum(seen)


@kind("z", lambda r: {"z": r(r.n, r.k), "y": r.labels(r.n) + 1})
def labels_from_one(z, y):
    return -np.sum(tg.log_softmax(z, axis=1)[np.arange(len(y)), y - 1])


@kind("s", lambda r: {"s": r(r.n, r.k)})
def reference_class(s):
    return np.sum(np.logaddexp(0, tg.logsumexp(s, axis=1)))


@kind("s", lambda r: {"s": r(r.n, r.k), "P": np.eye(r.k)[r.labels(r.n)]})
def one_hot_rows(s, P):
    e = np.exp(s)
    return -np.sum(P * np.log(e / np.sum(e, axis=1, keepdims=True)))


@kind("z", lambda r: {"z": r(r.n), "y": r.labels(r.n) % 2})
def sigmoid_by_its_logarithms(z, y):
    p = 1 / (1 + np.exp(-z))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


@kind("z", lambda r: {"z": r(r.n)})
def logarithm_of_one_over(z):
    return -np.sum(np.log(1 / (1 + np.exp(z)))) + np.sum(1 / (1 + np.tanh(z)))


@kind("z", lambda r: {"z": r(r.n)})
def gelu_softplus_and_mish(z):
    soft = np.log1p(np.exp(z))
    return np.sum(z * np.tanh(soft)) + np.sum(z / (1 + np.exp(-1.702 * z)))


@kind("z", lambda r: {"z": r(r.n), "a": 1.5})
def elu(z, a):
    return np.sum(np.where(z > 0, z, a * (np.exp(z) - 1)) ** 2)


@kind("x", lambda r: {"x": r(r.n), "a": r(r.n), "c": r(r.n)})
def two_branches(x, a, c):
    return np.sum(np.where(x > 0, x * a, x * c) * np.clip(x, -1, 1))


@kind("s", lambda r: {"s": r(r.n, r.d), "m": np.tri(r.n, r.d) > 0})
def masked_by_minus_infinity(s, m):
    return np.sum(tg.softmax(np.where(m, s, -np.inf), axis=1) ** 2)


@kind("x c", lambda r: {"x": r(r.n), "c": r(r.n)})
def huber_and_hinge(x, c):
    e = x - c
    huber = np.where(np.abs(e) <= 1, 0.5 * e**2, np.abs(e) - 0.5)
    return np.mean(huber) + np.sum(np.maximum(0, 1 - x * c) ** 2)


# --- products ---


@kind("A B C x", lambda r: {"A": r(r.n, r.d), "B": r(r.d, r.k), "C": r(r.k, r.n), "x": r(r.n)})
def chain_of_products(A, B, C, x):
    return np.sum(A @ B @ C @ x)


@kind("A B", lambda r: {"A": r(r.n, r.d), "B": r(r.d, r.k)})
def product_of_sums(A, B):
    return np.sum(A) * np.sum(A @ B)


@kind("A X", lambda r: {"A": r(r.n, r.d), "X": r(r.k, r.d), "B": r(r.k, r.k), "C": r(r.d, r.n)})
def trace_of_a_product(A, X, B, C):
    return np.trace(A @ X.T @ B @ X @ C)


@kind("x A", lambda r: {"x": r(r.n), "A": r(r.n, r.n)})
def rayleigh_quotient(x, A):
    return (x @ A @ x) / (x @ x)


@kind("u v", lambda r: {"u": r(r.n), "v": r(r.n)})
def cosine(u, v):
    return 1 - (u @ v) / (np.linalg.norm(u) * np.linalg.norm(v)) + np.sum(np.outer(u, v) ** 2)


@kind("Q K V", lambda r: {"Q": r(2, r.n, r.d), "K": r(2, r.n, r.d), "V": r(2, r.n, r.k)})
def attention_of_a_batch(Q, K, V):
    A = tg.softmax(Q @ K.transpose(0, 2, 1) / np.sqrt(Q.shape[-1]), axis=-1)
    return np.sum((A @ V) ** 2)


@kind("Q K", lambda r: {"Q": r(2, 3, r.n, r.d), "K": r(2, 3, r.n, r.d)})
def einsum_of_four_axes(Q, K):
    return np.sum(np.einsum("bhqd,bhkd->bhqk", Q, K) ** 2)


@kind("A x", lambda r: {"A": r(r.n, r.d, r.k), "x": r(r.d), "y": r(r.k)})
def einsum_of_three(A, x, y):
    return np.sum(np.einsum("ndk,d,k->n", A, x, y) ** 2)


@kind("X w", lambda r: {"X": r(r.n, r.d, r.k), "w": r(r.k)})
def vector_at_a_stack(X, w):
    return np.sum(np.tanh(X @ w))


@kind("a b", lambda r: {"a": r(r.n, r.k), "b": r(r.d, r.k)})
def distances_of_pairs(a, b):
    return np.sum(np.exp(-np.sum((a[:, None] - b[None]) ** 2, axis=2)))


@kind("U V", lambda r: {"U": r(r.n, r.k), "V": r(r.d, r.k), "M": r(r.n, r.d)})
def factorisation(U, V, M):
    return np.sum((M - U @ V.T) ** 2) + 0.1 * (np.sum(U**2) + np.sum(V**2))


# --- linear algebra ---


@kind("X", lambda r: {"X": r.square(r.n)})
def log_determinant(X):
    return np.linalg.slogdet(X)[1] + np.trace(np.linalg.inv(X))


@kind("A b", lambda r: {"A": r.square(r.n), "b": r(r.n)})
def solved(A, b):
    return np.sum(np.linalg.solve(A, b) ** 2) + 0.1 * np.linalg.det(A / len(b))


@kind("m S", lambda r: {"m": r(r.n), "S": r.square(r.n), "x": r(r.n)})
def gaussian_density(m, S, x):
    e = x - m
    return 0.5 * e @ np.linalg.solve(S, e) + 0.5 * np.linalg.slogdet(S)[1]


# --- statistics along axes ---


@kind("x g b", lambda r: {"x": r(r.n, r.d), "g": r(r.d), "b": r(r.d), "t": r(r.n, r.d)})
def batch_norm(x, g, b, t):
    mu, var = np.mean(x, axis=0), np.var(x, axis=0)
    xhat = (x - mu) / np.sqrt(var + 1e-5)
    return np.sum((g * xhat + b - t) ** 2)


@kind("x g", lambda r: {"x": r(r.n, r.d), "g": r(r.d)})
def root_mean_square_norm(x, g):
    return np.sum(np.tanh(g * x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + 1e-6)))


@kind("x", lambda r: {"x": r(r.n, 4 * r.d)})
def group_norm(x):
    groups = x.reshape(len(x), 2, x.shape[1] // 2)
    return np.sum(np.tanh((groups - np.mean(groups, axis=2, keepdims=True)) ** 3))


@kind("a", lambda r: {"a": r(r.n, 2 * r.d)})
def largest_of_pairs(a):
    return np.sum(a.reshape(a.shape[0], -1, 2).max(2) ** 2)


@kind("H", lambda r: {"H": r(r.n, 2 * r.d)})
def gated_by_half(H):
    k = H.shape[1] // 2
    return np.sum(H[:, :k] * np.tanh(H[:, k:]))


@kind("x", lambda r: {"x": r.positive(r.n, r.d)})
def products_and_running_sums(x):
    return np.prod(x[:3, 0]) + np.sum(np.cumsum(x, axis=0) ** 2)


@kind("x", lambda r: {"x": r(r.n, r.d)})
def variance_and_spread(x):
    return np.std(x) + np.sum(np.var(x, axis=1, ddof=1)) + np.mean(np.abs(x - np.mean(x)))


@kind("x", lambda r: {"x": r(r.n + 4)})
def differences_and_ends(x):
    return np.sum(np.diff(x) ** 2) + x[-1] * x[0] + np.sum(x[::2] ** 3) + np.sum(x[1:-1])


@kind("w b", lambda r: {"x": r(r.n + 5), "w": r(3), "b": 0.3, "y": r(r.n + 3)})
def convolution_by_slices(x, w, b, y):
    n = len(x)
    out = w[0] * x[: n - 2] + w[1] * x[1 : n - 1] + w[2] * x[2:] + b
    return np.mean((out - y) ** 2)


@kind("E", lambda r: {"E": r(r.k, r.d), "words": r.labels(r.n), "w": r(r.d)})
def embeddings(E, words, w):
    return np.sum(np.tanh(E[words] @ w)) + np.sum(np.mean(E[words], axis=0) ** 2)


@kind("a b", lambda r: {"a": r(r.n, r.d), "b": r(r.n, r.k)})
def joined(a, b):
    return np.sum(np.concatenate([a, b], axis=1) ** 2) + np.sum(np.stack([a, a * 2]) ** 3)


@kind("x", lambda r: {"x": r(r.n, r.n)})
def parts_of_a_square(x):
    return np.sum(np.diag(x) ** 2) + np.sum(np.tril(x) * x) + np.trace(x @ x)


@kind("s", lambda r: {"s": r(3, 4)})
def constants_made_inside(s):
    return np.sum((s - np.zeros((3, 4))) ** 2 + np.tril(np.ones((3, 3))) @ s + np.arange(4.0))


@kind("x Wx Wh", lambda r: {"x": r(6, r.d), "Wx": r(r.d, r.k), "Wh": r(r.k, r.k) * 0.3})
def recurrent(x, Wx, Wh):
    h = np.zeros(Wh.shape[0])
    for t in range(6):
        h = np.tanh(x[t] @ Wx + h @ Wh)
    return np.sum(h**2)


@kind("L", lambda r: {"L": r(r.n), "W": r(r.d, r.k)})
def numbers_made_of_sizes(L, W):
    return np.sum(L) * (0.1 / W.shape[1]) + np.sqrt(len(L)) * np.sum(L**2) / (W.size - 1)


@kind("p q", lambda r: {"p": r(r.n, r.k), "q": r(r.n, r.k)})
def divergence_between_softmaxes(p, q):
    a, b = tg.log_softmax(p, axis=1), tg.log_softmax(q, axis=1)
    return np.mean(np.sum(np.exp(a) * (a - b), axis=1))


@kind("w", lambda r: {"w": r.positive(r.n), "k": r.positive(r.n)})
def powers_and_roots(w, k):
    return np.sum(w**k) + np.sum(np.sqrt(w**2 + 1)) + np.sum(np.cbrt(w)) + np.sum(1 / w**3)


@kind("x", lambda r: {"x": r(r.n) * 0.3})
def functions_of_the_circle(x):
    return np.sum(np.arctan2(x, 2) + np.sin(x) * np.cos(x) + np.sinh(x) / np.cosh(x))


@kind("v", lambda r: {"v": r(r.n)})
def largest_beside_a_third(v):
    h = v / 3
    return np.sum(h) + np.max(v)


@kind("M a", lambda r: {"M": r(r.n, r.d), "a": 0.5})
def largest_of_a_root(M, a):
    return a + np.max((np.abs(M) + 0.5) ** 0.5)


@kind("P", lambda r: {"P": r(r.n, r.d), "u": r(r.d)})
def scaled_columns(P, u):
    return np.sum(u * P)


@kind("Z", lambda r: {"Z": r(r.n, r.d)})
def sums_along_the_last_axis(Z):
    return np.sum(np.sum(Z**2, axis=-1) ** 2) + np.mean(tg.logsumexp(Z, axis=-1))


@kind("x", lambda r: {"x": r(r.n, r.k), "y": r.labels(r.n)})
def labels_of_all_but_the_first(x, y):
    h = x**2
    return np.sum(h[range(x.shape[0]), y][1:])


@kind("Q", lambda r: {"Q": r(r.n, 3, 4)})
def entries_by_two_lists(Q):
    return np.sum(Q[:, [0, 1], [1, 0]] ** 2)


@kind("h", lambda r: {"h": r(r.n, r.d)})
def running_mean(h):
    return np.mean(np.cumsum(h))


@kind("c", lambda r: {"c": r(r.n), "x": r(r.d)})
def a_constant_convolution(c, x):
    return np.mean(np.convolve(x, np.array([1.0, 2.0]))) + np.sum(c)


@kind("x a", lambda r: {"x": r(r.n), "a": 0.2, "m": r(r.d, r.d)})
def cut_off_by_a_number(x, a, m):
    return np.max(np.minimum(a, np.trace(m)) * x)


# --- entries put at places within what is computed on ---


@kind("M", lambda r: {"M": r(r.k, r.k), "y": r.labels(r.k)})
def trace_beside_labels(M, y):
    K = M.shape[1]
    picked = np.diag(M * np.eye(K)[:, y])
    return np.trace(np.eye(K)[y] * M) + np.sum(picked**2) + np.sum(M**2)


@kind("M", lambda r: {"M": r(r.k, r.k), "y": r.labels(r.k), "z": r.labels(r.k)})
def two_conditions_on_one_axis(M, y, z):
    K = len(M)
    return np.sum(np.eye(K)[y] * M * np.eye(K)[z]) + np.sum(M[range(K), y] * (y == np.arange(K)))


@kind("u h", lambda r: {"u": r(r.n), "h": r(r.n, r.d)})
def entries_of_running_sums(u, h):
    return np.cumsum(u)[0] + np.sum(np.cumsum(h, axis=0)[:-1] ** 2) + np.cumsum(h**2, axis=1)[1, 2]


@kind("E", lambda r: {"E": r(r.n, r.d), "y": r.labels(r.n)})
def entries_of_what_is_reshaped(E, y):
    return E.reshape(-1)[1] + E.ravel()[2:] @ E.T.reshape(-1)[:-2] + np.sum(np.cumsum(E)[y] ** 2)


@kind("x w", lambda r: {"x": r(r.n + 4), "w": r(r.k)})
def convolved(x, w):
    return np.sum(np.convolve(x, w) ** 2) + np.convolve(np.tanh(x), w, "valid")[1]


@kind("X", lambda r: {"X": r(r.n, r.d)})
def turned_by_right_angles(X):
    turned = np.rot90(X)
    return np.sum(turned[0] ** 2) + np.rot90(X**2, 2)[0, 1] + np.sum(np.cumsum(np.rot90(X, -1))[:3])


@kind("A b", lambda r: {"A": r.square(r.n), "b": r(r.n), "C": r(r.n, r.n)})
def entries_of_a_solution(A, b, C):
    return np.linalg.solve(A, b)[0] + np.linalg.inv(A)[1, 0] + np.sum((A @ C @ b)[:-1] ** 2)


@kind("B", lambda r: {"B": r(r.n, r.n), "C": r(r.n, r.n), "b": r(r.n)})
def triangular_factor(B, C, b):
    L = np.linalg.cholesky(B @ B.T + 3 * np.eye(len(b)))
    return np.sum(L * C) + np.sum((L @ b)[1:] ** 2) + np.sum(np.exp(np.tril(C @ B, -1) / 9))


@kind("x", lambda r: {"x": np.round(r(r.n, r.d))})
def products_along_axes(x):
    products = np.prod(x, axis=1) @ np.arange(1.0, len(x) + 1) + np.sum(x.prod(0, keepdims=True))
    return products * np.prod(1 + x / 9) + np.prod(x[:, 0], where=x[:, 1] > 0)


def test_a_trace_of_a_table_that_is_not_square():
    assert tg.derive(np.trace, a=np.ones((5, 2)))(a=np.zeros((5, 2)))["a"].sum() == 2


def test_reshaped_to_the_other_way_round_the_gradient_can_be_written_to():
    def loss(x, y):
        h = x.reshape(x.shape[1], x.shape[0])
        return np.mean(x[range(x.shape[0]), y]) + np.mean(h)

    derivation = tg.derive(loss, x=np.ones((3, 4)), y=np.array([0, 1, 3]))
    np.testing.assert_allclose(
        derivation(x=np.ones((3, 4)), y=np.array([2, 1, 0]))["x"],
        np.eye(4)[[2, 1, 0]] / 3 + 1 / 12,
    )


@pytest.mark.parametrize("name", KINDS)
def test_derived_at_one_size_it_is_right_at_another(name):
    loss, wrt, inputs = KINDS[name]
    derivation = tg.derive(loss, wrt=wrt, **inputs(Draw(5, 4, 3, 0)))
    for sizes in ((7, 3, 5), (4, 6, 3)):
        other = inputs(Draw(*sizes, 1))
        value, found = derivation.value_and_grad(**other)
        expected, slopes = tg.value_and_grad(loss, wrt=wrt)(**other)
        np.testing.assert_allclose(value, expected, rtol=1e-9)
        for parameter, slope in zip(wrt, slopes, strict=True):
            scale = np.max(np.abs(slope), initial=0)
            np.testing.assert_allclose(found[parameter], slope, rtol=1e-7, atol=1e-9 * scale)


@pytest.mark.parametrize("name", KINDS)
def test_it_can_be_told(name):
    loss, wrt, inputs = KINDS[name]
    given = inputs(Draw(5, 4, 3, 0))
    derivation = tg.derive(loss, wrt=wrt, **given)
    assert derivation.program.gradient.splitlines()[-1].strip() in str(derivation)
    assert derivation.latex.count("{") == derivation.latex.count("}")
    assert f"d{wrt[0]}" in str(tg.explain(loss, wrt=wrt, **given))


@pytest.mark.filterwarnings("ignore:.* is not compiled:RuntimeWarning")
@pytest.mark.parametrize("name", KINDS)
def test_compiled_it_gives_the_same(name):
    loss, wrt, inputs = KINDS[name]
    given = inputs(Draw(5, 4, 3, 2))
    value, slopes = tg.compile(loss, wrt)(**given)
    expected, gradients = tg.value_and_grad(loss, wrt=wrt)(**given)
    np.testing.assert_allclose(value, expected, rtol=1e-9)
    for parameter, gradient in zip(wrt, gradients, strict=True):
        np.testing.assert_allclose(slopes[parameter], gradient, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", KINDS)
def test_a_check_passes_what_was_derived_and_notices_what_was_changed(name):
    loss, wrt, inputs = KINDS[name]
    given = inputs(Draw(5, 4, 3, 0))
    derivation = tg.derive(loss, wrt=wrt, **given)
    assert tg.check_gradients(loss, derivation, wrt=wrt, **given).ok
    for change in (lambda g: 0.5 * g, lambda g: -g, lambda g: g + 1, lambda g: np.abs(g) + 0.1):
        report = tg.check_gradients(
            loss,
            lambda change=change, **i: {n: change(g) for n, g in derivation(**i).items()},
            wrt=wrt,
            **given,
        )
        assert not report.ok
        assert f"d{wrt[0]}" in str(report)
