"""When an exposure was taken, as its header says it: the middle of the exposure in UTC.

Source: FITS standard 4.0, section 9 (time coordinates); the spellings of dates are those that cameras write.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple

import erfa
from astropy.io import fits
from astropy.time import Time
from astropy.utils import iers

from ...console import warn_once
from .cards import Doubt, Found, note_of, raw_number, shown, word_of
from .dates import Clock, read_clock, read_date

PLAUSIBLE = (15_000.0, 120_000.0)
"""MJD of an exposure: from 1899 to 2187."""

JULIAN_DATE = 2_400_000.5
"""What is added to an MJD to make a Julian date."""

CONTRADICTION = 2.0
"""Seconds by which two statements of the time may differ, beside their own precision: shutters take time to open."""

_DAY_0 = date(1858, 11, 17).toordinal()
"""The day of MJD 0."""

ZONE, ZONE_WITHIN = 1_800, 60
"""Seconds; time zones are multiples of half an hour, and two cards of one moment are written within a minute."""

HALF_A_DAY = 43_200
"""Seconds; a Julian date begins at noon."""

SCALES = {
    **dict.fromkeys(("utc", "ut", "ut1", "gmt", "z", "zulu"), "utc"),
    **dict.fromkeys(("tai", "iat"), "tai"),
    **dict.fromkeys(("tt", "tdt", "et"), "tt"),
    **{name: name for name in ("tdb", "tcb", "tcg")},
    "gps": "gps",
}
"""Time scales by the value of TIMESYS, without their realisation, as in TT(TAI) and UTC(NIST). UT1, which is less than
0.9 s from UTC, is not told from it."""

_SCALE_WORDS = re.compile(r"\b(UTC?|UT1|GMT|TAI|TT|TDB|TCB|TCG)\b")
_LOCAL = re.compile(r"\b(?:local|beijing)\b", re.I)
_ZONE = re.compile(r"\b(?:UTC?|GMT)\s?[-+]\s?0?[1-9]")
"""How the comment of a card says in which scale its time is; GPS is where a UTC comes from."""

GPS_BEHIND_TAI = 19 / 86400
"""Days."""


class Statement(NamedTuple):
    """A keyword that states a time: whether of the start, the middle or the end of the exposure."""

    keyword: str
    of: str


def _statements(**keywords: str) -> tuple[Statement, ...]:
    return tuple(Statement(keyword, of) for of, names in keywords.items() for keyword in names.split())


NUMBERS = _statements(
    middle="MJD-MID MJD_MID MJDMID MJD-AVG MJD_AVG JD-MID JD_MID JDMID",
    start="MJD-OBS MJD_OBS MJDOBS OBSMJD MJD-BEG MJD-STR MJDSTART JD-OBS JD_OBS OBSJD JDSTART JD-BEG TAI EXPSTART",
    end="MJD-END MJD_END MJDEND JD-END EXPEND",
)
DATES = _statements(
    middle="DATE-AVG DATE-MID DATE_MID",
    start="DATE-UTC DATE_UTC DATE-OBS DATE_OBS DATEOBS DATE-BEG DATE_BEG SHUTOPEN UTSHUT",
    end="DATE-END DATE_END",
)
PLAIN = _statements(
    start="MJD-UTC MJD_UTC JD-UTC JD_UTC MJD JD UTDATE UT-DATE UT_DATE UTCDATE UTC-DATE UTC_DATE UTCSTART"
)
"""Used where nothing else is there: in some headers they are of the end of the exposure, or of the file."""

CLOCKS = (
    *("UTSTART", "UTC-OBS", "UT-OBS", "UTC_OBS", "UT_OBS", "TIME-OBS", "TIME_OBS", "UTOBS", "UTCOBS"),
    *("UT", "UTC", "TIME-BEG", "UT-START", "TM-START", "UT-TIME", "UT_TIME", "UTTIME", "UT_START", "UT-STR", "UTC-STR"),
    *("UTC-TIME", "UTC_TIME", "UTCTIME", "UTCSTART"),
    "TAIHMS",
)
"""Keywords with the time of day, where the one with the date has no time; of the start of the exposure."""

SHUTTERS = ("SHUTOPEN", "UTSHUT")
"""Keywords of dates that are how long a shutter took where they are numbers."""

_ORDER = ("middle", "start", "end")
_PARTS = {
    "middle": re.compile(
        r"\bmid(?:dle|[- ]?point|[- ]?exp\w*|[- ]?time|[- ]?obs\w*|\b)|\bmean\b|\baverage|\bcent(re|er|ral)\b", re.I
    ),
    "end": re.compile(r"\bend\b|\bfinish|\bstopp?(ed)?\b|\bclosed?\b", re.I),
    "start": re.compile(r"\bstart|\bbegin|\bbegan\b|\bopen", re.I),
}
"""How the comment of a card says which moment it is."""


class Moment(NamedTuple):
    """A time that a header states.

    Attributes
    ----------
    mjd : float
        UTC.
    precision : float
        The value of its last digit, s.
    of : str
        "start", "middle" or "end" of the exposure.
    origin : str
        Its keyword, or keywords.
    """

    mjd: float
    precision: float
    of: str
    origin: str


def middle(header: fits.Header, exposure: float, also: Sequence[str] = ()) -> Found[float]:
    """Return the middle of an exposure, MJD (UTC), NaN where the header does not say.

    Of several statements that agree, the most precise is used: an MJD of three decimals loses to a date with
    milliseconds. Of those that contradict each other the first is used, and that is said: a middle before a start, a
    number before a date. An end is used where no start is known.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Of the image.
    exposure : float
        Exposure time, s; NaN where it is not known.
    also : sequence of str
        Keywords that a camera uses, tried before the others; numbers or dates.
    """
    doubts: list[Doubt] = []
    moments = sorted(_moments(header, also, doubts), key=lambda moment: _ORDER.index(moment.of))
    if not moments:
        return Found(math.nan, "", tuple(doubts))
    half = exposure / 2 / 86400 if exposure > 0 else math.nan
    if (span := _span(moments)) is not None and (math.isnan(half) or 0 < span[2] < exposure / 1.5 - CONTRADICTION):
        if half > 0:
            text = f"{span[1]} are {span[2]:,.0f} s apart, and an exposure time of {exposure:g} s is longer than that"
            doubts.append(Doubt(span[1], f"{text}; the middle between them is used"))
        return Found(*span[:2], tuple(doubts))
    if math.isnan(half) and moments[0].of != "middle":
        text = f"{moments[0].origin} is the {moments[0].of} of an exposure whose length is not known; it is taken for "
        doubts.append(Doubt(moments[0].origin, text + "the middle"))
    half = 0.0 if math.isnan(half) else half
    sign = {"middle": 0.0, "start": half, "end": -half}
    middles = [moment._replace(mjd=moment.mjd + sign[moment.of]) for moment in moments]
    first = middles[0]
    for other in middles[1:]:
        apart = abs(other.mjd - first.mjd) * 86400
        if apart <= max(first.precision, other.precision):
            first = other if other.precision < first.precision else first
        elif "JD" in first.origin and abs(apart - HALF_A_DAY) <= first.precision + other.precision + CONTRADICTION:
            text = (
                f"{shown(header, first.origin)} is half a day from {shown(header, other.origin)}, as a Julian date less"
            )
            doubts.append(
                Doubt(first.origin, f"{text} 2,400,000 is, which some programs write; {other.origin} is used")
            )
            first = other
        elif other.of != "end" and apart > first.precision + other.precision + CONTRADICTION:
            text = f"{shown(header, first.origin)} and {shown(header, other.origin)} differ by {apart:,.0f} s"
            doubts.append(Doubt(other.origin, f"{text}; {first.origin} is used"))
    if span is not None and span[2] > 1.5 * exposure + 60:
        text = f"{span[1]} are {span[2]:,.0f} s apart and the exposure time is {exposure:g} s; if this is a stack, the"
        doubts.append(Doubt(span[1], f"{text} middle is not known. It is taken for one exposure from the start on"))
    return Found(first.mjd, first.origin + _of_other_part(first), tuple(doubts))


def _of_other_part(moment: Moment) -> str:
    return "" if moment.of == "start" else f" ({moment.of})"


def _span(moments: Sequence[Moment]) -> tuple[float, str, float] | None:
    """Return the middle between a start and an end that are both stated, their keywords, and the seconds between."""
    of = {moment.of: moment for moment in reversed(moments)}
    if "middle" in of or not {"start", "end"} <= set(of) or not 0 <= of["end"].mjd - of["start"].mjd < 1:
        return None
    seconds = (of["end"].mjd - of["start"].mjd) * 86400
    return (of["start"].mjd + of["end"].mjd) / 2, f"{of['start'].origin}, {of['end'].origin}", seconds


def _moments(header: fits.Header, also: Sequence[str], doubts: list[Doubt]) -> Iterator[Moment]:
    scale = _scale(header, doubts)
    own = [Statement(keyword, "start") for keyword in also]
    known = (*own, *(each for of in _ORDER for table in (NUMBERS, DATES) for each in table if each.of == of), *PLAIN)
    dates = {each.keyword for each in DATES}
    found_any = False
    for statement in known:
        if not word_of(header, statement.keyword) or (statement in PLAIN and found_any):
            continue
        if statement.keyword in SHUTTERS and not isinstance(header[statement.keyword], str):
            continue  # how long the shutter took
        if statement in NUMBERS and read_clock(word_of(header, statement.keyword)) is not None:
            continue  # EXPSTART of some telescopes is a time of day
        # A camera's own keyword may hold either, and "2019-10-27T01:02:03" begins with a number.
        dated = statement.keyword in dates or read_date(word_of(header, statement.keyword)) is not None
        says_utc = statement.keyword.startswith("UT") or statement.keyword.endswith("UTC")
        here = "utc" if says_utc else scale or _scale_of_card(header, statement.keyword, doubts)
        by_number = not dated and not math.isnan(raw_number(header, statement.keyword)[0])
        found = (_by_number if by_number else _by_date)(header, statement.keyword, here)
        if isinstance(found, Doubt):
            doubts.append(found)
            continue
        mjd, precision, origin, note = found
        if note:
            doubts.append(note)
        found_any = True
        yield Moment(mjd, precision, _part(header, statement), origin)


def _part(header: fits.Header, statement: Statement) -> str:
    """Return which moment of the exposure a card states: as its comment says it where it names one, else as usual."""
    comment = note_of(header, statement.keyword)
    named = [part for part, pattern in _PARTS.items() if pattern.search(comment)]
    return named[0] if len(named) == 1 else statement.of


Stated = tuple[float, float, str, Doubt | None]
"""MJD (UTC), precision (s), keywords, and what is odd about it."""


def _by_number(header: fits.Header, keyword: str, scale: str) -> Stated | Doubt:
    value, precision = raw_number(header, keyword)
    note = None
    if keyword == "TAI":  # SDSS: seconds since MJD 0
        value, precision, scale = value / 86400, precision / 86400, "tai"
    if PLAUSIBLE[0] < value - JULIAN_DATE < PLAUSIBLE[1]:
        value -= JULIAN_DATE
        if "MJD" in keyword:
            note = Doubt(keyword, f"{shown(header, keyword)} is a Julian date, not an MJD, and read as one")
    if not PLAUSIBLE[0] < value < PLAUSIBLE[1]:
        return Doubt(keyword, f"{shown(header, keyword)} is no time ({PLAUSIBLE[0]:.0f} to {PLAUSIBLE[1]:.0f})")
    if precision >= 1:
        return Doubt(keyword, f"{shown(header, keyword)} gives the day and no time of day")
    return to_utc(value, scale), precision * 86400, keyword, note


def _by_date(header: fits.Header, keyword: str, scale: str) -> Stated | Doubt:
    text = word_of(header, keyword)
    found = read_date(text)
    if found is None:
        expected = "a date as in 2019-10-27T01:02:03.4"
        return Doubt(keyword, f"{shown(header, keyword)} cannot be read; expected {expected}")
    note = Doubt(keyword, f"{shown(header, keyword)} is read as {found.day.isoformat()}") if found.doubtful else None
    if found.clock is not None and not (found.clock.seconds == 0 and _clock_beside_midnight(header)):
        note = note or _other_zone(header, keyword, found.clock)
        return _utc(found.day, found.clock, scale), found.clock.precision, keyword, note
    for name in CLOCKS:
        if not word_of(header, name):
            continue
        clock = _clock_of_card(header, name)
        if clock is None:
            return Doubt(name, f"{shown(header, name)} cannot be read; expected a time as in 01:02:03.4")
        scale_of_clock = "utc" if name.startswith("UT") else scale
        return _utc(found.day, clock, scale_of_clock), clock.precision, f"{keyword}, {name}", note
    return Doubt(keyword, f"{shown(header, keyword)} has no time of day, and no {', '.join(CLOCKS[:6])} … is there")


def _other_zone(header: fits.Header, keyword: str, clock: Clock) -> Doubt | None:
    """Return a doubt where a card with the time of day is whole half-hours from a date: one may be local time."""
    name = next((name for name in CLOCKS if name != keyword and word_of(header, name)), "")
    other = _clock_of_card(header, name) if name else None
    if other is None or clock.offset is not None or other.offset is not None:
        return None
    zones, rest = divmod(abs(clock.seconds - other.seconds) + ZONE_WITHIN, ZONE)
    if not zones or rest > 2 * ZONE_WITHIN:
        return None
    text = (
        f"{shown(header, f'{keyword}, {name}')} are {zones / 2:g} h apart, as local time and UTC are; {keyword} is used"
    )
    return Doubt(name, text)


def _clock_beside_midnight(header: fits.Header) -> bool:
    """Tell whether another card has the time of day: some programs write a date as its midnight."""
    name = next((name for name in CLOCKS if word_of(header, name)), "")
    clock = _clock_of_card(header, name) if name else None
    return clock is not None and clock.seconds > 0


def _scale_of_card(header: fits.Header, keyword: str, doubts: list[Doubt]) -> str:
    """Return the time scale that the comment of a card names, UTC where it names none, or several."""
    comment = note_of(header, keyword)
    named = {SCALES[word.lower()] for word in _SCALE_WORDS.findall(comment)}
    if _ZONE.search(comment) or (not named and _LOCAL.search(comment)):
        text = f"{shown(header, keyword)} is local time, as its comment says ({comment:.60}); it is taken for UTC"
        doubts.append(Doubt(keyword, text))
    return named.pop() if len(named) == 1 else "utc"


def _scale(header: fits.Header, doubts: list[Doubt]) -> str:
    """Return the time scale that TIMESYS says, empty where it is not there."""
    text = word_of(header, "TIMESYS")
    name = text.partition("(")[0].strip().lower()
    if text and name not in SCALES:
        doubts.append(Doubt("TIMESYS", f"{shown(header, 'TIMESYS')} is no time scale that is known; UTC is assumed"))
    return SCALES.get(name, "utc") if text else ""


def to_utc(mjd: float, scale: str) -> float:
    """Return an MJD of a time scale, one of the values of `SCALES`, as MJD (UTC)."""
    if scale == "utc":
        return mjd
    if scale == "gps":
        mjd, scale = mjd + GPS_BEHIND_TAI, "tai"
    # Leap seconds come with astropy-iers-data; a newer list, which astropy would download, is not fetched.
    with iers.conf.set_temp("auto_download", False), warnings.catch_warnings():
        warnings.simplefilter("ignore", iers.IERSStaleWarning)
        utc = Time(mjd, format="mjd", scale=scale).utc
    known = erfa.leap_seconds.expires
    if utc.mjd > known.toordinal() - _DAY_0:
        warn_once(
            "leap seconds",
            f"leap seconds are known until {known:%Y-%m-%d}: later times in {scale.upper()} may be a second off. "
            "Install a newer astropy-iers-data",
        )
    return float(utc.mjd)


def _utc(day: date, clock: Clock, scale: str) -> float:
    mjd = day.toordinal() - _DAY_0 + (clock.seconds - (clock.offset or 0.0)) / 86400
    return mjd if clock.offset is not None else to_utc(mjd, scale)


def _clock_of_card(header: fits.Header, keyword: str) -> Clock | None:
    """Read a card with a time of day: text, or a number of hours or seconds where its comment says which."""
    text = word_of(header, keyword)
    dated = read_date(text)
    if dated is not None and dated.clock is not None:  # a whole date in the card of the time
        return dated.clock
    if (clock := read_clock(text)) is not None:
        return clock
    value, precision = raw_number(header, keyword)
    comment = note_of(header, keyword)
    if 24 <= value < 86401 or (0 <= value < 86401 and re.search(r"\bs(ec|\b)", comment, re.I)):
        return Clock(value, precision)
    if 0 <= value < 24 and re.search(r"\bh(ou)?rs?\b|\bh\b", comment, re.I):
        return Clock(value * 3600, precision * 3600)
    return None
