"""A frame's header and its catalogue together."""

import dataclasses

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from ceres_fast.catalogues import Names, read_catalogue, write_table
from ceres_fast.catalogues.detections import read_detections
from ceres_fast.console import warnings_kept
from ceres_fast.detect import detect_frames
from ceres_fast.errors import InputError
from ceres_fast.frames.reading import read_header, read_info

from ..tiny_field import SCALE, SEEING, make_wcs

TABLE = Table({"X_IMAGE": [10.0, 50.0], "Y_IMAGE": [20.0, 60.0], "FWHM_IMAGE": [3.0, 4.0], "FLAGS": [0, 4]})


def test_detections_of_a_frame(field):
    found = read_detections(field.frames[0])
    assert found.catalogue.path == field.catalogue(0)
    assert len(found.x) == len(found.y) == len(found.ra) == len(found.dec) == 9
    assert found.info.seeing == SEEING
    x, y, ra, dec, info = found[:5]
    np.testing.assert_allclose(found.wcs.all_world2pix(ra, dec, 1), (x, y), atol=1e-3)
    assert info.path == field.frames[0]


def test_catalogue_can_be_named_and_must_be_of_this_frame(field):
    assert read_detections(field.frames[1], field.catalogue(1)).catalogue.path == field.catalogue(1)
    with pytest.raises(InputError, match=r"F0001-2\.cat: its sky positions are 2\d pixels .*F0001-3\.fits"):
        read_detections(field.frames[2], field.catalogue(1))


def test_seeing_is_that_of_unflagged_detections_where_the_header_is_silent(tmp_path, write_frame):
    path = write_frame(SEEING="")
    write_table(TABLE, tmp_path / "frame.cat", "ASCII_HEAD")
    assert read_detections(path).info.seeing == pytest.approx(3.0 * SCALE)
    write_table(TABLE["X_IMAGE", "Y_IMAGE"], tmp_path / "frame.cat", "ASCII_HEAD")
    assert np.isnan(read_detections(path).info.seeing)


def test_plain_positions_that_are_only_on_the_sky_are_used_where_windowed_ones_are_those_of_a_neighbour(
    tmp_path, write_frame
):
    x, y = np.array([10.0, 50.0, 30.0]), np.array([20.0, 60.0, 40.0])
    ra, dec = make_wcs().all_pix2world(x + 0.7, y - 0.4, 1)  # by a better calibration than that in the header
    win = {"XWIN_IMAGE": x.copy(), "YWIN_IMAGE": y.copy(), "ALPHAWIN_J2000": ra.copy(), "DELTAWIN_J2000": dec.copy()}
    for values in win.values():
        values[2] = values[1]
    table = Table(win | {"ALPHA_J2000": ra, "DELTA_J2000": dec, "FWHM_IMAGE": [3.0, 3.0, 3.0]})
    path = write_frame()
    write_table(table, tmp_path / "frame.cat", "FITS_LDAC")
    found = read_detections(path)
    assert found.drifted == 1
    np.testing.assert_allclose((found.x, found.y), (x, y), atol=1e-2)


def test_sky_positions_come_from_the_frame_where_the_catalogue_has_none(tmp_path, write_frame):
    path = write_frame()
    write_table(TABLE, tmp_path / "frame.cat", "ASCII_HEAD")
    found = read_detections(path)
    np.testing.assert_allclose((found.ra, found.dec), make_wcs().all_pix2world(found.x, found.y, 1))
    write_table(TABLE[:0], tmp_path / "frame.cat", "ASCII_HEAD")
    assert len(read_detections(path).ra) == 0


def test_without_any_coordinates_sky_positions_are_unknown(tmp_path, write_frame):
    path = write_frame(CTYPE1="", CTYPE2="")
    detect_frames([path])
    found = read_detections(path)
    assert np.isnan(found.ra).all()
    assert np.isnan(found.dec).all()


@pytest.mark.parametrize(("seeing", "used"), [(99.0, 3 * SCALE), (4 * 3 * SCALE, 4 * 3 * SCALE), (0.5, 0.5)])
def test_an_absurd_seeing_is_not_believed(tmp_path, write_frame, seeing, used):
    write_table(TABLE, tmp_path / "frame.csv", "CSV")
    assert read_detections(write_frame(SEEING=seeing)).info.seeing == pytest.approx(used)


def test_sky_positions_that_say_nothing_come_from_the_frame(tmp_path, write_frame):
    table = TABLE.copy()
    table["ALPHA_J2000"] = table["DELTA_J2000"] = [0.0, 0.0]
    write_table(table, tmp_path / "frame.csv", "CSV")
    found = read_detections(write_frame())
    np.testing.assert_allclose((found.ra, found.dec), make_wcs().all_pix2world(found.x, found.y, 1))


def test_rows_without_sky_positions_have_those_of_the_frame(tmp_path, write_frame):
    table = TABLE.copy()
    table["ALPHA_J2000"], table["DELTA_J2000"] = make_wcs().all_pix2world(table["X_IMAGE"], table["Y_IMAGE"], 1)
    expected = np.array([table["ALPHA_J2000"], table["DELTA_J2000"]])
    table["ALPHA_J2000"][1] = np.nan
    write_table(table, tmp_path / "frame.csv", "CSV")
    found = read_detections(write_frame())
    np.testing.assert_allclose((found.ra, found.dec), expected)


@pytest.mark.parametrize(("bits", "rejected"), [(0, [0, 0]), (4, [0, 1]), (3, [0, 0]), (6, [0, 1]), (65535, [0, 1])])
def test_flags_reject(tmp_path, write_frame, bits, rejected):
    path = write_frame()
    write_table(TABLE, tmp_path / "frame.cat", "ASCII_HEAD")
    assert read_detections(path, reject_flags=bits).rejected.tolist() == [bool(each) for each in rejected]


def test_unknown_flags_reject_nothing_and_missing_ones_are_said(tmp_path, write_frame):
    path = write_frame()
    (tmp_path / "frame.csv").write_text("X_IMAGE,Y_IMAGE,FLAGS\n1,2,\n3,4,-1\n5,6,4\n")
    assert read_detections(path, reject_flags=65535).rejected.tolist() == [False, False, True]
    write_table(TABLE["X_IMAGE", "Y_IMAGE"], tmp_path / "frame.csv", "CSV")
    assert not read_detections(path).rejected.any()
    with pytest.raises(InputError, match=r"frame\.csv: has no column FLAGS"):
        read_detections(path, reject_flags=4)


def test_columns_may_have_other_names(tmp_path, write_frame):
    path = write_frame(SEEING="")
    table = Table(TABLE, names=["XPOS", "YPOS", "width", "bits"])
    table["XWIN_IMAGE"] = table["YWIN_IMAGE"] = [1.0, 1.0]
    write_table(table, tmp_path / "frame.csv", "CSV")
    names = Names.parse("x=xpos, y=YPOS, width=WIDTH, flags=BITS")
    found = read_detections(path, reject_flags=4, names=names)
    assert (found.x.tolist(), found.y.tolist()) == ([10.0, 50.0], [20.0, 60.0])
    assert found.info.seeing == pytest.approx(3.0 * SCALE)
    assert found.rejected.tolist() == [False, True]
    assert found.column("FLAGS").tolist() == [0, 4]
    assert found.column("MAG_AUTO") is None
    with pytest.raises(InputError, match=r"frame\.csv: has no column MAG; expected one of XPOS"):
        read_detections(path, names=Names(magnitude="MAG")).column("MAG_AUTO")


def test_a_catalogue_that_was_read_serves_all_ccds(tmp_path, write_frame):
    path = write_frame()
    write_table(TABLE, tmp_path / "other.cat", "ASCII_HEAD")
    read = read_catalogue(tmp_path / "other.cat")
    found = read_detections(read_header(path), read)
    assert found.catalogue is read
    assert found.rows.tolist() == [0, 1]
    assert read_detections(found.info, read).x.tolist() == [10, 50]


@pytest.mark.parametrize(
    ("seeing", "comment", "used"),
    [
        (3.0, "", 3 * SCALE),
        (2.2, "FWHM", 2.2 * SCALE),
        (3.9, "average", 3.9 * SCALE),
        (3.0, "[pixels] average", 3 * SCALE),
        (3.0, "[arcsec] average", 3.0),
        (1.2, "", 1.2),
        (0.8, "", 0.8),
        (1.7, "", 1.7),
        (6.1, "", 3 * SCALE),
        (0.02, "arc minutes", 3 * SCALE),
    ],
)
def test_a_seeing_that_its_card_does_not_say_to_be_in_pixels(tmp_path, write_frame, capsys, seeing, comment, used):
    """The detections are 3 pixels wide, 1.2 arcsec."""
    write_table(TABLE, tmp_path / "frame.cat", "ASCII_HEAD")
    path = write_frame()
    with fits.open(path, mode="update") as hdus:
        hdus[0].header["SEEING"] = (seeing, comment)
    with warnings_kept() as said:
        found = read_detections(path)
    assert found.info.seeing == pytest.approx(used)
    told = seeing == used or "[" in comment
    assert len(said) == (not told)
    if not told:
        assert f"frame.fits: its header says a seeing of {seeing:g}" in said[0]
    assert len(read_detections(path, reject_flags=4).x) == 2


def test_the_field_is_that_which_the_exposures_together_show(tmp_path, write_frame):
    write_table(TABLE, tmp_path / "frame.cat", "ASCII_HEAD")
    info = dataclasses.replace(read_info(write_frame()), field="F1 150.000+2.000")
    assert read_detections(info).info.field == "F1 150.000+2.000"
