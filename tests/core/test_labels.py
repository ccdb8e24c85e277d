"""Every mistake that labels can contain is named, and nothing correct is refused."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_softmax.core.errors import LabelError
from tinygrad_softmax.core.labels import check_labels

INTEGERS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]


@given(st.lists(st.integers(0, 99), min_size=1), st.sampled_from(INTEGERS))
def test_valid_labels_come_back_as_they_are(labels, dtype):
    y = np.array(labels, dtype)
    y.flags.writeable = False
    assert check_labels(y, len(y), 100) is y


def test_a_list_becomes_an_array():
    y = check_labels([2, 0], 2, 3)
    assert y.tolist() == [2, 0]
    assert y.dtype.kind == "i"


def test_more_classes_than_the_type_can_count_are_no_problem():
    assert check_labels(np.array([255], np.uint8), 1, 1000).dtype == np.uint8


@given(st.data())
def test_the_first_row_out_of_range_is_named(data):
    n_classes = data.draw(st.integers(1, 9))
    y = data.draw(st.lists(st.integers(-12, 12), min_size=1))
    wrong = [(row, label) for row, label in enumerate(y) if not 0 <= label < n_classes]
    if not wrong:
        assert check_labels(y, len(y), n_classes).tolist() == y
        return
    row, label = wrong[0]
    message = f"label {label} in row {row} is not one of the {n_classes} classes 0..{n_classes - 1}"
    with pytest.raises(LabelError, match=f"^{re.escape(message)}"):
        check_labels(y, len(y), n_classes)


@pytest.mark.parametrize(
    ("y", "advice"),
    [
        ([0, -1], "count from the last class"),
        ([0, 3], "numbered from 1, pass y - 1"),
        ([0.0, 1.0], r"float64.*y\.astype\(int\)"),
        (np.array([0, 1], np.float32), r"float32.*y\.astype\(int\)"),
        ([True, False], r"bool.*mask.*y\.astype\(int\)"),
        (["cat", "dog"], r"<U3.*np\.unique"),
        ([1, None], r"object.*np\.unique"),
        ([[0], [1]], r"\(2, 1\).*broadcast.*2 x 2.*y\.ravel\(\) or y\[:, 0\]"),
        ([[1, 0, 0], [0, 1, 0]], r"\(2, 3\).*one-hot.*np\.argmax\(y, axis=1\)"),
        ([[1, 0], [0, 1]], r"shape \(2, 2\) where \(2,\)"),
        (1, r"shape \(\) where \(2,\)"),
        (np.zeros((2, 1, 1), int), r"shape \(2, 1, 1\) where \(2,\)"),
        ([0, 1, 2], "3 labels for 2 examples"),
        ([], "0 labels for 2 examples"),
        ([[0], [1, 2]], "do not form an array"),
    ],
    ids=str,
)
def test_a_mistake_is_named_with_its_remedy(y, advice):
    with pytest.raises(LabelError, match=advice):
        check_labels(y, 2, 3)


def test_an_empty_batch_is_refused():
    with pytest.raises(LabelError, match="the batch is empty"):
        check_labels([], 0, 3)


def test_a_column_with_one_class_is_called_a_column():
    with pytest.raises(LabelError, match="a column"):
        check_labels([[0], [0]], 2, 1)
