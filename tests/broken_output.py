"""Running the command line where what it prints cannot be shown or written."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

PLACES = {
    "output on a full disk": "{} >/dev/full",
    "errors on a full disk": "{} 2>/dev/full",
    "both on a full disk": "{} >/dev/full 2>&1",
    "no output": "{} >&-",
    "nothing is open": "{} <&- >&- 2>&-",
    "nobody reads": "{{ {}; }} | true",
    "nobody reads errors": "{{ {}; }} 2>&1 >/dev/null | true",
    "Latin-1": "PYTHONIOENCODING=latin-1 {}",
    "ASCII": "PYTHONIOENCODING=ascii {}",
}
"""Shell lines, with the command in the place of the braces."""


def status_where(place: str, arguments: Sequence[str | Path], folder: Path) -> int:
    """Run ``ceres-fast`` in a process of its own in one of `PLACES`; return its exit status, kept in `folder`."""
    line = PLACES[place]
    if "/dev/full" in line and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    kept = folder / "status"
    command = shlex.join([sys.executable, "-m", "ceres_fast", *map(str, arguments)])
    # In a pipe, only a shell beside the command sees its status.
    in_shell = shlex.join(["sh", "-c", f"{command}; echo $? >{kept}"])
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(["sh", "-c", line.format(in_shell)], env=environment, capture_output=True, text=True)
    assert "Exception" not in done.stderr
    assert "Traceback" not in done.stderr
    return int(kept.read_text())
