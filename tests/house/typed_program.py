"""A program that uses every public name; read by type checkers, in `test_types`, and run there."""

# ruff: noqa: F841, RUF059, T201 - what is made is only looked at by a type checker

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import tinygrad_softmax as tg
from tinygrad_softmax import Report, Tensor, by_hand, datasets

Array = NDArray[np.float64]


def main() -> None:
    """Do everything that there is to do, in small."""
    rng = np.random.default_rng(0)
    X: Array = rng.standard_normal((6, 2))
    y: NDArray[np.int64] = rng.integers(0, 3, 6)
    W = Tensor(rng.standard_normal((2, 3)), name="W")
    b = Tensor(np.zeros((1, 3)), name="b", requires_grad=True, copy=True)

    # --- tensors ---

    assert_type(W + 1, Tensor)
    assert_type(1 + W, Tensor)
    assert_type(W - 1.0, Tensor)
    assert_type(2 * W / 3, Tensor)
    assert_type(1 / (1 + W * W), Tensor)
    assert_type(-W, Tensor)
    assert_type(abs(W), Tensor)
    assert_type(W**2, Tensor)
    assert_type(2**W, Tensor)
    assert_type(W @ W.T, Tensor)
    assert_type(W.T, Tensor)
    assert_type(W[0], Tensor)
    assert_type(W[np.arange(2), np.array([0, 1])], Tensor)
    assert_type(W[:, None], Tensor)
    assert_type([row for row in W], list[Tensor])  # noqa: C416 - it is the row's type that is asked
    assert_type(W.shape, tuple[int, ...])
    assert_type(W.ndim, int)
    assert_type(W.size, int)
    assert_type(len(W), int)
    assert_type(W.name, str | None)
    assert_type(W.requires_grad, bool)
    assert_type(W.reshape(3, 2), Tensor)
    assert_type(W.reshape((-1,)), Tensor)
    assert_type(W.transpose(), Tensor)
    assert_type(W.flatten(), Tensor)
    assert_type(W.astype(np.float32), Tensor)
    assert_type(W.copy(), Tensor)
    assert_type(W.clip(-1, 1), Tensor)
    assert_type(W.detach(), Tensor)
    W.sum()
    W.sum(axis=0, keepdims=True)
    W.mean()
    W.max(axis=1)
    W.dot(W.T)
    W.ravel()
    W > 0  # noqa: B015 - that it may be written is what is asked
    np.sum(W)
    np.exp(W)
    np.maximum(0, W)
    X @ W

    # --- a loss, trained by hand ---

    scores = tg.relu(Tensor(X, requires_grad=False) @ W + b)
    loss = tg.cross_entropy(scores, y) + 0.5 * 1e-3 * np.sum(W * W)
    loss.backward()
    W.data -= 0.1 * W.grad
    W.grad = None
    b.data = np.zeros((1, 3))

    for function in (tg.softmax, tg.log_softmax, tg.logsumexp, tg.relu, tg.softplus, tg.sigmoid):
        function(W)
        function(X)
    assert_type(tg.softmax(W, axis=1), Tensor)
    assert_type(tg.log_softmax(W), Tensor)
    assert_type(tg.logsumexp(W, axis=1, keepdims=True), Tensor)
    assert_type(tg.relu(W), Tensor)
    assert_type(tg.softplus(W), Tensor)
    assert_type(tg.sigmoid(W), Tensor)
    assert_type(tg.cross_entropy(W, [0, 1]), Tensor)
    assert_type(tg.cross_entropy(scores, y, reduction="sum"), Tensor)
    probs: Array = tg.softmax(X)
    likely: Array = tg.log_softmax([[1.0, 2.0]])
    number: float = tg.cross_entropy(X, y % 2)

    # --- gradients of functions ---

    def softmax_loss(W: Any, b: Any, X: Array, y: NDArray[np.int64], reg: float) -> Any:
        scores = X @ W + b
        e = np.exp(scores)
        probs = e / np.sum(e, axis=1, keepdims=True)
        return -np.mean(np.log(probs[range(len(X)), y])) + 0.5 * reg * np.sum(W * W)

    def softmax_gradients(
        W: Array, b: Array, X: Array, y: NDArray[np.int64], reg: float
    ) -> dict[str, Array]:
        step = by_hand.linear(W, b, X, y, reg)
        return {"W": np.asarray(step.dW, float), "b": np.asarray(step.db, float)}

    inputs: dict[str, Any] = {"W": W.data, "b": b.data, "X": X, "y": y, "reg": 1e-3}
    dW: Array = tg.grad(softmax_loss, wrt="W")(**inputs)
    value, (dW, db) = tg.value_and_grad(softmax_loss, wrt=("W", "b"))(**inputs)
    out, pull = tg.vjp(lambda W: X @ W, W.data)
    (pulled,) = pull(np.ones((6, 3)))
    slopes: Array = tg.jacobian(lambda x: x**2)(np.ones(3))
    curvature: Array = tg.hessian(lambda x: np.sum(x**3))(np.ones(3))
    along: Array = tg.hvp(lambda x: np.sum(x**3))(np.ones(3), vector=np.ones(3))

    # --- what explains ---

    derivation: tg.Derivation = tg.derive(softmax_loss, ("W", "b"), stable=True, **inputs)
    assert_type(derivation.source, str)
    assert_type(derivation.markdown, str)
    assert_type(derivation.latex, str)
    assert_type(derivation.program.gradient, str)
    assert_type(derivation(**inputs), dict[str, Any])
    assert_type(derivation.intermediates(**inputs), dict[str, Any])
    for step in derivation.steps:
        print(step.sentence, step.before, step.after)

    explanation: tg.Explanation = tg.explain(softmax_loss, "W", **inputs)
    assert_type(explanation.markdown, str)
    assert_type([arrow.formula for arrow in explanation.arrows], list[str])
    tg.explain(Tensor(1.0) * 2)

    drawing: tg.Drawing = tg.draw(softmax_loss, "W", limit=100, **inputs)
    assert_type(tg.draw(softmax_loss, explore=True, **inputs), tg.Explorable)
    assert_type(drawing.svg, str)
    assert_type(drawing.html, str)
    assert_type(drawing.dot, str)

    compiled: tg.Compiled = tg.compile(softmax_loss, ("W", "b"))
    value, gradients = compiled(**inputs)
    assert_type(gradients, dict[str, Any])
    assert_type(compiled.source, str)

    # --- what checks ---

    report: Report = tg.check_gradients(softmax_loss, softmax_gradients, **inputs)
    assert_type(report.ok, bool)
    assert_type(report.right, tuple[str, ...])
    assert_type(report.notes, tuple[str, ...])
    report.raise_if_wrong()

    def first(report: Report) -> tg.Finding | None:
        return report.findings[0] if report.findings else None

    finding = first(report)
    if finding is not None:
        print(finding.stage, finding.cause, finding.sentence, finding.line)
    checked = tg.gradcheck(lambda x: np.sum(x**2), np.ones(3))
    assert_type(checked.compared, int)
    mistakes: list[tg.SeededMistake] = list(tg.seed_mistakes(softmax_loss, "W", most=2, **inputs))
    print(mistakes[0].source, mistakes[0].cause)
    assert_type(tg.catch_rate(lambda function: False, mistakes), float)
    reports: dict[str, Report | Exception] = {"ada": report, "ben": ValueError("no gradient")}
    summary = tg.summarise(reports)
    assert_type(summary, tg.Summary)
    print(summary.right, summary.failed)

    # --- classifier, data, the answer by hand ---

    spiral_X, spiral_y = datasets.spiral(20, 3)
    model = tg.SoftmaxClassifier(hidden=None)
    assert_type(model.fit(spiral_X, spiral_y), tg.SoftmaxClassifier)
    model.fit(spiral_X, spiral_y).predict(spiral_X)
    model.predict_proba(spiral_X)
    model.score(spiral_X, spiral_y)
    print(datasets.case_study().linear.W, by_hand.linear(W.data, b.data, X, y).loss)

    # --- ops of one's own, contexts, errors ---

    @tg.primitive(symbol="", noun="cube")
    def cube(x: Any) -> Any:
        """Cube every entry."""
        return x * x * x

    @cube.grad("x")
    def _cube_rule(g: Any, x: Any) -> Any:
        """Each of the three factors moves the product."""
        return 3 * g * x * x

    @tg.implements(np.nan_to_num)
    def nan_to_num(x: Any) -> Any:
        return np.where(np.isnan(x), 0.0, x)

    cube(W)
    with tg.no_grad():
        X @ W.data
    with tg.detect_anomaly():
        np.log(Tensor(1.0))

    @tg.no_grad()
    def predicted(X: Array) -> Any:
        return np.argmax(X @ W.data, axis=1)

    errors: tuple[type[Exception], ...] = (
        tg.AnomalyError, tg.BackwardError, tg.DataError, tg.DerivationError, tg.GradientLostError,
        tg.GradientMismatchError, tg.LabelError, tg.NoRuleError, tg.ShapeError, tg.StaleDataError,
    )  # fmt: skip
    try:
        X @ Tensor(np.ones((5, 1)))
    except tg.ShapeError as error:
        print(error.sizes)
    except (tg.LabelError, tg.BackwardError):
        raise
