"""By what names maps (weights, masks, variances …) are known: those of files beside a frame and of extensions."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from astropy.io import fits

from .camera import GENERIC, Camera, Kind
from .fits_files import ENDINGS, frame_stem

KINDS: Mapping[Kind, str] = {
    "weight": "weight weights weightmap wht wgt wei ivm ivar invvar wtmap conf confmap",
    "bad": "bpm badpix badpixel badpixels",
    "mask": "mask masks msk mskimg bimsk dq dqmask flag flags flg",
    "other": "rms var variance err error unc uncimg uncert uncertainty sky background bkg wt expmap expwt ctx area seg "
    "segm segmap segmentation objmask wcsdvarr d2imarr samp time con cov coverage std stdev sigma psf psfimage "
    "diffimgpsf sciimgdaopsfcent thumb thumbnail",
}
"""Kinds of maps, and the words for them in the names of files and of extensions. A "wt" is a weight to some and a
variance to others (Pan-STARRS), "conf" the confidence of CASU's pipeline, WCSDVARR and D2IMARR hold distortions, SAMP
and TIME (HST) how often and how long, CON (JWST) from which exposures, and a PSF is a picture, but not of the sky."""

_KIND_OF: Mapping[str, Kind] = {word: kind for kind, words in KINDS.items() for word in words.split()}

UNSURE = frozenset(
    (
        *("area", "con", "conf", "cov", "coverage", "ctx", "flag", "flg", "psf", "samp", "seg", "sigma", "std"),
        *("stdev", "thumb", "thumbnail", "time", "wei", "wt"),
    )
)
"""Words with other meanings too: in the name of a file they are those of maps only beside a frame."""

IMAGE_WORDS = ("sciimg", "sci", "science", "image", "img", "int")
"""Words for the picture itself, which stand in the name of a frame where those for maps stand in theirs."""

PRODUCTS: Mapping[str, Kind] = {"dqmask": "mask", "wtmap": "weight", "expmap": "other"}
"""Values of PRODTYPE in the headers of maps that NOIRLab's pipelines make."""

_NOIRLAB = re.compile(r"(?<![a-z0-9])(\d{6}_\d{6}_[a-z][a-z])([a-z])(?![a-z0-9])")
"""Date, time, and letters for the kind of observation (o: object), the processing (o: InstCal, p: projected, s:
stacked …) and the product: ``c4d_190928_230000_ooi_r_v1``."""

_NOIRLAB_PRODUCTS: Mapping[str, Kind] = {"d": "mask", "w": "weight", "e": "other"}

_LAST = re.compile(r"(.+)([._-])([a-z0-9]+)")
_WORD = re.compile(r"(?<![^._-])[a-z0-9]+(?=[._-])")

NUMBERED = re.compile(r"\[(\d+)\]")
"""How a profile names an extension by its number."""


MOST_KEPT = 1 << 16
"""Names of files of which it is kept what they say: more than a folder has, all of which are gone through in turn."""


class MapName(NamedTuple):
    """What the name of a file may say.

    Attributes
    ----------
    kind : str
        What the file holds (`camera.Kind`).
    frames : tuple of str
        What its frame may be called, the likeliest first: stems of files in small letters.
    sure : bool
        Whether the name is that of a map even where no such frame is there.
    """

    kind: Kind
    frames: tuple[str, ...]
    sure: bool


@lru_cache(maxsize=MOST_KEPT)
def map_names(stem: str, camera: Camera = GENERIC) -> tuple[MapName, ...]:
    """Return what the name of a file may say of the map in it, the likeliest first; nothing for most frames.

    Kept, because each CCD of a mosaic looks for its maps among all files of a folder.
    """
    return tuple(_map_names(stem.lower(), camera))


def _map_names(stem: str, camera: Camera) -> Iterator[MapName]:
    for each in camera.files:
        there, frame = each["map"].lower(), each["frame"].lower()
        if stem.endswith(there) if not frame else there in stem:
            starts = (
                [len(stem) - len(there)] if not frame else [hit.start() for hit in re.finditer(re.escape(there), stem)]
            )
            yield MapName(each["kind"], tuple(stem[:at] + frame + stem[at + len(there) :] for at in starts), True)
    if (found := _NOIRLAB.search(stem)) and (kind := _NOIRLAB_PRODUCTS.get(found[2])):
        yield MapName(kind, tuple(stem[: found.start(2)] + image + stem[found.end(2) :] for image in "ij"), True)
    if (last := _LAST.fullmatch(stem)) and (kind := _KIND_OF.get(last[3])):
        images = tuple(f"{last[1]}{last[2]}{word}" for word in IMAGE_WORDS)
        # A hyphen is usual inside names: M31-sky.fits is a map only beside M31.fits.
        yield MapName(kind, (last[1], *images), last[2] != "-" and last[3] not in UNSURE)
    for word in _WORD.finditer(stem):
        if kind := _KIND_OF.get(word[0]):
            images = tuple(stem[: word.start()] + image + stem[word.end() :] for image in IMAGE_WORDS)
            # weight_F1 is a map of F1, and of image_F1.
            yield MapName(kind, (*images, *([] if word.start() else [stem[word.end() + 1 :]])), False)


def kind_of_file(
    stem: str, camera: Camera = GENERIC, is_there: Callable[[str], bool] = lambda stem: False
) -> Kind | None:
    """Return the kind of map that a file holds, by its name, or None where it is a frame.

    Parameters
    ----------
    stem : str
        Its name without suffix: ``F1.weight``, ``F1_mask``, ``c4d_190928_230000_oow_r_v1``.
    camera : Camera
        Which other names there are.
    is_there : callable
        Whether a file with another stem (in small letters) is beside it: some names are those of maps only then.
    """
    for name in map_names(stem, camera):
        if name.sure or any(map(is_there, name.frames)):
            return None if name.kind == "image" else name.kind
    return None


def maps_of(path: Path, camera: Camera = GENERIC) -> dict[Path, Kind]:
    """Return the files of maps beside a frame, in the order of their names, and their kinds."""
    # As text, because making paths of all files of a night takes longer than the rest.
    stems = {name: stem for name in os.listdir(path.parent) if (stem := _stem(name))}  # noqa: PTH208
    own = frame_stem(path).lower()
    there = {own, *stems.values()}
    found: dict[str, Kind] = {}
    for file, stem in stems.items():
        for name in map_names(stem, camera):
            frame = next((frame for frame in name.frames if frame in there), None)
            if frame is not None:
                if frame == own != stem and name.kind != "image":
                    found[file] = name.kind
                break
    return {path.with_name(file): found[file] for file in sorted(found)}


@lru_cache(maxsize=MOST_KEPT)
def _stem(name: str) -> str:
    """Return the name of a FITS file without suffix, in small letters; empty for hidden and other files."""
    lower = name.lower()
    ending = next((ending for ending in ENDINGS if lower.endswith(ending)), "")
    return lower[: -len(ending)] if ending and not name.startswith(".") else ""


def kind_of_extension(name: str, camera: Camera = GENERIC) -> tuple[Kind | None, str]:
    """Return the kind of map that an extension holds, or None, and the rest of its name: whose map it is.

    ``WEIGHT``, ``MASK_2``, ``BPM3``, ``CCD1_MASK`` and ``MASK_CCD1`` are maps of "", "2", "3", "ccd1" and "ccd1". Words
    of the camera come first; they may be several, as in ``DATA_QUALITY``.
    """
    words = _words(name)
    for own, kind in camera.extensions.items():
        wanted = _words(own)
        for place in range(len(words) - len(wanted) + 1) if not NUMBERED.fullmatch(own) else ():
            stem, digits = _split_digits(words[place + len(wanted) - 1])
            last = {words[place + len(wanted) - 1]: "", stem: digits}
            if words[place : place + len(wanted) - 1] == wanted[:-1] and wanted[-1] in last:
                rest = _rest(words[:place], last[wanted[-1]], words[place + len(wanted) :])
                return (None, "_".join(words)) if kind == "image" else (kind, rest)
    for place, word in reversed(list(enumerate(words))):
        stem, digits = _split_digits(word)
        if stem in _KIND_OF:
            return _KIND_OF[stem], _rest(words[:place], digits, words[place + 1 :])
    return None, "_".join(words)


def bare_name(name: str) -> str:
    """Return the name of an extension without the words for the picture: ``SCI_A``, whose map is ``DQ_A``, is "a"."""
    return "_".join(word for word in _words(name) if word not in IMAGE_WORDS)


def kind_of_product(header: fits.Header) -> Kind | None:
    """Return the kind of map that a file holds by PRODTYPE in its primary header, None where that does not say so."""
    return PRODUCTS.get(str(header.get("PRODTYPE", "")).strip().lower())


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[._\s-]+", name.lower()) if word]


def _split_digits(word: str) -> tuple[str, str]:
    stem = word.rstrip("0123456789")
    return stem, word[len(stem) :]


def _rest(before: Iterable[str], digits: str, after: Iterable[str]) -> str:
    return "_".join([*before, *([digits] if digits else []), *after])
