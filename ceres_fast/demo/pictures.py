"""The demo's pictures: stamps found, lost and mistaken, and a frame with all of them marked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ..evaluation.figures import draw_stamps, save
from ..frames.fits_files import frame_stem
from ..frames.reading import find_frames, read_frame
from .found import Night

MARKS = (
    (1, True, "asteroids found", "tab:green", "o"),
    (1, False, "asteroids lost", "tab:red", "D"),
    (0, True, "taken for asteroids", "tab:orange", "s"),
)
"""Label, whether called an asteroid, name, colour and shape of its mark."""


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
        stamps, probabilities = np.asarray(night.stamps["stamp"])[rows], np.asarray(night.stamps["probability"])[rows]
        draw_stamps(stamps, probabilities, name, pictures / f"{name.replace(' ', '_')}.png")
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
