"""A run's classifier described anew: its JSON, and the same JSON inside the ONNX files that it names."""

from __future__ import annotations

import onnx

from .classifier import ONNX_KINDS, Classifier
from .console import warn
from .engines.onnx_file import read_onnx
from .errors import InputError
from .export.graph import describe
from .export.products import carried
from .export.store import free_name, settle
from .files import atomic_file

_PRECISIONS = {kind: precision for precision, kind in ONNX_KINDS.items()}


def redescribe(classifier: Classifier) -> Classifier:
    """Write a run's classifier.json, and its ONNX files with the same description; the graphs in them stay as they are.

    At every moment classifier.json names ONNX files that are there, are whole and say the same as it: a process that
    is killed leaves the run as it was or as it is to be. Second ONNX files, which it may leave, the next call removes.

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
    made = classifier.without_onnx()
    for kind in classifier.onnx_files():
        graph = _exported(classifier, kind)
        if graph is None:
            continue
        path = free_name(classifier, kind)
        with atomic_file(path) as temporary:
            onnx.save(describe(graph, carried(made, _PRECISIONS[kind])), temporary)
        made = made.with_file(kind, path)
    made.write(classifier.folder)
    return settle(made)


def _exported(classifier: Classifier, kind: str) -> onnx.ModelProto | None:
    try:
        content, _ = read_onnx(classifier.file_path(kind))
    except InputError as error:
        warn(f"{error} The run does without this file until it is exported again")
        return None
    return onnx.load_model_from_string(content)
