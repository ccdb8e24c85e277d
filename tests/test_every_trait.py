"""Ops of somebody else's, with every trait, taken through all that the package offers.

An op is known by identity: one that is called like an op of the package's, or like another one, is
never taken for it.
"""

import numpy as np
import pytest

import tinygrad_softmax as tg
from tinygrad_softmax import Tensor, primitive
from tinygrad_softmax.core.op import NUMPY

X = np.array([[0.3, 1.2, 2.0], [0.7, 0.4, 1.5]])


def declared(function, slope, **traits):
    """An op of one input; `slope` gives its derivative."""
    op = primitive(**traits)(function)

    @op.grad("x")
    def _(g, x):
        """The slope, as declared here."""
        return g * slope(x)

    return op


def half_square():
    def square(x):
        """Half a square."""
        return x * x / 2

    return declared(square, lambda x: x)


def named(name, factor):
    def function(x):
        return factor * x * x

    function.__name__ = name
    return declared(function, lambda x: 2 * factor * x)


def with_a_shape():
    @primitive(shape=lambda x, times: x[:-1])
    def total(x, *, times=2.0):
        """A multiple of the sums of rows."""
        return times * np.sum(x, axis=-1)

    @total.grad("x")
    def _(g, times, shape):
        """Each entry went into its sum `times` times."""
        return np.broadcast_to((times * g)[..., None], shape)

    return total


def that_moves_entries():
    @primitive(shape=lambda x: x, moves_entries=True)
    def backwards(x):
        """The rows from the last to the first."""
        return x[::-1]

    @backwards.grad("x")
    def _(g):
        """Each row came from the other end."""
        return g[::-1]

    return backwards


def of_two():
    @primitive(roles={"x": "share", "y": "whole"}, noun="part", domain=((0, 1), (1, 2)))
    def part(x, y):
        """A share of a whole."""
        return x * y

    @part.grad("x")
    def _(g, y):
        """`x` was scaled by `y`."""
        return g * y

    @part.grad("y")
    def _(g, x):
        """`y` was scaled by `x`."""
        return g * x

    return part


def of_several():
    @primitive()
    def added(*parts):
        """The sum of all."""
        return sum(parts[1:], parts[0])

    @added.grad("parts")
    def _(g, position):
        """Each summand moves the sum by as much as itself."""
        return g

    return added


def with_a_remedy():
    def inverse(x):
        return 1 / x

    return declared(inverse, lambda x: -1 / (x * x), remedy="keep x away from the origin")


def constant_piece_by_piece():
    @primitive(piecewise_constant=True, dtype=np.dtype(bool))
    def large(x):
        """Whether an entry is large."""
        return np.asarray(x) > 1.0

    return large


#: An op's making, and a loss that uses it with what that is in NumPy's own words.
LOSSES = {
    "square, but half of it": (half_square, lambda f, x: np.sum(f(x)), lambda x: np.sum(x * x / 2)),
    "exp, but a square": (
        lambda: named("exp", 3.0), lambda f, x: np.sum(f(x) * x), lambda x: np.sum(3 * x**3),
    ),
    "sum, entry by entry": (
        lambda: named("sum", 0.5), lambda f, x: np.sum(f(x)), lambda x: np.sum(0.5 * x * x),
    ),
    "matmul of one": (
        lambda: named("matmul", 2.0), lambda f, x: np.sum(f(x)), lambda x: np.sum(2 * x * x),
    ),
    "getitem, entry by entry": (
        lambda: named("getitem", 2.0), lambda f, x: np.sum(f(x)), lambda x: np.sum(2 * x * x),
    ),
    "a shape and a setting": (
        with_a_shape, lambda f, x: np.sum(f(x, times=3.0) ** 2),
        lambda x: np.sum((3 * np.sum(x, axis=-1)) ** 2),
    ),
    "entries moved": (
        that_moves_entries, lambda f, x: np.sum(f(x) * x), lambda x: np.sum(x[::-1] * x),
    ),
    "roles and a noun": (of_two, lambda f, x: np.sum(f(x, x + 1)), lambda x: np.sum(x * (x + 1))),
    "several operands": (
        of_several, lambda f, x: np.sum(f(x, 2 * x, x * x)), lambda x: np.sum(3 * x + x * x),
    ),
    "a remedy": (with_a_remedy, lambda f, x: np.sum(f(x)), lambda x: np.sum(1 / x)),
    "a mask": (
        constant_piece_by_piece, lambda f, x: np.sum(x * x * f(x)),
        lambda x: np.sum(x * x * (x > 1)),
    ),
}  # fmt: skip


@pytest.fixture(params=LOSSES)
def case(request):
    make, loss, plain = LOSSES[request.param]
    op = make()
    return op, (lambda x: loss(op, x)), plain


def test_backward(case):
    _, loss, plain = case
    x = Tensor(X)
    loss(x).backward()
    np.testing.assert_allclose(x.grad, tg.grad(plain)(X), rtol=1e-12)
    assert np.isclose(loss(X), plain(X))


def test_second_order(case):
    _, loss, plain = case
    np.testing.assert_allclose(tg.hessian(loss)(X), tg.hessian(plain)(X), rtol=1e-10, atol=1e-12)
    tg.gradcheck(loss, X, order=2)


def test_float32(case):
    _, loss, _ = case
    assert tg.grad(loss)(X.astype(np.float32)).dtype == np.float32


@pytest.mark.filterwarnings("ignore:.*is not compiled")
@pytest.mark.parametrize("tool", ["derive", "compile"])
def test_the_formula_is_the_ops_own_or_refused(case, tool):
    op, loss, plain = case
    try:
        found = tg.derive(loss, x=X)(x=X) if tool == "derive" else tg.compile(loss)(x=X)[1]
    except tg.DerivationError as error:
        found, said = None, str(error)
    if found is None:
        assert "law" not in said, said
        assert op.__name__ in said
    else:
        np.testing.assert_allclose(found["x"], tg.grad(plain)(X), rtol=1e-9)


@pytest.mark.parametrize("recorded", [True, False])
def test_explanation_and_drawing_speak_of_the_op_and_of_no_other(case, recorded):
    op, loss, _ = case
    if recorded:
        text, picture = (
            str(tg.explain(loss(Tensor(X, name="x")))),
            tg.draw(loss(Tensor(X, name="x"))),
        )
    else:
        text, picture = str(tg.explain(loss, x=X)), tg.draw(loss, x=X)
    assert f"np.{op.__name__}(x)" not in text
    assert picture.svg.startswith("<svg")
    if not op.piecewise_constant:
        assert op.__name__ in text
        assert op.__name__ in picture.svg


def test_a_gradient_by_hand_is_checked_against_the_op(case):
    _, loss, plain = case
    right = tg.grad(plain)
    assert tg.check_gradients(loss, lambda x: {"x": right(x)}, x=X).ok
    assert not tg.check_gradients(loss, lambda x: {"x": 2 * right(x)}, x=X).ok


def test_two_ops_of_one_name_are_told_apart():
    first, second = named("f", 1.0), named("f", 5.0)

    def loss(x):
        return np.sum(first(x) * second(x))

    expected = tg.grad(lambda x: np.sum(5 * x**4))(X)
    x = Tensor(X)
    loss(x).backward()
    np.testing.assert_allclose(x.grad, expected)
    derivation = tg.derive(loss, x=X)
    np.testing.assert_allclose(derivation(x=X)["x"], expected)
    np.testing.assert_allclose(tg.compile(loss)(x=X)[1]["x"], expected)


def test_an_op_takes_the_place_of_a_numpy_function_if_it_says_so():
    assert np.spacing not in NUMPY

    def spacing(x):
        return np.spacing(x)

    op = declared(spacing, lambda x: 0 * x, numpy=np.spacing)
    try:
        assert tg.grad(lambda x: np.sum(np.spacing(x) + x))(X).tolist() == np.ones((2, 3)).tolist()
        assert NUMPY[np.spacing] is op
    finally:
        del NUMPY[np.spacing]


def test_a_remedy_is_told_where_the_op_makes_an_infinity():
    inverse = with_a_remedy()
    with (
        pytest.raises(tg.AnomalyError, match=r"inverse made .* keep x away from the origin"),
        tg.detect_anomaly(),
    ):
        inverse(Tensor([1.0, 0.0]))


def test_what_is_constant_piece_by_piece_leaves_the_tape():
    large = constant_piece_by_piece()
    found = large(Tensor(X))
    assert type(found) is np.ndarray
    assert found.dtype == bool


def test_the_packages_own_op_of_that_name_is_untouched():
    half_square()
    assert tg.grad(lambda x: np.sum(np.square(x)))(X).tolist() == (2 * X).tolist()
