"""Coordinates on the sky: as astropy reads them, whatever the order of the axes."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st

from ceres_fast.frames.sky import celestial, pixel_scale, to_pixels, to_sky

CENTRE = (150.0, 2.0)
PIXEL = 0.3 / 3600
PLACES = np.array([[1.0, 1.0], [1024.0, 2048.0], [2048.0, 4096.0], [500.5, 3999.25]])


def distorted(projection, **cards):
    plain = {
        "NAXIS": 2,
        "NAXIS1": 2048,
        "NAXIS2": 4096,
        "CTYPE1": f"RA---{projection}",
        "CTYPE2": f"DEC--{projection}",
        "CRVAL1": CENTRE[0],
        "CRVAL2": CENTRE[1],
        "CRPIX1": 3000.0,
        "CRPIX2": -500.0,
        "CD1_1": -PIXEL,
        "CD1_2": 0.0,
        "CD2_1": 0.0,
        "CD2_2": PIXEL,
    }
    return fits.Header({**plain, **cards})


def deprojected(xi, eta):
    """Gnomonic projection undone, in degrees (Calabretta & Greisen 2002, section 5.1.3)."""
    ra0, dec0 = np.radians(CENTRE)
    xi, eta = np.radians(xi), np.radians(eta)
    below = np.cos(dec0) - eta * np.sin(dec0)
    ra = ra0 + np.arctan2(xi, below)
    return np.degrees(ra), np.degrees(np.arctan2(np.sin(dec0) + eta * np.cos(dec0), np.hypot(xi, below)))


LINEAR = {1: {0: 0.0, 1: 1.0004, 2: -0.0002}, 2: {0: 2e-5, 1: 0.9997, 2: 0.0001}}
WITHOUT_ONE = {1: {4: 0.003, 7: 0.05}, 2: {2: 0.0001}}
PV = {1: {0: 1e-5, 1: 1.0004, 2: -0.0002, 4: 0.003, 5: -0.001, 7: 0.05}, 2: {1: 0.9997, 2: 0.0001, 6: 0.002, 10: -0.04}}


def polynomial(axis, x, y, pv=None):
    """The terms of TPV, source: FITS convention "TPV World Coordinate System", which SCAMP writes as TAN."""
    pv = {1: 1.0} | (pv or PV)[axis]
    r = np.hypot(x, y)
    terms = [1, x, y, r, x**2, x * y, y**2, x**3, x**2 * y, x * y**2, y**3]
    return sum(value * terms[number] for number, value in pv.items())


@pytest.mark.parametrize("pv", [PV, LINEAR, WITHOUT_ONE])
@pytest.mark.parametrize("projection", ["TPV", "TAN"])
def test_polynomials_of_tpv_and_scamp_are_applied(projection, pv):
    cards = {f"PV{axis}_{number}": value for axis in pv for number, value in pv[axis].items()}
    wcs, doubts = celestial(distorted(projection, **cards))
    assert all(doubt.about == "WCS" for doubt in doubts)
    x, y = -PIXEL * (PLACES[:, 0] - 3000), PIXEL * (PLACES[:, 1] + 500)
    expected = deprojected(polynomial(1, x, y, pv), polynomial(2, y, x, pv))
    found = wcs.all_pix2world(PLACES, 1).T
    np.testing.assert_allclose(found, expected, atol=1e-9)
    bare = celestial(distorted("TAN"))[0].all_pix2world(PLACES, 1).T
    assert np.abs(found - bare).max() > PIXEL
    np.testing.assert_allclose(wcs.all_world2pix(found.T, 1), PLACES, atol=1e-3)


@pytest.mark.parametrize(("projection", "cards"), [("TPV", {}), ("TAN", {"PV2_1": 1.0, "PV2_3": -45.0})])
def test_without_its_polynomials_tpv_is_tan_and_what_zpn_left_is_none_of_it(projection, cards):
    wcs, _ = celestial(distorted(projection, **cards))
    np.testing.assert_allclose(to_sky(wcs, *PLACES.T), to_sky(celestial(distorted("TAN"))[0], *PLACES.T), atol=1e-10)


@pytest.mark.parametrize(
    ("projection", "cards"),
    [
        ("TPV", {f"PV{axis}_{number}": 0.0 for axis in (1, 2) for number in range(11)}),
        ("TAN-SIP", {"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 2e-3, "B_0_2": 2e-3}),
    ],
)
def test_a_distortion_that_leaves_nothing_of_the_scale_is_none(projection, cards):
    """All detections would be at one place, where they seem to stay."""
    wcs, doubts = celestial(distorted(projection, **cards))
    assert wcs is None
    assert "in the middle of the frame, and 0.3 without distortion; they are not used" in doubts[0].text


def test_a_projection_is_no_distortion():
    """At a declination of 85 deg pixels of this map are eleven times narrower than high."""
    wcs, _ = celestial(distorted("CAR", CRVAL2=0.0, CRPIX2=-85 / PIXEL))
    assert to_sky(wcs, 1024, 2048)[1] == pytest.approx(85, abs=0.2)


@pytest.mark.parametrize("projection", ["TAN-SIP", "TAN"])
def test_polynomials_of_sip_are_applied(projection, capfd):
    cards = {"A_ORDER": 3, "B_ORDER": 2, "A_2_0": 2e-6, "A_1_2": 1e-10, "B_0_2": -1e-6, "B_1_1": 5e-7}
    wcs, doubts = celestial(distorted(projection, **cards))
    assert all(doubt.about == "WCS" for doubt in doubts)
    u, v = PLACES[:, 0] - 3000, PLACES[:, 1] + 500
    x = -PIXEL * (u + 2e-6 * u**2 + 1e-10 * u * v**2)
    y = PIXEL * (v - 1e-6 * v**2 + 5e-7 * u * v)
    found = wcs.all_pix2world(PLACES, 1).T
    np.testing.assert_allclose(found, deprojected(x, y), atol=1e-9)
    np.testing.assert_allclose(wcs.all_world2pix(found.T, 1), PLACES, atol=1e-3)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("corrects", "used"), [(0.04, True), (3.0, False), (None, False)])
def test_tables_of_a_distortion_are_left_out_where_they_correct_little(corrects, used):
    """Hubble's headers have them beside polynomials; astropy wants the file of which they are parts."""
    sip = {"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 2e-6, "B_0_2": 2e-6}
    header = distorted("TAN-SIP", CPDIS1="Lookup", CPDIS2="Lookup", CPERR1=0.03, **sip)
    if corrects is not None:
        header["CPERR2"] = corrects
    for axis in (1, 2):
        header.append(fits.Card(f"DP{axis}", "EXTVER: 1.0"), end=True)
    wcs, doubts = celestial(header)
    assert (wcs is not None) == used
    assert ("they are not used" in "".join(doubt.text for doubt in doubts)) != used
    if used:
        right = celestial(distorted("TAN-SIP", **sip))[0]
        np.testing.assert_allclose(to_sky(wcs, *PLACES.T), to_sky(right, *PLACES.T), atol=1e-10)


small = st.floats(-1e-3, 1e-3)


@settings(max_examples=30, deadline=None)
@given(
    terms=st.lists(small, min_size=8, max_size=8),
    place=st.tuples(st.floats(1, 2048), st.floats(1, 4096)),
    projection=st.sampled_from(["TPV", "TAN"]),
)
def test_distorted_coordinates_go_there_and_back(terms, place, projection):
    numbers = (2, 4, 5, 6)
    cards = {"PV1_1": 1.0, "PV2_1": 1.0} | {
        f"PV{axis}_{number}": terms[4 * (axis - 1) + k] for axis in (1, 2) for k, number in enumerate(numbers)
    }
    wcs, doubts = celestial(distorted(projection, **cards))
    assert all(doubt.about == "WCS" for doubt in doubts)
    there = wcs.all_pix2world([place], 1)
    np.testing.assert_allclose(wcs.all_world2pix(there, 1), [place], atol=1e-3)


@pytest.mark.parametrize("cards", [{"CTYPE1": "LINEAR"}, {"CTYPE2": "RA---TAN"}, {"CRVAL2": 95.0}, {"CTYPE1": " "}])
def test_coordinates_that_cannot_be_used_are_none(cards):
    wcs, doubts = celestial(distorted("TAN", **cards))
    assert wcs is None
    assert "they are not used" in doubts[0].text


def test_left_over_sip_is_ignored_beside_another_distortion():
    sip = {"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 3e-5, "B_0_2": 3e-5}
    plain = {"PV1_1": 1.0, "PV2_1": 1.0}
    wcs, doubts = celestial(distorted("TPV", **plain, **sip))
    assert [doubt.text for doubt in doubts] == ["polynomials of SIP are ignored beside CTYPE1 = 'RA---TPV'"]
    right = WCS(distorted("TPV", **plain)).all_pix2world(PLACES, 1)
    np.testing.assert_allclose(np.transpose(to_sky(wcs, *PLACES.T)), right, atol=1e-10)


def test_that_astropy_applies_polynomials_which_ctype_does_not_name_is_said():
    _, doubts = celestial(distorted("TAN", A_ORDER=2, B_ORDER=2, A_2_0=3e-5, B_0_2=3e-5))
    assert any("SIP" in doubt.text for doubt in doubts)
    assert celestial(distorted("TAN-SIP", A_ORDER=2, B_ORDER=2, A_2_0=3e-5, B_0_2=3e-5))[1] == ()


def swapped(header):
    """Return the same coordinates with declination first."""
    result = header.copy()
    for name in ("CTYPE", "CRVAL"):
        result[f"{name}1"], result[f"{name}2"] = header[f"{name}2"], header[f"{name}1"]
    for axis in (1, 2):
        result[f"CD1_{axis}"], result[f"CD2_{axis}"] = header[f"CD2_{axis}"], header[f"CD1_{axis}"]
    return result


@given(x=st.floats(1, 2048), y=st.floats(1, 4096))
def test_the_order_of_the_axes_does_not_matter(x, y):
    header = distorted("TAN")
    one, other = celestial(header)[0], celestial(swapped(header))[0]
    np.testing.assert_allclose(to_sky(one, x, y), to_sky(other, x, y), atol=1e-10)
    np.testing.assert_allclose(to_pixels(other, *to_sky(other, x, y)), (x, y), atol=1e-5)


@pytest.mark.parametrize("third", ["UTC", "FREQ", "", "STOKES"])
def test_two_celestial_axes_out_of_more_are_used(third):
    header = distorted("TAN", WCSAXES=3, CTYPE3=third, CRVAL3=1.0, CRPIX3=1.0, CDELT3=1.0)
    wcs, _ = celestial(header)
    np.testing.assert_allclose(to_sky(wcs, *PLACES.T), to_sky(celestial(distorted("TAN"))[0], *PLACES.T), atol=1e-10)


def test_the_type_of_a_third_axis_that_is_left_over_is_no_harm():
    wcs, _ = celestial(distorted("TAN", WCSAXES=2, CTYPE3="UTC"))
    assert pixel_scale(wcs) == pytest.approx(0.3)


def test_numbers_that_are_written_as_text_are_numbers():
    texts = {key: f"'{value}'".strip("'") for key, value in distorted("TAN").items() if key[:2] in ("CR", "CD")}
    wcs, _ = celestial(distorted("TAN", **texts))
    np.testing.assert_allclose(to_sky(wcs, *PLACES.T), to_sky(celestial(distorted("TAN"))[0], *PLACES.T), atol=1e-10)


@pytest.mark.parametrize("exponent", ["D", "d", "E"])
def test_exponents_of_double_precision_are_read(exponent):
    """The FITS standard allows them; of 1.5D+02 wcslib reads 1.5."""
    cards = [
        fits.Card.fromstring(f"{key:8}= {value:.15e}".replace("e", exponent))
        if key[:2] in ("CR", "CD")
        else (key, value)
        for key, value in distorted("TAN").items()
    ]
    wcs, _ = celestial(fits.Header(cards))
    np.testing.assert_allclose(to_sky(wcs, *PLACES.T), to_sky(celestial(distorted("TAN"))[0], *PLACES.T), atol=1e-10)
    texts = {key: f"{value:.15e}".replace("e", exponent) for key, value in distorted("TAN").items() if key[:2] == "CR"}
    assert celestial(distorted("TAN", **texts))[0].wcs.crval.tolist() == list(CENTRE)


def test_the_end_of_a_line_in_a_card_is_no_part_of_its_number():
    damaged = [(key, value) for key, value in distorted("TAN").items() if key != "CD1_1"]
    damaged.append(fits.Card.fromstring(f"CD1_1   = {-PIXEL:20.13E}\r"))
    wcs, _ = celestial(fits.Header(damaged))
    np.testing.assert_allclose(to_sky(wcs, *PLACES.T), to_sky(celestial(distorted("TAN"))[0], *PLACES.T), atol=1e-10)


@pytest.mark.parametrize("keyword", ["CD1_1", "CD2_2"])
def test_a_scale_of_which_a_part_is_missing_is_none(keyword):
    header = distorted("TAN", CD1_2=PIXEL / 100, CD2_1=PIXEL / 100)
    assert pixel_scale(celestial(header)[0]) == pytest.approx(0.3, rel=1e-3)
    del header[keyword]
    wcs, doubts = celestial(header)
    assert wcs is None
    assert "times as long as wide, as where a card is missing" in doubts[0].text
    assert celestial(distorted("TAN", CD1_1=4 * PIXEL))[0] is not None


@pytest.mark.parametrize("keyword", ["CRPIX1", "CD2_2"])
def test_coordinates_of_which_a_number_is_not_known_are_none(keyword):
    wcs, doubts = celestial(distorted("TAN", **{keyword: "NaN"}))
    assert wcs is None
    assert f"{keyword} = 'NaN'" in doubts[0].text


@pytest.mark.parametrize("value", ["10:00:00", "NaN", "", "10 00 00", None, "unknown"])
def test_coordinates_without_a_place_are_none(value):
    """astropy takes what it cannot read for 0, so that all frames would be at (0, 0)."""
    header = distorted("TAN")
    if value is None:
        del header["CRVAL1"]
    else:
        header["CRVAL1"] = value
    wcs, doubts = celestial(header)
    assert wcs is None
    assert "CRVAL1" in doubts[0].text


def test_a_scale_that_is_no_number_makes_no_coordinates():
    assert celestial(distorted("TAN", CD1_1="about -8e-5"))[0] is None
    assert celestial(distorted("TAN", LATPOLE="n/a"))[0] is not None


def test_coordinates_without_a_scale_are_none():
    header = distorted("TAN")
    for keyword in ("CD1_1", "CD1_2", "CD2_1", "CD2_2"):
        del header[keyword]
    wcs, doubts = celestial(header)
    assert wcs is None
    assert "have no scale (no CDELT, CD or PC)" in doubts[0].text
    header["CDELT1"] = header["CDELT2"] = 1.0
    wcs, doubts = celestial(header)
    assert wcs is None
    assert "3.6e+03 arcsec per pixel" in doubts[0].text


@pytest.mark.parametrize("kind", [("GLON", "GLAT"), ("ELON", "ELAT")])
def test_other_coordinates_than_right_ascension_and_declination_are_refused(kind):
    wcs, doubts = celestial(distorted("TAN", CTYPE1=f"{kind[0]}-TAN", CTYPE2=f"{kind[1]}-TAN"))
    assert wcs is None
    assert "are not right ascension and declination" in doubts[0].text


def test_another_equinox_is_said():
    assert "EQUINOX = 2018.8" in celestial(distorted("TAN", EQUINOX=2018.8))[1][-1].text
    assert celestial(distorted("TAN", EQUINOX=2000.0))[1] == ()
    assert celestial(distorted("TAN", EQUINOX=2018.8, RADESYS="ICRS"))[1] == ()


def test_coordinates_that_are_there_twice_are_said():
    header = distorted("TAN")
    header.append(("CRVAL1", 10.0), end=True)
    header.append(("CRVAL2", CENTRE[1]), end=True)
    wcs, doubts = celestial(header)
    assert wcs.wcs.crval.tolist() == [10, CENTRE[1]]
    assert [doubt.text for doubt in doubts] == ["CRVAL1 is there 2 times (150.0, 10.0); the last is used"]


def test_no_places_are_no_places():
    wcs, _ = celestial(distorted("TAN"))
    for convert in (to_sky, to_pixels):
        assert [len(values) for values in convert(wcs, np.empty(0), np.empty(0))] == [0, 0]


def test_nothing_is_printed(capfd):
    celestial(distorted("TAN", A_ORDER=2, B_ORDER=2, A_2_0=3e-5, RADECSYS="FK5"))
    assert capfd.readouterr() == ("", "")
