"""`make_sheet`: a notebook with a gradient to repair, its hidden checks, and the key.

Imports `exercises`, `standalone` and `notebook`. The cells have the metadata of nbgrader, which
takes the hidden checks out of what students get, and puts them back before it grades.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..checker import check_gradients
from ..checker.trees import leaves, mapped
from ..derivation import Derivation, derive
from ..ir.verify import draws
from ..notebook import written
from .exercises import Exercise, check_given, check_sizes, exercises
from .standalone import LARGEST, StandaloneError, literal, standalone

_HIDDEN = re.compile(
    r"^### BEGIN HIDDEN TESTS\n.*?^### END HIDDEN TESTS\n?", re.MULTILINE | re.DOTALL
)
_WIDTH = 88
_NUMBERS = ("no", "one", "two")


class Sheet(NamedTuple):
    """An assignment.

    Attributes
    ----------
    notebook : str
        With the hidden checks, for the autograder.
    student : str
        Without them, to hand out: what nbgrader makes of the notebook.
    key : str
        The answers as JSON.
    exercises : tuple of Exercise
        What is to be repaired.
    """

    notebook: str
    student: str
    key: str
    exercises: tuple[Exercise, ...]


def make_sheet(
    loss: Callable[..., Any],
    /,
    wrt: str | tuple[str, ...] | None = None,
    *,
    level: int = 1,
    seed: int = 0,
    most: int = 1,
    **inputs: Any,
) -> Sheet:
    """Return a notebook in which a wrong gradient is to be repaired.

    It needs no more than this package: the loss is written into it with all that it uses, and so
    are small inputs of the kind given. With the mistakes repaired its checks pass; as it is they
    fail, and say where to look. The same arguments give the same sheet.

    Parameters
    ----------
    loss : callable
        Computes a scalar loss with NumPy; what `derive` can derive.
    wrt : str or tuple of str, optional
        With respect to which inputs; the first one if not given.
    level : {1, 2, 3}
        1: a line is missing, or a sign is wrong. 2: another mistake in one line, such as an axis, a
        factor or an operand. 3: two mistakes in different lines; or one of which a check of one
        number (the first entry of the first gradient, at the inputs) notices nothing.
    seed : int
        Another seed is another sheet.
    most : int
        How many gradients are to be repaired; fewer if there are no more.
    **inputs
        The inputs of the loss by name.

    Returns
    -------
    Sheet
        The notebook, what students get of it, and the key.

    Raises
    ------
    TypeError
        If an input of the loss is missing.
    ValueError
        If the loss cannot be written into a notebook, has no mistake of the level, or a gradient
        that can be derived for inputs of these sizes only.

    Examples
    --------
    >>> def loss(w, X, y):
    ...     error = X @ w - y
    ...     return np.sum(error**2)
    >>> sheet = make_sheet(loss, level=1, w=np.ones(2), X=np.eye(3, 2), y=np.zeros(3))
    >>> mistake = json.loads(sheet.key)["exercises"][0]["mistakes"][0]
    >>> mistake["line"], mistake["sentence"]
    (4, 'the sign of `X.T @ derror` is wrong')
    """
    check_given(loss, inputs)
    derivation = derive(loss, wrt, **inputs)
    check_sizes(derivation)
    code = standalone(loss)
    space = {"np": np, **derivation.program.used}
    made = exercises(loss, wrt, level=level, seed=seed, **inputs)
    small, chosen = _small(loss, derivation, made, most, space)
    setup = _setup(code.text, derivation.program.used)
    names = ["gradients"] if len(chosen) == 1 else [
        f"gradients_{n}" for n in range(1, len(chosen) + 1)]  # fmt: skip
    content: list[tuple[str, str, str, dict[str, Any]]] = [
        ("task", "markdown", _task(code.name, derivation.wrt, chosen, names), {}),
        ("loss", "code", setup, _locked("loss")),
        ("inputs", "code", _inputs(small), _locked("inputs")),
    ]
    for name, exercise in zip(names, chosen, strict=True):
        called = _renamed(exercise.source, name)
        content.append((name, "code", called, {}))
        content.append((f"{name}-check", "code", _check(code.name, name, derivation.wrt),
                        _locked(f"{name}-check")))  # fmt: skip
        for parameter in derivation.wrt:
            cell = f"{name}-test-{parameter}"
            content.append((cell, "code", _test(code.name, name, parameter), _test_of(cell)))
    metadata = {"tinygrad_softmax": {"level": level, "seed": seed}}
    student = [(cell, kind, _HIDDEN.sub("", text).rstrip("\n"), held)
               for cell, kind, text, held in content]  # fmt: skip
    key = {
        "loss": code.name, "wrt": derivation.wrt, "level": level, "seed": seed,
        "exercises": [{
            "function": name,
            "mistakes": [mistake._asdict() for mistake in exercise.mistakes],
            "right": _renamed(exercise.right, name),
        } for name, exercise in zip(names, chosen, strict=True)],
    }  # fmt: skip
    return Sheet(written(content, metadata), written(student, metadata),
                 json.dumps(key, indent=2, ensure_ascii=False) + "\n", tuple(chosen))  # fmt: skip


def _small(loss: Any, derivation: Derivation, made: Any, most: int,
           space: dict[str, Any]) -> tuple[dict[str, Any], list[Exercise]]:  # fmt: skip
    """Return small inputs, and exercises that a check at them tells from the right code."""
    drawn = next(itertools.islice(draws(derivation.given, derivation.trace, 5), 1, None))
    rounded = mapped(lambda _, v: _rounded(v), drawn)
    found = [*itertools.islice(made, most)]
    if not found:
        raise ValueError("no mistake of this level fits this loss: choose another level")
    for inputs in (rounded, drawn, derivation.given):
        if sum(np.size(v) for _, v in leaves(inputs)) > LARGEST:
            continue
        verdicts = [_is_right(loss, source, inputs, derivation.wrt, space)
                    for source in (found[0].right, *(one.source for one in found))]  # fmt: skip
        if verdicts == [True, *[False] * len(found)]:
            return inputs, found
    raise StandaloneError(f"the inputs cannot be made small: up to {LARGEST} numbers are written "
                          "into a sheet")  # fmt: skip


def _rounded(value: Any) -> Any:
    """Return a number or an array with two digits."""
    if isinstance(value, (float, np.floating)):
        return type(value)(f"{value:.2g}")
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        rounded = [float(f"{number:.2g}") for number in value.ravel()]
        return np.array(rounded, value.dtype).reshape(value.shape)
    return value


def _is_right(loss: Any, source: str, inputs: Any, wrt: tuple[str, ...],
              space: dict[str, Any]) -> bool | None:  # fmt: skip
    names = dict(space)
    exec(source, names)
    try:
        return check_gradients(loss, names["gradients"], wrt=wrt, budget=0, **inputs).ok
    except (ValueError, TypeError):  # inputs that are not of the kind, once they are rounded
        return None


# --- cells ---


def _task(loss: str, wrt: tuple[str, ...], chosen: list[Exercise], names: list[str]) -> str:
    by = " and ".join(f"`{name}`" for name in wrt) if len(wrt) < 3 else ", ".join(
        f"`{name}`" for name in wrt)  # fmt: skip
    counts = sorted({len(exercise.mistakes) for exercise in chosen})
    count = " or ".join(_NUMBERS[n] for n in counts)
    mistakes = f"{count} mistake{'s' * (counts[-1] > 1)}"
    functions = ", ".join(f"`{name}`" for name in names)
    each = "It has" if len(names) == 1 else "Each has"
    return f"""\
# Repair the gradient

The function `{loss}` is right. {functions} should return its gradient with respect to {by}.
{each} {mistakes}: find and repair {"it" if counts == [1] else "them"}.

- Change nothing but {functions}.
- Run the check below it as often as you like. While a gradient is wrong, it says where to look.
- Write formulas. A gradient that is computed by automatic differentiation, or measured by finite
  differences, scores nothing."""


def _setup(text: str, used: dict[str, Any]) -> str:
    """Return the code of the loss, with what its derived gradient needs besides."""
    if not re.search(r"^import numpy as np$", text, re.MULTILINE):
        text = f"import numpy as np\n\n\n{text}"
    space: dict[str, Any] = {}
    exec(text, space)
    more = [f"{name} = {literal(value)}" for name, value in used.items() if name not in space]
    return "\n".join([*more, text]) if not more else f"{text}\n\n\n" + "\n".join(more)


def _inputs(inputs: dict[str, Any]) -> str:
    rows = []
    for name, value in inputs.items():
        text = literal(value)
        if len(text) > _WIDTH and text.startswith("np.array([["):  # a row a line
            text = text.replace("], [", "],\n        [")
        rows.append(f'    "{name}": {text},')
    return "inputs = {\n" + "\n".join(rows) + "\n}"


def _check(loss: str, name: str, wrt: tuple[str, ...]) -> str:
    return f"""\
from tinygrad_softmax import check_gradients

report = check_gradients({loss}, {name}, wrt={json.dumps([*wrt])}, **inputs)
assert report, report.hint("where")
print(report)"""


def _test(loss: str, name: str, parameter: str) -> str:
    return f"""\
# One point: the gradient with respect to {parameter}.
### BEGIN HIDDEN TESTS
from tinygrad_softmax.teaching import grade

result = grade({loss}, {name}, "{parameter}", **inputs)
assert result.ok, result.message
### END HIDDEN TESTS"""


def _renamed(source: str, name: str) -> str:
    return source.replace("def gradients(", f"def {name}(", 1)


def _locked(name: str) -> dict[str, Any]:
    """Return the metadata of a cell that students do not change."""
    return {"nbgrader": {"grade": False, "grade_id": name, "locked": True, "schema_version": 3,
                         "solution": False, "task": False}}  # fmt: skip


def _test_of(name: str) -> dict[str, Any]:
    """Return the metadata of a test that is worth a point."""
    return {"nbgrader": _locked(name)["nbgrader"] | {"grade": True, "points": 1}}
