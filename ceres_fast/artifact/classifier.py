"""What a classifier on disk is: a small JSON file, a weights file and exports; data, never code.

The architecture is rebuilt from this package by the names in the JSON, so that reading somebody else's
classifier runs nothing of theirs. The same JSON travels inside every exported ONNX file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..files import sha256_of, write_text
from ..stamps import CLASSES, PLANES, stamp_shape
from .classifier_checks import CLASSIFIER_FILE, FIELDS, FORMAT_VERSION, refuse_code, shown
from .latest import resolve

ONNX_METADATA_KEY = "ceres_fast.classifier"
"""Key of an ONNX file's ``metadata_props`` under which the classifier's JSON is stored."""

ONNX_KINDS = {"float32": "onnx", "float16": "onnx-float16", "int8": "onnx-int8"}
"""Kind in `Classifier.files` of a run's ONNX file, for each precision one may be in; of several the first is used."""

LARGEST_JSON = 1_000_000
"""Characters; a classifier is a few kilobytes, so anything far larger is not one."""

_OLDER = (
    "train again (`ceres-fast train --config RUN/config.toml` has the same options) and export that, or use the "
    "ceres-fast that wrote it"
)


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
        How the model normalises a stamp: ``"minmax"`` or ``"asinh"``.
    precision : str
        Of a run Keras's policy: ``"float32"``, ``"mixed_float16"`` or ``"mixed_bfloat16"``. Of an export what it
        computes in: ``"float32"``, ``"float16"`` or ``"int8"`` (or, from before these were told apart, the policy).
    head : dict
        ``{"dense": units, "dropout": rate}``.
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
    pixel_scale : float or None
        Median pixel scale of its training stamps, arcsec/pixel; None where unknown (NaN becomes None).
    stamp_shape : tuple of int
        (rows, columns, planes) of a stamp.
    planes : tuple of str
        What its planes show: a row of `PLANE_SETS`.
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

    backbone: str
    experiment: int | str
    weights_from: str
    normalise: str
    precision: str
    head: Mapping[str, Any]
    rules: Mapping[str, Any]
    records: Mapping[str, Any]
    versions: Mapping[str, str]
    files: Mapping[str, Mapping[str, str]]
    threshold: float = 0.5
    scaling: Mapping[str, Any] | None = None
    operating_point: Mapping[str, Any] | None = None
    pixel_scale: float | None = None
    stamp_shape: tuple[int, ...] = stamp_shape(PLANES[:1])
    planes: tuple[str, ...] = PLANES[:1]
    classes: tuple[str, ...] = CLASSES
    format_version: int = FORMAT_VERSION
    folder: Path | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.pixel_scale is not None and math.isnan(self.pixel_scale):
            object.__setattr__(self, "pixel_scale", None)
        for name in ("stamp_shape", "planes", "classes"):
            value = getattr(self, name)
            object.__setattr__(self, name, tuple(value) if isinstance(value, list) else value)
        for name, (allowed, expected) in FIELDS.items():
            if not allowed(getattr(self, name)):
                raise ValueError(f"{name} is {shown(getattr(self, name))}, expected {expected}")
        if self.stamp_shape != stamp_shape(self.planes):
            raise ValueError(f"stamp_shape is {shown(self.stamp_shape)}, expected {len(self.planes)} planes")
        if self.operating_point is not None and self.operating_point["threshold"] != self.threshold:
            raise ValueError(
                f"operating_point has the threshold {self.operating_point['threshold']}, expected the classifier's, "
                f"{self.threshold}"
            )

    def to_json(self) -> str:
        """Return the JSON text of this classifier (no NaN, no machine paths)."""
        values = {name: value for name, value in asdict(self).items() if name in FIELDS}
        return json.dumps({"format_version": self.format_version, **values}, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: Path) -> Classifier:
        """Read a classifier from JSON text; `where` is the file that errors name.

        Raises
        ------
        InputError
            When the text is not JSON, not this format, of another version, or has missing, unknown or wrong values.
        """
        values = _json_object(text, where)
        version = values.get("format_version")
        if version != FORMAT_VERSION or isinstance(version, bool):
            newer = isinstance(version, int) and version > FORMAT_VERSION
            raise InputError(
                where,
                f"describes a classifier in format version {shown(version)}",
                expected=f"version {FORMAT_VERSION}",
                action="install a newer ceres-fast" if newer else _OLDER,
            )
        _check_keys(values, where)
        try:
            return cls(**values)
        except (ValueError, TypeError, RecursionError) as error:
            raise InputError(where, f"is not a valid classifier: {error}") from error

    def write(self, folder: Path) -> Path:
        """Write ``classifier.json`` into `folder` (whole or not at all) and return its path."""
        path = folder / CLASSIFIER_FILE
        write_text(path, self.to_json())
        return path

    def with_file(self, kind: str, path: Path) -> Classifier:
        """Return a copy that names the file at `path` (in the classifier's folder) as its `kind`, with its hash."""
        entry = {"file": path.name, "sha256": sha256_of(path)}
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
    file = path / CLASSIFIER_FILE if path.is_dir() else path
    expected = f"a run folder with {CLASSIFIER_FILE}"
    try:
        with file.open(encoding="utf-8") as stream:
            text = stream.read(LARGEST_JSON + 1)
    except OSError as error:
        action = "train one with `ceres-fast train`, or name another run"
        raise InputError(file, f"cannot be read ({error.strerror})", expected=expected, action=action) from error
    except UnicodeDecodeError as error:
        raise InputError(file, "is not text", expected=expected) from error
    return replace(Classifier.from_json(text, file), folder=file.parent)


def _json_object(text: str, where: Path) -> dict[str, Any]:
    try:
        if len(text) > LARGEST_JSON:
            raise ValueError(f"more than {LARGEST_JSON} characters")
        values = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(where, f"is not valid JSON ({error})", expected="the JSON of a classifier") from error
    if not isinstance(values, dict):
        raise InputError(where, f"holds a {type(values).__name__}, not an object", expected="the JSON of a classifier")
    return values


def _no_constant(name: str) -> None:
    raise ValueError(f"JSON has no {name}")


def _check_keys(values: Mapping[str, Any], where: Path) -> None:
    for names, problem in ((FIELDS.keys() - values.keys(), "lacks"), (values.keys() - FIELDS.keys(), "has unknown")):
        if names:
            raise InputError(
                where,
                f"{problem} {', '.join(ascii(name)[1:-1] for name in sorted(names))}",
                expected=f"the values of a classifier, format version {FORMAT_VERSION}",
            )
