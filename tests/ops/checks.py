"""What holds for every op, each as a function of one `Sample` that raises if it does not.

Apart from the tests, so that `test_notices` can call the very same functions on broken ops.
"""

import numpy as np

from tests.ops.samples import EVERY_OP
from tinygrad_softmax import Tensor, grad, vjp
from tinygrad_softmax.core.op import Value

STEP = 1e-5
FEW = 24  # up to so many entries, the slope is measured along each of them


def added_up(x, index, into):
    """One entry after the other, so that those meeting at one place add up."""
    out = np.zeros(into, x.dtype)
    np.add.at(out, index, x)
    return out


def sinc_by_quadrature(x, order):
    """The derivative of sinc, which is the mean of cos(pi x s) over s in [0, 1]."""
    points, weights = np.polynomial.legendre.leggauss(40)
    s, weights = (points + 1) / 2, weights / 2
    angles = np.pi * s * np.asarray(x)[..., None] + order * np.pi / 2
    return np.asarray(np.cos(angles) * (np.pi * s) ** order @ weights, np.asarray(x).dtype)


def reshaped(x, shape):
    """NumPy's own, the shape given by position: its name is understood only since NumPy 2.1."""
    return np.reshape(x, shape)


#: NumPy's answer, for the ops that do not bear the name of a NumPy function or its settings.
REFERENCES = {
    "reshape": reshaped,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "getitem": lambda x, index: x[index],
    "scatter": added_up,
    "einsum": lambda *x, terms, result: np.einsum(f"{','.join(terms)}->{result}", *x),
    "cumsum": np.cumsum,
    "astype": np.asarray,
    "concatenate": lambda *x, axis, sizes: np.concatenate(x, axis),
    "stop_gradient": np.asarray,
    "where": np.where,
    "rounded": np.round,
    "sinc": lambda x, order: np.sinc(x) if order == 0 else sinc_by_quadrature(x, order),
    "solve": np.linalg.solve,
    "logabsdet": lambda x: np.linalg.slogdet(x)[1],
    "cholesky": np.linalg.cholesky,
    "largest_singular_value": lambda x: np.linalg.svd(x, compute_uv=False)[..., 0],
    "length": np.sqrt,
}


def reference(op):
    """Return NumPy's function for an op."""
    function = REFERENCES.get(op.__name__) or op.numpy or getattr(np, op.__name__, None)
    assert function, (
        f"nothing to compare {op.__name__} with: declare it with numpy=, or add NumPy's way of "
        "computing it to REFERENCES in tests/ops/checks.py"
    )
    return function


# --- tools ----------------------------------------------------------------------------------------


def incoming(sample, shape):
    """A gradient for the result: of both signs, and never close to 0, 1 or -1."""
    rng = np.random.default_rng(sample.seed)
    return rng.choice([-1.0, 1.0], shape) * rng.uniform(1.2, 2.0, shape)


def leaves_and_result(sample):
    leaves = [Tensor(parameter) for parameter in sample.parameters]
    return leaves, sample(*leaves)


def frozen(array):
    array = np.array(array)
    array.flags.writeable = False
    return array


def directions(array, few):
    """Each entry by itself if they are few, otherwise one direction through all of them."""
    if array.size <= few:
        return np.eye(array.size).reshape(array.size, *array.shape)
    return np.random.default_rng(array.size).choice([-1.0, 1.0], (1, *array.shape))


def assert_slope(gradient, function, arrays, position, seed=1.0, few=FEW):
    """Compare a gradient of ``sum(seed * function(*arrays))`` with central differences."""
    assert np.shape(gradient) == arrays[position].shape
    measured, claimed = [], []
    for direction in directions(arrays[position], few):

        def at(step, direction=direction):
            moved = arrays[position] + step * direction
            return function(*arrays[:position], moved, *arrays[position + 1 :])

        measured.append(np.sum(seed * (at(STEP) - at(-STEP))) / (2 * STEP))
        claimed.append(np.sum(gradient * direction))
    scale = max(1, np.max(np.abs(measured), initial=0))
    np.testing.assert_allclose(claimed, measured, rtol=1e-6, atol=1e-7 * scale)


# --- properties -----------------------------------------------------------------------------------


def check_forward(sample):
    expected = np.asarray(reference(sample.op)(*sample.arrays, **sample.settings))
    _, tensor = leaves_and_result(sample)
    small = 1e-5 if expected.dtype == np.float32 else 1e-13  # sums may be taken in another order
    for result in (sample(*sample.parameters), tensor.data if sample.tracked else tensor):
        assert (np.shape(result), np.asarray(result).dtype) == (expected.shape, expected.dtype)
        np.testing.assert_allclose(result, expected, rtol=small, atol=small)


def check_shape_rule(sample):
    told = sample.op.shape(*map(np.shape, sample.arrays), **sample.settings)
    assert told == np.shape(sample(*sample.parameters))


def check_plain(sample):
    wrapped = [Tensor(x) if x.dtype.kind == "f" else x for x in sample.arrays]
    result = sample.op(*wrapped, **sample.settings)
    assert not isinstance(result, Value)
    np.testing.assert_array_equal(result, sample())


def check_gradient(sample):
    leaves, result = leaves_and_result(sample)
    seed = incoming(sample, result.shape)
    result.backward(seed)
    for position, leaf in enumerate(leaves):
        assert_slope(leaf.grad, sample, sample.parameters, position, seed)


def check_gradient_form(sample):
    leaves, result = leaves_and_result(sample)
    result.backward(incoming(sample, result.shape))
    for leaf, parameter in zip(leaves, sample.parameters, strict=True):
        assert (leaf.grad.shape, leaf.grad.dtype) == (parameter.shape, parameter.dtype)


def check_untouched(sample):
    sample = sample._replace(arrays=tuple(map(frozen, sample.arrays)))
    before = [array.copy() for array in sample.arrays]
    if sample.op.piecewise_constant:
        check_plain(sample)
    else:
        value, pull = vjp(sample, *sample.parameters)
        pull(frozen(incoming(sample, np.shape(value)).astype(value.dtype)))
    for array, copy in zip(sample.arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


def check_unshared(sample):
    leaves, result = leaves_and_result(sample)
    seed = incoming(sample, result.shape)
    result.backward(seed)
    own = [leaf.grad for leaf in leaves]
    others = [seed, result.data, result.grad, *sample.arrays, *(leaf.data for leaf in leaves)]
    for i, mine in enumerate(own):
        assert mine.flags.writeable
        for other in (*own[:i], *others):
            assert not np.shares_memory(mine, other)


def check_linear(sample):
    value, pull = vjp(sample, *sample.parameters)
    g = incoming(sample, np.shape(value))
    h = np.flip(g) ** 2 if g.ndim == 0 else np.flip(g, 0) ** 2
    for both, one, other in zip(pull(2 * g - 3 * h), pull(g), pull(h), strict=True):
        np.testing.assert_allclose(both, 2 * one - 3 * other, rtol=1e-9, atol=1e-9)


def check_second_order(sample):
    value = sample(*sample.parameters)
    weights = [incoming(sample, x.shape) for x in sample.parameters]

    def projected(g, *parameters):
        """How fast the result moves along `g` when the parameters move by `weights`."""
        _, pull = vjp(sample, *parameters)
        return sum(np.sum(d * v) for d, v in zip(pull(g), weights, strict=True))

    arrays = (incoming(sample, np.shape(value)), *sample.parameters)
    gradients = grad(projected, wrt=tuple(range(len(arrays))))(*arrays)
    for position, gradient in enumerate(gradients):
        assert_slope(gradient, projected, arrays, position, few=4)


assert set(REFERENCES) <= set(EVERY_OP), "REFERENCES names an op that is gone"
