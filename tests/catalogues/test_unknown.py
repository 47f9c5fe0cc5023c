"""Values that stand for "not known", on both sides of zero and of every width."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.catalogues.unknown import NINES, on_detector, on_sphere, without_unknown

EVERYWHERE = [np.nan, np.inf, -np.inf, 1e20, -1e20, 1e30, -1e30, 1.6e38, -1.7976931348623157e308, 3.4e38]
OF_MAGNITUDES = [99, -99, 99.0, 99.99, -99.9, 99.999, 90, -90, 999, -999, -9999, 9999, -32768, 2147483647, 0, -0.0]


@pytest.mark.parametrize(
    "name", ["MAG_AUTO", "mag_iso", "MAG_APER_3", "MU_MAX", "MAGERR_AUTO", "FWHM_IMAGE", "FLAGS", "P"]
)
@pytest.mark.parametrize("value", EVERYWHERE)
def test_no_value_is_infinite_or_huge(name, value):
    assert np.isnan(without_unknown(name, np.array([value])))


@pytest.mark.parametrize("name", ["MAG_AUTO", "mag_iso", "MAG_APER_3", "MU_MAX"])
@pytest.mark.parametrize("value", OF_MAGNITUDES)
def test_magnitudes(name, value):
    assert np.isnan(without_unknown(name, np.array([value], float)))
    assert np.isnan(without_unknown(name, np.array([value], np.float32).astype(float)))


@given(st.floats(-40, 40).filter(bool), st.sampled_from(["MAG_AUTO", "MAG_BEST"]))
def test_magnitudes_that_are_instrumental_are_known(value, name):
    assert without_unknown(name, np.array([value])).tolist() == [value]


@pytest.mark.parametrize(
    ("name", "unknown", "known"),
    [
        ("MAGERR_AUTO", [99, -99, -1, 999, -0.1], [0, 0.01, 2.5]),
        ("FWHM_IMAGE", [0, -1, -99, 99, 999, 99.99, -9999], [0.3, 3.5, 98, 120]),
        ("FWHM_WORLD", [0, -1, -99, 99], [0.0003]),
        ("FLAGS", [-1, -99, -32768], [0, 4, 99, 65535]),
        ("FLAGS_WIN", [-1], [0, 4]),
        ("FLUX_AUTO", [], [-99, 0, 99, -9999.0]),
        ("PROB_ASTEROID", [], [0, 1, 0.99]),
    ],
)
def test_other_columns(name, unknown, known):
    values = np.array([*unknown, *known], float)
    found = without_unknown(name, values)
    assert np.isnan(found[: len(unknown)]).all()
    assert found[len(unknown) :].tolist() == known


def places(known, pairs):
    return known(*np.array(pairs, float).T).tolist()


def test_positions_on_the_detector():
    nowhere = [(0, 0), (-1, -1), (-99, 5), (5, -99.9), (-9999, -9999), (9999, 9999), (999, 999), (5, np.nan), (1e20, 5)]
    somewhere = [(1, 1), (0, 5), (-1, 5), (-2.5, -2.5), (99, 99), (9999, 5), (999, 998), (-98, 5)]
    assert not any(places(on_detector, nowhere))
    assert all(places(on_detector, somewhere))


def test_positions_on_the_sky():
    nowhere = [
        (0, 0),
        (-1, -1),
        (99, 99),
        (-99, -99),
        (999, 5),
        (5, 999),
        (5, -99.9),
        (-99, 5),
        (5, np.nan),
        (np.inf, 5),
    ]
    somewhere = [(0, 1), (1, 0), (359.9, -89.9), (-10, 5), (370, 5), (99, 9.9), (-1, 1)]
    assert not any(places(on_sphere, nowhere))
    assert all(places(on_sphere, somewhere))


@given(st.sampled_from(NINES), st.sampled_from([np.float32, np.float64]))
def test_nines_below_zero_are_no_position_in_either_precision(value, kind):
    x = np.array([-value], kind).astype(float)
    assert not on_detector(x, np.array([5.0]))
    assert not on_detector(np.array([5.0]), x)
