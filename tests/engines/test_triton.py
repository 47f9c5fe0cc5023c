"""A classifier on a server answers as one on this machine, is waited for within bounds, and costs no detection."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import ceres_fast
from ceres_fast.artifact.scaling import published
from ceres_fast.catalogues import read_catalogue
from ceres_fast.classify import classify
from ceres_fast.cli import app
from ceres_fast.engines import load
from ceres_fast.engines.triton import Address, TritonEngine, server_address
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.export.triton import MODEL, write_repository
from ceres_fast.selection.rules import Rules

from ..survey_files import write_field, write_stamp
from ..tiny_models import classifier, peak_model, written
from ..tiny_records import stamp

pytest.importorskip("tritonclient.grpc", reason="needs tritonclient[grpc]")

from .triton_server import SERVERS, Model

SCALING = {"method": "temperature", "temperature": 2.0}
BLANK = np.zeros((1, 32, 32), np.float32)

Serve = Callable[..., AbstractContextManager[str]]


@pytest.fixture
def product(tmp_path: Path) -> Path:
    described = classifier(rules=Rules().as_dict(), scaling=SCALING, pixel_scale=0.33)
    return written(tmp_path, peak_model(classifier_json=described.to_json()))


@pytest.fixture
def model(product: Path, tmp_path: Path) -> Model:
    write_repository(product, tmp_path / "models", batches=[1, 2])
    return Model(tmp_path / "models" / MODEL)


@pytest.fixture(params=list(SERVERS))
def scheme(request: pytest.FixtureRequest) -> str:
    if request.param == "triton+http":
        try:
            import tritonclient.http  # noqa: F401
        except (ImportError, RuntimeError):
            pytest.skip("needs tritonclient[http]")
    return str(request.param)


def of(scheme: str, server: str, name: str = MODEL) -> Address:
    return Address(scheme, server, name)


@contextmanager
def killed_at_the_second_batch(folder: Path, scheme: str, then: Callable[[str], None] | None = None) -> Iterator[str]:
    """Serve a model in a process that is killed when it is asked for the second time; call `then` with its address."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.engines.triton_server", str(folder), scheme]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        server = process.stdout.readline().strip()

        def wait() -> None:
            assert process.stdout is not None
            process.stdout.readline()
            process.kill()
            process.wait()
            if then is not None:
                then(server)

        waiting = threading.Thread(target=wait)
        waiting.start()
        try:
            yield server
        finally:
            process.kill()
            waiting.join()


@pytest.mark.parametrize("scheme", list(SERVERS))
def test_an_address_is_found_in_a_path(scheme: str) -> None:
    there = Address(scheme, "host.of.mine:8001", "asteroids")
    assert server_address(Path(f"{scheme}://host.of.mine:8001/asteroids")) == there  # a Path has one slash
    assert str(there) == f"{scheme}://host.of.mine:8001/asteroids"
    assert server_address(Path(str(there))) == there
    assert server_address(Path(f"{scheme}://[::1]:8001/a")) == Address(scheme, "[::1]:8001", "a")


@pytest.mark.parametrize(
    "text", ["triton://host/name", "triton://host:8001", "triton+http://host:x/n", "triton://h:65536/n"]
)
def test_what_only_begins_as_an_address_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"expected triton://HOST:PORT/NAME or triton\+http://HOST:PORT/NAME"):
        load(Path(text))


@pytest.mark.parametrize("text", ["runs/latest", "triton", "triton/model.onnx", "C:/triton.onnx", "https://a:1/b"])
def test_a_file_is_no_address(text: str) -> None:
    assert server_address(Path(text)) is None


@pytest.mark.parametrize("option", ["provider", "rebuild"])
def test_what_is_the_server_s_to_decide(option: str) -> None:
    with pytest.raises(CeresFastError, match=f"the server decides what runs it. Leave out --{option}"):
        load(Path("triton://localhost:9/n"), **{option: {"provider": "cpu", "rebuild": True}[option]})


def test_it_writes_what_classify_writes_here(product: Path, model: Model, scheme: str, tmp_path: Path) -> None:
    night = tmp_path / "night"
    write_field(night)
    write_stamp(night / "stamps" / "a.fits", stamp(True, np.random.default_rng(2)))
    with SERVERS[scheme](model) as server:
        assert ceres_fast.load(str(of(scheme, server))).classifier.scaling == SCALING
        there = classify([night], str(of(scheme, server)), output=tmp_path / "there")
    here = classify([night], product, output=tmp_path / "here")
    assert len(there.written) == len(here.written) == 4
    for mine, theirs in zip(sorted(here.written), sorted(there.written), strict=True):
        assert mine.relative_to(tmp_path / "here") == theirs.relative_to(tmp_path / "there")
        assert mine.read_bytes() == theirs.read_bytes()
    assert there.total == here.total
    assert {shape[0] for shape in model.shapes} <= {1, 2}  # never more than the server takes


@pytest.mark.parametrize("command", ["classify", "night"])
def test_the_command_line_takes_an_address(
    product: Path, model: Model, scheme: str, tmp_path: Path, command: str
) -> None:
    write_field(tmp_path / "night")
    with SERVERS[scheme](model) as server:
        options = ["--model", str(of(scheme, server)), "--output", str(tmp_path / "there")]
        done = CliRunner().invoke(app, [command, str(tmp_path / "night"), *options])
    assert done.exit_code == 0, done.output
    classify([tmp_path / "night"], product, output=tmp_path / "here")
    tables = [sorted(path.read_bytes() for path in (tmp_path / out).rglob("*.cat")) for out in ("here", "there")]
    assert len(tables[0]) == 3
    assert tables[0] == tables[1]


def test_batches_are_filled_as_those_of_a_file_are(product: Path, scheme: str, tmp_path: Path) -> None:
    write_repository(product, tmp_path / "larger", batches=[1, 20])
    served = Model(tmp_path / "larger" / MODEL)
    with SERVERS[scheme](served) as server:
        assert TritonEngine(of(scheme, server)).predict(np.zeros((43, 32, 32))).shape == (43,)
    assert [shape[0] for shape in served.shapes] == [20, 20, 8]


@pytest.mark.parametrize("stamps", [0, 1, 2, 5])
def test_any_number_of_stamps(model: Model, scheme: str, stamps: int) -> None:
    pixels = np.random.default_rng(1).normal(500, 100, (stamps, 32, 32, 1)).astype(np.float32)
    with SERVERS[scheme](model) as server:
        engine = TritonEngine(of(scheme, server))
        found, answers = engine.predict(pixels, raw=True), engine.predict(pixels, batch_size=1000)
    np.testing.assert_array_equal(answers, published(SCALING, found))
    expected = [model.session.run(None, {model.config.input[0].name: each[None]})[0][0, 1] for each in pixels]
    np.testing.assert_allclose(found, np.array(expected, np.float32), atol=1e-6)


def test_what_is_wrong_with_a_batch_is_not_asked_for_again(
    model: Model, scheme: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_field(tmp_path / "night")
    with SERVERS[scheme](model) as server:
        engine = TritonEngine(of(scheme, server))
        model.broken = True
        result = classify([tmp_path / "night"], engine, output=tmp_path / "out", on_error="skip")
    assert model.asked == 3
    assert len(result.written) == len(result.failed) == 3
    assert result.total["rows"] == result.total["not_scored"] == 15
    assert "the model is being unloaded" in capsys.readouterr().err


def test_a_server_that_hangs_is_not_waited_for(model: Model, scheme: str) -> None:
    with SERVERS[scheme](model) as server:
        engine = TritonEngine(of(scheme, server), timeout=0.4, patience=1.0)
        model.free.clear()
        try:
            started = time.monotonic()
            with pytest.raises(InputError, match="the server failed on 1 stamps"):
                engine.predict(BLANK)
            assert time.monotonic() - started < 3
            assert model.asked == 2  # again, as long as there was patience
            with pytest.raises(InputError, match="the server failed on 1 stamps"):
                engine.predict(BLANK)
            assert model.asked == 3  # it says that it is ready; but once
            model.free.set()
            assert engine.predict(BLANK).shape == (1,)
            assert not engine.given_up
        finally:
            model.free.set()


def test_a_server_that_dies_within_a_night_costs_no_detection(
    model: Model, scheme: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for field in ("F0001", "F0002", "F0003"):
        write_field(tmp_path / "night", field=field)
    folder = tmp_path / "models" / MODEL
    with killed_at_the_second_batch(folder, scheme) as server:
        engine = TritonEngine(of(scheme, server), patience=0.5)
        started = time.monotonic()
        result = classify([tmp_path / "night"], engine, output=tmp_path / "out", on_error="skip")
        assert time.monotonic() - started < 20  # eight exposures did not wait eight times
    assert result.status == 3
    assert len(result.written) == 9
    assert len(result.failed) == 8
    tables = sorted((tmp_path / "out").rglob("*.cat"))
    scored = [bool(np.isfinite(read_catalogue(table).table["PROB_ASTEROID"]).any()) for table in tables]
    assert [len(read_catalogue(table).table) for table in tables] == [5] * 9
    assert sum(scored) == 1
    said = capsys.readouterr().err
    assert "the server failed on 1 stamps" in said
    assert "8 inputs could not be classified; the catalogues of those that have one go on unfiltered" in said


def test_a_server_that_is_started_anew_is_waited_for(product: Path, model: Model, scheme: str, tmp_path: Path) -> None:
    write_field(tmp_path / "night")
    done = threading.Event()

    def again(server: str) -> None:
        time.sleep(0.5)
        with SERVERS[scheme](model, int(server.rpartition(":")[2])):
            done.wait()

    with killed_at_the_second_batch(tmp_path / "models" / MODEL, scheme, again) as server:
        try:
            result = classify([tmp_path / "night"], TritonEngine(of(scheme, server)), output=tmp_path / "there")
        finally:
            done.set()
    assert result.status == 0
    assert model.asked == 2
    here = classify([tmp_path / "night"], product, output=tmp_path / "here")
    assert [path.read_bytes() for path in result.written] == [path.read_bytes() for path in here.written]


@pytest.mark.parametrize("error", [ImportError("no gevent"), RuntimeError("no grpc")])
def test_a_client_without_the_protocol_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def missing(name: str) -> None:
        raise error

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(InputError, match=r"pip install 'tritonclient\[http\]'"):
        load(Path("triton+http://127.0.0.1:9/n"))


def test_without_tritonclient_a_line_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['tritonclient'] = None; from ceres_fast.__main__ import main; main()"
    (tmp_path / "night").mkdir()
    command = [sys.executable, "-c", code, "classify", "night", "--model", "triton://here:8001/n"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: triton://here:8001/n: tritonclient cannot speak grpc here")
    assert done.stderr.endswith("Install it: pip install 'tritonclient[grpc]'.\n")
    assert done.stderr.count("\n") == 1


def test_another_version_is_not_asked(model: Model, scheme: str) -> None:
    with SERVERS[scheme](model) as server:
        engine = TritonEngine(of(scheme, server))
        model.version = "2"
        with pytest.raises(InputError, match=r"failed on 1 stamps.*another version now, start this again"):
            engine.predict(BLANK)


def test_no_such_model_and_no_server(model: Model, scheme: str) -> None:
    with (
        SERVERS[scheme](model) as server,
        pytest.raises(InputError, match="mine: the server does not say how it serves this model"),
    ):
        TritonEngine(of(scheme, server, "mine"))
    for nowhere in ("127.0.0.1:9", "no.such.host.invalid:8001"):
        with pytest.raises(InputError, match=f"^{scheme}://{nowhere}/n: the server does not say".replace("+", r"\+")):
            TritonEngine(of(scheme, nowhere, "n"), timeout=3)


@pytest.mark.parametrize("lacking", ["parameters", "version_policy", "max_batch_size"])
def test_a_model_of_somebody_else_is_refused(model: Model, scheme: str, lacking: str) -> None:
    model.config.ClearField(lacking)
    with SERVERS[scheme](model) as server, pytest.raises(InputError, match="does not say which classifier it is"):
        TritonEngine(of(scheme, server))
