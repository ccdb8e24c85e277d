"""Arrays that a loss writes to: what is derived is the gradient of what NumPy computes."""

import numpy as np
import pytest

import tinygrad_softmax as tg

x = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75], [-0.3, 0.8, 1.1]])


def central(loss, x, step=1e-6):
    found = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[place] += step
        down[place] -= step
        found[place] = (loss(up) - loss(down)) / (2 * step)
    return found


def through_a_second_name(x):
    h = np.tanh(x)
    shifted = h
    shifted -= 0.5
    return np.sum(h**2)


def a_row_by_a_view(x):
    h = x * 1.0
    row = h[0]
    row *= 3.0
    return np.sum(h**2)


def entries_of_a_mask(x):
    h = x * 1.0
    h[x < 0] = 0.0
    return np.sum(h**2)


def entries_not_of_a_mask(x):
    return np.sum(np.where(~(x > 0), x, x**2))


def the_diagonal(x):
    h = x @ x.T
    np.fill_diagonal(h, 0.0)
    return np.sum(h**2)


def the_whole(x):
    h = x**2
    h[...] = 3 * x
    h += x[0]
    h /= 2.0
    return np.sum(h**3)


def by_out(x):
    h = x * 1.0
    np.multiply(h, h, out=h)
    np.exp(h, out=h)
    return np.sum(h)


def through_a_transposed_view(x):
    h = x * 1.0
    v = h.T
    v[0] = 0
    h.T[1] *= 2
    return np.sum(h**2)


def a_column_of_a_stack(x):
    h = np.tanh(x)[None] * np.ones((2, 1, 1))
    h.transpose(2, 0, 1)[1] = x[0]
    return np.sum(h**3)


def added_at_places(x):
    h = np.tanh(x)
    np.add.at(h, [0, 0, 2], x)
    g = np.zeros_like(x)
    np.subtract.at(g, ([1, 1], [0, 0]), x[0, :2])
    return np.sum(h**2) + np.sum(g**3)


def added_at_places_of_a_view(x):
    h = x * 1.0
    np.add.at(h.T, [0, 0], x[:2] ** 2)
    return np.sum(np.exp(h))


@pytest.mark.parametrize(
    "loss",
    [
        through_a_second_name,
        a_row_by_a_view,
        entries_of_a_mask,
        entries_not_of_a_mask,
        the_diagonal,
        the_whole,
        by_out,
        through_a_transposed_view,
        a_column_of_a_stack,
        added_at_places,
        added_at_places_of_a_view,
    ],
)
def test_the_gradient_is_that_of_what_numpy_computes(loss):
    derivation = tg.derive(loss, x=x)
    value, found = derivation.value_and_grad(x=x)
    np.testing.assert_allclose(value, loss(x))
    np.testing.assert_allclose(found["x"], central(loss, x), rtol=1e-5, atol=1e-7)


def no_such_shape(x):
    h = np.sum(x, axis=0)
    h += x
    return np.sum(h)


def values_at_a_mask(x):
    h = x * 1.0
    h[h > -9] = np.ravel(x)
    return np.sum(h)


def places_twice(x):
    h = x * 1.0
    h[[0, 0]] = x[1:]
    return np.sum(h)


def added_to_a_plain_array(x):
    h = np.zeros((3, 3))
    np.add.at(h, [0, 0, 1], x)
    return np.sum(h**2)


def multiplied_at_places(x):
    h = x * 1.0
    np.multiply.at(h, [0, 0], x[1])
    return np.sum(h)


def filled_with_one_entry(x):
    return np.sum(np.full((2, 2), x[0, 0]))


def joined_by_brackets(x):
    return np.sum(np.c_[x, x])


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (added_to_a_plain_array, "begin with np.zeros_like of a traced array"),
        (multiplied_at_places, "np.multiply.at has no formula: use np.add.at, or np.where"),
        (filled_with_one_entry, r"np.full, .*: use .* np.broadcast_to\(t, shape\)"),
        (joined_by_brackets, r"np.c_, .*: use .* np.stack"),
        (no_such_shape, "non-broadcastable output operand"),
        (values_at_a_mask, "use np.where"),
        (places_twice, "places that may come twice"),
    ],
)
def test_what_numpy_or_a_formula_cannot_do_is_refused(loss, message):
    with pytest.raises(
        (ValueError, TypeError, tg.NoRuleError, tg.GradientLostError), match=message
    ):
        tg.derive(loss, x=x)


def test_rows_by_labels_that_come_twice_are_filled_once():
    def loss(x, y):
        h = np.tanh(x)
        h[y] = 0.5
        return np.sum(h**2)

    y = np.array([1, 1])
    derivation = tg.derive(loss, wrt="x", x=x, y=np.array([0, 2]))
    found = derivation(x=x, y=y)["x"]
    np.testing.assert_allclose(found, central(lambda x: loss(x, y), x), rtol=1e-5, atol=1e-7)


def test_a_matrix_that_is_singular_at_other_sizes_is_derived():
    derivation = tg.derive(lambda V: np.mean(np.linalg.inv(V @ V.T)), V=x[:2])
    np.testing.assert_allclose(
        derivation(V=x[:2])["V"],
        central(lambda V: np.mean(np.linalg.inv(V @ V.T)), x[:2]),
        rtol=1e-5,
    )


def test_sizes_are_computed_with():
    def loss(x):
        half, rest = divmod(x.shape[1], 2)
        return np.sum(x[:, -x.shape[1] :] ** 2) * np.sqrt(half + rest) / np.exp2(-len(x))

    derivation = tg.derive(loss, x=x)
    np.testing.assert_allclose(derivation(x=x)["x"], central(loss, x), rtol=1e-5)


class Model:
    """A model that keeps what it computes, as people write them."""

    def __init__(self):
        self.cache = {}

    def loss(self, W, X):
        """Compute the loss, and keep the hidden values."""
        hidden = self
        self.h = np.tanh(X @ W)
        self.cache["squares"] = self.h**2
        return np.sum(hidden.cache["squares"] * self.h)


def test_what_a_model_keeps_gives_its_names():
    model = Model()
    derivation = tg.derive(model.loss, W=x, X=x)
    np.testing.assert_allclose(
        derivation(W=x, X=x)["W"], central(lambda W: Model().loss(W, x), x), rtol=1e-5
    )
    assert "h = np.tanh(X @ W)" in derivation.source
