"""Where a frame is, and how it lies on the sky."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.frames.sky import celestial, to_pixels
from ceres_fast.look.coordinates import coordinates_of, sexagesimal

SHAPE = (400, 300)


def wcs_of(rotation: float, *, mirrored: bool = False, ra: float = 150.0, dec: float = 20.0, scale: float = 0.4) -> WCS:
    """Return coordinates whose +y points to a position angle."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.crpix = [150.5, 200.5]
    turn, hand = np.radians(rotation), 1 if mirrored else -1
    # +y is (sin, cos) of the angle in (east, north), and +x 90 deg from it: to the west of north where not mirrored
    wcs.wcs.cd = scale / 3600 * np.array([[hand * np.cos(turn), np.sin(turn)], [-hand * np.sin(turn), np.cos(turn)]])
    wcs.wcs.set()
    return wcs


@given(
    rotation=st.floats(-179, 179),
    mirrored=st.booleans(),
    ra=st.floats(0, 359.9),
    dec=st.floats(-85, 85),
    scale=st.floats(0.05, 20),
)
def test_rotation_side_and_scale_are_those_of_the_wcs(rotation, mirrored, ra, dec, scale):
    wcs = wcs_of(rotation, mirrored=mirrored, ra=ra, dec=dec, scale=scale)
    found = coordinates_of(wcs, wcs.to_header(), SHAPE)
    assert (found.rotation - rotation + 180) % 360 - 180 == pytest.approx(0, abs=0.05)
    assert found.mirrored == mirrored
    assert found.scale == pytest.approx((scale, scale))
    assert found.projection == "TAN"
    # The arrows point to where places north and east of the middle are.
    north, east = found.north_and_east()
    step = 10 * scale / 3600
    middle = np.array([150.5, 200.5])
    x, y = to_pixels(wcs, np.array([ra, ra + step / np.cos(np.radians(dec))]), np.array([dec + step, dec]))
    for arrow, place in zip((north, east), np.stack([x, y], axis=1), strict=True):
        assert arrow @ ((place - middle) / np.linalg.norm(place - middle)) > 0.99


def test_centre_and_corners_are_where_astropy_has_them():
    wcs = wcs_of(33.0)
    found = coordinates_of(wcs, wcs.to_header(), SHAPE)
    expected = wcs.all_pix2world([[150.5, 200.5], [1, 1], [300, 1], [1, 400], [300, 400]], 1)
    np.testing.assert_allclose([found.centre, *found.corners], expected, rtol=0, atol=1e-10)


@given(ra=st.floats(0, 359.9999), dec=st.floats(-90, 90))
def test_sexagesimal_places_are_read_back(ra, dec):
    place = SkyCoord(sexagesimal(ra, dec), unit=("hourangle", "deg"))
    assert place.separation(SkyCoord(ra, dec, unit="deg")).arcsec < 0.15


def test_a_distortion_is_named():
    plain = {**wcs_of(0.0).to_header(), "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}
    pv = {"PV1_0": 0.0, "PV1_1": 1.0, "PV2_1": 1.0}
    sip = {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-6, "B_0_2": 1e-6}
    for cards, expected in (
        (plain, "TAN"),
        (plain | pv, "TAN with PV"),
        (plain | pv | {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV"}, "TPV"),
        (plain | sip, "TAN with SIP"),
        (plain | {"CTYPE1": "RA---ZPN", "CTYPE2": "DEC--ZPN", "PV2_1": 1.0}, "ZPN"),
    ):
        header = fits.Header(cards)
        assert coordinates_of(celestial(header)[0], header, SHAPE).projection == expected
