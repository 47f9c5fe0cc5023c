"""A sidecar is data from anywhere: what is not exactly one is refused, in one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ceres_fast.engines.tensorrt.build import build
from ceres_fast.engines.tensorrt.sidecar import Sidecar, read_sidecar, sidecar_path
from ceres_fast.errors import InputError

from ...tiny_models import peak_model, written
from .conftest import AMPERE
from .fake_tensorrt import fake_tensorrt

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture
def engine(onnx: Path, machine: Callable[..., ModuleType]) -> Path:
    machine()
    path = onnx.with_suffix(".engine")
    build(onnx, path, "tensorrt")
    return path


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """An engine, and the values of its sidecar."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "tensorrt", fake_tensorrt())
        patch.setattr("ceres_fast.engines.tensorrt.build.current_gpu", lambda: AMPERE)
        onnx = written(tmp_path_factory.mktemp("stored"), peak_model())
        path = onnx.with_suffix(".engine")
        build(onnx, path, "tensorrt")
    return path, json.loads(sidecar_path(path).read_text())


def refuse(engine: Path, text: str | bytes) -> str:
    sidecar_path(engine).write_bytes(text.encode(errors="surrogatepass") if isinstance(text, str) else text)
    with pytest.raises(InputError, match="--rebuild") as caught:
        read_sidecar(engine)
    message = str(caught.value)
    assert message.startswith(str(sidecar_path(engine)))
    assert "\n" not in message
    assert len(message) < 2000
    return message


def outcome(engine: Path) -> Sidecar | InputError:
    try:
        return read_sidecar(engine)
    except InputError as error:
        return error


def test_round_trip(engine: Path) -> None:
    assert read_sidecar(engine).to_json() == sidecar_path(engine).read_text()


HOSTILE = {
    "empty": "",
    "no object": "[]",
    "cut short": '{"format_version": 1,',
    "not a number": '{"format_version": NaN}',
    "deep": "[" * 100_000,
    "deep and whole": '{"format_version": 1, "x": ' + "[" * 900 + "]" * 900 + "}",
    "large": '{"x": "' + "x" * 2_000_000 + '"}',
    "a long number": '{"format_version": ' + "1" * 5000 + "}",
    "no text": b"\xff\xfe\x00",
    "a lone surrogate": '{"format_version": 1, "\\ud800\\n": 1}',
    "nothing but the version": '{"format_version": 1}',
    "true": '{"format_version": true}',
    "of the future": '{"format_version": 2}',
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts(engine: Path, text: str | bytes) -> None:
    refuse(engine, text)


def test_none(engine: Path) -> None:
    sidecar_path(engine).unlink()
    with pytest.raises(InputError, match=r"engine\.json: does not exist.*no engine is loaded.*--rebuild"):
        read_sidecar(engine)
    sidecar_path(engine).mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        read_sidecar(engine)


WRONG = {
    "flavour": ["tensorflow", None, ["tensorrt"]],
    "runtime_version": ["", "10", "10.13; rm", 10.13, "10." + "1" * 99],
    "onnx": [
        "../classifier.onnx",
        "/etc/classifier.onnx",
        "a\\b.onnx",
        "C:x.onnx",
        ".hidden.onnx",
        "classifier.h5",
        "",
        5,
    ],
    "onnx_sha256": ["0" * 63, "G" * 64, None, "0" * 64 + "\n"],
    "engine_bytes": [0, -1, True, "9", 1.5],
    "engine_sha256": ["", "0" * 65],
    "precision": ["float64", "mixed_float16", ["float32"]],
    "gpu": [
        {},
        {"name": "x"},
        {"name": "x\n", "compute_capability": "8.6"},
        {"name": "x", "compute_capability": 8.6},
        "x",
    ],
    "hardware": ["all", None, {}, "portable"],
    "compute_capabilities": [["8"], "8.6", [8.6], None, ["current"]],
    "batches": [[], [0], [1.5], [True], "64", [2**40]],
    "profiles": [[], [[1, 64]], [[64, 1, 1]], [[0, 1, 1]], [1, 1, 1], [[1, 1, 1], "abc"], [[1, 2, 2]]],
    "options": [{}, None, {"timing_cache": "/etc/passwd"}],
    "built": ["yesterday", "2026-01-01T00:00:00", 5, None],
    "log": ["../x.log", "/dev/null", "classifier.log\n"],
    "classifier": [{}, None, [], "{}"],
    "stamp_shape": [[32, 32], [64, 64, 1], [32, 32, 3], "abc"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_wrong_values(stored: tuple[Path, dict[str, Any]], name: str, value: Any) -> None:
    path, values = stored
    assert name in refuse(path, json.dumps({**values, name: value}))


def test_missing_and_unknown_values(stored: tuple[Path, dict[str, Any]]) -> None:
    path, values = stored
    for name in values:
        message = refuse(path, json.dumps({each: value for each, value in values.items() if each != name}))
        assert name.replace("format_", "format ") in message
    assert "has unknown command" in refuse(path, json.dumps({**values, "command": "rm"}))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_json_is_a_sidecar_or_an_input_error(stored: tuple[Path, dict[str, Any]], data: st.DataObject) -> None:
    path, values = stored
    name = data.draw(st.sampled_from(sorted(values)))
    sidecar_path(path).write_text(json.dumps({**values, name: data.draw(JSON)}))
    found = outcome(path)
    assert isinstance(found, Sidecar) or "\n" not in str(found)


def test_another_classifier_than_its_shape(stored: tuple[Path, dict[str, Any]]) -> None:
    path, values = stored
    changed = {**values["classifier"], "precision": "float16"}
    assert "precision" in refuse(path, json.dumps({**values, "classifier": changed}))
