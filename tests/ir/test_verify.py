"""Whether a derived function is right is found out, at inputs of the nature of those given."""

from itertools import islice

import numpy as np
import pytest

import tinygrad_softmax as tg
from tinygrad_softmax.core.reverse import reverse
from tinygrad_softmax.ir.trace import environment, trace
from tinygrad_softmax.ir.verify import Fact, check_call, draws, facts, verify
from tinygrad_softmax.ir.visit import evaluate

rng = np.random.default_rng(3)
X, W = rng.normal(size=(6, 4)), rng.normal(size=(4, 3))
y = rng.integers(0, 3, 6)
square = rng.normal(size=(4, 4))
causal = np.tril(np.ones((6, 6)))


def bent_by(factor):
    return lambda slopes: {name: g * factor for name, g in slopes.items()}


def verdict(loss, inputs, wrt=None, bend=None, stable=False, generic=True):
    """Verify a derived function that is the trace itself, its gradients bent."""
    wrt = wrt or (next(iter(inputs)),)
    traced = trace(loss, inputs, wrt, generic)
    seed = traced.world.lift(np.ones((), traced.output.dtype))
    found = {e: g for e, g, _ in reverse(traced.output, seed)}
    targets = [traced.inputs.get(name, traced.names.get(name)) for name in wrt]

    def run(**values):
        roots = [traced.output, *targets, *(found.get(e, traced.world.lift(0.0)) for e in targets)]
        loss, *rest = evaluate(roots, environment(values))
        shapes = [np.shape(value) for value in rest[: len(wrt)]]
        slopes = dict(zip(wrt, map(np.broadcast_to, rest[len(wrt) :], shapes), strict=True))
        return loss, bend(slopes) if bend else slopes, {}

    return verify(run, loss, traced, wrt, inputs, stable)


# --- draws keep the nature of what was given ---


def some(loss, n=20, wrt=None, **inputs):
    """Return draws for a loss of these inputs."""
    traced = trace(loss, inputs, wrt or (next(iter(inputs)),))
    return [*islice(draws(inputs, traced, seed=1), n)]


def attention(Q, V, M):
    return np.sum((tg.softmax(Q @ Q.T + M) @ V) ** 2)


@pytest.mark.parametrize("hidden", [-np.inf, -1e9])
def test_masks_stay_masks(hidden):
    found = some(attention, Q=X, V=X, M=np.where(causal, 0.0, hidden))
    for values in found:
        n = len(values["Q"])
        np.testing.assert_array_equal(values["M"], np.where(np.tri(n), 0.0, hidden))
    assert len({len(values["Q"]) for values in found}) > 3


def test_an_identity_stays_one_and_triangles_stay_triangles():
    for values in some(lambda x, A: x @ A @ x, x=square[0], A=np.eye(4)):
        np.testing.assert_array_equal(values["A"], np.eye(len(values["x"])))
    for values in some(lambda x, A: x @ A @ x, x=square[0], A=np.tril(square)):
        assert not np.triu(values["A"], 1).any()
        assert len(values["x"]) <= 4


def test_symmetric_matrices_stay_symmetric():
    for values in some(lambda x, A: x @ A @ x, x=square[0], A=square @ square.T):
        np.testing.assert_array_equal(values["A"], values["A"].T)
        assert (np.linalg.eigvalsh(values["A"]) > -1e-9).all()


def test_probabilities_sum_to_one_and_one_hot_rows_have_a_single_one():
    T, Y = rng.dirichlet(np.ones(3), 6), np.eye(3)[y]
    for values in some(lambda W, X, T, Y: np.sum((X @ W - T) * Y), W=W, X=X, T=T, Y=Y):
        np.testing.assert_allclose(values["T"].sum(1), 1)
        np.testing.assert_array_equal(np.sort(values["Y"], axis=1)[:, -2:][:, 0], 0)
        np.testing.assert_array_equal(values["Y"].sum(1), 1)


def test_labels_stay_in_range_and_follow_the_number_of_classes():
    found = some(tg.cross_entropy, scores=X[:, :3], targets=y)
    for values in found:
        rows, classes = values["scores"].shape
        assert values["targets"].shape == (rows,)
        assert (values["targets"] >= 0).all()
        assert (values["targets"] < classes).all()
    assert len({values["scores"].shape[1] for values in found}) > 2


@pytest.mark.parametrize(("form", "labels"), [
    (lambda y: y - 1, np.array([1, 3, 1, 2, 3, 2])),
    (lambda y: np.where(y >= 0, y, 0), np.array([0, -1, 2, 1, 0, 2])),
])  # fmt: skip
def test_labels_in_an_expression_are_those_given(form, labels):
    def loss(s, y):
        return -np.mean(tg.log_softmax(s)[range(s.shape[0]), form(y)])

    found = some(loss, s=X[:, :3], y=labels)
    assert all(np.isin(values["y"], labels).all() for values in found)
    assert {values["s"].shape[1] for values in found} == {3}
    assert len({len(values["y"]) for values in found}) > 2


def test_signs_ranges_and_counts_stay():
    inputs = {
        "x": rng.uniform(1, 2, 8), "c": rng.uniform(-0.9, 0.9, 8), "neg": -rng.uniform(1, 2, 8),
        "k": rng.integers(0, 9, 8), "t": np.sign(X.ravel()[:8]),
    }  # fmt: skip
    for values in some(lambda x, c, neg, k, t: np.sum(x * c * neg * k * t), **inputs):
        assert (values["x"] > 0).all()
        assert (np.abs(values["c"]) <= 1).all()
        assert (values["neg"] < 0).all()
        assert np.isin(values["k"], inputs["k"]).all()
        assert np.isin(values["t"], (-1, 1)).all()


def test_directions_stay_of_length_one():
    U = X / np.linalg.norm(X, axis=1, keepdims=True)
    for values in some(lambda v, U: np.sum(np.exp(U @ v)), v=X[0], U=U)[::2]:
        np.testing.assert_allclose(np.linalg.norm(values["U"], axis=1), 1)


def test_pairs_stay_pairs_when_rows_are_resampled():
    inputs = {"w": X[0], "X": X, "t": np.arange(6.0), "u": 2 * np.arange(6.0)}
    for values in some(lambda w, X, t, u: np.sum((X @ w - t) * u), **inputs)[::2]:
        np.testing.assert_array_equal(2 * values["t"], values["u"])


def test_numbers_stay_plain_numbers():
    for values in some(lambda w, reg: reg * np.sum(w * w), w=X[0], reg=0.1):
        assert type(values["reg"]) is float


def test_draws_are_the_same_for_the_same_seed():
    one, other = (some(lambda w, X: np.sum((X @ w) ** 2), w=X[0], X=X) for _ in range(2))
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first["X"], second["X"])


# --- right and wrong ---

RIGHT = {
    "products": (lambda W, X: np.sum((X @ W) ** 2), {"W": W, "X": X}),
    "single precision": (lambda W, X: np.sum(np.tanh(X @ W) ** 2),
                         {"W": W.astype("f4"), "X": X.astype("f4")}),
    "labels": (lambda W, X, y: tg.cross_entropy(X @ W, y), {"W": W, "X": X, "y": y}),
    "a domain": (lambda c: np.sum(np.sqrt(1 - c**2)), {"c": rng.uniform(-0.9, 0.9, 5)}),
    "a wider domain": (lambda c: np.sum(np.sqrt(4 - c**2)), {"c": rng.uniform(-1.9, 1.9, 5)}),
    "a kink": (lambda x: np.sum(np.abs(x)), {"x": np.zeros(3)}),
    "a tie": (lambda x: 1.0 * np.max(x), {"x": np.ones(3)}),
    "hinges": (lambda x: np.sum(np.maximum(0, x)), {"x": np.array([0.0, 1.0, 2.0])}),
    "masks": (attention, {"Q": X, "V": X, "M": np.where(causal, 0.0, -np.inf)}),
    "triangles": (lambda L, x: np.sum(np.linalg.solve(L, x) ** 2),
                  {"L": np.tril(square) + 3 * np.eye(4), "x": square[0]}),
    "a gradient stopped on purpose": (
        lambda x: np.sum(x * tg.ops.choices.stop_gradient(x)), {"x": np.ones(3)}),
    "nothing to differentiate": (lambda x, X: np.sum(X * X) + 0 * np.sum(x), {"x": X[0], "X": X}),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_called_right(name):
    found = verdict(*RIGHT[name])
    assert found.problem is None
    assert "compared with automatic differentiation, at the inputs given" in found.checked


@pytest.mark.parametrize("factor", [1.0001, -1.0])
@pytest.mark.parametrize("name", [*RIGHT][:3])
def test_what_is_wrong_is_called_wrong(name, factor):
    factor = 1.001 if "single" in name and factor > 0 else factor
    found = verdict(*RIGHT[name], bend=bent_by(factor))
    assert found.kind == "here"
    assert "differs from automatic differentiation at the inputs given" in found.problem


def test_double_precision_finds_what_single_would_hide():
    found = verdict(*RIGHT["single precision"], bend=bent_by(1.0002))
    assert "differs from automatic differentiation" in found.problem


def test_what_is_wrong_at_other_inputs_alone_is_found_there():
    def bend(slopes):
        return {name: np.where(g < 0, 1.1 * g, g) for name, g in slopes.items()}

    found = verdict(lambda w: np.sum(w**2), {"w": np.array([1.0, 2.0, -1e-30])}, bend=bend)
    assert found.kind == "elsewhere"
    assert "on " in found.problem


def test_a_shape_or_a_failure_is_told():
    loss, inputs = RIGHT["products"]
    assert "has shape (3,), not (4, 3)" in verdict(
        loss, inputs, bend=lambda g: {n: v[0] for n, v in g.items()}).problem  # fmt: skip
    failing = verdict(loss, inputs, bend=lambda g: g["missing"])
    assert "fails at the inputs given: KeyError" in failing.problem


def test_infinite_where_the_truth_is_not_is_no_defect_of_a_law():
    found = verdict(*RIGHT["products"], bend=bent_by(np.inf))
    assert "dW is not finite at the inputs given" in found.problem
    assert "law" not in found.problem


def test_local_variables_are_differentiated_by_the_rules():
    def loss(W, X, y):
        scores = X @ W
        return tg.cross_entropy(scores, y)

    inputs = {"W": W, "X": X, "y": y}
    assert verdict(loss, inputs, ("scores", "W")).problem is None
    assert "dscores" in verdict(loss, inputs, ("scores",), bend=bent_by(2)).problem


def test_where_the_tape_cannot_go_the_rules_are_the_truth():
    def margins(W, X, y):
        s = X @ W
        m = np.maximum(0, s - s[range(len(y)), y][:, None] + 1)
        m[range(len(y)), y] = 0
        return np.sum(m)

    inputs = {"W": W, "X": X, "y": y}
    found = verdict(margins, inputs)
    assert found.problem is None
    assert "gradient rules applied to the traced function" in found.checked
    assert verdict(margins, inputs, bend=bent_by(1.001)).kind == "here"


def test_a_second_name_does_not_mislead():
    def loss(W, X):
        h = X @ W
        a = h
        a *= 2.0
        return np.sum(h**2)

    found = verdict(loss, {"W": W, "X": X})
    assert found.problem is None  # the trace follows it, the tape does not
    assert "gradient rules" in found.checked


def test_difference_quotients_find_what_the_tape_and_the_rules_do_not():
    @tg.primitive()
    def cube(x):
        return x * x * x

    @cube.grad("x")
    def _(g, x):
        """A mistake in the rule."""
        return 2 * g * x * x

    found = verdict(lambda x: np.sum(cube(x)), {"x": X[0]})
    assert found.kind == "given"
    assert "difference quotients" in found.problem


def test_a_truth_that_overflows_or_loses_its_digits_blames_no_law():
    def loss(z):  # 1 - tanh**2 has few digits here
        return np.sum(np.log(1 - np.tanh(z) ** 2))

    z = np.array([17.0, -16.5, 3.0])
    traced = trace(loss, {"z": z}, ("z",))

    def run(z):
        value = np.sum(2 * (np.log(2) - np.abs(z) - np.log1p(np.exp(-2 * np.abs(z)))))
        return value, {"z": -2 * np.tanh(z)}, {}

    assert verify(run, loss, traced, ("z",), {"z": z}).problem is None


def test_a_function_that_takes_these_inputs_only_is_compared_there_only():
    def loss(w):
        if isinstance(w, np.ndarray) and not np.array_equal(np.abs(w), np.ones(3)):
            raise ValueError("not these")
        return np.sum(w**3)

    found = verdict(loss, {"w": np.ones(3)}, generic=False)
    assert found.problem is None
    assert "compared only there, because" in found.checked
    assert "holds for inputs of these sizes" in found.checked


# --- not finite at the inputs given ---


def test_what_is_not_finite_is_said_first():
    bad = X.copy()
    bad[3, 0] = np.nan
    found = verdict(lambda W, X: np.sum((X @ W) ** 2), {"W": W, "X": bad})
    assert found.kind == "given"
    assert found.problem.startswith("X contains NaN at row 3, column 0")
    found = verdict(lambda x: np.sum(np.log(x)), {"x": np.array([0.0, 1.0])})
    assert found.problem.startswith("the loss is -inf at the inputs given: derive at inputs")
    found = verdict(lambda x: np.sum(np.sqrt(x)), {"x": np.zeros(3)})
    assert "the gradient with respect to x is not finite" in found.problem
    assert "has no slope at 0" in found.problem
    found = verdict(lambda x, c: np.sum(x * c), {"x": np.ones(2), "c": np.array([1.0, np.inf])})
    assert "c is infinite at row 1" in found.problem


@pytest.mark.parametrize(("loss", "made", "safe"), [
    (lambda x: np.sum(np.where(x > 0, np.sqrt(x), x)), "sqrt makes 1 of 3", "np.sqrt(np.where"),
    (lambda x: np.sum(np.where(x != 0, 1 / x, 0.0)), "divide makes 1 of 3", "x / np.where"),
    (lambda x: np.sum(np.where(x > 1, np.arccosh(x), x**2)), "arccosh makes 2 of 3", "np.where"),
])  # fmt: skip
def test_a_branch_that_where_does_not_take_is_named(loss, made, safe):
    """It is computed all the same, and 0 times NaN is NaN."""
    problem = verdict(loss, {"x": np.array([-2.0, 0.0, 3.0])}).problem
    assert made in problem
    assert safe in problem


def naive(z):
    return np.log(np.sum(np.exp(z)))


def test_a_loss_that_overflows_asks_for_stable_and_is_derived_with_it():
    inputs = {"z": np.array([1000.0, 0.0])}
    assert "pass stable=True, or smaller scores" in verdict(naive, inputs).problem
    assert verdict(naive, inputs, stable=True).kind == "here"  # the naive form is not finite there
    traced = trace(naive, inputs, ("z",))

    def run(z):
        m = np.max(z)
        e = np.exp(z - m)
        return m + np.log(np.sum(e)), {"z": e / np.sum(e)}, {}

    found = verify(run, naive, traced, ("z",), inputs, stable=True)
    assert found.problem is None
    assert "scaled down to where the function itself is finite" in found.checked


@pytest.mark.parametrize("loss", [
    naive,
    lambda z: np.sum((5 + 2.5) * np.log(2.5 + np.exp(z)) - 5 * z),
    lambda z: -np.sum(np.log(1 - 1 / (1 + np.exp(-z)))),
    lambda z: np.sum(np.where(z > 0, z, np.exp(z) - 1)),
])  # fmt: skip
def test_a_form_that_is_not_right_at_large_scores_is_refused(loss):
    found = verdict(loss, {"z": X[0]}, stable=True)
    assert found.kind == "large"
    assert "no law reaches a form of" in found.problem


def test_what_overflows_by_its_nature_is_not_refused():
    assert verdict(lambda z: np.sum(np.exp(z) - z), {"z": X[0]}, stable=True).problem is None


# --- facts and calls ---


def test_facts_are_those_that_hold():
    inputs = {"Y": np.eye(3), "w": np.ones(3), "x": -np.ones(3), "z": X[0, :3]}
    traced = trace(lambda Y, w, x, z: np.sum(Y @ w * x * z), inputs, ("w",))
    assert [fact.text for fact in facts(inputs, traced)] == [
        "Y sums to 1 along axis 0", "Y sums to 1 along axis 1", "w > 0", "x < 0"]  # fmt: skip
    assert all(fact.holds(**inputs) for fact in facts(inputs, traced))


def called(loss, given, assumptions=(), **inputs):
    traced = trace(loss, given, (next(iter(given)),))
    check_call(inputs, given, traced, assumptions)


def test_a_call_that_fits_passes():
    given = {"W": W, "X": X, "y": y}

    def loss(W, X, y):
        return tg.cross_entropy(X @ W, y)

    called(loss, given, W=np.ones((7, 5)), X=np.ones((9, 7)), y=np.zeros(9, int))


@pytest.mark.parametrize(("changed", "message"), [
    ({"X": np.ones((6, 4, 1))}, "axes"),
    ({"X": np.ones((6, 5))}, "must be"),
    ({"y": np.zeros(6)}, "y had dtype int64 when this was derived and has dtype float64"),
    ({"X": np.ones((6, 4), complex)}, "X had dtype float64"),
    ({"W": tg.Tensor(W)}, "pass a plain array, W.data"),
    ({"k": 4}, "k was 3"),
])  # fmt: skip
def test_a_call_that_does_not_fit_is_refused_in_one_sentence(changed, message):
    given = {"W": W, "X": X, "y": y, "k": 3}

    def loss(W, X, y, k):
        return tg.cross_entropy(X @ W, y) ** k

    with pytest.raises(ValueError, match=message) as error:
        called(loss, given, **given | changed)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("fact", "message"), [
    (Fact("positive", "w"), "every entry of w was positive when this was derived"),
    (Fact("distribution", "t", 0), "t summed to 1 along axis 0 when this was derived"),
])  # fmt: skip
def test_a_fact_is_asked_again_at_each_call(fact, message):
    given = {"w": np.ones(4), "t": np.full(4, 0.25)}
    called(lambda w, t: np.sum(w * t), given, [fact], **given)
    with pytest.raises(ValueError, match=message):
        called(lambda w, t: np.sum(w * t), given, [fact], w=-np.ones(4), t=np.ones(4))
