"""Unusual spellings of ops: each is derived, written, and equal to automatic differentiation."""

import numpy as np
import pytest

import tinygrad_softmax as tg
from tests.derivation.test_tracing import check

rng = np.random.default_rng(3)
x = rng.standard_normal((5, 3))
positive = rng.uniform(0.5, 2, (5, 3))
G = rng.standard_normal((5, 3))
v = rng.standard_normal(3)
labels = rng.integers(0, 3, 5)
cube = rng.standard_normal((4, 5, 3))
rows = rng.dirichlet(np.ones(3), 5)

FORMS = {
    "transpose of three axes": (lambda x, H: np.sum(H * np.transpose(x, (2, 0, 1)) ** 2),
                                {"x": cube, "H": rng.standard_normal((3, 4, 5))}),
    "moved axes": (lambda x: np.sum(np.exp(np.moveaxis(x, 0, -1)) * np.arange(1.0, 5.0)),
                   {"x": cube}),
    "reshaped to one axis": (lambda x, G: np.sum(x.reshape(-1) ** 3 * G.reshape(-1)),
                             {"x": x, "G": G}),
    "reshaped by name": (lambda x: np.sum(np.tanh(np.reshape(x, (x.shape[1], x.shape[0])))),
                         {"x": x}),
    "slices": (lambda x: np.sum(x[1:] * x[:-1]), {"x": x}),
    "a column": (lambda x: np.sum(x[:, 0] ** 2) + np.sum(x[..., 1]), {"x": x}),
    "an ellipsis at the end": (lambda x: np.sum(np.exp(x[0, ...])), {"x": x}),
    "the last row": (lambda x: np.sum(x[x.shape[0] - 1] ** 2), {"x": x}),
    "a list of rows": (lambda x: np.sum(np.exp(x[[0, 2, 2]])), {"x": x}),
    "a fixed index array": (lambda x: np.sum(np.exp(x[np.array([0, 1, 1])])), {"x": x}),
    "rows by labels": (lambda x, y: np.sum(np.exp(x[y])), {"x": x[:3], "y": labels}),
    "labels and a slice": (lambda x, y: np.sum(np.exp(x[:, y])), {"x": x, "y": labels}),
    "picked sums": (lambda x, y: np.sum(np.exp(x)[range(x.shape[0]), y]), {"x": x, "y": labels}),
    "picked products": (lambda x, v, y: np.sum((x * v + v)[range(x.shape[0]), y] ** 2),
                        {"x": x, "v": v, "y": labels}),
    "picked means": (
        lambda x, y: np.sum((x - x.mean(axis=1, keepdims=True))[range(x.shape[0]), y] ** 2),
        {"x": x, "y": labels}),
    "a scatter with a sum over everything": (
        lambda x, y: np.sum(x * np.sum(x[range(x.shape[0]), y])), {"x": x, "y": labels}),
    "a broadcast vector": (lambda v, G: np.sum(np.broadcast_to(v, G.shape) * G), {"v": v, "G": G}),
    "a scalar repeated": (lambda s, G: np.sum(np.broadcast_to(s, G.shape) * G) + s,
                          {"s": 2.0, "G": G}),
    "ones of the input's size": (lambda x: np.sum(x * np.ones(x.shape) + np.zeros(x.shape)),
                                 {"x": x}),
    "threes of the input's size": (lambda x: np.sum(x * np.full(x.shape, 3.0)), {"x": x}),
    "an einsum": (lambda x, v: np.sum(np.einsum("ij,j->i", x, v) ** 2), {"x": x, "v": v}),
    "side by side": (lambda x, G: np.sum(np.exp(np.concatenate([x, G], axis=1))),
                     {"x": x, "G": G}),
    "in another type": (lambda x: np.sum(x.astype(np.float64) ** 2), {"x": x}),
    "the largest": (lambda x: np.sum(np.max(x, axis=1) ** 2) + np.max(x), {"x": x}),
    "the winner's place": (lambda x: np.sum(x * (np.argmax(x) > 1)), {"x": x}),
    "a minimum": (lambda x, G: np.sum(np.minimum(x, G) ** 2), {"x": x, "G": G}),
    "a clip": (lambda x: np.sum(np.clip(x, -0.5, 0.5) * x), {"x": x}),
    "absolute values": (lambda x: np.sum(np.abs(x) + np.square(x)), {"x": x}),
    "a root of a square": (lambda x: np.sum(np.sqrt(x**2) * np.sqrt(4 * x**2)), {"x": x}),
    "a root of twice": (lambda p: np.sum(np.sqrt(2 * p) + p**-0.5), {"p": positive}),
    "a power of a power": (lambda p: np.sum((p**0.5) ** 0.5 + (-2 * p) ** 3), {"p": positive}),
    "an odd power": (lambda p: np.sum(p**0.123456789), {"p": positive}),
    "a tensor as exponent": (lambda p, v: np.sum(p**v), {"p": positive, "v": v}),
    "a norm": (lambda x: np.linalg.norm(x - 1), {"x": x}),
    "differences in denominators": (lambda p, v: np.sum(1 / (2 * v - 2 * p)),
                                    {"p": positive, "v": v - 9}),
    "sums of logs": (lambda p: np.sum(np.exp(np.log(p) + 2 * np.log(p)) + np.exp(np.log(p))),
                     {"p": positive}),
    "minus a sum times something": (lambda z, x, v, G: -np.sum((x + v) * G * z),
                                    {"z": x, "x": x, "v": v, "G": G}),
    "a softplus": (lambda x: np.sum(tg.softplus(x) * tg.sigmoid(x)), {"x": x}),
    "a soft target": (lambda x, T: 2 * tg.cross_entropy(x, T), {"x": x, "T": rows}),
    "weights that are a distribution": (lambda x, T: np.sum(x * np.sum(T, axis=1, keepdims=True)),
                                        {"x": x, "T": rows}),
    "negative data": (lambda x, n: np.sum(x * np.log(-n)), {"x": x, "n": -positive}),
    "data from zero": (lambda x, n: np.sum(x * np.sqrt(n + 1)), {"x": x, "n": positive - 0.5}),
    "a mask as data": (lambda x, m: np.sum(np.where(m, x, 2 * x)), {"x": x, "m": x > 0}),
    "zeros and ones as data": (lambda x, m: np.sum(m * np.exp(x)),
                               {"x": x, "m": (x > 0).astype(float)}),
    "a size as a number": (lambda x: np.sum(x) / x.shape[0] * (x.shape[1] - 1) + 1 / x.shape[0],
                           {"x": x}),
    "sizes in arithmetic": (
        lambda x: np.sum(x) * (2.5 * x.shape[0]) / (x.size // x.shape[1] + 0.5), {"x": x}),
    "sizes among themselves": (
        lambda x: np.sum(x) * (1 - x.shape[0]) * (x.shape[0] + x.shape[1]) / x.size, {"x": x}),
    "functions of sizes": (
        lambda x: np.sum(x) * np.sqrt(1 / x.shape[0]) * np.log(x.shape[1]) + np.hypot(
            x.shape[0], 2.5) * np.add(1 / x.shape[0], 2) * np.negative(x.shape[1]), {"x": x}),
    "everything twice": (lambda x, G: np.sum(np.exp(x * G) * np.tanh(np.exp(x * G))),
                         {"x": x, "G": G}),
    "a constant gradient": (lambda x: 2 * np.sum(x), {"x": x}),
    "no gradient at all": (lambda x: np.sum(np.sign(x)) + 0 * np.sum(x), {"x": x}),
    "a mask of its own": (lambda x, G: np.sum(np.maximum(x, 0) * G), {"x": x, "G": G}),
    "a masked copy": (lambda x: np.sum(np.maximum(0, np.maximum(0, x) - 0.3)), {"x": x}),
    "a row vector": (lambda b, x: np.sum((x * b) ** 2) + np.sum(b**3), {"b": v[None], "x": x}),
    "a slice in a sum": (lambda x: np.sum(np.exp(x[1:])) * np.sum(2 * x[1:] ** 2), {"x": x}),
    "a slice by a size": (lambda x: np.sum(np.exp(x[1 : x.shape[0] - 1])) * np.sum(x), {"x": x}),
    "an axis in the middle": (lambda H, x: np.sum(H * x[:, None, :]),
                              {"H": rng.standard_normal((5, 2, 3)), "x": x}),
    "rows of a sum": (lambda v, x, y: np.sum(np.exp((x + v)[y])), {"v": v, "x": x, "y": labels}),
    "a bias of one row": (lambda b, x: np.sum((x + b) ** 2), {"b": v[None], "x": x}),
    "an array beside a size": (lambda x: np.sum(x * (x.shape[0] * x)), {"x": x}),
    "one constant twice": (lambda x: np.sum(x * v) + np.sum(np.exp(x) * v), {"x": x}),
    "a stack of sums": (lambda c: np.sum(np.sum(c**2, axis=(0, 2), keepdims=True) ** 2),
                        {"c": cube}),
    "turned and lengthened": (
        lambda c, H: np.sum(H * np.exp(np.transpose(c, (1, 0, 2))[:, None]) ** 2),
        {"c": cube, "H": rng.standard_normal((5, 1, 4, 3))}),
    "two columns of labels": (
        lambda x, y: -np.sum(tg.log_softmax(x)[range(x.shape[0]), y]) - np.sum(x[0, y]),
        {"x": x, "y": labels}),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_a_form_is_derived(name):
    loss, inputs = FORMS[name]
    check(loss, next(iter(inputs)), **inputs)
