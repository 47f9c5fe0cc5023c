"""The ranges of the activations: on which training stamps they are measured, and how, batch by batch."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod
from onnxruntime.quantization.calibrate import TensorsData, create_calibrator

from ...errors import CeresFastError
from ...files import temporary_folder
from .float_graph import OPERATORS

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
    """Return rows of `labels` (n,): as many of each class; where one has too few, more of the other.

    Raises
    ------
    CeresFastError
        When there are fewer than `FEWEST`, or of one class only.
    """
    classes = [np.flatnonzero(labels == label) for label in (0, 1)]
    if len(labels) < FEWEST or not all(map(len, classes)):
        raise CeresFastError(
            f"{where} has {len(classes[1]):,} asteroids and {len(classes[0]):,} others; int8 needs {FEWEST} stamps "
            "and both kinds, to measure the range of its activations. Name records with more."
        )
    random = np.random.default_rng(_SEED)
    drawn = [random.permutation(members) for members in classes]
    half = most // 2
    asteroids = min(len(drawn[1]), max(half, most - len(drawn[0])))
    return np.sort(np.concatenate([drawn[0][: most - asteroids], drawn[1][:asteroids]]))


METHODS: dict[str, tuple[CalibrationMethod, dict[str, Any]]] = {
    "minmax": (CalibrationMethod.MinMax, {}),
    "percentile": (CalibrationMethod.Percentile, {"percentile": 99.99, "symmetric": True, "num_bins": 2048}),
}
"""How a range is found: the largest value seen, or what 99.99 % of the values are below. Which one serves better is
measured (`ceres_fast.export.quantise.block_search`). The largest value comes first, because it shows one that is not
finite."""

BATCH = 8
"""Stamps at a time. The percentile looks at all activations of a batch at once: 8 of a network with 5 million of them
are 160 MB, and ONNX Runtime's own loop over the batches would keep all of them to the end."""


def ranges_of(model: onnx.ModelProto, stamps: np.ndarray, method: str, batch: int = BATCH) -> TensorsData:
    """Return the range of each activation that may become int8.

    Parameters
    ----------
    model : onnx.ModelProto
        From `prepare`.
    stamps : numpy.ndarray
        float32, (n, 32, 32, planes), in ADU.
    method : {'minmax', 'percentile'}
        Row of `METHODS`.
    batch : int
        Stamps at a time.

    Raises
    ------
    CeresFastError
        When an activation is not finite for some stamp.
    """
    kind, options = METHODS[method]
    (name,) = (value.name for value in model.graph.input)
    with temporary_folder("Exporting to int8") as folder, _quietly():
        path = folder / "float.onnx"
        onnx.save(model, path)
        calibrator = create_calibrator(
            path, list(OPERATORS), (folder / "watched.onnx").as_posix(), kind, extra_options=options
        )
        for start in range(0, len(stamps), batch):
            calibrator.collect_data(_Batch({name: stamps[start : start + batch]}))
        ranges = calibrator.compute_data()
    for tensor, values in ranges.items():
        if not np.isfinite(values.range_value).all():
            raise CeresFastError(
                f"Not exported: {tensor} is not finite for the training stamps. Export the classifier as float32, and "
                "look at what it says of them."
            )
    return ranges


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep back what the calibrators print, and NumPy's warning of values that are all NaN: those are looked for."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


class _Batch(CalibrationDataReader):
    def __init__(self, inputs: dict[str, np.ndarray]) -> None:
        self._waiting = [inputs]

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the batch, and None after it."""
        return self._waiting.pop() if self._waiting else None
