"""How published weights get onto this machine: said before, checked, forbidden where the user wants it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NoReturn

import pytest
from keras.src.utils import file_utils

from ceres_fast.errors import CeresFastError
from ceres_fast.machine.network import OFFLINE
from ceres_fast.model import backbones
from ceres_fast.model.backbones import BACKBONES, IMAGENET, Backbone
from ceres_fast.model.imagenet import WEIGHTS_FOLDER, download, find_imagenet, keras_cache
from ceres_fast.model.weights import load_base

CONTENT = bytes(range(256)) * 9000
XCEPTION = replace(BACKBONES["xception"], weights="x/xception.h5", weights_md5=hashlib.md5(CONTENT).hexdigest())


class Server(BaseHTTPRequestHandler):
    """Sends `content`, and says that it has `length` bytes."""

    content, length, status = CONTENT, len(CONTENT), 200
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(self.status)
        self.send_header("Content-Length", str(self.length))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Server]]:
    """A server of this machine in the place of the one where Keras publishes weights, and an empty home."""
    kind = type("Kind", (Server,), {"asked": []})
    with HTTPServer(("127.0.0.1", 0), kind) as listening:
        monkeypatch.setattr(backbones, "WEIGHTS", f"http://127.0.0.1:{listening.server_port}/")
        for name in (WEIGHTS_FOLDER, OFFLINE, "KERAS_HOME", "http_proxy", "HTTP_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HOME", str(tmp_path))
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield kind
        listening.shutdown()
        thread.join()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("backbone", IMAGENET.values(), ids=IMAGENET.keys())
def test_what_the_table_names_is_what_keras_would_fetch(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = []

    def refuse(fname: str, origin: str, *, file_hash: str, **options: Any) -> NoReturn:
        wanted.append((fname, origin, file_hash))
        raise ConnectionError

    monkeypatch.setattr(file_utils, "get_file", refuse)
    with pytest.raises(ConnectionError):
        backbone.application(include_top=False, weights="imagenet", input_shape=(backbone.input_size,) * 2 + (3,))
    assert wanted == [(backbone.weights_file, backbone.weights_url, backbone.weights_md5)]


def test_a_download_is_said_before_and_kept_for_the_next_time(
    server: type[Server], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = download(XCEPTION)
    assert path == tmp_path / ".keras" / "models" / "xception.h5" == keras_cache() / "xception.h5"
    assert path.read_bytes() == CONTENT
    said = " ".join(capsys.readouterr().out.split())
    assert f"asking {XCEPTION.weights_url}: the ImageNet weights of xception" in said
    assert "CERES_FAST_OFFLINE=1 forbids it" in said
    assert find_imagenet(XCEPTION) == path
    assert server.asked == ["/x/xception.h5"]


def test_the_users_own_folder_gets_it_where_it_can_be_written(
    server: type[Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").mkdir()
    monkeypatch.setenv(WEIGHTS_FOLDER, str(tmp_path / "own"))
    assert download(XCEPTION) == tmp_path / "own" / "xception.h5"
    monkeypatch.setenv(WEIGHTS_FOLDER, str(tmp_path / "mistyped"))
    assert download(XCEPTION) == keras_cache() / "xception.h5"


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "another file": ({"content": CONTENT[:-1] + b"x"}, "another file than the published one"),
    "a page in its place": ({"content": b"<html>", "length": 6}, "another file than the published one"),
    "not found": ({"status": 404}, "HTTP Error 404"),
    "cut": ({"content": CONTENT[:-1000]}, "another file than the published one|IncompleteRead"),
    "nothing": ({"content": b"", "length": 0}, "another file than the published one"),
}


@pytest.mark.parametrize(("answer", "problem"), BAD.values(), ids=BAD.keys())
def test_what_is_not_the_published_file_is_not_kept(
    server: type[Server], tmp_path: Path, answer: dict[str, Any], problem: str
) -> None:
    for name, value in answer.items():
        setattr(server, name, value)
    with pytest.raises(CeresFastError, match=problem):
        load_base(XCEPTION, "imagenet")
    assert files(tmp_path) == []


def test_where_it_cannot_be_had_it_says_which_file_to_put_where(
    server: type[Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backbones, "WEIGHTS", "http://127.0.0.1:9/")
    with pytest.raises(CeresFastError, match=r"cannot be downloaded .*refused") as caught:
        load_base(XCEPTION, "imagenet")
    message = str(caught.value)
    assert "\n" not in message
    for part in ("xception.h5", f"${WEIGHTS_FOLDER}", f"{keras_cache()})", "--weights PATH", "--weights none"):
        assert part in message
    assert files(tmp_path) == []


@pytest.mark.parametrize("value", ["1", "yes", "true"])
def test_offline_nobody_is_asked(
    server: type[Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv(OFFLINE, value)
    with pytest.raises(CeresFastError, match=r"CERES_FAST_OFFLINE is set.*Put the file xception\.h5 .* --weights none"):
        load_base(XCEPTION, "imagenet")
    assert server.asked == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", ["", "0"])
def test_not_offline(server: type[Server], monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(OFFLINE, value)
    download(XCEPTION)
    assert server.asked


def test_a_full_disk_is_said_as_such(server: type[Server], tmp_path: Path) -> None:
    (tmp_path / ".keras").write_text("a file where a folder should be")
    with pytest.raises(CeresFastError, match=r"xception\.h5: cannot be written .*CERES_FAST_WEIGHTS"):
        download(XCEPTION)
