"""Scores that are kept from call to call: an exposure is scored once, though its field is classified again and again.

Only classifiers of one plane have such scores: what a network says of a stamp of three depends on the other exposures.
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..catalogues.detections import Detections
from ..console import warn_once
from ..engines import Engine
from ..errors import CeresFastError
from ..files import atomic_file
from .scores import Scores


@dataclass
class Earlier:
    """What is known of the detections of an exposure (of one CCD).

    Attributes
    ----------
    path : pathlib.Path
        Where it is kept.
    probability : numpy.ndarray
        float64, shape (n,), as in `Scores`.
    flags : numpy.ndarray
        int32, shape (n,); -1 for what was not scored yet.
    noise : numpy.ndarray
        float64, shape (n,), as in `Scores`.
    """

    path: Path
    probability: np.ndarray
    flags: np.ndarray
    noise: np.ndarray

    def known(self, rows: np.ndarray) -> np.ndarray:
        """Return those of some rows that were scored."""
        return rows[self.flags[rows] >= 0]


class Remembered:
    """A folder of such scores.

    Parameters
    ----------
    folder : pathlib.Path
        Made where it is not there, and something is to be kept.
    engine : Engine
        What makes the scores; those of another are not taken.
    """

    def __init__(self, folder: Path, engine: Engine) -> None:
        self._folder = folder
        said = hashlib.sha256(engine.classifier.to_json().encode())
        said.update(engine.path.read_bytes() if engine.path.is_file() else str(engine.path).encode())
        self._engine = said.hexdigest()

    def read(self, exposure: Detections) -> Earlier:
        """Return what is known of an exposure's detections: nothing where its frame or catalogue has changed since."""
        n, info = len(exposure.x), exposure.info
        files = [path.stat() for path in (info.path, exposure.catalogue.path)]
        seen = [(each.st_size, each.st_mtime_ns) for each in files]
        # Places, because the catalogue may have been replaced since it was read.
        places = hashlib.sha256(exposure.x.tobytes() + exposure.y.tobytes()).hexdigest()
        key = repr((self._engine, str(info.path.resolve()), info.hdu, seen, places, info.camera))
        path = self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npz"
        try:
            with np.load(path, allow_pickle=False) as kept:
                kinds = {"probability": np.float64, "flags": np.int32, "noise": np.float64}
                earlier = Earlier(path, *(kept[name].astype(kind) for name, kind in kinds.items()))
            if len(earlier.probability) == len(earlier.flags) == len(earlier.noise) == n:
                return earlier
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            pass  # not there, or damaged: it costs time only
        return Earlier(path, np.full(n, np.nan), np.full(n, -1, np.int32), np.full(n, np.nan))

    @staticmethod
    def add(earlier: Earlier, rows: np.ndarray, scores: Scores) -> None:
        """Keep the scores of some more rows of an exposure; a disk that refuses costs time, and no exposure."""
        earlier.probability[rows], earlier.flags[rows] = scores.probability[rows], scores.flags[rows]
        earlier.noise[rows] = scores.noise[rows]
        try:
            with atomic_file(earlier.path) as temporary, temporary.open("wb") as stream:
                np.savez(stream, probability=earlier.probability, flags=earlier.flags, noise=earlier.noise)
        except CeresFastError as error:
            warn_once("scores", f"{error} Scores are not kept, and made anew each time")
