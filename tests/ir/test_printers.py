"""Programs as NumPy source and as LaTeX: what is printed computes what was meant."""

import inspect
import linecache
import re
import shutil
import subprocess
import traceback
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.derivation.programs import PROGRAMS
from tests.ops.samples import EVERY_OP, samples
from tinygrad_softmax import primitive
from tinygrad_softmax.core.op import NUMPY
from tinygrad_softmax.ir.expr import World, updated
from tinygrad_softmax.ir.print_latex import latex, latex_statement, name_latex, prose_latex
from tinygrad_softmax.ir.print_numpy import Printer
from tinygrad_softmax.ir.program import Assign, InPlace, Program, Size, assigned
from tinygrad_softmax.ir.sizes import Counted, Slot
from tinygrad_softmax.ir.trace import trace
from tinygrad_softmax.ops.elementwise import add, negative, subtract
from tinygrad_softmax.ops.indexing import scatter
from tinygrad_softmax.ops.linalg import matmul
from tinygrad_softmax.ops.shaping import broadcast_to

rng = np.random.default_rng(12)


def forward(loss, wrt, inputs):
    """The program of a loss alone, as it was traced."""
    traced = trace(loss, inputs, wrt)
    statements = [Assign(name, e, "size") for name, e in traced.size_names.items()]
    statements += [Assign(name, e) for name, e in traced.names.items()]
    statements.append(Assign("the_loss", traced.output))
    return Program(tuple(inputs), tuple(statements), "the_loss", {})


def world(**arrays):
    """A world with these inputs."""
    made = World()
    return [made.leaf(name, np.shape(a), np.asarray(a).dtype) for name, a in arrays.items()]


def computed(printer, e, **arrays):
    """What the printed expression is, run as Python."""
    return eval(printer.text(e), {"np": np, **printer.used, **arrays})


def text(e, **names):
    return Printer({}, set(names)).text(e)


# --- NumPy ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", PROGRAMS)
def test_a_printed_loss_is_the_loss(which):
    program = PROGRAMS[which]
    run = forward(program.loss, program.wrt, program.inputs).compiled()
    assert np.isclose(run(**program.inputs)[0], program.loss(**program.inputs), rtol=1e-12)
    positional = run(*program.inputs.values())[0]
    assert positional == run(**program.inputs)[0]


def test_a_program_looks_as_a_person_writes_it():
    program = PROGRAMS["question"]
    printed = forward(program.loss, program.wrt, program.inputs)
    assert (
        printed.source("loss")
        == """\
def loss(W, b, X, y, reg):
    num_examples = X.shape[0]
    scores = X @ W + b
    exp_scores = np.exp(scores)
    probs = exp_scores / np.sum(exp_scores, axis=1, keepdims=True)
    correct_logprobs = -np.log(probs[range(num_examples), y])
    data_loss = np.sum(correct_logprobs) / num_examples
    reg_loss = 0.5 * reg * np.sum(W * W)
    the_loss = data_loss + reg_loss
    return the_loss, {}"""
    )


@pytest.mark.parametrize("name", [name for name in EVERY_OP if name != "scatter"])
@settings(max_examples=15)
@given(data=st.data())
def test_every_op_is_printed_as_what_it_computes(name, data):
    sample = data.draw(samples(EVERY_OP[name]))
    arrays = {f"x{i}": np.asarray(a) for i, a in enumerate(sample.arrays)}
    index = sample.settings.get("index")
    if isinstance(index, tuple):  # a mask beside an array is not traced
        kinds = [part.dtype.kind for part in index if isinstance(part, np.ndarray)]
        assume("b" not in kinds or len(kinds) == 1)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        e = sample.op(*world(**arrays), **sample.settings)
        found = computed(Printer({}, set(arrays)), e, **arrays)
        want = sample.op.forward(*arrays.values(), **sample.settings)
    np.testing.assert_allclose(found, want, rtol=1e-12)
    assert np.shape(found) == np.shape(want)
    assert np.asarray(found).dtype == np.asarray(want).dtype
    assert_latex_is_sound(latex(e))


@settings(max_examples=25)
@given(data=st.data())
def test_a_scatter_is_an_update_in_place(data):
    sample = data.draw(samples(scatter))
    index, into = sample.settings["index"], sample.settings["into"]
    (x,) = world(x=sample.arrays[0])
    zeros = broadcast_to(x.world.lift(0), shape=into) if into else x.world.lift(0.0)
    if not into:
        return  # a number cannot be changed in place
    printed = Program(
        ("x",),
        (Assign("out", zeros, "gradient"), InPlace("out", index, "+=", x, (), at=True)),
        "out", {"x": "out"},
    )  # fmt: skip
    found = printed.compiled()(sample.arrays[0])[1]["x"]
    np.testing.assert_allclose(found, scatter.forward(sample.arrays[0], index=index, into=into))
    with pytest.raises(ValueError, match="statement of its own"):
        text(sample.op(x, **sample.settings))


X = rng.standard_normal((5, 3))
v = rng.standard_normal(3)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda X, v: (X + v) * -v, "(X + v) * -v"),
        (lambda X, v: X - (v - 1), "X - (v - 1)"),
        (lambda X, v: (-X) ** 2.0, "(-X) ** 2"),
        (lambda X, v: 2.0 * X / 3.0, "2 * X / 3"),
        (lambda X, v: X * 0.1 + 1e-8, "X * 0.1 + 1e-08"),
        (lambda X, v: np.maximum(1.0, X), "np.maximum(1.0, X)"),
        (lambda X, v: X * X.world.lift(-2) ** 2, "X * (-2) ** 2"),
        (lambda X, v: X * (X.world.lift(1) / X.world.lift(3)), "X * (1 / 3)"),
        (lambda X, v: np.where(X > 0, X, -np.inf), "np.where(X > 0, X, -np.inf)"),
        (lambda X, v: np.where(X > 0, np.nan, np.inf), "np.where(X > 0, np.nan, np.inf)"),
        (lambda X, v: X.T @ X, "X.T @ X"),
        (lambda X, v: X[:, None, 1:], "X[:, None, 1:]"),
        (lambda X, v: X[..., ::-1], "X[..., ::-1]"),
        (lambda X, v: X[[0, 2]], "X[[0, 2]]"),
        (lambda X, v: X[-1], "X[-1]"),
        (lambda X, v: np.sum(X, axis=-1), "np.sum(X, axis=1)"),
        (lambda X, v: np.sum(X, axis=(0, 1)), "np.sum(X)"),
        (lambda X, v: np.mean(X, axis=0), "np.mean(X, axis=0)"),
        (lambda X, v: X.reshape(1, -1), "X.reshape(1, -1)"),
        (lambda X, v: np.transpose(X[None], (2, 0, 1)), "np.transpose(X[None], (2, 0, 1))"),
        (lambda X, v: np.broadcast_to(v, (4, 3)), "np.broadcast_to(v, (4, 3))"),
        (lambda X, v: np.concatenate([X, X], axis=1), "np.concatenate((X, X), axis=1)"),
        (lambda X, v: np.einsum("nd,d->n", X, v), "np.einsum('nd,d->n', X, v)"),
        (lambda X, v: X.astype(np.float32), "X.astype(np.float32)"),
        (lambda X, v: X * np.array([1.0, 0.5, 2.0]), "X * np.array([1.0, 0.5, 2.0])"),
        (lambda X, v: abs(X) + np.round(X, 1), "np.abs(X) + np.round(X, 1)"),
        (lambda X, v: np.cumsum(X, axis=1), "np.cumsum(X, axis=1)"),
        (lambda X, v: np.linalg.solve(X[:3], X[:3]), "np.linalg.solve(X[:3], X[:3])"),
        (lambda X, v: (X > 0) * (X <= 1.0), "(X > 0) * (X <= 1.0)"),
    ],
)  # fmt: skip
def test_expressions_as_a_person_writes_them(function, expected):
    e = function(*world(X=X, v=v))
    assert text(e) == expected
    np.testing.assert_allclose(computed(Printer({}, set()), e, X=X, v=v), eval(expected))


def test_numbers_keep_their_type_where_it_matters():
    (n,) = world(n=np.arange(1, 4))
    assert text(n * 2.0) == "n * 2.0"
    assert text(n**-1.0) == "n ** -1.0"
    np.testing.assert_allclose(
        computed(Printer({}, set()), n**-1.0, n=np.arange(1, 4)), [1, 1 / 2, 1 / 3]
    )


def test_truth_values_are_counted_where_numpy_takes_them_for_logic():
    (x,) = world(x=X)
    mask, other = x > 0, x > 0.5
    masks = {"x": X}
    for e, want in [
        (add(mask, other), (X > 0) + 1.0 * (X > 0.5)),
        (subtract(mask, other), (X > 0) - 1.0 * (X > 0.5)),
        (negative(mask), -1.0 * (X > 0)),
        (matmul(mask.T, other), (X.T > 0) @ (1.0 * (X > 0.5))),
        (negative(add(mask, add(mask, other))), -2.0 * (X > 0) - (X > 0.5)),
    ]:
        np.testing.assert_allclose(computed(Printer({}, set()), e, **masks), want)
    assert text(add(mask, other)) == "(x > 0).astype(float) + (x > 0.5)"
    assert text(1 - mask) == "1 - (x > 0)"


@pytest.mark.parametrize("name", ["np", "numpy", "range", "float", "slice", "int"])
def test_names_of_the_users_hide_nothing(name):
    def loss(a, y):
        n = a.shape[0]
        picked = np.exp(a)[range(n), y]
        return np.sum(picked.astype(float)) + np.sum(a[1:]) + np.sum(np.zeros((n, 1)))

    space = {"np": np}
    source = re.sub(r"\ba\b", name, inspect.cleandoc("""
        def loss(a, y):
            rows = counted(len_of(a))
            picked = np_.exp(a)[rows, y]
            return np_.sum(np_.where(picked > 1, picked, 0)) + np_.sum(a[1:] > 0)
        """))  # fmt: skip
    space |= {"counted": range, "len_of": lambda a: a.shape[0], "np_": np}
    exec(source, space)
    inputs = {name: X, "y": rng.integers(0, 3, 5)}
    printed = forward(space["loss"], (name,), inputs)
    assert np.isclose(printed.compiled()(**inputs)[0], space["loss"](**inputs))


def test_ops_of_the_users_are_called_by_name_and_never_mistaken():
    @primitive()
    def exp(x):
        return x * x

    @primitive(shape=lambda x, times: x)
    def other(x, *, times=1.0):
        return times * x

    other.__name__ = "exp"
    lambda_op = primitive()(lambda x: x + 1)
    spelt = primitive(shape=lambda x, by: x, numpy_text="x * x + by", latex=r"#1^{2} + \mathrm{by}")
    spelt = spelt(lambda x, by=1.0: x * x + by)
    (x,) = world(x=X)
    e = exp(x) + other(x, times=3.0) + lambda_op(x) + np.exp(x) + 2 * spelt(x, by=2.0)
    printer = Printer({}, {"x"})
    assert printer.text(e) == (
        "exp(x) + exp_(x, times=3.0) + op(x) + np.exp(x) + 2 * (x * x + 2.0)"
    )
    assert printer.used == {"exp": exp, "exp_": other, "op": lambda_op}
    np.testing.assert_allclose(
        computed(printer, e, x=X), X * X + 3 * X + X + 1 + np.exp(X) + 2 * (X * X + 2)
    )
    assert r"\left(x^{2} + \mathrm{by}\right)" in latex(e) or "x^{2}" in latex(e)


def test_what_makes_an_array_is_printed_as_that_call():
    def eye(*, N, M=None, k=0):
        return np.eye(N, M, k)

    (x,) = world(x=X)
    n = x.world.size("n", 5)
    op = primitive(numpy=np.eye, shape=lambda N, M, k: (N, M or N), dtype=np.dtype(float))(eye)
    NUMPY.pop(np.eye)
    made = x.world.make(op, (), (("N", n), ("M", 3), ("k", 0)), (5, 3))
    assert text(x * made) == "x * np.eye(n, 3)"
    shifted = x.world.make(op, (), (("N", 4), ("M", None), ("k", -1)), (4, 4))
    assert text(shifted) == "np.eye(4, k=-1)"
    assert text(np.ones((2, 2)) * x.world.lift(2.0)) == "np.array([[1.0, 1.0], [1.0, 1.0]]) * 2"
    assert text(broadcast_to(x.world.lift(1), shape=(n, 1))) == "np.ones((n, 1))"
    assert text(broadcast_to(x.world.lift(-2), shape=(n, 1))) == "np.full((n, 1), -2.0)"


def test_arrays_around_the_loss_go_by_their_names():
    (x,) = world(x=X)
    table = rng.standard_normal((5, 3))
    named = x.world.leaf("table", (5, 3), float, value=table)
    printer = Printer({}, {"x"})
    assert printer.text(x * named) == "x * table"
    assert printer.used["table"] is table
    assert Printer({}, {"x", "table"}).text(x * named) == "x * table_"
    large = rng.standard_normal((5, 3))
    assert text(x * large) == "x * constant"
    assert text(x + x.world.lift(np.float32([1, 2, 3]))) == (
        "x + np.array([1.0, 2.0, 3.0], dtype=np.float32)"
    )


# --- programs -------------------------------------------------------------------------------------


class Assumed:
    def __init__(self, text):
        self.text = text


def softmax_program():
    """A few lines of a softmax by hand, with updates in place."""
    scores, y = world(scores=np.ones((5, 3)), y=np.arange(5))
    e = np.exp(scores)
    probs = e / np.sum(e, axis=1, keepdims=True)
    n = scores.world.size("n", 5)
    index = (Counted(n), Slot(0))
    loss = -np.sum(np.log(probs[range(5), y])) / n
    after = scores.world.leaf("dscores", (5, 3))
    return Program(
        ("scores", "y"),
        (
            Size("n", "scores", 0), Assign("probs", probs), Assign("loss", loss),
            Assign("dscores", probs, "gradient"),
            InPlace("dscores", index, "-=", scores.world.lift(1), (y,)),
            InPlace("dscores", None, "/=", n.expr),
            Assign("da", after, "gradient"),
        ),
        "loss", {"scores": "dscores", "a": "da"}, (Assumed("scores.shape[0] <= 100"),),
    )  # fmt: skip


def test_updates_in_place_are_made_on_copies_and_assumptions_are_comments():
    program = softmax_program()
    assert (
        program.source()
        == """\
def gradients(scores, y):
    # holds while scores.shape[0] <= 100
    n = scores.shape[0]
    probs = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    loss = -np.sum(np.log(probs[range(n), y])) / n
    dscores = probs.copy()
    dscores[range(n), y] -= 1
    dscores /= n
    da = dscores
    return loss, {'scores': dscores, 'a': da}"""
    )
    assert program.gradient.splitlines()[0] == "dscores = probs.copy()"
    assert program.forward_source.count("\n") == 1
    lines = {line.text: line for line in program.lines()}
    assert lines["dscores[range(n), y] -= 1"].reads == {"dscores", "n", "y"}
    assert lines["dscores = probs.copy()"].reads == {"probs"}
    assert lines["dscores = probs.copy()"].writes == "dscores"


def test_results_are_the_callers_own():
    program = softmax_program()
    scores, y = rng.standard_normal((5, 3)), np.array([0, 1, 2, 0, 1])
    loss, found, variables = program.compiled()(scores=scores, y=y)
    e = np.exp(scores)
    p = e / e.sum(1, keepdims=True)
    assert np.isclose(loss, -np.log(p[range(5), y]).sum() / 5)
    np.testing.assert_allclose(found["scores"], (p - np.eye(3)[y]) / 5)
    np.testing.assert_allclose(variables["probs"], p)
    assert not np.shares_memory(found["scores"], found["a"])

    x, w = world(x=X, w=X)
    total = np.sum(x * w)
    ones = np.broadcast_to(total, (5, 3))
    same = Program(("x", "w"), (
        Assign("loss", total), Assign("dx", w, "gradient"), Assign("dw", x.T, "gradient"),
        Assign("dz", ones, "gradient"),
    ), "loss", {"x": "dx", "w": "dw", "z": "dz"})  # fmt: skip
    found = same.compiled()(X, X + 1)[1]
    given = X + 1
    found = same.compiled()(X, given)[1]
    assert not any(np.shares_memory(g, a) for g in found.values() for a in (X, given))
    assert all(g.flags.writeable for g in found.values())


def test_gradients_are_floating_point_numbers():
    (x,) = world(x=X)
    mask, one = x > 0, x.world.lift(2)
    program = Program(("x",), (
        Assign("loss", np.sum(x)), Assign("dx", mask, "gradient"), Assign("dt", one, "gradient"),
        Assign("ds", np.sum(mask), "gradient"),
    ), "loss", {"x": "dx", "t": "dt", "s": "ds"})  # fmt: skip
    assert program.gradient == ("dx = (x > 0).astype(float)\ndt = 2.0\nds = float(np.sum(dx))")


def test_a_name_is_forgotten_when_its_variable_changes():
    (x,) = world(x=X)
    h = np.exp(x)
    program = Program(("x",), (
        Assign("h", h), Assign("view", h.T), Assign("again", h),
        InPlace("h", None, "*=", x.world.lift(2)),
        Assign("loss", np.sum(h)), Assign("other", np.sum(h.T)),
        Assign("h", np.sin(x)), Assign("last", h + np.sin(x)),
    ), "loss", {})  # fmt: skip
    assert [line.text for line in program.lines()][:3] == [
        "h = np.exp(x)", "view = h.T.copy()", "again = h.copy()"]  # fmt: skip
    loss, _, found = program.compiled()(X)
    assert np.isclose(loss, np.exp(X).sum())
    np.testing.assert_allclose(found["view"], np.exp(X).T)
    np.testing.assert_allclose(found["last"], np.exp(X) + np.sin(X))


def test_what_is_written_to_in_place_is_written_so():
    x, y = world(x=X, y=np.array([0, 1, 0, 2, 1]))
    h = np.exp(x)
    cut = updated(updated(h, 0, index=(slice(1, 3),)), x[0], index=(0,))
    put = scatter(x[:, 0], index=(np.arange(5), y), into=(5, 3))
    met = scatter(x, index=(y,), into=(4, 3))
    program = Program(("x", "y"), (
        Assign("h", h), *assigned("cut", cut, "forward"), Assign("loss", np.sum(cut)),
        *assigned("put", put, "gradient"), *assigned("met", met, "gradient"),
        Assign("both", np.sum(put) + np.sum(cut)),
    ), "loss", {})  # fmt: skip
    assert [line.text for line in program.lines()] == [
        "h = np.exp(x)", "cut = h.copy()", "cut[1:3] = 0", "cut[0] = x[0]", "loss = np.sum(cut)",
        "put = np.zeros((5, 3))", "put[range(5), y] += x[:, 0]",
        "met = np.zeros((4, 3))", "np.add.at(met, y, x)", "both = np.sum(put) + loss",
    ]  # fmt: skip
    labels = np.array([0, 1, 0, 2, 1])
    _, _, found = program.compiled()(X, labels)
    want = np.zeros((4, 3))
    np.add.at(want, labels, X)
    np.testing.assert_allclose(found["met"], want)
    np.testing.assert_allclose(found["h"], np.exp(X))
    with pytest.raises(ValueError, match="updated"):
        text(cut + 1)
    assert latex(met) == r"\left(x\right)\big|_{[y]}"
    assert latex(updated(h, 0, index=(slice(1, 3),)), {h: "h"}) == r"h\big|_{[1:3] \leftarrow 0}"
    made = np.diag(x[0])
    assert [line.value for line in assigned("made", made, "forward")] == [made]
    assert text(made) == "np.diag(x[0])"


@pytest.mark.parametrize(
    ("index", "args", "expected"),
    [
        ((Slot(0),), 1, "np.add.at(dx, y, 1)"),
        ((slice(1, None), Slot(0)), 1, "np.add.at(dx, np.s_[1:, y], 1)"),
        ((np.array([0, 0, 2]),), 0, "np.add.at(dx, np.array([0, 0, 2]), 1)"),
    ],
)
def test_entries_that_meet_are_added_one_by_one(index, args, expected):
    x, y = world(x=X, y=np.array([0, 1]))
    zeros = broadcast_to(x.world.lift(0), shape=(5, 3))
    update = InPlace("dx", index, "+=", x.world.lift(1), (y,)[:args], at=True)
    program = Program(("x", "y"), (Assign("loss", np.sum(x)), Assign("dx", zeros), update),
                      "loss", {"x": "dx"})  # fmt: skip
    assert program.lines()[-1].text == expected
    program.compiled()(X, np.array([0, 1]))


def test_programs_that_cannot_be_run_are_refused():
    (x,) = world(x=X)
    with pytest.raises(ValueError, match="before it is assigned"):
        Program(("x",), (InPlace("x", None, "*=", x),), "x", {})
    with pytest.raises(ValueError, match="dx: returned, but never assigned"):
        Program(("x",), (Assign("loss", x),), "loss", {"x": "dx"})
    with pytest.raises(ValueError, match="no update"):
        InPlace("x", (0,), "=", x, at=True)


def test_a_traceback_shows_the_line():
    program = PROGRAMS["question"]
    run = forward(program.loss, program.wrt, program.inputs).compiled("loss")
    with pytest.raises(ValueError, match="broadcast") as caught:
        run(**program.inputs | {"b": np.ones(17)})
    assert "scores = X @ W + b" in "".join(traceback.format_exception(caught.value))
    before = len(linecache.cache)
    del run
    assert len(linecache.cache) <= before


# --- LaTeX ----------------------------------------------------------------------------------------


def assert_latex_is_sound(found):
    bare = found.replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")
    assert found.count(r"\left") == found.count(r"\right")
    assert not re.search(r"(?<!\\)_(?!\{)", found)
    depth, scripts = 0, {0: ""}
    for token in re.findall(r"\\?.", bare):  # no second index or exponent on one base
        if token == "{":
            depth += 1
            scripts[depth] = ""
        elif token == "}":
            depth -= 1
        elif token in "_^":
            assert token not in scripts[depth], found
            scripts[depth] += token
        else:
            scripts[depth] = ""


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda X, v, n: X - (X - v), r"X - \left(X - v\right)"),
        (lambda X, v, n: -(X + v), r"-\left(X + v\right)"),
        (lambda X, v, n: (X * v) ** 2, r"\left(X \odot v\right)^{2}"),
        (lambda X, v, n: 2 * n * X, r"2 \, n \, X"),
        (lambda X, v, n: X * 2, r"X \cdot 2"),
        (lambda X, v, n: -n * X, r"-n \, X"),
        (lambda X, v, n: X * -v, r"X \odot \left(-v\right)"),
        (lambda X, v, n: X / v / n, r"\frac{\frac{X}{v}}{n}"),
        (lambda X, v, n: (X * v) @ v, r"\left(X \odot v\right) \, v"),
        (lambda X, v, n: n * (X @ v), r"n \, X \, v"),
        (lambda X, v, n: X.T.T @ X.T, r"X \, X^{\top}"),
        (lambda X, v, n: v.T, "v"),
        (lambda X, v, n: np.sum(X, axis=0) * v, r"\left(\sum_{\text{axis }0} X\right) \odot v"),
        (lambda X, v, n: np.sum(X * v), r"\sum X \odot v"),
        (lambda X, v, n: np.mean(X + v, axis=1),
         r"\operatorname{mean}_{\text{axis }1} \left(X + v\right)"),
        (lambda X, v, n: np.max(X, axis=(0, 1)) + np.maximum(0, v),
         r"\max X + \max\left(0,\; v\right)"),
        (lambda X, v, n: np.sqrt(X) + np.exp(v), r"\sqrt{X} + \exp\left(v\right)"),
        (lambda X, v, n: np.abs(X) * (X > 0), r"\left|X\right| \odot [X > 0]"),
        (lambda X, v, n: X[1:, ::2], r"X_{[1:,\; ::2]}"),
        (lambda X, v, n: X[1][2], r"\left(X_{[1]}\right)_{[2]}"),
        (lambda X, v, n: X[:, None] * v[:], r"X \odot v"),
        (lambda X, v, n: X[range(5), [0, 1, 2, 0, 1]],
         r"X_{[0 \ldots 4,\; \left(0,\; 1,\; 2,\; 0,\; 1\right)]}"),
        (lambda X, v, n: 1e-5 * X, r"10^{-5} \, X"),
        (lambda X, v, n: X + 2.5e30, r"X + 2.5 \cdot 10^{30}"),
        (lambda X, v, n: np.where(X > 0, X, -np.inf),
         r"\operatorname{where}\left([X > 0],\; X,\; -\infty\right)"),
        (lambda X, v, n: np.linalg.inv(X[:3] @ X[:3].T),
         r"\left(X_{[:3]} \, X_{[:3]}^{\top}\right)^{-1}"),
        (lambda X, v, n: np.round(X, 1),
         r"\operatorname{round}\left(X,\; \mathrm{decimals}=1\right)"),
    ],
)  # fmt: skip
def test_expressions_are_typeset(function, expected):
    found = latex(function(*world(X=X, v=v, n=1.0)))
    assert found == expected
    assert_latex_is_sound(found)


def test_sizes_are_named_or_described_and_ranges_begin_at_zero():
    program = PROGRAMS["question"]
    lines = forward(program.loss, program.wrt, program.inputs).lines()
    shown = [latex_statement(line.statement, line.names) for line in lines]
    assert shown[0] == r"\mathit{num\_examples} = \mathrm{rows}\left(X\right)"
    assert shown[4] == (
        r"\mathit{correct\_logprobs} = -\log\left(\mathit{probs}_{[0 \ldots "
        r"\mathit{num\_examples}-1,\; y]}\right)"
    )
    program = PROGRAMS["attention"]
    (first, *_) = forward(program.loss, program.wrt, program.inputs).lines()
    assert latex_statement(first.statement) == (
        r"S = \frac{Q \, K^{\top}}{\sqrt{\mathrm{columns}\left(Q\right)}}"
    )


def test_updates_are_typeset():
    shown = [latex_statement(line.statement, line.names) for line in softmax_program().lines()]
    assert shown[3:6] == [
        r"\mathit{dscores} = \mathit{probs}",
        r"\mathit{dscores}_{[0 \ldots n-1,\; y]} \mathrel{-}= 1",
        r"\mathit{dscores} \mathrel{/}= n",
    ]


def test_names_are_typeset():
    assert [name_latex(n) for n in ("W", "W2", "dW2", "db", "dgamma", "mu", "exp_x", "dscores",
                                    "probs_2", "θ")] == [
        "W", "W_{2}", r"\mathrm{d}W_{2}", r"\mathrm{d}b", r"\mathrm{d}\gamma", r"\mu",
        r"\mathit{exp\_x}", r"\mathit{dscores}", r"\mathit{probs\_2}", r"\theta"]  # fmt: skip


def test_sentences_are_set_with_code_in_them():
    assert prose_latex("``a_b`` & `c`: 5 % < 6") == (
        r"\texttt{a\_b} \& \texttt{c}: 5 \% \textless{} 6"
    )


def all_latex():
    return [
        latex_statement(line.statement, line.names)
        for program in PROGRAMS.values()
        for line in forward(program.loss, program.wrt, program.inputs).lines()
    ]


def test_every_program_can_be_typeset():
    for line in all_latex():
        assert_latex_is_sound(line)
        assert r"\top}^{\top}" not in line


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine")
def test_latex_compiles(tmp_path):
    head = r"\documentclass{article}\usepackage{amsmath}\begin{document}"
    body = "\n".join(rf"\[{line}\]" for line in all_latex())
    (tmp_path / "all.tex").write_text(head + body + r"\end{document}", "utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
