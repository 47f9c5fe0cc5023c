"""Which frames are no exposures of the sky: darks, biases, flats, focus frames."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from astropy.io import fits

from .camera import GENERIC, Camera
from .cards import Found, raw_number, shown, word_of
from .quantities import QUANTITIES

KINDS_OF_FRAMES = (
    *("IMAGETYP", "OBSTYPE", "PICTTYPE", "IMGTYPE", "FRAMETYP", "FRAME", "OBS_TYPE", "EXPTYPE", "FLAVOR"),
    *("HIERARCH ESO DPR TYPE", "HIERARCH ESO DPR CATG"),
)
"""Keywords that say whether a frame shows the sky."""

NO_SKY = frozenset(
    [
        "dark",
        "darks",
        "bias",
        "biases",
        "zero",
        "zeros",
        "flat",
        "flats",
        "skyflat",
        "domeflat",
        "twiflat",
        "flatfield",
        "dflat",
        "sflat",
        "focus",
        "lamp",
        "arc",
        "calib",
        "comp",
    ]
)
"""Words for frames that show no sky, or not one with sharp stars."""

_SKY = frozenset(["light", "lights", "object", "science", "sci", "target", "corrected", "subtracted", "calibrated"])
_PICTTYPE = {2: "bias", 3: "dark", 4: "flat"}
"""Kinds by number, as SBIG's programs write them."""


def why_no_sky(header: fits.Header, exposure: Found[float], camera: Camera = GENERIC) -> str:
    """Return the card that says that a frame is no exposure of the sky (dark, bias, flat, focus …), else ""."""
    for keyword, values in camera.no_sky.items():
        if word_of(header, keyword).lower() in {value.lower() for value in values}:
            return shown(header, keyword)
    for keyword in KINDS_OF_FRAMES:
        words = set(re.split(r"[^a-z0-9]+", word_of(header, keyword).lower()))
        if words & NO_SKY and not words & _SKY:
            return shown(header, keyword)
        if keyword == "PICTTYPE" and raw_number(header, keyword)[0] in _PICTTYPE:
            return f"{shown(header, keyword)} ({_PICTTYPE[int(raw_number(header, keyword)[0])]})"
    if math.isnan(exposure.value):
        keywords: Sequence[str] = (*camera.keywords.get("exposure", ()), *QUANTITIES["exposure"].keywords)
        return next((shown(header, key) for key in keywords if raw_number(header, key)[0] == 0), "")
    return ""
