"""Whether a classifier is one for what it is given: planes, rules, pixel scale, camera, fixed sources."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ..artifact.classifier import Classifier
from ..catalogues.static_sources import read_static
from ..console import warn
from ..errors import InputError
from ..files import StrPath
from ..frames.camera import GENERIC, Camera
from ..frames.info import FrameInfo
from ..frames.profiles import camera_of
from ..schema import Mismatch
from ..selection.rules import Rules
from ..stamps import CENTRE, STAMP_SIZE
from .account import ClassifyRun

SCALE_TOLERANCE = 0.1
"""Pixel scales that differ from the classifier's by more than this share are warned of."""


def check_planes(classifier: Classifier, model: Path) -> None:
    if len(classifier.planes) > 1:
        raise InputError(
            model,
            f"takes the planes {', '.join(classifier.planes)}; frames and FITS stamps have one, the science image",
            expected="a classifier of the science plane",
            action="build records with `--planes science`, and train on them",
        )


def rules_of(classifier: Classifier, model: Path, slowest: float | None) -> Rules:
    """Return the rules that the classifier was trained with; detections must go through the same ones."""
    if not classifier.rules:
        warn(f"{model}: does not say by which rules its training detections were chosen; this version's are used")
        return Rules() if slowest is None else Rules(slowest=slowest)
    try:
        rules = Rules.from_dict(classifier.rules)
        if (rules.stamp_size, rules.centre) != (STAMP_SIZE, CENTRE):
            raise ValueError(f"stamps of {rules.stamp_size} pixels with the detection at {rules.centre}")
    except (ValueError, TypeError, OverflowError) as error:
        raise InputError(
            model,
            f"was trained on detections chosen by rules that this version cannot apply ({error})",
            action="use the version of ceres-fast that trained it, or train again",
        ) from error
    if differences := Rules().differences(rules):
        warn(f"{model}: its own rules are used, which differ from this version's ({'; '.join(differences)})")
    if slowest is None:
        return rules
    if not rules.remove_stationary:
        warn(f"{model}: was trained with stationary detections, so that --slowest decides nothing")
    if slowest < rules.slowest:
        warn(
            f"--slowest {slowest:g} is less than the {rules.slowest:g} arcsec/min {model} was trained with: it never "
            "saw some of what is scored, because that was called stationary"
        )
    return replace(rules, slowest=slowest)


def check_scale(infos: Iterable[FrameInfo], classifier: Classifier) -> None:
    """Warn once of all inputs whose pixel scale is not the classifier's."""
    trained = classifier.pixel_scale
    if trained is None:
        warn("the classifier does not say on which pixel scale it was trained, so it cannot be compared")
        return
    other = [info for info in infos if abs(info.pixel_scale / trained - 1) > SCALE_TOLERANCE]
    if other:
        more = f" and {len(other) - 1} more" if len(other) > 1 else ""
        warn(
            f"{other[0].place}{more}: {other[0].pixel_scale:.3g} arcsec/pixel, but the classifier was trained on "
            f"{trained:.3g}: its probabilities may not hold here. Train on frames of this camera"
        )


def check_camera(camera: Camera, classifier: Classifier, model: Path) -> None:
    """Warn where frames are read with another profile than those that the classifier was trained on."""
    stored = classifier.camera or {}
    try:
        trained = camera_of(stored)
    except Mismatch as error:
        warn(f"{model}: was trained with a profile of the camera that this version cannot compare ({error})")
        return
    if differences := trained.differences(camera):
        option = "without --camera" if trained == GENERIC else f"with --camera {trained.name}"
        warn(
            f"{model}: was trained on frames that were read {option}; these are read with the profile {camera.name}, "
            f"which differs in {', '.join(differences)}: its probabilities may not hold here"
        )


def read_static_sources(static: StrPath | None, run: ClassifyRun) -> None:
    """Read the table of fixed sources, if there is one; warn where it is of no use."""
    if static is None:
        return
    run.static = read_static(Path(static))
    if not run.rules.remove_stationary:
        warn(f"{static}: is not used, because {run.engine.path} was trained with stationary detections")
