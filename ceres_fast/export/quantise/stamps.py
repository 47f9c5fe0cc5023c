"""Which stamps the ranges of the activations are measured on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...errors import CeresFastError

FEWEST = 32
"""Stamps. On fewer, the largest value of an activation is chance."""

MOST = 512
"""Stamps. The largest values of activations hardly grow with more; time and memory do."""

_SEED = 20231108


def calibration_stamps(records: Path, most: int = MOST) -> np.ndarray:
    """Return stamps of the training split to measure ranges on, the same ones each time.

    Parameters
    ----------
    records : pathlib.Path
        Folder of the records the classifier was trained on.
    most : int, default 512
        How many at most; half of them asteroids, as far as there are any.

    Returns
    -------
    numpy.ndarray
        float32, (n, 32, 32, planes), axes (y, x, plane), in ADU.

    Raises
    ------
    InputError
        When the records are damaged.
    CeresFastError
        When they are too few, or of one class only.
    """
    from ...records.manifest import load_manifest
    from ...records.pipeline import read_stamps

    stamps, labels = read_stamps(load_manifest(records), "train")
    return stamps[balanced(labels, most, f"{records}: the training split")]


def balanced(labels: np.ndarray, most: int, where: str) -> np.ndarray:
    """Return which of `labels` (n,) to take: of each class as many, filled up with the other where there are too few.

    Raises
    ------
    CeresFastError
        When there are fewer than `FEWEST`, or of one class only.
    """
    classes = [np.flatnonzero(labels == label) for label in (0, 1)]
    if len(labels) < FEWEST or not all(map(len, classes)):
        raise CeresFastError(
            f"{where} has {len(classes[1]):,} asteroids and {len(classes[0]):,} others; int8 needs {FEWEST} stamps "
            "and both kinds, to measure what values its activations take. Name records with more."
        )
    random = np.random.default_rng(_SEED)
    drawn = [random.permutation(members) for members in classes]
    half = most // 2
    asteroids = min(len(drawn[1]), max(half, most - len(drawn[0])))
    return np.sort(np.concatenate([drawn[0][: most - asteroids], drawn[1][:asteroids]]))
