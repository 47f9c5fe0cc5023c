"""The two engines of `ceres-fast detect` on the same frames: what both find, how they differ, how long they take.

python -m benchmarks.detection data/training --frames 16
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks.machine import command_line, write_result
from ceres_fast.catalogues import Catalogue, column, read_catalogue
from ceres_fast.console import say, table
from ceres_fast.detect import ENGINES
from ceres_fast.detect.source_extractor import find_program
from ceres_fast.frames.reading import find_frames
from ceres_fast.selection.neighbours import pairs_within

RADIUS = 1.0
"""Pixels within which a detection of the other engine is the same one."""


def detect(engine: str, frame: Path, folder: Path) -> tuple[Catalogue, float]:
    """Detect as `detect_frames` does; return the catalogue and the seconds from frame to catalogue on disk."""
    target = folder / f"{engine}.cat"
    started = time.perf_counter()
    ENGINES[engine].write_catalogue(frame, target, "FITS_LDAC", threshold=1.5, min_area=5)
    return read_catalogue(target), time.perf_counter() - started


def places(catalogue: Catalogue) -> np.ndarray:
    """Return X_IMAGE, Y_IMAGE, which both engines measure in one way; shape (n, 2)."""
    return np.stack([column(catalogue, name) for name in ("X_IMAGE", "Y_IMAGE")], axis=1)


def nearest(here: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each place the row of the nearest other one within `RADIUS` (−1: none), and its distance."""
    rows, distances = np.full(len(here), -1), np.full(len(here), np.inf)
    i, j, distance = pairs_within(here, there, RADIUS)
    for pair in np.argsort(-distance, kind="stable"):
        rows[i[pair]], distances[i[pair]] = j[pair], distance[pair]
    return rows, distances


def compare(program: Catalogue, library: Catalogue) -> dict[str, np.ndarray]:
    """Return what is compared, an array of a value per detection (or per matched detection) each."""
    rows, offsets = nearest(places(program), places(library))
    back, _ = nearest(places(library), places(program))
    matched = np.flatnonzero(rows >= 0)
    magnitudes = column(program, "MAG_AUTO")[matched], column(library, "MAG_AUTO")[rows[matched]]
    measured = np.maximum(*magnitudes) < 99
    flags = column(program, "FLAGS")[matched] == column(library, "FLAGS")[rows[matched]]
    return {
        "matched": rows >= 0,
        "matched_back": back >= 0,
        "offset": offsets[matched],
        "magnitude": (magnitudes[1] - magnitudes[0])[measured],
        "flags": flags,
    }


def summary(parts: dict[str, list[np.ndarray]]) -> dict[str, float]:
    """Return the figures of all frames together."""
    found = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    middle = float(np.median(found["magnitude"]))
    return {
        "detections_source_extractor": len(found["matched"]),
        "detections_sep": len(found["matched_back"]),
        "share_of_source_extractor_found_by_sep": float(found["matched"].mean()),
        "share_of_sep_found_by_source_extractor": float(found["matched_back"].mean()),
        "offset_median_pixels": float(np.median(found["offset"])),
        "offset_99_percent_pixels": float(np.quantile(found["offset"], 0.99)),
        "magnitude_sep_minus_source_extractor_median": middle,
        "magnitude_difference_mad": float(np.median(np.abs(found["magnitude"] - middle))),
        "flags_equal": float(found["flags"].mean()),
    }


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("sources", type=Path, nargs="+", help="frames, or folders with them")
    parser.add_argument("--frames", type=int, default=16, help="how many, evenly chosen")
    given = parser.parse_args()
    frames = find_frames(given.sources)
    frames = [frames[row] for row in np.unique(np.linspace(0, len(frames) - 1, given.frames).round().astype(int))]
    parts: dict[str, list[np.ndarray]] = defaultdict(list)
    seconds: dict[str, list[float]] = defaultdict(list)
    worst = 1.0
    with tempfile.TemporaryDirectory() as folder:
        for frame in frames:
            found = {}
            for engine in ENGINES:
                found[engine], took = detect(engine, frame, Path(folder))
                seconds[engine].append(took)
            each = compare(found["source-extractor"], found["sep"])
            worst = min(worst, float(each["matched"].mean()))
            for name, values in each.items():
                parts[name].append(values)
    version = subprocess.run([find_program(), "--version"], check=True, capture_output=True, text=True).stdout
    result = {
        "source_extractor": " ".join(re.findall(r"version (\S+)", version)),
        "frames": len(frames),
        "radius_pixels": RADIUS,
        "share_of_source_extractor_found_by_sep_in_the_worst_frame": worst,
        **summary(parts),
        "seconds_per_frame_median": {engine: float(np.median(times)) for engine, times in seconds.items()},
    }
    write_result(given.output, result)
    table("detection", ("", "value"), [(name, str(value)) for name, value in result.items()])
    say(f"written to {given.output}")


if __name__ == "__main__":
    main()
