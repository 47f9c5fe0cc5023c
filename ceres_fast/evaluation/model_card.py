"""The model card of a run: a README that says what a classifier is, what it was measured to do, and what it is not for.

Its head is YAML in the convention of the Hugging Face Hub (https://huggingface.co/docs/hub/model-cards): metadata that
programs read, the results among them as a ``model-index``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from .. import __version__
from ..artifact.classifier import Classifier, read_classifier
from ..artifact.products import in_words
from ..files import read_json, refuse_existing, write_text
from ..stamps import CLASSES, STAMP_SIZE
from ..training.runs import CALIBRATION, METRICS, evaluation_folder
from .card_facts import Evaluation, evaluations, settings, training_records
from .formatting import (
    counted,
    decimals,
    interval,
    is_number,
    markdown_templates,
    one_line,
    plain,
    seconds,
    share,
    value_of,
)
from .yardstick import TITLES, VERDICTS, sentence

CARD = "README.md"

INTERVALS = {
    "recall": "asteroid recall",
    "precision": "asteroid precision",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
}
"""Scores with a bootstrap interval, and what they are called."""


def write_card(run: Path, records: Path | None = None, *, overwrite: bool = False) -> Path:
    """Write the model card of a run.

    Parameters
    ----------
    run : pathlib.Path
        Run directory (or its ``classifier.json``), evaluated on what the card is to show: every
        ``evaluation-<split>`` in it that was made with the classifier as it is now.
    records : pathlib.Path, optional
        Folder of the records it was trained on; without it the one that its ``config.toml`` names, if they are there.
    overwrite : bool
        Replace a card that is there: somebody may have written into it.

    Returns
    -------
    pathlib.Path
        ``README.md`` in the run directory.

    Raises
    ------
    InputError
        When a file of the run is damaged, or `records` are others than those of the classifier.
    CeresFastError
        When there is a card already, and `overwrite` is false.
    """
    classifier = read_classifier(run)
    assert classifier.folder is not None
    path = classifier.folder / CARD
    refuse_existing(path, overwrite)
    found = evaluations(classifier)
    body = (
        markdown_templates("ceres_fast.evaluation")
        .get_template("card.md.j2")
        .render(
            name=name_of(classifier),
            classifier=classifier,
            random=classifier.weights_from == "none",
            records=training_records(classifier, records),
            evaluations=found,
            classes=CLASSES,
            intervals=INTERVALS,
            rankings=TITLES,
            verdicts=VERDICTS,
            stamp_size=STAMP_SIZE,
            settings=settings(classifier),
            metrics=_metrics(classifier.folder),
            reliability=_reliability(classifier.folder),
            failures=(evaluation_folder(classifier.folder, "test") / "failures.png").is_file(),
            version=__version__,
            counted=counted,
            in_words=in_words,
            decimals=decimals,
            interval=interval,
            plain=plain,
            seconds=seconds,
            sentence=sentence,
            share=share,
        )
    )
    head = yaml.safe_dump(metadata(classifier, found), sort_keys=False, allow_unicode=True, width=1000)
    write_text(path, f"---\n{head}---\n{body}")
    return path


def name_of(classifier: Classifier) -> str:
    """Return the name of a classifier: its backbone and experiment."""
    return f"{classifier.backbone}-experiment{classifier.experiment}"


def metadata(classifier: Classifier, found: list[Evaluation]) -> dict[str, Any]:
    """Return the head of the card. There is no licence in it: that is the user's to choose."""
    tags = ["astronomy", "asteroids", "ceres-fast", classifier.backbone]
    index = {"name": name_of(classifier), "results": [_result(each) for each in found]}
    return {
        "library_name": "keras",
        "pipeline_tag": "image-classification",
        "tags": [*tags, "onnx"] if classifier.onnx_files() else tags,
        **({"model-index": [index]} if found else {}),
    }


def _result(evaluation: Evaluation) -> dict[str, Any]:
    scores, asteroid = evaluation.scores, evaluation.scores["classes"][CLASSES[1]]
    records = one_line(evaluation.about.get("records", "records"))
    values = {
        ("accuracy", "accuracy"): scores["accuracy"],
        ("loss", "mean cross-entropy"): scores["loss"],
        **{(name, f"asteroid {name}"): asteroid[name] for name in ("precision", "recall", "f1")},
        **{(name, INTERVALS[name]): value_of(scores.get(name)) for name in ("roc_auc", "average_precision")},
    }
    return {
        "task": {"type": "image-classification", "name": "asteroid or not"},
        "dataset": {
            "type": records,
            "name": f"{records}, {evaluation.split} split",
            "split": evaluation.split,
            "revision": one_line(evaluation.about.get("manifest_sha256", "")),
        },
        "metrics": [
            {"type": kind, "name": name, "value": float(value)}
            for (kind, name), value in values.items()
            if is_number(value)
        ],
    }


def _metrics(run: Path) -> Mapping[str, Any]:
    path = run / METRICS
    return read_json(path, what="the metrics of a run") if path.is_file() else {}


def _reliability(run: Path) -> Mapping[str, Any]:
    """Return how far the probabilities were from shares, before and after scaling; {} where that was not measured."""
    path = run / CALIBRATION
    found = read_json(path, what="what `ceres-fast calibrate` found").get("reliability") if path.is_file() else None
    return found if isinstance(found, dict) else {}
