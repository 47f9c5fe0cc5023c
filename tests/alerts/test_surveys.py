"""What the packets of each survey say, and where the candidate is in their cut-outs."""

import math

import pytest
from astropy.io import fits

from ceres_fast.alerts.labels import AlertRules, decide
from ceres_fast.alerts.surveys import SURVEYS, cutout_of

from ..alert_files import rubin, ztf

ZTF, RUBIN = SURVEYS


def test_cut_outs_are_records_or_bytes() -> None:
    for packet in (ztf(), rubin(), ztf() | {"cutoutScience": b"x"}, ztf() | {"cutoutScience": {"stampData": b"x"}}):
        assert isinstance(cutout_of(packet, "science"), bytes)
    assert cutout_of(ztf(cutouts={"Science": None}), "science") is None
    assert cutout_of({}, "science") is None


def test_what_ztf_says() -> None:
    name = "/ztf/archive/sci/ztf_20181129251771_000248_zg_c02_o_q2_scimrefdiffimg.fits.fz"
    packet = ztf(pdiffimfilename=name, fid=2, xpos=2733.5, magpsf=15.5, exptime=60.0)
    known = ZTF.known(packet)
    assert known["mjd"] == pytest.approx(58451.25 + 30 / 86400, abs=1e-9)
    assert (known["field"], known["ccd"], known["filter"]) == ("248", "5", "r")
    assert (known["frame"], known["x"]) == ("ztf_20181129251771_000248_zg_c02_o_q2", 2733.5)
    assert (known["magnitude"], known["exposure"], known["pixel_scale"]) == (15.5, 60.0, 1.01)


def test_what_ztf_does_not_say_is_unknown() -> None:
    empty = {"candidate": dict.fromkeys(ztf()["candidate"])}
    known = ZTF.known(empty)
    assert all(known[name] == "" for name in ("field", "ccd", "filter", "frame"))
    assert all(math.isnan(known[name]) for name in ("x", "y", "ra", "dec", "mjd", "magnitude"))
    assert ZTF.known(ztf(exptime=None))["exposure"] == 30  # not told before schema 3.2
    evidence = ZTF.evidence(empty)
    assert (evidence.known, evidence.detections, evidence.days) == ("", 1, 0)
    assert math.isnan(evidence.score)


@pytest.mark.parametrize("missing", [-999.0, -1.0, None, math.nan])
def test_no_known_object_is_near(missing: float | None) -> None:
    evidence = ZTF.evidence(ztf(ssdistnr=missing, ssmagnr=missing, ssnamenr=None))
    assert evidence.known == ""
    assert math.isnan(evidence.known_distance)
    assert math.isnan(ZTF.evidence(ztf(ssmagnr=-999.0)).known_magnitude)


def test_the_newer_score_comes_first() -> None:
    assert ZTF.evidence(ztf(drb=0.25, rb=0.75)).score == 0.25
    assert ZTF.evidence(ztf(drb=None, rb=0.75)).score == 0.75
    assert ZTF.evidence(ztf(drb=0.0, rb=0.75)).score == 0


def test_negative_and_history() -> None:
    assert [ZTF.evidence(ztf(isdiffpos=sign)).negative for sign in ("t", "1", "f", "0", None)] == [0, 0, 1, 1, 0]
    evidence = ZTF.evidence(ztf(ndethist=7, jdstarthist=2458441.75))
    assert (evidence.detections, evidence.days) == (7, 10)


@pytest.mark.parametrize("number", range(1, 63))
def test_the_centre_of_cut_outs_at_an_edge(number: int) -> None:
    """A candidate `number` pixels from an edge: the cut-out has 31 pixels on the other side of it."""
    header, side = fits.Header(), min(number + 31, 63)
    low = ZTF.centre(ztf(xpos=float(number), ypos=1500.0), (63, side), header)
    assert low == (min(number, 32), 32)
    high = ZTF.centre(ztf(xpos=1500.0, ypos=3080.0 - number), (side, 63), header)
    assert high == (32, 32)


def test_cut_outs_that_do_not_say_where_the_candidate_is() -> None:
    with pytest.raises(ValueError, match="does not say at which edge"):
        ZTF.centre(ztf(xpos=None), (63, 50), fits.Header())
    for side in (31, 64):
        with pytest.raises(ValueError, match="not 32 to 63"):
            ZTF.centre(ztf(), (63, side), fits.Header())
    assert ZTF.centre(ztf(xpos=None, ypos=None), (63, 63), fits.Header()) == (32, 32)


def test_what_rubin_says() -> None:
    known = RUBIN.known(rubin())
    assert (known["field"], known["ccd"], known["frame"]) == ("visit 2025051500042", "94", "2025051500042-94")
    assert known["mjd"] == pytest.approx(60810.25 - 37 / 86400, abs=1e-10)  # TAI to UTC
    assert (known["x"], known["y"], known["filter"]) == (100, 200, "r")
    assert known["magnitude"] == pytest.approx(22.5, abs=1e-4)
    assert math.isnan(RUBIN.known(rubin(psfFlux=-5.0))["magnitude"])


def test_the_evidence_of_rubin() -> None:
    assert RUBIN.evidence(rubin(reliability=0.25)).score == 0.25
    assert RUBIN.evidence(rubin(psfFlux=-5.0)).negative
    history = RUBIN.evidence(rubin(history=[60800.25, 60805.25]))
    assert (history.detections, history.days) == (3, 10)
    known = RUBIN.evidence(rubin(ssObjectId=5, ssSource={"designation": "2025 AB1", "ephVmag": 22.0}))
    assert (known.known, known.known_distance, known.known_magnitude) == ("2025 AB1", 0, 22)
    assert RUBIN.evidence(rubin(ssObjectId=5)).known == "ssObject 5"
    assert RUBIN.evidence(rubin(ssObjectId=0)).known == ""


@pytest.mark.parametrize(
    ("records", "name"),
    [
        ({"ssSource": {"designation": None}, "mpc_orbits": {"designation": "C/2019 Q4"}}, "C/2019 Q4"),
        ({"ssSource": None, "MPCORB": {"mpcDesignation": "CK19Q040"}}, "CK19Q040"),
        ({"ssSource": {"designation": "2004 JQ12"}, "mpc_orbits": {"designation": "C/2019 Q4"}}, "2004 JQ12"),
        ({"ssSource": {}, "mpc_orbits": None}, "ssObject 5"),
    ],
)
def test_a_known_object_is_named_wherever_its_schema_does(records: dict[str, object], name: str) -> None:
    evidence = RUBIN.evidence({**rubin(ssObjectId=5), **records})
    assert evidence.known == name
    assert (decide(evidence, AlertRules()) == "comet") == name.startswith("C")


@pytest.mark.parametrize(
    ("orbit", "kind"),
    [
        ({"ephOffset": 0.03, "diaDistanceRank": 1}, "asteroid"),
        ({"ephOffset": None, "diaDistanceRank": None}, "asteroid"),
        ({"ephOffset": 0.03, "diaDistanceRank": 2}, "near_known"),
        ({"ephOffset": 5.0, "diaDistanceRank": 1}, "near_known"),
    ],
)
def test_a_source_that_is_not_the_nearest_is_not_the_asteroid(orbit: dict[str, object], kind: str) -> None:
    packet = rubin(ssObjectId=5, ssSource={"designation": "2004 JQ12", **orbit})
    assert decide(RUBIN.evidence(packet), AlertRules()) == kind


@pytest.mark.parametrize("missing", [0.0, -0.0, -1.0, -999.0, None, math.nan, math.inf])
def test_a_magnitude_that_no_asteroid_has_is_not_known(missing: float | None) -> None:
    orbit = {"designation": "2004 JQ12", "ephVmag": missing}
    assert math.isnan(RUBIN.evidence(rubin(ssSource=orbit)).known_magnitude)
    assert math.isnan(ZTF.evidence(ztf(ssnamenr="111678", ssmagnr=missing)).known_magnitude)


def test_the_brightest_asteroids_have_their_magnitude() -> None:
    assert RUBIN.evidence(rubin(ssSource={"designation": "4 Vesta", "ephVmag": 5.1})).known_magnitude == 5.1
    assert ZTF.evidence(ztf(ssnamenr="99942", ssmagnr=3.1)).known_magnitude == 3.1


def test_the_centre_of_rubin() -> None:
    assert RUBIN.centre(rubin(), (30, 30), fits.Header({"CRPIX1": 15.2, "CRPIX2": 15.8})) == (15.2, 15.8)
    assert RUBIN.centre(rubin(), (30, 30), fits.Header()) == (16, 16)
    with pytest.raises(ValueError, match="outside of its 30x30 pixels"):
        RUBIN.centre(rubin(), (30, 30), fits.Header({"CRPIX1": 40.0, "CRPIX2": 15.8}))


@pytest.mark.parametrize(
    ("written", "known"), [(b"null", ""), ("nan", ""), ("None", ""), (b"137108", "137108"), (b"29P\xff", "29P\ufffd")]
)
def test_names_that_are_bytes_are_text_and_words_for_none_are_none(written: str | bytes, known: str) -> None:
    assert ZTF.evidence(ztf(ssnamenr=written)).known == known


def test_names_are_printable() -> None:
    assert ZTF.evidence(ztf(ssnamenr=" 2010\x00 AB\x1b[31m ")).known == "2010 AB[31m"
