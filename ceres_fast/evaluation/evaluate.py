"""Evaluate a run on a split of its records: what `ceres-fast evaluate` does."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill, wrap
from typing import Any

import numpy as np

from ..artifact.classifier import Classifier, read_classifier
from ..console import say
from ..errors import OnError
from ..files import StrPath, write_json, write_text
from ..pictures import caption, draw_stamps
from ..records.lost import read_lost
from ..records.manifest import Manifest, load_manifest
from ..settings.guarantee import NEEDS
from ..training.runs import SCORES, evaluation_folder
from .calibration_text import tracklets_text
from .completeness import completeness, completeness_text
from .failures import draw, draw_worst, failures, summary, tables, write_worst
from .figures import MOST_STAMPS, draw_confusion, draw_curves
from .predictions import PREDICTIONS, Predictions, checked_manifest, predict_split, write_predictions
from .scores import CONFIDENCE, Scores, score
from .tracklets import chain_at, link
from .yardstick import beside_trees, measured_numbers, trees_probabilities, why_not, yardstick_text


def evaluate(
    run: StrPath, records: StrPath, *, split: str = "test", output: StrPath | None = None, on_error: OnError = "stop"
) -> Scores:
    """Evaluate the classifier of a run on one split, print the report and write it.

    Parameters
    ----------
    run : path
        Run directory (or its ``classifier.json``).
    records : path
        Folder that `build_records` wrote.
    split : str
        ``test``, ``validation``, ``calibration`` or ``train``.
    output : path, optional
        Folder for ``report.txt``, ``scores.json``, ``failures.json``, ``predictions.ecsv``, ``worst.ecsv`` and PNGs;
        without it ``evaluation-<split>`` in the run.
    on_error : {"stop", "skip"}
        Whether a damaged shard ends the work, or is left out with a warning.

    Returns
    -------
    Scores

    Raises
    ------
    InputError
        When run or records are damaged, do not fit each other, or the split is empty.

    Examples
    --------
    >>> scores = ceres_fast.evaluate("runs/second", "records", split="test")
    >>> 0 <= scores.accuracy <= 1
    True
    """
    classifier = read_classifier(Path(run))
    manifest = checked_manifest(classifier, load_manifest(Path(records)), [split], on_error)
    found, stamps = predict_split(classifier, manifest, split)
    scores = score(found.labels, found.probabilities, threshold=classifier.threshold, units=found.units)
    title = f"{found.about['classifier']}: {split} split of {manifest.name}"
    assert classifier.folder is not None
    folder = Path(output) if output else evaluation_folder(classifier.folder, split)
    needs = classifier.operating_point["needs"] if classifier.operating_point else NEEDS
    failed = failures(found, scores.threshold, needs)
    beside, beside_text = _beside(classifier, manifest, found, stamps)
    chain, chain_text = _chain(classifier, manifest, found, split)
    text = f"{scores_text(scores, title)}\n{beside_text}\n{chain_text}{summary(failed)}"
    say(text)
    write_text(folder / "report.txt", f"{text}\n{tables(failed)}")
    write_json(folder / "failures.json", {"title": title, "split": split, **failed})
    write_predictions(found, folder / PREDICTIONS)
    write_worst(found, scores.threshold, folder / "worst.ecsv")
    _draw(found, stamps, scores, title, folder)
    draw(failed, title, folder / "failures.png")
    draw_worst(found, stamps, scores.threshold, folder / "worst.png")
    # Last, because it says that the evaluation is whole.
    write_json(folder / SCORES, {"title": title, "split": split, **scores.as_dict(), **beside, **chain})
    say(f"written to {folder}")
    return scores


def _beside(
    classifier: Classifier, manifest: Manifest, found: Predictions, stamps: np.ndarray
) -> tuple[dict[str, Any], str]:
    """Return what ``scores.json`` has of the trees beside the network and of both by brightness, and that in words."""
    numbers = measured_numbers(stamps)
    answers, values, text = {"network": found.probabilities}, {}, []
    if reason := why_not(classifier, manifest, found.about["split"]):
        text += [fill(f"No trees on side numbers are shown beside it: {reason}.", 80) + "\n"]
    else:
        answers["trees"] = trees_probabilities(manifest, numbers)
        yardstick = beside_trees(found, answers["trees"], manifest)
        values["yardstick"] = yardstick.as_dict()
        text += [yardstick_text(yardstick)]
    if measured := completeness(found, answers, numbers):
        values["completeness"] = measured
        text += [completeness_text(measured)]
    return values, "\n".join(text)


def _chain(classifier: Classifier, manifest: Manifest, found: Predictions, split: str) -> tuple[dict[str, Any], str]:
    """Return what ``scores.json`` has of the threshold of tracklets, and that in words; nothing where there is none."""
    model, linked = classifier.tracklets, link(found)
    if model is None or model["operating_point"] is None or linked is None:
        return {}, ""
    lost = read_lost(manifest)
    counts = chain_at(found, linked, model, None if lost is None else lost[lost["split"] == split])
    return {"tracklets": counts}, "\n".join([*tracklets_text(model["operating_point"], counts), "", ""])


def _draw(found: Predictions, stamps: np.ndarray, scores: Scores, title: str, folder: Path) -> None:
    draw_confusion(scores, title.replace(": ", "\n"), folder / "confusion.png")
    if len(np.unique(found.labels)) == 2:
        draw_curves(found.labels, found.probabilities, scores, folder / "curves.png")
    called = found.probabilities >= scores.threshold
    for label, wanted, name in (
        (1, False, "asteroids lost"),
        (1, True, "asteroids found"),
        (0, True, "taken for asteroids"),
        (0, False, "rightly rejected"),
    ):
        rows = np.flatnonzero((found.labels == label) & (called == wanted))
        # The most wrong first: a user looks for what went wrong.
        rows = rows[np.argsort(found.probabilities[rows] * (1 if label else -1))]
        shown = rows[:MOST_STAMPS]
        captions = [
            caption(found.known, row, found.probabilities[row], without_row=f"prediction {row + 1}") for row in shown
        ]
        draw_stamps(stamps[shown], captions, name, folder / f"{name.replace(' ', '_')}.png", total=len(rows))


def scores_text(scores: Scores, title: str) -> str:
    """Return the report of `scores` as plain text, 80 columns.

    Parameters
    ----------
    scores : Scores
        What `score` returned.
    title : str
        First line: classifier, records and split.
    """
    (tn, fp), (fn, tp) = scores.confusion
    lines = [
        title,
        "",
        f"{'class':<16}{'precision':>10}{'recall':>10}{'F1':>10}{'stamps':>10}",
        *(
            f"{name:<16}{row.precision:>10.4f}{row.recall:>10.4f}{row.f1:>10.4f}{row.count:>10,}"
            for name, row in scores.classes.items()
        ),
        f"{'accuracy':<16}{scores.accuracy:>10.4f}",
        f"{'loss':<16}{scores.loss:>10.4f}",
        "",
        f"Called an asteroid from probability {scores.threshold:g} on:",
        f"{'':<20}{'called non-asteroid':>20}{'called asteroid':>20}",
        f"{'non-asteroid':<20}{tn:>20,}{fp:>20,}",
        f"{'asteroid':<20}{fn:>20,}{tp:>20,}",
        "",
        f"With {CONFIDENCE:.0%} bootstrap intervals; the stamps of one asteroid are drawn together:",
        f"{'asteroid recall':<20}{scores.recall}",
        f"{'asteroid precision':<20}{scores.precision}",
        f"{'ROC AUC':<20}{scores.roc_auc}",
        f"{'average precision':<20}{scores.average_precision}",
        *_without_bootstrap(scores),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _without_bootstrap(scores: Scores) -> list[str]:
    """Return which intervals are not the bootstrap's: it has none where all of its samples are alike."""
    notes = []
    if shares := [name for name in ("recall", "precision") if getattr(scores, name).value in (0, 1)]:
        notes.append(
            f"Every bootstrap sample gives this {' and this '.join(shares)}: the interval is Wilson's, of as many "
            "independent stamps as there are asteroids."
        )
    if any(area.value is not None and area.low is None for area in (scores.roc_auc, scores.average_precision)):
        notes.append("Where every bootstrap sample gives the same area, it has no interval.")
    return [line for note in notes for line in wrap(note, 80)]
