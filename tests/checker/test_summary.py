"""Many reports become one: the same mistake is one group, whoever has made it in which names."""

import itertools
import json
from types import SimpleNamespace

import numpy as np
import pytest

from tests.problems import raises
from tinygrad_softmax import Report, Summary, check_gradients, summarise
from tinygrad_softmax.checker import Finding

rng = np.random.default_rng(0)
INPUTS = {"W": rng.standard_normal((4, 3)), "b": np.zeros((1, 3)),
          "X": rng.standard_normal((9, 4)), "y": rng.integers(0, 3, 9), "reg": 0.1}  # fmt: skip


def loss(W, b, X, y, reg):
    scores = X @ W + b
    probs = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return -np.mean(np.log(probs[np.arange(len(X)), y])) + 0.5 * reg * np.sum(W * W)


#: The ways of writing the parts of the gradient; `{n}` is the number of examples.
STAGES = ("dscores", "delta", "d", "g_logits")
SIZES = ("len(X)", "X.shape[0]", "len(y)", "y.size", "n", "N")
PRODUCTS = ("X.T @ {d}", "np.dot(X.T, {d})", "X.T.dot({d})", "X.transpose() @ {d}")
SUMS = ("np.sum({d}, axis=0, keepdims=True)", "{d}.sum(axis=0, keepdims=True)")
BODY = """\
def gradients(W, b, X, y, reg):
    n = X.shape[0]
    N, D = X.shape
    {d} = np.exp(X @ W + b)
    {d} /= {d}.sum(axis=1, keepdims=True)
    {d}[np.arange(n), y] -= 1
    {d} /= {n}
    dW = {product} + reg * W
    db = {sum}
    return {{"W": dW, "b": db}}
"""
#: A mistake as what is replaced in the body, before its holes are filled.
MISTAKES = {
    "divided": ("    {d} /= {n}\n", ""),
    "label": ("    {d}[np.arange(n), y] -= 1\n", ""),
    "regularised": (" + reg * W", ""),
    "doubled": ("reg * W", "2 * reg * W"),
    "sign": ("dW = {product}", "dW = -({product})"),
    "summed": ("{sum}", "-{sum}"),
}
count = itertools.count()


def submission(mistake, style):
    """Report on a solution with a mistake, written in one of the styles."""
    import linecache

    old, new = MISTAKES[mistake]
    d = STAGES[style % len(STAGES)]
    text = BODY.replace(old, new).format(
        d=d, n=SIZES[style % len(SIZES)], product=PRODUCTS[style % len(PRODUCTS)].format(d=d),
        sum=SUMS[style % len(SUMS)].format(d=d),
    )  # fmt: skip
    file = f"<submission {next(count)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    space = {"np": np}
    exec(compile(text, file, "exec"), space)
    return check_gradients(loss, space["gradients"], budget=10.0, **INPUTS)


@pytest.fixture(scope="module")
def reports():
    return {f"{mistake} {style}": submission(mistake, style)
            for mistake in MISTAKES for style in (0, 1)}  # fmt: skip


def test_one_mistake_is_one_group_in_whatever_names(reports):
    summary = summarise(reports)
    assert isinstance(summary, Summary)
    found = {frozenset(one.submissions) for one in summary.misconceptions}
    assert found == {frozenset(f"{m} {s}" for s in (0, 1)) for m in MISTAKES}
    assert not summary.unexplained
    assert not summary.right
    assert summary.count == len(reports)


def test_a_group_has_a_sentence_and_an_example(reports):
    one = next(one for one in summarise(reports).misconceptions if "divided 0" in one.submissions)
    assert one.sentence == "dscores: the division by `n` is missing"
    assert one.cause == "divisor_missing"
    assert (one.count, one.submissions) == (2, ("divided 0", "divided 1"))
    assert one.example in reports["divided 0"].findings


def written(sentence, cause, stage, **holes):
    """A report as it would be on a body with holes filled in."""
    source = BODY.format(**{"product": "0", "sum": "0"} | holes)
    return Report((Finding(stage, cause, sentence, 1, "old", "new"),), (), source=source)


def test_names_and_spellings_make_no_difference():
    divided = [
        written(f"the division by `{n}` is missing", "divisor_missing", d, d=d, n=n)
        for d in STAGES for n in SIZES
    ]  # fmt: skip
    signs = [
        written(f"the sign of `{product.format(d=d)}` is wrong", "sign", "dW", d=d, n="n")
        for d in STAGES for product in PRODUCTS
    ]  # fmt: skip
    sums = [
        written(f"the sign of `{total.format(d=d)}` is wrong", "sign", "db", d=d, n="n")
        for d in STAGES for total in SUMS
    ]  # fmt: skip
    found = summarise([*divided, *signs, *sums]).misconceptions
    assert [one.count for one in found] == [len(divided), len(signs), len(sums)]


def test_arguments_of_helpers_are_the_writers_own():
    helper = "\n\ndef helper({d}):\n    return {d}.sum()\n"
    reports = []
    for d in STAGES:
        source = BODY.format(d=d, n="n", product="0", sum="0") + helper.format(d=d)
        sentence = f"the sign of `{d} * reg` is wrong"
        reports.append(Report((Finding("dW", "sign", sentence, 1, "a", "b"),), (), source=source))
    assert [one.count for one in summarise(reports).misconceptions] == [len(STAGES)]


def test_other_inputs_stages_sizes_and_kinds_do():
    sentences = [
        ("the division by `n` does not belong there", "divisor_extra", "d"),
        ("the division by `D` does not belong there", "divisor_extra", "d"),
        ("the sign of `X.T @ d` is wrong", "sign", "dW"),
        ("the sign of `X.T @ d` is wrong", "sign", "db"),
        ("the sign of `X.T @ d` is wrong", "sign", "d"),
        ("the sign of `X @ d` is wrong", "sign", "dW"),
        ("the sign of `W.T @ d` is wrong", "sign", "dW"),
        ("the sign of `X.T @ d` is wrong", "factor_missing", "dW"),
        ("`axis=1` should be `axis=0`", "axis", "db"),
        ("`axis=0` should be `axis=1`", "axis", "db"),
    ]
    reports = [written(*one, d="d", n="n") for one in sentences]
    assert len(summarise(reports).misconceptions) == len(sentences)


RIGHT = Report((), ("dW",))
STRANGE = Report((Finding("dW", "unexplained", "no small change was found; 3 of 6 differ"),), ())
OTHER = Report((Finding("dW", "unexplained", "no small change was found; 1 of 6 differ"),), ())


def test_right_wrong_failed_and_unexplained_are_told_apart(reports):
    wrong = reports["sign 0"]
    graded = SimpleNamespace(report=None, ok=False, message="It did not end.\nmore")
    refused = SimpleNamespace(report=RIGHT, ok=False, message="It is measured.")
    mixed = {"zoe": RIGHT, "eve": wrong, "dan": OTHER, "cid": STRANGE,
             "ben": ValueError("no shape\nmore"), "ada": graded,
             "fay": SimpleNamespace(report=RIGHT, ok=True, message=""), "gus": refused}  # fmt: skip
    summary = summarise(mixed)
    assert summary.right == ("fay", "zoe")
    assert summary.failed == (
        ("ada", "It did not end."),
        ("ben", "ValueError: no shape"),
        ("gus", "It is measured."),
    )
    assert [one.submissions for one in summary.misconceptions] == [("eve",)]
    (unexplained,) = summary.unexplained
    assert unexplained.submissions == ("cid", "dan")
    assert summary.count == 8
    backwards = summarise(dict(reversed(mixed.items())))
    assert backwards == summary
    assert str(backwards) == str(summary)


def test_two_mistakes_of_one_submission_are_in_two_groups():
    def finding(stage, sentence):
        return Finding(stage, "sign", sentence, 3, "dW = 1", "dW = -1")

    both = Report((finding("dW", "the sign of `a` is wrong"), finding("db", "the sign of `b`")), ())
    first = Report((finding("dW", "the sign of `c` is wrong"),), ())
    summary = summarise([both, first])
    assert [one.submissions for one in summary.misconceptions] == [
        ("submission 1", "submission 2"), ("submission 1",)]  # fmt: skip
    assert summary.count == 2


def test_the_most_frequent_comes_first():
    def report(sentence):
        return Report((Finding("dW", "sign", sentence, 1, "x", "y"),), ())

    names = {"a": report("the first"), "b": report("the other"), "c": report("the other")}
    assert [one.count for one in summarise(names).misconceptions] == [2, 1]


TEXT = """\
3 submissions: 1 right, 1 wrong, 1 without a result that counts.

Right: fay.

1 x dW: the sign of `X` is wrong

eve.

    1 |  dW = X
      |  should be
      |  dW = -X

1 x no result that counts

ada: ValueError: no"""


def test_it_is_read_as_text_markdown_and_json():
    wrong = Report((Finding("dW", "sign", "the sign of `X` is wrong", 1, "dW = X", "dW = -X"),), ())
    summary = summarise({"fay": RIGHT, "eve": wrong, "ada": ValueError("no")})
    assert str(summary) == TEXT
    assert "**1 x dW: the sign of `X` is wrong**" in summary.markdown
    assert "```\n    1 |  dW = X\n" in summary.markdown
    assert summary._repr_markdown_() == summary.markdown
    held = json.loads(summary.json())
    assert held["count"] == 3
    assert held["right"] == ["fay"]
    assert held["misconceptions"][0]["submissions"] == ["eve"]
    assert held["misconceptions"][0]["example"]["after"] == "dW = -X"
    assert held["failed"] == [{"submission": "ada", "reason": "ValueError: no"}]


def test_what_is_no_report_is_refused():
    with raises(TypeError, "the report of ada is a bool"):
        summarise({"ada": True})
    assert str(summarise({})) == "0 submissions."
    assert str(summarise({"ada": RIGHT})) == "1 submission: 1 right.\n\nRight: ada."


def test_reports_survive_json(reports):
    for report in (*reports.values(), RIGHT, STRANGE):
        assert Report.from_json(report.json()) == report
    assert summarise({n: Report.from_json(r.json()) for n, r in reports.items()}) == summarise(
        reports
    )
    for text in ("", "[]", "{}", '{"findings": 1}'):
        with raises(ValueError, "no report"):
            Report.from_json(text)
