"""What a page shows of an array: in words, in full, or as a heat map."""

import numpy as np
import pytest

from tinygrad_softmax.drawing.summary import summarised


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float64(0.25), "0.25"),
        (7, "7"),
        (np.zeros((300, 2)), "300 × 2 numbers, all 0"),
        (np.ones(1), "1 number, it is 1"),
        (np.array([1.0, np.nan]), "2 numbers, all 1; 1 not finite"),
        (np.array([1.0, 2.0, np.inf]), "3 numbers from 1 to 2; 1 not finite"),
        (np.array([np.nan]), "1 number, none of them finite"),
        (np.ones((0, 3)), "0 × 3 numbers: there are none"),
        (np.array([True, False]), "2 numbers from 0 to 1"),
    ],
)
def test_an_array_is_told_in_words(value, text):
    assert summarised(value).text == text


def test_a_small_array_is_shown_in_full_and_a_large_one_as_a_heat_map():
    small = summarised(np.arange(24.0).reshape(2, 3, 4))
    assert small.table[5] == ("20", "21", "22", "23")
    assert small.note == "The first axes are shown one below the other."
    large = summarised(np.vstack([np.full((150, 2), 4.0), np.full((150, 2), -2.0)]))
    assert not large.table
    assert large.heat[0] == (100, 100)
    assert large.heat[-1] == (-50, -50)
    assert large.note == "Each cell is the mean of 8 rows."
    wide = summarised(np.full(100, np.nan))
    assert wide.heat == ((None,) * 34,)
    assert wide.note == "Each cell is the mean of 3 columns."
    assert summarised(np.zeros((70, 1))).heat == ((0,),) * 35
    assert summarised(np.zeros((8, 9))).note == ""
