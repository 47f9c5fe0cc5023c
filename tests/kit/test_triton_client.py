"""The client example asks a server as Triton's own library does, and writes what `classify` writes here."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ceres_fast.artifact.scaling import published
from ceres_fast.classify import classify
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.export.triton import MODEL, write_repository
from ceres_fast.selection.rules import Rules
from ceres_fast.stamps import PLANES

from ..survey_files import write_exposure, write_field, write_stamp
from ..tiny_models import classifier, peak_model, written
from ..tiny_records import stamp

pytest.importorskip("tritonclient.grpc", reason="needs tritonclient[grpc]")

from .triton_server import Model, grpc_server, http_server

CLIENT = Path(__file__).parents[2] / "export" / "triton" / "client.py"
SCALING = {"method": "temperature", "temperature": 2.0}

Serve = Callable[[Model], AbstractContextManager[str]]


@pytest.fixture(scope="module")
def client() -> SimpleNamespace:
    return SimpleNamespace(**runpy.run_path(str(CLIENT), run_name="client"))


@pytest.fixture
def product(tmp_path: Path) -> Path:
    described = classifier(rules=Rules().as_dict(), scaling=SCALING, pixel_scale=0.33)
    return written(tmp_path, peak_model(classifier_json=described.to_json()))


@pytest.fixture
def model(product: Path, tmp_path: Path) -> Model:
    write_repository(product, tmp_path / "models", batches=[1, 2])
    return Model(tmp_path / "models" / MODEL)


@pytest.fixture(params=["grpc", "http"])
def serve(request: pytest.FixtureRequest) -> Iterator[tuple[str, Serve]]:
    if request.param == "http":
        try:
            import tritonclient.http  # noqa: F401
        except (ImportError, RuntimeError):
            pytest.skip("needs tritonclient[http]")
    return request.param, {"grpc": grpc_server, "http": http_server}[request.param]


def test_it_writes_what_classify_writes_here(
    client: Any, product: Path, model: Model, serve: tuple[str, Serve], tmp_path: Path
) -> None:
    night = tmp_path / "night"
    write_field(night)
    write_stamp(night / "stamps" / "a.fits", stamp(True, np.random.default_rng(2)))
    protocol, server = serve
    with server(model) as address:
        engine = client.TritonEngine(address, protocol)
        assert engine.classifier.scaling == SCALING
        there = client.classify([night], engine, output=tmp_path / "there", on_error="skip")
    here = classify([night], product, output=tmp_path / "here")
    assert len(there.written) == len(here.written) == 4
    for mine, theirs in zip(sorted(here.written), sorted(there.written), strict=True):
        assert mine.relative_to(tmp_path / "here") == theirs.relative_to(tmp_path / "there")
        assert mine.read_bytes() == theirs.read_bytes()
    assert there.total == here.total
    assert {shape[0] for shape in model.shapes} <= {1, 2}  # never more than the server takes


@pytest.mark.parametrize("stamps", [0, 1, 2, 5])
def test_any_number_of_stamps(client: Any, model: Model, serve: tuple[str, Serve], stamps: int) -> None:
    pixels = np.random.default_rng(1).normal(500, 100, (stamps, 32, 32, 1)).astype(np.float32)
    protocol, server = serve
    with server(model) as address:
        engine = client.TritonEngine(address, protocol)
        found, written = engine.predict(pixels, raw=True), engine.predict(pixels)
    np.testing.assert_array_equal(written, published(SCALING, found))
    expected = [model.session.run(None, {model.config.input[0].name: each[None]})[0][0, 1] for each in pixels]
    np.testing.assert_allclose(found, np.array(expected, np.float32), atol=1e-6)


def test_a_server_that_fails_costs_no_detection(
    client: Any, model: Model, serve: tuple[str, Serve], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_field(tmp_path / "night")
    protocol, server = serve
    with server(model) as address:
        engine = client.TritonEngine(address, protocol)
        model.broken = True
        result = client.classify([tmp_path / "night"], engine, output=tmp_path / "out", on_error="skip")
    assert len(result.written) == len(result.failed) == 3
    assert result.total["rows"] == result.total["not_scored"] == 15
    assert "the model is being unloaded" in capsys.readouterr().err


def test_a_server_that_hangs_is_not_waited_for(client: Any, model: Model, serve: tuple[str, Serve]) -> None:
    protocol, server = serve
    with server(model) as address:
        engine = client.TritonEngine(address, protocol, timeout=0.5)
        model.free.clear()
        try:
            with pytest.raises(InputError, match="the server failed on 1 stamps"):
                engine.predict(np.zeros((1, 32, 32, 1), np.float32))
        finally:
            model.free.set()


@pytest.mark.parametrize("error", [ImportError("no gevent"), RuntimeError("no grpc")])
def test_a_client_without_the_protocol_is_told_what_to_install(
    client: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def missing(name: str) -> None:
        raise error

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(InputError, match=r"pip install 'tritonclient\[http\]'"):
        client.TritonEngine("127.0.0.1:9", "http")


def test_without_tritonclient_a_line_says_what_to_install(tmp_path: Path) -> None:
    without = (
        "import runpy, sys; sys.modules['tritonclient'] = None; "
        f"sys.argv = ['client.py', '.', '--server', 'here:8001']; runpy.run_path({str(CLIENT)!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", without], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: here:8001/asteroid_classifier: tritonclient cannot speak grpc here")
    assert done.stderr.endswith("Install it: pip install 'tritonclient[grpc]'.\n")
    assert done.stderr.count("\n") == 1


def test_another_version_is_not_asked(client: Any, model: Model, serve: tuple[str, Serve]) -> None:
    protocol, server = serve
    with server(model) as address:
        engine = client.TritonEngine(address, protocol)
        model.version = "2"
        with pytest.raises(InputError, match="failed on 1 stamps"):
            engine.predict(np.zeros((1, 32, 32, 1), np.float32))


def test_no_such_model_and_no_server(client: Any, model: Model, serve: tuple[str, Serve]) -> None:
    protocol, server = serve
    with (
        server(model) as address,
        pytest.raises(InputError, match="mine: the server does not say how it serves this model"),
    ):
        client.TritonEngine(address, protocol, "mine")
    with pytest.raises(InputError, match="does not say how it serves"):
        client.TritonEngine("127.0.0.1:9", protocol)


@pytest.mark.parametrize("lacking", ["parameters", "version_policy"])
def test_a_model_of_somebody_else_is_refused(client: Any, model: Model, serve: tuple[str, Serve], lacking: str) -> None:
    model.config.ClearField(lacking)
    protocol, server = serve
    with server(model) as address, pytest.raises(InputError, match="does not say which classifier it is"):
        client.TritonEngine(address, protocol)


def test_the_command_line(
    client: Any, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = write_exposure(tmp_path / "night", 0)
    broken = write_exposure(tmp_path / "night", 1)
    out = tmp_path / "out"

    def run(*options: str) -> int:
        monkeypatch.setattr(sys, "argv", ["client.py", *options])
        return client.main()

    with grpc_server(model) as address:
        asked = (str(frame), "--server", address, "--output", str(out))
        assert run(*asked) == 0
        assert [path.name for path in out.rglob("*.*")] == ["F0001-1.cat"]
        assert run(*asked) == 1
        assert "exists already" in capsys.readouterr().err
        assert run(*asked, "--overwrite") == 0
        broken.write_bytes(broken.read_bytes()[:3000])
        assert run(str(tmp_path / "night"), "--server", address, "--output", str(tmp_path / "both")) == 3
        assert sorted(path.name for path in (tmp_path / "both").rglob("*.cat")) == ["F0001-1.cat", "F0001-2.cat"]


def test_a_classifier_of_three_planes_is_not_for_stamps(client: Any, tmp_path: Path) -> None:
    engine = SimpleNamespace(classifier=classifier(planes=PLANES), path=Path("server/model"), seconds=0.0)
    write_stamp(tmp_path / "stamp.fits", np.zeros((32, 32), np.float32))
    with pytest.raises(CeresFastError, match="is one plane, the science image"):
        client.classify([tmp_path], engine, output=tmp_path / "out")
