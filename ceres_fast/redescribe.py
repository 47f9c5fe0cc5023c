"""A run's classifier described anew: its JSON, and the same JSON inside the ONNX file that it names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx

from .classifier import ONNX_METADATA_KEY, Classifier
from .console import warn
from .engines.onnx_file import read_onnx
from .errors import InputError
from .export import carried
from .files import atomic_file

SPARE = "-next"
"""What the name of an ONNX file ends in for the moment in which two are there."""


def redescribe(classifier: Classifier) -> Classifier:
    """Write a run's classifier.json, and its ONNX file with the same description; the graph in it stays as it is.

    At every moment classifier.json names an ONNX file that is there, is whole and says the same as it: a process that
    is killed leaves the run as it was or as it is to be. A second ONNX file, which it may leave, the next call removes.

    Parameters
    ----------
    classifier : Classifier
        Read from the run (``folder``), with what is new.

    Returns
    -------
    Classifier
        What classifier.json says now. It names no ONNX file where the one it named cannot be used; that is warned of.

    Raises
    ------
    CeresFastError
        When the disk refuses.
    """
    assert classifier.folder is not None
    made = replace(classifier, files={kind: entry for kind, entry in classifier.files.items() if kind != "onnx"})
    model = _exported(classifier)
    if model is None:
        made.write(classifier.folder)
        return made
    onnx.helper.set_model_props(model, {ONNX_METADATA_KEY: carried(made).to_json()})
    named, name, spare = _names(classifier)
    # Never into the file that classifier.json names at that moment.
    for path in [name] if named == spare else [spare, name]:
        with atomic_file(path) as temporary:
            onnx.save(model, temporary)
        made = made.with_file("onnx", path)
        made.write(classifier.folder)
    spare.unlink(missing_ok=True)
    return made


def _exported(classifier: Classifier) -> onnx.ModelProto | None:
    if "onnx" not in classifier.files:
        return None
    try:
        content, _ = read_onnx(classifier.file_path("onnx"))
    except InputError as error:
        warn(f"{error} The run has no ONNX file until it is exported again")
        return None
    return onnx.load_model_from_string(content)


def _names(classifier: Classifier) -> tuple[Path, Path, Path]:
    """Return the ONNX file that is named, the one that is to be, and the spare one."""
    named = classifier.file_path("onnx")
    name = named.with_stem(named.stem.removesuffix(SPARE))
    return named, name, name.with_stem(name.stem + SPARE)
