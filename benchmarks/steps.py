"""Steps of a benchmark, each some commands of the package in processes of their own, that are run once."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ceres_fast.console import say
from ceres_fast.files import write_json


def command(*words: object) -> list[str]:
    """Return a command of the package as the arguments of a process."""
    return [sys.executable, "-m", "ceres_fast", *map(str, words)]


class Work:
    """The folder of what was made, step by step."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    def __truediv__(self, name: str) -> Path:
        return self.folder / name.replace(" ", "-").replace(",", "")

    def done(self, name: str, *commands: Sequence[object], statuses: Sequence[int] = (0,)) -> None:
        """Run commands of the package one after the other, unless all of them were run before.

        Each must end with one of the exit statuses.
        """
        marker = self / f"done/{name}.json"
        if marker.is_file():
            return
        say(f"» {name}")
        began = time.perf_counter()
        for words in commands:
            if subprocess.run(command(*words), check=False).returncode not in statuses:
                raise SystemExit(f"ceres-fast {shlex.join(map(str, words))}: failed")
        marker.parent.mkdir(parents=True, exist_ok=True)
        write_json(marker, {"seconds": round(time.perf_counter() - began, 1)})

    def seconds(self) -> dict[str, float]:
        """Return what each step took."""
        return {
            path.stem: json.loads(path.read_text(encoding="utf-8"))["seconds"]
            for path in sorted((self / "done").glob("*.json"))
        }
