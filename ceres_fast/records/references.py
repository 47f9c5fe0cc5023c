"""What says what is always there, beside the sources: fixed sources (``--static``) and templates (``--template``)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..catalogues.static_sources import read_static
from ..file_names import written
from ..files import sha256_of
from ..frames.camera import Camera
from ..frames.missing import companion_files
from ..frames.reading import find_frames
from ..selection.others.exposures import read_templates


@dataclass(frozen=True)
class Reference:
    """A file, or a folder of files.

    Parameters
    ----------
    kind : str
        ``static`` or ``template``.
    path : pathlib.Path
        As the user named it.
    listed : tuple of (sha256, name)
        Its files, by name; those of a folder are named from the folder above it.
    """

    kind: str
    path: Path
    listed: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """What the manifest calls it."""
        return written(self.path.resolve().name)

    @property
    def sha256(self) -> str:
        """Of all its files and their names."""
        return hashlib.sha256(json.dumps(self.listed).encode(errors="surrogateescape")).hexdigest()


def find_references(static: Path | None, template: Path | None, camera: Camera) -> dict[str, Reference]:
    """Return what is named, by kind; each was read, so that a bad one is refused before hours of work.

    Raises
    ------
    CeresFastError
        As `read_static` and `read_templates`.
    """
    found = {}
    if static is not None:
        read_static(static)
        found["static"] = Reference("static", static, _listed(static, [static]))
    if template is not None:
        read_templates([template], camera)
        frames = find_frames([template], camera)
        files = dict.fromkeys(file for frame in frames for file in (frame, *companion_files(frame, camera)))
        found["template"] = Reference("template", template, _listed(template, list(files)))
    return found


def _listed(path: Path, files: Sequence[Path]) -> tuple[tuple[str, str], ...]:
    above = f"{path.resolve().name}/" if path.is_dir() else ""
    names = {file: above + (file.relative_to(path).as_posix() if above else file.name) for file in files}
    return tuple((sha256_of(file), name) for file, name in sorted(names.items(), key=lambda each: each[1]))
