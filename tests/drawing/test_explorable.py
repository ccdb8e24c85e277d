"""The explorable page as a file: which losses it takes, what it embeds, and its two languages."""

import json
import re
from html import escape
from importlib.resources import files

import numpy as np
import pytest

import tinygrad_softmax as tg
from tests.drawing.browsing import embedded
from tinygrad_softmax.drawing.explorable import case_study_page
from tinygrad_softmax.drawing.explorable.page import LIBRARIES, SCRIPTS

FOLDER = files("tinygrad_softmax") / "drawing" / "explorable"
STRINGS = json.loads((FOLDER / "strings.json").read_text("utf-8"))
N, D, H, K = 12, 3, 5, 4


def problem(seed=0, dtype=float):
    rng = np.random.default_rng(seed)
    return {
        "X": rng.normal(size=(N, D)).astype(dtype),
        "y": rng.integers(0, K, N),
        "W": rng.normal(size=(D, K)).astype(dtype),
        "b": rng.normal(size=K).astype(dtype),
    }


def network(seed=0):
    rng = np.random.default_rng(seed)
    return problem(seed) | {
        "W": rng.normal(size=(D, H)), "b": rng.normal(size=(1, H)),
        "W2": rng.normal(size=(H, K)), "b2": rng.normal(size=(1, K)),
    }  # fmt: skip


def reg_of(page):
    return embedded(page)["models"][0]["reg"]


# --- the softmax loss in many spellings ---


def naive(scores, y):
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    return -np.mean(np.log(probs[range(len(y)), y]))


def shifted(scores, y):
    scores = scores - np.max(scores, axis=1, keepdims=True)
    log_probs = scores - np.log(np.sum(np.exp(scores), axis=1, keepdims=True))
    return -np.sum(log_probs[np.arange(len(y)), y]) / len(y)


def one_hot(scores, y):
    targets = np.eye(K)[y]
    return -np.sum(targets * tg.log_softmax(scores, axis=1)) / len(y)


def a_loop(scores, y):
    total = 0.0
    for i in range(len(y)):
        total += np.log(np.sum(np.exp(scores[i]))) - scores[i, y[i]]
    return total / len(y)


CROSS_ENTROPIES = [naive, shifted, one_hot, a_loop, tg.cross_entropy]
PENALTIES = {
    "none": (lambda W: 0.0, 0.0),
    "half": (lambda W: 0.5 * 0.01 * np.sum(W * W), 0.01),
    "whole": (lambda W: 0.01 * np.sum(W**2), 0.02),
    "of a norm": (lambda W: 0.05 * np.linalg.norm(W) ** 2, 0.1),
}
RELUS = [lambda z: np.maximum(0, z), lambda z: z * (z > 0), lambda z: np.where(z > 0, z, 0.0),
         tg.relu]  # fmt: skip


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("cross_entropy", CROSS_ENTROPIES)
def test_the_softmax_loss_is_recognised_however_it_is_written(cross_entropy, penalty):
    penalise, reg = PENALTIES[penalty]

    def loss(W, b, X, y):
        return cross_entropy(X @ W + b, y) + penalise(W)

    data = embedded(tg.draw(loss, explore=True, **problem()))
    (model,) = data["models"]
    assert model["reg"] == pytest.approx(reg, rel=1e-9, abs=0)
    assert model["names"] == [{"W": "W", "b": "b"}]
    _, (dW, db) = tg.value_and_grad(loss, ("W", "b"))(**problem())
    np.testing.assert_array_equal(model["gradients"][0]["W"], dW)
    np.testing.assert_array_equal(model["gradients"][0]["b"], db)


@pytest.mark.parametrize("relu", RELUS)
def test_a_network_is_recognised_however_its_hidden_layer_is_written(relu):
    def loss(W, b, W2, b2, X, y, reg=1e-3):
        penalty = 0.5 * reg * (np.sum(W * W) + np.sum(W2 * W2))
        return shifted(relu(X @ W + b) @ W2 + b2, y) + penalty

    page = tg.draw(loss, explore=True, **network())
    assert reg_of(page) == 1e-3
    assert embedded(page)["models"][0]["names"] == [{"W": "W", "b": "b"}, {"W": "W2", "b": "b2"}]


def drawn(seed):
    """A loss with drawn sizes, names, order, spelling and penalty, its inputs and what it is."""
    rng = np.random.default_rng(seed)
    n, d, h, k = rng.integers(2, 6, 4) if rng.random() < 0.5 else rng.permutation(range(2, 9))[:4]
    shapes = [(d, k)] if rng.random() < 0.5 else [(d, h), (h, k)]
    names = [str(name) for name in rng.permutation(["X", "y", "W", "b", "W2", "b2", "q", "data"])]
    x, labels, roles = names.pop(), names.pop(), []
    given = {x: rng.normal(size=(n, d)), labels: rng.integers(0, k, n)}
    for shape in shapes:
        W, b = names.pop(), names.pop() if rng.random() < 0.8 else None
        roles.append((W, b))
        given[W] = rng.normal(size=shape)
        if b:
            given[b] = rng.normal(size=[(1, shape[1]), (shape[1],)][rng.integers(2)])
    cross_entropy = CROSS_ENTROPIES[rng.choice([0, 1, 3, 4])]
    penalise, reg = PENALTIES[rng.choice(list(PENALTIES))]
    relu = RELUS[rng.integers(len(RELUS))]

    def loss(**inputs):
        rows = inputs[x]
        for at, (W, b) in enumerate(roles):
            rows = (relu(rows) if at else rows) @ inputs[W] + (inputs[b] if b else 0)
        return cross_entropy(rows, inputs[labels]) + sum(penalise(inputs[W]) for W, _ in roles)

    order = [str(name) for name in rng.permutation(list(given))]
    return loss, {name: given[name] for name in order}, (x, labels, roles, reg)


@pytest.mark.parametrize("seed", range(40))
def test_drawn_losses_are_recognised_and_their_variants_refused(seed):
    loss, given, (x, labels, roles, reg) = drawn(seed)
    data = embedded(tg.draw(loss, explore=True, **given))
    assert data["names"] == {"X": x, "y": labels}
    assert data["models"][0]["names"] == [{"W": W, "b": b} for W, b in roles]
    assert data["models"][0]["reg"] == pytest.approx(reg, rel=1e-9, abs=0)
    W = roles[-1][0]
    for variant in (
        lambda **inputs: 1.001 * loss(**inputs),
        lambda **inputs: loss(**inputs) + 1e-3,
        lambda **inputs: loss(**inputs) + 1e-3 * np.sum(inputs[W]),
        lambda **inputs: loss(**inputs | {x: np.tanh(inputs[x])}),
        lambda **inputs: loss(**inputs | {W: 2 * inputs[W]}),
    ):
        with pytest.raises(ValueError, match=r"the explorable page shows .* differs: "):
            tg.draw(variant, explore=True, **given)


def test_neither_names_nor_order_matter():
    given = problem()
    page = tg.draw(lambda labels, offset, y, X: tg.cross_entropy(X @ y + offset, labels),
                   explore=True, labels=given["y"], offset=given["b"], y=given["W"],
                   X=given["X"])  # fmt: skip
    data = embedded(page)
    assert data["names"] == {"X": "X", "y": "labels"}
    assert data["models"][0]["names"] == [{"W": "y", "b": "offset"}]


@pytest.mark.parametrize("size", [(4, 4, 4, 4), (5, 5, 3, 5), (6, 3, 3, 3)])
def test_equal_sizes_are_told_apart_by_numbers(size):
    n, d, h, k = size
    rng = np.random.default_rng(0)
    given = {"A": rng.normal(size=(h, k)), "B": rng.normal(size=(n, d)),
             "C": rng.normal(size=(d, h)), "p": rng.normal(size=k), "q": rng.normal(size=h),
             "t": rng.integers(0, k, n)}  # fmt: skip
    data = embedded(tg.draw(lambda A, B, C, p, q, t:
                            tg.cross_entropy(tg.relu(B @ C + q) @ A + p, t),
                            explore=True, **given))  # fmt: skip
    assert data["names"] == {"X": "B", "y": "t"}
    assert data["models"][0]["names"] == [{"W": "C", "b": "q"}, {"W": "A", "b": "p"}]


@pytest.mark.parametrize(
    "change",
    [
        lambda given: given | {"X": given["X"].astype(np.float32)},
        lambda given: given | {"y": given["y"].astype(np.uint8)},
        lambda given: given | {"y": given["y"].tolist()},
        lambda given: given | {"W": 0 * given["W"]},
        lambda given: given | {"X": np.arange(N * D).reshape(N, D) % 7},
        lambda given: given | {"b": given["b"][None]},
    ],
)
def test_data_comes_in_many_forms(change):
    given = change(problem())
    page = tg.draw(lambda W, b, X, y: shifted(X @ W + b, np.asarray(y)) + 0.5 * np.sum(W * W),
                   explore=True, **given)  # fmt: skip
    assert reg_of(page) == 1
    np.testing.assert_array_equal(embedded(page)["X"], given["X"])


def test_labels_may_be_one_hot_and_a_bias_may_be_missing():
    given = problem()
    page = tg.draw(lambda W, X, Y: -np.mean(np.sum(Y * tg.log_softmax(X @ W, axis=1), axis=1)),
                   explore=True, W=given["W"], X=given["X"], Y=np.eye(K)[given["y"]])  # fmt: skip
    assert embedded(page)["y"] == given["y"].tolist()
    assert embedded(page)["models"][0]["layers"][0]["b"] is None


def test_labels_that_could_be_a_bias_are_labels():
    rng = np.random.default_rng(0)
    given = {"y": np.array([0.0, 2.0, 1.0, 2.0]), "b": rng.normal(size=4),
             "X": rng.normal(size=(4, 2)), "W": rng.normal(size=(2, 4))}  # fmt: skip
    page = tg.draw(lambda y, b, X, W: shifted(X @ W + b, y.astype(int)), explore=True, **given)
    assert embedded(page)["names"]["y"] == "y"
    assert embedded(page)["y"] == [0, 2, 1, 2]


@pytest.mark.parametrize("broken", [lambda W, b, X, y: None, lambda W, b, X, y: X @ W + b])
def test_what_is_no_loss_is_refused(broken):
    with pytest.raises(
        ValueError, match=r"cannot be differentiated .* BackwardError: .* (None|scalar)"
    ):
        tg.draw(broken, explore=True, **problem())


def test_the_inputs_are_left_as_they_are():
    given = problem()
    before = {name: value.copy() for name, value in given.items()}
    tg.draw(lambda W, b, X, y: tg.cross_entropy(X @ W + b, y), explore=True, **given)
    for name, value in before.items():
        np.testing.assert_array_equal(given[name], value)


@pytest.mark.parametrize("scale", [1e-9, 1e-5, 1e3, 1e5, 1e9])
@pytest.mark.parametrize("bias", [True, False])
def test_data_of_any_scale_are_taken(scale, bias):
    """Equal numbers differ by the rounding of large scores, and none is taken for a penalty."""
    for seed, (penalty, reg) in enumerate(PENALTIES.values()):
        given = problem(seed)
        given |= {"X": scale * given["X"], "W": given["W"] / scale}
        if not bias:
            given["b"] = 0.0

        def loss(W, b, X, y, penalty=penalty):
            return shifted(X @ W + b, y) + penalty(W)

        page = tg.draw(loss, explore=True, **given)
        assert reg_of(page) == pytest.approx(reg, rel=1e-9, abs=0)
        with pytest.raises(ValueError, match="differs: at"):
            tg.draw(lambda **it: 1.000001 * loss(**it), explore=True, **given)


def test_names_that_the_page_uses_itself_are_replaced():
    given = problem()
    page = tg.draw(lambda scores, probs, loss: tg.cross_entropy(scores @ probs, loss),
                   explore=True, scores=given["X"], probs=given["W"], loss=given["y"])  # fmt: skip
    data = embedded(page)
    assert data["names"] == {"X": "X", "y": "y"}
    assert data["renamed"] == [["X", "scores"], ["y", "loss"], ["W", "probs"]]


# --- what is refused ---


def loss_of_all(W, b, X, y):
    return tg.cross_entropy(np.asarray(X) @ W + b, np.asarray(y))


BAD = {
    "labels from 1": ({"y": lambda y: y + 1}, r"labels in y go from 1 to 4, .* from 0 to 3"),
    "negative labels": ({"y": lambda y: y - 1}, "labels in y go from -1 to 2"),
    "a column of labels": ({"y": lambda y: y[:, None]}, r"y has the shape \(12, 1\).*ravel"),
    "too few labels": ({"y": lambda y: y[1:]}, r"y has the shape \(11,\), .* \(12,\): pass one"),
    "words as labels": ({"y": lambda y: np.array([*"abcd"])[y]}, "labels in y are no numbers"),
    "soft labels": ({"y": lambda y: np.full((N, K), 0.25)}, "rows of y are no one-hot labels"),
    "no labels": ({"y": lambda y: None}, "none of the inputs has the labels of the examples in X"),
    "no examples": ({"y": lambda y: y[:0], "X": lambda X: X[:0]}, "X has no examples"),
    "one class": ({"W": lambda W: W[:, :1], "b": lambda b: b[:1]}, "scores of a single class"),
    "a list of weights": ({"W": lambda W: W.tolist()}, r"W is a list, .* np.array\(W"),
    "lists": (dict.fromkeys("WbXy", lambda value: value.tolist()), "W is a list"),
    "integers as weights": ({"W": lambda W: W.astype(int)}, r"W holds integers, .*astype\(float\)"),
    "an integer bias": ({"b": lambda b: np.arange(K)}, "b holds integers"),
    "a Tensor": ({"W": tg.Tensor}, "W is a Tensor"),
    "another input": ({"q": lambda _: 1}, "loss_of_all has no parameter called q"),
    "an input too few": ({"y": None}, "loss_of_all also needs y"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_wrong_with_an_input_is_said(kind):
    changes, words = BAD[kind]
    given = problem() | {
        name: change(problem().get(name)) for name, change in changes.items() if change
    }
    given = {name: value for name, value in given.items() if changes.get(name, 1)}
    with pytest.raises((ValueError, TypeError), match=words) as refused:
        tg.draw(loss_of_all, explore=True, **given)
    assert "explore=True" not in str(refused.value)
    assert len(str(refused.value)) < 200


def test_a_loss_that_is_another_one_is_not_refused_for_its_updates_in_place():
    def hinge(W, b, X, y):
        scores = X @ W + b
        margins = np.maximum(0, scores - scores[range(len(y)), y][:, None] + 1)
        margins.put(np.arange(3), 0)  # no tape records this
        return np.sum(margins) / len(y) + 0.05 * np.sum(W * W)

    def softmax(W, b, X, y):
        scores = np.array(X @ np.asarray(W) + b)
        return float(naive(scores, y))

    with pytest.raises(ValueError, match=r"hinge differs: at the given inputs it is \d"):
        tg.draw(hinge, explore=True, **problem())
    with pytest.raises(ValueError, match="softmax cannot be differentiated"):
        tg.draw(softmax, explore=True, **problem())


@pytest.mark.filterwarnings("error")
def test_a_loss_that_is_not_finite_is_refused_without_warnings():
    with pytest.raises(ValueError, match="is nan at the given inputs"):
        tg.draw(lambda W, b, X, y: naive(X @ W + b, y), explore=True,
                **(problem() | {"W": 1e4 * problem()["W"]}))  # fmt: skip


def _linear(change):
    return lambda W, b, X, y: change(X @ W + b, y, W)


OTHERS = {
    "a sum over the examples": lambda s, y, W: N * tg.cross_entropy(s, y),
    "smoothed labels": lambda s, y, W: 0.9 * tg.cross_entropy(s, y)
    - 0.1 * np.mean(tg.log_softmax(s, axis=1)),
    "a temperature": lambda s, y, W: tg.cross_entropy(s / 2.0, y),
    "a hinge": lambda s, y, W: np.mean(np.maximum(0, s - s[range(N), y][:, None] + 1)),
    "an L1 penalty": lambda s, y, W: tg.cross_entropy(s, y) + 0.01 * np.sum(np.abs(W)),
    "a negative penalty": lambda s, y, W: tg.cross_entropy(s, y) - 0.01 * np.sum(W * W),
    "class weights": lambda s, y, W: np.mean(
        -np.arange(1.0, K + 1)[y] * tg.log_softmax(s, axis=1)[range(N), y]),
    "a part that is not differentiated": lambda s, y, W: tg.cross_entropy(s, y)
    + 0.01 * float(np.sum(W.data * W.data)),
}  # fmt: skip


@pytest.mark.parametrize("kind", OTHERS)
def test_another_loss_is_refused_with_numbers(kind):
    loss = _linear(OTHERS[kind])
    value = loss(tg.Tensor(problem()["W"]), *(problem()[name] for name in "bXy")).item()
    with pytest.raises(
        ValueError, match="the explorable page shows the mean cross-entropy"
    ) as refused:
        tg.draw(loss, explore=True, **problem())
    assert f"{value:.6g}"[:6] in str(refused.value) or "its gradient" in str(refused.value)
    assert str(refused.value).count("the explorable page") == 1


@pytest.mark.parametrize("activation", [np.tanh, lambda z: np.maximum(0.01 * z, z), tg.softplus])
def test_another_hidden_layer_is_refused(activation):
    def loss(W, b, W2, b2, X, y):
        return tg.cross_entropy(activation(X @ W + b) @ W2 + b2, y)

    with pytest.raises(ValueError, match=r"loss differs: at the given inputs it is \d"):
        tg.draw(loss, explore=True, **network())


def test_what_agrees_only_at_the_given_inputs_is_refused():
    def loss(W, b, W2, b2, X, y):
        return tg.cross_entropy(np.maximum(0.1 * (X @ W + b), X @ W + b) @ W2 + b2, y)

    given = network()
    given |= {"X": np.abs(given["X"]), "W": np.abs(given["W"]), "b": np.abs(given["b"])}
    with pytest.raises(ValueError, match=r"at drawn inputs, though not at the given ones, it is"):
        tg.draw(loss, explore=True, **given)


def test_what_fails_at_drawn_inputs_is_refused():
    def loss(W, b, X, y):
        if X[0, 0] != problem()["X"][0, 0]:
            raise RuntimeError("these are not my data")
        return tg.cross_entropy(X @ W + b, y)

    with pytest.raises(ValueError, match=r"failed at drawn inputs.*these are not my data"):
        tg.draw(loss, explore=True, **problem())


def test_data_that_are_no_inputs_are_asked_for():
    given = problem()
    X, y = given.pop("X"), given.pop("y")
    with pytest.raises(
        ValueError, match=r"no inputs with the shapes .*but W \(3, 4\) and b \(4,\)"
    ):
        tg.draw(lambda W, b: tg.cross_entropy(X @ W + b, y), explore=True, **given)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((1001, 2, 3), "up to 1000 examples, and here are 1001"),
        ((20, 2, 11), "up to 10 classes, and here are 11"),
        ((20, 300, 4), "up to 1000 weights in W, and here are 1200"),
    ],
)
def test_what_is_too_large_for_the_page_is_refused(shape, words):
    n, d, k = shape
    with pytest.raises(ValueError, match=words):
        tg.draw(lambda W, b, X, y: tg.cross_entropy(X @ W + b, y), explore=True,
                W=np.ones((d, k)), b=np.ones(k), X=np.ones((n, d)),
                y=np.arange(n) % k)  # fmt: skip


def test_scores_without_exponentials_are_refused():
    given = problem()
    with pytest.raises(ValueError, match=r"scores reach .*: scale X or the weights"):
        tg.draw(lambda W, b, X, y: tg.cross_entropy(X @ W + b, y), explore=True,
                **(given | {"W": 1e3 * given["W"]}))  # fmt: skip
    with pytest.raises(ValueError, match="is nan at the given inputs"):
        tg.draw(lambda W, b, X, y: tg.cross_entropy(X @ W + b, y), explore=True,
                **(given | {"W": np.nan * given["W"]}))  # fmt: skip


def test_wrt_must_be_all_parameters_or_left_out():
    def loss(W, b, X, y):
        return tg.cross_entropy(X @ W + b, y)

    tg.draw(loss, ("b", "W"), explore=True, **problem())
    for wrt in ("W", ("W", "b", "X"), ("scores",)):
        with pytest.raises(ValueError, match="with respect to W and b, and wrt names"):
            tg.draw(loss, wrt, explore=True, **problem())


def test_a_recorded_loss_is_refused():
    with pytest.raises(TypeError, match="takes a function with its inputs"):
        tg.draw(np.sum(tg.Tensor([1.0])), explore=True)


# --- the page ---


def test_the_page_is_one_small_file():
    page = case_study_page()
    assert len(page.html.encode()) < 400_000
    assert not re.search(r'(src|href)="(?!data:)', page.html)
    assert "sourceMappingURL" not in page.html
    assert page._repr_html_().startswith("<iframe")


def test_the_libraries_are_in_the_page_with_their_licences():
    table = (FOLDER / "vendor" / "README.md").read_text("utf-8")
    html = case_study_page().html
    listed = set(re.findall(r"^\| `(\w+\.js)` \|", table, re.MULTILINE))
    assert listed == {name.removeprefix("vendor/") for name in SCRIPTS if "vendor" in name}
    for name, version, licence in LIBRARIES:
        assert f"{name}@{version}" in table
        assert re.search(rf"\[{name}\].*\| {version} \| {licence} \|", table)
        assert f"{name} {version} ({licence})" in html
        text = (FOLDER / "vendor" / f"{name}.LICENSE").read_text("utf-8")
        assert len(text) > 1000
        assert escape(text, quote=False) in html


def test_it_is_saved_as_a_page_only(tmp_path):
    page = case_study_page()
    page.save(tmp_path / "explore.html")
    assert (tmp_path / "explore.html").read_text("utf-8") == page.html
    with pytest.raises(ValueError, match="save it as"):
        page.save(tmp_path / "explore.svg")


def test_what_is_embedded_cannot_end_its_script():
    html = case_study_page().html
    assert html.count("<script") == html.count("</script>") == len(SCRIPTS) + 3


# --- the words ---


def parts(text):
    """What a text has to have in every language: what is filled in, and code."""
    return sorted({*re.findall(r"\{(\w+)", text)}), sorted(set(re.findall(r"`[^`]+`", text)))


def test_both_languages_say_the_same():
    english, chinese = STRINGS["en"], STRINGS["zh"]
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert parts(text) == parts(chinese[key]), key
        assert len(re.findall(r"\*\*\S|\S\*\*", text)) % 2 == text.count("`") % 2 == 0, key
        assert not re.search(r"[一-鿿]", text), key
        assert re.search(r"[一-鿿]", chinese[key]), key


def test_every_text_is_used_and_every_answer_has_a_reason():
    scripts = "\n".join((FOLDER / name).read_text("utf-8") for name in SCRIPTS)
    for key in STRINGS["en"]:
        built = re.fullmatch(
            r"(one|product|sum|reg)\.(\d|\d\.why|question|again)|all\.layer\.\d|steps\.\d+"
            r"|(one|nudge|all|steps)\.title|source\.\w+", key)  # fmt: skip
        assert built or f'"{key}"' in scripts, key
    for question in ("one", "product", "sum", "reg"):
        for n in range(4):
            assert STRINGS["en"][f"{question}.{n}.why"]
