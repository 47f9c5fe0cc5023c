#!/usr/bin/env python3
"""Classify frames with their catalogues, and FITS stamps, on a Triton Inference Server.

    pip install ./ceres_fast-*.whl 'tritonclient[grpc,http]'
    python client.py NIGHT --server HOST:8001 --output classified

The server scores stamps. Reading frames and catalogues, cutting stamps and finding what is stationary between the
exposures of a field is done here, by ceres-fast, and so is what makes the network's answers into shares. What the
classifier was trained with comes from the server: `ceres-fast export --to triton` writes it into the parameters.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ceres_fast.artifact.classifier import ONNX_METADATA_KEY, Classifier
from ceres_fast.classify import classify
from ceres_fast.console import guard_output, names_in_utf8
from ceres_fast.engines.batches import BatchedEngine
from ceres_fast.errors import CeresFastError, InputError

TIMEOUT = 60.0
"""Seconds that an answer of the server may take."""


class TritonEngine(BatchedEngine):
    """A classifier on a server, which answers as one on this machine does.

    Parameters
    ----------
    server : str
        HOST:PORT; Triton listens for gRPC on 8001, and for HTTP on 8000.
    protocol : {"grpc", "http"}
        How it is spoken to.
    model : str
        Name of the model.
    timeout : float
        Seconds that an answer may take.

    Raises
    ------
    InputError
        When tritonclient is not installed or lacks the protocol, or the server does not answer, or has no such model
        that ceres-fast wrote.
    """

    def __init__(
        self, server: str, protocol: str = "grpc", model: str = "asteroid_classifier", timeout: float = TIMEOUT
    ) -> None:
        path = Path(server) / model
        try:
            # Here, not at the top: without the package, a line says what to install.
            self.api: ModuleType = importlib.import_module(f"tritonclient.{protocol}")
            self.failures = (importlib.import_module("tritonclient.utils").InferenceServerException, OSError)
        except (ImportError, RuntimeError) as error:
            action = f"install it: pip install 'tritonclient[{protocol}]'"
            raise InputError(path, f"tritonclient cannot speak {protocol} here ({error})", action=action) from error
        # Over HTTP a connection has limits, over gRPC each question.
        limits = {"connection_timeout": timeout, "network_timeout": timeout} if protocol == "http" else {}
        self.client = self.api.InferenceServerClient(server, **limits)
        self.limit = {"client_timeout": timeout} if protocol == "grpc" else {}
        self.model = model
        try:
            config = self._config(protocol)
        except self.failures as error:
            problem = f"the server does not say how it serves this model ({error})"
            raise InputError(path, problem, action="look whether it is started, and into its log") from error
        versions = config.get("version_policy", {}).get("specific", {}).get("versions", [])
        if ONNX_METADATA_KEY not in config.get("parameters", {}) or len(versions) != 1:
            problem = "does not say which classifier it is, and which version of the model"
            raise InputError(path, problem, action="write it with `ceres-fast export --to triton`")
        (stamps,), (probabilities,) = config["input"], config["output"]
        self.input, self.output = stamps["name"], probabilities["name"]
        # The version that was described: after another one has come, its answers mean something else.
        self.version = str(versions[0])
        text = config["parameters"][ONNX_METADATA_KEY]["string_value"]
        super().__init__(
            path,
            Classifier.from_json(text, path),
            runtime=f"Triton, {protocol}",
            batch_size=int(config["max_batch_size"]),
        )

    def _config(self, protocol: str) -> dict[str, Any]:
        if protocol == "grpc":
            return self.client.get_model_config(self.model, as_json=True, **self.limit)["config"]
        return self.client.get_model_config(self.model)

    def _run(self, batch: np.ndarray) -> np.ndarray:
        stamps = self.api.InferInput(self.input, list(batch.shape), "FP32")
        stamps.set_data_from_numpy(batch)
        wanted = [self.api.InferRequestedOutput(self.output)]
        try:
            answer = self.client.infer(self.model, [stamps], model_version=self.version, outputs=wanted, **self.limit)
        except self.failures as error:
            raise InputError(self.path, f"the server failed on {len(batch)} stamps ({error})") from error
        return answer.as_numpy(self.output)


def main() -> int:
    """Run the command line; the status is that of `ceres-fast classify`."""
    options = argparse.ArgumentParser(description="Classify frames and FITS stamps on a Triton Inference Server.")
    options.add_argument("inputs", nargs="+", type=Path, metavar="INPUT", help="frames, FITS stamps, or folders")
    options.add_argument("--server", default="localhost:8001", help="HOST:PORT (default: %(default)s)")
    options.add_argument("--protocol", choices=("grpc", "http"), default="grpc", help="http: usually port 8000")
    options.add_argument("--model", default="asteroid_classifier", help="its name (default: %(default)s)")
    options.add_argument("--output", type=Path, default=Path("classified"), help="folder (default: %(default)s)")
    options.add_argument("--overwrite", action="store_true", help="replace what is there already")
    given = options.parse_args()
    try:
        engine = TritonEngine(given.server, given.protocol, given.model)
        result = classify(given.inputs, engine, output=given.output, on_error="skip", overwrite=given.overwrite)
    except CeresFastError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return result.status


if __name__ == "__main__":
    names_in_utf8()
    guard_output()
    sys.exit(main())
