"""The catalogue of a frame, compared with it."""

import math

import numpy as np
import pytest
from astropy.table import Table

from ceres_fast.catalogues import write_table
from ceres_fast.detect import detect_frames
from ceres_fast.frames.reading import read_headers
from ceres_fast.look.catalogue import look_at_catalogue

from ..tiny_field import make_wcs


def write(path, shift=0.0, rows=6, **columns):
    x, y = np.linspace(20, 180, rows), np.linspace(20, 140, rows)
    ra, dec = make_wcs().all_pix2world(x, y, 1)
    table = Table({"NUMBER": np.arange(rows), "X_IMAGE": x - shift, "Y_IMAGE": y - shift, **columns})
    table["ALPHA_J2000"], table["DELTA_J2000"] = ra, dec
    write_table(table, path, "ASCII_HEAD")


def test_a_catalogue_is_found_and_agrees(write_frame):
    frame = write_frame()
    detect_frames([frame])
    found = look_at_catalogue(read_headers(frame)[0])
    assert (found.path, found.format) == (frame.with_suffix(".cat"), "ASCII_HEAD")
    assert found.rows == found.known == found.inside == found.with_sky == len(found.x) > 5
    assert np.hypot(*found.offset) < 0.01
    assert found.seeing == 1.2
    assert not found.problem
    assert not found.doubt


def test_positions_counted_from_0_are_told(write_frame):
    frame = write_frame()
    write(frame.with_suffix(".cat"), shift=1.0)
    found = look_at_catalogue(read_headers(frame)[0])
    assert found.offset == pytest.approx((1, 1), abs=0.01)
    assert "counted from 0" in found.doubt
    write(frame.with_suffix(".cat"), shift=-3.0)
    assert "do not agree" in look_at_catalogue(read_headers(frame)[0]).doubt


def test_no_catalogue_and_one_that_cannot_be_used(write_frame, tmp_path):
    frame = write_frame()
    found = look_at_catalogue(read_headers(frame)[0])
    assert found.path is None
    assert not found.problem
    assert math.isnan(found.offset[0])
    (tmp_path / "frame.cat").write_text("no catalogue\n")
    found = look_at_catalogue(read_headers(frame)[0])
    assert found.path == tmp_path / "frame.cat"
    assert "frame.cat" in found.problem


def test_the_width_of_detections_gives_a_seeing_that_the_header_lacks(write_frame):
    frame = write_frame(SEEING=-1)
    write(frame.with_suffix(".cat"), FWHM_IMAGE=np.full(6, 3.0))
    assert look_at_catalogue(read_headers(frame)[0]).seeing == pytest.approx(3 * 0.4, rel=1e-3)
