"""Stamps per second from frame to shard, by stage, against a loop of astropy's Cutout2D.

python -m benchmarks.cutting survey/training/20191026/F0001 --repeats 7
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from astropy.nddata import Cutout2D

from benchmarks.machine import command_line, write_result
from ceres_fast.catalogues.detections import read_detections
from ceres_fast.console import say, table
from ceres_fast.frames.cut import cut_stamps
from ceres_fast.frames.reading import Frame, find_frames, read_frame
from ceres_fast.records.shards import write_shard
from ceres_fast.stamps import COLUMNS, STAMP_SIZE, stamp_table

Cut = Callable[[Frame, np.ndarray, np.ndarray], np.ndarray]


def ours(frame: Frame, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return cut_stamps(frame.data, x, y)[0]


def loop(frame: Frame, x: np.ndarray, y: np.ndarray, *, with_wcs: bool) -> np.ndarray:
    """Cut one stamp after the other, as a notebook does."""
    wcs = frame.wcs if with_wcs else None
    cutouts = (
        Cutout2D(frame.data, place, (STAMP_SIZE, STAMP_SIZE), wcs=wcs, mode="partial", fill_value=np.nan, copy=True)
        for place in zip(x - 1, y - 1, strict=True)
    )
    return np.stack([cutout.data for cutout in cutouts])


CUTS: dict[str, Cut] = {
    "this package": ours,
    "Cutout2D": lambda frame, x, y: loop(frame, x, y, with_wcs=False),
    "Cutout2D with WCS": lambda frame, x, y: loop(frame, x, y, with_wcs=True),
}
STAGES = ("read", "cut", "write", "all")


def stages(path: Path, x: np.ndarray, y: np.ndarray, cut: Cut, shard: Path) -> dict[str, float]:
    """Return the seconds of each stage from a frame to a shard."""
    times = [time.perf_counter()]
    frame = read_frame(path)
    times.append(time.perf_counter())
    stamps = cut(frame, x, y)
    times.append(time.perf_counter())
    known = stamp_table(stamps, x=x, y=y, label=0, source=path.name)
    columns = {name: np.asarray(known[name]) for name in ("stamp", *(column.name for column in COLUMNS))}
    write_shard(shard, columns, np.arange(len(x)))
    times.append(time.perf_counter())
    return dict(zip(STAGES, (*np.diff(times), times[-1] - times[0]), strict=True))


def measure(path: Path, repeats: int, folder: Path) -> tuple[int, dict[str, dict[str, list[float]]]]:
    """Return the number of stamps, and stamps/s of every way and stage, once per repeat."""
    exposure = read_detections(path)
    inside = np.isfinite(exposure.x) & np.isfinite(exposure.y)
    x, y = exposure.x[inside], exposure.y[inside]
    rates: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for repeat in range(repeats + 1):
        for name, cut in CUTS.items():
            for stage, seconds in stages(path, x, y, cut, folder / "shard").items():
                if repeat:  # the first round fills the disk cache and loads TensorFlow
                    rates[name][stage].append(round(len(x) / seconds, 1))
    return len(x), {name: dict(each) for name, each in rates.items()}


def ratios(rates: dict[str, dict[str, list[float]]]) -> dict[str, dict[str, dict[str, float]]]:
    """Return how many times faster this package is than each other way, repeat by repeat: least, median, most."""
    result: dict[str, Any] = {}
    for name in list(CUTS)[1:]:
        result[name] = {}
        for stage in ("cut", "all"):
            each = np.divide(rates["this package"][stage], rates[name][stage])
            spread = {"least": each.min(), "median": np.median(each), "most": each.max()}
            result[name][stage] = {key: round(float(value), 2) for key, value in spread.items()}
    return result


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("folder", type=Path, help="frames with catalogues; the first frame is used")
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    path = find_frames([given.folder])[0]
    with tempfile.TemporaryDirectory() as name:
        count, rates = measure(path, given.repeats, Path(name))
    medians = {name: {stage: float(np.median(each[stage])) for stage in STAGES} for name, each in rates.items()}
    faster = ratios(rates)
    result = {
        "unit": "stamps/s, median of the repeats",
        "stamps": count,
        "frame_shape": list(read_frame(path).data.shape),
        "repeats": given.repeats,
        "seed": None,
        "median": medians,
        "times_faster": faster,
        "all": rates,
    }
    write_result(given.output, result)
    rows = [(name, *(f"{medians[name][stage]:,.0f}" for stage in STAGES)) for name in CUTS]
    table(f"Stamps per second, {count} detections of one frame", ("cut by", *STAGES), rows)
    say(f"times faster than: {faster}")


if __name__ == "__main__":
    main()
