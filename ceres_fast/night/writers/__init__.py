"""A night written for others: one file per reader, and what they all get in `order`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ...console import warn, warnings_kept
from ...errors import CeresFastError
from ...files import StrPath, atomic_file, refuse_existing
from ..detections import Night
from ..observatory import Observatory, read_observatory
from . import ades_psv, ades_xml, crossobject, difi, ds9, heliolinx, mpc80, thor, votable
from .decided import read_decisions
from .observations import designations
from .order import Files, Order

WRITERS: dict[str, Callable[[Order], Files]] = {
    "crossobject": crossobject.files,
    "heliolinx": heliolinx.files,
    "thor": thor.files,
    "difi": difi.files,
    "ades-psv": ades_psv.files,
    "ades-xml": ades_xml.files,
    "mpc80": mpc80.files,
    "ds9": ds9.files,
    "votable": votable.files,
}
"""By name, what tells of a night which files there are to be, and how each is written."""


def check_outputs(to: Iterable[str], observatory: Observatory | None) -> None:
    """Make sure, before a night begins, that it can be written for others.

    Raises
    ------
    CeresFastError
        When a name is no writer's, or a writer needs an observatory or a package and there is none.
    """
    for name in to:
        if name not in WRITERS:
            raise CeresFastError(f"--to {name}: expected one of {', '.join(WRITERS)}.")
        WRITERS[name](Order(Night(Path()), observatory))


def write_outputs(
    night: Night,
    to: Iterable[str],
    folder: Path,
    observatory: StrPath | Observatory | None = None,
    decisions: StrPath | None = None,
    overwrite: bool = False,
    known: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write a night for others; nothing is sent.

    Parameters
    ----------
    night : Night
        As `read_night` gives it.
    to : iterable of str
        Which of `WRITERS`.
    folder : pathlib.Path
        Where the files go. What cannot be written for want of something is said before any of them is written; each is
        written whole or not at all.
    observatory : path or Observatory, optional
        Who observed. Reports need it; heliolinx, THOR and difi where headers do not say which observatory it was.
    decisions : path, optional
        What a reviewer decided: of tracklets, those that were accepted are meant. Without it those that are kept are.
        Where `known` is not given, the designations in this file are those of known objects.
    overwrite : bool
        Whether files that are there are replaced, also those of an earlier night.
    known : mapping of str to str, optional
        Names of known objects by tracklet, where they were looked for; the empty name is no object's.

    Returns
    -------
    list of pathlib.Path
        The files that were written.

    Raises
    ------
    InputError
        When the observatory's or the reviewer's file is not what it may be, or a catalogue is not there any more.
    CeresFastError
        When a name is no writer's, something that is needed was not given, a file exists, or the disk refuses.
    """
    wanted = list(dict.fromkeys(to))
    if not (observatory is None or isinstance(observatory, Observatory)):
        observatory = read_observatory(Path(observatory))
    decided = None if decisions is None else read_decisions(night, Path(decisions))
    check_outputs(wanted, observatory)
    if known is None and decided is not None:
        known = {name: text for name, text in decided.designations.items() if any(designations(text))}
    order = Order(
        night,
        observatory,
        None if decided is None else decided.accepted,
        {tracklet: name for tracklet, name in (known or {}).items() if name},
        known is not None,
    )
    planned: Files = {}
    with warnings_kept() as said:
        for name in wanted:
            planned |= WRITERS[name](order)
    for message in dict.fromkeys(said):  # of three reports, each says what is in none
        warn(message)
    paths = {folder / name: write for name, write in planned.items()}
    for path in paths:
        refuse_existing(path, overwrite)
    written = []
    for path, write in paths.items():
        if write is None:
            path.unlink(missing_ok=True)
            continue
        with atomic_file(path) as temporary:
            write(temporary)
        written.append(path)
    return written
