"""What a classified night found, lost, and called asteroids wrongly, held against the truth; with its pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.table import Table, vstack

from ..catalogues import read_catalogue
from ..classify.scores import PROBABILITY
from ..evaluation.figures import MOST_STAMPS
from ..frames.fits_files import frame_stem
from ..frames.reading import find_frames, read_frame
from ..matplotlib_quiet import Figure
from ..pictures import ORANGE, SKY_BLUE, VERMILION, caption, draw_stamps, save
from ..selection.field import survey_tables
from ..selection.rules import Rules
from ..settings.guarantee import NEEDS
from ..truth import read_truth

MARKS = (
    (1, True, "asteroids found", SKY_BLUE, "o"),
    (1, False, "asteroids lost", VERMILION, "D"),
    (0, True, "taken for asteroids", ORANGE, "s"),
)
"""Label, whether called an asteroid, name, colour and shape of its mark."""


@dataclass(frozen=True)
class Night:
    """A classified night.

    Attributes
    ----------
    stamps : astropy.table.Table
        A stamp table of the detections that moved and have a label, with the column ``probability``.
    counts : collections.Counter
        See `ceres_fast.selection.field.COUNTS`.
    threshold : float
        Called an asteroid from this probability on.
    """

    stamps: Table
    counts: Counter[str]
    threshold: float

    def rows(self, label: int, called: bool) -> np.ndarray:
        """Return the rows of `stamps` with a label that were (or were not) called asteroids, the most wrong first."""
        probability = np.asarray(self.stamps["probability"])
        chosen = np.flatnonzero((self.stamps["label"] == label) & ((probability >= self.threshold) == called))
        return chosen[np.argsort(probability[chosen] * (1 if label else -1), kind="stable")]

    def tracks(self, called: bool) -> Counter[str]:
        """Return in how many exposures each asteroid was detected, or (with `called`) also called an asteroid."""
        rows = np.flatnonzero(self.stamps["label"] == 1)
        if called:
            rows = rows[np.asarray(self.stamps["probability"])[rows] >= self.threshold]
        return Counter(str(name) for name in self.stamps["designation"][rows])

    def summary(self) -> list[tuple[str, object]]:
        """Return rows of a table: what became of the asteroids and of everything else."""
        counts = self.counts
        detected = sum(count >= NEEDS for count in self.tracks(called=False).values())
        found = sum(count >= NEEDS for count in self.tracks(called=True).values())
        aside = counts["lost_contested"] + counts["lost_flux"] + counts["lost_set_aside"] + counts["lost_other"]
        return [
            ("validated asteroids, once per exposure", counts["validated"]),
            ("  not detected", counts["lost_not_detected"]),
            ("  removed as stationary", counts["lost_stationary"]),
            ("  without a certain label", aside),
            ("  lost by the classifier", len(self.rows(1, called=False))),
            ("  called asteroids", len(self.rows(1, called=True))),
            (f"asteroids to be found in {NEEDS} exposures or more", detected),
            ("  found", found),
            ("everything else that moved or was seen once", counts["non_asteroid"]),
            ("  taken for asteroids", len(self.rows(0, called=True))),
            ("  rejected", len(self.rows(0, called=False))),
            ("stationary detections, removed by rule", counts["stationary"]),
        ]


def check_night(folder: Path, classified: Sequence[Path], rules: Rules, threshold: float) -> Night:
    """Hold the classified catalogues of a night against its truth table.

    Parameters
    ----------
    folder : pathlib.Path
        The night: frames, their catalogues, and ``asteroids.csv``.
    classified : sequence of pathlib.Path
        The catalogues with `PROBABILITY`, named after their frames.
    rules : Rules
        The classifier's.
    threshold : float
        Called an asteroid from this probability on.

    Returns
    -------
    Night
    """
    tables, counts = [], Counter[str]()
    for table, field_counts in survey_tables([folder], read_truth(folder / "asteroids.csv"), rules, nan="fill"):
        tables.append(table)
        counts += field_counts
    stamps = vstack(tables, metadata_conflicts="silent")
    columns = {path.stem: np.asarray(read_catalogue(path).table[PROBABILITY]) for path in classified}
    stamps["probability"] = [columns[frame][row - 1] for frame, row in zip(stamps["frame"], stamps["row"], strict=True)]
    return Night(stamps, counts, threshold)


def draw_night(night: Night, folder: Path, pictures: Path) -> None:
    """Draw stamps of every kind in `MARKS`, and the frame with the most asteroids found.

    Parameters
    ----------
    night : Night
        What `check_night` returned.
    folder : pathlib.Path
        The night's frames.
    pictures : pathlib.Path
        Folder for the PNGs.
    """
    for label, called, name, _, _ in MARKS:
        rows = night.rows(label, called)
        shown = rows[:MOST_STAMPS]
        captions = [caption(night.stamps, row, night.stamps["probability"][row]) for row in shown]
        path = pictures / f"{name.replace(' ', '_')}.png"
        draw_stamps(np.asarray(night.stamps["stamp"])[shown], captions, name, path, total=len(rows))
    frames, found = np.unique(night.stamps["frame"][night.rows(1, True)], return_counts=True)
    if len(frames):
        _draw_frame(night, folder, str(frames[np.argmax(found)]), pictures / "frame.png")


def _draw_frame(night: Night, folder: Path, name: str, path: Path) -> None:
    frame = read_frame(next(frame for frame in find_frames([folder]) if frame_stem(frame) == name))
    height, width = frame.data.shape
    figure = Figure(figsize=(9, 9 * height / width + 0.6), layout="constrained")
    axes = figure.subplots()
    low, high = np.nanpercentile(frame.data, [5, 99.3])
    axes.imshow(
        frame.data, cmap="gray", origin="lower", vmin=low, vmax=high, extent=(0.5, width + 0.5, 0.5, height + 0.5)
    )
    for label, called, kind, colour, mark in MARKS:
        rows = night.rows(label, called)
        here = night.stamps[rows[np.asarray(night.stamps["frame"])[rows] == name]]
        axes.plot(here["x"], here["y"], mark, ms=13, mfc="none", mec=colour, mew=1.8, label=f"{kind}: {len(here)}")
    axes.set(xlabel="x (pixel)", ylabel="y (pixel)", title=f"{name}, one of the held-out exposures")
    figure.legend(loc="outside lower center", ncols=len(MARKS), frameon=False)
    save(figure, path)
