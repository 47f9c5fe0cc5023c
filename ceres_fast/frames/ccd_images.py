"""Which parts of a FITS file are the images of CCDs, and which are maps (weights, masks) that go with them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from astropy.io import fits

from ..console import warn_once
from ..errors import InputError
from .camera import GENERIC, Camera, Kind
from .fits_files import check_whole, each_hdu, readable_header
from .headers.cards import word_of
from .headers.quantities import QUANTITIES, TEXT_KEYWORDS, text
from .map_names import NUMBERED, kind_of_extension
from .pixels import planes

_WCS = re.compile(
    r"(CTYPE|CRVAL|CRPIX|CDELT|CUNIT|CROTA)\d+[A-Z]?|(CD|PC|PV|PS|WAT)\d+_\d+[A-Z]?"
    r"|(A|B|AP|BP)_(ORDER|DMAX|\d+_\d+)|(WCSAXES|LONPOLE|LATPOLE)[A-Z]?"
)
"""Keywords of coordinates: those of the primary header are not the coordinates of an extension with its own."""


def images(hdus: fits.HDUList) -> list[int]:
    """Return the numbers of the HDUs that hold a two-dimensional image (`pixels.planes`), counted from 0."""
    return [number for number, hdu in enumerate(each_hdu(hdus)) if hdu.is_image and planes(hdu.header) == 1]


_CELESTIAL = re.compile(r"RA--|DEC-|[A-Z]{1,2}(LON|LAT)-|[A-Z](LON|LAT)")
"""Values of CTYPE1 of coordinates on the sky (FITS standard 4.0, section 8.3)."""

_NO_NAMES = ("", "COMPRESSED_IMAGE")
"""Names of extensions without one: CFITSIO and astropy call those so that they compress."""

_OF_A_CCD = frozenset((*TEXT_KEYWORDS["ccd"], "DETSEC", "CCDSEC", "DATASEC", "AMPSEC", "BIASSEC", "TRIMSEC"))
"""Keywords that only the image of a CCD has."""


_OF_A_DETECTOR = frozenset((*QUANTITIES["gain"].keywords, *QUANTITIES["read_noise"].keywords))
"""Keywords that the image of a CCD has, and maps of it only where all cards are copied."""


class Map(NamedTuple):
    """A map in a file: its kind (`camera.Kind`), and whose it is as its name says, empty where it does not."""

    kind: Kind
    of: str


@dataclass(frozen=True)
class Layout:
    """The CCDs of a file.

    Parameters
    ----------
    ccds, images : sequence of int
        Numbers of the HDUs (from 0) that hold them, and of all that hold images.
    names : sequence of str
        Of the CCDs, in a mosaic.
    maps : mapping of int to Map
        The images that are none of a CCD, by the numbers of their HDUs.
    """

    ccds: Sequence[int]
    images: Sequence[int]
    names: Sequence[str]
    maps: Mapping[int, Map]

    def only(self, path: Path, hdu: int | None) -> int:
        """Return the number of the HDU that was asked for; without one, of the only CCD there is."""
        if hdu is None and len(self.ccds) == 1:
            return self.ccds[0]
        known = ", ".join(f"[{number}]" for number in self.ccds)
        if hdu is None:
            raise InputError(path, f"holds {len(self.ccds)} images", expected=f"one CCD of them to be named: {known}")
        if hdu not in self.ccds:
            raise InputError(f"{path}[{hdu}]", "is not the image of a CCD", expected=f"one of {known}")
        return hdu


def layout_of(path: Path, hdus: fits.HDUList, camera: Camera = GENERIC) -> Layout:
    """Find the CCDs of a file.

    Raises
    ------
    InputError
        When there is none, or the file goes on after the last HDU that can be read.
    """
    numbers = images(hdus)
    check_whole(path, hdus)
    maps = _maps(path, hdus, numbers, camera)
    ccds = [number for number in numbers if number not in maps]
    if not ccds:
        problem, action = "has no two-dimensional image", "copy it again or leave it out"
        if maps:
            names = ", ".join(dict.fromkeys(hdus[number].name or f"[{number}]" for number in maps))
            problem += f" but maps, by their names: {names}"
            action = 'say in a camera\'s profile what they are if they are not ([extensions], "SKY" = "image")'
        sizes = ((planes(hdu.header), number) for number, hdu in enumerate(hdus) if hdu.is_image)
        most, number = max(sizes, default=(0, 0))
        if most > 1:
            problem += f": its HDU {number} is a cube of {most} planes"
            action = "write the planes that are frames to files of their own"
        raise InputError(path, problem, expected="the image of a CCD", action=action)
    return Layout(ccds, numbers, _names(hdus, ccds) if len(ccds) > 1 else [""], maps)


def _maps(path: Path, hdus: fits.HDUList, numbers: Sequence[int], camera: Camera) -> dict[int, Map]:
    """Return which images are maps: by their numbers in the camera's profile, by their names, or as they have none."""
    maps: dict[int, Map] = {}
    by_number = {int(own[1]): kind for name, kind in camera.extensions.items() if (own := NUMBERED.fullmatch(name))}
    for number in numbers:
        kind, of = kind_of_extension(hdus[number].name, camera)
        kind, of = (by_number[number], "") if number in by_number else (kind, of)
        if kind is not None and kind != "image":
            maps[number] = Map(kind, of)
    said = {number for number in numbers if number in maps or number in by_number}
    if unnamed := _unnamed_maps(hdus, [number for number in numbers if number not in said]):
        places = ", ".join(f"[{number}]" for number in unnamed)
        warn_once(
            "unnamed maps",
            f"{path}: its extensions {places} have no names (EXTNAME) and no coordinates of their own beside an image "
            "of their size that has. They are taken for maps of it, as of variance, and are not used; if they are "
            'CCDs or masks, a camera\'s profile can say so ([extensions], "[2]" = "mask"). Other files like it are not '
            "named",
        )
    return maps | dict.fromkeys(unnamed, Map("other", ""))


def _unnamed_maps(hdus: fits.HDUList, numbers: Sequence[int]) -> list[int]:
    """Return the images without a name that show no sky of their own, beside others of the same size that do.

    No two CCDs see the same sky through the same pixels, so a copy of another's coordinates is none of its own. A CCD
    whose coordinates could not be found stands in a mosaic where most others have some; maps come in full sets, and
    after the image that they are of.
    """
    unnamed = {number for number in numbers if number > 0 and hdus[number].name in _NO_NAMES}
    if not unnamed or len(numbers) < 2:
        return []  # reading the headers of all CCDs of a mosaic for each of them takes long
    own: list[int] = []
    found: list[int] = []
    headers = {number: readable_header(hdus[number].header) for number in numbers}
    for number, header in headers.items():
        same_size = [other for other in own if shape_of(headers[other]) == shape_of(header)]
        if number in unnamed and any(_is_copy(headers[other], header) for other in same_size):
            found.append(number)
        elif _CELESTIAL.match(word_of(header, "CTYPE1")):
            own.append(number)
        elif own and number in unnamed and not (_OF_A_CCD | _OF_A_DETECTOR) & set(header):
            found.append(number)
    sizes = {shape_of(headers[number]) for number in own}
    found = [number for number in found if shape_of(headers[number]) in sizes]
    return found if own and len(found) % len(own) == 0 else []


def _is_copy(one: fits.Header, other: fits.Header) -> bool:
    """Tell whether two headers have the same coordinates and CCD, and not detectors that differ."""
    differ = any(one[key] != other[key] for key in _OF_A_DETECTOR if key in one and key in other)
    return _of_ccd(one) == _of_ccd(other) and not differ


def _of_ccd(header: fits.Header) -> list[tuple[str, object]]:
    """Return the cards that no two CCDs of a camera have alike."""
    cards = [(card.keyword, card.value) for card in header.cards if _is_of_a_ccd(card.keyword)]
    return sorted(cards, key=lambda card: card[0])


def _is_of_a_ccd(keyword: str) -> bool:
    return keyword in _OF_A_CCD or _WCS.fullmatch(keyword) is not None


def header_of(hdus: fits.HDUList, layout: Layout, number: int) -> fits.Header:
    """Return the header of a CCD's image, with what only the primary header says: a blank card there says nothing.

    Coordinates are inherited by the only CCD of a file that has none of its own: several CCDs cannot share them.
    """
    header = readable_header(hdus[number].header)
    if number == 0:
        return header
    primary = readable_header(hdus[0].header)
    if len(layout.ccds) > 1 or "CTYPE1" in header:
        primary = fits.Header([card for card in primary.cards if not _WCS.fullmatch(card.keyword)])
    for keyword in [key for key in primary if key and key in header and not word_of(header, key)]:
        del header[keyword]
    header.extend(primary, unique=True, strip=True)
    return header


def shape_of(header: fits.Header) -> tuple[int, int]:
    """Return the shape (ny, nx) of an image."""
    return int(header["NAXIS2"]), int(header["NAXIS1"])


def _names(hdus: fits.HDUList, ccds: Sequence[int]) -> list[str]:
    """Return a name for each CCD of a mosaic: the first of keyword, EXTNAME and number that differs for all of them.

    Only their own headers are read: a DETECTOR in the primary header is that of the whole mosaic.
    """
    keywords = TEXT_KEYWORDS["ccd"]
    by_keyword = [text(readable_header(hdus[number].header, keywords), "ccd").value for number in ccds]
    by_extension = ["" if number == 0 else hdus[number].name for number in ccds]
    for names in (by_keyword, by_extension):
        if all(names) and len(set(names)) == len(ccds):
            return names
    return [str(number) for number in ccds]
