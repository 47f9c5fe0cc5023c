"""A server that speaks Triton's two protocols for one model, run by ONNX Runtime: what the engine of a server talks to.

As a program (FOLDER PROTOCOL), it prints its port, hangs at the second batch, and says so: to be killed then.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import onnxruntime
from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc


class Model:
    """The version of a model that a repository's configuration names; answers as its backend would."""

    def __init__(self, folder: Path) -> None:
        self.config = text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())
        (version,) = self.config.version_policy.specific.versions
        self.version = str(version)
        self.session = onnxruntime.InferenceSession(folder / self.version / "model.onnx")
        self.shapes: list[tuple[int, ...]] = []
        self.asked = 0
        self.broken = False
        self.hangs_at = 0  # the batch at which it says so, and hangs; 0: at none
        self.free = threading.Event()  # cleared: it hangs
        self.free.set()

    def ready(self, name: str, version: str) -> bool:
        """Whether this model is served."""
        return (name, version) == (self.config.name, self.version)

    def run(self, name: str, version: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Check a request as Triton does, and run it."""
        self.asked += 1
        if self.asked == self.hangs_at:
            print("hangs", flush=True)
            self.free.clear()
        self.free.wait()
        if self.broken:
            raise ValueError("the model is being unloaded")
        if (name, version) not in [(self.config.name, self.version), (self.config.name, "")]:
            raise ValueError(f"Request for unknown model: '{name}' version {version} is not at ready state")
        (wanted,) = self.config.input
        ((given, values),) = inputs.items()
        if given != wanted.name or list(values.shape[1:]) != list(wanted.dims):
            raise ValueError(f"unexpected input '{given}' of shape {values.shape}")
        if len(values) > self.config.max_batch_size:
            raise ValueError(f"inference request batch-size must be <= {self.config.max_batch_size}")
        self.shapes.append(values.shape)
        (output,) = self.config.output
        return {output.name: self.session.run([output.name], inputs)[0]}


class _Grpc(service_pb2_grpc.GRPCInferenceServiceServicer):
    def __init__(self, model: Model) -> None:
        self.model = model

    def ModelConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 (its name in the protocol)
        if request.name != self.model.config.name:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Request for unknown model: '{request.name}' is not found")
        return service_pb2.ModelConfigResponse(config=self.model.config)

    def ModelReady(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return service_pb2.ModelReadyResponse(ready=self.model.ready(request.name, request.version))

    def ModelInfer(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        pairs = zip(request.inputs, request.raw_input_contents, strict=True)
        inputs = {each.name: np.frombuffer(raw, "<f4").reshape(list(each.shape)) for each, raw in pairs}
        assert {each.datatype for each in request.inputs} == {"FP32"}
        try:
            outputs = self.model.run(request.model_name, request.model_version, inputs)
        except ValueError as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        answer = service_pb2.ModelInferResponse(model_name=request.model_name, model_version=self.model.version)
        for each in request.outputs:
            values = outputs[each.name]
            answer.outputs.add(name=each.name, datatype="FP32", shape=values.shape)
            answer.raw_output_contents.append(values.tobytes())
        return answer


@contextmanager
def grpc_server(model: Model, port: int = 0) -> Iterator[str]:
    """Serve a model; yield HOST:PORT."""
    server = grpc.server(futures.ThreadPoolExecutor(8))
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(_Grpc(model), server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait()


def _handler(model: Model) -> type[BaseHTTPRequestHandler]:
    name = model.config.name

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path.endswith("/ready"):
                _, _, _, asked, _, version, _ = self.path.split("/")
                self._answer(200 if model.ready(asked, version) else 400, b"")
                return
            if self.path != f"/v2/models/{name}/config":
                self._answer(400, json.dumps({"error": f"unknown model: {self.path}"}).encode())
                return
            config = json_format.MessageToDict(model.config, preserving_proto_field_name=True)
            self._answer(200, json.dumps(config).encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            size = int(self.headers["Inference-Header-Content-Length"])
            (given,) = json.loads(body[:size])["inputs"]
            _, _, _, asked, _, version, _ = self.path.split("/")
            values = np.frombuffer(body[size:], "<f4").reshape(given["shape"])
            try:
                ((output, found),) = model.run(asked, version, {given["name"]: values}).items()
            except ValueError as error:
                self._answer(400, json.dumps({"error": str(error)}).encode())
                return
            raw = found.tobytes()
            about = {"name": output, "datatype": "FP32", "shape": found.shape}
            text = json.dumps({"outputs": [about | {"parameters": {"binary_data_size": len(raw)}}]}).encode()
            self._answer(200, text + raw, {"Inference-Header-Content-Length": str(len(text))})

        def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    return Handler


@contextmanager
def http_server(model: Model, port: int = 0) -> Iterator[str]:
    """Serve a model; yield HOST:PORT."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _handler(model))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


SERVERS: dict[str, Callable[..., AbstractContextManager[str]]] = {"triton": grpc_server, "triton+http": http_server}
"""By the scheme of an address."""


if __name__ == "__main__":
    to_be_killed = Model(Path(sys.argv[1]))
    to_be_killed.hangs_at = 2
    with SERVERS[sys.argv[2]](to_be_killed) as there:
        print(there, flush=True)
        threading.Event().wait()
