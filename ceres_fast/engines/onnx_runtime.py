"""Run an exported classifier with ONNX Runtime on the CPU; needs neither TensorFlow nor the `onnx` package."""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np
import onnxruntime

from ..classifier import ONNX_METADATA_KEY, Classifier
from ..errors import InputError
from .onnx_file import read_onnx

INPUT, OUTPUT = "stamp", "probability"
BATCH = 64
"""Larger batches are no faster on a CPU (Xception: 64 to 256 within the noise) and take three times the memory."""

_ROUNDING = 2e-3
"""How far a float16 softmax may leave [0, 1]; anything farther is not a probability."""


class OnnxRuntimeEngine:
    """A classifier in an ONNX file, run by ONNX Runtime.

    Parameters
    ----------
    model : pathlib.Path
        The .onnx file: input ``stamps`` (n, 32, 32, planes) float32 in ADU, axes (stamp, y, x, plane), output
        ``probabilities`` (n, 2) float32 in the order of the classes, and the classifier's JSON in its metadata.
    threads : int, default 0
        Threads of one inference; 0 takes all cores.

    Attributes
    ----------
    classifier : Classifier
        What the file says of itself.
    seconds : float
        Time spent in ONNX Runtime so far.

    Raises
    ------
    InputError
        When the file is not such a model, or keeps its weights in other files.
    """

    def __init__(self, model: Path, *, threads: int = 0) -> None:
        self.path = model
        self.seconds = 0.0
        content, metadata = read_onnx(model)
        if ONNX_METADATA_KEY not in metadata:
            raise InputError(
                model,
                "does not say which classifier it is",
                expected=f"the metadata {ONNX_METADATA_KEY!r}",
                action="export it with `ceres-fast export`",
            )
        self.classifier = Classifier.from_json(metadata[ONNX_METADATA_KEY], model)
        self._asteroid = self.classifier.classes.index("asteroid")
        self._session = _open(content, model, threads)
        self._check("input", self._session.get_inputs(), INPUT, list(self.classifier.stamp_shape))
        self._check("output", self._session.get_outputs(), OUTPUT, [len(self.classifier.classes)])

    def predict(self, stamps: np.ndarray, batch_size: int = BATCH) -> np.ndarray:
        """Return the probability that each stamp holds an asteroid.

        Parameters
        ----------
        stamps : numpy.ndarray
            Pixels in ADU, shape (n, 32, 32, planes), axes (y, x, plane), float32; for one plane (n, 32, 32) as well.
        batch_size : int, default 64
            Stamps given to the runtime at a time; bounds the memory, never changes a result.

        Returns
        -------
        numpy.ndarray
            float32, shape (n,); NaN where the model gave none. (0,) for no stamps.

        Raises
        ------
        InputError
            When the model fails, or gives something that is not probabilities.
        ValueError
            When the stamps have another shape.
        """
        batches = np.ascontiguousarray(stamps[..., None] if stamps.ndim == 3 else stamps, np.float32)
        if batches.shape[1:] != self.classifier.stamp_shape:
            expected = ", ".join(map(str, ("n", *self.classifier.stamp_shape)))
            raise ValueError(f"stamps have shape {stamps.shape}, not ({expected})")
        result = np.empty(len(stamps), np.float32)
        for start in range(0, len(stamps), batch_size):
            result[start : start + batch_size] = self._run(batches[start : start + batch_size])
        return result

    def _run(self, batch: np.ndarray) -> np.ndarray:
        started = time.perf_counter()
        try:
            (output,) = self._session.run([OUTPUT], {INPUT: batch})
        except Exception as error:  # ONNX Runtime's errors share no other base class
            raise InputError(self.path, f"failed on {len(batch)} stamps ({_short(error)})") from error
        self.seconds += time.perf_counter() - started
        expected = (len(batch), len(self.classifier.classes))
        if output.shape != expected:
            raise InputError(self.path, f"gave an output of shape {output.shape}", expected=f"{expected}")
        probability = output[:, self._asteroid]
        wrong = (probability < -_ROUNDING) | (probability > 1 + _ROUNDING)
        if wrong.any():
            raise InputError(
                self.path,
                f"gave {probability[wrong][0]:g} as a probability",
                expected="values from 0 to 1",
                action="export it again, with its softmax",
            )
        return np.clip(probability, 0, 1)

    def _check(self, side: str, found: list[onnxruntime.NodeArg], name: str, shape: list[int]) -> None:
        """A model may have any batch size, but no other shape, type, name or number of inputs and outputs."""
        try:
            good = len(found) == 1 and found[0].name == name and found[0].type == "tensor(float)"
            if good and _fits(found[0].shape, shape):
                return
            shown = ", ".join(f"{each.name} {each.shape} {each.type}" for each in found)
        except UnicodeDecodeError:
            shown = "with a name that is not text"
        raise InputError(
            self.path,
            f"has the {side} {_printable(shown)}",
            expected=f"{name} {['N', *shape]} tensor(float)",
            action="export it with `ceres-fast export`",
        )


def _fits(found: list[int | str | None], shape: list[int]) -> bool:
    """Whether the batch is free and the rest fits; a converter may leave sizes open, `_run` checks what comes out."""
    batch, *rest = found or [0]
    if isinstance(batch, int) or len(rest) != len(shape):
        return False
    return all(size == want or not isinstance(size, int) for size, want in zip(rest, shape, strict=True))


def _open(content: bytes, path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # its errors come as exceptions; on the screen they would be said twice
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        providers = ["CPUExecutionProvider"]
        # Without the fallback, which prints and tries the same again.
        return onnxruntime.InferenceSession(content, options, providers=providers, enable_fallback=0)
    except Exception as error:  # ONNX Runtime's errors share no other base class
        raise InputError(
            path,
            f"cannot be run by ONNX Runtime {onnxruntime.__version__} ({_short(error)})",
            expected="a classifier exported to ONNX",
            action="copy or export it again, or install a newer onnxruntime",
        ) from error


def _short(error: Exception) -> str:
    return _printable(re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", str(error)))


def _printable(text: str) -> str:
    line = "".join(letter if letter.isprintable() else " " for letter in text).strip()
    return line if len(line) < 200 else line[:199] + "…"
