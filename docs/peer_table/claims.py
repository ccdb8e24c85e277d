"""The claims: each runs the same on every library and says in a few words what came out.

`CLAIMS` are the rows of the table. Imports `losses`, `judging` and `sizes`.
"""

# ruff: noqa: D103 - what a claim is, its row says

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
from peer_table.judging import BY_SQUARES, absent, applies, judge, right, run
from peer_table.losses import REG, W, X, b, by_method, composed, in_place, own_lines, squares, y
from peer_table.sizes import megabytes

FORMULA = "symbolic|formula|simplif|jaxpr|to_source|to_code|make_fx"
CHECKER = "check_?grad|grad_?check"


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
        told = {"": judge(lambda: run(lib, composed, y=labels), None)}
        if lib.fused:
            told[lib.stable_name] = judge(lambda: run(lib, by(lib.fused), y=labels), None)
        return together(told)

    return claim


def by(data_loss: Callable[..., Any]) -> Callable[..., Any]:
    """Return the loss of which a library computes this part."""
    return lambda np, W, b, X, y: data_loss(X @ W + b, y) + 0.5 * REG * np.sum(W * W)


def together(told: dict[str, str]) -> str:
    """Join what came out in several ways; once if it was always the same."""
    if len(set(told.values())) == 1:
        return next(iter(told.values()))
    return "; ".join(f"{name}: {what}" if name else what for name, what in told.items())


def changed(lib: Any, change: Callable[..., None], own: bool = False, watch: Any = None) -> str:
    """Overwrite data, or a parameter, between forward and backward."""
    mine = X.copy()
    with (watch or nullcontext)():
        data = lib.data(mine) if own else lib.shared(mine)
        params, pull = lib.record(lambda W, b: squares(lib.np, W, b, data), W.copy(), b.copy())
        if judge(lambda: change(data if own else mine, params[0]) or [], []) == "error":
            return "refused"
        told = judge(pull, BY_SQUARES)
    return {"right": "right: copied", "error": "noticed"}.get(told, told)


def overwrite(data: Any, _: Any) -> None:
    data[...] = 0


def data_changed(lib: Any) -> str:
    told = {"": changed(lib, overwrite)}
    if lib.data(X) is not X:
        told["its own array"] = changed(lib, overwrite, own=True)
    if lib.debugging:
        told["`detect_anomaly`"] = changed(lib, overwrite, watch=lib.debugging)
    return together(told)


def parameter_changed(lib: Any) -> str:
    return changed(lib, lambda _, parameter: lib.update(parameter))


def large_scores(lib: Any) -> str:
    if not applies(lib):
        return "scalars only"
    large = W * (1e4 / np.max(np.abs(X @ W)))
    told = {"": judge(lambda: run(lib, composed, W=large), right(large))}
    if lib.stable:
        told[lib.stable_name] = judge(lambda: run(lib, by(lib.stable), W=large), right(large))
    for name, pull in lib.stabilised(large) if lib.stabilised else ():
        told[name] = judge(pull, right(large))
    return together(told)


def formula(lib: Any) -> str:
    return lib.formula() if lib.formula else absent(lib, FORMULA, "no")


def names_mistake(lib: Any) -> str:
    if lib.complaint is None:
        return absent(lib, CHECKER, "no checker")
    told = " ".join(lib.complaint().split())
    named = re.search("the division by .* is missing", told) is not None
    return "yes" if named else "noticed, not named" if told else "not noticed"


def relu_at_zero(lib: Any) -> str:
    slope = float(lib.record(lambda x: lib.np.sum(lib.relu(x)), np.zeros(1))[1]()[0][0])
    if lib.check_relu is None:
        return f"{slope:g}; {absent(lib, CHECKER, 'no checker')}"
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
    x = np.array([1.0, -2.0])
    told = judge(lambda: [lib.second(lambda x: lib.np.sum(x**3), x)], [np.diag(6 * x)])
    return {"right": "yes", "error": "no"}.get(told, told)


def gpu(lib: Any) -> str:
    parameter = lib.record(lambda x: lib.np.sum(x * x), W)[0][0]
    return "yes" if hasattr(parameter, "cuda") or hasattr(lib.module, "device_put") else "no"


def ops(lib: Any) -> str:
    return f"{lib.rules()}"


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
    "the naive lines at scores of 1e4": large_scores,
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
