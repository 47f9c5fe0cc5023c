"""``--where NAME=VALUE,VALUE``."""

import numpy as np
import pytest

from ceres_fast.errors import CeresFastError
from ceres_fast.frames.where import equal, matching, parse_where


def test_where_is_read():
    assert parse_where("FILTER = r , i") == ("FILTER", ["r", "i"])
    assert parse_where("A=b=c") == ("A", ["b=c"])


@pytest.mark.parametrize("text", ["", "FILTER", "FILTER=", "=r", "FILTER=r,", " =r"])
def test_what_is_not_where_is_refused(text):
    with pytest.raises(CeresFastError, match="expected NAME=VALUE"):
        parse_where(text)


def test_the_example_is_of_the_option():
    with pytest.raises(CeresFastError, match=r"--hold-out night: .* for example night="):
        parse_where("night", option="--hold-out")


def test_numbers_are_equal_however_they_are_written():
    assert equal(570, "570.0")
    assert equal(" r ", "r")
    assert equal(697251920515010020, "697251920515010020")
    assert not equal(697251920515010021, "697251920515010020")  # the same as floats
    assert equal(True, "True")
    assert not equal("R", "r")
    assert not equal(1.5, "r")
    assert matching(np.array([0, 3, 16]), ["0", "16"]).tolist() == [True, False, True]
