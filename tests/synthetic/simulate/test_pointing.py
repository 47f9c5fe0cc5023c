import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.synthetic.simulate.constants import CONSTANTS
from ceres_fast.synthetic.simulate.pointing import (
    airmass,
    equatorial,
    frame_wcs,
    pixel_motion,
    plan_field,
    sun_longitude,
    to_pixels,
    to_sky,
    window,
)

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


@pytest.mark.parametrize(("mjd", "longitude"), [(58749.3264, 180.0), (58839.1799, 270.0), (58928.1597, 0.0)])
def test_the_sun_is_where_equinoxes_and_solstices_of_2019_and_2020_say(mjd, longitude):
    assert (sun_longitude(mjd) - longitude + 180) % 360 - 180 == pytest.approx(0, abs=0.02)


def test_ecliptic_coordinates_become_equatorial_ones():
    assert equatorial(90, 0) == pytest.approx((90, 23.4393))
    assert equatorial(180, 0) == pytest.approx((180, 0), abs=1e-9)
    assert equatorial(0, 90)[1] == pytest.approx(90 - 23.4393)


def test_airmass_is_one_in_the_zenith():
    sky = CONSTANTS.sky
    sidereal = (280.46062 + 360.98564737 * (58782.96 - 51544.5) + sky.longitude) % 360
    assert airmass(58782.96, sidereal, sky.latitude, sky.latitude, sky.longitude) == pytest.approx(1)
    assert airmass(58782.96, sidereal - 60, 0, sky.latitude, sky.longitude) == pytest.approx(
        1 / (np.cos(np.deg2rad(sky.latitude)) * 0.5)
    )


@pytest.mark.parametrize("name", ["F0001", "F0002", "H0001"])
def test_fields_lie_near_opposition_and_stand_high(name):
    field = plan_field(name, 58782, 2, 4, 0, CONSTANTS)
    anti_sun = equatorial(sun_longitude(58783) + 180, 0)
    assert abs(field.ra - anti_sun[0]) < 15
    assert abs(field.dec - anti_sun[1]) < 8
    assert all(1 <= exposure.airmass < 1.6 for exposure in field.exposures)
    assert all(0.8 < exposure.seeing <= 2.2 for exposure in field.exposures)
    assert 240 < field.ecliptic_angle + 180 < 280


def test_exposures_are_dithered_and_follow_the_cadence():
    field = plan_field("F0001", 58782, 0, 4, 0, CONSTANTS)
    wcs = frame_wcs(CONSTANTS.detector, (4100, 2048), field.ra, field.dec)
    pointings = np.array([(exposure.ra, exposure.dec) for exposure in field.exposures])
    offsets = np.stack(to_pixels(wcs, *pointings.T), axis=1) - wcs.wcs.crpix
    assert np.all((np.hypot(*offsets.T) >= 10) & (np.hypot(*offsets.T) <= 20))
    apart = np.hypot(*(offsets[:, None] - offsets).T)[~np.eye(4, dtype=bool)]
    assert apart.min() > 8
    assert np.allclose(np.diff([exposure.mjd for exposure in field.exposures]) * 86400, 372, atol=2e-3)


def test_fields_of_a_night_do_not_overlap_in_time():
    first, second = (plan_field(name, 58782, number, 4, 0, CONSTANTS) for number, name in enumerate("AB"))
    assert second.exposures[0].mjd > first.exposures[-1].mjd


def test_seeing_has_the_median_of_site_and_camera():
    fields = [plan_field(f"F{number:04d}", 58782, 0, 1, 0, CONSTANTS) for number in range(200)]
    assert np.median([field.exposures[0].seeing for field in fields]) == pytest.approx(1.17, abs=0.05)
