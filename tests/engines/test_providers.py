"""A provider that was asked for runs, or it is an error that says why; `auto` says why it takes the next one."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnxruntime
import pytest

from ceres_fast.console import warnings_kept
from ceres_fast.engines import load, providers, tensorrt_provider
from ceres_fast.engines.batches import GPU_SIZES
from ceres_fast.engines.gpus import Driver, Gpu
from ceres_fast.engines.providers import PROVIDERS, NotStartedError, Onnx, start
from ceres_fast.errors import CeresFastError

from ..tiny_models import peak_model, written

MODEL = Onnx(b"a model", (32, 32, 1))
CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"


class Runtime(SimpleNamespace):
    """ONNX Runtime built with `built`, of which `starting` start; the others fall back to the CPU without a word."""

    def __init__(self, built: list[str], starting: list[str], error: Exception | None = None) -> None:
        super().__init__(
            __version__="1.99.0",
            __file__="/nowhere/onnxruntime/__init__.py",
            SessionOptions=onnxruntime.SessionOptions,
            InferenceSession=self.session,
            get_available_providers=lambda: built,
            set_default_logger_severity=self.logged.append,
            preload_dlls=lambda: print("Failed to load libcublasLt.so.12"),
        )
        self.starting, self.error = starting, error
        self.asked: list[list[tuple[str, dict[str, str]]]] = []
        self.options: list[onnxruntime.SessionOptions] = []

    logged: list[int] = []  # noqa: RUF012

    def session(self, content: bytes, options: Any, *, providers: Any, enable_fallback: int) -> Any:
        assert not enable_fallback
        self.asked.append(providers)
        self.options.append(options)
        if self.error and providers[0][0] != CPU:
            raise self.error
        started = [name for name, _ in providers if name in [*self.starting, CPU]]
        return SimpleNamespace(get_providers=lambda: started)


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Runtime]:
    def put(*arguments: Any, there: bool = True, problem: str = "") -> Runtime:
        made = Runtime(*arguments)
        found = Driver(problem=problem) if problem else Driver("13.0", (Gpu("NVIDIA A2", "8.6", 2**34),))
        for module in (providers, tensorrt_provider):
            monkeypatch.setattr(module, "onnxruntime", made)
            monkeypatch.setattr(module, "driver", lambda: found)
        monkeypatch.setattr(tensorrt_provider, "is_package", lambda name: there)
        monkeypatch.setattr(providers.ctypes, "CDLL", missing)
        monkeypatch.setattr(providers, "is_package", lambda name: False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv(tensorrt_provider.TF32, "")  # so that what a test sets is taken back
        monkeypatch.delenv(tensorrt_provider.TF32)
        return made

    return put


def missing(name: str) -> None:
    raise OSError(f"{Path(name).name}: cannot open shared object file")


def started(provider: str = "auto") -> tuple[str, list[str]]:
    with warnings_kept() as warned:
        return start(MODEL, provider)[1], warned


@pytest.mark.parametrize(
    ("built", "expected"),
    [
        ([CPU], "cpu"),
        ([CUDA, CPU], "cuda"),
        ([TENSORRT, CUDA, CPU], "tensorrt"),
        (["AzureExecutionProvider", CPU], "cpu"),
    ],
)
def test_auto_takes_the_best_that_there_is(runtime: Callable[..., Runtime], built: list[str], expected: str) -> None:
    runtime(built, built)
    assert started() == (expected, [])


def test_auto_does_not_try_tensorrt_where_only_onnx_runtime_s_part_of_it_is(runtime: Callable[..., Runtime]) -> None:
    made = runtime([TENSORRT, CUDA, CPU], [CUDA], there=False)
    assert started() == ("cuda", [])
    assert [asked[0][0] for asked in made.asked] == [CUDA]


def test_auto_warns_of_each_that_does_not_start(runtime: Callable[..., Runtime]) -> None:
    runtime([TENSORRT, CUDA, CPU], [])
    name, warned = started()
    assert name == "cpu"
    assert len(warned) == 2
    for provider, message in zip(("tensorrt", "cuda"), warned, strict=True):
        assert message.startswith(
            f"provider {provider}: it did not start (libonnxruntime_providers_{provider}.so: cannot"
        )
        assert message.endswith("The next best one is used")


def test_auto_names_the_missing_gpu(runtime: Callable[..., Runtime]) -> None:
    runtime([CUDA, CPU], [], problem="it sees no GPU")
    name, (message,) = started()
    assert name == "cpu"
    assert "did not start (no GPU: it sees no GPU)" in message


@pytest.mark.parametrize("name", ["cuda", "tensorrt"])
def test_a_silent_fallback_is_an_error(
    runtime: Callable[..., Runtime], name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    made = runtime([TENSORRT, CUDA, CPU], [CPU])
    with pytest.raises(NotStartedError, match=rf"provider {name}: it did not start \(libonnx.*`ceres-fast doctor`"):
        start(MODEL, name)
    assert capfd.readouterr() == ("", "")
    assert made.logged[-2:] == [providers.LOGGED_NEVER, providers.LOGGED_FROM]


def test_tensorrt_that_falls_back_to_cuda_is_an_error_too(runtime: Callable[..., Runtime]) -> None:
    runtime([TENSORRT, CUDA, CPU], [CUDA])
    with pytest.raises(NotStartedError, match="provider tensorrt"):
        start(MODEL, "tensorrt")


def test_what_onnx_runtime_says_is_the_reason_where_nothing_is_missing(
    runtime: Callable[..., Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime([CUDA, CPU], [], RuntimeError("[ONNXRuntimeError] : 1 : FAIL : CUDA failure 2: out of\nmemory"))
    monkeypatch.setattr(providers.ctypes, "CDLL", lambda name: True)
    with pytest.raises(NotStartedError, match=r"did not start \(CUDA failure 2: out of memory\)"):
        start(MODEL, "cuda")


@pytest.mark.parametrize("name", ["cuda", "tensorrt"])
def test_a_provider_that_is_not_built_in(runtime: Callable[..., Runtime], name: str) -> None:
    runtime([CPU], [CPU])
    with pytest.raises(NotStartedError, match=r"onnxruntime 1\.99\.0 was built without it\. Put onnxruntime-gpu"):
        start(MODEL, name)


def test_an_unknown_provider(runtime: Callable[..., Runtime]) -> None:
    runtime([CPU], [CPU])
    with pytest.raises(CeresFastError, match="--provider gpu: expected one of auto, tensorrt, cuda, cpu"):
        start(MODEL, "gpu")


def test_a_session_on_the_cpu_computes_with_the_thread_that_calls_it(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    monkeypatch.setattr(providers, "_session", lambda model, provider, threads: given.append(threads))
    start(MODEL, "cpu", 4)
    assert given == [1]


def test_float32_stays_float32_on_cuda(runtime: Callable[..., Runtime]) -> None:
    made = runtime([TENSORRT, CUDA, CPU], [TENSORRT, CUDA])
    for name in ("cuda", "tensorrt"):
        start(MODEL, name)
        assert dict(made.asked[-1])[CUDA] == {"use_tf32": "0"}


@pytest.mark.parametrize(("before", "after"), [(None, "0"), ("1", "1")])
def test_float32_stays_float32_in_tensorrt_unless_the_user_says_otherwise(
    runtime: Callable[..., Runtime], monkeypatch: pytest.MonkeyPatch, before: str | None, after: str
) -> None:
    runtime([TENSORRT, CPU], [TENSORRT])
    if before:
        monkeypatch.setenv(tensorrt_provider.TF32, before)
    start(MODEL, "tensorrt")
    assert os.environ[tensorrt_provider.TF32] == after


@pytest.mark.parametrize("name", ["cpu", "cuda", "tensorrt"])
@pytest.mark.parametrize(
    ("processor", "expected"),
    [("flags: sse4_1 avx2", "1"), ("flags: avx512_vnni avx2", "0"), ("flags: avx_vnni", "0"), (None, "1")],
)
def test_sums_of_bytes_are_exact_on_every_processor(
    runtime: Callable[..., Runtime],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    processor: str | None,
    expected: str,
) -> None:
    monkeypatch.setattr(providers, "PROCESSOR", tmp_path / "cpuinfo")
    if processor:
        (tmp_path / "cpuinfo").write_text(f"processor: 0\n{processor}\n")
    made = runtime([TENSORRT, CUDA, CPU], [TENSORRT, CUDA])
    start(MODEL, name)
    assert made.options[-1].get_session_config_entry(providers.EXACT_SUMS) == expected


def test_tensorrt_has_a_profile_for_all_batches_and_keeps_its_engines(
    runtime: Callable[..., Runtime], tmp_path: Path
) -> None:
    made = runtime([TENSORRT, CUDA, CPU], [TENSORRT])
    start(MODEL, "tensorrt")
    options = dict(made.asked[-1])[TENSORRT]
    sizes = [options[f"trt_profile_{which}_shapes"] for which in ("min", "opt", "max")]
    assert sizes == ["stamp:1x32x32x1", "stamp:64x32x32x1", f"stamp:{GPU_SIZES[-1]}x32x32x1"]
    folder = Path(options["trt_engine_cache_path"])
    assert folder.is_dir()
    assert folder.is_relative_to(tmp_path / "cache")
    assert folder.stat().st_mode & 0o077 == 0
    assert not {"trt_fp16_enable", "trt_int8_enable"} & options.keys()


def test_kept_engines_are_of_this_model_and_these_versions(
    runtime: Callable[..., Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = runtime([TENSORRT, CPU], [TENSORRT])
    folders = {tensorrt_provider.engine_folder(content) for content in (b"one", b"one", b"two")}
    assert len(folders) == 2
    made.__version__ = "1.100.0"
    folders.add(tensorrt_provider.engine_folder(b"one"))
    monkeypatch.setattr(tensorrt_provider, "installed", lambda name: "10.99")
    folders.add(tensorrt_provider.engine_folder(b"one"))
    monkeypatch.setattr(tensorrt_provider, "driver", lambda: Driver("13.0", (Gpu("NVIDIA L4", "8.9", 2**34),)))
    folders.add(tensorrt_provider.engine_folder(b"one"))
    monkeypatch.setenv(tensorrt_provider.TF32, "0")
    folders.add(tensorrt_provider.engine_folder(b"one"))
    assert len(folders) == 6


def test_a_home_that_cannot_be_written_is_warned_of(runtime: Callable[..., Runtime], tmp_path: Path) -> None:
    made = runtime([TENSORRT, CPU], [TENSORRT])
    (tmp_path / "cache").touch()  # a file where the folder should be: refuses root as well
    name, (message,) = started("tensorrt")
    assert name == "tensorrt"
    assert "is built each time" in message
    assert "trt_engine_cache_enable" not in dict(made.asked[-1])[TENSORRT]


def test_only_the_sizes_of_a_gpu_are_fixed() -> None:
    assert {name: provider.sizes for name, provider in PROVIDERS.items()} == {
        "tensorrt": GPU_SIZES,
        "cuda": GPU_SIZES,
        "cpu": (),
    }


def test_the_error_can_be_sent_to_another_process() -> None:
    error = NotStartedError("cuda", "it did not start", "see `ceres-fast doctor`")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.why, again.action) == (str(error), error.why, error.action)
    assert str(error) == "provider cuda: it did not start. See `ceres-fast doctor`."


@pytest.mark.skipif(CUDA in onnxruntime.get_available_providers(), reason="this ONNX Runtime has CUDA")
def test_the_real_onnx_runtime_without_cuda(tmp_path: Path) -> None:
    model = written(tmp_path, peak_model())
    with pytest.raises(NotStartedError, match="was built without it"):
        load(model, provider="cuda")
    with warnings_kept() as warned:
        assert load(model).runtime == f"ONNX Runtime {onnxruntime.__version__}, cpu"
    assert warned == []
