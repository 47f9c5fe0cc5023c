"""A classifier on a Triton Inference Server: the server scores stamps, all the rest is done here.

A model is named by ``triton://HOST:PORT/NAME`` (gRPC, which Triton listens for on 8001) or
``triton+http://HOST:PORT/NAME`` (HTTP, on 8000). What it was trained with comes from the server: ``ceres-fast export
--to triton`` writes it into the parameters.

Source: Triton's protocol is that of KServe, https://github.com/kserve/open-inference-protocol, with
`ModelConfig <https://github.com/triton-inference-server/common/blob/main/protobuf/model_config.proto>`_.
"""

from __future__ import annotations

import importlib
import re
import time
from collections.abc import Callable
from itertools import chain, repeat
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..artifact.classifier import ONNX_METADATA_KEY, Classifier
from ..errors import InputError
from .batches import BatchedEngine, in_tiles

TIMEOUT = 60.0
"""Seconds that an answer of the server may take."""

PATIENCE = 90.0
"""Seconds in which a batch is sent again where the server cannot be reached, or has not answered: it may be started
anew meanwhile. So a batch is given up after `PATIENCE` + `TIMEOUT` at the latest."""

GLANCE = 5.0
"""Seconds that a server which was given up has to say that it is ready again."""

_PAUSES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Seconds between one attempt and the next; the last of them again and again."""

_PROTOCOLS = {"triton": "grpc", "triton+http": "http"}

_ADDRESS = re.compile(r"(?P<scheme>[a-z+]+):/{1,2}(?P<server>[^/]+:(?P<port>\d{1,5}))/(?P<model>[^/]+)")
"""A `pathlib.Path` of an address has one slash where there were two."""

_LAST_PORT = 65535

_AGAIN = {
    *("StatusCode.UNAVAILABLE", "StatusCode.DEADLINE_EXCEEDED", "StatusCode.CANCELLED"),
    *("502", "503", "504"),
}
"""What gRPC, HTTP, and what stands between, call it that a server cannot be reached, or does not answer in time."""

_RECONNECT = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 250),
    ("grpc.max_reconnect_backoff_ms", 2000),
]
"""gRPC's own limits are 4 MiB, less than a large batch, and up to two minutes before it calls a server again."""


class Address(NamedTuple):
    """Where a model is served.

    Parameters
    ----------
    scheme : {"triton", "triton+http"}
    server : str
        HOST:PORT.
    model : str
        Its name there.
    """

    scheme: str
    server: str
    model: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.server}/{self.model}"


def server_address(model: Path) -> Address | None:
    """Return where a model is served; None where its name is that of a file.

    Raises
    ------
    InputError
        When it begins as an address, and is none.
    """
    text = model.as_posix()
    if not text.startswith(tuple(f"{scheme}:/" for scheme in _PROTOCOLS)):
        return None
    found = _ADDRESS.fullmatch(text)
    if found is None or int(found["port"]) > _LAST_PORT:
        expected = " or ".join(f"{scheme}://HOST:PORT/NAME" for scheme in _PROTOCOLS)
        raise InputError(model, "is no address of a model on a server", expected=expected)
    return Address(found["scheme"], found["server"], found["model"])


class TritonEngine(BatchedEngine):
    """A classifier on a server, which answers as one on this machine does.

    A batch is sent again while the server cannot be reached or does not answer, for a bounded time. A server that was
    given up is asked once, and shortly, before each further batch whether it is ready, so that a dead one costs a night
    no time. Batches are as large as the server takes.

    Parameters
    ----------
    address : Address
        Where it is.
    timeout, patience : float
        As `TIMEOUT` and `PATIENCE`.

    Raises
    ------
    InputError
        When tritonclient is not installed or lacks the protocol, or the server does not answer, or has no such model
        that ceres-fast wrote.
    """

    def __init__(self, address: Address, *, timeout: float = TIMEOUT, patience: float = PATIENCE) -> None:
        self.address, self.protocol, self.patience = address, _PROTOCOLS[address.scheme], patience
        try:
            # Here, not at the top: without the package, a line says what to install.
            self.api: ModuleType = importlib.import_module(f"tritonclient.{self.protocol}")
            self.answered_no: Any = importlib.import_module("tritonclient.utils").InferenceServerException
            # In HTTP, a connection that ends within an answer is an error of its own.
            cut = [importlib.import_module("geventhttpclient.response").HTTPParseError] * (self.protocol == "http")
        except (ImportError, RuntimeError) as error:
            action = f"install it: pip install 'tritonclient[{self.protocol}]'"
            problem = f"tritonclient cannot speak {self.protocol} here ({error})"
            raise InputError(str(address), problem, action=action) from error
        self.failures = (self.answered_no, OSError, *cut)
        self.client, self.limit = self._connect(timeout)
        self.given_up = False
        try:
            config = self.client.get_model_config(address.model, **self.limit, **self._as_json())
        except self.failures as error:
            problem = f"the server does not say how it serves this model ({error})"
            raise InputError(str(address), problem, action="look whether it is started, and into its log") from error
        config = config.get("config", config)
        versions = config.get("version_policy", {}).get("specific", {}).get("versions", [])
        largest = int(config.get("max_batch_size", 0))
        if ONNX_METADATA_KEY not in config.get("parameters", {}) or len(versions) != 1 or largest < 1:
            problem = "does not say which classifier it is, which version of the model, and how large a batch may be"
            raise InputError(str(address), problem, action="write it with `ceres-fast export --to triton`")
        (stamps,), (probabilities,) = config["input"], config["output"]
        self.input, self.output = stamps["name"], probabilities["name"]
        # The version that was described: after another one has come, its answers mean something else.
        self.version = str(versions[0])
        text = config["parameters"][ONNX_METADATA_KEY]["string_value"]
        path = Path(str(address))
        super().__init__(path, Classifier.from_json(text, path), runtime=f"Triton, {self.protocol}", batch_size=largest)

    def _connect(self, timeout: float) -> tuple[Any, dict[str, float]]:
        """Return a client, and what each question is given so that its answer takes no longer."""
        if self.protocol == "grpc":
            return self.api.InferenceServerClient(self.address.server, channel_args=_RECONNECT), {
                "client_timeout": timeout
            }
        limits = {"connection_timeout": timeout, "network_timeout": timeout}
        return self.api.InferenceServerClient(self.address.server, **limits), {}

    def _as_json(self) -> dict[str, bool]:
        return {"as_json": True} if self.protocol == "grpc" else {}

    def _largest(self, batch_size: int) -> int:
        """A batch that is larger than the server takes would be refused."""
        return min(super()._largest(batch_size), self.batch_size)

    def _run(self, batch: np.ndarray) -> np.ndarray:
        # A server may compute on a CPU, and put the requests of several clients together: tiles stay tiles.
        given = in_tiles(batch)
        given = given if len(given) <= self.batch_size else batch
        stamps = self.api.InferInput(self.input, list(given.shape), "FP32")
        stamps.set_data_from_numpy(given)
        asked = {"model_version": self.version, "outputs": [self.api.InferRequestedOutput(self.output)], **self.limit}
        try:
            answer = self._asked(lambda: self.client.infer(self.address.model, [stamps], **asked))
        except self.failures as error:
            action = "look into its log; if it serves another version now, start this again"
            problem = f"the server failed on {len(batch)} stamps ({error})"
            raise InputError(str(self.address), problem, action=action) from error
        found: np.ndarray = answer.as_numpy(self.output)[: len(batch)]
        return found

    def _asked(self, ask: Callable[[], Any]) -> Any:
        """Return an answer, asked for again while that may help."""
        if self.given_up:
            self._glance()
        until = time.monotonic() + (0 if self.given_up else self.patience)
        for pause in chain(_PAUSES, repeat(_PAUSES[-1])):
            try:
                answer = ask()
            except self.failures as error:
                again = not isinstance(error, self.answered_no) or error.status() in _AGAIN
                self.given_up = again and time.monotonic() + pause >= until
                if self.given_up or not again:
                    raise
                time.sleep(pause)
            else:
                self.given_up = False
                return answer
        raise AssertionError  # `repeat` does not end

    def _glance(self) -> None:
        """Raise what an answer would fail with, where a server that was given up is not ready again."""
        client, limit = self._connect(GLANCE)
        with client:
            if not client.is_model_ready(self.address.model, self.version, **limit):
                raise ConnectionError("it was given up before, and is not ready again")
