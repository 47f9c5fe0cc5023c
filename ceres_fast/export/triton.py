"""A model repository for NVIDIA's Triton Inference Server, written from an exported classifier.

An ONNX file is served by Triton's onnxruntime backend, an engine file of TensorRT by its tensorrt backend. Everything
in ``config.pbtxt`` comes from the file that is served, so that the two cannot disagree.

Sources: Triton's user guide, "Model Repository", "Model Configuration" and "Batchers"; its protocol ``ModelConfig``
(model_config.proto); which version of a model is loaded (core, model_lifecycle.cc), what a warm-up sends (core,
backend_model_instance.cc), and in which profile a batch runs (tensorrt_backend, instance_state.cc).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..artifact.classifier import ONNX_METADATA_KEY
from ..artifact.onnx_file import INPUT, OUTPUT
from ..console import say
from ..engines.batches import BATCHES
from ..errors import CeresFastError, InputError
from ..files import disk_errors, sha256_of, write_text
from ..folders import atomic_directory
from ..locks import lock_where_possible
from .pbtxt import Word, text
from .triton_products import Product, read_product

MODEL = "asteroid_classifier"
"""What clients call the model."""

CONFIG = "config.pbtxt"

QUEUE_DELAY = 2000
"""Microseconds that a request waits for others with which it could share a batch."""

PREFIX = ONNX_METADATA_KEY.partition(".")[0]
"""What the names of parameters begin with: a backend would read others as settings of its own."""

HEADER = """\
# Written by `ceres-fast export --to triton`; the next version replaces it. What belongs to your server (instances,
# GPUs, delays) goes into a copy, configs/NAME.pbtxt, which tritonserver --model-config-name NAME takes instead.
"""


def write_repository(product: Path, repository: Path, *, batches: Sequence[int] = BATCHES, name: str = MODEL) -> Path:
    """Write a product of a classifier into a model repository of Triton, as a new version.

    The version is written whole, and then ``config.pbtxt``, which names the one version to serve: a server sees the old
    one or the new one, each with its own description, and a process that is killed leaves the old one.

    Parameters
    ----------
    product : pathlib.Path
        An ONNX file that ``ceres-fast export`` wrote, or an engine file of TensorRT (``.engine``) with its sidecar and
        its ONNX file beside it.
    repository : pathlib.Path
        Folder of the repository, made where it is not there; other models in it are left alone.
    batches : sequence of int
        Batch sizes to be ready for, of an ONNX file; the largest is the largest batch that the server collects. An
        engine has those it was built for.
    name : str
        Name of the model.

    Returns
    -------
    pathlib.Path
        The folder of the version.

    Raises
    ------
    InputError
        When the product, or what belongs to it, is missing, damaged, or nothing that Triton serves.
    CeresFastError
        When there is a model of that name that ceres-fast did not write, a batch size is not a positive number, or the
        disk refuses; what was served before is served still.
    """
    made = read_product(product, batches)
    model = repository / name
    with _alone(repository, name):
        _check_own(model)
        version = max(_versions(model), default=0) + 1
        with atomic_directory(model / str(version)) as folder:
            shutil.copyfile(product, folder / made.file)
            if sha256_of(folder / made.file) != made.sha256:
                raise InputError(product, "has changed while it was copied", action="give the command again")
        try:
            write_text(model / CONFIG, HEADER + text(config(made, name, version)))
        except BaseException:
            shutil.rmtree(model / str(version), ignore_errors=True)
            raise
    say(
        f"wrote {model / str(version)} ({made.backend} backend, batches of up to {max(made.batches):,} stamps)\n"
        f"start a server with: tritonserver --model-repository {repository}"
    )
    return model / str(version)


def config(product: Product, name: str, version: int) -> dict[str, Any]:
    """Return the fields of the ``ModelConfig`` that serves this version of a product."""
    facts = product.facts | {"sha256": product.sha256}
    return {
        "name": name,
        "backend": product.backend,
        "max_batch_size": max(product.batches),
        "version_policy": {"specific": {"versions": [version]}},
        "input": [{"name": INPUT, **_tensor(product.stamp_shape)}],
        "output": [{"name": OUTPUT, **_tensor(product.output_shape)}],
        "instance_group": [{"count": 1, **product.instances}],
        "dynamic_batching": {**product.batching, "max_queue_delay_microseconds": QUEUE_DELAY},
        "model_warmup": [_warm_up(product, size) for size in product.batches],
        "parameters": [_parameter(key, value) for key, value in sorted(facts.items())],
    }


def _tensor(shape: tuple[int, ...]) -> dict[str, Any]:
    return {"data_type": Word("TYPE_FP32"), "dims": list(shape)}  # Triton puts the number of stamps before them


def _warm_up(product: Product, size: int) -> dict[str, Any]:
    # Not random_data: Triton makes that of random bytes, and some of them are a NaN or 1e38.
    constant = _tensor(product.stamp_shape) | {"zero_data": True}
    return {"name": f"{size} stamps", "batch_size": size, "inputs": {"key": INPUT, "value": constant}}


def _parameter(key: str, value: str) -> dict[str, Any]:
    named = key if key.startswith(f"{PREFIX}.") else f"{PREFIX}.{key}"
    return {"key": named, "value": {"string_value": value}}


def _versions(model: Path) -> list[int]:
    names = [entry.name for entry in model.iterdir()] if model.is_dir() else []
    return [int(name) for name in names if name.isascii() and name.isdecimal()]


def _check_own(model: Path) -> None:
    """Make sure that what is there under this name, if anything, is a model that ceres-fast wrote.

    A version without a configuration is one of a process that was killed before it wrote the first.
    """
    path = model / CONFIG
    if path.exists() and not path.read_bytes().startswith(HEADER.partition(";")[0].encode()):
        raise CeresFastError(f"{path}: was not written by ceres-fast. Choose another repository.")


@contextmanager
def _alone(repository: Path, name: str) -> Iterator[None]:
    """Make the folder of a model and let nobody else write there; a folder that stays empty is removed again."""
    model = repository / name
    with disk_errors(model):
        model.mkdir(parents=True, exist_ok=True)
        held = lock_where_possible(repository / f".{name}.lock", wait=True)
    with held:
        try:
            yield
        finally:
            with suppress(OSError):  # it is not empty
                model.rmdir()
