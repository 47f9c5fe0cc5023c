"""Draw sources into a frame, many at a time: Moffat profiles, trails, and galaxies as mixtures of Gaussians."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

HALF_SIZES = np.array([5, 7, 10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320])
"""Half sides (pixels) of the boxes sources are drawn in; each source gets the smallest that holds its light."""

FAINTEST = 0.1
"""Electrons per pixel at which a source's wing is cut: 1/250 of the noise of a frame."""

BOX_PIXELS = 2_000_000
"""Pixels drawn at a time; bounds the memory."""

# Moffat profile of exponent 2.5 and core width 1 as four round Gaussians (share of flux, sigma); galaxy profiles of
# half-light radius 1 the same way. Least squares in radius, flux-weighted; the largest deviation at any radius is in
# `tests/synthetic/simulate/test_render.py`.
MOFFAT_MIXTURE = (np.array([0.1312, 0.4525, 0.33198, 0.08432]), np.array([0.34454, 0.54894, 0.94906, 2.04925]))
EXPONENTIAL_MIXTURE = (np.array([0.0092, 0.10452, 0.44397, 0.44231]), np.array([0.12607, 0.34032, 0.71152, 1.33006]))
DE_VAUCOULEURS_MIXTURE = (
    np.array([0.00878, 0.04156, 0.13598, 0.3172, 0.49648]),
    np.array([0.0165, 0.05464, 0.16629, 0.51903, 2.0948]),
)


class Profile(Protocol):
    """What is asked of a star's image; `Psf` is one, `inject.stars.StarImage` another."""

    @property
    def step(self) -> float:
        """Longest distance (pixels) between the points that make up a trail."""

    def profile(self, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
        """Return the share of a source's flux in pixels at offsets (dx, dy) from its centre."""

    def reach(self, flux: np.ndarray) -> np.ndarray:
        """Return the radius (pixels) out to which sources of a flux (electrons) are drawn."""


@dataclass(frozen=True)
class Psf:
    """A star's image: an elliptical Moffat profile.

    Attributes
    ----------
    fwhm : float
        Full width at half maximum in pixels (geometric mean of the axes), the pixel's own width included.
    beta : float
        Exponent.
    ellipticity : float
        1 − b/a.
    angle : float
        Direction of the major axis from x towards y, in degrees.
    """

    fwhm: float
    beta: float = 2.5
    ellipticity: float = 0.0
    angle: float = 0.0

    @property
    def core(self) -> float:
        """Core width α of the round profile (1 + r²/α²)^−β, in pixels."""
        return self.fwhm / (2 * np.sqrt(2 ** (1 / self.beta) - 1))

    @property
    def step(self) -> float:
        """A quarter of the FWHM."""
        return 0.25 * self.fwhm

    def quadratic(self) -> tuple[float, float, float]:
        """Return (xx, xy, yy) of r² = xx·dx² + 2·xy·dx·dy + yy·dy², which keeps the area of the round profile."""
        ratio = 1 - self.ellipticity
        cosine, sine = np.cos(np.deg2rad(self.angle)), np.sin(np.deg2rad(self.angle))
        return (
            ratio * cosine**2 + sine**2 / ratio,
            (ratio - 1 / ratio) * cosine * sine,
            ratio * sine**2 + cosine**2 / ratio,
        )

    def profile(self, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
        """Return the share of a source's flux in pixels at offsets (dx, dy) from its centre."""
        xx, xy, yy = self.quadratic()
        squared = (xx * dx * dx + 2 * xy * dx * dy + yy * dy * dy) / np.float32(self.core**2)
        peak = np.float32((self.beta - 1) / (np.pi * self.core**2))
        return peak * (1 + squared) ** np.float32(-self.beta)

    def reach(self, flux: np.ndarray) -> np.ndarray:
        """Return the radius (pixels) where sources of a flux (electrons) fall to `FAINTEST`."""
        peak = np.maximum(np.asarray(flux, float), 1e-9) * (self.beta - 1) / (np.pi * self.core**2)
        return self.core * np.sqrt(np.maximum((peak / FAINTEST) ** (1 / self.beta) - 1, 0))


def add_points(image: np.ndarray, x: np.ndarray, y: np.ndarray, flux: np.ndarray, psf: Profile) -> None:
    """Add point sources to an image.

    Parameters
    ----------
    image : numpy.ndarray
        Electrons, float32, shape (ny, nx); changed in place. Sources may lie outside.
    x, y : numpy.ndarray
        1-based pixel positions, shape (n,).
    flux : numpy.ndarray
        Electrons, shape (n,).
    psf : Profile
        Their profile.
    """
    for chosen, half in _by_size(psf.reach(flux)):

        def drawn(rows: np.ndarray, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
            return flux[rows].astype(np.float32)[:, None, None] * psf.profile(dx, dy)

        _add_boxes(image, x, y, chosen, half, drawn)


def add_trails(
    image: np.ndarray, x: np.ndarray, y: np.ndarray, dx: np.ndarray, dy: np.ndarray, flux: np.ndarray, psf: Profile
) -> None:
    """Add sources that move by (dx, dy) pixels during the exposure, centred on (x, y); see `add_points`."""
    owner, points_x, points_y, share = trail_points(x, y, dx, dy, psf)
    add_points(image, points_x, points_y, flux[owner] * share, psf)


def trail_points(
    x: np.ndarray, y: np.ndarray, dx: np.ndarray, dy: np.ndarray, psf: Profile
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return (owner, x, y, share of the flux) of the points that make up trails, `Profile.step` apart at most."""
    pieces = np.maximum(1, np.ceil(np.hypot(dx, dy) / psf.step)).astype(int)
    owner = np.repeat(np.arange(len(x)), pieces)
    first = np.repeat(np.cumsum(pieces) - pieces, pieces)
    along = (np.arange(len(owner)) - first + 0.5) / pieces[owner] - 0.5
    return owner, x[owner] + along * dx[owner], y[owner] + along * dy[owner], 1 / pieces[owner]


def box_flux(
    x: np.ndarray, y: np.ndarray, dx: np.ndarray, dy: np.ndarray, flux: np.ndarray, psf: Profile, side: int
) -> np.ndarray:
    """Return the electrons trails leave in the box of `side` x `side` pixels around the pixel of (x, y); shape (n,)."""
    owner, points_x, points_y, share = trail_points(x, y, dx, dy, psf)
    steps = np.arange(side) - side // 2
    offset_x = (np.round(x - 1)[owner] + 1 - points_x)[:, None, None] + steps
    offset_y = (np.round(y - 1)[owner] + 1 - points_y)[:, None, None] + steps[:, None]
    inside = psf.profile(offset_x, offset_y).sum(axis=(1, 2)) * flux[owner] * share
    return np.bincount(owner, weights=inside, minlength=len(x))


def add_galaxies(
    image: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    flux: np.ndarray,
    radius: np.ndarray,
    axis_ratio: np.ndarray,
    angle: np.ndarray,
    spiral: np.ndarray,
    psf: Psf,
) -> None:
    """Add galaxies, blurred by the star profile; see `add_points`.

    Parameters
    ----------
    radius : numpy.ndarray
        Half-light radius along the major axis, in pixels, shape (n,).
    axis_ratio : numpy.ndarray
        b/a, shape (n,).
    angle : numpy.ndarray
        Direction of the major axis from x towards y, in radians, shape (n,).
    spiral : numpy.ndarray
        Exponential profile where true, de Vaucouleurs elsewhere, shape (n,).
    """
    for kind, mixture in ((spiral, EXPONENTIAL_MIXTURE), (~spiral, DE_VAUCOULEURS_MIXTURE)):
        rows = np.flatnonzero(kind)
        _add_mixture(image, x[rows], y[rows], flux[rows], radius[rows], axis_ratio[rows], angle[rows], mixture, psf)


def _add_mixture(
    image: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    flux: np.ndarray,
    radius: np.ndarray,
    axis_ratio: np.ndarray,
    angle: np.ndarray,
    mixture: tuple[np.ndarray, np.ndarray],
    psf: Psf,
) -> None:
    shares, sigmas = mixture
    covariances = _covariances(radius, axis_ratio, angle)
    peak = flux / (2 * np.pi * (0.3 * radius**2 + psf.core**2))
    extent = np.sqrt(psf.core**2 + radius**2) * np.sqrt(2 * np.log(np.maximum(peak / FAINTEST, 1)) + 1) * 1.5
    for chosen, half in _by_size(extent):

        def drawn(rows: np.ndarray, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
            total = np.zeros(np.broadcast_shapes(dx.shape, dy.shape), np.float32)
            for share, sigma in zip(shares, sigmas, strict=True):
                for weight, width in zip(*MOFFAT_MIXTURE, strict=True):
                    blurred = covariances[rows] * sigma**2
                    blurred[:, [0, 2]] += (width * psf.core) ** 2
                    total += _gaussian(dx, dy, blurred, share * weight * flux[rows])
            return total

        _add_boxes(image, x, y, chosen, half, drawn)


def _covariances(radius: np.ndarray, axis_ratio: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Covariances (n, 3) = (xx, xy, yy) of an ellipse with a given major semi-axis."""
    cosine, sine = np.cos(angle), np.sin(angle)
    major, minor = radius**2, (radius * axis_ratio) ** 2
    return np.stack(
        [
            major * cosine**2 + minor * sine**2,
            (major - minor) * cosine * sine,
            major * sine**2 + minor * cosine**2,
        ],
        axis=1,
    )


def _gaussian(dx: np.ndarray, dy: np.ndarray, covariance: np.ndarray, flux: np.ndarray) -> np.ndarray:
    xx, xy, yy = (covariance[:, part, None, None] for part in range(3))
    determinant = xx * yy - xy * xy
    a, b, c = ((part / (-2 * determinant)).astype(np.float32) for part in (yy, -2 * xy, xx))
    scale = (flux[:, None, None] / (2 * np.pi * np.sqrt(determinant))).astype(np.float32)
    exponent = a * (dx * dx) + b * dx * dy
    exponent += c * (dy * dy)
    return scale * np.exp(exponent, out=exponent)


def _by_size(reach: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """Yield (rows, half side) of the sources that need each box size."""
    size = np.minimum(np.searchsorted(HALF_SIZES, reach), len(HALF_SIZES) - 1)
    for number in np.unique(size):
        yield np.flatnonzero(size == number), int(HALF_SIZES[number])


def _add_boxes(
    image: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    chosen: np.ndarray,
    half: int,
    drawn: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
) -> None:
    """Add boxes of 2·half + 1 pixels around sources; what falls outside the image is left out."""
    height, width = image.shape
    column, row = np.round(x - 1).astype(int), np.round(y - 1).astype(int)
    near = (column >= -half) & (column < width + half) & (row >= -half) & (row < height + half)
    chosen = chosen[near[chosen]]
    steps = np.arange(-half, half + 1)
    batch = max(1, BOX_PIXELS // len(steps) ** 2)
    for start in range(0, len(chosen), batch):
        rows = chosen[start : start + batch]
        dx = ((column[rows] + 1 - x[rows])[:, None, None] + steps).astype(np.float32)
        dy = ((row[rows] + 1 - y[rows])[:, None, None] + steps[:, None]).astype(np.float32)
        for box, left, bottom in zip(drawn(rows, dx, dy), column[rows] - half, row[rows] - half, strict=True):
            part_y, part_x = slice(max(0, -bottom), height - bottom), slice(max(0, -left), width - left)
            inside = box[part_y, part_x]
            y0, x0 = max(0, bottom), max(0, left)
            image[y0 : y0 + inside.shape[0], x0 : x0 + inside.shape[1]] += inside
