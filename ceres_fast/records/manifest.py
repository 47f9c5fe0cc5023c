"""``manifest.json``: what is in a folder of records, and how it came about.

`docs/records.md` describes every key.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict

from msgspec import Meta

from ..errors import InputError, NanPolicy
from ..files import read_json, sha256_of, write_json
from ..frames.profiles import camera_of
from ..schema import Count, Mismatch, Positive, Sha256, check, check_version, one_of, shown
from ..selection.rules import Rules
from ..stamps import CLASSES, PLANE_SETS, PLANES, stamp_shape
from .reconcile import Balance, imbalance
from .splits import SPLITS

MANIFEST = "manifest.json"
LOST_FILE = "lost.csv"
"""The list of the validated asteroids that became no stamp."""
FORMAT_VERSION = 2
REBUILD = "build the records again with `ceres-fast build-records`"
_NAME = r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}\Z"


class Stamp(TypedDict):
    """How the pixels of a stamp are stored."""

    shape: list[int]
    planes: list[str]
    dtype: str
    byte_order: str
    unit: str


class ColumnType(TypedDict):
    """What a column of a record is."""

    type: Annotated[str, one_of(("float", "int", "str"))]
    unit: str
    meaning: str


class SourceCount(TypedDict):
    """A folder that was read, and how many files of it."""

    name: str
    kind: Annotated[str, one_of(("stamps", "frames", "alerts", "static", "template"))]
    files: Count


class Listing(TypedDict):
    """A file beside the shards."""

    file: str
    sha256: Sha256


class Shard(TypedDict):
    """A file of stamps."""

    file: str
    count: Count
    asteroids: Count
    bytes: Count
    sha256: Sha256


class Split(TypedDict):
    """The stamps of a split."""

    groups: Count
    classes: dict[str, Count]
    rows: NotRequired[Count]
    shards: Annotated[list[Shard], Meta(min_length=1, title="a list of at least one shard")]


Condition = tuple[str, list[str]]
"""A column, and the values that it may have."""


@dataclass(frozen=True)
class Manifest:
    """What a folder of records holds.

    Attributes
    ----------
    format_version : int
        `FORMAT_VERSION`.
    ceres_fast : str
        Version that wrote the records.
    name : str
        First part of the names of the shards.
    stamp : dict
        ``shape`` [32, 32, planes] (y, x, plane), ``planes`` (what they show), ``dtype`` float32, ``byte_order``
        little, ``unit`` ADU.
    classes : list of str
        Class names in the order of their labels.
    columns : dict
        Name: ``type`` (float, int, str), ``unit``, ``meaning``.
    seed : int
        Decides the splits and the order of the frames.
    fractions : dict
        Share of each split that was asked for.
    hold_out : list
        ``[name, [value, …]]``: what makes up the test split; empty where the fractions decide.
    preset : str or None
        The published set whose class counts the splits have: ``table1``, or a part of it, ``table1/8``.
    where : list
        ``[name, [value, …]]``: conditions a stamp had to meet.
    nan : str
        What was done with missing pixels: ``error`` or ``fill``.
    rules : dict
        The rules of `ceres_fast.selection` that chose and labelled the detections.
    pixel_scale : float or None
        Median of the training split in arcsec/pixel; None where no stamp says.
    sources : list of dict
        ``name``, ``kind`` (``stamps``, ``frames``, ``alerts``, or what says what is always there: ``static``, the table
        of fixed sources, and ``template``), ``files`` (count).
    sources_file : dict
        ``file`` and ``sha256`` of the list of the sources' files and their SHA-256.
    counts : dict
        What happened to the inputs: how many files were read, how many detections were left out, and why.
    reconciliation : dict
        Account: ``input``, ``dropped`` {reason: count}, ``kept``; input is the sum of the others.
    splits : dict
        Split: ``groups`` (count), ``classes`` {name: count}, ``rows`` (see `rows`), ``shards``, a list of ``file``,
        ``count``, ``asteroids``, ``bytes``, ``sha256``.
    camera : dict or None
        The profile of the camera with which frames were read (``Camera.as_dict()``); None, and not in the file, where
        they were read as from any camera.
    lost_file : dict or None
        ``file`` and ``sha256`` of the list of the validated asteroids that became no stamp (`records.lost.read_lost`);
        None, and not in the file, where no source has frames, and in records of earlier versions.
    folder : pathlib.Path
        Where the manifest was read from; not part of the file.
    sha256 : str
        Of the manifest's own bytes; not part of the file.
    """

    format_version: int
    ceres_fast: str
    name: Annotated[str, Meta(pattern=_NAME, title="a name of letters, digits, '.', '_' and '-'")]
    stamp: Stamp
    classes: list[str]
    columns: dict[str, ColumnType]
    seed: Annotated[int, Meta(ge=0)]
    fractions: dict[str, Positive]
    hold_out: list[Condition]
    preset: Annotated[str, Meta(pattern=r"^\w+(/\d+)?\Z", title="table1, or a part of it, table1/8")] | None
    where: list[Condition]
    nan: NanPolicy
    rules: dict[str, Any]
    pixel_scale: Positive | None
    sources: list[SourceCount]
    sources_file: Listing
    counts: dict[str, Count]
    reconciliation: dict[str, Balance]
    splits: dict[str, Split]
    camera: dict[str, Any] | None = None
    lost_file: Listing | None = None
    folder: Path = field(default=Path(), compare=False)
    sha256: str = field(default="", compare=False)

    @property
    def planes(self) -> tuple[str, ...]:
        """What the planes of the stamps show: a row of `PLANE_SETS`."""
        return tuple(self.stamp["planes"])

    @property
    def stamp_shape(self) -> tuple[int, ...]:
        """Shape of a stamp: (32, 32, planes)."""
        return tuple(self.stamp["shape"])

    def count(self, split: str) -> int:
        """Return the number of stamps of a split."""
        return sum(shard["count"] for shard in self.splits[split]["shards"])

    def class_counts(self, split: str) -> dict[str, int]:
        """Return {class name: number of stamps} of a split, in the order of the labels."""
        return {name: self.splits[split]["classes"][name] for name in self.classes}

    def rows(self, split: str) -> int | None:
        """Return how many rows the catalogues have from which the stamps of a split were chosen.

        Each row of a field, CCD and night counts, whatever became of it, but for those of frames that were left out
        and those that ``--where`` leaves out. A field without a stamp is in no split. None where it is not known: not
        all stamps are of frames, some of a field are in no split, shards were left out, or an earlier version wrote the
        records.
        """
        return self.splits[split].get("rows")

    def shards(self, split: str) -> list[Path]:
        """Return the shards of a split, in order."""
        return [self.folder / shard["file"] for shard in self.splits[split]["shards"]]

    def as_dict(self) -> dict[str, Any]:
        """Return what is written to the file."""
        stored = {each.name: getattr(self, each.name) for each in fields(self) if each.compare}
        return {name: value for name, value in stored.items() if value is not None or name not in _OPTIONAL}


_OPTIONAL = ("camera", "lost_file")
"""Keys that are not in the file where they hold nothing."""


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write ``manifest.json`` into `folder`."""
    write_json(folder / MANIFEST, manifest.as_dict())


def load_manifest(records: Path) -> Manifest:
    """Read and check the manifest of a folder of records.

    The shards are not opened: `ceres_fast.records.shards.check_shards` does that.

    Parameters
    ----------
    records : pathlib.Path
        The folder, or its ``manifest.json``.

    Raises
    ------
    InputError
        When it is missing, cut, of another format version, or contradicts itself.
    """
    path = records if records.name == MANIFEST else records / MANIFEST
    if not path.is_file():
        raise InputError(path, "does not exist", expected="a folder of records", action=REBUILD)
    values = read_json(path, what="the manifest of a folder of records", action=REBUILD)
    check_version(values, FORMAT_VERSION, path, older=REBUILD)
    try:
        check(dict.fromkeys(_OPTIONAL) | values, Manifest)
        _check_agreement(values)
        camera_of(values.get("camera") or {}, at="camera")
    except Mismatch as error:
        raise error.of_file(path, action=REBUILD) from error
    try:
        Rules.from_dict(values["rules"])
    except ValueError as error:
        raise InputError(path, f"has rules that do not fit ({error})", action=REBUILD) from error
    return Manifest(**values, folder=path.parent, sha256=sha256_of(path))


def _check_agreement(values: Mapping[str, Any]) -> None:
    for key, found, wanted in _decided(values):
        if found != wanted:
            raise Mismatch(key, f"is {shown(found)}", shown(wanted))
    least = 4 * math.prod(stamp_shape(PLANES[:1]))
    for name, split in values["splits"].items():
        for number, shard in enumerate(split["shards"]):
            # Memory for all stamps is taken before they are read.
            if shard["count"] * least > shard["bytes"]:
                key = f"splits.{name}.shards[{number}].count"
                raise Mismatch(key, f"is {shard['count']}", f"at most {shard['bytes'] // least} stamps in its bytes")
    for name, account in values["reconciliation"].items():
        if problem := imbalance(account):
            raise Mismatch(f"reconciliation.{name}", f"does not add up, {problem}", "a reason for all that is not kept")


def _decided(values: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield the key of each value that is fixed, or that others decide; the value; and what it has to be."""
    planes = tuple(values["stamp"]["planes"])
    yield "stamp", values["stamp"], described_stamp(planes if planes in PLANE_SETS else PLANES[:1])
    yield "classes", values["classes"], list(CLASSES)
    if lost := values.get("lost_file"):
        yield "lost_file.file", lost["file"], LOST_FILE  # spelt out, as the shards below
    for name in ("fractions", "splits"):
        yield name, sorted(values[name]), sorted(SPLITS)
    for name, split in values["splits"].items():
        shards = split["shards"]
        for number, shard in enumerate(shards):
            # A name that is spelt out cannot lead to another folder.
            wanted = shard_name(values["name"], name, number, len(shards))
            yield f"splits.{name}.shards[{number}].file", shard["file"], wanted
        yield f"splits.{name}.classes", split["classes"], class_counts(shards)


def described_stamp(planes: Sequence[str]) -> Stamp:
    """Return what the manifest says of stamps with these planes."""
    shape = list(stamp_shape(planes))
    return {"shape": shape, "planes": list(planes), "dtype": "float32", "byte_order": "little", "unit": "ADU"}


def shard_name(name: str, split: str, number: int, shards: int) -> str:
    """Return the file name of a shard, ``NAME-SPLIT.tfrecord-00000-of-00008``."""
    return f"{name}-{split}.tfrecord-{number:05d}-of-{shards:05d}"


def valid_name(name: str) -> bool:
    """Return whether shards may be called so: letters, digits, ``.``, ``_``, ``-``; no dot or dash at the start."""
    return re.match(_NAME, name) is not None


def class_counts(shards: Sequence[Shard]) -> dict[str, int]:
    """Return {class name: number of stamps} of some shards."""
    stamps, asteroids = sum(shard["count"] for shard in shards), sum(shard["asteroids"] for shard in shards)
    return dict(zip(CLASSES, (stamps - asteroids, asteroids), strict=True))
