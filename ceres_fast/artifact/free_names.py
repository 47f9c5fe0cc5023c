"""Names for the ONNX files of a run, so that classifier.json never names one that is missing or half written.

A file that is named is never written to: a new one gets a name that is free, then classifier.json names it, then it
gets the name that people know, as a second name of the same file, and classifier.json names that.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

from ..files import atomic_file
from .classifier import Classifier

SPARE = "-next"
"""What the name of an ONNX file ends in, before its suffix, for the moment in which two are there."""


def final_name(name: str) -> str:
    """Return the name that an ONNX file is known by, of that or its spare name."""
    path = Path(name)
    return path.with_stem(path.stem.removesuffix(SPARE)).name


def free_name(classifier: Classifier, kind: str, name: str | None = None) -> Path:
    """Return where a new ONNX file of a run may be written: a path that its classifier.json does not name.

    Parameters
    ----------
    classifier : Classifier
        As it is in the run now.
    kind : str
        Kind of the file in `Classifier.files`.
    name : str, optional
        The final name of the new file; without it, that of the file that it replaces.
    """
    assert classifier.folder is not None
    wanted = name or final_name(classifier.files[kind]["file"])
    return classifier.folder / (_spare(wanted) if wanted in classifier.onnx_files().values() else wanted)


def finalise_names(classifier: Classifier) -> Classifier:
    """Give each ONNX file of a run its final name, and remove the spare ones.

    Parameters
    ----------
    classifier : Classifier
        As it is in the run.

    Returns
    -------
    Classifier
        What classifier.json says now.

    Raises
    ------
    CeresFastError
        When the disk refuses; classifier.json then names the files by their spare names.
    """
    folder = classifier.folder
    assert folder is not None
    files = dict(classifier.files)
    for kind, name in classifier.onnx_files().items():
        if name != final_name(name):
            with atomic_file(folder / final_name(name)) as temporary:
                _make_same(temporary, folder / name)
            files[kind] = {**files[kind], "file": final_name(name)}
    made = replace(classifier, files=files)
    if made != classifier:
        made.write(folder)
    for name in made.onnx_files().values():
        (folder / _spare(name)).unlink(missing_ok=True)
    return made


def _spare(name: str) -> str:
    path = Path(name)
    return path.with_stem(path.stem + SPARE).name


def _make_same(path: Path, file: Path) -> None:
    """Make `path` another name of a file, or a copy of it where the file system has no such names."""
    path.unlink()
    try:
        os.link(file, path)
    except OSError:
        shutil.copyfile(file, path)
