"""The GPU is what the driver's library says, and none where there is no driver."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from ceres_fast.engines.tensorrt import gpu as module
from ceres_fast.engines.tensorrt.gpu import Gpu, capability_of, current_gpu, is_capability


class Driver:
    """The functions of libcuda that are called, of which one may fail."""

    def __init__(self, failing: str = "") -> None:
        self.failing = failing

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: 100 if name == self.failing else getattr(self, f"_{name}")(*arguments)

    def _cuInit(self, flags: int) -> int:  # noqa: N802
        return 0

    def _cuDeviceGet(self, device: Any, ordinal: int) -> int:  # noqa: N802
        device._obj.value = 7
        return 0

    def _cuDeviceGetName(self, name: Any, size: int, device: ctypes.c_int) -> int:  # noqa: N802
        assert device.value == 7
        assert size == len(name)
        name.value = b"NVIDIA \xff GPU"
        return 0

    def _cuDeviceGetAttribute(self, value: Any, attribute: int, device: ctypes.c_int) -> int:  # noqa: N802
        assert device.value == 7
        value._obj.value = {75: 12, 76: 1}[attribute]
        return 0


def test_what_the_driver_says(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(module.ctypes, "CDLL", lambda name: asked.append(name) or Driver())
    assert current_gpu() == Gpu("NVIDIA \N{REPLACEMENT CHARACTER} GPU", "12.1")
    assert asked == ["libcuda.so.1"]


@pytest.mark.parametrize("failing", ["cuInit", "cuDeviceGet", "cuDeviceGetName", "cuDeviceGetAttribute"])
def test_a_driver_without_a_gpu(monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    monkeypatch.setattr(module.ctypes, "CDLL", lambda name: Driver(failing))
    assert current_gpu() is None


def test_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(module.ctypes, "CDLL", missing)
    assert current_gpu() is None


def test_capabilities_are_compared_as_numbers() -> None:
    assert Gpu("", "12.0").capability > Gpu("", "8.9").capability == capability_of("8.9") == (8, 9)
    assert [
        text
        for text in ("8.6", "12.0", "8", "86", "8.6a", "08.6", "8.60", "", "sm_86", 8.6, None)
        if is_capability(text)
    ] == [
        "8.6",
        "12.0",
    ]
