"""What is known of a field that was classified: a small JSON file for each, written whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from ..errors import InputError
from ..file_names import fitting
from ..files import read_json, write_json

FOLDER = "fields"
"""Where they are in the output folder."""


class ExposureRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One frame of a field, and its table.

    Parameters
    ----------
    frame, catalogue : str
        The files it was made of, absolute.
    table : str
        The table, relative to the output folder.
    signature : list of int
        Size and time of modification (ns) of the frame, and of the catalogue.
    fate : str
        What became of it, in words: `classify.account.GOES_ON`.
    why : str
        Why it could not be classified; empty where it could.
    """

    frame: str
    catalogue: str
    table: str
    signature: list[int]
    fate: str
    why: str = ""


class FieldRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A field, and what was made of it.

    Parameters
    ----------
    name : str
        Field and night (`classify.catalogue_job.field_of`); of a mosaic, the first of its CCDs'.
    version : int
        How often its tables were written, from 1.
    provisional : bool
        Whether nothing but given fixed sources can be called stationary yet: no other row was left out, and no
        guarantee applies.
    settings : str
        SHA-256 of the classifier's file and the options that it was classified with.
    exposures : list of ExposureRecord
        In the order of their names.
    camera, columns : str
        How frames and catalogues are read: a profile, and what columns are called; empty by default.
    counts : dict
        How many detections were read, stationary, scored, kept, and how many tracklets there are.
    seconds : dict
        What took how long: read, cut, infer, write.
    cost : dict
        What the rules cost synthetic asteroids (`selection.track_cost`).
    tracklet_threshold : float
        Probability from which on a tracklet is taken for an asteroid; 0 where the classifier has none.
    drift : list of str
        In what way its exposures are unlike what the classifier was calibrated on: no guarantee is claimed then.
    """

    name: str
    version: int
    provisional: bool
    settings: str
    exposures: list[ExposureRecord]
    camera: str = ""
    columns: str = ""
    counts: dict[str, int] = {}
    seconds: dict[str, float] = {}
    cost: dict[str, int] = {}
    tracklet_threshold: float = 0.0
    drift: list[str] = []


def record_path(output: Path, name: str) -> Path:
    """Return where the record of a field is; names that differ have different places."""
    plain = "".join(letter if letter.isalnum() or letter in "-+." else "_" for letter in name)
    return output / FOLDER / fitting(f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}", ".json")


def write_record(output: Path, record: FieldRecord) -> None:
    """Write a field's record, whole or not at all."""
    path = record_path(output, record.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, msgspec.to_builtins(record))


def read_records(output: Path, unread: Callable[[InputError], None] | None = None) -> list[FieldRecord]:
    """Return what is known of the fields in an output folder, by name.

    Parameters
    ----------
    output : pathlib.Path
        The folder of a night.
    unread : callable, optional
        Given an error for each record that cannot be read; without it, that is raised.

    Raises
    ------
    InputError
        When a record cannot be read, naming it.
    """
    made = []
    for path in sorted((output / FOLDER).glob("*.json")):
        try:
            made.append(_read(path))
        except InputError as error:
            if unread is None:
                raise
            unread(error)
    return sorted(made, key=lambda each: each.name)


def _read(path: Path) -> FieldRecord:
    what, action = "the record of a field", "`night` and `watch` classify its field again"
    values = read_json(path, what=what, action=action)
    try:
        return msgspec.convert(values, FieldRecord)
    except msgspec.ValidationError as error:
        raise InputError(path, f"is damaged, or of another version ({error})", expected=what, action=action) from error
