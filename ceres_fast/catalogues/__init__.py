"""SExtractor catalogues: one file per format, and what is common to them in `core`."""

from .core import (
    CATALOGUE_FOLDER,
    ENDINGS,
    Catalogue,
    catalogue_places,
    check_against,
    column,
    far_outside,
    find_catalogue,
    positions,
    sky_positions,
)
from .formats import FORMATS, SUFFIXES, check_free, read_catalogue, write_catalogue, write_table, write_tables
from .names import Names
from .parts import rows_of

__all__ = [
    "CATALOGUE_FOLDER",
    "ENDINGS",
    "FORMATS",
    "SUFFIXES",
    "Catalogue",
    "Names",
    "catalogue_places",
    "check_against",
    "check_free",
    "column",
    "far_outside",
    "find_catalogue",
    "positions",
    "read_catalogue",
    "rows_of",
    "sky_positions",
    "write_catalogue",
    "write_table",
    "write_tables",
]
