"""From an exported ONNX file to an engine file with its log and sidecar, proven, and the ONNX file beside them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..artifact.onnx_file import read_onnx
from ..artifact.products import PROOF
from ..console import say, warn
from ..engines.agreement import agreement
from ..engines.gpus import current_gpu
from ..engines.onnx_runtime import OnnxRuntimeEngine
from ..engines.tensorrt.build import build
from ..engines.tensorrt.flavours import FLAVOURS, EngineOptions, Flavour
from ..engines.tensorrt.run import TensorRTEngine
from ..engines.tensorrt.sidecar import Sidecar
from ..errors import CeresFastError, InputError
from ..files import atomic_file, refuse_existing, sha256_of, write_json


def write_engine(
    onnx: Path,
    name: str,
    options: EngineOptions | None = None,
    *,
    output: Path | None = None,
    overwrite: bool = False,
    records: Path | None = None,
) -> Path:
    """Build an engine file from an ONNX file, and refuse it where it runs here and does not answer as that file does.

    Parameters
    ----------
    onnx : pathlib.Path
        A classifier that was exported to ONNX, and proven there.
    name : str
        ``"tensorrt"`` or ``"tensorrt-rtx"``.
    options : EngineOptions, optional
        How to build.
    output : pathlib.Path, optional
        The engine file, or a folder for it; without it, beside the ONNX file, where an engine of that name is replaced.
        In another folder the ONNX file is copied there: an engine is built anew from it where it does not fit.
    overwrite : bool
        Replace what is at `output`.
    records : pathlib.Path, optional
        Records to prove the engine on, where it runs here; without them built-in stamps are compared.

    Returns
    -------
    pathlib.Path
        The engine file, ``<stem of the ONNX file>.engine`` or ``.rtx`` where `output` does not name it.

    Raises
    ------
    InputError
        When the ONNX file is not there, or as `build` does.
    CeresFastError
        When a file is there already and not to be replaced, the engine is beyond the tolerances of its precision, or as
        `build` does. What was there before is then there still.
    """
    kind = FLAVOURS[name]
    if not onnx.is_file():
        raise InputError(onnx, "does not exist", expected="an ONNX file", action="export to ONNX first")
    engine = _engine_path(onnx, kind, output)
    if output:
        refuse_existing(engine, overwrite)
    started = time.perf_counter()
    with _beside(onnx, engine, overwrite) as copy:
        found: dict[str, Any] = {}
        sidecar = build(copy, engine, name, options, lambda built: found.update(prove_engine(built, copy, records)))
        proof = engine.with_name(engine.name + PROOF)
        proof.unlink(missing_ok=True)  # that of the engine before
        if found:
            write_json(proof, {"product": engine.name, "sha256": sidecar.engine_sha256, **found})
    say(_summary(engine, kind, sidecar, time.perf_counter() - started))
    return engine


def _engine_path(onnx: Path, kind: Flavour, output: Path | None) -> Path:
    name = onnx.stem + kind.suffix
    if output is None:
        return onnx.with_name(name)
    if output.is_dir() or not output.suffix:
        return output / name
    if output.suffix != kind.suffix:
        raise CeresFastError(f"{output}: choose a name that ends in {kind.suffix}, or a folder.")
    return output


@contextmanager
def _beside(onnx: Path, engine: Path, overwrite: bool) -> Iterator[Path]:
    """Yield the ONNX file in the engine's folder: itself, or a copy, which is removed again when the build fails.

    What the copy replaced is then restored: the earlier engine was made of it, and would be refused beside another.
    """
    copy = engine.with_name(onnx.name)
    if onnx.parent.resolve() == engine.parent.resolve() or (copy.is_file() and sha256_of(copy) == sha256_of(onnx)):
        yield copy
        return
    refuse_existing(copy, overwrite)
    content, _ = read_onnx(onnx)
    before = copy.read_bytes() if copy.exists() else None
    with atomic_file(copy) as temporary:
        temporary.write_bytes(content)
    try:
        yield copy
    except BaseException:
        if before is None:
            copy.unlink()
        else:
            with atomic_file(copy) as temporary:
                temporary.write_bytes(before)
        raise


def _summary(engine: Path, kind: Flavour, sidecar: Sidecar, seconds: float) -> str:
    built_for = ", ".join(sidecar.compute_capabilities)
    if built_for:
        where = f"for compute capability {built_for}"
    elif sidecar.gpu and not kind.portable:
        where = f"for {sidecar.gpu['name']}"
    else:
        where = f"for the GPUs of {kind.title}'s own choice"
    return (
        f"wrote {engine} ({sidecar.engine_bytes / 2**20:.1f} MiB, {sidecar.precision}, {kind.title} "
        f"{sidecar.runtime_version}, batches {', '.join(map(str, sidecar.batches))}, {seconds:.0f} s)\n"
        f"built {where} from {sidecar.onnx}; what was built and why is in {sidecar.log}"
    )


def prove_engine(built: Path, onnx: Path, records: Path | None) -> dict[str, Any]:
    """Compare an engine, where it runs on this machine, with its ONNX file, computed on the CPU; print the result.

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
        The proof; empty where the engine does not run on this machine.

    Raises
    ------
    CeresFastError
        When the engine is beyond the tolerances of its precision.
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
    # Here, because it imports SciPy: a machine that compares built-in stamps only need not have it.
    from .proof import comparison_pixels, draw_stamps, prove, tolerances_for

    stamps = draw_stamps(records, engine.classifier)
    answers = OnnxRuntimeEngine(onnx, provider="cpu").predict(comparison_pixels(engine.classifier, stamps), raw=True)
    tolerances = tolerances_for(engine.classifier.precision)
    proof = prove(engine, stamps, tolerances, answers, f"{onnx.name} on the CPU")
    say(proof.text())
    return proof.as_dict()
