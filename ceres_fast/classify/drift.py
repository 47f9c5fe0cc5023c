"""Whether a field's exposures are like those that the classifier was calibrated on: if not, no guarantee applies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..artifact.conditions import drift_of, of_exposure, of_field
from ..catalogues.detections import Detections
from ..console import warn
from ..errors import LOUD
from ..selection.neighbours import nearest_other, sky_centre, tangent_plane
from .account import ClassifyRun
from .catalogue_job import field_of
from .scores import DRIFTED, ELSEWHERE, PROVISIONAL, STATIONARY, Scores


def watch(exposures: Sequence[Detections], scores: Sequence[Scores | None], run: ClassifyRun) -> None:
    """Compare the exposures of a field and CCD with those of calibration; say what differs, and flag what was scored.

    Detections that may be stationary are no measure of a field: in calibration there are none. So of an exposure by
    itself only the seeing is compared.

    Parameters
    ----------
    exposures : sequence of Detections
        Of one field, CCD and night.
    scores : sequence of Scores or None
        Theirs; None where an exposure could not be scored.
    run : ClassifyRun
        Whose result says what differs (`Result.drift`).
    """
    conditions = run.engine.classifier.conditions
    if conditions is None:
        return
    measured, apart, probability = [], [], []
    for exposure, made in zip(exposures, scores, strict=False):
        if made is None:
            continue
        rows = _scored(made) & (made.flags & PROVISIONAL == 0)
        measured.append(of_exposure(exposure.info.seeing, made.noise[rows]))
        places = tangent_plane(exposure.ra, exposure.dec, sky_centre(exposure.ra, exposure.dec))
        apart.append(nearest_other(places)[rows])
        probability.append(made.probability[rows])
    if not measured:
        return
    measured.append(of_field(np.concatenate(apart), np.concatenate(probability), run.engine.threshold))
    said = drift_of(conditions, measured)
    if not said:
        return
    for made in scores:
        if made is not None:
            made.flags[_scored(made)] |= DRIFTED
    info = exposures[0].info
    named = info.ccd if info.ccd.upper().startswith("CCD") else f"CCD {info.ccd}"
    ccd = f"{named}: " if info.ccd else ""
    drift = run.result.drift
    drift.setdefault(field_of(info), []).extend(f"{ccd}{each}" for each in said)
    if len(drift) <= LOUD:
        warn(f"{field_of(info)}: {ccd}{'; '.join(said)}. No guarantee applies (CERES_FLAGS {DRIFTED})")
    if len(drift) == LOUD:
        warn("further fields that are not like those of calibration are only counted")


def _scored(scores: Scores) -> np.ndarray:
    """Tell which detections have a probability of their own, (n,) bool."""
    scored: np.ndarray = np.isfinite(scores.probability) & (scores.flags & (STATIONARY | ELSEWHERE) == 0)
    return scored
