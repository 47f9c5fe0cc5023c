"""What a classifier on disk is: a small JSON file, a weights file and exports; data, never code.

The architecture is rebuilt from this package by the names in the JSON, so that reading somebody else's
classifier runs nothing of theirs. The same JSON travels inside every exported ONNX file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict

from msgspec import Meta

from ..errors import InputError
from ..files import parse_json, read_json, sha256_of, write_text
from ..schema import Mismatch, Sha256, Share, Word, check, check_fields, check_version, file_name, plain, shown
from ..settings.architecture import LARGEST_HEAD
from ..stamps import CLASSES, PLANE_SETS, PLANES, stamp_shape
from . import CLASSIFIER_FILE
from .conditions import check_conditions
from .latest import resolve
from .refused import SAFE_SUFFIXES, refuse_code
from .scaling import DIGITS, check_scaling
from .tracklet_model import check_tracklet_model

FORMAT_VERSION = 3

ONNX_METADATA_KEY = "ceres_fast.classifier"
"""Key of an ONNX file's ``metadata_props`` under which the classifier's JSON is stored."""

ONNX_KINDS = {"float32": "onnx", "float16": "onnx-float16", "int8": "onnx-int8"}
"""Kind in `Classifier.files` of a run's ONNX file, for each precision one may be in; of several the first is used."""

LARGEST_CLASSIFIER = 1_000_000
"""Bytes; a classifier is a few kilobytes, so anything far larger is not one."""

_OLDER = (
    "train again (`ceres-fast train --config RUN/config.toml` has the same options) and export that, or use the "
    "ceres-fast that wrote it"
)
_WHAT = "the JSON of a classifier"
EXPORTED = (".onnx", ".engine", ".rtx")
"""What the names of exported files end in."""

VIEWS = (1, 8)
"""Of how many flips and rotations of a stamp an answer may be the mean."""

OPTIONAL: dict[str, Any] = {
    "tracklets": None,
    "conditions": None,
    "camera": None,
    "views": 1,
    "members": (),
    "cascade_from": None,
}
"""Fields that a description lacks where they have these values: as it was before there were such fields."""


class Head(TypedDict):
    """What stands on the backbone; without a kind, the paper's."""

    kind: NotRequired[Word]
    dense: Annotated[int, Meta(ge=1, le=LARGEST_HEAD)]
    dropout: Annotated[float, Meta(ge=0, lt=1)]


class Member(TypedDict):
    """A further network of an average or a cascade: what it is, and the run that trained it."""

    run: Word
    backbone: Word
    experiment: Annotated[int, Meta(ge=1)] | Word
    normalise: Word
    head: Head


class NamedFile(TypedDict):
    """A file beside the JSON, of a kind that cannot run code."""

    file: Annotated[str, file_name(*SAFE_SUFFIXES)]
    sha256: Sha256


class ThresholdGuarantee(TypedDict):
    """What is guaranteed of the threshold; an operating point also says how it was chosen, which decides nothing."""

    threshold: Share
    max_loss: Share
    confidence: Share
    needs: Annotated[int, Meta(ge=1)]


@dataclass(frozen=True)
class Classifier:
    """A trained classifier, as `classifier.json` describes it.

    Attributes
    ----------
    backbone : str
        Name in the table of backbones.
    experiment : int or str
        Name in the table of experiments.
    weights_from : str
        Where training started: ``"imagenet"``, ``"none"`` or the name of a weights file.
    normalise : str
        How the model normalises a stamp: ``"minmax"``, ``"asinh"`` or ``"noise"``.
    precision : str
        Of a run Keras's policy: ``"float32"``, ``"mixed_float16"`` or ``"mixed_bfloat16"``. Of an export what it
        computes in: ``"float32"``, ``"float16"`` or ``"int8"`` (or, from before these were told apart, the policy).
    head : dict
        ``{"kind": …, "dense": units, "dropout": rate}``; without a kind it is ``"paper"``.
    rules : dict
        The survey rules that its training detections went through (``Rules.as_dict()``).
    records : dict
        ``{"name": …, "manifest_sha256": …}`` of its training records.
    versions : dict
        Names and versions of the software it was trained with.
    files : dict
        ``{"weights": {"file": …, "sha256": …}, "onnx": {…}}``: names of files beside the JSON. ONNX files are those of
        `ONNX_KINDS`.
    threshold : float
        Probability, after `scaling`, from which a detection is called an asteroid.
    scaling : dict or None
        What makes the network's probabilities into shares (`ceres_fast.artifact.scaling`); None: they stay as they are.
    operating_point : dict or None
        What is promised of the threshold (``OperatingPoint.as_dict()``); None where it was not chosen by a promise.
    tracklets : dict or None
        What gives a tracklet its probability, and what is promised of its threshold (`artifact.tracklet_model`); None,
        and not stored, where it was not calibrated on tracklets.
    conditions : dict or None
        What the exposures were like on which it was calibrated (`artifact.conditions`); None, and not stored, where
        that is not known.
    pixel_scale : float or None
        Median pixel scale of its training stamps, arcsec/pixel; None where unknown (NaN becomes None).
    stamp_shape : tuple of int
        (rows, columns, planes) of a stamp.
    planes : tuple of str
        What its planes show: a row of `PLANE_SETS`.
    camera : dict or None
        The profile of the camera with which its training frames were read; None, and not stored, where they were read
        as from any camera.
    views : int
        Of how many flips and rotations of a stamp the probabilities are averaged: 8, or 1 and not stored.
    members : tuple of dict
        The networks whose probabilities are averaged with its own (`Member`); their weights are ``weights-2``,
        ``weights-3`` … of `files`. Empty, and not stored, for a network alone.
    cascade_from : float or None
        Probability of its own network from which its one member is asked (`ceres_fast.model.cascade`); None, and not
        stored, where members are averaged.
    classes : tuple of str
        Class names in the order of the model's outputs.
    format_version : int
        Version of this description.
    folder : pathlib.Path or None
        Where it was read from; not stored.

    Raises
    ------
    ValueError
        When a value is not what this version of the format allows.
    """

    backbone: Word
    experiment: Annotated[int, Meta(ge=1)] | Word
    weights_from: Word
    normalise: Word
    precision: Word
    head: Head
    rules: Mapping[str, Any]
    records: Mapping[str, Any]
    versions: Mapping[Word, Word]
    files: Mapping[Word, NamedFile]
    threshold: Share = 0.5
    scaling: Mapping[str, Any] | None = None
    operating_point: Mapping[str, Any] | None = None
    tracklets: Mapping[str, Any] | None = None
    conditions: Mapping[str, Any] | None = None
    pixel_scale: Annotated[float, Meta(ge=1e-4, le=1e4)] | None = None
    stamp_shape: tuple[int, ...] = stamp_shape(PLANES[:1])
    planes: tuple[str, ...] = PLANES[:1]
    camera: Mapping[str, Any] | None = None
    views: int = 1
    members: tuple[Member, ...] = ()
    cascade_from: Annotated[float, Meta(gt=0, lt=1)] | None = None
    classes: tuple[str, ...] = CLASSES
    format_version: int = FORMAT_VERSION
    folder: Path | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.pixel_scale, float) and math.isnan(self.pixel_scale):
            object.__setattr__(self, "pixel_scale", None)
        plain(_stored(self))
        check_fields(self)
        for name in ("stamp_shape", "planes", "members", "classes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        check_scaling(self.scaling)
        check_tracklet_model(self.tracklets)
        check_conditions(self.conditions)
        for at, point in self._promises().items():
            check(point, ThresholdGuarantee, at=at, more="kept")
        for key, found, allowed in self._fixed():
            if found not in allowed:
                raise Mismatch(key, f"is {shown(found)}", " or ".join(map(shown, allowed)))
        for kind in (each for each in self.files if each.split("-")[0] == "weights"):
            check(self.files[kind]["file"], Annotated[str, file_name(SAFE_SUFFIXES[0])], at=f"files.{kind}.file")

    def _fixed(self) -> list[tuple[str, Any, tuple[Any, ...]]]:
        """What has few values: its key, what it is, and what it may be."""
        fixed: list[tuple[str, Any, tuple[Any, ...]]] = [
            ("format_version", self.format_version, (FORMAT_VERSION,)),
            ("planes", self.planes, PLANE_SETS),
            ("stamp_shape", self.stamp_shape, (stamp_shape(self.planes),)),
            ("views", self.views, VIEWS),
            ("classes", self.classes, (CLASSES,)),
        ]
        for at, point in self._promises().items():
            # `classify` rounds probabilities to as many digits, some of them down.
            fixed.append((f"{at}.threshold", point["threshold"], (round(point["threshold"], DIGITS),)))
        if self.cascade_from is not None:
            fixed += [("views", self.views, (1,)), ("number of members", len(self.members), (1,))]
        if self.operating_point is not None:
            fixed.append(("operating_point.threshold", self.operating_point["threshold"], (self.threshold,)))
        return fixed

    def _promises(self) -> dict[str, Mapping[str, Any]]:
        """What is promised, by its key: of the threshold of detections, and of that of tracklets."""
        of_tracklets = None if self.tracklets is None else self.tracklets["operating_point"]
        points = {"operating_point": self.operating_point, "tracklets.operating_point": of_tracklets}
        return {at: point for at, point in points.items() if point is not None}

    @property
    def head_options(self) -> dict[str, Any]:
        """The head, by the names of the options of `ceres-fast train`."""
        given = dict(self.head)
        return {"head": given.pop("kind", "paper"), **given}

    def to_json(self) -> str:
        """Return the JSON text of this classifier (no NaN, no machine paths)."""
        return json.dumps({"format_version": self.format_version, **_stored(self)}, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: Path) -> Classifier:
        """Read a classifier from JSON text; `where` is the file that errors name.

        Raises
        ------
        InputError
            When the text is not JSON, not this format, of another version, or has missing, unknown or wrong values.
        """
        return cls.from_values(parse_json(text, where, what=_WHAT, largest=LARGEST_CLASSIFIER), where)

    @classmethod
    def from_values(cls, values: Mapping[str, Any], where: Path) -> Classifier:
        """Return the classifier that a JSON object describes; see `from_json`."""
        check_version(values, FORMAT_VERSION, where, older=_OLDER)
        try:
            check({**OPTIONAL, **values}, cls)
            return cls(**values)
        except Mismatch as error:
            raise error.of_file(where) from error

    def write(self, folder: Path) -> Path:
        """Write ``classifier.json`` into `folder` (whole or not at all) and return its path."""
        path = folder / CLASSIFIER_FILE
        write_text(path, self.to_json())
        return path

    def with_file(self, kind: str, path: Path) -> Classifier:
        """Return a copy that names the file at `path` (in the classifier's folder) as its `kind`, with its hash."""
        entry: NamedFile = {"file": path.name, "sha256": sha256_of(path)}
        return replace(self, files={**self.files, kind: entry})

    def without_onnx(self) -> Classifier:
        """Return a copy that names no ONNX file."""
        others = {kind: entry for kind, entry in self.files.items() if kind not in ONNX_KINDS.values()}
        return replace(self, files=others)

    def onnx_files(self) -> dict[str, str]:
        """Return the names of its ONNX files by their kind, in the order of `ONNX_KINDS`."""
        return {kind: self.files[kind]["file"] for kind in ONNX_KINDS.values() if kind in self.files}

    def file_path(self, kind: str) -> Path:
        """Return the path of the file of `kind` ("weights", "onnx" …) after checking its SHA-256.

        Raises
        ------
        InputError
            When the classifier names no such file, or the file is missing, unreadable or not the one it names.
        """
        if self.folder is None:
            raise ValueError("this classifier was not read from a folder")
        where = self.folder / CLASSIFIER_FILE
        if kind not in self.files:
            raise InputError(where, f"names no {kind} file", expected=f"one of {sorted(self.files)}")
        path = self.folder / self.files[kind]["file"]
        try:
            found = sha256_of(path)
        except OSError as error:
            raise InputError(
                path, f"cannot be read ({error.strerror})", expected=f"the {kind} file that {where} names"
            ) from error
        if found != self.files[kind]["sha256"]:
            raise InputError(
                path,
                f"is not the {kind} file that {where} names (SHA-256 {found[:12]}…)",
                expected=f"SHA-256 {self.files[kind]['sha256'][:12]}…",
                action="copy the whole run folder again, or export and train again",
            )
        return path

    def weights_path(self) -> Path:
        """Return the path of the weights after checking their SHA-256; see `file_path`."""
        return self.file_path("weights")


def read_classifier(path: Path) -> Classifier:
    """Read the classifier in a run folder, or its ``classifier.json``; ``runs/latest`` is the run that it names.

    Raises
    ------
    InputError
        When there is none, it is not valid, or `path` is a model file of a kind that can run code.
    """
    refuse_code(path)
    path = resolve(path)
    if path.suffix.lower() in EXPORTED and not path.is_dir():
        raise InputError(
            path,
            "is an exported file",
            expected="the folder of the run, or of the average, that it was exported from",
            action="name that: what is stored in it is stored in the ONNX files that it names as well",
        )
    file = path / CLASSIFIER_FILE if path.is_dir() else path
    values = read_json(
        file,
        what=f"a run folder with {CLASSIFIER_FILE}",
        action="train one with `ceres-fast train`, or name another run",
        largest=LARGEST_CLASSIFIER,
    )
    return replace(Classifier.from_values(values, file), folder=file.parent)


def _stored(classifier: Classifier) -> dict[str, Any]:
    stored = {each.name: getattr(classifier, each.name) for each in fields(classifier) if each.compare}
    return {name: value for name, value in stored.items() if name not in OPTIONAL or value != OPTIONAL[name]}
