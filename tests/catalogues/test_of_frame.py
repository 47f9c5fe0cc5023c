"""Whether a catalogue is that of a frame: by its positions in pixels and on the sky."""

import dataclasses

import numpy as np
import pytest
from astropy.table import Table

from ceres_fast import console
from ceres_fast.catalogues import Catalogue, check_against
from ceres_fast.errors import InputError
from ceres_fast.frames.camera import Camera
from ceres_fast.frames.reading import read_frame

from ..tiny_field import SHAPE, make_wcs


def catalogue(path="F1.cat", **columns):
    return Catalogue(path, "CSV", Table(columns), None)


X, Y = np.linspace(1, SHAPE[1], 20), np.linspace(1, SHAPE[0], 20)


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


@pytest.mark.parametrize("factor", [1 / 15, np.pi / 180])
def test_positions_in_other_units_without_a_word_are_refused_with_the_right_one(frame, factor):
    ra, dec = make_wcs().all_pix2world(X, Y, 1)
    table = catalogue(X_IMAGE=X, Y_IMAGE=Y, ALPHA_J2000=ra * factor, DELTA_J2000=dec)
    with pytest.raises(InputError, match=r"its sky positions are .* in deg"):
        check_against(table, frame.info, frame.wcs)


@pytest.mark.parametrize(
    ("origin", "shift", "other"),
    [(1, (-1, -1), 0), (0, (0, 0), 1), (0, (-1, -1), None), (1, (0, 0), None), (1, (1, 1), None), (1, (-1, 0), None)],
)
def test_positions_that_are_counted_from_another_number_are_said(frame, capsys, origin, shift, other):
    console._printed.clear()
    ra, dec = make_wcs().all_pix2world(X, Y, 1)
    table = catalogue(X_IMAGE=X + shift[0], Y_IMAGE=Y + shift[1], ALPHA_J2000=ra, DELTA_J2000=dec)
    check_against(table, dataclasses.replace(frame.info, camera=Camera(origin=origin)), frame.wcs)
    said = capsys.readouterr().err
    assert ("F1.cat: its positions were read as counted from" in said) == (other is not None)
    assert other is None or f"origin = {other}" in said


def test_rows_without_a_position_are_not_of_another_frame(write_frame):
    frame = read_frame(write_frame())
    x = np.where(np.arange(20) % 2, np.nan, 50.0)
    check_against(catalogue(X_IMAGE=x, Y_IMAGE=x), frame.info, None)
    check_against(catalogue(X_IMAGE=x * np.nan, Y_IMAGE=x), frame.info, None)
    with pytest.raises(InputError, match="10 of its 10 positions are outside"):
        check_against(catalogue(X_IMAGE=x + 1000, Y_IMAGE=x), frame.info, None)


def test_only_the_rows_of_a_ccd_are_compared(frame):
    x = np.concatenate([X, X + 5000])
    both = catalogue(X_IMAGE=x, Y_IMAGE=np.concatenate([Y, Y]))
    check_against(both, frame.info, frame.wcs, np.arange(20))
    with pytest.raises(InputError, match="20 of its 20 positions are outside"):
        check_against(both, frame.info, frame.wcs, np.arange(20, 40))


@pytest.mark.parametrize("nowhere", [0, -1, -99, -999.9, 9999, 1e30, np.nan])
def test_positions_that_stand_for_none_are_not_those_of_another_frame(frame, nowhere):
    ra, dec = make_wcs().all_pix2world(X, Y, 1)
    unknown = np.arange(20) % 3 == 0
    columns = {"X_IMAGE": X, "Y_IMAGE": Y, "ALPHA_J2000": ra, "DELTA_J2000": dec}
    table = catalogue(**{name: np.where(unknown, nowhere, values) for name, values in columns.items()})
    check_against(table, frame.info, frame.wcs)
