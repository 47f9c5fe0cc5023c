"""When an exposure was taken, in the words of many cameras."""

import math
import warnings
from datetime import UTC, datetime, timedelta

import pytest
from astropy.io import fits
from astropy.time import Time
from erfa import ErfaWarning
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.console import warnings_kept
from ceres_fast.frames.headers.cards import Found
from ceres_fast.frames.headers.times import middle, to_utc

MJD_ZERO = datetime(1858, 11, 17, tzinfo=UTC)


def header(**cards):
    made = fits.Header()
    for name, value in cards.items():
        made[name.replace("_", "-")] = value
    return made


def middle_of(exposure=math.nan, **cards) -> Found[float]:
    return middle(header(**cards), exposure)


@pytest.mark.parametrize(
    ("exposure", "cards", "mjd"),
    [
        (86.4, {"MJD_OBS": 60000.5}, 60000.5005),
        (86.4, {"MJD_OBS": "60000.5"}, 60000.5005),
        (60, {"MJD_MID": 60000.25, "MJD_OBS": 60000.0}, 60000.25),
        (864, {"DATE_OBS": "2023-02-25T12:00:00"}, 60000.505),
        (math.nan, {"DATE_OBS": "2023-02-25T12:00:00.500Z"}, 60000.5 + 0.5 / 86400),
        (math.nan, {"DATE_OBS": "2023-02-25", "UTSTART": "12:00:00.0"}, 60000.5),
        (math.nan, {"MJD_OBS": 0.0, "DATE_OBS": "2023-02-25T12:00:00"}, 60000.5),
        (math.nan, {"DATE_OBS": "26/07/102", "TIME_OBS": "19:36:37"}, 52481.817094907),
        (math.nan, {"DATE_OBS": "2023-02-25"}, math.nan),
        (math.nan, {"MJD_OBS": "soon"}, math.nan),
        (math.nan, {}, math.nan),
        (60, {"JD": 2460001.0}, 60000.5 + 30 / 86400),
        (60, {"MJD_OBS": 2460001.0}, 60000.5 + 30 / 86400),
        (60, {"DATE_END": "2023-02-25T12:00:00"}, 60000.5 - 30 / 86400),
        (math.nan, {"DATE_OBS": "2023-02-25T12:00:00", "DATE_END": "2023-02-25T12:01:00"}, 60000.5 + 30 / 86400),
        (math.nan, {"DATE_OBS": "2023-02-25T12:00:60"}, 60000.5 + 60 / 86400),
        (60, {"DATE_OBS": ("2023-02-25T12:00:00", "middle of the exposure")}, 60000.5),
        (60, {"DATE_OBS": ("2023-02-25T12:00:00", "end of exposure, UTC")}, 60000.5 - 30 / 86400),
        (60, {"MJD_OBS": (60000.5, "MIDAS desc.: O_TIME(4)")}, 60000.5 + 30 / 86400),
        (math.nan, {"DATE_OBS": "2023-02-25", "UTC": (43200.0, "12:00:00.000 UTC at start (sec)")}, 60000.5),
        (math.nan, {"DATE_OBS": "2023-02-25", "UT": (12.0, "[h] start")}, 60000.5),
    ],
)
def test_middle_of_the_exposure(exposure, cards, mjd):
    assert middle_of(exposure, **cards).value == pytest.approx(mjd, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("scale", ["TAI", "TT", "TDT", "ET", "TDB", "TCB", "TCG", "tai "])
def test_the_time_scale_is_honoured(scale):
    name = {"tdt": "tt", "et": "tt"}.get(scale.strip().lower(), scale.strip().lower())
    right = Time(60000.5, format="mjd", scale=name).utc.mjd
    assert middle_of(60, TIMESYS=scale, MJD_MID=60000.5).value == pytest.approx(right, abs=1e-9)
    assert middle_of(60, TIMESYS=scale, DATE_AVG="2023-02-25T12:00:00").value == pytest.approx(right, abs=1e-9)


@pytest.mark.parametrize(("realised", "scale"), [("TT(TAI)", "tt"), ("UTC (USNO)", "utc"), ("TDB(DE430)", "tdb")])
def test_the_realisation_of_a_time_scale_changes_nothing(realised, scale):
    found = middle_of(60, TIMESYS=realised, MJD_MID=60000.5)
    assert found.value == pytest.approx(Time(60000.5, format="mjd", scale=scale).utc.mjd, abs=1e-9)
    assert found.doubts == ()


@pytest.mark.parametrize(
    ("comment", "scale"),
    [
        ("[TAI] start of exposure", "tai"),
        ("MJD (TT) of the middle", "tt"),
        ("TDB", "tdb"),
        ("UTC, not TAI", "utc"),
        ("[UTC] from GPS", "utc"),
        ("tt", "utc"),
        ("", "utc"),
    ],
)
def test_a_comment_may_name_the_time_scale(comment, scale):
    right = Time(60000.5, format="mjd", scale=scale).utc.mjd
    assert middle_of(0.002, MJD_AVG=(60000.5, comment)).value == pytest.approx(right, abs=1e-7)
    assert middle_of(0.002, DATE_OBS=("2023-02-25T12:00:00", comment)).value == pytest.approx(right, abs=1e-7)
    tdb = Time(60000.5, format="mjd", scale="tdb").utc.mjd
    assert middle_of(0.002, MJD_AVG=(60000.5, comment), TIMESYS="TDB").value == pytest.approx(tdb, abs=1e-7)


@pytest.mark.parametrize("keyword", ["MJD_OBS", "JD_OBS", "OBSJD"])
def test_half_a_day_from_the_date_loses_in_every_keyword_of_a_julian_date(keyword):
    found = middle_of(60, DATE_OBS="2023-02-25T11:59:30.0", **{keyword: 60001 - 30 / 86400})
    assert found.value == pytest.approx(60000.5, abs=1e-7)
    assert "half a day" in found.doubts[0].text


def test_local_time_is_said():
    assert "is local time" in middle_of(60, DATE_OBS=("2023-02-25T12:00:00", "local time of start")).doubts[0].text
    assert middle_of(60, DATE_OBS=("2023-02-25T12:00:00", "UT, not local")).doubts == ()


@pytest.mark.parametrize("cards", [{"MJD": 60000}, {"JD": 2460001}, {"MJD_OBS": "60000"}])
def test_a_day_is_no_time(cards):
    found = middle_of(60, **cards)
    assert math.isnan(found.value)
    assert "gives the day" in found.doubts[0].text
    assert middle_of(0.002, DATE_OBS="2023-02-25T12:00:00", **cards).value == pytest.approx(60000.5, abs=1e-7)


@pytest.mark.parametrize("date", ["2023-02-25", "2023-02-25T00:00:00.000"])
@pytest.mark.parametrize("clock", ["UT_TIME", "UT_START", "UTTIME", "UT_STR"])
def test_a_clock_beside_a_date_or_its_midnight(date, clock):
    assert middle_of(60, DATE_OBS=date, **{clock: "11:59:30"}).value == pytest.approx(60000.5, abs=1e-9)


def test_a_midnight_is_one_where_no_clock_says_more():
    assert middle_of(60, DATE_OBS="2023-02-25T00:00:00", UT="00:00:00").value == pytest.approx(60000 + 30 / 86400)
    assert middle_of(60, DATE_OBS="2023-02-25T00:00:00").value == pytest.approx(60000 + 30 / 86400)


def test_the_start_of_space_telescopes_is_an_mjd_and_that_of_others_a_clock():
    assert middle_of(60, EXPSTART=60000.5 - 30 / 86400).value == pytest.approx(60000.5, abs=1e-9)
    found = middle_of(60, DATE_OBS="2023-02-25", UT="11:59:30", EXPSTART="11:59:30.123")
    assert found.value == pytest.approx(60000.5, abs=1e-9)
    assert found.doubts == ()


def test_gps_is_19_seconds_behind_tai():
    assert middle_of(60, TIMESYS="GPS", MJD_MID=60000.5).value == pytest.approx(60000.5 - 18 / 86400, abs=1e-9)


@pytest.mark.parametrize("comment", ["Beijing time (UTC+8)", "start, UTC+08:00", "[GMT -7]"])
def test_a_zone_in_a_comment_is_said(comment):
    assert "is local time" in middle_of(60, DATE_OBS=("2023-02-25T12:00:00", comment)).doubts[0].text


@pytest.mark.parametrize("comment", ["UTC", "UTC+00:00", "UTC - 0.5 s", "UTC (TAI-37)"])
def test_utc_in_a_comment_is_no_zone(comment):
    assert middle_of(60, DATE_OBS=("2023-02-25T12:00:00", comment)).doubts == ()


def test_an_exposure_time_that_is_longer_than_the_exposure_is_not_used():
    """Some programs write milliseconds without a word."""
    found = middle_of(60000, DATE_OBS="2023-02-25T11:59:30.0", DATE_END="2023-02-25T12:00:30.0")
    assert found.value == pytest.approx(60000.5, abs=1e-9)
    assert "60 s apart, and an exposure time of 60000 s is longer than that" in found.doubts[0].text
    assert middle_of(60, DATE_OBS="2023-02-25T11:59:30", DATE_END="2023-02-25T12:00:29").doubts == ()
    same = middle_of(60, DATE_OBS="2023-02-25T11:59:30", DATE_END="2023-02-25T11:59:30")
    assert same.value == pytest.approx(60000.5, abs=1e-9)


@pytest.mark.parametrize("name", ["UTSTART", "TIME_OBS", "UT"])
@pytest.mark.parametrize(
    ("clock", "apart"), [("04:00:00.5", "8"), ("17:29:31", "5.5"), ("11:59:40", ""), ("13:10:00", "")]
)
def test_a_clock_of_another_time_zone_is_said(name, clock, apart):
    found = middle_of(0.002, DATE_OBS="2023-02-25T12:00:00", **{name: clock})
    assert found.value == pytest.approx(60000.5, abs=1e-7)
    said = [f"{apart} h apart, as local time and UTC are; DATE-OBS is used" in doubt.text for doubt in found.doubts]
    assert said == ([True] if apart else [])


@pytest.mark.parametrize(
    "cards",
    [
        {"DATE_UTC": "2023-02-25T12:00:00", "DATE_OBS": "2023-02-25T20:00:00"},
        {"DATE_UTC": "2023-02-25T12:00:00", "TIMESYS": "TAI"},
        {"UT_DATE": "2023-02-25", "UT_TIME": "12:00:00"},
        {"UTDATE": "2023-02-25", "UTC_TIME": "12:00:00", "TIMESYS": "TAI"},
        {"UTCSTART": "2023-02-25T12:00:00"},
        {"JD_UTC": 2460001.00001},
    ],
)
def test_utc_by_name(cards):
    assert middle_of(0.002, **cards).value == pytest.approx(60000.5, abs=2e-5)


def test_what_says_utc_is_utc_whatever_the_time_scale():
    assert middle_of(60, TIMESYS="TAI", DATE_AVG="2023-02-25T12:00:00Z").value == pytest.approx(60000.5, abs=1e-9)
    clock = middle_of(60, TIMESYS="TAI", DATE_OBS="2023-02-25", UTSTART=("12:00:00", "middle"))
    assert clock.value == pytest.approx(60000.5 + 30 / 86400, abs=1e-9)


def test_an_unknown_time_scale_is_said():
    found = middle_of(60, TIMESYS="LOCAL", MJD_MID=60000.5)
    assert found.value == 60000.5
    assert "TIMESYS = 'LOCAL'" in found.doubts[0].text


def test_a_rounded_mjd_loses_to_a_date_with_milliseconds():
    found = middle_of(60, MJD_OBS=58107.067, DATE_OBS="2017-12-19T18:36:12.404-0700")
    assert found.value == pytest.approx(58107.066810231 + 30 / 86400, abs=1e-8)
    assert found.origin == "DATE-OBS"
    assert found.doubts == ()


def test_a_precise_mjd_wins_over_a_date_in_whole_seconds():
    found = middle_of(60, MJD_OBS=60000.500004629, DATE_OBS="2023-02-25T12:00:00")
    assert found.origin == "MJD-OBS"


def test_digits_count_as_they_are_written():
    card = fits.Card.fromstring("MJD-OBS =       58107.06681000 / start")
    found = middle(fits.Header([card, ("DATE-OBS", "2017-12-20T01:36:12")]), 60.0)
    assert found.origin == "MJD-OBS"


def test_times_that_contradict_each_other_are_said():
    found = middle_of(60, MJD_OBS=60000.50001, DATE_OBS="2023-02-25T13:00:00")
    assert found.value == pytest.approx(60000.50001 + 30 / 86400)
    assert "MJD-OBS = 60000.50001 and DATE-OBS = '2023-02-25T13:00:00' differ by 3,599 s; MJD-OBS is used" in (
        found.doubts[0].text
    )


def test_a_julian_date_less_a_round_number_is_no_mjd():
    found = middle_of(60, MJD_OBS=60001.00001, DATE_OBS="2023-02-25T12:00:00")
    assert found.value == pytest.approx(60000.5 + 30 / 86400)
    assert "as a Julian date less 2,400,000 is" in found.doubts[0].text


def test_what_cannot_be_read_is_not_absent():
    for cards in ({"DATE_OBS": "tonight"}, {"DATE_OBS": "2023-13-45T00:00:00"}, {"MJD_OBS": -1.0}, {"MJD_OBS": True}):
        (doubt,) = middle_of(60, **cards).doubts
        keyword, value = next(iter(header(**cards).items()))
        assert keyword in doubt.text
        assert str(value) in doubt.text


def test_what_a_header_does_not_know_is_absent():
    assert middle_of(60, DATE_OBS="", MJD_OBS="N/A") == Found(math.nan) or middle_of(60, DATE_OBS="").doubts == ()


def test_a_start_without_an_exposure_time_is_said():
    assert "taken for the middle" in middle_of(math.nan, MJD_OBS=60000.5).doubts[0].text


SPELLINGS = (
    "{y:04}-{m:02}-{d:02}", "{y:04}/{m:02}/{d:02}", "{y:04}-{m}-{d}", "{y:04}.{m:02}.{d:02}", "{y:04}{m:02}{d:02}",
    "{d:02}-{month}-{y:04}", "{y:04} {month} {d}", "{d} {month} {y:04}",
)  # fmt: skip
CLOCKS = ("{H:02}:{M:02}:{S:02}.{ms:03}", "{H}:{M:02}:{S:02}.{ms:03}", "{H:02}:{M:02}:{S:02},{ms:03}",
          "{H:02} {M:02} {S:02}.{ms:03}", "{H:02}h{M:02}m{S:02}.{ms:03}s", "{H:02}{M:02}{S:02}.{ms:03}")  # fmt: skip


@given(
    st.datetimes(datetime(1980, 1, 1), datetime(2079, 12, 31)),
    st.sampled_from(SPELLINGS),
    st.sampled_from(CLOCKS),
    st.sampled_from(["T", " ", "  ", "t"]),
    st.sampled_from(["", "Z", " UTC", "+00:00", "-0700", "+05:30"]),
)
def test_dates_in_every_spelling(moment, spelling, clock, between, zone):
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    names = {"y": moment.year, "m": moment.month, "d": moment.day, "month": f"{moment:%b}", "H": moment.hour,
             "M": moment.minute, "S": moment.second, "ms": moment.microsecond // 1000}  # fmt: skip
    text = f"{spelling} {clock}".replace(" {H", f"{between}{{H").format(**names) + zone
    offsets = {"-0700": timedelta(hours=-7), "+05:30": timedelta(hours=5, minutes=30)}
    right = (moment.replace(tzinfo=UTC) - offsets.get(zone, timedelta(0)) - MJD_ZERO).total_seconds() / 86400
    assert middle_of(math.nan, DATE_OBS=text).value == pytest.approx(right, abs=2e-9)


def test_times_after_the_last_leap_second_that_is_known_are_warned_of() -> None:
    """No list of leap seconds is fetched, which astropy would do."""
    with warnings_kept() as known:
        assert to_utc(60_000.0, "tai") == pytest.approx(60_000 - 37 / 86_400, abs=1e-9)
        assert to_utc(90_000.0, "utc") == 90_000.0
    with warnings_kept() as later, warnings.catch_warnings():
        warnings.simplefilter("ignore", ErfaWarning)
        to_utc(90_000.0, "tai")
        to_utc(90_001.0, "tt")
    assert known == []
    assert len(later) == 1
    assert "leap seconds are known until 20" in later[0]
    assert "Install a newer astropy-iers-data" in later[0]
