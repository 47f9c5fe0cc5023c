"""The command `export`: what it is told reaches the function, and options that would have no effect are refused."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from ceres_fast.cli import app


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
    """What `export` is called with, in the place of which nothing is done."""
    calls: list[dict[str, Any]] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ceres_fast.export.export", lambda run, **named: calls.append({"run": run, **named}))
    monkeypatch.setitem(sys.modules, "ceres_fast.engines.tensorrt", SimpleNamespace(__path__=[]))
    api = SimpleNamespace(EngineOptions=SimpleNamespace)
    monkeypatch.setitem(sys.modules, "ceres_fast.engines.tensorrt.flavours", api)
    return calls


def invoke(*arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(app, ["export", *arguments], env={"COLUMNS": "200"})
    assert done.exit_code == status, done.output
    return done.output


DEFAULTS = {
    "run": Path("runs/latest"),
    "to": "onnx",
    "precision": None,
    "records": None,
    "output": None,
    "overwrite": False,
    "batches": (1, 64, 1024),
    "options": None,
    "debug": False,
    "views": 1,
    "members": (),
    "cascade": None,
}


def test_defaults(told: list[dict[str, Any]]) -> None:
    invoke()
    Path("records").mkdir()
    invoke()
    assert told == [DEFAULTS, {**DEFAULTS, "records": Path("records")}]


def test_all_options(told: list[dict[str, Any]]) -> None:
    common = ["--precision=int8", "--records=r", "--output=o", "--overwrite", "--debug", "--batch=2, 16"]
    engine = ["--workspace=512", "--compute-capability=8.0, 8.6", "--version-compatible", "--hardware-compatible"]
    invoke("run", "--to=tensorrt", *common, *engine, "--timing-cache=t")
    options = SimpleNamespace(
        batches=(2, 16),
        workspace_mib=512,
        compute_capabilities=("8.0", "8.6"),
        version_compatible=True,
        hardware_compatible=True,
        timing_cache=Path("t"),
    )
    assert told == [
        {
            "run": Path("run"),
            "to": "tensorrt",
            "precision": "int8",
            "records": Path("r"),
            "output": Path("o"),
            "overwrite": True,
            "batches": (2, 16),
            "options": options,
            "debug": True,
            "views": 1,
            "members": (),
            "cascade": None,
        }
    ]


@pytest.mark.parametrize("to", ["onnx", "triton"])
def test_engine_options_are_for_engines(told: list[dict[str, Any]], to: str) -> None:
    assert "engine options are for --to tensorrt" in invoke(f"--to={to}", "--version-compatible", status=2)
    assert not told


@pytest.mark.parametrize("batch", ["", "0", "1,-2", "1.5", "many", "1;2", "²"])
def test_batch_sizes_are_numbers(told: list[dict[str, Any]], batch: str) -> None:
    assert "expected numbers from 1" in invoke("--to=tensorrt", f"--batch={batch}", status=2)
    assert not told


def test_an_onnx_file_has_no_batch_sizes(told: list[dict[str, Any]]) -> None:
    assert "takes batches of any size" in " ".join(invoke("--batch=8", status=2).split())
    assert not told
    invoke("--to=triton", "--batch=8")
    assert told[0]["batches"] == (8,)
