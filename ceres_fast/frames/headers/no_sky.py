"""Which frames are no exposures of the sky: darks, biases, flats, focus frames."""

from __future__ import annotations

import math
import operator
import re

from astropy.io import fits

from ..camera import GENERIC, Camera
from .cards import Found, raw_number, shown, word_of
from .quantities import QUANTITIES

KINDS_OF_FRAMES = (
    *(
        "IMAGETYP",
        "OBSTYPE",
        "PICTTYPE",
        "IMGTYPE",
        "IMGTYP",
        "IMTYPE",
        "FRAMETYP",
        "FRAME",
        "OBS_TYPE",
        "EXPTYPE",
        "FLAVOR",
        "DATA-TYP",
    ),
    "HIERARCH ESO DPR TYPE",
)
"""Keywords that say whether a frame shows the sky."""

NO_SKY = re.compile(
    r"(master|super|dome|sky|dark|lamp|twi|twilight|d|s)?(darks?|bias|biases|zeros?|flats?)(dark|flat|frame|field)?s?"
    r"|focus|lamp|arc|comp"
)
"""Words for frames that show no sky, or not one with sharp stars."""

SKY = re.compile(
    r"lights?|object|science|sci|target|std"
    r"|\w*corrected|\w*subtracted|removed|divided|applied|reduced|calibrated|fielded|flattened"
)
"""Words for frames that show the sky, whatever was done to them: "dark-subtracted light", "reduced (bias, flat)"."""

_BESIDE = {"frame", "field", "image"}
"""Words that stand beside those of `NO_SKY` in FRAME, which holds the names of frames in other headers: "Dark Frame" is
a kind, ``dark_nebula_0012`` a name."""

_PICTTYPE = {2: "bias", 3: "dark", 4: "flat"}
"""Kinds by number, as SBIG's programs write them."""


def why_no_sky(header: fits.Header, exposure: Found[float], camera: Camera = GENERIC) -> str:
    """Return the card that says that a frame is no exposure of the sky (dark, bias, flat, focus …), else ""."""
    for keyword, values in camera.no_sky.items():
        if word_of(header, keyword).lower() in {value.lower() for value in values}:
            return shown(header, keyword)
    says_sky = False
    for keyword in KINDS_OF_FRAMES:
        words = re.findall(r"[a-z0-9]+", word_of(header, keyword).lower())
        no_sky = [NO_SKY.fullmatch(word) is not None for word in words]
        is_sky = any(map(SKY.fullmatch, words))
        is_name = keyword == "FRAME" and not all(map(operator.or_, no_sky, (word in _BESIDE for word in words)))
        if any(no_sky) and not is_sky and not is_name:
            return shown(header, keyword)
        if keyword == "PICTTYPE" and raw_number(header, keyword)[0] in _PICTTYPE:
            return f"{shown(header, keyword)} ({_PICTTYPE[int(raw_number(header, keyword)[0])]})"
        says_sky |= is_sky
    # Stacks, too, have an exposure time of 0 where their frames did not say it: a kind is believed before it.
    return "" if says_sky or not math.isnan(exposure.value) else _no_time(header, camera)


def _no_time(header: fits.Header, camera: Camera) -> str:
    """Return the card that says that the exposure time is 0, "" where none does, or another one says something else."""
    own, quantity = camera.keywords.get("exposure", ()), QUANTITIES["exposure"]
    # EXP is the number of an exposure in some headers.
    keywords = (*own, *(keyword for keyword in quantity.keywords if keyword not in quantity.told))
    there = [keyword for keyword in keywords if word_of(header, keyword)]
    return shown(header, there[0]) if there and all(raw_number(header, key)[0] == 0 for key in there) else ""
