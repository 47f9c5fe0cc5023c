"""Which GPU this machine has, asked of the driver's own library: there is no engine without it, and nothing else."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from typing import Any

DRIVER = "libcuda.so.1"
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR, cuda.h
_CAPABILITY = re.compile(r"[1-9][0-9]?\.[0-9]")


@dataclass(frozen=True)
class Gpu:
    """A GPU: its name, and its compute capability as ``"8.6"``."""

    name: str
    compute_capability: str

    @property
    def capability(self) -> tuple[int, int]:
        """Compute capability as numbers that can be compared."""
        return capability_of(self.compute_capability)


def is_capability(value: object) -> bool:
    """Whether `value` is a compute capability, ``"8.6"``."""
    return isinstance(value, str) and _CAPABILITY.fullmatch(value) is not None


def capability_of(text: str) -> tuple[int, int]:
    """Return a compute capability, ``"8.6"``, as numbers that can be compared."""
    major, minor = text.split(".")
    return int(major), int(minor)


def current_gpu() -> Gpu | None:
    """Return the GPU that CUDA takes first, as TensorRT does; None where there is none, or no driver.

    ``CUDA_VISIBLE_DEVICES`` counts.
    """
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError:
        return None
    return _first(driver)


def _first(driver: Any) -> Gpu | None:
    device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    name = ctypes.create_string_buffer(256)
    failed = (
        driver.cuInit(0)
        or driver.cuDeviceGet(ctypes.byref(device), 0)
        or driver.cuDeviceGetName(name, len(name), device)
        or driver.cuDeviceGetAttribute(ctypes.byref(major), _MAJOR, device)
        or driver.cuDeviceGetAttribute(ctypes.byref(minor), _MINOR, device)
    )
    if failed:
        return None
    return Gpu(name.value.decode(errors="replace"), f"{major.value}.{minor.value}")
