"""What builds have timed is kept in a file, whole, whoever else writes it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from ceres_fast.engines.tensorrt import network
from ceres_fast.engines.tensorrt.build import build
from ceres_fast.engines.tensorrt.options import EngineOptions
from ceres_fast.errors import CeresFastError
from ceres_fast.files import sha256_of

from ...tiny_models import peak_model, written
from .fake_tensorrt import CACHE, NEW, OLD, BuilderConfig, TimingCache, fake_tensorrt

Machine = Callable[..., ModuleType]


def engine_of(onnx: Path, cache: Path) -> None:
    build(onnx, onnx.with_suffix(".engine"), "tensorrt", EngineOptions(timing_cache=cache))


def timed(cache: Path) -> list[str]:
    return cache.read_bytes().removeprefix(CACHE).decode().splitlines()


def test_kept_from_build_to_build(onnx: Path, machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine()
    cache = onnx.parent / "caches" / "timing.cache"
    engine_of(onnx, cache)
    first = f"timed {sha256_of(onnx)}"
    assert timed(cache) == [OLD, first]
    written(onnx.parent, peak_model(gain=2.0))
    engine_of(onnx, cache)
    assert timed(cache) == [OLD, first, f"timed {sha256_of(onnx)}"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("content", [b"no cache", CACHE + f"{NEW}\ntimed something".encode()])
def test_another_cache_is_replaced(
    onnx: Path, machine: Machine, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    machine()
    cache = onnx.parent / "timing.cache"
    cache.write_bytes(content)
    engine_of(onnx, cache)
    assert timed(cache) == [OLD, f"timed {sha256_of(onnx)}"]
    assert "is no timing cache of this TensorRT on this GPU" in capsys.readouterr().err


def test_a_folder_is_no_cache(onnx: Path, machine: Machine) -> None:
    machine()
    with pytest.raises(CeresFastError, match="cannot be read as a timing cache"):
        engine_of(onnx, onnx.parent)
    assert not onnx.with_suffix(".engine").exists()


def test_a_cache_that_cannot_be_written_costs_no_engine(
    onnx: Path, machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path) -> None:
        raise CeresFastError(f"{path}: cannot be written (No space left on device).")

    machine()
    monkeypatch.setattr(network, "atomic_file", full)
    engine_of(onnx, onnx.parent / "timing.cache")
    assert onnx.with_suffix(".engine").exists()
    assert "No space left" in capsys.readouterr().err


def keep(cache: Path, line: str) -> None:
    config = BuilderConfig(fake_tensorrt())
    network.attach_timings(config, cache)
    config.set_timing_cache(TimingCache(OLD, [line]), False)
    network.keep_timings(config, cache)


def test_two_that_build_at_once_lose_nothing(tmp_path: Path) -> None:
    cache = tmp_path / "timing.cache"
    threads = [threading.Thread(target=keep, args=(cache, f"timed {number}")) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(timed(cache)[1:]) == sorted(f"timed {number}" for number in range(12))


HOLDER = """
import sys
from pathlib import Path
from ceres_fast.locks import lock

with lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
    Path(sys.argv[2]).write_bytes(sys.argv[3].encode())
"""


def test_it_waits_for_another_process(tmp_path: Path) -> None:
    cache = tmp_path / "timing.cache"
    theirs = CACHE.decode() + f"{OLD}\ntimed theirs"
    command = [sys.executable, "-c", HOLDER, f"{cache}.lock", str(cache), theirs]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=Path(__file__).parents[3], **pipes) as process:
        assert process.stdout.readline() == "held\n"
        ours = threading.Thread(target=keep, args=(cache, "timed ours"))
        ours.start()
        ours.join(0.2)
        assert ours.is_alive()
        process.stdin.write("\n")
        process.stdin.flush()
        ours.join()
    assert sorted(timed(cache)[1:]) == ["timed ours", "timed theirs"]
