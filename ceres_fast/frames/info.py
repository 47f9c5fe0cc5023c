"""What is known of a frame without its pixels, and where in its header it stands."""

from __future__ import annotations

import dataclasses
import math
from operator import attrgetter
from pathlib import Path

from .camera import GENERIC, Camera
from .headers.cards import Doubt


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a header says of a quantity, and where.

    Parameters
    ----------
    quantity : str
        A field of `FrameInfo`.
    origin : str
        The keyword, or keywords, that the value is of, with the value as it is written where it was in another unit;
        "WCS" for the pixel scale of coordinates; empty where no value is known.
    doubts : tuple of Doubt
        What is there and was passed over.
    """

    quantity: str
    origin: str = ""
    doubts: tuple[Doubt, ...] = ()


@dataclasses.dataclass(frozen=True)
class FrameInfo:
    """What is known of a frame without its pixels; NaN or the empty string where the header does not say.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    frame : str
        Its name without folder and suffix; with ``[hdu]`` at its end where the file holds several CCDs.
    field, ccd, filter : str
        Names of the pointing, the CCD and the filter. CCDs of one file always have different names.
    mjd : float
        Middle of the exposure, MJD (UTC).
    exposure : float
        Exposure time, s.
    pixel_scale : float
        arcsec per pixel, of the WCS where there is one.
    seeing : float
        FWHM of the stars, arcsec.
    gain : float
        electron/ADU.
    read_noise : float
        electron.
    saturation : float
        ADU.
    zero_point : float
        Magnitude of 1 ADU in this exposure.
    airmass : float
        Of the exposure.
    shape : tuple of int
        (ny, nx).
    observatory : str
        What the header says of who took it: an MPC code, or a name.
    hdu : int
        Number of the HDU that holds the image, from 0.
    extension : str
        Its name (EXTNAME).
    part : int
        Which of the file's CCDs this is, from 0.
    order : tuple of int
        Which of the file's images each of its CCDs is, from 0: masks and weights are images too.
    images : int
        How many images the file has.
    centre : tuple of float
        Right ascension and declination (deg) of its middle, by its WCS.
    no_sky : str
        The card that says that it is no exposure of the sky (dark, bias, flat …); empty for all others.
    camera : Camera
        The profile it was read with.
    readings : tuple of Reading
        Where each value comes from.
    """

    path: Path
    frame: str
    field: str = ""
    ccd: str = ""
    mjd: float = math.nan
    exposure: float = math.nan
    filter: str = ""
    pixel_scale: float = math.nan
    seeing: float = math.nan
    gain: float = math.nan
    read_noise: float = math.nan
    saturation: float = math.nan
    zero_point: float = math.nan
    airmass: float = math.nan
    shape: tuple[int, int] = (0, 0)
    hdu: int = 0
    extension: str = ""
    part: int = 0
    order: tuple[int, ...] = (0,)
    images: int = 1
    observatory: str = ""
    centre: tuple[float, float] = (math.nan, math.nan)
    no_sky: str = ""
    camera: Camera = dataclasses.field(default=GENERIC, compare=False, repr=False)
    readings: tuple[Reading, ...] = dataclasses.field(default=(), compare=False, repr=False)

    def __eq__(self, other: object) -> bool:
        """Return whether all is the same, values that are not known too.

        By itself a dataclass with a NaN is equal to its copy up to Python 3.12, and from 3.13 not even to itself.
        """
        return isinstance(other, FrameInfo) and _compared(self) == _compared(other)

    @property
    def parts(self) -> int:
        """How many CCDs the file holds."""
        return len(self.order)

    @property
    def brackets(self) -> str:
        """``[hdu]`` for one CCD of several in a file, as CFITSIO writes it; else empty."""
        return f"[{self.hdu}]" if self.parts > 1 else ""

    @property
    def place(self) -> str:
        """The file, and which CCD of it, for messages: ``night/F1.fits[3]``."""
        return f"{self.path}{self.brackets}"

    @property
    def night(self) -> int:
        """MJD of the last noon (UTC) before the exposure, as a whole number; −1 where the time is not known."""
        return -1 if math.isnan(self.mjd) else math.floor(self.mjd - 0.5)

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """What the header says and cannot be believed, or not be read."""
        return tuple(doubt for reading in self.readings for doubt in reading.doubts)

    def in_brackets(self, quantity: str) -> str:
        """Return `why_unknown` for the end of a message: a blank and brackets around it, or the empty string."""
        why = self.why_unknown(quantity)
        return f" ({why})" if why else ""

    def why_unknown(self, quantity: str) -> str:
        """Return what the header says of a quantity without a value, for a message: "" or "MJD-OBS = 'soon' …"."""
        return "; ".join(doubt.text for each in self.readings if each.quantity == quantity for doubt in each.doubts)


_compared = attrgetter(*(each.name for each in dataclasses.fields(FrameInfo) if each.compare))
