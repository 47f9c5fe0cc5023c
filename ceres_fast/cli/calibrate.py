"""The command that gives a classifier its operating point."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from .options import LATEST, RECORDS, OnError, RecordsFolder, Run


def calibrate(
    run: Run = LATEST,
    records: RecordsFolder = RECORDS,
    max_loss: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the asteroids that may be lost, at most.")
    ] = 0.02,
    confidence: Annotated[
        float, typer.Option(metavar="P", help="Confidence with which no more than that is lost.")
    ] = 0.95,
    needs: Annotated[
        int, typer.Option(metavar="N", min=1, help="An asteroid is lost when fewer of its exposures are left.")
    ] = 3,
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
        max_loss=max_loss,
        confidence=confidence,
        needs=needs,
        scaling=scaling,
        on_error=on_error,
    )
