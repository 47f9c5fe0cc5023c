"""The page: what it is made of, and how it is put together so that no text of others becomes a part of it."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import numpy as np
from astropy.table import Table

from ... import __version__
from ...console import say
from ...errors import InputError
from ...files import write_text
from ...truth.found import MJD_ZERO
from ..detections import Night, read_night
from ..known import known_of
from .cards import cards_of, key_of

PAGE = "review.html"
"""Its name in the output folder, where no other is asked for."""

KNOWN = "known"
"""The folder beside it with answers of the service that knows objects."""

PROVISIONAL = ("Provisional", "Nothing can be called stationary yet, and no guarantee applies.")
"""What is said of a field, and why it must be known."""

_MARK = re.compile(r"\{\{ (\w+) \}\}")
"""What stands in the template for something else."""


def review(
    output: Path, page: Path | None = None, *, known: Path | None = None, observatory: str | None = None
) -> Path:
    """Write the page of a night that was classified.

    Parameters
    ----------
    output : pathlib.Path
        Folder of the night: what `night` or `watch` wrote.
    page : pathlib.Path, optional
        The file; without it ``review.html`` in the folder. It replaces a page that is there, and no other file.
    known, observatory : optional
        Where known objects are looked up, and for whom (`known_of`).

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    CeresFastError
        When the folder holds no night, the file is there and no page, or known objects cannot be looked up as asked
        for.
    """
    page = output / PAGE if page is None else page
    if page.is_file() and not page.read_bytes().startswith(_part("review.html").partition("\n")[0].encode()):
        raise InputError(page, "is there, and no page", expected="a page to replace, or a name that is free")
    night = read_night(output)
    number = write_review(night, page, known_of(night, known, output / KNOWN, observatory=observatory))
    say(f"{number:,} tracklets: {page}. Open it in a browser; keys a and r decide, s saves")
    return page


def write_review(night: Night, page: Path, known: Table) -> int:
    """Write a page of a night's tracklets, whole or not at all, and return how many they are.

    Parameters
    ----------
    night : Night
    page : pathlib.Path
        A file that needs nothing beside it: stamps, style and program are in it, and it fetches nothing.
    known : astropy.table.Table
        As `known_of` returns it.
    """
    cards, problems = cards_of(night, known)
    title = f"Review of {_nights(night)}" if cards else "Review"
    data = {
        "key": key_of(record.name for record in night.records),
        # Of what it is about: tracklets are called by numbers, which another classification gives to others.
        "page": key_of(card["key"] for card in cards),
        "title": title,
        "version": __version__,
        "saved_as": f"decisions-{_nights(night).replace(' ', '-')}.ecsv",
        "notes": _notes(night, problems),
        "cards": cards,
    }
    style, program = (_part(name) for name in ("review.css", "review.js"))
    parts = {
        "title": html.escape(title),
        # The hashes allow these two and nothing else: a text that became markup after all could still do nothing.
        "policy": f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(program)}",
        "style": style,
        "program": program,
        # In JSON a "<" may be written so, and then nothing in it ends the element that it stands in.
        "night": json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
    }
    write_text(page, _MARK.sub(lambda found: parts[found[1]], _part("review.html")))
    return len(cards)


def _notes(night: Night, problems: list[str]) -> list[dict[str, str]]:
    """Return what must be known before anything is decided: a heading and a text each."""
    about: dict[tuple[str, str], list[str]] = {}
    for record in night.records:
        if record.provisional:
            about.setdefault(PROVISIONAL, []).append(record.name)
        for text in record.drift:
            about.setdefault(("Drift", text), []).append(record.name)
        for each in record.exposures:
            if each.why:
                about.setdefault(("Not classified", each.why), []).append(Path(each.frame).name)
    if problems:
        about[("No stamps", "")] = problems
    return [{"about": f"{what}: {'; '.join(names)}", "text": text} for (what, text), names in about.items()]


def _nights(night: Night) -> str:
    """Return the dates of the noons before the exposures, as "2026-11-29"."""
    mjd = np.asarray(night.detections["mjd"], float)
    noons = np.unique(np.floor(mjd[np.isfinite(mjd)] - 0.5))
    dates = [(MJD_ZERO + timedelta(days=int(noon))).date().isoformat() for noon in noons[[0, -1]]] if len(noons) else []
    return " to ".join(dict.fromkeys(dates)) or "a night"


def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return how a policy names a text that stands in the page."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
