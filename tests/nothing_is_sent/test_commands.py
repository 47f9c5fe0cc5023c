"""No command connects to another machine, asks for the address of one, or listens; none leaves files in the home.

Python says what its modules do (an audit hook in every process), and strace, where it may be used, what the libraries
in C and C++ do.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import astropy_iers_data
import pytest

from ceres_fast.cli import app

from ..libraries.test_keras_settings import SET_OTHERWISE
from .commands import COMMANDS, OF_OTHERS

ROOT = Path(__file__).parents[2]
WATCH = Path(__file__).parent / "watch"
CALLS = "connect,bind,listen,sendto,sendmsg"
FONTS = re.compile(r"\.cache/matplotlib/fontlist-v\S+\.json")
"""The list of the system's fonts, which matplotlib makes when it is first imported."""


@dataclass
class Seen:
    """What a process and its children were seen to do, and what it printed."""

    printed: str
    events: list[tuple[str, str]]
    calls: list[str] | None
    home: Path


def strace(path: Path) -> list[str]:
    """Return the beginning of a command that writes the calls of the network to a file; nothing where it cannot."""
    command = ["strace", "-f", "--seccomp-bpf", "-qqq", "-e", "signal=none", "-e", f"trace={CALLS}", "-o", str(path)]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return command


def old_leap_seconds(folder: Path) -> None:
    """Write the tables of the Earth's rotation as an installation has them that is not updated for long."""
    real = Path(astropy_iers_data.__file__).parent
    made = folder / real.name
    shutil.copytree(real, made, copy_function=os.symlink, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__init__.py", "data/Leap_Second.dat"):
        (made / name).unlink()
        text = (real / name).read_text()
        (made / name).write_text(re.sub(r"(File expires on 28 June) \d+", r"\1 2020", text))


def watched(folder: Path, *arguments: str) -> Seen:
    """Run Python with a home and a working folder of its own, and watch it."""
    home, work, events, calls = (folder / name for name in ("home", "work", "events", "calls"))
    work.mkdir()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join(map(str, (folder, WATCH, ROOT))),
        "CERES_FAST_WATCH": str(events),
        **SET_OTHERWISE,
    }
    traced = strace(calls)
    command = [*traced, sys.executable, *arguments]
    done = subprocess.run(command, env=environment, cwd=work, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    seen = [tuple(json.loads(line)) for line in events.read_text().splitlines()]
    return Seen(done.stdout, seen, calls.read_text().splitlines() if traced else None, home)


def is_here(address: str) -> bool:
    """Tell whether an address or a name is this machine's own, and no other can reach it."""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return address == "localhost"


def elsewhere(events: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return what is not between processes of this machine; a path, or nothing, is the name of a local socket."""
    return [
        (event, about)
        for event, about in events
        if event in ("urllib.Request", "open") or (about and not about.startswith(("/", "\0")) and not is_here(about))
    ]


def reaching_out(calls: list[str]) -> list[str]:
    """Return the calls that listen, or name an address of elsewhere or of a kind that is not known."""
    address = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
    local = {"AF_UNIX", "AF_NETLINK", "AF_UNSPEC", "AF_INET", "AF_INET6"}
    return [
        call
        for call in calls
        if " listen(" in call
        or not local.issuperset(re.findall(r"sa_family=(\w+)", call))
        or not all(is_here(four or six) for four, six in address.findall(call))
    ]


REACHES_OUT = """
import contextlib, os, socket
listening = socket.create_server(("", 0))
socket.create_connection(("127.0.0.1", listening.getsockname()[1]))
with contextlib.suppress(OSError):
    socket.socket(type=socket.SOCK_DGRAM).connect(("192.0.2.1", 9))
with contextlib.suppress(OSError):
    open(os.path.expanduser("~/.keras/keras.json"))
"""
"""192.0.2.1 is an address of documentation, and a datagram socket that is connected sends nothing."""


def test_what_reaches_out_would_be_seen(tmp_path: Path) -> None:
    seen = watched(tmp_path, "-c", REACHES_OUT)
    assert [event for event, _ in elsewhere(seen.events)] == ["socket.bind", "socket.connect", "open"]
    if seen.calls is not None:
        found = " ".join(reaching_out(seen.calls))
        assert "listen(" in found
        assert "0.0.0.0" in found
        assert "192.0.2.1" in found
        assert "127.0.0.1" not in found


@pytest.mark.slow
@pytest.mark.timeout(1800)  # strace stops every process at each call that it notes
def test_no_command_asks_the_network_or_leaves_a_file_in_the_home(tmp_path: Path) -> None:
    (tmp_path / "home" / ".keras").mkdir(parents=True)
    settings = tmp_path / "home" / ".keras" / "keras.json"
    settings.write_text("[1")  # no JSON; of no command's concern
    old_leap_seconds(tmp_path)
    seen = watched(tmp_path, "-m", "tests.nothing_is_sent.commands")
    assert elsewhere(seen.events) == []
    assert reaching_out(seen.calls or []) == []
    files = [file for _, files in map(json.loads, seen.printed.splitlines()) for file in files]
    assert [file for file in files if file != ".keras/keras.json" and not FONTS.fullmatch(file)] == []
    assert settings.read_text() == "[1"


def test_every_command_is_tried() -> None:
    """In the process above; those that are left out do nothing else than it does."""
    named = {command.split()[0] for command in COMMANDS}
    there = {command.name or command.callback.__name__.replace("_", "-") for command in app.registered_commands}
    assert named | set(OF_OTHERS) == there | {group.name for group in app.registered_groups}


def test_the_page_has_a_row_for_each_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    of_users = [name for extra, names in extras.items() if extra not in ("test", "dev", "lowest") for name in names]
    wanted = {re.split(r"[\[><=;]", name)[0].strip() for name in (*project["dependencies"], *of_users)} - {"ceres-fast"}
    page = (ROOT / "docs" / "hosts.md").read_text(encoding="utf-8").partition("## What is sent")[2]
    rows = {name.strip() for row in re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE) for name in row.split(",")}
    assert wanted - rows == set()
