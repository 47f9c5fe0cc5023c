"""The machines that a command may meet, and running a piece of work on each."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
TERMINAL = shlex.join([sys.executable, str(Path(__file__).with_name("terminal.py"))])

_IGNORED = {"HOME", "TMPDIR", "PYTHONPATH", "PYTHONIOENCODING", "PYTHONUTF8", "LANG", "LANGUAGE", "LOCPATH", "COLUMNS"}


@dataclass(frozen=True)
class Host:
    """One that differs from an ordinary one in what is said here.

    Parameters
    ----------
    line : str
        A line for a shell, with the command in the place of ``{}``. The current folder is the only one to which the
        command has to write.
    variables : mapping
        Variables of the environment; None: not set.
    """

    line: str = "{}"
    variables: Mapping[str, str | None] = field(default_factory=dict)


def _mounts(*lines: str) -> Host:
    """Return a host with other mounts, for which root's rights in a user namespace are enough."""
    script = " && ".join([*lines, 'cd "$PWD"', 'exec "$@"'])
    return Host(f"unshare --user --map-root-user --mount sh -c {shlex.quote(script)} mounts {{}}")


def _environment(**variables: str | None) -> Host:
    return Host(variables=variables)


HERE = 'mount --bind "$PWD" "$PWD"'
READ_ONLY = [
    "for place in /tmp /var/tmp /usr/tmp /dev/shm; do [ ! -d $place ] || mount --rbind $place $place; done",
    HERE,
    "for place in /tmp /var/tmp /usr/tmp /dev/shm /; do [ ! -d $place ] || mount -o remount,bind,ro $place; done",
]
SOMEBODY = "unshare --user --map-user=12345 --map-group=12345 {}"

HOSTS: Mapping[str, Mapping[str, Host]] = {
    "terminal": {
        "an ordinary one": Host(),
        "output closed": Host("{} >&-"),
        "nothing is open": Host("{} <&- >&- 2>&-"),
        "nobody reads": Host("{ {}; } | true"),
        "nobody reads errors": Host("{ {}; } 2>&1 >/dev/null | true"),
        "the reader leaves after three lines": Host("{ {}; } 2>&1 | head -n 3"),
        "unbuffered, nobody reads": Host("export PYTHONUNBUFFERED=1; { {}; } 2>&1 | true"),
        "20 columns": Host(f"{TERMINAL} 20 {{}}"),
        "one that says it has no column": Host(f"{TERMINAL} 0 {{}}"),
        "one that is closed meanwhile (`nohup`)": Host(f"{TERMINAL} closed {{}}"),
        "TERM=dumb": Host(f"TERM=dumb {TERMINAL} 80 {{}}"),
    },
    "locale": {
        "no locale at all": _environment(LC_ALL=None, LANG=None),
        "C, with UTF-8 (`LC_ALL=C.UTF-8`)": _environment(LC_ALL="C.UTF-8"),
        "C (`LC_ALL=C`)": _environment(LC_ALL="C"),
        "C without Python's UTF-8 mode (`PYTHONUTF8=0`)": _environment(LC_ALL="C", PYTHONUTF8="0"),
        "en_US.ISO-8859-1": _environment(LC_ALL="en_US.ISO-8859-1", LOCPATH="{locales}"),
        "tr_TR.ISO-8859-9": _environment(LC_ALL="tr_TR.ISO-8859-9", LOCPATH="{locales}"),
        "one that is not installed": _environment(LC_ALL="xx_XX.UTF-8"),
        "output in ASCII (`PYTHONIOENCODING=ascii`)": _environment(PYTHONIOENCODING="ascii"),
    },
    "disk": {
        "output on a full one": Host("{} >/dev/full"),
        "errors on a full one": Host("{} 2>/dev/full"),
        "a log that fills it": Host(
            "mkdir log && "
            + _mounts("mount -t tmpfs -o size=4k none log").line.replace(
                "{}", "sh -c " + shlex.quote('"$@" >log/out 2>&1') + " log {}"
            )
        ),
        "a read-only root": _mounts(*READ_ONLY),
    },
    "user": {
        "a number without a name": Host(SOMEBODY),
    },
    "HOME": {
        "not set": _environment(HOME=None),
        "empty": _environment(HOME=""),
        "not there": _environment(HOME="/nonexistent"),
        "a file": _environment(HOME="/etc/passwd"),
        "read-only": _mounts("mkdir home", "mount -t tmpfs -o ro none home", 'export HOME="$PWD/home"'),
        "not set, of a number without a name": Host(f"env -u HOME {SOMEBODY}"),
    },
    "temporary folder": {
        "not there (`TMPDIR=/nonexistent`)": _environment(TMPDIR="/nonexistent"),
        "none that can be written, no HOME, a read-only root": Host(
            "env -u HOME -u TMPDIR " + _mounts(*READ_ONLY).line
        ),
    },
    "kernel": {
        "no /proc": _mounts("mount -t tmpfs none /proc"),
        "no /sys": _mounts("mount -t tmpfs none /sys"),
        "no shared memory (/dev/shm)": _mounts("mount -t tmpfs -o ro none /dev/shm"),
        "one core of several (`taskset`)": Host("taskset -c 0 {}"),
        "64 open files": Host("ulimit -n 64; {}"),
        "no network": Host("unshare --user --map-root-user --net {}"),
    },
}
"""By what is unusual of them; all of these are put together in `WORST`."""

WORST = Host(
    f"env -u HOME -u TMPDIR {_mounts(*READ_ONLY).line} 2>&- >/dev/full <&-",
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "ascii"},
)


@dataclass(frozen=True)
class Outcome:
    """What came of a piece of work.

    Attributes
    ----------
    statuses : str
        Exit statuses of its commands, and of the process.
    files : dict
        Bytes of each file that was written, by its name.
    said : str
        What was printed, where that can be seen.
    """

    statuses: str
    files: dict[str, bytes]
    said: str


VARYING: Mapping[str, tuple[bytes, bytes]] = {
    "history.csv": (rb",[^,\n]*,[^,\n]*$", b""),
    "metrics.json": (rb'"(seconds|prefix_seconds|stamps_per_second)": [^,\n]*', b""),
    "README.md": (rb"kept; [\d.]+ s", b""),
}
"""How long something took, in files: what differs from run to run on the same host, and is left out."""


def locales(folder: Path) -> None:
    """Make the locales that the table needs, where this machine can."""
    folder.mkdir()
    if shutil.which("localedef"):
        for name, charmap in (("en_US", "ISO-8859-1"), ("tr_TR", "ISO-8859-9")):
            command = ["localedef", "-i", name, "-f", charmap, str(folder / f"{name}.{charmap}")]
            subprocess.run(command, capture_output=True, check=False)


def missing(host: Host, folder: Path) -> str:
    """Return why this machine cannot be such a host; empty where it can."""
    folder.mkdir()
    command = "true"
    if "LOCPATH" in host.variables:
        command = shlex.join([sys.executable, "-c", "import locale; locale.setlocale(locale.LC_ALL, '')"])
    done = _shell(host, f"sh -c {shlex.quote(f'{command} && : >here')}", folder)
    there = (folder / "here").exists()
    shutil.rmtree(folder)
    return "" if there else (done.stderr.strip().splitlines() or ["it cannot be made here"])[-1]


def run(host: Host, command: Sequence[str], inputs: Path, folder: Path) -> Outcome:
    """Run a command of Python on a host in a new folder that holds the inputs, and return what came of it."""
    shutil.copytree(inputs, folder)
    before = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    line = f"{shlex.join([sys.executable, *command])}; echo $? >status"
    # In a pipe, only a shell beside the command sees its status.
    done = _shell(host, shlex.join(["sh", "-c", line]), folder)
    files = {
        name: path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and (name := path.relative_to(folder).as_posix()) not in before
    }
    statuses = " ".join(files.pop(name, b"none").decode().strip() for name in ("statuses", "status"))
    return Outcome(statuses, dict(_lasting(files, folder)), done.stdout + done.stderr)


def _lasting(files: Mapping[str, bytes], folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield files without what differs from run to run: how long it took, where, and in which process."""
    for name, content in files.items():
        base = name.rpartition("/")[2]
        if base == ".lock" or name.startswith("log/"):
            continue
        if ".tfevents." in base:
            yield name.partition(".tfevents.")[0], b""
            continue
        content = content.replace(os.fsencode(folder), b"FOLDER")
        yield name, re.sub(*VARYING[base], content, flags=re.MULTILINE) if base in VARYING else content


def _shell(host: Host, command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in _IGNORED and name[:3] != "LC_"}
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    environment |= {"PYTHONPATH": str(ROOT), "HOME": str(home), "LC_ALL": "C.UTF-8"}
    for name, value in host.variables.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value.replace("{locales}", str(folder.parent / "locales"))
    return subprocess.run(
        ["sh", "-c", host.line.replace("{}", command)],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
