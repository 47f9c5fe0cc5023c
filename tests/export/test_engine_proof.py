"""An engine is proven where it runs, against its ONNX file; a fake GPU runs it here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ceres_fast.engines.gpus import Driver, Gpu
from ceres_fast.engines.onnx_runtime import OnnxRuntimeEngine
from ceres_fast.errors import CeresFastError
from ceres_fast.export.engine_files import prove_engine
from ceres_fast.export.proof import comparison_pixels, draw_stamps

from ..engines.tensorrt import fake_runtime

GPU = Gpu("NVIDIA Fake", "8.6")

Answers = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(params=["tensorrt", "tensorrt-rtx"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An engine file that the machine, with its fake GPU, can run, and its ONNX file beside it."""
    monkeypatch.setattr("ceres_fast.export.engine_files.current_gpu", lambda: GPU)
    monkeypatch.setattr("ceres_fast.engines.tensorrt.checks.current_gpu", lambda: GPU)
    monkeypatch.setattr("ceres_fast.engines.tensorrt.run.driver", lambda: Driver("13.0", (GPU,)))
    fake_runtime.install(monkeypatch, request.param)
    return fake_runtime.write_engine(tmp_path, request.param)


def answering(
    monkeypatch: pytest.MonkeyPatch, engine: Path, records: Path | None, but: Answers = lambda answers: answers
) -> Path:
    """Let the engine answer as its ONNX file does on what is compared, changed by `but`; returns that file."""
    onnx = engine.with_suffix(".onnx")
    like = OnnxRuntimeEngine(onnx, provider="cpu")
    pixels = comparison_pixels(like.classifier, None if records is None else draw_stamps(records, like.classifier))
    known = {stamp.tobytes(): answer for stamp, answer in zip(pixels, but(like.predict(pixels, raw=True)), strict=True)}
    monkeypatch.setattr(
        fake_runtime, "answers", lambda stamps: np.array([known.get(stamp.tobytes(), 0) for stamp in stamps])
    )
    return onnx


def test_on_records(
    engine: Path, tiny_records: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = prove_engine(engine, answering(monkeypatch, engine, tiny_records), tiny_records)
    assert (found["reference"], found["split"], found["largest"]) == ("classifier.onnx on the CPU", "test", 0)
    assert "float32 and classifier.onnx on the CPU, on" in capsys.readouterr().out


def test_asteroids_that_only_the_engine_loses(
    engine: Path, tiny_records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx = answering(monkeypatch, engine, tiny_records, lambda answers: np.zeros_like(answers))
    with pytest.raises(CeresFastError, match=r"Not exported: .*recall falls by .* Classify with the ONNX file"):
        prove_engine(engine, onnx, tiny_records)


def test_without_records(engine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    onnx = answering(monkeypatch, engine, None, lambda answers: np.clip(answers + np.float32(5e-5), 0, 1))
    found = prove_engine(engine, onnx, None)
    assert found == {"reference": "classifier.onnx", "largest_of_probes": pytest.approx(5e-5, rel=0.01)}
    assert "answers as classifier.onnx on built-in stamps: largest difference 5" in capsys.readouterr().out
    answering(monkeypatch, engine, None, lambda answers: 1 - answers)
    with pytest.raises(CeresFastError, match="does not answer as"):
        prove_engine(engine, onnx, None)


def test_without_a_gpu_it_is_said(
    engine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ceres_fast.export.engine_files.current_gpu", lambda: None)
    assert prove_engine(engine, engine.with_suffix(".onnx"), None) == {}
    assert "not compared with classifier.onnx: there is no GPU here" in capsys.readouterr().out


def test_for_another_gpu_it_is_said(
    engine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.write_bytes(engine.read_bytes() + b" ")  # nor is one that is damaged run
    assert prove_engine(engine, engine.with_suffix(".onnx"), None) == {}
    assert "because it does not run here: classifier." in capsys.readouterr().err
