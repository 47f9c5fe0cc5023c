"""SExtractor catalogues: one file per format, and what is common to them in `core`, `places` and `of_frame`."""

from .core import Catalogue, column
from .find import (
    CATALOGUE_FOLDER,
    ENDINGS,
    catalogue_places,
    catalogues_there,
    check_folder,
    check_one_each,
    find_catalogue,
    no_catalogue,
)
from .formats import FORMATS, SUFFIXES, check_free, read_catalogue, write_catalogue, write_table, write_tables
from .names import Names
from .of_frame import check_against, far_outside, rows_of
from .places import drifted, positions, sky_positions, typical_width

__all__ = [
    "CATALOGUE_FOLDER",
    "ENDINGS",
    "FORMATS",
    "SUFFIXES",
    "Catalogue",
    "Names",
    "catalogue_places",
    "catalogues_there",
    "check_against",
    "check_folder",
    "check_free",
    "check_one_each",
    "column",
    "drifted",
    "far_outside",
    "find_catalogue",
    "no_catalogue",
    "positions",
    "read_catalogue",
    "rows_of",
    "sky_positions",
    "typical_width",
    "write_catalogue",
    "write_table",
    "write_tables",
]
