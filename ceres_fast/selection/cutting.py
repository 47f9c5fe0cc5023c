"""The stamp table of one exposure: pixels from frames, the rest from header, catalogue and truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
from astropy.table import Table

from ..catalogues.detections import Detections
from ..errors import InputError, NanPolicy, Problems
from ..frames.cut import MOST_MISSING, MostMissing, cut_stamps, too_few_pixels
from ..frames.reading import read_frame
from ..stamps import STAMP_SIZE, stamp_table
from .labels import Labelled
from .neighbours import nearest_other, sky_centre, tangent_plane

Planes = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From rows of detections (from 0, (n,)) to their templates and differences, (n, 32, 32) each; all NaN where nobody
looked."""


def exposure_stamps(
    labelled: Labelled,
    rows: np.ndarray,
    problems: Problems,
    nan: NanPolicy,
    counts: Counter[str],
    most: MostMissing = MOST_MISSING,
    planes: Planes | None = None,
) -> Table:
    """Cut the stamps of some detections (counted from 0) of an exposure.

    Bad stamps are reported to `problems` and counted in ``counts["bad_stamps"]``; ``few_pixels`` (of which more than
    `most` is missing: `classify` does not score them, so that nothing is learnt from them) are counted too. Where
    `planes` makes stamps of three planes, the science plane decides that; those without a template are in the table
    (`with_template`).
    """
    exposure = labelled.exposure
    image = read_frame(exposure.info.path, exposure.info.hdu, exposure.info.camera).data
    # Before anything is counted: an exposure that cannot be read is counted as a whole.
    others = () if planes is None else planes(rows)
    stamps, padded, filled = cut_stamps(image, exposure.x[rows], exposure.y[rows], most)
    # Where nothing at all is there, as in a stamp of one value, something is wrong that somebody has to look at.
    some = padded + filled < STAMP_SIZE**2
    few = too_few_pixels(stamps, padded) & some & ((filled == 0) | (nan == "fill"))
    counts["few_pixels"] += int(few.sum())
    good = ~few
    for index in np.flatnonzero(_is_bad(stamps, filled, nan) & good):
        good[index] = False
        can_fill = filled[index] > 0 and bool(np.isfinite(stamps[index]).all()) and nan == "error"
        problems.report(_bad_stamp(exposure, int(rows[index]), int(filled[index]), can_fill), counts, "bad_stamps")
    pixels = np.stack([plane[good] for plane in (stamps, *others)], axis=-1)
    return stamp_table(pixels, padded=padded[good], filled=filled[good], **_known(labelled, rows[good]))


def with_template(table: Table) -> tuple[Table, np.ndarray]:
    """Return the stamps that have a template, and the rows in the catalogue (from 1) of those that have none.

    A stamp of one plane needs none.
    """
    nobody_looked = np.isnan(np.asarray(table["stamp"])[:, 0, 0, -1])
    return table[~nobody_looked], np.asarray(table["row"])[nobody_looked]


def _is_bad(stamps: np.ndarray, filled: np.ndarray, nan: NanPolicy) -> np.ndarray:
    same = ~(stamps.max(axis=(1, 2)) > stamps.min(axis=(1, 2)))
    return same | ((filled > 0) & (nan == "error"))


def _bad_stamp(exposure: Detections, row: int, filled: int, can_fill: bool) -> InputError:
    fill = "pass --nan fill to put the stamp's median there, or " if can_fill else "pass "
    missing = f"has {filled} missing pixels (NaN)" if filled else "has no picture, or the same value in every pixel"
    return InputError(
        exposure.catalogue.path,
        f"the stamp at x={exposure.x[row]:.1f}, y={exposure.y[row]:.1f} of {exposure.info.place} {missing}",
        row=int(exposure.rows[row]) + 1,
        expected="an image",
        action=f"{fill}--on-error skip to leave such stamps out",
    )


def _known(labelled: Labelled, rows: np.ndarray) -> dict[str, object]:
    """Return the columns of a stamp table that come from frame, catalogue and truth."""
    exposure, match, known = labelled.exposure, labelled.accepted, labelled.known
    info = exposure.info
    asteroid = match.asteroid[rows]
    flags, magnitude = (exposure.column(name) for name in ("FLAGS", "MAG_AUTO"))
    magnitude = np.full(len(rows), np.nan) if magnitude is None else magnitude[rows]
    # Detections that are no asteroid have the row -1, which is the last: a value that means "none" is added there.
    of_asteroid = {
        name: np.append(np.asarray(known[name]), np.nan)[asteroid] for name in ("magnitude", "rate", "position_angle")
    }
    points = tangent_plane(exposure.ra, exposure.dec, sky_centre(exposure.ra, exposure.dec))
    return {
        "label": match.label[rows],
        "designation": np.append(np.asarray(known["designation"], str), "")[asteroid],
        "row": exposure.rows[rows] + 1,
        "x": exposure.x[rows],
        "y": exposure.y[rows],
        "ra": exposure.ra[rows],
        "dec": exposure.dec[rows],
        "neighbour": nearest_other(points)[rows],
        "flags": -1 if flags is None else np.where(np.isfinite(flags), flags, -1)[rows].astype(int),
        "magnitude": np.where(np.isfinite(of_asteroid["magnitude"]), of_asteroid["magnitude"], magnitude),
        "rate": of_asteroid["rate"],
        "position_angle": of_asteroid["position_angle"],
        "field": info.field,
        "frame": info.frame,
        "ccd": info.ccd,
        "mjd": info.mjd,
        "exposure": info.exposure,
        "filter": info.filter,
        "pixel_scale": info.pixel_scale,
        "seeing": info.seeing,
        "gain": info.gain,
        "saturation": info.saturation,
        **({} if labelled.forced is None else labelled.forced[rows].columns()),
        **{name: values[rows] for name, values in labelled.linked.items()},
    }
