"""What is known of the devices."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.training import devices as module
from ceres_fast.training.devices import describe, free_memory, replicas, strategy, total_memory

CPU = SimpleNamespace(name="/device:CPU:0", device_type="CPU")
GPU = SimpleNamespace(name="/device:GPU:0", device_type="GPU")


def have(monkeypatch: pytest.MonkeyPatch, *devices: SimpleNamespace) -> None:
    monkeypatch.setattr(module, "devices", lambda: list(devices))


def test_one_device_needs_no_strategy(monkeypatch: pytest.MonkeyPatch) -> None:
    have(monkeypatch, CPU)
    assert strategy() is tf.distribute.get_strategy()
    assert not isinstance(strategy(), tf.distribute.MirroredStrategy)
    assert replicas() == 1


@pytest.mark.parametrize(("devices", "text"), [((CPU,), "CPU"), ((CPU, CPU), "2 x CPU")])
def test_cpus_are_counted(devices: tuple[SimpleNamespace, ...], text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    have(monkeypatch, *devices)
    assert describe() == text


def test_gpus_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    have(monkeypatch, GPU, GPU)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["first", "second"])
    details = {"first": {"device_name": "NVIDIA H100"}, "second": {}}
    monkeypatch.setattr(tf.config.experimental, "get_device_details", details.get)
    assert describe() == "NVIDIA H100, GPU"


def test_free_memory_of_this_machine() -> None:
    free = free_memory()
    assert free is not None
    assert 1 << 20 < free < 1 << 50


def test_memory_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    have(monkeypatch, CPU)
    monkeypatch.setattr(module, "available", lambda: None)
    monkeypatch.setattr(module, "installed", lambda: math.inf)
    assert free_memory() is None
    assert total_memory() == math.inf


@pytest.mark.parametrize(
    ("answer", "smallest", "largest"),
    [
        ("81559, Disabled\n", 81559 << 20, 81559 << 20),
        ("24564, [N/A]\n", 24564 << 20, 24564 << 20),
        ("81559, Disabled\n24564, [N/A]\n", 24564 << 20, 81559 << 20),
        ("2048, [N/A]\n24564, [N/A]\n", 2048 << 20, 24564 << 20),  # the first drives a display
        ("81559, Enabled\n", None, math.inf),
        ("24564, [N/A]\n81559, Enabled\n", None, math.inf),
        ("[N/A], [N/A]\n", None, math.inf),
        ("", None, math.inf),
    ],
)
def test_memory_of_gpus(answer: str, smallest: int | None, largest: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not known which of them computes: free is what any of them has, and refused what none of them has."""
    have(monkeypatch, GPU)
    monkeypatch.setattr(module, "_nvidia_smi", lambda: answer)
    monkeypatch.setattr(tf.config.experimental, "get_memory_info", lambda device: {"current": 1 << 20})
    assert free_memory() == (None if smallest is None else smallest - (1 << 20))
    assert total_memory() == largest


def test_nvidia_smi_that_is_missing_or_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    assert module._nvidia_smi() == ""
    monkeypatch.setattr(module.shutil, "which", lambda name: "/bin/false")
    assert module._nvidia_smi() == ""
