"""The devices on which training runs, and how much free memory they have."""

from __future__ import annotations

import math
import shutil
import subprocess

from ..libraries.tensorflow_quiet import tf
from ..machine.memory import available, installed

_MIB = 1 << 20


def devices() -> list[tf.config.LogicalDevice]:
    """Return the devices that compute: all GPUs, or where there is none the CPU (in tests, several logical ones)."""
    return tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")


def strategy() -> tf.distribute.Strategy:
    """Return how the devices of this host share a batch: all GPUs where there are several, else the default device.

    Several logical CPU devices count as well; TensorFlow creates them only where a program, such as a test, asks for
    them. Build, compile and fit the model within the `scope` of the strategy.
    """
    found = devices()
    if len(found) > 1:
        return tf.distribute.MirroredStrategy([device.name for device in found])
    return tf.distribute.get_strategy()


def replicas() -> int:
    """Return the number of devices that share each batch in the current scope."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def describe() -> str:
    """Return the devices for the log: ``2 x CPU``, or the names of the GPUs."""
    found = devices()
    if found[0].device_type == "CPU":
        return "CPU" if len(found) == 1 else f"{len(found)} x CPU"
    details = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    return ", ".join(detail.get("device_name", "GPU") for detail in details)


def free_memory() -> float | None:
    """Return the free memory of the device that computes, in bytes; None where it is not known.

    CPU: `ceres_fast.machine.memory.available`. GPU: the total of nvidia-smi, less what this process uses; of several
    GPUs, the smallest total, because nvidia-smi does not say which of them TensorFlow uses. The free memory of
    nvidia-smi says nothing, because TensorFlow reserves all of it when it starts. For a GPU that is divided (MIG),
    nvidia-smi reports the total of all slices, so the free memory of one slice is not known.
    """
    if devices()[0].device_type == "CPU":
        return available()
    total = min(_gpu_totals(_nvidia_smi()), default=None)
    return None if total is None else total - tf.config.experimental.get_memory_info("GPU:0")["current"]


def total_memory() -> float:
    """Return the bytes that the device which computes can have at most; infinity where that is not known.

    Of several GPUs that is the total of the largest: any of them may be the one that TensorFlow uses.
    """
    if devices()[0].device_type == "CPU":
        return installed()
    return max(_gpu_totals(_nvidia_smi()), default=math.inf)


def _gpu_totals(text: str) -> list[int]:
    """Return the bytes of each GPU that nvidia-smi lists; none where those of one of them are not known."""
    totals = []
    for line in text.splitlines():
        megabytes, _, slices = line.partition(",")
        if not megabytes.strip().isdigit() or slices.strip() == "Enabled":
            return []
        totals.append(int(megabytes) * _MIB)
    return totals


def _nvidia_smi() -> str:
    if not (program := shutil.which("nvidia-smi")):
        return ""
    command = [program, "--query-gpu=memory.total,mig.mode.current", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=30, check=True)
        return done.stdout.decode(errors="replace")
    except (OSError, subprocess.SubprocessError):
        return ""
