"""How frames are understood: the first thing to try with a new camera."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..files import StrPath, as_paths
from ..frames.camera import Camera
from ..frames.profiles import load_camera
from .examine import Looked, examine
from .report import print_report


def look(
    sources: StrPath | Sequence[StrPath],
    *,
    camera: StrPath | Camera | None = None,
    catalogues: StrPath | None = None,
    png: StrPath | None = None,
) -> Looked:
    """Print how frames are understood: what is known, from which keywords, what is doubted, what it costs.

    Parameters
    ----------
    sources : str, path or sequence of them
        Frames, or folders with frames. Of a folder, or of more than three frames, one of the usual kind is shown in
        full, and what differs in the others.
    camera : str, path or Camera, optional
        The profile of the camera: its name, or a TOML file.
    catalogues : str or path, optional
        The folder with the catalogues of all frames; without it they are looked for beside each frame and in
        ``../sextractor_cat``.
    png : str or path, optional
        A file, or for several frames a folder, for pictures of the frames with the positions of their catalogues.

    Returns
    -------
    Looked
        What was printed, as data.

    Raises
    ------
    CeresFastError
        When no frame could be read, or `png` is one file for several frames.

    Examples
    --------
    >>> found = ceres_fast.look("night")
    >>> frame = found.shown[0]
    >>> frame.info.exposure, frame.coordinates.projection, frame.catalogue.rows
    (60.0, 'TAN', 5)
    >>> len(found.exposures[0].infos), found.exposures[0].compared
    (3, 3)
    """
    chosen = load_camera(camera)
    folder = None if catalogues is None else Path(catalogues)
    paths = as_paths(sources)
    looked, heads = examine(paths, camera=chosen, catalogues=folder)
    print_report(looked, folder)
    if png is not None:
        from .picture import draw_frames

        draw_frames(heads, Path(png), paths, camera=chosen, catalogues=folder)
    return looked
