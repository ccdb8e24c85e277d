"""Nothing here is fitted: mistakes are seeded, the style of right code is changed, or both.

`seed_mistakes` makes the mistakes, from code that `derive` writes; styles are changes of text that
change no value.
"""

import re

import numpy as np
import pytest

from tests.checker.subjects import (
    SUBJECTS,
    by_steps,
    equal,
    function_of,
    source_of,
)
from tinygrad_softmax.checker import check_gradients, seed_mistakes
from tinygrad_softmax.derivation import derive

pytestmark = pytest.mark.no_cover

#: In seconds, so many that it is never the clock that ends a search.
AMPLE = 100.0
#: How many mutants of a loss, and what part of them is to be repaired at least.
MOST = {"softmax": 10, "columns": 10, "two_layer": 5, "mlp": 5, "ridge": 10, "logistic": 10,
        "poisson": 10, "batch_norm": 5}  # fmt: skip
BAR = 0.9


def single(value):
    """A value in single precision, where it is in double."""
    return (
        value.astype(np.float32) if isinstance(value, np.ndarray) and value.dtype == "f8" else value
    )


def mended(report, function):
    return function_of(report.repaired, {**function.__globals__, "np": np})


def at_fresh_inputs(subject):
    """The inputs of a subject with other numbers of the same kind."""
    rng = np.random.default_rng(8)
    return {n: v + 0.3 * rng.uniform(0.1, 1, v.shape) if isinstance(v, np.ndarray)
            and v.dtype == "f8" and n not in ("Y", "y") else v
            for n, v in subject.inputs.items()}  # fmt: skip


# --- seeded, and repaired ---


@pytest.mark.parametrize("name", MOST)
def test_seeded_mistakes_are_found_and_nearly_all_repaired(name):
    subject = SUBJECTS[name]
    wrt = tuple(subject.gradients(**{n: np.copy(v) for n, v in subject.inputs.items()}))
    right = derive(subject.loss, wrt, **subject.inputs)
    fresh = at_fresh_inputs(subject)
    missed, total = [], 0
    for mistake in seed_mistakes(subject.loss, wrt, most=MOST[name], **subject.inputs):
        total += 1
        report = check_gradients(subject.loss, mistake.function, budget=AMPLE, **subject.inputs)
        assert not report.ok, mistake.source
        if not report.repaired or not all(f.repaired for f in report.findings):
            missed.append(f"{mistake.sentence}\n{report}")
            continue
        # What is shown as repaired is right, told without the checker.
        assert equal(mended(report, mistake.function)(**fresh), right(**fresh)), str(report)
    assert total == MOST[name]
    assert len(missed) <= (1 - BAR) * total, "\n\n".join(missed)


# --- the style of right code ---


def renamed(source):
    """Every variable that is no input under a name that says nothing."""
    names = dict.fromkeys(re.findall(r"^ +(\w+) (?:=|/=|\*=|\+=|-=) ", source, re.MULTILINE))
    for i, name in enumerate(names):
        source = re.sub(rf"(?<![\w.\"]){name}(?![\w\"])", f"tmp{i}", source)
    return source


def split(source):
    """A first factor or term on a line of its own, where a line is a product or a sum."""

    def apart(match):
        indent, name, left, op, right = match.groups()
        return f"{indent}part_{name} = {left}\n{indent}{name} = part_{name} {op} {right}\n"

    return re.sub(r"^( +)(\w+) = ([\w.]+) ([*/+-]) (.+)\n", apart, source, flags=re.MULTILINE)


def in_a_dict(source):
    """The gradients put into a dict one by one."""
    head, _, tail = source.rpartition("    return ")
    entries = re.findall(r'"(\w+)": (.+?)(?:, (?=")|\})', tail)
    lines = "".join(f'    grads["{n}"] = {value}\n' for n, value in entries)
    return f"{head}    grads = {{}}\n{lines}    return grads\n"


def as_a_tuple(source):
    """The gradients returned in the order of their names in a dict."""
    head, _, tail = source.rpartition("    return ")
    return f"{head}    return tuple({tail.strip()}.values())\n"


def with_at(source):
    """``@`` for ``np.dot``; what has no nested parentheses."""
    return re.sub(r"np\.dot\(([\w.]+), ([\w.]+)\)", r"(\1 @ \2)", source)


def with_dot(source):
    return re.sub(r"(?<![\w.\])])([\w.]+) @ ([\w.]+)(?![\w.\[(])", r"np.dot(\1, \2)", source)


def as_methods(source):
    """``a.sum(...)`` for ``np.sum(a, ...)``."""
    return re.sub(r"np\.(sum|mean)\((\w+), ", r"\2.\1(", source)


def kept_and_dropped(source):
    """An axis is kept, and dropped again."""
    return re.sub(
        r"np\.sum\((\w+), axis=(\d)\)", r"np.sum(\1, axis=\2, keepdims=True).squeeze(\2)", source
    )


def out_of_place(source):
    """``a = a / b`` for ``a /= b``."""
    return re.sub(r"^( +)(\w+) ([-+*/])= (.+)$", r"\1\2 = \2 \3 (\4)", source, flags=re.MULTILINE)


def in_place(source):
    """``a = 1.0 * b; a /= c`` for ``a = b / c``."""
    quotient = r"^( +)(\w+) = (\w+|\([^()]+\)) / ([\w.]+)\n"
    return re.sub(quotient, r"\1\2 = 1.0 * \3\n\1\2 /= \4\n", source, flags=re.MULTILINE)


def with_a_helper(source):
    """The exponential in a function of one's own."""
    return (
        source.replace("np.exp(", "my_exp(")
        + "\ndef my_exp(a):\n    result = np.exp(a)\n    return result\n"
    )


def asserting(source):
    """A line that computes nothing, after the first."""
    head, _, tail = source.partition("\n")
    return f"{head}\n    assert np is not None\n{tail}"


STYLES = [renamed, split, in_a_dict, as_a_tuple, with_at, with_dot, as_methods, kept_and_dropped,
          out_of_place, in_place, with_a_helper, asserting]  # fmt: skip


def rewritten(function, *styles):
    """A function in other styles."""
    source = source_of(function)
    for style in styles:
        source = style(source)
    return function_of(source, function.__globals__)


def wrt_of(subject):
    return tuple(subject.gradients(**{n: np.copy(v) for n, v in subject.inputs.items()}))


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.__name__)
def test_no_style_of_right_code_is_a_mistake(style):
    written_anew = 0
    for subject in SUBJECTS.values():
        function = rewritten(subject.gradients, style)
        written_anew += style(source_of(subject.gradients)) != source_of(subject.gradients)
        report = check_gradients(subject.loss, function, wrt=wrt_of(subject), **subject.inputs)
        assert report.ok, f"{source_of(function)}\n{report}"
    assert written_anew >= 2


@pytest.mark.parametrize("name", SUBJECTS)
def test_nor_are_several_at_once_or_single_precision(name):
    subject = SUBJECTS[name]
    function = rewritten(
        subject.gradients, split, with_at, out_of_place, asserting, renamed, in_a_dict
    )
    assert check_gradients(subject.loss, function, **subject.inputs).ok
    narrow = {n: single(v) for n, v in subject.inputs.items()}
    report = check_gradients(subject.loss, subject.gradients, **narrow)
    assert report.ok, str(report)


def one_by_one(W, b, X, Y):
    dW, db = np.zeros_like(W), np.zeros_like(b)
    for x, target in zip(X, Y, strict=True):
        e = np.exp(x @ W + b)
        error = e / e.sum() - target
        dW += np.outer(x, error) / len(X)
        db += error / len(X)
    return {"W": dW, "b": db}


def by_the_jacobian(W, b, X, Y):
    e = np.exp(X @ W + b)
    p = e / e.sum(axis=1, keepdims=True)
    jacobian = p[:, :, None] * np.eye(p.shape[1]) - p[:, :, None] * p[:, None, :]
    upstream = -Y / p / len(X)
    ds = np.einsum("nk,nkl->nl", upstream, jacobian)
    return {"W": np.einsum("nd,nk->dk", X, ds), "b": np.einsum("nk->k", ds)}


def by_labels(W, b, X, Y):
    z = X @ W + b
    z -= z.max(axis=1, keepdims=True)
    np.exp(z, out=z)
    z /= z.sum(axis=1, keepdims=True)
    z[Y.astype(bool)] -= 1
    z *= 1 / len(z)
    return {"W": (z.T @ X).T, "b": np.ones(len(z)) @ z}


@pytest.mark.parametrize("way", [one_by_one, by_the_jacobian, by_labels])
def test_other_ways_to_the_same_gradient_are_right(way):
    subject = SUBJECTS["by_steps"]
    assert check_gradients(by_steps, way, **subject.inputs).ok


# --- both ---

BOTH = {
    "softmax": ("y] -= 1", "y] += 1"),
    "columns": ("np.sum(dscores, axis=1", "np.sum(dscores, axis=0"),
    "mlp": ("1 - h**2", "1 - h"),
    "ridge": ("2 * alpha * w", "alpha * w"),
    "batch_norm": ("-0.5 *", "0.5 *"),
    "poisson": ("(rate - y)", "(rate + y)"),
}


@pytest.mark.parametrize("style", [renamed, in_a_dict, out_of_place])
@pytest.mark.parametrize("name", BOTH)
def test_in_any_style_the_same_mistake_is_repaired(name, style):
    subject = SUBJECTS[name]
    old, new = BOTH[name]
    source = source_of(subject.gradients)
    assert source.count(old) == 1
    wrong = function_of(style(source.replace(old, new)), subject.gradients.__globals__)
    report = check_gradients(subject.loss, wrong, budget=AMPLE, **subject.inputs)
    assert not report.ok
    assert all(finding.repaired for finding in report.findings), str(report)
    fresh = at_fresh_inputs(subject)
    right = subject.gradients(**{n: np.copy(v) for n, v in fresh.items()})
    assert equal(mended(report, wrong)(**fresh), right), str(report)
