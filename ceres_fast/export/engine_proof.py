"""The proof that an engine answers as the ONNX file it was built from, where there is a GPU to ask it on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..console import say, warn
from ..engines.agreement import agreement
from ..engines.gpus import current_gpu
from ..engines.onnx_runtime import OnnxRuntimeEngine
from ..engines.tensorrt.run import TensorRTEngine
from ..errors import CeresFastError


def proven(built: Path, onnx: Path, records: Path | None) -> dict[str, Any]:
    """Compare an engine with its ONNX file, computed on the CPU.

    Parameters
    ----------
    built : pathlib.Path
        The engine file, its sidecar beside it.
    onnx : pathlib.Path
        What it was built from: proven against Keras, as far as it is a product of a run.
    records : pathlib.Path or None
        Records: stamps of their test split are compared, and built-in ones. None: the built-in ones only, which say
        nothing of decisions and recall, and need no TensorFlow.

    Returns
    -------
    dict
        The proof; empty where the engine does not run on this machine, which is said.

    Raises
    ------
    CeresFastError
        When the engine is beyond the bounds of its precision.
    """
    if current_gpu() is None:
        say(f"not compared with {onnx.name}: there is no GPU here; where it runs, `ceres-fast doctor` tries it")
        return {}
    try:
        engine = TensorRTEngine(built)
    except CeresFastError as error:
        warn(
            f"not compared with {onnx.name}, because it does not run here: {str(error).replace(f'{built.parent}/', '')}"
        )
        return {}
    if records is None:
        largest = agreement(engine, onnx)
        say(f"answers as {onnx.name} on built-in stamps: largest difference {largest:.1e} in P(asteroid)")
        return {"reference": onnx.name, "largest_of_probes": largest}
    return _on_records(engine, onnx, records)


def _on_records(engine: TensorRTEngine, onnx: Path, records: Path) -> dict[str, Any]:
    from .proof import compared, draw_stamps, prove
    from .proof.tolerances import bounds_for

    stamps = draw_stamps(records, engine.classifier)
    answers = OnnxRuntimeEngine(onnx, provider="cpu").predict(compared(engine.classifier, stamps), raw=True)
    bounds = bounds_for(engine.classifier.precision)
    proof = prove(engine, stamps, bounds, answers, f"{onnx.name} on the CPU")
    say(proof.text())
    return proof.as_dict()
