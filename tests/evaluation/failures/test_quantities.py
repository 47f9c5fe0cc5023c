"""Values of quantities: the right unit, and "not known" however it is written."""

from __future__ import annotations

import numpy as np
import pytest

from ceres_fast.evaluation.failures.bins import is_unknown
from ceres_fast.evaluation.failures.quantities import QUANTITIES, trail_length
from ceres_fast.stamps import COLUMNS

from .cases import made

BY_NAME = {quantity.name: quantity for quantity in QUANTITIES}


def test_trail_length() -> None:
    # 1.5 arcsec/min for 40 s is 1 arcsec: 3 pixels of 1/3 arcsec.
    known = made([0.5], rate=1.5, exposure=40.0, pixel_scale=1 / 3).known
    np.testing.assert_allclose(trail_length(known), [3])


@pytest.mark.parametrize("strange", [np.nan, 0.0, -1.0, np.inf])
@pytest.mark.parametrize("name", ["rate", "exposure", "pixel_scale"])
def test_a_trail_is_not_known_where_a_part_of_it_is_not(name: str, strange: float) -> None:
    known = made([0.5], **{"rate": 1.0, "exposure": 60.0, "pixel_scale": 0.5, name: strange}).known
    stands_still = name == "rate" and strange == 0
    assert is_unknown(trail_length(known)).all() != stands_still


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("magnitude", [20.0, 99.0, 99.9, 90.0, -5.0, np.nan], [0, 1, 1, 1, 0, 1]),
        ("rate", [0.5, 0.0, -1.0, np.nan], [0, 0, 1, 1]),
        ("seeing", [1.2, 0.0, -1.0, np.nan], [0, 1, 1, 1]),
        ("neighbour", [3.0, 0.0, -1.0, np.nan], [0, 0, 1, 1]),
        ("flags", [0, 3, -1], [0, 0, 1]),
        ("padded", [0, 5, -1], [0, 0, 1]),
        ("ccd", ["1", ""], [0, 1]),
        ("field", ["F1", ""], [0, 1]),
        ("filter", ["r", ""], [0, 1]),
    ],
)
def test_what_is_not_known(name: str, values: list[object], expected: list[int]) -> None:
    found = BY_NAME[name].values(made(np.zeros(len(values)), **{name: values}).known)
    assert is_unknown(found).tolist() == [bool(flag) for flag in expected]


def test_nothing_known_is_unknown_for_every_quantity() -> None:
    known = made([0.5, 0.5]).known
    for quantity in QUANTITIES:
        assert is_unknown(quantity.values(known)).all(), quantity.name


def test_units_are_those_of_the_columns() -> None:
    units = {column.name: column.unit for column in COLUMNS}
    same = BY_NAME.keys() - {"trail", "padded"}
    assert {name: BY_NAME[name].unit for name in same} == {name: units[name] for name in same}
