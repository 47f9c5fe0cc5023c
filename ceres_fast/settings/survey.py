"""The options of the commands that make frames and catalogues: simulate, detect, inject."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from .option import option

DetectionEngine = Literal["sep", "source-extractor"]


@dataclass(frozen=True)
class Simulation:
    """A survey to simulate."""

    fields: Annotated[int, option("Pointings in the training nights.", metavar="N", ge=1, le=100_000)] = 8
    held_out_fields: Annotated[int, option("Pointings in the held-out night.", metavar="N", ge=0, le=100_000)] = 2
    exposures: Annotated[int, option("Exposures of each pointing.", metavar="N", ge=1, le=8)] = 4
    small: Annotated[bool, option("Frames of 1024x1024 pixels instead of 2048x4100.", alone=True)] = False
    like: Annotated[
        Path | None,
        option(
            "A frame of your camera: size, pixel scale, seeing, sky, noise, gain, saturation, zero point, exposure "
            "time and the number of stars are taken from it, where they are known.",
            metavar="FRAME",
        ),
    ] = None


@dataclass(frozen=True)
class Detection:
    """How sources are detected in a frame."""

    engine: Annotated[
        DetectionEngine,
        option("What detects: the library sep, or the program SExtractor (Debian's source-extractor)."),
    ] = "sep"
    threshold: Annotated[
        float, option("Detection threshold, in standard deviations of the sky.", metavar="SIGMA", ge=0.1)
    ] = 1.5
    min_area: Annotated[int, option("Least number of connected pixels above the threshold.", metavar="N", ge=1)] = 5


@dataclass(frozen=True)
class Injection:
    """Synthetic asteroids that are put into real frames."""

    number_per_field: Annotated[
        int, option("Asteroids per field, CCD and night.", name="number", metavar="N", ge=1, le=100_000)
    ] = 100
    magnitude: Annotated[
        tuple[float, float] | None,
        option(
            "Drawn uniformly; without it from 3 mag above to 1 mag below the depth (S/N 5) of each field.",
            metavar="BRIGHTEST FAINTEST",
            expected="two numbers",
            unit="mag",
        ),
    ] = None
    rate: Annotated[
        tuple[float, float],
        option(
            "Rate of motion, drawn uniformly in the logarithm.",
            metavar="SLOWEST FASTEST",
            expected="two numbers",
            unit="arcsec/min",
        ),
    ] = (0.2, 10.0)
    position_angle: Annotated[
        tuple[float, float],
        option("Direction of motion, from north through east.", metavar="FROM TO", expected="two numbers", unit="deg"),
    ] = (0.0, 360.0)
    truth: Annotated[
        Path | None,
        option("Known real asteroids in these frames; handed on, so that records do not call them non-asteroids."),
    ] = None
