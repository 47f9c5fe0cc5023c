"""The options of `ceres-fast classify`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from .option import option
from .rules import RuleOptions

SLOWEST = option(
    "Rate of the slowest asteroid that is wanted; without it that of the classifier's rules, else "
    f"{RuleOptions.slowest:g}.",
    metavar="RATE",
    unit="arcsec/min",
    gt=0,
    expected="a number above 0",
)


@dataclass(frozen=True)
class ClassifyOptions:
    """Which rows are kept, and what the classifier runs on."""

    catalogue: Annotated[
        Path | None, option("Catalogue of the one frame given; without it looked for beside the frame.")
    ] = None
    drop: Annotated[
        bool,
        option(
            "Drop rows below the operating point that ceres-fast calibrate chose, and stationary ones; without it "
            "every row is kept. Rows that may be stationary, which nobody can tell, are always kept.",
            alone=True,
        ),
    ] = False
    keep_above: Annotated[
        float | None,
        option("As --drop, but rows below this probability, for which no guarantee applies.", metavar="P", ge=0, le=1),
    ] = None
    discard: Annotated[
        bool, option("Do not keep rows that are dropped; else they are beside the table.", alone=True)
    ] = False
    provider: Annotated[
        Literal["auto", "cpu", "cuda", "tensorrt"],
        option("What ONNX Runtime runs an ONNX file on; auto: the best that starts."),
    ] = "auto"
    rebuild: Annotated[
        bool,
        option("Build an engine file that does not fit this machine anew, from the ONNX file beside it.", alone=True),
    ] = False
    slowest: Annotated[float | None, SLOWEST] = None
    dry_run: Annotated[
        bool, option("Write nothing; say for each field what would be dropped, and why.", alone=True)
    ] = False
