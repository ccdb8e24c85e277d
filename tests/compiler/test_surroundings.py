"""What a function reads from outside is found, through the functions it calls."""

from functools import partial

import numpy as np
from numpy import linalg, mean

from tinygrad_softmax.compiler.surroundings import Surroundings

KNOWN = 3


def helper(w, again=2):
    return KNOWN * mean(w) if not again else helper(w, again - 1)  # it calls itself


def names(function):
    return {name for _, name, _ in Surroundings(function).read}


def test_through_helpers_but_not_into_libraries():
    assert names(lambda w: helper(w) + linalg.norm(w)) == {"KNOWN"}


def test_a_function_that_reads_nothing():
    around = Surroundings(lambda w: np.sum(w) + 1)
    assert around.read == []
    assert around.unchanged()


def test_a_callable_without_code_has_nothing_to_read():
    assert Surroundings(partial(np.sum, axis=0)).read == []


def test_a_variable_that_is_bound_later():
    def loss(w):
        return later * w  # noqa: F821 - it is bound below, and taken away again

    around = Surroundings(loss)
    assert around.unchanged()
    later = 2.0
    assert names(loss) == {"cell_contents"}
    kept = Surroundings(loss)
    del later
    assert not kept.unchanged()


def test_an_array_is_itself_and_a_number_its_value():
    array, number = np.ones(2), 1e3

    def loss(w):
        return np.sum(array * w) * number

    around = Surroundings(loss)
    number = 1000.0
    assert around.unchanged()
    array[0] = 5.0  # it is read where it lies
    assert around.unchanged()
    array = array.copy()
    assert not around.unchanged()
