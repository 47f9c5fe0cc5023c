"""The options of an operating point: which loss of asteroids is guaranteed not to be exceeded, and what a loss is."""

from dataclasses import dataclass
from typing import Annotated, Literal

from .option import option

SMALLEST = 1e-6
"""Smallest share and confidence; less would need more asteroids than are known."""

NEEDS = 3
"""Exposures of a night in which an asteroid must be left: the search for trajectories needs so many."""

By = Literal["asteroid", "field"]
"""What is taken to be independent of each other."""

_SHARE = f"a share from {SMALLEST:f} to below 1"


@dataclass(frozen=True)
class Guarantee:
    """What is guaranteed of the threshold that `ceres-fast calibrate` chooses."""

    max_loss: Annotated[
        float,
        option(
            "Share of the asteroids that may be lost, at most.", metavar="SHARE", ge=SMALLEST, lt=1, expected=_SHARE
        ),
    ] = 0.02
    confidence: Annotated[
        float,
        option("Confidence with which no more than that is lost.", metavar="P", ge=SMALLEST, lt=1, expected=_SHARE),
    ] = 0.95
    needs: Annotated[int, option("An asteroid is lost when fewer of its exposures are left.", metavar="N", ge=1)] = (
        NEEDS
    )


@dataclass(frozen=True)
class Calibration(Guarantee):
    """What `ceres-fast calibrate` does to a classifier."""

    by: Annotated[
        By,
        option(
            "What is guaranteed, and what for it is taken to be independent: asteroid (the share of all asteroids), or "
            "field (of an asteroid of a random field; asteroids of one field in one night may depend on each other, "
            "and 2 % needs 149 fields).",
            metavar="WHAT",
        ),
    ] = "asteroid"
    scaling: Annotated[
        Literal["logistic", "temperature", "isotonic", "none"],
        option(
            "Make probabilities into shares: logistic (a temperature, and a shift for another share of asteroids than "
            "training made of it), temperature, isotonic (any rising curve; needs many stamps), or none.",
            metavar="HOW",
        ),
    ] = "logistic"
