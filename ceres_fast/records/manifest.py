"""``manifest.json``: what is in a folder of records, and how it came about.

`docs/records.md` describes every key.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import read_json, sha256_of, write_json
from .manifest_checks import REBUILD, check_manifest

MANIFEST = "manifest.json"


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
        ``name``, ``kind`` (``stamps``, ``frames``, ``alerts`` or ``static``, the table of fixed sources), ``files``
        (count).
    sources_file : dict
        ``file`` and ``sha256`` of the list of the sources' files and their SHA-256.
    counts : dict
        What happened to the inputs: how many files were read, how many detections were left out, and why.
    reconciliation : dict
        Account: ``input``, ``dropped`` {reason: count}, ``kept``; input is the sum of the others.
    splits : dict
        Split: ``groups`` (count), ``classes`` {name: count}, ``shards``, a list of ``file``, ``count``, ``asteroids``,
        ``bytes``, ``sha256``.
    folder : pathlib.Path
        Where the manifest was read from; not part of the file.
    sha256 : str
        Of the manifest's own bytes; not part of the file.
    """

    format_version: int
    ceres_fast: str
    name: str
    stamp: dict[str, Any]
    classes: list[str]
    columns: dict[str, dict[str, str]]
    seed: int
    fractions: dict[str, float]
    hold_out: list[list[Any]]
    preset: str | None
    where: list[list[Any]]
    nan: str
    rules: dict[str, Any]
    pixel_scale: float | None
    sources: list[dict[str, Any]]
    sources_file: dict[str, str]
    counts: dict[str, int]
    reconciliation: dict[str, dict[str, Any]]
    splits: dict[str, dict[str, Any]]
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

    def shards(self, split: str) -> list[Path]:
        """Return the shards of a split, in order."""
        return [self.folder / shard["file"] for shard in self.splits[split]["shards"]]

    def as_dict(self) -> dict[str, Any]:
        """Return what is written to the file."""
        return {name: value for name, value in asdict(self).items() if name not in _NOT_WRITTEN}


_NOT_WRITTEN = ("folder", "sha256")


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
    value = read_json(path, what="the manifest of a folder of records")
    check_manifest(path, value)
    return Manifest(**value, folder=path.parent, sha256=sha256_of(path))
