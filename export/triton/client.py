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
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from tritonclient.utils import InferenceServerException

from ceres_fast.classifier import ONNX_METADATA_KEY, Classifier
from ceres_fast.classify.frames import classify_exposures
from ceres_fast.classify.jobs import Job
from ceres_fast.classify.outputs import check_targets, frame_target, stamps_target
from ceres_fast.classify.stamps import classify_stamps
from ceres_fast.classify.task import Result, Task
from ceres_fast.console import guard_output
from ceres_fast.engines.batches import BatchedEngine
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.survey.catalogues import catalogue_places, find_catalogue
from ceres_fast.survey.frames import find_frames, read_headers
from ceres_fast.survey.rules import Rules

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
        When tritonclient lacks the protocol, the server does not answer, or has no such model that ceres-fast wrote.
    """

    def __init__(
        self, server: str, protocol: str = "grpc", model: str = "asteroid_classifier", timeout: float = TIMEOUT
    ) -> None:
        path = Path(server) / model
        try:
            self.api: ModuleType = importlib.import_module(f"tritonclient.{protocol}")
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
        except (InferenceServerException, OSError) as error:
            problem = f"the server does not tell how it serves this model ({error})"
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
        except (InferenceServerException, OSError) as error:
            raise InputError(self.path, f"the server failed on {len(batch)} stamps ({error})") from error
        return answer.as_numpy(self.output)


def classify(inputs: Sequence[Path], engine: TritonEngine, output: Path, *, overwrite: bool = False) -> Result:
    """Write the catalogues of frames, and a table of stamps, with the probability of each.

    What cannot be classified, also because the server fails, is passed on without probabilities, loudly.

    Parameters
    ----------
    inputs : sequence of pathlib.Path
        Frames with catalogues, stamps, or folders of them.
    engine : TritonEngine
        The classifier.
    output : pathlib.Path
        A folder.
    overwrite : bool
        Replace tables that are there.

    Raises
    ------
    CeresFastError
        When the classifier takes more than the science image, or a table is there already or would replace an input.
    """
    if len(engine.classifier.planes) > 1:
        raise InputError(engine.path, f"takes the planes {', '.join(engine.classifier.planes)}; frames have one")
    rules = engine.classifier.rules
    task = Task(engine, Rules.from_dict(rules) if rules else Rules(), keep_above=None, on_error="skip")
    catalogues = {path: find_catalogue(path) for path in find_frames(inputs)}
    frames = {path: catalogue for path, catalogue in catalogues.items() if catalogue}
    stamps = [path for path in catalogues if path not in frames]
    jobs = [Job(frame, table, frame_target(frame, table, inputs, output, None)) for frame, table in frames.items()]
    targets = [job.target for job in jobs] + [stamps_target(output, None)] * bool(stamps)
    places = [place for frame in frames for place in catalogue_places(frame)]
    check_targets(targets, [*catalogues, *frames.values()], places, overwrite)
    with task.timed():
        if stamps:
            classify_stamps(stamps, targets[-1], task)
        classify_exposures([whole for job in jobs if (whole := _with_headers(job, task))], task)
    task.summary()
    return task.result


def _with_headers(job: Job, task: Task) -> Job | None:
    try:
        infos = [info for info, _, _ in read_headers(job.frame)]
    except InputError as error:
        job.pass_on(error, task)
        return None
    return Job(job.frame, job.catalogue, job.target, infos)


def main() -> int:
    """Run the command line; 3 where something could not be classified."""
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
        result = classify(given.inputs, engine, given.output, overwrite=given.overwrite)
    except CeresFastError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 3 if result.failed else 0


if __name__ == "__main__":
    guard_output()
    sys.exit(main())
