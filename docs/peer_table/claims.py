"""The claims: each runs the same on every library and says in a few words what came out.

A gradient is right if it is that of the formulas by hand. One that is not, without an error, is
silently wrong. Imports `losses`; knows of a library only what `libraries.Ours` declares.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from peer_table.losses import REG, W, X, b, by_method, composed, in_place, own_lines, squares, y

from tinygrad_softmax import by_hand

BY_SQUARES = [2 * X.T @ (X @ W + b), 2 * np.sum(X @ W + b, axis=0, keepdims=True)]


def right(W: Any = W, labels: Any = y) -> list[Any]:
    """Return the gradients by hand."""
    return list(by_hand.linear(W, b, X, labels, REG)[-2:])


def judge(run: Callable[[], Any], expected: list[Any] | None) -> str:
    """Run what finds gradients; None is expected where no answer would be right."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            found = [np.asarray(each, dtype=float) for each in run()]
        except Exception:
            return "error"
    if expected is not None and matches(found, expected):
        return "right"
    if all(np.all(np.isfinite(each)) for each in found):
        return "wrong, with a warning" if heard else "silently wrong"
    return "NaN, with a warning" if heard else "NaN, silent"


def matches(found: list[Any], expected: list[Any]) -> bool:
    """Say whether gradients have the right shapes and numbers."""
    pairs = zip(found, expected, strict=True)
    return all(a.shape == b.shape and np.allclose(a, b, rtol=1e-9, atol=1e-12) for a, b in pairs)


def run(lib: Any, loss: Callable[..., Any], namespace: Any = None, W: Any = W, y: Any = y) -> Any:
    """Return the gradients of a loss that is written against a namespace."""
    data = lib.data(X), lib.data(y)
    return lib.record(lambda W, b: loss(namespace or lib.np, W, b, *data), W, b)[1]()


def applies(lib: Any) -> bool:
    """Say whether the library can compute the loss at all."""
    return judge(lambda: run(lib, composed), right()) == "right"


def plain_lines(lib: Any) -> str:
    if judge(lambda: run(lib, own_lines, np), right()) == "right":
        return "yes"
    if judge(lambda: run(lib, own_lines), right()) == "right":
        return "no: own namespace"
    return "no: other lines" if applies(lib) else "no: scalars only"


def loop_in_place(lib: Any) -> str:
    return judge(lambda: run(lib, in_place), right()) if applies(lib) else "scalars only"


def loop_by_method(lib: Any) -> str:
    return judge(lambda: run(lib, by_method), right()) if applies(lib) else "scalars only"


def labelled(labels: Any) -> Callable[[Any], str]:
    """Make the claim of what becomes of labels that cannot be right."""

    def claim(lib: Any) -> str:
        if not applies(lib):
            return "scalars only"
        told = judge(lambda: run(lib, composed, y=labels), None)
        if lib.fused is None:
            return told
        return f"{told}; {lib.fused_name}: {judge(lambda: run(lib, fused(lib), y=labels), None)}"

    return claim


def fused(lib: Any) -> Callable[..., Any]:
    """Return the loss with the library's own cross-entropy."""
    return lambda np, W, b, X, y: lib.fused(X @ W + b, y) + 0.5 * REG * np.sum(W * W)


def changed(lib: Any, watch: Any = nullcontext, parameter: bool = False) -> str:
    """Overwrite data, or a parameter, between forward and backward."""

    def change() -> Any:
        mine = X.copy()
        with watch():
            data = lib.data(mine)
            params, pull = lib.record(lambda W, b: squares(lib.np, W, b, data), W.copy(), b.copy())
            if parameter:
                lib.update(params[0])
            else:
                mine *= 0
            return pull()

    told = judge(change, BY_SQUARES)
    return {"right": "right: copied", "error": "noticed"}.get(told, told)


def data_changed(lib: Any) -> str:
    told = changed(lib)
    return f"{told}; `detect_anomaly`: {changed(lib, lib.debugging)}" if lib.debugging else told


def parameter_changed(lib: Any) -> str:
    return changed(lib, parameter=True)


def large_scores(lib: Any) -> str:
    if not applies(lib):
        return "scalars only"
    large = W * (1e4 / np.max(np.abs(X @ W)))
    parts = [judge(lambda: run(lib, composed, W=large), right(large))]
    if lib.fused:
        parts.append(
            f"{lib.fused_name}: {judge(lambda: run(lib, fused(lib), W=large), right(large))}"
        )
    for name, pull in lib.stabilised(large) if lib.stabilised else ():
        parts.append(f"{name}: {judge(pull, right(large))}")
    return "; ".join(parts)


def formula(lib: Any) -> str:
    return lib.formula() if lib.formula else "no"


def names_mistake(lib: Any) -> str:
    if lib.complaint is None:
        return "no checker"
    told = lib.complaint()
    if not told:
        return "not noticed"
    return "yes" if "division" in told and "missing" in told else "noticed, not named"


def relu_at_zero(lib: Any) -> str:
    slope = float(lib.record(lambda x: lib.np.sum(lib.relu(x)), np.zeros(1))[1]()[0][0])
    if lib.check_relu is None:
        return f"{slope:g}; no checker"
    told = judge(lambda: lib.check_relu() or [], [])
    return f"{slope:g}; {'passes' if told == 'right' else 'fails'}"


def intermediate(lib: Any) -> str:
    kept = []

    def loss(W: Any, b: Any) -> Any:
        kept.append(lib.data(X) @ W + b)
        return lib.np.sum(kept[0] ** 2)

    lib.record(loss, W, b)[1]()
    grads = (
        [getattr(each, "grad", None) for each in np.ravel(kept[0])] if scalars(kept[0]) else None
    )
    grad = np.reshape(grads, (len(X), -1)) if grads else getattr(kept[0], "grad", None)
    return "yes" if grad is not None and np.allclose(grad, 2 * (X @ W + b)) else "no"


def scalars(values: Any) -> bool:
    """Say whether these are NumPy's boxes of a library's scalars."""
    return isinstance(values, np.ndarray) and values.dtype == object


def second_order(lib: Any) -> str:
    if lib.second is None:
        return "no"
    x = np.array([1.0, -2.0])
    told = judge(lambda: [lib.second(lambda x: lib.np.sum(x**3), x)], [np.diag(6 * x)])
    return "yes" if told == "right" else told


def gpu(lib: Any) -> str:
    return "yes" if lib.on_gpu() else "no"


def ops(lib: Any) -> str:
    return f"{lib.rules()}"


def megabytes(lib: Any) -> str:
    """Measure the folder of the package and what it requires, NumPy aside."""
    size = sum(folders(lib)) / 1e6
    return f"{size:.1g} MB" if size < 1 else f"{size:.0f} MB"


def folders(lib: Any) -> Iterator[int]:
    """Return the size of every file that is not a cache."""
    own = Path(lib.module.__file__).parent
    yield from (path.stat().st_size for path in own.rglob("*") if counts(path))
    for name in required(lib.package) - {lib.package, "numpy"}:
        paths = [Path(str(file.locate())) for file in metadata.files(name) or ()]
        yield from (path.stat().st_size for path in paths if counts(path))


def counts(path: Path) -> bool:
    return path.is_file() and path.suffix != ".pyc"


def required(package: str) -> set[str]:
    """Return the names of a package and all that it requires without extras."""
    found, todo = set(), [package]
    while todo:
        name = todo.pop().lower()
        if name in found:
            continue
        try:
            lines = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # run from a checkout, or not wanted on this platform
        found.add(name)
        for line in lines:
            if ";" not in line:
                todo.append(line.split()[0].split("<")[0].split(">")[0].split("=")[0].split("!")[0])
    return found


LATE = np.where(np.arange(len(y)) == len(y) - 1, 3, y)
CLAIMS: dict[str, Callable[[Any], str]] = {
    "the case study's own lines run with `import numpy as np`": plain_lines,
    "a loop over the examples, changed in place": loop_in_place,
    "a loop with `X[i].dot(W)`": loop_by_method,
    "label -1": labelled(np.where(np.arange(len(y)) == 0, -1, y)),
    "label K": labelled(LATE),
    "labels of shape (N, 1)": labelled(y[:, None]),
    "X overwritten before backward": data_changed,
    "a parameter overwritten before backward": parameter_changed,
    "the naive lines at scores of 10⁴": large_scores,
    "gives the formula `probs - 1` as code": formula,
    "its gradient check names a forgotten division": names_mistake,
    "relu's gradient at 0; its own gradient check": relu_at_zero,
    "`scores.grad` is there without asking": intermediate,
    "second-order gradients": second_order,
    "GPU": gpu,
    "ops with a gradient (roughly)": ops,
    "installed size, NumPy aside": megabytes,
}
NUMBERS = {ops, megabytes}
