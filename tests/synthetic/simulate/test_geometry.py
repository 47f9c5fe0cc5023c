import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.synthetic.simulate.constants import CONSTANTS
from ceres_fast.synthetic.simulate.geometry import frame_wcs, pixel_motion, to_pixels, to_sky, window

DETECTOR = CONSTANTS.detector
SKY = {"ra": st.floats(0, 359.99), "dec": st.floats(-80, 80)}


@given(**SKY, x=st.floats(-50, 2100), y=st.floats(-50, 4150))
def test_positions_survive_the_way_to_the_sky_and_back(ra, dec, x, y):
    wcs = frame_wcs(DETECTOR, (4100, 2048), ra, dec)
    back = to_pixels(wcs, *to_sky(wcs, np.array([x]), np.array([y])))
    assert np.allclose(np.ravel(back), [x, y], atol=1e-4)


@given(**SKY)
def test_a_small_frame_is_the_central_window_of_the_chip(ra, dec):
    whole, part = frame_wcs(DETECTOR, (4100, 2048), ra, dec), frame_wcs(DETECTOR, (1024, 1024), ra, dec)
    left, below = window(DETECTOR, (1024, 1024))
    x, y = to_pixels(whole, *to_sky(part, np.array([10.0]), np.array([20.0])))
    assert np.allclose([x[0], y[0]], [10 + left, 20 + below], atol=1e-4)


def test_scale_and_parity_are_those_of_the_camera():
    wcs = frame_wcs(DETECTOR, (100, 100), 40, 10)
    assert np.allclose([axis.to_value(u.arcsec) for axis in wcs.proj_plane_pixel_scales()], 0.333)
    assert np.linalg.det(wcs.wcs.cd) < 0
    ra, dec = to_sky(wcs, np.array([50.5, 40.5, 50.5]), np.array([50.5, 50.5, 40.5]))
    assert dec[1] > dec[0]
    assert ra[2] > ra[0]


@pytest.mark.parametrize(("rate", "angle"), [(0.5, 260.0), (10.0, 33.0), (2.0, 0.0)])
def test_motion_in_pixels_is_the_motion_on_the_sky(rate, angle):
    wcs = frame_wcs(DETECTOR, (100, 100), 32, 12)
    east, north = rate * np.sin(np.deg2rad(angle)), rate * np.cos(np.deg2rad(angle))
    dx, dy = pixel_motion(wcs, np.array([east]), np.array([north]))
    ra, dec = to_sky(wcs, np.array([50.5, 50.5 + dx[0]]), np.array([50.5, 50.5 + dy[0]]))
    start, end = SkyCoord(ra, dec, unit="deg")
    assert start.separation(end).arcsec == pytest.approx(rate, rel=1e-4)
    assert start.position_angle(end).deg == pytest.approx(angle, abs=0.01) or angle == 0
