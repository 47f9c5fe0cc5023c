"""The options of `ceres-fast export` that are for engines of TensorRT and TensorRT-RTX alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from .option import option

_PANEL = "Engine options"


@dataclass(frozen=True)
class EngineBuild:
    """How an engine is built; what is not given is the choice of TensorRT."""

    workspace: Annotated[
        int | None, option("Most scratch memory on the GPU (default: all).", panel=_PANEL, metavar="MiB", ge=1)
    ] = None
    compute_capability: Annotated[
        str | None,
        option(
            "TensorRT-RTX: the GPUs to build for, as in 8.0,8.6, or current (default: its own choice).",
            panel=_PANEL,
            metavar="X.Y[,X.Y]",
        ),
    ] = None
    version_compatible: Annotated[
        bool, option("TensorRT: later versions may run it too.", panel=_PANEL, alone=True)
    ] = False
    hardware_compatible: Annotated[bool, option("TensorRT: other GPUs may run it too.", panel=_PANEL, alone=True)] = (
        False
    )
    timing_cache: Annotated[
        Path | None,
        option("TensorRT: keeps what was timed, for the next engine.", panel=_PANEL, metavar="FILE"),
    ] = None
