"""A real browser, driven through a pair of pipes: it listens nowhere, and needs no package.

The messages are those of the Chrome DevTools Protocol (https://chromedevtools.github.io/devtools-protocol/), JSON with
a zero byte at the end, which Chromium reads from its file descriptor 3 and writes to 4.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ALONE = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
"""Options with which a browser shows a page, and does nothing else."""

TIMEOUT = 60.0
"""Seconds until something that is waited for has come."""


def find() -> str | None:
    """Return the browser of this machine, if there is one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


class RefusedError(Exception):
    """The browser does not do what it is told: a page is just being left, or the command is wrong."""


class Browser:
    """A browser with a fresh profile."""

    def __init__(self, program: str, folder: Path) -> None:
        self.folder, self.events, self._number, self._buffer = folder, list[dict[str, Any]](), 0, b""
        to_child, self._write = os.pipe()
        self._read, from_child = os.pipe()
        # Beyond 4, so that neither is overwritten where the browser expects them.
        high = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 10) for each in (to_child, from_child)]
        self._process = subprocess.Popen(
            [program, *ALONE, "--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}", "about:blank"],
            preexec_fn=lambda: [os.dup2(each, number) for number, each in enumerate(high, 3)] and None,
            pass_fds=(3, 4),
            env=os.environ | {"HOME": str(folder)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for each in (to_child, from_child, *high):
            os.close(each)

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(AssertionError, RefusedError, OSError):
            self.send("Browser.close")
        os.close(self._write)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._read)
        shutil.rmtree(self.folder / "profile", ignore_errors=True)

    def send(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result; what else comes meanwhile is kept in `events`."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        os.write(self._write, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RefusedError(answer["error"])
                return answer["result"]
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            more = os.read(self._read, 1 << 20)
            assert more, "the browser has ended"
            self._buffer += more
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    @contextlib.contextmanager
    def page(self) -> Iterator[Page]:
        """Yield an empty page, which shares nothing with others of this browser."""
        context = self.send("Target.createBrowserContext")["browserContextId"]
        target = self.send("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        downloads = self.folder / f"downloads-{context}"
        downloads.mkdir()
        self.send(
            "Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads), browserContextId=context
        )
        try:
            yield Page(self, session, downloads)
        finally:
            self.events.clear()
            self.send("Target.disposeBrowserContext", browserContextId=context)


class Page:
    """A page of a browser."""

    def __init__(self, browser: Browser, session: str, downloads: Path) -> None:
        self.browser, self.session, self.downloads = browser, session, downloads
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command for this page and return its result."""
        return self.browser.send(method, self.session, **parameters)

    def open(self, page: Path, width: int = 1280, height: int = 900, **media: str) -> None:
        """Open a file in a window of some size, with media features (``prefers_color_scheme="dark"``)."""
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in media.items()]
        self.send("Emulation.setEmulatedMedia", features=features)
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.send("Page.navigate", url=page.as_uri())
        self.wait("document.readyState === 'complete'")
        self._drawn()

    def reload(self) -> None:
        """Load the page again."""
        self.run("window.old = true")
        self.send("Page.reload")
        self.wait("!window.old && document.readyState === 'complete'")
        self._drawn()

    def _drawn(self) -> None:
        """Wait until the page was drawn: what it makes when it is near the window is made then."""
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))")

    def run(self, code: str) -> Any:
        """Return the value of an expression; promises are waited for."""
        done = self.send("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait(self, code: str) -> Any:
        """Return the value of an expression as soon as it is true."""
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            with contextlib.suppress(RefusedError):
                if value := self.run(code):
                    return value
            time.sleep(0.02)
        raise AssertionError(f"never true: {code}")

    def press(self, keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            for kind in ("keyDown", "keyUp"):
                text = {"text": key} if kind == "keyDown" else {}
                self.send("Input.dispatchKeyEvent", type=kind, key=key, **text)

    def hold(self, key: str, times: int) -> None:
        """Press a key until it has been repeated so many times."""
        for number in range(times):
            self.send("Input.dispatchKeyEvent", type="keyDown", key=key, text=key, autoRepeat=number > 0)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    def give(self, name: str, file: Path) -> None:
        """Give a file to an input, by its id."""
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=f"#{name}")["nodeId"]
        self.send("DOM.setFileInputFiles", nodeId=node, files=[str(file)])

    def choose(self, name: str, value: str) -> None:
        """Give an input or select, by its id, a value as a person does."""
        said = f"document.getElementById({json.dumps(name)})"
        self.run(f"{said}.value = {json.dumps(value)}; {said}.dispatchEvent(new Event('input', {{bubbles: true}}))")

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """Write a PNG of the window, or of the whole page."""
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def downloaded(self, name: str) -> Path:
        """Return a file that the page has saved, as soon as it is there."""
        path, end = self.downloads / name, time.monotonic() + TIMEOUT
        while not (path.exists() and path.stat().st_size):
            assert time.monotonic() < end, f"{name} was not saved: {list(self.downloads.iterdir())}"
            time.sleep(0.02)
        return path

    @property
    def complaints(self) -> list[str]:
        """What the console says, and what was requested beside files of the disk."""
        self.run("0")  # so that all events of before have come
        found = []
        for each in self.browser.events:
            parameters = each.get("params", {})
            match each.get("method"):
                case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded":
                    found.append(json.dumps(parameters)[:500])
                case "Network.requestWillBeSent" if not parameters["request"]["url"].startswith(("file:", "data:")):
                    found.append(parameters["request"]["url"])
        return found


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Browser]:
    """Yield the browser of this machine, with its profile and what it saves in a folder."""
    program = find()
    assert program
    made = Browser(program, folder)
    try:
        yield made
    finally:
        made.close()
