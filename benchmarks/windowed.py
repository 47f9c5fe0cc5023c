"""What windowed positions are worth, and how many are a neighbour's: simulated exposures, detected by SExtractor.

for seed in 5 11 12; do ceres-fast simulate survey$seed --small --fields 6 --exposures 4 --seed $seed; done
python -m benchmarks.windowed survey5 survey11 survey12
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from benchmarks.machine import command_line, write_result
from ceres_fast.catalogues import Catalogue, column, drifted, read_catalogue, typical_width
from ceres_fast.console import table
from ceres_fast.detect import detect_frames
from ceres_fast.frames.reading import read_header
from ceres_fast.frames.sky import to_pixels
from ceres_fast.selection.rules import Rules
from ceres_fast.selection.tracks import known_at
from ceres_fast.truth import read_truth

WITHIN = (2.0, 0.5)
"""arcsec from an asteroid to the nearest detection."""


def choices(catalogue: Catalogue) -> dict[str, np.ndarray]:
    """Return which rows have their plain positions, (n,) bool, by different rules."""
    moved = distance(catalogue)
    width = typical_width(catalogue)
    return {
        "windowed": np.zeros(len(moved), bool),
        "plain": np.ones(len(moved), bool),
        "rule": drifted(catalogue),
        "farther than the width of the row": moved > np.nan_to_num(column(catalogue, "FWHM_IMAGE"), nan=width),
        **{f"farther than {factor:g} widths": moved > factor * width for factor in (1.0, 1.5, 2.0, 3.0)},
    }


def places(catalogue: Catalogue, plain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return x, y of all rows, plain ones where that is asked for."""
    x, y = (np.where(plain, column(catalogue, f"{axis}_IMAGE"), column(catalogue, f"{axis}WIN_IMAGE")) for axis in "XY")
    return x, y


def distance(catalogue: Catalogue) -> np.ndarray:
    """Return how far the windowed positions are from the plain ones, pixels, (n,)."""
    return np.hypot(*(column(catalogue, f"{axis}WIN_IMAGE") - column(catalogue, f"{axis}_IMAGE") for axis in "XY"))


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("surveys", type=Path, nargs="+", help="what `ceres-fast simulate` wrote")
    given = parser.parse_args()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    moved, used = [], []
    exposures = 0
    for survey in given.surveys:
        folder = survey / "training"
        truth = read_truth(folder / "asteroids.csv")
        with tempfile.TemporaryDirectory() as out:
            for path in detect_frames([folder], output=Path(out), engine="source-extractor", workers=1):
                frame = next(folder.rglob(f"{path.stem}.fits"))
                catalogue, (info, _, wcs) = read_catalogue(path), read_header(frame)
                known = known_at(truth, info, Rules())
                asteroids = to_pixels(wcs, np.asarray(known["ra"]), np.asarray(known["dec"]))
                exposures += 1
                for name, plain in choices(catalogue).items():
                    x, y = places(catalogue, plain)
                    nearest = np.hypot(asteroids[0][:, None] - x, asteroids[1][:, None] - y).min(axis=1)
                    counts[name]["rows with plain positions"] += int(plain.sum())
                    for limit in WITHIN:
                        within = nearest * info.pixel_scale < limit
                        counts[name][f"asteroids within {limit:g} arcsec"] += int(within.sum())
                moved.append(distance(catalogue))
                used.append(~drifted(catalogue))
    far, kept = np.concatenate(moved), np.concatenate(used)
    result = {
        "exposures": exposures,
        "detections": len(far),
        "farther_than_pixels": {str(limit): int((far > limit).sum()) for limit in (1, 2, 4, 8, 16)},
        "pixels_of_those_with_plain_positions": sorted(np.round(far[~kept], 1).tolist()),
        "largest_pixels_of_those_used": float(far[kept].max()),
        "by_rule": {name: dict(each) for name, each in counts.items()},
    }
    write_result(given.output, result)
    heading = ("", *next(iter(counts.values())))
    table("windowed positions", heading, [(name, *each.values()) for name, each in counts.items()])


if __name__ == "__main__":
    main()
