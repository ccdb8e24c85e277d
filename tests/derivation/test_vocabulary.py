"""Functions of NumPy in a loss: each is derived, and right at another size."""

import types

import numpy as np
import pytest

import tinygrad_softmax as tg

rng = np.random.default_rng(20)


def table(*shape):
    return rng.uniform(0.3, 0.9, shape)


CALLS = [
    "np.sum(np.linalg.multi_dot([x, x.T, x]) ** 2)",
    "np.sum(np.linalg.multi_dot([x[0], x.T, x, x.T]))",
    "np.sum(np.einsum('ii->i', x @ x.T) ** 2)",
    "np.einsum('ij,ij->', x, x)",
    "np.einsum('ij->', x ** 2) + np.einsum('ii', x @ x.T)",
    "np.sum(np.einsum('...i,i->...', x, x[0]) ** 2)",
    "np.sum(np.tensordot(x, x, axes=([0], [0])) ** 2)",
    "np.sum(np.inner(x, x) * np.vdot(x, x))",
    "np.sum(np.kron(x, x[:1]) ** 2)",
    "np.sum(np.cross(x, x[::-1]) ** 2)",
    "np.linalg.norm(x) + np.sum(np.linalg.norm(x, axis=1) ** 3)",
    "np.sum(np.linalg.norm(x, ord=1, axis=1)) + np.linalg.norm(x, 'fro')",
    "np.sum(np.average(x, axis=0, weights=np.arange(1.0, len(x) + 1)) ** 2)",
    "np.sum(np.ptp(x, axis=0)) + np.sum(np.min(x, axis=1) ** 2)",
    "np.sum(np.var(x, axis=0, ddof=1)) + np.std(x, axis=1).sum()",
    "np.sum(np.cumprod(x, axis=0) ** 2)",
    "np.sum(np.roll(x, 1, axis=0) * x)",
    "np.sum(np.repeat(x, 2, axis=0) ** 2) + np.sum(np.tile(x, (1, 2)) ** 3)",
    "np.sum(np.take(x, [0, 2], axis=0) ** 2)",
    "np.sum(np.pad(x, ((1, 0), (0, 1))) ** 2)",
    "np.sum(np.hstack([x, x ** 2]) ** 2) + np.sum(np.vstack([x, x]) ** 3)",
    "sum(np.sum(part ** k) for k, part in enumerate(np.split(x, [1, 2]), 1))",
    "np.sum(np.moveaxis(x[None], 0, 2)[:, :, 0] * np.swapaxes(x.T, 0, 1))",
    "np.sum(np.squeeze(x[:, None]) * np.atleast_2d(x) * np.ravel(x).reshape(x.shape))",
    "np.sum(np.diagonal(x @ x.T) ** 2) + np.sum(np.diag(x[0]) @ x.T)",
    "np.sum(np.triu(x @ x.T) ** 2)",
    "np.sum(np.broadcast_to(x, (2, *x.shape)) ** 2)",
    "np.sum(np.where(x > 0.5, x, -x) * np.sign(x)) + np.sum(np.heaviside(x, 0.5) * x)",
    "np.sum(np.clip(x, 0.4, None)) + np.sum(np.minimum(np.maximum(x, 0.4), 0.7) ** 2)",
    "np.sum(np.expm1(x) * np.log1p(x)) + np.sum(np.exp2(x) * np.log2(x))",
    "np.sum(np.reciprocal(x) + np.square(x) + np.cbrt(x) + np.fabs(x))",
    "np.sum(np.arcsin(x) + np.arccos(x) + np.arctan(x) + np.arcsinh(x) + np.arctanh(x))",
    "np.sum(np.hypot(x, 2 * x) + np.arctan2(x, 1 + x) + np.logaddexp2(x, 1.0))",
    "np.sum(np.sinc(x) + np.tan(x) + np.deg2rad(x) + np.rad2deg(x))",
    "np.sum(np.power(2.0, x) + np.true_divide(x, 3))",
    "np.sum(tg.softmax(x, axis=0) ** 2) + np.sum(tg.log_softmax(x) * x)",
    "np.sum(tg.sigmoid(x) * tg.softplus(x)) + np.sum(tg.relu(x - 0.5) ** 2)",
]


@pytest.mark.parametrize("text", CALLS)
def test_a_function_of_numpy_is_derived(text):
    loss = eval(f"lambda x: {text}", {"np": np, "tg": tg})
    derivation = tg.derive(loss, x=table(4, 3))
    one_size = "these sizes" in derivation.checked or derivation.trace.assumptions
    x = table(4, 3) if one_size else table(6, 3)
    expected = tg.value_and_grad(loss)(x)
    value, found = derivation.value_and_grad(x=x)
    np.testing.assert_allclose(value, expected[0], rtol=1e-9)
    np.testing.assert_allclose(found["x"], expected[1], rtol=1e-7, atol=1e-9)
    assert "dx" in str(derivation)


@pytest.mark.parametrize(
    "text",
    [
        "np.sum(np.sort(x, axis=0)[0])",
        "np.median(x)",
        "np.sum(np.interp(x, [0.0, 1.0], [0.0, 2.0]))",
    ],
)
def test_what_no_formula_can_name_is_refused(text):
    with pytest.raises(tg.NoRuleError, match="the order or the values of a traced array"):
        tg.derive(eval(f"lambda x: {text}", {"np": np}), x=table(4, 3))


def from_module(name, **attributes):
    kind = types.new_class("Matrix")
    kind.__module__ = name
    for key, value in attributes.items():
        setattr(kind, key, value)
    return kind()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.ones(3, np.float16), r"w .*float16.*w.astype\(np.float32\)"),
        (np.ones(3) * 1j, "w .*complex.*w.real and w.imag"),
        (1j, "w is complex"),
        (np.array([1.0, None]), r"w .*Python objects.*w.astype\(float\)"),
        (np.array(["a", "b"]), "w .*strings.*np.unique"),
        (np.array(["2020-01-01"], "datetime64[D]"), "w .*datetime64.*pass numbers"),
        (np.arange(3), r"w is int64.*w.astype\(float\)"),
        (3, r"w is int.*float\(w\)"),
        (tg.Tensor(np.ones(3)), r"w is a Tensor of this package.*w.data"),
        (from_module("torch"), r"w is a torch.Matrix: pass w.detach\(\).cpu\(\).numpy\(\)"),
        (from_module("pandas.core"), r"w is a Matrix of pandas: pass w.to_numpy\(\)"),
        (from_module("scipy.sparse", toarray=len, nnz=2, shape=(2, 2)), r"sparse .*w.toarray\(\)"),
        (from_module("jax", __array__=len), r"w is a jax.Matrix: .*np.asarray\(w\)"),
        ({"a": np.ones(3)}, "w is a dict, which is nothing to differentiate"),
        ([[1.0], [1.0, 2.0]], "w is a list, which is nothing to differentiate"),
    ],
)
def test_what_cannot_be_differentiated_is_refused_with_what_to_pass(value, message):
    with pytest.raises((tg.DataError, TypeError), match=f"(?s){message}"):
        tg.derive(lambda w: np.sum(w * w), w=value)


@pytest.mark.parametrize(
    ("wrt", "message"),
    [
        ((), "does not name"),
        (0, "does not name"),
        (("w", "w"), "more than once"),
        ("v", "neither an input"),
    ],
)
def test_what_to_differentiate_with_respect_to_is_named_once(wrt, message):
    with pytest.raises(TypeError, match=message):
        tg.derive(lambda w: np.sum(w * w), wrt=wrt, w=np.ones(3))


def test_a_list_is_an_array():
    assert tg.derive(lambda w: np.sum(w * w), w=[1.0, 2.0])(w=[3.0, 4.0])["w"].tolist() == [6, 8]
