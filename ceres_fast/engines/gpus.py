"""The CUDA driver of this machine and its GPUs, as the driver's own library tells them; no package is needed.

CUDA Driver API: https://docs.nvidia.com/cuda/cuda-driver-api/
"""

from __future__ import annotations

import ctypes
import re
import sys
from dataclasses import dataclass
from typing import Any

LIBRARY = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
CAPABILITY = r"[1-9][0-9]?\.[0-9]"
"""What a compute capability looks like, as a regular expression."""


@dataclass(frozen=True)
class Gpu:
    """A GPU: its name, compute capability (``"9.0"``) and memory in bytes (0: not known)."""

    name: str
    compute_capability: str
    memory: int = 0

    @property
    def capability(self) -> tuple[int, int]:
        """Compute capability as numbers that can be compared."""
        return capability_of(self.compute_capability)


def is_capability(value: object) -> bool:
    """Whether `value` is a compute capability, ``"8.6"``."""
    return isinstance(value, str) and re.fullmatch(CAPABILITY, value) is not None


def capability_of(text: str) -> tuple[int, int]:
    """Return a compute capability, ``"8.6"``, as numbers that can be compared."""
    major, minor = text.split(".")
    return int(major), int(minor)


@dataclass(frozen=True)
class Driver:
    """The NVIDIA driver.

    Attributes
    ----------
    cuda : str
        The newest CUDA that it runs, ``"13.0"``; empty without a driver.
    gpus : tuple of Gpu
        The GPUs that this process may use.
    problem : str
        Why there is no driver or no GPU; empty where there is one.
    """

    cuda: str = ""
    gpus: tuple[Gpu, ...] = ()
    problem: str = ""


class _RefusedError(Exception):
    """The driver answered with an error."""


def driver() -> Driver:
    """Ask the driver of this machine; whatever goes wrong is in `Driver.problem`, never raised."""
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError:
        return Driver(problem=f"{LIBRARY}, which comes with NVIDIA's driver, is not here")
    cuda = ""
    try:
        cuda = _cuda_version(library)
        _call(library, "cuInit", 0)
        count = ctypes.c_int()
        _call(library, "cuDeviceGetCount", ctypes.byref(count))
        gpus = tuple(_gpu(library, number) for number in range(count.value))
    except (_RefusedError, AttributeError) as error:
        return Driver(cuda, problem=str(error))
    return Driver(cuda, gpus, "" if gpus else "it sees no GPU")


def current_gpu() -> Gpu | None:
    """Return the GPU that CUDA takes first, as TensorRT does; None where there is none, or no driver.

    ``CUDA_VISIBLE_DEVICES`` counts.
    """
    return next(iter(driver().gpus), None)


def _cuda_version(library: Any) -> str:
    version = ctypes.c_int()
    _call(library, "cuDriverGetVersion", ctypes.byref(version))
    return f"{version.value // 1000}.{version.value % 1000 // 10}"


def _gpu(library: Any, number: int) -> Gpu:
    device, major, minor, memory = ctypes.c_int(), ctypes.c_int(), ctypes.c_int(), ctypes.c_size_t()
    name = ctypes.create_string_buffer(256)
    _call(library, "cuDeviceGet", ctypes.byref(device), number)
    _call(library, "cuDeviceGetName", name, len(name), device)
    _call(library, "cuDeviceGetAttribute", ctypes.byref(major), _CAPABILITY_MAJOR, device)
    _call(library, "cuDeviceGetAttribute", ctypes.byref(minor), _CAPABILITY_MINOR, device)
    _call(library, "cuDeviceTotalMem_v2", ctypes.byref(memory), device)
    return Gpu(name.value.decode(errors="replace"), f"{major.value}.{minor.value}", memory.value)


def _call(library: Any, function: str, *arguments: Any) -> None:
    status = getattr(library, function)(*arguments)
    if status:
        text = ctypes.c_char_p()
        library.cuGetErrorString(status, ctypes.byref(text))
        raise _RefusedError(f"{function} failed: {(text.value or b'unknown error').decode()} ({status})")
