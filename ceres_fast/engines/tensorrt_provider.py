"""The options of ONNX Runtime's TensorRT provider: batch sizes, and where it keeps the engines that it builds.

This is the road to TensorRT for throughput: the provider builds an engine of the ONNX file for the GPU at hand, and
keeps it, and what it has timed, for the next process.

https://onnxruntime.ai/docs/execution-providers/TensorRT-ExecutionProvider.html
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import onnxruntime

from ..artifact.onnx_file import INPUT
from ..console import warn
from .batches import BATCH, GPU_SIZES
from .gpus import driver
from .packages import installed, is_package, loads

LIBRARY = "libnvinfer.so.10"

TF32 = "NVIDIA_TF32_OVERRIDE"
"""The environment variable of NVIDIA's libraries by which "0" forbids TensorFloat-32; the provider has no option."""


def there() -> bool:
    """Whether TensorRT itself is installed, by pip or in the system; ONNX Runtime only brings what drives it."""
    return is_package("tensorrt") or loads(LIBRARY)


def options(content: bytes, stamp_shape: Sequence[int]) -> dict[str, str]:
    """Return the provider's options for a model: one optimisation profile for all batch sizes, engines kept.

    Forbids TensorFloat-32 in this process unless the user has set `TF32`: TensorRT uses it by itself, and a float32
    classifier is to answer in float32, as it was proven to.

    Precisions are left out on purpose: without them the network is strongly typed, that is, it computes in those of
    the ONNX graph (https://github.com/microsoft/onnxruntime/pull/18707).

    Parameters
    ----------
    content : bytes
        The ONNX file.
    stamp_shape : sequence of int
        (rows, columns, planes) of a stamp.
    """
    os.environ.setdefault(TF32, "0")
    shape = "x".join(map(str, stamp_shape))
    sizes = {"min": GPU_SIZES[0], "opt": BATCH, "max": GPU_SIZES[-1]}
    profile = {f"trt_profile_{which}_shapes": f"{INPUT}:{size}x{shape}" for which, size in sizes.items()}
    return profile | _kept(engine_folder(content))


def _kept(folder: Path) -> dict[str, str]:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        warn(f"TensorRT's engine cannot be kept, and is built each time, which takes minutes ({error})")
        return {}
    return {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(folder),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(folder),
    }


def engine_folder(content: bytes) -> Path:
    """Return where the engines of this model are kept, in the user's cache.

    ONNX Runtime would use one again whatever its weights, by whatever version and with or without TensorFloat-32 it was
    built, so the name of the folder stands for all of that.
    """
    versions = [onnxruntime.__version__, installed("tensorrt"), str(driver())]
    parts = [hashlib.sha256(content).hexdigest(), *versions, f"{TF32}={os.environ.get(TF32, '')}"]
    name = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "ceres-fast" / "tensorrt" / name
