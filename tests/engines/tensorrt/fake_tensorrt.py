"""A stand-in for the `tensorrt` package that records what is asked of it; it builds no engine and runs nothing.

What it has, the real package has (`test_fake_tensorrt` compares it with `tensorrt_rtx`, of the same API); what a
version has removed, it has not either, and asking for it is an AttributeError.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Callable, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

import onnx

NEW, OLD = "11.4.1.9", "10.13.0.35"
CACHE = b"fake timing cache "

WEAK_TYPING = ("FP16", "INT8", "BF16", "OBEY_PRECISION_CONSTRAINTS")


class HostMemory(bytes):
    """IHostMemory: a buffer with a size."""

    @property
    def nbytes(self) -> int:
        return len(self)


class Dims(tuple):
    """Dims: a sequence of sizes."""


class ILogger:
    """ILogger, to be derived from."""

    class Severity(enum.IntEnum):
        INTERNAL_ERROR = 0
        ERROR = 1
        WARNING = 2
        INFO = 3
        VERBOSE = 4

    def log(self, severity: Severity, msg: str) -> None:
        """Take a message; what is derived says where it goes."""


class Logger(ILogger):
    """Logger, which prints."""

    def log(self, severity: ILogger.Severity, msg: str) -> None:
        print(severity.name, msg)


class OptimizationProfile:
    """IOptimizationProfile."""

    def __init__(self) -> None:
        self.shapes: dict[str, tuple[Dims, Dims, Dims]] = {}

    def set_shape(self, input: str, min: Dims, opt: Dims, max: Dims) -> None:
        if not all(low <= best <= high for low, best, high in zip(min, opt, max, strict=True)):
            raise ValueError("an inconsistency")
        self.shapes[input] = (min, opt, max)


class TimingCache:
    """ITimingCache: a version, and lines of what was timed."""

    def __init__(self, version: str, timed: Sequence[str] = ()) -> None:
        self.version, self.timed = version, list(timed)

    def combine(self, input_cache: TimingCache, ignore_mismatch: bool) -> bool:
        if input_cache.version != self.version:
            return False
        self.timed += [each for each in input_cache.timed if each not in self.timed]
        return True

    def serialize(self) -> HostMemory:
        return HostMemory(CACHE + "\n".join([self.version, *self.timed]).encode())


class BuilderConfig:
    """IBuilderConfig of TensorRT; it has no compute capabilities."""

    __slots__ = ("_fake", "cache", "flags_set", "hardware_compatibility_level", "limits", "profiles")

    def __init__(self, fake: ModuleType) -> None:
        self._fake = fake
        self.flags_set = {fake.BuilderFlag.TF32}  # as the real one
        self.limits: dict[Any, int] = {}
        self.profiles: list[OptimizationProfile] = []
        self.cache: TimingCache | None = None
        self.hardware_compatibility_level = fake.HardwareCompatibilityLevel.NONE

    def set_flag(self, flag: Any) -> None:
        self.flags_set.add(flag)

    def clear_flag(self, flag: Any) -> None:
        self.flags_set.discard(flag)

    def set_memory_pool_limit(self, pool: Any, pool_size: int) -> None:
        self.limits[pool] = pool_size

    def add_optimization_profile(self, profile: OptimizationProfile) -> int:
        self.profiles.append(profile)
        return len(self.profiles) - 1

    def create_timing_cache(self, serialized_timing_cache: bytes) -> TimingCache | None:
        if not serialized_timing_cache:
            return TimingCache(self._fake.__version__)
        if not serialized_timing_cache.startswith(CACHE):
            return None
        version, *timed = serialized_timing_cache.removeprefix(CACHE).decode().splitlines()
        return TimingCache(version, timed)

    def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> bool:
        if cache.version != self._fake.__version__:
            return False
        self.cache = cache
        return True

    def get_timing_cache(self) -> TimingCache | None:
        return self.cache


class Network:
    """INetworkDefinition, as a parser fills it."""

    def __init__(self, flags: int) -> None:
        self.flags, self.content = flags, b""
        self.inputs: list[SimpleNamespace] = []
        self.outputs: list[SimpleNamespace] = []

    @property
    def num_inputs(self) -> int:
        return len(self.inputs)

    @property
    def num_outputs(self) -> int:
        return len(self.outputs)

    def get_input(self, index: int) -> SimpleNamespace:
        return self.inputs[index]

    def get_output(self, index: int) -> SimpleNamespace:
        return self.outputs[index]


class ParserError:
    """ParserError."""

    def __init__(self, text: str, node: str = "", operator: str = "") -> None:
        self._said = text, node, operator

    def desc(self) -> str:
        return self._said[0]

    def node_name(self) -> str:
        return self._said[1]

    def node_operator(self) -> str:
        return self._said[2]


class OnnxParser:
    """OnnxParser: reads inputs and outputs, and refuses operators of other domains."""

    def __init__(self, network: Network, logger: ILogger) -> None:
        self.network, self.logger = network, logger
        self.errors: list[ParserError] = []

    @property
    def num_errors(self) -> int:
        return len(self.errors)

    def get_error(self, index: int) -> ParserError:
        return self.errors[index]

    def parse(self, model: bytes, path: str | None = None) -> bool:
        assert path is None, "with a path it would read other files"
        try:
            graph = onnx.load_model_from_string(model).graph
        except Exception as error:
            self.errors.append(ParserError(f"Failed to parse the ONNX model.\n{error}"))
            return False
        self.errors += [ParserError("no such plugin", node.name, node.op_type) for node in graph.node if node.domain]
        self.network.content = model
        self.network.inputs, self.network.outputs = (
            [_tensor(end) for end in ends] for ends in (graph.input, graph.output)
        )
        return not self.errors


def _tensor(value: onnx.ValueInfoProto) -> SimpleNamespace:
    sizes = value.type.tensor_type.shape.dim
    kind = onnx.TensorProto.DataType.Name(value.type.tensor_type.elem_type)
    shape = Dims(size.dim_value or -1 for size in sizes)
    return SimpleNamespace(name=value.name, shape=shape, dtype=SimpleNamespace(name=kind))


class Builder:
    """Builder; its module is set in `fake_tensorrt`."""

    fake: ModuleType

    def __init__(self, logger: ILogger) -> None:
        self.logger = logger

    def create_network(self, flags: int = 0) -> Network:
        self.fake.calls.append(("create_network", flags))
        return Network(flags)

    def create_builder_config(self) -> BuilderConfig:
        return BuilderConfig(self.fake)

    def create_optimization_profile(self) -> OptimizationProfile:
        return OptimizationProfile()

    def build_serialized_network(self, network: Network, config: BuilderConfig) -> HostMemory | None:
        plan = {
            "fake engine of": self.fake.__version__,
            "onnx_sha256": hashlib.sha256(network.content).hexdigest(),
            "strongly_typed": bool(network.flags & 2) or self.fake.__version__ >= "11",
            "flags": sorted(flag.name for flag in config.flags_set),
            "limits": {pool.name: size for pool, size in config.limits.items()},
            "hardware": config.hardware_compatibility_level.name,
            "profiles": [list(shapes) for profile in config.profiles for shapes in profile.shapes.values()],
        }
        plan = json.loads(json.dumps(plan))
        self.fake.calls.append(("build_serialized_network", plan))
        if config.cache:
            config.cache.combine(TimingCache(self.fake.__version__, [f"timed {plan['onnx_sha256']}"]), False)
        self.logger.log(ILogger.Severity.INFO, "Engine generation completed.\nNothing was generated: this is a fake.")
        self.logger.log(ILogger.Severity.VERBOSE, "by the thousand")
        return self.fake.build(HostMemory(json.dumps(plan).encode()), self.logger)


def fake_tensorrt(
    version: str = OLD,
    *,
    build: Callable[[HostMemory, ILogger], HostMemory | None] = lambda plan, logger: plan,
    levels: Sequence[str] = ("NONE", "AMPERE_PLUS", "SAME_COMPUTE_CAPABILITY"),
) -> ModuleType:
    """Make a module `tensorrt` of this version.

    Parameters
    ----------
    version : str
        From 11 on it has no weak typing.
    build : callable
        What a build makes of the plan: None for no engine.
    levels : sequence of str
        The levels of hardware compatibility that this version has.

    Returns
    -------
    module
        To be put into ``sys.modules``; ``calls`` is a list of (method, argument).
    """
    module: Any = ModuleType("tensorrt")
    weak = version < "11"
    flags = ["TF32", "VERSION_COMPATIBLE", *(WEAK_TYPING if weak else ())]
    module.__version__ = version
    module.calls = []
    module.build = build
    module.BuilderFlag = enum.IntEnum("BuilderFlag", flags, start=0)
    # TensorRT 11 still has the name, deprecated; what does without it here does so there.
    typed = {"STRONGLY_TYPED": 1} if weak else {}
    module.NetworkDefinitionCreationFlag = enum.IntEnum("NetworkDefinitionCreationFlag", typed)
    module.HardwareCompatibilityLevel = enum.IntEnum("HardwareCompatibilityLevel", list(levels), start=0)
    module.MemoryPoolType = enum.IntEnum("MemoryPoolType", ["WORKSPACE"], start=0)
    module.Builder = type("Builder", (Builder,), {"fake": module})
    module.ILogger, module.Logger, module.OnnxParser, module.Dims = ILogger, Logger, OnnxParser, Dims
    return module
