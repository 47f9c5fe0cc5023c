"""The command line of a benchmark, and what its result file says of the machine, the versions and the command."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import resource
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Any

from ceres_fast.files import write_json
from ceres_fast.libraries.tensorflow_quiet import tf

PACKAGES = (
    "ceres-fast",
    "tensorflow",
    "keras",
    "onnxruntime",
    "tf2onnx",
    "numpy",
    "scipy",
    "astropy",
    "scikit-learn",
    "dask",
    "sep",
    "fastavro",
)


FOLDER = Path(tempfile.gettempdir()) / "ceres-fast-benchmark"
"""Default folder of what a benchmark makes on the way."""


def command_line(script: str, description: str | None) -> argparse.ArgumentParser:
    """Return the parser of a script (its path): --output, by default ``results/<script>.json`` beside it."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    results = Path(script).parent / "results"
    made.add_argument("--output", type=Path, default=(results / Path(script).name).with_suffix(".json"))
    return made


def machine() -> dict[str, Any]:
    """Return processor, cores, memory, GPUs, versions and the command that is running."""
    gpus = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "gpus": [gpu.get("device_name", "unknown") for gpu in gpus] or "not measured on a GPU",
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
        "command": shlex.join(["python", "-m", f"benchmarks.{Path(sys.argv[0]).stem}", *map(_shown, sys.argv[1:])]),
    }


def write_result(path: Path, result: dict[str, Any]) -> None:
    """Write a result with what `machine` knows in front."""
    write_json(path, {"machine": machine(), **result})


def processor_seconds() -> float:
    """Return the seconds that finished child processes have spent on the processor, user and system."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    features = next((line for line in lines if line.startswith("flags")), "").split()
    wanted = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
    known = [feature for feature in wanted if feature in features]
    return f"{names[0] if names else platform.processor()} ({', '.join(known)})"


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "from the source tree"


def _shown(argument: str) -> str:
    """A path outside the repository means nothing to a reader: only its name is kept."""
    return Path(argument).name if argument.startswith(("/", "..")) else argument
