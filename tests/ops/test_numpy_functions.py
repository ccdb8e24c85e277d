"""A line of NumPy means on Tensors what it means on arrays, and has a gradient.

Every line of `numpy_lines` runs twice: on plain arrays, where it is NumPy's own, and on Tensors.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ops.checks import assert_slope
from tests.ops.numpy_lines import PLAIN, TABLES
from tests.strategies import SHARE, axes, keys, laid_out, layouts, seeds, shapes, spread
from tinygrad_softmax import Tensor
from tinygrad_softmax.core.errors import DataError, NoRuleError
from tinygrad_softmax.core.op import Value

FEWER = settings(max_examples=max(2, SHARE.max_examples // 4))

every_line = pytest.mark.parametrize(
    ("line", "table"), [pytest.param(line, table, id=line) for table in TABLES for line in table]
)


def run(line, letters):
    return eval(line, {"np": np}, letters)


@st.composite
def letters(draw, line, table, dtype=np.float64):
    """Arrays for the letters of a line, and which of them are parameters."""
    used = sorted(set(compile(line, line, "eval").co_names) & set(table.shapes))
    rng = np.random.default_rng(draw(seeds))
    arrays = spread(rng, [table.shapes[letter] for letter in used], [table.domain] * len(used))
    arrays = [laid_out(array.astype(dtype), draw(layouts)) for array in arrays]
    tracked = draw(st.lists(st.sampled_from(used), min_size=1, unique=True))
    return dict(zip(used, arrays, strict=True)), sorted(tracked)


def assert_same(result, expected):
    """The same up to rounding, in the same shape and type, and on the tape."""
    expected = np.asarray(expected)
    assert isinstance(result, Tensor)
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
    small = 1e-12 if expected.dtype == np.float64 else 1e-5
    np.testing.assert_allclose(result.data, expected, rtol=small, atol=small)


def assert_slopes(function, arrays, tracked):
    """Compare gradients by `tracked`, of a function of a dict of arrays, with differences."""
    given = arrays | {letter: Tensor(arrays[letter]) for letter in tracked}
    result = function(given)
    seed = np.random.default_rng(result.size).uniform(0.5, 2, result.shape)
    result.backward(seed)
    for letter in tracked:
        assert_slope(given[letter].grad, lambda x, letter=letter: function(arrays | {letter: x}),
                     (arrays[letter],), 0, seed, few=12)  # fmt: skip


@every_line
@FEWER
@given(data=st.data(), dtype=st.sampled_from([np.float64, np.float32]))
def test_a_line_computes_on_tensors_what_it_computes_on_arrays(line, table, data, dtype):
    arrays, tracked = data.draw(letters(line, table, dtype))
    given = arrays | {letter: Tensor(arrays[letter]) for letter in tracked}
    assert_same(run(line, given), run(line, arrays))


@pytest.mark.no_cover
@every_line
@FEWER
@given(data=st.data())
def test_the_gradient_of_a_line_is_its_slope(line, table, data):
    assert_slopes(lambda given: run(line, given), *data.draw(letters(line, table)))


# --- drawn settings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function", [np.sum, np.mean, np.prod, np.max, np.min, np.var, np.std], ids=lambda f: f.__name__
)
@given(data=st.data(), seed=seeds, keepdims=st.booleans())
@SHARE
def test_a_reduction_takes_any_axes(function, data, seed, keepdims):
    shape = data.draw(shapes(empty=False).filter(lambda shape: 1 not in shape))
    axis = data.draw(axes(shape))
    if function in (np.var, np.std) and (axis == () or not shape):
        axis, shape = None, (3,)  # one entry alone does not vary, and its root has no slope
    (x,) = spread(np.random.default_rng(seed), [shape], [(0.3, 2.0)])
    assert_same(function(Tensor(x), axis, keepdims=keepdims), function(x, axis, keepdims=keepdims))
    assert_slopes(lambda given: function(given["x"], axis, keepdims=keepdims), {"x": x}, ["x"])


@given(data=st.data(), shape=shapes(), seed=seeds)
def test_whatever_numpy_takes_between_brackets_picks_and_collects(data, shape, seed):
    key = data.draw(keys(shape))
    (x,) = spread(np.random.default_rng(seed), [shape], [(-2.0, 2.0)])
    assert_same(Tensor(x)[key], x[key])
    assert_slopes(lambda given: given["x"][key], {"x": x}, ["x"])


@given(seed=seeds, zeros=st.integers(1, 3))
def test_the_gradient_of_a_product_with_zeros_is_the_product_of_the_others(seed, zeros):
    rng = np.random.default_rng(seed)
    array = rng.uniform(0.5, 2, 5)
    array[rng.permutation(5)[:zeros]] = 0
    x = Tensor(array)
    np.prod(x).backward()
    others = [np.prod(np.delete(array, i)) for i in range(5)]
    np.testing.assert_allclose(x.grad, others, rtol=1e-12)


# --- plain arrays out -----------------------------------------------------------------------------


@pytest.mark.parametrize("line", PLAIN)
@pytest.mark.parametrize("tracked", ["x", "y", "xy"])
def test_a_piecewise_constant_function_gives_a_plain_array(line, tracked):
    rng = np.random.default_rng(3)
    arrays = {name: rng.integers(-1, 2, shape) * 1.0 for name, shape in PLAIN.shapes.items()}
    expected = run(line, arrays)
    result = run(line, arrays | {letter: Tensor(arrays[letter]) for letter in tracked})
    assert not isinstance(result, Value)
    assert np.asarray(result).dtype == np.asarray(expected).dtype
    np.testing.assert_array_equal(result, expected, strict=isinstance(expected, np.ndarray))


# --- refusals -------------------------------------------------------------------------------------

REFUSED = {
    "np.squeeze(x, 0)": ValueError,
    "np.split(x, 2, axis=1)": ValueError,
    "np.split(x, np.int64(2), 1)": ValueError,
    "np.stack([x, x.T])": ValueError,
    "np.concatenate([x, x.T])": ValueError,
    "np.einsum('ij,jk', x)": ValueError,
    "np.reshape(x, (4, 2))": ValueError,
    "x @ x": ValueError,
    "np.inner(x, x.T)": ValueError,
    "np.tensordot(x, x, 1)": ValueError,
    "np.broadcast_to(x, (3, 2))": ValueError,
    "np.pad(x, (1, 2, 3))": ValueError,
    "np.sum(x, axis=2)": ValueError,
    "np.sum(x, axis=(0, 0))": ValueError,
    "np.swapaxes(x, 0, 2)": ValueError,
    "np.take(x, 9)": IndexError,
    "x[9]": IndexError,
    "x[0, 0, 0]": IndexError,
    "x[1.5]": IndexError,
}
UNSUPPORTED = {
    "np.einsum(x, [0, 1])": NoRuleError,
    "np.pad(x, 1, mode='mean')": NoRuleError,
    "np.pad(x, 1, mode='reflect', reflect_type='odd')": NoRuleError,
    "np.exp(x, where=x > 0)": NoRuleError,
    "np.maximum.accumulate(x)": NoRuleError,
    "np.linalg.norm(x, 'nuc')": NoRuleError,
    "np.quantile(x, 0.5, method='lower')": ValueError,
    "x.astype(int)": DataError,
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_numpy_refuses_is_refused_in_kind(line):
    x = np.arange(6.0).reshape(2, 3)
    for value in (x, Tensor(x)):
        with pytest.raises(REFUSED[line]):
            run(line, {"x": value})


@pytest.mark.parametrize("line", UNSUPPORTED)
def test_what_has_no_rule_is_refused(line):
    with pytest.raises(UNSUPPORTED[line]):
        run(line, {"x": Tensor(np.arange(6.0).reshape(2, 3))})
