"""Those of the rules by which detections become stamps (`selection.rules.Rules`) that are options."""

from dataclasses import dataclass
from typing import Annotated

from ..schema import LARGEST_NUMBER
from .option import option

Slowest = Annotated[
    float,
    option(
        "Rate of the slowest asteroid that is wanted. Exposures are compared where it has left its place between "
        "them; what is seen there in both is stationary.",
        metavar="RATE",
        unit="arcsec/min",
        gt=0,
        le=LARGEST_NUMBER,
        expected="a number above 0",
    ),
]
Chance = Annotated[
    float,
    option(
        "Share of random places that may be called stationary by chance, at most.",
        metavar="SHARE",
        gt=0,
        le=1,
        expected="a number above 0, 1 at most",
    ),
]
RejectFlags = Annotated[
    int,
    option(
        "Leave out detections with any of these bits of SExtractor's FLAGS (sum of 1 neighbours, 2 deblended, 4 "
        "saturated, 8 cut off at the edge, 16 and more: measurement incomplete). Such are not scored either.",
        metavar="BITS",
        ge=0,
        le=65535,
        expected="a sum of flags from 0 to 65535",
    ),
]
FORCED_LIMIT = option(
    "A detection is no asteroid where the other exposures have more than this share of its flux at its place, all of "
    "them that could tell. Without it that is not asked, or as the rules of the classifier say.",
    metavar="SHARE",
    gt=0,
    le=10,
    expected="a number above 0, 10 at most",
)


@dataclass(frozen=True)
class RuleOptions:
    """What `ceres-fast build-records` asks of the rules; they are stored in the records."""

    slowest: Slowest = 0.1
    chance: Chance = 0.005
    reject_flags: RejectFlags = 0
    forced_limit: Annotated[float | None, FORCED_LIMIT] = None
