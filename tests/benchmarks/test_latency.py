"""Latency: percentiles of calls that were made, rates of all stamps, shares of the peak of the same type."""

from __future__ import annotations

import argparse
import json
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import latency
from benchmarks.latency import BATCHES, FEWEST, NO_GPU, STREAM, figures, product, shares, tasks, xla
from benchmarks.peaks import Peaks
from ceres_fast.errors import InputError

from ..tiny_models import peak_model, written
from ..tiny_networks import write_knowing_run

PEAKS = Peaks("GPU", {"float32": 1000.0, "float16": 4000.0}, {}, 100.0)


class Clock:
    """Time that passes only in calls: 1 ms per stamp."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.calls = 0.0, [0]
        monkeypatch.setattr(latency.time, "perf_counter", lambda: self.now)

    def predict(self, stamps: np.ndarray) -> np.ndarray:
        assert stamps.dtype == np.float32
        assert stamps.shape[1:] == (32, 32, 1)
        self.calls.append(len(stamps))
        self.now += len(stamps) / 1000
        return stamps[:, 0, 0, 0]


@pytest.mark.parametrize(("batch", "calls"), [(1, 500), (10, 50), (200, FEWEST)])
def test_calls_fill_the_time_but_are_never_few(monkeypatch: pytest.MonkeyPatch, batch: int, calls: int) -> None:
    clock = Clock(monkeypatch)
    found = figures(clock.predict, (32, 32, 1), batch, 0.5)
    assert found["calls"] == pytest.approx(calls, abs=1)
    assert found["p50_ms"] == found["p99_ms"] == pytest.approx(batch)
    assert found["stamps_per_second"] == pytest.approx(1000)
    assert clock.calls.count(batch) == found["calls"] + 2
    assert max(clock.calls) == STREAM * batch


def test_percentiles_are_of_the_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    slow = iter([False] * 2 + [False] * 94 + [True] * 6 + [False] * 10**4)

    def predict(stamps: np.ndarray) -> np.ndarray:
        clock.now += 0.1 if next(slow) else 0
        return clock.predict(stamps)

    found = figures(predict, (32, 32, 1), 1, 0.694)
    assert found["calls"] == 100
    assert (found["p50_ms"], found["p90_ms"], found["p99_ms"]) == pytest.approx((1, 1, 101))


def row(precision: str) -> dict[str, Any]:
    found = {"stamps_per_second": 1000.0}
    return {"backbone": "xception", "experiment": 2, "precision": precision, "batches": {64: found}}


@pytest.mark.parametrize(("precision", "share"), [("float32", 0.2), ("float16", 0.05), ("int8", None)])
def test_shares_are_of_the_peak_of_the_type(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, precision: str, share: float | None
) -> None:
    monkeypatch.setattr(latency, "isolated", lambda function, *arguments: 10**8)
    found = shares(row(precision), PEAKS, tmp_path)
    assert found["batches"][64]["gflops"] == 200
    assert found["batches"][64]["share"] == share
    assert found["multiply_adds"] == 10**8


def test_a_product_that_runs(tmp_path: Path) -> None:
    found = product(written(tmp_path, peak_model()), "cpu", (1, 5), 0.0)
    assert found["runtime"].startswith("ONNX Runtime")
    assert found["precision"] == "float32"
    assert set(found["batches"]) == {1, 5}
    assert found["batches"][5]["calls"] == FEWEST


@pytest.mark.parametrize("step", ["warm_up", "predict"])
def test_a_product_that_stops_running_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = written(tmp_path, peak_model())

    def fail(*arguments: Any, **options: Any) -> None:
        raise InputError(path, "failed (no memory)")

    monkeypatch.setattr(f"ceres_fast.engines.batches.BatchedEngine.{step}", fail)
    assert product(path, "cpu", (1,), 0.0) == {"not_run": "classifier.onnx: failed (no memory)."}


def test_a_product_that_does_not_run_says_why(tmp_path: Path) -> None:
    path = tmp_path / "classifier.rtx"
    path.touch()
    found = product(path, "auto", (1,), 0.0)
    assert found["not_run"]
    assert str(tmp_path) not in found["not_run"]
    assert shares(found, PEAKS, tmp_path) == found


@pytest.mark.usefixtures("tiny_classifier")
def test_xla_answers_as_keras_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ceres_fast.artifact.classifier import read_classifier
    from ceres_fast.model.load import load_model, predict

    run, answers = write_knowing_run(tmp_path / "run"), []

    def seen(run_batch: Any, shape: tuple[int, ...], batch: int, seconds: float) -> dict[str, Any]:
        stamps = np.random.default_rng(1).normal(1000, 30, (10, *shape)).astype(np.float32)
        answers.append((run_batch(stamps), stamps))
        return {}

    monkeypatch.setattr(latency, "figures", seen)
    found = xla(run, (1, 4), 0.0)
    assert found["runtime"].startswith("XLA")
    model = load_model(read_classifier(run))
    for answer, stamps in answers:
        np.testing.assert_allclose(answer, predict(model, stamps), atol=1e-5)


def options(*arguments: str) -> argparse.Namespace:
    return latency.parser().parse_args(list(arguments))


def test_an_onnx_file_runs_on_every_provider_and_an_engine_on_its_own() -> None:
    given = options("a.onnx", "a.engine", "a.rtx", "--providers", "cpu", "cuda", "--run", "run")
    assert list(tasks(given)) == ["a.onnx, cpu", "a.onnx, cuda", "a.engine", "a.rtx", "XLA"]
    assert tuple(given.batches) == BATCHES


def test_files_of_one_name_have_rows_of_their_own() -> None:
    given = options("a/classifier.onnx", "b/classifier.onnx", "b/classifier.rtx")
    assert list(tasks(given)) == ["a/classifier.onnx, cpu", "b/classifier.onnx, cpu", "b/classifier.rtx"]


def run_here(monkeypatch: pytest.MonkeyPatch, given: argparse.Namespace, gpu: str | None = None) -> None:
    """Let `main` run with these options in this process, with peaks that are not measured."""
    monkeypatch.setattr(latency, "parser", lambda: argparse.Namespace(parse_args=lambda: given))
    monkeypatch.setattr(latency, "isolated", lambda function, *arguments: function(*arguments))
    monkeypatch.setattr(latency, "measured_peaks", lambda seconds: PEAKS)
    monkeypatch.setattr(latency, "_forward", lambda backbone, experiment, folder: 10**8)
    monkeypatch.setattr(latency, "gpu_name", lambda: gpu)


def test_rows_are_kept_when_a_later_one_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, output = written(tmp_path, peak_model()), tmp_path / "latency.json"
    run_here(monkeypatch, options(str(path), "--batches", "1", "--seconds", "0", "--run", "x", "--output", str(output)))
    monkeypatch.setattr(latency, "xla", lambda *arguments: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        latency.main()
    assert list(json.loads(output.read_text())["rows"]) == ["classifier.onnx, cpu"]


def test_a_process_that_is_killed_costs_its_row_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*arguments: Any) -> None:
        raise BrokenProcessPool

    output = tmp_path / "latency.json"
    run_here(monkeypatch, options("a.rtx", "b.rtx", "--output", str(output)))
    monkeypatch.setattr(latency, "product", killed)
    latency.main()
    rows = json.loads(output.read_text())["rows"]
    assert set(rows) == {"a.rtx", "b.rtx"}
    assert all(row["not_run"] for row in rows.values())


@pytest.mark.parametrize(("gpu", "device"), [(None, NO_GPU), ("NVIDIA Fake", "NVIDIA Fake")])
def test_the_result_says_what_it_was_measured_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: str | None, device: str
) -> None:
    path, output = written(tmp_path, peak_model()), tmp_path / "latency.json"
    given = options(str(path), "--batches", "1", "--seconds", "0", "--output", str(output))
    run_here(monkeypatch, given, gpu)
    latency.main()
    result = json.loads(output.read_text())
    assert result["device"] == device
    assert result["rows"]["classifier.onnx, cpu"]["batches"]["1"]["share"] > 0
    assert str(tmp_path) not in json.dumps(result["rows"])
