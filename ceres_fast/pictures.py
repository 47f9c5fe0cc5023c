"""What all pictures have in common: colours, how a stamp is shown and labelled, and how a figure is saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .files import atomic_file
from .libraries.matplotlib_quiet import Axes, Figure, Line2D
from .stamps import STAMP_SIZE, measured_magnitudes

BLACK, ORANGE, SKY_BLUE, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
"""The colours of Okabe and Ito (2008, "Color Universal Design", https://jfly.uni-koeln.de/color/): people with any kind
of colour vision can tell them apart."""

GREY = "0.6"
"""Of what stays in the background."""

SERIES = (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY_BLUE, BLACK)
"""Colours of curves in one panel, in their order."""

ACROSS = 8
"""Stamps in a line of `draw_stamps`."""

_LONGEST = 21
"""Characters that fit above a stamp of `draw_stamps`."""


def save(figure: Figure, path: Path, *, dpi: int = 120) -> None:
    """Write a figure as PNG, whole or not at all; without the version of matplotlib, so that equal pictures are equal
    bytes."""
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=dpi, metadata={"Software": None})


def show_stamp(axes: Axes, stamp: np.ndarray, planes: int = 1) -> None:
    """Show the first planes of a stamp beside each other, each from its 1st to its 99.5th percentile, row 1 below.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where it is shown.
    stamp : numpy.ndarray
        Shape (32, 32) or (32, 32, planes), axes (y, x), ADU; NaN and infinite pixels stay white.
    planes : int
        How many are shown.
    """
    for number in range(planes):
        plane = stamp.reshape(STAMP_SIZE, STAMP_SIZE, -1)[..., number]
        finite = plane[np.isfinite(plane)]
        low, high = np.percentile(finite, [1, 99.5]) if finite.size else (0.0, 1.0)
        # A constant stamp has no range; beside large values the next number is farther away than a millionth.
        high = max(high, np.nextafter(low, np.inf) + 1e-6)
        start = number * (STAMP_SIZE + 1) - 0.5
        place = (start, start + STAMP_SIZE, -0.5, STAMP_SIZE - 0.5)
        axes.imshow(plane, cmap="gray", origin="lower", vmin=low, vmax=high, extent=place)
    axes.set(xlim=(-0.5, start + STAMP_SIZE))


def shortened(name: str, most: int = _LONGEST) -> str:
    """Return a name of at most so many characters: frames begin with the survey, and end with what tells them apart."""
    half = most // 2
    return name if len(name) <= most else f"{name[:half]}…{name[-half:]}"


def caption(
    known: Mapping[str, Any],
    row: int,
    probability: float | None = None,
    *,
    longest: int = _LONGEST,
    without_row: str = "",
) -> str:
    """Return what a user needs to find a stamp again, in up to four lines; what is not known is left out.

    Parameters
    ----------
    known : mapping of str to numpy.ndarray, or a table
        ``magnitude``, ``designation``, ``frame``, ``source`` and ``row`` of a stamp table, (n,) each.
    row : int
        The stamp, from 0.
    probability : float, optional
        Of an asteroid, as a classifier gives it.
    longest : int
        Characters of a line.
    without_row : str
        In the place of the row in a catalogue, for stamps that do not come from one.
    """
    magnitude = float(measured_magnitudes(np.asarray(known["magnitude"][row])))
    catalogue_row = int(known["row"][row])
    numbers = (
        "" if probability is None else f"P {probability:.3f}",
        f"{magnitude:.1f} mag" if np.isfinite(magnitude) else "",
    )
    names = (str(known["designation"][row]), str(known["frame"][row]) or Path(str(known["source"][row])).stem)
    place = f"row {catalogue_row}" if catalogue_row >= 0 else without_row
    lines = ("   ".join(filter(None, numbers)), *(shortened(name, longest) for name in names), place)
    return "\n".join(filter(None, lines))


def draw_stamps(
    stamps: Sequence[np.ndarray] | np.ndarray,
    captions: Sequence[str],
    title: str,
    path: Path,
    *,
    total: int,
    frames: Sequence[str] = (),
    legend: Mapping[str, str] | None = None,
    planes: int = 1,
) -> None:
    """Draw stamps with their captions, in the order given; a picture that says so where there is none.

    Parameters
    ----------
    stamps : sequence of numpy.ndarray
        Each as for `show_stamp`.
    captions : sequence of str
        One for each stamp; lines of up to 21 characters.
    title : str
        Of the whole picture; the number shown and the number there are is added.
    path : pathlib.Path
        The PNG.
    total : int
        How many stamps there are of this kind.
    frames : sequence of str, optional
        Colour of the frame around each stamp.
    legend : mapping of str to str, optional
        What the colours of the frames mean: name to colour.
    planes : int
        How many planes of each stamp are shown.
    """
    shown, across = len(stamps), ACROSS // planes
    lines = max(1, -(-shown // across))
    text = 0.14 * max((words.count("\n") + 1 for words in captions), default=1)
    figure = Figure(figsize=(ACROSS * 1.7, lines * (1.7 + text) + 0.8), layout="constrained")
    figure.suptitle(f"{title}: " + (f"{shown} of {total:,}" if shown else "none"))
    for number, axes in enumerate(figure.subplots(lines, across, squeeze=False).flat):
        axes.set_axis_off()
        if number >= shown:
            continue
        show_stamp(axes, stamps[number], planes)
        axes.set_title(captions[number], size=8, pad=3, parse_math=False)  # a name may hold a $
        if frames:
            axes.set_axis_on()
            axes.set(xticks=[], yticks=[])
            for spine in axes.spines.values():
                spine.set(color=frames[number], linewidth=2.5)
    if legend:
        handles = [Line2D([], [], color=colour, lw=3) for colour in legend.values()]
        figure.legend(handles, list(legend), loc="outside lower center", ncols=len(handles), frameon=False)
    save(figure, path)
