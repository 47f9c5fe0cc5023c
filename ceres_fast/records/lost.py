"""``lost.csv``: the validated asteroids that became no stamp, exposure by exposure, and why.

A guarantee that is made of stamps alone starts after these losses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.io import ascii as ascii_tables
from astropy.table import Table

from ..errors import InputError
from ..files import atomic_file, sha256_of
from ..selection.lost import COLUMNS as KNOWN
from .manifest import LOST_FILE, REBUILD, Manifest
from .splits.calibration import asteroid_names, exposures_of

COLUMNS: dict[str, type] = {**KNOWN, "split": str}
"""The columns of the file: those of `selection.lost.COLUMNS`, and the split of the stamps of the same field, CCD and
night; "" where these have none, or are in no split."""

_ACTION = f"copy the file again from where it is whole, or {REBUILD}"


def write_lost(lost: Mapping[str, np.ndarray], folder: Path) -> None:
    """Write the file into a folder of records; `lost` has the values of `COLUMNS`, (n,) each."""
    with atomic_file(folder / LOST_FILE) as temporary:
        Table({name: lost[name] for name in COLUMNS}).write(temporary, format="ascii.csv", overwrite=True)


def read_lost(manifest: Manifest) -> Table | None:
    """Read the validated asteroids that became no stamp.

    Parameters
    ----------
    manifest : Manifest
        From `ceres_fast.records.manifest.load_manifest`.

    Returns
    -------
    astropy.table.Table or None
        `COLUMNS`, a row per asteroid and exposure; None where the records do not tell: no source has frames, or an
        earlier version wrote them.

    Raises
    ------
    InputError
        When the file is missing, or is not the one that the manifest describes.
    """
    if manifest.lost_file is None:
        return None
    path = manifest.folder / manifest.lost_file["file"]
    expected = "the asteroids that became no stamp"
    try:
        if sha256_of(path) != manifest.lost_file["sha256"]:
            raise ValueError("its SHA-256 differs")
        # As text: as numbers, the names 12E3 and 12000 would be one.
        lines = path.read_text(encoding="utf-8").split("\n")
        read = ascii_tables.read(lines, format="csv", converters={"*": str}, fill_values=[])
        return Table({name: np.asarray(read[name], kind) for name, kind in COLUMNS.items()})
    except FileNotFoundError as error:
        raise InputError(path, "does not exist", expected=expected, action=_ACTION) from error
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", expected=expected, action=_ACTION) from error
    except (ValueError, KeyError) as error:
        problem = f"is not the file that the manifest describes ({error})"
        raise InputError(path, problem, expected=expected, action=_ACTION) from error


def lost_text(
    lost: Mapping[str, np.ndarray] | Table, columns: Mapping[str, np.ndarray], splits: np.ndarray, needs: int
) -> str:
    """Say how many asteroids that were detected in enough exposures of a night are left in fewer, and why.

    Parameters
    ----------
    lost : mapping of str to numpy.ndarray, or astropy.table.Table
        The values of `COLUMNS`.
    columns : mapping of str to numpy.ndarray
        ``label``, ``designation`` and ``mjd`` of n stamps.
    splits : numpy.ndarray of str
        Shape (n,): the split of each; what is in none, "", does not count, and neither do the lost of no split.
    needs : int
        Exposures of a night that are enough.
    """
    kept = {name: columns[name][splits != ""] for name in ("label", "designation", "mjd")}
    detected = (np.asarray(lost["split"]) != "") & (np.asarray(lost["reason"]) != "not_detected")
    reason, designation, mjd = (np.asarray(lost[name])[detected] for name in ("reason", "designation", "mjd"))
    of_kept = asteroid_names(kept)
    of_lost = asteroid_names({"label": np.ones(len(mjd)), "designation": designation, "mjd": mjd})
    seen = exposures_of(of_kept, kept["mjd"])
    there = exposures_of(np.concatenate([of_kept, of_lost]), np.concatenate([kept["mjd"], mjd]))
    enough = {name for name, number in there.items() if number >= needs}
    fewer = {name for name in enough if seen.get(name, 0) < needs}
    reasons = Counter(why for why, name in zip(reason.tolist(), of_lost.tolist(), strict=True) if name in fewer)
    why = ", ".join(f"{number} {each.replace('_', ' ')}" for each, number in reasons.most_common())
    return (
        f"of {len(enough)} asteroids detected in {needs} exposures of a night or more, {len(fewer)} are left in fewer"
        + (f": of their detections, {why}" if fewer else "")
        + f" ({LOST_FILE})"
    )
