import io

import numpy as np
import pytest
import sep
from astropy.io import fits
from astropy.wcs import WCS

from ceres_fast.synthetic.simulate.constants import CONSTANTS
from ceres_fast.synthetic.simulate.frame import render_exposure, write_frame
from ceres_fast.synthetic.simulate.pointing import plan_field, to_pixels
from ceres_fast.synthetic.simulate.sky import build_scene

SHAPE = (1024, 1024)


@pytest.fixture(scope="module")
def small():
    return build_scene(plan_field("F0001", 58782, 0, 4, 2, CONSTANTS), 2, SHAPE, CONSTANTS)


@pytest.fixture(scope="module")
def rendered(small):
    return render_exposure(small, small.field.exposures[0])


@pytest.fixture(scope="module")
def cleaned(rendered):
    data = rendered.pixels.astype(np.float32)
    background = sep.Background(data)
    return data - background.back(), background.globalrms


def test_header_says_what_readers_need(small, rendered):
    header, exposure = rendered.header, small.field.exposures[0]
    assert header["OBJECT"] == "F0001"
    assert header["EXPTIME"] == 60
    assert header["MJD-OBS"] == pytest.approx(exposure.mjd, abs=1e-8)
    assert header["DATE-OBS"].startswith("2019-10-26T23:00:00")
    for keyword in ("CCDNAME", "FILTER", "SECPPIX", "SEEING", "GAIN", "READNOIS", "SATURATE", "INSTRUME", "TELESCOP"):
        assert keyword in header
    assert header["SEED"] == 2
    assert "DATE" not in header


def test_header_wcs_is_a_valid_tangent_plane(small, rendered):
    wcs = WCS(rendered.header)
    assert list(wcs.wcs.ctype) == ["RA---TAN", "DEC--TAN"]
    x, y = wcs.wcs_world2pix(rendered.view.ra, rendered.view.dec, 1)
    assert np.abs(x - rendered.view.x).max() < 1e-6
    assert np.abs(y - rendered.view.y).max() < 1e-6


def test_frames_are_sixteen_bit_and_read_back(tmp_path, rendered):
    write_frame(tmp_path / "resamp" / "F0001-1.fits", rendered)
    with fits.open(tmp_path / "resamp" / "F0001-1.fits") as file:
        assert file[0].header["BZERO"] == 32768
        assert file[0].header["BITPIX"] == 16
        assert np.array_equal(file[0].data, rendered.pixels)


def test_zero_point_is_that_of_the_stars(small, rendered, cleaned):
    stars = small.stars
    x, y = to_pixels(WCS(rendered.header), stars.ra, stars.dec)
    good = (stars.magnitude > 15) & (stars.magnitude < 18.5) & (np.abs(x - 512) < 460) & (np.abs(y - 512) < 460)
    radius = 15.0
    flux, _, _ = sep.sum_circle(cleaned[0], x[good] - 1, y[good] - 1, radius)
    core = rendered.header["SEEING"] / 0.333 / (2 * np.sqrt(2**0.4 - 1))
    inside = 1 - (1 + (radius / core) ** 2) ** -1.5
    measured = stars.magnitude[good] + 2.5 * np.log10(flux / inside)
    assert good.sum() >= 4
    assert np.median(measured) == pytest.approx(rendered.header["MAGZPT"], abs=0.03)


def test_noise_and_sky_are_those_of_the_header(small, rendered, cleaned):
    exposure, detector = small.field.exposures[0], CONSTANTS.detector
    sky = 60 * 10 ** (0.4 * (CONSTANTS.sky.zero_point - exposure.sky_brightness)) * 0.333**2
    assert np.median(rendered.pixels) == pytest.approx(sky / 2.8, rel=0.02)
    assert cleaned[1] == pytest.approx(np.sqrt(sky + detector.read_noise**2) / 2.8, rel=0.05)


def test_bright_asteroids_are_found_where_they_are(rendered, cleaned):
    view = rendered.view
    found = sep.extract(cleaned[0], 1.5, err=cleaned[1], minarea=5)
    bright = np.flatnonzero(view.inside & (view.magnitude < 20.5) & (view.share > 0.9))
    distance = np.hypot(found["x"] + 1 - view.x[bright, None], found["y"] + 1 - view.y[bright, None]).min(axis=1)
    assert len(bright) >= 2
    assert np.median(distance) < 0.3


def test_share_is_high_for_lonely_asteroids_and_low_on_stars(small, rendered):
    view = rendered.view
    x, y = to_pixels(WCS(rendered.header), small.stars.ra, small.stars.dec)
    bright = small.stars.magnitude < 19
    star = np.hypot(x[bright] - view.x[:, None], y[bright] - view.y[:, None]).min(axis=1)
    assert np.all(view.share[~view.inside] == 0)
    assert np.all((view.share >= 0) & (view.share <= 1))
    assert np.median(view.share[view.inside & (star > 60)]) > 0.9
    assert np.all(view.share[(star < 3) & (view.magnitude > 21)] < 0.5)


def test_rendering_twice_gives_the_same_pixels(small, rendered):
    again = render_exposure(small, small.field.exposures[0])
    assert np.array_equal(again.pixels, rendered.pixels)
    stream = io.StringIO()
    stream.write(repr(again.header))
    assert stream.getvalue() == repr(rendered.header)
