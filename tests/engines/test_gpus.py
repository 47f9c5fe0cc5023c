"""What the driver's library says of the GPUs, through a library that answers as the real one does."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from ceres_fast.engines import gpus
from ceres_fast.engines.gpus import Driver, Gpu, driver

H100, A2 = Gpu("NVIDIA H100 80GB HBM3", "9.0", 85899345920), Gpu("NVIDIA A2", "8.6", 16106127360)


class Library:
    """libcuda with these GPUs; a function in `fails` answers with that error."""

    def __init__(self, *found: Gpu, **fails: int) -> None:
        self.found, self.fails = found, fails
        self.started = False

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("cu"):
            raise AttributeError(name)
        return lambda *arguments: self.fails.get(name, 0) or getattr(self, f"_{name}")(*arguments)

    def _cuDriverGetVersion(self, version: Any) -> int:  # noqa: N802
        version._obj.value = 13020
        return 0

    def _cuInit(self, flags: int) -> int:  # noqa: N802
        self.started = True
        return 0

    def _cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
        assert self.started
        count._obj.value = len(self.found)
        return 0

    def _cuDeviceGet(self, device: Any, number: int) -> int:  # noqa: N802
        device._obj.value = number + 5  # a handle, not a number
        return 0

    def _cuDeviceGetName(self, name: Any, length: int, device: Any) -> int:  # noqa: N802
        name.value = self.found[device.value - 5].name.encode()[: length - 1]
        return 0

    def _cuDeviceGetAttribute(self, value: Any, attribute: int, device: Any) -> int:  # noqa: N802
        part = {75: 0, 76: 1}[attribute]
        value._obj.value = int(self.found[device.value - 5].compute_capability.split(".")[part])
        return 0

    def _cuDeviceTotalMem_v2(self, memory: Any, device: Any) -> int:  # noqa: N802
        memory._obj.value = self.found[device.value - 5].memory
        return 0

    def _cuGetErrorString(self, status: int, text: Any) -> int:  # noqa: N802
        text._obj.value = {100: b"no CUDA-capable device is detected"}.get(status)
        return 0


def asked(monkeypatch: pytest.MonkeyPatch, library: Library) -> Driver:
    monkeypatch.setattr(gpus.ctypes, "CDLL", lambda name: library)
    return driver()


def test_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, Library(H100, A2)) == Driver("13.2", (H100, A2))


@pytest.mark.parametrize(
    ("library", "expected"),
    [
        (Library(cuInit=100), Driver("13.2", problem="cuInit failed: no CUDA-capable device is detected (100)")),
        (Library(cuInit=803), Driver("13.2", problem="cuInit failed: unknown error (803)")),
        (Library(H100, cuDriverGetVersion=3), Driver(problem="cuDriverGetVersion failed: unknown error (3)")),
        (Library(H100, cuDeviceGetName=1), Driver("13.2", problem="cuDeviceGetName failed: unknown error (1)")),
        (Library(), Driver("13.2", problem="it sees no GPU")),
    ],
)
def test_what_fails_is_told(monkeypatch: pytest.MonkeyPatch, library: Library, expected: Driver) -> None:
    assert asked(monkeypatch, library) == expected


def test_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(gpus.ctypes, "CDLL", missing)
    assert driver() == Driver(problem=f"{gpus.LIBRARY}, which comes with NVIDIA's driver, is not here")


def test_another_library_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    libc = ctypes.CDLL(None)
    monkeypatch.setattr(gpus.ctypes, "CDLL", lambda name: libc)
    assert "cuDriverGetVersion" in driver().problem


def test_this_machine_is_asked_without_an_error() -> None:
    found = driver()
    assert bool(found.gpus) != bool(found.problem)
