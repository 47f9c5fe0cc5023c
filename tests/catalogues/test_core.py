"""Columns of a catalogue: by what they are called, as numbers, with NaN for what is not known."""

import numpy as np
import pytest
from astropy.table import Column, Table
from astropy.units import Unit
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.catalogues import Catalogue, Names, column
from ceres_fast.catalogues.core import distinct
from ceres_fast.errors import InputError


def catalogue(names=None, **columns):
    return Catalogue("F1.cat", "CSV", Table(columns), None, names=names or Names())


def test_missing_values_are_nan():
    masked = np.ma.masked_array([1, 2], [False, True])
    np.testing.assert_array_equal(column(catalogue(FLAGS=masked), "FLAGS"), [1, np.nan])
    assert column(catalogue(FLAGS=masked), "MAG_AUTO") is None


@pytest.mark.parametrize(("unit", "factor"), [("hourangle", 15), ("h", 15), ("rad", 180 / np.pi), ("arcsec", 1 / 3600)])
def test_positions_on_the_sky_are_in_degrees_whatever_their_unit(unit, factor):
    own = Names(ra="coord_ra", dec="coord_dec")
    for names, ra, dec in ((None, "ALPHA_J2000", "DELTA_J2000"), (own, "coord_ra", "coord_dec")):
        table = catalogue(names, **{ra: Column([1.0, 99.0], unit=unit), dec: Column([0.5, np.nan], unit="deg")})
        np.testing.assert_allclose(column(table, "ALPHA_J2000"), [factor, 99 * factor])
        np.testing.assert_array_equal(column(table, "DELTA_J2000"), [0.5, np.nan])


@pytest.mark.parametrize(("unit", "width"), [(None, 3.0), ("pix", 3.0), ("arcsec", np.nan), ("deg", np.nan)])
def test_a_width_in_arcsec_is_none_in_pixels(unit, width):
    np.testing.assert_array_equal(column(catalogue(FWHM_IMAGE=Column([3.0], unit=unit)), "FWHM_IMAGE"), [width])


def test_units_that_are_unknown_or_of_other_columns_change_nothing():
    odd = Column([3.0], unit=Unit("furlong", parse_strict="silent"))
    assert column(catalogue(ALPHA_J2000=odd), "ALPHA_J2000").tolist() == [3]
    assert column(catalogue(THETA_IMAGE=Column([3.0], unit="rad")), "THETA_IMAGE").tolist() == [3]


def test_text_that_is_a_number_is_one_and_other_text_is_refused():
    np.testing.assert_array_equal(
        column(catalogue(MAG_AUTO=["20.5", " nan", "--"]), "MAG_AUTO"), [20.5, np.nan, np.nan]
    )
    with pytest.raises(InputError, match=r"F1\.cat, column MAG_AUTO: does not hold numbers: 'faint' in row 2"):
        column(catalogue(MAG_AUTO=["20.5", "faint"]), "MAG_AUTO")
    with pytest.raises(InputError, match=r"'1_0' in row 1"):
        column(catalogue(MAG_AUTO=["1_0"]), "MAG_AUTO")


def test_the_case_does_not_matter_unless_it_tells_columns_apart():
    assert column(catalogue(mag_auto=[20.0]), "MAG_AUTO").tolist() == [20]
    assert column(catalogue(mag_auto=[20.0], MAG_AUTO=[21.0]), "MAG_AUTO").tolist() == [21]
    with pytest.raises(InputError, match=r"F1\.cat: has 2 columns MAG_AUTO, which differ; .* Rename one of them"):
        column(catalogue(mag_auto=[20.0], Mag_Auto=[21.0]), "MAG_AUTO")


def test_a_column_that_is_there_twice_is_read_where_both_are_the_same():
    table = Table([[99.0, 20.0], [-99.0, 20.0], [1, 2], [1, 3]], names=distinct(["MAG_AUTO", "MAG_AUTO", "A", "A"]))
    twice = Catalogue("F1.cat", "CSV", table, None)
    np.testing.assert_array_equal(column(twice, "MAG_AUTO"), [np.nan, 20])
    with pytest.raises(InputError, match="has 2 columns A, which differ"):
        column(twice, "A")


def test_a_column_that_is_called_a_copy_is_another_one():
    own = catalogue(MAG_AUTO=[20.0], MAG_AUTO_COPY=[21.0], FLAGS_COPY=[1], FWHM_IMAGE_COPY_OLD=[3.0])
    assert [column(own, name) for name in ("MAG_AUTO", "MAG_AUTO_COPY", "FLAGS", "FWHM_IMAGE")] == [
        [20],
        [21],
        None,
        None,
    ]


@given(st.lists(st.sampled_from(["A", "B", "A_COPY2"]), max_size=8))
def test_names_are_made_distinct(names):
    made = distinct(names)
    assert len(set(made)) == len(names)
    assert all(one.startswith(other) for one, other in zip(made, names, strict=True))


def test_columns_that_the_user_names_are_magnitudes_too():
    own = catalogue(Names(magnitude="M"), m=[-99.0, 20.0, 0.0], MAG_AUTO=[1.0, 2.0, 3.0])
    np.testing.assert_array_equal(column(own, "MAG_AUTO"), [np.nan, 20, np.nan])
    with pytest.raises(InputError, match=r"has no column N; expected one of m, MAG_AUTO"):
        column(catalogue(Names(magnitude="N"), m=[1.0], MAG_AUTO=[1.0]), "MAG_AUTO")


def test_numbers_of_ccds_beyond_belief_are_none():
    assert catalogue(EXT_NUMBER=[1e19, np.nan, 3.0]).part.tolist() == [-1, -1, 2]


def test_of_a_vector_the_first_number_is_read_and_bits_are_refused():
    vectors = catalogue(MAG_AUTO=[[20.0, 19.0, 18.0], [99.0, 19.0, 18.0]], FLAGS=np.zeros((2, 8), bool))
    np.testing.assert_array_equal(column(vectors, "MAG_AUTO"), [20, np.nan])
    with pytest.raises(InputError, match=r"F1\.cat, column FLAGS: holds 8 bits or values per row"):
        column(vectors, "FLAGS")
    assert column(catalogue(MAG_AUTO=np.zeros((0, 3))), "MAG_AUTO").shape == (0,)
