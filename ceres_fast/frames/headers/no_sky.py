"""Which frames are no exposures of the sky: darks, biases, flats, focus frames."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from astropy.io import fits

from ..camera import GENERIC, Camera
from .cards import Found, raw_number, shown, word_of
from .quantities import QUANTITIES

KINDS_OF_FRAMES = (
    *("IMAGETYP", "OBSTYPE", "PICTTYPE", "IMGTYPE", "FRAMETYP", "FRAME", "OBS_TYPE", "EXPTYPE", "FLAVOR", "DATA-TYP"),
    "HIERARCH ESO DPR TYPE",
)
"""Keywords that say whether a frame shows the sky."""

NO_SKY = re.compile(
    r"(master|super|dome|sky|dark|lamp|twi|twilight|d|s)?(darks?|bias|biases|zeros?|flats?)(dark|flat|frame|field)?s?"
    r"|focus|lamp|arc|comp"
)
"""Words for frames that show no sky, or not one with sharp stars."""

SKY = re.compile(r"lights?|object|science|sci|target|std|\w*corrected|\w*subtracted|calibrated|fielded|flattened")
"""Words for frames that show the sky, whatever was done to them: "dark-subtracted light"."""

_PICTTYPE = {2: "bias", 3: "dark", 4: "flat"}
"""Kinds by number, as SBIG's programs write them."""


def why_no_sky(header: fits.Header, exposure: Found[float], camera: Camera = GENERIC) -> str:
    """Return the card that says that a frame is no exposure of the sky (dark, bias, flat, focus …), else ""."""
    for keyword, values in camera.no_sky.items():
        if word_of(header, keyword).lower() in {value.lower() for value in values}:
            return shown(header, keyword)
    for keyword in KINDS_OF_FRAMES:
        words = re.findall(r"[a-z0-9]+", word_of(header, keyword).lower())
        if any(map(NO_SKY.fullmatch, words)) and not any(map(SKY.fullmatch, words)):
            return shown(header, keyword)
        if keyword == "PICTTYPE" and raw_number(header, keyword)[0] in _PICTTYPE:
            return f"{shown(header, keyword)} ({_PICTTYPE[int(raw_number(header, keyword)[0])]})"
    if math.isnan(exposure.value):
        keywords: Sequence[str] = (*camera.keywords.get("exposure", ()), *QUANTITIES["exposure"].keywords)
        return next((shown(header, key) for key in keywords if raw_number(header, key)[0] == 0), "")
    return ""
