"""Which parts of a FITS file are the images of CCDs, and which are maps (weights, masks) that go with them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from astropy.io import fits

from ..errors import InputError
from .fits_files import check_whole, each_hdu, readable_header
from .pixels import planes
from .quantities import TEXT_KEYWORDS, text

KINDS = {
    "weight": ("weight", "weights", "wht", "ivm", "ivar", "invvar"),
    "bad": ("bpm", "badpix", "badpixel"),
    "mask": ("mask", "msk", "mskimg", "dq", "flags"),
    "other": ("rms", "var", "variance", "err", "unc", "uncimg", "uncert", "sky", "background"),
}
"""Kinds of maps, and the words for them in the names of files and of extensions."""

_KIND_OF = {word: kind for kind, words in KINDS.items() for word in words}

_WCS = re.compile(
    r"(CTYPE|CRVAL|CRPIX|CDELT|CUNIT|CROTA)\d+[A-Z]?|(CD|PC|PV|PS|WAT)\d+_\d+[A-Z]?"
    r"|(A|B|AP|BP)_(ORDER|DMAX|\d+_\d+)|(WCSAXES|LONPOLE|LATPOLE)[A-Z]?"
)
"""Keywords of coordinates: those of the primary header are not the coordinates of an extension with its own."""


def kind_of_file(stem: str) -> str | None:
    """Return the kind of map that a file holds by the last part of its name (``F1.weight``, ``F1_mask``), or None."""
    return _KIND_OF.get(re.split(r"[._]", stem.lower())[-1])


def kind_of_extension(name: str) -> tuple[str | None, str]:
    """Return the kind of map that an extension holds, or None, and the rest of its name: whose map it is.

    ``WEIGHT``, ``MASK_2``, ``BPM3``, ``CCD1_MASK`` and ``MASK_CCD1`` are maps of "", "2", "3", "ccd1" and "ccd1".
    """
    words = [word for word in re.split(r"[._\s-]+", name.lower()) if word]
    for place, word in reversed(list(enumerate(words))):
        stem, digits = re.fullmatch(r"(.*?)(\d*)", word).groups()  # type: ignore[union-attr]
        if stem in _KIND_OF:
            return _KIND_OF[stem], "_".join([*words[:place], *([digits] if digits else []), *words[place + 1 :]])
    return None, "_".join(words)


def images(hdus: fits.HDUList) -> list[int]:
    """Return the numbers of the HDUs that hold a two-dimensional image (`pixels.planes`), counted from 0."""
    return [number for number, hdu in enumerate(each_hdu(hdus)) if hdu.is_image and planes(hdu.header) == 1]


@dataclass(frozen=True)
class Layout:
    """The CCDs of a file: the numbers of their HDUs and of all images (from 0), and the CCDs' names in a mosaic."""

    ccds: Sequence[int]
    images: Sequence[int]
    names: Sequence[str]

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


def layout_of(path: Path, hdus: fits.HDUList) -> Layout:
    """Find the CCDs of a file.

    Raises
    ------
    InputError
        When there is none, or the file goes on after the last HDU that can be read.
    """
    numbers = images(hdus)
    check_whole(path, hdus)
    ccds = [number for number in numbers if kind_of_extension(hdus[number].name)[0] is None]
    if not ccds:
        problem, action = "has no two-dimensional image", "copy it again or leave it out"
        sizes = ((planes(hdu.header), number) for number, hdu in enumerate(hdus) if hdu.is_image)
        most, number = max(sizes, default=(0, 0))
        if most > 1:
            problem += f": its HDU {number} is a cube of {most} planes"
            action = "write the planes that are frames to files of their own"
        raise InputError(path, problem, expected="the image of a CCD", action=action)
    return Layout(ccds, numbers, _names(hdus, ccds) if len(ccds) > 1 else [""])


def header_of(hdus: fits.HDUList, layout: Layout, number: int) -> fits.Header:
    """Return the header of a CCD's image, with what only the primary header says.

    Coordinates are inherited by the only CCD of a file that has none of its own: several CCDs cannot share them.
    """
    header = readable_header(hdus[number].header)
    if number == 0:
        return header
    primary = readable_header(hdus[0].header)
    if len(layout.ccds) > 1 or "CTYPE1" in header:
        primary = fits.Header([card for card in primary.cards if not _WCS.fullmatch(card.keyword)])
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
