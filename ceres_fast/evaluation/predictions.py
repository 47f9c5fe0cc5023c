"""A classifier's answers on a split of records, and what is known of each stamp; kept as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Column, MaskedColumn, Table

from ..artifact.classifier import CLASSIFIER_FILE, Classifier
from ..artifact.products import in_words
from ..artifact.scaling import scaled
from ..console import warn
from ..errors import InputError, OnError
from ..files import atomic_file
from ..model.load import load_model, predict
from ..records.manifest import MANIFEST, Manifest
from ..records.pipeline import check_records, read_columns
from ..records.splits.calibration import asteroid_names
from ..selection.rules import Rules
from ..stamps import COLUMNS, near_edge
from ..stamps import Column as StampColumn

PREDICTIONS = "predictions.ecsv"
PROBABILITY = "probability"
"""Column of P(asteroid) in that file, beside those of a stamp table."""

_COUNT = "stamps"


@dataclass(frozen=True)
class Predictions:
    """Answers on stamps, in the order of the shards.

    Attributes
    ----------
    known : mapping of str to numpy.ndarray
        Every column of `ceres_fast.stamps.COLUMNS`, (n,).
    probabilities : numpy.ndarray
        P(asteroid), float64 (n,), finite.
    about : mapping
        Where they come from: ``split``, ``manifest_sha256``, ``weights_sha256``, ``classifier`` (in words), ``records``
        (their name), ``scaling`` (the classifier's, with which these probabilities are), ``rows`` (of the catalogues
        that the stamps were chosen from; None or lacking where it is not known).
    """

    known: Mapping[str, np.ndarray]
    probabilities: np.ndarray
    about: Mapping[str, Any]

    @property
    def labels(self) -> np.ndarray:
        """1 asteroid, 0 non-asteroid, int64 (n,)."""
        return self.known["label"]

    @property
    def survives(self) -> np.ndarray:
        """The largest threshold that `classify --drop` keeps each stamp at, float64 (n,): its probability.

        It is 1 near the edge of a frame, where nothing goes for its score alone.
        """
        return np.where(near_edge(self.known["padded"]), 1.0, self.probabilities)

    @property
    def units(self) -> np.ndarray:
        """What is independent of the others, str (n,): an asteroid, or the stamp itself where it has no designation."""
        alone = np.array([f"stamp {number}" for number in range(len(self.labels))])
        return np.where(self.known["designation"] == "", alone, self.known["designation"])

    @property
    def asteroids(self) -> np.ndarray:
        """Of which asteroid in which night a stamp is, str (n,); "" for non-asteroids.

        A trajectory search links the exposures of one night, so that an asteroid that was seen in two nights counts
        twice. A stamp of an asteroid without a designation is one of its own.
        """
        return asteroid_names(self.known)


def predict_split(classifier: Classifier, manifest: Manifest, split: str) -> tuple[Predictions, np.ndarray]:
    """Let a classifier answer on a split.

    Parameters
    ----------
    classifier : Classifier
        From `ceres_fast.artifact.classifier.read_classifier`; its scaling is applied to what the network answers.
    manifest : Manifest
        Of records with its planes.
    split : str
        One that is not empty.

    Returns
    -------
    predictions : Predictions
    stamps : numpy.ndarray
        float32 (n, 32, 32, planes), in ADU.

    Raises
    ------
    InputError
        When weights or a shard are damaged.
    """
    read = read_columns(manifest, split, ("stamp", *(column.name for column in COLUMNS)))
    stamps = read.pop("stamp")
    probabilities = scaled(classifier.scaling, predict(load_model(classifier), stamps)[:, 1])
    about = {
        "split": split,
        "records": manifest.name,
        "manifest_sha256": manifest.sha256,
        "classifier": in_words(classifier),
        "weights_sha256": classifier.files["weights"]["sha256"],
        "scaling": classifier.scaling,
        "rows": manifest.rows(split),
    }
    return Predictions(read, probabilities, about), stamps


def write_predictions(predictions: Predictions, path: Path) -> None:
    """Write predictions as a table (ECSV): a row per stamp, whole or not at all."""
    table = Table(meta={**predictions.about, _COUNT: len(predictions.labels)})
    for column in COLUMNS:
        table[column.name] = Column(
            predictions.known[column.name], unit=column.unit or None, description=column.meaning
        )
    table[PROBABILITY] = Column(predictions.probabilities, description="P(asteroid)")
    with atomic_file(path) as temporary:
        table.write(temporary, format="ascii.ecsv", overwrite=True)


def read_predictions(path: Path) -> Predictions:
    """Read what `write_predictions` wrote.

    Raises
    ------
    InputError
        When the file is missing, or not such a table.
    """
    expected = f"the {PREDICTIONS} that `ceres-fast evaluate` writes"
    action = "evaluate the run (again) with `ceres-fast evaluate`"
    try:
        table = Table.read(path, format="ascii.ecsv")
        known = {column.name: _values(_column(table, column), column.dtype) for column in COLUMNS}
        probabilities = np.asarray(table[PROBABILITY], np.float64)
        about = dict(table.meta)
        if (count := about.pop(_COUNT)) != len(table):
            raise ValueError(f"{len(table)} of {count} rows")
    except FileNotFoundError as error:
        raise InputError(path, "does not exist", expected=expected, action=action) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"is not a table of predictions ({error})", expected=expected, action=action) from error
    return Predictions(known, probabilities, about)


def _column(table: Table, column: StampColumn) -> Column:
    """Return a column of a table; of one that an earlier version wrote, which does not have it, as unknown."""
    lacking = not column.always and column.name not in table.colnames
    return Column(np.full(len(table), column.unknown)) if lacking else table[column.name]


def _values(column: Column, kind: type) -> np.ndarray:
    # The empty string is what ECSV has for "missing".
    filled = column.filled("") if kind is str and isinstance(column, MaskedColumn) else column
    return np.asarray(filled, {float: np.float64, int: np.int64, str: np.str_}[kind])


def checked_manifest(classifier: Classifier, manifest: Manifest, splits: Sequence[str], on_error: OnError) -> Manifest:
    """Return the manifest of records on which a classifier may answer, less what is damaged.

    Parameters
    ----------
    classifier : Classifier
        From `read_classifier`.
    manifest : Manifest
        Of the records. Other records than those it was trained on are warned of.
    splits : sequence of str
        What is to be read of them.
    on_error : {"stop", "skip"}
        Whether a damaged shard ends the work, or is left out with a warning.

    Raises
    ------
    InputError
        When a split is empty, planes or rules are not the classifier's, or a shard is damaged.
    """
    path = manifest.folder / MANIFEST
    for split in splits:
        if split not in manifest.splits or not manifest.count(split):
            raise InputError(path, f"has no stamps in a split {split!r}", expected=f"one of {sorted(manifest.splits)}")
    if manifest.planes != classifier.planes:
        raise InputError(
            path,
            f"has stamps of the planes {', '.join(manifest.planes)}",
            expected=f"{', '.join(classifier.planes)}, as the classifier was trained on",
            action="build the records again with the classifier's --planes",
        )
    if differences := _rules(classifier).differences(Rules.from_dict(manifest.rules)):
        raise InputError(
            path,
            f"was built by other rules than the classifier's ({'; '.join(differences)})",
            action="build the records again with the classifier's rules",
        )
    if (manifest.camera or {}) != (classifier.camera or {}):
        names = [(each.camera or {}).get("name", "generic") for each in (manifest, classifier)]
        warn(
            f"{manifest.folder}: its frames were read with another profile of the camera ({names[0]}) than those that "
            f"the classifier was trained on ({names[1]})"
        )
    if manifest.sha256 != classifier.records.get("manifest_sha256"):
        warn(
            f"{manifest.folder}: these are not the records the classifier was trained on. Where both were built from "
            f"the same survey, the {' or '.join(splits)} split may hold what it was trained on, and what is found "
            "there, or guaranteed after it, is then too good"
        )
    return check_records(manifest, on_error=on_error)


def _rules(classifier: Classifier) -> Rules:
    try:
        return Rules.from_dict(classifier.rules)
    except (ValueError, OverflowError) as error:
        assert classifier.folder is not None
        raise InputError(
            classifier.folder / CLASSIFIER_FILE,
            f"was trained on detections chosen by rules that this version does not know ({error})",
            action="use the version of ceres-fast that trained it, or train again",
        ) from error
