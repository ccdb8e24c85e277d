"""What inputs may be called: any name of a Python variable works, and nothing else gets in.

Inputs often come from a file, ``**np.load("params.npz")``, and their names stand in generated code.
"""

import keyword
import linecache
import re

import numpy
import numpy as np
import pytest

import tinygrad_softmax as tg
from tinygrad_softmax.commands import main
from tinygrad_softmax.core.errors import check_names
from tinygrad_softmax.testing import arrays_for, assert_gradients_match

EXECUTED = []
HERE = f"__import__({__name__!r}, fromlist=['x']).EXECUTED.append(1)"

HOSTILE = [
    HERE,
    f"z={HERE}",
    f"z: [{HERE}]",
    f"z\n    {HERE}",
    f"z):\n    {HERE}\ndef gradients(z",
    "z.T",
    "z[0]",
    "layer1/W",
    "a b",
    "{0}",
    "1",
    "",
    "lambda",
    "None",
    "__class__",
    "__import__",
    "__debug__",
    "\ufb01t",  # the ligature fi, which Python reads as two letters
    "\U0001d54e",  # a double-struck W
    "\N{MICRO SIGN}",  # which Python reads as the Greek letter
]


def loss(W, **others):
    return np.sum(W * W) + sum(np.sum(value) for value in others.values())


def gradients(W, **others):
    return {"W": 2 * W}


def inputs(name):
    return {"W": np.ones((2, 3)), name: np.ones(3)}


ENTRANCES = {
    "derive": lambda name: tg.derive(loss, "W", **inputs(name)),
    "derive by it": lambda name: tg.derive(loss, name, **inputs(name)),
    "explain": lambda name: tg.explain(loss, "W", **inputs(name)),
    "draw": lambda name: tg.draw(loss, "W", **inputs(name)),
    "compile": lambda name: tg.compile(loss, "W")(**inputs(name)),
    "check_gradients": lambda name: tg.check_gradients(loss, gradients, wrt="W", **inputs(name)),
    "check_gradients of parameters": lambda name: tg.check_gradients(
        lambda: 0.0, dict, params=inputs(name)
    ),
    "assert_gradients_match": lambda name: assert_gradients_match(
        loss, gradients, wrt="W", **inputs(name)
    ),
    "seed_mistakes": lambda name: list(tg.seed_mistakes(loss, "W", **inputs(name))),
    "arrays_for": lambda name: arrays_for({name: "N D"}).example(),
}


@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("entrance", ENTRANCES)
def test_a_name_that_no_variable_has_is_refused(entrance, name):
    with pytest.raises(ValueError, match="cannot be the name of an input") as refusal:
        ENTRANCES[entrance](name)
    assert repr(name) in str(refusal.value)
    assert "rename the input" in str(refusal.value)
    assert not EXECUTED


@pytest.mark.parametrize("name", HOSTILE)
def test_what_else_is_named_by_a_program(name):
    """By what to differentiate, and which variable is a stage: it is none that there is."""
    for call in (
        lambda: tg.derive(loss, name, W=np.ones(2)),
        lambda: tg.explain(loss, name, W=np.ones(2)),
        lambda: tg.draw(loss, name, W=np.ones(2)),
        lambda: tg.compile(loss, name),
        lambda: tg.check_gradients(loss, gradients, wrt=name, W=np.ones(2)),
        lambda: list(tg.seed_mistakes(loss, name, W=np.ones(2))),
        lambda: tg.check_gradients(loss, gradients, stages={name: "W"}, W=np.ones(2)),
        lambda: tg.check_gradients(loss, gradients, stages={"W": name}, W=np.ones(2)),
        lambda: tg.check_gradients(loss, lambda W: {name: 2 * W}, W=np.ones(2)),
    ):
        with pytest.raises((TypeError, ValueError)) as refusal:
            call()
        assert name in str(refusal.value) or repr(name) in str(refusal.value)
    assert not EXECUTED


@pytest.mark.parametrize("name", [name for name in HOSTILE if name and "=" not in name])
@pytest.mark.parametrize("command", ["derive", "explain", "check"])
def test_the_command_line_refuses_it(tmp_path, capsys, command, name):
    file = tmp_path / "mine.py"
    file.write_text(
        "import numpy as np\n"
        "def loss(W, **others):\n    return np.sum(W * W)\n"
        "def gradients(W, **others):\n    return {'W': 2 * W}\n"
    )
    functions = [f"{file}:loss", f"{file}:gradients"][: 1 + (command == "check")]
    assert main([command, *functions, "W=2x3", f"{name}=4x"]) == 2
    assert repr(name) in capsys.readouterr().err
    assert not EXECUTED


@pytest.mark.parametrize("name", HOSTILE)
def test_a_tensor_may_be_called_anything(name):
    """Its name is shown, in a form that a variable could have; nothing of it is read as code."""
    W, data = tg.Tensor(np.ones((2, 3)), name=name), np.ones(3)
    for function in (lambda W: np.sum(W * data), lambda W: np.sum(np.exp(W) / np.sum(W))):
        explanation = tg.explain(function(W))
        (title,) = [station.title for station in explanation.stations if station.leaf]
        check_names([title])
        for text in (str(explanation), explanation.markdown, explanation.latex):
            assert name not in text or name.isidentifier() or len(name) < 2
        drawing = tg.draw(function(W))
        assert drawing.svg
        assert drawing.html
        assert drawing.dot
    assert not EXECUTED


@pytest.mark.parametrize("name", HOSTILE)
def test_variables_that_were_put_into_a_module(name):
    """``globals().update(np.load(...))``: such a variable is passed over, its value has no name."""
    space = {"np": np, "tg": tg, name: np.arange(3.0), "\nW": None}
    exec("W = tg.Tensor(np.ones((2, 3)))\nother = W * 2\n", space)
    space[f"{name}!"] = space["other"]
    source = (
        "loss = np.sum(other * [value for key, value in globals().items() if key == key_][0])\n"
        "told = str(tg.explain(loss))\n"
        "drawn = tg.draw(np.sum(other)).svg\n"
    )
    exec(source, space | {"key_": name})
    assert not EXECUTED


def test_the_message_offers_a_name():
    for name, better in {"layer1/W": "layer1_W", "lambda": "x_lambda", "2W": "x_2W", "": "x",
                         "\ufb01t": "fit", "W-1": "W_1"}.items():  # fmt: skip
        with pytest.raises(ValueError, match=f"for example to '{better}'$"):
            check_names([name])
    with pytest.raises(ValueError, match="it is of type int"):
        check_names([1])
    assert check_names(["W", "b1", "größe", "_", "match", "σ"]) is None
    assert all(keyword.iskeyword(name) for name in ("lambda", "None"))


def test_an_op_may_be_called_anything():
    """A lambda's name is no name, and the formula refers to it by another."""
    cube = tg.primitive()(lambda x: x**3)
    cube.grad("x")(lambda g, x: 3 * g * x**2)
    hostile = tg.primitive()(lambda x: x**3)
    hostile.__name__ = HERE
    hostile.grad("x")(lambda g, x: 3 * g * x**2)
    x = np.array([1.0, -2.0])
    for function in (lambda x: np.sum(cube(x) * 2.0), lambda x: np.sum(hostile(x) * 2.0)):
        np.testing.assert_allclose(tg.derive(function, x=x)(x=x)["x"], 6 * x**2)
        np.testing.assert_allclose(tg.compile(function)(x=x)[1]["x"], 6 * x**2)
    assert not EXECUTED


# --- names that mean something else as well ---

COLLIDING = ["dW", "loss", "range", "float", "float64", "np", "len", "sum", "print", "gradients",
             "self", "inputs", "W_2", "function", "n", "found", "locals", "X_T", "σ"]  # fmt: skip
PLACES = ["W", "b", "X", "y", "reg"]

SOURCE = """
def softmax_loss({W}, {b}, {X}, {y}, {reg}):
    s_ = {X} @ {W} + {b}
    e_ = numpy.exp(s_)
    p_ = e_ / numpy.sum(e_, axis=1, keepdims=True)
    picked_ = p_[numpy.arange({X}.shape[0]), {y}]
    return -numpy.mean(numpy.log(picked_)) + 0.5 * {reg} * numpy.sum({W} * {W})

def by_hand({W}, {b}, {X}, {y}, {reg}):
    s_ = {X} @ {W} + {b}
    e_ = numpy.exp(s_)
    p_ = e_ / numpy.sum(e_, axis=1, keepdims=True)
    p_[numpy.arange({X}.shape[0]), {y}] -= 1
    p_ /= {X}.shape[0]
    return {{"{W}": {X}.T @ p_ + {reg} * {W}, "{b}": numpy.sum(p_, axis=0, keepdims=True)}}

def wrong({W}, {b}, {X}, {y}, {reg}):
    found_ = by_hand({W}, {b}, {X}, {y}, {reg})
    return {{**found_, "{W}": -found_["{W}"]}}
"""


class Case:
    """A softmax classifier one of whose inputs has another name."""

    def __init__(self, name, place):
        names = {**dict(zip(PLACES, PLACES, strict=True)), place: name}
        source, file = SOURCE.format(**names), f"<{place} is called {name}>"
        linecache.cache[file] = (len(source), None, source.splitlines(True), file)
        space = {"numpy": numpy}
        exec(compile(source, file, "exec"), space)
        self.loss, self.by_hand, self.wrong = (
            space[function] for function in ("softmax_loss", "by_hand", "wrong")
        )
        rng = np.random.default_rng(0)
        values = {"W": rng.normal(size=(4, 3)), "b": rng.normal(size=(1, 3)),
                  "X": rng.normal(size=(7, 4)), "y": rng.integers(0, 3, 7), "reg": 0.3}  # fmt: skip
        self.inputs = {names[place]: value for place, value in values.items()}
        self.wrt = (names["W"], names["b"])
        self.wanted = tg.grad(self.loss, wrt=self.wrt)(**self.inputs)

    def compare(self, found):
        assert tuple(found) == self.wrt
        for got, want in zip(found.values(), self.wanted, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-13)


def derived(case):
    derivation = tg.derive(case.loss, case.wrt, **case.inputs)
    case.compare(derivation(**case.inputs))
    case.compare(derivation.value_and_grad(**case.inputs)[1])
    assert derivation.intermediates(**case.inputs)
    assert derivation.markdown
    assert derivation.latex
    space = {"np": np, "numpy": numpy}
    exec(derivation.source, space)
    case.compare(space["gradients"](**case.inputs)[1])


def compiled(case):
    step = tg.compile(case.loss, case.wrt)
    for _ in range(2):
        case.compare(step(**case.inputs)[1])  # a warning that it was not compiled is an error


def compiled_in_blocks(case):
    step = tg.compile(case.loss, case.wrt)
    many = {name: np.repeat(value, 4000, axis=0) if np.shape(value)[:1] == (7,) else value
            for name, value in case.inputs.items()}  # fmt: skip
    case.compare(step(**many)[1])


def checked(case):
    report = tg.check_gradients(case.loss, case.by_hand, **case.inputs, wrt=case.wrt)
    assert report.ok, str(report)
    report = tg.check_gradients(case.loss, case.wrong, **case.inputs, wrt=case.wrt)
    assert [finding.stage for finding in report.findings] == [f"d{case.wrt[0]}"]
    assert "sign" in str(report)


def explained(case):
    explanation = tg.explain(case.loss, case.wrt, **case.inputs)
    assert len(explanation.lines) >= 2, explanation.note
    assert str(explanation)
    assert explanation.latex
    recorded = case.loss(
        **{n: tg.Tensor(v, name=n) if n in case.wrt else v for n, v in case.inputs.items()}
    )
    leaves = {station.title for station in tg.explain(recorded).stations if station.leaf}
    assert leaves == {*case.wrt}


def drawn(case):
    drawing = tg.draw(case.loss, case.wrt, **case.inputs)
    assert "left out" not in drawing.html
    assert drawing.svg


TOOLS = [derived, compiled, compiled_in_blocks, checked, explained, drawn]


@pytest.mark.no_cover
@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("name", COLLIDING)
def test_an_input_may_be_called_as_something_else_is(name, tool):
    # Every name stands at every place, by some tool.
    place = PLACES[(COLLIDING.index(name) + TOOLS.index(tool)) % len(PLACES)]
    try:
        tool(Case(name, place))
    except Exception as error:
        error.add_note(f"{place} is called {name}")
        raise


@pytest.mark.parametrize("name", ["range", "np", "float", "slice", "len"])
def test_a_local_variable_may_be_called_so_too(name):
    space = {"numpy": numpy}
    exec(
        f"def loss(W, X, y):\n"
        f"    {name} = X @ W\n"
        f"    e = numpy.exp({name})\n"
        f"    p = e / numpy.sum(e, axis=1, keepdims=True)\n"
        f"    return -numpy.mean(numpy.log(p[numpy.arange(X.shape[0]), y]))\n",
        space,
    )
    inputs = {"W": np.ones((4, 3)), "X": np.eye(5, 4), "y": np.array([0, 2, 1, 1, 0])}
    wanted = tg.grad(space["loss"], wrt="W")(**inputs)
    np.testing.assert_allclose(tg.derive(space["loss"], **inputs)(**inputs)["W"], wanted)
    np.testing.assert_allclose(tg.compile(space["loss"])(**inputs)[1]["W"], wanted)


def test_mistakes_are_made_where_names_could_be_confused():
    given = {"W": np.array([1.0, 2.0]), "dW": np.array([3.0, 5.0])}
    found = list(tg.seed_mistakes(lambda W, dW: np.sum(W * dW), ("W", "dW"), **given))
    assert found
    for mistake in found:
        wrong = [n for n, other in (("W", "dW"), ("dW", "W"))
                 if not np.array_equal(mistake.function(**given)[n], given[other])]  # fmt: skip
        assert len(wrong) == 1
        assert mistake.stage not in given  # no name of an input is used again


def test_a_returned_dict_with_both_names():
    """A key that is a parameter's own name is that one's, also where it reads as another's."""
    report = tg.check_gradients(
        lambda W, dW: np.sum(W**2 * dW),
        lambda W, dW: {"dW": W**2, "W": 2 * W * dW},
        wrt=("W", "dW"),
        W=np.ones(2),
        dW=np.ones(2),
    )
    assert report.ok, str(report)


def test_two_ops_of_one_name_keep_their_names_all_through_a_derivation():
    def tripled():
        @tg.primitive()
        def f(x):
            return 3.0 * x

        f.grad("x")(lambda g: 3.0 * g)
        return f

    def sine():
        @tg.primitive()
        def f(x):
            return np.sin(x)

        f.grad("x")(lambda g, x: g * np.cos(x))
        return f

    three, wave = tripled(), sine()
    W = np.array([0.3, 0.7])
    derivation = tg.derive(lambda W: np.sum(three(W) * wave(W)), W=W)
    told = str(derivation)
    named = dict(re.findall(r"^ +(\w+) = (f_?)\(W\)$", told, re.MULTILINE))
    (second,) = re.findall(r"dW = \w+ \* np.cos\(W\) \+ 3 \* (\w+)$", told, re.MULTILINE)[:1]
    (first,) = set(named) - {second}
    assert named[first] != named[second]
    assert told.count(f"dW = {first} * np.cos(W) + 3 * {second}") == 2
    np.testing.assert_allclose(derivation(W=W)["W"], 3 * W * np.cos(W) + 3 * np.sin(W))
