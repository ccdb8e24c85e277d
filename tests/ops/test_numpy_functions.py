"""A line of NumPy means on Tensors what it means on arrays, and has a gradient.

Every line of `numpy_lines` runs twice: on plain arrays, where it is NumPy's own, and on Tensors.
"""

import ast
import re
from functools import wraps
from operator import attrgetter
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ops.checks import assert_slope, check_second_order
from tests.ops.numpy_lines import PLAIN, TABLES, TWICE, Table
from tests.strategies import SHARE, axes, keys, laid_out, layouts, seeds, shapes, spread
from tinygrad_softmax import Tensor
from tinygrad_softmax.core.errors import DataError, NoRuleError
from tinygrad_softmax.core.op import NUMPY, Value

# NumPy 2.5 would rather have np.trunc.
pytestmark = pytest.mark.filterwarnings("ignore:numpy.fix is deprecated")

FEWER = settings(max_examples=max(2, SHARE.max_examples // 4))


def lines_of(tables):
    return [pytest.param(line, table, id=line) for table in tables for line in table]


every_line = pytest.mark.parametrize(("line", "table"), lines_of(TABLES))


def drawn(test):
    """Let hypothesis draw in a function for each line: one takes no more than some 900 tests.

    It nests the settings of a function's parametrized tests, one deeper for each.
    """

    @wraps(test)
    def of_a_line(line, table):
        def check(data):
            test(line, table, data)

        check.__name__ += str(crc32(line.encode()))  # draws differ from name to name
        FEWER(given(data=st.data())(check))()

    del of_a_line.__wrapped__  # pytest asks for what is drawn otherwise
    return of_a_line


def run(line, letters, constants=None):
    return eval(line, {"np": np} | (constants or {}), letters)


def filled(rng, table, line):
    """Arrays for the letters of a line."""
    used = sorted(set(compile(line, line, "eval").co_names) & set(table.shapes))
    arrays = spread(rng, [table.shapes[letter] for letter in used], [table.domain] * len(used))
    if table.diagonal:
        arrays = [
            array + table.diagonal * np.eye(array.shape[-1])
            if array.shape[-2:] == array.shape[-1:] * 2
            else array
            for array in arrays
        ]
    return dict(zip(used, arrays, strict=True))


@st.composite
def letters(draw, line, table):
    """Arrays for the letters of a line, and which of them are parameters."""
    arrays = {
        letter: laid_out(array, draw(layouts))
        for letter, array in filled(np.random.default_rng(draw(seeds)), table, line).items()
    }
    tracked = draw(st.lists(st.sampled_from(sorted(arrays)), min_size=1, unique=True))
    return arrays, sorted(tracked)


def whole(result):
    """One array of what may be several."""
    return np.concatenate([*map(np.ravel, result)]) if isinstance(result, (list, tuple)) else result


def assert_same(result, expected, small=1e-12):
    """The same up to rounding, in the same shape and type, and on the tape."""
    if isinstance(expected, (list, tuple)):
        assert isinstance(result, list if isinstance(expected, list) else tuple)
        assert any(isinstance(part, Tensor) for part in result)
        for part, wanted in zip(result, expected, strict=True):
            assert_close(part.data if isinstance(part, Tensor) else part, wanted, small)
    else:
        assert isinstance(result, Tensor)
        assert_close(result.data, expected, small)


def assert_close(result, expected, small):
    result, expected = np.asarray(result), np.asarray(expected)
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(result, expected, rtol=small, atol=small)


def assert_slopes(function, arrays, tracked):
    """Compare gradients by `tracked`, of a function of a dict of arrays, with differences."""
    given = arrays | {letter: Tensor(arrays[letter]) for letter in tracked}
    result = function(given)
    seed = np.random.default_rng(result.size).uniform(0.5, 2, result.shape)
    result.backward(seed)
    for letter in tracked:
        assert_slope(given[letter].grad, lambda x, letter=letter: function(arrays | {letter: x}),
                     (arrays[letter],), 0, seed, few=12)  # fmt: skip


@pytest.mark.no_cover
@every_line
@drawn
def test_a_line_computes_on_tensors_what_it_computes_on_arrays(line, table, data):
    drawn_arrays, tracked = data.draw(letters(line, table))
    for dtype, small in ((np.float64, 1e-12), (np.float32, 1e-5)):
        arrays = {letter: array.astype(dtype, copy=False) for letter, array in drawn_arrays.items()}
        given = arrays | {letter: Tensor(arrays[letter]) for letter in tracked}
        assert_same(run(line, given, table.constants), run(line, arrays, table.constants), small)


@pytest.mark.no_cover
@every_line
@drawn
def test_the_gradient_of_a_line_is_its_slope(line, table, data):
    assert_slopes(
        lambda given: whole(run(line, given, table.constants)), *data.draw(letters(line, table))
    )


class Line(NamedTuple):
    """A line as a function of the arrays for its letters."""

    line: str
    table: Table
    letters: dict[str, Any]
    seed: int = 0

    @property
    def parameters(self):
        return tuple(self.letters.values())

    def __call__(self, *arrays):
        given = dict(zip(self.letters, arrays, strict=True))
        return whole(run(self.line, given, self.table.constants))


@pytest.mark.no_cover
@pytest.mark.parametrize(("line", "table"), lines_of(TWICE))
def test_the_gradient_of_a_line_can_be_differentiated_again(line, table):
    check_second_order(Line(line, table, filled(np.random.default_rng(1), table, line)))


def functions_in(line):
    """The NumPy functions that a line names."""
    for node in ast.walk(ast.parse(line, mode="eval")):
        name = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
        if re.fullmatch(r"np(\.\w+)+", name):
            yield attrgetter(name.removeprefix("np."))(np)


def test_every_numpy_function_of_the_vocabulary_is_in_some_line():
    lines = [*REFUSED, *UNSUPPORTED]
    for table in (*TABLES, PLAIN):
        lines += table
    named = {id(function) for line in lines for function in functions_in(line)}
    missing = [
        function.__name__
        for function, ours in NUMPY.items()
        if id(function) not in named
        and getattr(ours, "forward", ours).__module__.startswith("tinygrad_softmax.ops.")
        and not (getattr(function, "__module__", None) or "").startswith("tinygrad_softmax.")
    ]
    assert missing == []


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
    "np.diag(x[None])": ValueError,
    "np.fliplr(x[0])": ValueError,
    "np.vsplit(x[0], 1)": ValueError,
    "np.hsplit(x[0, 0], 1)": ValueError,
    "np.dsplit(x, 1)": ValueError,
    "np.hsplit(x, 2)": ValueError,
    "np.moveaxis(x, 0, 2)": ValueError,
    "np.dstack([x, x.T])": ValueError,
    "np.block([[x, x.T]])": ValueError,
    "np.block([(x, x)])": TypeError,
    "np.broadcast_arrays(x, x.T)": ValueError,
    "np.resize(x, (-1, 2))": ValueError,
    "np.delete(x, 9)": IndexError,
    "np.take(x, 2, axis=0)": IndexError,
    "np.lib.stride_tricks.sliding_window_view(x, 3, axis=0)": ValueError,
    "np.quantile(x, 1.5)": ValueError,
    "np.percentile(x, -1)": ValueError,
    "np.median(x, axis=2)": ValueError,
    "np.max(x, where=x > 2)": ValueError,
    "np.average(x, axis=1, weights=x[:, 0])": ValueError,
    "np.diff(x, n=-1)": ValueError,
    "np.gradient(x[:, :1], axis=1)": ValueError,
    "np.gradient(x, 1, 2, 3)": TypeError,
    "np.select([x > 1], [x, x])": ValueError,
    "np.convolve(x, x)": ValueError,
    "np.convolve(x[0], x[1], 'middle')": ValueError,
    "np.convolve(x[0], [])": ValueError,
    "np.vdot(x, x[0])": ValueError,
    "np.cross(x, x[[0, 1, 0]])": ValueError,
    "np.linalg.multi_dot([x])": ValueError,
    "np.linalg.multi_dot([x, x])": ValueError,
    "np.linalg.inv(x)": np.linalg.LinAlgError,
    "np.linalg.inv(0 * x[:, :2])": np.linalg.LinAlgError,
    "np.linalg.det(x)": np.linalg.LinAlgError,
    "np.linalg.slogdet(x)": np.linalg.LinAlgError,
    "np.linalg.solve(0 * x[:, :2], x)": np.linalg.LinAlgError,
    "np.linalg.solve(x[:, :2], x[0])": ValueError,
    "np.linalg.cholesky(x[:, :2] - 9)": np.linalg.LinAlgError,
    "np.linalg.norm(x[None], 2)": ValueError,
    "np.linalg.norm(x[0], 'fro')": ValueError,
    "np.max(x[:0])": ValueError,
    "np.ptp(x[:0])": ValueError,
}
UNSUPPORTED = {
    "np.einsum(x, [0, 1])": NoRuleError,
    "np.pad(x, 1, mode='mean')": NoRuleError,
    "np.pad(x, 1, mode='reflect', reflect_type='odd')": NoRuleError,
    "np.exp(x, where=x > 0)": NoRuleError,
    "np.maximum.accumulate(x)": NoRuleError,
    "np.linalg.norm(x, 'nuc')": NoRuleError,
    "np.linalg.norm(x, -2)": NoRuleError,
    "np.linalg.norm(x, 3)": NoRuleError,
    "np.copyto(np.ones((2, 3)), x)": TypeError,
    "np.sin(x, where=x > 0)": NoRuleError,
    "np.add(x, x, dtype=np.float32)": NoRuleError,
    "np.add.reduceat(x, [0, 1])": NoRuleError,
    "np.cov(x, fweights=[1, 2, 3])": NoRuleError,
    "np.nanmax(x, initial=1)": NoRuleError,
    "np.interp(x, [0, 1], [2, 3], period=2)": NoRuleError,
    "np.linalg.svd(x)": NoRuleError,
    "np.quantile(x, 0.5, method='lower')": NoRuleError,
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
