"""Whether a classifier is one for what it is given: planes, rules, pixel scale, camera, fixed sources, templates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..artifact.classifier import Classifier
from ..catalogues.static_sources import read_static
from ..console import warn
from ..errors import InputError
from ..files import StrPath
from ..frames.camera import GENERIC, Camera
from ..frames.info import FrameInfo
from ..frames.profiles import camera_of
from ..schema import Mismatch
from ..selection.others.exposures import read_templates
from ..selection.rules import Rules
from ..stamps import CENTRE, STAMP_SIZE
from .account import ClassifyRun

SCALE_TOLERANCE = 0.1
"""Pixel scales that differ from the classifier's by more than this share are warned of."""


def check_planes(classifier: Classifier, stamp: Path) -> None:
    """Refuse a FITS stamp for a classifier of several planes: unlike a frame, it has no other exposures."""
    if len(classifier.planes) > 1:
        raise InputError(
            stamp,
            f"is one plane, the science image, and the classifier takes {', '.join(classifier.planes)}",
            expected="frames, whose other exposures show the rest",
            action="give the frames with their catalogues, or use a classifier of the science plane",
        )


def rules_of(
    classifier: Classifier, model: Path, slowest: float | None = None, forced_limit: float | None = None
) -> Rules:
    """Return the rules that the classifier was trained with; detections must go through the same ones.

    Where `slowest` or `forced_limit` is given, it takes the place of the classifier's.
    """
    given = {"slowest": slowest, "forced_limit": forced_limit}
    changed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if not classifier.rules:
        warn(f"{model}: does not say by which rules its training detections were chosen; this version's are used")
        return replace(Rules(), **changed)
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
    if slowest is not None:
        _warn_of_slowest(rules, slowest, model)
    if forced_limit is not None:
        _warn_of_limit(rules.forced_limit, forced_limit, model)
    return replace(rules, **changed)


def _warn_of_slowest(rules: Rules, slowest: float, model: Path) -> None:
    if not rules.remove_stationary:
        warn(f"{model}: was trained with stationary detections, so that --slowest decides nothing")
    if slowest < rules.slowest:
        warn(
            f"--slowest {slowest:g} is less than the {rules.slowest:g} arcsec/min {model} was trained with: it never "
            "saw some of what is scored, because that was called stationary"
        )


def _warn_of_limit(trained: float | None, limit: float, model: Path) -> None:
    """Warn where the limit of forced fluxes is not that of training, and say what of it matters."""
    if trained is None:
        warn(
            f"--forced-limit {limit:g}: {model} was trained without such a limit. It saw what is left out now, which "
            "does no harm; but its operating point was chosen without, and what the limit costs is not in its guarantee"
        )
    elif limit > trained:
        warn(
            f"--forced-limit {limit:g} is more than the {trained:g} {model} was trained with: it never saw some of "
            "what is scored, because the other exposures have it too"
        )
    elif limit < trained:
        warn(
            f"--forced-limit {limit:g} is less than the {trained:g} {model} was trained with: what it costs beyond "
            "that is not in the guarantee of its operating point"
        )


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


def read_known_sky(template: StrPath | None, camera: Camera, run: ClassifyRun) -> None:
    """Read the headers of frames of known sky, if there are any; warn where they are of no use."""
    if template is None:
        return
    run.templates = read_templates([Path(template)], camera)
    if not run.measures:
        warn(
            f"{template}: is not used, because nothing is measured in it: give --forced or --forced-limit, or a "
            "classifier that takes a template"
        )


def read_static_sources(static: StrPath | None, run: ClassifyRun) -> None:
    """Read the table of fixed sources, if there is one; warn where it is of no use."""
    if static is None:
        return
    run.static = read_static(Path(static))
    if not run.rules.remove_stationary:
        warn(f"{static}: is not used, because {run.engine.path} was trained with stationary detections")
