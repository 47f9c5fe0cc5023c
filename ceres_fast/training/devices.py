"""On which devices training runs, and how much memory they have left."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from ..tensorflow_quiet import tf

_MEMORY = Path("/proc/meminfo")
_KIB, _MIB = 1 << 10, 1 << 20


def devices() -> list[tf.config.LogicalDevice]:
    """Return the devices that compute: the GPUs where there are any, else the CPU (or its parts, in tests)."""
    return tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")


def strategy() -> tf.distribute.Strategy:
    """Return how the devices of this host share a batch: all GPUs, where there are several, else one device.

    Several logical CPU devices count as devices too; TensorFlow makes them only where a program (a test) asks for them.
    The model is to be built, compiled and fitted in its `scope`.
    """
    found = devices()
    if len(found) > 1:
        return tf.distribute.MirroredStrategy([device.name for device in found])
    return tf.distribute.get_strategy()


def replicas() -> int:
    """Return among how many devices each batch is shared in the current scope."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def describe() -> str:
    """Return the devices for the log: ``2 x CPU``, or the names of the GPUs."""
    found = devices()
    if found[0].device_type == "CPU":
        return "CPU" if len(found) == 1 else f"{len(found)} x CPU"
    details = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    return ", ".join(detail.get("device_name", "GPU") for detail in details)


def free_memory() -> int | None:
    """Return the bytes that are free on the device that computes; None where that cannot be found out.

    CPU: ``MemAvailable`` of ``/proc/meminfo``. GPU: what nvidia-smi calls its total, less what this process uses of it;
    not what nvidia-smi calls free, because TensorFlow takes all of that when it starts. A GPU in slices (MIG) shows the
    total of all of them: not known.
    """
    if devices()[0].device_type == "CPU":
        return _available(_MEMORY.read_text()) if _MEMORY.is_file() else None
    total = _gpu_total(_nvidia_smi())
    return None if total is None else total - tf.config.experimental.get_memory_info("GPU:0")["current"]


def _available(text: str) -> int | None:
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    value = fields.get("MemAvailable", "").split()
    return int(value[0]) * _KIB if value else None


def _gpu_total(text: str) -> int | None:
    """Return the bytes of the smallest GPU of nvidia-smi's answer: which of them TensorFlow uses, it does not say."""
    totals = []
    for line in text.splitlines():
        megabytes, _, slices = line.partition(",")
        if not megabytes.strip().isdigit() or slices.strip() == "Enabled":
            return None
        totals.append(int(megabytes) * _MIB)
    return min(totals, default=None)


def _nvidia_smi() -> str:
    if not (program := shutil.which("nvidia-smi")):
        return ""
    command = [program, "--query-gpu=memory.total,mig.mode.current", "--format=csv,noheader,nounits"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
