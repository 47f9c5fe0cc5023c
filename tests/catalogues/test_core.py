"""Where detections are, whose they are, and where catalogues lie."""

import dataclasses

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.catalogues import Catalogue, check_against, column, positions, sky_positions
from ceres_fast.errors import InputError
from ceres_fast.frames.reading import read_frame

from ..tiny_field import SHAPE, make_wcs


def catalogue(path="F1.cat", **columns):
    return Catalogue(path, "CSV", Table(columns), None)


X, Y = np.linspace(1, SHAPE[1], 20), np.linspace(1, SHAPE[0], 20)


def test_windowed_positions_come_first_in_any_case():
    table = catalogue(X_IMAGE=[1.0], Y_IMAGE=[2.0], xwin_image=[3.0], ywin_image=[4.0])
    assert [values.tolist() for values in positions(table)] == [[3.0], [4.0]]
    assert [values.tolist() for values in positions(catalogue(x_image=[1], y_image=[2]))] == [[1.0], [2.0]]


def test_half_a_pair_is_no_position():
    table = catalogue(XWIN_IMAGE=[3.0], X_IMAGE=[1.0], Y_IMAGE=[2.0])
    assert positions(table)[0].tolist() == [1.0]
    with pytest.raises(InputError, match=r"F1\.cat: has no positions \(its columns: X_IMAGE, MAG\).*X_IMAGE, Y_IMAGE"):
        positions(catalogue(X_IMAGE=[1.0], MAG=[20.0]))


def test_missing_values_are_nan_and_text_is_refused():
    table = Table({"X_IMAGE": np.ma.masked_array([1.0, 2.0], [False, True]), "Y_IMAGE": ["a", "b"]})
    assert np.isnan(column(Catalogue("F1.cat", "CSV", table, None), "X_IMAGE")[1])
    with pytest.raises(InputError, match=r"F1\.cat, column Y_IMAGE: does not hold numbers"):
        positions(Catalogue("F1.cat", "CSV", table, None))


@pytest.fixture
def frame(write_frame):
    return read_frame(write_frame())


def test_catalogue_of_the_frame_passes(frame):
    ra, dec = make_wcs().all_pix2world(X, Y, 1)
    check_against(catalogue(X_IMAGE=X, Y_IMAGE=Y, ALPHA_J2000=ra, DELTA_J2000=dec), frame.info, frame.wcs)
    check_against(catalogue(X_IMAGE=X, Y_IMAGE=Y), frame.info, None)
    check_against(catalogue(X_IMAGE=np.empty(0), Y_IMAGE=np.empty(0)), frame.info, frame.wcs)


def test_a_few_positions_outside_are_allowed(frame):
    x = X.copy()
    x[:2] = 9999, np.nan
    check_against(catalogue(X_IMAGE=x, Y_IMAGE=Y), frame.info, frame.wcs)


def test_positions_outside_are_of_another_frame(frame):
    with pytest.raises(InputError, match=r"F1\.cat: \d+ of its 20 positions are outside the frame .*frame\.fits"):
        check_against(catalogue(X_IMAGE=X * 10, Y_IMAGE=Y), frame.info, frame.wcs)


def test_same_pixels_of_another_part_of_the_sky_are_of_another_frame(frame):
    ra, dec = make_wcs((40, 0)).all_pix2world(X, Y, 1)
    table = catalogue(X_IMAGE=X, Y_IMAGE=Y, ALPHA_J2000=ra, DELTA_J2000=dec)
    with pytest.raises(InputError, match=r"sky positions are 40 pixels"):
        check_against(table, frame.info, frame.wcs)
    far = catalogue(X_IMAGE=X, Y_IMAGE=Y, ALPHA_J2000=ra - 180, DELTA_J2000=-dec)
    with pytest.raises(InputError, match="sky positions"):
        check_against(far, frame.info, frame.wcs)
    check_against(table, dataclasses.replace(frame.info), None)


def test_sky_positions_are_optional():
    assert sky_positions(catalogue(X_IMAGE=[1.0])) is None
    assert sky_positions(catalogue(ALPHA_J2000=[1.0], DELTA_J2000=[2.0]))[1].tolist() == [2.0]


def test_rows_without_a_position_are_not_of_another_frame(write_frame):
    frame = read_frame(write_frame())
    x = np.where(np.arange(20) % 2, np.nan, 50.0)
    check_against(catalogue(X_IMAGE=x, Y_IMAGE=x), frame.info, None)
    check_against(catalogue(X_IMAGE=x * np.nan, Y_IMAGE=x), frame.info, None)
    with pytest.raises(InputError, match="10 of its 10 positions are outside"):
        check_against(catalogue(X_IMAGE=x + 1000, Y_IMAGE=x), frame.info, None)


def test_sky_positions_that_stand_for_nothing_are_unknown():
    assert sky_positions(catalogue(ALPHA_J2000=[0.0, 0.0], DELTA_J2000=[0.0, 0.0])) is None
    ra, dec = sky_positions(catalogue(ALPHA_J2000=[0.0, 0.0, 10.0, 9.0], DELTA_J2000=[0.0, 1.0, 99.0, 9.0]))
    np.testing.assert_array_equal(ra, [np.nan, 0, np.nan, 9])
    np.testing.assert_array_equal(dec, [np.nan, 1, np.nan, 9])


def test_rows_without_windowed_positions_have_the_plain_ones():
    nan = np.nan
    table = catalogue(
        XWIN_IMAGE=[1.0, nan, 3.0, nan],
        YWIN_IMAGE=[1.0, 2.0, nan, nan],
        X_IMAGE=[9.0, 8, 7, nan],
        Y_IMAGE=[6.0, 5, 4, 3],
    )
    np.testing.assert_array_equal(positions(table), [[1, 8, 7, nan], [1, 5, 4, nan]])


def test_rows_without_windowed_sky_positions_have_the_plain_ones():
    table = catalogue(
        ALPHAWIN_J2000=[1.0, np.nan, 0.0],
        DELTAWIN_J2000=[1.0, 2.0, 0.0],
        ALPHA_J2000=[9.0, 8, 7],
        DELTA_J2000=[6.0, 5, 4],
    )
    np.testing.assert_array_equal(sky_positions(table), [[1, 8, 7], [1, 5, 4]])


known = st.lists(st.tuples(*[st.floats(1, 100) | st.just(np.nan)] * 4), min_size=1, max_size=9)


@given(known)
def test_every_row_has_the_first_pair_that_is_whole(rows):
    values = np.array(rows).T
    table = catalogue(XWIN_IMAGE=values[0], YWIN_IMAGE=values[1], X_IMAGE=values[2], Y_IMAGE=values[3])
    for row, found in zip(rows, zip(*positions(table), strict=True), strict=True):
        pairs = [pair for pair in (row[:2], row[2:]) if np.isfinite(pair).all()]
        np.testing.assert_array_equal(found, pairs[0] if pairs else (np.nan, np.nan))


def test_only_the_rows_of_a_ccd_are_compared(frame):
    x = np.concatenate([X, X + 5000])
    both = catalogue(X_IMAGE=x, Y_IMAGE=np.concatenate([Y, Y]))
    check_against(both, frame.info, frame.wcs, np.arange(20))
    with pytest.raises(InputError, match="20 of its 20 positions are outside"):
        check_against(both, frame.info, frame.wcs, np.arange(20, 40))
