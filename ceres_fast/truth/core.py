"""Reading a truth file: which known asteroids were observed where and when."""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from astropy.coordinates import angular_separation
from astropy.table import Table

from ..console import warn
from ..errors import InputError, OnError, Problems
from ..files import atomic_file
from ..stamps import measured_magnitudes
from . import ades_psv, ades_xml, mpc80, observatories, tables
from .designations import canonical
from .found import FIRST_CCD, MJD_ZERO, Found, Observation, Remark, UnusableError, code, is_other, observation

COUNTS = {
    "truth_lines_skipped": "lines of the truth file that cannot be used",
    "truth_lines_elsewhere": "lines of the truth file that cannot be used, of other observatories than the chosen one",
    "truth_not_positions": "observations in the truth file that are no positions (radar, offset, occultation)",
    "truth_before_ccds": f"observations in the truth file from before {FIRST_CCD.year}, when no telescope had a CCD",
    "truth_no_asteroids": "observations in the truth file of comets and satellites: known, but not validated",
    "truth_duplicates": "observations in the truth file that are there twice",
    "truth_contradictions": "observations in the truth file of one object at one time in two places",
    "truth_elsewhere": "observations in the truth file by other observatories, of objects that the chosen one observed",
    "truth_only_elsewhere": "observations in the truth file of objects that only other observatories observed",
}
"""What `read_truth` counts."""

SAME_TIME = 1.0
"""Observations of one object closer in time than this (s) are of one time: MPC reports round times to 0.9 s."""

SAME_PLACE = 2.0
"""And closer than this (arcsec), of one place."""

DOS_END = b"\x1a"
"""What DOS wrote at the end of a text; copying texts into one leaves it between them."""

ACTION = "correct or remove it, or pass --on-error skip to leave such lines out"


class Format(NamedTuple):
    """A format of truth files."""

    name: str
    tells: Callable[[str], bool]
    rows: Callable[[str], Iterator[Found | Remark]]


FORMATS = (
    Format("ADES XML", ades_xml.tells, ades_xml.rows),
    Format("ADES PSV", ades_psv.tells, ades_psv.rows),
    Format("MPC 80-column", mpc80.tells, mpc80.rows),
    Format("table", tables.tells, tables.rows),
)
"""The formats, recognised by content: the first that recognises the text reads it."""


def read_truth(path: Path, *, observatory: str | None = None, on_error: OnError = "stop") -> Table:
    """Read the observations of known asteroids.

    Parameters
    ----------
    path : pathlib.Path
        MPC 80-column, ADES PSV, ADES XML, or a table with a header (CSV, ECSV or what astropy recognises); the format
        is recognised by the content.
    observatory : str, optional
        Code of the observatory that took the frames. Its observations are used, and those that name none. Of objects
        that only others observed it is known that they exist, but from elsewhere they are seen some arcsec away: they
        are kept as not validated. Lines of others that cannot be used are counted.
    on_error : {"stop", "skip"}
        Whether a line that cannot be used ends the work or is left out and counted.

    Returns
    -------
    astropy.table.Table
        In the order of time. ``designation`` (str, as `designations.canonical` spells it), ``mjd`` (UTC), ``ra``,
        ``dec`` (deg, J2000), ``magnitude``, ``rate`` (arcsec/min), ``position_angle`` (deg, N through E; NaN where
        not known), ``validated`` (bool; true where the file does not say; false for comets and satellites),
        ``observatory`` (str, empty where not known). ``meta["counts"]`` is a Counter (`COUNTS`), ``meta["path"]`` the
        file. Observations from before `FIRST_CCD` are in it only where there are no others.

    Raises
    ------
    InputError
        When the file cannot be read, has no observation, lacks a column, has a line that cannot be used, an object
        at one time in two places, or observations of several observatories and none is chosen.
    """
    text = _text(path)
    observatory = None if observatory is None else code(observatory)
    counts: Counter[str] = Counter()
    problems = Problems(on_error)
    table = _of_ccds(_observations(path, text, observatory, problems, counts), counts)
    table = _of_observatory(table[np.argsort(table["mjd"], kind="stable")], observatory, path, counts)
    table = _without_copies(table, path, problems, counts)
    table.remove_columns(["place", "withdrawn"])
    table["magnitude"] = measured_magnitudes(table["magnitude"])
    table.meta = {"path": str(path), "counts": +counts}
    return table


def write_truth(table: Table, path: Path) -> None:
    """Write observations as a CSV table that `read_truth` reads."""
    with atomic_file(path) as temporary:
        table.write(temporary, format="ascii.csv", overwrite=True)


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})", expected="a truth table") from error
    if content.startswith((BOM_UTF16_BE, BOM_UTF16_LE)):  # as PowerShell writes what a program prints
        content = content.decode("utf-16", errors="replace").encode()
    content = content.replace(DOS_END, b"")
    if not content.strip():
        raise InputError(path, "is empty", expected="observations of known asteroids")
    if b"\0" in content:
        raise InputError(path, "is no text", expected="observations of known asteroids, as text")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")  # names of observers in old reports; every byte is a character of it
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _observations(path: Path, text: str, observatory: str | None, problems: Problems, counts: Counter[str]) -> Table:
    """Return the observations in the order of the file, with the column ``place``: where in the file."""
    form = next(form for form in FORMATS if form.tells(text))
    rows: list[Observation] = []
    places: list[str] = []
    numbered: dict[str, str] = {}
    unknown: Counter[str] = Counter()
    bad = ""
    try:
        for found in form.rows(text):
            if isinstance(found, Remark):
                warn(f"{path}, {found.place}: {found.text}")
                continue
            if found.values is None:
                counts["truth_not_positions"] += 1
                continue
            try:
                row = _observation(found.values, observatory)
            except UnusableError as error:
                if observatory is not None and _code_of(found) not in ("", observatory):
                    counts["truth_lines_elsewhere"] += 1
                    continue
                bad = bad or f"that can be used; {_place(found.place)} {error.problem}"
                problems.report(_input_error(path, error, found.place), counts, "truth_lines_skipped")
                continue
            rows.append(row)
            places.append(_place(found.place))
            if not isinstance(found.values, str):
                counts["truth_no_asteroids"] += is_other(row.designation, found.values)
                if found.values.get("permID") and found.values.get("provID"):
                    numbered[canonical(found.values["provID"])] = canonical(found.values["permID"])
            if row.observatory not in ("", observatory) and not observatories.exists(row.observatory):
                unknown[row.observatory] += 1
    except UnusableError as error:
        raise InputError(path, error.problem, row=error.place, expected=error.expected) from error
    if not rows:
        raise InputError(path, f"has no rows {bad}".strip(), expected=f"observations of asteroids ({form.name})")
    if unknown:
        codes = ", ".join(f"{unlisted}: {number}" for unlisted, number in unknown.most_common(10))
        warn(
            f"{path}: {observatories.source()} does not have the codes of some observations ({codes}); they are taken "
            "as those of other observatories"
        )
    # One line may name an object by its number, another by the designation it had before.
    rows = [row._replace(designation=numbered.get(row.designation, row.designation)) for row in rows]
    return Table([*zip(*rows, strict=True), places], names=[*Observation._fields, "place"])


def _observation(values: Mapping[str, str] | str, observatory: str | None) -> Observation:
    if isinstance(values, str):
        raise UnusableError(values)
    result = observation(values)
    # Where ours is named, any other code is that of another observatory, though it may be newer than our list.
    if observatory is None and result.observatory != "" and not observatories.exists(result.observatory):
        raise UnusableError(
            f"has the observatory code {result.observatory}, which is not known to {observatories.source()}",
            "a code of the MPC's list; where it is newer, or yours, pass --observatory with the code of yours",
        )
    return result


def _code_of(found: Found) -> str:
    """Return whose observation it is that cannot be used, as far as that can be read."""
    if isinstance(found.values, Mapping):
        return code(found.values.get("stn", found.values.get("observatory", "")))
    return found.observatory


def _place(place: int | str) -> str:
    return f"row {place}" if isinstance(place, int) else place


def _input_error(path: Path, error: UnusableError, place: int | str) -> InputError:
    return InputError(path, error.problem, row=place, expected=error.expected, action=ACTION)


def _of_ccds(table: Table, counts: Counter[str]) -> Table:
    """Leave out observations from before there were CCDs, unless all are: then the frames are scanned plates."""
    old = np.asarray(table["mjd"]) < (FIRST_CCD - MJD_ZERO).days
    if old.all():
        return table
    counts["truth_before_ccds"] += int(old.sum())
    return table[~old]


def _of_observatory(table: Table, observatory: str | None, path: Path, counts: Counter[str]) -> Table:
    """Choose the observations of one observatory; objects seen from elsewhere only are kept as not validated."""
    codes = Counter(table["observatory"].tolist())
    del codes[""]
    if observatory is None and len(codes) < 2:
        return table
    there = ", ".join(f"{observatories.describe(code)}: {number}" for code, number in codes.most_common(10))
    if observatory is None:
        raise InputError(
            path,
            f"has observations of {len(codes)} observatories ({there})",
            expected="those of the one that took the frames: seen from elsewhere, an asteroid is some arcsec away",
            action=f"pass --observatory {codes.most_common(1)[0][0]}, or the code that is yours",
        )
    elsewhere = ~np.isin(table["observatory"], ("", observatory))
    if elsewhere.all():
        raise InputError(path, f"has no observation by {observatories.describe(observatory)}; it has {there}")
    ours = np.isin(table["designation"], table["designation"][~elsewhere])
    counts["truth_elsewhere"] += int((elsewhere & ours).sum())
    counts["truth_only_elsewhere"] += int((elsewhere & ~ours).sum())
    table["validated"] &= ~elsewhere
    return table[~elsewhere | ~ours]


def _without_copies(table: Table, path: Path, problems: Problems, counts: Counter[str]) -> Table:
    """Leave out observations that are there twice, and report those of one object at one time in two places.

    Where such are not refused, neither can be trusted: they are objects of their own then, not validated. So is each
    withdrawn observation: whatever is seen there, the path of the asteroid does not lead through it.
    """
    order = np.lexsort((~table["validated"], table["mjd"], table["designation"]))
    names, mjd, ra, dec = (np.asarray(table[name])[order] for name in ("designation", "mjd", "ra", "dec"))
    same = (names[1:] == names[:-1]) & (np.diff(mjd) * 86400 <= SAME_TIME)
    ra, dec = np.radians(ra), np.radians(dec)
    near = np.degrees(angular_separation(ra[1:], dec[1:], ra[:-1], dec[:-1])) * 3600 <= SAME_PLACE
    # A correction may be a moment later than what it replaces, and is what stays.
    replaced = ~np.asarray(table["validated"])[order]
    copies = np.where(replaced[:-1] & ~replaced[1:], order[:-1], order[1:])[same & near]
    counts["truth_duplicates"] += len(copies)
    designation = table["designation"].astype(object)
    apart = set(np.flatnonzero(table["withdrawn"]).tolist())
    for one, other in zip(order[:-1][same & ~near], order[1:][same & ~near], strict=True):
        if table["validated"][one] and table["validated"][other]:
            problem = (
                f"{table['designation'][one]} is there at one time in two places, here and in {table['place'][one]}"
            )
            error = UnusableError(problem, "one place of an object at a time")
            problems.report(_input_error(path, error, str(table["place"][other])), counts, "truth_contradictions")
            table["validated"][one] = table["validated"][other] = False
        apart |= {row for row in (one, other) if not table["validated"][row]}
    for row in apart:
        designation[row] = f"{table['designation'][row]} ({table['place'][row]})"
    table["designation"] = designation.astype(str)
    kept = np.ones(len(table), bool)
    kept[copies] = False
    return table[kept]
