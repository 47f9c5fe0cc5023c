"""Real headers, each with the value that is right."""

import math
import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from ceres_fast.frames.headers.understand import understand
from ceres_fast.frames.reading import read_frame, read_header, read_headers
from ceres_fast.frames.sky import to_sky

from ..tiny_field import make_header, make_image


@pytest.fixture
def frame(tmp_path):
    """Write a frame with some cards of its header changed, and read what is understood of it."""

    def write(**cards):
        header = make_header()
        for name, value in cards.items():
            if value is None:
                header.remove(name, ignore_missing=True)
            else:
                header[name] = value
        path = tmp_path / "f.fits"
        fits.PrimaryHDU(np.rint(make_image()).astype(np.uint16), header).writeto(path, overwrite=True)
        return read_header(path)

    return write


def test_tai_is_37_seconds_ahead_of_utc(frame):
    """kbmod issue 865; alerts of Rubin, and frames of SDSS, are in TAI."""
    plain, tai = frame().info, frame(TIMESYS="TAI").info
    assert (plain.mjd - tai.mjd) * 86400 == pytest.approx(37, abs=1e-4)


def test_sip_that_is_left_over_beside_tpv_is_ignored(frame):
    """SCAMP over a header of astrometry.net."""
    header = make_header()
    tpv = {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", "PV1_1": 1.0, "PV2_1": 1.0}
    sip = {"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 3e-5, "B_0_2": 3e-5}
    found = frame(**tpv, **sip)
    header.update(tpv)
    np.testing.assert_allclose(to_sky(found.wcs, 5.0, 6.0), WCS(header).all_pix2world(5.0, 6.0, 1), atol=1e-9)


def test_declination_may_come_first(shared_cases):
    """GalSim's tanflip.fits: CTYPE1 = 'DEC--TAN', CTYPE2 = 'RA---TAN'."""
    head = read_header(shared_cases / "frames" / "03-dec-ra-axis-order" / "tanflip.fits")
    right = WCS(head.header).all_pix2world(1.0, 1.0, 1, ra_dec_order=True)
    np.testing.assert_allclose(to_sky(head.wcs, 1.0, 1.0), right, atol=1e-9)
    assert head.info.centre == pytest.approx((52.554, -28.742), abs=1e-3)


def test_seeing_in_pixels_is_told_by_its_comment(frame):
    """Liverpool Telescope; casutools writes the same for INT/WFC, WFCAM and VIRCAM."""
    info = frame(SEEING=(4.350539, "[pixels] frame seeing in pixels")).info
    assert info.seeing == pytest.approx(4.350539 * info.pixel_scale)


def test_coordinates_without_a_scale_are_none(frame):
    """Sequence Generator Pro: CTYPE, CRVAL, CRPIX, but neither CDELT nor CD; PIXSCALE is there."""
    no_scale = dict.fromkeys(("CDELT1", "CDELT2", "PC1_1", "PC2_2"))
    found = frame(**no_scale, SECPPIX=None, PIXSCALE=0.333)
    assert found.wcs is None
    assert found.info.pixel_scale == 0.333
    assert any("no CDELT" in doubt.text for doubt in found.info.doubts)


@pytest.mark.parametrize(
    ("cards", "gain"),
    [
        ({"GAIN": (100, "Sensor gain"), "EGAIN": (2.8, "Electrons per A/D unit")}, 2.8),
        ({"GAIN": 120, "EGAIN": 1.00224}, 1.00224),
        ({"GAIN": 120}, math.nan),
    ],
)
def test_the_gain_of_an_amateurs_camera_is_a_setting(frame, cards, gain):
    """N.I.N.A., APT and SGP write the setting of the sensor as GAIN, and electrons per ADU as EGAIN."""
    assert frame(**cards).info.gain == pytest.approx(gain, nan_ok=True)


def test_axes_beside_those_of_the_sky_are_left_out(shared_cases):
    """astrometry.net and WFCAM leave a CTYPE3 in the header of an image."""
    head = read_header(shared_cases / "frames" / "17-third-wcs-axis" / "wcs3.fits")
    assert head.wcs.naxis == 2
    assert head.info.centre == pytest.approx(
        read_header(shared_cases / "frames" / "18-forms-of-date-obs" / "space.fits").info.centre, abs=0.1
    )


@pytest.mark.parametrize(
    ("name", "mjd"),
    [("space", 58782.95868), ("slash", 58782.95868), ("old", 51477.95868), ("hours", 58782.38873)],
)
def test_forms_of_the_date(shared_cases, name, mjd):
    """A blank, slashes, dd/mm/yy with a clock, and a clock with one digit for the hour."""
    info = read_header(shared_cases / "frames" / "18-forms-of-date-obs" / f"{name}.fits").info
    assert info.mjd == pytest.approx(mjd, abs=1e-5)


def test_a_date_that_cannot_be_read_is_named(frame):
    info = frame(**{"MJD-OBS": None, "DATE-OBS": "around midnight"}).info
    assert math.isnan(info.mjd)
    assert "DATE-OBS = 'around midnight'" in info.why_unknown("mjd")


@pytest.mark.parametrize(("name", "mjd"), [("013343", 58107.06543190972), ("013612", 58107.0671574537)])
def test_a_rounded_mjd_loses_to_the_date(shared_cases, name, mjd):
    """MicroObservatory: MJD-OBS has three decimals, DATE-OBS milliseconds and an offset of 7 hours."""
    folder = shared_cases / "real_nights" / "04-mjd-obs-rounded" / "night"
    info = read_header(folder / f"HATP-32171220{name}.FITS").info
    assert info.mjd == pytest.approx(mjd, abs=1e-7)
    assert info.pixel_scale == 5.21


def test_darks_and_biases_are_no_sky(shared_cases):
    """A night of the Wallace Observatory, with OBJECT as in its lights."""
    night = shared_cases / "real_nights" / "02-darks-and-biases-are-frames" / "night"
    found = {path.name.split(".")[2]: read_header(path).info for path in sorted(night.iterdir())}
    assert found["Dark"].no_sky == "IMAGETYP = 'Dark Frame'"
    assert found["Bias"].no_sky == "IMAGETYP = 'Bias Frame'"
    assert found["Light"].no_sky == ""
    assert found["Light"].pixel_scale == pytest.approx(1.266, abs=1e-3)  # by focal length and size of the pixels
    assert found["Light"].gain == 2.07


def test_real_frames_are_understood(shared_data):
    ystar = read_header(shared_data / "frames" / "astride_ystar_streak_512.fits").info
    assert ystar.mjd == pytest.approx(52481.81744, abs=1e-5)  # DATE-OBS = '26/07/102'
    assert ystar.pixel_scale == pytest.approx(3.04, abs=0.01)
    emmi = read_header(shared_data / "frames" / "sep_eso_ntt_emmi_256.fits").info
    # MJD-OBS = 48921.62787 is a Julian date less 2,400,000; TM-START = 11048 s
    assert emmi.mjd == pytest.approx(48921.12787 + 600 / 86400, abs=1e-5)
    assert emmi.airmass == pytest.approx(1.068, abs=1e-3)


def test_a_header_of_the_community_pipeline(shared_cases):
    night = shared_cases / "real_nights" / "03-noirlab-cp-maps" / "night"
    info = read_headers(next(night.glob("*_ooi_*")))[0].info
    assert info.mjd == pytest.approx(57828.26347513, abs=1e-7)
    assert info.seeing == pytest.approx(0.968, abs=1e-3)  # FWHM = 3.69 / in pixels
    assert (info.exposure, info.gain, info.read_noise) == (107.0, pytest.approx(3.8705, abs=1e-4), 5.959384)


RIGHT = {
    "values of NaN, comma and newline": [("EXPTIME", "60,0"), ("COMMENT", "1,2,3")],
    "other letters": [("OBSERVER", "M. Muster")],
}


@pytest.mark.parametrize("cards", RIGHT.values(), ids=RIGHT)
def test_odd_cards_end_nothing(cards):
    understand(fits.Header(cards))


def test_what_is_read_is_what_was_written(tmp_path, frame):
    before = frame()
    assert read_frame(before.info.path).info.readings == before.info.readings
    shutil.copy(before.info.path, tmp_path / "copy.fits")
    assert read_header(tmp_path / "copy.fits").info.mjd == before.info.mjd
