"""Which asteroids are known in some frames, asked of the SkyBoT service (IMCCE), for those who have no truth file.

Berthier et al. (2006), ASPC 351, 367; https://ssp.imcce.fr/webservices/skybot/. Needs a network and astroquery.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack

from ..catalogues.fields import survey_fields
from ..console import say, warn_once, warnings_kept
from ..errors import CeresFastError, InputError, OnError
from ..frames.camera import GENERIC, Camera
from ..frames.exposures import group_exposures
from ..frames.info import FrameInfo
from ..frames.reading import read_header
from ..frames.sky import to_sky
from ..machine.network import announce
from . import observatories
from .core import read_truth, write_truth
from .found import code

SERVICE = "https://ssp.imcce.fr/webservices/skybot/"

CERTAIN = 1.0
"""An asteroid whose predicted place is less certain than this (arcsec) is known, but not validated."""

SKYBOT = Path("skybot")
"""What stands for a truth file where SkyBoT is to be asked."""

MARGIN = 0.02
"""The cone is this much (deg) larger than the frame: asteroids at the edge, and what the pointing is off."""

NOT_VALIDATED = ("Comet", "Planet", "Satellite")
"""How the classes begin of what is known and no asteroid."""

OBSERVER = "observer"
"""The parameter of an answer that holds the code of the observatory, and what the service is asked with."""

STEP = 1.0
"""Hours between predictions for a field; between them places are interpolated."""


def skybot_file(
    folders: Sequence[Path],
    observatory: str | None,
    path: Path,
    *,
    on_error: OnError = "stop",
    camera: Camera = GENERIC,
) -> Path:
    """Return `path`, the truth table of the frames in folders that SkyBoT gave, or now gives.

    Frames that cannot be read are errors, or passed over with ``on_error="skip"``. Raises as `truth_from_skybot`.
    """
    if observatory is None:
        raise CeresFastError("SkyBoT must know who looks. Pass --observatory CODE, the MPC code of the observatory.")
    if not path.exists():
        with warnings_kept():  # what is odd about the frames is said when they are used
            fields, _ = survey_fields(folders, on_error=on_error, camera=camera)
        truth_from_skybot([info for infos in fields for info in infos], observatory, path)
    say(f"known asteroids: {path}, as SkyBoT gave them; delete it to ask again")
    return path


def truth_from_skybot(infos: Sequence[FrameInfo], observatory: str, path: Path) -> Table:
    """Ask SkyBoT which asteroids are in some frames, and keep the answer as a truth table.

    A prediction is no observation. An asteroid whose place is known to `CERTAIN` is taken as validated: to become an
    "asteroid", a detection must still be at that place in `Rules.track_exposures` exposures, move, and be as bright
    as predicted. All others, comets and planets are known only: detections near them are set aside.

    Parameters
    ----------
    infos : sequence of FrameInfo
        The frames. Per field, CCD and night SkyBoT is asked for the first, the last, and one exposure an hour.
    observatory : str
        Code of the observatory that took them.
    path : pathlib.Path
        CSV file for the answer. Where it is there already, it is read and nothing is asked.

    Returns
    -------
    astropy.table.Table
        As `read_truth` returns it.

    Raises
    ------
    CeresFastError
        When the observatory is not known, a frame has no coordinates or no time, the service cannot be reached, or it
        knows nothing in the frames. Nothing is written then.
    """
    if not path.exists():
        if not observatories.exists(observatory):
            raise CeresFastError(
                f"SkyBoT cannot look from {observatories.describe(observatory)}. Pass --observatory CODE."
            )
        asked = list(_asked(infos))
        what = f"which asteroids are known, for {len(asked)} exposures (it gets their places, times and observatory)"
        announce(what, SERVICE, "Pass --truth FILE.")
        tables = [query_skybot(*cone(info), info.mjd, observatory) for info in asked]
        if not sum(map(len, tables)):
            raise CeresFastError("SkyBoT knows no asteroid in these frames. Check their coordinates and times.")
        write_truth(vstack([table for table in tables if len(table)]), path)
    return read_truth(path, observatory=observatory)


def query_skybot(centre: tuple[float, float], radius: float, mjd: float, observatory: str) -> Table:
    """Ask SkyBoT what is in a cone.

    Parameters
    ----------
    centre : tuple of float
        ra, dec, deg, J2000.
    radius : float
        deg.
    mjd : float
        MJD (UTC).
    observatory : str
        Code of the observatory.

    Returns
    -------
    astropy.table.Table
        Columns of a truth table, and ``uncertainty`` (arcsec).

    Raises
    ------
    CeresFastError
        When astroquery is missing, the service cannot be reached or answers something else, or its answer is for
        another observatory than the one asked for.
    """
    try:
        from astroquery.imcce import Skybot, conf
    except ImportError as error:
        raise CeresFastError("asking SkyBoT needs astroquery. Install ceres-fast[skybot].") from error
    from astropy import units
    from astropy.coordinates import SkyCoord
    from astropy.time import Time

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # astroquery warns of an empty cone, and of columns that it converts
            asked = Skybot.cone_search(
                SkyCoord(*centre, unit="deg"), radius * units.deg, Time(mjd, format="mjd"), get_query_payload=True
            )
            # astroquery names the observatory "-loc" (its issue 3515). The service does not know that, and answers,
            # without a word, with places seen from the centre of the Earth.
            asked = {key: value for key, value in asked.items() if key != "-loc"} | {"-observer": observatory}
            answer = Skybot._request("GET", conf.skybot_server, params=asked, timeout=conf.timeout, cache=False)
            answer.raise_for_status()
            found = Skybot._parse_result(answer)
            if len(found):
                _check_observer(answer.content, observatory)
        return from_skybot(found, mjd, observatory)
    except (OSError, ValueError, TypeError, KeyError, SyntaxError, IndexError) as error:  # requests' are OSErrors
        reason = (str(error) or type(error).__name__).strip().splitlines()[0][:200]
        raise CeresFastError(
            f"SkyBoT could not be asked ({reason}). Try again where there is a network, or name a file in its place."
        ) from error


def _check_observer(answer: bytes, observatory: str) -> None:
    """Raise CeresFastError when an answer says that it is for another observatory; warn when it does not say it."""
    from astropy.io.votable import parse

    values = [
        str(parameter.value).strip()
        for resource in parse(BytesIO(answer), verify="ignore").resources
        for parameter in (*resource.params, *(param for table in resource.tables for param in table.params))
        if OBSERVER in (str(parameter.name).lower(), str(parameter.ID).lower())
    ]
    if not values:
        warn_once(
            "SkyBoT without observer",
            "SkyBoT's answer does not say for which observatory it is. Seen from elsewhere, an asteroid is some arcsec "
            "away: look whether build-records finds the asteroids where they are expected",
        )
    elif other := next((value for value in values if code(value) != code(observatory)), None):
        raise CeresFastError(
            f"SkyBoT was asked what {observatories.describe(observatory)} sees, and answered for the observatory "
            f"{observatories.describe(other)}: places of asteroids are some arcsec off. Pass --truth FILE with "
            "observed places, or with those of another service."
        )


def from_skybot(found: Table, mjd: float, observatory: str) -> Table:
    """Return SkyBoT's answer as columns of a truth table; it has the columns that astroquery documents."""
    if len(found) == 0:
        return Table()
    right, north = _values(found, "RA_rate", "arcsec/h") / 60, _values(found, "DEC_rate", "arcsec/h") / 60
    uncertainty = _values(found, "posunc", "arcsec")
    other = np.array([str(kind).startswith(NOT_VALIDATED) for kind in found["Type"]], bool)
    number = np.ma.filled(np.ma.asarray(found["Number"]), 0).astype(int)
    columns = {
        "designation": [str(n) if n > 0 else str(name).strip() for n, name in zip(number, found["Name"], strict=True)],
        "mjd": np.full(len(found), mjd),
        "ra": _values(found, "RA", "deg"),
        "dec": _values(found, "DEC", "deg"),
        "magnitude": _values(found, "V", "mag"),
        "rate": np.hypot(right, north),
        "position_angle": np.degrees(np.arctan2(right, north)) % 360,
        "validated": ((uncertainty <= CERTAIN) & ~other).astype(int),
        "observatory": np.full(len(found), observatory),
        "uncertainty": uncertainty,
    }
    return Table(columns)


def cone(info: FrameInfo) -> tuple[tuple[float, float], float]:
    """Return centre (deg) and radius (deg) of a cone around a frame.

    Raises
    ------
    InputError
        When the frame has no coordinates or no time.
    """
    wcs = read_header(info.path, info.hdu, info.camera).wcs
    if wcs is None or math.isnan(info.mjd):
        why = info.in_brackets("centre" if wcs is None else "mjd")
        problem = f"has no {'coordinates' if wcs is None else 'time'}{why}"
        raise InputError(info.path, problem, expected="a WCS and MJD-OBS or DATE-OBS")
    ny, nx = info.shape
    ra, dec = to_sky(wcs, (nx + 1) / 2, (ny + 1) / 2)
    return (float(ra), float(dec)), math.hypot(nx, ny) / 2 * info.pixel_scale / 3600 + MARGIN


def _asked(infos: Sequence[FrameInfo]) -> Iterator[FrameInfo]:
    """Yield the exposures to ask for: of each field, CCD and night the first, the last, and one every `STEP`."""
    with warnings_kept():  # which were said when the frames were listed
        groups = group_exposures(infos, lambda *_: None)
    for group in groups:
        last = -math.inf
        for info in group:
            if (info.mjd - last) * 24 >= STEP or info is group[-1] or math.isnan(info.mjd):
                last = info.mjd
                yield info


def _values(found: Table, name: str, unit: str) -> np.ndarray:
    from astropy import units

    column = found[name]
    column = column.filled(np.nan) if hasattr(column, "filled") else column
    return np.asarray(units.Quantity(column, unit).value, float)
