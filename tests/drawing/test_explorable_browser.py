"""The explorable page in a real browser: its arithmetic, and what a reader does with it."""

import copy
import os
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import tinygrad_softmax as tg
from tests.drawing.browsing import embedded
from tests.drawing.graphs import question
from tinygrad_softmax.datasets import case_study, spiral
from tinygrad_softmax.drawing.explorable import case_study_page

keys = pytest.importorskip("selenium.webdriver.common.keys", reason="selenium is not installed")
Keys = keys.Keys

RIGHT = {"one": 1, "product": 2, "sum": 0, "reg": 3}


def linear_loss(W, b, X, y, reg):
    return tg.cross_entropy(X @ W + b, y) + 0.5 * reg * np.sum(W * W)


def network_loss(W, b, W2, b2, X, y, reg):
    scores = tg.relu(X @ W + b) @ W2 + b2
    return tg.cross_entropy(scores, y) + 0.5 * reg * (np.sum(W * W) + np.sum(W2 * W2))


@cache
def network():
    """A page of its own for a network with five classes."""
    rng = np.random.default_rng(3)
    X, y = spiral(20, 5, random_state=3)
    return tg.draw(network_loss, explore=True, W=rng.normal(size=(2, 12)), b=rng.normal(size=12),
                   W2=rng.normal(size=(12, 5)), b2=rng.normal(size=5), X=X, y=y,
                   reg=0.02)  # fmt: skip


@cache
def many():
    """A page with as many classes as it takes, and more than two features."""
    rng = np.random.default_rng(4)
    return tg.draw(linear_loss, explore=True, W=rng.normal(size=(30, 10)), b=rng.normal(size=10),
                   X=rng.normal(size=(1000, 30)), y=np.arange(1000) % 10, reg=0.0)  # fmt: skip


PAGES = {"case study": cache(case_study_page), "network": network, "many": many}


def number(text):
    return float(text.replace("−", "-"))


def settle(page):
    """Wait until what has changed is drawn."""
    page.driver.execute_async_script(
        "const done = arguments[0]; requestAnimationFrame(() => setTimeout(done))"
    )


def answer(page, name, which=None):
    which = RIGHT[name] if which is None else which
    page.click(f"input[name={name}][value='{which}']")
    page.click(f"form:has(input[name={name}]) button")
    settle(page)


def asked(page):
    """The questions on the page."""
    return [name for name in RIGHT
            if page.driver.find_elements("css selector", f"input[name={name}]")]  # fmt: skip


def rows(page, attribute):
    elements = page.driver.find_elements("css selector", f"[data-{attribute}]")
    return np.array([number(element.text) for element in elements])


def press(page, selector, *pressed):
    page.find(selector).send_keys(*pressed)
    settle(page)


# --- arithmetic ---


def drawn(rng):
    """A problem with sizes that differ, linear or with a hidden layer."""
    n, d, h, k = rng.permutation(np.arange(2, 8))[:4]
    layers = [(d, k)] if rng.random() < 0.4 else [(d, h), (h, k)]
    scale = rng.choice([0.1, 1.0, 10.0])
    return {
        "layers": [{"W": scale * rng.normal(size=shape), "b": rng.normal(size=shape[1])}
                   for shape in layers],
        "X": rng.normal(size=(n, d)), "y": rng.integers(0, k, n),
        "reg": float(rng.choice([0.0, 1e-3, 1.0])), "size": float(rng.choice([0.01, 0.3])),
    }  # fmt: skip


def plain(value):
    """Arrays as lists, for the browser."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


def by_tape(problem):
    """What the package computes: a step's values and gradients, and the parameters after three."""
    layers, found = problem["layers"], {}
    for step in range(3):
        tensors = [{name: tg.Tensor(value) for name, value in layer.items()} for layer in layers]
        rows = problem["X"]
        for at, layer in enumerate(tensors):
            rows = (np.maximum(0, rows) if at else rows) @ layer["W"] + layer["b"]
        scores = rows
        penalty = sum(np.sum(layer["W"] ** 2) for layer in tensors)
        loss = tg.cross_entropy(scores, problem["y"]) + 0.5 * problem["reg"] * penalty
        loss.backward()
        if step == 0:
            gradients = [[layer["W"].grad, layer["b"].grad] for layer in tensors]
            found = {"loss": loss.item(), "scores": scores.data, "dscores": scores.grad,
                     "gradients": gradients}  # fmt: skip
        layers = [{name: tensor.data - problem["size"] * tensor.grad
                   for name, tensor in layer.items()} for layer in tensors]  # fmt: skip
    return found | {"after": [[layer["W"], layer["b"]] for layer in layers]}


def one_by_tape(problem):
    """The gradient of every value of the program for the first example."""
    values = {"x": tg.Tensor(problem["X"][:1])}
    rows = values["x"]
    for at, layer in enumerate(problem["layers"]):
        after = "2" if at else ""
        if at:
            rows = values["hidden"] = np.maximum(0, rows)
        values |= {f"W{after}": tg.Tensor(layer["W"]), f"b{after}": tg.Tensor(layer["b"][None])}
        rows = rows @ values[f"W{after}"] + values[f"b{after}"]
    values["scores"] = rows
    values["exp_scores"] = np.exp(rows)
    values["probs"] = values["exp_scores"] / np.sum(values["exp_scores"])
    (-np.log(values["probs"][0, problem["y"][0]])).backward()
    return {name: tensor.grad for name, tensor in values.items()}


def close(mine, true, least=1e-3):
    """Compare to 12 digits of the largest entry, or of a term that has cancelled."""
    mine, true = np.asarray(mine, dtype=float), np.asarray(true)
    assert mine.shape == true.shape
    np.testing.assert_allclose(mine, true, rtol=0, atol=1e-12 * max(least, np.abs(true).max()))


def test_the_arithmetic_is_that_of_the_package(opened):
    page = opened(case_study_page())
    rng = np.random.default_rng(0)
    problems = [drawn(rng) for _ in range(200)]
    results = page.run("""return arguments[0].map(({ layers, X, y, reg, size }) => {
        const start = { layers, reg };
        const values = arithmetic.forward(start, X, y);
        const gradients = arithmetic.backward(start, y, values);
        let model = start;
        for (let n = 0; n < 3; n++) {
          const made = arithmetic.forward(model, X, y);
          model = arithmetic.step(model, arithmetic.backward(model, y, made), size);
        }
        const pairs = (list) => list.map(({ W, b, dW, db }) => [W ?? dW, b ?? db]);
        return { loss: values.loss, scores: values.scores, dscores: gradients.dscores,
          gradients: pairs(gradients.layers), after: pairs(model.layers),
          one: arithmetic.slopes({ x: X[0], y: y[0], layers }) };
      })""", plain(problems))  # fmt: skip
    for problem, result in zip(problems, results, strict=True):
        true = by_tape(problem)
        for name in ("loss", "scores", "dscores"):
            close(result[name], true[name])
        for name in ("gradients", "after"):
            for mine, others in zip(result[name], true[name], strict=True):
                close(mine[0], others[0])
                close(mine[1], others[1])
        if np.abs(true["scores"][0]).max() < 300:  # beyond, the page shows no exponentials
            slopes = one_by_tape(problem)
            assert result["one"].keys() == slopes.keys()
            for name, slope in slopes.items():
                close(result["one"][name], slope, least=1)  # 1 / total is subtracted from itself


@pytest.mark.parametrize("which", PAGES)
def test_the_gradients_are_those_that_are_embedded(opened, which):
    page = opened(PAGES[which]())
    assert float(page.find("#compared").get_attribute("data-off")) < 1e-12
    assert "largest relative difference" in page.text("#compared")


# --- section 1 ---


def softmax(scores):
    exps = np.exp(scores - scores.max())
    return exps / exps.sum()


def test_a_score_is_dragged_by_the_keyboard(opened):
    page = opened(case_study_page())
    assert page.driver.find_elements("css selector", "[data-dscore]") == []  # before the answer
    answer(page, "one")
    for key in (Keys.PAGE_UP, Keys.ARROW_LEFT, Keys.END, Keys.HOME):
        press(page, "#score-1", key)
        scores = np.array([number(page.text(f"output[for=score-{k}]")) for k in range(3)])
        exps, probs, dscores = rows(page, "exp"), rows(page, "prob"), rows(page, "dscore")
        np.testing.assert_allclose(probs, softmax(scores), atol=0.005)
        np.testing.assert_allclose(exps / exps.sum(), probs, atol=0.005)
        label = [e.is_selected() for e in page.driver.find_elements("name", "label")].index(True)
        np.testing.assert_allclose(dscores, probs - np.eye(3)[label], atol=1e-9)
        loss = number(page.text("#loss strong"))
        np.testing.assert_allclose(loss, -np.log(softmax(scores)[label]), rtol=0.005, atol=0.005)
        assert "Sum of dscores: 0.000." in page.text(".balance")
        raised, lowered = page.text("#balance").removesuffix(".").split(". Lowered: ")
        others = [number(one) for one in lowered.split(" + ")]
        np.testing.assert_allclose(number(raised.split(": ")[1]), sum(others), atol=0.002)
    assert page.find("#score-1").get_attribute("aria-valuetext") == "−5.00"


def test_the_label_and_the_example_are_chosen(opened):
    page = opened(case_study_page())
    answer(page, "one")
    before = rows(page, "prob")
    page.click(".row:nth-child(4) .who input")
    settle(page)
    np.testing.assert_allclose(rows(page, "dscore"), before - [0, 0, 1], atol=1e-9)
    press(page, "#example", Keys.END)
    assert "Example 299 (counted from 0 to 299) has the label y[i] = 2" in page.text(".picker")
    assert "The program for example 299" in page.text("#nudge")
    press(page, "#example", Keys.HOME)
    # The example is the origin, and only the biases make its scores.
    np.testing.assert_allclose(rows(page, "prob"), 1 / 3, atol=0.005)
    page.run("""const svg = document.querySelector('.points.pick').getBoundingClientRect();
      document.querySelector('.points.pick').dispatchEvent(new MouseEvent('click',
        { bubbles: true, clientX: svg.left + 2, clientY: svg.bottom - 2 }))""")
    settle(page)
    X = case_study().X
    corner = np.argmin(np.hypot(*(X - [X[:, 0].min(), X[:, 1].min()]).T))
    assert page.text("output[for=example]") == f"i = {corner}"


# --- questions ---


@pytest.mark.parametrize("name", RIGHT)
def test_the_answer_opens_after_a_choice(opened, name):
    page = opened(case_study_page())
    feedback = f"form:has(input[name={name}]) .feedback"
    opens = {"one": "[data-dscore]", "product": "#weights", "sum": "#biases", "reg": "#penalised"}[
        name
    ]
    page.click(f"form:has(input[name={name}]) button")
    settle(page)
    assert page.text(feedback) == ""  # nothing has been chosen
    said = set()
    for which in range(4):
        assert bool(page.driver.find_elements("css selector", opens)) == (which > 0)
        answer(page, name, which)
        text = page.text(feedback)
        assert text.startswith("Right. " if which == RIGHT[name] else "Not quite. ")
        said.add(text)
    assert len(said) == 4


# --- section 2 ---


@pytest.mark.parametrize("which", ["case study", "network"])
def test_every_number_has_the_slope_that_is_measured(opened, which):
    page = opened(PAGES[which]())
    press(page, "#h", Keys.ARROW_LEFT, Keys.ARROW_LEFT)
    found = page.driver.execute_async_script("""
      const done = arguments[0];
      const read = (id) => Number(document.getElementById(id).textContent.replace('−', '-'));
      const found = [];
      (async () => {
        for (const button of document.querySelectorAll('#nudge .grid button')) {
          button.click();
          await new Promise((go) => setTimeout(go));
          found.push([button.ariaLabel, button.ariaPressed, read('measured'), read('gradient')]);
        }
        done(found);
      })()""")
    assert {label.split("[")[0] for label, *_ in found} >= {"X", "W", "b", "scores", "probs"}
    for label, pressed, measured, gradient in found:
        assert pressed == "true"
        # The error of a central difference: h**2 / 6 times the third derivative, and rounding.
        assert abs(measured - gradient) < 1e-8 + 1e-10 * abs(gradient) ** 3, label


def test_advice_on_the_nudge_is_given_where_the_numbers_shown_differ(opened):
    page = opened(case_study_page())
    said = set()
    for key in (Keys.HOME, Keys.ARROW_RIGHT, Keys.END, Keys.ARROW_LEFT):
        press(page, "#h", key)
        for text in page.driver.execute_async_script("""
          const [done, found] = [arguments[0], []];
          (async () => {
            for (const button of document.querySelectorAll('#nudge .grid button')) {
              button.click();
              await new Promise((go) => setTimeout(go));
              found.push(document.getElementById('nudge-said').textContent);
            }
            done(found);
          })()"""):
            if "not defined" in text:
                said.add("undefined")
                continue
            shown = re.match(r".*slope is (\S+), and the gradient is (\S+)\.( .*)?$", text)
            assert (shown[1] != shown[2]) == bool(shown[3]), text
            said |= {word for word in ("chord", "rounding") if word in text}
    assert said == {"chord", "rounding", "undefined"}


def test_a_kink_is_said(opened):
    page = opened(network())
    layer = embedded(network())["models"][0]["layers"][0]
    x = np.array(embedded(network())["X"][embedded(network())["example"]])
    hidden = np.abs(x @ np.array(layer["W"]) + layer["b"])
    press(page, "#h", Keys.END)  # 1: some unit is switched on or off
    assert hidden.min() < 1
    page.run(f"document.querySelectorAll('#nudge-b button')[{hidden.argmin()}].click()")
    settle(page)
    assert "kink" in page.text("#nudge-said")
    press(page, "#h", Keys.HOME)
    assert "kink" not in page.text("#nudge-said")


def test_a_table_of_numbers_is_entered_once_and_moved_in_by_arrows(opened):
    page = opened(case_study_page())
    page.run("document.querySelector('#nudge-W button').focus()")
    page.press(Keys.ARROW_RIGHT)
    page.press(Keys.ARROW_DOWN)
    page.press(Keys.ENTER)
    settle(page)
    assert page.text("#nudge h3").startswith("W[1, 1]")
    stops = page.run("return document.querySelectorAll('#nudge-W button[tabindex=\"0\"]').length")
    assert stops == 1
    page.press(Keys.ARROW_DOWN)  # there is no row below
    assert page.run("return document.activeElement.dataset.row") == "1"


# --- section 3 ---


def test_the_pieces_of_a_weight_add_up(opened):
    from selenium.webdriver import ActionChains  # only where it is installed

    page = opened(case_study_page())
    X, y, *_ = case_study()
    model = embedded(PAGES["case study"]())["models"][0]
    W, b = (np.array(model["layers"][0][name]) for name in "Wb")
    scores = tg.Tensor(X @ W + b)
    tg.cross_entropy(scores, y).backward()
    dW = X.T @ scores.grad
    answer(page, "product")
    assert "reg * W" not in page.text("#weight-sum")  # it answers the last question
    answer(page, "reg")
    for d, k in np.ndindex(2, 3):
        cell = page.find(f"#weights [data-row='{d}'][data-column='{k}']")
        page.run("arguments[0].scrollIntoView({ block: 'center' })", cell)
        ActionChains(page.driver, duration=0).move_to_element(cell).perform()
        settle(page)
        assert cell.get_attribute("aria-pressed") == "true"
        assert number(page.text("#weight-pieces [data-total]")) == pytest.approx(dW[d, k], rel=1e-3)
        assert f"X[i, {d}] * dscores[i, {k}] add up to" in page.text("#weight-sum")
        assert f"reg * W[{d}, {k}]" in page.text("#weight-sum")
        total = number(page.text("#weight-sum").split("= ")[-1].removesuffix("."))
        assert total == pytest.approx(dW[d, k] + 1e-3 * W[d, k], rel=1e-3)
        assert number(cell.text) == total
    page.run("document.querySelector('#weights button').focus()")
    page.press(Keys.ARROW_RIGHT)
    settle(page)
    assert "dscores[i, 1]" in page.text("#weight-sum")
    answer(page, "sum")
    page.run("document.querySelector('#biases [data-column=\"2\"]').click()")
    settle(page)
    total = number(page.text("#bias-pieces [data-total]"))
    assert total == pytest.approx(scores.grad.sum(axis=0)[2], rel=0.01)
    page.run("document.querySelector('#bias-pieces details').open = true")
    assert "The first 20 of 300 examples" in page.text("#bias-pieces")


def test_both_layers_of_a_network_are_shown(opened):
    page = opened(network())
    answer(page, "product")
    gradients = embedded(network())["models"][0]["gradients"]
    for at, name in ((1, "dscores"), (0, "dhidden")):
        page.run(f"document.querySelectorAll('input[name=layer]')[{at}].click()")
        settle(page)
        cells = page.driver.find_elements("css selector", "#weights button")
        shown = page.run("return arguments[0].map((cell) => cell.textContent)", cells)
        np.testing.assert_allclose([number(text) for text in shown], np.ravel(gradients[at]["W"]),
                                   rtol=6e-3)  # fmt: skip
        assert f"{name}[i, " in page.text("#weight-sum")
        assert page.run("""
          const [cell, box] = ['#weights [aria-pressed=true]', '.wide:has(#weights)']
            .map((it) => document.querySelector(it).getBoundingClientRect());
          return cell.left >= box.left && cell.right <= box.right""")


def test_a_classifier_without_biases_is_shown_without_them(opened):
    X, y = spiral(5, 2, random_state=0)
    page = opened(tg.draw(lambda W, X, y: tg.cross_entropy(X @ W, y), explore=True,
                          W=np.eye(2), X=X, y=y))  # fmt: skip
    assert float(page.find("#compared").get_attribute("data-off")) < 1e-12
    answer(page, "one")
    answer(page, "product")
    assert "no regularisation, so this is the whole gradient" in page.text("#weight-sum")
    assert page.driver.find_elements("css selector", "input[name=sum], #nudge-b") == []
    assert "scores = np.dot(X[i], W)\n" in page.text("#nudge .values")
    page.click("#steps-10")
    settle(page)
    by_package = losses({"W": np.eye(2)}, lambda W, X, y, reg: tg.cross_entropy(X @ W, y), 10, 1.0,
                        0.0, X=X, y=y)  # fmt: skip
    assert f"to {by_package[10]:.4f}" in said(page)


def test_the_regularisation_is_added(opened):
    page = opened(network())
    model = embedded(network())["models"][0]
    answer(page, "reg")
    page.run('document.querySelector(\'#penalised [data-row="3"][data-column="1"]\').click()')
    settle(page)
    w, dw = (model[part][1]["W"][3][1] for part in ("layers", "gradients"))
    text = page.text("#penalty")
    slope = number(re.search(r"measured slope is (\S+);", text)[1])
    assert slope == pytest.approx(0.02 * w, rel=1e-3)
    assert number(text.split("dW2[3, 1] = ")[1].removesuffix(".")) == pytest.approx(dw, rel=1e-3)


# --- the lines on the page ---


def given(seed, change=None):
    """The inputs of a classifier, with one of them changed."""
    rng = np.random.default_rng(seed)
    data = {"X": rng.normal(size=(7, 2)), "y": rng.integers(0, 2, 7), "W": rng.normal(size=(2, 2)),
            "b": rng.normal(size=2)}  # fmt: skip
    return data | {name: make(data[name]) for name, make in (change or {}).items()}


def softmax_loss(W, b, X, y):
    labels = np.argmax(y, axis=1) if np.ndim(y) == 2 else np.asarray(y).astype(int)
    return tg.cross_entropy(np.asarray(X) @ W + b, labels) + 0.01 * np.sum(W**2)


FORMS = {
    "flat bias": {},
    "row bias": {"b": lambda b: b[None]},
    "one-hot": {"y": lambda y: np.eye(2)[y]},
    "one-hot integers": {"y": lambda y: np.eye(2, dtype=int)[y]},
    "float labels": {"y": lambda y: y.astype(float)},
    "Boolean labels": {"y": lambda y: y > 0},
    "lists": {"X": lambda X: X.tolist(), "y": lambda y: y.tolist()},
    "lists of one-hot rows": {"y": lambda y: np.eye(2)[y].tolist()},
}
CLASHES = [("scores", "probs", "loss", "i"), ("X", "dW", "W", "b"), ("reg", "dscores", "h", "np"),
           ("k", "j", "d", "hidden"), ("features", "labels", "weights", "offsets")]  # fmt: skip
CASES = [*((form, ("X", "y", "W", "b")) for form in FORMS), *(("one-hot", own) for own in CLASHES),
         *(("row bias", own) for own in CLASHES), ("one-hot", ("X", "T", "y", "b")),
         ("one-hot", ("X", "T", "W", "b"))]  # fmt: skip


@pytest.mark.parametrize(("form", "names"), CASES)
def test_the_lines_on_the_page_run_with_the_given_data(opened, form, names):
    data = given(0, FORMS[form])
    own = dict(zip(names, data, strict=True))
    inputs = {name: data[role] for name, role in own.items()}
    page = opened(tg.draw(lambda **it: softmax_loss(**{own[name]: it[name] for name in it}),
                          explore=True, **inputs))  # fmt: skip
    code = """return [...document.querySelectorAll(arguments[0])]
      .map((it) => it.textContent).join('\\n')"""
    shown = page.run("return data")
    calls = {old: new for new, old in shown["renamed"]}
    space = {calls.get(name, name): copy.deepcopy(value) for name, value in inputs.items()}
    for new, old in shown["renamed"]:
        assert f"{new} = {old}" in page.text("header")
    W, b = (shown["models"][0]["names"][0][name] for name in "Wb")
    X, y = np.array(data["X"]), np.array(shown["y"])
    scores = X @ data["W"] + data["b"]
    true = tg.value_and_grad(softmax_loss, ("W", "b"))(**data)[1]
    space |= {"np": np, "num_examples": 7, "reg": shown["models"][0]["reg"], "step_size": 0.1,
              "probs": np.array([softmax(row) for row in scores])}  # fmt: skip
    exec(page.run(code, ".lines code"), space)
    np.testing.assert_allclose(space[f"d{W}"], true[0], rtol=1e-9)
    np.testing.assert_allclose(space[f"d{b}"], true[1], rtol=1e-9)
    exec(page.run(code, "#steps pre code"), space)
    np.testing.assert_allclose(space[b], data["b"] - 0.1 * true[1], rtol=1e-9)
    space |= {W: data["W"], b: data["b"], "i": shown["example"]}
    loss = -np.log(softmax(scores[space["i"]])[y[space["i"]]])
    for section in ("#nudge", "#one"):
        exec(page.run(code, f"{section} pre code"), space)
        assert space["loss"] == pytest.approx(loss)
    name, value = page.find("#nudge-b button").get_attribute("aria-label").split(" = ")
    assert eval(name, space) == pytest.approx(number(value), rel=1e-3)


# --- section 4 ---


def losses(parameters, loss, steps, size, reg, **data):
    """The loss after each of some steps, by the package."""
    step, found = tg.value_and_grad(loss, tuple(parameters)), []
    for _ in range(steps + 1):
        value, gradients = step(**parameters, **data, reg=reg)
        found.append(value)
        parameters = {name: parameters[name] - size * g
                      for name, g in zip(parameters, gradients, strict=True)}  # fmt: skip
    return found


def said(page):
    return page.text("#steps-said")


def test_the_loss_falls_as_it_does_by_the_package(opened):
    page = opened(case_study_page())
    X, y, start, net = case_study()
    by_package = losses(start._asdict(), linear_loss, 11, 1.0, 1e-3, X=X, y=y)
    assert f"The loss after 0 steps is {by_package[0]:.4f}" in said(page)
    page.click("#steps-1")
    settle(page)
    assert f"fell from {by_package[0]:.4f} to {by_package[1]:.4f}" in said(page)
    page.click("#steps-10")
    settle(page)
    assert f"fell from {by_package[1]:.4f} to {by_package[11]:.4f}" in said(page)
    regions = page.find(".regions canvas").get_attribute("aria-label")
    assert regions.startswith("Decision regions after 11 steps.")
    press(page, "#reg", Keys.END)
    assert "The loss after 11 steps is" in said(page)
    page.click("#steps-reset")
    settle(page)
    W = start.W
    assert f"is {by_package[0] + 0.5 * (1 - 1e-3) * np.sum(W * W):.4f}" in said(page)
    page.click("input[name=model]:not(:checked)")
    settle(page)
    by_package = losses(net._asdict(), network_loss, 10, 1.0, 1e-3, X=X, y=y)
    page.click("#steps-10")
    settle(page)
    assert f"fell from {by_package[0]:.4f} to {by_package[10]:.4f}" in said(page)


def test_the_regions_move(opened):
    page = opened(case_study_page())
    painted = """
      const copy = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
      copy.drawImage(document.querySelector('.regions canvas'), 0, 0);
      return [...copy.getImageData(0, 0, 72, 72).data].join()"""
    settle(page)
    before = page.run(painted)
    page.click("#steps-100")
    settle(page)
    after = page.run(painted)
    assert after != before
    assert len(set(after.split(","))) > 20  # shades


def test_a_step_that_is_too_long_is_said(opened):
    page = opened(case_study_page())
    press(page, "#step-size", Keys.END)
    page.click("#steps-1")
    settle(page)
    assert "The loss rose from" in said(page)
    assert "step size is too large" in said(page)


def plain_page(n, d, reg, scale=1.0, bias=True):
    """A page of drawn data, for what section 4 says of them."""
    rng = np.random.default_rng(0)
    data = {"W": scale * rng.normal(size=(d, 3)), "X": rng.normal(size=(n, d)),
            "y": np.arange(n) % 3, "reg": reg}  # fmt: skip
    data |= {"b": rng.normal(size=3)} if bias else {"b": 0.0}
    return tg.draw(linear_loss, explore=True, **data)


@pytest.mark.parametrize(("n", "d", "reg"), [(1, 1, 0.0), (2, 2, 500.0), (9, 3, 0.02)])
@pytest.mark.parametrize("bias", [True, False])
def test_what_the_page_says_fits_its_data(opened, n, d, reg, bias):
    page = opened(plain_page(n, d, reg, bias=bias))
    for name in asked(page):
        answer(page, name)
    lines = page.text(".lines")
    assert lines.count("#") == 2 + bias + (reg > 0) == len(asked(page))
    if reg:
        assert f"with reg = {reg:g}." in page.text("header")
    for _ in range(2):  # before and after a step
        loss = float(re.findall(r"[\d.]+\d", said(page).split(" The mean")[0])[-1])
        parts = re.search(
            r"mean over the examples is (\S+), the regularisation (\S+)\.", said(page)
        )
        assert sum(map(float, parts.groups())) == pytest.approx(loss, abs=1.1e-4)
        press(page, "#step-size", Keys.HOME)
        page.click("#steps-1")
        settle(page)
    everything = page.text("body")
    assert not re.search(r"(?<![\d.,−-])1 (examples|features|steps)", everything)
    assert ("regions" in everything) == (d == 2)


@pytest.mark.parametrize("reg", [0.0, 1.0, 300.0])
def test_steps_that_diverge_are_said(opened, reg):
    page = opened(plain_page(30, 2, reg))
    press(page, "#step-size", Keys.END)
    for _ in range(8):
        page.click("#steps-100")
        settle(page)
        assert not re.search(r"\d{9}", page.text("#steps"))
        assert "NaN" not in said(page)
    assert ("diverged" in said(page)) == (reg > 0)


def test_a_loss_that_stays_is_said_to_stay(opened):
    rng = np.random.default_rng(0)
    page = opened(tg.draw(linear_loss, explore=True, W=np.zeros((2, 3)), b=np.zeros(3), reg=0.0,
                          X=1e-4 * rng.normal(size=(6, 2)), y=np.arange(6) % 3))  # fmt: skip
    page.click("#steps-1")
    settle(page)
    assert "stayed at 1.0986" in said(page)


# --- languages, sizes, colours ---


def test_the_language_is_that_of_the_address_and_is_switched(opened):
    page = opened(case_study_page(), address="#lang=zh")
    assert page.find("html").get_attribute("lang") == "zh-CN"
    assert page.text("h1") == "softmax 损失的梯度从何而来？"
    answer(page, "one")
    assert "抬高" in page.text("#balance")
    page.click("button[lang=en]")
    settle(page)
    assert page.find("html").get_attribute("lang") == "en"
    assert page.driver.title == "The softmax gradient, explored"
    assert page.driver.current_url.endswith("#lang=en")
    assert "Raised" in page.text("#balance")  # nothing else has changed
    page.run("location.hash = '#lang=zh&at=steps'")
    page.wait(lambda: page.text("h1").startswith("softmax"))
    assert page.run("return document.activeElement.id") == "steps-title"


def test_the_language_is_first_that_of_the_browser(opened):
    page = opened(case_study_page())
    agent = page.run("return navigator.userAgent")

    def prefer(accepted):
        preferred = {"userAgent": agent, "acceptLanguage": accepted}
        page.driver.execute_cdp_cmd("Emulation.setUserAgentOverride", preferred)

    try:
        for accepted, lang in (("zh-TW", "zh-CN"), ("de", "en")):
            prefer(accepted)
            opened(case_study_page())
            assert page.find("html").get_attribute("lang") == lang
    finally:
        prefer("en-US")


@pytest.mark.parametrize(
    ("which", "lang"), [("case study", "en"), ("network", "zh"), ("many", "en")]
)
def test_it_fits_a_phone(opened, which, lang):
    page = opened(PAGES[which](), width=390, height=800, address=f"#lang={lang}")
    for name in asked(page):
        answer(page, name)
    page.click("#steps-10")
    settle(page)
    assert page.run("return document.documentElement.scrollWidth") <= 390
    small = page.run("""
      return [...document.querySelectorAll('button:not(.grid button), input, summary')]
        .filter((it) => (it.closest('label') ?? it).getBoundingClientRect().height < 32)
        .map((it) => it.outerHTML)""")  # fmt: skip
    assert small == []


def test_it_works_in_the_frame_of_a_notebook(opened, tmp_path):
    page = opened(case_study_page())
    frame = case_study_page()._repr_html_()
    (tmp_path / "notebook.html").write_text(f'<link rel="icon" href="data:,">{frame}')
    page.driver.get((tmp_path / "notebook.html").as_uri())
    page.driver.switch_to.frame(0)
    page.click("button[lang=zh]")
    settle(page)
    assert "梯度" in page.text("h1")
    page.driver.switch_to.default_content()


AXE = os.environ.get("AXE", "node_modules/axe-core/axe.min.js")


@pytest.mark.skipif(
    not Path(AXE).is_file(), reason="no axe-core: npm install axe-core, or AXE=FILE"
)
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("which", [*PAGES, "graph"])
def test_axe_finds_nothing_serious(opened, which, scheme, width):
    page = opened(question() if which == "graph" else PAGES[which](), width=width)
    page.media(color_scheme=scheme, reduced_motion="reduce")
    if which == "graph":
        page.click("#next")
        page.click("#next")
    else:
        for name in asked(page):
            answer(page, name, 3)
        page.click("#steps-10")
        settle(page)
    page.run(Path(AXE).read_text("utf-8"))
    found = page.driver.execute_async_script(
        "axe.run().then((found) => arguments[0](found.violations.map((it) =>"
        "[it.impact, it.id, it.nodes.map((node) => node.html.slice(0, 200)).slice(0, 3)])))"
    )
    assert [one for one in found if one[0] in ("serious", "critical")] == []
