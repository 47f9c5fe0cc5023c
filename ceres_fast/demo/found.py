"""What is left of a classified night, and what it lost, held against the truth; with its pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from astropy.table import Table, vstack

from ..catalogues import read_catalogue
from ..classify import Result
from ..classify.limits import WHY
from ..classify.outputs import dropped_path
from ..classify.scores import PROBABILITY
from ..console import say, table
from ..evaluation.figures import MOST_STAMPS
from ..evaluation.operating_point import OperatingPoint
from ..frames.fits_files import frame_stem
from ..frames.reading import find_frames, read_frame
from ..libraries.matplotlib_quiet import Figure
from ..pictures import ORANGE, SKY_BLUE, VERMILION, caption, draw_stamps, save
from ..selection.field import survey_tables
from ..selection.rules import Rules
from ..truth import read_truth

MARKS = (
    (1, True, "asteroids found", SKY_BLUE, "o"),
    (1, False, "asteroids lost", VERMILION, "D"),
    (0, True, "taken for asteroids", ORANGE, "s"),
)
"""Label, whether kept, name, colour and shape of its mark."""


@dataclass(frozen=True)
class Night:
    """A night of which only what may be an asteroid was kept.

    Attributes
    ----------
    stamps : astropy.table.Table
        A stamp table of the detections that moved or were seen once and have a label, with the columns ``probability``
        and ``kept``: whether the detection is still in the catalogue.
    counts : collections.Counter
        See `ceres_fast.records.reconcile.COUNTS`.
    reasons : mapping of str to int
        How many rows of the catalogues went or stayed for which reason (`ceres_fast.classify.limits.WHY`).
    point : OperatingPoint
        The threshold, and what was promised of it.
    """

    stamps: Table
    counts: Counter[str]
    reasons: Mapping[str, int]
    point: OperatingPoint

    def rows(self, label: int, kept: bool) -> np.ndarray:
        """Return the rows of `stamps` with a label that were (or were not) kept, the most wrong first."""
        chosen = np.flatnonzero((self.stamps["label"] == label) & (np.asarray(self.stamps["kept"]) == kept))
        probability = np.asarray(self.stamps["probability"])[chosen]
        return chosen[np.argsort(probability * (1 if label else -1), kind="stable")]

    def asteroids(self, *, kept: bool) -> int:
        """Return how many asteroids are kept in so many exposures as were promised, or (without `kept`) could be."""
        rows = (self.stamps["label"] == 1) & (np.asarray(self.stamps["kept"]) | (not kept))
        exposures = Counter(map(str, self.stamps["designation"][rows]))
        return sum(count >= self.point.needs for count in exposures.values())

    def left(self) -> dict[str, int]:
        """Return what became of the rows of the catalogues, by the names that a table shows."""
        kept = sum(count for why, count in self.reasons.items() if why.startswith("kept"))
        asteroids, others = len(self.rows(1, kept=True)), len(self.rows(0, kept=True))
        return {
            "rows of the catalogues": sum(self.reasons.values()),
            **{f"  {why}": count for why, count in self.reasons.items() if why.startswith("dropped")},
            "  left to look at": kept,
            "    asteroids": asteroids,
            "    non-asteroids": others,
            "    without a certain label": kept - asteroids - others,
        }

    def lost(self) -> dict[str, int]:
        """Return what became of the validated asteroids, once per exposure, by the names that a table shows."""
        counts = self.counts
        aside = counts["lost_contested"] + counts["lost_flux"] + counts["lost_set_aside"] + counts["lost_other"]
        return {
            "validated asteroids, once per exposure": counts["validated"],
            "  not detected": counts["lost_not_detected"],
            "  dropped: stationary": counts["lost_stationary"],
            "  without a certain label": aside,
            "  dropped: P below the threshold": len(self.rows(1, kept=False)),
            "  kept": len(self.rows(1, kept=True)),
        }

    def summary(self) -> dict[str, Any]:
        """Return all of it as JSON holds it."""
        left, lost = ({name.strip(): count for name, count in each.items()} for each in (self.left(), self.lost()))
        asteroids = {"could be kept": self.asteroids(kept=False), "kept": self.asteroids(kept=True)}
        return {"asteroids": asteroids, "left": left, "lost": lost, "operating_point": self.point.as_dict()}


def check_night(folder: Path, result: Result, rules: Rules, point: OperatingPoint) -> Night:
    """Hold the classified catalogues of a night against its truth table.

    Parameters
    ----------
    folder : pathlib.Path
        The night: frames, their catalogues as `detect_frames` writes them, and ``asteroids.csv``.
    result : Result
        What `classify` returned: tables that are named after their frames, with what was dropped beside them.
    rules : Rules
        The classifier's.
    point : OperatingPoint
        The classifier's.

    Returns
    -------
    Night
    """
    tables, counts = [], Counter[str]()
    for stamps, field_counts in survey_tables([folder], read_truth(folder / "asteroids.csv"), rules, nan="fill"):
        tables.append(stamps)
        counts += field_counts
    stamps = vstack(tables, metadata_conflicts="silent")
    of_frame = {path.stem: answers(path) for path in result.written}
    found = [of_frame[frame][row] for frame, row in zip(stamps["frame"], stamps["row"], strict=True)]
    stamps["probability"], stamps["kept"] = map(np.array, zip(*found, strict=True))
    reasons = sum(result.fields.values(), Counter[str]())
    named = {why.format(limits=result.limits): reasons[why] for why in WHY if reasons[why]}
    return Night(stamps, counts, named, point)


def answers(path: Path) -> dict[int, tuple[float, bool]]:
    """Return the probability of each row of a catalogue, by its NUMBER, and whether it is still in the table.

    What was dropped is beside the table.
    """
    return {
        int(row["NUMBER"]): (float(row[PROBABILITY]), each == path)
        for each in (path, dropped_path(path))
        for row in read_catalogue(each).table
    }


def tell_night(night: Night) -> None:
    """Print what a user wants to know of a night: what is left to look at, and whether the asteroids are in it."""
    left, point = night.left(), night.point
    rows, to_look_at = left["rows of the catalogues"], left["  left to look at"]
    table(
        "What became of the held-out night",
        ("", "rows", "of 1,000"),
        [(name, f"{count:,}", f"{1000 * count / rows:.0f}") for name, count in left.items()],
    )
    table("What became of the asteroids in it", ("", "number"), list(night.lost().items()))
    sentence = (
        f"Of {night.asteroids(kept=False)} asteroids with {point.needs} detections or more, "
        f"{night.asteroids(kept=True)} are kept in {point.needs} or more; to lose at most {point.max_loss:.0%} was "
        f"promised. Left to look at are {to_look_at:,} of {rows:,} rows, {1000 * to_look_at / rows:.0f} of 1,000."
    )
    say(fill(sentence, 80))


def draw_night(night: Night, folder: Path, pictures: Path) -> None:
    """Draw stamps of every kind in `MARKS`, and the first frame of the night, whatever is in it.

    Parameters
    ----------
    night : Night
        What `check_night` returned.
    folder : pathlib.Path
        The night's frames.
    pictures : pathlib.Path
        Folder for the PNGs.
    """
    for label, kept, name, _, _ in MARKS:
        rows = night.rows(label, kept)
        shown = rows[:MOST_STAMPS]
        captions = [caption(night.stamps, row, night.stamps["probability"][row]) for row in shown]
        path = pictures / f"{name.replace(' ', '_')}.png"
        title = f"{name}, each exposure by itself"
        draw_stamps(np.asarray(night.stamps["stamp"])[shown], captions, title, path, total=len(rows))
    # Chosen before anybody has looked: the one with the most asteroids would promise too much.
    _draw_frame(night, min(find_frames([folder])), pictures / "frame.png")


def _draw_frame(night: Night, path: Path, picture: Path) -> None:
    frame, name = read_frame(path), frame_stem(path)
    height, width = frame.data.shape
    figure = Figure(figsize=(9, 9 * height / width + 0.6), layout="constrained")
    axes = figure.subplots()
    low, high = np.nanpercentile(frame.data, [5, 99.3])
    axes.imshow(
        frame.data, cmap="gray", origin="lower", vmin=low, vmax=high, extent=(0.5, width + 0.5, 0.5, height + 0.5)
    )
    for label, kept, kind, colour, mark in MARKS:
        rows = night.rows(label, kept)
        here = night.stamps[rows[np.asarray(night.stamps["frame"])[rows] == name]]
        axes.plot(here["x"], here["y"], mark, ms=13, mfc="none", mec=colour, mew=1.8, label=f"{kind}: {len(here)}")
    axes.set(xlabel="x (pixel)", ylabel="y (pixel)", title=f"{name}, the first of the held-out exposures")
    figure.legend(loc="outside lower center", ncols=len(MARKS), frameon=False)
    save(figure, picture)
