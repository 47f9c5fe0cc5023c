"""Give a run's classifier a new description: its JSON, and the same JSON inside the ONNX files that it names."""

from __future__ import annotations

from pathlib import Path

import onnx

from ..console import warn
from ..errors import InputError
from ..files import atomic_file
from .classifier import ONNX_KINDS, ONNX_METADATA_KEY, Classifier
from .free_names import finalise_names, free_name
from .onnx_file import INPUT, OUTPUT, read_onnx
from .products import PROOF, as_product, describe

_PRECISIONS = {kind: precision for precision, kind in ONNX_KINDS.items()}


def update_description(classifier: Classifier) -> Classifier:
    """Write a run's classifier.json, and its ONNX files with the same description; the graphs in them stay as they are.

    At every moment classifier.json names ONNX files that are there, are whole and say the same as it: a process that
    is killed leaves the run as it was or as it is to be. It may leave second ONNX files, which the next call removes.

    Parameters
    ----------
    classifier : Classifier
        Read from the run (``folder``), with what is new.

    Returns
    -------
    Classifier
        What classifier.json says now. It names no ONNX file where the one it named cannot be used, or is of a coarser
        precision and was proven at another threshold or scaling; that is warned of.

    Raises
    ------
    CeresFastError
        When the disk refuses.
    """
    assert classifier.folder is not None
    made = classifier.without_onnx()
    for kind in classifier.onnx_files():
        graph = _read_exported(classifier, kind)
        if graph is None or not _proof_applies(graph, classifier, kind):
            continue
        path = free_name(classifier, kind)
        with atomic_file(path) as temporary:
            onnx.save(describe(graph, as_product(made, _PRECISIONS[kind])), temporary)
        made = made.with_file(kind, path)
    made.write(classifier.folder)
    for name in classifier.onnx_files().values():
        (classifier.folder / name).with_suffix(PROOF).unlink(missing_ok=True)  # it was the proof of the file before
    return finalise_names(made)


def _proof_applies(graph: onnx.ModelProto, classifier: Classifier, kind: str) -> bool:
    """Whether the proof of a file still applies with the new description; float32 differs too little to matter."""
    if kind == ONNX_KINDS["float32"]:
        return True
    properties = {each.key: each.value for each in graph.metadata_props}
    before = Classifier.from_json(properties[ONNX_METADATA_KEY], Path(classifier.files[kind]["file"]))
    same = (before.threshold, before.scaling) == (classifier.threshold, classifier.scaling)
    if not same:
        warn(
            f"{classifier.files[kind]['file']}: was proven at another threshold. The run does without it until it is "
            "exported again"
        )
    return same


def _read_exported(classifier: Classifier, kind: str) -> onnx.ModelProto | None:
    try:
        path = classifier.file_path(kind)
        content, properties = read_onnx(path)
        graph = onnx.load_model_from_string(content)
        ends = [each.name for each in (*graph.graph.input, *graph.graph.output)]
        if ends != [INPUT, OUTPUT] or ONNX_METADATA_KEY not in properties:
            raise InputError(
                path, f"has the ends {', '.join(ends)}", expected=f"{INPUT}, {OUTPUT}: a file of this version"
            )
    except InputError as error:
        warn(f"{error} The run does without this file until it is exported again")
        return None
    return graph
