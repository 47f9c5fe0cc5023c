"""Read what runs answered on one split, and pair their rows."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, product
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import numpy as np

from ...artifact.classifier import read_classifier
from ...artifact.latest import resolve
from ...console import warn
from ...errors import CeresFastError, InputError
from ...files import read_json
from ...training.runs import CONFIG, SCORES, evaluation_folder
from ..predictions import PREDICTIONS, Predictions, read_predictions

AGAIN = "evaluate the run again with `ceres-fast evaluate`"


@dataclass(frozen=True)
class Answers:
    """What one run answered.

    Attributes
    ----------
    letter : str
        What it is called in the comparison: A, B, …
    run : pathlib.Path
        As the user named it.
    classifier : str
        In words: backbone and experiment.
    settings : mapping
        Options it was trained with; empty where its ``config.toml`` is not there.
    threshold : float
        From which on it called a stamp an asteroid when it was evaluated.
    predictions : Predictions
        Rows in the order of the first run.
    """

    letter: str
    run: Path
    classifier: str
    settings: Mapping[str, Any]
    threshold: float
    predictions: Predictions

    @property
    def seed(self) -> int | None:
        """Seed of its training, where that is known."""
        seed = self.settings.get("seed")
        return seed if isinstance(seed, int) else None

    @property
    def called(self) -> np.ndarray:
        """1 where it called a stamp an asteroid, else 0, int64 (n,)."""
        return (self.predictions.probabilities >= self.threshold).astype(np.int64)


def read_answers(runs: Sequence[Path], split: str) -> list[Answers]:
    """Read the evaluations of runs on a split and put their rows into one order.

    Parameters
    ----------
    runs : sequence of pathlib.Path
        Run directories, or folders of evaluations; two or more.
    split : str
        Of the records.

    Returns
    -------
    list of Answers
        In the order of `runs`.

    Raises
    ------
    CeresFastError
        When there are fewer than two.
    InputError
        When a run is not evaluated on the split, its evaluation is damaged, or it is of other records or stamps than
        the first.
    """
    if len(runs) < 2:
        raise CeresFastError(f"{len(runs)} run to compare; expected two or more, as in: ceres-fast compare RUN RUN.")
    found: list[Answers] = []
    for letter, run in zip(_letters(), map(resolve, runs), strict=False):
        answers = _read(letter, run, split)
        found.append(_paired(answers, found[0], split) if found else answers)
    return found


def _letters() -> Iterator[str]:
    return map("".join, chain.from_iterable(product(ascii_uppercase, repeat=length) for length in (1, 2, 3)))


def _folder(run: Path, split: str) -> Path:
    return run if (run / PREDICTIONS).is_file() else evaluation_folder(run, split)


def _read(letter: str, run: Path, split: str) -> Answers:
    folder = _folder(run, split)
    path = folder / PREDICTIONS
    if not path.is_file():
        raise InputError(
            path,
            "does not exist",
            expected=f"the evaluation of a run on the {split} split",
            action=f"make it with: ceres-fast evaluate {run} --split {split}",
        )
    predictions = read_predictions(path)
    _check(predictions, path, split)
    threshold = _threshold(folder / SCORES, predictions)
    _warn_of_another_threshold(folder.parent, threshold)
    classifier = str(predictions.about.get("classifier", "unknown classifier"))
    return Answers(letter, run, classifier, _settings(folder.parent / CONFIG), threshold, predictions)


def _check(predictions: Predictions, path: Path, split: str) -> None:
    if predictions.about.get("split") != split:
        raise InputError(
            path,
            f"is of the split {predictions.about.get('split')!r}",
            expected=f"the {split} split",
            action=f"evaluate with --split {split}, or compare with another --split",
        )
    if not isinstance(predictions.about.get("manifest_sha256"), str):
        raise InputError(path, "does not say of which records it is", row="manifest_sha256", action=AGAIN)
    if not len(predictions.labels):
        raise InputError(path, "has no rows", expected="a row per stamp", action=AGAIN)
    probabilities = predictions.probabilities
    for name, values, right, expected in (
        ("label", predictions.labels, np.isin(predictions.labels, (0, 1)), "0 or 1"),
        ("probability", probabilities, (probabilities >= 0) & (probabilities <= 1), "a number from 0 to 1"),
    ):
        if not right.all():
            row = int(np.flatnonzero(~right)[0])
            raise InputError(path, f"{name} is {values[row]}", row=row + 1, expected=expected, action=AGAIN)


def _threshold(path: Path, predictions: Predictions) -> float:
    """Return the threshold of an evaluation, once it is certain that both files are of the same one."""
    scores = read_json(path, what=f"the {SCORES} that `ceres-fast evaluate` writes")
    threshold = scores.get("threshold")
    # NaN is in no range; true is an int.
    if not isinstance(threshold, int | float) or isinstance(threshold, bool) or not 0 <= threshold <= 1:
        raise InputError(path, f"is {threshold!r}"[:80], row="threshold", expected="a number from 0 to 1", action=AGAIN)
    called = predictions.probabilities >= threshold
    confusion = np.zeros((2, 2), np.int64)
    np.add.at(confusion, (predictions.labels, called.astype(np.int64)), 1)
    if scores.get("confusion") != confusion.tolist():
        raise InputError(
            path,
            f"does not fit the {PREDICTIONS} beside it",
            expected=f"the confusion matrix {confusion.tolist()}, which its rows give",
            action=AGAIN,
        )
    return float(threshold)


def _warn_of_another_threshold(run: Path, threshold: float) -> None:
    # One that this version cannot read has been evaluated by another: its answers are there all the same.
    with suppress(InputError):
        if (now := read_classifier(run).threshold) != threshold:
            warn(
                f"{run}: was evaluated at the threshold {threshold:g}, and its classifier has {now:g} now. To compare "
                "at that one, evaluate it again"
            )


def _settings(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            found = tomllib.load(stream)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read ({error})", expected="the options of a run in TOML") from error
    # That of a series of runs is about all of them.
    return {} if "seeds" in found else found


def _paired(answers: Answers, first: Answers, split: str) -> Answers:
    """Return answers with their rows in the order of the first run's."""
    path = _folder(answers.run, split) / PREDICTIONS
    there, here = first.predictions, answers.predictions
    if here.about["manifest_sha256"] != there.about["manifest_sha256"]:
        names = [f"{each.about.get('records')} ({each.about['manifest_sha256'][:12]}…)" for each in (here, there)]
        raise InputError(
            path,
            f"is of other records, {names[0]}, than those of {first.run}",
            expected=f"{names[1]}, by the SHA-256 of the manifest",
            action="evaluate both with `ceres-fast evaluate --records` on the same records",
        )
    if len(here.labels) != len(there.labels):
        raise InputError(
            path,
            f"has {len(here.labels)} stamps, and that of {first.run} has {len(there.labels)}",
            expected="the same stamps",
            action="evaluate both with the same --on-error",
        )
    order = np.empty(len(here.labels), np.int64)
    order[_sorted(there.known)] = _sorted(here.known)
    known = {name: values[order] for name, values in here.known.items()}
    different = np.any([_differ(values, known[name]) for name, values in there.known.items()], axis=0)
    if different.any():
        raise InputError(
            path,
            f"has another stamp than that of {first.run}",
            row=int(order[different][0]) + 1,
            expected="the same stamps, with the same labels",
            action="evaluate both again on the same records",
        )
    return replace(answers, predictions=Predictions(known, here.probabilities[order], here.about))


def _sorted(known: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the order by all columns; rows that are equal in all stay as they are."""
    return np.lexsort(list(known.values())[::-1])


def _differ(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    both_unknown = (first != first) & (second != second)
    return (first != second) & ~both_unknown
