"""A picture of a frame, or of all CCDs of a mosaic, with the positions of its catalogue over it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.visualization import ZScaleInterval

from ..console import say, track
from ..errors import CeresFastError, InputError
from ..frames.camera import Camera
from ..frames.fits_files import frame_stem
from ..frames.reading import FrameHeader, relative_to_sources
from ..libraries.matplotlib_quiet import Axes, Figure, Line2D, Patch, colormaps
from ..pictures import BLACK, BLUE, ORANGE, YELLOW, save
from .frame import FrameLook, look_at

SUFFIX = ".png"

WIDEST, NARROWEST = 1400, 120
"""Pixels along the longer side of what is kept of a CCD: of one alone, and of one of very many."""

SIDE = 8.0
"""Longer side of the picture of a frame, inches."""

CROWDED = 1500
"""From so many detections in a CCD on, their circles are drawn thinner and smaller."""


def draw_frames(
    heads: dict[Path, list[FrameHeader]],
    png: Path,
    sources: Sequence[Path],
    *,
    camera: Camera,
    catalogues: Path | None = None,
) -> list[Path]:
    """Draw frames: one into a file, several into a folder, in which they have the places they have in `sources`.

    Only one CCD is in memory at a time; pictures are made of means of blocks of pixels.

    Returns
    -------
    list of pathlib.Path
        The pictures.

    Raises
    ------
    CeresFastError
        When `png` is a file and there are several frames.
    """
    a_file = png.suffix.lower() == SUFFIX and not png.is_dir()
    if a_file and len(heads) > 1:
        raise CeresFastError(f"{png}: {len(heads)} frames do not fit into one picture. Name a folder for them.")
    written: list[Path] = []
    for path in track(list(heads), "pictures"):
        place = relative_to_sources(path, sources)
        target = png if a_file else png / place.with_name(frame_stem(place) + SUFFIX)
        if target in written:
            raise InputError(path, f"would have the picture {target}, as another frame has", action="look at it alone")
        widest = max(NARROWEST, WIDEST // _columns(len(heads[path])))
        ccds = [look_at(head, camera, catalogues=catalogues, widest=widest) for head in heads[path]]
        save(picture_of(ccds), target)
        written.append(target)
    say(f"written to {png}")
    return written


def picture_of(ccds: Sequence[FrameLook]) -> Figure:
    """Draw the CCDs of a file, each between the limits of its own zscale (as IRAF and DS9 choose them)."""
    columns = _columns(len(ccds))
    rows = -(-len(ccds) // columns)
    ny, nx = np.max([ccd.info.shape for ccd in ccds], axis=0)
    wide, high = columns * nx, rows * ny
    size = SIDE / max(wide, high)
    figure = Figure(figsize=(max(size * wide, 4.0) + 1.0, max(size * high, 2.0) + 1.4), layout="constrained")
    for number, axes in enumerate(figure.subplots(rows, columns, squeeze=False).flat):
        if number < len(ccds):
            _draw(axes, ccds[number], max(wide, high), alone=len(ccds) == 1)
        else:
            axes.set_axis_off()
    figure.suptitle(_title(ccds), size=10, parse_math=False)
    figure.legend(handles=_legend(ccds), loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


def _columns(number: int) -> int:
    return math.ceil(math.sqrt(number))


def _draw(axes: Axes, ccd: FrameLook, wide: float, *, alone: bool) -> None:
    """Draw a CCD; `wide` is how many pixels are in the longer side of the picture."""
    ny, nx = ccd.info.shape
    axes.set(xlim=(0.5, nx + 0.5), ylim=(0.5, ny + 0.5), aspect="equal")
    axes.tick_params(labelsize=8 if alone else 6)
    if alone:
        axes.set(xlabel="x (pixels, from 1)", ylabel="y (pixels, from 1)")
    else:
        axes.set_title(f"[{ccd.info.hdu}] {ccd.info.ccd}", size=7, pad=2, parse_math=False)
    if ccd.pixels is None or ccd.pixels.thumbnail is None:
        axes.text(0.5, 0.5, "cannot be read", transform=axes.transAxes, ha="center", va="center", size=8)
        return
    shown, block = ccd.pixels.thumbnail, ccd.pixels.block
    extent = (0.5, shown.shape[1] * block + 0.5, 0.5, shown.shape[0] * block + 0.5)
    low, high = _limits(shown)
    colours = colormaps["gray"].with_extremes(bad=BLUE)
    axes.imshow(shown, cmap=colours, origin="lower", vmin=low, vmax=high, extent=extent, interpolation="nearest")
    axes.set(xlim=(0.5, nx + 0.5), ylim=(0.5, ny + 0.5))
    many = len(ccd.catalogue.x) > CROWDED
    width = np.fmax(ccd.info.seeing, ccd.catalogue.seeing) / ccd.info.pixel_scale
    radius = np.fmax((3.0 if many else 6.0) / (1 if alone else 2), 1.2 * width * SIDE * 72 / wide)
    axes.scatter(
        ccd.catalogue.x,
        ccd.catalogue.y,
        s=math.pi * radius**2,
        facecolors="none",
        edgecolors=ORANGE,
        linewidths=0.4 if many or not alone else 0.8,
    )
    if ccd.coordinates is not None:
        _draw_directions(axes, *ccd.coordinates.north_and_east(), size=9 if alone else 6)


def _limits(shown: np.ndarray) -> tuple[float, float]:
    values = shown[np.isfinite(shown)]
    low, high = ZScaleInterval().get_limits(values) if values.size else (0.0, 1.0)
    return float(low), float(max(high, np.nextafter(low, np.inf) + 1e-6))


def _draw_directions(axes: Axes, north: np.ndarray, east: np.ndarray, size: float) -> None:
    """Draw arrows to north and east near the upper right corner."""
    centre = np.array([0.0, 0.0])
    reach = 2.6 * size  # points
    box = {"boxstyle": "round,pad=0.15", "facecolor": BLACK, "edgecolor": "none", "alpha": 0.6}
    for name, towards in (("N", north), ("E", east)):
        end = centre + reach * towards
        axes.annotate(
            name,
            xy=(0.9, 0.88),
            xycoords="axes fraction",
            xytext=tuple(end),
            textcoords="offset points",
            ha="center",
            va="center",
            size=size,
            color=YELLOW,
            bbox=box,
            arrowprops={"arrowstyle": "<-", "color": YELLOW, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0},
        )


def _title(ccds: Sequence[FrameLook]) -> str:
    info = ccds[0].info
    known = (
        info.field,
        f"{info.exposure:g} s" if info.exposure > 0 else "",
        f"filter {info.filter}" if info.filter else "",
        info.no_sky and f"no sky: {info.no_sky}",
    )
    name = info.path.name.encode(errors="replace").decode()  # of any bytes: fonts have letters only
    return f"{name}\n{', '.join(filter(None, known))}"


def _legend(ccds: Sequence[FrameLook]) -> list[Line2D | Patch]:
    detections = sum(len(ccd.catalogue.x) for ccd in ccds)
    handles: list[Line2D | Patch] = []
    if detections:
        circle = Line2D([], [], marker="o", ls="", mfc="none", mec=ORANGE, label=f"{detections:,} detections")
        handles.append(circle)
    else:
        handles.append(Line2D([], [], ls="", label="no catalogue"))
    if any(ccd.pixels is not None and ccd.pixels.missing for ccd in ccds):
        handles.append(Patch(facecolor=BLUE, label="missing pixels"))
    limits = [_limits(ccd.pixels.thumbnail) for ccd in ccds if ccd.pixels and ccd.pixels.thumbnail is not None]
    if len(limits) == 1:
        low, high = limits[0]
        handles.append(Line2D([], [], ls="", label=f"black to white: {low:,.5g} to {high:,.5g} ADU"))
    return handles
