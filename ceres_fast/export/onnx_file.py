"""A run's classifier as an ONNX file: built under a temporary name, proven, and only then given its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx

from ..artifact.classifier import ONNX_KINDS, Classifier, read_classifier
from ..artifact.free_names import SPARE, final_name, finalise_names, free_name
from ..artifact.onnx_file import read_onnx
from ..artifact.products import PROOF, as_product, describe, metadata, onnx_name
from ..console import say, warn
from ..engines.agreement import probe_stamps
from ..engines.onnx_runtime import OnnxRuntimeEngine
from ..errors import CeresFastError, InputError
from ..files import atomic_file, refuse_existing, sha256_of, temporary_folder, write_json
from ..model.load import load_model, predict
from ..model.onnx_convert import OPSET, check, convert
from ..model.onnx_float16 import halved
from ..training.runs import lock_run
from .proof import TOLERANCES, draw_stamps, tolerances_for
from .proof.against_keras import prove_against_keras

if TYPE_CHECKING:
    import keras

    from .quantise import Quantised, Trial

TIMED, TIMES = 8, 2
"""Stamps at once, and how often, to see what an answer costs: roughly, and soon for the largest network too."""

LAYERS = ".layers.ecsv"
"""What the name of a comparison tensor by tensor ends in."""


def write_onnx(
    classifier: Classifier,
    precision: str,
    *,
    records: Path | None = None,
    output: Path | None = None,
    overwrite: bool = False,
    debug: bool = False,
) -> Path:
    """Write the ONNX file of a run, and its proof beside it; print what was found.

    Parameters
    ----------
    classifier : Classifier
        Read from the run (``folder``).
    precision : {'float32', 'float16', 'int8'}
        What the graph computes in; int8 needs `records`.
    records, output, overwrite, debug
        As in `ceres_fast.export.export`.

    Returns
    -------
    pathlib.Path
        The file. In the run's folder, ``classifier.json`` names it.

    Raises
    ------
    CeresFastError, InputError
        As `ceres_fast.export.export` does. What was there before is then there still.
    """
    assert classifier.folder is not None
    path = output or classifier.folder / onnx_name(precision)
    if path.suffix != ".onnx" or path.stem.endswith(SPARE):
        raise CeresFastError(f"{path}: choose a name that ends in .onnx (and not in {SPARE}.onnx).")
    if output:
        refuse_existing(path, overwrite)
    stamps = None if records is None else draw_stamps(records, classifier)
    of_run = path.parent.resolve() == classifier.folder.resolve()
    if of_run:
        # Nobody may choose another threshold meanwhile: the file is proven at the present one.
        lock_run(classifier.folder)
    kind = ONNX_KINDS[precision]
    written = free_name(classifier, kind, path.name) if of_run else path
    started = time.perf_counter()
    with atomic_file(written) as temporary:
        graph, model, choices = _graph(classifier, precision, records)
        onnx.save(graph, temporary)
        if debug:
            _compare_layers(classifier, precision, temporary, path)
        tolerances = tolerances_for(precision, classifier.precision)
        proof = prove_against_keras(graph, model, temporary, stamps, tolerances)
        if read_classifier(classifier.folder) != classifier:
            raise CeresFastError(f"{classifier.folder}: has changed meanwhile. Export it again when that is over.")
        path.with_suffix(PROOF).unlink(missing_ok=True)  # that of the file before
    if of_run:
        _name_in_run(classifier, kind, written)
    write_json(path.with_suffix(PROOF), {"product": path.name, "sha256": sha256_of(path), **choices, **proof})
    size, seconds = path.stat().st_size / 2**20, time.perf_counter() - started
    say(f"wrote {path} ({size:.1f} MiB, {precision}, opset {OPSET}, {seconds:.0f} s)")
    say(f"{path.name}: {cost(path)}")
    return path


def cost(path: Path) -> str:
    """Return in words what an answer of an ONNX file costs on the CPU of this machine, and how large the file is."""
    engine = OnnxRuntimeEngine(path, provider="cpu")
    stamps = probe_stamps(engine.classifier.planes)[:TIMED]
    engine.predict(stamps, raw=True)  # the first run is slower
    found = []
    for chosen in (stamps[:1], stamps):
        before = engine.seconds
        for _ in range(TIMES):
            engine.predict(chosen, raw=True)
        found.append(1000 * (engine.seconds - before) / (TIMES * len(chosen)))
    return (
        f"{found[0]:.3g} ms for a stamp alone, {found[1]:.3g} ms for each of {TIMED} at once, on the CPU of this "
        f"machine; {path.stat().st_size / 2**20:.1f} MiB"
    )


def up_to_date(classifier: Classifier, precision: str, records: Path | None = None) -> Path | None:
    """Return the run's ONNX file in a precision; None where it has to be exported (again).

    That is where there is none, it is damaged, this version would write it otherwise, or it was not proven as it is:
    with `records`, on stamps of some records.
    """
    kind = ONNX_KINDS[precision]
    if kind not in classifier.files:
        return None
    try:
        path = classifier.file_path(kind)
        _, found = read_onnx(path)
    except InputError:
        return None
    expected = metadata(as_product(classifier, precision), OPSET)
    if {key: found.get(key) for key in expected} != expected:
        return None
    proof = _proof_of(path)
    proven = proof.get("sha256") == classifier.files[kind]["sha256"] and (records is None or proof.get("stamps", 0) > 0)
    return path if proven else None


def _proof_of(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.with_suffix(PROOF).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _graph(
    classifier: Classifier, precision: str, records: Path | None
) -> tuple[onnx.ModelProto, keras.Model, dict[str, Any]]:
    """Return the graph, the model it was made of, and what was chosen by measurement, for the file of the proof."""
    if precision != "int8":
        return *keras_graph(classifier, precision), {}
    graph, model = keras_graph(classifier, "float32")
    quantised = _quantised(graph, model, classifier, records)
    check(quantised.model)
    return describe(quantised.model, as_product(classifier, precision)), model, {"int8": quantised.as_dict()}


_FROM_FLOAT32: dict[str, Callable[[onnx.ModelProto], onnx.ModelProto]] = {
    "float32": lambda graph: graph,
    "float16": halved,
}
"""What makes the graph in a precision of the float32 graph."""


def keras_graph(classifier: Classifier, precision: str) -> tuple[onnx.ModelProto, keras.Model]:
    """Convert a run's classifier.

    Parameters
    ----------
    classifier : Classifier
        Read from the run (``folder``).
    precision : {'float32', 'float16'}
        What the graph computes in. The stem, the last layer, input and output are float32 in both.

    Returns
    -------
    onnx.ModelProto
        Input ``stamp`` (N, 32, 32, planes) float32 in ADU, axes (stamp, y, x, plane); output ``probability`` (N, 2)
        float32 in the order of the classes; the classifier in its properties.
    keras.Model
        The model that was trained, in the precision it was trained in: what the graph is to equal.

    Raises
    ------
    InputError
        When the weights are missing, or not those that the classifier names.
    CeresFastError
        When the graph is not valid ONNX, or a weight is too large for float16.
    """
    convert_precision = _FROM_FLOAT32[precision]
    model = load_model(classifier)
    # Converted from float32 whatever the policy of training: BatchNormalization can then be folded (docs/export.md).
    exact = model if classifier.precision == "float32" else load_model(replace(classifier, precision="float32"))
    graph = convert_precision(convert(exact))
    check(graph)
    return describe(graph, as_product(classifier, precision)), model


def _quantised(graph: onnx.ModelProto, model: keras.Model, classifier: Classifier, records: Path | None) -> Quantised:
    """Quantise the graph: ranges come from the training split, what stays float is chosen on the validation split."""
    if records is None:
        raise CeresFastError(
            "--precision int8: needs records, to measure the ranges of its numbers on and to see what it costs. "
            "Name those it was trained on, with --records."
        )
    from .quantise import calibration_stamps, quantise
    from .quantise.trial_scores import trial_scorer

    validation = draw_stamps(records, classifier, ("validation",))
    reference = predict(model, validation.pixels)[:, classifier.classes.index("asteroid")]
    score = trial_scorer(
        validation, reference, threshold=classifier.threshold, scaling=classifier.scaling, views=classifier.views
    )
    quantised = quantise(graph, calibration_stamps(records), score, TOLERANCES["int8"], _report, classifier.views)
    say(quantised.text())
    return quantised


def _report(trial: Trial) -> None:
    scores = trial.scores
    method = f", {trial.method}" if trial.method else ""
    say(
        f"int8, {trial.what}{method}: recall falls by {scores.recall_loss:.4f}, {scores.changed:.2%} of the decisions "
        f"change, P(asteroid) by {scores.difference:.4f} in the mean"
    )


def _compare_layers(classifier: Classifier, precision: str, product: Path, path: Path) -> None:
    if precision == "float32":
        warn("--debug: there is no float32 graph to compare this one with: it is the one others are compared with")
        return
    from .debug import layerwise

    with temporary_folder("--debug") as folder:
        reference = folder / "float32.onnx"
        onnx.save(keras_graph(classifier, "float32")[0], reference)
        found = layerwise(reference, product)
    found.show()
    found.write(path.with_suffix(LAYERS))


def _name_in_run(classifier: Classifier, kind: str, written: Path) -> None:
    """Let classifier.json name the new file of this kind, which has a free name, and give it its own."""
    assert classifier.folder is not None
    # A file in another precision that had this name is about to be replaced: the run must not name it any more.
    others = {
        each: entry for each, entry in classifier.files.items() if final_name(entry["file"]) != final_name(written.name)
    }
    named = replace(classifier, files=others).with_file(kind, written)
    named.write(classifier.folder)
    finalise_names(named)
