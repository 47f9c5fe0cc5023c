"""From the bytes of an ONNX file to the bytes of an engine: the calls to TensorRT, and its timing cache in a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ...artifact.onnx_file import INPUT, OUTPUT
from ...console import warn
from ...errors import CeresFastError, InputError
from ...files import atomic_file, disk_errors
from ...locks import alone
from ..gpus import Gpu
from .checks import AMPERE, sizes
from .flavours import Flavour, Log, version_of
from .options import CURRENT, EngineOptions, profiles

if TYPE_CHECKING:
    import tensorrt as trt

MIB = 2**20


@dataclass(frozen=True)
class Serialized:
    """An engine that was built: its bytes, and what decides where it runs."""

    plan: memoryview
    hardware: str
    compute_capabilities: tuple[str, ...]


class _NotBuiltError(Exception):
    """TensorRT said no; its log says why."""


def serialized(
    module: ModuleType,
    kind: Flavour,
    onnx: Path,
    content: bytes,
    stamp_shape: tuple[int, ...],
    options: EngineOptions,
    gpu: Gpu | None,
    log: Log,
) -> Serialized:
    """Build an engine from an ONNX file that `read_onnx` has read.

    Raises
    ------
    InputError
        When TensorRT does not read the graph, or its input and output are not a classifier's.
    CeresFastError
        When TensorRT does not build; it quotes what TensorRT says.
    """
    try:
        logger = log.logger(module)
        builder: trt.Builder = module.Builder(logger)
        typed = 1 << int(module.NetworkDefinitionCreationFlag.STRONGLY_TYPED) if _by_flag(module, kind) else 0
        network: trt.INetworkDefinition = builder.create_network(typed)
        parser: trt.OnnxParser = module.OnnxParser(network, logger)  # keeps weights that the network uses
        _parse(parser, onnx, content, f"{kind.title} {version_of(module)}")
        _check_ends(network, onnx, stamp_shape)
        config: trt.IBuilderConfig = builder.create_builder_config()
        _add_profiles(module, builder, config, kind, options, stamp_shape)
        capabilities = _set_capabilities(module, config, kind, options, gpu)
        hardware = _set_options(module, config, kind, options, gpu)
        plan = builder.build_serialized_network(network, config)
        if plan is None:
            raise _NotBuiltError("it gave no engine")
        if options.timing_cache:
            _keep_timings(config, options.timing_cache)
        return Serialized(memoryview(plan).cast("B"), hardware, capabilities)
    except MemoryError as error:
        raise _failed(kind, module, onnx, options, "the memory is full", log) from error
    except (_NotBuiltError, RuntimeError, TypeError, ValueError) as error:  # what its bindings raise
        raise _failed(kind, module, onnx, options, " ".join(str(error).split()), log) from error


def _keep_timings(config: trt.IBuilderConfig, cache: Path) -> None:
    """Keep what was timed for the next build; where that is impossible, this one is not lost with it."""
    try:
        keep_timings(config, cache)
    except CeresFastError as error:
        warn(f"{error} The next engine is timed anew")


def _by_flag(module: ModuleType, kind: Flavour) -> bool:
    return int(version_of(module).partition(".")[0]) in kind.typed_by_flag


def _parse(parser: trt.OnnxParser, onnx: Path, content: bytes, who: str) -> None:
    """Read the graph from memory: without a path there is no folder from which other files could be read."""
    if parser.parse(content):
        return
    errors = [_error_text(parser.get_error(index)) for index in range(parser.num_errors)]
    raise InputError(
        onnx,
        f"is not read by {who} ({' / '.join(errors[:3]) or 'no reason given'})",
        expected="operators that it knows",
        action="export it again, or install another version",
    )


def _error_text(error: Any) -> str:
    node = " ".join(part for part in (error.node_operator(), error.node_name()) if part)
    text = f"{node}: {error.desc()}" if node else error.desc()
    return "".join(letter if letter.isprintable() else " " for letter in text)[:200]


def _check_ends(network: trt.INetworkDefinition, onnx: Path, stamp_shape: tuple[int, ...]) -> None:
    ends = [network.get_input(index) for index in range(network.num_inputs)]
    inputs = [(end.name, sizes(end.shape)) for end in ends]
    outputs = [network.get_output(index).name for index in range(network.num_outputs)]
    if inputs != [(INPUT, (-1, *stamp_shape))] or outputs != [OUTPUT] or ends[0].dtype.name != "FLOAT":
        raise InputError(
            onnx,
            f"has the inputs {ascii(inputs)[:200]} and the outputs {ascii(outputs)[:100]}",
            expected=f"{INPUT} {('N', *stamp_shape)} float32 and {OUTPUT}",
            action="export it with `ceres-fast export`",
        )


def _add_profiles(
    module: ModuleType,
    builder: trt.Builder,
    config: trt.IBuilderConfig,
    kind: Flavour,
    options: EngineOptions,
    stamp_shape: tuple[int, ...],
) -> None:
    for index, profile_sizes in enumerate(profiles(options.batches, per_batch=kind.profile_per_batch)):
        profile = builder.create_optimization_profile()
        profile.set_shape(INPUT, *(module.Dims((size, *stamp_shape)) for size in profile_sizes))
        if config.add_optimization_profile(profile) != index:
            raise _NotBuiltError(f"it refused the profile for batches of {profile_sizes}")


def _set_capabilities(
    module: ModuleType, config: Any, kind: Flavour, options: EngineOptions, gpu: Gpu | None
) -> tuple[str, ...]:
    """Say which GPUs to build for; return which they are. TensorRT-RTX only, whose config has more than TensorRT's."""
    wanted = options.compute_capabilities
    if not wanted:
        return ()
    known = module.ComputeCapability.__members__
    members = ["CURRENT" if each == CURRENT else f"SM{each.replace('.', '')}" for each in wanted]
    config.num_compute_capabilities = len(wanted)
    for index, (member, text) in enumerate(zip(members, wanted, strict=True)):
        if member not in known:
            raise CeresFastError(
                f"--compute-capability {text}: {kind.title} {version_of(module)} does not build for it. It knows "
                f"{', '.join(_dotted(name) for name in known if name.startswith('SM'))}."
            )
        if not config.set_compute_capability(known[member], index):
            raise _NotBuiltError(f"it refused the compute capability {text}")
    return (gpu.compute_capability,) if gpu and wanted == (CURRENT,) else wanted


def _dotted(member: str) -> str:
    digits = member.removeprefix("SM")
    return f"{digits[:-1]}.{digits[-1]}"


def _set_options(
    module: ModuleType, config: trt.IBuilderConfig, kind: Flavour, options: EngineOptions, gpu: Gpu | None
) -> str:
    """Set the rest of the options; return which other GPUs may run the engine, a row of `HARDWARE`."""
    # Else TensorRT would compute float32 graphs with 10 bits of mantissa: who wants that speed exports float16.
    config.clear_flag(module.BuilderFlag.TF32)
    if options.workspace_mib:
        config.set_memory_pool_limit(module.MemoryPoolType.WORKSPACE, options.workspace_mib * MIB)
    if options.version_compatible:
        config.set_flag(module.BuilderFlag.VERSION_COMPATIBLE)
    if options.timing_cache:
        attach_timings(config, options.timing_cache)
    if kind.portable:
        return "portable"
    if not options.hardware_compatible:
        return "none"
    # As many GPUs as there can be; before Ampere there is only the lesser of the two.
    level = "AMPERE_PLUS" if gpu and gpu.capability >= AMPERE else "SAME_COMPUTE_CAPABILITY"
    if level not in module.HardwareCompatibilityLevel.__members__:
        raise CeresFastError(
            f"--hardware-compatible: {kind.title} {version_of(module)} has no level for this GPU. Install a newer one."
        )
    config.hardware_compatibility_level = module.HardwareCompatibilityLevel.__members__[level]
    return level.lower()


def _failed(
    kind: Flavour, module: ModuleType, onnx: Path, options: EngineOptions, problem: str, log: Log
) -> CeresFastError:
    said = log.errors() or problem
    limit = f" The workspace was limited to {options.workspace_mib} MiB: try more." if options.workspace_mib else ""
    return CeresFastError(
        f"{onnx}: {kind.title} {version_of(module)} built no engine of it ({said}).{limit} Nothing was written."
    )


def attach_timings(config: trt.IBuilderConfig, path: Path) -> None:
    """Give a build the timing cache of a file, or an empty one where there is none that it can use.

    Raises
    ------
    CeresFastError
        When the file is there and cannot be read.
    """
    content = _cached(path)
    cache = config.create_timing_cache(content)
    if cache is not None and config.set_timing_cache(cache, False):
        return
    if content:
        warn(f"{path}: is no timing cache of this TensorRT on this GPU; a new one replaces it.")
    config.set_timing_cache(config.create_timing_cache(b""), False)


def keep_timings(config: trt.IBuilderConfig, path: Path) -> None:
    """Write the timing cache of a build to its file, with what other builds have put there meanwhile.

    Raises
    ------
    CeresFastError
        When the disk refuses; the file is then what it was before.
    """
    cache = config.get_timing_cache()
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with alone(path):
        if others := _cached(path):
            # False, and nothing combined, where the file is of another version or GPU: it is replaced.
            theirs = config.create_timing_cache(others)
            if theirs is not None:
                cache.combine(theirs, False)
        with atomic_file(path) as temporary:
            temporary.write_bytes(memoryview(cache.serialize()))


def _cached(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise CeresFastError(f"{path}: cannot be read as a timing cache ({error.strerror}). Name another.") from error
