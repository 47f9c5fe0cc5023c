"""Where detections are, in pixels and on the sky; windowed positions that are those of a neighbour."""

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import example, given
from hypothesis import strategies as st

from ceres_fast.catalogues import Catalogue, Names, column, drifted, positions, sky_positions, typical_width
from ceres_fast.catalogues.places import DRIFT_ARCSEC, DRIFT_PIXELS, DRIFT_WIDTHS
from ceres_fast.errors import InputError


def catalogue(names=None, **columns):
    return Catalogue("F1.cat", "CSV", Table(columns), None, names=names or Names())


def test_windowed_positions_come_first_in_any_case():
    table = catalogue(X_IMAGE=[1.0], Y_IMAGE=[2.0], xwin_image=[3.0], ywin_image=[4.0])
    assert [values.tolist() for values in positions(table)] == [[3.0], [4.0]]
    assert [values.tolist() for values in positions(catalogue(x_image=[1], y_image=[2]))] == [[1.0], [2.0]]


def test_half_a_pair_is_no_position():
    table = catalogue(XWIN_IMAGE=[3.0], X_IMAGE=[1.0], Y_IMAGE=[2.0])
    assert positions(table)[0].tolist() == [1.0]
    with pytest.raises(InputError, match=r"F1\.cat: has no positions \(its columns: X_IMAGE, MAG\).*X_IMAGE, Y_IMAGE"):
        positions(catalogue(X_IMAGE=[1.0], MAG=[20.0]))


def test_text_is_no_position():
    with pytest.raises(InputError, match=r"F1\.cat, column Y_IMAGE: does not hold numbers"):
        positions(catalogue(X_IMAGE=[1.0], Y_IMAGE=["a"]))


def test_sky_positions_are_optional():
    assert sky_positions(catalogue(X_IMAGE=[1.0])) is None
    assert sky_positions(catalogue(ALPHA_J2000=[1.0], DELTA_J2000=[2.0]))[1].tolist() == [2.0]


def test_sky_positions_that_stand_for_nothing_are_unknown():
    assert sky_positions(catalogue(ALPHA_J2000=[0.0, 0.0], DELTA_J2000=[0.0, 0.0])) is None
    ra, dec = sky_positions(catalogue(ALPHA_J2000=[0.0, 0.0, 10.0, 9.0, -99], DELTA_J2000=[0.0, 1.0, 99.0, 9.0, 9.0]))
    np.testing.assert_array_equal(ra, [np.nan, 0, np.nan, 9, np.nan])
    np.testing.assert_array_equal(dec, [np.nan, 1, np.nan, 9, np.nan])


def test_rows_without_windowed_positions_have_the_plain_ones():
    nan = np.nan
    table = catalogue(
        XWIN_IMAGE=[1.0, nan, 3.0, nan, -99.0, 0.0],
        YWIN_IMAGE=[1.0, 2.0, nan, nan, -99.0, 0.0],
        X_IMAGE=[5.0, 8, 7, nan, 2, 3],
        Y_IMAGE=[6.0, 5, 4, 3, 2, 3],
    )
    np.testing.assert_array_equal(positions(table), [[1, 8, 7, nan, 2, 3], [1, 5, 4, nan, 2, 3]])


def test_rows_without_windowed_sky_positions_have_the_plain_ones():
    table = catalogue(
        ALPHAWIN_J2000=[1.0, np.nan, 0.0],
        DELTAWIN_J2000=[1.0, 2.0, 0.0],
        ALPHA_J2000=[1.0001, 8, 7],
        DELTA_J2000=[1.0001, 5, 4],
    )
    np.testing.assert_array_equal(sky_positions(table), [[1, 8, 7], [1, 5, 4]])


known = st.lists(st.tuples(*[st.floats(1, 6) | st.just(np.nan)] * 4), min_size=1, max_size=9)


@given(known)
def test_every_row_has_the_first_pair_that_is_whole(rows):
    values = np.array(rows).T
    table = catalogue(XWIN_IMAGE=values[0], YWIN_IMAGE=values[1], X_IMAGE=values[2], Y_IMAGE=values[3])
    for row, found in zip(rows, zip(*positions(table), strict=True), strict=True):
        pairs = [pair for pair in (row[:2], row[2:]) if np.isfinite(pair).all()]
        np.testing.assert_array_equal(found, pairs[0] if pairs else (np.nan, np.nan))


SCALE = 1 / 3600  # 1 arcsec a pixel


def blend(moved, width=None, sky=True, pixels=True, flags=(0, 0, 0), names=None, plain_sky=True):
    """Return three detections of FWHM 3, of which the last has a windowed position this far from the plain one."""
    columns = {"X_IMAGE": [10.0, 20, 30], "Y_IMAGE": [10.0, 20, 30], "FLAGS": list(flags)}
    if pixels:
        columns |= {"XWIN_IMAGE": [10.1, 20.1, 30 + moved], "YWIN_IMAGE": [10.0, 20, 30]}
    if sky:
        columns |= {"ALPHAWIN_J2000": [10 * SCALE, 20 * SCALE, (30 + moved) * SCALE], "DELTAWIN_J2000": [0.1, 0.1, 0.1]}
        if plain_sky:
            columns |= {"ALPHA_J2000": [10 * SCALE, 20 * SCALE, 30 * SCALE], "DELTA_J2000": [0.1, 0.1, 0.1]}
    if width is not None:
        columns |= {"FWHM_IMAGE": [3.0, 3.0, width], "FWHM_WORLD": np.array([3.0, 3.0, width]) * SCALE}
    return catalogue(names, **columns)


@pytest.mark.parametrize(
    ("moved", "width", "is_drifted"),
    [
        (2.9, 3.0, False),
        (3.1, 3.0, True),
        (64.8, 95.5, True),  # blends are called wider than anything is
        (5.9, 95.5, False),
        (6.1, 95.5, True),
        (5.9, 0.0, False),  # not known: then as far as a wide one
        (6.1, -99.0, True),
        (6.1, 99.0, True),
        (DRIFT_PIXELS - 0.1, None, False),
        (DRIFT_PIXELS + 0.1, None, True),
        (-300.0, 3.0, True),
    ],
)
def test_a_windowed_position_that_is_a_neighbours_gives_way_to_the_plain_one(moved, width, is_drifted):
    table = blend(moved, width, flags=(0, 0, 3))
    assert DRIFT_WIDTHS * 3.0 == 6.0
    assert drifted(table).tolist() == [False, False, is_drifted]
    assert positions(table)[0].tolist() == [10.1, 20.1, 30 if is_drifted else 30 + moved]
    assert sky_positions(table)[0][2] == (30 if is_drifted else 30 + moved) * SCALE


def test_without_plain_positions_nothing_is_known_to_drift():
    table = catalogue(XWIN_IMAGE=[10.0], YWIN_IMAGE=[300.0], FWHM_IMAGE=[3.0])
    assert drifted(table).tolist() == [False]
    assert positions(table)[1].tolist() == [300]


def test_a_windowed_place_on_the_sky_is_not_used_where_it_is_the_only_one():
    ra, _ = sky_positions(blend(20.0, 3.0, plain_sky=False))
    np.testing.assert_array_equal(ra, [10 * SCALE, 20 * SCALE, np.nan])


@pytest.mark.parametrize(("moved", "width", "is_drifted"), [(3.1, 3.0, True), (2.9, 3.0, False), (64, 95, True)])
def test_without_windowed_pixels_the_sky_tells(moved, width, is_drifted):
    table = blend(moved, width, pixels=False, flags=(0, 0, 3))
    assert drifted(table).tolist() == [False, False, is_drifted]
    assert sky_positions(table)[0][2] == (30 if is_drifted else 30 + moved) * SCALE


def test_distances_on_the_sky_are_right_at_the_pole_and_across_zero():
    limit = DRIFT_ARCSEC * SCALE
    table = catalogue(
        ALPHAWIN_J2000=[359.99999, 20.0, 20.0],
        DELTAWIN_J2000=[0.0, 89.999, 10.0],
        ALPHA_J2000=[0.00001, 20.0 + 10 * limit, 20.0 + 1.1 * limit],
        DELTA_J2000=[0.0, 89.999, 10.0],
    )
    assert drifted(table).tolist() == [False, False, True]


def test_columns_that_the_user_names_are_compared_with_nothing():
    table = blend(50.0, 3.0, names=Names(x="X_IMAGE", y="Y_IMAGE", ra="ALPHAWIN_J2000", dec="DELTAWIN_J2000"))
    assert drifted(table).tolist() == [False, False, False]
    assert positions(table)[0].tolist() == [10, 20, 30]


@given(st.lists(st.tuples(st.floats(-200, 200), st.floats(0.1, 300)), min_size=1, max_size=8))
@example([(0.0, 99.99)])
def test_no_position_is_farther_from_the_plain_one_than_the_limit(rows):
    moved, width = np.array(rows).T
    n = len(rows)
    plain = np.full(n, 1000.0)
    table = catalogue(
        X_IMAGE=plain,
        Y_IMAGE=plain,
        XWIN_IMAGE=plain + moved,
        YWIN_IMAGE=plain,
        FWHM_IMAGE=width,
        FLAGS=np.zeros(n, int),
    )
    x, y = positions(table)
    width = column(table, "FWHM_IMAGE")  # NaN where it is one of the numbers that say that it is not known
    limit = np.minimum(width, DRIFT_WIDTHS * typical_width(table))
    assert ((np.abs(x - plain) <= limit + 1e-9) | np.isnan(width)).all()
    assert ((x == plain) | (x == plain + moved)).all()
    assert (y == plain).all()


def test_the_typical_width_is_that_of_detections_without_a_flag():
    table = catalogue(FWHM_IMAGE=[3.0, 5.0, 99.0, -1.0, 40.0], FLAGS=[0, 0, 0, 0, 3])
    assert typical_width(table) == 4
    assert typical_width(table, np.array([0])) == 3
    assert np.isnan(typical_width(table, np.array([4])))
    assert np.isnan(typical_width(catalogue(FLAGS=[0])))
