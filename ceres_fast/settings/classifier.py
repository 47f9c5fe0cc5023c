"""The options of the commands that make a classifier ready for other machines and use it: export, classify."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from .option import option
from .rules import FORCED_LIMIT, RuleOptions

_ENGINE = "Engine options"
"""Group of the help."""

SLOWEST = option(
    "Rate of the slowest asteroid that is wanted; without it that of the classifier's rules, else "
    f"{RuleOptions.slowest:g}.",
    metavar="RATE",
    unit="arcsec/min",
    gt=0,
    expected="a number above 0",
)

TableFormat = Literal["CSV", "ECSV"]


@dataclass(frozen=True)
class ClassifyOptions:
    """Which rows are kept, and what the classifier runs on."""

    format: Annotated[
        TableFormat | None,
        option("Format of the output; without it the catalogue's own (CSV for stamps)."),
    ] = None
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
    linked_only: Annotated[
        bool,
        option("With --drop: drop what is in no tracklet too, whatever its own probability.", alone=True),
    ] = False
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
    forced_limit: Annotated[float | None, FORCED_LIMIT] = None
    dry_run: Annotated[
        bool, option("Write nothing; say for each field what would be dropped, and why.", alone=True)
    ] = False


@dataclass(frozen=True)
class EngineBuild:
    """How an engine of TensorRT or TensorRT-RTX is built; what is not given is their choice."""

    workspace: Annotated[
        int | None, option("Most scratch memory on the GPU (default: all).", panel=_ENGINE, metavar="MiB", ge=1)
    ] = None
    compute_capability: Annotated[
        str | None,
        option(
            "TensorRT-RTX: the GPUs to build for, as in 8.0,8.6, or current (default: its own choice).",
            panel=_ENGINE,
            metavar="X.Y[,X.Y]",
        ),
    ] = None
    version_compatible: Annotated[
        bool, option("TensorRT: later versions may run it too.", panel=_ENGINE, alone=True)
    ] = False
    hardware_compatible: Annotated[bool, option("TensorRT: other GPUs may run it too.", panel=_ENGINE, alone=True)] = (
        False
    )
    timing_cache: Annotated[
        Path | None,
        option("TensorRT: keeps what was timed, for the next engine.", panel=_ENGINE, metavar="FILE"),
    ] = None
