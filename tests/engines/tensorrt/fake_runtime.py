"""TensorRT's runtime side made of NumPy: engines that compute a known function of the bytes in a fake GPU's memory.

P(asteroid) of a stamp is `answers`: a hash of its bytes, so that no two stamps, and no two halves of stamps, have the
same. Only what `ceres_fast.engines.tensorrt` uses is here; `test_run` checks that both real packages have all of it.
"""

from __future__ import annotations

import hashlib
import json
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ceres_fast.engines.tensorrt.api import FLAVOURS
from ceres_fast.engines.tensorrt.options import EngineOptions
from ceres_fast.engines.tensorrt.profiles import profiles
from ceres_fast.engines.tensorrt.sidecar import Sidecar, log_path, sidecar_path

from ...tiny_models import classifier, peak_model, written
from .fake_cuda import FakeCuda, Handle

VERSIONS = {"tensorrt": "10.13.0.35", "tensorrt-rtx": "1.7.1.116"}
FLOAT = SimpleNamespace(name="FLOAT")
HALF = SimpleNamespace(name="HALF")


def answers(stamps: np.ndarray) -> np.ndarray:
    """Return P(asteroid) of the fake engine, float32 (n,), of stamps (n, …), float32."""
    return np.array([zlib.crc32(stamp.tobytes()) / 2**32 for stamp in stamps], np.float32)


class Context:
    """`IExecutionContext`."""

    def __init__(self, engine: Engine, *, compiles: bool = False) -> None:
        self.engine, self.compiles = engine, compiles
        self.active_optimization_profile = 0
        self.shape: tuple[int, ...] = (-1, *engine.stamp_shape)
        self.addresses: dict[str, int] = {}
        self.prepared = False

    def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool:
        self.active_optimization_profile = profile_index
        self.shape, self.prepared = (-1, *self.engine.stamp_shape), False
        return 0 <= profile_index < len(self.engine.profiles)

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self.shape

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        least, _, most = self.engine.profiles[self.active_optimization_profile]
        if not least <= shape[0] <= most:
            return self.engine.refused(f"{shape[0]} is out of the profile")
        self.shape, self.prepared = tuple(shape), False
        return True

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self.addresses[name] = memory
        return True

    def execute_async_v3(self, stream_handle: int) -> bool:
        cuda, (count, *rest) = self.engine.cuda, self.shape
        stream = cuda.handles[stream_handle]
        if count < 0 or self.engine.fails:
            return self.engine.refused("cannot run")
        if stream.capture is not None and (self.compiles or not self.prepared or not self.engine.capturable):
            # What a shape's first run does cannot be captured; TensorRT-RTX captures by itself.
            stream.valid = False
            return self.engine.refused("operation not permitted while the stream is capturing")
        stamps, output = self.addresses["stamp"], self.addresses["probability"]
        cuda.push(stream, lambda: self._compute(stamps, output, (count, *rest)))
        self.engine.runs.append((self, count, stream.capture is not None))
        return True

    def _compute(self, stamps: int, output: int, shape: tuple[int, ...]) -> None:
        cuda, self.prepared = self.engine.cuda, True
        self.engine.compiled.add(shape[0])
        pixels = cuda.read(stamps, 4 * int(np.prod(shape))).view(np.float32).reshape(shape)
        found = answers(pixels)
        result = np.stack([1 - found, found], axis=1).astype(np.float32)
        np.copyto(cuda.read(output, result.nbytes), result.view(np.uint8).reshape(-1))


class Cache:
    """`IRuntimeCache`: the batch sizes that kernels were compiled for."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def deserialize(self, blob: bytes) -> bool:
        if not blob.startswith(b"cache of this GPU "):
            return False
        self.engine.compiled.update(json.loads(blob.removeprefix(b"cache of this GPU ")))
        return True

    def serialize(self) -> memoryview:
        return memoryview(b"cache of this GPU " + json.dumps(sorted(self.engine.compiled)).encode())


class Config:
    """`IRuntimeConfig`."""

    cuda_graph_strategy = "DISABLED"
    dynamic_shapes_kernel_specialization_strategy = "LAZY"

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.cache: Cache | None = None

    def create_runtime_cache(self) -> Cache:
        return Cache(self.engine)

    def set_runtime_cache(self, cache: Cache) -> bool:
        self.cache = cache
        return True


class Engine:
    """`ICudaEngine`."""

    def __init__(self, content: dict[str, Any], cuda: FakeCuda, logger: Any) -> None:
        self.cuda, self.logger = cuda, logger
        self.stamp_shape, self.profiles = tuple(content["stamp_shape"]), content["profiles"]
        self.tensors: dict[str, tuple[str, Any, tuple[int, ...]]] = {
            content["input"]: ("INPUT", FLOAT, (-1, *self.stamp_shape)),
            "probability": ("OUTPUT", HALF if content["half"] else FLOAT, (-1, content["classes"])),
        }
        self.contexts: list[Context] = []
        self.configs: list[Config] = []
        self.strategies: list[Any] = []
        self.compiled: set[int] = set()
        self.runs: list[tuple[Context, int, bool]] = []
        self.capturable, self.fails, self.memory = True, False, True

    @property
    def num_io_tensors(self) -> int:
        return len(self.tensors)

    def get_tensor_name(self, index: int) -> str:
        return list(self.tensors)[index]

    def get_tensor_mode(self, name: str) -> Any:
        return SimpleNamespace(name=self.tensors[name][0])

    def get_tensor_dtype(self, name: str) -> Any:
        return self.tensors[name][1]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self.tensors[name][2]

    def create_runtime_config(self) -> Config:
        self.configs.append(Config(self))
        return self.configs[-1]

    def create_execution_context(self, how: Any) -> Context | None:
        if not self.memory:
            self.refused("out of memory")
            return None
        self.strategies.append(how)
        self.contexts.append(Context(self, compiles=isinstance(how, Config)))
        return self.contexts[-1]

    def refused(self, why: str) -> bool:
        self.logger.log(SimpleNamespace(name="ERROR"), why)
        return False


class Runtime:
    """`Runtime`."""

    engine_host_code_allowed = False

    def __init__(self, logger: Any) -> None:
        self.logger = logger

    def deserialize_cuda_engine(self, content: bytes) -> Engine | None:
        if not content.startswith(b"{"):
            self.logger.log(SimpleNamespace(name="ERROR"), "magic tag does not match")
            return None
        values = json.loads(content)
        if values["version_compatible"] and not self.engine_host_code_allowed:
            self.logger.log(SimpleNamespace(name="ERROR"), "engine_host_code_allowed is not set")
            return None
        engine = Engine(values, self.cuda, self.logger)
        self.engines.append(engine)
        return engine

    cuda: FakeCuda
    engines: list[Engine]


def install(monkeypatch: pytest.MonkeyPatch, flavour: str, cuda: FakeCuda) -> list[Engine]:
    """Let the package of a flavour be a fake one; returns the engines that it loads, as it loads them."""
    module, engines = ModuleType(FLAVOURS[flavour].module), []
    made: dict[str, Any] = {
        "__version__": VERSIONS[flavour],
        "Builder": None,
        "ILogger": type("ILogger", (), {}),
        "Runtime": type("Runtime", (Runtime,), {"cuda": cuda, "engines": engines}),
        "float32": FLOAT,
        "ExecutionContextAllocationStrategy": SimpleNamespace(ON_PROFILE_CHANGE="ON_PROFILE_CHANGE"),
        "CudaGraphStrategy": SimpleNamespace(WHOLE_GRAPH_CAPTURE="WHOLE_GRAPH_CAPTURE"),
        "DynamicShapesKernelSpecializationStrategy": SimpleNamespace(EAGER="EAGER"),
    }
    for name, value in made.items():
        setattr(module, name, value)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return engines


def write_engine(
    folder: Path,
    flavour: str,
    batches: Sequence[int] = (1, 4, 16),
    *,
    version_compatible: bool = False,
    **changed: Any,
) -> Path:
    """Write an engine file that the fake package runs, with a valid sidecar and the ONNX file that it is of.

    What is `changed` is in the engine and not in its sidecar: ``input``, ``half``, ``classes``, or ``content``, bytes.
    """
    kind, described = FLAVOURS[flavour], classifier()
    options = EngineOptions(batches=tuple(batches), version_compatible=version_compatible)
    onnx = written(folder, peak_model())
    made = profiles(batches, per_batch=kind.profile_per_batch)
    values = {"stamp_shape": described.stamp_shape, "profiles": made, "input": "stamp", "half": False, "classes": 2}
    values["version_compatible"] = version_compatible
    content = changed.pop("content", None) or json.dumps(values | changed).encode()
    path = onnx.with_suffix(kind.suffix)
    path.write_bytes(content)
    sidecar = Sidecar(
        flavour=flavour,
        runtime_version=VERSIONS[flavour],
        onnx=onnx.name,
        onnx_sha256=hashlib.sha256(onnx.read_bytes()).hexdigest(),
        engine_bytes=len(content),
        engine_sha256=hashlib.sha256(content).hexdigest(),
        precision=described.precision,
        gpu={"name": "NVIDIA Fake", "compute_capability": "8.6"},
        hardware="portable" if kind.portable else "none",
        compute_capabilities=(),
        batches=options.batches,
        profiles=made,
        options=options.as_dict(),
        built="2026-01-01T00:00:00+00:00",
        log=log_path(path).name,
        classifier=json.loads(described.to_json()),
        stamp_shape=described.stamp_shape,
    )
    sidecar_path(path).write_text(sidecar.to_json())
    return path


def busy(stream: Handle) -> bool:
    """Whether work is waiting in a stream."""
    return bool(stream.queue)
