"""Where exposures looked, and where their detections are, in one plane."""

import dataclasses
import math

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.selection.footprints import Footprint, plane_of

from .stationary_fields import DITHERS, SCALE, SHAPE, exposure

numbers = st.floats(-3, 3)


@given(numbers, numbers, numbers, numbers, st.tuples(numbers, numbers))
def test_pixels_and_places_are_each_others_inverse(a, b, c, d, offset):
    matrix = np.array([[a, b], [c, d]])
    if abs(a * d - b * c) > 0.1:
        footprint = Footprint(matrix, np.array(offset), np.ones(2), np.array([100.0, 50.0]))
        pixels = np.array([[1.0, 1.0], [100.0, 50.0], [-7.0, 30.5]])
        np.testing.assert_allclose(footprint.pixels(footprint.places(pixels)), pixels, atol=1e-8)
        assert footprint.covers(footprint.places(pixels)).tolist() == [True, True, False]
        corners = [[1, 1], [100, 1], [1, 50], [100, 50]]
        np.testing.assert_allclose(footprint.pixels(footprint.corners), corners, atol=1e-8)
        np.testing.assert_allclose(footprint.pixels(footprint.centre[None])[0], [50.5, 25.5], atol=1e-8)


def test_a_frame_ends_half_a_pixel_beyond_its_last():
    footprint = Footprint(np.eye(2), np.zeros(2), np.ones(2), np.array([100.0, 50.0]))
    inside = np.array([[0.51, 0.51], [100.49, 50.49]])
    outside = np.array([[0.49, 1], [1, 0.49], [100.51, 1], [1, 50.51], [np.nan, 1], [1, np.nan]])
    assert footprint.covers(inside).all()
    assert not footprint.covers(outside).any()


@pytest.mark.parametrize("with_wcs", [True, False])
@pytest.mark.parametrize("centre", [(150.0, 10.0), (0.0, -40.0), (77.0, 90.0), (10.0, -89.9)])
def test_places_are_those_on_the_sky(centre, with_wcs):
    random = np.random.default_rng(1)
    points = random.uniform(1, SHAPE[::-1], (40, 2))
    exposures = [exposure(points, 0, at, centre=centre, with_wcs=with_wcs) for at in DITHERS[:3]]
    plane = plane_of(exposures)
    assert plane.on_sky
    for each, places, footprint in zip(exposures, plane.places, plane.footprints, strict=True):
        np.testing.assert_allclose(places, plane.places[0], atol=1e-4)
        sky = SkyCoord(each.ra, each.dec, unit="deg")
        np.testing.assert_allclose(np.hypot(*(places - places[0]).T), sky.separation(sky[0]).arcsec, rtol=1e-4)
        np.testing.assert_allclose(footprint.pixels(places), np.stack([each.x, each.y], axis=1), atol=0.1)
        assert abs(np.linalg.det(footprint.matrix)) == pytest.approx(SCALE**2, rel=1e-3)
        assert footprint.high.tolist() == [SHAPE[1], SHAPE[0]]
    moved = (plane.footprints[1].centre - plane.footprints[0].centre) / SCALE
    assert np.hypot(*moved) == pytest.approx(np.hypot(*DITHERS[1]), rel=1e-3)


def test_a_frame_with_coordinates_needs_one_detection():
    plane = plane_of([exposure([(5, 5)]), exposure([(7, 7)], 0, (100, 0))])
    moved = (plane.footprints[1].centre - plane.footprints[0].centre) / SCALE
    assert np.hypot(*moved) == pytest.approx(100, rel=1e-3)


@pytest.mark.parametrize("sky", [True, False])
def test_a_frame_without_detections_has_not_looked(sky):
    plane = plane_of([exposure([(5, 5)], sky=sky), exposure([], 0, (100, 0), sky=sky)])
    assert plane.on_sky == sky
    assert plane.footprints[0] is not None
    assert plane.footprints[1] is None
    assert plane.places[1].shape == plane.pixels[1].shape == (0, 2)


def test_a_frame_whose_detections_have_no_position_has_not_looked():
    lost = exposure([(5, 5), (6, 7)])
    lost = lost._replace(ra=np.array([np.nan, 150.0]), dec=np.array([10.0, np.nan]))
    assert plane_of([exposure([(5, 5)]), lost]).footprints[1] is None


def test_few_detections_or_a_line_of_them_are_no_coordinates():
    random = np.random.default_rng(2)
    for points in (random.uniform(1, 1000, (5, 2)), [(n, 3 * n) for n in range(1, 30)], [(7, 7)] * 30, []):
        known = exposure([(5, 5)])
        assert plane_of([known, exposure(points, with_wcs=False)]).footprints[1] is None
    assert plane_of([known, exposure(random.uniform(1, 1000, (6, 2)), with_wcs=False)]).footprints[1] is not None


def test_detections_without_a_position_do_not_spoil_the_coordinates():
    each = exposure(np.random.default_rng(3).uniform(1, 1000, (40, 2)), with_wcs=False)
    each.ra[:5], each.x[5:9] = np.nan, np.nan
    plane = plane_of([each])
    np.testing.assert_allclose(plane.footprints[0].pixels(plane.places[0])[9:], plane.pixels[0][9:], atol=0.01)
    assert np.isnan(plane.places[0][:5]).all()


def test_a_frame_of_unknown_size_is_what_its_detections_span():
    points = np.array([(10, 20), (300, 25), (40, 500), (90, 80), (20, 90), (200, 400)], float)
    for other in ({}, {"with_wcs": False}, {"sky": False}):
        each = exposure(points, **other)
        each = each._replace(info=dataclasses.replace(each.info, shape=(0, 0)))
        (footprint,) = plane_of([each]).footprints
        assert footprint.low.tolist() == [10, 20]
        assert footprint.high.tolist() == [300, 500]
    for shape in ((0, 0), SHAPE):
        empty = exposure([], sky=False)
        assert plane_of([empty._replace(info=dataclasses.replace(empty.info, shape=shape))]).footprints == [None]


def test_without_any_position_on_the_sky_the_plane_is_the_detector():
    plane = plane_of([exposure([(10, 20)], sky=False), exposure([(30, 5)], 0, (4, 4), sky=False)])
    assert not plane.on_sky
    np.testing.assert_allclose(plane.places[0], [[10 * SCALE, 20 * SCALE]])
    np.testing.assert_allclose(plane.places[1], [[34 * SCALE, 9 * SCALE]])
    np.testing.assert_allclose(plane.footprints[1].pixels(plane.places[1]), [[34, 9]])
    unknown = plane_of([exposure([(10, 20)], sky=False, scale=math.nan)])
    np.testing.assert_allclose(unknown.places[0], [[10, 20]])


def test_one_exposure_without_positions_is_nowhere():
    plane = plane_of([exposure([(10, 20)]), exposure([(10, 20)] * 8, sky=False)])
    assert plane.on_sky
    assert plane.footprints[1] is None
    assert np.isnan(plane.places[1]).all()
    np.testing.assert_allclose(plane.pixels[1], [[10, 20]] * 8)
