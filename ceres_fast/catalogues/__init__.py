"""SExtractor catalogues: one file per format, and what is common to them in `core`."""

from .core import Catalogue, check_against, column, far_outside, positions, rows_of, sky_positions
from .find import (
    CATALOGUE_FOLDER,
    ENDINGS,
    catalogue_places,
    check_folder,
    check_one_each,
    find_catalogue,
    no_catalogue,
)
from .formats import FORMATS, SUFFIXES, check_free, read_catalogue, write_catalogue, write_table, write_tables
from .names import Names

__all__ = [
    "CATALOGUE_FOLDER",
    "ENDINGS",
    "FORMATS",
    "SUFFIXES",
    "Catalogue",
    "Names",
    "catalogue_places",
    "check_against",
    "check_folder",
    "check_free",
    "check_one_each",
    "column",
    "far_outside",
    "find_catalogue",
    "no_catalogue",
    "positions",
    "read_catalogue",
    "rows_of",
    "sky_positions",
    "write_catalogue",
    "write_table",
    "write_tables",
]
