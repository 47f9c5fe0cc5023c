"""Finding and opening FITS files."""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from astropy.io import fits

from ..console import warn, warn_once
from ..errors import CeresFastError, InputError

SUFFIXES = (".fits", ".fit", ".fts")
ENDINGS = tuple(suffix + packed for packed in (".gz", ".fz", ".bz2", ".xz", "") for suffix in SUFFIXES)

_EXTENSION = b"XTENSION"
_BLOCK, _CARD = 2880, 80
_LONGEST_HEADER = 100 * _BLOCK

_MISPLACED = re.compile(r"(?!COMMENT|HISTORY)[\w-]{1,8}[ \t]*=[^ ]")
"""A card whose value begins where none may, as in EXPTIME=60: astropy takes it for one without a value."""


def fits_files(folder: Path) -> list[Path]:
    """Return the FITS files in a folder, searched recursively, sorted; hidden files and folders are passed over."""
    return [file for file in files_below(folder) if is_fits_name(file) and not file.name.startswith(".")]


def is_fits_name(path: Path) -> bool:
    """Tell by its name whether a file is FITS, packed or not."""
    return path.name.lower().endswith(ENDINGS)


def warn_unread(error: InputError) -> None:
    """Warn of a folder that cannot be read."""
    warn(f"{error} What is in it is left out")


def files_below(folder: Path, unread: Callable[[InputError], None] = warn_unread) -> list[Path]:
    """Return the files in a folder, searched recursively, sorted; nothing is looked for in hidden folders.

    Links to folders are followed, each folder once: a night that is linked in must not be missed. A link that leads
    nowhere is returned too, as a file that cannot be read: what it meant is missing.

    Parameters
    ----------
    folder : pathlib.Path
        Where to look.
    unread : callable
        Given an error for each folder that cannot be read; a warning by default.
    """

    def refused(error: OSError) -> None:
        problem = f"cannot be read ({error.strerror})"
        unread(InputError(error.filename, problem, expected="a folder", action="make it readable, or leave it out"))

    found: list[Path] = []
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, onerror=refused, followlinks=True):
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files = (Path(place, name) for name in names)
        found += [file for file in files if file.is_file() or not file.exists()]
    return sorted(found)


def frame_stem(path: Path) -> str:
    """Return the name of a frame: the file's name without ``.fits``, ``.fits.fz`` and the like."""
    name = path.name
    for suffix in ENDINGS:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)]
    return path.stem


def readable_header(header: fits.Header, keywords: Collection[str] | None = None) -> fits.Header:
    """Return a copy of a header, or of some of its keywords; a card that breaks the standard is read as text.

    A number with a comma or a date without quotes is present, and not to be taken for absent: who asks for it finds
    that it cannot be read, or reads it. Left out is what has no keyword that can be asked for.
    """
    cards = header.cards if keywords is None else [header.cards[name] for name in keywords if name in header]
    kept = (card if _is_readable(card) else _as_text(card) for card in cards)
    return fits.Header([card for card in kept if card is not None], copy=True)


def writable_header(header: fits.Header, place: Path | str) -> fits.Header:
    """Return a copy of a frame's header that can be written: cards that break the standard beyond repair are left out.

    What can be read is not always what may be written: a keyword with a byte that is not ASCII has a value, too.

    Parameters
    ----------
    header : astropy.io.fits.Header
        As `readable_header` returns it.
    place : pathlib.Path or str
        Whose it is, for a warning.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cards = [_repaired(card) for card in header.cards]
    if lost := [card.keyword for card, repaired in zip(header.cards, cards, strict=True) if repaired is None]:
        more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        warn_once(
            "cards",
            f"{place}: the card {lost[0]!a}{more} of its header may not be written by the FITS standard, and is left "
            "out of what is made from the frame. Other frames with such cards are not named",
        )
    return fits.Header([card for card in cards if card is not None])


def _is_readable(card: fits.Card) -> bool:
    if _MISPLACED.match(card._image or ""):
        return False
    try:
        card.value, card.comment  # noqa: B018 - astropy reads a card when its value is asked for
    except (fits.VerifyError, ValueError):
        return False
    return True


def _as_text(card: fits.Card) -> fits.Card | None:
    # As it stands in the file: `card.image` repairs it first, and raises where it cannot.
    written = "".join(letter for letter in (card._image or "").replace("\t", " ") if " " <= letter <= "~")
    keyword, _, rest = written.partition("=")
    quoted = re.match(r"\s*(['\"])(.*?)\1\s*/?(.*)", rest)
    value, comment = quoted.group(2, 3) if quoted else rest.partition(" /")[::2]
    if not (keyword := keyword.strip()) or keyword.startswith("CONTINUE"):
        return None
    try:
        made = fits.Card(keyword, value.strip(" '"), comment.strip())
    except (fits.VerifyError, ValueError):
        return None
    return made if _is_readable(made) else None


def _repaired(card: fits.Card) -> fits.Card | None:
    """Return a card as the standard has it, None where that cannot be."""
    try:
        card = fits.Card.fromstring(str(card))
        card.verify("silentfix+exception")
        image = str(card)
    except (fits.VerifyError, ValueError):
        return None
    repaired = fits.Card.fromstring(image)
    return repaired if image.isascii() and image.isprintable() and _is_readable(repaired) else None


@contextmanager
def fits_errors(path: Path | str, problem: str = "is not a readable FITS file") -> Iterator[None]:
    """Turn whatever astropy raises of a FITS file into an InputError that names the file and the problem."""
    try:
        yield
    except (CeresFastError, MemoryError):
        raise
    except Exception as error:  # astropy raises a dozen unrelated types, AssertionError too, CFITSIO one of its own
        problem = f"{problem} ({_first_line(error)})"
        raise InputError(path, problem, expected="a whole FITS file", action="copy it again or leave it out") from error


@contextmanager
def open_fits(path: Path) -> Iterator[fits.HDUList]:
    """Open a FITS file; whatever is wrong with it is raised as an InputError, and odd headers pass silently.

    Images have the numbers that are stored: `pixels.pixels` makes ADU of them. A file that is cut off is opened;
    `check_whole` refuses it.
    """
    with fits_errors(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not path.is_file():
            problem = "is not a file" if path.exists() else "does not exist"
            raise InputError(path, problem, expected="a FITS file")
        if not path.stat().st_size:
            raise InputError(path, "is empty", expected="a whole FITS file", action="copy it again or leave it out")
        # astropy leaves a file that it cannot read open; this one is closed here. memmap fails on compressed images,
        # and a mapped slice keeps the whole frame alive.
        with path.open("rb") as stream, fits.open(stream, memmap=False, do_not_scale_image_data=True) as hdus:
            yield hdus


def each_hdu(hdus: fits.HDUList) -> Iterator[fits.PrimaryHDU]:
    """Yield the HDUs of an open file; a broken header with a negative size would give the same ones for ever."""
    place = -1
    for hdu in hdus:
        if (start := hdu.fileinfo()["hdrLoc"]) <= place:
            raise OSError("the size of an extension is negative")
        place = start
        yield hdu


def check_whole(path: Path, hdus: fits.HDUList) -> None:
    """Make sure that nothing is left out silently: astropy takes a broken header, or a cut file, for the end.

    Some cameras do not fill the last block of their files, which harms nothing: that is said once.

    Raises
    ------
    InputError
        When an open file goes on after its last HDU that can be read, or ends before that HDU does.
    """
    *_, hdu = each_hdu(hdus)
    last = hdu.fileinfo()
    file, start, end = last["file"], last["datLoc"], last["datLoc"] + last["datSpan"]
    file.seek(max(end - 1, 0))
    if file.read(1):
        rest = file.read(_LONGEST_HEADER)
        if not rest or not _EXTENSION.startswith(rest[: len(_EXTENSION)]):
            return
        if not _is_empty_header(rest):
            problem = f"its extension {len(hdus)} cannot be read"
            raise InputError(path, problem, expected="a whole FITS file", action="copy it again or leave it out")
    else:
        file.seek(0, os.SEEK_END)  # a cut gzip file raises EOFError here
        there = file.tell() - start
        file.seek(last["hdrLoc"])
        wanted = _data_bytes(fits.Header.fromfile(file))
        if there < wanted:
            cut = f"it is cut off: {max(there, 0):,} of the {wanted:,} bytes of its HDU {len(hdus) - 1} are there"
            problem = f"is not a readable FITS file ({cut})"
            raise InputError(path, problem, expected="a whole FITS file", action="copy it again or leave it out")
    warn_once(
        "padding",
        f"{path}: its last block is not filled to {_BLOCK} bytes, as the FITS standard asks; nothing else is missing, "
        "and it is read. Other files like it are not named",
    )


def _is_empty_header(end: bytes) -> bool:
    """Tell whether a file's last bytes are the whole header of an extension without data, but for its padding."""
    cards = [end[start : start + _CARD] for start in range(0, len(end), _CARD)]
    return cards[-1].rstrip() == b"END" and any(re.match(rb"NAXIS *= +0 *(/|$)", card) for card in cards)


def _data_bytes(header: fits.Header) -> int:
    """Return how long the data of an HDU are, without padding (FITS standard 4.0, equation 2)."""
    axes = [header[f"NAXIS{axis}"] for axis in range(1, header["NAXIS"] + 1)]
    values = math.prod(axes) if axes else 0
    return abs(header["BITPIX"]) // 8 * header.get("GCOUNT", 1) * (header.get("PCOUNT", 0) + values)


def _first_line(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).strip().splitlines()[0].rstrip(".")
