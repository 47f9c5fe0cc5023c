"""The fake has nothing that the real package has not: compared with `tensorrt_rtx`, of the same API."""

from __future__ import annotations

import pytest

from . import fake_tensorrt as fake

rtx = pytest.importorskip("tensorrt_rtx")

REAL = {
    fake.Builder: "Builder",
    fake.BuilderConfig: "IBuilderConfig",
    fake.Network: "INetworkDefinition",
    fake.OnnxParser: "OnnxParser",
    fake.ParserError: "ParserError",
    fake.OptimizationProfile: "IOptimizationProfile",
    fake.TimingCache: "ITimingCache",
    fake.HostMemory: "IHostMemory",
    fake.ILogger: "ILogger",
    fake.Logger: "Logger",
}
OWN = {"fake", "cache", "flags_set", "limits", "profiles"}


@pytest.mark.parametrize("made", REAL, ids=lambda made: made.__name__)
def test_methods(made: type) -> None:
    real = getattr(rtx, REAL[made])
    missing = {name for name in vars(made) if not name.startswith("_")} - set(dir(real)) - OWN
    assert not missing


@pytest.mark.parametrize("version", [fake.OLD, fake.NEW])
def test_names_and_members(version: str) -> None:
    module = fake.fake_tensorrt(version)
    names = {name for name in vars(module) if not name.startswith("_")} - {"calls", "build"}
    assert names <= set(dir(rtx))
    for name in ("HardwareCompatibilityLevel", "MemoryPoolType", "NetworkDefinitionCreationFlag"):
        assert set(getattr(module, name).__members__) <= set(getattr(rtx, name).__members__)
    flags = set(module.BuilderFlag.__members__) - set(rtx.BuilderFlag.__members__)
    assert flags == (set(fake.WEAK_TYPING) if version == fake.OLD else set())
    with pytest.raises(AttributeError):
        fake.BuilderConfig(module).num_compute_capabilities = 1  # TensorRT-RTX alone has these


def test_severities() -> None:
    assert set(fake.ILogger.Severity.__members__) == set(rtx.ILogger.Severity.__members__)
