"""What must be known of a frame before asteroids can be put into it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import sep
from astropy.wcs import WCS

from ...detect import detect_frame
from ...errors import InputError
from ...frames.info import FrameInfo
from ...frames.reading import Frame
from ..simulate.render import Profile
from .stars import measure_stars

DEPTH_SIGNAL = 5.0
"""Signal-to-noise ratio at the depth of a frame."""


@dataclass(frozen=True)
class Conditions:
    """A frame without its pixels.

    Parameters
    ----------
    info : FrameInfo
        With time, exposure time and gain.
    wcs : astropy.wcs.WCS
        Its coordinates.
    psf : Profile
        The image of a star.
    zero_point : float
        Magnitude of 1 ADU; 0 where the header does not say (magnitudes are instrumental then).
    depth : float
        Magnitude of a star whose signal-to-noise ratio is `DEPTH_SIGNAL` when measured with the PSF as the weight.
    before : numpy.ndarray
        1-based positions (x, y) of the detections before anything was put in, shape (n, 2).
    """

    info: FrameInfo
    wcs: WCS
    psf: Profile
    zero_point: float
    depth: float
    before: np.ndarray

    def electrons(self, magnitude: np.ndarray) -> np.ndarray:
        """Return the electrons that sources of a magnitude give in this exposure."""
        return self.info.gain * 10 ** (0.4 * (self.zero_point - magnitude))


def measure(frame: Frame, *, threshold: float, min_area: int) -> Conditions:
    """Measure a frame.

    Parameters
    ----------
    frame : Frame
        The frame, which `check` has passed.
    threshold, min_area : float, int
        As in `detect.detect_frame`.

    Raises
    ------
    InputError
        When the frame has too few stars, or a sky without noise.
    """
    background, _ = sky_of(frame)
    level = background.back()
    detections = detect_frame(frame, threshold=threshold, min_area=min_area)
    psf = measure_stars(frame, level, detections)
    steps = np.arange(-40, 41, dtype=np.float32)
    weight = float(np.square(psf.profile(steps[None, :], steps[:, None])).sum())
    zero_point = 0.0 if math.isnan(frame.info.zero_point) else frame.info.zero_point
    noise = float(background.globalrms)
    if not noise > 0:
        raise InputError(frame.info.path, "its sky has no noise", expected="a frame as a camera takes it")
    depth = zero_point - 2.5 * math.log10(DEPTH_SIGNAL * noise / math.sqrt(weight))
    before = np.stack([detections["X_IMAGE"], detections["Y_IMAGE"]], axis=1).astype(float)
    return Conditions(frame.info, frame.wcs, psf, zero_point, depth, before)


def sky_of(frame: Frame) -> tuple[sep.Background, np.ndarray]:
    """Return the background of a frame and the mask of its missing pixels."""
    mask = ~np.isfinite(frame.data)
    return sep.Background(np.where(mask, np.float32(0), frame.data), mask=mask), mask


def check(info: FrameInfo, wcs: WCS | None) -> None:
    """Refuse a frame whose header lacks what must not be guessed."""
    needed = (
        (wcs is not None, "centre", "its header has no celestial coordinates", "a WCS: asteroids move on the sky"),
        (not math.isnan(info.mjd), "mjd", "its header does not say when it was taken", "MJD-OBS or DATE-OBS, EXPTIME"),
        (
            info.exposure > 0,
            "exposure",
            "its header does not say how long it was exposed",
            "EXPTIME: it makes the trail's length",
        ),
        (
            info.gain > 0,
            "gain",
            "its header does not say the gain",
            "GAIN (electron/ADU): it makes the noise of what is added",
        ),
    )
    for there, quantity, problem, expected in needed:
        if not there:
            action = "add the keyword to the header, or leave this frame out"
            raise InputError(info.place, f"{problem}{info.in_brackets(quantity)}", expected=expected, action=action)
