"""An average or a cascade as a classifier of its own: its folder, made of the runs that it is of.

It is a folder like that of a run, with a description and the weights of all its networks. So it is exported in any
precision, proven, calibrated, evaluated and described by what does that for runs, and moved to other machines whole.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..artifact.classifier import CLASSIFIER_FILE, Classifier, Member, NamedFile, read_classifier
from ..artifact.products import in_words
from ..console import say, warn
from ..errors import CeresFastError, InputError
from ..files import atomic_file
from ..selection.rules import Rules
from ..training.runs import lock_run

AGREEING = ("planes", "stamp_shape", "classes", "rules")
"""Fields in which runs must agree, because their answers are to be about the same stamps of the same detections."""

OF_A_CALIBRATION = ("threshold", "scaling", "operating_point", "files")
"""Fields that an average gets after it was made."""

_DIGITS = 8


def write_average(
    run: Classifier, others: Sequence[Classifier], views: int = 1, cascade_from: float | None = None
) -> Path:
    """Write the folder of an average or a cascade into that of a run, and return it; one that is as it should be stays.

    Parameters
    ----------
    run : Classifier
        Read from its folder, and passed by `check_members` with the others.
    others : sequence of Classifier
        The other runs, whose answers are averaged with those of `run`; of a cascade the one that is asked.
    views : int
        Flips and rotations of a stamp that each answers to.
    cascade_from : float, optional
        Probability of `run` from which the other one is asked, in place of an average.

    Returns
    -------
    pathlib.Path
        ``views-8``, ``members-2-…`` or ``cascade-…``, in the folder of `run`. The digits stand for the weights of the
        members, so that another choice of members is another folder. What was calibrated keeps its operating point.

    Raises
    ------
    CeresFastError
        When the folder cannot be written, or is in use.
    """
    runs = [run, *others]
    made = _described(runs, views, cascade_from)
    assert run.folder is not None
    folder = run.folder / _name(made)
    kept = _kept(folder, made)
    if kept is None:
        _write(folder, made, runs)
    _say(folder, made, kept, run)
    return folder


def check_members(runs: Sequence[Classifier]) -> None:
    """Make sure that runs can be one classifier, and warn of what makes it look better than it is.

    Raises
    ------
    InputError
        When they differ in one of `AGREEING`, one is an average itself or is named twice, or weights are damaged.
    """
    for each in runs:
        if each.views != 1 or each.members:
            raise InputError(
                _path(each),
                f"is {_kind(each)} already",
                expected="a run that was trained",
                action="name the runs of it",
            )
    for number, each in enumerate(runs[1:], 1):
        _check_agreement(runs[0], each)
        _check_other_weights(runs[:number], each)


def _check_agreement(run: Classifier, other: Classifier) -> None:
    for name in AGREEING:
        mine, theirs = getattr(run, name), getattr(other, name)
        if mine != theirs and (name != "rules" or (differences := _of_rules(run, other))):
            found = "; ".join(differences) if name == "rules" else f"{_plain(theirs)} here, {_plain(mine)} there"
            raise InputError(
                _path(other),
                f"has other {name} than {_path(run)} ({found})",
                expected=f"runs with the same {', '.join(AGREEING)}",
                action="leave it out, or train it again on records like those of the first",
            )
    if (other.camera or {}) != (run.camera or {}):
        warn(f"{other.folder}: its frames were read with another profile of the camera than those of {run.folder}")
    if other.records.get("manifest_sha256") != run.records.get("manifest_sha256"):
        warn(
            f"{other.folder}: was trained on other records than {run.folder}. Where both are of the same survey, it "
            "may have learnt from stamps of the other's calibration and test splits: the average is then too good on "
            "them, and a threshold that is calibrated there promises too much"
        )


def _of_rules(run: Classifier, other: Classifier) -> list[str]:
    """Say in which rules the other differs; older descriptions may lack rules that have their defaults."""
    try:
        return Rules.from_dict(other.rules).differences(Rules.from_dict(run.rules))
    except (ValueError, OverflowError):  # rules that this version does not know
        return [f"{_plain(other.rules)} here, {_plain(run.rules)} there"]


def _check_other_weights(runs: Sequence[Classifier], other: Classifier) -> None:
    for each in runs:
        if _sha256(each) == _sha256(other):
            raise InputError(
                _path(other),
                f"has the weights of {_path(each)}",
                expected="runs that were trained apart, each named once",
                action="leave it out, or train with another --seed",
            )


def _kind(classifier: Classifier) -> str:
    return "an average" if classifier.cascade_from is None else "a cascade"


def _described(runs: Sequence[Classifier], views: int, cascade_from: float | None) -> Classifier:
    """Return the description of an average or a cascade, not calibrated; a cascade decides as the one that is asked."""
    run, *others = runs
    members: list[Member] = [
        {
            "run": each.folder.resolve().name,
            "backbone": each.backbone,
            "experiment": each.experiment,
            "normalise": each.normalise,
            "head": each.head,
        }
        for each in others
        if each.folder is not None
    ]
    kinds = ["weights", *(f"weights-{number}" for number in range(2, len(runs) + 1))]
    files: dict[str, NamedFile] = {
        kind: {"file": f"{kind}.weights.h5", "sha256": _sha256(each)} for kind, each in zip(kinds, runs, strict=True)
    }
    return replace(
        run,
        views=views,
        members=tuple(members),
        cascade_from=cascade_from,
        files=files,
        # Weights have float32 whatever the policy of training; two policies have only that in common.
        precision=run.precision if {each.precision for each in others} <= {run.precision} else "float32",
        threshold=0.5 if cascade_from is None else others[0].threshold,
        scaling=None if cascade_from is None else others[0].scaling,
        operating_point=None,
        tracklets=None,
        conditions=None,
        folder=None,
    )


def _name(made: Classifier) -> str:
    views = f"views-{made.views}" if made.views > 1 else ""
    if not made.members:
        return views
    weights = hashlib.sha256("".join(entry["sha256"] for entry in made.files.values()).encode()).hexdigest()
    if made.cascade_from is not None:
        return f"cascade-{weights[:_DIGITS]}"
    return "-".join(filter(None, (f"members-{len(made.files)}", views, weights[:_DIGITS])))


def _kept(folder: Path, made: Classifier) -> Classifier | None:
    """Return the average in a folder, where it is this one and whole."""
    if not (folder / CLASSIFIER_FILE).exists():
        return None
    try:
        found = read_classifier(folder)
        for kind in made.files:
            found.file_path(kind)
    except InputError as error:
        warn(f"{error} It is made again")
        return None
    same = replace(found, **{name: getattr(made, name) for name in OF_A_CALIBRATION}) == made
    same = same and {kind: found.files.get(kind) for kind in made.files} == made.files
    if not same and found.operating_point is not None:
        warn(f"{folder}: its run was trained again. The threshold that the average had does not hold for the new one")
    return found if same else None


def _write(folder: Path, made: Classifier, runs: Sequence[Classifier]) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise CeresFastError(
            f"{folder}: cannot be made ({error.strerror}). {_kind(made).capitalize()} is a folder in that of its first "
            "run: see to it that it can be written, or copy the run."
        ) from error
    lock_run(folder)
    for kind, each in zip(made.files, runs, strict=True):
        with atomic_file(folder / made.files[kind]["file"]) as temporary:
            shutil.copyfile(each.weights_path(), temporary)
    made.write(folder)


def _say(folder: Path, made: Classifier, kept: Classifier | None, run: Classifier) -> None:
    times = made.views * len(made.files)
    say(f"{folder}: {in_words(made)}" + f"; a stamp costs {times} answers of a network" * (made.cascade_from is None))
    if kept is not None and kept.operating_point is not None:
        say(f"it keeps the threshold {kept.threshold:g}, which was calibrated for it")
        return
    if run.operating_point is not None:
        say(f"the threshold {run.threshold:g} of {run.folder} holds for its own answers, not for {_kind(made)}")
    say(
        f"the {_kind(made).split()[1]} has the threshold {made.threshold:g}, for which no guarantee applies: "
        f"`ceres-fast calibrate {folder}` chooses one, for the folder and the ONNX file in it"
    )


def _sha256(classifier: Classifier) -> str:
    """Return the hash of its weights, as they are on the disk."""
    classifier.weights_path()
    return classifier.files["weights"]["sha256"]


def _path(classifier: Classifier) -> Path:
    assert classifier.folder is not None
    return classifier.folder / CLASSIFIER_FILE


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
