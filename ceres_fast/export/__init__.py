"""Export a classifier to ONNX, and refuse the export unless it answers as Keras does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx

from ..classifier import Classifier, read_classifier
from ..console import say
from ..engines.onnx_runtime import OnnxRuntimeEngine
from ..errors import CeresFastError
from ..files import atomic_file, refuse_existing
from ..model.load import load_model, predict
from ..model.onnx_convert import OPSET, convert
from ..records.manifest import load_manifest
from ..records.pipeline import read_stamps
from ..survey.stamp_table import PLANES, STAMP_SIZE

if TYPE_CHECKING:
    import keras

TOLERANCE = {"float32": 1e-4, "mixed_float16": 1e-2}
"""Largest difference of a probability between ONNX Runtime and Keras: rounding of the precision, over ~100 layers."""

EXPORTED_AS = {"float32": "float32", "mixed_float16": "mixed_float16", "mixed_bfloat16": "float32"}
"""Precision of the exported graph for each precision of training. Weights are float32 in all of them; ONNX Runtime has
no bfloat16 kernels for most operators on the CPU."""


def export_onnx(
    run: Path, output: Path | None = None, *, stamps: np.ndarray | None = None, overwrite: bool = False
) -> Path:
    """Export the classifier of a run to ONNX.

    Parameters
    ----------
    run : pathlib.Path
        Run directory (or its ``classifier.json``).
    output : pathlib.Path, optional
        The ONNX file; without it ``classifier.onnx`` in the run directory, which is replaced where it exists.
    stamps : numpy.ndarray, optional
        Stamps (n, 32, 32, planes) in ADU on which both must agree, beside the built-in extreme ones.
    overwrite : bool
        Replace `output` where it exists.

    Returns
    -------
    pathlib.Path
        The file: input ``stamps`` (n, 32, 32, planes) float32, output ``probabilities`` (n, 2) float32, any n, with the
        classifier's JSON in its metadata. Nothing else is needed to classify.

    Raises
    ------
    CeresFastError
        When `output` exists or is not called .onnx, ONNX Runtime and Keras differ by more than `TOLERANCE`, a stamp's
        answer depends on the others of its batch, the run has changed meanwhile, or `stamps` have other planes than the
        classifier; no file is left then.
    InputError
        When the run is damaged.
    """
    trained = read_classifier(run)
    assert trained.folder is not None
    if output:
        refuse_existing(output, overwrite)
    path = output or trained.folder / "classifier.onnx"
    if path.suffix != ".onnx":
        raise CeresFastError(f"{path}: choose a name that ends in .onnx.")
    probes = probe_stamps(trained.planes)
    checked = probes if stamps is None else np.concatenate([probes, _fitting(stamps, trained)])
    classifier = carried(trained)
    started = time.perf_counter()
    model = load_model(classifier)
    with atomic_file(path) as temporary:
        onnx.save(convert(model, classifier), temporary)
        engine = OnnxRuntimeEngine(temporary)
        difference = check_parity(engine, model, checked, TOLERANCE[classifier.precision])
        alone = check_batch_independence(engine, checked)
        if read_classifier(run) != trained:
            raise CeresFastError(f"{run}: has changed meanwhile. Export it again when its training is over.")
    if path.parent.resolve() == trained.folder.resolve():
        trained.with_file("onnx", path).write(trained.folder)
    size = path.stat().st_size / 2**20
    say(
        f"wrote {path} ({size:.1f} MiB, {classifier.precision}, opset {OPSET}, "
        f"{time.perf_counter() - started:.0f} s)\n"
        f"largest difference on {len(checked):,} stamps: {difference:.1e} to Keras, "
        f"{alone:.1e} between a stamp alone and among others"
    )
    return path


def carried(classifier: Classifier) -> Classifier:
    """Return what an ONNX file says of the classifier of a run."""
    # Without the export that may be there already: the file would speak of its predecessor.
    files = {kind: entry for kind, entry in classifier.files.items() if kind != "onnx"}
    return replace(classifier, precision=EXPORTED_AS.get(classifier.precision, classifier.precision), files=files)


def _fitting(stamps: np.ndarray, classifier: Classifier) -> np.ndarray:
    if stamps.shape[1:] != classifier.stamp_shape:
        raise CeresFastError(
            f"the stamps to check the export on have {stamps.shape[-1]} plane(s), and the classifier takes "
            f"{', '.join(classifier.planes)}. Name the records it was trained on."
        )
    return stamps


def probe_stamps(planes: Sequence[str] = PLANES[:1]) -> np.ndarray:
    """Return stamps at the edges of what a detector delivers, (n, 32, 32, planes) float32, always the same.

    Noise on faint and bright sky, point sources from faint to saturated, constant, negative, huge and tiny values; each
    plane of a stamp is another one of these.
    """
    random = np.random.default_rng(0)
    y, x = np.mgrid[:STAMP_SIZE, :STAMP_SIZE] - STAMP_SIZE / 2
    source = np.exp(-(x**2 + y**2) / 8)
    sky = random.normal(0, 1, (24, STAMP_SIZE, STAMP_SIZE))
    peaks = np.geomspace(1, 65000, 24)[:, None, None]
    level = np.geomspace(10, 50000, 24)[:, None, None]
    detected = np.minimum(level + np.sqrt(level) * sky + peaks * source, 65535)
    extreme = [
        np.zeros_like(x),
        np.full_like(x, 65535),
        source - 100,
        source * 1e9,
        source * 1e-6,
        65535 * (source > 0.5),
    ]
    images = np.concatenate([detected, np.stack(extreme)]).astype(np.float32)
    return np.stack([np.roll(images, 7 * plane, axis=0) for plane in range(len(planes))], axis=-1)


def check_parity(engine: OnnxRuntimeEngine, model: keras.Model, stamps: np.ndarray, tolerance: float) -> float:
    """Return the largest difference of P(asteroid) between the engine and Keras.

    Raises
    ------
    CeresFastError
        When it is above `tolerance` or not a number.
    """
    expected = predict(model, stamps)[:, 1]
    return _largest(engine.predict(stamps) - expected, tolerance, "ONNX Runtime and Keras differ")


def check_batch_independence(engine: OnnxRuntimeEngine, stamps: np.ndarray, most: int = 32) -> float:
    """Return the largest difference of P(asteroid) between a stamp alone and the same stamp among others.

    Raises
    ------
    CeresFastError
        When it is above the rounding of float32 sums in another order (1e-4; 1e-2 in float16).
    """
    among = engine.predict(stamps)[:most]
    alone = np.concatenate([engine.predict(stamp[None]) for stamp in stamps[:most]])
    tolerance = TOLERANCE[engine.classifier.precision]
    return _largest(alone - among, tolerance, "a stamp's answer depends on the others of its batch")


def _largest(differences: np.ndarray, tolerance: float, problem: str) -> float:
    largest = float(np.max(np.abs(differences)))
    if not largest <= tolerance:  # NaN as well
        raise CeresFastError(f"Not exported: {problem} by {largest:.2g}, allowed {tolerance:g}.")
    return largest


def validation_stamps(records: Path, most: int = 1024) -> np.ndarray:
    """Return up to `most` stamps (n, 32, 32, planes) of the validation split of `records`."""
    return read_stamps(load_manifest(records), "validation")[0][:most]


EXPORTERS = {"onnx": export_onnx}
