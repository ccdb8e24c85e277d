"""What a loss reads besides its inputs is looked at in every call, or the loss is not compiled."""

import os
import types
import warnings
from functools import cached_property

import numpy as np
import pytest

import tinygrad_softmax as tg

SCALE = 2.0
W = np.arange(1.0, 4.0)


class Options:
    def __init__(self, reg=1.0):
        self.reg = reg


class Slotted:
    __slots__ = ("reg",)

    def __init__(self):
        self.reg = 1.0


class Cached:
    reg = 2.0

    @cached_property
    def doubled(self):
        return 2 * self.reg

    def loss(self, w):
        return np.sum(w) * self.doubled


class Base:
    power = 1.0

    def penalty(self, w):
        return np.sum(w * w) * self.power


class Model(Base):
    def __init__(self):
        self.options, self.layers = Options(), [Options(2.0), Options(3.0)]
        self.mask, self.history, self.table = np.ones(3), [1.0], {"a": {"b": 1.0}}

    @property
    def doubled(self):
        return 2 * self.options.reg

    def nested(self, w):
        return np.sum(w) * self.options.reg

    def in_a_list(self, w):
        return np.sum(w) * self.layers[0].reg

    def by_a_property(self, w):
        return self.penalty(w) * self.doubled

    def masked(self, w):
        return np.sum(w * self.mask)

    def counted(self, w):
        return np.sum(w) * len(self.history)

    def in_a_table(self, w):
        return np.sum(w) * self.table["a"]["b"]

    def __call__(self, w):
        return np.sum(w) * self.options.reg


def closure(value):
    """Return a loss with a variable of its own around it, and a function that changes that."""

    def loss(w):
        return np.sum(w) * value

    def change(to):
        nonlocal value
        value = to

    return loss, change


def of_an_array():
    array = np.ones(3)
    return lambda w: np.sum(w * np.sum(array)), lambda to: array.__setitem__(0, to)


def of_slots():
    options = Slotted()
    return lambda w: np.sum(w) * options.reg, lambda to: setattr(options, "reg", to)


def of_a_namespace():
    options = types.SimpleNamespace(reg=1.0)
    return lambda w: np.sum(w) * options.reg, lambda to: setattr(options, "reg", to)


def of_a_helper():
    def helper(w):
        return SCALE * w

    return lambda w: np.sum(helper(w)), lambda to: globals().__setitem__("SCALE", to)


def of_a_model(method, change):
    def made():
        model = Model()
        return getattr(model, method), lambda to: change(model, to)

    return made


STATES = {
    "a variable": lambda: closure(1.0),
    "a global, in a helper": of_a_helper,
    "entries of an array": of_an_array,
    "slots": of_slots,
    "a namespace": of_a_namespace,
    "nested": of_a_model("nested", lambda m, to: setattr(m.options, "reg", to)),
    "in a list": of_a_model("in_a_list", lambda m, to: setattr(m.layers[0], "reg", to)),
    "another in a list": of_a_model(
        "in_a_list", lambda m, to: m.layers.__setitem__(0, Options(to))
    ),
    "a property": of_a_model("by_a_property", lambda m, to: setattr(m.options, "reg", to)),
    "of the class": of_a_model("by_a_property", lambda m, to: setattr(Base, "power", to)),
    "in place of the class's": of_a_model("by_a_property", lambda m, to: setattr(m, "power", to)),
    "entries of an attribute": of_a_model("masked", lambda m, to: m.mask.__setitem__(1, to)),
    "a list that grows": of_a_model("counted", lambda m, to: m.history.append(to)),
    "nested dicts": of_a_model("in_a_table", lambda m, to: m.table["a"].update(b=to)),
    "a callable object": of_a_model("__call__", lambda m, to: setattr(m.options, "reg", to)),
}


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    monkeypatch.setattr(Base, "power", Base.power)
    monkeypatch.setitem(globals(), "SCALE", SCALE)


@pytest.mark.parametrize("name", STATES)
def test_what_changes_is_noticed(name):
    loss, change = STATES[name]()
    step = tg.compile(loss)
    for to in (5.0, 7.0, -1.0):
        for _ in range(2):
            value, found = step(w=W)  # that it is not compiled is an error
            wanted = tg.value_and_grad(loss)(W)
            assert value == pytest.approx(wanted[0])
            np.testing.assert_allclose(found["w"], wanted[1])
        change(to)
    assert step(w=W)[0] == pytest.approx(loss(W))


rng = np.random.default_rng(0)
LARGE = np.ones(3_000_000)


def stores(w):
    global SCALE  # noqa: PLW0603 - that is what is refused
    SCALE = SCALE + 1
    return np.sum(w) * SCALE


class Made:
    def __getattr__(self, name):
        return 2.0


MADE = Made()
REFUSED = {
    "the environment": (lambda w: np.sum(w) * float(os.environ.get("HOME_REG", "1")), "reads os"),
    "a name that is computed": (lambda w: np.sum(w) * globals()["SCALE"], "calls globals"),
    "an attribute by name": (lambda w: np.sum(w) * getattr(Base, "power"), "getattr"),  # noqa: B009
    "a generator": (lambda w: np.sum(w) * rng.random(), "draws random numbers"),
    "the shared generator": (lambda w: np.sum(w) * np.random.rand(), "random numbers"),
    "a rare draw": (
        lambda w: np.sum(w) * (1.0 if np.random.rand() < 2 else 2.0),
        "draws random numbers",
    ),
    "what it changes": (stores, "changes SCALE"),
    "an array that is too large": (lambda w: np.sum(w) * LARGE[0], "pass it as an input"),
    "attributes that are made": (lambda w: np.sum(w) * MADE.reg, "Made"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_watched_is_not_compiled(name):
    loss, reason = REFUSED[name]
    step = tg.compile(loss)
    with pytest.warns(RuntimeWarning, match=reason):
        step(w=W)
    step(w=W)  # it is said once


def test_a_list_that_the_loss_itself_grows():
    history = []

    def loss(w):
        history.append(0.0)
        return np.sum(w) * len(history)

    step = tg.compile(loss)
    with pytest.warns(RuntimeWarning, match="not compiled"):
        step(w=W)
    before = len(history)
    assert step(w=W)[0] == np.sum(W) * (before + 1)


def test_an_attribute_that_is_made_once():
    cached = Cached()
    step = tg.compile(cached.loss)
    assert step(w=W)[0] == 24
    cached.doubled = 3.0
    assert step(w=W)[0] == 18


def test_an_attribute_of_the_loss():
    def loss(w):
        return np.sum(w) * loss.reg

    loss.reg = 2.0
    step = tg.compile(loss)
    assert step(w=W)[0] == 12
    loss.reg = 3.0
    assert step(w=W)[0] == 18


def test_a_variable_that_is_bound_later():
    def loss(w):
        return later * np.sum(w)  # noqa: F821 - it is bound below, and taken away again

    later = 2.0
    step = tg.compile(loss)
    assert step(w=W)[0] == 12
    del later
    with pytest.raises(NameError):
        step(w=W)


def test_what_changes_in_every_call_is_left_to_the_tape():
    loss, change = closure(0.0)
    step = tg.compile(loss)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for i in range(50):
            change(float(i))
            assert step(w=W)[0] == 6 * i
    assert len(caught) == 1
    assert "changes from call to call" in str(caught[0].message)
    assert caught[0].filename == __file__
