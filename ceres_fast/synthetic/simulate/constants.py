"""Every number of the simulation, with its unit and where it comes from; `docs/simulation.md` lists them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any


def _of(value: Any, unit: str, source: str) -> Any:
    return field(default=value, metadata={"unit": unit, "source": source})


_WFC = "ING, INT Wide Field Camera, camera description page"
_EEV = "ING technical note 119 (two EEV 42-80 chips, the type the WFC has)"
_BENN = "Benn & Ellison 1998, La Palma technical note 115"
_SKADS = "Gladman et al. 2009 (SKADS), Icarus 202, 104, section 8"
_OURS = "choice"
_BOOST = "boosted"


@dataclass(frozen=True)
class Detector:
    """The CCD and its electronics."""

    width: int = _of(2048, "pixel", "columns; INT/WFC archive headers, NAXIS1")
    height: int = _of(4100, "pixel", "rows; archive headers have 4096 of them, the chip 4100; not re-read")
    small: int = _of(1024, "pixel", f"{_OURS}: side of the central window that `--small` renders")
    pixel_scale: float = _of(0.333, "arcsec/pixel", f"usual value; a chip sees 11.2 x 22.5 arcmin ({_WFC})")
    pixel_size: float = _of(13.5, "micrometre", _EEV)
    rotation: float = _of(
        0.4, "deg", f"{_OURS}: chips are not aligned with the sky exactly. North is at -x and east at -y ({_WFC})"
    )
    axis_x: float = _of(1839.0, "pixel", f"optical axis on CCD 4, 1-based column; {_WFC}")
    axis_y: float = _of(3036.0, "pixel", f"optical axis on CCD 4, 1-based row; {_WFC}")
    gain: float = _of(2.8, "electron/ADU", "usual value for the WFC (CASU Wide Field Survey notes); not re-read")
    read_noise: float = _of(6.0, "electron", "between the 3-4 e- of technical note 119 and the 7 e- of noisier chips")
    full_well: float = _of(170_000.0, "electron", f"{_EEV}: 170,000 (CCD 1) and 210,000 (CCD 2)")
    saturation: float = _of(60_000.0, "ADU", "SATURATE of the header: just under full well / gain = 60,714 ADU")
    pedestal: float = _of(0.0, "ADU", f"{_OURS}: added to every pixel; none, as where the bias is subtracted")
    floating: bool = _of(False, "", f"{_OURS}: whether frames hold 32-bit floats instead of 16-bit unsigned integers")
    hot_pixels: int = _of(300, "1/CCD", f"{_EEV} counts 600 (CCD 1) and 55 (CCD 2) bright defects")
    hot_faint: float = _of(60.0, "electron", f"{_OURS}: faintest hot pixel in one exposure, 2.4 times the noise")
    hot_bright: float = _of(30_000.0, "electron", f"{_OURS}: brightest; between the two, uniform in the logarithm")
    hot_flicker: float = _of(0.2, "", f"{_OURS}: share of hot pixels that are on in only some exposures")
    bad_columns: int = _of(4, "1/CCD", f"{_EEV}: seven bad columns (CCD 1) and one (CCD 2)")
    column_dark: float = _of(0.3, "", f"{_OURS}: response of a dark column; half of the bad columns are dark")
    column_faint: float = _of(50.0, "electron", f"{_OURS}: faintest bright column, 2 times the noise")
    column_bright: float = _of(3000.0, "electron", f"{_OURS}: brightest; uniform in the logarithm")
    edge: int = _of(4, "pixel", f"{_OURS}: width of the border where the response falls to a half")
    glow: float = _of(100.0, "electron", f"{_OURS}: light of the output amplifier in the chip's first corner")
    glow_reach: int = _of(12, "pixel", f"{_OURS}: distance over which that falls by e")
    response_gradient: float = _of(0.01, "", f"{_OURS}: peak-to-centre error of the flat field across the frame")


@dataclass(frozen=True)
class Sky:
    """Telescope, site and night."""

    latitude: float = _of(28.762, "deg", "INT/WFC archive headers, LATITUDE")
    longitude: float = _of(-17.8776, "deg", "east positive; INT/WFC archive headers, LONGITUD (counted west there)")
    zero_point: float = _of(
        25.7,
        "mag",
        "r magnitude giving 1 e-/s above the atmosphere: AB zero point 5.48e10 photons/s/m^2 per unit ln(wavelength) x "
        "0.22 (r band) x 4.4 m^2 x 0.38 (mirror, corrector, CCD of 0.75); our estimate, good to 0.2 mag",
    )
    extinction: float = _of(0.09, "mag/airmass", "r at La Palma: from 0.12 in V (ING site quality page)")
    sky_brightness: float = _of(
        20.8, "mag/arcsec^2", f"R = 21.0 at high ecliptic latitude, 0.4 brighter at low ({_BENN}), r - R = +0.2"
    )
    sky_per_airmass: float = _of(0.5, "mag/airmass", f"0.25 mag brighter at airmass 1.5; {_BENN}")
    sky_scatter: float = _of(0.15, "mag", f"{_OURS}: between fields; airglow, solar cycle 0.4 mag in all ({_BENN})")
    sky_gradient: float = _of(0.01, "", f"{_OURS}: relative slope of the sky from centre to edge")
    transparency: float = _of(0.03, "mag", f"{_OURS}: scatter between exposures of a clear night")
    seeing: float = _of(0.85, "arcsec", "median FWHM of the air in r; 0.80 at the WHT (ING site quality page)")
    seeing_camera: float = _of(0.80, "arcsec", f"{_OURS}: FWHM of corrector, pixels and guiding, added in squares")
    seeing_scatter: float = _of(0.25, "", f"{_OURS}: of the air, log-normal, between fields")
    seeing_jitter: float = _of(0.07, "", f"{_OURS}: of the air, log-normal, between exposures of a field")
    seeing_worst: float = _of(2.2, "arcsec", f"{_OURS}: truncation; surveys stop there")
    moffat_beta: float = _of(
        2.5, "", "Moffat 1969 profile; 2.5 is a usual exponent of measured star images (IRAF's default); not re-read"
    )
    ellipticity: float = _of(0.05, "", f"{_OURS}: largest ellipticity of star images, from guiding and focus")


@dataclass(frozen=True)
class Cadence:
    """When and where the telescope points."""

    first_night: int = _of(58782, "MJD", f"{_OURS}: 2019-10-26, near new moon; first training night")
    held_out_night: int = _of(58754, "MJD", f"{_OURS}: 2019-09-28, new moon; the held-out night")
    fields_per_night: int = _of(4, "1/night", f"{_OURS}: so that a small survey has several nights")
    exposure: float = _of(60.0, "s", "as in EURONEAR/NEARBY surveys at the INT (1 to 2 min); not re-read")
    readout: float = _of(49.0, "s", "WFC slow readout; not re-read")
    overhead: float = _of(15.0, "s", f"{_OURS}: slew and settling")
    cycle: int = _of(
        3, "pointings", f"{_OURS}: neighbouring pointings observed in turn, so that asteroids move between"
    )
    dither_least: float = _of(10.0, "pixel", f"{_OURS}: more than any star's width, so hot pixels move on the sky")
    dither_most: float = _of(20.0, "pixel", f"{_OURS}: little sky is lost at the edges")
    elongation: float = _of(12.0, "deg", f"{_OURS}: fields lie within this of opposition, in longitude")
    latitude: float = _of(3.0, "deg", f"{_OURS}: and within this of the ecliptic")


@dataclass(frozen=True)
class Stars:
    """Counts at mid galactic latitude: two exponentials that meet."""

    density: float = _of(
        113.0, "1/(deg^2 mag)", "r = 15 at galactic latitude 45 deg; Bahcall & Soneira 1980 model; not re-read"
    )
    knee: float = _of(15.0, "mag", "where the slope of the counts flattens; Bahcall & Soneira 1980; not re-read")
    slope_bright: float = _of(
        0.30, "dex/mag", "all-sky counts between 12 and 16 have 0.37 (Tycho-2, UCAC4), high latitudes less"
    )
    slope_faint: float = _of(0.17, "dex/mag", "Bahcall & Soneira 1980; not re-read")
    brightest: float = _of(8.0, "mag", f"{_OURS}: fields avoid brighter stars")
    faintest: float = _of(24.0, "mag", f"{_OURS}: more than a magnitude below the limit of one exposure")
    margin: float = _of(60.0, "pixel", f"{_OURS}: stars this far outside the frame are rendered too")


@dataclass(frozen=True)
class Galaxies:
    """Counts, sizes and shapes."""

    density: float = _of(1100.0, "1/(deg^2 mag)", "r = 20; Yasuda et al. 2001, SDSS commissioning counts; not re-read")
    slope: float = _of(
        0.38, "dex/mag", "between Yasuda et al. 2001 (r < 21) and Metcalfe et al. 2001 (to R = 25); not re-read"
    )
    brightest: float = _of(15.0, "mag", f"{_OURS}")
    faintest: float = _of(24.0, "mag", f"{_OURS}: more than a magnitude below the limit of one exposure")
    radius: float = _of(
        0.55, "arcsec", "median half-light radius at r = 22; HST sizes (Griffith et al. 2012); not re-read"
    )
    radius_slope: float = _of(-0.13, "dex/mag", "of the radius; same; not re-read")
    radius_scatter: float = _of(0.20, "dex", "of the radius; Shen et al. 2003 give 0.13 to 0.22; not re-read")
    spirals: float = _of(0.75, "", "share with an exponential profile; the others are de Vaucouleurs. Choice")
    flattest_spiral: float = _of(0.20, "", "least axis ratio (uniform to 1): randomly inclined disks")
    flattest_elliptical: float = _of(0.50, "", "least axis ratio (uniform to 1): type E5")


@dataclass(frozen=True)
class Asteroids:
    """How many, how bright, how fast."""

    per_ccd: float = _of(
        250.0, "1/CCD", f"{_BOOST}: the real ecliptic has 21 to this magnitude (see `real_density` and `slope`)"
    )
    real_density: float = _of(210.0, "1/deg^2", f"brighter than R = 23 at opposition on the ecliptic; {_SKADS}")
    slope: float = _of(0.27, "dex/mag", f"of the cumulative counts; {_SKADS}")
    brightest: float = _of(16.0, "mag", f"{_OURS}")
    faintest: float = _of(
        23.5, "mag", f"{_OURS}: more than a magnitude below what one exposure finds half of, as the counts go on"
    )
    inclination: float = _of(7.0, "deg", "Rayleigh scale; main-belt inclinations have a median of 8 deg; not re-read")
    eccentricity: float = _of(0.12, "", "Rayleigh scale; main-belt eccentricities have a median of 0.14; not re-read")
    near_earth: float = _of(0.05, "", f"{_BOOST}: share of fast objects; on the sky less than 0.01")
    near_earth_slowest: float = _of(1.0, "arcsec/min", f"{_OURS}: rates uniform in the logarithm, any direction")
    near_earth_fastest: float = _of(10.0, "arcsec/min", f"{_OURS}: a trail of 30 pixels, as long as a stamp")
    amplitude: float = _of(
        0.15, "mag", "mean half-amplitude of the light curve (exponential); Warner et al. 2009; not re-read"
    )
    period_shortest: float = _of(
        3.0, "h", "rotation, uniform; the spin barrier is 2.2 h (Warner et al. 2009); not re-read"
    )
    period_longest: float = _of(12.0, "h", "rotation, uniform; Warner et al. 2009; not re-read")


@dataclass(frozen=True)
class Events:
    """What is in one exposure only."""

    cosmic_rays: float = _of(
        3.5,
        "1/(cm^2 min)",
        "between 2.4 +- 0.3 (ESO optical detector team, FORS2's EEV chip) and 5 (DES, expected for DECam at 2200 m)",
    )
    silicon: float = _of(
        16.0, "micrometre", "thickness of a thinned chip's sensitive layer (e2v 42-80 data sheet); not re-read"
    )
    deposit: float = _of(
        80.0, "electron/micrometre", "minimum ionising particle in silicon (Particle Data Group); not re-read"
    )
    diffusion: float = _of(
        0.35, "pixel", "rms spread of charge in a thinned back-illuminated chip, about 5 micrometre; not re-read"
    )
    worms: float = _of(
        0.25, "", f"share that are scattered electrons, not straight tracks; after Groom 2002. {_OURS}; not re-read"
    )
    landau_width: float = _of(0.2, "", f"relative width of the energy loss (Moyal's form of Landau's law); {_OURS}")
    worm_bend: float = _of(0.35, "rad", f"{_OURS}: rms change of direction of those every quarter of a pixel")
    worm_length: float = _of(8.0, "pixel", f"{_OURS}: mean length of those (exponential); Groom 2002 shows such")
    satellites: float = _of(
        0.3, "1/exposure", f"{_BOOST}: some ten times what a chip saw in a minute before the large constellations"
    )
    satellite_faint: float = _of(20.0, "electron/pixel", f"{_OURS}: faintest ridge of a trail, near the noise")
    satellite_bright: float = _of(3000.0, "electron/pixel", f"{_OURS}: brightest; uniform in the logarithm")
    satellite_tumbling: float = _of(0.3, "", f"{_OURS}: share that flash, and so break into short pieces")
    satellite_period: float = _of(60.0, "pixel", f"{_OURS}: shortest distance between two flashes")
    ghost_limit: float = _of(12.0, "mag", f"{_OURS}: fainter stars' ghosts are lost in the noise")
    ghost_flux: float = _of(0.004, "", "two reflections of 0.06 each at uncoated or aged surfaces; choice")
    ghost_radius: float = _of(
        45.0, "pixel", f"{_OURS}: outer radius of the out-of-focus pupil; a second one has twice it"
    )
    ghost_near: float = _of(1.06, "", f"{_OURS}: distance from the optical axis over the star's, first ghost")
    ghost_far: float = _of(0.85, "", f"{_OURS}: the same of the second ghost")
    ghost_hole: float = _of(0.40, "", "inner over outer radius: the shadow of the prime-focus camera")


@dataclass(frozen=True)
class Constants:
    """All of them, by component; replace one with `dataclasses.replace`."""

    detector: Detector = Detector()
    sky: Sky = Sky()
    cadence: Cadence = Cadence()
    stars: Stars = Stars()
    galaxies: Galaxies = Galaxies()
    asteroids: Asteroids = Asteroids()
    events: Events = Events()

    @property
    def area(self) -> float:
        """Sky area of a whole CCD, in square degrees."""
        detector = self.detector
        return detector.width * detector.height * (detector.pixel_scale / 3600) ** 2

    @property
    def boost(self) -> float:
        """How many times more asteroids than on the real ecliptic, at the same limiting magnitude."""
        real = self.asteroids.real_density * 10 ** (self.asteroids.slope * (self.asteroids.faintest - 23.0))
        return self.asteroids.per_ccd / (real * self.area)

    def as_dict(self) -> dict[str, dict[str, float]]:
        """Return all values, by component and name."""
        return asdict(self)

    def rows(self) -> list[tuple[str, str, float, str, str]]:
        """Return (component, name, value, unit, source) of every constant."""
        return [
            (group.name, item.name, getattr(part, item.name), item.metadata["unit"], item.metadata["source"])
            for group in fields(self)
            for part in [getattr(self, group.name)]
            for item in fields(part)
        ]


CONSTANTS = Constants()
"""The constants every simulated survey uses."""
