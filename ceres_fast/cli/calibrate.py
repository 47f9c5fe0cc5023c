"""The command that gives a classifier its operating point."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

import typer

from ..settings.guarantee import Guarantee
from .from_settings import from_settings
from .options import LATEST, RECORDS, OnError, RecordsFolder, Run


@from_settings(guarantee=Guarantee)
def calibrate(
    guarantee: Guarantee,
    run: Run = LATEST,
    records: RecordsFolder = RECORDS,
    scaling: Annotated[
        Literal["logistic", "temperature", "isotonic", "none"],
        typer.Option(
            metavar="HOW",
            help="Make probabilities into shares: logistic (a temperature, and a shift for another share of asteroids "
            "than training made of it), temperature, isotonic (any rising curve; needs many stamps), or none.",
        ),
    ] = "logistic",
    on_error: OnError = "stop",
) -> None:
    """Choose the threshold that loses at most a given share of asteroids, and store it in the classifier.

    The scaling is fitted on the validation split, the threshold is chosen on the calibration split. classify --drop
    then drops what is below it.
    """
    from ..evaluation.calibrate import calibrate

    calibrate(
        run,
        records,
        **asdict(guarantee),
        scaling=scaling,
        on_error=on_error,
    )
