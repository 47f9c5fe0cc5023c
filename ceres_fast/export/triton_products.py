"""What Triton Inference Server can serve: an ONNX file or an engine file of TensorRT, checked and described."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..artifact.onnx_file import read_onnx
from ..engines.onnx_runtime import OnnxRuntimeEngine
from ..engines.tensorrt.options import LARGEST_BATCH
from ..engines.tensorrt.sidecar import read_sidecar
from ..errors import CeresFastError, InputError
from ..files import sha256_of
from .pbtxt import Word


@dataclass(frozen=True)
class Product:
    """A product of a classifier as a backend of Triton serves it.

    Attributes
    ----------
    backend : str
        Name of the backend.
    file : str
        What the backend calls the file.
    sha256 : str
        Of the file.
    stamp_shape, output_shape : tuple of int
        Shapes of input and output for one stamp.
    facts : dict
        What is known of the classifier: names and texts.
    batches : tuple of int
        Batch sizes it is ready for, ascending.
    instances, batching : dict
        What the backend needs in ``instance_group`` and in ``dynamic_batching``.
    """

    backend: str
    file: str
    sha256: str
    stamp_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    facts: dict[str, str]
    batches: tuple[int, ...]
    instances: dict[str, Any]
    batching: dict[str, Any]


def read_product(path: Path, batches: Sequence[int]) -> Product:
    """Read an ONNX file, or an engine file of TensorRT with its sidecar and its ONNX file beside it.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    batches : sequence of int
        Batch sizes to be ready for, of an ONNX file; an engine has those it was built for.

    Raises
    ------
    InputError
        When it, or what belongs to it, is missing, damaged, or nothing that Triton serves.
    CeresFastError
        When a batch size is not a positive number.
    """
    read = _KINDS.get(path.suffix.lower())
    if read is None:
        raise InputError(
            path,
            "is nothing that Triton serves",
            expected=f"a file ending in {' or '.join(_KINDS)}",
            action="export the classifier to ONNX or to TensorRT; Triton has no backend for TensorRT-RTX",
        )
    return read(path, batches)


def _of_onnx(path: Path, batches: Sequence[int]) -> Product:
    if not batches or any(type(size) is not int or not 1 <= size <= LARGEST_BATCH for size in batches):
        raise CeresFastError(f"batch sizes {list(batches)}: expected whole numbers from 1 to {LARGEST_BATCH}.")
    stamp_shape, output_shape, facts = _facts(path)
    return Product(
        "onnxruntime",
        "model.onnx",
        sha256_of(path),
        stamp_shape,
        output_shape,
        facts,
        batches=tuple(sorted(set(batches))),
        instances={"kind": Word("KIND_AUTO")},  # on the GPU where the server has one
        batching={},  # preferred sizes are for engines with several profiles, says Triton's guide
    )


def _of_engine(path: Path, batches: Sequence[int]) -> Product:
    sidecar = read_sidecar(path)
    source = path.with_name(sidecar.onnx)
    _check(path, sidecar.engine_sha256, "engine")
    _check(source, sidecar.onnx_sha256, "ONNX file")
    stamp_shape, output_shape, facts = _facts(source)
    built = {"tensorrt": sidecar.runtime_version, "gpu": json.dumps(sidecar.gpu), "onnx_sha256": sidecar.onnx_sha256}
    sizes = tuple(sorted(set(sidecar.batches)))
    return Product(
        "tensorrt",
        "model.plan",
        sidecar.engine_sha256,
        stamp_shape,
        output_shape,
        facts | built,
        sizes,
        # A profile that is not named is not used. The server runs a batch in the nearest profile that allows its size.
        instances={"kind": Word("KIND_GPU"), "profile": [str(number) for number in range(len(sidecar.profiles))]},
        batching={"preferred_batch_size": [size for size in sizes if size > 1]},
    )


_KINDS: dict[str, Callable[[Path, Sequence[int]], Product]] = {".onnx": _of_onnx, ".engine": _of_engine}
"""Suffix of a product: what reads it."""


def _check(path: Path, sha256: str, what: str) -> None:
    try:
        found = sha256_of(path)
    except OSError as error:
        expected = f"the {what} that the engine's sidecar names"
        raise InputError(path, f"cannot be read ({error.strerror})", expected=expected) from error
    if found != sha256:
        raise InputError(
            path,
            f"is not the {what} that the engine's sidecar names (SHA-256 {found[:12]}…)",
            expected=f"SHA-256 {sha256[:12]}…",
            action="copy engine, sidecar and ONNX file together, or build the engine anew",
        )


def _facts(path: Path) -> tuple[tuple[int, ...], tuple[int, ...], dict[str, str]]:
    """Return the shapes of input and output and the metadata of an ONNX file, after opening it as a server will."""
    classifier = OnnxRuntimeEngine(path, provider="cpu").classifier
    _, metadata = read_onnx(path)
    return classifier.stamp_shape, (len(classifier.classes),), metadata
