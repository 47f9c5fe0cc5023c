"""Stamps that an export is proven on: those of a split that no choice has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...artifact.classifier import Classifier
from ...errors import InputError
from ...evaluation.predictions import Predictions
from ...records.manifest import load_manifest
from ...records.pipeline import read_columns

PROOF_SPLITS = ("test", "validation")
"""Where the stamps of a proof come from: the first of these that is not empty."""

MOST = 4096
SEED = 0

_KNOWN = ("label", "designation", "mjd", "padded")


@dataclass(frozen=True)
class Stamps:
    """Stamps of one split of records.

    Attributes
    ----------
    pixels : numpy.ndarray
        float32 (n, 32, 32, planes), axes (y, x, plane), in ADU.
    known : mapping of str to numpy.ndarray
        ``label`` (1 asteroid, 0 non-asteroid), ``designation`` and ``mjd`` as in
        `ceres_fast.stamps.COLUMNS`, (n,) each.
    split, records : str
        Names of the split and of the records.
    manifest_sha256 : str
        Of the records' manifest.
    """

    pixels: np.ndarray
    known: Mapping[str, np.ndarray]
    split: str
    records: str
    manifest_sha256: str

    @property
    def asteroids(self) -> np.ndarray:
        """Which stamps are of asteroids, bool (n,)."""
        return self.known["label"] == 1


def draw_stamps(
    records: Path,
    classifier: Classifier,
    splits: Sequence[str] = PROOF_SPLITS,
    *,
    most: int = MOST,
    seed: int = SEED,
) -> Stamps:
    """Read stamps of the first of these splits that is not empty.

    Parameters
    ----------
    records : pathlib.Path
        Folder of records.
    classifier : Classifier
        Whose planes they must have.
    splits : sequence of str
        Names of splits, the preferred one first.
    most : int
        Stamps at most. Of a larger split whole asteroids are drawn, with all their exposures: half of `most` for their
        stamps, because a loss of recall shows on nothing else, and the rest for the others (what one kind leaves
        unused, the other takes).
    seed : int
        The same seed and records give the same stamps.

    Returns
    -------
    Stamps
        In the order of the shards.

    Raises
    ------
    InputError
        When all these splits are empty, the records have other planes, or a shard is damaged.
    """
    manifest = load_manifest(records)
    if manifest.stamp_shape != classifier.stamp_shape:
        raise InputError(
            records,
            f"holds stamps with the planes {', '.join(manifest.planes)}",
            expected=f"those the classifier takes, {', '.join(classifier.planes)}",
            action="name the records it was trained on, with --records",
        )
    split = next((name for name in splits if name in manifest.splits and manifest.count(name)), None)
    if split is None:
        raise InputError(
            records,
            f"has no stamps in the split {' or '.join(splits)}",
            expected="stamps to compare the export with Keras on",
            action="build records with that split, or name others with --records",
        )
    read = read_columns(manifest, split, ("stamp", *_KNOWN))
    pixels = read.pop("stamp")
    rows = _drawn(read, most, seed)
    known = {name: values[rows] for name, values in read.items()}
    return Stamps(pixels[rows], known, split, manifest.name, manifest.sha256)


def _drawn(known: Mapping[str, np.ndarray], most: int, seed: int) -> np.ndarray:
    count = len(known["label"])
    if count <= most:
        return np.arange(count)
    _, unit = np.unique(Predictions(known, np.empty(0), {}).units, return_inverse=True)
    rank = np.random.default_rng(seed).permutation(unit.max() + 1)[unit]
    order = np.argsort(rank, kind="stable")
    asteroid = known["label"][order] == 1
    asteroids, others = order[asteroid], order[~asteroid]
    asteroids = _whole(asteroids, rank, max(most // 2, most - len(others)))
    return np.sort(np.concatenate([asteroids, _whole(others, rank, most - len(asteroids))]))


def _whole(rows: np.ndarray, rank: np.ndarray, room: int) -> np.ndarray:
    """Return the first `room` rows, without the part of a unit that does not fit as a whole."""
    if len(rows) <= room:
        return rows
    return rows[:room][rank[rows[:room]] != rank[rows[room]]]
