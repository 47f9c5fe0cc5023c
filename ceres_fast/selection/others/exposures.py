"""The other exposures of a field: which of them can tell what is at a place, and what they show there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ...catalogues.detections import Detections
from ...console import warn_once
from ...errors import InputError
from ...frames.camera import GENERIC, Camera
from ...frames.headers.cards import say_doubts
from ...frames.info import FrameInfo
from ...frames.reading import FrameHeader, find_frames, read_headers
from ...frames.sky import to_pixels
from ..apart import minutes_needed
from ..footprints import plane_of
from ..rules import Rules
from .forced import Forced, forced_fluxes
from .images import Image, Images
from .links import BRIGHT, FEWEST, Link, Pointing, Stars, link
from .planes import template_and_difference

MOST_OTHERS = 24
"""At most so many exposures of a field, spread over the night, are looked at for what is at a place, and so many
templates. It bounds time; a median of more gains little."""

FEWEST_OTHERS, MOST_PIXELS = 4, 100_000_000
"""Of large frames so many, or more as long as they have no more pixels than this in all: 4 bytes for each are held."""

MOST_IN_TEMPLATE, SHALLOW = 8, 3.0
"""A template is made of at most so many of them, the deepest, and of none with so many times the noise of the best."""


class Linked(NamedTuple):
    """Another exposure, by its number among a field's exposures and templates; how an exposure lies to it; its FWHM.

    ``left`` is the share of its flux that the slowest asteroid that is wanted would have left there.
    """

    number: int
    image: Image
    link: Link
    seeing: float
    left: float


class OtherExposures:
    """The exposures of one field and CCD, and templates of it, as far as they tell what is at a place at other times.

    An exposure says something of a detection where it was taken so much earlier or later that the slowest asteroid that
    is wanted would have left its place (`minutes_needed`, as in the rule for stationary detections).

    Parameters
    ----------
    exposures : sequence of Detections
        The exposures, with all their detections, by which they are compared.
    rules : Rules
        For the time that is needed, and how much of a template may be missing.
    templates : sequence of FrameHeader
        Frames of known sky (`read_templates`); those that show nothing of the field are not read.
    read : callable
        What makes an image of an exposure.
    """

    def __init__(
        self,
        exposures: Sequence[Detections],
        rules: Rules,
        templates: Sequence[FrameHeader] = (),
        read: Callable[[FrameInfo], Image] = Image.read,
    ) -> None:
        self._exposures, self._rules = exposures, rules
        plane = plane_of(exposures)
        infos = [each.info for each in exposures]
        self._pointings = [
            Pointing(each.wcs, footprint, _scale(each.info))
            for each, footprint in zip(exposures, plane.footprints, strict=True)
        ]
        here = [each for each in templates if _shows(each, exposures)]
        self._infos = infos + [each.info for each in here]
        self._pointings += [Pointing(each.wcs, None, _scale(each.info)) for each in here]
        self._tell = _tell(self._infos, len(infos), rules)
        self._others = _spread(infos) + [len(infos) + each for each in _spread([each.info for each in here])]
        self._images = Images({self._infos[each].place for each in self._others}, read)
        self._unusable: set[int] = set()
        self._linked: dict[int, list[Linked]] = {}

    @property
    def number(self) -> int:
        """How many exposures and templates are looked at."""
        return len(self._others)

    def forced(self, e: int, rows: np.ndarray) -> Forced:
        """Measure the fluxes of the others at the places of some detections (counted from 0) of exposure `e`.

        Raises
        ------
        InputError
            When the pixels of the exposure itself cannot be read.
        """
        exposure = self._exposures[e]
        found = forced_fluxes(self.image(e), self._pairs(e), exposure.x[rows], exposure.y[rows])
        return replace(found, left=np.array([each.left for each in self.links(e)]))

    def planes(self, e: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return template and difference (`template_and_difference`) of some detections of exposure `e`.

        Raises
        ------
        InputError
            When the pixels of the exposure itself cannot be read.
        """
        exposure = self._exposures[e]
        at = exposure.x[rows], exposure.y[rows]
        return template_and_difference(self.image(e), _deepest(self._pairs(e)), *at, self._rules.missing)

    def image(self, e: int) -> Image:
        """Return the image of an exposure, or of a template; raises as `read_frame`."""
        return self._images[self._infos[e]]

    def links(self, e: int) -> list[Linked]:
        """Return the others that tell something of exposure `e`; raises InputError where it cannot be read itself."""
        if e not in self._linked:
            self._linked[e] = self._find_links(e)
        return self._linked[e]

    def _pairs(self, e: int) -> list[tuple[Image, Link]]:
        return [(each.image, each.link) for each in self.links(e)]

    def _find_links(self, e: int) -> list[Linked]:
        exposure, image, here = self._exposures[e], self.image(e), self._pointings[e]
        own = _seeing(exposure.info)
        stars = Stars.of(image, exposure.x, exposure.y, own / here.scale)
        found = []
        for other in self._others:
            if not self._tell[e, other] or other in self._unusable:
                continue
            try:
                there = self.image(other)
            except InputError:
                if other >= len(self._exposures):
                    raise
                # That an exposure cannot be read is said, or ends the work, when it is its turn.
                self._unusable.add(other)
                continue
            if np.array_equal(there.data, image.data):
                warn_once(
                    f"same pixels: {image.info.place}",
                    f"{there.info.place}: has the same pixels as {image.info.place} at another time; one of them says "
                    "nothing of the other. Leave out the copy",
                )
                continue
            seeing = _seeing(self._infos[other], own)
            linked = link(image, there, here, self._pointings[other], stars, max(own, seeing))
            if linked is None:
                warn_once(
                    "exposures that cannot be compared",
                    f"{image.info.place} and {there.info.place}: show fewer than {FEWEST} stars of S/N {BRIGHT:g} at "
                    "the same places, so that the one says nothing of what the other shows: their coordinates may be "
                    "off, or one of them lacks stars. Other such pairs are not named",
                )
            else:
                moved = abs(self._infos[other].mjd - exposure.info.mjd) * 1440 * self._rules.slowest
                left = 0.0 if math.isnan(moved) else linked.left_by_stars(there, stars, moved)
                found.append(Linked(other, there, linked, seeing, left))
        return found


def _deepest(others: Sequence[tuple[Image, Link]]) -> list[tuple[Image, Link]]:
    """Return the exposures that a template is made of: a cloudy one among few would hide what the others show."""
    noise = np.array([other.noise * linked.scale for other, linked in others])
    chosen = np.argsort(noise, kind="stable")[:MOST_IN_TEMPLATE]
    return [others[each] for each in sorted(chosen[noise[chosen] <= SHALLOW * noise.min(initial=np.inf)].tolist())]


def read_templates(paths: Sequence[Path], camera: Camera = GENERIC) -> list[FrameHeader]:
    """Read the headers of frames of known sky, and of all frames in folders of them.

    Raises
    ------
    InputError
        When a file cannot be read, or has no coordinates: nobody could tell what it shows. When it says a time that
        cannot be read: one that is not known is taken for long ago.
    """
    found = []
    for path in find_frames(paths, camera):
        for header in read_headers(path, camera):
            if header.wcs is None:
                raise InputError(
                    header.info.place,
                    f"is a template, and its header has no coordinates{header.info.in_brackets('centre')}",
                    expected="a WCS, which says what the frame shows",
                )
            if why := header.info.why_unknown("mjd"):
                raise InputError(
                    header.info.place,
                    f"is a template, and its header does not say when it was taken ({why})",
                    expected="a time, because what moves slowly is still at its place soon before and after; without "
                    "any card of a time it is taken for one of long ago",
                    action="correct the header",
                )
            found.append(header)
    say_doubts((header.info.place, header.info.doubts) for header in found)
    return found


def _shows(template: FrameHeader, exposures: Sequence[Detections]) -> bool:
    """Tell whether a template shows the place of any detection; an exposure of the field is no template of it."""
    if any(_same_image(template.info, each.info) for each in exposures):
        return False
    ny, nx = template.info.shape
    for each in exposures:
        known = np.isfinite(each.ra) & np.isfinite(each.dec)
        if not known.any():
            continue
        x, y = to_pixels(template.wcs, each.ra[known], each.dec[known])
        if ((x >= 0.5) & (y >= 0.5) & (x <= nx + 0.5) & (y <= ny + 0.5)).any():
            return True
    return False


def _same_image(one: FrameInfo, other: FrameInfo) -> bool:
    """Tell whether two are the same image of the same file, by whatever path."""
    return one.hdu == other.hdu and one.path.resolve() == other.path.resolve()


def _tell(infos: Sequence[FrameInfo], exposures: int, rules: Rules) -> np.ndarray:
    """Return which exposures tell something of another one, bool (n, n): those far enough from it in time.

    A template without a time is one of long ago, for exposures without a time too.
    """
    minutes = np.array([info.mjd for info in infos]) * 1440
    with np.errstate(invalid="ignore"):
        tell: np.ndarray = np.abs(minutes[:, None] - minutes) >= minutes_needed(infos, rules)
    tell[:, exposures:] |= np.isnan(minutes[exposures:])
    np.fill_diagonal(tell, False)
    return tell


def _spread(infos: Sequence[FrameInfo]) -> list[int]:
    """Return at most `MOST_OTHERS` exposures, fewer of large ones, evenly spread in their order in time."""
    order = np.argsort([info.mjd for info in infos], kind="stable")
    largest = max([math.prod(info.shape) for info in infos], default=0)
    most = min(MOST_OTHERS, max(FEWEST_OTHERS, MOST_PIXELS // max(largest, 1)))
    chosen = np.unique(np.linspace(0, len(infos) - 1, min(len(infos), most)).round().astype(int))
    return sorted(order[chosen].tolist())


def _scale(info: FrameInfo) -> float:
    """Return arcsec per pixel, 1 where that is not known."""
    return info.pixel_scale if info.pixel_scale > 0 else 1.0


def _seeing(info: FrameInfo, otherwise: float = math.nan) -> float:
    """Return the FWHM of stars, arcsec; of an exposure that does not say it `otherwise`, or 2.5 pixels."""
    if info.seeing > 0:
        return info.seeing
    return otherwise if otherwise > 0 else 2.5 * _scale(info)
