"""Finding and opening FITS files."""

from __future__ import annotations

import os
import warnings
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from astropy.io import fits

from ..console import warn
from ..errors import InputError

SUFFIXES = (".fits", ".fit", ".fts")
ENDINGS = tuple(suffix + packed for packed in (".gz", ".fz", "") for suffix in SUFFIXES)

_EXTENSION = b"XTENSION"

_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    RuntimeError,
    zlib.error,
    fits.VerifyError,
)


def fits_files(folder: Path) -> list[Path]:
    """Return the FITS files in a folder, searched recursively, sorted; hidden files and folders are passed over.

    Links to folders are followed, each folder once: a night that is linked in must not be missed.
    """
    found: list[Path] = []
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, onerror=_unread, followlinks=True):
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files = (Path(place, name) for name in names if name.lower().endswith(ENDINGS) and not name.startswith("."))
        found += [file for file in files if file.is_file()]
    return sorted(found)


def _unread(error: OSError) -> None:
    warn(f"{error.filename}: cannot be read ({error.strerror}); what is in it is left out")


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
    except (*_UNREADABLE, Warning) as error:
        if not path.is_file():
            raise InputError(path, "is not a file", expected="a FITS file") from error
        problem = f"is not a readable FITS file ({_first_line(error)})" if path.stat().st_size else "is empty"
        raise InputError(path, problem, expected="a whole FITS file", action="copy it again or leave it out") from error


def check_whole(path: Path, hdus: fits.HDUList) -> None:
    """Make sure that nothing is left out silently: astropy takes a broken header, or a cut gzip file, for the end.

    Raises
    ------
    InputError
        When an open file goes on after its last HDU that can be read.
    """
    last = hdus.fileinfo(len(hdus) - 1)
    last["file"].seek(last["datLoc"] + last["datSpan"])
    if last["file"].read(len(_EXTENSION)) == _EXTENSION:  # a cut gzip file raises EOFError here
        problem = f"its extension {len(hdus)} cannot be read"
        raise InputError(path, problem, expected="a whole FITS file", action="copy it again or leave it out")


def _first_line(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).strip().splitlines()[0].rstrip(".")
