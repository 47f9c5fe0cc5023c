"""Run an exported classifier with ONNX Runtime; needs neither TensorFlow nor the `onnx` package."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from ..artifact.classifier import ONNX_METADATA_KEY, Classifier
from ..artifact.onnx_file import INPUT, OUTPUT, read_onnx
from ..errors import CeresFastError, InputError
from ..machine import cores
from .batches import AUTO, BatchedEngine, shared_out
from .providers import PROVIDERS, Onnx, printable, short, start


class OnnxRuntimeEngine(BatchedEngine):
    """A classifier in an ONNX file (float32, float16 or int8 inside), run by ONNX Runtime.

    Parameters
    ----------
    model : pathlib.Path
        The .onnx file: input ``stamp`` (N, 32, 32, planes) float32 in ADU, axes (stamp, y, x, plane), output
        ``probability`` (N, 2) float32 in the order of the classes, and the classifier's JSON in its metadata.
    provider : str, default "auto"
        ``"cpu"``, ``"cuda"``, ``"tensorrt"``, or the best of them that starts.
    threads : int, default 0
        Threads of one inference on the CPU; 0: as many as the user or the system allows (`machine.cores.threads`).
        Each has a part of the batch.

    Attributes
    ----------
    classifier : Classifier
        What the file says of itself.
    provider : str
        What it runs on.
    runtime : str
        ONNX Runtime, its version and the provider.
    seconds : float
        Time spent in `predict` so far.

    Raises
    ------
    InputError
        When the file is not such a model, or keeps its weights in other files.
    CeresFastError
        When the provider that was asked for does not start here, with the reason: it never falls back to another one.
    """

    def __init__(self, model: Path, *, provider: str = AUTO, threads: int = 0) -> None:
        content, metadata = read_onnx(model)
        if ONNX_METADATA_KEY not in metadata:
            raise InputError(
                model,
                "does not say which classifier it is",
                expected=f"the metadata {ONNX_METADATA_KEY!r}",
                action="export it with `ceres-fast export`",
            )
        classifier = Classifier.from_json(metadata[ONNX_METADATA_KEY], model)
        self._session, self.provider = _open(Onnx(content, classifier.stamp_shape), model, provider, threads)
        chosen = PROVIDERS[self.provider]
        self._threads = (threads or cores.threads()) if self.provider == "cpu" else 1
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="inference")
        super().__init__(
            model,
            classifier,
            runtime=f"ONNX Runtime {onnxruntime.__version__}, {self.provider}",
            # Its memory is for as many views.
            batch_size=self._threads * max(chosen.smallest, chosen.batch_size // classifier.views),
            sizes=chosen.sizes,
        )
        self._check("input", self._session.get_inputs(), INPUT, list(classifier.stamp_shape))
        self._check("output", self._session.get_outputs(), OUTPUT, [len(classifier.classes)])

    def _run(self, batch: np.ndarray) -> np.ndarray:
        parts = shared_out(batch, self._threads) if self.provider == "cpu" else [batch]
        try:
            # A part is run whole by the thread that takes it. ONNX Runtime's own threads would share out each operator:
            # they wait for each other after each, longer than a small network computes, and the last digits of a
            # stamp's logarithms would depend on where in the batch a thread's share ends.
            outputs = np.concatenate(list((map if len(parts) == 1 else self._pool.map)(self._part, parts)))
        except Exception as error:  # ONNX Runtime's errors share no other base class
            raise InputError(self.path, f"failed on {len(batch)} stamps ({short(error)})") from error
        return outputs[: len(batch)]

    def _part(self, stamps: np.ndarray) -> Any:
        return self._session.run([OUTPUT], {INPUT: stamps})[0]

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
            f"has the {side} {printable(shown)}",
            expected=f"{name} {['N', *shape]} tensor(float)",
            action="export it with `ceres-fast export`",
        )


def _fits(found: list[int | str | None], shape: list[int]) -> bool:
    """Whether the batch is free and the rest fits; a converter may leave sizes open, the base checks what comes out."""
    batch, *rest = found or [0]
    if isinstance(batch, int) or len(rest) != len(shape):
        return False
    return all(size == want or not isinstance(size, int) for size, want in zip(rest, shape, strict=True))


def _open(model: Onnx, path: Path, provider: str, threads: int) -> tuple[onnxruntime.InferenceSession, str]:
    try:
        return start(model, provider, threads)
    except CeresFastError:
        raise
    except Exception as error:  # ONNX Runtime's errors share no other base class
        raise InputError(
            path,
            f"cannot be run by ONNX Runtime {onnxruntime.__version__} ({short(error)})",
            expected="a classifier exported to ONNX",
            action="copy or export it again, or install a newer onnxruntime",
        ) from error
