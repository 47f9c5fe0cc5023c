"""Truth files in every format, written by hand from rows (designation, mjd, ra, dec, magnitude)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple


class Row(NamedTuple):
    """An observation of an object with a track name (up to 7 letters and digits)."""

    name: str
    mjd: float
    ra: float
    dec: float
    mag: float = 20.5


def moment(mjd: float) -> datetime:
    """Return a time as a datetime."""
    return datetime(1858, 11, 17) + timedelta(days=mjd)


def mpc80(row: Row, code: str = "950", *, packed: str = "", kind: str = "C", decimals: int = 6) -> str:
    """Return a line of 80 columns; right ascension to 0.01 s, declination to 0.1 arcsec."""
    day = moment(row.mjd)
    fraction = (row.mjd % 1) + 0.5 * 10.0**-decimals
    date = f"{day:%Y %m %d}{f'{fraction:.9f}'[1 : 2 + decimals]:7s}"
    hundredths = round(row.ra / 15 * 360_000) % 8_640_000
    ra = f"{hundredths // 360_000:02d} {hundredths // 6000 % 60:02d} {hundredths % 6000 / 100:05.2f} "
    tenths = round(abs(row.dec) * 36_000)
    dec = f"{'-' if row.dec < 0 else '+'}{tenths // 36_000:02d} {tenths // 600 % 60:02d} {tenths % 600 / 10:04.1f} "
    name = packed or f"     {row.name:7s}"
    return f"{name:12s}  {kind}{date}{ra}{dec}{'':9s}{row.mag:4.1f} V{'':6s}{code}"


def report(rows: Sequence[Row], **options: object) -> str:
    """Return a report in 80 columns with header lines."""
    lines = [
        "COD 950",
        "OBS A. Person",
        "MEA B. Person",
        "TEL 2.5-m f/3.3 reflector + CCD",
        "ACK field",
        "NET Gaia DR1",
    ]
    return "\n".join([*lines, *(mpc80(row, **options) for row in rows)]) + "\n"


PSV_HEAD = "#version=2017\n# observatory\n! mpcCode 950\n# observers\n! name A. Person\n"
PSV_COLUMNS = "trkSub |mode|stn |obsTime                 |ra        |dec       |astCat|mag  |band"


def time(mjd: float) -> str:
    """Return a time as ADES writes it."""
    return moment(mjd).isoformat(timespec="milliseconds") + "Z"


def psv_line(row: Row, code: str = "950") -> str:
    """Return a line of ADES PSV under `PSV_COLUMNS`."""
    return f"{row.name}|CCD|{code}|{time(row.mjd)}|{row.ra:.6f}|{row.dec:.6f}|Gaia1|{row.mag:.1f}|V"


def psv(rows: Sequence[Row], code: str = "950") -> str:
    """Return a file in ADES PSV."""
    return PSV_HEAD + "\n".join([PSV_COLUMNS, *(psv_line(row, code) for row in rows)]) + "\n"


def xml(rows: Sequence[Row], code: str = "950") -> str:
    """Return a file in ADES XML."""
    optical = "".join(
        f"<optical><trkSub>{row.name}</trkSub><mode>CCD</mode><stn>{code}</stn><obsTime>{time(row.mjd)}</obsTime>"
        f"<ra>{row.ra:.6f}</ra><dec>{row.dec:.6f}</dec><astCat>Gaia1</astCat><mag>{row.mag:.1f}</mag><band>V</band></optical>\n"
        for row in rows
    )
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<ades version="2017"><obsBlock><obsContext/><obsData>\n'
    return f"{head}{optical}</obsData></obsBlock></ades>\n"


def csv(rows: Sequence[Row]) -> str:
    """Return a table of ours."""
    lines = [f"{row.name},{row.mjd:.8f},{row.ra:.7f},{row.dec:.7f},{row.mag}" for row in rows]
    return "\n".join(["designation,mjd,ra,dec,magnitude", *lines]) + "\n"


FORMATS = {"mpc80": report, "psv": psv, "xml": xml, "csv": csv}
