"""The file ``latest`` beside runs names the newest of them; here it is written, and here alone it is read.

It is a line of text and no link: a copy to another disk, a bucket or an archive leaves it as it is, and a disk without
links can hold it. The name is relative to the folder, so that both move together.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from ..console import say, warn
from ..errors import CeresFastError, InputError
from ..files import atomic_file
from . import CLASSIFIER_FILE

LATEST = "latest"

_LONGEST = 1000
"""Bytes; no name of a folder is longer."""


def name_latest(run: Path) -> None:
    """Make the file ``latest`` beside a run name it, whole or not at all.

    A link of that name, as earlier versions made it, is removed first. A folder, or a file that names nothing, is
    not ours and left alone. What is in the way is a warning, not an error: a training does not end because of it.
    """
    place = run.parent / LATEST
    try:
        if place.is_symlink():
            place.unlink()
        problem = _in_the_way(place)
        if not problem:
            with atomic_file(place) as temporary:
                temporary.write_bytes(os.fsencode(run.name) + b"\n")
    except (OSError, CeresFastError) as error:
        problem = str(error).rstrip(".")
    if problem:
        mend = _mend(place, run.name)
        warn(f"{problem}. Commands without a run in their options do not use the newest, {run}: name it, or {mend}")


def resolve(path: Path, *, announce: bool = True) -> Path:
    """Return a path in which the run stands in place of the file ``latest`` that names it.

    Parameters
    ----------
    path : pathlib.Path
        Any path; one without ``latest`` in it, or with one that has to do with no run, is returned as it is.
    announce : bool
        Whether to print which run it is.

    Returns
    -------
    pathlib.Path
        ``runs/latest`` becomes ``runs/<name>``, and ``runs/latest/classifier.onnx`` the file in it. A link to a run, as
        earlier versions made it, is followed.

    Raises
    ------
    InputError
        When the file names no run beside it; when `path` is a folder ``latest`` with a classifier in it: a copy of
        some run, which may or may not be the newest.
    """
    for place in (path, *path.parents):
        run = _run_of(place, path) if place.name == LATEST else None
        if run is not None:
            if announce:
                say(f"{place} is {run}")
            return run / path.relative_to(place)
    return path


def _run_of(place: Path, path: Path) -> Path | None:
    if place.is_symlink():
        run = place.parent / place.readlink()
        if not run.exists():
            raise _names_none(place, run.name)
        return run if (run / CLASSIFIER_FILE).is_file() else None
    if place.is_file():
        name = _name_in(place)
        if name is None or not (place.parent / name).is_dir():
            raise _names_none(place, name)
        return place.parent / name
    if (place / CLASSIFIER_FILE).is_file():
        problem = "is a folder, a copy of some run, which may or may not be the newest"
        if place == path:
            raise InputError(place, problem, expected="a file that names the newest run", action=_name_or(place))
        warn(f"{place}: {problem}")
    return None


def _name_in(place: Path) -> str | None:
    """Return the name in a file; None where it holds none."""
    try:
        with place.open("rb") as stream:
            content = stream.read(_LONGEST + 1)
    except OSError as error:
        raise InputError(place, f"cannot be read ({error.strerror})", action="name a run itself") from error
    name = os.fsdecode(content.removeprefix(b"\xef\xbb\xbf")).strip()  # editors of Windows begin with these bytes
    is_name = len(content) <= _LONGEST and not set("\n\r\0/\\") & set(name) and name not in ("", ".", "..", LATEST)
    return name if is_name else None


def _in_the_way(place: Path) -> str:
    """Return why the file cannot be written; empty where it can."""
    if place.is_dir():
        return f"{place}: is a folder, as a copy makes of a link, and is left as it is"
    if place.is_file() and place.stat().st_size and _name_in(place) is None:
        return f"{place}: is a file that names no run, and is left as it is"
    return ""


def _names_none(place: Path, name: str | None) -> InputError:
    problem = "names no run" if name is None else f"names {name!a}, which is not beside it"
    return InputError(place, problem, expected="the name of a run in the same folder", action=_name_or(place))


def _name_or(place: Path) -> str:
    return f"name a run itself, or {_mend(place)}"


def _mend(place: Path, name: str = "RUN") -> str:
    away = f"move it away (mv {shlex.quote(str(place))} SOMEWHERE) and " if place.is_dir() else ""
    return f"{away}write the name of the newest run into it: echo {shlex.quote(name)} > {shlex.quote(str(place))}"
