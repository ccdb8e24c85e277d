"""What a page shows of an array: in words, in full, or rows of it as a heat map."""

import numpy as np
import pytest

from tinygrad_softmax.drawing.numbers import TALL, WIDE, Labels, summarised


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float64(0.25), "0.25"),
        (7, "7"),
        (np.zeros((300, 2)), "300 × 2 numbers, all 0"),
        (np.ones(1), "1 number, it is 1"),
        (np.array([1.0, 1.00001]), "2 numbers from 1 to 1"),
        (np.array([1.0, np.nan]), "2 numbers, all 1; 1 not finite"),
        (np.array([1.0, 2.0, np.inf]), "3 numbers from 1 to 2; 1 not finite"),
        (np.array([np.nan]), "1 number, none of them finite"),
        (np.ones((0, 3)), "0 × 3 numbers: there are none"),
        (np.array([True, False]), "2 numbers from 0 to 1"),
        (np.array(["cat", "dog"]), "2 values of type <U3"),
    ],
)
def test_an_array_is_told_in_words(value, text):
    assert summarised(value).text == text


def test_a_small_array_is_shown_in_full():
    small = summarised(np.arange(24.0).reshape(2, 3, 4))
    assert small.table[5] == ("20", "21", "22", "23")
    assert small.note == "The first axes are shown one below the other."
    assert not small.heat


def test_a_heat_map_shows_rows_and_no_means():
    """Means of rows of opposite sign would be blank."""
    array = np.tile([[4.0, -2.0], [-4.0, 2.0]], (150, 1))
    found = summarised(array)
    assert len(found.heat) == TALL
    assert {*found.heat} == {(100, -50), (-100, 50)}
    assert found.scale == ("-4", "0", "4")
    assert found.note == f"{TALL} of the 300 rows are shown."
    wide = summarised(np.random.default_rng(0).normal(size=(3, 3072)))
    assert (len(wide.heat), len(wide.heat[0])) == (3, WIDE)
    assert wide.note == f"{WIDE} of the 3072 columns are shown."


def test_rows_are_sorted_by_label():
    y = np.tile([2, 0, 1], 40)
    found = summarised(np.eye(3)[y], Labels("y", y))
    assert found.heat == tuple(sorted(found.heat, reverse=True))
    assert [name for name, _ in found.groups] == ["0", "1", "2"]
    assert sum(rows for _, rows in found.groups) == len(found.heat)
    assert "The rows are sorted by `y`." in found.note
    column = summarised(y * 1.0, Labels("y", y))  # one example after the other, as rows
    assert [row[0] for row in column.heat] == sorted(row[0] for row in column.heat)
    for other in (np.arange(99.0).reshape(33, 3), np.arange(720.0).reshape(120, 2, 3)):
        assert not summarised(other, Labels("y", y)).groups


@pytest.mark.parametrize(
    ("low", "high", "scale"),
    [(0.0, 2.0, ("0", "2")), (100.0, 101.0, ("100", "101")), (-3.0, -1.0, ("-1", "-3"))],
)
def test_numbers_of_one_sign_have_a_scale_of_their_own(low, high, scale):
    found = summarised(np.linspace(low, high, 77).reshape(7, 11))
    assert found.scale == scale
    shares = [share for row in found.heat for share in row]
    assert (min(shares), max(shares)) == (0, 100)


def test_what_is_not_finite_or_the_same_everywhere_has_no_colour():
    array = np.arange(100.0).reshape(10, 10)
    array[0, 0], array[1, 1] = np.nan, np.inf
    found = summarised(array)
    assert found.heat[0][0] is found.heat[1][1] is None
    assert found.scale == ("1", "99")
    assert summarised(np.zeros((70, 1))).heat == ()
    assert summarised(np.full(100, np.nan)).heat == ()
