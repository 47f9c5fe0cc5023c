"""Finding and opening FITS files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from astropy.io import fits

from ..console import warn
from ..errors import CeresFastError, InputError

SUFFIXES = (".fits", ".fit", ".fts")
ENDINGS = tuple(suffix + packed for packed in (".gz", ".fz", "") for suffix in SUFFIXES)

_EXTENSION = b"XTENSION"


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
    """Return a copy of a header, or of some of its keywords, without cards that break the standard beyond reading."""
    cards = []
    for card in header.cards if keywords is None else [header.cards[name] for name in keywords if name in header]:
        with suppress(fits.VerifyError, ValueError):
            card.value, card.comment  # noqa: B018 - astropy reads a card when its value is asked for
            cards.append(card)
    return fits.Header(cards, copy=True)


@contextmanager
def open_fits(path: Path) -> Iterator[fits.HDUList]:
    """Open a FITS file; whatever is wrong with it is raised as an InputError, and odd headers pass silently."""
    try:
        # memmap fails on scaled integers and compressed images, and a mapped slice keeps the whole frame alive.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("error", message=".*truncated")
            # astropy leaves a file that it cannot read open; this one is closed here.
            with path.open("rb") as stream, fits.open(stream, memmap=False) as hdus:
                yield hdus
    except FileNotFoundError as error:
        raise InputError(path, "does not exist", expected="a FITS file") from error
    except (CeresFastError, AssertionError, MemoryError):
        raise
    except Exception as error:  # astropy raises a dozen unrelated types of a damaged file, CFITSIO one of its own
        if not path.is_file():
            raise InputError(path, "is not a file", expected="a FITS file") from error
        problem = f"is not a readable FITS file ({_first_line(error)})" if path.stat().st_size else "is empty"
        raise InputError(path, problem, expected="a whole FITS file", action="copy it again or leave it out") from error


def each_hdu(hdus: fits.HDUList) -> Iterator[fits.PrimaryHDU]:
    """Yield the HDUs of an open file; a broken header with a negative size would give the same ones for ever."""
    place = -1
    for hdu in hdus:
        if (start := hdu.fileinfo()["hdrLoc"]) <= place:
            raise OSError("the size of an extension is negative")
        place = start
        yield hdu


def check_whole(path: Path, hdus: fits.HDUList) -> None:
    """Make sure that nothing is left out silently: astropy takes a broken header, or a cut gzip file, for the end.

    Raises
    ------
    InputError
        When an open file goes on after its last HDU that can be read.
    """
    last = hdus[-1].fileinfo()
    last["file"].seek(last["datLoc"] + last["datSpan"])
    if last["file"].read(len(_EXTENSION)) == _EXTENSION:  # a cut gzip file raises EOFError here
        problem = f"its extension {len(hdus)} cannot be read"
        raise InputError(path, problem, expected="a whole FITS file", action="copy it again or leave it out")


def _first_line(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).strip().splitlines()[0].rstrip(".")
