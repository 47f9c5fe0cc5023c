"""A process that is killed when a file gets its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from ceres_fast import files


class Killed(BaseException):
    """Nothing in the program looks for it."""


def kill_at_commit(patch: pytest.MonkeyPatch, commit: int, *, after: bool) -> None:
    """Raise `Killed` before or after the renaming of this number, counted from 1."""
    count, rename = 0, Path.replace

    def replace_until(path: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count == commit and not after:
            raise Killed
        renamed = rename(path, target)
        if count == commit:
            raise Killed
        return renamed

    patch.setattr(files.Path, "replace", replace_until)
