"""The ways to hand a loss and a gradient over, what is refused, and what is said beside."""

import functools

import numpy as np
import pytest

import tinygrad_softmax as tg
from tests.checker.subjects import SUBJECTS, changed, equal, function_of
from tinygrad_softmax.checker import check_gradients, search

softmax = SUBJECTS["softmax"]
loss, right, linear = softmax
wrong, _ = changed(right, "dW += reg * W", "dW += 2 * reg * W")
rng = np.random.default_rng(5)
vector = {"w": np.array([0.5, -1.0, 2.0]), "x": np.arange(1.0, 4)}


def squares(w, x):
    return np.sum((w * x) ** 2)


# --- forms ---

FORMS = {
    "tuple": lambda g, _: (g["W"], g["b"]),
    "list": lambda g, _: [g["W"], g["b"]],
    "d": lambda g, _: {"dW": g["W"], "db": g["b"]},
    "grad and more": lambda g, _: {"grad_W": g["W"], "grad_b": g["b"], "other": 0},
    "after the loss": lambda g, value: (value, g),
    "before the loss": lambda g, value: (g, value),
}


@pytest.mark.parametrize(
    ("function", "verdict"), [(right, True), (wrong, False)], ids=["right", "wrong"]
)
@pytest.mark.parametrize("form", FORMS)
def test_gradients_are_returned_in_many_forms(form, function, verdict):
    returned = functools.partial(lambda f, **kw: FORMS[form](f(**kw), loss(**kw)), function)
    report = check_gradients(loss, returned, wrt=("W", "b"), budget=0.1, **linear)
    assert report.ok is verdict
    assert "db" in report.right
    assert ("dW" in report.right) is verdict


def test_a_single_array_is_that_of_wrt():
    assert check_gradients(loss, lambda **kw: right(**kw)["W"], wrt="W", **linear).ok
    assert check_gradients(loss, lambda **kw: right(**kw)["b"], wrt=("b",), **linear).ok


def together(W, b, X, y, reg, factor=1.0):
    value = loss(W, b, X, y, reg)
    scores = X @ W + b
    dscores = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    dscores[np.arange(len(y)), y] -= 1
    dscores /= len(y)
    dW = X.T @ dscores + factor * reg * W
    return value, {"W": dW, "b": dscores.sum(axis=0, keepdims=True)}


def test_one_function_may_return_the_loss_and_its_gradients():
    assert check_gradients(together, **linear).ok
    report = check_gradients(together, wrt=("W", "b"), factor=2.0, budget=20.0, **linear)
    assert [f.stage for f in report.findings] == ["dW"]
    assert report.right == ("db",) or "db" in report.right


class Model:
    """Keeps its parameters where assignments of courses do."""

    def __init__(self, factor=1.0):
        self.params = {"W": linear["W"].copy(), "b": linear["b"].copy()}
        self.reg, self.factor, self.calls = 0.1, factor, []

    def both(self, X, y):
        self.calls.append(1)
        return together(**self.params, X=X, y=y, reg=self.reg, factor=self.factor)

    def loss(self, X, y):
        self.cache = X
        return self.both(X, y)[0]

    def gradients(self, X, y):
        return self.both(self.cache, y)[1]


class Layer:
    """Keeps its gradients, and returns none."""

    def __init__(self):
        self.W, self.b = linear["W"].copy(), linear["b"].copy()

    def forward(self, X):
        self.X = X
        return np.sum((X @ self.W + self.b) ** 3)

    def backward(self):
        z = self.X @ self.W + self.b
        self.dW = self.X.T @ (3 * z**2)
        self.db = np.sum(3 * z**2, axis=0, keepdims=True)


def test_methods_find_their_parameters():
    model, data = Model(), {"X": linear["X"], "y": linear["y"]}
    assert check_gradients(model.both, params=model.params, **data).ok
    assert check_gradients(model.loss, model.gradients, params=model.params, **data).ok
    assert equal(model.params, {"W": linear["W"], "b": linear["b"]})
    model.factor = 2.0
    report = check_gradients(model.loss, model.gradients, params=model.params, budget=1, **data)
    assert [f.stage for f in report.findings] == ["dW"]
    layer = Layer()
    params = {"W": layer.W, "b": layer.b}
    report = check_gradients(layer.forward, layer.backward, params=params, X=linear["X"])
    assert report.ok, str(report)
    assert not hasattr(layer, "dW")


def nested_loss(net, X, y):
    return loss(net["W"], net["b"], X, y, 0.1)


def test_a_dict_of_parameters_is_an_input_like_others():
    given = {"net": {"W": linear["W"], "b": linear["b"]}, "X": linear["X"], "y": linear["y"]}

    def gradients(net, X, y):
        return right(net["W"], net["b"], X, y, 0.1)

    def doubled(net, X, y):
        found = gradients(net, X, y)
        return {"W": found["W"] * 2, "b": found["b"]}

    report = check_gradients(nested_loss, gradients, **given)
    assert report.ok
    report = check_gradients(nested_loss, doubled, wrt="net", budget=20.0, **given)
    assert not report.ok
    assert all(finding.repaired for finding in report.findings), str(report)
    assert "dnet['b']" in report.right


def test_a_cache_goes_from_the_loss_to_the_gradient():
    def forward(W, X):
        z = X @ W
        return np.sum(z**3), (z, X)

    def backward(cache):
        z, X = cache
        return {"W": X.T @ (3 * z**2)}

    assert check_gradients(forward, backward, W=linear["W"], X=linear["X"]).ok


# --- errors ---


def test_what_is_unclear_is_asked_for():
    def call(gradients, given=linear, **options):
        return check_gradients(loss, gradients, **options, **given)

    with pytest.raises(TypeError, match=r"whose|which|wrt"):
        call(lambda **kw: (kw["W"], kw["W"], kw["W"]))
    with pytest.raises(TypeError, match="none for b"):
        call(lambda **kw: {"W": right(**kw)["W"]}, wrt=("W", "b"))
    with pytest.raises(TypeError, match="inputs are X, y, reg, W, b"):
        call(lambda **kw: {"V": right(**kw)["W"]})
    with pytest.raises(TypeError, match="wrt names V"):
        call(right, wrt="V")
    with pytest.raises((TypeError, tg.BackwardError), match="is `return` missing"):
        call(lambda **kw: None, wrt="W")
    with pytest.raises(TypeError, match=r"(for|of) 2 parameters|returned one array"):
        call(lambda **kw: kw["W"], wrt=("W", "b"))
    with pytest.raises(tg.DataError, match=r"y holds integers.*astype\(float\)"):
        call(lambda **kw: kw["y"], wrt="y")
    with pytest.raises(tg.DataError, match="float16"):
        call(right, given=linear | {"X": linear["X"].astype(np.float16)})
    report = check_gradients(lambda w, x: np.sum(w * x.standard_normal(3)), lambda w, x: w, wrt="w",
                             w=vector["w"], x=np.random.default_rng(0))  # fmt: skip
    assert not report.ok
    with pytest.raises(tg.BackwardError, match="must return a scalar"):
        check_gradients(lambda w, x: w * x, lambda w, x: w, wrt="w", **vector)
    with pytest.raises(ValueError, match=r"stages=\{'delta': 'scores'\}"):
        call(right, stages={"delta": "scores"})


def test_none_for_one_of_the_parameters_is_no_right_gradient():
    def gradients(**kw):
        return {**right(**kw), "b": None}

    try:
        report = check_gradients(loss, gradients, wrt=("W", "b"), budget=0.1, **linear)
    except (TypeError, tg.BackwardError) as error:
        assert "None" in str(error)  # noqa: PT017 - it may also be a report
    else:
        assert not report.ok, "None was taken for a right gradient of b"


def test_an_error_in_the_gradient_is_the_persons_own():
    def fails(w, x):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        check_gradients(squares, fails, wrt="w", **vector)


# --- what is said beside the verdict ---


def test_randomness_is_noticed_and_tamed_by_a_seed():
    def dropped(w, x):
        return np.sum(w * x * (np.random.rand(50) < 0.5))

    def gradient(w, x):
        return x * (np.random.rand(50) < 0.5)

    given = {"w": np.ones(50), "x": np.arange(1.0, 51.0)}
    report = check_gradients(dropped, gradient, wrt="w", **given)
    assert [f.cause for f in report.findings] == ["random"]
    assert "seed=" in str(report)
    state = np.random.get_state()[1].copy()
    assert check_gradients(dropped, gradient, wrt="w", seed=3, **given).ok
    assert np.array_equal(np.random.get_state()[1], state)


def test_gradients_that_pile_up_are_noticed():
    kept = {"W": np.zeros_like(linear["W"]), "b": np.zeros_like(linear["b"])}

    def piling(W, b, X, y, reg):
        for name, value in right(W, b, X, y, reg).items():
            kept[name] += value
        return kept

    report = check_gradients(loss, piling, **linear)
    assert [f.cause for f in report.findings] == ["accumulated"]


def test_what_is_not_written_or_not_used_is_said_to_be_so():
    def gradients(w, v, x):
        return {"w": 2 * w * x**2, "v": np.zeros_like(v)}

    report = check_gradients(lambda w, v, x: np.sum((w * x) ** 2 * v), gradients, v=2 * vector["x"],
                             budget=0.1, **vector)  # fmt: skip
    assert ("dv", "not_written") in {(f.stage, f.cause) for f in report.findings}
    report = check_gradients(lambda w, v, x: squares(w, x),
                             lambda w, v, x: {"w": 2 * w * x**2, "v": v},
                             v=vector["x"], **vector)  # fmt: skip
    assert [(f.stage, f.cause) for f in report.findings] == [("dv", "unused")]
    assert report.right == ("dw",)


def test_kinks_and_what_is_not_finite_at_the_inputs_given():
    def ramp(x, G):
        return np.sum(np.maximum(0, x) * G)

    given = {"x": np.array([0.0, 0.0, 1.0, -1.0]), "G": np.arange(1.0, 5.0)}
    report = check_gradients(ramp, lambda x, G: (x >= 0) * G, wrt="x", **given)
    assert report.ok
    assert "2 of 4 entries" in report.notes[0]
    assert "kink" in report.notes[0]

    report = check_gradients(lambda w: np.sum(w**2), lambda w: {"w": 2 * w * (w / w)},
                             w=np.array([0.0, 1.0, 2.0]))  # fmt: skip
    assert [f.cause for f in report.findings] == ["nan"]
    assert "1 of 3 entries are NaN" in str(report)
    assert not report.right

    report = check_gradients(lambda w: np.sum(np.log(w)), lambda w: {"w": 1 / w},
                             w=np.array([-1.0, 1.0, 2.0]))  # fmt: skip
    assert any("not finite at the inputs given" in note for note in report.notes)


def test_a_gradient_that_is_nan_everywhere_is_wrong():
    report = check_gradients(lambda w: np.sum(w**2), lambda w: {"w": 2 * w * np.log(-1.0)},
                             w=np.array([0.5, 1.0]))  # fmt: skip
    assert not report.ok
    assert not report.right


def test_sizes_and_kinds_of_inputs():
    def fixed(W, b, X, y, reg):
        weights = np.ones((8, 1))
        return right(W, b, X * weights, y, reg)

    report = check_gradients(loss, fixed, **linear)
    assert report.ok
    assert any("given only" in note for note in report.notes)
    narrow = {n: v.astype(np.float32) if n in "WbX" else v for n, v in linear.items()}
    assert check_gradients(loss, right, **narrow).ok
    lists = linear | {"y": linear["y"].tolist()}
    assert check_gradients(loss, right, **lists).ok
    assert check_gradients(loss, right, **linear | {"y": linear["y"].astype(np.uint8)}).ok
    shapes = []

    def noting(W, b, X, y, reg):
        shapes.append(X.shape)
        return right(W, b, X, y, reg)

    large = {"W": rng.standard_normal((3073, 10)), "b": np.zeros((1, 10)), "reg": 0.1,
             "X": rng.standard_normal((1000, 3073)), "y": rng.integers(0, 10, 1000)}  # fmt: skip
    report = check_gradients(loss, noting, wrt=("W", "b"), **large)
    assert report.ok
    assert any("of the inputs given" in note for note in report.notes)
    assert max(shapes) < (100, 100)


def test_losses_without_automatic_gradient_are_measured():
    def by_loop(w, x):
        total = 0.0
        for i in range(len(w)):
            total += float(np.sinc(w[i] * x[i]))  # no rule
        return total

    def gradient(w, x):
        z = w * x
        return x * (np.cos(np.pi * z) / z - np.sin(np.pi * z) / (np.pi * z**2))

    assert check_gradients(by_loop, gradient, wrt="w", **vector).ok
    report = check_gradients(by_loop, lambda w, x: 1.01 * gradient(w, x), wrt="w", **vector)
    assert not report.ok


# --- no source, lambdas, and the loss's own mistakes ---


def test_without_a_source_the_symptom_and_the_reason_are_said():
    space = {"np": np}
    exec("def gradients(w, x):\n    return {'w': w * x**2}\n", space)
    report = check_gradients(squares, space["gradients"], **vector)
    (finding,) = report.findings
    assert (finding.cause, finding.repaired, report.diff) == ("scaled", False, "")
    assert "0.5 times" in finding.sentence
    assert any("source of gradients" in note for note in report.notes)


def test_a_lambda_is_repaired():
    report = check_gradients(squares, lambda w, x: w * x**2, wrt="w", **vector)
    (finding,) = report.findings
    assert finding.repaired
    mended = eval(finding.after, {"np": np, **vector})
    assert np.allclose(mended, 2 * vector["w"] * vector["x"] ** 2)


LOSSES = {
    "log10": (
        "def loss(w, x):\n    return -np.sum(np.log10(1 / (1 + np.exp(-w * x))))\n",
        "def gradients(w, x):\n    p = 1 / (1 + np.exp(-w * x))\n    return {'w': (p - 1) * x}\n",
        "np.log(1",
    ),
    "penalty without its strength": (
        "def loss(w, x, reg):\n    return np.sum((w * x) ** 2) + np.sum(w * w)\n",
        "def gradients(w, x, reg):\n    return {'w': 2 * w * x**2 + 2 * reg * w}\n",
        "reg",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("texts", "given"), [(LOSSES["log10"], vector),
                         (LOSSES["penalty without its strength"], vector | {"reg": 0.3})],
                         ids=LOSSES)  # fmt: skip
def test_it_may_be_the_loss_that_is_wrong(texts, given):
    functions = [function_of(texts[0], {"np": np}, "loss"), function_of(texts[1], {"np": np})]
    report = check_gradients(*functions, budget=20.0, **given)
    assert not report.ok
    assert any(texts[2] in finding.after for finding in report.loss_findings), str(report)
    assert "the loss is what is wrong" in str(report)


# --- nothing of the person's is changed; the budget ---


def test_inputs_that_are_changed_in_place_are_told_and_spared():
    def careless(W, b, X, y, reg):
        found = right(W, b, X, y, reg)
        X -= X.mean(axis=0)
        return found

    before = {n: np.copy(v) for n, v in linear.items()}
    report = check_gradients(loss, careless, **linear)
    assert report.ok
    assert any("changes X in place" in note for note in report.notes)
    assert all(np.array_equal(before[n], v) for n, v in linear.items())


def test_nothing_of_the_persons_is_changed():
    space = {"np": np, "counter": 0}
    source = "def gradients(w, x):\n    dz = w * x\n    dw = dz * x\n    return {'w': dw}\n"
    function = function_of(source, space)
    given = {n: v.copy() for n, v in vector.items()}
    for value in given.values():
        value.flags.writeable = False
    code, names = function.__code__, dict(function.__globals__)
    report = check_gradients(squares, function, budget=20.0, **given)
    assert report.findings[0].repaired
    assert function.__code__ is code
    assert function.__globals__.keys() == names.keys()
    assert all(function.__globals__[n] is v for n, v in names.items())
    assert report.source.strip() == source.strip()
    model = Model(factor=2.0)
    arrays, attributes = dict(model.params), dict(vars(model))
    check_gradients(model.loss, model.gradients, params=model.params, budget=0.5,
                    X=linear["X"], y=linear["y"])  # fmt: skip
    assert vars(model).keys() == attributes.keys()
    assert all(model.params[n] is a for n, a in arrays.items())
    assert model.calls == []
    assert equal(model.params, {"W": linear["W"], "b": linear["b"]})


def test_what_functions_print_is_not_shown(capsys, recwarn):
    def chatty(w, x):
        print("hello")  # noqa: T201 - as people do
        return 2 * w * x**2

    assert check_gradients(squares, chatty, wrt="w", **vector).ok
    assert capsys.readouterr().out == ""
    assert not recwarn


class Clock:
    """A clock that goes on by a millisecond each time it is read: it measures nothing."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        self.now += 1e-3
        return self.now


@pytest.mark.parametrize("budgets", [(0.05, 0.5)])
def test_a_search_ends_with_its_budget(monkeypatch, budgets):
    tried = []
    outcome = search.Search.outcome
    monkeypatch.setattr(
        search.Search, "outcome", lambda *a, **kw: tried.append(1) or outcome(*a, **kw)
    )

    def hopeless(W, b, X, y, reg):
        return {"W": np.sin(W) * np.cos(np.sum(X)), "b": np.sin(b)}

    counts = []
    for budget in budgets:
        monkeypatch.setattr("tinygrad_softmax.checker.search.time", Clock())
        monkeypatch.setattr("tinygrad_softmax.checker.gradients.time", Clock())
        tried.clear()
        report = check_gradients(loss, hopeless, budget=budget, **linear)
        assert {f.cause for f in report.findings} == {"unexplained"}
        counts.append(len(tried))
    assert counts[0] < counts[1] / 2


def test_a_loop_that_would_not_end_is_left():
    def slow(w, x):
        k, total = 0, np.zeros_like(w)
        while k < 2:
            total += w * x**2 / 2
            k += 1
        return {"w": total}

    report = check_gradients(squares, slow, budget=5.0, **vector)
    assert not report.ok
