"""An environment as an edge box has it: the wheel of this checkout and what it needs, as locked, without extras.

python -m tests.edge.environment FOLDER     # make one, and print what is in it and its size on disk
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input")


class CannotFetchError(Exception):
    """pip cannot get the packages here; says what pip said."""


def make(folder: Path, versions: Sequence[str]) -> Path:
    """Make the environment in `folder`/edge, of these versions (constraints of pip), and return its ``bin``.

    Raises
    ------
    CannotFetchError
        When pip gets no packages.
    subprocess.CalledProcessError
        When anything else fails: the wheel cannot be built, or needs more than pyproject.toml says.
    """
    _run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder)
    (wheel,) = folder.glob("*.whl")
    _run(sys.executable, "-m", "venv", folder / "edge")
    python = folder / "edge" / "bin" / "python"
    constraints = folder / "constraints.txt"
    constraints.write_text("".join(f"{line}\n" for line in versions))
    try:
        _run(python, *_PIP, "install", "--quiet", "--only-binary=:all:", "--constraint", constraints, *needed())
    except subprocess.CalledProcessError as error:
        raise CannotFetchError((error.stderr.strip().splitlines() or ["no message"])[-1]) from error
    _run(python, *_PIP, "install", "--quiet", "--no-index", wheel)  # all that the wheel asks for is there
    return python.parent


def needed() -> list[str]:
    """Return what the wheel asks for, without extras."""
    project: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    return project


def lowest() -> list[str]:
    """Return the lowest versions that the wheel allows of what it asks for."""
    return [each.replace(">=", "==") for each in needed()]


def locked() -> list[str]:
    """Return the lines of requirements.lock without hashes: pip wants none for the wheel, so none may have any."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return [line.rstrip("\\ ") for line in lines if re.match(r"[a-z0-9]", line)]


def size(binaries: Path) -> int:
    """Return the bytes on disk of the packages of an environment, without pip, which made it."""
    (packages,) = binaries.parent.glob("lib/python*/site-packages")
    files = [
        path
        for path in packages.rglob("*")
        if path.is_file() and not path.relative_to(packages).parts[0].startswith("pip")
    ]
    return sum(path.stat().st_blocks * 512 for path in files)


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, env=environment())


def environment() -> dict[str, str]:
    """Return the environment variables without those that lead Python to other packages than those installed."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "COV_"))}


def main(folder: Path) -> None:
    """Make an environment and print what is in it."""
    binaries = make(folder, locked())
    listed = _run(binaries / "python", *_PIP, "list", "--format", "json").stdout
    packages = [f"{each['name']} {each['version']}" for each in json.loads(listed)]
    print(f"{size(binaries) / 1e6:.0f} MB: {', '.join(packages)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
