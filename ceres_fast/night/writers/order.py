"""What a writer gets: a night, who observed, what was decided, and which objects are known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from astropy.table import Table

from ...errors import CeresFastError
from ...file_names import in_one_line
from ...truth import observatories
from ..detections import Night
from ..observatory import Observatory
from ..record import ExposureRecord

Files = dict[str, Callable[[Path], None] | None]
"""By names in the output folder: what writes the file at a path; None for one that must not be there, as there is
nothing to write."""

_NEEDED = ("mjd", "ra", "dec")

BRIGHTEST, FAINTEST = -5.0, 30.0
"""Magnitudes that every reader takes."""

LARGEST_ERROR = 99.0
"""arcsec, and mag: a larger error, or width, says that nothing is known."""

LETTERS = {
    **{"Vj": "V", "VR": "V", "Rc": "R", "Rj": "R", "Ic": "I", "Bj": "B", "Uj": "U", "Gb": "G", "Gr": "G"},
    "UNK": "",
}
"""Of bands of ADES whose letter in 80 columns is not their last, as iau-ades converts them (xmltompc80col): the c of Rc
would be ATLAS's cyan."""

CODE = re.compile(r"[0-9A-Z][0-9A-Za-z]{2,3}")
"""What can be a code of an observatory."""


@dataclass(frozen=True)
class Order:
    """What is to be written of a night.

    Parameters
    ----------
    night : Night
    observatory : Observatory, optional
        Who observed; some writers need it.
    accepted : frozenset of str, optional
        The tracklets that a reviewer accepted; None: nobody has decided, and those are meant that are
        kept and not below the classifier's threshold for tracklets.
    known : mapping of str to str
        Names of known objects by tracklet.
    looked_up : bool
        Whether known objects were looked for at all.
    """

    night: Night
    observatory: Observatory | None = None
    accepted: frozenset[str] | None = None
    known: Mapping[str, str] = field(default_factory=dict)
    looked_up: bool = False

    @cached_property
    def meant(self) -> np.ndarray:
        """Which tracklet a detection is in that is meant, shape (n,), str; empty: in none."""
        detections = self.night.detections
        tracklet = np.asarray(detections["tracklet"], str)
        if self.accepted is not None:
            return np.where(np.isin(tracklet, sorted(self.accepted)), tracklet, "")
        limits = {record.name: record.tracklet_threshold for record in self.night.records}
        fields, where = np.unique(np.asarray(detections["field"], str), return_inverse=True)
        limit = np.array([limits.get(name, 0.0) for name in fields.tolist()], float)[where]
        # What has no probability stays: nobody knows.
        likely = ~(np.asarray(detections["tracklet_probability"], float) < limit)
        return np.where(np.asarray(detections["kept"], bool) & likely, tracklet, "")

    @cached_property
    def placed(self) -> Table:
        """The detections that are kept, or in a tracklet that is meant, and have a time and a place on the sky.

        With the columns of `COLUMNS`, and ``meant``.
        """
        detections = self.night.detections
        rows = np.all([np.isfinite(detections[name]) for name in _NEEDED], axis=0)
        rows &= np.asarray(detections["kept"], bool) | (self.meant != "")
        placed = detections[rows]
        placed["meant"] = self.meant[rows]
        placed["ra"] = np.asarray(placed["ra"]) % 360
        return placed

    def exposures(self) -> Iterator[ExposureRecord]:
        """Yield what is known of each frame."""
        for record in self.night.records:
            yield from record.exposures


def observatory_codes(order: Order, rows: Table) -> np.ndarray:
    """Return the code of the observatory of each row, shape (n,), str: that of the file, else what headers say.

    Raises
    ------
    CeresFastError
        When there is no file, and a header says nothing that can be a code.
    """
    if order.observatory is not None:
        return np.full(len(rows), order.observatory.code)
    codes = np.char.strip(np.asarray(rows["observatory"], str)) if len(rows) else np.array([], str)
    unclear = sorted({code for code in np.unique(codes).tolist() if not CODE.fullmatch(code)})
    if unclear:
        said = f"say {unclear[0]!r}" if unclear[0] else "do not say"
        raise CeresFastError(
            f"which observatory took the frames is not known: their headers {said}. Name it with --observatory FILE, a "
            "TOML file with its code (docs/outputs.md)."
        )
    return codes


def needed_observatory(order: Order, what: str) -> Observatory:
    """Return who observed.

    Raises
    ------
    CeresFastError
        When that was not given, or a report must say where the observer was at each time.
    """
    if order.observatory is None:
        raise CeresFastError(
            f"{what} says who observed, with what and against which stars: give it with --observatory FILE, a TOML "
            "file (docs/outputs.md has one to copy)."
        )
    if observatories.moves(order.observatory.code):
        raise CeresFastError(
            f"{what} of {observatories.describe(order.observatory.code)} must say where the observer was at each time, "
            "which is not known here: the MPC refuses it without."
        )
    return order.observatory


def magnitudes(rows: Table) -> np.ndarray:
    """Return the magnitudes of rows, shape (n,), that every reader takes; NaN for others."""
    values = np.asarray(rows["magnitude"], float)
    return np.where((values >= BRIGHTEST) & (values <= FAINTEST), values, np.nan)


def errors(rows: Table, name: str) -> np.ndarray:
    """Return a column of errors, shape (n,); NaN for one that is 0, or so large that nothing is known."""
    values = np.asarray(rows[name], float)
    return np.where((values > 0) & (values <= LARGEST_ERROR), values, np.nan)


def letter_of(band: str) -> str:
    """Return the letter that 80 columns have for a band of ADES; empty for none."""
    return LETTERS.get(band, band[-1:])


def widths(rows: Table) -> np.ndarray:
    """Return the FWHM of rows in arcsec, shape (n,); NaN where it is not known, or none."""
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.asarray(rows["fwhm"], float) * np.asarray(rows["pixel_scale"], float)
    return np.where((values > 0) & (values <= LARGEST_ERROR), values, np.nan)


def plain_text(values: np.ndarray) -> np.ndarray:
    """Return texts, shape (n,), without characters that end a line or that XML cannot hold."""
    unique, where = np.unique(np.asarray(values, str), return_inverse=True)
    cleaned = np.array([in_one_line(text).replace("\ufffe", "").replace("\uffff", "") for text in unique.tolist()], str)
    return cleaned[where] if len(unique) else np.array([], str)


def known_names(order: Order, rows: Table) -> np.ndarray:
    """Return the name of the known object that each of some rows of `Order.placed` is, shape (n,), str, or empty."""
    return np.array([order.known.get(name, "") for name in np.asarray(rows["meant"], str).tolist()], str)
