"""Where on the sky a frame is, and how it lies there."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from astropy.coordinates import Angle
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import proj_plane_pixel_scales

from ..frames.headers.cards import word_of
from ..frames.sky import to_sky


@dataclass(frozen=True)
class Coordinates:
    """What the WCS of a frame says.

    Attributes
    ----------
    projection : str
        With the distortion, where there is one: "TAN", "TAN with SIP".
    centre : tuple of float
        Right ascension and declination of the frame's middle, deg.
    corners : tuple of tuple of float
        The same of its four corner pixels: first row first, first column first.
    scale : tuple of float
        arcsec per pixel along x and y.
    rotation : float
        Direction of +y at the centre, deg from north through east.
    mirrored : bool
        Whether east is on the right where north is up.
    """

    projection: str
    centre: tuple[float, float]
    corners: tuple[tuple[float, float], ...]
    scale: tuple[float, float]
    rotation: float
    mirrored: bool

    def north_and_east(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the directions of north and east in pixels, (x, y) each, of length 1."""
        turn = np.radians(self.rotation)
        hand = 1 if self.mirrored else -1
        return np.array([-hand * np.sin(turn), np.cos(turn)]), np.array([hand * np.cos(turn), np.sin(turn)])


def coordinates_of(wcs: WCS, header: fits.Header, shape: tuple[int, int]) -> Coordinates:
    """Return where a frame of a shape (ny, nx) is, by the coordinates of its header with all distortions."""
    ny, nx = shape
    x, y = (nx + 1) / 2, (ny + 1) / 2
    ra, dec = to_sky(wcs, np.array([x, x + 1, x, 1, nx, 1, nx]), np.array([y, y, y + 1, 1, 1, ny, ny]))
    east = ((ra[1:3] - ra[0] + 180) % 360 - 180) * np.cos(np.radians(dec[0]))
    north = dec[1:3] - dec[0]
    # The determinant of pixels to sky is negative where east is on the left.
    mirrored = bool(east[0] * north[1] - east[1] * north[0] > 0)
    across, up = (float(each) * 3600 for each in proj_plane_pixel_scales(wcs))
    return Coordinates(
        projection=_projection(wcs, header),
        centre=(float(ra[0]), float(dec[0])),
        corners=tuple((float(a), float(d)) for a, d in zip(ra[3:], dec[3:], strict=True)),
        scale=(across, up),
        rotation=float(np.degrees(np.arctan2(east[1], north[1]))),
        mirrored=mirrored,
    )


def sexagesimal(ra: float, dec: float) -> str:
    """Return a place (deg) as text: 15:30:01.2 +02:00:03."""
    hours = Angle(ra, "deg").to_string("hour", sep=":", precision=2, pad=True)
    return f"{hours} {Angle(dec, 'deg').to_string('deg', sep=':', precision=1, pad=True, alwayssign=True)}"


def _projection(wcs: WCS, header: fits.Header) -> str:
    """Return the code of CTYPE and the distortion, by the header: wcslib makes TAN of TPV, and hides the rest."""
    axes = [word_of(header, f"CTYPE{axis}") for axis in (1, 2)]
    code = next(axis for axis in axes if axis.startswith(("RA", "DEC")))[5:8].strip("-")
    distortions = {
        "SIP": wcs.sip is not None,
        "PV": code == "TAN" and any(re.fullmatch(r"PV\d_\d+", keyword) for keyword in header),
        "lookup tables": wcs.cpdis1 is not None or wcs.cpdis2 is not None,
    }
    named = ", ".join(name for name, there in distortions.items() if there)
    return f"{code} with {named}" if named else code
