"""What headers say, in the words and units of many cameras."""

import math

import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.frames.camera import Camera
from ceres_fast.frames.headers.quantities import QUANTITIES, number, text
from ceres_fast.frames.headers.understand import understand


def header(**cards):
    made = fits.Header()
    for name, value in cards.items():
        made[name.replace("_", "-")] = value
    return made


def value_of(name, known=None, **cards):
    return number(header(**cards), name, known or {"pixel_scale": 0.3, "gain": 2.0, "exposure": 100.0}).value


def test_impossible_numbers_are_unknown_and_said():
    found = number(header(GAIN="broken", SEEING=-999.0), "gain")
    assert math.isnan(found.value)
    assert found.doubts[0].text == "GAIN = 'broken' cannot be read; expected a number"
    found = number(header(SEEING=-999.0), "seeing")
    assert math.isnan(found.value)
    assert "SEEING = -999.0" in found.doubts[0].text
    assert value_of("gain", GAIN=0.0, EGAIN=1.5) == 1.5


@pytest.mark.parametrize(
    ("unit", "gain"),
    [
        *[(unit, 1.0) for unit in ("ELECTRONS", "electron", "e-", "e")],
        *[(unit, 100.0) for unit in ("ELECTRONS/S", "electron / s", "e-/s", "electrons per second", "electron s-1")],
        *[(unit, 2.0) for unit in ("ADU", "adu/s", "", "nJy", "electron/adu")],
    ],
)
def test_pixels_in_electrons_have_no_other_gain(unit, gain):
    found = understand(header(CCDGAIN=2.0, EXPTIME=100.0, BUNIT=unit, RDNOISE=5.0))
    assert found["gain"].value == gain
    assert found["read_noise"].value == 5.0
    assert found["gain"].origin == ("CCDGAIN" if gain == 2 else "BUNIT")
    assert len(found["gain"].doubts) == (gain != 2)
    own = Camera(keywords={"gain": ["CCDGAIN"]})
    assert understand(header(CCDGAIN=2.0, EXPTIME=100.0, BUNIT=unit), None, own)["gain"].value == 2


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"FILTER1": "CLEAR1L", "FILTER2": "F814W"}, "F814W"),
        ({"FILTER1": "F606W", "FILTER2": "CLEAR2L"}, "F606W"),
        ({"FILTER1": "open", "FILTER2": "<NO FILTER>", "FILTER3": "V Bessell"}, "V Bessell"),
        ({"FILTER": "Clear"}, "Clear"),
        ({"FILTER": "Clear", "FILTER2": "0"}, "Clear"),
        ({"FILTER1": "3", "FILTER2": "r'"}, "r'"),
        ({"FILTER": "2.27"}, "2.27"),
        ({"FILTER": "openIR", "FILTER2": "g"}, "g"),
        ({"FILTER": "V", "FILTER2": "ND"}, "V"),
    ],
)
def test_the_filter_is_in_the_wheel_that_is_not_open(filters, expected):
    assert text(header(**filters), "filter").value == expected


@pytest.mark.parametrize("text", ["00:00:30.5", "1:30", "0:05:00", "60,5", "1,000", "2x60", "3 * 20", "1/30"])
def test_an_exposure_time_that_is_a_clock_is_not_its_hours(text):
    found = understand(header(EXPTIME=text, OBJECT="F1"))
    assert math.isnan(found["exposure"].value)
    assert "cannot be read" in found["exposure"].doubts[0].text
    assert found["no_sky"].value == ""


def test_what_a_header_does_not_know_is_absent():
    for unknown in ("", "n/a", "N/A", "none", "UNKNOWN", "NaN", "--"):
        assert number(header(SEEING=unknown), "seeing").doubts == ()
        assert text(header(OBJECT=unknown), "field").value == ""


def test_a_card_that_is_there_twice_with_different_values_is_said():
    cards = [("EXPTIME", 60.0), ("EXPTIME", 600.0), ("GAIN", 2.5), ("GAIN", 2.5), ("FILTER", "r"), ("FILTER", "g")]
    found = understand(fits.Header(cards))
    assert (found["exposure"].value, found["filter"].value) == (60, "r")
    assert [each.text for each in found["exposure"].doubts] == [
        "EXPTIME is there 2 times (60.0, 600.0); the first is used"
    ]
    assert [each.about for each in found["filter"].doubts] == ["FILTER"]
    assert found["gain"].doubts == ()


def test_names_are_text_without_blanks():
    assert text(header(FIELD=570), "field").value == "570"
    assert text(header(OBJECT="  ", FIELD="F 1 "), "field").value == "F 1"
    assert text(header(), "ccd").value == ""


@pytest.mark.parametrize(
    ("name", "card", "right"),
    [
        ("seeing", {"SEEING": (1.2, "[arcsec] FWHM")}, 1.2),
        ("seeing", {"SEEING": (1.2, "seeing in arcsec (0.3 arcsec/pixel)")}, 1.2),
        ("seeing", {"SEEING": 1.2}, 1.2),
        ("seeing", {"SEEING": (4.0, "[pixels] frame seeing in pixels")}, 1.2),
        ("seeing", {"SEEING": (4.0, "FWHM (pix)")}, 1.2),
        ("seeing", {"SEEING": "4.0 px"}, 1.2),
        ("seeing", {"SEEING": '1.2"'}, 1.2),
        ("seeing", {"SEEING": (1.2 / 3600, "[deg]")}, 1.2),
        ("seeing", {"SEEING": (-1, "no stars"), "L1SEESEC": (1.2, "[arcsec]")}, 1.2),
        ("seeing", {"FWHM": (4.0, "Median FWHM in pixels")}, 1.2),
        ("seeing", {"FWHM": (4.0, "of what nobody says")}, math.nan),
        ("gain", {"GAIN": 2.8}, 2.8),
        ("gain", {"GAIN": (100, "Sensor gain"), "EGAIN": (2.8, "Electrons per A/D unit")}, 2.8),
        ("gain", {"GAIN": 120}, math.nan),
        ("gain", {"GAIN": (120, "[e-/ADU]")}, 120),
        ("gain", {"GAIN": 120.5}, 120.5),
        ("gain", {"GAIN": (10, "gain setting of the camera")}, math.nan),
        ("gain", {"GAIN": (27.8, "[dB]")}, math.nan),
        ("gain", {"GAIN": (0.5, "[adu/e-] conversion")}, 2.0),
        ("gain", {"GAIN": (2.0, "[electrons/count] Pixel gain")}, 2.0),
        ("read_noise", {"RDNOISE": (5.0, "[ADU]")}, 10.0),
        ("read_noise", {"READNOIS": (5.0, "[electrons]")}, 5.0),
        ("saturation", {"SATURATE": (60000, "[electrons]")}, 30000),
        ("saturation", {"SATURATE": 60000}, 60000),
        ("zero_point", {"MAGZPT": (25.0, "[mag] for one second")}, 30.0),
        ("zero_point", {"MAGZERO": (30.0, "[mag] zero point")}, 30.0),
        ("zero_point", {"ZP": 0.0}, math.nan),
        ("exposure", {"EXPTIME": 60}, 60),
        ("exposure", {"EXPTIME": (60000, "exposure time in ms")}, 60),
        ("exposure", {"EXPTIME": (1.0, "[min]")}, 60),
        ("exposure", {"EXPTIME": "60.0 s"}, 60),
        ("exposure", {"EXPTIME": "1.5m"}, 90),
        ("exposure", {"EXPTIME": "6.0D1"}, 60),
        ("exposure", {"EXPTIME": 0, "EXPOSURE": 60}, 60),
        ("pixel_scale", {"PIXSCALE": (8.3333333e-5, "[deg/pix]")}, 0.3),
        ("pixel_scale", {"SECPPIX": (0.3, "[arcsec/pixel] pixel scale")}, 0.3),
        ("pixel_scale", {"PIXSCALE": (300, "mas")}, 0.3),
        ("pixel_scale", {"PIXSCALE": 0, "SCALE": 0.3}, 0.3),
        ("airmass", {"AIRMASS": -1, "SECZ": 1.2}, 1.2),
    ],
)
def test_units_are_told_by_comments_and_values(name, card, right):
    assert value_of(name, **card) == pytest.approx(right, rel=1e-6, nan_ok=True)


@given(st.floats(0.5, 8), st.floats(0.1, 5), st.sampled_from(["[pixels]", "in pix", "[pixel] FWHM", "(px)"]))
def test_a_seeing_in_pixels_is_one_in_arcsec_by_the_scale(pixels, scale, comment):
    assert value_of("seeing", {"pixel_scale": scale}, SEEING=(pixels, comment)) == pytest.approx(pixels * scale)


@given(st.sampled_from(sorted(QUANTITIES)), st.sampled_from([-99.0, -999, -1, 0, "bad", 1e40]))
def test_sentinels_are_doubted_and_the_next_keyword_is_used(name, sentinel):
    first, second = [key for key in QUANTITIES[name].keywords if key not in QUANTITIES[name].told][:2]
    found = number(fits.Header({first: sentinel, second: 1.5}), name)
    assert found.value == 1.5
    assert found.origin == second
    assert found.doubts[0].about == first


def test_the_origin_says_the_unit_where_it_was_another_one():
    found = number(header(SEEING=(4.0, "[pixels]")), "seeing", {"pixel_scale": 0.3})
    assert found.origin == "SEEING (4 pixel)"


def test_a_unit_that_needs_what_is_not_known_is_said():
    found = number(header(SEEING=(4.0, "[pixels]")), "seeing", {"pixel_scale": math.nan})
    assert math.isnan(found.value)
    assert "pixel" in found.doubts[0].text


def test_a_profile_names_keywords_and_units():
    camera = Camera("mine", keywords={"seeing": ("IQ",)}, units={"IQ": "pixel"})
    assert number(header(SEEING=3.0, IQ=4.0), "seeing", {"pixel_scale": 0.3}, camera).value == pytest.approx(1.2)


def test_words_that_a_camera_ignores_are_no_part_of_a_fields_name():
    camera = Camera("mine", field_ignore=(r"- DelRA = .*",))
    assert text(header(OBJECT="CDFS-S_I - DelRA =  43.2, DelDec = -64.8"), "field", camera).value == "CDFS-S_I"


def test_the_scale_follows_from_the_optics_where_nothing_else_says_it():
    found = understand(header(FOCALLEN=3910.0, XPIXSZ=24.0))["pixel_scale"]
    assert found.value == pytest.approx(1.26608, rel=1e-4)
    assert found.origin == "FOCALLEN, XPIXSZ"
    assert understand(header(FOCALLEN=3910.0, PIXSIZE1=12.0, XBINNING=2))["pixel_scale"].value == pytest.approx(
        1.26608, rel=1e-4
    )
    assert math.isnan(understand(header(FOCALLEN=0.0, XPIXSZ=24.0))["pixel_scale"].value)
