"""The constants of a survey whose frames look like a given one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ...detect import detect_frame
from ...errors import InputError
from ...frames.reading import Frame
from ...look.pixels import measure_pixels
from ..star_finding import FEWEST_FOR_MOFFAT, MOFFAT_FWHM, find_stars
from .constants import CONSTANTS, Cadence, Constants, Detector, Sky
from .render import Psf
from .sky import galaxy_count, star_count

AIRMASS = 1.2
"""Of a frame that does not say its own."""

COUNTED_SIGNAL, COUNTED_NOISE = 20.0, (10.0, 40.0)
"""Signal-to-noise ratio down to which stars are counted: there is no noise among them, and few are missed. The errors
of detections in the second range say which flux has it."""

FEWEST_COUNTED = 10
"""Stars; from fewer, no density is made."""

SHARP = 0.7
"""Detections narrower than this share of the stars are hot pixels and cosmic rays."""

KRON_SHARE = 0.94
"""Share of a star's light in FLUX_AUTO (SExtractor's manual, automatic aperture photometry)."""

LEAST_NOISE = 1.0
"""Electrons: with less noise in a pixel single photons would matter, which the simulation does not know."""

LARGEST_INTEGER = 65535
ABOVE_ZERO = 6.0
"""A sky that is this many times its noise above 0 has pixels that are not negative."""

BELOW_FULL = 0.99
"""Saturation over full well."""

FULLER = 2.0
"""A full well holds so many times the light of the sky at least: a sum of exposures has more than one CCD can hold, and
with a saturation below the sky nothing would be seen."""

FEWEST_ASTEROIDS = 20.0
"""Per CCD: a small one would have next to none."""

LONGEST_NIGHT = 10 * 3600.0
"""Seconds in which the fields of a night are observed."""

DITHER = 3.0
"""The telescope is moved by so many widths of a star at least."""


@dataclass(frozen=True)
class Taken:
    """A value of a simulated survey, and where it comes from."""

    what: str
    value: float
    unit: str
    origin: str


def constants_like(frame: Frame, exposures: int) -> tuple[Constants, list[Taken]]:
    """Return the constants of a survey whose frames look like one, and what was taken from where.

    What is not known of the frame is as in `CONSTANTS`. All fields have its sky, its noise and its seeing. Asteroids,
    and the faintest stars and galaxies, are as much fainter or brighter as the frame is deeper or less deep.

    Parameters
    ----------
    frame : Frame
        The frame.
    exposures : int
        Of each field.

    Raises
    ------
    InputError
        When it is no exposure of the sky, or the noise of its sky is less than an electron.
    """
    like = _Like(frame)
    constants = replace(CONSTANTS, detector=like.detector(), cadence=like.cadence(exposures), sky=like.sky())
    return like.filled(constants), like.taken


class _Like:
    """What is measured of a frame, and which of it was taken."""

    def __init__(self, frame: Frame) -> None:
        info = frame.info
        if info.no_sky:
            problem = f"is no exposure of the sky ({info.no_sky})"
            raise InputError(info.place, problem, expected="a frame of the sky", action="name another one")
        self.taken: list[Taken] = []
        self._frame, self._info = frame, info
        pixels = measure_pixels(frame)
        self._level, self._pixels_known = pixels.sky, pixels.number - pixels.missing
        self._detections = detect_frame(frame)
        self._gain = self._known("gain", "electron/ADU", CONSTANTS.detector.gain)
        self._noise = pixels.noise * self._gain
        if not self._noise >= LEAST_NOISE:
            problem = f"the noise of its sky is {pixels.noise:.3g} ADU, which is {self._noise:.3g} electrons"
            action = "add GAIN (electron/ADU) to its header" if math.isnan(info.gain) else "correct the gain"
            raise InputError(info.place, problem, expected=f"{LEAST_NOISE:g} at least", action=action)
        self._take("sky level", self._level, "ADU", "measured")
        self._take("noise of the sky", pixels.noise, "ADU", "measured")
        self._scale = self._known("pixel_scale", "arcsec", CONSTANTS.detector.pixel_scale)
        self._exposure = self._known("exposure", "s", CONSTANTS.cadence.exposure)
        self._width, self._fwhm = self._seeing()
        self._read_noise = self._read()
        self._light = self._noise**2 - self._read_noise**2
        self._number, self._rate = self._count()
        self._lost = CONSTANTS.sky.extinction * (AIRMASS if math.isnan(info.airmass) else info.airmass)

    def _take(self, what: str, value: float, unit: str, origin: str) -> float:
        self.taken.append(Taken(what, float(value), unit, origin))
        return value

    def _known(self, quantity: str, unit: str, default: float) -> float:
        """Return a quantity of the header, or the default, and note which."""
        value = getattr(self._info, quantity)
        origin = next((each.origin for each in self._info.readings if each.quantity == quantity), "")
        if math.isnan(value):
            value, origin = default, "default"
        return self._take(quantity.replace("_", " "), value, unit, origin)

    def _seeing(self) -> tuple[float, float]:
        """Return half-light diameter and FWHM of the stars, pixels: a Moffat profile with the diameter of theirs."""
        rows, width = find_stars(self._frame, self._detections)
        if len(rows) >= FEWEST_FOR_MOFFAT:
            fwhm, origin = MOFFAT_FWHM * width, f"measured, {len(rows)} stars"
        elif self._info.seeing > 0:
            fwhm, origin = self._info.seeing / self._scale, "header; too few stars to measure it"
        elif width > 0:
            fwhm, origin = MOFFAT_FWHM * width, "measured, detections that may be stars"
        else:
            fwhm = math.hypot(CONSTANTS.sky.seeing, CONSTANTS.sky.seeing_camera) / self._scale
            origin = "default; too few stars to measure it"
        self._take("seeing (FWHM)", fwhm * self._scale, "arcsec", origin)
        return fwhm / MOFFAT_FWHM, fwhm

    def _read(self) -> float:
        value = self._known("read_noise", "electron", CONSTANTS.detector.read_noise)
        if value < self._noise:
            return value
        # A mean of several exposures, a resampled one, or a wrong gain.
        self.taken.pop()
        origin = f"half of the sky's noise, which is below {value:g}"
        return self._take("read noise", self._noise / 2, "electron", origin)

    def _count(self) -> tuple[int, float]:
        """Return how many stars and galaxies are bright enough to be counted, and the flux (electron/s) of those."""
        table = self._detections
        flux, error = (np.asarray(table[name], float) for name in ("FLUX_AUTO", "FLUXERR_AUTO"))
        signal = np.divide(flux, error, out=np.zeros(len(flux)), where=error > 0)
        near = (signal > COUNTED_NOISE[0]) & (signal < COUNTED_NOISE[1])
        least = COUNTED_SIGNAL * float(np.median(error[near])) if near.any() else math.inf
        counted = (flux > least) & (np.asarray(table["FWHM_IMAGE"]) > SHARP * self._width)
        return int(counted.sum()), least * self._gain / KRON_SHARE / self._exposure

    def detector(self) -> Detector:
        """Return the CCD."""
        usual, (height, width) = CONSTANTS.detector, self._info.shape
        self._take("columns", width, "pixel", "header")
        self._take("rows", height, "pixel", "header")
        pedestal = self._level - self._light / self._gain
        values = self._frame.data[np.isfinite(self._frame.data)]
        floating = (
            self._level < ABOVE_ZERO * self._noise / self._gain
            or self._info.saturation > LARGEST_INTEGER
            or bool(values.max() > LARGEST_INTEGER)
            or bool((values != np.rint(values)).any())
        )
        if self._info.saturation > self._level:
            saturation = self._known("saturation", "ADU", math.nan)
        else:
            well = max(usual.full_well, FULLER * self._light)
            saturation = pedestal + BELOW_FULL * well / self._gain
            saturation = saturation if floating else min(saturation, LARGEST_INTEGER)
            self._take("saturation", saturation, "ADU", f"default: a full well of {well:,.0f} electrons")
        return replace(
            usual,
            width=width,
            height=height,
            pixel_scale=self._scale,
            axis_x=usual.axis_x * width / usual.width,
            axis_y=usual.axis_y * height / usual.height,
            gain=self._gain,
            read_noise=self._read_noise,
            full_well=(saturation - pedestal) * self._gain / BELOW_FULL,
            saturation=saturation,
            pedestal=pedestal,
            floating=floating,
            hot_pixels=round(usual.hot_pixels * width * height / (usual.width * usual.height)),
            bad_columns=round(usual.bad_columns * width / usual.width),
        )

    def cadence(self, exposures: int) -> Cadence:
        """Return when the exposures are taken: an asteroid moves by as many widths of a star between them as usual."""
        usual, sky = CONSTANTS.cadence, CONSTANTS.sky
        slot = self._exposure + usual.readout + usual.overhead
        wanted = usual.cycle * (usual.exposure + usual.readout + usual.overhead)
        wanted *= self._fwhm * self._scale / math.hypot(sky.seeing, sky.seeing_camera)
        cycle = max(1, math.ceil(wanted / slot))
        dither = max(usual.dither_least, DITHER * self._fwhm)
        fields = int(LONGEST_NIGHT / (exposures * cycle * slot))
        self._take("time from one exposure of a field to the next", cycle * slot / 60, "min", "by the seeing")
        return replace(
            usual,
            exposure=self._exposure,
            cycle=cycle,
            fields_per_night=min(max(fields, 1), usual.fields_per_night),
            dither_least=dither,
            dither_most=dither * usual.dither_most / usual.dither_least,
        )

    def sky(self) -> Sky:
        """Return the night: the same sky and seeing in all fields."""
        usual = CONSTANTS.sky
        # A header gives that of 1 ADU in this exposure; the other is of 1 electron/s above the atmosphere.
        other = 2.5 * math.log10(self._gain / self._exposure) + self._lost
        if not math.isnan(self._info.zero_point):
            zero_point = self._known("zero_point", "mag", math.nan) + other
        elif self._number >= FEWEST_COUNTED:
            zero_point = self._magnitude_of(self._surface) + self._lost + 2.5 * math.log10(self._rate)
            origin = f"the usual density of stars: there are {self._number} with a signal of {COUNTED_SIGNAL:g} noises"
            self._take("zero point", zero_point - other, "mag", origin)
        else:
            zero_point = usual.zero_point
            self._take("zero point", zero_point - other, "mag", "default")
        wider = self._fwhm * self._scale / math.hypot(usual.seeing, usual.seeing_camera)
        rate = self._light / (self._exposure * self._scale**2)
        return replace(
            usual,
            zero_point=zero_point,
            sky_brightness=zero_point - 2.5 * math.log10(rate),
            sky_per_airmass=0.0,
            sky_scatter=0.0,
            seeing=usual.seeing * wider,
            seeing_camera=usual.seeing_camera * wider,
            seeing_scatter=0.0,
            seeing_worst=usual.seeing_worst * wider,
        )

    @property
    def _surface(self) -> float:
        """How many stars and galaxies were counted per square degree."""
        return self._number / (self._pixels_known * (self._scale / 3600) ** 2)

    def _magnitude_of(self, surface: float) -> float:
        """Return down to which magnitude there are so many stars and galaxies per square degree, as usual."""
        usual = CONSTANTS
        magnitudes = np.linspace(usual.stars.brightest + 0.5, usual.stars.faintest, 200)
        counts = [star_count(usual.stars, at) + galaxy_count(usual.galaxies, at) for at in magnitudes]
        return float(np.interp(math.log(surface), np.log(counts), magnitudes))

    def filled(self, constants: Constants) -> Constants:
        """Return the constants with as many stars as the frame has, and asteroids that it could show."""
        usual = CONSTANTS
        deeper = self._depth(constants) - _usual_depth()
        faintest = usual.stars.faintest + deeper
        stars = replace(usual.stars, faintest=faintest, brightest=usual.stars.brightest + min(deeper, 0.0))
        galaxies = replace(usual.galaxies, faintest=max(usual.galaxies.faintest + deeper, usual.galaxies.brightest + 1))
        share = self._info.shape[0] * self._info.shape[1] / (usual.detector.width * usual.detector.height)
        asteroids = replace(
            usual.asteroids,
            per_ccd=max(usual.asteroids.per_ccd * share, FEWEST_ASTEROIDS),
            brightest=usual.asteroids.brightest + deeper,
            faintest=usual.asteroids.faintest + deeper,
        )
        return self._as_many(replace(constants, stars=stars, galaxies=galaxies, asteroids=asteroids))

    def _depth(self, constants: Constants) -> float:
        return _depth(constants, self._fwhm, self._noise, self._lost)

    def _as_many(self, constants: Constants) -> Constants:
        """Return the constants with as many stars and galaxies as the frame has, where they can be counted."""
        what, unit = "stars at magnitude 15", "1/(deg^2 mag)"
        if math.isnan(self._info.zero_point) or self._number < FEWEST_COUNTED:
            few = "" if self._number >= FEWEST_COUNTED else f"; only {self._number} can be counted"
            self._take(what, constants.stars.density, unit, f"default{few}")
            return constants
        magnitude = constants.sky.zero_point - self._lost - 2.5 * math.log10(self._rate)
        stars, galaxies = star_count(constants.stars, magnitude), galaxy_count(constants.galaxies, magnitude)
        # More than usual are stars, as near the Milky Way; where there are fewer, there are fewer of both.
        less = min(1.0, self._surface / (stars + galaxies))
        density = constants.stars.density * max((self._surface - galaxies) / stars, less)
        self._take(what, density, unit, f"measured, {self._number} brighter than {magnitude:.1f} mag")
        return replace(
            constants,
            stars=replace(constants.stars, density=density),
            galaxies=replace(constants.galaxies, density=constants.galaxies.density * less),
        )


def _depth(constants: Constants, fwhm: float, noise: float, lost: float) -> float:
    """Return the magnitude at which a star has a signal-to-noise ratio of 5: fwhm in pixels, noise in electrons."""
    steps = np.arange(-40, 41, dtype=np.float32)
    profile = Psf(fwhm, constants.sky.moffat_beta).profile(steps[None, :], steps[:, None])
    electrons = 5 * noise / math.sqrt(float(np.square(profile).sum()))
    return constants.sky.zero_point - lost - 2.5 * math.log10(electrons / constants.cadence.exposure)


def _usual_depth() -> float:
    sky, detector = CONSTANTS.sky, CONSTANTS.detector
    rate = 10 ** (0.4 * (sky.zero_point - sky.sky_brightness)) * detector.pixel_scale**2
    noise = math.sqrt(rate * CONSTANTS.cadence.exposure + detector.read_noise**2)
    fwhm = math.hypot(sky.seeing, sky.seeing_camera) / detector.pixel_scale
    return _depth(CONSTANTS, fwhm, noise, sky.extinction * AIRMASS)
