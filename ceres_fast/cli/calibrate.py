"""The command that gives a classifier its operating point."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..machine.cores import compute_with
from ..settings.guarantee import Calibration
from ..settings.option import only
from ..settings.shared import Shared
from .from_settings import from_settings
from .options import LATEST, RECORDS, RecordsFolder, Run


@from_settings(calibration=Calibration, shared=only(Shared, "on_error"), computing=only(Shared, "threads"))
def calibrate(
    run: Run = LATEST,
    records: RecordsFolder = RECORDS,
    *,
    calibration: Calibration,
    shared: dict[str, Any],
    computing: dict[str, Any],
) -> None:
    """Choose the threshold that loses at most a given share of asteroids, and store it in the classifier.

    The scaling is fitted on the validation split, the threshold is chosen on the calibration split. classify --drop
    then drops what is below it.
    """
    compute_with(**computing)
    from ..evaluation.calibrate import calibrate

    calibrate(run, records, **asdict(calibration), **shared)
