"""Which tracklets of a night are known objects: asked of SkyBoT where that is wanted, or read from a table."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from astropy.coordinates import angular_separation, position_angle
from astropy.table import Table, vstack

from ..console import warn
from ..errors import CeresFastError, InputError
from ..file_names import fitting, written
from ..files import atomic_file
from ..frames.info import FrameInfo
from ..machine.network import announce
from ..selection.rules import Rules
from ..selection.tracks import ARCSEC, known_at
from ..truth import observatories
from ..truth.core import read_truth
from ..truth.skybot import MARGIN, SERVICE, SKYBOT, STEP, query_skybot
from .detections import Night

OFFSET = 10.0
"""A tracklet this near to where an object is predicted (arcsec, mean of its detections) may be it: orbits are not that
well known."""

DRIFT = 2.0
"""Over all of a tracklet the offset may change by this much (arcsec). An orbit that is somewhat wrong shifts an object;
it does not change how it moves within an hour."""


class Motion(NamedTuple):
    """How something moves: arcsec/min, and deg from north through east; NaN where that cannot be told."""

    rate: float
    position_angle: float


class Asked(NamedTuple):
    """What is asked of SkyBoT for a field: centre and radius (deg), times (MJD) and observatory."""

    ra: float
    dec: float
    radius: float
    epochs: tuple[float, ...]
    observatory: str


class Source(Protocol):
    """Where known objects come from."""

    name: str

    def objects(self, field: str, rows: Table) -> Table | None:
        """Return places of objects, as `read_truth`, for the detections of a field; None where there are none."""


def known_of(night: Night, source: Path | None, cache: Path, *, observatory: str | None = None) -> Table:
    """Tell which tracklets are known objects.

    An object is where it is predicted, in each exposure with a detection of the tracklet, give or take `OFFSET` and
    `DRIFT`: the offset must be nearly the same in all of them, so that the object moves as the tracklet does. Of
    several, the nearest is taken. How bright it is decides nothing.

    Parameters
    ----------
    night : Night
    source : pathlib.Path or None
        `truth.skybot.SKYBOT`: the service is asked, with the place, times and observatory of each field. Else a file
        that `truth.core.read_truth` reads, with places of objects around the times of the exposures: two of each, or
        one and its motion. None: nothing is looked up, and nothing is sent.
    cache : pathlib.Path
        Folder for the answers of the service, a file for each field: a field that has its answer is not asked for
        again, unless its place or times are others.
    observatory : str, optional
        MPC code of who took the frames, where the headers do not say it.

    Returns
    -------
    astropy.table.Table
        A row for each tracklet, in the order of their names. ``tracklet``; ``name`` of the object, empty where there
        is none; ``separation`` (arcsec, of the mean offset) and ``rate_difference`` (arcsec/min, length of the
        difference of both motions); ``magnitude`` as predicted; ``source``: "SkyBoT" or the name of the file, empty
        where the tracklet was not looked up (no source, no answer, no predictions around its time, or fewer than two
        times). Only with a source and no name is it new.

    Raises
    ------
    CeresFastError
        When the file or a kept answer cannot be read, or SkyBoT is to be asked and it is not known for whom. When it
        does not answer, that is a warning, and its fields are not looked up.
    """
    detections = night.detections
    tracklet = np.asarray(detections["tracklet"], str)
    found = {name: _Match() for name in np.unique(tracklet[tracklet != ""]).tolist()}
    if source is not None and found:
        told: Source = _Skybot(cache, observatory) if source == SKYBOT else _File(source, observatory)
        fields = np.asarray(detections["field"], str)
        usable = np.isfinite([np.asarray(detections[name], float) for name in ("mjd", "ra", "dec")]).all(axis=0)
        for field in np.unique(fields[(tracklet != "") & usable]).tolist():
            rows = detections[(fields == field) & usable]
            objects = told.objects(field, rows)
            if objects is not None:
                found |= _matches(rows, objects, told.name)
    columns = zip(*found.values(), strict=True) if found else [[]] * len(_Match._fields)
    table = Table({"tracklet": np.array(list(found), str)})
    for name, kind, unit, values in zip(_Match._fields, "UdddU", _UNITS, columns, strict=True):
        table[name] = np.array(values, str if kind == "U" else float)
        table[name].unit = unit
    return table


def motion_of(mjd: np.ndarray, ra: np.ndarray, dec: np.ndarray) -> Motion:
    """Return the motion that fits places (deg) at some times (MJD) best, by least squares; arrays of shape (n,).

    Places and times that are not known are passed over; with fewer than two times there is no motion.
    """
    good = np.isfinite(np.array([mjd, ra, dec], float)).all(axis=0)
    mjd, ra, dec = (np.asarray(each, float)[good] for each in (mjd, ra, dec))
    if not len(mjd) or np.ptp(mjd) == 0:
        return Motion(math.nan, math.nan)
    east, north = _slope(mjd, np.array(_offsets(ra[0], dec[0], ra, dec)))
    return Motion(float(np.hypot(east, north)), float(np.degrees(np.arctan2(east, north)) % 360))


class _Match(NamedTuple):
    """What is said of a tracklet: the columns of `known_of` but the first."""

    name: str = ""
    separation: float = math.nan
    rate_difference: float = math.nan
    magnitude: float = math.nan
    source: str = ""


_UNITS = (None, "arcsec", "arcsec / min", "mag", None)


def _matches(rows: Table, objects: Table, source: str) -> dict[str, _Match]:
    """Return what is known of the tracklets of a field; rows are its detections, all of them with place and time."""
    linked = rows[np.asarray(rows["tracklet"], str) != ""]
    times = np.unique(linked["mjd"])
    names, ra, dec, magnitude = _places(objects, times, rows)
    found = {}
    for own in linked.group_by("tracklet").groups:
        mjd, epochs = np.asarray(own["mjd"], float), np.searchsorted(times, own["mjd"])
        tracklet = str(own["tracklet"][0])
        if np.ptp(mjd) == 0:
            continue
        found[tracklet] = _Match(source=source)
        near = np.flatnonzero(np.abs(dec[:, epochs[0]] - own["dec"][0]) * 3600 <= OFFSET + DRIFT)
        offsets = _offsets(own["ra"], own["dec"], ra[near][:, epochs], dec[near][:, epochs])
        separation, difference = (
            np.hypot(*each)
            for each in ([each.mean(axis=1) for each in offsets], [_slope(mjd, each) for each in offsets])
        )
        fits = (separation <= OFFSET) & (difference * np.ptp(mjd) * 1440 <= DRIFT)
        if fits.any():
            best = int(np.where(fits, separation, np.inf).argmin())
            bright = magnitude[near[best]][epochs]
            bright = float(bright[np.isfinite(bright)].mean()) if np.isfinite(bright).any() else math.nan
            name = str(names[near[best]])
            found[tracklet] = _Match(name, float(separation[best]), float(difference[best]), bright, source)
    return found


def _places(objects: Table, times: np.ndarray, rows: Table) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return names of objects (n,), and their ra, dec (deg) and magnitudes at some times, (n, times) each, or NaN."""
    names = np.unique(np.asarray(objects["designation"], str))
    places = np.full((3, len(names), len(times)), np.nan)
    for number, mjd in enumerate(times.tolist()):
        exposure = float(rows["exposure"][np.argmax(rows["mjd"] == mjd)])
        there = known_at(objects, FrameInfo(Path(), "", mjd=mjd, exposure=exposure), Rules())
        places[:, np.searchsorted(names, there["designation"]), number] = [
            there[name] for name in ("ra", "dec", "magnitude")
        ]
    return names, *places


def _offsets(ra0: np.ndarray, dec0: np.ndarray, ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how far places (deg) are east and north of others, arcsec."""
    angles = [np.radians(np.asarray(each, float)) for each in (ra0, dec0, ra, dec)]
    distance, angle = angular_separation(*angles) / ARCSEC, position_angle(*angles).to_value("rad")
    return distance * np.sin(angle), distance * np.cos(angle)


def _slope(mjd: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return how fast values (..., n) change with time (n,), per min, by least squares."""
    minutes = (mjd - mjd.mean()) * 1440
    return (values * minutes).sum(axis=-1) / (minutes**2).sum()


class _File:
    """A table of places."""

    def __init__(self, path: Path, observatory: str | None) -> None:
        self.name = written(path.name)
        self.table = read_truth(path, observatory=observatory)

    def objects(self, field: str, rows: Table) -> Table | None:
        """Return the places of the hours around a field."""
        hours = Rules().track_hours
        lowest, highest = float(rows["mjd"].min()) - hours / 24, float(rows["mjd"].max()) + hours / 24
        near = self.table[slice(*np.searchsorted(self.table["mjd"], [lowest, highest]))]
        if len(near):
            self._say_still(field, near, hours)
            return near
        warn(f"{field}: {self.name} has no object within {hours:g} hours of it; its tracklets are not looked up")
        return None

    def _say_still(self, field: str, near: Table, hours: float) -> None:
        """Warn of objects that are there once, with no motion: where they are at other times is not known."""
        names, first, number = np.unique(near["designation"], return_index=True, return_counts=True)
        known = np.isfinite([np.asarray(near[name], float)[first] for name in ("rate", "position_angle")]).all(axis=0)
        if still := names[(number == 1) & ~known].tolist():
            warn(
                f"{field}: {self.name} has one place within {hours:g} hours, and no motion (rate, position_angle), of "
                f"{len(still)} objects ({', '.join(map(written, still[:3]))}); no tracklet is told to be one of them"
            )


class _Skybot:
    """The service, and its answers."""

    name = "SkyBoT"

    def __init__(self, cache: Path, observatory: str | None) -> None:
        self.cache, self.observatory = cache, observatory
        self.announced = self.silent = False

    def objects(self, field: str, rows: Table) -> Table | None:
        """Return what SkyBoT says of a field, or has said."""
        stem = "".join(letter if letter.isalnum() else "_" for letter in field)
        path = self.cache / fitting(f"{stem}-{hashlib.sha256(field.encode()).hexdigest()[:8]}", ".ecsv")
        asked = _asked(field, rows, self.observatory)
        answer = _kept(path, asked)
        if answer is None and not self.silent:
            try:
                answer = self._answer(asked)
            except CeresFastError as error:
                # It is not tried again: each time-out is a minute, and a night has many fields.
                self.silent = True
                warn(f"{error} Until then the tracklets of {field} and of what follows are not looked up")
                return None
            answer.meta = {"asked": json.dumps(asked)}
            with atomic_file(path) as temporary:
                answer.write(temporary, format="ascii.ecsv", overwrite=True)
        return answer

    def _answer(self, asked: Asked) -> Table:
        if not self.announced:
            what = "which objects are known in the fields of a night (it gets their places, times and observatory)"
            announce(what, SERVICE, "Leave out --known, or give it a table.")
            self.announced = True
        answers = [query_skybot((asked.ra, asked.dec), asked.radius, mjd, asked.observatory) for mjd in asked.epochs]
        return vstack([_NOTHING, *(each for each in answers if len(each))])


_NOTHING = Table({"designation": np.array([], str), "validated": np.array([], int)} | {
    name: np.array([], float) for name in ("mjd", "ra", "dec", "magnitude", "rate", "position_angle")
})  # fmt: skip
"""What an empty sky holds."""


def _kept(path: Path, asked: Asked) -> Table | None:
    """Return the answer in a file, where there is one to this question."""
    if not path.exists():
        return None
    try:
        table = Table.read(path, format="ascii.ecsv")
        same = json.loads(table.meta["asked"]) == json.loads(json.dumps(asked))
        table = table[np.argsort(np.asarray(table["mjd"], float), kind="stable")]
    except (ValueError, TypeError, KeyError, OSError) as error:
        expected = "an answer of SkyBoT, as it was kept"
        raise InputError(path, f"cannot be read ({error})", expected=expected, action="delete it") from error
    return table if same else None


def _asked(field: str, rows: Table, observatory: str | None) -> Asked:
    """Return what SkyBoT is to be asked: a cone around all detections, at the first time, the last, and every hour."""
    codes = {code for code in np.unique(rows["observatory"]).tolist() if observatories.exists(code)}
    code = observatory or (codes.pop() if len(codes) == 1 else "")
    if not observatories.exists(code):
        said = f"cannot look from {observatories.describe(code)}" if code else "must know who looks"
        raise CeresFastError(f"{field}: SkyBoT {said}. Pass --observatory CODE, the MPC code of the observatory.")
    ra, dec = np.radians(np.asarray(rows["ra"], float)), np.radians(np.asarray(rows["dec"], float))
    x, y, z = np.mean([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)
    middle = math.atan2(y, x), math.atan2(z, math.hypot(x, y))
    radius = math.degrees(float(angular_separation(*middle, ra, dec).max())) + MARGIN
    times = np.unique(np.asarray(rows["mjd"], float)).tolist()
    epochs = list[float]()
    for time in times:
        if not epochs or (time - epochs[-1]) * 24 >= STEP or time == times[-1]:
            epochs.append(time)
    # Rounded to what changes nothing, so that the same question is the same text.
    ra0, dec0 = (round(math.degrees(each), 4) for each in (middle[0] % math.tau, middle[1]))
    return Asked(ra0, dec0, round(radius, 4), tuple(round(time, 6) for time in epochs), code)
