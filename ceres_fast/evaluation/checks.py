"""Whether a classifier may answer on records: same planes, same rules, nothing damaged."""

from __future__ import annotations

from collections.abc import Sequence

from ..artifact.classifier import CLASSIFIER_FILE, Classifier
from ..console import warn
from ..errors import InputError, OnError
from ..records.manifest import MANIFEST, Manifest
from ..records.pipeline import check_records
from ..selection.rules import Rules


def checked(classifier: Classifier, manifest: Manifest, splits: Sequence[str], on_error: OnError) -> Manifest:
    """Return the manifest of records on which a classifier may answer, less what is damaged.

    Parameters
    ----------
    classifier : Classifier
        From `read_classifier`.
    manifest : Manifest
        Of the records. Other records than those it was trained on are warned of.
    splits : sequence of str
        What is to be read of them.
    on_error : {"stop", "skip"}
        Whether a damaged shard ends the work, or is left out with a warning.

    Raises
    ------
    InputError
        When a split is empty, planes or rules are not the classifier's, or a shard is damaged.
    """
    path = manifest.folder / MANIFEST
    for split in splits:
        if split not in manifest.splits or not manifest.count(split):
            raise InputError(path, f"has no stamps in a split {split!r}", expected=f"one of {sorted(manifest.splits)}")
    if manifest.planes != classifier.planes:
        raise InputError(
            path,
            f"has stamps of the planes {', '.join(manifest.planes)}",
            expected=f"{', '.join(classifier.planes)}, as the classifier was trained on",
            action="build the records again with the classifier's --planes",
        )
    if differences := _rules(classifier).differences(Rules.from_dict(manifest.rules)):
        raise InputError(
            path,
            f"was built by other rules than the classifier's ({'; '.join(differences)})",
            action="build the records again with the classifier's rules",
        )
    if manifest.sha256 != classifier.records.get("manifest_sha256"):
        warn(
            f"{manifest.folder}: these are not the records the classifier was trained on. Where both were built from "
            f"the same survey, the {' or '.join(splits)} split may hold what it was trained on, and what is found "
            "there, or promised after it, is then too good"
        )
    return check_records(manifest, on_error=on_error)


def _rules(classifier: Classifier) -> Rules:
    try:
        return Rules.from_dict(classifier.rules)
    except (ValueError, OverflowError) as error:
        assert classifier.folder is not None
        raise InputError(
            classifier.folder / CLASSIFIER_FILE,
            f"was trained on detections chosen by rules that this version does not know ({error})",
            action="use the version of ceres-fast that trained it, or train again",
        ) from error
