"""Where the slope is not defined, the op's docstring says what is taken; here it is held to it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import seeds
from tinygrad_softmax import NoRuleError, Tensor, grad, relu

few_values = st.lists(st.sampled_from([-1.0, 0.0, 0.0, 2.0]), min_size=1, max_size=6).map(np.array)


def gradients(function, *arrays):
    """The gradients of the summed result."""
    tensors = [Tensor(np.array(array, float)) for array in arrays]
    np.sum(function(*tensors)).backward()
    return [tensor.grad.tolist() for tensor in tensors]


@given(few_values)
def test_the_positive_part_passes_nothing_at_zero_whichever_operand_comes_first(x):
    by_hand = (x > 0).astype(float).tolist()
    for positive in (lambda t: np.maximum(0, t), lambda t: np.maximum(t, 0), relu):
        assert gradients(positive, x) == [by_hand]


@given(few_values)
def test_the_negative_part_passes_nothing_at_zero_whichever_operand_comes_first(x):
    by_hand = (x < 0).astype(float).tolist()
    for negative in (lambda t: np.minimum(0, t), lambda t: np.minimum(t, 0)):
        assert gradients(negative, x) == [by_hand]


@given(few_values)
def test_a_constant_array_wins_a_tie_as_a_number_does(x):
    for larger in (lambda t: np.maximum(np.zeros(x.size), t), lambda t: np.maximum(t, np.zeros(1))):
        assert gradients(larger, x) == [(x > 0).astype(float).tolist()]


@pytest.mark.parametrize("choose", [np.maximum, np.minimum])
def test_of_two_tensors_that_tie_the_first_takes_all(choose):
    assert gradients(choose, [1, 2], [1, 2]) == [[1, 1], [0, 0]]


def test_a_tensor_tied_with_itself_counts_once():
    assert gradients(lambda x: np.maximum(x, x), [1, -2]) == [[1, 1]]


@pytest.mark.parametrize(("extreme", "value"), [(np.max, 3), (np.min, -3)])
def test_entries_that_tie_for_the_extreme_share_evenly(extreme, value):
    x = np.array([[value, 0, value], [0, 1, 2.5 * np.sign(value)], [value] * 3])
    assert gradients(lambda x: extreme(x, axis=1), x) == [
        [[1 / 2, 0, 1 / 2], [0, 0, 1], [1 / 3] * 3]
    ]
    ((share, *_), *_) = gradients(extreme, x)
    assert share == [1 / 5, 0, 1 / 5]


@given(few_values)
def test_the_shares_of_tied_entries_add_up_to_one(x):
    (shares,) = gradients(np.max, x)
    assert sum(shares) == pytest.approx(1)
    assert {i for i, share in enumerate(shares) if share} == {*np.flatnonzero(x == x.max())}


def test_the_absolute_value_is_flat_at_zero():
    assert gradients(np.abs, [-2, 0, 3]) == [[-1, 0, 1]]


def test_the_sign_is_flat_everywhere():
    assert gradients(np.sign, [-2, 0, 3]) == [[0, 0, 0]]


def test_clip_passes_nothing_at_a_bound_and_beyond():
    assert gradients(lambda x: np.clip(x, -1, 1), [-2, -1, 0.5, 1, 2]) == [[0, 0, 1, 0, 0]]


def test_a_bound_that_is_a_tensor_moves_what_is_clipped_by_it():
    x, low, high = gradients(np.clip, [-2.0, 0.5, 2.0], -1.0, 1.0)
    assert (x, low, high) == ([0, 1, 0], 1, 1)


def test_where_passes_only_to_the_value_that_was_chosen():
    condition = np.array([True, False, True])
    chosen, other = gradients(lambda x, y: np.where(condition, x, y), [1, 2, 3], [4, 5, 6])
    assert (chosen, other) == ([1, 0, 1], [0, 1, 0])


def test_where_keeps_an_infinite_slope_out_that_was_not_chosen():
    def guarded(x):
        return np.where(x > 0, np.sqrt(np.where(x > 0, x, 1)), 0)

    assert gradients(guarded, [0, 4]) == [[0, 0.25]]


def test_equal_entries_are_sorted_in_their_order():
    weights = np.array([10.0, 20.0, 30.0, 40.0])
    assert gradients(lambda x: np.sort(x) * weights, [2, 1, 2, 1]) == [[30, 10, 40, 20]]


@given(seed=seeds)
def test_sorting_passes_to_each_entry_what_came_to_its_place(seed):
    x = np.random.default_rng(seed).integers(0, 3, (4, 5)).astype(float)
    weights = np.arange(20.0).reshape(4, 5)
    places = np.argsort(x, axis=1, kind="stable")
    (g,) = gradients(lambda x: np.sort(x, axis=1) * weights, x)
    np.testing.assert_array_equal(np.take_along_axis(np.array(g), places, 1), weights)


@pytest.mark.parametrize(("p", "slope"), [(0, 0), (0.0, 0), (1, 1), (1.0, 1), (2, 0), (3.0, 0)])
def test_a_power_at_zero_has_the_slope_of_the_polynomial(p, slope):
    assert gradients(lambda x: x**p, [0.0, 0.0]) == [[slope, slope]]
    assert gradients(lambda x: np.power(x, np.full(2, float(p))), [0.0, 0.0]) == [[slope, slope]]


def test_a_root_at_zero_is_infinitely_steep_and_numpy_says_so():
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert gradients(lambda x: x**0.5, [0.0]) == [[np.inf]]


def test_an_exponent_moves_nothing_at_base_zero():
    base, exponent = gradients(lambda x, p: x**p, [0.0, 2.0], [3.0, 3.0])
    assert base == [0, 12]
    assert exponent == [0, pytest.approx(8 * np.log(2))]


@pytest.mark.parametrize("p", [2, 3])
def test_an_integer_power_of_a_negative_number_is_fine(p):
    assert gradients(lambda x: x**p, [-2.0]) == [[p * (-2.0) ** (p - 1)]]


@pytest.mark.parametrize("p", [0, 1, 2])
def test_powers_at_zero_can_be_differentiated_again(p):
    assert grad(grad(lambda x: x**p))(0.0) == (2 if p == 2 else 0)


def test_a_maximum_taken_as_constant_changes_no_gradient_of_a_shift_invariant_function():
    def logprobs(s, shift):
        s = s - shift(s)
        return (s - np.log(np.sum(np.exp(s)))) * np.array([1.0, 2.0, 4.0])

    through = gradients(lambda s: logprobs(s, np.max), [1, 3, 3])
    around = gradients(lambda s: logprobs(s, lambda s: np.max(s.detach())), [1, 3, 3])
    np.testing.assert_allclose(through, around, rtol=1e-12)


@pytest.mark.parametrize(
    "line", ["2 * x", "x**2", "x / 3", "2**x",
             "np.maximum(0, x)", "np.where(x > 0, x, 0)", "np.logaddexp(0, x)"],
)  # fmt: skip
def test_a_python_number_leaves_float32_as_it_is(line):
    x = Tensor(np.array([0.5, 2], np.float32))
    result = eval(line, {"np": np, "x": x})
    np.sum(result).backward()
    assert (result.dtype, x.grad.dtype) == (np.float32, np.float32)


@pytest.mark.parametrize(
    "line", ["np.dot(2, x)", "np.dot(x, 0.5)", "np.inner(2, x)", "np.inner(x, 2.0)",
             "np.dot(x, np.float32(2))", "np.outer(x, 2.0)", "np.kron(x, 2.0)", "x.dot(2)"],
)  # fmt: skip
def test_a_product_takes_a_python_number_for_the_array_that_numpy_takes_it_for(line):
    array = np.array([0.5, 2], np.float32)
    x = Tensor(array)
    result = eval(line, {"np": np, "x": x})
    np.sum(result).backward()
    assert result.dtype == eval(line, {"np": np, "x": array}).dtype
    assert x.grad.dtype == np.float32


def test_a_constant_of_float64_makes_the_result_float64_but_not_the_gradient():
    x = Tensor(np.array([0.5, 2], np.float32))
    result = x * np.array([1.0, 3.0])
    np.sum(result).backward()
    assert (result.dtype, x.grad.dtype) == (np.float64, np.float32)


@pytest.mark.parametrize(
    "key",
    [[1, 1], [1, -2], ([2], [1, 1]), ([[0], [2]], [1, 1]), ([0, 1, -3], 2), (np.array([], int),)],
    ids=str,
)
def test_a_place_that_is_picked_again_collects_again(key):
    counted = np.zeros((3, 3))
    np.add.at(counted, key, 1)
    assert gradients(lambda x: x[key], np.ones((3, 3))) == [counted.tolist()]


def test_a_rounded_value_passes_nothing_wherever_it_is():
    x = [-1.5, -0.25, 0, 0.5, 2]
    for rounded in (np.floor, np.ceil, np.trunc, np.rint, np.round, round, lambda x: x // 1):
        assert gradients(rounded, x) == [[0] * 5]


def test_python_rounds_a_tensor_as_numpy_does():
    x = Tensor(np.array([2.567, -0.345]))
    for digits in ((), (1,), (2,), (-1,)):
        np.testing.assert_array_equal(round(x, *digits).data, np.round(x.data, *digits))


def test_the_rest_of_a_division_follows_both_operands_between_its_jumps():
    quotient, rest = divmod(Tensor(np.array([7.5, -7.5])), 2)
    assert (quotient.data.tolist(), rest.data.tolist()) == ([3, -4], [1.5, 0.5])
    assert gradients(np.remainder, [7.5, -7.5], 2) == [[1, 1], -3 + 4]
    assert gradients(np.fmod, [7.5, -7.5], 2) == [[1, 1], -3 + 3]


@pytest.mark.parametrize("rest", [np.remainder, np.fmod])
def test_the_rest_of_a_division_is_numpys_where_the_quotient_is_rounded(rest):
    x, y = np.array([1, 1e17, -1e17, 2, -2, 0.3]), np.array([0.1, 3, 3, np.inf, np.inf, 0.1])
    np.testing.assert_array_equal(rest(Tensor(x), y).data, rest(x, y))


def test_sinc_is_smooth_at_zero():
    slope = grad(np.sinc)
    bend = grad(slope)
    assert slope(0.0) == 0
    assert bend(0.0) == pytest.approx(-(np.pi**2) / 3)
    assert grad(grad(bend))(0.0) == pytest.approx(np.pi**4 / 5)
    assert grad(bend)(0.0) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("ord", [None, 0, 0.5, 1, 2, 3, np.inf, -np.inf])
def test_a_vector_norm_is_flat_at_zero(ord):  # noqa: A002 - NumPy's name
    assert gradients(lambda x: np.linalg.norm(x, ord), [0, 0]) == [[0, 0]]


@pytest.mark.parametrize("ord", [None, "fro", 1, -1, 2, np.inf, -np.inf])
def test_a_matrix_norm_is_flat_at_zero(ord):  # noqa: A002 - NumPy's name
    assert gradients(lambda x: np.linalg.norm(x, ord), np.zeros((2, 2))) == [[[0, 0], [0, 0]]]


def test_a_distance_is_flat_at_the_origin():
    assert gradients(np.hypot, 0, 0) == [0, 0]
    assert gradients(lambda x: np.hypot(x, x), [0, 1]) == [[0, pytest.approx(np.sqrt(2))]]


@pytest.mark.parametrize("rank", range(4))
def test_the_slopes_of_a_determinant_are_the_cofactors_singular_or_not(rank):
    rng = np.random.default_rng(rank)
    x = rng.normal(size=(3, rank)) @ rng.normal(size=(rank, 3))
    minors = [
        [np.linalg.det(np.delete(np.delete(x, i, 0), j, 1)) for j in range(3)] for i in range(3)
    ]
    signs = (-1) ** np.add.outer(np.arange(3), np.arange(3))
    np.testing.assert_allclose(gradients(np.linalg.det, x), [signs * minors], atol=1e-12)


@pytest.mark.parametrize("middle", [np.median, lambda x, axis: np.quantile(x, 0.5, axis)])
def test_a_median_is_moved_by_the_entries_in_the_middle(middle):
    x = [[4, 1, 3, 2], [1, 2, np.nan, 3]]
    found = middle(Tensor(np.array(x)), 1)
    np.testing.assert_array_equal(found.data, [2.5, np.nan])
    assert gradients(lambda x: middle(x, 1), x) == [[[0, 0, 0.5, 0.5], [0, 0, 0, 0]]]


def test_entries_that_are_not_numbers_get_no_gradient():
    x = [np.nan, 2, np.nan, 3]
    assert gradients(np.nansum, x) == [[0, 1, 0, 1]]
    assert gradients(np.nanprod, x) == [[0, 3, 0, 2]]
    assert gradients(np.nanmean, x) == [[0, 0.5, 0, 0.5]]
    assert gradients(np.nanmax, x) == [[0, 0, 0, 1]]
    assert gradients(np.nanmin, x) == [[0, 1, 0, 0]]
    assert gradients(np.nan_to_num, [*x, np.inf, -np.inf]) == [[0, 1, 0, 1, 0, 0]]


@pytest.mark.parametrize("choose", [np.fmax, np.fmin])
def test_of_a_number_and_what_is_none_the_number_takes_all(choose):
    first, second = gradients(choose, [np.nan, 1, np.nan, 2], [1, np.nan, np.nan, 2])
    assert (first[:2], second[:2]) == ([0, 1], [1, 0])
    assert first[2] + second[2] == 1
    assert (first[3], second[3]) == (1, 0)


def test_interpolation_is_flat_outside_of_its_points():
    x, heights = gradients(
        lambda x, f: np.interp(x, [0.0, 1.0, 3.0], f), [-1, 0.25, 2, 5], [2.0, 4.0, 8.0]
    )
    assert x == [0, 2, 2, 0]
    assert heights == [1 + 0.75, 0.25 + 0.5, 0.5 + 1]


def test_several_zeros_stop_a_running_product_where_they_stand():
    (g,) = gradients(np.cumprod, [2, 0, 3, 0, 5])
    assert g == [1, 2 + 2 * 3, 0, 0, 0]


def test_a_half_precision_mean_of_many_entries_counts_beyond_its_range():
    x = Tensor(np.full(70_000, 2, np.float16))
    mask = np.arange(70_000) > 3
    for mean in (np.mean(x, where=mask), np.nanmean(x), np.median(x), np.quantile(x, 0.25)):
        assert (mean.item(), mean.dtype) == (2, np.float16)
    assert np.var(x, where=mask).item() == 0


@pytest.mark.parametrize("name", ["mean", "var", "std", "nanmean", "nanvar", "nanstd"])
@pytest.mark.parametrize("settings", [{}, {"where": [True, False]}])
def test_a_mean_has_the_type_that_was_asked_for(name, settings):
    x = np.array([[1.0, 3.0], [2.0, 5.0]])
    function = getattr(np, name)
    for dtype in (np.float32, np.float64):
        found = function(Tensor(x), dtype=dtype, **settings)
        assert (found.dtype, found.item()) == (dtype, function(x, dtype=dtype, **settings))


def test_a_variance_with_too_few_entries_is_as_in_numpy():
    x = Tensor(np.array([1, 3], np.float32))
    with np.errstate(divide="ignore"):
        assert np.var(x, ddof=3).dtype == np.float32
        assert np.isnan(np.nanvar(x, ddof=3).item())


def test_differences_take_memory_for_their_neighbours_only():
    x = np.random.default_rng(0).normal(size=100_000)
    t = Tensor(x)
    slopes = np.gradient(t, 2.0, edge_order=2)  # the matrix of coefficients would take 80 GB
    np.testing.assert_allclose(slopes.data, np.gradient(x, 2.0, edge_order=2), atol=1e-12)
    np.sum(slopes).backward()
    np.testing.assert_allclose(t.grad[3:-3], 0, atol=1e-12)
    x[3] = np.nan
    missing = np.isnan(np.gradient(Tensor(x)).data)
    np.testing.assert_array_equal(missing, np.isnan(np.gradient(x)))


@pytest.mark.parametrize("look", [np.all, np.any])
def test_a_mask_that_is_a_tensor_is_numpys_own_error(look):
    for x in (np.ones(2), Tensor(np.ones(2))):
        with pytest.raises(TypeError, match="Cannot cast"):
            look(x, where=Tensor(np.ones(2)))


def test_a_norms_order_is_no_tensor():
    with pytest.raises(NoRuleError, match="does not take a Tensor as ord"):
        np.linalg.norm(Tensor(np.ones(3)), Tensor(2.0))


def test_points_and_values_of_an_interpolation_go_in_pairs():
    with pytest.raises(ValueError, match="not of the same length"):
        np.interp(0.5, [0, 1, 2], Tensor([1.0, 2.0]))
