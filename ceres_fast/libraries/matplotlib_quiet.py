"""matplotlib, imported on any machine and without a word: ``from ceres_fast.libraries.matplotlib_quiet import Figure``.

It reads settings from, and keeps a list of fonts in, a folder of the user. Where it cannot have one it makes a
temporary one for as long as the process lives, with a warning of five lines; where there is no temporary folder either,
it cannot be imported. Pictures need neither: here the warning is held back, and in the last case there is no folder.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from .stderr_kept import stderr_kept

_SETTINGS = "MATPLOTLIBRC"
"""Environment variable with the file of settings; where it is set, matplotlib asks for no folder to find one."""


@contextmanager
def _errors_only() -> Iterator[None]:
    log = logging.getLogger("matplotlib")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def _is_temporary_folder() -> bool:
    try:
        return bool(tempfile.gettempdir())
    except FileNotFoundError:
        return False


def _import_without_folder() -> None:
    """Import matplotlib with its own settings, and a list of fonts that is made anew and kept nowhere."""
    (folder,) = find_spec("matplotlib").submodule_search_locations  # type: ignore[union-attr, misc]
    before = os.environ.get(_SETTINGS)
    os.environ[_SETTINGS] = str(Path(folder) / "mpl-data" / "matplotlibrc")
    try:
        import matplotlib

        matplotlib.get_cachedir = lambda: os.devnull
        import matplotlib.font_manager
    finally:
        del os.environ[_SETTINGS]
        if before is not None:
            os.environ[_SETTINGS] = before


with _errors_only(), stderr_kept():  # fontconfig, which is asked for fonts, says the same on file descriptor 2
    if not _is_temporary_folder():
        _import_without_folder()
    from matplotlib import colormaps
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

__all__ = [
    "Axes",
    "Axis",
    "Figure",
    "FixedLocator",
    "FuncFormatter",
    "Line2D",
    "LogLocator",
    "MaxNLocator",
    "NullLocator",
    "Patch",
    "SubFigure",
    "colormaps",
]
